//! Random resources and filters that meet.
//!
//! Texts come from one small pool in all spellings, so that a random filter often matches some of
//! the random resources and seldom all of them.

mod bodies;
mod filters;
mod texts;

pub use bodies::{Fate, Population, body, population};
pub use filters::{filter, name_ids, sort};
