//! How many versions the vault makes: in a second in the whole Region, and in a day on one page.
//!
//! Both budgets are a single moment that each write moves forward ("generic cell rate algorithm"): the Region's stands
//! in a record of its own, a page's in the page's record.

use aws_sdk_dynamodb::types::ReturnValue;
use jiff::{SignedDuration, Timestamp};

use super::{Vault, VaultError};
use crate::aws::{AwsError, is_code};
use crate::table::{CONDITION_FAILED, keys, number};

/// Secrets Manager takes 50 calls a second in a Region that change secrets, and the quota cannot be raised
/// (<https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html>). One each 25 ms makes 40: the
/// rest is for the SDK's own tries, for calls that arrive closer together than they were sent, and for people.
const BETWEEN_TURNS_MS: i64 = 25;

/// No turn is taken that is further away: a function has half a minute in all.
const FURTHEST_TURN_MS: i64 = 10_000;

/// A turn so far away was not given by a clock that goes right, and is not waited for.
const ABSURD_TURN_MS: i64 = 60_000;

/// Secrets Manager keeps about 100 versions of a secret and drops none that is younger than 24 hours
/// (<https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html>). A full bucket of 68
/// writes, and one more each 45 minutes, which is 32 in 24 hours: at most 68 + 32 = 100 in any 24 hours. And 68 is enough
/// for each of 64 accounts to be refreshed in the same hour.
const PAGE_BURST: i32 = 68;
const BETWEEN_PAGE_WRITES: SignedDuration = SignedDuration::from_mins(45);

/// A page with fewer writes left takes no new account: they are for the accounts that it has.
const SPARED_PAGE_WRITES: i32 = 4;

/// How much of its daily versions a page has used.
#[derive(Clone, Copy, Default)]
pub(super) struct PageBudget {
    /// When all of it is there again; `None` or past: it is.
    pub(super) used_until: Option<Timestamp>,
}

impl PageBudget {
    /// When all of the budget is there again, after so many more versions made now.
    pub(super) fn after(self, versions: i32, now: Timestamp) -> Timestamp {
        let begin = self.used_until.map_or(now, |until| until.max(now));
        begin + BETWEEN_PAGE_WRITES * versions
    }

    /// When that many writes are left.
    fn has_left_at(self, writes: i32, now: Timestamp) -> Timestamp {
        let least = self.used_until.map_or(now, |until| {
            until - BETWEEN_PAGE_WRITES * (PAGE_BURST - writes)
        });
        least.max(now)
    }

    /// `Some` with the moment from which one write is left, where none is now.
    pub(super) fn spent_until(self, now: Timestamp) -> Option<Timestamp> {
        Some(self.has_left_at(1, now)).filter(|at| *at > now)
    }

    /// Whether a new account may be added.
    pub(super) fn has_room(self, now: Timestamp) -> bool {
        self.has_left_at(SPARED_PAGE_WRITES, now) <= now
    }
}

impl Vault {
    /// Waits for this call's turn among all calls in the Region that change a secret of the vault.
    ///
    /// # Errors
    /// [`VaultError::Busy`] where it is more than ten seconds away; it is not taken then.
    pub(super) async fn take_turn(&self) -> Result<(), VaultError> {
        let now = self.clock.now().as_millisecond();
        let at = self.reserve_turn(now).await?.ok_or(VaultError::Busy)?;
        let at = Timestamp::from_millisecond(at).unwrap_or(Timestamp::MAX);
        self.clock.sleep_until(at).await;
        Ok(())
    }

    /// Whether the Region's next turn is near enough to be waited for. Asked before Instagram is asked for a token, by
    /// whoever asks: a token that was issued must be stored.
    ///
    /// # Errors
    /// [`VaultError::Spent`] with the moment of the next turn.
    pub async fn room_for_turn(&self) -> Result<(), VaultError> {
        let now = self.clock.now().as_millisecond();
        let item = self.table.get(keys::vault_writes()).await?;
        let next: Option<i64> = item.and_then(|item| item.get("nextMs")?.as_n().ok()?.parse().ok());
        let is_too_far =
            |next: &i64| (FURTHEST_TURN_MS + 1..=ABSURD_TURN_MS).contains(&(next - now));
        match next.filter(is_too_far).map(Timestamp::from_millisecond) {
            Some(Ok(until)) => Err(VaultError::Spent(until)),
            _ => Ok(()),
        }
    }

    /// The moment that is reserved; `None` where it would be too far away.
    async fn reserve_turn(&self, now: i64) -> Result<Option<i64>, AwsError> {
        let free = "attribute_not_exists(nextMs) OR nextMs <= :now OR nextMs > :absurd";
        let at_once = self
            .client_for_turns()
            .update_expression("SET nextMs = :next")
            .condition_expression(free)
            .expression_attribute_values(":now", number(now))
            .expression_attribute_values(":next", number(now + BETWEEN_TURNS_MS))
            .expression_attribute_values(":absurd", number(now + ABSURD_TURN_MS))
            .send()
            .await;
        match at_once {
            Ok(_) => return Ok(Some(now)),
            Err(error) if is_code(&error, CONDITION_FAILED) => {}
            Err(error) => return Err(AwsError::new("UpdateItem", &error)),
        }
        // The moment only rises, so it still lies ahead, and a refusal now says that it is too far.
        let behind_the_last = self
            .client_for_turns()
            .update_expression("SET nextMs = nextMs + :between")
            .condition_expression("nextMs <= :furthest")
            .expression_attribute_values(":between", number(BETWEEN_TURNS_MS))
            .expression_attribute_values(":furthest", number(now + FURTHEST_TURN_MS))
            .return_values(ReturnValue::UpdatedOld)
            .send()
            .await;
        match behind_the_last {
            Ok(output) => output
                .attributes
                .as_ref()
                .and_then(|item| item.get("nextMs")?.as_n().ok()?.parse().ok())
                .map(Some)
                .ok_or_else(|| AwsError::unreadable("UpdateItem", "no turn")),
            Err(error) if is_code(&error, CONDITION_FAILED) => Ok(None),
            Err(error) => Err(AwsError::new("UpdateItem", &error)),
        }
    }

    fn client_for_turns(
        &self,
    ) -> aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder {
        self.table
            .client()
            .update_item()
            .table_name(self.table.name())
            .set_key(Some(keys::vault_writes().into_item()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: SignedDuration = SignedDuration::from_hours(24);

    fn now() -> Timestamp {
        "2026-11-21T10:00:00Z".parse().unwrap()
    }

    #[test]
    fn h10_a_page_takes_its_burst_and_then_one_write_each_45_minutes() {
        let mut budget = PageBudget::default();
        for _ in 0..PAGE_BURST {
            assert_eq!(budget.spent_until(now()), None);
            budget.used_until = Some(budget.after(1, now()));
        }
        let until = now() + BETWEEN_PAGE_WRITES;
        assert_eq!(budget.spent_until(now()), Some(until));
        assert_eq!(budget.spent_until(until), None);
        budget.used_until = Some(budget.after(1, until));
        assert_eq!(budget.spent_until(until), Some(until + BETWEEN_PAGE_WRITES));
    }

    #[test]
    fn h10_the_last_writes_of_a_page_are_for_its_own_accounts() {
        let used = |versions| PageBudget {
            used_until: Some(PageBudget::default().after(versions, now())),
        };
        assert!(used(64).has_room(now()));
        assert!(!used(65).has_room(now()));
        assert_eq!(used(65).spent_until(now()), None);
    }

    #[test]
    fn h10_no_24_hours_hold_more_than_100_versions_whenever_they_are_made() {
        // Gaps of every kind: greedy, regular, in bursts after a rest.
        for gap_minutes in [0, 1, 7, 44, 45, 46, 300, 1_441] {
            let (mut budget, mut at, mut written) = (PageBudget::default(), now(), Vec::new());
            while written.len() < 500 {
                at = budget.spent_until(at).unwrap_or(at);
                written.push(at);
                budget.used_until = Some(budget.after(1, at));
                if written.len() % 10 == 0 {
                    at += SignedDuration::from_mins(gap_minutes);
                }
            }
            for (position, end) in written.iter().enumerate() {
                let in_a_day = written[..=position]
                    .iter()
                    .filter(|at| end.duration_since(**at) <= DAY)
                    .count();
                assert!(in_a_day <= 100, "{gap_minutes}: {in_a_day}");
            }
        }
    }
}
