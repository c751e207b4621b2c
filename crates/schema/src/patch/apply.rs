//! Applies compiled operations to one resource.

use serde_json::{Map, Value};

use super::budget::{Budget, tests};
use super::fault::Fault;
use super::links::{Changes, Joining, one_element};
use super::list::{Marked, is_filled};
use super::{Act, Change, Elements, LinkStep, Missing, Patch, Patched, Pick, Write};
use crate::required::check;
use crate::resource_type::{AttrDef, AttrId, ExtensionId, ResourceType};
use crate::value::part;
use crate::{Document, Mutability, PatchError, Profile, View};

type Object = Map<String, Value>;

pub(super) fn apply(
    patch: &Patch,
    ty: &ResourceType,
    (seen, joining): (&View<'_>, &Joining<'_>),
    profile: &Profile,
) -> Result<Patched, PatchError> {
    let rules = Rules { ty, profile, budget: Budget::new() };
    let mut body = seen.document.body().clone();
    let mut links = Changes::default();
    for step in &patch.steps {
        rules
            .act(&mut body, &mut links, &step.act, (seen, joining))
            .map_err(|fault| fault.at(step.at))?;
    }
    let document = Document::from_canonical(body);
    if document != *seen.document {
        check(ty, &document).map_err(|violation| {
            // The outcome is no part of the request: what it lacks has no place there.
            PatchError::Violation { at: patch.last, violation: violation.at(String::new()) }
        })?;
    }
    // The notes belong to the compiled patch, which may be applied again.
    Ok(Patched { document, links: links.finish(), ignored: patch.ignored.clone() })
}

/// What operations go by.
pub(super) struct Rules<'a> {
    pub(super) ty: &'a ResourceType,
    pub(super) profile: &'a Profile,
    pub(super) budget: Budget,
}

impl Rules<'_> {
    fn act(
        &self,
        body: &mut Object,
        links: &mut Changes,
        act: &Act,
        (seen, joining): (&View<'_>, &Joining<'_>),
    ) -> Result<(), Fault> {
        match act {
            Act::Write(attr, write) => {
                let def = self.ty.attr(*attr);
                self.in_holder(body, def, |holder| self.write(holder, def, write))
            }
            Act::Elements(elements) => {
                let def = self.ty.attr(elements.attr);
                self.in_holder(body, def, |holder| {
                    keep_fixed(holder, def, |holder| self.elements(holder, def, elements))
                })
            }
            Act::Drop(id) => self.drop_extension(body, *id),
            Act::Links(attr, step) => {
                if let LinkStep::RemoveWhere(condition) = step {
                    self.budget.rows(seen.links, links.added(*attr), tests(condition))?;
                }
                links.apply(self.ty, *attr, step, (seen.links, joining), self.profile)
            }
            Act::SameId(value) if value.as_str() == Some(seen.id) => Ok(()),
            Act::SameId(_) => Err(Fault::mutability("`id` is read-only")),
        }
    }

    /// Hands out the object that holds `def`: the body, or an extension in it, which comes and
    /// goes with its content (R-EXT-05).
    fn in_holder(
        &self,
        body: &mut Object,
        def: &AttrDef,
        change: impl FnOnce(&mut Object) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let Some(id) = def.extension else { return change(body) };
        let mut holder = self.take_extension(body, id);
        change(&mut holder)?;
        if !holder.is_empty() {
            body.insert(self.ty.extension(id).urn.to_string(), Value::Object(holder));
        }
        Ok(())
    }

    /// R-EXT-04, unless an immutable attribute would go with it.
    fn drop_extension(&self, body: &mut Object, id: ExtensionId) -> Result<(), Fault> {
        let extension = self.ty.extension(id);
        let held = body.get(&*extension.urn);
        let is_fixed = |def: &&AttrDef| {
            let value = held.and_then(|held| held.get(&*def.name));
            def.mutability == Mutability::Immutable && value.is_some()
        };
        if let Some(def) = extension.attrs.iter().map(|attr| self.ty.attr(*attr)).find(is_fixed) {
            return Err(Fault::immutable(def));
        }
        body.remove(&*extension.urn);
        Ok(())
    }

    fn take_extension(&self, body: &mut Object, id: ExtensionId) -> Object {
        match body.remove(&*self.ty.extension(id).urn) {
            Some(Value::Object(holder)) => holder,
            _ => Object::new(),
        }
    }

    fn write(&self, holder: &mut Object, def: &AttrDef, write: &Write) -> Result<(), Fault> {
        keep_fixed(holder, def, |holder| self.put(holder, def, write))
    }

    fn put(&self, holder: &mut Object, def: &AttrDef, write: &Write) -> Result<(), Fault> {
        let name = &*def.name;
        match write {
            Write::Clear => drop(holder.remove(name)),
            Write::Set(value) => {
                let mut value = value.clone();
                self.keep_immutable(def, holder.get(name), &mut value)?;
                put(holder, name, value);
            }
            Write::List(elements) => put(holder, name, Value::Array(elements.clone())),
            Write::Append(elements) => self.append(holder, def, elements)?,
            Write::Merge(parts) => {
                let mut value = holder.remove(name).unwrap_or_default();
                self.merge(def, &mut value, parts)?;
                put(holder, name, value);
            }
        }
        Ok(())
    }

    fn append(&self, holder: &mut Object, def: &AttrDef, elements: &[Value]) -> Result<(), Fault> {
        let list = take_list(holder, def);
        self.budget.list(&list, 1)?;
        let old = list.into_iter().map(|element| (element, false));
        let new = elements.iter().map(|element| (element.clone(), true));
        let list = self.settle(def, old.chain(new).collect())?;
        put(holder, &def.name, Value::Array(list));
        Ok(())
    }

    /// Writes parts of a complex value.
    fn merge(
        &self,
        def: &AttrDef,
        value: &mut Value,
        parts: &[(AttrId, Write)],
    ) -> Result<(), Fault> {
        if !value.is_object() {
            *value = Value::Object(Object::new());
        }
        let Value::Object(object) = value else { return Ok(()) };
        let writes = |sub: &&AttrDef| parts.iter().any(|(written, _)| *written == sub.id);
        let target = part(self.ty, def, "value").filter(writes);
        let before = target.and_then(|target| object.get(&*target.name)).cloned();
        for (sub, write) in parts {
            self.write(object, self.ty.attr(*sub), write)?;
        }
        // A `$ref` of its old target must not outlive it.
        let reference = part(self.ty, def, "$ref").filter(|sub| !writes(sub));
        if let (Some(reference), Some(target)) = (reference, target)
            && object.get(&*target.name) != before.as_ref()
        {
            object.remove(&*reference.name);
        }
        Ok(())
    }

    /// R-PATCH-48: immutable parts outlast the replacement of their value, and only they themselves.
    fn keep_immutable(
        &self,
        def: &AttrDef,
        before: Option<&Value>,
        after: &mut Value,
    ) -> Result<(), Fault> {
        let (Some(Value::Object(before)), Value::Object(after)) = (before, after) else {
            return Ok(());
        };
        let subs = def.subs.iter().map(|sub| self.ty.attr(*sub));
        for sub in subs.filter(|sub| sub.mutability == Mutability::Immutable) {
            let Some(old) = before.get(&*sub.name) else { continue };
            if after.entry(&*sub.name).or_insert_with(|| old.clone()) != old {
                return Err(Fault::immutable(sub));
            }
        }
        Ok(())
    }

    fn elements(&self, holder: &mut Object, def: &AttrDef, op: &Elements) -> Result<(), Fault> {
        let mut list = take_list(holder, def);
        let had = !list.is_empty();
        let mut picked = self.pick(def, &op.pick, &list)?;
        if matches!(op.pick, Pick::Where(_)) {
            one_element(self.profile, def, picked.iter().filter(|picked| **picked).count())?;
        }
        if !picked.contains(&true) {
            match &op.missing {
                Missing::Skip => {}
                Missing::Create(seed) => {
                    list.push(Value::Object(seed.clone()));
                    picked.push(true);
                }
                Missing::Refuse => return Err(no_target(def)),
            }
        }
        let marked = list.into_iter().zip(picked);
        let list = match &op.change {
            Change::Drop => marked.filter(|(_, picked)| !picked).map(|(el, _)| el).collect(),
            change => {
                let changed = marked.map(|marked| self.change(def, marked, change));
                self.settle(def, changed.collect::<Result<_, _>>()?)?
            }
        };
        if def.required && had && list.is_empty() {
            return Err(Fault::required(def));
        }
        put(holder, &def.name, Value::Array(list));
        Ok(())
    }

    fn change(
        &self,
        def: &AttrDef,
        (mut element, picked): Marked,
        change: &Change,
    ) -> Result<Marked, Fault> {
        match change {
            Change::Merge(parts) if picked => self.merge(def, &mut element, parts)?,
            Change::Become { value, keep } if picked => {
                let mut after = value.clone();
                self.keep_immutable(def, Some(&element), &mut after)?;
                if let (Value::Object(before), Value::Object(after)) = (&element, &mut after) {
                    for name in keep.iter().map(|sub| &*self.ty.attr(*sub).name) {
                        if let (Some(value), false) = (before.get(name), after.contains_key(name)) {
                            after.insert(name.to_owned(), value.clone());
                        }
                    }
                }
                element = after;
            }
            _ => {}
        }
        Ok((element, picked))
    }
}

/// Makes a change that leaves an immutable attribute as it is once it has a value (R-PATCH-07).
fn keep_fixed(
    holder: &mut Object,
    def: &AttrDef,
    change: impl FnOnce(&mut Object) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let before = match def.mutability {
        Mutability::Immutable => holder.get(&*def.name).cloned(),
        _ => None,
    };
    change(holder)?;
    match before {
        Some(before) if holder.get(&*def.name) != Some(&before) => Err(Fault::immutable(def)),
        _ => Ok(()),
    }
}

/// Stores a value, or nothing where there is no content (R-ATTR-13, R-ATTR-15).
fn put(holder: &mut Object, name: &str, value: Value) {
    let empty = value.as_array().is_some_and(Vec::is_empty);
    if empty || !is_filled(&value) {
        holder.remove(name);
    } else {
        holder.insert(name.to_owned(), value);
    }
}

fn take_list(holder: &mut Object, def: &AttrDef) -> Vec<Value> {
    match holder.remove(&*def.name) {
        Some(Value::Array(list)) => list,
        _ => Vec::new(),
    }
}

fn no_target(def: &AttrDef) -> Fault {
    let path = &def.path;
    Fault::NoTarget(format!("no element of `{path}` satisfies the filter").into())
}
