//! The customers of the SaaS.

use serde::Deserialize;
use serde_json::json;

use super::change::not_null;
use super::guard::{checked_name, insists};
use super::{Admin, AdminError, Listed, PageAsked, differing};
use crate::{
    Amend, Caller, Entry, EntryId, Job, JobId, JobState, Organization, OrganizationId, Role, Work,
};

/// What is to become of an organization: everything left out stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct OrganizationChange {
    /// Another name.
    #[serde(deserialize_with = "not_null")]
    pub name: Option<String>,
}

impl Admin {
    /// Makes an organization.
    ///
    /// # Errors
    /// [`AdminError::Bad`] for a name that is none, [`AdminError::Conflict`] for one in use.
    pub async fn create_organization(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<Organization, AdminError> {
        caller.needs(Role::Operator)?;
        caller.everywhere()?;
        self.repeated(caller).await?;
        let organization = self.new_organization(name)?;
        let event = self.event(
            caller,
            (Some(organization.id), None),
            "organization.created",
            (EntryId::Organization(organization.id), 0),
            json!({ "after": organization.shown() }),
        );
        let acts = vec![Amend::Add(Entry::Organization(organization.clone()))];
        self.keep(caller, acts, vec![event], &organization.shown()).await?;
        Ok(organization)
    }

    /// The organizations that the caller may see.
    ///
    /// # Errors
    /// [`AdminError::Bad`] for a page that can't be.
    pub async fn organizations(
        &self,
        caller: &Caller,
        page: &PageAsked,
    ) -> Result<Listed<Organization>, AdminError> {
        let (limit, after) = page.read::<OrganizationId>()?;
        let rows = match caller.organization {
            Some(own) if after.is_none_or(|after| after < own) => {
                self.registry.organization(own).await?.into_iter().collect()
            }
            Some(_) => Vec::new(),
            None => self.registry.organizations(after, Self::one_more(limit)).await?,
        };
        Ok(Listed::of(rows, limit, |one| one.id.to_string()))
    }

    /// One organization.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn organization(
        &self,
        caller: &Caller,
        id: OrganizationId,
    ) -> Result<Organization, AdminError> {
        let found = match caller.sees(id) {
            true => self.registry.organization(id).await?,
            false => None,
        };
        found.ok_or_else(|| AdminError::missing("organization", id))
    }

    /// Changes an organization, at this revision if one is named. Its name is unique on the server,
    /// so that whoever is of one organization alone would learn of others by renaming it.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], [`AdminError::Stale`], [`AdminError::Forbidden`] unless the caller
    /// is an operator for every organization, and those of
    /// [`create_organization`](Self::create_organization).
    pub async fn change_organization(
        &self,
        caller: &Caller,
        id: OrganizationId,
        change: &OrganizationChange,
        expect: Option<u64>,
    ) -> Result<Organization, AdminError> {
        self.decided(caller, expect, || self.change_once(caller, id, change, expect)).await
    }

    async fn change_once(
        &self,
        caller: &Caller,
        id: OrganizationId,
        change: &OrganizationChange,
        expect: Option<u64>,
    ) -> Result<Organization, AdminError> {
        let before = self.organization(caller, id).await?;
        caller.needs(Role::Operator)?;
        caller.everywhere()?;
        self.repeated(caller).await?;
        insists(expect, before.revision)?;
        let name = change.name.as_deref().map_or(Ok(before.name.clone()), checked_name)?;
        if name == before.name {
            self.unchanged(caller, &before.shown()).await?;
            return Ok(before);
        }
        let after = Organization { name, revision: before.revision + 1, ..before.clone() };
        let event = self.event(
            caller,
            (Some(id), None),
            "organization.changed",
            (EntryId::Organization(id), after.revision),
            differing(&before.shown(), &after.shown()),
        );
        let entry = Entry::Organization(after.clone());
        let acts = vec![Amend::Replace { entry, expect: before.revision }];
        self.keep(caller, acts, vec![event], &after.shown()).await?;
        Ok(after)
    }

    /// Ends an organization, and erases everything that it has, its log and its jobs included,
    /// behind the request. Its connections must have been deleted before. How far that is, and that
    /// it is finished, is seen by callers for every organization alone.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], [`AdminError::Stale`], [`AdminError::Forbidden`] unless the
    /// caller is an owner for every organization, [`AdminError::Conflict`] where connections are
    /// left.
    pub async fn delete_organization(
        &self,
        caller: &Caller,
        id: OrganizationId,
        expect: Option<u64>,
    ) -> Result<Job, AdminError> {
        self.decided(caller, expect, || self.delete_once(caller, id, expect)).await
    }

    async fn delete_once(
        &self,
        caller: &Caller,
        id: OrganizationId,
        expect: Option<u64>,
    ) -> Result<Job, AdminError> {
        // Before what is there is looked at: an organization that was erased is not.
        self.repeated(caller).await?;
        let before = self.organization(caller, id).await?;
        caller.needs(Role::Owner)?;
        caller.everywhere()?;
        insists(expect, before.revision)?;
        if !self.registry.connections(Some(id), None, 1).await?.is_empty() {
            let detail = "the organization has connections: delete them first, and say what \
                          becomes of their people";
            return Err(AdminError::Conflict(detail.into()));
        }
        let now = self.now();
        let job = Job {
            id: JobId::from_uuid(self.ids.next()),
            organization: Some(id),
            actor: caller.actor,
            work: Work::EraseOrganization,
            state: JobState::default(),
            created: now,
            touched: now,
            revision: 0,
        };
        // Its own log goes with it, so that this stands in the server's.
        let event = self.event(
            caller,
            (None, None),
            "organization.deleted",
            (EntryId::Organization(id), before.revision),
            json!({ "job": job.id }),
        );
        let id = EntryId::Organization(id);
        let acts = vec![
            Amend::Remove { id, expect: before.revision },
            Amend::Add(Entry::Job(Box::new(job.clone()))),
        ];
        self.keep(caller, acts, vec![event], &job.shown()).await?;
        Ok(job)
    }

    pub(super) fn new_organization(&self, name: &str) -> Result<Organization, AdminError> {
        Ok(Organization {
            id: OrganizationId::from_uuid(self.ids.next()),
            name: checked_name(name)?,
            created: self.now(),
            revision: 0,
        })
    }
}
