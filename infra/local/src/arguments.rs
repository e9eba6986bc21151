//! The command line: flags win over variables, variables over defaults.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::{Instagram, Options};

/// What `--help` prints.
pub const HELP: &str = "\
The Instagram functions on this machine, between an embedded AWS and a simulated Instagram.

Usage: cargo run -p local [-- [demo] [FLAGS]]

  demo                    goes the whole way without a browser, step by step, on free ports and with nothing kept;
                          exit code 0 when every answer was as expected

Flags (and variables):
  --api-port PORT         LOCAL_API_PORT, 3000: the API, and the start page in a browser
  --webhook-port PORT     LOCAL_WEBHOOK_PORT, 3001: the webhooks' function URL
  --instagram-port PORT   LOCAL_INSTAGRAM_PORT, 3002: the simulated Instagram
  --state DIR             LOCAL_STATE, .local: what survives a restart, and log.jsonl with the functions' log
  --fresh                 begins with nothing
  --instagram WHICH       LOCAL_INSTAGRAM, simulated: or `real`, which uses Meta's hosts and needs INSTAGRAM_APP_ID and
                          INSTAGRAM_APP_SECRET. INSTAGRAM_REDIRECT_URI names the callback's address as it is registered
                          with Meta, such as a tunnel's: https://example.com/instagram/callback. Meta takes https only
  --verbose               prints the functions' log as well
  --help                  prints this

Port 0 takes any free one. These variables are handed on to the functions: INSTAGRAM_MODE, INSTAGRAM_API_VERSION,
INSTAGRAM_SCOPES, INSTAGRAM_WEBHOOK_FIELDS, GRAPH_TIMEOUT_MS, PUBLISH_PREPARE_HOURS, VAULT_PAGE_SIZE,
VAULT_OPEN_PAGES, LOG_LEVEL.

For development, on this machine only:
  GET  /local/token?user=ann&company=acme&role=admin    {\"token\": …} for `Authorization: Bearer …`
  POST /local/clock {\"advance\": \"P30D\"}                 turns the clock, and answers when all due work is done
  GET  /local/state                                     queues, dead letters, schedules, table
";

const HANDED_ON: &[&str] = &[
    "INSTAGRAM_MODE",
    "INSTAGRAM_API_VERSION",
    "INSTAGRAM_SCOPES",
    "INSTAGRAM_WEBHOOK_FIELDS",
    "GRAPH_TIMEOUT_MS",
    "PUBLISH_PREPARE_HOURS",
    "VAULT_PAGE_SIZE",
    "VAULT_OPEN_PAGES",
    "LOG_LEVEL",
];

/// What was asked for.
pub enum Command {
    /// `--help`.
    Help,
    /// A stack that runs until it is stopped.
    Run(Options),
    /// The journey without a browser.
    Demo(DemoOptions),
}

/// What was asked of the demo.
pub struct DemoOptions {
    /// The ports; 0 where none was named.
    pub ports: [u16; 3],
    /// The state folder, where one was named; what it holds is removed first.
    pub state: Option<PathBuf>,
    /// Prints the functions' log as well.
    pub verbose: bool,
}

struct Given<'a> {
    flags: BTreeMap<&'static str, String>,
    variables: &'a BTreeMap<String, String>,
}

/// Reads arguments (without the program's name) and variables.
///
/// # Errors
/// A sentence for whoever typed them.
pub fn parse(
    arguments: &[String],
    variables: &BTreeMap<String, String>,
) -> Result<Command, String> {
    let mut given = Given {
        flags: BTreeMap::new(),
        variables,
    };
    let mut demo = false;
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let (flag, value) = match argument.split_once('=') {
            Some((flag, value)) => (flag, Some(value.to_owned())),
            None => (argument.as_str(), None),
        };
        let name = match flag {
            "--help" | "-h" => return Ok(Command::Help),
            "demo" => {
                demo = true;
                continue;
            }
            "--fresh" => "fresh",
            "--verbose" => "verbose",
            "--api-port" => "api-port",
            "--webhook-port" => "webhook-port",
            "--instagram-port" => "instagram-port",
            "--state" => "state",
            "--instagram" => "instagram",
            _ => {
                return Err(format!(
                    "`{argument}` is not known here; --help lists what is"
                ));
            }
        };
        let is_switch = matches!(name, "fresh" | "verbose");
        let value = match (is_switch, value) {
            (true, None) => String::new(),
            (true, Some(_)) => return Err(format!("--{name} takes no value")),
            (false, Some(value)) => value,
            (false, None) => rest
                .next()
                .cloned()
                .ok_or_else(|| format!("--{name} needs a value"))?,
        };
        given.flags.insert(name, value);
    }
    if demo {
        given.demo().map(Command::Demo)
    } else {
        given.options().map(Command::Run)
    }
}

impl Given<'_> {
    fn options(&self) -> Result<Options, String> {
        let instagram = self.instagram()?;
        let mut state = PathBuf::from(self.text("state", "LOCAL_STATE").unwrap_or(".local"));
        if matches!(instagram, Instagram::Real { .. }) {
            // Real accounts and simulated ones do not mix.
            state.push("real");
        }
        Ok(Options {
            api_port: self.port("api-port", "LOCAL_API_PORT", 3000)?,
            webhook_port: self.port("webhook-port", "LOCAL_WEBHOOK_PORT", 3001)?,
            instagram_port: self.port("instagram-port", "LOCAL_INSTAGRAM_PORT", 3002)?,
            state,
            fresh: self.flags.contains_key("fresh"),
            instagram,
            variables: self
                .variables
                .iter()
                .filter(|(name, _)| HANDED_ON.contains(&name.as_str()))
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
            report: Arc::new(|_| ()),
            verbose: self.flags.contains_key("verbose"),
        })
    }

    fn demo(&self) -> Result<DemoOptions, String> {
        if self.flags.contains_key("instagram") {
            return Err("the demo always uses the simulated Instagram".to_owned());
        }
        let port = |name| match self.flags.get(name) {
            Some(_) => self.port(name, "", 0),
            None => Ok(0),
        };
        Ok(DemoOptions {
            ports: [
                port("api-port")?,
                port("webhook-port")?,
                port("instagram-port")?,
            ],
            state: self.flags.get("state").map(PathBuf::from),
            verbose: self.flags.contains_key("verbose"),
        })
    }

    fn text(&self, flag: &str, variable: &str) -> Option<&str> {
        self.flags
            .get(flag)
            .or_else(|| self.variable(variable))
            .map(String::as_str)
    }

    fn variable(&self, name: &str) -> Option<&String> {
        self.variables.get(name).filter(|value| !value.is_empty())
    }

    fn port(&self, flag: &str, variable: &str, default: u16) -> Result<u16, String> {
        match self.text(flag, variable) {
            None => Ok(default),
            Some(text) => text
                .parse()
                .map_err(|_| format!("--{flag}: `{text}` is no port (0 to 65535)")),
        }
    }

    fn instagram(&self) -> Result<Instagram, String> {
        match self
            .text("instagram", "LOCAL_INSTAGRAM")
            .unwrap_or("simulated")
        {
            "simulated" => Ok(Instagram::Simulated),
            "real" => {
                let needed = |name: &str| {
                    self.variable(name).cloned().ok_or_else(|| {
                        format!("--instagram real needs the variable {name}: Meta's App Dashboard shows it under Instagram, API setup with Instagram login")
                    })
                };
                Ok(Instagram::Real {
                    app_id: needed("INSTAGRAM_APP_ID")?,
                    app_secret: needed("INSTAGRAM_APP_SECRET")?,
                    redirect_uri: self.variable("INSTAGRAM_REDIRECT_URI").cloned(),
                })
            }
            other => Err(format!(
                "--instagram is `simulated` or `real`, not `{other}`"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Command, String> {
        let arguments: Vec<String> = arguments.iter().map(|&text| text.to_owned()).collect();
        let variables = variables
            .iter()
            .map(|&(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        parse(&arguments, &variables)
    }

    fn options(arguments: &[&str], variables: &[(&str, &str)]) -> Options {
        match parsed(arguments, variables) {
            Ok(Command::Run(options)) => options,
            Ok(_) => panic!("another command"),
            Err(error) => panic!("{error}"),
        }
    }

    fn error(arguments: &[&str], variables: &[(&str, &str)]) -> String {
        parsed(arguments, variables).err().expect("an error")
    }

    #[test]
    fn flags_win_over_variables_and_variables_over_defaults() {
        let all_default = options(&[], &[]);
        assert_eq!(
            (
                all_default.api_port,
                all_default.webhook_port,
                all_default.instagram_port
            ),
            (3000, 3001, 3002)
        );
        assert_eq!(all_default.state, PathBuf::from(".local"));
        let variables = [
            ("LOCAL_API_PORT", "4000"),
            ("LOCAL_WEBHOOK_PORT", "4001"),
            ("LOCAL_STATE", ""),
        ];
        let mixed = options(
            &["--api-port", "5000", "--instagram-port=0", "--fresh"],
            &variables,
        );
        assert_eq!(
            (mixed.api_port, mixed.webhook_port, mixed.instagram_port),
            (5000, 4001, 0)
        );
        assert!(mixed.fresh && !mixed.verbose);
    }

    #[test]
    fn only_the_functions_own_settings_are_handed_on() {
        let options = options(
            &[],
            &[
                ("LOG_LEVEL", "debug"),
                ("TABLE_NAME", "mine"),
                ("HOME", "/"),
            ],
        );
        assert_eq!(options.variables.len(), 1);
        assert_eq!(options.variables["LOG_LEVEL"], "debug");
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        assert!(error(&["--prot", "1"], &[]).contains("`--prot` is not known"));
        assert!(error(&["start"], &[]).contains("`start` is not known"));
        assert!(error(&["--api-port"], &[]).contains("needs a value"));
        assert!(error(&["--api-port", "70000"], &[]).contains("no port"));
        assert!(error(&["--fresh=1"], &[]).contains("no value"));
        assert!(error(&["--instagram", "fake"], &[]).contains("`simulated` or `real`"));
        assert!(error(&["demo", "--instagram", "real"], &[]).contains("simulated"));
        assert!(matches!(parsed(&["--help"], &[]), Ok(Command::Help)));
    }

    #[test]
    fn the_real_instagram_needs_an_app_and_has_a_folder_of_its_own() {
        assert!(error(&["--instagram", "real"], &[]).contains("INSTAGRAM_APP_ID"));
        let variables = [("INSTAGRAM_APP_ID", "1")];
        assert!(error(&["--instagram", "real"], &variables).contains("INSTAGRAM_APP_SECRET"));
        let variables = [
            ("INSTAGRAM_APP_ID", "1"),
            ("INSTAGRAM_APP_SECRET", "test-secret"),
        ];
        let real = options(&["--instagram", "real"], &variables);
        assert_eq!(real.state, PathBuf::from(".local/real"));
        assert!(matches!(
            real.instagram,
            Instagram::Real {
                redirect_uri: None,
                ..
            }
        ));
    }
}
