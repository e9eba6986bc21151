//! An account that may publish, with a server for its media and a trap.

use jiff::SignedDuration;
use serde_json::Value;
use shared::account::{Account, Connection};
use shared::graph::{LoginKind, Profile};
use shared::post::{Content, Finding};
use shared::secret::AccessToken;
use shared::vault::{Change, Entry, Written};
use std::sync::Arc;

use shared::app::App;
use world::{World, WorldOptions};

use super::server::Server;
use crate::preflight::check;

pub(super) struct Stage {
    pub(super) account: Account,
    pub(super) app: Arc<App>,
    /// Its origin is trusted.
    pub(super) server: Server,
    /// Its origin is not: whatever it is asked was asked wrongly.
    pub(super) trap: Server,
    world: World,
}

/// A post's content, with the servers' addresses in their places.
pub(super) fn content(value: &Value, server: &Server, trap: &Server) -> Content {
    let text = value
        .to_string()
        .replace("{server}", &server.origin())
        .replace("{trap}", &trap.port().to_string());
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

impl Stage {
    pub(super) async fn start() -> Self {
        let (server, trap) = (Server::start().await, Server::start().await);
        let variables = ["PUBLISH_TRUSTED_MEDIA", "INSTAGRAM_GRAPH_URL"]
            .map(|name| (name.to_owned(), server.origin()))
            .into();
        let world = World::start_with(WorldOptions {
            variables,
            ..WorldOptions::default()
        })
        .await;
        let app = world.app("publish");
        let account = connected(&world, &app).await;
        Self {
            account,
            app,
            server,
            trap,
            world,
        }
    }

    /// What the preflight finds in a post that is published now.
    pub(super) async fn check(&self, value: &Value) -> Vec<Finding> {
        let content = content(value, &self.server, &self.trap);
        check(&self.app, &self.account, &content, None)
            .await
            .unwrap()
    }

    /// Ends a test: the trap was never asked, and no secret stands where none may.
    pub(super) async fn finish(self, answers: &[String]) {
        assert_eq!(self.trap.heads(), Vec::<String>::new());
        self.world.assert_no_canary_anywhere(answers).await;
    }
}

/// An account with every scope and a token of 60 days.
async fn connected(world: &World, app: &Arc<App>) -> Account {
    let id = "00000000-0000-4000-8000-000000000001";
    let now = world.now();
    let expires_at = now + SignedDuration::from_hours(60 * 24);
    let page = app.vault.page_for(id).await.unwrap();
    let profile = Profile {
        app_scoped_id: "5000000001".into(),
        ig_user_id: "17841400000000001".into(),
        username: Some("corner.bakery".into()),
        name: None,
        account_type: None,
        profile_picture_url: None,
        biography: None,
        website: None,
        followers_count: None,
        follows_count: None,
        media_count: None,
    };
    let connection = Connection {
        company: "acme",
        user: "ann",
        login: LoginKind::Instagram,
        profile: &profile,
        scopes: app.config.instagram.scopes.clone(),
        missing_scopes: Vec::new(),
        page: page.clone(),
        token_expires_at: expires_at,
    };
    let mut account = Account::new(id.into(), connection, now);
    account.next_refresh_at = Some(expires_at - SignedDuration::from_hours(10 * 24));
    let token = "canary-token-of-the-account";
    world.note_secret(token);
    let entry = Entry {
        token: AccessToken::new(token.to_owned()),
        generation: account.token_generation,
        issued_at: now,
        expires_at,
    };
    let records = vec![app.table.account_write(&account, None).unwrap()];
    let change = Change::Set(&account.id, entry);
    let written = app.vault.write(&page, change, records, now).await;
    assert_eq!(written.unwrap(), Written::Yes);
    account
}
