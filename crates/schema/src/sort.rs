//! What a list is sorted by (RFC 7644 §3.4.2.3).

use rollcall_filter::AttrPath;

use crate::definition::Type;
use crate::matching::{Datum, Element, any_element};
use crate::resource_type::{AttrDef, AttrRef, ResourceType, Target};
use crate::{FilterError, Moment, Number, Profile, View, text};

/// An attribute to sort by, and the direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    /// The attribute.
    pub by: AttrRef,
    /// The direction.
    pub order: Order,
}

/// A direction; descending is the reverse of ascending, resources without a value included
/// (R-SORT-04).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// From small to large: the default (R-SORT-01).
    #[default]
    Ascending,
    /// From large to small.
    Descending,
}

/// The place of a resource in a list sorted by one attribute, ascending.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SortKey(Key);

// The order of the variants counts: what has no value comes last (R-SORT-04).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Boolean(bool),
    Number(Number),
    Moment(Moment),
    Text(String),
    Unassigned,
}

impl ResourceType {
    /// What `sortBy` asks for; `None` when the type doesn't have it and the profile bears that:
    /// then no resource has a value (R-SORT-07).
    ///
    /// # Errors
    /// [`FilterError`] when the attribute has no order of its own, can't be read (R-FILTER-22), or
    /// isn't there and the profile refuses that.
    pub fn sort(
        &self,
        path: &AttrPath<'_>,
        order: Order,
        profile: &Profile,
    ) -> Result<Option<Sort>, FilterError> {
        let at = match self.resolve(path, profile) {
            Some(Target::Attr(at)) => at,
            None if !profile.refuse_unknown => return Ok(None),
            None => {
                let kind = self.name().to_owned();
                return Err(FilterError::Unknown { path: path.text.to_owned(), kind });
            }
            Some(Target::Extension(_) | Target::Base) => return no_order(path),
        };
        self.check_readable(at)?;
        let Some(by) = self.value_of(at) else { return no_order(path) };
        self.check_readable(by)?;
        Ok(Some(Sort { by, order }))
    }

    /// The place of a resource when sorted by `by`: the primary element of a list counts, else the
    /// first (R-SORT-03); case and type count as in filters (R-SORT-05).
    pub fn sort_key(&self, by: AttrRef, seen: &View<'_>) -> SortKey {
        let by = self.value_of(by).unwrap_or(by);
        let mut chosen = None;
        let primary = self.sub(by.attr, "primary");
        any_element(self, seen, by.attr, &mut |element| {
            let is_primary = primary.is_some_and(|primary| {
                element.datum(self, Some(primary)).and_then(|datum| datum.truth()) == Some(true)
            });
            if is_primary || chosen.is_none() {
                chosen = Some(element);
            }
            is_primary
        });
        let datum = chosen.and_then(|element: Element<'_>| element.datum(self, by.sub));
        let key = datum.filter(Datum::is_present).and_then(|datum| key(self.leaf(by), &datum));
        SortKey(key.unwrap_or(Key::Unassigned))
    }
}

fn key(def: &AttrDef, datum: &Datum<'_>) -> Option<Key> {
    match def.kind {
        Type::Boolean => datum.truth().map(Key::Boolean),
        Type::Integer | Type::Decimal => datum.number().map(Key::Number),
        Type::DateTime => datum.moment().map(Key::Moment),
        Type::String | Type::Binary | Type::Reference => {
            datum.text().map(|held| Key::Text(text::key(def, held).into_owned()))
        }
        Type::Complex => None,
    }
}

fn no_order<T>(path: &AttrPath<'_>) -> Result<T, FilterError> {
    Err(FilterError::Mismatch(format!(
        "`{}` has several parts: name the one to sort by",
        path.text
    )))
}
