//! Rows that any call can meet: connection, limits, requests.
//!
//! Facts: Meta's pages "Graph API: Handle Errors" and "Graph API: Rate limits".

use super::AccountEffect::{None as NoEffect, PublishingPaused, RateLimited};
use super::Retry::{AfterHours, AfterSeconds, AtOnce, Never, WhenHeaderSays, WithSmallerPage};
use super::Who::{Developer, Nobody, Operator, User};
use super::{Cause, ErrorKind, Match, Row};
use crate::graph::endpoint::{Endpoint, LISTS};

pub(super) const TRANSPORT: &[Row] = &[
    Row {
        kind: ErrorKind::ConnectionFailed,
        meaning: "No connection, or it broke before the whole answer was there: DNS, TLS, reset.",
        who: Nobody,
        retry: AtOnce,
        effect: NoEffect,
        sentence: "Instagram could not be reached. We keep trying.",
        matches: &[Match::cause(Cause::Connection)],
    },
    Row {
        kind: ErrorKind::TimedOut,
        meaning: "The whole answer was not there in time. A write may have happened.",
        who: Nobody,
        retry: AtOnce,
        effect: NoEffect,
        sentence: "Instagram took too long to answer. We keep trying.",
        matches: &[Match::cause(Cause::Timeout)],
    },
    Row {
        kind: ErrorKind::UnreadableAnswer,
        meaning: "HTML, empty, cut off, or without what the answer must hold: a fault at the edge of Instagram. \
                  A write may have happened, so look before publishing again.",
        who: Nobody,
        retry: AtOnce,
        effect: NoEffect,
        sentence: "Instagram gave an answer that makes no sense. We keep trying.",
        matches: &[Match::cause(Cause::Unreadable)],
    },
    Row {
        kind: ErrorKind::AnswerTooLarge,
        meaning: "The body is larger than the cap, and was not read to its end.",
        who: Developer,
        retry: WithSmallerPage,
        effect: NoEffect,
        sentence: "Instagram sent more data than we accept at once.",
        matches: &[Match::cause(Cause::TooLarge)],
    },
    Row {
        kind: ErrorKind::RedirectRefused,
        meaning: "The answer sends us to another address. It is not followed, since the token would go there too. \
                  A base address in the configuration is probably wrong.",
        who: Operator,
        retry: Never,
        effect: NoEffect,
        sentence: "Our connection to Instagram is not set up correctly. Whoever runs this service has to fix it.",
        matches: &[Match::cause(Cause::Redirect)],
    },
    Row {
        kind: ErrorKind::UpstreamUnavailable,
        meaning: "Instagram is down for a moment: code 2, a 5xx without a code, or an error that says no more than \
                  that it passes.",
        who: Nobody,
        retry: AtOnce,
        effect: NoEffect,
        sentence: "Instagram is not available right now. We keep trying.",
        matches: &[
            Match::code(2),
            Match::cause(Cause::Answer).transient(true),
            Match::status(500, 599),
        ],
    },
    Row {
        kind: ErrorKind::InternalError,
        meaning: "Code 1: an outage, or a bad call (at a token exchange perhaps a wrong app secret). Try \
                  two or three times, then report.",
        who: Nobody,
        retry: AtOnce,
        effect: NoEffect,
        sentence: "Something went wrong at Instagram. We keep trying.",
        matches: &[Match::code(1), Match::code(-1), Match::code(-2)],
    },
    Row {
        kind: ErrorKind::PausedByBreaker,
        meaning: "Not sent: many accounts just met the same error at this call, so the fault is the app's or \
                  Instagram's. No account changes because of it.",
        who: Operator,
        retry: WhenHeaderSays,
        effect: NoEffect,
        sentence: "Instagram is refusing us at the moment. We try again in a while.",
        matches: &[],
    },
];

pub(super) const LIMITS: &[Row] = &[
    Row {
        kind: ErrorKind::RateLimited,
        meaning: "Too many calls for this account (17, 80002, 613, …) or a 429. Calls made now lengthen the block.",
        who: Nobody,
        retry: WhenHeaderSays,
        effect: RateLimited,
        sentence: "Instagram limits how often we may ask for this account. We go on as soon as it lets us.",
        matches: &[
            Match::code(17),
            Match::code(32),
            Match::code(341),
            Match::code(613),
            Match::code(613).sub(1996),
            Match::codes(80_000, 80_014),
            Match::cause(Cause::Answer).http(429, 429),
        ],
    },
    Row {
        kind: ErrorKind::AppRateLimited,
        meaning: "Too many calls of the whole app. All accounts wait.",
        who: Nobody,
        retry: WhenHeaderSays,
        effect: NoEffect,
        sentence: "Instagram limits how often we may ask. We go on as soon as it lets us.",
        matches: &[Match::code(4)],
    },
    Row {
        kind: ErrorKind::HashtagQuotaReached,
        meaning: "30 different hashtags in seven days were searched.",
        who: Nobody,
        retry: AfterHours(24 * 7),
        effect: NoEffect,
        sentence: "The account has searched as many hashtags as Instagram allows in a week.",
        matches: &[Match::code(18)],
    },
    Row {
        kind: ErrorKind::PolicyBlock,
        meaning: "Blocked for a while for breaking a policy. Stop for hours.",
        who: User,
        retry: AfterHours(24),
        effect: PublishingPaused,
        sentence: "Instagram has blocked this account's actions for a while. We pause for a day; check the account \
                   in the Instagram app.",
        matches: &[Match::code(368)],
    },
    Row {
        kind: ErrorKind::SpamSuspected,
        meaning: "Instagram takes the action for spam. It may have happened all the same: look before saying that it \
                  failed, and never repeat it.",
        who: User,
        retry: AfterHours(24),
        effect: PublishingPaused,
        sentence: "Instagram has blocked this action because it looks like spam. We pause for a day; check the \
                   account in the Instagram app.",
        matches: &[Match::code(4).sub(2_207_051)],
    },
];

pub(super) const REQUESTS: &[Row] = &[
    Row {
        kind: ErrorKind::Unknown,
        meaning: "A code that is not in this table. Counted and logged with its trace id; tried a few times, then \
                  told.",
        who: Developer,
        retry: AfterSeconds(60),
        effect: NoEffect,
        sentence: "Instagram refused this for a reason that we do not know. We try a few more times.",
        matches: &[],
    },
    Row {
        kind: ErrorKind::InvalidCall,
        meaning: "Not sent: the call cannot be made with these values, such as an account id that is not digits.",
        who: Developer,
        retry: Never,
        effect: NoEffect,
        sentence: "This request cannot be made to Instagram.",
        matches: &[],
    },
    Row {
        kind: ErrorKind::InvalidParameter,
        meaning: "A parameter is missing, wrong, unknown or not allowed (\"param collaborators is not allowed\"), a \
                  field does not exist, or the object does not exist or may not be seen: only the text tells them \
                  apart.",
        who: Developer,
        retry: Never,
        effect: NoEffect,
        sentence: "Instagram did not accept this request.",
        matches: &[Match::code(100)],
    },
    Row {
        kind: ErrorKind::NotFoundOrNoAccess,
        meaning: "100/33: the object is gone, or may not be seen, or Instagram has an outage (days long in May 2026). \
                  Not proof that anything failed: a post goes on without the read, and a media counts as gone \
                  only where a list does not tell it either.",
        who: Nobody,
        retry: AfterSeconds(300),
        effect: NoEffect,
        sentence: "Instagram does not show this at the moment. It may be gone, or not visible to us.",
        matches: &[Match::code(100).sub(33)],
    },
    Row {
        kind: ErrorKind::UnknownObject,
        meaning: "No object has this id or name.",
        who: Developer,
        retry: Never,
        effect: NoEffect,
        sentence: "Instagram does not know this.",
        matches: &[Match::code(803)],
    },
    Row {
        kind: ErrorKind::UnknownPath,
        meaning: "The path or the syntax of the request is wrong, or no longer exists.",
        who: Developer,
        retry: Never,
        effect: NoEffect,
        sentence: "Instagram did not understand our request.",
        matches: &[Match::code(2500)],
    },
    Row {
        kind: ErrorKind::Deprecated,
        meaning: "The call was removed from the API.",
        who: Developer,
        retry: Never,
        effect: NoEffect,
        sentence: "Instagram no longer offers this.",
        matches: &[Match::code(12)],
    },
    Row {
        kind: ErrorKind::RefusedWithoutReason,
        meaning: "A 4xx without a code that could be read.",
        who: Developer,
        retry: Never,
        effect: NoEffect,
        sentence: "Instagram refused this without saying why.",
        matches: &[Match::status(400, 499)],
    },
    Row {
        kind: ErrorKind::RefusedWithUnknownReason,
        meaning: "Code 1 with a subcode that is not in this table, and Meta's word that waiting does not help: a \
                  refusal of what was asked, not an outage.",
        who: User,
        retry: Never,
        effect: NoEffect,
        sentence: "Instagram refused this.",
        matches: &[Match::code(1).any_sub().transient(false)],
    },
    Row {
        kind: ErrorKind::PageTooLarge,
        meaning: "Code 1 with HTTP 5xx for a list: usually more data than Instagram can gather at once. Halve the \
                  page, down to one, then give up.",
        who: Nobody,
        retry: WithSmallerPage,
        effect: NoEffect,
        sentence: "Instagram could not gather this much at once. We ask for less.",
        matches: &[Match::code(1).http(500, 599).at(LISTS)],
    },
    Row {
        kind: ErrorKind::TooFewViewers,
        meaning: "Insights of a story that fewer than five people saw: no data, not a missing permission. The code \
                  is that of a missing scope, so check the scopes before.",
        who: Nobody,
        retry: Never,
        effect: NoEffect,
        sentence: "Too few people have seen this for Instagram to give figures.",
        matches: &[Match::code(10).at(&[Endpoint::MediaInsights])],
    },
    Row {
        kind: ErrorKind::MediaBeforeConversion,
        meaning: "Insights of a media from before the account became professional: no data, for ever.",
        who: Nobody,
        retry: Never,
        effect: NoEffect,
        sentence: "Instagram has no figures for posts from before the account became professional.",
        matches: &[Match::code(100).sub(2_108_006)],
    },
];
