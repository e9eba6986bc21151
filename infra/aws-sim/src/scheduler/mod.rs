//! EventBridge Scheduler: <https://docs.aws.amazon.com/scheduler/latest/APIReference/Welcome.html>
//!
//! `schedule` is one schedule, `expression` and `cron` are when it fires, `fire` is what happens then.

mod cron;
mod expression;
mod fire;
mod routes;
mod schedule;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::core::{Core, Place, lock};
use crate::random::Random;
use crate::wire::{ApiError, seconds, text};

use fire::Attempt;
pub(crate) use routes::understand;
pub(crate) use schedule::Schedule;

/// All groups and schedules, and the deliveries that are to be tried again.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Schedules {
    groups: BTreeMap<String, Group>,
    /// By group and name, joined by a slash, which neither can hold.
    schedules: BTreeMap<String, Schedule>,
    /// Which of them fires when, earliest first.
    #[serde(skip)]
    due: BTreeSet<(i64, String)>,
    /// Deliveries that failed and are to be tried again.
    attempts: Vec<Attempt>,
    random: Random,
}

#[derive(Debug, Serialize, Deserialize)]
struct Group {
    name: String,
    created_ms: i64,
    client_token: Option<String>,
}

pub(crate) type Answered = Result<Value, ApiError>;

pub(crate) struct Context<'a> {
    pub(crate) now: i64,
    pub(crate) place: &'a Place,
}

fn validation(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "ValidationException", message)
}

fn conflict(message: impl Into<String>) -> ApiError {
    ApiError::new(409, "ConflictException", message)
}

fn not_found(message: impl Into<String>) -> ApiError {
    ApiError::new(404, "ResourceNotFoundException", message)
}

fn key(group: &str, name: &str) -> String {
    format!("{group}/{name}")
}

/// A name of a schedule or group.
fn checked_name<'a>(input: &'a Value, member: &str) -> Result<&'a str, ApiError> {
    let name = text(input, member).unwrap_or_default();
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    if name.is_empty() || name.len() > 64 || !name.chars().all(allowed) {
        return Err(validation(format!(
            "1 validation error detected: Value '{name}' at '{member}' failed to satisfy constraint: Member must satisfy \
             regular expression pattern: ^[0-9a-zA-Z-_.]+$ and have length between 1 and 64"
        )));
    }
    Ok(name)
}

/// A page of a listing: how many, and after which key.
fn page(input: &Value) -> Result<(usize, &str), ApiError> {
    let most = text(input, "MaxResults").map_or(Some(100), |most| most.parse::<usize>().ok());
    let most = most.filter(|most| (1..=100).contains(most));
    let most = most.ok_or_else(|| validation("MaxResults must be between 1 and 100."))?;
    Ok((most, text(input, "NextToken").unwrap_or_default()))
}

impl Core {
    pub(crate) fn call_scheduler(&self, operation: &str, input: &Value) -> Answered {
        let context = Context {
            now: self.now_ms(),
            place: &self.place,
        };
        lock(&self.schedules).call(operation, input, &context)
    }
}

impl Schedules {
    pub(crate) fn new(seed: u64, now: i64) -> Self {
        let mut groups = BTreeMap::new();
        let default = Group {
            name: "default".to_owned(),
            created_ms: now,
            client_token: None,
        };
        groups.insert(default.name.clone(), default);
        Self {
            groups,
            schedules: BTreeMap::new(),
            due: BTreeSet::new(),
            attempts: Vec::new(),
            random: Random::new(seed, "scheduler"),
        }
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Schedule> {
        self.schedules.values()
    }

    fn call(&mut self, operation: &str, input: &Value, context: &Context<'_>) -> Answered {
        match operation {
            "CreateSchedule" => self.create(input, context),
            "UpdateSchedule" => self.update(input, context),
            "GetSchedule" => self.get(input, context),
            "DeleteSchedule" => self.delete(input),
            "ListSchedules" => self.list(input, context),
            "CreateScheduleGroup" => self.create_group(input, context),
            "GetScheduleGroup" => self.get_group(input, context),
            "DeleteScheduleGroup" => self.delete_group(input),
            "ListScheduleGroups" => self.list_groups(input, context),
            _ => Err(ApiError::new(
                404,
                "UnknownOperationException",
                format!("{operation} is not simulated"),
            )),
        }
    }

    /// The group and name that a call is about, where the group exists.
    fn asked<'a>(&self, input: &'a Value) -> Result<(&'a str, &'a str), ApiError> {
        let name = checked_name(input, "Name")?;
        let group = text(input, "GroupName").unwrap_or("default");
        if !self.groups.contains_key(group) {
            return Err(not_found(format!("Schedule group {group} does not exist.")));
        }
        Ok((group, name))
    }

    fn create(&mut self, input: &Value, context: &Context<'_>) -> Answered {
        let (group, name) = self.asked(input)?;
        let mut schedule = Schedule::of(group, name, input, context)?;
        if let Some(there) = self.schedules.get(&key(group, name)) {
            let repeated =
                there.client_token.is_some() && there.client_token == schedule.client_token;
            if !repeated || !there.is_like(&schedule) {
                return Err(conflict(format!("Schedule {name} already exists.")));
            }
        } else {
            schedule.begin(context.now, &mut self.random);
            self.keep(schedule);
        }
        Ok(json!({"ScheduleArn": arn(group, name, context.place)}))
    }

    /// Replaces everything: what an update leaves out goes back to its default.
    fn update(&mut self, input: &Value, context: &Context<'_>) -> Answered {
        let (group, name) = self.asked(input)?;
        let there = self
            .schedules
            .get(&key(group, name))
            .ok_or_else(|| missing(name))?;
        let mut schedule = Schedule::of(group, name, input, context)?;
        schedule.created_ms = there.created_ms;
        schedule.begin(context.now, &mut self.random);
        self.keep(schedule);
        Ok(json!({"ScheduleArn": arn(group, name, context.place)}))
    }

    fn get(&self, input: &Value, context: &Context<'_>) -> Answered {
        let (group, name) = self.asked(input)?;
        let schedule = self
            .schedules
            .get(&key(group, name))
            .ok_or_else(|| missing(name))?;
        Ok(schedule.shown(&arn(group, name, context.place)))
    }

    fn delete(&mut self, input: &Value) -> Answered {
        let (group, name) = self.asked(input)?;
        self.forget(&key(group, name))
            .ok_or_else(|| missing(name))?;
        Ok(json!({}))
    }

    fn list(&self, input: &Value, context: &Context<'_>) -> Answered {
        let (most, after) = page(input)?;
        let group = text(input, "ScheduleGroup");
        if let Some(group) = group.filter(|group| !self.groups.contains_key(*group)) {
            return Err(not_found(format!("Schedule group {group} does not exist.")));
        }
        let (prefix, state) = (
            text(input, "NamePrefix").unwrap_or_default(),
            text(input, "State"),
        );
        let mut all = self.schedules.iter().filter(|(key, schedule)| {
            key.as_str() > after
                && group.is_none_or(|group| schedule.group == group)
                && schedule.name.starts_with(prefix)
                && state.is_none_or(|state| schedule.state() == state)
        });
        let page: Vec<_> = all.by_ref().take(most).collect();
        let next = page
            .last()
            .filter(|_| all.next().is_some())
            .map(|(key, _)| key.as_str());
        let entry = |(_, schedule): &(&String, &Schedule)| {
            json!({
                "Arn": arn(&schedule.group, &schedule.name, context.place),
                "Name": schedule.name,
                "GroupName": schedule.group,
                "State": schedule.state(),
                "CreationDate": seconds(schedule.created_ms),
                "LastModificationDate": seconds(schedule.modified_ms),
                "Target": {"Arn": schedule.target.get("Arn")},
            })
        };
        Ok(json!({"Schedules": page.iter().map(entry).collect::<Vec<_>>(), "NextToken": next}))
    }

    fn create_group(&mut self, input: &Value, context: &Context<'_>) -> Answered {
        let name = checked_name(input, "Name")?;
        let client_token = text(input, "ClientToken").map(str::to_owned);
        match self.groups.get(name) {
            Some(group) if client_token.is_some() && group.client_token == client_token => {}
            Some(_) => return Err(conflict(format!("Schedule group {name} already exists."))),
            None => {
                let group = Group {
                    name: name.to_owned(),
                    created_ms: context.now,
                    client_token,
                };
                self.groups.insert(name.to_owned(), group);
            }
        }
        Ok(json!({"ScheduleGroupArn": group_arn(name, context.place)}))
    }

    fn get_group(&self, input: &Value, context: &Context<'_>) -> Answered {
        let name = checked_name(input, "Name")?;
        let group = self.groups.get(name);
        let group =
            group.ok_or_else(|| not_found(format!("Schedule group {name} does not exist.")))?;
        Ok(group.shown(context.place))
    }

    /// Its schedules go with it; at once, where AWS takes its time.
    fn delete_group(&mut self, input: &Value) -> Answered {
        let name = checked_name(input, "Name")?;
        if name == "default" {
            return Err(validation("The default schedule group can't be deleted."));
        }
        let removed = self.groups.remove(name);
        removed.ok_or_else(|| not_found(format!("Schedule group {name} does not exist.")))?;
        let theirs =
            |(key, schedule): (&String, &Schedule)| (schedule.group == name).then(|| key.clone());
        for key in self.schedules.iter().filter_map(theirs).collect::<Vec<_>>() {
            self.forget(&key);
        }
        Ok(json!({}))
    }

    fn list_groups(&self, input: &Value, context: &Context<'_>) -> Answered {
        let (most, after) = page(input)?;
        let prefix = text(input, "NamePrefix").unwrap_or_default();
        let mut all = self
            .groups
            .values()
            .filter(|group| group.name.as_str() > after && group.name.starts_with(prefix));
        let page: Vec<&Group> = all.by_ref().take(most).collect();
        let next = page
            .last()
            .filter(|_| all.next().is_some())
            .map(|group| group.name.as_str());
        let groups: Vec<Value> = page
            .iter()
            .map(|group| group.shown(context.place))
            .collect();
        Ok(json!({"ScheduleGroups": groups, "NextToken": next}))
    }
}

impl Group {
    fn shown(&self, place: &Place) -> Value {
        json!({
            "Arn": group_arn(&self.name, place),
            "Name": self.name,
            "State": "ACTIVE",
            "CreationDate": seconds(self.created_ms),
            "LastModificationDate": seconds(self.created_ms),
        })
    }
}

fn missing(name: &str) -> ApiError {
    not_found(format!("Schedule {name} does not exist."))
}

fn arn(group: &str, name: &str, place: &Place) -> String {
    place.arn("scheduler", &format!("schedule/{group}/{name}"))
}

fn group_arn(name: &str, place: &Place) -> String {
    place.arn("scheduler", &format!("schedule-group/{name}"))
}
