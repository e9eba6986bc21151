//! Who calls: the claims of the JWT that API Gateway has verified.
//!
//! The company comes from here and from nowhere else: never from a path, a query, a header or a body.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::StatusCode;
use http::request::Parts;
use lambda_http::request::RequestContext;

use super::problem::Problem;
use crate::app::App;
use crate::config::ApiConfig;
use crate::openapi::{Describe, Described};

/// The caller of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The company; every record that the caller reads or writes belongs to it.
    pub company: String,
    /// The person.
    pub user: String,
    /// What the person may do.
    pub role: Role,
}

/// What a person may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Everything.
    Admin,
    /// Everything so far; administration of the company comes later.
    Editor,
    /// Read.
    Viewer,
}

/// A caller who may write.
pub struct Editor(pub Caller);

/// What the company of a person without a company begins with.
const LONE_PERSON: &str = "user/";

impl Caller {
    /// Reads the claims; `None` when they name nobody. A role that we do not know may only read.
    fn from_claims<'a>(
        config: &ApiConfig,
        claim: impl Fn(&str) -> Option<&'a str>,
    ) -> Option<Self> {
        let present = |name: &str| claim(name).map(str::trim).filter(|text| !text.is_empty());
        let user = present("sub")?.to_owned();
        let company = match present(&config.company_claim) {
            // Nobody gets into a lone person's records by a claim, nor into a company's by a name.
            Some(company) if company.starts_with(LONE_PERSON) => return None,
            Some(company) => company.to_owned(),
            None => format!("{LONE_PERSON}{user}"),
        };
        let role = match claim(&config.role_claim).map(str::trim) {
            None | Some("admin") => Role::Admin,
            Some("editor") => Role::Editor,
            Some(_) => Role::Viewer,
        };
        // Keys hold the company; DynamoDB takes at most 2 KB of a key.
        (company.len() <= 256 && user.len() <= 256).then_some(Self {
            company,
            user,
            role,
        })
    }
}

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let claims = match parts.extensions.get::<RequestContext>() {
            Some(RequestContext::ApiGatewayV2(context)) => context
                .authorizer
                .as_ref()
                .and_then(|authorizer| authorizer.jwt.as_ref())
                .map(|jwt| &jwt.claims),
            _ => None,
        };
        claims
            .and_then(|claims| {
                Self::from_claims(&app.config.api, |name| claims.get(name).map(String::as_str))
            })
            .ok_or_else(unauthorized)
    }
}

impl FromRequestParts<Arc<App>> for Editor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, app).await?;
        if caller.role == Role::Viewer {
            return Err(role_forbids());
        }
        Ok(Self(caller))
    }
}

fn unauthorized() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "unauthorized",
        "Send a valid JWT as `Authorization: Bearer …`.",
    )
}

fn role_forbids() -> Problem {
    Problem::forbidden(
        "role_forbids",
        "Your role may only read. Ask an administrator of your company for the role `editor`.",
    )
}

/// Whoever has a caller asks the table.
impl Describe for Caller {
    fn describe(described: &mut Described) {
        described.needs_jwt = true;
        described.refuse([unauthorized(), Problem::unavailable()]);
    }
}

impl Describe for Editor {
    fn describe(described: &mut Described) {
        Caller::describe(described);
        described.refuse([role_forbids()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(claims: &[(&str, &'static str)]) -> Option<Caller> {
        let config = ApiConfig {
            company_claim: "custom:company".into(),
            role_claim: "role".into(),
            body_limit: 1024,
            media_cache: jiff::SignedDuration::ZERO,
        };
        Caller::from_claims(&config, |name| {
            claims
                .iter()
                .find(|(claim, _)| *claim == name)
                .map(|(_, value)| *value)
        })
    }

    #[test]
    fn the_documented_defaults_hold() {
        let alone = caller(&[("sub", "ann")]).unwrap();
        assert_eq!(
            (alone.company.as_str(), alone.role),
            ("user/ann", Role::Admin)
        );
        let member = caller(&[
            ("sub", "ann"),
            ("custom:company", "acme"),
            ("role", "viewer"),
        ])
        .unwrap();
        assert_eq!(
            (member.company.as_str(), member.role),
            ("acme", Role::Viewer)
        );
    }

    #[test]
    fn an_unknown_role_may_only_read_and_nobody_is_nobody() {
        assert_eq!(
            caller(&[("sub", "ann"), ("role", "root")]).unwrap().role,
            Role::Viewer
        );
        assert_eq!(
            caller(&[("sub", "ann"), ("role", "")]).unwrap().role,
            Role::Viewer
        );
        assert_eq!(
            caller(&[("sub", "ann"), ("custom:company", "user/bob")]),
            None
        );
        assert_eq!(caller(&[("custom:company", "acme")]), None);
        assert_eq!(caller(&[("sub", " ")]), None);
    }
}
