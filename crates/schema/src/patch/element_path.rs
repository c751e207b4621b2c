//! Value paths: operations on the elements that a filter finds.

use rollcall_filter::{AttrPath, Expr, Filter, Literal, Op};
use serde_json::{Map, Value};

use super::envelope::Verb;
use super::fault::Fault;
use super::read::{How, Reader};
use super::{Act, Change, Elements, Missing, Pick, Write};
use crate::condition::Condition;
use crate::resource_type::{AttrDef, AttrId, Storage};
use crate::value::part;
use crate::{FilterError, Mutability, Profile, Type};

impl Reader<'_> {
    /// `emails[type eq "work"]`.
    pub(super) fn elements(
        &mut self,
        how: How,
        attr: AttrId,
        filter: &Filter<'_>,
        value: Value,
    ) -> Result<(), Fault> {
        let def = self.ty().attr(attr);
        if def.storage == Storage::Server && &*def.name == "schemas" {
            return self.schema_elements(how, filter);
        }
        if !self.listed(how, def, &value)? {
            return Ok(());
        }
        if how.verb != Verb::Remove && !self.profile().whole_elements {
            let path = &def.path;
            return Err(Fault::path(format!("name a part behind the brackets: `{path}[…].value`")));
        }
        if def.storage == Storage::Relation {
            return self.relation_elements(how, def, filter, value);
        }
        let seed = self.seed(def, filter);
        let void = self.is_void(def, how.verb, &value);
        let change = match how.verb {
            Verb::Remove => Change::Drop,
            Verb::Replace if void => Change::Drop,
            Verb::Add if void => return Ok(()),
            Verb::Add if def.kind == Type::Complex => {
                Change::Merge(self.element_merge(def, value)?)
            }
            _ => {
                let Some(value) = self.element_value(def, value)? else {
                    return Err(Fault::value(format!("`{}` needs a value", def.path)));
                };
                Change::Become { value, keep: self.keep(def, seed.as_ref()) }
            }
        };
        self.on_elements(how, def, filter, change, seed)
    }

    /// `emails[type eq "work"].value`.
    pub(super) fn element_parts(
        &mut self,
        how: How,
        (attr, sub): (AttrId, AttrId),
        filter: &Filter<'_>,
        value: Value,
    ) -> Result<(), Fault> {
        let (def, sub) = (self.ty().attr(attr), self.ty().attr(sub));
        if !self.listed(how, def, &value)? || !self.writable(how, sub, &value)? {
            return Ok(());
        }
        if def.storage == Storage::Relation {
            return Err(super::read::in_place(def));
        }
        let Some(write) = self.part_write(how, sub, value)? else { return Ok(()) };
        let seed = self.seed(def, filter);
        self.on_elements(how, def, filter, Change::Merge(vec![(sub.id, write)]), seed)
    }

    fn on_elements(
        &mut self,
        how: How,
        def: &AttrDef,
        filter: &Filter<'_>,
        change: Change,
        seed: Option<Map<String, Value>>,
    ) -> Result<(), Fault> {
        let Some(condition) = self.condition(def, filter)? else { return Ok(()) };
        let missing = missing(how.verb, &change, seed, self.profile());
        let pick = Pick::Where(condition);
        self.push(Act::Elements(Elements { attr: def.id, pick, change, missing }));
        Ok(())
    }

    /// The filter of a value path; `None` when it names a part that elements don't have.
    ///
    /// In a query such a part merely has no value. Here a misspelt name would make `ne` find every
    /// element, so the operation is left out like one whose path leads nowhere (R-PATCH-06,
    /// R-E-20).
    pub(super) fn condition(
        &mut self,
        def: &AttrDef,
        filter: &Filter<'_>,
    ) -> Result<Option<Condition>, Fault> {
        let known = Profile { refuse_unknown: true, ..self.profile().clone() };
        match self.ty().element_condition(def.id, filter, &known) {
            Err(FilterError::Unknown { path, .. }) if !self.profile().refuse_unknown => {
                self.canonical.unknown(&format!("{}.{path}", def.path))?;
                Ok(None)
            }
            outcome => Ok(Some(outcome?)),
        }
    }

    /// Whether `def` is a list that clients write.
    fn listed(&mut self, how: How, def: &AttrDef, value: &Value) -> Result<bool, Fault> {
        if !self.writable(how, def, value)? {
            return Ok(false);
        }
        if !def.multi_valued {
            let path = &def.path;
            return Err(Fault::path(format!("`{path}` has one value: name it without brackets")));
        }
        Ok(true)
    }

    /// What an element that the filter finds is sure to have, when it is an `and` of `eq`
    /// (R-PATCH-25).
    fn seed(&mut self, def: &AttrDef, filter: &Filter<'_>) -> Option<Map<String, Value>> {
        let conditions = match filter {
            Expr::And(parts) => parts.as_slice(),
            one => std::slice::from_ref(one),
        };
        let mut seed = Map::new();
        for condition in conditions {
            let Expr::Compare(path, Op::Eq, literal) = condition else { return None };
            if def.kind != Type::Complex {
                if !is_value(path) {
                    return None;
                }
                continue;
            }
            let sub = part(self.ty(), def, path.name)?;
            let writable = matches!(sub.mutability, Mutability::ReadWrite | Mutability::Immutable);
            if path.urn.is_some() || path.sub.is_some() || sub.multi_valued || !writable {
                return None;
            }
            let value = self.canonical.scalar(sub, value_of(sub, literal)).ok()??;
            let before = seed.insert(sub.name.to_string(), value.clone());
            if before.is_some_and(|before| before != value) {
                return None;
            }
        }
        Some(seed)
    }

    /// R-PATCH-44: an element keeps what it was found by.
    fn keep(&self, def: &AttrDef, seed: Option<&Map<String, Value>>) -> Vec<AttrId> {
        let names = seed.into_iter().flat_map(Map::keys);
        names.filter_map(|name| self.ty().sub(def.id, name)).collect()
    }

    /// `schemas[value eq "urn:…"]`: removing an extension drops its data (R-EXT-06).
    fn schema_elements(&mut self, how: How, filter: &Filter<'_>) -> Result<(), Fault> {
        let urns = plain_values(filter, self.profile()).unwrap_or_default();
        let ids: Vec<_> = urns.iter().filter_map(|urn| self.ty().extension_by_urn(urn)).collect();
        if how.verb != Verb::Remove || urns.is_empty() || ids.len() < urns.len() {
            let advice = "of `schemas` only extensions can be removed";
            return Err(Fault::mutability(advice));
        }
        self.drop_all(how, |id| ids.contains(&id))
    }
}

/// What happens when no element is found (R-PATCH-25, R-PATCH-33, R-PATCH-46).
fn missing(
    verb: Verb,
    change: &Change,
    seed: Option<Map<String, Value>>,
    profile: &Profile,
) -> Missing {
    let only_clears = match change {
        Change::Drop => true,
        Change::Become { .. } => false,
        Change::Merge(parts) => parts.iter().all(|(_, write)| matches!(write, Write::Clear)),
    };
    match seed {
        _ if only_clears && profile.unmatched_remove => Missing::Skip,
        _ if only_clears => Missing::Refuse,
        Some(seed) if verb == Verb::Add || profile.create_missing => Missing::Create(seed),
        _ => Missing::Refuse,
    }
}

/// The texts of `value eq "a"`, or-joined: a plain set of elements.
pub(super) fn plain_values(filter: &Filter<'_>, profile: &Profile) -> Option<Vec<String>> {
    let alternatives = match filter {
        Expr::Or(parts) => parts.as_slice(),
        one => std::slice::from_ref(one),
    };
    let plain = |condition: &Filter<'_>| match condition {
        Expr::Compare(path, Op::Eq, Literal::String(text)) if is_value(path) => {
            Some(text.to_string())
        }
        Expr::Compare(path, Op::Eq, Literal::Bare(text) | Literal::Number(text))
            if is_value(path) && profile.loose_filters =>
        {
            Some((*text).to_owned())
        }
        _ => None,
    };
    alternatives.iter().map(plain).collect()
}

fn is_value(path: &AttrPath<'_>) -> bool {
    path.text.eq_ignore_ascii_case("value")
}

/// A literal as a value that `sub` may hold; whether it does is for the canonical form to say.
fn value_of(sub: &AttrDef, literal: &Literal<'_>) -> Value {
    let is_number = matches!(sub.kind, Type::Integer | Type::Decimal);
    match literal {
        Literal::String(text) => Value::from(text.as_ref()),
        Literal::Bare(text) => Value::from(*text),
        Literal::Number(text) if is_number => serde_json::from_str(text).unwrap_or_default(),
        Literal::Number(text) => Value::from(*text),
        Literal::Boolean(truth) if sub.kind == Type::Boolean => Value::Bool(*truth),
        Literal::Boolean(truth) => Value::from(truth.to_string()),
        Literal::Null => Value::Null,
    }
}
