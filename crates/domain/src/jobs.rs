//! Does what is to be done behind requests, and takes it up again where somebody stopped.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rollcall_schema::{Document, ResourceType};
use serde_json::{Map, Value, json};

use crate::directory::parsed;
use crate::{
    Act, Action, Actor, AdminEvent, Amend, AmendError, Amendment, Clock, CommitError, Connection,
    ConnectionId, Context, Directory, Entry, EntryId, Event, EventId, FindError, Halt, Ids, Job,
    JobId, JobState, Key, Load, Offer, Operation, People, Plan, Precondition, Query, Record,
    Registry, ResourceId, Scope, Start, Status, Store, Total, Unavailable, Verb, Work, Write,
};

/// After how long a job that nobody touched is anybody's.
const LEASE_MILLIS: i64 = 15_000;

/// After how long nobody believes any more in what the job ends
/// ([`BELIEVED_FOR`](crate::BELIEVED_FOR)), requests in flight included: it begins then, so that
/// nothing is written behind its back.
const SETTLES_MILLIS: i64 = 3_000;

/// How many jobs are looked at at once.
const JOBS: u32 = 20;

/// How many resources are dealt with in one step.
const STEP: u32 = 200;

/// Works on jobs.
pub struct Jobs {
    registry: Arc<dyn Registry>,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    busy: Mutex<HashSet<JobId>>,
}

/// Why a job was left.
enum Left {
    /// Somebody else works on it.
    Theirs,
    /// It can't go on until somebody mends this.
    Stuck(String),
    Unavailable(Unavailable),
}

impl From<Unavailable> for Left {
    fn from(source: Unavailable) -> Self {
        Self::Unavailable(source)
    }
}

impl Jobs {
    /// The worker over its ports.
    pub fn new(
        registry: Arc<dyn Registry>,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
    ) -> Self {
        Self { registry, store, clock, ids, busy: Mutex::default() }
    }

    /// Works on every job that nobody works on, until it is finished: to be called every second
    /// or so. Several servers may: whoever touches a job first has it.
    ///
    /// # Errors
    /// [`Unavailable`]; what was done stays done, and the job is taken up again.
    pub async fn tick(&self) -> Result<(), Unavailable> {
        for job in self.registry.jobs_to_do(JOBS).await? {
            let untouched = self.clock.now().millis() - job.touched.millis();
            let wait = if job.revision == 0 { SETTLES_MILLIS } else { LEASE_MILLIS };
            if untouched >= wait && self.begin(job.id) {
                let worked = self.work(job.clone()).await;
                self.busy().remove(&job.id);
                worked?;
            }
        }
        Ok(())
    }

    async fn work(&self, job: Job) -> Result<(), Unavailable> {
        let mut job = match self.touched(job, JobState::clone).await {
            Ok(job) => job,
            Err(Left::Unavailable(source)) => return Err(source),
            Err(_) => return Ok(()),
        };
        match self.finish(&mut job).await {
            Ok(()) => {
                tracing::info!(job = %job.id, done = job.state.done, "a job is finished");
                Ok(())
            }
            Err(Left::Theirs) => Ok(()),
            Err(Left::Stuck(why)) => {
                tracing::warn!(job = %job.id, why, "a job can't go on");
                let stuck =
                    |state: &JobState| JobState { stuck: Some(why.clone()), ..state.clone() };
                match self.touched(job, stuck).await {
                    Err(Left::Unavailable(source)) => Err(source),
                    _ => Ok(()),
                }
            }
            Err(Left::Unavailable(source)) => Err(source),
        }
    }

    async fn finish(&self, job: &mut Job) -> Result<(), Left> {
        match job.work.clone() {
            Work::EraseOrganization => self.erase(job).await,
            Work::RemoveConnection { connection, people } => {
                let Some((_, from)) = self.registry.connection(connection).await? else {
                    return self.done(job, Vec::new(), Vec::new()).await;
                };
                match people {
                    People::Keep => {}
                    People::Deactivate => self.deactivate(job, &from).await?,
                    People::HandOver { to } => self.hand_over(job, &from, to).await?,
                }
                self.remove(job, &from).await
            }
        }
    }

    /// Every resource that is active becomes inactive, as its IdP would have done it.
    async fn deactivate(&self, job: &mut Job, from: &Connection) -> Result<(), Left> {
        let offer = Arc::new(Offer::of(from).map_err(Unavailable::new)?);
        // Whatever its status: what was decided about its people comes last.
        let open = Connection { status: Status::Active, ..from.clone() };
        let context = Context::new(Arc::new(open), Arc::clone(&offer), job.actor);
        let (store, clock, ids) = (&self.store, &self.clock, &self.ids);
        let directory = Directory::new(Arc::clone(store), Arc::clone(clock), Arc::clone(ids));
        for ty in offer.catalog().types() {
            let Some(mut after) = Self::place(job, ty) else { continue };
            loop {
                let records = self.page(scope(from), ty, after).await?;
                let Some(last) = records.last().map(|record| record.id) else { break };
                let mut operations = Vec::new();
                for record in &records {
                    if parsed(record)?.body().get("active") == Some(&Value::Bool(true)) {
                        operations.push(Ok::<_, ()>(deactivation(ty, record)));
                    }
                }
                let results = directory.bulk(&context, operations, None, &|_| {}).await;
                let results = results.map_err(Unavailable::new)?;
                // Who is gone needs nothing any more, and hides nobody behind.
                let failed = results.into_iter().find_map(|(_, result)| match result {
                    Err(crate::Undone::Failed(crate::Error::NotFound { .. })) | Ok(_) => None,
                    Err(crate::Undone::Failed(error)) => Some(error.to_string()),
                    Err(_) => Some("an operation was not done".to_owned()),
                });
                if let Some(why) = failed {
                    return Err(Left::Stuck(why));
                }
                after = Some(last);
                self.step(job, ty, after, records.len()).await?;
            }
        }
        Ok(())
    }

    /// Every resource goes over as it is. What goes is gone from the beginning of the list; what
    /// can't go is told when the end is reached.
    async fn hand_over(
        &self,
        job: &mut Job,
        from: &Connection,
        to: ConnectionId,
    ) -> Result<(), Left> {
        let Some((_, to)) = self.registry.connection(to).await? else {
            return Err(Left::Stuck(format!("no connection `{to}`")));
        };
        let ours = Offer::of(from).map_err(Unavailable::new)?;
        let theirs = Offer::of(&to).map_err(Unavailable::new)?;
        let mut left = Vec::new();
        for ty in ours.catalog().types() {
            let same = theirs.catalog().types().iter().find(|one| one.name() == ty.name());
            let mut after = None;
            loop {
                let records = self.page(scope(from), ty, after).await?;
                let Some(last) = records.last() else { break };
                after = Some(last.id);
                let Some(same) = same else {
                    left.push(format!("{} has no resource type `{}`", to.id, ty.name()));
                    break;
                };
                let mut changes = Vec::new();
                for record in &records {
                    let document = parsed(record)?;
                    let (target, revision) = ((&**same, to.id), theirs.revision());
                    changes.push(self.handed(job.actor, ty, record, (&document, target, revision)));
                }
                let results = self.store.commit_many(scope(from), changes, Halt::Never).await;
                let mut moved = 0;
                for (record, result) in records.iter().zip(results) {
                    match result {
                        Ok(_) => moved += 1,
                        Err(CommitError::Unavailable(source)) => return Err(source.into()),
                        // Somebody changed it at the same moment; the next look finds it.
                        Err(CommitError::Stale | CommitError::Gone) => {}
                        Err(error) => left.push(format!("{} {}: {error}", ty.name(), record.id)),
                    }
                }
                self.step(job, ty, None, moved).await?;
            }
        }
        let remaining = self.remaining(from, &ours).await?;
        match (left.first(), remaining) {
            (None, false) => Ok(()),
            (None, true) => Err(Left::Theirs),
            (Some(first), _) => {
                Err(Left::Stuck(format!("{} can't be handed over: {first}", left.len())))
            }
        }
    }

    fn handed(
        &self,
        actor: Actor,
        ty: &ResourceType,
        record: &Record,
        (document, (same, to), indexed): (&Document, (&ResourceType, ConnectionId), u64),
    ) -> crate::Change {
        let keys = same.index_keys(document).iter().map(|key| Key::of(same, key)).collect();
        let changes = json!({ "after": { "connection": to } });
        let event = Event {
            id: EventId::from_uuid(self.ids.next()),
            actor,
            action: Action::HandedOver,
            changes: changes.as_object().cloned().unwrap_or_default(),
        };
        let act = Act::HandOver { expect: record.version, to, keys, indexed };
        let (kind, id, at) = (ty.name().into(), record.id, self.clock.now());
        crate::Change { writes: vec![Write { kind, id, at, act, edges: Vec::new(), event }] }
    }

    async fn remaining(&self, from: &Connection, offer: &Offer) -> Result<bool, Unavailable> {
        for ty in offer.catalog().types() {
            if !self.page(scope(from), ty, None).await?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The connection goes, and the job is finished, in one step.
    async fn remove(&self, job: &mut Job, from: &Connection) -> Result<(), Left> {
        let Some((_, from)) = self.registry.connection(from.id).await? else {
            return self.done(job, Vec::new(), Vec::new()).await;
        };
        let subject = EntryId::Connection(from.id);
        let event = self.event(job, Some(from.id), "connection.deleted", subject, from.revision);
        let act = Amend::Remove { id: subject, expect: from.revision };
        self.done(job, vec![act], vec![event]).await
    }

    async fn erase(&self, job: &mut Job) -> Result<(), Left> {
        loop {
            let erased = self.store.erase(job.organization, STEP).await?;
            if erased == 0 {
                break;
            }
            job.state.done += erased;
            *job = self.touched(job.clone(), JobState::clone).await?;
        }
        let event = AdminEvent {
            organization: None,
            ..self.event(job, None, "organization.erased", EntryId::Job(job.id), job.revision)
        };
        self.done(job, Vec::new(), vec![event]).await
    }

    /// Where a job goes on in a type; `None` where it is done with it.
    fn place(job: &Job, ty: &ResourceType) -> Option<Option<ResourceId>> {
        let is_behind = job.state.behind.iter().any(|behind| behind == ty.name());
        let at = job.state.at.as_ref().filter(|(at, _)| at == ty.name());
        (!is_behind).then(|| at.and_then(|(_, after)| *after))
    }

    async fn page(
        &self,
        at: Scope,
        ty: &ResourceType,
        after: Option<ResourceId>,
    ) -> Result<Vec<Record>, Unavailable> {
        let query = Query {
            ty,
            condition: None,
            plan: &Plan::ALL,
            sort: None,
            from: after.map_or(Start::Skip(0), Start::After),
            count: STEP,
            total: Total::Known(u64::from(STEP)),
            load: Load::default(),
        };
        let page = self.store.scope(at).find(&query).await.map_err(|error| match error {
            FindError::TooMany => Unavailable::new("a page looks at too many resources"),
            FindError::Unavailable(source) => source,
        })?;
        Ok(page.found.into_iter().map(|found| found.record).collect())
    }

    async fn step(
        &self,
        job: &mut Job,
        ty: &ResourceType,
        after: Option<ResourceId>,
        dealt: usize,
    ) -> Result<(), Left> {
        job.state.done += u64::try_from(dealt).unwrap_or_default();
        match &job.state.at {
            Some((at, _)) if at == ty.name() => {}
            Some((at, _)) => {
                let at = at.clone();
                job.state.behind.push(at);
            }
            None => {}
        }
        job.state.at = Some((ty.name().into(), after));
        *job = self.touched(job.clone(), JobState::clone).await?;
        Ok(())
    }

    /// Says that the job is worked on, unless somebody else did.
    async fn touched(&self, job: Job, state: impl Fn(&JobState) -> JobState) -> Result<Job, Left> {
        let state = state(&job.state);
        let (touched, revision) = (self.clock.now(), job.revision + 1);
        let expect = job.revision;
        let job = Job { state, touched, revision, ..job };
        let entry = Entry::Job(Box::new(job.clone()));
        let acts = vec![Amend::Replace { entry, expect }];
        self.amend(Amendment { acts, ..Amendment::default() }).await?;
        Ok(job)
    }

    async fn done(
        &self,
        job: &mut Job,
        mut acts: Vec<Amend>,
        events: Vec<AdminEvent>,
    ) -> Result<(), Left> {
        let now = self.clock.now();
        let expect = job.revision;
        job.state.finished = Some(now);
        job.state.stuck = None;
        (job.touched, job.revision) = (now, expect + 1);
        let entry = Entry::Job(Box::new(job.clone()));
        acts.push(Amend::Replace { entry, expect });
        self.amend(Amendment { acts, events, kept: None }).await
    }

    async fn amend(&self, amendment: Amendment) -> Result<(), Left> {
        self.registry.amend(amendment).await.map_err(|error| match error {
            AmendError::Unavailable(source) => Left::Unavailable(source),
            AmendError::Stale | AmendError::Taken(_) | AmendError::Repeated(_) => Left::Theirs,
        })
    }

    fn event(
        &self,
        job: &Job,
        connection: Option<ConnectionId>,
        action: &'static str,
        subject: EntryId,
        revision: u64,
    ) -> AdminEvent {
        let (id, at) = (EventId::from_uuid(self.ids.next()), self.clock.now());
        let mut changes = Map::new();
        changes.insert("job".into(), job.id.to_string().into());
        changes.insert("work".into(), json!(job.work));
        changes.insert("resources".into(), job.state.done.into());
        AdminEvent {
            id,
            organization: Some(job.organization),
            connection,
            at,
            actor: job.actor,
            action,
            subject,
            revision,
            changes,
        }
    }

    fn begin(&self, id: JobId) -> bool {
        self.busy().insert(id)
    }

    fn busy(&self) -> std::sync::MutexGuard<'_, HashSet<JobId>> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn scope(of: &Connection) -> Scope {
    Scope { organization: of.organization, connection: of.id }
}

fn deactivation(ty: &Arc<ResourceType>, record: &Record) -> Operation {
    Operation {
        verb: Verb::Patch,
        ty: Arc::clone(ty),
        id: Some(record.id.to_string()),
        bulk_id: None,
        precondition: Precondition::None,
        data: json!({
            "schemas": [rollcall_schema::standard::PATCH_OP],
            "Operations": [{ "op": "replace", "path": "active", "value": false }],
        }),
    }
}

impl fmt::Debug for Jobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jobs").finish_non_exhaustive()
    }
}
