//! The preflight: everything that would make Instagram refuse a post, as far as it can be known before Instagram is asked
//! to make it. One sentence per finding, saying what to change; `docs/preflight.md` shows examples, written by a test.
//!
//! What is certain is blocking. What Instagram may see otherwise than we do is a warning: its crawler has its own way
//! into the net, and a server that fails us now may answer it later.

mod account;
mod address;
mod crawl;
mod jpeg;
mod media;
mod mp4;
mod text;

#[cfg(test)]
mod tests;

pub(crate) use account::{PAUSED_TOO_LONG, QUOTA_USED_UP};

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use shared::account::Account;
use shared::app::App;
use shared::aws::AwsError;
use shared::post::{Content, Finding, Post};
use tokio::sync::OnceCell;

/// How long the look at all of a post's media may take.
const DEADLINE: Duration = Duration::from_secs(5);
/// So many files are looked at for one request, whose caller chooses where they are.
const MOST_FILES: usize = 100;

/// What the looks at the posts of one request share.
pub(crate) struct Looks {
    files_left: AtomicUsize,
    /// What Instagram says of the account's quota, asked once.
    quota: OnceCell<account::Quota>,
}

impl Default for Looks {
    fn default() -> Self {
        Self {
            files_left: AtomicUsize::new(MOST_FILES),
            quota: OnceCell::new(),
        }
    }
}

impl Looks {
    /// Whether one more file is looked at.
    fn takes_a_file(&self) -> bool {
        let one_less = |left: usize| left.checked_sub(1);
        self.files_left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less)
            .is_ok()
    }
}

/// What stands in the way of publishing this on the account at that time (now, without a time), and what may.
///
/// # Errors
/// When AWS does not answer. Instagram's and the media servers' silence is a finding.
pub(crate) async fn check(
    app: &Arc<App>,
    account: &Account,
    content: &Content,
    publish_at: Option<Timestamp>,
) -> Result<Vec<Finding>, AwsError> {
    check_among(&Looks::default(), app, account, content, publish_at).await
}

/// As [`check`], for one of several posts of the same account.
///
/// # Errors
/// When AWS does not answer.
pub(crate) async fn check_among(
    looks: &Looks,
    app: &Arc<App>,
    account: &Account,
    content: &Content,
    publish_at: Option<Timestamp>,
) -> Result<Vec<Finding>, AwsError> {
    let mut findings = text::findings(content);
    let trusted = &app.config.publish.trusted_media;
    let (of_media, of_account) = tokio::join!(
        media::findings(looks, trusted, content, DEADLINE),
        account::findings(looks, app, account, content, publish_at),
    );
    findings.extend(of_media);
    findings.extend(of_account?);
    Ok(findings)
}

/// Whether more posts are planned around the time of a post, which was looked at, than Instagram takes.
///
/// # Errors
/// When AWS does not answer.
pub(crate) async fn crowd(
    looks: &Looks,
    app: &App,
    post: &Post,
) -> Result<Option<Finding>, AwsError> {
    account::crowd(looks, app, post).await
}

/// The post cannot be published as it is.
pub(crate) fn blocking(
    code: &str,
    member: impl Into<String>,
    sentence: impl Into<String>,
) -> Finding {
    Finding {
        code: code.to_owned(),
        member: member.into(),
        sentence: sentence.into(),
        is_blocking: true,
    }
}

/// The post may fail, or look otherwise than meant.
fn warning(code: &str, member: impl Into<String>, sentence: impl Into<String>) -> Finding {
    Finding {
        is_blocking: false,
        ..blocking(code, member, sentence)
    }
}
