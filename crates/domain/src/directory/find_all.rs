//! Finding resources of all types at once (RFC 7644 §3.4.2.1).

use std::sync::Arc;

use rollcall_filter::{AttrPath, Expr, Filter};
use rollcall_schema::{Condition, FilterError, Order, Profile, ResourceType, Sort};

use super::walk::{Asked, Part};
use super::{Directory, Search, profile};
use crate::{Context, Error, Found, Listing};

impl Directory {
    /// Finds resources of all these types, by place or by cursor.
    ///
    /// Without an order they come type by type, in the order of `types`, and by id within a type.
    /// An attribute that a type doesn't have has no value there (R-GET-06); where the profile
    /// refuses unknown attributes, it refuses those that no type has. An operator must go with an
    /// attribute in each type that has it.
    ///
    /// # Errors
    /// Those of [`find`](Self::find). [`Error::TooMany`] also for a sorted page far from the
    /// beginning that doesn't follow one that was read before.
    pub async fn find_all(
        &self,
        ctx: &Context,
        types: &[Arc<ResourceType>],
        search: &Search<'_>,
    ) -> Result<Listing<(Arc<ResourceType>, Found)>, Error> {
        let types: Vec<&Arc<ResourceType>> = types.iter().collect();
        let conditions = match &search.filter {
            Some(filter) => conditions(&types, filter, profile(ctx))?,
            None => types.iter().map(|_| None).collect(),
        };
        let sorts = match &search.sort {
            Some((path, order)) => sorts(&types, path, *order, profile(ctx))?,
            None => types.iter().map(|_| None).collect(),
        };
        let mut parts = Vec::with_capacity(types.len());
        for ((ty, condition), sort) in types.iter().zip(conditions).zip(sorts) {
            let plan = self.plan(ctx, ty, condition.as_ref()).await?;
            parts.push(Part { ty, condition, sort, plan });
        }
        let page = self.walk(ctx, &Asked { parts, search }).await?;
        let typed = |(kind, found)| Some((Arc::clone(*types.get(kind)?), found));
        let found = page.found.into_iter().filter_map(typed).collect();
        Ok(Listing { found, total: page.total, next: page.next })
    }
}

type Types<'t> = [&'t Arc<ResourceType>];

/// What the filter says of each type.
fn conditions(
    types: &Types<'_>,
    filter: &Filter<'_>,
    profile: &Profile,
) -> Result<Vec<Option<Condition>>, FilterError> {
    let bearing = bearing(profile);
    let conditions = types.iter().map(|ty| ty.condition(filter, &bearing).map(Some)).collect();
    if profile.refuse_unknown {
        known(types, filter, profile)?;
    }
    conditions
}

/// What the order is in each type; no value in one that doesn't have the attribute (R-SORT-07).
fn sorts(
    types: &Types<'_>,
    path: &AttrPath<'_>,
    order: Order,
    profile: &Profile,
) -> Result<Vec<Option<Sort>>, FilterError> {
    let bearing = bearing(profile);
    let sorts: Vec<Option<Sort>> =
        types.iter().map(|ty| ty.sort(path, order, &bearing)).collect::<Result<_, _>>()?;
    match profile.refuse_unknown && sorts.iter().all(Option::is_none) {
        true => Err(unknown(types, path.text)),
        false => Ok(sorts),
    }
}

/// A type alone can't tell whether an attribute is unknown to all.
fn bearing(profile: &Profile) -> Profile {
    Profile { refuse_unknown: false, ..profile.clone() }
}

/// Refuses a filter with an attribute that no type has.
fn known(types: &Types<'_>, filter: &Filter<'_>, profile: &Profile) -> Result<(), FilterError> {
    match filter {
        Expr::And(parts) | Expr::Or(parts) => {
            parts.iter().try_for_each(|part| known(types, part, profile))
        }
        Expr::Not(part) => known(types, part, profile),
        Expr::Any(path, part) => {
            let mut leaves = Vec::new();
            leaves_of(part, &mut leaves);
            leaves.into_iter().try_for_each(|leaf| {
                one_has(types, &Expr::Any(*path, Box::new(leaf.clone())), profile)
            })
        }
        Expr::Compare(..) | Expr::Present(_) => one_has(types, filter, profile),
    }
}

fn one_has(types: &Types<'_>, leaf: &Filter<'_>, profile: &Profile) -> Result<(), FilterError> {
    let mut missing = Vec::new();
    for ty in types {
        match ty.condition(leaf, profile) {
            Err(FilterError::Unknown { path, .. }) => missing.push(path),
            _ => return Ok(()),
        }
    }
    // A part that is missing says more than a whole that some types miss.
    let whole = |path: &String| matches!(leaf, Expr::Any(at, _) if *at.text == **path);
    let part = missing.iter().find(|path| !whole(path));
    part.or(missing.first()).map_or(Ok(()), |path| Err(unknown(types, path)))
}

fn leaves_of<'f, 't>(filter: &'f Filter<'t>, leaves: &mut Vec<&'f Filter<'t>>) {
    match filter {
        Expr::And(parts) | Expr::Or(parts) => {
            parts.iter().for_each(|part| leaves_of(part, leaves));
        }
        Expr::Not(part) => leaves_of(part, leaves),
        leaf => leaves.push(leaf),
    }
}

fn unknown(types: &Types<'_>, path: &str) -> FilterError {
    let kinds: Vec<_> = types.iter().map(|ty| ty.name()).collect();
    FilterError::Unknown { path: path.to_owned(), kind: kinds.join("`, `") }
}
