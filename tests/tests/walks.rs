//! Walks through lists over HTTP while others write there, on both stores (R-CUR-13): whoever stays
//! as it is, is met exactly once, by cursor in every order and by `startIndex` going forward.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use rollcall_domain::IdpKind;
use rollcall_tests::client::SEARCH;
use rollcall_tests::data::USER;
use rollcall_tests::idp::Idp;
use rollcall_tests::on_both_stores;
use rollcall_tests::server::Server;
use serde_json::{Value, json};

on_both_stores!(
    r_cur_13_cursors_meet_whoever_stays_once,
    r_cur_09_sorted_cursors_meet_whoever_stays_once_and_in_order,
    r_cur_10_posted_searches_lead_on,
    r_cur_13_places_going_forward_meet_whoever_stays_once,
);

/// Who stays, of twice as many.
const STAY: usize = 60;
const PAGE: usize = 7;

/// A connection where half of all users stay, and the others come and go between each other.
struct Street {
    idp: Idp,
    stay: Vec<String>,
    go: Vec<String>,
}

impl Street {
    async fn open(server: &Server) -> Self {
        let idp = server.idp(IdpKind::Generic).await;
        let (mut stay, mut go) = (Vec::new(), Vec::new());
        for n in 0..STAY {
            stay.push(user(&idp, &format!("stays-{n}"), n).await);
            go.push(user(&idp, &format!("goes-{n}"), n).await);
        }
        Self { idp, stay, go }
    }

    /// Walks again and again while others come and go. Each walk answers who was met.
    async fn walked(&self, walk: impl AsyncFn(&Idp) -> Vec<String>) -> Vec<Vec<String>> {
        let (done, met) = (AtomicBool::new(false), AtomicU32::new(0));
        let writing = async {
            for (n, id) in self.go.iter().enumerate() {
                self.idp.delete(&format!("/Users/{id}")).await.is(204);
                // Sorted, they come in front of, between and behind those who are there.
                let title = [0, n, STAY][n % 3];
                user(&self.idp, &format!("comes-{n}"), title).await;
                let other = &self.go[(n * 7 + 3) % STAY];
                let at = self.go.iter().position(|id| id == other).expect("it is one of them");
                if at > n {
                    let op = json!({"op": "replace", "path": "title", "value": word(STAY - at)});
                    let patched = self.idp.patch(&format!("/Users/{other}"), op).await;
                    patched.is(200);
                }
                // No walk is over before somebody came.
                while n == STAY / 2 && met.load(Ordering::Relaxed) == 0 {
                    tokio::task::yield_now().await;
                }
            }
            done.store(true, Ordering::Relaxed);
        };
        let walking = async {
            let mut walks = Vec::new();
            loop {
                let last = done.load(Ordering::Relaxed);
                walks.push(walk(&self.idp).await);
                met.fetch_add(1, Ordering::Relaxed);
                if last {
                    return walks;
                }
            }
        };
        let ((), walks) = tokio::join!(writing, walking);
        assert!(walks.len() >= 2, "nobody walked while others wrote");
        walks
    }

    /// Whoever stays was met once, and in this order.
    fn met(&self, walked: &[String], order: &[String]) {
        let mut times: BTreeMap<&String, usize> = BTreeMap::new();
        for id in walked {
            *times.entry(id).or_default() += 1;
        }
        for id in &self.stay {
            assert_eq!(times.get(id), Some(&1), "{id} of {walked:?}");
        }
        let stayed: Vec<&String> = walked.iter().filter(|id| self.stay.contains(id)).collect();
        assert_eq!(stayed, order.iter().collect::<Vec<_>>());
    }
}

/// Titles that are shared by some: what is sorted has ties.
fn word(n: usize) -> String {
    format!("title {:03}", n / 3)
}

async fn user(idp: &Idp, name: &str, title: usize) -> String {
    let body = json!({"schemas": [USER], "userName": name, "title": word(title)});
    idp.post("/Users", &body).await.is(201).id()
}

async fn r_cur_13_cursors_meet_whoever_stays_once(server: &Server) {
    let street = Street::open(server).await;
    for endpoint in ["/Users", "/"] {
        let query = format!("count={PAGE}");
        let walk = async |idp: &Idp| {
            let pages = idp.walk(endpoint, &query).await;
            let (last, others) = pages.split_last().expect("a page");
            assert!(others.iter().all(|page| page.len() == PAGE) && last.len() <= PAGE);
            pages.concat()
        };
        if endpoint == "/" {
            // Nobody comes or goes any more, and all types lie beside each other.
            street.met(&walk(&street.idp).await, &street.stay);
            continue;
        }
        for walked in street.walked(walk).await {
            street.met(&walked, &street.stay);
        }
    }
}

async fn r_cur_09_sorted_cursors_meet_whoever_stays_once_and_in_order(server: &Server) {
    for (order, descending) in [("ascending", false), ("descending", true)] {
        let street = Street::open(server).await;
        let filter = rollcall_tests::idp::encoded("title pr and userName co \"s\"");
        let query = format!("count={PAGE}&sortBy=title&sortOrder={order}&filter={filter}");
        // The title, then the id, which is the order in which they were made.
        let mut expect: Vec<(String, usize)> = (0..STAY).map(|n| (word(n), n)).collect();
        if descending {
            expect.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        }
        let expect: Vec<String> = expect.iter().map(|(_, n)| street.stay[*n].clone()).collect();
        let walks = street.walked(async |idp: &Idp| idp.walk("/Users", &query).await.concat());
        for walked in walks.await {
            street.met(&walked, &expect);
        }
    }
}

async fn r_cur_10_posted_searches_lead_on(server: &Server) {
    let street = Street::open(server).await;
    let walk = async |idp: &Idp| {
        let (mut walked, mut cursor) = (Vec::new(), json!(""));
        loop {
            let body = json!({"schemas": [SEARCH], "count": PAGE, "cursor": cursor,
                "filter": "userName co \"s\"", "attributes": ["userName"]});
            let page = idp.post("/Users/.search", &body).await.is(200);
            walked.extend(page.ids());
            match page.json().get("nextCursor") {
                Some(next) => cursor = next.clone(),
                None => return walked,
            }
        }
    };
    for walked in street.walked(walk).await {
        street.met(&walked, &street.stay);
    }
}

/// By place on one replica, as one who goes forward page by page with the same token.
async fn r_cur_13_places_going_forward_meet_whoever_stays_once(server: &Server) {
    let street = Street::open(server).await;
    let walk = async |idp: &Idp| {
        let mut walked: Vec<String> = Vec::new();
        loop {
            let path = format!("/Users?startIndex={}&count={PAGE}", walked.len() + 1);
            let page = idp.get(&path).await.is(200);
            let total = page.json()["totalResults"].as_u64().expect("a total");
            let ids = page.ids();
            let over = ids.is_empty() || (walked.len() + ids.len()) as u64 >= total;
            walked.extend(ids);
            if over {
                return walked;
            }
        }
    };
    for walked in street.walked(walk).await {
        street.met(&walked, &street.stay);
    }
    let all: Value = street.idp.get("/Users?count=0").await.is(200).json();
    assert_eq!(all["totalResults"], 2 * STAY);
}
