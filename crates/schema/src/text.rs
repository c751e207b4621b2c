//! Text as it is compared: for filters, sorting, indexes and uniqueness alike.

use std::borrow::Cow;

use caseless::default_case_fold_str;
use rollcall_filter::Op;
use unicode_normalization::UnicodeNormalization;

use crate::definition::Type;
use crate::resource_type::{AttrDef, Storage};

/// The canonical caseless form: equal for texts that differ by case or normalization only.
///
/// It is the canonical caseless match of Unicode (D145) in NFC, without any locale: `ß` is `ss`
/// (R-FILTER-07, R-ATTR-23, R-ATTR-24).
pub fn fold(text: &str) -> String {
    folded(text).into_owned()
}

fn folded(text: &str) -> Cow<'_, str> {
    if !text.is_ascii() {
        let decomposed: String = text.nfd().collect();
        return Cow::Owned(default_case_fold_str(&decomposed).nfc().collect());
    }
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Cow::Owned(text.to_ascii_lowercase());
    }
    Cow::Borrowed(text)
}

/// The key of a text value: what is compared in its place.
pub(crate) fn key<'t>(def: &AttrDef, text: &'t str) -> Cow<'t, str> {
    if def.kind == Type::Binary {
        // R-ATTR-09: padding may be missing.
        return Cow::Borrowed(text.trim_end_matches('='));
    }
    if is_exact(def) { Cow::Borrowed(text) } else { folded(text) }
}

/// The key of a text value under `op`.
pub(crate) fn comparable<'t>(def: &AttrDef, op: Op, text: &'t str) -> Cow<'t, str> {
    if is_reference(def, op) { Cow::Borrowed(last_segments(text)) } else { key(def, text) }
}

/// Whether the key of a text value under `op` is its caseless form.
pub(crate) fn is_folded(def: &AttrDef, op: Op) -> bool {
    !is_reference(def, op) && def.kind != Type::Binary && !is_exact(def)
}

/// R-ATTR-11: whether what a reference points at is compared, not how it is written.
fn is_reference(def: &AttrDef, op: Op) -> bool {
    &*def.name == "$ref" && matches!(op, Op::Eq | Op::Ne)
}

/// The ids of other resources are exact whatever the schema says of them, and URNs of schemas
/// never (R-FILTER-19).
fn is_exact(def: &AttrDef) -> bool {
    if def.storage == Storage::Server && &*def.name == "schemas" {
        return false;
    }
    let reference = matches!(def.storage, Storage::Relation | Storage::Derived);
    def.case_exact || (reference && &*def.name == "value")
}

/// R-ATTR-11: what stands before `Users/1` doesn't matter.
fn last_segments(uri: &str) -> &str {
    let uri = uri.trim_end_matches('/');
    let slash = uri.rmatch_indices('/').nth(1).map(|(at, _)| at + 1);
    slash.and_then(|at| uri.get(at..)).unwrap_or(uri)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &str) {
        assert_eq!(fold(text), expect);
        assert_eq!(fold(expect), expect, "folding again");
    }

    #[test]
    fn r_filter_07_folds_case_and_normalization() {
        check("BJensen@Example.COM", "bjensen@example.com");
        check("MÜLLER", "müller");
        check("mu\u{308}ller", "m\u{fc}ller");
        check("Straße", "strasse");
        check("STRASSE", "strasse");
        check("ΣΊΣΥΦΟΣ", "σίσυφοσ");
        check("ﬁn", "fin");
        check("İ", "i\u{307}");
        check("\u{1e9b}\u{323}", "\u{1e69}");
    }

    #[test]
    fn r_attr_11_references_are_their_last_two_segments() {
        assert_eq!(last_segments("https://h/scim/v2/Users/1"), "Users/1");
        assert_eq!(last_segments("/Users/1/"), "Users/1");
        assert_eq!(last_segments("Users/1"), "Users/1");
        assert_eq!(last_segments("1"), "1");
    }

    proptest! {
        #[test]
        fn folding_again_changes_nothing(text in "\\PC*") {
            let once = fold(&text);
            prop_assert_eq!(fold(&once), once);
        }

        #[test]
        fn normalization_does_not_matter(text in "\\PC*") {
            let decomposed: String = text.nfd().collect();
            prop_assert_eq!(fold(&decomposed), fold(&text));
        }
    }
}
