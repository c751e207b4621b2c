//! What a list is sorted by (RFC 7644 §3.4.2.3).

use rollcall_filter::AttrPath;
use serde::{Deserialize, Serialize};

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

/// How many bytes of a text count when it is sorted: a cursor carries what counts.
const COUNTED: usize = 1024;

/// The place of a resource in a list sorted by one attribute, ascending.
///
/// Serialised it is short, and read back it is the same place: a cursor carries it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SortKey(Key);

// The order of the variants counts: what has no value comes last (R-SORT-04).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Key {
    #[serde(rename = "b")]
    Boolean(bool),
    #[serde(rename = "n")]
    Number(Number),
    #[serde(rename = "m")]
    Moment(Moment),
    #[serde(rename = "t")]
    Text(String),
    #[serde(rename = "-")]
    Unassigned,
}

impl SortKey {
    /// The place of resources that have no value (R-SORT-04).
    pub const UNASSIGNED: Self = Self(Key::Unassigned);
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
    /// first (R-SORT-03); case and type count as in filters (R-SORT-05). Of a text the first 1,024
    /// bytes count.
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
            datum.text().map(|held| Key::Text(counted(&text::key(def, held)).to_owned()))
        }
        Type::Complex => None,
    }
}

fn counted(text: &str) -> &str {
    let end = (0..=COUNTED.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    text.get(..end.unwrap_or(0)).unwrap_or(text)
}

fn no_order<T>(path: &AttrPath<'_>) -> Result<T, FilterError> {
    Err(FilterError::Mismatch(format!(
        "`{}` has several parts: name the one to sort by",
        path.text
    )))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::moment;

    fn any_key() -> impl Strategy<Value = Key> {
        let number =
            (any::<f64>(), any::<i64>(), any::<bool>()).prop_map(|(real, whole, is_real)| {
                let text = if is_real && real.is_finite() {
                    format!("{real:e}")
                } else {
                    whole.to_string()
                };
                Key::Number(Number::parse(&text).unwrap())
            });
        let moment =
            (1..=9999_u32, 1..=12_u32, 1..=28_u32, 0..=999_999_999_u32).prop_map(|(y, m, d, n)| {
                Key::Moment(
                    moment::parse(&format!("{y:04}-{m:02}-{d:02}T23:59:59.{n:09}Z")).unwrap(),
                )
            });
        prop_oneof![
            any::<bool>().prop_map(Key::Boolean),
            number,
            moment,
            any::<String>().prop_map(Key::Text),
            Just(Key::Unassigned),
        ]
    }

    proptest! {
        #[test]
        fn r_cur_13_keys_come_back_as_they_were(key in any_key()) {
            let key = SortKey(key);
            let text = serde_json::to_string(&key).unwrap();
            prop_assert_eq!(serde_json::from_str::<SortKey>(&text).unwrap(), key);
        }
    }

    /// R-CUR-13: what doesn't count for the order needn't travel, and nobody is lost by it.
    #[test]
    fn the_beginning_of_a_text_counts() {
        assert_eq!(counted(&"ab".repeat(512)), "ab".repeat(512));
        assert_eq!(counted(&format!("{}b", "a".repeat(1024))), "a".repeat(1024));
        assert_eq!(counted(&format!("a{}", "ü".repeat(600))), format!("a{}", "ü".repeat(511)));
    }

    #[test]
    fn keys_are_short() {
        let text = |key: Key| serde_json::to_string(&SortKey(key)).unwrap();
        let number = |text| Number::parse(text).unwrap();
        assert_eq!(text(Key::Number(number("-12.5"))), r#"{"n":[true,2,"125"]}"#);
        assert_eq!(
            text(Key::Moment(moment::parse("1970-01-01T00:00:01.5Z").unwrap())),
            r#"{"m":[1,500000000]}"#
        );
        assert_eq!(text(Key::Text("a".into())), r#"{"t":"a"}"#);
        assert_eq!(text(Key::Unassigned), r#""-""#);
        // The largest exponent there is, and beyond.
        for far in ["123e9223372036854775807", "-1e-99999999999999999999", "0e5"] {
            let key = SortKey(Key::Number(number(far)));
            let text = serde_json::to_string(&key).unwrap();
            assert_eq!(serde_json::from_str::<SortKey>(&text).unwrap(), key);
        }
    }
}
