//! Garbage in bulk: what can't be done is told in its place, and everything else is done.

use rollcall_domain::IdpKind;
use rollcall_tests::client::{BULK, PATCH};
use rollcall_tests::data::{GROUP, USER};
use rollcall_tests::idp::Idp;
use rollcall_tests::on_both_stores;
use rollcall_tests::server::Server;
use serde_json::{Value, json};

use super::{Dice, WORDS, filled, holdings};

on_both_stores!(
    nasty_requests_change_nothing,
    nasty_operations_are_told_in_their_place,
    nasty_references_lead_nowhere,
    a_storm_of_operations_is_answered,
);

/// R-BULK-14: nothing of a request is done that is wrong as a whole.
async fn nasty_requests_change_nothing(server: &Server) {
    let (idp, _) = filled(server).await;
    let before = holdings(&idp).await;
    let good = json!({"method": "POST", "path": "/Users", "bulkId": "a", "data": {
        "schemas": [USER], "userName": "good",
    }});
    let with = |name: &str, value: Value| {
        let mut body = json!({"schemas": [BULK], "Operations": [good]});
        body[name] = value;
        body
    };
    for (body, scim_type, spot) in [
        (with("Operations", Value::Null), "invalidSyntax", "Operations"),
        (with("Operations", json!({"0": good})), "invalidSyntax", "Operations"),
        (with("Operations", json!("x")), "invalidSyntax", "Operations"),
        (with("Operations", json!([good, good])), "invalidSyntax", "/Operations/1"),
        (with("operations", json!([])), "invalidSyntax", "perations"),
        (with("schemas", json!(BULK)), "invalidSyntax", "schemas"),
        (with("schemas", json!([PATCH])), "invalidSyntax", "schemas"),
        (with("failOnErrors", json!(0)), "invalidValue", "failOnErrors"),
        (with("failOnErrors", json!(-7)), "invalidValue", "failOnErrors"),
        (with("failOnErrors", json!(1e300)), "invalidValue", "failOnErrors"),
        (with("failOnErrors", json!([1])), "invalidValue", "failOnErrors"),
        (with("x", json!("\0")), "invalidValue", "`/x`"),
    ] {
        let detail = idp.post("/Bulk", &body).await.refused(400, scim_type);
        assert!(detail.contains(spot), "`{spot}` is not in: {detail}");
    }
    assert_eq!(holdings(&idp).await, before);
}

/// R-BULK-03, R-E-17: each detail begins with the place of the operation.
async fn nasty_operations_are_told_in_their_place(server: &Server) {
    let (idp, names) = filled(server).await;
    let before = holdings(&idp).await;
    let user = format!("/Users/{}", names.id("u1"));
    let group = format!("/Groups/{}", names.id("g1"));
    let long = "x".repeat(70_000);
    let patch = |operation: Value| json!({"schemas": [PATCH], "Operations": [operation]});
    let mut operations = vec![
        json!(null),
        json!([]),
        json!("POST"),
        json!({}),
        json!({"method": 5}),
        json!({"method": "BREW", "path": user}),
        json!({"method": long, "path": user}),
        json!({"method": "DELETE", "path": 5}),
        json!({"method": "DELETE", "path": ""}),
        json!({"method": "DELETE", "path": "/"}),
        json!({"method": "DELETE", "path": long}),
        json!({"method": "DELETE", "path": "/Users/../Groups"}),
        json!({"method": "DELETE", "path": format!("{user}/x")}),
        json!({"method": "DELETE", "path": format!("{user}?x=y")}),
        json!({"method": "DELETE", "path": format!("{user}#x")}),
        json!({"method": "DELETE", "path": "/Users/%00"}),
        json!({"method": "DELETE", "path": "/v3/Users/x"}),
        json!({"method": "DELETE", "path": "/AsyncResults/x"}),
        json!({"method": "DELETE", "path": "/ServiceProviderConfig"}),
        json!({"method": "DELETE", "path": "http://169.254.169.254/Users/x"}),
        json!({"method": "DELETE", "path": user, "bulkId": {"a": 1}}),
        json!({"method": "DELETE", "path": user, "version": 5}),
        json!({"method": "DELETE", "path": user, "version": ""}),
        json!({"method": "DELETE", "path": user, "version": "\"\u{1f4a9}"}),
        json!({"method": "PUT", "path": user, "data": "text"}),
        json!({"method": "PUT", "path": user, "data": []}),
        json!({"method": "PATCH", "path": user, "data": {"Operations": []}}),
        json!({"method": "PATCH", "path": user, "data": patch(json!({"op": "add", "path": "(", "value": 1}))}),
        json!({"method": "PATCH", "path": user, "data": patch(json!({"op": "add", "path": long, "value": 1}))}),
        json!({"method": "PATCH", "path": group, "data": patch(json!({"op": "add", "path": "members", "value": "x"}))}),
        json!({"method": "PATCH", "path": group, "data": patch(json!({"op": "remove", "path": "members[value eq"}))}),
        json!({"method": "POST", "path": "/.search", "bulkId": "s", "data": {}}),
        json!({"method": "POST", "path": "/Users/.search", "bulkId": "t", "data": {}}),
        json!({"method": "POST", "path": "/Bulk", "bulkId": "b", "data": {}}),
        json!({"method": "POST", "path": "/Users", "bulkId": "u", "data": {"userName": long}}),
        json!({"method": "POST", "path": "/Users", "bulkId": "v", "data": {
            "schemas": [USER], "userName": "nasty", "title": "x".repeat(1_000_000),
        }}),
        json!({"method": "POST", "path": "/Groups", "bulkId": "w", "data": {
            "schemas": [GROUP], "displayName": "nasty", "members": [{"value": "nobody"}],
        }}),
        json!({"method": "POST", "path": "/Groups", "bulkId": "x", "data": {
            "schemas": [GROUP], "displayName": "nasty", "members": {"value": []},
        }}),
    ];
    for (n, value) in super::nasty_values().into_iter().enumerate() {
        // What can't stand in any body ends the request as a whole.
        if !value.to_string().contains("\\u0000") && !value.is_string() {
            operations.push(
                json!({"method": "POST", "path": "/Users", "bulkId": format!("n{n}"), "data": {
                    "schemas": [USER], "userName": value,
                }}),
            );
        }
    }
    let sent = operations.len();
    let answer = idp.bulk(json!(operations)).await;
    let told = answer.operations();
    assert_eq!(told.len(), sent);
    for (at, operation) in told.iter().enumerate() {
        let status = operation["status"].as_str().unwrap_or_default();
        assert!(matches!(status, "400" | "403" | "404" | "412"), "{at}: {operation:.400}");
        let detail = operation["response"]["detail"].as_str().unwrap_or_default();
        assert!(detail.starts_with(&format!("/Operations/{at}")), "{at}: {operation:.400}");
        assert!(operation.to_string().len() < 2_000, "{at}: long texts come back");
    }
    assert_eq!(holdings(&idp).await, before);
}

/// R-BULK-05, R-BULK-07, R-E-16.
async fn nasty_references_lead_nowhere(server: &Server) {
    let (idp, names) = filled(server).await;
    let before = holdings(&idp).await;
    let member = |value: &str| json!({"schemas": [GROUP], "displayName": "G", "members": [{"value": value}]});
    let post = |bulk_id: &str, data: Value| json!({"method": "POST", "path": "/Groups", "bulkId": bulk_id, "data": data});
    let answer = idp
        .bulk(json!([
            post("itself", member("bulkId:nobody")),
            post("empty", member("bulkId:")),
            post("odd", member("bulkId:bulkId:odd")),
            post("case", member("BULKID:case")),
            post("space", member(" bulkId:space")),
            {"method": "DELETE", "path": "/Groups/bulkId:gone"},
            {"method": "PATCH", "path": "/Groups/bulkId:", "data": {}},
            {"method": "PUT", "path": format!("/Groups/{}", names.id("g1")), "data": member("bulkId:x\u{1f4a9}")},
        ]))
        .await;
    for operation in answer.operations() {
        let status = operation["status"].as_str().unwrap_or_default();
        assert!(matches!(status, "400" | "404" | "409"), "{operation}");
    }
    assert_eq!(holdings(&idp).await, before);
    // A chain from the last to the first.
    let chain = (0..60).map(|n| {
        let (own, next) = (format!("c{n}"), format!("bulkId:c{}", n + 1));
        if n == 59 {
            post(&own, json!({"schemas": [GROUP], "displayName": own}))
        } else {
            post(&own, member(&next))
        }
    });
    let answer = idp.bulk(chain.collect()).await;
    assert!(answer.operations().iter().all(|operation| operation["status"] == "201"), "{answer}");
    assert_eq!(idp.get("/Groups").await.json()["totalResults"], 63);
}

/// Preferences that nobody has are passed over.
pub(crate) async fn odd_preferences(idp: &Idp) {
    let body =
        json!({"schemas": [BULK], "Operations": [{"method": "DELETE", "path": "/Users/none"}]});
    for prefer in [
        "wait=5",
        "respond-async; wait=9",
        "respond-asynchronously",
        "handling=lenient, return=\"minimal\"",
        "x=\"respond-async\"",
        "=;,=respond,,;",
    ] {
        let request = idp.request("POST", "/Bulk").json(&body).header("prefer", prefer);
        assert_eq!(idp.send(request).await.statuses(), "404", "{prefer}");
    }
    for prefer in [
        "respond-async, wait=x",
        "RESPOND-ASYNC;wait=-1",
        "respond-async,wait=99999999999999999999",
    ] {
        let request = idp.request("POST", "/Bulk").json(&body).header("prefer", prefer);
        let answer = idp.send(request).await;
        let done = match answer.header("set-txn") {
            Some(transaction) => idp.outcome(transaction).await,
            None => answer.clone(),
        };
        assert_eq!(done.statuses(), "404", "{prefer}");
    }
}

/// Pseudo-random operations, the same every time, and between them good ones, which are all done.
async fn a_storm_of_operations_is_answered(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let mut dice = Dice(0x0b_1d_0b_1d_0b_1d);
    for round in 0..20 {
        let operations: Vec<Value> = (0..40)
            .map(|n| match n % 4 {
                0 => json!({"method": "POST", "path": "/Users", "bulkId": format!("good-{n}"), "data": {
                    "schemas": [USER], "userName": format!("good-{round}-{n}"),
                }}),
                _ => json!({
                    "method": dice.pick(&["POST", "PUT", "PATCH", "DELETE", "GET", ""]),
                    "path": format!("{}{}", dice.pick(&["/Users", "/Groups", "/Nope", ""]),
                        dice.pick(&["", "/x", "/bulkId:good-0", "/bulkId:bad", "/.search"])),
                    "bulkId": format!("bad-{n}"),
                    "version": dice.value(0),
                    "data": {
                        "schemas": dice.value(1), dice.pick(WORDS): dice.value(3),
                        "members": [{"value": dice.pick(&["bulkId:good-4", "bulkId:bad-1", "x", ""])}],
                    },
                }),
            })
            .collect();
        let body = json!({"schemas": [BULK], "Operations": operations});
        if body.to_string().contains("\\u0000") {
            idp.post("/Bulk", &body).await.refused(400, "invalidValue");
            continue;
        }
        let answer = idp.post("/Bulk", &body).await;
        let told = answer.operations();
        assert_eq!(told.len(), 40, "round {round}");
        for (n, operation) in told.iter().enumerate() {
            let status = operation["status"].as_str().unwrap_or_default();
            let known = ["200", "201", "204", "400", "403", "404", "405", "409", "412"];
            assert!(known.contains(&status), "round {round}, {n}: {operation}");
            assert!(n % 4 != 0 || status == "201", "round {round}, {n}: {operation}");
        }
    }
    idp.get("/").await.is(200);
}
