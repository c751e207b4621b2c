//! Paging by cursor (RFC 9865).

use std::time::Duration;

use rollcall_domain::IdpKind;
use rollcall_tests::client::SEARCH;
use rollcall_tests::data::{Names, many_users};
use rollcall_tests::idp::{Idp, encoded};
use rollcall_tests::server::{Server, StoreKind, settings};
use rollcall_tests::{on_both_stores, on_both_stores_alone};
use serde_json::{Value, json};

use super::{filled, order, user};

on_both_stores!(
    x25_a_walk_by_cursor,
    x25_a_walk_among_changes,
    x25_a_walk_by_posted_search,
    x26_no_cursor_at_all,
    x27_a_cursor_goes_on_with_its_own_search,
    x29_a_cursor_opens_on_its_own_connection_alone,
);
on_both_stores_alone!(x28_an_expired_cursor);

/// The cursor of the second page.
async fn cursor(idp: &Idp, list: &str) -> String {
    let page = idp.get(list).await.is(200).json();
    page["nextCursor"].as_str().unwrap_or_else(|| panic!("{list} has one page: {page}")).into()
}

fn named(names: &Names, pages: &[Vec<String>]) -> Vec<String> {
    pages.iter().map(|page| order(names, page)).collect()
}

/// R-CUR-01, R-CUR-02, R-CUR-04, R-CUR-06, R-CUR-08, R-CUR-09.
async fn x25_a_walk_by_cursor(server: &Server) {
    let (idp, names) = filled(server).await;
    for (path, query, expect) in [
        ("/Users", "count=2", vec!["u1 u2", "u3 u4"]),
        ("/Users", "count=3", vec!["u1 u2 u3", "u4"]),
        ("/Users", "count=4", vec!["u1 u2 u3 u4"]),
        ("/Users", "count=100000", vec!["u1 u2 u3 u4"]),
        ("/Users", "count=2&sortBy=userName&sortOrder=descending", vec!["u3 u2", "u1 u4"]),
        ("/Users", "count=1&filter=active%20eq%20true", vec!["u1", "u4"]),
        ("/Users", "count=2&filter=userName%20eq%20%22nobody%22", vec![""]),
        ("/Groups", "count=2&excludedAttributes=members", vec!["g1 g2", "g3"]),
        ("/", "count=3", vec!["u1 u2 u3", "u4 g1 g2", "g3"]),
    ] {
        let pages = idp.walk(path, query).await;
        let mut found = named(&names, &pages);
        // Ids within a type, which the base data makes in the order of names.
        found.iter_mut().for_each(|page| *page = page.trim().to_owned());
        assert_eq!(found, expect, "{path}?{query}");
    }
    let first = idp.get("/Users?cursor&count=2").await.is(200);
    let list = first.json();
    assert_eq!((&list["totalResults"], &list["itemsPerPage"]), (&json!(4), &json!(2)), "{first}");
    assert!(list["startIndex"].is_null() && list["previousCursor"].is_null(), "{first}");
    let next = list["nextCursor"].as_str().expect("there is a second page");
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    assert!(next.bytes().all(unreserved), "{next}");
    let last = idp.get(&format!("/Users?CURSOR={next}&Count=2")).await.is(200);
    assert!(last.json().get("nextCursor").is_none(), "{last}");
    assert_eq!(last.json()["totalResults"], 4, "{last}");
    // The same cursor again gives the same page.
    assert_eq!(idp.get(&format!("/Users?cursor={next}&count=2")).await.json(), last.json());
    for nothing in ["0", "-3"] {
        let totals = idp.get(&format!("/Users?cursor&count={nothing}")).await.is(200);
        assert_eq!((totals.ids().len(), &totals.json()["totalResults"]), (0, &json!(4)));
        assert!(totals.json().get("nextCursor").is_none(), "{totals}");
    }
    // Nobody gets cursors unasked (R-CUR-07).
    assert!(idp.get("/Users?count=2").await.json().get("nextCursor").is_none());
    for both in ["cursor&startIndex=1", &format!("cursor={next}&count=2&startIndex=3")] {
        idp.get(&format!("/Users?{both}")).await.refused(400, "invalidValue");
    }
}

/// R-CUR-13: what stays is found once, whatever comes and goes meanwhile.
async fn x25_a_walk_among_changes(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let made = many_users(&idp, "u", 30).await;
    let (mut cursor, mut seen) = (String::new(), Vec::new());
    for round in 0.. {
        let page = idp.get(&format!("/Users?cursor={cursor}&count=7")).await.is(200);
        seen.extend(page.ids());
        let Some(next) = page.json()["nextCursor"].as_str().map(str::to_owned) else { break };
        cursor = next;
        // The resource that the page ended with goes, one that was seen changes, one comes.
        let last = seen.last().expect("pages have resources").clone();
        idp.delete(&format!("/Users/{last}")).await.is(204);
        let title = json!({"op": "replace", "path": "title", "value": "moved"});
        idp.patch(&format!("/Users/{}", seen[seen.len() - 2]), title).await.is(200);
        idp.user(&format!("new-{round}")).await;
    }
    let of_old: Vec<&String> = seen.iter().filter(|id| made.contains(id)).collect();
    assert_eq!(of_old, made.iter().collect::<Vec<_>>());
}

/// R-CUR-10.
async fn x25_a_walk_by_posted_search(server: &Server) {
    let (idp, names) = filled(server).await;
    for (path, expect) in [
        ("/Users/.search", vec!["u1 u2 u3", "u4"]),
        ("/.search", vec!["u1 u2 u3", "u4 g1 g2", "g3"]),
    ] {
        let (mut cursor, mut pages) = (json!(""), Vec::new());
        while !cursor.is_null() {
            let body = json!({"schemas": [SEARCH], "cursor": cursor, "count": 3});
            let page = idp.post(path, &body).await.is(200);
            pages.push(page.ids());
            cursor = page.json()["nextCursor"].clone();
        }
        assert_eq!(named(&names, &pages), expect);
    }
    let both = json!({"schemas": [SEARCH], "cursor": "", "startIndex": 1});
    idp.post("/Users/.search", &both).await.refused(400, "invalidValue");
    for odd in [json!(5), json!(["x"]), json!({}), json!(true)] {
        let body = json!({"schemas": [SEARCH], "cursor": odd});
        idp.post("/Users/.search", &body).await.refused(400, "invalidValue");
    }
}

/// R-CUR-05, R-CUR-12: whatever isn't a cursor is refused in the same words.
async fn x26_no_cursor_at_all(server: &Server) {
    let (idp, _) = filled(server).await;
    let good = cursor(&idp, "/Users?cursor&count=2").await;
    let mut changed = good.clone();
    let last = changed.pop().expect("cursors have characters");
    changed.push(if last == 'A' { 'B' } else { 'A' });
    let garbage = idp.get("/Users?count=2&cursor=garbage").await;
    garbage.refused(400, "invalidCursor");
    for cursor in [
        "1",
        "0",
        "-1",
        "%00",
        "%20",
        "=",
        "a.b.c",
        "%F0%9F%92%A9",
        "null",
        &"A".repeat(7_000),
        &changed,
        &good[1..],
        &good[..good.len() - 1],
        &format!("{good}A"),
        &good.to_lowercase(),
        &format!("{good}{good}"),
    ] {
        let answer = idp.get(&format!("/Users?count=2&cursor={cursor}")).await;
        assert_eq!(answer.refused(400, "invalidCursor"), garbage.refused(400, "invalidCursor"));
    }
    let long = json!({"schemas": [SEARCH], "count": 2, "cursor": "A".repeat(900_000)});
    idp.post("/Users/.search", &long).await.refused(400, "invalidCursor");
    idp.get(&format!("/Users?count=2&cursor={good}")).await.is(200);
}

/// R-CUR-03.
async fn x27_a_cursor_goes_on_with_its_own_search(server: &Server) {
    let (idp, _) = filled(server).await;
    let filter = encoded("userName pr");
    let own = format!("filter={filter}&sortBy=userName&attributes=userName&count=2");
    let next = cursor(&idp, &format!("/Users?cursor&{own}")).await;
    for (path, other, expect) in [
        ("/Users", own.replace("userName%20pr", "title%20pr"), "invalidCursor"),
        ("/Users", own.replace(&format!("filter={filter}&"), ""), "invalidCursor"),
        ("/Users", own.replace("sortBy=userName", "sortBy=title"), "invalidCursor"),
        ("/Users", format!("{own}&sortOrder=descending"), "invalidCursor"),
        ("/Users", own.replace("attributes=userName", "attributes=title"), "invalidCursor"),
        ("/Users", own.replace("&attributes=userName", ""), "invalidCursor"),
        ("/Groups", own.clone(), "invalidCursor"),
        ("/", own.clone(), "invalidCursor"),
        ("/Users", own.replace("count=2", "count=3"), "invalidCount"),
        ("/Users", own.replace("&count=2", ""), "invalidCount"),
        ("/Users", own.replace("count=2", "count=0"), "invalidCount"),
    ] {
        let changed = other != own || path != "/Users";
        assert!(changed, "{path}?{other} is the walk itself");
        idp.get(&format!("{path}?cursor={next}&{other}")).await.refused(400, expect);
    }
    assert_eq!(idp.get(&format!("/Users?cursor={next}&{own}")).await.is(200).ids().len(), 2);
}

/// R-CUR-05: the client learns that it may begin again.
async fn x28_an_expired_cursor(kind: StoreKind) {
    let server = Server::start_with(kind, settings(), Duration::ZERO).await;
    let (idp, _) = filled(&server).await;
    let next = cursor(&idp, "/Users?cursor&count=2").await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    let page = format!("/Users?count=2&cursor={next}");
    let detail = idp.get(&page).await.refused(400, "expiredCursor");
    assert!(!detail.is_empty());
    // It expired for its own walk alone: elsewhere it is none.
    idp.get(&format!("{page}&sortBy=title")).await.refused(400, "invalidCursor");
    idp.get("/Users?count=2&cursor=garbage").await.refused(400, "invalidCursor");
    assert_eq!(idp.get("/Users?count=2&cursor").await.is(200).ids().len(), 2);

    let config = idp.get("/ServiceProviderConfig").await.is(200).json();
    assert_eq!(config["pagination"]["cursorTimeout"], 0);
}

/// R-CUR-12, R-E-26.
async fn x29_a_cursor_opens_on_its_own_connection_alone(server: &Server) {
    let (a, _) = filled(server).await;
    let (b, _) = filled(server).await;
    let next = cursor(&a, "/Users?cursor&count=2").await;
    let foreign = b.get(&format!("/Users?count=2&cursor={next}")).await;
    let garbage = b.get("/Users?count=2&cursor=garbage").await;
    foreign.refused(400, "invalidCursor");
    assert_eq!(foreign.body, garbage.body);
    // Another token of the same connection goes on where the first one was.
    let again = server.another_token(&a).await;
    let page = again.get(&format!("/Users?count=2&cursor={next}")).await.is(200);
    assert_eq!(page.json(), a.get(&format!("/Users?count=2&cursor={next}")).await.json());
    // What was added meanwhile is no secret of the cursor.
    let late: Value = user("late");
    a.post("/Users", &late).await.is(201);
    assert_eq!(a.walk("/Users", "count=2").await.concat().len(), 5);
}
