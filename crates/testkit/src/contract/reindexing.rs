//! Keys that are made anew, and records whose keys are behind.

use rollcall_domain::{
    Act, Candidates, CommitError, KeyChange, KeyTest, Load, Plan, Query, Record, Reindex,
    Reindexed, ResourceId, Start, Total, Write,
};

use super::uniqueness::{keys, with_keys};
use crate::contract::cases;
use crate::{Site, Subject, fresh_id, groups, ids, users};

cases![
    a_record_tells_the_revision_of_its_keys,
    new_keys_take_the_place_of_the_old,
    new_keys_are_no_change_of_the_resource,
    a_record_that_has_moved_is_left_alone,
    r_ten_04_no_record_of_another_connection_is_touched,
    a_key_that_another_has_is_refused,
    a_key_becomes_unique_and_no_longer_so,
    what_is_behind_comes_in_pages,
    what_is_behind_is_walked_to_its_end,
    r_ten_04_nothing_is_behind_elsewhere,
    a_replacement_gives_a_record_exactly_these_keys,
    a_replacement_turns_keys_unique_and_back,
    a_key_passes_from_one_to_another_in_one_change,
    what_goes_goes_whether_it_was_unique_or_not,
    a_plan_alone_finds_who_has_a_key,
];

type Row<'a> = (&'a str, &'a str, bool);

/// Makes a user with these keys and no others.
async fn keyed(site: &Site, name: &str, with: &[Row<'_>]) -> ResourceId {
    site.put(with_keys(site.user_named(name), with)).await
}

/// The same, made under a revision.
async fn made_under(site: &Site, name: &str, revision: u64) -> ResourceId {
    let mut write = site.user_named(name);
    if let Act::Create { body, .. } = &mut write.act {
        body.indexed = revision;
    }
    site.put(write).await
}

fn entry(id: ResourceId, expect: u64, with: &[Row<'_>], revision: u64) -> Reindex {
    Reindex { kind: users().name().into(), id, expect, keys: keys(with), revision }
}

async fn reindex(site: &Site, entries: Vec<Reindex>) -> Vec<Reindexed> {
    site.subject.store.reindex(site.at, entries).await.expect("the store answers")
}

async fn behind(site: &Site, revision: u64, after: Option<ResourceId>, limit: u32) -> Vec<Record> {
    let found = site.reader().behind(users().name(), revision, after, limit).await;
    found.expect("the store answers")
}

/// Whether nobody has this unique key: somebody takes it for a moment.
async fn is_free(site: &Site, attr: &str, text: &str) -> bool {
    let probe = with_keys(site.user_named("probe"), &[(attr, text, true)]);
    let id = probe.id;
    match site.one(probe).await {
        Ok(_) => site.put(site.deletion(users(), id)).await == id,
        Err(CommitError::Taken { .. }) => false,
        Err(other) => panic!("{other:?}"),
    }
}

async fn a_record_tells_the_revision_of_its_keys(subject: Subject) {
    let site = Site::open(&subject).await;
    let (old, new) = (site.user("old").await, made_under(&site, "new", 7).await);
    assert_eq!(site.expect(users(), old).await.record.indexed, 0);
    assert_eq!(site.expect(users(), new).await.record.indexed, 7);
    let mut write = site.renaming(old, "older").await;
    if let Act::Replace { body, .. } = &mut write.act {
        body.indexed = 3;
    }
    site.put(write).await;
    assert_eq!(site.expect(users(), old).await.record.indexed, 3);
    let asked = crate::Asked::all(users());
    let listed = site.find(&asked.query()).await.found;
    assert_eq!(listed.iter().map(|found| found.record.indexed).collect::<Vec<_>>(), [3, 7]);
}

async fn new_keys_take_the_place_of_the_old(subject: Subject) {
    let site = Site::open(&subject).await;
    let user = keyed(&site, "1", &[("userName", "ada", true), ("nick", "countess", true)]).await;
    let new = [("userName", "ada", true), ("badge", "7", true)];
    assert_eq!(reindex(&site, vec![entry(user, 1, &new, 4)]).await, [Reindexed::Done]);
    assert_eq!(site.expect(users(), user).await.record.indexed, 4);
    assert!(!is_free(&site, "userName", "ada").await);
    assert!(!is_free(&site, "badge", "7").await);
    assert!(is_free(&site, "nick", "countess").await);
    // Again, and to nothing.
    assert_eq!(reindex(&site, vec![entry(user, 1, &new, 4)]).await, [Reindexed::Done]);
    assert!(!is_free(&site, "badge", "7").await);
    assert_eq!(reindex(&site, vec![entry(user, 1, &[], 5)]).await, [Reindexed::Done]);
    assert!(is_free(&site, "userName", "ada").await && is_free(&site, "badge", "7").await);
}

async fn new_keys_are_no_change_of_the_resource(subject: Subject) {
    let site = Site::open(&subject).await;
    let user = site.user("ada").await;
    let group = site.group("crew", &[user]).await;
    let (before, logged) = (site.expect(users(), user).await, site.events().await);
    let entry = entry(user, 1, &[("badge", "7", true)], 1);
    assert_eq!(reindex(&site, vec![entry]).await, [Reindexed::Done]);
    let mut after = site.expect(users(), user).await;
    assert_eq!(after.record.indexed, 1);
    after.record.indexed = 0;
    assert_eq!(after, before);
    assert_eq!(site.events().await, logged);
    assert_eq!(site.expect(groups(), group).await.record.version, 1);
    assert_eq!(site.total(users()).await, 1);
}

async fn a_record_that_has_moved_is_left_alone(subject: Subject) {
    let site = Site::open(&subject).await;
    let user = site.user("ada").await;
    site.put(site.renaming(user, "grace").await).await;
    let gone = site.user("gone").await;
    site.put(site.deletion(users(), gone)).await;
    let with = [("badge", "7", true)];
    let mut strange = entry(user, 2, &with, 9);
    strange.kind = groups().name().into();
    let entries = vec![
        entry(user, 1, &with, 9),
        entry(user, 3, &with, 9),
        entry(gone, 1, &with, 9),
        entry(fresh_id(), 1, &with, 9),
        strange,
    ];
    assert_eq!(reindex(&site, entries).await, vec![Reindexed::Moved; 5]);
    assert_eq!(site.expect(users(), user).await.record.indexed, 0);
    assert!(is_free(&site, "badge", "7").await);
    let taken = site.one(site.user_named("Grace")).await;
    assert!(matches!(taken, Err(CommitError::Taken { .. })), "{taken:?}");
}

async fn r_ten_04_no_record_of_another_connection_is_touched(subject: Subject) {
    let home = Site::open(&subject).await;
    let user = home.user("ada").await;
    for site in [home.beside().await, Site::open(&subject).await] {
        let entries = vec![entry(user, 1, &[("badge", "7", true)], 9)];
        assert_eq!(reindex(&site, entries).await, [Reindexed::Moved]);
        assert!(is_free(&site, "badge", "7").await);
    }
    assert_eq!(home.expect(users(), user).await.record.indexed, 0);
    assert!(is_free(&home, "badge", "7").await);
    let taken = home.one(home.user_named("ada")).await;
    assert!(matches!(taken, Err(CommitError::Taken { .. })), "{taken:?}");
}

async fn a_key_that_another_has_is_refused(subject: Subject) {
    let site = Site::open(&subject).await;
    let shared = [("nick", "a", false), ("title", "x", true)];
    let first = keyed(&site, "1", &shared).await;
    let second = keyed(&site, "2", &[("nick", "a", false), ("title", "y", true)]).await;
    let third = keyed(&site, "3", &[("nick", "b", false)]).await;
    let unique = [("nick", "a", true)];
    let entries = vec![
        entry(first, 1, &unique, 1),
        entry(second, 1, &unique, 1),
        entry(third, 1, &[("nick", "b", true)], 1),
    ];
    let refused = Reindexed::Taken { attr: "nick".into() };
    assert_eq!(reindex(&site, entries).await, [Reindexed::Done, refused, Reindexed::Done]);
    // It keeps the keys that it had, and is still behind.
    assert!(is_free(&site, "title", "x").await && !is_free(&site, "title", "y").await);
    assert_eq!(site.expect(users(), second).await.record.indexed, 0);
    let left: Vec<_> = behind(&site, 1, None, 9).await.iter().map(|record| record.id).collect();
    assert_eq!(left, [second]);
    site.put(site.deletion(users(), first)).await;
    assert_eq!(reindex(&site, vec![entry(second, 1, &unique, 1)]).await, [Reindexed::Done]);
    assert!(!is_free(&site, "nick", "a").await);
    assert!(behind(&site, 1, None, 9).await.is_empty());
}

async fn a_key_becomes_unique_and_no_longer_so(subject: Subject) {
    let site = Site::open(&subject).await;
    let user = keyed(&site, "1", &[("nick", "a", false)]).await;
    for (revision, unique) in [(1, true), (2, true), (3, false), (4, true)] {
        let entry = entry(user, 1, &[("nick", "a", unique)], revision);
        assert_eq!(reindex(&site, vec![entry]).await, [Reindexed::Done]);
        assert_eq!(is_free(&site, "nick", "a").await, !unique);
    }
}

async fn what_is_behind_comes_in_pages(subject: Subject) {
    let site = Site::open(&subject).await;
    site.group("crew", &[]).await;
    let mut made = Vec::new();
    for (n, revision) in [3, 0, 1, 0, 2, 3, 1, 0].into_iter().enumerate() {
        made.push((revision, made_under(&site, &format!("user{n}"), revision).await));
    }
    for revision in 0..=4 {
        let expect: Vec<_> =
            made.iter().filter(|(under, _)| *under < revision).map(|(_, id)| *id).collect();
        for limit in [1, 2, 3, 100] {
            let (mut walked, mut after) = (Vec::new(), None);
            loop {
                let page = behind(&site, revision, after, limit).await;
                assert!(page.len() <= limit as usize);
                assert!(page.iter().all(|record| record.indexed < revision));
                let Some(last) = page.last() else { break };
                after = Some(last.id);
                walked.extend(page.iter().map(|record| record.id));
            }
            assert_eq!(walked, expect, "behind {revision} by {limit}");
        }
    }
    // A record is given whole.
    let [record] = &*behind(&site, 1, None, 1).await else { panic!("one") };
    assert_eq!(*record, site.expect(users(), record.id).await.record);
}

async fn what_is_behind_is_walked_to_its_end(subject: Subject) {
    let site = Site::open(&subject).await;
    site.users((0..25).map(|n| format!("user{n}"))).await;
    let mut rounds = 0;
    loop {
        // Always from the start: what is done isn't behind any more.
        let page = behind(&site, 2, None, 10).await;
        if page.is_empty() {
            break;
        }
        rounds += 1;
        assert!(rounds <= 3, "the walk goes on: {page:#?}");
        let one = |record: &Record| entry(record.id, record.version, &[], 2);
        let done = reindex(&site, page.iter().map(one).collect()).await;
        assert_eq!(done, vec![Reindexed::Done; page.len()]);
    }
    assert_eq!(rounds, 3);
    assert!(reindex(&site, Vec::new()).await.is_empty());
    // What comes later is as new as its body says.
    let late = site.user("late").await;
    let left: Vec<_> = behind(&site, 2, None, 10).await.iter().map(|record| record.id).collect();
    assert_eq!(left, [late]);
}

async fn r_ten_04_nothing_is_behind_elsewhere(subject: Subject) {
    let home = Site::open(&subject).await;
    home.users(["ada".into(), "grace".into()]).await;
    for site in [home.beside().await, Site::open(&subject).await] {
        assert_eq!(behind(&site, 9, None, 9).await, []);
    }
    assert_eq!(behind(&home, 9, None, 9).await.len(), 2);
}

/// A replacement of a user after which it has exactly these keys.
async fn rekeying(site: &Site, user: ResourceId, with: &[Row<'_>]) -> Write {
    let mut write = site.renaming(user, &fresh_id().to_string()).await;
    if let Act::Replace { keys: change, .. } = &mut write.act {
        *change = KeyChange::To(keys(with));
    }
    write
}

async fn a_replacement_gives_a_record_exactly_these_keys(subject: Subject) {
    let site = Site::open(&subject).await;
    let other = keyed(&site, "2", &[("nick", "taken", true)]).await;
    let user = keyed(&site, "1", &[("userName", "ada", true), ("nick", "a", true)]).await;
    let new = [("nick", "a", true), ("badge", "7", true)];
    let written = site.one(rekeying(&site, user, &new).await).await.expect("a replacement");
    assert_eq!(written.version, 2);
    assert!(is_free(&site, "userName", "ada").await);
    assert!(!is_free(&site, "nick", "a").await && !is_free(&site, "badge", "7").await);
    let taken = site.one(rekeying(&site, user, &[("nick", "taken", true)]).await).await;
    assert!(matches!(&taken, Err(CommitError::Taken { attr }) if attr == "nick"), "{taken:?}");
    assert!(!is_free(&site, "badge", "7").await, "what was refused took nothing away");
    site.put(rekeying(&site, user, &[]).await).await;
    assert!(is_free(&site, "nick", "a").await && is_free(&site, "badge", "7").await);
    assert_eq!(site.expect(users(), other).await.record.version, 1);
}

async fn a_replacement_turns_keys_unique_and_back(subject: Subject) {
    let site = Site::open(&subject).await;
    let user = keyed(&site, "1", &[("userName", "ada", true), ("nick", "n", false)]).await;
    let turned = [("userName", "ada", false), ("nick", "n", true)];
    site.put(rekeying(&site, user, &turned).await).await;
    assert!(is_free(&site, "userName", "ada").await && !is_free(&site, "nick", "n").await);
    let back = [("userName", "ada", true), ("nick", "n", false)];
    site.put(rekeying(&site, user, &back).await).await;
    assert!(!is_free(&site, "userName", "ada").await && is_free(&site, "nick", "n").await);
    // Of two that share a key one can make it its own, unless it is another's already.
    let twin = keyed(&site, "2", &[("nick", "n", false)]).await;
    site.put(rekeying(&site, user, &turned).await).await;
    let taken = site.one(rekeying(&site, twin, &[("nick", "n", true)]).await).await;
    assert!(matches!(&taken, Err(CommitError::Taken { attr }) if attr == "nick"), "{taken:?}");
}

async fn a_key_passes_from_one_to_another_in_one_change(subject: Subject) {
    let site = Site::open(&subject).await;
    let first = keyed(&site, "1", &[("nick", "n", true)]).await;
    let second = keyed(&site, "2", &[]).await;
    let (mut holder, mut other) = (first, second);
    for turn in 0..4 {
        let mut writes = vec![
            rekeying(&site, holder, &[]).await,
            rekeying(&site, other, &[("nick", "n", true)]).await,
        ];
        if turn % 2 == 1 {
            writes.reverse();
        }
        site.commit(writes).await.expect("the key passes on");
        (holder, other) = (other, holder);
        assert!(!is_free(&site, "nick", "n").await);
    }
}

async fn what_goes_goes_whether_it_was_unique_or_not(subject: Subject) {
    let site = Site::open(&subject).await;
    let user = keyed(&site, "1", &[("nick", "n", false), ("nick#mark", "n", false)]).await;
    let mut write = site.renaming(user, "ada").await;
    if let Act::Replace { keys: change, .. } = &mut write.act {
        let removed = keys(&[("nick", "n", true), ("nick#mark", "n", false), ("nick", "x", true)]);
        *change = KeyChange::By { removed, added: keys(&[("nick", "m", true)]) };
    }
    site.put(write).await;
    assert!(is_free(&site, "nick", "n").await && !is_free(&site, "nick", "m").await);
    assert_eq!(with_key(&site, "nick", None).await, [user]);
    assert!(with_key(&site, "nick#mark", None).await.is_empty());
}

/// Who has a key of an attribute, behind an id.
async fn with_key(site: &Site, attr: &str, after: Option<ResourceId>) -> Vec<ResourceId> {
    let candidates = Candidates::Key(attr.into(), KeyTest::NotEmpty);
    let plan = Plan { candidates, exact: true };
    let query = Query {
        ty: users(),
        condition: None,
        plan: &plan,
        sort: None,
        from: after.map_or(Start::Skip(0), Start::After),
        count: 2,
        total: Total::Known(0),
        load: Load::default(),
    };
    ids(&site.find(&query).await)
}

async fn a_plan_alone_finds_who_has_a_key(subject: Subject) {
    let site = Site::open(&subject).await;
    let mark = [("nick", "n", false), ("nick#mark", "n", false)];
    let mut marked = Vec::new();
    for n in 0..3 {
        keyed(&site, &format!("plain{n}"), &[("nick", "n", false)]).await;
        marked.push(keyed(&site, &format!("marked{n}"), &mark).await);
    }
    let [first, second, third] = *marked else { panic!("three") };
    assert_eq!(with_key(&site, "nick#mark", None).await, [first, second]);
    assert_eq!(with_key(&site, "nick#mark", Some(second)).await, [third]);
    // A mark goes when the keys are made anew, and what it stood beside may become unique.
    let claims = vec![entry(first, 1, &[("nick", "m", true)], 1)];
    assert_eq!(reindex(&site, claims).await, [Reindexed::Done]);
    assert_eq!(with_key(&site, "nick#mark", None).await, [second, third]);
}
