//! Reading JSON so that whoever sent it learns which member is wrong and what it must be. A value is never repeated: it
//! may be a code.
//!
//! What is wrong is said in one of a few forms, all of which name the member with its place, as in
//! `` missing field `items[1].imageUrl` `` and `` `userTags[0].x` must be a number ``. A `Deserialize` of ours that uses
//! them, or begins with `must`, is put in its place by whatever it is part of.

use serde::de::{DeserializeOwned, Error};
use serde_json::{Map, Value};

/// What serde says of members, followed by the member's name. Nothing goes before the name in a sentence of our own.
const FORMS: [&str; 4] = ["unknown field ", "missing field ", "duplicate field ", ""];

/// Reads a value.
///
/// # Errors
/// What is wrong with it, and where.
pub fn read<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    serde_path_to_error::deserialize(value).map_err(|error| fault(&error))
}

/// Reads an object, inside a `Deserialize` that looked at its members first.
///
/// # Errors
/// What is wrong with it, and where.
pub fn part<T: DeserializeOwned, E: Error>(members: Map<String, Value>) -> Result<T, E> {
    read(members.into()).map_err(E::custom)
}

/// What is wrong, and where.
pub fn fault(error: &serde_path_to_error::Error<serde_json::Error>) -> String {
    let place = error.path().to_string();
    let text = error.inner().to_string();
    let position = error.inner().line() > 0;
    let text = position
        .then(|| text.rsplit_once(" at line "))
        .flatten()
        .map_or(text.as_str(), |(text, _)| text);
    told(if place == "." { "" } else { &place }, text)
}

fn told(place: &str, text: &str) -> String {
    let named = text
        .split_once('`')
        .filter(|(form, _)| FORMS.contains(form));
    if let Some((form, rest)) = named {
        let name = rest.split('`').next().unwrap_or_default();
        // The place of an unknown member is its own; that of others is what they belong to.
        let around = match place.strip_suffix(name) {
            Some(around) if form.starts_with("unknown") => around.to_owned(),
            _ if place.is_empty() => String::new(),
            _ => format!("{place}."),
        };
        return format!("{form}`{around}{rest}");
    }
    let subject = if place.is_empty() {
        "it".to_owned()
    } else {
        format!("`{place}`")
    };
    if text.starts_with("must ") {
        return format!("{subject} {text}");
    }
    match text.rsplit_once(", expected ") {
        Some((_, expected)) => format!("{subject} must be {}", in_words(expected)),
        None => format!("{subject} has the wrong form"),
    }
}

/// What serde expects, in words of JSON.
fn in_words(expected: &str) -> &str {
    match expected {
        "a string" | "string or map" => "a text",
        "a boolean" => "`true` or `false`",
        "a sequence" => "a list",
        "f64" => "a number",
        "u64" => "a whole number, 0 or more",
        "a map" => "an object",
        _ if expected.starts_with("struct ") => "an object",
        _ => expected,
    }
}

/// Where a fault is an unknown member of the whole, names these among the known ones, first and last.
pub fn known_besides(fault: &str, first: &[&str], last: &[&str]) -> String {
    let words: Vec<&str> = fault.split('`').skip(1).step_by(2).collect();
    match &words[..] {
        [unknown, known @ ..] if fault.starts_with(FORMS[0]) && !unknown.contains(['.', '[']) => {
            let all: Vec<String> = first
                .iter()
                .chain(known)
                .chain(last)
                .map(|name| format!("`{name}`"))
                .collect();
            format!(
                "unknown field `{unknown}`, expected one of {}",
                all.join(", ")
            )
        }
        _ => fault.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use serde_json::json;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only parsed")]
    struct Whole {
        items: Vec<Item>,
        word: Option<Word>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only parsed")]
    struct Item {
        text: String,
        number: Option<u64>,
        share: Option<f64>,
        is_good: Option<bool>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "camelCase")]
    enum Word {
        One,
        Two,
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place_and_never_with_its_value() {
        let item = |item: Value| json!({"items": [{"text": "a"}, item]});
        for (value, expected) in [
            (item(json!({})), "missing field `items[1].text`"),
            (
                item(json!({"text": "a", "canaries": 1})),
                "unknown field `items[1].canaries`, expected one of `text`, `number`, `share`, `is_good`",
            ),
            (
                item(json!({"text": {"canary": 1}})),
                "`items[1].text` must be a text",
            ),
            (
                item(json!({"text": "a", "number": "canary, expected b"})),
                "`items[1].number` must be a whole number, 0 or more",
            ),
            (
                item(json!({"text": "a", "number": -7})),
                "`items[1].number` must be a whole number, 0 or more",
            ),
            (
                item(json!({"text": "a", "share": "canary"})),
                "`items[1].share` must be a number",
            ),
            (
                item(json!({"text": "a", "is_good": "canary"})),
                "`items[1].is_good` must be `true` or `false`",
            ),
            (item("canary".into()), "`items[1]` must be an object"),
            (json!({"items": "canary"}), "`items` must be a list"),
            (
                json!({"items": [], "word": "canary"}),
                "`word` must be `one` or `two`",
            ),
            (json!({"items": [], "word": 7}), "`word` must be a text"),
            (json!("canary"), "it must be an object"),
        ] {
            assert_eq!(read::<Whole>(value).unwrap_err(), expected);
        }
    }

    #[test]
    fn members_of_what_stands_around_are_named_too() {
        let fault = "unknown field `a`, expected `b`";
        let told = "unknown field `a`, expected one of `kind`, `b`, `draft`";
        assert_eq!(known_besides(fault, &["kind"], &["draft"]), told);
        let inside = "unknown field `items[0].a`, expected `b`";
        assert_eq!(known_besides(inside, &["kind"], &["draft"]), inside);
    }
}
