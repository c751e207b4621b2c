//! The schemas and resource types of a connection.

use rollcall_domain::{Admin, ConfigureError, Unavailable};
use rollcall_schema::{Definitions, packs};
use serde::Deserialize;
use serde_json::Value;

use super::{Answer, Ask, Fault, Undone};

/// A pack by its name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pack {
    pack: String,
}

pub(super) async fn get(admin: &Admin, ask: &Ask) -> Result<Answer, Undone> {
    let (_, connection) = admin.connection(&ask.caller, ask.place()?).await?;
    let shown = serde_json::to_value(&connection.setup.definitions).map_err(Unavailable::new)?;
    Ok(Answer { shown, revision: Some(connection.revision) })
}

pub(super) async fn add(admin: &Admin, ask: &Ask) -> Result<Answer, Undone> {
    let text = text(ask)?;
    let changed = admin.add_definitions(&ask.caller, ask.place()?, text, ask.expect).await?;
    Ok(changed.shown()?.into())
}

pub(super) async fn remove(admin: &Admin, ask: &Ask) -> Result<Answer, Undone> {
    let (place, name) = (ask.place()?, ask.part("name"));
    let changed = admin.remove_definition(&ask.caller, place, name, ask.expect).await?;
    Ok(changed.shown()?.into())
}

/// The text of definitions: that of a pack, or the body itself.
fn text(ask: &Ask) -> Result<&str, Fault> {
    let body = match ask.json() {
        Ok(body) => body,
        // What can't be read is told as any other fault of definitions is, with its place.
        Err(fault) => return Err(unreadable(ask).unwrap_or(fault)),
    };
    if body.get("pack").is_some_and(|pack| !matches!(pack, Value::Null)) {
        let Pack { pack } = ask.body()?;
        let found = packs::get(&pack).map(|pack| pack.text);
        return found.ok_or_else(|| unknown(&pack));
    }
    std::str::from_utf8(ask.text()).map_err(|_| Fault::bad("the body is not UTF-8"))
}

fn unreadable(ask: &Ask) -> Option<Fault> {
    let text = std::str::from_utf8(ask.text()).ok()?;
    Some(ConfigureError::Text(Definitions::read(text).err()?).into())
}

fn unknown(pack: &str) -> Fault {
    let names: Vec<_> = packs::all().iter().map(|pack| pack.name).collect();
    let pack: String = pack.chars().take(80).collect();
    Fault::bad(format!("no pack `{pack}`: use one of {}", names.join(", ")))
}
