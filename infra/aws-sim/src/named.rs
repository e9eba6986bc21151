//! What a call of DynamoDB names, for the log of calls and for the permissions that it needs.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};

/// What a call names: its table, index and partition, and those of its parts, in the members where the request has them; the
/// partition as `LeadingKey`. Items are many and large, and are left out.
pub(crate) fn names(body: &[u8]) -> Value {
    let names: Names = serde_json::from_slice(body).unwrap_or_default();
    let tables: Map<String, Value> = names
        .request_items
        .keys()
        .map(|table| (table.clone(), Value::Null))
        .collect();
    let parts = names.transact_items.iter().map(|parts| {
        let parts = parts.iter();
        parts
            .map(|(part, named)| (part.clone(), named.own()))
            .collect::<Map<String, Value>>()
    });
    let mut all = names.own();
    all["RequestItems"] = json!(tables);
    all["TransactItems"] = parts.collect();
    all
}

/// A call, or a part of a transaction.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Names {
    table_name: Option<String>,
    index_name: Option<String>,
    key: Option<Partition>,
    item: Option<Partition>,
    key_condition_expression: String,
    expression_attribute_values: BTreeMap<String, Text>,
    request_items: BTreeMap<String, IgnoredAny>,
    transact_items: Vec<BTreeMap<String, Names>>,
}

/// An item's partition, as whoever uses this calls it.
#[derive(Deserialize)]
struct Partition {
    pk: Option<Text>,
}

/// An attribute, where it is a text.
#[derive(Deserialize)]
struct Text {
    #[serde(rename = "S")]
    text: Option<String>,
}

impl Names {
    fn own(&self) -> Value {
        json!({
            "TableName": self.table_name,
            "IndexName": self.index_name,
            "LeadingKey": self.leading_key().and_then(|key| key.text.as_ref()),
        })
    }

    fn leading_key(&self) -> Option<&Text> {
        if let Some(item) = self.key.as_ref().or(self.item.as_ref()) {
            return item.pk.as_ref();
        }
        let value = self.key_condition_expression.strip_prefix("pk = ")?;
        self.expression_attribute_values
            .get(value.split(' ').next()?)
    }
}

/// The table that a call is about, of what it names; the first, where it is about several.
pub(crate) fn resource(names: &Value) -> Option<String> {
    let table_of = |part: &Value| part.get("TableName")?.as_str().map(str::to_owned);
    let in_batch = || {
        let tables = names.get("RequestItems")?.as_object()?;
        tables.keys().next().cloned()
    };
    let in_transaction = || {
        let first = names.pointer("/TransactItems/0")?.as_object()?;
        first.values().next().and_then(table_of)
    };
    table_of(names).or_else(in_batch).or_else(in_transaction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_a_query_and_a_part_of_a_transaction_name_their_partition() {
        let item = json!({"pk": {"S": "A#1"}, "sk": {"S": "A"}, "count": {"N": "1"}});
        let values = json!({":pk": {"S": "A#1"}, ":count": {"N": "1"}});
        let query = |condition: &str| json!({"TableName": "t", "KeyConditionExpression": condition, "ExpressionAttributeValues": values});
        for (input, expected) in [
            (json!({"Key": item}), json!("A#1")),
            (json!({"Item": item}), json!("A#1")),
            (query("pk = :pk AND sk > :sk"), json!("A#1")),
            (query("index1pk = :pk"), Value::Null),
            (json!({}), Value::Null),
        ] {
            let names = names(input.to_string().as_bytes());
            assert_eq!(names["LeadingKey"], expected, "{input}");
        }
        let transaction = json!({"TransactItems": [{"Put": {"TableName": "t", "Item": item}}]});
        let names = names(transaction.to_string().as_bytes());
        assert_eq!(names["TransactItems"][0]["Put"]["LeadingKey"], "A#1");
        assert_eq!(resource(&names).as_deref(), Some("t"));
    }
}
