//! `rollcall dev`: a server to try things out.

use std::path::Path;

use anyhow::Context as _;
use rollcall_domain::{Caller, Connection, NewAdminKey, NewConnection, PageAsked, Role};
use tokio::net::TcpListener;

use super::{admin_url, base_url, place::told, serve};
use crate::backend::Backend;
use crate::cli::{ConfigArgs, DevArgs};
use crate::config::Config;
use crate::telemetry;

const DATABASE: &str = "rollcall.sqlite3";

pub(crate) async fn run(args: DevArgs) -> anyhow::Result<()> {
    std::fs::create_dir_all(&args.data_dir)
        .with_context(|| format!("could not make {}: try --data-dir", args.data_dir.display()))?;
    let database_url = format!("sqlite:{}", args.data_dir.join(DATABASE).display());
    let flags = ConfigArgs {
        database_url: Some(database_url.clone()),
        listen: Some(args.listen),
        log: Some("warn".into()),
        ..ConfigArgs::default()
    };
    // `dev` is the same for everyone: neither file nor environment has a say.
    let mut config = Config::from_sources(&flags, &|_| None)
        .map_err(|problems| anyhow::anyhow!("{}", problems.join("\n")))?;
    telemetry::log(&config);
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("could not listen on {}: try --listen", config.listen))?;
    config.listen = listener.local_addr()?;
    config.public_url = Some(format!("http://{}", config.listen));
    let backend = Backend::open(&config).await?;
    greet(&config, &backend, &args.data_dir, &database_url).await?;
    serve::until_told_to_stop(&config, backend, listener).await
}

/// Makes what the first start makes, and says what to do next.
async fn greet(
    config: &Config,
    backend: &Backend,
    data_dir: &Path,
    database_url: &str,
) -> anyhow::Result<()> {
    let admin = backend.admin();
    let one = PageAsked { limit: Some(1), after: None };
    let connections = told(admin.connections(&Caller::CLI, None, &one).await)?;
    if let Some((organization, connection)) = connections.items.into_iter().next() {
        println!("Rollcall keeps on with the data in {}", data_dir.display());
        println!("  organization   {}", organization.name);
        say_base_url(config, &connection);
        say_admin_key(config, backend).await?;
        println!("\nTokens are shown once, when they are made. To make another:\n");
        println!("  rollcall token create --database-url {} \\", quoted(database_url));
        println!("    --public-url http://{} --connection {}", config.listen, connection.id);
        return Ok(());
    }
    let made = told(admin.connect(&Caller::CLI, "Example", &NewConnection::default()).await)?;
    let minted = made.minted.context("the connection was made without a token")?;
    println!("Rollcall is ready; its data is in {}", data_dir.display());
    println!("  organization   Example");
    say_base_url(config, &made.connection);
    println!("  token          {}", minted.reveal());
    say_admin_key(config, backend).await?;
    println!("\nToken and key are shown this once. Try it:\n");
    println!("  curl -s -H 'Authorization: Bearer {}' \\", minted.reveal());
    println!("    '{}/Users?count=1'", base_url(config, made.connection.id));
    Ok(())
}

/// Says where the admin API is, with a key for it where there is none yet.
async fn say_admin_key(config: &Config, backend: &Backend) -> anyhow::Result<()> {
    let admin = backend.admin();
    let one = PageAsked { limit: Some(1), after: None };
    println!("  admin API      {}", admin_url(config));
    if !told(admin.admin_keys(&Caller::CLI, &one).await)?.items.is_empty() {
        return Ok(());
    }
    let new = NewAdminKey {
        name: "dev".into(),
        role: Role::Owner,
        organization: None,
        expires: None,
        subject: None,
    };
    let minted = told(admin.create_admin_key(&Caller::CLI, &new).await)?;
    let secret = minted.secret.context("the admin key was made without a secret")?;
    println!("  admin key      {}", secret.reveal());
    Ok(())
}

fn say_base_url(config: &Config, connection: &Connection) {
    println!("  SCIM base URL  {}", base_url(config, connection.id));
}

/// A text as one word of a shell.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-:".contains(c);
    match text.chars().all(plain) {
        true => text.into(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_words_of_a_shell() {
        assert_eq!(quoted("sqlite:./rollcall-data/x.db"), "sqlite:./rollcall-data/x.db");
        assert_eq!(quoted("sqlite:/my data/x.db"), "'sqlite:/my data/x.db'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
