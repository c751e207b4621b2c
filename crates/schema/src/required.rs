//! Whether a document has everything that its type requires.

use serde_json::{Map, Value};

use crate::resource_type::{AttrDef, ResourceType, Storage};
use crate::value::not_written;
use crate::{Violation, pointer};

/// Whether everything that the type requires is there (R-PATCH-10, R-POST-04).
///
/// A text must not be blank, a required extension needs its required attributes (R-EXT-02), and
/// so does every complex value. Relations are not looked at.
pub(crate) fn check(ty: &ResourceType, document: &crate::Document) -> Result<(), Violation> {
    let body = document.body();
    check_all(ty, ty.base(), body)?;
    for extension in ty.extensions() {
        let held = body.get(&*extension.urn).and_then(Value::as_object);
        match held {
            Some(held) => check_all(ty, &extension.attrs, held)?,
            None if extension.required => check_all(ty, &extension.attrs, &Map::new())?,
            None => {}
        }
    }
    Ok(())
}

fn check_all(
    ty: &ResourceType,
    attrs: &[crate::AttrId],
    holder: &Map<String, Value>,
) -> Result<(), Violation> {
    for def in attrs.iter().map(|id| ty.attr(*id)) {
        let value = holder.get(&*def.name);
        if def.required && is_kept(def) && value.is_none_or(is_missing) {
            let detail = format!("`{}` is required", def.path);
            return Err(Violation::value(detail).at(place(ty, def)));
        }
        match value {
            Some(Value::Object(parts)) => check_all(ty, &def.subs, parts)?,
            Some(Value::Array(elements)) => {
                for parts in elements.iter().filter_map(Value::as_object) {
                    check_all(ty, &def.subs, parts)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn is_kept(def: &AttrDef) -> bool {
    def.storage == Storage::Document && not_written(def).is_none()
}

fn is_missing(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty())
}

/// Where a document holds an attribute, or the list that it is part of.
pub(crate) fn place(ty: &ResourceType, def: &AttrDef) -> String {
    let whole = def.parent.map_or(def, |parent| ty.attr(parent));
    let mut place = String::new();
    if let Some(id) = def.extension {
        pointer::push(&mut place, &ty.extension(id).urn);
    }
    pointer::push(&mut place, &whole.name);
    if def.parent.is_some() && !whole.multi_valued {
        pointer::push(&mut place, &def.name);
    }
    place
}
