//! The admin API as operators meet it, over a store in memory.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

mod access;
mod bad_input;
mod document;
mod isolation;
mod observed;
mod operations;
mod shape;
mod world;
mod writes;
