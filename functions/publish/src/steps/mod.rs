//! A post's steps: each task does the next one.
//!
//! A step reads the post, makes at most one call that changes something at Instagram, and writes the post where nobody
//! wrote since. What wakes the post next is sent before the post is written: whoever dies in between leaves a task that
//! finds the former step and does it, and never a post that nobody wakes. So a task whose version is behind the post's
//! has nothing to do: the post that was written since has a task of its own.
//!
//! What Instagram shows counts before what we believe: a media id, whenever it comes, makes the post `published`.

mod after;
mod audit;
mod budget;
mod outcome;
mod pause;
mod prepare;
mod publish;
mod settle;

use std::sync::Arc;

use jiff::Timestamp;
use shared::account::{Account, Failure};
use shared::app::App;
use shared::aws::AwsError;
use shared::graph::GraphError;
use shared::lambda::TaskError;
use shared::post::{Post, Refused, State};
use shared::secret::AccessToken;
use shared::sync::BY_SCHEDULE;
use shared::table::timeline::TimelineEntry;
use shared::telemetry;
use shared::vault::VaultError;
use shared::verdict;

use crate::timing;
use crate::wake::{wake, wake_and_write};

pub(crate) use audit::audit;

/// A post at its next step.
struct Step {
    app: Arc<App>,
    account: Account,
    /// As it was read.
    post: Post,
    /// Which of a carousel's items a call is about, where it is about one.
    item: Option<usize>,
    now: Timestamp,
}

/// Why nothing can be done for an account right now.
struct Closed {
    reason: Failure,
    /// When that ends by itself, where it is known.
    until: Option<Timestamp>,
}

/// Does the next step of a post, if the task is about it.
pub(crate) async fn advance(
    app: &Arc<App>,
    account: &str,
    id: &str,
    version: u64,
) -> Result<(), TaskError> {
    let Some(post) = app.table.post(account, id).await? else {
        return Ok(());
    };
    let now = app.clock.now();
    let Some(due) = post.wake_at.filter(|_| version >= post.version) else {
        return Ok(());
    };
    if due > now {
        // A schedule aims early, and a clock may be behind. A task of a version that is yet to be written is another
        // matter: whoever writes that sends it again, and the post as it is has a task of its own.
        if version == post.version {
            wake(app, &post, now).await?;
        }
        return Ok(());
    }
    let Some(account) = app.table.account(account).await? else {
        // It was taken in while its account was deleted: nobody can see it any more.
        app.table.let_post_expire(&post, now).await?;
        return Ok(());
    };
    let step = Step {
        app: app.clone(),
        account,
        post,
        item: None,
        now,
    };
    // On the heap each: together they are more than a small stack takes.
    match step.post.state {
        State::Scheduled | State::Preparing => Box::pin(prepare::prepare(step)).await,
        State::Ready => Box::pin(publish::at_its_time(step)).await,
        State::Publishing | State::Unknown => Box::pin(settle::settle(step)).await,
        State::Published => Box::pin(after::finish(step)).await,
        State::Draft | State::Failed | State::Canceled => Ok(()),
    }
}

/// Sends what wakes a post next, then writes it where nobody wrote since it was read. `false`: somebody did.
pub(crate) async fn save(
    app: &App,
    read: &Post,
    post: &mut Post,
    told: &[TimelineEntry],
) -> Result<bool, AwsError> {
    stamp(read, post, app.clock.now());
    let write = app.table.write_post(post, read.version, told);
    wake_and_write(app, post, write).await
}

fn stamp(read: &Post, post: &mut Post, now: Timestamp) {
    post.version = read.version + 1;
    post.updated_at = now;
}

/// An entry of a post's timeline.
pub(crate) fn told(
    event: &str,
    sentence: impl Into<String>,
    by: &str,
    at: Timestamp,
) -> TimelineEntry {
    TimelineEntry {
        at,
        event: event.to_owned(),
        sentence: sentence.into(),
        by: by.to_owned(),
        correlation_id: telemetry::correlation_id(),
    }
}

impl Step {
    /// An entry of the post's timeline that this step causes.
    fn told(&self, event: &str, sentence: impl Into<String>) -> TimelineEntry {
        told(event, sentence, BY_SCHEDULE, self.app.clock.now())
    }

    /// The time for which the post is planned; whatever has a step has one.
    fn publish_at(&self) -> Timestamp {
        self.post.publish_at.unwrap_or(self.post.created_at)
    }

    async fn save(&self, mut post: Post, told: &[TimelineEntry]) -> Result<(), TaskError> {
        // Where somebody else wrote, what they wrote counts, and has a task of its own.
        save(&self.app, &self.post, &mut post, told).await?;
        Ok(())
    }

    /// The account's token, where calls can be made for it now.
    async fn token(&self) -> Result<Result<AccessToken, Closed>, TaskError> {
        if let Some(closed) = closed(&self.account, self.now) {
            return Ok(Err(closed));
        }
        match self.app.vault.token(&self.account).await {
            Ok(token) => Ok(Ok(token)),
            Err(error @ (VaultError::Missing | VaultError::Damaged)) => {
                verdict::note_vault_error(&self.app, &self.account, &error, BY_SCHEDULE).await?;
                let message =
                    "The stored access to Instagram cannot be read. Connect the account again.";
                Ok(Err(self.closed_by("token_unavailable", message)))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn closed_by(&self, code: &str, message: &str) -> Closed {
        Closed {
            reason: Failure {
                code: code.to_owned(),
                message: message.to_owned(),
                at: self.now,
            },
            until: None,
        }
    }

    /// Keeps what a refusal of Instagram's at `at` means for the account.
    async fn note_refusal(
        &self,
        token: &AccessToken,
        error: &GraphError,
        at: Timestamp,
    ) -> Result<(), TaskError> {
        let weight = verdict::weigh(&self.app, &self.account, token, error).await?;
        verdict::take_over(&self.app, &self.account, true, BY_SCHEDULE, |record| {
            verdict::note_failure(record, error, weight, at);
        })
        .await?;
        Ok(())
    }

    /// Waits until the account can be worked with again, and gives up when the post's time is over.
    async fn wait(&self, closed: Closed) -> Result<(), TaskError> {
        let publish_at = self.publish_at();
        if self.now >= publish_at + timing::LATEST {
            return self.fail_overdue(Some(&closed.reason)).await;
        }
        let mut post = self.post.clone();
        let is_news = post
            .waiting
            .as_ref()
            .is_none_or(|waiting| waiting.code != closed.reason.code);
        let told = is_news.then(|| self.told("waiting", closed.reason.message.clone()));
        post.waiting = Some(closed.reason);
        post.wake_at = Some(timing::wait_until(publish_at, closed.until, self.now));
        self.save(post, told.as_slice()).await
    }

    /// Ends as failed: nothing is live.
    async fn fail(&self, mut reason: Failure) -> Result<(), TaskError> {
        let mut post = self.post.clone();
        reason.message = outcome::without_promises(&reason.message);
        let told = self.told("failed", reason.message.clone());
        become_state(&mut post, State::Failed, Some(reason))?;
        self.save(post, &[told]).await
    }

    async fn fail_overdue(&self, cause: Option<&Failure>) -> Result<(), TaskError> {
        let because = cause.map_or_else(String::new, |cause| {
            format!(" {}", outcome::without_promises(&cause.message))
        });
        self.fail(Failure {
            code: "overdue".into(),
            message: format!(
                "The post could not be published within an hour of its time and was not published.{because} Once \
                 nothing keeps it any more, a retry publishes it."
            ),
            at: self.now,
        })
        .await
    }
}

/// Why no call can be made for an account at `now`. A pause of publishing is not among the reasons: reading goes on.
fn closed(account: &Account, now: Timestamp) -> Option<Closed> {
    let failure = |code: &str, message: &str| Failure {
        code: code.to_owned(),
        message: message.to_owned(),
        at: now,
    };
    let status = account.status_at(now);
    if !account.is_connected() || status.is_dead() {
        let usual = failure(
            "account_not_connected",
            "The account is not connected. Connect it again.",
        );
        return Some(Closed {
            reason: account.status_reason_at(now).unwrap_or(usual),
            until: None,
        });
    }
    let until = account.blocked_until_at(now)?;
    Some(Closed {
        reason: failure(
            "rate_limited",
            "Instagram takes no calls for this account for a while, since it has made too many.",
        ),
        until: Some(until),
    })
}

/// A change of state that the steps themselves make is always allowed: one that is not is our fault, and is tried again.
fn become_state(post: &mut Post, state: State, reason: Option<Failure>) -> Result<(), TaskError> {
    post.become_state(state, reason)
        .map_err(|Refused { from, to }| {
            TaskError::new(format!("a post cannot go from {from:?} to {to:?}"))
        })
}
