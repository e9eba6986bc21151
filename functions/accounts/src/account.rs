//! One account: looking at it, and what a company may change of it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::Deserialize;
use shared::account::{Account, AccountView};
use shared::app::App;
use shared::http::{EditableAccount, JsonBody, OwnAccount, Problem, given};
use shared::table::Transaction;
use shared::table::timeline::TimelineEntry;
use shared::telemetry;
use utoipa::ToSchema;

/// How often a record that somebody else just wrote is read anew.
pub(crate) const TRIES: u32 = 10;

const LONGEST_DISPLAY_NAME: usize = 100;
const LONGEST_CLIENT_ID: usize = 128;

/// What a company may change of an account. A member that is absent stays as it is; `null` takes it back.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AccountChange {
    /// The company's own name for it; `null`: Instagram's name again.
    #[serde(default, deserialize_with = "given")]
    #[schema(
        value_type = Option<String>,
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*$",
        example = "Our bakery"
    )]
    display_name: Option<Option<String>>,
    /// The customer that it is assigned to; `null`: none any more.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, pattern = "^[A-Za-z0-9._:-]{1,128}$", example = "client-7")]
    client_id: Option<Option<String>>,
}

/// Shows an account.
#[utoipa::path(get, path = "/instagram/accounts/{id}", responses(
    (status = 200, description = "The account.", body = AccountView),
))]
pub(crate) async fn get_account(
    State(app): State<Arc<App>>,
    OwnAccount(account): OwnAccount,
) -> Json<AccountView> {
    Json(AccountView::new(account, app.clock.now()))
}

/// Changes the name of an account, the customer that it is assigned to, or both.
#[utoipa::path(patch, path = "/instagram/accounts/{id}", responses(
    (status = 200, description = "The account as it is now.", body = AccountView),
    ChangeRefusals,
))]
pub(crate) async fn update_account(
    State(app): State<Arc<App>>,
    EditableAccount { caller, account }: EditableAccount,
    JsonBody(change): JsonBody<AccountChange>,
) -> Result<Json<AccountView>, Problem> {
    let account = change_account(&app, account, change.checked()?, &caller.user).await?;
    Ok(Json(AccountView::new(account, app.clock.now())))
}

shared::refusals!(
    /// What a change is refused for.
    pub(crate) ChangeRefusals: [Problem::nothing_to_change(), invalid_display_name(), invalid_client_id()]
);

/// A customer's id: the company's own word, from a character set that is safe everywhere.
pub(crate) fn client_id(text: String) -> Result<String, Problem> {
    let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
    if (1..=LONGEST_CLIENT_ID).contains(&text.len()) && text.bytes().all(is_safe) {
        return Ok(text);
    }
    Err(invalid_client_id())
}

pub(crate) fn invalid_client_id() -> Problem {
    Problem::bad_request(
        "invalid_client_id",
        format!(
            "`clientId` must have 1 to {LONGEST_CLIENT_ID} letters, digits, `.`, `_`, `:` or `-`."
        ),
    )
}

fn display_name(text: String) -> Result<String, Problem> {
    let text = text.trim();
    let length = text.chars().count();
    if (1..=LONGEST_DISPLAY_NAME).contains(&length) && !text.chars().any(char::is_control) {
        return Ok(text.to_owned());
    }
    Err(invalid_display_name())
}

fn invalid_display_name() -> Problem {
    Problem::bad_request(
        "invalid_display_name",
        format!(
            "`displayName` must have 1 to {LONGEST_DISPLAY_NAME} characters, none of them a control character."
        ),
    )
}

impl AccountChange {
    fn checked(self) -> Result<Self, Problem> {
        if self.display_name.is_none() && self.client_id.is_none() {
            return Err(Problem::nothing_to_change());
        }
        Ok(Self {
            display_name: self
                .display_name
                .map(|name| name.map(display_name).transpose())
                .transpose()?,
            client_id: self
                .client_id
                .map(|client| client.map(client_id).transpose())
                .transpose()?,
        })
    }

    fn apply(&self, account: &mut Account) {
        if let Some(name) = &self.display_name {
            account.display_name = name.clone().or_else(|| account.name.clone());
        }
        if let Some(client) = &self.client_id {
            account.client_id.clone_from(client);
        }
    }
}

/// Writes the change where nobody wrote meanwhile, together with its timeline entry, and starts again otherwise.
async fn change_account(
    app: &App,
    mut account: Account,
    change: AccountChange,
    by: &str,
) -> Result<Account, Problem> {
    for _ in 0..TRIES {
        let mut changed = account.clone();
        change.apply(&mut changed);
        if changed == account {
            return Ok(account);
        }
        let now = app.clock.now();
        changed.version += 1;
        changed.updated_at = now;
        let mut records = vec![app.table.account_write(&changed, Some(account.version))?];
        if let Some(entry) = assignment(&account, &changed, by, now) {
            records.extend(app.table.timeline_writes(&changed, &entry)?);
        }
        match app.table.transact(records).await? {
            Transaction::Written => return Ok(changed),
            Transaction::Refused(_) => account = read_again(app, &account.id).await?,
        }
    }
    Err(Problem::unavailable())
}

/// The record as it is now, after somebody else wrote it.
pub(crate) async fn read_again(app: &App, id: &str) -> Result<Account, Problem> {
    app.table
        .account(id)
        .await?
        .ok_or_else(Problem::account_not_found)
}

fn assignment(
    before: &Account,
    after: &Account,
    by: &str,
    now: Timestamp,
) -> Option<TimelineEntry> {
    let (event, sentence) = match (&before.client_id, &after.client_id) {
        (old, new) if old == new => return None,
        (_, Some(client)) => (
            "client_assigned",
            format!("The account was assigned to the client `{client}`."),
        ),
        (old, None) => (
            "client_unassigned",
            format!(
                "The account is no longer assigned to the client `{}`.",
                old.as_deref().unwrap_or_default()
            ),
        ),
    };
    Some(TimelineEntry {
        at: now,
        event: event.into(),
        sentence,
        by: by.to_owned(),
        correlation_id: telemetry::correlation_id(),
    })
}
