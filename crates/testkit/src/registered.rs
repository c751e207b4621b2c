//! Organizations, connections and tokens for whatever a test does on top of them.

use rollcall_domain::{
    Amend, Amendment, Connection, ConnectionId, Entry, IdpKind, Organization, Registry, Secret,
    Setup, Token, TokenId,
};
use rollcall_schema::Instant;

use crate::EPOCH;
use crate::fresh::{fresh, fresh_organization};

/// Adds entries to a registry, in their order.
///
/// # Panics
/// When the registry refuses.
pub async fn add(registry: &dyn Registry, entries: impl IntoIterator<Item = Entry> + Send) {
    let acts: Vec<Amend> = entries.into_iter().map(Amend::Add).collect();
    let amendment = Amendment { acts, ..Amendment::default() };
    registry.amend(amendment).await.expect("what is new is added");
}

/// A new connection of an organization, in no registry yet.
pub fn fresh_connection(of: &Organization) -> Connection {
    let (id, created) = (ConnectionId::from_uuid(fresh()), Instant::from_millis(EPOCH));
    Connection::new(id, of.id, IdpKind::Generic, created)
}

/// Makes a connection in an organization of its own, set up like this.
///
/// # Panics
/// When the registry refuses.
pub async fn connect(registry: &dyn Registry, setup: Setup) -> Connection {
    let organization = fresh_organization();
    let connection = Connection { setup, ..fresh_connection(&organization) };
    let entry = Entry::Connection(Box::new(connection.clone()));
    add(registry, [Entry::Organization(organization), entry]).await;
    connection
}

/// Makes a token of a connection that may do everything, but for what `change` does to it.
///
/// # Panics
/// When the registry refuses.
pub async fn admit(
    registry: &dyn Registry,
    connection: &Connection,
    change: impl FnOnce(Token) -> Token + Send,
) -> (Token, Secret) {
    let secret = Secret::random().expect("the machine has randomness");
    let of = (connection.organization, connection.id);
    let (id, created) = (TokenId::from_uuid(fresh()), Instant::from_millis(EPOCH));
    let token = change(Token::bearer(id, of, secret.hash(), created));
    add(registry, [Entry::Token(Box::new(token.clone()))]).await;
    (token, secret)
}

/// Changes a connection, as it stands.
///
/// # Panics
/// When there is none, or the registry refuses.
pub async fn change(
    registry: &dyn Registry,
    id: ConnectionId,
    change: impl FnOnce(&mut Connection) + Send,
) -> Connection {
    let found = registry.connection(id).await.expect("the registry answers");
    let (_, mut connection) = found.expect("the connection is there");
    let expect = connection.revision;
    change(&mut connection);
    connection.revision = expect + 1;
    let entry = Entry::Connection(Box::new(connection.clone()));
    let acts = vec![Amend::Replace { entry, expect }];
    let amended = registry.amend(Amendment { acts, ..Amendment::default() }).await;
    amended.expect("nobody else changed it");
    connection
}
