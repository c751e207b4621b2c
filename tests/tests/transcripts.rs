//! What identity providers really send, replayed in order: each shape on a connection of its own
//! kind of IdP, with the state that it speaks of prepared.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rollcall_domain::{IdpKind, NewToken, TokenKind, Trust};
use rollcall_schema::packs;
use rollcall_tests::client::{Answer, BULK, PATCH, Request, SEARCH};
use rollcall_tests::data::{ENTERPRISE, GROUP, Names, USER, large_group, many_users};
use rollcall_tests::idp::{Idp, encoded, sorted};
use rollcall_tests::issuer::{Issuer, SigningKey, now};
use rollcall_tests::on_both_stores;
use rollcall_tests::server::Server;
use serde::Deserialize;
use serde_json::{Map, Value, json};

on_both_stores!(every_shape_is_answered);

/// The schema of a role as Okta discovers it.
const OKTA_ROLE: &str = "urn:okta:scim:schemas:core:1.0:Role";

const FIXTURE: &str = include_str!("../fixtures/idp_shapes.json");

/// Where this server answers with another status than the one that the shape records.
const OTHERWISE: &[(&str, u16, &str)] =
    &[("113", 200, "a group PATCH is 204 for Entra and for large groups; 113 is what AWS answers")];

#[derive(Deserialize)]
struct Shape {
    id: String,
    idp: String,
    scenario: String,
    method: String,
    path: String,
    headers: BTreeMap<String, String>,
    body: Value,
    expect: Expect,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct Expect {
    status: Value,
    body: Value,
    headers: Value,
    never: Value,
    then: Value,
    tolerant: Value,
    #[serde(rename = "strict")]
    _strict: Value,
    scim_type: Option<String>,
    max_millis: Option<u64>,
    error: Value,
    #[serde(rename = "note")]
    _note: Value,
}

fn kind(idp: &str) -> IdpKind {
    match idp {
        "Microsoft Entra ID" => IdpKind::Entra,
        "Okta" => IdpKind::Okta,
        "Google Workspace" => IdpKind::Google,
        "OneLogin" => IdpKind::Onelogin,
        "JumpCloud" => IdpKind::Jumpcloud,
        "PingFederate/PingOne" | "Ping SDK" => IdpKind::Ping,
        _ => IdpKind::Generic,
    }
}

fn shapes() -> Vec<Shape> {
    serde_json::from_str(FIXTURE).expect("the fixture has shapes")
}

#[test]
fn shapes_have_ids_of_their_own() {
    let shapes = shapes();
    let ids: BTreeSet<&str> = shapes.iter().map(|shape| &*shape.id).collect();
    assert_eq!(ids.len(), shapes.len(), "ids are unique");
    assert!(OTHERWISE.iter().all(|(id, ..)| ids.contains(id)));
}

async fn every_shape_is_answered(server: &Server) {
    let mut stages: BTreeMap<String, Stage> = BTreeMap::new();
    let mut played = 0;
    for shape in shapes() {
        if shape.path == "{TOKEN_ENDPOINT}" {
            token_is_granted(server, &shape).await;
            played += 1;
            continue;
        }
        if shape.expect.status == 429 {
            too_many_requests(server, &shape).await;
            played += 1;
            continue;
        }
        if !stages.contains_key(&shape.idp) {
            let stage = Stage::open(server, &shape.idp).await;
            stages.insert(shape.idp.clone(), stage);
        }
        let stage = stages.get_mut(&shape.idp).expect("it was just put there");
        stage.play(&shape).await;
        played += 1;
    }
    assert_eq!(played, 122, "every shape was played");
}

/// R-OAUTH-01, R-OAUTH-02, R-OAUTH-07: a client gets an access token that opens its connection.
async fn token_is_granted(server: &Server, shape: &Shape) {
    let idp = server.idp(kind(&shape.idp)).await;
    let issuer = SigningKey::rs256("entra");
    let keys = Issuer::start(&[&issuer]).await;
    let secret = NewToken { kind: TokenKind::ClientSecret, ..NewToken::default() };
    let secret = server.token_like(&idp, secret).await.token;
    let trust = Trust {
        issuer: keys.name(),
        subject: "sync-fabric".into(),
        audience: "api://rollcall".into(),
        jwks_uri: keys.jwks_uri(),
    };
    let trust = NewToken { kind: TokenKind::TrustedIssuer(trust), ..NewToken::default() };
    server.token_like(&idp, trust).await;
    let assertion = issuer.sign(&json!({"iss": keys.name(), "sub": "sync-fabric",
        "aud": "api://rollcall", "iat": now(), "exp": now() + 3600}));
    let id = idp.at.connection.to_string();
    let mut names = Names::default();
    names.set("CLIENT_ID", &*id);
    names.set("SECRET", encoded(&secret));
    names.set("JWT", assertion);
    names.set("B64 id:secret", STANDARD.encode(format!("{id}:{secret}")));
    let ask = |body: &str| {
        let request = Request::new(&shape.method, format!("/connections/{id}/oauth/token"));
        let headers = shape.headers.iter();
        headers
            .fold(request, |request, (name, value)| request.header(name, names.fill(value)))
            .body(body.to_owned())
    };
    let body = names.fill(shape.body.as_str().expect("a form"));
    let answer = server.client.send(ask(&body)).await;
    assert_eq!(json!(answer.status), shape.expect.status, "{}: {answer}", shape.id);
    let granted = answer.json();
    let expected = shape.expect.body.as_object().cloned().unwrap_or_default();
    for (name, value) in expected.iter().filter(|(name, _)| *name != "access_token") {
        assert_eq!(&granted[name], value, "{}: {answer}", shape.id);
    }
    let token = granted["access_token"].as_str().expect("an access token");
    let list = Request::new("GET", format!("{}/Users", idp.base)).bearer(token);
    server.client.send(list).await.is(200);
    if let Some(error) = shape.expect.error.as_str() {
        let wrong = ask(&format!("{body}x"));
        let refused = server.client.send(wrong).await;
        let told =
            format!("{} {}", refused.status, refused.json()["error"].as_str().expect("a name"));
        assert_eq!(told, error, "{}: {refused}", shape.id);
    }
}

/// A connection that has spent all that it may on one large request.
async fn too_many_requests(server: &Server, shape: &Shape) {
    let rate = json!({"limits": {"rate": {"perSecond": 25, "burst": 50}}});
    let idp = server.idp_with(kind(&shape.idp), rate).await;
    let spent = (0..500).map(|n| json!({"method": "DELETE", "path": format!("/Users/{n}")}));
    idp.bulk(spent.collect()).await.is(200);
    let mut names = Names::default();
    names.set("TOKEN", idp.token.clone());
    let stage = Stage { idp, names, colleague: String::new(), made: 0 };
    let answer = stage.idp.send(stage.request(shape)).await;
    stage.check(shape, &answer).await;
    assert_eq!(shape.expect.headers["Retry-After"], "integer seconds only");
    let wait = answer.header("retry-after").and_then(|wait| wait.parse::<u64>().ok());
    assert!(wait.is_some_and(|seconds| seconds > 0), "{}: {answer}", shape.id);
}

/// One IdP's connection with the resources that its shapes speak of.
struct Stage {
    idp: Idp,
    names: Names,
    /// The group's members besides those that shapes name.
    colleague: String,
    /// How many users were prepared.
    made: u32,
}

impl Stage {
    async fn open(server: &Server, name: &str) -> Self {
        let idp = match kind(name) {
            // What Okta imports besides users and groups.
            IdpKind::Okta => {
                let idp = server.idp(IdpKind::Okta).await;
                let pack = packs::get("okta-entitlements").expect("the pack is there");
                server.add(&idp, pack.text).await.expect("the pack is added");
                idp
            }
            kind => server.idp(kind).await,
        };
        let colleague = person("colleague@prepared.test");
        let colleague = idp.post("/Users", &colleague).await.is(201).id();
        let mut names = Names::default();
        names.set("TOKEN", idp.token.clone());
        names.set("RANDOM", "4f8a1c77");
        names.set("NEW_PASSWORD", "Tr0ub4dor&3-never-kept");
        names.set("MANAGER_ID", idp.user("manager@prepared.test").await);
        for name in ["A", "B"] {
            let id = idp.user(&format!("user-{name}@prepared.test")).await;
            names.set(&format!("USER_{name}"), id);
        }
        let mut stage = Self { idp, names, colleague, made: 0 };
        stage.make_user().await;
        stage.make_group().await;
        stage
    }

    async fn make_user(&mut self) {
        self.made += 1;
        let name = format!("prepared-{}@prepared.test", self.made);
        let body = person(&name);
        let id = self.idp.post("/Users", &body).await.is(201).id();
        self.names.set("USER_ID", id);
    }

    /// `Engineers` with the user, `{USER_A}` and a colleague.
    async fn make_group(&mut self) {
        let members = [self.names.id("USER_ID"), self.names.id("USER_A"), self.colleague.as_str()];
        let id = self.idp.group("Engineers", &members).await;
        self.names.set("GROUP_ID", id);
    }

    fn user(&self) -> String {
        format!("/Users/{}", self.names.id("USER_ID"))
    }

    fn group(&self) -> String {
        format!("/Groups/{}", self.names.id("GROUP_ID"))
    }

    async fn read(&self, path: &str) -> Value {
        self.idp.get(path).await.is(200).json()
    }

    /// What the shape takes for granted.
    async fn prepare(&mut self, shape: &Shape) {
        if self.idp.get(&self.user()).await.status == 404 {
            self.make_user().await;
        }
        if self.idp.get(&self.group()).await.status == 404 {
            self.make_group().await;
        }
        let members = json!({"op": "add", "path": "members", "value": [
            {"value": self.names.id("USER_ID")}, {"value": self.names.id("USER_A")},
            {"value": self.colleague},
        ]});
        match shape.id.as_str() {
            // Somebody without a phone, so that the element is created.
            "012" => assert!(self.read(&self.user()).await["phoneNumbers"].is_null()),
            "006" | "031" | "032" => {
                let path = format!("{ENTERPRISE}:manager.value");
                let manager = self.names.id("MANAGER_ID");
                let set = json!({"op": "add", "path": path, "value": manager});
                self.idp.patch(&self.user(), set).await.is(200);
            }
            "034" => {
                let set = json!({"op": "add", "value": {"title": "Dr", "nickName": "Countess"}});
                self.idp.patch(&self.user(), set).await.is(200);
            }
            "044" | "045" | "046" | "072" | "090" | "097" | "112" | "115" => {
                let answer = self.idp.patch(&self.group(), members).await;
                assert!(matches!(answer.status, 200 | 204), "{answer}");
            }
            "079" => {
                self.idp.user("spec-user-1").await;
            }
            // The names of groups are unique for Okta: this one is to be free.
            "070" => {
                let rename = json!({"op": "replace", "path": "displayName", "value": "Prepared"});
                let answer = self.idp.patch(&self.group(), rename).await;
                assert!(matches!(answer.status, 200 | 204), "{answer}");
            }
            "085" => {
                for name in ["Auditor", "Billing"] {
                    let role = json!({"schemas": [OKTA_ROLE], "displayName": name});
                    self.idp.post("/Roles", &role).await.is(201);
                }
            }
            "119" => {
                let smith = json!({"schemas": [USER], "userName": "s", "displayName": "Smith, J"});
                self.idp.post("/Users", &smith).await.is(201);
                self.idp.group("Smiths", &[]).await;
            }
            "113" | "117" => {
                let users = many_users(&self.idp, "member", 100).await;
                for (at, id) in users.into_iter().enumerate() {
                    self.names.set(&format!("USER_{}", at + 1), id);
                }
            }
            "122" => {
                let version = self.idp.get(&self.user()).await.is(200);
                let tag = version.header("etag").expect("resources have tags").to_owned();
                let opaque = tag.trim_start_matches("W/").trim_matches('"');
                self.names.set("CURRENT", opaque);
            }
            _ => {}
        }
    }

    async fn play(&mut self, shape: &Shape) {
        self.prepare(shape).await;
        let before = Before {
            user: self.read(&self.user()).await,
            group: self.read(&self.group()).await,
            users: self.idp.get("/Users?count=0").await.json()["totalResults"].clone(),
        };
        let request = self.request(shape);
        let answer = self.idp.send(request.clone()).await;
        self.check(shape, &answer).await;
        if shape.method == "POST" && shape.path == "/Users" && answer.status == 201 {
            let made = answer.json();
            let name = made["userName"].as_str().unwrap_or_default();
            if name.starts_with("ada@") {
                // The next shapes speak of her.
                self.names.set("USER_ID", answer.id());
            }
        }
        self.then(shape, &answer).await;
        facts(self, shape, &request, &answer, &before).await;
    }

    fn request(&self, shape: &Shape) -> Request {
        let path = format!("{}{}", self.idp.base, self.names.fill(&shape.path));
        let mut request = Request::new(&shape.method, path);
        for (name, value) in &shape.headers {
            let value = match (&*shape.id, &**name) {
                // The shape says in words that these are junk credentials.
                ("082", "Authorization") => "non-token".into(),
                _ => self.names.fill(value),
            };
            request = request.header(name, value);
        }
        match &shape.body {
            Value::Null => request,
            body => request.body(self.names.fill_json(&all_of_them(body)).to_string()),
        }
    }

    async fn check(&self, shape: &Shape, answer: &Answer) {
        let told = |what: &str| format!("{} {}: {what}: {answer}", shape.id, shape.scenario);
        let expect = &shape.expect;
        let status = match OTHERWISE.iter().find(|(id, ..)| *id == shape.id) {
            Some((_, status, _)) => json!(status),
            None if expect.status.is_null() => expect.tolerant.clone(),
            None => expect.status.clone(),
        };
        assert!(status.is_number() || status.is_array(), "{}", told("no status to expect"));
        assert!(any_of(&status, answer.status), "{}", told("status"));
        assert!(expect.error.is_null(), "{}", told("an expectation that nothing looks at"));
        match &expect.never {
            Value::Null => {}
            Value::Array(_) => assert!(!any_of(&expect.never, answer.status), "{}", told("never")),
            Value::String(text) if text == "empty body" => {
                assert!(!answer.body.is_empty(), "{}", told("never"));
            }
            other => panic!("{}", told(&format!("`never` of {other}"))),
        }
        // Those of a promise aren't there when the answer needs none.
        let promised = shape.id != "120" || answer.status == 202;
        for name in expect.headers.as_array().into_iter().flatten().filter(|_| promised) {
            let name = name.as_str().expect("headers are named");
            assert!(answer.header(name).is_some(), "{}", told("header"));
        }
        if let Some(millis) = expect.max_millis {
            let limit = Duration::from_millis(millis);
            self.in_time(shape, answer, limit).await;
        }
        if let Some(scim_type) = &expect.scim_type {
            assert_eq!(answer.json()["scimType"], **scim_type, "{}", told("scimType"));
        }
        if expect.body.is_object() {
            let body = match answer.status {
                204 => self.read(&self.names.fill(&shape.path)).await,
                _ => answer.json(),
            };
            let wanted = self.names.fill_json(&expect.body);
            assert!(contains(&body, &wanted), "{}: {body}", told("body"));
        }
    }

    /// One of many answers comes in time, though the machine may be busy with others.
    async fn in_time(&self, shape: &Shape, first: &Answer, limit: Duration) {
        assert_eq!(shape.method, "GET", "what may be asked again");
        let mut took = first.took;
        for _ in 0..50 {
            if took < limit {
                return;
            }
            took = self.idp.send(self.request(shape)).await.took;
        }
        panic!("{} {}: too slow: {took:?}", shape.id, shape.scenario);
    }

    /// What the shape says of the requests that follow.
    async fn then(&self, shape: &Shape, answer: &Answer) {
        match &shape.expect.then {
            Value::Null => {}
            Value::Object(then) => {
                assert_eq!(then, json!({"GET": 404}).as_object().expect("an object"));
                self.idp.get(&self.names.fill(&shape.path)).await.refused(404, "");
            }
            // "PUT/PATCH active false or DELETE must work"
            Value::String(_) if shape.id == "094" => {
                let path = format!("/Users/{}", answer.id());
                let mut body = answer.json();
                body["active"] = json!(false);
                let off = self.idp.put(&path, &body).await.is(200).json();
                assert_eq!(off["active"], false);
                let on = json!({"op": "replace", "path": "active", "value": true});
                assert_eq!(self.idp.patch(&path, on).await.is(200).json()["active"], true);
                self.idp.delete(&path).await.is(204);
            }
            other => panic!("{}: `then` of {other}", shape.id),
        }
    }
}

/// Somebody with everything that the shapes look at.
fn person(name: &str) -> Value {
    json!({
        "schemas": [USER], "userName": name, "displayName": "Prepared", "active": true,
        "name": {"givenName": "Given", "familyName": "Family"}, "title": "Engineer",
        "nickName": "Pre", "emails": [{"value": name, "type": "work", "primary": true}],
    })
}

/// The connection before the shape was played.
struct Before {
    user: Value,
    group: Value,
    users: Value,
}

/// `{USER_1}` and `{USER_50}` in a list stand for the fifty of them.
fn all_of_them(body: &Value) -> Value {
    let mut body = body.clone();
    for operation in body["Operations"].as_array_mut().into_iter().flatten() {
        let Some([first, last]) = operation["value"].as_array().map(Vec::as_slice) else {
            continue;
        };
        let last = last["value"].as_str().unwrap_or_default();
        let last = last.strip_prefix("{USER_").and_then(|rest| rest.strip_suffix('}'));
        let last = last.and_then(|number| number.parse::<u32>().ok());
        if let (true, Some(last)) = (first["value"] == "{USER_1}", last) {
            let all = (1..=last).map(|number| json!({"value": format!("{{USER_{number}}}")}));
            operation["value"] = all.collect();
        }
    }
    body
}

fn any_of(statuses: &Value, status: u16) -> bool {
    match statuses {
        Value::Array(list) => list.iter().any(|one| *one == status),
        one => *one == status,
    }
}

/// Whether `body` has everything that `wanted` has. `non-empty` stands for any text.
fn contains(body: &Value, wanted: &Value) -> bool {
    match (body, wanted) {
        (Value::Object(body), Value::Object(wanted)) => wanted
            .iter()
            .all(|(key, wanted)| body.get(key).is_some_and(|value| contains(value, wanted))),
        (Value::Array(body), Value::Array(wanted)) => {
            body.len() == wanted.len()
                && body.iter().zip(wanted).all(|(body, wanted)| contains(body, wanted))
        }
        (Value::String(text), Value::String(wanted)) if wanted == "non-empty" => !text.is_empty(),
        _ => body == wanted,
    }
}

/// The lists that have to find the user, and those that have to find the group.
const FINDS_USER: &[&str] = &["003", "005", "028", "051", "059", "081", "099"];

/// What notes and words of the shapes promise, beyond status and body.
async fn facts(
    stage: &mut Stage,
    shape: &Shape,
    request: &Request,
    answer: &Answer,
    before: &Before,
) {
    let told = format!("{} {}: {answer}\nbefore: {}", shape.id, shape.scenario, before.user);
    let idp = stage.idp.clone();
    match shape.id.as_str() {
        "008" => full_user_without_nulls(&answer.json(), &told),
        // The unknown URN was dropped.
        "009" => assert_eq!(answer.json()["schemas"], json!([USER]), "{told}"),
        "041" => assert_eq!(answer.json()["schemas"], json!([GROUP]), "{told}"),
        "021" => {
            let made = answer.json();
            assert_eq!(made["emails"][0]["primary"], true, "{told}");
            assert_eq!(made["addresses"][0].get("country"), None, "{told}");
        }
        "022" => {
            is_member(stage, "USER_ID", &told).await;
            unknown_member_is_refused(stage).await;
        }
        "042" => assert_eq!(stage.read(&stage.group()).await["displayName"], "Platform Engineers"),
        "070" => {
            assert_eq!(answer.json()["displayName"], "Engineers", "{told}");
            idp.send(request.clone()).await.refused(409, "uniqueness");
            // The next shapes speak of the one that was prepared.
            idp.delete(&format!("/Groups/{}", answer.id())).await.is(204);
        }
        "071" => {
            let group = stage.read(&stage.group()).await;
            assert_eq!(group["displayName"], "Platform", "{told}");
            assert_eq!(group["id"], before.group["id"], "{told}");
        }
        "043" => {
            let once = stage.read(&stage.group()).await;
            idp.send(request.clone()).await.is(204);
            assert_eq!(stage.read(&stage.group()).await, once, "the repeat moved it: {told}");
        }
        "044" | "045" | "097" => only_the_user_left(stage, before, &told).await,
        "072" => {
            let now = members(stage).await;
            assert!(!now.contains(&stage.names.id("USER_A").to_owned()), "{told}");
            assert!(now.contains(&stage.names.id("USER_B").to_owned()), "{told}");
            assert!(now.contains(&stage.colleague), "{told}");
        }
        "073" => {
            let expect = sorted(&["USER_A", "USER_B"].map(|name| stage.names.id(name).to_owned()));
            assert_eq!(members(stage).await, expect, "{told}");
        }
        "074" => assert_eq!(members(stage).await, [stage.names.id("USER_A")], "{told}"),
        "023" | "096" | "106" => is_member(stage, "USER_ID", &told).await,
        "108" => assert_eq!(answer.json()["members"][0]["value"], stage.names.id("USER_ID")),
        // `manager` without its schema means `manager.value` of the extension (R-FILTER-15).
        "006" => assert_eq!(answer.ids(), [stage.names.id("USER_ID")], "{told}"),
        "113" | "117" => {
            let last = if shape.id == "113" { 100 } else { 50 };
            let now = members(stage).await;
            for number in 1..=last {
                assert!(now.contains(&stage.names.id(&format!("USER_{number}")).to_owned()));
            }
            if shape.id == "113" {
                large_groups_are_not_sent_back(stage).await;
            }
        }
        "046" | "112" => assert_eq!(answer.ids(), [stage.names.id("GROUP_ID")], "{told}"),
        "115" => assert!(answer.ids().contains(&stage.names.id("GROUP_ID").to_owned()), "{told}"),
        "039" | "040" => without_members(&shape.id, answer, &told),
        "067" => assert!(answer.resources().iter().any(|group| group["members"].is_array())),
        "068" | "098" => assert!(!answer.ids().is_empty(), "{told}"),
        "049" | "050" | "052" | "065" | "066" | "110" => a_page(answer, &told),
        "057" => {
            let made = answer.json();
            assert_eq!(made["userName"], "ada@acme.test", "{told}");
            assert_eq!(made["externalId"], "00u1abcd2EFGHIJKL3x7", "{told}");
        }
        "010" | "058" | "079" => {
            assert_eq!(idp.get("/Users?count=0").await.json()["totalResults"], before.users);
        }
        "060" => {
            let user = answer.json();
            // R-ATTR-14: an empty text is a value, to PUT.
            let name = json!({"givenName": "Adeline", "middleName": "", "familyName": "L"});
            assert_eq!(user["name"], name, "{told}");
            assert_eq!(user["meta"]["created"], before.user["meta"]["created"], "{told}");
        }
        "076" => {
            let list = answer.json();
            let user = &list["Resources"][0];
            for pointer in
                ["/id", "/userName", "/name/givenName", "/name/familyName", "/emails/0/value"]
            {
                assert!(user.pointer(pointer).is_some_and(Value::is_string), "{pointer}: {told}");
            }
            assert!(list["Resources"][0]["active"].is_boolean(), "{told}");
            assert!(
                ["totalResults", "itemsPerPage", "startIndex"].iter().all(|n| list[n].is_u64())
            );
        }
        "084" => {
            assert_eq!(answer.ids(), ["User", "Group", "Role", "Entitlement"], "{told}");
            let role = answer.resources().swap_remove(2);
            assert_eq!((&role["schema"], &role["endpoint"]), (&json!(OKTA_ROLE), &json!("/Roles")));
            // Step 2.
            let schema = idp.get(&format!("/Schemas/{OKTA_ROLE}")).await.is(200).json();
            assert!(
                schema["attributes"].as_array().is_some_and(|list| !list.is_empty()),
                "{schema}"
            );
        }
        "085" => {
            let roles = answer.resources();
            let names: Vec<&Value> = roles.iter().map(|role| &role["displayName"]).collect();
            assert_eq!(names, ["Auditor", "Billing"], "{told}");
            assert!(roles.iter().all(|role| role["schemas"] == json!([OKTA_ROLE])), "{told}");
        }
        "101" => {
            assert_eq!(stage.read(&stage.user()).await["title"], "CTO", "{told}");
            // Its own schemas may be left out of the data.
            let bare = json!({"method": "PATCH", "path": stage.user(), "data": {
                "Operations": [{"op": "replace", "path": "title", "value": "CEO"}],
            }});
            assert_eq!(idp.bulk(json!([bare])).await.statuses(), "200");
            assert_eq!(stage.read(&stage.user()).await["title"], "CEO", "{told}");
        }
        "116" => by_cursor(stage, answer, &told).await,
        "118" => {
            assert_eq!(answer.statuses(), "201 201", "{told}");
            let ids: Vec<String> = answer.operations().iter().map(located).collect();
            assert_eq!(idp.members(&ids[0]).await, [ids[1].as_str()], "{told}");
            assert_eq!(idp.members(&ids[1]).await, [ids[0].as_str()], "{told}");
            // The type that was sent is what it became.
            let group = idp.get(&format!("/Groups/{}", ids[0])).await.json();
            assert_eq!(group["members"][0]["type"], "Group", "{told}");
        }
        "119" => {
            let found = answer.resources();
            let names: Vec<&Value> = found.iter().map(|one| &one["displayName"]).collect();
            assert_eq!(names, ["Smith, J", "Smiths"], "{told}");
            assert!(found.iter().all(|one| one.get("meta").is_none()), "{told}");
            let nobody = json!({"schemas": [SEARCH], "filter": "displayName sw \"Zzz\""});
            assert!(idp.post("/.search", &nobody).await.is(200).ids().is_empty());
        }
        "120" => deleted_later(stage, before, answer, &told).await,
        "088" | "104" => {
            let attributes = answer.json()["attributes"].as_array().map_or(0, Vec::len);
            assert!(answer.json()["id"] == USER && attributes > 15, "{told}");
        }
        "103" => assert_eq!(answer.json()["endpoint"], "/Users", "{told}"),
        "090" => {
            let gone = before.user["id"].as_str().unwrap_or_default().to_owned();
            let group = stage.read(&stage.group()).await;
            assert!(!members_of(&group).contains(&gone), "membership is cleaned: {told}");
            assert!(members_of(&group).contains(&stage.colleague), "{told}");
        }
        "047" | "075" => {
            idp.get(&stage.group()).await.refused(404, "");
            idp.get(&stage.user()).await.is(200);
        }
        "092" => {
            let made = answer.json();
            assert_eq!(made["active"], true, "{told}");
            assert_eq!(made[ENTERPRISE], json!({"department": "R&D"}), "{told}");
        }
        "107" => {
            idp.send(request.clone()).await.refused(409, "uniqueness");
            let found = idp.find("/Users", "userName eq \"ada@acme.test\"").await.ids();
            assert_eq!(found, [answer.id()], "{told}");
        }
        "121" => assert_eq!(stage.read(&stage.user()).await, before.user, "{told}"),
        "122" => assert!(answer.body.is_empty() && answer.header("etag").is_some(), "{told}"),
        "082" => assert_eq!(answer.status, 401),
        id if FINDS_USER.contains(&id) => finds(stage, shape, answer, &told).await,
        _ if shape.method == "PATCH" || shape.method == "PUT" => {
            user_facts(stage, shape, answer, before, &told).await;
        }
        _ => {}
    }
    assert!(before.group["id"].is_string());
}

/// The id at the end of the location of a bulk operation.
fn located(operation: &Value) -> String {
    let location = operation["location"].as_str().unwrap_or_default();
    location.rsplit('/').next().unwrap_or_default().to_owned()
}

/// Everybody fits on the page that was asked for; smaller pages lead to the same.
async fn by_cursor(stage: &Stage, answer: &Answer, told: &str) {
    let list = answer.json();
    assert!(list["nextCursor"].is_null() && list["startIndex"].is_null(), "{told}");
    assert_eq!(list["totalResults"], answer.ids().len(), "{told}");
    let pages = stage.idp.walk("/Users", "count=2").await;
    assert!(pages.len() > 1, "{told}");
    assert_eq!(pages.concat(), answer.ids(), "{told}");
}

/// It was waited for, or told of later; and without a wait it is always told of later.
async fn deleted_later(stage: &Stage, before: &Before, answer: &Answer, told: &str) {
    let done = match answer.header("set-txn") {
        Some(transaction) => stage.idp.outcome(transaction).await,
        None => answer.clone(),
    };
    assert_eq!(done.statuses(), "204", "{told}");
    let path = stage.user();
    assert_eq!(before.user["id"], *stage.names.id("USER_ID"), "{told}");
    stage.idp.get(&path).await.refused(404, "");

    let many = (0..300).map(|_| json!({"method": "DELETE", "path": path}));
    let body = json!({"schemas": [BULK], "Operations": many.collect::<Value>()});
    let request = stage.idp.request("POST", "/Bulk").json(&body).header("prefer", "respond-async");
    let promise = stage.idp.send(request).await.is(202);
    assert!(promise.body.is_empty(), "{promise}");
    for name in ["set-txn", "preference-applied", "location"] {
        assert!(promise.header(name).is_some(), "{name}: {promise}");
    }
    let transaction = promise.header("set-txn").unwrap_or_default();
    assert_eq!(stage.idp.outcome(transaction).await.operations().len(), 300);
}

/// What is promised of changes to a user. Whatever a 200 shows, GET shows.
async fn user_facts(stage: &Stage, shape: &Shape, answer: &Answer, before: &Before, told: &str) {
    if !shape.path.starts_with("/Users") || answer.status >= 300 {
        return;
    }
    let user = stage.read(&stage.user()).await;
    if answer.status == 200 {
        assert_eq!(answer.json(), user, "{told}");
    }
    let had = |attributes: Value| {
        for (name, value) in attributes.as_object().expect("attributes") {
            assert_eq!(user[name], *value, "`{name}`: {told}\nnow: {user}");
        }
    };
    let work = |list: &str| {
        let elements = user[list].as_array().into_iter().flatten();
        elements.filter(|element| element["type"] == "work").cloned().collect::<Vec<_>>()
    };
    match shape.id.as_str() {
        "011" => {
            had(json!({"displayName": "Ada Lovelace"}));
            assert_eq!(user["name"]["familyName"], "Lovelace", "{told}");
            assert_eq!(work("emails")[0]["value"], "ada.l@contoso.test", "{told}");
        }
        "012" => {
            assert_eq!(work("phoneNumbers"), [json!({"value": "+31201234567", "type": "work"})]);
            assert_eq!(user["name"]["familyName"], "King", "the other operation: {told}");
        }
        "013" => {
            assert_eq!(work("addresses"), [json!({"type": "work", "postalCode": "1012 AB"})]);
        }
        "014" | "015" | "061" | "063" | "089" | "093" | "105" => {
            had(json!({"active": false, "id": before.user["id"]}));
            // Disabled users are still found (E-ENTRA-21).
            let name = user["userName"].as_str().unwrap_or_default();
            let found = stage.idp.find("/Users", &format!("userName eq \"{name}\"")).await;
            assert_eq!(found.ids(), [stage.names.id("USER_ID")], "{told}");
            if shape.method == "PATCH" {
                had(json!({"name": before.user["name"], "emails": before.user["emails"]}));
            }
        }
        "016" | "062" => {
            had(json!({"active": true, "id": before.user["id"]}));
            let users = stage.idp.get("/Users?count=0").await.json()["totalResults"].clone();
            assert_eq!(users, before.users, "no new user: {told}");
        }
        "017" => {
            had(json!({"displayName": "Ada K"}));
            assert_eq!(user["name"]["givenName"], "Ada", "{told}");
            assert_eq!(user["name"]["familyName"], "King", "{told}");
            assert_eq!(user[ENTERPRISE]["employeeNumber"], "1815", "{told}");
            assert_eq!(work("emails")[0]["value"], "ada.k@contoso.test", "{told}");
        }
        "018" => {
            had(json!({"displayName": "Ada K"}));
            assert_eq!(work("emails")[0]["value"], "ada.k@contoso.test", "{told}");
        }
        "019" => had(json!({"nickName": "Countess"})),
        "020" => {
            had(json!({"externalId": "ada.k"}));
            assert_eq!(user[ENTERPRISE]["employeeNumber"], "1815", "{told}");
        }
        "029" | "030" | "033" => {
            // Only `value` says who it is; a foreign `$ref` leads nowhere.
            let manager = &user[ENTERPRISE]["manager"];
            assert_eq!(manager["value"], stage.names.id("MANAGER_ID"), "{told}");
            assert!(manager.get("displayName").is_none(), "{told}");
        }
        "031" | "032" => assert!(user[ENTERPRISE].get("manager").is_none(), "{told}"),
        "034" => had(json!({"title": null, "nickName": null})),
        "035" => had(json!({"roles": [{"primary": true, "value": "Admin"}]})),
        // Expanded, as the profile of Entra says; the one that was there is no second one.
        "036" => had(json!({"roles": [
            {"display": "Admin", "primary": true, "value": "Admin"},
            {"display": "Reader", "value": "Reader"},
        ]})),
        "053" => {
            let primary: Vec<&Value> = user["emails"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|mail| mail["primary"] == true)
                .collect();
            assert_eq!(primary.len(), 1, "{told}");
            assert_eq!(primary[0]["value"], "z@contoso.test", "{told}");
        }
        "064" => assert!(!user.to_string().contains("Tr0ub4dor"), "{told}"),
        "111" => {
            assert_eq!(user["name"]["givenName"], "Ada", "{told}");
            assert_eq!(user["name"]["familyName"], before.user["name"]["familyName"], "{told}");
        }
        id => panic!("nothing is asserted of {id}: {told}"),
    }
}

fn full_user_without_nulls(user: &Value, told: &str) {
    assert!(user["id"].is_string() && user["meta"]["location"].is_string(), "{told}");
    assert_eq!(user["userName"], "ada@contoso.test", "{told}");
    assert_eq!(user[ENTERPRISE], json!({"department": "R&D"}), "{told}");
    let absent = Map::new();
    for name in ["addresses", "phoneNumbers", "roles", "title"] {
        assert!(!user.as_object().unwrap_or(&absent).contains_key(name), "{name}: {told}");
    }
}

async fn members(stage: &Stage) -> Vec<String> {
    stage.idp.members(stage.names.id("GROUP_ID")).await
}

async fn is_member(stage: &Stage, name: &str, told: &str) {
    assert!(members(stage).await.iter().any(|id| id == stage.names.id(name)), "{told}");
}

fn members_of(group: &Value) -> Vec<String> {
    rollcall_tests::idp::member_ids(group)
}

async fn only_the_user_left(stage: &Stage, before: &Before, told: &str) {
    let expect: Vec<String> = members_of(&before.group)
        .into_iter()
        .filter(|id| id != stage.names.id("USER_ID"))
        .collect();
    assert!(expect.len() + 1 == members_of(&before.group).len(), "nothing to remove: {told}");
    assert_eq!(members(stage).await, expect, "{told}");
}

async fn unknown_member_is_refused(stage: &Stage) {
    let unknown = json!({"op": "add", "path": "members", "value": "00919288221112222"});
    stage.idp.patch(&stage.group(), unknown).await.refused(400, "invalidValue");
}

/// E-AWS-01 stops at 100 members; R-PATCH-22 and the sizes that we promise do not.
async fn large_groups_are_not_sent_back(stage: &Stage) {
    let crowd = many_users(&stage.idp, "crowd", 1_100).await;
    let group = large_group(&stage.idp, "Crowd", &crowd[..1_000]).await;
    let more: Vec<Value> = crowd[1_000..].iter().map(|id| json!({"value": id})).collect();
    let body = json!({
        "schemas": [PATCH], "Operations": [{"op": "add", "path": "members", "value": more}],
    });
    let request = stage.idp.request("PATCH", &format!("/Groups/{group}")).json(&body);
    // More than 1,000 members are not sent back unasked.
    stage.idp.send(request).await.is(204);
    assert_eq!(stage.idp.members(&group).await.len(), 1_100);
}

fn without_members(id: &str, answer: &Answer, told: &str) {
    let groups = if id == "039" { answer.resources() } else { vec![answer.json()] };
    assert!(!groups.is_empty(), "{told}");
    for group in groups {
        assert!(group.get("members").is_none() && group["displayName"].is_string(), "{told}");
    }
}

/// Integers, and as many as there are.
fn a_page(answer: &Answer, told: &str) {
    let list = answer.json();
    let count = answer.resources().len();
    assert_eq!(list["itemsPerPage"].as_u64(), Some(count as u64), "{told}");
    assert!(list["totalResults"].is_u64() && list["startIndex"].as_u64() >= Some(1), "{told}");
    assert!(count <= 100, "{told}");
}

/// Each of these requests finds her, also when she is disabled.
async fn finds(stage: &Stage, shape: &Shape, answer: &Answer, told: &str) {
    match shape.id.as_str() {
        // Before she was made nobody is found.
        "003" | "005" => assert!(answer.ids().is_empty(), "{told}"),
        "028" => assert_eq!(answer.ids(), [stage.names.id("USER_ID")], "{told}"),
        "051" => assert!(answer.ids().len() > 1, "{told}"),
        "059" => assert_eq!(answer.id(), stage.names.id("USER_ID"), "{told}"),
        "081" => {
            let lower = encoded("userName eq \"spec-user-1@example.test\"");
            let found = stage.idp.get(&format!("/Users?filter={lower}")).await.ids();
            assert!(found.len() == 1 && answer.ids() == found, "{told}");
        }
        _ => assert!(answer.ids().is_empty(), "{told}"),
    }
}
