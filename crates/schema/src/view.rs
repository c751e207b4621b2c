//! A resource as filters and PATCH see it.

use crate::{Document, Incoming, Instant, Link};

/// A resource with everything that a filter may ask for: the document, what the server owns, and
/// its relations both ways.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The resource id.
    pub id: &'a str,
    /// The revision, shown as `W/"n"`.
    pub version: u64,
    /// `meta.created`.
    pub created: Instant,
    /// `meta.lastModified`.
    pub modified: Instant,
    /// The body.
    pub document: &'a Document,
    /// Rows of its relation; empty unless they were asked for.
    pub links: &'a [Link],
    /// Resources whose relation points here; empty unless they were asked for.
    pub incoming: &'a [Incoming],
}
