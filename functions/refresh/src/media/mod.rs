//! `SyncMedia`: reads an account's media and figures from Instagram, a bounded step a task.
//!
//! The record of the sync says which step is next and what that begins with. A step's writes may be done twice; then the
//! record moves on, on the condition that nobody else has moved it; then the next task is sent. So a task that comes twice,
//! late or after a crash finds its step still to be done, or done. A task that begins a run where one is under way joins that.
//! Either one gets the run going again where it has come to a stop: its next task is long overdue.
//!
//! Syncs come last: they wait while the account is blocked, while few of its calls or of the app's are left.

mod days;
mod gone;
pub(crate) mod limits;
mod log;
mod one_by_one;
mod order;
mod pages;
mod stories;

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use shared::account::Account;
use shared::app::App;
use shared::aws::AwsError;
use shared::graph::{AccountEffect, ErrorKind, Figures, GraphError, Retry, Usage};
use shared::lambda::TaskError;
use shared::media::figures::{self, FiguresError};
use shared::media::progress::{MediaSync, Run, Stage};
use shared::secret::AccessToken;
use shared::sync::BY_SCHEDULE;
use shared::table::timeline::SyncLogEntry;
use shared::tasks::Task;
use shared::vault::VaultError;
use shared::verdict;
use shared::{policy, telemetry};

use crate::current;
use limits::{delay_until, takes_turns, wait, waits_until};
use log::{MISSING_PERMISSION, log_entry};

/// How many media a page has to begin with: Instagram gathers their figures too.
const PAGE_SIZE: usize = 50;
/// No further page, day or media is begun later than this after a step began, but for one that a step must get to so that it
/// comes further than the one before: a call may take ten seconds, and a function has half a minute for a batch of two. Where
/// Instagram is so slow that the second task does not fit, that comes again.
const STEP_LASTS: SignedDuration = SignedDuration::from_secs(4);
/// When a step that failed in a way that passes is tried again.
const TRIED_AGAIN_AFTER: SignedDuration = SignedDuration::from_mins(5);
/// So often in a row a run may be set back before it ends.
const MOST_SETBACKS: u32 = 5;
/// So often a step is set back by one media before the run goes on without it.
const SETBACKS_BY_ONE: u32 = 2;

/// Why a step ended early.
#[derive(Debug)]
enum StepError {
    Graph(GraphError),
    Aws(AwsError),
}

impl From<GraphError> for StepError {
    fn from(error: GraphError) -> Self {
        Self::Graph(error)
    }
}

impl From<AwsError> for StepError {
    fn from(error: AwsError) -> Self {
        Self::Aws(error)
    }
}

impl From<FiguresError> for StepError {
    fn from(error: FiguresError) -> Self {
        match error {
            FiguresError::Graph(error) => Self::Graph(error),
            FiguresError::Aws(error) => Self::Aws(error),
        }
    }
}

/// A step under way.
struct Step<'a> {
    app: &'a Arc<App>,
    account: &'a Account,
    token: AccessToken,
    progress: MediaSync,
    run: Run,
    /// From then on no further call is begun.
    until: Timestamp,
    /// Whether others go first after it.
    takes_turns: bool,
    /// What the last answer told of limits.
    usage: Usage,
}

/// Whether the stage has more to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Done {
    More,
    All,
}

/// Does a step of a media sync, or begins one.
pub(crate) async fn sync(
    app: &Arc<App>,
    id: &str,
    connection_generation: u64,
    run: Option<&str>,
    step: u64,
) -> Result<(), TaskError> {
    let Some(account) = current::account(app, id, connection_generation).await? else {
        return Ok(());
    };
    let now = app.clock.now();
    if account.status_at(now).is_dead() || account.setup_pending {
        return Ok(());
    }
    let mut progress = app.table.media_sync(id).await?.unwrap_or_default();
    let under_way = progress
        .run
        .take()
        .filter(|under_way| under_way.connection_generation == connection_generation);
    let run = match (under_way, run) {
        (Some(under_way), Some(name)) if under_way.id == name && under_way.step == step => {
            under_way
        }
        (Some(under_way), name)
            if name.is_none_or(|name| under_way.id == name && step < under_way.step) =>
        {
            // Whoever did this step, or began the run, may have died before it sent the next task. Others join the run.
            // A task of a run that waits and whose wait is over while this one came again is sent once more: it finds its step
            // still to be done, or done.
            return match under_way.waits_until.filter(|_| telemetry::comes_again()) {
                Some(until) => send_next(app, id, &under_way, delay_until(until, now)).await,
                None => get_going(app, id, &under_way, now).await,
            };
        }
        (None, None) => begin(&account, &progress, now),
        // Of a run that is over.
        _ => return Ok(()),
    };
    let all_wait_until = app.table.syncs_wait_until().await?;
    if let Some(until) = waits_until(&account, all_wait_until, now) {
        return wait(app, &account, progress, run, until).await;
    }
    let token = match app.vault.token(&account).await {
        Ok(token) => token,
        Err(error @ (VaultError::Missing | VaultError::Damaged)) => {
            verdict::note_vault_error(app, &account, &error, BY_SCHEDULE).await?;
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    let step = Step {
        app,
        account: &account,
        token,
        progress,
        run,
        until: now + STEP_LASTS,
        takes_turns: takes_turns(all_wait_until, now),
        usage: Usage::default(),
    };
    step.take().await
}

/// Sends the task of a run's next step again where it must have been lost.
async fn get_going(
    app: &Arc<App>,
    account: &str,
    run: &Run,
    now: Timestamp,
) -> Result<(), TaskError> {
    let due_at = run.waits_until.unwrap_or(run.stepped_at);
    if now.duration_since(due_at) < policy::STEP_LOST_AFTER {
        return Ok(());
    }
    send_next(app, account, run, 0).await
}

fn begin(account: &Account, progress: &MediaSync, now: Timestamp) -> Run {
    let with_figures = figures::are_allowed(account);
    Run {
        id: telemetry::new_correlation_id(),
        connection_generation: account.connection_generation,
        started_at: now,
        stepped_at: now,
        step: 0,
        stage: Stage::Media,
        is_whole: progress.walked_at.is_none(),
        after: None,
        compared_to: None,
        early: BTreeSet::new(),
        seen: 0,
        changed: 0,
        calls: 0,
        page_size: PAGE_SIZE,
        with_figures,
        next_day: None,
        setbacks: 0,
        pages: 0,
        waits_until: None,
        stories: BTreeSet::new(),
        partial: (!with_figures).then(|| MISSING_PERMISSION.to_owned()),
        waiting_told: false,
    }
}

/// Writes how far it has come. `false`: another task has.
async fn keep(
    app: &Arc<App>,
    account: &str,
    mut progress: MediaSync,
    run: &Run,
) -> Result<bool, AwsError> {
    progress.run = Some(run.clone());
    app.table.write_media_sync(account, &progress).await
}

async fn send_next(app: &Arc<App>, account: &str, run: &Run, delay: i32) -> Result<(), TaskError> {
    let task = Task::SyncMedia {
        account: account.to_owned(),
        connection_generation: run.connection_generation,
        run: Some(run.id.clone()),
        step: run.step,
    };
    Ok(app.queue.send_later(task, delay).await?)
}

impl Step<'_> {
    async fn take(mut self) -> Result<(), TaskError> {
        let outcome = match self.run.stage {
            Stage::Media => Box::pin(self.read_pages()).await,
            Stage::Days => Box::pin(self.read_days()).await,
            Stage::Stories => Box::pin(self.read_stories()).await,
        };
        match outcome {
            Ok(done) => {
                self.note_usage().await?;
                self.run.setbacks = 0;
                self.run.waiting_told = false;
                self.move_on(done).await
            }
            Err(StepError::Aws(error)) => Err(error.into()),
            Err(StepError::Graph(error)) => self.refused(&error).await,
        }
    }

    /// Writes that the step is done, and sends what comes next.
    async fn move_on(mut self, done: Done) -> Result<(), TaskError> {
        let now = self.app.clock.now();
        self.run.step += 1;
        self.run.stepped_at = now;
        self.run.waits_until = None;
        let next = match (self.run.stage, done) {
            (stage, Done::More) => Some(stage),
            (Stage::Media, Done::All) => Some(Stage::Days),
            (Stage::Days, Done::All) => Some(Stage::Stories),
            (Stage::Stories, Done::All) => None,
        };
        let Some(stage) = next else {
            return self.complete(now).await;
        };
        self.run.stage = stage;
        let mut delay = 0;
        if self.takes_turns {
            let turn = format!("{} {}", self.account.id, self.run.step);
            let until = now + policy::spread(&turn, policy::SYNCS_WAIT_FOR);
            delay = delay_until(until, now);
            self.run.waits_until = Some(until);
        }
        if keep(self.app, &self.account.id, self.progress, &self.run).await? {
            send_next(self.app, &self.account.id, &self.run, delay).await?;
        }
        Ok(())
    }

    async fn complete(mut self, now: Timestamp) -> Result<(), TaskError> {
        self.progress.completed_at = Some(now);
        let status = match &self.run.partial {
            None => "success",
            Some(_) => "partial",
        };
        let entry = log_entry(self.app, self.account, &self.run, status, None);
        self.end(&entry).await
    }

    /// Ends the run, unless another task has.
    async fn end(self, entry: &SyncLogEntry) -> Result<(), TaskError> {
        let (table, id) = (&self.app.table, &self.account.id);
        table.end_media_sync(id, &self.progress, entry).await?;
        Ok(())
    }

    /// What Instagram's refusal means: for the account, and for the run.
    async fn refused(mut self, error: &GraphError) -> Result<(), TaskError> {
        let now = self.app.clock.now();
        let weight = verdict::weigh(self.app, self.account, &self.token, error).await?;
        let account = verdict::take_over(self.app, self.account, true, BY_SCHEDULE, |record| {
            verdict::note_failure(record, error, weight, now);
        })
        .await?;
        let Some(account) = account else {
            return Ok(());
        };
        let passes = !matches!(error.row().retry, Retry::Never | Retry::AfterUserActs);
        let until = if error.kind == ErrorKind::AppRateLimited {
            let told = error
                .retry_after
                .and_then(|wait| SignedDuration::try_from(wait).ok());
            let until = now + told.unwrap_or(policy::SYNCS_WAIT_FOR);
            self.app.table.have_syncs_wait(until).await?;
            Some(until)
        } else if error.row().effect == AccountEffect::RateLimited {
            if !self.run.waiting_told {
                let entry = log_entry(self.app, &account, &self.run, "rate_limited", None);
                self.app.table.append_sync_log(&account.id, &entry).await?;
                self.run.waiting_told = true;
            }
            account.rate.blocked_until
        } else {
            // A pause for all says nothing of this run.
            self.run.setbacks += u32::from(error.kind != ErrorKind::PausedByBreaker);
            let is_tried = passes && self.run.setbacks < MOST_SETBACKS;
            is_tried.then(|| now + TRIED_AGAIN_AFTER)
        };
        if let Some(until) = until {
            // What the step did before the refusal stands in the run.
            self.run.step += 1;
            self.run.stepped_at = now;
            let delay = delay_until(until, now);
            self.run.waits_until = Some(now + SignedDuration::from_secs(delay.into()));
            if keep(self.app, &self.account.id, self.progress, &self.run).await? {
                send_next(self.app, &self.account.id, &self.run, delay).await?;
            }
            return Ok(());
        }
        let entry = log_entry(self.app, &account, &self.run, "failed", Some(error));
        self.end(&entry).await
    }

    /// Whether the run goes on without the one media that Instagram refuses to tell of: neither the account nor the app is
    /// what is wrong, and what may pass has been tried again.
    fn leaves_out(&self, error: &GraphError) -> bool {
        let row = error.row();
        let is_of_all = matches!(
            error.kind,
            ErrorKind::AppRateLimited | ErrorKind::PausedByBreaker
        );
        let is_of_the_account = row.effect != AccountEffect::None && !row.effect.needs_a_person();
        let passes = !matches!(row.retry, Retry::Never | Retry::AfterUserActs);
        let is_tried = !passes || error.kind.is_not_there() || self.run.setbacks >= SETBACKS_BY_ONE;
        !is_of_all && !is_of_the_account && is_tried
    }

    /// Whether there is time for another call.
    fn has_time(&self) -> bool {
        self.app.clock.now() < self.until
    }

    /// Whether this step goes on with another page or day: while there is time, and calls are not few.
    fn goes_on(&self) -> bool {
        let used = |figures: Figures| figures.max_percent().map_or(0, u32::from);
        self.has_time()
            && used(self.usage.app) < policy::SYNCS_GIVE_WAY_AT
            && used(self.usage.business) < policy::SYNC_GIVES_WAY_AT
    }
}
