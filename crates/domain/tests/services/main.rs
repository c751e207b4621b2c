//! Services around the directory, over the memory store.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod configure;
mod dialect;
mod indexing;
mod me;
mod world;
