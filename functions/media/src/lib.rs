//! An account's media, and what belongs to them: items of albums, stories, comments.

mod comments;
mod list;
mod one;
mod view;

shared::routes! {
    list::{list_media, list_stories, list_tagged_media},
    one::{get_media, update_media, delete_media, list_children},
    comments::{list_comments, list_replies},
}
