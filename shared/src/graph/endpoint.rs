//! The calls that exist, as far as an error's meaning depends on them.

use std::fmt;

/// A call of Instagram's API. The same code means different things at different calls, so every error names its own.
///
/// Some calls are not built yet; their errors are in the catalogue already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Endpoint {
    /// Code → short-lived token.
    CodeExchange,
    /// Short-lived → long-lived token.
    LongLivedExchange,
    /// Long-lived token → a younger one.
    Refresh,
    /// `GET /me`.
    Profile,
    /// `POST /{id}/subscribed_apps`.
    Subscribe,
    /// `GET /{id}/subscribed_apps`.
    Subscriptions,
    /// `DELETE /{id}/subscribed_apps`.
    Unsubscribe,
    /// One media, a story or a container's children.
    ReadMedia,
    /// Lists of media and stories.
    ListMedia,
    /// Insights of one media or story.
    MediaInsights,
    /// Insights of the account.
    AccountInsights,
    /// `POST /{id}/media`.
    CreateContainer,
    /// `GET /{container}?fields=status_code`.
    ContainerStatus,
    /// `POST /{id}/media_publish`.
    PublishContainer,
    /// `GET /{id}/content_publishing_limit`.
    PublishingLimit,
    /// The resumable upload (`rupload`).
    UploadMedia,
    /// `POST /{media}`: whether people may comment.
    UpdateMedia,
    /// `DELETE /{media}`.
    DeleteMedia,
    /// `GET /ig_audio`.
    Audio,
    /// Lists of comments and mentions.
    ListComments,
    /// Writing, hiding and deleting a comment.
    WriteComment,
    /// Lists of conversations and messages.
    ListConversations,
    /// Sending a message.
    SendMessage,
    /// Hashtag search.
    Hashtags,
}

/// Calls that answer with a list, whose size we choose.
pub(super) const LISTS: &[Endpoint] = &[
    Endpoint::ListMedia,
    Endpoint::MediaInsights,
    Endpoint::AccountInsights,
    Endpoint::ListComments,
    Endpoint::ListConversations,
    Endpoint::Hashtags,
];

impl Endpoint {
    /// A stable name for logs, metrics and the catalogue.
    pub fn name(self) -> &'static str {
        match self {
            Endpoint::CodeExchange => "code_exchange",
            Endpoint::LongLivedExchange => "long_lived_exchange",
            Endpoint::Refresh => "refresh",
            Endpoint::Profile => "profile",
            Endpoint::Subscribe => "subscribe",
            Endpoint::Subscriptions => "subscriptions",
            Endpoint::Unsubscribe => "unsubscribe",
            Endpoint::ReadMedia => "read_media",
            Endpoint::ListMedia => "list_media",
            Endpoint::MediaInsights => "media_insights",
            Endpoint::AccountInsights => "account_insights",
            Endpoint::CreateContainer => "create_container",
            Endpoint::ContainerStatus => "container_status",
            Endpoint::PublishContainer => "publish_container",
            Endpoint::PublishingLimit => "publishing_limit",
            Endpoint::UploadMedia => "upload_media",
            Endpoint::UpdateMedia => "update_media",
            Endpoint::DeleteMedia => "delete_media",
            Endpoint::Audio => "audio",
            Endpoint::ListComments => "list_comments",
            Endpoint::WriteComment => "write_comment",
            Endpoint::ListConversations => "list_conversations",
            Endpoint::SendMessage => "send_message",
            Endpoint::Hashtags => "hashtags",
        }
    }

    /// Whether the same request may be sent again when its answer is unclear.
    ///
    /// A code is spent by its first use, and what is written may have been written although the answer was lost.
    pub fn is_safe_to_repeat(self) -> bool {
        !matches!(
            self,
            Endpoint::CodeExchange
                | Endpoint::CreateContainer
                | Endpoint::PublishContainer
                | Endpoint::UploadMedia
                | Endpoint::DeleteMedia
                | Endpoint::WriteComment
                | Endpoint::SendMessage
        )
    }

    /// Whether the breaker watches this call.
    ///
    /// Anyone can open our callback with an invented code, and must not be able to pause everyone's login by that.
    pub fn is_watched(self) -> bool {
        self != Endpoint::CodeExchange
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
