//! From a start of the functions to an account that is listed.

use serde_json::Value;
use world::gateway::{HttpCall, Reply};
use world::login::{self, Begun};
use world::resources::{AUDIT_SCHEDULE, POST_AUDIT_SCHEDULE};
use world::{Decision, INSTAGRAM_APP_ID};

use super::{COMPANY, Journey, USER, USERNAME, same};
use crate::stage::{ACCOUNTS, POSTS};

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
                    let answer = self.stage.invoke(&self.stage.behind(route)?, text).await?;
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
                    let is_of_posts = source.is_some_and(|arn| arn.ends_with(":posts"));
                    let queue = if is_of_posts { POSTS } else { ACCOUNTS };
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

        let back = login::consent(&stage.browser, &begun.url, USERNAME, Decision::Allow).await?;
        let code = back.query_pairs().find(|(name, _)| name == "code");
        stage.note_secret(&code.ok_or("no code")?.1);
        let page = stage.call(begun.return_by(&back)).await?;
        self.account = login::account_on_page(&page).ok_or_else(|| page.text())?;
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
