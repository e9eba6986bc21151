//! The audit of the vault's pages: a write that died half-way leaves Secrets Manager's label on a version that does not
//! count, and Secrets Manager drops old versions without a label.

use std::sync::Arc;

use shared::app::App;
use shared::lambda::TaskError;
use shared::metrics::{self, Unit};
use shared::table::audit::LastAudit;
use shared::vault::Healed;

/// Every page is looked at once in so many audits.
const AUDITS_TO_A_ROUND: usize = 24;
/// So many pages are looked at by one audit.
const MOST_PAGES: usize = 200;

/// Looks at the next pages of the round, and notes the audit.
pub(crate) async fn audit(app: &Arc<App>) -> Result<(), TaskError> {
    let now = app.clock.now();
    let pages = app.vault.page_names().await?;
    let last = app.table.last_audit().await?;
    let first = last.map_or(0, |last| last.pages_seen) % pages.len().max(1);
    let number = pages.len().div_ceil(AUDITS_TO_A_ROUND).min(MOST_PAGES);
    let (mut healed, mut failed) = (0, 0);
    for page in pages.iter().skip(first).take(number) {
        match app.vault.heal(page).await {
            Ok(Healed::Relabeled) => healed += 1,
            Ok(Healed::Nothing) => {}
            // The accounts on it say so themselves, when their tokens are needed.
            Err(error) => {
                failed += 1;
                tracing::error!(event = "page_not_healed", page, error = %error, "an operator must look");
            }
        }
        if let Err(error) = app.vault.reopen(page).await {
            failed += 1;
            tracing::error!(event = "page_not_reopened", page, error = %error, "the next round tries again");
        }
    }
    metrics::put(
        &[],
        &[
            ("PagesHealed", Unit::Count, f64::from(healed)),
            ("PagesFailed", Unit::Count, f64::from(failed)),
        ],
    );
    let audit = LastAudit {
        began_ms: now.as_millisecond(),
        pages_seen: (first + number) % pages.len().max(1),
    };
    Ok(app.table.note_audit(&audit).await?)
}
