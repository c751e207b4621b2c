//! Relations: sets whose changes are told from what was asked.

use std::slice;

use rollcall_domain::{Act, CommitError, Edge, ResourceId, Write};
use serde_json::{Value, json};

use crate::contract::cases;
use crate::{LoggedEvent, Site, Subject, fresh_id, groups, users};

cases![
    r_etag_09_a_new_member_moves_the_group_alone,
    a_link_that_changes_nothing_writes_nothing,
    only_edges_that_changed_are_logged,
    a_relation_is_replaced_by_its_difference,
    a_relation_replaced_by_itself_stays_untouched,
    a_relation_is_emptied,
    unknown_members_are_all_named,
    a_creation_with_members_logs_them,
    a_replacement_changes_body_and_members_at_once,
    a_link_insists_on_a_version,
    a_link_shows_what_its_member_is_called_now,
    a_link_to_a_group_is_of_its_kind,
    links_are_loaded_when_asked_for,
    edges_come_in_pages,
    edges_of_no_one_are_none,
];

/// The edges that an event tells of.
#[track_caller]
pub(super) fn check_moved(event: &LoggedEvent, added: &[ResourceId], removed: &[ResourceId]) {
    let sorted = |ids: &[ResourceId]| {
        let mut texts: Vec<_> = ids.iter().map(ToString::to_string).collect();
        texts.sort_unstable();
        texts
    };
    let told = |name: &str| {
        let ids = event.changes.get("members").and_then(|moved| moved.get(name));
        let ids = ids.and_then(Value::as_array).unwrap_or_else(|| panic!("`{name}`: {event:#?}"));
        let mut ids: Vec<_> = ids.iter().filter_map(Value::as_str).map(String::from).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!((told("added"), told("removed")), (sorted(added), sorted(removed)), "{event:#?}");
}

/// The one event at this version of the resource.
pub(super) async fn event_at(site: &Site, id: ResourceId, version: u64) -> LoggedEvent {
    let mut events = site.events_of(id).await;
    events.retain(|event| event.version == version);
    let [event] = events.as_slice() else { panic!("one event at {version}: {events:#?}") };
    event.clone()
}

async fn r_etag_09_a_new_member_moves_the_group_alone(subject: Subject) {
    let site = Site::open(&subject).await;
    let (ada, grace) = (site.user("ada").await, site.user("grace").await);
    let group = site.group("crew", &[ada]).await;
    let created = site.expect(groups(), group).await.record.created;
    let write = site.linking(group, &[grace], &[]);
    let (at, event) = (write.at, write.event.id);
    let written = site.one(write).await.expect("a member");
    assert_eq!((written.version, written.changed), (2, true));
    assert_eq!((written.created, written.modified), (created, at));
    let record = site.expect(groups(), group).await.record;
    assert_eq!((record.version, record.modified), (2, at));
    assert_eq!(site.members(group).await, [ada, grace]);
    let logged = event_at(&site, group, 2).await;
    assert_eq!((logged.id, &*logged.action, logged.at), (event, "resource.changed", at));
    check_moved(&logged, &[grace], &[]);
    assert_eq!(site.expect(users(), grace).await.record.version, 1);
    assert_eq!(site.events_of(grace).await.len(), 1);
}

async fn a_link_that_changes_nothing_writes_nothing(subject: Subject) {
    let site = Site::open(&subject).await;
    let (ada, grace) = (site.user("ada").await, site.user("grace").await);
    let group = site.group("crew", &[ada]).await;
    let (before, logged) = (site.expect(groups(), group).await, site.events().await);
    for write in [
        site.linking(group, &[ada], &[]),
        site.linking(group, &[], &[grace]),
        site.linking(group, &[ada], &[grace, fresh_id()]),
        site.linking(group, &[], &[]),
    ] {
        let written = site.one(write).await.expect("nothing to do");
        assert_eq!((written.version, written.changed), (1, false));
        assert_eq!(written.modified, before.record.modified);
        assert_eq!(written.created, before.record.created);
    }
    assert_eq!(site.expect(groups(), group).await, before);
    assert_eq!(site.events().await, logged);
}

async fn only_edges_that_changed_are_logged(subject: Subject) {
    let site = Site::open(&subject).await;
    let members = site.users((0..4).map(|n| format!("user{n}"))).await;
    let [a, b, c, d] = members.try_into().expect("four");
    let group = site.group("crew", &[a, b]).await;
    site.put(site.linking(group, &[a, c], &[b, d])).await;
    assert_eq!(site.members(group).await, [a, c]);
    check_moved(&event_at(&site, group, 2).await, &[c], &[b]);
}

async fn a_relation_is_replaced_by_its_difference(subject: Subject) {
    let site = Site::open(&subject).await;
    let members = site.users((0..4).map(|n| format!("user{n}"))).await;
    let [a, b, c, d] = members.try_into().expect("four");
    let group = site.group("crew", &[a, b, c]).await;
    let written = site.one(site.relinking(group, &[b, d])).await.expect("other members");
    assert_eq!((written.version, written.changed), (2, true));
    assert_eq!(site.members(group).await, [b, d]);
    check_moved(&event_at(&site, group, 2).await, &[d], &[a, c]);
}

async fn a_relation_replaced_by_itself_stays_untouched(subject: Subject) {
    let site = Site::open(&subject).await;
    let members = site.users((0..3).map(|n| format!("user{n}"))).await;
    let group = site.group("crew", &members).await;
    let empty = site.group("empty", &[]).await;
    let logged = site.events().await;
    for write in [site.relinking(group, &members), site.relinking(empty, &[])] {
        let written = site.one(write).await.expect("the same members");
        assert_eq!((written.version, written.changed), (1, false));
    }
    assert_eq!(site.events().await, logged);
}

async fn a_relation_is_emptied(subject: Subject) {
    let site = Site::open(&subject).await;
    let members = site.users((0..3).map(|n| format!("user{n}"))).await;
    let group = site.group("crew", &members).await;
    site.put(site.relinking(group, &[])).await;
    assert_eq!(site.members(group).await, []);
    check_moved(&event_at(&site, group, 2).await, &[], &members);
}

async fn unknown_members_are_all_named(subject: Subject) {
    let site = Site::open(&subject).await;
    let ada = site.user("ada").await;
    let grace = site.user("grace").await;
    site.put(site.deletion(users(), grace)).await;
    let group = site.group("crew", &[]).await;
    let mut unknown = vec![fresh_id(), grace, fresh_id()];
    let mut wanted = unknown.clone();
    wanted.push(ada);
    unknown.sort_unstable();
    let writes = [
        site.linking(group, &wanted, &[]),
        site.relinking(group, &wanted),
        site.group_named("b", &wanted),
    ];
    for write in writes {
        match site.one(write).await {
            Err(CommitError::UnknownMembers(mut named)) => {
                named.sort_unstable();
                assert_eq!(named, unknown);
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(site.members(group).await, []);
    assert_eq!(site.total(groups()).await, 1);
}

async fn a_creation_with_members_logs_them(subject: Subject) {
    let site = Site::open(&subject).await;
    let members = site.users((0..3).map(|n| format!("user{n}"))).await;
    let write = site.group_named("crew", &members);
    let given = write.event.changes.clone();
    let group = site.put(write).await;
    let event = event_at(&site, group, 1).await;
    check_moved(&event, &members, &[]);
    let mut changes = event.changes;
    changes.remove("members");
    assert_eq!(changes, given);
    let empty = site.group("empty", &[]).await;
    assert!(!event_at(&site, empty, 1).await.changes.contains_key("members"));
}

async fn a_replacement_changes_body_and_members_at_once(subject: Subject) {
    let site = Site::open(&subject).await;
    let (ada, grace) = (site.user("ada").await, site.user("grace").await);
    let group = site.group("crew", &[ada]).await;
    let found = site.expect(groups(), group).await;
    let body =
        site.replacement(groups(), &found, json!({ "displayName": "staff" })).expect("a group");
    let edges = site.relinking(group, &[grace]).edges;
    let written = site.one(Write { edges, ..body.clone() }).await.expect("both");
    assert_eq!(written.version, 2);
    let found = site.expect(groups(), group).await;
    assert!(found.record.body.contains("staff"));
    assert_eq!(site.members(group).await, [grace]);
    let event = event_at(&site, group, 2).await;
    check_moved(&event, &[grace], &[ada]);
    assert_eq!(event.changes.get("after"), body.event.changes.get("after"));

    // Where no edge changes, the body still does.
    let body =
        site.replacement(groups(), &found, json!({ "displayName": "team" })).expect("a group");
    let edges = site.linking(group, &[grace], &[ada]).edges;
    assert_eq!(site.one(Write { edges, ..body }).await.expect("the body").version, 3);
    assert!(!event_at(&site, group, 3).await.changes.contains_key("members"));
}

async fn a_link_insists_on_a_version(subject: Subject) {
    let site = Site::open(&subject).await;
    let (ada, grace) = (site.user("ada").await, site.user("grace").await);
    let group = site.group("crew", &[]).await;
    let insist =
        |version, write: Write| Write { act: Act::Link { expect: Some(version) }, ..write };
    site.put(insist(1, site.linking(group, &[ada], &[]))).await;
    let stale = site.one(insist(1, site.linking(group, &[grace], &[]))).await;
    assert!(matches!(stale, Err(CommitError::Stale)), "{stale:?}");
    assert_eq!(site.members(group).await, [ada]);
    let written = site.one(insist(2, site.relinking(group, &[grace]))).await.expect("at version 2");
    assert_eq!(written.version, 3);
}

async fn a_link_shows_what_its_member_is_called_now(subject: Subject) {
    let site = Site::open(&subject).await;
    let ada = site.user("ada").await;
    let group = site.group("crew", &[ada]).await;
    site.put(site.renaming(ada, "Åugusta").await).await;
    let found = site.expect(groups(), group).await;
    let [link] = found.links.as_slice() else { panic!("one link: {found:?}") };
    assert_eq!((&*link.kind, link.display.as_deref()), ("User", Some("Åugusta")));
    assert_eq!(found.record.version, 1);
}

async fn a_link_to_a_group_is_of_its_kind(subject: Subject) {
    let site = Site::open(&subject).await;
    let inner = site.group("inner", &[]).await;
    let outer = site.group("outer", &[inner]).await;
    let found = site.expect(groups(), outer).await;
    let [link] = found.links.as_slice() else { panic!("one link: {found:?}") };
    assert_eq!((&*link.kind, link.display.as_deref()), ("Group", Some("inner")));
    assert_eq!(link.id, inner.to_string());
}

async fn links_are_loaded_when_asked_for(subject: Subject) {
    let site = Site::open(&subject).await;
    let ada = site.user("ada").await;
    let group = site.group("crew", &[ada]).await;
    let bare = site.reader().get(groups(), group, rollcall_domain::Load::default()).await;
    let bare = bare.expect("the store answers").expect("the group is there");
    assert_eq!((bare.links, bare.incoming), (vec![], vec![]));
    assert_eq!(site.expect(groups(), group).await.record, bare.record);
}

async fn edges_come_in_pages(subject: Subject) {
    let site = Site::open(&subject).await;
    let members = site.users((0..7).map(|n| format!("user{n}"))).await;
    let crew = site.group("crew", &members).await;
    let staff = site.group("staff", members.get(..3).expect("three")).await;
    let other = site.group("other", &members).await;
    let mut walked = Vec::new();
    let mut after = None;
    loop {
        // The order of the owners that are asked for doesn't matter.
        let page = site.reader().edges("members", &[staff, crew], after, 4).await.expect("edges");
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 4 && walked.len() <= 10, "the walk goes on: {walked:#?}");
        after = Some((last.owner, last.member));
        walked.extend(page);
    }
    let pairs: Vec<_> = walked.iter().map(|edge| (edge.owner, edge.member)).collect();
    let crew_pairs = members.iter().map(|member| (crew, *member));
    let staff_pairs = members.iter().take(3).map(|member| (staff, *member));
    assert_eq!(pairs, crew_pairs.chain(staff_pairs).collect::<Vec<_>>());
    let named = |edge: &Edge| edge.link.display.clone().zip(Some(edge.link.kind.clone()));
    assert_eq!(walked.first().and_then(named), Some(("user0".into(), "User".into())));
    let whole = site.reader().edges("members", slice::from_ref(&other), None, 100).await;
    assert_eq!(whole.expect("edges").len(), 7);
}

async fn edges_of_no_one_are_none(subject: Subject) {
    let site = Site::open(&subject).await;
    let ada = site.user("ada").await;
    let group = site.group("crew", &[ada]).await;
    let reader = site.reader();
    for (attr, owners) in [("members", vec![]), ("members", vec![ada]), ("owners", vec![group])] {
        assert_eq!(reader.edges(attr, &owners, None, 10).await.expect("edges"), []);
    }
    assert_eq!(reader.edges("members", &[group], None, 0).await.expect("edges"), []);
}
