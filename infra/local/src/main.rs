//! `cargo run -p local`: starts the stack, says where everything is, and stops it on Ctrl-C.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use local::arguments::{self, Command};
use local::{Instagram, Options, Stack, demo};

#[tokio::main]
async fn main() -> ExitCode {
    let given: Vec<String> = std::env::args().skip(1).collect();
    match arguments::parse(&given, &std::env::vars().collect()) {
        Ok(Command::Help) => {
            say(arguments::HELP.trim_end());
            ExitCode::SUCCESS
        }
        Ok(Command::Run(options)) => run(options).await,
        Ok(Command::Demo(options)) => match demo::run(options, Arc::new(say)).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&error, 1),
        },
        Err(error) => fail(&error, 2),
    }
}

async fn run(mut options: Options) -> ExitCode {
    // The stack's calls to itself are nobody's requests.
    let is_ready = Arc::new(AtomicBool::new(false));
    let reports = is_ready.clone();
    options.report = Arc::new(move |line| {
        if reports.load(Ordering::Relaxed) {
            say(line);
        }
    });
    let state = options.state.display().to_string();
    let is_real = matches!(options.instagram, Instagram::Real { .. });
    let stack = match Stack::start(options).await {
        Ok(stack) => stack,
        Err(error) => return fail(&error.to_string(), 1),
    };
    say(&format!("Start page and API   {}", stack.api_url));
    say(&format!("Webhooks             {}", stack.webhook_url));
    match &stack.instagram_url {
        Some(url) => say(&format!("Simulated Instagram  {url}")),
        None => say("Instagram            the real one"),
    }
    say(&format!("Instagram returns to {}", stack.redirect_uri));
    if is_real && !stack.redirect_uri.starts_with("https:") {
        say(
            "                     Meta takes https addresses only: set INSTAGRAM_REDIRECT_URI to a tunnel's",
        );
    }
    say(&format!("State and log        {state}"));
    say(&format!("The clock shows      {:.0}", stack.now()));
    if let Err(error) = stack.check().await {
        stack.stop().await;
        return fail(&error, 1);
    }
    is_ready.store(true, Ordering::Relaxed);
    say("ready");
    stopped().await;
    say("stopping");
    stack.stop().await;
    ExitCode::SUCCESS
}

/// Ctrl-C, a terminal that is closed, or the signal with which other programs stop this one.
async fn stopped() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let signals = (
            signal(SignalKind::terminate()),
            signal(SignalKind::hangup()),
        );
        if let (Ok(mut terminate), Ok(mut hangup)) = signals {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}

/// A line for whoever sits before the terminal. One that nobody reads any more is no reason to stop.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn fail(error: &str, code: u8) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "error: {error}");
    ExitCode::from(code)
}
