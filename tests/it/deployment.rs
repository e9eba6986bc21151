//! The deployed functions say the same as the code: triggers, routes, callers, environment, limits.

use std::collections::{BTreeMap, BTreeSet};

use local::routes::ROUTES;
use serde_json::{Value, json};
use shared::config::VARIABLES;
use world::resources::{VISIBILITY_SECONDS, WORKER_TIMEOUT_SECONDS};
use world::sqs_event::BATCH_SIZE;

use crate::structure::{file, function_names};
use crate::template::{Deployed, TEMPLATE, text, texts};

/// API Gateway waits no longer for an answer, seconds.
const API_GATEWAY_WAITS: u64 = 30;

/// The deployed functions that an API route leads to, by logical id.
fn behind_the_api() -> BTreeSet<String> {
    let routes = TEMPLATE.names_of_type("AWS::ApiGatewayV2::Route");
    routes.iter().map(|route| function_of(route)).collect()
}

/// The logical id of the function that a route leads to.
pub(crate) fn function_of(route: &str) -> String {
    let target = text(&TEMPLATE.properties(route)["Target"]);
    let integration = target
        .strip_prefix("integrations/")
        .expect("an integration");
    let integration = TEMPLATE.properties(integration);
    assert_eq!(integration["IntegrationType"], "AWS_PROXY", "{route}");
    assert_eq!(integration["PayloadFormatVersion"], "2.0", "{route}");
    let function = text(&integration["IntegrationUri"]);
    function
        .strip_suffix(".Arn")
        .expect("a function's ARN")
        .to_owned()
}

/// Every deployed function by its logical id.
pub(crate) fn deployed() -> BTreeMap<String, Deployed> {
    let all = TEMPLATE.functions().into_iter();
    all.map(|function| (function.name.clone(), function))
        .collect()
}

/// The deployed functions that have an address of their own, by logical id.
fn with_urls() -> BTreeSet<String> {
    let urls = TEMPLATE.names_of_type("AWS::Lambda::Url");
    let targets = urls.iter().map(|url| {
        let url = TEMPLATE.properties(url);
        assert_eq!(
            (&url["AuthType"], &url["InvokeMode"]),
            (&json!("NONE"), &json!("BUFFERED"))
        );
        assert!(url["Cors"].is_null(), "no page calls it");
        let target = text(&url["TargetFunctionArn"]);
        target.strip_suffix(".Arn").expect("a function").to_owned()
    });
    targets.collect()
}

/// The event sources of a function.
fn events(function: &Deployed) -> Vec<&Value> {
    let events = function.properties["Events"].as_object();
    events
        .into_iter()
        .flat_map(|events| events.values())
        .collect()
}

/// Crates whose `main.rs` gives the function a handler of this kind.
fn crates_with(handler: &str) -> BTreeSet<String> {
    let has = |name: &String| file(&format!("functions/{name}/src/main.rs")).contains(handler);
    function_names().into_iter().filter(has).collect()
}

#[test]
fn every_crate_is_deployed_for_each_of_its_triggers() {
    let functions = deployed();
    let programs: BTreeSet<String> = functions.values().map(|it| it.program.clone()).collect();
    assert_eq!(programs, function_names().into_iter().collect());
    let programs_of = |names: &BTreeSet<String>| -> BTreeSet<String> {
        names
            .iter()
            .map(|name| functions[name].program.clone())
            .collect()
    };
    let api = behind_the_api();
    let workers: BTreeSet<String> = functions
        .values()
        .filter(|function| !events(function).is_empty())
        .map(|function| function.name.clone())
        .collect();
    assert_eq!(programs_of(&api), crates_with(".with_routes("));
    assert_eq!(programs_of(&workers), crates_with(".with_tasks("));
    assert!(api.is_disjoint(&workers), "{api:?} {workers:?}");
    let urls = with_urls();
    assert_eq!(programs_of(&urls), ["webhooks".to_owned()].into());
    assert!(
        urls.is_disjoint(&api) && urls.is_disjoint(&workers),
        "{urls:?}"
    );
    assert_eq!(
        api.len() + workers.len() + urls.len(),
        functions.len(),
        "one without a trigger"
    );
}

#[test]
fn the_templates_routes_are_those_of_the_local_stack() {
    let functions = deployed();
    let mut in_template = BTreeSet::new();
    for route in TEMPLATE.names_of_type("AWS::ApiGatewayV2::Route") {
        let properties = TEMPLATE.properties(&route);
        assert_eq!(properties["ApiId"], "Api", "{route}");
        let is_guarded = match text(&properties["AuthorizationType"]).as_str() {
            "JWT" => {
                assert_eq!(properties["AuthorizerId"], "Authorizer", "{route}");
                true
            }
            "NONE" => false,
            other => panic!("{route}: {other}"),
        };
        let program = functions[&function_of(&route)].program.clone();
        let key = text(&properties["RouteKey"]);
        assert!(
            in_template.insert((key, program, is_guarded)),
            "{route} stands twice"
        );
    }
    let expected: BTreeSet<(String, String, bool)> = ROUTES
        .iter()
        .map(|route| {
            let key = format!("{} {}", route.method, route.path);
            (key, route.function.as_str().to_owned(), route.needs_jwt)
        })
        .collect();
    assert_eq!(in_template, expected);
}

#[test]
fn api_gateway_may_call_exactly_the_functions_behind_it() {
    let mut allowed = BTreeSet::new();
    for permission in TEMPLATE.names_of_type("AWS::Lambda::Permission") {
        let properties = TEMPLATE.properties(&permission);
        if properties["Principal"] == "*" {
            continue;
        }
        assert_eq!(
            (&properties["Action"], &properties["Principal"]),
            (
                &json!("lambda:InvokeFunction"),
                &json!("apigateway.amazonaws.com")
            )
        );
        let source = "arn:aws:execute-api:us-east-1:000000000000:Api/*";
        assert_eq!(properties["SourceArn"], source, "{permission}");
        allowed.insert(text(&properties["FunctionName"]));
    }
    assert_eq!(allowed, behind_the_api());
}

/// Both are needed since October 2025. Neither lets anybody call the function in another way than at its address.
#[test]
fn anybody_may_call_a_function_with_an_address_of_its_own_there_and_in_no_other_way() {
    let mut allowed = BTreeSet::new();
    for permission in TEMPLATE.names_of_type("AWS::Lambda::Permission") {
        let mut properties = TEMPLATE.properties(&permission);
        if properties["Principal"] == "*" {
            let function = text(&properties["FunctionName"].take());
            properties["FunctionName"] = function.into();
            allowed.insert(properties.to_string());
        }
    }
    let expected = with_urls().into_iter().flat_map(|function| {
        [
            json!({
                "Action": "lambda:InvokeFunctionUrl", "FunctionName": function, "Principal": "*",
                "FunctionUrlAuthType": "NONE",
            }),
            json!({
                "Action": "lambda:InvokeFunction", "FunctionName": function, "Principal": "*",
                "InvokedViaFunctionUrl": true,
            }),
        ]
    });
    let expected: BTreeSet<String> = expected.map(|it| it.to_string()).collect();
    assert_eq!(allowed, expected);
}

#[test]
fn the_authorizer_takes_the_tokens_of_one_issuer_for_one_audience() {
    let authorizer = TEMPLATE.properties("Authorizer");
    assert_eq!(authorizer["AuthorizerType"], "JWT");
    assert_eq!(
        authorizer["IdentitySource"],
        json!(["$request.header.Authorization"])
    );
    let jwt = &authorizer["JwtConfiguration"];
    assert_eq!(
        jwt["Issuer"],
        "https://cognito-idp.us-east-1.amazonaws.com/UserPool"
    );
    assert_eq!(jwt["Audience"], json!(["UserPoolClient"]));
    // A person who could write the company's claim could become anybody.
    let written = texts(&TEMPLATE.properties("UserPoolClient")["WriteAttributes"]);
    assert_eq!(written, ["email"]);
    assert_eq!(
        TEMPLATE.properties("UserPool")["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"],
        true
    );
}

#[test]
fn every_function_has_the_variables_that_it_needs_and_no_unknown_one() {
    let known: BTreeSet<&str> = VARIABLES.iter().map(|variable| variable.name).collect();
    for function in TEMPLATE.functions() {
        let variables = function.properties["Environment"]["Variables"].as_object();
        let set: BTreeSet<&str> = variables
            .expect("variables")
            .keys()
            .map(String::as_str)
            .collect();
        let unknown: Vec<_> = set.difference(&known).collect();
        assert!(unknown.is_empty(), "{}: {unknown:?}", function.name);
        for variable in VARIABLES
            .iter()
            .filter(|variable| variable.default.is_none())
        {
            assert!(
                set.contains(variable.name),
                "{}: {}",
                function.name,
                variable.name
            );
        }
    }
}

/// With the parameters' defaults, and what AWS puts in itself.
#[test]
fn a_function_starts_with_the_environment_of_the_template() {
    for function in TEMPLATE.functions() {
        let variables = function.properties["Environment"]["Variables"].as_object();
        let mut variables: BTreeMap<String, String> = variables
            .expect("variables")
            .iter()
            .map(|(name, value)| (name.clone(), text(value)))
            .collect();
        variables.insert(
            "INSTAGRAM_RETURN_TO".into(),
            "https://app.example.com".into(),
        );
        for name in [
            "AWS_REGION",
            "AWS_LAMBDA_FUNCTION_NAME",
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
        ] {
            variables.insert(name.into(), "of-a-test".into());
        }
        let config = shared::config::Config::from_variables(&variables);
        let config = config.unwrap_or_else(|error| panic!("{}: {error}", function.name));
        assert_eq!(
            config.instagram.redirect_uri,
            "https://Api.execute-api.us-east-1.amazonaws.com/instagram/callback"
        );
        assert_eq!(config.vault.prefix, "instagram/tokens");
        assert_eq!(
            config.api.role_claim, "custom:role",
            "of the pool that is created"
        );
    }
}

#[test]
fn the_worker_takes_the_queue_as_the_tests_do_and_no_message_comes_back_while_it_works() {
    let functions = deployed();
    let workers = functions
        .values()
        .filter(|function| !events(function).is_empty());
    for worker in workers {
        let [event] = events(worker)[..] else {
            panic!("{} has several event sources", worker.name);
        };
        assert_eq!(event["Type"], "SQS");
        let event = &event["Properties"];
        // A post is due at its second: its task does not wait for others of a batch.
        let (queue, name, batch) = match worker.program.as_str() {
            "publish" => ("PostQueue", "posts", 1),
            "webhooks" => ("EventQueue", "events", BATCH_SIZE),
            // A step of a media sync may take a third of the timeout, and must not keep others from being done.
            _ => ("AccountQueue", "accounts", 2),
        };
        assert_eq!(
            event["Queue"],
            format!("arn:aws:sqs:us-east-1:000000000000:{name}"),
            "{}",
            worker.name
        );
        assert_eq!(event["BatchSize"], batch);
        assert_eq!(
            event["FunctionResponseTypes"],
            json!(["ReportBatchItemFailures"])
        );
        assert!(
            event["ScalingConfig"]["MaximumConcurrency"]
                .as_u64()
                .is_some_and(|most| most >= 2)
        );
        let timeout = worker.properties["Timeout"].as_i64().expect("a timeout");
        assert_eq!(timeout, WORKER_TIMEOUT_SECONDS);
        let visibility = TEMPLATE.properties(queue)["VisibilityTimeout"].as_i64();
        assert_eq!(visibility, Some(6 * timeout));
        assert_eq!(visibility, Some(VISIBILITY_SECONDS));
    }
}

#[test]
fn every_function_is_small_answers_before_the_caller_gives_up_and_keeps_its_log() {
    for function in TEMPLATE.functions() {
        let (name, properties) = (&function.name, &function.properties);
        assert_eq!(properties["Runtime"], "provided.al2023", "{name}");
        assert_eq!(properties["Architectures"], json!(["arm64"]), "{name}");
        let memory = properties["MemorySize"].as_u64().expect("a number");
        assert!((128..=256).contains(&memory), "{name}: {memory} MB");
        if behind_the_api().contains(name) {
            let timeout = properties["Timeout"].as_u64().expect("a number");
            assert!(timeout < API_GATEWAY_WAITS, "{name}: {timeout} s");
        }
        let log_group = text(&properties["LoggingConfig"]["LogGroup"]);
        assert_eq!(log_group, format!("{name}Logs"));
    }
    for log_group in TEMPLATE.names_of_type("AWS::Logs::LogGroup") {
        assert_eq!(
            TEMPLATE.properties(&log_group)["RetentionInDays"],
            30,
            "{log_group}"
        );
    }
}

#[test]
fn the_access_log_holds_no_query_and_no_header_and_requests_are_throttled() {
    let stage = TEMPLATE.properties("ApiStage");
    let format: Value =
        serde_json::from_str(&text(&stage["AccessLogSettings"]["Format"])).expect("JSON");
    let logged: BTreeSet<String> = format
        .as_object()
        .expect("an object")
        .values()
        .map(text)
        .collect();
    let allowed = [
        "$context.error.responseType",
        "$context.integration.latency",
        "$context.integration.requestId",
        "$context.integration.status",
        "$context.requestId",
        "$context.requestTime",
        "$context.responseLatency",
        "$context.responseLength",
        "$context.routeKey",
        "$context.status",
    ];
    assert_eq!(logged, allowed.map(str::to_owned).into());
    let throttling = &stage["DefaultRouteSettings"];
    for limit in ["ThrottlingRateLimit", "ThrottlingBurstLimit"] {
        assert!(
            throttling[limit].as_u64().is_some_and(|limit| limit > 0),
            "{limit}"
        );
    }
}

#[test]
fn the_readme_lists_the_templates_parameters() {
    let listed: BTreeSet<&str> = file("README.md")
        .lines()
        .skip_while(|line| *line != "| parameter | default | what it is for |")
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .filter_map(|line| line.split('`').nth(1))
        .collect();
    let parameters = TEMPLATE.parameters();
    assert_eq!(listed, parameters.iter().map(String::as_str).collect());
}
