//! A simulator with a clock that can be turned, and the plainest HTTP client that shows what came over the wire.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use instagram_sim::{App, InstagramSim, Options};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) const CLIENT_ID: &str = "990000000000001";
pub(crate) const CLIENT_SECRET: &str = "simulated-app-secret";
pub(crate) const REDIRECT_URI: &str = "https://app.example/callback";
pub(crate) const ALL_SCOPES: &str = "instagram_business_basic,instagram_business_content_publish";
pub(crate) const HOUR: i64 = 3_600;
pub(crate) const DAY: i64 = 24 * HOUR;

pub(crate) struct World {
    pub(crate) sim: InstagramSim,
    clock: Arc<AtomicI64>,
}

pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Whether as much came as the head promised.
    pub(crate) complete: bool,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.text()))
    }

    /// Status, code and subcode of Meta's error envelope.
    pub(crate) fn error(&self) -> (u16, i64, Option<i64>) {
        let error = &self.json()["error"];
        let code = error["code"]
            .as_i64()
            .unwrap_or_else(|| panic!("no error: {}", self.text()));
        (self.status, code, error["error_subcode"].as_i64())
    }

    /// A parameter of the address that this answer redirects to.
    pub(crate) fn redirect_parameter(&self, name: &str) -> Option<String> {
        let location = url::Url::parse(self.header("location")?).unwrap();
        let mut pairs = location.query_pairs();
        pairs
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.into_owned())
    }
}

pub(crate) fn app() -> App {
    App {
        name: "Bakery Tools".to_owned(),
        client_id: CLIENT_ID.to_owned(),
        client_secret: CLIENT_SECRET.to_owned(),
        redirect_uris: vec![
            REDIRECT_URI.to_owned(),
            "https://app.example/with?query=1".to_owned(),
        ],
        development: false,
    }
}

/// A second app, which must not get at what the first one has.
pub(crate) fn another_app() -> App {
    App {
        name: "Another App".to_owned(),
        client_id: "990000000000002".to_owned(),
        client_secret: "simulated-secret-of-another-app".to_owned(),
        ..app()
    }
}

pub(crate) fn encode(pairs: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(app(), 7, None).await
    }

    pub(crate) async fn with(app: App, seed: u64, state_file: Option<std::path::PathBuf>) -> Self {
        let clock = Arc::new(AtomicI64::new(1_790_000_000_000));
        let hand = Arc::clone(&clock);
        let sim = InstagramSim::start(Options {
            listen: ([127, 0, 0, 1], 0).into(),
            now: Arc::new(move || hand.load(Ordering::SeqCst)),
            seed,
            apps: vec![app, another_app()],
            state_file,
        })
        .await
        .unwrap();
        Self { sim, clock }
    }

    pub(crate) fn advance(&self, seconds: i64) {
        self.clock.fetch_add(seconds * 1_000, Ordering::SeqCst);
    }

    /// Turns the clock forward to this time.
    pub(crate) fn turn_to(&self, ms: i64) {
        self.clock.fetch_max(ms, Ordering::Relaxed);
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.load(Ordering::SeqCst)
    }

    /// Sends a request and reads until the connection ends.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &str,
        body: &[u8],
    ) -> io::Result<Reply> {
        let address = self.sim.url().replace("http://", "");
        let mut stream = TcpStream::connect(address).await?;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: sim\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(&[head.as_bytes(), body].concat()).await?;
        let mut bytes = Vec::new();
        let end = stream.read_to_end(&mut bytes).await;
        if bytes.is_empty() {
            end?;
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(parse(&bytes))
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, "", b"").await.unwrap()
    }

    pub(crate) async fn get_as(&self, token: &str, path: &str) -> Reply {
        let header = format!("authorization: Bearer {token}\r\n");
        self.send("GET", path, &header, b"").await.unwrap()
    }

    pub(crate) async fn post_form(&self, path: &str, pairs: &[(&str, &str)]) -> Reply {
        let header = "content-type: application/x-www-form-urlencoded\r\n";
        self.send("POST", path, header, encode(pairs).as_bytes())
            .await
            .unwrap()
    }

    pub(crate) async fn send_json(&self, method: &str, path: &str, body: &str) -> Reply {
        let header = "content-type: application/json\r\n";
        self.send(method, path, header, body.as_bytes())
            .await
            .unwrap()
    }

    /// The authorize address with these parameters besides the usual ones.
    pub(crate) fn authorize_path(more: &[(&str, &str)]) -> String {
        let mut pairs = vec![
            ("client_id", CLIENT_ID),
            ("redirect_uri", REDIRECT_URI),
            ("response_type", "code"),
            ("scope", ALL_SCOPES),
            ("state", "state & more"),
        ];
        for (name, value) in more {
            pairs.retain(|(usual, _)| usual != name);
            pairs.push((name, value));
        }
        format!("/oauth/authorize?{}", encode(&pairs))
    }

    pub(crate) async fn code_of(&self, username: &str) -> String {
        let reply = self
            .get(&Self::authorize_path(&[("_sim_as", username)]))
            .await;
        reply.redirect_parameter("code").unwrap()
    }

    pub(crate) async fn exchange_code(&self, code: &str) -> Reply {
        self.post_form("/oauth/access_token", &Self::code_form(code))
            .await
    }

    pub(crate) fn code_form(code: &str) -> Vec<(&str, &str)> {
        vec![
            ("client_id", CLIENT_ID),
            ("client_secret", CLIENT_SECRET),
            ("grant_type", "authorization_code"),
            ("redirect_uri", REDIRECT_URI),
            ("code", code),
        ]
    }

    pub(crate) async fn short_token_of(&self, username: &str) -> String {
        let code = self.code_of(username).await;
        token_in(&self.exchange_code(&code).await)
    }

    pub(crate) async fn exchange_short(&self, short: &str) -> Reply {
        let query = encode(&[
            ("grant_type", "ig_exchange_token"),
            ("client_secret", CLIENT_SECRET),
            ("access_token", short),
        ]);
        self.get(&format!("/access_token?{query}")).await
    }

    pub(crate) async fn long_token_of(&self, username: &str) -> String {
        let short = self.short_token_of(username).await;
        token_in(&self.exchange_short(&short).await)
    }

    pub(crate) async fn refresh(&self, token: &str) -> Reply {
        let path = "/refresh_access_token?grant_type=ig_refresh_token";
        self.get_as(token, path).await
    }

    pub(crate) async fn me(&self, token: &str) -> Reply {
        self.get_as(token, "/v26.0/me?fields=id,user_id,username")
            .await
    }

    /// What the log says about the latest call.
    pub(crate) fn last_call(&self) -> instagram_sim::Call {
        self.sim.calls().pop().unwrap()
    }
}

pub(crate) fn token_in(reply: &Reply) -> String {
    let token = reply.json()["access_token"].as_str().map(str::to_owned);
    token.unwrap_or_else(|| panic!("no token: {} {}", reply.status, reply.text()))
}

fn parse(bytes: &[u8]) -> Reply {
    let head_end = bytes
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .unwrap();
    let head = String::from_utf8(bytes[..head_end].to_vec()).unwrap();
    let rest = &bytes[head_end + 4..];
    let mut lines = head.lines();
    let status = lines
        .next()
        .unwrap()
        .split(' ')
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    let headers: Vec<(String, String)> = lines
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let mut reply = Reply {
        status,
        headers,
        body: rest.to_vec(),
        complete: true,
    };
    if reply.header("transfer-encoding") == Some("chunked") {
        (reply.body, reply.complete) = unchunk(rest);
    } else if let Some(length) = reply.header("content-length") {
        reply.complete = rest.len() == length.parse::<usize>().unwrap();
    }
    reply
}

fn unchunk(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Some(line_end) = rest.windows(2).position(|window| window == b"\r\n") {
        let length = std::str::from_utf8(&rest[..line_end]).unwrap();
        let length = usize::from_str_radix(length, 16).unwrap();
        if length == 0 {
            return (body, true);
        }
        body.extend_from_slice(&rest[line_end + 2..line_end + 2 + length]);
        rest = &rest[line_end + 4 + length..];
    }
    (body, false)
}

pub(crate) const PUBLISHING_SCOPES: &str = "instagram_business_basic,instagram_business_content_publish,instagram_business_manage_comments,instagram_business_manage_insights";

/// An account of the simulator whose token may publish and comment.
pub(crate) struct Account<'a> {
    pub(crate) world: &'a World,
    pub(crate) id: String,
    pub(crate) token: String,
}

impl<'a> Account<'a> {
    pub(crate) async fn of(world: &'a World, username: &str) -> Self {
        let path = World::authorize_path(&[("_sim_as", username), ("scope", PUBLISHING_SCOPES)]);
        let code = world.get(&path).await.redirect_parameter("code").unwrap();
        let short = token_in(&world.exchange_code(&code).await);
        Self {
            world,
            id: world.sim.person(username).unwrap().ig_user_id,
            token: token_in(&world.exchange_short(&short).await),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.world
            .get_as(&self.token, &format!("/v26.0/{path}"))
            .await
    }

    pub(crate) async fn post(&self, path: &str, pairs: &[(&str, &str)]) -> Reply {
        self.try_post(path, pairs).await.unwrap()
    }

    /// `Err` where the answer was lost.
    pub(crate) async fn try_post(&self, path: &str, pairs: &[(&str, &str)]) -> io::Result<Reply> {
        let headers = format!(
            "authorization: Bearer {}\r\ncontent-type: application/x-www-form-urlencoded\r\n",
            self.token
        );
        let path = format!("/v26.0/{path}");
        let body = encode(pairs);
        self.world
            .send("POST", &path, &headers, body.as_bytes())
            .await
    }

    pub(crate) async fn create(&self, pairs: &[(&str, &str)]) -> Reply {
        self.post(&format!("{}/media", self.id), pairs).await
    }

    pub(crate) async fn publish(&self, container_id: &str) -> Reply {
        let path = format!("{}/media_publish", self.id);
        self.post(&path, &[("creation_id", container_id)]).await
    }

    /// The container of a good picture.
    pub(crate) async fn image(&self, caption: &str) -> String {
        let address = "https://cdn.example/square.jpg";
        let reply = self
            .create(&[("image_url", address), ("caption", caption)])
            .await;
        id_in(&reply)
    }

    pub(crate) async fn status_code(&self, container_id: &str) -> String {
        let reply = self
            .get(&format!("{container_id}?fields=status_code"))
            .await;
        reply.json()["status_code"].as_str().unwrap().to_owned()
    }

    /// Makes a container of this, waits until it is processed and publishes it.
    pub(crate) async fn post_of(&self, pairs: &[(&str, &str)]) -> String {
        let container = id_in(&self.create(pairs).await);
        self.world.advance(60);
        id_in(&self.publish(&container).await)
    }

    /// A published picture.
    pub(crate) async fn picture(&self, caption: &str) -> String {
        let address = "https://cdn.example/square.jpg";
        self.post_of(&[("image_url", address), ("caption", caption)])
            .await
    }
}

pub(crate) fn id_in(reply: &Reply) -> String {
    let id = reply.json()["id"].as_str().map(str::to_owned);
    id.unwrap_or_else(|| panic!("no id: {} {}", reply.status, reply.text()))
}
