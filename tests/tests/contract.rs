//! Every store keeps the contract of the ports.

use rollcall_testkit::{Subject, contract};
use rollcall_tests::{postgres, sqlite, subjects};

#[tokio::test(flavor = "multi_thread")]
async fn memory_keeps_the_contract() {
    contract::run(&Subject::memory()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_keeps_the_contract() {
    let database = sqlite::Database::new();
    contract::run(&database.open().await.subject).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_keeps_the_contract() {
    let database = postgres::database().await;
    contract::run(&subjects::postgres(&database).await).await;
}

/// R-E-02: row-level security binds this role, and takes nothing away from it.
#[tokio::test(flavor = "multi_thread")]
async fn postgres_keeps_the_contract_behind_row_level_security() {
    let database = postgres::database().await;
    contract::run(&subjects::bound_postgres(&database).await).await;
}
