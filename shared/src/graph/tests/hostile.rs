//! Bodies that nobody meant well.

use http::{HeaderMap, HeaderValue};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use crate::graph::login::{long_lived, short_lived};
use crate::graph::profile::profile;
use crate::graph::wire::{Object, Page, parse_answer};
use crate::graph::{
    AccountEffect, AccountType, Breaker, BreakerConfig, Endpoint, ErrorKind, GraphError, Who,
};

/// As long as a real token, and as recognizable.
const CANARY: &str = "IGAAcanaryCANARYcanaryCANARYcanaryCANARYcanaryCANARYcanaryCANARYcanary";

const ENDPOINTS: &[Endpoint] = &[
    Endpoint::CodeExchange,
    Endpoint::LongLivedExchange,
    Endpoint::Refresh,
    Endpoint::Profile,
    Endpoint::Subscribe,
];

fn refused(endpoint: Endpoint, status: u16, body: &str) -> GraphError {
    let Err(error) = parse_answer(endpoint, status, &HeaderMap::new(), body.as_bytes()) else {
        panic!("taken for a success: {body}");
    };
    error
}

fn read_all(object: Object) {
    let _ = Page::read(&object);
    let again = || Object::parse(r#"{"data":[{}]}"#).unwrap();
    let _ = (
        short_lived(again()),
        long_lived(again(), Endpoint::Refresh),
        profile(object),
    );
}

#[test]
fn a17_tokens_come_flat_or_wrapped() {
    for body in [
        r#"{"access_token":"IGAAexample","user_id":17841400000000009,"permissions":["a","b"]}"#,
        r#"{"data":[{"access_token":"IGAAexample","user_id":"17841400000000009","permissions":"a,b"}]}"#,
        r#"{"data":{"access_token":"IGAAexample","user_id":"17841400000000009","permissions":"a, b"}}"#,
    ] {
        let token = short_lived(Object::parse(body).unwrap()).unwrap();
        assert_eq!(token.token.expose(), "IGAAexample");
        assert_eq!(
            token.user_id.as_deref(),
            Some("17841400000000009"),
            "{body}"
        );
        assert_eq!(
            token.permissions,
            Some(vec!["a".to_owned(), "b".to_owned()]),
            "{body}"
        );
    }
}

#[test]
fn b12_a_lifetime_is_held_between_an_hour_and_sixty_days() {
    let hour = SignedDuration::from_hours(1);
    let days = SignedDuration::from_hours(60 * 24);
    for (stated, expected) in [
        ("5183944", SignedDuration::from_secs(5_183_944)),
        ("\"5183944\"", SignedDuration::from_secs(5_183_944)),
        ("0", hour),
        ("-5", hour),
        ("1000000000000", days),
        ("1e300", days),
        ("null", days),
        ("[]", days),
    ] {
        let body = format!(r#"{{"access_token":"IGAAexample","expires_in":{stated}}}"#);
        let token = long_lived(Object::parse(&body).unwrap(), Endpoint::Refresh).unwrap();
        assert_eq!(token.expires_in, expected, "{stated}");
    }
    let token = long_lived(
        Object::parse(r#"{"access_token":"t"}"#).unwrap(),
        Endpoint::Refresh,
    )
    .unwrap();
    assert_eq!(
        token.expires_in, days,
        "Meta documents 60 days for a token that says nothing"
    );
}

#[test]
fn c15_a_profile_needs_its_two_ids_and_nothing_else() {
    let read = |body: &str| profile(Object::parse(body).unwrap());
    let full = read(
        r#"{"data":[{"id":"1","user_id":17841400000000009,"account_type":"MEDIA_CREATOR","followers_count":"7","name":null,"username":5}]}"#,
    )
    .unwrap();
    assert_eq!(
        (full.app_scoped_id.as_str(), full.ig_user_id.as_str()),
        ("1", "17841400000000009")
    );
    assert_eq!(full.account_type, Some(AccountType::Creator));
    assert_eq!(
        (full.followers_count, full.name, full.username),
        (Some(7), None, None)
    );
    assert_eq!(read(r#"{"id":"1"}"#), None);
    assert_eq!(read(r#"{"id":"1","user_id":"../2"}"#), None);
    for (word, expected) in [
        ("BUSINESS", AccountType::Business),
        ("Media_Creator", AccountType::Creator),
        ("PERSONAL", AccountType::Personal),
        ("ROBOT", AccountType::Other("robot".to_owned())),
    ] {
        assert_eq!(AccountType::from_word(word), expected);
    }
}

#[test]
fn c03_an_error_at_http_200_is_an_error_and_an_account_named_error_is_not() {
    assert_eq!(
        refused(
            Endpoint::Profile,
            200,
            r#"{"error":{"code":190,"error_subcode":463}}"#
        )
        .kind,
        ErrorKind::TokenExpired
    );
    assert_eq!(
        refused(Endpoint::Profile, 200, r#"[{"error":{"code":4}}]"#).kind,
        ErrorKind::AppRateLimited
    );
    for body in [
        r#"{"name":"error"}"#,
        r#"{"error":null}"#,
        r#"{"meta":{"code":200},"id":"1"}"#,
        "true",
    ] {
        assert!(
            parse_answer(Endpoint::Profile, 200, &HeaderMap::new(), body.as_bytes()).is_ok(),
            "{body}"
        );
    }
}

#[test]
fn codes_are_understood_in_every_envelope_and_type() {
    for (endpoint, status, body, kind) in [
        (
            Endpoint::Profile,
            500,
            r#"{"error":{"code":"190","error_subcode":"460"}}"#,
            ErrorKind::PasswordChanged,
        ),
        (
            Endpoint::Profile,
            400,
            r#"{"error":{"code":190,"error_subcode":490}}"#,
            ErrorKind::CheckpointRequired,
        ),
        (
            Endpoint::Profile,
            400,
            r#"{"error":{"code":190,"error_subcode":4711}}"#,
            ErrorKind::TokenRejected,
        ),
        (
            Endpoint::Profile,
            400,
            r#"{"meta":{"error_type":"OAuthAccessTokenException","code":400,"error_message":"x"}}"#,
            ErrorKind::TokenRejected,
        ),
        (
            Endpoint::Profile,
            400,
            r#"{"meta":{"error_type":"OAuthRateLimitException","code":429,"error_message":"x"}}"#,
            ErrorKind::RateLimited,
        ),
        (
            Endpoint::Profile,
            400,
            r#"{"error_type":"OAuthException","code":190}"#,
            ErrorKind::TokenRejected,
        ),
        (
            Endpoint::CreateContainer,
            400,
            r#"{"error":{"code":"INSTAGRAM_PLATFORM_API__PERMISSION"}}"#,
            ErrorKind::PartnershipNotAllowed,
        ),
        (
            Endpoint::UploadMedia,
            400,
            r#"{"debug_info":{"retriable":false,"type":"ProcessingFailedError","message":"{}"}}"#,
            ErrorKind::UploadRefused,
        ),
        (
            Endpoint::UploadMedia,
            200,
            r#"{"debug_info":{"retriable":true,"type":"ProcessingFailedError"}}"#,
            ErrorKind::UpstreamUnavailable,
        ),
        (Endpoint::Profile, 429, "<html>", ErrorKind::RateLimited),
        (
            Endpoint::Profile,
            429,
            r#"{"error":{"code":31337}}"#,
            ErrorKind::RateLimited,
        ),
        (Endpoint::Profile, 200, "", ErrorKind::UnreadableAnswer),
        (
            Endpoint::Profile,
            200,
            r#"{"id":"1""#,
            ErrorKind::UnreadableAnswer,
        ),
        (Endpoint::Profile, 200, "[]", ErrorKind::UnreadableAnswer),
        (
            Endpoint::Profile,
            404,
            "<html>",
            ErrorKind::UnreadableAnswer,
        ),
        (Endpoint::Profile, 503, "", ErrorKind::UpstreamUnavailable),
        (Endpoint::Profile, 302, "", ErrorKind::RedirectRefused),
        (
            Endpoint::CodeExchange,
            502,
            "<html>",
            ErrorKind::LoginInterrupted,
        ),
        (
            Endpoint::CodeExchange,
            503,
            "{}",
            ErrorKind::LoginInterrupted,
        ),
        (
            Endpoint::CodeExchange,
            400,
            "{}",
            ErrorKind::RefusedWithoutReason,
        ),
        (
            Endpoint::Profile,
            400,
            r#"{"error":{"code":99999999999999999999999}}"#,
            ErrorKind::Unknown,
        ),
    ] {
        assert_eq!(
            refused(endpoint, status, body).kind,
            kind,
            "{status} {body}"
        );
    }
}

#[test]
fn c11_the_wait_that_an_answer_asks_for_is_reported() {
    let mut headers = HeaderMap::new();
    let usage = r#"{"1":[{"call_count":100,"estimated_time_to_regain_access":7}]}"#;
    headers.append("x-business-use-case-usage", HeaderValue::from_static(usage));
    headers.append("retry-after", HeaderValue::from_static("60"));
    let body = br#"{"error":{"code":80002}}"#;
    let error = parse_answer(Endpoint::Profile, 400, &headers, body)
        .err()
        .unwrap();
    assert_eq!(error.kind, ErrorKind::RateLimited);
    assert_eq!(error.retry_after.map(|wait| wait.as_secs()), Some(7 * 60));
    assert_eq!(error.usage.max_percent(), Some(100));
}

#[test]
fn k02_an_error_reads_like_this() {
    let error = refused(
        Endpoint::Refresh,
        400,
        r#"{"error":{"message":"secret words","code":190,"error_subcode":463,"fbtrace_id":"HJYUlys/FGb"}}"#,
    );
    assert_eq!(
        error.to_string(),
        "token_expired at refresh (http 400, code 190, subcode 463, trace HJYUlys/FGb)"
    );
    let error = GraphError::without_answer(Endpoint::Profile, ErrorKind::TimedOut);
    assert_eq!(error.to_string(), "timed_out at profile");
}

#[test]
fn b10_the_breaker_opens_for_many_accounts_and_closes_with_a_success() {
    let breaker = Breaker::new(BreakerConfig::default());
    let start = Timestamp::UNIX_EPOCH;
    let at = |seconds| start + SignedDuration::from_secs(seconds);
    let fail = |account, seconds| {
        breaker.record(
            Endpoint::Refresh,
            account,
            Some(ErrorKind::AppRefused),
            at(seconds),
        )
    };
    for _ in 0..20 {
        assert!(!fail(1, 0), "one account is not many");
    }
    assert!(!fail(2, 1) && !fail(3, 2) && !fail(4, 3));
    assert!(fail(5, 4), "the fifth account opens it, once");
    assert_eq!(
        breaker.open_because_of(Endpoint::Refresh),
        Some(ErrorKind::AppRefused)
    );
    assert!(breaker.admit(Endpoint::Refresh, at(5)).is_err());
    assert!(
        breaker.admit(Endpoint::Profile, at(5)).is_ok(),
        "other calls go on"
    );

    assert!(
        breaker.admit(Endpoint::Refresh, at(64)).is_ok(),
        "one probe"
    );
    assert!(
        breaker.admit(Endpoint::Refresh, at(65)).is_err(),
        "and only one"
    );
    assert!(!fail(6, 66), "it fails, which is no news");
    assert!(breaker.admit(Endpoint::Refresh, at(100)).is_err());
    assert!(breaker.admit(Endpoint::Refresh, at(127)).is_ok());
    breaker.record(Endpoint::Refresh, 7, None, at(128));
    assert!(
        breaker.admit(Endpoint::Refresh, at(129)).is_ok(),
        "a success closes it"
    );
}

#[test]
fn the_breaker_ignores_what_says_nothing_about_others() {
    let breaker = Breaker::new(BreakerConfig::default());
    let now = Timestamp::UNIX_EPOCH;
    for account in 0..100 {
        for (endpoint, kind) in [
            (Endpoint::CodeExchange, ErrorKind::AppMisconfigured),
            (Endpoint::Profile, ErrorKind::RateLimited),
            (Endpoint::CreateContainer, ErrorKind::CaptionTooLong),
            (Endpoint::Profile, ErrorKind::CheckpointRequired),
        ] {
            assert!(
                !breaker.record(endpoint, account, Some(kind), now),
                "{kind:?}"
            );
        }
    }
    for account in 0..100 {
        let now = now + SignedDuration::from_mins(2 * account);
        let account = u64::try_from(account).unwrap();
        assert!(
            !breaker.record(Endpoint::Refresh, account, Some(ErrorKind::AppRefused), now),
            "not at once"
        );
    }
    for account in 0..100 {
        assert!(!breaker.record(Endpoint::Profile, account, Some(ErrorKind::TimedOut), now));
        breaker.record(Endpoint::Profile, account, None, now);
    }
}

fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        Just("1e400".to_owned()),
        Just("99999999999999999999".to_owned()),
        Just(format!("\"{CANARY}\"")),
        Just("\"190\"".to_owned()),
    ];
    let name = prop_oneof![
        Just("error"),
        Just("meta"),
        Just("debug_info"),
        Just("error_type"),
        Just("error_message"),
        Just("code"),
        Just("error_subcode"),
        Just("type"),
        Just("message"),
        Just("fbtrace_id"),
        Just("is_transient"),
        Just("data"),
        Just("id"),
        Just("user_id"),
        Just("access_token"),
        Just("permissions"),
        Just("expires_in"),
        Just("paging"),
        Just("cursors"),
    ];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4)
                .prop_map(|items| format!("[{}]", items.join(","))),
            proptest::collection::vec((name.clone(), inner), 0..6).prop_map(|members| {
                let members: Vec<String> = members
                    .iter()
                    .map(|(name, value)| format!("\"{name}\":{value}"))
                    .collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn c15_no_bytes_panic(body in proptest::collection::vec(any::<u8>(), 0..400), status in 0u16..700) {
        for endpoint in ENDPOINTS {
            if let Ok(object) = parse_answer(*endpoint, status, &HeaderMap::new(), &body) {
                read_all(object);
            }
        }
    }

    #[test]
    fn k02_nothing_of_a_body_is_in_an_error(body in json(), status in 200u16..600, cut in 0usize..40) {
        let cut = &body[..body.len().saturating_sub(cut.saturating_sub(30))];
        for endpoint in ENDPOINTS {
            match parse_answer(*endpoint, status, &HeaderMap::new(), cut.as_bytes()) {
                Ok(object) => read_all(object),
                Err(error) => {
                    let text = format!("{error} {error:?} {error:#?}");
                    prop_assert!(!text.contains("canary"), "{}", text);
                    // Whatever it is, somebody knows what to do.
                    let row = error.row();
                    prop_assert!(row.who != Who::User || row.effect != AccountEffect::RateLimited);
                }
            }
        }
    }
}
