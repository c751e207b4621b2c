//! What only the PostgreSQL store promises: the second wall, statements and their plans, and what
//! holds when writers meet or connections die.

#[path = "postgres/rows.rs"]
mod rows;
#[path = "postgres/setups.rs"]
mod setups;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use futures_util::FutureExt;
use futures_util::future::join_all;
use rollcall_domain::{
    CommitError, Load, OrganizationId, Outcome, Query, ResourceId, Start, Store, Total,
    TransactionId,
};
use rollcall_postgres::{ConnectError, Postgres, statements_to_explain};
use rollcall_schema::Instant;
use rollcall_testkit::{Asked, Site, Subject, groups, ids, users};
use rollcall_tests::log::PostgresLog;
use rollcall_tests::postgres::{Database, connect, database};
use rollcall_tests::wait::PATIENCE;
use serde_json::json;

const TABLES: [&str; 6] =
    ["resource", "resource_key", "edge", "event", "resource_count", "outcome"];

/// A store with a site on it.
struct Opened {
    store: Arc<Postgres>,
    site: Site,
}

async fn open(database: &Database, url: &str) -> Opened {
    let store = Arc::new(Postgres::connect(url, 8).await.unwrap());
    let log = Arc::new(PostgresLog::at(&database.url));
    let site = Site::open(&Subject::new(Arc::clone(&store), log)).await;
    Opened { store, site }
}

/// The store as a superuser, and as a role that policies bind.
async fn both(database: &Database) -> [Opened; 2] {
    [open(database, &database.url).await, open(database, &database.bound_url).await]
}

async fn number(connection: &mut AsyncPgConnection, query: &str) -> i64 {
    let query = diesel::select(sql::<BigInt>(&format!("({query})::bigint")));
    query.get_result(connection).await.unwrap_or_else(|error| panic!("{error}"))
}

async fn count(connection: &mut AsyncPgConnection, table: &str) -> i64 {
    number(connection, &format!("select count(*) from {table}")).await
}

fn outcome(touched: Instant) -> Outcome {
    let id = TransactionId::from_uuid(rollcall_testkit::fresh_id().uuid());
    Outcome { id, created: touched, touched, done: true, body: "{}".into() }
}

fn wall(organization: OrganizationId) -> String {
    format!("begin; set local rollcall.organization = '{}'", organization.uuid())
}

fn names(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{prefix}-{n:05}")).collect()
}

/// R-E-02: a query that forgets its organization sees one all the same, or none.
#[tokio::test(flavor = "multi_thread")]
async fn r_e_02_row_level_security_is_a_second_wall() {
    let database = database().await;
    let [here, there] = both(&database).await;
    assert!(!here.store.bound_by_policies());
    assert!(there.store.bound_by_policies());
    let mut expect = Vec::new();
    for Opened { site, .. } in [&here, &there] {
        let all = site.users(names("u", 1 + expect.len())).await;
        let group = site.group("crew", &all).await;
        site.put(site.linking(group, &[], &all[..1])).await;
        site.put(site.linking(group, &all[..1], &[])).await;
        site.subject.store.keep_outcome(site.at, outcome(site.now())).await.unwrap();
        expect.push(site.at.organization);
    }
    let mut owner = connect(&database.url).await;
    let mut bound = connect(&database.bound_url).await;
    for table in TABLES {
        let all = count(&mut owner, table).await;
        assert_eq!(count(&mut bound, table).await, 0, "{table} without an organization");
        let mut seen = 0;
        for organization in &expect {
            bound.batch_execute(&wall(*organization)).await.unwrap();
            let own = format!("{table} where organization = '{}'", organization.uuid());
            let visible = count(&mut bound, table).await;
            assert!(visible > 0, "{table}");
            assert_eq!(visible, count(&mut owner, &own).await, "{table}");
            seen += visible;
            bound.batch_execute("commit").await.unwrap();
        }
        assert_eq!(seen, all, "{table}");
        // The setting ends with its transaction and leaves an empty text behind.
        assert_eq!(count(&mut bound, table).await, 0, "{table} after a transaction");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r_e_02_nothing_is_written_over_the_wall() {
    let database = database().await;
    let [here, there] = both(&database).await;
    let user = there.site.user("ada").await;
    let mut bound = connect(&database.bound_url).await;
    bound.batch_execute(&wall(here.site.at.organization)).await.unwrap();
    let stolen = format!("(select count(*) from resource where id = '{}')", user.uuid());
    assert_eq!(number(&mut bound, &stolen).await, 0);
    bound.batch_execute("update resource set body = ''; delete from resource_key").await.unwrap();
    let foreign = format!(
        "insert into resource_count values ('{}', '{}', 'User', 7)",
        there.site.at.organization.uuid(),
        there.site.at.connection.uuid()
    );
    let refused = bound.batch_execute(&foreign).await.unwrap_err().to_string();
    assert!(refused.contains("row-level security"), "{refused}");
    bound.batch_execute("rollback").await.unwrap();
    assert!(there.site.expect(users(), user).await.record.body.contains("ada"));
    let found = there.site.find(&filter("userName eq \"ada\"").query()).await;
    assert_eq!(ids(&found), [user]);
}

fn filter(text: &str) -> Asked {
    Asked::filter(users(), text).unwrap()
}

/// How many statements an operation sends.
async fn sent<T>(store: &Postgres, operation: impl Future<Output = T>) -> u64 {
    let before = store.statements();
    operation.await;
    store.statements() - before
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_per_operation() {
    let database = database().await;
    for Opened { store, site } in &both(&database).await {
        let all = site.users(names("u", 300)).await;
        let small = site.group("small", &all[..10]).await;

        let large = site.group("large", &all[10..290]).await;
        let find = async |text: &str, count| {
            let asked = filter(text);
            sent(store, site.find(&Query { count, ..asked.query() })).await
        };
        let everything = Asked::all(users());
        let page = async |count, from, total| {
            let query = Query { count, from, total, ..everything.query() };
            sent(store, site.find(&query)).await
        };

        assert_eq!(sent(store, site.get(users(), all[0])).await, 1);
        assert_eq!(sent(store, site.get(groups(), large)).await, 1);
        assert_eq!(find("userName eq \"U-00007\"", 100).await, 1);
        assert_eq!(find("userName eq \"nobody\"", 100).await, 1);
        assert_eq!(find(&format!("id eq \"{}\"", all[3]), 100).await, 1);
        assert_eq!(find("userName sw \"u-00\"", 100).await, 2);
        // Everything is looked at: a hundred first, then in growing batches.
        assert_eq!(find("nickName eq \"x\"", 100).await, 2);
        assert_eq!(page(100, Start::Skip(0), Total::Wanted).await, 2);
        assert_eq!(page(100, Start::After(all[99]), Total::Known(300)).await, 1);
        assert_eq!(page(0, Start::Skip(0), Total::Wanted).await, 1);
        assert_eq!(page(0, Start::Skip(0), Total::Known(300)).await, 0);
        let edges = site.reader();
        assert_eq!(sent(store, edges.edges("members", &[small, large], None, 500)).await, 1);

        assert_eq!(sent(store, site.user("ada")).await, 1);
        assert_eq!(sent(store, site.group("crew", &all[..9])).await, 1);
        let rename = site.renaming(all[0], "grace").await;
        assert_eq!(sent(store, site.put(rename)).await, 1);
        for group in [small, large] {
            let newcomer = &all[295..296];
            assert_eq!(sent(store, site.put(site.linking(group, newcomer, &[]))).await, 1);
            assert_eq!(sent(store, site.put(site.linking(group, newcomer, &[]))).await, 1);
            assert_eq!(sent(store, site.put(site.relinking(group, &all[..3]))).await, 1);
            assert_eq!(sent(store, site.put(site.relinking(group, &all[..3]))).await, 1);
        }
        assert_eq!(sent(store, site.put(site.deletion(users(), all[0]))).await, 1);
        assert_eq!(sent(store, store.ready()).await, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_many_members_is_one_statement() {
    let database = database().await;
    let Opened { store, site } = open(&database, &database.bound_url).await;
    let all = site.users(names("u", 10_000)).await;
    let group = site.group("everybody", &[]).await;
    assert_eq!(sent(&store, site.put(site.linking(group, &all, &[]))).await, 1);
    let page = site.reader().edges("members", &[group], None, 20_000).await.unwrap();
    assert_eq!(page.iter().map(|edge| edge.member).collect::<Vec<_>>(), all);
    // Only the difference is written.
    assert_eq!(sent(&store, site.put(site.relinking(group, &all[1..]))).await, 1);
    let last = site.events_of(group).await.pop().unwrap();
    let removed = json!({ "members": { "added": [], "removed": [all[0].to_string()] } });
    assert_eq!(serde_json::Value::Object(last.changes), removed);
}

// Plans.

/// Users and groups by the thousands, put there by the database itself.
const LARGE: &str = "
create function id_of(what text, n bigint) returns uuid language sql immutable as $$
    select (what || '-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid
$$;
create function load(organization uuid, connection uuid, user_prefix text, group_prefix text,
    users bigint, members bigint) returns void language sql as $$
    insert into resource
        (organization, id, connection, kind, version, created, modified, display, body)
        select organization, id_of(user_prefix, n), connection, 'User', 1, n, n, 'User ' || n,
            '{\"userName\":\"u-' || n || '\",\"active\":true}'
        from generate_series(1, users) n;
    insert into resource_key
        select organization, connection, 'User', attr, value, id_of(user_prefix, n), is_unique
        from generate_series(1, users) n,
            lateral (values ('userName', 'u-' || n, true), ('active', 'true', false),
                ('emails.value', 'u-' || n || '@example.com', false),
                ('externalId', md5(n::text), false)) k (attr, value, is_unique);
    insert into resource_count values (organization, connection, 'User', users);
    insert into resource
        (organization, id, connection, kind, version, created, modified, links, display, body)
        select organization, id_of(group_prefix, n), connection, 'Group', 1, n, n,
            case n when 1 then members else 10 end, 'Group ' || n, '{}'
        from generate_series(1, 200) n;
    insert into resource_key
        select organization, connection, 'Group', 'displayName', 'group ' || n,
            id_of(group_prefix, n), false
        from generate_series(1, 200) n;
    insert into edge
        select organization, id_of(group_prefix, 1), 'members', id_of(user_prefix, n)
        from generate_series(1, members) n;
    insert into edge
        select organization, id_of(group_prefix, g), 'members', id_of(user_prefix, g * 10 + n)
        from generate_series(2, 200) g, generate_series(1, 10) n;
$$;
create function explained(query text) returns setof text language plpgsql as $$
declare line text;
begin
    for line in execute query loop return next line; end loop;
end $$;
";

/// The values of everyday requests, by the names of their statements.
const VALUES: &[(&str, &str, &str)] = &[
    ("get_user", READ, "null, 'Group', 'members', USER"),
    ("get_group", READ, "null, null, null, GROUP"),
    ("lookup", FIND, "null, 'Group', 'members', NIL, 'userName', 'u-777', 100, 0"),
    ("page", PAGE, "null, 'Group', 'members', NIL, 100, 0"),
    (
        "prefix",
        "HEAD, uuid, text, text, text, bigint, bigint",
        "null, 'Group', 'members', NIL, 'userName', 'u-19', 'u-1:', 100, 0",
    ),
    (
        "either",
        "HEAD, uuid, text, text, text, text, bigint, bigint",
        "null, 'Group', 'members', NIL, 'userName', 'u-7', 'userName', 'u-8', 100, 0",
    ),
    (
        "holding",
        "HEAD, uuid, uuid, text, bigint, bigint",
        "null, null, null, NIL, USER, 'members', 100, 0",
    ),
    (
        "edges",
        "uuid, uuid, text, uuid[], uuid, uuid, bigint",
        "'members', array[GROUP, OTHER]::uuid[], GROUP, USER, 1000",
    ),
    (
        "create",
        "STEM, EDGES, text, text, text[], text[], bool[], bigint",
        "WRITE, NONE, 'New', '{}', array['userName'], array['new'], array[true], 0",
    ),
    (
        "create_with_edges",
        "STEM, EDGES, text, text, text[], text[], bool[], bigint",
        "WRITE, ADD, 'New', '{}', array['displayName'], array['new'], array[false], 0",
    ),
    (
        "creates",
        "uuid, uuid, uuid[], uuid[], text[], bigint[], bigint[], text[], text[], bigint[], \
         uuid[], text[], text[], text[], bool[], uuid[], text[], uuid[], \
         uuid[], text[], text[], text[]",
        "array[USER]::uuid[], array[NEW, id_of('0197b3e0', 2)]::uuid[], array['User', 'Group'], \
         array[5, 5], array[0, 2], array['New', null], array['{}', '{}'], array[0, 0], \
         array[NEW]::uuid[], array['User'], array['userName'], array['new'], array[true], \
         array[id_of('0197b3e0', 2), id_of('0197b3e0', 2)], array['members', 'members'], \
         array[NEW, USER]::uuid[], array[gen_random_uuid(), gen_random_uuid()], \
         array['tok', 'tok'], array['resource.created', 'resource.created'], array['{}', '{}']",
    ),
    (
        "replace",
        "STEM, EDGES, bigint, text, text, text[], text[], text[], text[], bool[], bigint",
        "TOUCH, NONE, 1, 'New', '{}', array['userName'], array['u-1'], array['userName'], \
         array['new'], array[true], 0",
    ),
    (
        "replace_keys",
        "STEM, EDGES, bigint, text, text, text[], text[], text[], text[], bool[], bigint",
        "TOUCH, NONE, 1, 'New', '{}', '{}', '{}', array['userName', 'active'], \
         array['new', 'true'], array[true, false], 1",
    ),
    (
        "reindex",
        "uuid, uuid, text[], uuid[], bigint[], bigint[], text[], uuid[], text[], text[], bool[]",
        "array['User'], array[USER]::uuid[], array[1], array[1], array['User', 'User'], \
         array[USER, USER]::uuid[], array['userName', 'nickName'], array['u-1', 'nick'], \
         array[true, false]",
    ),
    ("behind", "uuid, uuid, text, bigint, uuid, bigint", "0, NIL, 100"),
    ("behind_all", "uuid, uuid, text, bigint, uuid, bigint", "1, USER, 100"),
    ("link", "STEM, EDGES, bigint", "TOUCH, ADD, null"),
    ("unlink", "STEM, EDGES, bigint", "TOUCH, CUT, null"),
    ("delete", "STEM, bigint, text", "END, null, 'resource.changed'"),
];

const READ: &str = "HEAD, uuid";
const PAGE: &str = "HEAD, uuid, bigint, bigint";
const FIND: &str = "HEAD, uuid, text, text, bigint, bigint";

/// What the planner knows of the tables.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Statistics {
    Fresh,
    /// A database that fills faster than the first statistics come.
    None,
}

struct Bench {
    connection: AsyncPgConnection,
    site: Site,
    _database: Database,
}

impl Bench {
    /// 20,000 users, a group of 10,000 and many of 10, beside another organization.
    async fn new(as_bound: bool, statistics: Statistics) -> Self {
        let database = database().await;
        let Opened { site, .. } = open(&database, &database.url).await;
        let neighbour = Site::open(&site.subject).await;
        // Nobody learns of the tables or tidies them up in the middle of a test.
        for table in TABLES {
            database.run(&format!("alter table {table} set (autovacuum_enabled = off)")).await;
        }
        database.run(LARGE).await;
        for (site, users, groups, size) in
            [(&site, "0197b3a0", "0197b3b0", 20_000), (&neighbour, "0197b3c0", "0197b3d0", 5_000)]
        {
            let (organization, connection) = (site.at.organization, site.at.connection);
            database
                .run(&format!(
                    "select load('{}', '{}', '{users}', '{groups}', {size}, {size} / 2)",
                    organization.uuid(),
                    connection.uuid()
                ))
                .await;
        }
        if statistics == Statistics::Fresh {
            database.run("analyze").await;
        }
        let url = if as_bound { &database.bound_url } else { &database.url };
        let mut connection = connect(url).await;
        let set = format!("set rollcall.organization = '{}'", site.at.organization.uuid());
        connection.batch_execute(&set).await.unwrap();
        let texts: BTreeMap<_, _> = statements_to_explain().into_iter().collect();
        for (name, types, _) in VALUES {
            let text = match *name {
                "unlink" => &texts["link"],
                "behind_all" => &texts["behind"],
                name => &texts[name],
            };
            let types = types
                .replace("HEAD", "uuid, uuid, text, text, text, text")
                .replace("STEM", "uuid, uuid, text, uuid, bigint, uuid, text, text, text")
                .replace("EDGES", "text[], uuid[], text[], uuid[], text[]");
            let prepare = format!("prepare \"{name}\" ({types}) as {text}");
            connection.batch_execute(&prepare).await.unwrap_or_else(|e| panic!("{e}: {text}"));
        }
        Self { connection, site, _database: database }
    }

    /// What `EXPLAIN` says of a statement, carried out and taken back.
    async fn explain(&mut self, name: &str, group: u64, options: &str) -> String {
        let (_, _, values) = VALUES.iter().find(|(of, _, _)| *of == name).unwrap();
        let kind = match name {
            "get_group" | "holding" | "link" | "unlink" | "create_with_edges" => "Group",
            _ => "User",
        };
        let at = self.site.at;
        let head = format!("'{}', '{}'", at.organization.uuid(), at.connection.uuid());
        let head = match name {
            "edges" | "creates" | "reindex" => head,
            _ => format!("{head}, '{kind}'"),
        };
        let values = values
            .replace("WRITE", "NEW, EVENT")
            .replace("TOUCH", if kind == "Group" { "GROUP, EVENT" } else { "USER, EVENT" })
            .replace("END", "USER, EVENT")
            .replace("EVENT", "5, gen_random_uuid(), 'tok', 'resource.changed', '{}'")
            .replace("NONE", "'{}', '{}', '{}', '{}', '{}'")
            .replace("ADD", "array['members'], array[LATE]::uuid[], '{}', '{}', '{}'")
            .replace("CUT", "'{}', '{}', array['members'], array[LAST]::uuid[], '{}'")
            .replace(
                "LAST",
                &format!(
                    "id_of('0197b3a0', {})",
                    if group == 1 { 10_000 } else { group * 10 + 10 }
                ),
            )
            .replace("USER", "id_of('0197b3a0', 1)")
            .replace("LATE", "id_of('0197b3a0', 19999)")
            .replace("GROUP", &format!("id_of('0197b3b0', {group})"))
            .replace("OTHER", "id_of('0197b3b0', 3)")
            .replace("NEW", "id_of('0197b3e0', 1)")
            .replace("NIL", "'00000000-0000-0000-0000-000000000000'");
        let text = format!("explain ({options}) execute \"{name}\" ({head}, {values})");
        let quoted = format!("(select string_agg(l, E'\\n') from explained($q${text}$q$) l)");
        self.connection.batch_execute("begin").await.unwrap();
        let query = diesel::select(sql::<Text>(&quoted));
        let plan: Result<String, _> = query.get_result(&mut self.connection).await;
        let plan = plan.unwrap_or_else(|error| panic!("{error}: {text}"));
        self.connection.batch_execute("rollback").await.unwrap();
        plan
    }
}

/// A scan of a table that grows.
fn scanned(plan: &str) -> Option<&str> {
    plan.lines().filter(|line| !line.contains("never executed")).find(|line| {
        ["resource", "resource_key", "edge", "event"]
            .iter()
            .any(|table| line.contains(&format!("Seq Scan on {table} ")))
    })
}

/// Whether the plan moved the version of its group.
fn moved(plan: &str) -> bool {
    let update = plan.lines().find(|line| line.contains("Update on resource r"));
    update.is_some_and(|line| line.contains("actual rows=1"))
}

/// The pages that the whole plan looked at, wherever they were. What it wrote back of others'
/// pages, to have room for its own, is no work of the statement.
fn buffers(plan: &str) -> u64 {
    let line = plan.lines().find(|line| line.contains("Buffers: shared")).unwrap();
    let looked = |word: &str| -> Option<u64> {
        word.strip_prefix("hit=").or(word.strip_prefix("read="))?.parse().ok()
    };
    line.split(' ').filter_map(looked).sum()
}

async fn every_plan_uses_indexes(as_bound: bool, statistics: Statistics) {
    let mut bench = Bench::new(as_bound, statistics).await;
    for mode in ["force_generic_plan", "force_custom_plan"] {
        let set = format!("set plan_cache_mode = {mode}");
        bench.connection.batch_execute(&set).await.unwrap();
        for (name, _, _) in VALUES {
            let plan = bench.explain(name, 1, "analyze, buffers, timing off").await;
            assert_eq!(scanned(&plan), None, "{mode}: {name}\n{plan}");
            // A page of 100 users with their groups, or a thousand edges, is the most.
            let most = match *name {
                "edges" => 6_000,
                "page" | "prefix" => 8_000,
                "behind" => 12,
                // A hundred rows in as many places, if need be.
                "behind_all" => 500,
                _ => 250,
            };
            assert!(buffers(&plan) < most, "{mode}: {name}\n{plan}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_plan_uses_indexes_as_a_superuser() {
    every_plan_uses_indexes(false, Statistics::Fresh).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_plan_uses_indexes_behind_the_wall() {
    every_plan_uses_indexes(true, Statistics::Fresh).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_plan_uses_indexes_without_statistics() {
    every_plan_uses_indexes(false, Statistics::None).await;
    every_plan_uses_indexes(true, Statistics::None).await;
}

/// A new member costs the same whatever the size of the group.
#[tokio::test(flavor = "multi_thread")]
async fn joining_a_large_group_reads_what_joining_a_small_one_does() {
    let mut bench = Bench::new(true, Statistics::Fresh).await;
    for mode in ["force_generic_plan", "force_custom_plan"] {
        let set = format!("set plan_cache_mode = {mode}");
        bench.connection.batch_execute(&set).await.unwrap();
        for name in ["link", "unlink"] {
            let mut touched = BTreeMap::new();
            for group in [1, 2, 1, 2] {
                let plan = bench.explain(name, group, "analyze, buffers, timing off").await;
                assert!(moved(&plan), "{mode}: {name}\n{plan}");
                touched.insert(group, buffers(&plan));
            }
            let (large, small) = (touched[&1], touched[&2]);
            assert!(large <= small + 25, "{mode}: {name}: {large} against {small}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_without_an_index_is_noticed() {
    let mut bench = Bench::new(false, Statistics::Fresh).await;
    let text = "(select string_agg(l, E'\\n') from explained(\
                'explain select from resource r where display = ''x''') l)";
    let query = diesel::select(sql::<Text>(text));
    let plan: String = query.get_result(&mut bench.connection).await.unwrap();
    assert!(scanned(&plan).is_some(), "{plan}");
}

/// Filters and pages over the large directory answer what SQL says of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_directory_is_searched() {
    let bench = Bench::new(false, Statistics::Fresh).await;
    let total = async |text: &str| {
        let asked = filter(text);
        bench.site.find(&Query { count: 2, ..asked.query() }).await.total
    };
    assert_eq!(bench.site.total(users()).await, 20_000);
    assert_eq!(total("userName eq \"u-777\"").await, 1);
    assert_eq!(total("active eq true").await, 20_000);
    assert_eq!(total("not (active eq true)").await, 0);
    assert_eq!(total("userName sw \"u-19\"").await, 1_111);
    assert_eq!(total("userName eq \"u-1\" or emails.value eq \"u-2@example.com\"").await, 2);
    // Values that everybody has, on both sides of a complement.
    assert_eq!(total("active eq true and userName sw \"u-\"").await, 20_000);
    assert_eq!(total("active eq true and not (userName sw \"u-1\")").await, 8_889);
    assert_eq!(total("userName co \"99\" and active eq true").await, {
        (1..=20_000).filter(|n: &u32| n.to_string().contains("99")).count() as u64
    });
}

// Writers that meet.

#[tokio::test(flavor = "multi_thread")]
async fn r_e_19_of_50_parallel_creations_one_wins() {
    let database = database().await;
    for Opened { site, .. } in &both(&database).await {
        let writes: Vec<_> = (0..50).map(|_| site.user_named("ada")).collect();
        let done = join_all(writes.into_iter().map(|write| site.one(write))).await;
        assert_eq!(done.iter().filter(|one| one.is_ok()).count(), 1);
        let taken = |one: &&Result<_, CommitError>| matches!(one, Err(CommitError::Taken { attr }) if attr == "userName");
        assert_eq!(done.iter().filter(taken).count(), 49);
        assert_eq!((site.total(users()).await, site.events().await.len()), (1, 1));
    }
}

/// Joins, departures, whole member lists and deletions of members at once: no edge points
/// nowhere, and replaying the log of the group by its versions gives its members.
#[tokio::test(flavor = "multi_thread")]
async fn a_group_under_fire_agrees_with_its_log() {
    let database = database().await;
    for Opened { site, .. } in &both(&database).await {
        let all = site.users(names("u", 60)).await;
        let group = site.group("crew", &all[..20]).await;
        let mut writes = Vec::new();
        for round in 0..60 {
            let one = &all[round..=round];
            writes.push(site.linking(group, one, &[]));
            writes.push(site.linking(group, &[], &all[(round + 7) % 60..=(round + 7) % 60]));
            if round % 3 == 0 {
                writes.push(site.deletion(users(), all[round]));
            }
            if round % 10 == 0 {
                writes.push(site.relinking(group, &all[40..50]));
            }
        }
        let done = join_all(writes.into_iter().map(|write| site.one(write))).await;
        for one in &done {
            assert!(matches!(one, Ok(_) | Err(CommitError::UnknownMembers(_))), "{one:?}");
        }
        let found = site.expect(groups(), group).await;
        let log = site.events_of(group).await;
        let versions: Vec<u64> = log.iter().map(|event| event.version).collect();
        assert_eq!(versions, (1..=found.record.version).collect::<Vec<_>>());
        let mut members = std::collections::BTreeSet::new();
        for event in &log {
            let named = |what: &str| -> Vec<String> {
                serde_json::from_value(event.changes["members"][what].clone()).unwrap()
            };
            for id in named("added") {
                assert!(members.insert(id), "{event:?}");
            }
            for id in named("removed") {
                assert!(members.remove(&id), "{event:?}");
            }
        }
        let stored = site.members(group).await.iter().map(ResourceId::to_string).collect();
        assert_eq!(members, stored);
    }
    let mut owner = connect(&database.url).await;
    let dangling = "edge e where not exists (select from resource r where r.id = e.member)";
    assert_eq!(count(&mut owner, dangling).await, 0);
}

/// Members that join together join together, whatever leaves meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn members_of_one_change_belong_together() {
    let database = database().await;
    for Opened { site, .. } in &both(&database).await {
        let all = site.users(names("u", 2)).await;
        for joins_first in [false, true] {
            let group = site.group("crew", &all[..1]).await;
            let mut owner = connect(&database.url).await;
            owner.batch_execute(&locking(group)).await.unwrap();
            let (join, leave) = (site.linking(group, &all, &[]), site.linking(group, &[], &all));
            let queue = if joins_first { [join, leave] } else { [leave, join] };
            let meeting = join_all(queue.into_iter().enumerate().map(async |(place, write)| {
                waiting(&database, place as i64).await;
                site.one(write).await
            }));
            let release = async {
                waiting(&database, 2).await;
                owner.batch_execute("commit").await.unwrap();
            };
            let (done, ()) = tokio::join!(meeting, release);
            assert!(done.iter().all(Result::is_ok), "{done:?}");
            assert_ne!(site.members(group).await.len(), 1, "{done:?}");
            let version = site.expect(groups(), group).await.record.version;
            assert_eq!(site.events_of(group).await.len() as u64, version);
        }
    }
}

/// Returns when this counts nothing any more.
async fn none_are_left(owner: &mut AsyncPgConnection, query: &str) {
    let began = std::time::Instant::now();
    loop {
        let left = number(owner, query).await;
        if left == 0 {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{left}: {query}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn locking(id: ResourceId) -> String {
    format!("begin; select from resource where id = '{id}' for update")
}

/// Returns when so many statements wait for locks.
async fn waiting(database: &Database, count: i64) {
    let mut owner = connect(&database.url).await;
    let blocked = "select count(*) from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'";
    let began = std::time::Instant::now();
    while number(&mut owner, blocked).await < count {
        assert!(began.elapsed() < PATIENCE, "{count} statements don't wait");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

// Connections.

/// A statement that was given up for lost and is applied after all is answered as applied, not
/// as a conflict with itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_no_rival_of_itself() {
    let database = database().await;
    for Opened { site, .. } in &both(&database).await {
        let user = site.user("ada").await;
        let rename = site.renaming(user, "grace").await;
        let event = rename.event.id.uuid();
        let mut owner = connect(&database.url).await;
        owner.batch_execute(&locking(user)).await.unwrap();
        // What the first attempt does where only its connection is lost.
        let apply = format!(
            "update resource set version = 2 where id = '{user}';
             insert into event select organization, '{event}', seq, at, actor, connection,
                 'resource.changed', kind, resource, 2, changes
             from event where resource = '{user}';
             commit"
        );
        let lose = async {
            waiting(&database, 1).await;
            let lost = "from pg_stat_activity
                where datname = current_database() and wait_event_type = 'Lock'";
            let end = format!("(select count(pg_terminate_backend(pid, 5000)) {lost})");
            assert_eq!(number(&mut connect(&database.url).await, &end).await, 1);
            waiting(&database, 1).await;
            owner.batch_execute(&apply).await.unwrap();
        };
        let (done, ()) = tokio::join!(site.one(rename), lose);
        let done = done.unwrap();
        assert_eq!((done.version, done.changed), (2, true));
    }
}

/// Searches that are given up while they are prepared don't fill the server with statements.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_was_preparing_is_not_used_again() {
    let database = database().await;
    for url in [&database.url, &database.bound_url] {
        let store = Arc::new(Postgres::connect(url, 1).await.unwrap());
        let log = Arc::new(PostgresLog::at(&database.url));
        let site = Site::open(&Subject::new(Arc::clone(&store), log)).await;
        let mut owner = connect(&database.url).await;
        let ours = "select coalesce(max(pid), 0) from pg_stat_activity
            where datname = current_database() and pid <> pg_backend_pid() and state is not null";
        let names = ["a", "b", "c", "d"].map(|name| format!("userName eq \"{name}\""));
        let asked = filter(&names.join(" or "));
        for _ in 0..3 {
            store.ready().await.unwrap();
            let before = number(&mut owner, ours).await;
            let given_up = store.scope(site.at).find(&asked.query()).now_or_never();
            assert!(given_up.is_none());
            store.ready().await.unwrap();
            let query = format!("select count(*) from pg_stat_activity where pid = {before}");
            none_are_left(&mut owner, &query).await;
        }
    }
}

/// Every statement leaves between its `begin` and its `commit`, prepared already or not, however
/// busy the task is.
#[tokio::test]
async fn flushes_stay_in_order() {
    let database = database().await;
    let Opened { store, site } = open(&database, &database.bound_url).await;
    let all = site.users(names("u", 40)).await;
    for _ in 0..10 {
        let gets = (0..400).map(|n| site.get(users(), all[n % 40]));
        let found = join_all(gets).await;
        assert!(found.iter().all(Option::is_some));
        let lookups = (0..100).map(|n| {
            let (store, at) = (&store, site.at);
            async move {
                let asked = filter(&format!("userName eq \"u-{:05}\"", n % 40));
                store.scope(at).find(&asked.query()).await.unwrap().total
            }
        });
        assert!(join_all(lookups).await.iter().all(|total| *total == 1));
    }
}

/// A request that is given up in the middle leaves no transaction open.
#[tokio::test(flavor = "multi_thread")]
async fn cancelled_units_leave_nothing_behind() {
    let database = database().await;
    for Opened { site, .. } in &both(&database).await {
        let all = site.users(names("u", 20)).await;
        let group = site.group("crew", &[]).await;
        for n in 0..200_usize {
            let patience = Duration::from_micros((n as u64 % 40) * 25);
            let member = &all[n % 20..=n % 20];
            let write = if n % 2 == 0 {
                vec![site.linking(group, member, &[])]
            } else {
                vec![site.linking(group, &[], member), site.user_named(&format!("late-{n}"))]
            };
            let _given_up = tokio::time::timeout(patience, site.commit(write)).await;
        }
        site.put(site.relinking(group, &all)).await;
        assert_eq!(site.members(group).await, all);
        let version = site.expect(groups(), group).await.record.version;
        assert_eq!(site.events_of(group).await.len() as u64, version);
        // A member left and a user came, or neither did.
        let late = site.total(users()).await as usize - 20;
        assert_eq!(site.events().await.len(), 20 + late + version as usize);
    }
    let mut owner = connect(&database.url).await;
    // Connections that were given up are on their way out.
    let open = "select count(*) from pg_stat_activity
        where datname = current_database() and state like 'idle in %'";
    none_are_left(&mut owner, open).await;
}

/// Throws connections of a database out, one by one. On a busy machine that takes its time as
/// everything does: something is written between each two, lest nothing ever gets through.
async fn throwing_out(url: String) {
    let mut owner = connect(&url).await;
    loop {
        let end = "select pg_terminate_backend(pid) from pg_stat_activity
            where datname = current_database() and pid <> pg_backend_pid()
                and backend_type = 'client backend'
            order by random() limit 1";
        let before = count(&mut owner, "event").await;
        let _gone = owner.batch_execute(end).await;
        tokio::time::sleep(Duration::from_millis(25)).await;
        let began = std::time::Instant::now();
        while count(&mut owner, "event").await == before && began.elapsed() < PATIENCE {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// What was answered is there, once, though the server keeps throwing connections out.
#[tokio::test(flavor = "multi_thread")]
async fn lost_connections_lose_no_answer() {
    let database = database().await;
    for Opened { site, .. } in &both(&database).await {
        let killer = tokio::spawn(throwing_out(database.url.clone()));
        let mut made = Vec::new();
        for _ in 0..8 {
            let writes: Vec<_> =
                (0..10).map(|_| rollcall_testkit::fresh_id().to_string()).collect();
            let writes: Vec<_> = writes.iter().map(|name| site.user_named(name)).collect();
            let sent = writes.into_iter().map(|write| async {
                let id = write.id;
                site.one(write).await.map(|written| (id, written))
            });
            made.extend(join_all(sent).await);
        }
        killer.abort();
        let _ended = killer.await;
        let answered: Vec<_> = made.iter().filter_map(|one| one.as_ref().ok()).collect();
        let failed = made.iter().find_map(|one| one.as_ref().err());
        assert!(answered.len() >= 60, "{}: {failed:?}", answered.len());
        for (id, written) in &answered {
            assert_eq!((written.version, written.changed), (1, true));
            assert!(site.get(users(), *id).await.is_some());
            assert_eq!(site.events_of(*id).await.len(), 1);
        }
        assert_eq!(site.events().await.len() as u64, site.total(users()).await);
    }
}

/// One read finds its connection dead and takes another.
#[tokio::test(flavor = "multi_thread")]
async fn a_read_survives_a_dead_connection() {
    let database = database().await;
    let store = Postgres::connect(&database.bound_url, 1).await.unwrap();
    for _ in 0..20 {
        store.ready().await.unwrap();
        database
            .run(
                "select pg_terminate_backend(pid) from pg_stat_activity
                 where datname = current_database() and pid <> pg_backend_pid()",
            )
            .await;
        store.ready().await.unwrap();
    }
}

// Housekeeping and start.

#[tokio::test(flavor = "multi_thread")]
async fn counts_are_folded() {
    let database = database().await;
    let [one, other] = both(&database).await;
    for Opened { site, .. } in [&one, &other] {
        let all = site.users(names("u", 20)).await;
        site.group("crew", &all).await;
        site.put(site.deletion(users(), all[3])).await;
    }
    let mut owner = connect(&database.url).await;
    // What begins together is counted together.
    assert_eq!(count(&mut owner, "resource_count").await, 6);
    other.store.maintain().await.unwrap();
    assert_eq!(count(&mut owner, "resource_count").await, 4);
    one.store.maintain().await.unwrap();
    assert_eq!(count(&mut owner, "resource_count").await, 4);
    for Opened { site, .. } in [&one, &other] {
        assert_eq!((site.total(users()).await, site.total(groups()).await), (19, 1));
    }
    let folds = (0..8).map(|_| one.store.maintain());
    assert!(join_all(folds).await.iter().all(Result::is_ok));
    assert_eq!(one.site.total(users()).await, 19);
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_start_together_migrate_once() {
    let database = database().await;
    let mut owner = connect(&database.url).await;
    let reset = "drop schema public cascade; create schema public";
    owner.batch_execute(reset).await.unwrap();
    let store = Postgres::connect(&database.url, 2).await.unwrap();
    let all = [
        "2026-11-21-000000_create_directory",
        "2026-11-22-000000_set_up_connections",
        "2026-11-22-100000_administer",
        "2026-11-22-200000_bind_bootstrap",
    ];
    assert_eq!(store.pending_migrations().await.unwrap(), all);
    let tasks = (0..5).map(|_| {
        let url = database.url.clone();
        tokio::spawn(async move { Postgres::migrate(&url).await.unwrap() })
    });
    let ran: Vec<String> = join_all(tasks).await.into_iter().flat_map(Result::unwrap).collect();
    assert_eq!(ran, all);
    assert!(store.pending_migrations().await.unwrap().is_empty());
    let bound = open(&database, &database.bound_url).await;
    assert!(bound.store.pending_migrations().await.unwrap().is_empty());
    let user = bound.site.user("ada").await;
    let load = Load::default();
    assert!(store.scope(bound.site.at).get(users(), user, load).await.unwrap().is_some());
}

#[tokio::test]
async fn what_is_wrong_with_a_url_is_said() {
    let database = database().await;
    let nowhere = format!("{}_nowhere", database.bound_url);
    let error = Postgres::connect(&nowhere, 1).await.unwrap_err();
    assert!(matches!(error, ConnectError::Refused { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("does not exist") && text.contains("check that"), "{text}");
    assert!(!text.contains("rollcall_test:"), "{text}");
    let one_thread = Postgres::migrate(&database.url).await.unwrap_err().to_string();
    assert!(one_thread.contains("multi-thread"), "{one_thread}");
}
