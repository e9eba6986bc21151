//! One journey through the functions' release binaries, as AWS would run them: each is a process under a Lambda Runtime
//! API, its environment comes from `template.yaml`, AWS is moto, and Instagram is the simulated one.
//!
//! So nothing can work only within one process, or only with the embedded AWS. `tests/blackbox/run` builds what is
//! needed and starts it. `sandbox` is the Runtime API and the process under it, `emulator` moto, `stage` puts all
//! together, `journey` is what happens on it.

mod clock;
mod emulator;
mod journey;
mod sandbox;
mod stage;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use stage::Stage;

/// Where everything is that the run needs.
pub(crate) struct Places {
    /// The repository.
    pub(crate) root: PathBuf,
    /// The folder of the release binaries.
    pub(crate) programs: PathBuf,
    /// A Python that has moto.
    pub(crate) python: PathBuf,
    /// The library that lets a process see another time.
    pub(crate) faketime: PathBuf,
    /// An empty folder for logs.
    pub(crate) logs: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    let given: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let Ok([root, programs, python, faketime, logs]) = <[PathBuf; 5]>::try_from(given) else {
        say("Start it by tests/blackbox/run.");
        return ExitCode::from(2);
    };
    let places = Places {
        root,
        programs,
        python,
        faketime,
        logs,
    };
    let ended = match Stage::set(&places).await {
        Ok(stage) => journey::go(&stage).await,
        Err(error) => Err(error),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("✗  {error}"));
            ExitCode::FAILURE
        }
    }
}

/// A line for whoever started the run. One that nobody reads any more is no reason to stop.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
