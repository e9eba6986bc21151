//! Whether the account can publish at that time.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use shared::account::{Account, Status};
use shared::app::App;
use shared::aws::AwsError;
use shared::graph::{ErrorKind, PublishingLimit};
use shared::post::{Content, Finding, Post};
use shared::vault::VaultError;

use super::{Looks, blocking, warning};
use crate::timing;

const PUBLISH_SCOPE: &str = "instagram_business_content_publish";
const COMMENT_SCOPE: &str = "instagram_business_manage_comments";
/// The finding of a full quota.
pub(crate) const QUOTA_USED_UP: &str = "quota_used_up";
/// The code of a pause that outlasts a post's time. It may end earlier, so nothing that is planned already is ended for it.
pub(crate) const PAUSED_TOO_LONG: &str = "publishing_paused_too_long";
/// The window of the quota where Instagram does not say.
const USUAL_WINDOW: SignedDuration = SignedDuration::from_hours(24);

/// What is known of the account's quota.
pub(super) enum Quota {
    /// What Instagram says.
    Told(PublishingLimit),
    /// Why Instagram does not say it.
    Refused(ErrorKind),
    /// There is no token to ask with.
    NotConnected,
    /// Instagram takes no calls for the account: one more would lengthen that.
    NotAsked,
}

/// Findings about the account, for a post that is due then.
///
/// # Errors
/// When AWS does not answer.
pub(super) async fn findings(
    looks: &Looks,
    app: &Arc<App>,
    account: &Account,
    content: &Content,
    publish_at: Option<Timestamp>,
) -> Result<Vec<Finding>, AwsError> {
    let now = app.clock.now();
    let due = publish_at.map_or(now, |time| time.max(now));
    if !account.is_connected() || account.status_at(now).is_dead() {
        return Ok(vec![not_connected()]);
    }
    let mut found = stored(account, content, now, due);
    let quota = looks.quota.get_or_try_init(|| ask(app, account, now));
    found.extend(quota_finding(quota.await?, now, due));
    Ok(found)
}

async fn ask(app: &Arc<App>, account: &Account, now: Timestamp) -> Result<Quota, AwsError> {
    if account.blocked_until_at(now).is_some() {
        return Ok(Quota::NotAsked);
    }
    let token = match app.vault.token(account).await {
        Ok(token) => token,
        Err(VaultError::Unavailable(error)) => return Err(error),
        Err(_) => return Ok(Quota::NotConnected),
    };
    let graph = app.graph.for_login(account.login);
    let limit = graph
        .publishing_limit(&token, &account.platform_account_id)
        .await;
    Ok(match limit {
        Ok(answered) => Quota::Told(answered.value),
        Err(error) => Quota::Refused(error.kind),
    })
}

fn not_connected() -> Finding {
    let sentence = "The account is not connected to Instagram: connect it again.";
    blocking("account_not_connected", "account", sentence)
}

/// What the record says.
fn stored(account: &Account, content: &Content, now: Timestamp, due: Timestamp) -> Vec<Finding> {
    let member = "account";
    let mut found = Vec::new();
    let has = |wanted: &str| account.scopes.iter().any(|scope| scope == wanted);
    if !has(PUBLISH_SCOPE) {
        let sentence = "The account was connected without the permission to publish: connect it again, and allow it.";
        found.push(blocking("publish_not_permitted", member, sentence));
    }
    // The post itself can be published without it, and a comment is not worth the post.
    if content.first_comment().is_some() && !has(COMMENT_SCOPE) {
        let sentence = "The account was connected without the permission to write comments, so that the post will have no first comment: connect it again, and allow it.";
        found.push(warning("comment_not_permitted", "firstComment", sentence));
    }
    // A limit that ends before the post is due is no matter.
    if account.blocked_until_at(due).is_some() {
        let sentence = "Instagram takes no calls for the account until after that time, so the post may be late: choose a later time.";
        found.push(warning("account_rate_limited", "publishAt", sentence));
    }
    if account.status_at(now) == Status::Error {
        let sentence = "Something keeps the account from working: its status says what to do.";
        found.push(warning("account_has_error", member, sentence));
    }
    if let Some(pause) = account.publishing_pause_at(due) {
        let until = pause.until.strftime("%Y-%m-%d %H:%M UTC");
        let why = &pause.reason.message;
        found.push(if pause.until < due + timing::LATEST {
            let sentence = format!(
                "Publishing on the account pauses until {until}, so the post will be late: {why}"
            );
            warning("publishing_paused", "publishAt", sentence)
        } else {
            let sentence = format!(
                "Publishing on the account pauses until {until}, and a post is published an hour after its time at most: choose a time after that. {why}"
            );
            blocking(PAUSED_TOO_LONG, "publishAt", sentence)
        });
    }
    // A token that renews itself in time is no matter.
    let is_renewed =
        account.next_refresh_at.is_some() && account.last_token_refresh_error.is_none();
    if account.token_expires_at.is_some_and(|expiry| expiry <= due) && !is_renewed {
        let sentence = "The connection to Instagram runs out before that time, and could not be renewed so far: connect the account again before.";
        found.push(warning("token_runs_out", member, sentence));
    }
    found
}

/// The quota counts the posts of a moving window: what is full now is empty again one window later.
fn quota_finding(quota: &Quota, now: Timestamp, due: Timestamp) -> Option<Finding> {
    let limit = match quota {
        Quota::Told(limit) => limit,
        Quota::NotConnected => return Some(not_connected()),
        Quota::NotAsked => return None,
        Quota::Refused(kind) => {
            let sentence = format!(
                "How many posts the account may still publish today could not be found out: {}",
                kind.row().sentence
            );
            return Some(warning("quota_not_known", "account", sentence));
        }
    };
    let total = limit.total.filter(|total| limit.used >= *total)?;
    let window = window(limit);
    if due == now {
        let sentence = format!(
            "The account has published all {total} posts that Instagram takes in {} hours: choose a later time.",
            window.as_hours()
        );
        return Some(blocking(QUOTA_USED_UP, "publishAt", sentence));
    }
    (due.duration_since(now) < window).then(|| {
        let sentence = format!(
            "The account has published all {total} posts that Instagram takes in {} hours, and the post is due within them: it may have to wait.",
            window.as_hours()
        );
        warning(QUOTA_USED_UP, "publishAt", sentence)
    })
}

fn window(limit: &PublishingLimit) -> SignedDuration {
    limit
        .window_seconds
        .and_then(|seconds| i64::try_from(seconds).ok())
        .map_or(USUAL_WINDOW, SignedDuration::from_secs)
}

/// Whether as many posts as the quota takes stand before a planned one in its window already.
pub(super) async fn crowd(
    looks: &Looks,
    app: &App,
    post: &Post,
) -> Result<Option<Finding>, AwsError> {
    let Some(Quota::Told(limit)) = looks.quota.get() else {
        return Ok(None);
    };
    let planned = post.publish_at.filter(|at| *at > app.clock.now());
    let (Some(at), Some(total)) = (planned, limit.total) else {
        return Ok(None);
    };
    let window = window(limit);
    let others = app
        .table
        .posts_until(&post.account, &post.id, at - window, at)
        .await?;
    Ok((others >= total).then(|| {
        let sentence = format!(
            "In the {} hours until that time {others} other posts are planned or published, and Instagram takes {total}: choose another time, or it may have to wait.",
            window.as_hours()
        );
        warning("too_many_planned", "publishAt", sentence)
    }))
}
