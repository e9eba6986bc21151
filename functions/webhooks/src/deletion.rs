//! `POST /data-deletion`: the person asks for their data to be deleted.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use lambda_http::request::RequestContext;
use serde::Serialize;
use shared::app::App;
use shared::http::Problem;
use shared::table::deletions::Deletion;
use shared::tasks::Task;

use crate::signed;

/// What Meta shows the person. Meta's names.
#[derive(Serialize)]
pub(crate) struct Received {
    url: String,
    confirmation_code: String,
}

/// Takes the request once it is kept and on the queue. The same request again has the same code.
pub(crate) async fn request_deletion(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Json<Received>, Problem> {
    let own_address = own_address(&app, &request);
    let signed = signed::read(&app, request).await?;
    let code = signed.fingerprint;
    let now = app.clock.now();
    let deletion = Deletion::of_person(code.clone(), signed.user_id, signed.issued_at, now);
    app.table.add_deletion(&deletion).await?;
    let task = Task::DeleteData {
        deletion: code.clone(),
    };
    app.queue.send(task).await?;
    Ok(Json(Received {
        url: format!("{own_address}/data-deletion/{code}"),
        confirmation_code: code,
    }))
}

/// Where people reach this function: as configured, or by the domain at which Meta called it, which Lambda tells.
fn own_address(app: &App, request: &Request) -> String {
    if let Some(url) = &app.config.webhooks_url {
        return url.as_str().trim_end_matches('/').to_owned();
    }
    let domain = match request.extensions().get::<RequestContext>() {
        Some(RequestContext::ApiGatewayV2(context)) => context.domain_name.clone(),
        _ => None,
    };
    format!("https://{}", domain.unwrap_or_default())
}
