//! Bulk requests over a store: what they leave, what they tell, and how they commit.
//! `PROPTEST_CASES` says how many random ones are tried.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod circles;
mod desk;
mod laws;
mod references;
mod rounds;
mod spy;
mod statuses;
