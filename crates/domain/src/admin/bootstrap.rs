//! The connection and token that a server makes for itself from its environment.

use serde_json::Value;

use super::{
    ATTEMPTS, Admin, AdminError, ConnectionChange, FirstToken, NewConnection, NewToken, PageAsked,
};
use crate::{Amend, Caller, Connection, Entry, EntryId, Organization, Secret, Token};

/// The name of the organization that the bootstrap token makes.
const BOOTSTRAP_ORGANIZATION: &str = "default";

/// The name of the connection, and of its token, that the bootstrap token makes.
const BOOTSTRAP: &str = "bootstrap";

impl Admin {
    /// Binds a token from the environment to the connection `bootstrap` of the organization
    /// `default`, both made where they are missing. A changed token replaces the earlier one.
    ///
    /// # Errors
    /// [`AdminError::Weak`].
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
        let caller = &Caller::SERVER;
        let known = self.registry.organization_named(BOOTSTRAP_ORGANIZATION).await?;
        let organization = match known {
            Some(known) => known,
            None => self.create_organization(caller, BOOTSTRAP_ORGANIZATION).await?,
        };
        let connection = self.bootstrap_connection(caller, &organization).await?;
        let tokens = self.registry.tokens(connection.id).await?;
        let own: Vec<&Token> =
            tokens.iter().filter(|token| token.name.as_deref() == Some(BOOTSTRAP)).collect();
        let now = self.now();
        let hash = secret.hash();
        if own.iter().any(|token| token.hash.matches(&hash) && token.is_live(now)) {
            return Ok(connection);
        }
        let mut acts = Vec::new();
        let mut events = Vec::new();
        // A secret that comes back after its end, or from another connection, is a new token.
        if let Some((same, _)) = self.registry.token_by_hash(hash).await? {
            acts.push(Amend::Remove { id: EntryId::Token(same.id), expect: same.revision });
        }
        for other in own.into_iter().filter(|token| token.is_live(now) && token.hash != hash) {
            let (act, event) = self.ending(caller, other);
            acts.push(act);
            events.push(event);
        }
        let new = NewToken { name: Some(BOOTSTRAP.into()), ..NewToken::default() };
        let token = self.new_token(&connection, &new, Some(secret))?;
        events.push(self.token_event(caller, &token, "token.created"));
        acts.push(Amend::Add(Entry::Token(Box::new(token))));
        self.keep(caller, acts, events, &Value::Null).await?;
        Ok(connection)
    }

    async fn bootstrap_connection(
        &self,
        caller: &Caller,
        organization: &Organization,
    ) -> Result<Connection, AdminError> {
        let mut page = PageAsked::LARGEST;
        loop {
            let listed = self.connections(caller, Some(organization.id), &page).await?;
            let mut rows = listed.items.into_iter().map(|(_, connection)| connection);
            if let Some(known) = rows.find(|one| one.name.as_deref() == Some(BOOTSTRAP)) {
                return Ok(known);
            }
            match listed.next {
                Some(next) => page.after = Some(next),
                None => break,
            }
        }
        let settings =
            ConnectionChange { name: Some(Some(BOOTSTRAP.into())), ..ConnectionChange::default() };
        let new = NewConnection { settings, token: FirstToken::None, ..NewConnection::default() };
        Ok(self.create_connection(caller, organization.id, &new).await?.connection)
    }
}
