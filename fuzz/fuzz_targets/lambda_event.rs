//! An event as Lambda would hand it over, or as nobody would: it is answered or refused, and never a panic.

#![no_main]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use libfuzzer_sys::fuzz_target;
use shared::app::App;
use shared::clock::Clock;
use shared::config::Config;
use shared::lambda::{Context, Function};
use tokio::runtime::{Builder, Runtime};

static FUNCTION: LazyLock<Function> = LazyLock::new(|| {
    let queue = "https://sqs.us-east-1.amazonaws.com/000000000000/queue";
    let variables: BTreeMap<String, String> = [
        (
            "INSTAGRAM_REDIRECT_URI",
            "https://api.example.com/instagram/callback",
        ),
        ("INSTAGRAM_RETURN_TO", "https://app.example.com"),
        ("APP_SECRET_ID", "instagram/app"),
        ("TABLE_NAME", "instagram"),
        ("ACCOUNT_QUEUE_URL", queue),
        (
            "ACCOUNT_QUEUE_ARN",
            "arn:aws:sqs:us-east-1:000000000000:queue",
        ),
        ("POST_QUEUE_URL", queue),
        ("POST_QUEUE_ARN", "arn:aws:sqs:us-east-1:000000000000:queue"),
        ("EVENT_QUEUE_URL", queue),
        ("EVENT_BUS", "instagram"),
        ("SCHEDULE_GROUP", "instagram"),
        (
            "SCHEDULE_ROLE_ARN",
            "arn:aws:iam::000000000000:role/schedules",
        ),
        ("AWS_LAMBDA_FUNCTION_NAME", "fuzz"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "of-a-fuzz-target"),
        ("AWS_SECRET_ACCESS_KEY", "of-a-fuzz-target"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    let config = Config::from_variables(&variables).expect("complete");
    let app = App::new(config, Clock::System).expect("clients");
    let routes = Router::new().route("/", post(async |body: Bytes| body));
    Function::new(app)
        .with_routes(routes)
        .with_tasks(|_, _| Box::pin(async { Ok(()) }))
});

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
});

fuzz_target!(|event: &str| {
    let mut context = Context::default();
    context.deadline = u64::MAX;
    let _ = RUNTIME.block_on(FUNCTION.invoke(event, context));
});
