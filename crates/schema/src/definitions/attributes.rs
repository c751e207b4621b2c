//! Whether the attributes of a schema make sense (RFC 7643 §2, §7).

use std::collections::HashSet;

use super::flaw::Flaw;
use crate::resource_type::{Storage, is_name, storage};
use crate::{Attribute, Mutability, Returned, Schema, Type, Uniqueness};

/// The longest name.
const LONGEST_NAME: usize = 128;
/// The parts of a list of references to resources: what else there was would be lost.
const RELATION: [&str; 4] = ["value", "$ref", "type", "display"];

/// How many attributes a schema has, parts included.
pub(super) fn count(schema: &Schema) -> usize {
    schema.attributes.iter().map(|attribute| 1 + attribute.sub_attributes.len()).sum()
}

/// Shows each attribute and each part, with its pointer and what it is part of.
pub(super) fn each<'s>(
    pointer: &str,
    schema: &'s Schema,
    show: &mut dyn FnMut(&str, &'s Attribute, Option<&'s Attribute>),
) {
    for (at, attribute) in schema.attributes.iter().enumerate() {
        let pointer = format!("{pointer}/attributes/{at}");
        show(&pointer, attribute, None);
        for (at, part) in attribute.sub_attributes.iter().enumerate() {
            show(&format!("{pointer}/subAttributes/{at}"), part, Some(attribute));
        }
    }
}

/// Shows the path of each attribute and each part, with the URN before it.
pub(super) fn paths(schema: &Schema, show: &mut dyn FnMut(&str)) {
    each("", schema, &mut |_, attribute, parent| {
        let (urn, name) = (&schema.id, &attribute.name);
        show(&match parent {
            Some(parent) => format!("{urn}:{}.{name}", parent.name),
            None => format!("{urn}:{name}"),
        });
    });
}

/// The first attribute that refers to a list of resources.
pub(super) fn relation(schema: &Schema) -> Option<&str> {
    let mut relations = schema.attributes.iter().filter(|a| storage(a) == Storage::Relation);
    relations.next().map(|attribute| attribute.name.as_str())
}

/// Why values of an attribute are not looked up.
pub(super) const fn not_indexable(attribute: &Attribute) -> Option<&'static str> {
    match attribute.kind {
        Type::Complex => Some("is complex: name one of its parts"),
        Type::Binary => Some("is binary, which isn't looked up"),
        _ => None,
    }
}

/// Why no value of an attribute can be kept to one resource.
pub(super) const fn not_unique(attribute: &Attribute) -> Option<&'static str> {
    match attribute.kind {
        Type::Boolean | Type::Complex | Type::Binary => {
            Some("only text, numbers, dates and references can be unique")
        }
        _ => None,
    }
}

/// Notes what is wrong with the attributes of a schema.
pub(super) fn check(pointer: &str, schema: &Schema, flaws: &mut Vec<Flaw>) {
    let mut names = HashSet::new();
    let mut relations = 0;
    each(pointer, schema, &mut |at, attribute, parent| {
        let mut flaw = |place: &str, message: &str| {
            let pointer = format!("{at}/{place}");
            flaws.push(Flaw { pointer, message: message.to_owned() });
        };
        let key = (parent.map(|parent| parent.name.clone()), attribute.name.to_ascii_lowercase());
        if !is_good_name(attribute, parent) {
            flaw("name", "use a letter, then letters, digits, `-`, `_` or `$`, 128 at most");
        } else if !names.insert(key) {
            flaw("name", "is defined twice, letter case apart: choose another name");
        }
        structure(attribute, parent, &mut flaw);
        characteristics(attribute, parent, &mut flaw);
        if parent.is_none() && storage(attribute) == Storage::Relation {
            relations += 1;
            if relations > 1 {
                flaw("subAttributes", "a type has one list of references to resources at most");
            }
            check_relation(attribute, &mut flaw);
        }
    });
}

/// R-ATTR-04.
fn is_good_name(attribute: &Attribute, parent: Option<&Attribute>) -> bool {
    let name = attribute.name.as_str();
    let reference = parent.is_some() && name == "$ref";
    is_name(name) && name.len() <= LONGEST_NAME && (reference || !name.starts_with('$'))
}

/// R-ATTR-06.
fn structure(attribute: &Attribute, parent: Option<&Attribute>, flaw: &mut dyn FnMut(&str, &str)) {
    let (complex, parts) = (attribute.kind == Type::Complex, !attribute.sub_attributes.is_empty());
    if complex && parent.is_some() {
        flaw("type", "a part of a complex attribute can't be complex: make it plain");
    } else if parts && parent.is_some() {
        flaw("subAttributes", "a part of a complex attribute has no parts: leave them out");
    } else if complex && !parts {
        flaw("subAttributes", "a complex attribute needs parts: list them");
    } else if parts && !complex {
        flaw("subAttributes", "only a complex attribute has parts: make its type `complex`");
    }
    if attribute.kind != Type::Reference && !attribute.reference_types.is_empty() {
        flaw("referenceTypes", "only a reference has them: make its type `reference`");
    }
}

fn characteristics(
    attribute: &Attribute,
    parent: Option<&Attribute>,
    flaw: &mut dyn FnMut(&str, &str),
) {
    let unique = attribute.uniqueness != Uniqueness::None;
    if let Some(message) = not_unique(attribute).filter(|_| unique) {
        flaw("uniqueness", message);
    } else if unique && parent.is_some_and(|parent| storage(parent) == Storage::Relation) {
        flaw("uniqueness", "references to resources can't be unique: use `none`");
    }
    let written = attribute.mutability != Mutability::WriteOnly;
    if attribute.required && attribute.returned == Returned::Never && written {
        flaw("returned", "what is required must be seen: use `default`, or don't require it");
    }
}

fn check_relation(attribute: &Attribute, flaw: &mut dyn FnMut(&str, &str)) {
    let parts = &attribute.sub_attributes;
    if attribute.required {
        flaw("required", "a list of references to resources can't be required");
    }
    if !parts.iter().any(|part| part.name == "value" && part.kind == Type::String) {
        flaw("subAttributes", "references to resources need a string `value`, the id");
    }
    for (at, part) in parts.iter().enumerate() {
        if !RELATION.contains(&part.name.as_str()) {
            let message = "references to resources keep `value`, `$ref`, `type` and `display` only";
            flaw(&format!("subAttributes/{at}/name"), message);
        }
    }
}
