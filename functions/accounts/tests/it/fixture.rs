//! A world with the function in it, and accounts that are stored as the callback stores them.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use instagram_sim::Person;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use shared::account::{Account, Connection};
use shared::graph::{AppCredentials, LoginKind, Profile};
use shared::lambda::Function;
use shared::secret::{AccessToken, Secret};
use shared::table::claims::{Claim, instagram_ids};
use shared::table::keys;
use shared::table::timeline::TimelineEntry;
use shared::vault::{Change, Entry, Written};
use world::gateway::{HttpCall, Reply};
use world::resources::{SCHEDULE_GROUP, TABLE};
use world::{Decision, INSTAGRAM_APP_ID, INSTAGRAM_APP_SECRET, REDIRECT_URI, World};

/// The company of most accounts.
pub(crate) const COMPANY: &str = "acme";
/// A user of [`COMPANY`] who may write.
pub(crate) const USER: &str = "ann";
/// How long a token of the simulated Instagram lives.
pub(crate) const TOKEN_LIFE: SignedDuration = SignedDuration::from_hours(60 * 24);

pub(crate) struct Fixture {
    pub(crate) world: World,
    pub(crate) function: Function,
    stored: AtomicU64,
    answers: Mutex<Vec<String>>,
}

/// The function, in the sandbox of `world` that stays warm.
pub(crate) fn function(world: &World) -> Function {
    Function::new(world.app("accounts")).with_routes(accounts::routes())
}

impl Fixture {
    pub(crate) async fn start() -> Self {
        let world = World::start().await;
        Self {
            function: function(&world),
            world,
            stored: AtomicU64::new(0),
            answers: Mutex::default(),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.world.now()
    }

    pub(crate) fn advance(&self, by: SignedDuration) {
        self.world.clock.advance(by);
    }

    /// Sends a call as it is.
    pub(crate) async fn send(&self, call: HttpCall) -> Reply {
        self.send_to(&self.function, call).await
    }

    pub(crate) async fn send_to(&self, function: &Function, call: HttpCall) -> Reply {
        let reply = self.world.call(function, &call).await.unwrap();
        self.answers.lock().unwrap().push(reply.everything());
        reply
    }

    /// Sends a call as a user who may write.
    pub(crate) async fn ask(&self, call: HttpCall) -> Reply {
        self.send(call.as_user(USER, COMPANY, "editor")).await
    }

    pub(crate) async fn get(&self, target: &str) -> Reply {
        self.ask(HttpCall::get(target)).await
    }

    pub(crate) async fn post(&self, target: &str) -> Reply {
        self.ask(HttpCall::post(target)).await
    }

    /// The members of a 200.
    pub(crate) async fn get_ok(&self, target: &str) -> Value {
        let reply = self.get(target).await;
        assert_eq!(reply.status, 200, "{target}: {}", reply.text());
        reply.json()
    }

    /// Ends a test: no secret stands where none may, and no work is left.
    pub(crate) async fn finish(self) {
        let answers = self.answers.into_inner().unwrap();
        self.world.assert_no_canary_anywhere(&answers).await;
        let mut left = self.world.leftovers().await;
        // Another function reads an account's media, and sweeps after an account, a quarter of an hour later.
        left.retain(|message| !message.contains("syncMedia") && !message.contains("sweepAccount"));
        assert_eq!(left, Vec::<String>::new());
    }

    /// Connects a new person's account, with consent, token, schedules and webhook subscription.
    pub(crate) async fn connect(&self, username: &str) -> Account {
        self.world.instagram.add_person(Person::business(username));
        let app = self.world.app("seed");
        let scopes = ["instagram_business_basic"];
        let url = app
            .graph
            .authorize_url(
                LoginKind::Instagram,
                INSTAGRAM_APP_ID,
                REDIRECT_URI,
                &scopes,
                "state-of-the-fixture",
            )
            .unwrap();
        let back = self
            .world
            .consent(url.as_str(), username, Decision::Allow)
            .await;
        let (_, code) = back.query_pairs().find(|(name, _)| name == "code").unwrap();
        let app_secret = Secret::new(INSTAGRAM_APP_SECRET);
        let credentials = AppCredentials {
            client_id: INSTAGRAM_APP_ID.into(),
            client_secret: app_secret.clone(),
        };
        let exchanged = app.graph.exchange_code(&credentials, REDIRECT_URI, &code);
        let short = exchanged.await.unwrap().value;
        let exchanged = app
            .graph
            .exchange_for_long_lived(&app_secret, &short.token)
            .await;
        let token = exchanged.unwrap().value.token;
        let profile = app.graph.me(&token).await.unwrap().value;
        let account = self.store(COMPANY, &profile, token, |_| {}).await;
        shared::connection::complete(&app, &account).await.unwrap();
        self.record(&account.id).await.unwrap()
    }

    /// Stores an account with a token that nobody uses. It is a second younger than the one before it.
    pub(crate) async fn insert(
        &self,
        company: &str,
        username: &str,
        change: impl FnOnce(&mut Account),
    ) -> Account {
        self.advance(SignedDuration::from_secs(1));
        let number = self.stored.load(Ordering::Relaxed);
        let profile = Profile {
            app_scoped_id: format!("5{number:09}"),
            ig_user_id: format!("6{number:09}"),
            username: Some(username.to_owned()),
            name: Some(username.to_uppercase()),
            account_type: None,
            profile_picture_url: None,
            biography: None,
            website: None,
            followers_count: Some(number),
            follows_count: None,
            media_count: None,
        };
        let token = format!("test-token-of-account-{number}");
        self.world.note_secret(&token);
        self.store(company, &profile, AccessToken::new(token), change)
            .await
    }

    /// As the callback does it: token, record and claims in one transaction.
    async fn store(
        &self,
        company: &str,
        profile: &Profile,
        token: AccessToken,
        change: impl FnOnce(&mut Account),
    ) -> Account {
        let app = self.world.app("seed");
        let now = self.now();
        let number = self.stored.fetch_add(1, Ordering::Relaxed);
        let id = format!("00000000-0000-4000-8000-{number:012x}");
        let page = app.vault.page_for(&id).await.unwrap();
        let expires_at = now + TOKEN_LIFE;
        let connection = Connection {
            company,
            user: USER,
            login: LoginKind::Instagram,
            profile,
            scopes: vec!["instagram_business_basic".into()],
            missing_scopes: Vec::new(),
            page: page.clone(),
            token_expires_at: expires_at,
        };
        let mut account = Account::new(id, connection, now);
        let entry = Entry {
            token,
            generation: account.token_generation,
            issued_at: now,
            expires_at,
        };
        change(&mut account);
        let claim = Claim {
            account: account.id.clone(),
            company: company.to_owned(),
            released: false,
            since: now,
        };
        let mut records = vec![app.table.account_write(&account, None).unwrap()];
        for instagram_id in instagram_ids(&account) {
            records.push(app.table.claim_write(instagram_id, &claim).unwrap());
        }
        let change = Change::Set(&account.id, entry);
        let written = app.vault.write(&page, change, records, now).await;
        assert_eq!(written.unwrap(), Written::Yes);
        account
    }

    /// The record of an account.
    pub(crate) async fn record(&self, id: &str) -> Option<Account> {
        self.world.app("seed").table.account(id).await.unwrap()
    }

    /// Changes a record behind the function's back.
    pub(crate) async fn change(&self, id: &str, mut change: impl FnMut(&mut Account)) -> Account {
        let table = &self.world.app("seed").table;
        let changed = table.update_account(id, self.now(), |account| {
            change(account);
            true
        });
        changed.await.unwrap().unwrap()
    }

    /// The events of an account's timeline, newest first.
    pub(crate) async fn events(&self, id: &str) -> Vec<String> {
        let entries = self.timeline(id).await.into_iter();
        entries.map(|entry| entry.event).collect()
    }

    pub(crate) async fn timeline(&self, id: &str) -> Vec<TimelineEntry> {
        let table = &self.world.app("seed").table;
        table
            .timeline(id, 100, None, self.world.now())
            .await
            .unwrap()
            .entries
    }

    /// The names of all schedules.
    pub(crate) async fn schedules(&self) -> Vec<String> {
        let listed = self
            .world
            .clients
            .scheduler
            .list_schedules()
            .group_name(SCHEDULE_GROUP)
            .send()
            .await
            .unwrap();
        let names = listed.schedules().iter();
        names
            .map(|schedule| schedule.name().unwrap().to_owned())
            .collect()
    }

    /// Every item of the table, as text.
    pub(crate) async fn items(&self) -> Vec<String> {
        let scan = self.world.clients.dynamodb.scan().table_name(TABLE);
        let scanned = scan.consistent_read(true).send().await.unwrap();
        assert!(scanned.last_evaluated_key().is_none());
        let items = scanned.items().iter();
        items.map(|item| format!("{item:?}")).collect()
    }

    /// Whether the vault still holds an entry of the account: in the version of its page that counts, or in the newest.
    pub(crate) async fn vault_holds(&self, page: &str, account: &str) -> bool {
        let table = self.world.app("seed").table.clone();
        let record = table.get(keys::vault_page(page)).await.unwrap().unwrap();
        let version = record["versionId"].as_s().unwrap().clone();
        let prefix = &self.world.config("seed").vault.prefix;
        let read = |version: Option<String>| {
            let get = self.world.clients.secrets.get_secret_value();
            get.secret_id(format!("{prefix}/{page}"))
                .set_version_id(version)
                .send()
        };
        let texts = [read(Some(version)).await, read(None).await];
        texts.into_iter().any(|text| {
            let text = text.unwrap();
            text.secret_string().unwrap().contains(account)
        })
    }
}

/// The usernames in a list, in its order.
pub(crate) fn usernames(list: &Value) -> Vec<&str> {
    let accounts = list["accounts"].as_array().unwrap();
    accounts
        .iter()
        .map(|account| account["username"].as_str().unwrap())
        .collect()
}

/// Checks that a reply is a refusal with this status and code, as a problem document that says nothing of our insides.
#[track_caller]
pub(crate) fn assert_problem(reply: &Reply, status: u16, code: &str) {
    let text = reply.text();
    assert_eq!(reply.status, status, "{text}");
    assert_eq!(
        reply.header("content-type"),
        Some("application/problem+json"),
        "{text}"
    );
    assert_eq!(reply.json()["code"], code, "{text}");
    assert_eq!(
        reply.json()["correlationId"].as_str(),
        reply.header("x-correlation-id"),
        "{text}"
    );
    for inside in ["arn:", "Exception", "ACCOUNT#", "127.0.0.1", "canary"] {
        assert!(!text.contains(inside), "{text}");
    }
}
