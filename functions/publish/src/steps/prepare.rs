//! Until Instagram has everything: a carousel's items first, then the container that is published.

use jiff::SignedDuration;
use shared::account::{Failure, PublishingPause};
use shared::graph::{ContainerStatus, Endpoint, ErrorKind, GraphError};
use shared::lambda::TaskError;
use shared::post::{Container, Post, State};
use shared::secret::AccessToken;

use super::outcome::{Outcome, failure, outcome};
use super::{Closed, Step, become_state, publish, settle};
use crate::preflight::{self, PAUSED_TOO_LONG, QUOTA_USED_UP};
use crate::timing;

/// A preflight that is younger is not repeated.
const CHECKED_LATELY: SignedDuration = SignedDuration::from_hours(1);
/// How often containers are made anew that Instagram could not use.
const MOST_RENEWALS: u32 = 1;
/// A container that cannot be read for so long is taken for finished: whether it is, the publishing call will say.
const UNREADABLE_AFTER: SignedDuration = SignedDuration::from_mins(5);

/// What was found of the containers.
enum Polled {
    Finished,
    /// It is live already: a call whose answer came to nobody has published it.
    Live,
    NotYet,
    TooLong,
    Refused(GraphError),
}

/// Makes the next container, or asks about the last one.
pub(super) async fn prepare(mut step: Step) -> Result<(), TaskError> {
    if step.now >= step.publish_at() + timing::LATEST {
        let waiting = step.post.waiting.clone();
        return step.fail_overdue(waiting.as_ref()).await;
    }
    if let Some(reason) = check(&mut step).await? {
        return step.fail(reason).await;
    }
    // What is made already is only asked about, which nobody restricts.
    let is_made = step.post.container.is_some();
    let pause = step.account.publishing_paused.as_ref();
    let is_paused = !is_made && pause.is_some_and(PublishingPause::needs_person);
    if is_paused && let Some(closed) = step.paused() {
        return step.wait(closed).await;
    }
    let token = match step.token().await? {
        Ok(token) => token,
        Err(closed) => return step.wait(closed).await,
    };
    if is_paused && let Some(closed) = step.probe_pause().await? {
        return step.wait(closed).await;
    }
    let wanted = step.post.content.item_containers();
    let made = step.post.items.len();
    if step.post.container.is_none() && made < wanted.len() {
        step.item = Some(made);
        let created = step
            .app
            .graph
            .for_login(step.account.login)
            .create_container(&token, &step.account.platform_account_id, &wanted[made])
            .await;
        return keep_created(step, &token, created.map(|answered| answered.value)).await;
    }
    let polled = poll_unfinished(&mut step, &token).await?;
    match polled {
        Polled::Finished => {}
        Polled::Live => return Box::pin(settle::live(step, None)).await,
        Polled::NotYet => return not_yet(step).await,
        Polled::TooLong => return too_long(step).await,
        Polled::Refused(error) => return refused(step, &token, error).await,
    }
    if step.post.container.is_none() {
        let items: Vec<&str> = step
            .post
            .items
            .iter()
            .map(|item| item.id.as_str())
            .collect();
        let fields = step.post.content.container(&items);
        let created = step
            .app
            .graph
            .for_login(step.account.login)
            .create_container(&token, &step.account.platform_account_id, &fields)
            .await;
        return keep_created(step, &token, created.map(|answered| answered.value)).await;
    }
    ready(step).await
}

/// Looks at the post once more where that was long ago; the reason where it cannot be published.
async fn check(step: &mut Step) -> Result<Option<Failure>, TaskError> {
    let is_begun = !step.post.items.is_empty() || step.post.container.is_some();
    let is_fresh = step
        .post
        .checked_at
        .is_some_and(|at| step.now.duration_since(at) < CHECKED_LATELY);
    if is_begun || is_fresh || super::closed(&step.account, step.now).is_some() {
        return Ok(None);
    }
    let found = preflight::check(
        &step.app,
        &step.account,
        &step.post.content,
        step.post.publish_at,
    )
    .await?;
    // A pause may end earlier, and a full quota empties bit by bit: a post waits for both, where it meets them.
    let is_waited_for = |code: &str| [QUOTA_USED_UP, PAUSED_TOO_LONG].contains(&code);
    let blocking = found
        .iter()
        .find(|finding| finding.is_blocking && !is_waited_for(&finding.code));
    let reason = blocking.map(|finding| Failure {
        code: finding.code.clone(),
        message: finding.sentence.clone(),
        at: step.now,
    });
    step.post.warnings = found;
    step.post.checked_at = Some(step.now);
    Ok(reason)
}

/// Asks about the containers that are not finished yet, one after the other, until one is not.
async fn poll_unfinished(step: &mut Step, token: &AccessToken) -> Result<Polled, TaskError> {
    let graph = step.app.graph.for_login(step.account.login);
    let (now, has_video) = (step.now, step.post.content.has_video());
    let items = step.post.items.iter_mut().enumerate();
    let items = items.map(|(index, item)| (Some(index), item));
    let containers = items.chain(
        step.post
            .container
            .iter_mut()
            .map(|container| (None, container)),
    );
    for (item, container) in containers.filter(|(_, container)| !container.is_finished) {
        step.item = item;
        let age = now.duration_since(container.made_at);
        match graph.container_status(token, &container.id).await {
            Ok(answered) => match answered.value {
                ContainerStatus::Published if item.is_none() => return Ok(Polled::Live),
                ContainerStatus::Finished | ContainerStatus::Published => {}
                ContainerStatus::InProgress if age < timing::longest_processing(has_video) => {
                    return Ok(Polled::NotYet);
                }
                ContainerStatus::InProgress => return Ok(Polled::TooLong),
                ContainerStatus::Expired => return Ok(refusal(ErrorKind::MediaExpired)),
                ContainerStatus::Failed(kind) => return Ok(refusal(kind)),
            },
            // Instagram cannot show it right now, which says nothing about it.
            Err(error) if error.kind == ErrorKind::NotFoundOrNoAccess => {
                if age < UNREADABLE_AFTER {
                    return Ok(Polled::NotYet);
                }
            }
            Err(error) => return Ok(Polled::Refused(error)),
        }
        container.is_finished = true;
    }
    step.item = None;
    Ok(Polled::Finished)
}

fn refusal(kind: ErrorKind) -> Polled {
    Polled::Refused(GraphError::without_answer(Endpoint::ContainerStatus, kind))
}

async fn keep_created(
    step: Step,
    token: &AccessToken,
    created: Result<String, GraphError>,
) -> Result<(), TaskError> {
    let id = match created {
        Ok(id) => id,
        Err(error) => return refused(step, token, error).await,
    };
    let pause = step.account.publishing_paused.as_ref();
    if pause.is_some_and(PublishingPause::needs_person) {
        step.end_pause().await?;
    }
    let mut post = step.post.clone();
    let mut told = Vec::new();
    if post.state != State::Preparing {
        become_state(&mut post, State::Preparing, None)?;
        told.push(step.told("preparing", "Instagram fetches and processes the media."));
    }
    let made_at = step.app.clock.now();
    let container = Container {
        id,
        made_at,
        is_finished: false,
    };
    let is_item = post.items.len() < post.content.item_containers().len();
    if is_item {
        post.items.push(container);
    } else {
        post.container = Some(container);
    }
    post.waiting = None;
    post.tries = 0;
    post.failures = 0;
    let more_items = post.items.len() < post.content.item_containers().len();
    let pause = if more_items {
        SignedDuration::ZERO
    } else {
        timing::poll_after(post.content.has_video(), 0)
    };
    post.wake_at = Some(made_at + pause);
    step.save(post, &told).await
}

/// The containers are left to expire.
async fn too_long(step: Step) -> Result<(), TaskError> {
    let reason = Failure {
        code: "processing_timeout".into(),
        message: "Instagram has not finished processing the media in time. A retry lets it try once more.".into(),
        at: step.now,
    };
    step.fail(reason).await
}

async fn not_yet(step: Step) -> Result<(), TaskError> {
    let mut post = step.post.clone();
    post.tries += 1;
    post.failures = 0;
    post.waiting = None;
    post.wake_at = Some(step.now + timing::poll_after(post.content.has_video(), post.tries));
    step.save(post, &[]).await
}

/// Everything is there: the post waits for its time, or is published at once where that has come.
async fn ready(mut step: Step) -> Result<(), TaskError> {
    let publish_at = step.publish_at();
    become_state(&mut step.post, State::Ready, None)?;
    if publish_at <= step.now {
        return Box::pin(publish::publish(step)).await;
    }
    let told = step.told(
        "ready",
        "Everything is prepared: at its time one call is left.",
    );
    let mut post = step.post.clone();
    post.wake_at = Some(timing::ready_wake_at(&post, publish_at, step.now));
    step.save(post, &[told]).await
}

/// What becomes of the post after a refusal.
async fn refused(step: Step, token: &AccessToken, error: GraphError) -> Result<(), TaskError> {
    step.note_refusal(token, &error, step.app.clock.now())
        .await?;
    let mut reason = failure(error.kind, step.now);
    if let Some(index) = step.item {
        reason.message = format!("Item {} of the carousel: {}", index + 1, reason.message);
    }
    match outcome(error.kind, step.post.failures, error.retry_after, step.now) {
        Outcome::Again(pause) => {
            let mut post = step.post.clone();
            post.failures += 1;
            post.waiting = Some(reason);
            // Not beyond its time: then it is told that it is over.
            let over = step.publish_at() + timing::LATEST;
            post.wake_at = Some((step.now + pause).min(over.max(step.now)));
            step.save(post, &[]).await
        }
        Outcome::Wait(until) => step.wait(Closed { reason, until }).await,
        Outcome::Renew if may_make_anew(&step.post) => make_anew(step, reason).await,
        Outcome::Renew | Outcome::Fail => step.fail(reason).await,
    }
}

/// Throws the containers away, of which none is live; what is left is to make new ones.
pub(super) async fn make_anew(step: Step, reason: Failure) -> Result<(), TaskError> {
    let told = step.told(
        "prepared_anew",
        format!("The media is prepared once more. {}", reason.message),
    );
    let mut post = step.post.clone();
    if post.state != State::Preparing {
        become_state(&mut post, State::Preparing, None)?;
    }
    post.forget_containers();
    post.renewals += 1;
    post.tries = 0;
    post.failures = 0;
    post.waiting = Some(reason);
    post.wake_at = Some(step.now + SignedDuration::from_secs(10));
    step.save(post, &[told]).await
}

/// Whether containers may be made anew once more.
pub(super) fn may_make_anew(post: &Post) -> bool {
    post.renewals < MOST_RENEWALS
}
