//! Who may do what: the matrix of operations, credentials and roles.

use http::Method;
use rollcall_domain::Rate;
use rollcall_http::Settings;
use serde_json::{Value, json};

use crate::operations::{all, well};
use crate::world::{Asked, PUBLIC, SIGNED, World};

/// R-E-05, R-E-10, R-E-12, R-E-28: whoever is nobody is told the same everywhere, also on paths
/// that lead nowhere and with methods that nothing takes.
#[tokio::test]
async fn r_e_05_nobody_gets_past_the_door() {
    let world = World::new().await;
    let expired = json!({"name": "x", "role": "owner", "expires": "2026-01-01T00:00:01Z"});
    let expired = world.post("/admin/keys", expired).await.is(201).text_of("key");
    let revoked = world.post("/admin/keys", json!({"name": "x", "role": "owner"})).await;
    let revoked = revoked.is(201).clone();
    world.delete(&format!("/admin/keys/{}", revoked.text_of("adminKeyId"))).await.is(200);
    let revoked = revoked.text_of("key");
    world.now.pass(2_000);
    let long = "x".repeat(5_000);
    let keys = [
        None,
        Some(""),
        Some(" "),
        Some("garbage"),
        Some("rca_"),
        Some(&*expired),
        Some(&*revoked),
        Some(&*world.a.bearer),
        Some("x.y.z"),
        Some(&*long),
        Some(SIGNED),
    ];
    let mut paths: Vec<(Method, String, u16)> = Vec::new();
    for operation in all(&world.document).iter().filter(|one| one.role.is_some()) {
        let path = operation.path(&world.a, &world.a.second);
        paths.push((operation.method.clone(), path, operation.status));
    }
    for nowhere in ["", "/", "/nowhere", "/organizations/x/y/z", "/jobs/x", "/%ff", "/a%2Fb"] {
        paths.push((Method::GET, nowhere.into(), 404));
    }
    paths.push((Method::PUT, "/organizations".into(), 405));
    paths.push((Method::OPTIONS, "/organizations".into(), 405));
    paths.push((Method::POST, "/openapi.json".into(), 405));
    for (method, path, _) in &paths {
        let path = format!("/api/v1{path}");
        for key in keys {
            let answer = world.raw(method.clone(), &path, key, &[], None).await;
            answer.is(401);
            assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"rollcall\"");
            assert_eq!(answer.header("content-type"), "application/problem+json");
        }
        let root = &*world.root;
        let bearer = format!("Bearer {root}");
        let basic = format!("Basic {root}");
        let cookie = format!("session={root}; rollcall={root}");
        for headers in [
            &[("authorization", &*bearer), ("authorization", &*bearer)][..],
            &[("authorization", &*basic)],
            &[("authorization", root)],
            &[("cookie", &*cookie)],
            &[("x-api-key", root)],
        ] {
            world.raw(method.clone(), &path, None, headers, None).await.is(401);
        }
        let and = if path.contains('?') { '&' } else { '?' };
        let in_query = format!("{path}{and}access_token={root}");
        world.raw(method.clone(), &in_query, Some(root), &[], None).await.is(401);
    }
    // Nothing came of it.
    world.get(&world.a.at()).await.is(200);
    for (method, path, status) in paths.iter().filter(|(_, _, status)| *status >= 400) {
        let path = format!("/api/v1{path}");
        world.raw(method.clone(), &path, Some(&world.root), &[], None).await.is(*status);
    }
}

/// Each role does what the document says, in its organization or everywhere.
#[tokio::test]
async fn roles_open_what_the_document_says() {
    const ROLES: [&str; 3] = ["read-only", "operator", "owner"];
    let rank = |role: &str| ROLES.iter().position(|one| *one == role).unwrap();
    for role in ROLES {
        for narrow in [true, false] {
            let mut world = World::new().await;
            let mut key = world.key(role, narrow.then_some(&*world.a.org)).await;
            for operation in all(&world.document.clone()) {
                let Some(needed) = operation.role.clone() else { continue };
                if rank(role) >= rank(&needed) && !(narrow && operation.everywhere) {
                    well(&world, &operation, Some(&key)).await;
                    if operation.writes {
                        world = World::new().await;
                        key = world.key(role, narrow.then_some(&*world.a.org)).await;
                    }
                    continue;
                }
                let path = operation.path(&world.a, &world.a.second);
                let (method, headers) = (operation.method.clone(), Vec::new());
                let body = operation.body(Some(&world.a.org));
                let asked = Asked { method, path: &path, key: Some(&key), headers, body };
                let answer = world.ask(&asked).await;
                assert_eq!(answer.status, 403, "{} {role} {narrow}", operation.id);
            }
        }
    }
}

/// A key of one organization makes none for others, or for all.
#[tokio::test]
async fn keys_make_no_keys_that_open_more() {
    let world = World::new().await;
    let make = async |organization: Value| {
        let body = Some(json!({"name": "x", "role": "owner", "organizationId": organization}));
        let key = Some(&*world.a.secret);
        let (method, headers) = (Method::POST, Vec::new());
        world.ask(&Asked { method, path: "/admin/keys", key, headers, body }).await
    };
    make(json!(world.a.org)).await.is(201);
    make(Value::Null).await.says(403, "for one organization alone");
    make(json!(world.b.org)).await.says(404, &world.b.org);
}

#[tokio::test]
async fn operators_sign_in_with_tokens_of_the_issuer() {
    let world = World::new().await;
    let new = json!({"name": "Ada", "role": "read-only", "subject": "ada"});
    let ask = async |key: &str| {
        let (method, headers) = (Method::GET, Vec::new());
        let path = "/organizations";
        world.ask(&Asked { method, path, key: Some(key), headers, body: None }).await
    };
    ask(SIGNED).await.is(401);
    let made = world.post("/admin/keys", new.clone()).await.is(201).json();
    assert_eq!((&made["subject"], made.get("key")), (&json!("ada"), None));
    ask(SIGNED).await.is(200);
    ask("aaaa.bbbb.dddd").await.is(401);
    ask("ada").await.is(401);
    let down = ask("down.down.down").await.is(503).clone();
    assert!(!down.header("retry-after").is_empty() && down.text.contains("issuer"), "{down:?}");
    assert!(!down.text.contains("directory"), "{down:?}");
    world.post("/admin/keys", new).await.is(409);
    world.delete(&format!("/admin/keys/{}", made["adminKeyId"].as_str().unwrap())).await.is(200);
    ask(SIGNED).await.is(401);
}

/// R-SEC-06: whoever has sent too many wrong keys is not heard; good ones are.
#[tokio::test]
async fn r_sec_06_guesses_are_limited() {
    let failures = Rate { per_second: 1, burst: 3 };
    let settings = Settings { public_url: PUBLIC.into(), failures, ..Settings::default() };
    let world = World::with(settings).await;
    let path = "/organizations";
    let ask = async |key: String| {
        let (method, headers) = (Method::GET, Vec::new());
        world.ask(&Asked { method, path, key: Some(&key), headers, body: None }).await
    };
    let mut statuses = Vec::new();
    for at in 0..6 {
        statuses.push(ask(format!("rca_{at}")).await.status.as_u16());
    }
    assert_eq!(statuses[..3], [401, 401, 401]);
    assert_eq!(statuses.last(), Some(&429));
    let told = ask("rca_7".into()).await;
    assert!(!told.says(429, "too many wrong").header("retry-after").is_empty());
    ask(world.root.clone()).await.is(200);
}

/// Without an admin API there is nothing.
#[tokio::test]
async fn an_app_without_an_admin_api_has_none() {
    use std::sync::Arc;

    use rollcall_domain::{Authenticator, Directory, SystemClock, UuidIds};
    use rollcall_http::App;
    use rollcall_testkit::MemoryStore;

    let store = Arc::new(MemoryStore::new());
    let directory = Directory::new(store.clone(), Arc::new(SystemClock), Arc::new(UuidIds));
    let authenticator = Authenticator::new(store.clone());
    let app = App::new(directory, authenticator, store, Settings::default());
    for path in ["/api/v1/openapi.json", "/api/v1/organizations"] {
        let request = http::Request::get(path).body(http_body_util::Empty::<&[u8]>::new());
        assert_eq!(app.handle(request.unwrap()).await.status(), 404);
    }
}
