//! The one place that reads the environment.
//!
//! [`Config::from_environment`] reads every variable once per cold start and reports all that is wrong in one message,
//! so that a wrong deployment fails at its start and not at its first request. [`VARIABLES`] lists every variable; the
//! README's table is checked against it.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use aws_credential_types::Credentials;
use jiff::SignedDuration;
use url::Url;

use crate::graph::GraphConfig;

mod variables;

pub use variables::{VARIABLES, Variable};

/// The scope without which no call works (Meta: "Business Login for Instagram").
pub const BASIC_SCOPE: &str = "instagram_business_basic";
/// The scope without which Instagram tells no figures (Meta: "Instagram Platform: insights").
pub const INSIGHTS_SCOPE: &str = "instagram_business_manage_insights";

/// Everything that a function is told from outside.
#[derive(Clone, Debug)]
pub struct Config {
    /// The Instagram app and its login.
    pub instagram: InstagramConfig,
    /// How Meta's API is called.
    pub graph: GraphConfig,
    /// Where AWS is, and the names of our resources there.
    pub aws: AwsConfig,
    /// How tokens are kept.
    pub vault: VaultConfig,
    /// How posts are published.
    pub publish: PublishConfig,
    /// Callers of the HTTP API.
    pub api: ApiConfig,
    /// Where people reach the webhooks' function, where that is configured.
    pub webhooks_url: Option<Url>,
    /// The least severe log line that is written.
    pub log_level: tracing::Level,
    /// Under which names metrics are written.
    pub metrics: MetricsConfig,
}

/// The Instagram app and its login.
#[derive(Clone, Debug)]
pub struct InstagramConfig {
    /// Whether the Meta app is still in development.
    pub mode: Mode,
    /// Scopes that a login asks for.
    pub scopes: Vec<String>,
    /// Address of the callback, exactly as registered with Meta: a text, since Meta compares it byte by byte.
    pub redirect_uri: String,
    /// Addresses to which a login may return; never empty.
    pub return_to: Vec<Url>,
    /// Whether a login without a browser's cookie may end with Instagram's redirect.
    pub allows_logins_begun_by_servers: bool,
    /// Webhook fields that each account is subscribed to; never empty.
    pub webhook_fields: Vec<String>,
}

/// Whether the Meta app is still in development.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Only people with a role on the app can connect.
    Development,
    /// The app is live.
    Production,
}

/// Where AWS is, and the names of our resources there.
#[derive(Clone, Debug)]
pub struct AwsConfig {
    /// The Region of every resource.
    pub region: String,
    /// Credentials of the function's role, as Lambda hands them over.
    pub credentials: Credentials,
    /// An emulator's address for all services.
    pub endpoint: Option<Url>,
    /// An emulator's address for one service, by the service's name in `AWS_ENDPOINT_URL_<NAME>`.
    pub endpoint_of: BTreeMap<&'static str, Url>,
    /// The DynamoDB table.
    pub table: String,
    /// The secret with app ids and app secrets.
    pub app_secret_id: String,
    /// The accounts' queue.
    pub queue_url: String,
    /// The same queue, as the schedules' target.
    pub queue_arn: String,
    /// The posts' queue.
    pub post_queue_url: String,
    /// The same queue, as the target of the posts' schedules.
    pub post_queue_arn: String,
    /// The events' queue.
    pub event_queue_url: String,
    /// The bus that takes the announcements.
    pub event_bus: String,
    /// The group of all schedules.
    pub schedule_group: String,
    /// The role with which schedules send.
    pub schedule_role_arn: String,
}

/// How tokens are kept.
#[derive(Clone, Debug)]
pub struct VaultConfig {
    /// Prefix of the secrets' names.
    pub prefix: String,
    /// Accounts to a page.
    pub page_size: usize,
    /// Pages over which new accounts are dealt.
    pub open_pages: usize,
}

/// How posts are published.
#[derive(Clone, Debug)]
pub struct PublishConfig {
    /// How long before its time a post is prepared that was planned far ahead.
    pub prepare_ahead: SignedDuration,
    /// Origins from which media are looked at although they are not public.
    pub trusted_media: Vec<Url>,
}

/// Under which names metrics are written.
#[derive(Clone, Debug)]
pub struct MetricsConfig {
    /// The namespace of every metric.
    pub namespace: String,
    /// The function's name on Lambda.
    pub function: String,
}

/// Callers of the HTTP API.
#[derive(Clone, Debug)]
pub struct ApiConfig {
    /// Claim that names the company.
    pub company_claim: String,
    /// Claim that names the role.
    pub role_claim: String,
    /// Largest request body, bytes.
    pub body_limit: usize,
    /// How long an answer of Instagram's is given to others.
    pub media_cache: SignedDuration,
}

/// Everything that is wrong with the environment, in one message.
#[derive(Debug)]
pub struct ConfigError {
    problems: Vec<String>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "the configuration is not usable: {}",
            self.problems.join("; ")
        )
    }
}

impl std::error::Error for ConfigError {}

/// Services whose emulator may stand at an address of its own.
const SERVICES: &[&str] = &[
    "DYNAMODB",
    "SECRETS_MANAGER",
    "SQS",
    "SCHEDULER",
    "EVENTBRIDGE",
];

impl Config {
    /// Reads the environment of this process.
    #[expect(clippy::disallowed_methods, reason = "this is the place")]
    pub fn from_environment() -> Result<Self, ConfigError> {
        Self::from_variables(&std::env::vars().collect())
    }

    /// Reads the given variables: every problem is reported, not only the first.
    pub fn from_variables(variables: &BTreeMap<String, String>) -> Result<Self, ConfigError> {
        let mut reader = Reader {
            variables,
            problems: Vec::new(),
            mode: Mode::Production,
        };
        let mode = match reader.text("INSTAGRAM_MODE").as_str() {
            "development" => Mode::Development,
            "production" => Mode::Production,
            _ => {
                reader.problem("INSTAGRAM_MODE must be `development` or `production`");
                Mode::Production
            }
        };
        reader.mode = mode;
        let config = Self {
            instagram: InstagramConfig {
                mode,
                scopes: reader.scopes(),
                redirect_uri: reader.address("INSTAGRAM_REDIRECT_URI").0,
                return_to: reader.return_to(),
                allows_logins_begun_by_servers: reader.allows("INSTAGRAM_LOGINS_BEGUN_BY_SERVERS"),
                webhook_fields: reader.list("INSTAGRAM_WEBHOOK_FIELDS"),
            },
            graph: reader.graph(),
            aws: reader.aws(),
            vault: VaultConfig {
                prefix: reader.text("VAULT_PREFIX"),
                page_size: reader.number("VAULT_PAGE_SIZE", 1, 100),
                open_pages: reader.number("VAULT_OPEN_PAGES", 1, 16),
            },
            publish: PublishConfig {
                prepare_ahead: SignedDuration::from_hours(reader.number(
                    "PUBLISH_PREPARE_HOURS",
                    1,
                    20,
                )),
                trusted_media: reader.trusted_media(),
            },
            api: ApiConfig {
                company_claim: reader.text("COMPANY_CLAIM"),
                role_claim: reader.text("ROLE_CLAIM"),
                body_limit: reader.number("REQUEST_BODY_LIMIT", 1024, 6_000_000),
                media_cache: SignedDuration::from_secs(reader.number(
                    "MEDIA_CACHE_SECONDS",
                    0,
                    3600,
                )),
            },
            webhooks_url: reader.webhooks_url(),
            log_level: reader.log_level(),
            metrics: MetricsConfig {
                namespace: reader.text("METRICS_NAMESPACE"),
                function: reader.set_by_lambda("AWS_LAMBDA_FUNCTION_NAME"),
            },
        };
        if reader.problems.is_empty() {
            Ok(config)
        } else {
            Err(ConfigError {
                problems: reader.problems,
            })
        }
    }
}

struct Reader<'a> {
    variables: &'a BTreeMap<String, String>,
    problems: Vec<String>,
    mode: Mode,
}

impl Reader<'_> {
    fn problem(&mut self, text: impl Into<String>) {
        self.problems.push(text.into());
    }

    fn given(&self, name: &str) -> Option<&str> {
        self.variables
            .get(name)
            .map(String::as_str)
            .filter(|text| !text.trim().is_empty())
    }

    /// The variable's text or its default; a missing one without default is a problem.
    fn text(&mut self, name: &'static str) -> String {
        if let Some(text) = self.given(name) {
            return text.trim().to_owned();
        }
        let known = VARIABLES.iter().find(|variable| variable.name == name);
        match known.and_then(|variable| variable.default) {
            Some(default) => default.to_owned(),
            None => {
                self.problem(format!("{name} is not set"));
                String::new()
            }
        }
    }

    /// Lambda sets it; elsewhere it is needed as well, so its absence is told like any other.
    fn set_by_lambda(&mut self, name: &str) -> String {
        let given = self.given(name).map(str::to_owned);
        given.unwrap_or_else(|| {
            self.problem(format!("{name} is not set"));
            String::new()
        })
    }

    /// Texts separated by commas: at least one.
    fn list(&mut self, name: &'static str) -> Vec<String> {
        let text = self.text(name);
        let list: Vec<String> = text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect();
        if list.is_empty() && !text.is_empty() {
            self.problem(format!("{name} names nothing"));
        }
        list
    }

    fn number<T: FromStr + PartialOrd + fmt::Display + Copy>(
        &mut self,
        name: &'static str,
        least: T,
        most: T,
    ) -> T {
        match self.text(name).parse::<T>() {
            Ok(number) if number >= least && number <= most => number,
            _ => {
                self.problem(format!(
                    "{name} must be a whole number from {least} to {most}"
                ));
                least
            }
        }
    }

    fn allows(&mut self, name: &'static str) -> bool {
        let text = self.text(name);
        if !["allow", "refuse"].contains(&text.as_str()) {
            self.problem(format!("{name} must be `allow` or `refuse`"));
        }
        text == "allow"
    }

    fn scopes(&mut self) -> Vec<String> {
        let scopes = self.list("INSTAGRAM_SCOPES");
        if !scopes.iter().any(|scope| scope == BASIC_SCOPE) {
            self.problem(
                "INSTAGRAM_SCOPES must hold `instagram_business_basic`: every call needs it",
            );
        }
        scopes
    }

    fn log_level(&mut self) -> tracing::Level {
        let text = self.text("LOG_LEVEL");
        text.parse().unwrap_or_else(|_| {
            self.problem("LOG_LEVEL must be `error`, `warn`, `info` or `debug`");
            tracing::Level::INFO
        })
    }

    /// An absolute address over HTTPS, or over HTTP on this machine; as it was written, and parsed.
    fn address(&mut self, name: &'static str) -> (String, Url) {
        let text = self.text(name);
        let url = if text.is_empty() {
            None
        } else {
            self.checked_address(name, &text)
        };
        (text, url.unwrap_or_else(nowhere))
    }

    fn checked_address(&mut self, name: &str, text: &str) -> Option<Url> {
        match Url::parse(text) {
            Ok(url)
                if url.has_host()
                    && (url.scheme() == "https"
                        || url.scheme() == "http"
                            && is_this_machine(&url)
                            && self.mode == Mode::Development)
                    && url.username().is_empty()
                    && url.password().is_none()
                    && url.fragment().is_none() =>
            {
                Some(url)
            }
            _ => {
                self.problem(format!(
                    "{name} must hold absolute https addresses (http only on this machine, in development) without user or fragment"
                ));
                None
            }
        }
    }

    fn webhooks_url(&mut self) -> Option<Url> {
        let name = "WEBHOOKS_URL";
        let text = self.text(name);
        if text.is_empty() {
            return None;
        }
        self.checked_address(name, &text)
    }

    fn return_to(&mut self) -> Vec<Url> {
        let name = "INSTAGRAM_RETURN_TO";
        let texts = self.list(name);
        texts
            .iter()
            .filter_map(|text| self.checked_address(name, text))
            .collect()
    }

    fn trusted_media(&mut self) -> Vec<Url> {
        let name = "PUBLISH_TRUSTED_MEDIA";
        let texts = self.list(name);
        if texts == ["none"] {
            return Vec::new();
        }
        if self.mode == Mode::Production {
            self.problem(format!("{name} is for development only"));
        }
        texts
            .iter()
            .filter_map(|text| self.checked_address(name, text))
            .collect()
    }

    fn graph(&mut self) -> GraphConfig {
        let api_version = self.text("INSTAGRAM_API_VERSION");
        let digits_and_dot = |text: &str| {
            text.split_once('.').is_some_and(|(major, minor)| {
                !major.is_empty()
                    && !minor.is_empty()
                    && (major.to_owned() + minor)
                        .bytes()
                        .all(|b| b.is_ascii_digit())
            })
        };
        if !api_version.strip_prefix('v').is_some_and(digits_and_dot) {
            self.problem("INSTAGRAM_API_VERSION must look like `v26.0`");
        }
        let mut graph = GraphConfig::new(
            api_version,
            self.address("INSTAGRAM_AUTHORIZE_URL").1,
            self.address("INSTAGRAM_TOKEN_URL").1,
            self.address("INSTAGRAM_GRAPH_URL").1,
        );
        graph.timeout = Duration::from_millis(self.number("GRAPH_TIMEOUT_MS", 500, 60_000));
        graph.max_body_bytes = self.number("GRAPH_BODY_LIMIT", 10_000, 50_000_000);
        graph
    }

    fn aws(&mut self) -> AwsConfig {
        let endpoint = self.endpoint("AWS_ENDPOINT_URL");
        let mut endpoint_of = BTreeMap::new();
        for service in SERVICES {
            if let Some(url) = self.endpoint(&format!("AWS_ENDPOINT_URL_{service}")) {
                endpoint_of.insert(*service, url);
            }
        }
        let region = self.set_by_lambda("AWS_REGION");
        let credentials = Credentials::new(
            self.set_by_lambda("AWS_ACCESS_KEY_ID"),
            self.set_by_lambda("AWS_SECRET_ACCESS_KEY"),
            self.given("AWS_SESSION_TOKEN").map(str::to_owned),
            None,
            "environment",
        );
        AwsConfig {
            region,
            credentials,
            endpoint,
            endpoint_of,
            table: self.text("TABLE_NAME"),
            app_secret_id: self.text("APP_SECRET_ID"),
            queue_url: self.text("ACCOUNT_QUEUE_URL"),
            queue_arn: self.text("ACCOUNT_QUEUE_ARN"),
            post_queue_url: self.text("POST_QUEUE_URL"),
            post_queue_arn: self.text("POST_QUEUE_ARN"),
            event_queue_url: self.text("EVENT_QUEUE_URL"),
            event_bus: self.text("EVENT_BUS"),
            schedule_group: self.text("SCHEDULE_GROUP"),
            schedule_role_arn: self.text("SCHEDULE_ROLE_ARN"),
        }
    }

    fn endpoint(&mut self, name: &str) -> Option<Url> {
        let text = self.given(name)?.to_owned();
        match Url::parse(&text) {
            Ok(url) if url.has_host() => Some(url),
            _ => {
                self.problem(format!("{name} must be an absolute address"));
                None
            }
        }
    }
}

/// Stands in for an address that was reported as a problem, and is never used.
fn nowhere() -> Url {
    Url::from_str("https://invalid.invalid").unwrap_or_else(|_| unreachable!("a constant address"))
}

fn is_this_machine(url: &Url) -> bool {
    matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The smallest environment that works; values say what they are.
    pub(crate) fn complete() -> BTreeMap<String, String> {
        [
            (
                "INSTAGRAM_REDIRECT_URI",
                "https://api.example.com/instagram/callback",
            ),
            (
                "INSTAGRAM_RETURN_TO",
                "https://app.example.com, https://app.example.com/settings",
            ),
            ("APP_SECRET_ID", "instagram/app"),
            ("TABLE_NAME", "instagram"),
            (
                "ACCOUNT_QUEUE_URL",
                "https://sqs.us-east-1.amazonaws.com/000000000000/accounts",
            ),
            (
                "ACCOUNT_QUEUE_ARN",
                "arn:aws:sqs:us-east-1:000000000000:accounts",
            ),
            (
                "POST_QUEUE_URL",
                "https://sqs.us-east-1.amazonaws.com/000000000000/posts",
            ),
            ("POST_QUEUE_ARN", "arn:aws:sqs:us-east-1:000000000000:posts"),
            (
                "EVENT_QUEUE_URL",
                "https://sqs.us-east-1.amazonaws.com/000000000000/events",
            ),
            ("EVENT_BUS", "instagram"),
            ("SCHEDULE_GROUP", "instagram"),
            (
                "SCHEDULE_ROLE_ARN",
                "arn:aws:iam::000000000000:role/schedules",
            ),
            ("AWS_LAMBDA_FUNCTION_NAME", "connect"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "test-access-key"),
            ("AWS_SECRET_ACCESS_KEY", "test-secret-key"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    #[test]
    fn a_complete_environment_is_read_with_the_documented_defaults() {
        let config = Config::from_variables(&complete()).unwrap();
        assert_eq!(config.graph.api_version, "v26.0");
        assert_eq!(config.instagram.mode, Mode::Production);
        assert_eq!(config.instagram.scopes.len(), 5);
        assert_eq!(config.instagram.return_to.len(), 2);
        assert_eq!(config.vault.page_size, 64);
        assert_eq!(config.api.company_claim, "custom:company");
    }

    #[test]
    fn k05_every_problem_is_named_in_one_message() {
        let mut variables = complete();
        variables.remove("TABLE_NAME");
        variables.remove("AWS_REGION");
        for (name, value) in [
            ("INSTAGRAM_MODE", "staging"),
            ("INSTAGRAM_API_VERSION", "26"),
            ("INSTAGRAM_SCOPES", "instagram_business_content_publish"),
            ("INSTAGRAM_RETURN_TO", "javascript:alert(1)"),
            ("INSTAGRAM_GRAPH_URL", "http://graph.instagram.com"),
            ("VAULT_PAGE_SIZE", "0"),
            ("INSTAGRAM_WEBHOOK_FIELDS", ","),
            ("INSTAGRAM_LOGINS_BEGUN_BY_SERVERS", "maybe"),
            ("LOG_LEVEL", "loud"),
        ] {
            variables.insert(name.to_owned(), value.to_owned());
        }
        let message = Config::from_variables(&variables).unwrap_err().to_string();
        for name in [
            "TABLE_NAME is not set",
            "AWS_REGION is not set",
            "INSTAGRAM_MODE",
            "INSTAGRAM_API_VERSION",
            "INSTAGRAM_SCOPES",
            "INSTAGRAM_RETURN_TO",
            "INSTAGRAM_GRAPH_URL",
            "VAULT_PAGE_SIZE",
            "INSTAGRAM_WEBHOOK_FIELDS names nothing",
            "INSTAGRAM_LOGINS_BEGUN_BY_SERVERS",
            "LOG_LEVEL",
        ] {
            assert!(message.contains(name), "{name} is missing in: {message}");
        }
    }

    #[test]
    fn an_empty_environment_names_every_variable_without_default() {
        let message = Config::from_variables(&BTreeMap::new())
            .unwrap_err()
            .to_string();
        for variable in VARIABLES
            .iter()
            .filter(|variable| variable.default.is_none())
        {
            assert!(
                message.contains(variable.name),
                "{} is missing in: {message}",
                variable.name
            );
        }
    }

    #[test]
    fn k01_the_configuration_does_not_print_credentials() {
        let config = Config::from_variables(&complete()).unwrap();
        assert!(!format!("{config:?}").contains("test-secret-key"));
    }
}
