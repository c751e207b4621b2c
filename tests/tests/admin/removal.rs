//! The end of a connection, and what becomes of its people.

use std::time::Duration;

use rollcall_domain::{Load, ResourceId};
use rollcall_schema::standard;
use rollcall_tests::data::{USER, large_group, many_users};
use rollcall_tests::idp::{Idp, sorted};
use rollcall_tests::operator::text;
use rollcall_tests::server::{Server, StoreKind, settings};
use rollcall_tests::wait::{PATIENCE, until};
use rollcall_tests::{on_both_stores, on_both_stores_alone};
use serde_json::{Value, json};

use super::{Customer, becomes, check, users};

on_both_stores!(
    what_becomes_of_people_must_be_said,
    people_are_kept_as_they_are,
    people_are_deactivated,
    people_are_handed_over_as_they_are,
    what_two_connections_have_is_a_conflict,
);

on_both_stores_alone!(
    nobody_gets_in_once_the_end_is_decided,
    a_large_removal_goes_on_where_somebody_stopped,
    a_large_hand_over_goes_on_where_somebody_stopped,
    a_conflict_that_comes_late_stops_the_job_until_it_is_mended,
    a_removal_that_is_stuck_is_decided_otherwise,
);

/// How many people are many.
const MANY: usize = 2_000;

/// After how long a job begins: nobody believes any more in what it ends.
const SETTLES: Duration = Duration::from_secs(4);

/// After how long a job that nobody touched is anybody's.
const LEASE: Duration = Duration::from_secs(16);

/// Whether a user who no IdP speaks for any more is active.
async fn is_active(idp: &Idp, id: &str) -> bool {
    let id: ResourceId = id.parse().expect("ids are ids");
    let found = idp.store.scope(idp.at).get(&standard::types()[0], id, Load::default()).await;
    let found = found.expect("the store answers").expect("the user is kept");
    let body: Value = serde_json::from_str(&found.record.body).expect("JSON");
    body["active"] == true
}

/// Somebody active and somebody who isn't, and a group of both.
async fn people(idp: &Idp) -> [String; 3] {
    let user =
        |name: &str, active: bool| json!({"schemas": [USER], "userName": name, "active": active});
    let ada = idp.post("/Users", &user("ada", true)).await.is(201).id();
    let bob = idp.post("/Users", &user("bob", false)).await.is(201).id();
    let crew = idp.group("crew", &[&ada, &bob]).await;
    [ada, bob, crew]
}

async fn ended(server: &Server, customer: &Customer, query: &str) -> Value {
    let started = customer.owner.delete(&format!("{}?{query}", customer.made.path)).await.is(202);
    let job = format!("{}/jobs/{}", customer.organization, text(&started.json(), "jobId"));
    server.finished(&customer.owner, &job).await
}

async fn what_becomes_of_people_must_be_said(server: &Server) {
    let customer = Customer::new(server).await;
    let Customer { owner, made, .. } = &customer;
    let (twin, _) = customer.twin(server).await;
    let elsewhere = Customer::new(server).await;
    for method in ["DELETE", "GET"] {
        let path = match method {
            "GET" => format!("{}/removal", made.path),
            _ => made.path.clone(),
        };
        let to = |to: &str| format!("?people=handOver&to={to}");
        let (own, other) = (made.text("connectionId"), elsewhere.made.text("connectionId"));
        for (query, status) in [
            (String::new(), 400),
            ("?people=Keep".into(), 400),
            ("?people=handOver".into(), 400),
            (format!("?people=keep&to={}", twin.text("connectionId")), 400),
            (to(&own), 400),
            (to(&other), 404),
            (to("conn_00000000000070008000000000000000"), 404),
            (to("x"), 404),
        ] {
            owner.send(owner.request(method, &format!("{path}{query}"))).await.is(status);
        }
    }
    let stale = owner.request("DELETE", &format!("{}?people=keep", made.path));
    owner.send(stale.header("if-match", "\"5\"")).await.is(412);
    owner.get(&made.path).await.is(200);
}

async fn people_are_kept_as_they_are(server: &Server) {
    let customer = Customer::new(server).await;
    let [ada, bob, _] = people(&customer.idp).await;
    let path = format!("{}/removal?people=keep", customer.made.path);
    let preview = customer.owner.get(&path).await.is(200).json();
    assert_eq!(preview["resources"], json!({"User": 2, "Group": 1}));
    assert_eq!((&preview["activeUsers"], &preview["conflicts"]), (&json!(1), &json!([])));
    assert!(text(&preview, "outcome").contains('1'), "{preview}");
    let logged = server.events(customer.id()).await.len();
    ended(server, &customer, "people=keep").await;
    customer.owner.get(&customer.made.path).await.is(404);
    let listed = customer.owner.get(&format!("{}/connections", customer.organization)).await;
    assert_eq!(listed.json()["items"], json!([]));
    assert!(is_active(&customer.idp, &ada).await && !is_active(&customer.idp, &bob).await);
    assert_eq!(server.events(customer.id()).await.len(), logged, "nothing became of anybody");
    let actions = customer.actions(server).await;
    assert_eq!(actions[actions.len() - 2..], ["connection.removal_started", "connection.deleted"]);
    let last = customer.events(server).await.pop().expect("an event");
    assert!(last.actor.starts_with("adm_"), "{last:?}");
}

async fn people_are_deactivated(server: &Server) {
    let customer = Customer::new(server).await;
    let [ada, bob, crew] = people(&customer.idp).await;
    let path = format!("{}/removal?people=deactivate", customer.made.path);
    let preview = customer.owner.get(&path).await.is(200).json();
    assert_eq!(preview["activeUsers"], 1);
    // A preview does nothing.
    assert!(is_active(&customer.idp, &ada).await);
    let done = ended(server, &customer, "people=deactivate").await;
    assert_eq!(done["work"]["people"], "deactivate", "{done}");
    assert!(!is_active(&customer.idp, &ada).await && !is_active(&customer.idp, &bob).await);
    let events = server.events(customer.id()).await;
    let changed: Vec<_> =
        events.iter().filter(|event| event.action == "resource.changed").collect();
    let [changed] = changed.as_slice() else { panic!("one changed: {changed:?}") };
    assert_eq!(changed.resource.to_string(), ada);
    assert!(changed.actor.starts_with("adm_"), "who decided it: {changed:?}");
    assert!(!events.iter().any(|event| event.action == "resource.deleted"));
    assert!(!crew.is_empty());
}

async fn people_are_handed_over_as_they_are(server: &Server) {
    let customer = Customer::new(server).await;
    let (twin, heir) = customer.twin(server).await;
    let [ada, bob, crew] = people(&customer.idp).await;
    let before = [&ada, &bob].map(|id| format!("/Users/{id}"));
    let read = async |idp: &Idp| {
        let mut bodies = Vec::new();
        for path in &before {
            let mut body = idp.get(path).await.is(200).json();
            let meta = body["meta"].take();
            assert!(text(&meta, "location").contains(&idp.base), "{meta}");
            // Where they are shown is another place.
            body["groups"] = Value::Null;
            bodies.push((body, meta["created"].clone()));
        }
        bodies
    };
    let were = read(&customer.idp).await;
    let own = heir.user("eve").await;
    let query = format!("people=handOver&to={}", twin.text("connectionId"));
    let path = format!("{}/removal?{query}", customer.made.path);
    let preview = customer.owner.get(&path).await.is(200).json();
    assert_eq!((&preview["conflicts"], &preview["compared"]), (&json!([]), &json!(3)));
    ended(server, &customer, &query).await;

    assert_eq!(read(&heir).await, were, "with their ids, as they were");
    let members = heir.members(&crew).await;
    assert_eq!(members, sorted(&[ada.clone(), bob.clone()]));
    assert_eq!(heir.get("/Users").await.json()["totalResults"], 3);
    assert_eq!(heir.find("/Users", "userName eq \"ADA\"").await.ids(), [ada.as_str()]);
    assert_eq!(
        heir.find("/Groups", &format!("members.value eq \"{bob}\"")).await.ids(),
        [crew.as_str()]
    );
    // The heir's IdP speaks for them from now on.
    let twice = json!({"schemas": [USER], "userName": "ada"});
    heir.post("/Users", &twice).await.refused(409, "uniqueness");
    let off = json!({"op": "replace", "path": "active", "value": false});
    heir.patch(&format!("/Users/{ada}"), off).await.is(200);
    heir.delete(&format!("/Users/{bob}")).await.is(204);
    assert_eq!(heir.members(&crew).await, [ada.as_str()]);
    heir.get(&format!("/Users/{own}")).await.is(200);
    let handed = server.events(customer.id()).await;
    let handed: Vec<String> = handed
        .iter()
        .filter(|event| event.action == "resource.handed_over")
        .map(|event| event.resource.to_string())
        .collect();
    assert_eq!(sorted(&handed), sorted(&[ada, bob, crew]));
}

async fn what_two_connections_have_is_a_conflict(server: &Server) {
    let customer = Customer::new(server).await;
    let (twin, heir) = customer.twin(server).await;
    people(&customer.idp).await;
    let theirs = heir.user("Ada").await;
    let query = format!("people=handOver&to={}", twin.text("connectionId"));
    let path = format!("{}/removal?{query}", customer.made.path);
    let preview = customer.owner.get(&path).await.is(200).json();
    assert_eq!(preview["conflicts"].as_array().map(Vec::len), Some(1), "{preview}");
    assert!(preview["conflicts"][0].as_str().is_some_and(|told| told.contains("userName")));
    let refused = customer.owner.delete(&format!("{}?{query}", customer.made.path)).await;
    assert!(text(&refused.is(409).json(), "detail").contains("userName"));
    // Nothing was done.
    users(&customer.idp).await.is(200);
    assert_eq!(customer.idp.get("/Users").await.json()["totalResults"], 2);
    heir.delete(&format!("/Users/{theirs}")).await.is(204);
    ended(server, &customer, &query).await;
    assert_eq!(heir.get("/Users").await.json()["totalResults"], 2);
}

/// On a server of its own, where nobody else works on the job.
async fn nobody_gets_in_once_the_end_is_decided(kind: StoreKind) {
    let server = Server::start(kind, settings()).await;
    let customer = Customer::new(&server).await;
    let Customer { owner, made, idp, .. } = &customer;
    let secret = json!({"proof": {"kind": "clientSecret"}});
    let secret = text(&owner.post(&customer.tokens(), &secret).await.is(201).json(), "token");
    let id = made.text("connectionId");
    let endpoint = format!("/connections/{id}/oauth/token");
    let grant = async || {
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", &*id),
            ("client_secret", &*secret),
        ];
        let request = rollcall_tests::client::Request::new("POST", &*endpoint).form(&fields);
        server.client.send(request).await
    };
    let granted = grant().await.is(200).json();
    let by_access_token = Idp { token: text(&granted, "access_token"), ..idp.clone() };
    users(idp).await.is(200);
    users(&by_access_token).await.is(200);
    let started = owner.delete(&format!("{}?people=keep", made.path)).await.is(202).json();
    assert_eq!(started["state"], "running");
    // While the job waits.
    becomes(401, async || users(idp).await).await;
    becomes(401, async || users(&by_access_token).await).await;
    grant().await.is(401);
    let shown = owner.get(&made.path).await.is(200).json();
    assert_eq!(shown["removal"], started["jobId"]);
    let status = owner.get(&format!("{}/status", made.path)).await.is(200).json();
    assert_eq!(status["ready"], false);
    assert_eq!(check(&status, "status")["outcome"], "fail");
    for answer in [
        owner.patch(&made.path, &json!({"status": "active"})).await,
        owner.post(&customer.tokens(), &json!({})).await,
        owner.act(&format!("{}/rotation", customer.token())).await,
        owner.delete(&format!("{}?people=keep", made.path)).await,
    ] {
        answer.is(409);
    }
    let job = format!("{}/jobs/{}", customer.organization, text(&started, "jobId"));
    server.finished(owner, &job).await;
    owner.get(&made.path).await.is(404);
    owner.get(&customer.token()).await.is(404);
    users(idp).await.is(401);
    grant().await.is(401);
}

/// Works on jobs until so much is done, and is gone then, in the middle of whatever it does.
async fn interrupted(server: &Server, customer: &Customer, job: &str, at_least: u64) -> u64 {
    // Requests in flight come to their end first.
    server.jobs().tick().await.expect("the store answers");
    assert_eq!(customer.owner.get(job).await.json()["done"], 0);
    server.clock.pass(SETTLES);
    let jobs = server.jobs();
    let working = tokio::spawn(async move { jobs.tick().await });
    let began = std::time::Instant::now();
    loop {
        let shown = customer.owner.get(job).await.is(200).json();
        assert_ne!(shown["state"], "finished", "too late to interrupt: {shown}");
        let done = shown["done"].as_u64().expect("a number");
        if done >= at_least {
            working.abort();
            break;
        }
        assert!(began.elapsed() < PATIENCE, "it does nothing: {shown}");
    }
    let _gone = working.await;
    // What was on its way to the store comes there all the same.
    let mut shown = customer.owner.get(job).await.is(200).json();
    until("nothing is done any more", async || {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let before = shown.clone();
        shown = customer.owner.get(job).await.is(200).json();
        (shown["done"] == before["done"]).then_some(())
    })
    .await;
    assert_eq!((&shown["state"], &shown["total"]), (&json!("running"), &json!(MANY + 1)));
    shown["done"].as_u64().expect("a number")
}

async fn a_large_removal_goes_on_where_somebody_stopped(kind: StoreKind) {
    let server = Server::start(kind, settings()).await;
    let customer = Customer::new(&server).await;
    let ids = many_users(&customer.idp, "u", MANY).await;
    large_group(&customer.idp, "All", &ids).await;
    let started = customer.owner.delete(&format!("{}?people=deactivate", customer.made.path)).await;
    let job = format!("{}/jobs/{}", customer.organization, text(&started.is(202).json(), "jobId"));
    let done = interrupted(&server, &customer, &job, 400).await;
    // As long as it may be somebody's, nobody else takes it.
    server.jobs().tick().await.expect("the store answers");
    let shown = customer.owner.get(&job).await.json();
    assert_eq!((&shown["done"], &shown["state"]), (&json!(done), &json!("running")));
    server.clock.pass(LEASE);
    let shown = server.finished(&customer.owner, &job).await;
    assert_eq!(shown["done"], json!(MANY + 1));
    customer.owner.get(&customer.made.path).await.is(404);
    let events = server.events(customer.id()).await;
    let changed: Vec<_> =
        events.iter().filter(|event| event.action == "resource.changed").collect();
    assert_eq!(changed.len(), MANY, "everybody once");
    assert!(changed.iter().all(|event| event.version == 2));
    for id in [&ids[0], &ids[401], &ids[MANY - 1]] {
        assert!(!is_active(&customer.idp, id).await);
    }
}

async fn a_large_hand_over_goes_on_where_somebody_stopped(kind: StoreKind) {
    let server = Server::start(kind, settings()).await;
    let customer = Customer::new(&server).await;
    let (twin, heir) = customer.twin(&server).await;
    let ids = many_users(&customer.idp, "u", MANY).await;
    let group = large_group(&customer.idp, "All", &ids).await;
    let query = format!("people=handOver&to={}", twin.text("connectionId"));
    let started = customer.owner.delete(&format!("{}?{query}", customer.made.path)).await.is(202);
    let job = format!("{}/jobs/{}", customer.organization, text(&started.json(), "jobId"));
    interrupted(&server, &customer, &job, 400).await;
    server.clock.pass(LEASE);
    server.finished(&customer.owner, &job).await;
    assert_eq!(heir.get("/Users?count=0").await.json()["totalResults"], json!(MANY));
    let walked = heir.walk("/Users", "count=1000&attributes=id").await.concat();
    assert_eq!(sorted(&walked), sorted(&ids));
    assert_eq!(heir.members(&group).await.len(), MANY);
    let events = server.events(customer.id()).await;
    let handed = events.iter().filter(|event| event.action == "resource.handed_over");
    assert_eq!(handed.count(), MANY + 1, "each once");
}

async fn a_conflict_that_comes_late_stops_the_job_until_it_is_mended(kind: StoreKind) {
    let server = Server::start(kind, settings()).await;
    let customer = Customer::new(&server).await;
    let (twin, heir) = customer.twin(&server).await;
    let [ada, bob, crew] = people(&customer.idp).await;
    let query = format!("people=handOver&to={}", twin.text("connectionId"));
    let started = customer.owner.delete(&format!("{}?{query}", customer.made.path)).await.is(202);
    let job = format!("{}/jobs/{}", customer.organization, text(&started.json(), "jobId"));
    // Between the decision and the work.
    let late = heir.user("BOB").await;
    server.clock.pass(SETTLES);
    server.jobs().tick().await.expect("the store answers");
    let stuck = customer.owner.get(&job).await.is(200).json();
    assert_eq!(stuck["state"], "stuck");
    assert!(text(&stuck, "stuck").contains("userName"), "{stuck}");
    heir.get(&format!("/Users/{ada}")).await.is(200);
    heir.get(&format!("/Users/{bob}")).await.is(404);
    heir.delete(&format!("/Users/{late}")).await.is(204);
    server.clock.pass(LEASE);
    let done = server.finished(&customer.owner, &job).await;
    assert_eq!(done["stuck"], Value::Null);
    heir.get(&format!("/Users/{bob}")).await.is(200);
    assert_eq!(heir.members(&crew).await, sorted(&[ada, bob]));
}

async fn a_removal_that_is_stuck_is_decided_otherwise(kind: StoreKind) {
    let server = Server::start(kind, settings()).await;
    let customer = Customer::new(&server).await;
    let (twin, heir) = customer.twin(&server).await;
    let [ada, bob, _] = people(&customer.idp).await;
    let doomed = &customer.made.path;
    let query = format!("people=handOver&to={}", twin.text("connectionId"));
    let started = customer.owner.delete(&format!("{doomed}?{query}")).await.is(202).json();
    let job = format!("{}/jobs/{}", customer.organization, text(&started, "jobId"));
    // As long as it goes on nothing can be taken back.
    customer.owner.delete(&format!("{doomed}?people=keep")).await.is(409);
    heir.user("BOB").await;
    server.clock.pass(SETTLES);
    server.jobs().tick().await.expect("the store answers");
    assert_eq!(customer.owner.get(&job).await.json()["state"], "stuck");
    customer.owner.delete(&format!("{doomed}?{query}")).await.is(409);
    let again = customer.owner.delete(&format!("{doomed}?people=deactivate")).await.is(202).json();
    assert_eq!(
        (&again["jobId"], &again["work"]["people"]),
        (&started["jobId"], &json!("deactivate"))
    );
    server.clock.pass(LEASE);
    server.finished(&customer.owner, &job).await;
    customer.owner.get(doomed).await.is(404);
    // Whoever was handed over before stays there.
    assert_eq!(heir.get(&format!("/Users/{ada}")).await.is(200).json()["active"], true);
    assert!(!is_active(&customer.idp, &bob).await);
    assert!(customer.actions(&server).await.contains(&"connection.removal_changed".to_owned()));
}
