//! The start page: nothing from other hosts, and nothing that a name could break out of.

use local::{Options, Stack};
use world::browser::Browser;

use crate::{folder, get, start};

/// The page's script and all that it imports.
async fn scripts(stack: &Stack) -> Vec<String> {
    let mut found = vec!["/local/page.js".to_owned()];
    let mut read = 0;
    while let Some(target) = found.get(read) {
        let text = get(stack, target).await.text();
        for import in text.split("from \"./").skip(1) {
            let (name, _) = import.split_once('"').unwrap();
            let target = format!("/local/{name}");
            if !found.contains(&target) {
                found.push(target);
            }
        }
        read += 1;
    }
    assert!(found.len() > 1, "{found:?}");
    found
}

#[tokio::test]
async fn the_start_page_needs_no_other_host() {
    let stack = start(Options::on_free_ports(folder())).await;
    let page = get(&stack, "/").await;
    assert_eq!(page.status, 200);
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"),
        "{policy}"
    );
    assert!(!policy.contains("unsafe"), "{policy}");
    let instagram = stack.instagram_url.as_deref().unwrap();
    assert!(
        policy.contains(&format!("img-src 'self' {instagram};")),
        "{policy}"
    );
    let others = [
        ("/", "text/html"),
        ("/local/page.css", "text/css"),
        ("/local/publishing.css", "text/css"),
        ("/local/icon.svg", "image/svg+xml"),
    ];
    let scripts = scripts(&stack).await;
    let scripts = scripts.iter();
    let scripts = scripts.map(|script| (script.as_str(), "text/javascript"));
    for (target, kind) in others.into_iter().chain(scripts) {
        let reply = get(&stack, target).await;
        assert_eq!(reply.status, 200, "{target}");
        assert!(
            reply.header("content-type").unwrap().starts_with(kind),
            "{target}"
        );
        // The name of a vocabulary, which is fetched by nobody.
        let text = reply.text().replace("http://www.w3.org/2000/svg", "");
        // A scheme alone is what an address is compared with, or begins with.
        let text = text
            .replace("\"https://\"", "")
            .replace("\"https://…\"", "");
        assert!(
            !text.contains("http://") && !text.contains("https://"),
            "{target}"
        );
        assert!(
            !text.contains("src=\"//") && !text.contains("url(//"),
            "{target}"
        );
    }
    stack.stop().await;
}

#[tokio::test]
async fn a07_the_page_sets_every_text_as_text() {
    let stack = start(Options::on_free_ports(folder())).await;
    for target in scripts(&stack).await {
        let script = get(&stack, &target).await.text();
        for way in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "setTimeout(\"",
        ] {
            assert!(!script.contains(way), "{target}: {way}");
        }
    }
    let page = get(&stack, "/").await.text();
    assert!(!page.contains("onclick") && !page.contains("style=") && !page.contains("<style"));
    stack.stop().await;
}

#[tokio::test]
async fn the_samples_that_the_composer_offers_are_served() {
    let stack = start(Options::on_free_ports(folder())).await;
    let script = get(&stack, "/local/composer.js").await.text();
    let samples: Vec<&str> = script
        .split("{ name: \"")
        .skip(1)
        .filter_map(|rest| rest.split_once('"').map(|(name, _)| name))
        .collect();
    assert!(samples.len() > 5, "{samples:?}");
    let instagram = stack.instagram_url.clone().unwrap();
    for name in samples {
        let address = format!("{instagram}/_sim/media/{name}");
        let sample = Browser::new().open(&address).await.unwrap();
        assert_eq!(sample.status, 200, "{name}");
    }
    stack.stop().await;
}
