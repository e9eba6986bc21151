//! Media, stories, comments, insights and discovered accounts of `../shared/cases` as the models that production uses.

use http::HeaderMap;
use serde_json::Value;

use super::cases::cases;
use crate::graph::insights::{Breakdown, insights};
use crate::graph::wire::{Object, parse_answer};
use crate::graph::{Endpoint, Insight, Media, MediaComment, MediaComments, MediaKind, MediaPage};

fn object(case: &Value) -> Object {
    let body = case["input"]["body"].as_str().unwrap();
    parse_answer(Endpoint::ListMedia, 200, &HeaderMap::new(), body.as_bytes())
        .ok()
        .unwrap()
}

/// The members of an answer that names several objects by their ids.
fn by_id(object: &Object) -> Vec<Object> {
    let names = object.names();
    let ids = names.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
    ids.filter_map(|id| object.object(id)).collect()
}

/// Every media that an answer holds, whatever its form.
fn media_in(object: &Object) -> Vec<Media> {
    if let Some(page) = MediaPage::read(object, false) {
        return page.media;
    }
    let inner = ["business_discovery", "mentioned_media"]
        .into_iter()
        .find_map(|name| object.object(name));
    if let Some(inner) = inner {
        let page = inner.object("media");
        let page = page.and_then(|page| MediaPage::read(&page, true));
        return page.map_or_else(
            || Media::read(&inner).into_iter().collect(),
            |page| page.media,
        );
    }
    let many = by_id(object);
    match many.is_empty() {
        true => Media::read(object).into_iter().collect(),
        false => many.iter().filter_map(Media::read).collect(),
    }
}

fn comments_in(object: &Object) -> Vec<MediaComment> {
    if let Some(page) = MediaComments::read(object) {
        return page.comments;
    }
    let inner = object.object("mentioned_comment");
    let many = by_id(object);
    match (inner, many.is_empty()) {
        (Some(inner), _) => MediaComment::read(&inner).into_iter().collect(),
        (None, true) => MediaComment::read(object).into_iter().collect(),
        (None, false) => many.iter().filter_map(MediaComment::read).collect(),
    }
}

/// How many objects a case holds: as its facts say, or as many as it names by id, or one.
fn expected_count(case: &Value) -> usize {
    let facts = &case["expected"]["facts"];
    let named = facts["data_count"]
        .as_u64()
        .or(facts["nested_media_count"].as_u64());
    if let Some(count) = named {
        return usize::try_from(count).unwrap();
    }
    let keys = facts["top_level_keys"].as_array().unwrap();
    let ids = keys.iter().filter(|key| {
        let key = key.as_str().unwrap();
        key.bytes().all(|byte| byte.is_ascii_digit())
    });
    ids.count().max(1)
}

/// Whether there is a figure in it: a name, an empty list or a value that is missing is none.
fn tells_a_figure(one: &Insight) -> bool {
    one.figure().is_some() || figures_told(std::slice::from_ref(one)) > 0
}

/// How many figures were read: totals, values, and those of breakdowns and series.
fn figures_told(found: &[Insight]) -> usize {
    let of_one = |one: &Insight| {
        let of_values = one.values.iter();
        let of_values =
            of_values.map(|point| usize::from(point.value.is_some()) + point.parts.len());
        let of_parts = one.breakdowns.iter().map(|part| part.results.len());
        usize::from(one.total.is_some()) + of_values.sum::<usize>() + of_parts.sum::<usize>()
    };
    found.iter().map(of_one).sum()
}

/// How many figures a case's body holds: every number that stands under `value`.
fn figures_written(case: &Value) -> usize {
    fn count(value: &Value) -> usize {
        match value {
            Value::Object(members) => members
                .iter()
                .map(|(name, member)| match member {
                    Value::Number(_) => usize::from(name == "value"),
                    other => count(other),
                })
                .sum(),
            Value::Array(items) => items.iter().map(count).sum(),
            _ => 0,
        }
    }
    let body = case["input"]["body"].as_str().expect("a body");
    count(&serde_json::from_str(body).expect("JSON"))
}

#[test]
fn an_insight_without_a_figure_is_none_that_tells_one() {
    for text in [
        r#"{"name":"reach"}"#,
        r#"{"name":"reach","values":[]}"#,
        r#"{"name":"reach","values":[{}]}"#,
        r#"{"name":"reach","values":[{"value":-1}]}"#,
        r#"{"name":"reach","values":[{"value":{}}]}"#,
        r#"{"name":"reach","total_value":{}}"#,
        r#"{"name":"reach","total_value":{"breakdowns":[{"dimension_keys":["city"]}]}}"#,
    ] {
        let insight = Insight::read(&Object::parse(text).unwrap()).unwrap();
        assert!(!tells_a_figure(&insight), "{text}");
    }
    let zero = r#"{"name":"saved","values":[{"value":0}]}"#;
    let zero = Insight::read(&Object::parse(zero).unwrap()).unwrap();
    assert!(tells_a_figure(&zero), "zero is a figure");
}

#[test]
fn c15_j03_every_media_story_comment_and_insight_of_the_cases_is_read_into_the_model() {
    let Some(cases) = cases("responses.jsonl") else {
        return;
    };
    let mut read = 0;
    for case in &cases {
        let id = case["id"].as_str().unwrap();
        let object = object(case);
        let expected = expected_count(case);
        match case["kind"].as_str().unwrap() {
            "response.media"
            | "response.media_list"
            | "response.story"
            | "response.mentioned_media"
            | "response.hashtag_media_list" => {
                let found = media_in(&object);
                assert_eq!(found.len(), expected, "{id}");
            }
            "response.business_discovery" => {
                let inner = object.object("business_discovery").unwrap();
                let followers = inner.count("followers_count");
                assert_eq!(followers.is_some(), id.ends_with("user-fields"), "{id}");
                if followers.is_none() {
                    assert_eq!(media_in(&object).len(), expected, "{id}");
                }
            }
            "response.comments" => {
                let found = comments_in(&object);
                assert_eq!(found.len(), expected, "{id}");
                assert!(
                    found
                        .iter()
                        .all(|one| one.text.is_some() && one.written_at.is_some()),
                    "{id}"
                );
            }
            "response.insights" => {
                let found = insights(&object)
                    .unwrap_or_else(|| Insight::read(&object).into_iter().collect());
                assert_eq!(found.len(), expected, "{id}");
                assert!(found.iter().all(tells_a_figure), "{id}");
                assert_eq!(figures_told(&found), figures_written(case), "{id}");
            }
            _ => continue,
        }
        read += 1;
    }
    println!("responses.jsonl: {read} media, stories, comments, insights and discovered accounts");
    assert_eq!(read, 24);
}

fn case(name: &str) -> Option<Object> {
    let found = cases("responses.jsonl")?;
    Some(object(
        found.iter().find(|case| case["id"] == name).unwrap(),
    ))
}

#[test]
fn a_page_of_media_keeps_what_its_case_says() {
    let Some(page) = case("airbyte-media-page") else {
        return;
    };
    let page = MediaPage::read(&page, false).unwrap();
    assert_eq!(page.after, None, "a page with `before` alone is the last");
    let [reel, album] = &page.media[..] else {
        panic!("two media");
    };
    assert_eq!(reel.kind(), MediaKind::Reel);
    assert_eq!((reel.like_count, reel.comments_count), (Some(12), Some(2)));
    assert_eq!(album.kind(), MediaKind::Carousel);
    // Ids are text: one begins with a zero.
    assert_eq!(album.children[0].id, "07608776690540123");
    assert_eq!(album.children.len(), 4);
    let hidden = MediaPage::read(
        &case("pyfacebook-basic-user-user-medias-p1").unwrap(),
        false,
    );
    let hidden = hidden.unwrap();
    assert_eq!(hidden.media[0].like_count, None);
    assert_eq!(hidden.after.as_deref(), Some("after"));
    let live = MediaPage::read(&case("pyfacebook-users-live-medias").unwrap(), false).unwrap();
    assert_eq!(live.media[0].kind(), MediaKind::Other);
}

#[test]
fn insights_keep_their_breakdowns_and_a_figure_that_is_missing_is_none() {
    let text = r#"{"data":[
        {"name":"reach","values":[{"value":-1,"end_time":"2026-11-20T08:00:00+0000"}]},
        {"name":"online_followers","values":[{"value":{"0":5,"13":-1,"7":9},"end_time":"2026-11-20T08:00:00+0000"}]},
        {"name":"views","total_value":{"value":7}},
        {"title":"no name"}]}"#;
    let found = insights(&Object::parse(text).unwrap()).unwrap();
    assert_eq!(found.len(), 3);
    assert_eq!(found[0].figure(), None, "C16: -1 is no figure");
    let hours: Vec<_> = found[1].values[0].parts.iter().collect();
    assert_eq!(hours, [(&"0".to_owned(), &5), (&"7".to_owned(), &9)]);
    assert_eq!(found[2].figure(), Some(7));
    assert_eq!(
        insights(&Object::parse(r#"{"data":[]}"#).unwrap()),
        Some(Vec::new())
    );

    let Some(navigation) = case("restfb-ig-breakdown-insight") else {
        return;
    };
    let navigation = Insight::read(&navigation).unwrap();
    assert_eq!(navigation.figure(), Some(25));
    assert_eq!(navigation.part("TAP_FORWARD"), Some(19));
    let cities = insights(&case("airbyte-insights-demographics").unwrap()).unwrap();
    assert_eq!(cities[0].figure(), None);
    let Breakdown {
        dimensions,
        results,
    } = &cities[0].breakdowns[0];
    assert_eq!(dimensions, &["city"]);
    assert_eq!(results[0], (vec!["London, England".to_owned()], 7));
}

#[test]
fn a_list_that_gives_no_next_address_ends_with_an_empty_page() {
    let page = |text: &str| MediaPage::read(&Object::parse(text).unwrap(), true).unwrap();
    let first = page(r#"{"data":[{"id":"1"}],"paging":{"cursors":{"after":"A"}}}"#);
    assert_eq!(first.after.as_deref(), Some("A"));
    let last = page(r#"{"data":[],"paging":{"cursors":{"after":"A"}}}"#);
    assert_eq!(last.after, None);
}
