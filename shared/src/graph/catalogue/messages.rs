//! Rows of messages and comments.
//!
//! Facts: Meta's pages "Messenger Platform: Error Codes" and "Instagram messaging: Send a message", and public issues.

use super::AccountEffect::{MissingPermission, None as NoEffect};
use super::Retry::{AfterHours, AfterLooking, AfterUserActs, AtOnce, Never};
use super::Who::{Developer, Nobody, Operator, User};
use super::{ErrorKind, Match, Row};
use crate::graph::endpoint::Endpoint;

pub(super) const ROWS: &[Row] = &[
    Row {
        kind: ErrorKind::OutsideMessageWindow,
        meaning: "More than 24 hours since the person last wrote. Code 10, yet no permission is missing.",
        who: User,
        retry: Never,
        effect: NoEffect,
        sentence: "Instagram allows an answer within 24 hours of the person's last message. Wait until they write.",
        matches: &[
            Match::code(10).sub(2_534_022),
            Match::code(10).sub(2_018_278),
        ],
    },
    Row {
        kind: ErrorKind::PersonUnavailable,
        meaning: "The person cannot be written to right now.",
        who: Nobody,
        retry: Never,
        effect: NoEffect,
        sentence: "This person cannot be reached on Instagram.",
        matches: &[Match::code(551)],
    },
    Row {
        kind: ErrorKind::PersonNotFound,
        meaning: "The person was deleted, or has blocked the account.",
        who: Nobody,
        retry: Never,
        effect: NoEffect,
        sentence: "Instagram does not find this person.",
        matches: &[Match::code(100).sub(2_534_014)],
    },
    Row {
        kind: ErrorKind::PrivateReplyUsed,
        meaning: "A comment can be answered privately once, and was.",
        who: Nobody,
        retry: Never,
        effect: NoEffect,
        sentence: "This comment was already answered with a private message.",
        matches: &[Match::subcode(2_534_025)],
    },
    Row {
        kind: ErrorKind::ThreadUnavailable,
        meaning: "The account's owner archived or deleted the conversation.",
        who: User,
        retry: Never,
        effect: NoEffect,
        sentence: "This conversation was archived or deleted in Instagram.",
        matches: &[Match::subcode(2_534_001)],
    },
    Row {
        kind: ErrorKind::PrivateReplyLimited,
        meaning: "Too many private replies, or a policy forbids this one.",
        who: Nobody,
        retry: AfterHours(1),
        effect: NoEffect,
        sentence: "Instagram does not allow more private answers at the moment.",
        matches: &[Match::subcode(2_534_013)],
    },
    Row {
        kind: ErrorKind::MultiImageNotEnabled,
        meaning: "Several images in one message are not enabled for this account.",
        who: Developer,
        retry: Never,
        effect: NoEffect,
        sentence: "Instagram does not allow several images in one message here. Send them one by one.",
        matches: &[Match::subcode(2_534_068)],
    },
    Row {
        kind: ErrorKind::MessagingUnavailable,
        meaning: "Messaging is down for a moment.",
        who: Nobody,
        retry: AtOnce,
        effect: NoEffect,
        sentence: "Instagram's messages are not available right now. We keep trying.",
        matches: &[Match::code(2).sub(1_545_133)],
    },
    Row {
        kind: ErrorKind::SendingRestricted,
        meaning: "The Page may not send messages for a while.",
        who: User,
        retry: AfterHours(24),
        effect: NoEffect,
        sentence: "Instagram does not let this account send messages for a while. Check it in the Instagram app.",
        matches: &[Match::code(10).sub(1_893_063)],
    },
    Row {
        kind: ErrorKind::MessageRefused,
        meaning: "1/99: no reason is given; often a missing permission.",
        who: Developer,
        retry: Never,
        effect: NoEffect,
        sentence: "Instagram refused this message.",
        matches: &[Match::code(1).sub(99)],
    },
    Row {
        kind: ErrorKind::MessageUnreadable,
        meaning: "The message's JSON is not valid.",
        who: Developer,
        retry: Never,
        effect: NoEffect,
        sentence: "Instagram did not understand this message.",
        matches: &[Match::code(1).sub(1_357_046)],
    },
    Row {
        kind: ErrorKind::TermsNotAccepted,
        meaning: "The terms of service for messaging were not accepted.",
        who: Operator,
        retry: AfterUserActs,
        effect: MissingPermission,
        sentence: "Meta's terms for messages have not been accepted yet. Whoever runs this service has to do so.",
        matches: &[Match::code(2).sub(2_018_344)],
    },
    Row {
        kind: ErrorKind::CommentOutcomeUnknown,
        meaning: "20/1772107: seen although the comment was written. Look for it before writing it again.",
        who: Nobody,
        retry: AfterLooking,
        effect: NoEffect,
        sentence: "Instagram did not say clearly whether the comment was written. We look.",
        matches: &[Match::code(20).sub(1_772_107).at(&[Endpoint::WriteComment])],
    },
];
