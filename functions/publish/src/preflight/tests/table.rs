//! `docs/preflight.md`, written from the cases.

use std::fmt::Write as _;

use jiff::SignedDuration;

use super::cases::{self, Case};
use super::stage::{Stage, content};
use crate::preflight::check;

const HEAD: &str = "\
# What the preflight finds

Written by the test of `functions/publish/src/preflight/tests/`: change its cases, not this file.

A post is looked at before Instagram is asked to make it: on demand, when it is created, and again an hour before it is
due. What is found has a stable code, the member of the request that it is about, and a sentence that says what to change.

A finding that blocks is certain: Instagram would refuse the post. A warning is not: a server that failed us may answer
Instagram, and Meta's documents ask for some things that it may not insist on. For comments they name no limit: those of a
caption block, and those of Meta's former documents warn.

Characters of a caption are counted as Unicode code points, since Meta does not say what it counts; a caption that has
more than 2,200 UTF-16 units only is warned of. A hashtag is a `#` before a letter, digit, underscore or emoji that does
not stand inside a word or a web address; `#one#two` are two.

Of each file the first 256 KB are fetched, within five seconds for all of them and over three redirects at most. Nothing is
fetched from an address that is not public: each name is judged when it is resolved, by the connection that is then made,
and so is the target of each redirect. `PUBLISH_TRUSTED_MEDIA` exempts origins in development.

What is wrong with `publishAt` (`publish_at_past`, `publish_at_too_far`), with the `values` of a template
(`template_value_missing`, `template_value_unknown`) and with many posts for one time (`too_many_planned`, a warning) is
found as well. A preflight has it among its findings; a post is refused with the first four as the code of the answer, and
with `post_refused` for all that stands below.

Each of these posts was checked, and this is what was said.
";

async fn row(stage: &Stage, case: &Case) -> String {
    let mut account = stage.account.clone();
    let now = stage.app.clock.now();
    (case.change)(&mut account, now);
    let content = content(&case.content, &stage.server, &stage.trap);
    let publish_at = case
        .due_in_hours
        .map(|hours| now + SignedDuration::from_hours(hours));
    let found = check(&stage.app, &account, &content, publish_at)
        .await
        .unwrap();
    let [finding] = &found[..] else {
        panic!("{}: {found:#?}", case.what);
    };
    let (member, code, is_blocking) = case.expected;
    assert_eq!(
        (
            finding.member.as_str(),
            finding.code.as_str(),
            finding.is_blocking
        ),
        (member, code, is_blocking),
        "{}",
        case.what
    );
    for address in ["127.0.0.1", "169.254", "http://", "_id"] {
        assert!(!finding.sentence.contains(address), "{}", finding.sentence);
    }
    format!(
        "| {} | {} | `{member}` | `{code}` | {} | {} |",
        case.what,
        content.kind(),
        if is_blocking { "yes" } else { "no" },
        finding.sentence
    )
}

#[tokio::test]
async fn d11_d12_docs_preflight_md_says_what_each_broken_post_is_told() {
    let stage = Stage::start().await;
    let mut document = HEAD.to_owned();
    let mut number = 0;
    for (title, cases) in cases::all() {
        write!(
            document,
            "\n## {title}\n\n| what is wrong | kind | member | code | blocks | what a person reads |\n\
             | --- | --- | --- | --- | --- | --- |\n"
        )
        .unwrap();
        for case in &cases {
            writeln!(document, "{}", row(&stage, case).await).unwrap();
            number += 1;
        }
    }
    assert!(number >= 30, "{number} cases");
    stage.finish(&[document.clone()]).await;
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/preflight.md");
    let written = std::fs::read_to_string(path).unwrap_or_default();
    if written != document {
        let _ = std::fs::write(path, document);
        panic!(
            "docs/preflight.md differed from the cases and was written anew: look at it and commit it"
        );
    }
}
