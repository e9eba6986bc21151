//! What the simulator has to tell: batches, tries, repetitions, loss, and the signed calls of the settings page.

use std::collections::BTreeSet;

use instagram_sim::{
    Delivery, DeliveryKind, DeliveryState, EnvelopeShape, Happening, HappeningKind, SigningSecret,
    WebhookAddresses, signature, signed_request,
};
use serde_json::{Value, json};

use crate::client::{CLIENT_ID, CLIENT_SECRET, HOUR, World};

const WHO: &str = "corner.bakery";
const META_SECRET: &str = "simulated-meta-secret";

fn addresses() -> WebhookAddresses {
    WebhookAddresses {
        callback_url: "https://hooks.example/".to_owned(),
        deauthorize_url: "https://hooks.example/deauthorize".to_owned(),
        data_deletion_url: "https://hooks.example/data-deletion".to_owned(),
        verify_token: "a token & more".to_owned(),
        meta_secret: META_SECRET.to_owned(),
    }
}

/// A world in which one account is subscribed, and the app has answered its handshake. The account's id comes along.
async fn subscribed() -> (World, String) {
    let world = World::new().await;
    let token = world.long_token_of(WHO).await;
    let path = format!(
        "/v26.0/me/subscribed_apps?subscribed_fields=comments,messages&access_token={token}"
    );
    let reply = world.send_json("POST", &path, "").await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    world.sim.register_webhooks(CLIENT_ID, addresses());
    for handshake in world.sim.due_deliveries() {
        let answer = challenge(&handshake);
        world
            .sim
            .settle_delivery(handshake.id, Some((200, answer.as_bytes())));
    }
    let id = world.sim.person(WHO).unwrap().ig_user_id;
    (world, id)
}

fn challenge(handshake: &Delivery) -> String {
    assert_eq!(
        (handshake.kind, handshake.method),
        (DeliveryKind::Handshake, "GET")
    );
    let url = url::Url::parse(&handshake.url).unwrap();
    let value = |name: &str| {
        let mut pairs = url.query_pairs();
        let found = pairs.find(|(found, _)| found == name);
        found.unwrap().1.into_owned()
    };
    assert_eq!(value("hub.mode"), "subscribe");
    assert_eq!(value("hub.verify_token"), "a token & more");
    value("hub.challenge")
}

fn read(delivery: &Delivery) -> Value {
    serde_json::from_slice(&delivery.body).unwrap()
}

fn header<'a>(delivery: &'a Delivery, name: &str) -> &'a str {
    let found = delivery.headers.iter().find(|(found, _)| found == name);
    &found.unwrap().1
}

/// Takes and answers what is due; the events' texts, in the order in which they came.
fn texts_of_due(world: &World, status: u16) -> Vec<String> {
    let mut texts = Vec::new();
    for delivery in world.sim.due_deliveries() {
        world.sim.settle_delivery(delivery.id, Some((status, b"")));
        for entry in read(&delivery)["entry"].as_array().unwrap() {
            for item in entry["changes"].as_array().into_iter().flatten() {
                texts.push(item["value"]["text"].as_str().unwrap().to_owned());
            }
        }
    }
    texts
}

#[tokio::test]
async fn events_come_in_one_signed_batch_once_the_handshake_was_answered() {
    let world = World::new().await;
    let token = world.long_token_of(WHO).await;
    world
        .sim
        .let_happen(WHO, Happening::comment("nobody hears it"));
    let path = format!("/v26.0/me/subscribed_apps?subscribed_fields=comments&access_token={token}");
    world.send_json("POST", &path, "").await;
    world.sim.register_webhooks(CLIENT_ID, addresses());
    world
        .sim
        .let_happen(WHO, Happening::comment("Größe 👑 a/b"));
    world.sim.let_happen(WHO, Happening::message("hello"));
    let due = world.sim.due_deliveries();
    assert_eq!(due.len(), 1, "the handshake comes first");
    let answer = challenge(&due[0]);
    world.sim.settle_delivery(due[0].id, Some((200, b"wrong")));
    assert!(world.sim.due_deliveries().is_empty(), "it failed");

    world.sim.register_webhooks(CLIENT_ID, addresses());
    let due = world.sim.due_deliveries();
    assert_ne!(challenge(&due[0]), answer);
    let answer = challenge(&due[0]);
    world
        .sim
        .settle_delivery(due[0].id, Some((200, answer.as_bytes())));
    let due = world.sim.due_deliveries();
    assert_eq!(due.len(), 1, "one batch");
    assert_eq!(
        header(&due[0], "X-Hub-Signature-256"),
        signature(CLIENT_SECRET, &due[0].body)
    );
    let raw = std::str::from_utf8(&due[0].body).unwrap();
    assert!(raw.contains(r"Gr\u00f6\u00dfe \ud83d\udc51 a\/b"), "{raw}");
    let body = read(&due[0]);
    let id = world.sim.person(WHO).unwrap().ig_user_id;
    assert_eq!(body["object"], "instagram");
    let entries = body["entry"].as_array().unwrap();
    assert_eq!(entries.len(), 2, "one for each envelope");
    assert_eq!(entries[0]["id"], id.as_str());
    assert_eq!(entries[0]["changes"][0]["field"], "comments");
    assert_eq!(entries[0]["changes"][0]["value"]["text"], "Größe 👑 a/b");
    assert_eq!(entries[1]["messaging"][0]["message"]["text"], "hello");
    assert_eq!(entries[1]["messaging"][0]["recipient"]["id"], id.as_str());
}

#[tokio::test]
async fn what_is_not_answered_well_is_tried_again_for_36_hours_with_growing_gaps() {
    let (world, _) = subscribed().await;
    world.sim.let_happen(WHO, Happening::comment("again"));
    let mut seconds = Vec::new();
    let start = world.now_ms();
    let mut bodies = BTreeSet::new();
    while let Some(next) = world.sim.next_delivery_ms() {
        world.turn_to(next.max(world.now_ms()));
        for delivery in world.sim.due_deliveries() {
            seconds.push((world.now_ms() - start) / 1000);
            bodies.insert(delivery.body.to_vec());
            // An error, and no answer at all.
            let answer = (delivery.attempt % 2 == 0).then_some((503, b"" as &[u8]));
            world.sim.settle_delivery(delivery.id, answer);
        }
    }
    assert_eq!(bodies.len(), 1, "byte by byte the same");
    assert_eq!(seconds[..3], [0, 0, 60]);
    let gaps: Vec<i64> = seconds.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.is_sorted(), "{gaps:?}");
    assert_eq!(*seconds.last().unwrap(), 36 * HOUR);
    let view = world.sim.deliveries().pop().unwrap();
    assert_eq!(view.state, DeliveryState::Dropped);
    assert_eq!(view.attempts, seconds.len());
}

#[tokio::test]
async fn a_delivery_that_nobody_settled_comes_again() {
    let (world, _) = subscribed().await;
    world.sim.let_happen(WHO, Happening::comment("taken"));
    let first = world.sim.due_deliveries();
    assert!(world.sim.due_deliveries().is_empty());
    world.turn_to(world.sim.next_delivery_ms().unwrap());
    let again = world.sim.due_deliveries();
    assert_eq!((again[0].id, again[0].attempt), (first[0].id, 2));
    assert_eq!(again[0].body, first[0].body);
}

#[tokio::test]
async fn batches_duplicates_late_ones_and_losses_are_as_the_settings_say() {
    let (world, _) = subscribed().await;
    let all: Vec<String> = (0..1000)
        .map(|number| format!("comment {number}"))
        .collect();
    let happen = || {
        for text in &all {
            world.sim.let_happen(WHO, Happening::comment(text));
        }
    };
    world
        .sim
        .update_settings(|settings| settings.webhook_batch_most = 300);
    happen();
    let sizes: Vec<usize> = {
        let due = world.sim.due_deliveries();
        let sizes = due.iter().map(|delivery| {
            read(delivery)["entry"][0]["changes"]
                .as_array()
                .unwrap()
                .len()
        });
        let sizes = sizes.collect();
        for delivery in due {
            world.sim.settle_delivery(delivery.id, Some((200, b"")));
        }
        sizes
    };
    assert_eq!(sizes, [300, 300, 300, 100]);

    world.sim.update_settings(|settings| {
        settings.webhook_duplicate_percent = 10;
        settings.webhook_reorder_percent = 10;
        settings.webhook_loss_percent = 10;
    });
    happen();
    let mut texts = Vec::new();
    while let Some(next) = world.sim.next_delivery_ms() {
        world.turn_to(next.max(world.now_ms()));
        texts.extend(texts_of_due(&world, 200));
    }
    let distinct: BTreeSet<&String> = texts.iter().collect();
    let lost = usize::try_from(world.sim.lost_events()).unwrap();
    assert_eq!(distinct.len() + lost, 1000);
    assert!((50..150).contains(&lost), "{lost} lost");
    let repeated = texts.len() - distinct.len();
    assert!((50..150).contains(&repeated), "{repeated} repeated");
    let number = |text: &String| text[8..].parse::<usize>().unwrap();
    let numbers: Vec<usize> = texts.iter().map(number).collect();
    assert!(!numbers.is_sorted());
}

#[tokio::test]
async fn every_kind_has_the_documented_form() {
    use HappeningKind as Kind;
    let (world, id) = subscribed().await;
    for (kind, place, pointer, expected) in [
        (Kind::Comment, "changes", "/field", json!("comments")),
        (Kind::Comment, "changes", "/value/parent_id", json!("m-1")),
        (
            Kind::LiveComment,
            "changes",
            "/field",
            json!("live_comments"),
        ),
        (Kind::Mention, "changes", "/value/comment_id", json!("c-1")),
        (Kind::StoryInsights, "changes", "/value/reach", json!(44)),
        (Kind::Message, "messaging", "/message/mid", json!("c-1")),
        (
            Kind::Message,
            "messaging",
            "/message/attachments/0/type",
            json!("image"),
        ),
        (Kind::Echo, "messaging", "/message/is_echo", json!(true)),
        (Kind::Echo, "messaging", "/sender/id", json!(id)),
        (Kind::Reaction, "messaging", "/reaction/mid", json!("m-1")),
        (
            Kind::Unreaction,
            "messaging",
            "/reaction/action",
            json!("unreact"),
        ),
        (Kind::Postback, "messaging", "/postback/title", json!("t")),
        (Kind::Referral, "messaging", "/referral/ref", json!("t")),
        (Kind::Seen, "messaging", "/read/mid", json!("m-1")),
        (
            Kind::Edit,
            "messaging",
            "/message_edit/num_edit",
            json!("2"),
        ),
        (
            Kind::Unsend,
            "messaging",
            "/message/is_deleted",
            json!(true),
        ),
        (
            Kind::PassThread,
            "messaging",
            "/pass_thread_control/metadata",
            json!("t"),
        ),
        (
            Kind::TakeThread,
            "messaging",
            "/take_thread_control/metadata",
            json!("t"),
        ),
        (Kind::Optin, "messaging", "/optin/title", json!("t")),
        (Kind::Standby, "standby", "/message/text", json!("t")),
        (Kind::RawChange, "changes", "/field", json!("invented")),
        (Kind::RawMessaging, "messaging", "/field", json!("invented")),
    ] {
        let happening = Happening {
            kind,
            text: "t".to_owned(),
            id: "c-1".to_owned(),
            of: "m-1".to_owned(),
            attachment: "image".to_owned(),
            edits: 2,
            raw: json!({ "field": "invented" }),
            ..Happening::default()
        };
        world.sim.let_happen(WHO, happening);
        let due = world.sim.due_deliveries();
        world.sim.settle_delivery(due[0].id, Some((200, b"")));
        let entry = &read(&due[0])["entry"][0];
        assert_eq!(entry["id"], id.as_str());
        let item = &entry[place][0];
        assert_eq!(item.pointer(pointer), Some(&expected), "{kind:?}: {item}");
    }
    // The form that Meta documents for Instagram Login.
    world
        .sim
        .update_settings(|settings| settings.webhook_shape = EnvelopeShape::Flat);
    world.sim.let_happen(WHO, Happening::comment("flat"));
    let due = world.sim.due_deliveries();
    assert_eq!(read(&due[0])["entry"][0]["value"]["text"], "flat");
}

#[tokio::test]
async fn the_settings_page_removes_apps_and_asks_for_deletion() {
    let (world, id) = subscribed().await;
    assert_eq!(world.sim.live_tokens_of(WHO), 2);
    let path = format!("/_sim/apps-and-websites/{WHO}");
    let page = world.get(&path).await;
    assert!(page.text().contains("Remove, and ask for deletion"));
    assert_eq!(world.send_json("POST", &path, "{}").await.status, 400);
    world
        .sim
        .update_settings(|settings| settings.webhook_secret = SigningSecret::Meta);
    let removed = world
        .send_json("POST", &format!("{path}?do=delete"), "")
        .await;
    assert_eq!(removed.status, 303);
    assert_eq!(world.sim.live_tokens_of(WHO), 0);
    assert!(world.sim.subscriptions_of(WHO).is_empty());

    let scoped = world.sim.person(WHO).unwrap().app_scoped_id;
    let seconds = world.now_ms() / 1000;
    let expected = signed_request(META_SECRET, &scoped, seconds);
    let due = world.sim.due_deliveries();
    assert_eq!(due.len(), 2);
    for (delivery, (kind, url)) in due.iter().zip([
        (
            DeliveryKind::Deauthorize,
            "https://hooks.example/deauthorize",
        ),
        (
            DeliveryKind::DataDeletion,
            "https://hooks.example/data-deletion",
        ),
    ]) {
        assert_eq!((delivery.kind, delivery.url.as_str()), (kind, url));
        let body = std::str::from_utf8(&delivery.body).unwrap();
        assert_eq!(body, format!("signed_request={expected}"));
        assert!(!expected.contains(&id));
        let answer = br#"{"url":"https://you.example/d/1","confirmation_code":"1"}"#;
        world
            .sim
            .settle_delivery(delivery.id, Some((200, answer.as_slice())));
    }
    let page = world.get(&path).await;
    assert!(page.text().contains("No app has access"));
    assert!(page.text().contains("href=\"https://you.example/d/1\""));
}

#[tokio::test]
async fn the_control_plane_registers_tests_and_lets_happen() {
    let (world, _) = subscribed().await;
    let happening = r#"{"kind": "message", "text": "over HTTP"}"#;
    let path = format!("/_sim/people/{WHO}/happenings");
    assert_eq!(world.send_json("POST", &path, happening).await.status, 202);
    let nobody = "/_sim/people/nobody.here/happenings";
    assert_eq!(world.send_json("POST", nobody, happening).await.status, 404);
    let test = format!("/_sim/webhooks/{CLIENT_ID}/test");
    assert_eq!(world.send_json("POST", &test, "").await.status, 200);
    let due = world.sim.due_deliveries();
    let body = read(&due[0]);
    assert_eq!(
        body["entry"][0]["messaging"][0]["message"]["text"],
        "over HTTP"
    );
    assert_eq!(body["entry"][1]["id"], "0");

    let put = format!("/_sim/webhooks/{CLIENT_ID}");
    let new = r#"{"callback_url": "https://other.example/hooks", "verify_token": "v-1"}"#;
    let listed = world.send_json("PUT", &put, new).await;
    assert_eq!(listed.status, 200, "{}", listed.text());
    assert!(!listed.text().contains("v-1"), "{}", listed.text());
    let listed = world.get("/_sim/webhooks").await.json();
    assert_eq!(
        listed["apps"][CLIENT_ID]["callback_url"],
        "https://other.example/hooks"
    );
    let unknown = world.send_json("PUT", "/_sim/webhooks/1", new).await;
    assert_eq!(unknown.status, 400);
}
