//! Organizations and their connections.

use rollcall_domain::{
    Amend, AmendError, Amendment, Connection, ConnectionId, Entry, EntryId, IdpKind, JobId,
    Organization, OrganizationId, Registry, Scope, Status,
};
use rollcall_schema::Instant;

use crate::contract::cases;
use crate::fresh::{fresh, fresh_organization};
use crate::registered::{add, fresh_connection};
use crate::{Site, Subject};

cases![
    a_connection_is_kept_as_it_was_made,
    an_organization_is_known_by_its_name,
    an_organization_is_renamed,
    names_of_organizations_are_taken,
    names_of_connections_are_taken_in_their_organization,
    connections_without_names_stand_side_by_side,
    of_parallel_makers_one_wins,
    organizations_are_listed_in_order,
    connections_are_listed_in_order,
    a_new_connection_serves_at_once,
    a_connection_changes_as_a_whole,
    a_removed_connection_is_gone,
    an_organization_goes_after_its_connections,
    an_organization_goes_with_its_keys_and_jobs,
    no_key_is_added_to_an_organization_that_is_gone,
    what_is_unknown_is_none,
];

/// A name that nothing has yet.
pub(super) fn unique(name: &str) -> String {
    format!("{name} {}", fresh())
}

/// An organization that is made.
pub(super) async fn organization(subject: &Subject, name: &str) -> Organization {
    let made = Organization { name: unique(name), ..fresh_organization() };
    add(&*subject.registry, [Entry::Organization(made.clone())]).await;
    made
}

/// A connection that is made.
pub(super) async fn connection(
    subject: &Subject,
    of: &Organization,
    name: Option<&str>,
) -> Connection {
    let made = named(of, name);
    add(&*subject.registry, [Entry::Connection(Box::new(made.clone()))]).await;
    made
}

/// A connection in an organization of its own.
pub(super) async fn place(subject: &Subject) -> Connection {
    connection(subject, &organization(subject, "acme").await, None).await
}

fn named(of: &Organization, name: Option<&str>) -> Connection {
    Connection { name: name.map(Into::into), ..fresh_connection(of) }
}

/// One act, and nothing beside it.
pub(super) async fn amend(subject: &Subject, act: Amend) -> Result<(), AmendError> {
    subject.registry.amend(Amendment { acts: vec![act], ..Amendment::default() }).await
}

pub(super) async fn found(subject: &Subject, id: ConnectionId) -> Option<Connection> {
    let found = subject.registry.connection(id).await.expect("the store answers");
    found.map(|(_, connection)| connection)
}

/// Puts a connection in the place of the one that was read.
pub(super) async fn replace(
    subject: &Subject,
    connection: &Connection,
    expect: u64,
) -> Result<(), AmendError> {
    let entry = Entry::Connection(Box::new(connection.clone()));
    amend(subject, Amend::Replace { entry, expect }).await
}

#[track_caller]
pub(super) fn taken(result: &Result<(), AmendError>, kind: &str) {
    assert!(matches!(result, Err(AmendError::Taken(one)) if *one == kind), "{result:?}");
}

#[track_caller]
pub(super) fn stale(result: &Result<(), AmendError>) {
    assert!(matches!(result, Err(AmendError::Stale)), "{result:?}");
}

async fn a_connection_is_kept_as_it_was_made(subject: Subject) {
    let of = organization(&subject, "Müller & \"Söhne\" \u{1F600}").await;
    for (n, idp) in IdpKind::ALL.into_iter().enumerate() {
        let made = named(&of, Some(&format!("naïve \"{n}\"")));
        let status = *Status::ALL.iter().cycle().nth(n).expect("there is one");
        let quiet = (n % 2 == 0).then(|| Instant::from_millis(77));
        let made = Connection { idp, status, quiet, ..made };
        add(&*subject.registry, [Entry::Connection(Box::new(made.clone()))]).await;
        let found = subject.registry.connection(made.id).await.expect("the store answers");
        assert_eq!(found, Some((of.clone(), made)));
    }
}

async fn an_organization_is_known_by_its_name(subject: Subject) {
    let made = organization(&subject, "acme").await;
    let named = async |name: &str| {
        subject.registry.organization_named(name).await.expect("the store answers")
    };
    assert_eq!(named(&made.name).await, Some(made.clone()));
    let by_id = subject.registry.organization(made.id).await.expect("the store answers");
    assert_eq!(by_id, Some(made.clone()));
    // Names are exact.
    assert_eq!(named(&made.name.to_uppercase()).await, None);
    let shouted = Organization { name: made.name.to_uppercase(), ..fresh_organization() };
    add(&*subject.registry, [Entry::Organization(shouted.clone())]).await;
    assert_eq!(named(&shouted.name).await, Some(shouted));
    assert_eq!(named(&made.name).await, Some(made));
}

async fn an_organization_is_renamed(subject: Subject) {
    let made = organization(&subject, "acme").await;
    let after = Organization { name: unique("apex"), revision: 1, ..made.clone() };
    let rename = || Amend::Replace { entry: Entry::Organization(after.clone()), expect: 0 };
    amend(&subject, rename()).await.expect("it is renamed");
    let by_id = subject.registry.organization(made.id).await.expect("the store answers");
    assert_eq!(by_id, Some(after.clone()));
    let old = subject.registry.organization_named(&made.name).await.expect("the store answers");
    assert_eq!(old, None);
    stale(&amend(&subject, rename()).await);
    // The name is free again.
    let next = Organization { name: made.name, ..fresh_organization() };
    add(&*subject.registry, [Entry::Organization(next)]).await;
}

async fn names_of_organizations_are_taken(subject: Subject) {
    let (made, other) = (organization(&subject, "a").await, organization(&subject, "b").await);
    let twin = Organization { name: made.name.clone(), ..fresh_organization() };
    let result = amend(&subject, Amend::Add(Entry::Organization(twin.clone()))).await;
    taken(&result, "organization");
    assert_eq!(subject.registry.organization(twin.id).await.expect("the store answers"), None);
    let renamed = Organization { name: made.name, revision: 1, ..other.clone() };
    let act = Amend::Replace { entry: Entry::Organization(renamed), expect: 0 };
    taken(&amend(&subject, act).await, "organization");
    let found = subject.registry.organization(other.id).await.expect("the store answers");
    assert_eq!(found, Some(other));
}

async fn names_of_connections_are_taken_in_their_organization(subject: Subject) {
    let (here, there) = (organization(&subject, "a").await, organization(&subject, "b").await);
    let main = connection(&subject, &here, Some("main")).await;
    let elsewhere = connection(&subject, &there, Some("main")).await;
    assert_ne!(elsewhere.organization, main.organization);
    let twin = named(&here, Some("main"));
    let add_twin = Amend::Add(Entry::Connection(Box::new(twin.clone())));
    taken(&amend(&subject, add_twin).await, "connection");
    assert_eq!(found(&subject, twin.id).await, None);
    let other = connection(&subject, &here, Some("Main")).await;
    let renamed = Connection { name: main.name.clone(), revision: 1, ..other.clone() };
    taken(&replace(&subject, &renamed, 0).await, "connection");
    assert_eq!(found(&subject, other.id).await, Some(other));
}

async fn connections_without_names_stand_side_by_side(subject: Subject) {
    let of = organization(&subject, "acme").await;
    let first = connection(&subject, &of, None).await;
    let second = connection(&subject, &of, None).await;
    assert_eq!(found(&subject, first.id).await, Some(first));
    assert_eq!(found(&subject, second.id).await, Some(second));
}

async fn of_parallel_makers_one_wins(subject: Subject) {
    let name = unique("acme");
    let make = |_| {
        let (subject, name) = (subject.clone(), name.clone());
        tokio::spawn(async move {
            let new = Organization { name, ..fresh_organization() };
            let acts = [
                Amend::Add(Entry::Organization(new.clone())),
                Amend::Add(Entry::Connection(Box::new(named(&new, Some("main"))))),
            ];
            let amendment = Amendment { acts: acts.into(), ..Amendment::default() };
            subject.registry.amend(amendment).await.map(|()| new.id)
        })
    };
    let tasks: Vec<_> = (0..20).map(make).collect();
    let mut made = Vec::new();
    for task in tasks {
        match task.await.expect("no panic") {
            Ok(id) => made.push(id),
            Err(error) => taken(&Err(error), "organization"),
        }
    }
    let [id] = made.as_slice() else { panic!("one maker: {made:?}") };
    let named = subject.registry.organization_named(&name).await.expect("the store answers");
    assert_eq!(named.map(|one| one.id), Some(*id));
    let theirs = subject.registry.connections(Some(*id), None, 10).await;
    assert_eq!(theirs.expect("the store answers").len(), 1);
}

async fn organizations_are_listed_in_order(subject: Subject) {
    let mut made = Vec::new();
    for name in ["zeta", "alpha", "midway", "beta"] {
        made.push(organization(&subject, name).await);
    }
    let first = made.first().expect("there is one").id;
    let mut listed = vec![made.first().expect("there is one").clone()];
    let mut after = Some(first);
    for _ in 0..10_000 {
        let page = subject.registry.organizations(after, 2).await.expect("the store answers");
        assert!(page.len() <= 2);
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        listed.extend(page);
    }
    listed.retain(|one| made.contains(one));
    assert_eq!(listed, made);
    let page = subject.registry.organizations(None, 1).await.expect("the store answers");
    assert!(page.iter().all(|one| one.id <= first), "it begins at the beginning");
    assert_eq!(page.len(), 1);
}

async fn connections_are_listed_in_order(subject: Subject) {
    let (here, there) = (organization(&subject, "a").await, organization(&subject, "b").await);
    let mut made = Vec::new();
    for name in ["zeta", "alpha", "midway"] {
        made.push((here.clone(), connection(&subject, &here, Some(name)).await));
    }
    made.push((there.clone(), connection(&subject, &there, None).await));
    made.push((here.clone(), connection(&subject, &here, None).await));
    let list = async |of: Option<OrganizationId>, after: ConnectionId, limit| {
        let page = subject.registry.connections(of, Some(after), limit).await;
        page.expect("the store answers")
    };
    let first = made.first().expect("there is one").clone();
    let mut listed = vec![first.clone()];
    let mut after = first.1.id;
    for _ in 0..10_000 {
        let page = list(None, after, 2).await;
        assert!(page.len() <= 2);
        let Some((_, last)) = page.last() else { break };
        after = last.id;
        listed.extend(page);
    }
    listed.retain(|one| made.contains(one));
    assert_eq!(listed, made);

    // Those of one organization.
    let mine: Vec<_> = made.iter().filter(|(of, _)| of.id == here.id).cloned().collect();
    let all = subject.registry.connections(Some(here.id), None, 100).await;
    assert_eq!(all.expect("the store answers"), mine);
    assert_eq!(list(Some(here.id), first.1.id, 2).await, mine.get(1..3).expect("there are four"));
    let last = mine.last().expect("there is one").1.id;
    assert_eq!(list(Some(here.id), last, 2).await, []);
    let nobody = OrganizationId::from_uuid(fresh());
    assert_eq!(list(Some(nobody), first.1.id, 2).await, []);
}

async fn a_new_connection_serves_at_once(subject: Subject) {
    let made = place(&subject).await;
    let site = Site::at(&subject, &made);
    let user = site.user("ada").await;
    assert!(site.get(crate::users(), user).await.is_some());
}

async fn a_connection_changes_as_a_whole(subject: Subject) {
    let of = organization(&subject, "acme").await;
    let made = connection(&subject, &of, Some("main")).await;
    let changed = Connection {
        name: None,
        status: Status::Paused,
        removal: Some(JobId::from_uuid(fresh())),
        quiet: Some(Instant::from_millis(99)),
        revision: 1,
        ..made.clone()
    };
    replace(&subject, &changed, 0).await.expect("it changes");
    assert_eq!(found(&subject, made.id).await.as_ref(), Some(&changed));
    // The name is free, and what was set can be taken back.
    connection(&subject, &of, Some("main")).await;
    let back = Connection { name: None, revision: 2, ..made.clone() };
    replace(&subject, &back, 1).await.expect("it changes");
    assert_eq!(found(&subject, made.id).await, Some(back));
}

async fn a_removed_connection_is_gone(subject: Subject) {
    let of = organization(&subject, "acme").await;
    let made = connection(&subject, &of, Some("main")).await;
    let beside = connection(&subject, &of, Some("beside")).await;
    let end = Instant::from_millis(253_000_000_000_000);
    let token = super::tokens::token(&made, None, 5);
    let token = rollcall_domain::Token { expires: Some(end), ..token };
    super::tokens::add(&subject, &token).await;
    let kept = super::tokens::token(&beside, None, 6);
    super::tokens::add(&subject, &kept).await;
    let remove = |expect| Amend::Remove { id: EntryId::Connection(made.id), expect };
    stale(&amend(&subject, remove(1)).await);
    assert!(found(&subject, made.id).await.is_some());
    amend(&subject, remove(0)).await.expect("it is removed");
    gone(&*subject.registry, &of, &made, &token).await;
    let listed = subject.registry.connections(Some(of.id), None, 10).await;
    assert_eq!(listed.expect("the store answers"), [(of.clone(), beside.clone())]);
    let tokens = subject.registry.tokens(beside.id).await.expect("the store answers");
    assert_eq!(tokens, [kept]);
    // What is gone is not changed any more, and its name is free.
    stale(&amend(&subject, remove(0)).await);
    stale(&replace(&subject, &Connection { revision: 1, ..made.clone() }, 0).await);
    let entry = Entry::Token(Box::new(rollcall_domain::Token { revision: 1, ..token.clone() }));
    stale(&amend(&subject, Amend::Replace { entry, expect: 0 }).await);
    connection(&subject, &of, Some("main")).await;
    gone(&*subject.registry, &of, &made, &token).await;
}

/// In none of the answers is there anything of a connection.
async fn gone(
    registry: &dyn Registry,
    of: &Organization,
    connection: &Connection,
    token: &rollcall_domain::Token,
) {
    assert_eq!(registry.connection(connection.id).await.expect("the store answers"), None);
    let listed = registry.connections(Some(of.id), None, 100).await.expect("the store answers");
    assert!(listed.iter().all(|(_, one)| one.id != connection.id), "{listed:#?}");
    let behind = ConnectionId::from_uuid(of.id.uuid());
    let all = registry.connections(None, Some(behind), 100).await.expect("the store answers");
    assert!(all.iter().all(|(_, one)| one.id != connection.id), "{all:#?}");
    assert_eq!(registry.tokens(connection.id).await.expect("the store answers"), []);
    assert_eq!(registry.token(token.id).await.expect("the store answers"), None);
    assert_eq!(registry.token_by_hash(token.hash).await.expect("the store answers"), None);
    let end = token.expires.expect("it ends");
    let expiring = registry.expiring_tokens((end, end), 100).await.expect("the store answers");
    assert!(expiring.iter().all(|one| one.id != token.id), "{expiring:#?}");
}

async fn an_organization_goes_after_its_connections(subject: Subject) {
    let of = organization(&subject, "acme").await;
    let made = connection(&subject, &of, None).await;
    let remove = |expect| Amend::Remove { id: EntryId::Organization(of.id), expect };
    stale(&amend(&subject, remove(0)).await);
    assert!(found(&subject, made.id).await.is_some());
    let last = Amend::Remove { id: EntryId::Connection(made.id), expect: 0 };
    amend(&subject, last).await.expect("it is removed");
    stale(&amend(&subject, remove(1)).await);
    amend(&subject, remove(0)).await.expect("it is removed");
    assert_eq!(subject.registry.organization(of.id).await.expect("the store answers"), None);
    let named = subject.registry.organization_named(&of.name).await.expect("the store answers");
    assert_eq!(named, None);
    stale(&amend(&subject, remove(0)).await);
    let again = Organization { name: of.name.clone(), ..fresh_organization() };
    add(&*subject.registry, [Entry::Organization(again)]).await;
}

fn key_of(of: OrganizationId) -> Entry {
    Entry::AdminKey(Box::new(super::keys::admin_key("theirs", Some(of))))
}

async fn an_organization_goes_with_its_keys_and_jobs(subject: Subject) {
    let (gone, stays) =
        (organization(&subject, "acme").await, organization(&subject, "other").await);
    let job = |of: &Organization| super::jobs::job_of(of.id);
    let (theirs, others) = (job(&gone), job(&stays));
    for (of, job) in [(&gone, &theirs), (&stays, &others)] {
        add(&*subject.registry, [key_of(of.id), Entry::Job(Box::new(job.clone()))]).await;
    }
    // The job that erases it begins as it goes.
    let last = job(&gone);
    let id = EntryId::Organization(gone.id);
    let acts =
        vec![Amend::Remove { id, expect: 0 }, Amend::Add(Entry::Job(Box::new(last.clone())))];
    let amendment = Amendment { acts, ..Amendment::default() };
    subject.registry.amend(amendment).await.expect("it goes");
    let found = async |id| subject.registry.job(id).await.expect("the store answers");
    assert_eq!(found(theirs.id).await, None);
    assert_eq!((found(others.id).await, found(last.id).await), (Some(others), Some(last.clone())));
    for (of, keys) in [(&gone, 0), (&stays, 1)] {
        let found = subject.registry.admin_keys(Some(of.id), None, 10).await;
        assert_eq!(found.expect("the store answers").len(), keys);
    }
    amend(&subject, Amend::Remove { id: EntryId::Job(last.id), expect: 0 }).await.expect("ended");
}

async fn no_key_is_added_to_an_organization_that_is_gone(subject: Subject) {
    let gone = OrganizationId::from_uuid(fresh());
    stale(&amend(&subject, Amend::Add(key_of(gone))).await);
    let found = subject.registry.admin_keys(Some(gone), None, 10).await;
    assert_eq!(found.expect("the store answers"), []);
}

async fn what_is_unknown_is_none(subject: Subject) {
    let unknown = ConnectionId::from_uuid(fresh());
    assert_eq!(subject.registry.connection(unknown).await.expect("the store answers"), None);
    assert_eq!(subject.registry.tokens(unknown).await.expect("the store answers"), []);
    let unknown = OrganizationId::from_uuid(fresh());
    assert_eq!(subject.registry.organization(unknown).await.expect("the store answers"), None);
    let scope = Scope { organization: unknown, connection: ConnectionId::from_uuid(fresh()) };
    let mut site = Site::open(&subject).await;
    site.at = scope;
    assert_eq!(site.total(crate::users()).await, 0);
}
