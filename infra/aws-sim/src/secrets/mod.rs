//! Secrets Manager: <https://docs.aws.amazon.com/secretsmanager/latest/apireference/Welcome.html>
//!
//! `secret` is what one secret does with its versions and labels, `listing` the calls about several.

mod listing;
mod secret;

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::core::{Core, Place, lock};
use crate::random::Random;
use crate::wire::{ApiError, list, seconds, text, texts};

pub(crate) use secret::Secret;
use secret::{Content, Version};

const DAY_MS: i64 = 86_400_000;

/// All secrets.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Secrets {
    by_name: BTreeMap<String, Secret>,
    random: Random,
    /// When the last second's writes were; for the quota.
    writes: VecDeque<i64>,
    #[serde(skip)]
    pub(crate) quotas: Quotas,
}

/// Quotas of Secrets Manager that can be switched on; all are off at first.
/// <https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html>
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quotas {
    /// Writes of all secrets together in any second; more are answered with `ThrottlingException`. AWS: 50.
    pub secret_writes_per_second: Option<usize>,
    /// Versions of one secret; a write that would need one more, after versions without a label that are older than a
    /// day were dropped, is answered with `LimitExceededException`. AWS: about 100.
    pub versions_per_secret: Option<usize>,
}

pub(crate) type Answered = Result<Value, ApiError>;

pub(crate) struct Context<'a> {
    pub(crate) now: i64,
    pub(crate) place: &'a Place,
}

fn invalid_parameter(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "InvalidParameterException", message)
}

fn invalid_request(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "InvalidRequestException", message)
}

fn not_found(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "ResourceNotFoundException", message)
}

fn exists(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "ResourceExistsException", message)
}

impl Core {
    pub(crate) fn call_secrets(&self, operation: &str, input: &Value) -> Answered {
        let context = Context {
            now: self.now_ms(),
            place: &self.place,
        };
        lock(&self.secrets).call(operation, input, &context)
    }
}

impl Secrets {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            by_name: BTreeMap::new(),
            random: Random::new(seed, "secretsmanager"),
            writes: VecDeque::new(),
            quotas: Quotas::default(),
        }
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Secret> {
        self.by_name.values()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Secret> {
        self.by_name.get(name)
    }

    fn call(&mut self, operation: &str, input: &Value, context: &Context<'_>) -> Answered {
        self.by_name
            .retain(|_, secret| !secret.is_gone(context.now));
        if matches!(
            operation,
            "CreateSecret" | "PutSecretValue" | "UpdateSecret" | "UpdateSecretVersionStage"
        ) {
            self.count_write(context.now)?;
        }
        match operation {
            "CreateSecret" => self.create(input, context),
            "PutSecretValue" => self.put(input, context),
            "UpdateSecret" => self.update(input, context),
            "GetSecretValue" => self.get_value(input, context),
            "DescribeSecret" => self.describe(input),
            "UpdateSecretVersionStage" => self.move_stage(input, context),
            "DeleteSecret" => self.delete(input, context),
            "RestoreSecret" => self.restore(input, context),
            "ListSecrets" => self.list(input),
            "ListSecretVersionIds" => self.list_versions(input),
            "BatchGetSecretValue" => self.batch_get(input, context),
            "TagResource" => self.tag(input),
            "UntagResource" => self.untag(input),
            _ => Err(ApiError::new(
                400,
                "UnknownOperationException",
                format!("{operation} is not simulated"),
            )),
        }
    }

    fn count_write(&mut self, now: i64) -> Result<(), ApiError> {
        let Some(most) = self.quotas.secret_writes_per_second else {
            return Ok(());
        };
        while self.writes.front().is_some_and(|at| *at <= now - 1000) {
            self.writes.pop_front();
        }
        if self.writes.len() >= most {
            return Err(ApiError::new(400, "ThrottlingException", "Rate exceeded"));
        }
        self.writes.push_back(now);
        Ok(())
    }

    /// The secret with this name, ARN, or ARN without its six last characters.
    fn find(&mut self, id: &str) -> Result<&mut Secret, ApiError> {
        let named = |secret: &&mut Secret| {
            let partial = secret.arn.get(..secret.arn.len() - 7);
            secret.name == id || secret.arn == id || partial == Some(id)
        };
        let found = if id.starts_with("arn:") {
            self.by_name.values_mut().find(named)
        } else {
            self.by_name.get_mut(id)
        };
        found.ok_or_else(|| not_found("Secrets Manager can't find the specified secret."))
    }

    fn asked(&mut self, input: &Value) -> Result<&mut Secret, ApiError> {
        let id = text(input, "SecretId")
            .ok_or_else(|| invalid_parameter("You must provide a SecretId."))?;
        self.find(id)
    }

    /// The secret that is asked for, if it is not marked for deletion.
    fn asked_alive(&mut self, input: &Value) -> Result<&mut Secret, ApiError> {
        let secret = self.asked(input)?;
        if secret.gone_ms.is_some() {
            return Err(invalid_request(
                "You can't perform this operation on the secret because it was marked for deletion.",
            ));
        }
        Ok(secret)
    }

    /// The version id that a write asks for: its token, of 32 to 64 characters.
    fn token(&mut self, input: &Value) -> Result<String, ApiError> {
        match text(input, "ClientRequestToken") {
            None => Ok(self.random.uuid()),
            Some(token) if (32..=64).contains(&token.len()) => Ok(token.to_owned()),
            Some(_) => Err(invalid_parameter(
                "ClientRequestToken must be 32-64 characters long.",
            )),
        }
    }

    fn create(&mut self, input: &Value, context: &Context<'_>) -> Answered {
        let name = text(input, "Name").unwrap_or_default();
        let allowed = |letter: char| letter.is_ascii_alphanumeric() || "/_+=.@-".contains(letter);
        if name.is_empty() || name.len() > 512 || !name.chars().all(allowed) {
            return Err(invalid_parameter(
                "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!",
            ));
        }
        let token = self.token(input)?;
        let content = Content::of(input)?;
        if let Some(secret) = self.by_name.get(name) {
            if secret.gone_ms.is_some() {
                return Err(invalid_request(
                    "You can't create this secret because a secret with this name is already scheduled for deletion.",
                ));
            }
            let same = secret
                .versions
                .get(&token)
                .is_some_and(|version| Some(&version.content) == content.as_ref());
            if !same {
                return Err(exists(format!(
                    "The operation failed because the secret {name} already exists."
                )));
            }
        } else {
            let arn = format!(
                "{}-{}",
                context
                    .place
                    .arn("secretsmanager", &format!("secret:{name}")),
                self.random.letters(6)
            );
            let mut secret = Secret::new(name, &arn, context.now);
            secret.describe_with(input);
            secret.tags = list(input, "Tags").to_vec();
            if let Some(content) = content.clone() {
                secret.put(
                    &token,
                    content,
                    vec!["AWSCURRENT".to_owned()],
                    context.now,
                    None,
                )?;
            }
            self.by_name.insert(name.to_owned(), secret);
        }
        let arn = self.by_name.get(name).map(|secret| secret.arn.as_str());
        Ok(json!({"ARN": arn, "Name": name, "VersionId": content.map(|_| token)}))
    }

    fn put(&mut self, input: &Value, context: &Context<'_>) -> Answered {
        let token = self.token(input)?;
        let limit = self.quotas.versions_per_secret;
        let secret = self.asked_alive(input)?;
        let content = Content::of(input)?;
        let content = content.ok_or_else(|| {
            invalid_request("You must provide either SecretString or SecretBinary.")
        })?;
        let mut stages = texts(input, "VersionStages");
        if stages.len() > 20 {
            return Err(invalid_parameter(
                "You can't attach more than 20 staging labels to a version.",
            ));
        }
        if stages.is_empty() {
            stages.push("AWSCURRENT".to_owned());
        }
        let stages = secret.put(&token, content, stages, context.now, limit)?;
        Ok(
            json!({"ARN": secret.arn, "Name": secret.name, "VersionId": token, "VersionStages": stages}),
        )
    }

    fn update(&mut self, input: &Value, context: &Context<'_>) -> Answered {
        let token = self.token(input)?;
        let limit = self.quotas.versions_per_secret;
        let secret = self.asked_alive(input)?;
        let content = Content::of(input)?;
        secret.describe_with(input);
        secret.changed_ms = context.now;
        let version = content.as_ref().map(|_| token.clone());
        if let Some(content) = content {
            secret.put(
                &token,
                content,
                vec!["AWSCURRENT".to_owned()],
                context.now,
                limit,
            )?;
        }
        Ok(json!({"ARN": secret.arn, "Name": secret.name, "VersionId": version}))
    }

    fn get_value(&mut self, input: &Value, context: &Context<'_>) -> Answered {
        let secret = self.asked_alive(input)?;
        let (id, stage) = (text(input, "VersionId"), text(input, "VersionStage"));
        let missing = |what: String| {
            not_found(format!(
                "Secrets Manager can't find the specified secret value for {what}"
            ))
        };
        let id = match (id, stage) {
            (Some(id), stage) => {
                let version = secret
                    .versions
                    .get(id)
                    .ok_or_else(|| missing(format!("VersionId: {id}")))?;
                if stage.is_some_and(|stage| !version.has(stage)) {
                    return Err(invalid_request(
                        "You provided a VersionStage that is not associated to the provided VersionId.",
                    ));
                }
                id.to_owned()
            }
            (None, stage) => {
                let stage = stage.unwrap_or("AWSCURRENT");
                secret
                    .holder(stage)
                    .ok_or_else(|| missing(format!("staging label: {stage}")))?
            }
        };
        secret.accessed_ms = Some(context.now - context.now.rem_euclid(DAY_MS));
        secret
            .value(&id, context.now)
            .ok_or_else(|| missing(format!("VersionId: {id}")))
    }

    fn describe(&mut self, input: &Value) -> Answered {
        let secret = self.asked(input)?;
        let mut described = secret.described();
        if !secret.versions.is_empty() {
            described["VersionIdsToStages"] = secret.labelled();
        }
        Ok(described)
    }

    fn move_stage(&mut self, input: &Value, context: &Context<'_>) -> Answered {
        let secret = self.asked_alive(input)?;
        let stage = text(input, "VersionStage")
            .ok_or_else(|| invalid_parameter("You must provide a VersionStage."))?;
        secret.move_stage(
            stage,
            text(input, "MoveToVersionId"),
            text(input, "RemoveFromVersionId"),
        )?;
        secret.changed_ms = context.now;
        Ok(json!({"ARN": secret.arn, "Name": secret.name}))
    }

    fn delete(&mut self, input: &Value, context: &Context<'_>) -> Answered {
        let window = input.get("RecoveryWindowInDays").and_then(Value::as_i64);
        let force = input
            .get("ForceDeleteWithoutRecovery")
            .and_then(Value::as_bool)
            == Some(true);
        if window.is_some_and(|days| !(7..=30).contains(&days)) {
            return Err(invalid_parameter(
                "RecoveryWindowInDays value must be between 7 and 30 days (inclusive).",
            ));
        }
        if force && window.is_some() {
            return Err(invalid_parameter(
                "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.",
            ));
        }
        let secret = self.asked_alive(input)?;
        let gone = if force {
            context.now
        } else {
            context.now + window.unwrap_or(30) * DAY_MS
        };
        secret.deleted_ms = Some(context.now);
        secret.gone_ms = Some(gone);
        let answer = json!({"ARN": secret.arn, "Name": secret.name, "DeletionDate": seconds(gone)});
        self.by_name
            .retain(|_, secret| !secret.is_gone(context.now));
        Ok(answer)
    }

    fn restore(&mut self, input: &Value, context: &Context<'_>) -> Answered {
        let secret = self.asked(input)?;
        (secret.deleted_ms, secret.gone_ms) = (None, None);
        secret.changed_ms = context.now;
        Ok(json!({"ARN": secret.arn, "Name": secret.name}))
    }

    fn tag(&mut self, input: &Value) -> Answered {
        let secret = self.asked_alive(input)?;
        for tag in list(input, "Tags") {
            secret
                .tags
                .retain(|other| other.get("Key") != tag.get("Key"));
            secret.tags.push(tag.clone());
        }
        Ok(json!({}))
    }

    fn untag(&mut self, input: &Value) -> Answered {
        let keys = texts(input, "TagKeys");
        let secret = self.asked_alive(input)?;
        secret
            .tags
            .retain(|tag| !keys.iter().any(|key| text(tag, "Key") == Some(key)));
        Ok(json!({}))
    }
}
