//! Walks by cursor (RFC 9865), over the memory store.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use rollcall_domain::{
    Clock, CursorAsked, Derived, Directory, Error, Keyring, Listing, Search, SystemClock, UuidIds,
};
use rollcall_filter::{parse_attr_path, parse_filter};
use rollcall_schema::{Instant, Order};
use rollcall_testkit::{Desk, Subject, users};
use serde_json::json;

/// What a client says on each page.
#[derive(Clone, Copy)]
struct Said<'a> {
    cursor: &'a str,
    filter: Option<&'a str>,
    sort: Option<(&'a str, Order)>,
    shown: &'a str,
    count: u32,
}

/// The first page of two, without more.
const FIRST: Said<'static> = Said { cursor: "", filter: None, sort: None, shown: "", count: 2 };

async fn ask(desk: &Desk, said: Said<'_>) -> Result<Listing, Error> {
    let search = Search {
        filter: said.filter.map(|text| parse_filter(text).unwrap()),
        sort: said.sort.map(|(by, order)| (parse_attr_path(by).unwrap(), order)),
        start: 0,
        count: said.count,
        derived: Derived::Hidden,
        cursor: Some(CursorAsked { text: said.cursor, shown: said.shown }),
    };
    desk.directory.find(&desk.context, users(), &search).await
}

async fn next(desk: &Desk, said: Said<'_>) -> String {
    ask(desk, said).await.unwrap().next.unwrap()
}

/// A connection of users with these names.
async fn desk(names: &[&str]) -> Desk {
    let desk = Desk::open(&Subject::memory()).await;
    for name in names {
        desk.make(users(), json!({ "userName": name, "title": name })).await;
    }
    desk
}

fn names(page: &Listing) -> Vec<String> {
    let name = |body: &str| -> serde_json::Value { serde_json::from_str(body).unwrap() };
    let names = page.found.iter().map(|found| name(&found.record.body)["userName"].clone());
    names.map(|name| name.as_str().unwrap().to_owned()).collect()
}

/// The names on each page, and the totals.
async fn pages(desk: &Desk, said: Said<'_>) -> (Vec<Vec<String>>, Vec<u64>) {
    let (mut pages, mut totals, mut cursor) = (Vec::new(), Vec::new(), String::new());
    loop {
        let page = ask(desk, Said { cursor: &cursor, ..said }).await.unwrap();
        pages.push(names(&page));
        totals.push(page.total);
        match page.next {
            Some(next) => cursor = next,
            None => return (pages, totals),
        }
    }
}

#[tokio::test]
async fn r_cur_02_each_page_but_the_last_leads_to_the_next() {
    let four = desk(&["a", "b", "c", "d"]).await;
    let (walked, totals) = pages(&four, FIRST).await;
    assert_eq!(walked, [["a", "b"], ["c", "d"]]);
    assert_eq!(totals, [4, 4]);
    let (walked, _) = pages(&four, Said { count: 3, ..FIRST }).await;
    assert_eq!(walked, [vec!["a", "b", "c"], vec!["d"]]);
    let (walked, totals) = pages(&four, Said { count: 4, ..FIRST }).await;
    assert_eq!((walked.len(), totals), (1, vec![4]));
    let (walked, totals) = pages(&four, Said { filter: Some("title eq \"x\""), ..FIRST }).await;
    assert_eq!((walked, totals), (vec![vec![]], vec![0]));
}

#[tokio::test]
async fn r_cur_04_a_count_of_zero_asks_for_the_total() {
    let four = desk(&["a", "b", "c", "d"]).await;
    let page = ask(&four, Said { count: 0, ..FIRST }).await.unwrap();
    assert_eq!((page.found, page.total, page.next), (vec![], 4, None));
    let largest = ask(&four, Said { count: u32::MAX, ..FIRST }).await.unwrap();
    assert_eq!((largest.found.len(), largest.next), (4, None));
}

#[tokio::test]
async fn r_cur_09_pages_go_on_in_order() {
    let mixed = desk(&["c", "a", "d", "B", "e"]).await;
    let up = Said { sort: Some(("title", Order::Ascending)), ..FIRST };
    assert_eq!(pages(&mixed, up).await.0, [vec!["a", "B"], vec!["c", "d"], vec!["e"]]);
    let down = Said { sort: Some(("title", Order::Descending)), ..FIRST };
    assert_eq!(pages(&mixed, down).await.0, [vec!["e", "d"], vec!["c", "B"], vec!["a"]]);
    // R-SORT-07: what nobody has is no order.
    let unknown = Said { sort: Some(("nope", Order::Descending)), ..FIRST };
    assert_eq!(pages(&mixed, unknown).await.0, [vec!["c", "a"], vec!["d", "B"], vec!["e"]]);
}

/// R-CUR-01, R-CUR-13: no text that is sorted by is too long to go on from.
#[tokio::test]
async fn cursors_are_short_and_plain() {
    let long = |end: &str| format!("{}{end}", "\"ü".repeat(500));
    let (a, b, c) = (long("a"), long("b"), long("c"));
    let desk = desk(&[&c, &b, &a, "z"]).await;
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let plain = next(&desk, FIRST).await;
    assert!(plain.len() < 200 && plain.bytes().all(unreserved), "{plain}");
    let sorted = Said { sort: Some(("title", Order::Ascending)), count: 1, ..FIRST };
    let long = next(&desk, sorted).await;
    assert!(long.len() < 2_048 && long.bytes().all(unreserved), "{} bytes", long.len());
    let (mut walked, _) = pages(&desk, sorted).await;
    walked.sort();
    assert_eq!(walked, [[a], [b], [c], ["z".to_owned()]]);
}

/// X26, X29, R-CUR-12: whatever is no cursor of this walk is the same garbage.
#[tokio::test]
async fn what_was_not_given_out_here_is_invalid() {
    let here = desk(&["a", "b", "c"]).await;
    let there = here.elsewhere().await;
    for name in ["a", "b", "c"] {
        there.make(users(), json!({ "userName": name })).await;
    }
    let cursor = next(&here, FIRST).await;
    assert_eq!(names(&ask(&here, Said { cursor: &cursor, ..FIRST }).await.unwrap()), ["c"]);
    let foreign = next(&there, FIRST).await;
    let other_keys = next(&desk(&["a", "b", "c"]).await, FIRST).await;
    let cut = &cursor[..cursor.len() - 1];
    let longer = format!("{cursor}A");
    let endless = cursor.repeat(1_000);
    for text in ["garbage", "a.b", ".", cut, &longer, &endless, &foreign, &other_keys] {
        let error = ask(&here, Said { cursor: text, ..FIRST }).await.unwrap_err();
        assert!(matches!(error, Error::InvalidCursor), "{text}: {error}");
    }
    let error = ask(&there, Said { cursor: &cursor, ..FIRST }).await.unwrap_err();
    assert!(matches!(error, Error::InvalidCursor), "{error}");
}

/// X27, R-CUR-03: everything but the cursor stays as it is.
#[tokio::test]
async fn a_cursor_belongs_to_one_search() {
    let desk = desk(&["a", "b", "c", "d", "e"]).await;
    let up = Some(("title", Order::Ascending));
    let said = Said { filter: Some("title pr"), sort: up, shown: "title", count: 2, cursor: "" };
    let cursor = &next(&desk, said).await;
    let said = Said { cursor, ..said };
    assert_eq!(names(&ask(&desk, said).await.unwrap()), ["c", "d"]);
    for changed in [
        Said { filter: Some("userName pr"), ..said },
        Said { filter: None, ..said },
        Said { sort: Some(("title", Order::Descending)), ..said },
        Said { sort: Some(("userName", Order::Ascending)), ..said },
        Said { sort: None, ..said },
        Said { shown: "", ..said },
        Said { shown: "title,userName", ..said },
        // The count is not what is wrong first.
        Said { shown: "", count: 3, ..said },
    ] {
        let error = ask(&desk, changed).await.unwrap_err();
        assert!(matches!(error, Error::InvalidCursor), "{error}");
    }
    for count in [0, 1, 3] {
        let error = ask(&desk, Said { count, ..said }).await.unwrap_err();
        assert!(matches!(error, Error::InvalidCount), "{count}: {error}");
    }
}

struct Fixed(AtomicI64);

impl Clock for Fixed {
    fn now(&self) -> Instant {
        Instant::from_millis(self.0.load(Ordering::Relaxed))
    }
}

/// X28: each page is good for as long again.
#[tokio::test]
async fn a_cursor_expires() {
    const HOUR: i64 = 3_600_000;
    let began = 1_700_000_000_000;
    let clock = Arc::new(Fixed(AtomicI64::new(began)));
    let desk = desk(&["a", "b", "c"]).await;
    let desk = desk.beside(Arc::<Fixed>::clone(&clock)).await;
    let said = Said { count: 1, ..FIRST };
    let cursor = &next(&desk, said).await;
    clock.0.store(began + HOUR, Ordering::Relaxed);
    let cursor_of_later = &next(&desk, Said { cursor, ..said }).await;
    clock.0.store(began + HOUR + 1, Ordering::Relaxed);
    let error = ask(&desk, Said { cursor, ..said }).await.unwrap_err();
    assert!(matches!(error, Error::ExpiredCursor), "{error}");
    let page = ask(&desk, Said { cursor: cursor_of_later, ..said }).await.unwrap();
    assert_eq!(names(&page), ["c"]);
    // Clocks of replicas differ.
    clock.0.store(began - HOUR, Ordering::Relaxed);
    assert!(ask(&desk, Said { cursor, ..said }).await.is_ok());
}

/// R-CUR-12: a walk is bound to its connection, and goes on after its token was rotated and
/// wherever the request ends up.
#[tokio::test]
async fn any_replica_and_token_go_on() {
    let desk = desk(&["a", "b", "c"]).await;
    let cursor = &next(&desk, FIRST).await;
    let other = desk.beside(Arc::new(SystemClock)).await;
    assert_ne!(other.context.actor(), desk.context.actor());
    assert_eq!(names(&ask(&other, Said { cursor, ..FIRST }).await.unwrap()), ["c"]);
}

/// R-CUR-13, R-CUR-06: the total is that of the first page.
#[tokio::test]
async fn others_neither_hide_nor_double_anybody() {
    let desk = desk(&["a", "b", "c", "d"]).await;
    let page = ask(&desk, FIRST).await.unwrap();
    for found in &page.found {
        desk.end(users(), found.record.id).await;
    }
    desk.make(users(), json!({ "userName": "e" })).await;
    let cursor = &page.next.unwrap();
    let page = ask(&desk, Said { cursor, ..FIRST }).await.unwrap();
    assert_eq!((names(&page), page.total), (vec!["c".into(), "d".into()], 4));
    let cursor = &page.next.unwrap();
    let page = ask(&desk, Said { cursor, ..FIRST }).await.unwrap();
    assert_eq!((names(&page), page.next), (vec!["e".into()], None));
}

/// Whoever gets a page without a next one believes that there is none.
#[tokio::test]
async fn without_keys_there_are_no_cursors() {
    let subject = Subject::memory();
    let desk = Desk::open(&subject).await;
    assert!(desk.directory.offers_cursors());
    let store = Arc::clone(&subject.store);
    let directory = Directory::new(store, Arc::new(SystemClock), Arc::new(UuidIds));
    assert!(!directory.offers_cursors());
    let cursor = Some(CursorAsked { text: "", shown: "" });
    let search = Search { cursor, count: 2, ..Search::default() };
    let error = directory.find(&desk.context, users(), &search).await.unwrap_err();
    assert!(matches!(error, Error::InvalidCursor), "{error}");
}

/// A key that was added behind opens, and one that went doesn't.
#[tokio::test]
async fn keys_are_rotated_under_running_walks() {
    let subject = Subject::memory();
    let desk = Desk::open(&subject).await;
    for name in ["a", "b", "c"] {
        desk.make(users(), json!({ "userName": name })).await;
    }
    let [old, new] = [1_700_000_000_000, 1_700_000_001_000]
        .map(|at| Keyring::generate(Instant::from_millis(at)).unwrap());
    let at = |text: &str| {
        let store = Arc::clone(&subject.store);
        let keys = Arc::new(Keyring::parse(text).unwrap());
        Directory::new(store, Arc::new(SystemClock), Arc::new(UuidIds))
            .with_keys(keys, Duration::from_secs(60))
    };
    let find = async |directory: &Directory, text: &str| {
        let cursor = Some(CursorAsked { text, shown: "" });
        let search = Search { cursor, count: 1, ..Search::default() };
        directory.find(&desk.context, users(), &search).await.map(|page| page.next)
    };
    let cursor = find(&at(&format!("{old},{new}")), "").await.unwrap().unwrap();
    let cursor = find(&at(&format!("{new},{old}")), &cursor).await.unwrap().unwrap();
    assert!(find(&at(&old), &cursor).await.is_err());
    assert_eq!(find(&at(&new), &cursor).await.unwrap(), None);
}
