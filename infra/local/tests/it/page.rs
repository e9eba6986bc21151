//! The start page: nothing from other hosts, and nothing that a name could break out of.

use local::Options;

use crate::{folder, get, start};

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
    for (target, kind) in [
        ("/", "text/html"),
        ("/local/page.css", "text/css"),
        ("/local/page.js", "text/javascript"),
        ("/local/icon.svg", "image/svg+xml"),
    ] {
        let reply = get(&stack, target).await;
        assert_eq!(reply.status, 200, "{target}");
        assert!(
            reply.header("content-type").unwrap().starts_with(kind),
            "{target}"
        );
        // The name of a vocabulary, which is fetched by nobody.
        let text = reply.text().replace("http://www.w3.org/2000/svg", "");
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
    let script = get(&stack, "/local/page.js").await.text();
    for way in [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "setTimeout(\"",
    ] {
        assert!(!script.contains(way), "{way}");
    }
    let page = get(&stack, "/").await.text();
    assert!(!page.contains("onclick") && !page.contains("style=") && !page.contains("<style"));
    stack.stop().await;
}
