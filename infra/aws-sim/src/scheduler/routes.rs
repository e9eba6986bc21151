//! Scheduler speaks REST: which operation a path and method are, and its input out of path, query and body.

use http::{Method, Uri};
use serde_json::{Map, Value, json};

use crate::front::Asked;
use crate::wire::{Service, text};

/// The operation that a request asks for; none when it is no request for Scheduler.
pub(crate) fn understand(method: &Method, uri: &Uri, body: &[u8]) -> Option<Asked> {
    let mut path = uri.path().trim_start_matches('/').splitn(2, '/');
    let (kind, name) = (path.next()?, path.next().filter(|name| !name.is_empty()));
    let operation = match (kind, method.as_str(), name.is_some()) {
        ("schedules", "GET", false) => "ListSchedules",
        ("schedules", "POST", true) => "CreateSchedule",
        ("schedules", "PUT", true) => "UpdateSchedule",
        ("schedules", "GET", true) => "GetSchedule",
        ("schedules", "DELETE", true) => "DeleteSchedule",
        ("schedule-groups", "GET", false) => "ListScheduleGroups",
        ("schedule-groups", "POST", true) => "CreateScheduleGroup",
        ("schedule-groups", "GET", true) => "GetScheduleGroup",
        ("schedule-groups", "DELETE", true) => "DeleteScheduleGroup",
        _ => return None,
    };
    let mut input = serde_json::from_slice(body).unwrap_or_else(|_| json!({}));
    if !input.is_object() {
        input = json!({});
    }
    input.as_object_mut()?.extend(query(uri));
    if let Some(name) = name {
        // Joined to a query of one value, the path's escapes are undone by the same rules.
        let plus = name.replace('+', "%2B");
        let name = url::form_urlencoded::parse(format!("name={plus}").as_bytes())
            .next()?
            .1
            .into_owned();
        input["Name"] = json!(name);
    }
    Some(Asked {
        service: Service::Scheduler,
        operation: operation.to_owned(),
        resource: text(&input, "Name").map(str::to_owned),
        input,
    })
}

/// The query's members as the body would name them; the client token is the only one in lower case.
fn query(uri: &Uri) -> Map<String, Value> {
    let pairs = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let member = |name: &str| match name {
        "clientToken" => "ClientToken".to_owned(),
        "groupName" => "GroupName".to_owned(),
        other => other.to_owned(),
    };
    pairs
        .map(|(name, value)| (member(&name), json!(value)))
        .collect()
}
