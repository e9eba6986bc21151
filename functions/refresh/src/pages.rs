//! The audit of the vault's pages.

use std::sync::Arc;

use shared::app::App;
use shared::lambda::TaskError;
use shared::table::audit::LastAudit;

/// Notes the audit.
pub(crate) async fn audit(app: &Arc<App>) -> Result<(), TaskError> {
    let audit = LastAudit {
        began_ms: app.clock.now().as_millisecond(),
        pages_seen: 0,
    };
    Ok(app.table.note_audit(&audit).await?)
}
