//! Where the workspace lies, and how commands are run in it.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// The workspace this command was started in.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
    /// What `cargo metadata --no-deps` prints.
    pub(crate) metadata: Value,
}

impl Workspace {
    pub(crate) fn find() -> Result<Self> {
        let text = output(cargo().args(["metadata", "--no-deps", "--format-version", "1"]))?;
        let metadata: Value = serde_json::from_str(&text).context("reading `cargo metadata`")?;
        let path = |key: &str| {
            metadata
                .get(key)
                .and_then(Value::as_str)
                .map(PathBuf::from)
                .context(format!("no `{key}`"))
        };
        Ok(Self { root: path("workspace_root")?, target: path("target_directory")?, metadata })
    }

    /// A cargo command at the root.
    pub(crate) fn cargo(&self, args: &[&str]) -> Command {
        let mut command = cargo();
        command.args(args).current_dir(&self.root);
        command
    }

    /// `path` as it reads from the root.
    pub(crate) fn relative(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }

    /// Builds the debug `rollcall` and tells where it lies.
    ///
    /// With the features of the whole workspace, so that the tests find every crate built.
    pub(crate) fn build_rollcall(&self) -> Result<PathBuf> {
        let args = ["build", "--workspace", "--bin", "rollcall"];
        let mut command = self.cargo(&args);
        command.arg("--message-format=json-render-diagnostics");
        let messages = output(&mut command)?;
        messages.lines().find_map(executable).context("cargo named no executable `rollcall`")
    }
}

fn executable(line: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(line).ok()?;
    if message.pointer("/target/name")?.as_str()? != "rollcall" {
        return None;
    }
    message.get("executable")?.as_str().map(PathBuf::from)
}

fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")))
}

/// Runs `command` to its end with our own output.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("starting {}", shown(command)))?;
    if !status.success() {
        bail!("{} failed: {status}", shown(command));
    }
    Ok(())
}

/// Runs `command` and returns what it printed; its errors go to our own.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let done = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("starting {}", shown(command)))?;
    if !done.status.success() {
        bail!("{} failed: {}", shown(command), done.status);
    }
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}

/// The pauses between attempts at what a server elsewhere may fail to give.
pub(crate) const PAUSES: [Duration; 3] =
    [Duration::from_secs(5), Duration::from_secs(15), Duration::from_secs(45)];

/// Does what may fail because of somebody else, and again after each pause; every failure but the
/// last is told.
pub(crate) fn patiently<T>(pauses: &[Duration], mut act: impl FnMut() -> Result<T>) -> Result<T> {
    for pause in pauses {
        match act() {
            Ok(done) => return Ok(done),
            Err(error) => println!("{error:#}\nonce more in {} s", pause.as_secs()),
        }
        thread::sleep(*pause);
    }
    act()
}

/// Runs `command` silently; everything it said becomes part of the error.
pub(crate) fn quiet(command: &mut Command) -> Result<()> {
    let done = command.output().with_context(|| format!("starting {}", shown(command)))?;
    if done.status.success() {
        return Ok(());
    }
    let said = [done.stdout, done.stderr].concat();
    bail!("{} failed: {}\n{}", shown(command), done.status, String::from_utf8_lossy(&said).trim())
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    format!("`{}`", words.join(" "))
}

/// Every file below `dir` whose name ends in one of `endings`, sorted.
pub(crate) fn files(dir: &Path, endings: &[&str]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    collect(dir, endings, &mut found).with_context(|| format!("listing {}", dir.display()))?;
    found.sort();
    Ok(found)
}

fn collect(dir: &Path, endings: &[&str], found: &mut Vec<PathBuf>) -> io::Result<()> {
    if !dir.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, endings, found)?;
        } else if endings.iter().any(|ending| path.to_string_lossy().ends_with(ending)) {
            found.push(path);
        }
    }
    Ok(())
}

/// The last lines of a log file, for an error message.
pub(crate) fn tail(path: &Path) -> String {
    let text = fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let text = text.unwrap_or_else(|error| format!("(no log: {error})"));
    let lines: Vec<&str> = text.lines().collect();
    lines.get(lines.len().saturating_sub(30)..).unwrap_or_default().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(fails: u32, expect: Result<u32, &str>) {
        let mut asked = 0;
        let done = patiently(&[Duration::ZERO; 2], || {
            asked += 1;
            anyhow::ensure!(asked > fails, "failure {asked}");
            Ok(asked)
        });
        assert_eq!(done.map_err(|error| error.to_string()), expect.map_err(str::to_owned));
    }

    #[test]
    fn what_fails_is_tried_again_a_few_times() {
        check(0, Ok(1));
        check(2, Ok(3));
        check(3, Err("failure 3"));
    }
}
