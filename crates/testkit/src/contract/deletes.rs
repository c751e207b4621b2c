//! Ends: what a deletion takes along.

use rollcall_domain::{Act, CommitError, Write};

use super::links::{check_moved, event_at};
use crate::contract::cases;
use crate::{Site, Subject, groups, users};

cases![
    a_deleted_resource_is_gone,
    a_deletion_insists_on_a_version,
    r_res_03_a_deleted_member_leaves_its_groups,
    a_deleted_group_lets_its_members_go,
    a_deleted_group_leaves_its_parents,
    a_group_that_holds_itself_ends,
    a_deleted_member_is_not_remembered,
];

async fn a_deleted_resource_is_gone(subject: Subject) {
    let site = Site::open(&subject).await;
    let (ada, grace) = (site.user("ada").await, site.user("grace").await);
    let write = site.deletion(users(), ada);
    let at = write.at;
    let written = site.one(write).await.expect("a deletion");
    assert_eq!((written.modified, written.changed), (at, true));
    assert_eq!(site.get(users(), ada).await, None);
    assert_eq!(site.total(users()).await, 1);
    assert!(site.get(users(), grace).await.is_some());
    let events = site.events_of(ada).await;
    let actions: Vec<_> = events.iter().map(|event| &*event.action).collect();
    assert_eq!(actions, ["resource.created", "resource.deleted"]);
}

async fn a_deletion_insists_on_a_version(subject: Subject) {
    let site = Site::open(&subject).await;
    let user = site.user("ada").await;
    site.put(site.renaming(user, "grace").await).await;
    let insist = |version| {
        let act = Act::Delete { expect: Some(version) };
        Write { act, ..site.deletion(users(), user) }
    };
    let stale = site.one(insist(1)).await;
    assert!(matches!(stale, Err(CommitError::Stale)), "{stale:?}");
    assert!(site.get(users(), user).await.is_some());
    site.put(insist(2)).await;
    assert_eq!(site.get(users(), user).await, None);
}

async fn r_res_03_a_deleted_member_leaves_its_groups(subject: Subject) {
    let site = Site::open(&subject).await;
    let (ada, grace) = (site.user("ada").await, site.user("grace").await);
    let crew = site.group("crew", &[ada, grace]).await;
    let staff = site.group("staff", &[ada]).await;
    let other = site.group("other", &[grace]).await;
    let write = site.deletion(users(), ada);
    let (at, of_user) = (write.at, write.event.id);
    site.put(write).await;
    for (group, left) in [(crew, vec![grace]), (staff, vec![])] {
        let record = site.expect(groups(), group).await.record;
        assert_eq!((record.version, record.modified), (2, at));
        assert_eq!(site.members(group).await, left);
        let event = event_at(&site, group, 2).await;
        check_moved(&event, &[], &[ada]);
        assert_eq!((&*event.action, &*event.kind), ("resource.changed", "Group"));
        assert_eq!((event.at, event.actor), (at, site.actor.to_string()));
        assert_eq!(event.connection, site.at.connection);
        assert_ne!(event.id, of_user);
    }
    assert_eq!(site.expect(groups(), other).await.record.version, 1);
    // Two users, three groups, one deletion, two groups that lost a member.
    let events = site.events().await;
    assert_eq!(events.len(), 2 + 3 + 1 + 2, "{events:#?}");
    let numbers: Vec<_> = events.iter().filter_map(|event| event.seq).collect();
    assert!(numbers.is_empty() || numbers == (1..=8).collect::<Vec<_>>(), "{numbers:?}");
}

async fn a_deleted_group_lets_its_members_go(subject: Subject) {
    let site = Site::open(&subject).await;
    let ada = site.user("ada").await;
    let group = site.group("crew", &[ada]).await;
    site.put(site.deletion(groups(), group)).await;
    let found = site.expect(users(), ada).await;
    assert_eq!((found.record.version, found.incoming), (1, vec![]));
    assert_eq!(site.events_of(ada).await.len(), 1);
    assert_eq!(site.reader().edges("members", &[group], None, 10).await.expect("edges"), []);
    // That its edges go is said by its end, however many there are.
    let ended = event_at(&site, group, 2).await;
    assert_eq!(ended.action, "resource.deleted");
    assert!(!ended.changes.contains_key("members"), "{ended:#?}");
}

async fn a_deleted_group_leaves_its_parents(subject: Subject) {
    let site = Site::open(&subject).await;
    let ada = site.user("ada").await;
    let inner = site.group("inner", &[ada]).await;
    let outer = site.group("outer", &[inner, ada]).await;
    site.put(site.deletion(groups(), inner)).await;
    assert_eq!(site.members(outer).await, [ada]);
    assert_eq!(site.expect(groups(), outer).await.record.version, 2);
    check_moved(&event_at(&site, outer, 2).await, &[], &[inner]);
}

async fn a_group_that_holds_itself_ends(subject: Subject) {
    let site = Site::open(&subject).await;
    let group = site.group("crew", &[]).await;
    site.put(site.linking(group, &[group], &[])).await;
    assert_eq!(site.members(group).await, [group]);
    site.put(site.deletion(groups(), group)).await;
    assert_eq!(site.get(groups(), group).await, None);
    let actions: Vec<_> =
        site.events_of(group).await.into_iter().map(|event| event.action).collect();
    assert_eq!(actions, ["resource.created", "resource.changed", "resource.deleted"]);
}

async fn a_deleted_member_is_not_remembered(subject: Subject) {
    let site = Site::open(&subject).await;
    let ada = site.user("ada").await;
    let group = site.group("crew", &[ada]).await;
    site.put(site.deletion(users(), ada)).await;
    let written = site.one(site.linking(group, &[], &[ada])).await.expect("nothing to do");
    assert_eq!((written.version, written.changed), (2, false));
    let unknown = site.one(site.linking(group, &[ada], &[])).await;
    assert!(
        matches!(&unknown, Err(CommitError::UnknownMembers(ids)) if *ids == [ada]),
        "{unknown:?}"
    );
}
