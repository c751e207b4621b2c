//! Resources as they go on the wire.

use std::sync::Arc;

use rollcall_domain::{Derived, Found, Record, ResourceId};
use rollcall_schema::{
    AttrDef, AttrId, Document, Link, Mutability, Owner, Projection, Reach, ResourceType, Storage,
};
use serde_json::{Map, Value};

use crate::precondition::tag;
use crate::problem::Problem;
use crate::site::Site;

/// What a request sees of the resources of one type.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) ty: Arc<ResourceType>,
    projection: Projection,
    site: Site,
    /// `"URN":` of each extension, as a stored text that has it contains it.
    keys: Vec<String>,
    relation: Option<Column>,
    derived: Option<Column>,
    versions: bool,
}

/// A resource as text, open where its relation goes.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) id: ResourceId,
    pub(crate) head: Vec<u8>,
    pub(crate) tail: Vec<u8>,
}

/// A list of references to resources, such as `members`, and which of its parts are shown.
#[derive(Clone, Debug)]
struct Column {
    name: Box<str>,
    value: bool,
    reference: bool,
    display: bool,
    kind: bool,
}

/// A reference to a resource.
struct Reference<'a> {
    id: &'a str,
    /// The resource type that it points at.
    kind: &'a str,
    /// What `type` says of it.
    said: &'a str,
    display: Option<&'a str>,
}

impl View {
    pub(crate) fn new(ty: &Arc<ResourceType>, projection: Projection, site: Site) -> Self {
        let relation = Column::of(ty, ty.relation(), &projection);
        let derived = Column::of(ty, ty.derived(), &projection);
        let key = |urn: &str| format!("{}:", Value::from(urn));
        let keys = ty.extensions().iter().map(|extension| key(&extension.urn)).collect();
        let (ty, versions) = (Arc::clone(ty), true);
        Self { ty, projection, site, keys, relation, derived, versions }
    }

    /// The same without versions, where the connection doesn't offer any.
    pub(crate) fn without_versions(self) -> Self {
        Self { versions: false, ..self }
    }

    /// Whether versions are shown.
    pub(crate) const fn shows_versions(&self) -> bool {
        self.versions
    }

    /// Whether `attributes` was given.
    pub(crate) const fn names(&self) -> bool {
        self.projection.names()
    }

    /// Whether the relation is shown; if not, no row of it is read (R-PROJ-10).
    pub(crate) const fn shows_relation(&self) -> bool {
        self.relation.is_some()
    }

    /// Whether derived attributes are shown.
    pub(crate) const fn derived(&self) -> Derived {
        match self.derived {
            Some(_) => Derived::Shown,
            None => Derived::Hidden,
        }
    }

    /// Whether a body that makes a resource gives its relation any rows.
    pub(crate) fn is_linked(&self, body: &Value) -> bool {
        let relation = self.ty.relation().map(|def| def.id);
        let keys = body.as_object().into_iter().flat_map(Map::keys);
        keys.map(|key| self.ty.lookup(Owner::Base, key)).any(|id| id.is_some() && id == relation)
    }

    /// The URL of a resource of this type.
    pub(crate) fn location(&self, id: ResourceId) -> String {
        self.site.location(self.ty.name(), id)
    }

    /// Writes a resource. The stored text goes out as it is, unless part of it is hidden.
    pub(crate) fn piece(&self, found: &Found) -> Result<Piece, Problem> {
        let record = &found.record;
        let mut piece =
            if self.projection.is_default() { self.spliced(record) } else { self.pruned(record)? };
        self.write_incoming(&mut piece.head, found);
        Ok(piece)
    }

    /// Appends one row of the relation, with what stands before it in the list; false when none of
    /// its parts is shown.
    pub(crate) fn write_link(&self, out: &mut Vec<u8>, link: &Link, first: bool) -> bool {
        let Link { id, kind, display } = link;
        let reference = Reference { id, kind, said: kind, display: display.as_deref() };
        let column = self.relation.as_ref().filter(|column| column.has(&reference));
        let Some(column) = column else { return false };
        if first {
            column.open(out);
        } else {
            out.push(b',');
        }
        column.write(out, &self.site, &reference);
        true
    }

    fn spliced(&self, record: &Record) -> Piece {
        let mut head = Vec::with_capacity(512);
        head.extend_from_slice(b"{\"schemas\":[");
        text(&mut head, self.ty.schema());
        for urn in self.urns(&record.body) {
            head.push(b',');
            text(&mut head, urn);
        }
        head.extend_from_slice(b"],\"id\":");
        text(&mut head, &record.id.to_string());
        head.extend_from_slice(b",\"meta\":");
        json(&mut head, &self.meta(record));
        Piece { id: record.id, head, tail: tail(&record.body) }
    }

    fn pruned(&self, record: &Record) -> Result<Piece, Problem> {
        let document = Document::from_stored(&record.body).map_err(Problem::internal)?;
        let mut body = document.into_body();
        let urns = std::iter::once(self.ty.schema()).chain(self.urns(&record.body));
        body.insert("schemas".into(), urns.map(Value::from).collect());
        body.insert("id".into(), record.id.to_string().into());
        body.insert("meta".into(), self.meta(record));
        self.projection.apply(&self.ty, &mut body);
        let mut head = vec![b'{'];
        for name in ["schemas", "id", "meta"] {
            if let Some(value) = body.remove(name) {
                head.extend_from_slice(if head.len() > 1 { b",\"" } else { b"\"" });
                head.extend_from_slice(name.as_bytes());
                head.extend_from_slice(b"\":");
                json(&mut head, &value);
            }
        }
        Ok(Piece { id: record.id, head, tail: tail(&Value::Object(body).to_string()) })
    }

    /// The extensions that a stored text holds data of (R-COMMON-07). Inside of a string quotes
    /// are escaped, so that a key can't be mistaken.
    fn urns<'s>(&'s self, body: &'s str) -> impl Iterator<Item = &'s str> {
        let held = self.ty.extensions().iter().zip(&self.keys);
        held.filter(|(_, key)| body.contains(key.as_str())).map(|(extension, _)| &*extension.urn)
    }

    fn meta(&self, record: &Record) -> Value {
        let version = self.versions.then(|| ("version", tag(record.version)));
        let meta = [
            ("resourceType", self.ty.name().to_owned()),
            ("created", record.created.to_string()),
            ("lastModified", record.modified.to_string()),
            ("location", self.location(record.id)),
        ];
        let named = |(name, text): (&str, String)| (name.to_owned(), Value::from(text));
        meta.into_iter().chain(version).map(named).collect()
    }

    /// R-RES-02: every group of a user, with how it is reached.
    fn write_incoming(&self, out: &mut Vec<u8>, found: &Found) {
        let Some(column) = &self.derived else { return };
        let mut first = true;
        for incoming in &found.incoming {
            let said = match incoming.reach {
                Reach::Direct => "direct",
                Reach::Indirect => "indirect",
            };
            let display = incoming.display.as_deref();
            let reference = Reference { id: &incoming.id, kind: &incoming.kind, said, display };
            if !column.has(&reference) {
                continue;
            }
            if first {
                column.open(out);
            } else {
                out.push(b',');
            }
            first = false;
            column.write(out, &self.site, &reference);
        }
        if !first {
            out.push(b']');
        }
    }
}

impl Column {
    /// The attribute, where any part of it is shown.
    fn of(ty: &ResourceType, def: Option<&AttrDef>, projection: &Projection) -> Option<Self> {
        let def = def.filter(|def| projection.shows(ty, def.id))?;
        let shown = |id: AttrId| projection.shows(ty, id) && is_readable(ty.attr(id));
        let part = |name: &str| ty.sub(def.id, name).is_some_and(shown);
        let column = Self {
            name: def.name.clone(),
            value: part("value"),
            reference: part("$ref"),
            display: part("display"),
            kind: part("type"),
        };
        (column.value || column.reference || column.display || column.kind).then_some(column)
    }

    /// Whether anything of a reference is shown.
    const fn has(&self, reference: &Reference<'_>) -> bool {
        self.value || self.reference || self.kind || self.display && reference.display.is_some()
    }

    fn open(&self, out: &mut Vec<u8>) {
        out.push(b',');
        text(out, &self.name);
        out.extend_from_slice(b":[");
    }

    fn write(&self, out: &mut Vec<u8>, site: &Site, reference: &Reference<'_>) {
        let mut mark: &[u8] = b"{";
        let mut part = |out: &mut Vec<u8>, key: &[u8], value: &str| {
            out.extend_from_slice(std::mem::replace(&mut mark, b","));
            out.extend_from_slice(key);
            text(out, value);
        };
        if self.value {
            part(out, b"\"value\":", reference.id);
        }
        if self.reference {
            part(out, b"\"$ref\":", &site.location(reference.kind, reference.id));
        }
        if self.kind {
            part(out, b"\"type\":", reference.said);
        }
        if let Some(display) = reference.display.filter(|_| self.display) {
            part(out, b"\"display\":", display);
        }
        out.push(b'}');
    }
}

/// Whether an attribute has anything to read.
fn is_readable(def: &AttrDef) -> bool {
    def.mutability != Mutability::WriteOnly && def.storage != Storage::Server
}

/// What follows the head: the inside of an object, and its end.
fn tail(object: &str) -> Vec<u8> {
    let inner = object.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let inner = inner.unwrap_or_default().trim();
    let mut tail = Vec::with_capacity(inner.len() + 2);
    if !inner.is_empty() {
        tail.push(b',');
        tail.extend_from_slice(inner.as_bytes());
    }
    tail.push(b'}');
    tail
}

fn text(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("memory takes every text");
}

fn json(out: &mut Vec<u8>, value: &Value) {
    serde_json::to_writer(out, value).expect("memory takes every value");
}

#[cfg(test)]
mod tests;
