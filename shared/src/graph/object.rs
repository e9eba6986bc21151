//! An object of Instagram's, read member by member.
//!
//! Nothing but the members that a caller asks for is looked at, and a member of another type than expected counts as
//! missing. Ids may be strings or bare integers above 2^53: they are taken from the text of the answer, and never
//! become a float.

use std::collections::HashMap;

use serde_json::value::RawValue;

use crate::secret::AccessToken;

/// The longest id that is believed.
const LONGEST_ID: usize = 64;
/// The longest token that is believed.
const LONGEST_TOKEN: usize = 4096;

/// The members of a JSON object, unread.
#[derive(Default)]
pub struct Object(HashMap<String, Box<RawValue>>);

impl FromIterator<(String, Box<RawValue>)> for Object {
    fn from_iter<T: IntoIterator<Item = (String, Box<RawValue>)>>(members: T) -> Self {
        Self(members.into_iter().collect())
    }
}

impl Object {
    /// The object in this text, if it is one.
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok().map(Self)
    }

    /// The object itself, or the only one inside `{"data":[{…}]}`, which Meta's documentation shows around tokens and
    /// profiles and its answers do not have.
    pub fn unwrapped(self) -> Self {
        let inner = match self.objects("data") {
            Some(objects) => objects.into_iter().next(),
            None => self.object("data"),
        };
        inner.unwrap_or(self)
    }

    /// The text of a member as it was sent.
    pub fn raw(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|raw| raw.get())
    }

    /// The names of the members.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// A member that is a string.
    pub fn text(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.raw(name)?).ok()
    }

    /// A member that is an object.
    pub fn object(&self, name: &str) -> Option<Object> {
        Object::parse(self.raw(name)?)
    }

    /// A member that is a list; items that are no objects are left out.
    pub fn objects(&self, name: &str) -> Option<Vec<Object>> {
        Some(
            self.items(name)?
                .iter()
                .filter_map(|item| Object::parse(item.get()))
                .collect(),
        )
    }

    /// A member that is a list, its items unread.
    pub fn items(&self, name: &str) -> Option<Vec<Box<RawValue>>> {
        serde_json::from_str(self.raw(name)?).ok()
    }

    /// An id: a string, or an integer of any size.
    pub fn id(&self, name: &str) -> Option<String> {
        let raw = self.raw(name)?;
        let id = if raw.starts_with('"') {
            self.text(name)?
        } else if raw.bytes().all(|byte| byte.is_ascii_digit()) {
            raw.to_owned()
        } else {
            return None;
        };
        (!id.is_empty() && id.len() <= LONGEST_ID).then_some(id)
    }

    /// An id that is made of digits, as the ids of accounts are.
    pub fn digits(&self, name: &str) -> Option<String> {
        self.id(name)
            .filter(|id| id.bytes().all(|byte| byte.is_ascii_digit()))
    }

    /// A whole number, even if it came as a string or with a fraction, held to what fits.
    pub fn integer(&self, name: &str) -> Option<i64> {
        let raw = self.raw(name)?;
        let text = if raw.starts_with('"') {
            self.text(name)?
        } else {
            raw.to_owned()
        };
        let text = text.trim();
        if let Ok(number) = text.parse() {
            return Some(number);
        }
        // A cast from a float saturates, so 10^300 is a very large number and not an overflow.
        text.parse::<f64>()
            .ok()
            .filter(|number| number.is_finite())
            .map(|number| number as i64)
    }

    /// A count, which cannot be negative.
    pub fn count(&self, name: &str) -> Option<u64> {
        self.integer(name)
            .and_then(|number| u64::try_from(number).ok())
    }

    /// `true` or `false`, even if it came as a string.
    pub fn flag(&self, name: &str) -> Option<bool> {
        match self.raw(name)? {
            "true" | "\"true\"" => Some(true),
            "false" | "\"false\"" => Some(false),
            _ => None,
        }
    }

    /// Whether a write was acknowledged: `{"success":true}`.
    pub fn is_success(&self) -> bool {
        self.flag("success") == Some(true)
    }

    /// A list of words: an array of strings, or one string with commas or spaces between them.
    pub fn words(&self, name: &str) -> Option<Vec<String>> {
        if let Some(text) = self.text(name) {
            let words = text
                .split([',', ' '])
                .map(str::trim)
                .filter(|word| !word.is_empty());
            return Some(words.map(str::to_owned).collect());
        }
        let items = self.items(name)?;
        Some(
            items
                .iter()
                .filter_map(|item| serde_json::from_str(item.get()).ok())
                .collect(),
        )
    }

    /// A token, if it can be one: something that fits into a header.
    pub fn token(&self, name: &str) -> Option<AccessToken> {
        let text = self.text(name)?;
        let fits = !text.is_empty()
            && text.len() <= LONGEST_TOKEN
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| AccessToken::new(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a17_ids_keep_every_digit() {
        let object = Object::parse(
            r#"{"string":"07608776690540123","number":17841400000000009,"large":99999999999999999999,"float":1.7e16,"negative":-5,"null":null}"#,
        )
        .unwrap();
        assert_eq!(object.id("string").as_deref(), Some("07608776690540123"));
        assert_eq!(object.id("number").as_deref(), Some("17841400000000009"));
        assert_eq!(object.id("large").as_deref(), Some("99999999999999999999"));
        for other in ["float", "negative", "null", "absent"] {
            assert_eq!(object.id(other), None, "{other}");
        }
    }

    #[test]
    fn b12_numbers_never_overflow() {
        let object = Object::parse(
            r#"{"text":" 5183944 ","large":1000000000000,"larger":1e300,"digits":99999999999999999999,"fraction":12.7,"word":"soon","list":[1]}"#,
        )
        .unwrap();
        assert_eq!(object.integer("text"), Some(5_183_944));
        assert_eq!(object.integer("large"), Some(1_000_000_000_000));
        assert_eq!(object.integer("larger"), Some(i64::MAX));
        assert_eq!(object.integer("digits"), Some(i64::MAX));
        assert_eq!(object.integer("fraction"), Some(12));
        assert_eq!(object.integer("word"), None);
        assert_eq!(object.integer("list"), None);
    }

    #[test]
    fn a16_permissions_are_an_array_a_comma_string_or_absent() {
        let object = Object::parse(r#"{"array":["a","b",7],"text":"a,b","spaces":"a b"}"#).unwrap();
        let expected = Some(vec!["a".to_owned(), "b".to_owned()]);
        assert_eq!(object.words("array"), expected);
        assert_eq!(object.words("text"), expected);
        assert_eq!(object.words("spaces"), expected);
        assert_eq!(object.words("absent"), None);
    }

    #[test]
    fn a_token_that_fits_no_header_is_no_token() {
        let object =
            Object::parse(r#"{"empty":"","line":"a\r\nb","number":5,"good":"IGAAexample"}"#)
                .unwrap();
        for bad in ["empty", "line", "number", "absent"] {
            assert!(object.token(bad).is_none(), "{bad}");
        }
        assert_eq!(object.token("good"), Some(AccessToken::new("IGAAexample")));
    }
}
