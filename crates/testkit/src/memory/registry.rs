//! Organizations, connections and credentials.

use async_trait::async_trait;
use rollcall_domain::{
    AdminKey, AdminKeyId, AmendError, Amendment, Connection, ConnectionId, Job, JobId, Kept, Note,
    Organization, OrganizationId, Registry, SigningKey, Token, TokenHash, TokenId, Unavailable,
};
use rollcall_schema::Instant;

use super::MemoryStore;
use super::entries::Entries;

impl MemoryStore {
    fn registered<T>(&self, look: impl FnOnce(&Entries) -> T) -> T {
        look(&self.state().entries)
    }
}

#[async_trait]
impl Registry for MemoryStore {
    async fn amend(&self, amendment: Amendment) -> Result<(), AmendError> {
        let mut state = self.state();
        let mut entries = state.entries.clone();
        entries.amend(&amendment)?;
        state.entries = entries;
        for event in &amendment.events {
            state.log(event);
        }
        Ok(())
    }

    async fn note(&self, note: Note) -> Result<(), Unavailable> {
        self.state().entries.note(note);
        Ok(())
    }

    async fn organizations(
        &self,
        after: Option<OrganizationId>,
        limit: u32,
    ) -> Result<Vec<Organization>, Unavailable> {
        Ok(self.registered(|entries| {
            let rest = entries.organizations.values();
            let rest = rest.filter(|one| after.is_none_or(|last| one.id > last));
            rest.take(limit as usize).cloned().collect()
        }))
    }

    async fn organization(&self, id: OrganizationId) -> Result<Option<Organization>, Unavailable> {
        Ok(self.registered(|entries| entries.organizations.get(&id).cloned()))
    }

    async fn organization_named(&self, name: &str) -> Result<Option<Organization>, Unavailable> {
        Ok(self.registered(|entries| {
            entries.organizations.values().find(|one| one.name == name).cloned()
        }))
    }

    async fn connections(
        &self,
        of: Option<OrganizationId>,
        after: Option<ConnectionId>,
        limit: u32,
    ) -> Result<Vec<(Organization, Connection)>, Unavailable> {
        Ok(self.registered(|entries| {
            let rest = entries.connections.values();
            let rest = rest.filter(|one| of.is_none_or(|of| one.organization == of));
            let rest = rest.filter(|one| after.is_none_or(|last| one.id > last));
            rest.take(limit as usize).filter_map(|one| entries.with_organization(one)).collect()
        }))
    }

    async fn connection(
        &self,
        id: ConnectionId,
    ) -> Result<Option<(Organization, Connection)>, Unavailable> {
        Ok(self.registered(|entries| {
            entries.connections.get(&id).and_then(|one| entries.with_organization(one))
        }))
    }

    async fn tokens(&self, connection: ConnectionId) -> Result<Vec<Token>, Unavailable> {
        Ok(self.registered(|entries| {
            let tokens = entries.tokens.values();
            let mut tokens: Vec<Token> =
                tokens.filter(|token| token.connection == connection).cloned().collect();
            tokens.sort_by_key(|token| (token.created, token.id));
            tokens
        }))
    }

    async fn token(&self, id: TokenId) -> Result<Option<(Token, Connection)>, Unavailable> {
        Ok(self.registered(|entries| {
            entries.tokens.get(&id).and_then(|token| entries.with_connection(token))
        }))
    }

    async fn token_by_hash(
        &self,
        hash: TokenHash,
    ) -> Result<Option<(Token, Connection)>, Unavailable> {
        Ok(self.registered(|entries| {
            let token = entries.tokens.values().find(|token| token.hash == hash);
            token.and_then(|token| entries.with_connection(token))
        }))
    }

    async fn bootstrap_tokens(&self) -> Result<Vec<(Token, Connection)>, Unavailable> {
        Ok(self.registered(|entries| {
            let made = entries.tokens.values().filter(|token| token.bootstrap);
            let mut made: Vec<_> =
                made.filter_map(|token| entries.with_connection(token)).collect();
            made.sort_by_key(|(token, _)| (token.created, token.id));
            made
        }))
    }

    async fn expiring_tokens(
        &self,
        (from, until): (Instant, Instant),
        limit: u32,
    ) -> Result<Vec<Token>, Unavailable> {
        Ok(self.registered(|entries| {
            let within = |end: Instant| from <= end && end <= until;
            let tokens = entries.tokens.values().filter(|token| token.revoked.is_none());
            let mut tokens: Vec<Token> =
                tokens.filter(|token| token.expires.is_some_and(within)).cloned().collect();
            tokens.sort_by_key(|token| (token.expires, token.id));
            tokens.truncate(limit as usize);
            tokens
        }))
    }

    async fn admin_keys(
        &self,
        of: Option<OrganizationId>,
        after: Option<AdminKeyId>,
        limit: u32,
    ) -> Result<Vec<AdminKey>, Unavailable> {
        Ok(self.registered(|entries| {
            let rest = entries.admin_keys.values();
            let rest = rest.filter(|one| of.is_none() || one.organization == of);
            let rest = rest.filter(|one| after.is_none_or(|last| one.id > last));
            rest.take(limit as usize).cloned().collect()
        }))
    }

    async fn admin_key(&self, id: AdminKeyId) -> Result<Option<AdminKey>, Unavailable> {
        Ok(self.registered(|entries| entries.admin_keys.get(&id).cloned()))
    }

    async fn admin_key_by_hash(&self, hash: TokenHash) -> Result<Option<AdminKey>, Unavailable> {
        Ok(self.registered(|entries| {
            entries.admin_keys.values().find(|key| key.hash == hash).cloned()
        }))
    }

    async fn signing_keys(&self) -> Result<Vec<SigningKey>, Unavailable> {
        Ok(self.registered(|entries| {
            let mut keys: Vec<SigningKey> = entries.signing_keys.values().cloned().collect();
            keys.sort_by_key(|key| (key.created, key.id));
            keys
        }))
    }

    async fn job(&self, id: JobId) -> Result<Option<Job>, Unavailable> {
        Ok(self.registered(|entries| entries.jobs.get(&id).cloned()))
    }

    async fn jobs_to_do(&self, limit: u32) -> Result<Vec<Job>, Unavailable> {
        Ok(self.registered(|entries| {
            let jobs = entries.jobs.values().filter(|job| job.state.finished.is_none());
            let mut jobs: Vec<Job> = jobs.cloned().collect();
            jobs.sort_by_key(|job| (job.touched, job.id));
            jobs.truncate(limit as usize);
            jobs
        }))
    }

    async fn kept(&self, actor: &str, key: &str) -> Result<Option<Kept>, Unavailable> {
        let name = (actor.to_owned(), key.to_owned());
        Ok(self.registered(|entries| entries.kept.get(&name).cloned()))
    }
}
