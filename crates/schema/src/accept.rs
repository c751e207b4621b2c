//! Turns the body of a POST or PUT into a document.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::keys::{refuse_nul, refuse_twins};
use crate::required::{check, place};
use crate::resource_type::{AttrDef, AttrId, ExtensionId, Owner, ResourceType, Storage};
use crate::value::{Canonical, Ignored, is_unassigned, shorten};
use crate::{Document, LinkChange, Mutability, Profile, Type, Violation};

/// What a body is accepted for.
#[derive(Clone, Copy, Debug)]
pub enum Accept<'a> {
    /// A new resource: POST.
    Create,
    /// A resource that is there: PUT.
    Replace {
        /// Its id.
        id: &'a str,
        /// How it stands.
        before: &'a Document,
    },
}

/// A body that was accepted.
#[derive(Clone, Debug, PartialEq)]
pub struct Accepted {
    /// The canonical body.
    pub document: Document,
    /// What becomes of each relation of the type: exactly what the body lists, unless
    /// [`Profile::keep_omitted_relations`] keeps what a PUT doesn't name (R-PUT-11).
    pub links: Vec<LinkChange>,
    /// What was left out.
    pub ignored: Vec<Ignored>,
}

impl ResourceType {
    /// Checks a body and brings it into canonical form (RFC 7644 §3.3, §3.5.1).
    ///
    /// Attributes that the server owns are left out, whatever they hold (R-POST-02, R-PUT-03). On
    /// create an omitted `active` becomes true (R-POST-07); on replace it stays, as immutable
    /// values do (R-PUT-04, R-PUT-05).
    ///
    /// # Errors
    /// [`Violation::Syntax`] when the body is no message for this type (R-POST-05),
    /// [`Violation::Value`] when a value doesn't fit or a required one is missing (R-POST-04),
    /// [`Violation::Mutability`] when a replace changes what can't change.
    pub fn accept(
        &self,
        input: Value,
        how: Accept<'_>,
        profile: &Profile,
    ) -> Result<Accepted, Violation> {
        let Value::Object(input) = input else {
            return Err(Violation::syntax("the body must be a JSON object"));
        };
        refuse_nul(&input)?;
        refuse_twins(&input)?;
        let mut reader = Reader {
            canonical: Canonical::new(self, profile),
            how,
            body: Map::new(),
            links: Vec::new(),
            sent: HashSet::new(),
        };
        reader.read(input)?;
        reader.complete()?;
        reader.finish()
    }
}

/// A body while it is read, key by key.
struct Reader<'a> {
    canonical: Canonical<'a>,
    how: Accept<'a>,
    body: Map<String, Value>,
    links: Vec<LinkChange>,
    sent: HashSet<AttrId>,
}

impl Reader<'_> {
    fn read(&mut self, input: Map<String, Value>) -> Result<(), Violation> {
        let ty = self.canonical.ty;
        let mut schemas = Value::Null;
        for (key, value) in input {
            match ty.lookup(Owner::Base, &key).map(|id| ty.attr(id)) {
                Some(def) if &*def.name == "schemas" => schemas = value,
                found => self.member(found, &key, value).map_err(|wrong| wrong.inside(&key))?,
            }
        }
        self.schemas(schemas).map_err(|wrong| wrong.inside("schemas"))
    }

    fn member(
        &mut self,
        found: Option<&AttrDef>,
        key: &str,
        value: Value,
    ) -> Result<(), Violation> {
        match found {
            Some(def) if &*def.name == "id" => self.id(def, &value),
            Some(def) => {
                if let Some(value) = self.attribute(def, value)? {
                    self.body.insert(def.name.to_string(), value);
                }
                Ok(())
            }
            None => match self.canonical.ty.extension_by_urn(key) {
                Some(id) => self.extension(id, value),
                None => self.canonical.unknown(key),
            },
        }
    }

    fn attribute(&mut self, def: &AttrDef, value: Value) -> Result<Option<Value>, Violation> {
        self.sent.insert(def.id);
        if def.storage == Storage::Relation {
            let ids = self.canonical.ids(def, value)?;
            self.links.push(LinkChange::replaced(def.id, ids));
            return Ok(None);
        }
        self.canonical.attribute(def, value)
    }

    /// R-COMMON-09: an object under the URN.
    fn extension(&mut self, id: ExtensionId, value: Value) -> Result<(), Violation> {
        let ty = self.canonical.ty;
        let urn = &ty.extension(id).urn;
        let input = match value {
            Value::Object(input) => input,
            value if is_unassigned(&value) => return Ok(()),
            _ => return Err(Violation::value(format!("`{urn}` must be an object"))),
        };
        refuse_twins(&input)?;
        let mut held = Map::new();
        for (name, value) in input {
            let kept = match ty.lookup(Owner::Extension(id), &name) {
                Some(attr) => self.attribute(ty.attr(attr), value),
                None => self.canonical.unknown(&format!("{urn}:{name}")).map(|()| None),
            };
            let kept = kept.map_err(|wrong| wrong.inside(&name))?;
            if let (Some(value), Some(attr)) = (kept, ty.lookup(Owner::Extension(id), &name)) {
                held.insert(ty.attr(attr).name.to_string(), value);
            }
        }
        if !held.is_empty() {
            self.body.insert(urn.to_string(), Value::Object(held));
        }
        Ok(())
    }

    /// R-PUT-03: another id is ignored; `strict` refuses it.
    fn id(&mut self, def: &AttrDef, value: &Value) -> Result<(), Violation> {
        let own = match self.how {
            Accept::Create => None,
            Accept::Replace { id, .. } => Some(id),
        };
        let Some(sent) = value.as_str().filter(|sent| own != Some(*sent)) else { return Ok(()) };
        if own.is_some() && !self.canonical.profile.ignore_read_only {
            let sent = shorten(sent);
            return Err(Violation::mutability(format!("`id` is not `{sent}` and can't change")));
        }
        self.canonical.note(&def.path, "read-only");
        Ok(())
    }

    /// R-COMMON-07, R-COMMON-08. Data of an extension counts without its URN (R-COMMON-11).
    fn schemas(&mut self, value: Value) -> Result<(), Violation> {
        let refused = || Violation::syntax("`schemas` must be a list of URNs");
        let profile = self.canonical.profile;
        let urns = match value {
            Value::Null => Vec::new(),
            Value::Array(urns) => urns,
            one if profile.bare_values => vec![one],
            _ => return Err(refused()),
        };
        let mut seen = HashSet::new();
        for (at, urn) in urns.iter().enumerate() {
            let urn = urn.as_str().ok_or_else(|| refused().inside(at))?;
            if !seen.insert(urn.to_ascii_lowercase()) && !profile.schemas_optional {
                let urn = shorten(urn);
                let twice = format!("`schemas` lists `{urn}` twice");
                return Err(Violation::syntax(twice).inside(at));
            }
            self.schema(urn).map_err(|wrong| wrong.inside(at))?;
        }
        let base = self.canonical.ty.schema();
        if !profile.schemas_optional && !seen.contains(&base.to_ascii_lowercase()) {
            return Err(Violation::syntax(format!("`schemas` must list `{base}`")));
        }
        Ok(())
    }

    fn schema(&mut self, urn: &str) -> Result<(), Violation> {
        let ty = self.canonical.ty;
        if urn.eq_ignore_ascii_case(ty.schema()) || ty.extension_by_urn(urn).is_some() {
            return Ok(());
        }
        if self.canonical.profile.refuse_unknown {
            let (urn, kind) = (shorten(urn), ty.name());
            return Err(Violation::syntax(format!("`{urn}` is no schema of `{kind}`")));
        }
        self.canonical.note(urn, "no such schema");
        Ok(())
    }

    /// Adds what the body didn't say.
    fn complete(&mut self) -> Result<(), Violation> {
        let ty = self.canonical.ty;
        for def in ty.attrs().iter().filter(|def| def.parent.is_none()) {
            match self.how {
                _ if def.storage == Storage::Relation => {
                    let keeps = matches!(self.how, Accept::Replace { .. })
                        && self.canonical.profile.keep_omitted_relations;
                    if !keeps && !self.sent.contains(&def.id) {
                        self.links.push(LinkChange::replaced(def.id, []));
                    }
                }
                Accept::Create if is_active(def) && !self.sent.contains(&def.id) => {
                    self.body.insert(def.name.to_string(), Value::Bool(true));
                }
                Accept::Create => {}
                Accept::Replace { before, .. } => self.keep(def, before)?,
            }
        }
        Ok(())
    }

    /// Keeps what a replace doesn't clear, and refuses what it may not change.
    fn keep(&mut self, def: &AttrDef, before: &Document) -> Result<(), Violation> {
        let ty = self.canonical.ty;
        let Some(had) = holder(ty, def, before.body()).and_then(|body| body.get(&*def.name)) else {
            return Ok(());
        };
        let sent = self.sent.contains(&def.id);
        let immutable = def.mutability == Mutability::Immutable;
        if !sent && (immutable || is_active(def)) {
            self.put(def, had.clone());
            return Ok(());
        }
        let now = match def.extension {
            None => self.body.get_mut(&*def.name),
            Some(id) => {
                self.body.get_mut(&*ty.extension(id).urn).and_then(|held| held.get_mut(&*def.name))
            }
        };
        if immutable && now.as_deref() != Some(had) {
            return Err(changed(ty, def));
        }
        if let (Some(Value::Object(now)), Value::Object(had)) = (now, had) {
            keep_parts(ty, def, now, had)?;
        }
        Ok(())
    }

    fn put(&mut self, def: &AttrDef, value: Value) {
        let name = def.name.to_string();
        let Some(id) = def.extension else {
            self.body.insert(name, value);
            return;
        };
        let urn = self.canonical.ty.extension(id).urn.to_string();
        let held = self.body.entry(urn).or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(held) = held {
            held.insert(name, value);
        }
    }

    fn finish(self) -> Result<Accepted, Violation> {
        let document = Document::from_canonical(self.body);
        check(self.canonical.ty, &document)?;
        Ok(Accepted { document, links: self.links, ignored: self.canonical.ignored })
    }
}

/// The object that an attribute stands in.
fn holder<'b>(
    ty: &ResourceType,
    def: &AttrDef,
    body: &'b Map<String, Value>,
) -> Option<&'b Map<String, Value>> {
    match def.extension {
        None => Some(body),
        Some(id) => body.get(&*ty.extension(id).urn).and_then(Value::as_object),
    }
}

/// R-PUT-04 for the parts of a singular complex value.
fn keep_parts(
    ty: &ResourceType,
    def: &AttrDef,
    now: &mut Map<String, Value>,
    had: &Map<String, Value>,
) -> Result<(), Violation> {
    let parts = def.subs.iter().map(|id| ty.attr(*id));
    for part in parts.filter(|part| part.mutability == Mutability::Immutable) {
        let Some(had) = had.get(&*part.name) else { continue };
        if now.entry(part.name.to_string()).or_insert_with(|| had.clone()) != had {
            return Err(changed(ty, part));
        }
    }
    Ok(())
}

fn changed(ty: &ResourceType, def: &AttrDef) -> Violation {
    let detail = format!("`{}` is set and can't change", def.path);
    Violation::mutability(detail).at(place(ty, def))
}

/// `active` is the one attribute with a default (R-POST-07).
fn is_active(def: &AttrDef) -> bool {
    &*def.name == "active"
        && def.kind == Type::Boolean
        && !def.multi_valued
        && def.extension.is_none()
        && def.storage == Storage::Document
}
