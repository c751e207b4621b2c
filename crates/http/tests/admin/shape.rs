//! Holds answers to the OpenAPI document: required members, no others, types.

use http::Method;
use rollcall_schema::Instant;
use serde_json::Value;

use crate::world::Answer;

/// What may stand in a schema beside what is checked.
const WORDS: [&str; 13] = [
    "type",
    "description",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "enum",
    "anyOf",
    "oneOf",
    "pattern",
    "format",
    "minimum",
    "default",
];

/// Checks the status, the media type, the headers and the body of an answer.
#[track_caller]
pub(crate) fn check_answer(document: &Value, method: &Method, path: &str, answer: &Answer) {
    let status = answer.status.as_u16().to_string();
    let operation = operation(document, method, path);
    let response = match operation {
        Some(operation) => resolved(document, &operation["responses"][&status]),
        // What isn't there is told as any problem is.
        None => &document["components"]["responses"]["404"],
    };
    assert!(!response.is_null(), "{method} {path}: no {status} in the document: {}", answer.text);
    if *method == Method::HEAD {
        return;
    }
    let media = answer.header("content-type");
    let schema = &response["content"][media]["schema"];
    assert!(!schema.is_null(), "{method} {path}: {status} is no {media}");
    check(document, schema, &answer.json(), &format!("{method} {path} {status}"));
    for name in ["ETag", "Location"] {
        let said = !response["headers"][name].is_null();
        assert_eq!(answer.headers.contains_key(name), said, "{name} of {method} {path} {status}");
    }
}

/// The operation that a request is.
pub(crate) fn operation<'d>(document: &'d Value, method: &Method, path: &str) -> Option<&'d Value> {
    let path = path.split('?').next()?.strip_prefix("/api/v1")?;
    let fits = |template: &str| {
        let (one, other) = (template.split('/'), path.split('/'));
        one.clone().count() == other.clone().count()
            && one.zip(other).all(|(one, other)| one.starts_with('{') || one == other)
    };
    let method = if *method == Method::HEAD { &Method::GET } else { method };
    let paths = document["paths"].as_object()?;
    let (_, item) = paths.iter().find(|(template, _)| fits(template))?;
    item.get(method.as_str().to_ascii_lowercase())
}

fn resolved<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
    match value["$ref"].as_str() {
        Some(reference) => document.pointer(reference.strip_prefix('#').unwrap()).unwrap(),
        None => value,
    }
}

#[track_caller]
pub(crate) fn check(document: &Value, schema: &Value, value: &Value, at: &str) {
    if let Err(error) = fits(document, schema, value) {
        panic!("{at}: {error} in {value}");
    }
}

/// Whether a value is what a schema says.
pub(crate) fn fits(document: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    let schema = resolved(document, schema);
    let words = schema.as_object().ok_or("no schema")?;
    if let Some(word) = words.keys().find(|word| !WORDS.contains(&word.as_str())) {
        return Err(format!("nothing checks `{word}`"));
    }
    for word in ["anyOf", "oneOf"] {
        let Some(choices) = schema[word].as_array() else { continue };
        let told: Vec<_> =
            choices.iter().filter_map(|one| fits(document, one, value).err()).collect();
        let fitting = choices.len() - told.len();
        if fitting == 0 || (word == "oneOf" && fitting > 1) {
            return Err(format!("{fitting} choices fit: {told:?}"));
        }
    }
    types(schema, value)?;
    match value {
        Value::String(text) => texts(schema, text),
        Value::Array(items) => {
            let mut each = items.iter().filter(|_| !schema["items"].is_null());
            each.try_for_each(|item| fits(document, &schema["items"], item))
        }
        Value::Object(_) => members(document, schema, value),
        Value::Number(number) if schema["minimum"].is_i64() => {
            match number.as_i64() >= schema["minimum"].as_i64() {
                true => Ok(()),
                false => Err(format!("{number} is too little")),
            }
        }
        _ => Ok(()),
    }
}

fn types(schema: &Value, value: &Value) -> Result<(), String> {
    let is = |name: &Value| match name.as_str().unwrap() {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("nothing checks the type `{other}`"),
    };
    let good = match &schema["type"] {
        Value::Null => true,
        Value::Array(names) => names.iter().any(is),
        name => is(name),
    };
    match good {
        true => Ok(()),
        false => Err(format!("{value} is no {}", schema["type"])),
    }
}

fn texts(schema: &Value, text: &str) -> Result<(), String> {
    if let Some(names) = schema["enum"].as_array()
        && !names.iter().any(|name| name == text)
    {
        return Err(format!("`{text}` is none of {names:?}"));
    }
    if schema["format"] == "date-time" && text.parse::<Instant>().is_err() {
        return Err(format!("`{text}` is no moment"));
    }
    if let Some(pattern) = schema["pattern"].as_str() {
        let prefix = pattern.strip_prefix('^').and_then(|p| p.strip_suffix("_[0-9a-f]{32}$"));
        let prefix = prefix.unwrap_or_else(|| panic!("nothing checks the pattern `{pattern}`"));
        let hex = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_'));
        let good = hex.is_some_and(|hex| {
            hex.len() == 32 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        });
        if !good {
            return Err(format!("`{text}` does not fit `{pattern}`"));
        }
    }
    Ok(())
}

fn members(document: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    let members = value.as_object().unwrap();
    for name in schema["required"].as_array().into_iter().flatten() {
        if !members.contains_key(name.as_str().unwrap()) {
            return Err(format!("no `{name}`"));
        }
    }
    for (name, value) in members {
        let known = &schema["properties"][name];
        let schema = match (known, &schema["additionalProperties"]) {
            (Value::Null, Value::Bool(false)) => return Err(format!("unknown `{name}`")),
            (Value::Null, Value::Null) => continue,
            (Value::Null, others) => others,
            (known, _) => known,
        };
        fits(document, schema, value).map_err(|error| format!("`{name}`: {error}"))?;
    }
    Ok(())
}
