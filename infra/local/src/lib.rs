//! The whole system on this machine: the functions as Lambda runs them, between an embedded AWS and a simulated
//! Instagram.
//!
//! A request goes this way: `api` finds its route and checks its JWT as API Gateway does, makes the event that Lambda
//! gets, and hands it to the function. `work` fires due schedules and feeds the queue to its function, in real time
//! and when the clock is turned. `own` is what the functions do not have: the start page, tokens for development, the
//! clock and a look at the state. `from_meta` sends what the simulated Instagram has to tell,
//! and `activity` keeps what is put on the bus. [`demo`] goes the whole way without a browser.

mod activity;
mod api;
pub mod arguments;
pub mod demo;
mod from_meta;
pub mod jwt;
mod logs;
mod own;
mod people;
pub mod routes;
mod stack;
mod state;
mod webhook_url;
mod work;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

pub use stack::Stack;

/// Takes a line for the terminal.
pub type Report = Arc<dyn Fn(&str) + Send + Sync>;

/// With what a stack starts.
#[derive(Clone)]
pub struct Options {
    /// Port of the API and the start page; 0 takes any free one, as with the other ports.
    pub api_port: u16,
    /// Port of the webhooks' function URL.
    pub webhook_port: u16,
    /// Port of the simulated Instagram.
    pub instagram_port: u16,
    /// The state folder.
    pub state: PathBuf,
    /// Begin with nothing.
    pub fresh: bool,
    /// Which Instagram.
    pub instagram: Instagram,
    /// The functions' settings of the environment, as far as the stack does not set them itself.
    pub variables: BTreeMap<String, String>,
    /// Where a line for each request goes.
    pub report: Report,
    /// The functions' log lines go there as well.
    pub verbose: bool,
}

/// Which Instagram a stack talks to.
#[derive(Clone)]
pub enum Instagram {
    /// The simulated one, on this machine.
    Simulated,
    /// Meta's.
    Real {
        /// The Instagram app's id.
        app_id: String,
        /// The Instagram app's secret.
        app_secret: String,
        /// Where Meta sends people back to, when it is not this machine: a tunnel.
        redirect_uri: Option<String>,
    },
}

impl Options {
    /// A stack with the simulated Instagram on free ports that says nothing: for tests and the demo.
    pub fn on_free_ports(state: impl Into<PathBuf>) -> Self {
        Self {
            api_port: 0,
            webhook_port: 0,
            instagram_port: 0,
            state: state.into(),
            fresh: false,
            instagram: Instagram::Simulated,
            variables: BTreeMap::new(),
            report: Arc::new(|_| ()),
            verbose: false,
        }
    }
}

/// Why a stack does not start: a sentence for whoever started it.
#[derive(Debug)]
pub struct StartError(String);

impl StartError {
    fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for StartError {}
