//! How much of Instagram's limits is used, as its answers say.
//!
//! Facts: Meta's page "Graph API: rate limits". Figures are percentages; at 100 calls are throttled, and
//! `estimated_time_to_regain_access` counts minutes. The headers appear only after enough calls, and their JSON comes
//! in more shapes than documented, so every figure is looked for by name at any depth and the highest one counts.

use std::fmt;
use std::time::Duration;

use http::HeaderMap;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// Percentages of one limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Calls made.
    pub call_count: Option<u16>,
    /// Time taken.
    pub total_time: Option<u16>,
    /// Processor time taken.
    pub total_cputime: Option<u16>,
}

/// What one answer says about limits. All of it may be missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// The app's own limit (`x-app-usage`).
    pub app: Figures,
    /// The account's limit with this app (`x-business-use-case-usage`); the highest where several are listed.
    pub business: Figures,
    /// Minutes until calls are answered again; 0 means not blocked.
    pub regain_access_minutes: Option<u32>,
}

impl Figures {
    /// The highest of the figures.
    pub fn max_percent(&self) -> Option<u16> {
        self.call_count.max(self.total_time).max(self.total_cputime)
    }

    fn is_empty(&self) -> bool {
        self.max_percent().is_none()
    }
}

impl Usage {
    /// Reads the usage headers of an answer. What cannot be read is ignored: it never changes the call's outcome.
    pub fn from_headers(headers: &HeaderMap) -> Self {
        let mut usage = Self::default();
        for value in headers.get_all("x-app-usage") {
            usage.app = read(
                value.as_bytes(),
                &mut usage.regain_access_minutes,
                usage.app,
            );
        }
        for value in headers.get_all("x-business-use-case-usage") {
            usage.business = read(
                value.as_bytes(),
                &mut usage.regain_access_minutes,
                usage.business,
            );
        }
        usage
    }

    /// The highest percentage of any limit.
    pub fn max_percent(&self) -> Option<u16> {
        self.app.max_percent().max(self.business.max_percent())
    }

    /// How long Instagram says that it will refuse calls.
    pub fn blocked_for(&self) -> Option<Duration> {
        match self.regain_access_minutes {
            None | Some(0) => None,
            Some(minutes) => Some(Duration::from_secs(u64::from(minutes) * 60)),
        }
    }

    /// Whether the answer said nothing about limits.
    pub fn is_empty(&self) -> bool {
        self.app.is_empty() && self.business.is_empty() && self.regain_access_minutes.is_none()
    }
}

fn read(bytes: &[u8], regain: &mut Option<u32>, before: Figures) -> Figures {
    let mut found = Found {
        figures: before,
        regain: *regain,
    };
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    // A header that is broken at its end has said nothing reliable before it either.
    if Anywhere(&mut found).deserialize(&mut reader).is_err() || reader.end().is_err() {
        return before;
    }
    *regain = found.regain;
    found.figures
}

struct Found {
    figures: Figures,
    regain: Option<u32>,
}

impl Found {
    fn note(&mut self, name: &str, number: f64) {
        // A cast from a float saturates, so nothing that a header says can overflow.
        let percent = Some(number.ceil() as u16);
        match name {
            "call_count" | "call_volume" => {
                self.figures.call_count = self.figures.call_count.max(percent)
            }
            "total_time" => self.figures.total_time = self.figures.total_time.max(percent),
            "total_cputime" | "cpu_time" => {
                self.figures.total_cputime = self.figures.total_cputime.max(percent);
            }
            "estimated_time_to_regain_access" => {
                self.regain = self.regain.max(Some(number.ceil() as u32))
            }
            _ => {}
        }
    }
}

/// Walks any JSON value, and looks for figures in every object of it. A map type would lose keys that occur twice.
struct Anywhere<'a>(&'a mut Found);

/// The value of one member: a number that may be a figure, or something to walk further.
struct Member<'a>(&'a mut Found, String);

impl<'de> DeserializeSeed<'de> for Anywhere<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(Member(self.0, String::new()))
    }
}

impl<'de> DeserializeSeed<'de> for Member<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Member<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("usage figures")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            map.next_value_seed(Member(self.0, name))?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
        while sequence.next_element_seed(Anywhere(self.0))?.is_some() {}
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.0.note(&self.1, number as f64);
        Ok(())
    }

    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        self.0.note(&self.1, number);
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        if let Ok(number) = text.trim().parse::<f64>()
            && number.is_finite()
        {
            self.0.note(&self.1, number);
        }
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn usage(pairs: &[(&'static str, &str)]) -> Usage {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        Usage::from_headers(&headers)
    }

    #[test]
    fn c12_figures_are_found_in_every_shape_that_was_seen() {
        let documented = usage(&[
            (
                "x-app-usage",
                r#"{"call_count":28,"total_time":25,"total_cputime":24}"#,
            ),
            (
                "x-business-use-case-usage",
                r#"{"17841400000000001":[{"type":"instagram","call_count":95,"total_cputime":20,"total_time":20,"estimated_time_to_regain_access":19}]}"#,
            ),
        ]);
        assert_eq!(documented.app.max_percent(), Some(28));
        assert_eq!(documented.max_percent(), Some(95));
        assert_eq!(documented.blocked_for(), Some(Duration::from_secs(19 * 60)));

        for other in [
            r#"{"call_count":81}"#,
            r#"{"1":{"call_volume":81}}"#,
            r#"{"1":[{"call_count":81}],"1":[{"call_count":3}]}"#,
            r#"{"1":[{"cpu_time":"80.2"}]}"#,
            r#"[{"call_count":81,"type":null,"flag":true}]"#,
        ] {
            let usage = usage(&[("x-business-use-case-usage", other)]);
            assert_eq!(usage.max_percent(), Some(81), "{other}");
            assert_eq!(usage.blocked_for(), None, "{other}");
        }
    }

    #[test]
    fn c12_what_cannot_be_read_is_ignored() {
        for broken in [
            "",
            "{invalid:json}",
            "{\"call_count\":99",
            "null",
            "7",
            r#"{"call_count":-5}"#,
            "{} {}",
        ] {
            assert!(usage(&[("x-app-usage", broken)]).is_empty(), "{broken}");
        }
        let huge = usage(&[(
            "x-app-usage",
            r#"{"call_count":1e300,"estimated_time_to_regain_access":1e300}"#,
        )]);
        assert_eq!(huge.app.call_count, Some(u16::MAX));
        assert_eq!(huge.regain_access_minutes, Some(u32::MAX));
    }

    proptest! {
        #[test]
        fn c12_no_header_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                let mut headers = HeaderMap::new();
                headers.append("x-app-usage", value);
                let _ = Usage::from_headers(&headers);
            }
        }
    }
}
