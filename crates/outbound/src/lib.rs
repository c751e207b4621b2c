//! Fetches from elsewhere, guarded against whatever a URL may lead to.
//!
//! Operators, and sometimes their customers, give a server URLs to fetch: the keys of an issuer
//! that they trust. Such a URL must not open what only the server can reach: metadata services of
//! clouds, databases beside it, itself (R-E-22, R-WH-05). An [`Outbound`] fetches from public
//! addresses by HTTPS alone, and connects to the very address that it has looked at.
//!
//! It follows no redirect, asks no proxy, whatever the environment says, and holds every answer to
//! one limit of size and one of time. What a server in one's own network serves is fetched from
//! origins that are [allowed](Allow) one by one.
//!
//! ```
//! use rollcall_domain::Fetch;
//! use rollcall_outbound::{Allow, Outbound};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), rollcall_outbound::BadOrigin> {
//! let outbound = Outbound::new(Allow::default());
//! let refused = outbound.json("https://169.254.169.254/latest/meta-data").await.unwrap_err();
//! assert!(refused.to_string().contains("no public address"), "{refused}");
//!
//! // The identity provider of one's own network.
//! let outbound = Outbound::new(Allow::origins(["https://idp.internal.example"])?);
//! # let _ = outbound;
//! # Ok(())
//! # }
//! ```
//!
//! # What it does not do
//!
//! It keeps no answers and no connections: whoever fetches often keeps what was fetched. It only
//! reads JSON.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod address;
mod allow;
mod exchange;
mod outbound;
mod target;

pub use address::is_public;
pub use allow::{Allow, BadOrigin};
pub use outbound::{LARGEST, LONGEST, Outbound};
