//! What a person sees at the end of a login: a page in the popup, or the way back to the app.
//!
//! The page holds fixed sentences and what Instagram says of the account, escaped; nothing of the address is in it. It
//! works without JavaScript: then it stays open, with its links.

use std::fmt::Write;
use std::sync::{Arc, LazyLock};

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use shared::account::Account;
use shared::app::App;
use shared::browser::Binding;
use shared::digest;
use shared::http::Problem;
use shared::http::problem::Refusal;
use shared::table::login_states::{Display, LIFETIME, LoginState};
use url::Url;

use crate::connect::{Connected, Finished};
use crate::refusal;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

static STYLE_SOURCE: LazyLock<String> = LazyLock::new(|| digest::sha256_base64(STYLE.as_bytes()));
static SCRIPT_SOURCE: LazyLock<String> = LazyLock::new(|| digest::sha256_base64(SCRIPT.as_bytes()));

/// The answer to Meta's redirect.
pub(crate) async fn answer(app: &Arc<App>, headers: &HeaderMap, finished: Finished) -> Response {
    let Finished { login, result } = finished;
    let refusal_for_log = result.as_ref().err().map(|problem| Refusal {
        code: problem.code,
        fbtrace_id: problem
            .instagram
            .as_ref()
            .and_then(|numbers| numbers.fbtrace_id.clone()),
    });
    let mut response = match &login {
        Some(login) if login.display == Display::Redirect => redirect(login, &result),
        _ => {
            let try_again = match (&login, &result) {
                (Some(login), Err(problem)) => another_try(app, login, problem).await,
                _ => None,
            };
            let mut response = page(login.as_ref(), &result, try_again.as_ref());
            // The new login needs the cookie as long as it may take itself.
            let config = &app.config.instagram;
            if try_again.is_some()
                && let Ok(Some(binding)) = Binding::of_request(config, headers)
                && let Some(cookie) = binding.set_cookie()
            {
                response.headers_mut().insert(header::SET_COOKIE, cookie);
            }
            response
        }
    };
    if let Some(refusal) = refusal_for_log {
        response.extensions_mut().insert(refusal);
    }
    response
}

/// Back to the app, which learns how it went from two parameters.
fn redirect(login: &LoginState, result: &Result<Connected, Problem>) -> Response {
    let Ok(mut url) = Url::parse(&login.return_to) else {
        return page(None, result, None);
    };
    let (outcome, name, value) = match result {
        Ok(connected) => ("connected", "accountId", connected.account.id.as_str()),
        Err(problem) => ("failed", "code", problem.code),
    };
    url.query_pairs_mut()
        .append_pair("instagram", outcome)
        .append_pair(name, value);
    let Ok(location) = HeaderValue::from_str(url.as_str()) else {
        return page(None, result, None);
    };
    (
        StatusCode::SEE_OTHER,
        [
            (header::LOCATION, location),
            (
                header::REFERRER_POLICY,
                HeaderValue::from_static("no-referrer"),
            ),
        ],
    )
        .into_response()
}

/// The consent window again, under a new state of the same person, where that can end otherwise.
async fn another_try(app: &Arc<App>, login: &LoginState, problem: &Problem) -> Option<Url> {
    if !refusal::is_worth_another_try(problem) {
        return None;
    }
    let login = LoginState {
        expires_at: app.clock.now() + LIFETIME,
        ..login.clone()
    };
    let mut url = shared::login::open(app, &login).await.ok()?.url;
    if refusal::needs_another_account(problem) {
        // Meta: "Business Login for Instagram", since 2025-06-14.
        url.query_pairs_mut().append_pair("force_reauth", "true");
    }
    Some(url)
}

fn page(
    login: Option<&LoginState>,
    result: &Result<Connected, Problem>,
    try_again: Option<&Url>,
) -> Response {
    let return_to = login.and_then(|login| Url::parse(&login.return_to).ok());
    let target = return_to
        .as_ref()
        .map(|url| url.origin().ascii_serialization())
        .unwrap_or_default();
    let (status, outcome, code, account_id) = match result {
        Ok(connected) => (
            StatusCode::OK,
            "connected",
            "",
            connected.account.id.as_str(),
        ),
        Err(problem) => (problem.status, "failed", problem.code, ""),
    };
    let mut html = String::with_capacity(4096);
    let title = match result {
        Ok(_) => "Instagram connected",
        Err(problem) if problem.code == "access_denied" => "Connection canceled",
        Err(_) => "Instagram was not connected",
    };
    // Writing to a String cannot fail.
    let _ = write!(
        html,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\"><meta name=\"robots\" content=\"noindex\"><title>{title}</title>\
         <style>{STYLE}</style></head><body data-target=\"{}\" data-outcome=\"{outcome}\" data-code=\"{code}\" \
         data-account=\"{}\"><main class=\"{outcome}\">",
        escaped(&target),
        escaped(account_id),
    );
    let picture = match result {
        Ok(connected) => write_success(&mut html, &connected.account, title),
        Err(problem) => {
            let _ = write!(
                html,
                "<h1>{title}</h1><p id=\"sentence\">{}</p>",
                escaped(&problem.detail)
            );
            None
        }
    };
    if let Some(url) = try_again {
        let _ = write!(
            html,
            "<p><a class=\"button\" id=\"try-again\" href=\"{}\">Try again</a></p>",
            escaped(url.as_str())
        );
    }
    if let Some(url) = &return_to {
        let _ = write!(
            html,
            "<p><a id=\"back\" href=\"{}\">Back to the app</a></p>",
            escaped(url.as_str())
        );
    }
    let _ = write!(
        html,
        "<p class=\"quiet\">You can close this window.</p></main><script>{SCRIPT}</script></body></html>"
    );
    (status, page_headers(picture.as_deref()), html).into_response()
}

/// Name and picture; returns the origin that the picture is loaded from.
fn write_success(html: &mut String, account: &Account, title: &str) -> Option<String> {
    let picture = account
        .profile_picture_url
        .as_deref()
        .and_then(|text| Url::parse(text).ok());
    let picture = picture.filter(|url| matches!(url.scheme(), "https" | "http"));
    if let Some(url) = &picture {
        let _ = write!(
            html,
            "<img alt=\"\" width=\"96\" height=\"96\" src=\"{}\">",
            escaped(url.as_str())
        );
    }
    let name = account
        .name
        .as_deref()
        .or(account.username.as_deref())
        .unwrap_or("Your account");
    let _ = write!(
        html,
        "<h1>{title}</h1><p id=\"sentence\"><strong>{}</strong>",
        escaped(name)
    );
    if let Some(username) = &account.username {
        let _ = write!(html, " <span>@{}</span>", escaped(username));
    }
    html.push_str("</p>");
    if !account.missing_scopes.is_empty() {
        let _ = write!(
            html,
            "<p>Not granted: {}. What needs it will not work until you connect again and allow it.</p>",
            escaped(&account.missing_scopes.join(", "))
        );
    }
    picture.map(|url| url.origin().ascii_serialization())
}

fn page_headers(picture_origin: Option<&str>) -> [(HeaderName, HeaderValue); 6] {
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; img-src {}; base-uri 'none'; form-action \
         'none'; frame-ancestors 'none'",
        *STYLE_SOURCE,
        *SCRIPT_SOURCE,
        picture_origin.unwrap_or("'none'"),
    );
    [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        ),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_str(&policy)
                .unwrap_or(HeaderValue::from_static("default-src 'none'")),
        ),
        (
            header::REFERRER_POLICY,
            HeaderValue::from_static("no-referrer"),
        ),
        (
            HeaderName::from_static("permissions-policy"),
            HeaderValue::from_static("camera=(), geolocation=(), microphone=()"),
        ),
        (
            HeaderName::from_static("x-robots-tag"),
            HeaderValue::from_static("noindex"),
        ),
        // The page must reach the window that opened it.
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            HeaderValue::from_static("unsafe-none"),
        ),
    ]
}

/// The text for an element or a quoted attribute.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            _ => safe.push(character),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a07_markup_stays_text() {
        assert_eq!(
            escaped("\"><svg onload='x'>&"),
            "&quot;&gt;&lt;svg onload=&#39;x&#39;&gt;&amp;"
        );
    }

    #[test]
    fn style_and_script_cannot_end_their_elements() {
        assert!(!STYLE.contains("</") && !SCRIPT.contains("</"));
    }
}
