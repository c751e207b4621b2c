//! `rollcall key`: keys that seal what leaves the server and comes back.

use crate::cli::{KeyArgs, KeyCommand};
use crate::keys;

pub(crate) fn run(args: &KeyArgs) -> anyhow::Result<()> {
    match args.command {
        KeyCommand::Create => println!("{}", keys::fresh()?),
    }
    Ok(())
}
