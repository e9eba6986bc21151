//! A company's caption templates.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::keys;
use super::{Condition, Table, from_item, number, text, to_item};
use crate::aws::AwsError;

/// The most templates of a company: one query reads them all.
pub const MOST_TEMPLATES: usize = 500;

/// A caption with placeholders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Template {
    /// UUID, ours.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// The caption, with `{{placeholders}}`.
    pub text: String,
    /// Rises with each write: the condition of every write.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was written last.
    pub updated_at: Timestamp,
}

impl Table {
    /// A company's template.
    pub async fn template(&self, company: &str, id: &str) -> Result<Option<Template>, AwsError> {
        self.get_record(keys::template(company, id)).await
    }

    /// A company's templates, all of them.
    pub async fn templates(&self, company: &str) -> Result<Vec<Template>, AwsError> {
        let mut found = Vec::new();
        let mut start = None;
        loop {
            let output = self
                .client
                .query()
                .table_name(&self.name)
                .key_condition_expression("pk = :pk AND begins_with(sk, :template)")
                .expression_attribute_values(":pk", text(keys::templates_partition(company)))
                .expression_attribute_values(":template", text(keys::TEMPLATE))
                .consistent_read(true)
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| AwsError::new("Query", &error))?;
            for item in output.items.unwrap_or_default() {
                found.push(from_item(item)?);
            }
            start = output.last_evaluated_key;
            if start.is_none() {
                return Ok(found);
            }
        }
    }

    /// Writes a template: a new one, or over the version that was read. `false`: somebody wrote meanwhile.
    pub async fn write_template(
        &self,
        company: &str,
        template: &Template,
        read_version: Option<u64>,
    ) -> Result<bool, AwsError> {
        let condition = match read_version {
            None => Condition::is_new(),
            Some(version) => Condition::equals("version", number(version)),
        };
        let item = to_item(keys::template(company, &template.id), template)?;
        self.put_if(item, condition).await
    }

    /// Removes a template; `false` where there is none.
    pub async fn remove_template(&self, company: &str, id: &str) -> Result<bool, AwsError> {
        let output = self
            .client
            .delete_item()
            .table_name(&self.name)
            .set_key(Some(keys::template(company, id).into_item()))
            .condition_expression("attribute_exists(pk)")
            .send()
            .await;
        match output {
            Ok(_) => Ok(true),
            Err(error) if crate::aws::is_code(&error, super::CONDITION_FAILED) => Ok(false),
            Err(error) => Err(AwsError::new("DeleteItem", &error)),
        }
    }
}
