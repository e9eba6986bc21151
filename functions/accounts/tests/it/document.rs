//! The description of the API, as a document and as a page.

use shared::digest::sha256_base64;
use world::gateway::HttpCall;

use crate::fixture::Fixture;

#[tokio::test]
async fn get_document_answers_to_anybody_with_the_document_of_the_project() {
    let fixture = Fixture::start().await;
    let reply = fixture.send(HttpCall::get("/openapi.json")).await;
    assert_eq!(
        (reply.status, reply.header("content-type")),
        (200, Some("application/json"))
    );
    let of_project = include_bytes!("../../../../docs/openapi.json");
    assert!(reply.body == of_project);
    assert_eq!(reply.json()["openapi"], "3.1.0");
    fixture.finish().await;
}

/// The browser is told to run the page's own style and script, to fetch from this host, and nothing else.
#[tokio::test]
async fn show_document_is_a_page_that_loads_nothing_from_elsewhere() {
    let fixture = Fixture::start().await;
    let reply = fixture.send(HttpCall::get("/docs")).await;
    assert_eq!(
        (reply.status, reply.header("content-type")),
        (200, Some("text/html; charset=utf-8"))
    );
    let page = reply.text();
    let hash_of = |element: &str| {
        let (_, rest) = page
            .split_once(&format!("<{element}>"))
            .expect("an element");
        let (text, _) = rest.split_once(&format!("</{element}>")).expect("its end");
        format!("'sha256-{}'", sha256_base64(text.as_bytes()))
    };
    let policy = format!(
        "default-src 'none'; style-src {}; script-src {}; connect-src 'self'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'",
        hash_of("style"),
        hash_of("script"),
    );
    assert_eq!(
        reply.header("content-security-policy"),
        Some(policy.as_str())
    );
    assert!(!page.contains("://") && !page.contains("src=") && !page.contains("innerHTML"));
    fixture.finish().await;
}
