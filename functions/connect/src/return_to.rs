//! Where a login may return to: only to an address that the configuration allows, checked before a person is sent
//! anywhere.

use shared::config::InstagramConfig;
use shared::http::Problem;
use url::Url;

/// The address that was asked for, or the first allowed one.
///
/// # Errors
/// 400 `invalid_return_to`.
pub(crate) fn checked(config: &InstagramConfig, asked: Option<&str>) -> Result<String, Problem> {
    match asked {
        None => Ok(config
            .return_to
            .first()
            .map(ToString::to_string)
            .unwrap_or_default()),
        Some(text) if is_allowed(&config.return_to, text) => Ok(text.to_owned()),
        Some(_) => Err(invalid()),
    }
}

pub(crate) fn invalid() -> Problem {
    Problem::bad_request(
        "invalid_return_to",
        "`returnTo` is not one of the addresses that this service may return to (INSTAGRAM_RETURN_TO).",
    )
}

/// An allowed origin covers every path on it; an allowed address with a path covers only itself.
fn is_allowed(allowed: &[Url], text: &str) -> bool {
    let Ok(asked) = Url::parse(text) else {
        return false;
    };
    // What the parser had to mend (backslashes, tabs, a missing slash, upper-case hosts) is not what was allowed.
    let is_as_written = asked.as_str() == text || asked.as_str() == format!("{text}/");
    is_as_written
        && asked.username().is_empty()
        && asked.password().is_none()
        && asked.fragment().is_none()
        && allowed.iter().any(|entry| {
            let is_origin = entry.path() == "/" && entry.query().is_none();
            entry == &asked || (is_origin && entry.origin() == asked.origin())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed() -> Vec<Url> {
        [
            "https://app.example.com",
            "https://other.example.com/settings",
        ]
        .map(|text| text.parse().unwrap())
        .into()
    }

    #[test]
    fn only_allowed_addresses_are_taken() {
        for text in [
            "https://app.example.com",
            "https://app.example.com/",
            "https://app.example.com/deep/page?tab=1",
            "https://other.example.com/settings",
        ] {
            assert!(is_allowed(&allowed(), text), "{text}");
        }
    }

    #[test]
    fn a12_everything_else_is_refused() {
        for text in [
            "",
            "/",
            "//evil.example.com",
            "https:evil.example.com",
            "https://app.example.com.evil.example.com/",
            "https://app.example.com@evil.example.com/",
            "https://user:password@app.example.com/",
            "https://evil.example.com/?https://app.example.com",
            "http://app.example.com/",
            "https://app.example.com:8443/",
            "https://other.example.com/",
            "https://other.example.com/settings/more",
            "https://other.example.com/settings?x=1",
            "https://APP.example.com/",
            "https:\\\\app.example.com\\",
            "https:/app.example.com/",
            "https://app.example.com/\r\nSet-Cookie:x=1",
            " https://app.example.com/",
            "https://app.example.com/#fragment",
            "https://аpp.example.com/",
            "javascript:alert(1)//app.example.com",
            "data:text/html,app.example.com",
        ] {
            assert!(!is_allowed(&allowed(), text), "{text}");
        }
    }
}
