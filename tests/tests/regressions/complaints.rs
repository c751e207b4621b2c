use futures_util::future::join_all;
use rollcall_domain::IdpKind;
use rollcall_tests::client::Request;
use rollcall_tests::data::{ENTERPRISE, GROUP, USER};
use rollcall_tests::idp::Idp;
use rollcall_tests::on_both_stores;
use rollcall_tests::server::{PUBLIC_URL, Server};
use serde_json::{Value, json};

on_both_stores!(
    c01_active_is_read_alike_everywhere,
    c03_a_leaver_can_come_back,
    c05_one_member_goes_and_the_others_stay,
    c08_an_element_that_is_missing_is_made,
    c09_nothing_is_accepted_and_ignored,
    c11_lists_are_stable_and_total,
    c14_spelling_is_kept_and_case_does_not_count,
    c15_external_ids_filter_exactly,
    c17_the_enterprise_extension_is_kept,
    c21_unknown_members_are_told_together,
    c22_connection_tests_pass,
    c23_nested_groups_and_cycles_end,
    c25_urls_never_follow_the_host_header,
);

fn user(name: &str) -> Value {
    json!({"schemas": [USER], "userName": name})
}

async fn made(idp: &Idp, body: &Value) -> String {
    format!("/Users/{}", idp.post("/Users", body).await.is(201).id())
}

/// R-PATCH-60, R-PUT-05: one table of spellings for POST, PUT and PATCH.
async fn c01_active_is_read_alike_everywhere(server: &Server) {
    let idp = server.idp(IdpKind::Entra).await;
    let path = made(&idp, &user("ada")).await;
    let spellings = [
        (json!(false), Some(false)),
        (json!("False"), Some(false)),
        (json!("false"), Some(false)),
        (json!(true), Some(true)),
        (json!("True"), Some(true)),
        (json!("TRUE"), Some(true)),
        (json!("nope"), None),
        (json!(""), None),
        (json!("0"), None),
        (json!(0), None),
        (json!({"value": false}), None),
    ];
    for (at, (value, reads)) in spellings.into_iter().enumerate() {
        let mut body = user("ada");
        body["active"] = value.clone();
        let mut fresh = user(&format!("fresh-{at}"));
        fresh["active"] = value.clone();
        let answers = [
            idp.put(&path, &body).await,
            idp.patch(&path, json!({"op": "Replace", "path": "active", "value": value})).await,
            idp.patch(&path, json!({"op": "replace", "value": {"active": value}})).await,
            idp.patch(&path, json!({"op": "replace", "value": {"Active": value}})).await,
            idp.post("/Users", &fresh).await,
        ];
        // R-ATTR-14 clears by an empty text in PATCH; that is no silent truth.
        for (at, answer) in answers.into_iter().enumerate() {
            let cleared = value == "" && matches!(at, 1..=3) && answer.status == 200;
            match reads {
                Some(reads) => assert_eq!(answer.json()["active"], json!(reads), "{answer}"),
                None if cleared => assert_eq!(answer.json()["active"], Value::Null, "{answer}"),
                None => {
                    answer.refused(400, "invalidValue");
                }
            }
        }
    }
    // The whole body as one object.
    let bare = idp.request("PATCH", &path).json(&json!({"active": false}));
    assert_eq!(idp.send(bare).await.is(200).json()["active"], false);
}

/// R-POST-10, R-E-24.
async fn c03_a_leaver_can_come_back(server: &Server) {
    let idp = server.idp(IdpKind::Okta).await;
    let mut body = user("ada");
    body["externalId"] = json!("e-1");
    let path = made(&idp, &body).await;
    idp.patch(&path, json!({"op": "replace", "value": {"active": false}})).await.is(200);
    let detail = idp.post("/Users", &body).await.refused(409, "uniqueness");
    assert!(detail.contains("inactive") && detail.contains("active"), "{detail}");
    let on = json!({"op": "replace", "value": {"active": true}});
    assert_eq!(idp.patch(&path, on).await.is(200).id(), path.trim_start_matches("/Users/"));

    idp.delete(&path).await.is(204);
    let again = made(&idp, &body).await;
    assert_ne!(again, path);
}

async fn c05_one_member_goes_and_the_others_stay(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let (a, b) = (idp.user("a").await, idp.user("b").await);
    let group = idp.group("G", &[&a, &b]).await;
    let remove = json!({"op": "remove", "path": format!("members[value eq \"{a}\"]")});
    idp.patch(&format!("/Groups/{group}"), remove).await.is(200);
    assert_eq!(idp.members(&group).await, [b]);
}

/// R-PATCH-25, R-PATCH-46: with and without a type, beside other operations.
async fn c08_an_element_that_is_missing_is_made(server: &Server) {
    let idp = server.idp(IdpKind::Entra).await;
    let path = made(&idp, &user("ada")).await;
    let operations = json!([
        {"op": "Replace", "path": "emails[type eq \"work\"].value", "value": "ada@x.io"},
        {"op": "Add", "path": "addresses[type eq \"work\"].locality", "value": "London"},
        {"op": "Add", "path": "phoneNumbers[type eq \"mobile\" and primary eq true].value", "value": "1"},
        {"op": "Replace", "path": "displayName", "value": "Ada"},
    ]);
    let user = idp.patch(&path, operations).await.is(200).json();
    assert_eq!(user["emails"], json!([{"value": "ada@x.io", "type": "work"}]));
    assert_eq!(user["addresses"], json!([{"locality": "London", "type": "work"}]));
    let phone = json!([{"value": "1", "type": "mobile", "primary": true}]);
    assert_eq!((&user["phoneNumbers"], &user["displayName"]), (&phone, &json!("Ada")));
}

async fn c09_nothing_is_accepted_and_ignored(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let path = made(&idp, &user("ada")).await;
    let before = idp.get(&path).await.json();
    for (operation, scim_type) in [
        (json!({"op": "move", "path": "title"}), "invalidSyntax"),
        (json!({"path": "title", "value": "x"}), "invalidSyntax"),
        (json!({"op": "replace", "path": "title"}), "invalidValue"),
        (json!({"op": "replace", "path": "title.", "value": "x"}), "invalidPath"),
        (json!({"op": "replace", "path": "[title]", "value": "x"}), "invalidPath"),
        (json!({"op": "replace", "path": "title", "value": {"a": 1}}), "invalidValue"),
        (json!({"op": "replace", "path": "userName", "value": null}), ""),
        (json!({"op": "replace", "value": "x"}), ""),
        (json!({"op": "add"}), ""),
        (json!("replace"), "invalidSyntax"),
    ] {
        let answer = idp.patch(&path, operation).await.is(400);
        if !scim_type.is_empty() {
            answer.refused(400, scim_type);
        }
    }
    assert_eq!(idp.get(&path).await.json(), before);
}

/// R-SORT-06: the order of creation, whatever changes.
async fn c11_lists_are_stable_and_total(server: &Server) {
    let idp = server.idp(IdpKind::Okta).await;
    let mut ids = Vec::new();
    for n in 0..12 {
        ids.push(idp.user(&format!("u{}", 99 - n)).await);
    }
    for id in ids.iter().step_by(3) {
        let touch = json!({"op": "replace", "path": "title", "value": "touched"});
        idp.patch(&format!("/Users/{id}"), touch).await.is(200);
    }
    let pages = join_all((0..3).map(|page| {
        let path = format!("/Users?startIndex={}&count=5", page * 5 + 1);
        let idp = idp.clone();
        async move { idp.get(&path).await.is(200) }
    }))
    .await;
    let walked: Vec<String> = pages.iter().flat_map(|page| page.ids()).collect();
    assert_eq!(walked, ids);
    assert!(pages.iter().all(|page| page.json()["totalResults"] == 12));
}

/// R-ATTR-23, R-E-18.
async fn c14_spelling_is_kept_and_case_does_not_count(server: &Server) {
    let idp = server.idp(IdpKind::Okta).await;
    let path = made(&idp, &user("Ada.Lovelace@X.io")).await;
    idp.post("/Users", &user("ada.lovelace@x.IO")).await.refused(409, "uniqueness");
    // A change of case alone is a change.
    let rename = json!({"op": "replace", "path": "userName", "value": "ADA.lovelace@x.io"});
    assert_eq!(idp.patch(&path, rename).await.is(200).json()["userName"], "ADA.lovelace@x.io");
    for name in ["a\u{200b}da", "a\u{202e}da", "a\nda", "a\u{0}da"] {
        idp.post("/Users", &user(name)).await.refused(400, "invalidValue");
    }
}

/// R-COMMON-02.
async fn c15_external_ids_filter_exactly(server: &Server) {
    let idp = server.idp(IdpKind::Entra).await;
    let mut ids = Vec::new();
    for (at, external) in ["E-1", "e-1", "E-1 ", "E-10"].into_iter().enumerate() {
        let mut body = user(&format!("u{at}"));
        body["externalId"] = json!(external);
        ids.push(idp.post("/Users", &body).await.is(201).id());
    }
    for (at, external) in ["E-1", "e-1", "E-1 ", "E-10"].into_iter().enumerate() {
        let filter = format!("externalId eq \"{external}\"");
        assert_eq!(idp.find("/Users", &filter).await.ids(), [ids[at].as_str()], "{filter}");
    }
    assert_eq!(idp.find("/Users", "externalId sw \"E-1\"").await.ids().len(), 3);
}

/// R-COMMON-08, R-COMMON-10, R-COMMON-11, R-POST-11.
async fn c17_the_enterprise_extension_is_kept(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let body = json!({
        "schemas": [USER, "urn:example:unknown:2.0:Thing"], "userName": "ada",
        ENTERPRISE.to_uppercase(): {"DEPARTMENT": "R&D", "costCenter": "7", "unknown": 1},
        "urn:example:unknown:2.0:Thing": {"a": 1}, "shoeSize": 38,
    });
    let made = idp.post("/Users", &body).await.is(201).json();
    assert_eq!(made[ENTERPRISE], json!({"department": "R&D", "costCenter": "7"}));
    assert_eq!(made["schemas"], json!([USER, ENTERPRISE]));
    assert!(!made.to_string().contains("shoeSize") && !made.to_string().contains("Thing"));
    let found = idp.find("/Users", &format!("{ENTERPRISE}:costCenter eq \"7\"")).await;
    assert_eq!(found.ids().len(), 1);
}

/// R-RES-01.
async fn c21_unknown_members_are_told_together(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let known = idp.user("ada").await;
    let (a, b) = ("01890000-0000-7000-8000-00000000000a", "nobody-at-all");
    let members = json!([{"value": a}, {"value": known}, {"value": b}]);
    let body = json!({"schemas": [GROUP], "displayName": "G", "members": members});
    idp.post("/Groups", &body).await.refused(400, "invalidValue");
    assert_eq!(idp.get("/Groups").await.json()["totalResults"], 0);
    let group = idp.group("G", &[]).await;
    let path = format!("/Groups/{group}");
    let two =
        json!([{"value": a}, {"value": "01890000-0000-7000-8000-00000000000b"}, {"value": known}]);
    let add = json!({"op": "add", "path": "members", "value": two});
    let detail = idp.patch(&path, add).await.refused(400, "invalidValue");
    assert!(detail.contains(a) && detail.contains("00000000000b"), "{detail}");
    assert!(!detail.contains(&known), "{detail}");
    idp.put(&path, &body).await.refused(400, "invalidValue");
    assert!(idp.members(&group).await.is_empty());
}

async fn c22_connection_tests_pass(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    for path in [
        "/Users?count=1",
        "/Users?startIndex=1&count=2",
        "/Users?filter=userName%20eq%20%22nobody%22",
        "/Groups",
        "/ServiceProviderConfig",
        "/Users/?count=1",
        "//Users?count=1",
    ] {
        idp.get(path).await.is(200);
        let bare = idp.base.trim_end_matches("/v2");
        idp.send(Request::new("GET", format!("{bare}{path}")).bearer(&idp.token)).await.is(200);
    }
}

/// R-RES-02, R-RES-04.
async fn c23_nested_groups_and_cycles_end(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let ada = idp.user("ada").await;
    let inner = idp.group("Inner", &[&ada]).await;
    let outer = idp.group("Outer", &[&inner]).await;
    let round = json!({"op": "add", "path": "members", "value": [{"value": outer}]});
    idp.patch(&format!("/Groups/{inner}"), round).await.is(200);
    let itself = json!({"op": "add", "path": "members", "value": [{"value": outer}]});
    let answer = idp.patch(&format!("/Groups/{outer}"), itself).await;
    assert!(matches!(answer.status, 200 | 400), "{answer}");

    let user = idp.get(&format!("/Users/{ada}")).await.is(200).json();
    let mut groups: Vec<String> = user["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| {
            format!("{} {}", group["display"].as_str().unwrap(), group["type"].as_str().unwrap())
        })
        .collect();
    groups.sort();
    assert_eq!(groups, ["Inner direct", "Outer indirect"]);
    let found = idp.find("/Users", &format!("groups.value eq \"{outer}\"")).await;
    assert_eq!(found.is(200).ids(), [ada.as_str()]);
    // R-ETAG-09: what is derived moves no version of the user.
    assert_eq!(user["meta"]["created"], user["meta"]["lastModified"]);
    idp.delete(&format!("/Groups/{outer}")).await.is(204);
    let user = idp.get(&format!("/Users/{ada}")).await.json();
    assert_eq!(user["groups"].as_array().map(Vec::len), Some(1), "{user}");
}

/// R-HTTP-12.
async fn c25_urls_never_follow_the_host_header(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let member = idp.user("ada").await;
    let group = idp.group("G", &[&member]).await;
    let request = idp
        .request("GET", &format!("/Groups/{group}"))
        .header("host", "evil.example")
        .header("x-forwarded-host", "evil.example")
        .header("forwarded", "host=evil.example;proto=http");
    let answer = idp.send(request).await.is(200);
    assert!(!String::from_utf8_lossy(&answer.body).contains("evil"), "{answer}");
    let body = answer.json();
    let base = format!("{PUBLIC_URL}{}", idp.base);
    assert_eq!(body["meta"]["location"], format!("{base}/Groups/{group}"));
    assert_eq!(body["members"][0]["$ref"], format!("{base}/Users/{member}"));
    assert_eq!(body["members"][0]["type"], "User");
}
