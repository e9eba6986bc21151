//! `template.yaml` as CloudFormation would read it: parameters at their defaults, and names as those of the embedded
//! AWS, so that both can be compared.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value, json};
use world::resources::{
    ACCOUNT_ID, APP_SECRET, EVENT_BUS, EVENT_QUEUE, POST_QUEUE, QUEUE, REGION, SCHEDULE_GROUP,
    TABLE,
};

use crate::structure;

/// The file as it stands.
pub(crate) fn text_of_file() -> &'static str {
    structure::file("template.yaml")
}

/// The template, without anything resolved: `!Ref X` stands as `{"Ref": "X"}`.
pub(crate) static TEMPLATE: LazyLock<Template> = LazyLock::new(|| {
    let documents = Yaml::load_from_str(text_of_file()).expect("template.yaml is YAML");
    Template(json_of(&documents[0]))
});

/// A template.
pub(crate) struct Template(Value);

/// A function that is deployed, with what the template says to all functions.
pub(crate) struct Deployed {
    /// The logical id, `RefreshWorker`.
    pub(crate) name: String,
    /// The crate that it is built of.
    pub(crate) program: String,
    /// Its properties, resolved.
    pub(crate) properties: Value,
}

impl Template {
    /// A resource's definition, unresolved.
    pub(crate) fn raw(&self, name: &str) -> &Value {
        let found = &self.0["Resources"][name];
        assert!(found.is_object(), "the template has no resource {name}");
        found
    }

    /// The properties of a resource, resolved.
    pub(crate) fn properties(&self, name: &str) -> Value {
        self.resolved(&self.raw(name)["Properties"])
    }

    /// The logical ids of all resources of a type.
    pub(crate) fn names_of_type(&self, kind: &str) -> Vec<String> {
        let resources = self.0["Resources"].as_object().expect("resources");
        resources
            .iter()
            .filter(|(_, resource)| resource["Type"] == kind)
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// The names of all parameters.
    pub(crate) fn parameters(&self) -> Vec<String> {
        let parameters = self.0["Parameters"].as_object().expect("parameters");
        parameters.keys().cloned().collect()
    }

    /// Every function.
    pub(crate) fn functions(&self) -> Vec<Deployed> {
        let for_all = self.resolved(&self.0["Globals"]["Function"]);
        let names = self.names_of_type("AWS::Serverless::Function");
        names
            .into_iter()
            .map(|name| {
                let resource = self.raw(&name);
                assert_eq!(resource["Metadata"]["BuildMethod"], "rust-cargolambda");
                let program = text(&resource["Metadata"]["BuildProperties"]["Binary"]);
                let mut properties = for_all.clone();
                merge(&mut properties, self.properties(&name));
                Deployed {
                    name,
                    program,
                    properties,
                }
            })
            .collect()
    }

    /// A value with its functions done.
    pub(crate) fn resolved(&self, value: &Value) -> Value {
        match value {
            Value::Array(items) => items.iter().map(|item| self.resolved(item)).collect(),
            Value::Object(members) => match single(members) {
                Some((function, argument)) => self.applied(function, argument),
                None => members
                    .iter()
                    .map(|(name, member)| (name.clone(), self.resolved(member)))
                    .filter(|(_, member)| *member != nothing())
                    .collect::<Map<_, _>>()
                    .into(),
            },
            other => other.clone(),
        }
    }

    fn applied(&self, function: &str, argument: &Value) -> Value {
        match function {
            "Ref" => self.referred(argument.as_str().expect("a name")),
            "Fn::GetAtt" => json!(attribute(argument.as_str().expect("a name"))),
            "Fn::Sub" => json!(self.substituted(argument.as_str().expect("a text"))),
            "Fn::If" => {
                let holds = self.holds(&self.0["Conditions"][text(&argument[0])]);
                self.resolved(&argument[if holds { 1 } else { 2 }])
            }
            "Fn::Split" => {
                let whole = text(&self.resolved(&argument[1]));
                whole.split(argument[0].as_str().expect("a text")).collect()
            }
            other => panic!("the tests know no {other}"),
        }
    }

    fn holds(&self, condition: &Value) -> bool {
        if let Some(inner) = condition.get("Fn::Not") {
            return !self.holds(&inner[0]);
        }
        let sides = &condition["Fn::Equals"];
        assert!(sides.is_array(), "the tests know no condition {condition}");
        self.resolved(&sides[0]) == self.resolved(&sides[1])
    }

    fn referred(&self, name: &str) -> Value {
        if name == "AWS::NoValue" {
            return nothing();
        }
        if let Some(parameter) = self.0["Parameters"].get(name) {
            // One that must be given stands for itself.
            return parameter.get("Default").cloned().unwrap_or(json!(name));
        }
        json!(match name {
            "AWS::StackName" => "instagram".to_owned(),
            "AWS::Partition" => "aws".to_owned(),
            "AWS::Region" => REGION.to_owned(),
            "AWS::AccountId" => ACCOUNT_ID.to_owned(),
            "AWS::URLSuffix" => "amazonaws.com".to_owned(),
            "AppSecret" =>
                format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT_ID}:secret:{APP_SECRET}"),
            "Table" => TABLE.to_owned(),
            "ScheduleGroup" => SCHEDULE_GROUP.to_owned(),
            "EventBus" => EVENT_BUS.to_owned(),
            other => {
                assert!(self.0["Resources"].get(other).is_some(), "Ref to {other}");
                other.to_owned()
            }
        })
    }

    fn substituted(&self, text: &str) -> String {
        let mut parts = text.split("${");
        let mut done = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (name, rest) = part.split_once('}').expect("an end of the name");
            let value = if name.contains('.') {
                json!(attribute(name))
            } else {
                self.referred(name)
            };
            done.push_str(&self::text(&value));
            done.push_str(rest);
        }
        done
    }
}

/// A text, a number or a truth value as a text.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        other => panic!("no text: {other}"),
    }
}

/// One or several texts, which CloudFormation and IAM take alike.
pub(crate) fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().map(text).collect(),
        Value::Null => Vec::new(),
        one => vec![text(one)],
    }
}

/// What stands for "leave it out".
fn nothing() -> Value {
    json!({"AWS::NoValue": true})
}

fn single(members: &Map<String, Value>) -> Option<(&str, &Value)> {
    let (name, value) = members.iter().next().filter(|_| members.len() == 1)?;
    (name == "Ref" || name.starts_with("Fn::")).then_some((name, value))
}

/// What `!GetAtt` of a resource gives: the ARNs of the embedded AWS, where it has the resource.
fn attribute(name: &str) -> String {
    match name {
        "Table.Arn" => format!("arn:aws:dynamodb:{REGION}:{ACCOUNT_ID}:table/{TABLE}"),
        "AccountQueue.Arn" => format!("arn:aws:sqs:{REGION}:{ACCOUNT_ID}:{QUEUE}"),
        "EventQueue.Arn" => format!("arn:aws:sqs:{REGION}:{ACCOUNT_ID}:{EVENT_QUEUE}"),
        "PostQueue.Arn" => format!("arn:aws:sqs:{REGION}:{ACCOUNT_ID}:{POST_QUEUE}"),
        "EventBus.Arn" => format!("arn:aws:events:{REGION}:{ACCOUNT_ID}:event-bus/{EVENT_BUS}"),
        "ScheduleRole.Arn" => format!("arn:aws:iam::{ACCOUNT_ID}:role/schedules"),
        "ScheduleGroup.Arn" => {
            format!("arn:aws:scheduler:{REGION}:{ACCOUNT_ID}:schedule-group/{SCHEDULE_GROUP}")
        }
        other => other.to_owned(),
    }
}

/// Members of `more` replace those of `base`, and objects are merged, as SAM does with its globals.
fn merge(base: &mut Value, more: Value) {
    match (base, more) {
        (Value::Object(base), Value::Object(more)) => {
            for (name, value) in more {
                merge(base.entry(name).or_insert(Value::Null), value);
            }
        }
        (base, more) => *base = more,
    }
}

fn json_of(yaml: &Yaml) -> Value {
    match yaml {
        Yaml::Value(scalar) => match scalar {
            Scalar::Null => Value::Null,
            Scalar::Boolean(truth) => json!(truth),
            Scalar::Integer(number) => json!(number),
            Scalar::FloatingPoint(number) => json!(number.into_inner()),
            Scalar::String(text) => json!(text),
        },
        Yaml::Sequence(items) => items.iter().map(json_of).collect(),
        Yaml::Mapping(members) => {
            let mut object: BTreeMap<String, Value> = BTreeMap::new();
            for (name, member) in members {
                let name = name.as_str().expect("a member's name").to_owned();
                object.insert(name, json_of(member));
            }
            json!(object)
        }
        Yaml::Tagged(tag, inner) => {
            let function = match tag.suffix.as_str() {
                "Ref" => "Ref".to_owned(),
                name => format!("Fn::{name}"),
            };
            json!({ function: json_of(inner) })
        }
        other => panic!("the tests do not understand {other:?}"),
    }
}
