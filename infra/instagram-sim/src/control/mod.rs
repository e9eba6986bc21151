//! The control plane under `/_sim/`: people, faults, settings and the log of calls.

mod index;
mod profile_page;
mod webhooks;

use std::collections::BTreeMap;

use axum::http::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::fault::Fault;
use crate::incoming::Incoming;
use crate::person::{Person, Revocation};
use crate::server::Shared;

pub(crate) use crate::control::profile_page::website_page;

/// `Err` holds a status and a sentence.
type Outcome = Result<Answer, (u16, String)>;

pub(crate) fn answer(shared: &Shared, incoming: &Incoming) -> Answer {
    let path = incoming
        .path
        .strip_prefix("/_sim")
        .unwrap_or_default()
        .trim_matches('/');
    let segments: Vec<&str> = path.split('/').collect();
    route(shared, incoming, &segments).unwrap_or_else(|(status, message)| {
        Answer::json(status, &json!({ "error": { "message": message } }))
    })
}

fn route(shared: &Shared, incoming: &Incoming, segments: &[&str]) -> Outcome {
    let method = &incoming.method;
    match *segments {
        [""] if method == Method::GET => Ok(Answer::html(200, shared.with_state(index::page))),
        ["people"] if method == Method::GET => Ok(list_people(shared)),
        ["people"] if method == Method::POST => add_person(shared, incoming),
        ["people", username] if method == Method::PATCH => {
            change_person(shared, incoming, username)
        }
        ["people", username, "revoke"] if method == Method::POST => {
            revoke(shared, incoming, username)
        }
        ["people", username, "containers"] if method == Method::GET => containers(shared, username),
        ["people", username, "media"] if method == Method::GET => media(shared, username),
        ["insights", media_id] if method == Method::PATCH => {
            set_insights(shared, incoming, media_id)
        }
        ["profiles", username] if method == Method::GET => profile_page::page(shared, username),
        ["faults"] if method == Method::GET => Ok(list_faults(shared)),
        ["faults"] if method == Method::POST => add_fault(shared, incoming),
        ["faults"] if method == Method::DELETE => {
            shared.with_state(|state| state.faults.clear());
            Ok(list_faults(shared))
        }
        ["faults", id] if method == Method::DELETE => remove_fault(shared, id),
        ["log"] if method == Method::GET => {
            let calls = shared.with_state(|state| json!({ "calls": state.calls }));
            Ok(Answer::json(200, &calls))
        }
        ["log"] if method == Method::DELETE => {
            shared.with_state(|state| state.calls.clear());
            Ok(Answer::json(200, &json!({ "calls": [] })))
        }
        ["settings"] if method == Method::GET => Ok(settings(shared)),
        ["settings"] if method == Method::PATCH => change_settings(shared, incoming),
        ["people", username, "happenings"] if method == Method::POST => {
            webhooks::let_happen(shared, incoming, username)
        }
        ["webhooks"] if method == Method::GET => Ok(webhooks::list(shared)),
        ["webhooks", client_id] if method == Method::PUT => {
            webhooks::register(shared, incoming, client_id)
        }
        ["webhooks", client_id, "test"] if method == Method::POST => {
            webhooks::press_test_button(shared, client_id)
        }
        ["apps-and-websites", username] if method == Method::GET => {
            webhooks::settings_page(shared, username)
        }
        ["apps-and-websites", username] if method == Method::POST => {
            webhooks::remove_apps(shared, incoming, username)
        }
        ["pictures", file] if method == Method::GET => picture(shared, file),
        ["" | "people" | "faults" | "log" | "settings" | "webhooks"]
        | [
            "people" | "faults" | "pictures" | "profiles" | "media" | "insights" | "webhooks"
            | "apps-and-websites",
            _,
        ]
        | [
            "people",
            _,
            "revoke" | "containers" | "media" | "happenings",
        ]
        | ["webhooks", _, "test"] => {
            Err((405, format!("{method} does not go with {}", incoming.path)))
        }
        _ => Err((
            404,
            format!(
                "there is no {}; GET /_sim/ lists what is here",
                incoming.path
            ),
        )),
    }
}

fn list_people(shared: &Shared) -> Answer {
    let now_ms = (shared.now)();
    let people: Vec<Value> = shared.with_state(|state| {
        let people = state.durable.people.iter();
        people
            .map(|person| {
                let subscriptions = state.durable.subscriptions.values();
                let fields: Vec<&String> = subscriptions
                    .filter_map(|people| people.get(&person.ig_user_id))
                    .flatten()
                    .collect();
                let mut shown = json!(person);
                shown["live_tokens"] = state
                    .durable
                    .tokens
                    .live_of(&person.ig_user_id, now_ms)
                    .into();
                shown["subscribed_fields"] = json!(fields);
                shown
            })
            .collect()
    });
    Answer::json(200, &json!({ "people": people }))
}

fn add_person(shared: &Shared, incoming: &Incoming) -> Outcome {
    let person: Person = body(incoming)?;
    shared.with_state(|state| {
        if state.person(&person.username).is_some() {
            return Err((
                409,
                format!(
                    "{} is here already; PATCH changes a person",
                    person.username
                ),
            ));
        }
        let person = state.add_person(person).map_err(bad_request)?;
        Ok(Answer::json(201, &json!(person)))
    })
}

fn change_person(shared: &Shared, incoming: &Incoming, username: &str) -> Outcome {
    shared.with_state(|state| {
        let before = state.person(username).ok_or_else(|| nobody(username))?;
        let changed: Person = merged(before, incoming)?;
        let answer = Answer::json(200, &json!(changed));
        state
            .replace_person(username, changed)
            .map_err(bad_request)?;
        Ok(answer)
    })
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RevokeBody {
    how: Revocation,
}

fn revoke(shared: &Shared, incoming: &Incoming, username: &str) -> Outcome {
    let RevokeBody { how } = body(incoming)?;
    let now_ms = (shared.now)();
    let revoked = shared
        .with_state(|state| state.revoke_tokens_of(username, how, now_ms))
        .ok_or_else(|| nobody(username))?;
    Ok(Answer::json(200, &json!({ "revoked": revoked })))
}

/// With `status_code` as it is now.
fn containers(shared: &Shared, username: &str) -> Outcome {
    let now_ms = (shared.now)();
    shared.with_state(|state| {
        let person = state.person(username).ok_or_else(|| nobody(username))?;
        let containers: Vec<Value> = state
            .content
            .containers_of(&person.ig_user_id)
            .map(|container| {
                let mut shown = json!(container);
                shown["status_code"] = container.status_at(now_ms).as_str().into();
                shown
            })
            .collect();
        Ok(Answer::json(200, &json!({ "containers": containers })))
    })
}

/// Posts and stories with their comments; stories also when they are over.
fn media(shared: &Shared, username: &str) -> Outcome {
    shared.with_state(|state| {
        let content = &state.content;
        let person = state.person(username).ok_or_else(|| nobody(username))?;
        let shown = |ids: &[String]| -> Vec<Value> {
            let media = ids.iter().filter_map(|id| content.media(id));
            media
                .map(|media| {
                    let comments = content.comments_on(&media.id).iter();
                    let comments: Vec<_> = comments.filter_map(|id| content.comment(id)).collect();
                    let mut shown = json!(media);
                    shown["comments"] = json!(comments);
                    shown
                })
                .collect()
        };
        let posts = shown(content.posts_of(&person.ig_user_id));
        let stories = shown(content.stories_of(&person.ig_user_id));
        Ok(Answer::json(
            200,
            &json!({ "posts": posts, "stories": stories }),
        ))
    })
}

fn set_insights(shared: &Shared, incoming: &Incoming, media_id: &str) -> Outcome {
    let figures: BTreeMap<String, u64> = body(incoming)?;
    shared.with_state(|state| {
        if state.content.media(media_id).is_none() {
            return Err((404, format!("there is no media {media_id}")));
        }
        let set = state.content.set_insights(media_id, figures);
        set.map_err(bad_request)?;
        Ok(Answer::json(200, &json!(state.content.insights(media_id))))
    })
}

fn list_faults(shared: &Shared) -> Answer {
    let faults = shared.with_state(|state| json!({ "faults": state.faults }));
    Answer::json(200, &faults)
}

fn add_fault(shared: &Shared, incoming: &Incoming) -> Outcome {
    let fault: Fault = body(incoming)?;
    if let Some(complaint) = fault.complaint() {
        return Err(bad_request(complaint));
    }
    let id = shared.with_state(|state| state.add_fault(fault));
    Ok(Answer::json(201, &json!({ "id": id })))
}

fn remove_fault(shared: &Shared, id: &str) -> Outcome {
    shared.with_state(|state| {
        let position = state
            .faults
            .iter()
            .position(|active| active.id.to_string() == id);
        let position = position.ok_or_else(|| (404, format!("there is no fault {id}")))?;
        state.faults.remove(position);
        Ok(())
    })?;
    Ok(list_faults(shared))
}

fn settings(shared: &Shared) -> Answer {
    let settings = shared.with_state(|state| json!(state.durable.settings));
    Answer::json(200, &settings)
}

fn change_settings(shared: &Shared, incoming: &Incoming) -> Outcome {
    shared.with_state(|state| {
        let changed: crate::Settings = merged(&state.durable.settings, incoming)?;
        if let Some(complaint) = changed.complaint() {
            return Err(bad_request(complaint));
        }
        state.durable.settings = changed;
        state.unsaved = true;
        Ok(())
    })?;
    Ok(settings(shared))
}

/// A round picture with the first letter of the name, in a colour of its own.
fn picture(shared: &Shared, file: &str) -> Outcome {
    let username = file.strip_suffix(".svg").unwrap_or(file);
    let known = shared.with_state(|state| state.person(username).is_some());
    let letter = username.chars().find(char::is_ascii_alphanumeric);
    let Some(letter) = letter.filter(|_| known) else {
        return Err(nobody(username));
    };
    let hue = username
        .bytes()
        .fold(0_u32, |sum, byte| sum * 31 % 360 + u32::from(byte))
        % 360;
    let svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 96 96\" width=\"96\" height=\"96\">\
         <circle cx=\"48\" cy=\"48\" r=\"48\" fill=\"hsl({hue} 55% 40%)\"/>\
         <text x=\"48\" y=\"64\" font-family=\"sans-serif\" font-size=\"44\" fill=\"#fff\" \
         text-anchor=\"middle\">{}</text></svg>",
        letter.to_ascii_uppercase()
    );
    Ok(Answer::new(200, "image/svg+xml", svg))
}

fn body<T: DeserializeOwned>(incoming: &Incoming) -> Result<T, (u16, String)> {
    serde_json::from_slice(&incoming.body).map_err(|error| bad_request(format!("body: {error}")))
}

/// `before` with the members that the body names. Members that `before` does not have are refused.
fn merged<T: Serialize + DeserializeOwned>(
    before: &T,
    incoming: &Incoming,
) -> Result<T, (u16, String)> {
    let named: serde_json::Map<String, Value> = body(incoming)?;
    let mut whole = json!(before);
    for (member, value) in named {
        whole[member] = value;
    }
    serde_json::from_value(whole).map_err(|error| bad_request(format!("body: {error}")))
}

fn bad_request(message: String) -> (u16, String) {
    (400, message)
}

fn nobody(username: &str) -> (u16, String) {
    (404, format!("nobody is called {username:?}"))
}
