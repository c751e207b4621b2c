//! Tokens granted and checked over the memory store, with issuers that are served over HTTP.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod assertions;
mod federation;
mod issuer;
mod keys;
mod outages;
mod rotation;
mod secrets;
mod sign_in;
mod taken;
mod world;
