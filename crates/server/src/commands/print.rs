//! What commands print: JSON for programs, lines for people.

use std::fmt::Display;
use std::io::{ErrorKind, Write as _};

use anyhow::Context as _;
use serde_json::Value;

use crate::cli::Output;

/// How narrow the column of names may be.
const NARROWEST: usize = 16;

/// One object: as JSON, or as lines of names and values with a note behind.
pub(super) fn print(object: &Value, output: Output, note: &str) -> anyhow::Result<()> {
    say(match output {
        Output::Json => object.to_string(),
        Output::Text if note.is_empty() => lines(object),
        Output::Text => format!("{}\n\n{note}", lines(object)),
    })
}

/// A list: as a JSON array, or as a block of lines for each.
pub(super) fn print_rows(
    rows: impl Iterator<Item = Value>,
    output: Output,
    none: &str,
) -> anyhow::Result<()> {
    let rows: Vec<Value> = rows.collect();
    say(match output {
        Output::Json => Value::Array(rows).to_string(),
        Output::Text if rows.is_empty() => none.to_owned(),
        Output::Text => rows.iter().map(lines).collect::<Vec<_>>().join("\n\n"),
    })
}

/// An object with more members.
pub(super) fn with<const N: usize>(object: Value, more: [(&str, Value); N]) -> Value {
    let mut object = object;
    if let Value::Object(members) = &mut object {
        members.extend(more.map(|(name, value)| (name.to_owned(), value)));
    }
    object
}

/// An object as rows of a list show it to people: its lists and objects, which are long, are left
/// for programs and for `show`.
pub(super) fn brief(object: Value, output: Output) -> Value {
    match object {
        Value::Object(mut members) if output == Output::Text => {
            members.retain(|_, value| !value.is_object() && !value.is_array());
            Value::Object(members)
        }
        object => object,
    }
}

/// Prints to whoever still reads: `rollcall … | head` closes its end early, which is no error.
pub(crate) fn say(text: impl Display) -> anyhow::Result<()> {
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("writing to standard output")
        }
        _ => Ok(()),
    }
}

/// A name and its value on each line; what an object or a list holds stands on lines of its own.
fn lines(object: &Value) -> String {
    let members = || object.as_object().into_iter().flatten();
    let width = members().map(|(name, _)| name.chars().count()).fold(NARROWEST, usize::max);
    let mut lines = Vec::new();
    for (name, value) in members() {
        let parts: Vec<String> = match value {
            Value::Object(parts) => {
                parts.iter().map(|(name, value)| format!("{name}  {}", setting(value))).collect()
            }
            Value::Array(parts) => parts.iter().map(part).collect(),
            value => vec![plain(value)],
        };
        let empty = parts.is_empty().then(|| "-".to_owned());
        for (at, part) in parts.iter().chain(&empty).enumerate() {
            let name = if at == 0 { name } else { "" };
            lines.push(format!("{name:width$} {part}"));
        }
    }
    lines.join("\n")
}

/// Something in a list: a check by its outcome, what was seen and what would mend it.
fn part(value: &Value) -> String {
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    match (text("outcome"), text("name"), text("detail")) {
        (Some(outcome), Some(name), Some(detail)) => match text("fix") {
            Some(fix) => format!("{outcome}  {name}: {detail}: {fix}"),
            None => format!("{outcome}  {name}: {detail}"),
        },
        _ => plain(value),
    }
}

fn setting(value: &Value) -> String {
    match value {
        Value::Bool(true) => "on".into(),
        Value::Bool(false) => "off".into(),
        other => plain(other),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".into(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn checks_stand_on_a_line_each() {
        let told = lines(&json!({"checks": [
            {"name": "status", "outcome": "pass", "detail": "active", "fix": null},
            {"name": "traffic", "outcome": "warn", "detail": "none", "fix": "test it"},
        ]}));
        let told: Vec<_> = told.lines().map(str::trim_start).collect();
        assert_eq!(told, ["checks           pass  status: active", "warn  traffic: none: test it"]);
    }

    #[test]
    fn rows_are_brief_for_people_alone() {
        let row = json!({"a": 1, "b": {"c": 2}, "d": []});
        assert_eq!(brief(row.clone(), Output::Json), row);
        assert_eq!(brief(row, Output::Text), json!({"a": 1}));
    }

    #[test]
    fn what_a_value_holds_stands_on_lines_of_its_own() {
        let object = json!({"a": {"x": true, "y": false}, "b": ["p", "q"], "c": {}, "d": null});
        let told = lines(&object);
        let told: Vec<_> = told.lines().map(str::trim_end).collect();
        assert_eq!(
            lines(&json!({"aVeryLongNameOfAMember": 1, "b": 2})).lines().last(),
            Some("b                      2")
        );
        let expect = [
            "a                x  on",
            "                 y  off",
            "b                p",
            "                 q",
            "c                -",
            "d                -",
        ];
        assert_eq!(told, expect);
    }
}
