//! A resource body that is canonical for its type.

use std::fmt;

use serde_json::{Map, Value};

/// A resource body in canonical form: schema spelling, checked types, no nulls, nothing that the
/// server owns (`id`, `meta`, `schemas`), no relations, no derived attributes.
///
/// Extensions are objects under their URN. Made by [`accept`](crate::ResourceType::accept), by
/// [`Patch::apply`](crate::Patch::apply), or read back from a store.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document(Map<String, Value>);

impl Document {
    /// Takes a body that is canonical already.
    pub(crate) const fn from_canonical(body: Map<String, Value>) -> Self {
        Self(body)
    }

    /// Reads the text that [`Display`](fmt::Display) wrote, as a store keeps it.
    ///
    /// # Errors
    /// When the text is no JSON object.
    pub fn from_stored(text: &str) -> serde_json::Result<Self> {
        serde_json::from_str(text).map(Self)
    }

    /// The body.
    pub const fn body(&self) -> &Map<String, Value> {
        &self.0
    }

    /// The body, to be changed into something that is no longer a document.
    pub fn into_body(self) -> Map<String, Value> {
        self.0
    }
}

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(&self.0).map_err(|_| fmt::Error)?)
    }
}
