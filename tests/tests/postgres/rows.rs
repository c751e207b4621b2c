//! Many changes in a row: what they cost, and that they come to what each alone comes to.

use std::collections::HashSet;

use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use futures_util::future::join_all;
use rollcall_domain::{
    Act, Action, Change, CommitError, Halt, Key, KeyChange, Load, Query, ResourceId, Store, Write,
    Written,
};
use rollcall_testkit::{Asked, Site, Subject, fresh_id, groups, users};
use rollcall_tests::postgres::{connect, database};
use serde_json::Value;

use crate::{Opened, both, names, sent};

type Outcome = Result<Vec<Written>, CommitError>;

async fn row(site: &Site, changes: Vec<Vec<Write>>, halt: Halt) -> Vec<Outcome> {
    let changes = changes.into_iter().map(|writes| Change { writes }).collect();
    site.subject.store.commit_many(site.at, changes, halt).await
}

fn singly(writes: impl IntoIterator<Item = Write>) -> Vec<Vec<Write>> {
    writes.into_iter().map(|write| vec![write]).collect()
}

/// Creations that follow each other are one statement, up to five hundred.
#[tokio::test(flavor = "multi_thread")]
async fn creations_in_a_row_are_few_statements() {
    let database = database().await;
    for Opened { store, site } in &both(&database).await {
        let created = async |count: usize, prefix: &str| {
            let users = names(prefix, count).into_iter().map(|name| site.user_named(&name));
            let changes = singly(users.collect::<Vec<_>>());
            sent(store, async {
                let done = row(site, changes, Halt::AtFailure).await;
                assert!(done.len() == count && done.iter().all(Result::is_ok), "{done:?}");
            })
            .await
        };
        assert_eq!(created(1, "one").await, 1);
        assert_eq!(created(2, "two").await, 1);
        assert_eq!(created(500, "half").await, 1);
        assert_eq!(created(1_000, "all").await, 2);
        assert_eq!(created(5_000, "sync").await, 10);
        let ada = site.user_named("ada");
        let group = site.group_named("crew", &[ada.id]);
        let joins = site.linking(group.id, &[ada.id], &[]);
        let (user, crew) = (ada.id, group.id);
        let mixed = singly([ada, group, joins, site.user_named("grace")]);
        let cost = sent(store, async {
            let done = row(site, mixed, Halt::Never).await;
            assert!(done.iter().all(Result::is_ok), "{done:?}");
        });
        assert_eq!(cost.await, 3);
        assert_eq!(site.members(crew).await, [user]);
    }
}

/// One that fails among many costs a few transactions more, not one for each.
#[tokio::test(flavor = "multi_thread")]
async fn a_failure_among_many_is_found_by_halves() {
    let database = database().await;
    for Opened { store, site } in &both(&database).await {
        site.user("u-00400").await;
        let writes: Vec<_> =
            names("u", 1_000).into_iter().map(|name| site.user_named(&name)).collect();
        let cost = sent(store, async {
            let done = row(site, singly(writes), Halt::Never).await;
            assert_eq!(done.iter().filter(|one| one.is_ok()).count(), 999);
            assert!(matches!(done[400], Err(CommitError::Taken { .. })), "{:?}", done[400]);
        });
        let cost = cost.await;
        assert!(cost < 40, "{cost} statements");
        assert_eq!(site.total(users()).await, 1_000);
    }
}

/// A generator of small numbers, the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) as usize % bound
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

/// Random changes over a few names and ids, many of which fail.
struct Maker<'a> {
    site: &'a Site,
    dice: Dice,
    begun: HashSet<ResourceId>,
    users: Vec<ResourceId>,
    groups: Vec<ResourceId>,
}

impl<'a> Maker<'a> {
    fn new(site: &'a Site, seed: u64) -> Self {
        let ids = |count| (0..count).map(|_| fresh_id()).collect();
        Self { site, dice: Dice(seed), begun: HashSet::new(), users: ids(30), groups: ids(6) }
    }

    fn name(&mut self) -> String {
        format!("name-{}", self.dice.below(25))
    }

    fn user(&mut self, id: ResourceId) -> Write {
        let name = self.name();
        Write { id, ..self.site.user_named(&name) }
    }

    fn group(&mut self, id: ResourceId) -> Write {
        let mut members: Vec<_> = (0..self.dice.below(3)).map(|_| self.member()).collect();
        members.sort_unstable();
        members.dedup();
        Write { id, ..self.site.group_named("crew", &members) }
    }

    fn member(&mut self) -> ResourceId {
        if self.dice.below(4) == 0 { self.dice.of(&self.groups) } else { self.dice.of(&self.users) }
    }

    fn replacement(&mut self, id: ResourceId) -> Write {
        let mut write = self.user(id);
        let Act::Create { body, keys } = write.act else { panic!("a creation") };
        let expect = 1 + self.dice.below(2) as u64;
        write.act = Act::Replace { expect, body, keys: KeyChange::To(keys) };
        write.event.action = Action::Changed;
        write
    }

    fn write(&mut self) -> Write {
        let (user, group) = (self.dice.of(&self.users), self.dice.of(&self.groups));
        match self.dice.below(14) {
            // An id is given once.
            0..=6 if self.begun.insert(user) => self.user(user),
            0..=6 if self.begun.insert(group) => self.group(group),
            0..=6 => self.replacement(user),
            7 | 8 => {
                let member = self.member();
                self.site.linking(group, &[member], &[])
            }
            9 => {
                let members: HashSet<_> = (0..3).map(|_| self.member()).collect();
                self.site.relinking(group, &members.into_iter().collect::<Vec<_>>())
            }
            10 => {
                let member = self.member();
                self.site.linking(group, &[], &[member])
            }
            11 | 12 => self.replacement(user),
            _ if self.dice.below(2) == 0 => self.site.deletion(users(), user),
            _ => self.site.deletion(groups(), group),
        }
    }

    fn change(&mut self) -> Vec<Write> {
        if self.dice.below(6) > 0 {
            return vec![self.write()];
        }
        // Resources that begin together, members of each other or of what was there.
        let mut writes = Vec::new();
        for _ in 0..=self.dice.below(4) {
            let (user, group) = (self.dice.of(&self.users), self.dice.of(&self.groups));
            if self.begun.insert(group) {
                writes.push(self.group(group));
            } else if self.begun.insert(user) {
                writes.push(self.user(user));
            }
        }
        writes
    }
}

/// What was answered, as far as every store answers the same.
fn told(outcomes: &[Outcome]) -> Vec<Option<Vec<Written>>> {
    outcomes.iter().map(|outcome| outcome.as_ref().ok().cloned()).collect()
}

async fn state(site: &Site) -> (Vec<String>, Vec<(ResourceId, u64, String, String)>) {
    let mut found = Vec::new();
    for ty in [users(), groups()] {
        let asked = Asked::all(ty);
        let load = Load { links: true, incoming: true };
        let page = site.find(&Query { load, count: 1_000, ..asked.query() }).await;
        found.extend(page.found.iter().map(|one| format!("{one:?}")));
    }
    let logged = site.events().await.into_iter().map(|event| {
        (event.resource, event.version, event.action, Value::Object(event.changes).to_string())
    });
    let mut logged: Vec<_> = logged.collect();
    logged.sort();
    (found, logged)
}

/// Whatever is in a row, together comes to what one by one comes to.
#[tokio::test(flavor = "multi_thread")]
async fn rows_come_to_what_each_alone_comes_to() {
    let database = database().await;
    let model = Subject::memory();
    for Opened { site, .. } in &both(&database).await {
        for seed in 0..40 {
            let reference = Site::open(&model).await;
            let tried = reference.mirrored(&site.subject).await;
            let mut maker = Maker::new(&reference, seed);
            for _ in 0..3 {
                let count = 1 + maker.dice.below(20);
                let changes: Vec<_> = (0..count).map(|_| maker.change()).collect();
                let halt = maker.dice.of(&[Halt::Never, Halt::AtFailure]);
                let expect = row(&reference, changes.clone(), halt).await;
                let done = row(&tried, changes.clone(), halt).await;
                assert_eq!(told(&done), told(&expect), "{seed}: {done:?} {expect:?} {changes:#?}");
                assert_eq!(state(&tried).await, state(&reference).await, "{seed}: {changes:#?}");
            }
        }
    }
}

/// Rows that are sent while the server throws connections out are answered as they are kept.
#[tokio::test(flavor = "multi_thread")]
async fn rows_survive_lost_connections() {
    let database = database().await;
    for Opened { site, .. } in &both(&database).await {
        let killer = tokio::spawn(crate::throwing_out(database.url.clone()));
        let group = loop {
            let write = site.group_named("crew", &[]);
            let id = write.id;
            if site.one(write).await.is_ok() {
                break id;
            }
        };
        let rows = (0..12).map(|n| async move {
            let mut changes = Vec::new();
            for name in names(&format!("row-{n}"), 30) {
                let user = site.user_named(&name);
                let joins = site.linking(group, &[user.id], &[]);
                changes.extend([vec![user], vec![joins]]);
            }
            let ids: Vec<_> = changes.iter().map(|writes| writes[0].id).collect();
            (ids, row(site, changes, Halt::Never).await)
        });
        let done = join_all(rows).await;
        killer.abort();
        let _ended = killer.await;
        let mut made = 0;
        for (ids, outcomes) in &done {
            assert_eq!(ids.len(), outcomes.len());
            for (id, outcome) in ids.iter().zip(outcomes) {
                let there = *id == group || site.get(users(), *id).await.is_some();
                assert!(there || outcome.is_err(), "{outcome:?}");
                made += u64::from(*id != group && outcome.is_ok());
            }
        }
        assert!(made > 200, "{made}");
        assert!(site.total(users()).await >= made);
        // Nobody joined twice, and each joining has its event.
        let version = site.expect(groups(), group).await.record.version;
        assert_eq!(site.members(group).await.len() as u64, version - 1);
        let logged: Vec<_> = site.events_of(group).await.iter().map(|one| one.version).collect();
        assert_eq!(logged, (1..=version).collect::<Vec<_>>());
        let total = site.total(users()).await;
        assert_eq!(site.events().await.len() as u64, total + version);
    }
}

/// A row that is given up for lost and applied after all is answered as applied.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_is_no_rival_of_itself() {
    let database = database().await;
    for Opened { store, site } in &both(&database).await {
        let (user, other) = (site.user("ada").await, site.user("grace").await);
        let changes = vec![
            vec![site.renaming(user, "augusta").await],
            vec![site.renaming(other, "hopper").await],
        ];
        let mut owner = connect(&database.url).await;
        let hold = crate::locking(user);
        owner.batch_execute(&hold).await.unwrap();
        // What the first attempt does where only its connection is lost.
        let applied: Vec<String> = changes.iter().flatten().map(applied).collect();
        let lose = async {
            crate::waiting(&database, 1).await;
            let end = "(select count(pg_terminate_backend(pid, 5000)) from pg_stat_activity
                where datname = current_database() and wait_event_type = 'Lock')";
            assert_eq!(crate::number(&mut connect(&database.url).await, end).await, 1);
            crate::waiting(&database, 1).await;
            let apply = format!("{}; commit", applied.join(";"));
            owner.batch_execute(&apply).await.unwrap();
        };
        let changes = changes.into_iter().map(|writes| Change { writes }).collect();
        let (done, ()) = tokio::join!(store.commit_many(site.at, changes, Halt::Never), lose);
        for outcome in done {
            let outcome = outcome.unwrap();
            assert_eq!((outcome[0].version, outcome[0].changed), (2, true));
        }
    }
}

/// What a replacement leaves behind, but for the body.
fn applied(write: &Write) -> String {
    let (id, event) = (write.id, write.event.id.uuid());
    format!(
        "update resource set version = 2 where id = '{id}';
         insert into event select organization, '{event}', seq, at, actor, connection,
             'resource.changed', kind, resource, 2, changes
         from event where resource = '{id}'"
    )
}

/// A replacement that makes a record's keys anew meets one who indexes it: whatever came to be
/// there meanwhile is gone.
#[tokio::test(flavor = "multi_thread")]
async fn keys_that_come_meanwhile_are_replaced_too() {
    let database = database().await;
    for Opened { site, .. } in &both(&database).await {
        let user = site.user("ada").await;
        let mut rename = site.renaming(user, "grace").await;
        let key =
            |attr: &str, text: &str, unique| Key { attr: attr.into(), text: text.into(), unique };
        let Act::Replace { body, keys, .. } = &mut rename.act else { panic!("{rename:?}") };
        body.indexed = 2;
        *keys = KeyChange::To(vec![key("userName", "grace", true), key("nick", "g", false)]);
        let mut owner = connect(&database.url).await;
        let begin = format!(
            "begin;
             update resource set indexed = 1 where id = '{user}';
             insert into resource_key select organization, connection, kind, 'nick', 'a', id, true
             from resource where id = '{user}'"
        );
        owner.batch_execute(&begin).await.unwrap();
        let index = async {
            crate::waiting(&database, 1).await;
            owner.batch_execute("commit").await.unwrap();
        };
        let (done, ()) = tokio::join!(site.one(rename), index);
        assert_eq!(done.unwrap().version, 2);
        let kept = format!(
            "select string_agg(attr || '=' || key || case when is_unique then '!' else '' end, ' '
             order by attr) from resource_key where id = '{user}'"
        );
        let query =
            diesel::select(diesel::dsl::sql::<diesel::sql_types::Text>(&format!("({kept})")));
        let kept: String = query.get_result(&mut owner).await.unwrap();
        assert_eq!(kept, "nick=g userName=grace!");
        assert_eq!(site.expect(users(), user).await.record.indexed, 2);
    }
}
