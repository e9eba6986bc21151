//! Calls about several secrets or versions.

use serde_json::{Value, json};

use super::{Answered, Context, Secret, Secrets, Version, invalid_parameter};
use crate::wire::{list, seconds, text, texts};

/// How many a page has, and after which key it begins.
fn page(input: &Value, largest: u64) -> Result<(usize, &str), crate::wire::ApiError> {
    let most = input.get("MaxResults").filter(|most| !most.is_null());
    let most = most
        .map_or(Some(largest), Value::as_u64)
        .filter(|most| (1..=largest).contains(most));
    let most = most.and_then(|most| usize::try_from(most).ok());
    let most = most
        .ok_or_else(|| invalid_parameter(format!("MaxResults must be between 1 and {largest}.")))?;
    Ok((most, text(input, "NextToken").unwrap_or_default()))
}

fn matches(secret: &Secret, filters: &[Value]) -> bool {
    filters.iter().all(|filter| {
        let key = text(filter, "Key").unwrap_or_default();
        let values = texts(filter, "Values");
        let negated = |value: &str| value.starts_with('!');
        let hit = |value: &String| {
            let value = value.trim_start_matches('!');
            let tag = |member: &str| {
                secret
                    .tags
                    .iter()
                    .any(|tag| text(tag, member).is_some_and(|it| it.starts_with(value)))
            };
            let description = secret.description.as_deref().unwrap_or_default();
            let lower = value.to_lowercase();
            match key {
                "name" => secret.name.starts_with(value),
                "description" => description.to_lowercase().contains(&lower),
                "tag-key" => tag("Key"),
                "tag-value" => tag("Value"),
                "all" => {
                    let words = [secret.name.as_str(), description].join(" ").to_lowercase();
                    words.contains(&lower) || tag("Key") || tag("Value")
                }
                _ => false,
            }
        };
        let wanted = values.iter().filter(|value| !negated(value));
        let unwanted = values.iter().filter(|value| negated(value));
        (wanted.clone().count() == 0 || wanted.clone().any(hit)) && !unwanted.clone().any(hit)
    })
}

impl Secrets {
    pub(super) fn list(&mut self, input: &Value) -> Answered {
        let (most, after) = page(input, 100)?;
        let with_deleted =
            input.get("IncludePlannedDeletion").and_then(Value::as_bool) == Some(true);
        let filters = list(input, "Filters");
        let shown = |secret: &&Secret| {
            (with_deleted || secret.gone_ms.is_none()) && matches(secret, filters)
        };
        let mut all = self
            .all()
            .filter(shown)
            .filter(|secret| secret.name.as_str() > after);
        let secrets: Vec<&Secret> = all.by_ref().take(most).collect();
        let next = secrets
            .last()
            .filter(|_| all.next().is_some())
            .map(|secret| secret.name.clone());
        let entry = |secret: &&Secret| {
            let mut entry = secret.described();
            entry["SecretVersionsToStages"] = secret.labelled();
            entry
        };
        Ok(json!({"SecretList": secrets.iter().map(entry).collect::<Vec<_>>(), "NextToken": next}))
    }

    pub(super) fn list_versions(&mut self, input: &Value) -> Answered {
        let (most, after) = page(input, 100)?;
        let deprecated = input.get("IncludeDeprecated").and_then(Value::as_bool) == Some(true);
        let secret = self.asked(input)?;
        let shown = |(id, version): &(&String, &Version)| {
            (deprecated || !version.stages.is_empty()) && id.as_str() > after
        };
        let mut all = secret.versions.iter().filter(shown);
        let page: Vec<_> = all.by_ref().take(most).collect();
        let next = page
            .last()
            .filter(|_| all.next().is_some())
            .map(|(id, _)| id.as_str());
        let entry = |(id, version): &(&String, &Version)| {
            json!({
                "VersionId": id,
                "VersionStages": version.stages,
                "CreatedDate": seconds(version.created_ms),
                "LastAccessedDate": version.accessed_ms.map(seconds),
            })
        };
        let versions: Vec<Value> = page.iter().map(entry).collect();
        Ok(json!({"ARN": secret.arn, "Name": secret.name, "Versions": versions, "NextToken": next}))
    }

    pub(super) fn batch_get(&mut self, input: &Value, context: &Context<'_>) -> Answered {
        let (ids, filters) = (texts(input, "SecretIdList"), list(input, "Filters"));
        if ids.is_empty() == filters.is_empty() || ids.len() > 20 {
            return Err(invalid_parameter(
                "Either 'SecretIdList' of up to 20 or 'Filters' must be provided, but not both.",
            ));
        }
        let (mut values, mut errors, mut next) = (Vec::new(), Vec::new(), None);
        let ids = if ids.is_empty() {
            let (most, after) = page(input, 20)?;
            let shown = |secret: &&Secret| secret.gone_ms.is_none() && matches(secret, filters);
            let mut all = self
                .all()
                .filter(shown)
                .map(|it| it.name.clone())
                .filter(|name| name.as_str() > after);
            let names: Vec<String> = all.by_ref().take(most).collect();
            next = names.last().filter(|_| all.next().is_some()).cloned();
            names
        } else {
            ids
        };
        for id in ids {
            match self.get_value(&json!({"SecretId": id}), context) {
                Ok(value) => values.push(value),
                Err(error) => {
                    errors.push(
                        json!({"SecretId": id, "ErrorCode": error.code, "Message": error.message}),
                    );
                }
            }
        }
        Ok(json!({"SecretValues": values, "Errors": errors, "NextToken": next}))
    }
}
