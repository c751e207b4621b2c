//! What a commit leaves behind, and what it leaves alone.

use rollcall_domain::{Act, CommitError};
use serde_json::{Value, json};

use crate::contract::cases;
use crate::{Site, Subject, fresh_id, groups, users};

cases![
    a_new_resource_reads_back,
    a_body_is_kept_byte_for_byte,
    a_resource_is_of_one_type,
    a_replacement_moves_the_version,
    a_replacement_moves_the_keys,
    of_two_writers_of_one_version_the_second_is_stale,
    what_is_not_there_is_gone,
    a_failed_change_leaves_nothing,
    a_change_of_several_resources_is_answered_in_order,
    events_say_who_did_what_and_when,
    events_are_numbered_without_gaps,
    a_ready_store_says_so,
];

async fn a_new_resource_reads_back(subject: Subject) {
    let site = Site::open(&subject).await;
    let write = site.user_named("ada");
    let (id, at) = (write.id, write.at);
    let written = site.one(write).await.expect("a user");
    assert_eq!((written.version, written.changed), (1, true));
    assert_eq!((written.created, written.modified), (at, at));
    let record = site.expect(users(), id).await.record;
    assert_eq!((record.id, record.version), (id, 1));
    assert_eq!((record.created, record.modified), (at, at));
    let body: Value = serde_json::from_str(&record.body).expect("JSON");
    assert_eq!(body.get("userName"), Some(&json!("ada")));
}

async fn a_body_is_kept_byte_for_byte(subject: Subject) {
    let site = Site::open(&subject).await;
    let odd = "say \"hi\" \\ % _ ' \u{1F600} e\u{301} \u{7f} \n \u{2028} \u{FFFD} ИÜ";
    let long = "lång ".repeat(10_000);
    for (name, text) in [("odd", odd), ("long", &*long)] {
        let body = json!({
            "userName": name, "title": text, "nickName": text, "name": { "formatted": text },
            "zip": 1.50,
        });
        let write = site.creation(users(), body).expect("a user");
        let Act::Create { body, .. } = write.act.clone() else { panic!("a creation") };
        let id = site.put(write).await;
        assert_eq!(site.expect(users(), id).await.record.body, body.text);
    }
}

async fn a_resource_is_of_one_type(subject: Subject) {
    let site = Site::open(&subject).await;
    let user = site.user("ada").await;
    assert_eq!(site.get(groups(), user).await, None);
    assert_eq!(site.total(groups()).await, 0);
    for write in [site.deletion(groups(), user), site.linking(user, &[user], &[])] {
        let failed = site.one(write).await;
        assert!(matches!(failed, Err(CommitError::Gone)), "{failed:?}");
    }
    assert!(site.get(users(), user).await.is_some());
}

async fn a_replacement_moves_the_version(subject: Subject) {
    let site = Site::open(&subject).await;
    let user = site.user("ada").await;
    let before = site.expect(users(), user).await.record;
    let write = site.renaming(user, "grace").await;
    let at = write.at;
    let written = site.one(write).await.expect("a replacement");
    assert_eq!((written.version, written.changed), (2, true));
    assert_eq!((written.created, written.modified), (before.created, at));
    let record = site.expect(users(), user).await.record;
    assert_eq!((record.version, record.created, record.modified), (2, before.created, at));
    assert!(record.body.contains("grace"), "{}", record.body);
}

async fn a_replacement_moves_the_keys(subject: Subject) {
    let site = Site::open(&subject).await;
    let user = site.user("ada").await;
    site.put(site.renaming(user, "grace").await).await;
    // The old name is free, the new one is not.
    site.user("ada").await;
    let taken = site.one(site.user_named("GRACE")).await;
    assert!(matches!(&taken, Err(CommitError::Taken { attr }) if attr == "userName"), "{taken:?}");
}

async fn of_two_writers_of_one_version_the_second_is_stale(subject: Subject) {
    let site = Site::open(&subject).await;
    let user = site.user("ada").await;
    let (first, second) = (site.renaming(user, "grace").await, site.renaming(user, "joan").await);
    site.put(first).await;
    let stale = site.one(second).await;
    assert!(matches!(stale, Err(CommitError::Stale)), "{stale:?}");
    let found = site.expect(users(), user).await;
    assert_eq!(found.record.version, 2);
    assert!(found.record.body.contains("grace"));
    assert_eq!(site.events_of(user).await.len(), 2);
    site.user("joan").await;
}

async fn what_is_not_there_is_gone(subject: Subject) {
    let site = Site::open(&subject).await;
    let (user, group) = (site.user("ada").await, site.group("crew", &[]).await);
    let replacement = site.renaming(user, "grace").await;
    let linking = site.linking(group, &[], &[user]);
    site.put(site.deletion(users(), user)).await;
    site.put(site.deletion(groups(), group)).await;
    let logged = site.events().await.len();
    let never = site.deletion(users(), fresh_id());
    for write in [replacement, linking, site.deletion(users(), user), never] {
        let gone = site.one(write).await;
        assert!(matches!(gone, Err(CommitError::Gone)), "{gone:?}");
    }
    assert_eq!(site.events().await.len(), logged);
}

async fn a_failed_change_leaves_nothing(subject: Subject) {
    let site = Site::open(&subject).await;
    let (ada, grace) = (site.user("ada").await, site.user("grace").await);
    let group = site.group("crew", &[ada]).await;
    let stale = site.renaming(grace, "margaret").await;
    site.put(site.renaming(grace, "hopper").await).await;
    let logged = site.events().await;

    let renaming = site.renaming(ada, "augusta").await;
    let good = [site.user_named("new"), renaming, site.linking(group, &[grace], &[ada])];
    let bad = [
        site.user_named("HOPPER"),
        site.group_named("strangers", &[fresh_id()]),
        stale,
        site.deletion(users(), fresh_id()),
    ];
    for bad in bad {
        // Whatever stands in front of it or behind it.
        for good in &good {
            site.commit(vec![good.clone(), bad.clone()]).await.expect_err("the bad write fails");
            site.commit(vec![bad.clone(), good.clone()]).await.expect_err("the bad write fails");
        }
    }
    assert_eq!((site.total(users()).await, site.total(groups()).await), (2, 1));
    assert_eq!(site.expect(users(), ada).await.record.version, 1);
    assert_eq!(site.expect(groups(), group).await.record.version, 1);
    assert_eq!(site.members(group).await, [ada]);
    assert_eq!(site.events().await, logged);
    // Neither of the names has been used up.
    site.commit(good.to_vec()).await.expect("the good writes alone");
}

async fn a_change_of_several_resources_is_answered_in_order(subject: Subject) {
    let site = Site::open(&subject).await;
    let (ada, grace) = (site.user("ada").await, site.user("grace").await);
    let joan = site.user_named("joan");
    let group = site.group_named("crew", &[joan.id, ada]);
    let ids = (joan.id, group.id);
    let writes =
        vec![joan, group, site.renaming(ada, "augusta").await, site.deletion(users(), grace)];
    let times: Vec<_> = writes.iter().map(|write| write.at).collect();
    let written = site.commit(writes).await.expect("one change");
    let modified: Vec<_> = written.iter().map(|written| written.modified).collect();
    assert_eq!(modified, times);
    let versions: Vec<_> = written.iter().take(3).map(|written| written.version).collect();
    assert_eq!(versions, [1, 1, 2]);
    assert!(written.iter().all(|written| written.changed));
    let mut members = vec![ids.0, ada];
    members.sort_unstable();
    assert_eq!(site.members(ids.1).await, members);
    assert_eq!(site.get(users(), grace).await, None);
    assert_eq!(site.events().await.len(), 2 + 4);
}

async fn events_say_who_did_what_and_when(subject: Subject) {
    let site = Site::open(&subject).await;
    let creation = site.user_named("Åda \"L\"");
    let user = creation.id;
    site.put(creation.clone()).await;
    let replacement = site.renaming(user, "grace").await;
    site.put(replacement.clone()).await;
    let mut deletion = site.deletion(users(), user);
    deletion.event.changes.insert("before".into(), json!({ "userName": "grace" }));
    site.put(deletion.clone()).await;

    let events = site.events_of(user).await;
    let writes = [creation, replacement, deletion];
    assert_eq!(events.len(), writes.len(), "{events:#?}");
    for (event, write) in events.iter().zip(&writes) {
        assert_eq!((event.id, event.at), (write.event.id, write.at));
        assert_eq!(event.actor, site.actor.to_string());
        assert_eq!(event.connection, site.at.connection);
        assert_eq!(event.action, write.event.action.name());
        assert_eq!((&*event.kind, event.resource), ("User", user));
        assert_eq!(event.changes, write.event.changes);
    }
    let versions: Vec<_> = events.iter().map(|event| event.version).collect();
    assert_eq!(versions, [1, 2, 3]);
}

async fn events_are_numbered_without_gaps(subject: Subject) {
    let site = Site::open(&subject).await;
    let other = site.beside().await;
    let user = site.user("ada").await;
    other.user("ada").await;
    let group = site.group("crew", &[user]).await;
    site.one(site.user_named("Ada")).await.expect_err("the name is taken");
    site.put(site.linking(group, &[user], &[])).await;
    site.put(site.renaming(user, "grace").await).await;
    site.put(site.deletion(users(), user)).await;
    let events = site.events().await;
    assert_eq!(events.len(), 6, "{events:#?}");
    let numbers: Option<Vec<_>> = events.iter().map(|event| event.seq).collect();
    // A store may leave the numbers to a later step, but not to a later step for some.
    let Some(numbers) = numbers else {
        assert!(events.iter().all(|event| event.seq.is_none()), "{events:#?}");
        return;
    };
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6]);
    for id in [user, group] {
        let versions =
            events.iter().filter(|event| event.resource == id).map(|event| event.version);
        assert!(versions.is_sorted(), "{events:#?}");
    }
}

async fn a_ready_store_says_so(subject: Subject) {
    subject.store.ready().await.expect("it answers");
    subject.store.maintain().await.expect("it keeps house");
}
