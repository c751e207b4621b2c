//! Relative links in the published pages lead somewhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::workspace::{self, Workspace};

/// Checks README.md, CHANGELOG.md and every page of `docs`.
pub(super) fn check(workspace: &Workspace) -> Result<Vec<String>> {
    let mut pages = workspace::files(&workspace.root.join("docs"), &[".md"])?;
    let top = ["README.md", "CHANGELOG.md"].map(|name| workspace.root.join(name));
    pages.extend(top.into_iter().filter(|page| page.is_file()));
    let mut complaints = Vec::new();
    for page in pages {
        let text = read(&page)?;
        for link in links(&text) {
            if let Some(reason) = broken(&page, &text, &link.target)? {
                let place = workspace.relative(&page);
                complaints.push(format!("{place}:{}: `{}` {reason}", link.line, link.target));
            }
        }
    }
    Ok(complaints)
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

fn broken(page: &Path, text: &str, target: &str) -> Result<Option<&'static str>> {
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    if path.is_empty() {
        return Ok(lacks(text, anchor));
    }
    let file = page.parent().unwrap_or(page).join(path);
    if !file.exists() {
        return Ok(Some("does not exist"));
    }
    let is_page = file.extension().is_some_and(|extension| extension == "md");
    if anchor.is_empty() || !is_page { Ok(None) } else { Ok(lacks(&read(&file)?, anchor)) }
}

fn lacks(text: &str, anchor: &str) -> Option<&'static str> {
    (!anchors(text).contains(anchor)).then_some("has no such heading")
}

#[derive(Debug, PartialEq, Eq)]
struct Link {
    line: usize,
    target: String,
}

/// The relative links of a page: inline ones and reference definitions.
fn links(page: &str) -> Vec<Link> {
    let mut found = Vec::new();
    for (line, text) in prose(page) {
        let text = without_code(text);
        let inline = text.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
        let definition = text.starts_with('[').then(|| text.split_once("]: ")).flatten();
        let defined = definition.and_then(|(_, rest)| rest.split_whitespace().next());
        for target in inline.chain(defined) {
            if !target.contains("://") && !target.starts_with("mailto:") {
                found.push(Link { line, target: target.trim_matches(['<', '>']).to_owned() });
            }
        }
    }
    found
}

/// The headings of a page as GitHub makes anchors of them.
fn anchors(page: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (_, text) in prose(page) {
        let Some(title) = text.trim_start_matches('#').strip_prefix(' ') else { continue };
        if !text.starts_with('#') {
            continue;
        }
        let plain = slug(title.trim());
        let repeated = (1..).map(|n| format!("{plain}-{n}"));
        let free =
            std::iter::once(plain.clone()).chain(repeated).find(|name| !found.contains(name));
        found.extend(free);
    }
    found
}

fn slug(title: &str) -> String {
    let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// The lines outside fenced code, counted from 1.
fn prose(page: &str) -> Vec<(usize, &str)> {
    let mut fenced = false;
    let mut lines = Vec::new();
    for (line, text) in (1..).zip(page.lines()) {
        if text.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            lines.push((line, text));
        }
    }
    lines
}

fn without_code(text: &str) -> String {
    text.split('`').step_by(2).collect::<Vec<_>>().join("`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(page: &str, expect: &[&str]) {
        let targets: Vec<String> = links(page).into_iter().map(|link| link.target).collect();
        assert_eq!(targets, expect);
    }

    #[test]
    fn relative_links_are_found() {
        check("see [a](docs/a.md#part) and [b](../b.md \"title\")", &["docs/a.md#part", "../b.md"]);
        check("[a]: docs/a.md", &["docs/a.md"]);
        check("[a](https://example.com) [b](mailto:a@example.com)", &[]);
        check("`[a](b.md)`\n```\n[a](c.md)\n```\n[d](#e)", &["#e"]);
    }

    #[test]
    fn headings_become_anchors() {
        let page = "# Rollcall\n## What `serve` does\n## A & B\n## Again\n## Again\n#no heading\n";
        let expect = ["a--b", "again", "again-1", "rollcall", "what-serve-does"];
        assert_eq!(anchors(page), BTreeSet::from(expect.map(str::to_owned)));
    }

    #[test]
    fn a_missing_file_or_heading_is_broken() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("page.md");
        let reason = |target: &str| broken(&page, "# Here\n", target).unwrap();
        assert_eq!(reason("Cargo.toml"), None);
        assert_eq!(reason("#here"), None);
        assert_eq!(reason("#there"), Some("has no such heading"));
        assert_eq!(reason("missing.md"), Some("does not exist"));
    }
}
