//! The client against a server that misbehaves.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use url::Url;

use crate::clock::{Clock, ManualClock};
use crate::graph::{
    AppCredentials, CallRecord, Endpoint, ErrorKind, Graph, GraphConfig, GraphError, LoginKind,
};
use crate::secret::{AccessToken, Secret};

const PROFILE: &str = r#"{"id":"1","user_id":"17841400000000009","username":"corner.bakery"}"#;
const TOKEN: &str = "IGAAcanary-token-canary";

/// What the server does with one connection.
#[derive(Clone, Copy)]
enum Answer {
    /// Answers with this status, these header lines and this body.
    Text(u16, &'static str, &'static str),
    /// Takes the request and says nothing.
    Silence,
    /// Takes the request and closes.
    Reset,
    /// Announces more than it sends, then closes.
    CutOff,
    /// Sends a byte now and then, for ever.
    Drip,
    /// Sends this many bytes of a string.
    Huge(usize),
    /// Sends header lines until nobody listens.
    Headers,
}

/// A server on this machine that gives its answers in order, the last one for ever. It stops when it is dropped.
struct Server {
    base: Url,
    requests: Arc<Mutex<Vec<String>>>,
    _running: JoinSet<()>,
}

impl Server {
    async fn start(answers: &[Answer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, answers) = (requests.clone(), answers.to_vec());
        let mut running = JoinSet::new();
        running.spawn(async move {
            let mut connections = JoinSet::new();
            let next = Arc::new(AtomicUsize::new(0));
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let index = next.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1);
                connections.spawn(serve(stream, answers[index], seen.clone()));
            }
        });
        Self {
            base,
            requests,
            _running: running,
        }
    }

    fn graph(&self) -> Graph {
        self.graph_with(
            |_| {},
            Clock::Manual(ManualClock::stopped_at(Timestamp::UNIX_EPOCH)),
        )
    }

    fn graph_with(&self, change: impl Fn(&mut GraphConfig), clock: Clock) -> Graph {
        let base = &self.base;
        let mut config = GraphConfig::new("v26.0", base.clone(), base.clone(), base.clone());
        config.timeout = Duration::from_millis(1500);
        config.read_timeout = Duration::from_millis(300);
        change(&mut config);
        Graph::new(config, clock).unwrap()
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, answer: Answer, seen: Arc<Mutex<Vec<String>>>) {
    let request = read_request(&mut stream).await;
    seen.lock().unwrap().push(request);
    match answer {
        Answer::Text(status, headers, body) => {
            let length = body.len();
            let text = format!(
                "HTTP/1.1 {status} x\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
            let _ = stream.write_all(text.as_bytes()).await;
        }
        Answer::Silence => tokio::time::sleep(Duration::from_secs(60)).await,
        Answer::Reset => {}
        Answer::CutOff => {
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"id\":")
                .await;
        }
        Answer::Drip => {
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 500000\r\n\r\n\"")
                .await;
            while stream.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        Answer::Headers => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n").await;
            while stream.write_all(b"x-more: and more\r\n").await.is_ok() {}
        }
        Answer::Huge(bytes) => {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {bytes}\r\n\r\n");
            let _ = stream.write_all(head.as_bytes()).await;
            let _ = stream.write_all(&vec![b'"'; bytes]).await;
        }
    }
}

async fn read_request(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let read = stream.read(&mut buffer).await.unwrap_or(0);
        request.extend_from_slice(&buffer[..read]);
        if request.first() == Some(&0x16) {
            return "a TLS handshake".to_owned();
        }
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            if read == 0 {
                return text;
            }
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        if read == 0 || body.len() >= length.and_then(|length| length.parse().ok()).unwrap_or(0) {
            return text;
        }
    }
}

fn token() -> AccessToken {
    AccessToken::new(TOKEN)
}

fn credentials() -> AppCredentials {
    AppCredentials {
        client_id: "990011".to_owned(),
        client_secret: Secret::new("canary-secret"),
    }
}

fn check_silent(error: &GraphError) {
    let text = format!("{error} {error:?}");
    assert!(
        !text.contains("canary") && !text.contains("127.0.0.1"),
        "{text}"
    );
}

#[tokio::test]
async fn me_carries_the_token_in_a_header_and_reads_the_profile() {
    let usage = "x-app-usage: {\"call_count\":28}\r\n";
    let server = Server::start(&[Answer::Text(200, usage, PROFILE)]).await;
    let answered = server.graph().me(&token()).await.unwrap();
    assert_eq!(answered.value.ig_user_id, "17841400000000009");
    assert_eq!(answered.value.username.as_deref(), Some("corner.bakery"));
    assert_eq!(answered.usage.max_percent(), Some(28));
    let request = &server.requests()[0];
    assert!(
        request.starts_with("GET /v26.0/me?fields=id%2Cuser_id%2C"),
        "{request}"
    );
    assert!(
        request.contains(&format!("authorization: Bearer {TOKEN}\r\n")),
        "{request}"
    );
    assert!(
        !request.contains("appsecret_proof") && !request.contains("cookie"),
        "{request}"
    );
}

#[tokio::test]
async fn a09_a_code_is_exchanged_by_a_form_and_loses_its_tail_once() {
    let body = r#"{"access_token":"IGAAshort","user_id":17841400000000009,"permissions":["a"]}"#;
    let server = Server::start(&[Answer::Text(200, "", body)]).await;
    let answered = server
        .graph()
        .exchange_code(&credentials(), "https://ours.example/cb", "AQx#_#_")
        .await
        .unwrap();
    assert_eq!(answered.value.user_id.as_deref(), Some("17841400000000009"));
    let request = &server.requests()[0];
    assert!(
        request.starts_with("POST /oauth/access_token HTTP"),
        "{request}"
    );
    assert!(
        request.ends_with(
            "\r\n\r\nclient_id=990011&client_secret=canary-secret&grant_type=authorization_code\
             &redirect_uri=https%3A%2F%2Fours.example%2Fcb&code=AQx%23_"
        ),
        "{request}"
    );
}

#[tokio::test]
async fn tokens_are_exchanged_and_refreshed_as_documented() {
    let body = r#"{"access_token":"IGAAlong","token_type":"bearer","expires_in":5183944}"#;
    let server = Server::start(&[Answer::Text(200, "", body)]).await;
    let graph = server.graph();
    let long = graph
        .exchange_for_long_lived(&Secret::new("s"), &token())
        .await
        .unwrap()
        .value;
    assert_eq!(long.expires_in, SignedDuration::from_secs(5_183_944));
    graph.refresh(&long.token).await.unwrap();
    let lines: Vec<String> = server
        .requests()
        .iter()
        .map(|request| request.lines().next().unwrap().to_owned())
        .collect();
    assert_eq!(
        lines,
        [
            format!(
                "GET /access_token?grant_type=ig_exchange_token&client_secret=s&access_token={TOKEN} HTTP/1.1"
            ),
            "GET /refresh_access_token?grant_type=ig_refresh_token&access_token=IGAAlong HTTP/1.1"
                .to_owned(),
        ]
    );
}

#[tokio::test]
async fn subscriptions_are_made_read_and_ended() {
    let server = Server::start(&[
        Answer::Text(200, "", r#"{"success":true}"#),
        Answer::Text(
            200,
            "",
            r#"{"data":[{"app_id":"1","subscribed_fields":["messages","comments"]}]}"#,
        ),
        Answer::Text(200, "", r#"{"data":[]}"#),
        Answer::Text(200, "", r#"{"success":true}"#),
        Answer::Text(200, "", r#"{"success":false}"#),
    ])
    .await;
    let graph = server.graph();
    graph
        .subscribe(&token(), "178", &["comments", "messages"])
        .await
        .unwrap();
    assert_eq!(
        graph
            .subscribed_fields(&token(), "178")
            .await
            .unwrap()
            .value,
        ["comments", "messages"]
    );
    assert!(
        graph
            .subscribed_fields(&token(), "178")
            .await
            .unwrap()
            .value
            .is_empty()
    );
    graph.unsubscribe(&token(), "178").await.unwrap();
    let refused = graph.unsubscribe(&token(), "178").await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::UnreadableAnswer);
    let requests = server.requests();
    assert!(
        requests[0]
            .starts_with("POST /v26.0/178/subscribed_apps?subscribed_fields=comments%2Cmessages ")
    );
    assert!(requests[3].starts_with("DELETE /v26.0/178/subscribed_apps HTTP"));

    let before = server.requests().len();
    for id in ["", "../1", "1/2", "me?x"] {
        let refused = graph
            .subscribe(&token(), id, &["comments"])
            .await
            .unwrap_err();
        assert_eq!(refused.kind, ErrorKind::InvalidCall, "{id}");
    }
    assert_eq!(server.requests().len(), before, "nothing was sent");
}

#[tokio::test]
async fn a11_the_consent_address_says_what_was_asked() {
    let server = Server::start(&[Answer::Reset]).await;
    let graph = server.graph();
    let url = graph
        .authorize_url(
            LoginKind::Instagram,
            "990011",
            "https://ours.example/cb",
            &["a", "b"],
            "s&t=1",
        )
        .unwrap();
    assert_eq!(
        url[url::Position::BeforePath..],
        *"/oauth/authorize?client_id=990011&redirect_uri=https%3A%2F%2Fours.example%2Fcb&response_type=code\
          &scope=a%2Cb&state=s%26t%3D1"
    );
    let facebook = graph.authorize_url(
        LoginKind::Facebook,
        "1",
        "https://ours.example/cb",
        &["a"],
        "s",
    );
    assert_eq!(facebook.unwrap_err().kind, ErrorKind::UnsupportedLogin);
    let facebook = graph
        .for_login(LoginKind::Facebook)
        .me(&token())
        .await
        .unwrap_err();
    assert_eq!(facebook.kind, ErrorKind::UnsupportedLogin);
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn c01_a_fault_that_passes_is_not_noticed_and_every_try_is_counted() {
    let server = Server::start(&[
        Answer::Text(503, "", r#"{"error":{"code":2,"is_transient":true}}"#),
        Answer::Reset,
        Answer::Text(200, "", PROFILE),
    ])
    .await;
    let records: Arc<Mutex<Vec<CallRecord>>> = Arc::default();
    let sink = records.clone();
    let graph = server
        .graph()
        .on_call(move |record| sink.lock().unwrap().push(record.clone()));
    graph.me(&token()).await.unwrap();
    let records = records.lock().unwrap();
    assert_eq!(records.len(), 1);
    assert_eq!(
        (records[0].tries, records[0].failure, records[0].http_status),
        (3, None, Some(200))
    );
    assert_eq!(records[0].endpoint, Endpoint::Profile);
}

#[tokio::test]
async fn c01_three_tries_and_no_more() {
    let server = Server::start(&[Answer::Text(502, "", "{}")]).await;
    let error = server.graph().me(&token()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::UpstreamUnavailable);
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn c01_a_wait_that_does_not_fit_is_reported_and_not_waited_for() {
    let server = Server::start(&[Answer::Text(503, "retry-after: 30\r\n", "{}")]).await;
    let error = server.graph().me(&token()).await.unwrap_err();
    assert_eq!(error.retry_after, Some(Duration::from_secs(30)));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a13_a_code_is_never_sent_twice() {
    for answer in [
        Answer::Text(500, "", "{}"),
        Answer::Text(502, "", "<html>"),
        Answer::Text(200, "", r#"{"user_id":"1"}"#),
        Answer::Reset,
        Answer::CutOff,
        Answer::Silence,
    ] {
        let server = Server::start(&[answer]).await;
        let error = server
            .graph()
            .exchange_code(&credentials(), "https://ours.example/cb", "AQcanary")
            .await
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::LoginInterrupted);
        assert_eq!(server.requests().len(), 1);
        check_silent(&error);
    }
}

#[tokio::test]
async fn c04_c05_a_broken_answer_is_asked_for_again() {
    for (answer, kind, tries) in [
        (Answer::CutOff, ErrorKind::ConnectionFailed, 3),
        (Answer::Reset, ErrorKind::ConnectionFailed, 3),
        (Answer::Text(200, "", ""), ErrorKind::UnreadableAnswer, 2),
        (
            Answer::Text(200, "", "{\"id\":"),
            ErrorKind::UnreadableAnswer,
            2,
        ),
        (
            Answer::Text(502, "", "<html>"),
            ErrorKind::UnreadableAnswer,
            2,
        ),
    ] {
        let server = Server::start(&[answer]).await;
        let error = server.graph().refresh(&token()).await.unwrap_err();
        assert_eq!((error.kind, server.requests().len()), (kind, tries));
        check_silent(&error);
    }
}

#[tokio::test]
async fn c06_silence_and_a_dripping_body_end_in_time() {
    for answer in [Answer::Silence, Answer::Drip] {
        let server = Server::start(&[answer]).await;
        let whole = tokio::time::timeout(Duration::from_secs(4), async {
            server.graph_with(|_| {}, Clock::System).me(&token()).await
        });
        let error = whole
            .await
            .expect("the call has a deadline of its own")
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::TimedOut);
        check_silent(&error);
    }
}

#[tokio::test]
async fn c07_a_large_body_is_not_read_to_its_end() {
    let server = Server::start(&[Answer::Huge(50_000)]).await;
    let graph = server.graph_with(|config| config.max_body_bytes = 10_000, Clock::System);
    let error = graph.me(&token()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::AnswerTooLarge);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn c07_endless_headers_are_not_read_to_their_end() {
    let server = Server::start(&[Answer::Headers]).await;
    let graph = server.graph_with(|config| config.max_tries = 1, Clock::System);
    let error = graph.me(&token()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::ConnectionFailed);
}

#[tokio::test]
async fn c08_a_redirect_is_not_followed() {
    let server = Server::start(&[Answer::Text(302, "location: /elsewhere\r\n", "")]).await;
    let error = server.graph().refresh(&token()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::RedirectRefused);
    assert_eq!(server.requests().len(), 1, "the token went nowhere else");
    check_silent(&error);
}

#[tokio::test]
async fn c09_a_server_that_does_not_speak_tls_is_no_server() {
    let server = Server::start(&[Answer::Text(200, "", PROFILE)]).await;
    let secure = |config: &mut GraphConfig| {
        config.graph_base.set_scheme("https").unwrap();
    };
    let error = server
        .graph_with(secure, Clock::System)
        .me(&token())
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::ConnectionFailed);
    check_silent(&error);
}

#[tokio::test]
async fn c11_a_rate_limit_is_told_and_not_tried_again() {
    let usage = "x-business-use-case-usage: {\"1\":[{\"call_count\":100,\"estimated_time_to_regain_access\":3}]}\r\n";
    let server = Server::start(&[Answer::Text(400, usage, r#"{"error":{"code":80002}}"#)]).await;
    let error = server.graph().me(&token()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::RateLimited);
    assert_eq!(error.retry_after, Some(Duration::from_secs(180)));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn b10_when_every_account_is_refused_alike_calls_pause_and_then_go_on() {
    let refusal = Answer::Text(400, "", r#"{"error":{"type":"IGApiException","code":100}}"#);
    let fine = Answer::Text(
        200,
        "",
        r#"{"access_token":"IGAAlong","expires_in":5183944}"#,
    );
    let server = Server::start(&[refusal, refusal, refusal, refusal, refusal, fine]).await;
    let manual = ManualClock::stopped_at(Timestamp::UNIX_EPOCH);
    let paused = Arc::new(AtomicUsize::new(0));
    let sink = paused.clone();
    let graph = server
        .graph_with(|_| {}, Clock::Manual(manual.clone()))
        .on_call(move |record| {
            sink.fetch_add(usize::from(record.paused_from_now), Ordering::SeqCst);
        });
    let refresh = async |account: u32| {
        graph
            .refresh(&AccessToken::new(format!("IGAA{account}")))
            .await
    };
    for account in 0..5 {
        assert_eq!(
            refresh(account).await.unwrap_err().kind,
            ErrorKind::AppRefused
        );
    }
    assert_eq!(
        paused.load(Ordering::SeqCst),
        1,
        "the operator is told once"
    );
    let error = refresh(6).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::PausedByBreaker);
    assert_eq!(error.retry_after, Some(Duration::from_secs(60)));
    assert_eq!(server.requests().len(), 5, "nothing is sent meanwhile");
    manual.advance(SignedDuration::from_secs(61));
    refresh(7).await.unwrap();
    refresh(8).await.unwrap();
}

#[tokio::test]
async fn a_proof_is_sent_where_the_configuration_has_a_secret() {
    let server = Server::start(&[Answer::Text(200, "", PROFILE)]).await;
    let with_proof = |config: &mut GraphConfig| config.proof_secret = Some(Secret::new("xyz789"));
    server
        .graph_with(with_proof, Clock::System)
        .me(&AccessToken::new("abc123"))
        .await
        .unwrap();
    assert!(server.requests()[0].contains("&appsecret_proof="));
}

#[test]
fn k02_the_client_shows_no_secret_and_refuses_addresses_without_a_path() {
    let base = Url::parse("https://graph.example").unwrap();
    let mut config = GraphConfig::new("v26.0", base.clone(), base.clone(), base);
    config.proof_secret = Some(Secret::new("canary"));
    let graph = Graph::new(config.clone(), Clock::System).unwrap();
    assert!(!format!("{graph:?}").contains("canary"));
    config.token_base = Url::parse("mailto:someone@example.com").unwrap();
    assert_eq!(
        Graph::new(config, Clock::System).unwrap_err(),
        crate::outgoing::ClientSetupError::BaseAddress
    );
}
