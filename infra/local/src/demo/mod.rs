//! The whole journey without a browser: each step makes the calls that a person's browser would make, says what was
//! answered, and ends the demo when that is not what was expected.

mod steps;
mod visitor;

use std::path::PathBuf;

use crate::arguments::DemoOptions;
use crate::{Options, Report, Stack};

/// Goes the way.
///
/// # Errors
/// A sentence about the first surprise.
pub async fn run(given: DemoOptions, report: Report) -> Result<(), String> {
    let is_temporary = given.state.is_none();
    let state = given.state.unwrap_or_else(temporary_folder);
    let mut options = Options::on_free_ports(&state);
    [
        options.api_port,
        options.webhook_port,
        options.instagram_port,
    ] = given.ports;
    options.fresh = true;
    options.verbose = given.verbose;
    if given.verbose {
        options.report = report.clone();
    }
    let stack = Stack::start(options)
        .await
        .map_err(|error| error.to_string())?;
    let outcome = steps::go(&stack, &report).await;
    stack.stop().await;
    if is_temporary {
        // Whatever stays there stays in the folder for such things.
        let _ = std::fs::remove_dir_all(&state);
    }
    outcome
}

fn temporary_folder() -> PathBuf {
    std::env::temp_dir().join(format!("instagram-demo-{}", uuid::Uuid::new_v4().simple()))
}
