//! The names of the catalogue's rows.

macro_rules! kinds {
    ($($kind:ident $code:literal,)*) => {
        /// An error of the catalogue. [`ErrorKind::row`] says what it means.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorKind {
            $(#[doc = concat!("`", $code, "`")] $kind,)*
        }

        impl ErrorKind {
            /// All of them.
            pub const ALL: &[ErrorKind] = &[$(ErrorKind::$kind,)*];

            /// A stable name, for records, API answers, logs and metrics.
            pub fn code(self) -> &'static str {
                match self {
                    $(ErrorKind::$kind => $code,)*
                }
            }
        }
    };
}

kinds! {
    ConnectionFailed "connection_failed",
    TimedOut "timed_out",
    UnreadableAnswer "unreadable_answer",
    AnswerTooLarge "answer_too_large",
    RedirectRefused "redirect_refused",
    UpstreamUnavailable "upstream_unavailable",
    InternalError "instagram_internal_error",
    PausedByBreaker "paused_by_breaker",

    CodeUsedOrExpired "code_used_or_expired",
    LoginInterrupted "login_interrupted",
    NoRoleOnApp "no_role_on_app",
    AppRefused "app_refused",
    AppMisconfigured "app_misconfigured",
    CapabilityMissing "capability_missing",
    ProofRefused "appsecret_proof_refused",
    UnsupportedLogin "unsupported_login",

    TokenExpired "token_expired",
    PasswordChanged "password_changed",
    SessionEnded "session_ended",
    RoleLost "page_role_lost",
    AppRemoved "app_removed",
    CheckpointRequired "checkpoint_required",
    AccountUnconfirmed "account_unconfirmed",
    AccountRestricted "account_restricted",
    TokenRejected "token_rejected",
    SessionInvalid "session_invalid",
    PermissionMissing "permission_missing",

    RateLimited "rate_limited",
    AppRateLimited "app_rate_limited",
    HashtagQuotaReached "hashtag_quota_reached",
    PolicyBlock "policy_block",
    SpamSuspected "spam_suspected",

    Unknown "unknown",
    InvalidCall "invalid_call",
    InvalidParameter "invalid_parameter",
    NotFoundOrNoAccess "not_found_or_no_access",
    UnknownObject "unknown_object",
    UnknownPath "unknown_path",
    Deprecated "deprecated",
    RefusedWithoutReason "refused_without_reason",
    RefusedWithUnknownReason "refused_with_unknown_reason",
    PageTooLarge "page_too_large",
    TooFewViewers "too_few_viewers",
    MediaBeforeConversion "media_before_conversion",

    PublishQuotaReached "publish_quota_reached",
    NotReady "not_ready",
    ServerErrorAtPublish "server_error_at_publish",
    MediaDownloadTimedOut "media_download_timed_out",
    MediaFetchFailed "media_fetch_failed",
    MediaExpired "media_expired",
    ContainerCreationFailed "container_creation_failed",
    ContainerMissing "container_missing",
    MediaNotFound "media_not_found",
    UploadFailed "upload_failed",
    UploadRefused "upload_refused",
    VideoProcessingFailed "video_processing_failed",
    MediaUploadFailed "media_upload_failed",
    TrialReelsUnavailable "trial_reels_unavailable",
    DeleteUnsupported "delete_unsupported",
    MediaTypeUnknown "media_type_unknown",
    ThumbnailOffsetOutOfRange "thumbnail_offset_out_of_range",
    CarouselSize "carousel_size",
    ProductTagOnVideo "product_tag_on_video",
    ProductTagPositionMissing "product_tag_position_missing",
    ProductTagInvalid "product_tag_invalid",
    TooManyTags "too_many_tags",
    CollaboratorRefused "collaborator_refused",
    VideoFormatUnsupported "video_format_unsupported",
    ImageTooLarge "image_too_large",
    ImageFormatUnsupported "image_format_unsupported",
    ImageRefused "image_refused",
    AspectRatioUnsupported "aspect_ratio_unsupported",
    CaptionTooLong "caption_too_long",
    AudioInputRefused "audio_input_refused",
    DuplicatePost "duplicate_post",
    PartnershipNotAllowed "partnership_not_allowed",
    PartnershipInputRefused "partnership_input_refused",

    OutsideMessageWindow "outside_message_window",
    PersonUnavailable "person_unavailable",
    PersonNotFound "person_not_found",
    PrivateReplyUsed "private_reply_used",
    ThreadUnavailable "thread_unavailable",
    PrivateReplyLimited "private_reply_limited",
    MultiImageNotEnabled "multi_image_not_enabled",
    MessagingUnavailable "messaging_unavailable",
    SendingRestricted "sending_restricted",
    MessageRefused "message_refused",
    MessageUnreadable "message_unreadable",
    TermsNotAccepted "terms_not_accepted",
    CommentOutcomeUnknown "comment_outcome_unknown",
}
