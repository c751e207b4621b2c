//! Finding resources: filters over complete indexes, and walks that lose nobody.

use rollcall_schema::{Condition, ResourceType, Storage};
use sha2::{Digest, Sha256};

use super::{Derived, Directory, Search, profile};
use crate::anchors::{Anchor, Place};
use crate::{Context, Error, Load, Page, Plan, Query, Start, Total, Unavailable};

impl Directory {
    /// Finds resources of one type (RFC 7644 §3.4.2).
    ///
    /// # Errors
    /// [`Error::Filter`], [`Error::TooMany`].
    pub async fn find(
        &self,
        ctx: &Context,
        ty: &ResourceType,
        search: &Search<'_>,
    ) -> Result<Page, Error> {
        let filter = search.filter.as_ref();
        let condition = filter.map(|filter| ty.condition(filter, profile(ctx))).transpose()?;
        let sort = match &search.sort {
            Some((path, order)) => ty.sort(path, *order, profile(ctx))?,
            None => None,
        };
        let plan = match &condition {
            Some(condition) => self.plan(ctx, ty, condition).await?,
            None => Plan::ALL,
        };
        let start = search.start.max(1);
        let place = |start| Place {
            scope: ctx.scope(),
            actor: ctx.actor(),
            kind: ty.name().into(),
            filter: filter.map(|filter| Sha256::digest(filter.to_string()).into()),
            start,
        };
        let anchor = match sort {
            None if start > 1 && search.count > 0 => self.anchors.get(&place(start)),
            _ => None,
        };
        let query = Query {
            ty,
            condition: condition.as_ref(),
            plan: &plan,
            sort,
            from: anchor
                .map_or_else(|| Start::Skip(start - 1), |anchor| Start::After(anchor.after)),
            count: search.count,
            total: anchor.map_or(Total::Wanted, |anchor| Total::Known(anchor.total)),
            load: load(
                ty,
                condition.as_ref(),
                &plan,
                sort.map(|sort| sort.by.attr),
                search.derived,
            ),
        };
        let mut page = self.store.scope(ctx.scope()).find(&query).await?;
        if anchor.is_some() {
            page.total = met(&page, start, search.count);
        }
        if let (None, Some(last)) = (sort, page.found.last()) {
            let next = start.saturating_add(page.found.len() as u64);
            self.anchors.put(place(next), Anchor { after: last.record.id, total: page.total });
        }
        Ok(page)
    }

    /// Plans a condition over the indexes that are complete: one that is being built answers no
    /// filter.
    async fn plan(
        &self,
        ctx: &Context,
        ty: &ResourceType,
        condition: &Condition,
    ) -> Result<Plan, Unavailable> {
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

/// The total of a walk that was counted with its first page, as far as the walk knows better: a
/// client that reads until it has met so many meets the end there.
fn met(page: &Page, start: u64, count: u32) -> u64 {
    let met = (start - 1).saturating_add(page.found.len() as u64);
    let at_the_end = page.found.len() < count as usize;
    if at_the_end { met } else { met.max(page.total) }
}

/// What a search has to load: for the answer, and to decide what no index decides.
fn load(
    ty: &ResourceType,
    condition: Option<&Condition>,
    plan: &Plan,
    sorted_by: Option<rollcall_schema::AttrId>,
    derived: Derived,
) -> Load {
    let residual = condition.filter(|_| !plan.exact || sorted_by.is_some());
    let asked = residual.into_iter().flat_map(|condition| condition.attrs().map(|at| at.attr));
    let read: Vec<Storage> = asked.chain(sorted_by).map(|attr| ty.attr(attr).storage).collect();
    Load {
        links: read.contains(&Storage::Relation),
        incoming: read.contains(&Storage::Derived) || derived.wanted(ty),
    }
}
