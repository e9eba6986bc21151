//! What follows once a post is live: its media's id where that is missing, its address, the first comment. No state leads
//! from `published` anywhere, so nothing here can publish a post again.

use jiff::{SignedDuration, Timestamp};
use shared::account::{Account, Failure};
use shared::graph::{ErrorKind, GraphError, PublishedComment, Retry};
use shared::lambda::TaskError;
use shared::post::{COMMENT_UNCLEAR, FirstComment, Post};
use shared::secret::AccessToken;
use shared::verdict;

use super::outcome::without_promises;
use super::settle::{CLOCKS_APART, Found, find};
use super::{Step, save, stamp};
use crate::timing;
use crate::wake::wake_and_write;

/// How often each of them is tried.
const MOST_TRIES: u32 = 6;
/// How often the first comment is sent.
const MOST_COMMENTS: u32 = 3;
/// A comment whose answer was lost is looked for after so long: longer than any function runs.
const COMMENT_QUIET: SignedDuration = SignedDuration::from_secs(60);
/// A comment is sent so soon after that was written down, or not at all: a process may have slept in between.
const SENT_WITHIN: SignedDuration = SignedDuration::from_secs(20);
/// So many pages of comments are looked through.
const MOST_PAGES: usize = 10;

/// Does the next of the things that follow.
pub(super) async fn finish(step: Step) -> Result<(), TaskError> {
    if !is_searching(&step.post) && !has_comment_left(&step.post) {
        return rest(step).await;
    }
    let token = match step.token().await? {
        Ok(token) => token,
        Err(closed) => return put_off(step, Some(closed.reason), closed.until).await,
    };
    if step.post.media_id.is_none() {
        return find_media(step, &token).await;
    }
    if is_searching(&step.post) {
        return find_address(step, &token).await;
    }
    match step.post.comment.clone() {
        Some(comment) => comment_once(step, &token, comment).await,
        None => rest(step).await,
    }
}

/// Whether it is still to be found out which media the post is, and where people see it.
fn is_searching(post: &Post) -> bool {
    post.media_id.is_none() || (post.permalink.is_none() && post.tries < MOST_TRIES)
}

async fn rest(step: Step) -> Result<(), TaskError> {
    let mut post = step.post.clone();
    post.wake_at = None;
    post.waiting = None;
    step.save(post, &[]).await
}

/// Tries the same later, at `until` where that is known; gives up after a few times, and says so.
async fn put_off(
    step: Step,
    reason: Option<Failure>,
    until: Option<Timestamp>,
) -> Result<(), TaskError> {
    let mut post = step.post.clone();
    let tries = match &mut post.comment {
        Some(comment) if !is_searching(&step.post) => &mut comment.looks,
        _ => &mut post.tries,
    };
    if *tries >= MOST_TRIES {
        return give_up(step, reason).await;
    }
    let pause = timing::look_after(*tries).map(|pause| step.now + pause);
    *tries += 1;
    post.waiting = reason;
    post.wake_at = until.or(pause);
    step.save(post, &[]).await
}

async fn give_up(step: Step, reason: Option<Failure>) -> Result<(), TaskError> {
    let not_found = Failure {
        code: "media_not_found".into(),
        message: "Instagram does not show which media the post is.".into(),
        at: step.now,
    };
    if step.post.media_id.is_none() && !has_comment_left(&step.post) {
        let mut post = step.post.clone();
        post.wake_at = None;
        post.waiting = None;
        let sentence = format!("The post is live. {}", not_found.message);
        let told = step.told("media_not_found", sentence);
        return step.save(post, &[told]).await;
    }
    let was_sent = step
        .post
        .comment
        .as_ref()
        .is_some_and(|comment| comment.tries > 0);
    let reason = reason.unwrap_or(not_found);
    if !was_sent {
        return no_comment(step, reason).await;
    }
    let unclear = Failure {
        code: COMMENT_UNCLEAR.into(),
        message: format!(
            "It could not be found out whether the first comment stands below the post: look there. {}",
            reason.message
        ),
        at: step.now,
    };
    no_comment(step, unclear).await
}

/// Ends without a first comment that we know.
async fn no_comment(step: Step, mut failure: Failure) -> Result<(), TaskError> {
    failure.message = without_promises(&failure.message);
    let mut post = step.post.clone();
    post.wake_at = None;
    post.waiting = None;
    let told = if failure.code == COMMENT_UNCLEAR {
        step.told(
            COMMENT_UNCLEAR,
            format!("The post is live. {}", failure.message),
        )
    } else {
        let sentence = format!(
            "The post is live, and its first comment could not be written. {}",
            failure.message
        );
        step.told("comment_failed", sentence)
    };
    if let Some(comment) = &mut post.comment {
        comment.failure = Some(failure);
    }
    step.save(post, &[told]).await
}

async fn find_media(step: Step, token: &AccessToken) -> Result<(), TaskError> {
    let Found::One(media) = find(&step, token).await? else {
        return put_off(step, None, None).await;
    };
    let mut post = step.post.clone();
    post.media_id = Some(media.id.clone());
    post.permalink = media.permalink;
    post.published_at = media.published_at.or(post.published_at);
    post.tries = 0;
    post.waiting = None;
    post.wake_at = Some(step.now);
    stamp(&step.post, &mut post, step.now);
    let table = &step.app.table;
    let write = table.write_published_post(&post, step.post.version, &media.id, &[]);
    wake_and_write(&step.app, &post, write).await?;
    Ok(())
}

async fn find_address(step: Step, token: &AccessToken) -> Result<(), TaskError> {
    let media = step.post.media_id.clone().unwrap_or_default();
    let graph = step.app.graph.for_login(step.account.login);
    let read = graph.published_media(token, &media).await;
    let permalink = match read {
        Ok(answered) => answered.value.permalink,
        Err(error) => {
            step.note_refusal(token, &error, step.app.clock.now())
                .await?;
            None
        }
    };
    let mut post = step.post.clone();
    post.waiting = None;
    match permalink {
        Some(permalink) => {
            post.permalink = Some(permalink);
            post.tries = 0;
            post.wake_at = has_comment_left(&post).then_some(step.now);
        }
        // The address is a convenience: what follows does not wait for it forever.
        None => {
            post.tries += 1;
            let pause = timing::look_after(post.tries).unwrap_or_default();
            post.wake_at = Some(step.now + pause);
        }
    }
    step.save(post, &[]).await
}

fn has_comment_left(post: &Post) -> bool {
    let comment = post.comment.as_ref();
    comment.is_some_and(|comment| comment.id.is_none() && comment.failure.is_none())
}

/// Writes the first comment, once: Instagram was seen to write one and answer with an error, so whoever sends it again
/// looks first.
async fn comment_once(
    step: Step,
    token: &AccessToken,
    comment: FirstComment,
) -> Result<(), TaskError> {
    if comment.tries == 0 {
        return send_comment(step, token, comment).await;
    }
    match look(&step, token, &comment).await? {
        Look::Written(id) => keep_comment(step, id).await,
        Look::Unclear(reason) => put_off(step, Some(reason), None).await,
        Look::Missing if comment.tries < MOST_COMMENTS => send_comment(step, token, comment).await,
        Look::Missing => {
            let reason = comment.refusal.unwrap_or_else(|| Failure {
                code: "comment_not_written".into(),
                message: "Instagram gave no answer, and does not show it.".into(),
                at: step.now,
            });
            no_comment(step, reason).await
        }
    }
}

async fn send_comment(
    step: Step,
    token: &AccessToken,
    mut comment: FirstComment,
) -> Result<(), TaskError> {
    let noted_at = step.app.clock.now();
    comment.tries += 1;
    comment.sent_at.get_or_insert(noted_at);
    let mut post = step.post.clone();
    post.comment = Some(comment.clone());
    post.wake_at = Some(noted_at + COMMENT_QUIET);
    if !save(&step.app, &step.post, &mut post, &[]).await? {
        return Ok(());
    }
    if step.app.clock.now() > noted_at + SENT_WITHIN {
        return Ok(());
    }
    let media = post.media_id.clone().unwrap_or_default();
    let text = post.content.first_comment().unwrap_or_default().to_owned();
    let graph = step.app.graph.for_login(step.account.login);
    let answer = graph.write_comment(token, &media, &text).await;
    let step = Step { post, ..step };
    let error = match answer {
        Ok(answered) => return keep_comment(step, answered.value).await,
        Err(error) => error,
    };
    let reason = verdict::failure(&error, step.app.clock.now());
    let mut post = step.post.clone();
    if error.kind == ErrorKind::PausedByBreaker {
        // It was not sent.
        comment.tries -= 1;
        comment.sent_at = comment.sent_at.filter(|_| comment.tries > 0);
        post.comment = Some(comment);
        let step = Step { post, ..step };
        return put_off(step, Some(reason), None).await;
    }
    if error.http_status.is_some_and(|status| status < 500) && error.code.is_some() {
        comment.refusal = Some(reason.clone());
        if is_final(&error) {
            // One look is left: a refusal is no proof.
            comment.tries = MOST_COMMENTS;
        }
    }
    post.comment = Some(comment);
    post.waiting = Some(reason);
    // It is looked for before it is sent again.
    step.save(post, &[]).await?;
    step.note_refusal(token, &error, step.app.clock.now()).await
}

fn is_final(error: &GraphError) -> bool {
    let is_known = error.kind != ErrorKind::Unknown;
    is_known && matches!(error.row().retry, Retry::Never | Retry::AfterUserActs)
}

/// What the comments below the post show of one that was sent.
enum Look {
    /// It is there, with this id.
    Written(String),
    /// It is not there.
    Missing,
    /// It cannot be told.
    Unclear(Failure),
}

async fn look(step: &Step, token: &AccessToken, comment: &FirstComment) -> Result<Look, TaskError> {
    let media = step.post.media_id.as_deref().unwrap_or_default();
    let text = step.post.content.first_comment().unwrap_or_default();
    let since = comment.sent_at.unwrap_or(step.post.created_at) - CLOCKS_APART;
    let graph = step.app.graph.for_login(step.account.login);
    let (mut after, mut has_a_doubtful_one) = (None, false);
    for _ in 0..MOST_PAGES {
        let page = match graph.comments(token, media, after.as_deref()).await {
            Ok(answered) => answered.value,
            Err(error) => {
                step.note_refusal(token, &error, step.app.clock.now())
                    .await?;
                return Ok(Look::Unclear(verdict::failure(&error, step.now)));
            }
        };
        for found in &page.comments {
            match is_ours(found, &step.account, text, since) {
                Some(true) => return Ok(Look::Written(found.id.clone())),
                Some(false) => {}
                None => has_a_doubtful_one = true,
            }
        }
        let last = page.comments.last().and_then(|found| found.written_at);
        after = page.after;
        if after.is_none() || last.is_some_and(|at| at < since) {
            let doubt = "A comment with its text stands there, and Instagram does not say that the account wrote it.";
            return Ok(match has_a_doubtful_one {
                true => Look::Unclear(unclear(doubt, step.now)),
                false => Look::Missing,
            });
        }
    }
    let too_many = "There are too many comments to look through.";
    Ok(Look::Unclear(unclear(too_many, step.now)))
}

fn unclear(sentence: &str, now: Timestamp) -> Failure {
    Failure {
        code: COMMENT_UNCLEAR.into(),
        message: sentence.into(),
        at: now,
    }
}

/// Whether a comment is the one that was sent; `None` where it could be. Somebody may write the same text, and an account
/// may have been renamed: then a name says nothing.
fn is_ours(
    found: &PublishedComment,
    account: &Account,
    text: &str,
    since: Timestamp,
) -> Option<bool> {
    let has_text = found.text.as_deref().map(str::trim) == Some(text.trim());
    if !has_text || found.written_at.is_some_and(|at| at < since) {
        return Some(false);
    }
    let own_ids = [&account.platform_account_id, &account.app_scoped_id];
    let is_own_id = found
        .from
        .as_ref()
        .is_some_and(|from| own_ids.contains(&from));
    let is_own_name = found.username.is_some() && found.username == account.username;
    (is_own_id || is_own_name).then_some(true)
}

async fn keep_comment(step: Step, id: String) -> Result<(), TaskError> {
    let mut post = step.post.clone();
    if let Some(comment) = &mut post.comment {
        comment.id = Some(id);
    }
    post.waiting = None;
    post.wake_at = None;
    let told = step.told(
        "comment_written",
        "The first comment stands below the post.",
    );
    step.save(post, &[told]).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::account::Connection;
    use shared::graph::{LoginKind, Profile};

    fn account(now: Timestamp) -> Account {
        let profile = Profile {
            ig_user_id: "17841400000000001".into(),
            app_scoped_id: "25000000000000001".into(),
            username: Some("corner.bakery".into()),
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
            page: "p".into(),
            token_expires_at: now,
        };
        Account::new("a".into(), connection, now)
    }

    #[test]
    fn d_a_comment_is_ours_by_its_writer_and_a_strangers_equal_text_is_doubtful() {
        let since: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        let account = account(since);
        let some = |text: &str| Some(text.to_owned());
        let comment = |username: Option<&str>, from: Option<&str>| PublishedComment {
            id: "1".into(),
            text: some("Bread "),
            written_at: Some(since),
            username: username.map(str::to_owned),
            from: from.map(str::to_owned),
        };
        let judged = |found: &PublishedComment| is_ours(found, &account, "Bread", since);
        for (username, from, expected) in [
            (Some("corner.bakery"), None, Some(true)),
            // Renamed meanwhile.
            (Some("new.bakery"), Some("17841400000000001"), Some(true)),
            (None, Some("25000000000000001"), Some(true)),
            (Some("stranger"), Some("99"), None),
            (None, None, None),
        ] {
            assert_eq!(judged(&comment(username, from)), expected, "{username:?}");
        }
        let own = comment(Some("corner.bakery"), None);
        let other = PublishedComment {
            text: some("Rolls"),
            ..own.clone()
        };
        let older = PublishedComment {
            written_at: Some(since - CLOCKS_APART),
            ..own
        };
        assert_eq!((judged(&other), judged(&older)), (Some(false), Some(false)));
    }
}
