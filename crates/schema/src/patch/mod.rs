//! PATCH: compiled once against a resource type, then applied to resources (RFC 7644 §3.5.2).

mod apply;
mod budget;
mod element_path;
mod envelope;
mod fault;
mod links;
mod list;
mod pick;
mod read;
mod write;

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::condition::Condition;
use crate::resource_type::{AttrId, ExtensionId};
use crate::value::Ignored;
use crate::{Document, Link, LinkChange, PatchError, Profile, ResourceType, View};

/// A PATCH request whose paths, filters and values are resolved against a resource type.
///
/// Made by [`ResourceType::patch`]. It knows no resource yet: the same `Patch` gives the same
/// answer however often it is applied, so a caller that lost a race applies it again.
#[derive(Clone, Debug)]
pub struct Patch {
    steps: Vec<Step>,
    ignored: Vec<Ignored>,
    /// The place of the last operation, which a fault of the whole outcome is laid to.
    last: usize,
}

/// What a [`Patch`] makes of a resource.
#[derive(Clone, Debug, PartialEq)]
pub struct Patched {
    /// The body afterwards; equal to the one before when nothing changed (R-PATCH-09).
    pub document: Document,
    /// What becomes of the relations.
    pub links: Vec<LinkChange>,
    /// What the request carried and what was left out.
    pub ignored: Vec<Ignored>,
}

impl ResourceType {
    /// Compiles the body of a PATCH request.
    ///
    /// # Errors
    /// [`PatchError`] for the first operation that no resource of this type could follow: the
    /// message is malformed (R-PATCH-01, R-PATCH-02), a path leads nowhere (R-PATCH-05,
    /// R-PATCH-06), a value doesn't fit, or a read-only attribute is written (R-PATCH-07).
    pub fn patch(&self, body: Value, profile: &Profile) -> Result<Patch, PatchError> {
        read::read(self, body, profile)
    }
}

impl Patch {
    /// Whether any operation is about a relation.
    pub fn touches_links(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.act, Act::Links(..)))
    }

    /// Whether [`apply`](Self::apply) reads [`View::links`]: an operation picks rows of a
    /// relation by more than their ids.
    pub fn needs_links(&self) -> bool {
        let reads = |step: &Step| matches!(step.act, Act::Links(_, LinkStep::RemoveWhere(_)));
        self.steps.iter().any(reads)
    }

    /// The ids that join a relation before an operation picks rows of it by more than their ids:
    /// [`apply_among`](Self::apply_among) can be told what they belong to.
    pub fn joining(&self) -> BTreeSet<&str> {
        let picks = |step: &Step| matches!(step.act, Act::Links(_, LinkStep::RemoveWhere(_)));
        let last = self.steps.iter().rposition(picks).unwrap_or_default();
        let before = self.steps.iter().take(last);
        let ids = before.filter_map(|step| match &step.act {
            Act::Links(_, LinkStep::Add(ids) | LinkStep::Replace(ids)) => Some(ids),
            _ => None,
        });
        ids.flatten().map(String::as_str).collect()
    }

    /// Applies the operations in order to one resource, all or none of them (R-PATCH-03). Of what
    /// joins a relation on the way only the id is known.
    ///
    /// # Errors
    /// [`PatchError`] when an operation finds no target or changes what is immutable, or when the
    /// outcome lacks what the type requires (R-PATCH-10).
    pub fn apply(
        &self,
        ty: &ResourceType,
        seen: &View<'_>,
        profile: &Profile,
    ) -> Result<Patched, PatchError> {
        self.apply_among(ty, seen, &[], profile)
    }

    /// As [`apply`](Self::apply), with the resources that [`joining`](Self::joining) names as
    /// rows would show them: operations find what earlier ones added as if it stood (R-PATCH-03).
    ///
    /// # Errors
    /// Those of [`apply`](Self::apply).
    pub fn apply_among(
        &self,
        ty: &ResourceType,
        seen: &View<'_>,
        joining: &[Link],
        profile: &Profile,
    ) -> Result<Patched, PatchError> {
        let joining = joining.iter().map(|link| (link.id.as_str(), link)).collect();
        apply::apply(self, ty, (seen, &joining), profile)
    }
}

/// One thing to do, and the operation that asked for it.
#[derive(Clone, Debug)]
struct Step {
    at: usize,
    act: Act,
}

#[derive(Clone, Debug)]
enum Act {
    /// Writes an attribute of the document.
    Write(AttrId, Write),
    /// Changes some elements of a list.
    Elements(Elements),
    /// Drops all data of an extension (R-EXT-04, R-EXT-06).
    Drop(ExtensionId),
    /// Changes a relation.
    Links(AttrId, LinkStep),
    /// Holds when the value is the resource's id; it can't be changed.
    SameId(Value),
}

/// What is written to an attribute, or to a part of a complex one.
#[derive(Clone, Debug)]
enum Write {
    /// It becomes unassigned.
    Clear,
    /// It becomes this value.
    Set(Value),
    /// The list becomes these elements.
    List(Vec<Value>),
    /// These elements join the list.
    Append(Vec<Value>),
    /// These parts of a complex value are written, the others stay.
    Merge(Vec<(AttrId, Write)>),
}

/// A change to those elements of a list that are picked.
#[derive(Clone, Debug)]
struct Elements {
    attr: AttrId,
    pick: Pick,
    change: Change,
    missing: Missing,
}

#[derive(Clone, Debug)]
enum Pick {
    /// Elements that the filter of a value path finds.
    Where(Condition),
    /// Elements that have everything that one of these has.
    Listed(Vec<Value>),
    /// The only element, else the primary one (R-PATCH-64).
    Sole,
    /// Every element.
    Every,
}

#[derive(Clone, Debug)]
enum Change {
    /// The element leaves the list.
    Drop,
    /// The element becomes `value`; of its old parts it keeps `keep` where `value` lacks them.
    Become { value: Value, keep: Vec<AttrId> },
    /// Parts of the element are written.
    Merge(Vec<(AttrId, Write)>),
}

/// What is done when no element is picked.
#[derive(Clone, Debug)]
enum Missing {
    /// Nothing.
    Skip,
    /// An element with these parts is made, then changed.
    Create(Map<String, Value>),
    /// The operation fails (R-PATCH-46).
    Refuse,
}

#[derive(Clone, Debug)]
enum LinkStep {
    Add(Vec<String>),
    Remove(Vec<String>),
    Replace(Vec<String>),
    /// Removes the rows that the filter of a value path finds.
    RemoveWhere(Condition),
}
