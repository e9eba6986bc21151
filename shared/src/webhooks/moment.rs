//! The times in Meta's webhooks: seconds in one envelope and milliseconds in the other, as a number or as a string, and now
//! and then a date in words.

use jiff::Timestamp;

use crate::graph::wire::Object;

/// Instagram's first day, seconds: an earlier time is a number that means something else.
const FIRST: i64 = 1_286_323_200;
/// The year 2100, seconds.
const LAST: i64 = 4_102_444_800;

/// A time of Meta's; `None` for what is none.
pub fn read(object: &Object, name: &str) -> Option<Timestamp> {
    let time = match object.text(name) {
        Some(text) => of_text(text.trim()),
        None => object.raw(name)?.parse().ok().and_then(of_number),
    }?;
    (FIRST..LAST).contains(&time.as_second()).then_some(time)
}

fn of_text(text: &str) -> Option<Timestamp> {
    if let Ok(number) = text.parse() {
        return of_number(number);
    }
    // `+0000`, as the Graph API writes it, and RFC 3339.
    let of_graph = || Timestamp::strptime("%Y-%m-%dT%H:%M:%S%z", text).ok();
    text.parse().ok().or_else(of_graph)
}

/// Seconds, or milliseconds where they cannot be seconds of this century.
fn of_number(number: i64) -> Option<Timestamp> {
    if number >= FIRST * 1000 {
        Timestamp::from_millisecond(number).ok()
    } else {
        Timestamp::from_second(number).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e22_seconds_milliseconds_and_words_are_times_and_anything_else_is_none() {
        for (raw, expected) in [
            ("1569262486", Some("2019-09-23T18:14:46Z")),
            ("1569262486134", Some("2019-09-23T18:14:46.134Z")),
            ("\"1527459824\"", Some("2018-05-27T22:23:44Z")),
            ("\" 1527459824000 \"", Some("2018-05-27T22:23:44Z")),
            ("\"2021-09-08T06:34:04+0000\"", Some("2021-09-08T06:34:04Z")),
            ("\"2021-09-08T06:34:04Z\"", Some("2021-09-08T06:34:04Z")),
            ("12341", None),
            ("0", None),
            ("-5", None),
            ("4102444801", None),
            ("99999999999999999999", None),
            ("1.5e12", None),
            ("null", None),
            ("\"<TIME>\"", None),
            ("[1569262486]", None),
        ] {
            let object = Object::parse(&format!("{{\"time\":{raw}}}")).unwrap();
            let read = read(&object, "time").map(|time| time.to_string());
            assert_eq!(read.as_deref(), expected, "{raw}");
        }
    }
}
