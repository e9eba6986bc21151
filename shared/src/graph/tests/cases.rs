//! Every error, answer and header of `../shared/cases` through the parser that production uses.

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use crate::graph::wire::{Page, parse_answer};
use crate::graph::{
    AccountEffect, Endpoint, ErrorKind, GraphError, Retry, Usage, Who, appsecret_proof,
};
use crate::secret::{AccessToken, Secret};

/// Where we decide otherwise than a case expects: (case, what differs, why).
const DIFFERENCES: &[(&str, &str, &str)] = &[
    (
        "apiary-190-decrypt",
        "account_status",
        "190 without a subcode is one signal: design section 7 wants a second one before the token is declared dead",
    ),
    (
        "apiary-190-decrypt",
        "retry",
        "… and so it is asked again, a few minutes later",
    ),
    (
        "php-sdk-err-102",
        "account_status",
        "102 without a subcode is one signal, as 190 is",
    ),
    ("php-sdk-err-102", "retry", "… and so it is asked again"),
    (
        "leon1995-105-invalid-platform-app",
        "class",
        "only the text tells a wrong app id from a used code, and texts are localized: the row's meaning names both, \
         and a login that nobody gets through shows in the call counts",
    ),
    (
        "leon1995-105-invalid-platform-app",
        "alert_operator",
        "… so the person is asked to start again first",
    ),
    (
        "oauth2-ig-token-endpoint-error",
        "class",
        "the same numbers as a used code, whose text this sample leaves out",
    ),
    (
        "koala-err-code-as-string",
        "code",
        "a code that is a word is matched, but not carried: no text of Meta's is in our errors",
    ),
    ("koala-err-code-as-string", "subcode", "as its code"),
    (
        "php-sdk-err-200-with-error",
        "class",
        "42 is in no table of Meta's: unknown errors are tried a few times, then told (design section 7)",
    ),
    ("php-sdk-err-200-with-error", "retry", "… hence the tries"),
    (
        "restfb-err-error-data",
        "class",
        "131009 is WhatsApp's and in no table of Instagram's: unknown",
    ),
    ("restfb-err-error-data", "retry", "… and tried a few times"),
    (
        "postiz-1129-9004-2207052-es",
        "retry",
        "facts section 5.8: seen to pass by itself although is_transient is false, so a few tries",
    ),
    (
        "meta-table-9004-2207052",
        "retry",
        "as postiz-1129-9004-2207052-es",
    ),
    (
        "pyfacebook-err-object-not-exist",
        "class",
        "100 without a subcode: only the text tells a missing permission from a wrong parameter",
    ),
    (
        "pyfacebook-err-object-not-exist",
        "account_status",
        "… and so no permission is reported as missing",
    ),
    (
        "restfb-err-issue1095",
        "class",
        "refused with a subcode that is in no table, and named so: not the developer's bad request",
    ),
    (
        "restfb-err-oauthexampleerror",
        "class",
        "as restfb-err-issue1095",
    ),
    (
        "in2code-41-unsupported-request-get",
        "retry",
        "the refresh job keeps asking, hourly at most: the fault was the app's, and it passed",
    ),
];

/// The lines of a file of cases; `None`, with a line that says so, in a clone that stands alone.
pub(super) fn cases(file: &str) -> Option<Vec<Value>> {
    let path = format!("{}/../../shared/cases/{file}", env!("CARGO_MANIFEST_DIR"));
    let Ok(text) = std::fs::read_to_string(path) else {
        println!("skipped: ../shared/cases/{file} is absent");
        return None;
    };
    Some(
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect(),
    )
}

/// A case does not name its call; its text and its source do.
fn endpoint(id: &str, class: &str) -> Endpoint {
    match id {
        "hoauth2-19-redirect-uri-identical"
        | "jinstagram-191-code-used"
        | "leon1995-105-invalid-platform-app"
        | "oauth2-ig-token-endpoint-error"
        | "omniauth-ig-graph-1-code-used" => Endpoint::CodeExchange,
        "in2code-41-unsupported-request-get" => Endpoint::Refresh,
        "airbyte-err-not-enough-viewers" | "airbyte-1814-100-2108006" => Endpoint::MediaInsights,
        "airbyte-err-reduce-data" => Endpoint::ListMedia,
        "restfb-err-issue1095" => Endpoint::WriteComment,
        _ => match class {
            "media_rejected" | "publish_quota" => Endpoint::CreateContainer,
            "not_ready" => Endpoint::PublishContainer,
            "policy_window" => Endpoint::SendMessage,
            _ => Endpoint::ReadMedia,
        },
    }
}

/// The class of the cases that a row belongs to. Ours are finer.
fn class(kind: ErrorKind) -> &'static str {
    use ErrorKind::*;
    match kind {
        TooFewViewers | MediaBeforeConversion => "no_data",
        NotFoundOrNoAccess => "not_found_or_no_access",
        RateLimited | AppRateLimited => "rate_limited",
        UpstreamUnavailable | InternalError | ServerErrorAtPublish | MediaDownloadTimedOut => {
            "transient"
        }
        PageTooLarge => "page_too_large",
        TokenExpired | PasswordChanged | SessionEnded | AppRemoved | CheckpointRequired
        | AccountUnconfirmed | TokenRejected | SessionInvalid => "token_invalid",
        OutsideMessageWindow => "policy_window",
        AppMisconfigured | CapabilityMissing => "app_misconfigured",
        NoRoleOnApp | AppRefused => "not_app_role_or_api_shutdown",
        NotReady => "not_ready",
        CodeUsedOrExpired => "oauth_code_invalid",
        ThumbnailOffsetOutOfRange | CarouselSize | ImageTooLarge | MediaFetchFailed => {
            "media_rejected"
        }
        PublishQuotaReached => "publish_quota",
        UnreadableAnswer => "non_json_error",
        PermissionMissing => "permission",
        RefusedWithoutReason
        | InvalidParameter
        | UnknownPath
        | Deprecated
        | DuplicatePost
        | PersonNotFound
        | ProductTagOnVideo
        | ProductTagPositionMissing
        | ProductTagInvalid => "bad_request",
        other => other.code(),
    }
}

/// Whether the row's word on trying again is what the case expects.
fn retry_agrees(retry: Retry, expected: &Value) -> bool {
    let Some(text) = expected.as_str() else {
        let tries_by_itself = !matches!(retry, Retry::Never | Retry::AfterUserActs);
        return expected.as_bool() == Some(tries_by_itself);
    };
    match text {
        "after backoff / estimated_time_to_regain_access" => retry == Retry::WhenHeaderSays,
        "with a smaller limit" => retry == Retry::WithSmallerPage,
        "poll container, then publish again" => retry == Retry::WhenReady,
        "next day" => retry == Retry::NextDay,
        // Both speak of 100/33: not proof of anything, so asked again later, and a post goes on without it.
        "ambiguous: see notes"
        | "publish path: do NOT fail the post; skip the read and try media_publish" => {
            retry == Retry::AfterSeconds(300)
        }
        other => panic!("an expectation that this test does not know: {other}"),
    }
}

fn account_status(error: &GraphError) -> &'static str {
    match error.row().effect {
        // The connection stands; that its calls wait is a state of its own (design section 5).
        AccountEffect::None | AccountEffect::RateLimited | AccountEffect::PublishingPaused => {
            "unchanged"
        }
        AccountEffect::MissingPermission => "unchanged (surface missing permission)",
        AccountEffect::TokenSuspect => "suspect",
        AccountEffect::TokenDead | AccountEffect::Revoked => "needs_reconnect",
        AccountEffect::NeedsUserAction if error.kind == ErrorKind::CheckpointRequired => {
            "needs_user_action (checkpoint)"
        }
        AccountEffect::NeedsUserAction => "needs_user_action (unconfirmed)",
    }
}

fn differing(error: &GraphError, expected: &Value) -> Vec<(String, String)> {
    let mut differing = Vec::new();
    let mut note = |what: &str, ours: String| differing.push((what.to_owned(), ours));
    if class(error.kind) != expected["class"] {
        note("class", format!("{:?}", error.kind));
    }
    if !retry_agrees(error.row().retry, &expected["retry"]) {
        note("retry", format!("{:?}", error.row().retry));
    }
    if account_status(error) != expected["account_status"] {
        note("account_status", account_status(error).to_owned());
    }
    if error.code.map_or(Value::Null, Value::from) != expected["code"] {
        note("code", format!("{:?}", error.code));
    }
    if error.subcode.map_or(Value::Null, Value::from) != expected["subcode"] {
        note("subcode", format!("{:?}", error.subcode));
    }
    if error.fbtrace_id.as_deref().map_or(Value::Null, Value::from) != expected["fbtrace_id"] {
        note("fbtrace_id", format!("{:?}", error.fbtrace_id));
    }
    if expected["alert_operator"] == true && error.row().who != Who::Operator {
        note("alert_operator", format!("{:?}", error.row().who));
    }
    if !expected["user_sees"].is_null() && error.row().who != Who::User {
        note("user_sees", format!("{:?}", error.row().who));
    }
    differing
}

#[test]
fn c20_every_error_of_the_cases_is_understood_or_the_difference_explained() {
    let Some(cases) = cases("errors.jsonl") else {
        return;
    };
    let mut unused: Vec<_> = DIFFERENCES
        .iter()
        .map(|(id, what, _)| (*id, *what))
        .collect();
    let mut unexplained = Vec::new();
    for case in &cases {
        let id = case["id"].as_str().unwrap();
        let expected = &case["expected"];
        let endpoint = endpoint(id, expected["class"].as_str().unwrap());
        let status = u16::try_from(case["input"]["http_status"].as_u64().unwrap()).unwrap();
        let body = case["input"]["body"].as_str().unwrap();
        let Err(error) = parse_answer(endpoint, status, &HeaderMap::new(), body.as_bytes()) else {
            panic!("{id} was taken for a success");
        };
        for (what, ours) in differing(&error, expected) {
            match unused.iter().position(|pair| *pair == (id, what.as_str())) {
                Some(index) => drop(unused.remove(index)),
                None => unexplained.push(format!(
                    "{id}: {what} is {ours}, expected {}",
                    expected[&what]
                )),
            }
        }
        let text = format!("{error} {error:?}");
        let message = serde_json::from_str::<Value>(body).ok().and_then(|body| {
            let message = body["error"]["message"]
                .as_str()
                .or_else(|| body["error_message"].as_str());
            message.map(str::to_owned)
        });
        assert!(
            message.is_none_or(|message| !text.contains(&message)),
            "{id}: {text}"
        );
    }
    println!("errors.jsonl: {} cases", cases.len());
    assert!(unexplained.is_empty(), "{unexplained:#?}");
    assert!(
        unused.is_empty(),
        "explained, but not different: {unused:?}"
    );
}

#[test]
fn b10_the_refusal_of_december_2024_is_the_apps_at_a_refresh_and_a_missing_role_at_a_login() {
    let body = br#"{"error":{"message":"x","type":"IGApiException","code":100}}"#;
    let kind = |endpoint| {
        parse_answer(endpoint, 400, &HeaderMap::new(), body)
            .err()
            .unwrap()
            .kind
    };
    assert_eq!(kind(Endpoint::Refresh), ErrorKind::AppRefused);
    assert_eq!(kind(Endpoint::LongLivedExchange), ErrorKind::NoRoleOnApp);
    assert_eq!(kind(Endpoint::Profile), ErrorKind::NoRoleOnApp);
    assert_eq!(kind(Endpoint::ReadMedia), ErrorKind::InvalidParameter);
    assert_eq!(ErrorKind::AppRefused.row().effect, AccountEffect::None);
}

#[test]
fn c15_every_answer_of_the_cases_is_read_and_no_paging_address_is_kept() {
    let Some(cases) = cases("responses.jsonl") else {
        return;
    };
    for case in &cases {
        let id = case["id"].as_str().unwrap();
        let facts = &case["expected"]["facts"];
        let body = case["input"]["body"].as_str().unwrap();
        let kind = case["kind"].as_str().unwrap();
        let endpoint = match kind {
            "response.oauth_token" => Endpoint::CodeExchange,
            "response.user" => Endpoint::Profile,
            "response.container" => Endpoint::ContainerStatus,
            _ => Endpoint::ListMedia,
        };
        let object = parse_answer(endpoint, 200, &HeaderMap::new(), body.as_bytes())
            .ok()
            .unwrap();

        let mut names: Vec<&str> = object.names().collect();
        let mut expected: Vec<&str> = facts["top_level_keys"]
            .as_array()
            .unwrap()
            .iter()
            .map(|name| name.as_str().unwrap())
            .collect();
        names.sort_unstable();
        expected.sort_unstable();
        assert_eq!(names, expected, "{id}");
        if let Some(expected) = facts["id"].as_str() {
            // An insight's or a message's id is a name, longer than the ids that we store.
            assert_eq!(object.text("id").as_deref(), Some(expected), "{id}");
        }

        let inner = object
            .object("business_discovery")
            .and_then(|inner| inner.object("media"));
        if let Some(count) = facts["data_count"]
            .as_u64()
            .or(facts["nested_media_count"].as_u64())
        {
            let page = Page::read(inner.as_ref().unwrap_or(&object)).unwrap();
            assert_eq!(page.items.len() as u64, count, "{id}");
            assert_eq!(
                page.after.as_deref(),
                facts["paging_after"].as_str(),
                "{id}"
            );
            assert_eq!(
                page.has_next,
                facts["has_next_url"].as_bool().unwrap_or(false),
                "{id}"
            );
        }

        if kind == "response.oauth_token" {
            let token =
                crate::graph::login::long_lived(object, Endpoint::LongLivedExchange).unwrap();
            assert!(
                token.expires_in.as_hours() >= 1 && token.expires_in.as_hours() <= 60 * 24,
                "{id}"
            );
        }
    }
    println!("responses.jsonl: {} cases", cases.len());
}

#[test]
fn c12_every_header_of_the_cases_is_read_or_ignored() {
    let Some(cases) = cases("headers.jsonl") else {
        return;
    };
    for case in &cases {
        let id = case["id"].as_str().unwrap();
        let name: HeaderName = case["input"]["header"].as_str().unwrap().parse().unwrap();
        let value =
            HeaderValue::from_bytes(case["input"]["value"].as_str().unwrap().as_bytes()).unwrap();
        let mut headers = HeaderMap::new();
        headers.append(name, value);
        let usage = Usage::from_headers(&headers);
        let expected = &case["expected"];
        assert_eq!(
            usage.max_percent().map(u64::from),
            expected["max_usage_pct"].as_u64(),
            "{id}"
        );
        assert_eq!(
            usage.regain_access_minutes.map(u64::from),
            expected["regain_minutes"].as_u64(),
            "{id}"
        );
        assert!(
            parse_answer(Endpoint::Profile, 200, &headers, b"{}").is_ok(),
            "{id}"
        );
    }
    println!("headers.jsonl: {} cases", cases.len());
}

#[test]
fn the_proofs_of_the_cases_are_ours() {
    let Some(cases) = cases("signatures.jsonl") else {
        return;
    };
    for case in cases
        .iter()
        .filter(|case| case["kind"] == "appsecret_proof")
    {
        let secret = Secret::new(case["input"]["app_secret"].as_str().unwrap());
        let token = AccessToken::new(case["input"]["access_token"].as_str().unwrap());
        assert_eq!(
            appsecret_proof(&secret, &token),
            case["expected"]["appsecret_proof"],
            "{}",
            case["id"]
        );
    }
}
