//! Resolves operations against a resource type.

use rollcall_filter::{ErrorKind, Grammar, Parser, Path};
use serde_json::Value;

use super::envelope::{self, Operation, Verb};
use super::fault::Fault;
use super::{Act, Change, Elements, Missing, Patch, Pick, Step, Write};
use crate::keys::refuse_twins;
use crate::resource_type::{
    AttrDef, AttrId, AttrRef, ExtensionId, Owner, ResourceType, Storage, Target,
};
use crate::value::{Canonical, is_unassigned, shorten};
use crate::{FilterError, Mutability, PatchError, Profile};

const READ_ONLY: &str = "read-only";
const DISCARDED: &str = "accepted and discarded";

/// Compiles the body of a PATCH request.
pub(super) fn read(ty: &ResourceType, body: Value, profile: &Profile) -> Result<Patch, PatchError> {
    let operations = envelope::operations(ty, body, profile)?;
    let last = operations.len().saturating_sub(1);
    let mut reader = Reader { canonical: Canonical::new(ty, profile), steps: Vec::new(), at: 0 };
    for (at, operation) in operations.into_iter().enumerate() {
        reader.at = at;
        Operation::read(operation)
            .and_then(|operation| reader.operation(operation))
            .map_err(|fault| fault.at(at))?;
    }
    Ok(Patch { steps: reader.steps, ignored: reader.canonical.ignored, last })
}

/// What an operation asks for, and where it names its target.
#[derive(Clone, Copy, Debug)]
pub(super) struct How {
    pub(super) verb: Verb,
    pub(super) named: Named,
}

/// Where a target is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// By `path`.
    ByPath,
    /// By a key of the value of an operation without path.
    ByKey,
}

pub(super) struct Reader<'a> {
    pub(super) canonical: Canonical<'a>,
    steps: Vec<Step>,
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) const fn ty(&self) -> &'a ResourceType {
        self.canonical.ty
    }

    pub(super) const fn profile(&self) -> &'a Profile {
        self.canonical.profile
    }

    pub(super) fn push(&mut self, act: Act) {
        self.steps.push(Step { at: self.at, act });
    }

    fn operation(&mut self, operation: Operation) -> Result<(), Fault> {
        let Operation { verb, path, value } = operation;
        match (path, value) {
            (None, _) if verb == Verb::Remove => {
                Err(Fault::NoTarget("`remove` needs a `path`".into()))
            }
            (Some(path), value) if verb == Verb::Remove => {
                let value = value.unwrap_or(Value::Null);
                self.by_path(How { verb, named: Named::ByPath }, &path, value)
            }
            (_, None) => Err(Fault::value("`value` is missing")),
            (Some(path), Some(value)) => {
                self.by_path(How { verb, named: Named::ByPath }, &path, value)
            }
            (None, Some(value)) => {
                self.pathless(&value)?;
                let outcome = self.object(How { verb, named: Named::ByKey }, Owner::Base, value);
                outcome.map_err(|fault| fault.inside("value"))
            }
        }
    }

    /// R-IOP-03: whether an operation may leave out its path. Read-only attributes are refused
    /// first, as they would be by path.
    fn pathless(&self, value: &Value) -> Result<(), Fault> {
        if self.profile().pathless_patch {
            return Ok(());
        }
        let keys = value.as_object().into_iter().flat_map(|object| object.keys());
        let named = keys.filter_map(|key| self.ty().lookup(Owner::Base, key));
        let mut named = named.map(|attr| self.ty().attr(attr));
        match named.find(|def| def.mutability == Mutability::ReadOnly) {
            Some(def) if !self.profile().ignore_read_only => Err(Fault::read_only(def)),
            _ => Err(Fault::Syntax("each operation needs a `path`".into())),
        }
    }

    /// Each key of an object is an operation on that attribute (R-PATCH-20, R-PATCH-40).
    fn object(&mut self, how: How, owner: Owner, value: Value) -> Result<(), Fault> {
        let Value::Object(object) = value else {
            return Err(Fault::value("a `value` for more than one attribute must be an object"));
        };
        refuse_twins(&object)?;
        let how = How { named: Named::ByKey, ..how };
        object.into_iter().try_for_each(|(key, value)| {
            self.key(how, owner, &key, value).map_err(|fault| fault.inside(&shorten(&key)))
        })
    }

    /// Resolves a key of a value without path (R-PATCH-21).
    fn key(&mut self, how: How, owner: Owner, key: &str, value: Value) -> Result<(), Fault> {
        let ty = self.ty();
        if let Some(attr) = ty.lookup(owner, key) {
            return self.attribute(how, attr, value);
        }
        match owner {
            Owner::Extension(id) => self.extension_key(how, id, key, value),
            Owner::Base | Owner::Attr(_) => self.base_key(how, key, value),
        }
    }

    fn base_key(&mut self, how: How, key: &str, value: Value) -> Result<(), Fault> {
        let ty = self.ty();
        if let Some(id) = ty.extension_by_urn(key) {
            return self.extension(how, id, value);
        }
        if !self.profile().keys_as_paths {
            return Ok(self.canonical.unknown(key)?);
        }
        match self.parse(key) {
            Ok(path) => self.target(how, &path, key, value),
            // A broken value path was meant as one; anything else is no attribute of ours.
            Err(fault) if key.contains('[') => Err(fault),
            Err(_) => Ok(self.canonical.unknown(key)?),
        }
    }

    fn extension_key(
        &mut self,
        how: How,
        id: ExtensionId,
        key: &str,
        value: Value,
    ) -> Result<(), Fault> {
        let ty = self.ty();
        let part = key.split_once('.').filter(|_| self.profile().keys_as_paths);
        let found = part.and_then(|(name, sub)| {
            let attr = ty.lookup(Owner::Extension(id), name)?;
            Some((attr, ty.sub(attr, sub)?))
        });
        match found {
            Some((attr, sub)) => self.part(how, attr, sub, value),
            None => Ok(self.canonical.unknown(&format!("{}:{key}", ty.extension(id).urn))?),
        }
    }

    fn by_path(&mut self, how: How, text: &str, value: Value) -> Result<(), Fault> {
        let listed = !value.is_null();
        let path = self.parse(text);
        let outcome = path.and_then(|path| self.target(how, &path, text, value));
        outcome.map_err(|fault| fault.by_path(how.verb, listed))
    }

    /// R-PATCH-05: a bad filter between brackets is told from a bad path.
    fn parse<'t>(&self, text: &'t str) -> Result<Path<'t>, Fault> {
        let loose = self.profile().loose_filters;
        let grammar = if loose { Grammar::Tolerant } else { Grammar::Strict };
        Parser { grammar, ..Parser::posted() }.path(text).map_err(|error| match error.kind() {
            ErrorKind::Filter => Fault::Filter(FilterError::Syntax(error)),
            // R-FILTER-24: what is beyond a bound is a filter where a bracket was opened before.
            ErrorKind::TooDeep | ErrorKind::TooManyNodes
                if text.get(..error.offset()).is_some_and(|before| before.contains('[')) =>
            {
                Fault::Filter(FilterError::Syntax(error))
            }
            _ => Fault::path(format!("no path `{}`: {error}", shorten(text))),
        })
    }

    fn target(&mut self, how: How, path: &Path<'_>, text: &str, value: Value) -> Result<(), Fault> {
        let found = self.ty().resolve(&path.attr, self.profile());
        match (found, &path.filter) {
            (None, _) => self.unknown(how, text),
            (Some(Target::Attr(AttrRef { attr, sub: None })), None) => {
                self.attribute(how, attr, value)
            }
            (Some(Target::Attr(AttrRef { attr, sub: Some(sub) })), None) => {
                self.part(how, attr, sub, value)
            }
            (Some(Target::Attr(AttrRef { attr, sub: None })), Some(filter)) => {
                match path.sub.map(|name| self.ty().sub(attr, name)) {
                    None => self.elements(how, attr, filter, value),
                    Some(Some(sub)) => self.element_parts(how, (attr, sub), filter, value),
                    Some(None) => self.unknown(how, text),
                }
            }
            (Some(Target::Extension(id)), None) => self.extension(how, id, value),
            (Some(Target::Base), None) if how.verb == Verb::Remove => {
                Err(Fault::mutability("the base schema can't be removed"))
            }
            (Some(Target::Base), None) => self.object(how, Owner::Base, value),
            (Some(_), Some(_)) => {
                let text = shorten(text);
                Err(Fault::path(format!("`{text}`: brackets follow a whole attribute only")))
            }
        }
    }

    /// R-PATCH-06: what the type doesn't have is left out, or refused.
    fn unknown(&mut self, how: How, text: &str) -> Result<(), Fault> {
        if how.named == Named::ByPath && self.profile().refuse_unknown {
            let (text, kind) = (shorten(text), self.ty().name());
            return Err(Fault::path(format!("no attribute `{text}` in `{kind}`")));
        }
        Ok(self.canonical.unknown(text)?)
    }

    /// A bare extension URN is the whole extension object (R-EXT-04).
    fn extension(&mut self, how: How, id: ExtensionId, value: Value) -> Result<(), Fault> {
        match (how.verb, value) {
            (Verb::Remove, _) if self.ty().extension(id).required => {
                let urn = &self.ty().extension(id).urn;
                Err(Fault::mutability(format!("`{urn}` is required and can't be removed")))
            }
            (Verb::Add, value) if is_unassigned(&value) => Ok(()),
            (verb, value) if verb == Verb::Remove || is_unassigned(&value) => {
                self.push(Act::Drop(id));
                Ok(())
            }
            (_, value) => self.object(how, Owner::Extension(id), value),
        }
    }

    fn attribute(&mut self, how: How, attr: AttrId, value: Value) -> Result<(), Fault> {
        let def = self.ty().attr(attr);
        if def.storage == Storage::Server && &*def.name == "schemas" {
            return self.schemas(how, value);
        }
        if !self.writable(how, def, &value)? {
            return Ok(());
        }
        if def.storage == Storage::Relation {
            return self.relation(how, def, value);
        }
        if how.verb == Verb::Remove {
            return self.remove(def, value);
        }
        if let Some(write) = self.write(def, how.verb, value)? {
            self.push(Act::Write(attr, write));
        }
        Ok(())
    }

    /// R-PATCH-07, R-RES-07: whether a write to `def` has any effect.
    pub(super) fn writable(
        &mut self,
        how: How,
        def: &AttrDef,
        value: &Value,
    ) -> Result<bool, Fault> {
        let owned = matches!(def.storage, Storage::Server | Storage::Derived);
        match def.mutability {
            Mutability::ReadWrite | Mutability::Immutable if !owned => Ok(true),
            Mutability::WriteOnly if !owned => {
                self.canonical.note(&def.path, DISCARDED);
                Ok(false)
            }
            _ => self.read_only(how, def, value).map(|()| false),
        }
    }

    fn read_only(&mut self, how: How, def: &AttrDef, value: &Value) -> Result<(), Fault> {
        if how.named == Named::ByPath {
            return Err(Fault::read_only(def));
        }
        if self.profile().ignore_read_only {
            self.canonical.note(&def.path, READ_ONLY);
            return Ok(());
        }
        if def.storage == Storage::Server && &*def.path == "id" {
            self.push(Act::SameId(value.clone()));
            return Ok(());
        }
        Err(Fault::read_only(def))
    }

    /// R-PATCH-31, R-PATCH-32; a list of values is what to remove (R-PATCH-34).
    fn remove(&mut self, def: &AttrDef, value: Value) -> Result<(), Fault> {
        if !def.multi_valued || value.is_null() {
            if def.required {
                return Err(Fault::required(def));
            }
            self.push(Act::Write(def.id, Write::Clear));
            return Ok(());
        }
        if !self.profile().remove_listed {
            return Err(value_in_remove(def));
        }
        let listed = match value {
            Value::Array(values) => self.canonical.elements(def, values)?,
            one => self.canonical.element(def, one)?.into_iter().collect(),
        };
        self.push(Act::Elements(Elements {
            attr: def.id,
            pick: Pick::Listed(listed),
            change: Change::Drop,
            missing: Missing::Skip,
        }));
        Ok(())
    }

    /// `name.familyName`, or `emails.value` without a filter (R-PATCH-64).
    fn part(&mut self, how: How, attr: AttrId, sub: AttrId, value: Value) -> Result<(), Fault> {
        let (def, sub) = (self.ty().attr(attr), self.ty().attr(sub));
        if !self.writable(how, def, &value)? || !self.writable(how, sub, &value)? {
            return Ok(());
        }
        if def.storage == Storage::Relation {
            return Err(in_place(def));
        }
        if how.verb == Verb::Remove && def.multi_valued && !value.is_null() {
            return Err(value_in_remove(def));
        }
        let Some(write) = self.part_write(how, sub, value)? else { return Ok(()) };
        if !def.multi_valued {
            self.push(Act::Write(attr, Write::Merge(vec![(sub.id, write)])));
            return Ok(());
        }
        let create = how.verb == Verb::Add || self.profile().create_missing;
        let missing = match write {
            Write::Clear => Missing::Skip,
            _ if create => Missing::Create(serde_json::Map::new()),
            _ => Missing::Refuse,
        };
        let pick = if how.verb == Verb::Remove { Pick::Every } else { Pick::Sole };
        let change = Change::Merge(vec![(sub.id, write)]);
        self.push(Act::Elements(Elements { attr, pick, change, missing }));
        Ok(())
    }

    /// What an operation does to a part that its path names.
    pub(super) fn part_write(
        &mut self,
        how: How,
        sub: &AttrDef,
        value: Value,
    ) -> Result<Option<Write>, Fault> {
        match how.verb {
            Verb::Remove if sub.required => Err(Fault::required(sub)),
            Verb::Remove => Ok(Some(Write::Clear)),
            verb => self.write(sub, verb, value),
        }
    }

    /// R-EXT-06: `schemas` follows the data, so that adding to it changes nothing, and removing an
    /// extension from it drops the extension's data.
    fn schemas(&mut self, how: How, value: Value) -> Result<(), Fault> {
        let listed = match value {
            Value::Array(urns) => urns,
            one => vec![one],
        };
        let mut ids = Vec::new();
        let mut base = false;
        for urn in &listed {
            let urn = urn.as_str().unwrap_or_default();
            match self.ty().extension_by_urn(urn) {
                Some(id) => ids.push(id),
                None if urn.eq_ignore_ascii_case(self.ty().schema()) => base = true,
                None if urn.is_empty() => {}
                None => self.canonical.unknown(urn)?,
            }
        }
        match how.verb {
            Verb::Add => Ok(()),
            Verb::Replace if how.named == Named::ByKey => Ok(()),
            Verb::Remove if base || ids.is_empty() => {
                Err(Fault::mutability("the base schema can't be removed: name an extension"))
            }
            Verb::Replace if !base => {
                Err(Fault::mutability("the base schema can't be removed from `schemas`"))
            }
            Verb::Remove => self.drop_all(how, |id| ids.contains(&id)),
            Verb::Replace => self.drop_all(how, |id| !ids.contains(&id)),
        }
    }

    pub(super) fn drop_all(
        &mut self,
        how: How,
        dropped: impl Fn(ExtensionId) -> bool,
    ) -> Result<(), Fault> {
        let ty = self.ty();
        let ids =
            ty.extensions().iter().filter_map(|extension| ty.extension_by_urn(&extension.urn));
        ids.filter(|id| dropped(*id))
            .try_for_each(|id| self.extension(How { verb: Verb::Remove, ..how }, id, Value::Null))
    }
}

/// R-E-20: a value that the profile doesn't read must never make `remove` drop everything.
pub(super) fn value_in_remove(def: &AttrDef) -> Fault {
    let path = &def.path;
    Fault::value(format!("`remove` takes no `value`: name what to remove by `{path}[…]`"))
}

/// R-PATCH-48.
pub(super) fn in_place(def: &AttrDef) -> Fault {
    Fault::mutability(format!("`{}` can't be altered in place: remove and add instead", def.path))
}
