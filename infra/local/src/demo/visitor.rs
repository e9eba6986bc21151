//! A person at a browser: has a token, goes to Instagram, says yes or no, and reads the page at the end.

use serde_json::Value;
use url::Url;
use world::browser::Browser;
use world::gateway::{HttpCall, Reply};

use crate::Stack;

/// A person of a company.
pub(super) struct Visitor<'a> {
    stack: &'a Stack,
    browser: Browser,
    user: &'static str,
    company: &'static str,
    token: String,
}

/// What the page at the end of a login says.
pub(super) struct Ending {
    /// `connected` or `failed`.
    pub(super) outcome: String,
    /// The refusal's code.
    pub(super) code: String,
    /// The account's id.
    pub(super) account: String,
    /// The sentence for the person.
    pub(super) sentence: String,
}

impl<'a> Visitor<'a> {
    pub(super) async fn arrive(
        stack: &'a Stack,
        user: &'static str,
        company: &'static str,
    ) -> Result<Self, String> {
        let mut visitor = Self {
            stack,
            browser: Browser::new(),
            user,
            company,
            token: String::new(),
        };
        visitor.fetch_token().await?;
        Ok(visitor)
    }

    /// A token lasts an hour by the stack's clock: after a turn of the clock another one is needed.
    pub(super) async fn fetch_token(&mut self) -> Result<(), String> {
        let target = format!(
            "/local/token?user={}&company={}&role=admin",
            self.user, self.company
        );
        let reply = self.own(&HttpCall::get(&target)).await?;
        self.token = reply.json()["token"]
            .as_str()
            .ok_or("no token in the answer")?
            .to_owned();
        Ok(())
    }

    /// A call of the API with the person's token, which must be answered with this status.
    async fn call(&self, call: HttpCall, status: u16) -> Result<Value, String> {
        let asked = format!("{} {}", call.method, call.path);
        let call = call
            .header("authorization", &format!("Bearer {}", self.token))
            // What a page's own script sends.
            .header("sec-fetch-site", "same-origin");
        let reply = self.own(&call).await?;
        if reply.status != status {
            return Err(format!(
                "{asked} was answered with {} instead of {status}: {}",
                reply.status,
                reply.text()
            ));
        }
        Ok(reply.json())
    }

    /// A call of the API that must be answered with this status.
    pub(super) async fn expect(
        &self,
        method: &str,
        target: &str,
        status: u16,
    ) -> Result<Value, String> {
        self.call(HttpCall::new(method, target), status).await
    }

    /// Makes something new, which must be answered with 201.
    pub(super) async fn create(&self, target: &str, body: &Value) -> Result<Value, String> {
        self.call(HttpCall::post(target).json(body), 201).await
    }

    /// A page of another host.
    pub(super) async fn open(&self, url: &str) -> Result<Reply, String> {
        self.browser.open(url).await
    }

    /// A call without a token.
    pub(super) async fn own(&self, call: &HttpCall) -> Result<Reply, String> {
        self.browser.send(&self.stack.api_url, call).await
    }

    /// Turns the stack's clock.
    pub(super) async fn turn_clock(&mut self, advance: &str) -> Result<Value, String> {
        let call = HttpCall::post("/local/clock").json(&serde_json::json!({ "advance": advance }));
        let reply = self.own(&call).await?;
        if reply.status != 200 {
            return Err(format!("the clock was not turned: {}", reply.text()));
        }
        self.fetch_token().await?;
        Ok(reply.json())
    }

    /// The address of Instagram's consent window.
    pub(super) async fn begin_login(&self) -> Result<String, String> {
        let return_to: String =
            url::form_urlencoded::byte_serialize(format!("{}/", self.stack.api_url).as_bytes())
                .collect();
        let target = format!("/instagram/connect?display=popup&returnTo={return_to}");
        let answer = self.expect("GET", &target, 200).await?;
        Ok(answer["url"]
            .as_str()
            .ok_or("no url in the answer")?
            .to_owned())
    }

    /// Goes to Instagram as `username`, decides, and follows the way back.
    pub(super) async fn finish_login(
        &self,
        url: &str,
        username: &str,
        decision: &str,
    ) -> Result<Ending, String> {
        let mut url = Url::parse(url).map_err(|error| error.to_string())?;
        url.query_pairs_mut()
            .append_pair("_sim_as", username)
            .append_pair("_sim_decision", decision);
        let mut reply = self.browser.open(url.as_str()).await?;
        for _ in 0..5 {
            let Some(location) = reply.header("location").map(str::to_owned) else {
                return Ok(Ending::of_page(&reply.text()));
            };
            let mut next = url.join(&location).map_err(|error| error.to_string())?;
            // A browser keeps this part to itself.
            next.set_fragment(None);
            reply = self.browser.open(next.as_str()).await?;
            url = next;
        }
        Err("the login redirects without end".to_owned())
    }

    /// Begins and finishes a login.
    pub(super) async fn log_in(&self, username: &str, decision: &str) -> Result<Ending, String> {
        let url = self.begin_login().await?;
        self.finish_login(&url, username, decision).await
    }
}

impl Ending {
    fn of_page(page: &str) -> Self {
        let fact = |name: &str| between(page, &format!("{name}=\""), "\"").to_owned();
        let html = between(page, "id=\"sentence\">", "</p>");
        let mut sentence = String::new();
        let mut in_tag = false;
        for character in html.chars() {
            match character {
                '<' => in_tag = true,
                '>' => in_tag = false,
                other if !in_tag => sentence.push(other),
                _ => {}
            }
        }
        Self {
            outcome: fact("data-outcome"),
            code: fact("data-code"),
            account: fact("data-account"),
            sentence,
        }
    }
}

fn between<'t>(text: &'t str, before: &str, after: &str) -> &'t str {
    text.split_once(before)
        .and_then(|(_, rest)| rest.split_once(after))
        .map_or("", |(found, _)| found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ending_is_read_from_the_page() {
        let ending = Ending::of_page(
            "<body data-target=\"x\" data-outcome=\"connected\" data-code=\"\" data-account=\"a-1\">\
             <p id=\"sentence\"><strong>Ann</strong> <span>@ann</span></p>",
        );
        assert_eq!(
            (
                ending.outcome.as_str(),
                ending.code.as_str(),
                ending.account.as_str()
            ),
            ("connected", "", "a-1")
        );
        assert_eq!(ending.sentence, "Ann @ann");
    }
}
