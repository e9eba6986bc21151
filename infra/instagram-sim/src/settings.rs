//! Which of Meta's habits the simulator shows, where Meta is known to have more than one.

use serde::{Deserialize, Serialize};

use crate::webhooks::{EnvelopeShape, SigningSecret};

/// The shape of the answer to `POST /oauth/access_token`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeAnswer {
    /// Members at the top, `user_id` a bare integer, `permissions` an array: what callers see.
    Flat,
    /// Everything in `data[0]`, `user_id` a string, `permissions` a text with commas: what is documented.
    Wrapped,
    /// As `Flat`, with `permissions` as a text with commas.
    CommaString,
    /// As `Flat`, without `permissions`.
    WithoutPermissions,
}

/// Whether an answer stands alone or in `{"data": […]}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wrapping {
    /// Alone: what callers see.
    Flat,
    /// In `data[0]`: what is documented.
    Wrapped,
}

/// How `/me` writes `account_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountTypeCase {
    /// `BUSINESS`, `MEDIA_CREATOR`: what callers see.
    Upper,
    /// `Business`, `Media_Creator`: what is documented.
    Documented,
    /// `business`, `media_creator`.
    Lower,
}

/// Which id the code exchange calls `user_id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeAnswerId {
    /// The id of the professional account (`17841…`).
    Professional,
    /// The app-scoped id.
    AppScoped,
}

/// What a refresh does to the text of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenRotation {
    /// The same text lives 60 days more.
    Same,
    /// A new text; the old one lives on until its own end.
    New,
    /// A new text; the old one is dead from then on (190 with subcode 467).
    NewRevokesOld,
}

/// What becomes of a personal account at the consent page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PersonalAccounts {
    /// They log in, and `/me` says `PERSONAL`.
    LogIn,
    /// The consent page refuses them, and nothing is redirected.
    RefusedAtConsent,
}

/// Everything about the simulator that can be chosen while it runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The shape of the code exchange's answer.
    pub code_answer: CodeAnswer,
    /// Which id the code exchange calls `user_id`.
    pub code_answer_id: CodeAnswerId,
    /// The shape of `/me`.
    pub me_answer: Wrapping,
    /// `/me` gives `user_id` as a bare integer above 2^53.
    pub me_user_id_as_number: bool,
    /// How `/me` writes `account_type`.
    pub account_type_case: AccountTypeCase,
    /// What a refresh does to the text of the token.
    pub token_rotation: TokenRotation,
    /// A refresh answers with a `permissions` text too, as Meta's specification says.
    pub permissions_in_refresh: bool,
    /// What becomes of a personal account at the consent page.
    pub personal_accounts: PersonalAccounts,
    /// How long a code lives.
    pub code_seconds: i64,
    /// How long the token from a code lives.
    pub short_lived_seconds: i64,
    /// How long an exchanged or refreshed token lives.
    pub long_lived_seconds: i64,
    /// How old a token must be before it may be refreshed.
    pub minimum_refresh_age_seconds: i64,
    /// How long a container of an image or of a carousel is being processed.
    pub image_processing_seconds: i64,
    /// How long a container of a video is being processed.
    pub video_processing_seconds: i64,
    /// How long a container can be published after it was made.
    pub container_seconds: i64,
    /// The HTTP status of error 190: 400, 401 and 500 have all been seen.
    pub token_error_status: u16,
    /// The HTTP status of a refusal for too many calls: 400, 403 and 429 have all been seen.
    pub throttle_status: u16,
    /// Send `x-app-usage` and `x-business-use-case-usage` with Graph answers.
    pub usage_headers: bool,
    /// How much of the app's calls is used up. From 100 on, calls are refused with code 4.
    pub app_usage_percent: u32,
    /// How many Graph calls an hour the app has, of which `app_usage_percent` then tells what is used up; 0 for no end.
    pub app_calls_per_hour: u64,
    /// Refuse Graph calls that come without `appsecret_proof`. A wrong proof is always refused.
    pub require_appsecret_proof: bool,
    /// Metrics that are refused from now on as if Meta had retired them: `metric`, or `PRODUCT:metric` for one kind of media.
    pub refused_metrics: Vec<String>,
    /// Which of an app's secrets signs what is sent to it.
    pub webhook_secret: SigningSecret,
    /// The shape of webhooks' items that are no messaging events.
    pub webhook_shape: EnvelopeShape,
    /// How many events a delivery has at most.
    pub webhook_batch_most: usize,
    /// How many of a hundred events are sent twice.
    pub webhook_duplicate_percent: u32,
    /// How many of a hundred events come after later ones.
    pub webhook_reorder_percent: u32,
    /// How many of a hundred events are never sent.
    pub webhook_loss_percent: u32,
    /// Which id `signed_request` names.
    pub signed_request_id: CodeAnswerId,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            code_answer: CodeAnswer::Flat,
            code_answer_id: CodeAnswerId::Professional,
            me_answer: Wrapping::Flat,
            me_user_id_as_number: false,
            account_type_case: AccountTypeCase::Upper,
            token_rotation: TokenRotation::New,
            permissions_in_refresh: false,
            personal_accounts: PersonalAccounts::LogIn,
            code_seconds: 3_600,
            short_lived_seconds: 3_600,
            long_lived_seconds: 60 * 86_400,
            minimum_refresh_age_seconds: 86_400,
            image_processing_seconds: 2,
            video_processing_seconds: 30,
            container_seconds: 86_400,
            token_error_status: 400,
            throttle_status: 400,
            usage_headers: true,
            app_usage_percent: 0,
            app_calls_per_hour: 0,
            require_appsecret_proof: false,
            refused_metrics: Vec::new(),
            webhook_secret: SigningSecret::Instagram,
            webhook_shape: EnvelopeShape::Changes,
            webhook_batch_most: 1_000,
            webhook_duplicate_percent: 0,
            webhook_reorder_percent: 0,
            webhook_loss_percent: 0,
            signed_request_id: CodeAnswerId::AppScoped,
        }
    }
}

impl Settings {
    /// What is wrong with these settings, in a sentence, or nothing.
    pub(crate) fn complaint(&self) -> Option<String> {
        let lifetimes = [
            ("code_seconds", self.code_seconds),
            ("short_lived_seconds", self.short_lived_seconds),
            ("long_lived_seconds", self.long_lived_seconds),
            (
                "minimum_refresh_age_seconds",
                self.minimum_refresh_age_seconds,
            ),
            ("image_processing_seconds", self.image_processing_seconds),
            ("video_processing_seconds", self.video_processing_seconds),
            ("container_seconds", self.container_seconds),
        ];
        for (member, seconds) in lifetimes {
            if !(0..=10_000_000_000).contains(&seconds) {
                return Some(format!("{member}: 0 to 10000000000 seconds"));
            }
        }
        if !(1..=1_000).contains(&self.webhook_batch_most) {
            return Some("webhook_batch_most: 1 to 1000 events".to_owned());
        }
        for (member, percent) in [
            ("webhook_duplicate_percent", self.webhook_duplicate_percent),
            ("webhook_reorder_percent", self.webhook_reorder_percent),
            ("webhook_loss_percent", self.webhook_loss_percent),
        ] {
            if percent > 100 {
                return Some(format!("{member}: 0 to 100"));
            }
        }
        let statuses = [
            ("token_error_status", self.token_error_status),
            ("throttle_status", self.throttle_status),
        ];
        for (member, status) in statuses {
            if !(200..=599).contains(&status) {
                return Some(format!("{member}: an HTTP status from 200 to 599"));
            }
        }
        None
    }
}
