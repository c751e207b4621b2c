//! Organizations and their connections.

use rollcall_domain::{Connection, ConnectionId, IdpKind, NewConnection, Organization, Scope};
use rollcall_schema::Instant;

use crate::contract::cases;
use crate::fresh::{fresh, fresh_organization};
use crate::{Site, Subject};

cases![
    a_connection_is_kept_as_it_was_made,
    an_organization_is_known_by_its_name,
    a_named_connection_is_made_once,
    connections_without_names_are_made_each_time,
    one_name_serves_each_organization,
    of_parallel_makers_all_get_the_same,
    connections_are_listed_in_order,
    a_new_connection_serves_at_once,
    an_unknown_connection_is_none,
];

/// A connection to be made, in an organization of this name if that isn't there.
pub(super) fn new_connection(organization: &str, name: Option<&str>) -> NewConnection {
    let new_organization = Organization { name: organization.into(), ..fresh_organization() };
    let (id, created) = (ConnectionId::from_uuid(fresh()), Instant::from_millis(1_234));
    let made = Connection::new(id, new_organization.id, IdpKind::Okta, created);
    let connection = Connection { name: name.map(Into::into), ..made };
    NewConnection { new_organization, connection }
}

pub(super) async fn ensure(subject: &Subject, new: NewConnection) -> Connection {
    subject.registry.ensure_connection(new).await.expect("a connection")
}

/// A name that nothing has yet.
pub(super) fn unique(name: &str) -> String {
    format!("{name} {}", fresh())
}

async fn a_connection_is_kept_as_it_was_made(subject: Subject) {
    for idp in IdpKind::ALL {
        let mut new = new_connection(&unique("Müller & \"Söhne\" \u{1F600}"), Some("main"));
        new.connection.idp = idp;
        let made = ensure(&subject, new.clone()).await;
        assert_eq!(made, new.connection);
        let found = subject.registry.connection(made.id).await.expect("the store answers");
        assert_eq!(found, Some((new.new_organization, made)));
    }
}

async fn an_organization_is_known_by_its_name(subject: Subject) {
    let name = unique("acme");
    let first = ensure(&subject, new_connection(&name, None)).await;
    let again = new_connection(&name, Some("second"));
    let unused = again.new_organization.id;
    let second = ensure(&subject, again).await;
    assert_eq!(second.organization, first.organization);
    assert_ne!(second.organization, unused);
    let found = subject.registry.connection(second.id).await.expect("the store answers");
    let (organization, connection) = found.expect("the connection is there");
    assert_eq!((organization.id, organization.name), (first.organization, name.clone()));
    assert_eq!(connection, second);
    // Names are exact.
    let other = ensure(&subject, new_connection(&name.to_uppercase(), None)).await;
    assert_ne!(other.organization, first.organization);
}

async fn a_named_connection_is_made_once(subject: Subject) {
    let name = unique("acme");
    let first = ensure(&subject, new_connection(&name, Some("main"))).await;
    let mut again = new_connection(&name, Some("main"));
    again.connection.idp = IdpKind::Entra;
    let unused = again.connection.id;
    assert_eq!(ensure(&subject, again).await, first);
    assert_eq!(subject.registry.connection(unused).await.expect("the store answers"), None);
    assert_ne!(ensure(&subject, new_connection(&name, Some("other"))).await.id, first.id);
}

async fn connections_without_names_are_made_each_time(subject: Subject) {
    let name = unique("acme");
    let first = ensure(&subject, new_connection(&name, None)).await;
    let second = ensure(&subject, new_connection(&name, None)).await;
    assert_ne!(first.id, second.id);
    assert_eq!(first.organization, second.organization);
}

async fn one_name_serves_each_organization(subject: Subject) {
    let first = ensure(&subject, new_connection(&unique("a"), Some("main"))).await;
    let second = ensure(&subject, new_connection(&unique("b"), Some("main"))).await;
    assert_ne!(first.id, second.id);
    assert_ne!(first.organization, second.organization);
}

async fn of_parallel_makers_all_get_the_same(subject: Subject) {
    let name = unique("acme");
    let make = |_| {
        let (subject, new) = (subject.clone(), new_connection(&name, Some("main")));
        tokio::spawn(async move { ensure(&subject, new).await })
    };
    let tasks: Vec<_> = (0..20).map(make).collect();
    let mut made = Vec::new();
    for task in tasks {
        made.push(task.await.expect("no panic"));
    }
    made.dedup();
    assert_eq!(made.len(), 1, "{made:?}");
    let all = subject.registry.connections().await.expect("the store answers");
    assert_eq!(all.iter().filter(|(organization, _)| organization.name == name).count(), 1);
}

async fn connections_are_listed_in_order(subject: Subject) {
    let name = unique("acme");
    let mut made = Vec::new();
    for connection in ["zeta", "alpha", "midway"] {
        made.push(ensure(&subject, new_connection(&name, Some(connection))).await);
    }
    made.push(ensure(&subject, new_connection(&unique("another"), None)).await);
    let mut listed = subject.registry.connections().await.expect("the store answers");
    listed.retain(|(_, connection)| made.iter().any(|one| one.id == connection.id));
    assert!(listed.iter().all(|(organization, one)| organization.id == one.organization));
    let listed: Vec<_> = listed.into_iter().map(|(_, connection)| connection).collect();
    assert_eq!(listed, made);
}

async fn a_new_connection_serves_at_once(subject: Subject) {
    let made = ensure(&subject, new_connection(&unique("acme"), None)).await;
    let mut site = Site::open(&subject).await;
    site.at = Scope { organization: made.organization, connection: made.id };
    let user = site.user("ada").await;
    assert!(site.get(crate::users(), user).await.is_some());
}

async fn an_unknown_connection_is_none(subject: Subject) {
    let unknown = ConnectionId::from_uuid(fresh());
    assert_eq!(subject.registry.connection(unknown).await.expect("the store answers"), None);
    assert_eq!(subject.registry.tokens(unknown).await.expect("the store answers"), []);
}
