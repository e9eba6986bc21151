//! Which of a company's accounts are asked for, in DynamoDB's words.

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use jiff::Timestamp;

use super::{Table, keys, number, text};
use crate::account::Status;

/// Which accounts a caller asks for.
#[derive(Clone, Debug, Default)]
pub struct AccountFilter {
    /// Only these states, as they are at the moment of asking.
    pub status: Option<Status>,
    /// Only this customer's.
    pub client_id: Option<String>,
    /// Only those with this text in a name, upper or lower case.
    pub search: Option<String>,
    /// Only those with a live token that runs out after now and until then.
    pub expiring_until: Option<Timestamp>,
}

impl Table {
    /// A company's accounts in the first index, as far as the filter lets them through.
    pub(super) fn company_query(
        &self,
        company: &str,
        filter: &AccountFilter,
        now: Timestamp,
    ) -> QueryFluentBuilder {
        let mut query = self
            .client()
            .query()
            .table_name(self.name())
            .index_name(keys::INDEX_1)
            .key_condition_expression("index1pk = :company")
            .expression_attribute_values(":company", text(keys::company_partition(company)));
        let mut conditions = Vec::new();
        let mut uses_now = false;
        if let Some(status) = filter.status {
            conditions.push(status_condition(status));
            uses_now |= !matches!(status, Status::Revoked | Status::Disconnected);
            query = query
                .expression_attribute_names("#status", "status")
                .expression_attribute_values(":status", text(status.as_str()));
            for other in other_stored_statuses(status) {
                query = query.expression_attribute_values(
                    format!(":{}", other.as_str()),
                    text(other.as_str()),
                );
            }
        }
        if let Some(client) = &filter.client_id {
            conditions.push("clientId = :client");
            query = query.expression_attribute_values(":client", text(client));
        }
        if let Some(search) = &filter.search {
            conditions.push("contains(searchText, :search)");
            query = query.expression_attribute_values(":search", text(search.to_lowercase()));
        }
        if let Some(until) = filter.expiring_until {
            // A token that is dead already does not run out.
            conditions.push(
                "tokenExpiresMs > :now AND tokenExpiresMs <= :until AND #status IN (:active, :rate_limited, :error)",
            );
            uses_now = true;
            query = query
                .expression_attribute_names("#status", "status")
                .expression_attribute_values(":until", number(until.as_millisecond()));
            for live in [Status::Active, Status::RateLimited, Status::Error] {
                query = query.expression_attribute_values(
                    format!(":{}", live.as_str()),
                    text(live.as_str()),
                );
            }
        }
        if uses_now {
            query = query.expression_attribute_values(":now", number(now.as_millisecond()));
        }
        if conditions.is_empty() {
            query
        } else {
            let all: Vec<_> = conditions
                .iter()
                .map(|condition| format!("({condition})"))
                .collect();
            query.filter_expression(all.join(" AND "))
        }
    }
}

/// [`Account::status_at`](crate::account::Account::status_at) in DynamoDB's words.
fn status_condition(status: Status) -> &'static str {
    match status {
        Status::Active => {
            "(attribute_not_exists(tokenExpiresMs) OR tokenExpiresMs > :now) AND (#status = :status OR \
             (#status = :rate_limited AND (attribute_not_exists(rateBlockedMs) OR rateBlockedMs <= :now)))"
        }
        Status::RateLimited => {
            "(attribute_not_exists(tokenExpiresMs) OR tokenExpiresMs > :now) AND #status = :status AND \
             rateBlockedMs > :now"
        }
        Status::Error => {
            "(attribute_not_exists(tokenExpiresMs) OR tokenExpiresMs > :now) AND #status = :status"
        }
        Status::TokenExpired => {
            "#status = :status OR (tokenExpiresMs <= :now AND #status IN (:active, :rate_limited, :error))"
        }
        Status::Revoked | Status::Disconnected => "#status = :status",
    }
}

fn other_stored_statuses(status: Status) -> &'static [Status] {
    match status {
        Status::Active => &[Status::RateLimited],
        Status::TokenExpired => &[Status::Active, Status::RateLimited, Status::Error],
        _ => &[],
    }
}
