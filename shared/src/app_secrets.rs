//! App ids and app secrets, from one secret of Secrets Manager.
//!
//! They are cached, and read again after five minutes, so that a rotation needs no deployment. When Secrets Manager
//! does not answer, what was read is used until it is fifteen minutes old, and nothing after that: without a secret no
//! signature is checked, and an unchecked one is never taken for good.

use std::sync::Arc;

use aws_sdk_secretsmanager::Client;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::aws::AwsError;
use crate::secret::Secret;

const READ_AGAIN_AFTER: SignedDuration = SignedDuration::from_mins(5);
const USABLE_FOR: SignedDuration = SignedDuration::from_mins(15);

/// What the secret holds. Where two values can be valid at once, the first is used for what we send.
#[derive(Clone, Debug)]
pub struct AppSecrets {
    /// Id of the Instagram app (not of the Meta app).
    pub instagram_app_id: String,
    /// Secret of the Instagram app, then the former one.
    pub instagram_app_secrets: Vec<Secret>,
    /// Id of the Meta app.
    pub meta_app_id: String,
    /// Secret of the Meta app, then the former one.
    pub meta_app_secrets: Vec<Secret>,
    /// What Meta sends in the webhooks' handshake.
    pub webhook_verify_token: Secret,
    /// Keys that sign cursors: the first signs, all are accepted.
    pub cursor_keys: Vec<Secret>,
}

/// The secret's text: a JSON object with these members; others are for another version of the functions.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Text {
    instagram_app_id: String,
    instagram_app_secret: String,
    #[serde(default)]
    previous_instagram_app_secret: Option<String>,
    meta_app_id: String,
    meta_app_secret: String,
    #[serde(default)]
    previous_meta_app_secret: Option<String>,
    webhook_verify_token: String,
    cursor_key: String,
    #[serde(default)]
    previous_cursor_key: Option<String>,
}

impl AppSecrets {
    /// Reads the secret's text; `None` when a member is missing or empty.
    pub fn parse(text: &str) -> Option<Self> {
        let text: Text = serde_json::from_str(text).ok()?;
        let all = |current: String, previous: Option<String>| -> Option<Vec<Secret>> {
            let previous = previous.filter(|text| !text.is_empty());
            (!current.is_empty()).then(|| {
                std::iter::once(current)
                    .chain(previous)
                    .map(Secret::new)
                    .collect()
            })
        };
        // Whoever sent an empty one would be taken for Meta.
        if text.webhook_verify_token.is_empty() {
            return None;
        }
        let ids = [&text.instagram_app_id, &text.meta_app_id];
        if ids
            .iter()
            .any(|id| id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_digit()))
        {
            return None;
        }
        Some(Self {
            instagram_app_id: text.instagram_app_id,
            instagram_app_secrets: all(
                text.instagram_app_secret,
                text.previous_instagram_app_secret,
            )?,
            meta_app_id: text.meta_app_id,
            meta_app_secrets: all(text.meta_app_secret, text.previous_meta_app_secret)?,
            webhook_verify_token: Secret::new(text.webhook_verify_token),
            cursor_keys: all(text.cursor_key, text.previous_cursor_key)?,
        })
    }
}

/// The cached secret.
#[derive(Clone)]
pub struct AppSecretsSource {
    client: Client,
    id: String,
    cached: Arc<Mutex<Option<Cached>>>,
}

/// When the secret was read, and what it held.
type Cached = (Timestamp, Arc<AppSecrets>);

impl AppSecretsSource {
    /// The secret with this name or ARN; no call is made.
    pub fn new(client: Client, id: String) -> Self {
        Self {
            client,
            id,
            cached: Arc::default(),
        }
    }

    /// The app's ids and secrets.
    pub async fn get(&self, now: Timestamp) -> Result<Arc<AppSecrets>, AwsError> {
        let mut cached = self.cached.lock().await;
        if let Some((at, secrets)) = cached
            .as_ref()
            .filter(|(at, _)| now.duration_since(*at) < READ_AGAIN_AFTER)
            && now >= *at
        {
            return Ok(secrets.clone());
        }
        match self.read().await {
            Ok(secrets) => {
                let secrets = Arc::new(secrets);
                *cached = Some((now, secrets.clone()));
                Ok(secrets)
            }
            Err(error) => match cached.as_ref() {
                Some((at, secrets)) if now.duration_since(*at) < USABLE_FOR => {
                    tracing::warn!(event = "app_secret_stale", error = %error, "the app's secret could not be read again");
                    Ok(secrets.clone())
                }
                _ => Err(error),
            },
        }
    }

    /// Whether the secret can be read right now, whatever is cached.
    pub async fn check(&self) -> Result<(), AwsError> {
        self.read().await.map(|_| ())
    }

    async fn read(&self) -> Result<AppSecrets, AwsError> {
        let output = self
            .client
            .get_secret_value()
            .secret_id(&self.id)
            .send()
            .await
            .map_err(|error| AwsError::new("GetSecretValue", &error))?;
        output
            .secret_string
            .as_deref()
            .and_then(AppSecrets::parse)
            .ok_or_else(|| {
                AwsError::unreadable(
                    "GetSecretValue",
                    "the app's secret has not the documented members",
                )
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPLETE: &str = r#"{"instagramAppId":"1","instagramAppSecret":"test-new","previousInstagramAppSecret":"test-old",
        "metaAppId":"2","metaAppSecret":"test-meta","webhookVerifyToken":"test-verify","cursorKey":"test-cursor"}"#;

    #[test]
    fn two_secrets_can_be_valid_at_once_and_the_new_one_comes_first() {
        let secrets = AppSecrets::parse(COMPLETE).unwrap();
        let texts: Vec<_> = secrets
            .instagram_app_secrets
            .iter()
            .map(Secret::expose)
            .collect();
        assert_eq!(texts, ["test-new", "test-old"]);
        assert_eq!(secrets.meta_app_secrets.len(), 1);
    }

    #[test]
    fn a_missing_or_empty_member_is_refused() {
        for text in [
            COMPLETE.replace("cursorKey", "cursorKee"),
            COMPLETE.replace("\"test-cursor\"", "\"\""),
            COMPLETE.replace("\"test-verify\"", "\"\""),
            COMPLETE.replace("\"1\"", "\"one\""),
            "{}".to_owned(),
        ] {
            assert!(AppSecrets::parse(&text).is_none(), "{text}");
        }
    }
}
