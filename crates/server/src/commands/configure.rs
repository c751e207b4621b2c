//! `rollcall connection configure`: how a connection is set up.

use anyhow::{anyhow, bail};
use rollcall_domain::{Caller, ConnectionChange};
use serde_json::{Map, Value};

use super::connection::configured;
use super::{place::told, print::print};
use crate::backend::Backend;
use crate::cli::{ChangeArgs, ConfigureArgs};
use crate::config::{Config, rate};
use crate::moment::hours;

pub(super) async fn run(args: ConfigureArgs) -> anyhow::Result<()> {
    let change = change_of(&args.change)?;
    let config = Config::read(&args.config)?;
    let backend = Backend::open_existing(&config).await?;
    let admin = backend.admin();
    let made = told(admin.configure(&Caller::CLI, args.connection, &change, None).await)?;
    let note = match made.minted {
        Some(_) => "The token is shown this once. Running servers follow within 2 seconds.",
        None => "Running servers follow within 2 seconds.",
    };
    print(&configured(&config, &made), args.output, note)
}

/// What the flags ask to become of a connection.
pub(super) fn change_of(args: &ChangeArgs) -> anyhow::Result<ConnectionChange> {
    let mut change = Map::new();
    if let Some(name) = &args.name {
        change.insert("name".into(), name.as_str().into());
    }
    if let Some(status) = args.status {
        change.insert("status".into(), status.name().into());
    }
    if let Some(after) = &args.quiet_after {
        let hours = if after == "default" { Value::Null } else { hours(after)?.into() };
        change.insert("quietAfterHours".into(), hours);
    }
    if let Some(profile) = &args.profile {
        let named = if profile == "default" { Value::Null } else { profile.as_str().into() };
        change.insert("profile".into(), named);
    }
    change.insert("switches".into(), object(&args.switches, |_, text| switch(text))?);
    change.insert("capabilities".into(), object(&args.capabilities, |_, text| switch(text))?);
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
    use rollcall_domain::{Rate, Setup, Status};

    use super::*;

    fn args(given: &[(&str, &str)]) -> ChangeArgs {
        let of = |kind: &str| {
            let given = given.iter().filter(|(name, _)| *name == kind);
            given.map(|(_, text)| (*text).to_owned()).collect::<Vec<_>>()
        };
        ChangeArgs {
            name: of("name").pop(),
            status: of("status").pop().map(|text| text.parse().unwrap()),
            quiet_after: of("quiet-after").pop(),
            profile: of("profile").pop(),
            switches: of("switch"),
            capabilities: of("capability"),
            limits: of("limit"),
        }
    }

    fn setup(given: &[(&str, &str)]) -> anyhow::Result<Setup> {
        Ok(change_of(&args(given))?.setup(&Setup::default())?)
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
    fn a_name_a_status_and_a_time_are_read() {
        let change =
            change_of(&args(&[("name", "EU"), ("status", "paused"), ("quiet-after", "2d")]));
        let change = change.unwrap();
        assert_eq!(change.name, Some(Some("EU".into())));
        assert_eq!(change.status, Some(Status::Paused));
        assert_eq!(change.quiet_after_hours, Some(Some(48)));
        let change = change_of(&args(&[("quiet-after", "default")])).unwrap();
        assert_eq!((change.quiet_after_hours, change.name), (Some(None), None));
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
            ("quiet-after", "soon", "`soon` is no time"),
            ("quiet-after", "400d", "quietAfterHours"),
        ] {
            let told = setup(&[(kind, text)]).unwrap_err().to_string();
            assert!(told.contains(expect), "{text}: {told}");
        }
    }
}
