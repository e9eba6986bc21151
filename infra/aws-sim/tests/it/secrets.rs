use aws_sim::Quotas;
use serde_json::{Value, json};

use crate::surroundings::*;

fn token(number: u32) -> String {
    format!("{number:032}")
}

async fn create(it: &Surroundings, name: &str, value: &str) -> String {
    let input = json!({"Name": name, "SecretString": value, "ClientRequestToken": token(1)});
    it.secrets("CreateSecret", input).await.body["VersionId"]
        .as_str()
        .expect("an id")
        .to_owned()
}

async fn put(it: &Surroundings, name: &str, value: &str, number: u32) -> Answer {
    let input =
        json!({"SecretId": name, "SecretString": value, "ClientRequestToken": token(number)});
    it.secrets("PutSecretValue", input).await
}

async fn get(it: &Surroundings, input: Value) -> Answer {
    it.secrets("GetSecretValue", input).await
}

#[tokio::test]
async fn versions_are_put_by_token_and_read_by_id_and_label() {
    let it = Surroundings::new().await;
    assert_eq!(create(&it, "page", "one").await, token(1));
    assert_eq!(put(&it, "page", "two", 2).await.status, 200);
    assert_eq!(
        put(&it, "page", "two", 2).await.status,
        200,
        "the same again is no new version"
    );
    assert_eq!(
        put(&it, "page", "other", 2).await.code(),
        "ResourceExistsException"
    );
    let current = get(&it, json!({"SecretId": "page"})).await;
    assert_eq!(
        (
            &current.body["SecretString"],
            &current.body["VersionStages"]
        ),
        (&json!("two"), &json!(["AWSCURRENT"]))
    );
    let previous = get(
        &it,
        json!({"SecretId": "page", "VersionStage": "AWSPREVIOUS"}),
    )
    .await;
    assert_eq!(previous.body["SecretString"], "one");
    put(&it, "page", "three", 3).await;
    let unlabelled = get(&it, json!({"SecretId": "page", "VersionId": token(1)})).await;
    assert_eq!(
        unlabelled.body["SecretString"], "one",
        "a version without a label can still be read by its id"
    );
    assert_eq!(
        get(&it, json!({"SecretId": "page", "VersionId": token(9)}))
            .await
            .code(),
        "ResourceNotFoundException"
    );
    let described = it
        .secrets("DescribeSecret", json!({"SecretId": "page"}))
        .await;
    assert_eq!(
        described.body["VersionIdsToStages"],
        json!({token(3): ["AWSCURRENT"], token(2): ["AWSPREVIOUS"]})
    );
    assert_eq!(it.aws.secret_value("page", None).as_deref(), Some("three"));
    assert_eq!(
        it.aws.secret_value("page", Some(&token(2))).as_deref(),
        Some("two")
    );
    assert_eq!(it.aws.secrets()[0].versions, 3);
    assert!(!it.aws.everything_but_secrets().await.contains("three"));
}

#[tokio::test]
async fn a_label_is_moved_only_from_the_version_that_has_it() {
    let it = Surroundings::new().await;
    create(&it, "page", "one").await;
    put(&it, "page", "two", 2).await;
    let move_from = async |from: Option<u32>| {
        let input = json!({"SecretId": "page", "VersionStage": "AWSCURRENT", "MoveToVersionId": token(1),
            "RemoveFromVersionId": from.map(token)});
        it.secrets("UpdateSecretVersionStage", input).await
    };
    assert_eq!(move_from(None).await.code(), "InvalidParameterException");
    assert_eq!(move_from(Some(1)).await.code(), "InvalidParameterException");
    assert_eq!(move_from(Some(9)).await.code(), "ResourceNotFoundException");
    assert_eq!(it.aws.secret_value("page", None).as_deref(), Some("two"));
    assert_eq!(move_from(Some(2)).await.status, 200);
    assert_eq!(it.aws.secret_value("page", None).as_deref(), Some("one"));
    let previous = get(
        &it,
        json!({"SecretId": "page", "VersionStage": "AWSPREVIOUS"}),
    )
    .await;
    assert_eq!(previous.body["SecretString"], "two");
}

#[tokio::test]
async fn a_deleted_name_is_blocked_until_its_window_is_over() {
    let it = Surroundings::new().await;
    create(&it, "page", "one").await;
    let days = |days: i64| json!({"SecretId": "page", "RecoveryWindowInDays": days});
    assert_eq!(
        it.secrets("DeleteSecret", days(5)).await.code(),
        "InvalidParameterException"
    );
    let deleted = it.secrets("DeleteSecret", days(7)).await;
    assert_eq!(
        deleted.body["DeletionDate"].as_f64(),
        Some((START + 7 * DAY) as f64 / 1000.0)
    );
    assert_eq!(
        get(&it, json!({"SecretId": "page"})).await.code(),
        "InvalidRequestException"
    );
    let again = json!({"Name": "page", "SecretString": "x", "ClientRequestToken": token(5)});
    assert_eq!(
        it.secrets("CreateSecret", again.clone()).await.code(),
        "InvalidRequestException"
    );
    it.secrets("RestoreSecret", json!({"SecretId": "page"}))
        .await;
    assert_eq!(get(&it, json!({"SecretId": "page"})).await.status, 200);
    it.secrets("DeleteSecret", days(7)).await;
    it.turn(7 * DAY);
    assert_eq!(
        get(&it, json!({"SecretId": "page"})).await.code(),
        "ResourceNotFoundException"
    );
    assert_eq!(it.secrets("CreateSecret", again).await.status, 200);
}

#[tokio::test]
async fn old_versions_are_dropped_and_young_ones_can_reach_the_quota() {
    let it = Surroundings::new().await;
    it.aws.set_quotas(Quotas {
        secret_writes_per_second: None,
        versions_per_secret: Some(100),
    });
    create(&it, "page", "one").await;
    for number in 2..=100 {
        assert_eq!(put(&it, "page", "x", number).await.status, 200);
    }
    assert_eq!(
        put(&it, "page", "x", 101).await.code(),
        "LimitExceededException"
    );
    it.turn(DAY + 1);
    assert_eq!(put(&it, "page", "x", 101).await.status, 200);
    assert_eq!(it.aws.secrets()[0].versions, 100);
    assert_eq!(
        it.aws.secret_value("page", Some(&token(1))),
        None,
        "the oldest went"
    );
}

#[tokio::test]
async fn writes_have_a_quota_per_second() {
    let it = Surroundings::new().await;
    it.aws.set_quotas(Quotas {
        secret_writes_per_second: Some(2),
        versions_per_secret: None,
    });
    create(&it, "page", "one").await;
    assert_eq!(put(&it, "page", "x", 2).await.status, 200);
    assert_eq!(put(&it, "page", "x", 3).await.code(), "ThrottlingException");
    it.turn(SECOND);
    assert_eq!(put(&it, "page", "x", 3).await.status, 200);
}

#[tokio::test]
async fn secrets_are_listed_in_pages_by_the_beginning_of_their_names() {
    let it = Surroundings::new().await;
    for name in ["a/1", "a/2", "a/3", "b/1"] {
        create(&it, name, "x").await;
    }
    let mut names = Vec::new();
    let mut next = Value::Null;
    loop {
        let input = json!({"MaxResults": 2, "NextToken": next, "Filters": [{"Key": "name", "Values": ["a/"]}]});
        let page = it.secrets("ListSecrets", input).await.body;
        names.extend(
            page["SecretList"]
                .as_array()
                .unwrap()
                .iter()
                .map(|secret| secret["Name"].clone()),
        );
        next = page["NextToken"].clone();
        if next.is_null() {
            break;
        }
    }
    assert_eq!(names, ["a/1", "a/2", "a/3"]);
    let arn = it
        .secrets("DescribeSecret", json!({"SecretId": "b/1"}))
        .await
        .body["ARN"]
        .clone();
    let partial = &arn.as_str().unwrap()[..arn.as_str().unwrap().len() - 7];
    let asked = json!({"SecretIdList": [arn, partial, "nope"]});
    let batch = it.secrets("BatchGetSecretValue", asked).await.body;
    assert_eq!(batch["SecretValues"].as_array().unwrap().len(), 2);
    assert_eq!(batch["Errors"][0]["ErrorCode"], "ResourceNotFoundException");
}

#[tokio::test]
async fn values_and_tokens_have_their_limits() {
    let it = Surroundings::new().await;
    let large = json!({"Name": "large", "SecretString": "x".repeat(65_537), "ClientRequestToken": token(1)});
    assert_eq!(
        it.secrets("CreateSecret", large).await.code(),
        "ValidationException"
    );
    create(&it, "page", &"x".repeat(65_536)).await;
    let short = json!({"SecretId": "page", "SecretString": "x", "ClientRequestToken": "short"});
    assert_eq!(
        it.secrets("PutSecretValue", short).await.code(),
        "InvalidParameterException"
    );
    it.secrets("CreateSecret", json!({"Name": "empty"})).await;
    assert_eq!(
        get(&it, json!({"SecretId": "empty"})).await.code(),
        "ResourceNotFoundException"
    );
}
