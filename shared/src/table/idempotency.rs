//! `Idempotency-Key`: the answer to a request that must not act twice.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Condition, Table, from_item, keys, number, text, to_item};
use crate::aws::AwsError;

/// How long an answer is kept.
pub const LIFETIME: SignedDuration = SignedDuration::from_hours(24);

/// After this long an unfinished request counts as dead: no function runs longer.
const IN_FLIGHT: SignedDuration = SignedDuration::from_mins(2);

/// What is kept of a request and its answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Remembered {
    /// Hash of caller, route and body.
    pub fingerprint: String,
    /// Who works on it: a later holder's write does not meet an earlier one's.
    pub holder: String,
    /// Until when an unfinished request keeps others away.
    pub in_flight_until: Timestamp,
    /// The answer; absent while the request runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
}

/// An answer as it was sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// `Content-Type`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// The body.
    pub body: String,
}

/// What a key means for the request that carries it.
#[derive(Debug, PartialEq)]
pub enum Claimed {
    /// Nobody used it: go on, and remember the answer under this holder's name.
    Now(String),
    /// The same request was answered before.
    Answered(Answer),
    /// The same request is being worked on.
    InFlight,
    /// Another request used this key.
    Different,
}

impl Table {
    /// Takes a key for a request with this fingerprint. Its answer goes with the account that the request is about.
    pub async fn claim_idempotency_key(
        &self,
        company: &str,
        key: &str,
        fingerprint: &str,
        account: Option<&str>,
        now: Timestamp,
    ) -> Result<Claimed, AwsError> {
        let holder = uuid::Uuid::new_v4().to_string();
        let record = Remembered {
            fingerprint: fingerprint.to_owned(),
            holder: holder.clone(),
            in_flight_until: now + IN_FLIGHT,
            answer: None,
        };
        let mut item = to_item(keys::idempotency(company, key), &record)?;
        let expires = now + LIFETIME;
        item.insert(keys::TTL.into(), number(expires.as_second()));
        if let Some(account) = account {
            item.insert("index1pk".into(), text(keys::answers_partition(account)));
            item.insert("index1sk".into(), text(keys::sortable(now)));
        }
        // An item that DynamoDB has not dropped yet counts as dropped.
        let mut condition = Condition::is_new();
        condition.expression = "attribute_not_exists(pk) OR #ttl <= :now".into();
        condition.names = Some([("#ttl".to_owned(), keys::TTL.to_owned())].into());
        condition.values = Some([(":now".to_owned(), number(now.as_second()))].into());
        if self.put_if(item.clone(), condition).await? {
            return Ok(Claimed::Now(holder));
        }
        let Some(stored) = self.get(keys::idempotency(company, key)).await? else {
            return Ok(Claimed::InFlight);
        };
        let stored: Remembered = from_item(stored)?;
        if stored.holder == holder {
            // The SDK repeated a write whose answer was lost.
            return Ok(Claimed::Now(holder));
        }
        if stored.fingerprint != fingerprint {
            return Ok(Claimed::Different);
        }
        if let Some(answer) = stored.answer {
            return Ok(Claimed::Answered(answer));
        }
        if stored.in_flight_until > now {
            return Ok(Claimed::InFlight);
        }
        // The former holder died: take over, unless somebody else just did, or the answer has come after all.
        let mut condition = Condition::equals("holder", text(stored.holder));
        condition
            .expression
            .push_str(" AND attribute_not_exists(answer)");
        let taken = self.put_if(item, condition).await?;
        Ok(if taken {
            Claimed::Now(holder)
        } else {
            Claimed::InFlight
        })
    }

    /// Remembers the answer, or with `None` forgets the key so that the request can be made again.
    pub async fn settle_idempotency_key(
        &self,
        company: &str,
        key: &str,
        holder: &str,
        answer: Option<Answer>,
    ) -> Result<(), AwsError> {
        let condition = "holder = :holder";
        let key = keys::idempotency(company, key).into_item();
        match answer {
            Some(answer) => {
                let answer = serde_dynamo::to_attribute_value(answer).map_err(|_| {
                    AwsError::unreadable("UpdateItem", "an answer that cannot be written")
                })?;
                self.client
                    .update_item()
                    .table_name(&self.name)
                    .set_key(Some(key))
                    .update_expression("SET answer = :answer")
                    .condition_expression(condition)
                    .expression_attribute_values(":answer", answer)
                    .expression_attribute_values(":holder", text(holder))
                    .send()
                    .await
                    .map(|_| ())
                    .or_else(|error| ignore_lost(error, "UpdateItem"))
            }
            None => self
                .client
                .delete_item()
                .table_name(&self.name)
                .set_key(Some(key))
                .condition_expression(condition)
                .expression_attribute_values(":holder", text(holder))
                .send()
                .await
                .map(|_| ())
                .or_else(|error| ignore_lost(error, "DeleteItem")),
        }
    }
}

/// Somebody else took the key over meanwhile: then it is theirs.
fn ignore_lost<E, R>(
    error: aws_sdk_dynamodb::error::SdkError<E, R>,
    operation: &'static str,
) -> Result<(), AwsError>
where
    E: aws_sdk_dynamodb::error::ProvideErrorMetadata,
{
    if crate::aws::is_code(&error, super::CONDITION_FAILED) {
        Ok(())
    } else {
        Err(AwsError::new(operation, &error))
    }
}
