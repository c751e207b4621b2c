//! The end of a connection: what becomes of its people is asked first.

use rollcall_filter::{Expr, Literal, Op, parse_attr_path};
use rollcall_schema::{Condition, ResourceType};
use serde_json::{Value, json};

use super::guard::{insists, still_there};
use super::pages::{all, count, unavailable};
use super::rivals::{self, Taker};
use super::{Admin, AdminError, Place, differing};
use crate::{
    Amend, Caller, Connection, ConnectionId, Entry, EntryId, Job, JobId, JobState, Offer,
    OrganizationId, People, Plan, Query, Reader, Role, Scope, Start, Total, Unavailable, Work,
};

/// How many conflicts are shown.
const SHOWN: usize = 20;

/// What would become of the people of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// What was asked about.
    pub people: People,
    /// How many resources there are, by type.
    pub resources: Vec<(String, u64)>,
    /// How many users are active.
    pub active: u64,
    /// What can't be handed over, the first few: where there is any, the connection can't be
    /// deleted so.
    pub conflicts: Vec<String>,
    /// How many resources were looked at for conflicts: all that there are, unless more conflicts
    /// were found than are shown.
    pub compared: u64,
}

impl Preview {
    /// As operators see it.
    pub fn shown(&self) -> Value {
        let resources = self.resources.iter().map(|(ty, n)| (ty.clone(), (*n).into()));
        let what = match self.people {
            People::Keep => "access of {active} active users stays as it is",
            People::Deactivate => "{active} active users are deactivated",
            People::HandOver { .. } => "{active} active users go on in the other connection",
        };
        let mut shown = json!({
            "resources": resources.collect::<serde_json::Map<_, _>>(),
            "activeUsers": self.active,
            "outcome": what.replace("{active}", &self.active.to_string()),
            "conflicts": self.conflicts,
            "compared": self.compared,
        });
        if let (Some(shown), Value::Object(people)) = (shown.as_object_mut(), json!(self.people)) {
            shown.extend(people);
        }
        shown
    }

    /// How many resources a job would deal with: none that stay as they are.
    pub fn total(&self) -> u64 {
        match self.people {
            People::Keep => 0,
            People::Deactivate | People::HandOver { .. } => {
                self.resources.iter().map(|(_, n)| n).sum()
            }
        }
    }
}

impl Admin {
    /// What would become of the people of a connection.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] for either connection, [`AdminError::Bad`] for one that can't take
    /// them over.
    pub async fn preview_removal(
        &self,
        caller: &Caller,
        place: impl Into<Place> + Send,
        people: People,
    ) -> Result<Preview, AdminError> {
        let (_, connection) = self.connection(caller, place).await?;
        Ok(self.preview(caller, &connection, people).await?.0)
    }

    /// Ends a connection: nobody gets in from now on, and a job does to its people what was
    /// decided. Nothing can be taken back; where the job can't go on, it may be decided otherwise.
    ///
    /// # Errors
    /// Those of [`preview_removal`](Self::preview_removal), [`AdminError::Stale`], and
    /// [`AdminError::Conflict`] where there are conflicts, or people are handed over to it.
    pub async fn remove_connection(
        &self,
        caller: &Caller,
        place: impl Into<Place> + Send,
        people: People,
        expect: Option<u64>,
    ) -> Result<Job, AdminError> {
        let place = place.into();
        self.decided(caller, expect, || self.remove_once(caller, place, people, expect)).await
    }

    async fn remove_once(
        &self,
        caller: &Caller,
        place: Place,
        people: People,
        expect: Option<u64>,
    ) -> Result<Job, AdminError> {
        // Before what is there is looked at: a connection that was removed is not.
        self.repeated(caller).await?;
        let (_, before) = self.connection(caller, place).await?;
        caller.needs(Role::Operator)?;
        insists(expect, before.revision)?;
        if let Some(job) = before.removal {
            return self.decide_again(caller, &before, job, people).await;
        }
        self.takes_nobody(&before).await?;
        let (preview, heir) = self.preview(caller, &before, people).await?;
        if let Some(first) = preview.conflicts.first() {
            let detail = format!("{first}: mend that first, or choose otherwise for its people");
            return Err(AdminError::Conflict(detail));
        }
        let now = self.now();
        let job = Job {
            id: JobId::from_uuid(self.ids.next()),
            organization: Some(before.organization),
            actor: caller.actor,
            work: Work::RemoveConnection { connection: before.id, people },
            state: JobState { total: preview.total(), ..JobState::default() },
            created: now,
            touched: now,
            revision: 0,
        };
        let after =
            Connection { removal: Some(job.id), revision: before.revision + 1, ..before.clone() };
        let at = (Some(before.organization), Some(before.id));
        let subject = (EntryId::Connection(before.id), after.revision);
        let mut changes = differing(&before.shown()?, &after.shown()?);
        if let Some(changes) = changes.as_object_mut() {
            changes.insert("work".into(), json!(job.work));
        }
        let event = self.event(caller, at, "connection.removal_started", subject, changes);
        let entry = Entry::Connection(Box::new(after));
        let mut acts = vec![Amend::Replace { entry, expect: before.revision }];
        acts.extend(heir.map(moved));
        acts.push(Amend::Add(Entry::Job(Box::new(job.clone()))));
        self.keep(caller, acts, vec![event], &job.shown()).await?;
        Ok(job)
    }

    /// Whether no job hands people over to a connection.
    async fn takes_nobody(&self, connection: &Connection) -> Result<(), AdminError> {
        for job in self.registry.jobs_to_do(u32::MAX).await? {
            if let Work::RemoveConnection { connection: from, people: People::HandOver { to } } =
                job.work
                && to == connection.id
            {
                let detail = format!(
                    "{} hands the people of {from} over to this connection: wait until it is \
                     finished or, where it is stuck, delete {from} again with another choice",
                    job.id
                );
                return Err(AdminError::Conflict(detail));
            }
        }
        Ok(())
    }

    /// What becomes of the people of a connection is decided otherwise, while its job can't go on.
    async fn decide_again(
        &self,
        caller: &Caller,
        connection: &Connection,
        job: JobId,
        people: People,
    ) -> Result<Job, AdminError> {
        let before = self.job(caller, Some(connection.organization), job).await?;
        if before.state.stuck.is_none() {
            still_there(connection)?;
        }
        let (preview, heir) = self.preview(caller, connection, people).await?;
        if let Some(first) = preview.conflicts.first() {
            return Err(AdminError::Conflict(format!("{first}: choose otherwise for its people")));
        }
        let revision = before.revision + 1;
        let work = Work::RemoveConnection { connection: connection.id, people };
        let state = JobState { total: preview.total(), ..JobState::default() };
        let job = Job { work, state, revision, actor: caller.actor, ..before.clone() };
        let at = (Some(connection.organization), Some(connection.id));
        let subject = (EntryId::Job(job.id), revision);
        let changes = json!({ "before": { "work": before.work }, "after": { "work": job.work } });
        let event = self.event(caller, at, "connection.removal_changed", subject, changes);
        let entry = Entry::Job(Box::new(job.clone()));
        let mut acts = vec![Amend::Replace { entry, expect: before.revision }];
        acts.extend(heir.map(moved));
        self.keep(caller, acts, vec![event], &job.shown()).await?;
        Ok(job)
    }

    /// One job of an organization; of one that was erased only whoever sees every organization
    /// finds the job that erased it.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn job(
        &self,
        caller: &Caller,
        organization: Option<OrganizationId>,
        id: JobId,
    ) -> Result<Job, AdminError> {
        let Some(job) = self.registry.job(id).await? else {
            return Err(AdminError::missing("job", id));
        };
        let theirs = match (job.organization, organization) {
            (Some(own), asked) => caller.sees(own) && asked.is_none_or(|asked| asked == own),
            (None, None) => caller.organization.is_none(),
            (None, Some(asked)) => {
                caller.organization.is_none() && self.registry.organization(asked).await?.is_none()
            }
        };
        theirs.then_some(job).ok_or_else(|| AdminError::missing("job", id))
    }

    /// What would become of the people, and the connection that takes them over.
    async fn preview(
        &self,
        caller: &Caller,
        connection: &Connection,
        people: People,
    ) -> Result<(Preview, Option<Connection>), AdminError> {
        let offer = Offer::of(connection).map_err(Unavailable::new)?;
        let at = Scope { organization: connection.organization, connection: connection.id };
        let reader = self.store.scope(at);
        let mut preview = Preview {
            people,
            resources: Vec::new(),
            active: 0,
            conflicts: Vec::new(),
            compared: 0,
        };
        for ty in offer.catalog().types() {
            let n = count(&*reader, ty).await?;
            if n > 0 {
                preview.resources.push((ty.name().to_owned(), n));
            }
            if let Some(active) = active(ty, &offer) {
                preview.active += count_of(&*reader, ty, &active).await?;
            }
        }
        let People::HandOver { to } = people else { return Ok((preview, None)) };
        let to = self.successor_of(caller, connection, to).await?;
        self.compare(&*reader, &offer, &to, &mut preview).await?;
        Ok((preview, Some(to)))
    }

    async fn successor_of(
        &self,
        caller: &Caller,
        from: &Connection,
        to: ConnectionId,
    ) -> Result<Connection, AdminError> {
        if to == from.id {
            return Err(AdminError::Bad("a connection can't take itself over".into()));
        }
        let place = Place { organization: Some(from.organization), connection: to };
        let (_, to) = self.connection(caller, place).await?;
        still_there(&to)?;
        Ok(to)
    }

    /// Looks for what the other connection has already.
    async fn compare(
        &self,
        reader: &dyn Reader,
        offer: &Offer,
        to: &Connection,
        preview: &mut Preview,
    ) -> Result<(), AdminError> {
        let theirs = Offer::of(to).map_err(Unavailable::new)?;
        let at = Scope { organization: to.organization, connection: to.id };
        let other = self.store.scope(at);
        for ty in offer.catalog().types() {
            let Some(same) = theirs.catalog().types().iter().find(|one| one.name() == ty.name())
            else {
                if preview.resources.iter().any(|(name, _)| name == ty.name()) {
                    let detail = format!("{} has no resource type `{}`", to.id, ty.name());
                    preview.conflicts.push(detail);
                }
                continue;
            };
            let taker = Taker { id: to.id, reader: &*other, ty: same, profile: theirs.profile() };
            let most = SHOWN.saturating_sub(preview.conflicts.len());
            let compared = rivals::compare(reader, ty, taker, most).await?;
            preview.compared += compared.resources;
            preview.conflicts.extend(compared.conflicts);
            if preview.conflicts.len() >= SHOWN {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// Who takes people over moves too, so that of a hand-over and the end of its target that are
/// decided together one is late.
fn moved(heir: Connection) -> Amend {
    let expect = heir.revision;
    let entry = Entry::Connection(Box::new(Connection { revision: expect + 1, ..heir }));
    Amend::Replace { entry, expect }
}

/// The condition that finds active resources of a type that can be.
fn active(ty: &ResourceType, offer: &Offer) -> Option<Condition> {
    let path = parse_attr_path("active").ok()?;
    ty.condition(&Expr::Compare(path, Op::Eq, Literal::Boolean(true)), offer.profile()).ok()
}

/// How many resources of a type satisfy a condition.
async fn count_of(
    reader: &dyn Reader,
    ty: &ResourceType,
    condition: &Condition,
) -> Result<u64, Unavailable> {
    let (plan, all) = (Plan::of(ty, condition), all(ty, Start::Skip(0)));
    let query = Query { condition: Some(condition), plan: &plan, total: Total::Wanted, ..all };
    Ok(reader.find(&query).await.map_err(unavailable)?.total)
}
