//! Whether one connection can take over what another has: who has which unique value already.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};

use rollcall_filter::{Expr, Literal, Op, parse_attr_path};
use rollcall_schema::{AttrId, Document, IndexKey, Profile, ResourceType, Uniqueness};

use super::consequences::digest;
use super::pages::{Pages, all, unavailable};
use crate::directory::parsed;
use crate::{ConnectionId, Plan, Query, Reader, Record, ResourceId, Start, Unavailable};

/// How many resources are looked for at once: as many sets as a database unites without ado.
const TOGETHER: usize = 100;

/// How many resources of the other connection may be found by so many values: far more than have
/// unique ones.
const FOUND: u32 = 10_000;

/// A type of the connection that takes over.
#[derive(Clone, Copy)]
pub(super) struct Taker<'a> {
    pub(super) id: ConnectionId,
    pub(super) reader: &'a dyn Reader,
    pub(super) ty: &'a ResourceType,
    pub(super) profile: &'a Profile,
}

/// What came of a comparison.
#[derive(Debug, Default)]
pub(super) struct Compared {
    /// Why resources can't be taken over, one reason each.
    pub(super) conflicts: Vec<String>,
    /// How many were looked at.
    pub(super) resources: u64,
}

/// Compares every resource of a type with what the other connection has, until so many conflicts
/// are found.
pub(super) async fn compare(
    reader: &dyn Reader,
    ty: &ResourceType,
    taker: Taker<'_>,
    most: usize,
) -> Result<Compared, Unavailable> {
    let mut rivals = Rivals::new(ty, taker);
    let (mut compared, mut pages) = (Compared::default(), Pages::of(reader, ty));
    while let Some(page) = pages.next().await? {
        for some in page.chunks(TOGETHER) {
            for conflict in rivals.conflicts(some).await? {
                compared.resources += 1;
                compared.conflicts.extend(conflict);
                if compared.conflicts.len() >= most {
                    return Ok(compared);
                }
            }
        }
    }
    Ok(compared)
}

/// Everybody who has unique values, here and there.
struct Rivals<'a> {
    taker: Taker<'a>,
    /// What is unique there.
    unique: Vec<Unique>,
    /// Who has which value here, of attributes that are unique there alone.
    own: HashMap<(usize, u128), ResourceId>,
}

struct Unique {
    id: AttrId,
    path: String,
    /// Whether it is unique here too.
    is_here: bool,
}

impl<'a> Rivals<'a> {
    fn new(ours: &ResourceType, taker: Taker<'a>) -> Self {
        let is_here = |path: &str| ours.by_path(path).is_ok_and(|id| is_unique(ours, id));
        let unique = taker.ty.attrs().iter().filter_map(|def| {
            let (id, path) = (taker.ty.by_path(&def.path).ok()?, def.path.to_string());
            let is_here = is_here(&path);
            is_unique(taker.ty, id).then_some(Unique { id, path, is_here })
        });
        Self { taker, unique: unique.collect(), own: HashMap::new() }
    }

    /// For each of some resources what keeps it from being taken over, if anything does.
    async fn conflicts(
        &mut self,
        some: &[(Record, Document)],
    ) -> Result<Vec<Option<String>>, Unavailable> {
        let keys: Vec<_> =
            some.iter().map(|(_, document)| self.taker.ty.index_keys(document)).collect();
        let mut told: Vec<Option<String>> = some.iter().map(|_| None).collect();
        for (at, unique) in self.unique.iter().enumerate() {
            let of = |keys: &BTreeSet<IndexKey>| -> Vec<String> {
                let own = keys.iter().filter(|key| key.attr == unique.id && key.unique);
                own.map(|key| key.key.clone()).collect()
            };
            let values: Vec<Vec<String>> = keys.iter().map(of).collect();
            let held = self.held(unique, values.concat()).await?;
            for (((record, _), values), told) in some.iter().zip(&values).zip(&mut told) {
                for value in values {
                    let twin = match unique.is_here {
                        true => None,
                        false => self.own.insert((at, digest(value)), record.id),
                    };
                    let why = match twin.filter(|twin| *twin != record.id) {
                        _ if held.contains(value) => self.has_it(unique, record.id),
                        Some(twin) => self.twice(unique, [twin, record.id]),
                        None => continue,
                    };
                    told.get_or_insert(why);
                }
            }
        }
        Ok(told)
    }

    /// Which of some values of an attribute somebody has in the other connection.
    async fn held(
        &self,
        unique: &Unique,
        values: Vec<String>,
    ) -> Result<HashSet<String>, Unavailable> {
        let Taker { reader, ty, profile, .. } = self.taker;
        let Ok(path) = parse_attr_path(&unique.path) else { return Ok(HashSet::new()) };
        if values.is_empty() {
            return Ok(HashSet::new());
        }
        let is = |value| Expr::Compare(path, Op::Eq, Literal::String(Cow::Owned(value)));
        let any = values.into_iter().map(is).collect();
        let condition = ty.condition(&Expr::Or(any), profile).map_err(Unavailable::new)?;
        let plan = Plan::of(ty, &condition);
        let everything = all(ty, Start::Skip(0));
        let query = Query { condition: Some(&condition), plan: &plan, count: FOUND, ..everything };
        let page = reader.find(&query).await.map_err(unavailable)?;
        let mut held = HashSet::new();
        for found in page.found {
            let keys = ty.index_keys(&parsed(&found.record)?);
            held.extend(keys.into_iter().filter(|key| key.attr == unique.id).map(|key| key.key));
        }
        Ok(held)
    }

    fn has_it(&self, unique: &Unique, id: ResourceId) -> String {
        let (taker, kind) = (self.taker.id, self.taker.ty.name());
        format!("{taker} has a {kind} with the same `{}` as {id}", unique.path)
    }

    fn twice(&self, unique: &Unique, [first, second]: [ResourceId; 2]) -> String {
        let (taker, path) = (self.taker.id, &unique.path);
        format!("{taker} takes each `{path}` once, and {first} and {second} share one")
    }
}

fn is_unique(ty: &ResourceType, id: AttrId) -> bool {
    let def = ty.attr(id);
    def.indexed && def.uniqueness != Uniqueness::None
}
