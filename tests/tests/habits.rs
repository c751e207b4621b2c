//! What clients are known to do beyond the recorded shapes, and what profiles promise them, on both
//! stores.

use rollcall_domain::IdpKind;
use rollcall_tests::bulk::{patch, send, statuses, user};
use rollcall_tests::client::SCIM_JSON;
use rollcall_tests::data::{ENTERPRISE, GROUP, USER, many_users};
use rollcall_tests::idp::{Idp, encoded, sorted};
use rollcall_tests::on_both_stores;
use rollcall_tests::server::Server;
use serde_json::{Value, json};

on_both_stores!(
    r_iop_06_patch_deletes_nothing_and_delete_everything,
    r_iop_08_pages_of_a_hundred_and_one_media_type,
    r_iop_09_names_compare_as_the_profile_says,
    r_ipsie_04_many_changes_go_at_once,
    r_ipsie_06_the_filters_of_the_list_are_answered,
    e_entra_03_probes_find_nothing_and_no_error,
    e_entra_07_users_come_with_nulls_and_odd_urns,
    e_entra_14_only_differences_are_sent,
    e_okta_03_a_user_is_made_found_and_imported,
    e_contra_01_clients_that_contradict_each_other_are_all_served,
    r_filter_25_a_default_is_found_by_its_value,
    r_filter_29_mail_addresses_may_stand_in_a_url,
    r_e_09_what_is_never_returned_is_never_told,
);

/// As the interoperability profile has it: every operation of a PATCH has a path.
fn replace(path: &str, value: impl Into<Value>) -> Value {
    json!({"op": "replace", "path": path, "value": value.into()})
}

async fn strict(server: &Server) -> Idp {
    let strict = json!({"profile": "strict"});
    server.idp_with(IdpKind::Generic, strict).await
}

fn body(name: &str) -> Value {
    json!({"schemas": [USER], "userName": name, "externalId": name, "active": true,
        "displayName": name})
}

/// R-IPSIE-02, R-IPSIE-07: identifiers are free again at once.
async fn r_iop_06_patch_deletes_nothing_and_delete_everything(server: &Server) {
    let idp = strict(server).await;
    let ada = idp.post("/Users", &body("ada")).await.is(201).id();
    let path = format!("/Users/{ada}");
    idp.patch(&path, replace("active", false)).await.is(200);
    assert_eq!(idp.get(&path).await.is(200).json()["active"], false);
    assert_eq!(idp.find("/Users", "externalId eq \"ada\"").await.ids(), [ada.as_str()]);
    idp.patch(&path, replace("active", true)).await.is(200);
    idp.delete(&path).await.is(204);
    idp.get(&path).await.refused(404, "");
    let again = idp.post("/Users", &body("ada")).await.is(201);
    assert_ne!(again.id(), ada, "an id is never given twice");
    assert_eq!(again.json().get("password"), None);
}

/// R-IPSIE-08: up to 1,000, and by cursor too.
async fn r_iop_08_pages_of_a_hundred_and_one_media_type(server: &Server) {
    let idp = strict(server).await;
    let users = many_users(&idp, "p", 1_100).await;
    let listed = async |query: &str| {
        let answer = idp.get(&format!("/Users{query}")).await.is(200);
        assert!(answer.header("content-type").is_some_and(|media| media.starts_with(SCIM_JSON)));
        answer.ids().len()
    };
    assert!(listed("").await >= 100, "the default page is too small");
    assert_eq!(listed("?count=100").await, 100);
    assert_eq!(listed("?count=1000").await, 1_000);
    let pages = idp.walk("/Users", "count=500").await;
    assert_eq!(sorted(&pages.concat()), sorted(&users));
}

async fn r_iop_09_names_compare_as_the_profile_says(server: &Server) {
    let idp = strict(server).await;
    let ada = idp.post("/Users", &body("ada")).await.is(201).id();
    let found = async |filter: String| idp.find("/Users", &filter).await.is(200).ids();
    assert_eq!(found("userName eq \"ADA\"".into()).await, [ada.as_str()]);
    assert!(found("externalId eq \"ADA\"".into()).await.is_empty());
    assert!(found(format!("id eq \"{}\"", ada.to_uppercase())).await.is_empty());
    assert_eq!(found(format!("id eq \"{ada}\"")).await, [ada.as_str()]);
    idp.post("/Users", &body("ADA")).await.refused(409, "uniqueness");
    for path in ["/ServiceProviderConfig", "/Schemas", "/ResourceTypes"] {
        idp.get(path).await.is(200);
    }
}

/// Bulk, a PATCH of several attributes, and one of 50 members and more.
async fn r_ipsie_04_many_changes_go_at_once(server: &Server) {
    let idp = strict(server).await;
    let users: Vec<Value> = (0..60).map(|n| user(&format!("u{n}"))).collect();
    let results = send(&idp, &users).await;
    assert_eq!(statuses(&results), vec!["201"; 60]);
    let ids: Vec<String> = results.iter().map(rollcall_tests::bulk::id).collect();
    let group = idp.group("crew", &[]).await;
    let members: Vec<Value> = ids.iter().map(|id| json!({"value": id})).collect();
    let add = json!({"op": "add", "path": "members", "value": members});
    idp.patch(&format!("/Groups/{group}"), add).await;
    assert_eq!(idp.members(&group).await, sorted(&ids));
    let both = json!([replace("displayName", "Ada"), replace("active", false)]);
    let patched = idp.patch(&format!("/Users/{}", ids[0]), both).await.is(200).json();
    assert_eq!((&patched["displayName"], &patched["active"]), (&json!("Ada"), &json!(false)));
    let one = patch(&format!("/Users/{}", ids[1]), &replace("displayName", "Bob"));
    assert_eq!(statuses(&send(&idp, &[one]).await), ["200"]);
}

async fn r_ipsie_06_the_filters_of_the_list_are_answered(server: &Server) {
    let idp = strict(server).await;
    let mut ada = body("ada");
    ada["emails"] = json!([{"value": "ada@example.com", "type": "work"}]);
    let ada = idp.post("/Users", &ada).await.is(201).id();
    idp.post("/Users", &body("bob")).await.is(201);
    for filter in [
        "userName eq \"ada\"",
        "externalId eq \"ada\"",
        "emails[value eq \"ada@example.com\"]",
        "emails[type eq \"work\" and value eq \"ada@example.com\"]",
    ] {
        assert_eq!(idp.find("/Users", filter).await.is(200).ids(), [ada.as_str()], "{filter}");
    }
    let crew = json!({"schemas": [GROUP], "displayName": "crew", "externalId": "x",
        "members": [{"value": ada}]});
    let crew = idp.post("/Groups", &crew).await.is(201).id();
    idp.group("empty", &[]).await;
    let holding = format!("members[value eq \"{ada}\"]");
    for filter in ["displayName eq \"crew\"", "externalId eq \"x\"", &holding] {
        assert_eq!(idp.find("/Groups", filter).await.is(200).ids(), [crew.as_str()], "{filter}");
    }
}

/// E-OKTA-02, E-ONEL-03, E-DEL-01, E-IBM-01, E-GOOG-04, E-CONTRA-04: what is asked before anything
/// is there gives an empty list with whole numbers, never 404.
async fn e_entra_03_probes_find_nothing_and_no_error(server: &Server) {
    let nobody = encoded("userName eq \"5a1b7d2c-90f4-4f0e-8a37-1f2f3c4d5e6f\"");
    for kind in [IdpKind::Entra, IdpKind::Okta, IdpKind::Generic] {
        let idp = server.idp(kind).await;
        for query in [
            format!("filter={nobody}"),
            format!("filter={nobody}&startIndex=1&count=100"),
            "count=1".into(),
            "startIndex=1&count=2".into(),
        ] {
            let list = idp.get(&format!("/Users?{query}")).await.is(200).json();
            assert_eq!((&list["totalResults"], &list["Resources"]), (&json!(0), &json!([])));
            assert!(list["startIndex"].is_u64() && list["itemsPerPage"].is_u64(), "{list}");
        }
    }
}

async fn e_entra_07_users_come_with_nulls_and_odd_urns(server: &Server) {
    let idp = server.idp(IdpKind::Entra).await;
    let odd = "urn:ietf:params:scim:schemas:extension:enterprise:2.0User";
    let made = idp
        .post(
            "/Users",
            &json!({
                "schemas": [USER, ENTERPRISE, odd], "userName": "ada", "title": null, "roles": [],
                "meta": {"resourceType": "User"}, "name": {"givenName": null},
                odd: {"department": "Sales"}, ENTERPRISE: {"department": "Ops", "division": null},
            }),
        )
        .await
        .is(201)
        .json();
    assert_eq!(made[ENTERPRISE], json!({"department": "Ops"}));
    for gone in ["title", "roles", "name", odd] {
        assert_eq!(made.get(gone), None, "{gone}");
    }
}

/// Read, compare, and PATCH what differs; an id that is gone is 404, so that it is made anew.
async fn e_entra_14_only_differences_are_sent(server: &Server) {
    let idp = server.idp(IdpKind::Entra).await;
    let ada = idp.post("/Users", &body("ada")).await.is(201).id();
    let path = format!("/Users/{ada}");
    assert_eq!(idp.find("/Users", "externalId eq \"ada\"").await.ids(), [ada.as_str()]);
    let title = json!([{"op": "Replace", "path": "title", "value": "Lead"}]);
    idp.patch(&path, title.clone()).await;
    let after = idp.get(&path).await.is(200).json();
    assert_eq!((&after["title"], &after["userName"]), (&json!("Lead"), &json!("ada")));
    idp.delete(&path).await.is(204);
    idp.patch(&path, title).await.refused(404, "");
}

/// E-OKTA-04, E-OKTA-06, E-OKTA-11, E-OKTA-12: a password that is sent is discarded, the id stays,
/// an address that is none is no reason to refuse, and an import walks by place.
async fn e_okta_03_a_user_is_made_found_and_imported(server: &Server) {
    let idp = server.idp(IdpKind::Okta).await;
    let ada = json!({
        "schemas": [USER], "userName": "ada@example.com", "externalId": "00uabc", "locale": "en-US",
        "name": {"givenName": "Ada", "familyName": "L"}, "displayName": "Ada L", "groups": [],
        "emails": [{"primary": true, "value": "no address", "type": "work"}],
        "password": "1mz050nq", "active": true,
    });
    let made = idp.post("/Users", &ada).await.is(201);
    let shown = made.json();
    assert_eq!((&shown["active"], shown.get("password")), (&json!(true), None));
    let path = format!("/Users/{}", made.id());
    let read = idp.request("GET", &path).header("content-type", SCIM_JSON);
    let read = idp.send(read.header("accept-charset", "utf-8")).await.is(200);
    assert_eq!(read.json(), shown);
    idp.post("/Users", &ada).await.refused(409, "uniqueness");
    assert_eq!(idp.find("/Users", "userName eq \"ADA@EXAMPLE.COM\"").await.ids(), [made.id()]);
    let detail = idp.get("/Users/00919288221112222").await.refused(404, "");
    assert!(!detail.is_empty());

    let mut all = many_users(&idp, "i", 205).await;
    all.push(made.id());
    let mut imported = Vec::new();
    for start in [1, 101, 201] {
        let page = idp.get(&format!("/Users?startIndex={start}&count=100")).await.is(200);
        let list = page.json();
        assert_eq!((&list["totalResults"], &list["startIndex"]), (&json!(206), &json!(start)));
        assert_eq!(list["itemsPerPage"], page.ids().len());
        imported.extend(page.ids());
    }
    assert_eq!(imported.len(), 206);
    assert_eq!(sorted(&imported), sorted(&all));
}

/// E-CONTRA-02, E-CONTRA-03, E-CONTRA-05, E-CONTRA-06, E-CONTRA-08: one client's habit is another's
/// error, so the profile decides.
async fn e_contra_01_clients_that_contradict_each_other_are_all_served(server: &Server) {
    let pathless = json!({"op": "replace", "value": {"title": "x"}});
    let text = replace("active", "False");
    let unmatched = replace("emails[type eq \"work\"].value", "a@example.com");
    let unknown = replace("nope", "x");
    for kind in [IdpKind::Okta, IdpKind::Entra] {
        let idp = server.idp(kind).await;
        let path = format!("/Users/{}", idp.user("ada").await);
        for operation in [&pathless, &text, &unmatched, &unknown] {
            let answer = idp.patch(&path, operation.clone()).await;
            assert!(matches!(answer.status, 200 | 204), "{answer}");
        }
        idp.put(&path, &body("ada")).await.is(200);
    }
    let idp = strict(server).await;
    let path = format!("/Users/{}", idp.post("/Users", &body("ada")).await.is(201).id());
    for (operation, scim_type) in [
        (pathless, "invalidSyntax"),
        (text, "invalidValue"),
        (unmatched, "noTarget"),
        (unknown, "invalidPath"),
    ] {
        idp.patch(&path, operation).await.refused(400, scim_type);
    }
    // A list of members to remove never empties a group.
    let entra = server.idp(IdpKind::Entra).await;
    let (ada, bob) = (entra.user("ada").await, entra.user("bob").await);
    let group = entra.group("crew", &[&ada, &bob]).await;
    let listed = json!({"op": "Remove", "path": "members", "value": [{"value": ada}]});
    entra.patch(&format!("/Groups/{group}"), listed).await;
    assert_eq!(entra.members(&group).await, [bob]);
}

/// `active` is true where nobody said so, and that is what is compared.
async fn r_filter_25_a_default_is_found_by_its_value(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let ada = json!({"schemas": [USER], "userName": "ada"});
    let made = idp.post("/Users", &ada).await.is(201);
    assert_eq!(made.json()["active"], true);
    assert_eq!(idp.find("/Users", "active eq true").await.ids(), [made.id()]);
    assert!(idp.find("/Users", "active ne true").await.ids().is_empty());
}

/// Okta and Entra ask by address with GET, so it is never refused as `sensitive`.
async fn r_filter_29_mail_addresses_may_stand_in_a_url(server: &Server) {
    for idp in [server.idp(IdpKind::Generic).await, strict(server).await] {
        idp.find("/Users", "emails[value eq \"ada@example.com\"]").await.is(200);
        idp.find("/Users", "userName eq \"ada@example.com\"").await.is(200);
    }
}

/// R-SEC-07: neither by filter nor by order, nor by what a conflict says.
async fn r_e_09_what_is_never_returned_is_never_told(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let mut ada = body("ada");
    ada["password"] = json!("secret-1mz050nq");
    idp.post("/Users", &ada).await.is(201);
    for filter in ["password eq \"secret-1mz050nq\"", "password sw \"s\"", "password pr"] {
        for endpoint in ["/Users", ""] {
            idp.find(endpoint, filter).await.refused(400, "invalidFilter");
        }
    }
    idp.get("/Users?sortBy=password").await.refused(400, "invalidValue");
    let shown = idp.get("/Users?attributes=password").await.is(200).json();
    assert!(!shown.to_string().contains("secret"), "{shown}");
    let told = idp.post("/Users", &ada).await.refused(409, "uniqueness");
    assert!(!told.contains("ada") && !told.contains("secret"), "{told}");
}
