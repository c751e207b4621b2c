//! Kept answers as rows.

use diesel::prelude::Queryable;
use rollcall_domain::{Kept, Unavailable};
use rollcall_schema::Instant;

use crate::values::digest;

/// A row of the table.
#[derive(Debug, Queryable)]
pub(in crate::registry) struct KeptRow {
    actor: String,
    key: String,
    fingerprint: Vec<u8>,
    at: i64,
    answer: String,
}

impl KeptRow {
    /// The answer that was kept.
    pub(in crate::registry) fn read(self) -> Result<Kept, Unavailable> {
        Ok(Kept {
            actor: self.actor,
            key: self.key,
            fingerprint: digest(self.fingerprint)?,
            at: Instant::from_millis(self.at),
            answer: self.answer,
        })
    }
}
