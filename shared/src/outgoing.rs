//! HTTP clients for calls to others: to Instagram, and to AWS below the SDK.
//!
//! One stack for both: the SDK's own client would bring a second one, with HTTP/2, into each function's binary.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use rustls::RootCertStore;

/// Why no client could be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientSetupError {
    /// A base address that cannot carry a path, such as `mailto:`.
    BaseAddress,
    /// TLS could not be set up.
    Tls,
    /// The HTTP client could not be built.
    HttpClient,
}

impl fmt::Display for ClientSetupError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            ClientSetupError::BaseAddress => {
                "a base address of Instagram's is not an http(s) address"
            }
            ClientSetupError::Tls => "the TLS settings for outgoing calls could not be made",
            ClientSetupError::HttpClient => "the HTTP client for outgoing calls could not be made",
        })
    }
}

impl std::error::Error for ClientSetupError {}

/// A client that trusts these roots alone, and sends each request once, to its address and nowhere else. It limits the
/// time of connecting; whoever calls limits the rest.
///
/// # Errors
/// Where TLS cannot be set up.
#[expect(clippy::disallowed_methods, reason = "every client is made here")]
pub fn client(
    roots: RootCertStore,
    connect_timeout: Duration,
) -> Result<reqwest::Client, ClientSetupError> {
    // Given to this client alone: nothing is installed for the process.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| ClientSetupError::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .connect_timeout(connect_timeout)
        // A redirect would carry the token to whatever host it names.
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .retry(reqwest::retry::never())
        .no_proxy()
        .build()
        .map_err(|_| ClientSetupError::HttpClient)
}

/// The SDK's way to the network. Our calls to AWS have all of their body in memory, on the way there and back.
#[derive(Debug)]
pub(crate) struct SdkConnector(pub(crate) reqwest::Client);

impl HttpConnector for SdkConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.0.clone();
        HttpConnectorFuture::new(async move {
            let request = request
                .try_into_http1x()
                .map_err(|error| ConnectorError::user(error.into()))?;
            let (head, body) = request.into_parts();
            let body = body
                .bytes()
                .ok_or_else(|| ConnectorError::user("the body is not in memory".into()))?;
            let request = http::Request::from_parts(head, Bytes::copy_from_slice(body));
            let request = request
                .try_into()
                .map_err(|error: reqwest::Error| ConnectorError::user(error.into()))?;
            let mut response = client.execute(request).await.map_err(failure)?;
            let mut answer = http::Response::new(());
            *answer.status_mut() = response.status();
            *answer.headers_mut() = std::mem::take(response.headers_mut());
            let body = response.bytes().await.map_err(failure)?;
            HttpResponse::try_from(answer.map(|()| SdkBody::from(body)))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// The SDK sends a request once more when it did not come through or its answer broke off.
fn failure(error: reqwest::Error) -> ConnectorError {
    if error.is_timeout() {
        ConnectorError::timeout(error.into())
    } else {
        ConnectorError::io(error.into())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use aws_credential_types::Credentials;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use crate::aws::Aws;
    use crate::config::AwsConfig;

    #[tokio::test]
    async fn the_sdk_tries_again_when_a_connection_or_an_answer_breaks_off() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let aws = Aws::new(&AwsConfig {
            region: "us-east-1".into(),
            credentials: Credentials::new("example", "example", None, None, "test"),
            endpoint: Some(address.parse().unwrap()),
            endpoint_of: BTreeMap::new(),
            table: String::new(),
            app_secret_id: String::new(),
            queue_url: String::new(),
            queue_arn: String::new(),
            post_queue_url: String::new(),
            post_queue_arn: String::new(),
            schedule_group: String::new(),
            schedule_role_arn: String::new(),
        })
        .unwrap();
        let answers = [
            "",
            "HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"Item\":",
            "HTTP/1.1 200 OK\r\ncontent-length: 27\r\n\r\n{\"Item\":{\"pk\":{\"S\":\"one\"}}}",
        ];
        let service = async {
            for answer in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = [0; 4096];
                assert_ne!(stream.read(&mut request).await.unwrap(), 0);
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        };
        let read = aws
            .dynamodb
            .get_item()
            .table_name("example")
            .key(
                "pk",
                aws_sdk_dynamodb::types::AttributeValue::S("one".into()),
            )
            .send();
        let (read, ()) = tokio::join!(read, service);
        let item = read.unwrap().item.unwrap();
        assert_eq!(item["pk"].as_s().unwrap(), "one");
    }
}
