//! Connections: made, configured, shown, and looked at.

use rollcall_tests::client::{PATCH, Request};
use rollcall_tests::data::USER;
use rollcall_tests::issuer::{Issuer, SigningKey};
use rollcall_tests::on_both_stores;
use rollcall_tests::operator::text;
use rollcall_tests::server::{PUBLIC_URL, Server};
use rollcall_tests::wait::until;
use serde_json::{Value, json};

use super::{Customer, becomes, check, fresh};

on_both_stores!(
    a_connection_is_made_with_everything_that_an_idp_needs,
    several_connections_live_side_by_side,
    configure_is_idempotent_and_leaves_tokens_alone,
    configure_makes_a_token_where_there_never_was_one,
    of_many_that_configure_at_once_one_makes_the_token,
    configure_insists_on_a_revision,
    every_setting_is_read_back,
    settings_that_cannot_be_are_refused_with_a_hint,
    schemas_are_added_shown_and_removed,
    no_secret_is_ever_shown_again,
    status_tells_what_was_seen,
    validate_says_what_would_mend_it,
    every_change_is_an_event_with_its_actor,
);

async fn a_connection_is_made_with_everything_that_an_idp_needs(server: &Server) {
    let owner = server.owner();
    let organization = owner.organization(&fresh("Customer")).await;
    let path = format!("{organization}/connections");
    let made = owner.post(&path, &json!({"idp": "okta"})).await.is(201);
    let shown = made.json();
    let id = text(&shown, "connectionId");
    assert_eq!(made.header("location"), Some(&*format!("{PUBLIC_URL}/api/v1{path}/{id}")));
    assert_eq!(made.header("etag"), Some("\"0\""));
    assert_eq!(shown["basePath"], json!(format!("/connections/{id}/scim/v2")));
    assert_eq!(shown["baseUrl"], json!(format!("{PUBLIC_URL}/connections/{id}/scim/v2")));
    assert_eq!(shown["configId"], json!(format!("{id}@0")));
    assert_eq!((&shown["idp"], &shown["status"]), (&json!("okta"), &json!("active")));
    let token = text(&shown, "token");
    assert!(token.starts_with("rct_") && token.len() >= 43, "32 random bytes");
    assert!(text(&shown, "tokenId").starts_with("tok_"));
    let list = format!("{}/Users", text(&shown, "basePath"));
    server.client.send(Request::new("GET", list).bearer(&token)).await.is(200);

    // A body may be left out, and a first token too.
    owner.act(&path).await.is(201);
    let bare = owner.post(&path, &json!({"token": null})).await.is(201).json();
    assert!(bare.get("token").is_none() && bare.get("tokenId").is_none(), "{bare}");
    let own = json!({"idp": "entra", "settings": {"name": "HR", "status": "draft"},
        "token": {"name": "first", "scopes": "users.read"}});
    let named = owner.post(&path, &own).await.is(201).json();
    assert_eq!((&named["name"], &named["status"]), (&json!("HR"), &json!("draft")));
    assert_eq!(named["profile"], "entra");
    owner.post(&path, &json!({"settings": {"name": "HR"}})).await.is(409);
    owner.post(&path, &json!({"idp": "nope"})).await.is(400);
    owner.post(&path, &json!({"settings": {"status": "off"}})).await.is(400);
    let nowhere = "/organizations/org_00000000000070008000000000000000/connections";
    owner.post(nowhere, &json!({})).await.is(404);

    let pages = owner.pages(&path, 1).await;
    assert_eq!((pages.len(), pages.concat().len()), (4, 4));
    assert!(pages.concat().iter().all(|one| one.get("token").is_none()));
}

async fn several_connections_live_side_by_side(server: &Server) {
    let customer = Customer::new(server).await;
    let (_, twin) = customer.twin(server).await;
    let (a, b) = (&customer.idp, &twin);
    assert_eq!(a.at.organization, b.at.organization);
    let in_a = a.user("ada").await;
    let in_b = b.user("ada").await;
    assert_ne!(in_a, in_b);
    assert_eq!(
        (a.get("/Users").await.ids(), b.get("/Users").await.ids()),
        (vec![in_a.clone()], vec![in_b])
    );
    b.get(&format!("/Users/{in_a}")).await.refused(404, "");
    // Nor is one a member of the other's groups.
    let body = json!({"displayName": "g", "members": [{"value": in_a}]});
    b.post("/Groups", &body).await.refused(400, "invalidValue");
    let listed = customer.owner.get(&format!("{}/connections", customer.organization)).await;
    assert_eq!(listed.is(200).json()["items"].as_array().map(Vec::len), Some(2));
}

/// changing settings never mints or rotates a token.
async fn configure_is_idempotent_and_leaves_tokens_alone(server: &Server) {
    let customer = Customer::new(server).await;
    let Customer { owner, made, idp, .. } = &customer;
    let before = owner.get(&customer.tokens()).await.is(200).json();
    let change = json!({"status": "observe", "security": {"maxRequestSize": 4096},
        "profile": "okta", "capabilities": {"sort": false}, "limits": {"pageMax": 50}});
    let first = owner.patch(&made.path, &change).await.is(200);
    let shown = first.json();
    assert!(shown.get("token").is_none(), "{shown}");
    assert_eq!(first.header("etag"), Some("\"1\""));
    assert_eq!(shown["configId"], json!(format!("{}@1", made.text("connectionId"))));
    for _ in 0..2 {
        let again = owner.patch(&made.path, &change).await.is(200);
        assert_eq!((again.json(), again.header("etag")), (shown.clone(), Some("\"1\"")));
    }
    assert_eq!(owner.get(&made.path).await.is(200).json(), shown);
    let after = owner.get(&customer.tokens()).await.is(200).json();
    assert_eq!(after, before);
    // The token that the IdP has goes on working, under the new settings.
    becomes(413, async || {
        let large = json!({"schemas": [USER], "userName": "x".repeat(5000)});
        idp.client.send(idp.request("POST", "/Users").json(&large)).await
    })
    .await;
    let list = idp.get("/Users?count=1000").await.is(200).json();
    assert!(list["itemsPerPage"].as_u64().is_some_and(|size| size <= 50), "{list}");
    assert_eq!(customer.actions(server).await.iter().filter(|a| *a == "token.created").count(), 1);
}

async fn configure_makes_a_token_where_there_never_was_one(server: &Server) {
    let customer = Customer::like(server, json!({"token": {"name": "x"}})).await;
    let owner = &customer.owner;
    let bare = format!("{}/connections", customer.organization);
    let bare = owner.post(&bare, &json!({"token": null})).await.is(201).json();
    let id = text(&bare, "connectionId");
    let path = format!("{}/connections/{id}", customer.organization);
    let status = owner.get(&format!("{path}/status")).await.is(200).json();
    assert_eq!((&status["configured"], &status["ready"]), (&json!(false), &json!(false)));
    let first = owner.patch(&path, &json!({})).await.is(200).json();
    let token = text(&first, "token");
    for member in ["connectionId", "configId", "basePath", "tokenId"] {
        text(&first, member);
    }
    let users = format!("{}/Users", text(&first, "basePath"));
    server.client.send(Request::new("GET", users).bearer(&token)).await.is(200);
    // Once.
    let second = owner.patch(&path, &json!({})).await.is(200).json();
    assert!(second.get("token").is_none() && second.get("tokenId").is_none(), "{second}");
    // Nor when it was revoked: that was somebody's decision.
    owner.delete(&format!("{path}/tokens/{}", text(&first, "tokenId"))).await.is(200);
    let third = owner.patch(&path, &json!({"limits": {"pageMax": 9}})).await.is(200).json();
    assert!(third.get("token").is_none(), "{third}");
}

async fn of_many_that_configure_at_once_one_makes_the_token(server: &Server) {
    let customer = Customer::new(server).await;
    let owner = &customer.owner;
    let bare = format!("{}/connections", customer.organization);
    let bare = owner.post(&bare, &json!({"token": null})).await.is(201).json();
    let path = format!("{}/connections/{}", customer.organization, text(&bare, "connectionId"));
    let none = json!({});
    let all = (0..8).map(|_| owner.patch(&path, &none));
    let all = futures_util::future::join_all(all).await;
    let made = all.iter().filter(|answer| answer.json().get("token").is_some());
    assert_eq!(made.count(), 1, "{all:?}");
    assert!(all.iter().all(|answer| answer.status == 200), "{all:?}");
    let tokens = owner.get(&format!("{path}/tokens")).await.is(200).json();
    assert_eq!(tokens["items"].as_array().map(Vec::len), Some(1), "{tokens}");
}

async fn configure_insists_on_a_revision(server: &Server) {
    let customer = Customer::new(server).await;
    let Customer { owner, made, .. } = &customer;
    let change =
        |size: u32| owner.asking("PATCH", &made.path, &json!({"limits": {"pageMax": size}}));
    owner.send(change(10).header("if-match", "\"1\"")).await.is(412);
    owner.send(change(10).header("if-match", "\"0\"")).await.is(200);
    owner.send(change(20).header("if-match", "\"0\"")).await.is(412);
    owner.send(change(20).header("if-match", "W/\"1\"")).await.is(412);
    owner.send(change(20).header("if-match", "*")).await.is(200);
    owner.send(change(20).header("if-match", "1")).await.is(400);
    // Of many at once, all of which insist, one is made.
    let all = (0..10).map(|n| owner.send(change(100 + n).header("if-match", "\"2\"")));
    let all = futures_util::future::join_all(all).await;
    let mut statuses: Vec<u16> = all.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [&[200][..], &[412; 9]].concat());
    // Of many that don't, every one is.
    let all = (0..10).map(|n| {
        let name = ["sort", "etag", "bulk", "filter", "cursor"][n % 5];
        let body = json!({"capabilities": {name: n % 2 == 0}, "limits": {"pageMax": 200 + n}});
        owner.send(owner.asking("PATCH", &made.path, &body))
    });
    for answer in futures_util::future::join_all(all).await {
        assert!(matches!(answer.status, 200), "{answer}");
    }
    let shown = owner.get(&made.path).await.is(200).json();
    assert_eq!(shown["revision"], 13);
}

async fn every_setting_is_read_back(server: &Server) {
    let customer = Customer::new(server).await;
    let Customer { owner, made, .. } = &customer;
    let change = json!({
        "name": "Payroll", "status": "observe", "quietAfterHours": 48, "profile": "strict",
        "switches": {"stringBooleans": true}, "capabilities": {"bulk": false, "sort": false},
        "limits": {"maxRequestSize": 8192, "bulkOperations": 7, "bulkPayload": 9000,
            "pageDefault": 5, "pageMax": 50, "rate": {"perSecond": 30, "burst": 60}},
    });
    let shown = owner.patch(&made.path, &change).await.is(200).json();
    for member in ["name", "status", "quietAfterHours", "profile", "limits"] {
        assert_eq!(shown[member], change[member], "{member}");
    }
    assert_eq!(shown["switches"]["stringBooleans"], true);
    assert_eq!(shown["capabilities"]["bulk"], false);
    assert_eq!(shown["capabilities"]["patch"], true);
    assert_eq!(shown["security"], json!({"maxRequestSize": 8192}));
    assert_eq!(shown["resourceTypes"], json!(["User", "Group"]));
    // What discovery says is what was set.
    let idp = &customer.idp;
    let told = until("discovery says what was set", async || {
        let told = idp.get("/ServiceProviderConfig").await.is(200).json();
        (told["bulk"]["supported"] == false).then_some(told)
    })
    .await;
    assert_eq!(told["sort"]["supported"], false, "{told}");
    // Null goes back.
    let back = json!({"name": null, "quietAfterHours": null, "profile": null,
        "switches": {"stringBooleans": null}, "limits": {"pageMax": null, "pageDefault": null}});
    let shown = owner.patch(&made.path, &back).await.is(200).json();
    assert_eq!((&shown["name"], &shown["quietAfterHours"]), (&Value::Null, &Value::Null));
    assert_eq!((&shown["profile"], &shown["limits"]["pageMax"]), (&json!("generic"), &Value::Null));
    assert_eq!(shown["limits"]["bulkOperations"], 7);
}

async fn settings_that_cannot_be_are_refused_with_a_hint(server: &Server) {
    let customer = Customer::new(server).await;
    let Customer { owner, made, .. } = &customer;
    for (change, hint) in [
        (json!({"limits": {"rate": {"perSecond": 1, "burst": 500}}}), "at least 25"),
        (json!({"limits": {"pageMax": 5000}}), "1 to 1000"),
        (json!({"security": {"maxRequestSize": 3}}), "maxRequestSize"),
        (json!({"capabilities": {"bluk": true}}), "bulk"),
        (json!({"switches": {"nope": true}}), "no switch"),
        (json!({"status": "closed"}), "paused"),
        (json!({"profile": "acme"}), "acme"),
        (json!({"quietAfterHours": 0}), "quietAfterHours"),
        (json!({"tokens": []}), "tokens"),
    ] {
        let refused = owner.patch(&made.path, &change).await.is(400).json();
        assert!(text(&refused, "detail").contains(hint), "{change}: {refused}");
    }
    assert_eq!(owner.get(&made.path).await.json()["revision"], 0);
}

async fn schemas_are_added_shown_and_removed(server: &Server) {
    let customer = Customer::new(server).await;
    let Customer { owner, made, idp, .. } = &customer;
    let schemas = format!("{}/schemas", made.path);
    let none = owner.get(&schemas).await.is(200);
    assert_eq!(none.header("etag"), Some("\"0\""));
    let added = owner.post(&schemas, &json!({"pack": "roles"})).await.is(200).json();
    assert!(added["resourceTypes"].to_string().contains("Role"), "{added}");
    let listed = owner.get(&schemas).await.is(200).json();
    assert!(listed.to_string().contains("Role"), "{listed}");
    becomes(200, async || idp.get("/Roles").await).await;
    let own = json!({"schemas": [{"id": "urn:example:badge", "name": "Badge", "attributes": [
        {"name": "number", "required": true}]}],
        "resourceTypes": [{"name": "Badge", "endpoint": "/Badges", "schema": "urn:example:badge"}]});
    let stale = owner.asking("POST", &schemas, &own).header("if-match", "\"0\"");
    owner.send(stale).await.is(412);
    owner.post(&schemas, &own).await.is(200);
    let bad = owner
        .post(
            &schemas,
            &json!({"schemas": [{"id": "urn:example:x", "attributes": [
        {"name": "a", "type": "text"}]}]}),
        )
        .await
        .is(400)
        .json();
    assert!(bad["errors"][0]["line"].is_u64(), "{bad}");
    owner.post(&schemas, &json!({"pack": "nope"})).await.is(400);
    // What is in use stays.
    let badge = json!({"schemas": ["urn:example:badge"], "number": "7"});
    let id = becomes(201, async || idp.post("/Badges", &badge).await).await.id();
    owner.delete(&format!("{schemas}/Badge")).await.is(409);
    idp.delete(&format!("/Badges/{id}")).await.is(204);
    owner.delete(&format!("{schemas}/Badge")).await.is(200);
    owner.delete(&format!("{schemas}/Badge")).await.is(404);
    owner.delete(&format!("{schemas}/User")).await.is(409);
}

async fn no_secret_is_ever_shown_again(server: &Server) {
    let customer = Customer::new(server).await;
    let Customer { owner, made, organization, .. } = &customer;
    let second = owner.post(&customer.tokens(), &json!({"proof": {"kind": "clientSecret"}})).await;
    let second = text(&second.is(201).json(), "token");
    let key = owner.post("/admin/keys", &json!({"name": "k", "role": "read-only"})).await.is(201);
    let (key, key_id) = (text(&key.json(), "key"), text(&key.json(), "adminKeyId"));
    let secrets = [made.text("token"), second, key];
    for path in [
        "/organizations".to_owned(),
        organization.clone(),
        format!("{organization}/connections"),
        made.path.clone(),
        format!("{}/status", made.path),
        format!("{}/validate", made.path),
        format!("{}/schemas", made.path),
        customer.tokens(),
        customer.token(),
        "/admin/keys".to_owned(),
        format!("/admin/keys/{key_id}"),
    ] {
        let answer = owner.get(&path).await.is(200);
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        for secret in &secrets {
            assert!(!body.contains(secret), "{path} shows a secret");
        }
        assert!(!body.contains("hash"), "{path}: {body}");
    }
    let logged = format!(
        "{:?} {:?}",
        server.administered(Some(customer.id())).await,
        server.administered(None).await
    );
    assert!(logged.contains("token.created") && logged.contains("admin_key.created"));
    assert!(secrets.iter().all(|secret| !logged.contains(secret)), "the log has a secret");
}

async fn status_tells_what_was_seen(server: &Server) {
    let customer = Customer::like(server, json!({"idp": "entra"})).await;
    let Customer { owner, made, idp, .. } = &customer;
    let path = format!("{}/status", made.path);
    let before = owner.get(&path).await.is(200).json();
    assert_eq!((&before["configured"], &before["ready"]), (&json!(true), &json!(true)));
    for member in
        ["lastSeen", "dialect", "connectionTestPassed", "expiredTokenRefused", "quietSince"]
    {
        assert_eq!(before.get(member), Some(&Value::Null), "{member}: {before}");
    }
    assert_eq!(
        (&before["status"], &before["capabilities"]["patch"]),
        (&json!("active"), &json!(true))
    );
    let traffic = check(&before, "traffic");
    assert_eq!(traffic["outcome"], "warn");
    assert!(traffic["fix"].as_str().is_some_and(|fix| fix.contains("token")), "{traffic}");
    // The test of a connection as Entra does it.
    let probe = "/Users?filter=userName%20eq%20%2214e1c1ff-9b8c-4a6d-8d59-4c5b86d6a3f7%22";
    let request = idp.request("GET", probe).header("user-agent", "SCIM-Client");
    idp.send(request).await.is(200);
    let seen = owner.get(&path).await.is(200).json();
    for member in ["lastSeen", "connectionTestPassed"] {
        assert!(text(&seen, member).ends_with('Z'), "{seen}");
    }
    assert_eq!(check(&seen, "traffic")["outcome"], "pass");
    // What it speaks shows in its traffic.
    let ada = idp.user("ada").await;
    for n in 0..30 {
        let body = json!({"schemas": [PATCH], "Operations": [
            {"op": "Replace", "path": "active", "value": if n % 2 == 0 { "False" } else { "True" }}]});
        let request = idp.request("PATCH", &format!("/Users/{ada}")).json(&body);
        idp.send(request.header("user-agent", "Microsoft.SCIM/1.0")).await.is(200);
    }
    let spoken = owner.get(&path).await.is(200).json();
    assert!(text(&spoken, "dialect").starts_with("entra"), "{spoken}");
    assert_eq!(check(&spoken, "profile")["name"], "profile");
    // A request that fails is traffic, and no passed test.
    let other = Customer::new(server).await;
    other.idp.get("/Users?filter=nonsense").await.refused(400, "invalidFilter");
    let shown = owner.get(&format!("{}/status", other.made.path)).await.is(200).json();
    text(&shown, "lastSeen");
    assert_eq!(shown["connectionTestPassed"], Value::Null);
}

async fn validate_says_what_would_mend_it(server: &Server) {
    let customer = Customer::new(server).await;
    let Customer { owner, made, .. } = &customer;
    let path = format!("{}/validate", made.path);
    let fine = owner.get(&path).await.is(200).json();
    for name in ["status", "credential", "baseUrl", "indexes"] {
        assert_eq!(check(&fine, name)["outcome"], "pass", "{fine}");
        assert_eq!(check(&fine, name)["fix"], Value::Null, "{fine}");
    }
    assert_eq!(fine["capabilities"]["bulk"], true);
    owner.patch(&made.path, &json!({"status": "paused"})).await.is(200);
    owner.delete(&customer.token()).await.is(200);
    let key = SigningKey::es256("k");
    let issuer = Issuer::start(&[&key]).await;
    let trusts = |jwks: String| {
        json!({"proof": {"kind": "trustedIssuer", "issuer": "https://i.test", "subject": "s",
            "audience": "a", "jwksUri": jwks}})
    };
    let gone = owner.post(&customer.tokens(), &trusts(format!("{}/gone", issuer.origin()))).await;
    let gone = format!("{}/{}", customer.tokens(), text(&gone.is(201).json(), "tokenId"));
    let broken = owner.get(&path).await.is(200).json();
    for name in ["status", "issuerKeys"] {
        let check = check(&broken, name);
        assert_eq!(check["outcome"], "fail", "{broken}");
        assert!(check["fix"].is_string() && check["detail"].is_string(), "{broken}");
    }
    owner.delete(&gone).await.is(200);
    let none = owner.get(&path).await.is(200).json();
    assert_eq!(check(&none, "credential")["outcome"], "fail", "{none}");
    owner.post(&customer.tokens(), &trusts(issuer.jwks_uri())).await.is(201);
    let mended = owner.get(&path).await.is(200).json();
    assert_eq!(check(&mended, "issuerKeys")["outcome"], "pass", "{mended}");
    for one in mended["checks"].as_array().expect("checks") {
        let wrong = one["outcome"] != "pass";
        assert_eq!(one["fix"].is_string(), wrong, "each that is wrong has a fix: {one}");
    }
}

async fn every_change_is_an_event_with_its_actor(server: &Server) {
    let customer = Customer::new(server).await;
    let Customer { owner, made, organization, .. } = &customer;
    let colleague = owner.post("/admin/keys", &json!({"name": "c", "role": "operator"})).await;
    let colleague = colleague.is(201).json();
    let actor = text(&colleague, "adminKeyId");
    let operator = owner.with(text(&colleague, "key"));
    operator.patch(organization, &json!({"name": fresh("Renamed")})).await.is(200);
    operator.patch(&made.path, &json!({"limits": {"pageMax": 7}})).await.is(200);
    operator.post(&format!("{}/schemas", made.path), &json!({"pack": "roles"})).await.is(200);
    let token = operator.post(&customer.tokens(), &json!({"name": "t"})).await.is(201).json();
    let token = format!("{}/{}", customer.tokens(), text(&token, "tokenId"));
    operator.act(&format!("{token}/rotation")).await.is(201);
    operator.post(&format!("{token}/rotation/finish"), &json!({"force": true})).await.is(200);
    operator.delete(&customer.token()).await.is(200);
    operator.delete(&format!("{}?people=keep", made.path)).await.is(202);
    let events = customer.events(server).await;
    let by_operator: Vec<&str> = events
        .iter()
        .filter(|event| event.actor == actor)
        .map(|event| event.action.as_str())
        .collect();
    let expect = [
        "organization.changed",
        "connection.changed",
        "connection.changed",
        "token.created",
        "token.rotation_started",
        "token.revoked",
        "token.rotation_finished",
        "token.revoked",
        "connection.removal_started",
    ];
    assert_eq!(by_operator, expect);
    let by_owner: Vec<&str> = events
        .iter()
        .filter(|event| event.actor != actor)
        .map(|event| event.action.as_str())
        .collect();
    assert_eq!(by_owner, ["organization.created", "connection.created", "token.created"]);
    let changed = events
        .iter()
        .find(|event| event.changes.contains_key("before") && event.action == "connection.changed");
    let told = Value::Object(changed.expect("a change").changes.clone());
    assert_eq!(told["after"]["limits"]["pageMax"], 7, "{told}");
    // Whoever only looked left nothing behind.
    let count = events.len();
    operator.get(&made.path).await.is(200);
    operator.patch(organization, &json!({"name": ""})).await.is(400);
    assert_eq!(customer.events(server).await.len(), count);
    // Admin keys of the server stand in its own log.
    let of_server = server.administered(None).await;
    let made = of_server.iter().find(|event| {
        event.action == "admin_key.created" && event.changes["after"]["adminKeyId"] == json!(actor)
    });
    assert!(made.is_some_and(|event| event.actor.starts_with("adm_")), "{of_server:?}");
}
