//! Erasing an account with everything that belongs to it, and a manifest of what that was.
//!
//! Each step can be repeated: what is left is erased, and nothing is counted twice. The manifest is written together with
//! what is erased, in one transaction, and holds no personal data.

use std::sync::Arc;

use jiff::SignedDuration;

use crate::account::Account;
use crate::announce::Announcement;
use crate::app::App;
use crate::aws::AwsError;
use crate::ending::{self, End};
use crate::schedules::Kind;
use crate::secret::Secret;
use crate::table::claims;
use crate::table::deletions::{Deletion, Erased, Noted};
use crate::table::erasure::Walk;
use crate::table::keys::{self, Key};
use crate::tasks::Task;
use crate::vault::VaultError;

/// So long after an account's record has gone, nothing writes about it any more: no function runs longer.
const SWEEP_AFTER: SignedDuration = SignedDuration::from_mins(15);
/// No further records are begun with after this long.
const MOST_TIME: SignedDuration = SignedDuration::from_secs(12);
/// How often a record that somebody else just wrote is read anew.
const TRIES: u32 = 10;

/// How far one task came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// Everything that was there is erased.
    Complete {
        /// How much that was.
        erased: usize,
    },
    /// There is more than one task can erase.
    Interrupted,
}

/// Keeps a deletion of one account that its company asks for, and has it done.
///
/// # Errors
/// When AWS refuses: then ask again.
pub async fn begin_purge(app: &App, account: &Account) -> Result<Deletion, VaultError> {
    let code = uuid::Uuid::new_v4().to_string();
    let deletion = Deletion::of_company(code, &account.id, app.clock.now());
    app.table.add_deletion(&deletion).await?;
    let task = erase_task(&account.id, &deletion.code, &instagram_ids(account));
    app.queue.send(task).await?;
    Ok(deletion)
}

/// The task that erases one account for a deletion. The Instagram ids are what the record says, which may be gone.
pub fn erase_task(account: &str, deletion: &str, instagram_ids: &[String]) -> Task {
    Task::EraseAccount {
        account: account.to_owned(),
        deletion: deletion.to_owned(),
        instagram_ids: instagram_ids.to_owned(),
    }
}

/// Has an account swept that is about to be deleted, once nothing writes about it any more.
///
/// # Errors
/// When the queue refuses: then delete nothing yet.
pub async fn plan_sweep(app: &App, account: &Account) -> Result<(), AwsError> {
    let sweep = Task::SweepAccount {
        account: account.id.clone(),
        instagram_ids: instagram_ids(account),
    };
    let seconds = i32::try_from(SWEEP_AFTER.as_secs()).unwrap_or(i32::MAX);
    app.queue.send_later(sweep, seconds).await
}

/// Erases what was stored about an account but its record, which is there to be deleted again. `false`: there is more than
/// one request can erase.
///
/// # Errors
/// When DynamoDB refuses: ask again.
pub async fn erase_history(app: &App, account: &Account) -> Result<bool, AwsError> {
    let begun = app.clock.now();
    let ids = instagram_ids(account);
    let mut walk = app.table.walk_over(&account.id, &ids).await?;
    while let Some(keys) = app.table.next_belongings(&mut walk).await? {
        if app.clock.now().duration_since(begun) > MOST_TIME {
            return Ok(false);
        }
        for id in keys.iter().filter_map(keys::post_of_key) {
            let post = app.table.post(&account.id, id).await?;
            if let Some((post, at)) = post.as_ref().and_then(|post| Some((post, post.wake_at?))) {
                app.schedules.remove_post(post, at).await?;
            }
        }
        app.table.remove_all(keys).await?;
    }
    Ok(true)
}

/// Erases what was written about an account while it was deleted. Where its record is still there, whoever wanted it deleted
/// was told that it failed.
///
/// # Errors
/// When AWS refuses: the task goes on from there.
pub async fn sweep_account(app: &App, id: &str, instagram_ids: &[String]) -> Result<(), AwsError> {
    if app.table.account(id).await?.is_some() {
        return Ok(());
    }
    let mut walk = app.table.walk_over(id, instagram_ids).await?;
    while let Some(keys) = app.table.next_belongings(&mut walk).await? {
        for key in keys {
            app.table.remove(key).await?;
        }
    }
    for key in app.table.former_holdings(id, instagram_ids).await? {
        app.table.remove(key).await?;
    }
    Ok(())
}

/// Erases an account, or what was written about it after its record had gone. Makes the task again until nothing is left.
///
/// # Errors
/// When AWS refuses: the task goes on from there.
pub async fn erase_account(
    app: &Arc<App>,
    id: &str,
    code: &str,
    instagram_ids: &[String],
) -> Result<(), VaultError> {
    let deletion = app.table.deletion(code).await?;
    let Some(deletion) = deletion.filter(|deletion| deletion.accounts.contains_key(id)) else {
        return Ok(());
    };
    let secrets = app.app_secrets().await?;
    let Some(secret) = secrets.cursor_keys.first() else {
        return Ok(());
    };
    // What waits about the account is told, and gone, before the deletion is done.
    app.table.note_announcements(id);
    let account = app.table.account(id).await?;
    let is_there = account.is_some();
    let mut instagram_ids = instagram_ids.to_owned();
    if let Some(account) = account {
        if leaves(&deletion, &account) {
            let now = app.clock.now();
            let leave = |deletion: &mut Deletion| deletion.leave(id, now);
            app.table.update_deletion(code, leave).await?;
            return Ok(());
        }
        instagram_ids = self::instagram_ids(&account);
        let ended = end_connection(app, account, &deletion, secret).await?;
        if ended.is_some_and(|account| account.is_connected()) {
            // Again, and meanwhile: the next task decides.
            let again = erase_task(id, code, &instagram_ids);
            return Ok(app.queue.send(again).await?);
        }
    }
    let again = erase_task(id, code, &instagram_ids);
    let walk = app.table.walk_over(id, &instagram_ids).await?;
    let progress = erase_belongings(app, id, walk, code, secret).await?;
    let Progress::Complete { mut erased } = progress else {
        return Ok(app.queue.send(again).await?);
    };
    if !is_there {
        // Who took an Instagram id while the record went may have noted that this account once held it.
        let noted = app.table.former_holdings(id, &instagram_ids).await?;
        erased += app.table.erase_counted(code, secret, noted).await?;
    }
    if is_there && !remove_record(app, id, code, secret).await? {
        return Ok(app.queue.send(again).await?);
    }
    let now = app.clock.now();
    let deletion = app
        .table
        .update_deletion(code, |deletion| {
            let Some(gone_at) = deletion.accounts.get_mut(id) else {
                return;
            };
            let gone_at = *gone_at.get_or_insert(now);
            if erased == 0 && now >= gone_at + SWEEP_AFTER {
                deletion.finish(id, now);
            }
        })
        .await?;
    let gone_at = deletion.and_then(|deletion| deletion.accounts.get(id).copied());
    if let Some(Some(gone_at)) = gone_at {
        // What came after its time is looked for once more at once.
        let wait = (gone_at + SWEEP_AFTER).duration_since(now).as_secs() + 1;
        let seconds = i32::try_from(wait.clamp(0, SWEEP_AFTER.as_secs())).unwrap_or_default();
        return Ok(app.queue.send_later(again, seconds).await?);
    }
    tracing::info!(event = "account_erased", account = id);
    Ok(())
}

/// Whether a deletion does not mean an account, since the person connected it after asking for it.
pub fn leaves(deletion: &Deletion, account: &Account) -> bool {
    let issued_at = deletion.issued_at;
    issued_at.is_some_and(|issued_at| !ending::was_connected_by(account, issued_at))
}

fn instagram_ids(account: &Account) -> Vec<String> {
    let ids = claims::instagram_ids(account).into_iter();
    ids.map(str::to_owned).collect()
}

/// Ends the connection, where there is one; token and schedules are counted first, since they cannot be erased together with
/// the manifest. The account as it is then.
async fn end_connection(
    app: &Arc<App>,
    account: Account,
    deletion: &Deletion,
    secret: &Secret,
) -> Result<Option<Account>, VaultError> {
    let (id, code) = (account.id.clone(), deletion.code.as_str());
    if account.is_connected() {
        // Each connection has a token of its own.
        let name = format!("vault#{}", account.connection_generation);
        let token = Erased::outside("token", &id, &name);
        app.table.count_erased(code, secret, token).await?;
    }
    for kind in Kind::ALL {
        let is_there = match app.schedules.list(kind, &id, 1).await? {
            Some(accounts) => accounts.contains(&id),
            None => true,
        };
        if is_there {
            let schedule = Erased::outside("schedule", &id, &kind.name(&id));
            app.table.count_erased(code, secret, schedule).await?;
        }
    }
    ending::end(app, account, End::ByErasure(deletion.issued_at)).await
}

async fn erase_belongings(
    app: &App,
    account: &str,
    mut walk: Walk,
    code: &str,
    secret: &Secret,
) -> Result<Progress, VaultError> {
    let begun = app.clock.now();
    let mut erased = 0;
    while let Some(keys) = app.table.next_belongings(&mut walk).await? {
        if app.clock.now().duration_since(begun) > MOST_TIME {
            return Ok(Progress::Interrupted);
        }
        for post in keys.iter().filter_map(keys::post_of_key) {
            for name in app.schedules.of_post(post).await? {
                let schedule = Erased::outside("schedule", account, &name);
                app.table.count_erased(code, secret, schedule).await?;
                app.schedules.remove_named(name).await?;
            }
        }
        erased += app.table.erase_counted(code, secret, keys).await?;
    }
    Ok(Progress::Complete { erased })
}

/// Removes the record and its hold on the Instagram ids together, where nobody wrote meanwhile. `false`: the account was
/// connected again.
async fn remove_record(
    app: &App,
    id: &str,
    code: &str,
    secret: &Secret,
) -> Result<bool, VaultError> {
    for _ in 0..TRIES {
        let Some(account) = app.table.account(id).await? else {
            return Ok(true);
        };
        if account.is_connected() {
            return Ok(false);
        }
        let holdings = app.table.holdings(&account).await?;
        let deleted = Announcement::of_deleted(&account, app.clock.now());
        let mut items = vec![
            app.table.account_removal(&account)?,
            app.table.announcement_write(&deleted)?,
        ];
        let mut erased = vec![Erased::record(keys::account(id))];
        for key in holdings {
            items.push(app.table.holding_removal(key.clone(), id)?);
            erased.push(Erased::record(key));
        }
        let name = format!("record#{}", Key::suffix());
        let noted = app
            .table
            .note_erased(code, &name, secret, &erased, items)
            .await?;
        if matches!(noted, Noted::Yes | Noted::Gone) {
            return Ok(true);
        }
    }
    Err(VaultError::Busy)
}
