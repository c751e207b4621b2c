//! Random resources.

use std::collections::HashSet;

use proptest::bool::weighted;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::Index;
use rollcall_domain::{Change, Found, ResourceId, Write};
use rollcall_schema::{
    Accept, AttrDef, AttrId, Mutability, Profile, ResourceType, Storage, Type, Uniqueness,
};
use serde_json::{Map, Value};

use super::texts;
use crate::{Site, groups, users};

/// The users and groups of one connection, with what happens to them.
#[derive(Clone, Debug)]
pub struct Population {
    users: Vec<(Value, Fate)>,
    groups: Vec<Course>,
}

/// What becomes of a user after its creation.
#[derive(Clone, Debug)]
pub enum Fate {
    /// Nothing.
    Stays,
    /// It gets another body.
    Changes(Value),
    /// It ends.
    Ends,
}

/// A group: who joins it, who leaves it, whether it ends.
#[derive(Clone, Debug)]
struct Course {
    body: Value,
    joins: Vec<Index>,
    leaves: Vec<Index>,
    ends: bool,
}

/// A population with what it makes at a site.
struct Settlement<'a> {
    site: &'a Site,
    users: Vec<(Write, &'a Fate)>,
    groups: Vec<(Write, &'a Course)>,
    ids: Vec<ResourceId>,
}

/// Users and groups, about as many as fit a few pages of a few.
pub fn population() -> impl Strategy<Value = Population> {
    let fate = prop_oneof![
        5 => Just(Fate::Stays),
        3 => body(users()).prop_map(Fate::Changes),
        1 => Just(Fate::Ends),
    ];
    (vec((body(users()), fate), 1..9), vec(course(), 0..7))
        .prop_map(|(users, groups)| Population { users, groups })
}

fn course() -> impl Strategy<Value = Course> {
    let members = || vec(any::<Index>(), 0..4);
    (body(groups()), members(), members(), weighted(0.1))
        .prop_map(|(body, joins, leaves, ends)| Course { body, joins, leaves, ends })
}

impl Population {
    /// Makes the population of a site by a few changes: creations, then memberships, then what
    /// becomes of them. Gives back the id of every resource that there has been.
    ///
    /// Users whose name is another's are left out. `commit` takes each change before the next one
    /// is made, and may commit it to other stores than the site's as well.
    ///
    /// # Errors
    /// What `commit` fails with.
    pub async fn settle<E>(
        &self,
        site: &Site,
        mut commit: impl AsyncFnMut(Change) -> Result<(), E>,
    ) -> Result<Vec<ResourceId>, E> {
        let mut commit = async |writes: Vec<Write>| match writes.is_empty() {
            true => Ok(()),
            false => commit(Change { writes }).await,
        };
        let made = Settlement::of(self, site);
        commit(made.creations()).await?;
        commit(made.joins()).await?;
        commit(made.fates().await).await?;
        commit(made.leaves()).await?;
        // One by one: an end moves what held the resource, which may end as well.
        for end in made.ends() {
            commit(vec![end]).await?;
        }
        Ok(made.ids)
    }

    /// New users no two of which ever have a unique value in common.
    fn users(&self, site: &Site) -> Vec<(Write, &Fate)> {
        let mut taken = HashSet::new();
        let mut kept = Vec::new();
        for (body, fate) in &self.users {
            let mut keys = unique_keys(body);
            if let Fate::Changes(later) = fate {
                keys.extend(unique_keys(later));
            }
            if keys.is_disjoint(&taken) {
                taken.extend(keys);
                kept.push((site.creation(users(), body.clone()).expect("a user"), fate));
            }
        }
        kept
    }
}

impl<'a> Settlement<'a> {
    fn of(population: &'a Population, site: &'a Site) -> Self {
        let users = population.users(site);
        let group = |course: &'a Course| {
            (site.creation(groups(), course.body.clone()).expect("a group"), course)
        };
        let groups: Vec<_> = population.groups.iter().map(group).collect();
        let of_users = users.iter().map(|(write, _)| write.id);
        let ids = of_users.chain(groups.iter().map(|(write, _)| write.id)).collect();
        Self { site, users, groups, ids }
    }

    fn creations(&self) -> Vec<Write> {
        let users = self.users.iter().map(|(write, _)| write.clone());
        users.chain(self.groups.iter().map(|(write, _)| write.clone())).collect()
    }

    fn joins(&self) -> Vec<Write> {
        let join = |(group, course): &(Write, &Course)| {
            self.site.linking(group.id, &self.pick(&course.joins), &[])
        };
        self.groups.iter().map(join).collect()
    }

    async fn fates(&self) -> Vec<Write> {
        let mut writes = Vec::new();
        for (user, fate) in &self.users {
            match fate {
                Fate::Stays => {}
                Fate::Ends => writes.push(self.site.deletion(users(), user.id)),
                Fate::Changes(body) => {
                    let found = self.site.expect(users(), user.id).await;
                    if changes(&found, body) {
                        writes.extend(self.site.replacement(users(), &found, body.clone()));
                    }
                }
            }
        }
        writes
    }

    fn leaves(&self) -> Vec<Write> {
        let leave = |(group, course): &(Write, &Course)| {
            self.site.linking(group.id, &[], &self.pick(&course.leaves))
        };
        self.groups.iter().map(leave).collect()
    }

    fn ends(&self) -> Vec<Write> {
        let ending = self.groups.iter().filter(|(_, course)| course.ends);
        ending.map(|(group, _)| self.site.deletion(groups(), group.id)).collect()
    }

    fn pick(&self, from: &[Index]) -> Vec<ResourceId> {
        let mut members: Vec<_> = from.iter().map(|at| *at.get(&self.ids)).collect();
        members.sort_unstable();
        members.dedup();
        members
    }
}

/// Whether the body makes another document.
fn changes(found: &Found, body: &Value) -> bool {
    let before = crate::document(found);
    let id = found.record.id.to_string();
    let how = Accept::Replace { id: &id, before: &before };
    let accepted = users().accept(body.clone(), how, &Profile::GENERIC);
    accepted.is_ok_and(|accepted| accepted.document != before)
}

fn unique_keys(body: &Value) -> HashSet<String> {
    let accepted = users().accept(body.clone(), Accept::Create, &Profile::GENERIC);
    let keys = accepted.map(|accepted| users().index_keys(&accepted.document)).unwrap_or_default();
    keys.into_iter().filter(|key| key.unique).map(|key| key.key).collect()
}

/// A body for a resource of the type, relations left out.
pub fn body(ty: &ResourceType) -> BoxedStrategy<Value> {
    let top = members(ty, ty.base());
    ty.extensions()
        .iter()
        .fold(top, |body, extension| {
            let urn = extension.urn.to_string();
            let part = option::weighted(0.4, members(ty, &extension.attrs));
            (body, part)
                .prop_map(move |(mut body, part)| {
                    body.extend(part.map(|part| (urn.clone(), Value::Object(part))));
                    body
                })
                .boxed()
        })
        .prop_map(Value::Object)
        .boxed()
}

/// An object of some of these attributes, and of all that are required.
fn members(ty: &ResourceType, attrs: &[AttrId]) -> BoxedStrategy<Map<String, Value>> {
    let parts: Vec<BoxedStrategy<Option<(String, Value)>>> = attrs
        .iter()
        .map(|id| ty.attr(*id))
        .filter(|def| def.storage == Storage::Document && def.mutability == Mutability::ReadWrite)
        .map(|def| {
            let name = def.name.to_string();
            let value = value(ty, def).prop_map(move |value| (name.clone(), value));
            // Parts of a complex attribute are most of the time there.
            let often = if def.parent.is_some() { 0.7 } else { 0.25 };
            match def.required {
                true => value.prop_map(Some).boxed(),
                false => option::weighted(often, value).boxed(),
            }
        })
        .collect();
    parts.prop_map(|parts| parts.into_iter().flatten().collect()).boxed()
}

fn value(ty: &ResourceType, def: &AttrDef) -> BoxedStrategy<Value> {
    let one = single(ty, def);
    if def.multi_valued {
        return vec(one, 1..4).prop_map(Value::Array).boxed();
    }
    one
}

fn single(ty: &ResourceType, def: &AttrDef) -> BoxedStrategy<Value> {
    match def.kind {
        Type::Boolean => any::<bool>().prop_map(Value::Bool).boxed(),
        Type::Integer => (-3_i64..4).prop_map(Value::from).boxed(),
        Type::Decimal => (-3_i64..4).prop_map(|n| Value::from(n as f64 / 2.0)).boxed(),
        Type::Complex => members(ty, &def.subs).prop_map(Value::Object).boxed(),
        Type::DateTime => texts::moment().prop_map(Value::from).boxed(),
        Type::Binary => texts::base64().prop_map(Value::from).boxed(),
        Type::Reference => texts::uri().prop_map(Value::from).boxed(),
        Type::String if &*def.name == "type" => texts::label().prop_map(Value::from).boxed(),
        Type::String if def.uniqueness != Uniqueness::None || def.required => {
            texts::name().prop_map(Value::from).boxed()
        }
        Type::String => texts::text().prop_map(Value::from).boxed(),
    }
}
