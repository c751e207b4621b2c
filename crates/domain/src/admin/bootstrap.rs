//! The connection and token that a server makes for itself from its environment.

use rollcall_schema::Instant;
use serde_json::{Value, json};

use super::{ATTEMPTS, Admin, AdminError, NewToken, differing};
use crate::{
    AdminEvent, Amend, Caller, Connection, ConnectionId, Entry, EntryId, IdpKind, Organization,
    Secret, Token,
};

/// The name of the organization that the bootstrap token makes, unless another has it.
const ORGANIZATION: &str = "default";

/// The name of the connection, and of its token, that the bootstrap token makes. Nothing is found
/// by it.
const BOOTSTRAP: &str = "bootstrap";

/// What is done, and how it is told.
type Done = (Vec<Amend>, Vec<AdminEvent>);

impl Admin {
    /// Binds a token from the environment to one connection, which is made with an organization of
    /// its own where there is none yet. A changed token replaces the earlier one.
    ///
    /// The connection is that of the credential which was made so before: whatever it and others
    /// are named by now, it stays the one until it is deleted.
    ///
    /// # Errors
    /// [`AdminError::Weak`]; [`AdminError::Bad`] where another credential has the secret.
    pub async fn bootstrap(&self, token: &str) -> Result<Connection, AdminError> {
        let secret = Secret::given(token)?;
        for _ in 0..ATTEMPTS {
            match self.bind(&secret).await {
                // Another replica starts at the same moment.
                Err(AdminError::Conflict(_) | AdminError::Stale) => {}
                bound => return bound,
            }
        }
        Err(AdminError::Busy)
    }

    async fn bind(&self, secret: &Secret) -> Result<Connection, AdminError> {
        let made = self.registry.bootstrap_tokens().await?;
        let bound = bound(&made, self.now());
        if let Some((same, at)) = self.registry.token_by_hash(secret.hash()).await? {
            match (same.bootstrap, at.removal) {
                (true, Some(_)) => self.let_go(&same).await?,
                (true, None) if bound.is_some_and(|bound| bound.id == at.id) => {}
                _ => return Err(in_use(&same)),
            }
        }
        let Some(connection) = bound else { return self.first_of_all(secret).await };
        let own: Vec<&Token> = of(&made, connection.id).collect();
        let (acts, events) = self.replacing(connection, &own, secret)?;
        if !acts.is_empty() {
            self.keep(&Caller::SERVER, acts, events, &Value::Null).await?;
        }
        Ok(connection.clone())
    }

    /// What puts a secret in the place of those that came from the environment before it; nothing
    /// where it is good already.
    fn replacing(
        &self,
        connection: &Connection,
        own: &[&Token],
        secret: &Secret,
    ) -> Result<Done, AdminError> {
        let (now, hash) = (self.now(), secret.hash());
        let same = own.iter().find(|token| token.hash.matches(&hash));
        if same.is_some_and(|same| same.is_live(now)) {
            return Ok(Done::default());
        }
        let earlier = own.iter().filter(|token| token.is_live(now));
        let (mut acts, mut events): Done =
            earlier.map(|token| self.ending(&Caller::SERVER, token)).unzip();
        let (act, event) = match same {
            Some(ended) => self.restoring(ended),
            None => self.admitting(connection, secret)?,
        };
        acts.push(act);
        events.push(event);
        Ok((acts, events))
    }

    /// Makes an organization and a connection with this secret, at once.
    async fn first_of_all(&self, secret: &Secret) -> Result<Connection, AdminError> {
        let mut organization = self.new_organization(ORGANIZATION)?;
        if self.registry.organization_named(ORGANIZATION).await?.is_some() {
            organization.name = format!("{ORGANIZATION} ({})", organization.id);
        }
        let id = ConnectionId::from_uuid(self.ids.next());
        let made = Connection::new(id, organization.id, IdpKind::default(), self.now());
        let connection = Connection { name: Some(BOOTSTRAP.into()), ..made };
        let (act, event) = self.admitting(&connection, secret)?;
        let mut events = self.beginning(&organization, &connection)?;
        events.push(event);
        let acts = vec![
            Amend::Add(Entry::Organization(organization)),
            Amend::Add(Entry::Connection(Box::new(connection.clone()))),
            act,
        ];
        self.keep(&Caller::SERVER, acts, events, &Value::Null).await?;
        Ok(connection)
    }

    fn beginning(
        &self,
        organization: &Organization,
        connection: &Connection,
    ) -> Result<Vec<AdminEvent>, AdminError> {
        let of = (EntryId::Organization(organization.id), 0);
        let at = (Some(organization.id), None);
        let told = json!({ "after": organization.shown() });
        let first = self.event(&Caller::SERVER, at, "organization.created", of, told);
        let of = (EntryId::Connection(connection.id), 0);
        let at = (Some(organization.id), Some(connection.id));
        let told = json!({ "after": connection.shown()? });
        Ok(vec![first, self.event(&Caller::SERVER, at, "connection.created", of, told)])
    }

    fn admitting(
        &self,
        connection: &Connection,
        secret: &Secret,
    ) -> Result<(Amend, AdminEvent), AdminError> {
        let new = NewToken { name: Some(BOOTSTRAP.into()), ..NewToken::default() };
        let token = self.new_token(connection, &new, Some(secret))?;
        let token = Token { bootstrap: true, ..token };
        let event = self.token_event(&Caller::SERVER, &token, "token.created");
        Ok((Amend::Add(Entry::Token(Box::new(token))), event))
    }

    /// A secret that comes back after its end is good again.
    fn restoring(&self, ended: &Token) -> (Amend, AdminEvent) {
        let revision = ended.revision + 1;
        let restored = Token { revoked: None, expires: None, revision, ..ended.clone() };
        let at = (Some(ended.organization), Some(ended.connection));
        let of = (EntryId::Token(ended.id), revision);
        let told = differing(&ended.shown(), &restored.shown());
        let event = self.event(&Caller::SERVER, at, "token.restored", of, told);
        (Amend::Replace { entry: Entry::Token(Box::new(restored)), expect: ended.revision }, event)
    }

    /// A connection that is being deleted has no claim to a secret any more.
    async fn let_go(&self, token: &Token) -> Result<(), AdminError> {
        // Nothing that anybody could send has it.
        let hash = Secret::random()?.hash();
        let (act, event) = self.ending(&Caller::SERVER, &Token { hash, ..token.clone() });
        self.keep(&Caller::SERVER, vec![act], vec![event], &Value::Null).await
    }
}

/// The connection that is bound by what was made, unless its end was decided.
fn bound(made: &[(Token, Connection)], now: Instant) -> Option<&Connection> {
    let there = made.iter().filter(|(_, connection)| connection.removal.is_none());
    let last = there.max_by_key(|(token, _)| (token.is_live(now), token.created, token.id));
    last.map(|(_, connection)| connection)
}

fn of(made: &[(Token, Connection)], id: ConnectionId) -> impl Iterator<Item = &Token> {
    made.iter().filter(move |(_, connection)| connection.id == id).map(|(token, _)| token)
}

fn in_use(token: &Token) -> AdminError {
    let Token { id, connection, .. } = token;
    AdminError::Bad(format!(
        "it is the secret of {id} of {connection}, which it is not bound to: choose another"
    ))
}
