//! What DynamoDB charges for a call: dynoxide counts it, where a request asks for it.

use std::borrow::Cow;

use dynoxide::types::ConsumedCapacity;

/// Capacity units: a read of 4 KB, a write of 1 KB.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html>
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Units {
    pub(crate) read: f64,
    pub(crate) write: f64,
}

/// How a request asks what it was charged.
const QUESTION: &str = "\"ReturnConsumedCapacity\":";

/// The operations that only read.
const READS: &[&str] = &[
    "GetItem",
    "Query",
    "Scan",
    "BatchGetItem",
    "TransactGetItems",
];

/// Whether the caller wants to be told.
pub(crate) fn is_asked(body: &str) -> bool {
    body.contains(QUESTION)
}

/// The request, made to ask where the caller did not.
pub(crate) fn asking(body: &str) -> Cow<'_, str> {
    match body.trim_start().strip_prefix('{') {
        Some(rest) if !is_asked(body) && !rest.trim_start().starts_with('}') => {
            format!("{{{QUESTION}\"TOTAL\",{rest}").into()
        }
        _ => body.into(),
    }
}

/// What dynoxide counted, indexes included.
pub(crate) fn of_answer(operation: &str, consumed: &[ConsumedCapacity]) -> Units {
    let mut units = Units::default();
    for of_table in consumed {
        // A transaction that is sent again with its token is answered from memory, and charged as a read.
        let is_read = READS.contains(&operation) || of_table.read_capacity_units.is_some();
        *(if is_read {
            &mut units.read
        } else {
            &mut units.write
        }) += of_table.capacity_units;
    }
    units
}

/// A refused conditional write is charged like one that was done, by the size of the item that stands there; what was
/// to be written stands for it here, as dynoxide does not tell. A transaction counts twice.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html>
pub(crate) fn of_refusal(code: &str, body: &str) -> Units {
    let kilobytes = body.len().div_ceil(1024) as f64;
    let write = match code {
        "ConditionalCheckFailedException" => kilobytes,
        "TransactionCanceledException" => 2.0 * kilobytes,
        _ => 0.0,
    };
    Units { read: 0.0, write }
}
