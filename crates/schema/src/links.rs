//! Relations: references to other resources that are kept as rows, never inside the document.

use std::collections::BTreeSet;

use crate::resource_type::AttrId;

/// One row of a relation as it stands: the owner's attribute points at a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The id of the resource that is pointed at.
    pub id: String,
    /// Its resource type.
    pub kind: String,
    /// What it is called.
    pub display: Option<String>,
}

/// A resource whose relation points here, as derived attributes such as `groups` show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incoming {
    /// The id of the resource that points here.
    pub id: String,
    /// Its resource type.
    pub kind: String,
    /// What it is called.
    pub display: Option<String>,
    /// Whether it points here itself or through others (R-RES-02).
    pub reach: Reach,
}

/// How a resource is reached through a relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// By one row.
    Direct,
    /// Through nested resources.
    Indirect,
}

/// What becomes of one relation of a resource: a set operation that reads no rows.
///
/// `add` and `remove` are disjoint; with [`Base::Nothing`] there is nothing to remove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkChange {
    /// The relation.
    pub attr: AttrId,
    /// What the change starts from.
    pub base: Base,
    /// Ids that belong afterwards.
    pub add: BTreeSet<String>,
    /// Ids that don't belong afterwards.
    pub remove: BTreeSet<String>,
}

/// What a [`LinkChange`] starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// The rows that there are.
    Kept,
    /// Nothing: the relation is replaced.
    Nothing,
}

impl LinkChange {
    /// A change of `attr` that changes nothing yet.
    pub const fn none(attr: AttrId) -> Self {
        Self { attr, base: Base::Kept, add: BTreeSet::new(), remove: BTreeSet::new() }
    }

    /// The relation becomes exactly `ids`.
    pub fn replaced(attr: AttrId, ids: impl IntoIterator<Item = String>) -> Self {
        let add = ids.into_iter().collect();
        Self { attr, base: Base::Nothing, add, remove: BTreeSet::new() }
    }

    /// `id` belongs from here on.
    pub fn add(&mut self, id: String) {
        self.remove.remove(&id);
        self.add.insert(id);
    }

    /// `id` doesn't belong from here on.
    pub fn remove(&mut self, id: String) {
        self.add.remove(&id);
        if self.base == Base::Kept {
            self.remove.insert(id);
        }
    }

    /// Nothing belongs from here on.
    pub fn clear(&mut self) {
        *self = Self::replaced(self.attr, []);
    }

    /// Whether it asks for nothing.
    pub fn is_none(&self) -> bool {
        self.base == Base::Kept && self.add.is_empty() && self.remove.is_empty()
    }
}
