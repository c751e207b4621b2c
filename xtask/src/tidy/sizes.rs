//! Files and functions far larger than the rest; worth a look, never a failure.

use super::source;
use super::tree::File;

const FILE_LINES: usize = 400;
const FUNCTION_LINES: usize = 60;

/// What is outsized, tests left out.
pub(super) fn notes(files: &[File]) -> Vec<String> {
    let mut notes = Vec::new();
    for file in files.iter().filter(|file| !file.test_only) {
        let tests = file.source.test_text().lines().count();
        let lines = file.source.raw.lines().count().saturating_sub(tests);
        if lines > FILE_LINES {
            notes.push(format!("{} has {lines} lines", file.path));
        }
        for (name, lines) in functions(file.production()) {
            if lines > FUNCTION_LINES {
                notes.push(format!("{}: `{name}` has {lines} lines", file.path));
            }
        }
    }
    notes
}

/// Each function with a body, and how many lines it spans.
fn functions(code: &str) -> Vec<(&str, usize)> {
    code.match_indices("fn ").filter_map(|(at, _)| measure(code, at)).collect()
}

fn measure(code: &str, at: usize) -> Option<(&str, usize)> {
    let before = code.get(..at)?.chars().next_back();
    if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
        return None;
    }
    let rest = code.get(at + 3..)?;
    let name = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next()?;
    let body = rest
        .find(['{', ';'])
        .filter(|&body| rest.get(body..).is_some_and(|t| t.starts_with('{')))?;
    let end = source::block_end(code, at + 3 + body)?;
    Some((name, code.get(at..end)?.lines().count()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_measured() {
        let code = "fn a() {\n    if b {\n    }\n}\ntrait T {\n    fn c();\n    fn d() {}\n}\n";
        assert_eq!(functions(code), [("a", 4), ("d", 1)]);
    }
}
