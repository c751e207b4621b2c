//! Lists after a change: no element twice, one primary (R-PATCH-08, R-PATCH-22).

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use serde_json::{Map, Value};

use super::apply::Rules;
use super::fault::Fault;
use crate::Mutability;
use crate::resource_type::AttrDef;
use crate::value::{drop_twins, identity, is_blank, make_primary, part};

/// An element, and whether the operation changed it.
pub(super) type Marked = (Value, bool);

impl Rules<'_> {
    /// Joins elements that are the same and settles which is primary.
    ///
    /// Of two elements with one `type` and `value`, the first stays in its place and the changed
    /// one's parts win, so that adding an element again changes nothing and adding it with
    /// `primary` makes it primary.
    pub(super) fn settle(&self, def: &AttrDef, list: Vec<Marked>) -> Result<Vec<Value>, Fault> {
        let mut joined: Vec<Marked> = Vec::with_capacity(list.len());
        let mut places = HashMap::with_capacity(list.len());
        for (element, changed) in list {
            if !is_filled(&element) {
                continue;
            }
            match places.entry(identity(self.ty, def, &element)) {
                Entry::Vacant(place) => {
                    place.insert(joined.len());
                    joined.push((element, changed));
                }
                Entry::Occupied(place) => {
                    if let Some(first) = joined.get_mut(*place.get()) {
                        self.join(def, first, (element, changed))?;
                    }
                }
            }
        }
        self.settle_primary(def, joined)
    }

    fn join(&self, def: &AttrDef, first: &mut Marked, again: Marked) -> Result<(), Fault> {
        let ((first, first_changed), (again, again_changed)) = (first, again);
        let (Value::Object(first), Value::Object(again)) = (first, again) else { return Ok(()) };
        if again_changed {
            *first_changed = true;
            return self.supersede(def, first, again);
        }
        for (name, value) in again {
            first.entry(name).or_insert(value);
        }
        Ok(())
    }

    fn supersede(
        &self,
        def: &AttrDef,
        first: &mut Map<String, Value>,
        again: Map<String, Value>,
    ) -> Result<(), Fault> {
        for (name, value) in again {
            let sub = part(self.ty, def, &name);
            let fixed = sub.filter(|sub| sub.mutability == Mutability::Immutable);
            match (fixed, first.get(&name)) {
                (Some(sub), Some(before)) if *before != value => return Err(Fault::immutable(sub)),
                _ => drop(first.insert(name, value)),
            }
        }
        Ok(())
    }

    fn settle_primary(&self, def: &AttrDef, list: Vec<Marked>) -> Result<Vec<Value>, Fault> {
        let primary = part(self.ty, def, "primary");
        let claims = |(element, changed): &Marked| {
            let claim = primary.and_then(|primary| element.get(&*primary.name));
            *changed && claim == Some(&Value::Bool(true))
        };
        let mut places = list.iter().enumerate().filter(|(_, marked)| claims(marked));
        let last = places.next_back().map(|(at, _)| at);
        if places.next().is_some() && !self.profile.last_primary_wins {
            return Err(Fault::value(format!("`{}` has more than one primary", def.path)));
        }
        let mut list: Vec<Value> = list.into_iter().map(|(element, _)| element).collect();
        if let Some(last) = last {
            make_primary(self.ty, def, &mut list, last);
            // Elements without a value may have differed by `primary` alone.
            drop_twins(self.ty, def, &mut list);
        }
        Ok(list)
    }
}

/// R-ATTR-15, R-PATCH-36: an object without content is no value.
pub(super) fn is_filled(value: &Value) -> bool {
    match value {
        Value::Object(parts) => parts.values().any(|part| !is_blank(part)),
        Value::Null => false,
        _ => true,
    }
}
