//! DynamoDB: dynoxide in this process, behind the same front as the others.
//!
//! The tables live in memory on the given clock; with a state folder they are read from a snapshot at the start and
//! written to one by `persist`, together with everything else, so that the four services never disagree after a stop.

use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

use dynoxide::storage_backend::Clock;
use dynoxide::types::ConsumedCapacity;
use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::capacity::{self, Units};
use crate::fault::FaultKind;
use crate::wire::{Answer, ApiError, Service, list};
use crate::{Now, lock};

const SERVICE: Service = Service::DynamoDb;

pub(crate) struct DynamoDb {
    database: Database,
    /// The tables as they were when `StaleRead` was last set.
    stale: RwLock<Option<Database>>,
    now: Now,
    /// Snapshots that are under way must not meet in one file.
    snapshot: std::sync::Mutex<()>,
}

/// The given clock, as dynoxide asks for it.
struct GivenClock(Now);

impl Clock for GivenClock {
    fn now_unix_secs(&self) -> u64 {
        u64::try_from((self.0)() / 1000).unwrap_or(0)
    }

    fn now_unix_secs_f64(&self) -> f64 {
        (self.0)() as f64 / 1000.0
    }
}

fn failed(error: DynoxideError) -> std::io::Error {
    std::io::Error::other(error.to_string())
}

impl DynamoDb {
    pub(crate) fn new(now: Now) -> std::io::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(GivenClock(now.clone()));
        Ok(Self {
            database: Database::memory_with_clock(clock).map_err(failed)?,
            stale: RwLock::new(None),
            now,
            snapshot: std::sync::Mutex::new(()),
        })
    }

    /// Takes over the tables of a snapshot.
    pub(crate) fn restore(&self, snapshot: &Path) -> std::io::Result<()> {
        self.database
            .restore_from(&snapshot.to_string_lossy())
            .map_err(failed)
    }

    /// Writes all tables to a file, replacing it only when it is whole.
    pub(crate) fn write_snapshot(&self, file: &Path) -> std::io::Result<()> {
        let _alone = lock(&self.snapshot);
        let partial = file.with_extension("partial");
        if partial.exists() {
            std::fs::remove_file(&partial)?;
        }
        self.database
            .vacuum_into(&partial.to_string_lossy())
            .map_err(failed)?;
        std::fs::rename(partial, file)
    }

    /// Keeps a copy of the tables as they are now, for `StaleRead`.
    pub(crate) fn remember_for_stale_reads(&self) -> std::io::Result<()> {
        let file = temporary_file();
        self.write_snapshot(&file)?;
        let copy = Self::new(self.now.clone())?;
        let restored = copy.restore(&file);
        std::fs::remove_file(file)?;
        restored?;
        let mut stale = self
            .stale
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        *stale = Some(copy.database);
        Ok(())
    }

    /// Deletes what is past its time to live; says how many items.
    pub(crate) fn sweep(&self) -> usize {
        self.database.sweep_ttl().unwrap_or(0)
    }

    pub(crate) fn counts(&self) -> Vec<(String, u64)> {
        let tables = self.database.table_stats().unwrap_or_default();
        tables
            .into_iter()
            .map(|table| {
                (
                    table.table_name,
                    u64::try_from(table.item_count).unwrap_or(0),
                )
            })
            .collect()
    }

    pub(crate) fn bytes(&self) -> u64 {
        let tables = self.database.table_stats().unwrap_or_default();
        tables.iter().map(|table| table.size_bytes).sum()
    }

    /// Every item of every table, as text.
    pub(crate) fn everything(&self) -> String {
        let mut everything = String::new();
        for (table, _) in self.counts() {
            let mut start = Value::Null;
            loop {
                let mut input = json!({"TableName": table, "ConsistentRead": true});
                if !start.is_null() {
                    input["ExclusiveStartKey"] = start;
                }
                let Ok(page) = run(&input.to_string(), |request| self.database.scan(request))
                else {
                    break;
                };
                let page: Value = serde_json::from_str(&page.body).unwrap_or_default();
                for item in list(&page, "Items") {
                    everything.push_str(&format!("{table} {item}\n"));
                }
                start = page.get("LastEvaluatedKey").cloned().unwrap_or_default();
                if start.is_null() {
                    break;
                }
            }
        }
        everything
    }

    /// Answers one call.
    pub(crate) fn call(&self, operation: &str, body: &str, fault: Option<&FaultKind>) -> Answer {
        if fault == Some(&FaultKind::TransactionConflict) {
            return transaction_conflict(body);
        }
        if fault == Some(&FaultKind::StaleRead) && is_weak_read(operation, body) {
            let stale = self
                .stale
                .read()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            if let Some(database) = stale.as_ref() {
                return answer(operation, body, dispatch(database, operation, body));
            }
        }
        if fault == Some(&FaultKind::PartialBatch)
            && let Some((first, rest, member)) = split_batch(operation, body)
        {
            let done = dispatch(&self.database, operation, &first.to_string()).map(|done| {
                let mut body: Value = serde_json::from_str(&done.body).unwrap_or_default();
                body[member] = rest;
                Done {
                    body: body.to_string(),
                    ..done
                }
            });
            return answer(operation, body, done);
        }
        answer(operation, body, dispatch(&self.database, operation, body))
    }
}

fn temporary_file() -> PathBuf {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    std::env::temp_dir().join(format!("aws-sim-{}-{number}.sqlite", std::process::id()))
}

fn is_weak_read(operation: &str, body: &str) -> bool {
    let input: Value = serde_json::from_str(body).unwrap_or_default();
    let consistent =
        |value: &Value| value.get("ConsistentRead").and_then(Value::as_bool) == Some(true);
    match operation {
        "GetItem" | "Query" | "Scan" => !consistent(&input),
        "BatchGetItem" => {
            let tables = input.get("RequestItems").and_then(Value::as_object);
            !tables.is_some_and(|tables| tables.values().any(consistent))
        }
        _ => false,
    }
}

/// A batch as its first entry, and the rest under the member that names what was left.
fn split_batch(operation: &str, body: &str) -> Option<(Value, Value, &'static str)> {
    let mut input: Value = serde_json::from_str(body).ok()?;
    let tables = input.get("RequestItems")?.as_object()?.clone();
    let (mut first, mut rest) = (Map::new(), Map::new());
    let member = match operation {
        "BatchWriteItem" => "UnprocessedItems",
        "BatchGetItem" => "UnprocessedKeys",
        _ => return None,
    };
    for (table, asked) in tables {
        let keys = if member == "UnprocessedKeys" {
            asked.get("Keys")?
        } else {
            &asked
        };
        let keys = keys.as_array()?;
        let taken = usize::from(first.is_empty()).min(keys.len());
        let with = |keys: &[Value]| {
            let mut part = asked.clone();
            match part.get_mut("Keys") {
                Some(member) => *member = json!(keys),
                None => part = json!(keys),
            }
            part
        };
        if taken > 0 {
            first.insert(table.clone(), with(&keys[..taken]));
        }
        if keys.len() > taken {
            rest.insert(table, with(&keys[taken..]));
        }
    }
    input["RequestItems"] = Value::Object(first);
    Some((input, Value::Object(rest), member))
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>
fn transaction_conflict(body: &str) -> Answer {
    let input: Value = serde_json::from_str(body).unwrap_or_default();
    let items = list(&input, "TransactItems").len().max(1);
    let codes = vec!["TransactionConflict"; items].join(", ");
    let message = format!(
        "Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]"
    );
    let reason =
        json!({"Code": "TransactionConflict", "Message": "Transaction is ongoing for the item"});
    let body = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": message,
        "CancellationReasons": vec![reason; items],
    });
    Answer::text(SERVICE, 400, body.to_string())
}

fn answer(operation: &str, request: &str, result: Result<Done, Refused>) -> Answer {
    match result {
        Ok(done) => Answer {
            units: capacity::of_answer(operation, &done.consumed),
            ..Answer::text(SERVICE, 200, done.body)
        },
        Err(Refused::ByDynoxide(error)) => {
            let body = error.to_json();
            Answer {
                units: refused_units(&body, request),
                ..Answer::text(SERVICE, error.status_code(), body)
            }
        }
        Err(Refused::Here(error)) => Answer::error(SERVICE, &error),
    }
}

fn refused_units(answer: &str, request: &str) -> Units {
    let answer: Value = serde_json::from_str(answer).unwrap_or_default();
    let code = answer["__type"].as_str().unwrap_or_default();
    capacity::of_refusal(code.rsplit('#').next().unwrap_or_default(), request)
}

/// An answer, and what it was charged.
struct Done {
    body: String,
    consumed: Vec<ConsumedCapacity>,
}

enum Refused {
    ByDynoxide(Box<DynoxideError>),
    Here(ApiError),
}

fn malformed(error: serde_json::Error) -> Refused {
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or_default();
    // dynoxide's own refusals arrive as messages of the parser, marked with what they are.
    let marked = ["VALIDATION:", "VALIDATION_REQUEST:", "VALIDATION_AS_READ:"];
    let validation = marked.iter().find_map(|mark| message.strip_prefix(mark));
    Refused::Here(match validation {
        Some(message) => ApiError::new(400, "ValidationException", message),
        None => ApiError::new(
            400,
            "SerializationException",
            message.trim_start_matches("SERIALIZATION:"),
        ),
    })
}

/// One operation: its request out of JSON, its answer into JSON.
fn run<Request: DeserializeOwned, Response: Serialize>(
    body: &str,
    operation: impl FnOnce(Request) -> dynoxide::Result<Response>,
) -> Result<Done, Refused> {
    metered(body, operation, |_| Vec::new())
}

/// One operation that is charged by units: `consumed` takes out of its answer what they were.
fn metered<Request: DeserializeOwned, Response: Serialize>(
    body: &str,
    operation: impl FnOnce(Request) -> dynoxide::Result<Response>,
    consumed: impl FnOnce(&mut Response) -> Vec<ConsumedCapacity>,
) -> Result<Done, Refused> {
    let request = serde_json::from_str(body).map_err(malformed)?;
    let mut response = operation(request).map_err(|error| Refused::ByDynoxide(Box::new(error)))?;
    let consumed = consumed(&mut response);
    let body = serde_json::to_string(&response).map_err(malformed)?;
    Ok(Done { body, consumed })
}

fn dispatch(database: &Database, operation: &str, body: &str) -> Result<Done, Refused> {
    let is_asked = capacity::is_asked(body);
    // Whoever did not ask is not told.
    let of_one = |consumed: &mut Option<ConsumedCapacity>| -> Vec<ConsumedCapacity> {
        let counted = consumed.iter().cloned().collect();
        consumed.take_if(|_| !is_asked);
        counted
    };
    let of_many = |consumed: &mut Option<Vec<ConsumedCapacity>>| -> Vec<ConsumedCapacity> {
        let counted = consumed.clone().unwrap_or_default();
        consumed.take_if(|_| !is_asked);
        counted
    };
    macro_rules! metered {
        ($call:ident, $of:ident) => {
            metered(
                &capacity::asking(body),
                |request| database.$call(request),
                |response| $of(&mut response.consumed_capacity),
            )
        };
    }
    match operation {
        "PutItem" => metered!(put_item, of_one),
        "GetItem" => metered!(get_item, of_one),
        "DeleteItem" => metered!(delete_item, of_one),
        "UpdateItem" => metered!(update_item, of_one),
        "Query" => metered!(query, of_one),
        "Scan" => metered!(scan, of_one),
        "BatchGetItem" => metered!(batch_get_item, of_many),
        "BatchWriteItem" => metered!(batch_write_item, of_many),
        "TransactWriteItems" => metered!(transact_write_items, of_many),
        "TransactGetItems" => metered!(transact_get_items, of_many),
        _ => unmetered(database, operation, body),
    }
}

fn unmetered(database: &Database, operation: &str, body: &str) -> Result<Done, Refused> {
    match operation {
        "CreateTable" => run(body, |request| database.create_table(request)),
        "DeleteTable" => run(body, |request| database.delete_table(request)),
        "DescribeTable" => run(body, |request| database.describe_table(request)),
        "ListTables" => run(body, |request| database.list_tables(request)),
        "UpdateTable" => run(body, |request| database.update_table(request)),
        "UpdateTimeToLive" => run(body, |request| database.update_time_to_live(request)),
        "DescribeTimeToLive" => run(body, |request| database.describe_time_to_live(request)),
        "ExecuteStatement" => run(body, |request| database.execute_statement(request)),
        "ExecuteTransaction" => run(body, |request| database.execute_transaction(request)),
        "BatchExecuteStatement" => run(body, |request| database.batch_execute_statement(request)),
        "TagResource" => run(body, |request| database.tag_resource(request)),
        "UntagResource" => run(body, |request| database.untag_resource(request)),
        "ListTagsOfResource" => run(body, |request| database.list_tags_of_resource(request)),
        "ListStreams" => run(body, |request| database.list_streams(request)),
        "DescribeStream" => run(body, |request| database.describe_stream(request)),
        "GetShardIterator" => run(body, |request| database.get_shard_iterator(request)),
        "GetRecords" => run(body, |request| database.get_records(request)),
        _ => Err(Refused::Here(ApiError::new(
            400,
            "UnknownOperationException",
            "",
        ))),
    }
}
