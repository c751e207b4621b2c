//! Reads a User or Group from standard input and prints its canonical form.
//!
//! `echo '{"USERNAME": "ada", "active": "True"}' | cargo run --example validate_document -- User`

use std::error::Error;
use std::io::{Read, Write, stderr, stdin, stdout};

use rollcall_schema::{Accept, Profile, standard};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let kind = arguments.next().unwrap_or_else(|| "User".into());
    let profile = match arguments.next().as_deref() {
        Some("strict") => Profile::STRICT,
        _ => Profile::GENERIC,
    };
    let ty = standard::types()
        .iter()
        .find(|ty| ty.name().eq_ignore_ascii_case(&kind))
        .ok_or_else(|| format!("no resource type `{kind}`: use User or Group"))?;

    let mut text = String::new();
    stdin().read_to_string(&mut text)?;
    let accepted = ty.accept(serde_json::from_str(&text)?, Accept::Create, &profile)?;

    writeln!(stdout(), "{:#}", serde_json::Value::from(accepted.document.into_body()))?;
    for change in &accepted.links {
        let ids: Vec<_> = change.add.iter().map(String::as_str).collect();
        writeln!(stdout(), "{}: [{}]", ty.attr(change.attr).path, ids.join(", "))?;
    }
    for note in &accepted.ignored {
        writeln!(stderr(), "left out `{}`: {}", note.path, note.reason)?;
    }
    Ok(())
}
