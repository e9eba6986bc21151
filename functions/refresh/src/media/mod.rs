//! `SyncMedia`: reads an account's media and figures from Instagram, a bounded step a task.
//!
//! The record of the sync says which step is next and what that begins with. A step's writes may be done twice; then the
//! record moves on, on the condition that nobody else has moved it; then the next task is sent. So a task that comes twice,
//! late or after a crash finds its step still to be done, or done: then it sends the next one, and nothing else. A task that
//! begins a run where one is under way joins that, unless it has come to a stop: then it gets that going again.
//!
//! Syncs come last: they wait while the account is blocked, while few of its calls or of the app's are left.

mod days;
mod pages;
mod stories;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use shared::account::{Account, Status};
use shared::app::App;
use shared::aws::AwsError;
use shared::graph::{AccountEffect, ErrorKind, GraphError, Retry, Usage};
use shared::lambda::TaskError;
use shared::media::figures::FiguresError;
use shared::media::progress::{MediaSync, Run, Stage};
use shared::secret::AccessToken;
use shared::sync::BY_SCHEDULE;
use shared::table::timeline::SyncLogEntry;
use shared::tasks::Task;
use shared::vault::VaultError;
use shared::verdict;
use shared::{policy, telemetry};

use crate::current;

/// Without this scope Instagram tells media and no figures.
const INSIGHTS_SCOPE: &str = "instagram_business_manage_insights";
/// How many media a page has to begin with: Instagram gathers their figures too.
const PAGE_SIZE: usize = 50;
/// No call is begun later than this after a step began: a function has half a minute in all.
const STEP_LASTS: SignedDuration = SignedDuration::from_secs(10);
/// SQS delays a message for so many seconds at most.
const LONGEST_DELAY: i32 = 900;
/// When a step that failed in a way that passes is tried again.
const TRIED_AGAIN_AFTER: SignedDuration = SignedDuration::from_mins(5);
/// So often in a row a run may be set back before it ends.
const MOST_SETBACKS: u32 = 5;

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
        (Some(under_way), Some(name)) if under_way.id == name && step < under_way.step => {
            // Whoever did this step may have died before it sent the next one.
            return send_next(app, id, &under_way, 0).await;
        }
        // Of a run that is over.
        (_, Some(_)) => return Ok(()),
        (Some(under_way), None) => {
            if now.duration_since(under_way.stepped_at) < policy::STEP_LOST_AFTER {
                return Ok(());
            }
            return send_next(app, id, &under_way, 0).await;
        }
        (None, None) => begin(&account, &progress, now),
    };
    if let Some(until) = waits_until(app, &account, now).await? {
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
        usage: Usage::default(),
    };
    step.take().await
}

fn begin(account: &Account, progress: &MediaSync, now: Timestamp) -> Run {
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
        early: Vec::new(),
        seen: 0,
        changed: 0,
        calls: 0,
        page_size: PAGE_SIZE,
        with_figures: account.scopes.iter().any(|scope| scope == INSIGHTS_SCOPE),
        next_day: None,
        setbacks: 0,
        pages: 0,
        partial: None,
        waiting_told: false,
    }
}

/// Until when a sync leaves the calls to others; `None`: it need not.
async fn waits_until(
    app: &Arc<App>,
    account: &Account,
    now: Timestamp,
) -> Result<Option<Timestamp>, AwsError> {
    if account.status_at(now) == Status::RateLimited {
        return Ok(account.rate.blocked_until);
    }
    if policy::sync_gives_way(account, now) {
        return Ok(account
            .rate
            .usage_at
            .map(|at| at + policy::USAGE_IS_KNOWN_FOR));
    }
    let of_the_app = app.table.syncs_wait_until().await?;
    Ok(of_the_app.filter(|until| *until > now))
}

/// Sends the step again for when it may be done, and tells the wait in the sync log once.
async fn wait(
    app: &Arc<App>,
    account: &Account,
    progress: MediaSync,
    mut run: Run,
    until: Timestamp,
) -> Result<(), TaskError> {
    let now = app.clock.now();
    let is_blocked = account.status_at(now) == Status::RateLimited;
    let delay = delay_until(until, now);
    if !is_blocked || run.waiting_told {
        return match run.step {
            // Nothing is written for a run that has not begun.
            0 if !run.waiting_told => {
                let task = Task::SyncMedia {
                    account: account.id.clone(),
                    connection_generation: account.connection_generation,
                    run: None,
                    step: 0,
                };
                Ok(app.queue.send_later(task, delay).await?)
            }
            _ => send_next(app, &account.id, &run, delay).await,
        };
    }
    let entry = log_entry(app, account, &run, "rate_limited", None);
    app.table.append_sync_log(&account.id, &entry).await?;
    run.waiting_told = true;
    run.stepped_at = now;
    if keep(app, &account.id, progress, &run).await? {
        send_next(app, &account.id, &run, delay).await?;
    }
    Ok(())
}

/// Seconds until then, or as many of them as SQS delays a message.
fn delay_until(until: Timestamp, now: Timestamp) -> i32 {
    let left = until.duration_since(now).as_secs() + 1;
    i32::try_from(left).map_or(LONGEST_DELAY, |left| left.clamp(1, LONGEST_DELAY))
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
        let next = match (self.run.stage, done) {
            (stage, Done::More) => Some(stage),
            (Stage::Media, Done::All) if self.run.with_figures => Some(Stage::Days),
            (Stage::Media | Stage::Days, Done::All) => Some(Stage::Stories),
            (Stage::Stories, Done::All) => None,
        };
        let Some(stage) = next else {
            return self.complete(now).await;
        };
        self.run.stage = stage;
        if keep(self.app, &self.account.id, self.progress, &self.run).await? {
            send_next(self.app, &self.account.id, &self.run, 0).await?;
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
        if self
            .app
            .table
            .write_media_sync(&self.account.id, &self.progress)
            .await?
        {
            self.app
                .table
                .append_sync_log(&self.account.id, &entry)
                .await?;
        }
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
            self.run.setbacks += 1;
            let is_tried = passes && self.run.setbacks < MOST_SETBACKS;
            is_tried.then(|| now + TRIED_AGAIN_AFTER)
        };
        if let Some(until) = until {
            // What the step did before the refusal stands in the run.
            self.run.step += 1;
            self.run.stepped_at = now;
            if keep(self.app, &self.account.id, self.progress, &self.run).await? {
                let delay = delay_until(until, now);
                send_next(self.app, &self.account.id, &self.run, delay).await?;
            }
            return Ok(());
        }
        let entry = log_entry(self.app, &account, &self.run, "failed", Some(error));
        if self
            .app
            .table
            .write_media_sync(&self.account.id, &self.progress)
            .await?
        {
            self.app.table.append_sync_log(&account.id, &entry).await?;
        }
        Ok(())
    }

    /// Notes how much of the limits is used: of the account's in its record, where it differs much, and of the app's where
    /// all syncs have to give way.
    async fn note_usage(&self) -> Result<(), AwsError> {
        let now = self.app.clock.now();
        let of_the_app = self.usage.app.max_percent().map(u32::from);
        if of_the_app >= Some(policy::SYNCS_GIVE_WAY_AT) {
            let until = now + policy::SYNCS_WAIT_FOR;
            self.app.table.have_syncs_wait(until).await?;
        }
        let Some(used) = self.usage.max_percent().map(u32::from) else {
            return Ok(());
        };
        let known = self.account.rate.usage_percent.unwrap_or_default();
        if known.abs_diff(used) < 5 && self.account.status == Status::Active {
            return Ok(());
        }
        verdict::take_over(self.app, self.account, false, BY_SCHEDULE, |record| {
            verdict::note_success(record, &self.usage, now);
        })
        .await
        .map(|_| ())
    }

    /// Whether there is time for another call.
    fn has_time(&self) -> bool {
        self.app.clock.now() < self.until
    }
}

fn log_entry(
    app: &Arc<App>,
    account: &Account,
    run: &Run,
    status: &str,
    error: Option<&GraphError>,
) -> SyncLogEntry {
    let now = app.clock.now();
    let is_limited = status == "rate_limited";
    let row = error.map(|error| error.kind.row());
    SyncLogEntry {
        started_at: run.started_at,
        completed_at: now,
        duration_ms: telemetry::milliseconds_since(run.started_at, &app.clock),
        sync_type: "media".into(),
        status: status.to_owned(),
        items_synced: run.changed,
        error_code: error
            .map(|error| error.kind.code().to_owned())
            .or_else(|| run.partial.clone()),
        error_message: row.map(|row| row.sentence.to_owned()),
        rate_limit_hit: is_limited,
        rate_limit_reset: account.rate.blocked_until.filter(|_| is_limited),
        correlation_id: telemetry::correlation_id(),
    }
}
