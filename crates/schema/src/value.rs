//! Brings values into the canonical form of their attributes.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::keys::refuse_twins;
use crate::resource_type::{AttrDef, ResourceType, Storage};
use crate::{Mutability, Profile, Type, Violation, scalar};

/// Something that a body carried and that was left out, for the request record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// Where it stood, shortened where it is long.
    pub path: String,
    /// Why it was left out.
    pub reason: &'static str,
}

/// More notes than these are not taken of one body.
const MOST_NOTES: usize = 64;
/// Longer names are cut in notes and messages.
const LONGEST_NAME: usize = 120;

const UNKNOWN: &str = "no such attribute";
const READ_ONLY: &str = "read-only";
const DISCARDED: &str = "accepted and discarded";

/// Turns what was sent into canonical values, and keeps note of what it leaves out.
///
/// Shared by POST, PUT and PATCH, so that one spelling means the same in all of them.
#[derive(Debug)]
pub(crate) struct Canonical<'a> {
    pub(crate) ty: &'a ResourceType,
    pub(crate) profile: &'a Profile,
    pub(crate) ignored: Vec<Ignored>,
}

impl<'a> Canonical<'a> {
    pub(crate) const fn new(ty: &'a ResourceType, profile: &'a Profile) -> Self {
        Self { ty, profile, ignored: Vec::new() }
    }

    /// The whole value of an attribute; an array where it is multi-valued.
    ///
    /// `None` means unassigned: null, `[]`, an object without content (R-ATTR-13, R-ATTR-15), or
    /// an attribute that clients don't write, which is noted (R-POST-02, R-RES-07).
    /// A single element stands for a list of one.
    pub(crate) fn attribute(
        &mut self,
        def: &AttrDef,
        value: Value,
    ) -> Result<Option<Value>, Violation> {
        if let Some(reason) = not_written(def) {
            if !is_blank(&value) && !is_unassigned(&value) {
                self.note(&def.path, reason);
            }
            return Ok(None);
        }
        if !def.multi_valued {
            return self.element(def, value);
        }
        let elements = match value {
            Value::Null => return Ok(None),
            Value::Array(elements) => elements,
            one if one.is_object() || self.profile.bare_values => {
                let one = self.element(def, one)?.into_iter().collect();
                let list = finish_list(self.ty, def, one, self.profile)?;
                return Ok((!list.is_empty()).then_some(Value::Array(list)));
            }
            other => return Err(misfit(def, "a list", &other)),
        };
        let list = self.elements(def, elements)?;
        let list = finish_list(self.ty, def, list, self.profile)?;
        Ok((!list.is_empty()).then_some(Value::Array(list)))
    }

    /// The elements of a list that are assigned.
    pub(crate) fn elements(
        &mut self,
        def: &AttrDef,
        elements: Vec<Value>,
    ) -> Result<Vec<Value>, Violation> {
        let mut list = Vec::with_capacity(elements.len());
        for (at, element) in elements.into_iter().enumerate() {
            list.extend(self.element(def, element).map_err(|wrong| wrong.inside(at))?);
        }
        Ok(list)
    }

    /// One element of a list, or the value of a singular attribute.
    ///
    /// With [`Profile::bare_values`] a bare text stands for `{value}` and a list of one for a
    /// singular complex value (R-PATCH-59, R-PATCH-61).
    pub(crate) fn element(
        &mut self,
        def: &AttrDef,
        value: Value,
    ) -> Result<Option<Value>, Violation> {
        let complex = def.kind == Type::Complex;
        match value {
            Value::Null => Ok(None),
            Value::Array(list) if !def.multi_valued => self.lone(def, list),
            Value::Object(parts) if complex => self.complex(def, parts),
            bare if complex => self.bare(def, bare),
            value => self.scalar(def, value),
        }
    }

    /// One value of a simple attribute.
    pub(crate) fn scalar(
        &mut self,
        def: &AttrDef,
        value: Value,
    ) -> Result<Option<Value>, Violation> {
        scalar::canonical(def, value, self.profile)
    }

    /// The ids that the elements of a relation name.
    ///
    /// Only `value` counts; the other parts follow from it (R-RES-01).
    pub(crate) fn ids(&mut self, def: &AttrDef, value: Value) -> Result<Vec<String>, Violation> {
        let elements = match value {
            Value::Null => return Ok(Vec::new()),
            Value::Array(elements) => elements,
            one => return Ok(self.id(def, one)?.into_iter().collect()),
        };
        let mut ids = Vec::with_capacity(elements.len());
        for (at, element) in elements.into_iter().enumerate() {
            ids.extend(self.id(def, element).map_err(|wrong| wrong.inside(at))?);
        }
        Ok(ids)
    }

    /// Leaves out an attribute that the type doesn't have, or refuses it (R-POST-11, R-IOP-02).
    pub(crate) fn unknown(&mut self, path: &str) -> Result<(), Violation> {
        if self.profile.refuse_unknown {
            let (path, kind) = (shorten(path), self.ty.name());
            return Err(Violation::syntax(format!("no attribute `{path}` in `{kind}`")));
        }
        self.note(path, UNKNOWN);
        Ok(())
    }

    /// Notes what is left out, once for each path and never without bound.
    pub(crate) fn note(&mut self, path: &str, reason: &'static str) {
        let path = shorten(path);
        let known = self.ignored.iter().any(|note| note.path == path && note.reason == reason);
        if !known && self.ignored.len() < MOST_NOTES {
            self.ignored.push(Ignored { path, reason });
        }
    }

    fn lone(&mut self, def: &AttrDef, list: Vec<Value>) -> Result<Option<Value>, Violation> {
        let mut list = list.into_iter();
        match (list.next(), list.next()) {
            (None, _) => Ok(None),
            (Some(one), None)
                if def.kind == Type::Complex && self.profile.bare_values && !one.is_array() =>
            {
                self.element(def, one).map_err(|wrong| wrong.inside(0))
            }
            _ => Err(Violation::value(format!("`{}` holds one value, not a list", def.path))),
        }
    }

    fn bare(&mut self, def: &AttrDef, value: Value) -> Result<Option<Value>, Violation> {
        match part(self.ty, def, "value") {
            Some(part) if self.profile.bare_values && !value.is_array() => {
                // What was sent has no part of that name, so nothing within it is pointed at.
                let parts = Map::from_iter([(part.name.to_string(), value)]);
                self.complex(def, parts).map_err(|wrong| wrong.at(String::new()))
            }
            _ => Err(misfit(def, "an object", &value)),
        }
    }

    fn complex(
        &mut self,
        def: &AttrDef,
        parts: Map<String, Value>,
    ) -> Result<Option<Value>, Violation> {
        let ty = self.ty;
        refuse_twins(&parts)?;
        let parts = if self.profile.open_role_json { open_role(def, parts) } else { parts };
        let mut kept = Map::new();
        for (name, value) in parts {
            let Some(sub) = ty.sub(def.id, &name) else {
                let unknown = self.unknown(&format!("{}.{name}", def.path));
                unknown.map_err(|wrong| wrong.inside(&name))?;
                continue;
            };
            let sub = ty.attr(sub);
            let value = self.attribute(sub, value).map_err(|wrong| wrong.inside(&name))?;
            if let Some(value) = value {
                kept.insert(sub.name.to_string(), value);
            }
        }
        let filled = kept.values().any(|value| !is_blank(value));
        Ok(filled.then_some(Value::Object(kept)))
    }

    fn id(&mut self, def: &AttrDef, element: Value) -> Result<Option<String>, Violation> {
        let part = element.is_object();
        let id = match element {
            Value::Null => return Ok(None),
            Value::Object(parts) => self.id_part(def, parts)?,
            Value::String(id) if self.profile.bare_values => Value::String(id),
            other => return Err(misfit(def, "a list of objects", &other)),
        };
        match id {
            Value::String(id) if !id.is_empty() => {
                let checked = scalar::check_text(&def.path, &id)
                    .and_then(|()| scalar::check_key(&def.path, &id));
                match part {
                    true => checked.map_err(|wrong| wrong.inside("value"))?,
                    false => checked?,
                }
                Ok(Some(id))
            }
            _ => Err(Violation::value(format!(
                "each element of `{}` needs `value`, the id of a resource",
                def.path
            ))),
        }
    }

    fn id_part(&mut self, def: &AttrDef, parts: Map<String, Value>) -> Result<Value, Violation> {
        refuse_twins(&parts)?;
        let mut id = Value::Null;
        for (name, value) in parts {
            match self.ty.sub(def.id, &name) {
                Some(_) if name.eq_ignore_ascii_case("value") => id = value,
                Some(_) => {}
                None => {
                    let unknown = self.unknown(&format!("{}.{name}", def.path));
                    unknown.map_err(|wrong| wrong.inside(&name))?;
                }
            }
        }
        Ok(id)
    }
}

/// Makes the elements of one attribute a list that may stand: no element twice (R-ATTR-18), one
/// primary at most (R-ATTR-17).
///
/// Elements are the same when `type` and `value` are; without `value`, when they are equal.
pub(crate) fn finish_list(
    ty: &ResourceType,
    def: &AttrDef,
    mut elements: Vec<Value>,
    profile: &Profile,
) -> Result<Vec<Value>, Violation> {
    drop_twins(ty, def, &mut elements);
    let Some(primary) = part(ty, def, "primary") else { return Ok(elements) };
    let mut claims = elements.iter().enumerate().filter(|(_, element)| claims(primary, element));
    let Some((mut last, _)) = claims.next() else { return Ok(elements) };
    for (at, _) in claims {
        if !profile.last_primary_wins {
            return Err(Violation::value(format!("`{}` has more than one primary", def.path)));
        }
        last = at;
    }
    make_primary(ty, def, &mut elements, last);
    // Elements without a value may have differed by `primary` alone.
    drop_twins(ty, def, &mut elements);
    Ok(elements)
}

/// Leaves the first of those elements that are the same.
pub(crate) fn drop_twins(ty: &ResourceType, def: &AttrDef, elements: &mut Vec<Value>) {
    let mut seen = HashSet::with_capacity(elements.len());
    elements.retain(|element| seen.insert(identity(ty, def, element)));
}

/// What tells elements of a list apart: equal texts mean the same element (R-ATTR-18, R-PATCH-22).
pub(crate) fn identity(ty: &ResourceType, def: &AttrDef, element: &Value) -> String {
    let get = |name| part(ty, def, name).and_then(|part| element.get(&*part.name));
    match get("value") {
        Some(value) => format!("[{},{value}]", get("type").unwrap_or(&Value::Null)),
        None => element.to_string(),
    }
}

/// Leaves `primary: true` to the element `at` alone; others that had it get false (R-PATCH-08).
pub(crate) fn make_primary(ty: &ResourceType, def: &AttrDef, elements: &mut [Value], at: usize) {
    let Some(primary) = part(ty, def, "primary") else { return };
    for (other, element) in elements.iter_mut().enumerate() {
        if let Some(parts) = element.as_object_mut() {
            let had = parts.get(&*primary.name) == Some(&Value::Bool(true));
            if other == at || had {
                parts.insert(primary.name.to_string(), Value::Bool(other == at));
            }
        }
    }
}

/// A part of `def` by name.
pub(crate) fn part<'t>(ty: &'t ResourceType, def: &AttrDef, name: &str) -> Option<&'t AttrDef> {
    ty.sub(def.id, name).map(|id| ty.attr(id))
}

/// Whether an attribute to which this is assigned has no value: null or `[]` (R-ATTR-13).
pub(crate) fn is_unassigned(value: &Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
}

/// Whether a canonical value counts as no value: the empty text (R-ATTR-14).
pub(crate) fn is_blank(value: &Value) -> bool {
    matches!(value, Value::Null) || value.as_str().is_some_and(str::is_empty)
}

/// Why clients don't write an attribute, where they don't.
pub(crate) const fn not_written(def: &AttrDef) -> Option<&'static str> {
    if matches!(def.storage, Storage::Server | Storage::Derived) {
        return Some(READ_ONLY);
    }
    match def.mutability {
        Mutability::ReadOnly => Some(READ_ONLY),
        Mutability::WriteOnly => Some(DISCARDED),
        Mutability::ReadWrite | Mutability::Immutable => None,
    }
}

fn claims(primary: &AttrDef, element: &Value) -> bool {
    element.get(&*primary.name) == Some(&Value::Bool(true))
}

/// `{"value": "{\"value\": …, \"displayName\": …}"}` becomes `{value, display, type}`
/// (R-PATCH-62).
fn open_role(def: &AttrDef, mut parts: Map<String, Value>) -> Map<String, Value> {
    let Some(text) = parts.get("value").and_then(Value::as_str) else { return parts };
    if !def.multi_valued || !text.starts_with('{') {
        return parts;
    }
    let Ok(mut inner) = serde_json::from_str::<Map<String, Value>>(text) else { return parts };
    for (from, to) in [("value", "value"), ("displayName", "display"), ("type", "type")] {
        if let Some(value) = inner.remove(from) {
            parts.insert(to.into(), value);
        }
    }
    parts
}

/// The message for a value of the wrong JSON type.
pub(crate) fn misfit(def: &AttrDef, wanted: &str, value: &Value) -> Violation {
    let got = match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    Violation::value(format!("`{}` must be {wanted}, not {got}", def.path))
}

/// A name that a client made up, fit for messages and notes.
pub(crate) fn shorten(name: &str) -> String {
    let tidy = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    let mut short: String = name.chars().take(LONGEST_NAME).map(tidy).collect();
    if name.chars().nth(LONGEST_NAME).is_some() {
        short.push('…');
    }
    short
}
