//! What became of requests that were answered before they were done.

use rollcall_domain::{Clock, KEPT_FOR_MILLIS, Outcome, Scope, SystemClock, TransactionId};
use rollcall_schema::Instant;

use crate::contract::cases;
use crate::fresh::fresh;
use crate::{Site, Subject};

cases![
    an_outcome_is_kept_as_it_is,
    an_outcome_takes_the_place_of_the_last,
    an_unknown_transaction_has_no_outcome,
    r_ten_04_no_outcome_is_known_elsewhere,
    outcomes_are_dropped_when_nobody_touches_them,
];

/// An outcome of a request that came so long ago.
fn outcome(age: i64, body: &str) -> Outcome {
    let at = Instant::from_millis(SystemClock.now().millis() - age);
    let id = TransactionId::from_uuid(fresh());
    Outcome { id, created: at, touched: at, done: false, body: body.into() }
}

async fn keep(site: &Site, outcome: &Outcome) {
    let store = &site.subject.store;
    store.keep_outcome(site.at, outcome.clone()).await.expect("the store answers");
}

async fn found(site: &Site, id: TransactionId) -> Option<Outcome> {
    site.subject.store.outcome(site.at, id).await.expect("the store answers")
}

async fn an_outcome_is_kept_as_it_is(subject: Subject) {
    let site = Site::open(&subject).await;
    let long = format!("{{\"Operations\":[{}0]}}", "1.50, ".repeat(300_000));
    let odd = r#"{"b": 1, "a":  "say \"hi\" \\ % ? $1 \u0041 ИÜ \ud83d\ude00" }"#;
    for (body, done) in [("{}", false), (odd, true), (&*long, true)] {
        let mut outcome = Outcome { done, ..outcome(0, body) };
        outcome.touched = Instant::from_millis(outcome.created.millis() + 17);
        keep(&site, &outcome).await;
        assert_eq!(found(&site, outcome.id).await, Some(outcome));
    }
}

async fn an_outcome_takes_the_place_of_the_last(subject: Subject) {
    let site = Site::open(&subject).await;
    let (mut mine, other) = (outcome(0, "[]"), outcome(0, "[0]"));
    keep(&site, &mine).await;
    keep(&site, &other).await;
    for (done, body) in [(false, "[1]"), (true, "[1,2]")] {
        let touched = Instant::from_millis(mine.touched.millis() + 1_000);
        mine = Outcome { touched, done, body: body.into(), ..mine };
        keep(&site, &mine).await;
        assert_eq!(found(&site, mine.id).await.as_ref(), Some(&mine));
    }
    assert_eq!(found(&site, other.id).await, Some(other));
}

async fn an_unknown_transaction_has_no_outcome(subject: Subject) {
    let site = Site::open(&subject).await;
    keep(&site, &outcome(0, "{}")).await;
    assert_eq!(found(&site, TransactionId::from_uuid(fresh())).await, None);
}

async fn r_ten_04_no_outcome_is_known_elsewhere(subject: Subject) {
    let home = Site::open(&subject).await;
    let mine = outcome(0, "[\"mine\"]");
    keep(&home, &mine).await;
    let (neighbour, stranger) = (home.beside().await, Site::open(&subject).await);
    let mut forged = Site::open(&subject).await;
    forged.at = Scope { connection: home.at.connection, ..stranger.at };
    for site in [&neighbour, &stranger, &forged] {
        assert_eq!(found(site, mine.id).await, None);
    }
    // The same id elsewhere is another transaction.
    for site in [&neighbour, &stranger] {
        let theirs = Outcome { body: "[\"theirs\"]".into(), ..mine.clone() };
        keep(site, &theirs).await;
        assert_eq!(found(site, mine.id).await, Some(theirs));
    }
    assert_eq!(found(&home, mine.id).await, Some(mine));
}

async fn outcomes_are_dropped_when_nobody_touches_them(subject: Subject) {
    const MINUTE: i64 = 60_000;
    let site = Site::open(&subject).await;
    let (old, young) = (KEPT_FOR_MILLIS + MINUTE, KEPT_FOR_MILLIS - MINUTE);
    let (gone, kept) = (outcome(old, "{}"), outcome(young, "{}"));
    let touched = Outcome { touched: SystemClock.now(), ..outcome(old, "{}") };
    for outcome in [&gone, &kept, &touched] {
        keep(&site, outcome).await;
    }
    subject.store.maintain().await.expect("it keeps house");
    assert_eq!(found(&site, gone.id).await, None);
    for outcome in [kept, touched] {
        assert_eq!(found(&site, outcome.id).await, Some(outcome));
    }
}
