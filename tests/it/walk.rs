//! A walk through everything that the deployed functions do on AWS, each under its own name, so that their calls can be
//! compared with their roles: also what is only done when somebody is faster, or when AWS refuses.

use std::collections::{BTreeMap, BTreeSet};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::LazyLock;
use std::task::Poll;

use aws_sim::{Fault, FaultKind as AwsFaultKind, Permission};
use instagram_sim::{Fault as Trouble, FaultKind, Happening, History, Person, Revocation};
use jiff::SignedDuration;
use serde_json::json;
use shared::lambda::{Context, Function};
use shared::schedules::Kind;
use shared::tasks::{Message, Task};
use world::gateway::HttpCall;
use world::resources::SCHEDULE_GROUP;
use world::{Decision, access_key_id};

use crate::contract::Refused;
use crate::journey::{ANN, BOB, Caller, Journey};
use crate::posts::body;

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// More schedules than one task of the audit compares.
const MANY: u32 = 4_001;

/// What was recorded: for each caller by its access key id, what IAM would have asked for; and all operations.
pub(crate) struct Recorded {
    needed: BTreeMap<String, BTreeSet<Permission>>,
    /// The names of all operations that any function called.
    pub(crate) operations: BTreeSet<String>,
    /// Every refusal that was answered on the way.
    pub(crate) refused: BTreeSet<Refused>,
}

impl Recorded {
    /// What a deployed function needed, by its logical id.
    pub(crate) fn of_function(&self, name: &str) -> BTreeSet<Permission> {
        let needed = self.needed.get(&access_key_id(name));
        needed
            .unwrap_or_else(|| panic!("{name} called nothing"))
            .clone()
    }

    /// What Scheduler needed to deliver.
    pub(crate) fn of_scheduler(&self) -> &BTreeSet<Permission> {
        &self.needed["scheduler.amazonaws.com"]
    }

    /// What whoever feeds the worker needed.
    pub(crate) fn of_event_source(&self) -> &BTreeSet<Permission> {
        &self.needed["POLLER"]
    }
}

/// The walk, gone once, on a thread with room for it: futures that are not optimized are large.
pub(crate) static RECORDED: LazyLock<Recorded> = LazyLock::new(|| {
    let walk = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(recorded())
    };
    let thread = std::thread::Builder::new().stack_size(64 << 20).spawn(walk);
    thread.expect("a thread").join().expect("a walk")
});

struct Walk {
    journey: Journey,
    /// `RefreshApi`: the routes of the crate whose tasks are the journey's worker.
    api: Function,
    /// `PublishApi`: the routes of the crate that takes the posts' queue.
    posts: Function,
    /// `WebhookApi`: the routes of the crate that takes the events' queue.
    events: Function,
}

/// Goes the whole way.
async fn recorded() -> Recorded {
    let mut journey = Journey::start().await;
    let world = &journey.world;
    let api = Function::new(world.app("RefreshApi")).with_routes(refresh::routes());
    journey.worker = Function::new(world.app("RefreshWorker")).with_tasks(refresh::handle);
    let posts = Function::new(world.app("PublishApi")).with_routes(publish::routes());
    journey.publish = Function::new(world.app("PublishWorker")).with_tasks(publish::handle);
    journey.receiver =
        Function::new(world.app("WebhookReceiver")).with_routes(webhooks::routes_of_url());
    journey.media = Function::new(world.app("Media")).with_routes(media::routes());
    journey.insights = Function::new(world.app("Insights")).with_routes(insights::routes());
    let events = Function::new(world.app("WebhookApi")).with_routes(webhooks::routes());
    journey.webhooks = Function::new(world.app("WebhookWorker")).with_tasks(webhooks::handle);
    let walk = Walk {
        journey,
        api,
        posts,
        events,
    };
    walk.connect().await;
    walk.read().await;
    walk.change().await;
    walk.refresh_by_hand().await;
    walk.work().await;
    walk.audit().await;
    Box::pin(walk.publish()).await;
    Box::pin(walk.webhooks()).await;
    Box::pin(walk.media()).await;
    walk.erase().await;
    let mut needed: BTreeMap<String, BTreeSet<Permission>> = BTreeMap::new();
    let mut operations = BTreeSet::new();
    for call in walk.journey.world.aws.calls() {
        if call.access_key_id.starts_with("TEST") && call.access_key_id != access_key_id("") {
            operations.insert(call.operation);
        }
        let permissions = call.permissions.into_iter().map(of_kind);
        needed
            .entry(call.access_key_id)
            .or_default()
            .extend(permissions);
    }
    let refused = walk.journey.seen();
    Recorded {
        needed,
        operations,
        refused,
    }
}

/// A permission with the kind of its partition alone: what stands before the first separator, and that.
fn of_kind(permission: Permission) -> Permission {
    let kind = |key: String| {
        key.split_inclusive('#')
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    Permission {
        leading_key: permission.leading_key.map(kind),
        ..permission
    }
}

impl Walk {
    /// Logins: new, again, of another company, refused, and one whose account is disconnected before it has its
    /// schedules.
    async fn connect(&self) {
        let journey = &self.journey;
        for name in ["corner.bakery", "ann.makes"] {
            journey.connected(ANN, name).await;
        }
        journey.connected(BOB, "city.museum").await;
        journey.settle().await;
        journey.connected(ANN, "corner.bakery").await;
        journey.log_in(BOB, "corner.bakery", Decision::Allow).await;
        journey.log_in(BOB, "corner.bakery", Decision::Deny).await;
        let unknown = HttpCall::post("/instagram/callback")
            .json(&json!({"code": "a-code-of-nobody", "state": "a-state-of-nobody"}))
            .header("idempotency-key", "exchange-1");
        self.ask(&journey.callback, unknown, ANN, 400).await;

        let id = self.new_account("overtaken").await;
        let begun = journey.begin(ANN).await;
        let call = journey
            .redirected(&begun, "overtaken", Decision::Allow)
            .await;
        let disconnect = async {
            self.account(&journey.accounts, "POST", &id, "/disconnect", 200)
                .await;
        };
        let again = journey.call(&journey.callback, call);
        self.interrupted(again, "Callback", "UpdateSchedule", disconnect)
            .await;
    }

    /// Everything that only looks.
    async fn read(&self) {
        let journey = &self.journey;
        let id = self.id_of("corner.bakery").await;
        let first = self
            .get(&journey.accounts, "/instagram/accounts?limit=1")
            .await;
        let cursor = first["nextCursor"].as_str().expect("more than one account");
        for target in [
            format!("/instagram/accounts?limit=1&cursor={cursor}"),
            "/instagram/accounts/expiring?hours=1440".into(),
            format!("/instagram/accounts/{id}"),
            format!("/instagram/accounts/{id}/timeline"),
            format!("/instagram/accounts/{id}/sync-log"),
            "/integrations".into(),
            "/health".into(),
            "/ready".into(),
        ] {
            self.get(&journey.accounts, &target).await;
        }
        self.get(&self.api, "/health/coverage").await;
    }

    /// Everything that changes an account at a person's wish.
    async fn change(&self) {
        let journey = &self.journey;
        let (accounts, id) = (&journey.accounts, self.id_of("corner.bakery").await);
        let patch = HttpCall::patch(&format!("/instagram/accounts/{id}"))
            .json(&json!({"clientId": "a-client"}));
        self.ask(accounts, patch, ANN, 200).await;
        for _ in 0..2 {
            let sync = HttpCall::post(&format!("/instagram/accounts/{id}/sync"))
                .header("idempotency-key", "sync-1");
            self.ask(accounts, sync, ANN, 200).await;
        }
        self.account(accounts, "POST", &id, "/refresh-status", 200)
            .await;

        // A refusal is compared with another account, and leaves its key free.
        let doomed = self.new_account("doomed").await;
        journey
            .world
            .instagram
            .revoke_tokens_of("doomed", Revocation::AppRemoved);
        let sync = HttpCall::post(&format!("/instagram/accounts/{doomed}/sync"))
            .header("idempotency-key", "sync-2");
        self.ask(accounts, sync, ANN, 409).await;
        self.account(accounts, "DELETE", &doomed, "", 204).await;

        // Somebody connects the account anew while its schedules are being removed.
        let torn = self.new_account("torn").await;
        self.account(accounts, "POST", &torn, "/disconnect", 200)
            .await;
        let connect = async {
            journey.connected(ANN, "torn").await;
        };
        let again = self.account(accounts, "POST", &torn, "/disconnect", 200);
        self.interrupted(again, "Accounts", "DeleteSchedule", connect)
            .await;

        // An operator has deleted a page that the function still remembers.
        let lost = self.new_account("lost.page").await;
        self.account(accounts, "POST", &lost, "/sync", 200).await;
        self.delete_page_of("lost.page").await;
        self.account(accounts, "POST", &lost, "/disconnect", 200)
            .await;
    }

    /// `POST …/refresh`: that works, that is refused, whose schedule cannot be moved, whose page was deleted.
    async fn refresh_by_hand(&self) {
        let journey = &self.journey;
        let names = [
            "by.hand",
            "by.hand.refused",
            "by.hand.unplanned",
            "by.hand.lost",
        ];
        let mut ids = Vec::new();
        for name in names {
            ids.push(self.new_account(name).await);
        }
        journey.settle().await;
        journey.world.clock.advance(DAY * 2);
        for _ in 0..2 {
            let call = HttpCall::post(&format!("/instagram/accounts/{}/refresh", ids[0]))
                .header("idempotency-key", "refresh-1");
            self.ask(&self.api, call, ANN, 200).await;
        }
        journey
            .world
            .instagram
            .revoke_tokens_of("by.hand.refused", Revocation::AppRemoved);
        let call = HttpCall::post(&format!("/instagram/accounts/{}/refresh", ids[1]))
            .header("idempotency-key", "refresh-2");
        self.ask(&self.api, call, ANN, 409).await;

        let refused = Fault::on("scheduler", "CreateSchedule", AwsFaultKind::ServerError);
        journey.world.aws.add_fault(refused);
        self.account(&self.api, "POST", &ids[2], "/refresh", 200)
            .await;
        journey.world.aws.clear_faults();

        // Too young to be renewed again, but its page is remembered now.
        journey.world.clock.advance(DAY * 2);
        self.account(&self.api, "POST", &ids[3], "/refresh", 200)
            .await;
        journey.world.clock.advance(DAY * 2);
        self.delete_page_of("by.hand.lost").await;
        self.account(&self.api, "POST", &ids[3], "/refresh", 200)
            .await;
    }

    /// The queue: daily sync, renewal by schedule, a token that dies, a page that was deleted.
    async fn work(&self) {
        let journey = &self.journey;
        self.new_account("at.work").await;
        self.new_account("at.work.doomed").await;
        journey.world.advance(DAY * 2, &journey.worker).await;
        journey
            .world
            .instagram
            .revoke_tokens_of("at.work.doomed", Revocation::AppRemoved);
        self.delete_page_of("at.work").await;
        journey.world.advance(DAY * 52, &journey.worker).await;
    }

    /// The audit: schedules that are missing or left over, a label on the wrong version, more than one task compares.
    async fn audit(&self) {
        let journey = &self.journey;
        let world = &journey.world;
        let id = self.new_account("audited").await;
        journey.settle().await;
        let deleted = world.clients.scheduler.delete_schedule();
        let deleted = deleted
            .group_name(SCHEDULE_GROUP)
            .name(Kind::Refresh.name(&id));
        deleted.send().await.expect("there is such a schedule");
        // A write that died after it had put its version.
        let half_done = world.clients.secrets.put_secret_value();
        let half_done = half_done
            .secret_id(self.page_of("audited").await)
            .client_request_token("00000000-0000-4000-8000-000000000001")
            .secret_string("half done");
        half_done.send().await.expect("there is such a page");
        world.schedule_audits().await;
        world.advance(HOUR * 8, &journey.worker).await;

        // More than one task compares: it makes sixteen, of which one is enough here.
        let app = world.app("test");
        let later = world.now() + DAY * 40;
        for number in 0..MANY {
            let stranger = format!("{:08x}-0000-4000-8000-000000000000", number << 20 | 0xf);
            let made = app.schedules.put_refresh(&stranger, 1, later);
            made.await.expect("the schedule is made");
        }
        for prefix in ["", "5"] {
            let prefix = prefix.to_owned();
            let after = String::new();
            let body = Message::of_schedule(Task::AuditCoverage { prefix, after }).to_body();
            let batch = json!({"Records": [{"messageId": "1", "body": body}]}).to_string();
            let mut context = Context::default();
            context.deadline = u64::MAX;
            let answer = journey.worker.invoke(&batch, context).await;
            let answer = answer.expect("a batch's answer");
            assert_eq!(answer.get(), r#"{"batchItemFailures":[]}"#);
        }
    }

    /// Media and insights: everything that shows them, what changes them, and an account whose token dies meanwhile.
    async fn media(&self) {
        let journey = &self.journey;
        let history = History {
            posts: 60,
            days: 60,
            until_ms: journey.world.clock.milliseconds(),
        };
        let person = Person::business("with.a.past").with_history(history);
        journey.world.instagram.add_person(person);
        let id = journey.connected(ANN, "with.a.past").await;
        journey.settle().await;
        let base = format!("/instagram/accounts/{id}");
        let (media, insights) = (&journey.media, &journey.insights);
        let first = self.get(media, &format!("{base}/media?limit=1")).await;
        let one = first["media"][0]["id"].as_str().expect("an id").to_owned();
        let cursor = first["nextCursor"].as_str().expect("more than one");
        for path in [
            format!("{base}/media?limit=1&cursor={cursor}"),
            format!("{base}/media?source=stored"),
            format!("{base}/media/{one}"),
            format!("{base}/media/{one}/children"),
            format!("{base}/media/{one}/comments"),
            format!("{base}/stories"),
            format!("{base}/tags"),
        ] {
            self.get(media, &path).await;
        }
        let off = HttpCall::patch(&format!("{base}/media/{one}"))
            .json(&json!({"commentsEnabled": false}));
        self.ask(media, off, ANN, 200).await;
        journey.world.clock.advance(DAY);
        for path in [
            format!("{base}/insights"),
            format!("{base}/demographics"),
            format!("{base}/online-followers"),
            format!("{base}/media/{one}/insights"),
            format!("{base}/stories/insights"),
            format!("{base}/best-times"),
            format!("{base}/top-media"),
            "/analytics".into(),
            "/analytics/investments".into(),
        ] {
            self.get(insights, &path).await;
        }
        let export = HttpCall::get(&format!("{base}/export"));
        self.ask(insights, export, ANN, 200).await;
        let invented = HttpCall::get(&format!("{base}/export?cursor={}", "x".repeat(60)));
        self.ask(insights, invented, ANN, 400).await;
        let investment = HttpCall::new("PUT", &format!("{base}/media/{one}/investment"))
            .json(&json!({"spend": 1, "revenue": 2, "currency": "EUR"}));
        self.ask(insights, investment, ANN, 200).await;

        // Each finds out that a token is dead, and weighs that against another account.
        for (name, function, path) in [
            ("dead.for.media", media, "media"),
            ("dead.for.insights", insights, "demographics"),
        ] {
            let doomed = self.new_account(name).await;
            journey.settle().await;
            let revoked = Revocation::AppRemoved;
            journey.world.instagram.revoke_tokens_of(name, revoked);
            let call = HttpCall::get(&format!("/instagram/accounts/{doomed}/{path}"));
            self.ask(function, call, ANN, 409).await;
            // Whether it has this media nobody can say.
            let unknown =
                format!("/instagram/accounts/{doomed}/media/17899999999999999/investment");
            let cost = json!({"spend": 1, "revenue": 2, "currency": "EUR"});
            let call = HttpCall::new("PUT", &unknown).json(&cost);
            self.ask(insights, call, ANN, 409).await;
            let both = format!("/analytics/comparison?accounts={doomed},nobody");
            self.ask(insights, HttpCall::get(&both), ANN, 404).await;
        }
    }

    /// Posts: now, planned far ahead, changed, refused, lost on the way; lists, limits and templates.
    async fn publish(&self) {
        let journey = &self.journey;
        journey.world.schedule_post_audits().await;
        let id = self.new_account("publisher").await;
        journey.settle().await;
        let target = format!("/instagram/accounts/{id}/posts");
        let image = body(journey, "image", "Bread");
        let now = HttpCall::post(&target)
            .json(&image)
            .header("idempotency-key", "post-1");
        self.ask(&self.posts, now, ANN, 201).await;
        let refused = HttpCall::post(&target)
            .json(&json!({"kind": "image", "imageUrl": "http://10.0.0.1/a.jpg"}))
            .header("idempotency-key", "post-2");
        self.ask(&self.posts, refused, ANN, 422).await;
        let mut later = image.clone();
        later["publishAt"] = (journey.world.now() + DAY * 2).to_string().into();
        later["firstComment"] = "First".into();
        let call = HttpCall::post(&target).json(&later);
        let planned = self.ask(&self.posts, call, ANN, 201).await.json();
        let post = format!("{target}/{}", planned["id"].as_str().expect("an id"));
        let moved = (journey.world.now() + DAY * 3).to_string();
        let call = HttpCall::patch(&post).json(&json!({"publishAt": moved}));
        self.ask(&self.posts, call, ANN, 200).await;
        // Brought near, it is prepared at once, and its schedule of before is removed.
        let near = HttpCall::post(&target).json(&later);
        let near = self.ask(&self.posts, near, ANN, 201).await.json();
        let near = format!("{target}/{}", near["id"].as_str().expect("an id"));
        let soon = (journey.world.now() + HOUR * 10).to_string();
        let call = HttpCall::patch(&near).json(&json!({"publishAt": soon}));
        self.ask(&self.posts, call, ANN, 200).await;
        let copy = HttpCall::post(&format!("{post}/duplicate"));
        let copy = self.ask(&self.posts, copy, ANN, 201).await.json();
        let copy = format!("{target}/{}", copy["id"].as_str().expect("an id"));
        let call = HttpCall::patch(&copy).json(&json!({"draft": false, "publishAt": moved}));
        self.ask(&self.posts, call, ANN, 200).await;
        self.ask(&self.posts, HttpCall::delete(&copy), ANN, 200)
            .await;
        for call in [
            HttpCall::post(&format!("{target}/preflight")).json(&image),
            HttpCall::post(&format!("{target}/bulk")).json(&json!({"posts": [image]})),
        ] {
            self.ask(&self.posts, call, ANN, 200).await;
        }
        let first = self.get(&self.posts, &format!("{target}?limit=1")).await;
        let cursor = first["nextCursor"].as_str().expect("more than one post");
        for target in [
            format!("{target}?limit=1&cursor={cursor}"),
            post.clone(),
            format!("{post}/timeline"),
            format!("/instagram/accounts/{id}/publishing-limit"),
            "/templates".into(),
        ] {
            self.get(&self.posts, &target).await;
        }
        let template =
            HttpCall::post("/templates").json(&json!({"name": "New", "text": "New: {{what}}"}));
        let template = self.ask(&self.posts, template, ANN, 201).await.json();
        let template = format!("/templates/{}", template["id"].as_str().expect("an id"));
        self.get(&self.posts, &template).await;
        let call = HttpCall::patch(&template).json(&json!({"name": "Old"}));
        self.ask(&self.posts, call, ANN, 200).await;
        self.ask(&self.posts, HttpCall::delete(&template), ANN, 204)
            .await;

        // What Instagram paused ends when the post proves to be live; what it refuses fails, and is tried again.
        let paused = FaultKind::spam_block().although_applied();
        let publish = Trouble::new(paused).at("POST /{ig_id}/media_publish");
        journey.world.instagram.add_fault(publish.times(1));
        let call = HttpCall::post(&target).json(&body(journey, "image", "More bread"));
        self.ask(&self.posts, call, ANN, 201).await;
        journey.advance(HOUR).await;
        let refusal = FaultKind::graph_error(400, 36_003, Some(2_207_009));
        let create = Trouble::new(refusal).at("POST /{ig_id}/media");
        journey.world.instagram.add_fault(create.times(1));
        let call = HttpCall::post(&target).json(&body(journey, "image", "Still more"));
        let failing = self.ask(&self.posts, call, ANN, 201).await.json();
        journey.advance(HOUR).await;
        let failing = failing["id"].as_str().expect("an id");
        let call = HttpCall::post(&format!("{target}/{failing}/retry"));
        self.ask(&self.posts, call, ANN, 200).await;
        journey.advance(HOUR).await;
        // A comment that Meta does not tell of is found by the next sync.
        let instagram = &journey.world.instagram;
        instagram.update_settings(|settings| settings.webhook_loss_percent = 100);
        // Below the newest of them: the sync looks at few.
        let published = instagram.published_by("publisher");
        let unheard = Happening {
            media_id: published.last().expect("it is live").id.clone(),
            ..Happening::comment("Nice")
        };
        instagram.let_happen("publisher", unheard);
        instagram.update_settings(|settings| settings.webhook_loss_percent = 0);
        journey.advance(HOUR * 26).await;
        // A dead token, weighed against others, while a post is prepared.
        journey
            .world
            .instagram
            .revoke_tokens_of("publisher", Revocation::AppRemoved);
        let refused = self.ask(
            &self.posts,
            HttpCall::get(&format!("/instagram/accounts/{id}/publishing-limit")),
            ANN,
            409,
        );
        refused.await;
        journey.advance(DAY * 4).await;
    }

    /// An account with a planned post that is erased with a manifest, and one whose person removes the app.
    async fn erase(&self) {
        let journey = &self.journey;
        let id = self.new_account("erased").await;
        journey.settle().await;
        let mut planned = body(journey, "image", "Never");
        planned["publishAt"] = json!(journey.world.now() + DAY * 2);
        let target = format!("/instagram/accounts/{id}/posts");
        let call = HttpCall::post(&target).json(&planned);
        self.ask(&self.posts, call, ANN, 201).await;
        let purge = HttpCall::delete(&format!("/instagram/accounts/{id}?purge=true"));
        self.ask(&journey.accounts, purge, ANN, 202).await;
        journey.advance(HOUR).await;

        let id = self.new_account("leaver").await;
        journey.settle().await;
        let account = journey.world.app("test").table.account(&id).await;
        let account = account.expect("the table answers").expect("an account");
        let seconds = journey.world.now().as_second();
        let signed = instagram_sim::signed_request(
            world::INSTAGRAM_APP_SECRET,
            &account.app_scoped_id,
            seconds,
        );
        let form = format!("signed_request={signed}");
        let mut code = String::new();
        for path in ["/deauthorize", "/data-deletion"] {
            let call = HttpCall::post(path).body(form.clone());
            let reply = journey.world.call_url(&journey.receiver, &call).await;
            let reply = reply.expect("an answer");
            assert_eq!(reply.status, 200, "{}", reply.text());
            if path == "/data-deletion" {
                let answer = reply.json();
                code = answer["confirmation_code"]
                    .as_str()
                    .expect("a code")
                    .to_owned();
            }
        }
        let page = HttpCall::get(&format!("/data-deletion/{code}"));
        let page = journey.world.call_url(&journey.receiver, &page).await;
        assert_eq!(page.expect("an answer").status, 200);
        journey.advance(HOUR).await;
    }

    /// Events: of usual size and too large for a message, one whose handling fails, lists and replays.
    async fn webhooks(&self) {
        let journey = &self.journey;
        let world = &journey.world;
        let id = self.new_account("webhooks").await;
        journey.settle().await;
        let record = world.app("test").table.account(&id).await;
        let record = record.expect("the table answers").expect("an account");
        let told = |id: &str, text: &str| {
            json!({"object": "instagram", "entry": [{
                "id": record.platform_account_id,
                "time": world.now().as_second(),
                "changes": [{"field": "comments", "value": {"id": id, "text": text}}],
            }]})
        };
        let large = "x".repeat(400_000);
        for (number, text) in [("1", "Nice"), ("2", &large), ("3", "Fails")] {
            let call = HttpCall::post("/").json(&told(number, text));
            let call = call.signed(world::INSTAGRAM_APP_SECRET);
            let reply = world.call_url(&journey.receiver, &call).await;
            assert_eq!(reply.expect("an answer").status, 200);
            if text == "Fails" {
                let down = AwsFaultKind::Error {
                    status: 400,
                    code: "AccessDeniedException".to_owned(),
                    message: "not allowed".to_owned(),
                };
                world
                    .aws
                    .add_fault(Fault::on("dynamodb", "TransactWriteItems", down));
            }
            world.drain(journey.workers()).await;
        }
        world.aws.clear_faults();
        let deleted = world.clients.dynamodb.delete_item();
        let lost = shared::table::keys::comment(&id, "1").into_item();
        let deleted = deleted.table_name(world::resources::TABLE);
        deleted
            .set_key(Some(lost))
            .send()
            .await
            .expect("it is there");

        let target = format!("/instagram/accounts/{id}/events");
        let first = self.get(&self.events, &format!("{target}?limit=1")).await;
        let cursor = first["nextCursor"].as_str().expect("more than one event");
        self.get(&self.events, &format!("{target}?limit=1&cursor={cursor}"))
            .await;
        self.get(&self.events, &format!("{target}/health")).await;
        let span = |from: &str, to: &str| {
            HttpCall::post(&format!("{target}/replay"))
                .json(&json!({"from": from, "to": to}))
                .header("idempotency-key", &format!("replay-{from}"))
        };
        let none = span("2027-01-01T00:00:00Z", "2026-01-01T00:00:00Z");
        self.ask(&self.events, none, ANN, 400).await;
        let body = json!({"from": "2026-01-01T00:00:00Z", "to": "2030-01-01T00:00:00Z"});
        let of_the_list = HttpCall::post(&format!("{target}/replay?cursor={cursor}"));
        self.ask(&self.events, of_the_list.json(&body), ANN, 400)
            .await;
        for _ in 0..2 {
            let all = span("2026-01-01T00:00:00Z", "2030-01-01T00:00:00Z");
            let reply = self.ask(&self.events, all, ANN, 200).await;
            assert_eq!(reply.json()["changed"], 1, "{}", reply.text());
        }
        // What failed comes again.
        journey.advance(HOUR).await;
    }

    async fn new_account(&self, name: &str) -> String {
        let world = &self.journey.world;
        world.instagram.add_person(Person::business(name));
        self.journey.connected(ANN, name).await
    }

    async fn id_of(&self, name: &str) -> String {
        let records = self.journey.records(ANN.company).await;
        let record = records
            .into_iter()
            .find(|record| record.username.as_deref() == Some(name));
        record.expect("a connected account").id
    }

    /// The name of the secret with an account's token.
    async fn page_of(&self, name: &str) -> String {
        let records = self.journey.records(ANN.company).await;
        let record = records
            .into_iter()
            .find(|record| record.username.as_deref() == Some(name));
        let page = record.and_then(|record| record.token_page);
        format!("instagram/tokens/{}", page.expect("a page"))
    }

    async fn delete_page_of(&self, name: &str) {
        let page = self.page_of(name).await;
        let deleted = self.journey.world.clients.secrets.delete_secret();
        let deleted = deleted.secret_id(page).force_delete_without_recovery(true);
        deleted.send().await.expect("there is such a page");
    }

    async fn get(&self, function: &Function, target: &str) -> serde_json::Value {
        let reply = self.ask(function, HttpCall::get(target), ANN, 200).await;
        reply.json()
    }

    async fn account(&self, function: &Function, method: &str, id: &str, rest: &str, status: u16) {
        let call = HttpCall::new(method, &format!("/instagram/accounts/{id}{rest}"));
        self.ask(function, call, ANN, status).await;
    }

    async fn ask(
        &self,
        function: &Function,
        call: HttpCall,
        caller: Caller,
        status: u16,
    ) -> world::gateway::Reply {
        let what = format!("{} {}", call.method, call.path);
        let call = call.as_user(caller.user, caller.company, "admin");
        let reply = self.journey.call(function, call).await;
        assert_eq!(reply.status, status, "{what}: {}", reply.text());
        reply
    }

    /// Lets a request stand still as soon as its function has made a call of this operation, does something else to
    /// its end, and goes on with the request.
    async fn interrupted<T>(
        &self,
        request: impl Future<Output = T>,
        function: &str,
        operation: &str,
        meanwhile: impl Future<Output = ()>,
    ) -> T {
        let aws = &self.journey.world.aws;
        let (before, caller) = (aws.calls().len(), access_key_id(function));
        let is_there = || {
            aws.calls()[before..]
                .iter()
                .any(|call| call.access_key_id == caller && call.operation == operation)
        };
        let mut request = pin!(request);
        let early = poll_fn(|context| match request.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if is_there() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        });
        assert!(early.await.is_none(), "{function} made no {operation}");
        meanwhile.await;
        request.await
    }
}
