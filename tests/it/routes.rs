//! Every route × whose record × who asks, over HTTP, through the authorizer: the status of each.

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use futures_util::stream;
use instagram_sim::{ContentKind, Person};
use local::jwt;
use local::routes::ROUTES;
use local::{Options, Stack};
use serde_json::{Value, json};
use shared::lambda::Function;
use url::Url;
use world::World;
use world::browser::Browser;
use world::gateway::{HttpCall, Reply};

use crate::contract;

/// Whose record an id names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Record {
    Own,
    OtherCompanys,
    Random,
    Malformed,
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asker {
    NoToken,
    BadToken,
    Viewer,
    Editor,
}

const RECORDS: [Record; 4] = [
    Record::Own,
    Record::OtherCompanys,
    Record::Random,
    Record::Malformed,
];
const ASKERS: [Asker; 4] = [
    Asker::NoToken,
    Asker::BadToken,
    Asker::Viewer,
    Asker::Editor,
];

/// A route's statuses: for a viewer and an editor with an own record, and whether a viewer may use it at all.
struct Expected {
    method: &'static str,
    path: &'static str,
    /// For [own, other company's, random, malformed] asked by a viewer.
    viewer: [u16; 4],
    /// The same asked by an editor.
    editor: [u16; 4],
}

const fn reads(path: &'static str) -> Expected {
    reads_with(path, 200)
}

const fn reads_with(path: &'static str, own: u16) -> Expected {
    Expected {
        method: "GET",
        path,
        viewer: [own, 403, 404, 404],
        editor: [own, 403, 404, 404],
    }
}

const fn writes(method: &'static str, path: &'static str, own: u16) -> Expected {
    Expected {
        method,
        path,
        viewer: [403, 403, 403, 403],
        editor: [own, 403, 404, 404],
    }
}

/// The routes that name an account.
const ACCOUNT_ROUTES: &[Expected] = &[
    reads("/instagram/accounts/{id}"),
    reads("/instagram/accounts/{id}/timeline"),
    reads("/instagram/accounts/{id}/sync-log"),
    writes("PATCH", "/instagram/accounts/{id}", 200),
    writes("POST", "/instagram/accounts/{id}/sync", 200),
    writes("POST", "/instagram/accounts/{id}/refresh-status", 200),
    // An account that was just connected: its token is too young.
    writes("POST", "/instagram/accounts/{id}/refresh", 409),
    reads("/instagram/accounts/{id}/posts"),
    reads("/instagram/accounts/{id}/publishing-limit"),
    writes("POST", "/instagram/accounts/{id}/posts", 201),
    writes("POST", "/instagram/accounts/{id}/posts/bulk", 200),
    writes("POST", "/instagram/accounts/{id}/posts/preflight", 200),
    reads("/instagram/accounts/{id}/posts/{postId}"),
    reads("/instagram/accounts/{id}/posts/{postId}/timeline"),
    writes("PATCH", "/instagram/accounts/{id}/posts/{postId}", 200),
    writes(
        "POST",
        "/instagram/accounts/{id}/posts/{postId}/duplicate",
        201,
    ),
    // A draft has not failed.
    writes("POST", "/instagram/accounts/{id}/posts/{postId}/retry", 409),
    writes("DELETE", "/instagram/accounts/{id}/posts/{postId}", 200),
    reads("/instagram/accounts/{id}/events"),
    reads("/instagram/accounts/{id}/events/health"),
    writes("POST", "/instagram/accounts/{id}/events/replay", 200),
    reads("/instagram/accounts/{id}/media"),
    reads("/instagram/accounts/{id}/media/{mediaId}"),
    writes("PATCH", "/instagram/accounts/{id}/media/{mediaId}", 200),
    // Instagram lets no app delete one.
    writes("DELETE", "/instagram/accounts/{id}/media/{mediaId}", 422),
    reads("/instagram/accounts/{id}/media/{mediaId}/children"),
    reads("/instagram/accounts/{id}/media/{mediaId}/comments"),
    reads("/instagram/accounts/{id}/media/{mediaId}/comments/{commentId}/replies"),
    reads("/instagram/accounts/{id}/stories"),
    reads("/instagram/accounts/{id}/tags"),
    reads("/instagram/accounts/{id}/insights"),
    reads("/instagram/accounts/{id}/demographics"),
    reads("/instagram/accounts/{id}/online-followers"),
    // Only the Facebook login shows others.
    reads_with("/instagram/accounts/{id}/competitors", 422),
    reads("/instagram/accounts/{id}/media/{mediaId}/insights"),
    reads("/instagram/accounts/{id}/stories/insights"),
    reads("/instagram/accounts/{id}/best-times"),
    reads("/instagram/accounts/{id}/top-media"),
    reads("/instagram/accounts/{id}/export"),
    // Nobody has said what it cost.
    reads_with("/instagram/accounts/{id}/media/{mediaId}/investment", 404),
    writes(
        "PUT",
        "/instagram/accounts/{id}/media/{mediaId}/investment",
        200,
    ),
    writes("POST", "/instagram/accounts/{id}/disconnect", 200),
    writes("DELETE", "/instagram/accounts/{id}", 204),
];

/// The routes that name none: method, path with query, and the status for no token, a bad token, a viewer, an editor.
const OTHER_ROUTES: &[(&str, &str, [u16; 4])] = &[
    ("GET", "/instagram/connect", [401, 401, 403, 200]),
    // A page, also for an address that nobody should open.
    ("GET", "/instagram/callback", [400, 400, 400, 400]),
    ("POST", "/instagram/callback", [401, 401, 403, 400]),
    ("GET", "/instagram/accounts", [401, 401, 200, 200]),
    ("GET", "/instagram/accounts/expiring", [401, 401, 200, 200]),
    ("GET", "/templates", [401, 401, 200, 200]),
    ("POST", "/templates", [401, 401, 403, 201]),
    ("GET", "/templates/{templateId}", [401, 401, 404, 404]),
    ("PATCH", "/templates/{templateId}", [401, 401, 403, 404]),
    ("DELETE", "/templates/{templateId}", [401, 401, 403, 404]),
    ("GET", "/analytics", [401, 401, 200, 200]),
    ("GET", "/analytics/instagram", [401, 401, 200, 200]),
    // Which accounts, it must say.
    ("GET", "/analytics/comparison", [401, 401, 400, 400]),
    ("GET", "/analytics/investments", [401, 401, 200, 200]),
    ("GET", "/integrations", [401, 401, 200, 200]),
    ("GET", "/health/coverage", [401, 401, 200, 200]),
    ("GET", "/openapi.json", [200, 200, 200, 200]),
    ("GET", "/docs", [200, 200, 200, 200]),
    ("GET", "/health", [200, 200, 200, 200]),
    ("GET", "/ready", [200, 200, 200, 200]),
];

struct Api {
    stack: Stack,
    browser: Browser,
    people: usize,
}

impl Api {
    async fn start(name: &str) -> Self {
        let state = std::env::temp_dir().join(format!("it-routes-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&state);
        let stack = Stack::start(Options::on_free_ports(state))
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        Self {
            stack,
            browser: Browser::new(),
            people: 0,
        }
    }

    fn token(&self, company: &str, role: &str) -> String {
        let person = jwt::Person {
            user: "ann".into(),
            company: company.into(),
            role: role.into(),
        };
        self.stack
            .issuer()
            .token(&person, self.stack.now().as_second())
    }

    fn draft(&self) -> Value {
        let instagram = self.stack.instagram().expect("a simulator").url();
        let picture = format!("{instagram}/_sim/media/square.jpg");
        json!({"kind": "image", "imageUrl": picture, "draft": true})
    }

    /// A new draft of an account of the company `acme`.
    async fn draft_of(&self, account: &str) -> String {
        let token = self.token("acme", "editor");
        let target = format!("/instagram/accounts/{account}/posts");
        let reply = self.send("POST", &target, Some(&token)).await;
        assert_eq!(reply.status, 201, "{}", reply.text());
        reply.json()["id"].as_str().expect("an id").to_owned()
    }

    /// A media of whoever was connected last, and a comment on it.
    fn media_of_last(&self) -> (String, String) {
        let instagram = self.stack.instagram().expect("a simulator");
        let username = format!("routes.number.{}", self.people);
        let media = instagram.post(&username, ContentKind::Image, "Bread");
        let comment = instagram.comment(&media, "a.guest", "Fresh?");
        (media, comment)
    }

    async fn send(&self, method: &str, target: &str, token: Option<&str>) -> Reply {
        let mut call = HttpCall::new(method, target);
        if let Some(token) = token {
            call = call.header("authorization", &format!("Bearer {token}"));
        }
        if target == "/instagram/callback" && method == "POST" {
            call = call.json(&json!({"code": "a-code-of-nobody", "state": "a-state-of-nobody"}));
        } else if method == "PUT" {
            call = call.json(&json!({"spend": 1, "revenue": 2, "currency": "EUR"}));
        } else if method == "PATCH" && target.contains("/media/") {
            call = call.json(&json!({"commentsEnabled": false}));
        } else if method == "PATCH" && target.contains("/posts/") {
            call = call.json(&json!({"caption": "Bread"}));
        } else if method == "PATCH" && target.starts_with("/templates/") || target == "/templates" {
            call = call.json(&json!({"name": "New", "text": "New: {{what}}"}));
        } else if method == "PATCH" {
            call = call.json(&json!({"displayName": "A name"}));
        } else if target.ends_with("/events/replay") {
            let span = json!({"from": "2026-11-01T00:00:00Z", "to": "2026-11-02T00:00:00Z"});
            call = call.json(&span);
        } else if method == "POST" && target.ends_with("/bulk") {
            call = call.json(&json!({"posts": [self.draft()]}));
        } else if method == "POST" && (target.ends_with("/posts") || target.ends_with("/preflight"))
        {
            call = call.json(&self.draft());
        }
        let reply = self
            .browser
            .send(&self.stack.api_url, &call)
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        contract::check(&call, &reply);
        let secrets = self
            .stack
            .instagram()
            .expect("a simulator")
            .secrets_in_play();
        for secret in secrets.iter().filter(|secret| secret.len() >= 12) {
            assert!(
                !reply.everything().contains(secret.as_str()),
                "a secret is in an answer"
            );
        }
        reply
    }

    async fn as_asker(&self, asker: Asker, method: &str, target: &str) -> Reply {
        let token = match asker {
            Asker::NoToken => None,
            Asker::BadToken => Some(format!("{}x", self.token("acme", "admin"))),
            Asker::Viewer => Some(self.token("acme", "viewer")),
            Asker::Editor => Some(self.token("acme", "editor")),
        };
        self.send(method, target, token.as_deref()).await
    }

    /// A new account of a company.
    async fn connect(&mut self, company: &str) -> String {
        self.people += 1;
        let username = format!("routes.number.{}", self.people);
        self.stack
            .instagram()
            .expect("a simulator")
            .add_person(Person::business(&username));
        let token = self.token(company, "editor");
        let begun = self
            .send("GET", "/instagram/connect", Some(&token))
            .await
            .json();
        let mut url = Url::parse(begun["url"].as_str().expect("an address")).expect("an address");
        url.query_pairs_mut()
            .append_pair("_sim_as", &username)
            .append_pair("_sim_decision", "allow");
        let redirect = self
            .browser
            .open(url.as_str())
            .await
            .expect("Instagram answers");
        let back =
            Url::parse(redirect.header("location").expect("a redirect")).expect("an address");
        let value = |name: &str| {
            back.query_pairs()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.into_owned())
                .unwrap_or_default()
        };
        let call = HttpCall::post("/instagram/callback")
            .header("authorization", &format!("Bearer {token}"))
            .json(&json!({"code": value("code"), "state": value("state")}));
        let reply = self
            .browser
            .send(&self.stack.api_url, &call)
            .await
            .expect("the API answers");
        assert_eq!(reply.status, 201, "{}", reply.text());
        reply.json()["account"]["id"]
            .as_str()
            .expect("an id")
            .to_owned()
    }
}

#[test]
fn the_tables_name_every_route_of_the_api() {
    let mut tested: Vec<(&str, &str)> = ACCOUNT_ROUTES
        .iter()
        .map(|route| (route.method, route.path))
        .collect();
    tested.extend(
        OTHER_ROUTES
            .iter()
            .map(|(method, path, _)| (*method, *path)),
    );
    let mut known: Vec<(&str, &str)> = ROUTES
        .iter()
        .map(|route| (route.method.as_str(), route.path.as_str()))
        .collect();
    tested.sort_unstable();
    known.sort_unstable();
    assert_eq!(tested, known);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i01_i03_every_account_route_answers_by_record_and_asker() {
    let mut api = Api::start("accounts").await;
    let others = api.connect("bolt").await;
    let mut table = String::new();
    for route in ACCOUNT_ROUTES {
        for record in RECORDS {
            for asker in ASKERS {
                let id = match record {
                    Record::Own => api.connect("acme").await,
                    Record::OtherCompanys => others.clone(),
                    Record::Random => "00000000-0000-4000-8000-00000000beef".to_owned(),
                    Record::Malformed => "not-an-id".to_owned(),
                };
                let mut target = route.path.replace("{id}", &id);
                if target.contains("{postId}") {
                    let post = match record {
                        Record::Own => api.draft_of(&id).await,
                        _ => "00000000-0000-4000-8000-00000000beef".to_owned(),
                    };
                    target = target.replace("{postId}", &post);
                }
                if target.contains("{mediaId}") {
                    let (media, comment) = api.media_of_last();
                    target = target
                        .replace("{mediaId}", &media)
                        .replace("{commentId}", &comment);
                }
                let reply = api.as_asker(asker, route.method, &target).await;
                let expected = match asker {
                    Asker::NoToken | Asker::BadToken => 401,
                    Asker::Viewer => route.viewer[record as usize],
                    Asker::Editor => route.editor[record as usize],
                };
                if reply.status != expected {
                    table.push_str(&format!(
                        "{} {} {record:?} {asker:?}: {} instead of {expected}: {}\n",
                        route.method,
                        route.path,
                        reply.status,
                        reply.text()
                    ));
                }
                // I15: what is refused by us is a problem document with a code.
                if reply.status >= 400 && reply.status != 401 {
                    assert_eq!(
                        reply.header("content-type"),
                        Some("application/problem+json")
                    );
                    assert!(
                        reply.json()["code"].is_string()
                            && reply.json()["correlationId"].is_string()
                    );
                }
            }
        }
    }
    assert!(table.is_empty(), "{table}");
    // Whatever was tried against it, the other company's account is as it was.
    let token = api.token("bolt", "viewer");
    let reply = api
        .send(
            "GET",
            &format!("/instagram/accounts/{others}"),
            Some(&token),
        )
        .await;
    assert_eq!(reply.json()["status"], "active");
    api.stack.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i03_every_other_route_answers_by_asker() {
    let api = Api::start("others").await;
    for (method, target, expected) in OTHER_ROUTES {
        for (asker, expected) in ASKERS.into_iter().zip(expected) {
            let id = "00000000-0000-4000-8000-00000000beef";
            let target = target.replace("{templateId}", id);
            let reply = api.as_asker(asker, method, &target).await;
            assert_eq!(
                reply.status,
                *expected,
                "{method} {target} {asker:?}: {}",
                reply.text()
            );
        }
    }
    api.stack.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i02_i06_ids_and_companies_from_outside_reach_nothing() {
    let mut api = Api::start("hostile").await;
    let others = api.connect("bolt").await;
    let token = api.token("acme", "admin");
    for id in [
        "9007199254740993",
        "18446744073709551616",
        "007",
        "%00",
        "%D9%A1%D9%A0",
        "ACCOUNT%23x",
        &"a".repeat(6_000),
        &others.to_uppercase(),
    ] {
        let reply = api
            .send("GET", &format!("/instagram/accounts/{id}"), Some(&token))
            .await;
        assert!(
            [400, 404].contains(&reply.status),
            "{id}: {} {}",
            reply.status,
            reply.text()
        );
    }
    // A path that climbs ends at another route of the same function, with the same caller: it reaches nothing more.
    let climbing = format!("/instagram/accounts/x%2F..%2F{others}");
    assert_eq!(api.send("GET", &climbing, Some(&token)).await.status, 403);
    assert_eq!(api.send("GET", &climbing, None).await.status, 401);
    // I02: a company named anywhere but in the token is refused or ignored.
    let named = HttpCall::get(&format!("/instagram/accounts/{others}"))
        .header("authorization", &format!("Bearer {token}"))
        .header("x-company", "bolt");
    let reply = api
        .browser
        .send(&api.stack.api_url, &named)
        .await
        .expect("the API answers");
    assert_eq!(reply.status, 403);
    let reply = api
        .send("GET", "/instagram/accounts?company=bolt", Some(&token))
        .await;
    assert_eq!(reply.status, 400);
    api.stack.stop().await;
}

#[tokio::test]
async fn i15_a_panic_is_answered_and_logged_once_and_says_nothing_of_our_insides() {
    let world = World::start().await;
    let routes = Router::new().route(
        "/panics",
        get(async || -> &'static str { panic!("canary-inside") }),
    );
    let function = Function::new(world.app("accounts")).with_routes(routes);
    let call = HttpCall::get("/panics").header("x-correlation-id", "a-panic-of-a-test");
    let reply = world.call(&function, &call).await.expect("an answer");
    assert_eq!(
        (reply.status, reply.json()["code"].as_str()),
        (500, Some("internal_error"))
    );
    assert!(!reply.text().contains("canary-inside"));
    let lines = world::logs::lines_of("a-panic-of-a-test");
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(
        (lines[0]["status"].as_u64(), lines[0]["cause"].as_str()),
        (Some(500), Some("panicked"))
    );
}

#[tokio::test]
async fn i15_a_body_that_breaks_off_is_a_failure_and_not_half_an_answer() {
    let world = World::start().await;
    async fn half() -> Body {
        let broken = std::io::Error::other("canary-inside");
        Body::from_stream(stream::iter([Ok("half a file"), Err(broken)]))
    }
    let routes = Router::new().route("/breaks-off", get(half).post(half));
    let function = Function::new(world.app("accounts")).with_routes(routes);
    for (method, id) in [("GET", "a-broken-get"), ("POST", "a-broken-post")] {
        let call = HttpCall::new(method, "/breaks-off").header("x-correlation-id", id);
        let call = call.as_user("ann", "acme", "editor");
        let call = call.header("idempotency-key", "broken-1");
        let reply = world.call(&function, &call).await.expect("an answer");
        assert_eq!(
            (reply.status, reply.json()["code"].as_str()),
            (500, Some("internal_error")),
            "{method}"
        );
        assert_eq!(
            reply.header("content-type"),
            Some("application/problem+json")
        );
        assert_eq!(reply.json()["correlationId"], id);
        assert!(!reply.text().contains("half a file") && !reply.text().contains("canary"));
        let lines = world::logs::lines_of(id);
        assert_eq!(lines[0]["status"].as_u64(), Some(500), "{lines:?}");
    }
}
