//! Whether a post is live whose publishing had no clear answer.
//!
//! The container says most: `PUBLISHED` or not. Then the account's newest media are looked through for one of the post's
//! kind, time and caption that is no other post's. Only where neither shows the post, and the call has had its time, is it
//! published again, from the same container: Instagram makes one media of it at most.

use jiff::{SignedDuration, Timestamp};
use shared::account::Failure;
use shared::graph::{AccountEffect, ContainerStatus, ErrorKind, GraphError, PublishedMedia};
use shared::lambda::TaskError;
use shared::post::{Content, Post, State};
use shared::secret::AccessToken;

use super::outcome::{Outcome, failure, outcome};
use super::prepare::{make_anew, may_make_anew};
use super::publish::{publish, sentence, write_published};
use super::{Closed, Step, become_state};
use crate::timing;

/// How often the same container is published without a clear answer.
const MOST_ATTEMPTS: u32 = 3;
/// So often a container that Instagram does not show any more is asked about before it is given up.
const LOOKS_FOR_A_CONTAINER: u32 = 5;
/// Instagram's clock and ours may differ by so much.
const CLOCKS_APART: SignedDuration = SignedDuration::from_mins(2);
/// What follows a publication comes so long after it.
const FOLLOWS_AFTER: SignedDuration = SignedDuration::from_secs(2);

/// What the account's media show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// None that could be the post.
    None,
    /// One that is the post.
    One(Box<PublishedMedia>),
    /// Several that could be the post.
    Many,
    /// Instagram does not show them right now.
    Unreadable,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Decision {
    /// It is live, and this is its media where that is known.
    Live(Option<Box<PublishedMedia>>),
    /// It is not live, and is published once more.
    PublishAgain,
    /// It is not live, and waits for the account.
    Wait(Failure, Option<Timestamp>),
    /// It is not live, and is prepared anew.
    Renew(Failure),
    /// It is not live, and Instagram has not finished preparing it.
    Prepare,
    /// It is not live, and cannot be published.
    Fail(Failure),
    /// It cannot be told yet.
    LookAgain,
}

/// Finds out, and does what follows.
pub(super) async fn settle(mut step: Step) -> Result<(), TaskError> {
    if step.post.state == State::Publishing {
        // Nobody told how the call went: its process has ended.
        let reason = Failure {
            code: "answer_lost".into(),
            message: "The call that publishes was begun, and its answer was lost. It is being found out whether the \
                      post is live."
                .into(),
            at: step.now,
        };
        become_state(&mut step.post, State::Unknown, Some(reason))?;
    }
    let token = match step.token().await? {
        Ok(token) => token,
        Err(closed) => return look_again(step, Some(closed)).await,
    };
    let graph = step.app.graph.for_login(step.account.login);
    let container = match &step.post.container {
        Some(container) => graph
            .container_status(&token, &container.id)
            .await
            .map(|answered| answered.value),
        None => Ok(ContainerStatus::Expired),
    };
    let found = find(&step, &token).await?;
    match decide(&step.post, &container, found, step.now) {
        Decision::Live(media) => live(step, media).await,
        Decision::PublishAgain => {
            let post = step.post.clone();
            publish(step, post).await
        }
        Decision::Wait(reason, until) => {
            become_state(&mut step.post, State::Ready, None)?;
            step.wait(Closed { reason, until }).await
        }
        Decision::Renew(reason) => renew(step, reason).await,
        Decision::Prepare => {
            let mut post = step.post.clone();
            become_state(&mut post, State::Preparing, None)?;
            if let Some(container) = &mut post.container {
                container.is_finished = false;
            }
            post.wake_at = Some(step.now + SignedDuration::from_secs(30));
            let told = step.told(
                "preparing",
                "The post is not live yet: Instagram still processes the media.",
            );
            step.save(post, &[told]).await
        }
        Decision::Fail(reason) => step.fail(reason).await,
        Decision::LookAgain => look_again(step, None).await,
    }
}

/// What container and media together say.
fn decide(
    post: &Post,
    container: &Result<ContainerStatus, GraphError>,
    found: Found,
    now: Timestamp,
) -> Decision {
    let Some(attempt) = &post.attempt else {
        return Decision::LookAgain;
    };
    if *container == Ok(ContainerStatus::Published) {
        return Decision::Live(match found {
            Found::One(media) => Some(media),
            _ => None,
        });
    }
    match found {
        Found::One(media) => return Decision::Live(Some(media)),
        Found::Many | Found::Unreadable => return Decision::LookAgain,
        Found::None => {}
    }
    let refusal = attempt.refusal.as_ref().and_then(kind_of);
    let is_sure = refusal.is_some_and(|kind| kind.row().effect != AccountEffect::PublishingPaused);
    if !is_sure && now < attempt.at + timing::QUIET {
        return Decision::LookAgain;
    }
    let reason = attempt
        .refusal
        .clone()
        .or_else(|| post.state_reason.clone());
    let reason = reason.unwrap_or_else(|| failure(ErrorKind::Unknown, now));
    match container {
        Ok(ContainerStatus::Published) => Decision::Live(None),
        Ok(ContainerStatus::Finished) => match refusal {
            None if attempt.number < MOST_ATTEMPTS => Decision::PublishAgain,
            None => Decision::LookAgain,
            Some(kind) => match outcome(kind, attempt.number, None, now) {
                Outcome::Again(_) => Decision::PublishAgain,
                Outcome::Wait(until) => Decision::Wait(reason, until),
                Outcome::Renew if may_make_anew(post) => Decision::Renew(reason),
                Outcome::Renew | Outcome::Fail => Decision::Fail(reason),
            },
        },
        Ok(ContainerStatus::InProgress) => Decision::Prepare,
        Ok(ContainerStatus::Expired) => anew_or_fail(post, failure(ErrorKind::MediaExpired, now)),
        Ok(ContainerStatus::Failed(kind)) => match outcome(*kind, attempt.number, None, now) {
            Outcome::Fail | Outcome::Wait(_) => Decision::Fail(failure(*kind, now)),
            Outcome::Again(_) | Outcome::Renew => anew_or_fail(post, failure(*kind, now)),
        },
        Err(error) if error.kind == ErrorKind::ContainerMissing => {
            if post.tries < LOOKS_FOR_A_CONTAINER {
                Decision::LookAgain
            } else {
                anew_or_fail(post, failure(error.kind, now))
            }
        }
        Err(_) => Decision::LookAgain,
    }
}

fn anew_or_fail(post: &Post, reason: Failure) -> Decision {
    if may_make_anew(post) {
        Decision::Renew(reason)
    } else {
        Decision::Fail(reason)
    }
}

fn kind_of(refusal: &Failure) -> Option<ErrorKind> {
    let mut all = ErrorKind::ALL.iter().copied();
    all.find(|kind| kind.code() == refusal.code)
}

/// Looks through the account's newest media for the post.
pub(super) async fn find(step: &Step, token: &AccessToken) -> Result<Found, TaskError> {
    let is_story = matches!(step.post.content, Content::Story(_));
    let newest = step
        .app
        .graph
        .for_login(step.account.login)
        .newest_media(token, &step.account.platform_account_id, is_story)
        .await;
    let Ok(newest) = newest else {
        return Ok(Found::Unreadable);
    };
    let mut fitting = Vec::new();
    for media in newest.value {
        if !fits(&step.post, &media, step.now) {
            continue;
        }
        let table = &step.app.table;
        let owner = table.post_of_media(&step.post.account, &media.id).await?;
        if owner.is_none_or(|owner| owner == step.post.id) {
            fitting.push(media);
        }
    }
    Ok(match fitting.len() {
        0 => Found::None,
        1 => fitting
            .pop()
            .map_or(Found::None, |media| Found::One(Box::new(media))),
        _ => Found::Many,
    })
}

/// Whether a media can be this post: its kind, its caption, and a time since publishing began.
fn fits(post: &Post, media: &PublishedMedia, now: Timestamp) -> bool {
    let Some(attempt) = &post.attempt else {
        return false;
    };
    let is_kind = |media_type: &str, product_type: &str| {
        let fits = |found: &Option<String>, wanted: &str| {
            found.as_deref().is_none_or(|found| found == wanted)
        };
        fits(&media.media_type, media_type) && fits(&media.product_type, product_type)
    };
    let is_of_kind = match &post.content {
        Content::Image(_) => is_kind("IMAGE", "FEED"),
        Content::Carousel(_) => is_kind("CAROUSEL_ALBUM", "FEED"),
        Content::Reel(_) => is_kind("VIDEO", "REELS"),
        Content::Story(_) => media
            .product_type
            .as_deref()
            .is_none_or(|kind| kind == "STORY"),
    };
    let is_of_time = media
        .published_at
        .is_some_and(|at| at >= attempt.first_at - CLOCKS_APART && at <= now + CLOCKS_APART);
    is_of_kind && is_of_time && same_text(post.content.caption(), media.caption.as_deref())
}

/// Captions without what Instagram changes: `@` is stripped for some callers, and white space is its own.
fn same_text(ours: Option<&str>, theirs: Option<&str>) -> bool {
    fn plain(text: Option<&str>) -> impl Iterator<Item = char> {
        let text = text.unwrap_or_default();
        text.chars()
            .filter(|character| *character != '@' && !character.is_whitespace())
    }
    plain(ours).eq(plain(theirs))
}

async fn live(step: Step, media: Option<Box<PublishedMedia>>) -> Result<(), TaskError> {
    end_disproved_pause(&step).await?;
    let mut post = step.post.clone();
    become_state(&mut post, State::Published, None)?;
    post.wake_at = Some(step.now + FOLLOWS_AFTER);
    let Some(media) = media else {
        // It is live, and which media it is will be found: the first of the steps after.
        post.published_at = post.attempt.as_ref().map(|attempt| attempt.at);
        let told = step.told("published", sentence(&post, step.publish_at(), step.now));
        return step.save(post, &[told]).await;
    };
    post.published_at = media.published_at.or(Some(step.now));
    post.media_id = Some(media.id.clone());
    post.permalink = media.permalink.clone();
    let at = post.published_at.unwrap_or(step.now);
    if !write_published(&step, &step.post, &mut post, &media.id, at).await? {
        // Somebody else wrote, who has a task of their own, or another post took the media: then it is looked for again.
        tracing::info!(
            event = "media_not_bound",
            post = step.post.id,
            "the post or the media was taken meanwhile"
        );
    }
    Ok(())
}

/// A refusal that paused the account's posts was none: this one is live.
async fn end_disproved_pause(step: &Step) -> Result<(), TaskError> {
    let attempt = step.post.attempt.as_ref();
    let Some(refusal) = attempt.and_then(|attempt| attempt.refusal.as_ref()) else {
        return Ok(());
    };
    let (now, account) = (step.app.clock.now(), &step.account.id);
    step.app
        .table
        .update_account(account, now, |record| {
            let paused = record.publishing_paused.as_ref();
            let is_disproved = paused.is_some_and(|pause| pause.reason.code == refusal.code);
            if is_disproved {
                record.publishing_paused = None;
            }
            is_disproved
        })
        .await?;
    Ok(())
}

async fn renew(step: Step, reason: Failure) -> Result<(), TaskError> {
    let told = step.told(
        "prepared_anew",
        format!(
            "The post is not live, and is prepared once more. {}",
            reason.message
        ),
    );
    let mut post = step.post.clone();
    become_state(&mut post, State::Preparing, None)?;
    make_anew(&mut post);
    post.waiting = Some(reason);
    post.wake_at = Some(step.now);
    step.save(post, &[told]).await
}

/// Looks again later, and for a day at most.
async fn look_again(step: Step, closed: Option<Closed>) -> Result<(), TaskError> {
    let mut post = step.post.clone();
    let mut told = Vec::new();
    post.waiting = closed.map(|closed| closed.reason);
    match timing::look_after(post.tries) {
        Some(pause) => {
            let quiet = post
                .attempt
                .as_ref()
                .map(|attempt| attempt.at + timing::QUIET);
            let next = step.now + pause;
            // The first looks may come before the call has had its time; the next one then comes right after it.
            post.wake_at = Some(match quiet {
                Some(quiet) if quiet > step.now && quiet < next => quiet,
                _ => next,
            });
            post.tries += 1;
        }
        None => {
            let reason = Failure {
                code: "not_found_out".into(),
                message: "It could not be found out within a day whether the post is live. Look at the account's \
                          profile: if the post is there, cancel it here; if it is not, duplicate it. A retry looks again."
                    .into(),
                at: step.now,
            };
            told.push(step.told("not_found_out", reason.message.clone()));
            post.state_reason = Some(reason);
            post.wake_at = None;
        }
    }
    step.save(post, &told).await
}
