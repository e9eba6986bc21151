//! Whether a post is live whose publishing had no clear answer.
//!
//! The container says most: `PUBLISHED` or not. Only where it does not say, the account's newest media are looked through
//! for one of the post's kind, time and caption that is no other post's; without a caption nothing tells the post from what
//! its owner published by hand. Nothing but that it is live is believed before the call has had its time. A post that is not
//! live then is published again, from the same container: Instagram makes one media of it at most.

use jiff::{SignedDuration, Timestamp};
use shared::account::Failure;
use shared::graph::{AccountEffect, ContainerStatus, ErrorKind, PublishedMedia};
use shared::lambda::TaskError;
use shared::post::{Attempt, Content, Post, State};
use shared::secret::AccessToken;
use shared::sync::BY_SCHEDULE;
use shared::table::timeline::TimelineEntry;
use shared::verdict;

use super::outcome::{Outcome, failure, outcome};
use super::prepare::{make_anew, may_make_anew};
use super::publish::{FOLLOWS_AFTER, publish, sentence, write_published};
use super::{Closed, Step, become_state};
use crate::timing;

/// How often a post is published, from its first call on, before it is given up.
const MOST_CALLS: u32 = 5;
/// So often a container that Instagram does not show any more is asked about before it is given up.
const LOOKS_FOR_A_CONTAINER: u32 = 5;
/// Instagram's clock and ours may differ by so much.
pub(super) const CLOCKS_APART: SignedDuration = SignedDuration::from_mins(2);

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
    /// It is not live, and cannot be published.
    Fail(Failure),
    /// It is too early to tell, or to publish it again.
    LookAt(Timestamp),
    /// It cannot be told yet.
    LookAgain,
}

/// Finds out, and does what follows.
pub(super) async fn settle(mut step: Step) -> Result<(), TaskError> {
    let mut told = Vec::new();
    if step.post.state == State::Publishing {
        // Nobody told how the call went: its process has ended.
        let reason = Failure {
            code: "answer_lost".into(),
            message: "The call that publishes was begun, and its answer was lost. It is being found out whether the \
                      post is live."
                .into(),
            at: step.now,
        };
        told.push(step.told("answer_lost", reason.message.clone()));
        become_state(&mut step.post, State::Unknown, Some(reason))?;
    }
    note_refusal_of_others(&step).await?;
    let token = match step.token().await? {
        Ok(token) => token,
        Err(closed) => return look_again(step, Some(closed.reason), told).await,
    };
    let graph = step.app.graph.for_login(step.account.login);
    let status = match &step.post.container {
        Some(container) => Some(graph.container_status(&token, &container.id).await),
        None => None,
    };
    let container = match status {
        Some(Ok(answered)) => Ok(answered.value),
        Some(Err(error)) => {
            step.note_refusal(&token, &error, step.app.clock.now())
                .await?;
            if error.row().effect == AccountEffect::RateLimited {
                let reason = failure(error.kind, step.now);
                return look_again(step, Some(reason), told).await;
            }
            Err(error.kind)
        }
        None => Ok(ContainerStatus::Expired),
    };
    let found = find(&step, &token).await?;
    match decide(&step.post, container, found, step.now) {
        Decision::Live(media) => live(step, media).await,
        Decision::PublishAgain => {
            become_state(&mut step.post, State::Ready, None)?;
            Box::pin(publish(step)).await
        }
        Decision::Wait(reason, until) => {
            become_state(&mut step.post, State::Ready, None)?;
            step.wait(Closed { reason, until }).await
        }
        Decision::Renew(reason) => make_anew(step, reason).await,
        Decision::Fail(reason) => step.fail(reason).await,
        Decision::LookAt(at) => {
            let mut post = step.post.clone();
            post.wake_at = Some(at);
            step.save(post, &told).await
        }
        Decision::LookAgain => look_again(step, None, told).await,
    }
}

/// A refusal that holds for the account's other posts pauses them: whoever met it may have ended before that was written.
async fn note_refusal_of_others(step: &Step) -> Result<(), TaskError> {
    let attempt = step.post.attempt.as_ref();
    let Some(refusal) = attempt.and_then(|attempt| attempt.refusal.as_ref()) else {
        return Ok(());
    };
    let Some(kind) = kind_of(refusal) else {
        return Ok(());
    };
    let pause = step.account.publishing_paused.as_ref();
    let is_noted = pause.is_some_and(|pause| pause.reason.at >= refusal.at);
    if is_noted || refusal.at < step.account.connected_at {
        return Ok(());
    }
    let now = step.app.clock.now();
    verdict::take_over(&step.app, &step.account, false, BY_SCHEDULE, |record| {
        verdict::pause_publishing(record, kind, refusal.at, now);
    })
    .await?;
    Ok(())
}

/// What container and media together say.
fn decide(
    post: &Post,
    container: Result<ContainerStatus, ErrorKind>,
    found: Found,
    now: Timestamp,
) -> Decision {
    let Some(attempt) = &post.attempt else {
        return Decision::LookAgain;
    };
    let decision = match container {
        Ok(ContainerStatus::Published) => Decision::Live(match found {
            Found::One(media) => Some(media),
            _ => None,
        }),
        Ok(ContainerStatus::InProgress) => Decision::LookAgain,
        Ok(ContainerStatus::Finished) => unpublished(post, attempt, found, now),
        Ok(ContainerStatus::Failed(kind)) => match outcome(kind, 0, None, now) {
            Outcome::Again(_) | Outcome::Renew => anew_or_fail(post, failure(kind, now)),
            _ => Decision::Fail(failure(kind, now)),
        },
        Ok(ContainerStatus::Expired) => by_media(post, found)
            .unwrap_or_else(|| anew_or_fail(post, failure(ErrorKind::MediaExpired, now))),
        Err(kind) => by_media(post, found).unwrap_or_else(|| {
            if kind == ErrorKind::ContainerMissing && post.tries >= LOOKS_FOR_A_CONTAINER {
                anew_or_fail(post, failure(kind, now))
            } else {
                Decision::LookAgain
            }
        }),
    };
    let quiet = attempt.at + timing::QUIET;
    match decision {
        Decision::Live(_) => decision,
        _ if now < quiet => Decision::LookAt(quiet),
        _ => decision,
    }
}

/// What the account's media say where the container says nothing; `None`: the post is not among them.
fn by_media(post: &Post, found: Found) -> Option<Decision> {
    let is_told_apart = post
        .content
        .caption()
        .is_some_and(|caption| !caption.trim().is_empty());
    match found {
        Found::None => None,
        Found::One(media) if is_told_apart => Some(Decision::Live(Some(media))),
        Found::One(_) | Found::Many | Found::Unreadable => Some(Decision::LookAgain),
    }
}

/// What follows where the container has not been published: the refusal, if there was one.
fn unpublished(post: &Post, attempt: &Attempt, found: Found, now: Timestamp) -> Decision {
    let refusal = attempt.refusal.as_ref().and_then(kind_of);
    if refusal == Some(ErrorKind::DuplicatePost) && attempt.number > 1 {
        // Instagram knows the post from an earlier call, whatever the container says.
        return by_media(post, found).unwrap_or(Decision::LookAgain);
    }
    if attempt.number >= MOST_CALLS {
        return Decision::Fail(given_up(post, attempt, now));
    }
    let (Some(kind), Some(reason)) = (refusal, attempt.refusal.clone()) else {
        return Decision::PublishAgain;
    };
    match outcome(kind, attempt.number - 1, None, now) {
        Outcome::Again(pause) if now < attempt.at + pause => Decision::LookAt(attempt.at + pause),
        Outcome::Again(_) => Decision::PublishAgain,
        // It has ended: calls are made for the account again.
        Outcome::Wait(_) if kind.row().effect == AccountEffect::RateLimited => {
            Decision::PublishAgain
        }
        Outcome::Wait(until) => Decision::Wait(reason, until),
        Outcome::Renew => anew_or_fail(post, reason),
        Outcome::Fail => Decision::Fail(reason),
    }
}

fn given_up(post: &Post, attempt: &Attempt, now: Timestamp) -> Failure {
    let last = attempt.refusal.as_ref();
    let code = last.or(post.state_reason.as_ref()).map_or_else(
        || ErrorKind::Unknown.code().to_owned(),
        |last| last.code.clone(),
    );
    let because = last.map_or("Its answers were lost.", |last| &last.message);
    Failure {
        code,
        message: format!(
            "Instagram was asked {} times to publish the post, and it is not live. {because}",
            attempt.number
        ),
        at: now,
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
    let newest = match newest {
        Ok(answered) => answered.value,
        Err(error) => {
            step.note_refusal(token, &error, step.app.clock.now())
                .await?;
            return Ok(Found::Unreadable);
        }
    };
    let mut fitting = Vec::new();
    for media in newest {
        if !fits(&step.post, &media) {
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

/// Whether a media can be this post: its kind, its caption, and a time at which a call of ours can have made it.
fn fits(post: &Post, media: &PublishedMedia) -> bool {
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
    let first = attempt.first_at - CLOCKS_APART;
    let last = attempt.at + timing::QUIET + CLOCKS_APART;
    let is_of_time = media
        .published_at
        .is_some_and(|at| at >= first && at <= last);
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

/// Keeps that the post is live.
pub(super) async fn live(step: Step, media: Option<Box<PublishedMedia>>) -> Result<(), TaskError> {
    end_disproved_pause(&step).await?;
    let mut post = step.post.clone();
    become_state(&mut post, State::Published, None)?;
    post.wake_at = Some(step.now + FOLLOWS_AFTER);
    let Some(media) = media else {
        // It is live, and which media it is will be found: the first of the steps after.
        let attempt = post.attempt.as_ref();
        post.published_at = Some(attempt.map_or(step.now, |attempt| attempt.at));
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

/// The refusal that paused the account's posts was none: this one is live.
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
            let is_disproved = paused.is_some_and(|pause| {
                (&pause.reason.code, pause.reason.at) == (&refusal.code, refusal.at)
            });
            if is_disproved {
                record.publishing_paused = None;
            }
            is_disproved
        })
        .await?;
    Ok(())
}

/// Looks again later, and for a day at most.
async fn look_again(
    step: Step,
    waiting: Option<Failure>,
    mut told: Vec<TimelineEntry>,
) -> Result<(), TaskError> {
    let mut post = step.post.clone();
    post.waiting = waiting;
    match timing::look_after(post.tries) {
        Some(pause) => {
            post.wake_at = Some(step.now + pause);
            post.tries += 1;
        }
        None => {
            let reason = Failure {
                code: "not_found_out".into(),
                message: "It could not be found out within a day whether the post is live. Look at the account's \
                          profile: if the post is there, nothing is left to do; if it is not, duplicate it, and call \
                          this one off. A retry looks again."
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

#[cfg(test)]
mod tests {
    use serde_json::json;
    use shared::post::Container;

    use super::*;

    /// All that a decision depends on.
    #[derive(Clone, Debug)]
    struct Case {
        container: Result<ContainerStatus, ErrorKind>,
        found: Found,
        refusal: Option<ErrorKind>,
        number: u32,
        seconds: i64,
        renewals: u32,
        tries: u32,
        caption: Option<&'static str>,
    }

    fn begun() -> Timestamp {
        "2026-11-21T10:00:00Z".parse().unwrap()
    }

    fn media() -> Box<PublishedMedia> {
        Box::new(PublishedMedia {
            id: "1".into(),
            media_type: None,
            product_type: None,
            caption: None,
            published_at: Some(begun()),
            permalink: None,
        })
    }

    impl Case {
        fn of(container: Result<ContainerStatus, ErrorKind>) -> Self {
            Self {
                container,
                found: Found::None,
                refusal: None,
                number: 1,
                seconds: 120,
                renewals: 0,
                tries: 0,
                caption: Some("Bread"),
            }
        }

        fn refused(self, kind: ErrorKind) -> Self {
            let refusal = Some(kind);
            Self { refusal, ..self }
        }

        fn number(self, number: u32) -> Self {
            Self { number, ..self }
        }

        fn after(self, seconds: i64) -> Self {
            Self { seconds, ..self }
        }

        fn found(self, found: Found) -> Self {
            Self { found, ..self }
        }

        fn now(&self) -> Timestamp {
            begun() + SignedDuration::from_secs(self.seconds)
        }

        fn decided(&self) -> Decision {
            let mut content = json!({"kind": "image", "imageUrl": "https://a.example/1.jpg"});
            if let Some(caption) = self.caption {
                content["caption"] = caption.into();
            }
            let content = serde_json::from_value(content).unwrap();
            let mut post = Post::new("p".into(), "a", "ann", content, begun());
            post.container = Some(Container {
                id: "9".into(),
                made_at: begun(),
                is_finished: true,
            });
            post.renewals = self.renewals;
            post.tries = self.tries;
            post.attempt = Some(Attempt {
                number: self.number,
                first_at: begun(),
                at: begun(),
                refusal: self.refusal.map(|kind| failure(kind, begun())),
            });
            let found = self.found.clone();
            decide(&post, self.container, found, self.now())
        }
    }

    /// Whatever is combined: what the decision may be at all.
    fn check(case: &Case) {
        let decision = case.decided();
        let is_quiet = case.seconds >= 120;
        let is_finished = case.container == Ok(ContainerStatus::Finished);
        let is_known_earlier = case.refusal == Some(ErrorKind::DuplicatePost) && case.number > 1;
        let says_nothing = case.container.is_err()
            || case.container == Ok(ContainerStatus::Expired)
            || (is_finished && is_known_earlier);
        let is_bound = matches!(case.found, Found::One(_)) && case.caption.is_some();
        let is_shown = case.container == Ok(ContainerStatus::Published);
        match &decision {
            Decision::Live(_) => assert!(is_shown || (says_nothing && is_bound), "{case:?}"),
            Decision::PublishAgain => {
                assert!(is_finished && is_quiet && !is_known_earlier, "{case:?}");
                assert!(case.number < MOST_CALLS, "{case:?}");
                let is_passing = case.refusal.is_none_or(|kind| {
                    let is_again = matches!(outcome(kind, 0, None, begun()), Outcome::Again(_));
                    is_again || kind.row().effect == AccountEffect::RateLimited
                });
                assert!(is_passing, "{case:?}");
            }
            Decision::Wait(..) => assert!(is_finished && is_quiet, "{case:?}"),
            Decision::Renew(_) | Decision::Fail(_) => {
                let is_over = is_finished && !is_known_earlier
                    || matches!(case.container, Ok(ContainerStatus::Failed(_)));
                let is_gone = case.container == Ok(ContainerStatus::Expired)
                    || case.container == Err(ErrorKind::ContainerMissing);
                let is_gone = is_gone && case.found == Found::None;
                assert!(is_quiet && (is_over || is_gone), "{case:?}");
                let is_renewed = matches!(decision, Decision::Renew(_));
                assert!(!is_renewed || case.renewals == 0, "{case:?}");
            }
            Decision::LookAt(at) => assert!(*at > case.now() && !is_shown, "{case:?}"),
            Decision::LookAgain => assert!(!is_shown, "{case:?}"),
        }
        if is_shown {
            assert!(matches!(decision, Decision::Live(_)), "{case:?}");
        }
        if case.number >= MOST_CALLS && is_finished && is_quiet && !is_known_earlier {
            assert!(matches!(decision, Decision::Fail(_)), "{case:?}");
        }
    }

    #[test]
    fn d_whatever_is_combined_nothing_is_done_that_could_publish_twice_or_tell_a_lie() {
        let few = [
            Ok(ContainerStatus::Published),
            Ok(ContainerStatus::InProgress),
            Ok(ContainerStatus::Finished),
            Ok(ContainerStatus::Expired),
            Ok(ContainerStatus::Failed(ErrorKind::UploadFailed)),
            Err(ErrorKind::NotFoundOrNoAccess),
            Err(ErrorKind::ContainerMissing),
        ];
        let kinds = || ErrorKind::ALL.iter().copied();
        let refused = few
            .iter()
            .flat_map(|container| kinds().map(|kind| Case::of(*container).refused(kind)));
        let failed = kinds().map(|kind| Case::of(Ok(ContainerStatus::Failed(kind))));
        let unread = kinds().map(|kind| Case::of(Err(kind)));
        let plain = few.iter().map(|container| Case::of(*container));
        let mut checked = 0;
        for case in plain.chain(refused).chain(failed).chain(unread) {
            for found in [
                Found::None,
                Found::One(media()),
                Found::Many,
                Found::Unreadable,
            ] {
                for (number, seconds) in [(1, 5), (1, 120), (2, 119), (2, 900), (5, 120)] {
                    for (renewals, tries, caption) in
                        [(0, 0, Some("Bread")), (1, 5, None), (0, 5, Some("Bread"))]
                    {
                        checked += 1;
                        check(&Case {
                            found: found.clone(),
                            number,
                            seconds,
                            renewals,
                            tries,
                            caption,
                            ..case.clone()
                        });
                    }
                }
            }
        }
        assert!(checked > 30_000, "{checked}");
    }

    #[test]
    fn d_what_the_container_says_counts_before_what_the_profile_shows() {
        let finished = Case::of(Ok(ContainerStatus::Finished));
        for found in [Found::One(media()), Found::Many, Found::Unreadable] {
            let case = finished.clone().found(found);
            assert_eq!(case.decided(), Decision::PublishAgain, "{case:?}");
        }
        let unread = Case::of(Err(ErrorKind::NotFoundOrNoAccess)).found(Found::One(media()));
        assert_eq!(unread.decided(), Decision::Live(Some(media())));
        let caption = None;
        let captionless = Case { caption, ..unread };
        assert_eq!(captionless.decided(), Decision::LookAgain);
    }

    #[test]
    fn d07_a_post_that_was_published_too_early_is_published_again_ever_later_and_not_for_ever() {
        let not_ready = Case::of(Ok(ContainerStatus::Finished)).refused(ErrorKind::NotReady);
        let again = |number, seconds| not_ready.clone().number(number).after(seconds).decided();
        assert_eq!(again(1, 120), Decision::PublishAgain);
        let later = begun() + SignedDuration::from_secs(240);
        assert_eq!(again(4, 120), Decision::LookAt(later));
        assert_eq!(again(4, 240), Decision::PublishAgain);
        assert!(matches!(again(5, 900), Decision::Fail(_)));
    }

    #[test]
    fn d13_a_restricted_account_ends_the_post_with_the_reason() {
        for kind in [ErrorKind::AccountRestricted, ErrorKind::PermissionMissing] {
            let case = Case::of(Ok(ContainerStatus::Finished)).refused(kind);
            assert_eq!(case.decided(), Decision::Fail(failure(kind, begun())));
        }
    }

    #[test]
    fn d_a_refusal_of_the_same_post_after_an_earlier_call_is_taken_for_a_sign_that_it_is_live() {
        let known = Case::of(Ok(ContainerStatus::Finished)).refused(ErrorKind::DuplicatePost);
        assert!(matches!(known.decided(), Decision::Fail(_)));
        let known = known.number(2);
        assert_eq!(known.decided(), Decision::LookAgain);
        let found = known.found(Found::One(media()));
        assert_eq!(found.decided(), Decision::Live(Some(media())));
    }

    #[test]
    fn d_a_post_that_is_given_up_says_so_without_a_promise() {
        let lost = Case::of(Ok(ContainerStatus::Finished)).number(5);
        let Decision::Fail(reason) = lost.decided() else {
            panic!("{:?}", lost.decided());
        };
        assert!(
            reason
                .message
                .ends_with("it is not live. Its answers were lost.")
        );
    }
}
