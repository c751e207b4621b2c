//! Resources that another connection of the organization takes over as they are.

use rollcall_domain::{
    Act, Action, CommitError, ConnectionId, Event, EventId, Halt, Key, ResourceId, Scope, Write,
    Written,
};
use rollcall_schema::ResourceType;
use serde_json::{Map, json};

use crate::contract::cases;
use crate::fresh::fresh;
use crate::{Asked, Site, Subject, document, groups, ids, users};

cases![
    a_resource_is_handed_over_as_it_is,
    edges_go_with_their_resources,
    edges_wait_for_members_that_follow,
    counts_move,
    what_was_handed_over_is_found_by_its_new_keys,
    a_value_in_use_stays_where_it_is,
    a_value_is_free_where_it_left,
    a_handover_expects_a_version,
    a_handover_is_logged_where_it_left,
    nothing_is_handed_over_twice,
];

/// A resource that goes to another connection.
async fn handing(site: &Site, to: &Site, ty: &ResourceType, id: ResourceId) -> Write {
    let found = site.expect(ty, id).await;
    let keys = ty.index_keys(&document(&found));
    let keys = keys.iter().map(|key| Key::of(ty, key)).collect();
    let changes = json!({ "after": { "connection": to.at.connection } });
    let event = Event {
        id: EventId::from_uuid(fresh()),
        actor: site.actor,
        action: Action::HandedOver,
        changes: changes.as_object().cloned().unwrap_or_else(Map::new),
    };
    let (expect, to) = (found.record.version, to.at.connection);
    let act = Act::HandOver { expect, to, keys, indexed: 3 };
    Write { kind: ty.name().into(), id, at: site.now(), act, edges: Vec::new(), event }
}

async fn hand(
    site: &Site,
    to: &Site,
    ty: &ResourceType,
    id: ResourceId,
) -> Result<Written, CommitError> {
    site.one(handing(site, to, ty, id).await).await
}

async fn places(subject: &Subject) -> (Site, Site) {
    let site = Site::open(subject).await;
    let to = site.beside().await;
    (site, to)
}

async fn a_resource_is_handed_over_as_it_is(subject: Subject) {
    let (site, to) = places(&subject).await;
    let body = json!({"userName": "ada", "displayName": "Ada", "nickName": "naïve \"\u{1F600}\""});
    let user = site.put(site.creation(users(), body).expect("a user")).await;
    site.put(site.renaming(user, "ada.l").await).await;
    let before = site.expect(users(), user).await.record;
    let written = hand(&site, &to, users(), user).await.expect("it is handed over");
    assert!(written.changed);
    assert_eq!((written.version, written.created), (before.version + 1, before.created));
    assert_eq!(site.get(users(), user).await, None);
    let after = to.expect(users(), user).await.record;
    assert_eq!((&after.body, after.created), (&before.body, before.created));
    assert_eq!((after.version, after.indexed), (before.version + 1, 3));
    assert_eq!(after.modified, written.modified);
    // It goes on there.
    to.put(to.renaming(user, "ada.k").await).await;
    let gone = site.one(site.deletion(users(), user)).await;
    assert!(matches!(gone, Err(CommitError::Gone)), "{gone:?}");
    to.put(to.deletion(users(), user)).await;
    assert_eq!(to.get(users(), user).await, None);
}

/// Two users, a group of both, and a group of that group.
async fn nested(site: &Site) -> ([ResourceId; 2], [ResourceId; 2]) {
    let (ada, grace) = (site.user("ada").await, site.user("grace").await);
    let inner = site.group("inner", &[ada, grace]).await;
    let outer = site.group("outer", &[inner]).await;
    ([ada, grace], [inner, outer])
}

async fn check_nested(to: &Site, people: [ResourceId; 2], crews: [ResourceId; 2]) {
    let ([ada, grace], [inner, outer]) = (people, crews);
    assert_eq!(to.members(inner).await, [ada, grace]);
    assert_eq!(to.members(outer).await, [inner]);
    for user in people {
        let incoming = to.expect(users(), user).await.incoming;
        let mut reached: Vec<_> = incoming.iter().map(|one| one.id.clone()).collect();
        reached.sort();
        assert_eq!(reached, [inner, outer].map(|id| id.to_string()));
    }
    let asked = Asked::filter(groups(), &format!("members.value eq \"{ada}\"")).expect("a filter");
    assert_eq!(ids(&to.find(&asked.query()).await), [inner]);
    let edges = to.reader().edges("members", &[inner, outer], None, 10).await.expect("edges");
    assert_eq!(edges.len(), 3);
}

/// In one change, everything at once.
async fn edges_go_with_their_resources(subject: Subject) {
    let (site, to) = places(&subject).await;
    let (people, crews) = nested(&site).await;
    let mut writes = Vec::new();
    for user in people {
        writes.push(handing(&site, &to, users(), user).await);
    }
    for group in crews {
        writes.push(handing(&site, &to, groups(), group).await);
    }
    let written = site.commit(writes).await.expect("they are handed over");
    assert_eq!(written.len(), 4);
    check_nested(&to, people, crews).await;
    assert_eq!((site.total(users()).await, site.total(groups()).await), (0, 0));
    let edges = site.reader().edges("members", &crews, None, 10).await.expect("edges");
    assert_eq!(edges, []);
    // Members come and go there, and nothing is left of those who leave.
    to.put(to.linking(crews[0], &[], &people[..1])).await;
    assert_eq!(to.members(crews[0]).await, people[1..]);
    to.put(to.deletion(users(), people[1])).await;
    assert_eq!(to.members(crews[0]).await, []);
}

/// One after the other, members first or last.
async fn edges_wait_for_members_that_follow(subject: Subject) {
    for groups_first in [false, true] {
        let (site, to) = places(&subject).await;
        let (people, crews) = nested(&site).await;
        let mut order: Vec<(&ResourceType, ResourceId)> = Vec::new();
        order.extend(people.map(|user| (users(), user)));
        order.extend(crews.map(|group| (groups(), group)));
        if groups_first {
            order.reverse();
        }
        let mut changes = Vec::new();
        for (ty, id) in order {
            changes.push(vec![handing(&site, &to, ty, id).await]);
        }
        for result in site.row(changes, Halt::Never).await {
            result.expect("it is handed over");
        }
        check_nested(&to, people, crews).await;
    }
}

async fn counts_move(subject: Subject) {
    let (site, to) = places(&subject).await;
    let made = site.users((0..3).map(|n| format!("user{n}"))).await;
    let [first, second, third] = made.as_slice() else { panic!("three: {made:?}") };
    to.user("there").await;
    hand(&site, &to, users(), *second).await.expect("it is handed over");
    for _ in 0..2 {
        assert_eq!((site.total(users()).await, to.total(users()).await), (2, 2));
        subject.store.maintain().await.expect("it keeps house");
    }
    let asked = Asked::all(users());
    assert_eq!(ids(&site.find(&asked.query()).await), [*first, *third]);
}

async fn what_was_handed_over_is_found_by_its_new_keys(subject: Subject) {
    let (site, to) = places(&subject).await;
    let (ada, grace) = (site.user("ada").await, site.user("grace").await);
    let mut write = handing(&site, &to, users(), ada).await;
    if let Act::HandOver { keys, .. } = &mut write.act {
        keys.retain(|key| &*key.attr != "userName");
    }
    site.put(write).await;
    hand(&site, &to, users(), grace).await.expect("it is handed over");
    let named = async |site: &Site, name: &str| {
        let asked = Asked::filter(users(), &format!("userName eq \"{name}\"")).expect("a filter");
        ids(&site.find(&asked.query()).await)
    };
    assert_eq!(named(&to, "grace").await, [grace]);
    // There is no other key afterwards: the name isn't taken.
    to.user("ada").await;
    assert_eq!(named(&site, "ada").await, []);
    assert_eq!(named(&site, "grace").await, []);
}

async fn a_value_in_use_stays_where_it_is(subject: Subject) {
    let (site, to) = places(&subject).await;
    let (ada, grace) = (site.user("ada").await, site.user("grace").await);
    let crew = site.group("crew", &[ada]).await;
    to.user("ada").await;
    let before = (site.expect(users(), ada).await, site.expect(groups(), crew).await);
    let logged = site.events().await;
    let taken = hand(&site, &to, users(), ada).await;
    assert!(matches!(&taken, Err(CommitError::Taken { attr }) if attr == "userName"), "{taken:?}");
    let both =
        vec![handing(&site, &to, users(), grace).await, handing(&site, &to, users(), ada).await];
    let taken = site.commit(both).await;
    assert!(matches!(taken, Err(CommitError::Taken { .. })), "{taken:?}");
    assert_eq!((site.expect(users(), ada).await, site.expect(groups(), crew).await), before);
    assert_eq!((site.total(users()).await, to.total(users()).await), (2, 1));
    assert_eq!(to.get(users(), grace).await, None);
    assert_eq!(site.events().await, logged);
    // Each of a row is on its own.
    let row = vec![
        vec![handing(&site, &to, users(), ada).await],
        vec![handing(&site, &to, users(), grace).await],
    ];
    let results = site.row(row, Halt::Never).await;
    let [first, second] = results.as_slice() else { panic!("two: {results:?}") };
    assert!(matches!(first, Err(CommitError::Taken { .. })), "{first:?}");
    assert!(second.is_ok(), "{second:?}");
    assert_eq!((site.total(users()).await, to.total(users()).await), (1, 2));
}

async fn a_value_is_free_where_it_left(subject: Subject) {
    let (site, to) = places(&subject).await;
    let ada = site.user("ada").await;
    hand(&site, &to, users(), ada).await.expect("it is handed over");
    site.user("ada").await;
    let taken = to.one(to.user_named("ada")).await;
    assert!(matches!(taken, Err(CommitError::Taken { .. })), "{taken:?}");
}

async fn a_handover_expects_a_version(subject: Subject) {
    let (site, to) = places(&subject).await;
    let ada = site.user("ada").await;
    let late = handing(&site, &to, users(), ada).await;
    site.put(site.renaming(ada, "ada.l").await).await;
    let stale = site.one(late).await;
    assert!(matches!(stale, Err(CommitError::Stale)), "{stale:?}");
    assert_eq!(to.get(users(), ada).await, None);
    assert_eq!(site.expect(users(), ada).await.record.version, 2);
}

async fn a_handover_is_logged_where_it_left(subject: Subject) {
    let (site, to) = places(&subject).await;
    let ada = site.user("ada").await;
    let write = handing(&site, &to, users(), ada).await;
    let event = write.event.clone();
    site.put(write).await;
    let events = site.events_of(ada).await;
    let last = events.last().expect("it is logged");
    assert_eq!((&*last.action, last.version), ("resource.handed_over", 2));
    assert_eq!((last.connection, &last.changes), (site.at.connection, &event.changes));
    assert_eq!((last.id, &last.actor), (event.id, &event.actor.to_string()));
    assert_eq!(events.len(), 2);
}

async fn nothing_is_handed_over_twice(subject: Subject) {
    let (site, to) = places(&subject).await;
    let ada = site.user("ada").await;
    let write = handing(&site, &to, users(), ada).await;
    site.put(write.clone()).await;
    let again = Event { id: EventId::from_uuid(fresh()), ..write.event.clone() };
    let gone = site.one(Write { event: again, ..write.clone() }).await;
    assert!(matches!(gone, Err(CommitError::Gone)), "{gone:?}");
    // Nor from where it never was.
    let stranger = Site::open(&subject).await;
    let crossed = Scope { connection: ConnectionId::from_uuid(fresh()), ..stranger.at };
    for at in [stranger.at, crossed] {
        let event = Event { id: EventId::from_uuid(fresh()), ..write.event.clone() };
        let change = rollcall_domain::Change { writes: vec![Write { event, ..write.clone() }] };
        let gone = subject.store.commit(at, change).await;
        assert!(matches!(gone, Err(CommitError::Gone)), "{gone:?}");
    }
    assert_eq!(to.expect(users(), ada).await.record.version, 2);
}
