//! A compiled resource type: the only thing that knows attribute names, types and rules.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use rollcall_filter::AttrPath;

use crate::definition::{
    Attribute, Derivation, Mutability, Returned, Schema, Type, TypeDefinition, Uniqueness,
};
use crate::{DefinitionError, Profile};

/// An attribute of a [`ResourceType`], by its place in the arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttrId(u16);

/// An extension of a [`ResourceType`], by its place in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExtensionId(u16);

/// A resolved path: PATCH, filters, projections, sort and indexes use nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AttrRef {
    /// The attribute.
    pub attr: AttrId,
    /// Its part.
    pub sub: Option<AttrId>,
}

/// What a path points at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// An attribute or one of its parts.
    Attr(AttrRef),
    /// A whole extension: its bare URN (R-EXT-04, R-EXT-07).
    Extension(ExtensionId),
    /// The whole base schema: its bare URN.
    Base,
}

/// How the values of an attribute are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// Inside the document.
    Document,
    /// By the server beside it: `id`, `meta`, `schemas`.
    Server,
    /// As rows: a writable multi-valued reference to resources such as `Group.members`.
    Relation,
    /// Nowhere: read off the relations of others, such as `User.groups`.
    Derived,
}

/// One compiled attribute.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AttrDef {
    /// Its own id.
    pub id: AttrId,
    /// The name in schema spelling.
    pub name: Box<str>,
    /// The whole path: `emails.value`, `urn:…:User:manager.value`.
    pub path: Box<str>,
    /// The extension that it belongs to.
    pub extension: Option<ExtensionId>,
    /// The complex attribute that it is part of.
    pub parent: Option<AttrId>,
    /// Its parts in schema order.
    pub subs: Vec<AttrId>,
    /// The data type.
    pub kind: Type,
    /// Whether it holds a list.
    pub multi_valued: bool,
    /// Whether a resource must have it.
    pub required: bool,
    /// Whether text compares exactly.
    pub case_exact: bool,
    /// Who may write it.
    pub mutability: Mutability,
    /// When it is shown.
    pub returned: Returned,
    /// Where its values are unique.
    pub uniqueness: Uniqueness,
    /// What a reference may point at: names of resource types, `external` and `uri`.
    pub reference_types: Vec<Box<str>>,
    /// How it is kept.
    pub storage: Storage,
    /// Whether its values are looked up by index.
    pub indexed: bool,
    /// Where a derived attribute is read.
    pub derivation: Option<Derivation>,
}

/// An extension of a compiled type.
#[derive(Clone, Debug)]
pub struct Extension {
    /// The URN in its own spelling.
    pub urn: Box<str>,
    /// Whether every resource must carry it.
    pub required: bool,
    /// Its attributes in schema order.
    pub attrs: Vec<AttrId>,
}

/// A resource type compiled from its definition, shared as `Arc`.
#[derive(Debug)]
pub struct ResourceType {
    definition: TypeDefinition,
    schemas: Vec<Arc<Schema>>,
    arena: Vec<AttrDef>,
    base: Vec<AttrId>,
    extensions: Vec<Extension>,
    names: HashMap<(Owner, String), AttrId>,
    endpoints: Endpoints,
}

/// The names of resource types with their endpoints.
pub(crate) type Endpoints = Arc<[(String, String)]>;

/// Where a name is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    /// Among the attributes of the base schema, and those that every resource has.
    Base,
    /// Among the attributes of an extension.
    Extension(ExtensionId),
    /// Among the parts of a complex attribute.
    Attr(AttrId),
}

impl ResourceType {
    /// Compiles a definition against the schemas that it names.
    ///
    /// # Errors
    /// [`DefinitionError`] when a schema is missing, a name is not one or stands twice, a complex
    /// attribute nests another (R-ATTR-06), or a path in `indexed` or `derived` leads nowhere.
    pub fn compile(
        definition: &TypeDefinition,
        schemas: &[Arc<Schema>],
    ) -> Result<Self, DefinitionError> {
        let mut ty = Self {
            definition: definition.clone(),
            schemas: Vec::new(),
            arena: Vec::new(),
            base: Vec::new(),
            extensions: Vec::new(),
            names: HashMap::new(),
            endpoints: Arc::from([]),
        };
        for attribute in crate::standard::common_attributes() {
            let id = ty.define(attribute, Owner::Base, "")?;
            ty.base.push(id);
        }
        let base = find_schema(schemas, &definition.schema)?;
        ty.schemas.push(Arc::clone(base));
        for attribute in &base.attributes {
            let id = ty.define(attribute, Owner::Base, "")?;
            ty.base.push(id);
        }
        for (at, extension) in definition.schema_extensions.iter().enumerate() {
            let schema = find_schema(schemas, &extension.schema)?;
            let id = ExtensionId(narrow(at)?);
            let prefix = format!("{}:", schema.id);
            let attrs = schema
                .attributes
                .iter()
                .map(|attribute| ty.define(attribute, Owner::Extension(id), &prefix))
                .collect::<Result<_, _>>()?;
            let required = extension.required;
            ty.extensions.push(Extension { urn: schema.id.as_str().into(), required, attrs });
            ty.schemas.push(Arc::clone(schema));
        }
        ty.mark_indexed()?;
        ty.mark_derived()?;
        Ok(ty)
    }

    /// The name: `User`.
    pub fn name(&self) -> &str {
        &self.definition.name
    }

    /// The endpoint without slashes: `Users`.
    pub fn endpoint(&self) -> &str {
        self.definition.endpoint.trim_start_matches('/')
    }

    /// The URN of the base schema.
    pub fn schema(&self) -> &str {
        &self.definition.schema
    }

    /// The definition that it was compiled from.
    pub const fn definition(&self) -> &TypeDefinition {
        &self.definition
    }

    /// The schemas that it uses: the base first, then the extensions.
    pub fn schemas(&self) -> &[Arc<Schema>] {
        &self.schemas
    }

    /// Its extensions.
    pub fn extensions(&self) -> &[Extension] {
        &self.extensions
    }

    /// One extension.
    #[expect(clippy::indexing_slicing, reason = "ids are made by `compile` alone")]
    pub fn extension(&self, id: ExtensionId) -> &Extension {
        &self.extensions[usize::from(id.0)]
    }

    /// The extension behind a URN in any case (R-COMMON-09).
    pub fn extension_by_urn(&self, urn: &str) -> Option<ExtensionId> {
        let at = self.extensions.iter().position(|e| e.urn.eq_ignore_ascii_case(urn))?;
        narrow(at).ok().map(ExtensionId)
    }

    /// The attributes of the base schema, behind those that every resource has.
    pub fn base(&self) -> &[AttrId] {
        &self.base
    }

    /// Every attribute and part.
    pub fn attrs(&self) -> &[AttrDef] {
        &self.arena
    }

    /// One attribute.
    #[expect(clippy::indexing_slicing, reason = "ids are made by `compile` alone")]
    pub fn attr(&self, id: AttrId) -> &AttrDef {
        &self.arena[usize::from(id.0)]
    }

    /// The attribute that decides about a path: its part where it has one.
    pub fn leaf(&self, at: AttrRef) -> &AttrDef {
        self.attr(at.sub.unwrap_or(at.attr))
    }

    /// Finds an attribute by name in any case (R-ATTR-02).
    pub fn lookup(&self, owner: Owner, name: &str) -> Option<AttrId> {
        self.names.get(&(owner, name.to_ascii_lowercase())).copied()
    }

    /// A part of a complex attribute by name in any case.
    pub fn sub(&self, attr: AttrId, name: &str) -> Option<AttrId> {
        self.lookup(Owner::Attr(attr), name)
    }

    /// The attributes of the document whose values are looked up by index, parts included.
    pub fn indexed(&self) -> impl Iterator<Item = &AttrDef> {
        self.arena.iter().filter(|def| def.indexed && def.storage == Storage::Document)
    }

    /// The endpoint of a resource type, without slashes: how a reference to one of its resources
    /// begins. A type that the catalog doesn't have is taken to be called as its endpoint, but for
    /// the plural.
    pub fn endpoint_of(&self, kind: &str) -> Cow<'_, str> {
        let known = self.endpoints.iter().find(|(name, _)| name == kind);
        known.map_or_else(|| Cow::Owned(format!("{kind}s")), |(_, to)| Cow::Borrowed(&**to))
    }

    /// Makes the endpoints of its neighbours known.
    pub(crate) fn beside(mut self, endpoints: Endpoints) -> Self {
        self.endpoints = endpoints;
        self
    }

    /// The relation that is kept as rows, where the type has one.
    pub fn relation(&self) -> Option<&AttrDef> {
        self.arena.iter().find(|def| def.storage == Storage::Relation && def.parent.is_none())
    }

    /// The attribute that is derived from the relations of others, where the type has one.
    pub fn derived(&self) -> Option<&AttrDef> {
        self.arena.iter().find(|def| def.storage == Storage::Derived && def.parent.is_none())
    }

    /// What a path points at; `None` when the type doesn't have it.
    ///
    /// `URN:attr` of the base schema is the bare attribute (R-FILTER-21). With
    /// [`Profile::loose_filters`] a dot may stand for the last colon (R-PATCH-63).
    pub fn resolve(&self, path: &AttrPath<'_>, profile: &Profile) -> Option<Target> {
        if path.urn.is_none() {
            return self.resolve_in(Owner::Base, path.name, path.sub).map(Target::Attr);
        }
        if path.text.eq_ignore_ascii_case(self.schema()) {
            return Some(Target::Base);
        }
        if let Some(id) = self.extension_by_urn(path.text) {
            return Some(Target::Extension(id));
        }
        let (owner, rest) = self.strip_urn(path.text, profile)?;
        let (name, sub) = match rest.split_once('.') {
            Some((name, sub)) => (name, Some(sub)),
            None => (rest, None),
        };
        self.resolve_in(owner, name, sub).map(Target::Attr)
    }

    /// A bare name that the base doesn't have, as one of an extension: filters such as
    /// `manager eq "…"` leave the URN out (R-FILTER-15). Nothing is written under such a name.
    pub(crate) fn resolve_in_extensions(
        &self,
        path: &AttrPath<'_>,
        profile: &Profile,
    ) -> Option<AttrRef> {
        let loose = profile.loose_filters && path.urn.is_none();
        let extensions = (0..self.extensions.len()).filter(|_| loose);
        extensions
            .filter_map(|at| Some(Owner::Extension(ExtensionId(narrow(at).ok()?))))
            .find_map(|owner| self.resolve_in(owner, path.name, path.sub))
    }

    fn resolve_in(&self, owner: Owner, name: &str, sub: Option<&str>) -> Option<AttrRef> {
        let attr = self.lookup(owner, name)?;
        let sub = match sub {
            Some(sub) => Some(self.sub(attr, sub)?),
            None => None,
        };
        Some(AttrRef { attr, sub })
    }

    fn strip_urn<'t>(&self, text: &'t str, profile: &Profile) -> Option<(Owner, &'t str)> {
        let owners = (0..).map_while(|at| {
            let extension = self.extensions.get(at)?;
            Some((Owner::Extension(ExtensionId(narrow(at).ok()?)), &*extension.urn))
        });
        let matching = |(owner, urn): (Owner, &str)| {
            let head = text.get(..urn.len())?;
            let rest = text.get(urn.len()..)?;
            let rest = match rest.strip_prefix(':') {
                Some(rest) => rest,
                None if profile.loose_filters => rest.strip_prefix('.')?,
                None => return None,
            };
            head.eq_ignore_ascii_case(urn).then_some((owner, rest))
        };
        // One URN may begin another: the longest that fits leaves the shortest rest.
        let schemas = std::iter::once((Owner::Base, self.schema())).chain(owners);
        schemas.filter_map(matching).min_by_key(|(_, rest)| rest.len())
    }

    fn define(
        &mut self,
        attribute: &Attribute,
        owner: Owner,
        prefix: &str,
    ) -> Result<AttrId, DefinitionError> {
        let path = format!("{prefix}{}", attribute.name);
        if !is_name(&attribute.name) {
            return Err(DefinitionError::BadName { path });
        }
        let id = AttrId(narrow(self.arena.len())?);
        let parent = match owner {
            Owner::Attr(parent) => Some(parent),
            Owner::Base | Owner::Extension(_) => None,
        };
        let extension = match owner {
            Owner::Extension(extension) => Some(extension),
            Owner::Attr(parent) => self.attr(parent).extension,
            Owner::Base => None,
        };
        if parent.is_some() && attribute.kind == Type::Complex {
            return Err(DefinitionError::NestedComplex { path });
        }
        let storage = match owner {
            Owner::Attr(parent) => self.attr(parent).storage,
            Owner::Base if is_servers(attribute) => Storage::Server,
            Owner::Base | Owner::Extension(_) => storage(attribute),
        };
        self.arena.push(AttrDef {
            id,
            name: attribute.name.as_str().into(),
            path: path.as_str().into(),
            extension,
            parent,
            subs: Vec::new(),
            kind: attribute.kind,
            multi_valued: attribute.multi_valued,
            required: attribute.required,
            case_exact: case_exact(attribute),
            mutability: attribute.mutability,
            returned: attribute.returned,
            uniqueness: attribute.uniqueness,
            reference_types: attribute
                .reference_types
                .iter()
                .map(|to| to.as_str().into())
                .collect(),
            storage,
            indexed: attribute.uniqueness != Uniqueness::None,
            derivation: None,
        });
        if self.names.insert((owner, attribute.name.to_ascii_lowercase()), id).is_some() {
            return Err(DefinitionError::Twice { path });
        }
        let prefix = format!("{path}.");
        for sub in &attribute.sub_attributes {
            let sub = self.define(sub, Owner::Attr(id), &prefix)?;
            self.attr_mut(id).subs.push(sub);
        }
        Ok(id)
    }

    fn mark_indexed(&mut self) -> Result<(), DefinitionError> {
        for path in self.definition.indexed.clone() {
            let id = self.by_path(&path)?;
            self.attr_mut(id).indexed = true;
        }
        Ok(())
    }

    fn mark_derived(&mut self) -> Result<(), DefinitionError> {
        for derivation in self.definition.derived.clone() {
            let id = self.by_path(&derivation.attribute)?;
            let subs = self.attr(id).subs.clone();
            for id in std::iter::once(id).chain(subs) {
                self.attr_mut(id).storage = Storage::Derived;
            }
            self.attr_mut(id).derivation = Some(derivation);
        }
        Ok(())
    }

    /// The attribute whose whole path reads so, in schema spelling.
    ///
    /// # Errors
    /// [`DefinitionError::NoSuchPath`].
    pub fn by_path(&self, path: &str) -> Result<AttrId, DefinitionError> {
        self.arena
            .iter()
            .find(|def| &*def.path == path)
            .map(|def| def.id)
            .ok_or_else(|| DefinitionError::NoSuchPath { path: path.into() })
    }

    #[expect(clippy::indexing_slicing, reason = "ids are made by `compile` alone")]
    fn attr_mut(&mut self, id: AttrId) -> &mut AttrDef {
        &mut self.arena[usize::from(id.0)]
    }
}

fn find_schema<'s>(
    schemas: &'s [Arc<Schema>],
    urn: &str,
) -> Result<&'s Arc<Schema>, DefinitionError> {
    schemas
        .iter()
        .find(|schema| schema.id.eq_ignore_ascii_case(urn))
        .ok_or_else(|| DefinitionError::NoSuchSchema { urn: urn.into() })
}

/// R-ATTR-04: a letter, then letters, digits, `$`, `-`, `_`; `$ref` is let through.
pub(crate) fn is_name(name: &str) -> bool {
    let body = name.strip_prefix('$').unwrap_or(name);
    body.starts_with(|c: char| c.is_ascii_alphabetic())
        && body.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '$' | '-' | '_'))
}

/// A multi-valued complex attribute whose `$ref` names resource types is a relation.
pub(crate) fn storage(attribute: &Attribute) -> Storage {
    let points_at_resources = |sub: &Attribute| {
        sub.name == "$ref"
            && sub.reference_types.iter().any(|to| !matches!(to.as_str(), "external" | "uri"))
    };
    if attribute.mutability != Mutability::ReadOnly
        && attribute.multi_valued
        && attribute.sub_attributes.iter().any(points_at_resources)
    {
        return Storage::Relation;
    }
    Storage::Document
}

/// What the server keeps beside the document (RFC 7643 §3.1).
fn is_servers(attribute: &Attribute) -> bool {
    attribute.mutability == Mutability::ReadOnly
        && matches!(attribute.name.as_str(), "id" | "meta" | "schemas")
}

/// References and binary values always compare exactly (R-ATTR-09, R-ATTR-10).
fn case_exact(attribute: &Attribute) -> bool {
    attribute.case_exact || matches!(attribute.kind, Type::Reference | Type::Binary)
}

fn narrow(at: usize) -> Result<u16, DefinitionError> {
    u16::try_from(at).map_err(|_| DefinitionError::TooLarge)
}

#[cfg(test)]
mod tests {
    use rollcall_filter::parse_attr_path;

    use super::*;

    fn schema(id: &str, names: &[&str]) -> Arc<Schema> {
        let attributes = names.iter().map(|name| serde_json::json!({"name": name}));
        let schema = serde_json::json!({"id": id, "attributes": attributes.collect::<Vec<_>>()});
        Arc::new(serde_json::from_value(schema).unwrap())
    }

    /// R-EXT-03: one extension's URN may begin that of another.
    #[test]
    fn the_longest_urn_counts() {
        let schemas = [schema("urn:t", &["a"]), schema("urn:x", &["y"]), schema("urn:x:y", &["b"])];
        let definition = serde_json::json!({
            "id": "T", "name": "T", "endpoint": "/Ts", "schema": "urn:t",
            "schemaExtensions": [{"schema": "urn:x"}, {"schema": "urn:x:y"}],
        });
        let definition = serde_json::from_value(definition).unwrap();
        let ty = ResourceType::compile(&definition, &schemas).unwrap();
        let path = |text| match ty.resolve(&parse_attr_path(text).unwrap(), &Profile::STRICT) {
            Some(Target::Attr(at)) => ty.leaf(at).path.to_string(),
            other => format!("{other:?}"),
        };
        assert_eq!(path("urn:x:y:b"), "urn:x:y:b");
        assert_eq!(path("URN:X:y"), format!("{:?}", Some(Target::Extension(ExtensionId(1)))));
    }

    #[test]
    fn only_the_base_has_what_the_server_keeps() {
        let meta = serde_json::json!({"id": "urn:x", "attributes": [
            {"name": "meta", "mutability": "readOnly"}]});
        let schemas = [schema("urn:t", &["a"]), Arc::new(serde_json::from_value(meta).unwrap())];
        let definition = serde_json::json!({
            "id": "T", "name": "T", "endpoint": "/Ts", "schema": "urn:t",
            "schemaExtensions": [{"schema": "urn:x"}],
        });
        let definition = serde_json::from_value(definition).unwrap();
        let ty = ResourceType::compile(&definition, &schemas).unwrap();
        let storage = |path| ty.attr(ty.by_path(path).unwrap()).storage;
        assert_eq!((storage("meta"), storage("urn:x:meta")), (Storage::Server, Storage::Document));
    }
}
