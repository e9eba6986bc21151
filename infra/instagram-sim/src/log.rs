//! What was called. Tokens stand here masked, and queries and bodies not at all.

use serde::Serialize;

/// One call that reached the simulated Instagram.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Call {
    /// When it came, by the simulator's clock.
    pub at_ms: i64,
    /// For example `GET /me`; for a path that the simulator does not know, method and path as they came.
    pub endpoint: String,
    /// The HTTP status that was sent, or 0 where the connection was closed without an answer.
    pub status: u16,
    /// Whose token, code or consent it was, as far as that is known.
    pub username: Option<String>,
    /// The token, masked.
    pub token: Option<String>,
    /// Where the token stood.
    pub token_place: Option<TokenPlace>,
    /// The faults that hit the call.
    pub faults: Vec<String>,
}

/// Where a caller put the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenPlace {
    /// `Authorization: Bearer …`.
    Header,
    /// `?access_token=…`.
    Query,
    /// `access_token` in a form or in a JSON body.
    Form,
}
