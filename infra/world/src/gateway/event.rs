//! Payload format 2.0, as API Gateway and function URLs send it.
//!
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html> and
//! <https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads>

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Map, Value, json};

use super::HttpCall;
use crate::resources::{ACCOUNT_ID, REGION};

const API_ID: &str = "localapi00";
const URL_ID: &str = "localurl00";

/// The event that API Gateway's HTTP API sends.
pub fn api_gateway_event(call: &HttpCall, now: Timestamp) -> String {
    let domain = format!("{API_ID}.execute-api.{REGION}.amazonaws.com");
    let route_key = call.route_key.as_deref().unwrap_or("$default");
    // An HTTP API decodes the path and keeps of it what stands before a `?`; a function URL does not.
    let decoded = decoded(&call.path);
    let path = decoded.split('?').next().unwrap_or_default();
    let mut event = event(call, now, path, route_key, API_ID, ACCOUNT_ID, &domain);
    if let Some(claims) = &call.claims {
        event["requestContext"]["authorizer"] = json!({"jwt": {"claims": claims, "scopes": null}});
    }
    if !call.path_parameters.is_empty() {
        event["pathParameters"] = json!(call.path_parameters);
    }
    event.to_string()
}

/// The event that a function URL without IAM authorization sends.
pub fn function_url_event(call: &HttpCall, now: Timestamp) -> String {
    let domain = format!("{URL_ID}.lambda-url.{REGION}.on.aws");
    event(
        call,
        now,
        &call.path,
        "$default",
        URL_ID,
        "anonymous",
        &domain,
    )
    .to_string()
}

fn event(
    call: &HttpCall,
    now: Timestamp,
    path: &str,
    route_key: &str,
    api_id: &str,
    account_id: &str,
    domain: &str,
) -> Value {
    let domain_prefix = domain.split('.').next().unwrap_or_default();
    let source_ip = match call.source_ip.as_str() {
        "" => "127.0.0.1",
        address => address,
    };
    let request_id = uuid::Uuid::new_v4().to_string();
    let time = now
        .to_zoned(TimeZone::UTC)
        .strftime("%d/%b/%Y:%H:%M:%S +0000")
        .to_string();
    let mut event = json!({
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": path,
        "rawQueryString": call.query,
        "headers": headers(call, domain, source_ip),
        "requestContext": {
            "accountId": account_id,
            "apiId": api_id,
            "domainName": domain,
            "domainPrefix": domain_prefix,
            "http": {
                "method": call.method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": source_ip,
                "userAgent": call.header_value("user-agent").unwrap_or_default(),
            },
            "requestId": request_id,
            "routeKey": route_key,
            "stage": "$default",
            "time": time,
            "timeEpoch": now.as_millisecond(),
        },
        "isBase64Encoded": false,
    });
    if !call.cookies.is_empty() {
        event["cookies"] = json!(call.cookies);
    }
    if !call.query.is_empty() {
        event["queryStringParameters"] = json!(query_parameters(&call.query));
    }
    if !call.body.is_empty() {
        let as_text = std::str::from_utf8(&call.body)
            .ok()
            .filter(|_| is_text(call.header_value("content-type")));
        event["isBase64Encoded"] = as_text.is_none().into();
        event["body"] = match as_text {
            Some(text) => text.into(),
            None => STANDARD.encode(&call.body).into(),
        };
    }
    event
}

/// Names in lower case, values of one name joined by commas, and what API Gateway adds.
fn headers(call: &HttpCall, domain: &str, source_ip: &str) -> Map<String, Value> {
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in &call.headers {
        let name = name.to_ascii_lowercase();
        if name == "cookie" {
            continue;
        }
        headers
            .entry(name)
            .and_modify(|values| {
                values.push(',');
                values.push_str(value);
            })
            .or_insert_with(|| value.clone());
    }
    headers
        .entry("host".into())
        .or_insert_with(|| domain.into());
    headers
        .entry("content-length".into())
        .or_insert_with(|| call.body.len().to_string());
    headers.insert("x-forwarded-for".into(), source_ip.into());
    headers.insert("x-forwarded-port".into(), "443".into());
    headers.insert("x-forwarded-proto".into(), "https".into());
    headers
        .into_iter()
        .map(|(name, value)| (name, value.into()))
        .collect()
}

/// Decoded, values of one name joined by commas.
fn query_parameters(query: &str) -> BTreeMap<String, String> {
    let mut parameters: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        parameters
            .entry(name.into_owned())
            .and_modify(|values| {
                values.push(',');
                values.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    parameters
}

/// Kinds of content that travel as text; all others, forms among them, travel as base64.
fn is_text(content_type: Option<&str>) -> bool {
    let kind = content_type
        .and_then(|value| value.split(';').next())
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    kind.is_empty()
        || kind.starts_with("text/")
        || kind.ends_with("+json")
        || kind.ends_with("+xml")
        || [
            "application/json",
            "application/javascript",
            "application/xml",
        ]
        .contains(&kind.as_str())
}

fn decoded(path: &str) -> String {
    let bytes = path.as_bytes();
    let mut result = Vec::with_capacity(bytes.len());
    let mut position = 0;
    while position < bytes.len() {
        let escaped = (bytes[position] == b'%')
            .then(|| path.get(position + 1..position + 3))
            .flatten()
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        result.push(escaped.unwrap_or(bytes[position]));
        position += if escaped.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&result).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2020-03-12T19:03:58.390Z".parse().unwrap()
    }

    /// Member for member the event of AWS's documentation, for a route with a JWT authorizer.
    #[test]
    fn an_api_gateway_event_has_the_documented_members() {
        let mut call =
            HttpCall::post("/my/path?parameter1=value1&parameter1=value2&parameter2=a%20b")
                .claim("claim1", "value1")
                .header("Header1", "value1")
                .header("Header2", "value1")
                .header("header2", "value2")
                .header("User-Agent", "agent")
                .cookie("cookie1=1; Path=/")
                .cookie("cookie2=2")
                .json(&json!({"a": 1}));
        call.route_key = Some("POST /my/{proxy}".into());
        call.path_parameters.insert("proxy".into(), "path".into());
        let mut event: Value = serde_json::from_str(&api_gateway_event(&call, now())).unwrap();
        assert_eq!(
            event["requestContext"]["requestId"].as_str().unwrap().len(),
            36
        );
        event["requestContext"]["requestId"] = "id".into();
        let expected = json!({
            "version": "2.0",
            "routeKey": "POST /my/{proxy}",
            "rawPath": "/my/path",
            "rawQueryString": "parameter1=value1&parameter1=value2&parameter2=a%20b",
            "cookies": ["cookie1=1", "cookie2=2"],
            "headers": {
                "content-length": "7",
                "content-type": "application/json",
                "header1": "value1",
                "header2": "value1,value2",
                "host": "localapi00.execute-api.us-east-1.amazonaws.com",
                "user-agent": "agent",
                "x-forwarded-for": "127.0.0.1",
                "x-forwarded-port": "443",
                "x-forwarded-proto": "https",
            },
            "queryStringParameters": {"parameter1": "value1,value2", "parameter2": "a b"},
            "requestContext": {
                "accountId": "000000000000",
                "apiId": "localapi00",
                "authorizer": {"jwt": {"claims": {"claim1": "value1"}, "scopes": null}},
                "domainName": "localapi00.execute-api.us-east-1.amazonaws.com",
                "domainPrefix": "localapi00",
                "http": {
                    "method": "POST",
                    "path": "/my/path",
                    "protocol": "HTTP/1.1",
                    "sourceIp": "127.0.0.1",
                    "userAgent": "agent",
                },
                "requestId": "id",
                "routeKey": "POST /my/{proxy}",
                "stage": "$default",
                "time": "12/Mar/2020:19:03:58 +0000",
                "timeEpoch": 1_584_039_838_390_i64,
            },
            "pathParameters": {"proxy": "path"},
            "body": "{\"a\":1}",
            "isBase64Encoded": false,
        });
        assert_eq!(event, expected);
    }

    #[test]
    fn what_a_call_does_not_have_is_absent() {
        let event: Value =
            serde_json::from_str(&api_gateway_event(&HttpCall::get("/health"), now())).unwrap();
        for member in ["cookies", "queryStringParameters", "pathParameters", "body"] {
            assert_eq!(event.get(member), None, "{member}");
        }
        assert_eq!(event["requestContext"].get("authorizer"), None);
        assert_eq!(event["routeKey"], "$default");
    }

    #[test]
    fn the_path_is_decoded_by_an_http_api_and_not_by_a_function_url() {
        let call = HttpCall::get("/a%20b/%C3%A9%zz/c%3Fd");
        let event: Value = serde_json::from_str(&api_gateway_event(&call, now())).unwrap();
        assert_eq!(event["rawPath"], "/a b/é%zz/c");
        let event: Value = serde_json::from_str(&function_url_event(&call, now())).unwrap();
        assert_eq!(event["rawPath"], "/a%20b/%C3%A9%zz/c%3Fd");
        assert_eq!(event["requestContext"]["accountId"], "anonymous");
    }

    #[test]
    fn a_form_and_bytes_travel_as_base64() {
        let form = HttpCall::post("/")
            .body("a=1")
            .header("content-type", "application/x-www-form-urlencoded");
        let event: Value = serde_json::from_str(&function_url_event(&form, now())).unwrap();
        assert_eq!(
            (&event["body"], &event["isBase64Encoded"]),
            (&json!("YT0x"), &json!(true))
        );
        let bytes = HttpCall::post("/")
            .body([0xff, 0xfe])
            .header("content-type", "application/json");
        let event: Value = serde_json::from_str(&function_url_event(&bytes, now())).unwrap();
        assert_eq!(
            (&event["body"], &event["isBase64Encoded"]),
            (&json!("//4="), &json!(true))
        );
    }
}
