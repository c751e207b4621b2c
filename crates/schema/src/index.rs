//! The keys under which a store finds a resource.

use std::collections::BTreeSet;

use rollcall_filter::Op;

use crate::definition::{Type, Uniqueness};
use crate::matching::{Datum, any_kept_element};
use crate::resource_type::{AttrDef, AttrId, ResourceType};
use crate::{Document, text};

/// One value of an indexed attribute, in the form that is compared.
///
/// A text equals this key exactly when a filter with `eq` finds it: the key is that of
/// [`Operand::Text`](crate::Operand::Text).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IndexKey {
    /// The attribute, or the part of one.
    pub attr: AttrId,
    /// The value: text folded unless it is exact (R-ATTR-23), `true` or `false`, a number in its
    /// one form, a dateTime in UTC.
    pub key: String,
    /// Whether no other resource of the type may have it.
    pub unique: bool,
}

impl ResourceType {
    /// The keys of a document: one for each value of each indexed attribute.
    pub fn index_keys(&self, document: &Document) -> BTreeSet<IndexKey> {
        let mut keys = BTreeSet::new();
        for def in self.indexed() {
            let (attr, sub) = match def.parent {
                Some(parent) => (self.attr(parent), Some(def.id)),
                None => (def, None),
            };
            any_kept_element(self, document, attr, &mut |element| {
                let key = element.datum(self, sub).and_then(|datum| key(def, &datum));
                keys.extend(key.map(|key| {
                    // R-ATTR-14: an empty text is no value that anybody has.
                    let unique = def.uniqueness != Uniqueness::None && !key.is_empty();
                    IndexKey { attr: def.id, key, unique }
                }));
                false
            });
        }
        keys
    }

    /// What references to a resource call it: its `displayName`, else its `userName`.
    pub fn display<'d>(&self, document: &'d Document) -> Option<&'d str> {
        let text = |name| document.body().get(name)?.as_str().filter(|text| !text.is_empty());
        text("displayName").or_else(|| text("userName"))
    }
}

fn key(def: &AttrDef, datum: &Datum<'_>) -> Option<String> {
    match def.kind {
        Type::Boolean => datum.truth().map(|truth| truth.to_string()),
        Type::Integer | Type::Decimal => datum.number().map(|number| number.to_string()),
        Type::DateTime => datum.moment().map(|moment| moment.to_string()),
        Type::String | Type::Binary | Type::Reference => {
            datum.text().map(|held| text::comparable(def, Op::Eq, held).into_owned())
        }
        Type::Complex => None,
    }
}
