//! The schemas and resource types that every connection starts with.

use std::sync::LazyLock;

use crate::Attribute;

/// `schemas`, `id`, `externalId` and `meta`: on every resource (RFC 7643 §3.1).
pub(crate) fn common_attributes() -> &'static [Attribute] {
    static COMMON: LazyLock<Vec<Attribute>> = LazyLock::new(|| {
        serde_json::from_str(include_str!("../definitions/common.json"))
            .expect("common.json holds attributes")
    });
    &COMMON
}
