//! `docs/openapi.json`, made from what the handlers say of themselves: the test rewrites it, and fails where it was not up
//! to date, so that the next build serves the new one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use local::routes::FunctionName;
use serde_json::{Map, Value, json};
use shared::http::problem;
use shared::openapi::Described;
use utoipa::ToSchema;

use crate::structure::root;

const INTRODUCTION: &str = "\
Connects Instagram accounts to your product, and keeps their tokens alive.

JSON in and out, member names in camelCase, times in RFC 3339 UTC, Meta's ids as texts of digits. Everything belongs to the \
company that the caller's JWT names; a `viewer` may only read. What API Gateway itself refuses has its own form, \
`{\"message\": …}`: 401 without a valid JWT, 404 for an unknown route or method, 429 for too many requests. Every other \
refusal is a problem document (RFC 9457) with a stable `code`; `components.examples` has all of them, each with its sentence.

A route that takes no body ignores one.";

/// A moment for examples.
const MOMENT: &str = "2026-11-21T09:14:18.206Z";
/// A day for examples.
const DAY: &str = "2026-11-20";

/// The whole document.
pub(crate) fn document() -> Value {
    let mut document = Document::default();
    for function in FunctionName::ALL {
        for described in function.operations() {
            document.add(function, described);
        }
    }
    document.finish()
}

#[derive(Default)]
struct Document {
    paths: BTreeMap<String, Map<String, Value>>,
    schemas: Map<String, Value>,
    refusals: Map<String, Value>,
}

/// A refusal that an operation names.
struct Refusal {
    code: String,
    sentence: String,
    is_page: bool,
}

impl Document {
    fn add(&mut self, function: FunctionName, described: Described) {
        for (name, schema) in described.schemas {
            self.schemas.insert(name, value_of(&schema));
        }
        let mut operation = value_of(&described.operation);
        operation["tags"] = json!([function.as_str()]);
        operation["security"] = if described.needs_jwt {
            json!([{"jwt": []}])
        } else {
            json!([])
        };
        for parameter in operation["parameters"].as_array_mut().into_iter().flatten() {
            clean_parameter(parameter);
        }
        operation["responses"] = self.answers(&operation["responses"], described.needs_jwt);
        if described.method == "patch" {
            // A change of nothing is refused.
            let body = &operation["requestBody"]["content"]["application/json"]["schema"]["$ref"];
            let name = body
                .as_str()
                .and_then(|name| name.rsplit('/').next())
                .expect("a type");
            self.schemas[name]["minProperties"] = json!(1);
        }
        let path = self.paths.entry(described.path).or_default();
        let former = path.insert(described.method, operation);
        assert!(former.is_none(), "an operation stands twice");
    }

    /// The answers by status: what the annotation names, and the refusals put together.
    fn answers(&mut self, named: &Value, needs_jwt: bool) -> Value {
        let mut answers = Map::new();
        let mut refusals: BTreeMap<&str, Vec<Refusal>> = BTreeMap::new();
        for (name, answer) in named.as_object().expect("answers") {
            let mut words = name.split(' ');
            let status = words.next().unwrap_or_default();
            match words.next() {
                None => {
                    answers.insert(status.to_owned(), answer.clone());
                }
                Some(code) => refusals.entry(status).or_default().push(Refusal {
                    code: code.to_owned(),
                    sentence: answer["description"]
                        .as_str()
                        .expect("a sentence")
                        .to_owned(),
                    is_page: words.next().is_some(),
                }),
            }
        }
        if needs_jwt {
            refusals.entry("429").or_default();
        }
        for (status, refusals) in refusals {
            let answer = answers
                .entry(status)
                .or_insert_with(|| json!({"description": ""}));
            self.refuse(status, &refusals, needs_jwt, answer);
        }
        Value::Object(answers)
    }

    fn refuse(&mut self, status: &str, refusals: &[Refusal], needs_jwt: bool, answer: &mut Value) {
        let number: u16 = status.parse().expect("a status");
        let title = http::StatusCode::from_u16(number)
            .expect("a status")
            .canonical_reason();
        let (mut of_pages, mut of_problems) = (Map::new(), Map::new());
        for Refusal {
            code,
            sentence,
            is_page,
        } in refusals
        {
            let name = format!("{status}_{code}");
            let example = json!({"summary": sentence, "value": {
                "type": "about:blank", "title": title, "status": number, "detail": sentence, "code": code,
                "correlationId": "935291a4-3c78-4e2d-9e43-e2cf3d988779",
            }});
            let examples = if *is_page {
                &mut of_pages
            } else {
                &mut of_problems
            };
            examples.insert(
                code.clone(),
                json!({"$ref": format!("#/components/examples/{name}")}),
            );
            let former = self.refusals.insert(name.clone(), example.clone());
            assert!(
                former.is_none_or(|former| former == example),
                "{name} has two sentences"
            );
        }
        let mut description = answer["description"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        if !refusals.is_empty() {
            let codes: Vec<String> = refusals
                .iter()
                .map(|refusal| format!("`{}`", refusal.code))
                .collect();
            let _ = write!(description, "\n\nRefused: {}.", codes.join(", "));
        }
        if !of_pages.is_empty() {
            answer["content"]["text/html"] = json!({
                "schema": {"type": "string"}, "example": "<!doctype html>…", "x-refusals": of_pages,
            });
        }
        if !of_problems.is_empty() {
            let codes: Vec<&String> = of_problems.keys().collect();
            answer["content"]["application/problem+json"] = json!({
                "schema": {"allOf": [
                    {"$ref": "#/components/schemas/Problem"},
                    {"type": "object", "properties": {"status": {"const": number}, "code": {"enum": codes}}},
                ]},
                "examples": of_problems,
            });
        }
        if needs_jwt && matches!(number, 401 | 429) {
            description.push_str("\n\nWith `message` in place of `code`: refused by API Gateway.");
            answer["content"]["application/json"] = json!({
                "schema": {"$ref": "#/components/schemas/GatewayRefusal"},
                "example": {"message": if number == 401 { "Unauthorized" } else { "Too Many Requests" }},
            });
        }
        if matches!(number, 409 | 429 | 502 | 503) {
            answer["headers"]["Retry-After"] = json!({
                "description": "When it makes sense to try again, seconds; not always there.",
                "schema": {"type": "integer", "minimum": 0},
            });
        }
        answer["description"] = description.trim().into();
    }

    fn finish(mut self) -> Value {
        let mut of_problem = Vec::new();
        problem::Body::schemas(&mut of_problem);
        self.schemas.insert(
            "Problem".into(),
            value_of(&<problem::Body as utoipa::PartialSchema>::schema()),
        );
        for (name, schema) in of_problem {
            self.schemas.insert(name, value_of(&schema));
        }
        self.schemas.insert("GatewayRefusal".into(), json!({
            "type": "object", "description": "A refusal of API Gateway's own.", "required": ["message"],
            "properties": {"message": {"type": "string", "example": "Unauthorized"}},
        }));
        self.name_what_answers_always_have();
        let mut paths: Value = json!(self.paths);
        for path in paths.as_object_mut().expect("paths").values_mut() {
            for operation in path.as_object_mut().expect("operations").values_mut() {
                self.complete(operation);
            }
        }
        json!({
            "openapi": "3.1.0",
            "info": {
                "title": "Instagram for your product",
                "version": env!("CARGO_PKG_VERSION"),
                "description": INTRODUCTION,
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "servers": [{"url": "/"}],
            "paths": paths,
            "components": {
                "schemas": self.schemas,
                "examples": self.refusals,
                "securitySchemes": {"jwt": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
            },
        })
    }

    /// Every member of an answer is there, `null` where there is nothing, unless its type says that it cannot be `null`.
    fn name_what_answers_always_have(&mut self) {
        for (_, schema) in self
            .schemas
            .iter_mut()
            .filter(|(name, _)| *name != "Problem")
        {
            let is_of_a_body = schema["additionalProperties"] == false;
            let Some(properties) = schema["properties"].as_object().filter(|_| !is_of_a_body)
            else {
                continue;
            };
            let mut required: BTreeSet<String> = texts(&schema["required"]);
            let nullable = properties
                .iter()
                .filter(|(_, property)| may_be_null(property));
            required.extend(nullable.map(|(name, _)| name.clone()));
            schema["required"] = json!(required);
        }
    }

    /// Adds an example to each body and answer that has none of its own.
    fn complete(&self, operation: &mut Value) {
        let id = operation["operationId"].clone();
        let mut contents: Vec<&mut Value> = Vec::new();
        let (mut body, mut answers) = (
            operation["requestBody"].take(),
            operation["responses"].take(),
        );
        contents.extend(
            body.get_mut("content")
                .and_then(Value::as_object_mut)
                .into_iter()
                .flat_map(|content| content.values_mut()),
        );
        for answer in answers.as_object_mut().expect("answers").values_mut() {
            let content = answer.get_mut("content").and_then(Value::as_object_mut);
            contents.extend(content.into_iter().flat_map(|content| content.values_mut()));
        }
        for content in contents {
            if content["example"].is_null() && content["examples"].is_null() {
                content["example"] = self.example(&content["schema"], &id.to_string());
            }
            content
                .as_object_mut()
                .expect("content")
                .retain(|_, value| !value.is_null());
        }
        operation["responses"] = answers;
        if body.is_null() {
            operation
                .as_object_mut()
                .expect("an operation")
                .remove("requestBody");
        } else {
            operation["requestBody"] = body;
        }
    }

    /// An example of a schema, from the examples of its members.
    fn example(&self, schema: &Value, place: &str) -> Value {
        if let Some(example) = schema.get("example").or(schema["examples"].get(0)) {
            return example.clone();
        }
        if let Some(name) = schema["$ref"].as_str() {
            let name = name.rsplit('/').next().unwrap_or_default();
            return self.example(&self.schemas[name], &format!("{place} {name}"));
        }
        if may_be_null(schema) {
            return Value::Null;
        }
        if let Some(kinds) = schema["oneOf"].as_array() {
            return self.example(&kinds[0], place);
        }
        if let Some(parts) = schema["allOf"].as_array() {
            // What is flattened into a type stands beside its own members.
            let parts = parts.iter().map(|part| self.example(part, place));
            let members = parts.filter_map(|part| part.as_object().cloned());
            return members.flatten().collect();
        }
        if let Some(values) = schema["enum"].as_array() {
            return values[0].clone();
        }
        match schema["type"].as_str() {
            Some("array") => json!([self.example(&schema["items"], place)]),
            Some("object") => {
                let members = schema["properties"].as_object().into_iter().flatten();
                let example = |(name, member): (&String, &Value)| {
                    (
                        name.clone(),
                        self.example(member, &format!("{place}.{name}")),
                    )
                };
                members.map(example).collect()
            }
            Some("boolean") => false.into(),
            Some("string") if schema["format"] == "date-time" => MOMENT.into(),
            Some("string") if schema["format"] == "date" => DAY.into(),
            _ => panic!("{place} needs an example: {schema}"),
        }
    }
}

fn value_of(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).expect("a description has a JSON form")
}

fn texts(list: &Value) -> BTreeSet<String> {
    let texts = list.as_array().into_iter().flatten();
    texts.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn may_be_null(schema: &Value) -> bool {
    let is_null = |schema: &Value| schema["type"] == "null";
    let types = schema["type"].as_array().into_iter().flatten();
    let choices = schema["oneOf"].as_array().into_iter().flatten();
    types.into_iter().any(|kind| kind == "null") || choices.into_iter().any(is_null)
}

/// A parameter is there or not, and never `null`.
fn clean_parameter(parameter: &mut Value) {
    if let Some(types) = parameter["schema"]["type"].as_array() {
        let kind = types.iter().find(|kind| *kind != "null").cloned();
        parameter["schema"]["type"] = kind.expect("a type");
    }
    // utoipa's formats of whole numbers are none of JSON Schema's.
    if let Some(schema) = parameter["schema"].as_object_mut()
        && schema.get("type").is_some_and(|kind| kind == "integer")
    {
        schema.remove("format");
    }
}

#[test]
fn the_document_is_what_the_handlers_say() {
    let path = root().join("docs/openapi.json");
    let mut made = serde_json::to_string_pretty(&document()).expect("JSON");
    made.push('\n');
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    if made != written {
        std::fs::write(&path, &made).expect("the document can be written");
        panic!("docs/openapi.json was not up to date and has been rewritten: run the tests again");
    }
}
