//! The connected accounts of the whole deployment, as the audit walks them: by the first digits of their ids.

use jiff::Timestamp;

use super::accounts::{milliseconds, string};
use super::keys::{self, Item};
use super::{Table, text};
use crate::account::Status;
use crate::aws::AwsError;

/// What the second index tells of a connected account. It may lag: whoever acts on it reads the record first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectedAccount {
    /// The account's id.
    pub id: String,
    /// The status at the moment of asking.
    pub status: Status,
    /// The stored status, which a token that ran out does not change by itself.
    pub stored_status: Status,
    /// When its token runs out.
    pub token_expires_at: Timestamp,
    /// When it is refreshed next.
    pub next_refresh_at: Option<Timestamp>,
    /// When its token was first doubted.
    pub token_suspect_since: Option<Timestamp>,
}

/// Other accounts than one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Others {
    /// Those that can be asked.
    pub to_ask: Vec<String>,
    /// Whether there are any whose token lives.
    pub are_there: bool,
}

impl Table {
    /// The connected accounts whose id begins with `prefix`; `None` when there are more than `most`.
    pub async fn connected_accounts(
        &self,
        prefix: &str,
        most: usize,
        now: Timestamp,
    ) -> Result<Option<Vec<ConnectedAccount>>, AwsError> {
        let first = prefix.chars().next();
        let is_wanted = |digit: &char| first.is_none_or(|first| first == *digit);
        let mut accounts = Vec::new();
        for digit in keys::ID_DIGITS.chars().filter(is_wanted) {
            let mut start = None;
            loop {
                let (items, next) = self.query_connected(digit, prefix, start).await?;
                accounts.extend(items.iter().filter_map(|item| read(item, now)));
                if accounts.len() > most {
                    return Ok(None);
                }
                start = next;
                if start.is_none() {
                    break;
                }
            }
        }
        Ok(Some(accounts))
    }

    async fn query_connected(
        &self,
        digit: char,
        prefix: &str,
        start: Option<Item>,
    ) -> Result<(Vec<Item>, Option<Item>), AwsError> {
        let mut query = self
            .client
            .query()
            .table_name(&self.name)
            .index_name(keys::INDEX_2)
            .key_condition_expression("index2pk = :digit")
            .expression_attribute_values(":digit", text(keys::connected_partition(digit)))
            .set_exclusive_start_key(start);
        if prefix.len() > 1 {
            query = query
                .filter_expression("begins_with(id, :prefix)")
                .expression_attribute_values(":prefix", text(prefix));
        }
        let output = query
            .send()
            .await
            .map_err(|error| AwsError::new("Query", &error))?;
        Ok((output.items.unwrap_or_default(), output.last_evaluated_key))
    }

    /// Up to `most` accounts that worked when they were looked at last, but for `except`: for a comparison. Those whose
    /// token is doubted come last, and come: when everybody is refused, all are doubted, and the last one would else find
    /// nobody who is refused as well.
    pub async fn working_accounts(
        &self,
        except: &str,
        most: usize,
        now: Timestamp,
    ) -> Result<Others, AwsError> {
        let (mut found, mut doubted) = (Vec::new(), Vec::new());
        let mut are_there = false;
        // From the digit after the account's own on, so that not every comparison meets the same accounts.
        let own = except
            .chars()
            .next()
            .and_then(|digit| keys::ID_DIGITS.find(digit));
        let (before, after) = keys::ID_DIGITS.split_at(own.map_or(0, |own| own + 1));
        for digit in after.chars().chain(before.chars()) {
            let output = self
                .client
                .query()
                .table_name(&self.name)
                .index_name(keys::INDEX_2)
                .key_condition_expression("index2pk = :digit")
                .expression_attribute_values(":digit", text(keys::connected_partition(digit)))
                // The tokens with the longest life are those that worked last.
                .scan_index_forward(false)
                .limit(20)
                .send()
                .await
                .map_err(|error| AwsError::new("Query", &error))?;
            for account in output.items().iter().filter_map(|item| read(item, now)) {
                if account.status.is_dead() || account.id == except {
                    continue;
                }
                are_there = true;
                if account.status != Status::Active {
                    continue;
                }
                match account.token_suspect_since {
                    None => found.push(account.id),
                    Some(_) => doubted.push(account.id),
                }
            }
            if found.len() >= most {
                break;
            }
        }
        found.extend(doubted);
        found.truncate(most);
        Ok(Others {
            to_ask: found,
            are_there,
        })
    }
}

fn read(item: &Item, now: Timestamp) -> Option<ConnectedAccount> {
    let time = |attribute| {
        milliseconds(item, attribute).and_then(|time| Timestamp::from_millisecond(time).ok())
    };
    let stored_status = Status::parse(&string(item, "status")?)?;
    let token_expires_at = time("tokenExpiresMs")?;
    Some(ConnectedAccount {
        id: string(item, "id")?,
        status: stored_status.at(now, Some(token_expires_at), time("rateBlockedMs")),
        stored_status,
        token_expires_at,
        next_refresh_at: time("nextRefreshMs"),
        token_suspect_since: time("suspectMs"),
    })
}
