//! Nobody reads, changes or learns of what isn't theirs: every route with every wrong credential,
//! every place for an id with the id of somebody else.

mod protocol;

use rollcall_domain::{Caller, IdpKind};
use rollcall_tests::client::{PATCH, Request, SEARCH, bytes};
use rollcall_tests::data::{ENTERPRISE, GROUP, Names, USER, base};
use rollcall_tests::idp::{Idp, encoded};
use rollcall_tests::on_both_stores;
use rollcall_tests::routes::{NO_TRANSACTION, NOBODY, scim as routes};
use rollcall_tests::server::Server;
use rollcall_tests::wait::becomes;
use serde_json::{Value, json};

on_both_stores!(
    every_route_denies_whoever_has_no_token,
    a_token_opens_its_own_connection_alone,
    nobody_can_tell_which_connections_exist,
    a_revoked_token_ends,
    foreign_ids_in_paths_are_unknown_ids,
    foreign_ids_in_bodies_are_unknown_ids,
    foreign_ids_in_filters_find_nothing,
    pages_do_not_leak_into_each_other,
    health_is_open_and_tells_nothing,
);

fn request(method: &str, path: &str, body: &Value) -> Request {
    let request = Request::new(method, path);
    if body.is_null() { request } else { request.json(body) }
}

async fn filled(server: &Server) -> (Idp, Names) {
    let idp = server.idp(IdpKind::Generic).await;
    let names = base(&idp).await;
    (idp, names)
}

/// R-E-05, R-E-10, R-AUTH-06: the same 401 on every route, known or not.
async fn every_route_denies_whoever_has_no_token(server: &Server) {
    let (idp, _) = filled(server).await;
    let before = idp.get("/Users").await.json();
    let bare = idp.base.trim_end_matches("/v2");
    let garbage = format!("rct_{}", "A".repeat(43));
    let mut seen: Vec<(String, String)> = Vec::new();
    for root in [idp.base.as_str(), bare, "/scim/v2", "/scim"] {
        for (method, path, body) in routes() {
            let request = request(method, &format!("{root}{path}"), &body);
            for (who, request) in [
                ("nobody", request.clone()),
                ("garbage", request.clone().bearer(&garbage)),
                ("half a token", request.clone().bearer(&idp.token[..30])),
                ("a cookie", request.clone().header("cookie", format!("token={}", idp.token))),
            ] {
                let answer = idp.send(request).await;
                assert_eq!(answer.status, 401, "{who}: {answer}");
                assert!(answer.header("www-authenticate").is_some(), "{who}: {answer}");
                if method == "HEAD" {
                    continue;
                }
                match seen.iter().find(|(known, _)| known == who) {
                    None => seen.push((who.into(), bytes(&answer))),
                    Some((_, first)) => assert_eq!(&bytes(&answer), first, "{who}: {answer}"),
                }
            }
        }
    }
    assert_eq!(idp.get("/Users").await.json(), before);
}

/// R-TEN-02, R-TEN-04, R-E-02: another organization's path, another connection of the same
/// organization, and a path that leads nowhere are one.
async fn a_token_opens_its_own_connection_alone(server: &Server) {
    let (a, _) = filled(server).await;
    let organization = format!("Twins {NOBODY} {}", a.at.connection);
    let (b, theirs) = filled(server).await;
    let twin = server.idp_of(&organization, IdpKind::Okta).await;
    let other = server.idp_of(&organization, IdpKind::Okta).await;
    let user = theirs.id("u1");
    let before = b.get(&format!("/Users/{user}")).await.json();
    for (method, path, body) in routes() {
        let path = path.replace(NOBODY, user);
        let on = |base: &str, idp: &Idp| {
            request(method, &format!("{base}{path}"), &body).bearer(&idp.token)
        };
        let unknown = "/connections/conn_00000000000070008000000000000000/scim/v2";
        let nowhere = a.send(on(unknown, &a)).await;
        assert_eq!(nowhere.status, 404, "{nowhere}");
        for (base, idp) in [(&b.base, &a), (&other.base, &twin), (&a.base, &twin)] {
            let answer = a.send(on(base, idp)).await;
            assert_eq!(bytes(&answer), bytes(&nowhere), "{answer}");
        }
    }
    assert_eq!(b.get(&format!("/Users/{user}")).await.json(), before);
    assert_eq!(b.get("/Users").await.json()["totalResults"], 4);
    // The same bytes as a path outside of everything.
    let outside = a.send(Request::new("GET", "/nothing/here").bearer(&a.token)).await;
    let foreign = a.send(Request::new("GET", format!("{}/Users", b.base)).bearer(&a.token)).await;
    assert_eq!(bytes(&outside), bytes(&foreign));
}

/// R-ERR-05: without a token an existing connection is as good as none.
async fn nobody_can_tell_which_connections_exist(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let mut answers = Vec::new();
    for base in [
        idp.base.clone(),
        "/connections/conn_00000000000070008000000000000000/scim/v2".into(),
        "/connections/conn_x/scim/v2".into(),
        "/connections/%F0%9F%92%A9/scim/v2".into(),
        format!("/connections/{}/scim/v2", idp.at.organization),
    ] {
        answers.push(bytes(&idp.send(Request::new("GET", format!("{base}/Users"))).await));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
}

/// R-E-04: at once where the server has not seen it, within seconds where it has.
async fn a_revoked_token_ends(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let unseen = server.another_token(&idp).await;
    let seen = server.another_token(&idp).await;
    seen.get("/Users").await.is(200);
    for token in [&unseen, &seen] {
        let (at, id) = (idp.at.connection, token.token_id);
        let ended = server.admin().revoke(&Caller::CLI, at, id, None).await;
        ended.expect("it is revoked");
    }
    unseen.get("/Users").await.refused(401, "");
    becomes(401, async || seen.get("/Users").await).await;
    let revoked = seen.get("/Users").await;
    let garbage = Request::new("GET", format!("{}/Users", idp.base)).bearer("rct_garbage");
    assert_eq!(bytes(&revoked), bytes(&idp.send(garbage).await));
    // The first token goes on working.
    idp.get("/Users").await.is(200);
}

/// Sends the same requests with the id of somebody else's resource and with one that nobody has,
/// and asserts that nothing but the id differs.
async fn compare(a: &Idp, foreign: &str, requests: impl Fn(&str) -> Vec<Request>) {
    for (theirs, nobodys) in requests(foreign).into_iter().zip(requests(NOBODY)) {
        let theirs = a.send(theirs).await;
        let nobodys = a.send(nobodys).await;
        let expect = bytes(&nobodys).replace(NOBODY, foreign);
        assert_eq!(bytes(&theirs), expect, "{theirs}");
    }
}

async fn foreign_ids_in_paths_are_unknown_ids(server: &Server) {
    let (a, _) = filled(server).await;
    let (b, names) = filled(server).await;
    for (endpoint, schema, id) in
        [("/Users", USER, names.id("u1")), ("/Groups", GROUP, names.id("g1"))]
    {
        let before = b.get(&format!("{endpoint}/{id}")).await.json();
        compare(&a, id, |id| {
            let path = format!("{endpoint}/{id}");
            let body = json!({"schemas": [schema], "userName": "x", "displayName": "x"});
            let broken = json!({"schemas": [PATCH], "Operations": "broken"});
            let set = json!({"schemas": [PATCH], "Operations": [
                {"op": "replace", "path": "displayName", "value": "x"},
            ]});
            vec![
                a.request("GET", &path),
                a.request("GET", &format!("{path}?attributes=userName&filter=x")),
                a.request("GET", &path).header("if-none-match", "*"),
                a.request("PUT", &path).json(&body),
                a.request("PUT", &path).json(&body).header("if-match", "*"),
                a.request("PATCH", &path).json(&set),
                a.request("PATCH", &path).json(&broken),
                a.request("DELETE", &path),
                a.request("DELETE", &path).header("if-match", "W/\"1\""),
            ]
        })
        .await;
        assert_eq!(b.get(&format!("{endpoint}/{id}")).await.json(), before);
    }
}

async fn foreign_ids_in_bodies_are_unknown_ids(server: &Server) {
    let (a, own) = filled(server).await;
    let (b, names) = filled(server).await;
    let (user, group) = (format!("/Users/{}", own.id("u1")), format!("/Groups/{}", own.id("g1")));
    for foreign in [names.id("u1"), names.id("g1")] {
        let before = b.get("/Groups").await.json();
        compare(&a, foreign, |id| {
            let members = json!([{"value": id}]);
            let operation = |operation: Value| {
                let body = json!({"schemas": [PATCH], "Operations": [operation]});
                a.request("PATCH", &group).json(&body)
            };
            vec![
                a.request("POST", "/Groups")
                    .json(&json!({"schemas": [GROUP], "displayName": "G", "members": members})),
                a.request("PUT", &group)
                    .json(&json!({"schemas": [GROUP], "displayName": "G", "members": members})),
                operation(json!({"op": "add", "path": "members", "value": members})),
                operation(json!({"op": "replace", "path": "members", "value": members})),
                operation(json!({"op": "replace", "value": {"members": members}})),
                operation(json!({"op": "remove", "path": "members", "value": members})),
                operation(json!({"op": "remove", "path": format!("members[value eq \"{id}\"]")})),
            ]
        })
        .await;
        assert_eq!(b.get("/Groups").await.json(), before);
        assert_eq!(a.members(own.id("g1")).await.len(), 2);

        // A manager is a text that nothing looks up: whoever it names, nobody is reached by it.
        let path = format!("{ENTERPRISE}:manager");
        let set = json!({"op": "add", "path": path, "value": {"value": foreign}});
        let answer = a.patch(&user, set).await.is(200).json();
        let manager = &answer[ENTERPRISE]["manager"];
        assert!(manager.get("displayName").is_none(), "a foreign name: {answer}");
    }
}

async fn foreign_ids_in_filters_find_nothing(server: &Server) {
    let (a, _) = filled(server).await;
    let (_, names) = filled(server).await;
    for (endpoint, filter) in [
        ("/Users", "id eq \"{u1}\""),
        ("/Users", "id eq \"{u1}\" or id eq \"{u2}\""),
        ("/Users", "groups.value eq \"{g1}\""),
        (
            "/Users",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value eq \"{u3}\"",
        ),
        ("/Users", "manager eq \"{u3}\""),
        ("/Groups", "id eq \"{g1}\""),
        ("/Groups", "members.value eq \"{u1}\""),
        ("/Groups", "members[value eq \"{g2}\" and type eq \"Group\"]"),
        ("/Groups", "id eq \"{g1}\" and members eq \"{u1}\""),
    ] {
        let filter = names.fill(filter);
        let list = a.find(endpoint, &filter).await.is(200);
        assert_eq!(list.json()["totalResults"], 0, "{list}");
        assert!(list.ids().is_empty(), "{list}");
        let body = json!({"schemas": [SEARCH], "filter": filter});
        assert!(a.post(&format!("{endpoint}/.search"), &body).await.is(200).ids().is_empty());
    }
}

/// The place where a page ended is remembered for one connection and one token alone.
async fn pages_do_not_leak_into_each_other(server: &Server) {
    let (a, b) = (server.idp(IdpKind::Okta).await, server.idp(IdpKind::Okta).await);
    let (mut of_a, mut of_b) = (Vec::new(), Vec::new());
    for n in 0..7 {
        of_a.push(a.user(&format!("u{n}")).await);
        if n < 5 {
            of_b.push(b.user(&format!("u{n}")).await);
        }
    }
    let (mut from_a, mut from_b) = (Vec::new(), Vec::new());
    for start in [1, 3, 5, 7] {
        let path =
            format!("/Users?filter={}&startIndex={start}&count=2", encoded("userName sw \"u\""));
        let (page_of_a, page_of_b) = (a.get(&path).await.is(200), b.get(&path).await.is(200));
        assert_eq!(page_of_a.json()["totalResults"], 7);
        assert_eq!(page_of_b.json()["totalResults"], 5);
        from_a.extend(page_of_a.ids());
        from_b.extend(page_of_b.ids());
    }
    assert_eq!((from_a, from_b), (of_a, of_b));
}

/// R-E-13: what is open needs no token and names nobody.
async fn health_is_open_and_tells_nothing(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    idp.user("very-special-name").await;
    for path in ["/healthz", "/readyz"] {
        let answer = server.client.send(Request::new("GET", path)).await.is(200);
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(!text.contains("Organization") && !text.contains("conn_"), "{text}");
    }
}
