//! Finding resources of one type: filters over complete indexes.

use rollcall_schema::{Condition, ResourceType, Storage};

use super::walk::{Asked, Part};
use super::{Derived, Directory, Search, profile};
use crate::{Context, Error, Listing, Load, Plan, Unavailable};

impl Directory {
    /// Finds resources of one type (RFC 7644 §3.4.2), by place or by cursor (RFC 9865).
    ///
    /// # Errors
    /// [`Error::Filter`], [`Error::TooMany`]; [`Error::InvalidCursor`], [`Error::ExpiredCursor`]
    /// and [`Error::InvalidCount`] with a cursor.
    pub async fn find(
        &self,
        ctx: &Context,
        ty: &ResourceType,
        search: &Search<'_>,
    ) -> Result<Listing, Error> {
        let filter = search.filter.as_ref();
        let condition = filter.map(|filter| ty.condition(filter, profile(ctx))).transpose()?;
        let sort = match &search.sort {
            Some((path, order)) => ty.sort(path, *order, profile(ctx))?,
            None => None,
        };
        let plan = self.plan(ctx, ty, condition.as_ref()).await?;
        let asked = Asked { parts: vec![Part { ty, condition, sort, plan }], search };
        let page = self.walk(ctx, &asked).await?;
        let found = page.found.into_iter().map(|(_, found)| found).collect();
        Ok(Listing { found, total: page.total, next: page.next })
    }

    /// Plans a condition over the indexes that are complete: one that is being built answers no
    /// filter.
    pub(super) async fn plan(
        &self,
        ctx: &Context,
        ty: &ResourceType,
        condition: Option<&Condition>,
    ) -> Result<Plan, Unavailable> {
        let Some(condition) = condition else { return Ok(Plan::ALL) };
        let plan = Plan::of(ty, condition);
        let young = |path: &str| {
            let def = ty.by_path(path).map(|id| ty.attr(id));
            def.map_or(0, |def| ctx.offer().indexed_since(ty, def))
        };
        let since = plan.candidates.keys().into_iter().map(young).max().unwrap_or(0);
        if since == 0 {
            return Ok(plan);
        }
        let behind = self.store.scope(ctx.scope()).behind(ty.name(), since, None, 1).await?;
        Ok(match behind.is_empty() {
            true => plan,
            false => Plan::without(ty, condition, &|def| ctx.offer().indexed_since(ty, def) > 0),
        })
    }
}

impl Part<'_> {
    /// What a search has to load: for the answer, and to decide what no index decides.
    pub(super) fn load(&self, derived: Derived) -> Load {
        let sorted_by = self.sort.map(|sort| sort.by.attr);
        let condition = self.condition.as_ref();
        let residual = condition.filter(|_| !self.plan.exact || sorted_by.is_some());
        let asked = residual.into_iter().flat_map(|condition| condition.attrs().map(|at| at.attr));
        let storage = |attr| self.ty.attr(attr).storage;
        let read: Vec<Storage> = asked.chain(sorted_by).map(storage).collect();
        Load {
            links: read.contains(&Storage::Relation),
            incoming: read.contains(&Storage::Derived) || derived.wanted(self.ty),
        }
    }
}
