//! Reading something of an account from Instagram while a caller waits.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::account::Account;
use crate::app::App;
use crate::cache;
use crate::graph::{Answered, Endpoint, Graph, GraphError};
use crate::http::Problem;
use crate::http::meta_ids::media_not_found;
use crate::media::figures::FiguresError;
use crate::openapi::of_instagram;
use crate::secret::AccessToken;
use crate::verdict;

/// An account that can be asked about, and the token to do so with.
pub struct Reading<'a> {
    app: &'a Arc<App>,
    /// The account.
    pub account: &'a Account,
    /// Its token.
    pub token: AccessToken,
    by: &'a str,
}

impl<'a> Reading<'a> {
    /// Makes ready to ask about the account; `by` is who wants it.
    ///
    /// # Errors
    /// 409 without a live connection, 429 while Instagram takes no calls, and what is wrong with the vault.
    pub async fn of(app: &'a Arc<App>, account: &'a Account, by: &'a str) -> Result<Self, Problem> {
        let now = app.clock.now();
        if !account.is_live(now) {
            return Err(Problem::account_not_connected());
        }
        refuse_while_blocked(account, now)?;
        let token = app.vault.token(account).await?;
        Ok(Self {
            app,
            account,
            token,
            by,
        })
    }

    /// The client for the account's login.
    pub fn graph(&self) -> Graph {
        self.app.graph.for_login(self.account.login)
    }

    /// Instagram's id of the account.
    pub fn instagram_id(&self) -> &str {
        &self.account.platform_account_id
    }

    /// What Instagram answered with. A refusal means for the account what it means anywhere: a limit that is reached keeps
    /// everybody from asking.
    ///
    /// # Errors
    /// The refusal, for the caller.
    pub async fn take<T>(&self, answer: Result<Answered<T>, GraphError>) -> Result<T, Problem> {
        match answer {
            Ok(answered) => Ok(answered.value),
            Err(error) => Err(self.refused(error).await?),
        }
    }

    /// As [`Self::take`], for a media and what belongs to it. Where Instagram does not find one, an outage of its own looks
    /// alike: what the last sync stored tells whether the media is gone.
    ///
    /// # Errors
    /// 404 for what is gone, and the refusal otherwise.
    pub async fn take_of_media<T>(
        &self,
        media: &str,
        answer: Result<Answered<T>, GraphError>,
    ) -> Result<T, Problem> {
        if answer
            .as_ref()
            .is_err_and(|error| error.kind.is_not_there())
        {
            // All that is stored is looked through: not anew for each who asks.
            let name = format!("over {media}");
            let is_over = cache::through(self.app, &self.account.id, &name, async {
                let stored = self.app.table.find_media(&self.account.id, media).await?;
                let now = self.app.clock.now();
                Ok(stored.is_some_and(|stored| stored.is_over(now)))
            });
            if is_over.await?.value {
                return Err(media_not_found());
            }
        }
        self.take(answer).await
    }

    /// As [`Self::take`], for figures.
    ///
    /// # Errors
    /// The refusal, for the caller.
    pub async fn take_figures<T>(&self, found: Result<T, FiguresError>) -> Result<T, Problem> {
        match found {
            Ok(found) => Ok(found),
            Err(FiguresError::Graph(error)) => Err(self.refused(error).await?),
            Err(FiguresError::Aws(error)) => Err(error.into()),
        }
    }

    async fn refused(&self, error: GraphError) -> Result<Problem, Problem> {
        let weight = verdict::weigh(self.app, self.account, &self.token, &error).await?;
        let now = self.app.clock.now();
        verdict::take_over(self.app, self.account, true, self.by, |record| {
            verdict::note_failure(record, &error, weight, now);
        })
        .await?;
        Ok(Problem::from(error))
    }
}

/// Makes no call that would lengthen a block.
///
/// # Errors
/// 429 while Instagram takes no calls for the account.
pub fn refuse_while_blocked(account: &Account, now: Timestamp) -> Result<(), Problem> {
    let Some(until) = account.blocked_until_at(now) else {
        return Ok(());
    };
    let left = Duration::try_from(until.duration_since(now)).unwrap_or_default();
    Err(Problem::rate_limited(left))
}

/// Why something cannot be read: what may be wrong with the account, and what Instagram may refuse at these calls.
pub fn refusals(endpoints: &[Endpoint]) -> Vec<Problem> {
    let of_ours = [
        Problem::account_not_connected(),
        Problem::token_missing(),
        Problem::token_unavailable(),
    ];
    let of_instagram = of_instagram(endpoints).into_iter().map(Problem::from);
    of_ours.into_iter().chain(of_instagram).collect()
}
