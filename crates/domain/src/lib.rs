//! Provisioning as pure decisions over ports.
mod change;
mod connection;
mod context;
mod ids;
mod key;
mod plan;
mod ports;
mod query;
mod record;
mod sieve;

pub use change::{Act, Action, Body, Change, EdgeOp, Event, Write, Written};
pub use connection::{Connection, IdpKind, NoSuchIdp, Organization, Token, TokenHash};
pub use context::{Actor, Context, Scope};
pub use ids::{ConnectionId, EventId, NotAnId, OrganizationId, ResourceId, TokenId};
pub use key::{Key, LONGEST, bounded};
pub use plan::{Candidates, KeyTest, Plan};
pub use ports::{
    Clock, CommitError, FindError, Ids, NewConnection, Reader, Registry, Store, Unavailable,
};
pub use query::{Page, Query, Start, Total};
pub use record::{Edge, Found, Load, Record};
pub use sieve::{BUDGET, Sieve, Want};
