//! Clients for AWS's services, each built once.
//!
//! The SDK's configuration is put together by hand: Lambda's variables name the Region and the credentials, one HTTP
//! connector serves all clients, and the roots of Amazon's certificate authorities are part of the binary. The
//! default chain would cost tens of milliseconds of CPU at each cold start.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::config::{
    BehaviorVersion, Intercept, Region, RuntimeComponents, SharedInterceptor,
    interceptors::BeforeTransmitInterceptorContextRef,
};
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_async::time::SystemTimeSource;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::{SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::config::AwsConfig;
use crate::outgoing::{self, ClientSetupError, SdkConnector};
use crate::telemetry;

/// Amazon's roots: <https://www.amazontrust.com/repository/>.
const AMAZON_ROOTS: &[u8] = include_bytes!("amazon-roots.pem");

/// The longest that connecting to AWS may take.
const CONNECT: Duration = Duration::from_secs(2);

/// A client that is built when it is first used: those that few requests need, since each costs a tenth of a millisecond at
/// every cold start. The others are built before the first request, when Lambda gives a function all of a processor.
pub type Lazily<Client> = Arc<LazyLock<Client, Box<dyn FnOnce() -> Client + Send>>>;

/// One client per service, all over the same connector.
#[derive(Clone, Debug)]
pub struct Aws {
    /// Records.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// The app's secret and the token pages.
    pub secrets: aws_sdk_secretsmanager::Client,
    /// Tasks.
    pub sqs: aws_sdk_sqs::Client,
    /// Schedules.
    pub scheduler: Lazily<aws_sdk_scheduler::Client>,
    /// Announcements.
    pub eventbridge: Lazily<aws_sdk_eventbridge::Client>,
}

/// What builds the client of a service, by the name of its crate.
macro_rules! builder {
    ($service:ident, $sdk:ident, $endpoint:expr) => {{
        let (sdk, endpoint) = ($sdk.clone(), $endpoint);
        move || {
            let mut config = $service::config::Builder::from(&sdk)
                .interceptor(SharedInterceptor::new(CountCalls));
            config.set_endpoint_url(endpoint);
            $service::Client::from_conf(config.build())
        }
    }};
}

fn lazily<Client>(build: impl FnOnce() -> Client + Send + 'static) -> Lazily<Client> {
    Arc::new(LazyLock::new(Box::new(build)))
}

impl Aws {
    /// Sets up TLS and clients; no call is made.
    ///
    /// # Errors
    /// Where TLS cannot be set up.
    pub fn new(config: &AwsConfig) -> Result<Self, ClientSetupError> {
        // One connector, whichever client asks: the SDK would otherwise build one for each.
        let connector =
            SharedHttpConnector::new(SdkConnector(outgoing::client(amazon_roots()?, CONNECT)?));
        let sdk = SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(config.region.clone()))
            .credentials_provider(SharedCredentialsProvider::new(config.credentials.clone()))
            .http_client(http_client_fn(move |_, _| connector.clone()))
            .sleep_impl(TokioSleep::new())
            // It watches how a body flows; ours are in memory, and the time of a whole try is limited.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .time_source(SystemTimeSource::new())
            .retry_config(
                RetryConfig::standard()
                    .with_max_attempts(4)
                    .with_initial_backoff(Duration::from_millis(50))
                    .with_max_backoff(Duration::from_secs(1)),
            )
            .timeout_config(
                TimeoutConfig::builder()
                    .operation_attempt_timeout(Duration::from_secs(5))
                    .operation_timeout(Duration::from_secs(12))
                    .build(),
            )
            .build();
        let endpoint = |service: &str| {
            let url = config
                .endpoint_of
                .get(service)
                .or(config.endpoint.as_ref())?;
            Some(url.as_str().trim_end_matches('/').to_owned())
        };
        Ok(Self {
            dynamodb: builder!(aws_sdk_dynamodb, sdk, endpoint("DYNAMODB"))(),
            secrets: builder!(aws_sdk_secretsmanager, sdk, endpoint("SECRETS_MANAGER"))(),
            sqs: builder!(aws_sdk_sqs, sdk, endpoint("SQS"))(),
            scheduler: lazily(builder!(aws_sdk_scheduler, sdk, endpoint("SCHEDULER"))),
            eventbridge: lazily(builder!(aws_sdk_eventbridge, sdk, endpoint("EVENTBRIDGE"))),
        })
    }
}

/// Amazon's authorities, and no other.
fn amazon_roots() -> Result<RootCertStore, ClientSetupError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(AMAZON_ROOTS) {
        let certificate = certificate.map_err(|_| ClientSetupError::Tls)?;
        roots.add(certificate).map_err(|_| ClientSetupError::Tls)?;
    }
    Ok(roots)
}

/// Counts each attempt for the log line of the request or task that made it.
#[derive(Debug)]
struct CountCalls;

impl Intercept for CountCalls {
    fn name(&self) -> &'static str {
        "CountCalls"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        telemetry::count_aws_call();
        Ok(())
    }
}

/// Whether an SDK error is the service's own word `code`.
pub fn is_code<E, R>(error: &aws_sdk_dynamodb::error::SdkError<E, R>, code: &str) -> bool
where
    E: aws_sdk_dynamodb::error::ProvideErrorMetadata,
{
    error.as_service_error().and_then(|service| service.code()) == Some(code)
}

/// An AWS call that failed: which one, and the service's code. Never a value that was sent.
#[derive(Clone, Debug)]
pub struct AwsError(Arc<AwsErrorParts>);

#[derive(Debug)]
struct AwsErrorParts {
    operation: &'static str,
    code: String,
}

impl AwsError {
    /// Keeps what may be told of an SDK error.
    pub fn new<E, R>(
        operation: &'static str,
        error: &aws_sdk_dynamodb::error::SdkError<E, R>,
    ) -> Self
    where
        E: aws_sdk_dynamodb::error::ProvideErrorMetadata,
    {
        use aws_sdk_dynamodb::error::SdkError;
        let code = match error {
            SdkError::ServiceError(service) => {
                service.err().code().unwrap_or("unnamed error").to_owned()
            }
            SdkError::TimeoutError(_) => "timeout".to_owned(),
            SdkError::DispatchFailure(_) => "no answer".to_owned(),
            SdkError::ResponseError(_) => "unreadable answer".to_owned(),
            _ => "request not built".to_owned(),
        };
        Self(Arc::new(AwsErrorParts { operation, code }))
    }

    /// A value that a service returned and that we cannot read.
    pub fn unreadable(operation: &'static str, what: &str) -> Self {
        Self(Arc::new(AwsErrorParts {
            operation,
            code: what.to_owned(),
        }))
    }

    /// The service's code, or our word for a failure without one.
    pub fn code(&self) -> &str {
        &self.0.code
    }
}

impl std::fmt::Display for AwsError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} failed: {}", self.0.operation, self.0.code)
    }
}

impl std::error::Error for AwsError {}
