//! What `template.yaml` makes on AWS, made on the embedded one: table, queue with dead letters, schedule group and the
//! app's secret. All calls are the real SDK's, and all may be repeated on a state that was kept.

use std::collections::BTreeMap;
use std::fmt;

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, TimeToLiveSpecification,
};
use aws_sdk_scheduler::types::{FlexibleTimeWindow, FlexibleTimeWindowMode, Target};
use aws_sdk_sqs::types::QueueAttributeName;
use shared::aws::{Aws, is_code};
use shared::config::AwsConfig;
use shared::table::keys;
use shared::tasks::{Message, Task};
use url::Url;

/// The Region of everything.
pub const REGION: &str = "us-east-1";
/// The AWS account of everything.
pub const ACCOUNT_ID: &str = "000000000000";
/// The table.
pub const TABLE: &str = "instagram";
/// The accounts' queue.
pub const QUEUE: &str = "accounts";
/// Where messages of the accounts' queue end that were received too often.
pub const DEAD_LETTERS: &str = "accounts-dead-letters";
/// The posts' queue.
pub const POST_QUEUE: &str = "posts";
/// Where messages of the posts' queue end that were received too often.
pub const POST_DEAD_LETTERS: &str = "posts-dead-letters";
/// The events' queue.
pub const EVENT_QUEUE: &str = "events";
/// Where messages of the events' queue end that were received too often.
pub const EVENT_DEAD_LETTERS: &str = "events-dead-letters";
/// The bus that takes the announcements.
pub const EVENT_BUS: &str = "instagram";
/// All schedules.
pub const SCHEDULE_GROUP: &str = "instagram";
/// The schedule of the hourly audit.
pub const AUDIT_SCHEDULE: &str = "audit-coverage";
/// The schedule that looks for overdue posts.
pub const POST_AUDIT_SCHEDULE: &str = "audit-posts";
/// The secret with app ids and app secrets.
pub const APP_SECRET: &str = "instagram/app";
/// A message received this often goes to the dead letters.
pub const MAX_RECEIVE_COUNT: u32 = 5;
/// How long a queue's worker may take, seconds.
pub const WORKER_TIMEOUT_SECONDS: i64 = 30;
/// How long a message stays hidden after it was received: six times the worker's timeout, as AWS recommends.
pub const VISIBILITY_SECONDS: i64 = 6 * WORKER_TIMEOUT_SECONDS;

/// The secret access key of every function: it is checked by nobody, and must be found nowhere.
pub const SECRET_ACCESS_KEY: &str = "canary-aws-secret-access-key";

/// What was made, with the addresses that AWS chose.
#[derive(Clone, Debug)]
pub struct Resources {
    /// Address of the accounts' queue.
    pub queue_url: String,
    /// ARN of the accounts' queue.
    pub queue_arn: String,
    /// Address of the posts' queue.
    pub post_queue_url: String,
    /// ARN of the posts' queue.
    pub post_queue_arn: String,
    /// Address of the events' queue.
    pub event_queue_url: String,
    /// ARN of the events' queue.
    pub event_queue_arn: String,
    /// Address of the dead letters.
    pub dead_letters_url: String,
}

/// What could not be made, and why.
#[derive(Debug)]
pub struct ProvisionError(String);

impl fmt::Display for ProvisionError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for ProvisionError {}

fn refused<E, R>(what: &str, error: &SdkError<E, R>) -> ProvisionError
where
    SdkError<E, R>: std::error::Error,
    E: ProvideErrorMetadata,
{
    ProvisionError(format!("{what}: {}", DisplayErrorContext(error)))
}

/// Clients of the embedded AWS at `url`, which it knows apart by their access key id.
///
/// # Panics
/// When `url` is none.
pub fn clients(url: &str, access_key_id: &str) -> Aws {
    let aws = Aws::new(&AwsConfig {
        region: REGION.into(),
        credentials: Credentials::new(access_key_id, SECRET_ACCESS_KEY, None, None, "world"),
        endpoint: Some(Url::parse(url).expect("the embedded AWS has an address")),
        endpoint_of: BTreeMap::new(),
        table: TABLE.into(),
        app_secret_id: APP_SECRET.into(),
        queue_url: String::new(),
        queue_arn: String::new(),
        post_queue_url: String::new(),
        post_queue_arn: String::new(),
        event_queue_url: String::new(),
        event_bus: EVENT_BUS.into(),
        schedule_group: SCHEDULE_GROUP.into(),
        schedule_role_arn: String::new(),
    });
    aws.expect("the roots that come with the functions are certificates")
}

/// Makes everything that does not exist yet; the app's secret gets the given text.
///
/// # Errors
/// When AWS refuses.
pub async fn provision(aws: &Aws, app_secret: &str) -> Result<Resources, ProvisionError> {
    make_table(&aws.dynamodb).await?;
    make_schedule_group(&aws.scheduler).await?;
    put_app_secret(&aws.secrets, app_secret).await?;
    make_event_bus(&aws.eventbridge).await?;
    let (queue_url, queue_arn, dead_letters_url) =
        make_queue_with_dead_letters(&aws.sqs, QUEUE, DEAD_LETTERS).await?;
    let (post_queue_url, post_queue_arn, _) =
        make_queue_with_dead_letters(&aws.sqs, POST_QUEUE, POST_DEAD_LETTERS).await?;
    let (event_queue_url, event_queue_arn, _) =
        make_queue_with_dead_letters(&aws.sqs, EVENT_QUEUE, EVENT_DEAD_LETTERS).await?;
    Ok(Resources {
        queue_url,
        queue_arn,
        post_queue_url,
        post_queue_arn,
        event_queue_url,
        event_queue_arn,
        dead_letters_url,
    })
}

/// The queue's address and ARN, and the address of its dead letters.
async fn make_queue_with_dead_letters(
    client: &aws_sdk_sqs::Client,
    name: &str,
    dead_letters: &str,
) -> Result<(String, String, String), ProvisionError> {
    let (dead_letters_url, dead_letters_arn) = make_queue(
        client,
        dead_letters,
        &[(QueueAttributeName::MessageRetentionPeriod, "1209600")],
    )
    .await?;
    let redrive = serde_json::json!({
        "deadLetterTargetArn": dead_letters_arn,
        "maxReceiveCount": MAX_RECEIVE_COUNT,
    })
    .to_string();
    let visibility = VISIBILITY_SECONDS.to_string();
    let (url, arn) = make_queue(
        client,
        name,
        &[
            (QueueAttributeName::VisibilityTimeout, visibility.as_str()),
            (QueueAttributeName::RedrivePolicy, redrive.as_str()),
        ],
    )
    .await?;
    Ok((url, arn, dead_letters_url))
}

/// Makes the hourly schedule of the accounts' audit; one that exists already is left alone.
///
/// # Errors
/// When AWS refuses.
pub async fn schedule_audits(aws: &Aws, resources: &Resources) -> Result<(), ProvisionError> {
    let all = Task::AuditCoverage {
        prefix: String::new(),
        after: String::new(),
    };
    let queue_arn = &resources.queue_arn;
    schedule_audit(aws, AUDIT_SCHEDULE, "rate(1 hour)", queue_arn, all).await
}

/// Makes the schedule of the posts' audit with this expression; one that exists already is left alone.
///
/// # Errors
/// When AWS refuses.
pub async fn schedule_post_audits(
    aws: &Aws,
    resources: &Resources,
    every: &str,
) -> Result<(), ProvisionError> {
    let queue_arn = &resources.post_queue_arn;
    schedule_audit(aws, POST_AUDIT_SCHEDULE, every, queue_arn, Task::AuditPosts).await
}

async fn schedule_audit(
    aws: &Aws,
    name: &str,
    expression: &str,
    queue_arn: &str,
    task: Task,
) -> Result<(), ProvisionError> {
    let incomplete = |_| ProvisionError("an audit's schedule is incomplete".into());
    let target = Target::builder()
        .arn(queue_arn)
        .role_arn(schedule_role())
        .input(Message::of_schedule(task).to_body())
        .build()
        .map_err(incomplete)?;
    let window = FlexibleTimeWindow::builder()
        .mode(FlexibleTimeWindowMode::Off)
        .build()
        .map_err(incomplete)?;
    let created = aws
        .scheduler
        .create_schedule()
        .group_name(SCHEDULE_GROUP)
        .name(name)
        .schedule_expression(expression)
        .flexible_time_window(window)
        .target(target)
        .send()
        .await;
    match created {
        Ok(_) => Ok(()),
        Err(error) if is_code(&error, "ConflictException") => Ok(()),
        Err(error) => Err(refused("an audit's schedule cannot be made", &error)),
    }
}

/// The role with which schedules send to the queue.
fn schedule_role() -> String {
    format!("arn:aws:iam::{ACCOUNT_ID}:role/schedules")
}

impl Resources {
    /// The part of a function's environment that AWS and the template set.
    pub fn variables(&self, aws_url: &str, access_key_id: &str) -> BTreeMap<String, String> {
        let role = schedule_role();
        [
            ("AWS_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", access_key_id),
            ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY),
            ("AWS_ENDPOINT_URL", aws_url),
            ("TABLE_NAME", TABLE),
            ("APP_SECRET_ID", APP_SECRET),
            ("ACCOUNT_QUEUE_URL", &self.queue_url),
            ("ACCOUNT_QUEUE_ARN", &self.queue_arn),
            ("POST_QUEUE_URL", &self.post_queue_url),
            ("POST_QUEUE_ARN", &self.post_queue_arn),
            ("EVENT_QUEUE_URL", &self.event_queue_url),
            ("EVENT_BUS", EVENT_BUS),
            ("SCHEDULE_GROUP", SCHEDULE_GROUP),
            ("SCHEDULE_ROLE_ARN", &role),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }
}

async fn make_table(client: &aws_sdk_dynamodb::Client) -> Result<(), ProvisionError> {
    let incomplete = |_| ProvisionError("the table's definition is incomplete".into());
    let key = |name: &str, kind: KeyType| {
        KeySchemaElement::builder()
            .attribute_name(name)
            .key_type(kind)
            .build()
            .map_err(incomplete)
    };
    let index = |name: &str, projection: Projection| {
        GlobalSecondaryIndex::builder()
            .index_name(name)
            .key_schema(key(&format!("{name}pk"), KeyType::Hash)?)
            .key_schema(key(&format!("{name}sk"), KeyType::Range)?)
            .projection(projection)
            .build()
            .map_err(incomplete)
    };
    let mut request = client
        .create_table()
        .table_name(TABLE)
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(key("pk", KeyType::Hash)?)
        .key_schema(key("sk", KeyType::Range)?);
    for index in ["", keys::INDEX_1, keys::INDEX_2] {
        for part in ["pk", "sk"] {
            request = request.attribute_definitions(
                AttributeDefinition::builder()
                    .attribute_name(format!("{index}{part}"))
                    .attribute_type(ScalarAttributeType::S)
                    .build()
                    .map_err(incomplete)?,
            );
        }
    }
    let projection = |attributes: &[&str]| {
        Projection::builder()
            .projection_type(ProjectionType::Include)
            .set_non_key_attributes(Some(
                attributes.iter().map(|&name| name.to_owned()).collect(),
            ))
            .build()
    };
    let created = request
        .global_secondary_indexes(index(keys::INDEX_1, projection(keys::INDEX_1_ATTRIBUTES))?)
        .global_secondary_indexes(index(keys::INDEX_2, projection(keys::INDEX_2_ATTRIBUTES))?)
        .send()
        .await;
    match created {
        Ok(_) => {}
        Err(error) if is_code(&error, "ResourceInUseException") => return Ok(()),
        Err(error) => return Err(refused("the table cannot be made", &error)),
    }
    let ttl = TimeToLiveSpecification::builder()
        .attribute_name(keys::TTL)
        .enabled(true)
        .build()
        .map_err(incomplete)?;
    client
        .update_time_to_live()
        .table_name(TABLE)
        .time_to_live_specification(ttl)
        .send()
        .await
        .map(|_| ())
        .map_err(|error| refused("the table's time to live cannot be set", &error))
}

async fn make_schedule_group(client: &aws_sdk_scheduler::Client) -> Result<(), ProvisionError> {
    let created = client
        .create_schedule_group()
        .name(SCHEDULE_GROUP)
        .send()
        .await;
    match created {
        Ok(_) => Ok(()),
        Err(error) if is_code(&error, "ConflictException") => Ok(()),
        Err(error) => Err(refused("the schedule group cannot be made", &error)),
    }
}

async fn make_event_bus(client: &aws_sdk_eventbridge::Client) -> Result<(), ProvisionError> {
    match client.create_event_bus().name(EVENT_BUS).send().await {
        Ok(_) => Ok(()),
        Err(error) if is_code(&error, "ResourceAlreadyExistsException") => Ok(()),
        Err(error) => Err(refused("the event bus cannot be made", &error)),
    }
}

async fn put_app_secret(
    client: &aws_sdk_secretsmanager::Client,
    text: &str,
) -> Result<(), ProvisionError> {
    let created = client
        .create_secret()
        .name(APP_SECRET)
        .secret_string(text)
        .client_request_token(uuid::Uuid::new_v4().to_string())
        .send()
        .await;
    match created {
        Ok(_) => return Ok(()),
        Err(error) if is_code(&error, "ResourceExistsException") => {}
        Err(error) => return Err(refused("the app's secret cannot be made", &error)),
    }
    let current = client
        .get_secret_value()
        .secret_id(APP_SECRET)
        .send()
        .await
        .map_err(|error| refused("the app's secret cannot be read", &error))?;
    if current.secret_string() == Some(text) {
        return Ok(());
    }
    client
        .put_secret_value()
        .secret_id(APP_SECRET)
        .secret_string(text)
        .client_request_token(uuid::Uuid::new_v4().to_string())
        .send()
        .await
        .map(|_| ())
        .map_err(|error| refused("the app's secret cannot be changed", &error))
}

/// The queue's address and ARN.
async fn make_queue(
    client: &aws_sdk_sqs::Client,
    name: &str,
    attributes: &[(QueueAttributeName, &str)],
) -> Result<(String, String), ProvisionError> {
    let mut request = client.create_queue().queue_name(name);
    for (attribute, value) in attributes {
        request = request.attributes(attribute.clone(), *value);
    }
    let created = request
        .send()
        .await
        .map_err(|error| refused("a queue cannot be made", &error))?;
    let url = created.queue_url().unwrap_or_default().to_owned();
    let read = client
        .get_queue_attributes()
        .queue_url(&url)
        .attribute_names(QueueAttributeName::QueueArn)
        .send()
        .await
        .map_err(|error| refused("a queue's ARN cannot be read", &error))?;
    let arn = read
        .attributes()
        .and_then(|attributes| attributes.get(&QueueAttributeName::QueueArn))
        .ok_or_else(|| ProvisionError("a queue has no ARN".into()))?;
    Ok((url, arn.clone()))
}
