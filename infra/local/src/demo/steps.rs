//! The steps.

use serde_json::{Value, json};
use world::gateway::HttpCall;

use super::visitor::{Ending, Visitor};
use crate::{Report, Stack};

/// Says what was done and what came of it.
struct Teller<'a> {
    report: &'a Report,
    step: usize,
}

impl Teller<'_> {
    fn done(&mut self, what: &str, answer: &str) {
        self.step += 1;
        (self.report)(&format!("✓ {:>2}. {what}", self.step));
        (self.report)(&format!("       {answer}"));
    }
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: T, expected: T) -> Result<(), String> {
    if found == expected {
        Ok(())
    } else {
        Err(format!("{what}: expected {expected:?}, found {found:?}"))
    }
}

fn text<'v>(value: &'v Value, member: &str) -> &'v str {
    value[member].as_str().unwrap_or_default()
}

fn refused(ending: &Ending, code: &str) -> Result<(), String> {
    same("the login's outcome", ending.outcome.as_str(), "failed")?;
    same("the refusal's code", ending.code.as_str(), code)
}

pub(super) async fn go(stack: &Stack, report: &Report) -> Result<(), String> {
    let mut tell = Teller { report, step: 0 };
    stack.check().await?;
    tell.done(
        "The stack answers",
        &format!(
            "API {}, Instagram {}",
            stack.api_url,
            stack.instagram_url.as_deref().unwrap_or("real")
        ),
    );

    let nobody = Visitor::arrive(stack, "nobody", "nowhere").await?;
    let reply = nobody.own(&HttpCall::get("/instagram/accounts")).await?;
    same("the status without a token", reply.status, 401)?;
    tell.done(
        "Without a token nobody gets in",
        &format!("401 {}", reply.text()),
    );

    let mut ann = Visitor::arrive(stack, "ann", "acme").await?;
    tell.done(
        "Ann of acme gets a token",
        "GET /local/token?user=ann&company=acme&role=admin",
    );

    let id = connect(&ann, &mut tell).await?;
    look_around(&ann, &id, &mut tell).await?;
    a_day_passes(&mut ann, &id, &mut tell).await?;
    publish(stack, &mut ann, &id, &mut tell).await?;
    refusals(stack, &ann, &mut tell).await?;
    end_and_begin_again(&ann, &id, &mut tell).await?;
    two_months_pass(&mut ann, &id, &mut tell).await?;
    delete(&ann, &id, &mut tell).await?;
    (report)("All of it was answered as expected.");
    Ok(())
}

async fn connect(ann: &Visitor<'_>, tell: &mut Teller<'_>) -> Result<String, String> {
    let url = ann.begin_login().await?;
    let shown = url.split('?').next().unwrap_or_default();
    tell.done(
        "She begins to connect an account",
        &format!("consent window at {shown}"),
    );
    let ending = ann.finish_login(&url, "corner.bakery", "allow").await?;
    same("the login's outcome", ending.outcome.as_str(), "connected")?;
    tell.done(
        "She allows it as corner.bakery, and the popup's page says",
        &format!("connected: {}", ending.sentence),
    );
    let again = ann.finish_login(&url, "corner.bakery", "allow").await?;
    same(
        "the outcome of a used state",
        again.outcome.as_str(),
        "failed",
    )?;
    tell.done("The same login a second time is refused", &again.sentence);
    Ok(ending.account)
}

async fn look_around(ann: &Visitor<'_>, id: &str, tell: &mut Teller<'_>) -> Result<(), String> {
    let list = ann.expect("GET", "/instagram/accounts", 200).await?;
    same("the number of accounts", list["total"].as_u64(), Some(1))?;
    let account = &list["accounts"][0];
    same("the listed account", text(account, "id"), id)?;
    tell.done(
        "The account is in her list",
        &format!(
            "@{}, {}, {} followers, {}",
            text(account, "username"),
            text(account, "displayName"),
            account["followerCount"],
            text(account, "status")
        ),
    );
    let synced = ann
        .expect("POST", &format!("/instagram/accounts/{id}/sync"), 200)
        .await?;
    same("the status after a sync", text(&synced, "status"), "active")?;
    tell.done(
        "She syncs it now",
        &format!("last sync {}", text(&synced, "lastSyncAt")),
    );
    let status = ann
        .expect(
            "POST",
            &format!("/instagram/accounts/{id}/refresh-status"),
            200,
        )
        .await?;
    same(
        "the status that Instagram confirms",
        text(&status, "status"),
        "active",
    )?;
    tell.done(
        "Instagram confirms that the connection works",
        &status.to_string(),
    );
    let timeline = ann
        .expect("GET", &format!("/instagram/accounts/{id}/timeline"), 200)
        .await?;
    let entries = timeline["entries"].as_array().ok_or("no entries")?;
    let sentences: Vec<&str> = entries
        .iter()
        .map(|entry| text(entry, "sentence"))
        .collect();
    same("whether something happened", sentences.is_empty(), false)?;
    tell.done("Its timeline says", &sentences.join(" "));
    let overview = ann.expect("GET", "/integrations", 200).await?;
    same(
        "the integration's status",
        text(&overview["instagram"], "status"),
        "connected",
    )?;
    tell.done(
        "The settings page's overview says",
        text(&overview["instagram"], "status"),
    );
    Ok(())
}

async fn a_day_passes(
    ann: &mut Visitor<'_>,
    id: &str,
    tell: &mut Teller<'_>,
) -> Result<(), String> {
    let sync_log = format!("/instagram/accounts/{id}/sync-log");
    let before = ann.expect("GET", &sync_log, 200).await?;
    let turned = ann.turn_clock("P1D").await?;
    let after = ann.expect("GET", &sync_log, 200).await?;
    let count = |log: &Value| log["entries"].as_array().map_or(0, Vec::len);
    same("the syncs of a day", count(&after) > count(&before), true)?;
    tell.done(
        "A day passes, and the daily sync runs by itself",
        &format!(
            "{} schedule fired; {} syncs before, {} after",
            turned["schedulesFired"],
            count(&before),
            count(&after)
        ),
    );
    Ok(())
}

async fn publish(
    stack: &Stack,
    ann: &mut Visitor<'_>,
    id: &str,
    tell: &mut Teller<'_>,
) -> Result<(), String> {
    let instagram = stack.instagram_url.as_deref().ok_or("no simulator")?;
    let posts = format!("/instagram/accounts/{id}/posts");
    let body = json!({
        "kind": "image",
        "imageUrl": format!("{instagram}/_sim/media/square.jpg"),
        "caption": "Bread at seven",
    });
    let post = ann.create(&posts, &body).await?;
    same("the new post's state", text(&post, "state"), "scheduled")?;
    tell.done("She publishes a picture", text(&post, "explanation"));
    ann.turn_clock("PT1M").await?;
    let post = format!("{posts}/{}", text(&post, "id"));
    let post = ann.expect("GET", &post, 200).await?;
    same("the post's state", text(&post, "state"), "published")?;
    let permalink = text(&post, "permalink");
    let shown = ann.open(permalink).await?;
    same("the status of the permalink", shown.status, 302)?;
    tell.done(
        "A minute later it is live",
        &format!("{}: {permalink}", text(&post, "state")),
    );
    Ok(())
}

async fn refusals(stack: &Stack, ann: &Visitor<'_>, tell: &mut Teller<'_>) -> Result<(), String> {
    let bob = Visitor::arrive(stack, "bob", "globex").await?;
    let ending = bob.log_in("corner.bakery", "allow").await?;
    refused(&ending, "already_connected_elsewhere")?;
    tell.done(
        "Bob of globex cannot take the same account",
        &ending.sentence,
    );
    let others = bob.expect("GET", "/instagram/accounts", 200).await?;
    same("what Bob sees", others["total"].as_u64(), Some(0))?;
    tell.done("Bob sees nothing of acme's", &others.to_string());
    let ending = ann.log_in("city.museum", "deny").await?;
    refused(&ending, "access_denied")?;
    tell.done("Ann says no at Instagram", &ending.sentence);
    let ending = ann.log_in("private.pat", "allow").await?;
    refused(&ending, "account_not_professional")?;
    tell.done("A personal account is explained", &ending.sentence);
    Ok(())
}

async fn end_and_begin_again(
    ann: &Visitor<'_>,
    id: &str,
    tell: &mut Teller<'_>,
) -> Result<(), String> {
    let gone = ann
        .expect("POST", &format!("/instagram/accounts/{id}/disconnect"), 200)
        .await?;
    same(
        "the status after disconnecting",
        text(&gone, "status"),
        "disconnected",
    )?;
    tell.done(
        "Ann disconnects the account",
        text(&gone["statusReason"], "message"),
    );
    let ending = ann.log_in("corner.bakery", "allow").await?;
    same("the login's outcome", ending.outcome.as_str(), "connected")?;
    same("the reconnected account", ending.account.as_str(), id)?;
    tell.done(
        "She connects it again, and it is the same one",
        &format!("id {id}"),
    );
    Ok(())
}

async fn two_months_pass(
    ann: &mut Visitor<'_>,
    id: &str,
    tell: &mut Teller<'_>,
) -> Result<(), String> {
    let turned = ann.turn_clock("P70D").await?;
    let account = ann
        .expect("GET", &format!("/instagram/accounts/{id}"), 200)
        .await?;
    same(
        "the status after 70 days",
        text(&account, "status"),
        "active",
    )?;
    same(
        "whether the token was renewed",
        account["lastTokenRefreshAt"].is_string(),
        true,
    )?;
    tell.done(
        "70 days pass: the token of 60 days has renewed itself",
        &format!(
            "{} tasks were done; renewed {}, now good until {}",
            turned["tasksDelivered"],
            text(&account, "lastTokenRefreshAt"),
            text(&account, "tokenExpiresAt")
        ),
    );
    Ok(())
}

async fn delete(ann: &Visitor<'_>, id: &str, tell: &mut Teller<'_>) -> Result<(), String> {
    let account = format!("/instagram/accounts/{id}");
    ann.expect("DELETE", &account, 204).await?;
    let gone = ann.expect("GET", &account, 404).await?;
    tell.done("She deletes it, and it is gone", text(&gone, "detail"));
    Ok(())
}
