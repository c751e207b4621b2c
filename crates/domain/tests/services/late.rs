//! A registry whose readers act on what they read a moment later.

use std::sync::Arc;

use rollcall_domain::{
    AdminKey, AdminKeyId, AmendError, Amendment, Connection, ConnectionId, Job, JobId, Kept, Note,
    Organization, OrganizationId, Registry, SigningKey, Token, TokenHash, TokenId, Unavailable,
};
use rollcall_schema::Instant;
use rollcall_testkit::MemoryStore;

/// Lets others go on between the look at kept answers, or at jobs, and what follows from it.
pub(crate) struct Late(pub(crate) Arc<MemoryStore>);

macro_rules! through {
    ($($name:ident($($arg:ident: $ty:ty),*) -> $found:ty;)*) => {
        #[async_trait::async_trait]
        impl Registry for Late {
            async fn amend(&self, amendment: Amendment) -> Result<(), AmendError> {
                self.0.amend(amendment).await
            }

            async fn organization_named(
                &self,
                name: &str,
            ) -> Result<Option<Organization>, Unavailable> {
                self.0.organization_named(name).await
            }

            async fn jobs_to_do(&self, limit: u32) -> Result<Vec<Job>, Unavailable> {
                let found = self.0.jobs_to_do(limit).await;
                tokio::task::yield_now().await;
                found
            }

            async fn kept(&self, actor: &str, key: &str) -> Result<Option<Kept>, Unavailable> {
                let found = self.0.kept(actor, key).await;
                tokio::task::yield_now().await;
                found
            }

            $(async fn $name(&self, $($arg: $ty),*) -> Result<$found, Unavailable> {
                self.0.$name($($arg),*).await
            })*
        }
    };
}

through! {
    note(note: Note) -> ();
    organizations(after: Option<OrganizationId>, limit: u32) -> Vec<Organization>;
    organization(id: OrganizationId) -> Option<Organization>;
    connections(
        of: Option<OrganizationId>, after: Option<ConnectionId>, limit: u32
    ) -> Vec<(Organization, Connection)>;
    connection(id: ConnectionId) -> Option<(Organization, Connection)>;
    tokens(connection: ConnectionId) -> Vec<Token>;
    token(id: TokenId) -> Option<(Token, Connection)>;
    token_by_hash(hash: TokenHash) -> Option<(Token, Connection)>;
    bootstrap_tokens() -> Vec<(Token, Connection)>;
    expiring_tokens(between: (Instant, Instant), limit: u32) -> Vec<Token>;
    admin_keys(
        of: Option<OrganizationId>, after: Option<AdminKeyId>, limit: u32
    ) -> Vec<AdminKey>;
    admin_key(id: AdminKeyId) -> Option<AdminKey>;
    admin_key_by_hash(hash: TokenHash) -> Option<AdminKey>;
    signing_keys() -> Vec<SigningKey>;
    job(id: JobId) -> Option<Job>;
}
