//! Prints filters as they read in canonical form, or their errors with a caret below the place.
//!
//! Filters come as arguments, or one a line from standard input. The exit code is 1 when one of
//! them is wrong.
//!
//! `cargo run --example lint_filter -- 'userName EQ "ada" and (title pr)' 'userName eq “ada”'`

use std::{env, io, process::ExitCode};

use rollcall_filter::{Grammar, Parser, SyntaxError};

fn main() -> io::Result<ExitCode> {
    let mut args = env::args().skip(1).peekable();
    let grammar = match args.next_if_eq("--strict") {
        Some(_) => Grammar::Strict,
        None => Grammar::Tolerant,
    };
    let parser = Parser { grammar, ..Parser::posted() };
    let mut filters: Vec<String> = args.collect();
    if filters.is_empty() {
        filters = io::stdin().lines().collect::<Result<_, _>>()?;
    }
    let wrong = filters.iter().filter(|text| !lint(text, &parser)).count();
    Ok(if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Says what `text` is, and whether it is a filter.
fn lint(text: &str, parser: &Parser) -> bool {
    let parsed = parser.filter(text);
    match &parsed {
        Ok(filter) => println!("{filter}"),
        Err(error) => eprintln!("{text}\n{}^ {error}", margin(text, error)),
    }
    parsed.is_ok()
}

/// As much space as there is text before the error, so that the caret stands below it.
fn margin(text: &str, error: &SyntaxError) -> String {
    let before = text.get(..error.offset()).unwrap_or(text);
    before.chars().map(|c| if c == '\t' { c } else { ' ' }).collect()
}
