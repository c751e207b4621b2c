//! Names and texts that no body may have.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::Violation;
use crate::value::shorten;

/// Refuses an object with two keys that are the same attribute (R-ATTR-03).
pub(crate) fn refuse_twins(object: &Map<String, Value>) -> Result<(), Violation> {
    let mut seen = HashSet::with_capacity(object.len());
    match object.keys().find(|key| !seen.insert(key.to_ascii_lowercase())) {
        Some(key) => {
            let key = shorten(key);
            let detail = format!("`{key}` stands twice in one object, in different case");
            Err(Violation::syntax(detail).inside(key))
        }
        None => Ok(()),
    }
}

/// Refuses U+0000 in any name or text: no store keeps it.
///
/// What is left out is looked at too, so that nobody has to guess what was read.
pub(crate) fn refuse_nul(object: &Map<String, Value>) -> Result<(), Violation> {
    object.iter().try_for_each(|(name, value)| {
        if name.contains('\0') {
            return Err(Violation::syntax("a name contains the character U+0000").inside(name));
        }
        refuse_nul_in(value).map_err(|wrong| wrong.inside(name))
    })
}

pub(crate) fn refuse_nul_in(value: &Value) -> Result<(), Violation> {
    match value {
        Value::String(text) if text.contains('\0') => {
            Err(Violation::value("the text contains the character U+0000"))
        }
        Value::Array(elements) => elements
            .iter()
            .enumerate()
            .try_for_each(|(at, element)| refuse_nul_in(element).map_err(|wrong| wrong.inside(at))),
        Value::Object(parts) => refuse_nul(parts),
        _ => Ok(()),
    }
}
