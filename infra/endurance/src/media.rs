//! What it takes to read an account's media and figures: a first sync and the daily ones after it, what they leave in the
//! table, and how very many accounts share a budget of calls that is too small.

use std::collections::{BTreeMap, HashMap};

use instagram_sim::{ContentKind, Fault, FaultKind, History, Person};
use jiff::{SignedDuration, Timestamp};
use shared::account::Account;
use shared::graph::MediaKind;
use world::{World, WorldOptions, access_key_id};

use crate::arguments::MediaOptions;
use crate::posts::Publishing;
use crate::stage::{LoginEnd, Stage};
use crate::{mutter, say};

const DAY: SignedDuration = SignedDuration::from_hours(24);
/// The most that a daily sync may cost of a first one, in hundredths.
const MOST_OF_FIRST: f64 = 3.0;
/// Days over which the table's growth is measured.
const GROWTH_DAYS: i64 = 30;
/// A post is published on so many of them.
const POSTED_EVERY: i64 = 2;
/// Minutes between two looks at who has finished.
const LOOK_EVERY: usize = 5;
/// For so many minutes an account is blocked.
const BLOCKED: u32 = 60;
/// A picture that waits for nobody is live after so many seconds.
const SLOWEST_POST: f64 = 60.0;
/// List prices of DynamoDB on demand, us-east-1, US dollars: a gigabyte and month.
const STORAGE: f64 = 0.25;

/// What something took.
#[derive(Clone, Copy, Debug, Default)]
struct Taken {
    graph_calls: usize,
    writes: usize,
    write_units: f64,
    read_units: f64,
    cpu_seconds: f64,
    bytes: u64,
}

/// Measures, prints, and says whether every expectation held.
///
/// # Errors
/// What keeps it from being measured.
pub(crate) async fn run(options: &MediaOptions) -> Result<bool, String> {
    let is_cheap = costs(options).await?;
    let is_fair = fairness(options).await?;
    Ok(is_cheap && is_fair)
}

async fn costs(options: &MediaOptions) -> Result<bool, String> {
    let stage = stage(options.seed).await;
    add_person(&stage, "prolific", options.media, 3_650);
    connect(&stage, "prolific").await?;
    mutter("the first sync");
    let first = measured(&stage, SignedDuration::from_mins(30)).await;
    let account = the_account(&stage).await?;
    let table = &stage.world.app("test").table;
    let stored = table
        .media_between(&account.id, None, None)
        .await
        .map_err(|error| error.to_string())?;
    let kept = stored
        .iter()
        .filter(|media| media.kind != MediaKind::Story && media.gone_at.is_none())
        .count();
    let mut daily = Vec::new();
    for day in 0..GROWTH_DAYS {
        if day % POSTED_EVERY == 0 {
            let kind = ContentKind::Image;
            stage.world.instagram.post("prolific", kind, "A new one");
        }
        daily.push(measured(&stage, DAY).await);
    }
    let days = daily.len() as f64;
    let mean = |of: fn(&Taken) -> f64| daily.iter().map(of).sum::<f64>() / days;
    let rows: [(&str, f64, f64); 5] = [
        (
            "calls of Instagram",
            first.graph_calls as f64,
            mean(|taken| taken.graph_calls as f64),
        ),
        (
            "writes of the table",
            first.writes as f64,
            mean(|taken| taken.writes as f64),
        ),
        (
            "write units",
            first.write_units,
            mean(|taken| taken.write_units),
        ),
        (
            "read units",
            first.read_units,
            mean(|taken| taken.read_units),
        ),
        (
            "seconds of CPU, simulators included",
            first.cpu_seconds,
            mean(|taken| taken.cpu_seconds),
        ),
    ];
    say(&format!(
        "{kept} media are stored of {}, and what lived of stories\n",
        options.media
    ));
    say("| | first sync | a daily one, mean of 30 | share |");
    say("| --- | --- | --- | --- |");
    let mut is_good = kept as u64 == options.media.min(10_000);
    for (name, first, daily) in rows {
        let share = 100.0 * daily / first.max(f64::MIN_POSITIVE);
        say(&format!(
            "| {name} | {first:.1} | {daily:.1} | {share:.1} % |"
        ));
        // A first sync has next to nothing to read.
        is_good &= share <= MOST_OF_FIRST || name == "read units";
    }
    let (begun, grown) = (
        first.bytes,
        daily.iter().map(|taken| taken.bytes).sum::<u64>(),
    );
    let dollars = grown as f64 / 1e9 * STORAGE;
    say(&format!(
        "\nThe first sync leaves {begun} bytes in the table; {GROWTH_DAYS} days add {grown}: {dollars:.7} US dollars more each \
         month."
    ));
    Ok(is_good)
}

/// Accounts that all begin at once, with fewer calls an hour than they need, while a post is published each minute.
async fn fairness(options: &MediaOptions) -> Result<bool, String> {
    let stage = stage(options.seed + 1).await;
    for number in 0..options.accounts {
        let username = format!("person.{number}");
        add_person(&stage, &username, 120, 10);
        connect(&stage, &username).await?;
    }
    let publishing = Publishing::on(stage).await?;
    let world = &publishing.stage.world;
    world.instagram.update_settings(|settings| {
        settings.app_calls_per_hour = options.calls_per_hour;
    });
    world.instagram.clear_calls();
    // Some are blocked in the middle of it.
    let accounts = publishing.stage.accounts_of("company").await?;
    let (blocked, posting) = accounts.split_at(accounts.len() / 20);
    for account in blocked {
        let block = FaultKind::RateLimit { minutes: BLOCKED };
        let block = Fault::new(block).at("GET /{ig_id}/media").times(1);
        let username = account.username.as_deref().unwrap_or_default();
        world.instagram.add_fault(block.of(username));
    }
    let mut calls = Calls::default();
    let begun = world.now();
    mutter("all accounts begin at once");
    let mut finished: BTreeMap<&str, Timestamp> = BTreeMap::new();
    let table = world.app("test").table.clone();
    let mut created = 0;
    while finished.len() < publishing.accounts.len() {
        for _ in 0..LOOK_EVERY {
            let account = &posting[created % posting.len()].id;
            let body = publishing.body(0, None);
            publishing.create(account, &body).await?;
            created += 1;
            publishing.turn(SignedDuration::from_mins(1)).await;
            // More than the simulator remembers are made.
            calls.take(world);
        }
        for account in &publishing.accounts {
            if finished.contains_key(account.as_str()) {
                continue;
            }
            let progress = table.media_sync(account).await;
            let progress = progress.map_err(|error| error.to_string())?;
            if let Some(at) = progress.and_then(|progress| progress.completed_at) {
                finished.insert(account, at);
            }
        }
        if world.now().duration_since(begun) > DAY * 7 {
            let left = publishing.accounts.len() - finished.len();
            return Err(format!("{left} never finished"));
        }
    }
    publishing.turn(SignedDuration::from_mins(5)).await;
    let mut minutes: Vec<i64> = finished
        .values()
        .map(|at| at.duration_since(begun).as_mins())
        .collect();
    minutes.sort_unstable();
    let (median, worst) = (minutes[minutes.len() / 2], minutes[minutes.len() - 1]);
    let mut seconds: Vec<f64> = Vec::new();
    for post in publishing.posts().await? {
        let took = post
            .published_at
            .map(|at| at.duration_since(post.created_at));
        let took =
            took.ok_or_else(|| format!("a post is {:?}: {:?}", post.state, post.state_reason))?;
        seconds.push(took.as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    let slowest = seconds.last().copied().unwrap_or_default();
    say(&format!(
        "\n{} accounts with {} calls an hour for all: the median finished after {median} minutes, the last after {worst}. \
         Of {} calls Instagram refused {}, those that blocked {} accounts; {} were made while it blocked. Each of {} posts was \
         published meanwhile, the slowest after {slowest:.0} s.",
        publishing.accounts.len(),
        options.calls_per_hour,
        calls.all,
        calls.refused,
        blocked.len(),
        calls.while_blocked,
        seconds.len(),
    ));
    let is_lane_free = seconds.len() == created && slowest < SLOWEST_POST;
    let is_patient = calls.refused == blocked.len() && calls.while_blocked == 0;
    Ok(worst <= 2 * median && is_lane_free && is_patient)
}

/// Calls of Instagram.
#[derive(Default)]
struct Calls {
    all: usize,
    refused: usize,
    while_blocked: usize,
    /// Until when whose calls are refused, in milliseconds since the epoch.
    blocked_until: HashMap<String, i64>,
}

impl Calls {
    /// Counts those since the last look.
    fn take(&mut self, world: &World) {
        for call in world.instagram.calls() {
            self.all += 1;
            let whose = call.username.unwrap_or_default();
            let until = self.blocked_until.get(&whose).copied();
            self.while_blocked += usize::from(until > Some(call.at_ms));
            if call.status >= 400 {
                self.refused += 1;
                let until = call.at_ms + i64::from(BLOCKED) * 60_000;
                self.blocked_until.insert(whose, until);
            }
        }
        world.instagram.clear_calls();
    }
}

async fn stage(seed: u64) -> Stage {
    Stage::set(WorldOptions {
        seed,
        ..WorldOptions::default()
    })
    .await
}

fn add_person(stage: &Stage, username: &str, posts: u64, days: u64) {
    let history = History {
        posts,
        days,
        until_ms: stage.world.clock.milliseconds(),
    };
    let person = Person::business(username).with_followers(25_000);
    stage
        .world
        .instagram
        .add_person(person.with_history(history));
}

async fn connect(stage: &Stage, username: &str) -> Result<(), String> {
    match stage.log_in("user", "company", username).await? {
        LoginEnd::Connected => Ok(()),
        LoginEnd::Refused => Err(format!("{username} could not connect")),
    }
}

async fn the_account(stage: &Stage) -> Result<Account, String> {
    let accounts = stage.accounts_of("company").await?;
    accounts
        .into_iter()
        .next()
        .ok_or_else(|| "no account".to_owned())
}

/// What passes in this time takes.
async fn measured(stage: &Stage, time: SignedDuration) -> Taken {
    stage.world.aws.clear_calls();
    stage.world.instagram.clear_calls();
    let (cpu, bytes) = (cpu_seconds(), stage.world.aws.table_bytes().await);
    let until = stage.world.now() + time;
    while stage.world.now() < until {
        stage.world.aws.fire_due_schedules().await;
        stage.work().await;
        let left = until.duration_since(stage.world.now());
        let due = stage.world.aws.next_due();
        let due = due.map(|due| due - stage.world.clock.milliseconds());
        let forward = due.map_or(left, |due| SignedDuration::from_millis(due.max(1)));
        stage.world.clock.advance(forward.min(left));
    }
    stage.work().await;
    let own = access_key_id("");
    let calls = stage.world.aws.calls();
    let of_table = || {
        let calls = calls.iter().filter(|call| call.access_key_id != own);
        calls.filter(|call| call.service == "dynamodb")
    };
    Taken {
        graph_calls: stage.world.instagram.calls().len(),
        writes: of_table().filter(|call| call.write_units > 0.0).count(),
        write_units: of_table().map(|call| call.write_units).sum(),
        read_units: of_table().map(|call| call.read_units).sum(),
        cpu_seconds: cpu_seconds() - cpu,
        bytes: stage.world.aws.table_bytes().await.saturating_sub(bytes),
    }
}

/// Seconds of CPU that this process has used, as Linux counts them.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // What stands before the last parenthesis is the program's name, which may hold anything.
    let fields = text.rsplit(") ").next().unwrap_or_default();
    let ticks = fields.split(' ').skip(11).take(2);
    let ticks: f64 = ticks.filter_map(|field| field.parse::<f64>().ok()).sum();
    ticks / 100.0
}
