//! `docs/security.md` says what the template says: who may call what, and what each function may touch.

use std::collections::{BTreeMap, BTreeSet};

use crate::deployment::{deployed, function_of};
use crate::policy::{grants_of, role_of};
use crate::structure::file;
use crate::template::{TEMPLATE, text};

/// The columns that the table of these rows takes.
const COLUMNS: [&str; 6] = [
    "table",
    "app's secret",
    "vault's pages",
    "queue",
    "schedules",
    "bus",
];

/// The first columns of a table of the page, by its heading.
fn rows(heading: &str, columns: usize) -> BTreeSet<String> {
    file("docs/security.md")
        .lines()
        .skip_while(|line| *line != heading)
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let cells: Vec<&str> = line.split('|').skip(1).take(columns).collect();
            cells.join("|").trim().to_owned()
        })
        .collect()
}

#[test]
fn the_page_on_security_names_every_route_and_whether_it_needs_a_jwt() {
    let expected: BTreeSet<String> = TEMPLATE
        .names_of_type("AWS::ApiGatewayV2::Route")
        .iter()
        .map(|route| {
            let properties = TEMPLATE.properties(route);
            let key = text(&properties["RouteKey"]);
            let guard = match text(&properties["AuthorizationType"]).as_str() {
                "JWT" => "yes",
                _ => "no",
            };
            format!("`{key}` | {} | {guard}", function_of(route))
        })
        .collect();
    assert_eq!(
        rows(
            "| route | function | JWT | who | what it can do at most |",
            3
        ),
        expected
    );
}

#[test]
fn the_page_on_security_names_what_each_function_may_touch() {
    let mut expected = BTreeSet::new();
    for (name, function) in deployed() {
        let mut touched: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for grant in grants_of(&role_of(&function)) {
            let (service, operation) = grant.action.split_once(':').expect("an action");
            let column = match service {
                "logs" => continue,
                "dynamodb" => "table",
                "secretsmanager" if grant.resource.ends_with("/tokens/*") => "vault's pages",
                "secretsmanager" => "app's secret",
                "sqs" => "queue",
                "scheduler" | "iam" => "schedules",
                "events" => "bus",
                other => panic!("the page has no column for {other}"),
            };
            touched
                .entry(column)
                .or_default()
                .insert(operation.to_owned());
        }
        let cells = COLUMNS.map(|column| {
            let operations = touched.get(column).into_iter().flatten().cloned();
            operations.collect::<Vec<_>>().join(", ")
        });
        expected.insert(format!("{name} | {}", cells.join(" | ")).trim().to_owned());
    }
    let heading = format!("| function | {} |", COLUMNS.join(" | "));
    let listed = rows(&heading, 1 + COLUMNS.len());
    assert_eq!(listed, expected, "the rows should be those on the right");
}
