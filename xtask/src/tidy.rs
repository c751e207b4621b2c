//! `cargo xtask tidy`: the shape of the code against its architecture page.

mod arrows;
mod invariants;
mod links;
mod migrations;
pub(crate) mod rules;
mod sizes;
mod source;
pub(crate) mod tree;

use anyhow::{Result, bail};

use crate::workspace::Workspace;

/// Prints what is outsized and fails on whatever breaks a rule.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let sources = tree::read(workspace)?;
    for note in sizes::notes(&sources) {
        println!("note: {note}");
    }
    let checks = [
        ("crate arrows", arrows::check(&workspace.metadata)),
        ("invariants", invariants::check(&sources, &tree::sql_files(workspace)?)),
        ("migrations", migrations::check(&workspace.root)?),
        ("links", links::check(workspace)?),
        ("rules", rules::check(workspace, &sources)?),
    ];
    let mut broken = 0;
    for (name, complaints) in checks {
        for complaint in &complaints {
            println!("{name}: {complaint}");
        }
        broken += complaints.len();
    }
    if broken > 0 {
        bail!("tidy: {broken} complaints");
    }
    Ok(())
}
