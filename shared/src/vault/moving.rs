//! How an account gets to another page, because its own one is broken or takes no entry.

use super::{Change, Vault, VaultError};

/// On which page an account's token is stored: its own one, as long as that takes it.
pub struct PageChoice {
    own: Option<String>,
    /// Pages that took no entry.
    refused: Vec<String>,
}

impl PageChoice {
    /// The choice of an account that is on this page; `None` for one that is on no page yet.
    pub fn new(own: Option<String>) -> Self {
        Self {
            own,
            refused: Vec::new(),
        }
    }

    /// The same choice for an account that has gone to another page since.
    pub fn set_own(&mut self, own: Option<String>) {
        self.own = own;
    }

    /// Takes over that the page failed a write. Errors that are not the page's own are given back.
    ///
    /// # Errors
    /// When another page would fail as well.
    pub fn pass_over(&mut self, page: &str, error: VaultError) -> Result<(), VaultError> {
        match error {
            // Others have chosen it at the same time.
            VaultError::Occupied => {}
            error if error.is_of_page() => tracing::error!(
                event = "page_broken",
                page,
                error = %error,
                "a page of the vault takes no token; the account goes to another one"
            ),
            error => return Err(error),
        }
        self.refused.push(page.to_owned());
        Ok(())
    }
}

impl Vault {
    /// The page to try next for an account.
    ///
    /// # Errors
    /// As [`Vault::other_page_for`].
    pub async fn choose_page(
        &self,
        account: &str,
        choice: &PageChoice,
    ) -> Result<String, VaultError> {
        let own = choice.own.as_ref();
        match own.filter(|own| !choice.refused.contains(own)) {
            Some(own) => Ok(own.clone()),
            None => self.other_page_for(account, &choice.refused).await,
        }
    }

    /// Removes the entry that an account has left behind, where it has just been stored on another page than its own. It
    /// is older than the account's record says, so one that cannot be removed is never used.
    pub async fn leave_own_page(&self, account: &str, choice: &PageChoice, stored_on: &str) {
        let Some(own) = choice.own.as_deref().filter(|own| *own != stored_on) else {
            return;
        };
        let removed = self
            .write(own, Change::Remove(account), Vec::new(), self.clock.now())
            .await;
        if let Err(error) = removed {
            tracing::warn!(
                event = "token_left_behind",
                page = own,
                account,
                error = %error,
                "an account has left a page of the vault, and its former entry could not be removed"
            );
        }
    }
}
