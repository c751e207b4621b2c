//! Keys: what is unique, to whom, and under what length.

use std::sync::Arc;

use rollcall_domain::{Act, CommitError, Halt, Key, Write};
use serde_json::json;

use crate::contract::cases;
use crate::{Asked, Site, Subject, groups, ids, users};

cases![
    r_e_19_of_50_parallel_creations_one_wins,
    names_differ_by_more_than_case,
    names_beyond_ascii_are_unique,
    long_names_are_unique_as_a_whole,
    a_unique_key_is_unique_for_its_type,
    a_unique_key_is_unique_for_its_attribute,
    other_keys_may_be_shared,
    the_taken_attribute_is_named,
    a_replacement_can_not_take_a_name,
    a_deletion_frees_its_names,
    two_of_one_change_can_not_share_a_name,
];

async fn r_e_19_of_50_parallel_creations_one_wins(subject: Subject) {
    let site = Arc::new(Site::open(&subject).await);
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let site = Arc::clone(&site);
            tokio::spawn(async move { site.one(site.user_named("ada")).await })
        })
        .collect();
    let (mut made, mut taken) = (0, 0);
    for task in tasks {
        match task.await.expect("no panic") {
            Ok(_) => made += 1,
            Err(CommitError::Taken { attr }) if attr == "userName" => taken += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!((made, taken), (1, 49));
    assert_eq!(site.total(users()).await, 1);
    assert_eq!(site.events().await.len(), 1);
}

async fn check_twins(site: &Site, name: &str, twin: &str) {
    site.user(name).await;
    let taken = site.one(site.user_named(twin)).await;
    assert!(matches!(taken, Err(CommitError::Taken { .. })), "{name} {twin}: {taken:?}");
}

async fn names_differ_by_more_than_case(subject: Subject) {
    let site = Site::open(&subject).await;
    check_twins(&site, "Ada@Example.com", "aDA@eXAMPLE.COM").await;
    site.user("ada@example.co").await;
    site.user("ada@example.comm").await;
}

async fn names_beyond_ascii_are_unique(subject: Subject) {
    let site = Site::open(&subject).await;
    check_twins(&site, "Straße", "STRASSE").await;
    check_twins(&site, "MÜLLER", "mu\u{308}ller").await;
    check_twins(&site, "σίσυφος", "ΣΊΣΥΦΟΣ").await;
    check_twins(&site, "日本 \u{1F600}", "日本 \u{1F600}").await;
    // No collation makes these the same.
    for name in ["muller", "日本 \u{1F601}", "a_b", "a%b", "o'b", "o\"b", "o\\b"] {
        site.user(name).await;
    }
}

async fn long_names_are_unique_as_a_whole(subject: Subject) {
    let site = Site::open(&subject).await;
    for (letter, many) in [("x", 1_000), ("ß", 500), ("語", 1_000)] {
        let long = letter.repeat(many);
        site.user(&format!("{long}1")).await;
        site.user(&format!("{long}2")).await;
        check_twins(&site, &long, &long.to_uppercase()).await;
        let asked = Asked::filter(users(), &format!("userName eq \"{long}2\"")).expect("a filter");
        assert_eq!(ids(&site.find(&asked.query()).await).len(), 1);
    }
}

/// Keys by attribute, text and whether they are unique.
pub(super) fn keys(with: &[(&str, &str, bool)]) -> Vec<Key> {
    let key = |&(attr, text, unique): &(&str, &str, bool)| {
        let (attr, text) = (Arc::from(attr), text.into());
        Key { attr, text, unique }
    };
    with.iter().map(key).collect()
}

/// A creation with these keys and no others.
pub(super) fn with_keys(mut write: Write, with: &[(&str, &str, bool)]) -> Write {
    if let Act::Create { keys: made, .. } = &mut write.act {
        *made = keys(with);
    }
    write
}

async fn a_unique_key_is_unique_for_its_type(subject: Subject) {
    let site = Site::open(&subject).await;
    let key = [("userName", "ada", true)];
    site.put(with_keys(site.user_named("1"), &key)).await;
    site.put(with_keys(site.group_named("1", &[]), &key)).await;
    let taken = site.one(with_keys(site.group_named("2", &[]), &key)).await;
    assert!(matches!(taken, Err(CommitError::Taken { .. })), "{taken:?}");
    assert_eq!(site.total(groups()).await, 1);
}

async fn a_unique_key_is_unique_for_its_attribute(subject: Subject) {
    let site = Site::open(&subject).await;
    let both = [("userName", "ada", true), ("externalId", "ada", true)];
    site.put(with_keys(site.user_named("1"), &both)).await;
    site.put(with_keys(site.user_named("2"), &[("displayName", "ada", true)])).await;
}

async fn other_keys_may_be_shared(subject: Subject) {
    let site = Site::open(&subject).await;
    let shared = [("displayName", "ada", false), ("emails.value", "ada@x", false)];
    site.put(with_keys(site.user_named("1"), &shared)).await;
    site.put(with_keys(site.user_named("2"), &shared)).await;
    // Nor does a shared key stand in the way of a unique one.
    site.put(with_keys(site.user_named("3"), &[("displayName", "ada", true)])).await;
}

async fn the_taken_attribute_is_named(subject: Subject) {
    let site = Site::open(&subject).await;
    site.put(with_keys(site.user_named("1"), &[("userName", "ada", true), ("nick", "a", true)]))
        .await;
    for (name, nick, expect) in [("ada", "b", "userName"), ("grace", "a", "nick")] {
        let keys = [("userName", name, true), ("nick", nick, true), ("title", "a", false)];
        let taken = site.one(with_keys(site.user_named("2"), &keys)).await;
        assert!(matches!(&taken, Err(CommitError::Taken { attr }) if attr == expect), "{taken:?}");
    }
}

async fn a_replacement_can_not_take_a_name(subject: Subject) {
    let site = Site::open(&subject).await;
    site.user("ada").await;
    let grace = site.user("grace").await;
    let taken = site.one(site.renaming(grace, "ADA").await).await;
    assert!(matches!(taken, Err(CommitError::Taken { .. })), "{taken:?}");
    // Its own name in another case is no obstacle.
    let found = site.expect(users(), grace).await;
    assert_eq!(found.record.version, 1);
    let body = json!({ "userName": "GRACE", "displayName": "Grace" });
    site.put(site.replacement(users(), &found, body).expect("a user")).await;
}

async fn a_deletion_frees_its_names(subject: Subject) {
    let site = Site::open(&subject).await;
    let first = site.user("ada").await;
    site.put(site.deletion(users(), first)).await;
    let second = site.user("ada").await;
    assert_ne!(first, second);
    assert_eq!(site.total(users()).await, 1);
}

async fn two_of_one_change_can_not_share_a_name(subject: Subject) {
    let site = Site::open(&subject).await;
    let (first, second) = (site.user("1").await, site.user("2").await);
    let three =
        |site: &Site| vec![site.user_named("a"), site.user_named("x"), site.user_named("A")];
    for linked in [false, true] {
        let mut twins = three(&site);
        if linked {
            // As one statement can't make them.
            let members: Vec<_> = twins.iter().map(|twin| twin.id).chain([first]).collect();
            twins.push(site.group_named("crew", &members));
        }
        let taken = site.commit(twins).await;
        assert!(
            matches!(&taken, Err(CommitError::Taken { attr }) if attr == "userName"),
            "{taken:?}"
        );
    }
    let renamed = vec![site.renaming(first, "b").await, site.renaming(second, "B").await];
    let taken = site.commit(renamed).await;
    assert!(matches!(&taken, Err(CommitError::Taken { attr }) if attr == "userName"), "{taken:?}");
    let mixed = vec![site.user_named("C"), site.renaming(second, "c").await];
    let taken = site.commit(mixed).await;
    assert!(matches!(&taken, Err(CommitError::Taken { attr }) if attr == "userName"), "{taken:?}");
    // Nothing of any is left, and in a row each is for itself.
    assert_eq!((site.total(users()).await, site.total(groups()).await), (2, 0));
    let row = site.row(vec![three(&site), vec![site.user_named("x")]], Halt::Never).await;
    assert!(matches!(&*row, [Err(CommitError::Taken { .. }), Ok(_)]), "{row:?}");
}
