//! Many operations in one request (RFC 7644 §3.7), answered now or later (RFC 9967 §2.5.1).

use rollcall_domain::IdpKind;
use rollcall_tests::client::{Answer, BULK, PATCH, SCIM_JSON};
use rollcall_tests::data::{GROUP, USER};
use rollcall_tests::idp::sorted;
use rollcall_tests::on_both_stores;
use rollcall_tests::server::{PUBLIC_URL, Server};
use serde_json::{Value, json};

use super::{filled, user};

on_both_stores!(
    x38_references_between_operations,
    x39_groups_that_contain_each_other,
    x40_to_x41_errors_end_a_request_or_do_not,
    x42_limits_are_named,
    x43_a_post_without_a_bulk_id,
    each_operation_answers_as_a_request_of_its_own,
    what_is_wrong_with_the_whole_request,
    x62_asynchronous_requests,
);

fn post(path: &str, bulk_id: &str, data: Value) -> Value {
    json!({"method": "POST", "path": path, "bulkId": bulk_id, "data": data})
}

fn group(name: &str, members: &[&str]) -> Value {
    let members: Vec<Value> = members.iter().map(|id| json!({"value": id})).collect();
    json!({"schemas": [GROUP], "displayName": name, "members": members})
}

/// The id at the end of the location of an operation.
fn id(operation: &Value) -> String {
    let location = operation["location"].as_str().unwrap_or_default();
    location.rsplit('/').next().unwrap_or_default().to_owned()
}

fn ids(answer: &Answer) -> Vec<String> {
    answer.operations().iter().map(id).collect()
}

/// R-BULK-01, R-BULK-02, R-BULK-03, R-BULK-05, R-BULK-09, R-BULK-10.
async fn x38_references_between_operations(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let answer = idp
        .bulk(json!([
            post("/Users", "a", user("ada")),
            post("/Groups", "g", group("Engineers", &["bulkId:a", "bulkId:b"])),
            // Referred to before it is there.
            post("/Users", "b", user("bob")),
            {"method": "PATCH", "path": "/Users/bulkId:a", "bulkId": "p", "data": {
                "schemas": [PATCH],
                "Operations": [{"op": "add", "path": "title", "value": "Countess"}],
            }},
        ]))
        .await;
    assert_eq!(answer.statuses(), "201 201 201 200");
    let [ada, engineers, bob, again] = &ids(&answer)[..] else { panic!("{answer}") };
    assert_eq!(ada, again);
    assert_eq!(idp.members(engineers).await, sorted(&[ada.clone(), bob.clone()]));
    let read = idp.get(&format!("/Users/{ada}")).await.is(200);
    assert_eq!(
        (&read.json()["title"], &read.json()["userName"]),
        (&json!("Countess"), &json!("ada"))
    );
    for (at, (method, bulk_id)) in
        [("POST", "a"), ("POST", "g"), ("POST", "b"), ("PATCH", "p")].into_iter().enumerate()
    {
        let operation = &answer.operations()[at];
        assert_eq!((&operation["method"], &operation["bulkId"]), (&json!(method), &json!(bulk_id)));
        // R-BULK-15.
        assert!(operation.get("response").is_none(), "{operation}");
    }
    assert_eq!(answer.operations()[3]["version"], read.json()["meta"]["version"]);
    let location = format!("{PUBLIC_URL}{}/Groups/{engineers}", idp.base);
    assert_eq!(answer.operations()[1]["location"], location);

    // In the filter of a path, and in a manager.
    let answer = idp
        .bulk(json!([
            post("/Users", "c", user("cyd")),
            {"method": "PATCH", "path": format!("/Groups/{engineers}"), "data": {
                "schemas": [PATCH], "Operations": [
                    {"op": "add", "path": "members", "value": [{"value": "bulkId:c"}]},
                    {"op": "remove", "path": format!("members[value eq \"{ada}\"]")},
                ],
            }},
            {"method": "DELETE", "path": format!("/Users/{bob}")},
            {"method": "PUT", "path": "/Users/bulkId:c", "data": user("cid")},
        ]))
        .await;
    assert_eq!(answer.statuses(), "201 200 204 200");
    let cyd = ids(&answer)[0].clone();
    assert_eq!(idp.members(engineers).await, [cyd.as_str()]);
    assert_eq!(idp.get(&format!("/Users/{cyd}")).await.json()["userName"], "cid");
    idp.get(&format!("/Users/{bob}")).await.refused(404, "");
}

/// R-BULK-06.
async fn x39_groups_that_contain_each_other(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let answer = idp
        .bulk(json!([
            post("/Groups", "a", group("A", &["bulkId:b"])),
            post("/Groups", "b", group("B", &["bulkId:c"])),
            post("/Groups", "c", group("C", &["bulkId:a"])),
        ]))
        .await;
    assert_eq!(answer.statuses(), "201 201 201");
    let ids = ids(&answer);
    for (at, member) in [(0, 1), (1, 2), (2, 0)] {
        assert_eq!(idp.members(&ids[at]).await, [ids[member].as_str()]);
    }
    // A circle is whole or not at all.
    let answer = idp
        .bulk(json!([
            post("/Groups", "d", group("D", &["bulkId:e"])),
            post("/Groups", "e", json!({"schemas": [GROUP], "members": [{"value": "bulkId:d"}]})),
            post("/Users", "u", user("ada")),
        ]))
        .await;
    assert_eq!(answer.statuses(), "409 400 201");
    assert_eq!(idp.get("/Groups").await.json()["totalResults"], 3);
    assert_eq!(idp.get("/Users").await.json()["totalResults"], 1);
}

/// R-BULK-04, R-BULK-07.
async fn x40_to_x41_errors_end_a_request_or_do_not(server: &Server) {
    let (idp, _) = filled(server).await;
    let bad = || post("/Users", "bad", user("JSMITH"));
    let request = |limit: Value, name: &str| {
        let operations = json!([bad(), post("/Users", "good", user(name))]);
        json!({"schemas": [BULK], "failOnErrors": limit, "Operations": operations})
    };
    let found =
        async |name: &str| idp.find("/Users", &format!("userName eq \"{name}\"")).await.ids().len();

    let answer = idp.post("/Bulk", &request(json!(1), "first")).await;
    assert_eq!(answer.statuses(), "409");
    let refused = &answer.operations()[0];
    assert_eq!(refused["response"]["scimType"], "uniqueness");
    assert!(refused.get("location").is_none(), "{refused}");
    assert_eq!(found("first").await, 0);

    for (limit, name) in [(json!(2), "second"), (Value::Null, "third")] {
        assert_eq!(idp.post("/Bulk", &request(limit, name)).await.statuses(), "409 201");
        assert_eq!(found(name).await, 1);
    }
    // What was done before stays done, and nothing behind the last error is.
    let body = json!({"schemas": [BULK], "failOnErrors": 2, "Operations": [
        post("/Users", "a", user("before")), bad(),
        post("/Groups", "g", group("Dependent", &["bulkId:bad2"])),
        post("/Users", "bad2", user("jsmith")), post("/Users", "b", user("behind")),
    ]});
    let answer = idp.post("/Bulk", &body).await;
    assert!(answer.statuses().starts_with("201 409"), "{answer}");
    assert_eq!((found("before").await, found("behind").await), (1, 0), "{answer}");
    // Without a limit, what depends on a failure fails with 409, on nothing at all with 400.
    let answer = idp
        .bulk(json!([
            post("/Users", "bad", user("jsmith")),
            post("/Groups", "g", group("Dependent", &["bulkId:bad"])),
            post("/Groups", "h", group("Lost", &["bulkId:nobody"])),
        ]))
        .await;
    assert_eq!(answer.statuses(), "409 409 400");
    assert_eq!(answer.operations()[2]["response"]["scimType"], "invalidValue");
    assert_eq!(idp.get("/Groups").await.json()["totalResults"], 3);
    for limit in [json!(0), json!(-1), json!("many"), json!(1.5)] {
        idp.post("/Bulk", &request(limit, "never")).await.refused(400, "invalidValue");
    }
    assert_eq!(found("never").await, 0);
}

/// R-BULK-08.
async fn x42_limits_are_named(server: &Server) {
    let limits = json!({"limits": {"bulkOperations": 3, "bulkPayload": 2048}});
    let idp = server.idp_with(IdpKind::Generic, limits).await;
    let config = idp.get("/ServiceProviderConfig").await.is(200).json();
    assert_eq!(
        config["bulk"],
        json!({"supported": true, "maxOperations": 3, "maxPayloadSize": 2048})
    );
    let some = |count: usize| {
        (0..count)
            .map(|n| post("/Users", &format!("b{n}"), user(&format!("u{n}"))))
            .collect::<Value>()
    };
    let detail = idp.bulk(some(4)).await.refused(413, "");
    assert!(detail.contains("maxOperations") && detail.contains('3'), "{detail}");
    let mut large = some(1);
    large[0]["data"]["title"] = json!("x".repeat(2_048));
    let detail = idp.bulk(large).await.refused(413, "");
    assert!(detail.contains("maxPayloadSize") && detail.contains("2048"), "{detail}");
    // Also for what would not parse.
    let broken =
        idp.request("POST", "/Bulk").header("content-type", SCIM_JSON).body(vec![b'{'; 2_049]);
    idp.send(broken).await.refused(413, "");
    assert_eq!(idp.get("/Users").await.json()["totalResults"], 0);
    assert_eq!(idp.bulk(some(3)).await.statuses(), "201 201 201");
}

/// R-BULK-02, R-BULK-11: that operation alone fails.
async fn x43_a_post_without_a_bulk_id(server: &Server) {
    let (idp, names) = filled(server).await;
    let u1 = format!("/Users/{}", names.id("u1"));
    let answer = idp
        .bulk(json!([
            {"method": "POST", "path": "/Users", "data": user("nameless")},
            {"method": "POST", "path": "/Users", "bulkId": "", "data": user("nameless")},
            {"method": "POST", "path": u1, "bulkId": "1", "data": user("nameless")},
            {"method": "POST", "path": "/Users", "bulkId": "2"},
            {"method": "GET", "path": u1},
            {"path": u1},
            {"method": "DELETE"},
            {"method": "DELETE", "path": "/Users"},
            {"method": "POST", "path": "/Bulk", "bulkId": "3", "data": {}},
            {"method": "PATCH", "path": "/Me", "data": {}},
            {"method": "POST", "path": "/Nope", "bulkId": "4", "data": {}},
            {"method": "DELETE", "path": format!("{PUBLIC_URL}{}{u1}", idp.base)},
            "delete",
            {"method": "post", "path": "Users/", "bulkId": "5", "data": user("named")},
        ]))
        .await;
    assert_eq!(answer.statuses(), "400 400 400 400 400 400 400 400 403 403 404 404 400 201");
    for (at, operation) in answer.operations().iter().enumerate().take(13) {
        let detail = operation["response"]["detail"].as_str().unwrap_or_default();
        assert!(detail.starts_with(&format!("/Operations/{at}: ")), "{detail}");
    }
    assert_eq!(idp.get("/Users").await.json()["totalResults"], 5);
}

/// R-BULK-01, R-BULK-13: the same statuses, and never a change by what failed.
async fn each_operation_answers_as_a_request_of_its_own(server: &Server) {
    let (idp, names) = filled(server).await;
    let at = |name: &str| format!("/Users/{}", names.id(name));
    let before = idp.get(&at("u1")).await.json();
    let title = |value: &str| json!({"schemas": [PATCH], "Operations": [{"op": "replace", "path": "title", "value": value}]});
    let put = |method: &str, path: String, data: Value| json!({"method": method, "path": path, "data": data});
    let answer = idp
        .bulk(json!([
            put("PUT", at("u1"), user("jsmith")),
            put("PUT", at("u1"), json!({"schemas": [USER], "title": "x"})),
            put("PUT", "/Users/none".into(), user("x")),
            put("PATCH", at("u1"), json!({"Operations": [{"op": "no"}]})),
            put("PATCH", at("u1"), json!({"schemas": [PATCH], "Operations": [
                {"op": "replace", "path": "title", "value": "half"},
                {"op": "replace", "path": "active", "value": "perhaps"},
            ]})),
            put("PATCH", at("u1"), json!({"schemas": [PATCH], "Operations": [
                {"op": "remove", "path": "emails[type eq"},
            ]})),
            {"method": "PATCH", "path": at("u1"), "version": "W/\"77\"", "data": title("stale")},
            {"method": "DELETE", "path": at("u1"), "version": "W/\"77\""},
            {"method": "DELETE", "path": "/Users/none"},
            post("/Groups", "g", group("G", &["01890000-0000-7000-8000-00000000000a"])),
            post("/Groups", "h", json!({"schemas": [GROUP]})),
        ]))
        .await;
    assert_eq!(answer.statuses(), "409 400 404 400 400 400 412 412 404 400 400");
    assert_eq!(idp.get(&at("u1")).await.json(), before);
    assert_eq!(idp.get("/").await.json()["totalResults"], 7);
    // R-BULK-09: what one changes, the next one sees; data without `schemas` is taken.
    let version = before["meta"]["version"].clone();
    let answer = idp
        .bulk(json!([
            {"method": "PATCH", "path": at("u1"), "version": version, "data": title("A")},
            {"method": "PATCH", "path": at("u1"), "version": version, "data": title("B")},
            {"method": "PATCH", "path": at("u1"), "data": {"Operations": [
                {"op": "add", "path": "nickName", "value": "C"},
            ]}},
            {"method": "DELETE", "path": at("u2")},
            post("/Users", "again", user("jsmith")),
            {"method": "DELETE", "path": at("u2")},
        ]))
        .await;
    assert_eq!(answer.statuses(), "200 412 200 204 201 404");
    let after = idp.get(&at("u1")).await.json();
    assert_eq!((&after["title"], &after["nickName"]), (&json!("A"), &json!("C")));
}

/// R-BULK-14.
async fn what_is_wrong_with_the_whole_request(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let good = || post("/Users", "a", user("ada"));
    for (body, expect) in [
        (json!({"schemas": [PATCH], "Operations": [good()]}), "schemas"),
        (json!({"schemas": [BULK]}), "Operations"),
        (json!({"schemas": [BULK], "Operations": good()}), "Operations"),
        (json!({"schemas": [BULK], "Operations": null}), "Operations"),
        (json!({"schemas": [BULK], "Operations": [good(), good()]}), "/Operations/1"),
        (json!([good()]), "object"),
    ] {
        let detail = idp.post("/Bulk", &body).await.refused(400, "invalidSyntax");
        assert!(detail.contains(expect), "{detail}");
    }
    assert_eq!(idp.get("/Users").await.json()["totalResults"], 0);
    assert_eq!(idp.bulk(json!([])).await.operations(), Vec::<Value>::new());
    let get = idp.get("/Bulk").await;
    get.refused(405, "");
    assert_eq!(super::allowed(get.header("allow")), ["POST"]);
}

/// R-ASYNC-01, R-ASYNC-02, R-ASYNC-05.
async fn x62_asynchronous_requests(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let body = |prefix: &str, count: usize| {
        let name = |n: usize| format!("{prefix}-{}", n.min(count - 2));
        let operations = (0..count).map(|n| post("/Users", &n.to_string(), user(&name(n))));
        json!({"schemas": [BULK], "Operations": operations.collect::<Value>()})
    };
    let ask = |body: &Value, prefer: &str| {
        idp.request("POST", "/Bulk").json(body).header("prefer", prefer)
    };
    // So many that they are not done before the answer is written.
    let many = 300;
    let answer = idp.send(ask(&body("later", many), "respond-async")).await.is(202);
    assert!(answer.body.is_empty(), "{answer}");
    assert_eq!(answer.header("preference-applied"), Some("respond-async"), "{answer}");
    let transaction = answer.header("set-txn").expect("the transaction has an id").to_owned();
    let location = format!("{PUBLIC_URL}{}/AsyncResults/{transaction}", idp.base);
    assert_eq!(answer.header("location"), Some(location.as_str()));
    let outcome = idp.outcome(&transaction).await;
    let operations = outcome.operations();
    assert_eq!(operations.len(), many);
    assert_eq!((&operations[0]["status"], &operations[0]["bulkId"]), (&json!("201"), &json!("0")));
    assert_eq!(operations[many - 1]["response"]["scimType"], "uniqueness");
    idp.get(&format!("/Users/{}", id(&operations[many - 2]))).await.is(200);
    // It can be read again.
    assert_eq!(idp.outcome(&transaction).await.json(), outcome.json());

    // Who waits long enough gets a plain answer, in whatever way that is said.
    for (at, prefer) in
        ["respond-async, wait=30", "Wait=\"30\";Respond-Async", "return=minimal", ""]
            .into_iter()
            .enumerate()
    {
        let answer = idp.send(ask(&body(&format!("now{at}"), 3), prefer)).await;
        assert_eq!(answer.statuses(), "201 201 409", "{prefer}");
    }
    // A request that is wrong as a whole is answered at once.
    idp.send(ask(&json!({"schemas": [BULK]}), "respond-async")).await.refused(400, "invalidSyntax");
    // No other request is answered later.
    let plain =
        idp.request("POST", "/Users").json(&user("plain")).header("prefer", "respond-async");
    idp.send(plain).await.is(201);
    for unknown in ["txn_00000000000070008000000000000000", "txn_x", "x", "%00"] {
        idp.get(&format!("/AsyncResults/{unknown}")).await.refused(404, "");
    }
    let off = json!({"capabilities": {"asynchronous": false}});
    let idp = server.idp_with(IdpKind::Generic, off).await;
    let request =
        idp.request("POST", "/Bulk").json(&body("x", 3)).header("prefer", "respond-async");
    assert_eq!(idp.send(request).await.statuses(), "201 201 409");
}
