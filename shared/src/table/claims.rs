//! Claims: which account holds an Instagram id. A claim's condition is what makes two owners impossible.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, Delete, TransactWriteItem};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::accounts::string;
use super::keys::Key;
use super::{Condition, Table, keys, text, to_item};
use crate::account::Account;
use crate::aws::AwsError;

/// Who holds an Instagram id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Claim {
    /// The account's id.
    pub account: String,
    /// The account's company.
    pub company: String,
    /// The account was disconnected: any company may claim the id anew.
    pub released: bool,
    /// Since when it is held so, or released. A reconnect of an account that holds the id goes on holding it.
    #[serde(default)]
    pub since: Timestamp,
}

impl Claim {
    /// Whether the account that holds the id did so already when something was told of it.
    ///
    /// Meta's times have whole seconds, so the whole second in which the account was connected counts. No clock is allowed to
    /// be further behind: the account is subscribed after it was connected, so what is told because of that is younger. What
    /// looks older may be of a former holder or of what was erased, and that in the wrong place is worse than a message
    /// that is missing.
    pub fn held_at(&self, at: Timestamp) -> bool {
        self.since.as_second() <= at.as_second()
    }
}

impl Table {
    /// Who holds an Instagram id.
    pub async fn claim(&self, instagram_id: &str) -> Result<Option<Claim>, AwsError> {
        self.get_record(keys::claim(instagram_id)).await
    }

    /// A claim's write as part of a transaction: on an id that nobody holds, that was released, or that is the
    /// account's own.
    pub fn claim_write(
        &self,
        instagram_id: &str,
        claim: &Claim,
    ) -> Result<TransactWriteItem, AwsError> {
        let mut condition = Condition::is_new();
        condition.expression =
            "attribute_not_exists(pk) OR released = :yes OR account = :account".into();
        condition.values = Some(HashMap::from([
            (":yes".to_owned(), AttributeValue::Bool(true)),
            (":account".to_owned(), text(&claim.account)),
        ]));
        self.put_write(to_item(keys::claim(instagram_id), claim)?, condition)
    }

    /// Gives a claim up as part of a transaction: only the account that holds it can.
    pub fn claim_removal(
        &self,
        instagram_id: &str,
        account: &str,
    ) -> Result<TransactWriteItem, AwsError> {
        self.holding_removal(keys::claim(instagram_id), account)
    }

    /// Gives up, as part of a transaction, one of [`Table::holdings`].
    pub fn holding_removal(&self, key: Key, account: &str) -> Result<TransactWriteItem, AwsError> {
        let delete = Delete::builder()
            .table_name(self.name())
            .set_key(Some(key.into_item()))
            .condition_expression("account = :account")
            .expression_attribute_values(":account", text(account))
            .build()
            .map_err(|_| AwsError::unreadable("TransactWriteItems", "an incomplete write"))?;
        Ok(TransactWriteItem::builder().delete(delete).build())
    }

    /// The accounts that hold an Instagram id or once held it.
    pub async fn holders(&self, instagram_id: &str) -> Result<Vec<String>, AwsError> {
        let partition = keys::claim(instagram_id).pk;
        let output = self
            .client
            .query()
            .table_name(&self.name)
            .key_condition_expression("pk = :pk AND begins_with(sk, :former)")
            .expression_attribute_values(":pk", text(partition))
            .expression_attribute_values(":former", text(keys::FORMER_HOLDER))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| AwsError::new("Query", &error))?;
        let former = output.items().iter();
        let mut accounts: Vec<String> = former
            .filter_map(|item| string(item, "account"))
            .chain(self.claim(instagram_id).await?.map(|claim| claim.account))
            .collect();
        accounts.sort();
        accounts.dedup();
        Ok(accounts)
    }

    /// Keeps, as part of a transaction, that an account once held an Instagram id which another one takes over.
    pub fn former_holder_write(
        &self,
        instagram_id: &str,
        account: &str,
    ) -> Result<TransactWriteItem, AwsError> {
        let mut item = keys::former_holder(instagram_id, account).into_item();
        item.insert("account".into(), text(account));
        let mut condition = Condition::is_new();
        condition
            .expression
            .push_str(" OR attribute_exists(account)");
        self.put_write(item, condition)
    }

    /// The keys by which an account holds its Instagram ids, or once held them.
    pub async fn holdings(&self, account: &Account) -> Result<Vec<Key>, AwsError> {
        let mut held = Vec::new();
        for id in instagram_ids(account) {
            for key in [keys::claim(id), keys::former_holder(id, &account.id)] {
                let item = self.get(key.clone()).await?.unwrap_or_default();
                if string(&item, "account").as_ref() == Some(&account.id) {
                    held.push(key);
                }
            }
        }
        Ok(held)
    }

    /// The keys which say that an account once held these Instagram ids.
    pub async fn former_holdings(
        &self,
        account: &str,
        instagram_ids: &[String],
    ) -> Result<Vec<Key>, AwsError> {
        let mut held = Vec::new();
        for id in instagram_ids {
            let key = keys::former_holder(id, account);
            if self.get(key.clone()).await?.is_some() {
                held.push(key);
            }
        }
        Ok(held)
    }

    /// The Instagram ids that the account itself holds now.
    pub async fn held_claims(&self, account: &Account) -> Result<Vec<String>, AwsError> {
        let mut held = Vec::new();
        for id in instagram_ids(account) {
            if self
                .claim(id)
                .await?
                .is_some_and(|claim| claim.account == account.id)
            {
                held.push(id.to_owned());
            }
        }
        Ok(held)
    }
}

/// The Instagram ids under which an account is claimed: one or two.
pub fn instagram_ids(account: &Account) -> Vec<&str> {
    let mut ids = vec![account.platform_account_id.as_str()];
    if account.app_scoped_id != account.platform_account_id {
        ids.push(account.app_scoped_id.as_str());
    }
    ids
}
