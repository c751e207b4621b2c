//! `rollcall connection configure`: how a connection is set up.

use anyhow::{anyhow, bail};
use rollcall_domain::{Capabilities, Connection, Offer, SetupChange};
use rollcall_schema::Profile;
use serde_json::{Map, Value, json};

use super::connection::print;
use crate::backend::Backend;
use crate::cli::ConfigureArgs;
use crate::config::{Config, rate};

pub(super) async fn run(args: ConfigureArgs) -> anyhow::Result<()> {
    let change = change_of(&args)?;
    let config = Config::read(&args.config)?;
    let connections = Backend::open_existing(&config).await?.connections();
    let connection = connections.configure(args.connection, &change).await?;
    let note = "Running servers follow within 2 seconds.";
    print(&Value::Object(shown(&connection)?), args.output, note)?;
    Ok(())
}

/// How a connection is set up, with what follows from defaults.
pub(super) fn shown(connection: &Connection) -> anyhow::Result<Map<String, Value>> {
    let offer = Offer::of(connection)?;
    let switches = Profile::SWITCHES.iter().map(|switch| {
        (switch.name.to_owned(), offer.profile().get(switch.name).unwrap_or_default().into())
    });
    let capabilities = Capabilities::NAMES
        .into_iter()
        .map(|name| (name.to_owned(), offer.capabilities().get(name).unwrap_or_default().into()));
    let types = offer.catalog().types().iter().map(|ty| Value::from(ty.name()));
    let shown = json!({
        "connectionId": connection.id.to_string(),
        "idp": connection.idp.name(),
        "dialect": connection.dialect,
        "profile": offer.profile_name().name(),
        "switches": switches.collect::<Map<_, _>>(),
        "capabilities": capabilities.collect::<Map<_, _>>(),
        "limits": offer.limits(),
        "resourceTypes": types.collect::<Vec<_>>(),
        "revision": connection.revision,
    });
    match shown {
        Value::Object(shown) => Ok(shown),
        _ => bail!("an object was expected"),
    }
}

fn change_of(args: &ConfigureArgs) -> anyhow::Result<SetupChange> {
    let mut change = Map::new();
    if let Some(profile) = &args.profile {
        let named = if profile == "default" { Value::Null } else { profile.as_str().into() };
        change.insert("profile".into(), named);
    }
    change.insert("switches".into(), object(&args.switches, |_, text| switch(text))?);
    change.insert("capabilities".into(), object(&args.capabilities, |_, text| capability(text))?);
    change.insert("limits".into(), object(&args.limits, limit)?);
    Ok(serde_json::from_value(Value::Object(change))?)
}

/// `name=value` as often as it was given.
fn object(
    given: &[String],
    read: impl Fn(&str, &str) -> anyhow::Result<Value>,
) -> anyhow::Result<Value> {
    let pair = |text: &String| {
        let (name, value) =
            text.split_once('=').ok_or_else(|| anyhow!("`{text}` sets nothing: use NAME=VALUE"))?;
        let value = read(name, value).map_err(|error| anyhow!("`{name}`: {error}"))?;
        Ok((name.to_owned(), value))
    };
    given.iter().map(pair).collect::<anyhow::Result<Map<_, _>>>().map(Value::Object)
}

fn switch(text: &str) -> anyhow::Result<Value> {
    Ok(match text {
        "on" | "true" => true.into(),
        "off" | "false" => false.into(),
        "default" => Value::Null,
        _ => bail!("`{text}` is neither on nor off nor default"),
    })
}

/// Every capability is on unless it is switched off, so that this is what `default` says.
fn capability(text: &str) -> anyhow::Result<Value> {
    let on = switch(text)?;
    Ok(if on.is_null() { true.into() } else { on })
}

fn limit(name: &str, text: &str) -> anyhow::Result<Value> {
    match (name, text) {
        (_, "default") => Ok(Value::Null),
        ("rate", text) => Ok(serde_json::to_value(rate(text)?)?),
        (_, text) => {
            let number = text.parse::<u64>();
            Ok(number.map_err(|_| anyhow!("`{text}` is no whole number"))?.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use rollcall_domain::{Rate, Setup};

    use super::*;

    fn args(given: &[(&str, &str)]) -> ConfigureArgs {
        let of = |kind: &str| {
            let given = given.iter().filter(|(name, _)| *name == kind);
            given.map(|(_, text)| (*text).to_owned()).collect::<Vec<_>>()
        };
        ConfigureArgs {
            config: crate::cli::ConfigArgs::default(),
            connection: format!("conn_{}", "0".repeat(32)).parse().unwrap(),
            profile: of("profile").pop(),
            switches: of("switch"),
            capabilities: of("capability"),
            limits: of("limit"),
            output: crate::cli::Output::Text,
        }
    }

    fn setup(given: &[(&str, &str)]) -> anyhow::Result<Setup> {
        Ok(change_of(&args(given))?.of(&Setup::default())?)
    }

    #[test]
    fn words_become_a_setup() {
        let setup = setup(&[
            ("profile", "entra"),
            ("switch", "stringBooleans=off"),
            ("capability", "bulk=off"),
            ("capability", "sort=default"),
            ("limit", "rate=100:500"),
            ("limit", "pageMax=50"),
        ])
        .unwrap();
        assert_eq!(setup.profile.switches.get("stringBooleans"), Some(&false));
        assert_eq!((setup.capabilities.bulk, setup.limits.page_max), (false, Some(50)));
        assert!(setup.capabilities.sort);
        assert_eq!(setup.limits.rate, Some(Rate { per_second: 100, burst: 500 }));
    }

    #[test]
    fn words_that_are_none_are_told() {
        for (kind, text, expect) in [
            ("switch", "stringBooleans", "sets nothing"),
            ("switch", "stringBooleans=maybe", "neither on nor off"),
            ("capability", "bluk=off", "no capability `bluk`"),
            ("limit", "pageMax=x", "no whole number"),
            ("limit", "rate=5:5", "at least 25"),
            ("profile", "okta2", "okta2"),
        ] {
            let told = setup(&[(kind, text)]).unwrap_err().to_string();
            assert!(told.contains(expect), "{text}: {told}");
        }
    }
}
