//! Where initdb and postgres lie on this machine.

use std::cmp::Reverse;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

/// Debian and Ubuntu keep one directory per version here, off PATH.
pub(super) const DEBIAN: &str = "/usr/lib/postgresql";

/// A directory that holds the server's programs side by side.
#[derive(Clone, Debug)]
pub(super) struct Binaries {
    /// The directory of the programs.
    pub(super) bin: PathBuf,
    /// What must be copied along if the programs have to move; nothing for an installed server.
    pub(super) movable: Option<PathBuf>,
}

/// The directories worth trying: those of `initdb` on PATH, then the newest of Debian's.
pub(super) fn local() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path = env::split_paths(&path).filter_map(|dir| real_home(&dir.join("initdb")));
    let mut found: Vec<PathBuf> = Vec::new();
    for dir in on_path.chain(debian(Path::new(DEBIAN))) {
        if !found.contains(&dir) {
            found.push(dir);
        }
    }
    found
}

/// `dir` if its programs are all there.
pub(super) fn complete(dir: PathBuf) -> Result<Binaries> {
    for program in ["initdb", "postgres", "pg_ctl"] {
        if !dir.join(program).is_file() {
            bail!("there is no `{program}`");
        }
    }
    Ok(Binaries { bin: dir, movable: None })
}

/// The directory a program really lies in, behind any symbolic link.
fn real_home(program: &Path) -> Option<PathBuf> {
    fs::canonicalize(program).ok()?.parent().map(Path::to_path_buf)
}

fn debian(root: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(root) else { return Vec::new() };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    newest_first(names.collect())
        .into_iter()
        .filter_map(|version| real_home(&root.join(version).join("bin").join("initdb")))
        .collect()
}

fn newest_first(mut versions: Vec<String>) -> Vec<String> {
    let number = |version: &String| {
        let parts: Vec<u32> = version.split('.').filter_map(|part| part.parse().ok()).collect();
        Reverse(parts)
    };
    versions.sort_by_key(number);
    versions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_sort_as_numbers() {
        let versions = ["9.6", "15", "16", "8.4"].map(str::to_owned).to_vec();
        assert_eq!(newest_first(versions), ["16", "15", "9.6", "8.4"]);
    }

    #[test]
    fn a_directory_without_the_server_is_refused() {
        let error = complete(env::temp_dir().join("no-such-directory")).unwrap_err();
        assert_eq!(error.to_string(), "there is no `initdb`");
    }
}
