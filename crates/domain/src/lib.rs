//! Provisioning as pure decisions over ports.
//!
//! What a request changes is **decided purely** and **committed as one value**: [`decide`] takes
//! what a resource was and what it is asked to be, and makes a [`Change`]; a [`Store`] applies it
//! whole or not at all. [`Directory`] is that sentence for each SCIM operation. [`Admin`] is what
//! operators do: organizations, connections and their credentials, each change an [`Amendment`].
//! [`Authenticator`] turns a token into a [`Context`].
//!
//! Teams that embed provisioning with a store of their own take this crate alone: they implement
//! [`Store`] and [`Registry`], and hold them to the contract suite of `rollcall-testkit`.
//!
//! It knows no SQL and no HTTP, and it answers with outcomes, never with status codes.
//!
//! ```
//! use std::sync::Arc;
//!
//! use rollcall_domain::{
//!     Admin, Authenticator, Caller, Directory, Error, NewConnection, Search, Shown, SystemClock,
//!     UuidIds,
//! };
//! use rollcall_schema::standard;
//! use rollcall_testkit::MemoryStore;
//! use serde_json::json;
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = Arc::new(MemoryStore::new());
//! let (clock, ids) = (Arc::new(SystemClock), Arc::new(UuidIds));
//!
//! // A customer, its IdP, and the token that the IdP gets.
//! let admin = Admin::new(store.clone(), store.clone(), clock.clone(), ids.clone());
//! let made = admin.connect(&Caller::CLI, "Acme", &NewConnection::default()).await?;
//! let secret = made.minted.and_then(|minted| minted.secret).expect("its first token");
//!
//! // What the IdP may do with it.
//! let ctx = Authenticator::new(store.clone()).bearer(Shown::token(secret.reveal())).await?;
//! let directory = Directory::new(store, clock, ids);
//! let user = &standard::types()[0];
//! directory.create(&ctx, user, json!({"userName": "ada@acme.test"})).await?;
//! let again = directory.create(&ctx, user, json!({"userName": "ADA@acme.test"})).await;
//! assert!(matches!(again, Err(Error::Taken { .. })));
//!
//! let filter = rollcall_filter::parse_filter(r#"userName sw "ada""#)?;
//! let search = Search { filter: Some(filter), count: 10, ..Search::default() };
//! assert_eq!(directory.find(&ctx, user, &search).await?.total, 1);
//! # Ok(())
//! # }
//! ```
#![warn(missing_docs)]

mod admin;
mod amendment;
mod anchors;
mod authenticate;
mod bulk;
mod caller;
mod change;
mod connection;
mod context;
mod cursor;
mod decide;
mod dialect;
mod directory;
mod error;
mod ids;
mod indexing;
mod job;
mod jobs;
mod key;
mod keyring;
mod me;
mod oauth;
mod offer;
mod outcome;
mod plan;
mod ports;
mod query;
mod record;
mod scopes;
mod secret;
mod setup;
mod sieve;
mod system;
mod token;
mod traffic;
mod veil;
mod watch;
mod words;

pub use admin::{
    Admin, AdminError, BadSetup, Carried, Check, CheckOutcome, ConfigureError, Configured,
    ConnectionChange, ConnectionStatus, Duplicates, FirstToken, Force, Lacking, LimitsChange,
    Listed, Minted, MintedKey, NewAdminKey, NewConnection, NewToken, OrganizationChange, PageAsked,
    Place, Preview, Rotation, SecurityChange, Validation,
};
pub use amendment::{AdminEvent, Amend, AmendError, Amendment, Entry, EntryId, Kept, Note};
pub use authenticate::{AuthError, Authenticator, BELIEVED_FOR, Shown};
pub use bulk::{BulkResults, Done, Operation, Undone, Verb};
pub use caller::{AdminKey, Caller, Idempotency, NoSuchRole, Proof, Role};
pub use change::{Act, Action, Body, Change, EdgeOp, Event, KeyChange, Write, Written};
pub use connection::{Connection, IdpKind, NoSuchIdp, NoSuchStatus, Organization, Status};
pub use context::{Actor, Context, Scope};
pub use cursor::{Cursor, CursorAsked, Cursors, Position, Walk};
pub use decide::{After, Before, Stamp, decide, edge_ops};
pub use dialect::{Asked, Certainty, Clue, Dialect, Dialects, Sighting, Wording};
pub use directory::{Derived, Directory, Named, Precondition, Progress, SILENCE_MILLIS, Search};
pub use error::Error;
pub use ids::{
    AdminKeyId, ConnectionId, EventId, JobId, NotAnId, OrganizationId, ResourceId, SigningKeyId,
    TokenId, TransactionId,
};
pub use indexing::{Built, Conflict, Index, IndexState, Indexer};
pub use job::{Job, JobState, People, Work};
pub use jobs::Jobs;
pub use key::{Key, LONGEST, bounded};
pub use keyring::{Keyring, KeyringError};
pub use me::Me;
pub use oauth::{
    AccessTokens, AuthorizationServer, CheckError, Grant, Granted, Issuers, KeysAsked, Refusal,
    SignIn, SigningKey, TokenRequest, is_jwt,
};
pub use offer::Offer;
pub use outcome::{KEPT_FOR_MILLIS, Outcome};
pub use plan::{Candidates, KeyTest, Plan};
pub use ports::{
    Clock, CommitError, Fetch, FetchError, FindError, Halt, Ids, Reader, Registry, Reindex,
    Reindexed, Store, Unavailable,
};
pub use query::{Listing, Page, Query, Start, Total};
pub use record::{Edge, Found, Load, Record};
pub use scopes::{Access, NoSuchScope, Scopes};
pub use secret::{Secret, TokenHash, WeakSecret};
pub use setup::{BadLimit, Capabilities, Limits, NoSuchCapability, ProfileChoice, Rate, Setup};
pub use sieve::{BUDGET, Sieve, WORK, Want};
pub use system::{SystemClock, UuidIds};
pub use token::{NotAThumbprint, Thumbprint, Token, TokenKind, Trust};
pub use traffic::{Traffic, Traffics};
pub use watch::Watch;
