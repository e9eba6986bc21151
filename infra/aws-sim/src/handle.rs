//! The handle by which tests and the local stack hold an embedded AWS.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::core::{Core, lock};
use crate::wire::text;
use crate::{
    BusEvent, Call, Fault, FaultKind, Options, QueueDepth, Quotas, ScheduleView, SecretView, front,
};

/// How long a stop waits for running calls.
const LONGEST_STOP: Duration = Duration::from_secs(5);
/// How often `run_in_real_time` looks for what is due.
const TICK: Duration = Duration::from_millis(200);
/// After how many of those it writes the state and sweeps the tables.
const TICKS_BETWEEN_SAVES: u32 = 150;

/// A running embedded AWS. Clones are handles to the same one.
#[derive(Clone)]
pub struct AwsSim {
    core: Arc<Core>,
    address: SocketAddr,
    server: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl std::fmt::Debug for AwsSim {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("AwsSim")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl AwsSim {
    /// Starts to listen, with the state of the folder if there is one.
    pub async fn start(options: Options) -> std::io::Result<Self> {
        if !options.listen.ip().is_loopback() {
            let message =
                "the embedded AWS checks no signatures, so it listens on the loopback alone";
            return Err(std::io::Error::new(
                std::io::ErrorKind::InvalidInput,
                message,
            ));
        }
        let listener = TcpListener::bind(options.listen).await?;
        let address = listener.local_addr()?;
        let core = Core::new(&options)?;
        let server = tokio::spawn(front::serve(listener, core.clone()));
        Ok(Self {
            core,
            address,
            server: Arc::new(Mutex::new(Some(server))),
        })
    }

    /// `http://127.0.0.1:PORT`: the endpoint of all services.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Lets running calls finish, and writes the state.
    pub async fn stop(self) {
        self.core.stop.send_replace(true);
        let server = lock(&self.server).take();
        if let Some(server) = server {
            let _ = server.await;
        }
        // Every connection listens for the stop; a client that has sent half a request is not waited for.
        let _ = tokio::time::timeout(LONGEST_STOP, self.core.stop.closed()).await;
        let _ = self.persist().await;
    }

    /// Writes the state to its folder, if there is one.
    pub async fn persist(&self) -> std::io::Result<()> {
        self.core.persist()
    }

    /// Fires schedules, and now and then writes the state and sweeps the tables, for as long as this runs. Only for a
    /// clock that goes by itself: whoever turns the clock calls `fire_due_schedules`.
    pub fn run_in_real_time(&self) {
        let core = self.core.clone();
        let mut stop = core.stop.subscribe();
        tokio::spawn(async move {
            let mut ticks = 0_u32;
            loop {
                tokio::select! {
                    _ = stop.wait_for(|stopped| *stopped) => return,
                    () = tokio::time::sleep(TICK) => {}
                }
                core.fire_due();
                ticks = ticks.wrapping_add(1);
                if ticks.is_multiple_of(TICKS_BETWEEN_SAVES) {
                    core.dynamodb.sweep();
                    let _ = core.persist();
                }
            }
        });
    }

    /// Puts a fault on coming calls.
    pub fn add_fault(&self, fault: Fault) {
        if fault.kind == FaultKind::StaleRead {
            // Without the copy, reads are answered from the tables themselves.
            let _ = self.core.dynamodb.remember_for_stale_reads();
        }
        self.core.faults().add(fault);
    }

    /// Takes all faults off.
    pub fn clear_faults(&self) {
        self.core.faults().clear();
    }

    /// Switches quotas on or off.
    pub fn set_quotas(&self, quotas: Quotas) {
        lock(&self.core.secrets).quotas = quotas;
    }

    /// Every call since the start or the last `clear_calls`, in the order of their answers.
    pub fn calls(&self) -> Vec<Call> {
        self.core.calls().clone()
    }

    /// Forgets the calls.
    pub fn clear_calls(&self) {
        self.core.calls().clear();
    }

    /// When something becomes due next: a schedule's firing, which may lie in the past, or a delayed or invisible
    /// message. None when nothing is pending.
    pub fn next_due(&self) -> Option<i64> {
        let schedules = lock(&self.core.schedules).next_due();
        let messages = lock(&self.core.queues).next_due(self.core.now_ms());
        schedules.into_iter().chain(messages).min()
    }

    /// Fires every schedule that is due by now into its queue, with further attempts and dead letters as its policy
    /// says. Returns how many attempts were made.
    pub async fn fire_due_schedules(&self) -> usize {
        self.core.fire_due()
    }

    /// Deletes the items that are past their time to live, which AWS does within days; returns how many.
    pub async fn sweep_expired_items(&self) -> usize {
        self.core.dynamodb.sweep()
    }

    /// Every queue's messages, counted.
    pub fn queue_depths(&self) -> Vec<QueueDepth> {
        let now = self.core.now_ms();
        let queues = lock(&self.core.queues);
        let depth = |queue: &crate::sqs::Queue| {
            let (all, in_flight) = (queue.messages(), queue.messages());
            let in_flight = in_flight
                .filter(|message| message.is_in_flight(now))
                .count();
            let delayed = queue
                .messages()
                .filter(|message| message.is_delayed(now))
                .count();
            QueueDepth {
                name: queue.name.clone(),
                visible: all.count() - in_flight - delayed,
                in_flight,
                delayed,
                is_dead_letter_target: queues.is_dead_letter_target(&queue.arn(&self.core.place)),
            }
        };
        queues.all().map(depth).collect()
    }

    /// The bodies of all messages that a queue holds, whatever their state, oldest first; empty without that queue.
    pub fn messages(&self, queue_name: &str) -> Vec<String> {
        let queues = lock(&self.core.queues);
        let messages = queues
            .get(queue_name)
            .into_iter()
            .flat_map(crate::sqs::Queue::messages);
        messages.map(|message| message.body.clone()).collect()
    }

    /// Every schedule.
    pub fn schedules(&self) -> Vec<ScheduleView> {
        let schedules = lock(&self.core.schedules);
        let view = |schedule: &crate::scheduler::Schedule| ScheduleView {
            group: schedule.group.clone(),
            name: schedule.name.clone(),
            expression: schedule.expression.clone(),
            timezone: schedule.zone.clone(),
            input: text(&schedule.target, "Input").map(str::to_owned),
            next_ms: schedule.fires_ms.filter(|_| schedule.enabled),
            state: if schedule.enabled {
                "ENABLED"
            } else {
                "DISABLED"
            }
            .to_owned(),
        };
        schedules.all().map(view).collect()
    }

    /// What was put on event buses and not taken yet, oldest first.
    pub fn bus_events(&self) -> Vec<BusEvent> {
        lock(&self.core.buses).events.clone()
    }

    /// Takes what was put on event buses.
    pub fn take_bus_events(&self) -> Vec<BusEvent> {
        std::mem::take(&mut lock(&self.core.buses).events)
    }

    /// Every secret, those included that are marked for deletion.
    pub fn secrets(&self) -> Vec<SecretView> {
        let secrets = lock(&self.core.secrets);
        let view = |secret: &crate::secrets::Secret| SecretView {
            name: secret.name.clone(),
            versions: secret.versions.len(),
            is_deleted: secret.gone_ms.is_some(),
        };
        secrets.all().map(view).collect()
    }

    /// A secret's value: of that version, or of the current one. A binary value is in Base64.
    pub fn secret_value(&self, name: &str, version_id: Option<&str>) -> Option<String> {
        let secrets = lock(&self.core.secrets);
        let secret = secrets.get(name)?;
        let current = secret.holder("AWSCURRENT");
        let version = secret.versions.get(version_id.or(current.as_deref())?)?;
        Some(version.content.text().to_owned())
    }

    /// Every table with its number of items.
    pub async fn table_counts(&self) -> Vec<(String, u64)> {
        self.core.dynamodb.counts()
    }

    /// How many bytes the items of all tables are, as DynamoDB counts them; without the copies in indexes.
    pub async fn table_bytes(&self) -> u64 {
        self.core.dynamodb.bytes()
    }

    /// Everything stored outside Secrets Manager, as text: items, messages and schedules.
    pub async fn everything_but_secrets(&self) -> String {
        let items = self.core.dynamodb.everything();
        let queues = serde_json::to_string(&*lock(&self.core.queues)).unwrap_or_default();
        let schedules = serde_json::to_string(&*lock(&self.core.schedules)).unwrap_or_default();
        format!("{items}\n{queues}\n{schedules}\n")
    }
}
