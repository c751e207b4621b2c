//! The same for bulk requests, cursors, outcomes, `/Me` and searches of everything.

use rollcall_domain::IdpKind;
use rollcall_tests::client::{Answer, BULK, PATCH, Request, SEARCH};
use rollcall_tests::data::{GROUP, Names, USER};
use rollcall_tests::idp::Idp;
use rollcall_tests::on_both_stores;
use rollcall_tests::server::Server;
use serde_json::{Value, json};

use super::{NO_TRANSACTION, NOBODY, bytes, compare, filled};

on_both_stores!(
    foreign_ids_in_bulk_are_unknown_ids,
    foreign_cursors_are_garbage,
    foreign_transactions_are_unknown,
    the_root_shows_its_own_connection_alone,
    a_users_token_opens_its_own_me_alone,
);

/// Two connections of one organization, the second one filled.
async fn twins(server: &Server) -> (Idp, Idp, Names) {
    let (seed, _) = filled(server).await;
    let organization = format!("Twins of {}", seed.at.connection);
    let a = server.idp_of(&organization, IdpKind::Generic).await;
    let b = server.idp_of(&organization, IdpKind::Okta).await;
    let names = rollcall_tests::data::base(&b).await;
    (a, b, names)
}

/// R-TEN-02, R-BULK-11: paths, members, filters and managers within a bulk request.
async fn foreign_ids_in_bulk_are_unknown_ids(server: &Server) {
    let (a, own) = filled(server).await;
    let (_, twin, of_twin) = twins(server).await;
    let foreign = [filled(server).await, (twin, of_twin)];
    let group = format!("/Groups/{}", own.id("g1"));
    for (b, names) in &foreign {
        let before = (b.get("/Users").await.json(), b.get("/Groups").await.json());
        for id in [names.id("u1"), names.id("g1")] {
            let mine = a.get(&group).await.json();
            compare(&a, id, |id| {
                let members = json!([{"value": id}]);
                let patch = |operation: Value| json!({"schemas": [PATCH], "Operations": [operation]});
                let whole = json!({"schemas": [GROUP], "displayName": "G", "members": members});
                let operations = [
                    json!({"method": "DELETE", "path": format!("/Users/{id}")}),
                    json!({"method": "DELETE", "path": format!("/Groups/{id}"), "version": "W/\"1\""}),
                    json!({"method": "PUT", "path": format!("/Users/{id}"),
                        "data": {"schemas": [USER], "userName": "intruder"}}),
                    json!({"method": "PUT", "path": format!("/Groups/{id}"), "data": whole}),
                    json!({"method": "PATCH", "path": format!("/Users/{id}"),
                        "data": patch(json!({"op": "replace", "path": "title", "value": "x"}))}),
                    json!({"method": "PATCH", "path": format!("/Users/{id}"), "data": "broken"}),
                    json!({"method": "POST", "path": "/Groups", "bulkId": "g", "data": whole}),
                    json!({"method": "PUT", "path": group, "data": whole}),
                    json!({"method": "PATCH", "path": group,
                        "data": patch(json!({"op": "add", "path": "members", "value": members}))}),
                    json!({"method": "PATCH", "path": group,
                        "data": patch(json!({"op": "remove", "path": format!("members[value eq \"{id}\"]")}))}),
                ];
                let each = operations.iter().map(|one| json!([one]));
                let together = json!(operations);
                let requests = each.chain([together]).map(|operations| {
                    let body = json!({"schemas": [BULK], "Operations": operations});
                    a.request("POST", "/Bulk").json(&body)
                });
                requests.collect()
            })
            .await;
            assert_eq!(a.get(&group).await.json()["members"], mine["members"]);
        }
        assert_eq!((b.get("/Users").await.json(), b.get("/Groups").await.json()), before);
    }
    // A bulkId of one request means nothing to the next one, of whomever.
    let make = json!([{"method": "POST", "path": "/Users", "bulkId": "known", "data": {
        "schemas": [USER], "userName": "known",
    }}]);
    assert_eq!(a.bulk(make).await.statuses(), "201");
    let used = json!([{"method": "DELETE", "path": "/Users/bulkId:known"}]);
    for idp in [&a, &foreign[0].0] {
        assert_eq!(idp.bulk(used.clone()).await.statuses(), "400");
    }
}

/// R-CUR-12: the same bytes as for anything that is no cursor.
async fn foreign_cursors_are_garbage(server: &Server) {
    let (a, _) = filled(server).await;
    let (b, _) = filled(server).await;
    let (twin, other, _) = twins(server).await;
    for (path, query) in
        [("/Users", "count=2"), ("/Groups", "count=1&sortBy=displayName"), ("/", "count=2")]
    {
        for (owner, reader) in [(&b, &a), (&other, &twin)] {
            let first = owner.get(&format!("{path}?cursor&{query}")).await.is(200).json();
            let cursor = first["nextCursor"].as_str().expect("there is a second page");
            let ask =
                async |cursor: &str| reader.get(&format!("{path}?cursor={cursor}&{query}")).await;
            let foreign = ask(cursor).await;
            foreign.refused(400, "invalidCursor");
            assert_eq!(bytes(&foreign), bytes(&ask("garbage").await));
            let posted = async |cursor: &str| {
                let body = json!({"schemas": [SEARCH], "cursor": cursor, "count": 2});
                reader.post(&format!("{}/.search", path.trim_end_matches('/')), &body).await
            };
            let foreign = posted(cursor).await;
            foreign.refused(400, "invalidCursor");
            assert_eq!(bytes(&foreign), bytes(&posted("garbage").await));
            // Its own reader goes on.
            owner.get(&format!("{path}?cursor={cursor}&{query}")).await.is(200);
        }
    }
}

/// R-ASYNC-01: what came of a request is told to its own connection.
async fn foreign_transactions_are_unknown(server: &Server) {
    let (a, _) = filled(server).await;
    let (twin, other, _) = twins(server).await;
    let (b, names) = filled(server).await;
    for (owner, reader) in [(&b, &a), (&other, &twin)] {
        let users = (0..300).map(|n| {
            json!({"method": "POST", "path": "/Users", "bulkId": n.to_string(),
            "data": {"schemas": [USER], "userName": format!("secret-{n}")}})
        });
        let body = json!({"schemas": [BULK], "Operations": users.collect::<Value>()});
        let request = owner.request("POST", "/Bulk").json(&body).header("prefer", "respond-async");
        let promise = owner.send(request).await.is(202);
        let transaction = promise.header("set-txn").expect("it has an id").to_owned();
        let path = format!("/AsyncResults/{transaction}");
        let unknown = reader.get(&format!("/AsyncResults/{NO_TRANSACTION}")).await;
        unknown.refused(404, "");
        // While it is worked on, and when it is done.
        assert_eq!(bytes(&reader.get(&path).await), bytes(&unknown));
        owner.outcome(&transaction).await.is(200);
        assert_eq!(bytes(&reader.get(&path).await), bytes(&unknown));
        for garbage in ["x", "txn_", &transaction.to_uppercase(), &transaction[4..]] {
            let answer = reader.get(&format!("/AsyncResults/{garbage}")).await;
            assert_eq!(bytes(&answer), bytes(&unknown), "{answer}");
        }
        // Another token of the connection reads it; over another connection's path nobody does.
        server.another_token(owner).await.get(&path).await.is(200);
        let across = Request::new("GET", format!("{}{path}", owner.base)).bearer(&reader.token);
        let nowhere = Request::new("GET", "/nothing/here").bearer(&reader.token);
        assert_eq!(bytes(&reader.send(across).await), bytes(&reader.send(nowhere).await));
    }
    // A user's own token has no part in it.
    let me = server.user_of(&b, names.id("u1")).await;
    me.get(&format!("/AsyncResults/{NO_TRANSACTION}")).await.refused(403, "");
}

/// R-GET-06, R-TEN-04.
async fn the_root_shows_its_own_connection_alone(server: &Server) {
    let (a, own) = filled(server).await;
    let (b, names) = filled(server).await;
    let ids = a.get("/").await.is(200).ids();
    assert_eq!(ids.len(), 7);
    assert!(ids.iter().all(|id| own.name(id) != id), "a foreign resource is shown");
    assert_eq!(a.walk("/", "count=3").await.concat(), ids);
    for filter in [
        "id eq \"{u1}\"",
        "id eq \"{g1}\" or id eq \"{u2}\"",
        "members.value eq \"{u1}\"",
        "groups.value eq \"{g1}\"",
        "manager.value eq \"{u3}\"",
    ] {
        let filter = names.fill(filter);
        assert!(
            !b.find("", &filter).await.is(200).ids().is_empty(),
            "{filter} finds nothing at home"
        );
        let found = a.find("", &filter).await.is(200);
        assert_eq!((found.ids().len(), &found.json()["totalResults"]), (0, &json!(0)), "{found}");
        let body = json!({"schemas": [SEARCH], "filter": filter});
        assert!(a.post("/.search", &body).await.is(200).ids().is_empty(), "{filter}");
    }
}

/// R-ME-02, R-ME-03: nobody else is shown, changed, or told to be there.
async fn a_users_token_opens_its_own_me_alone(server: &Server) {
    let (a, own) = filled(server).await;
    let (b, names) = filled(server).await;
    let me = server.user_of(&a, own.id("u1")).await;
    assert_eq!(me.get("/Me").await.is(200).id(), own.id("u1"));
    let before = (a.get("/").await.json(), b.get("/").await.json());
    // Colleagues, groups and strangers look like nobody.
    for other in [own.id("u2"), own.id("g1"), names.id("u1"), names.id("g1")] {
        compare(&me, other, |id| {
            let body =
                json!({"schemas": [USER], "userName": "intruder", "displayName": "intruder"});
            let patch = json!({"schemas": [PATCH], "Operations": [
                {"op": "replace", "path": "displayName", "value": "taken over"},
            ]});
            let mut requests = Vec::new();
            for endpoint in ["/Users", "/Groups"] {
                let path = format!("{endpoint}/{id}");
                requests.push(me.request("GET", &path));
                requests.push(me.request("GET", &path).header("if-none-match", "*"));
                requests.push(me.request("PUT", &path).json(&body));
                requests.push(me.request("PATCH", &path).json(&patch));
                requests.push(me.request("DELETE", &path));
                requests
                    .push(me.request("GET", &format!("{endpoint}?filter=id%20eq%20%22{id}%22")));
                let operation = json!({"method": "DELETE", "path": path});
                requests.push(
                    me.request("POST", "/Bulk")
                        .json(&json!({"schemas": [BULK], "Operations": [operation]})),
                );
            }
            requests
        })
        .await;
    }
    let denied = |answer: Answer| {
        let told = answer.status == 403
            || answer.status == 200 && answer.statuses().split(' ').all(|status| status == "403");
        assert!(told, "{answer}");
    };
    for path in ["/Users", "/Groups", "/", "/Users?cursor", "/Users?filter=userName%20pr&count=1"] {
        denied(me.get(path).await);
    }
    for path in ["/Users/.search", "/.search"] {
        denied(me.post(path, &json!({"schemas": [SEARCH]})).await);
    }
    denied(me.post("/Users", &json!({"schemas": [USER], "userName": "second"})).await);
    denied(
        me.bulk(json!([{"method": "POST", "path": "/Users", "bulkId": "x", "data": {
            "schemas": [USER], "userName": "second",
        }}]))
        .await,
    );
    assert_eq!((a.get("/").await.json(), b.get("/").await.json()), before);

    // On another connection its token is nobody's.
    let across = Request::new("GET", format!("{}/Me", b.base)).bearer(&me.token);
    let nowhere = Request::new("GET", "/nothing/here").bearer(&me.token);
    assert_eq!(bytes(&me.send(across).await), bytes(&me.send(nowhere).await));
    // With the user its token ends.
    a.delete(&format!("/Users/{}", own.id("u1"))).await.is(204);
    me.get("/Me").await.refused(401, "");
    me.get(&format!("/Users/{NOBODY}")).await.is(403);
}
