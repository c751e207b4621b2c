//! Looks after credentials that end soon, and IdPs that have gone quiet.

use std::fmt;
use std::sync::Arc;

use rollcall_schema::Instant;
use serde_json::{Value, json};

use crate::{
    Actor, AdminEvent, Amend, AmendError, Amendment, Clock, Connection, ConnectionId, Entry,
    EntryId, Ids, OrganizationId, Registry, Token, Unavailable,
};

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;

/// How many are looked at at once.
const PAGE: u32 = 1000;

/// Raises alarms, each once, whichever replica is first.
pub struct Watch {
    registry: Arc<dyn Registry>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
}

impl Watch {
    /// The watch over its ports.
    pub fn new(registry: Arc<dyn Registry>, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        Self { registry, clock, ids }
    }

    /// Looks at everything once: to be called every minute or so.
    ///
    /// # Errors
    /// [`Unavailable`]; what was raised stays raised.
    pub async fn tick(&self) -> Result<(), Unavailable> {
        self.expiries().await?;
        self.silences().await
    }

    /// `token.expiring`, 30, 14, 7 and 1 days before.
    async fn expiries(&self) -> Result<(), Unavailable> {
        let now = self.clock.now();
        let first = i64::from(Token::FIRST_WARNING);
        let (mut from, mut limit) = (now, PAGE);
        let until = Instant::from_millis(now.millis() + first * DAY_MILLIS);
        loop {
            let tokens = self.registry.expiring_tokens((from, until), limit).await?;
            for token in &tokens {
                if let Some(days) = due(token, now) {
                    self.warn(token, days).await?;
                }
            }
            if tokens.len() < usize::try_from(limit).unwrap_or(usize::MAX) {
                return Ok(());
            }
            match tokens.last().and_then(|token| token.expires) {
                Some(end) if end > from => (from, limit) = (end, PAGE),
                // More end at one moment than fit on a page.
                _ => limit = limit.saturating_mul(2),
            }
        }
    }

    async fn warn(&self, token: &Token, days: u32) -> Result<(), Unavailable> {
        let warned = Token { warned: Some(days), revision: token.revision + 1, ..token.clone() };
        let changes = json!({
            "days": days,
            "expires": token.expires.map(|end| end.to_string()),
            "lastUsed": token.used.map(|at| at.to_string()),
        });
        tracing::warn!(
            connection = %token.connection, token = %token.id, days, "a credential ends soon",
        );
        let at = (token.organization, token.connection);
        let subject = (EntryId::Token(token.id), warned.revision);
        let event = self.event(at, "token.expiring", subject, changes);
        let entry = Entry::Token(Box::new(warned));
        self.raise(Amend::Replace { entry, expect: token.revision }, event).await
    }

    /// `connection.quiet` when an IdP that used to call has gone quiet, and `connection.heard`
    /// when it is back.
    async fn silences(&self) -> Result<(), Unavailable> {
        let mut after = None;
        loop {
            let page = self.registry.connections(None, after, PAGE).await?;
            let Some((_, last)) = page.last() else { return Ok(()) };
            after = Some(last.id);
            for (_, connection) in &page {
                self.listen(connection).await?;
            }
        }
    }

    async fn listen(&self, connection: &Connection) -> Result<(), Unavailable> {
        let open = connection.status.follows_idp() && connection.removal.is_none();
        let quiet = open && connection.is_too_quiet(self.clock.now());
        let (action, since) = match (quiet, connection.quiet) {
            (true, None) => ("connection.quiet", connection.traffic.seen),
            (false, Some(_)) if open => ("connection.heard", None),
            _ => return Ok(()),
        };
        let revision = connection.revision + 1;
        let changed = Connection { quiet: since, revision, ..connection.clone() };
        let changes = json!({ "lastSeen": connection.traffic.seen.map(|at| at.to_string()) });
        if quiet {
            tracing::warn!(connection = %connection.id, "an IdP that used to call is quiet");
        }
        let at = (connection.organization, connection.id);
        let subject = (EntryId::Connection(connection.id), revision);
        let event = self.event(at, action, subject, changes);
        let entry = Entry::Connection(Box::new(changed));
        self.raise(Amend::Replace { entry, expect: connection.revision }, event).await
    }

    fn event(
        &self,
        (organization, connection): (OrganizationId, ConnectionId),
        action: &'static str,
        subject: (EntryId, u64),
        changes: Value,
    ) -> AdminEvent {
        let now = (&*self.clock, &*self.ids);
        AdminEvent::new(now, Actor::Server, action, subject, changes)
            .within(Some(organization), Some(connection))
    }

    /// Where another replica, or an operator, was faster, that is looked at the next time.
    async fn raise(&self, act: Amend, event: AdminEvent) -> Result<(), Unavailable> {
        let amendment = Amendment { acts: vec![act], events: vec![event], kept: None };
        match self.registry.amend(amendment).await {
            Err(AmendError::Unavailable(source)) => Err(source),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

/// The warning that is due for a credential, if it wasn't given.
fn due(token: &Token, now: Instant) -> Option<u32> {
    let left = token.expires?.millis() - now.millis();
    let near =
        Token::WARNINGS.into_iter().rev().find(|days| left <= i64::from(*days) * DAY_MILLIS)?;
    (left > 0 && token.warned.is_none_or(|warned| near < warned)).then_some(near)
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}
