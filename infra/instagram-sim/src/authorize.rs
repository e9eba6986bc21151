//! The consent page: who someone is, what they allow, or that they do not.
//!
//! <https://developers.facebook.com/docs/instagram-platform/instagram-api-with-instagram-login/business-login>

use crate::App;
use crate::answer::{Answer, GraphError};
use crate::html::{escape, page};
use crate::person::{AccountType, Person};
use crate::router::Endpoint;
use crate::settings::PersonalAccounts;
use crate::tokens::Code;
use crate::visit::Visit;

pub(crate) const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        name: "GET /oauth/authorize",
        method: "GET",
        path: "/oauth/authorize",
        handler: authorize,
    },
    Endpoint {
        name: "POST /oauth/authorize",
        method: "POST",
        path: "/oauth/authorize",
        handler: authorize,
    },
];

/// The scope that everything needs.
pub(crate) const BASIC_SCOPE: &str = "instagram_business_basic";
pub(crate) const PUBLISH_SCOPE: &str = "instagram_business_content_publish";
pub(crate) const INSIGHTS_SCOPE: &str = "instagram_business_manage_insights";
pub(crate) const COMMENTS_SCOPE: &str = "instagram_business_manage_comments";

const SCOPES: &[(&str, &str)] = &[
    (BASIC_SCOPE, "Profile and media"),
    ("instagram_business_content_publish", "Publish posts"),
    (COMMENTS_SCOPE, "Read and answer comments"),
    (
        "instagram_business_manage_messages",
        "Read and answer messages",
    ),
    (INSIGHTS_SCOPE, "Insights"),
];

/// What an app asks for, checked.
struct ConsentRequest {
    app: App,
    redirect_uri: String,
    scopes: Vec<&'static (&'static str, &'static str)>,
    state: Option<String>,
}

fn authorize(visit: &mut Visit<'_>) -> Result<Answer, GraphError> {
    Ok(read_request(visit)
        .and_then(|request| decide(visit, &request))
        .unwrap_or_else(|complaint| error_page(&complaint)))
}

fn read_request(visit: &Visit<'_>) -> Result<ConsentRequest, String> {
    let required = |name: &str| {
        let value = visit
            .incoming
            .parameter(name)
            .filter(|value| !value.is_empty());
        value.ok_or_else(|| {
            format!("Invalid Request: Request parameters are invalid: Missing {name}")
        })
    };
    let app = visit
        .state
        .app(required("client_id")?)
        .ok_or("Invalid Request: Request parameters are invalid: Invalid platform app")?;
    let redirect_uri = required("redirect_uri")?;
    if !app
        .redirect_uris
        .iter()
        .any(|registered| registered == redirect_uri)
    {
        return Err(
            "Invalid Request: Request parameters are invalid: Invalid redirect_uri".to_owned(),
        );
    }
    if required("response_type")? != "code" {
        return Err(
            "Invalid Request: Request parameters are invalid: Invalid response_type".to_owned(),
        );
    }
    let asked: Vec<&str> = required("scope")?
        .split([',', ' '])
        .filter(|scope| !scope.is_empty())
        .collect();
    let unknown: Vec<&str> = asked
        .iter()
        .copied()
        .filter(|scope| !SCOPES.iter().any(|(known, _)| known == scope))
        .collect();
    if !unknown.is_empty() {
        return Err(format!("Invalid Scopes: {}", unknown.join(", ")));
    }
    Ok(ConsentRequest {
        app: app.clone(),
        redirect_uri: redirect_uri.to_owned(),
        scopes: SCOPES
            .iter()
            .filter(|(scope, _)| asked.contains(scope))
            .collect(),
        state: visit.incoming.parameter("state").map(str::to_owned),
    })
}

fn decide(visit: &mut Visit<'_>, request: &ConsentRequest) -> Result<Answer, String> {
    let username = visit.incoming.parameter("_sim_as");
    // A browser comes back with a form; a script names the person in the first address.
    let redirect_status = if visit.incoming.method == "POST" {
        303
    } else {
        302
    };
    match (visit.incoming.parameter("_sim_decision"), username) {
        (None, None) => return Ok(consent_page(visit, request)),
        (Some("deny"), _) => {
            let refusal = [
                ("error", "access_denied"),
                ("error_reason", "user_denied"),
                ("error_description", "The user denied your request."),
            ];
            return Ok(Answer::redirect(
                redirect_status,
                &request.way_back(&refusal),
            ));
        }
        (Some("allow") | None, _) => {}
        (Some(_), _) => return Err("instagram-sim: _sim_decision is allow or deny".to_owned()),
    }
    let username = username.ok_or("instagram-sim: choose an account (_sim_as)")?;
    let person = visit
        .state
        .person(username)
        .ok_or_else(|| format!("instagram-sim: nobody is called {username}"))?;
    let refuses_personal =
        visit.state.durable.settings.personal_accounts == PersonalAccounts::RefusedAtConsent;
    if person.account_type == AccountType::Personal && refuses_personal {
        return Err(
            "You need a professional account to use this app. Switch to one in the app's settings."
                .to_owned(),
        );
    }
    let code = Code {
        client_id: request.app.client_id.clone(),
        redirect_uri: request.redirect_uri.clone(),
        ig_user_id: person.ig_user_id.clone(),
        scopes: granted_scopes(visit, request)?,
        expires_at_ms: 0,
        used: false,
    };
    let code = visit.state.issue_code(code, visit.now_ms);
    // Instagram ends the address with `#_`, which a browser keeps to itself.
    let location = format!("{}#_", request.way_back(&[("code", &code)]));
    Ok(Answer::redirect(redirect_status, &location))
}

/// The ticked scopes of the form, or those that a script names; a script that names none grants all.
fn granted_scopes(visit: &Visit<'_>, request: &ConsentRequest) -> Result<Vec<String>, String> {
    let asked = || request.scopes.iter().map(|(scope, _)| (*scope).to_owned());
    let named = match visit.incoming.method.as_str() {
        "POST" => visit.incoming.form_values("_sim_scopes").join(","),
        _ => match visit.incoming.query("_sim_scopes") {
            Some(named) => named.to_owned(),
            None => return Ok(asked().collect()),
        },
    };
    let named: Vec<&str> = named
        .split([',', ' '])
        .filter(|scope| !scope.is_empty())
        .collect();
    if let Some(stranger) = named
        .iter()
        .find(|scope| !asked().any(|asked| asked == **scope))
    {
        return Err(format!("instagram-sim: {stranger} was not asked for"));
    }
    Ok(asked()
        .filter(|scope| named.contains(&scope.as_str()))
        .collect())
}

impl ConsentRequest {
    fn way_back(&self, parameters: &[(&str, &str)]) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(parameters);
        if let Some(state) = &self.state {
            query.append_pair("state", state);
        }
        let separator = if self.redirect_uri.contains('?') {
            '&'
        } else {
            '?'
        };
        format!("{}{separator}{}", self.redirect_uri, query.finish())
    }
}

fn error_page(complaint: &str) -> Answer {
    let body = format!(
        "<h1>Sorry, this page isn&#39;t available</h1><p>{}</p>",
        escape(complaint)
    );
    Answer::html(400, page("Page not available", &body))
}

fn consent_page(visit: &Visit<'_>, request: &ConsentRequest) -> Answer {
    let mut hidden = String::new();
    for name in [
        "client_id",
        "redirect_uri",
        "response_type",
        "scope",
        "state",
    ] {
        if let Some(value) = visit.incoming.parameter(name) {
            hidden += &format!(
                "<input type=\"hidden\" name=\"{name}\" value=\"{}\">",
                escape(value)
            );
        }
    }
    let accounts: String = visit
        .state
        .durable
        .people
        .iter()
        .enumerate()
        .map(|(position, person)| account_choice(person, &request.app, position == 0))
        .collect();
    let scopes: String = request
        .scopes
        .iter()
        .map(|(scope, what)| {
            format!(
                "<label><span>{what}<small>{scope}</small></span>\
                 <input type=\"checkbox\" name=\"_sim_scopes\" value=\"{scope}\" checked></label>"
            )
        })
        .collect();
    let app_name = escape(&request.app.name);
    let body = format!(
        "<h1>{app_name} asks for access</h1>\
         <p class=\"soft\">Choose an account and what the app may do with it.</p>\
         <form method=\"post\" action=\"/oauth/authorize\">{hidden}\
         <fieldset><legend>Log in as</legend>{accounts}</fieldset>\
         <fieldset><legend>{app_name} may use</legend>{scopes}</fieldset>\
         <div class=\"buttons\"><button name=\"_sim_decision\" value=\"deny\">Not now</button>\
         <button class=\"allow\" name=\"_sim_decision\" value=\"allow\">Allow</button></div></form>"
    );
    Answer::html(200, page("Log in to Instagram", &body))
}

fn account_choice(person: &Person, app: &App, chosen: bool) -> String {
    let account_type = match person.account_type {
        AccountType::Business => "business",
        AccountType::MediaCreator => "creator",
        AccountType::Personal => "personal",
    };
    let role = match app.development && !person.role_on_app {
        true => ", no role on this app",
        false => "",
    };
    let checked = if chosen { " checked" } else { "" };
    format!(
        "<label><img src=\"/_sim/pictures/{username}.svg\" alt=\"\"><span>{username}\
         <small>{name} · {account_type}{role}</small></span>\
         <input type=\"radio\" name=\"_sim_as\" value=\"{username}\"{checked}></label>",
        username = escape(&person.username),
        name = escape(&person.name),
    )
}
