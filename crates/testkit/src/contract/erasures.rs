//! The end of everything that an organization has.

use rollcall_domain::{Clock, Outcome, SystemClock, TransactionId};

use crate::contract::cases;
use crate::fresh::fresh;
use crate::{Site, Subject, groups, users};

cases![
    everything_of_an_organization_is_erased,
    nothing_is_erased_of_anybody_else,
    an_erasure_goes_in_steps,
    nothing_is_left_to_erase,
];

/// Users, a group of them all, and an outcome.
async fn populate(site: &Site, count: usize) -> TransactionId {
    let people = site.users((0..count).map(|n| format!("user{n}"))).await;
    site.group("crew", &people).await;
    let now = SystemClock.now();
    let id = TransactionId::from_uuid(fresh());
    let outcome = Outcome { id, created: now, touched: now, done: true, body: "{}".into() };
    site.subject.store.keep_outcome(site.at, outcome).await.expect("the store answers");
    id
}

async fn erase(site: &Site, limit: u32) -> u64 {
    site.subject.store.erase(site.at.organization, limit).await.expect("the store answers")
}

async fn erase_all(site: &Site) -> u64 {
    let mut erased = 0;
    for _ in 0..100 {
        match erase(site, 1_000).await {
            0 => return erased,
            some => erased += some,
        }
    }
    panic!("it never ends");
}

async fn everything_of_an_organization_is_erased(subject: Subject) {
    let site = Site::open(&subject).await;
    let beside = site.beside().await;
    let outcomes = [(&site, populate(&site, 5).await), (&beside, populate(&beside, 2).await)];
    assert_eq!(erase_all(&site).await, 9);
    for (site, outcome) in outcomes {
        assert_eq!((site.total(users()).await, site.total(groups()).await), (0, 0));
        let outcome = subject.store.outcome(site.at, outcome).await.expect("the store answers");
        assert_eq!(outcome, None);
    }
    assert_eq!(site.events().await, []);
    // Names are free, where anybody comes back.
    site.user("user0").await;
    assert_eq!(site.total(users()).await, 1);
}

async fn nothing_is_erased_of_anybody_else(subject: Subject) {
    let (site, other) = (Site::open(&subject).await, Site::open(&subject).await);
    populate(&site, 3).await;
    let outcome = populate(&other, 3).await;
    let logged = other.events().await;
    assert_eq!(erase_all(&site).await, 4);
    assert_eq!((other.total(users()).await, other.total(groups()).await), (3, 1));
    let found = subject.store.outcome(other.at, outcome).await.expect("the store answers");
    assert!(found.is_some());
    let group = crate::ids(&other.find(&crate::Asked::all(groups()).query()).await);
    let [group] = group.as_slice() else { panic!("one group: {group:?}") };
    assert_eq!(other.members(*group).await.len(), 3);
    assert_eq!(other.events().await, logged);
}

async fn an_erasure_goes_in_steps(subject: Subject) {
    let site = Site::open(&subject).await;
    populate(&site, 6).await;
    assert_eq!(erase(&site, 3).await, 3);
    assert_eq!(site.total(users()).await + site.total(groups()).await, 4);
    assert!(!site.events().await.is_empty(), "the log goes last");
    assert_eq!(erase(&site, 3).await, 3);
    assert_eq!(erase(&site, 3).await, 1);
    assert_eq!(erase(&site, 3).await, 0);
    assert_eq!(site.events().await, []);
}

async fn nothing_is_left_to_erase(subject: Subject) {
    let site = Site::open(&subject).await;
    assert_eq!(erase(&site, 10).await, 0);
    populate(&site, 1).await;
    assert_eq!(erase_all(&site).await, 2);
    assert_eq!(erase(&site, 10).await, 0);
}
