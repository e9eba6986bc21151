use aws_sim::{Fault, FaultKind};
use serde_json::{Value, json};

use crate::surroundings::*;

const ROLE: &str = "arn:aws:iam::123456789012:role/scheduler";

/// What a schedule needs: its expression, its input, and what else is asked for.
fn schedule(expression: &str, input: &str, more: Value) -> Value {
    let mut schedule = json!({
        "ScheduleExpression": expression,
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {"Arn": arn("jobs"), "RoleArn": ROLE, "Input": input},
    });
    for (member, value) in more.as_object().expect("an object") {
        match (member.as_str(), value.as_object()) {
            ("Target", Some(members)) => members
                .iter()
                .for_each(|(name, value)| schedule["Target"][name] = value.clone()),
            _ => schedule[member] = value.clone(),
        }
    }
    schedule
}

async fn create(it: &Surroundings, name: &str, input: Value) -> Answer {
    it.scheduler("POST", &format!("/schedules/{name}"), input)
        .await
}

async fn with_queue() -> Surroundings {
    let it = Surroundings::new().await;
    it.queue("jobs", json!({})).await;
    it
}

#[tokio::test]
async fn a_one_time_schedule_fires_once_in_its_zone() {
    let it = with_queue().await;
    let zone =
        json!({"ScheduleExpressionTimezone": "Asia/Tokyo", "ActionAfterCompletion": "DELETE"});
    create(
        &it,
        "gone",
        schedule("at(2026-01-01T10:00:00)", "one", zone),
    )
    .await;
    create(
        &it,
        "kept",
        schedule("at(2026-01-01T02:00:00)", "two", json!({})),
    )
    .await;
    assert_eq!(it.aws.next_due(), Some(START + HOUR));
    it.turn(HOUR - 1);
    assert_eq!(it.aws.fire_due_schedules().await, 0);
    it.turn(1);
    assert_eq!(it.aws.fire_due_schedules().await, 1);
    assert_eq!(it.aws.messages("jobs"), ["one"]);
    assert_eq!(
        it.scheduler("GET", "/schedules/gone", Value::Null)
            .await
            .code(),
        "ResourceNotFoundException"
    );
    it.turn(DAY);
    assert_eq!(it.aws.fire_due_schedules().await, 1);
    it.turn(DAY);
    assert_eq!(it.aws.fire_due_schedules().await, 0);
    assert_eq!(it.aws.messages("jobs"), ["one", "two"]);
    assert_eq!(it.aws.schedules()[0].next_ms, None);
}

#[tokio::test]
async fn recurring_schedules_fire_every_time_from_start_to_end() {
    let it = with_queue().await;
    let seconds = |at: i64| json!(at as f64 / 1000.0);
    let span = json!({"StartDate": seconds(START + HOUR), "EndDate": seconds(START + 3 * HOUR)});
    create(
        &it,
        "rate",
        schedule("rate(1 hour)", "rate <aws.scheduler.scheduled-time>", span),
    )
    .await;
    create(
        &it,
        "cron",
        schedule("cron(30 0/1 * * ? *)", "cron", json!({})),
    )
    .await;
    it.turn(5 * HOUR);
    assert_eq!(it.aws.fire_due_schedules().await, 3 + 5);
    let messages = it.aws.messages("jobs");
    assert_eq!(
        messages[..3],
        ["cron", "rate 2026-01-01T01:00:00Z", "cron"],
        "in the order in which they were due"
    );
    assert_eq!(it.aws.next_due(), Some(START + 5 * HOUR + 30 * MINUTE));
}

#[tokio::test]
async fn a_flexible_window_moves_the_firing_within_it() {
    let it = with_queue().await;
    let window = json!({"FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15}});
    create(
        &it,
        "flexible",
        schedule("at(2026-01-01T01:00:00)", "x", window),
    )
    .await;
    let due = it.aws.next_due().unwrap();
    assert!(
        (START + HOUR..START + HOUR + 15 * MINUTE).contains(&due) && due != START + HOUR,
        "{due}"
    );
}

#[tokio::test]
async fn an_update_replaces_everything_and_a_disabled_schedule_rests() {
    let it = with_queue().await;
    create(
        &it,
        "s",
        schedule("rate(1 hour)", "old", json!({"Description": "d"})),
    )
    .await;
    let disabled = schedule(
        "at(2026-01-01T01:00:00)",
        "new",
        json!({"State": "DISABLED"}),
    );
    it.scheduler("PUT", "/schedules/s", disabled).await;
    let shown = it.scheduler("GET", "/schedules/s", Value::Null).await.body;
    assert_eq!(
        (&shown["Description"], &shown["State"]),
        (&Value::Null, &json!("DISABLED"))
    );
    assert_eq!(it.aws.next_due(), None);
    it.scheduler(
        "PUT",
        "/schedules/s",
        schedule("at(2026-01-01T01:00:00)", "new", json!({})),
    )
    .await;
    it.turn(HOUR);
    it.aws.fire_due_schedules().await;
    assert_eq!(it.aws.messages("jobs"), ["new"]);
    assert_eq!(
        it.scheduler(
            "PUT",
            "/schedules/none",
            schedule("rate(1 day)", "", json!({}))
        )
        .await
        .status,
        404
    );
}

#[tokio::test]
async fn creating_again_is_the_same_only_by_its_token() {
    let it = with_queue().await;
    let with_token = |every: &str| schedule(every, "x", json!({"ClientToken": "t"}));
    assert_eq!(
        create(&it, "s", with_token("rate(1 day)")).await.status,
        200
    );
    assert_eq!(
        create(&it, "s", with_token("rate(1 day)")).await.status,
        200
    );
    assert_eq!(
        create(&it, "s", with_token("rate(2 days)")).await.code(),
        "ConflictException"
    );
    assert_eq!(
        create(&it, "s", schedule("rate(1 day)", "x", json!({})))
            .await
            .status,
        409
    );
}

#[tokio::test]
async fn what_cannot_be_delivered_is_tried_again_and_then_a_dead_letter() {
    let it = with_queue().await;
    it.queue("dead", json!({})).await;
    let policy = |retries: i64| {
        json!({"Target": {"RetryPolicy": {"MaximumRetryAttempts": retries, "MaximumEventAgeInSeconds": 3600},
            "DeadLetterConfig": {"Arn": arn("dead")}}})
    };
    it.aws
        .add_fault(Fault::on("scheduler", "Deliver", FaultKind::Throttle).times(2));
    create(
        &it,
        "late",
        schedule(
            "at(2026-01-01T00:00:00)",
            "n <aws.scheduler.attempt-number>",
            policy(5),
        ),
    )
    .await;
    assert_eq!(it.aws.fire_due_schedules().await, 1);
    assert_eq!(it.aws.next_due(), Some(START + 2 * SECOND));
    it.turn(MINUTE);
    assert_eq!(it.aws.fire_due_schedules().await, 2);
    assert_eq!(it.aws.messages("jobs"), ["n 3"]);
    let mut lost = schedule("at(2026-01-01T00:00:00)", "lost", policy(1));
    lost["Target"]["Arn"] = json!(arn("missing"));
    create(&it, "lost", lost).await;
    it.aws.fire_due_schedules().await;
    it.turn(MINUTE);
    it.aws.fire_due_schedules().await;
    let dead = it.receive("http://localhost/1/dead").await;
    assert_eq!(bodies(&dead), ["lost"]);
    assert_eq!(
        dead[0]["MessageAttributes"]["ERROR_CODE"]["StringValue"],
        "QueueDoesNotExist"
    );
    assert_eq!(
        dead[0]["MessageAttributes"]["RETRY_ATTEMPTS"]["StringValue"],
        "1"
    );
    assert_eq!(
        it.aws.next_due(),
        Some(it.now() + 30 * SECOND),
        "only the dead letter just received is pending"
    );
}

#[tokio::test]
async fn a_delivery_whose_answer_is_lost_comes_twice() {
    let it = with_queue().await;
    it.aws
        .add_fault(Fault::on("scheduler", "Deliver", FaultKind::AppliedThenLost).times(1));
    create(
        &it,
        "s",
        schedule("at(2026-01-01T00:00:00)", "x", json!({})),
    )
    .await;
    it.aws.fire_due_schedules().await;
    it.turn(MINUTE);
    it.aws.fire_due_schedules().await;
    assert_eq!(it.aws.messages("jobs"), ["x", "x"]);
}

#[tokio::test]
async fn groups_hold_schedules_and_take_them_along() {
    let it = with_queue().await;
    assert_eq!(
        create(
            &it,
            "s",
            schedule("rate(1 day)", "x", json!({"GroupName": "g"}))
        )
        .await
        .status,
        404
    );
    it.scheduler("POST", "/schedule-groups/g", json!({})).await;
    assert_eq!(
        it.scheduler("POST", "/schedule-groups/g", json!({}))
            .await
            .code(),
        "ConflictException"
    );
    for name in ["a1", "a2", "a3", "b1"] {
        create(
            &it,
            name,
            schedule("rate(1 day)", "x", json!({"GroupName": "g"})),
        )
        .await;
    }
    assert_eq!(
        it.scheduler("GET", "/schedules/a1", Value::Null)
            .await
            .status,
        404
    );
    assert_eq!(
        it.scheduler("GET", "/schedules/a1?groupName=g", Value::Null)
            .await
            .status,
        200
    );
    let path = "/schedules?ScheduleGroup=g&NamePrefix=a&MaxResults=2";
    let first = it.scheduler("GET", path, Value::Null).await.body;
    assert_eq!(first["Schedules"].as_array().unwrap().len(), 2);
    let next = first["NextToken"].as_str().unwrap();
    let second = it
        .scheduler("GET", &format!("{path}&NextToken={next}"), Value::Null)
        .await
        .body;
    assert_eq!(
        (&second["Schedules"][0]["Name"], &second["NextToken"]),
        (&json!("a3"), &Value::Null)
    );
    it.scheduler("DELETE", "/schedule-groups/g", Value::Null)
        .await;
    assert!(it.aws.schedules().is_empty());
    assert_eq!(it.aws.next_due(), None);
    assert_eq!(
        it.scheduler("DELETE", "/schedule-groups/default", Value::Null)
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn what_aws_would_refuse_is_refused() {
    let it = with_queue().await;
    let good = || schedule("rate(1 day)", "x", json!({}));
    let mut bad = vec![
        schedule("rate(0 days)", "x", json!({})),
        schedule(
            "rate(1 day)",
            "x",
            json!({"ScheduleExpressionTimezone": "Mars/Base"}),
        ),
        schedule(
            "rate(1 day)",
            "x",
            json!({"FlexibleTimeWindow": {"Mode": "FLEXIBLE"}}),
        ),
        schedule("rate(1 day)", "x", json!({"StartDate": 1.0})),
        schedule(
            "rate(1 day)",
            "x",
            json!({"Target": {"RetryPolicy": {"MaximumRetryAttempts": 186}}}),
        ),
        schedule("rate(1 day)", "x", json!({"Target": {"RoleArn": "nobody"}})),
        schedule("rate(1 day)", "x", json!({"Target": {"Arn": "not-an-arn"}})),
        schedule("rate(1 day)", "x", json!({"State": "ASLEEP"})),
    ];
    bad.push(json!({}));
    for input in bad {
        let answer = create(&it, "s", input.clone()).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "ValidationException"),
            "{input}"
        );
    }
    assert_eq!(create(&it, "has%20space", good()).await.status, 400);
    assert_eq!(create(&it, &"n".repeat(65), good()).await.status, 400);
    assert_eq!(create(&it, "good", good()).await.status, 200);
}
