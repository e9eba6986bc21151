//! A company's caption templates.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use http::StatusCode;
use http::request::Parts;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared::app::App;
use shared::http::{Caller, Editor, JsonBody, NewIds, Problem, given, owned};
use shared::openapi::{Describe, Described};
use shared::table::templates::{MOST_TEMPLATES, Template};
use utoipa::ToSchema;

use super::own::id_of_path;
use super::plan::refused_for;

const LONGEST_NAME: usize = 100;
/// A caption has 2,200 characters at most; placeholders are longer than what they stand for, or shorter.
const LONGEST_TEXT: usize = 5_000;

/// The body of a new template.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewTemplate {
    /// What people call it.
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*$",
        example = "New in the shop"
    )]
    name: String,
    /// The caption, with `{{placeholders}}`.
    #[schema(
        min_length = 1,
        max_length = 5000,
        example = "New in our shop: {{product}}"
    )]
    text: String,
}

/// What may be changed of one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TemplateChange {
    /// What people call it.
    #[serde(default, deserialize_with = "given")]
    #[schema(
        nullable = false,
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*$",
        example = "New in the shop"
    )]
    name: Option<String>,
    /// The caption, with `{{placeholders}}`.
    #[serde(default, deserialize_with = "given")]
    #[schema(
        nullable = false,
        min_length = 1,
        max_length = 5000,
        example = "New in our shop: {{product}}"
    )]
    text: Option<String>,
}

/// A template as a caller sees it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TemplateView {
    /// UUID, ours.
    #[schema(example = "0a6d7c52-91a7-4f0b-8d35-2f8f3b6f2c11")]
    id: String,
    /// What people call it.
    #[schema(example = "New in the shop")]
    name: String,
    /// The caption, with `{{placeholders}}`.
    #[schema(example = "New in our shop: {{product}}")]
    text: String,
    /// The names between `{{` and `}}`, for which a post sends `values`.
    #[schema(example = json!(["product"]))]
    placeholders: Vec<String>,
    /// When it was made.
    created_at: Timestamp,
    /// When it was written last.
    updated_at: Timestamp,
}

/// All templates of the company.
#[derive(Serialize, ToSchema)]
pub(crate) struct TemplateList {
    /// By name.
    templates: Vec<TemplateView>,
}

impl From<Template> for TemplateView {
    fn from(template: Template) -> Self {
        Self {
            placeholders: placeholders(&template.text)
                .map(|names| names.into_iter().map(str::to_owned).collect())
                .unwrap_or_default(),
            id: template.id,
            name: template.name,
            text: template.text,
            created_at: template.created_at,
            updated_at: template.updated_at,
        }
    }
}

/// Lists the company's caption templates.
#[utoipa::path(get, path = "/templates", responses(
    (status = 200, description = "All of them, by name.", body = TemplateList),
))]
pub(crate) async fn list_templates(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Json<TemplateList>, Problem> {
    let mut templates = app.table.templates(&caller.company).await?;
    templates.sort_by(|left, right| (&left.name, &left.id).cmp(&(&right.name, &right.id)));
    Ok(Json(TemplateList {
        templates: templates.into_iter().map(TemplateView::from).collect(),
    }))
}

/// Makes a caption template.
#[utoipa::path(post, path = "/templates", responses(
    (status = 201, description = "The template.", body = TemplateView),
    NewTemplateRefusals,
))]
pub(crate) async fn create_template(
    State(app): State<Arc<App>>,
    Editor(caller): Editor,
    ids: NewIds,
    JsonBody(new): JsonBody<NewTemplate>,
) -> Result<(StatusCode, Json<TemplateView>), Problem> {
    let id = ids.id(0);
    if ids.is_repeated
        && let Some(stored) = app.table.template(&caller.company, &id).await?
    {
        return Ok((StatusCode::CREATED, Json(stored.into())));
    }
    let now = app.clock.now();
    let template = Template {
        id,
        name: name(&new.name)?,
        text: text(new.text)?,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    if app.table.templates(&caller.company).await?.len() >= MOST_TEMPLATES {
        return Err(too_many_templates());
    }
    app.table
        .write_template(&caller.company, &template, None)
        .await?;
    Ok((StatusCode::CREATED, Json(template.into())))
}

/// Shows a caption template.
#[utoipa::path(get, path = "/templates/{templateId}", responses(
    (status = 200, description = "The template.", body = TemplateView),
))]
pub(crate) async fn get_template(
    State(app): State<Arc<App>>,
    caller: Caller,
    TemplateId(id): TemplateId,
) -> Result<Json<TemplateView>, Problem> {
    Ok(Json(find(&app, &caller.company, &id).await?.into()))
}

/// Changes a caption template. Posts that were made of it stay as they are.
#[utoipa::path(patch, path = "/templates/{templateId}", responses(
    (status = 200, description = "The template as it is now.", body = TemplateView),
    TemplateRefusals,
))]
pub(crate) async fn update_template(
    State(app): State<Arc<App>>,
    Editor(caller): Editor,
    TemplateId(id): TemplateId,
    JsonBody(change): JsonBody<TemplateChange>,
) -> Result<Json<TemplateView>, Problem> {
    let mut template = find(&app, &caller.company, &id).await?;
    let read_version = template.version;
    if change.name.is_none() && change.text.is_none() {
        return Err(Problem::nothing_to_change());
    }
    if let Some(given) = change.name {
        template.name = name(&given)?;
    }
    if let Some(given) = change.text {
        template.text = text(given)?;
    }
    template.version += 1;
    template.updated_at = app.clock.now();
    let written = app
        .table
        .write_template(&caller.company, &template, Some(read_version))
        .await?;
    if !written {
        return Err(changed_meanwhile());
    }
    Ok(Json(template.into()))
}

/// Deletes a caption template. Posts that were made of it stay as they are.
#[utoipa::path(delete, path = "/templates/{templateId}", responses(
    (status = 204, description = "It is gone."),
))]
pub(crate) async fn delete_template(
    State(app): State<Arc<App>>,
    Editor(caller): Editor,
    TemplateId(id): TemplateId,
) -> Result<StatusCode, Problem> {
    if owned::is_id(&id) && app.table.remove_template(&caller.company, &id).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(not_found())
}

/// The template's id in the path: text that cannot be one names none.
pub(crate) struct TemplateId(String);

impl FromRequestParts<Arc<App>> for TemplateId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, app).await;
        path.map(|Path(id)| Self(id)).map_err(|_| not_found())
    }
}

impl Describe for TemplateId {
    fn describe(described: &mut Described) {
        described.take(id_of_path("templateId", "The template's id."));
        described.refuse([not_found()]);
    }
}

shared::refusals!(
    /// What a change of a template is refused for.
    pub(crate) TemplateRefusals: [Problem::nothing_to_change(), invalid_name(), invalid_text(), invalid_placeholder(), changed_meanwhile()]
);

shared::refusals!(
    /// What a new template is refused for.
    pub(crate) NewTemplateRefusals: [invalid_name(), invalid_text(), invalid_placeholder(), too_many_templates()]
);

/// What filling a template in is refused for.
pub(super) fn fill_refusals() -> Vec<Problem> {
    vec![value_missing("product"), value_unknown("product")]
}

fn invalid_name() -> Problem {
    Problem::bad_request(
        "invalid_name",
        format!(
            "`name` must have 1 to {LONGEST_NAME} characters, none of them a control character."
        ),
    )
}

fn invalid_text() -> Problem {
    Problem::bad_request(
        "invalid_text",
        format!("`text` must have 1 to {LONGEST_TEXT} characters."),
    )
}

fn invalid_placeholder() -> Problem {
    Problem::unprocessable(
        "invalid_placeholder",
        "A placeholder is a name of letters, digits, `_` and `-` between `{{` and `}}`.",
    )
}

fn changed_meanwhile() -> Problem {
    Problem::conflict(
        "changed_meanwhile",
        "Somebody else has changed it at this moment. Look at it, and try again.",
    )
}

fn too_many_templates() -> Problem {
    Problem::unprocessable(
        "too_many_templates",
        format!("A company has {MOST_TEMPLATES} templates at most. Delete one first."),
    )
}

fn value_missing(name: &str) -> Problem {
    let sentence = format!("`values` has no `{name}`, which the template needs: add it.");
    refused_for("template_value_missing", "values", sentence)
}

fn value_unknown(name: &str) -> Problem {
    let sentence = format!("The template has no placeholder `{name}`: leave the value out.");
    refused_for("template_value_unknown", "values", sentence)
}

/// The company's template with this id.
pub(super) async fn find(app: &App, company: &str, id: &str) -> Result<Template, Problem> {
    if !owned::is_id(id) {
        return Err(not_found());
    }
    app.table.template(company, id).await?.ok_or_else(not_found)
}

pub(super) fn not_found() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "template_not_found",
        "There is no template with this id.",
    )
}

fn name(given: &str) -> Result<String, Problem> {
    let name = given.trim();
    let is_good = (1..=LONGEST_NAME).contains(&name.chars().count());
    if is_good && !name.chars().any(char::is_control) {
        return Ok(name.to_owned());
    }
    Err(invalid_name())
}

fn text(given: String) -> Result<String, Problem> {
    if !(1..=LONGEST_TEXT).contains(&given.chars().count()) {
        return Err(invalid_text());
    }
    placeholders(&given)?;
    Ok(given)
}

/// The names between `{{` and `}}`, each once, in their order.
fn placeholders(text: &str) -> Result<Vec<&str>, Problem> {
    let mut names = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("{{") {
        let closed = after.split_once("}}");
        let Some((inside, after)) = closed.filter(|(inside, _)| is_name(inside.trim())) else {
            return Err(invalid_placeholder());
        };
        if !names.contains(&inside.trim()) {
            names.push(inside.trim());
        }
        rest = after;
    }
    Ok(names)
}

fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

/// The text with its placeholders replaced. A value is taken as it is: what looks like a placeholder in it stays.
pub(super) fn fill(text: &str, values: &BTreeMap<String, String>) -> Result<String, Problem> {
    let names = placeholders(text)?;
    if let Some(missing) = names.iter().find(|name| !values.contains_key(**name)) {
        return Err(value_missing(missing));
    }
    if let Some(unknown) = values.keys().find(|name| !names.contains(&name.as_str())) {
        let shown: String = unknown
            .chars()
            .filter(|c| !c.is_control())
            .take(64)
            .collect();
        return Err(value_unknown(&shown));
    }
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (inside, after) = after.split_once("}}").unwrap_or((after, ""));
        filled.push_str(before);
        filled.push_str(values.get(inside.trim()).map_or("", String::as_str));
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        pairs.iter().map(owned).collect()
    }

    #[test]
    fn placeholders_are_replaced_and_values_are_taken_as_they_are() {
        let text = "{{ product }} is here: {{price}}! {{product}}";
        let filled = fill(
            text,
            &values(&[("product", "Bread {{price}}"), ("price", "3 €")]),
        );
        assert_eq!(
            filled.unwrap(),
            "Bread {{price}} is here: 3 €! Bread {{price}}"
        );
        assert_eq!(fill("plain } {", &values(&[])).unwrap(), "plain } {");
    }

    #[test]
    fn a_missing_or_unknown_value_is_named() {
        let refused = fill("{{a}}", &values(&[])).unwrap_err();
        assert_eq!(refused.code, "template_value_missing");
        assert!(refused.detail.contains("`a`"));
        let refused = fill("{{a}}", &values(&[("a", "1"), ("b", "2")])).unwrap_err();
        assert_eq!(refused.code, "template_value_unknown");
    }

    #[test]
    fn a_placeholder_that_is_none_is_refused_when_the_template_is_made() {
        for text in ["{{}}", "{{a", "{{a b}}", "{{a}} {{", "{{<b>}}"] {
            assert_eq!(placeholders(text).unwrap_err().code, "invalid_placeholder");
        }
        assert_eq!(placeholders("{{a}}{{b-1}}{{a}}").unwrap(), ["a", "b-1"]);
    }
}
