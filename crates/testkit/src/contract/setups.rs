//! What is decided about a connection.

use rollcall_domain::{Amend, Connection, Entry, Setup};
use serde_json::{Value, json};

use super::registry::{connection, found, organization, place, replace, stale};
use super::tokens::{add, token};
use crate::Subject;
use crate::contract::cases;
use crate::registered::fresh_connection;

cases![
    nothing_is_decided_about_a_new_connection,
    a_connection_comes_with_what_was_decided,
    a_setup_is_kept_whole,
    a_setup_replaces_the_one_that_was_read,
    a_setup_is_of_one_connection,
];

/// A setup in which nothing is left out.
fn whole() -> Setup {
    let setup = json!({
        "profile": {"name": "entra", "switches": {"uniqueNames": true, "quietPatch": false}},
        "capabilities": {
            "bulk": false, "asynchronous": false, "cursor": true, "etag": false,
            "filter": true, "patch": true, "sort": false,
        },
        "limits": {
            "maxRequestSize": 1_048_576, "bulkOperations": 10, "bulkPayload": 2_097_152,
            "pageDefault": 20, "pageMax": 500, "rate": {"perSecond": 25, "burst": 50},
        },
        "definitions": {
            "schemas": [{
                "id": "urn:example:schemas:Gerät",
                "name": "Gerät \"1\"",
                "attributes": [{
                    "name": "serial", "type": "string", "multiValued": false,
                    "description": "what's on it: 50 % \u{1F600}\n", "required": true,
                    "caseExact": true, "mutability": "immutable", "returned": "always",
                    "uniqueness": "server", "canonicalValues": ["a", "b"],
                }],
            }],
            "resourceTypes": [{
                "id": "Device", "name": "Device", "endpoint": "/Devices",
                "schema": "urn:example:schemas:Gerät", "indexed": ["serial"],
            }],
            "extensions": [{
                "resourceType": "User", "schema": "urn:example:schemas:Gerät",
                "required": false, "indexed": ["urn:example:schemas:Gerät:serial"],
            }],
        },
        "quietAfterHours": 48,
        "since": {"User": {"urn:example:schemas:Gerät:serial": 7}, "Device": {"serial": 3}},
    });
    serde_json::from_value(setup).expect("a setup")
}

/// A setup that can be told from others.
fn numbered(n: u32) -> Setup {
    let mut setup = Setup::default();
    setup.limits.page_max = Some(n);
    setup
}

/// Every way to it gives the connection like this.
async fn check(subject: &Subject, expect: &Connection) {
    assert_eq!(found(subject, expect.id).await.as_ref(), Some(expect));
    let listed = subject.registry.connections(Some(expect.organization), None, 100).await;
    let mut listed = listed.expect("the store answers");
    listed.retain(|(_, connection)| connection.id == expect.id);
    assert_eq!(listed.len(), 1);
    assert!(listed.iter().all(|(_, connection)| connection == expect), "{listed:#?}");
    let token = token(expect, None, 5);
    add(subject, &token).await;
    let found = subject.registry.token_by_hash(token.hash).await.expect("the store answers");
    assert_eq!(found.expect("the token is there").1, *expect);
}

async fn nothing_is_decided_about_a_new_connection(subject: Subject) {
    let made = place(&subject).await;
    assert_eq!((&made.setup, made.revision), (&Setup::default(), 0));
    check(&subject, &made).await;
}

async fn a_connection_comes_with_what_was_decided(subject: Subject) {
    let of = organization(&subject, "acme").await;
    let made = Connection { setup: whole(), revision: 4, ..fresh_connection(&of) };
    let act = Amend::Add(Entry::Connection(Box::new(made.clone())));
    super::registry::amend(&subject, act).await.expect("it is made");
    check(&subject, &made).await;
}

async fn a_setup_is_kept_whole(subject: Subject) {
    let made = place(&subject).await;
    let text = serde_json::to_value(whole()).expect("JSON");
    let objects = ["/profile/switches", "/definitions/schemas/0/attributes/0", "/since/User"];
    assert!(objects.iter().all(|at| text.pointer(at).is_some_and(Value::is_object)), "{text:#}");
    let after = Connection { setup: whole(), revision: 1, ..made };
    replace(&subject, &after, 0).await.expect("it changes");
    check(&subject, &after).await;
}

async fn a_setup_replaces_the_one_that_was_read(subject: Subject) {
    let made = place(&subject).await;
    let with = |n, revision| Connection { setup: numbered(n), revision, ..made.clone() };
    stale(&replace(&subject, &with(1, 2), 1).await);
    check(&subject, &made).await;
    replace(&subject, &with(2, 1), 0).await.expect("it changes");
    stale(&replace(&subject, &with(3, 1), 0).await);
    check(&subject, &with(2, 1)).await;
    // The same again is a decision too.
    replace(&subject, &with(2, 2), 1).await.expect("it changes");
    let back = Connection { revision: 3, ..made.clone() };
    replace(&subject, &back, 2).await.expect("it changes");
    check(&subject, &back).await;
}

async fn a_setup_is_of_one_connection(subject: Subject) {
    let of = organization(&subject, "acme").await;
    let made = connection(&subject, &of, Some("main")).await;
    let other = connection(&subject, &of, Some("other")).await;
    let after = Connection { setup: numbered(1), revision: 1, ..made };
    replace(&subject, &after, 0).await.expect("it changes");
    assert_eq!(found(&subject, other.id).await, Some(other));
}
