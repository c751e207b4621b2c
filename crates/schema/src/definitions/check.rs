//! Whether definitions make sense: each by itself, and beside the standard ones.

use std::collections::{HashMap, HashSet};

use rollcall_filter::parse_attr_path;

use super::attributes;
use super::flaw::Flaw;
use super::lookup::{Found, Lookup};
use crate::{Attribute, Definitions, Schema, SchemaExtension, TypeDefinition, standard};

/// More schemas, types or extensions than these are refused.
const MOST_DEFINITIONS: usize = 100;
/// More attributes than these are refused, parts and all schemas counted.
const MOST_ATTRIBUTES: usize = 1_000;
/// The longest name of a type and the longest URN.
const LONGEST_NAME: usize = 64;
const LONGEST_URN: usize = 256;

/// Endpoints that every connection has.
const ENDPOINTS: [&str; 8] = [
    "Users",
    "Groups",
    "Me",
    "Bulk",
    "Schemas",
    "ResourceTypes",
    "ServiceProviderConfig",
    "AsyncResults",
];
const MESSAGES: &str = "urn:ietf:params:scim:api:messages";

/// How much of the definitions there is to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// Some: what they name may stand elsewhere.
    Part,
    /// All: what they name must be there.
    Whole,
}

pub(super) fn check(definitions: &Definitions, scope: Scope) -> Vec<Flaw> {
    let mut checker = Checker { all: definitions, scope, flaws: Vec::new() };
    checker.limits();
    // Too much is not looked at: that would take too long.
    if !checker.flaws.is_empty() {
        return checker.flaws;
    }
    for (at, schema) in definitions.schemas.iter().enumerate() {
        checker.schema(at, schema);
    }
    for (at, ty) in definitions.resource_types.iter().enumerate() {
        checker.resource_type(at, ty);
    }
    for at in 0..definitions.extensions.len() {
        checker.extension(at);
    }
    checker.urns_beside_paths();
    checker.flaws
}

/// Whether there is more than is looked at.
pub(super) fn is_large(definitions: &Definitions) -> bool {
    too_many(definitions).next().is_some() || attributes_in(definitions) > MOST_ATTRIBUTES
}

fn too_many(definitions: &Definitions) -> impl Iterator<Item = (&'static str, usize)> {
    let lists = [
        ("schemas", definitions.schemas.len()),
        ("resourceTypes", definitions.resource_types.len()),
        ("extensions", definitions.extensions.len()),
    ];
    lists.into_iter().filter(|(_, count)| *count > MOST_DEFINITIONS)
}

fn attributes_in(definitions: &Definitions) -> usize {
    definitions.schemas.iter().map(attributes::count).sum()
}

struct Checker<'d> {
    all: &'d Definitions,
    scope: Scope,
    flaws: Vec<Flaw>,
}

impl<'d> Checker<'d> {
    fn flaw(&mut self, pointer: impl Into<String>, message: impl Into<String>) {
        self.flaws.push(Flaw { pointer: pointer.into(), message: message.into() });
    }

    fn limits(&mut self) {
        for (name, count) in too_many(self.all) {
            let at = format!("/{name}/{MOST_DEFINITIONS}");
            self.flaw(at, format!("{count} {name}: keep to {MOST_DEFINITIONS}"));
        }
        let count = attributes_in(self.all);
        if count > MOST_ATTRIBUTES {
            let last = self.all.schemas.len().saturating_sub(1);
            let message = format!("{count} attributes in all: keep to {MOST_ATTRIBUTES}");
            self.flaw(format!("/schemas/{last}/attributes"), message);
        }
    }

    fn schema(&mut self, at: usize, schema: &'d Schema) {
        let pointer = format!("/schemas/{at}");
        let urn = format!("{pointer}/id");
        let is_same = |id: &str| id.eq_ignore_ascii_case(&schema.id);
        let messages = schema.id.get(..MESSAGES.len());
        if let Some(message) = bad_urn(&schema.id) {
            self.flaw(urn, message);
        } else if standard::schemas().iter().any(|standard| is_same(&standard.id)) {
            self.flaw(urn, "is a standard schema: to add attributes, make an extension");
        } else if messages.is_some_and(|head| head.eq_ignore_ascii_case(MESSAGES)) {
            self.flaw(urn, "is kept for messages: choose another URN");
        } else if self.all.schemas.iter().take(at).any(|before| is_same(&before.id)) {
            self.flaw(urn, "is defined twice: leave one");
        }
        attributes::check(&pointer, schema, &mut self.flaws);
        if self.scope == Scope::Whole {
            self.references(&pointer, schema);
        }
    }

    /// R-ATTR-10: what references point at.
    fn references(&mut self, pointer: &str, schema: &Schema) {
        let known = |name: &str| matches!(name, "external" | "uri") || self.has_type(name);
        let mut missing = Vec::new();
        attributes::each(pointer, schema, &mut |at, attribute, _| {
            for (place, name) in attribute.reference_types.iter().enumerate() {
                if !known(name) {
                    let message = format!(
                        "no resource type `{name}`: use one that is there, `external` or `uri`"
                    );
                    missing.push((format!("{at}/referenceTypes/{place}"), message));
                }
            }
        });
        missing.into_iter().for_each(|(at, message)| self.flaw(at, message));
    }

    fn resource_type(&mut self, at: usize, ty: &'d TypeDefinition) {
        let pointer = format!("/resourceTypes/{at}");
        self.type_name(&pointer, at, ty);
        self.endpoint(&pointer, at, ty);
        self.base(&pointer, at, ty);
        let mut carried = HashSet::from([ty.schema.to_ascii_lowercase()]);
        for (place, extension) in ty.schema_extensions.iter().enumerate() {
            let pointer = format!("{pointer}/schemaExtensions/{place}/schema");
            self.carried(&pointer, &mut carried, extension);
        }
        if !ty.derived.is_empty() {
            self.flaw(format!("{pointer}/derived"), "only standard types have derived attributes");
        }
        let lookup = Lookup::of(self.all, ty);
        self.paths(&format!("{pointer}/indexed"), &ty.indexed, &lookup, |attribute, _| {
            attributes::not_indexable(attribute)
        });
        self.paths(
            &format!("{pointer}/uniqueNames"),
            &ty.unique_names,
            &lookup,
            |attribute, path| {
                let part = path.contains(['.', ':']);
                let part = part.then_some("only attributes of the base schema can be unique names");
                part.or_else(|| attributes::not_unique(attribute))
            },
        );
        self.paths(&format!("{pointer}/selfService"), &ty.self_service, &lookup, |_, _| None);
    }

    fn type_name(&mut self, pointer: &str, at: usize, ty: &TypeDefinition) {
        let name = format!("{pointer}/name");
        let is_same = |other: &str| other.eq_ignore_ascii_case(&ty.name);
        let good = ty.name.starts_with(|c: char| c.is_ascii_alphabetic())
            && ty.name.chars().all(|c| c.is_ascii_alphanumeric())
            && ty.name.len() <= LONGEST_NAME;
        if !good {
            let message = format!("use a letter, then letters and digits, {LONGEST_NAME} at most");
            self.flaw(name, message);
        } else if standard::types().iter().any(|standard| is_same(standard.name())) {
            let message = "is a standard type: to add attributes to it, use `extensions`";
            self.flaw(name, message);
        } else if self.all.resource_types.iter().take(at).any(|before| is_same(&before.name)) {
            self.flaw(name, "is defined twice: choose another name");
        }
        if ty.id != ty.name {
            // R-DISC-07
            self.flaw(format!("{pointer}/id"), "must be the name, or left out");
        }
    }

    fn endpoint(&mut self, pointer: &str, at: usize, ty: &TypeDefinition) {
        let pointer = format!("{pointer}/endpoint");
        let is_same = |other: &str| {
            other.trim_start_matches('/').eq_ignore_ascii_case(ty.endpoint.trim_start_matches('/'))
        };
        let name = ty.endpoint.strip_prefix('/').unwrap_or_default();
        let letters = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphabetic());
        if !letters || name.len() > LONGEST_NAME {
            let message =
                format!("use `/`, then letters, {LONGEST_NAME} at most, as in `/Devices`");
            self.flaw(pointer, message);
        } else if ENDPOINTS.iter().any(|taken| is_same(taken))
            || self.all.resource_types.iter().take(at).any(|before| is_same(&before.endpoint))
        {
            self.flaw(pointer, "is taken: choose another");
        }
    }

    /// A base schema serves one type alone.
    fn base(&mut self, pointer: &str, at: usize, ty: &TypeDefinition) {
        let pointer = format!("{pointer}/schema");
        let is_same = |urn: &str| urn.eq_ignore_ascii_case(&ty.schema);
        if standard::schemas().iter().any(|standard| is_same(&standard.id)) {
            self.flaw(pointer, "is a standard schema: give the type a schema of its own");
        } else if self.all.resource_types.iter().take(at).any(|before| is_same(&before.schema)) {
            self.flaw(pointer, "is the schema of another type: give each its own");
        } else if !self.all.schemas.iter().any(|schema| is_same(&schema.id)) {
            self.no_schema(pointer, &ty.schema);
        }
        let taken = |name: &str| {
            let mut common = standard::common_attributes().iter();
            common.any(|attribute| attribute.name.eq_ignore_ascii_case(name))
        };
        let base = self.all.schemas.iter().position(|schema| is_same(&schema.id));
        let Some((at, schema)) = base.and_then(|at| Some((at, self.all.schemas.get(at)?))) else {
            return;
        };
        for (place, attribute) in schema.attributes.iter().enumerate() {
            if taken(&attribute.name) {
                let message = "every resource has it: leave it out";
                self.flaw(format!("/schemas/{at}/attributes/{place}/name"), message);
            }
        }
    }

    fn extension(&mut self, at: usize) {
        let Some(extended) = self.all.extensions.get(at) else { return };
        let pointer = format!("/extensions/{at}");
        let own = self.all.resource_types.iter().find(|ty| ty.name == extended.resource_type);
        let standard = standard::types().iter().find(|ty| ty.name() == extended.resource_type);
        let Some(ty) = own.or_else(|| standard.map(|ty| ty.definition())) else {
            if self.scope == Scope::Whole {
                let message = format!("no resource type `{}`", extended.resource_type);
                self.flaw(format!("{pointer}/resourceType"), message);
            }
            return;
        };
        let mut carried = HashSet::from([ty.schema.to_ascii_lowercase()]);
        let before = self.all.extensions.iter().take(at);
        let before = before.filter(|before| before.resource_type == extended.resource_type);
        carried.extend(before.map(|before| before.schema.to_ascii_lowercase()));
        carried.extend(ty.schema_extensions.iter().map(|own| own.schema.to_ascii_lowercase()));
        let extension =
            SchemaExtension { schema: extended.schema.clone(), required: extended.required };
        self.carried(&format!("{pointer}/schema"), &mut carried, &extension);
        let lookup = Lookup::of_extension(self.all, &extended.schema);
        self.paths(&format!("{pointer}/indexed"), &extended.indexed, &lookup, |attribute, _| {
            attributes::not_indexable(attribute)
        });
    }

    /// An extension that a type carries; `carried` are those before it.
    fn carried(
        &mut self,
        pointer: &str,
        carried: &mut HashSet<String>,
        extension: &SchemaExtension,
    ) {
        let is_same = |urn: &str| urn.eq_ignore_ascii_case(&extension.schema);
        if !carried.insert(extension.schema.to_ascii_lowercase()) {
            self.flaw(pointer, "is carried by the type already: leave it out");
            return;
        }
        let is_base = standard::types().iter().any(|ty| is_same(ty.schema()))
            || self.all.resource_types.iter().any(|ty| is_same(&ty.schema));
        let own = self.all.schemas.iter().find(|schema| is_same(&schema.id));
        if is_base {
            self.flaw(pointer, "is the base schema of a type: an extension needs its own");
        } else if own.is_none() && !is_same(standard::ENTERPRISE_USER) {
            self.no_schema(pointer.to_owned(), &extension.schema);
        }
        if let Some(name) = own.and_then(attributes::relation) {
            let message = format!(
                "`{name}` refers to resources, which only a base schema can: make its `$ref` \
                 `external`, or give it to a type of its own"
            );
            self.flaw(pointer, message);
        }
    }

    /// R-URI-01: a URN that is the path of an attribute as well would hide it.
    fn urns_beside_paths(&mut self) {
        let standard = standard::schemas().iter().map(|schema| &**schema);
        let all: Vec<&Schema> = standard.chain(&self.all.schemas).collect();
        let mut paths = HashMap::new();
        for schema in &all {
            attributes::paths(schema, &mut |path| {
                paths.entry(path.to_ascii_lowercase()).or_insert(schema.id.as_str());
            });
        }
        for (at, schema) in self.all.schemas.iter().enumerate() {
            if let Some(other) = paths.get(&schema.id.to_ascii_lowercase()) {
                let message = format!("is the path of an attribute of `{other}`: choose another");
                self.flaw(format!("/schemas/{at}/id"), message);
            }
            // Where both are ours, the URN is blamed.
            for standard in standard::schemas() {
                let hides = |path: &str| path.eq_ignore_ascii_case(&standard.id);
                let mut hidden = false;
                attributes::paths(schema, &mut |path| hidden |= hides(path));
                if hidden {
                    let message = format!("has an attribute whose path is `{}`", standard.id);
                    self.flaw(format!("/schemas/{at}/id"), message);
                }
            }
        }
    }

    fn no_schema(&mut self, pointer: String, urn: &str) {
        if self.scope == Scope::Whole {
            let message = format!("no schema `{urn}`: define it under `schemas`");
            self.flaw(pointer, message);
        }
    }

    /// Paths of attributes, which `refused` may say something against.
    fn paths(
        &mut self,
        pointer: &str,
        paths: &[String],
        lookup: &Lookup<'_>,
        refused: impl Fn(&Attribute, &str) -> Option<&'static str>,
    ) {
        for (at, path) in paths.iter().enumerate() {
            let message = match lookup.find(path) {
                Found::Attribute(attribute) => refused(attribute, path).map(ToOwned::to_owned),
                Found::Relation => Some("is kept as rows, which need no index".to_owned()),
                Found::Server => Some("is kept by the server: leave it out".to_owned()),
                Found::Unsure if self.scope == Scope::Part => None,
                Found::Unsure | Found::Nothing => Some(format!("no attribute `{path}`")),
            };
            if let Some(message) = message {
                self.flaw(format!("{pointer}/{at}"), message);
            }
        }
    }

    fn has_type(&self, name: &str) -> bool {
        standard::types().iter().any(|ty| ty.name() == name)
            || self.all.resource_types.iter().any(|ty| ty.name == name)
    }
}

/// Why a text is no URN that a path could begin with (R-URI-01).
fn bad_urn(urn: &str) -> Option<String> {
    let path = format!("{urn}:x");
    let good = urn.len() <= LONGEST_URN
        && urn.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("urn:"))
        && urn.split(':').count() > 2
        && urn.split(':').all(|part| !part.is_empty())
        && parse_attr_path(&path).is_ok_and(|path| path.urn.is_some());
    (!good).then(|| {
        format!("use a URN of at most {LONGEST_URN} characters, as in `urn:example:hr:2.0:Person`")
    })
}
