//! What the audit does for pages that nobody writes.

use super::{GONE, Vault, VaultError};
use crate::aws::{AwsError, is_code};

/// The label that Secrets Manager puts on the version that was put last.
const CURRENT: &str = "AWSCURRENT";

/// What healing a page did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Healed {
    /// Nothing was to be done.
    Nothing,
    /// The label stands on the version that counts again.
    Relabeled,
}

impl Vault {
    /// Puts the label `AWSCURRENT` on the version that the page's record names, where a write that died half-way took
    /// it away, so that Secrets Manager never drops the version that counts. A page without a record has nothing to
    /// heal: nothing was ever written to it.
    ///
    /// A write that is under way at the same time is not harmed. If it puts its version first, the label is no longer
    /// where it was looked up, and Secrets Manager refuses to move it from there. If it names its version in the record
    /// afterwards, the label stands on the version before; nobody reads by label, the version that counts is then too
    /// young to be dropped, and the next write or audit puts the label right.
    ///
    /// # Errors
    /// [`VaultError::Missing`] and [`VaultError::Damaged`] where the version that counts cannot be read: an operator
    /// must look.
    pub async fn heal(&self, page: &str) -> Result<Healed, VaultError> {
        let Some(record) = self.page_record(page).await? else {
            return Ok(Healed::Nothing);
        };
        self.fetch(page, &record.version_id).await?;
        let Some(holder) = self.labeled_version(page).await? else {
            return Err(VaultError::Missing);
        };
        if holder == record.version_id {
            return Ok(Healed::Nothing);
        }
        self.take_turn().await?;
        let moved = self
            .secrets
            .update_secret_version_stage()
            .secret_id(self.secret_name(page))
            .version_stage(CURRENT)
            .move_to_version_id(&record.version_id)
            .remove_from_version_id(&holder)
            .send()
            .await;
        match moved {
            Ok(_) => Ok(Healed::Relabeled),
            // The label stands elsewhere by now: a write is under way, which puts it right.
            Err(error) if is_code(&error, "InvalidParameterException") => Ok(Healed::Nothing),
            Err(error) if GONE.iter().any(|code| is_code(&error, code)) => Err(VaultError::Missing),
            Err(error) => Err(AwsError::new("UpdateSecretVersionStage", &error).into()),
        }
    }

    /// The id of the version that has the label.
    async fn labeled_version(&self, page: &str) -> Result<Option<String>, VaultError> {
        let described = self
            .secrets
            .describe_secret()
            .secret_id(self.secret_name(page))
            .send()
            .await
            .map_err(|error| {
                if GONE.iter().any(|code| is_code(&error, code)) {
                    VaultError::Missing
                } else {
                    AwsError::new("DescribeSecret", &error).into()
                }
            })?;
        let versions = described.version_ids_to_stages.unwrap_or_default();
        let holder = versions
            .into_iter()
            .find(|(_, labels)| labels.iter().any(|label| label == CURRENT));
        Ok(holder.map(|(version, _)| version))
    }
}
