//! Does what is to be done behind requests, and takes it up again where somebody stopped.

mod deactivate;
mod hand_over;

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rollcall_schema::ResourceType;
use serde_json::json;

use crate::{
    AdminEvent, Amend, AmendError, Amendment, Clock, Connection, ConnectionId, Entry, EntryId,
    FindError, Ids, Job, JobId, JobState, Load, People, Plan, Query, Record, Registry, ResourceId,
    Scope, Start, Store, Total, Unavailable, Work,
};

/// After how long a job that nobody touched is anybody's.
const LEASE_MILLIS: i64 = 15_000;

/// After how long nobody believes any more in what the job ends
/// ([`BELIEVED_FOR`](crate::BELIEVED_FOR)): it begins then. Requests that are still in flight write
/// nothing behind its back, however long they take: no store commits what an IdP does once the end
/// of its connection has been decided.
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

    /// The connection goes, and the job is finished, in one step.
    async fn remove(&self, job: &mut Job, from: &Connection) -> Result<(), Left> {
        let Some((_, from)) = self.registry.connection(from.id).await? else {
            return self.done(job, Vec::new(), Vec::new()).await;
        };
        let id = EntryId::Connection(from.id);
        let event = self.event(job, Some(from.id), "connection.deleted", (id, from.revision));
        let act = Amend::Remove { id, expect: from.revision };
        self.done(job, vec![act], vec![event]).await
    }

    /// What is left names the organization no more, the job itself included: who erased it is
    /// told in the log of the server alone.
    async fn erase(&self, job: &mut Job) -> Result<(), Left> {
        let Some(organization) = job.organization else {
            return self.done(job, Vec::new(), Vec::new()).await;
        };
        loop {
            let erased = self.store.erase(organization, STEP).await?;
            if erased == 0 {
                break;
            }
            job.state.done += erased;
            *job = self.touched(job.clone(), JobState::clone).await?;
        }
        let subject = (EntryId::Job(job.id), job.revision);
        let event = self.event(job, None, "organization.erased", subject).within(None, None);
        job.organization = None;
        self.done(job, Vec::new(), vec![event]).await
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
            AmendError::Stale
            | AmendError::Taken(_)
            | AmendError::Full
            | AmendError::Repeated(_) => Left::Theirs,
        })
    }

    fn event(
        &self,
        job: &Job,
        connection: Option<ConnectionId>,
        action: &'static str,
        subject: (EntryId, u64),
    ) -> AdminEvent {
        let changes = json!({ "job": job.id, "work": job.work, "resources": job.state.done });
        AdminEvent::new((&*self.clock, &*self.ids), job.actor, action, subject, changes)
            .within(job.organization, connection)
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

impl fmt::Debug for Jobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jobs").finish_non_exhaustive()
    }
}
