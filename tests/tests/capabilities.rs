//! What discovery says is what happens (R-DISC-09): every capability is proved by a request where
//! it is advertised and by its refusal where it is not, in every profile and on both stores.

use std::slice::from_ref;

use rollcall_domain::IdpKind;
use rollcall_schema::ProfileName;
use rollcall_tests::bulk::{patch as bulk_patch, request, send, statuses, user};
use rollcall_tests::client::{BULK, Request, SCIM_JSON, SEARCH};
use rollcall_tests::data::{ENTERPRISE, GROUP, USER};
use rollcall_tests::idp::{Idp, encoded};
use rollcall_tests::on_both_stores;
use rollcall_tests::server::Server;
use rollcall_tests::wait::becomes;
use serde_json::{Map, Value, json};

on_both_stores!(
    r_disc_09_every_profile_does_what_it_advertises,
    r_disc_09_schemas_are_what_is_taken,
    r_disc_09_what_is_not_advertised_is_not_done,
    r_disc_09_nothing_of_all_is_offered,
    r_disc_09_sizes_hold_to_the_number,
    r_disc_09_changes_reach_tokens_in_use,
    kinds_of_idps_have_profiles,
    r_filter_23_plus_heuristic_both_ways,
    e_entra_20_quiet_relation_patch_both_ways,
    r_iop_01_interop_both_ways,
);

const CONFIG: &str = "/ServiceProviderConfig";

/// The capabilities as they are set, and where discovery shows them.
const SHOWN: [(&str, &str); 7] = [
    ("asynchronous", "/securityEvents/asyncRequest"),
    ("bulk", "/bulk/supported"),
    ("cursor", "/pagination/cursor"),
    ("etag", "/etag/supported"),
    ("filter", "/filter/supported"),
    ("patch", "/patch/supported"),
    ("sort", "/sort/supported"),
];

async fn config(idp: &Idp) -> Value {
    idp.get(CONFIG).await.is(200).json()
}

/// Whether discovery advertises what is behind a pointer.
fn offers(config: &Value, pointer: &str) -> bool {
    match config.pointer(pointer) {
        Some(Value::Bool(on)) => *on,
        Some(Value::String(_)) => true,
        _ => false,
    }
}

async fn profiled(server: &Server, name: ProfileName) -> Idp {
    let idp = server.idp(IdpKind::Generic).await;
    server.configured(&idp, json!({"profile": name})).await
}

async fn r_disc_09_every_profile_does_what_it_advertises(server: &Server) {
    for name in ProfileName::ALL {
        let idp = profiled(server, name).await;
        let config = config(&idp).await;
        for (_, pointer) in SHOWN {
            assert!(offers(&config, pointer), "{name}: {pointer} in {config}");
        }
        everything_is_as_it_is_shown(&idp, &config).await;
        tokens_are_needed(&idp, &config).await;
        passwords_are_not_changed(&idp, &config).await;
    }
}

async fn r_disc_09_what_is_not_advertised_is_not_done(server: &Server) {
    for (capability, off) in SHOWN {
        let idp = server.idp(IdpKind::Generic).await;
        let idp = server.configured(&idp, json!({"capabilities": {capability: false}})).await;
        let without = config(&idp).await;
        for (_, pointer) in SHOWN {
            // What is asked for asynchronously is bulk.
            let gone = pointer == off || (capability, pointer) == ("bulk", SHOWN[0].1);
            assert_eq!(offers(&without, pointer), !gone, "{capability}: {pointer} in {without}");
        }
        everything_is_as_it_is_shown(&idp, &without).await;
        let idp = server.configured(&idp, json!({"capabilities": {capability: true}})).await;
        everything_is_as_it_is_shown(&idp, &config(&idp).await).await;
    }
}

async fn r_disc_09_nothing_of_all_is_offered(server: &Server) {
    for name in ProfileName::ALL {
        let idp = profiled(server, name).await;
        let all: Map<String, Value> =
            SHOWN.iter().map(|(name, _)| ((*name).into(), false.into())).collect();
        let idp = server.configured(&idp, json!({"capabilities": all})).await;
        let config = config(&idp).await;
        for (_, pointer) in SHOWN {
            assert!(!offers(&config, pointer), "{name}: {pointer} in {config}");
        }
        for size in ["/bulk/maxOperations", "/bulk/maxPayloadSize", "/filter/maxResults"] {
            assert_eq!(config.pointer(size), Some(&json!(0)), "{size}");
        }
        everything_is_as_it_is_shown(&idp, &config).await;
    }
}

/// Proves what a configuration says by requests, one way or the other.
async fn everything_is_as_it_is_shown(idp: &Idp, config: &Value) {
    let shown = |pointer: &str| offers(config, pointer);
    patch_is(idp, shown("/patch/supported")).await;
    bulk_is(idp, shown("/bulk/supported"), shown("/patch/supported")).await;
    etag_is(idp, shown("/etag/supported")).await;
    sort_is(idp, shown("/sort/supported")).await;
    filter_is(idp, shown("/filter/supported")).await;
    cursor_is(idp, shown("/pagination/cursor")).await;
    if shown("/bulk/supported") {
        async_is(idp, shown("/securityEvents/asyncRequest")).await;
    }
}

fn fresh(what: &str) -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("{what}-{:06}", COUNT.fetch_add(1, Ordering::Relaxed))
}

async fn patch_is(idp: &Idp, on: bool) {
    let path = format!("/Users/{}", idp.user(&fresh("patched")).await);
    let title = json!({"op": "replace", "path": "title", "value": "CTO"});
    let answer = idp.patch(&path, title).await;
    let post = idp.send(idp.request("POST", &path).json(&json!({}))).await.is(405);
    let allowed = post.header("allow").unwrap_or_default().contains("PATCH");
    assert_eq!(allowed, on, "{post}");
    if on {
        assert_eq!(answer.is(200).json()["title"], "CTO");
    } else {
        answer.refused(501, "");
        assert_eq!(idp.get(&path).await.is(200).json().get("title"), None);
    }
}

async fn bulk_is(idp: &Idp, on: bool, patch: bool) {
    let name = fresh("bulk");
    let title = json!({"op": "replace", "path": "title", "value": "CTO"});
    let operations = [user(&name), bulk_patch(&format!("/Users/bulkId:{name}"), &title)];
    let answer = idp.post("/Bulk", &request(&operations)).await;
    let made = idp.get("/Users?count=0").await.is(200).json()["totalResults"].clone();
    if on {
        let expect = if patch { "200" } else { "501" };
        assert_eq!(statuses(&answer.operations()), ["201", expect]);
    } else {
        let told = answer.refused(501, "");
        assert!(told.contains("bulk"), "{told}");
        idp.get("/Bulk").await.refused(501, "");
        assert_eq!(made, json!(made_so_far(idp).await), "nothing was made");
    }
}

/// How many users there are, counted one by one.
async fn made_so_far(idp: &Idp) -> usize {
    idp.get("/Users?count=1000").await.is(200).ids().len()
}

async fn etag_is(idp: &Idp, on: bool) {
    let body = json!({"schemas": [USER], "userName": fresh("tagged")});
    let made = idp.post("/Users", &body).await.is(201);
    let path = format!("/Users/{}", made.id());
    let tag = made.header("etag").map(str::to_owned);
    let version = made.json().pointer("/meta/version").cloned();
    assert_eq!((tag.is_some(), version.is_some()), (on, on), "{made}");
    let put = |title: &str| {
        let mut body = body.clone();
        body["title"] = json!(title);
        idp.request("PUT", &path).json(&body)
    };
    idp.send(put("x").header("if-match", "W/\"77\"")).await.refused(412, "");
    idp.send(idp.request("DELETE", &path).header("if-match", "W/\"77\"")).await.refused(412, "");
    match tag {
        Some(tag) => {
            let unchanged = idp.request("GET", &path).header("if-none-match", &tag);
            idp.send(unchanged.clone()).await.is(304);
            let changed = idp.send(put("y").header("if-match", &tag)).await.is(200);
            assert_ne!(changed.header("etag"), Some(&*tag));
            idp.send(unchanged).await.is(200);
        }
        None => {
            let known = idp.request("GET", &path).header("if-none-match", "W/\"1\"");
            let whole = idp.send(known).await.is(200).json();
            assert_eq!(whole.pointer("/meta/version"), None);
            assert_eq!(
                idp.get("/Users").await.is(200).json().pointer("/Resources/0/meta/version"),
                None
            );
        }
    }
    assert_ne!(idp.get(&path).await.is(200).json()["title"], "x");
}

async fn sort_is(idp: &Idp, on: bool) {
    let title = fresh("sorted");
    let mut made = Vec::new();
    for name in ["b", "c", "a"] {
        let body = json!({"schemas": [USER], "userName": format!("{title}-{name}")});
        made.push(idp.post("/Users", &body).await.is(201).id());
    }
    let sorted = [&made[2], &made[0], &made[1]].map(String::clone);
    let expect = if on { sorted.as_slice() } else { made.as_slice() };
    let get = idp.get("/Users?sortBy=userName&count=1000").await.is(200).ids();
    let body = json!({"schemas": [SEARCH], "sortBy": "userName", "count": 1000});
    let post = idp.post("/Users/.search", &body).await.is(200).ids();
    for ids in [get, post] {
        let ours: Vec<String> = ids.into_iter().filter(|id| made.contains(id)).collect();
        assert_eq!(ours, expect);
    }
    let nonsense = idp.get("/Users?sortBy=userName&sortOrder=sideways").await;
    if on {
        nonsense.refused(400, "invalidValue");
    } else {
        nonsense.is(200);
    }
}

async fn filter_is(idp: &Idp, on: bool) {
    let name = fresh("filtered");
    let id = idp.user(&name).await;
    let filter = format!("userName eq \"{name}\"");
    let body = json!({"schemas": [SEARCH], "filter": filter});
    let answers = [
        idp.find("/Users", &filter).await,
        idp.post("/Users/.search", &body).await,
        idp.post("/.search", &body).await,
        idp.find("/", &filter).await,
    ];
    for answer in answers {
        if on {
            assert_eq!(answer.is(200).ids(), from_ref(&id));
        } else {
            let told = answer.refused(400, "invalidFilter");
            assert!(told.contains("not offered"), "{told}");
        }
    }
}

async fn cursor_is(idp: &Idp, on: bool) {
    for _ in 0..3 {
        idp.user(&fresh("paged")).await;
    }
    let first = idp.get("/Users?cursor=&count=2").await;
    let body = json!({"schemas": [SEARCH], "cursor": "", "count": 2});
    let posted = idp.post("/Users/.search", &body).await;
    for first in [first, posted] {
        if !on {
            let told = first.refused(400, "invalidValue");
            assert!(told.contains("startIndex"), "{told}");
            continue;
        }
        let first = first.is(200);
        let next = first.json()["nextCursor"].as_str().expect("more").to_owned();
        assert_eq!(first.json().get("startIndex"), None);
        let second = idp.get(&format!("/Users?cursor={next}&count=2")).await.is(200);
        let place = idp.get("/Users?startIndex=3&count=2").await.is(200);
        assert_eq!((first.ids().len(), second.ids()), (2, place.ids()));
        // R-CUR-08.
        let both = idp.get(&format!("/Users?cursor={next}&count=2&startIndex=3")).await;
        both.refused(400, "invalidValue");
    }
}

async fn async_is(idp: &Idp, on: bool) {
    let body = request(&[user(&fresh("later"))]);
    let asking = idp.request("POST", "/Bulk").json(&body).header("prefer", "respond-async");
    let answer = idp.send(asking).await;
    let applied = answer.header("preference-applied").is_some();
    assert_eq!((applied, answer.header("set-txn").is_some()), (on, on), "{answer}");
    let done = match on {
        false => answer.is(200),
        true => {
            let location = answer.is(202).header("location").map(str::to_owned);
            let location = location.expect("where the result will be");
            let transaction = location.rsplit('/').next().unwrap_or_default().to_owned();
            idp.outcome(&transaction).await
        }
    };
    assert_eq!(statuses(&done.operations()), ["201"]);
}

/// R-AUTH-06: the one scheme that is advertised is the one that opens.
async fn tokens_are_needed(idp: &Idp, config: &Value) {
    let schemes = config["authenticationSchemes"].as_array().expect("a list");
    let kinds: Vec<&str> = schemes.iter().filter_map(|scheme| scheme["type"].as_str()).collect();
    assert_eq!(kinds, ["oauthbearertoken"]);
    let users = format!("{}/Users", idp.base);
    let without = idp.send(Request::new("GET", &users)).await;
    without.refused(401, "");
    let basic = Request::new("GET", &users).header("authorization", "Basic YTpi");
    idp.send(basic).await.refused(401, "");
    idp.send(Request::new("GET", &users).bearer(&idp.token)).await.is(200);
}

/// A password is taken, and there is none to change.
async fn passwords_are_not_changed(idp: &Idp, config: &Value) {
    assert_eq!(config["changePassword"]["supported"], false);
    let made = json!({"schemas": [USER], "userName": fresh("secret"), "password": "t1meMa$heen"});
    let path = format!("/Users/{}", idp.post("/Users", &made).await.is(201).id());
    let before = idp.get(&path).await.is(200);
    let password = json!({"op": "replace", "path": "password", "value": "other"});
    let answer = idp.patch(&path, password).await;
    assert!(matches!(answer.status, 200 | 204), "{answer}");
    let after = idp.get(&path).await.is(200);
    assert_eq!(after.json()["meta"], before.json()["meta"], "nothing was changed");
    for op in ["pr", "eq \"other\""] {
        let found = idp.find("/Users", &format!("password {op}")).await;
        assert!(found.status == 400 || found.ids().is_empty(), "{found}");
    }
}

/// Every type and every attribute that discovery shows is there and behaves as it says.
async fn r_disc_09_schemas_are_what_is_taken(server: &Server) {
    for name in ProfileName::ALL {
        let idp = profiled(server, name).await;
        let schemas = idp.get("/Schemas").await.is(200).resources();
        let schema = |urn: &Value| {
            let found = schemas.iter().find(|schema| schema["id"] == *urn);
            found.unwrap_or_else(|| panic!("{name}: {urn} is not among the schemas"))
        };
        for ty in idp.get("/ResourceTypes").await.is(200).resources() {
            let endpoint = ty["endpoint"].as_str().expect("an endpoint");
            idp.get(endpoint).await.is(200);
            let mut bodies = vec![(ty["schema"].clone(), schema(&ty["schema"]))];
            let extensions = ty["schemaExtensions"].as_array().into_iter().flatten();
            bodies.extend(extensions.map(|one| (one["schema"].clone(), schema(&one["schema"]))));
            let whole = whole_body(&bodies);
            attributes_behave(&idp, endpoint, &bodies, &whole).await;
        }
    }
}

/// A body with every plain attribute that a client may write.
fn whole_body(schemas: &[(Value, &Value)]) -> Value {
    let mut whole = json!({"schemas": [schemas[0].0]});
    for (at, (urn, schema)) in schemas.iter().enumerate() {
        let mut part = Map::new();
        for attribute in schema["attributes"].as_array().into_iter().flatten() {
            if let Some(value) = sample(attribute) {
                part.insert(text(attribute, "name"), value);
            }
        }
        if at == 0 {
            whole.as_object_mut().expect("an object").extend(part);
        } else if !part.is_empty() {
            whole["schemas"].as_array_mut().expect("a list").push(urn.clone());
            whole[urn.as_str().expect("a URN")] = Value::Object(part);
        }
    }
    whole
}

fn text(attribute: &Value, name: &str) -> String {
    attribute[name].as_str().unwrap_or_default().to_owned()
}

/// A value for an attribute; none where a client may write none, or where it leads to another
/// resource.
fn sample(attribute: &Value) -> Option<Value> {
    let leads = |one: &Value| one["name"] == "$ref" || text(one, "name") == "manager";
    let parts = || attribute["subAttributes"].as_array().into_iter().flatten();
    if attribute["mutability"] == "readOnly" || leads(attribute) || parts().any(leads) {
        return None;
    }
    let value = match &*text(attribute, "type") {
        "string" => json!(fresh("Word")),
        "boolean" => json!(true),
        "integer" => json!(7),
        "decimal" => json!(1.5),
        "dateTime" => json!("2025-05-13T04:42:34.000Z"),
        "binary" => json!("AAEC"),
        "reference" => json!(format!("https://example.test/{}", fresh("page"))),
        "complex" => {
            let parts = parts().filter_map(|part| Some((text(part, "name"), sample(part)?)));
            Value::Object(parts.collect())
        }
        other => panic!("a type `{other}`"),
    };
    Some(if attribute["multiValued"] == true { json!([value]) } else { value })
}

async fn attributes_behave(idp: &Idp, endpoint: &str, schemas: &[(Value, &Value)], whole: &Value) {
    let made = idp.post(endpoint, whole).await.is(201);
    let shown = idp.get(&format!("{endpoint}/{}", made.id())).await.is(200).json();
    for (at, (urn, schema)) in schemas.iter().enumerate() {
        let urn = urn.as_str().expect("a URN");
        for attribute in schema["attributes"].as_array().into_iter().flatten() {
            let name = text(attribute, "name");
            let within = |body: &Value| match at {
                0 => body.get(&name).cloned(),
                _ => body.get(urn).and_then(|part| part.get(&name)).cloned(),
            };
            let Some(sent) = within(whole) else { continue };
            match &*text(attribute, "returned") {
                "default" | "always" => assert_eq!(within(&shown), Some(sent.clone()), "{name}"),
                _ => assert_eq!(within(&shown), None, "{name}: {shown}"),
            }
            let without = |value: Option<Value>| {
                let mut body = whole_body(schemas);
                let part = if at == 0 { &mut body } else { &mut body[urn] };
                let part = part.as_object_mut().expect("an object");
                match value {
                    Some(value) => part.insert(name.clone(), value),
                    None => part.remove(&name),
                };
                body
            };
            if attribute["required"] == true {
                idp.post(endpoint, &without(None)).await.refused(400, "invalidValue");
            }
            if attribute["uniqueness"] == "server" {
                let swapped = sent.as_str().map(str::to_uppercase);
                let again = idp.post(endpoint, &without(Some(sent.clone()))).await;
                again.refused(409, "uniqueness");
                let spelt = idp.post(endpoint, &without(swapped.map(Value::from))).await;
                let expect = if attribute["caseExact"] == true { 201 } else { 409 };
                assert_eq!(spelt.status, expect, "{name}: {spelt}");
            }
            // A password is thrown away unread.
            let read = attribute["returned"] != "never";
            if read && attribute["type"] == "string" && attribute["multiValued"] == false {
                let wrong = without(Some(json!({"no": "text"})));
                let wrong = idp.post(endpoint, &wrong).await;
                assert_eq!((wrong.status, &*name), (400, &*name), "{wrong}");
            }
            if attribute["type"] == "string" && attribute["returned"] == "default" {
                let path = if at == 0 { name.clone() } else { format!("{urn}:{name}") };
                let word = sent.as_str().expect("a text");
                for (word, other_case) in [(word.to_owned(), false), (word.to_uppercase(), true)] {
                    let found = idp.find(endpoint, &format!("{path} eq \"{word}\"")).await.is(200);
                    let expect = !other_case || attribute["caseExact"] == false;
                    assert_eq!(found.ids().contains(&made.id()), expect, "{path}: {found}");
                }
            }
        }
    }
}

/// What is limited for one connection is advertised there, and holds exactly.
async fn r_disc_09_sizes_hold_to_the_number(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let plain = config(&idp).await;
    assert_eq!(plain["bulk"]["maxOperations"], 5000);
    assert_eq!(plain["bulk"]["maxPayloadSize"], 10 * 1024 * 1024);
    assert_eq!(plain["filter"]["maxResults"], 1000);
    let limits = json!({"maxRequestSize": 1500, "bulkOperations": 3, "bulkPayload": 2000,
        "pageDefault": 2, "pageMax": 4});
    let idp = server.configured(&idp, json!({"limits": limits})).await;
    let shown = config(&idp).await;
    for (pointer, expect) in [
        ("/bulk/maxOperations", 3),
        ("/bulk/maxPayloadSize", 2000),
        ("/filter/maxResults", 4),
        ("/pagination/defaultPageSize", 2),
        ("/pagination/maxPageSize", 4),
    ] {
        assert_eq!(shown.pointer(pointer), Some(&json!(expect)), "{shown}");
    }

    // R-BULK-08.
    let users: Vec<Value> = ["a", "b", "c", "d"].map(user).into();
    assert_eq!(statuses(&send(&idp, &users[..3]).await), ["201"; 3]);
    let told = idp.post("/Bulk", &request(&users)).await.refused(413, "");
    assert!(told.contains("4 operations") && told.contains("maxOperations"), "{told}");
    let sized = |path: &str, body: &Value, size: usize| {
        let mut text = body.to_string();
        text.push_str(&" ".repeat(size - text.len()));
        idp.request("POST", path).header("content-type", SCIM_JSON).body(text)
    };
    let bulk = |name: &str, size| sized("/Bulk", &request(&[user(name)]), size);
    assert_eq!(statuses(&idp.send(bulk("d", 2000)).await.operations()), ["201"]);
    let told = idp.send(bulk("e", 2001)).await.refused(413, "");
    assert!(told.contains("2000"), "{told}");

    // R-HTTP-10.
    let one =
        |name: &str, size| sized("/Users", &json!({"schemas": [USER], "userName": name}), size);
    idp.send(one("e", 1500)).await.is(201);
    let told = idp.send(one("f", 1501)).await.refused(413, "");
    assert!(told.contains("1500"), "{told}");
    let search = |size| sized("/Users/.search", &json!({"schemas": [SEARCH]}), size);
    idp.send(search(1500)).await.is(200);
    idp.send(search(1501)).await.refused(413, "");

    // R-PAGE-03: five users.
    let filter = encoded("userName pr");
    for (query, expect) in [
        ("/Users", 2),
        ("/Users?count=3", 3),
        ("/Users?count=4", 4),
        ("/Users?count=5", 4),
        ("/Users?count=1000000", 4),
        ("/Users?count=0", 0),
        ("/Users?count=-1", 0),
        (&*format!("/Users?filter={filter}&count=1000"), 4),
        ("/Users?cursor=&count=1000", 4),
        ("/Users?cursor=", 2),
        ("/?count=1000", 4),
    ] {
        let page = idp.get(query).await.is(200);
        assert_eq!(page.ids().len(), expect, "{query}");
        assert_eq!(
            (&page.json()["itemsPerPage"], &page.json()["totalResults"]),
            (&json!(expect), &json!(5))
        );
    }
    let back = json!({"limits": {"maxRequestSize": null, "bulkOperations": null,
        "bulkPayload": null, "pageDefault": null, "pageMax": null}});
    let idp = server.configured(&idp, back).await;
    assert_eq!(config(&idp).await, plain);
    let larger = one("f", 1501).bearer(&idp.token);
    idp.send(larger).await.is(201);
}

/// A token that was in use a moment ago goes on, and sees what was changed within two seconds.
async fn r_disc_09_changes_reach_tokens_in_use(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let id = idp.user("ada").await;
    let title = || json!({"op": "replace", "path": "title", "value": fresh("title")});
    let path = format!("/Users/{id}");
    idp.patch(&path, title()).await.is(200);
    server.configured(&idp, json!({"capabilities": {"patch": false}})).await;
    becomes(501, async || idp.patch(&path, title()).await).await;
    // Discovery and requests change their minds together.
    assert!(!offers(&config(&idp).await, "/patch/supported"));
}

async fn kinds_of_idps_have_profiles(server: &Server) {
    // The switches that tell them apart over HTTP: `uniqueNames` and `quietRelationPatch`.
    for (kind, unique, quiet) in [
        (IdpKind::Generic, false, false),
        (IdpKind::Okta, true, false),
        (IdpKind::Entra, false, true),
        (IdpKind::Jumpcloud, true, false),
        (IdpKind::Google, false, false),
    ] {
        let idp = server.idp(kind).await;
        let group = idp.group("Tour Guides", &[]).await;
        let again = json!({"schemas": [GROUP], "displayName": "tour guides"});
        let again = idp.post("/Groups", &again).await;
        assert_eq!(again.status, if unique { 409 } else { 201 }, "{kind:?}: {again}");
        let add = json!({"op": "replace", "path": "displayName", "value": "Guides"});
        let patched = idp.patch(&format!("/Groups/{group}"), add).await;
        assert_eq!(patched.status, if quiet { 204 } else { 200 }, "{kind:?}: {patched}");
    }
}

async fn r_filter_23_plus_heuristic_both_ways(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let id = idp.user("a+b@x").await;
    let spaced = idp.user("a b@x").await;
    let mixed = "/Users?filter=userName%20eq%20%22a+b@x%22";
    let form = "/Users?filter=userName+eq+%22a+b@x%22";
    for (on, expect) in [(true, &id), (false, &spaced)] {
        let idp = server.configured(&idp, json!({"switches": {"plusHeuristic": on}})).await;
        assert_eq!(idp.get(mixed).await.is(200).ids(), from_ref(expect), "{on}");
        assert_eq!(idp.get(form).await.is(200).ids(), from_ref(&spaced), "{on}");
    }
}

async fn e_entra_20_quiet_relation_patch_both_ways(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let (user, group) = (idp.user("ada").await, idp.group("g", &[]).await);
    for (quiet, status) in [(true, 204), (false, 200)] {
        let idp = server.configured(&idp, json!({"switches": {"quietRelationPatch": quiet}})).await;
        let path = format!("/Groups/{group}");
        for op in ["add", "remove"] {
            let op = json!({"op": op, "path": "members", "value": [{"value": user}]});
            assert_eq!(idp.patch(&path, op).await.status, status, "{quiet}");
        }
        // Who asks for something gets it, and a user has no relation.
        let name = json!({"op": "replace", "path": "displayName", "value": "h"});
        idp.patch(&format!("{path}?attributes=displayName"), name).await.is(200);
        let title = json!({"op": "replace", "path": "title", "value": "x"});
        idp.patch(&format!("/Users/{user}"), title).await.is(200);
    }
}

/// A connection says that it conforms when it bears nothing that the profile forbids, and when it
/// is not told to keep quiet about it.
async fn r_iop_01_interop_both_ways(server: &Server) {
    let idp = profiled(server, ProfileName::Strict).await;
    let said = |config: &Value| config.get("interopProfileConformant").cloned();
    assert_eq!(said(&config(&idp).await), Some(json!(true)));
    let off = server.configured(&idp, json!({"switches": {"interop": false}})).await;
    assert_eq!(said(&config(&off).await), None);
    let on = server.configured(&idp, json!({"switches": {"interop": null}})).await;
    assert_eq!(said(&config(&on).await), Some(json!(true)));
    let lax = json!({"switches": {"stringBooleans": true}});
    let lax = server.configured(&idp, lax).await;
    assert_eq!(said(&config(&lax).await), None, "who bears more doesn't conform");
    let generic = server.idp(IdpKind::Generic).await;
    assert_eq!(said(&config(&generic).await), None);
    let told = json!({"switches": {"interop": true}});
    let told = server.configured(&generic, told).await;
    assert_eq!(said(&config(&told).await), None, "a switch alone makes nothing conform");

    // R-IOP-02: what is unknown is refused there, and passed over elsewhere.
    let unknown = json!({"schemas": [USER], "userName": "u", "shoeSize": 43});
    on.post("/Users", &unknown).await.refused(400, "invalidSyntax");
    generic.post("/Users", &unknown).await.is(201);
    let foreign = json!({"schemas": [BULK, USER, ENTERPRISE, "urn:none"], "userName": "v"});
    on.post("/Users", &foreign).await.refused(400, "invalidSyntax");
}
