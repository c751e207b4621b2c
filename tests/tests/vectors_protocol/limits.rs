//! How much one client may ask for.

use rollcall_domain::{IdpKind, Rate};
use rollcall_http::Settings;
use rollcall_tests::client::{Answer, Request};
use rollcall_tests::on_both_stores_alone;
use rollcall_tests::server::{Server, StoreKind, settings};
use serde_json::{Value, json};

on_both_stores_alone!(
    x54_too_many_requests,
    x54_many_operations_count_as_many_requests,
    x54_too_many_wrong_tokens,
);

/// A whole number of seconds, and not many (R-ERR-06, E-OKTA-09).
fn wait(answer: &Answer) -> u64 {
    answer.refused(429, "");
    let seconds =
        answer.header("retry-after").unwrap_or_else(|| panic!("no Retry-After: {answer}"));
    let seconds = seconds.parse().unwrap_or_else(|_| panic!("no integer: {answer}"));
    assert!((1..=60).contains(&seconds), "{answer}");
    seconds
}

/// R-ERR-06, R-IPSIE-03: 25 a second are always taken, and other connections notice nothing.
async fn x54_too_many_requests(kind: StoreKind) {
    let server = Server::start(kind, settings()).await;
    let rate = json!({"limits": {"rate": {"perSecond": 25, "burst": 25}}});
    let idp = server.idp_with(IdpKind::Generic, rate).await;
    let other = server.idp(IdpKind::Generic).await;
    // More at once than can be earned while they are answered.
    let (path, mut taken) = (idp.base.clone() + "/Users?count=0", 0);
    let requests = (0..400).map(|_| idp.send(Request::new("GET", &path).bearer(&idp.token)));
    let answers = futures_util::future::join_all(requests).await;
    let mut refused = None;
    for answer in answers {
        match answer.status {
            200 => taken += 1,
            _ => refused = Some(answer),
        }
    }
    assert!(taken >= 25, "{taken} of 400 were taken");
    let refused = refused.expect("some were too many");
    assert!(wait(&refused) <= 2, "{refused}");
    let detail = refused.refused(429, "");
    assert!(detail.contains("25 requests a second"), "{detail}");
    other.get("/Users").await.is(200);
}

/// R-BULK-12: no way around the rate.
async fn x54_many_operations_count_as_many_requests(kind: StoreKind) {
    let server = Server::start(kind, settings()).await;
    let rate = json!({"limits": {"rate": {"perSecond": 25, "burst": 50}}});
    let idp = server.idp_with(IdpKind::Okta, rate).await;
    let operations: Value =
        (0..500).map(|n| json!({"method": "DELETE", "path": format!("/Users/{n}")})).collect();
    assert_eq!(idp.bulk(operations).await.operations().len(), 500);
    let refused = idp.get("/Users?startIndex=1&count=100").await;
    assert!(wait(&refused) >= 5, "{refused}");
    // Every route is refused alike, and nothing is done.
    idp.post("/Users", &json!({"schemas": [], "userName": "ada"})).await.refused(429, "");
    idp.get("/ServiceProviderConfig").await.refused(429, "");
}

/// R-SEC-06: who guesses is not heard, who has a good token is.
async fn x54_too_many_wrong_tokens(kind: StoreKind) {
    let failures = Rate { per_second: 1, burst: 5 };
    let server = Server::start(kind, Settings { failures, ..settings() }).await;
    let idp = server.idp(IdpKind::Generic).await;
    idp.get("/Users").await.is(200);
    let guess =
        |n: usize| Request::new("GET", format!("{}/Users", idp.base)).bearer(&format!("rct_{n}"));
    let mut last = None;
    for n in 0..40 {
        let answer = idp.send(guess(n)).await;
        assert!(matches!(answer.status, 401 | 429), "{answer}");
        let over = answer.status == 429;
        last = Some(answer);
        if over {
            break;
        }
    }
    wait(&last.expect("there were guesses"));
    idp.get("/Users").await.is(200);
    // Another connection's clients are not kept waiting.
    let other = server.idp(IdpKind::Generic).await;
    other.get("/Users").await.is(200);
}
