//! Which route goes to which function, and which of them need a JWT: what `template.yaml` says to API Gateway.

use std::collections::BTreeMap;

use shared::app::App;
use shared::lambda::Function;
use shared::openapi::Described;
use std::sync::{Arc, LazyLock};

/// A function behind the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FunctionName {
    /// Starts a login.
    Connect,
    /// Finishes a login.
    Callback,
    /// Lists and manages accounts.
    Accounts,
    /// Media, and what belongs to them.
    Media,
    /// How accounts and media are doing.
    Insights,
    /// Takes posts in, and publishes them: takes the posts' tasks from their queue.
    Publish,
    /// Refreshes tokens, and takes the accounts' tasks from their queue.
    Refresh,
    /// Receives what Meta tells, lists it, and handles it from its queue.
    Webhooks,
}

/// A route of the API.
#[derive(Clone, Debug)]
pub struct Route {
    /// Upper-case method.
    pub method: String,
    /// The path with its placeholders, as API Gateway takes it.
    pub path: String,
    /// Who answers.
    pub function: FunctionName,
    /// Whether the JWT authorizer stands before it.
    pub needs_jwt: bool,
}

/// A route that takes a call, and what its placeholders stand for.
#[derive(Debug)]
pub struct Match {
    /// The route.
    pub route: &'static Route,
    /// Placeholders and their values, as they stand in the path.
    pub parameters: BTreeMap<String, String>,
}

/// Every route, as its handler describes it.
pub static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(|| {
    let of_function = |function: FunctionName| {
        let operations = function.operations().into_iter();
        operations.map(move |operation| Route {
            method: operation.method.to_uppercase(),
            path: operation.path,
            function,
            needs_jwt: operation.needs_jwt,
        })
    };
    FunctionName::ALL
        .into_iter()
        .flat_map(of_function)
        .collect()
});

impl FunctionName {
    /// All functions.
    pub const ALL: [Self; 8] = [
        Self::Connect,
        Self::Callback,
        Self::Accounts,
        Self::Media,
        Self::Insights,
        Self::Publish,
        Self::Refresh,
        Self::Webhooks,
    ];

    /// The crate's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Callback => "callback",
            Self::Accounts => "accounts",
            Self::Media => "media",
            Self::Insights => "insights",
            Self::Publish => "publish",
            Self::Refresh => "refresh",
            Self::Webhooks => "webhooks",
        }
    }

    /// What its routes say of themselves.
    pub fn operations(self) -> Vec<Described> {
        match self {
            Self::Connect => connect::operations(),
            Self::Callback => callback::operations(),
            Self::Accounts => accounts::operations(),
            Self::Media => media::operations(),
            Self::Insights => insights::operations(),
            Self::Publish => publish::operations(),
            Self::Refresh => refresh::operations(),
            Self::Webhooks => webhooks::operations(),
        }
    }

    /// The function, as its `main.rs` puts it together.
    pub fn build(self, app: Arc<App>) -> Function {
        let function = Function::new(app);
        match self {
            Self::Connect => function.with_routes(connect::routes()),
            Self::Callback => function.with_routes(callback::routes()),
            Self::Accounts => function.with_routes(accounts::routes()),
            Self::Media => function.with_routes(media::routes()),
            Self::Insights => function.with_routes(insights::routes()),
            Self::Publish => function
                .with_routes(publish::routes())
                .with_tasks(publish::handle),
            Self::Refresh => function
                .with_routes(refresh::routes())
                .with_tasks(refresh::handle),
            Self::Webhooks => function
                .with_routes(webhooks::all_routes())
                .with_tasks(webhooks::handle),
        }
    }
}

/// The route that takes a call: as with API Gateway, a path without placeholders wins over one with them.
pub fn find(method: &str, path: &str) -> Option<Match> {
    ROUTES
        .iter()
        .filter(|route| route.method == method)
        .filter_map(|route| {
            parameters(&route.path, path).map(|parameters| Match { route, parameters })
        })
        .min_by_key(|found| found.parameters.len())
}

fn parameters(pattern: &str, path: &str) -> Option<BTreeMap<String, String>> {
    let mut parameters = BTreeMap::new();
    let mut segments = path.split('/');
    for expected in pattern.split('/') {
        let segment = segments.next()?;
        match expected
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'))
        {
            Some(name) if !segment.is_empty() => {
                parameters.insert(name.to_owned(), segment.to_owned());
            }
            None if segment == expected => {}
            _ => return None,
        }
    }
    segments.next().is_none().then_some(parameters)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path_of(method: &str, path: &str) -> Option<&'static str> {
        find(method, path).map(|found| found.route.path.as_str())
    }

    #[test]
    fn the_most_specific_route_wins_and_everything_else_is_unknown() {
        assert_eq!(
            path_of("GET", "/instagram/accounts/expiring"),
            Some("/instagram/accounts/expiring")
        );
        let one = find("GET", "/instagram/accounts/a-1").unwrap();
        assert_eq!(one.parameters["id"], "a-1");
        for (method, path) in [
            ("GET", "/instagram/accounts/"),
            ("GET", "/instagram/accounts/a-1/"),
            ("GET", "/instagram/accounts//timeline"),
            ("PUT", "/instagram/accounts/a-1"),
            ("GET", "/Instagram/accounts"),
            ("GET", "/local/token"),
            ("GET", ""),
        ] {
            assert_eq!(path_of(method, path), None, "{method} {path}");
        }
    }
}
