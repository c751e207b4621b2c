//! The protocol vectors over HTTP: creation, lists, conditional requests, discovery, credentials.

mod bulk;
mod cursor;
mod limits;

use std::collections::BTreeSet;

use futures_util::future::join_all;
use rollcall_domain::{IdpKind, NewToken};
use rollcall_tests::client::{LIST, PATCH, Request, SCIM_JSON, SEARCH};
use rollcall_tests::data::{ENTERPRISE, GROUP, Names, USER, base};
use rollcall_tests::idp::{Idp, encoded};
use rollcall_tests::on_both_stores;
use rollcall_tests::server::{PUBLIC_URL, Server};
use serde_json::{Value, json};

on_both_stores!(
    x01_user_names_are_unique_in_any_case,
    x02_a_user_needs_a_name,
    x03_broken_json_is_invalid_syntax,
    x04_what_the_server_owns_is_ignored,
    x05_a_deleted_users_name_is_free,
    x06_passwords_never_come_back,
    x07_the_last_primary_wins,
    x08_fifty_parallel_posts_make_one_user,
    x09_a_created_user_is_projected,
    x10_an_unknown_id_is_not_found,
    x11_an_unknown_path_is_not_found,
    x12_to_x17_pages,
    x18_unknown_parameters_are_ignored,
    x19_attributes_and_excluded_attributes_exclude_each_other,
    x20_to_x22_projections,
    x23_to_x24_sorting,
    x30_to_x31_searches,
    x32_to_x34_replacing,
    x35_to_x36_conditional_requests,
    x37_a_deleted_user_is_gone_everywhere,
    x44_to_x46_discovery,
    discovery_is_complete_and_honest,
    x47_and_x60_no_valid_token,
    x48_a_token_that_may_only_read,
    x49_a_token_on_another_connection,
    x50_to_x51_media_types,
    x52_other_versions,
    x53_me_needs_a_person,
    what_discovery_denies_is_refused,
    x55_ten_thousand_brackets,
    x56_plus_signs,
    x57_an_external_id_is_no_internal_id,
    x58_the_year_one,
    x59_the_name_is_taken_whatever_the_mail_looks_like,
    x61_a_value_path_among_attributes,
    methods_that_no_route_has,
    urls_as_people_paste_them,
);

#[test]
fn every_row_is_tested() {
    let number = |word: &str| word.trim_start_matches('x').parse::<u32>().ok();
    let mut rows: BTreeSet<u32> = BTreeSet::new();
    let sources = [
        include_str!("main.rs"),
        include_str!("bulk.rs"),
        include_str!("cursor.rs"),
        include_str!("limits.rs"),
    ];
    let lines = sources.iter().flat_map(|source| source.lines());
    for name in lines.filter_map(|line| line.strip_prefix("async fn x")) {
        let words: Vec<&str> = name.split(['_', '(']).collect();
        let numbers: Vec<u32> = words.iter().filter_map(|word| number(word)).collect();
        match numbers.as_slice() {
            [from, to] if words.contains(&"to") => rows.extend(*from..=*to),
            some => rows.extend(some),
        }
    }
    assert_eq!(rows, (1..=62).collect());
}

async fn filled(server: &Server) -> (Idp, Names) {
    let idp = server.idp(IdpKind::Generic).await;
    let names = base(&idp).await;
    (idp, names)
}

fn user(name: &str) -> Value {
    json!({"schemas": [USER], "userName": name})
}

/// The names of the resources of a list, in its order.
fn order(names: &Names, ids: &[String]) -> String {
    ids.iter().map(|id| names.name(id)).collect::<Vec<_>>().join(" ")
}

async fn x01_user_names_are_unique_in_any_case(server: &Server) {
    let (idp, _) = filled(server).await;
    idp.post("/Users", &user("JSMITH")).await.refused(409, "uniqueness");
    idp.post("/Users", &user("MU\u{308}LLER")).await.refused(409, "uniqueness");
}

async fn x02_a_user_needs_a_name(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let detail = idp
        .post("/Users", &json!({"schemas": [USER], "displayName": "Ada"}))
        .await
        .refused(400, "invalidValue");
    assert!(detail.contains("userName"), "{detail}");
    let group = json!({"schemas": [GROUP], "externalId": "g"});
    let detail = idp.post("/Groups", &group).await.refused(400, "invalidValue");
    assert!(detail.contains("displayName"), "{detail}");
}

async fn x03_broken_json_is_invalid_syntax(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    for body in ["{bad", "", "[]", "\"x\"", "null", "5", "{\"userName\": \"a\"} trailing"] {
        let request = idp.request("POST", "/Users").header("content-type", SCIM_JSON).body(body);
        idp.send(request).await.refused(400, "invalidSyntax");
    }
}

/// R-POST-02, R-COMMON-01, R-COMMON-03.
async fn x04_what_the_server_owns_is_ignored(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let body = json!({
        "schemas": [USER], "userName": "ada", "id": "mine", "meta": "nonsense",
        "groups": [{"value": "g"}],
    });
    let answer = idp.post("/Users", &body).await.is(201);
    let made = answer.json();
    assert_ne!(made["id"], "mine");
    assert_eq!(made["groups"], Value::Null);
    assert_eq!(made["meta"]["resourceType"], "User");
    assert_eq!(made["meta"]["created"], made["meta"]["lastModified"]);
    let location = format!("{PUBLIC_URL}{}/Users/{}", idp.base, answer.id());
    assert_eq!(answer.header("location"), Some(location.as_str()), "{answer}");
    assert_eq!(idp.get(&format!("/Users/{}", answer.id())).await.is(200).json(), made);
}

async fn x05_a_deleted_users_name_is_free(server: &Server) {
    let (idp, names) = filled(server).await;
    idp.delete(&format!("/Users/{}", names.id("u2"))).await.is(204);
    let again = idp.user("jsmith").await;
    assert_ne!(again, names.id("u2"));
}

/// R-RES-06, R-RES-07; the client looks for `password` in every answer.
async fn x06_passwords_never_come_back(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let mut body = user("ada");
    body["password"] = json!("correct horse");
    let made = idp.post("/Users", &body).await.is(201);
    let path = format!("/Users/{}", made.id());
    for answer in [
        idp.get(&path).await,
        idp.get(&format!("{path}?attributes=password,userName")).await,
        idp.put(&path, &body).await,
        idp.patch(&path, json!({"op": "replace", "value": {"password": "p2"}})).await,
        idp.patch(&path, json!({"op": "add", "path": "password", "value": "p3"})).await,
    ] {
        let text = String::from_utf8_lossy(&answer.is(200).body).into_owned();
        assert!(!text.contains("correct horse"), "{text}");
    }
    idp.get("/Users?sortBy=password").await.refused(400, "invalidValue");
}

async fn x07_the_last_primary_wins(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let mut body = user("ada");
    body["emails"] =
        json!([{"value": "a@x.io", "primary": true}, {"value": "b@x.io", "primary": true}]);
    let made = idp.post("/Users", &body).await.is(201).json();
    let primary = |mail: &&Value| mail["primary"] == true;
    let mails: Vec<&Value> =
        made["emails"].as_array().into_iter().flatten().filter(primary).collect();
    assert_eq!(mails, [&json!({"value": "b@x.io", "primary": true})]);
}

/// R-POST-08, R-E-19.
async fn x08_fifty_parallel_posts_make_one_user(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let body = user("Ada");
    let answers = join_all((0..50).map(|_| idp.post("/Users", &body))).await;
    let mut made: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    made.sort_unstable();
    assert_eq!(made[0], 201);
    assert_eq!(made[1..], [409; 49]);
    assert_eq!(idp.find("/Users", "userName eq \"ada\"").await.ids().len(), 1);
}

async fn x09_a_created_user_is_projected(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let answer = idp.post("/Users?attributes=userName", &user("ada")).await.is(201);
    assert_eq!(answer.json(), json!({"schemas": [USER], "id": answer.id(), "userName": "ada"}));
    assert!(answer.header("location").is_some());
}

async fn x10_an_unknown_id_is_not_found(server: &Server) {
    let (idp, names) = filled(server).await;
    for id in ["none", "00919288221112222", &names.id("u1").to_uppercase(), names.id("g1")] {
        idp.get(&format!("/Users/{id}")).await.refused(404, "");
    }
}

async fn x11_an_unknown_path_is_not_found(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    for path in ["/Nope", "/Nope/x", "/Users/a/b", "/Users.scim"] {
        idp.get(path).await.refused(404, "");
    }
}

async fn x12_to_x17_pages(server: &Server) {
    let (idp, names) = filled(server).await;
    for (query, total, start, ids) in [
        ("", 4, 1, "u1 u2 u3 u4"),
        ("?count=0", 4, 1, ""),
        ("?count=-5", 4, 1, ""),
        ("?startIndex=0&count=2", 4, 1, "u1 u2"),
        ("?startindex=-7&COUNT=2", 4, 1, "u1 u2"),
        ("?startIndex=3&count=2", 4, 3, "u3 u4"),
        ("?startIndex=9", 4, 9, ""),
        ("?count=100000", 4, 1, "u1 u2 u3 u4"),
        ("?count=99999999999999999999999", 4, 1, "u1 u2 u3 u4"),
        ("?count=", 4, 1, "u1 u2 u3 u4"),
        ("?filter=active%20eq%20true&count=1", 2, 1, "u1"),
        ("?filter=active%20eq%20true&count=0", 2, 1, ""),
    ] {
        let answer = idp.get(&format!("/Users{query}")).await.is(200);
        let list = answer.json();
        assert_eq!(list["schemas"], json!([LIST]), "{answer}");
        assert_eq!(list["totalResults"], json!(total), "{answer}");
        assert_eq!(list["startIndex"], json!(start), "{answer}");
        assert_eq!(order(&names, &answer.ids()), ids, "{answer}");
        assert_eq!(list["itemsPerPage"], json!(answer.ids().len()), "{answer}");
    }
    let far = idp.get("/Users?startIndex=99999999999999999999999").await.is(200);
    assert_eq!((far.ids().len(), &far.json()["totalResults"]), (0, &json!(4)), "{far}");
    for query in ["count=abc", "startIndex=abc", "count=1.5", "startIndex=1e3"] {
        idp.get(&format!("/Users?{query}")).await.refused(400, "invalidValue");
    }
}

async fn x18_unknown_parameters_are_ignored(server: &Server) {
    let (idp, _) = filled(server).await;
    let answer = idp.get("/Users?foo=1&aadOptscim062020").await.is(200);
    assert_eq!(answer.ids().len(), 4);
}

async fn x19_attributes_and_excluded_attributes_exclude_each_other(server: &Server) {
    let (idp, names) = filled(server).await;
    let both = "attributes=userName&excludedAttributes=name";
    idp.get(&format!("/Users?{both}")).await.refused(400, "invalidValue");
    let one = format!("/Users/{}?{both}", names.id("u1"));
    idp.get(&one).await.refused(400, "invalidValue");
    // Nothing is written when the answer can't be given.
    idp.patch(&one, json!({"op": "remove", "path": "title"})).await.refused(400, "invalidValue");
    idp.post(&format!("/Users?{both}"), &user("ada")).await.refused(400, "invalidValue");
    assert!(idp.find("/Users", "userName eq \"ada\"").await.ids().is_empty());
}

async fn x20_to_x22_projections(server: &Server) {
    let (idp, names) = filled(server).await;
    let u1 = format!("/Users/{}", names.id("u1"));
    let shown = idp.get(&format!("{u1}?excludedAttributes=id,schemas,userName")).await.json();
    assert_eq!(shown["id"], names.id("u1"));
    assert!(
        shown["schemas"].is_array() && shown["userName"].is_null() && shown["title"].is_string()
    );

    let shown = idp.get(&format!("{u1}?attributes=emails.value")).await.is(200).json();
    let mails = json!([{"value": "bjensen@example.com"}, {"value": "babs@jensen.org"}]);
    assert_eq!(shown["emails"], mails);
    assert!(shown["userName"].is_null() && shown["meta"].is_null(), "{shown}");

    let shown = idp.get(&format!("{u1}?attributes={ENTERPRISE}:department")).await.is(200).json();
    assert_eq!(shown[ENTERPRISE], json!({"department": "Sales"}));

    let groups = idp.get("/Groups?excludedAttributes=members").await.is(200);
    for group in groups.resources() {
        assert!(group.get("members").is_none() && group["displayName"].is_string(), "{group}");
    }
    let groups = idp.get("/Groups").await.is(200).resources();
    let lengths = groups.iter().map(|group| group["members"].as_array().map_or(0, Vec::len));
    assert_eq!(lengths.sum::<usize>(), 3);
}

async fn x23_to_x24_sorting(server: &Server) {
    let (idp, names) = filled(server).await;
    for (query, expect) in [
        ("sortBy=title", "u1 u2 u3 u4"),
        ("sortBy=emails.value", "u1 u4 u2 u3"),
        ("sortBy=emails", "u1 u4 u2 u3"),
        ("sortBy=userName", "u4 u1 u2 u3"),
        ("sortBy=userName&sortOrder=descending", "u3 u2 u1 u4"),
        ("sortBy=meta.lastModified&sortOrder=ascending", "u3 u1 u4 u2"),
        ("sortOrder=descending", "u1 u2 u3 u4"),
        ("sortBy=userName&startIndex=2&count=2", "u1 u2"),
    ] {
        let answer = idp.get(&format!("/Users?{query}")).await.is(200);
        assert_eq!(order(&names, &answer.ids()), expect, "{answer}");
    }
    // R-SORT-04: who has no title comes first.
    let ids = idp.get("/Users?sortBy=title&sortOrder=descending").await.is(200).ids();
    assert_eq!(order(&names, &ids[3..]), "u1");
    idp.get("/Users?sortBy=title&sortOrder=sideways").await.refused(400, "invalidValue");
    assert_eq!(idp.get("/Users?sortBy=nope").await.is(200).ids().len(), 4);
}

async fn x30_to_x31_searches(server: &Server) {
    let (idp, names) = filled(server).await;
    let search = json!({
        "schemas": [SEARCH], "filter": "emails pr", "count": 1, "startIndex": 2,
        "sortBy": "userName", "sortOrder": "descending", "attributes": ["userName"],
    });
    let answer = idp.post("/Users/.search", &search).await.is(200);
    let list = answer.json();
    assert_eq!(list["schemas"], json!([LIST]));
    assert_eq!((&list["totalResults"], &list["startIndex"]), (&json!(3), &json!(2)));
    assert_eq!(order(&names, &answer.ids()), "u1");
    assert!(list["Resources"][0]["emails"].is_null(), "{list}");

    let text = json!({"schemas": [SEARCH], "excludedAttributes": "members,displayName"});
    let groups = idp.post("/Groups/.search", &text).await.is(200).resources();
    assert!(groups.iter().all(|group| group.get("displayName").is_none()), "{groups:?}");

    for body in [json!({"count": 1}), json!({"schemas": [LIST]}), json!({"schemas": SEARCH})] {
        idp.post("/Users/.search", &body).await.refused(400, "invalidSyntax");
    }
    // R-SEARCH-02, R-GET-06: the root searches all types.
    let search = json!({"schemas": [SEARCH], "filter": "displayName sw \"S\"", "count": 1});
    let answer = idp.post("/.search", &search).await.is(200);
    assert_eq!(
        (order(&names, &answer.ids()), &answer.json()["totalResults"]),
        ("u3".into(), &json!(2))
    );
    for path in ["", "/"] {
        let all = idp.get(path).await.is(200);
        assert_eq!(all.json()["totalResults"], 7);
        let kinds: Vec<Value> =
            all.resources().iter().map(|r| r["meta"]["resourceType"].clone()).collect();
        assert_eq!(kinds, ["User", "User", "User", "User", "Group", "Group", "Group"]);
    }
    for body in [json!({"count": 1}), json!({"schemas": [LIST]})] {
        idp.post("/.search", &body).await.refused(400, "invalidSyntax");
    }
    // R-SEARCH-06: the body wins.
    let body = json!({"schemas": [SEARCH], "count": 2});
    let answer = idp.post("/Users/.search?count=1", &body).await.is(200);
    assert_eq!(answer.ids().len(), 2);
}

async fn x32_to_x34_replacing(server: &Server) {
    let (idp, names) = filled(server).await;
    idp.put("/Users/none", &user("ada")).await.refused(404, "");
    let path = format!("/Users/{}", names.id("u1"));
    idp.put(&path, &json!({"schemas": [USER], "title": "x"})).await.refused(400, "invalidValue");

    let before = idp.get(&path).await.json();
    let answer = idp.put(&path, &user("bjensen@Example.com")).await.is(200);
    let after = answer.json();
    assert_eq!(after, idp.get(&path).await.json());
    for gone in ["title", "emails", "name", "displayName", "userType", "externalId", ENTERPRISE] {
        assert!(after.get(gone).is_none(), "`{gone}` is left: {after}");
    }
    assert_eq!((&after["active"], &after["schemas"]), (&json!(true), &json!([USER])));
    assert_eq!(after["meta"]["created"], before["meta"]["created"]);
    assert_ne!(after["meta"]["version"], before["meta"]["version"]);

    // R-PUT-10: the same again moves nothing.
    let again = idp.put(&path, &after).await.is(200).json();
    assert_eq!(again, after);
    idp.put(&path, &user("JSmith")).await.refused(409, "uniqueness");
    // R-PUT-11.
    let group = format!("/Groups/{}", names.id("g1"));
    let body = json!({"schemas": [GROUP], "displayName": "Tour Guides"});
    assert!(idp.put(&group, &body).await.is(200).json().get("members").is_none());
}

/// R-ETAG-02 to R-ETAG-07.
async fn x35_to_x36_conditional_requests(server: &Server) {
    let (idp, names) = filled(server).await;
    let path = format!("/Users/{}", names.id("u1"));
    let before = idp.get(&path).await.is(200);
    let tag = before.header("etag").expect("resources have tags").to_owned();
    let stale = [
        idp.request("PUT", &path).json(&user("bjensen@Example.com")),
        idp.request("PATCH", &path).json(&json!({
            "schemas": [PATCH], "Operations": [{"op": "remove", "path": "title"}],
        })),
        idp.request("DELETE", &path),
    ];
    for request in stale {
        idp.send(request.header("if-match", "W/\"stale\"")).await.refused(412, "");
        assert_eq!(idp.get(&path).await.json(), before.json());
    }
    for (header, status) in
        [(tag.as_str(), 304), (tag.trim_start_matches("W/"), 304), ("*", 304), ("W/\"x\"", 200)]
    {
        let request = idp.request("GET", &path).header("if-none-match", header);
        let answer = idp.send(request).await.is(status);
        assert_eq!(answer.header("etag"), Some(tag.as_str()));
    }
    let patch = |value: &str, header: &str| {
        let operation = json!({"op": "replace", "path": "title", "value": value});
        let body = json!({"schemas": [PATCH], "Operations": [operation]});
        idp.request("PATCH", &path).json(&body).header("if-match", header)
    };
    let changed = idp.send(patch("A", &format!("W/\"x\", {tag}"))).await.is(200);
    let tag = changed.header("etag").expect("resources have tags").to_owned();
    // R-ETAG-04: what is behind `W/` is compared.
    let changed = idp.send(patch("B", tag.trim_start_matches("W/"))).await.is(200);
    idp.send(patch("C", "*")).await.is(200);
    let old = changed.header("etag").expect("resources have tags");
    idp.send(patch("D", old)).await.refused(412, "");
    assert_eq!(idp.get(&path).await.json()["title"], "C");
}

/// R-DEL-01 to R-DEL-06, R-RES-03.
async fn x37_a_deleted_user_is_gone_everywhere(server: &Server) {
    let (idp, names) = filled(server).await;
    let path = format!("/Users/{}", names.id("u2"));
    let group = idp.get(&format!("/Groups/{}", names.id("g2"))).await.json();
    idp.delete(&path).await.is(204);
    idp.get(&path).await.refused(404, "");
    idp.patch(&path, json!({"op": "remove", "path": "title"})).await.refused(404, "");
    idp.put(&path, &user("jsmith")).await.refused(404, "");
    idp.delete(&path).await.refused(404, "");
    let after = idp.get(&format!("/Groups/{}", names.id("g2"))).await.json();
    assert!(after.get("members").is_none(), "{after}");
    assert_ne!(after["meta"]["version"], group["meta"]["version"], "R-ETAG-09");
    assert_eq!(idp.get("/Users").await.json()["totalResults"], 3);
    assert!(idp.find("/Users", "userName eq \"jsmith\"").await.ids().is_empty());
    let gone = names.fill("members.value eq \"{u2}\"");
    assert!(idp.find("/Groups", &gone).await.ids().is_empty());
    idp.delete("/Users").await.refused(405, "");
}

async fn x44_to_x46_discovery(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    for path in ["/Schemas", "/ResourceTypes", "/ServiceProviderConfig"] {
        idp.get(&format!("{path}?filter=id%20eq%20%22x%22")).await.refused(403, "");
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            let answer = idp.send(idp.request(method, path).json(&json!({}))).await;
            answer.refused(405, "");
            assert_eq!(allowed(answer.header("allow")), ["GET", "HEAD"], "{answer}");
        }
        let same = idp.get(&format!("{path}?count=1&sortBy=id&attributes=id")).await.is(200);
        assert_eq!(same.json(), idp.get(path).await.json(), "R-DISC-02");
    }
    for (path, id) in [
        (format!("/Schemas/{USER}"), USER),
        (format!("/Schemas/{}", encoded(USER)), USER),
        (format!("/Schemas/{}", ENTERPRISE.to_uppercase()), ENTERPRISE),
        ("/ResourceTypes/User".into(), "User"),
        ("/ResourceTypes/Group".into(), "Group"),
    ] {
        assert_eq!(idp.get(&path).await.is(200).json()["id"], id, "{path}");
    }
    for path in ["/Schemas/urn:none", "/ResourceTypes/None", "/ServiceProviderConfig/x"] {
        idp.get(path).await.refused(404, "");
    }
}

fn allowed(header: Option<&str>) -> Vec<&str> {
    let mut methods: Vec<&str> =
        header.unwrap_or_default().split(',').map(str::trim).filter(|m| *m != "OPTIONS").collect();
    methods.sort_unstable();
    methods
}

/// R-DISC-01, R-DISC-04, R-DISC-08, R-FILTER-30.
async fn discovery_is_complete_and_honest(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    for (path, expect) in
        [("/Schemas", vec![USER, ENTERPRISE, GROUP]), ("/ResourceTypes", vec!["User", "Group"])]
    {
        let answer = idp.get(path).await.is(200);
        let list = answer.json();
        for id in &expect {
            assert!(answer.ids().iter().any(|known| known == id), "{id} is missing: {answer}");
        }
        assert_eq!(list["totalResults"], json!(answer.ids().len()));
        for item in answer.resources() {
            assert!(item["schemas"].is_array() && item["meta"]["resourceType"].is_string());
            let location = item["meta"]["location"].as_str().unwrap_or_default();
            let below = format!("{PUBLIC_URL}{}{path}/", idp.base);
            assert!(location.starts_with(&below), "{location}");
        }
    }
    let config = idp.get("/ServiceProviderConfig").await.is(200).json();
    let supported = |name: &str| config[name]["supported"].clone();
    for name in ["patch", "filter", "sort", "etag", "bulk"] {
        assert_eq!(supported(name), true, "{name}");
    }
    assert_eq!(supported("changePassword"), false);
    assert_eq!(config["filter"]["maxResults"], 1000);
    assert_eq!(config["bulk"]["maxOperations"], 5000);
    assert_eq!(config["bulk"]["maxPayloadSize"], 10 * 1024 * 1024);
    // R-CUR-07, R-CUR-11.
    let pagination = json!({
        "cursor": true, "index": true, "defaultPaginationMethod": "index",
        "defaultPageSize": 100, "maxPageSize": 1000, "cursorTimeout": 3600,
    });
    assert_eq!(config["pagination"], pagination);
    assert_eq!(config["authenticationSchemes"][0]["type"], "oauthbearertoken");
}

/// R-AUTH-06, R-ERR-08, R-E-10: 401 says how to do better, and never which token was close.
async fn x47_and_x60_no_valid_token(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let users = format!("{}/Users", idp.base);
    let with = |value: &str| Request::new("GET", &users).header("authorization", value);
    let requests = [
        Request::new("GET", &users),
        with("non-token").header("content-type", SCIM_JSON).header("accept-charset", "utf-8"),
        with("Bearer"),
        with("Bearer "),
        with("Bearer   \t"),
        with("Bearer garbage"),
        with(&format!("Bearer {}x", idp.token)),
        with("Basic YWRhOnNlY3JldA=="),
        with("Bearer a").header("authorization", "Bearer b"),
    ];
    for request in requests {
        let answer = idp.send(request).await;
        answer.refused(401, "");
        let challenge = answer.header("www-authenticate").unwrap_or_default();
        assert!(challenge.starts_with("Bearer"), "{answer}");
    }
    // The scheme's name is case-insensitive (RFC 9110 §11.1).
    idp.send(with(&format!("bearer {}", idp.token))).await.is(200);
}

/// R-AUTH-05, R-AUTH-06.
async fn x48_a_token_that_may_only_read(server: &Server) {
    let (idp, names) = filled(server).await;
    let scopes = "users.read groups.read".parse().expect("scopes");
    let reads = NewToken { scopes: Some(scopes), ..NewToken::default() };
    let reader = server.token_like(&idp, reads).await;
    reader.get("/Users").await.is(200);
    reader.get(&format!("/Groups/{}", names.id("g1"))).await.is(200);
    let refused = reader.post("/Users", &user("new")).await;
    refused.refused(403, "");
    let challenge = refused.header("www-authenticate").unwrap_or_default();
    assert!(challenge.contains("insufficient_scope"), "{refused}");
    let path = format!("/Users/{}", names.id("u1"));
    reader.put(&path, &user("new")).await.refused(403, "");
    reader.delete(&path).await.refused(403, "");
    assert_eq!(idp.get("/Users").await.json()["totalResults"], 4);
}

async fn x49_a_token_on_another_connection(server: &Server) {
    let (a, _) = filled(server).await;
    let (b, theirs) = filled(server).await;
    let user = theirs.id("u1");
    a.get(&format!("/Users/{user}")).await.refused(404, "");
    let across = Request::new("GET", format!("{}/Users/{user}", b.base)).bearer(&a.token);
    a.send(across).await.refused(404, "");
    // By token alone.
    let alone = |idp: &Idp, path: String| Request::new("GET", path).bearer(&idp.token);
    let own = format!("/scim/v2/Users/{user}");
    a.send(alone(&a, own.clone())).await.refused(404, "");
    assert_eq!(b.send(alone(&b, own)).await.is(200).id(), user);
}

/// R-POST-12, R-HTTP-02, R-HTTP-03.
async fn x50_to_x51_media_types(server: &Server) {
    let (idp, names) = filled(server).await;
    let path = format!("/Users/{}", names.id("u1"));
    for accept in ["application/json", SCIM_JSON, "*/*", "application/scim+json;q=0.9, text/html"] {
        idp.send(idp.request("GET", &path).header("accept", accept)).await.is(200);
    }
    let entra = idp.send(idp.request("GET", &path).header("accept", SCIM_JSON)).await;
    assert!(entra.header("content-type").is_some_and(|kind| kind.starts_with(SCIM_JSON)));

    let post = |kind: &str, name: &str| {
        idp.request("POST", "/Users").header("content-type", kind).body(user(name).to_string())
    };
    for kind in ["text/xml", "text/plain", "application/x-www-form-urlencoded", "multipart/x"] {
        idp.send(post(kind, "refused")).await.refused(415, "");
    }
    assert!(idp.find("/Users", "userName eq \"refused\"").await.ids().is_empty());
    for kind in [
        "application/json",
        "application/scim+json; charset=utf-8",
        "Application/JSON;charset=UTF-8",
    ] {
        idp.send(post(kind, kind)).await.is(201);
    }
    let bare = idp.request("POST", "/Users").body(user("bare").to_string());
    idp.send(bare).await.is(201);
    idp.send(idp.request("DELETE", &path).header("content-type", "text/xml")).await.is(204);
}

/// R-HTTP-05.
async fn x52_other_versions(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let root = idp.base.trim_end_matches("/v2");
    let get = |path: String| Request::new("GET", path).bearer(&idp.token);
    idp.send(get(format!("{root}/Users"))).await.is(200);
    for version in ["v3", "v1"] {
        let answer = idp.send(get(format!("{root}/{version}/Users"))).await;
        assert!(answer.status == 404 || answer.json()["scimType"] == "invalidVers", "{answer}");
    }
}

/// R-ME-02.
async fn x53_me_needs_a_person(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
        idp.send(idp.request(method, "/Me").json(&user("me"))).await.refused(501, "");
    }
    // R-ME-01: a user's own token is answered as the user's own URL is.
    let id = idp.user("ada").await;
    let ada = server.user_of(&idp, "ADA").await;
    let me = ada.get("/Me").await.is(200);
    assert_eq!(me.json(), idp.get(&format!("/Users/{id}")).await.json());
    let location = format!("{PUBLIC_URL}{}/Users/{id}", idp.base);
    assert_eq!(me.header("location"), Some(location.as_str()), "{me}");
    // R-ME-03.
    let roles = json!({"op": "add", "path": "roles", "value": [{"value": "admin"}]});
    ada.patch("/Me", roles).await.refused(403, "");
    let nick = json!({"op": "add", "path": "nickName", "value": "Countess"});
    assert_eq!(ada.patch("/Me", nick).await.is(200).json()["nickName"], "Countess");
}

/// R-DISC-09, R-GET-08: what is switched off says so, in discovery and by its refusal.
async fn what_discovery_denies_is_refused(server: &Server) {
    let off = json!({"capabilities": {"bulk": false, "patch": false, "cursor": false,
        "filter": false, "etag": false, "sort": false}});
    let idp = server.idp_with(IdpKind::Generic, off).await;
    let id = idp.user("ada").await;
    let config = idp.get("/ServiceProviderConfig").await.is(200).json();
    for name in ["bulk", "patch", "filter", "etag", "sort"] {
        assert_eq!(config[name]["supported"], false, "{name}");
    }
    assert_eq!(config["pagination"]["cursor"], false);
    idp.bulk(json!([])).await.refused(501, "");
    let title = json!({"op": "add", "path": "title", "value": "x"});
    idp.patch(&format!("/Users/{id}"), title).await.refused(501, "");
    idp.find("/Users", "userName eq \"ada\"").await.refused(400, "invalidFilter");
    idp.get("/Users?cursor&count=1").await.refused(400, "invalidValue");
    let read = idp.get(&format!("/Users/{id}")).await.is(200);
    assert!(read.header("etag").is_none() && read.json()["meta"]["version"].is_null(), "{read}");
    assert_eq!(idp.get("/Users?sortBy=userName").await.is(200).ids(), [id]);
}

async fn x55_ten_thousand_brackets(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let nested = "(".repeat(10_000);
    idp.get(&format!("/Users?filter={nested}")).await.refused(400, "invalidFilter");
    for filter in [nested.clone(), format!("{nested}userName pr{}", ")".repeat(10_000))] {
        let body = json!({"schemas": [SEARCH], "filter": filter});
        idp.post("/Users/.search", &body).await.refused(400, "invalidFilter");
    }
    let many = vec!["userName pr"; 201].join(" or ");
    idp.find("/Users", &many).await.refused(400, "invalidFilter");
    // What is within the bounds is answered.
    let fine = format!("{}userName pr{}", "(".repeat(20), ")".repeat(20));
    idp.find("/Users", &fine).await.is(200);
}

/// R-FILTER-23.
async fn x56_plus_signs(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let id = idp.user("a+b@x").await;
    for query in [
        "userName%20eq%20%22a%2Bb@x%22",
        "userName+eq+%22a%2Bb@x%22",
        "userName%20eq%20%22a+b@x%22",
    ] {
        let found = idp.get(&format!("/Users?filter={query}")).await.is(200).ids();
        assert_eq!(found, [id.as_str()], "{query}");
    }
}

/// R-E-01.
async fn x57_an_external_id_is_no_internal_id(server: &Server) {
    let (idp, names) = filled(server).await;
    let before = idp.get("/Users").await.resources();
    let tokens = idp.token_id.to_string();
    let connection = idp.at.connection.to_string();
    for (at, external) in
        ["1", "0", "-1", names.id("u1"), &tokens, &connection].into_iter().enumerate()
    {
        let mut body = user(&format!("fresh-{at}"));
        body["externalId"] = json!(external);
        let made = idp.post("/Users", &body).await.is(201);
        assert_eq!(made.json()["externalId"], external);
        assert!(before.iter().all(|known| known["id"] != json!(made.id())));
        if external.len() < 30 {
            idp.get(&format!("/Users/{external}")).await.refused(404, "");
        }
    }
    assert_eq!(idp.get("/Users").await.resources()[..4], before[..]);
}

async fn x58_the_year_one(server: &Server) {
    let (idp, names) = filled(server).await;
    let filter = "meta.lastModified ge \"0001-01-03T00:00:00.0000000Z\"";
    let ids = idp.find("/Users", filter).await.is(200).ids();
    assert_eq!(order(&names, &ids), "u1 u2 u3 u4");
}

/// R-POST-13.
async fn x59_the_name_is_taken_whatever_the_mail_looks_like(server: &Server) {
    let (idp, _) = filled(server).await;
    let mut body = user("jsmith");
    body["emails"] = json!([{"value": "not-an-address"}]);
    idp.post("/Users", &body).await.refused(409, "uniqueness");
}

async fn x61_a_value_path_among_attributes(server: &Server) {
    let (idp, names) = filled(server).await;
    let wanted = encoded("emails[type eq \"work\"],title");
    let shown = idp.get(&format!("/Users/{}?attributes={wanted}", names.id("u1"))).await.is(200);
    assert!(shown.json()["emails"].is_array() && shown.json()["title"] == "Manager", "{shown}");
}

/// R-HTTP-09, R-POST-09, R-GET-09.
async fn methods_that_no_route_has(server: &Server) {
    let (idp, names) = filled(server).await;
    let one = format!("/Users/{}", names.id("u1"));
    for (method, path, allow) in [
        ("POST", one.as_str(), "DELETE GET HEAD PATCH PUT"),
        ("PUT", "/Users", "GET HEAD POST"),
        ("PATCH", "/Groups", "GET HEAD POST"),
        ("GET", "/Users/.search", "POST"),
        ("TRACE", "/Users", "GET HEAD POST"),
        ("PURGE", "/Users", "GET HEAD POST"),
    ] {
        let answer = idp.send(idp.request(method, path)).await;
        answer.refused(405, "");
        assert_eq!(allowed(answer.header("allow")).join(" "), allow, "{answer}");
    }
    let head = idp.send(idp.request("HEAD", &one)).await.is(200);
    let get = idp.get(&one).await;
    assert_eq!(head.header("etag"), get.header("etag"));
    assert_eq!(head.header("content-length"), Some(get.body.len().to_string().as_str()), "{head}");
}

/// R-HTTP-08: slashes at the end, doubled ones, other case; R-HTTP-07: encoded slashes are none.
async fn urls_as_people_paste_them(server: &Server) {
    let (idp, names) = filled(server).await;
    let id = names.id("u1");
    let root = idp.base.trim_end_matches("/v2");
    for path in [
        format!("{}/Users/", idp.base),
        format!("{}//Users", idp.base),
        format!("/{}/Users/{id}/", idp.base),
        format!("{root}//v2//Users//{id}"),
        format!("{root}/Users/{id}"),
        format!("{}/users/{id}", idp.base),
        format!("{}/USERS", idp.base),
        "/scim/v2/Users/".into(),
        "/scim/Users".into(),
        "//scim//v2//Users?count=1".into(),
    ] {
        idp.send(Request::new("GET", path).bearer(&idp.token)).await.is(200);
    }
    let slash = idp.send(idp.request("GET", &format!("/Users%2F{id}"))).await;
    assert!(matches!(slash.status, 400 | 404), "{slash}");
}
