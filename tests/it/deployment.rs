//! What is deployed says the same as the code: routes, environment, table, queue, schedule; and everything that can go
//! wrong has an alarm that a document explains.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::{KeySchemaElement, TableDescription};
use local::routes::ROUTES;
use serde_json::{Value, json};
use shared::app_secrets::AppSecrets;
use shared::config::VARIABLES;
use world::World;
use world::resources::{
    AUDIT_SCHEDULE, MAX_RECEIVE_COUNT, TABLE, VISIBILITY_SECONDS, WORKER_TIMEOUT_SECONDS,
};
use world::sqs_event::BATCH_SIZE;

use crate::structure::{file, function_names, production_code};
use crate::template::{Deployed, TEMPLATE, text, texts};

/// API Gateway waits no longer for an answer, seconds.
const API_GATEWAY_WAITS: u64 = 30;

/// The deployed functions that an API route leads to, by logical id.
fn behind_the_api() -> BTreeSet<String> {
    let routes = TEMPLATE.names_of_type("AWS::ApiGatewayV2::Route");
    routes.iter().map(|route| function_of(route)).collect()
}

/// The logical id of the function that a route leads to.
fn function_of(route: &str) -> String {
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

fn deployed() -> BTreeMap<String, Deployed> {
    let all = TEMPLATE.functions().into_iter();
    all.map(|function| (function.name.clone(), function))
        .collect()
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
    assert_eq!(
        api.len() + workers.len(),
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
        for name in ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
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

fn keys_of(schema: &[KeySchemaElement]) -> Value {
    let keys = schema.iter();
    keys.map(
        |key| json!({"AttributeName": key.attribute_name(), "KeyType": key.key_type().as_str()}),
    )
    .collect()
}

/// The table as CloudFormation would write it.
fn description_of(table: &TableDescription) -> Value {
    let attributes = table.attribute_definitions().iter();
    let indexes = table.global_secondary_indexes().iter().map(|index| {
        let projection = index.projection().expect("a projection");
        json!({
            "IndexName": index.index_name(),
            "KeySchema": keys_of(index.key_schema()),
            "Projection": {
                "ProjectionType": projection.projection_type().map(|kind| kind.as_str()),
                "NonKeyAttributes": projection.non_key_attributes(),
            },
        })
    });
    json!({
        "BillingMode": table.billing_mode_summary().and_then(|it| it.billing_mode()).map(|it| it.as_str()),
        "KeySchema": keys_of(table.key_schema()),
        "AttributeDefinitions": attributes.map(|it| json!({
            "AttributeName": it.attribute_name(), "AttributeType": it.attribute_type().as_str(),
        })).collect::<Value>(),
        "GlobalSecondaryIndexes": indexes.collect::<Value>(),
    })
}

#[tokio::test]
async fn the_templates_table_is_the_table_of_the_tests() {
    let world = World::start().await;
    let client = &world.clients.dynamodb;
    let table = client.describe_table().table_name(TABLE).send().await;
    let mut expected = description_of(table.expect("a table").table().expect("a table"));
    let ttl = client
        .describe_time_to_live()
        .table_name(TABLE)
        .send()
        .await;
    let ttl = ttl
        .expect("a time to live")
        .time_to_live_description
        .expect("one");
    expected["TimeToLiveSpecification"] =
        json!({"AttributeName": ttl.attribute_name(), "Enabled": true});
    expected["PointInTimeRecoverySpecification"] = json!({"PointInTimeRecoveryEnabled": true});
    expected["DeletionProtectionEnabled"] = json!(true);
    let mut in_template = TEMPLATE.properties("Table");
    for definition in [&mut expected, &mut in_template] {
        for list in ["AttributeDefinitions", "GlobalSecondaryIndexes"] {
            let list = definition[list].as_array_mut().expect("a list");
            list.sort_by_key(Value::to_string);
        }
    }
    assert_eq!(in_template, expected);
}

#[tokio::test]
async fn the_templates_queue_is_the_queue_of_the_tests() {
    let world = World::start().await;
    let client = &world.clients.sqs;
    let of_queue = async |url: &str, name: &str| -> Value {
        let name: aws_sdk_sqs::types::QueueAttributeName = name.into();
        let read = client
            .get_queue_attributes()
            .queue_url(url)
            .attribute_names(name.clone());
        let read = read.send().await.expect("the queue answers");
        let value = read
            .attributes()
            .and_then(|all| all.get(&name))
            .expect("the attribute");
        serde_json::from_str(value).expect("a number or an object")
    };
    let queue = TEMPLATE.properties("AccountQueue");
    let url = &world.resources.queue_url;
    assert_eq!(
        queue["VisibilityTimeout"],
        of_queue(url, "VisibilityTimeout").await
    );
    let redrive = of_queue(url, "RedrivePolicy").await;
    assert_eq!(
        text(&queue["RedrivePolicy"]["maxReceiveCount"]),
        text(&redrive["maxReceiveCount"])
    );
    assert_eq!(queue["RedrivePolicy"]["maxReceiveCount"], MAX_RECEIVE_COUNT);
    assert_eq!(
        queue["RedrivePolicy"]["deadLetterTargetArn"],
        "DeadLetters.Arn"
    );

    let dead_letters = TEMPLATE.properties("DeadLetters");
    let url = &world.resources.dead_letters_url;
    assert_eq!(
        dead_letters["MessageRetentionPeriod"],
        of_queue(url, "MessageRetentionPeriod").await
    );
    let name = text(&queue["QueueName"]);
    assert_eq!(
        dead_letters["RedriveAllowPolicy"],
        json!({
            "redrivePermission": "byQueue",
            "sourceQueueArns": [format!("arn:aws:sqs:us-east-1:000000000000:{name}")],
        })
    );
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
        assert_eq!(
            event["Queue"],
            "arn:aws:sqs:us-east-1:000000000000:accounts"
        );
        assert_eq!(event["BatchSize"], BATCH_SIZE);
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
        let visibility = TEMPLATE.properties("AccountQueue")["VisibilityTimeout"].as_i64();
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

#[tokio::test]
async fn the_templates_audit_is_the_audit_of_the_tests() {
    let world = World::start().await;
    world.schedule_audits().await;
    let mut schedules = world.aws.schedules();
    let made = schedules.pop().expect("a schedule");
    let schedule = TEMPLATE.properties("AuditSchedule");
    assert_eq!(
        schedule,
        json!({
            "Name": AUDIT_SCHEDULE,
            "GroupName": made.group,
            "Description": schedule["Description"],
            "ScheduleExpression": made.expression,
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {
                "Arn": world.resources.queue_arn,
                "RoleArn": world.variables("test")["SCHEDULE_ROLE_ARN"],
                "Input": made.input,
            },
        })
    );
    let group = TEMPLATE.properties("ScheduleGroup");
    assert_eq!(text(&group["Name"]), made.group);
}

#[test]
fn the_apps_secret_begins_empty_and_is_complete_once_it_is_filled_in() {
    let generated = &TEMPLATE.properties("AppSecret")["GenerateSecretString"];
    let template = text(&generated["SecretStringTemplate"]);
    let mut secret: Value = serde_json::from_str(&template).expect("an object");
    secret[text(&generated["GenerateStringKey"])] = json!("generated");
    assert!(
        AppSecrets::parse(&secret.to_string()).is_none(),
        "nothing works with empty ids"
    );
    for (name, value) in [
        ("instagramAppId", "1"),
        ("instagramAppSecret", "a"),
        ("metaAppId", "2"),
        ("metaAppSecret", "b"),
    ] {
        assert_eq!(secret[name], "", "{name}");
        secret[name] = json!(value);
    }
    assert!(AppSecrets::parse(&secret.to_string()).is_some());
}

#[test]
fn data_survives_the_stack() {
    for data in ["Table", "AppSecret", "UserPool"] {
        let resource = TEMPLATE.raw(data);
        assert_eq!(
            (
                &resource["DeletionPolicy"],
                &resource["UpdateReplacePolicy"]
            ),
            (&json!("Retain"), &json!("Retain")),
            "{data}"
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

/// What an alarm watches: namespace, metric, and the function or queue.
fn watched(alarm: &str) -> (String, String, String) {
    let properties = TEMPLATE.properties(alarm);
    assert_eq!(properties["AlarmActions"], json!(["AlarmTopic"]), "{alarm}");
    let dimension = &properties["Dimensions"][0]["Value"];
    let of = if dimension.is_null() {
        String::new()
    } else {
        text(dimension)
    };
    (
        text(&properties["Namespace"]),
        text(&properties["MetricName"]),
        of,
    )
}

#[test]
fn everything_that_can_go_wrong_has_an_alarm() {
    let alarms = TEMPLATE.names_of_type("AWS::CloudWatch::Alarm");
    let all: BTreeSet<_> = alarms.iter().map(|alarm| watched(alarm)).collect();
    let of = |namespace: &str, metric: &str, of: &str| {
        (namespace.to_owned(), metric.to_owned(), of.to_owned())
    };
    let mut expected = BTreeSet::from([
        of(
            "AWS/SQS",
            "ApproximateNumberOfMessagesVisible",
            "DeadLetters.QueueName",
        ),
        of(
            "AWS/SQS",
            "ApproximateAgeOfOldestMessage",
            "AccountQueue.QueueName",
        ),
        of("AWS/ApiGateway", "5xx", "Api"),
    ]);
    for function in deployed().keys() {
        for metric in ["Errors", "Throttles"] {
            expected.insert(of("AWS/Lambda", metric, function));
        }
    }
    for metric in [
        "TokenDaysLeft",
        "TokensAtRisk",
        "AuditFailed",
        "PagesFailed",
        "AuditMended",
    ] {
        expected.insert(of(shared::metrics::NAMESPACE, metric, ""));
    }
    assert_eq!(all, expected);
    let missing = TEMPLATE.properties("AuditMissingAlarm");
    assert_eq!(
        missing["TreatMissingData"], "breaching",
        "no audit writes no metric"
    );
}

#[test]
fn a_metric_that_an_alarm_or_the_dashboard_shows_is_written_by_the_code() {
    let code: String = production_code().map(|(_, code)| code).collect();
    for alarm in TEMPLATE.names_of_type("AWS::CloudWatch::Alarm") {
        let (namespace, metric, _) = watched(&alarm);
        let is_ours = namespace == shared::metrics::NAMESPACE;
        assert!(
            !is_ours || code.contains(&format!("\"{metric}\", Unit::")),
            "{alarm}"
        );
    }
    let dashboard = text(&TEMPLATE.properties("Dashboard")["DashboardBody"]);
    let dashboard: Value = serde_json::from_str(&dashboard).expect("a dashboard is JSON");
    let widgets = dashboard["widgets"].as_array().expect("widgets");
    assert!(widgets.len() >= 6);
    for metric in widgets
        .iter()
        .flat_map(|widget| widget["properties"]["metrics"].as_array().expect("metrics"))
    {
        let is_ours = metric[0] == shared::metrics::NAMESPACE;
        let is_written = || code.contains(&format!("\"{}\", Unit::", text(&metric[1])));
        assert!(!is_ours || is_written(), "{metric}");
    }
}

#[test]
fn the_page_for_operators_explains_every_alarm() {
    let page = file("docs/operations.md");
    let mut headings: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`'))
        .collect();
    let mut alarms = TEMPLATE.names_of_type("AWS::CloudWatch::Alarm");
    // One text for the same alarm of each function.
    for function in deployed().keys() {
        for alarm in &mut alarms {
            if let Some(rest) = alarm.strip_prefix(function.as_str())
                && ["ErrorsAlarm", "ThrottlesAlarm"].contains(&rest)
            {
                *alarm = format!("…{rest}");
            }
        }
    }
    alarms.sort();
    alarms.dedup();
    headings.sort_unstable();
    assert_eq!(headings, alarms);
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
