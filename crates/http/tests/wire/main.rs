//! The wire rules over `App::handle` on the store in memory, and the server on sockets.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

mod access;
mod bad_input;
mod capabilities;
mod credentials;
mod custom;
mod discovery;
mod fairness;
mod limits;
mod lists;
mod me;
mod oauth;
mod observed;
mod relations;
mod resources;
mod sockets;
mod tls;
mod world;

use rollcall_schema::standard;
use serde_json::{Value, json};
use world::World;

fn user(name: &str) -> Value {
    json!({"schemas": [standard::USER], "userName": name})
}

fn group(name: &str, members: &[&str]) -> Value {
    let members: Vec<_> = members.iter().map(|id| json!({"value": id})).collect();
    json!({"schemas": [standard::GROUP], "displayName": name, "members": members})
}

fn patch_op(operations: &Value) -> Value {
    json!({"schemas": [standard::PATCH_OP], "Operations": operations})
}

/// The four users of the test vectors, with the ids that they got.
async fn four_users(world: &World) -> [String; 4] {
    let bodies = [
        json!({"userName": "bjensen@Example.com", "externalId": "Ext-001", "title": "Manager",
            "emails": [{"value": "bjensen@example.com", "type": "work", "primary": true},
                {"value": "babs@jensen.org", "type": "home"}],
            standard::ENTERPRISE_USER: {"department": "Sales"}}),
        json!({"userName": "jsmith", "externalId": "ext-001", "active": false,
            "emails": [{"value": "john@example.org", "type": "home"}]}),
        json!({"userName": "Müller", "title": ""}),
        json!({"userName": "a\"b\\c",
            "emails": [{"value": "w+1@example.com", "type": "work"},
                {"value": "h@corp.test", "type": "home", "primary": true}]}),
    ];
    let mut ids = Vec::new();
    for body in &bodies {
        ids.push(world.made(&world.a, "/Users", body).await);
    }
    ids.try_into().unwrap()
}

fn found(list: &Value) -> Vec<&str> {
    list["Resources"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect()
}
