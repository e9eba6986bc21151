//! From a start of the functions to an account that is listed.

use jiff::SignedDuration;
use serde_json::Value;
use url::Url;
use world::gateway::{HttpCall, Reply};
use world::login::{self, Begun};
use world::resources::{AUDIT_SCHEDULE, POST_AUDIT_SCHEDULE};
use world::{Decision, INSTAGRAM_APP_ID};

use super::{COMPANY, Journey, USER, USERNAME, same};
use crate::stage::{ACCOUNTS, EVENTS, POSTS, RECEIVER};

impl Journey<'_> {
    pub(super) async fn starts(&self) -> Result<(), String> {
        let aws = &self.stage.aws;
        self.done(
            "moto made what template.yaml describes",
            &format!(
                "table {}, queue {}",
                aws.variable("TABLE_NAME"),
                aws.variable("ACCOUNT_QUEUE_ARN")
            ),
        );
        let ready = self.stage.call(HttpCall::get("/ready")).await?;
        same("whether all is ready", ready.status, 200)?;
        self.done(
            &format!("Its functions run: {}", self.stage.functions().join(", ")),
            &format!("GET /ready: {}", ready.text()),
        );
        Ok(())
    }

    /// Every file of `events/`, sent to the function whose event it is. What it names does not exist.
    pub(super) async fn takes_every_sample(&self) -> Result<(), String> {
        let said = |error: std::io::Error| format!("events: {error}");
        let mut files: Vec<_> = std::fs::read_dir(&self.stage.samples)
            .map_err(said)?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .collect();
        files.sort();
        let mut answers = Vec::new();
        for file in files {
            let name = file.file_stem().unwrap_or_default().to_string_lossy();
            let text = std::fs::read_to_string(&file).map_err(said)?;
            let event: Value =
                serde_json::from_str(&text).map_err(|error| format!("{name}: {error}"))?;
            let answer = match event["routeKey"].as_str() {
                Some(route) => {
                    let function = match route {
                        "$default" => RECEIVER.to_owned(),
                        route => self.stage.behind(route)?,
                    };
                    let answer = self.stage.invoke(&function, text).await?;
                    let status = Reply::parse(&answer)?.status;
                    same(
                        &format!("whether {name} fails: {answer}"),
                        status >= 500,
                        false,
                    )?;
                    status.to_string()
                }
                None => {
                    let source = event["Records"][0]["eventSourceARN"].as_str();
                    let queue = match source.and_then(|arn| arn.rsplit(':').next()) {
                        Some("posts") => POSTS,
                        Some("events") => EVENTS,
                        _ => ACCOUNTS,
                    };
                    let worker = self.stage.worker(queue)?;
                    let answer = self.stage.invoke(&worker, text).await?;
                    same(&name, answer.as_str(), r#"{"batchItemFailures":[]}"#)?;
                    "done".to_owned()
                }
            };
            answers.push(format!("{name} {answer}"));
        }
        same("whether there are samples", answers.is_empty(), false)?;
        self.done("Each file of events/ is answered", &answers.join(", "));
        Ok(())
    }

    pub(super) async fn connects(&mut self) -> Result<(), String> {
        let stage = self.stage;
        let begun = Begun::read(&stage.call(login::begin(USER, COMPANY, "")).await?)?;
        stage.note_secret(&begun.state);
        let expected = format!(
            "{}/oauth/authorize?client_id={INSTAGRAM_APP_ID}&",
            stage.instagram.url()
        );
        same("where it leads", begun.url.starts_with(&expected), true)?;
        self.done("Ann begins a login", &expected);

        let back = self.allow(&begun).await?;
        self.done(
            "She allows it at Instagram, and the callback connects",
            &self.account,
        );

        let again = stage.call(begun.return_by(&back)).await?;
        same(
            "the state a second time",
            login::account_on_page(&again),
            None,
        )?;
        let code = login::code_on_page(&again).unwrap_or_default();
        self.done("The same address a second time connects nothing", &code);

        let mut expected = self.schedule_names().to_vec();
        expected.extend([AUDIT_SCHEDULE, POST_AUDIT_SCHEDULE].map(str::to_owned));
        let found: Vec<String> = stage.aws.schedules().await?.into_iter().collect();
        expected.sort();
        same("the schedules", &found, &expected)?;
        self.done(
            "Its schedules are in EventBridge Scheduler",
            &found.join(", "),
        );
        same("the tokens in the vault", self.stored_tokens().await?, 1)?;
        let (secrets, _) = stage.look_for_secrets().await?;
        self.done(
            "The token is in Secrets Manager, and nowhere else",
            &format!("none of {secrets} secrets in the table, a schedule, an answer or a log"),
        );
        Ok(())
    }

    /// Ann allows it at Instagram, and the callback connects. Returns the address to which Instagram sent her.
    async fn allow(&mut self, begun: &Begun) -> Result<Url, String> {
        let stage = self.stage;
        let back = login::consent(&stage.browser, &begun.url, USERNAME, Decision::Allow).await?;
        let code = back.query_pairs().find(|(name, _)| name == "code");
        stage.note_secret(&code.ok_or("no code")?.1);
        let page = stage.call(begun.return_by(&back)).await?;
        self.account = login::account_on_page(&page).ok_or_else(|| page.text())?;
        Ok(back)
    }

    /// The same login once more, of which nothing is shown.
    pub(super) async fn connects_again(&mut self) -> Result<(), String> {
        let stage = self.stage;
        let begun = Begun::read(&stage.call(login::begin(USER, COMPANY, "")).await?)?;
        stage.note_secret(&begun.state);
        self.allow(&begun).await?;
        stage.clock.advance(SignedDuration::from_mins(2))?;
        stage.work().await?;
        Ok(())
    }

    pub(super) async fn is_listed(&self) -> Result<(), String> {
        let list = self.expect("GET", "/instagram/accounts", 200).await?;
        same("the accounts", &list["total"], &Value::from(1))?;
        same(
            "the listed one",
            &list["accounts"][0]["id"],
            &Value::from(self.account.as_str()),
        )?;
        let account = self.look().await?;
        same("its name", &account["username"], &Value::from(USERNAME))?;
        same("its status", &account["status"], &Value::from("active"))?;
        self.done(
            "It is listed, and can be looked at",
            &format!("{USERNAME}, active, until {}", account["tokenExpiresAt"]),
        );
        Ok(())
    }
}
