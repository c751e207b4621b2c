//! Operations on relations: sets of ids, folded without reading rows (R-PATCH-47).

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use rollcall_filter::Filter;
use serde_json::{Map, Value};

use super::element_path::plain_values;
use super::envelope::Verb;
use super::fault::Fault;
use super::read::{How, Reader, in_place, value_in_remove};
use super::{Act, LinkStep};
use crate::condition::Condition;
use crate::matching::{element_matches, link_matches};
use crate::resource_type::{AttrDef, AttrId, ResourceType};
use crate::{Base, FilterError, Link, LinkChange, Profile};

impl Reader<'_> {
    /// `members`, by path or by key.
    pub(super) fn relation(&mut self, how: How, def: &AttrDef, value: Value) -> Result<(), Fault> {
        let clears = value.is_null()
            || (self.profile().empty_string_clears && value.as_str().is_some_and(str::is_empty));
        let step = match how.verb {
            Verb::Remove if value.is_null() && def.required => return Err(Fault::required(def)),
            Verb::Remove if value.is_null() => LinkStep::Replace(Vec::new()),
            Verb::Remove if !self.profile().remove_listed => return Err(value_in_remove(def)),
            Verb::Remove if clears => return Ok(()),
            Verb::Remove => LinkStep::Remove(self.canonical.ids(def, open_json(value))?),
            Verb::Add if clears => return Ok(()),
            Verb::Add => LinkStep::Add(self.canonical.ids(def, value)?),
            Verb::Replace if clears => LinkStep::Replace(Vec::new()),
            Verb::Replace => LinkStep::Replace(self.canonical.ids(def, value)?),
        };
        self.push(Act::Links(def.id, step));
        Ok(())
    }

    /// `members[value eq "…"]`.
    pub(super) fn relation_elements(
        &mut self,
        how: How,
        def: &AttrDef,
        filter: &Filter<'_>,
        value: Value,
    ) -> Result<(), Fault> {
        let removes = how.verb == Verb::Remove || (how.verb == Verb::Replace && value.is_null());
        let ids = plain_values(filter, self.profile());
        let step = match ids {
            Some(mut ids) if removes => {
                ids.sort_unstable();
                ids.dedup();
                one_element(self.profile(), def, ids.len())?;
                LinkStep::Remove(ids)
            }
            None if removes => match self.condition(def, filter)? {
                Some(condition) => LinkStep::RemoveWhere(condition),
                None => return Ok(()),
            },
            _ if value.is_null() => return Ok(()),
            Some(ids) => LinkStep::Add(self.same_ids(how, def, &ids, value)?),
            None => return Err(in_place(def)),
        };
        self.push(Act::Links(def.id, step));
        Ok(())
    }

    /// The ids that a value path names, when the value doesn't ask for others (R-PATCH-48).
    fn same_ids(
        &mut self,
        how: How,
        def: &AttrDef,
        ids: &[String],
        value: Value,
    ) -> Result<Vec<String>, Fault> {
        let silent = value
            .as_object()
            .is_some_and(|parts| !parts.keys().any(|key| key.eq_ignore_ascii_case("value")));
        let id = Value::from(ids.first().map_or("", String::as_str));
        let id = Value::Object(Map::from_iter([("value".to_owned(), id)]));
        let sent = self.canonical.ids(def, if silent { id } else { value })?;
        let creates = how.verb == Verb::Add || self.profile().create_missing;
        if ids.len() == 1 && sent == ids && creates { Ok(sent) } else { Err(in_place(def)) }
    }
}

/// R-IOP-05: whether a value path may find so many elements.
pub(super) fn one_element(profile: &Profile, def: &AttrDef, found: usize) -> Result<(), Fault> {
    if found < 2 || profile.many_elements {
        return Ok(());
    }
    let detail = format!("the filter finds {found} elements of `{}`: name one", def.path);
    Err(Fault::Filter(FilterError::Mismatch(detail)))
}

/// R-PATCH-34: the list may come as JSON inside a text.
fn open_json(value: Value) -> Value {
    let opened = value
        .as_str()
        .filter(|text| text.trim_start().starts_with(['[', '{']))
        .and_then(|text| serde_json::from_str(text).ok());
    opened.unwrap_or(value)
}

/// What is known of resources that join a relation, by id.
pub(super) type Joining<'a> = HashMap<&'a str, &'a Link>;

/// The changes of each relation so far.
#[derive(Debug, Default)]
pub(super) struct Changes(BTreeMap<AttrId, LinkChange>);

impl Changes {
    /// How many rows of a relation are to come.
    pub(super) fn added(&self, attr: AttrId) -> usize {
        self.0.get(&attr).map_or(0, |change| change.add.len())
    }

    pub(super) fn apply(
        &mut self,
        ty: &ResourceType,
        attr: AttrId,
        step: &LinkStep,
        rows: (&[Link], &Joining<'_>),
        profile: &Profile,
    ) -> Result<(), Fault> {
        let change = self.0.entry(attr).or_insert_with(|| LinkChange::none(attr));
        match step {
            LinkStep::Add(ids) => ids.iter().for_each(|id| change.add(id.to_owned())),
            LinkStep::Remove(ids) => ids.iter().for_each(|id| change.remove(id.to_owned())),
            LinkStep::Replace(ids) => {
                *change = LinkChange::replaced(attr, ids.iter().map(ToOwned::to_owned));
            }
            LinkStep::RemoveWhere(condition) => {
                let found = found(ty, attr, change, condition, rows);
                one_element(profile, ty.attr(attr), found.len())?;
                found.into_iter().for_each(|id| change.remove(id));
            }
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Vec<LinkChange> {
        self.0.into_values().filter(|change| !change.is_none()).collect()
    }
}

/// The ids among the rows as they stand that a condition finds.
///
/// Of a row that this PATCH itself adds only the id is known, unless it is among those that join.
fn found(
    ty: &ResourceType,
    attr: AttrId,
    change: &LinkChange,
    condition: &Condition,
    (links, joining): (&[Link], &Joining<'_>),
) -> BTreeSet<String> {
    let known: HashSet<&str> = links.iter().map(|link| link.id.as_str()).collect();
    let stands = |id: &String| match change.base {
        Base::Kept => !change.remove.contains(id),
        Base::Nothing => change.add.contains(id),
    };
    let rows = links.iter().filter(|link| stands(&link.id));
    let rows = rows.filter(|link| link_matches(ty, condition, attr, link)).map(|link| &link.id);
    let added = change.add.iter().filter(|id| !known.contains(id.as_str()));
    let added = added.filter(|id| {
        if let Some(link) = joining.get(id.as_str()) {
            return link_matches(ty, condition, attr, link);
        }
        let element =
            Value::Object(Map::from_iter([("value".to_owned(), Value::from(id.as_str()))]));
        element_matches(ty, condition, attr, &element)
    });
    rows.chain(added).cloned().collect()
}
