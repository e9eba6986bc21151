//! What every route of every function has: a correlation id, one log line, safe headers, `Idempotency-Key` on POST,
//! and refusals for what no route takes.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use http::{HeaderName, HeaderValue, StatusCode, header};
use lambda_http::request::RequestContext;
use utoipa::openapi::path::{ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};

use super::idempotency::{self, honor_idempotency_key};
use super::problem::{Problem, Refusal};
use crate::announce;
use crate::app::App;
use crate::config::MetricsConfig;
use crate::metrics::{self, FUNCTION, Unit};
use crate::openapi::Described;
use crate::telemetry::{self, Scope};

/// The header that ties a caller's request to our log lines.
pub const CORRELATION_ID: &str = "x-correlation-id";

/// Longer addresses are refused: no route of ours needs one, and no cursor is longer.
const LONGEST_ADDRESS: usize = 8192;

/// Puts the edge around a function's routes.
pub fn edge(routes: Router<Arc<App>>, app: Arc<App>) -> Router {
    routes
        .route_layer(middleware::from_fn_with_state(
            app.clone(),
            honor_idempotency_key,
        ))
        .fallback(async || route_not_found())
        .method_not_allowed_fallback(async || method_not_allowed())
        .layer(middleware::from_fn_with_state(app.clone(), around))
        .with_state(app)
}

async fn around(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let given = request
        .headers()
        .get(CORRELATION_ID)
        .and_then(|value| value.to_str().ok());
    let scope = Scope::new(telemetry::accepted_correlation_id(given));
    telemetry::in_scope(scope.clone(), async {
        let start = app.clock.now();
        let method = request.method().clone();
        let route = request
            .extensions()
            .get::<MatchedPath>()
            .map_or_else(|| "unmatched".to_owned(), |path| path.as_str().to_owned());
        let gateway_request_id = match request.extensions().get::<RequestContext>() {
            Some(RequestContext::ApiGatewayV2(context)) => context.request_id.clone(),
            _ => None,
        };
        let mut response = if request.uri().to_string().len() > LONGEST_ADDRESS {
            address_too_long().into_response()
        } else {
            AssertUnwindSafe(next.run(request))
                .catch_unwind()
                .await
                .unwrap_or_else(|_| panicked())
        };
        response = in_one_piece(response).await.map(Body::from);
        announce::send_noted(&app, announce::WITHIN).await;
        set_headers(&mut response, &scope.correlation_id);
        let refusal = response.extensions().get::<Refusal>();
        let line = Line {
            method: method.as_str(),
            route: &route,
            status: response.status(),
            duration_ms: telemetry::milliseconds_since(start, &app.clock),
            code: refusal.map_or("ok", |refusal| refusal.code),
            fbtrace_id: refusal
                .and_then(|refusal| refusal.fbtrace_id.as_deref())
                .unwrap_or(""),
            cause: &scope.cause(),
            aws_calls: scope.aws_calls(),
            graph_calls: scope.graph_calls(),
            gateway_request_id: gateway_request_id.as_deref(),
        };
        line.write(&app.config.metrics);
        response
    })
    .await
}

/// An answer with its whole body, which Lambda takes in one piece. A body that breaks off becomes a refusal: half of it, or
/// nothing, would look like an answer.
pub(crate) async fn in_one_piece(response: Response) -> Response<Bytes> {
    let (parts, body) = response.into_parts();
    match to_bytes(body, usize::MAX).await {
        Ok(bytes) => Response::from_parts(parts, bytes),
        Err(error) => {
            telemetry::note_cause(format!("the body breaks off: {error}"));
            let (parts, body) = internal_error().into_response().into_parts();
            // A problem is in memory, and does not break off.
            let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
            Response::from_parts(parts, bytes)
        }
    }
}

/// A panic is our fault, and costs the sandbox nothing: the next request finds it as it was.
fn panicked() -> Response {
    telemetry::note_cause("panicked".to_owned());
    internal_error().into_response()
}

fn route_not_found() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "route_not_found",
        "There is no such route.",
    )
}

fn method_not_allowed() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "This route does not take this method.",
    )
}

fn internal_error() -> Problem {
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "internal_error",
        "Something went wrong here. If it stays, tell the operator the correlation id.",
    )
}

fn address_too_long() -> Problem {
    Problem::new(
        StatusCode::URI_TOO_LONG,
        "address_too_long",
        "The address is too long.",
    )
}

/// What the edge adds to every operation, and what `Idempotency-Key` adds to a caller's POST.
pub(crate) fn describe(described: &mut Described) {
    described.refuse([address_too_long(), internal_error()]);
    if described.path.contains('{') {
        // API Gateway decodes the path before it hands it on: an id with `%2F`, `%3F` or `%23` leads elsewhere.
        described.refuse([route_not_found(), method_not_allowed()]);
    }
    let correlation_id = ParameterBuilder::new()
        .name(CORRELATION_ID)
        .parameter_in(ParameterIn::Header)
        .description(Some(
            "8 to 64 letters, digits, `-`, `_` and `.`: comes back. In place of anything else comes a new one.",
        ))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .example(Some("an-id-of-yours-0001".into()));
    described.take(correlation_id);
    if described.needs_jwt && described.method == "post" {
        idempotency::describe(described);
    }
}

fn set_headers(response: &mut Response, correlation_id: &str) {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        header::STRICT_TRANSPORT_SECURITY,
        HeaderValue::from_static("max-age=31536000; includeSubDomains"),
    );
    if let Ok(value) = HeaderValue::from_str(correlation_id) {
        headers.insert(HeaderName::from_static(CORRELATION_ID), value);
    }
}

/// The one line of a request.
struct Line<'a> {
    method: &'a str,
    route: &'a str,
    status: StatusCode,
    duration_ms: u64,
    code: &'a str,
    fbtrace_id: &'a str,
    cause: &'a str,
    aws_calls: u32,
    graph_calls: u32,
    gateway_request_id: Option<&'a str>,
}

impl Line<'_> {
    /// `warn` when the caller erred, `error` when we did.
    fn write(&self, config: &MetricsConfig) {
        let embedded = metrics::embedded(
            config,
            &[(
                &[(FUNCTION, &config.function), ("Code", self.code)],
                &[(
                    "RequestDuration",
                    Unit::Milliseconds,
                    self.duration_ms as f64,
                )],
            )],
        );
        macro_rules! write_at {
            ($level:ident) => {
                tracing::$level!(
                    target: metrics::TARGET,
                    event = "request",
                    method = self.method,
                    route = self.route,
                    status = self.status.as_u16(),
                    gatewayRequestId = self.gateway_request_id,
                    fbtraceId = self.fbtrace_id,
                    cause = self.cause,
                    awsCalls = self.aws_calls,
                    graphCalls = self.graph_calls,
                    embedded,
                )
            };
        }
        if self.status.is_server_error() {
            write_at!(error);
        } else if self.status.is_client_error() {
            write_at!(warn);
        } else {
            write_at!(info);
        }
    }
}
