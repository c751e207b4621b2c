//! `rollcall connection`: makes and lists connections.

use std::fmt::Display;
use std::io::{ErrorKind, Write as _};

use anyhow::Context as _;
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
            print(&made, output, "The token is shown this once.")?;
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
            print_rows(rows, output, "no connections yet: `rollcall connection create` makes one")?;
        }
        ConnectionCommand::Show { config, connection, output } => {
            let config = Config::read(&config)?;
            let backend = Backend::open_existing(&config).await?;
            let (organization, connection) = backend.connections().get(connection).await?;
            let mut shown = configure::shown(&connection)?;
            shown.insert("organization".into(), organization.name.into());
            shown.insert("baseUrl".into(), base_url(&config, connection.id).into());
            print(&Value::Object(shown), output, "")?;
        }
        ConnectionCommand::Configure(args) => configure::run(args).await?,
    }
    Ok(())
}

/// One object: as JSON, or as lines of names and values with a note behind.
pub(super) fn print(object: &Value, output: Output, note: &str) -> anyhow::Result<()> {
    say(match output {
        Output::Json => object.to_string(),
        Output::Text if note.is_empty() => lines(object),
        Output::Text => format!("{}\n\n{note}", lines(object)),
    })
}

/// A list: as a JSON array, or as a block of lines for each.
pub(super) fn print_rows(
    rows: impl Iterator<Item = Value>,
    output: Output,
    none: &str,
) -> anyhow::Result<()> {
    let rows: Vec<Value> = rows.collect();
    say(match output {
        Output::Json => Value::Array(rows).to_string(),
        Output::Text if rows.is_empty() => none.to_owned(),
        Output::Text => rows.iter().map(lines).collect::<Vec<_>>().join("\n\n"),
    })
}

/// Prints to whoever still reads: `rollcall … | head` closes its end early, which is no error.
pub(super) fn say(text: impl Display) -> anyhow::Result<()> {
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("writing to standard output")
        }
        _ => Ok(()),
    }
}

/// A name and its value on each line; what an object or a list holds stands on lines of its own.
fn lines(object: &Value) -> String {
    let mut lines = Vec::new();
    for (name, value) in object.as_object().into_iter().flatten() {
        let parts: Vec<String> = match value {
            Value::Object(parts) => {
                parts.iter().map(|(name, value)| format!("{name}  {}", setting(value))).collect()
            }
            Value::Array(parts) => parts.iter().map(plain).collect(),
            value => vec![plain(value)],
        };
        let empty = parts.is_empty().then(|| "-".to_owned());
        for (at, part) in parts.iter().chain(&empty).enumerate() {
            let name = if at == 0 { name } else { "" };
            lines.push(format!("{name:16} {part}"));
        }
    }
    lines.join("\n")
}

fn setting(value: &Value) -> String {
    match value {
        Value::Bool(true) => "on".into(),
        Value::Bool(false) => "off".into(),
        other => plain(other),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".into(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_value_holds_stands_on_lines_of_its_own() {
        let object = json!({"a": {"x": true, "y": false}, "b": ["p", "q"], "c": {}, "d": null});
        let told = lines(&object);
        let told: Vec<_> = told.lines().map(str::trim_end).collect();
        let expect = [
            "a                x  on",
            "                 y  off",
            "b                p",
            "                 q",
            "c                -",
            "d                -",
        ];
        assert_eq!(told, expect);
    }
}
