//! Login states: what a login was begun for, kept for 30 minutes and spent once.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Condition, Table, keys, text, to_item};
use crate::aws::AwsError;
use crate::graph::LoginKind;

/// How long a login may take.
pub const LIFETIME: SignedDuration = SignedDuration::from_mins(30);

/// How the callback ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Display {
    /// A small page that tells its opener and closes itself.
    #[default]
    Popup,
    /// A redirect to `returnTo`.
    Redirect,
}

/// What a login was begun for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LoginState {
    /// The company that will own the account.
    pub company: String,
    /// The user who began it.
    pub user: String,
    /// Which login.
    pub login: LoginKind,
    /// Where it returns to; matched against the allowed addresses when it began.
    pub return_to: String,
    /// How the callback ends.
    pub display: Display,
    /// Scopes that were asked for.
    pub scopes: Vec<String>,
    /// Hash of the cookie of the browser that began it; absent when a server began it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub browser: Option<String>,
    /// Until when it may be used.
    pub expires_at: Timestamp,
}

/// What came of spending a state.
#[derive(Debug, PartialEq)]
pub enum Spent {
    /// It was unused, and is used up now.
    Now(LoginState),
    /// Somebody used it before.
    Before,
    /// There is no such state, or it was dropped long after its expiry.
    Unknown,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    #[serde(default)]
    spent_by: Option<String>,
    #[serde(flatten)]
    state: LoginState,
}

impl Table {
    /// Stores a login under its state's text, of which only the hash is kept.
    pub async fn put_login_state(&self, state: &str, login: &LoginState) -> Result<(), AwsError> {
        let mut item = to_item(keys::login_state(state), login)?;
        // A day more than it may be used, so that a late or repeated callback is told so instead of "unknown".
        let drop_at = login.expires_at + SignedDuration::from_hours(24);
        item.insert(keys::TTL.into(), super::number(drop_at.as_second()));
        // A state is random, so one that stands there already is this one, whose answer was lost.
        self.put_if(item, Condition::is_new()).await.map(|_| ())
    }

    /// Spends a state: exactly one of many callers at once gets [`Spent::Now`], before anything else is looked at.
    pub async fn spend_login_state(&self, state: &str, now: Timestamp) -> Result<Spent, AwsError> {
        // Whoever marks a state knows its own mark again, when the SDK repeats a call whose answer was lost.
        let mark = uuid::Uuid::new_v4().to_string();
        let result = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(keys::login_state(state).into_item()))
            .update_expression("SET spentAt = :now, spentBy = :mark")
            .condition_expression("attribute_exists(pk) AND attribute_not_exists(spentAt)")
            .expression_attribute_values(":now", text(now.to_string()))
            .expression_attribute_values(":mark", text(&mark))
            .return_values(aws_sdk_dynamodb::types::ReturnValue::AllOld)
            .return_values_on_condition_check_failure(
                aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure::AllOld,
            )
            .send()
            .await;
        match result {
            Ok(output) => {
                let stored: Stored = super::from_item(output.attributes.unwrap_or_default())?;
                Ok(Spent::Now(stored.state))
            }
            Err(error) if crate::aws::is_code(&error, super::CONDITION_FAILED) => {
                use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
                let item = match error.into_service_error() {
                    UpdateItemError::ConditionalCheckFailedException(failed) => failed.item,
                    _ => None,
                };
                let stored = item.map(super::from_item::<Stored>).transpose()?;
                Ok(match stored {
                    Some(Stored {
                        spent_by: Some(by),
                        state,
                    }) if by == mark => Spent::Now(state),
                    Some(_) => Spent::Before,
                    None => Spent::Unknown,
                })
            }
            Err(error) => Err(AwsError::new("UpdateItem", &error)),
        }
    }
}
