//! Definitions as text: what stands where, and the first look at it.

use std::collections::HashSet;

use serde::de::DeserializeOwned;

use super::flaw::{Fault, Flaw};
use super::located::{Kind, Member, Node, position};
use crate::pointer;
use crate::standard::{RESOURCE_TYPE, SCHEMA};
use crate::{
    Attribute, Definitions, Extended, Mutability, Returned, Schema, SchemaExtension, TypeDefinition,
};

/// More text than this isn't looked at.
const MOST_BYTES: usize = 1024 * 1024;
/// More faults than these are not reported at once.
const MOST_FAULTS: usize = 100;

/// Definitions, and where each of them stands in its text.
pub(super) struct Draft<'t> {
    text: &'t str,
    root: Node,
    pub(super) definitions: Definitions,
    faults: Vec<(usize, Flaw)>,
    schemas: Vec<String>,
    resource_types: Vec<String>,
    extensions: Vec<String>,
}

impl<'t> Draft<'t> {
    pub(super) fn read(text: &'t str) -> Result<Self, Fault> {
        if text.len() > MOST_BYTES {
            let (pointer, message) = (String::new(), format!("more than {MOST_BYTES} bytes"));
            return Err(Fault { line: 1, column: 1, pointer, message });
        }
        let root = Node::parse(text)?;
        let mut reader = Reader::default();
        reader.null_characters(&root, "");
        reader.any(&root, "");
        let Reader { definitions, faults, schemas, resource_types, extensions } = reader;
        Ok(Self { text, root, definitions, faults, schemas, resource_types, extensions })
    }

    /// The definitions, unless something is wrong with the text or in `flaws`, whose pointers lead
    /// into the definitions.
    pub(super) fn finish(self, flaws: Vec<Flaw>) -> Result<Definitions, Vec<Fault>> {
        let mut faults = self.faults;
        // What looks wrong because something beside it is wrong isn't worth a word.
        let around = |flaw: &Flaw| [pointer::parent(&flaw.pointer).into(), flaw.pointer.clone()];
        let broken: HashSet<String> = faults.iter().flat_map(|(_, flaw)| around(flaw)).collect();
        let origins = [
            ("schemas", &self.schemas),
            ("resourceTypes", &self.resource_types),
            ("extensions", &self.extensions),
        ];
        for flaw in flaws {
            let pointer = in_text(&flaw.pointer, &origins);
            if !broken.contains(pointer::parent(&pointer)) {
                let at = self.root.nearest(&pointer).at;
                faults.push((at, Flaw { pointer, ..flaw }));
            }
        }
        if faults.is_empty() {
            return Ok(self.definitions);
        }
        faults.sort_by_key(|(at, _)| *at);
        faults.truncate(MOST_FAULTS);
        let located = |(at, Flaw { pointer, message }): (usize, Flaw)| {
            let (line, column) = position(self.text, at);
            Fault { line, column, pointer, message }
        };
        Err(faults.into_iter().map(located).collect())
    }
}

/// A pointer into the definitions as one into the text that they were read from.
fn in_text(of: &str, origins: &[(&str, &Vec<String>)]) -> String {
    let mut parts = of.splitn(4, '/').skip(1);
    let (list, at, rest) = (parts.next(), parts.next(), parts.next());
    let origins = origins.iter().find(|(name, _)| Some(*name) == list).map(|(_, origins)| origins);
    let at = at.and_then(|at| at.parse::<usize>().ok());
    match origins.zip(at).and_then(|(origins, at)| origins.get(at)) {
        Some(origin) => rest.map_or_else(|| origin.clone(), |rest| format!("{origin}/{rest}")),
        None => String::new(),
    }
}

#[derive(Default)]
struct Reader {
    definitions: Definitions,
    faults: Vec<(usize, Flaw)>,
    schemas: Vec<String>,
    resource_types: Vec<String>,
    extensions: Vec<String>,
}

/// What an object is, by the members that it has.
enum Shape {
    List,
    Definitions,
    Schema,
    ResourceType,
}

fn shape(node: &Node) -> Option<Shape> {
    let has = |name| node.get(name).is_some();
    let lists = |urn: &str| {
        let Some(Kind::List(urns)) = node.get("schemas").map(|schemas| &schemas.kind) else {
            return false;
        };
        urns.iter().any(|named| matches!(&named.kind, Kind::Text(text) if text == urn))
    };
    if has("Resources") {
        Some(Shape::List)
    } else if has("attributes") || lists(SCHEMA) {
        Some(Shape::Schema)
    } else if has("endpoint") || lists(RESOURCE_TYPE) {
        Some(Shape::ResourceType)
    } else if has("schemas") || has("resourceTypes") || has("extensions") {
        Some(Shape::Definitions)
    } else {
        None
    }
}

impl Reader {
    /// No text holds U+0000, whatever it is for.
    fn null_characters(&mut self, node: &Node, pointer: &str) {
        const HELD: &str = "holds the character U+0000: leave it out";
        match &node.kind {
            Kind::Text(text) if text.contains('\0') => self.fault(node.at, pointer, HELD),
            Kind::List(nodes) => nodes.iter().enumerate().for_each(|(at, node)| {
                self.null_characters(node, &pointer::join(pointer, &at.to_string()));
            }),
            Kind::Object(members) => members.iter().for_each(|member| {
                if member.name.contains('\0') {
                    self.fault(member.at, pointer, format!("a name {HELD}"));
                } else {
                    let pointer = pointer::join(pointer, &member.name);
                    self.null_characters(&member.value, &pointer);
                }
            }),
            _ => {}
        }
    }

    fn any(&mut self, node: &Node, pointer: &str) {
        match (&node.kind, shape(node)) {
            (Kind::List(_), _) => self.each(node, pointer, Self::resource),
            (_, Some(Shape::List)) => {
                let known = ["Resources"];
                let paging = ["schemas", "totalResults", "itemsPerPage", "startIndex"];
                if let Some(list) = self.object(node, pointer, &known, &paging) {
                    list.each(self, "Resources", Self::resource);
                }
            }
            (_, Some(Shape::Definitions)) => self.definitions(node, pointer),
            (Kind::Object(members), None) if members.is_empty() => {}
            _ => self.resource(node, pointer),
        }
    }

    fn definitions(&mut self, node: &Node, pointer: &str) {
        let known = ["schemas", "resourceTypes", "extensions"];
        if let Some(all) = self.object(node, pointer, &known, &[]) {
            all.each(self, "schemas", Self::schema);
            all.each(self, "resourceTypes", Self::resource_type);
            all.each(self, "extensions", Self::extension);
        }
    }

    fn resource(&mut self, node: &Node, pointer: &str) {
        match shape(node) {
            Some(Shape::Schema) => self.schema(node, pointer),
            Some(Shape::ResourceType) => self.resource_type(node, pointer),
            _ => self.fault(
                node.at,
                pointer,
                "neither a schema, which has `attributes`, nor a resource type, which has an \
                 `endpoint`, nor both in lists named `schemas`, `resourceTypes` and `extensions`",
            ),
        }
    }

    /// RFC 7643 §7.
    fn schema(&mut self, node: &Node, pointer: &str) {
        let known = ["id", "name", "description", "attributes"];
        let Some(schema) = self.object(node, pointer, &known, &["schemas", "meta"]) else { return };
        let read = Schema {
            id: schema.required_text(self, "id"),
            name: schema.text(self, "name"),
            description: schema.text(self, "description"),
            attributes: schema.attributes(self, "attributes"),
        };
        schema.must_have(self, "attributes");
        self.definitions.schemas.push(read);
        self.schemas.push(pointer.to_owned());
    }

    /// RFC 7643 §6.
    fn resource_type(&mut self, node: &Node, pointer: &str) {
        let known = [
            "id",
            "name",
            "endpoint",
            "description",
            "schema",
            "schemaExtensions",
            "indexed",
            "uniqueNames",
            "selfService",
        ];
        let Some(ty) = self.object(node, pointer, &known, &["schemas", "meta"]) else { return };
        let mut extensions = Vec::new();
        ty.each(self, "schemaExtensions", |reader, node, pointer| {
            let Some(extension) = reader.object(node, pointer, &["schema", "required"], &[]) else {
                return;
            };
            let schema = extension.required_text(reader, "schema");
            let required = extension.flag(reader, "required");
            extensions.push(SchemaExtension { schema, required });
        });
        let name = ty.required_text(self, "name");
        let read = TypeDefinition {
            id: ty.text(self, "id").unwrap_or_else(|| name.clone()),
            name,
            endpoint: ty.required_text(self, "endpoint"),
            description: ty.text(self, "description").unwrap_or_default(),
            schema: ty.required_text(self, "schema"),
            schema_extensions: extensions,
            indexed: ty.texts(self, "indexed"),
            derived: Vec::new(),
            unique_names: ty.texts(self, "uniqueNames"),
            self_service: ty.texts(self, "selfService"),
        };
        self.definitions.resource_types.push(read);
        self.resource_types.push(pointer.to_owned());
    }

    fn extension(&mut self, node: &Node, pointer: &str) {
        let known = ["resourceType", "schema", "required", "indexed"];
        let Some(extension) = self.object(node, pointer, &known, &[]) else { return };
        let read = Extended {
            resource_type: extension.required_text(self, "resourceType"),
            schema: extension.required_text(self, "schema"),
            required: extension.flag(self, "required"),
            indexed: extension.texts(self, "indexed"),
        };
        self.definitions.extensions.push(read);
        self.extensions.push(pointer.to_owned());
    }

    fn attribute(&mut self, node: &Node, pointer: &str) -> Option<Attribute> {
        let known = [
            "name",
            "type",
            "multiValued",
            "description",
            "required",
            "canonicalValues",
            "caseExact",
            "mutability",
            "returned",
            "uniqueness",
            "referenceTypes",
            "subAttributes",
        ];
        let attribute = self.object(node, pointer, &known, &[])?;
        let words = "readOnly, readWrite, immutable, writeOnly";
        let mutability = attribute.word(self, "mutability", words);
        // R-ATTR-20: what is only written is never returned, whatever is said here.
        let returned = attribute.word(self, "returned", "always, never, default, request");
        Some(Attribute {
            name: attribute.required_text(self, "name"),
            kind: attribute.word(
                self,
                "type",
                "string, boolean, decimal, integer, dateTime, binary, reference, complex",
            ),
            multi_valued: attribute.flag(self, "multiValued"),
            description: attribute.text(self, "description").unwrap_or_default(),
            required: attribute.flag(self, "required"),
            canonical_values: attribute.texts(self, "canonicalValues"),
            case_exact: attribute.flag(self, "caseExact"),
            mutability,
            returned: if mutability == Mutability::WriteOnly { Returned::Never } else { returned },
            uniqueness: attribute.word(self, "uniqueness", "none, server, global"),
            reference_types: attribute.texts(self, "referenceTypes"),
            sub_attributes: attribute.attributes(self, "subAttributes"),
        })
    }

    /// The members of an object that may have `known` and `ignored` ones.
    fn object<'n>(
        &mut self,
        node: &'n Node,
        pointer: &str,
        known: &[&str],
        ignored: &[&str],
    ) -> Option<Fields<'n>> {
        let Kind::Object(members) = &node.kind else {
            self.fault(node.at, pointer, format!("must be an object, not {}", node.noun()));
            return None;
        };
        let mut names = HashSet::with_capacity(members.len());
        for member in members {
            let name = member.name.as_str();
            let at = pointer::join(pointer, name);
            if !known.contains(&name) && !ignored.contains(&name) {
                let known = known.join(", ");
                self.fault(member.at, &at, format!("unknown member: use {known}"));
            }
            if !names.insert(name) {
                self.fault(member.at, &at, "stands twice in one object: leave one".to_owned());
            }
        }
        Some(Fields { at: node.at, members, pointer: pointer.to_owned() })
    }

    fn each(&mut self, node: &Node, pointer: &str, mut read: impl FnMut(&mut Self, &Node, &str)) {
        match &node.kind {
            Kind::List(nodes) => {
                for (at, node) in nodes.iter().enumerate() {
                    read(self, node, &format!("{pointer}/{at}"));
                }
            }
            Kind::Null => {}
            _ => self.fault(node.at, pointer, format!("must be a list, not {}", node.noun())),
        }
    }

    fn fault(&mut self, at: usize, pointer: &str, message: impl Into<String>) {
        let flaw = Flaw { pointer: pointer.to_owned(), message: message.into() };
        self.faults.push((at, flaw));
    }
}

/// The members of an object; one that is null is not there.
struct Fields<'n> {
    at: usize,
    members: &'n [Member],
    pointer: String,
}

impl Fields<'_> {
    fn get(&self, name: &str) -> Option<(&Node, String)> {
        let member = self.members.iter().find(|member| member.name == name)?;
        let there = !matches!(member.value.kind, Kind::Null);
        there.then(|| (&member.value, pointer::join(&self.pointer, name)))
    }

    fn must_have(&self, reader: &mut Reader, name: &str) {
        if self.get(name).is_none() {
            reader.fault(self.at, &pointer::join(&self.pointer, name), "is missing");
        }
    }

    fn text(&self, reader: &mut Reader, name: &str) -> Option<String> {
        let (node, pointer) = self.get(name)?;
        match &node.kind {
            Kind::Text(text) => Some(text.clone()),
            _ => {
                let message = format!("must be a string, not {}", node.noun());
                reader.fault(node.at, &pointer, message);
                None
            }
        }
    }

    fn required_text(&self, reader: &mut Reader, name: &str) -> String {
        self.must_have(reader, name);
        self.text(reader, name).unwrap_or_default()
    }

    fn flag(&self, reader: &mut Reader, name: &str) -> bool {
        let Some((node, pointer)) = self.get(name) else { return false };
        match node.kind {
            Kind::Boolean(truth) => truth,
            _ => {
                let message = format!("must be true or false, not {}", node.noun());
                reader.fault(node.at, &pointer, message);
                false
            }
        }
    }

    /// One of a few words, listed in `words`.
    fn word<T: DeserializeOwned + Default>(
        &self,
        reader: &mut Reader,
        name: &str,
        words: &str,
    ) -> T {
        let Some((node, pointer)) = self.get(name) else { return T::default() };
        let word = match &node.kind {
            Kind::Text(text) => serde_json::from_value(text.as_str().into()).ok(),
            _ => None,
        };
        word.unwrap_or_else(|| {
            reader.fault(node.at, &pointer, format!("must be one of {words}"));
            T::default()
        })
    }

    fn texts(&self, reader: &mut Reader, name: &str) -> Vec<String> {
        let mut texts = Vec::new();
        self.each(reader, name, |reader, node, pointer| match &node.kind {
            Kind::Text(text) => texts.push(text.clone()),
            _ => {
                let message = format!("must be a string, not {}", node.noun());
                reader.fault(node.at, pointer, message);
            }
        });
        texts
    }

    fn attributes(&self, reader: &mut Reader, name: &str) -> Vec<Attribute> {
        let mut attributes = Vec::new();
        self.each(reader, name, |reader, node, pointer| {
            // An attribute that isn't one keeps its place, so that those behind it keep theirs.
            let read = reader.attribute(node, pointer);
            attributes.push(read.unwrap_or_else(Attribute::default));
        });
        attributes
    }

    fn each(&self, reader: &mut Reader, name: &str, read: impl FnMut(&mut Reader, &Node, &str)) {
        if let Some((node, pointer)) = self.get(name) {
            reader.each(node, &pointer, read);
        }
    }
}
