//! Additive change: what no resource that is there already notices.

use std::fmt::Display;

use super::check::{Scope, check, is_large};
use super::flaw::Flaw;
use super::{Definitions, Extended};
use crate::resource_type::storage;
use crate::{Attribute, Mutability, Returned, Schema, Type, TypeDefinition, Uniqueness};

impl Definitions {
    /// These definitions with more of them, checked as a whole.
    pub(super) fn with(&self, more: &Self) -> Result<Self, Vec<Flaw>> {
        let mut flaws = check(more, Scope::Part);
        if is_large(more) {
            return Err(flaws);
        }
        let mut change = Change { flaws: Vec::new() };
        let mut whole = self.clone();
        let mut origins = Origins::default();
        for (at, schema) in more.schemas.iter().enumerate() {
            let is_same = |before: &Schema| before.id.eq_ignore_ascii_case(&schema.id);
            let place = place(&whole.schemas, is_same);
            change.schema(&format!("/schemas/{at}"), whole.schemas.get(place), schema);
            put(&mut whole.schemas, place, schema.clone());
            origins.schemas.push(place);
        }
        for (at, ty) in more.resource_types.iter().enumerate() {
            let is_same = |before: &TypeDefinition| before.name.eq_ignore_ascii_case(&ty.name);
            let place = place(&whole.resource_types, is_same);
            let pointer = format!("/resourceTypes/{at}");
            let ty = change.resource_type(&pointer, whole.resource_types.get(place), ty);
            put(&mut whole.resource_types, place, ty);
            origins.resource_types.push(place);
        }
        for (at, extended) in more.extensions.iter().enumerate() {
            let is_same = |before: &Extended| {
                before.resource_type == extended.resource_type
                    && before.schema.eq_ignore_ascii_case(&extended.schema)
            };
            let place = place(&whole.extensions, is_same);
            let pointer = format!("/extensions/{at}");
            let extended = change.extension(&pointer, whole.extensions.get(place), extended);
            put(&mut whole.extensions, place, extended);
            origins.extensions.push(place);
        }
        flaws.append(&mut change.flaws);
        let of_all = check(&whole, Scope::Whole).into_iter().map(|flaw| origins.seen_from(flaw));
        for flaw in of_all {
            if !flaws.iter().any(|known| known.pointer == flaw.pointer) {
                flaws.push(flaw);
            }
        }
        if flaws.is_empty() { Ok(whole) } else { Err(flaws) }
    }
}

/// Where one like it stands, or the place behind the last.
fn place<T>(list: &[T], is_same: impl Fn(&T) -> bool) -> usize {
    list.iter().position(is_same).unwrap_or(list.len())
}

fn put<T>(list: &mut Vec<T>, place: usize, value: T) {
    match list.get_mut(place) {
        Some(before) => *before = value,
        None => list.push(value),
    }
}

/// The places that definitions took in the whole.
#[derive(Default)]
struct Origins {
    schemas: Vec<usize>,
    resource_types: Vec<usize>,
    extensions: Vec<usize>,
}

impl Origins {
    /// A flaw of the whole as one of what was added.
    fn seen_from(&self, flaw: Flaw) -> Flaw {
        let mut steps = flaw.pointer.splitn(4, '/').skip(1);
        let (list, at, rest) = (steps.next().unwrap_or_default(), steps.next(), steps.next());
        let places = match list {
            "schemas" => &self.schemas,
            "resourceTypes" => &self.resource_types,
            _ => &self.extensions,
        };
        let at = at.and_then(|at| at.parse::<usize>().ok());
        match at.and_then(|at| places.iter().position(|place| *place == at)) {
            Some(at) => {
                let rest = rest.map_or_else(String::new, |rest| format!("/{rest}"));
                Flaw { pointer: format!("/{list}/{at}{rest}"), ..flaw }
            }
            None => Flaw { message: flaw.to_string(), pointer: String::new() },
        }
    }
}

struct Change {
    flaws: Vec<Flaw>,
}

impl Change {
    fn flaw(&mut self, pointer: String, message: String) {
        self.flaws.push(Flaw { pointer, message });
    }

    fn schema(&mut self, pointer: &str, before: Option<&Schema>, after: &Schema) {
        let Some(before) = before else { return };
        if before.id != after.id {
            let message = format!("is there as `{}`: spell it so", before.id);
            self.flaw(format!("{pointer}/id"), message);
        }
        let pointer = format!("{pointer}/attributes");
        self.attributes(&pointer, "", &before.attributes, &after.attributes);
    }

    fn attributes(
        &mut self,
        pointer: &str,
        prefix: &str,
        before: &[Attribute],
        after: &[Attribute],
    ) {
        for old in before {
            let spelled = |new: &&Attribute| new.name.eq_ignore_ascii_case(&old.name);
            if !after.iter().any(|new| spelled(&new)) {
                let message = format!(
                    "`{prefix}{}` is missing: resources may hold it, so list it as it is",
                    old.name
                );
                self.flaw(pointer.to_owned(), message);
            }
        }
        for (at, new) in after.iter().enumerate() {
            let pointer = format!("{pointer}/{at}");
            match before.iter().find(|old| old.name.eq_ignore_ascii_case(&new.name)) {
                Some(old) => self.attribute(&pointer, prefix, old, new),
                None if new.required => {
                    let message = format!(
                        "`{prefix}{}` is new and resources don't have it: don't require it",
                        new.name
                    );
                    self.flaw(format!("{pointer}/required"), message);
                }
                None => {}
            }
        }
    }

    fn attribute(&mut self, pointer: &str, prefix: &str, old: &Attribute, new: &Attribute) {
        let path = format!("{prefix}{}", old.name);
        if old.name != new.name {
            let message = format!("is there as `{}`: spell it so", old.name);
            self.flaw(format!("{pointer}/name"), message);
        }
        // What is only written is never returned, whatever was said of it once.
        let unseen = old.mutability == Mutability::WriteOnly && old.mutability == new.mutability;
        let same_returned = old.returned == new.returned || unseen;
        let fixed = [
            ("type", old.kind == new.kind, kind(old.kind).to_owned()),
            ("multiValued", old.multi_valued == new.multi_valued, old.multi_valued.to_string()),
            ("caseExact", old.case_exact == new.case_exact, old.case_exact.to_string()),
            ("mutability", old.mutability == new.mutability, mutability(old.mutability).to_owned()),
            ("returned", same_returned, returned(old.returned).to_owned()),
        ];
        for (name, _, was) in fixed.into_iter().filter(|(_, same, _)| !same) {
            self.fixed(format!("{pointer}/{name}"), &path, name, &was);
        }
        if new.required && !old.required {
            let message = format!("`{path}` wasn't required and resources may lack it: use false");
            self.flaw(format!("{pointer}/required"), message);
        }
        let global = Uniqueness::Global;
        if old.uniqueness != new.uniqueness
            && (old.uniqueness == global || new.uniqueness == global)
        {
            let message = format!("`{path}`: only `none` and `server` can take each other's place");
            self.flaw(format!("{pointer}/uniqueness"), message);
        }
        self.kept(pointer, "canonicalValues", &old.canonical_values, &new.canonical_values);
        self.kept(pointer, "referenceTypes", &old.reference_types, &new.reference_types);
        if old.kind == new.kind && storage(old) != storage(new) {
            let message = format!("`{path}` would be kept in another way: add another attribute");
            self.flaw(format!("{pointer}/subAttributes"), message);
        }
        let subs = format!("{pointer}/subAttributes");
        self.attributes(&subs, &format!("{path}."), &old.sub_attributes, &new.sub_attributes);
    }

    fn fixed(&mut self, pointer: String, path: &str, name: &str, was: &dyn Display) {
        let message = format!(
            "the {name} of `{path}` is `{was}` and can't change, as resources hold values of it: \
             keep it, or add another attribute"
        );
        self.flaw(pointer, message);
    }

    /// A list of words that may only grow.
    fn kept(&mut self, pointer: &str, name: &str, old: &[String], new: &[String]) {
        for word in old.iter().filter(|word| !new.contains(word)) {
            let message = format!("`{word}` is missing: resources may use it, so list it");
            self.flaw(format!("{pointer}/{name}"), message);
        }
    }

    fn resource_type(
        &mut self,
        pointer: &str,
        before: Option<&TypeDefinition>,
        after: &TypeDefinition,
    ) -> TypeDefinition {
        let mut after = after.clone();
        let Some(before) = before else { return after };
        let fixed = [
            ("name", &before.name, &after.name),
            ("endpoint", &before.endpoint, &after.endpoint),
            ("schema", &before.schema, &after.schema),
        ];
        for (name, old, new) in fixed {
            if old != new {
                let message = format!(
                    "is `{old}` and can't change, as resources are there: keep it, or add another \
                     type"
                );
                self.flaw(format!("{pointer}/{name}"), message);
            }
        }
        for old in &before.schema_extensions {
            let is_same = |urn: &str| urn.eq_ignore_ascii_case(&old.schema);
            let at = after.schema_extensions.iter().position(|new| is_same(&new.schema));
            let new = at.and_then(|at| after.schema_extensions.get(at));
            match (at, new) {
                (Some(at), Some(new)) => self.required(
                    format!("{pointer}/schemaExtensions/{at}/required"),
                    old.required,
                    new.required,
                ),
                _ => {
                    let message = format!(
                        "`{}` is missing: resources may carry it, so list it, or remove the schema",
                        old.schema
                    );
                    self.flaw(format!("{pointer}/schemaExtensions"), message);
                }
            }
        }
        unite(&mut after.indexed, &before.indexed);
        unite(&mut after.unique_names, &before.unique_names);
        unite(&mut after.self_service, &before.self_service);
        after
    }

    fn extension(
        &mut self,
        pointer: &str,
        before: Option<&Extended>,
        after: &Extended,
    ) -> Extended {
        let mut after = after.clone();
        let Some(before) = before else { return after };
        self.required(format!("{pointer}/required"), before.required, after.required);
        unite(&mut after.indexed, &before.indexed);
        after
    }

    fn required(&mut self, pointer: String, old: bool, new: bool) {
        if new && !old {
            let message = "wasn't required and resources may lack it: use false".to_owned();
            self.flaw(pointer, message);
        }
    }
}

/// Puts what was there before what is new.
fn unite(after: &mut Vec<String>, before: &[String]) {
    let new: Vec<_> = after.drain(..).filter(|path| !before.contains(path)).collect();
    after.extend(before.iter().cloned().chain(new));
}

const fn kind(kind: Type) -> &'static str {
    match kind {
        Type::String => "string",
        Type::Boolean => "boolean",
        Type::Decimal => "decimal",
        Type::Integer => "integer",
        Type::DateTime => "dateTime",
        Type::Binary => "binary",
        Type::Reference => "reference",
        Type::Complex => "complex",
    }
}

const fn mutability(mutability: Mutability) -> &'static str {
    match mutability {
        Mutability::ReadOnly => "readOnly",
        Mutability::ReadWrite => "readWrite",
        Mutability::Immutable => "immutable",
        Mutability::WriteOnly => "writeOnly",
    }
}

const fn returned(returned: Returned) -> &'static str {
    match returned {
        Returned::Always => "always",
        Returned::Never => "never",
        Returned::Default => "default",
        Returned::Request => "request",
    }
}
