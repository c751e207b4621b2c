//! A memory store, the contract of stores, and strategies for property tests.
//!
//! Authors of a store for Rollcall hold it to [`contract`]: every rule of the ports
//! [`Store`](rollcall_domain::Store), [`Reader`](rollcall_domain::Reader) and
//! [`Registry`](rollcall_domain::Registry) is a case there. The suite also reads the log back,
//! which the ports only write, so a store comes with an [`EventLog`]:
//!
//! ```
//! use std::sync::Arc;
//!
//! use rollcall_testkit::{EventLog, MemoryStore, Subject, contract};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Your store in place of this one, and a log that selects from its table of events.
//! let store = Arc::new(MemoryStore::new());
//! let log: Arc<dyn EventLog> = store.clone();
//! let subject = Subject::new(store, log);
//! tokio::runtime::Runtime::new()?.block_on(contract::run(&subject));
//! # Ok(())
//! # }
//! ```
//!
//! Cases work in organizations of their own, so they can share a database with each other and
//! with what was there before.
//!
//! [`MemoryStore`] is the reference: the simplest store that keeps the contract. Whoever tests
//! something on top of the domain can use it as it is; [`Site`] gives a fresh connection of it, or
//! of any other store, and short words for what tests do there.
//! [`strategies`] makes random resources and filters that meet, to compare a store's searches with
//! [`Condition::matches`](rollcall_schema::Condition::matches). A [`Desk`] is the whole service over
//! a store, and [`laws`] are what random strolls through its lists must keep.
//!
//! # What it does not do
//!
//! It starts no database and measures nothing, and what panics in it panics on purpose: it is for
//! tests.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod asked;
pub mod contract;
mod desk;
mod fresh;
pub mod laws;
mod log;
mod memory;
pub mod registered;
mod site;
pub mod strategies;
mod subject;

pub use asked::Asked;
pub use desk::Desk;
pub use fresh::{fresh_id, fresh_organization};
pub use log::{EventLog, LoggedEvent};
pub use memory::MemoryStore;
pub use site::{EPOCH, Site, document, groups, ids, users};
pub use subject::Subject;
