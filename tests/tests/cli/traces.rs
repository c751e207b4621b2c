//! What a database still says of whoever is gone: every row of every table is looked at.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel_async::{AsyncConnection as _, AsyncPgConnection};
use rollcall_domain::OrganizationId;
use rollcall_tests::tables::Tables;

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// The tables with rows that name an organization, and how many; the server's own log may.
pub(crate) async fn naming(tables: &Tables, id: OrganizationId) -> Vec<(String, i64)> {
    let mut found = match tables {
        Tables::Sqlite(path) => in_sqlite(path.to_str().expect("the path is text"), id),
        Tables::Postgres(url) => in_postgres(url, id).await,
    };
    assert!(found.len() > 10, "every table is looked at: {found:?}");
    found.retain(|(_, n)| *n > 0);
    found
}

/// Rows of the log of anybody but the server.
fn among(table: &str, nobody: &str) -> String {
    match table {
        "event" => format!("organization <> {nobody}"),
        _ => "true".into(),
    }
}

fn in_sqlite(path: &str, id: OrganizationId) -> Vec<(String, i64)> {
    use diesel::RunQueryDsl;
    let mut file = SqliteConnection::establish(path).expect("the file opens");
    let (plain, hyphened) = (id.uuid().simple().to_string(), id.uuid().to_string());
    let tables = "select name from sqlite_master where type = 'table'";
    let tables = RunQueryDsl::load::<Name>(diesel::sql_query(tables), &mut file).expect("tables");
    let mut found = Vec::new();
    for Name { name: table } in tables {
        let columns = format!("select name from pragma_table_info('{table}')");
        let columns = RunQueryDsl::load::<Name>(diesel::sql_query(columns), &mut file);
        let holds = |Name { name }: Name| {
            format!(
                "instr(cast(\"{name}\" as blob), x'{plain}') > 0 \
                 or instr(cast(\"{name}\" as text), '{plain}') > 0 \
                 or instr(cast(\"{name}\" as text), '{hyphened}') > 0"
            )
        };
        let holds: Vec<String> = columns.expect("columns").into_iter().map(holds).collect();
        let (any, among) = (holds.join(" or "), among(&table, "zeroblob(16)"));
        let rows = format!("select count(*) as n from \"{table}\" where ({any}) and {among}");
        let rows = RunQueryDsl::get_result::<Count>(diesel::sql_query(rows), &mut file);
        found.push((table, rows.expect("rows are counted").n));
    }
    found
}

async fn in_postgres(url: &str, id: OrganizationId) -> Vec<(String, i64)> {
    use diesel_async::RunQueryDsl;
    let mut database = AsyncPgConnection::establish(url).await.expect("the server answers");
    let (plain, hyphened) = (id.uuid().simple().to_string(), id.uuid().to_string());
    let tables = "select tablename::text as name from pg_tables where schemaname = 'public'";
    let tables = RunQueryDsl::load::<Name>(diesel::sql_query(tables), &mut database).await;
    let tables = tables.expect("tables");
    let mut found = Vec::new();
    for Name { name: table } in tables {
        let among = among(&table, "'00000000-0000-0000-0000-000000000000'");
        let rows = format!(
            "select count(*) as n from \"{table}\" x \
             where (x::text like '%{plain}%' or x::text like '%{hyphened}%') and {among}"
        );
        let rows = RunQueryDsl::get_result::<Count>(diesel::sql_query(rows), &mut database).await;
        found.push((table, rows.expect("rows are counted").n));
    }
    found
}
