//! What happens, step by step.

mod connecting;
mod ending;
mod events;
mod keeping;
mod publishing;

use std::cell::Cell;

use jiff::Timestamp;
use serde_json::Value;
use shared::schedules::Kind;
use world::gateway::HttpCall;

use crate::emulator::Item;
use crate::say;
use crate::stage::Stage;

/// Somebody whom the simulated Instagram knows.
const USERNAME: &str = "corner.bakery";
const USER: &str = "ann";
const COMPANY: &str = "acme";

/// The journey, with what it found out so far.
struct Journey<'a> {
    stage: &'a Stage,
    steps: Cell<usize>,
    account: String,
}

/// Goes the whole way.
///
/// # Errors
/// A sentence that says what was not as expected.
pub(crate) async fn go(stage: &Stage) -> Result<(), String> {
    let mut journey = Journey {
        stage,
        steps: Cell::new(0),
        account: String::new(),
    };
    journey.starts().await?;
    journey.takes_every_sample().await?;
    journey.connects().await?;
    journey.is_listed().await?;
    journey.syncs().await?;
    journey.publishes().await?;
    journey.is_told_of_a_comment().await?;
    journey.is_renewed_by_hand().await?;
    journey.is_renewed_by_schedule().await?;
    journey.is_audited().await?;
    journey.sets_bad_messages_aside().await?;
    journey.disconnects().await?;
    journey.is_erased().await?;
    journey.leaves_nothing().await?;
    say("All of it was answered as expected.");
    Ok(())
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: T, expected: T) -> Result<(), String> {
    if found == expected {
        Ok(())
    } else {
        Err(format!("{what}: expected {expected:?}, found {found:?}"))
    }
}

fn time(value: &Value, member: &str) -> Result<Timestamp, String> {
    let text = value[member].as_str().unwrap_or_default();
    text.parse()
        .map_err(|_| format!("{member} is no time: {}", value[member]))
}

impl Journey<'_> {
    fn done(&self, what: &str, answer: &str) {
        self.steps.set(self.steps.get() + 1);
        say(&format!("✓ {:>2}. {what}", self.steps.get()));
        say(&format!("       {answer}"));
    }

    /// A call of Ann's that must be answered with this status.
    async fn expect(&self, method: &str, target: &str, status: u16) -> Result<Value, String> {
        self.send(method, target, None, status).await
    }

    /// The same with a body.
    async fn send(
        &self,
        method: &str,
        target: &str,
        body: Option<&Value>,
        status: u16,
    ) -> Result<Value, String> {
        let mut call = HttpCall::new(method, target).as_user(USER, COMPANY, "admin");
        if let Some(body) = body {
            call = call.json(body);
        }
        let reply = self.stage.call(call).await?;
        if reply.status != status {
            let (found, text) = (reply.status, reply.text());
            return Err(format!(
                "{method} {target}: {found} instead of {status}: {text}"
            ));
        }
        Ok(reply.json())
    }

    async fn look(&self) -> Result<Value, String> {
        let target = format!("/instagram/accounts/{}", self.account);
        self.expect("GET", &target, 200).await
    }

    /// Puts on the queue what a schedule would put there, which moto never does by itself, and lets it be worked off.
    /// Returns how many messages were delivered.
    async fn fire(&self, schedule: &str) -> Result<usize, String> {
        let schedule = self.stage.aws.schedule(schedule).await?;
        self.stage
            .aws
            .send(&schedule.queue_url, &schedule.input)
            .await?;
        self.stage.work().await
    }

    fn schedule_names(&self) -> [String; 2] {
        Kind::ALL.map(|kind| kind.name(&self.account))
    }

    /// The vault's pages, and of each the version that counts: the one that its record names.
    async fn pages(&self) -> Result<Vec<(String, String)>, String> {
        let items = self.stage.aws.items().await?;
        let text = |item: &Item, name: &str| Some(item.get(name)?.as_s().ok()?.clone());
        let pages = items.iter().filter_map(|item| {
            let page = text(item, "pk")?.strip_prefix("VAULT#")?.to_owned();
            Some((page, text(item, "versionId")?))
        });
        Ok(pages.collect())
    }

    /// How many tokens are in the vault; all of them must work.
    async fn stored_tokens(&self) -> Result<usize, String> {
        let mut tokens = 0;
        for (page, version) in self.pages().await? {
            let page = self.stage.aws.page(&page, &version).await?;
            let page: Value = serde_json::from_str(&page).map_err(|error| error.to_string())?;
            for (_, entry) in page["accounts"].as_object().into_iter().flatten() {
                let token = entry["token"].as_str().unwrap_or_default();
                let works = self.stage.instagram.is_live_token(token);
                same("whether the stored token works", works, true)?;
                tokens += 1;
            }
        }
        Ok(tokens)
    }
}
