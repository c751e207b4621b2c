//! Applies a PATCH to a user: `cargo run -p rollcall-schema --example apply_patch`.

use std::error::Error;

use rollcall_schema::{Accept, Instant, Profile, View, standard};
use serde_json::json;

fn main() -> Result<(), Box<dyn Error>> {
    let user =
        standard::types().iter().find(|ty| ty.schema() == standard::USER).ok_or("no User")?;
    let profile = Profile::GENERIC;
    let body = json!({
        "schemas": [standard::USER],
        "userName": "ada@example.com",
        "active": true,
        "emails": [{"value": "ada@example.com", "type": "work"}]
    });
    let document = user.accept(body, Accept::Create, &profile)?.document;

    // As Entra ID sends it: capitals, a boolean as text, a value path.
    let patch = json!({
        "schemas": [standard::PATCH_OP],
        "Operations": [
            {"op": "Replace", "path": "active", "value": "False"},
            {"op": "Replace", "path": "emails[type eq \"work\"].value", "value": "ada@example.org"},
            {"op": "Add", "path": "phoneNumbers[type eq \"mobile\"].value", "value": "+44 20 7946 0000"}
        ]
    });
    let patch = user.patch(patch, &profile)?;
    let created = Instant::from_millis(0);
    let seen = View {
        id: "2819c223",
        version: 1,
        created,
        modified: created,
        document: &document,
        links: &[],
        incoming: &[],
    };
    let patched = patch.apply(user, &seen, &profile)?;
    println!("{}", serde_json::to_string_pretty(patched.document.body())?);

    let read_only = json!({"Operations": [{"op": "remove", "path": "meta"}]});
    if let Err(error) = user.patch(read_only, &profile) {
        println!("refused: {error}");
    }
    Ok(())
}
