//! Writers that meet.

use std::collections::BTreeSet;
use std::sync::Arc;

use rollcall_domain::{CommitError, ResourceId, Write, Written};

use super::links::check_moved;
use crate::contract::cases;
use crate::{Site, Subject, groups, users};

cases![
    of_parallel_replacements_one_wins,
    parallel_joins_move_the_group_one_by_one,
    parallel_joins_of_one_member_change_the_group_once,
    of_parallel_member_lists_one_stands,
    a_deletion_meets_the_joining_of_its_member,
    of_parallel_deletions_one_wins,
    parallel_deletions_leave_one_group_in_order,
    mixed_writers_leave_a_log_without_gaps,
];

/// Commits each write in a task of its own, all at once.
async fn all(site: &Arc<Site>, writes: Vec<Write>) -> Vec<Result<Written, CommitError>> {
    let start = |write| {
        let site = Arc::clone(site);
        tokio::spawn(async move { site.one(write).await })
    };
    let tasks: Vec<_> = writes.into_iter().map(start).collect();
    let mut outcomes = Vec::new();
    for task in tasks {
        outcomes.push(task.await.expect("no panic"));
    }
    outcomes
}

async fn of_parallel_replacements_one_wins(subject: Subject) {
    let site = Arc::new(Site::open(&subject).await);
    let user = site.user("ada").await;
    let mut writes = Vec::new();
    for n in 0..20 {
        writes.push(site.renaming(user, &format!("name{n}")).await);
    }
    let outcomes = all(&site, writes).await;
    let won = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    let stale =
        outcomes.iter().filter(|outcome| matches!(outcome, Err(CommitError::Stale))).count();
    assert_eq!((won, stale), (1, 19), "{outcomes:?}");
    assert_eq!(site.expect(users(), user).await.record.version, 2);
    assert_eq!(site.events_of(user).await.len(), 2);
}

/// Every version from 2 on was answered once, and logged once with the edge that it stands for.
async fn check_one_by_one(site: &Site, group: ResourceId, versions: &[(u64, ResourceId)]) {
    let answered: BTreeSet<u64> = versions.iter().map(|(version, _)| *version).collect();
    let last = versions.len() as u64 + 1;
    assert_eq!(answered, (2..=last).collect(), "consecutive versions");
    let events = site.events_of(group).await;
    let logged: Vec<_> = events.iter().map(|event| event.version).collect();
    assert_eq!(logged, (1..=last).collect::<Vec<_>>());
    for (version, member) in versions {
        let event = events.iter().find(|event| event.version == *version);
        check_moved(event.expect("an event for each version"), &[*member], &[]);
    }
    assert_eq!(site.expect(groups(), group).await.record.version, last);
}

async fn parallel_joins_move_the_group_one_by_one(subject: Subject) {
    let site = Arc::new(Site::open(&subject).await);
    let members = site.users((0..100).map(|n| format!("user{n}"))).await;
    let group = site.group("crew", &[]).await;
    let writes = members.iter().map(|member| site.linking(group, &[*member], &[])).collect();
    let mut versions = Vec::new();
    for (outcome, member) in all(&site, writes).await.into_iter().zip(&members) {
        let written = outcome.expect("members join");
        assert!(written.changed);
        versions.push((written.version, *member));
    }
    check_one_by_one(&site, group, &versions).await;
    assert_eq!(site.members(group).await, members);
}

async fn parallel_joins_of_one_member_change_the_group_once(subject: Subject) {
    let site = Arc::new(Site::open(&subject).await);
    let ada = site.user("ada").await;
    let group = site.group("crew", &[]).await;
    let writes = (0..30).map(|_| site.linking(group, &[ada], &[])).collect();
    let outcomes = all(&site, writes).await;
    let changed = |outcome: &&Result<Written, CommitError>| {
        outcome.as_ref().is_ok_and(|written| written.changed)
    };
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!(outcomes.iter().filter(changed).count(), 1, "{outcomes:?}");
    check_one_by_one(&site, group, &[(2, ada)]).await;
}

async fn of_parallel_member_lists_one_stands(subject: Subject) {
    let site = Arc::new(Site::open(&subject).await);
    let people = site.users((0..12).map(|n| format!("user{n}"))).await;
    let group = site.group("crew", people.get(..6).expect("six")).await;
    let lists: Vec<Vec<ResourceId>> = people.windows(4).map(<[_]>::to_vec).collect();
    let writes = lists.iter().map(|list| site.relinking(group, list)).collect();
    for outcome in all(&site, writes).await {
        assert!(outcome.expect("a list").changed);
    }
    assert!(lists.contains(&site.members(group).await));
    let versions: Vec<_> =
        site.events_of(group).await.into_iter().map(|event| event.version).collect();
    assert_eq!(versions, (1..=lists.len() as u64 + 1).collect::<Vec<_>>());
    check_replay(&site, group).await;
}

/// The log of a group tells the members that it has.
async fn check_replay(site: &Site, group: ResourceId) {
    let mut told = BTreeSet::new();
    for event in site.events_of(group).await {
        let Some(moved) = event.changes.get("members") else { continue };
        for (name, joins) in [("added", true), ("removed", false)] {
            let ids = moved.get(name).and_then(serde_json::Value::as_array);
            for id in ids.into_iter().flatten() {
                let id = id.as_str().expect("an id").to_owned();
                let fresh = if joins { told.insert(id) } else { told.remove(&id) };
                assert!(fresh, "each event tells what changed then: {event:#?}");
            }
        }
    }
    let members: BTreeSet<_> = site.members(group).await.iter().map(ToString::to_string).collect();
    assert_eq!(told, members);
}

async fn a_deletion_meets_the_joining_of_its_member(subject: Subject) {
    let site = Arc::new(Site::open(&subject).await);
    let group = site.group("crew", &[]).await;
    for round in 0..25 {
        let user = site.user(&format!("user{round}")).await;
        let mut writes = vec![site.linking(group, &[user], &[]), site.deletion(users(), user)];
        if round % 2 == 1 {
            writes.reverse();
        }
        let outcomes = all(&site, writes).await;
        for outcome in outcomes {
            match outcome {
                Ok(_) => {}
                Err(CommitError::UnknownMembers(ids)) if ids == [user] => {}
                Err(other) => panic!("{other:?}"),
            }
        }
        assert_eq!(site.get(users(), user).await, None);
        assert_eq!(site.members(group).await, []);
    }
    check_replay(&site, group).await;
    let last = site.events_of(group).await.last().expect("events").version;
    assert_eq!(site.expect(groups(), group).await.record.version, last);
}

async fn of_parallel_deletions_one_wins(subject: Subject) {
    let site = Arc::new(Site::open(&subject).await);
    let user = site.user("ada").await;
    let group = site.group("crew", &[user]).await;
    let writes = (0..10).map(|_| site.deletion(users(), user)).collect();
    let outcomes = all(&site, writes).await;
    let won = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    let gone = outcomes.iter().filter(|outcome| matches!(outcome, Err(CommitError::Gone))).count();
    assert_eq!((won, gone), (1, 9), "{outcomes:?}");
    assert_eq!(site.events_of(user).await.len(), 2);
    assert_eq!(site.expect(groups(), group).await.record.version, 2);
    assert_eq!(site.total(users()).await, 0);
}

async fn parallel_deletions_leave_one_group_in_order(subject: Subject) {
    let site = Arc::new(Site::open(&subject).await);
    let people = site.users((0..20).map(|n| format!("user{n}"))).await;
    let (crew, staff) = (site.group("crew", &people).await, site.group("staff", &people).await);
    let writes = people.iter().map(|user| site.deletion(users(), *user)).collect();
    for outcome in all(&site, writes).await {
        outcome.expect("deletions of different users don't disturb each other");
    }
    for group in [crew, staff] {
        assert_eq!(site.expect(groups(), group).await.record.version, 21);
        let versions: Vec<_> =
            site.events_of(group).await.into_iter().map(|event| event.version).collect();
        assert_eq!(versions, (1..=21).collect::<Vec<_>>());
        check_replay(&site, group).await;
    }
}

async fn mixed_writers_leave_a_log_without_gaps(subject: Subject) {
    let site = Arc::new(Site::open(&subject).await);
    let people = site.users((0..16).map(|n| format!("user{n}"))).await;
    let group = site.group("crew", people.get(..8).expect("eight")).await;
    let mut writes = Vec::new();
    for (n, user) in people.iter().enumerate() {
        writes.push(match n % 4 {
            0 => site.deletion(users(), *user),
            1 => site.renaming(*user, &format!("other{n}")).await,
            2 => site.linking(group, &[], &[*user]),
            _ => site.linking(group, &[*user], &[]),
        });
    }
    writes.push(site.user_named("new"));
    writes.push(site.user_named("NEW"));
    let outcomes = all(&site, writes).await;
    let failed: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
    assert!(matches!(failed.as_slice(), [CommitError::Taken { .. }]), "{failed:?}");
    check_replay(&site, group).await;
    let events = site.events().await;
    let numbers: Vec<_> = events.iter().filter_map(|event| event.seq).collect();
    assert!(numbers.is_empty() || numbers == (1..=events.len() as u64).collect::<Vec<_>>());
    assert_eq!(site.total(users()).await, 16 - 4 + 1);
}
