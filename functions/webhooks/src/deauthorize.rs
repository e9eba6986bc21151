//! `POST /deauthorize`: the person removed the app on Instagram.

use std::sync::Arc;

use axum::extract::{Request, State};
use http::StatusCode;
use shared::app::App;
use shared::http::Problem;
use shared::tasks::Task;

use crate::signed;

/// Takes Meta's word for it once it is on the queue. Whether we know the account is told to nobody.
pub(crate) async fn deauthorize(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<StatusCode, Problem> {
    let signed = signed::read(&app, request).await?;
    let task = Task::Deauthorize {
        instagram_id: signed.user_id,
        issued_at: signed.issued_at,
    };
    app.queue.send(task).await?;
    Ok(StatusCode::OK)
}
