//! What became of a request that was answered before it was done (RFC 9967 §2.5.1).

use rollcall_schema::Instant;

use crate::TransactionId;

/// The state of such a request. Stores drop it [`KEPT_FOR_MILLIS`] after it was last touched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The transaction, as `Set-Txn` names it.
    pub id: TransactionId,
    /// When the request came.
    pub created: Instant,
    /// When the server that works on it last said so.
    pub touched: Instant,
    /// Whether it is done.
    pub done: bool,
    /// What is known so far, as JSON text.
    pub body: String,
}

/// How long an outcome can be asked for, in milliseconds.
pub const KEPT_FOR_MILLIS: i64 = 24 * 60 * 60 * 1000;
