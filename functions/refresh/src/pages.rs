//! The audit of the vault's pages: a write that died half-way leaves Secrets Manager's label on a version that does not
//! count, and Secrets Manager drops old versions without a label.

use std::sync::Arc;

use jiff::SignedDuration;
use shared::app::App;
use shared::lambda::TaskError;
use shared::metrics::{self, Unit};
use shared::vault::Healed;

/// Every page is looked at once in so many audits, as far as time allows.
const AUDITS_TO_A_ROUND: usize = 24;
/// No further page is begun after this long.
const MOST_TIME: SignedDuration = SignedDuration::from_secs(6);

/// Looks at the next pages of the round.
pub(crate) async fn audit(app: &Arc<App>) -> Result<(), TaskError> {
    let begun = app.clock.now();
    let pages = app.vault.page_names().await?;
    let before = app.table.pages_audited().await?;
    let first = before % pages.len().max(1);
    let most = pages.len().div_ceil(AUDITS_TO_A_ROUND);
    let (mut seen, mut healed, mut failed) = (0, 0, 0);
    for page in pages.iter().skip(first).take(most) {
        if app.clock.now().duration_since(begun) > MOST_TIME {
            break;
        }
        seen += 1;
        match app.vault.heal(page).await {
            Ok(done) => healed += u32::from(done == Healed::Relabeled),
            Err(error) => {
                // The accounts on it say so themselves, when their tokens are needed. No new ones are sent to it.
                failed += 1;
                tracing::error!(event = "page_not_healed", page, error = %error, "an operator must look");
                continue;
            }
        }
        if let Err(error) = app.vault.reopen(page).await {
            failed += 1;
            tracing::error!(event = "page_not_reopened", page, error = %error, "the next round tries again");
        }
    }
    metrics::put(
        &app.config.metrics,
        &[],
        &[
            ("PagesHealed", Unit::Count, f64::from(healed)),
            ("PagesFailed", Unit::Count, f64::from(failed)),
        ],
    );
    let after = (first + seen) % pages.len().max(1);
    Ok(app.table.note_pages_audited(before, after).await?)
}
