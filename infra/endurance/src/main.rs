//! Half a year of the functions in minutes: whether an account dies silently, and what one costs.
//!
//! The functions are the real ones; around them stand the embedded AWS, the simulated Instagram and a clock that is
//! turned by hand. Each subcommand of `arguments` has a module: `days` is the half year, `cost` the bill, `posts` very many
//! posts and how late they are, `webhooks` very many events, `media` what reading an account takes. `stage` is what they all
//! play on, `tally` what they all count.

mod arguments;
mod cost;
mod days;
mod media;
mod posts;
mod random;
mod stage;
mod tally;
mod webhooks;

use std::io::Write;
use std::process::ExitCode;

use arguments::Command;

fn main() -> ExitCode {
    let given: Vec<String> = std::env::args().skip(1).collect();
    match arguments::parse(&given) {
        Ok(Command::Help) => {
            say(arguments::HELP.trim_end());
            ExitCode::SUCCESS
        }
        Ok(Command::Days(options)) => match days::run(&options) {
            Ok(report) if report.is_good() => ExitCode::SUCCESS,
            Ok(_) => ExitCode::FAILURE,
            Err(error) => fail(&error, 1),
        },
        Ok(Command::Cost(options)) => match on_this_thread(cost::run(&options)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&error, 1),
        },
        Ok(Command::Posts(options)) => ends_well(on_this_thread(posts::run(&options))),
        Ok(Command::Media(options)) => ends_well(on_this_thread(media::run(&options))),
        Ok(Command::Late(options)) => ends_well(on_this_thread(posts::late(&options))),
        Ok(Command::Webhooks(options)) => ends_well(
            webhooks::run(&options)
                .and_then(|is_good| Ok(on_this_thread(webhooks::mend(&options))? && is_good)),
        ),
        Err(error) => fail(&error, 2),
    }
}

fn ends_well(end: Result<bool, String>) -> ExitCode {
    match end {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => fail(&error, 1),
    }
}

/// Functions and simulators share one thread: threads that wake one another for every call cost more than they give.
fn on_this_thread<T>(work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build();
    runtime.map_err(|error| error.to_string())?.block_on(work)
}

/// A line for whoever started the run. One that nobody reads any more is no reason to stop.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// A line for whoever waits, which is no part of the report.
fn mutter(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

fn fail(error: &str, code: u8) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "error: {error}");
    ExitCode::from(code)
}
