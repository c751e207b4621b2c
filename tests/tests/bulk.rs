//! Many operations in one request over HTTP, on both stores.

use std::collections::BTreeSet;

use rollcall_domain::IdpKind;
use rollcall_tests::bulk::{delete, group, id, patch, post, request, send, statuses, user};
use rollcall_tests::client::{BULK, SEARCH};
use rollcall_tests::data::{ENTERPRISE, GROUP, USER};
use rollcall_tests::idp::{Idp, sorted};
use rollcall_tests::on_both_stores;
use rollcall_tests::on_both_stores_alone;
use rollcall_tests::server::{PUBLIC_URL, Server, StoreKind, settings};
use serde_json::{Value, json};

on_both_stores!(
    r_bulk_04_fail_on_errors_stops_and_keeps_what_was_done,
    r_bulk_05_references_lead_forward_and_backward,
    r_bulk_05_references_stand_wherever_a_client_means_one,
    r_bulk_06_circles_are_made_whole_or_not_at_all,
    r_bulk_07_what_refers_to_a_failure_fails,
    r_bulk_12_each_operation_is_charged,
    r_bulk_13_versions_are_insisted_on,
    r_bulk_14_what_is_wrong_as_a_whole_does_nothing,
    r_async_01_what_is_done_later_is_the_same,
);

on_both_stores_alone!(r_bulk_08_five_thousand_operations_are_few_commits);

const USERS: usize = 3_000;
const PATCHED: usize = 1_000;
const GROUPS: usize = 10;
const MEMBERS: usize = 100;
const DELETED: usize = 990;

/// 3,000 users, 1,000 of them patched, ten groups of 100, and 990 who go again.
fn five_thousand() -> Vec<Value> {
    let users = (0..USERS).map(|n| user(&format!("u{n}")));
    let title = json!({"op": "replace", "path": "title", "value": "Engineer"});
    let patched = (0..PATCHED).map(|n| patch(&format!("/Users/bulkId:u{n}"), &title));
    let groups = (0..GROUPS).map(|n| {
        let members = (0..MEMBERS).map(|m| format!("bulkId:u{}", n * MEMBERS + m));
        group(&format!("g{n}"), members)
    });
    // Groups stand before their members.
    let operations = groups.chain(users).chain(patched);
    let deleted = (0..DELETED).map(|n| delete(&format!("/Users/bulkId:u{}", PATCHED + n)));
    operations.chain(deleted).collect()
}

async fn total(idp: &Idp, path: &str) -> u64 {
    idp.get(path).await.is(200).json()["totalResults"].as_u64().expect("a total")
}

/// R-BULK-03, R-BULK-05: 5,000 operations are answered in their order, and cost some dozens of
/// commits, not thousands.
async fn r_bulk_08_five_thousand_operations_are_few_commits(kind: StoreKind) {
    let server = Server::start(kind, settings()).await;
    let idp = server.idp(IdpKind::Generic).await;
    let operations = five_thousand();
    assert_eq!(operations.len(), 5_000);
    let before = server.commits().await;
    let results = send(&idp, &operations).await;
    let commits = server.commits().await - before;
    let expect = [vec!["201"; GROUPS + USERS], vec!["200"; PATCHED], vec!["204"; DELETED]];
    assert_eq!(statuses(&results), expect.concat());
    for (operation, result) in operations.iter().zip(&results) {
        assert_eq!(operation["method"], result["method"]);
        assert_eq!(operation["bulkId"], result["bulkId"]);
        let endpoint = if operation["data"]["members"].is_array() { "Groups" } else { "Users" };
        let below = format!("{PUBLIC_URL}{}/{endpoint}/", idp.base);
        assert!(result["location"].as_str().is_some_and(|at| at.starts_with(&below)), "{result}");
        let gone = operation["method"] == "DELETE";
        assert_eq!(result.get("version").is_none(), gone, "{result}");
    }
    assert!(commits <= MOST_COMMITS, "{commits} commits of 5,000 operations");

    assert_eq!(total(&idp, "/Users?count=0").await, (USERS - DELETED) as u64);
    let titled = idp.find("/Users", "title eq \"Engineer\"").await.is(200).json();
    assert_eq!(titled["totalResults"], PATCHED);
    for n in [0, GROUPS - 1] {
        let members: Vec<String> =
            results[GROUPS + n * MEMBERS..][..MEMBERS].iter().map(id).collect();
        assert_eq!(idp.members(&id(&results[n])).await, sorted(&members));
    }
    let gone = idp.get(&format!("/Users/{}", id(&results[GROUPS + PATCHED]))).await;
    gone.refused(404, "");
    // One more than is advertised.
    let many: Vec<Value> = (0..=5_000).map(|n| user(&format!("more{n}"))).collect();
    let answer = idp.post("/Bulk", &request(&many)).await;
    let told = answer.refused(413, "");
    assert!(told.contains("5001") && told.contains("`maxOperations`"), "{told}");
    assert_eq!(idp.find("/Users", "userName sw \"more\"").await.json()["totalResults"], 0);
}

/// What 5,000 operations may cost: rounds of 500, which end where something must be read.
const MOST_COMMITS: u64 = 60;

async fn r_bulk_04_fail_on_errors_stops_and_keeps_what_was_done(server: &Server) {
    let taken = ["a", "b", "a", "c", "b", "d"];
    let operations: Vec<Value> = taken
        .iter()
        .enumerate()
        .map(|(n, name)| {
            post(&format!("op{n}"), "/Users", &json!({"schemas": [USER], "userName": name}))
        })
        .collect();
    let whole = ["201", "201", "409", "201", "409", "201"];
    for (limit, processed, kept) in [
        (None, 6, vec!["a", "b", "c", "d"]),
        (Some(3), 6, vec!["a", "b", "c", "d"]),
        (Some(2), 5, vec!["a", "b", "c"]),
        (Some(1), 3, vec!["a", "b"]),
    ] {
        let idp = server.idp(IdpKind::Generic).await;
        let mut body = request(&operations);
        if let Some(limit) = limit {
            body["failOnErrors"] = json!(limit);
        }
        let results = idp.post("/Bulk", &body).await.operations();
        assert_eq!(statuses(&results), whole[..processed], "{limit:?}");
        let failed = &results[2]["response"];
        assert_eq!((&failed["status"], &failed["scimType"]), (&json!("409"), &json!("uniqueness")));
        let list = idp.get("/Users?sortBy=userName&attributes=userName").await.is(200);
        let names: Vec<Value> =
            list.resources().iter().map(|user| user["userName"].clone()).collect();
        assert_eq!(names, kept, "{limit:?}");
    }
    let idp = server.idp(IdpKind::Generic).await;
    for bad in [json!(0), json!(-1), json!("1")] {
        let mut body = request(&operations);
        body["failOnErrors"] = bad;
        idp.post("/Bulk", &body).await.refused(400, "invalidValue");
    }
    assert_eq!(total(&idp, "/Users").await, 0);
}

async fn r_bulk_05_references_lead_forward_and_backward(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let manager = json!({"op": "add", "value": {
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
            "manager": {"value": "bulkId:boss"}}}});
    let put = json!({"method": "PUT", "path": "/Users/bulkId:boss",
        "data": {"schemas": [USER], "userName": "boss", "title": "CEO"}});
    let results = send(
        &idp,
        &[
            group("all", ["bulkId:ada", "bulkId:boss"]),
            user("ada"),
            patch("/Users/bulkId:ada", &manager),
            user("boss"),
            put,
            delete("/Groups/bulkId:none"),
        ],
    )
    .await;
    assert_eq!(statuses(&results), ["201", "201", "200", "201", "200", "400"]);
    let (ada, boss) = (id(&results[1]), id(&results[3]));
    assert_eq!(idp.members(&id(&results[0])).await, sorted(&[ada.clone(), boss.clone()]));
    let shown = idp.get(&format!("/Users/{ada}")).await.is(200).json();
    let managed = &shown["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"]["manager"];
    assert_eq!(managed["value"], json!(boss), "{shown}");
    let shown = idp.get(&format!("/Users/{boss}")).await.is(200).json();
    assert_eq!(shown["title"], "CEO");
}

async fn r_bulk_06_circles_are_made_whole_or_not_at_all(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let results = send(
        &idp,
        &[
            group("a", ["bulkId:b"]),
            group("b", ["bulkId:a"]),
            group("x", ["bulkId:y", "bulkId:a"]),
            group("y", ["bulkId:z"]),
            group("z", ["bulkId:x"]),
        ],
    )
    .await;
    assert_eq!(statuses(&results), ["201"; 5]);
    let ids: Vec<String> = results.iter().map(id).collect();
    assert_eq!(idp.members(&ids[0]).await, [ids[1].clone()]);
    assert_eq!(idp.members(&ids[1]).await, [ids[0].clone()]);
    assert_eq!(idp.members(&ids[2]).await, sorted(&[ids[3].clone(), ids[0].clone()]));
    assert_eq!(idp.members(&ids[4]).await, [ids[2].clone()]);

    // One of a circle fails: so does the other, and nothing of it is there.
    let unnamed = post(
        "q",
        "/Groups",
        &json!({"schemas": [GROUP],
        "members": [{"value": "bulkId:p"}]}),
    );
    let results = send(&idp, &[group("p", ["bulkId:q"]), unnamed, user("ada")]).await;
    assert_eq!(statuses(&results), ["409", "400", "201"]);
    assert_eq!(total(&idp, "/Groups").await, 5);
}

/// A name that the store finds taken in the middle of a round fails alone, with what refers to it.
async fn r_bulk_07_what_refers_to_a_failure_fails(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    idp.user("u25").await;
    let mut operations: Vec<Value> = (0..50).map(|n| user(&format!("u{n}"))).collect();
    operations.push(group("with", ["bulkId:u24", "bulkId:u25"]));
    operations.push(group("without", ["bulkId:u24", "bulkId:u26"]));
    let title = json!({"op": "replace", "path": "title", "value": "x"});
    operations.push(patch("/Users/bulkId:u25", &title));
    operations.push(patch("/Users/bulkId:u26", &title));
    operations.push(group("unknown", ["bulkId:nobody"]));
    let results = send(&idp, &operations).await;
    let mut expect = vec!["201"; 50];
    expect[25] = "409";
    expect.extend(["409", "201", "409", "200", "400"]);
    assert_eq!(statuses(&results), expect);
    assert_eq!(results[25]["response"]["scimType"], "uniqueness");
    assert_eq!(results[25].get("location"), None, "R-BULK-03: all but a POST that failed");
    let told = |at: usize| results[at]["response"]["detail"].as_str().unwrap_or_default();
    assert!(told(50).contains("u25") && told(54).contains("nobody"), "{results:?}");
    assert_eq!(total(&idp, "/Users?count=0").await, 50);
    assert_eq!(total(&idp, "/Groups?count=0").await, 1);
    // What was applied was told to the log, and nothing else.
    let events = server.events(idp.at.organization).await;
    let of = |action: &str| events.iter().filter(|event| event.action == action).count();
    assert_eq!((of("resource.created"), of("resource.changed")), (51, 1));
}

async fn r_bulk_12_each_operation_is_charged(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let rate = json!({"limits": {"rate": {"perSecond": 25, "burst": 25}}});
    let idp = server.configured(&idp, rate).await;
    let operations: Vec<Value> = (0..500).map(|n| user(&format!("u{n}"))).collect();
    // Within its own limits it is admitted, however many operations it has.
    let results = send(&idp, &operations).await;
    assert_eq!(statuses(&results), ["201"; 500]);
    let refused = idp.get("/Users?count=0").await;
    let told = refused.refused(429, "");
    let wait: u64 =
        refused.header("retry-after").and_then(|text| text.parse().ok()).expect("R-ERR-06");
    assert!((1..=60).contains(&wait), "{refused}");
    assert!(told.contains("25"), "{told}");
    // Others are not kept waiting.
    let other = server.idp(IdpKind::Generic).await;
    other.get("/Users").await.is(200);
    // Nor is anybody where nothing is limited.
    let free = server.configured(&idp, json!({"limits": {"rate": null}})).await;
    assert_eq!(total(&free, "/Users?count=0").await, 500);
}

async fn r_bulk_13_versions_are_insisted_on(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let made = send(&idp, &[user("ada")]).await;
    let (path, version) = (format!("/Users/{}", id(&made[0])), made[0]["version"].clone());
    let titled = |title: &str, version: &Value| {
        let op = json!({"op": "replace", "path": "title", "value": title});
        let mut operation = patch(&path, &op);
        operation["version"] = version.clone();
        operation
    };
    // The second was true before the first.
    let results = send(&idp, &[titled("a", &version), titled("b", &version)]).await;
    assert_eq!(statuses(&results), ["200", "412"]);
    assert_ne!(results[0]["version"], version);
    let user = idp.get(&path).await.is(200);
    assert_eq!(user.json()["title"], "a");
    assert_eq!(user.header("etag"), results[0]["version"].as_str());
    let mut gone = delete(&path);
    gone["version"] = version;
    assert_eq!(statuses(&send(&idp, &[gone]).await), ["412"]);
    idp.get(&path).await.is(200);
}

async fn r_bulk_14_what_is_wrong_as_a_whole_does_nothing(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let twice = request(&[user("a"), user("b"), user("a")]);
    let told = idp.post("/Bulk", &twice).await.refused(400, "invalidSyntax");
    assert!(told.contains("/Operations/2"), "{told}");
    let wrong = json!({"schemas": [SEARCH], "Operations": [user("a")]});
    idp.post("/Bulk", &wrong).await.refused(400, "invalidSyntax");
    let nothing = json!({"schemas": [BULK]});
    idp.post("/Bulk", &nothing).await.refused(400, "invalidSyntax");
    assert_eq!(total(&idp, "/Users").await, 0);
    // What is wrong with one is told beside the others (R-BULK-01, R-BULK-11).
    let results = send(
        &idp,
        &[
            json!({"method": "GET", "path": "/Users"}),
            json!({"method": "POST", "path": "/Users", "data": {}}),
            json!({"method": "POST", "path": "/Bulk", "bulkId": "n", "data": {}}),
            delete("/Me"),
            delete("/Nope/x"),
            json!(7),
            user("a"),
        ],
    )
    .await;
    assert_eq!(statuses(&results), ["400", "400", "403", "403", "404", "400", "201"]);
    for (at, result) in results[..6].iter().enumerate() {
        let told = result["response"]["detail"].as_str().unwrap_or_default();
        assert!(told.contains(&format!("/Operations/{at}")), "{result}");
    }
}

/// The same operations now and later: the same answers, but for ids.
async fn r_async_01_what_is_done_later_is_the_same(server: &Server) {
    let operations = [
        group("g", ["bulkId:a", "bulkId:b"]),
        user("a"),
        user("b"),
        post("again", "/Users", &json!({"schemas": [USER], "userName": "a"})),
        patch("/Users/bulkId:b", &json!({"op": "replace", "path": "title", "value": "x"})),
        delete("/Users/bulkId:a"),
        delete("/Users/bulkId:nobody"),
    ];
    let now = server.idp(IdpKind::Generic).await;
    let at_once = send(&now, &operations).await;

    let later = server.idp(IdpKind::Generic).await;
    let asking = later.request("POST", "/Bulk").json(&request(&operations));
    let promised = later.send(asking.clone().header("prefer", "respond-async")).await.is(202);
    assert_eq!(promised.header("preference-applied"), Some("respond-async"));
    let txn = promised.header("set-txn").expect("R-ASYNC-01").to_owned();
    let location = promised.header("location").expect("where the result will be").to_owned();
    let path = location.strip_prefix(&format!("{PUBLIC_URL}{}", later.base));
    let path = path.unwrap_or_else(|| panic!("{location}")).to_owned();
    assert!(path.ends_with(&txn), "{path}");
    let done = later.outcome(&txn).await.operations();
    assert_eq!(plain(&done), plain(&at_once));
    let places = |results: &[Value]| -> BTreeSet<String> {
        let locations = results.iter().filter_map(|result| result["location"].as_str());
        locations.map(str::to_owned).collect()
    };
    for location in places(&done) {
        assert!(location.starts_with(&format!("{PUBLIC_URL}{}/", later.base)), "{location}");
    }
    assert_eq!(total(&later, "/Users").await, total(&now, "/Users").await);
    // It can be read again, by this connection alone.
    assert_eq!(later.get(&path).await.operations(), done);
    now.get(&path).await.refused(404, "");
    later.get("/AsyncResults/nonsense").await.refused(404, "");

    // R-ASYNC-02: who waits long enough needs no second request.
    let waiting = server.idp(IdpKind::Generic).await;
    let asking = waiting.request("POST", "/Bulk").json(&request(&operations));
    let answer = waiting.send(asking.header("prefer", "respond-async, wait=30")).await.is(200);
    assert_eq!(plain(&answer.operations()), plain(&at_once));
    assert_eq!(answer.header("preference-applied"), None);
}

/// Results without what differs from one connection to another.
fn plain(results: &[Value]) -> Vec<Value> {
    let plain = |result: &Value| {
        let mut result = result.clone();
        let located = result["location"].is_string();
        result["location"] = json!(located);
        result
    };
    results.iter().map(plain).collect()
}

/// RFC 7644 §3.7.2: in `$ref`, in extensions, in the filters of paths; what leads nowhere is never
/// kept as text (R-BULK-07).
async fn r_bulk_05_references_stand_wherever_a_client_means_one(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let managed = |name: &str, manager: Value| {
        let data = json!({"schemas": [USER, ENTERPRISE], "userName": name,
            ENTERPRISE: {"manager": manager}});
        post(name, "/Users", &data)
    };
    let remove = |path: &str| patch("/Groups/bulkId:g", &json!({"op": "remove", "path": path}));
    let role = r#"{"id": "1", "value": "bulkId:boss"}"#;
    let mut operations = vec![
        managed("a", json!({"value": "bulkId:boss", "$ref": "../Users/bulkId:boss"})),
        managed("b", json!({"$ref": "https://scim.test/v2/Users/bulkId:boss"})),
        group("g", ["bulkId:a", "bulkId:b", "bulkId:boss"]),
        remove("members[value eq \"bulkId:a\"]"),
        remove("members[value eq bulkId:b]"),
        patch(
            "/Users/bulkId:b",
            &json!({"op": "replace",
            "path": format!("{ENTERPRISE}:manager.value"), "value": "bulkId:a"}),
        ),
        post(
            "r",
            "/Users",
            &json!({"schemas": [USER], "userName": "r", "roles": [{"value": role}]}),
        ),
        user("boss"),
    ];
    let good = operations.len();
    operations.extend([
        managed("x1", json!({"value": "bulkId:nobody"})),
        managed("x2", json!({"$ref": "/Users/bulkId:nobody"})),
        post(
            "x3",
            "/Users",
            &json!({"schemas": [USER], "userName": "x3", "title": "bulkId:nobody"}),
        ),
        post(
            "x4",
            "/Users",
            &json!({"schemas": [USER], "userName": "x4",
            "roles": [{"value": "{\"value\": \"bulkId:nobody\"}"}]}),
        ),
        remove("members[value eq \"bulkId:nobody\"]"),
        remove("members[value eq bulkId:nobody]"),
        remove("members[$ref eq \"/Users/bulkId:nobody\"]"),
        patch(
            "/Users/bulkId:boss",
            &json!({"op": "add", "value": {
            "emails[type eq \"bulkId:nobody\"].value": "x"}}),
        ),
    ]);
    let results = send(&idp, &operations).await;
    let (done, refused) = results.split_at(good);
    assert_eq!(statuses(done), ["201", "201", "201", "200", "200", "200", "201", "201"]);
    for result in refused {
        assert_eq!(result["status"], "400", "{result}");
        assert_eq!(result["response"]["scimType"], "invalidValue", "{result}");
        let detail = result["response"]["detail"].as_str().unwrap_or_default();
        assert!(detail.contains("`nobody`"), "{result}");
    }
    let (a, boss) = (id(&results[0]), id(&results[7]));
    assert_eq!(idp.members(&id(&results[2])).await, std::slice::from_ref(&boss));
    let manager = async |at: usize| {
        let user = idp.get(&format!("/Users/{}", id(&results[at]))).await.json();
        user[ENTERPRISE]["manager"].clone()
    };
    let expect = json!({"value": boss, "$ref": format!("../Users/{boss}")});
    let shown = manager(0).await;
    assert_eq!((&shown["value"], &shown["$ref"]), (&expect["value"], &expect["$ref"]));
    assert_eq!(manager(1).await["value"], json!(a));
    for endpoint in ["/Users", "/Groups"] {
        let all = idp.get(endpoint).await.is(200).json().to_string();
        assert!(!all.contains("bulkId"), "{all}");
    }
}
