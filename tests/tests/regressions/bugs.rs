use std::collections::BTreeSet;

use futures_util::future::join_all;
use rollcall_domain::{Caller, IdpKind, Load};
use rollcall_schema::standard;
use rollcall_tests::client::{ERROR, PATCH, Request, SCIM_JSON};
use rollcall_tests::data::{ENTERPRISE, GROUP, USER, base, large_group, many_users};
use rollcall_tests::idp::{Idp, encoded, sorted};
use rollcall_tests::on_both_stores;
use rollcall_tests::server::{Server, StoreKind};
use rollcall_tests::wait::until;
use serde_json::{Value, json};

on_both_stores!(
    b01_capital_operations_work,
    b02_replacing_members_is_not_ignored,
    b03_an_unknown_connection_never_answers_200,
    b04_concurrent_tenants_never_interleave,
    b05_ids_are_looked_up_within_the_connection,
    b06_names_are_unique_on_every_write,
    b07_a_filter_runs_as_written,
    b08_delete_is_204_and_errors_are_scim,
    b09_post_and_put_of_groups_honour_members,
    b11_false_as_text_deactivates,
    b12_active_alone_wipes_nothing,
    b13_every_member_and_operation_counts,
    b14_unknown_filters_are_400,
    b15_count_is_honoured_and_the_key_is_resources,
    b16_remove_works_on_users,
    b17_discovery_exists,
    b18_a_patch_without_active_does_not_reactivate,
    b19_roles_survive_an_incomplete_patch,
    b21_groups_take_put,
    b22_user_names_come_back_as_sent,
    b23_eq_folds_where_case_does_not_count,
    b24_bodies_are_limited_before_they_are_parsed,
    b25_settings_leave_the_token_alone,
    b27_large_collections_are_whole,
    b28_paths_are_split_by_grammar,
    b29_add_appends,
    b30_advertised_filters_are_evaluated,
    b31_count_zero_is_the_total_alone,
    b32_a_large_total_is_paged,
    b33_unknown_attributes_have_no_value,
    b34_a_walk_under_deletes_loses_nobody,
    b35_totals_count_resources,
    b36_members_are_not_loaded_when_excluded,
    b37_remove_with_values_subtracts_those,
    b38_a_repeated_post_wipes_nothing,
    b39_conflicts_are_scim_json,
    b40_or_does_not_escape_the_tenant,
    b41_conflicts_show_inside_the_tenant_alone,
    b42_a_post_touches_nobody_elsewhere,
    b44_passwords_are_kept_nowhere,
    b46_lookups_find_the_inactive,
    b47_put_deactivates_as_patch_does,
    b48_reactivation_and_delete_race_cleanly,
);

fn user(name: &str) -> Value {
    json!({"schemas": [USER], "userName": name, "active": true})
}

/// A user with mail, name, title and department.
fn rich(name: &str) -> Value {
    json!({
        "schemas": [USER, ENTERPRISE], "userName": name, "active": true, "title": "Engineer",
        "displayName": "Rich", "name": {"givenName": "Ri", "familyName": "Ch"},
        "emails": [{"value": "r@x.io", "type": "work", "primary": true}],
        "roles": [{"value": "admin"}, {"value": "reader"}],
        ENTERPRISE: {"department": "R&D"},
    })
}

async fn made(idp: &Idp, body: &Value) -> String {
    format!("/Users/{}", idp.post("/Users", body).await.is(201).id())
}

async fn read(idp: &Idp, path: &str) -> Value {
    idp.get(path).await.is(200).json()
}

/// A resource without what every change moves.
fn content(mut resource: Value) -> Value {
    resource.as_object_mut().expect("resources are objects").remove("meta");
    resource
}

/// R-PATCH-02.
async fn b01_capital_operations_work(server: &Server) {
    let idp = server.idp(IdpKind::Entra).await;
    let path = made(&idp, &rich("ada")).await;
    let operations = json!([
        {"op": "Add", "path": "nickName", "value": "A"},
        {"op": "Replace", "path": "title", "value": "CTO"},
        {"op": "Remove", "path": "displayName"},
        {"OP": "REPLACE", "Path": "userType", "VALUE": "Employee"},
    ]);
    idp.patch(&path, operations).await.is(200);
    let user = read(&idp, &path).await;
    assert_eq!((&user["nickName"], &user["title"]), (&json!("A"), &json!("CTO")));
    assert_eq!((&user["displayName"], &user["userType"]), (&Value::Null, &json!("Employee")));
}

/// R-PATCH-41, R-PATCH-47.
async fn b02_replacing_members_is_not_ignored(server: &Server) {
    let idp = server.idp(IdpKind::Okta).await;
    let (a, b) = (idp.user("a").await, idp.user("b").await);
    let group = idp.group("G", &[&a]).await;
    let operation = json!({"op": "replace", "path": "members", "value": [{"value": b}]});
    idp.patch(&format!("/Groups/{group}"), operation).await.is(200);
    assert_eq!(idp.members(&group).await, [b]);
}

async fn b03_an_unknown_connection_never_answers_200(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let unknown = "/connections/conn_00000000000070008000000000000000/scim/v2/Users";
    for path in [unknown, "/connections/nobody/scim/v2/Users"] {
        for method in ["GET", "POST", "DELETE"] {
            let anonymous = Request::new(method, path).json(&json!({}));
            idp.send(anonymous.clone()).await.refused(401, "");
            idp.send(anonymous.bearer(&idp.token)).await.refused(404, "");
        }
    }
}

/// R-TEN-04.
async fn b04_concurrent_tenants_never_interleave(server: &Server) {
    let (a, b) = (server.idp(IdpKind::Okta).await, server.idp(IdpKind::Entra).await);
    let work = |idp: Idp, mark: &'static str| async move {
        let users = (0..25).map(|n| {
            let idp = idp.clone();
            async move {
                // By token alone: nothing but the token says whose it is.
                let body = user(&format!("{mark}-{n}"));
                let post = Request::new("POST", "/scim/v2/Users").bearer(&idp.token).json(&body);
                idp.send(post).await.is(201).id()
            }
        });
        join_all(users).await
    };
    let (of_a, of_b) = tokio::join!(work(a.clone(), "a"), work(b.clone(), "b"));
    for (idp, ids, mark) in [(&a, of_a, "a-"), (&b, of_b, "b-")] {
        let list = idp.get("/Users").await.is(200);
        assert_eq!(sorted(&list.ids()), sorted(&ids));
        let name = |user: &Value| user["userName"].as_str().is_some_and(|n| n.starts_with(mark));
        assert!(list.resources().iter().all(name));
    }
}

/// R-E-02: two connections of one organization are two directories.
async fn b05_ids_are_looked_up_within_the_connection(server: &Server) {
    let organization = format!("Twin {}", server.idp(IdpKind::Generic).await.at.connection);
    let a = server.idp_of(&organization, IdpKind::Okta).await;
    let b = server.idp_of(&organization, IdpKind::Entra).await;
    assert_eq!(a.at.organization, b.at.organization);
    let path = made(&a, &rich("ada")).await;
    b.get(&path).await.refused(404, "");
    b.put(&path, &user("x")).await.refused(404, "");
    b.patch(&path, json!({"op": "remove", "path": "title"})).await.refused(404, "");
    b.delete(&path).await.refused(404, "");
    assert_eq!(read(&a, &path).await["title"], "Engineer");
}

/// R-PUT-08, R-PATCH-10.
async fn b06_names_are_unique_on_every_write(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    made(&idp, &user("ada")).await;
    let mut same_mail = user("bob");
    same_mail["emails"] = json!([{"value": "shared@x.io"}]);
    let path = made(&idp, &same_mail).await;
    same_mail["userName"] = json!("eve");
    made(&idp, &same_mail).await;
    idp.post("/Users", &user("ADA")).await.refused(409, "uniqueness");
    idp.put(&path, &user("Ada")).await.refused(409, "uniqueness");
    let rename = json!({"op": "replace", "path": "userName", "value": "aDa"});
    idp.patch(&path, rename).await.refused(409, "uniqueness");
    assert_eq!(read(&idp, &path).await["userName"], "bob");
    // Its own name in another case is nobody else's.
    idp.put(&path, &user("BOB")).await.is(200);
}

async fn b07_a_filter_runs_as_written(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let mut body = user("ada");
    body["externalId"] = json!("bob");
    let ada = idp.post("/Users", &body).await.is(201).id();
    idp.user("bob").await;
    for (filter, expect) in [
        ("externalId eq \"bob\"", vec![ada.clone()]),
        ("displayName eq \"bob\"", vec![]),
        ("externalId eq \"ada\"", vec![]),
        ("nickName eq \"ada\"", vec![]),
    ] {
        assert_eq!(idp.find("/Users", filter).await.is(200).ids(), expect, "{filter}");
    }
}

/// R-DEL-01, R-ERR-01.
async fn b08_delete_is_204_and_errors_are_scim(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let path = made(&idp, &user("ada")).await;
    let gone = idp.delete(&path).await.is(204);
    assert!(gone.body.is_empty() && gone.header("content-type").is_none(), "{gone}");
    let error = idp.get(&path).await.json();
    assert_eq!((&error["schemas"], &error["status"]), (&json!([ERROR]), &json!("404")));
}

async fn b09_post_and_put_of_groups_honour_members(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let (a, b) = (idp.user("a").await, idp.user("b").await);
    let group = idp.group("G", &[&a, &b]).await;
    assert_eq!(idp.members(&group).await, sorted(&[a.clone(), b.clone()]));
    let body = json!({"schemas": [GROUP], "displayName": "G", "members": [{"value": b}]});
    let answer = idp.put(&format!("/Groups/{group}"), &body).await.is(200).json();
    assert_eq!(answer["members"][0]["value"], b.as_str());
    assert_eq!(idp.members(&group).await, [b]);
}

/// R-PATCH-60.
async fn b11_false_as_text_deactivates(server: &Server) {
    let idp = server.idp(IdpKind::Entra).await;
    for (at, text) in ["False", "false", "FALSE"].into_iter().enumerate() {
        let path = made(&idp, &user(&format!("ada-{at}"))).await;
        let operation = json!({"op": "Replace", "path": "active", "value": text});
        assert_eq!(idp.patch(&path, operation).await.is(200).json()["active"], false, "{text}");
        assert_eq!(read(&idp, &path).await["active"], json!(false));
    }
}

async fn b12_active_alone_wipes_nothing(server: &Server) {
    let idp = server.idp(IdpKind::Okta).await;
    let path = made(&idp, &rich("ada")).await;
    let before = content(read(&idp, &path).await);
    idp.patch(&path, json!({"op": "replace", "value": {"active": false}})).await.is(200);
    let mut expect = before;
    expect["active"] = json!(false);
    assert_eq!(content(read(&idp, &path).await), expect);
}

async fn b13_every_member_and_operation_counts(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let mut ids = Vec::new();
    for name in ["a", "b", "c", "d"] {
        ids.push(idp.user(name).await);
    }
    let group = idp.group("G", &[]).await;
    let operations = json!([
        {"op": "add", "path": "members", "value": [{"value": ids[0]}, {"value": ids[1]}]},
        {"op": "add", "path": "members", "value": [{"value": ids[2]}]},
        {"op": "add", "value": {"members": [{"value": ids[3]}]}},
    ]);
    idp.patch(&format!("/Groups/{group}"), operations).await.is(200);
    assert_eq!(idp.members(&group).await, sorted(&ids));
}

async fn b14_unknown_filters_are_400(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    for filter in ["userName like \"a\"", "userName", "eq", "userName eq eq", "a b c d", "[]", "("]
    {
        idp.find("/Users", filter).await.refused(400, "invalidFilter");
        idp.find("/Groups", filter).await.refused(400, "invalidFilter");
    }
}

async fn b15_count_is_honoured_and_the_key_is_resources(server: &Server) {
    let idp = server.idp(IdpKind::Okta).await;
    many_users(&idp, "u", 7).await;
    let list = read(&idp, "/Users?count=3").await;
    assert_eq!(list["Resources"].as_array().map(Vec::len), Some(3));
    assert_eq!((&list["totalResults"], &list["itemsPerPage"]), (&json!(7), &json!(3)));
}

async fn b16_remove_works_on_users(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let path = made(&idp, &rich("ada")).await;
    let operations = json!([
        {"op": "remove", "path": "title"},
        {"op": "remove", "path": "emails[type eq \"work\"]"},
        {"op": "remove", "path": "name.familyName"},
        {"op": "remove", "path": format!("{ENTERPRISE}:department")},
    ]);
    idp.patch(&path, operations).await.is(200);
    let user = read(&idp, &path).await;
    assert!(user.get("title").is_none() && user.get("emails").is_none(), "{user}");
    assert_eq!(user["name"], json!({"givenName": "Ri"}));
    assert_eq!(user["schemas"], json!([USER]));
}

async fn b17_discovery_exists(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    for path in ["/ServiceProviderConfig", "/Schemas", "/ResourceTypes"] {
        idp.get(path).await.is(200);
    }
}

async fn b18_a_patch_without_active_does_not_reactivate(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let mut body = rich("ada");
    body["active"] = json!(false);
    let path = made(&idp, &body).await;
    for operation in [
        json!({"op": "replace", "path": "title", "value": "CTO"}),
        json!({"op": "replace", "value": {"displayName": "Ada", "name": {"givenName": "Ada"}}}),
        json!({"op": "add", "path": "emails", "value": [{"value": "n@x.io"}]}),
    ] {
        assert_eq!(idp.patch(&path, operation).await.is(200).json()["active"], false);
    }
    // R-PUT-05: nor does a PUT.
    let mut put = rich("ada");
    put.as_object_mut().unwrap().remove("active");
    assert_eq!(idp.put(&path, &put).await.is(200).json()["active"], false);
}

async fn b19_roles_survive_an_incomplete_patch(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let path = made(&idp, &rich("ada")).await;
    let before = read(&idp, &path).await["roles"].clone();
    idp.patch(&path, json!({"op": "replace", "value": {"title": "CTO"}})).await.is(200);
    assert_eq!(read(&idp, &path).await["roles"], before);
    assert_eq!(before.as_array().map(Vec::len), Some(2));
}

async fn b21_groups_take_put(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let group = format!("/Groups/{}", idp.group("Old", &[]).await);
    let body = json!({"schemas": [GROUP], "displayName": "New", "externalId": "g-1"});
    let answer = idp.put(&group, &body).await.is(200).json();
    assert_eq!((&answer["displayName"], &answer["externalId"]), (&json!("New"), &json!("g-1")));
}

/// R-ATTR-23.
async fn b22_user_names_come_back_as_sent(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    for name in ["BJensen@Example.COM", "M\u{fc}ller", "\u{130}stanbul", "stra\u{df}e", "a b"] {
        let mut body = user(name);
        body["emails"] = json!([{"value": "other@x.io"}]);
        let path = made(&idp, &body).await;
        assert_eq!(read(&idp, &path).await["userName"], name);
    }
}

/// R-FILTER-02, R-FILTER-05, R-FILTER-07.
async fn b23_eq_folds_where_case_does_not_count(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let id = idp.user("a\"b\\c@X.io").await;
    for filter in [r#"userName eq "A\"B\\C@x.IO""#, r#"USERNAME EQ "a\u0022b\u005cc@x.io""#] {
        assert_eq!(idp.find("/Users", filter).await.is(200).ids(), [id.as_str()], "{filter}");
    }
}

/// R-HTTP-10: 413 also for what would not parse.
async fn b24_bodies_are_limited_before_they_are_parsed(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let post =
        |body: String| idp.request("POST", "/Users").header("content-type", SCIM_JSON).body(body);
    let name = "\"schemas\":[],\"userName\":\"big\"";
    let large = format!("{{{name},\"title\":\"{}\"}}", "x".repeat(1 << 20));
    idp.send(post(large)).await.refused(413, "");
    idp.send(post("{".repeat((1 << 20) + 1))).await.refused(413, "");
    // Just within the limit.
    let fits = format!("{{{name},\"nope\":\"{}\"}}", "x".repeat((1 << 20) - name.len() - 13));
    assert!(fits.len() <= 1 << 20 && fits.len() > (1 << 20) - 5);
    idp.send(post(fits)).await.is(201);
}

/// R-25: whatever is set up anew, the IdP goes on as it is.
async fn b25_settings_leave_the_token_alone(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let second = server.another_token(&idp).await;
    let id = idp.user("ada").await;
    let tokens = async || {
        let listed = server.admin().tokens(&Caller::CLI, idp.at.connection).await;
        listed.expect("tokens")
    };
    let before: Vec<_> = tokens().await.into_iter().map(|token| token.id).collect();
    let third = server
        .configured(
            &idp,
            json!({
                "profile": "okta", "switches": {"refuseUnknown": true},
                "capabilities": {"sort": false, "asynchronous": false},
                "limits": {"pageMax": 50, "maxRequestSize": 4096},
            }),
        )
        .await;
    let pack = rollcall_schema::packs::get("roles").expect("the pack is there");
    server.add(&idp, pack.text).await.expect("the pack is added");
    // The settings hold within seconds, for tokens that the server has seen before.
    until("the settings hold", async || {
        let config = idp.get("/ServiceProviderConfig").await.is(200).json();
        let holds = config["sort"]["supported"] == false;
        (holds && idp.get("/Roles").await.status == 200).then_some(())
    })
    .await;
    for token in [&idp, &second, &third] {
        assert_eq!(token.get(&format!("/Users/{id}")).await.is(200).json()["userName"], "ada");
    }
    let after: Vec<_> = tokens().await.into_iter().map(|token| token.id).collect();
    assert_eq!(after[..before.len()], before);
    assert_eq!(after.len(), before.len() + 1, "only the one that this test made");
}

async fn b27_large_collections_are_whole(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let users = many_users(&idp, "u", 2_500).await;
    let group = large_group(&idp, "Everyone", &users).await;
    assert!(idp.members(&group).await == sorted(&users), "members are missing");
    let searched = idp.find("/Groups", "displayName eq \"Everyone\"").await.is(200).resources();
    assert_eq!(searched[0]["members"].as_array().map(Vec::len), Some(users.len()));
    let mut walked = Vec::new();
    for start in (1..=users.len()).step_by(1_000) {
        let page = idp.get(&format!("/Users?startIndex={start}&count=1000&attributes=id")).await;
        walked.extend(page.is(200).ids());
    }
    assert!(walked == users, "users are missing, or out of order");
    // R-PAGE-03: no page is larger than the largest.
    assert_eq!(idp.get("/Users?count=5000&attributes=id").await.ids().len(), 1_000);
    assert_eq!(idp.get("/Users?attributes=id").await.ids().len(), 100);
}

async fn b28_paths_are_split_by_grammar(server: &Server) {
    let idp = server.idp(IdpKind::Entra).await;
    let path = made(&idp, &user("ada")).await;
    let tricky = "emails[type eq \"work\" and value ne \"a.b]c\"].display";
    idp.patch(
        &path,
        json!([
            {"op": "add", "path": "emails[type eq \"work\"].value", "value": "w@x.io"},
            {"op": "replace", "path": tricky, "value": "dotted"},
        ]),
    )
    .await
    .is(200);
    let user = read(&idp, &path).await;
    assert_eq!(user["emails"], json!([{"value": "w@x.io", "type": "work", "display": "dotted"}]));
    let keys = user.as_object().unwrap().keys();
    assert!(
        keys.into_iter().all(|key| !key.contains('[') && !key.contains('.') || key == ENTERPRISE)
    );
}

async fn b29_add_appends(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let path = made(&idp, &rich("ada")).await;
    for value in [json!([{"value": "2@x.io"}]), json!({"value": "3@x.io"})] {
        idp.patch(&path, json!({"op": "add", "path": "emails", "value": value})).await.is(200);
    }
    let more = json!({"op": "add", "value": {"emails": [{"value": "4@x.io"}]}});
    idp.patch(&path, more).await.is(200);
    let mails = read(&idp, &path).await["emails"].clone();
    let values: Vec<&Value> = mails.as_array().unwrap().iter().map(|mail| &mail["value"]).collect();
    assert_eq!(values, ["r@x.io", "2@x.io", "3@x.io", "4@x.io"]);
}

async fn b30_advertised_filters_are_evaluated(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    assert_eq!(read(&idp, "/ServiceProviderConfig").await["filter"]["supported"], true);
    let ada = idp.post("/Users", &rich("ada")).await.is(201).id();
    idp.user("bob").await;
    for filter in [
        "title eq \"engineer\"",
        "emails.value co \"@X\"",
        "roles[value eq \"admin\"]",
        "name.givenName sw \"r\"",
        "title gt \"a\" and title lt \"z\"",
        "meta.created lt \"2999-01-01T00:00:00Z\" and title pr",
    ] {
        assert_eq!(idp.find("/Users", filter).await.is(200).ids(), [ada.as_str()], "{filter}");
    }
}

async fn b31_count_zero_is_the_total_alone(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    many_users(&idp, "u", 3).await;
    for query in ["count=0", "count=0&filter=userName%20sw%20%22u-%22"] {
        let list = read(&idp, &format!("/Users?{query}")).await;
        assert_eq!((&list["totalResults"], &list["itemsPerPage"]), (&json!(3), &json!(0)));
        assert_eq!(list["Resources"], json!([]));
    }
}

/// R-GET-07.
async fn b32_a_large_total_is_paged(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    many_users(&idp, "u", 1_500).await;
    let list = read(&idp, "/Users?count=2000&excludedAttributes=groups").await;
    assert_eq!((&list["totalResults"], &list["itemsPerPage"]), (&json!(1_500), &json!(1_000)));
}

/// R-FILTER-18.
async fn b33_unknown_attributes_have_no_value(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let id = idp.user("ada").await;
    for filter in [
        "shoeSize eq \"ada\"",
        "shoeSize pr",
        "urn:x:y:2.0:Z:userName eq \"ada\"",
        "userName.value eq \"ada\"",
        "emails[shoeSize eq \"ada\"]",
    ] {
        let answer = idp.find("/Users", filter).await;
        let nobody = answer.status == 200 && answer.ids().is_empty();
        assert!(nobody || answer.json()["scimType"] == "invalidFilter", "{answer}");
    }
    assert_eq!(idp.find("/Users", "not (shoeSize pr)").await.is(200).ids(), [id]);
}

async fn b34_a_walk_under_deletes_loses_nobody(server: &Server) {
    let idp = server.idp(IdpKind::Okta).await;
    let users = many_users(&idp, "u", 60).await;
    let mut walked = Vec::new();
    for start in (1..=60).step_by(20) {
        let page = idp.get(&format!("/Users?startIndex={start}&count=20")).await.is(200);
        assert_eq!(page.ids().len(), 20, "{page}");
        // Somebody on the page goes, and somebody else comes.
        idp.delete(&format!("/Users/{}", page.ids()[3])).await.is(204);
        idp.user(&format!("new-{start}")).await;
        walked.extend(page.ids());
    }
    assert_eq!(walked, users, "each user that was there exactly once");
}

async fn b35_totals_count_resources(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let mut body = user("ada");
    body["emails"] = json!([{"value": "1@x.io", "type": "a"}, {"value": "2@x.io", "type": "b"}]);
    let ada = idp.post("/Users", &body).await.is(201).id();
    let (g, h) = (idp.group("G", &[&ada]).await, idp.group("H", &[&ada]).await);
    for filter in [
        "emails.value co \"x.io\"",
        "emails.value sw \"1\" or emails.value sw \"2\"",
        "emails[type eq \"a\"] or userName eq \"ada\"",
        &format!("groups.value eq \"{g}\" or groups.value eq \"{h}\""),
    ] {
        let list = idp.find("/Users", filter).await.is(200);
        assert_eq!(list.json()["totalResults"], 1, "{list}");
        assert_eq!(list.ids(), [ada.as_str()]);
    }
}

/// R-PROJ-10; how many statements it takes is counted elsewhere.
async fn b36_members_are_not_loaded_when_excluded(server: &Server) {
    let idp = server.idp(IdpKind::Entra).await;
    let users = many_users(&idp, "u", 1_200).await;
    let group = large_group(&idp, "Large", &users).await;
    let answer = idp.get(&format!("/Groups/{group}?excludedAttributes=members")).await.is(200);
    assert!(answer.json().get("members").is_none() && answer.body.len() < 2_000, "{answer}");
    let filter = encoded("displayName eq \"Large\"");
    let named = idp.get(&format!("/Groups?filter={filter}&excludedAttributes=members")).await;
    assert!(named.is(200).body.len() < 2_000);
}

/// R-PATCH-34, R-E-20.
async fn b37_remove_with_values_subtracts_those(server: &Server) {
    for (kind, status) in [(IdpKind::Entra, 204), (IdpKind::Jumpcloud, 200)] {
        let idp = server.idp(kind).await;
        let (a, b, c) = (idp.user("a").await, idp.user("b").await, idp.user("c").await);
        let group = idp.group("G", &[&a, &b, &c]).await;
        let remove = |value: Value| json!({"op": "Remove", "path": "members", "value": value});
        let path = format!("/Groups/{group}");
        idp.patch(&path, remove(json!([{"value": a}]))).await.is(status);
        assert_eq!(idp.members(&group).await, sorted(&[b.clone(), c.clone()]));
        // One object, somebody who isn't a member, and the list as JSON text.
        idp.patch(&path, remove(json!({"value": a}))).await.is(status);
        assert_eq!(idp.members(&group).await.len(), 2);
        let text = json!([{"value": b}]).to_string();
        idp.patch(&path, remove(json!(text))).await.is(status);
        assert_eq!(idp.members(&group).await, [c.as_str()]);
        // Nothing listed is nothing removed.
        let answer = idp.patch(&path, remove(json!([]))).await;
        assert!(answer.status == status || answer.status == 400, "{answer}");
        assert_eq!(idp.members(&group).await, [c]);
    }
}

async fn b38_a_repeated_post_wipes_nothing(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let path = made(&idp, &rich("ada")).await;
    let before = read(&idp, &path).await;
    idp.post("/Users", &rich("ada")).await.refused(409, "uniqueness");
    idp.post("/Users", &user("Ada")).await.refused(409, "uniqueness");
    assert_eq!(read(&idp, &path).await, before);
}

async fn b39_conflicts_are_scim_json(server: &Server) {
    let idp = server.idp(IdpKind::Okta).await;
    idp.user("ada").await;
    let answer = idp.post("/Users", &user("ada")).await;
    answer.refused(409, "uniqueness");
    assert!(answer.header("content-type").is_some_and(|kind| kind.starts_with(SCIM_JSON)));
    // R-E-23: nothing of the other record is told.
    assert!(!answer.json()["detail"].as_str().unwrap().contains("ada"), "{answer}");
}

async fn b40_or_does_not_escape_the_tenant(server: &Server) {
    let (a, b) = (server.idp(IdpKind::Generic).await, server.idp(IdpKind::Generic).await);
    base(&b).await;
    let own = a.user("own").await;
    for filter in [
        "userName eq \"own\" or userName pr",
        "userName pr or userName eq \"own\"",
        "not (userName eq \"x\") or userName eq \"jsmith\"",
        "emails.value co \"example\" or userName eq \"own\"",
        "userName eq \"jsmith\" or userName eq \"own\"",
        "meta.created gt \"2000-01-01T00:00:00Z\" or active eq true",
    ] {
        let list = a.find("/Users", filter).await.is(200);
        assert_eq!((list.ids(), &list.json()["totalResults"]), (vec![own.clone()], &json!(1)));
    }
    assert!(a.find("/Groups", "members pr or not (members pr)").await.ids().is_empty());
}

async fn b41_conflicts_show_inside_the_tenant_alone(server: &Server) {
    let (a, b) = (server.idp(IdpKind::Generic).await, server.idp(IdpKind::Generic).await);
    let mut body = user("ada");
    body["externalId"] = json!("e-1");
    a.post("/Users", &body).await.is(201);
    b.post("/Users", &body).await.is(201);
    let other = format!("/Users/{}", b.user("bob").await);
    let rename = json!({"op": "replace", "path": "userName", "value": "ADA"});
    b.patch(&other, rename).await.refused(409, "uniqueness");
    a.delete(&format!("/Users/{}", a.find("/Users", "userName pr").await.ids()[0])).await.is(204);
    assert_eq!(b.find("/Users", "userName eq \"ada\"").await.ids().len(), 1);
}

async fn b42_a_post_touches_nobody_elsewhere(server: &Server) {
    let (a, b) = (server.idp(IdpKind::Generic).await, server.idp(IdpKind::Generic).await);
    let path = made(&a, &rich("ada")).await;
    let before = read(&a, &path).await;
    let logged = server.events(a.at.organization).await.len();
    let theirs = made(&b, &user("ada")).await;
    b.patch(&theirs, json!({"op": "replace", "path": "active", "value": false})).await.is(200);
    b.delete(&theirs).await.is(204);
    assert_eq!(read(&a, &path).await, before);
    assert_eq!(server.events(a.at.organization).await.len(), logged);
    assert_eq!(server.events(b.at.organization).await.len(), 3);
}

/// R-SEC-01, R-RES-06: neither in answers nor in the store, in its log or its files.
async fn b44_passwords_are_kept_nowhere(server: &Server) {
    let idp = server.idp(IdpKind::Okta).await;
    let mark = "Zq8-never-kept";
    let mut body = rich("ada");
    body["password"] = json!(format!("{mark}-1"));
    let path = made(&idp, &body).await;
    idp.put(&path, &body).await.is(200);
    let set = json!({"op": "replace", "value": {"password": format!("{mark}-2")}});
    idp.patch(&path, set).await.is(200);
    idp.find("/Users", "password pr").await.refused(400, "invalidFilter");

    let id = path.trim_start_matches("/Users/").parse().expect("ids are ids");
    let kept = idp.store.scope(idp.at).get(&standard::types()[0], id, Load::default()).await;
    let kept = kept.expect("the store answers").expect("the user is there");
    assert!(!kept.record.body.contains(mark), "{}", kept.record.body);
    let logged = format!("{:?}", server.events(idp.at.organization).await);
    assert!(logged.contains("resource.created") && !logged.contains(mark), "{logged}");
    if server.kind == StoreKind::Sqlite {
        let directory = server.directory().expect("SQLite has files");
        for file in std::fs::read_dir(directory).expect("the directory is there").flatten() {
            let bytes = std::fs::read(file.path()).unwrap_or_default();
            let found = bytes.windows(mark.len()).any(|window| window == mark.as_bytes());
            assert!(!found, "in {}", file.path().display());
        }
    }
}

/// E-ENTRA-21, R-RES-05.
async fn b46_lookups_find_the_inactive(server: &Server) {
    let idp = server.idp(IdpKind::Entra).await;
    let mut body = user("ada");
    body["externalId"] = json!("e-1");
    let path = made(&idp, &body).await;
    idp.patch(&path, json!({"op": "replace", "path": "active", "value": false})).await.is(200);
    for filter in ["userName eq \"ada\"", "externalId eq \"e-1\"", "active eq false"] {
        assert_eq!(idp.find("/Users", filter).await.is(200).ids().len(), 1, "{filter}");
    }
    assert_eq!(read(&idp, "/Users").await["totalResults"], 1);
}

async fn b47_put_deactivates_as_patch_does(server: &Server) {
    let idp = server.idp(IdpKind::Okta).await;
    let by_put = made(&idp, &rich("ada")).await;
    let by_patch = made(&idp, &rich("bob")).await;
    let mut off = rich("ada");
    off["active"] = json!("False");
    assert_eq!(idp.put(&by_put, &off).await.is(200).json()["active"], false);
    idp.patch(&by_patch, json!({"op": "replace", "value": {"active": false}})).await.is(200);
    let logged = server.events(idp.at.organization).await;
    let changes: Vec<_> = logged
        .iter()
        .filter(|event| event.action == "resource.changed")
        .map(|event| Value::Object(event.changes.clone()))
        .collect();
    assert_eq!(changes.len(), 2);
    assert_eq!(changes[0], changes[1], "one says as much as the other");
}

async fn b48_reactivation_and_delete_race_cleanly(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    for round in 0..8 {
        let mut body = user(&format!("ada-{round}"));
        body["active"] = json!(false);
        let path = made(&idp, &body).await;
        let on = json!({"schemas": [PATCH], "Operations": [
            {"op": "replace", "path": "active", "value": true},
        ]});
        let on = idp.send(idp.request("PATCH", &path).json(&on));
        let (on, gone) = tokio::join!(on, idp.delete(&path));
        assert_eq!(gone.status, 204, "{gone}");
        assert!(matches!(on.status, 200 | 404), "{on}");
        idp.get(&path).await.refused(404, "");

        let id = path.trim_start_matches("/Users/");
        let logged = server.events(idp.at.organization).await;
        let mut actions: Vec<(u64, String)> = logged
            .iter()
            .filter(|event| event.resource.to_string() == id)
            .map(|event| (event.version, event.action.clone()))
            .collect();
        actions.sort();
        let actions: Vec<&str> = actions.iter().map(|(_, action)| action.as_str()).collect();
        let expect: &[&str] = match on.status {
            200 => &["resource.created", "resource.changed", "resource.deleted"],
            _ => &["resource.created", "resource.deleted"],
        };
        assert_eq!(actions, expect, "one event each, in the order of commits");
    }
    let seen: BTreeSet<_> =
        server.events(idp.at.organization).await.iter().map(|event| event.id).collect();
    assert!(seen.len() >= 16);
}
