//! When a post is to be published, and whether it can be.

use std::sync::Arc;

use jiff::Timestamp;
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::json;
use shared::account::Account;
use shared::app::App;
use shared::http::Problem;
use shared::post::{Finding, Post, State};
use utoipa::openapi::Schema;
use utoipa::openapi::schema::{AnyOf, KnownFormat, Object, SchemaFormat, Type};

use crate::preflight::{self, Looks};
use crate::timing;

/// A moment with an offset (RFC 3339), or `now`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    Now,
    At(Timestamp),
}

/// What OpenAPI says of [`When`].
pub(crate) fn when() -> Schema {
    let now = Object::builder()
        .schema_type(Type::String)
        .enum_values(Some(["now"]));
    let at = Object::builder()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
    AnyOf::builder()
        .item(now)
        .item(at)
        .examples([json!("now")])
        .description(Some(
            "`now`, or a moment with an offset, up to 75 days ahead (RFC 3339).",
        ))
        .into()
}

/// What OpenAPI says of [`When`] where `null` takes it back.
pub(crate) fn when_or_null() -> Schema {
    let null = Object::builder().schema_type(Type::Null);
    match when() {
        Schema::AnyOf(mut either) => {
            either.items.push(Schema::from(null).into());
            either.description = Some(
                "`now`, or a moment with an offset, up to 75 days ahead (RFC 3339); `null` for a draft without a time."
                    .into(),
            );
            either.into()
        }
        other => other,
    }
}

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "now" {
            return Ok(When::Now);
        }
        text.parse()
            .map(When::At)
            .map_err(|_| D::Error::custom("must be `now` or a time with an offset, as in RFC 3339"))
    }
}

/// The refusal of a post that cannot be published as it is.
pub(super) fn post_refused(findings: Vec<Finding>) -> Problem {
    let first = findings.iter().find(|finding| finding.is_blocking);
    let sentence = first.map_or(
        "Shorten the caption to 2,200 characters.".to_owned(),
        |first| first.sentence.clone(),
    );
    Problem {
        findings,
        ..Problem::unprocessable("post_refused", sentence)
    }
}

/// A refusal of 422 that a preflight tells among what it finds.
pub(super) fn refused_for(
    code: &'static str,
    member: &str,
    sentence: impl Into<String>,
) -> Problem {
    let sentence = sentence.into();
    Problem {
        findings: vec![preflight::blocking(code, member, sentence.clone())],
        ..Problem::unprocessable(code, sentence)
    }
}

pub(super) fn publish_at_past() -> Problem {
    let sentence = "`publishAt` lies in the past: send a later time, or `now`.";
    refused_for("publish_at_past", "publishAt", sentence)
}

pub(super) fn publish_at_too_far() -> Problem {
    let sentence = "`publishAt` may be 75 days ahead at most: send an earlier time.";
    refused_for("publish_at_too_far", "publishAt", sentence)
}

/// Looks at a post for its time, and keeps what was found.
///
/// # Errors
/// When AWS does not answer.
pub(super) async fn look_at(
    looks: &Looks,
    app: &Arc<App>,
    account: &Account,
    post: &mut Post,
) -> Result<(), Problem> {
    let mut found =
        preflight::check_among(looks, app, account, &post.content, post.publish_at).await?;
    found.extend(preflight::crowd(looks, app, post).await?);
    post.warnings = found;
    post.checked_at = Some(app.clock.now());
    Ok(())
}

/// Plans a post for a time: looks at it, and says when it is prepared.
///
/// # Errors
/// 422 with what the preflight found.
pub(super) async fn plan_post(
    looks: &Looks,
    app: &Arc<App>,
    account: &Account,
    post: &mut Post,
    publish_at: Timestamp,
) -> Result<(), Problem> {
    if post.publish_at != Some(publish_at) {
        post.is_at_once = publish_at <= app.clock.now();
        post.publish_at = Some(publish_at);
    }
    look_at(looks, app, account, post).await?;
    if post.warnings.iter().any(|finding| finding.is_blocking) {
        return Err(post_refused(std::mem::take(&mut post.warnings)));
    }
    if post.state != State::Scheduled {
        post.become_state(State::Scheduled, None)
            .map_err(|_| not_changeable())?;
    }
    post.waiting = None;
    post.wake_at = Some(timing::prepare_at(
        publish_at,
        app.config.publish.prepare_ahead,
        app.clock.now(),
    ));
    Ok(())
}

/// The refusal of a change to a post that is past being changed.
pub(super) fn not_changeable() -> Problem {
    Problem::conflict(
        "post_not_changeable",
        "The post is past being changed: its `state` says how it stands. A duplicate of it can be changed.",
    )
}

/// For which time a post is planned, and in place of which where it was planned for another one.
pub(super) fn planned_sentence(post: &Post, former: Option<Timestamp>) -> String {
    let minute = |at: Timestamp| at.strftime("%Y-%m-%d %H:%M UTC").to_string();
    let Some(at) = post.publish_at else {
        return "The post is planned.".into();
    };
    match former.filter(|former| *former != at) {
        Some(former) => format!(
            "The post is planned for {}, in place of {}.",
            minute(at),
            minute(former)
        ),
        None => format!("The post is planned for {}.", minute(at)),
    }
}

/// The time that was asked for, if a post can be planned for it.
pub(super) fn moment(when: Option<When>, now: Timestamp) -> Result<Timestamp, Problem> {
    let at = match when.unwrap_or(When::Now) {
        When::Now => return Ok(now),
        When::At(at) => at,
    };
    // Whoever means now may have a clock that is a little behind.
    if at < now - jiff::SignedDuration::from_mins(1) {
        return Err(publish_at_past());
    }
    if at > now + timing::FARTHEST {
        return Err(publish_at_too_far());
    }
    Ok(at)
}
