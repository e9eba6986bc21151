//! One secret: its versions, and the labels that move among them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{DAY_MS, exists, invalid_parameter, not_found};
use crate::wire::{ApiError, seconds, text};

const CURRENT: &str = "AWSCURRENT";
const PREVIOUS: &str = "AWSPREVIOUS";
const LARGEST_VALUE: usize = 65_536;
/// From then on AWS drops versions without a label that are older than a day.
const VERSIONS_KEPT: usize = 100;

/// A secret with its versions.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Secret {
    pub(crate) name: String,
    pub(crate) arn: String,
    pub(crate) description: Option<String>,
    pub(crate) kms_key: Option<String>,
    pub(crate) tags: Vec<Value>,
    pub(crate) created_ms: i64,
    pub(crate) changed_ms: i64,
    pub(crate) accessed_ms: Option<i64>,
    /// When it was marked for deletion.
    pub(crate) deleted_ms: Option<i64>,
    /// When it is gone for good.
    pub(crate) gone_ms: Option<i64>,
    pub(crate) versions: BTreeMap<String, Version>,
}

/// One version's value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Content {
    Text(String),
    /// In Base64, as it came.
    Binary(String),
}

impl Content {
    pub(crate) fn text(&self) -> &str {
        match self {
            Content::Text(text) | Content::Binary(text) => text,
        }
    }

    /// The value that a write brings, if any.
    pub(super) fn of(input: &Value) -> Result<Option<Self>, ApiError> {
        let content = match (text(input, "SecretString"), text(input, "SecretBinary")) {
            (Some(_), Some(_)) => {
                return Err(invalid_parameter(
                    "You can't specify both a binary secret value and a string secret value.",
                ));
            }
            (Some(text), None) => Content::Text(text.to_owned()),
            (None, Some(binary)) => Content::Binary(binary.to_owned()),
            (None, None) => return Ok(None),
        };
        let size = match &content {
            Content::Text(text) => text.len(),
            Content::Binary(binary) => binary.len() / 4 * 3,
        };
        if size > LARGEST_VALUE {
            let message = "1 validation error detected: the secret value must have length less than or equal to 65536";
            return Err(ApiError::new(400, "ValidationException", message));
        }
        Ok(Some(content))
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Version {
    pub(crate) content: Content,
    pub(crate) stages: Vec<String>,
    pub(crate) created_ms: i64,
    pub(crate) accessed_ms: Option<i64>,
}

impl Version {
    pub(super) fn has(&self, stage: &str) -> bool {
        self.stages.iter().any(|own| own == stage)
    }
}

impl Secret {
    pub(super) fn new(name: &str, arn: &str, now: i64) -> Self {
        Self {
            name: name.to_owned(),
            arn: arn.to_owned(),
            description: None,
            kms_key: None,
            tags: Vec::new(),
            created_ms: now,
            changed_ms: now,
            accessed_ms: None,
            deleted_ms: None,
            gone_ms: None,
            versions: BTreeMap::new(),
        }
    }

    pub(super) fn is_gone(&self, now: i64) -> bool {
        self.gone_ms.is_some_and(|gone| gone <= now)
    }

    /// Takes over the description and key that a write brings.
    pub(super) fn describe_with(&mut self, input: &Value) {
        let owned = |member: &str| text(input, member).map(str::to_owned);
        self.description = owned("Description").or(self.description.take());
        self.kms_key = owned("KmsKeyId").or(self.kms_key.take());
    }

    /// The id of the version that has this label.
    pub(crate) fn holder(&self, stage: &str) -> Option<String> {
        let holder = self.versions.iter().find(|(_, version)| version.has(stage));
        holder.map(|(id, _)| id.clone())
    }

    /// Makes a version under this id, unless it is there already with the same content; says its labels.
    pub(super) fn put(
        &mut self,
        id: &str,
        content: Content,
        mut stages: Vec<String>,
        now: i64,
        limit: Option<usize>,
    ) -> Result<Vec<String>, ApiError> {
        if let Some(version) = self.versions.get(id) {
            if version.content == content {
                return Ok(version.stages.clone());
            }
            return Err(exists(format!(
                "You can't use ClientRequestToken {id} because that value is already in use for a version of secret {}.",
                self.arn
            )));
        }
        self.drop_old_versions(now);
        if limit.is_some_and(|limit| self.versions.len() >= limit) {
            let message = "You've reached the maximum number of versions of this secret.";
            return Err(ApiError::new(400, "LimitExceededException", message));
        }
        if self.versions.is_empty() && !stages.iter().any(|stage| stage == CURRENT) {
            stages.push(CURRENT.to_owned());
        }
        let version = Version {
            content,
            stages: Vec::new(),
            created_ms: now,
            accessed_ms: None,
        };
        self.versions.insert(id.to_owned(), version);
        for stage in &stages {
            self.attach(stage, id);
        }
        self.changed_ms = now;
        Ok(stages)
    }

    /// Puts a label on a version, taking it off any other. What was current becomes previous.
    fn attach(&mut self, stage: &str, id: &str) {
        let former = self.holder(stage).filter(|former| former != id);
        if let Some(former) = &former {
            self.detach(stage, former);
        }
        if let Some(version) = self
            .versions
            .get_mut(id)
            .filter(|version| !version.has(stage))
        {
            version.stages.push(stage.to_owned());
        }
        if let Some(former) = former.filter(|_| stage == CURRENT) {
            self.attach(PREVIOUS, &former);
        }
    }

    fn detach(&mut self, stage: &str, id: &str) {
        if let Some(version) = self.versions.get_mut(id) {
            version.stages.retain(|own| own != stage);
        }
    }

    /// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecretVersionStage.html>
    pub(super) fn move_stage(
        &mut self,
        stage: &str,
        to: Option<&str>,
        from: Option<&str>,
    ) -> Result<(), ApiError> {
        for id in [to, from].into_iter().flatten() {
            if !self.versions.contains_key(id) {
                return Err(not_found(format!(
                    "Secrets Manager can't find the specified secret value for VersionId: {id}"
                )));
            }
        }
        let holder = self.holder(stage);
        let other_holder = holder.as_deref().filter(|holder| Some(*holder) != to);
        if let Some(from) = from.filter(|from| holder.as_deref() != Some(*from)) {
            return Err(invalid_parameter(format!(
                "The parameter RemoveFromVersionId can't be {from}. Staging label {stage} is currently attached to \
                 version {}, so you must explicitly reference that version in RemoveFromVersionId.",
                holder.unwrap_or_default()
            )));
        }
        match (to, from, other_holder) {
            (None, None, _) => Err(invalid_parameter(
                "You must provide MoveToVersionId or RemoveFromVersionId.",
            )),
            (None, Some(_), _) if stage == CURRENT => Err(invalid_parameter(
                "You can only move staging label AWSCURRENT to a different secret version.",
            )),
            (None, Some(from), _) => {
                self.detach(stage, from);
                Ok(())
            }
            (Some(_), None, Some(holder)) => Err(invalid_parameter(format!(
                "The parameter RemoveFromVersionId can't be empty. Staging label {stage} is currently attached to \
                 version {holder}, so you must explicitly reference that version in RemoveFromVersionId."
            ))),
            (Some(to), _, _) => {
                self.attach(stage, to);
                Ok(())
            }
        }
    }

    /// AWS drops versions without a label when there are more than a hundred, but none of the last day.
    fn drop_old_versions(&mut self, now: i64) {
        while self.versions.len() >= VERSIONS_KEPT {
            let old = self
                .versions
                .iter()
                .filter(|(_, it)| it.stages.is_empty() && it.created_ms < now - DAY_MS);
            let Some(oldest) = old
                .min_by_key(|(_, version)| version.created_ms)
                .map(|(id, _)| id.clone())
            else {
                return;
            };
            self.versions.remove(&oldest);
        }
    }

    /// A version as GetSecretValue answers it.
    pub(super) fn value(&mut self, id: &str, now: i64) -> Option<Value> {
        let version = self.versions.get_mut(id)?;
        version.accessed_ms = Some(now - now.rem_euclid(DAY_MS));
        let (member, content) = match &version.content {
            Content::Text(text) => ("SecretString", text),
            Content::Binary(binary) => ("SecretBinary", binary),
        };
        let mut value = json!({
            "ARN": self.arn,
            "Name": self.name,
            "VersionId": id,
            "CreatedDate": seconds(version.created_ms),
        });
        value[member] = json!(content);
        if !version.stages.is_empty() {
            value["VersionStages"] = json!(version.stages);
        }
        Some(value)
    }

    /// The secret without its versions, as it is described and listed.
    pub(super) fn described(&self) -> Value {
        json!({
            "ARN": self.arn,
            "Name": self.name,
            "Description": self.description,
            "KmsKeyId": self.kms_key,
            "Tags": self.tags,
            "CreatedDate": seconds(self.created_ms),
            "LastChangedDate": seconds(self.changed_ms),
            "LastAccessedDate": self.accessed_ms.map(seconds),
            "DeletedDate": self.deleted_ms.map(seconds),
        })
    }

    /// Versions that have a label, with their labels.
    pub(super) fn labelled(&self) -> Value {
        let labelled = self
            .versions
            .iter()
            .filter(|(_, version)| !version.stages.is_empty());
        labelled
            .map(|(id, version)| (id.clone(), json!(version.stages)))
            .collect()
    }
}
