//! The `rollcall` binary: configuration, command line, wiring.

mod backend;
mod background;
mod cli;
mod commands;
mod config;
mod fresh;
mod keys;
mod moment;
mod services;
mod settings;
mod telemetry;
mod tls;

use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{Cli, Command};

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Dev(args) => commands::dev::run(args).await,
        Command::Serve(args) => commands::serve::run(args).await,
        Command::Check(args) => commands::check::run(&args),
        Command::Migrate(args) => commands::migrate::run(args).await,
        Command::Organization(args) => commands::organization::run(args).await,
        Command::Connection(args) => commands::connection::run(args).await,
        Command::Schema(args) => commands::schema::run(args).await,
        Command::Key(args) => commands::key::run(&args),
        Command::Token(args) => commands::token::run(args).await,
        Command::Admin(args) => commands::admin::run(args).await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", told(&error));
            ExitCode::FAILURE
        }
    }
}

/// An error with what led to it, once: some errors repeat their source themselves.
fn told(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |told, next| match told.is_empty() {
        true => next,
        false if told.contains(&next) => told,
        false => format!("{told}: {next}"),
    })
}
