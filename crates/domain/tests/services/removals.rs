//! The end of connections and organizations, and of what they hold.

use std::sync::Arc;

use futures_util::future::join;
use rollcall_domain::{
    AdminError, AuthError, Caller, CommitError, Connection, ConnectionId, Edge, Entry, FindError,
    Found, Halt, IdpKind, Ids as _, Job, Jobs, Load, NewConnection, Outcome, Page, People, Query,
    Reader, Record, Registry as _, Reindex, Reindexed, ResourceId, Scope, Store, TransactionId,
    Unavailable, UuidIds, Written,
};
use rollcall_schema::ResourceType;
use rollcall_testkit::registered::{add, change};
use rollcall_testkit::{EventLog as _, MemoryStore, Site, Subject, groups, users};
use serde_json::json;

use crate::late::Late;
use crate::world::World;

/// After how long a job begins.
const SETTLES: i64 = 3_000;

/// After how long another worker takes over.
const LEASE: i64 = 15_000;

impl World {
    fn jobs(&self) -> Jobs {
        self.jobs_over(self.store.clone())
    }

    fn jobs_over(&self, store: Arc<dyn Store>) -> Jobs {
        Jobs::new(self.store.clone(), store, self.clock.clone(), Arc::new(UuidIds))
    }

    fn site(&self, of: &Connection) -> Site {
        Site::at(&Subject::new(self.store.clone(), self.store.clone()), of)
    }

    /// Users `user0`… and a group of all of them.
    async fn crew(&self, count: usize) -> (Vec<ResourceId>, ResourceId) {
        let site = self.site(&self.connection().await);
        let mut writes = Vec::new();
        for n in 0..count {
            let body = json!({"userName": format!("user{n}"), "active": n % 3 != 0});
            writes.push(site.creation(users(), body).unwrap());
        }
        let ids: Vec<_> = writes.iter().map(|write| write.id).collect();
        site.commit(writes).await.unwrap();
        let group = site.group("crew", &ids).await;
        (ids, group)
    }

    async fn beside(&self) -> Connection {
        let (cli, new) = (&Caller::CLI, NewConnection::default());
        self.admin.create_connection(cli, self.organization, &new).await.unwrap().connection
    }

    /// Decides the end of the connection, and lets those that are still let in end.
    async fn remove(&self, people: People) -> Result<Job, AdminError> {
        let job = self.admin.remove_connection(&Caller::CLI, self.id, people, None).await;
        self.clock.forward(SETTLES);
        job
    }

    async fn job(&self, job: &Job) -> Job {
        self.store.job(job.id).await.unwrap().unwrap()
    }

    /// How many events of each action there are.
    async fn logged(&self, action: &str) -> usize {
        let events = self.store.events(self.organization).await;
        events.iter().filter(|event| event.action == action).count()
    }

    async fn is_gone(&self) -> bool {
        self.store.connection(self.id).await.unwrap().is_none()
    }
}

/// A store that fails after so many changes.
struct Failing {
    inner: Arc<MemoryStore>,
    left: std::sync::Mutex<usize>,
}

#[async_trait::async_trait]
impl Store for Failing {
    fn scope(&self, at: Scope) -> Box<dyn Reader + '_> {
        Box::new(Through(self.inner.scope(at)))
    }

    async fn commit_many(
        &self,
        at: Scope,
        changes: Vec<rollcall_domain::Change>,
        halt: Halt,
    ) -> Vec<Result<Vec<Written>, CommitError>> {
        let take = {
            let mut left = self.left.lock().unwrap();
            let take = changes.len().min(*left);
            *left -= take;
            take
        };
        let (now, later) = changes.split_at(take);
        let mut done = self.inner.commit_many(at, now.to_vec(), halt).await;
        done.extend(later.iter().map(|_| Err(Unavailable::new("it stopped").into())));
        done
    }

    async fn reindex(&self, at: Scope, all: Vec<Reindex>) -> Result<Vec<Reindexed>, Unavailable> {
        self.inner.reindex(at, all).await
    }

    async fn keep_outcome(&self, at: Scope, outcome: Outcome) -> Result<(), Unavailable> {
        self.inner.keep_outcome(at, outcome).await
    }

    async fn erase(
        &self,
        of: rollcall_domain::OrganizationId,
        limit: u32,
    ) -> Result<u64, Unavailable> {
        self.inner.erase(of, limit).await
    }

    async fn outcome(&self, at: Scope, id: TransactionId) -> Result<Option<Outcome>, Unavailable> {
        self.inner.outcome(at, id).await
    }

    async fn ready(&self) -> Result<(), Unavailable> {
        Ok(())
    }

    async fn maintain(&self) -> Result<(), Unavailable> {
        Ok(())
    }
}

struct Through<'s>(Box<dyn Reader + 's>);

#[async_trait::async_trait]
impl Reader for Through<'_> {
    async fn get(
        &self,
        ty: &ResourceType,
        id: ResourceId,
        load: Load,
    ) -> Result<Option<Found>, Unavailable> {
        self.0.get(ty, id, load).await
    }

    async fn find(&self, query: &Query<'_>) -> Result<Page, FindError> {
        self.0.find(query).await
    }

    async fn edges(
        &self,
        attr: &str,
        owners: &[ResourceId],
        after: Option<(ResourceId, ResourceId)>,
        limit: u32,
    ) -> Result<Vec<Edge>, Unavailable> {
        self.0.edges(attr, owners, after, limit).await
    }

    async fn behind(
        &self,
        kind: &str,
        revision: u64,
        after: Option<ResourceId>,
        limit: u32,
    ) -> Result<Vec<Record>, Unavailable> {
        self.0.behind(kind, revision, after, limit).await
    }
}

#[tokio::test]
async fn people_are_kept() {
    let world = World::of(IdpKind::Generic).await;
    let site = world.site(&world.connection().await);
    let (people, _) = world.crew(5).await;
    let preview = world.admin.preview_removal(&Caller::CLI, world.id, People::Keep).await.unwrap();
    assert_eq!((preview.total(), preview.active, preview.conflicts.len()), (0, 3, 0));
    let job = world.remove(People::Keep).await.unwrap();
    // Nobody gets in from now on, though the job has yet to be done.
    let entered = world.enter(&world.secret).await;
    assert!(matches!(entered, Err(AuthError::Refused)), "{:?}", entered.err());
    assert!(!world.is_gone().await);
    let twice = world.remove(People::Keep).await;
    assert!(matches!(twice, Err(AdminError::Conflict(_))), "{twice:?}");
    let changed = world.configure(json!({"status": "paused"})).await;
    assert!(matches!(changed, Err(AdminError::Conflict(_))), "{changed:?}");
    world.jobs().tick().await.unwrap();
    assert!(world.is_gone().await);
    let done = world.job(&job).await;
    assert_eq!(done.state.finished, Some(world.now()));
    assert_eq!(done.state.total, 0);
    let active = site.expect(users(), people[1]).await.record;
    assert_eq!(active.version, 1);
    assert_eq!(world.logged("connection.deleted").await, 1);
    assert_eq!(world.logged("resource.changed").await, 0);
    // There is nothing more to do.
    world.clock.forward(LEASE);
    world.jobs().tick().await.unwrap();
    assert_eq!(world.logged("connection.deleted").await, 1);
}

#[tokio::test]
async fn people_are_deactivated() {
    for status in ["active", "draft", "paused"] {
        let world = World::of(IdpKind::Generic).await;
        let site = world.site(&world.connection().await);
        let (people, group) = world.crew(450).await;
        world.configure(json!({ "status": status })).await.unwrap();
        let job = world.remove(People::Deactivate).await.unwrap();
        assert_eq!(job.state.total, 451);
        world.jobs().tick().await.unwrap();
        assert!(world.is_gone().await, "{status}");
        for (n, id) in people.iter().enumerate() {
            let found = site.expect(users(), *id).await;
            assert!(found.record.body.contains("\"active\":false"), "{}", found.record.body);
            assert_eq!(found.record.version, if n % 3 == 0 { 1 } else { 2 });
        }
        assert_eq!(site.members(group).await.len(), 450);
        assert_eq!(world.logged("resource.changed").await, 300);
        assert_eq!(world.job(&job).await.state.done, 451);
    }
}

/// Whoever began stopped; somebody else goes on, and nothing is done twice.
#[tokio::test]
async fn a_job_is_taken_up_again() {
    let world = World::of(IdpKind::Generic).await;
    world.crew(450).await;
    let job = world.remove(People::Deactivate).await.unwrap();
    let failing = Failing { inner: world.store.clone(), left: 200.into() };
    drop(world.jobs_over(Arc::new(failing)).tick().await);
    let begun = world.job(&job).await;
    assert!(begun.state.finished.is_none() && !world.is_gone().await);
    let some = world.logged("resource.changed").await;
    assert!((1..300).contains(&some), "{some}");
    // Not before its lease is over.
    let other = world.jobs();
    world.clock.forward(LEASE - 1);
    other.tick().await.unwrap();
    assert!(!world.is_gone().await);
    world.clock.forward(1);
    other.tick().await.unwrap();
    assert!(world.is_gone().await);
    assert_eq!(world.logged("resource.changed").await, 300);
    assert!(world.job(&job).await.state.stuck.is_none());
}

#[tokio::test]
async fn people_are_handed_over() {
    let world = World::of(IdpKind::Generic).await;
    let to = world.beside().await;
    let (from_site, to_site) = (world.site(&world.connection().await), world.site(&to));
    let (people, group) = world.crew(450).await;
    let job = world.remove(People::HandOver { to: to.id }).await.unwrap();
    world.jobs().tick().await.unwrap();
    assert!(world.is_gone().await);
    assert_eq!((to_site.total(users()).await, to_site.total(groups()).await), (450, 1));
    assert_eq!((from_site.total(users()).await, from_site.total(groups()).await), (0, 0));
    assert_eq!(to_site.members(group).await, people);
    assert!(to_site.expect(users(), people[1]).await.record.body.contains("\"active\":true"));
    assert_eq!(world.logged("resource.handed_over").await, 451);
    let done = world.job(&job).await;
    assert_eq!((done.state.done, done.state.stuck), (451, None));
}

#[tokio::test]
async fn a_handover_is_taken_up_again() {
    let world = World::of(IdpKind::Generic).await;
    let to = world.beside().await;
    world.crew(450).await;
    let job = world.remove(People::HandOver { to: to.id }).await.unwrap();
    let failing = Failing { inner: world.store.clone(), left: 250.into() };
    let stopped = world.jobs_over(Arc::new(failing)).tick().await;
    assert!(stopped.is_err(), "the store has failed");
    assert_eq!(world.logged("resource.handed_over").await, 250);
    world.clock.forward(LEASE);
    world.jobs().tick().await.unwrap();
    assert!(world.is_gone().await);
    assert_eq!(world.logged("resource.handed_over").await, 451);
    assert!(world.job(&job).await.state.finished.is_some());
}

/// What the other connection has already stands in the way, before and afterwards.
#[tokio::test]
async fn conflicts_are_told_and_mended() {
    let world = World::of(IdpKind::Generic).await;
    let to = world.beside().await;
    let to_site = world.site(&to);
    world.crew(5).await;
    let twin = to_site.user("USER3").await;
    let people = People::HandOver { to: to.id };
    let preview = world.admin.preview_removal(&Caller::CLI, world.id, people).await.unwrap();
    assert_eq!(preview.conflicts.len(), 1, "{preview:?}");
    assert!(preview.conflicts[0].contains("`userName`"), "{preview:?}");
    let refused = world.remove(people).await;
    assert!(matches!(refused, Err(AdminError::Conflict(_))), "{refused:?}");
    assert_eq!(world.connection().await.removal, None);
    to_site.put(to_site.deletion(users(), twin)).await;
    let job = world.remove(people).await.unwrap();
    // One comes meanwhile.
    let twin = to_site.user("user3").await;
    world.jobs().tick().await.unwrap();
    let stuck = world.job(&job).await;
    let why = stuck.state.stuck.clone().unwrap();
    assert!(why.contains("userName") && why.contains("1 can't be handed over"), "{why}");
    assert!(stuck.state.finished.is_none() && !world.is_gone().await);
    assert_eq!(to_site.total(users()).await, 5);
    world.clock.forward(LEASE);
    world.jobs().tick().await.unwrap();
    assert!(!world.is_gone().await, "it is still in the way");
    to_site.put(to_site.deletion(users(), twin)).await;
    world.clock.forward(LEASE);
    world.jobs().tick().await.unwrap();
    assert!(world.is_gone().await);
    let done = world.job(&job).await;
    assert_eq!((done.state.done, done.state.stuck), (6, None));
    assert_eq!(to_site.total(users()).await, 5);
}

/// Where a job can't go on it may be decided otherwise; before that it can't.
#[tokio::test]
async fn a_stuck_job_is_decided_otherwise() {
    let world = World::of(IdpKind::Generic).await;
    let to = world.beside().await;
    world.crew(5).await;
    let job = world.remove(People::HandOver { to: to.id }).await.unwrap();
    let early = world.remove(People::Keep).await;
    assert!(matches!(early, Err(AdminError::Conflict(_))), "{early:?}");
    world.site(&to).user("user3").await;
    world.jobs().tick().await.unwrap();
    assert!(world.job(&job).await.state.stuck.is_some());
    let again = world.remove(People::HandOver { to: to.id }).await;
    assert!(matches!(again, Err(AdminError::Conflict(_))), "{again:?}");
    let other = world.remove(People::Keep).await.unwrap();
    assert_eq!((other.id, other.state.stuck), (job.id, None));
    world.clock.forward(LEASE);
    world.jobs().tick().await.unwrap();
    assert!(world.is_gone().await);
    assert_eq!(world.logged("connection.removal_changed").await, 1);
}

/// Nobody writes behind the back of a job: it begins when nobody is let in any more.
#[tokio::test]
async fn a_job_waits_for_those_that_are_let_in() {
    let world = World::of(IdpKind::Generic).await;
    let started = world.admin.remove_connection(&Caller::CLI, world.id, People::Keep, None).await;
    started.unwrap();
    world.clock.forward(SETTLES - 1);
    world.jobs().tick().await.unwrap();
    assert!(!world.is_gone().await);
    world.clock.forward(1);
    world.jobs().tick().await.unwrap();
    assert!(world.is_gone().await);
}

/// Everybody is looked at, wherever in the list the conflict is.
#[tokio::test]
async fn a_preview_looks_at_everybody() {
    let world = World::of(IdpKind::Generic).await;
    let to = world.beside().await;
    world.crew(1_150).await;
    let people = People::HandOver { to: to.id };
    let preview =
        async || world.admin.preview_removal(&Caller::CLI, world.id, people).await.unwrap();
    let free = preview().await;
    assert_eq!((free.conflicts, free.compared, free.active), (vec![], 1_151, 766));
    let there = world.site(&to);
    for name in ["USER1001", "user1149", "somebody else"] {
        there.user(name).await;
    }
    let taken = preview().await;
    assert_eq!((taken.conflicts.len(), taken.compared), (2, 1_151));
    assert!(taken.conflicts.iter().all(|one| one.contains("the same `userName` as")));
    let refused = world.remove(people).await;
    assert!(matches!(refused, Err(AdminError::Conflict(_))), "{refused:?}");
    // So many are shown, and no more are looked for.
    there.users((100..200).map(|n| format!("User{n}"))).await;
    let many = preview().await;
    assert_eq!((many.conflicts.len(), many.compared), (20, 120));
}

/// What is unique there alone may be there twice here.
#[tokio::test]
async fn a_preview_finds_twins_that_the_other_connection_takes_once() {
    let world = World::of(IdpKind::Generic).await;
    let to = world.beside().await;
    let names = ["crew", "team", "CREW", "crew", "staff"].map(str::to_owned);
    world.groups(names).await;
    let people = People::HandOver { to: to.id };
    let preview =
        async || world.admin.preview_removal(&Caller::CLI, world.id, people).await.unwrap();
    assert_eq!(preview().await.conflicts, Vec::<String>::new());
    let change = serde_json::from_value(json!({"profile": "okta"})).unwrap();
    world.admin.configure(&Caller::CLI, to.id, &change, None).await.unwrap();
    let conflicts = preview().await.conflicts;
    assert_eq!(conflicts.len(), 2, "{conflicts:?}");
    assert!(conflicts.iter().all(|one| one.contains("takes each `displayName` once")));
}

/// A request that was let in before takes as long as it likes: it writes nothing any more.
#[tokio::test]
async fn nothing_is_written_behind_a_job() {
    let world = World::of(IdpKind::Generic).await;
    let let_in = world.ctx().await;
    let ada = world.create("User", json!({"userName": "ada", "active": true})).await.unwrap();
    world.remove(People::Deactivate).await.unwrap();
    let late = world.create_as(&let_in, "User", json!({"userName": "eve", "active": true})).await;
    assert!(matches!(&late, Err(rollcall_domain::Error::Unavailable(_))), "{late:?}");
    world.jobs().tick().await.unwrap();
    let id = ada.record.id.to_string();
    let on = json!({"op": "replace", "path": "active", "value": true});
    let late = world.patch_as(&let_in, "User", &id, on).await;
    assert!(matches!(&late, Err(rollcall_domain::Error::Unavailable(_))), "{late:?}");
    let late = world.create_as(&let_in, "User", json!({"userName": "eve", "active": true})).await;
    assert!(matches!(&late, Err(rollcall_domain::Error::Unavailable(_))), "{late:?}");
    assert!(world.is_gone().await);
    assert_eq!(world.logged("resource.created").await, 1);
}

#[tokio::test]
async fn people_go_where_they_can() {
    let world = World::of(IdpKind::Generic).await;
    let bad = world.remove(People::HandOver { to: world.id }).await;
    assert!(matches!(bad, Err(AdminError::Bad(_))), "{bad:?}");
    let nowhere = ConnectionId::from_uuid(uuid::Uuid::nil());
    let missing = world.remove(People::HandOver { to: nowhere }).await;
    assert!(matches!(missing, Err(AdminError::NotFound { .. })), "{missing:?}");
    let to = world.beside().await;
    world.admin.remove_connection(&Caller::CLI, to.id, People::Keep, None).await.unwrap();
    let ending = world.remove(People::HandOver { to: to.id }).await;
    assert!(matches!(ending, Err(AdminError::Conflict(_))), "{ending:?}");
    let stale = world.admin.remove_connection(&Caller::CLI, world.id, People::Keep, Some(9)).await;
    assert!(matches!(stale, Err(AdminError::Stale)), "{stale:?}");
}

#[tokio::test]
async fn an_organization_is_erased() {
    let world = World::of(IdpKind::Generic).await;
    let cli = &Caller::CLI;
    let site = world.site(&world.connection().await);
    let other = world.admin.connect(cli, "Other", &NewConnection::default()).await.unwrap();
    let elsewhere = world.site(&other.connection);
    elsewhere.user("ada").await;
    world.crew(450).await;
    let full = world.admin.delete_organization(cli, world.organization, None).await;
    assert!(matches!(full, Err(AdminError::Conflict(_))), "{full:?}");
    world.remove(People::Keep).await.unwrap();
    world.jobs().tick().await.unwrap();
    let job = world.admin.delete_organization(cli, world.organization, Some(0)).await.unwrap();
    // It is gone at once, and what it had goes behind that.
    assert_eq!(world.store.organization(world.organization).await.unwrap(), None);
    let new = NewConnection::default();
    let late = world.admin.create_connection(cli, world.organization, &new).await;
    assert!(matches!(late, Err(AdminError::NotFound { .. })));
    assert!(site.total(users()).await > 0);
    world.clock.forward(SETTLES);
    world.jobs().tick().await.unwrap();
    let done = world.job(&job).await;
    assert_eq!((done.state.done, done.state.finished), (451, Some(world.now())));
    assert_eq!(done.organization, None);
    // Whoever sees everything sees that it is done, and where the organization was.
    let whose = [None, Some(world.organization)];
    for whose in whose {
        assert_eq!(world.admin.job(cli, whose, job.id).await.unwrap(), done);
    }
    let owner = Caller { organization: Some(other.connection.organization), ..cli.clone() };
    for (who, whose) in [
        (cli, Some(other.connection.organization)),
        (&owner, None),
        (&owner, Some(world.organization)),
        (&owner, Some(other.connection.organization)),
    ] {
        let hidden = world.admin.job(who, whose, job.id).await;
        assert!(matches!(hidden, Err(AdminError::NotFound { .. })), "{hidden:?}");
    }
    assert_eq!(world.store.organization(world.organization).await.unwrap(), None);
    assert_eq!((site.total(users()).await, site.total(groups()).await), (0, 0));
    assert_eq!(world.store.events(world.organization).await, []);
    assert_eq!(elsewhere.total(users()).await, 1);
    // Who erased it is told where nobody erases.
    let log = rollcall_domain::OrganizationId::from_uuid(uuid::Uuid::nil());
    let events = world.store.events(log).await;
    let actions: Vec<_> = events.iter().map(|event| &*event.action).collect();
    assert_eq!(actions, ["organization.deleted", "organization.erased"]);
    assert!(events.iter().all(|event| event.actor == "cli"));
    // The name is free again.
    world.admin.create_organization(cli, "Acme").await.unwrap();
}

/// What nobody works on any more is not left behind: a job whose connection is gone ends.
#[tokio::test]
async fn a_job_whose_connection_is_gone_ends() {
    let world = World::of(IdpKind::Generic).await;
    let job = world.remove(People::Keep).await.unwrap();
    let other = Job { id: rollcall_domain::JobId::from_uuid(UuidIds.next()), ..job.clone() };
    add(&*world.store, [Entry::Job(Box::new(other.clone()))]).await;
    world.jobs().tick().await.unwrap();
    assert!(world.job(&job).await.state.finished.is_some());
    assert!(world.job(&other).await.state.finished.is_some());
    assert_eq!(world.logged("connection.deleted").await, 1);
}

/// Whoever takes people over stays until they are there.
#[tokio::test]
async fn the_target_of_a_handover_is_not_deleted() {
    let world = World::of(IdpKind::Generic).await;
    let (cli, to) = (&Caller::CLI, world.beside().await);
    world.crew(450).await;
    let job = world.remove(People::HandOver { to: to.id }).await.unwrap();
    let remove = async || world.admin.remove_connection(cli, to.id, People::Keep, None).await;
    for begun in [false, true] {
        let refused = remove().await;
        let Err(AdminError::Conflict(detail)) = &refused else { panic!("{refused:?}") };
        assert!(detail.contains(&job.id.to_string()), "{detail}");
        if !begun {
            let failing = Failing { inner: world.store.clone(), left: 250.into() };
            drop(world.jobs_over(Arc::new(failing)).tick().await);
            world.clock.forward(LEASE);
        }
    }
    world.jobs().tick().await.unwrap();
    assert!(world.is_gone().await);
    assert_eq!(world.site(&to).total(users()).await, 450);
    remove().await.unwrap();
}

/// Of a hand-over and the end of its target that are decided together one is refused.
#[tokio::test]
async fn a_handover_and_the_end_of_its_target_exclude_each_other() {
    for is_first in [true, false] {
        let world = World::over(IdpKind::Generic, |store| Arc::new(Late(store))).await;
        let (admin, cli, to) = (&world.admin, &Caller::CLI, world.beside().await.id);
        let handed = admin.remove_connection(cli, world.id, People::HandOver { to }, None);
        let ended = admin.remove_connection(cli, to, People::Keep, None);
        // Both look for jobs before either is kept.
        let (done, refused) = match is_first {
            true => join(handed, ended).await,
            false => join(ended, handed).await,
        };
        let (job, Err(AdminError::Conflict(detail))) = (done.unwrap(), &refused) else {
            panic!("{refused:?}")
        };
        assert!(detail.contains(&job.id.to_string()), "{detail}");
        let found = world.store.connection(to).await.unwrap().unwrap().1;
        assert_eq!(found.removal.is_none(), is_first);
        assert_eq!(world.connection().await.removal.is_some(), is_first);
    }
}

/// Nobody goes where nobody could stay; what is stuck says what would mend it.
#[tokio::test]
async fn a_handover_to_what_is_deleted_is_stuck() {
    let world = World::of(IdpKind::Generic).await;
    let (cli, to) = (&Caller::CLI, world.beside().await.id);
    world.crew(5).await;
    let job = world.remove(People::HandOver { to }).await.unwrap();
    let told = async || {
        let status = world.admin.status(cli, world.id).await.unwrap();
        let found = world.admin.validate(cli, world.id, None).await.unwrap();
        let first = status.checks.into_iter().next().unwrap();
        assert_eq!(Some(&first), found.checks.first());
        first
    };
    let running = told().await;
    assert!(running.detail.contains(&job.id.to_string()), "{running:?}");
    assert_eq!(running.fix.as_deref(), Some("make another"));
    let end = rollcall_domain::JobId::from_uuid(UuidIds.next());
    change(&*world.store, to, |one| one.removal = Some(end)).await;
    world.jobs().tick().await.unwrap();
    let stuck = world.job(&job).await.state.stuck.unwrap();
    assert!(stuck.contains("is being deleted itself"), "{stuck}");
    assert!(!world.is_gone().await);
    assert_eq!(world.logged("resource.handed_over").await, 0);
    let told = told().await;
    assert!(told.detail.contains(&job.id.to_string()) && told.detail.contains(&stuck), "{told:?}");
    let fix = told.fix.unwrap();
    assert!(fix.contains("delete the connection again with another choice"), "{fix}");
    world.remove(People::Keep).await.unwrap();
    world.clock.forward(LEASE);
    world.jobs().tick().await.unwrap();
    assert!(world.is_gone().await);
}
