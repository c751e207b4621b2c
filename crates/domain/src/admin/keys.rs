//! Admin keys: who may administer.

use std::sync::Arc;

use rollcall_schema::Instant;
use serde_json::{Value, json};

use super::guard::{checked_end, checked_name, insists};
use super::{Admin, AdminError, Listed, PageAsked, differing};
use crate::{
    Actor, AdminKey, AdminKeyId, Amend, AuthError, Caller, Entry, EntryId, OrganizationId, Proof,
    Role, Secret, TokenHash, Traffics,
};

/// An admin key to be made.
#[derive(Clone, Debug)]
pub struct NewAdminKey {
    /// A name for people.
    pub name: String,
    /// What its holder may do.
    pub role: Role,
    /// To which organization alone; to all where there is none.
    pub organization: Option<OrganizationId>,
    /// When it ends by itself.
    pub expires: Option<Instant>,
    /// The issuer and subject whose tokens stand in for a secret; a secret is made where there
    /// are none.
    pub subject: Option<(String, String)>,
}

/// An admin key that was just made: the one time that its secret can be seen.
#[derive(Debug)]
pub struct MintedKey {
    /// The key as it is kept.
    pub key: AdminKey,
    /// What its holder gets; nothing where they come with tokens of an issuer.
    pub secret: Option<Secret>,
}

impl Admin {
    /// Whoever comes with this secret of an admin key. An empty one is nobody's (R-E-10).
    ///
    /// # Errors
    /// [`AuthError::Refused`].
    pub async fn enter(
        &self,
        secret: &str,
        traffics: Option<&Arc<Traffics>>,
    ) -> Result<Caller, AuthError> {
        if secret.trim().is_empty() {
            return Err(AuthError::Refused);
        }
        self.enter_by(TokenHash::of(secret), |proof| *proof == Proof::Secret, traffics).await
    }

    /// Whoever is this subject of the configured issuer, whose token was checked before.
    ///
    /// # Errors
    /// [`AuthError::Refused`].
    pub async fn enter_as(
        &self,
        (issuer, subject): (&str, &str),
        traffics: Option<&Arc<Traffics>>,
    ) -> Result<Caller, AuthError> {
        let hash = TokenHash::of_subject(issuer, subject);
        let same = |proof: &Proof| matches!(proof, Proof::Subject(own) if own == subject);
        self.enter_by(hash, same, traffics).await
    }

    async fn enter_by(
        &self,
        hash: TokenHash,
        proves: impl Fn(&Proof) -> bool + Send + Sync,
        traffics: Option<&Arc<Traffics>>,
    ) -> Result<Caller, AuthError> {
        let found = self.registry.admin_key_by_hash(hash).await?;
        let good = |key: &AdminKey| key.hash.matches(&hash) && proves(&key.proof);
        let key = found.filter(|key| good(key) && key.is_live(self.now()));
        let key = key.ok_or(AuthError::Refused)?;
        if let Some(traffics) = traffics {
            traffics.key_used(&key).await;
        }
        Ok(Caller {
            actor: Actor::AdminKey(key.id),
            role: key.role,
            organization: key.organization,
            request: None,
        })
    }

    /// Makes an admin key.
    ///
    /// # Errors
    /// [`AdminError::Forbidden`] unless the caller is an owner, and of that organization alone
    /// where it is one of one, which names no subject either; [`AdminError::NotFound`] for an
    /// unknown organization.
    pub async fn create_admin_key(
        &self,
        caller: &Caller,
        new: &NewAdminKey,
    ) -> Result<MintedKey, AdminError> {
        self.decided(caller, None, || self.create_key_once(caller, new)).await
    }

    async fn create_key_once(
        &self,
        caller: &Caller,
        new: &NewAdminKey,
    ) -> Result<MintedKey, AdminError> {
        caller.needs(Role::Owner)?;
        match new.organization {
            Some(organization) => drop(self.organization(caller, organization).await?),
            None => caller.everywhere()?,
        }
        if new.subject.is_some() && caller.organization.is_some() {
            let detail = "a subject signs in to the whole server and has one key there: naming one \
                          takes a key for every organization";
            return Err(AdminError::Forbidden(detail.into()));
        }
        self.repeated(caller).await?;
        let expires = checked_end(new.expires, self.now())?;
        let (secret, proof, hash) = match &new.subject {
            None => {
                let secret = Secret::random_for_admins()?;
                let hash = secret.hash();
                (Some(secret), Proof::Secret, hash)
            }
            Some((issuer, subject)) => {
                let hash = TokenHash::of_subject(issuer, subject);
                (None, Proof::Subject(subject.clone()), hash)
            }
        };
        let key = AdminKey {
            id: AdminKeyId::from_uuid(self.ids.next()),
            name: checked_name(&new.name)?,
            role: new.role,
            organization: new.organization,
            proof,
            hash,
            created: self.now(),
            expires,
            revoked: None,
            revision: 0,
            used: None,
        };
        let event = self.event(
            caller,
            (key.organization, None),
            "admin_key.created",
            (EntryId::AdminKey(key.id), 0),
            json!({ "after": key.shown() }),
        );
        let minted = MintedKey { key, secret };
        if new.subject.is_some() {
            self.make_way(caller, hash).await?;
        }
        let acts = vec![Amend::Add(Entry::AdminKey(Box::new(minted.key.clone())))];
        self.keep(caller, acts, vec![event], &minted.shown()).await?;
        Ok(minted)
    }

    /// A subject whose key has ended may have another: the ended one goes, as its own log tells,
    /// which may be another than that of the new one.
    async fn make_way(&self, caller: &Caller, hash: TokenHash) -> Result<(), AdminError> {
        let known = self.registry.admin_key_by_hash(hash).await?;
        let Some(ended) = known.filter(|known| !known.is_live(self.now())) else { return Ok(()) };
        let id = EntryId::AdminKey(ended.id);
        let event = self.event(
            caller,
            (ended.organization, None),
            "admin_key.removed",
            (id, ended.revision),
            json!({ "before": ended.shown() }),
        );
        let acts = vec![Amend::Remove { id, expect: ended.revision }];
        // The answer that is kept is that of the new one.
        let unnamed = Caller { request: None, ..caller.clone() };
        self.keep(&unnamed, acts, vec![event], &Value::Null).await
    }

    /// The admin keys that the caller may see: an owner's all, or those of their organization.
    ///
    /// # Errors
    /// [`AdminError::Forbidden`] unless the caller is an owner.
    pub async fn admin_keys(
        &self,
        caller: &Caller,
        page: &PageAsked,
    ) -> Result<Listed<AdminKey>, AdminError> {
        caller.needs(Role::Owner)?;
        let (limit, after) = page.read::<AdminKeyId>()?;
        let of = caller.organization;
        let rows = self.registry.admin_keys(of, after, Self::one_more(limit)).await?;
        Ok(Listed::of(rows, limit, |key| key.id.to_string()))
    }

    /// One admin key.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], [`AdminError::Forbidden`] unless the caller is an owner.
    pub async fn admin_key(&self, caller: &Caller, id: AdminKeyId) -> Result<AdminKey, AdminError> {
        caller.needs(Role::Owner)?;
        let found = self.registry.admin_key(id).await?;
        let theirs = |key: &AdminKey| {
            caller.organization.is_none() || key.organization == caller.organization
        };
        found.filter(theirs).ok_or_else(|| AdminError::missing("admin key", id))
    }

    /// Ends an admin key. It is asked for with every request, so that it ends at once. Ending one
    /// that has ended changes nothing.
    ///
    /// # Errors
    /// Those of [`admin_key`](Self::admin_key), and [`AdminError::Stale`].
    pub async fn revoke_admin_key(
        &self,
        caller: &Caller,
        id: AdminKeyId,
        expect: Option<u64>,
    ) -> Result<AdminKey, AdminError> {
        self.decided(caller, expect, || self.revoke_key_once(caller, id, expect)).await
    }

    async fn revoke_key_once(
        &self,
        caller: &Caller,
        id: AdminKeyId,
        expect: Option<u64>,
    ) -> Result<AdminKey, AdminError> {
        let key = self.admin_key(caller, id).await?;
        self.repeated(caller).await?;
        insists(expect, key.revision)?;
        if key.revoked.is_some() {
            self.unchanged(caller, &key.shown()).await?;
            return Ok(key);
        }
        let ended =
            AdminKey { revoked: Some(self.now()), revision: key.revision + 1, ..key.clone() };
        let event = self.event(
            caller,
            (key.organization, None),
            "admin_key.revoked",
            (EntryId::AdminKey(id), ended.revision),
            differing(&key.shown(), &ended.shown()),
        );
        let entry = Entry::AdminKey(Box::new(ended.clone()));
        let acts = vec![Amend::Replace { entry, expect: key.revision }];
        self.keep(caller, acts, vec![event], &ended.shown()).await?;
        Ok(ended)
    }
}
