//! The command line.

/// What `--help` prints.
pub(crate) const HELP: &str = "\
Half a year of the functions in minutes: whether an account dies silently, and what one costs.

Usage: cargo run --profile endurance -p endurance -- COMMAND [FLAGS]

  days                 lets virtual days pass, with outages, throttling, revocations, repeated messages and late
                       schedules, and checks every day that each account lives or says why not; exit code 1 where an
                       expectation does not hold
    --accounts N       1000
    --days N           180
    --page-size N      64: accounts to a page of the vault
    --deployments N    2: side by side, a thread for each, among which the accounts are divided
    --seed N           1: what goes wrong, and when, comes from it
  cost                 counts the calls and bytes of accounts in good weather, for pages of 1 and of 64, and computes from
                       list prices what an account costs a month: the table of docs/cost.md
    --accounts N       256
    --seed N           1
  posts                publishes very many posts with 10 % lost answers, 2 % failing processing and 5 % repeated messages;
                       exit code 1 where one is published or commented twice, is lost, is told otherwise than it is, or has no
                       final or explained state
    --accounts N       100
    --posts N          100000
    --seed N           1
  late                 publishes posts that are due in the same minute, and prints how late they are: with containers that
                       were made ahead, and with such that are made at the time
    --accounts N       200
    --posts N          1000
    --processing N     90: seconds for which Instagram processes a container
    --seed N           1
  webhooks             sends very many events, 5 % twice, 5 % after later ones and 1 % unreadable, through a queue that refuses and
                       stands still and workers that fail and die; exit code 1 where one is lost, is done twice, is found in
                       another account, or ends otherwise than it was told; and then loses 1000 to a broken handler and
                       replays them
    --accounts N       20: in each deployment
    --events N         100000
    --deployments N    2: side by side, a thread for each, among which the events are divided
    --seed N           1
  media                reads an account with very many media for the first time and daily after that, prints what that takes
                       and leaves in the table, and lets many accounts share a budget of calls that is too small; exit code 1
                       where a daily sync costs more than 3 % of a first one, or an account starves
    --media N          10000
    --accounts N       1000
    --calls N          3000: calls an hour that Instagram takes of the whole app
    --seed N           1
  --help               prints this
";

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// `--help`.
    Help,
    /// Half a year.
    Days(DaysOptions),
    /// What an account costs.
    Cost(CostOptions),
    /// Very many posts.
    Posts(PostsOptions),
    /// Posts that are due in the same minute.
    Late(LateOptions),
    /// Very many events.
    Webhooks(WebhooksOptions),
    /// Media that are read.
    Media(MediaOptions),
}

/// What was asked of `media`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MediaOptions {
    /// Media of the account that is measured.
    pub(crate) media: u64,
    /// Accounts that share a budget.
    pub(crate) accounts: usize,
    /// That budget: calls an hour.
    pub(crate) calls_per_hour: u64,
    /// What ids are drawn from.
    pub(crate) seed: u64,
}

/// What was asked of `posts`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PostsOptions {
    /// Accounts among which the posts are divided.
    pub(crate) accounts: usize,
    /// Posts in all.
    pub(crate) posts: usize,
    /// What goes wrong, and when, comes from it.
    pub(crate) seed: u64,
}

/// What was asked of `late`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LateOptions {
    /// Accounts among which the posts are divided.
    pub(crate) accounts: usize,
    /// Posts in all.
    pub(crate) posts: usize,
    /// For how long Instagram processes a container.
    pub(crate) processing_seconds: i64,
    /// When in the minute each is due comes from it.
    pub(crate) seed: u64,
}

/// What was asked of `webhooks`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WebhooksOptions {
    /// Accounts of each deployment.
    pub(crate) accounts: usize,
    /// Events in all.
    pub(crate) events: usize,
    /// Deployments among which the events are divided: each has AWS, Instagram, clock and thread of its own.
    pub(crate) deployments: usize,
    /// What goes wrong, and when, comes from it.
    pub(crate) seed: u64,
}

/// What was asked of `days`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DaysOptions {
    /// People who connect an account.
    pub(crate) accounts: usize,
    /// Virtual days.
    pub(crate) days: i64,
    /// Accounts to a page of the vault.
    pub(crate) page_size: usize,
    /// Deployments among which the accounts are divided: each has AWS, Instagram, clock and thread of its own.
    pub(crate) deployments: usize,
    /// What goes wrong, and when, comes from it.
    pub(crate) seed: u64,
}

impl Default for DaysOptions {
    fn default() -> Self {
        Self {
            accounts: 1000,
            days: 180,
            page_size: 64,
            deployments: 2,
            seed: 1,
        }
    }
}

/// What was asked of `cost`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CostOptions {
    /// People who connect an account.
    pub(crate) accounts: usize,
    /// What ids are drawn from.
    pub(crate) seed: u64,
}

/// Reads the arguments, without the program's name.
///
/// # Errors
/// A sentence for whoever typed them.
pub(crate) fn parse(arguments: &[String]) -> Result<Command, String> {
    let mut rest = arguments.iter();
    match rest.next().map(String::as_str) {
        None | Some("--help" | "-h") => Ok(Command::Help),
        Some("days") => days(&flags(rest)?),
        Some("cost") => cost(&flags(rest)?),
        Some("posts") => posts(&flags(rest)?),
        Some("late") => late(&flags(rest)?),
        Some("media") => media(&flags(rest)?),
        Some("webhooks") => webhooks(&flags(rest)?),
        Some(other) => Err(format!("`{other}` is not known here; --help lists what is")),
    }
}

/// Flags with their values; none where help is wanted.
fn flags<'a>(
    mut rest: impl Iterator<Item = &'a String>,
) -> Result<Option<Vec<(&'a str, &'a str)>>, String> {
    let mut flags = Vec::new();
    while let Some(flag) = rest.next() {
        if matches!(flag.as_str(), "--help" | "-h") {
            return Ok(None);
        }
        let value = rest.next().ok_or_else(|| format!("{flag} needs a value"))?;
        flags.push((flag.as_str(), value.as_str()));
    }
    Ok(Some(flags))
}

fn days(flags: &Option<Vec<(&str, &str)>>) -> Result<Command, String> {
    let Some(flags) = flags else {
        return Ok(Command::Help);
    };
    let mut options = DaysOptions::default();
    for (flag, value) in flags {
        match *flag {
            "--accounts" => options.accounts = number(flag, value)?,
            "--days" => options.days = number(flag, value)?,
            "--page-size" => options.page_size = number(flag, value)?,
            "--deployments" => options.deployments = number(flag, value)?,
            "--seed" => options.seed = number(flag, value)?,
            _ => return Err(not_known(flag, "days")),
        }
    }
    Ok(Command::Days(options))
}

fn cost(flags: &Option<Vec<(&str, &str)>>) -> Result<Command, String> {
    let Some(flags) = flags else {
        return Ok(Command::Help);
    };
    let mut options = CostOptions {
        accounts: 256,
        seed: 1,
    };
    for (flag, value) in flags {
        match *flag {
            "--accounts" => options.accounts = number(flag, value)?,
            "--seed" => options.seed = number(flag, value)?,
            _ => return Err(not_known(flag, "cost")),
        }
    }
    Ok(Command::Cost(options))
}

fn posts(flags: &Option<Vec<(&str, &str)>>) -> Result<Command, String> {
    let Some(flags) = flags else {
        return Ok(Command::Help);
    };
    let mut options = PostsOptions {
        accounts: 100,
        posts: 100_000,
        seed: 1,
    };
    for (flag, value) in flags {
        match *flag {
            "--accounts" => options.accounts = number(flag, value)?,
            "--posts" => options.posts = number(flag, value)?,
            "--seed" => options.seed = number(flag, value)?,
            _ => return Err(not_known(flag, "posts")),
        }
    }
    Ok(Command::Posts(options))
}

fn late(flags: &Option<Vec<(&str, &str)>>) -> Result<Command, String> {
    let Some(flags) = flags else {
        return Ok(Command::Help);
    };
    let mut options = LateOptions {
        accounts: 200,
        posts: 1000,
        processing_seconds: 90,
        seed: 1,
    };
    for (flag, value) in flags {
        match *flag {
            "--accounts" => options.accounts = number(flag, value)?,
            "--posts" => options.posts = number(flag, value)?,
            "--processing" => options.processing_seconds = number(flag, value)?,
            "--seed" => options.seed = number(flag, value)?,
            _ => return Err(not_known(flag, "late")),
        }
    }
    Ok(Command::Late(options))
}

fn media(flags: &Option<Vec<(&str, &str)>>) -> Result<Command, String> {
    let Some(flags) = flags else {
        return Ok(Command::Help);
    };
    let mut options = MediaOptions {
        media: 10_000,
        accounts: 1000,
        calls_per_hour: 3000,
        seed: 1,
    };
    for (flag, value) in flags {
        match *flag {
            "--media" => options.media = number(flag, value)?,
            "--accounts" => options.accounts = number(flag, value)?,
            "--calls" => options.calls_per_hour = number(flag, value)?,
            "--seed" => options.seed = number(flag, value)?,
            _ => return Err(not_known(flag, "media")),
        }
    }
    Ok(Command::Media(options))
}

fn webhooks(flags: &Option<Vec<(&str, &str)>>) -> Result<Command, String> {
    let Some(flags) = flags else {
        return Ok(Command::Help);
    };
    let mut options = WebhooksOptions {
        accounts: 20,
        events: 100_000,
        deployments: 2,
        seed: 1,
    };
    for (flag, value) in flags {
        match *flag {
            "--accounts" => options.accounts = number(flag, value)?,
            "--events" => options.events = number(flag, value)?,
            "--deployments" => options.deployments = number(flag, value)?,
            "--seed" => options.seed = number(flag, value)?,
            _ => return Err(not_known(flag, "webhooks")),
        }
    }
    Ok(Command::Webhooks(options))
}

fn not_known(flag: &str, command: &str) -> String {
    format!("`{flag}` is not known to `{command}`; --help lists what is")
}

fn number<T: std::str::FromStr>(flag: &str, value: &str) -> Result<T, String> {
    value
        .parse()
        .map_err(|_| format!("{flag} takes a number, and `{value}` is none of its"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, String> {
        let given: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        parse(&given)
    }

    #[test]
    fn what_is_not_given_has_its_default() {
        assert_eq!(
            parsed("days --accounts 50 --seed 7"),
            Ok(Command::Days(DaysOptions {
                accounts: 50,
                seed: 7,
                ..DaysOptions::default()
            }))
        );
        assert_eq!(parsed(""), Ok(Command::Help));
    }

    #[test]
    fn what_is_not_known_is_refused_with_a_sentence() {
        for line in ["years", "days --moons 3", "days --days", "days --days many"] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }
}
