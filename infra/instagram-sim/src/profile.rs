//! `/me`: the account that a token stands for.

use serde_json::{Map, Value, json};

use crate::answer::{Answer, GraphError};
use crate::authorize::BASIC_SCOPE;
use crate::person::{AccountType, Person};
use crate::router::Endpoint;
use crate::settings::{AccountTypeCase, Settings, Wrapping};
use crate::visit::Visit;

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        name: "GET /me",
        method: "GET",
        path: "/{version}/me",
        handler: read_profile,
    },
    Endpoint {
        name: "GET /{ig_id}",
        method: "GET",
        path: "/{version}/{ig_id}",
        handler: read_profile,
    },
];

fn read_profile(visit: &mut Visit<'_>) -> Result<Answer, GraphError> {
    let person = visit.caller(Some(BASIC_SCOPE))?.person;
    let settings = &visit.state.durable.settings;
    let media_count = person.media_count + visit.state.content.post_count(&person.ig_user_id);
    let asked = visit.incoming.query("fields").unwrap_or_default();
    let mut profile = Map::new();
    for field in asked
        .split(',')
        .map(str::trim)
        .filter(|field| !field.is_empty())
    {
        let Some(value) = value_of(
            field,
            &person,
            media_count,
            settings,
            visit.base_url,
            visit.now_ms,
        ) else {
            return Err(GraphError::nonexisting_field(field));
        };
        // What a person never filled in does not appear.
        let is_empty = value.as_str() == Some("");
        if !is_empty && !person.absent_fields.iter().any(|absent| absent == field) {
            profile.insert(field.to_owned(), value);
        }
    }
    // Graph gives the id whether it was asked for or not.
    if !person.absent_fields.iter().any(|absent| absent == "id") {
        profile.insert("id".to_owned(), person.app_scoped_id.as_str().into());
    }
    let answer = match settings.me_answer {
        Wrapping::Flat => Value::Object(profile),
        Wrapping::Wrapped => json!({ "data": [profile] }),
    };
    Ok(Answer::json(200, &answer))
}

fn value_of(
    field: &str,
    person: &Person,
    media_count: u64,
    settings: &Settings,
    base_url: &str,
    now_ms: i64,
) -> Option<Value> {
    Some(match field {
        "id" => person.app_scoped_id.as_str().into(),
        "user_id" if settings.me_user_id_as_number => person
            .ig_user_id
            .parse::<u64>()
            .map_or(Value::Null, Value::from),
        "user_id" => person.ig_user_id.as_str().into(),
        "username" => person.username.as_str().into(),
        "name" => person.name.as_str().into(),
        "account_type" => account_type(person.account_type, settings.account_type_case).into(),
        "profile_picture_url" => match &person.profile_picture_url {
            Some(address) => address.as_str().into(),
            None => format!("{base_url}/_sim/pictures/{}.svg", person.username).into(),
        },
        "followers_count" => person.followers_at(now_ms).into(),
        "follows_count" => person.follows_count.into(),
        "media_count" => media_count.into(),
        "biography" => person.biography.as_str().into(),
        "website" => person.website.as_str().into(),
        _ => return None,
    })
}

fn account_type(account_type: AccountType, case: AccountTypeCase) -> String {
    let documented = match account_type {
        AccountType::Business => "Business",
        AccountType::MediaCreator => "Media_Creator",
        AccountType::Personal => "Personal",
    };
    match case {
        AccountTypeCase::Documented => documented.to_owned(),
        AccountTypeCase::Upper => documented.to_ascii_uppercase(),
        AccountTypeCase::Lower => documented.to_ascii_lowercase(),
    }
}
