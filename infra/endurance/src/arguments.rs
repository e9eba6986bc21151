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
    --seed N           1: what goes wrong, and when, comes from it
  --help               prints this
";

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// `--help`.
    Help,
    /// Half a year.
    Days(DaysOptions),
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
    /// What goes wrong, and when, comes from it.
    pub(crate) seed: u64,
}

impl Default for DaysOptions {
    fn default() -> Self {
        Self {
            accounts: 1000,
            days: 180,
            page_size: 64,
            seed: 1,
        }
    }
}

/// Reads the arguments, without the program's name.
///
/// # Errors
/// A sentence for whoever typed them.
pub(crate) fn parse(arguments: &[String]) -> Result<Command, String> {
    let mut rest = arguments.iter();
    match rest.next().map(String::as_str) {
        None | Some("--help" | "-h") => Ok(Command::Help),
        Some("days") => days(rest),
        Some(other) => Err(format!("`{other}` is not known here; --help lists what is")),
    }
}

fn days<'a>(mut rest: impl Iterator<Item = &'a String>) -> Result<Command, String> {
    let mut options = DaysOptions::default();
    while let Some(flag) = rest.next() {
        if matches!(flag.as_str(), "--help" | "-h") {
            return Ok(Command::Help);
        }
        let value = rest.next().ok_or_else(|| format!("{flag} needs a value"))?;
        match flag.as_str() {
            "--accounts" => options.accounts = number(flag, value)?,
            "--days" => options.days = number(flag, value)?,
            "--page-size" => options.page_size = number(flag, value)?,
            "--seed" => options.seed = number(flag, value)?,
            _ => {
                return Err(format!(
                    "`{flag}` is not known to `days`; --help lists what is"
                ));
            }
        }
    }
    Ok(Command::Days(options))
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
