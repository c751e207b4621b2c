//! How much faster an initial sync is by Bulk than by single requests: `cargo xtask bench`.
//!
//! 1,000 users and one group that holds them all, over one connection that stays open, one request
//! after the other, against the real program on each store. Rounds alternate, so that a busy
//! machine slows both ways alike, and the median counts.

use std::time::{Duration, Instant};

use rollcall_tests::client::{Client, Request};
use rollcall_tests::data::{GROUP, USER};
use rollcall_tests::program::Site;
use rollcall_tests::server::StoreKind;
use serde_json::{Value, json};

const TOKEN: &str = "bench-0123456789abcdefghijklmnopqrstuvwxyz";
const BULK: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
const USERS: usize = 1_000;
const ROUNDS: usize = 3;

#[tokio::main]
async fn main() {
    println!("{USERS} users and one group, median of {ROUNDS} rounds\n");
    println!("store       one by one       bulk      ratio");
    for kind in [StoreKind::Sqlite, StoreKind::Postgres] {
        let site = Site::new(kind).await;
        let serving = site.serve(&[], &[("ROLLCALL_SCIM_TOKEN", TOKEN)]).await;
        let client = &serving.client;
        let (mut singles, mut bulks) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            singles.push(one_by_one(client, &format!("s{round}")).await);
            bulks.push(by_bulk(client, &format!("b{round}")).await);
        }
        let (single, bulk) = (median(singles), median(bulks));
        let ratio = bulk.as_secs_f64() / single.as_secs_f64();
        let kind = format!("{kind:?}");
        println!(
            "{kind:10} {:>9} ms {:>7} ms   {ratio:>8.3}",
            single.as_millis(),
            bulk.as_millis()
        );
        serving.program.stop().await;
    }
}

fn user(prefix: &str, n: usize) -> Value {
    json!({
        "schemas": [USER],
        "userName": format!("{prefix}-{n}@example.test"),
        "externalId": format!("{prefix}-{n}"),
        "name": {"givenName": "Ada", "familyName": format!("Lovelace {n}")},
        "emails": [{"value": format!("{prefix}-{n}@example.test"), "type": "work", "primary": true}],
        "active": true,
    })
}

async fn one_by_one(client: &Client, prefix: &str) -> Duration {
    let began = Instant::now();
    let mut members = Vec::with_capacity(USERS);
    for n in 0..USERS {
        let post = Request::new("POST", "/scim/v2/Users").bearer(TOKEN).json(&user(prefix, n));
        members.push(json!({"value": client.send(post).await.is(201).id()}));
    }
    let group = json!({"schemas": [GROUP], "displayName": prefix, "members": members});
    let post = Request::new("POST", "/scim/v2/Groups").bearer(TOKEN).json(&group);
    client.send(post).await.is(201);
    began.elapsed()
}

async fn by_bulk(client: &Client, prefix: &str) -> Duration {
    let began = Instant::now();
    let users = (0..USERS).map(|n| {
        json!({"method": "POST", "path": "/Users", "bulkId": format!("u{n}"), "data": user(prefix, n)})
    });
    let members = (0..USERS).map(|n| json!({"value": format!("bulkId:u{n}")}));
    let group = json!({
        "schemas": [GROUP], "displayName": prefix, "members": members.collect::<Vec<_>>(),
    });
    let group = json!({"method": "POST", "path": "/Groups", "bulkId": "g", "data": group});
    let operations: Vec<Value> = users.chain([group]).collect();
    let body = json!({"schemas": [BULK], "Operations": operations});
    let answer = client.send(Request::new("POST", "/scim/v2/Bulk").bearer(TOKEN).json(&body)).await;
    let answer = answer.is(200).json();
    let took = began.elapsed();
    let done = answer["Operations"].as_array().expect("results");
    assert_eq!(done.len(), USERS + 1);
    assert!(done.iter().all(|done| done["status"] == "201"), "{}", done[USERS]);
    took
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
