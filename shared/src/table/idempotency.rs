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
    /// Names the request, the same at each of its repetitions: what a request makes has its ids from it.
    pub request: String,
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
    /// Nobody has answered it: go on, and remember the answer under this claim.
    Now(Claim),
    /// The same request was answered before.
    Answered(Answer),
    /// The same request is being worked on.
    InFlight,
    /// Another request used this key.
    Different,
}

/// A request that may be worked on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Names the request, the same at each of its repetitions.
    pub request: String,
    /// Who works on it now.
    pub holder: String,
    /// Somebody worked on it before, and may have acted.
    pub is_repeated: bool,
}

/// What becomes of a request that was worked on.
#[derive(Debug)]
pub enum Settled {
    /// It has acted, and this is its answer.
    Answered(Answer),
    /// It may have acted, and its answer is not kept: the same request can be made again, and no other under this key.
    Open,
    /// It has not acted: the key is free.
    Refused,
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
        let mut record = Remembered {
            request: uuid::Uuid::new_v4().to_string(),
            fingerprint: fingerprint.to_owned(),
            holder: holder.clone(),
            in_flight_until: now + IN_FLIGHT,
            answer: None,
        };
        let claimed = |record: &Remembered, is_repeated| {
            Claimed::Now(Claim {
                request: record.request.clone(),
                holder: record.holder.clone(),
                is_repeated,
            })
        };
        let item = |record: &Remembered| {
            let mut item = to_item(keys::idempotency(company, key), record)?;
            let expires = now + LIFETIME;
            item.insert(keys::TTL.into(), number(expires.as_second()));
            if let Some(account) = account {
                item.insert("index1pk".into(), text(keys::answers_partition(account)));
                item.insert("index1sk".into(), text(keys::sortable(now)));
            }
            Ok::<_, AwsError>(item)
        };
        // An item that DynamoDB has not dropped yet counts as dropped.
        let mut condition = Condition::is_new();
        condition.expression = "attribute_not_exists(pk) OR #ttl <= :now".into();
        condition.names = Some([("#ttl".to_owned(), keys::TTL.to_owned())].into());
        condition.values = Some([(":now".to_owned(), number(now.as_second()))].into());
        if self.put_if(item(&record)?, condition).await? {
            return Ok(claimed(&record, false));
        }
        let Some(stored) = self.get(keys::idempotency(company, key)).await? else {
            return Ok(Claimed::InFlight);
        };
        let stored: Remembered = from_item(stored)?;
        if stored.holder == holder {
            // The SDK repeated a write whose answer was lost.
            return Ok(claimed(&stored, false));
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
        // The former holder died, or could not answer: take over, unless somebody else just did, or the answer has come after all.
        record.request = stored.request;
        let mut condition = Condition::equals("holder", text(stored.holder));
        condition
            .expression
            .push_str(" AND attribute_not_exists(answer)");
        let taken = self.put_if(item(&record)?, condition).await?;
        Ok(if taken {
            claimed(&record, true)
        } else {
            Claimed::InFlight
        })
    }

    /// Keeps what became of a request at `now`, as long as nobody took it over.
    pub async fn settle_idempotency_key(
        &self,
        company: &str,
        key: &str,
        holder: &str,
        settled: Settled,
        now: Timestamp,
    ) -> Result<(), AwsError> {
        let condition = "holder = :holder";
        let key = keys::idempotency(company, key).into_item();
        let (name, value) = match settled {
            Settled::Answered(answer) => {
                let answer = serde_dynamo::to_attribute_value(answer);
                let answer = answer.map_err(|_| {
                    AwsError::unreadable("UpdateItem", "an answer that cannot be written")
                })?;
                ("answer", answer)
            }
            Settled::Open => ("inFlightUntil", text(now.to_string())),
            Settled::Refused => {
                let deleted = self
                    .client
                    .delete_item()
                    .table_name(&self.name)
                    .set_key(Some(key))
                    .condition_expression(condition)
                    .expression_attribute_values(":holder", text(holder));
                let deleted = deleted.send().await.map(|_| ());
                return deleted.or_else(|error| ignore_lost(error, "DeleteItem"));
            }
        };
        self.client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key))
            .update_expression("SET #name = :value")
            .expression_attribute_names("#name", name)
            .expression_attribute_values(":value", value)
            .condition_expression(condition)
            .expression_attribute_values(":holder", text(holder))
            .send()
            .await
            .map(|_| ())
            .or_else(|error| ignore_lost(error, "UpdateItem"))
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
