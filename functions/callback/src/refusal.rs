//! Why a login does not end in a connection: each with its own code and sentence.

use http::StatusCode;
use shared::config::Mode;
use shared::graph::{Endpoint, ErrorKind, GraphError};
use shared::http::Problem;
use shared::openapi::{Refusals, of_instagram};

/// The same for a state that is missing, malformed or unknown: whoever guesses learns nothing.
pub(crate) fn invalid_state() -> Problem {
    Problem::bad_request(
        "invalid_state",
        "This link does not belong to a login that was begun here. Start again from your app.",
    )
}

pub(crate) fn already_used() -> Problem {
    Problem::conflict(
        "login_already_used",
        "This login was already finished. Start again from your app if needed.",
    )
}

pub(crate) fn expired() -> Problem {
    Problem::new(
        StatusCode::GONE,
        "login_expired",
        "This login took longer than 30 minutes. Start again.",
    )
}

pub(crate) fn another_browser() -> Problem {
    Problem::forbidden(
        "login_of_another_browser",
        "This login was not begun in this browser. Start again from your app, in this one.",
    )
}

pub(crate) fn another_caller() -> Problem {
    Problem::forbidden(
        "login_of_another_caller",
        "This login was begun by somebody else. Start again.",
    )
}

pub(crate) fn denied() -> Problem {
    // A decision and no error: the page is an ordinary one.
    Problem::new(
        StatusCode::OK,
        "access_denied",
        "You canceled on Instagram, so nothing was connected. You can try again at any time.",
    )
}

pub(crate) fn too_slow() -> Problem {
    Problem::new(
        StatusCode::BAD_GATEWAY,
        "login_interrupted",
        "Instagram took too long to answer, so nothing was connected. Try again.",
    )
}

/// The browser brings the error in its address, and could bring any: that is no fault of a server, and nobody may ring our
/// alarms with it.
pub(crate) fn other_error() -> Problem {
    Problem::conflict(
        "instagram_refused_login",
        "Instagram ended the login with an error. Try again; if it stays, the operator of this app has to look.",
    )
}

pub(crate) fn no_code() -> Problem {
    Problem::bad_request(
        "invalid_code",
        "Instagram sent no usable code. Start again.",
    )
}

pub(crate) fn missing_scope() -> Problem {
    Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "missing_scope",
        "Without the permission to see your profile and posts nothing can work. Try again and leave it ticked.",
    )
}

pub(crate) fn not_professional() -> Problem {
    Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "account_not_professional",
        "This is a personal account. Instagram lets apps work with professional accounts only: switch it to a business \
         or creator account in the Instagram app (Settings, Account type and tools), then try again.",
    )
}

pub(crate) fn connected_elsewhere() -> Problem {
    Problem::conflict(
        "already_connected_elsewhere",
        "This Instagram account is already connected to another workspace. Disconnect it there first, or choose \
         another account.",
    )
}

pub(crate) fn busy() -> Problem {
    Problem::conflict(
        "login_in_progress",
        "This account is being connected elsewhere right now. Try again in a moment.",
    )
}

/// What Instagram refused while the login was finished.
pub(crate) fn by_instagram(error: GraphError, mode: Mode) -> Problem {
    let (status, detail) = match error.kind {
        ErrorKind::CodeUsedOrExpired => (StatusCode::BAD_REQUEST, None),
        ErrorKind::PermissionMissing => return missing_scope(),
        ErrorKind::NoRoleOnApp if mode == Mode::Development => (
            StatusCode::FORBIDDEN,
            Some(
                "The Meta app is in development, and this account has no role on it. The operator adds it in Meta's \
                 App Dashboard (App roles, Instagram testers); then accept the invitation on Instagram and try again.",
            ),
        ),
        ErrorKind::NoRoleOnApp => (StatusCode::FORBIDDEN, None),
        _ => return Problem::from(error),
    };
    let mut problem = Problem::from(error);
    problem.status = status;
    problem.retry_after = None;
    if let Some(detail) = detail {
        problem.detail = detail.into();
    }
    problem
}

/// Why a login is not finished, whoever brings it back.
fn of_any_login() -> Vec<Problem> {
    let calls = [
        Endpoint::CodeExchange,
        Endpoint::LongLivedExchange,
        Endpoint::Profile,
    ];
    let of_instagram = of_instagram(&calls).into_iter();
    let mut all: Vec<Problem> = of_instagram
        .map(|error| by_instagram(error, Mode::Production))
        .collect();
    all.extend([
        invalid_state(),
        already_used(),
        expired(),
        too_slow(),
        no_code(),
        missing_scope(),
        not_professional(),
        connected_elsewhere(),
        busy(),
        Problem::unavailable(),
        Problem::token_unavailable(),
    ]);
    all
}

shared::refusals!(
    /// Why `POST /instagram/callback` connects nothing.
    pub(crate) LoginRefusals: of_any_login().into_iter().chain([another_caller()])
);

/// The same as pages, for Meta's redirect.
pub(crate) struct LoginPages;

impl utoipa::IntoResponses for LoginPages {
    fn responses() -> Refusals {
        let only_here = [another_browser(), denied(), other_error()];
        let refusals = shared::openapi::refusals(of_any_login().into_iter().chain(only_here));
        let as_page = |(name, answer)| (format!("{name} page"), answer);
        refusals.into_iter().map(as_page).collect()
    }
}

/// Whether another try by the same person can end otherwise.
pub(crate) fn is_worth_another_try(problem: &Problem) -> bool {
    !matches!(
        problem.code,
        "invalid_state" | "login_already_used" | "login_of_another_browser"
    )
}

/// Whether the next try should ask which account it is for: the one that was chosen cannot work.
pub(crate) fn needs_another_account(problem: &Problem) -> bool {
    matches!(
        problem.code,
        "account_not_professional" | "already_connected_elsewhere" | "no_role_on_app"
    )
}
