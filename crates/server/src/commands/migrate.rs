//! `rollcall migrate`: brings the database up to date.

use rollcall_postgres::Postgres;
use rollcall_sqlite::Sqlite;

use crate::cli::ConfigArgs;
use crate::config::{Config, DatabaseUrl};

pub(crate) async fn run(args: ConfigArgs) -> anyhow::Result<()> {
    let config = Config::read(&args)?;
    let applied = match config.database()? {
        DatabaseUrl::Sqlite(path) => Sqlite::open(path)?.migrate().await?,
        DatabaseUrl::Postgres(url) => Postgres::migrate(url).await?,
    };
    for name in applied {
        println!("applied {name}");
    }
    println!("the database is up to date");
    Ok(())
}
