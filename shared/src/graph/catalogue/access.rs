//! Rows of access: login, app, tokens, permissions.
//!
//! Facts: Meta's pages "Graph API: Handle Errors" and "Business Login for Instagram".

use super::AccountEffect::{
    MissingPermission, NeedsUserAction, None as NoEffect, Revoked, TokenDead, TokenSuspect,
};
use super::Retry::{AfterSeconds, AfterUserActs, Never};
use super::Who::{Developer, Operator, User};
use super::{Cause, ErrorKind, Match, Row};
use crate::graph::endpoint::Endpoint;

const CODE: &[Endpoint] = &[Endpoint::CodeExchange];
const AFTER_CODE: &[Endpoint] = &[Endpoint::LongLivedExchange, Endpoint::Profile];

pub(super) const LOGIN: &[Row] = &[
    Row {
        kind: ErrorKind::CodeUsedOrExpired,
        meaning: "The code was used, or is older than an hour. A wrong app id (\"Invalid platform app\") looks the \
                  same but for its text: if nobody gets through, check app id and secret.",
        who: User,
        retry: Never,
        effect: NoEffect,
        sentence: "This login has expired. Please start connecting again.",
        matches: &[
            Match::status(400, 400).of_type("OAuthException").at(CODE),
            Match::code(100).sub(36_007).at(CODE),
            Match::code(100).sub(36_009).at(CODE),
        ],
    },
    Row {
        kind: ErrorKind::LoginInterrupted,
        meaning: "The answer to the code exchange was lost. The code may be spent, so it is not sent again.",
        who: User,
        retry: Never,
        effect: NoEffect,
        sentence: "Instagram did not answer while you logged in. Please start connecting again.",
        matches: &[
            Match::cause(Cause::Connection).at(CODE),
            Match::cause(Cause::Timeout).at(CODE),
            Match::cause(Cause::Unreadable).at(CODE),
            Match::cause(Cause::TooLarge).at(CODE),
            Match::cause(Cause::Answer).transient(true).at(CODE),
            Match::status(500, 599).at(CODE),
            Match::code(1).at(CODE),
            Match::code(2).at(CODE),
        ],
    },
    Row {
        kind: ErrorKind::NoRoleOnApp,
        meaning: "\"Unsupported request - method type: get\" while connecting: the account has no role on an app \
                  that is still in development or has Standard Access only.",
        who: User,
        retry: AfterUserActs,
        effect: NoEffect,
        sentence: "Instagram does not let this account use our app yet. If the app is still being tested, its \
                   operator has to invite your account as a tester, and you have to accept the invitation in \
                   Instagram's settings.",
        matches: &[
            Match::code(100).of_type("IGApiException").at(AFTER_CODE),
            Match::code(100).of_type("IGApiException").at(CODE),
        ],
    },
    Row {
        kind: ErrorKind::AppRefused,
        meaning: "Code 100 at a refresh. In December 2024 every refresh was refused like this, \
                  though all tokens were good. So it says nothing about the account, whose token \
                  may be dead, or younger than a day, as well: ask /me before believing either.",
        who: Operator,
        retry: AfterSeconds(3600),
        effect: NoEffect,
        sentence: "Instagram refuses to renew our access at the moment. We keep trying.",
        matches: &[Match::code(100).at(&[Endpoint::Refresh])],
    },
    Row {
        kind: ErrorKind::AppMisconfigured,
        meaning: "App id, app secret or redirect address are not those of the Meta app.",
        who: Operator,
        retry: Never,
        effect: NoEffect,
        sentence: "Our Instagram app is not set up correctly. Whoever runs this service has to fix it.",
        matches: &[
            Match::code(100).at(&[Endpoint::CodeExchange, Endpoint::LongLivedExchange]),
            Match::code(101),
        ],
    },
    Row {
        kind: ErrorKind::CapabilityMissing,
        meaning: "The app lacks the capability or the access level for this call.",
        who: Operator,
        retry: Never,
        effect: NoEffect,
        sentence: "Our Instagram app may not do this. Whoever runs this service has to request it from Meta.",
        matches: &[Match::code(3)],
    },
    Row {
        kind: ErrorKind::ProofRefused,
        meaning: "`appsecret_proof` is wrong or missing: the secret and the token are of different apps, or the app \
                  requires a proof.",
        who: Operator,
        retry: Never,
        effect: NoEffect,
        sentence: "Our Instagram app is not set up correctly. Whoever runs this service has to fix it.",
        matches: &[Match::code(100).of_type("GraphMethodException")],
    },
    Row {
        kind: ErrorKind::UnsupportedLogin,
        meaning: "Not sent: this login is not built yet.",
        who: Developer,
        retry: Never,
        effect: NoEffect,
        sentence: "Connecting through Facebook is not available yet.",
        matches: &[],
    },
];

pub(super) const TOKENS: &[Row] = &[
    Row {
        kind: ErrorKind::TokenExpired,
        meaning: "The token has expired. A refresh comes too late.",
        who: User,
        retry: Never,
        effect: TokenDead,
        sentence: "The connection to Instagram has expired. Please connect the account again.",
        matches: &[Match::subcode(463)],
    },
    Row {
        kind: ErrorKind::PasswordChanged,
        meaning: "The person changed their password, or Instagram ended the session for safety.",
        who: User,
        retry: Never,
        effect: TokenDead,
        sentence: "The Instagram password was changed. Please connect the account again.",
        matches: &[Match::subcode(460)],
    },
    Row {
        kind: ErrorKind::SessionEnded,
        meaning: "The token is no longer valid: the person logged out, or it was revoked.",
        who: User,
        retry: Never,
        effect: TokenDead,
        sentence: "Instagram has ended the connection. Please connect the account again.",
        matches: &[Match::subcode(467)],
    },
    Row {
        kind: ErrorKind::RoleLost,
        meaning: "The person lost their role on the Facebook Page.",
        who: User,
        retry: Never,
        effect: TokenDead,
        sentence: "You no longer have a role on the Facebook Page of this account. Have it restored, then connect \
                   the account again.",
        matches: &[Match::subcode(492)],
    },
    Row {
        kind: ErrorKind::AppRemoved,
        meaning: "The person removed the app in Instagram's settings.",
        who: User,
        retry: Never,
        effect: Revoked,
        sentence: "Our app was removed in Instagram's settings. To go on, connect the account again.",
        matches: &[Match::subcode(458)],
    },
    Row {
        kind: ErrorKind::CheckpointRequired,
        meaning: "Instagram holds the account until the person logs in there and passes a check. The token is good \
                  again after that.",
        who: User,
        retry: AfterUserActs,
        effect: NeedsUserAction,
        sentence: "Instagram wants you to confirm something. Open the Instagram app, log in and follow its steps; we \
                   go on by ourselves after that.",
        matches: &[Match::subcode(459), Match::subcode(490)],
    },
    Row {
        kind: ErrorKind::AccountUnconfirmed,
        meaning: "The account is not confirmed.",
        who: User,
        retry: AfterUserActs,
        effect: NeedsUserAction,
        sentence: "This Instagram account is not confirmed. Open the Instagram app and confirm it; we go on by \
                   ourselves after that.",
        matches: &[Match::subcode(464)],
    },
    Row {
        kind: ErrorKind::AccountRestricted,
        meaning: "The account is inactive, restricted or held at a checkpoint.",
        who: User,
        retry: AfterUserActs,
        effect: NeedsUserAction,
        sentence: "Instagram has restricted this account. Open the Instagram app and follow its steps.",
        matches: &[Match::code(25), Match::code(25).sub(2_207_050)],
    },
    Row {
        kind: ErrorKind::TokenRejected,
        meaning: "190 without a subcode that says why: expired, revoked, invalid, or a hiccup. One such answer is \
                  one signal; the token is declared dead by a second, independent one.",
        who: User,
        retry: AfterSeconds(300),
        effect: TokenSuspect,
        sentence: "Instagram does not accept our access to this account. We check again; if it stays like this, the \
                   account has to be connected again.",
        matches: &[
            Match::code(190),
            Match::cause(Cause::Answer).of_type("OAuthAccessTokenException"),
        ],
    },
    Row {
        kind: ErrorKind::SessionInvalid,
        meaning: "102 or 452 without a subcode: the session is not valid. One signal, as with 190.",
        who: User,
        retry: AfterSeconds(300),
        effect: TokenSuspect,
        sentence: "Instagram does not accept our access to this account. We check again; if it stays like this, the \
                   account has to be connected again.",
        matches: &[Match::code(102), Match::code(452)],
    },
    Row {
        kind: ErrorKind::PermissionMissing,
        meaning: "A scope is missing or was taken back. The token itself is good.",
        who: User,
        retry: AfterUserActs,
        effect: MissingPermission,
        sentence: "Instagram has not been allowed to let us do this. Connect the account again and allow everything \
                   that is asked.",
        matches: &[Match::code(10), Match::codes(200, 299)],
    },
];
