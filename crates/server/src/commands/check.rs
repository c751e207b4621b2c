//! `rollcall check`: the configuration, without starting anything.

use anyhow::bail;

use crate::cli::ConfigArgs;
use crate::config::{Config, list};

pub(crate) fn run(args: &ConfigArgs) -> anyhow::Result<()> {
    let config = Config::read(args)?;
    let missing = config.missing_for_serve();
    if !missing.is_empty() {
        bail!("the configuration is not complete:\n{}", list(&missing));
    }
    println!("the configuration is valid");
    println!("  listen      {}", config.listen);
    println!("  public URL  {}{}", config.public_url.as_deref().unwrap_or_default(), config.mount);
    match &config.database {
        Some(database) => println!("  database    {database:?}"),
        None => println!("  database    none"),
    }
    match &config.tls {
        Some(files) => println!("  TLS         {}", files.certificate.display()),
        None => println!("  TLS         none: a proxy in front speaks it"),
    }
    if let Some(issuer) = &config.sign_in {
        println!("  sign-in     {} for {}", issuer.issuer, issuer.audience);
    }
    Ok(())
}
