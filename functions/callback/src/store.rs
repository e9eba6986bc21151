//! Token, account, claims and timeline: one transaction.
//!
//! The claims decide who owns an Instagram account. Two callbacks for one account meet at their conditions: one wins,
//! and the other starts again from what the winner wrote.

use std::sync::Arc;

use shared::account::{Account, Connection};
use shared::app::App;
use shared::http::Problem;
use shared::table::claims::{Claim, instagram_ids};
use shared::table::login_states::LoginState;
use shared::table::timeline::TimelineEntry;
use shared::tasks::Task;
use shared::telemetry;
use shared::vault::{Change, Entry, PageChoice, Written};

use crate::connect::{Connected, Granted};
use crate::refusal;

/// How often a callback starts again from what another one wrote.
const TRIES: u32 = 8;

/// When the first sync is delivered: after any callback has come to its end, since API Gateway waits 30 seconds.
const FIRST_SYNC_AFTER_SECONDS: i32 = 60;

/// Stores what a login yielded.
pub(crate) async fn store(
    app: &Arc<App>,
    login: &LoginState,
    granted: &Granted,
) -> Result<Connected, Problem> {
    let new_id = uuid::Uuid::new_v4().to_string();
    let mut queued = None;
    let mut choice = PageChoice::new(None);
    for _ in 0..TRIES {
        let existing = existing_account(app, login, granted).await?;
        let now = app.clock.now();
        let id = existing.as_ref().map_or(&new_id, |old| &old.id).clone();
        choice.set_own(existing.as_ref().and_then(|old| old.token_page.clone()));
        let page = app.vault.choose_page(&id, &choice).await?;
        let expires_at = granted.issued_at + granted.token.expires_in;
        let connection = Connection {
            company: &login.company,
            user: &login.user,
            login: login.login,
            profile: &granted.profile,
            scopes: granted.scopes.clone(),
            missing_scopes: granted.missing_scopes.clone(),
            page: page.clone(),
            token_expires_at: expires_at,
        };
        let outdated_claim = outdated_claim(app, existing.as_ref(), granted).await?;
        let read_version = existing.as_ref().map(|old| old.version);
        let is_new = existing.is_none();
        let account = match existing {
            None => Account::new(id, connection, now),
            Some(mut account) => {
                account.connect(connection, now);
                account
            }
        };
        let mut records = vec![app.table.account_write(&account, read_version)?];
        for instagram_id in instagram_ids(&account) {
            let former = app.table.claim(instagram_id).await?;
            let (own, others) = match former {
                Some(former) if former.account == account.id => (Some(former), None),
                former => (None, former),
            };
            let claim = Claim {
                account: account.id.clone(),
                company: login.company.clone(),
                released: false,
                // One that it never gave up it goes on holding; whoever gives it up writes the account as well.
                since: own.filter(|own| !own.released).map_or(now, |own| own.since),
            };
            records.push(app.table.claim_write(instagram_id, &claim)?);
            // What is stored of the former holder is still about the person who holds the Instagram account.
            if let Some(others) = others {
                records.push(
                    app.table
                        .former_holder_write(instagram_id, &others.account)?,
                );
            }
        }
        if let Some(instagram_id) = outdated_claim {
            records.push(app.table.claim_removal(&instagram_id, &account.id)?);
        }
        records.extend(
            app.table
                .timeline_writes(&account, &timeline_entry(&account, login, is_new))?,
        );
        // Queued before anything is written: whatever dies after the write, the task completes it. For a write that
        // does not come to be, it does nothing.
        let task = Task::SyncAccount {
            account: account.id.clone(),
            connection_generation: account.connection_generation,
        };
        if queued.as_ref() != Some(&task) {
            app.queue
                .send_later(task.clone(), FIRST_SYNC_AFTER_SECONDS)
                .await?;
            queued = Some(task);
        }
        let entry = Entry {
            token: granted.token.token.clone(),
            generation: account.token_generation,
            issued_at: granted.issued_at,
            expires_at,
        };
        let change = Change::Set(&account.id, entry);
        match app.vault.write(&page, change, records, now).await {
            Ok(Written::Yes) => {
                app.vault.leave_own_page(&account.id, &choice, &page).await;
                return Ok(Connected { account, is_new });
            }
            Ok(Written::Refused(_) | Written::Outdated) => {}
            // The person who connects the account must not be held up by it: another page takes the token.
            Err(error) => choice.pass_over(&page, error)?,
        }
    }
    Err(refusal::busy())
}

/// The account that this login connects anew, so that its id and history stay; `None` for one that is new here.
async fn existing_account(
    app: &Arc<App>,
    login: &LoginState,
    granted: &Granted,
) -> Result<Option<Account>, Problem> {
    let profile = &granted.profile;
    for id in [&profile.ig_user_id, &profile.app_scoped_id] {
        let claim = app.table.claim(id).await?;
        if claim.is_some_and(|claim| claim.company != login.company && !claim.released) {
            return Err(refusal::connected_elsewhere());
        }
    }
    if let Some(claim) = app.table.claim(&profile.ig_user_id).await?
        && claim.company == login.company
        && let Some(account) = app.table.account(&claim.account).await?
    {
        return Ok(Some(account));
    }
    // Another company had it in between, and may have deleted it: ours is still in our list.
    let now = app.clock.now();
    Ok(app
        .table
        .former_account(&login.company, &profile.ig_user_id, now)
        .await?)
}

/// The claim on an app-scoped id that Instagram has replaced since.
async fn outdated_claim(
    app: &Arc<App>,
    existing: Option<&Account>,
    granted: &Granted,
) -> Result<Option<String>, Problem> {
    let profile = &granted.profile;
    let Some(old) = existing.filter(|old| {
        old.app_scoped_id != profile.app_scoped_id && old.app_scoped_id != profile.ig_user_id
    }) else {
        return Ok(None);
    };
    let claim = app.table.claim(&old.app_scoped_id).await?;
    Ok(claim
        .filter(|claim| claim.account == old.id)
        .map(|_| old.app_scoped_id.clone()))
}

fn timeline_entry(account: &Account, login: &LoginState, is_new: bool) -> TimelineEntry {
    let name = account
        .username
        .as_deref()
        .unwrap_or(&account.platform_account_id);
    let what = if is_new { "connected" } else { "reconnected" };
    let missing = if account.missing_scopes.is_empty() {
        String::new()
    } else {
        format!(" Not granted: {}.", account.missing_scopes.join(", "))
    };
    TimelineEntry {
        at: account.connected_at,
        event: what.into(),
        sentence: format!("@{name} was {what}.{missing}"),
        by: login.user.clone(),
        correlation_id: telemetry::correlation_id(),
    }
}
