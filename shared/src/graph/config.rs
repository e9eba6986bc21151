//! What the Graph client must be told: hosts, version, limits.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use url::Url;
use utoipa::ToSchema;

use super::breaker::BreakerConfig;
use crate::secret::Secret;

/// Which of Meta's two ways a person logged in, and so which hosts, scopes and calls an account has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum LoginKind {
    /// Instagram API with Instagram Login: no Facebook Page is needed.
    #[default]
    Instagram,
    /// Instagram API with Facebook Login: through a Facebook Page. Its calls are not built yet.
    Facebook,
}

impl LoginKind {
    /// `instagram` or `facebook`.
    pub fn name(self) -> &'static str {
        match self {
            LoginKind::Instagram => "instagram",
            LoginKind::Facebook => "facebook",
        }
    }
}

/// Hosts, version and limits of the Graph client.
#[derive(Clone, Debug)]
pub struct GraphConfig {
    /// The version segment of Graph paths, such as `v26.0`. A call without one gets whatever the app was created with.
    pub api_version: String,
    /// Where people give their consent (Meta: `https://www.instagram.com`).
    pub authorize_base: Url,
    /// Where a code becomes a token (Meta: `https://api.instagram.com`).
    pub token_base: Url,
    /// Everything else (Meta: `https://graph.instagram.com`).
    pub graph_base: Url,
    /// The longest that one call may take, all its tries included.
    pub timeout: Duration,
    /// The longest that opening a connection may take.
    pub connect_timeout: Duration,
    /// The longest silence of an open connection.
    pub read_timeout: Duration,
    /// The largest body that is read.
    pub max_body_bytes: usize,
    /// How often one call may be sent, where it is safe to repeat.
    pub max_tries: u32,
    /// When calls pause because the whole app seems to fail.
    pub breaker: BreakerConfig,
    /// The app secret with which every Graph call proves itself (`appsecret_proof`). `None` sends no proof: nothing
    /// says that `graph.instagram.com` supports it, `graph.facebook.com` does.
    pub proof_secret: Option<Secret>,
}

impl GraphConfig {
    /// The usual limits at these hosts. No host of Meta's is named here: configuration names them.
    pub fn new(
        api_version: impl Into<String>,
        authorize_base: Url,
        token_base: Url,
        graph_base: Url,
    ) -> Self {
        Self {
            api_version: api_version.into(),
            authorize_base,
            token_base,
            graph_base,
            timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(3),
            read_timeout: Duration::from_secs(5),
            max_body_bytes: 5 * 1024 * 1024,
            max_tries: 3,
            breaker: BreakerConfig::default(),
            proof_secret: None,
        }
    }
}
