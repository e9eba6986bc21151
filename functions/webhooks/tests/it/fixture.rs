//! A world with the function in it, accounts, and deliveries as Meta signs them.

use std::collections::BTreeSet;
use std::sync::Mutex;

use jiff::SignedDuration;
use serde_json::{Value, json};
use shared::account::{Account, Connection};
use shared::announce;
use shared::graph::{LoginKind, Profile};
use shared::lambda::Function;
use shared::table::claims::{Claim, instagram_ids};
use shared::table::keys;
use shared::tasks::{Message, Task};
use shared::webhooks::Delivered;
use world::delivery::Workers;
use world::gateway::{HttpCall, Reply};
use world::resources::{EVENT_QUEUE, TABLE};
use world::{INSTAGRAM_APP_SECRET, World};

/// The company of most accounts.
pub(crate) const COMPANY: &str = "acme";
/// The account that most tests are about, by Instagram's id.
pub(crate) const IG: &str = "17841400000000001";
/// The same, by ours.
pub(crate) const ID: &str = "00000000-0000-4000-8000-000000000001";

pub(crate) struct Fixture {
    pub(crate) world: World,
    pub(crate) function: Function,
    answers: Mutex<Vec<String>>,
}

/// The function, in the sandbox of `world` that stays warm.
pub(crate) fn function(world: &World) -> Function {
    Function::new(world.app("webhooks"))
        .with_routes(webhooks::all_routes())
        .with_tasks(webhooks::handle)
}

/// `X-Hub-Signature-256` of a body.
pub(crate) fn signature(secret: &str, body: &[u8]) -> String {
    let call = HttpCall::post("/").body(body).signed(secret);
    call.headers[0].1.clone()
}

/// A delivery as Meta sends it.
pub(crate) fn signed(body: impl Into<Vec<u8>>) -> HttpCall {
    HttpCall::post("/")
        .header("content-type", "application/json")
        .body(body)
        .signed(INSTAGRAM_APP_SECRET)
}

/// A delivery with items of `messaging[]` for one account.
pub(crate) fn messaging(instagram_id: &str, items: &[Value]) -> Value {
    json!({"object": "instagram", "entry": [
        {"id": instagram_id, "time": 1_795_255_200_500_i64, "messaging": items},
    ]})
}

/// A delivery with one comment for one account.
pub(crate) fn comment(instagram_id: &str, id: &str, text: &str) -> Value {
    json!({"object": "instagram", "entry": [{"id": instagram_id, "time": 1_795_255_200, "changes": [{
        "field": "comments",
        "value": {
            "id": id, "text": text, "from": {"id": "9990001", "username": "bea"},
            "media": {"id": "17895000000000001", "media_product_type": "FEED"},
        },
    }]}]})
}

/// An item of a conversation between the account [`IG`] and a person.
pub(crate) fn item(by_account: bool, at_ms: i64, name: &str, value: Value) -> Value {
    let (account, person) = (json!({"id": IG}), json!({"id": "9990001"}));
    let (sender, recipient) = if by_account {
        (account, person)
    } else {
        (person, account)
    };
    let mut item = json!({"sender": sender, "recipient": recipient, "timestamp": at_ms});
    item[name] = value;
    item
}

impl Fixture {
    /// A world with the account [`IG`].
    pub(crate) async fn start() -> Self {
        let fixture = Self::of(World::start().await);
        fixture.connect(ID, IG, COMPANY).await;
        fixture
    }

    pub(crate) fn of(world: World) -> Self {
        Self {
            function: function(&world),
            world,
            answers: Mutex::default(),
        }
    }

    /// Stores an account as the callback does, without a token.
    pub(crate) async fn connect(&self, id: &str, instagram_id: &str, company: &str) -> Account {
        let table = &self.world.app("seed").table;
        let profile = Profile {
            app_scoped_id: format!("5{instagram_id}"),
            ig_user_id: instagram_id.to_owned(),
            username: Some("corner.bakery".to_owned()),
            name: None,
            account_type: None,
            profile_picture_url: None,
            biography: None,
            website: None,
            followers_count: None,
            follows_count: None,
            media_count: None,
        };
        let now = self.world.now();
        let connection = Connection {
            company,
            user: "ann",
            login: LoginKind::Instagram,
            profile: &profile,
            scopes: Vec::new(),
            missing_scopes: Vec::new(),
            page: "a-page".to_owned(),
            token_expires_at: now + SignedDuration::from_hours(60 * 24),
        };
        let account = Account::new(id.to_owned(), connection, now);
        let claim = Claim {
            account: id.to_owned(),
            company: company.to_owned(),
            released: false,
            since: now,
        };
        let mut records = vec![table.account_write(&account, None).unwrap()];
        for claimed in instagram_ids(&account) {
            records.push(table.claim_write(claimed, &claim).unwrap());
        }
        table.transact(records).await.unwrap();
        account
    }

    /// Gives up an account's Instagram ids, as a disconnect does.
    pub(crate) async fn release(&self, id: &str) {
        let table = &self.world.app("seed").table;
        let account = table.account(id).await.unwrap().unwrap();
        let claim = Claim {
            account: id.to_owned(),
            company: account.company.clone(),
            released: true,
            since: self.world.now(),
        };
        let released = instagram_ids(&account).into_iter();
        let released = released.map(|held| table.claim_write(held, &claim).unwrap());
        table.transact(released.collect()).await.unwrap();
    }

    /// Sends a call to the function's own address.
    pub(crate) async fn send(&self, call: &HttpCall) -> Reply {
        let reply = self.world.call_url(&self.function, call).await.unwrap();
        self.answers.lock().unwrap().push(reply.everything());
        reply
    }

    /// A delivery that is taken.
    pub(crate) async fn deliver(&self, body: &Value) {
        let reply = self.send(&signed(body.to_string())).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }

    /// Sends a call to the API as a user who may write.
    pub(crate) async fn ask(&self, call: HttpCall) -> Reply {
        let call = call.as_user("ann", COMPANY, "editor");
        let reply = self.world.call(&self.function, &call).await.unwrap();
        self.answers.lock().unwrap().push(reply.everything());
        reply
    }

    /// The members of a 200.
    pub(crate) async fn get(&self, target: &str) -> Value {
        let reply = self
            .ask(HttpCall::get(&format!("/instagram/accounts/{ID}{target}")))
            .await;
        assert_eq!(reply.status, 200, "{target}: {}", reply.text());
        reply.json()
    }

    /// What waits on the events' queue.
    pub(crate) fn queued(&self) -> Vec<Delivered> {
        let bodies = self.world.aws.messages(EVENT_QUEUE);
        bodies.iter().map(|body| delivered(body)).collect()
    }

    fn workers(&self) -> Workers<'_> {
        Workers {
            accounts: &self.function,
            posts: None,
            events: Some(&self.function),
            receiver: None,
        }
    }

    /// Hands over what waits on the events' queue now.
    pub(crate) async fn work(&self) -> usize {
        self.world.drain(self.workers()).await
    }

    /// Turns the clock, while the events' queue is taken.
    pub(crate) async fn advance(&self, by: SignedDuration) {
        self.world.advance(by, self.workers()).await;
    }

    /// Every record of an account whose sort key begins so, as JSON by its key: without what tells when it was written.
    pub(crate) async fn records(&self, id: &str, prefixes: &[&str]) -> Vec<(String, Value)> {
        let mut found = Vec::new();
        let mut start = None;
        loop {
            let page = self
                .world
                .clients
                .dynamodb
                .query()
                .table_name(TABLE)
                .key_condition_expression("pk = :pk")
                .expression_attribute_values(
                    ":pk",
                    shared::table::text(keys::account_partition(id)),
                )
                .consistent_read(true)
                .set_exclusive_start_key(start)
                .send()
                .await
                .unwrap();
            for item in page.items.unwrap_or_default() {
                let sk = item["sk"].as_s().unwrap().clone();
                if prefixes.iter().any(|prefix| sk.starts_with(prefix)) {
                    let mut record: Value = shared::table::from_item(item).unwrap();
                    record["version"] = Value::Null;
                    found.push((sk, record));
                }
            }
            start = page.last_evaluated_key;
            if start.is_none() {
                return found;
            }
        }
    }

    /// The state of an account that events make: comments, conversations, messages, figures.
    pub(crate) async fn state(&self, id: &str) -> Vec<(String, Value)> {
        self.records(id, &["COMMENT#", "THREAD#", "MESSAGE#", "STORY#"])
            .await
    }

    /// The events that were announced, each with the id of its announcement: of what was put on the bus twice, once.
    pub(crate) async fn announced(&self) -> BTreeSet<(String, String)> {
        let app = self.world.cold("audit");
        announce::send_waiting(&app).await.unwrap();
        let events = self.world.aws.bus_events().into_iter();
        let details = events.map(|event| serde_json::from_str::<Value>(&event.detail).unwrap());
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        details
            .map(|detail| (text(&detail["event"]["id"]), text(&detail["id"])))
            .collect()
    }

    /// Ends a test: no secret stands where none may, and no work is left.
    pub(crate) async fn finish(self) {
        let answers = self.answers.into_inner().unwrap();
        self.world.assert_no_canary_anywhere(&answers).await;
        assert_eq!(self.world.leftovers().await, Vec::<String>::new());
    }
}

/// What a message on the events' queue holds.
pub(crate) fn delivered(body: &str) -> Delivered {
    match Message::parse(body).unwrap().task {
        Task::HandleEvent { delivered } => *delivered,
        other => panic!("{other:?}"),
    }
}
