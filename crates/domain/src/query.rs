//! What is asked of a store.

use rollcall_schema::{Condition, ResourceType, Sort, SortKey};

use crate::{Found, Load, Plan, ResourceId};

/// A search over the resources of one type in one connection.
#[derive(Debug)]
pub struct Query<'a> {
    /// The resource type.
    pub ty: &'a ResourceType,
    /// What resources must satisfy. Decides, whatever `plan` says; without one, every resource of
    /// an exact plan is meant.
    pub condition: Option<&'a Condition>,
    /// How an index narrows the search.
    pub plan: &'a Plan,
    /// The order; without one, by id, which is the order of creation (R-SORT-06).
    pub sort: Option<Sort>,
    /// Where the page begins.
    pub from: Start,
    /// How many resources at most. Zero asks for the total alone.
    pub count: u32,
    /// Whether the total is to be found.
    pub total: Total,
    /// What to load beside each resource.
    pub load: Load,
}

impl<'a> Query<'a> {
    /// Asks for one resource that satisfies a condition, whichever it is.
    pub(crate) fn any(ty: &'a ResourceType, condition: &'a Condition, plan: &'a Plan) -> Self {
        Self {
            ty,
            condition: Some(condition),
            plan,
            sort: None,
            from: Start::Skip(0),
            count: 1,
            total: Total::Known(1),
            load: Load::default(),
        }
    }
}

/// Where a page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// Behind so many matches.
    Skip(u64),
    /// Behind the resource with this id, in the order of ids. Never with a sort.
    After(ResourceId),
    /// Behind the resource with this key and id, in the order of the query's sort.
    Behind(SortKey, ResourceId),
}

/// Whether the number of matches is to be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Total {
    /// It is to be counted.
    Wanted,
    /// It was counted with an earlier page.
    Known(u64),
}

/// One page of matches as a store finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The resources in order.
    pub found: Vec<Found>,
    /// How many match in all.
    pub total: u64,
}

/// One page of matches as a directory answers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing<T = Found> {
    /// The resources in order.
    pub found: Vec<T>,
    /// How many match in all.
    pub total: u64,
    /// The cursor of the next page, where the walk is one by cursor and there is one (R-CUR-02).
    pub next: Option<String>,
}
