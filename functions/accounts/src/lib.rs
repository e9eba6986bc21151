//! Lists and manages connected accounts, and says whether the service itself works.

mod account;
mod document;
mod health;
mod history;
mod integrations;
mod lifecycle;
mod list;
mod sync;

shared::routes! {
    list::{list_accounts, list_expiring_accounts},
    account::{get_account, update_account},
    lifecycle::{disconnect_account, delete_account},
    sync::{sync_account, check_account_status},
    history::{list_timeline, list_sync_log},
    integrations::{get_integrations},
    health::{get_health, get_readiness},
    document::{get_document, show_document},
}
