//! The schemas of what the API takes and gives.

mod given;
mod taken;

use serde_json::{Map, Value, json};

/// Every schema by name.
pub(super) fn components() -> Value {
    let schemas = given::schemas().into_iter().chain(taken::schemas());
    Value::Object(schemas.map(|(name, schema)| (name.to_owned(), schema)).collect())
}

/// Refers to a schema.
pub(super) fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// Whether answers of this schema are entries with revisions, and have an `ETag`.
pub(super) fn has_revision(name: &str) -> bool {
    name == "Definitions"
        || given::schemas().into_iter().any(|(known, schema)| {
            known == name && schema.pointer("/properties/revision").is_some()
        })
}

/// An object with these members and no others.
fn object<const N: usize>(about: &str, members: [(&str, Value); N]) -> Value {
    let members = members.map(|(name, schema)| (name.to_owned(), schema));
    let mut object = json!({
        "type": "object",
        "properties": Value::Object(Map::from_iter(members)),
        "additionalProperties": false,
    });
    if let (false, Some(members)) = (about.is_empty(), object.as_object_mut()) {
        members.insert("description".into(), about.into());
    }
    object
}

/// The same object, all of whose members are there but these.
fn with_all_but(mut object: Value, optional: &[&str]) -> Value {
    let properties = object.get("properties").and_then(Value::as_object);
    let names = properties.into_iter().flatten().map(|(name, _)| name);
    let required: Vec<Value> = names
        .filter(|name| !optional.contains(&name.as_str()))
        .map(|name| name.as_str().into())
        .collect();
    if let (false, Some(members)) = (required.is_empty(), object.as_object_mut()) {
        members.insert("required".into(), required.into());
    }
    object
}

/// The same object, all of whose members are there.
fn with_all(object: Value) -> Value {
    with_all_but(object, &[])
}

fn text() -> Value {
    json!({"type": "string"})
}

fn said(about: &str) -> Value {
    json!({"type": "string", "description": about})
}

fn count() -> Value {
    json!({"type": "integer", "minimum": 0})
}

fn flag() -> Value {
    json!({"type": "boolean"})
}

fn list(of: &Value) -> Value {
    json!({"type": "array", "items": of})
}

/// A moment, as RFC 3339 writes it.
fn moment() -> Value {
    json!({"type": "string", "format": "date-time"})
}

/// An id with this prefix.
fn id(prefix: &str) -> Value {
    json!({"type": "string", "pattern": format!("^{prefix}_[0-9a-f]{{32}}$")})
}

/// One of these names.
fn one_of(names: impl IntoIterator<Item = &'static str>) -> Value {
    json!({"type": "string", "enum": names.into_iter().collect::<Vec<_>>()})
}

/// The same, or null.
fn nullable(schema: &Value) -> Value {
    json!({"anyOf": [schema, {"type": "null"}]})
}

/// Names, each on or off.
fn switches(names: impl IntoIterator<Item = &'static str>, each: &Value) -> Value {
    let members = names.into_iter().map(|name| (name.to_owned(), each.clone()));
    json!({
        "type": "object",
        "properties": Value::Object(members.collect()),
        "additionalProperties": false,
    })
}
