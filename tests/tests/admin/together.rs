//! Requests that come at the same moment: who insists on no revision is answered as if they came
//! one after the other.

use futures_util::future::{join, join_all};
use rollcall_tests::client::Answer;
use rollcall_tests::on_both_stores;
use rollcall_tests::operator::text;
use rollcall_tests::server::Server;
use serde_json::{Value, json};

use super::{Customer, fresh};

on_both_stores!(
    rotations_that_start_together_are_told_apart,
    whoever_insists_on_nothing_is_never_late,
    no_more_credentials_live_than_may,
    tokens_are_made_side_by_side,
    people_are_handed_to_nobody_who_goes,
);

/// How many of them come together.
const RIVALS: usize = 8;

/// How many credentials may live on a connection.
const MOST: usize = 100;

#[track_caller]
fn answered(answers: &[Answer], expect: &[(u16, usize)]) {
    let mut left = answers.len();
    for (status, times) in expect {
        let so = answers.iter().filter(|answer| answer.status == *status).count();
        assert_eq!(so, *times, "{status}: {answers:#?}");
        left -= so;
    }
    assert_eq!(left, 0, "{answers:#?}");
}

async fn rotations_that_start_together_are_told_apart(server: &Server) {
    let customer = Customer::new(server).await;
    let owner = &customer.owner;
    for _ in 0..3 {
        let old = owner.post(&customer.tokens(), &json!({})).await.is(201).json();
        let rotation = format!("{}/{}/rotation", customer.tokens(), text(&old, "tokenId"));
        let started = join_all((0..RIVALS).map(|_| owner.act(&rotation))).await;
        answered(&started, &[(201, 1), (409, RIVALS - 1)]);
        for late in started.iter().filter(|answer| answer.status == 409) {
            assert!(text(&late.json(), "detail").contains("under way"), "{late}");
        }
        let force = json!({"force": true});
        let finish = format!("{rotation}/finish");
        let finished = join_all((0..RIVALS).map(|_| owner.post(&finish, &force))).await;
        answered(&finished, &[(200, 1), (404, RIVALS - 1)]);
    }
}

async fn whoever_insists_on_nothing_is_never_late(server: &Server) {
    let customer = Customer::new(server).await;
    let (owner, organization) = (&customer.owner, &customer.organization);
    // Changes: the last one counts.
    let renamed = (0..RIVALS).map(|n| json!({"name": fresh(&format!("Name {n}"))}));
    let renamed: Vec<Value> = renamed.collect();
    let answers = join_all(renamed.iter().map(|body| owner.patch(organization, body))).await;
    answered(&answers, &[(200, RIVALS)]);
    assert_eq!(owner.get(organization).await.json()["revision"], RIVALS);
    let named = (0..RIVALS).map(|n| json!({"name": format!("c{n}")})).collect::<Vec<_>>();
    let path = &customer.made.path;
    let answers = join_all(named.iter().map(|body| owner.patch(path, body))).await;
    answered(&answers, &[(200, RIVALS)]);
    // Ends: the first one counts, and the others find it done.
    let token = owner.post(&customer.tokens(), &json!({})).await.is(201).json();
    let token = format!("{}/{}", customer.tokens(), text(&token, "tokenId"));
    let answers = join_all((0..RIVALS).map(|_| owner.delete(&token))).await;
    answered(&answers, &[(200, RIVALS)]);
    assert_eq!(owner.get(&token).await.json()["revision"], 1);
    let key = json!({"name": "own", "role": "read-only"});
    let key = owner.post("/admin/keys", &key).await.is(201).json();
    let key = format!("/admin/keys/{}", text(&key, "adminKeyId"));
    let answers = join_all((0..RIVALS).map(|_| owner.delete(&key))).await;
    answered(&answers, &[(200, RIVALS)]);
    let doomed = format!("{path}?people=keep");
    let answers = join_all((0..RIVALS).map(|_| owner.delete(&doomed))).await;
    // Whoever works on the job may be done already.
    assert_eq!(answers.iter().filter(|answer| answer.status == 202).count(), 1, "{answers:#?}");
    assert!(answers.iter().all(|answer| matches!(answer.status, 202 | 404 | 409)), "{answers:#?}");
    let job = answers.iter().find(|answer| answer.status == 202).map(Answer::json);
    let job = format!("{organization}/jobs/{}", text(&job.expect("one began"), "jobId"));
    server.finished(owner, &job).await;
    let answers = join_all((0..RIVALS).map(|_| owner.delete(organization))).await;
    answered(&answers, &[(202, 1), (404, RIVALS - 1)]);
}

async fn no_more_credentials_live_than_may(server: &Server) {
    let customer = Customer::new(server).await;
    let owner = &customer.owner;
    // One is there; two more may come.
    for _ in 0..MOST - 3 {
        owner.post(&customer.tokens(), &json!({})).await.is(201);
    }
    let body = json!({});
    let tokens = customer.tokens();
    let made = join_all((0..RIVALS).map(|_| owner.post(&tokens, &body))).await;
    answered(&made, &[(201, 2), (409, RIVALS - 2)]);
    for full in made.iter().filter(|answer| answer.status == 409) {
        assert!(text(&full.json(), "detail").contains("100 live credentials"), "{full}");
    }
    // Nor does a rotation make room for itself.
    owner.act(&format!("{}/rotation", customer.token())).await.is(409);
    owner.delete(&format!("{tokens}/{}", made_id(&made))).await.is(200);
    owner.act(&format!("{}/rotation", customer.token())).await.is(201);
    owner.post(&tokens, &body).await.is(409);
}

fn made_id(answers: &[Answer]) -> String {
    let made = answers.iter().find(|answer| answer.status == 201).expect("one was made");
    text(&made.json(), "tokenId")
}

async fn tokens_are_made_side_by_side(server: &Server) {
    let customer = Customer::new(server).await;
    let (owner, tokens, body) = (&customer.owner, customer.tokens(), json!({}));
    let made = join_all((0..3 * RIVALS).map(|_| owner.post(&tokens, &body))).await;
    answered(&made, &[(201, 3 * RIVALS)]);
}

/// Of two ends of which one hands people over to the other connection, one is decided.
async fn people_are_handed_to_nobody_who_goes(server: &Server) {
    for other in ["keep", "handOver"] {
        let customer = Customer::new(server).await;
        let (owner, made) = (&customer.owner, &customer.made);
        let twin = customer.twin(server).await.0;
        let [here, there] = [made, &twin].map(|one| one.text("connectionId"));
        let over = |to: &str| format!("people=handOver&to={to}");
        let other = if other == "keep" { "people=keep".to_owned() } else { over(&here) };
        let (handed, ended) =
            [format!("{}?{}", made.path, over(&there)), format!("{}?{other}", twin.path)].into();
        let (handed, ended) = join(owner.delete(&handed), owner.delete(&ended)).await;
        answered(&[handed, ended], &[(202, 1), (409, 1)]);
    }
}
