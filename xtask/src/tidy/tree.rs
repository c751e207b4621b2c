//! Every Rust file of the workspace, with what it is for.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::source::Source;
use crate::workspace::{self, Workspace};

/// One Rust file.
#[derive(Debug)]
pub(crate) struct File {
    /// From the root of the workspace.
    pub(super) path: String,
    /// The folder below `crates/`; `tests` and `xtask` for those.
    pub(super) crate_name: String,
    /// Whether the whole file exists for tests only.
    pub(super) test_only: bool,
    pub(super) source: Source,
}

impl File {
    /// The code that ships.
    pub(super) fn production(&self) -> &str {
        if self.test_only { "" } else { &self.source.production }
    }
}

/// Reads all of it.
pub(crate) fn read(workspace: &Workspace) -> Result<Vec<File>> {
    let mut files = Vec::new();
    let mut test_paths = BTreeSet::new();
    for dir in ["crates", "tests", "xtask"] {
        for path in workspace::files(&workspace.root.join(dir), &[".rs"])? {
            let text = fs::read_to_string(&path);
            let text = text.with_context(|| format!("reading {}", path.display()))?;
            let source = Source::read(text);
            for module in &source.test_modules {
                test_paths.insert(module_home(&path).join(module));
            }
            files.push((path, source));
        }
    }
    let file = |(path, source): (PathBuf, Source)| {
        let relative = workspace.relative(&path);
        let test_only = is_test_path(&relative) || declared(&path, &test_paths);
        File { crate_name: crate_name(&relative), path: relative, test_only, source }
    };
    Ok(files.into_iter().map(file).collect())
}

/// Every SQL file below `crates`, from the root.
pub(super) fn sql_files(workspace: &Workspace) -> Result<Vec<String>> {
    let found = workspace::files(&workspace.root.join("crates"), &[".sql"])?;
    Ok(found.iter().map(|path| workspace.relative(path)).collect())
}

pub(super) fn crate_name(path: &str) -> String {
    let mut parts = path.split('/');
    let first = parts.next().unwrap_or_default();
    let name = if first == "crates" { parts.next().unwrap_or_default() } else { first };
    name.to_owned()
}

fn is_test_path(path: &str) -> bool {
    let inside =
        path.starts_with("tests/") || path.contains("/tests/") || path.contains("/benches/");
    inside || path.ends_with("/tests.rs")
}

/// The directory that the submodules of `file` lie in.
fn module_home(file: &Path) -> PathBuf {
    let dir = file.parent().unwrap_or(file);
    match file.file_stem().and_then(|stem| stem.to_str()) {
        None | Some("lib" | "main" | "mod") => dir.to_path_buf(),
        Some(stem) => dir.join(stem),
    }
}

fn declared(path: &Path, modules: &BTreeSet<PathBuf>) -> bool {
    let own = path.with_extension("");
    own.ancestors().any(|part| modules.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_are_told_from_paths() {
        assert_eq!(crate_name("crates/http/src/lib.rs"), "http");
        assert_eq!(crate_name("tests/tests/users.rs"), "tests");
        assert_eq!(crate_name("xtask/src/main.rs"), "xtask");
    }

    #[test]
    fn test_files_are_told_from_paths() {
        assert!(is_test_path("tests/tests/users.rs"));
        assert!(is_test_path("crates/http/tests/users.rs"));
        assert!(is_test_path("crates/http/src/patch/tests.rs"));
        assert!(!is_test_path("crates/testkit/src/contract.rs"));
    }

    #[test]
    fn a_module_declared_for_tests_is_a_test_wherever_it_lies() {
        let home = module_home(Path::new("crates/a/src/patch.rs"));
        let modules = BTreeSet::from([home.join("samples")]);
        assert!(declared(Path::new("crates/a/src/patch/samples.rs"), &modules));
        assert!(declared(Path::new("crates/a/src/patch/samples/deep.rs"), &modules));
        assert!(!declared(Path::new("crates/a/src/samples.rs"), &modules));
    }
}
