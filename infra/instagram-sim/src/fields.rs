//! `fields=id,caption,children{id,media_url}`.

use serde_json::{Map, Value};

use crate::answer::GraphError;
use crate::refusals;

/// One field that was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Field<'a> {
    pub(crate) name: &'a str,
    /// What stands in braces after it.
    pub(crate) inner: &'a str,
}

/// The fields in this text. Commas in braces and parentheses separate nothing.
pub(crate) fn parse(text: &str) -> Result<Vec<Field<'_>>, GraphError> {
    let syntax = || refusals::parameter(format!("Syntax error in fields: {text}"));
    let mut fields = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let mut depth = 0_u32;
        let end = rest.char_indices().find(|(_, character)| {
            match character {
                '{' | '(' => depth += 1,
                '}' | ')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            *character == ',' && depth == 0
        });
        let (field, after) = match end {
            Some((end, _)) => (&rest[..end], &rest[end + 1..]),
            None if depth > 0 => return Err(syntax()),
            None => (rest, ""),
        };
        rest = after;
        let (name, inner) = match field.trim().split_once('{') {
            Some((name, inner)) => (name, inner.strip_suffix('}').ok_or_else(syntax)?),
            None => (field.trim(), ""),
        };
        if !name.is_empty() {
            fields.push(Field { name, inner });
        }
    }
    Ok(fields)
}

/// The object of the asked fields. `value_of` says `None` for a field that does not exist and `Null` for one that this
/// object does not have, which is then left out. The id is there whether it was asked for or not.
pub(crate) fn select(
    text: &str,
    id: &str,
    mut value_of: impl FnMut(&Field<'_>) -> Result<Option<Value>, GraphError>,
) -> Result<Value, GraphError> {
    let mut selected = Map::new();
    for field in parse(text)? {
        let Some(value) = value_of(&field)? else {
            return Err(GraphError::nonexisting_field(field.name));
        };
        if !value.is_null() {
            // What follows a dot says how a field is wanted: `insights.metric(reach)`.
            let name = field.name.split('.').next().unwrap_or_default();
            selected.insert(name.to_owned(), value);
        }
    }
    selected.insert("id".to_owned(), id.into());
    Ok(Value::Object(selected))
}

/// As Graph writes times: `2026-11-01T10:20:30+0000`.
pub(crate) fn timestamp(ms: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(ms).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%S+0000").to_string()
}
