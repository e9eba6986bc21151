//! Token, account, claims and timeline: one transaction.
//!
//! The claims decide who owns an Instagram account. Two callbacks for one account meet at their conditions: one wins,
//! and the other starts again from what the winner wrote.

use std::sync::Arc;

use shared::account::{Account, Connection};
use shared::app::App;
use shared::http::Problem;
use shared::table::accounts::{Claim, instagram_ids};
use shared::table::login_states::LoginState;
use shared::table::timeline::TimelineEntry;
use shared::telemetry;
use shared::vault::{Change, Entry, Written};

use crate::connect::{Connected, Granted};
use crate::refusal;

/// How often a callback starts again from what another one wrote.
const TRIES: u32 = 8;

/// Stores what a login yielded.
pub(crate) async fn store(
    app: &Arc<App>,
    login: &LoginState,
    granted: &Granted,
) -> Result<Connected, Problem> {
    for _ in 0..TRIES {
        let existing = existing_account(app, login, granted).await?;
        let now = app.clock.now();
        let id = existing
            .as_ref()
            .map_or_else(|| uuid::Uuid::new_v4().to_string(), |old| old.id.clone());
        let page = match existing.as_ref().and_then(|old| old.token_page.clone()) {
            Some(page) => page,
            None => app.vault.page_for(&id).await?,
        };
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
        let read_version = existing.as_ref().map(|old| old.version);
        let is_new = existing.is_none();
        let account = match existing {
            None => Account::new(id, connection, now),
            Some(mut account) => {
                account.connect(connection, now);
                account
            }
        };
        let claim = Claim {
            account: account.id.clone(),
            company: login.company.clone(),
            released: false,
        };
        let mut records = vec![app.table.account_write(&account, read_version)?];
        for instagram_id in instagram_ids(&account) {
            records.push(app.table.claim_write(instagram_id, &claim)?);
        }
        records.push(
            app.table
                .timeline_write(&account.id, &timeline_entry(&account, login, is_new))?,
        );
        let entry = Entry {
            token: granted.token.token.clone(),
            generation: account.token_generation,
            issued_at: granted.issued_at,
            expires_at,
        };
        match app
            .vault
            .write(&page, Change::Set(&account.id, entry), records, now)
            .await?
        {
            Written::Yes => return Ok(Connected { account, is_new }),
            Written::Refused(_) | Written::Outdated => {}
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
    let ids = [&granted.profile.ig_user_id, &granted.profile.app_scoped_id];
    let mut claimed = false;
    for id in ids {
        let Some(claim) = app.table.claim(id).await? else {
            continue;
        };
        claimed = true;
        if claim.company == login.company {
            if let Some(account) = app.table.account(&claim.account).await? {
                return Ok(Some(account));
            }
        } else if !claim.released {
            return Err(refusal::connected_elsewhere());
        }
    }
    if claimed {
        // Another company had it in between: ours is still in our list.
        return Ok(app
            .table
            .former_account(&login.company, &granted.profile.ig_user_id, app.clock.now())
            .await?);
    }
    Ok(None)
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
