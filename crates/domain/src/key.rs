//! Keys under which resources are found and kept unique.

use std::sync::Arc;

use rollcall_schema::{IndexKey, ResourceType};
use sha2::{Digest, Sha256};

/// The longest text that is kept whole as a key, in bytes; a longer one is an error to a B-tree.
pub const LONGEST: usize = 512;

/// How much of a longer text stays in front of its digest, in bytes: so much that the whole is
/// longer than [`LONGEST`], and no text that is kept whole can be made to look like it.
const HEAD: usize = 452;

/// A character of UTF-8 has this many bytes at most: the head may be shorter by one less.
const WIDEST: usize = 4;

/// One row of the index of a resource: an attribute path and a folded value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The path of the attribute: `emails.value`.
    pub attr: Arc<str>,
    /// The value, prepared for comparing (R-FILTER-07) and bounded by [`bounded`].
    pub text: String,
    /// Whether no other resource of the type may have it in this connection.
    pub unique: bool,
}

impl Key {
    /// A key as a type makes it of a document.
    pub fn of(ty: &ResourceType, key: &IndexKey) -> Self {
        let attr = Arc::from(&*ty.attr(key.attr).path);
        Self { attr, text: bounded(&key.key), unique: key.unique }
    }

    /// The path under which the values of an attribute are marked that are to be unique and are
    /// not claimed yet. No attribute has it.
    pub(crate) fn mark_path(path: &str) -> Arc<str> {
        format!("{path}#unclaimed").into()
    }

    /// The mark of a value that is not claimed.
    pub(crate) fn mark(&self) -> Self {
        Self { attr: Self::mark_path(&self.attr), unique: false, ..self.clone() }
    }

    /// The same value without a claim to it: its resource is found by it and keeps nobody from
    /// having it.
    pub(crate) fn unclaimed(self) -> [Self; 2] {
        let mark = self.mark();
        [Self { unique: false, ..self }, mark]
    }
}

/// The text itself, or its beginning with a SHA-256 of the whole where it is longer than
/// [`LONGEST`]. Texts that differ have keys that differ.
pub fn bounded(text: &str) -> String {
    if text.len() <= LONGEST {
        return text.into();
    }
    let digest = Sha256::digest(text.as_bytes());
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}#{hex}", head(text))
}

/// Whether prefixes of, and order against, stored keys are decided by `needle` alone.
pub(crate) const fn comparable(needle: &str) -> bool {
    needle.len() <= HEAD - WIDEST
}

fn head(text: &str) -> &str {
    let end = (0..=HEAD).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_keys_stay_as_they_are() {
        assert_eq!(bounded("jsmith"), "jsmith");
        assert_eq!(bounded(&"x".repeat(LONGEST)), "x".repeat(LONGEST));
    }

    #[test]
    fn long_keys_keep_a_prefix_and_differ() {
        let (a, b) = (format!("{}a", "ü".repeat(400)), format!("{}b", "ü".repeat(400)));
        assert_ne!(bounded(&a), bounded(&b));
        assert!(bounded(&a).len() <= HEAD + 65);
        assert!(bounded(&a).starts_with(&"ü".repeat(200)));
    }

    /// R-ATTR-22: else whoever makes the key of another's long name a name takes it away.
    #[test]
    fn no_short_text_is_the_key_of_a_long_one() {
        for lead in 0..WIDEST {
            let long = format!("{}{}", "x".repeat(lead), "\u{1f600}".repeat(200));
            let forged = bounded(&long);
            assert!(forged.len() > LONGEST, "{} bytes", forged.len());
            assert_ne!(bounded(&forged), forged);
        }
    }
}
