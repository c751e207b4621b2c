//! Rust text with its comments, literals and tests told apart.

use std::ops::Range;

const TEST_ATTRIBUTE: &str = "#[cfg(test)]";

/// One source text, seen three ways; every view keeps the line breaks of the original.
#[derive(Debug)]
pub(crate) struct Source {
    pub(super) raw: String,
    /// Without comments and literals.
    pub(super) code: String,
    /// `code` without what is compiled for tests only.
    pub(super) production: String,
    /// Modules of this file that are declared for tests only.
    pub(super) test_modules: Vec<String>,
}

impl Source {
    pub(crate) fn read(raw: String) -> Self {
        let code = without_comments_and_literals(&raw);
        let items = test_items(&code);
        let mut production = code.clone();
        let mut test_modules = Vec::new();
        for item in items {
            let text = code.get(item.clone()).unwrap_or_default();
            test_modules.extend(declared_module(text));
            production.replace_range(item, &blank(text));
        }
        Self { raw, code, production, test_modules }
    }

    /// The original lines of what is compiled for tests only.
    pub(super) fn test_text(&self) -> String {
        let views = self.code.lines().zip(self.production.lines()).zip(self.raw.lines());
        let mut inside = false;
        let mut text = String::new();
        for ((code, production), raw) in views {
            // A line of a test that is blank as code (a comment) belongs to the lines above it.
            if !code.trim().is_empty() {
                inside = code != production;
            }
            if inside {
                text.extend([raw, "\n"]);
            }
        }
        text
    }
}

/// Lines, counted from 1, on which `word` stands alone.
pub(super) fn lines_with(text: &str, word: &str) -> Vec<usize> {
    let lines = text.lines().zip(1..);
    lines.filter(|(line, _)| has_word(line, word)).map(|(_, number)| number).collect()
}

fn has_word(line: &str, word: &str) -> bool {
    let joins = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        let after = line.get(at + word.len()..).and_then(|text| text.chars().next());
        let bound = |edge: Option<char>, neighbour: Option<char>| {
            !(edge.is_some_and(joins) && neighbour.is_some_and(joins))
        };
        bound(word.chars().next(), before) && bound(word.chars().next_back(), after)
    })
}

/// The end of the bracket that opens at or after `start`, one past its closing brace.
pub(super) fn block_end(code: &str, start: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, c) in code.get(start..)?.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return Some(start + at + 1),
            '}' => depth = depth.checked_sub(1)?,
            _ => {}
        }
    }
    None
}

fn test_items(code: &str) -> Vec<Range<usize>> {
    let mut items: Vec<Range<usize>> = Vec::new();
    for (start, _) in code.match_indices(TEST_ATTRIBUTE) {
        if items.last().is_some_and(|item| item.contains(&start)) {
            continue;
        }
        let after = start + TEST_ATTRIBUTE.len();
        let rest = code.get(after..).unwrap_or_default();
        let end = match rest.find(['{', ';']) {
            Some(at) if rest.get(at..).is_some_and(|text| text.starts_with('{')) => {
                block_end(code, after).unwrap_or(code.len())
            }
            Some(at) => after + at + 1,
            None => code.len(),
        };
        items.push(start..end);
    }
    items
}

/// The name in `#[cfg(test)] mod name;`.
fn declared_module(item: &str) -> Option<String> {
    let (head, _) = item.rsplit_once(';')?;
    let (_, name) = head.rsplit_once("mod ")?;
    let name = name.trim();
    name.chars().all(|c| c.is_alphanumeric() || c == '_').then(|| name.to_owned())
}

fn blank(text: &str) -> String {
    text.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect()
}

fn without_comments_and_literals(raw: &str) -> String {
    let mut code = String::with_capacity(raw.len());
    let mut rest = raw;
    let mut before = ' ';
    while let Some(c) = rest.chars().next() {
        let length = skipped(rest, before);
        let (piece, tail) = rest.split_at(length.unwrap_or(c.len_utf8()));
        if length.is_some() {
            code.push_str(&blank(piece));
        } else {
            code.push_str(piece);
        }
        before = if length.is_some() { ' ' } else { c };
        rest = tail;
    }
    code
}

/// How much of `rest` is the comment or literal that it begins with, if it begins with one.
fn skipped(rest: &str, before: char) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return Some(block_comment(rest));
    }
    if rest.starts_with('"') {
        return Some(1 + quoted(rest.get(1..)?));
    }
    if rest.starts_with('\'') {
        return character(rest);
    }
    if before.is_alphanumeric() || before == '_' {
        return None;
    }
    raw_string(rest)
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(tail) = rest.get(at..).filter(|tail| !tail.is_empty()) {
        if tail.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if tail.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += tail.chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// The length of a string's text and its closing quote.
fn quoted(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of a character literal; a lifetime is none.
fn character(rest: &str) -> Option<usize> {
    let mut chars = rest.char_indices().skip(1);
    let (_, first) = chars.next()?;
    if first == '\\' {
        chars.next()?;
        return chars.find(|(_, c)| *c == '\'').map(|(at, _)| at + 1);
    }
    chars.next().filter(|(_, c)| *c == '\'').map(|(at, _)| at + 1)
}

/// The length of a raw string: `r"…"`, `br#"…"#` and so on.
fn raw_string(rest: &str) -> Option<usize> {
    let prefix = ["r", "br", "cr"].into_iter().find(|prefix| {
        let after = rest.strip_prefix(prefix).map(|text| text.trim_start_matches('#'));
        after.is_some_and(|text| text.starts_with('"'))
    })?;
    let after = rest.get(prefix.len()..)?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    let close = format!("\"{}", "#".repeat(hashes));
    let start = prefix.len() + hashes + 1;
    let end = rest.get(start..)?.find(&close).map(|at| start + at + close.len());
    Some(end.unwrap_or(rest.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn code(raw: &str, expect: &str) {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(words(&without_comments_and_literals(raw)), words(expect));
    }

    #[test]
    fn comments_and_literals_go() {
        code("a // todo!()\nb", "a b");
        code("a /* x /* y */ z */ b", "a b");
        code(r#"f("no \" code", 1)"#, "f( , 1)");
        code(r##"f(r#"no " code"#, br"\")"##, "f( , )");
        code(r"f('\'', '{', b'x')", "f( , , b )");
        code("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}");
        code("let for_r = r#type;", "let for_r = r#type;");
        code("\"é\" ü", "ü");
    }

    #[test]
    fn line_breaks_stay() {
        let raw = "a\n\"b\nc\"\n/* d\n */ e\n";
        assert_eq!(without_comments_and_literals(raw).lines().count(), raw.lines().count());
    }

    #[test]
    fn tests_are_told_apart() {
        let source = Source::read(
            "fn a() {}\n#[cfg(test)]\nmod tests {\n    // R-PUT-01\n    fn b() { c(\"}\"); }\n}\nfn d() {}\n\
             #[cfg(test)]\nmod samples;\n"
                .to_owned(),
        );
        assert!(source.production.contains("fn a") && source.production.contains("fn d"));
        assert!(!source.production.contains("fn b"));
        assert!(source.test_text().contains("R-PUT-01") && !source.test_text().contains("fn a"));
        assert_eq!(source.test_modules, ["samples"]);
    }

    #[test]
    fn words_stand_alone() {
        assert_eq!(lines_with("Clock\nFakeClock\nx: Clock,\nclock", "Clock"), [1, 3]);
        assert_eq!(lines_with("a.todo!()\nmytodo!()", "todo!"), [1]);
    }
}
