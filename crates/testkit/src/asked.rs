//! Searches that tests ask a store for.

use std::fmt;

use rollcall_domain::{Candidates, Load, Plan, Query, Start, Total};
use rollcall_filter::{parse_attr_path, parse_filter};
use rollcall_schema::{
    AttrRef, Condition, FilterError, Order, Profile, ResourceType, Sort, Storage,
};

/// A search with everything that a [`Query`] borrows.
#[derive(Clone)]
pub struct Asked {
    /// The resource type.
    pub ty: &'static ResourceType,
    /// The filter.
    pub condition: Option<Condition>,
    /// What the domain plans for it.
    pub plan: Plan,
    /// The order.
    pub sort: Option<Sort>,
    /// What to load beside what filter and order need.
    pub load: Load,
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asked")
            .field("ty", &self.ty.name())
            .field("condition", &self.condition)
            .field("plan", &self.plan)
            .field("sort", &self.sort)
            .field("load", &self.load)
            .finish()
    }
}

impl Asked {
    /// Every resource of a type.
    pub fn all(ty: &'static ResourceType) -> Self {
        Self { ty, condition: None, plan: Plan::ALL, sort: None, load: Load::default() }
    }

    /// The resources that satisfy a filter, by the domain's own plan.
    ///
    /// # Errors
    /// [`FilterError`] when the type can't answer the filter.
    pub fn filter(ty: &'static ResourceType, text: &str) -> Result<Self, FilterError> {
        let condition = ty.condition(&parse_filter(text)?, &Profile::GENERIC)?;
        let plan = Plan::of(ty, &condition);
        Ok(Self { condition: Some(condition), plan, ..Self::all(ty) })
    }

    /// The same search with a plan that leaves every resource to the condition.
    #[must_use]
    pub fn scanning(self) -> Self {
        Self { plan: Plan { candidates: Candidates::All, exact: self.condition.is_none() }, ..self }
    }

    /// The same search with a plan that is called inexact though it may not be.
    #[must_use]
    pub fn doubting(self) -> Self {
        Self { plan: Plan { exact: self.condition.is_none(), ..self.plan }, ..self }
    }

    /// The same search in the order of an attribute.
    ///
    /// # Errors
    /// [`FilterError`] when the attribute has no order.
    pub fn sorted(self, by: &str, order: Order) -> Result<Self, FilterError> {
        let sort = self.ty.sort(&parse_attr_path(by)?, order, &Profile::GENERIC)?;
        Ok(Self { sort, ..self })
    }

    /// The first thousand of them and the total.
    pub fn query(&self) -> Query<'_> {
        let sorted_by = self.sort.map(|sort| sort.by);
        let read = self.condition.iter().flat_map(Condition::attrs).chain(sorted_by);
        Query {
            ty: self.ty,
            condition: self.condition.as_ref(),
            plan: &self.plan,
            sort: self.sort,
            from: Start::Skip(0),
            count: 1_000,
            total: Total::Wanted,
            load: read.fold(self.load, |load, at| self.with(load, at)),
        }
    }

    fn with(&self, load: Load, at: AttrRef) -> Load {
        match self.ty.attr(at.attr).storage {
            Storage::Relation => Load { links: true, ..load },
            Storage::Derived => Load { incoming: true, ..load },
            Storage::Document | Storage::Server => load,
        }
    }
}
