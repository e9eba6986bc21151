//! What Meta tells: a comment, and that somebody wants their data deleted.

use jiff::SignedDuration;
use serde_json::{Value, json};
use world::INSTAGRAM_APP_SECRET;
use world::gateway::HttpCall;

use super::{Journey, same};

/// What somebody wrote, to be found in the table and then no more.
const TEXT: &str = "Do you have rye bread";
/// A deletion looks a second time after a quarter of an hour.
pub(super) const SECOND_LOOK: SignedDuration = SignedDuration::from_mins(16);

impl Journey<'_> {
    /// Twice, as Meta does now and then.
    pub(super) async fn is_told_of_a_comment(&self) -> Result<(), String> {
        let stage = self.stage;
        let unsigned = self.delivery().await?;
        let refused = stage.call_url(&unsigned.clone().signed("another")).await?;
        same("what is not signed by the app", refused.status, 401)?;
        let signed = unsigned.signed(INSTAGRAM_APP_SECRET);
        for _ in 0..2 {
            same("the delivery", stage.call_url(&signed).await?.status, 200)?;
            same("what is handled", stage.work().await?, 1)?;
        }
        let target = format!("/instagram/accounts/{}/events", self.account);
        let list = self.expect("GET", &target, 200).await?;
        let events = list["events"].as_array().map_or(0, Vec::len);
        same("the events", events, 1)?;
        let event = &list["events"][0];
        same("what it is", &event["kind"], &Value::from("comment"))?;
        same("how far it is", &event["state"], &Value::from("handled"))?;
        let health = self.expect("GET", &format!("{target}/health"), 200).await?;
        let items = format!("{:?}", stage.aws.items().await?);
        let waits = items.contains("ANNOUNCEMENTS#");
        same("whether an announcement waits for the bus", waits, false)?;
        self.done(
            "A signed delivery that comes twice is one event, kept and announced",
            &health["sentence"].to_string(),
        );
        Ok(())
    }

    /// The account is connected anew, and its person asks Meta for a deletion.
    pub(super) async fn is_erased(&mut self) -> Result<(), String> {
        self.connects_again().await?;
        let stage = self.stage;
        let delivery = self.delivery().await?.signed(INSTAGRAM_APP_SECRET);
        same("the delivery", stage.call_url(&delivery).await?.status, 200)?;
        stage.work().await?;
        let is_told = format!("{:?}", stage.aws.items().await?).contains(TEXT);
        same("whether the table has the comment", is_told, true)?;

        let account = self.look().await?;
        let instagram_id = account["platformAccountId"].as_str().unwrap_or_default();
        let seconds = stage.clock.now().as_second();
        let signed = instagram_sim::signed_request(INSTAGRAM_APP_SECRET, instagram_id, seconds);
        let call = HttpCall::post("/data-deletion").body(format!("signed_request={signed}"));
        let answer = stage.call_url(&call).await?;
        same("the request for deletion", answer.status, 200)?;
        let answer = answer.json();
        let code = answer["confirmation_code"].as_str().ok_or("no code")?;
        stage.work().await?;
        stage.clock.advance(SECOND_LOOK)?;
        stage.work().await?;
        let page = HttpCall::get(&format!("/data-deletion/{code}"));
        let page = stage.call_url(&page).await?.text();
        let is_done = page.contains("Your data was deleted");
        same("whether the page says that it is done", is_done, true)?;
        let target = format!("/instagram/accounts/{}", self.account);
        self.expect("GET", &target, 404).await?;
        let items = format!("{:?}", stage.aws.items().await?);
        same("what is left", items.contains(TEXT), false)?;
        same("the tokens in the vault", self.stored_tokens().await?, 0)?;
        self.done(
            "Who asks Meta for a deletion is erased, and a page says so",
            &answer["url"].to_string(),
        );
        Ok(())
    }

    /// A delivery with one comment for the account.
    async fn delivery(&self) -> Result<HttpCall, String> {
        let account = self.look().await?;
        let now = self.stage.clock.now().as_second();
        let value = json!({
            "id": "17870000000000001",
            "from": {"id": "1254477777772919", "username": "a.visitor"},
            "text": TEXT,
            "media": {"id": "17895000000000001", "media_product_type": "FEED"},
        });
        Ok(HttpCall::post("/").json(&json!({
            "object": "instagram",
            "entry": [{
                "id": account["platformAccountId"],
                "time": now,
                "changes": [{"field": "comments", "value": value}],
            }],
        })))
    }
}
