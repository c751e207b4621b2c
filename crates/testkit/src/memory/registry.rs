//! Organizations, connections and tokens.

use async_trait::async_trait;
use rollcall_domain::{
    Connection, ConnectionId, NewConnection, Organization, Registry, Setup, Token, TokenHash,
    TokenId, Unavailable,
};
use rollcall_schema::Instant;

use super::{MemoryStore, State};

#[async_trait]
impl Registry for MemoryStore {
    async fn ensure_connection(&self, new: NewConnection) -> Result<Connection, Unavailable> {
        let mut state = self.state();
        let NewConnection { new_organization, mut connection } = new;
        let known = state.organizations.iter().find(|known| known.name == new_organization.name);
        connection.organization = known.map_or(new_organization.id, |known| known.id);
        if known.is_none() {
            state.organizations.push(new_organization);
        }
        let twin = state.connections.iter().find(|other| {
            connection.name.is_some()
                && (other.organization, &other.name) == (connection.organization, &connection.name)
        });
        if let Some(twin) = twin {
            return Ok(twin.clone());
        }
        state.connections.push(connection.clone());
        Ok(connection)
    }

    async fn connections(&self) -> Result<Vec<(Organization, Connection)>, Unavailable> {
        let state = self.state();
        Ok(state.connections.iter().filter_map(|one| state.with_organization(one)).collect())
    }

    async fn connection(
        &self,
        id: ConnectionId,
    ) -> Result<Option<(Organization, Connection)>, Unavailable> {
        let state = self.state();
        let connection = state.connections.iter().find(|connection| connection.id == id);
        Ok(connection.and_then(|connection| state.with_organization(connection)))
    }

    async fn set_up(
        &self,
        id: ConnectionId,
        expect: u64,
        setup: Setup,
    ) -> Result<bool, Unavailable> {
        let mut state = self.state();
        let mut connections = state.connections.iter_mut();
        let Some(connection) = connections.find(|one| one.id == id && one.revision == expect)
        else {
            return Ok(false);
        };
        connection.setup = setup;
        connection.revision += 1;
        Ok(true)
    }

    async fn note_dialect(&self, id: ConnectionId, dialect: &str) -> Result<(), Unavailable> {
        let mut state = self.state();
        if let Some(connection) = state.connections.iter_mut().find(|one| one.id == id) {
            connection.dialect = Some(dialect.into());
        }
        Ok(())
    }

    async fn add_token(&self, token: Token) -> Result<(), Unavailable> {
        let mut state = self.state();
        let mut kept = false;
        let namesakes = state.tokens.iter_mut().filter(|other| {
            token.name.is_some()
                && other.revoked.is_none()
                && (other.connection, &other.name) == (token.connection, &token.name)
        });
        for other in namesakes {
            if other.hash == token.hash {
                kept = true;
            } else {
                other.revoked = Some(token.created);
            }
        }
        if !kept {
            // A secret that comes back after its end is kept once, and live.
            state.tokens.retain(|other| other.hash != token.hash);
            state.tokens.push(token);
        }
        Ok(())
    }

    async fn tokens(&self, connection: ConnectionId) -> Result<Vec<Token>, Unavailable> {
        let state = self.state();
        let tokens = state.tokens.iter().filter(|token| token.connection == connection);
        Ok(tokens.cloned().collect())
    }

    async fn revoke_token(&self, id: TokenId, at: Instant) -> Result<bool, Unavailable> {
        let mut state = self.state();
        let mut live = state.tokens.iter_mut().filter(|token| token.revoked.is_none());
        match live.find(|token| token.id == id) {
            Some(token) => {
                token.revoked = Some(at);
                Ok(true)
            }
            None => Ok(false),
        }
    }

    async fn token_by_hash(
        &self,
        hash: TokenHash,
    ) -> Result<Option<(Token, Connection)>, Unavailable> {
        let state = self.state();
        let Some(token) = state.tokens.iter().find(|token| token.hash == hash) else {
            return Ok(None);
        };
        let connection = state.connections.iter().find(|one| one.id == token.connection);
        Ok(connection.map(|connection| (token.clone(), connection.clone())))
    }
}

impl State {
    fn with_organization(&self, connection: &Connection) -> Option<(Organization, Connection)> {
        let organization =
            self.organizations.iter().find(|one| one.id == connection.organization)?;
        Some((organization.clone(), connection.clone()))
    }
}
