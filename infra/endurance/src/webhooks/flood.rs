//! Sends the events, and hands them to workers that die now and then.

use std::collections::{BTreeMap, HashMap};
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use aws_sim::{Fault, FaultKind};
use futures_util::future::join_all;
use instagram_sim::Person;
use jiff::SignedDuration;
use serde_json::{Value, json};
use shared::announce;
use shared::lambda::Function;
use world::delivery::Feed;
use world::gateway::{HttpCall, invoke_raw};
use world::resources::{ACCOUNT_ID, EVENT_DEAD_LETTERS, EVENT_QUEUE, REGION};
use world::{INSTAGRAM_APP_SECRET, World, WorldOptions, logs};

use super::Sent;
use super::target::Target;
use crate::mutter;
use crate::random::Random;
use crate::stage::{LoginEnd, Stage};

/// Events of one delivery, about.
const TOGETHER: usize = 50;
/// So many batches are in work at once, each in a sandbox of its own.
const WORKERS: usize = 4;
/// By then everybody has logged in.
const LOGINS_END_AFTER: SignedDuration = SignedDuration::from_mins(10);
/// The clock between two deliveries.
const STEP: SignedDuration = SignedDuration::from_secs(2);
/// A worker that dies does so before it has waited this often: a batch takes about as many.
const LONGEST_LIFE: i64 = 600;
/// What was not done comes back when its time is over; five times at most.
const COMES_BACK_AFTER: SignedDuration = SignedDuration::from_mins(4);
const TIMES_THAT_WORK_COMES_BACK: usize = 8;

/// The stage, the function and what is expected of it.
pub(super) struct Flood {
    stage: Stage,
    receiver: Function,
    workers: Vec<Function>,
    feed: Feed,
    random: Random,
    /// Nothing goes wrong but what is put on the world by hand.
    calm: bool,
    begin_ms: i64,
    pub(super) accounts: Vec<Target>,
    pub(super) sent: Sent,
    /// Events that were announced: the account of each, and the id of the announcement.
    pub(super) announced: HashMap<String, (String, String)>,
    /// Events that were announced a second time under another id.
    pub(super) announced_twice: usize,
}

/// A refusal that the SDK does not try again: trying takes real time.
pub(super) fn denied() -> FaultKind {
    FaultKind::Error {
        status: 400,
        code: "AccessDeniedException".to_owned(),
        message: "not allowed".to_owned(),
    }
}

impl Flood {
    pub(super) async fn begin(seed: u64, accounts: usize, calm: bool) -> Result<Self, String> {
        let options = WorldOptions {
            seed,
            ..WorldOptions::default()
        };
        // After the logins, and the same in each run: a call of theirs that is tried again turns the clock.
        let begin = options.start + LOGINS_END_AFTER;
        let stage = Stage::set(options).await;
        for number in 0..accounts {
            let username = format!("person.{number}");
            stage
                .world
                .instagram
                .add_person(Person::business(&username));
            match stage.log_in("user", "company", &username).await? {
                LoginEnd::Connected => {}
                LoginEnd::Refused => return Err(format!("{username} could not connect")),
            }
        }
        let mut connected = stage.accounts_of("company").await?;
        // Ids are drawn; another run of the same seed has the same order of names.
        connected.sort_by(|one, other| one.username.cmp(&other.username));
        let world = &stage.world;
        let left = begin.duration_since(world.now());
        if left.is_negative() {
            return Err("the logins took too long".into());
        }
        world.clock.advance(left);
        let function = || {
            Function::new(world.cold("webhooks"))
                .with_routes(webhooks::all_routes())
                .with_tasks(webhooks::handle)
        };
        Ok(Self {
            receiver: function(),
            workers: std::iter::repeat_with(function).take(WORKERS).collect(),
            feed: Feed::new(&world.aws.url(), &world.resources),
            random: Random::new(seed, "webhooks"),
            calm,
            begin_ms: begin.as_millisecond(),
            accounts: connected
                .into_iter()
                .map(|account| Target {
                    id: account.id,
                    instagram_id: account.platform_account_id,
                    name: account.username.unwrap_or_default(),
                    events: 0,
                    unreadable: 0,
                    comments: 0,
                    messages: BTreeMap::new(),
                    threads: BTreeMap::new(),
                })
                .collect(),
            sent: Sent::default(),
            announced: HashMap::new(),
            announced_twice: 0,
            stage,
        })
    }

    pub(super) fn world(&self) -> &World {
        &self.stage.world
    }

    fn draw(&mut self, below: i64) -> i64 {
        self.random.within(0..below)
    }

    /// Sends that many events, and lets the workers work on them.
    pub(super) async fn pour(&mut self, events: usize) -> Result<(), String> {
        let mut held = Vec::new();
        while self.sent.events < events {
            let mut entries = Vec::new();
            if self.draw(4) == 0 {
                entries.append(&mut held);
            }
            for _ in 0..TOGETHER.min(events - self.sent.events) {
                let entry = self.entry();
                match self.draw(20) {
                    0 => {
                        self.sent.duplicates += 1;
                        entries.push(entry.clone());
                        entries.push(entry);
                    }
                    1 => {
                        self.sent.reordered += 1;
                        held.push(entry);
                    }
                    _ => entries.push(entry),
                }
            }
            if self.sent.events == events {
                entries.append(&mut held);
            }
            self.deliver(&entries).await?;
            self.stage.world.clock.advance(STEP);
            if self.draw(10) == 0 {
                self.sent.outages += 1;
            } else {
                self.fail_at_random();
                self.work().await?;
                self.world().aws.clear_faults();
            }
            self.forget();
            if self.sent.events.is_multiple_of(50_000) {
                mutter(&format!("{} events sent", self.sent.events));
            }
        }
        Ok(())
    }

    /// The next event, in an entry of its own.
    fn entry(&mut self) -> Value {
        let number = self.sent.events;
        let place = usize::try_from(self.draw(self.accounts.len() as i64)).unwrap_or(0);
        let is_unreadable = self.draw(100) == 0;
        let person = self.draw(1000);
        self.sent.events += 1;
        self.sent.unreadable += usize::from(is_unreadable);
        let at = self.begin_ms + number as i64;
        self.accounts[place].entry(number, at, person, is_unreadable)
    }

    /// Sends a delivery until it is answered with 200, as Meta does.
    async fn deliver(&mut self, entries: &[Value]) -> Result<(), String> {
        if !self.calm && self.draw(5) == 0 {
            let kind = match self.draw(2) {
                0 => denied(),
                _ => FaultKind::PartialBatch,
            };
            let skip = u32::try_from(self.draw(5)).unwrap_or(0);
            let fault = Fault::on("sqs", "SendMessageBatch", kind);
            self.world().aws.add_fault(fault.times(2).skip(skip));
        }
        let body = json!({"object": "instagram", "entry": entries}).to_string();
        let call = HttpCall::post("/").body(body).signed(INSTAGRAM_APP_SECRET);
        loop {
            let reply = self.world().call_url(&self.receiver, &call).await?;
            match reply.status {
                200 => break,
                503 => self.sent.refused += 1,
                status => return Err(format!("{status}: {}", reply.text())),
            }
        }
        if !self.calm {
            self.world().aws.clear_faults();
        }
        Ok(())
    }

    /// Sends that many events, each once and in their order, and hands them over.
    pub(super) async fn tell(&mut self, events: usize) -> Result<(), String> {
        while self.sent.events < events {
            let together = TOGETHER.min(events - self.sent.events);
            let entries: Vec<Value> = (0..together).map(|_| self.entry()).collect();
            self.deliver(&entries).await?;
        }
        self.work().await
    }

    /// Lets what failed come back until it ends among the dead letters, and says how many those are.
    pub(super) async fn give_up(&mut self) -> Result<usize, String> {
        while !self.world().aws.messages(EVENT_QUEUE).is_empty() {
            self.stage.world.clock.advance(COMES_BACK_AFTER);
            self.work().await?;
            self.forget();
        }
        Ok(self.world().aws.messages(EVENT_DEAD_LETTERS).len())
    }

    /// How many messages are left, dead letters among them.
    pub(super) fn left_on_the_queue(&self) -> usize {
        let queues = [EVENT_QUEUE, EVENT_DEAD_LETTERS].into_iter();
        queues
            .map(|queue| self.world().aws.messages(queue).len())
            .sum()
    }

    /// Replays all events of each account, as a caller of the API does.
    pub(super) async fn replay(&self) -> Result<(), String> {
        let body = json!({"from": "2026-11-01T00:00:00Z", "to": "2026-12-01T00:00:00Z"});
        for target in &self.accounts {
            let path = format!("/instagram/accounts/{}/events/replay", target.id);
            let mut query = String::new();
            loop {
                let mut call = HttpCall::post(&path).json(&body);
                call = call.as_user("user", "company", "editor");
                call.query.clone_from(&query);
                let reply = self.world().call(&self.receiver, &call).await?;
                if reply.status != 200 {
                    return Err(format!("{}: {}", reply.status, reply.text()));
                }
                match reply.json()["nextCursor"].as_str() {
                    Some(cursor) => query = format!("cursor={cursor}"),
                    None => break,
                }
            }
        }
        Ok(())
    }

    /// Some of the next writes of the workers are refused.
    fn fail_at_random(&mut self) {
        for operation in ["PutItem", "TransactWriteItems", "GetItem"] {
            if self.draw(3) == 0 {
                let skip = u32::try_from(self.draw(200)).unwrap_or(0);
                let fault = Fault::on("dynamodb", operation, denied());
                self.world().aws.add_fault(fault.times(4).skip(skip));
            }
        }
    }

    /// Hands over what waits, to several workers at once; one batch in fifty meets a worker that dies.
    async fn work(&mut self) -> Result<(), String> {
        loop {
            let mut batches = Vec::new();
            for _ in 0..WORKERS {
                let messages = self.feed.events.receive().await?;
                if messages.is_empty() {
                    break;
                }
                let dies = !self.calm && self.draw(50) == 0;
                self.sent.deaths += usize::from(dies);
                let life = dies.then(|| self.draw(LONGEST_LIFE));
                batches.push((messages, life));
            }
            if batches.is_empty() {
                break;
            }
            let now = self.world().clock.milliseconds();
            let source = &self.feed.events;
            let works = batches.iter().zip(&self.workers);
            let works = works.map(|((messages, life), worker)| async move {
                let event = source.event(messages);
                let invoked = invoke_raw(worker, &event, now);
                if let Some(Ok(answer)) = ended_after(*life, invoked).await {
                    source.delete_done(messages, answer.get()).await?;
                }
                Ok::<(), String>(())
            });
            for end in join_all(works).await {
                end?;
            }
        }
        Ok(())
    }

    /// Works until nothing is left to come back, and puts back what ended among the dead letters.
    pub(super) async fn settle(&mut self) -> Result<(), String> {
        for _ in 0..TIMES_THAT_WORK_COMES_BACK {
            self.stage.world.clock.advance(COMES_BACK_AFTER);
            self.work().await?;
            if self.left_on_the_queue() == 0 {
                break;
            }
            let world = &self.stage.world;
            let dead = world.aws.messages(EVENT_DEAD_LETTERS);
            self.sent.redriven += dead.len();
            if !dead.is_empty() {
                let arn = format!("arn:aws:sqs:{REGION}:{ACCOUNT_ID}:{EVENT_DEAD_LETTERS}");
                let moved = world.clients.sqs.start_message_move_task();
                let moved = moved.source_arn(arn).send().await;
                moved.map_err(|error| error.to_string())?;
            }
            self.forget();
        }
        // As the hourly audit does.
        announce::send_waiting(&self.stage.world.cold("refresh"))
            .await
            .map_err(|error| error.to_string())?;
        self.forget();
        Ok(())
    }

    /// Takes what was announced, and makes the simulators forget what would fill the memory.
    fn forget(&mut self) {
        let world = &self.stage.world;
        for event in world.aws.take_bus_events() {
            let detail: Value = serde_json::from_str(&event.detail).unwrap_or_default();
            let member = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let id = member(&detail["event"]["id"]);
            if id.is_empty() {
                continue;
            }
            let told = (member(&detail["accountId"]), member(&detail["id"]));
            // The same announcement may come twice, and has the same id then.
            let first = self.announced.entry(id).or_insert_with(|| told.clone());
            self.announced_twice += usize::from(*first != told);
        }
        world.aws.clear_calls();
        world.instagram.clear_calls();
        logs::take();
    }
}

/// Runs a future until it has waited so often, and drops it there, as a process that ends does. `None`: it was dropped.
async fn ended_after<F: Future>(life: Option<i64>, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = life;
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending if left == Some(0) => Poll::Ready(None),
        Poll::Pending => {
            left = left.map(|left| left - 1);
            Poll::Pending
        }
    })
    .await
}
