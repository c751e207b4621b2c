//! `cargo xtask rules`: which rules the tests name, for whoever writes `docs/rules.md`.

use anyhow::Result;

use crate::tidy::{rules, tree};
use crate::workspace::Workspace;

/// Prints each id with the files that name it.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let sources = tree::read(workspace)?;
    for (id, files) in rules::named_by_tests(&sources) {
        let files: Vec<String> = files.into_iter().collect();
        println!("{id}\t{}", files.join(", "));
    }
    Ok(())
}
