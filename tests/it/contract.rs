//! What is really answered, compared with the API's description: every answer of every journey and of the tables of
//! routes has a declared status, a declared kind of content, the declared form, and a declared code where it refuses.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{LazyLock, Mutex, PoisonError};

use jsonschema::Validator;
use local::routes;
use serde_json::{Value, json};
use shared::graph::ErrorKind;
use world::gateway::{HttpCall, Reply};

use crate::journey::{ANN, BOB, Journey, code_on_page};
use crate::openapi::document;
use crate::posts;
use crate::structure;
use crate::walk::RECORDED;

/// A refusal of an operation: `GET /instagram/accounts`, status, code.
pub(crate) type Refused = (String, u16, String);

static DOCUMENT: LazyLock<Value> = LazyLock::new(document);

type Validators = BTreeMap<String, Validator>;

static VALIDATORS: Mutex<Validators> = Mutex::new(Validators::new());

/// A schema of the document, with the types that it names.
fn validator(schema: &Value) -> Validator {
    let mut schema = schema.clone();
    schema["components"] = DOCUMENT["components"].clone();
    let options = jsonschema::options().should_validate_formats(true);
    options.build(&schema).expect("a schema")
}

/// Fails the test where the answer is not what the document says; returns the refusal that it is, where it is one.
pub(crate) fn check(call: &HttpCall, reply: &Reply) -> Option<Refused> {
    let found = routes::find(&call.method, &call.path)?;
    let operation = format!("{} {}", found.route.method, found.route.path);
    let described = &DOCUMENT["paths"][&found.route.path][call.method.to_lowercase()];
    let answer = &described["responses"][reply.status.to_string()];
    assert!(
        answer.is_object(),
        "{operation} does not name {}: {}",
        reply.status,
        reply.text()
    );
    let Some(contents) = answer["content"].as_object() else {
        assert!(
            reply.body.is_empty(),
            "{operation} {}: a body",
            reply.status
        );
        let location = reply.header("location").unwrap_or_default();
        let code = location
            .split_once("code=")
            .map(|(_, code)| code.to_owned())?;
        let page = pages_of(described)
            .into_iter()
            .find(|(_, known)| *known == code);
        let (status, code) = page.unwrap_or_else(|| panic!("{operation} does not name {code}"));
        return Some((operation, status, code));
    };
    let kind = reply
        .header("content-type")
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default();
    let content = contents.get(kind);
    let content = content
        .unwrap_or_else(|| panic!("{operation} {}: `{kind}`: {}", reply.status, reply.text()));
    let code = if kind == "text/html" {
        code_on_page(reply)
    } else {
        let is_json = matches!(kind, "application/json" | "application/problem+json");
        let body = if is_json {
            reply.json()
        } else {
            reply.text().into()
        };
        let mut validators = VALIDATORS.lock().unwrap_or_else(PoisonError::into_inner);
        let name = format!("{operation} {} {kind}", reply.status);
        let validator = validators
            .entry(name)
            .or_insert_with(|| validator(&content["schema"]));
        if let Err(error) = validator.validate(&body) {
            drop(validators);
            panic!(
                "{operation} {}: {error} at {}: {body}",
                reply.status,
                error.instance_path()
            );
        }
        body["code"].as_str().map(str::to_owned)
    }?;
    let refused = (operation, reply.status, code);
    assert!(declared().contains(&refused), "not declared: {refused:?}");
    Some(refused)
}

/// Status and code of the pages that an operation refuses with.
fn pages_of(operation: &Value) -> Vec<(u16, String)> {
    let answers = operation["responses"].as_object().into_iter().flatten();
    let codes = |(status, answer): (&String, &Value)| {
        let pages = answer["content"]["text/html"]["x-refusals"]
            .as_object()
            .cloned();
        let status: u16 = status.parse().unwrap_or_default();
        pages
            .into_iter()
            .flat_map(|pages| pages.into_iter())
            .map(move |(code, _)| (status, code))
    };
    answers.flat_map(codes).collect()
}

/// Operations with their names.
fn operations() -> Vec<(String, &'static Value)> {
    let mut all = Vec::new();
    for (path, methods) in DOCUMENT["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("operations") {
            all.push((format!("{} {path}", method.to_uppercase()), operation));
        }
    }
    all
}

/// Every refusal that the document names.
fn declared() -> &'static BTreeSet<Refused> {
    static DECLARED: LazyLock<BTreeSet<Refused>> = LazyLock::new(|| {
        let mut all = BTreeSet::new();
        for (name, operation) in operations() {
            all.extend(
                pages_of(operation)
                    .into_iter()
                    .map(|(status, code)| (name.clone(), status, code)),
            );
            for (status, answer) in operation["responses"].as_object().expect("answers") {
                let problems =
                    answer["content"]["application/problem+json"]["examples"].as_object();
                for code in problems.into_iter().flat_map(|problems| problems.keys()) {
                    let status = status.parse().expect("a status");
                    all.insert((name.clone(), status, code.clone()));
                }
            }
        }
        all
    });
    &DECLARED
}

#[test]
fn every_operation_says_what_it_does_by_example() {
    for (name, operation) in operations() {
        let summary = operation["summary"].as_str().unwrap_or_default();
        assert!(
            summary.ends_with('.') && summary.len() > 10,
            "{name}: {summary}"
        );
        let answers = operation["responses"].as_object().expect("answers");
        assert!(
            answers.values().all(|answer| answer["description"] != ""),
            "{name}"
        );
        let mut contents = vec![("body", &operation["requestBody"])];
        contents.extend(
            answers
                .iter()
                .map(|(status, answer)| (status.as_str(), answer)),
        );
        for (place, of) in contents {
            for (kind, content) in of["content"].as_object().into_iter().flatten() {
                let validator = validator(&content["schema"]);
                let mut examples = Vec::from_iter(content.get("example"));
                for reference in content["examples"]
                    .as_object()
                    .into_iter()
                    .flat_map(|all| all.values())
                {
                    let pointer = reference["$ref"]
                        .as_str()
                        .expect("a reference")
                        .trim_start_matches('#');
                    let example = DOCUMENT.pointer(pointer).expect("an example");
                    assert!(
                        example["summary"]
                            .as_str()
                            .is_some_and(|text| text.ends_with(['.', '?'])),
                        "{example}"
                    );
                    examples.push(&example["value"]);
                }
                assert!(!examples.is_empty(), "{name} {place} {kind} has no example");
                for example in examples {
                    if let Err(error) = validator.validate(example) {
                        panic!("{name} {place} {kind}: {error}: {example}");
                    }
                }
            }
        }
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let validator = validator(&parameter["schema"]);
            if let Some(example) = parameter.get("example") {
                assert!(validator.is_valid(example), "{name}: {parameter}");
            }
        }
    }
}

/// Refusals that take a story of their own, each told by a test that names the code. Instagram's are in the catalogue,
/// whose tests go through all of them.
const WITH_A_STORY: &[&str] = &[
    "access_denied",
    "account_not_professional",
    "already_connected_elsewhere",
    "idempotency_key_reused",
    "instagram_refused_login",
    "internal_error",
    "invalid_code",
    "login_already_used",
    "login_expired",
    "login_in_progress",
    "login_of_another_browser",
    "login_of_another_caller",
    "method_not_allowed",
    "missing_scope",
    "refresh_just_failed",
    "revoked",
    "service_unavailable",
    "token_unavailable",
    "wrong_account",
    "comment_not_found",
    "invalid_amount",
    "invalid_currency",
    "invalid_days",
    "invalid_event_kind",
    "invalid_name",
    "invalid_placeholder",
    "invalid_post_state",
    "invalid_span",
    "invalid_text",
    "invalid_time",
    "no_posts",
    "not_supported_by_platform",
    "post_being_looked_for",
    "post_not_changeable",
    "post_not_failed",
    "post_not_found",
    "post_refused",
    "publish_at_past",
    "publish_at_too_far",
    "template_not_found",
    "template_value_missing",
    "template_value_unknown",
    "too_many_accounts",
    "too_many_days",
    "too_many_posts",
];

/// Refusals that only a race or a vault in trouble brings about, and that no journey has met.
const BY_ACCIDENT: &[&str] = &[
    "changed_meanwhile",
    "too_many_templates",
    "login_interrupted",
    "refresh_in_progress",
    "request_in_flight",
    "token_missing",
];

/// Sends each operation what it has to refuse, as its description says how.
struct Probe {
    journey: Journey,
    own: String,
    others: String,
    post: String,
    template: String,
}

impl Probe {
    async fn send(&self, operation: &Value, call: HttpCall, role: Option<&str>) {
        let function = match operation["tags"][0].as_str().expect("a tag") {
            "connect" => &self.journey.connect,
            "callback" => &self.journey.callback,
            "media" => &self.journey.media,
            "insights" => &self.journey.insights,
            "publish" => &self.journey.publish,
            "refresh" => &self.journey.worker,
            "webhooks" => &self.journey.webhooks,
            _ => &self.journey.accounts,
        };
        let call = match role {
            Some(role) => call.as_user(ANN.user, ANN.company, role),
            None => call,
        };
        self.journey.call(function, call).await;
    }

    fn path(&self, path: &str, id: &str) -> String {
        path.replace("{id}", id)
            .replace("{postId}", &self.post)
            .replace("{templateId}", &self.template)
            .replace("{mediaId}", "17895000000000001")
            .replace("{commentId}", "17870000000000001")
    }

    async fn probe(&self, name: &str, operation: &Value) {
        // The other parameters that a query must have, as their examples.
        let required = |operation: &Value, but: &str| -> String {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let others = parameters.filter(|other| {
                other["in"] == "query" && other["required"] == true && other["name"] != but
            });
            others
                .map(|other| {
                    let (name, example) = (&other["name"], &other["example"]);
                    format!(
                        "&{}={}",
                        name.as_str().expect("a name"),
                        example.as_str().unwrap_or("a")
                    )
                })
                .collect()
        };
        let (method, path) = name.split_once(' ').expect("method and path");
        let to = |id: &str, query: &str| {
            let target = format!("{}{query}", self.path(path, id));
            HttpCall::new(method, &target).header("content-type", "application/json")
        };
        let admin = Some("admin");
        let too_long = format!("?x={}", "a".repeat(9_000));
        self.send(operation, to(&self.own, &too_long), admin).await;
        self.send(operation, to(&self.own, ""), None).await;
        self.send(operation, to(&self.own, ""), Some("viewer"))
            .await;
        if path.contains("{id}") {
            for id in [self.others.as_str(), "no-id", "x%2Fy%2Fz"] {
                self.send(operation, to(id, ""), admin).await;
            }
        }
        for last in ["{postId}", "{templateId}", "{mediaId}", "{commentId}"] {
            if path.contains(last) {
                let target = self.path(&path.replace(last, "x%2Fy%2Fz"), &self.own);
                self.send(operation, HttpCall::new(method, &target), admin)
                    .await;
            }
        }
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().expect("a name");
            if parameter["in"] == "query" {
                for value in ["%01", "", "facebook"] {
                    let query = format!("?{name}={value}{}", required(operation, name));
                    self.send(operation, to(&self.own, &query), admin).await;
                }
            }
            if name == "Idempotency-Key" {
                let call = to(&self.own, "").header(name, "two words");
                self.send(operation, call, admin).await;
                let call = to(&self.own, "")
                    .header(name, "large")
                    .body(vec![b' '; 1_100_000]);
                self.send(operation, call, admin).await;
            }
        }
        self.send(operation, to(&self.own, "?unknown=1"), admin)
            .await;
        if operation["requestBody"].is_object() {
            let bodies = [
                "[]",
                "{}",
                r#"{"displayName":""}"#,
                r#"{"clientId":""}"#,
                r#"{"code":"x","state":"x"}"#,
                r#"{"commentsEnabled":true}"#,
            ];
            for body in bodies {
                self.send(operation, to(&self.own, "").body(body), admin)
                    .await;
            }
            self.send(operation, to(&self.own, "").body(vec![b' '; 70_000]), admin)
                .await;
            let call = HttpCall::new(method, &self.path(path, &self.own)).body("a=b");
            self.send(operation, call, admin).await;
        }
    }
}

/// Every refusal that the probe was given.
#[tokio::main(flavor = "current_thread")]
async fn probed() -> BTreeSet<Refused> {
    let journey = Journey::start().await;
    let own = journey.connected(ANN, "corner.bakery").await;
    let others = journey.connected(BOB, "city.museum").await;
    let image = posts::sample(&journey, "tall-story.jpg");
    let draft = json!({"kind": "story", "imageUrl": image, "draft": true});
    let post = posts::created(&journey, &own, &draft).await;
    let template = json!({"name": "New", "text": "New: {{what}}"});
    let call = HttpCall::post("/templates").json(&template);
    let template = posts::ask(&journey, call).await.json();
    let template = template["id"].as_str().expect("an id").to_owned();
    let probe = Probe {
        journey,
        own,
        others,
        post,
        template,
    };
    let ends =
        |(name, _): &(String, _)| name.starts_with("DELETE") || name.ends_with("/disconnect");
    let (ending, others): (Vec<_>, Vec<_>) = operations().into_iter().partition(ends);
    for (name, operation) in &others {
        probe.probe(name, operation).await;
    }
    // What needs a connection is refused without one, and the account is deleted last.
    for (name, operation) in ending.iter().rev() {
        for (name, operation) in others.iter().filter(|(name, _)| name.contains("{id}/")) {
            probe.probe(name, operation).await;
        }
        probe.probe(name, operation).await;
    }
    probe.journey.seen()
}

#[test]
fn every_refusal_that_is_declared_is_really_given() {
    let mut seen = RECORDED.refused.clone();
    seen.extend(probed());
    let is_known = |code: &str| {
        let is_listed = WITH_A_STORY.contains(&code) || BY_ACCIDENT.contains(&code);
        is_listed || ErrorKind::ALL.iter().any(|kind| kind.code() == code)
    };
    let missing: Vec<&Refused> = declared()
        .iter()
        .filter(|refused| !seen.contains(*refused) && !is_known(&refused.2))
        .collect();
    assert!(
        missing.is_empty(),
        "declared, and never given: {missing:#?}"
    );
    for code in WITH_A_STORY.iter().chain(BY_ACCIDENT) {
        assert!(
            declared().iter().any(|refused| refused.2 == *code),
            "{code} is not declared"
        );
    }
    for code in WITH_A_STORY {
        assert!(
            structure::is_named_by_a_test(code),
            "no test tells of {code}"
        );
    }
}
