//! How a connection is, and what would mend it.

use std::sync::Arc;

use serde_json::{Value, json};

use super::checks::{known, url};
use super::issuers::remembered;
use super::{Admin, AdminError, Check, CheckOutcome, Place};
use crate::{Caller, Connection, IndexState, Indexer, Job, Offer, Unavailable};

/// How a connection is.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectionStatus {
    /// The connection.
    pub connection: Connection,
    /// Whether somebody could get in.
    pub configured: bool,
    /// Whether its IdP is served, and nothing stands in the way.
    pub ready: bool,
    /// What was looked at.
    pub checks: Vec<Check>,
}

/// What was found when a connection was looked at closely.
#[derive(Clone, Debug, PartialEq)]
pub struct Validation {
    /// The connection.
    pub connection: Connection,
    /// What was looked at.
    pub checks: Vec<Check>,
}

impl Admin {
    /// How a connection is, from what is known of it.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn status(
        &self,
        caller: &Caller,
        place: impl Into<Place> + Send,
    ) -> Result<ConnectionStatus, AdminError> {
        let (_, connection) = self.connection(caller, place).await?;
        let tokens = self.registry.tokens(connection.id).await?;
        let removal = self.removal_of(&connection).await?;
        let mut checks = known(&connection, removal.as_ref(), &tokens, self.now());
        checks.extend(remembered(self.issuers.as_deref(), &tokens, self.now()));
        let configured = tokens.iter().any(|token| token.is_live(self.now()));
        let ready = configured
            && connection.status.follows_idp()
            && connection.removal.is_none()
            && checks.iter().all(|check| check.outcome != CheckOutcome::Fail);
        Ok(ConnectionStatus { connection, configured, ready, checks })
    }

    /// Looks at a connection closely: at its indexes, at the keys of the issuers that it trusts,
    /// and at the URL that its IdP gets, where the caller says it.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn validate(
        &self,
        caller: &Caller,
        place: impl Into<Place> + Send,
        base_url: Option<&str>,
    ) -> Result<Validation, AdminError> {
        let (_, connection) = self.connection(caller, place).await?;
        let tokens = self.registry.tokens(connection.id).await?;
        let removal = self.removal_of(&connection).await?;
        let mut checks = known(&connection, removal.as_ref(), &tokens, self.now());
        checks.extend(base_url.map(url));
        checks.push(self.indexes(&connection).await?);
        if let Some(fetch) = &self.fetch {
            checks.extend(self.looks.at_issuers(fetch, &tokens, self.now()).await);
        }
        Ok(Validation { connection, checks })
    }

    /// The job that takes a connection apart.
    async fn removal_of(&self, connection: &Connection) -> Result<Option<Job>, Unavailable> {
        match connection.removal {
            Some(job) => self.registry.job(job).await,
            None => Ok(None),
        }
    }

    async fn indexes(&self, connection: &Connection) -> Result<Check, Unavailable> {
        let (registry, store) = (Arc::clone(&self.registry), Arc::clone(&self.store));
        let indexer = Indexer::new(registry, store, Arc::clone(&self.clock));
        let indexes = indexer.status(connection).await?;
        let of = |wanted: fn(&IndexState) -> bool| {
            let those = indexes.iter().filter(|index| wanted(&index.state));
            those.map(|index| format!("`{}` of {}", index.attr, index.kind)).collect::<Vec<_>>()
        };
        let conflicts = of(|state| matches!(state, IndexState::Conflict(_)));
        let building = of(|state| *state == IndexState::Building);
        Ok(match (conflicts.as_slice(), building.as_slice()) {
            ([], []) => Check::pass("indexes", "every index is built"),
            ([], _) => Check::warn(
                "indexes",
                format!("still built: {}", building.join(", ")),
                "wait: filters on them read every resource until then",
            ),
            _ => Check::fail(
                "indexes",
                format!("not unique: {}", conflicts.join(", ")),
                "change one of the values that are there twice",
            ),
        })
    }
}

impl ConnectionStatus {
    /// As operators see it.
    ///
    /// # Errors
    /// When the definitions of the connection don't fit together.
    pub fn shown(&self) -> Result<Value, Unavailable> {
        let mut shown = self.connection.traffic.shown();
        let offer = Offer::of(&self.connection).map_err(Unavailable::new)?;
        if let Some(object) = shown.as_object_mut() {
            object.insert("connectionId".into(), self.connection.id.to_string().into());
            object.insert("organizationId".into(), self.connection.organization.to_string().into());
            object.insert("status".into(), self.connection.status.name().into());
            object.insert("configured".into(), self.configured.into());
            object.insert("ready".into(), self.ready.into());
            object.insert("capabilities".into(), offer.capabilities().shown());
            object.insert("checks".into(), self.checks.iter().map(Check::shown).collect());
            let quiet = self.connection.quiet.map(|at| at.to_string());
            object.insert("quietSince".into(), quiet.into());
        }
        Ok(shown)
    }
}

impl Validation {
    /// As operators see it.
    ///
    /// # Errors
    /// When the definitions of the connection don't fit together.
    pub fn shown(&self) -> Result<Value, Unavailable> {
        let offer = Offer::of(&self.connection).map_err(Unavailable::new)?;
        Ok(json!({
            "connectionId": self.connection.id,
            "organizationId": self.connection.organization,
            "checks": self.checks.iter().map(Check::shown).collect::<Vec<_>>(),
            "capabilities": offer.capabilities().shown(),
        }))
    }
}
