//! moto, an AWS emulator that this project did not write, with what `template.yaml` says in it: `tests/blackbox/aws.py`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Deserialize;
use shared::aws::{Aws, AwsError};
use world::delivery::Feed;
use world::resources::{self, Resources};

use crate::Places;
use crate::clock::SharedClock;

/// moto's process. It ends with this.
pub(crate) struct Emulator {
    process: Child,
    _input: Option<ChildStdin>,
    /// What was deployed to it.
    pub(crate) deployment: Deployment,
    /// Clients of our own.
    pub(crate) clients: Aws,
    /// The accounts' queue.
    pub(crate) feed: Feed,
    /// Addresses of the queues.
    pub(crate) queues: Resources,
}

/// What was deployed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Deployment {
    /// moto's address.
    pub(crate) url: String,
    dead_letters_url: String,
    /// Every function of the template.
    pub(crate) functions: Vec<Deployed>,
}

impl Deployment {
    fn variable(&self, name: &str) -> &str {
        let first = self.functions.first();
        first
            .and_then(|function| function.environment.get(name))
            .map_or("", String::as_str)
    }
}

/// A function of the template.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Deployed {
    /// The logical id, `RefreshWorker`.
    pub(crate) name: String,
    /// The crate that it is built of.
    pub(crate) program: String,
    /// Its variables, as CloudFormation resolves them.
    pub(crate) environment: BTreeMap<String, String>,
    /// The keys of its routes, `GET /instagram/accounts/{id}`.
    pub(crate) routes: BTreeSet<String>,
    /// The queue that it takes, by its logical id.
    #[serde(default)]
    pub(crate) queue: Option<String>,
}

/// An item of the table.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// A schedule.
pub(crate) struct Schedule {
    /// When it fires.
    pub(crate) expression: String,
    /// The task that it puts on the queue.
    pub(crate) input: String,
    /// That queue.
    pub(crate) queue_url: String,
}

impl Emulator {
    /// Starts moto and deploys to it, with this text as the app's secret.
    ///
    /// # Errors
    /// When it does not start; its log says why.
    pub(crate) fn start(
        places: &Places,
        clock: &SharedClock,
        app_secret: &str,
    ) -> Result<Self, String> {
        let log = places.logs.join("moto.log");
        let said = |error: std::io::Error| format!("moto: {error}");
        let mut process = Command::new(&places.python)
            .arg(places.root.join("tests/blackbox/aws.py"))
            .arg(places.root.join("template.yaml"))
            .envs(clock.variables())
            .env("APP_SECRET", app_secret)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(log).map_err(said)?)
            .spawn()
            .map_err(said)?;
        let mut line = String::new();
        if let Some(output) = process.stdout.take() {
            BufReader::new(output).read_line(&mut line).map_err(said)?;
        }
        let deployment: Deployment = serde_json::from_str(&line)
            .map_err(|_| "moto did not take the template: see moto.log".to_owned())?;
        let queues = Resources {
            queue_url: deployment.variable("ACCOUNT_QUEUE_URL").to_owned(),
            queue_arn: deployment.variable("ACCOUNT_QUEUE_ARN").to_owned(),
            post_queue_url: deployment.variable("POST_QUEUE_URL").to_owned(),
            post_queue_arn: deployment.variable("POST_QUEUE_ARN").to_owned(),
            event_queue_url: deployment.variable("EVENT_QUEUE_URL").to_owned(),
            event_queue_arn: String::new(),
            dead_letters_url: deployment.dead_letters_url.clone(),
        };
        Ok(Self {
            feed: Feed::new(&deployment.url, &queues),
            queues,
            _input: process.stdin.take(),
            process,
            clients: resources::clients(&deployment.url, "BLACKBOX"),
            deployment,
        })
    }

    /// A variable that all functions have alike.
    pub(crate) fn variable(&self, name: &str) -> &str {
        self.deployment.variable(name)
    }

    /// Puts a body on a queue.
    ///
    /// # Errors
    /// When moto refuses.
    pub(crate) async fn send(&self, queue_url: &str, body: &str) -> Result<(), String> {
        let send = self.clients.sqs.send_message().message_body(body);
        send.queue_url(queue_url)
            .send()
            .await
            .map(|_| ())
            .map_err(|error| AwsError::new("SendMessage", &error).to_string())
    }

    /// How many messages are in a queue, delayed and hidden ones included.
    ///
    /// # Errors
    /// When moto refuses.
    pub(crate) async fn depth(&self, queue_url: &str) -> Result<i64, String> {
        let read = self.clients.sqs.get_queue_attributes().queue_url(queue_url);
        let output = read
            .attribute_names("All".into())
            .send()
            .await
            .map_err(|error| AwsError::new("GetQueueAttributes", &error).to_string())?;
        let attributes = output.attributes.unwrap_or_default();
        let counts = attributes
            .iter()
            .filter(|(name, _)| name.as_str().starts_with("ApproximateNumberOfMessages"))
            .filter_map(|(_, count)| count.parse::<i64>().ok());
        Ok(counts.sum())
    }

    /// Empties the dead letters and returns their bodies.
    ///
    /// # Errors
    /// When moto refuses.
    pub(crate) async fn take_dead_letters(&self) -> Result<Vec<String>, String> {
        let url = &self.queues.dead_letters_url;
        let receive = self.clients.sqs.receive_message().queue_url(url);
        let received = receive
            .max_number_of_messages(10)
            .send()
            .await
            .map_err(|error| AwsError::new("ReceiveMessage", &error).to_string())?;
        let mut bodies = Vec::new();
        for message in received.messages.unwrap_or_default() {
            let delete = self.clients.sqs.delete_message().queue_url(url);
            delete
                .receipt_handle(message.receipt_handle.unwrap_or_default())
                .send()
                .await
                .map_err(|error| AwsError::new("DeleteMessage", &error).to_string())?;
            bodies.push(message.body.unwrap_or_default());
        }
        Ok(bodies)
    }

    /// The names of all schedules of the group.
    ///
    /// # Errors
    /// When moto refuses.
    pub(crate) async fn schedules(&self) -> Result<BTreeSet<String>, String> {
        let list = self.clients.scheduler.list_schedules();
        let output = list
            .group_name(self.variable("SCHEDULE_GROUP"))
            .send()
            .await
            .map_err(|error| AwsError::new("ListSchedules", &error).to_string())?;
        let names = output.schedules.into_iter().filter_map(|it| it.name);
        Ok(names.collect())
    }

    /// A schedule of the group, with what it would put on which queue.
    ///
    /// # Errors
    /// When there is none, or its target is no queue of ours.
    pub(crate) async fn schedule(&self, name: &str) -> Result<Schedule, String> {
        let get = self.clients.scheduler.get_schedule().name(name);
        let found = get
            .group_name(self.variable("SCHEDULE_GROUP"))
            .send()
            .await
            .map_err(|error| format!("{name}: {}", AwsError::new("GetSchedule", &error)))?;
        let target = found.target.ok_or("a schedule without a target")?;
        let queues = [
            (&self.queues.queue_arn, &self.queues.queue_url),
            (&self.queues.post_queue_arn, &self.queues.post_queue_url),
        ];
        let queue = queues.into_iter().find(|(arn, _)| **arn == target.arn);
        let Some((_, queue_url)) =
            queue.filter(|_| target.role_arn == self.variable("SCHEDULE_ROLE_ARN"))
        else {
            return Err(format!(
                "{name} leads to {} by {}",
                target.arn, target.role_arn
            ));
        };
        Ok(Schedule {
            queue_url: queue_url.clone(),
            expression: found.schedule_expression.unwrap_or_default(),
            input: target.input.unwrap_or_default(),
        })
    }

    /// Removes a schedule, as an accident would.
    ///
    /// # Errors
    /// When moto refuses.
    pub(crate) async fn lose_schedule(&self, name: &str) -> Result<(), String> {
        let delete = self.clients.scheduler.delete_schedule().name(name);
        delete
            .group_name(self.variable("SCHEDULE_GROUP"))
            .send()
            .await
            .map(|_| ())
            .map_err(|error| AwsError::new("DeleteSchedule", &error).to_string())
    }

    /// Every item of the table.
    ///
    /// # Errors
    /// When moto refuses.
    pub(crate) async fn items(&self) -> Result<Vec<Item>, String> {
        let (mut items, mut start) = (Vec::new(), None);
        loop {
            let scan = self.clients.dynamodb.scan().set_exclusive_start_key(start);
            let page = scan
                .table_name(self.variable("TABLE_NAME"))
                .send()
                .await
                .map_err(|error| AwsError::new("Scan", &error).to_string())?;
            items.extend(page.items.unwrap_or_default());
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(items);
            }
        }
    }

    /// The version of a page that counts, as text.
    ///
    /// # Errors
    /// When moto refuses.
    pub(crate) async fn page(&self, page: &str, version: &str) -> Result<String, String> {
        let get = self.clients.secrets.get_secret_value();
        let found = get
            .secret_id(format!("{}/{page}", self.variable("VAULT_PREFIX")))
            .version_id(version)
            .send()
            .await
            .map_err(|error| AwsError::new("GetSecretValue", &error).to_string())?;
        Ok(found.secret_string.unwrap_or_default())
    }

    /// Writes a version of a page as a writer does that dies before its transaction.
    ///
    /// # Errors
    /// When moto refuses.
    pub(crate) async fn half_write(&self, page: &str) -> Result<(), String> {
        let put = self.clients.secrets.put_secret_value();
        put.secret_id(format!("{}/{page}", self.variable("VAULT_PREFIX")))
            .secret_string(r#"{"accounts":{}}"#)
            .client_request_token(uuid::Uuid::new_v4().to_string())
            .send()
            .await
            .map(|_| ())
            .map_err(|error| AwsError::new("PutSecretValue", &error).to_string())
    }

    /// The version of a page that has the label `AWSCURRENT`.
    ///
    /// # Errors
    /// When moto refuses.
    pub(crate) async fn labeled(&self, page: &str) -> Result<Option<String>, String> {
        let describe = self.clients.secrets.describe_secret();
        let found = describe
            .secret_id(format!("{}/{page}", self.variable("VAULT_PREFIX")))
            .send()
            .await
            .map_err(|error| AwsError::new("DescribeSecret", &error).to_string())?;
        let labels = found.version_ids_to_stages.unwrap_or_default();
        let is_current = |labels: &Vec<String>| labels.iter().any(|label| label == "AWSCURRENT");
        let mut labels = labels.into_iter();
        Ok(labels
            .find(|(_, labels)| is_current(labels))
            .map(|(version, _)| version))
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
