//! Looks after credentials that end soon, and IdPs that have gone quiet.

use std::fmt;
use std::sync::Arc;

use rollcall_schema::Instant;
use serde_json::{Map, Value, json};

use crate::{
    Actor, AdminEvent, Amend, AmendError, Amendment, Clock, Connection, Entry, EntryId, EventId,
    Ids, Registry, Status, Token, Unavailable,
};

/// How many days before its end a credential is warned of.
const WARNINGS: [u32; 4] = [30, 14, 7, 1];

const DAY: i64 = 24 * 60 * 60 * 1000;

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
        let first = i64::from(WARNINGS.first().copied().unwrap_or_default());
        let mut from = now;
        let until = Instant::from_millis(now.millis() + first * DAY);
        loop {
            let tokens = self.registry.expiring_tokens((from, until), PAGE).await?;
            for token in &tokens {
                if let Some(days) = due(token, now) {
                    self.warn(token, days, now).await?;
                }
            }
            let full = tokens.len() >= usize::try_from(PAGE).unwrap_or(usize::MAX);
            match tokens.last().and_then(|token| token.expires).filter(|end| full && *end > from) {
                Some(end) => from = end,
                None => return Ok(()),
            }
        }
    }

    async fn warn(&self, token: &Token, days: u32, now: Instant) -> Result<(), Unavailable> {
        let warned = Token { warned: Some(days), revision: token.revision + 1, ..token.clone() };
        let changes = json!({
            "days": days,
            "expires": token.expires.map(|end| end.to_string()),
            "lastUsed": token.used.map(|at| at.to_string()),
        });
        tracing::warn!(
            connection = %token.connection, token = %token.id, days, "a credential ends soon",
        );
        let event = AdminEvent {
            organization: Some(token.organization),
            connection: Some(token.connection),
            subject: EntryId::Token(token.id),
            revision: warned.revision,
            ..self.event("token.expiring", now, EntryId::Token(token.id), changes)
        };
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
        let now = self.clock.now();
        let open = matches!(connection.status, Status::Active | Status::Observe);
        let quiet = open && connection.removal.is_none() && connection.is_too_quiet(now);
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
        let subject = EntryId::Connection(connection.id);
        let event = AdminEvent {
            organization: Some(connection.organization),
            connection: Some(connection.id),
            revision,
            ..self.event(action, now, subject, changes)
        };
        let entry = Entry::Connection(Box::new(changed));
        self.raise(Amend::Replace { entry, expect: connection.revision }, event).await
    }

    fn event(
        &self,
        action: &'static str,
        at: Instant,
        subject: EntryId,
        changes: Value,
    ) -> AdminEvent {
        let changes = match changes {
            Value::Object(changes) => changes,
            _ => Map::new(),
        };
        AdminEvent {
            id: EventId::from_uuid(self.ids.next()),
            organization: None,
            connection: None,
            at,
            actor: Actor::Server,
            action,
            subject,
            revision: 0,
            changes,
        }
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
    let near = WARNINGS.into_iter().rev().find(|days| left <= i64::from(*days) * DAY)?;
    (left > 0 && token.warned.is_none_or(|warned| near < warned)).then_some(near)
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}
