//! `cargo xtask ci`: everything that must hold before a change lands.

use std::time::Instant;

use anyhow::{Context, Result};

use crate::totals::Totals;
use crate::workspace::Workspace;
use crate::{conformance, props, test, tidy, workspace};

const PROPERTY_CASES: u32 = 64;

/// Where properties get their cases from: the same change gets the same verdict each time. New
/// cases are looked for by `cargo xtask test` and `cargo xtask props`.
const SEED: u64 = 20_261_122;

/// Runs the steps in order, stops at the first that fails, and prints the test totals last.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut done = Progress::default();
    let result = steps(workspace, &mut done);
    println!("\n{}", done.times.join("\n"));
    if done.totals != Totals::default() {
        println!("{}", done.totals);
    }
    result
}

#[derive(Default)]
struct Progress {
    times: Vec<String>,
    totals: Totals,
}

fn steps(workspace: &Workspace, done: &mut Progress) -> Result<()> {
    let cargo = |args: &[&str]| workspace::run(&mut workspace.cargo(args));
    let clippy = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    done.step("fmt", |_| cargo(&["fmt", "--all", "--check"]))?;
    done.step("clippy", |_| cargo(&clippy))?;
    done.step("tidy", |_| tidy::run(workspace))?;
    done.step("doc", |_| {
        let mut doc = workspace.cargo(&["doc", "--workspace", "--no-deps"]);
        workspace::run(doc.env("RUSTDOCFLAGS", "-D warnings"))
    })?;
    done.step("test", |totals| {
        let outcome = test::run(workspace, &[], Some(SEED))?;
        *totals += outcome.totals;
        outcome.report()
    })?;
    done.step("props", |totals| {
        let outcome = props::run(workspace, PROPERTY_CASES, Some(SEED))?;
        *totals += outcome.totals;
        outcome.report()
    })?;
    done.step("conformance", |_| conformance::run(workspace))
}

impl Progress {
    fn step(&mut self, name: &str, work: impl FnOnce(&mut Totals) -> Result<()>) -> Result<()> {
        println!("\n=== {name}");
        let started = Instant::now();
        let result = work(&mut self.totals);
        let outcome = if result.is_ok() { "ok" } else { "FAILED" };
        let line = format!("{name}: {outcome} in {:.1} s", started.elapsed().as_secs_f64());
        println!("=== {line}");
        self.times.push(line);
        result.with_context(|| format!("step `{name}`"))
    }
}
