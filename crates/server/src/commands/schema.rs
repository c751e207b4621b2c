//! `rollcall schema`: schemas and resource types as data.

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, anyhow};
use rollcall_domain::{Index, IndexState, Offer};
use rollcall_schema::packs;
use serde_json::{Map, Value, json};

use super::connection::print_rows;
use crate::backend::Backend;
use crate::cli::{SchemaArgs, SchemaCommand};
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
            let connections = Backend::open_existing(&config).await?.connections();
            let place = file.map_or_else(|| "the pack".into(), |path| path.display().to_string());
            connections
                .add_definitions(connection, &text)
                .await
                .with_context(|| format!("{place} was not added"))?;
            println!("added; running servers follow within 2 seconds");
        }
        SchemaCommand::List { config, connection, output } => {
            let config = Config::read(&config)?;
            let backend = Backend::open_existing(&config).await?;
            let (_, connection) = backend.connections().get(connection).await?;
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
            print_rows(types, output, "no resource types");
        }
        SchemaCommand::Remove { config, connection, name } => {
            let config = Config::read(&config)?;
            let connections = Backend::open_existing(&config).await?.connections();
            connections.remove_definition(connection, &name).await?;
            println!("removed `{name}`; running servers follow within 2 seconds");
        }
        SchemaCommand::Packs { output } => {
            let rows = packs::all()
                .iter()
                .map(|pack| json!({"name": pack.name, "description": pack.description}));
            print_rows(rows, output, "no packs");
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
    let mut text = String::new();
    if path == Path::new("-") {
        std::io::stdin().take(LARGEST).read_to_string(&mut text).with_context(reading)?;
    } else {
        let file = std::fs::File::open(path).with_context(reading)?;
        file.take(LARGEST).read_to_string(&mut text).with_context(reading)?;
    }
    Ok(text)
}

fn pack_of(name: &str) -> anyhow::Result<&'static str> {
    let found = packs::all().iter().find(|pack| pack.name == name);
    found.map(|pack| pack.text).ok_or_else(|| {
        let names: Vec<_> = packs::all().iter().map(|pack| pack.name).collect();
        anyhow!("no pack `{name}`: use {}", names.join(", "))
    })
}
