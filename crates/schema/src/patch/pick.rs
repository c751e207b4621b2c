//! Which elements of a list an operation changes.

use std::collections::HashMap;

use serde_json::Value;

use super::Pick;
use super::apply::Rules;
use super::budget::tests;
use super::fault::Fault;
use crate::matching::element_matches;
use crate::resource_type::AttrDef;
use crate::text;
use crate::value::part;

impl Rules<'_> {
    /// Tells for each element whether it is picked.
    pub(super) fn pick(
        &self,
        def: &AttrDef,
        pick: &Pick,
        list: &[Value],
    ) -> Result<Vec<bool>, Fault> {
        match pick {
            Pick::Every => {
                self.budget.list(list, 1)?;
                Ok(vec![true; list.len()])
            }
            Pick::Where(condition) => {
                self.budget.list(list, tests(condition))?;
                let found = |element| element_matches(self.ty, condition, def.id, element);
                Ok(list.iter().map(found).collect())
            }
            Pick::Listed(listed) => self.listed(def, listed, list),
            Pick::Sole => {
                self.budget.list(list, 1)?;
                self.sole(def, list)
            }
        }
    }

    /// R-PATCH-64.
    fn sole(&self, def: &AttrDef, list: &[Value]) -> Result<Vec<bool>, Fault> {
        if list.len() < 2 {
            return Ok(vec![true; list.len()]);
        }
        let primary = part(self.ty, def, "primary");
        let is_primary = |element: &Value| {
            let flag = primary.and_then(|primary| element.get(&*primary.name));
            flag == Some(&Value::Bool(true))
        };
        let picked: Vec<bool> = list.iter().map(is_primary).collect();
        if picked.contains(&true) {
            return Ok(picked);
        }
        let path = &def.path;
        Err(Fault::path(format!("`{path}` has several elements: choose by `{path}[…]`")))
    }

    /// R-PATCH-34. Those that name a value are met only by elements with that value.
    fn listed(&self, def: &AttrDef, listed: &[Value], list: &[Value]) -> Result<Vec<bool>, Fault> {
        let mut by_value: HashMap<Option<String>, Vec<&Value>> = HashMap::new();
        for wanted in listed {
            by_value.entry(self.value_key(def, wanted)).or_default().push(wanted);
        }
        let vague = by_value.remove(&None).unwrap_or_default();
        let mut picked = Vec::with_capacity(list.len());
        for element in list {
            let named = by_value.get(&self.value_key(def, element)).map_or(&[][..], Vec::as_slice);
            self.budget.element(element, named.len() + vague.len() + 1)?;
            let mut wanted = named.iter().chain(&vague);
            picked.push(wanted.any(|wanted| self.has_all(def, element, wanted)));
        }
        Ok(picked)
    }

    /// What an element has in common with all that have the same value.
    fn value_key(&self, def: &AttrDef, element: &Value) -> Option<String> {
        let (def, value) = if element.is_object() {
            let def = part(self.ty, def, "value")?;
            (def, element.get(&*def.name)?)
        } else {
            (def, element)
        };
        Some(match value {
            Value::String(value) => text::key(def, value).into_owned(),
            other => other.to_string(),
        })
    }

    /// Whether an element has every part of `wanted`, with the same content.
    fn has_all(&self, def: &AttrDef, element: &Value, wanted: &Value) -> bool {
        match (element, wanted) {
            (Value::Object(element), Value::Object(wanted)) => {
                wanted.iter().all(|(name, wanted)| {
                    let sub = part(self.ty, def, name);
                    element
                        .get(name)
                        .zip(sub)
                        .is_some_and(|(value, sub)| is_same(sub, value, wanted))
                })
            }
            (element, wanted) => is_same(def, element, wanted),
        }
    }
}

fn is_same(def: &AttrDef, one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::String(one), Value::String(other)) => text::key(def, one) == text::key(def, other),
        (one, other) => one == other,
    }
}
