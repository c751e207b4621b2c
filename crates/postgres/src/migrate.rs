//! Bringing a database up to date.

use diesel::QueryDsl;
use diesel::migration::{Migration, MigrationSource};
use diesel::pg::Pg;
use diesel::sql_types::Bool;
use diesel_async::{AsyncMigrationHarness, SimpleAsyncConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use rollcall_domain::Unavailable;
use tokio::runtime::{Handle, RuntimeFlavor};

use crate::MigrateError;
use crate::connect::Target;
use crate::statement::statement;
use crate::tables::__diesel_schema_migrations as history;
use crate::unit::{One, Units};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!();

/// One replica migrates, the others wait and find nothing left to do.
const LOCK: &str = "select pg_advisory_lock(7235419208176501)";
const UNLOCK: &str = "select pg_advisory_unlock(7235419208176501)";

/// The role whose members the policies bind. It has no login: an operator grants it to theirs.
/// Without the right to make roles there is none, and the owner of the tables stays alone.
const APP_ROLE: &str = "
do $$
begin
    begin
        if not exists (select from pg_roles where rolname = 'rollcall_app') then
            create role rollcall_app nologin;
        end if;
    exception when duplicate_object or unique_violation or insufficient_privilege then
        null;
    end;
    if exists (select from pg_roles where rolname = 'rollcall_app') then
        execute format('grant usage on schema %I to rollcall_app', current_schema());
        grant select, insert, update, delete on
            organization, connection, token, admin_key, signing_key, job, kept,
            resource, resource_key, edge, event, resource_count, outcome
            to rollcall_app;
        grant select on __diesel_schema_migrations to rollcall_app;
    end if;
end
$$;
";

/// Runs what is pending, makes the application's role, and gives back the names of what ran.
pub(crate) async fn migrate(url: &str) -> Result<Vec<String>, MigrateError> {
    if Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread {
        return Err(MigrateError::OneThread);
    }
    let mut connection = Target::read(url)?.open().await?.connection;
    connection.batch_execute(LOCK).await.map_err(failed)?;
    let mut harness = AsyncMigrationHarness::new(connection);
    let done = harness.run_pending_migrations(MIGRATIONS).map_err(failed)?;
    let done: Vec<String> = done.iter().map(ToString::to_string).collect();
    let ran = names(|version| done.contains(version)).map_err(failed)?;
    let mut connection = harness.into_inner();
    connection.batch_execute(APP_ROLE).await.map_err(failed)?;
    connection.batch_execute(UNLOCK).await.map_err(failed)?;
    Ok(ran)
}

fn failed(error: impl std::fmt::Display) -> MigrateError {
    MigrateError::Failed(error.to_string())
}

statement! {
    /// Whether any migration has run.
    Begun [] [] [] -> (Bool,) {}
    "select to_regclass('__diesel_schema_migrations') is not null"
}

/// The names of the migrations that have not run.
pub(crate) async fn pending(units: &Units) -> Result<Vec<String>, Unavailable> {
    let begun = units.read(None, &One::<_, (bool,)>::new(Begun {})).await?;
    let done: Vec<(String,)> = if begun == [(true,)] {
        units.read(None, &One::new(history::table.select((history::version,)))).await?
    } else {
        Vec::new()
    };
    names(|version| !done.iter().any(|(done,)| done == version)).map_err(Unavailable::new)
}

/// The names of the migrations whose versions are asked for.
fn names(asked: impl Fn(&String) -> bool) -> diesel::migration::Result<Vec<String>> {
    let all: Vec<Box<dyn Migration<Pg>>> = MIGRATIONS.migrations()?;
    let asked = all.iter().filter(|migration| asked(&migration.name().version().to_string()));
    Ok(asked.map(|migration| migration.name().to_string()).collect())
}
