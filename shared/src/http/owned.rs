//! Loading the account that a route names: only its own company gets it.
//!
//! Both extractors refuse in the same order: no caller (401), a role that may not (403), no such account (404), another
//! company's account (403). So a body or a query is looked at only after that.

use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;
use utoipa::openapi::Required;
use utoipa::openapi::path::{ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};

use super::{Caller, Editor, Problem};
use crate::account::Account;
use crate::app::App;
use crate::openapi::{Describe, Described};

/// The account of the path, for a caller who may read it.
pub struct OwnAccount(pub Account);

/// The account of the path, for a caller who may change it.
pub struct EditableAccount {
    /// Who asks.
    pub caller: Caller,
    /// The account.
    pub account: Account,
}

impl FromRequestParts<Arc<App>> for OwnAccount {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, app).await?;
        account_of_path(parts, app, &caller).await.map(Self)
    }
}

impl FromRequestParts<Arc<App>> for EditableAccount {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let Editor(caller) = Editor::from_request_parts(parts, app).await?;
        let account = account_of_path(parts, app, &caller).await?;
        Ok(Self { caller, account })
    }
}

async fn account_of_path(
    parts: &mut Parts,
    app: &Arc<App>,
    caller: &Caller,
) -> Result<Account, Problem> {
    let parameters = RawPathParams::from_request_parts(parts, app)
        .await
        .map_err(|_| Problem::account_not_found())?;
    let id = parameters
        .iter()
        .find_map(|(name, value)| (name == "id").then_some(value))
        .filter(|id| is_id(id))
        .ok_or_else(Problem::account_not_found)?;
    let account = app
        .table
        .account(id)
        .await?
        .ok_or_else(Problem::account_not_found)?;
    if account.company != caller.company {
        return Err(of_another_company());
    }
    Ok(account)
}

fn of_another_company() -> Problem {
    Problem::forbidden(
        "account_of_another_company",
        "This account belongs to another company.",
    )
}

fn describe_account(described: &mut Described) {
    let schema = ObjectBuilder::new().schema_type(Type::String).pattern(Some(
        "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
    ));
    let id = ParameterBuilder::new()
        .name("id")
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some("The account's id."))
        .schema(Some(schema))
        .example(Some("a3972e6e-ff59-4209-923f-9658e29f68ec".into()));
    described.take(id);
    described.refuse([Problem::account_not_found(), of_another_company()]);
}

impl Describe for OwnAccount {
    fn describe(described: &mut Described) {
        Caller::describe(described);
        describe_account(described);
    }
}

impl Describe for EditableAccount {
    fn describe(described: &mut Described) {
        Editor::describe(described);
        describe_account(described);
    }
}

/// Whether a text has the form of our ids: anything else cannot name a record, and is not asked for.
pub fn is_id(text: &str) -> bool {
    text.len() == 36
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-'))
}
