//! Which dialect the traffic of a connection speaks, for operators to see.
//!
//! It is guessed from what requests look like, and changes nothing about their answers.

mod sighting;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use moka::sync::Cache;
use rollcall_schema::Instant;

pub use sighting::{Asked, Sighting, Wording};

use crate::{Clock, Connection, ConnectionId, Note, Registry, Unavailable};

/// How many connections are watched at once; one that is forgotten is watched from the start.
const WATCHED: u64 = 10_000;

/// How many requests are remembered of a connection, about: what it sends now counts more than
/// what it sent long ago.
const REMEMBERED: u32 = 1000;

/// How many requests without a clue make a client one that nobody knows.
const ENOUGH: u32 = 50;

/// How often a dialect is written down at most, in milliseconds.
const NOTED_EVERY_MILLIS: i64 = 60_000;

/// What clients are known by their traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// Okta, as integrations of the app wizard speak: users change by PUT.
    Okta,
    /// Okta, as integrations of its catalogue speak: users are switched by PATCH (E-OKTA-05).
    OktaOin,
    /// Microsoft Entra ID, told to keep to the RFC (E-ENTRA-06).
    Entra,
    /// Microsoft Entra ID as it is without that (E-ENTRA-05).
    EntraLegacy,
    /// Google Workspace.
    Google,
    /// OneLogin.
    Onelogin,
    /// JumpCloud.
    Jumpcloud,
    /// PingFederate, PingOne.
    Ping,
    /// CyberArk Identity.
    Cyberark,
    /// Rippling.
    Rippling,
    /// None of these.
    Generic,
}

impl Dialect {
    /// Every dialect.
    pub const ALL: [Self; 11] = [
        Self::Okta,
        Self::OktaOin,
        Self::Entra,
        Self::EntraLegacy,
        Self::Google,
        Self::Onelogin,
        Self::Jumpcloud,
        Self::Ping,
        Self::Cyberark,
        Self::Rippling,
        Self::Generic,
    ];

    /// The name that operators see.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Okta => "okta",
            Self::OktaOin => "okta-oin",
            Self::Entra => "entra",
            Self::EntraLegacy => "entra-legacy",
            Self::Google => "google",
            Self::Onelogin => "onelogin",
            Self::Jumpcloud => "jumpcloud",
            Self::Ping => "ping",
            Self::Cyberark => "cyberark",
            Self::Rippling => "rippling",
            Self::Generic => "generic",
        }
    }

    /// The plain dialect of the product that speaks this one.
    const fn product(self) -> Self {
        match self {
            Self::OktaOin => Self::Okta,
            Self::EntraLegacy => Self::Entra,
            other => other,
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What one request says about who sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clue {
    /// Who it looks like.
    pub dialect: Dialect,
    /// How much that says.
    pub certainty: Certainty,
}

/// How much a [`Clue`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// Others do so too.
    Hint,
    /// Nobody else is known to do so.
    Sign,
    /// It says its name.
    Name,
}

impl Certainty {
    const fn weight(self) -> u32 {
        match self {
            Self::Hint => 1,
            Self::Sign => 10,
            Self::Name => 100,
        }
    }
}

/// What was seen of one connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Tally {
    requests: u32,
    /// The weights of all clues, in the order of [`Dialect::ALL`].
    weights: Weights,
    /// Those of names alone.
    names: Weights,
}

type Weights = [u32; Dialect::ALL.len()];

impl Tally {
    fn add(&mut self, clue: Option<Clue>) {
        self.requests += 1;
        if let Some(Clue { dialect, certainty }) = clue {
            let add = |weights: &mut Weights| {
                let of = Dialect::ALL.iter().zip(weights).filter(|(one, _)| **one == dialect);
                of.for_each(|(_, sum)| *sum += certainty.weight());
            };
            add(&mut self.weights);
            if certainty == Certainty::Name {
                add(&mut self.names);
            }
        }
        if self.requests >= REMEMBERED {
            self.requests /= 2;
            let all = self.weights.iter_mut().chain(&mut self.names);
            all.for_each(|weight| *weight /= 2);
        }
    }

    /// Who it is, once that can be said.
    fn dialect(&self) -> Option<Dialect> {
        let sum = |product: Dialect| {
            let of = Dialect::ALL.iter().zip(&self.weights);
            of.filter(|(one, _)| one.product() == product).map(|(_, weight)| *weight).sum::<u32>()
        };
        let best = Dialect::ALL.into_iter().max_by_key(|dialect| sum(*dialect));
        match best.filter(|best| sum(*best) >= Certainty::Sign.weight()) {
            Some(best) => Some(self.flavour(best.product())),
            None => (self.requests >= ENOUGH).then_some(Dialect::Generic),
        }
    }

    /// Which dialect of its own a product speaks. A client that was told to keep to the RFC still
    /// sends single requests the old way (E-ENTRA-06), so one that says so counts more.
    fn flavour(&self, product: Dialect) -> Dialect {
        let has = |weights: &Weights, dialect| {
            Dialect::ALL.iter().zip(weights).any(|(one, weight)| *one == dialect && *weight > 0)
        };
        match product {
            Dialect::Okta if has(&self.weights, Dialect::OktaOin) => Dialect::OktaOin,
            Dialect::Entra if has(&self.names, Dialect::Entra) => Dialect::Entra,
            Dialect::Entra if has(&self.weights, Dialect::EntraLegacy) => Dialect::EntraLegacy,
            product => product,
        }
    }
}

/// Watches the traffic of connections, in memory, and notes what it speaks.
pub struct Dialects {
    registry: Arc<dyn Registry>,
    clock: Arc<dyn Clock>,
    watched: Cache<ConnectionId, Arc<Mutex<Watched>>>,
}

#[derive(Debug)]
struct Watched {
    tally: Tally,
    noted: Option<String>,
    at: Option<Instant>,
}

impl Dialects {
    /// A watcher that writes to a registry.
    pub fn new(registry: Arc<dyn Registry>, clock: Arc<dyn Clock>) -> Self {
        let watched = Cache::builder().max_capacity(WATCHED).build();
        Self { registry, clock, watched }
    }

    /// Looks at one request of a connection. Where that changes what is known, it is written down,
    /// at most once a minute.
    ///
    /// # Errors
    /// [`Unavailable`]; it is tried again a minute later.
    pub async fn saw(
        &self,
        connection: &Connection,
        sighting: &Sighting<'_>,
    ) -> Result<(), Unavailable> {
        match self.news(connection, sighting) {
            Some(dialect) => {
                let note = Note::Dialect(connection.id, dialect.name().into());
                self.registry.note(note).await
            }
            None => Ok(()),
        }
    }

    /// What is to be written down now.
    fn news(&self, connection: &Connection, sighting: &Sighting<'_>) -> Option<Dialect> {
        let fresh = || {
            let noted = connection.traffic.dialect.clone();
            Arc::new(Mutex::new(Watched { tally: Tally::default(), noted, at: None }))
        };
        let watched = self.watched.get_with(connection.id, fresh);
        let mut watched = watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.tally.add(sighting.clue());
        let dialect = watched.tally.dialect()?;
        if watched.noted.as_deref() == Some(dialect.name()) {
            return None;
        }
        let now = self.clock.now();
        let waits = |at: Instant| now.millis() - at.millis() < NOTED_EVERY_MILLIS;
        if watched.at.is_some_and(waits) {
            return None;
        }
        watched.noted = Some(dialect.name().into());
        watched.at = Some(now);
        Some(dialect)
    }
}

impl fmt::Debug for Dialects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialects").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
