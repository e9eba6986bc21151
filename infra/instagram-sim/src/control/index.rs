//! `GET /_sim/`: everything at a glance, for a person.

use serde_json::json;

use crate::html::{self, escape};
use crate::router;
use crate::state::State;

/// How many of the latest calls the page shows.
const CALLS_SHOWN: usize = 50;

const CONTROL: &[(&str, &str)] = &[
    ("GET, POST /_sim/people", "everybody, and somebody new"),
    ("PATCH /_sim/people/{username}", "change somebody"),
    (
        "POST /_sim/people/{username}/revoke",
        "kill somebody's tokens",
    ),
    (
        "GET /_sim/people/{username}/containers",
        "what somebody uploaded",
    ),
    (
        "GET /_sim/people/{username}/media",
        "what somebody published, with comments",
    ),
    (
        "GET /_sim/profiles/{username}",
        "somebody's profile, for a person",
    ),
    (
        "PATCH /_sim/insights/{media_id}",
        "what the insights of a media show",
    ),
    ("GET /_sim/media/{name}", "sample media"),
    (
        "POST /_sim/people/{username}/happenings",
        "let something happen that webhooks tell",
    ),
    (
        "GET, POST /_sim/apps-and-websites/{username}",
        "somebody's settings page: remove apps, ask for deletion",
    ),
    (
        "GET /_sim/webhooks",
        "where apps are told, and what was sent",
    ),
    ("PUT /_sim/webhooks/{client_id}", "where an app is told"),
    (
        "POST /_sim/webhooks/{client_id}/test",
        "the dashboard's test button",
    ),
    ("GET, POST, DELETE /_sim/faults", "what goes wrong"),
    ("DELETE /_sim/faults/{id}", "end one fault"),
    ("GET, DELETE /_sim/log", "what was called"),
    (
        "GET, PATCH /_sim/settings",
        "which habits of Meta's are shown",
    ),
    ("GET /_sim/pictures/{username}.svg", "profile pictures"),
];

pub(super) fn page(state: &mut State) -> String {
    let mut body = String::from("<h1>instagram-sim</h1>");
    body += &table(
        "People",
        &["username", "name", "type", "user_id", "id", "role"],
        state.durable.people.iter().map(|person| {
            vec![
                person.username.clone(),
                person.name.clone(),
                text(&json!(person.account_type)),
                person.ig_user_id.clone(),
                person.app_scoped_id.clone(),
                if person.role_on_app { "yes" } else { "no" }.to_owned(),
            ]
        }),
    );
    body += &table(
        "Apps",
        &["name", "client_id", "redirect addresses", "in development"],
        state.apps.iter().map(|app| {
            vec![
                app.name.clone(),
                app.client_id.clone(),
                app.redirect_uris.join(" "),
                if app.development { "yes" } else { "no" }.to_owned(),
            ]
        }),
    );
    body += &table(
        "Faults",
        &[
            "id",
            "endpoint",
            "username",
            "times",
            "probability",
            "hits",
            "kind",
        ],
        state.faults.iter().map(|active| {
            let fault = &active.fault;
            vec![
                active.id.to_string(),
                fault.endpoint.clone().unwrap_or_else(|| "all".to_owned()),
                fault.username.clone().unwrap_or_else(|| "all".to_owned()),
                fault
                    .times
                    .map_or_else(|| "always".to_owned(), |times| times.to_string()),
                fault.probability.to_string(),
                active.hits.to_string(),
                text(&json!(fault.kind)),
            ]
        }),
    );
    let settings = serde_json::to_string_pretty(&state.durable.settings).unwrap_or_default();
    body += &format!("<h2>Settings</h2><pre>{}</pre>", escape(&settings));
    body += &table(
        "Latest calls",
        &[
            "at (ms)", "endpoint", "status", "username", "token", "faults",
        ],
        state.calls.iter().rev().take(CALLS_SHOWN).map(|call| {
            vec![
                call.at_ms.to_string(),
                call.endpoint.clone(),
                call.status.to_string(),
                call.username.clone().unwrap_or_default(),
                call.token.clone().unwrap_or_default(),
                call.faults.join(" "),
            ]
        }),
    );
    body += &table(
        "Simulated endpoints",
        &["name (as faults and the log call it)", "path"],
        router::all().map(|endpoint| vec![endpoint.name.to_owned(), endpoint.path.to_owned()]),
    );
    body += &table(
        "Control",
        &["address", "what"],
        CONTROL
            .iter()
            .map(|(address, what)| vec![(*address).to_owned(), (*what).to_owned()]),
    );
    html::page("instagram-sim", &body)
}

fn text(value: &serde_json::Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn table(title: &str, columns: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut lines = String::new();
    for row in rows {
        let cells: String = row
            .iter()
            .map(|cell| format!("<td>{}</td>", escape(cell)))
            .collect();
        lines += &format!("<tr>{cells}</tr>");
    }
    if lines.is_empty() {
        return format!("<h2>{}</h2><p class=\"soft\">None.</p>", escape(title));
    }
    let head: String = columns
        .iter()
        .map(|column| format!("<th>{}</th>", escape(column)))
        .collect();
    format!(
        "<h2>{}</h2><div class=\"table\"><table><tr>{head}</tr>{lines}</table></div>",
        escape(title)
    )
}
