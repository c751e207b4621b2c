//! Prints the tree of a filter, or its error with a caret below the place.
//!
//! `cargo run --example lint_filter -- 'userName eq "ada" and not (title pr)'`

use std::{env, process::ExitCode};

use rollcall_filter::{Expr, Filter, Grammar, Parser, SyntaxError};

fn main() -> ExitCode {
    let mut args = env::args().skip(1).peekable();
    let grammar = match args.next_if_eq("--strict") {
        Some(_) => Grammar::Strict,
        None => Grammar::Tolerant,
    };
    let Some(text) = args.next() else {
        eprintln!("usage: lint_filter [--strict] FILTER");
        return ExitCode::from(2);
    };
    match (Parser { grammar, ..Parser::default() }).filter(&text) {
        Ok(filter) => {
            print(&filter, 0);
            ExitCode::SUCCESS
        }
        Err(error) => {
            point(&text, &error);
            ExitCode::FAILURE
        }
    }
}

fn print(filter: &Filter<'_>, depth: usize) {
    let indent = "  ".repeat(depth);
    match filter {
        Expr::And(parts) => print_all(&indent, "and", parts, depth),
        Expr::Or(parts) => print_all(&indent, "or", parts, depth),
        Expr::Not(part) => print_all(&indent, "not", std::slice::from_ref(part.as_ref()), depth),
        Expr::Any(attr, part) => {
            let label = format!("one element of {attr} with");
            print_all(&indent, &label, std::slice::from_ref(part.as_ref()), depth);
        }
        Expr::Compare(..) | Expr::Present(_) => println!("{indent}{filter}"),
    }
}

fn print_all(indent: &str, label: &str, parts: &[Filter<'_>], depth: usize) {
    println!("{indent}{label}");
    for part in parts {
        print(part, depth + 1);
    }
}

fn point(text: &str, error: &SyntaxError) {
    let before = text.get(..error.offset()).unwrap_or(text);
    eprintln!("{text}\n{}^ {error}", " ".repeat(before.chars().count()));
}
