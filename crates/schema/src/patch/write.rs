//! What a value does to an attribute.

use serde_json::{Map, Value};

use super::Write;
use super::envelope::Verb;
use super::fault::Fault;
use super::read::Reader;
use crate::keys::refuse_twins;
use crate::resource_type::{AttrDef, AttrId};
use crate::value::{finish_list, is_unassigned, misfit, shorten};
use crate::{Mutability, Type};

impl Reader<'_> {
    /// Compiles an add or a replace; `None` when it asks for nothing, as adding null does
    /// (R-PATCH-12).
    pub(super) fn write(
        &mut self,
        def: &AttrDef,
        verb: Verb,
        value: Value,
    ) -> Result<Option<Write>, Fault> {
        if self.is_void(def, verb, &value) {
            return Ok((verb == Verb::Replace).then_some(Write::Clear));
        }
        if def.multi_valued {
            return self.list(def, verb, value);
        }
        if def.kind == Type::Complex {
            return self.complex(def, verb, value);
        }
        Ok(self.canonical.scalar(def, value)?.map(Write::Set))
    }

    /// Null, the empty list in place of one value (R-ATTR-13), and the empty text where it stands
    /// for null (R-ATTR-14, R-PATCH-61).
    pub(super) fn is_void(&self, def: &AttrDef, verb: Verb, value: &Value) -> bool {
        let texts = matches!(def.kind, Type::String | Type::Reference | Type::Binary);
        let clears = match verb {
            Verb::Replace => texts || def.kind == Type::Complex,
            Verb::Add | Verb::Remove => def.kind == Type::Complex,
        };
        match value {
            Value::Array(_) if def.multi_valued => false,
            value if is_unassigned(value) => true,
            Value::String(text) if text.is_empty() => {
                clears && !def.required && self.profile().empty_string_clears
            }
            _ => false,
        }
    }

    /// R-PATCH-22, R-PATCH-24, R-PATCH-41: one element stands for a list of one.
    fn list(&mut self, def: &AttrDef, verb: Verb, value: Value) -> Result<Option<Write>, Fault> {
        let bare = self.profile().bare_values || def.kind != Type::Complex;
        let elements = match value {
            Value::Array(values) => self.canonical.elements(def, values)?,
            one if one.is_object() || bare => {
                self.canonical.element(def, one)?.into_iter().collect()
            }
            other => return Err(misfit(def, "a list", &other).into()),
        };
        let elements = finish_list(self.ty(), def, elements, self.profile())?;
        Ok(match verb {
            Verb::Replace => Some(Write::List(elements)),
            Verb::Add | Verb::Remove => (!elements.is_empty()).then_some(Write::Append(elements)),
        })
    }

    /// R-PATCH-23, R-PATCH-42: parts that are named change, the others stay.
    fn complex(&mut self, def: &AttrDef, verb: Verb, value: Value) -> Result<Option<Write>, Fault> {
        let whole = verb == Verb::Replace && self.profile().replace_whole;
        match self.lone(value) {
            Value::Object(parts) if !whole => {
                let parts = self.parts(def, verb, parts)?;
                Ok((!parts.is_empty()).then_some(Write::Merge(parts)))
            }
            value => match self.canonical.element(def, value)? {
                Some(value) if whole => Ok(Some(Write::Set(value))),
                Some(Value::Object(parts)) => Ok(Some(Write::Merge(self.set_parts(def, parts)))),
                _ => Ok((verb == Verb::Replace).then_some(Write::Clear)),
            },
        }
    }

    /// R-PATCH-61: a list of one stands for a singular value.
    fn lone(&self, value: Value) -> Value {
        match value {
            Value::Array(mut list) if self.profile().bare_values && list.len() == 1 => {
                list.pop().unwrap_or(Value::Null)
            }
            value => value,
        }
    }

    /// Compiles each part of a complex value.
    pub(super) fn parts(
        &mut self,
        def: &AttrDef,
        verb: Verb,
        parts: Map<String, Value>,
    ) -> Result<Vec<(AttrId, Write)>, Fault> {
        refuse_twins(&parts)?;
        let mut writes = Vec::with_capacity(parts.len());
        for (name, value) in parts {
            let written = self.named_part(def, verb, &name, value);
            writes.extend(written.map_err(|fault| fault.inside(&shorten(&name)))?);
        }
        Ok(writes)
    }

    fn named_part(
        &mut self,
        def: &AttrDef,
        verb: Verb,
        name: &str,
        value: Value,
    ) -> Result<Option<(AttrId, Write)>, Fault> {
        let Some(sub) = self.ty().sub(def.id, name) else {
            self.canonical.unknown(&format!("{}.{name}", def.path))?;
            return Ok(None);
        };
        let sub = self.ty().attr(sub);
        match sub.mutability {
            Mutability::ReadWrite | Mutability::Immutable => {
                Ok(self.write(sub, verb, value)?.map(|write| (sub.id, write)))
            }
            Mutability::ReadOnly if !self.profile().ignore_read_only => Err(Fault::read_only(sub)),
            // The canonical form notes why it leaves the part out.
            _ => self.canonical.attribute(sub, value).map(|_| None).map_err(Fault::from),
        }
    }

    /// Compiles parts that are canonical already.
    fn set_parts(&self, def: &AttrDef, parts: Map<String, Value>) -> Vec<(AttrId, Write)> {
        let ty = self.ty();
        let write = |(name, value): (String, Value)| {
            Some((
                ty.sub(def.id, &name)?,
                match value {
                    Value::Array(list) => Write::List(list),
                    value => Write::Set(value),
                },
            ))
        };
        parts.into_iter().filter_map(write).collect()
    }

    /// What a value does to an element that is there already (R-PATCH-25).
    pub(super) fn element_merge(
        &mut self,
        def: &AttrDef,
        value: Value,
    ) -> Result<Vec<(AttrId, Write)>, Fault> {
        match self.lone(value) {
            Value::Object(parts) => self.parts(def, Verb::Add, parts),
            bare => match self.canonical.element(def, bare)? {
                Some(Value::Object(parts)) => Ok(self.set_parts(def, parts)),
                _ => Ok(Vec::new()),
            },
        }
    }

    /// The value that an element becomes (R-PATCH-44).
    pub(super) fn element_value(
        &mut self,
        def: &AttrDef,
        value: Value,
    ) -> Result<Option<Value>, Fault> {
        let value = self.lone(value);
        Ok(self.canonical.element(def, value)?)
    }
}
