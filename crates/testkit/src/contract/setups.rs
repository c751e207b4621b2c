//! What is decided about a connection, and what its traffic shows.

use rollcall_domain::{Connection, ConnectionId, Setup, TokenHash};
use serde_json::{Value, json};

use super::registry::{ensure, new_connection, unique};
use super::tokens::{add, token};
use crate::Subject;
use crate::contract::cases;
use crate::fresh::fresh;

cases![
    nothing_is_decided_about_a_new_connection,
    a_connection_comes_with_what_was_decided,
    a_setup_is_kept_whole,
    a_setup_replaces_the_one_that_was_read,
    of_parallel_setups_one_wins,
    a_setup_is_of_one_connection,
    a_named_connection_keeps_its_setup,
    a_dialect_is_noted,
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

async fn place(subject: &Subject) -> Connection {
    ensure(subject, new_connection(&unique("acme"), None)).await
}

async fn set_up(subject: &Subject, id: ConnectionId, expect: u64, setup: &Setup) -> bool {
    subject.registry.set_up(id, expect, setup.clone()).await.expect("the store answers")
}

async fn found(subject: &Subject, id: ConnectionId) -> Connection {
    let found = subject.registry.connection(id).await.expect("the store answers");
    found.expect("the connection is there").1
}

/// Every way to it gives the connection like this.
async fn check(subject: &Subject, expect: &Connection) {
    assert_eq!(found(subject, expect.id).await, *expect);
    let mut listed = subject.registry.connections().await.expect("the store answers");
    listed.retain(|(_, connection)| connection.id == expect.id);
    assert_eq!(listed.len(), 1);
    assert!(listed.iter().all(|(_, connection)| connection == expect), "{listed:#?}");
    let token = token(expect, None, 5);
    add(subject, &token).await;
    assert_eq!(by_hash(subject, token.hash).await, *expect);
}

async fn by_hash(subject: &Subject, hash: TokenHash) -> Connection {
    let found = subject.registry.token_by_hash(hash).await.expect("the store answers");
    found.expect("the token is there").1
}

async fn nothing_is_decided_about_a_new_connection(subject: Subject) {
    let made = place(&subject).await;
    assert_eq!((&made.setup, made.revision, &made.dialect), (&Setup::default(), 0, &None));
    check(&subject, &made).await;
}

async fn a_connection_comes_with_what_was_decided(subject: Subject) {
    let mut new = new_connection(&unique("acme"), Some("main"));
    new.connection.setup = whole();
    new.connection.revision = 4;
    new.connection.dialect = Some("okta".into());
    let made = ensure(&subject, new.clone()).await;
    assert_eq!(made, new.connection);
    check(&subject, &made).await;
}

async fn a_setup_is_kept_whole(subject: Subject) {
    let made = place(&subject).await;
    let text = serde_json::to_value(whole()).expect("JSON");
    let objects = ["/profile/switches", "/definitions/schemas/0/attributes/0", "/since/User"];
    assert!(objects.iter().all(|at| text.pointer(at).is_some_and(Value::is_object)), "{text:#}");
    assert!(set_up(&subject, made.id, 0, &whole()).await);
    check(&subject, &Connection { setup: whole(), revision: 1, ..made }).await;
}

async fn a_setup_replaces_the_one_that_was_read(subject: Subject) {
    let made = place(&subject).await;
    assert!(!set_up(&subject, made.id, 1, &numbered(1)).await);
    check(&subject, &made).await;
    assert!(set_up(&subject, made.id, 0, &numbered(2)).await);
    assert!(!set_up(&subject, made.id, 0, &numbered(3)).await);
    let second = Connection { setup: numbered(2), revision: 1, ..made.clone() };
    check(&subject, &second).await;
    // The same again is a decision too.
    assert!(set_up(&subject, made.id, 1, &numbered(2)).await);
    assert!(set_up(&subject, made.id, 2, &Setup::default()).await);
    check(&subject, &Connection { revision: 3, ..made }).await;
    assert!(!set_up(&subject, ConnectionId::from_uuid(fresh()), 0, &numbered(4)).await);
}

async fn of_parallel_setups_one_wins(subject: Subject) {
    let made = place(&subject).await;
    let decide = |n| {
        let (subject, id) = (subject.clone(), made.id);
        tokio::spawn(async move { set_up(&subject, id, 0, &numbered(n)).await })
    };
    let tasks: Vec<_> = (0..20).map(decide).collect();
    let mut winners = Vec::new();
    for (n, task) in (0..20).zip(tasks) {
        if task.await.expect("no panic") {
            winners.push(n);
        }
    }
    let [winner] = winners.as_slice() else { panic!("one winner: {winners:?}") };
    let now = found(&subject, made.id).await;
    assert_eq!((now.setup, now.revision), (numbered(*winner), 1));
}

async fn a_setup_is_of_one_connection(subject: Subject) {
    let name = unique("acme");
    let made = ensure(&subject, new_connection(&name, Some("main"))).await;
    let other = ensure(&subject, new_connection(&name, Some("other"))).await;
    assert!(set_up(&subject, made.id, 0, &numbered(1)).await);
    subject.registry.note_dialect(made.id, "okta").await.expect("the store answers");
    assert_eq!(found(&subject, other.id).await, other);
}

async fn a_named_connection_keeps_its_setup(subject: Subject) {
    let name = unique("acme");
    let made = ensure(&subject, new_connection(&name, Some("main"))).await;
    assert!(set_up(&subject, made.id, 0, &numbered(1)).await);
    subject.registry.note_dialect(made.id, "entra").await.expect("the store answers");
    let mut again = new_connection(&name, Some("main"));
    again.connection.setup = numbered(2);
    let dialect = Some("entra".into());
    let expect = Connection { setup: numbered(1), revision: 1, dialect, ..made };
    assert_eq!(ensure(&subject, again).await, expect);
}

async fn a_dialect_is_noted(subject: Subject) {
    let made = place(&subject).await;
    for dialect in ["okta", "entra-legacy", "entra-legacy"] {
        subject.registry.note_dialect(made.id, dialect).await.expect("the store answers");
        check(&subject, &Connection { dialect: Some(dialect.into()), ..made.clone() }).await;
    }
    assert!(set_up(&subject, made.id, 0, &numbered(1)).await);
    assert_eq!(found(&subject, made.id).await.dialect.as_deref(), Some("entra-legacy"));
    let nobody = ConnectionId::from_uuid(fresh());
    subject.registry.note_dialect(nobody, "okta").await.expect("no connection is no failure");
}
