//! Which address means what. An area of the API is a module with a list of [`Endpoint`]s; a new area adds its list
//! to [`AREAS`] and touches nothing else.
//!
//! A path is matched from the top of the list, so a literal segment stands before a parameter. `{ig_id}` and the
//! other ids match digits only, and each its own kind of object as far as that object exists. `{version}` also matches what is no version, and no segment at all, so that a caller who forgets
//! or mistypes it gets Meta's answer to that and not the simulator's.

use crate::answer::{Answer, GraphError, OAUTH_EXCEPTION};
use crate::content::NodeKind;
use crate::visit::Visit;
use crate::{
    account_insights, authorize, comments, containers, exchange, insights, media, profile, publish,
    subscriptions,
};

/// Every area of the simulated API.
const AREAS: &[&[Endpoint]] = &[
    authorize::ENDPOINTS,
    exchange::ENDPOINTS,
    profile::ENDPOINTS,
    subscriptions::ENDPOINTS,
    containers::ENDPOINTS,
    publish::ENDPOINTS,
    media::ENDPOINTS,
    comments::ENDPOINTS,
    insights::ENDPOINTS,
    account_insights::ENDPOINTS,
];

const OLDEST_VERSION: u32 = 21;
const NEWEST_VERSION: u32 = 26;

pub(crate) type Handler = fn(&mut Visit<'_>) -> Result<Answer, GraphError>;

pub(crate) struct Endpoint {
    /// What faults and the log call it: the method and the path without its version.
    pub(crate) name: &'static str,
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) handler: Handler,
}

impl Endpoint {
    /// Whether it makes a container.
    pub(crate) fn makes_containers(&self) -> bool {
        self.method == "POST"
            && matches!(
                self.path,
                "/{version}/me/media" | "/{version}/{ig_id}/media"
            )
    }

    /// Whether it reads a container, a media or a comment, or what hangs on one.
    pub(crate) fn reads_a_node(&self) -> bool {
        let nodes = ["{container_id}", "{media_id}", "{comment_id}"];
        self.method == "GET" && nodes.iter().any(|node| self.path.contains(node))
    }

    /// Whether it belongs to `graph.instagram.com`, not to the hosts of the login.
    pub(crate) fn is_graph(&self) -> bool {
        !self.path.starts_with("/oauth/")
    }
}

pub(crate) struct Route {
    pub(crate) endpoint: &'static Endpoint,
    pub(crate) ig_id: Option<String>,
    /// The container, media or comment in the path.
    pub(crate) node_id: Option<String>,
    pub(crate) version_error: Option<GraphError>,
}

pub(crate) fn all() -> impl Iterator<Item = &'static Endpoint> {
    AREAS.iter().copied().flatten()
}

pub(crate) fn names() -> Vec<&'static str> {
    all().map(|endpoint| endpoint.name).collect()
}

/// `kind_of` says what an id is. Where no endpoint is for that kind, one for another kind takes the call, so that a
/// caller with a wrong id gets Meta's answer to that.
pub(crate) fn find(method: &str, path: &str, kind_of: impl Fn(&str) -> NodeKind) -> Option<Route> {
    let segments: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
    let of_method = || all().filter(|endpoint| endpoint.method == method);
    of_method()
        .find_map(|endpoint| matched(endpoint, &segments, |id, kind| kind_of(id) == kind))
        .or_else(|| of_method().find_map(|endpoint| matched(endpoint, &segments, |_, _| true)))
}

fn matched(
    endpoint: &'static Endpoint,
    segments: &[&str],
    fits: impl Fn(&str, NodeKind) -> bool,
) -> Option<Route> {
    let pattern: Vec<&str> = endpoint.path.trim_start_matches('/').split('/').collect();
    let (pattern, segments, version_error) = match (pattern.split_first(), segments.split_first()) {
        (Some((&"{version}", rest)), Some((version, after))) if rest.len() == after.len() => {
            (rest.to_vec(), after, version_error(version, after))
        }
        (Some((&"{version}", rest)), _) => (rest.to_vec(), segments, Some(unknown_path(segments))),
        _ => (pattern, segments, None),
    };
    if pattern.len() != segments.len() {
        return None;
    }
    let mut ig_id = None;
    let mut node_id = None;
    for (wanted, found) in pattern.iter().zip(segments) {
        let kind = match *wanted {
            "{ig_id}" => NodeKind::Account,
            "{container_id}" => NodeKind::Container,
            "{media_id}" => NodeKind::Media,
            "{comment_id}" => NodeKind::Comment,
            literal if literal == *found => continue,
            _ => return None,
        };
        let is_id = !found.is_empty() && found.bytes().all(|byte| byte.is_ascii_digit());
        if !is_id || !fits(found, kind) {
            return None;
        }
        let place = match kind {
            NodeKind::Account => &mut ig_id,
            _ => &mut node_id,
        };
        *place = Some((*found).to_owned());
    }
    Some(Route {
        endpoint,
        ig_id,
        node_id,
        version_error,
    })
}

fn version_error(version: &str, after: &[&str]) -> Option<GraphError> {
    let numbers = version
        .strip_prefix('v')
        .and_then(|rest| rest.split_once('.'));
    let (major, minor) = match numbers {
        Some((major, minor))
            if [major, minor]
                .iter()
                .all(|part| part.bytes().all(|b| b.is_ascii_digit())) =>
        {
            (major.parse::<u32>().ok(), minor.parse::<u32>().ok())
        }
        _ => (None, None),
    };
    match (major, minor) {
        (Some(OLDEST_VERSION..=NEWEST_VERSION), Some(0)) => None,
        (Some(major), Some(_)) if major < OLDEST_VERSION => Some(GraphError::new(
            12,
            OAUTH_EXCEPTION,
            format!("(#12) {version} is deprecated; the oldest version is v{OLDEST_VERSION}.0"),
        )),
        _ => Some(unknown_path(after)),
    }
}

fn unknown_path(segments: &[&str]) -> GraphError {
    let message = format!("Unknown path components: /{}", segments.join("/"));
    GraphError::new(2500, OAUTH_EXCEPTION, message)
}
