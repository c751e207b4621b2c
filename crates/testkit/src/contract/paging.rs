//! Pages and totals.

use rollcall_domain::{Found, Query, Start, Total};
use rollcall_schema::Order;

use crate::contract::cases;
use crate::{Asked, Site, Subject, document, groups, ids, users};

cases![
    r_page_04_totals_follow_creations_and_deletions,
    r_page_02_a_count_of_zero_asks_for_the_total,
    r_page_03_a_page_is_no_longer_than_asked,
    pages_by_position_make_the_whole,
    pages_by_key_make_the_whole,
    r_sort_06_sorted_pages_by_place_make_the_whole,
    a_sorted_page_begins_behind_what_is_gone,
    r_page_05_beyond_the_end_is_nothing,
    a_known_total_is_given_back,
    an_empty_connection_is_empty,
];

async fn r_page_04_totals_follow_creations_and_deletions(subject: Subject) {
    let site = Site::open(&subject).await;
    assert_eq!(site.total(users()).await, 0);
    let made = site.users((0..7).map(|n| format!("user{n}"))).await;
    site.group("crew", &made).await;
    assert_eq!((site.total(users()).await, site.total(groups()).await), (7, 1));
    subject.store.maintain().await.expect("it keeps house");
    assert_eq!((site.total(users()).await, site.total(groups()).await), (7, 1));
    for id in made.iter().take(3) {
        site.put(site.deletion(users(), *id)).await;
    }
    site.user("another").await;
    assert_eq!(site.total(users()).await, 5);
    subject.store.maintain().await.expect("it keeps house");
    subject.store.maintain().await.expect("it keeps house");
    assert_eq!((site.total(users()).await, site.total(groups()).await), (5, 1));
    // What fails counts for nothing.
    site.one(site.user_named("another")).await.expect_err("the name is taken");
    let first = made.first().copied().expect("seven");
    site.one(site.deletion(users(), first)).await.expect_err("it is gone");
    assert_eq!(site.total(users()).await, 5);
}

/// Twelve users, of whom those with an even number are inactive.
async fn dozen(subject: &Subject) -> Site {
    let site = Site::open(subject).await;
    for n in 0..12 {
        let mut body =
            serde_json::json!({ "userName": format!("user{n:02}"), "active": n % 2 == 1 });
        if let (Some(body), true) = (body.as_object_mut(), n % 3 > 0) {
            body.insert("title".into(), format!("{}", n % 2).into());
        }
        site.put(site.creation(users(), body).expect("a user")).await;
    }
    site
}

/// A whole list, one that an index answers, and one that none does.
fn searches() -> Vec<Asked> {
    let filtered = |text| Asked::filter(users(), text).expect("a filter");
    vec![
        Asked::all(users()),
        filtered("active eq true"),
        filtered("userName co \"1\""),
        filtered("active eq false or userName ew \"1\""),
        filtered("not (userName eq \"user03\")"),
    ]
}

async fn r_page_02_a_count_of_zero_asks_for_the_total(subject: Subject) {
    let site = dozen(&subject).await;
    let mut totals = Vec::new();
    for asked in searches() {
        let page = site.find(&Query { count: 0, ..asked.query() }).await;
        assert_eq!(page.found, []);
        totals.push(page.total);
    }
    assert_eq!(totals, [12, 6, 3, 8, 11]);
}

async fn r_page_03_a_page_is_no_longer_than_asked(subject: Subject) {
    let site = dozen(&subject).await;
    for asked in searches() {
        let whole = site.find(&asked.query()).await;
        for count in [1, 3] {
            let page = site.find(&Query { count, ..asked.query() }).await;
            let first: Vec<_> = ids(&whole).into_iter().take(count as usize).collect();
            assert_eq!(ids(&page), first);
            assert_eq!(page.total, whole.total);
        }
    }
}

async fn pages_by_position_make_the_whole(subject: Subject) {
    let site = dozen(&subject).await;
    for asked in searches() {
        let whole = site.find(&asked.query()).await;
        let mut walked = Vec::new();
        for skip in (0..12).step_by(5) {
            let from = Start::Skip(skip);
            let page = site.find(&Query { from, count: 5, ..asked.query() }).await;
            assert_eq!(page.total, whole.total);
            walked.extend(page.found);
        }
        assert_eq!(walked, whole.found);
    }
}

async fn pages_by_key_make_the_whole(subject: Subject) {
    let site = dozen(&subject).await;
    for asked in searches() {
        let whole = site.find(&asked.query()).await;
        assert!(ids(&whole).is_sorted());
        let mut walked = site.find(&Query { count: 5, ..asked.query() }).await.found;
        loop {
            let from = Start::After(walked.last().expect("a page").record.id);
            let total = Total::Known(whole.total);
            let page = site.find(&Query { from, count: 5, total, ..asked.query() }).await;
            if page.found.is_empty() {
                break;
            }
            walked.extend(page.found);
            assert!(walked.len() <= whole.found.len(), "the walk goes on: {walked:#?}");
        }
        assert_eq!(walked, whole.found);
    }
}

/// The place of a resource in the order that was asked for, as the start of what lies behind it.
fn place(asked: &Asked, found: &Found) -> Start {
    let sort = asked.sort.expect("an order");
    let (id, document) = (found.record.id.to_string(), document(found));
    Start::Behind(asked.ty.sort_key(sort.by, &found.view(&id, &document)), found.record.id)
}

/// Every search in every direction, by attributes that many share, that few have, and that
/// nobody shares.
fn sorted_searches() -> Vec<Asked> {
    let mut sorted = Vec::new();
    for by in ["active", "title", "userName", "meta.created"] {
        for order in [Order::Ascending, Order::Descending] {
            let ordered = |asked: Asked| asked.sorted(by, order).expect("an order");
            sorted.extend(searches().into_iter().map(ordered));
        }
    }
    sorted
}

async fn r_sort_06_sorted_pages_by_place_make_the_whole(subject: Subject) {
    let site = dozen(&subject).await;
    for asked in sorted_searches() {
        let whole = site.find(&asked.query()).await;
        let mut walked = site.find(&Query { count: 5, ..asked.query() }).await.found;
        loop {
            let from = place(&asked, walked.last().expect("a page"));
            let skip = Start::Skip(walked.len() as u64);
            let page = site.find(&Query { from, count: 5, ..asked.query() }).await;
            let by_position = site.find(&Query { from: skip, count: 5, ..asked.query() }).await;
            assert_eq!(page, by_position, "{asked:?}");
            if page.found.is_empty() {
                break;
            }
            walked.extend(page.found);
        }
        assert_eq!(walked, whole.found, "{asked:?}");
    }
}

async fn a_sorted_page_begins_behind_what_is_gone(subject: Subject) {
    let site = dozen(&subject).await;
    for (n, asked) in sorted_searches().into_iter().step_by(7).enumerate() {
        let mut whole = site.find(&asked.query()).await.found;
        let last = whole.remove(n % 2);
        let from = place(&asked, &last);
        site.put(site.deletion(users(), last.record.id)).await;
        let total = Total::Known(77);
        let page = site.find(&Query { from, total, ..asked.query() }).await;
        assert_eq!(page.found, whole.split_off(n % 2), "{asked:?}");
        assert_eq!(page.total, 77);
    }
}

async fn r_page_05_beyond_the_end_is_nothing(subject: Subject) {
    let site = dozen(&subject).await;
    for asked in searches() {
        let total = site.find(&asked.query()).await.total;
        for skip in [12, 1_000, u64::from(u32::MAX)] {
            let page = site.find(&Query { from: Start::Skip(skip), ..asked.query() }).await;
            assert_eq!((page.found, page.total), (vec![], total));
        }
    }
}

async fn a_known_total_is_given_back(subject: Subject) {
    let site = dozen(&subject).await;
    for asked in searches() {
        let (from, total) = (Start::Skip(1), Total::Known(77));
        let page = site.find(&Query { from, count: 2, total, ..asked.query() }).await;
        assert_eq!((page.found.len(), page.total), (2, 77));
    }
}

async fn an_empty_connection_is_empty(subject: Subject) {
    let site = Site::open(&subject).await;
    for asked in searches() {
        let page = site.find(&asked.query()).await;
        assert_eq!((page.found, page.total), (vec![], 0));
    }
}
