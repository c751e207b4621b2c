//! The two stores carry the same migrations.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Compares the stores' directories by name and order.
pub(super) fn check(root: &Path) -> Result<Vec<String>> {
    let read = |store: &str| names(&root.join("crates").join(store).join("migrations"));
    Ok(differences(&read("sqlite")?, &read("postgres")?))
}

fn names(dir: &Path) -> Result<Vec<String>> {
    if !dir.is_dir() {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).with_context(|| format!("listing {}", dir.display()))? {
        let entry = entry?;
        if entry.path().is_dir() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// A store may have one of its own when its name ends in `_sqlite_only` or `_postgres_only`.
fn differences(sqlite: &[String], postgres: &[String]) -> Vec<String> {
    let missing = |from: &[String], to: &[String], store: &str, own: &str| -> Vec<String> {
        let shared = from.iter().filter(|name| !name.ends_with(own));
        let lacking = shared.filter(|name| !to.contains(name));
        lacking.map(|name| format!("{store} lacks `{name}`")).collect()
    };
    let mut complaints = missing(sqlite, postgres, "postgres", "_sqlite_only");
    complaints.extend(missing(postgres, sqlite, "sqlite", "_postgres_only"));
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(sqlite: &[&str], postgres: &[&str], expect: &[&str]) {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        assert_eq!(differences(&owned(sqlite), &owned(postgres)), expect);
    }

    #[test]
    fn names_agree() {
        check(&["1_create", "2_index"], &["1_create", "2_index"], &[]);
        check(&["1_create"], &["1_create", "2_wall_postgres_only"], &[]);
        check(&["1_create"], &["1_create", "2_index"], &["sqlite lacks `2_index`"]);
        check(&["1_wall_postgres_only"], &[], &["postgres lacks `1_wall_postgres_only`"]);
    }
}
