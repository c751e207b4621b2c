//! Finds the documents that a SCIM filter asks for, without a server.
//!
//! `cargo run -p rollcall-schema --example match_documents -- 'emails[type eq "work"]'`

use std::error::Error;

use rollcall_schema::{Document, Instant, Profile, View, standard};

const USERS: [&str; 3] = [
    r#"{"userName": "ada@example.com", "active": true,
        "emails": [{"value": "ada@example.com", "type": "work"}]}"#,
    r#"{"userName": "grace", "active": false}"#,
    r#"{"userName": "Müller", "title": "Manager",
        "emails": [{"value": "mueller@example.org", "type": "home"}]}"#,
];

fn main() -> Result<(), Box<dyn Error>> {
    let filter = std::env::args().nth(1).unwrap_or_else(|| r#"userName eq "MÜLLER""#.to_owned());
    let users = standard::types().iter().find(|ty| ty.name() == "User").ok_or("no type `User`")?;
    let condition = users.condition(&rollcall_filter::parse_filter(&filter)?, &Profile::GENERIC)?;
    for text in USERS {
        let document = Document::from_stored(text)?;
        let seen = View {
            id: "2819c223",
            version: 1,
            created: Instant::from_millis(0),
            modified: Instant::from_millis(0),
            document: &document,
            links: &[],
            incoming: &[],
        };
        if condition.matches(users, &seen) {
            println!("{document}");
        }
    }
    Ok(())
}
