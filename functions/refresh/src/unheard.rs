//! Looks for comments that Meta never told of, and hands them to the worker that takes what Meta tells: so they become the
//! events that they would have been.
//!
//! A comment below the newest media, a week old at most, that has no record was not told of.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use shared::account::Account;
use shared::app::App;
use shared::graph::{AccountEffect, GraphError, MediaEdge, MediaQuery, Usage};
use shared::lambda::TaskError;
use shared::secret::AccessToken;
use shared::sync::BY_SCHEDULE;
use shared::table::keys::Key;
use shared::tasks::Task;
use shared::webhooks::{Delivered, Envelope, Item, Source};
use shared::{policy, verdict};

/// The webhook field that tells of comments.
const FIELD: &str = "comments";
const SCOPE: &str = "instagram_business_manage_comments";
/// How many media are looked at, the newest first: each is a call of the account's.
const MEDIA: usize = 3;
/// A younger comment may still be on its way.
const YOUNGEST: SignedDuration = SignedDuration::from_hours(1);
/// An older one was looked for on the days before.
const OLDEST: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Looks below the account's newest media. What Instagram refuses is left to the next sync.
pub(crate) async fn find_comments(app: &Arc<App>, account: &Account) -> Result<(), TaskError> {
    let has = |all: &[String], one: &str| all.iter().any(|it| it == one);
    let now = app.clock.now();
    let times = account.connected_at.max(now - OLDEST)..now - YOUNGEST;
    if times.is_empty()
        || !has(&account.webhook_fields, FIELD)
        || !has(&account.scopes, SCOPE)
        || account.media_count == Some(0)
        || policy::sync_gives_way(account, now)
    {
        return Ok(());
    }
    let token = app.vault.token(account).await?;
    let found = match written(app, account, &token, times).await {
        Ok(found) => found,
        Err(error) => {
            tracing::info!(event = "comments_not_looked_for", account = account.id, error = %error, "the next sync looks again");
            if error.row().effect == AccountEffect::RateLimited {
                // Whoever comes next must not lengthen the block.
                let weight = verdict::weigh(app, account, &token, &error).await?;
                verdict::take_over(app, account, true, BY_SCHEDULE, |record| {
                    verdict::note_failure(record, &error, weight, now);
                })
                .await?;
            }
            return Ok(());
        }
    };
    let ids: Vec<&str> = found.iter().map(|comment| comment.id.as_str()).collect();
    let known = app.table.comments(&account.id, &ids).await?;
    let known: BTreeSet<&str> = known.iter().map(|comment| comment.id.as_str()).collect();
    let unheard = found.iter().filter(|it| !known.contains(it.id.as_str()));
    let delivery = Key::suffix();
    let tasks = unheard.enumerate().map(|(number, comment)| {
        let delivered = Delivered {
            instagram_id: account.platform_account_id.clone(),
            envelope: Envelope::Changes,
            sent_at: None,
            received_at: now,
            source: Source::Poll,
            delivery: format!("{delivery}-{number}"),
            item: Item::Text(comment.item.clone()),
        };
        Task::HandleEvent {
            delivered: Box::new(delivered),
        }
    });
    Ok(app.event_queue.send_all(tasks).await?)
}

/// A comment, and the item by which a webhook would have told of it.
struct Written {
    id: String,
    item: String,
}

/// The comments of others below the newest media that were written between these times.
async fn written(
    app: &App,
    account: &Account,
    token: &AccessToken,
    times: Range<Timestamp>,
) -> Result<Vec<Written>, GraphError> {
    let own = [&account.platform_account_id, &account.app_scoped_id];
    let graph = app.graph.for_login(account.login);
    let query = MediaQuery {
        limit: MEDIA,
        for_sync: true,
        ..MediaQuery::default()
    };
    let newest = graph
        .media(
            token,
            &account.platform_account_id,
            MediaEdge::Media,
            &query,
        )
        .await?;
    let mut found = Vec::new();
    let mut usage = newest.usage;
    for media in newest.value.media {
        if media.comments_count == Some(0) {
            continue;
        }
        if gives_way(&usage) {
            break;
        }
        let page = graph.comments(token, &media.id, None).await?;
        usage = page.usage;
        for comment in page.value.comments {
            let is_own = comment
                .from
                .as_ref()
                .is_some_and(|from| own.contains(&from))
                || comment.username.is_some() && comment.username == account.username;
            let at = comment.written_at.filter(|at| times.contains(at));
            let (false, Some(at)) = (is_own, at) else {
                continue;
            };
            let value = json!({
                "id": comment.id,
                "text": comment.text,
                "from": {"id": comment.from, "username": comment.username},
                "media": {"id": media.id, "media_product_type": media.product_type},
                "timestamp": at.as_second(),
            });
            found.push(Written {
                item: json!({"field": FIELD, "value": value}).to_string(),
                id: comment.id,
            });
        }
    }
    Ok(found)
}

fn gives_way(usage: &Usage) -> bool {
    let percent = usage.max_percent().unwrap_or(0);
    u32::from(percent) >= policy::SYNC_GIVES_WAY_AT
}
