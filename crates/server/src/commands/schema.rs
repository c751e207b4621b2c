//! `rollcall schema`: schemas and resource types as data.

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, anyhow};
use rollcall_domain::{Caller, Index, IndexState, Offer};
use rollcall_schema::packs;
use serde_json::{Map, Value, json};

use super::place::told;
use super::print::{print_rows, say};
use crate::backend::Backend;
use crate::cli::{OneConnection, SchemaArgs, SchemaCommand};
use crate::config::Config;

/// The largest file that is read, in bytes, beyond what any definitions may have.
const LARGEST: u64 = 4 << 20;

pub(crate) async fn run(args: SchemaArgs) -> anyhow::Result<()> {
    match args.command {
        SchemaCommand::Add { config, connection, file, pack } => {
            let text = match (&file, &pack) {
                (Some(path), _) => read(path)?,
                (None, pack) => pack_of(pack.as_deref().unwrap_or_default())?.to_owned(),
            };
            let config = Config::read(&config)?;
            let admin = Backend::open_existing(&config).await?.admin();
            let place = file.map_or_else(
                || "the pack".into(),
                |path| match path.to_str() {
                    Some("-") => "standard input".into(),
                    _ => path.display().to_string(),
                },
            );
            let added = admin.add_definitions(&Caller::CLI, connection, &text, None).await;
            told(added).with_context(|| format!("{place} was not added"))?;
            say("added; running servers follow within 2 seconds")?;
        }
        SchemaCommand::List(OneConnection { config, connection, output }) => {
            let config = Config::read(&config)?;
            let backend = Backend::open_existing(&config).await?;
            let found = backend.admin().connection(&Caller::CLI, connection).await;
            let (_, connection) = told(found)?;
            let definitions = &connection.setup.definitions;
            let offer = Offer::of(&connection)?;
            let indexes = backend.indexer().status(&connection).await?;
            let types = offer.catalog().types().iter().map(|ty| {
                let own = definitions.resource_types.iter().any(|own| own.name == ty.name());
                let of = indexes.iter().filter(|index| index.kind == ty.name());
                json!({
                    "resourceType": ty.name(),
                    "endpoint": ty.definition().endpoint,
                    "schema": ty.definition().schema,
                    "extensions": ty.extensions().iter().map(|e| &*e.urn).collect::<Vec<_>>(),
                    "indexes": of.map(shown).collect::<Map<_, _>>(),
                    "standard": !own,
                })
            });
            let unused = definitions.schemas.iter().filter(|schema| {
                !offer.catalog().types().iter().any(|ty| {
                    ty.definition().schema == schema.id || ty.extension_by_urn(&schema.id).is_some()
                })
            });
            let unused = unused.map(
                |schema| json!({"resourceType": null, "schema": schema.id, "standard": false}),
            );
            print_rows(types.chain(unused), output, "no resource types")?;
        }
        SchemaCommand::Remove { config, connection, name } => {
            let config = Config::read(&config)?;
            let admin = Backend::open_existing(&config).await?.admin();
            told(admin.remove_definition(&Caller::CLI, connection, &name, None).await)?;
            say(format!("removed `{name}`; running servers follow within 2 seconds"))?;
        }
        SchemaCommand::Packs { output } => {
            let rows = packs::all()
                .iter()
                .map(|pack| json!({"name": pack.name, "description": pack.description}));
            print_rows(rows, output, "no packs")?;
        }
    }
    Ok(())
}

/// An index and how far it is.
fn shown(index: &Index) -> (String, Value) {
    let state = match &index.state {
        IndexState::Ready => "ready".into(),
        IndexState::Building => "building".into(),
        IndexState::Conflict(ids) => {
            let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
            json!({"conflict": ids})
        }
    };
    (index.attr.clone(), state)
}

fn read(path: &Path) -> anyhow::Result<String> {
    let reading = || format!("reading {}", path.display());
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        std::io::stdin().take(LARGEST).read_to_end(&mut bytes).with_context(reading)?;
    } else {
        let file = std::fs::File::open(path).with_context(reading)?;
        file.take(LARGEST).read_to_end(&mut bytes).with_context(reading)?;
    }
    text_of(&bytes).with_context(reading)
}

/// The text of a file, without the byte order mark that some editors put in front.
fn text_of(bytes: &[u8]) -> anyhow::Result<String> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|error| {
        let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let good = String::from_utf8_lossy(good);
        let line = good.split('\n').count();
        let column = good.split('\n').next_back().unwrap_or_default().chars().count() + 1;
        anyhow!("line {line}, column {column}: no UTF-8: save the file as UTF-8")
    })
}

fn pack_of(name: &str) -> anyhow::Result<&'static str> {
    let found = packs::all().iter().find(|pack| pack.name == name);
    found.map(|pack| pack.text).ok_or_else(|| {
        let names: Vec<_> = packs::all().iter().map(|pack| pack.name).collect();
        anyhow!("no pack `{name}`: use {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_text_in_utf8() {
        assert_eq!(text_of(b"\xEF\xBB\xBF{}").unwrap(), "{}");
        let told = text_of(b"{\r\n \"\xC3\xA9\": \"\xE9\"}").unwrap_err().to_string();
        assert_eq!(told, "line 2, column 8: no UTF-8: save the file as UTF-8");
    }
}
