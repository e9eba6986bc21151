//! One account: looking at it, and what a company may change of it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use shared::account::{Account, AccountView};
use shared::app::App;
use shared::http::{EditableAccount, JsonBody, OwnAccount, Problem};
use shared::table::Transaction;
use shared::table::timeline::TimelineEntry;
use shared::telemetry;

/// How often a record that somebody else just wrote is read anew.
pub(crate) const TRIES: u32 = 10;

const LONGEST_DISPLAY_NAME: usize = 100;
const LONGEST_CLIENT_ID: usize = 128;

/// What a company may change of an account. A member that is absent stays as it is; `null` takes it back.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AccountChange {
    #[serde(default, deserialize_with = "given")]
    display_name: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    client_id: Option<Option<String>>,
}

/// `GET /instagram/accounts/{id}`.
pub(crate) async fn get_account(
    State(app): State<Arc<App>>,
    OwnAccount(account): OwnAccount,
) -> Json<AccountView> {
    Json(AccountView::new(account, app.clock.now()))
}

/// `PATCH /instagram/accounts/{id}` with `displayName` (`null`: Instagram's name again), `clientId` (`null`: no
/// customer's any more), or both → the account.
pub(crate) async fn update_account(
    State(app): State<Arc<App>>,
    EditableAccount { caller, account }: EditableAccount,
    JsonBody(change): JsonBody<AccountChange>,
) -> Result<Json<AccountView>, Problem> {
    let account = change_account(&app, account, change.checked()?, &caller.user).await?;
    Ok(Json(AccountView::new(account, app.clock.now())))
}

/// A customer's id: the company's own word, from a character set that is safe everywhere.
pub(crate) fn client_id(text: String) -> Result<String, Problem> {
    let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
    if (1..=LONGEST_CLIENT_ID).contains(&text.len()) && text.bytes().all(is_safe) {
        return Ok(text);
    }
    Err(Problem::bad_request(
        "invalid_client_id",
        format!(
            "`clientId` must have 1 to {LONGEST_CLIENT_ID} letters, digits, `.`, `_`, `:` or `-`."
        ),
    ))
}

fn display_name(text: String) -> Result<String, Problem> {
    let text = text.trim();
    let length = text.chars().count();
    if (1..=LONGEST_DISPLAY_NAME).contains(&length) && !text.chars().any(char::is_control) {
        return Ok(text.to_owned());
    }
    Err(Problem::bad_request(
        "invalid_display_name",
        format!(
            "`displayName` must have 1 to {LONGEST_DISPLAY_NAME} characters, none of them a control character."
        ),
    ))
}

/// A member that is there, be it `null`: serde leaves an absent one to the default.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl AccountChange {
    fn checked(self) -> Result<Self, Problem> {
        if self.display_name.is_none() && self.client_id.is_none() {
            return Err(Problem::bad_request(
                "nothing_to_change",
                "Name what to change: `displayName`, `clientId` or both.",
            ));
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
            records.push(app.table.timeline_write(&account.id, &entry)?);
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
