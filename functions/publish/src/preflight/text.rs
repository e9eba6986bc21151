//! What the words of a post show, without asking anybody.
//!
//! Limits: Meta's page "IG User: media". It names none for tags, where the limit of error 2207040 is taken, and none for
//! comments, where a caption's are taken: programs that write comments through Meta's API keep to them.

use shared::post::{Carousel, Content, Finding, Handle, ImageStory, Item, Reel, Story, VideoStory};

use super::{blocking, warning};

const MOST_CHARACTERS: usize = 2_200;
const MOST_HASHTAGS: usize = 30;
const MOST_MENTIONS: usize = 20;
const LONGEST_ALT_TEXT: usize = 1_000;
const LONGEST_HANDLE: usize = 30;
const MOST_COLLABORATORS: usize = 3;
const ITEMS: std::ops::RangeInclusive<usize> = 2..=10;
/// Limits of a comment in Meta's former documents; the present ones name none.
const FORMER_COMMENT: (usize, usize, usize) = (300, 4, 1);

/// Findings about the content's own words and numbers. Addresses are looked at by `media`.
pub(super) fn findings(content: &Content) -> Vec<Finding> {
    let mut found = Vec::new();
    if let Some(caption) = content.caption() {
        caption_findings(caption, &mut found);
    }
    match content {
        Content::Image(image) => {
            alt_text(image.alt_text.as_deref(), "altText", &mut found);
            let tags = image.user_tags.iter();
            let tags = tags.map(|tag| (&tag.username, Some(tag.x), Some(tag.y)));
            user_tags(tags, "userTags", &mut found);
            location(image.location_id.as_deref(), &mut found);
        }
        Content::Carousel(carousel) => carousel_findings(carousel, &mut found),
        Content::Reel(reel) => reel_findings(reel, &mut found),
        Content::Story(
            Story::Image(ImageStory { user_tags: all, .. })
            | Story::Video(VideoStory { user_tags: all, .. }),
        ) => {
            let tags = all.iter().map(|tag| (&tag.username, tag.x, tag.y));
            user_tags(tags, "userTags", &mut found);
        }
    }
    collaborators(content.collaborators(), &mut found);
    if let Some(comment) = content.first_comment() {
        comment_findings(comment, &mut found);
    }
    found
}

fn carousel_findings(carousel: &Carousel, found: &mut Vec<Finding>) {
    let number = carousel.items.len();
    if !ITEMS.contains(&number) {
        let sentence = format!("A carousel has 2 to 10 items, and this one has {number}.");
        found.push(blocking("carousel_size", "items", sentence));
    }
    // No item of the first ten is left out, and an endless list makes no endless answer.
    for (index, item) in carousel.items.iter().take(*ITEMS.end()).enumerate() {
        if let Item::Image(item) = item {
            let text = item.alt_text.as_deref();
            alt_text(text, &format!("items[{index}].altText"), found);
            let tags = item
                .user_tags
                .iter()
                .map(|tag| (&tag.username, Some(tag.x), Some(tag.y)));
            user_tags(tags, &format!("items[{index}].userTags"), found);
        }
    }
    location(carousel.location_id.as_deref(), found);
}

fn reel_findings(reel: &Reel, found: &mut Vec<Finding>) {
    let tags = reel.user_tags.iter();
    let tags = tags.map(|tag| (&tag.username, None, None));
    user_tags(tags, "userTags", found);
    location(reel.location_id.as_deref(), found);
    if let Some(name) = &reel.audio_name {
        filled(name, "audioName", found);
        plain(name, "audioName", found);
    }
    if reel.cover_url.is_some() && reel.thumb_offset.is_some() {
        let sentence = "The cover picture goes before the moment in `thumbOffset`: leave one out.";
        found.push(warning("thumb_offset_unused", "thumbOffset", sentence));
    }
}

/// Meta does not say what a character of the 2,200 is. Code points are the usual reading; programs that publish through
/// Meta's API count UTF-16 units, of which an emoji has two or more. So more than 2,200 code points is refused here, and
/// a text that only the stricter count refuses gets a warning.
fn caption_findings(caption: &str, found: &mut Vec<Finding>) {
    plain(caption, "caption", found);
    let characters = caption.chars().count();
    if characters > MOST_CHARACTERS {
        let sentence = format!(
            "The caption has {characters} characters, and Instagram takes 2200: shorten it by {}.",
            characters - MOST_CHARACTERS
        );
        found.push(blocking("caption_too_long", "caption", sentence));
    } else if caption.encode_utf16().count() > MOST_CHARACTERS {
        let sentence = "Counted with every emoji as two, the caption has more than the 2200 characters that Instagram takes: shorten it to be safe.";
        found.push(warning("caption_may_be_too_long", "caption", sentence));
    }
    let hashtags = hashtags(caption);
    if hashtags > MOST_HASHTAGS {
        let sentence = format!(
            "The caption has {hashtags} hashtags, and Instagram takes 30: remove {}.",
            hashtags - MOST_HASHTAGS
        );
        found.push(blocking("too_many_hashtags", "caption", sentence));
    }
    let mentions = mentions(caption);
    if mentions > MOST_MENTIONS {
        let sentence = format!(
            "The caption mentions {mentions} accounts with @, and Instagram takes 20: remove {}.",
            mentions - MOST_MENTIONS
        );
        found.push(blocking("too_many_mentions", "caption", sentence));
    }
}

fn comment_findings(comment: &str, found: &mut Vec<Finding>) {
    let member = "firstComment";
    filled(comment, member, found);
    plain(comment, member, found);
    let characters = comment.chars().count();
    let (most, most_hashtags, most_addresses) = FORMER_COMMENT;
    let addresses = comment.split_whitespace().filter(|word| is_address(word));
    if characters > MOST_CHARACTERS {
        let sentence = format!(
            "The first comment has {characters} characters, and Instagram takes 2200 at most: shorten it."
        );
        found.push(blocking("comment_too_long", member, sentence));
    } else if hashtags(comment) > MOST_HASHTAGS {
        let sentence = "The first comment has more than 30 hashtags: remove some.";
        found.push(blocking("comment_has_too_many_hashtags", member, sentence));
    } else if characters > most
        || hashtags(comment) > most_hashtags
        || addresses.count() > most_addresses
    {
        let sentence = "Instagram may refuse a comment with more than 300 characters, 4 hashtags or 1 address: shorten it to be safe.";
        found.push(warning("comment_may_be_refused", member, sentence));
    }
}

fn alt_text(text: Option<&str>, member: &str, found: &mut Vec<Finding>) {
    let Some(text) = text else { return };
    filled(text, member, found);
    plain(text, member, found);
    let characters = text.chars().count();
    if characters > LONGEST_ALT_TEXT {
        let sentence = format!(
            "The alternative text has {characters} characters, and Instagram takes 1000: shorten it."
        );
        found.push(blocking("alt_text_too_long", member, sentence));
    }
}

/// Tags as account, distance from the left and distance from the top.
fn user_tags<'a>(
    tags: impl Iterator<Item = (&'a Handle, Option<f64>, Option<f64>)>,
    member: &str,
    found: &mut Vec<Finding>,
) {
    let mut number = 0;
    for (index, (username, x, y)) in tags.enumerate() {
        number += 1;
        if number > MOST_MENTIONS {
            let sentence = "Instagram takes 20 tagged accounts: remove some.";
            found.push(blocking("too_many_tags", member, sentence));
            return;
        }
        handle(username, &format!("{member}[{index}].username"), found);
        for (name, place) in [("x", x), ("y", y)] {
            if place.is_some_and(|place| !(0.0..=1.0).contains(&place)) {
                let sentence = format!(
                    "`{name}` is a share of the picture, from 0 to 1: 0.5 is the middle, whatever its size."
                );
                let member = format!("{member}[{index}].{name}");
                found.push(blocking("tag_outside_the_picture", member, sentence));
            }
        }
        if x.is_some() != y.is_some() {
            let sentence = "A place has both `x` and `y`: add the other one, or remove both.";
            let member = format!("{member}[{index}]");
            found.push(blocking("tag_place_incomplete", member, sentence));
        }
    }
}

fn collaborators(handles: &[Handle], found: &mut Vec<Finding>) {
    if handles.len() > MOST_COLLABORATORS {
        let sentence = format!(
            "Instagram takes 3 collaborators, and there are {}: remove some.",
            handles.len()
        );
        found.push(blocking(
            "too_many_collaborators",
            "collaborators",
            sentence,
        ));
    }
    for (index, name) in handles.iter().take(MOST_COLLABORATORS).enumerate() {
        handle(name, &format!("collaborators[{index}]"), found);
    }
}

fn handle(name: &Handle, member: &str, found: &mut Vec<Finding>) {
    let name = name.as_str();
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_');
    if name.is_empty() || name.len() > LONGEST_HANDLE || !name.bytes().all(is_known) {
        let sentence = "This is no account name: write it as on the profile, with letters a to z, digits, dots and underscores, 30 at most.";
        found.push(blocking("not_an_account_name", member, sentence));
    }
}

fn location(id: Option<&str>, found: &mut Vec<Finding>) {
    let is_id = |id: &str| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
    if id.is_some_and(|id| !is_id(id)) {
        let sentence = "`locationId` is the id of a place's Facebook page, digits only: not its name or address.";
        found.push(blocking("not_a_location", "locationId", sentence));
    }
}

fn filled(text: &str, member: &str, found: &mut Vec<Finding>) {
    if text.trim().is_empty() {
        let sentence = format!("`{member}` is empty: fill it, or leave it out.");
        found.push(blocking("empty_text", member, sentence));
    }
}

/// No control characters besides line breaks and tabs: they get lost, or the text with them.
fn plain(text: &str, member: &str, found: &mut Vec<Finding>) {
    let is_control = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\r' | '\t');
    if text.contains(is_control) {
        let sentence = "The text has control characters that nobody sees: remove them.";
        found.push(blocking("control_characters", member, sentence));
    }
}

/// How many hashtags Instagram finds: `#` or `＃` before a letter, a digit, an underscore or an emoji, at the start of a
/// word or right after another hashtag (`#one#two` are two). Repeated ones count again. In an address there is none.
fn hashtags(text: &str) -> usize {
    let begins = |letter: char| is_of_word(letter) || is_emoji(letter);
    marks(text, &['#', '＃'], begins)
}

/// How many accounts are mentioned: `@` before a letter, a digit, a dot or an underscore. An e-mail address is none.
fn mentions(text: &str) -> usize {
    marks(text, &['@', '＠'], |letter| {
        letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_')
    })
}

fn marks(text: &str, signs: &[char], begins: impl Fn(char) -> bool) -> usize {
    let mut number = 0;
    for word in text.split_whitespace().filter(|word| !is_address(word)) {
        let mut former = None;
        let mut is_in_mark = false;
        let mut letters = word.chars().peekable();
        while let Some(letter) = letters.next() {
            if signs.contains(&letter) {
                let is_in_word = former.is_some_and(is_of_word) && !is_in_mark;
                is_in_mark = !is_in_word && letters.peek().is_some_and(|next| begins(*next));
                number += usize::from(is_in_mark);
            } else if letter.is_ascii_punctuation() && letter != '_' && letter != '.' {
                is_in_mark = false;
            }
            former = Some(letter);
        }
    }
    number
}

fn is_address(word: &str) -> bool {
    word.contains("://") || word.starts_with("www.")
}

fn is_of_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

fn is_emoji(letter: char) -> bool {
    matches!(letter, '\u{2600}'..='\u{27BF}' | '\u{2B00}'..='\u{2BFF}' | '\u{1F000}'..='\u{1FAFF}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn of_caption(caption: &str) -> Vec<String> {
        let content =
            json!({"kind":"image","imageUrl":"https://a.example/1.jpg","caption":caption});
        let content = serde_json::from_value(content).unwrap();
        let found = findings(&content).into_iter();
        found.map(|finding| finding.code).collect()
    }

    #[test]
    fn d12_a_caption_is_counted_in_code_points_and_warned_of_in_utf_16() {
        assert!(of_caption(&"ä".repeat(2_200)).is_empty());
        assert_eq!(of_caption(&"ä".repeat(2_201)), ["caption_too_long"]);
        assert!(of_caption(&"🍞".repeat(1_100)).is_empty());
        assert_eq!(of_caption(&"🍞".repeat(1_101)), ["caption_may_be_too_long"]);
        // A family is one picture and seven code points.
        assert_eq!(of_caption(&"👨‍👩‍👧‍👦".repeat(315)), ["caption_too_long"]);
        assert_eq!(of_caption("a\0b"), ["control_characters"]);
        assert!(of_caption("a\r\n\tb \u{202E}c").is_empty());
    }

    #[test]
    fn d12_hashtags_are_counted_where_instagram_finds_them() {
        for (text, expected) in [
            ("#bread", 1),
            ("#bread #bread", 2),
            ("#one#two", 2),
            ("#2026 ＃パン #хлеб #नमस्ते#दुनिया #🍞", 6),
            ("日本、#tag", 1),
            ("(#bread) \"#butter\" a/#b", 3),
            ("a#b C# # #, ##", 0),
            ("##bread", 1),
            ("#️⃣ is a key", 0),
            ("https://a.example/#top www.a.example/#top", 0),
        ] {
            assert_eq!(hashtags(text), expected, "{text}");
        }
    }

    #[test]
    fn d12_mentions_are_counted_and_mail_addresses_are_not() {
        for (text, expected) in [
            ("@ann and @ben.b_c", 2),
            ("@ann@ben", 2),
            ("(@ann)", 1),
            ("ann@a.example @ @-", 0),
            ("https://a.example/@ann", 0),
        ] {
            assert_eq!(mentions(text), expected, "{text}");
        }
    }

    #[test]
    fn d12_the_thirtieth_hashtag_and_the_twentieth_mention_are_the_last() {
        assert!(of_caption(&"#a ".repeat(30)).is_empty());
        assert_eq!(of_caption(&"#a ".repeat(31)), ["too_many_hashtags"]);
        assert!(of_caption(&"@a ".repeat(20)).is_empty());
        assert_eq!(of_caption(&"@a ".repeat(21)), ["too_many_mentions"]);
    }

    proptest! {
        #[test]
        fn d12_any_text_is_counted_without_a_panic(text in any::<String>()) {
            let signs = text.matches(['#', '＃']).count();
            prop_assert!(hashtags(&text) <= signs);
            prop_assert!(mentions(&text) <= text.matches(['@', '＠']).count());
            of_caption(&text);
        }
    }
}
