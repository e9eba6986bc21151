//! Schedules, each of which puts a task on a queue: an account has one that refreshes its token and one that syncs it
//! daily, a post has those that wake it.
//!
//! An account's schedule is named after it, so making one that exists moves it, and nothing is left over twice. A post's is
//! named after what it says as well: who writes the post and who comes too late to write it never move each other's, and
//! one that nobody needs any more fires once and finds nothing to do.

use std::collections::HashSet;

use aws_sdk_scheduler::Client;
use aws_sdk_scheduler::types::{
    ActionAfterCompletion, FlexibleTimeWindow, FlexibleTimeWindowMode, RetryPolicy, Target,
};
use jiff::{SignedDuration, Timestamp};

use crate::aws::{AwsError, Lazily, is_code};
use crate::config::AwsConfig;
use crate::policy;
use crate::post::Post;
use crate::tasks::{Message, Task};

/// How often a schedule is made or moved again that others change meanwhile.
const TRIES: u32 = 4;
/// EventBridge Scheduler fires within the minute of its moment. So a post's schedule aims so much earlier, and the queue's
/// delay, which is exact, does the rest.
const AIMED_EARLY: SignedDuration = SignedDuration::from_secs(75);

/// The schedules of all accounts and posts.
#[derive(Clone, Debug)]
pub struct Schedules {
    client: Lazily<Client>,
    group: String,
    queue_arn: String,
    post_queue_arn: String,
    role_arn: String,
}

/// Which of an account's schedules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One-time: refreshes the token, and is moved after each refresh.
    Refresh,
    /// Daily, at the account's own minute.
    Sync,
}

impl Kind {
    /// Both.
    pub const ALL: [Kind; 2] = [Kind::Refresh, Kind::Sync];

    /// The schedule's name.
    pub fn name(self, account: &str) -> String {
        match self {
            Kind::Refresh => format!("refresh-{account}"),
            Kind::Sync => format!("sync-{account}"),
        }
    }
}

impl Schedules {
    /// Schedules in the group of the configuration; no call is made.
    pub fn new(client: Lazily<Client>, config: &AwsConfig) -> Self {
        Self {
            client,
            group: config.schedule_group.clone(),
            queue_arn: config.queue_arn.clone(),
            post_queue_arn: config.post_queue_arn.clone(),
            role_arn: config.schedule_role_arn.clone(),
        }
    }

    /// Makes or moves the schedule that refreshes an account's token.
    pub async fn put_refresh(
        &self,
        account: &str,
        connection_generation: u64,
        at: Timestamp,
    ) -> Result<(), AwsError> {
        let task = Task::RefreshToken {
            account: account.to_owned(),
            connection_generation,
        };
        self.put(Plan {
            name: Kind::Refresh.name(account),
            expression: once(at),
            is_once: true,
            is_moved: true,
            queue_arn: &self.queue_arn,
            task,
        })
        .await
    }

    /// Makes or moves the schedule that syncs an account daily.
    pub async fn put_sync(
        &self,
        account: &str,
        connection_generation: u64,
    ) -> Result<(), AwsError> {
        let task = Task::SyncAccount {
            account: account.to_owned(),
            connection_generation,
        };
        let (hour, minute) = policy::daily_sync_minute(account);
        self.put(Plan {
            name: Kind::Sync.name(account),
            expression: format!("cron({minute} {hour} * * ? *)"),
            is_once: false,
            is_moved: true,
            queue_arn: &self.queue_arn,
            task,
        })
        .await
    }

    /// The accounts whose id begins with `prefix` and that have a schedule of this kind; `None` when there are more than
    /// `most`.
    pub async fn list(
        &self,
        kind: Kind,
        prefix: &str,
        most: usize,
    ) -> Result<Option<HashSet<String>>, AwsError> {
        let start_of_name = kind.name(prefix);
        let mut accounts = HashSet::new();
        let mut next = None;
        loop {
            let output = self
                .client
                .list_schedules()
                .group_name(&self.group)
                .name_prefix(&start_of_name)
                .max_results(100)
                .set_next_token(next)
                .send()
                .await
                .map_err(|error| AwsError::new("ListSchedules", &error))?;
            let names = output.schedules().iter().filter_map(|found| found.name());
            accounts.extend(
                names
                    .filter_map(|name| name.strip_prefix(kind.name("").as_str()))
                    .map(str::to_owned),
            );
            if accounts.len() > most {
                return Ok(None);
            }
            next = output.next_token;
            if next.is_none() {
                return Ok(Some(accounts));
            }
        }
    }

    /// Removes both schedules of an account; those that do not exist are no error.
    pub async fn remove(&self, account: &str) -> Result<(), AwsError> {
        for kind in Kind::ALL {
            self.delete(kind.name(account)).await?;
        }
        Ok(())
    }

    /// Makes the schedule that has a post awake at this moment.
    pub async fn put_post(&self, post: &Post, at: Timestamp) -> Result<(), AwsError> {
        let at = at - AIMED_EARLY;
        self.put(Plan {
            name: post_schedule(post, at),
            expression: once(at),
            is_once: true,
            is_moved: false,
            queue_arn: &self.post_queue_arn,
            task: Task::AdvancePost {
                account: post.account.clone(),
                post: post.id.clone(),
                post_version: post.version,
            },
        })
        .await
    }

    /// Removes the schedule that was to have a post awake at this moment; one that does not exist is no error.
    pub async fn remove_post(&self, post: &Post, at: Timestamp) -> Result<(), AwsError> {
        self.delete(post_schedule(post, at - AIMED_EARLY)).await
    }

    /// The names of the schedules that will wake a post, one for each of its versions that planned one.
    pub async fn of_post(&self, post: &str) -> Result<Vec<String>, AwsError> {
        let mut names = Vec::new();
        let mut next = None;
        loop {
            let output = self
                .client
                .list_schedules()
                .group_name(&self.group)
                .name_prefix(post_schedules(post))
                .max_results(100)
                .set_next_token(next)
                .send()
                .await
                .map_err(|error| AwsError::new("ListSchedules", &error))?;
            let found = output.schedules().iter().filter_map(|found| found.name());
            names.extend(found.map(str::to_owned));
            next = output.next_token;
            if next.is_none() {
                return Ok(names);
            }
        }
    }

    /// Removes a schedule by the name that [`Self::of_post`] told; one that does not exist is no error.
    pub async fn remove_named(&self, name: String) -> Result<(), AwsError> {
        self.delete(name).await
    }

    async fn delete(&self, name: String) -> Result<(), AwsError> {
        let result = Box::pin(
            self.client
                .delete_schedule()
                .group_name(&self.group)
                .name(name)
                .send(),
        )
        .await;
        match result {
            Ok(_) => Ok(()),
            Err(error) if is_code(&error, "ResourceNotFoundException") => Ok(()),
            Err(error) => Err(AwsError::new("DeleteSchedule", &error)),
        }
    }

    /// A one-time schedule goes once it has fired: so one that exists has yet to fire.
    async fn put(&self, plan: Plan<'_>) -> Result<(), AwsError> {
        let afterwards = if plan.is_once {
            ActionAfterCompletion::Delete
        } else {
            ActionAfterCompletion::None
        };
        let incomplete = |_| AwsError::unreadable("CreateSchedule", "an incomplete schedule");
        let window = FlexibleTimeWindow::builder()
            .mode(FlexibleTimeWindowMode::Off)
            .build()
            .map_err(incomplete)?;
        let target = Target::builder()
            .arn(plan.queue_arn)
            .role_arn(&self.role_arn)
            .input(Message::of_schedule(plan.task).to_body())
            .retry_policy(
                RetryPolicy::builder()
                    .maximum_event_age_in_seconds(86_400)
                    .maximum_retry_attempts(185)
                    .build(),
            )
            .build()
            .map_err(incomplete)?;
        for _ in 0..TRIES {
            let created = Box::pin(
                self.client
                    .create_schedule()
                    .group_name(&self.group)
                    .name(&plan.name)
                    .schedule_expression(&plan.expression)
                    .flexible_time_window(window.clone())
                    .target(target.clone())
                    .action_after_completion(afterwards.clone())
                    .send(),
            )
            .await;
            match created {
                Ok(_) => return Ok(()),
                Err(error) if is_code(&error, "ConflictException") => {
                    if !plan.is_moved {
                        return Ok(());
                    }
                }
                Err(error) => return Err(AwsError::new("CreateSchedule", &error)),
            }
            let updated = Box::pin(
                self.client
                    .update_schedule()
                    .group_name(&self.group)
                    .name(&plan.name)
                    .schedule_expression(&plan.expression)
                    .flexible_time_window(window.clone())
                    .target(target.clone())
                    .action_after_completion(afterwards.clone())
                    .send(),
            )
            .await;
            match updated {
                Ok(_) => return Ok(()),
                // It fired in between, or somebody removed it.
                Err(error) if is_code(&error, "ResourceNotFoundException") => {}
                Err(error) => return Err(AwsError::new("UpdateSchedule", &error)),
            }
        }
        Err(AwsError::unreadable(
            "CreateSchedule",
            "a schedule that others keep changing",
        ))
    }
}

/// What a schedule shall be.
struct Plan<'a> {
    name: String,
    expression: String,
    is_once: bool,
    /// Whether one that has this name may say something else, and is moved.
    is_moved: bool,
    queue_arn: &'a str,
    task: Task,
}

/// How the names of a post's schedules begin.
pub fn post_schedules(post: &str) -> String {
    format!("post-{post}-")
}

/// The name of the schedule that wakes a post at this version, at this second: at most 64 characters.
fn post_schedule(post: &Post, at: Timestamp) -> String {
    let (prefix, second) = (post_schedules(&post.id), at.as_second());
    format!("{prefix}{}-{second}", post.version)
}

/// A moment in Scheduler's words: it takes full seconds without a zone, and UTC is its default zone.
fn once(at: Timestamp) -> String {
    format!(
        "at({})",
        policy::full_second(at).strftime("%Y-%m-%dT%H:%M:%S")
    )
}
