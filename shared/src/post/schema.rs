//! How a post's content is described: members of its kind and of what stands around it in one object.

use serde_json::Value;
use utoipa::openapi::schema::{AdditionalProperties, Object, OneOfBuilder, SchemaType, Type};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::{Carousel, Handle, Image, ImageStory, Item, Reel, VideoStory};
use super::{NameTag, PlacedTag, StoryTag, TrialReel};

/// One object for each kind, with the members of `around` besides; `example` is one of them.
pub fn of_each_kind(around: RefOr<Schema>, example: Value) -> RefOr<Schema> {
    let around = object(around);
    let mut kinds = OneOfBuilder::new().examples([example]);
    for (kind, members) in members_of_kinds() {
        let mut whole = object(members);
        let word = ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some([kind]));
        whole.properties.insert("kind".into(), word.into());
        whole.required.insert(0, "kind".into());
        whole.properties.extend(around.properties.clone());
        whole.required.extend(around.required.clone());
        kinds = kinds.item(closed(whole));
    }
    RefOr::T(kinds.into())
}

/// One object that may have the members of any kind, all of them optional, with the members of `around` besides; `example`
/// is one.
pub fn of_any_kind(around: RefOr<Schema>, description: &str, example: Value) -> RefOr<Schema> {
    let mut whole = object(around);
    whole.description = Some(description.to_owned());
    for (_, members) in members_of_kinds() {
        for (name, schema) in object(members).properties {
            whole.properties.entry(name).or_insert(schema);
        }
    }
    whole.required.clear();
    let mut whole = closed(whole);
    whole.example = Some(example);
    RefOr::T(whole.into())
}

/// The types that both name.
pub fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
    fn add<T: ToSchema>(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(schemas);
    }
    add::<Item>(schemas);
    add::<PlacedTag>(schemas);
    add::<NameTag>(schemas);
    add::<StoryTag>(schemas);
    add::<TrialReel>(schemas);
    add::<Handle>(schemas);
}

fn members_of_kinds() -> [(&'static str, RefOr<Schema>); 5] {
    [
        ("image", Image::schema()),
        ("carousel", Carousel::schema()),
        ("reel", Reel::schema()),
        ("story", ImageStory::schema()),
        ("story", VideoStory::schema()),
    ]
}

fn closed(mut object: Object) -> Object {
    object.schema_type = SchemaType::Type(Type::Object);
    object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
    object.example = None;
    object
}

/// The object that a derived schema of a struct is.
fn object(schema: RefOr<Schema>) -> Object {
    match schema {
        RefOr::T(Schema::Object(object)) => object,
        _ => Object::default(),
    }
}
