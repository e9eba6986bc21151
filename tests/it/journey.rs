//! A world with all functions in it, and the steps that people and callers take.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::SignedDuration;
use serde_json::Value;
use shared::account::Account;
use shared::lambda::Function;
use shared::table::accounts::AccountFilter;
use shared::table::claims::instagram_ids;
use shared::table::keys;
use world::delivery::Workers;
use world::gateway::{HttpCall, Reply};
pub(crate) use world::login::{Begun, account_on_page, code_on_page};
use world::resources::{AUDIT_SCHEDULE, POST_AUDIT_SCHEDULE, TABLE};
use world::{Decision, World, WorldOptions, login};

use crate::contract::{self, Refused};

/// Somebody who calls the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The person.
    pub(crate) user: &'static str,
    /// The company.
    pub(crate) company: &'static str,
}

/// Ann of the company `acme`.
pub(crate) const ANN: Caller = Caller {
    user: "ann",
    company: "acme",
};
/// Bob of the company `bolt`.
pub(crate) const BOB: Caller = Caller {
    user: "bob",
    company: "bolt",
};

/// A world, its functions, and every answer that was given in it.
pub(crate) struct Journey {
    /// The surroundings.
    pub(crate) world: World,
    /// Starts logins.
    pub(crate) connect: Function,
    /// Finishes logins.
    pub(crate) callback: Function,
    /// Lists and manages accounts.
    pub(crate) accounts: Function,
    pub(crate) media: Function,
    pub(crate) insights: Function,
    /// Takes posts in, and publishes them.
    pub(crate) publish: Function,
    /// Refreshes tokens, and takes the accounts' queue.
    pub(crate) worker: Function,
    /// Receives what Meta tells.
    pub(crate) receiver: Function,
    /// Lists what Meta told, and takes the events' queue.
    pub(crate) webhooks: Function,
    answers: Mutex<Vec<String>>,
    seen: Mutex<BTreeSet<Refused>>,
}

impl Journey {
    /// A world in which nothing has happened.
    pub(crate) async fn start() -> Self {
        Self::start_with(WorldOptions::default()).await
    }

    /// A world with these options.
    pub(crate) async fn start_with(options: WorldOptions) -> Self {
        let world = World::start_with(options).await;
        Self {
            connect: Function::new(world.app("connect")).with_routes(connect::routes()),
            callback: Function::new(world.app("callback")).with_routes(callback::routes()),
            accounts: Function::new(world.app("accounts")).with_routes(accounts::routes()),
            media: Function::new(world.app("media")).with_routes(media::routes()),
            insights: Function::new(world.app("insights")).with_routes(insights::routes()),
            publish: Function::new(world.app("publish"))
                .with_routes(publish::routes())
                .with_tasks(publish::handle),
            receiver: Function::new(world.app("webhooks")).with_routes(webhooks::routes_of_url()),
            webhooks: Function::new(world.app("webhooks"))
                .with_routes(webhooks::routes())
                .with_tasks(webhooks::handle),
            worker: Function::new(world.app("refresh"))
                .with_routes(refresh::routes())
                .with_tasks(refresh::handle),
            world,
            answers: Mutex::default(),
            seen: Mutex::default(),
        }
    }

    /// Sends a call to a function and remembers the answer for the search for secrets.
    pub(crate) async fn call(&self, function: &Function, call: HttpCall) -> Reply {
        let reply = self
            .world
            .call(function, &call)
            .await
            .expect("the function answers");
        let refused = contract::check(&call, &reply);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.extend(refused);
        drop(seen);
        self.note(&reply);
        reply
    }

    /// Sends a call to the webhooks' function URL.
    pub(crate) async fn call_url(&self, call: HttpCall) -> Reply {
        let reply = self.world.call_url(&self.receiver, &call).await;
        let reply = reply.expect("the function answers");
        self.note(&reply);
        reply
    }

    /// Every refusal that was answered.
    pub(crate) fn seen(&self) -> BTreeSet<Refused> {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Remembers an answer for the search for secrets.
    pub(crate) fn note(&self, reply: &Reply) {
        self.answers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(reply.everything());
    }

    /// `GET /instagram/connect` from a browser.
    pub(crate) async fn begin(&self, caller: Caller) -> Begun {
        self.begin_with(caller, "").await
    }

    /// `GET /instagram/connect` from a browser, with a query.
    pub(crate) async fn begin_with(&self, caller: Caller, query: &str) -> Begun {
        let call = login::begin(caller.user, caller.company, query);
        let reply = self.call(&self.connect, call).await;
        Begun::read(&reply).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The person decides at Instagram; the call of the redirect back, with the browser's cookie.
    pub(crate) async fn redirected(
        &self,
        begun: &Begun,
        username: &str,
        decision: Decision,
    ) -> HttpCall {
        let back = self.world.consent(&begun.url, username, decision).await;
        begun.return_by(&back)
    }

    /// A whole login in a browser, up to the callback's page.
    pub(crate) async fn log_in(&self, caller: Caller, username: &str, decision: Decision) -> Reply {
        let begun = self.begin(caller).await;
        let call = self.redirected(&begun, username, decision).await;
        self.call(&self.callback, call).await
    }

    /// Connects an account and returns its id.
    pub(crate) async fn connected(&self, caller: Caller, username: &str) -> String {
        let reply = self.log_in(caller, username, Decision::Allow).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        account_on_page(&reply).unwrap_or_else(|| panic!("not connected: {}", reply.text()))
    }

    /// The company's accounts as the API lists them.
    pub(crate) async fn listed(&self, caller: Caller) -> Vec<Value> {
        let call = HttpCall::get("/instagram/accounts?limit=100").as_user(
            caller.user,
            caller.company,
            "viewer",
        );
        let reply = self.call(&self.accounts, call).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()["accounts"].as_array().expect("a list").clone()
    }

    /// The stored records of a company's accounts.
    pub(crate) async fn records(&self, company: &str) -> Vec<Account> {
        let app = self.world.app("test");
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = app
                .table
                .accounts_of_company(
                    company,
                    &AccountFilter::default(),
                    100,
                    after,
                    self.world.now(),
                )
                .await
                .expect("the table answers");
            all.extend(page.accounts);
            after = page.next;
            if after.is_none() {
                return all;
            }
        }
    }

    /// The functions that take the queues.
    pub(crate) fn workers(&self) -> Workers<'_> {
        Workers {
            accounts: &self.worker,
            posts: Some(&self.publish),
            events: Some(&self.webhooks),
            receiver: Some(&self.receiver),
        }
    }

    /// Turns the clock, while every queue is taken.
    pub(crate) async fn advance(&self, by: SignedDuration) {
        self.world.advance(by, self.workers()).await;
    }

    /// Lets the first syncs of new connections come, which are queued with a delay.
    pub(crate) async fn settle(&self) {
        self.advance(SignedDuration::from_mins(2)).await;
    }

    /// Ends the journey: the queue's work is done, nothing is left over anywhere, what is stored fits together, and no
    /// secret stands where it may not.
    pub(crate) async fn finish(self) {
        // The last to come is the sweep after an account that was deleted.
        self.advance(SignedDuration::from_mins(16)).await;
        // The daily sync comes at any minute, and may have to wait for the end of a block, which lasts a day at most.
        for _ in 0..26 {
            let left = self.world.leftovers().await;
            if !left
                .iter()
                .any(|task| task.contains(r#""task":"syncMedia""#))
            {
                break;
            }
            self.advance(SignedDuration::from_hours(1)).await;
        }
        assert_eq!(
            self.world.leftovers().await,
            Vec::<String>::new(),
            "work is left in a queue"
        );
        self.assert_consistent(&[ANN.company, BOB.company]).await;
        let answers = self
            .answers
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        self.world.assert_no_canary_anywhere(&answers).await;
    }

    /// Every connected account has a readable token, its claims and, while its token lives, its two schedules; nothing
    /// belongs to nobody.
    pub(crate) async fn assert_consistent(&self, companies: &[&str]) {
        let app = self.world.cold("test");
        let mut schedules: Vec<(String, u64)> = self
            .world
            .aws
            .schedules()
            .into_iter()
            .filter(|schedule| {
                ![AUDIT_SCHEDULE, POST_AUDIT_SCHEDULE].contains(&schedule.name.as_str())
            })
            .map(|schedule| {
                let task: Value =
                    serde_json::from_str(&schedule.input.expect("a task")).expect("a task");
                (
                    schedule.name,
                    task["connectionGeneration"].as_u64().expect("a generation"),
                )
            })
            .collect();
        schedules.sort();
        let (mut expected, mut tokens, mut owners) = (Vec::new(), 0, 0);
        for company in companies {
            for account in self.records(company).await {
                if !account.is_connected() {
                    continue;
                }
                tokens += 1;
                if account.is_live(self.world.now()) {
                    for kind in shared::schedules::Kind::ALL {
                        expected.push((kind.name(&account.id), account.connection_generation));
                    }
                } else {
                    // They go with the next task or audit that meets the account.
                    schedules.retain(|(name, _)| !name.ends_with(&account.id));
                }
                let entry = app
                    .vault
                    .entry(&account)
                    .await
                    .expect("a connected account has a token");
                assert_eq!(
                    entry.generation, account.token_generation,
                    "token and record of {}",
                    account.id
                );
                for id in instagram_ids(&account) {
                    let claim = app
                        .table
                        .claim(id)
                        .await
                        .expect("the table answers")
                        .expect("a claim");
                    assert_eq!(
                        (claim.account.as_str(), claim.released),
                        (account.id.as_str(), false)
                    );
                    owners += 1;
                }
            }
        }
        expected.sort();
        assert_eq!(
            schedules, expected,
            "schedules of connected accounts, and no other"
        );
        assert_eq!(
            self.stored_tokens().await,
            tokens,
            "tokens of connected accounts, and no other"
        );
        assert_eq!(
            self.held_claims().await,
            owners,
            "claims of connected accounts, and no other"
        );
    }

    /// How many Instagram ids somebody holds.
    async fn held_claims(&self) -> usize {
        let (mut held, mut start) = (0, None);
        loop {
            let page = self
                .world
                .clients
                .dynamodb
                .scan()
                .table_name(TABLE)
                .filter_expression("sk = :claim AND released = :no")
                .expression_attribute_values(":claim", AttributeValue::S("CLAIM".into()))
                .expression_attribute_values(":no", AttributeValue::Bool(false))
                .set_exclusive_start_key(start)
                .send()
                .await
                .expect("the table answers");
            held += usize::try_from(page.count).unwrap_or(0);
            start = page.last_evaluated_key;
            if start.is_none() {
                return held;
            }
        }
    }

    /// How many tokens the versions hold that count: those that the pages' records name.
    async fn stored_tokens(&self) -> usize {
        let aws = &self.world.aws;
        let mut tokens = 0;
        for secret in aws.secrets() {
            let Some(page) = secret.name.strip_prefix("instagram/tokens/") else {
                continue;
            };
            let app = self.world.app("test");
            let Some(record) = app
                .table
                .get(keys::vault_page(page))
                .await
                .expect("the table answers")
            else {
                continue;
            };
            let version = record["versionId"].as_s().expect("a text");
            let text = aws
                .secret_value(&secret.name, Some(version))
                .expect("the version that counts");
            let page: Value = serde_json::from_str(&text).expect("a page");
            tokens += page["accounts"].as_object().map_or(0, serde_json::Map::len);
        }
        tokens
    }
}
