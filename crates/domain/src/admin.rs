//! What operators do: organizations, connections, credentials and what becomes of them.

mod bootstrap;
mod change;
mod checks;
mod connections;
mod consequences;
mod definitions;
mod difference;
mod error;
mod guard;
mod issuers;
mod keys;
mod names;
mod organizations;
mod pages;
mod paging;
mod proofs;
mod public_keys;
mod removal;
mod repeats;
mod rivals;
mod rotation;
mod shown;
mod status;
mod tokens;

use std::fmt;
use std::sync::Arc;

use rollcall_schema::Instant;
use serde_json::{Map, Value};

pub use change::{BadSetup, ConnectionChange, LimitsChange, SecurityChange};
pub use checks::{Check, CheckOutcome};
pub use connections::{Configured, FirstToken, NewConnection, Place};
pub use consequences::{Carried, Duplicates, Lacking};
pub(crate) use difference::indexed;
pub use error::{AdminError, ConfigureError};
pub use keys::{MintedKey, NewAdminKey};
pub use organizations::OrganizationChange;
pub use paging::{Listed, PageAsked};
pub use removal::Preview;
pub use rotation::{Force, Rotation};
pub use status::{ConnectionStatus, Validation};
pub use tokens::{Minted, NewToken};

use issuers::Looks;

use crate::{
    AdminEvent, Amend, Amendment, Caller, Clock, ConnectionId, EntryId, Fetch, Ids, Issuers,
    Keyring, OrganizationId, Registry, Store,
};

/// How often a change is decided again because somebody else was faster.
const ATTEMPTS: u32 = 10;

/// Administers organizations, connections and credentials.
///
/// Every method says who asks, and refuses what is not theirs: what is of another organization is
/// not there for a [`Caller`] of one. Every change is an event with its actor, in the same commit.
///
/// What a method gives can be shown to its caller as JSON: `shown()`, which the HTTP API and the
/// command line have in common.
pub struct Admin {
    pub(crate) registry: Arc<dyn Registry>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
    keys: Option<Arc<Keyring>>,
    fetch: Option<Arc<dyn Fetch>>,
    issuers: Option<Arc<dyn Issuers>>,
    looks: Looks,
}

impl Admin {
    /// The service over its ports.
    pub fn new(
        registry: Arc<dyn Registry>,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
    ) -> Self {
        let looks = Looks::new();
        Self { registry, store, clock, ids, keys: None, fetch: None, issuers: None, looks }
    }

    /// The same, which seals what it keeps for repeated requests, and the pages of lists; without
    /// keys neither is offered.
    #[must_use]
    pub fn with_keys(self, keys: Arc<Keyring>) -> Self {
        Self { keys: Some(keys), ..self }
    }

    /// The same, which looks whether the keys of trusted issuers can be fetched, and knows from
    /// where they may be.
    #[must_use]
    pub fn with_fetch(self, fetch: Arc<dyn Fetch>) -> Self {
        Self { fetch: Some(fetch), ..self }
    }

    /// The same, which says whether the keys of trusted issuers were there when they were needed.
    #[must_use]
    pub fn with_issuers(self, issuers: Arc<dyn Issuers>) -> Self {
        Self { issuers: Some(issuers), ..self }
    }

    /// Keeps what was decided, with what makes a repeated request known and `answer`, which its
    /// caller gets then.
    pub(crate) async fn keep(
        &self,
        caller: &Caller,
        acts: Vec<Amend>,
        events: Vec<AdminEvent>,
        answer: &Value,
    ) -> Result<(), AdminError> {
        let kept = self.kept(caller, answer)?;
        let amended = self.registry.amend(Amendment { acts, events, kept }).await;
        amended.map_err(|error| self.told(caller, error))
    }

    pub(crate) fn event(
        &self,
        caller: &Caller,
        (organization, connection): (Option<OrganizationId>, Option<ConnectionId>),
        action: &'static str,
        subject: (EntryId, u64),
        changes: Value,
    ) -> AdminEvent {
        let now = (&*self.clock, &*self.ids);
        AdminEvent::new(now, caller.actor, action, subject, changes)
            .within(organization, connection)
    }

    pub(crate) fn now(&self) -> Instant {
        self.clock.now()
    }
}

/// What differs between two objects: `before` and `after`, each with the members that differ.
fn differing(before: &Value, after: &Value) -> Value {
    let none = Map::new();
    let [a, b] = [before, after].map(|side| side.as_object().unwrap_or(&none));
    let only = |side: &Map<String, Value>, other: &Map<String, Value>| {
        let differs = |(name, value): &(&String, &Value)| other.get(*name) != Some(*value);
        let members = side.iter().filter(differs);
        let skipped = |(name, _): &(&String, &Value)| *name != "revision" && *name != "configId";
        members.filter(skipped).map(|(name, value)| (name.clone(), value.clone())).collect()
    };
    let (before, after): (Map<_, _>, Map<_, _>) = (only(a, b), only(b, a));
    Value::Object(Map::from_iter([
        ("before".to_owned(), Value::Object(before)),
        ("after".to_owned(), Value::Object(after)),
    ]))
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin").finish_non_exhaustive()
    }
}
