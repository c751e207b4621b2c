//! The rule ids that tests name and those that `docs/rules.md` explains are the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context, Result};

use super::tree::File;
use crate::workspace::Workspace;

const PAGE: &str = "docs/rules.md";

/// Compares the two sets.
pub(super) fn check(workspace: &Workspace, files: &[File]) -> Result<Vec<String>> {
    let path = workspace.root.join(PAGE);
    let page = if path.is_file() {
        fs::read_to_string(&path).with_context(|| format!("reading {PAGE}"))?
    } else {
        String::new()
    };
    Ok(differences(&named_by_tests(files), &ids(&page)))
}

/// Each id that a test names, with the files that name it.
pub(crate) fn named_by_tests(files: &[File]) -> BTreeMap<String, BTreeSet<String>> {
    let mut named: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in files.iter().filter(|file| file.crate_name != "xtask") {
        // The testkit ships tests: the store contract names its rules there.
        let whole = file.test_only || file.crate_name == "testkit";
        let text = if whole { file.source.raw.clone() } else { file.source.test_text() };
        for id in ids(&text) {
            named.entry(id).or_default().insert(file.path.clone());
        }
    }
    named
}

fn differences(
    named: &BTreeMap<String, BTreeSet<String>>,
    explained: &BTreeSet<String>,
) -> Vec<String> {
    let unexplained = named.iter().filter(|(id, _)| !explained.contains(*id)).map(|(id, files)| {
        let first = files.first().map_or("", String::as_str);
        format!("{id} is named in {first} but not in {PAGE}")
    });
    let unproven = explained.iter().filter(|id| !named.contains_key(*id));
    unexplained.chain(unproven.map(|id| format!("{id} in {PAGE} is named by no test"))).collect()
}

/// The ids in a text: `R-PUT-01`, or `r_put_01` within the name of a function.
pub(super) fn ids(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let mut before = "";
    for token in text.split(|c| !is_part(c)).filter(|token| !token.is_empty()) {
        found.extend(triples(token, '-', char::is_uppercase));
        if before == "fn" {
            found.extend(triples(token, '_', char::is_lowercase));
        }
        before = token;
    }
    found
}

fn triples(token: &str, separator: char, is_letter: fn(char) -> bool) -> Vec<String> {
    let parts: Vec<&str> = token.split(separator).collect();
    let id = |window: &[&str]| {
        let [family, group, number] = window else { return None };
        let lettered = matches!(*family, "R" | "E" | "r" | "e")
            && [family, group].iter().all(|part| !part.is_empty() && part.chars().all(is_letter));
        let numbered = !number.is_empty() && number.chars().all(|c| c.is_ascii_digit());
        (lettered && numbered).then(|| window.join("-").to_uppercase())
    };
    parts.windows(3).filter_map(id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &[&str]) {
        assert_eq!(ids(text), expect.iter().map(|&id| id.to_owned()).collect());
    }

    #[test]
    fn ids_are_found() {
        check("// R-PATCH-34, E-ENTRA-16 and R-E-03.", &["E-ENTRA-16", "R-E-03", "R-PATCH-34"]);
        check("fn r_put_01_replaces_all() {}", &["R-PUT-01"]);
        check("fn replaces_all_e_okta_3() {}", &["E-OKTA-3"]);
        check("R-PUT-01–05 | `R-PUT-07`", &["R-PUT-01", "R-PUT-07"]);
        check("XR-PUT-01 R-PUT-x R-put-01 R-PUT-01a let r_put_01 = 1;", &[]);
    }

    #[test]
    fn the_sets_are_compared_both_ways() {
        let files = BTreeSet::from(["tests/tests/a.rs".to_owned()]);
        let named = BTreeMap::from([("R-PUT-01".to_owned(), files)]);
        assert_eq!(differences(&named, &ids("R-PUT-01")), Vec::<String>::new());
        assert_eq!(
            differences(&named, &ids("R-PUT-02")),
            [
                "R-PUT-01 is named in tests/tests/a.rs but not in docs/rules.md",
                "R-PUT-02 in docs/rules.md is named by no test",
            ]
        );
    }
}
