//! Schemas and resource types of one's own over HTTP, on both stores: they are discovered, written,
//! found, indexed and kept unique by the code that does so for users.

use std::collections::{BTreeMap, BTreeSet};
use std::slice::from_ref;
use std::sync::atomic::{AtomicBool, Ordering};

use rollcall_domain::{Built, Caller, IdpKind, IndexState};
use rollcall_tests::bulk::{delete, id, patch, post, send, statuses};
use rollcall_tests::client::SEARCH;
use rollcall_tests::data::{ENTERPRISE, USER};
use rollcall_tests::idp::{Idp, encoded, sorted};
use rollcall_tests::on_both_stores;
use rollcall_tests::server::{PUBLIC_URL, Server};
use serde_json::{Value, json};

on_both_stores!(
    r_disc_01_a_type_of_ones_own_is_discovered,
    r_attr_22_a_type_of_ones_own_is_written_as_users_are,
    a_type_of_ones_own_is_found_as_users_are,
    a_type_of_ones_own_goes_by_bulk,
    a_relation_of_ones_own_holds_who_is_there,
    r_attr_10_references_name_what_their_types_say,
    references_of_ones_own_go_by_bulk,
    r_ext_01_an_extension_of_ones_own_belongs_to_users,
    faults_name_the_line,
    definitions_change_in_ways_that_nobody_notices,
    duplicates_of_what_shall_be_unique_are_listed,
    indexes_are_built_while_writers_write,
    what_is_in_use_stays,
    connections_have_definitions_of_their_own,
);

const BADGE: &str = "urn:example:badge";
const SITE: &str = "urn:example:site";
const KEY: &str = "urn:example:key";
const BUDDY: &str = "urn:example:buddy";

/// Badges that users hold, and where users sit.
fn badges() -> Value {
    json!({
        "schemas": [
            {"id": BADGE, "name": "Badge", "attributes": [
                {"name": "number", "required": true, "uniqueness": "server"},
                {"name": "colour"},
                {"name": "floor", "type": "integer"},
                {"name": "holders", "type": "complex", "multiValued": true, "subAttributes": [
                    {"name": "value", "caseExact": true, "mutability": "immutable"},
                    {"name": "$ref", "type": "reference", "referenceTypes": ["User"]},
                    {"name": "type"}]}]},
            {"id": SITE, "name": "Site", "attributes": [
                {"name": "building"},
                {"name": "desk", "uniqueness": "server"}]},
        ],
        "resourceTypes": [
            {"name": "Badge", "endpoint": "/Badges", "schema": BADGE, "indexed": ["colour"]},
        ],
        "extensions": [
            {"resourceType": "User", "schema": SITE, "indexed": [format!("{SITE}:building")]},
        ],
    })
}

async fn with_badges(server: &Server) -> Idp {
    let idp = server.idp(IdpKind::Generic).await;
    server.define(&idp, &badges()).await.expect("the definitions are good")
}

fn badge(number: &str, colour: &str, floor: i64) -> Value {
    json!({"schemas": [BADGE], "number": number, "colour": colour, "floor": floor})
}

async fn made(idp: &Idp, number: &str, colour: &str, floor: i64) -> String {
    idp.post("/Badges", &badge(number, colour, floor)).await.is(201).id()
}

async fn found(idp: &Idp, filter: &str) -> Vec<String> {
    sorted(&idp.find("/Badges", filter).await.is(200).ids())
}

async fn refused(server: &Server, idp: &Idp, definitions: &Value) -> String {
    server.define(idp, definitions).await.expect_err("they can't be added").to_string()
}

/// R-DISC-04, R-DISC-06, R-DISC-08.
async fn r_disc_01_a_type_of_ones_own_is_discovered(server: &Server) {
    let idp = with_badges(server).await;
    let schemas = idp.get("/Schemas").await.is(200);
    assert!([BADGE, SITE].iter().all(|urn| schemas.ids().iter().any(|id| id == urn)), "{schemas}");
    let schema = idp.get(&format!("/Schemas/{BADGE}")).await.is(200).json();
    assert_eq!(schema["attributes"][0]["name"], "number");
    assert_eq!(schema["attributes"][0]["uniqueness"], "server");
    assert_eq!(schema["attributes"][1]["mutability"], "readWrite", "defaults are told");
    let location = format!("{PUBLIC_URL}{}/Schemas/{BADGE}", idp.base);
    assert_eq!(schema["meta"]["location"], json!(location));
    let ty = idp.get("/ResourceTypes/Badge").await.is(200).json();
    assert_eq!((&ty["endpoint"], &ty["schema"]), (&json!("/Badges"), &json!(BADGE)));
    assert_eq!(ty.get("indexed"), None, "what is indexed is not on the wire");
    let users = idp.get("/ResourceTypes/User").await.is(200).json();
    let extensions = users["schemaExtensions"].as_array().expect("a list");
    let site = extensions.iter().find(|one| one["schema"] == SITE);
    assert_eq!(site.map(|one| &one["required"]), Some(&json!(false)), "{users}");
}

/// POST, GET, PUT, PATCH and DELETE, with versions, projections and the same refusals.
async fn r_attr_22_a_type_of_ones_own_is_written_as_users_are(server: &Server) {
    let idp = with_badges(server).await;
    let posted = idp.post("/Badges", &badge("N1", "Red", 3)).await.is(201);
    let path = format!("/Badges/{}", posted.id());
    let whole = format!("{PUBLIC_URL}{}{path}", idp.base);
    assert_eq!(posted.header("location"), Some(&*whole));
    assert_eq!(posted.json()["meta"]["resourceType"], "Badge");
    assert!(posted.header("etag").is_some());
    let read = idp.get(&path).await.is(200);
    assert_eq!(read.json(), posted.json());
    let part = idp.get(&format!("{path}?attributes=colour")).await.is(200).json();
    assert_eq!((&part["colour"], part.get("floor")), (&json!("Red"), None));

    for (body, scim_type) in [
        (json!({"schemas": [BADGE], "colour": "red"}), "invalidValue"),
        (json!({"schemas": [BADGE], "number": 7}), "invalidValue"),
        (json!({"schemas": [BADGE], "number": "N9", "floor": 1.5}), "invalidValue"),
    ] {
        idp.post("/Badges", &body).await.refused(400, scim_type);
    }
    let told = idp.post("/Badges", &badge("n1", "blue", 1)).await.refused(409, "uniqueness");
    assert!(told.contains("number"), "{told}");

    let put = idp.put(&path, &badge("N2", "Blue", 4)).await.is(200);
    assert_eq!(put.json()["number"], "N2");
    assert_ne!(put.header("etag"), posted.header("etag"));
    // The old number is free, and the new one is not.
    made(&idp, "N1", "red", 1).await;
    idp.post("/Badges", &badge("N2", "red", 1)).await.refused(409, "uniqueness");
    let both = json!([{"op": "replace", "path": "floor", "value": 5},
        {"op": "remove", "path": "colour"}]);
    let patched = idp.patch(&path, both).await.is(200).json();
    assert_eq!((&patched["floor"], patched.get("colour")), (&json!(5), None));
    let taken = json!({"op": "replace", "path": "number", "value": "n1"});
    idp.patch(&path, taken).await.refused(409, "uniqueness");
    let stale = idp.request("DELETE", &path).header("if-match", "W/\"1\"");
    idp.send(stale).await.refused(412, "");
    idp.delete(&path).await.is(204);
    idp.get(&path).await.refused(404, "");
    idp.post("/Badges", &badge("N2", "red", 1)).await.is(201);
    // Users know nothing of badges.
    idp.get(&format!("/Users/{}", posted.id())).await.refused(404, "");
}

/// Filters, sorting, `.search`, the root and cursors.
async fn a_type_of_ones_own_is_found_as_users_are(server: &Server) {
    let idp = with_badges(server).await;
    let mut ids = Vec::new();
    for (number, colour, floor) in
        [("N3", "Red", 3), ("N1", "blue", 1), ("N5", "RED", 5), ("N2", "green", 2)]
    {
        ids.push(made(&idp, number, colour, floor).await);
    }
    let of =
        |places: &[usize]| sorted(&places.iter().map(|at| ids[*at].clone()).collect::<Vec<_>>());
    for (filter, expect) in [
        ("colour eq \"red\"", &[0, 2][..]),
        ("colour sw \"R\" and floor gt 3", &[2]),
        ("number eq \"n1\"", &[1]),
        ("floor le 2", &[1, 3]),
        ("not (colour pr)", &[]),
        ("urn:example:badge:floor eq 5 or number eq \"N2\"", &[2, 3]),
        ("meta.resourceType eq \"Badge\"", &[0, 1, 2, 3]),
    ] {
        assert_eq!(found(&idp, filter).await, of(expect), "{filter}");
        let body = json!({"schemas": [SEARCH], "filter": filter});
        let posted = idp.post("/Badges/.search", &body).await.is(200);
        assert_eq!(sorted(&posted.ids()), of(expect), "{filter}");
    }
    idp.find("/Badges", "floor eq \"three\"").await.refused(400, "invalidFilter");
    let by_number = [1, 3, 0, 2].map(|at| ids[at].clone());
    assert_eq!(idp.get("/Badges?sortBy=number").await.is(200).ids(), by_number);
    let by_floor = idp.get("/Badges?sortBy=floor&sortOrder=descending").await.is(200).ids();
    assert_eq!(by_floor, [2, 0, 3, 1].map(|at| ids[at].clone()));
    // R-GET-08: all types beside each other.
    let user = idp.user("ada").await;
    let all = idp.find("/", "colour eq \"blue\" or userName eq \"ada\"").await.is(200);
    assert_eq!(sorted(&all.ids()), sorted(&[ids[1].clone(), user]));
    // R-CUR-02, R-CUR-09.
    for (query, expect) in [("count=3", ids.clone()), ("count=3&sortBy=number", by_number.into())] {
        let pages = idp.walk("/Badges", query).await;
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [3, 1], "{query}");
        assert_eq!(pages.concat(), expect, "{query}");
    }
}

async fn a_type_of_ones_own_goes_by_bulk(server: &Server) {
    let idp = with_badges(server).await;
    let user = post("ada", "/Users", &json!({"schemas": [USER], "userName": "ada"}));
    let mut held = badge("N1", "red", 1);
    held["holders"] = json!([{"value": "bulkId:ada"}]);
    let floor = json!({"op": "replace", "path": "floor", "value": 9});
    let results = send(
        &idp,
        &[
            post("b1", "/Badges", &held),
            post("b2", "/Badges", &badge("n1", "blue", 2)),
            post("b3", "/Badges", &badge("N3", "blue", 3)),
            user,
            patch("/Badges/bulkId:b1", &floor),
            delete("/Badges/bulkId:b3"),
        ],
    )
    .await;
    assert_eq!(statuses(&results), ["201", "409", "201", "201", "200", "204"]);
    assert_eq!(results[1]["response"]["scimType"], "uniqueness");
    let badge = idp.get(&format!("/Badges/{}", id(&results[0]))).await.is(200).json();
    assert_eq!(badge["floor"], 9);
    assert_eq!(badge["holders"][0]["value"], json!(id(&results[3])));
    assert_eq!(idp.get("/Badges").await.is(200).ids(), [id(&results[0])]);
}

/// A relation is kept as members of groups are.
async fn a_relation_of_ones_own_holds_who_is_there(server: &Server) {
    let idp = with_badges(server).await;
    let (ada, bob) = (idp.user("ada").await, idp.user("bob").await);
    let badge = made(&idp, "N1", "red", 1).await;
    let path = format!("/Badges/{badge}");
    let add = |id: &str| json!({"op": "add", "path": "holders", "value": [{"value": id}]});
    let patched = idp.patch(&path, json!([add(&ada), add(&bob)])).await.is(200).json();
    let holders = patched["holders"].as_array().expect("a list");
    assert_eq!(holders.len(), 2);
    for holder in holders {
        let reference = holder["$ref"].as_str().unwrap_or_default();
        assert!(reference.starts_with(&format!("{PUBLIC_URL}{}/Users/", idp.base)), "{holder}");
    }
    assert_eq!(found(&idp, &format!("holders.value eq \"{ada}\"")).await, from_ref(&badge));
    assert_eq!(found(&idp, &format!("holders eq \"{badge}\"")).await, [""; 0]);
    let nobody = "00000000-0000-7000-8000-000000000000";
    idp.patch(&path, add(nobody)).await.refused(400, "invalidValue");
    let remove = json!({"op": "remove", "path": format!("holders[value eq \"{bob}\"]")});
    assert_eq!(
        idp.patch(&path, remove).await.is(200).json()["holders"].as_array().map(Vec::len),
        Some(1)
    );
    // Who goes holds nothing any more.
    idp.delete(&format!("/Users/{ada}")).await.is(204);
    assert_eq!(idp.get(&path).await.is(200).json().get("holders"), None);
    assert_eq!(found(&idp, &format!("holders.value eq \"{ada}\"")).await, [""; 0]);
}

/// Keys, which refer to resources in their documents.
fn keys() -> Value {
    let resource = |types: Value| json!([{"name": "value"}, {"name": "$ref", "type": "reference", "referenceTypes": types}]);
    json!({
        "schemas": [
            {"id": KEY, "name": "Key", "attributes": [
                {"name": "code", "required": true},
                {"name": "owner", "type": "complex", "subAttributes": resource(json!(["User"]))},
                {"name": "opens", "type": "reference", "multiValued": true,
                    "referenceTypes": ["Badge", "Key"]},
                {"name": "page", "type": "reference", "referenceTypes": ["external"]},
                {"name": "any", "type": "reference", "referenceTypes": ["User", "uri"]}]},
            {"id": BUDDY, "name": "Buddy", "attributes": [
                {"name": "buddy", "type": "reference", "referenceTypes": ["User"]}]},
        ],
        "resourceTypes": [{"name": "Key", "endpoint": "/Keys", "schema": KEY}],
        "extensions": [{"resourceType": "User", "schema": BUDDY}],
    })
}

async fn with_keys(server: &Server) -> Idp {
    let idp = with_badges(server).await;
    server.define(&idp, &keys()).await.expect("the definitions are good")
}

/// Refused with the value, the attribute and the types that it may be of.
#[track_caller]
fn no_reference(answer: &rollcall_tests::client::Answer, value: &str, attr: &str, types: &str) {
    let told = answer.refused(400, "invalidValue");
    for part in [format!("`{value}`"), format!("`{attr}`"), types.to_owned()] {
        assert!(told.contains(&part), "no {part} in: {told}");
    }
}

/// RFC 7643 §7: `referenceTypes` that name resource types hold, on every way to write. What
/// `external` and `uri` point at is not ours (R-RES-01, R-RES-03).
async fn r_attr_10_references_name_what_their_types_say(server: &Server) {
    let idp = with_keys(server).await;
    let (ada, crew) = (idp.user("ada").await, idp.group("crew", &[]).await);
    let badge = made(&idp, "N1", "red", 1).await;
    let nobody = "00000000-0000-7000-8000-000000000000";
    let path = format!("/Badges/{badge}");
    for wrong in [&*crew, &badge, nobody, "nobody"] {
        let holders = json!([{"value": ada}, {"value": wrong}]);
        let mut body = badge_of("N2", &holders);
        no_reference(&idp.post("/Badges", &body).await, wrong, "holders", "no `User`");
        body["number"] = json!("N1");
        no_reference(&idp.put(&path, &body).await, wrong, "holders", "no `User`");
        let add = json!({"op": "add", "path": "holders", "value": [{"value": wrong}]});
        no_reference(&idp.patch(&path, add).await, wrong, "holders", "no `User`");
    }
    assert_eq!(idp.get(&path).await.json().get("holders"), None);
    // Groups hold users and groups, whatever else there is.
    let add = |id: &str| json!({"op": "add", "path": "members", "value": [{"value": id}]});
    let group = format!("/Groups/{crew}");
    no_reference(&idp.patch(&group, add(&badge)).await, &badge, "members", "no `User` or `Group`");
    let other = idp.group("other", &[]).await;
    idp.patch(&group, json!([add(&ada), add(&other)])).await;
    assert_eq!(idp.members(&crew).await, sorted(&[ada.clone(), other]));

    let key = |attr: &str, value: Value| json!({"schemas": [KEY], "code": "c", attr: value});
    for good in [
        key("owner", json!({"value": ada})),
        key("owner", json!({"$ref": format!("../Users/{ada}"), "value": ada})),
        key("owner", json!({"$ref": format!("{PUBLIC_URL}{}/Users/{ada}", idp.base)})),
        key("opens", json!([badge, format!("Badges/{badge}")])),
        key("page", json!("https://elsewhere.test/Users/nobody")),
        key("any", json!("anything")),
    ] {
        idp.post("/Keys", &good).await.is(201);
    }
    let in_groups = format!("/Groups/{ada}");
    let as_user = format!("Users/{badge}");
    for (attr, value, wrong, types) in [
        ("owner.value", json!({"value": crew}), &*crew, "no `User`"),
        ("owner.value", json!({"value": nobody}), nobody, "no `User`"),
        ("owner.value", json!({"value": "nobody"}), "nobody", "no `User`"),
        ("owner.$ref", json!({"$ref": in_groups}), &in_groups, "no `User`"),
        ("opens", json!([badge, ada]), &ada, "no `Badge` or `Key`"),
        ("opens", json!([as_user]), &as_user, "no `Badge` or `Key`"),
    ] {
        let name = attr.split('.').next().unwrap_or_default();
        no_reference(&idp.post("/Keys", &key(name, value)).await, wrong, attr, types);
    }
    let buddy = json!({"schemas": [USER, BUDDY], "userName": "bob", BUDDY: {"buddy": crew}});
    no_reference(&idp.post("/Users", &buddy).await, &crew, &format!("{BUDDY}:buddy"), "no `User`");
    // A manager may be anybody, as clients send one that isn't there yet.
    let bob = json!({"schemas": [USER, ENTERPRISE, BUDDY], "userName": "bob",
        BUDDY: {"buddy": ada}, ENTERPRISE: {"manager": {"value": "somebody"}}});
    idp.post("/Users", &bob).await.is(201);

    // What was there once stays until somebody writes another.
    let owned = idp.post("/Keys", &key("owner", json!({"value": ada}))).await.is(201);
    let path = format!("/Keys/{}", owned.id());
    idp.delete(&format!("/Users/{ada}")).await.is(204);
    let code = json!({"op": "replace", "path": "code", "value": "d"});
    assert_eq!(idp.patch(&path, code).await.is(200).json()["owner"], json!({"value": ada}));
    idp.put(&path, &key("owner", json!({"value": ada}))).await.is(200);
    let replace = |id: &str| json!({"op": "replace", "path": "owner.value", "value": id});
    no_reference(&idp.patch(&path, replace(nobody)).await, nobody, "owner.value", "no `User`");
    no_reference(
        &idp.post("/Keys", &key("owner", json!({"value": ada}))).await,
        &ada,
        "owner.value",
        "no `User`",
    );
}

fn badge_of(number: &str, holders: &Value) -> Value {
    json!({"schemas": [BADGE], "number": number, "holders": holders})
}

/// R-BULK-05, R-BULK-06, R-BULK-07: what begins in the same request may be referred to, as long as
/// it is of the type.
async fn references_of_ones_own_go_by_bulk(server: &Server) {
    let idp = with_keys(server).await;
    let dora = idp.user("dora").await;
    let key = |id: &str, attr: &str, value: Value| {
        post(id, "/Keys", &json!({"schemas": [KEY], "code": id, attr: value}))
    };
    let results = send(
        &idp,
        &[
            key("k1", "owner", json!({"value": "bulkId:u", "$ref": "/Users/bulkId:u"})),
            key("k2", "opens", json!(["bulkId:k3", "Badges/bulkId:b"])),
            key("k3", "opens", json!(["bulkId:k2"])),
            key("k4", "owner", json!({"value": "bulkId:b"})),
            key("k5", "owner", json!({"$ref": "/Users/bulkId:nobody"})),
            key("k6", "owner", json!({"value": dora})),
            delete(&format!("/Users/{dora}")),
            key("k7", "owner", json!({"value": dora})),
            post("b", "/Badges", &badge_of("N1", &json!([{"value": "bulkId:u"}]))),
            post("c", "/Badges", &badge_of("N2", &json!([{"value": "bulkId:b"}]))),
            rollcall_tests::bulk::user("u"),
            rollcall_tests::bulk::group("g", ["bulkId:u", "bulkId:b"]),
            patch(
                "/Users/bulkId:u",
                &json!({"op": "add", "path": format!("{BUDDY}:buddy"),
            "value": "bulkId:u"}),
            ),
        ],
    )
    .await;
    let expect =
        ["201", "201", "201", "400", "400", "201", "204", "400", "201", "400", "201", "400", "200"];
    assert_eq!(statuses(&results), expect, "{results:#?}");
    let (user, badge) = (id(&results[10]), id(&results[8]));
    let told = |at: usize| results[at]["response"]["detail"].as_str().unwrap_or_default();
    for (at, parts) in [
        (3, [&*badge, "`owner.value`", "no `User`"]),
        (4, ["`nobody`", "", ""]),
        (7, [&*dora, "`owner.value`", "no `User`"]),
        (9, [&*badge, "`holders`", "no `User`"]),
        (11, [&*badge, "`members`", "no `User` or `Group`"]),
    ] {
        assert!(parts.iter().all(|part| told(at).contains(part)), "{at}: {}", told(at));
    }
    let read = async |at: usize| idp.get(&format!("/Keys/{}", id(&results[at]))).await.json();
    let owner = json!({"value": user, "$ref": format!("/Users/{user}")});
    assert_eq!(read(0).await["owner"], owner);
    assert_eq!(read(1).await["opens"], json!([id(&results[2]), format!("Badges/{badge}")]));
    assert_eq!(read(2).await["opens"], json!([id(&results[1])]));
    let shown = idp.get(&format!("/Users/{user}")).await.json();
    assert_eq!(shown[BUDDY]["buddy"], json!(user));
}

async fn r_ext_01_an_extension_of_ones_own_belongs_to_users(server: &Server) {
    let idp = with_badges(server).await;
    let user = |name: &str, building: &str, desk: &str| {
        json!({"schemas": [USER, SITE], "userName": name,
            SITE: {"building": building, "desk": desk}})
    };
    let posted = idp.post("/Users", &user("ada", "HQ", "1")).await.is(201);
    let (path, body) = (format!("/Users/{}", posted.id()), posted.json());
    assert_eq!(body[SITE], json!({"building": "HQ", "desk": "1"}));
    assert!(body["schemas"].as_array().is_some_and(|list| list.contains(&json!(SITE))), "{posted}");
    let told = idp.post("/Users", &user("bob", "HQ", "1")).await.refused(409, "uniqueness");
    assert!(told.contains("desk"), "{told}");
    let bob = idp.post("/Users", &user("bob", "hq", "2")).await.is(201).id();
    let find = async |filter: &str| sorted(&idp.find("/Users", filter).await.is(200).ids());
    let both = sorted(&[posted.id(), bob.clone()]);
    assert_eq!(find(&format!("{SITE}:building eq \"HQ\"")).await, both);
    assert_eq!(find(&format!("{SITE}:desk eq \"2\"")).await, from_ref(&bob));
    assert_eq!(find(&format!("schemas eq \"{SITE}\"")).await, both);
    let part = idp.get(&format!("{path}?attributes={SITE}:desk")).await.is(200).json();
    assert_eq!((&part[SITE], part.get("userName")), (&json!({"desk": "1"}), None));
    let order = idp.get(&format!("/Users?sortBy={SITE}:desk&sortOrder=descending")).await;
    assert_eq!(order.is(200).ids(), [bob, posted.id()]);

    let move_to = json!({"op": "replace", "path": format!("{SITE}:building"), "value": "Annex"});
    assert_eq!(idp.patch(&path, move_to).await.is(200).json()[SITE]["building"], "Annex");
    let taken = json!({"op": "replace", "value": {SITE: {"desk": "2"}}});
    idp.patch(&path, taken).await.refused(409, "uniqueness");
    let gone = idp.patch(&path, json!({"op": "remove", "path": SITE})).await.is(200).json();
    assert_eq!(gone.get(SITE), None, "{gone}");
    assert!(!gone["schemas"].as_array().is_some_and(|list| list.contains(&json!(SITE))));
    assert_eq!(find(&format!("{SITE}:building eq \"Annex\"")).await, [""; 0]);
    idp.put(&path, &user("ada", "HQ", "1")).await.is(200);
    let bare = idp.put(&path, &json!({"schemas": [USER], "userName": "ada"})).await.is(200);
    assert_eq!(bare.json().get(SITE), None);
    // Groups have no desks.
    let group = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group", SITE],
        "displayName": "g", SITE: {"desk": "9"}});
    let group = idp.post("/Groups", &group).await;
    assert!(group.status == 400 || group.json().get(SITE).is_none(), "{group}");
}

async fn faults_name_the_line(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let text = "{\n  \"id\": \"urn:example:x\",\n  \"attributes\": [\n    {\"name\": \"a\", \
                \"type\": \"text\"},\n    {\"name\": \"b\", \"mutliValued\": true}\n  ]\n}";
    let error = server.add(&idp, text).await;
    let told = error.expect_err("it is refused").to_string();
    for expect in ["line 4, column 27", "line 5, column 19", "mutliValued", "one of string"] {
        assert!(told.contains(expect), "`{expect}` in:\n{told}");
    }
    // What is wrong in itself, and beside what every connection has.
    for (pointer, value, expect) in [
        ("/resourceTypes/0/schema", json!("urn:none"), "/resourceTypes/0/schema"),
        ("/resourceTypes/0/endpoint", json!("/Users"), "taken"),
        ("/resourceTypes/0/endpoint", json!("/Bulk"), "/resourceTypes/0/endpoint"),
        ("/resourceTypes/0/indexed/0", json!("shape"), "/resourceTypes/0/indexed/0"),
        ("/extensions/0/resourceType", json!("Nobody"), "Nobody"),
        ("/schemas/0/attributes/0/name", json!("9lives"), "/schemas/0/attributes/0/name"),
        ("/schemas/0/id", json!(USER), "/schemas/0/id"),
    ] {
        let mut bad = badges();
        *bad.pointer_mut(pointer).expect("the test points somewhere") = value;
        let told = refused(server, &idp, &bad).await;
        assert!(told.contains("line ") && told.contains(expect), "{pointer}: {told}");
    }
    // Nothing of it is there.
    idp.get("/Badges").await.refused(404, "");
    assert_eq!(server.connection(&idp).await.revision, 0);
}

async fn definitions_change_in_ways_that_nobody_notices(server: &Server) {
    let idp = with_badges(server).await;
    let before = made(&idp, "N1", "red", 1).await;
    let revision = server.connection(&idp).await.revision;
    // The same once more is nothing new.
    let idp = server.define(&idp, &badges()).await.expect("it is there already");
    assert_eq!(server.connection(&idp).await.revision, revision);

    let mut more = badges();
    let attributes = more.pointer_mut("/schemas/0/attributes").and_then(Value::as_array_mut);
    attributes.expect("a list").push(json!({"name": "shape", "canonicalValues": ["round"]}));
    more["resourceTypes"][0]["indexed"] = json!(["colour", "shape"]);
    more["resourceTypes"][0]["description"] = json!("Badges of all shapes");
    let idp = server.define(&idp, &more).await.expect("it is additive");
    assert_eq!(server.connection(&idp).await.revision, revision + 1);
    let path = format!("/Badges/{before}");
    assert_eq!(idp.get(&path).await.is(200).json()["colour"], "red");
    let shape = json!({"op": "add", "path": "shape", "value": "Round"});
    idp.patch(&path, shape).await.is(200);
    assert_eq!(found(&idp, "shape eq \"round\"").await, from_ref(&before));

    for (pointer, value, expect) in [
        ("/schemas/0/attributes/2/type", json!("string"), "integer"),
        ("/schemas/0/attributes/1/multiValued", json!(true), "multiValued"),
        ("/schemas/0/attributes/1/caseExact", json!(true), "caseExact"),
        ("/schemas/0/attributes/1/required", json!(true), "required"),
        ("/schemas/0/attributes/4/canonicalValues", json!(["square"]), "round"),
        ("/schemas/0/attributes/1", json!({"name": "color"}), "`colour` is missing"),
        ("/resourceTypes/0/endpoint", json!("/Cards"), "/resourceTypes/0/endpoint"),
    ] {
        let mut bad = more.clone();
        put(&mut bad, pointer, value);
        let told = refused(server, &idp, &bad).await;
        assert!(told.contains("line ") && told.contains(expect), "{pointer}: {told}");
    }
    assert_eq!(server.connection(&idp).await.revision, revision + 1);
    assert_eq!(found(&idp, "shape eq \"round\"").await, [before]);
}

fn put(all: &mut Value, pointer: &str, value: Value) {
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    let parent = all.pointer_mut(parent).expect("the test points somewhere");
    match parent {
        Value::Array(list) => list[name.parse::<usize>().expect("a place")] = value,
        parent => parent[name] = value,
    }
}

async fn duplicates_of_what_shall_be_unique_are_listed(server: &Server) {
    let idp = with_badges(server).await;
    let first = made(&idp, "N1", "Red", 1).await;
    let second = made(&idp, "N2", "red", 1).await;
    let third = made(&idp, "N3", "blue", 1).await;
    let mut unique = badges();
    put(&mut unique, "/schemas/0/attributes/1/uniqueness", json!("server"));
    let told = refused(server, &idp, &unique).await;
    assert!(told.contains("`colour`") && told.contains("2 of the type `Badge`"), "{told}");
    assert!(told.contains(&first) && told.contains(&second) && !told.contains(&third), "{told}");
    // As it was.
    let twin = made(&idp, "N4", "blue", 1).await;

    let green = json!({"op": "replace", "path": "colour", "value": "green"});
    idp.patch(&format!("/Badges/{second}"), green).await.is(200);
    idp.delete(&format!("/Badges/{twin}")).await.is(204);
    let idp = server.define(&idp, &unique).await.expect("nothing stands in the way");
    // The index is built behind, and what is not in it yet is found all the same.
    let built = server.indexer().run(&server.connection(&idp).await).await.expect("it is built");
    assert_eq!((built.done, built.conflicts.len()), (3, 0));
    idp.post("/Badges", &badge("N5", "RED", 1)).await.refused(409, "uniqueness");
    let blue = json!({"op": "replace", "path": "colour", "value": "Blue"});
    idp.patch(&format!("/Badges/{second}"), blue).await.refused(409, "uniqueness");
    made(&idp, "N5", "yellow", 1).await;
    // And back: what is unique no longer may be shared.
    let idp = server.define(&idp, &badges()).await.expect("less is required");
    server.indexer().run(&server.connection(&idp).await).await.expect("it is built");
    made(&idp, "N6", "yellow", 1).await;
    assert_eq!(found(&idp, "colour eq \"YELLOW\"").await.len(), 2);
}

const BADGES: usize = 600;
const FLOORS: i64 = 5;

/// Filters give the right answers before an index is there, while it is built and afterwards,
/// whatever is written meanwhile by those who have not yet heard of it.
async fn indexes_are_built_while_writers_write(server: &Server) {
    let idp = with_badges(server).await;
    let floor_of = |n: usize| n as i64 % FLOORS;
    let many: Vec<Value> = (0..BADGES)
        .map(|n| post(&format!("b{n}"), "/Badges", &badge(&format!("N{n}"), "red", floor_of(n))))
        .collect();
    let ids: Vec<String> = send(&idp, &many).await.iter().map(id).collect();
    // The last third is changed meanwhile, the others are left alone.
    let (untouched, touched) = ids.split_at(BADGES / 3 * 2);
    let expect = |floor: i64| -> BTreeSet<String> {
        let of = untouched.iter().enumerate().filter(|(n, _)| floor_of(*n) == floor);
        of.map(|(_, id)| id.clone()).collect()
    };
    let mut more = badges();
    more["resourceTypes"][0]["indexed"] = json!(["colour", "floor"]);
    let late = server.define(&idp, &more).await.expect("it is additive");
    let connection = server.connection(&idp).await;
    let indexer = server.indexer();
    let state = async || {
        let indexes = indexer.status(&connection).await.expect("its state is known");
        let found = indexes.into_iter().find(|index| index.attr == "floor");
        found.expect("an index on `floor`").state
    };
    let look = async |idp: &Idp, floor: i64| {
        let filter = encoded(&format!("floor eq {floor}"));
        let page = idp.get(&format!("/Badges?filter={filter}&count=1000")).await.is(200);
        let all: Vec<(String, Value)> = page
            .resources()
            .iter()
            .map(|badge| (badge["id"].as_str().expect("an id").to_owned(), badge["floor"].clone()))
            .collect();
        // Nobody is found who isn't there.
        assert!(all.iter().all(|(_, at)| *at == json!(floor)), "floor {floor}: {page}");
        let all: BTreeSet<String> = all.into_iter().map(|(id, _)| id).collect();
        let missing: Vec<_> = expect(floor).difference(&all).cloned().collect();
        assert!(missing.is_empty(), "floor {floor} lacks {missing:?}");
    };
    for floor in 0..FLOORS {
        look(&late, floor).await;
    }
    assert_eq!(state().await, IndexState::Building);

    // Some write as the former definitions say, some as the new ones.
    let done = AtomicBool::new(false);
    let writers = [&idp, &late].into_iter().enumerate().map(|(writer, idp)| {
        let mine: Vec<String> = touched.iter().skip(writer).step_by(2).cloned().collect();
        async move {
            for (n, id) in mine.iter().enumerate() {
                let path = format!("/Badges/{id}");
                let floor =
                    json!({"op": "replace", "path": "floor", "value": (n as i64 + 1) % FLOORS});
                idp.patch(&path, floor).await.is(200);
                if n % 7 == 0 {
                    idp.delete(&path).await.is(204);
                    made(idp, &format!("W{writer}-{n}"), "blue", n as i64 % FLOORS).await;
                }
            }
        }
    });
    let writing = async {
        futures_util::future::join_all(writers).await;
        done.store(true, Ordering::Relaxed);
    };
    let building = async {
        // Records that are written as they were before are behind again.
        loop {
            let last = done.load(Ordering::Relaxed);
            let built = indexer.run(&connection).await.expect("it is built");
            assert!(built.conflicts.is_empty(), "{built:?}");
            if last && built == Built::default() {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    let reading = async {
        let mut floor = 0;
        while !done.load(Ordering::Relaxed) {
            look(&late, floor % FLOORS).await;
            look(&idp, floor % FLOORS).await;
            floor += 1;
        }
    };
    tokio::join!(writing, building, reading);
    assert_eq!(state().await, IndexState::Ready);

    // Now the index answers, and says what reading everything says.
    let mut all: BTreeMap<i64, BTreeSet<String>> = BTreeMap::new();
    for badge in late.get("/Badges?count=1000").await.is(200).resources() {
        let floor = badge["floor"].as_i64().expect("a floor");
        all.entry(floor).or_default().insert(badge["id"].as_str().expect("an id").to_owned());
    }
    for (floor, expect) in all {
        let filter = encoded(&format!("floor eq {floor}"));
        let page = late.get(&format!("/Badges?filter={filter}&count=1000")).await.is(200);
        assert_eq!(page.ids().into_iter().collect::<BTreeSet<_>>(), expect, "floor {floor}");
    }
}

async fn what_is_in_use_stays(server: &Server) {
    let idp = with_badges(server).await;
    let admin = server.admin();
    let remove = async |name: &str| {
        let at = idp.at.connection;
        let removed = admin.remove_definition(&Caller::CLI, at, name, None).await;
        removed.map(drop).map_err(|error| error.to_string())
    };
    let badge = made(&idp, "N1", "red", 1).await;
    let seated = json!({"schemas": [USER, SITE], "userName": "ada", SITE: {"desk": "1"}});
    let user = idp.post("/Users", &seated).await.is(201).id();
    let told = remove("Badge").await.expect_err("a badge is there");
    assert!(told.contains("1 of the type `Badge` are left"), "{told}");
    let told = remove(SITE).await.expect_err("a desk is there");
    assert!(told.contains("1 of the type `User`") && told.contains(SITE), "{told}");
    for (name, expect) in [("Nope", "no schema or resource type `Nope`"), ("User", "standard")] {
        let told = remove(name).await.expect_err("it stays");
        assert!(told.contains(expect), "{told}");
    }
    idp.get("/Badges").await.is(200);

    idp.delete(&format!("/Badges/{badge}")).await.is(204);
    idp.patch(&format!("/Users/{user}"), json!({"op": "remove", "path": SITE})).await.is(200);
    assert_eq!(remove("Badge").await, Ok(()));
    assert_eq!(remove(SITE).await, Ok(()));
    let idp = server.another_token(&idp).await;
    idp.get("/Badges").await.refused(404, "");
    idp.get("/ResourceTypes/Badge").await.refused(404, "");
    let schemas = idp.get("/Schemas").await.is(200).ids();
    assert!(!schemas.iter().any(|id| id == BADGE || id == SITE), "{schemas:?}");
    idp.get(&format!("/Users/{user}")).await.is(200);
    // And it can come back.
    let idp = server.define(&idp, &badges()).await.expect("it is new");
    made(&idp, "N1", "red", 1).await;
}

async fn connections_have_definitions_of_their_own(server: &Server) {
    let (with, without) = (with_badges(server).await, server.idp(IdpKind::Generic).await);
    without.get("/Badges").await.refused(404, "");
    without.get(&format!("/Schemas/{BADGE}")).await.refused(404, "");
    let other = with_badges(server).await;
    let id = made(&with, "N1", "red", 1).await;
    // The same number elsewhere is another one.
    made(&other, "N1", "red", 1).await;
    other.get(&format!("/Badges/{id}")).await.refused(404, "");
    let seated = json!({"schemas": [USER, SITE], "userName": "ada", SITE: {"desk": "1"}});
    let user = without.post("/Users", &seated).await;
    assert!(user.status == 400 || user.json().get(SITE).is_none(), "{user}");
}
