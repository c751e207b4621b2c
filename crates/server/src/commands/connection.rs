//! `rollcall connection`: makes and lists connections.

use serde_json::{Value, json};

use super::{base_path, base_url, configure, warn_without_public_url};
use crate::backend::Backend;
use crate::cli::{ConnectionArgs, ConnectionCommand, Output};
use crate::config::Config;

pub(crate) async fn run(args: ConnectionArgs) -> anyhow::Result<()> {
    match args.command {
        ConnectionCommand::Create { config, organization, idp, output } => {
            let config = Config::read(&config)?;
            let backend = Backend::open(&config).await?;
            let (connection, minted) = backend.connections().create(&organization, idp).await?;
            warn_without_public_url(&config);
            let made = json!({
                "organizationId": connection.organization.to_string(),
                "connectionId": connection.id.to_string(),
                "basePath": base_path(&config, connection.id),
                "baseUrl": base_url(&config, connection.id),
                "token": minted.secret.reveal(),
            });
            print(&made, output, "The token is shown this once.");
        }
        ConnectionCommand::List { config, output } => {
            let config = Config::read(&config)?;
            let backend = Backend::open_existing(&config).await?;
            let list = backend.connections().list().await?;
            warn_without_public_url(&config);
            let rows = list.iter().map(|(organization, connection)| {
                json!({
                    "organizationId": organization.id.to_string(),
                    "organization": organization.name,
                    "connectionId": connection.id.to_string(),
                    "name": connection.name,
                    "idp": connection.idp.name(),
                    "dialect": connection.dialect,
                    "created": connection.created.to_string(),
                    "baseUrl": base_url(&config, connection.id),
                })
            });
            print_rows(rows, output, "no connections yet: `rollcall connection create` makes one");
        }
        ConnectionCommand::Show { config, connection, output } => {
            let config = Config::read(&config)?;
            let backend = Backend::open_existing(&config).await?;
            let (organization, connection) = backend.connections().get(connection).await?;
            let mut shown = configure::shown(&connection)?;
            shown.insert("organization".into(), organization.name.into());
            shown.insert("baseUrl".into(), base_url(&config, connection.id).into());
            print(&Value::Object(shown), output, "");
        }
        ConnectionCommand::Configure(args) => configure::run(args).await?,
    }
    Ok(())
}

/// One object: as JSON, or as lines of names and values with a note behind.
pub(super) fn print(object: &Value, output: Output, note: &str) {
    match output {
        Output::Json => println!("{object}"),
        Output::Text => {
            for (name, value) in object.as_object().into_iter().flatten() {
                println!("{name:16} {}", plain(value));
            }
            if !note.is_empty() {
                println!("\n{note}");
            }
        }
    }
}

/// A list: as a JSON array, or as a block of lines for each.
pub(super) fn print_rows(rows: impl Iterator<Item = Value>, output: Output, none: &str) {
    let rows: Vec<Value> = rows.collect();
    match output {
        Output::Json => println!("{}", Value::Array(rows)),
        Output::Text if rows.is_empty() => println!("{none}"),
        Output::Text => {
            for row in &rows {
                for (name, value) in row.as_object().into_iter().flatten() {
                    println!("{name:16} {}", plain(value));
                }
                println!();
            }
        }
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".into(),
        other => other.to_string(),
    }
}
