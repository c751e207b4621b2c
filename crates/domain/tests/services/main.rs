//! Services around the directory, over the memory store.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
mod callers;
mod configure;
mod dialect;
mod indexing;
mod issuers;
mod joining;
mod late;
mod me;
mod removals;
mod repeats;
mod rotations;
mod sightings;
mod watching;
mod world;
