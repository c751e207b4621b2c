//! A PostgreSQL database of its own for each test.
//!
//! All come from one template on the cluster at `TEST_DATABASE_URL`: it is migrated once for each
//! state of the migrations, whichever test of whichever process comes first.

use std::collections::hash_map::DefaultHasher;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, process, thread};

use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use rollcall_postgres::Postgres;
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;

/// Serialises whoever makes the template or the role, in the cluster's own database.
const LOCK: &str = "select pg_advisory_lock(1605174391)";

/// A login that row-level security binds.
const BOUND_ROLE: &str = "rollcall_test";

/// What migrations and grants are made of.
const SOURCES: [&str; 2] = ["migrations", "src/migrate.rs"];

/// A database that goes when this does.
#[derive(Debug)]
pub struct Database {
    /// Its URL as a superuser.
    pub url: String,
    /// Its URL as a role that row-level security binds.
    pub bound_url: String,
    name: String,
    cluster: String,
}

/// A fresh database with its tables up to date.
///
/// # Panics
/// When there is no cluster to make it on: tests are never skipped for want of one.
pub async fn database() -> Database {
    static TEMPLATE: OnceCell<String> = OnceCell::const_new();
    let cluster = env::var("TEST_DATABASE_URL")
        .expect("TEST_DATABASE_URL is not set: run `cargo xtask test`, which starts a PostgreSQL");
    let template = TEMPLATE.get_or_init(|| template(cluster.clone())).await;
    let name = fresh_name();
    let mut connection = connect(&cluster).await;
    execute(&mut connection, &format!("create database {name} template {template}")).await;
    let bound = with_user(&cluster, &format!("{BOUND_ROLE}:{BOUND_ROLE}"));
    Database {
        url: with_database(&cluster, &name),
        bound_url: with_database(&bound, &name),
        name,
        cluster,
    }
}

impl Database {
    /// Runs statements as a superuser.
    pub async fn run(&self, sql: &str) {
        execute(&mut connect(&self.url).await, sql).await;
    }
}

impl Drop for Database {
    /// As well as it can; what is left goes with the cluster.
    fn drop(&mut self) {
        let (cluster, name) = (self.cluster.clone(), self.name.clone());
        let dropped = thread::spawn(move || {
            let Ok(runtime) = Runtime::new() else { return };
            runtime.block_on(async {
                if let Ok(mut connection) = AsyncPgConnection::establish(&cluster).await {
                    let drop = format!("drop database if exists {name} with (force)");
                    let _gone = connection.batch_execute(&drop).await;
                }
            });
        });
        let _done = dropped.join();
    }
}

/// A connection of one's own.
pub async fn connect(url: &str) -> AsyncPgConnection {
    AsyncPgConnection::establish(url)
        .await
        .unwrap_or_else(|error| panic!("no PostgreSQL at TEST_DATABASE_URL: {error}"))
}

async fn execute(connection: &mut AsyncPgConnection, sql: &str) {
    connection.batch_execute(sql).await.unwrap_or_else(|error| panic!("{error}: {sql}"));
}

/// The name of the migrated template. Migrations want a runtime of several threads, which a test
/// need not have.
async fn template(cluster: String) -> String {
    let made = thread::spawn(move || {
        let runtime = Runtime::new().expect("a runtime starts");
        runtime.block_on(make_template(&cluster))
    });
    made.join().expect("the template is made")
}

async fn make_template(cluster: &str) -> String {
    let name = format!("rollcall_template_{:016x}", fingerprint());
    let mut connection = connect(cluster).await;
    // Held until this connection closes.
    execute(&mut connection, LOCK).await;
    if !exists(&mut connection, &name).await {
        let draft = fresh_name();
        execute(&mut connection, &format!("create database {draft}")).await;
        Postgres::migrate(&with_database(cluster, &draft)).await.expect("the migrations run");
        execute(&mut connection, &role()).await;
        execute(&mut connection, &format!("grant rollcall_app to {BOUND_ROLE}")).await;
        execute(&mut connection, &format!("alter database {draft} rename to {name}")).await;
    }
    name
}

fn role() -> String {
    format!(
        "do $$ begin
            if not exists (select from pg_roles where rolname = '{BOUND_ROLE}') then
                create role {BOUND_ROLE} login password '{BOUND_ROLE}';
            end if;
        end $$"
    )
}

async fn exists(connection: &mut AsyncPgConnection, database: &str) -> bool {
    let found = format!("exists (select from pg_database where datname = '{database}')");
    let query = diesel::select(diesel::dsl::sql::<diesel::sql_types::Bool>(&found));
    query.get_result(connection).await.expect("the cluster lists its databases")
}

fn fresh_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let random = RandomState::new().hash_one(count) as u32;
    format!("rollcall_test_{}_{count}_{random:08x}", process::id())
}

/// Changes whenever a file does that the template is made from.
fn fingerprint() -> u64 {
    let here = env::var_os("CARGO_MANIFEST_DIR").unwrap_or(env!("CARGO_MANIFEST_DIR").into());
    let root = Path::new(&here).join("../crates/postgres");
    let mut hasher = DefaultHasher::new();
    for source in SOURCES {
        hash_all(&root.join(source), &mut hasher);
    }
    hasher.finish()
}

fn hash_all(path: &Path, hasher: &mut DefaultHasher) {
    if path.is_file() {
        fs::read(path).expect("a source is readable").hash(hasher);
        return;
    }
    let entries = fs::read_dir(path).expect("a directory of sources is readable");
    let mut entries: Vec<_> =
        entries.map(|entry| entry.expect("an entry is readable").path()).collect();
    entries.sort();
    for entry in entries {
        entry.file_name().hash(hasher);
        hash_all(&entry, hasher);
    }
}

/// The URL with another database.
fn with_database(url: &str, name: &str) -> String {
    let (address, options) = url.split_once('?').map_or((url, None), |(a, o)| (a, Some(o)));
    let start = address.find("://").map_or(0, |at| at + 3);
    let end = address[start..].find('/').map_or(address.len(), |at| start + at);
    let options = options.map_or_else(String::new, |options| format!("?{options}"));
    format!("{}/{name}{options}", &address[..end])
}

/// The URL with another user and password.
fn with_user(url: &str, user: &str) -> String {
    let start = url.find("://").map_or(0, |at| at + 3);
    let authority = &url[start..];
    let end = authority.find(['/', '?']).unwrap_or(authority.len());
    let host = authority[..end].rfind('@').map_or(0, |at| at + 1);
    format!("{}{user}@{}", &url[..start], &authority[host..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_get_another_database_and_user() {
        let url = "postgres://postgres@%2Ftmp%2Fpg/postgres";
        assert_eq!(with_database(url, "x"), "postgres://postgres@%2Ftmp%2Fpg/x");
        assert_eq!(with_user(url, "a:b"), "postgres://a:b@%2Ftmp%2Fpg/postgres");
        let url = "postgres://u:p@host:5432/db?sslmode=disable";
        assert_eq!(with_database(url, "x"), "postgres://u:p@host:5432/x?sslmode=disable");
        assert_eq!(with_user(url, "a"), "postgres://a@host:5432/db?sslmode=disable");
        assert_eq!(with_database("postgres://host", "x"), "postgres://host/x");
        assert_eq!(with_user("postgres://host/db", "a"), "postgres://a@host/db");
    }
}
