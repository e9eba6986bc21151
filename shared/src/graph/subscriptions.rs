//! Whether Instagram sends us an account's events.
//!
//! Facts: Meta's page "Webhooks for Instagram", `subscribed_apps`. Which fields an account chooses is not honored: an
//! account that is subscribed to any field gets all fields of the app.

use super::catalogue::ErrorKind;
use super::endpoint::Endpoint;
use super::error::GraphError;
use super::transport::{Answered, Call, Graph};
use crate::secret::AccessToken;

impl Graph {
    /// `POST /{ig_user_id}/subscribed_apps`: events of this account are sent to the app from now on.
    ///
    /// # Errors
    /// What Instagram refused, or that it did not answer.
    pub async fn subscribe(
        &self,
        token: &AccessToken,
        ig_user_id: &str,
        fields: &[impl AsRef<str>],
    ) -> Result<Answered<()>, GraphError> {
        let fields: Vec<&str> = fields.iter().map(AsRef::as_ref).collect();
        let mut url = self.subscribed_apps(Endpoint::Subscribe, ig_user_id)?;
        url.query_pairs_mut()
            .append_pair("subscribed_fields", &fields.join(","));
        let call = Call::post(Endpoint::Subscribe, url).bearer(token);
        self.send(call, |object| object.is_success().then_some(()))
            .await
    }

    /// `GET /{ig_user_id}/subscribed_apps`: the fields that the app is subscribed to; empty where it is not.
    ///
    /// # Errors
    /// What Instagram refused, or that it did not answer.
    pub async fn subscribed_fields(
        &self,
        token: &AccessToken,
        ig_user_id: &str,
    ) -> Result<Answered<Vec<String>>, GraphError> {
        let url = self.subscribed_apps(Endpoint::Subscriptions, ig_user_id)?;
        let call = Call::get(Endpoint::Subscriptions, url).bearer(token);
        self.send(call, |object| {
            let apps = object.objects("data")?;
            let mut fields: Vec<String> = apps
                .iter()
                .filter_map(|app| app.words("subscribed_fields"))
                .flatten()
                .collect();
            fields.sort();
            fields.dedup();
            Some(fields)
        })
        .await
    }

    /// `DELETE /{ig_user_id}/subscribed_apps`: no more events of this account. Needs the account's own token.
    ///
    /// # Errors
    /// What Instagram refused, or that it did not answer.
    pub async fn unsubscribe(
        &self,
        token: &AccessToken,
        ig_user_id: &str,
    ) -> Result<Answered<()>, GraphError> {
        let url = self.subscribed_apps(Endpoint::Unsubscribe, ig_user_id)?;
        let call = Call::delete(Endpoint::Unsubscribe, url).bearer(token);
        self.send(call, |object| object.is_success().then_some(()))
            .await
    }

    fn subscribed_apps(
        &self,
        endpoint: Endpoint,
        ig_user_id: &str,
    ) -> Result<url::Url, GraphError> {
        if ig_user_id.is_empty() || !ig_user_id.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(GraphError::without_answer(endpoint, ErrorKind::InvalidCall));
        }
        Ok(self.versioned(&[ig_user_id, "subscribed_apps"]))
    }
}
