//! Which route goes to which function, and which of them need a JWT: what `template.yaml` says to API Gateway.

use std::collections::BTreeMap;

use shared::app::App;
use shared::lambda::Function;
use std::sync::Arc;

/// A function behind the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FunctionName {
    /// Starts a login.
    Connect,
    /// Finishes a login.
    Callback,
    /// Lists and manages accounts.
    Accounts,
    /// Takes posts in, and publishes them: takes the posts' tasks from their queue.
    Publish,
    /// Refreshes tokens, and takes the accounts' tasks from their queue.
    Refresh,
}

/// A route of the API.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// Upper-case method.
    pub method: &'static str,
    /// The path with its placeholders, as API Gateway takes it.
    pub path: &'static str,
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

const fn open(method: &'static str, path: &'static str, function: FunctionName) -> Route {
    Route {
        method,
        path,
        function,
        needs_jwt: false,
    }
}

const fn guarded(method: &'static str, path: &'static str, function: FunctionName) -> Route {
    Route {
        method,
        path,
        function,
        needs_jwt: true,
    }
}

const POSTS: &str = "/instagram/accounts/{id}/posts";
const POST: &str = "/instagram/accounts/{id}/posts/{postId}";

/// Every route.
pub const ROUTES: &[Route] = &[
    guarded("GET", "/instagram/connect", FunctionName::Connect),
    open("GET", "/instagram/callback", FunctionName::Callback),
    guarded("POST", "/instagram/callback", FunctionName::Callback),
    guarded("GET", "/instagram/accounts", FunctionName::Accounts),
    guarded(
        "GET",
        "/instagram/accounts/expiring",
        FunctionName::Accounts,
    ),
    guarded("GET", "/instagram/accounts/{id}", FunctionName::Accounts),
    guarded("PATCH", "/instagram/accounts/{id}", FunctionName::Accounts),
    guarded("DELETE", "/instagram/accounts/{id}", FunctionName::Accounts),
    guarded(
        "POST",
        "/instagram/accounts/{id}/disconnect",
        FunctionName::Accounts,
    ),
    guarded(
        "POST",
        "/instagram/accounts/{id}/sync",
        FunctionName::Accounts,
    ),
    guarded(
        "POST",
        "/instagram/accounts/{id}/refresh-status",
        FunctionName::Accounts,
    ),
    guarded(
        "POST",
        "/instagram/accounts/{id}/refresh",
        FunctionName::Refresh,
    ),
    guarded(
        "GET",
        "/instagram/accounts/{id}/timeline",
        FunctionName::Accounts,
    ),
    guarded(
        "GET",
        "/instagram/accounts/{id}/sync-log",
        FunctionName::Accounts,
    ),
    guarded("GET", POSTS, FunctionName::Publish),
    guarded("POST", POSTS, FunctionName::Publish),
    guarded(
        "POST",
        "/instagram/accounts/{id}/posts/bulk",
        FunctionName::Publish,
    ),
    guarded(
        "POST",
        "/instagram/accounts/{id}/posts/preflight",
        FunctionName::Publish,
    ),
    guarded("GET", POST, FunctionName::Publish),
    guarded("PATCH", POST, FunctionName::Publish),
    guarded("DELETE", POST, FunctionName::Publish),
    guarded(
        "POST",
        "/instagram/accounts/{id}/posts/{postId}/retry",
        FunctionName::Publish,
    ),
    guarded(
        "POST",
        "/instagram/accounts/{id}/posts/{postId}/duplicate",
        FunctionName::Publish,
    ),
    guarded(
        "GET",
        "/instagram/accounts/{id}/posts/{postId}/timeline",
        FunctionName::Publish,
    ),
    guarded(
        "GET",
        "/instagram/accounts/{id}/publishing-limit",
        FunctionName::Publish,
    ),
    guarded("GET", "/templates", FunctionName::Publish),
    guarded("POST", "/templates", FunctionName::Publish),
    guarded("GET", "/templates/{templateId}", FunctionName::Publish),
    guarded("PATCH", "/templates/{templateId}", FunctionName::Publish),
    guarded("DELETE", "/templates/{templateId}", FunctionName::Publish),
    guarded("GET", "/integrations", FunctionName::Accounts),
    guarded("GET", "/health/coverage", FunctionName::Refresh),
    open("GET", "/health", FunctionName::Accounts),
    open("GET", "/ready", FunctionName::Accounts),
];

impl FunctionName {
    /// All functions.
    pub const ALL: [Self; 5] = [
        Self::Connect,
        Self::Callback,
        Self::Accounts,
        Self::Publish,
        Self::Refresh,
    ];

    /// The crate's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Callback => "callback",
            Self::Accounts => "accounts",
            Self::Publish => "publish",
            Self::Refresh => "refresh",
        }
    }

    /// The function, as its `main.rs` puts it together.
    pub fn build(self, app: Arc<App>) -> Function {
        let function = Function::new(app);
        match self {
            Self::Connect => function.with_routes(connect::routes()),
            Self::Callback => function.with_routes(callback::routes()),
            Self::Accounts => function.with_routes(accounts::routes()),
            Self::Publish => function
                .with_routes(publish::routes())
                .with_tasks(publish::handle),
            Self::Refresh => function
                .with_routes(refresh::routes())
                .with_tasks(refresh::handle),
        }
    }
}

/// The route that takes a call: as with API Gateway, a path without placeholders wins over one with them.
pub fn find(method: &str, path: &str) -> Option<Match> {
    ROUTES
        .iter()
        .filter(|route| route.method == method)
        .filter_map(|route| {
            parameters(route.path, path).map(|parameters| Match { route, parameters })
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
        find(method, path).map(|found| found.route.path)
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
