//! The invariants that can be told from the text.

use super::source;
use super::tree::{self, File};

/// Words that belong to some crates only.
struct Home {
    what: &'static str,
    words: &'static [&'static str],
    crates: &'static [&'static str],
    /// Crates that may use them on or under a line with a comment of this text.
    marked: &'static [(&'static str, &'static str)],
}

const HOMES: &[Home] = &[
    Home {
        what: "SQL",
        words: &["diesel", "diesel_async", "diesel_migrations", "sql_query", "tokio_postgres"],
        crates: &["postgres", "sqlite", "bench"],
        marked: &[],
    },
    Home {
        what: "an HTTP status",
        words: &["StatusCode"],
        crates: &["http", "console", "outbound"],
        marked: &[],
    },
    Home {
        what: "folding of names",
        words: &[
            "caseless",
            "to_lowercase",
            "to_uppercase",
            "to_ascii_lowercase",
            "to_ascii_uppercase",
            "eq_ignore_ascii_case",
        ],
        // The test kit sends names in every case on purpose.
        crates: &["schema", "filter", "testkit"],
        marked: &[
            ("domain", "// tidy: member names"),
            ("http", "// tidy: header names"),
            ("server", "// tidy: setting names"),
        ],
    },
];

/// Crates that are synchronous and know no clock.
const TIMELESS: &[&str] = &["filter", "schema"];
const TIMED: &[&str] = &["async", "Clock", "SystemTime", "Instant::now", "Utc::now"];

/// Modules that nobody could name better.
const NAMELESS: &[&str] = &["mod common", "mod util", "mod utils", "mod helpers", "mod types"];
const UNFINISHED: &[&str] = &["#[ignore", "todo!", "unimplemented!"];

/// Checks every file, and that SQL lies where it may.
pub(super) fn check(files: &[File], sql_files: &[String]) -> Vec<String> {
    let mut complaints: Vec<String> = files.iter().flat_map(check_file).collect();
    let stores = HOMES.iter().find(|home| home.what == "SQL").map(|home| home.crates);
    let stray =
        |path: &&String| !stores.unwrap_or_default().contains(&tree::crate_name(path).as_str());
    complaints.extend(
        sql_files.iter().filter(stray).map(|path| format!("{path}: SQL outside the stores")),
    );
    complaints
}

fn check_file(file: &File) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut complain = |lines: Vec<usize>, what: &str| {
        complaints.extend(lines.iter().map(|line| format!("{}:{line}: {what}", file.path)));
    };
    if file.path.starts_with("crates/") {
        for home in HOMES {
            complain(away_from(home, file), &format!("{} does not belong here", home.what));
        }
        if TIMELESS.contains(&file.crate_name.as_str()) {
            let what = "this crate is synchronous and takes no clock";
            complain(lines_with_any(file.production(), TIMED), what);
        }
    }
    complain(lines_with_any(&file.source.code, NAMELESS), "a module without a job in its name");
    complain(lines_with_any(&file.source.code, UNFINISHED), "unfinished or unproven work");
    complaints
}

fn away_from(home: &Home, file: &File) -> Vec<usize> {
    if home.crates.contains(&file.crate_name.as_str()) {
        return Vec::new();
    }
    let mut lines = lines_with_any(file.production(), home.words);
    if let Some((_, marker)) = home.marked.iter().find(|(name, _)| *name == file.crate_name) {
        let raw: Vec<&str> = file.source.raw.lines().collect();
        let marked =
            |line: usize| raw.get(line.wrapping_sub(1)).is_some_and(|text| text.contains(marker));
        lines.retain(|line| !marked(*line) && !marked(line.saturating_sub(1)));
    }
    lines
}

fn lines_with_any(text: &str, words: &[&str]) -> Vec<usize> {
    let mut lines: Vec<usize> =
        words.iter().flat_map(|word| source::lines_with(text, word)).collect();
    lines.sort_unstable();
    lines.dedup();
    lines
}

#[cfg(test)]
mod tests {
    use super::super::source::Source;
    use super::*;

    #[track_caller]
    fn check(path: &str, text: &str, expect: &[&str]) {
        let file = File {
            path: path.to_owned(),
            crate_name: tree::crate_name(path),
            test_only: false,
            source: Source::read(text.to_owned()),
        };
        assert_eq!(check_file(&file), expect);
    }

    #[test]
    fn sql_stays_in_the_stores() {
        check("crates/sqlite/src/a.rs", "use diesel::prelude::*;", &[]);
        check("crates/domain/src/a.rs", "// no diesel here\n", &[]);
        let complaint = "crates/domain/src/a.rs:2: SQL does not belong here";
        check("crates/domain/src/a.rs", "\nuse diesel::prelude::*;", &[complaint]);
        let stray =
            super::check(&[], &["crates/http/a.sql".to_owned(), "crates/sqlite/b.sql".to_owned()]);
        assert_eq!(stray, ["crates/http/a.sql: SQL outside the stores"]);
    }

    #[test]
    fn statuses_stay_in_http() {
        check("crates/http/src/a.rs", "StatusCode::OK", &[]);
        let complaint = "crates/domain/src/a.rs:1: an HTTP status does not belong here";
        check("crates/domain/src/a.rs", "StatusCode::OK", &[complaint]);
        check("crates/domain/src/a.rs", "#[cfg(test)]\nmod tests { use http::StatusCode; }", &[]);
    }

    #[test]
    fn names_fold_in_schema_only() {
        check("crates/schema/src/a.rs", "name.to_lowercase()", &[]);
        let complaint = "crates/http/src/a.rs:1: folding of names does not belong here";
        check("crates/http/src/a.rs", "a.eq_ignore_ascii_case(b)", &[complaint]);
        check("crates/http/src/a.rs", "// tidy: header names\na.eq_ignore_ascii_case(b)", &[]);
        check("crates/http/src/a.rs", "a.eq_ignore_ascii_case(b) // tidy: header names", &[]);
        check("crates/server/src/a.rs", "// tidy: setting names\na.to_uppercase()", &[]);
        let complaint = "crates/domain/src/a.rs:2: folding of names does not belong here";
        let text = "// tidy: header names\na.eq_ignore_ascii_case(b)";
        check("crates/domain/src/a.rs", text, &[complaint]);
    }

    #[test]
    fn the_core_is_timeless() {
        let complaint = "crates/schema/src/a.rs:1: this crate is synchronous and takes no clock";
        check("crates/schema/src/a.rs", "async fn a() {}", &[complaint]);
        check("crates/domain/src/a.rs", "async fn a(clock: &dyn Clock) {}", &[]);
    }

    #[test]
    fn nothing_is_nameless_or_unfinished() {
        check(
            "tests/src/a.rs",
            "mod common;",
            &["tests/src/a.rs:1: a module without a job in its name"],
        );
        check("tests/src/a.rs", "mod commons;", &[]);
        let complaint = "tests/src/a.rs:1: unfinished or unproven work";
        check("tests/src/a.rs", "#[ignore = \"slow\"]", &[complaint]);
        check("tests/src/a.rs", "fn a() { todo!() }", &[complaint]);
        check("tests/src/a.rs", "\"todo!\"", &[]);
    }
}
