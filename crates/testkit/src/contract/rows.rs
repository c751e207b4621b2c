//! Changes in a row: each whole or not at all, each on what those before it left.

use std::sync::Arc;

use rollcall_domain::{Act, Action, Change, CommitError, Halt, KeyChange, Write, Written};

use super::links::check_moved;
use crate::contract::cases;
use crate::{Site, Subject, fresh_id, groups, users};

cases![
    a_row_is_answered_in_order,
    each_change_finds_what_those_before_left,
    each_change_is_whole_or_not_at_all,
    of_two_that_want_one_name_the_first_has_it,
    a_name_that_was_freed_is_free_at_once,
    a_failure_ends_a_row_that_halts,
    a_row_that_never_halts_tries_each,
    a_circle_of_groups_is_one_change,
    one_group_moves_step_by_step,
    what_changes_nothing_is_not_written,
    versions_are_told_from_those_before,
    a_thousand_are_made_in_one_row,
    rows_of_many_share_names_among_them,
    an_empty_row_is_nothing,
];

type Outcome = Result<Vec<Written>, CommitError>;

fn versions(outcomes: &[Outcome]) -> Vec<u64> {
    let written = outcomes.iter().flat_map(|outcome| outcome.as_ref().expect("it commits"));
    written.map(|written| written.version).collect()
}

#[track_caller]
fn check_taken(outcome: &Outcome) {
    assert!(
        matches!(outcome, Err(CommitError::Taken { attr }) if attr == "userName"),
        "{outcome:?}"
    );
}

/// A user of another name, as a replacement of the version `expect` of one that was written as
/// `from`, whether it is there already or not.
fn renamed(site: &Site, from: &Write, expect: u64, name: &str) -> Write {
    let to = site.user_named(name);
    let (Act::Create { keys: old, .. }, Act::Create { body, keys: new }) = (&from.act, to.act)
    else {
        panic!("creations")
    };
    let without = |these: &[rollcall_domain::Key], those: &[rollcall_domain::Key]| {
        these.iter().filter(|key| !those.contains(key)).cloned().collect()
    };
    let keys = KeyChange::By { removed: without(old, &new), added: without(&new, old) };
    let mut write = Write { id: from.id, act: Act::Replace { expect, body, keys }, ..to };
    write.event.action = Action::Changed;
    write
}

async fn a_row_is_answered_in_order(subject: Subject) {
    let site = Site::open(&subject).await;
    let mut row = Vec::new();
    for size in [1, 3, 2] {
        let named = |n| site.user_named(&format!("user{size}{n}"));
        row.push((0..size).map(named).collect::<Vec<_>>());
    }
    let times: Vec<Vec<_>> =
        row.iter().map(|writes| writes.iter().map(|write| write.at).collect()).collect();
    let outcomes = site.row(row, Halt::Never).await;
    let modified: Vec<Vec<_>> = outcomes
        .into_iter()
        .map(|outcome| outcome.expect("users").iter().map(|written| written.modified).collect())
        .collect();
    assert_eq!(modified, times);
    assert_eq!(site.total(users()).await, 6);
    assert_eq!(site.events().await.len(), 6);
}

async fn each_change_finds_what_those_before_left(subject: Subject) {
    let site = Site::open(&subject).await;
    let (ada, grace) = (site.user_named("ada"), site.user_named("grace"));
    let crew = site.group_named("crew", &[ada.id]);
    let (first, second, group) = (ada.id, grace.id, crew.id);
    let (renaming, gone) = (renamed(&site, &ada, 1, "augusta"), renamed(&site, &ada, 2, "late"));
    let row = vec![
        vec![ada],
        vec![crew],
        vec![renaming],
        vec![grace],
        vec![site.linking(group, &[second], &[])],
        vec![site.deletion(users(), first)],
        vec![site.linking(group, &[first], &[])],
        vec![gone],
        vec![site.linking(group, &[], &[second])],
    ];
    let mut outcomes = site.row(row, Halt::Never).await;
    let tail = outcomes.split_off(6);
    assert_eq!(versions(&outcomes), [1, 1, 2, 1, 2, 3]);
    let [unknown, gone, last] = tail.as_slice() else { panic!("nine answers: {tail:?}") };
    assert!(
        matches!(unknown, Err(CommitError::UnknownMembers(ids)) if *ids == [first]),
        "{unknown:?}"
    );
    assert!(matches!(gone, Err(CommitError::Gone)), "{gone:?}");
    // The deletion took the group to version 3.
    assert_eq!(versions(std::slice::from_ref(last)), [4]);
    assert_eq!(site.members(group).await, []);
    let logged: Vec<_> = site.events_of(group).await.iter().map(|event| event.version).collect();
    assert_eq!(logged, [1, 2, 3, 4]);
    assert_eq!(site.total(users()).await, 1);
}

async fn each_change_is_whole_or_not_at_all(subject: Subject) {
    let site = Site::open(&subject).await;
    let (ada, grace) = (site.user("ada").await, site.user("grace").await);
    let group = site.group("crew", &[ada]).await;
    let stale = site.renaming(grace, "margaret").await;
    site.put(site.renaming(grace, "hopper").await).await;
    let logged = site.events().await.len();
    let linking = || site.linking(group, &[grace], &[ada]);
    let row = vec![
        vec![site.user_named("one")],
        vec![site.user_named("lost 1"), linking(), site.user_named("HOPPER")],
        vec![site.user_named("two")],
        vec![linking(), site.group_named("lost", &[fresh_id()]), site.user_named("lost 2")],
        vec![stale, site.user_named("lost 3"), linking()],
        vec![site.user_named("lost 4"), linking(), site.deletion(users(), fresh_id())],
        vec![site.deletion(users(), ada), site.user_named("one")],
        vec![site.user_named("three")],
    ];
    let outcomes = site.row(row, Halt::Never).await;
    let succeeded: Vec<_> = outcomes.iter().map(Result::is_ok).collect();
    assert_eq!(succeeded, [true, false, true, false, false, false, false, true], "{outcomes:?}");
    assert_eq!((site.total(users()).await, site.total(groups()).await), (5, 1));
    assert_eq!(site.members(group).await, [ada]);
    assert_eq!(site.expect(groups(), group).await.record.version, 1);
    assert_eq!(site.expect(users(), ada).await.record.version, 1);
    assert_eq!(site.events().await.len(), logged + 3);
    // None of the names has been used up.
    for n in 1..=4 {
        site.user(&format!("lost {n}")).await;
    }
}

async fn of_two_that_want_one_name_the_first_has_it(subject: Subject) {
    let site = Site::open(&subject).await;
    let names = ["ada", "ADA", "grace", "ada", "Grace", "joan"];
    let row: Vec<_> = names.iter().map(|name| vec![site.user_named(name)]).collect();
    let first = row.iter().flatten().map(|write| write.id).next().expect("six");
    let outcomes = site.row(row, Halt::Never).await;
    let made: Vec<_> = outcomes.iter().map(Result::is_ok).collect();
    assert_eq!(made, [true, false, true, false, false, true], "{outcomes:?}");
    outcomes.iter().filter(|outcome| outcome.is_err()).for_each(check_taken);
    assert!(site.expect(users(), first).await.record.body.contains("ada"));
    assert_eq!(site.total(users()).await, 3);
    assert_eq!(site.events().await.len(), 3);
}

async fn a_name_that_was_freed_is_free_at_once(subject: Subject) {
    let site = Site::open(&subject).await;
    let (ada, grace) = (site.user_named("ada"), site.user_named("grace"));
    site.commit(vec![ada.clone(), grace.clone()]).await.expect("users");
    let row = vec![
        vec![renamed(&site, &ada, 1, "joan")],
        vec![renamed(&site, &grace, 1, "ada")],
        vec![site.user_named("grace")],
        vec![site.deletion(users(), grace.id)],
        vec![site.user_named("ada")],
        vec![site.user_named("joan")],
    ];
    let mut outcomes = site.row(row, Halt::Never).await;
    check_taken(&outcomes.pop().expect("six"));
    assert_eq!(versions(&outcomes), [2, 2, 1, 3, 1]);
    assert_eq!(site.total(users()).await, 3);
}

async fn a_failure_ends_a_row_that_halts(subject: Subject) {
    let site = Site::open(&subject).await;
    site.user("taken").await;
    for (failing, answers) in [(0, 1), (2, 3), (4, 5), (5, 5)] {
        let mut row: Vec<_> =
            (0..5).map(|n| vec![site.user_named(&format!("row {failing} {n}"))]).collect();
        if let Some(writes) = row.get_mut(failing) {
            writes.push(site.user_named("taken"));
        }
        let before = site.total(users()).await;
        let mut outcomes = site.row(row, Halt::AtFailure).await;
        assert_eq!(outcomes.len(), answers, "{outcomes:?}");
        if failing < 5 {
            check_taken(&outcomes.pop().expect("answers"));
        }
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
        assert_eq!(site.total(users()).await, before + outcomes.len() as u64);
    }
    assert_eq!(site.events().await.len() as u64, site.total(users()).await);
}

async fn a_row_that_never_halts_tries_each(subject: Subject) {
    let site = Site::open(&subject).await;
    site.user("taken").await;
    let row = ["taken", "taken", "free", "taken"].map(|name| vec![site.user_named(name)]);
    let outcomes = site.row(row.into(), Halt::Never).await;
    let [first, second, third, fourth] = outcomes.as_slice() else { panic!("{outcomes:?}") };
    [first, second, fourth].into_iter().for_each(check_taken);
    assert!(third.is_ok(), "{third:?}");
    assert_eq!(site.total(users()).await, 2);
}

async fn a_circle_of_groups_is_one_change(subject: Subject) {
    let site = Site::open(&subject).await;
    let (mut one, mut other) = (site.group_named("one", &[]), site.group_named("other", &[]));
    let (first, second) = (one.id, other.id);
    one.edges = site.linking(first, &[second], &[]).edges;
    other.edges = site.linking(second, &[first], &[]).edges;
    let ada = site.user_named("ada");
    let user = ada.id;
    let joining = site.linking(first, &[user], &[]);
    let row = vec![vec![ada], vec![one, other], vec![joining]];
    let outcomes = site.row(row, Halt::AtFailure).await;
    assert_eq!(versions(&outcomes), [1, 1, 1, 2]);
    let mut members = vec![second, user];
    members.sort_unstable();
    assert_eq!(site.members(first).await, members);
    assert_eq!(site.members(second).await, [first]);
    for (group, version, added) in [(first, 1, vec![second]), (second, 1, vec![first])] {
        check_moved(&super::links::event_at(&site, group, version).await, &added, &[]);
    }
}

async fn one_group_moves_step_by_step(subject: Subject) {
    let site = Site::open(&subject).await;
    let members = site.users((0..40).map(|n| format!("user{n}"))).await;
    let group = site.group("crew", &[]).await;
    let mut row: Vec<_> =
        members.iter().map(|member| vec![site.linking(group, &[*member], &[])]).collect();
    row.push(vec![site.relinking(group, &[])]);
    let outcomes = site.row(row, Halt::Never).await;
    assert_eq!(versions(&outcomes), (2..=42).collect::<Vec<_>>());
    let events = site.events_of(group).await;
    let joined = events.iter().filter(|event| (2..=41).contains(&event.version));
    for (event, member) in joined.zip(&members) {
        check_moved(event, &[*member], &[]);
    }
    check_moved(events.last().expect("events"), &[], &members);
    assert_eq!(site.members(group).await, []);
}

async fn what_changes_nothing_is_not_written(subject: Subject) {
    let site = Site::open(&subject).await;
    let ada = site.user("ada").await;
    let group = site.group("crew", &[]).await;
    let row = (0..3).map(|_| vec![site.linking(group, &[ada], &[])]).collect();
    let outcomes = site.row(row, Halt::Never).await;
    let written = outcomes.into_iter().flat_map(|outcome| outcome.expect("a link"));
    let told: Vec<_> = written.map(|written| (written.version, written.changed)).collect();
    assert_eq!(told, [(2, true), (2, false), (2, false)]);
    assert_eq!(site.events_of(group).await.len(), 2);
}

async fn versions_are_told_from_those_before(subject: Subject) {
    let site = Site::open(&subject).await;
    let ada = site.user_named("ada");
    let insisting = |version| {
        let mut write = site.deletion(users(), ada.id);
        write.act = Act::Delete { expect: Some(version) };
        write
    };
    let row = vec![
        vec![ada.clone()],
        vec![renamed(&site, &ada, 1, "grace")],
        vec![renamed(&site, &ada, 1, "joan")],
        vec![insisting(1)],
        vec![insisting(2)],
        vec![insisting(2)],
    ];
    let outcomes = site.row(row, Halt::Never).await;
    let [Ok(_), Ok(_), stale, early, Ok(_), gone] = outcomes.as_slice() else {
        panic!("{outcomes:?}")
    };
    assert!(matches!(stale, Err(CommitError::Stale)), "{stale:?}");
    assert!(matches!(early, Err(CommitError::Stale)), "{early:?}");
    assert!(matches!(gone, Err(CommitError::Gone)), "{gone:?}");
    assert_eq!(site.events_of(ada.id).await.len(), 3);
}

async fn a_thousand_are_made_in_one_row(subject: Subject) {
    let site = Site::open(&subject).await;
    site.user("user500").await;
    let row: Vec<_> = (0..1_000).map(|n| vec![site.user_named(&format!("user{n}"))]).collect();
    let ids: Vec<_> = row.iter().flatten().map(|write| write.id).collect();
    let outcomes = site.row(row, Halt::Never).await;
    assert_eq!(outcomes.len(), 1_000);
    for (n, outcome) in outcomes.iter().enumerate() {
        match outcome {
            Ok(written) => assert!(n != 500 && written.len() == 1, "{n}: {written:?}"),
            taken => check_taken(taken),
        }
    }
    assert_eq!(site.total(users()).await, 1_000);
    let events = site.events().await;
    assert_eq!(events.len(), 1_000);
    let numbers: Vec<_> = events.iter().filter_map(|event| event.seq).collect();
    assert!(numbers.is_empty() || numbers == (1..=1_000).collect::<Vec<_>>());
    let last = ids.last().copied().expect("a thousand");
    assert!(site.expect(users(), last).await.record.body.contains("user999"));
}

async fn rows_of_many_share_names_among_them(subject: Subject) {
    let site = Arc::new(Site::open(&subject).await);
    let group = site.group("crew", &[]).await;
    let start = |_| {
        let site = Arc::clone(&site);
        tokio::spawn(async move {
            let mut row = Vec::new();
            for n in 0..25 {
                let user = site.user_named(&format!("user{n}"));
                let id = user.id;
                row.push(vec![user]);
                row.push(vec![site.linking(group, &[id], &[])]);
            }
            site.row(row, Halt::Never).await
        })
    };
    let tasks: Vec<_> = (0..4).map(start).collect();
    let mut made = 0;
    for task in tasks {
        let outcomes = task.await.expect("no panic");
        assert_eq!(outcomes.len(), 50);
        for pair in outcomes.chunks(2) {
            match pair {
                [Ok(_), Ok(_)] => made += 1,
                [taken, Err(CommitError::UnknownMembers(_))] => check_taken(taken),
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!((made, site.total(users()).await), (25, 25));
    assert_eq!(site.members(group).await.len(), 25);
    let logged: Vec<_> = site.events_of(group).await.iter().map(|event| event.version).collect();
    assert_eq!(logged, (1..=26).collect::<Vec<_>>());
}

async fn an_empty_row_is_nothing(subject: Subject) {
    let site = Site::open(&subject).await;
    for halt in [Halt::Never, Halt::AtFailure] {
        assert!(site.row(Vec::new(), halt).await.is_empty());
    }
    let nothing = subject.store.commit(site.at, Change { writes: Vec::new() }).await;
    assert!(nothing.expect("nothing to do").is_empty());
    assert_eq!(site.events().await.len(), 0);
}
