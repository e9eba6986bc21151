//! Storing a token that Instagram has just issued, which is nowhere but in memory: where Instagram has revoked the former
//! one, it is the only one that lives.
//!
//! So what fails is tried again as long as that makes sense, and a page that takes no token is left for another one.

use std::slice::Iter;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use shared::account::Account;
use shared::app::App;
use shared::graph::LongLivedToken;
use shared::policy::{self, Obstacle};
use shared::table::leases::Lease;
use shared::vault::{Change, Entry, PageChoice, VaultError, Written};

use crate::renew::{Renewal, day, entry_of};

/// How often a token is offered to the vault: after each wait, and when others keep changing the record.
const TRIES: u32 = 16;

/// The waits after tries that the vault or the table failed, beyond those of the vault and of the SDK.
const WAITS: [Duration; 6] = [
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(7),
];

/// No try is begun later than this after Instagram's answer: a function has half a minute in all.
const TRIES_WITHIN: SignedDuration = SignedDuration::from_secs(15);

/// What Instagram has issued, when it was asked, and by whom.
pub(crate) struct Issued<'a> {
    pub(crate) token: &'a LongLivedToken,
    pub(crate) at: Timestamp,
    pub(crate) by: &'a str,
}

/// Puts the new token into the vault, together with the record.
///
/// It was made from the token of the generation that `account` was read with. Where the account has got another token or
/// another connection since, this one is dropped; where only the rest of the record changed, or something failed that
/// may pass, it is offered again. A write whose answer was lost shows itself by the generation of the record that is
/// read before the next try.
///
/// # Errors
/// What the last try failed with: when an error of a page, then no page that was tried takes the token.
pub(crate) async fn store(
    app: &Arc<App>,
    lease: &Lease,
    account: &Account,
    issued: &Issued<'_>,
) -> Result<Renewal, VaultError> {
    let mut patience = Patience {
        waits: WAITS.iter(),
        until: lease.until.min(app.clock.now() + TRIES_WITHIN),
    };
    let mut choice = PageChoice::new(account.token_page.clone());
    let mut record = account.clone();
    let mut last = VaultError::Busy;
    for _ in 0..TRIES {
        match offer(app, record, &mut choice, issued).await {
            Ok(Some(renewed)) => return Ok(Renewal::Renewed(Box::new(renewed))),
            Ok(None) => last = VaultError::Busy,
            Err(error) if error.is_of_page() => last = error,
            Err(error) => patience.wait_after(app, error).await?,
        }
        let current = loop {
            match app.table.account(&account.id).await {
                Ok(current) => break current,
                Err(error) => patience.wait_after(app, error.into()).await?,
            }
        };
        let Some(current) = current.filter(Account::is_connected) else {
            return Ok(Renewal::NotAsked(Obstacle::NotConnected));
        };
        if current.connection_generation != account.connection_generation
            || current.token_generation != account.token_generation
        {
            return Ok(Renewal::Renewed(Box::new(current)));
        }
        record = current;
    }
    Err(last)
}

/// One try to store the token on the page that is chosen for it. `None`: others have changed the record.
async fn offer(
    app: &Arc<App>,
    mut account: Account,
    choice: &mut PageChoice,
    issued: &Issued<'_>,
) -> Result<Option<Account>, VaultError> {
    let page = app.vault.choose_page(&account.id, choice).await?;
    let now = app.clock.now();
    let read_version = account.version;
    let expires_at = issued.at + issued.token.expires_in;
    let entry = Entry {
        token: issued.token.token.clone(),
        generation: account.token_generation + 1,
        issued_at: issued.at,
        expires_at,
    };
    // A worker that was refused, because the token had just been replaced by this one, has declared the account dead
    // and removed its schedules.
    account.setup_pending |= account.status_at(now).is_dead();
    account.token_page = Some(page.clone());
    account.token_generation = entry.generation;
    account.token_expires_at = Some(expires_at);
    account.last_token_refresh_at = Some(now);
    account.last_token_refresh_error = None;
    account.at_risk_since = None;
    account.mark_working();
    account.next_refresh_at = Some(policy::first_refresh_at(&account.id, issued.at, expires_at));
    account.version += 1;
    account.updated_at = now;
    let sentence = format!("The connection was renewed until {}.", day(expires_at));
    let renewed = entry_of(now, "token_refreshed", sentence, issued.by);
    let mut records = vec![app.table.account_write(&account, Some(read_version))?];
    records.extend(app.table.timeline_writes(&account, &renewed)?);
    let change = Change::Set(&account.id, entry);
    match app.vault.write(&page, change, records, now).await {
        Ok(Written::Yes) => {
            app.vault.leave_own_page(&account.id, choice, &page).await;
            Ok(Some(account))
        }
        Ok(Written::Refused(_) | Written::Outdated) => Ok(None),
        Err(error) => {
            choice.pass_over(&page, error.clone())?;
            Err(error)
        }
    }
}

/// How long a token that cannot be stored is held on to.
struct Patience {
    waits: Iter<'static, Duration>,
    until: Timestamp,
}

impl Patience {
    /// Waits before the next try.
    ///
    /// # Errors
    /// The error itself, where there is no time for another try.
    async fn wait_after(&mut self, app: &App, error: VaultError) -> Result<(), VaultError> {
        let Some(wait) = self
            .waits
            .next()
            .filter(|wait| app.clock.now() + **wait <= self.until)
        else {
            return Err(error);
        };
        tracing::warn!(event = "token_not_yet_stored", error = %error, "a token that was just issued is offered again");
        app.clock.sleep(*wait).await;
        Ok(())
    }
}
