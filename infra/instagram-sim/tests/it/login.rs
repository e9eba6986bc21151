//! From the authorize address to `/me`, and every way in which that is refused.

use instagram_sim::{AccountType, CodeAnswer, CodeAnswerId, Person, PersonalAccounts, Settings};

use crate::client::{CLIENT_ID, DAY, HOUR, World, another_app, app, encode, token_in};

#[tokio::test]
async fn a_whole_login_ends_at_the_profile() {
    let world = World::new().await;
    let reply = world
        .get(&World::authorize_path(&[("_sim_as", "corner.bakery")]))
        .await;
    assert_eq!(reply.status, 302);
    let location = reply.header("location").unwrap();
    assert!(
        location.starts_with("https://app.example/callback?code=AQSIM-code-"),
        "{location}"
    );
    assert!(location.ends_with("#_"), "{location}");
    assert_eq!(reply.redirect_parameter("state").unwrap(), "state & more");

    let code = reply.redirect_parameter("code").unwrap();
    let reply = world.exchange_code(&code).await;
    assert_eq!(reply.status, 200);
    let short = token_in(&reply);
    let person = world.sim.person("corner.bakery").unwrap();
    let bare = format!("\"user_id\":{}", person.ig_user_id);
    assert!(reply.text().contains(&bare), "{}", reply.text());
    let permissions = &reply.json()["permissions"];
    assert_eq!(permissions[0], "instagram_business_basic");
    assert_eq!(permissions.as_array().unwrap().len(), 2);

    let reply = world.exchange_short(&short).await;
    assert_eq!(reply.json()["token_type"], "bearer");
    assert_eq!(reply.json()["expires_in"], 60 * DAY);
    let long = token_in(&reply);

    let me = world.me(&long).await.json();
    assert_eq!(me["username"], "corner.bakery");
    assert_eq!(me["user_id"], person.ig_user_id);
    assert_eq!(me["id"], person.app_scoped_id);
    assert_ne!(me["id"], me["user_id"]);
    assert!(person.ig_user_id.starts_with("17841"));
    assert_eq!(world.sim.live_tokens_of("corner.bakery"), 2);
    assert!(world.sim.is_live_token(&long));
}

#[tokio::test]
async fn the_code_is_also_taken_as_a_multipart_form() {
    let world = World::new().await;
    let code = world.code_of("ann.makes").await;
    let mut body = String::new();
    for (name, value) in World::code_form(&code) {
        body += &format!(
            "--line\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        );
    }
    body += "--line--\r\n";
    let header = "content-type: multipart/form-data; boundary=line\r\n";
    let reply = world
        .send("POST", "/oauth/access_token", header, body.as_bytes())
        .await
        .unwrap();
    assert!(world.sim.is_live_token(&token_in(&reply)));

    // As JSON it is not: that is not a form.
    let code = world.code_of("ann.makes").await;
    let json = serde_json::json!({ "client_id": CLIENT_ID, "code": code }).to_string();
    let reply = world.send_json("POST", "/oauth/access_token", &json).await;
    assert_eq!(reply.status, 400);
    assert_eq!(
        reply.json()["error_message"],
        "Missing required field client_id"
    );
}

#[tokio::test]
async fn a_refusal_goes_back_with_the_reason() {
    let world = World::new().await;
    let reply = world
        .get(&World::authorize_path(&[("_sim_decision", "deny")]))
        .await;
    assert_eq!(reply.status, 302);
    assert_eq!(reply.redirect_parameter("error").unwrap(), "access_denied");
    assert_eq!(
        reply.redirect_parameter("error_reason").unwrap(),
        "user_denied"
    );
    assert!(reply.redirect_parameter("error_description").is_some());
    assert_eq!(reply.redirect_parameter("state").unwrap(), "state & more");
    assert_eq!(reply.redirect_parameter("code"), None);
}

#[tokio::test]
async fn a_wrong_authorize_request_is_shown_and_not_redirected() {
    let world = World::new().await;
    for (name, value, shown) in [
        ("client_id", "12", "Invalid platform app"),
        ("client_id", "", "Missing client_id"),
        (
            "redirect_uri",
            "https://app.example/callback/",
            "Invalid redirect_uri",
        ),
        (
            "redirect_uri",
            "https://app.example/Callback",
            "Invalid redirect_uri",
        ),
        ("response_type", "token", "Invalid response_type"),
        (
            "scope",
            "instagram_business_basic,user_photos",
            "Invalid Scopes: user_photos",
        ),
        ("scope", "", "Missing scope"),
        ("_sim_as", "nobody.here", "nobody is called nobody.here"),
        ("_sim_decision", "maybe", "allow or deny"),
        ("_sim_decision", "allow", ""),
    ] {
        let mut parameters = vec![("_sim_as", "corner.bakery")];
        parameters.push((name, value));
        if name == "_sim_as" {
            parameters.remove(0);
        }
        let reply = world.get(&World::authorize_path(&parameters)).await;
        if shown.is_empty() {
            assert_eq!(reply.status, 302, "{name}={value}");
            continue;
        }
        assert_eq!(reply.status, 400, "{name}={value}");
        assert_eq!(reply.header("location"), None, "{name}={value}");
        assert!(
            reply.text().contains(shown),
            "{name}={value}: {}",
            reply.text()
        );
    }
}

#[tokio::test]
async fn scopes_may_be_separated_by_spaces_and_a_redirect_address_may_have_a_query() {
    let world = World::new().await;
    let reply = world
        .get(&World::authorize_path(&[
            ("_sim_as", "corner.bakery"),
            (
                "scope",
                "instagram_business_basic instagram_business_manage_comments",
            ),
            ("redirect_uri", "https://app.example/with?query=1"),
        ]))
        .await;
    let location = reply.header("location").unwrap();
    assert!(
        location.starts_with("https://app.example/with?query=1&code="),
        "{location}"
    );
}

#[tokio::test]
async fn a_code_is_good_once_for_an_hour_for_one_redirect_address() {
    let world = World::new().await;
    let used = "Matching code was not found or was already used";

    let code = world.code_of("corner.bakery").await;
    let elsewhere: Vec<_> = World::code_form(&code)
        .into_iter()
        .map(|(name, value)| {
            if name == "redirect_uri" {
                (name, "https://app.example/")
            } else {
                (name, value)
            }
        })
        .collect();
    let reply = world.post_form("/oauth/access_token", &elsewhere).await;
    assert_eq!(reply.status, 400);
    assert!(
        reply.json()["error_message"]
            .as_str()
            .unwrap()
            .contains("redirect_uri is identical")
    );

    assert_eq!(world.exchange_code(&code).await.status, 200);
    let again = world.exchange_code(&code).await;
    assert_eq!(again.status, 400);
    assert_eq!(again.json()["error_type"], "OAuthException");
    assert_eq!(again.json()["code"], 400);
    assert_eq!(again.json()["error_message"], used);

    let late = world.code_of("corner.bakery").await;
    world.advance(HOUR - 1);
    let in_time = world.code_of("corner.bakery").await;
    world.advance(1);
    assert_eq!(
        world.exchange_code(&late).await.json()["error_message"],
        used
    );
    assert_eq!(world.exchange_code(&in_time).await.status, 200);

    let code = world.code_of("corner.bakery").await;
    let with_ending = format!("{code}#_");
    assert_eq!(
        world.exchange_code(&with_ending).await.json()["error_message"],
        used
    );
}

#[tokio::test]
async fn a_wrong_member_of_the_exchange_is_named_and_the_code_stays_good() {
    let world = World::new().await;
    let code = world.code_of("corner.bakery").await;
    for (name, value, said) in [
        ("client_id", "12", "Invalid platform app"),
        ("client_secret", "guess", "Error validating client secret."),
        ("grant_type", "password", "Invalid grant_type"),
        ("code", "", "Missing required field code"),
    ] {
        let mut form = World::code_form(&code);
        form.retain(|(member, _)| *member != name);
        form.push((name, value));
        let reply = world.post_form("/oauth/access_token", &form).await;
        assert_eq!(reply.status, 400, "{name}");
        assert_eq!(reply.json()["error_message"], said, "{name}");
    }
    // In the query it does not count.
    let path = format!("/oauth/access_token?{}", encode(&World::code_form(&code)));
    assert_eq!(world.post_form(&path, &[]).await.status, 400);
    assert_eq!(world.exchange_code(&code).await.status, 200);
}

#[tokio::test]
async fn the_code_answer_has_all_its_known_shapes() {
    let world = World::new().await;
    let person = world.sim.person("corner.bakery").unwrap();
    let with_commas = "instagram_business_basic,instagram_business_content_publish";
    let exchange = async |change: &dyn Fn(&mut Settings)| {
        world.sim.update_settings(|settings| change(settings));
        let code = world.code_of("corner.bakery").await;
        world.exchange_code(&code).await.json()
    };

    let wrapped = exchange(&|settings| settings.code_answer = CodeAnswer::Wrapped).await;
    let inner = &wrapped["data"][0];
    assert_eq!(inner["user_id"], person.ig_user_id);
    assert_eq!(inner["permissions"], with_commas);
    assert!(
        world
            .sim
            .is_live_token(inner["access_token"].as_str().unwrap())
    );

    let with_text = exchange(&|settings| settings.code_answer = CodeAnswer::CommaString).await;
    assert_eq!(with_text["permissions"], with_commas);
    assert_eq!(
        with_text["user_id"].as_u64().unwrap().to_string(),
        person.ig_user_id
    );

    let without = exchange(&|settings| settings.code_answer = CodeAnswer::WithoutPermissions).await;
    assert!(without.get("permissions").is_none());

    let scoped = exchange(&|settings| settings.code_answer_id = CodeAnswerId::AppScoped).await;
    assert_eq!(
        scoped["user_id"].as_u64().unwrap().to_string(),
        person.app_scoped_id
    );
}

#[tokio::test]
async fn an_app_in_development_serves_only_people_with_a_role() {
    let world = World::with(
        instagram_sim::App {
            development: true,
            ..app()
        },
        7,
        None,
    )
    .await;
    world
        .sim
        .add_person(Person::business("no.role").without_role());
    let code = world.code_of("no.role").await;
    let short = token_in(&world.exchange_code(&code).await);
    let refused = world.exchange_short(&short).await;
    assert_eq!(refused.error(), (400, 100, None));
    assert_eq!(
        refused.json()["error"]["message"],
        "Unsupported request - method type: get"
    );
    assert_eq!(refused.json()["error"]["type"], "IGApiException");
    assert_eq!(world.me(&short).await.error(), (400, 100, None));

    let with_role = world.short_token_of("corner.bakery").await;
    assert_eq!(world.me(&with_role).await.status, 200);
}

#[tokio::test]
async fn a_personal_account_logs_in_or_is_refused() {
    let world = World::new().await;
    let token = world.long_token_of("private.pat").await;
    let me = world
        .get_as(&token, "/v26.0/me?fields=account_type")
        .await
        .json();
    assert_eq!(me["account_type"], "PERSONAL");

    world.sim.update_settings(|settings| {
        settings.personal_accounts = PersonalAccounts::RefusedAtConsent
    });
    let refused = world
        .get(&World::authorize_path(&[("_sim_as", "private.pat")]))
        .await;
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("professional account"));

    world.sim.update_person("private.pat", |pat| {
        pat.account_type = AccountType::MediaCreator
    });
    let admitted = world
        .get(&World::authorize_path(&[("_sim_as", "private.pat")]))
        .await;
    assert_eq!(admitted.status, 302);
}

#[tokio::test]
async fn codes_and_tokens_of_one_app_are_nothing_to_another() {
    let world = World::new().await;
    let other = another_app();
    let code = world.code_of("corner.bakery").await;
    let mut form = World::code_form(&code);
    form.retain(|(name, _)| !name.starts_with("client_"));
    form.extend([
        ("client_id", other.client_id.as_str()),
        ("client_secret", &other.client_secret),
    ]);
    let stolen = world.post_form("/oauth/access_token", &form).await;
    assert_eq!(stolen.status, 400);
    assert_eq!(
        stolen.json()["error_message"],
        "Matching code was not found or was already used"
    );

    let short = token_in(&world.exchange_code(&code).await);
    let query = encode(&[
        ("grant_type", "ig_exchange_token"),
        ("client_secret", &other.client_secret),
        ("access_token", &short),
    ]);
    assert_eq!(
        world.get(&format!("/access_token?{query}")).await.error(),
        (400, 1, None)
    );
}
