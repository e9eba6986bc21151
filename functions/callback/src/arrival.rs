//! What arrives at the callback, and how far it can be trusted: not at all.

use std::collections::HashMap;

/// Meta's codes have a few hundred characters.
const LONGEST_CODE: usize = 2048;

/// Meta's answer to a person's decision.
pub(crate) struct Arrival {
    /// The state's text; empty when there is none, or more than one.
    pub(crate) state: String,
    /// What Meta says.
    pub(crate) decision: Decision,
}

/// What Meta says of a person's decision.
#[derive(Debug, PartialEq)]
pub(crate) enum Decision {
    /// The person agreed: a code to exchange.
    Code(String),
    /// The person refused.
    Denied,
    /// Meta reports another error.
    OtherError,
    /// Neither a usable code nor an error.
    Nothing,
}

impl Arrival {
    /// Reads a redirect's query. Meta may add parameters, so unknown ones are left alone; a parameter that is given
    /// twice counts as none, and an error outweighs a code.
    pub(crate) fn of_query(query: &str) -> Self {
        let mut parameters: HashMap<String, Option<String>> = HashMap::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            parameters
                .entry(name.into_owned())
                .and_modify(|value| *value = None)
                .or_insert(Some(value.into_owned()));
        }
        let mut take = |name: &str| parameters.remove(name);
        let decision = match take("error") {
            Some(Some(error)) if error == "access_denied" => Decision::Denied,
            Some(_) => Decision::OtherError,
            None => code(take("code").flatten().unwrap_or_default()),
        };
        Self {
            state: take("state").flatten().unwrap_or_default(),
            decision,
        }
    }

    /// Takes what a front end forwards.
    pub(crate) fn of_body(given_code: String, state: String) -> Self {
        Self {
            state,
            decision: code(given_code),
        }
    }
}

/// The `#_` that Meta appends is taken off where the code is exchanged.
fn code(text: String) -> Decision {
    if text.is_empty() || text.len() > LONGEST_CODE || text.chars().any(|c| !c.is_ascii_graphic()) {
        Decision::Nothing
    } else {
        Decision::Code(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a08_an_error_outweighs_a_code() {
        let arrival =
            Arrival::of_query("code=abc&state=s&error=access_denied&error_reason=user_denied");
        assert_eq!(arrival.decision, Decision::Denied);
        assert_eq!(arrival.state, "s");
        assert_eq!(
            Arrival::of_query("error=server_error&state=s").decision,
            Decision::OtherError
        );
        assert_eq!(
            Arrival::of_query("error=&code=abc&state=s").decision,
            Decision::OtherError
        );
    }

    #[test]
    fn a09_a_code_that_is_too_long_or_no_text_is_none() {
        let long = format!("code={}&state=s", "a".repeat(2049));
        assert_eq!(Arrival::of_query(&long).decision, Decision::Nothing);
        assert_eq!(
            Arrival::of_query("code=a%0Ab&state=s").decision,
            Decision::Nothing
        );
    }

    #[test]
    fn what_is_given_twice_counts_as_none() {
        let arrival = Arrival::of_query("code=a&code=b&state=s&state=t");
        assert_eq!(arrival.decision, Decision::Nothing);
        assert_eq!(arrival.state, "");
    }
}
