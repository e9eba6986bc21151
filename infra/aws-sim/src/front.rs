//! The one listener: which service and operation a request is for, its fault, its answer, its line in the log.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};

use crate::call::Call;
use crate::core::Core;
use crate::eventbridge;
use crate::fault::FaultKind;
use crate::named;
use crate::permission;
use crate::scheduler;
use crate::wire::{Answer, ApiError, Service, text};

/// DynamoDB's largest request; the others' are smaller.
const LARGEST_BODY: usize = 16 * 1024 * 1024;

/// What a request asks for.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) service: Service,
    pub(crate) operation: String,
    pub(crate) resource: Option<String>,
    pub(crate) input: Value,
}

/// Serves until told to stop; then lets each connection finish the request that it is at.
pub(crate) async fn serve(listener: TcpListener, core: Arc<Core>) {
    let mut stop = core.stop.subscribe();
    loop {
        let accepted = tokio::select! {
            _ = stop.wait_for(|stopped| *stopped) => return,
            accepted = listener.accept() => accepted,
        };
        if let Ok((stream, _)) = accepted {
            tokio::spawn(serve_connection(stream, core.clone()));
        }
    }
}

async fn serve_connection(stream: TcpStream, core: Arc<Core>) {
    // Without it, small answers wait for the acknowledgement of earlier ones.
    let _ = stream.set_nodelay(true);
    let mut stop = core.stop.subscribe();
    let service = service_fn(move |request| handle(core.clone(), request));
    let connection =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stop.wait_for(|stopped| *stopped) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// The connection is to be closed without an answer.
#[derive(Debug)]
struct Lost;

impl std::fmt::Display for Lost {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("lost on purpose")
    }
}

impl std::error::Error for Lost {}

async fn handle(
    core: Arc<Core>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Lost> {
    let (head, body) = request.into_parts();
    let body = match Limited::new(body, LARGEST_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => return Ok(plain(413, "request too large")),
    };
    let Some(asked) = understand(&head.method, &head.uri, &head.headers, &body) else {
        return Ok(plain(404, "<UnknownOperationException/>\n"));
    };
    let base = head
        .headers
        .get(http::header::HOST)
        .and_then(|host| host.to_str().ok());
    let base = format!("http://{}", base.unwrap_or("localhost"));
    let answer = answer(&core, &asked, &body, &base).await;
    let permissions = permission::needed(&asked, &core.place);
    core.log(Call {
        at_ms: core.now_ms(),
        service: asked.service.name(),
        operation: asked.operation,
        access_key_id: access_key_id(&head.headers),
        resource: asked.resource,
        permissions,
        status: answer.as_ref().map_or(0, |answer| answer.status),
        request_bytes: body.len(),
        response_bytes: answer.as_ref().map_or(0, |answer| answer.body.len()),
        read_units: answer.as_ref().map_or(0.0, |answer| answer.units.read),
        write_units: answer.as_ref().map_or(0.0, |answer| answer.units.write),
    });
    let answer = answer?;
    let mut response = Response::builder()
        .status(answer.status)
        .header(http::header::CONTENT_TYPE, answer.content_type)
        .header("x-amzn-requestid", core.request_id());
    if let Some((name, value)) = answer.header {
        response = response.header(name, value);
    }
    response.body(Full::new(answer.body)).map_err(|_| Lost)
}

async fn answer(core: &Core, asked: &Asked, body: &Bytes, base: &str) -> Result<Answer, Lost> {
    let fault = core.draw_fault(asked.service, &asked.operation, body);
    if let Some(error) = fault.as_ref().and_then(|fault| fault.error(asked.service)) {
        return Ok(Answer::error(asked.service, &error));
    }
    match fault {
        Some(FaultKind::LostBeforeApplied) => return Err(Lost),
        Some(FaultKind::Delay(milliseconds)) => {
            tokio::time::sleep(Duration::from_millis(milliseconds)).await
        }
        _ => {}
    }
    let done = perform(core, asked, body, base, fault.as_ref()).await;
    if fault == Some(FaultKind::AppliedThenLost) {
        Err(Lost)
    } else {
        Ok(done)
    }
}

async fn perform(
    core: &Core,
    asked: &Asked,
    body: &Bytes,
    base: &str,
    fault: Option<&FaultKind>,
) -> Answer {
    let (operation, input) = (asked.operation.as_str(), &asked.input);
    let done = match asked.service {
        Service::DynamoDb => match std::str::from_utf8(body) {
            Ok(body) => return core.dynamodb.call(operation, body, fault),
            Err(_) => Err(ApiError::new(
                400,
                "SerializationException",
                "the body is not UTF-8",
            )),
        },
        Service::Sqs => core.call_sqs(operation, input, base, fault).await,
        Service::SecretsManager => core.call_secrets(operation, input),
        Service::Scheduler => core.call_scheduler(operation, input),
        Service::EventBridge => core.call_eventbridge(operation, input, fault),
    };
    match done {
        Ok(body) => Answer::json(asked.service, &body),
        Err(error) => Answer::error(asked.service, &error),
    }
}

fn understand(method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Option<Asked> {
    let Some(target) = headers.get("x-amz-target") else {
        return scheduler::understand(method, uri, body);
    };
    let (prefix, operation) = target.to_str().ok()?.rsplit_once('.')?;
    if matches!(prefix, "DynamoDB_20120810" | "DynamoDBStreams_20120810") {
        // dynoxide reads the body itself.
        let input = named::names(body);
        return Some(Asked {
            service: Service::DynamoDb,
            operation: operation.to_owned(),
            resource: named::resource(&input),
            input,
        });
    }
    let input: Value = serde_json::from_slice(body).unwrap_or_default();
    let (service, resource) = match prefix {
        "AmazonSQS" => {
            let url = text(&input, "QueueUrl").and_then(|url| url.rsplit('/').next());
            (
                Service::Sqs,
                url.or_else(|| text(&input, "QueueName")).map(str::to_owned),
            )
        }
        "secretsmanager" => {
            let name = text(&input, "SecretId").or_else(|| text(&input, "Name"));
            (Service::SecretsManager, name.map(str::to_owned))
        }
        "AWSEvents" => (Service::EventBridge, eventbridge::resource(&input)),
        _ => return None,
    };
    Some(Asked {
        service,
        operation: operation.to_owned(),
        resource,
        input,
    })
}

/// Signatures are not checked; the key's name tells who calls.
fn access_key_id(headers: &HeaderMap) -> String {
    let authorization = headers.get(http::header::AUTHORIZATION);
    authorization
        .and_then(|value| {
            value
                .to_str()
                .ok()?
                .split_once("Credential=")?
                .1
                .split('/')
                .next()
        })
        .unwrap_or_default()
        .to_owned()
}

fn plain(status: u16, body: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(body.as_bytes())));
    *response.status_mut() =
        http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::BAD_REQUEST);
    response
}
