//! What only the SQLite store promises: one writer, one file, one plan per statement.

use std::collections::BTreeSet;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use rollcall_domain::{
    Act, CommitError, Halt, IdpKind, Key, KeyChange, Load, Outcome, ProfileChoice, Query, Reindex,
    Reindexed, ResourceId, Scope, Scopes, Setup, Start, Status, Store, TokenKind, Total, Traffic,
    TransactionId,
};
use rollcall_schema::{Order, ProfileName};
use rollcall_sqlite::Sqlite;
use rollcall_testkit::{Asked, Site, document, fresh_id, groups, ids, users};
use rollcall_tests::sqlite::Database;
use serde_json::json;

fn names(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{prefix}-{n:05}")).collect()
}

fn asked(filter: &str) -> Asked {
    Asked::filter(users(), filter).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_commits_share_transactions() {
    let database = Database::new();
    let opened = database.open().await;
    let site = Site::open(&opened.subject).await;
    let before = opened.store.transactions();
    let creations: Vec<_> = names("u", 64).iter().map(|name| site.user_named(name)).collect();
    let commits = creations.into_iter().map(|write| site.one(write));
    let written = futures_util::future::join_all(commits).await;
    assert!(written.iter().all(|written| matches!(written, Ok(written) if written.version == 1)));
    let transactions = opened.store.transactions() - before;
    assert!((1..=8).contains(&transactions), "64 commits took {transactions} transactions");
    assert_eq!(site.total(users()).await, 64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conflict_in_a_shared_transaction_is_its_own() {
    let database = Database::new();
    let opened = database.open().await;
    let site = Site::open(&opened.subject).await;
    let twice = names("u", 16)
        .into_iter()
        .flat_map(|name| [site.user_named(&name), site.user_named(&name)]);
    let commits = twice.collect::<Vec<_>>().into_iter().map(|write| site.one(write));
    let written = futures_util::future::join_all(commits).await;
    for pair in written.chunks(2) {
        let [first, second] = pair else { panic!("pairs") };
        assert!(first.is_ok(), "{first:?}");
        assert!(
            matches!(second, Err(CommitError::Taken { attr }) if attr == "userName"),
            "{second:?}"
        );
    }
    assert_eq!(site.total(users()).await, 16);
    assert_eq!(site.events().await.len(), 16);
}

#[tokio::test]
async fn a_row_is_one_transaction() {
    let database = Database::new();
    let opened = database.open().await;
    let (store, site) = (&opened.store, Site::open(&opened.subject).await);
    let row = |prefix| names(prefix, 600).iter().map(|name| vec![site.user_named(name)]).collect();
    let before = store.transactions();
    // Each costs what it costs alone: the record, its keys, its place in the count, its event.
    assert_eq!(sent(store, site.row(row("u"), Halt::Never)).await, 4 * 600);
    assert_eq!(store.transactions() - before, 1);
    assert_eq!(site.total(users()).await, 600);
    let outcomes = site.row(row("u"), Halt::AtFailure).await;
    assert!(matches!(outcomes.as_slice(), [Err(CommitError::Taken { .. })]), "{outcomes:?}");
}

/// What the database itself refuses, for no reason that a change could have.
const POISON: &str = "create trigger poison before insert on resource \
    when new.body like '%poison%' begin select raise(abort, 'poisoned'); end";

#[tokio::test]
async fn a_failure_in_a_row_is_that_change_s_own() {
    let database = Database::new();
    let opened = database.open().await;
    let site = Site::open(&opened.subject).await;
    let mut file = SqliteConnection::establish(database.path().to_str().unwrap()).unwrap();
    file.batch_execute(POISON).unwrap();
    let refused = |outcome: &Result<_, _>| match outcome {
        Ok(_) => "done",
        Err(CommitError::Taken { .. }) => "taken",
        Err(CommitError::Unavailable(_)) => "failed",
        Err(other) => panic!("{other:?}"),
    };
    for (halt, expect) in [
        (Halt::Never, &["done", "taken", "done", "failed", "done", "failed"][..]),
        (Halt::AtFailure, &["done", "taken"]),
    ] {
        let named = |name: &str| site.user_named(&format!("{name} {halt:?}"));
        let row = ["a", "a", "b", "poison", "c", "poison"]
            .map(|name| vec![named(&format!("before {name}")), named(name)]);
        let before = site.total(users()).await;
        let outcomes = site.row(row.into(), halt).await;
        assert_eq!(outcomes.iter().map(refused).collect::<Vec<_>>(), expect);
        let done = expect.iter().filter(|outcome| **outcome == "done").count() as u64;
        assert_eq!(site.total(users()).await - before, 2 * done);
    }
    // One that halts does so at a failure of this kind, too, and what was done before it stays.
    let row = ["d", "poison", "e"].map(|name| vec![site.user_named(name)]);
    let outcomes = site.row(row.into(), Halt::AtFailure).await;
    assert_eq!(outcomes.iter().map(refused).collect::<Vec<_>>(), ["done", "failed"]);
    site.user("e").await;
    assert_eq!(site.events().await.len() as u64, site.total(users()).await);
}

/// Notes every row of keys that is written.
const WATCH: &str = "
create table written (what text, key text);
create trigger added after insert on resource_key
    begin insert into written values ('+', new.key); end;
create trigger removed after delete on resource_key
    begin insert into written values ('-', old.key); end;
create trigger turned after update on resource_key
    begin insert into written values ('~', new.key || ' ' || new.is_unique); end;
";

#[tokio::test]
async fn of_new_keys_only_the_difference_is_written() {
    diesel::table! {
        written (what, key) {
            what -> Text,
            key -> Text,
        }
    }
    let database = Database::new();
    let opened = database.open().await;
    let site = Site::open(&opened.subject).await;
    let user = site.user("ada").await;
    let mut file = SqliteConnection::establish(database.path().to_str().unwrap()).unwrap();
    let keys = |with: &[(&str, bool)]| {
        let key =
            |&(text, unique): &(&str, bool)| Key { attr: "nick".into(), text: text.into(), unique };
        with.iter().map(key).collect::<Vec<_>>()
    };
    let reindex = async |version, with: &[(&str, bool)]| {
        let (kind, revision) = (users().name().into(), 1);
        let entry = Reindex { kind, id: user, expect: version, keys: keys(with), revision };
        opened.store.reindex(site.at, vec![entry]).await.unwrap()
    };
    assert_eq!(reindex(1, &[("a", true), ("b", false), ("c", true)]).await, [Reindexed::Done]);
    file.batch_execute(WATCH).unwrap();
    let mut told = async |what: &[(&str, &str)]| {
        let mut rows: Vec<(String, String)> = written::table.load(&mut file).unwrap();
        rows.sort();
        let rows: Vec<_> = rows.iter().map(|(what, key)| (&**what, &**key)).collect();
        assert_eq!(rows, what);
        file.batch_execute("delete from written").unwrap();
    };
    reindex(1, &[("a", true), ("b", false), ("c", true)]).await;
    told(&[]).await;
    reindex(1, &[("a", false), ("c", true), ("d", true)]).await;
    told(&[("+", "d"), ("-", "b"), ("~", "a 0")]).await;
    let mut write = site.renaming(user, "grace").await;
    if let Act::Replace { keys: change, .. } = &mut write.act {
        *change = KeyChange::To(keys(&[("a", true), ("d", true), ("e", false)]));
    }
    site.put(write).await;
    told(&[("+", "e"), ("-", "c"), ("~", "a 1")]).await;
}

#[tokio::test]
async fn what_was_answered_is_there_after_reopening() {
    let database = Database::new();
    let opened = database.open().await;
    let site = Site::open(&opened.subject).await;
    let ada = site.user("ada").await;
    let crew = site.group("crew", &[ada]).await;
    let before = site.expect(groups(), crew).await;
    let events = site.events().await;
    opened.store.close().await;

    let late = site.one(site.user_named("late")).await;
    assert!(matches!(late, Err(CommitError::Unavailable(_))), "{late:?}");
    assert!(opened.store.ready().await.is_err());

    let again = database.open().await;
    assert!(again.store.pending_migrations().await.unwrap().is_empty());
    let site = site.mirrored(&again.subject).await;
    assert_eq!(site.expect(groups(), crew).await, before);
    assert_eq!(site.events().await, events);
    assert_eq!(site.total(users()).await, 1);
}

#[tokio::test]
async fn a_file_without_tables_is_not_ready() {
    let database = Database::new();
    let store = Sqlite::open(&database.path()).unwrap();
    assert!(store.ready().await.is_err());
    let pending = store.pending_migrations().await.unwrap();
    let migrations = [
        "2026-11-21-000000_create_directory",
        "2026-11-22-000000_set_up_connections",
        "2026-11-22-100000_administer",
        "2026-11-22-200000_bind_bootstrap",
    ];
    assert_eq!(pending, migrations);
    assert_eq!(store.migrate().await.unwrap().len(), pending.len());
    assert!(store.migrate().await.unwrap().is_empty());
    store.ready().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_start_together_migrate_once() {
    let database = Database::new();
    let stores: Vec<_> = (0..6).map(|_| Sqlite::open(&database.path()).unwrap()).collect();
    let pending = stores[0].pending_migrations().await.unwrap();
    let done = futures_util::future::join_all(stores.iter().map(Sqlite::migrate)).await;
    let run: usize = done.into_iter().map(|run| run.unwrap().len()).sum();
    assert_eq!(run, pending.len());
}

/// A file as the first release left it.
const FIRST: &str =
    include_str!("../../crates/sqlite/migrations/2026-11-21-000000_create_directory/up.sql");

/// 3,000 users of two connections, and a token.
const KEPT: &str = "
create table __diesel_schema_migrations (
    version varchar(50) primary key not null,
    run_on timestamp not null default current_timestamp
);
insert into __diesel_schema_migrations (version) values ('20261121000000');
insert into organization values (zeroblob(16), 'acme', 1);
insert into connection values
    (unhex('00000000000000000000000000000001'), zeroblob(16), 'main', 'okta', 2),
    (unhex('00000000000000000000000000000002'), zeroblob(16), null, 'entra', 3);
insert into token values
    (zeroblob(32), zeroblob(16), zeroblob(16), unhex('00000000000000000000000000000001'), 'x', 4, null);
with recursive n (n) as (select 1 union all select n + 1 from n where n < 3000)
insert into resource (organization, id, connection, kind, version, created, modified, body)
    select zeroblob(16), unhex(printf('%032x', n)), unhex(printf('%032x', 1 + n % 2)), 'User', 1, 5,
    5, json_object('userName', 'u' || n) from n;
";

#[tokio::test]
async fn a_file_of_the_first_release_goes_on() {
    let database = Database::new();
    std::fs::create_dir_all(database.path().parent().unwrap()).unwrap();
    let mut file = SqliteConnection::establish(database.path().to_str().unwrap()).unwrap();
    file.batch_execute(FIRST).unwrap();
    file.batch_execute(KEPT).unwrap();
    let opened = database.open().await;
    let registry = &opened.subject.registry;
    let connections = registry.connections(None, None, 10).await.unwrap();
    let kinds: Vec<_> = connections.iter().map(|(_, one)| one.idp).collect();
    assert_eq!(kinds, [IdpKind::Okta, IdpKind::Entra]);
    for (organization, connection) in connections {
        // Whatever stands at the other end was spoken to in the generic way.
        assert_eq!(connection.setup.profile.name, Some(ProfileName::Generic));
        let rest = Setup { profile: ProfileChoice::default(), ..connection.setup.clone() };
        assert_eq!((rest, connection.revision), (Setup::default(), 0));
        assert_eq!((connection.status, &connection.traffic), (Status::Active, &Traffic::default()));
        let at = Scope { organization: organization.id, connection: connection.id };
        let reader = opened.store.scope(at);
        let all = reader.behind("User", 1, None, 10_000).await.unwrap();
        assert!(all.len() == 1_500 && all.iter().all(|record| record.indexed == 0));
        assert_eq!(reader.behind("User", 0, None, 10).await.unwrap(), []);
        let tokens = registry.tokens(connection.id).await.unwrap();
        assert!(tokens.iter().all(|token| token.subject.is_none() && token.scopes == Scopes::ALL));
        assert!(tokens.iter().all(|token| token.kind == TokenKind::Bearer));
    }
    // The first release may go on for a while, too.
    file.batch_execute(
        "insert into connection (id, organization, name, idp, created) \
        values (unhex('00000000000000000000000000000003'), zeroblob(16), 'late', 'okta', 9)",
    )
    .unwrap();
    let late = registry.connections(None, None, 10).await.unwrap().pop().unwrap().1;
    assert_eq!((late.idp, late.setup), (IdpKind::Okta, Setup::default()));
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_may_read_a_new_file() {
    use std::os::unix::fs::PermissionsExt;
    let database = Database::new();
    let opened = database.open().await;
    let site = Site::open(&opened.subject).await;
    site.user("ada").await;
    for suffix in ["", "-wal", "-shm"] {
        let path = format!("{}{suffix}", database.path().display());
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{path}");
    }
}

#[tokio::test]
async fn a_place_that_cannot_be_is_an_error() {
    let database = Database::new();
    drop(database.open().await);
    let error = Sqlite::open(&database.path().join("below-a-file.db")).unwrap_err();
    assert!(error.to_string().starts_with("cannot make `"), "{error}");
    std::fs::write(database.path().with_extension("txt"), "no database at all, but a text")
        .unwrap();
    let error = Sqlite::open(&database.path().with_extension("txt")).unwrap_err();
    assert!(error.to_string().starts_with("cannot open `"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_number_events_without_gaps() {
    let database = Database::new();
    let (one, other) = (database.open().await, database.open().await);
    let here = Site::open(&one.subject).await;
    let there = here.mirrored(&other.subject).await;
    let (a, b) = (names("a", 100), names("b", 100));
    let write = |site: &Site, names: &[String]| {
        names.iter().map(|name| site.user_named(name)).collect::<Vec<_>>()
    };
    let (a, b) = (write(&here, &a), write(&there, &b));
    let commits = a.into_iter().map(|write| here.one(write));
    let beside = b.into_iter().map(|write| there.one(write));
    let (a, b) = tokio::join!(
        futures_util::future::join_all(commits),
        futures_util::future::join_all(beside)
    );
    assert!(a.iter().chain(&b).all(Result::is_ok));
    let numbers: Vec<_> = here.events().await.iter().filter_map(|event| event.seq).collect();
    assert_eq!(numbers, (1..=200).collect::<Vec<_>>());
    assert_eq!((here.total(users()).await, there.total(users()).await), (200, 200));
    let known = other.subject.registry.connection(here.at.connection).await.unwrap();
    assert!(known.is_some());
}

#[tokio::test]
async fn a_writer_waits_for_another_process() {
    let database = Database::new();
    let opened = database.open().await;
    let site = Site::open(&opened.subject).await;
    let mut other = SqliteConnection::establish(database.path().to_str().unwrap()).unwrap();
    other.batch_execute("begin immediate").unwrap();
    let mut commit = std::pin::pin!(site.user("ada"));
    let waited = tokio::time::timeout(std::time::Duration::from_millis(100), &mut commit).await;
    assert!(waited.is_err(), "the lock is held elsewhere");
    other.batch_execute("rollback").unwrap();
    commit.await;
    assert_eq!(site.total(users()).await, 1);
}

/// How many statements an operation sends.
async fn sent<T>(store: &Sqlite, operation: impl Future<Output = T>) -> u64 {
    let before = store.statements();
    operation.await;
    store.statements() - before
}

#[tokio::test]
async fn statements_per_operation() {
    let database = Database::new();
    let opened = database.open().await;
    let (store, site) = (&opened.store, Site::open(&opened.subject).await);
    let all = site.users(names("u", 300)).await;
    let small = site.group("small", &all[..10]).await;
    let large = site.group("large", &all[10..290]).await;
    let find = async |filter: &str, count, from| {
        let asked = asked(filter);
        let query = Query { count, from, ..asked.query() };
        sent(store, site.find(&query)).await
    };
    let everything = Asked::all(users());
    let page = async |count, from, total| {
        let query = Query { count, from, total, ..everything.query() };
        sent(store, site.find(&query)).await
    };

    // Reads: what a page shows of the total is not asked for again.
    assert_eq!(sent(store, site.get(users(), all[0])).await, 1);
    assert_eq!(find("userName eq \"U-00007\"", 1, Start::Skip(0)).await, 1);
    assert_eq!(find("userName eq \"nobody\"", 1, Start::Skip(0)).await, 1);
    assert_eq!(find(&format!("id eq \"{}\"", all[3]), 1, Start::Skip(0)).await, 1);
    assert_eq!(find("userName sw \"u-0000\"", 100, Start::Skip(0)).await, 1);
    assert_eq!(find("userName sw \"u-00\"", 100, Start::Skip(0)).await, 2);
    assert_eq!(find("nickName eq \"x\"", 100, Start::Skip(0)).await, 1);
    assert_eq!(page(100, Start::Skip(0), Total::Wanted).await, 2);
    assert_eq!(page(1000, Start::Skip(0), Total::Wanted).await, 1);
    assert_eq!(page(100, Start::Skip(250), Total::Wanted).await, 1);
    assert_eq!(page(100, Start::After(all[99]), Total::Known(300)).await, 1);
    assert_eq!(page(0, Start::Skip(0), Total::Wanted).await, 1);
    assert_eq!(page(0, Start::Skip(0), Total::Known(300)).await, 0);
    assert_eq!(sent(store, site.reader().edges("members", &[small, large], None, 500)).await, 1);

    // Writes: the record, its keys, its place in the count, its event.
    assert_eq!(sent(store, site.user("ada")).await, 4);
    let rename = site.renaming(all[0], "grace").await;
    assert_eq!(sent(store, site.put(rename)).await, 4);
    // The edge, the version, the event: whatever the size of the group.
    let newcomer = site.user("newcomer").await;
    for group in [small, large] {
        let written = site.linking(group, &[newcomer], &[]);
        assert_eq!(sent(store, site.put(written)).await, 3);
        assert_eq!(sent(store, site.put(site.linking(group, &[], &[newcomer]))).await, 3);
    }
    assert_eq!(sent(store, site.put(site.linking(large, &all[..10], &all[280..290]))).await, 4);

    // What is behind is asked for in one, whether there is any or not.
    for (revision, many) in [(0, 0), (1, 100)] {
        let behind = site.reader().behind("User", revision, None, 100).await.unwrap();
        assert_eq!(behind.len(), many);
        assert_eq!(sent(store, site.reader().behind("User", revision, None, 100)).await, 1);
    }
}

#[tokio::test]
async fn a_change_of_many_members_is_a_few_statements() {
    let database = Database::new();
    let opened = database.open().await;
    let (store, site) = (&opened.store, Site::open(&opened.subject).await);
    let all = site.users(names("u", 10_000)).await;
    let group = site.group("everybody", &[]).await;
    assert_eq!(sent(store, site.put(site.linking(group, &all, &[]))).await, 3);
    let page = site.reader().edges("members", &[group], None, 20_000).await.unwrap();
    assert_eq!(page.iter().map(|edge| edge.member).collect::<Vec<_>>(), all);
    // Only the difference is written.
    assert_eq!(sent(store, site.put(site.relinking(group, &all[1..]))).await, 5);
    let last = site.events_of(group).await.pop().unwrap();
    assert_eq!(
        last.changes,
        *json!({"members": {"added": [], "removed": [all[0].to_string()]}}).as_object().unwrap()
    );
}

#[tokio::test]
async fn edges_are_read_page_by_page() {
    let database = Database::new();
    let opened = database.open().await;
    let site = Site::open(&opened.subject).await;
    let all = site.users(names("u", 50)).await;
    let mut owners = Vec::new();
    for (name, members) in
        [("a", &all[..20]), ("b", &all[..0]), ("c", &all[10..]), ("d", &all[..1])]
    {
        owners.push(site.group(name, members).await);
    }
    let whole = site.reader().edges("members", &owners, None, 1000).await.unwrap();
    assert_eq!(whole.len(), 20 + 40 + 1);
    for limit in [1, 7, 20, 60, 61, 100] {
        let (mut walked, mut after) = (Vec::new(), None);
        loop {
            let page = site.reader().edges("members", &owners, after, limit).await.unwrap();
            assert!(page.len() <= limit as usize);
            let Some(last) = page.last() else { break };
            after = Some((last.owner, last.member));
            walked.extend(page);
        }
        assert_eq!(walked, whole, "by {limit}");
    }
}

/// Reads and writes everything that there is a statement for.
async fn exercise(site: &Site, all: &[ResourceId]) {
    let reader = site.reader();
    let load = Load { links: true, incoming: true };
    for filter in FILTERS {
        let mut asked = Asked::filter(users(), filter).unwrap();
        asked.load = load;
        for way in [asked.clone(), asked.clone().doubting()] {
            for from in [Start::Skip(0), Start::Skip(3), Start::After(all[5])] {
                site.find(&Query { count: 2, from, ..way.query() }).await;
            }
        }
        let sorted = asked.sorted("userName", Order::Descending).unwrap();
        let first = site.find(&sorted.query()).await;
        if let Some(last) = first.found.first() {
            let (id, body) = (last.record.id, document(last));
            let key = users().sort_key(sorted.sort.unwrap().by, &last.view(&id.to_string(), &body));
            site.find(&Query { from: Start::Behind(key, id), ..sorted.query() }).await;
        }
    }
    let holding = format!("members.value eq \"{}\"", all[0]);
    for filter in [&*holding, "members pr", "displayName sw \"g\"", "not (members pr)"] {
        site.find(&Asked::filter(groups(), filter).unwrap().query()).await;
    }
    reindex(site, all).await;
    let outer = site.group("outer", &all[..3]).await;
    let inner = site.group("inner", &all[2..9]).await;
    site.put(site.linking(outer, &[inner], &[])).await;
    site.put(site.linking(outer, &[inner], &[])).await;
    site.put(site.linking(outer, &[], &[all[0]])).await;
    site.put(site.relinking(inner, &all[..4])).await;
    let member = site.expect(users(), all[2]).await;
    assert!(member.incoming.len() >= 2, "{member:?}");
    assert_eq!(site.members(inner).await, all[..4]);
    let owners = [outer, inner];
    reader.edges("members", &owners, None, 3).await.unwrap();
    reader.edges("members", &owners, Some((outer, all[1])), 3).await.unwrap();
    let user = site.user("somebody").await;
    site.put(site.renaming(user, "nobody").await).await;
    let taken = site.one(site.user_named("nobody")).await;
    assert!(matches!(taken, Err(CommitError::Taken { .. })));
    let unknown = site.one(site.linking(outer, &[fresh_id()], &[])).await;
    assert!(matches!(unknown, Err(CommitError::UnknownMembers(_))));
    site.put(site.deletion(users(), user)).await;
    site.put(site.deletion(users(), all[1])).await;
    site.put(site.deletion(groups(), inner)).await;
    site.put(site.deletion(groups(), outer)).await;
}

/// Makes keys anew, by themselves and with a replacement, and keeps what became of that.
async fn reindex(site: &Site, all: &[ResourceId]) {
    let (store, reader) = (&site.subject.store, site.reader());
    let key = |text: &str| Key { attr: "nickName".into(), text: text.into(), unique: true };
    for after in [None, Some(all[0])] {
        let behind = reader.behind("User", 5, after, 10).await.unwrap();
        assert_eq!(behind.len(), 10);
        let entries = behind.iter().map(|record| Reindex {
            kind: "User".into(),
            id: record.id,
            expect: record.version,
            keys: vec![key(if after.is_some() { "taken" } else { "" })],
            revision: 3,
        });
        store.reindex(site.at, entries.collect()).await.unwrap();
    }
    let user = site.user("anew").await;
    let mut write = site.renaming(user, "anew again").await;
    if let Act::Replace { keys, .. } = &mut write.act {
        *keys = KeyChange::To(vec![key("n")]);
    }
    site.put(write).await;
    site.put(site.deletion(users(), user)).await;
    let id = TransactionId::from_uuid(fresh_id().uuid());
    let outcome =
        Outcome { id, created: site.now(), touched: site.now(), done: true, body: "{}".into() };
    store.keep_outcome(site.at, outcome.clone()).await.unwrap();
    assert_eq!(store.outcome(site.at, id).await.unwrap(), Some(outcome));
}

const FILTERS: &[&str] = &[
    "userName eq \"u-00001\"",
    "userName sw \"u-0000\"",
    "userName gt \"u-00010\"",
    "active eq true",
    "active eq true and userName eq \"u-00003\"",
    "active eq true and userName sw \"u-0\"",
    "userName eq \"u-00001\" or userName eq \"u-00002\"",
    "userName eq \"u-00001\" or externalId eq \"x\" or emails.value sw \"x\"",
    "(active eq true and userName sw \"u-0\") or userName eq \"x\"",
    "not (userName sw \"u-0000\")",
    "externalId pr",
    "not (externalId pr) and active eq true",
    "meta.lastModified gt \"2024-01-01T00:00:00Z\"",
    "meta.created gt \"2024-01-01T00:00:00Z\" and active eq true",
    "meta.created gt \"2024-01-01T00:00:00Z\" or userName eq \"x\"",
    "displayName co \"x\" and userName sw \"u\"",
    "nickName eq \"x\"",
];

/// What a step of a plan must not be: a scan of a table that grows, a search of one by less than
/// what narrows it, or a sort of bodies.
fn complaint(text: &str, step: &str) -> Option<&'static str> {
    let words: Vec<&str> = step.split_whitespace().collect();
    let small = ["up", "u", "j", "json_each", "CONSTANT"];
    match words.as_slice() {
        ["SCAN", table, ..] if !small.contains(table) => Some("scans"),
        ["SEARCH", "resource_count" | "organization" | "connection" | "c" | "token" | "t", ..] => {
            None
        }
        ["SEARCH", "event", ..] => None,
        ["SEARCH", ..] if step.ends_with("(organization=?)") => Some("narrows by nothing"),
        ["SEARCH", ..] if step.ends_with("(organization=? AND connection=?)") => {
            Some("narrows by the connection alone")
        }
        ["SEARCH", ..]
            if step.ends_with("(organization=? AND connection=? AND kind=?)")
                && !text.contains("r indexed by resource_page") =>
        {
            Some("narrows by the type alone")
        }
        ["SEARCH", ..] if step.ends_with("(organization=? AND id>?)") => Some("walks ids"),
        ["USE", "TEMP", "B-TREE", "FOR", "ORDER", "BY"]
            if text.starts_with("select r.id, r.version") =>
        {
            // Sets of a union are sorted to be merged: ids alone.
            (!text.contains(" union ")).then_some("sorts bodies")
        }
        _ => None,
    }
}

async fn check_plans(store: &Sqlite, texts: &[String]) {
    let mut complaints = Vec::new();
    for text in texts.iter().filter(|text| !text.starts_with("pragma")) {
        for step in store.explain(text).await.unwrap() {
            if let Some(complaint) = complaint(text, &step) {
                complaints.push(format!("{complaint}: {step}\n    {text}"));
            }
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[tokio::test]
async fn every_statement_is_answered_by_an_index() {
    let database = Database::new();
    let opened = database.open().await;
    let site = Site::open(&opened.subject).await;
    let all = site.users(names("u", 1_000)).await;
    site.group("everybody", &all).await;
    opened.store.keep_texts();
    exercise(&site, &all[10..30]).await;
    let texts = opened.store.texts();
    assert!(texts.len() > 60, "{texts:#?}");
    check_plans(&opened.store, &texts).await;
    opened.store.maintain().await.unwrap();
    let mut housekeeping = opened.store.texts();
    housekeeping.retain(|text| text.starts_with("delete from outcome"));
    assert_eq!(housekeeping.len(), 1, "{housekeeping:?}");
    check_plans(&opened.store, &housekeeping).await;
    // The same on 20,000 users and a group of 10,000, with statistics, as a process sees them
    // that starts later.
    let more = site.users(names("v", 19_000)).await;
    let (few, many) =
        (site.group("few", &more[..10]).await, site.group("many", &more[..10_000]).await);
    opened.store.maintain().await.unwrap();
    for (add, remove) in [(&more[10_000..=10_000], &[][..]), (&[], &more[..1])] {
        let of_few = sent(&opened.store, site.put(site.linking(few, add, remove))).await;
        let of_many = sent(&opened.store, site.put(site.linking(many, add, remove))).await;
        assert_eq!(of_few, of_many, "a member change costs the same whatever the group's size");
    }
    let later = database.open().await;
    check_plans(&later.store, &texts).await;
    // Statistics don't change answers either.
    let site = site.mirrored(&later.subject).await;
    exercise(&site, &all[40..60]).await;
}

#[tokio::test]
async fn a_plan_without_an_index_is_noticed() {
    let database = Database::new();
    let opened = database.open().await;
    for (text, expect) in [
        ("select id from resource where body = ?", "scans"),
        ("select id from resource where organization = ? and display = ?", "narrows by nothing"),
        ("select owner from edge where organization = ? and attr = ?", "narrows by nothing"),
    ] {
        let steps = opened.store.explain(text).await.unwrap();
        assert!(steps.iter().any(|step| complaint(text, step) == Some(expect)), "{steps:?}");
    }
}

#[tokio::test]
async fn every_statement_on_a_directory_carries_its_organization() {
    let database = Database::new();
    let opened = database.open().await;
    let site = Site::open(&opened.subject).await;
    let all = site.users(names("u", 30)).await;
    opened.store.keep_texts();
    exercise(&site, &all).await;
    let bare: BTreeSet<String> =
        opened.store.texts().into_iter().filter(|text| !text.contains("organization")).collect();
    assert_eq!(bare, BTreeSet::new());
}

#[tokio::test]
async fn candidates_are_streamed_and_left_when_enough_was_seen() {
    let database = Database::new();
    let opened = database.open().await;
    let (store, site) = (&opened.store, Site::open(&opened.subject).await);
    let all = site.users(names("u", 2_000)).await;
    let asked = asked("userName co \"u-\"");
    let query = Query { count: 5, total: Total::Known(2_000), ..asked.query() };
    let before = store.statements();
    let page = site.find(&query).await;
    assert_eq!(ids(&page), all[..5]);
    assert_eq!(store.statements() - before, 1);
    // The connection is free again: there are fewer of them than searches.
    for _ in 0..100 {
        site.find(&query).await;
    }
    let page = site.find(&asked.query()).await;
    assert_eq!((page.found.len(), page.total), (1_000, 2_000));
}

#[tokio::test]
async fn a_resource_of_another_connection_is_no_member() {
    let database = Database::new();
    let opened = database.open().await;
    let here = Site::open(&opened.subject).await;
    let there = here.beside().await;
    let stranger = there.user("ada").await;
    let group = here.group("crew", &[]).await;
    let refused = here.one(here.linking(group, &[stranger], &[])).await;
    assert!(
        matches!(&refused, Err(CommitError::UnknownMembers(ids)) if *ids == [stranger]),
        "{refused:?}"
    );
    let other = Scope { connection: there.at.connection, ..here.at };
    let seen = opened.store.scope(other).get(groups(), group, Load::default()).await.unwrap();
    assert_eq!(seen, None);
    let changed = there.one(there.linking(group, &[stranger], &[])).await;
    assert!(matches!(changed, Err(CommitError::Gone)), "{changed:?}");
}

#[tokio::test]
async fn filters_of_any_size_and_depth_are_answered() {
    let database = Database::new();
    let opened = database.open().await;
    let site = Site::open(&opened.subject).await;
    site.users(names("u", 20)).await;
    let joined = |n: usize, by: &str| {
        names("u", n)
            .iter()
            .map(|name| format!("userName eq \"{name}\""))
            .collect::<Vec<_>>()
            .join(by)
    };
    let nested = |n: usize| {
        let (open, close) = ("not (active eq false and ".repeat(n), ")".repeat(n));
        format!("{open}userName eq \"u-00001\"{close}")
    };
    for (filter, total) in [
        (joined(150, " or "), 20),
        (joined(250, " or "), 20),
        (joined(250, " and "), 0),
        (nested(30), 20),
        (nested(45), 20),
    ] {
        let Ok(asked) = Asked::filter(users(), &filter) else { continue };
        let expect = site.find(&asked.clone().scanning().query()).await;
        assert_eq!(site.find(&asked.query()).await, expect);
        assert_eq!(expect.total, total, "{filter}");
    }
    // At least these are within what the grammar takes.
    assert!(Asked::filter(users(), &joined(150, " or ")).is_ok());
    assert!(Asked::filter(users(), &nested(30)).is_ok());
}
