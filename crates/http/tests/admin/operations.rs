//! Every operation, done well: whatever the document holds must have a case here.

use http::Method;
use serde_json::{Value, json};

use crate::shape;
use crate::world::{Asked, Customer, World};

/// An operation of the document.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) id: String,
    pub(crate) method: Method,
    pub(crate) template: String,
    /// The least role; `None` where it is open.
    pub(crate) role: Option<String>,
    pub(crate) everywhere: bool,
    pub(crate) status: u16,
    pub(crate) if_match: bool,
    pub(crate) writes: bool,
}

/// Everything that the document holds.
pub(crate) fn all(document: &Value) -> Vec<Operation> {
    let mut operations = Vec::new();
    for (template, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let takes = |name: &str| {
                let parameters = operation["parameters"].as_array().unwrap().iter();
                parameters.filter(|one| one["name"] == name).count() == 1
            };
            let mut statuses = operation["responses"].as_object().unwrap().keys();
            let status = statuses.find(|status| status.starts_with('2')).unwrap();
            operations.push(Operation {
                id: operation["operationId"].as_str().unwrap().into(),
                method: method.to_ascii_uppercase().parse().unwrap(),
                template: template.clone(),
                role: operation["x-role"].as_str().map(Into::into),
                everywhere: operation["x-everywhere"] == true,
                status: status.parse().unwrap(),
                if_match: takes("If-Match"),
                writes: takes("Idempotency-Key"),
            });
        }
    }
    operations
}

impl Operation {
    /// The variable parts of the path.
    pub(crate) fn variables(&self) -> Vec<String> {
        let braced = self.template.split('/').filter_map(|part| part.strip_prefix('{'));
        braced.map(|part| part.trim_end_matches('}').to_owned()).collect()
    }

    /// The path with these ids in it, and a query that is good.
    pub(crate) fn path(&self, ids: &Customer, to: &str) -> String {
        let token = match self.id.as_str() {
            "getRotation" | "finishRotation" => &ids.old,
            _ => &ids.token,
        };
        let path = self
            .template
            .replace("{org}", &ids.org)
            .replace("{connection}", &ids.connection)
            .replace("{token}", token)
            .replace("{job}", &ids.job)
            .replace("{key}", &ids.key)
            .replace("{name}", "Role");
        match self.id.as_str() {
            "deleteConnection" | "previewRemoval" => format!("{path}?people=handOver&to={to}"),
            _ => path,
        }
    }

    /// A body that is good.
    pub(crate) fn body(&self, org: Option<&str>) -> Option<Value> {
        let settings = json!({
            "name": "another",
            "status": "observe",
            "security": {"maxRequestSize": 200_000},
            "quietAfterHours": 48,
            "profile": "entra",
            "capabilities": {"bulk": false},
            "limits": {"pageMax": 50, "rate": {"perSecond": 50, "burst": 100}},
        });
        match self.id.as_str() {
            "createOrganization" => Some(json!({"name": "New"})),
            "changeOrganization" => Some(json!({"name": "Renamed"})),
            "createConnection" => Some(json!({
                "idp": "entra",
                "settings": settings,
                "token": {"scopes": "users.write", "proof": {"kind": "clientSecret"}},
            })),
            "configureConnection" => Some(settings),
            "addSchemas" => Some(json!({
                "id": "urn:example:badge",
                "name": "Badge",
                "attributes": [{"name": "colour", "type": "string"}],
            })),
            "createToken" => Some(json!({
                "name": "three",
                "scopes": "users.read",
                "expires": "2026-06-01T00:00:00Z",
            })),
            "startRotation" => Some(json!({"expires": "2026-06-01T00:00:00Z"})),
            "finishRotation" => Some(json!({"force": true})),
            "createAdminKey" => Some(json!({
                "name": "new",
                "role": "read-only",
                "organizationId": org,
            })),
            _ => None,
        }
    }
}

/// An operation that must be done well, on the first customer.
pub(crate) async fn well(world: &World, operation: &Operation, key: Option<&str>) {
    let mut ids = world.a.clone();
    if operation.id == "deleteOrganization" {
        ids.org.clone_from(&world.empty);
    }
    let path = operation.path(&ids, &world.a.second);
    let body = operation.body(Some(&world.a.org));
    let method = operation.method.clone();
    let headers = Vec::new();
    let answer = world.ask(&Asked { method, path: &path, key, headers, body }).await;
    assert_eq!(answer.status, operation.status, "{}: {}", operation.id, answer.text);
}

/// Whatever is sent here is what the document says may be sent.
#[tokio::test]
async fn bodies_fit_the_document() {
    let world = World::new().await;
    for operation in all(&world.document) {
        let method = operation.method.as_str().to_ascii_lowercase();
        let sent = &world.document["paths"][&operation.template][method]["requestBody"];
        match operation.body(Some(&world.a.org)) {
            Some(body) => {
                let schema = &sent["content"]["application/json"]["schema"];
                shape::check(&world.document, schema, &body, &operation.id);
            }
            None => assert!(sent.is_null(), "{} has no body here", operation.id),
        }
    }
}

#[tokio::test]
async fn every_operation_can_be_done() {
    let mut world = World::new().await;
    for operation in all(&world.document.clone()) {
        well(&world, &operation, Some(&world.root)).await;
        if operation.writes {
            world = World::new().await;
        }
    }
}

#[tokio::test]
async fn organizations_come_change_and_go() {
    let world = World::new().await;
    let made = world.post("/organizations", json!({"name": " Acme "})).await.is(201).clone();
    let id = made.text_of("organizationId");
    assert_eq!(made.header("location"), format!("https://scim.example/api/v1/organizations/{id}"));
    assert_eq!(made.header("etag"), "\"0\"");
    assert_eq!(made.header("cache-control"), "no-store");
    assert_eq!(made.json()["name"], "Acme");
    world.post("/organizations", json!({"name": "Acme"})).await.says(409, "choose another");
    let path = format!("/organizations/{id}");
    let renamed = world.patch(&path, json!({"name": "Acme Inc"})).await.is(200).clone();
    assert_eq!((renamed.header("etag"), &renamed.json()["name"]), ("\"1\"", &json!("Acme Inc")));
    assert_eq!(world.get(&path).await.is(200).text, renamed.text);
    let busy = format!("/organizations/{}", world.a.org);
    world.delete(&busy).await.says(409, "the organization has connections");
    let job = world.delete(&path).await.is(202).clone();
    let at = format!("{path}/jobs/{}", job.text_of("jobId"));
    assert_eq!(job.header("location"), format!("https://scim.example/api/v1{at}"));
    assert_eq!(world.get(&at).await.is(200).json()["state"], "running");
    world.jobs.tick().await.unwrap();
    world.get(&path).await.says(404, &id);
}

#[tokio::test]
async fn connections_come_change_and_go() {
    let world = World::new().await;
    let at = format!("/organizations/{}/connections", world.a.org);
    let made = world.post(&at, json!({})).await.is(201).json();
    let id = made["connectionId"].as_str().unwrap();
    let secret = made["token"].as_str().unwrap();
    assert!(secret.starts_with("rct_"), "{made}");
    assert_eq!(made["basePath"], format!("/connections/{id}/scim/v2"));
    assert_eq!(made["baseUrl"], format!("{}/connections/{id}/scim/v2", crate::world::PUBLIC));
    let read = world.get(&format!("{at}/{id}")).await.is(200).clone();
    assert!(read.json().get("token").is_none() && !read.text.contains(secret), "{read:?}");
    let base = made["basePath"].as_str().unwrap();
    let users = format!("{base}/Users");
    world.raw(Method::GET, &users, Some(secret), &[], None).await.is(200);
    // What was given once is given once more to nobody.
    let listed = world.get(&at).await.is(200).clone();
    assert!(!listed.text.contains("\"token\""), "{listed:?}");
    let first = listed.json()["items"][0]["baseUrl"].clone();
    assert!(first.as_str().unwrap().starts_with(crate::world::PUBLIC));
    let same = world.patch(&format!("{at}/{id}"), json!({"status": "active"})).await;
    assert_eq!(same.is(200).header("etag"), "\"0\"", "what changes nothing moves no revision");
    assert!(same.json().get("token").is_none());
    let to = &world.a.second;
    let preview = format!("{at}/{id}/removal?people=handOver&to={to}");
    let preview = world.get(&preview).await.is(200).json();
    assert_eq!((&preview["people"], &preview["to"]), (&json!("handOver"), &json!(to)));
    world.delete(&format!("{at}/{id}")).await.says(400, "one of keep, deactivate, handOver");
    world.delete(&format!("{at}/{id}?people=handOver")).await.says(400, "needs `to`");
    world.delete(&format!("{at}/{id}?people=keep&to={to}")).await.says(400, "`to` goes with");
    let job = world.delete(&format!("{at}/{id}?people=keep")).await.is(202).text_of("jobId");
    world.delete(&format!("{at}/{id}?people=keep")).await.says(409, &job);
    // By then nobody believes any more that its credentials are good.
    world.now.pass(3_000);
    world.jobs.tick().await.unwrap();
    world.get(&format!("{at}/{id}")).await.says(404, id);
    let job = world.get(&format!("/organizations/{}/jobs/{job}", world.a.org)).await;
    assert_eq!(job.is(200).json()["state"], "finished");
}

#[tokio::test]
async fn tokens_are_rotated_and_revoked() {
    let world = World::new().await;
    let at = format!("{}/tokens", world.a.at());
    let rotation = format!("{at}/{}/rotation", world.a.token);
    let started = world.send(Method::POST, &rotation, &[], None).await.is(201).clone();
    let (new, secret) = (started.text_of("tokenId"), started.text_of("token"));
    assert!(started.header("location").ends_with(&new), "{started:?}");
    world.post(&rotation, json!({})).await.says(409, "under way");
    let finish = format!("{rotation}/finish");
    world.send(Method::POST, &finish, &[], None).await.says(409, "nobody has come with");
    let seen = world.get(&rotation).await.is(200).json();
    assert_eq!((&seen["newTokenSeen"], &seen["new"]["tokenId"]), (&json!(false), &json!(new)));
    world.post(&finish, json!({"force": true})).await.is(200);
    world.get(&rotation).await.says(404, &world.a.token);
    let old = world.get(&format!("{at}/{}", world.a.token)).await.is(200).json();
    assert!(old["revoked"].is_string(), "{old}");
    let users = format!("/connections/{}/scim/v2/Users", world.a.connection);
    world.raw(Method::GET, &users, Some(&secret), &[], None).await.is(200);
    let ended = world.delete(&format!("{at}/{new}")).await.is(200).clone();
    assert!(ended.json()["revoked"].is_string());
    assert_eq!(world.delete(&format!("{at}/{new}")).await.is(200).text, ended.text);
}

#[tokio::test]
async fn schemas_come_and_go() {
    let world = World::new().await;
    let at = format!("{}/schemas", world.a.at());
    let read = world.get(&at).await.is(200).clone();
    assert_eq!(read.json()["resourceTypes"][0]["name"], "Role");
    let revision = read.header("etag").to_owned();
    let removed = world.delete(&format!("{at}/Entitlement")).await.is(200).clone();
    assert_ne!(removed.header("etag"), revision);
    world.delete(&format!("{at}/Entitlement")).await.says(404, "`Entitlement`");
    world.delete(&format!("{at}/User")).await.says(409, "standard");
    world.post(&at, json!({"pack": "rolls"})).await.says(400, "use one of roles");
    let bad = json!({"id": "urn:example:badge", "attributes": [{"name": "x", "type": "text"}]});
    let told = world.post(&at, bad).await.is(400).json();
    let places: Vec<_> = told["errors"].as_array().unwrap().iter().collect();
    assert!(places.iter().any(|one| one["pointer"] == "/attributes/0/type"), "{told}");
    assert!(places.iter().all(|one| one["line"] == 1), "{told}");
    let headers = [("content-type", "application/json")];
    let path = format!("/api/v1{at}");
    let body = Some("{\n  \"id\": }".into());
    let told = world.raw(Method::POST, &path, Some(&world.root), &headers, body).await;
    assert_eq!(told.is(400).json()["errors"][0]["line"], 2, "{told:?}");
}

#[tokio::test]
async fn every_list_is_walked_page_by_page() {
    let world = World::new().await;
    let connections = format!("/organizations/{}/connections", world.a.org);
    let tokens = format!("{}/tokens", world.a.at());
    for at in 0..5 {
        world.post("/organizations", json!({"name": format!("more {at}")})).await.is(201);
        world.post(&connections, json!({"settings": {"name": at.to_string()}})).await.is(201);
        world.post(&tokens, json!({})).await.is(201);
        world.key("read-only", None).await;
    }
    let lists = [
        ("/organizations", "organizationId", 8),
        (&*connections, "connectionId", 8),
        (&*tokens, "tokenId", 9),
        ("/admin/keys", "adminKeyId", 8),
    ];
    for (path, id, expect) in lists {
        let whole = world.get(path).await.is(200).json();
        let whole = whole["items"].as_array().unwrap().clone();
        assert_eq!(whole.len(), expect, "{path}");
        let (mut walked, mut after, mut pages) = (Vec::new(), String::new(), 0);
        while pages < 20 {
            pages += 1;
            let page = world.get(&format!("{path}?limit=2{after}")).await.is(200).json();
            let items = page["items"].as_array().unwrap();
            assert!(items.len() <= 2);
            walked.extend(items.clone());
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => break,
            }
        }
        assert_eq!(walked, whole, "{path}");
        assert_eq!(pages, expect.div_ceil(2), "{path}");
        assert!(walked.is_sorted_by(|one, other| one[id].as_str() < other[id].as_str()));
        for limit in ["0", "1001", "x", "-1", ""] {
            world.get(&format!("{path}?limit={limit}")).await.says(400, "use 1 to 1000");
        }
        world.get(&format!("{path}?after=x")).await.says(400, "`after` is no cursor");
    }
}
