//! PostgreSQL as the contract and the properties take it.

use std::sync::Arc;

use rollcall_postgres::Postgres;
use rollcall_testkit::Subject;

use crate::log::PostgresLog;
use crate::postgres::Database;

/// How many connections a store under test may open: fewer than there are parallel writers.
const POOL: usize = 8;

/// PostgreSQL as its owner, whom row-level security doesn't bind.
pub async fn postgres(database: &Database) -> Subject {
    connected(&database.url, database).await
}

/// PostgreSQL as a role that row-level security binds.
pub async fn bound_postgres(database: &Database) -> Subject {
    connected(&database.bound_url, database).await
}

async fn connected(url: &str, database: &Database) -> Subject {
    let store = Postgres::connect(url, POOL).await.expect("the server answers");
    Subject::new(Arc::new(store), Arc::new(PostgresLog::at(&database.url)))
}
