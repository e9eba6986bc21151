//! What must hold at the end of every day.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde_json::Value;
use shared::account::{Account, Status};
use shared::schedules::Kind;
use world::resources::{DEAD_LETTERS, QUEUE};

use super::people::{People, Somebody};
use super::report::Report;
use super::{DAY_MS, HOUR_MS};
use crate::stage::Stage;

/// A revoked account must say so this long after Instagram first said it.
const NAMED_WITHIN_MS: i64 = 24 * HOUR_MS;

/// Where an account stands at the end of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// Its token works, and its renewal is ahead.
    Live,
    /// In a state with a name and a reason.
    Named(Status),
    /// The person removed the app, and no call has met that yet, or not long ago.
    NotKnownYet,
    /// None of it.
    Silent,
}

/// What is ahead: by schedule's name, when it fires; and the tasks that wait on the queue.
struct Ahead {
    schedules: HashMap<String, Option<i64>>,
    queued: Vec<String>,
}

impl Ahead {
    fn of(stage: &Stage) -> Self {
        let aws = &stage.world.aws;
        let schedules = aws.schedules().into_iter();
        Self {
            schedules: schedules
                .map(|schedule| (schedule.name, schedule.next_ms))
                .collect(),
            queued: aws.messages(QUEUE),
        }
    }

    fn has(&self, kind: Kind, account: &str, now: i64) -> bool {
        let next = self.schedules.get(&kind.name(account)).copied().flatten();
        let task = match kind {
            Kind::Refresh => "refreshToken",
            Kind::Sync => "syncAccount",
        };
        next.is_some_and(|at| at > now)
            || self
                .queued
                .iter()
                .any(|body| body.contains(account) && body.contains(task))
    }
}

/// Looks at every account.
///
/// # Errors
/// When the table or the vault does not answer.
pub(super) async fn check_day(
    stage: &Stage,
    people: &mut People,
    report: &mut Report,
    day: i64,
) -> Result<(), String> {
    let now = stage.world.now();
    let ahead = Ahead::of(stage);
    let mut seen = 0;
    let mut counts: BTreeMap<&'static str, usize> = BTreeMap::new();
    for company in people.companies() {
        for account in stage.accounts_of(company).await? {
            let username = account.username.as_deref().unwrap_or_default();
            let Some(somebody) = people.named(username) else {
                report.complain(day, format!("{username} is an account of nobody"));
                continue;
            };
            seen += 1;
            let standing = standing(&account, somebody, &ahead, now);
            *counts
                .entry(match standing {
                    Standing::Live => "live",
                    Standing::Named(status) => status.as_str(),
                    Standing::NotKnownYet => "not known yet",
                    Standing::Silent => "silent",
                })
                .or_default() += 1;
            if standing == Standing::Silent {
                report.complain(day, complaint(&account, somebody, &ahead, now));
            }
            if somebody.revoked_at.is_none() {
                check_token(stage, &account, report, day).await;
                if let Some(left) = account.token_time_left(now) {
                    report.note_time_left(left.as_millis() as i64);
                }
            } else if let Standing::Named(status) = standing {
                report.note_named(&account, somebody, status);
            }
        }
    }
    let connected = people
        .all
        .iter()
        .filter(|somebody| somebody.connected_at.is_some())
        .count();
    if seen != connected {
        report.complain(
            day,
            format!("{connected} people are connected, and {seen} accounts are there"),
        );
    }
    let dead_letters = stage.world.aws.messages(DEAD_LETTERS);
    if dead_letters.len() > report.dead_letters {
        report.complain(day, format!("dead letters: {:?}", dead_letters.last()));
        report.dead_letters = dead_letters.len();
    }
    report.end_day(day, counts, connected);
    Ok(())
}

/// The coverage that each company sees adds up, and leaves nobody without a plan. While schedules stand still (`is_late`),
/// plans pass unseen, and so does the audit.
///
/// # Errors
/// When the function does not answer.
pub(super) async fn check_coverage(
    stage: &Stage,
    people: &People,
    report: &mut Report,
    day: i64,
    is_late: bool,
) -> Result<(), String> {
    for company in people.companies() {
        let answer = stage.coverage_of(company).await?;
        let count = |value: &Value| value.as_u64().unwrap_or(u64::MAX);
        let waiting = answer["waiting"].as_array();
        let waiting: u64 = waiting.map_or(0, |some| {
            some.iter().map(|some| count(&some["accounts"])).sum()
        });
        let [connected, scheduled, unscheduled] =
            ["connected", "scheduled", "unscheduled"].map(|name| count(&answer[name]));
        let expected = people
            .all
            .iter()
            .filter(|somebody| somebody.company == *company && somebody.connected_at.is_some());
        let adds_up = connected == scheduled + waiting + unscheduled
            && connected == expected.count() as u64
            && (unscheduled == 0 || is_late);
        if !adds_up {
            report.complain(
                day,
                format!("the coverage of {company} does not add up: {answer}"),
            );
        }
    }
    Ok(())
}

fn standing(account: &Account, somebody: &Somebody, ahead: &Ahead, now: Timestamp) -> Standing {
    let status = account.status_at(now);
    let now_ms = now.as_millisecond();
    let is_named = account
        .status_reason_at(now)
        .is_some_and(|reason| !reason.code.is_empty() && !reason.message.is_empty());
    if somebody.revoked_at.is_some() {
        let is_overdue = somebody
            .evidence_at
            .is_some_and(|at| now_ms - at > NAMED_WITHIN_MS);
        return match status {
            Status::Revoked | Status::TokenExpired if is_named => Standing::Named(status),
            _ if is_overdue => Standing::Silent,
            _ => Standing::NotKnownYet,
        };
    }
    let is_well = match status {
        Status::Active => true,
        Status::RateLimited => is_named,
        _ => false,
    };
    let has_time_left = account
        .token_time_left(now)
        .is_some_and(|left| left.is_positive());
    let is_planned = Kind::ALL
        .iter()
        .all(|kind| ahead.has(*kind, &account.id, now_ms));
    if is_well && has_time_left && is_planned {
        Standing::Live
    } else {
        Standing::Silent
    }
}

fn complaint(account: &Account, somebody: &Somebody, ahead: &Ahead, now: Timestamp) -> String {
    let next = |kind: Kind| {
        ahead
            .schedules
            .get(&kind.name(&account.id))
            .copied()
            .flatten()
    };
    let days_left = account
        .token_time_left(now)
        .map(|left| left.as_millis() as i64 / DAY_MS);
    format!(
        "{} ({}): status {}, reason {:?}, {days_left:?} days left, revoked {:?}, evidence {:?}, refresh at {:?}, sync at {:?}, now {}",
        somebody.username,
        account.id,
        account.status_at(now).as_str(),
        account.status_reason_at(now).map(|reason| reason.code),
        somebody.revoked_at,
        somebody.evidence_at,
        next(Kind::Refresh),
        next(Kind::Sync),
        now.as_millisecond(),
    )
}

/// The vault's token of a live account is one that Instagram takes.
async fn check_token(stage: &Stage, account: &Account, report: &mut Report, day: i64) {
    let app = stage.world.app("test");
    let works = match app.vault.token(account).await {
        Ok(token) => stage.world.instagram.is_live_token(token.expose()),
        Err(_) => false,
    };
    if !works {
        report.complain(
            day,
            format!("the vault's token of {} is none that works", account.id),
        );
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use shared::account::{Connection, Failure};
    use shared::graph::{LoginKind, Profile};

    use super::*;

    fn now() -> Timestamp {
        "2026-11-21T10:00:00Z".parse().unwrap()
    }

    fn hours(hours: i64) -> i64 {
        now().as_millisecond() + hours * HOUR_MS
    }

    fn account(status: Status) -> Account {
        let profile = Profile {
            app_scoped_id: "2".into(),
            ig_user_id: "1".into(),
            username: Some("person.0".into()),
            name: None,
            account_type: None,
            profile_picture_url: None,
            biography: None,
            website: None,
            followers_count: None,
            follows_count: None,
            media_count: None,
        };
        let connection = Connection {
            company: "acme",
            user: "ann",
            login: LoginKind::Instagram,
            profile: &profile,
            scopes: Vec::new(),
            missing_scopes: Vec::new(),
            page: "page".into(),
            token_expires_at: now() + SignedDuration::from_hours(240),
        };
        let mut account = Account::new("id".into(), connection, now());
        account.status = status;
        account.status_reason = (status != Status::Active).then(|| Failure {
            code: "code".into(),
            message: "a sentence".into(),
            at: now(),
        });
        account
    }

    fn ahead(refresh: Option<i64>, sync: Option<i64>) -> Ahead {
        Ahead {
            schedules: [(Kind::Refresh, refresh), (Kind::Sync, sync)]
                .map(|(kind, at)| (kind.name("id"), at))
                .into(),
            queued: Vec::new(),
        }
    }

    fn somebody(revoked_at: Option<i64>, evidence_at: Option<i64>) -> Somebody {
        let mut somebody = Somebody::default();
        somebody.revoked_at = revoked_at;
        somebody.evidence_at = evidence_at;
        somebody
    }

    #[test]
    fn an_account_lives_with_time_left_and_both_schedules_ahead_and_else_is_silent() {
        let alive = somebody(None, None);
        let planned = ahead(Some(hours(1)), Some(hours(1)));
        let of = |account: &Account, ahead: &Ahead| standing(account, &alive, ahead, now());
        assert_eq!(of(&account(Status::Active), &planned), Standing::Live);
        assert_eq!(of(&account(Status::Error), &planned), Standing::Silent);
        assert_eq!(
            of(&account(Status::TokenExpired), &planned),
            Standing::Silent
        );
        for lacking in [
            ahead(None, Some(hours(1))),
            ahead(Some(hours(1)), None),
            ahead(Some(hours(-1)), Some(hours(1))),
        ] {
            assert_eq!(of(&account(Status::Active), &lacking), Standing::Silent);
        }
        let queued = Ahead {
            queued: vec![r#"{"task":"refreshToken","account":"id"}"#.into()],
            ..ahead(None, Some(hours(1)))
        };
        assert_eq!(of(&account(Status::Active), &queued), Standing::Live);
        let mut run_out = account(Status::Active);
        run_out.token_expires_at = Some(now());
        assert_eq!(of(&run_out, &planned), Standing::Silent);
    }

    #[test]
    fn a_removed_app_is_named_within_a_day_of_the_first_evidence() {
        let nothing = ahead(None, None);
        let of = |status, evidence| {
            let removed = somebody(Some(hours(-100)), evidence);
            standing(&account(status), &removed, &nothing, now())
        };
        assert_eq!(of(Status::Active, None), Standing::NotKnownYet);
        assert_eq!(of(Status::Active, Some(hours(-23))), Standing::NotKnownYet);
        assert_eq!(of(Status::Active, Some(hours(-25))), Standing::Silent);
        assert_eq!(of(Status::Error, Some(hours(-25))), Standing::Silent);
        assert_eq!(
            of(Status::Revoked, Some(hours(-25))),
            Standing::Named(Status::Revoked)
        );
        let mut without_reason = account(Status::Revoked);
        without_reason.status_reason = None;
        let removed = somebody(Some(hours(-100)), Some(hours(-25)));
        let standing = standing(&without_reason, &removed, &nothing, now());
        assert_eq!(standing, Standing::Silent);
    }
}
