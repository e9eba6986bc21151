//! What an event of Instagram's costs: comments and messages in good weather, one to a delivery and ten.

use serde_json::{Value, json};
use shared::lambda::Function;
use world::delivery::Workers;
use world::gateway::HttpCall;
use world::{INSTAGRAM_APP_SECRET, WorldOptions};

use super::bill::Usage;
use super::{COMPANY, prices, stored_bytes, table, taken};
use crate::say;
use crate::stage::{LoginEnd, Stage};
use instagram_sim::Person;

/// Events that are counted, half of them comments.
const EVENTS: usize = 1000;
/// Events to a delivery, and so to a batch of the worker's.
const TOGETHER: [usize; 2] = [1, 10];

/// What was counted, of one event.
struct Counted {
    usage: Usage,
    announcements: f64,
    stored_bytes: f64,
}

/// Counts, and prints what a thousand events cost.
///
/// # Errors
/// When a function does not answer.
pub(super) async fn run(seed: u64) -> Result<(), String> {
    let mut counted = Vec::new();
    for together in TOGETHER {
        counted.push(count(seed, together).await?);
    }
    let columns = TOGETHER.map(|together| format!("{together} to a delivery"));
    say(&format!(
        "US cents a thousand events, counted with {EVENTS}, half of them comments and half messages:"
    ));
    say("");
    table::row("", &columns);
    table::line(columns.len());
    let bills: Vec<_> = counted.iter().map(cents).collect();
    for (position, (what, _)) in bills.first().into_iter().flatten().enumerate() {
        let of_each: Vec<String> = bills
            .iter()
            .map(|bill| table::cents(bill[position].1 * 1000.0))
            .collect();
        table::row(what, &of_each);
    }
    let totals: Vec<String> = bills
        .iter()
        .map(|bill| table::cents(bill.iter().map(|(_, cents)| cents * 1000.0).sum()))
        .collect();
    table::row("**together**", &totals);
    say("");
    say("What was counted, an event:");
    say("");
    table::row("", &columns);
    table::line(columns.len());
    type Figure = fn(&Counted) -> f64;
    let figures: [(&str, Figure); 7] = [
        ("write units", |counted| counted.usage.write_units),
        ("read units", |counted| counted.usage.read_units),
        ("requests to SQS", |counted| counted.usage.queue_requests),
        ("invocations", |counted| counted.usage.invocations),
        ("log bytes", |counted| counted.usage.log_bytes),
        ("announcements on the bus", |counted| counted.announcements),
        ("bytes in the table", |counted| counted.stored_bytes),
    ];
    for (what, figure) in figures {
        let of_each: Vec<String> = counted
            .iter()
            .map(|counted| format!("{:.1}", figure(counted)))
            .collect();
        table::row(what, &of_each);
    }
    Ok(())
}

/// What an event costs, by service, in US cents.
fn cents(counted: &Counted) -> Vec<(&'static str, f64)> {
    let month = counted.stored_bytes / 1e9 * prices::dollars::STORED_GB_MONTH;
    let mut bill = counted.usage.cents();
    bill.retain(|(_, cents)| *cents > 0.0);
    let announced = counted.announcements * prices::dollars::BUS_EVENT;
    bill.push(("EventBridge", announced * 100.0));
    bill.push(("DynamoDB, storage for a month", month * 100.0));
    bill
}

async fn count(seed: u64, together: usize) -> Result<Counted, String> {
    let stage = Stage::set(WorldOptions {
        seed,
        ..WorldOptions::default()
    })
    .await;
    let world = &stage.world;
    world.instagram.add_person(Person::business("person"));
    match stage.log_in("user", COMPANY, "person").await? {
        LoginEnd::Connected => {}
        LoginEnd::Refused => return Err("person cannot connect".to_owned()),
    }
    let account = stage.accounts_of(COMPANY).await?.pop();
    let instagram_id = account.map(|account| account.platform_account_id);
    let instagram_id = instagram_id.ok_or("there is no account")?;
    let refresh = Function::new(world.cold("refresh")).with_tasks(refresh::handle);
    let events = Function::new(world.cold("webhooks"))
        .with_routes(webhooks::all_routes())
        .with_tasks(webhooks::handle);
    let workers = Workers {
        accounts: &refresh,
        posts: None,
        events: Some(&events),
        receiver: None,
    };
    // What the login left to be done, and what each sandbox reads once.
    world.drain(workers).await;
    deliver(&stage, &events, &instagram_id, EVENTS..EVENTS + 10).await?;
    world.drain(workers).await;
    taken(&stage);
    world.aws.take_bus_events();
    let stored_before = stored_bytes(&stage).await;
    for first in (0..EVENTS).step_by(together) {
        deliver(&stage, &events, &instagram_id, first..first + together).await?;
        world.drain(workers).await;
    }
    let deliveries = (EVENTS / together) as f64;
    let mut usage = Usage::of(&taken(&stage), 0.0, 0.0);
    usage.invocations += deliveries;
    usage.log_bytes += deliveries * prices::PLATFORM_LOG_BYTES;
    usage.gigabyte_seconds = prices::MEMORY_GB
        * (deliveries * prices::READ_SECONDS + EVENTS as f64 * prices::EVENT_SECONDS);
    let each = 1.0 / EVENTS as f64;
    Ok(Counted {
        usage: usage * each,
        announcements: world.aws.take_bus_events().len() as f64 * each,
        stored_bytes: (stored_bytes(&stage).await - stored_before) * each,
    })
}

async fn deliver(
    stage: &Stage,
    events: &Function,
    instagram_id: &str,
    numbers: std::ops::Range<usize>,
) -> Result<(), String> {
    let at = stage.world.clock.milliseconds();
    let entries: Vec<Value> = numbers
        .map(|number| entry(instagram_id, number, at))
        .collect();
    let body = json!({"object": "instagram", "entry": entries}).to_string();
    let call = HttpCall::post("/").body(body).signed(INSTAGRAM_APP_SECRET);
    let reply = stage.world.call_url(events, &call).await?;
    match reply.status {
        200 => Ok(()),
        status => Err(format!("{status}: {}", reply.text())),
    }
}

/// A comment or a message of a hundred characters, of one of fifty people.
fn entry(instagram_id: &str, number: usize, at: i64) -> Value {
    let text = format!(
        "{number:05} {}",
        "Do you have rye bread tomorrow? ".repeat(3)
    );
    let person = format!("125447777777{:04}", number % 50);
    if number.is_multiple_of(2) {
        let value = json!({
            "id": (17_870_000_000_000_000 + number).to_string(),
            "from": {"id": person, "username": "a.visitor"},
            "text": text,
            "media": {"id": "17895000000000001", "media_product_type": "FEED"},
        });
        let change = json!({"field": "comments", "value": value});
        return json!({"id": instagram_id, "time": at, "changes": [change]});
    }
    let mid = format!("aWdfZAG1faXRlbToxOk{number:020}{}", "A".repeat(120));
    let item = json!({
        "sender": {"id": person},
        "recipient": {"id": instagram_id},
        "timestamp": at,
        "message": {"mid": mid, "text": text},
    });
    json!({"id": instagram_id, "time": at, "messaging": [item]})
}
