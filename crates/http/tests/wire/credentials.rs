//! Every route with every credential that there is (R-E-05, R-E-10).

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::{Method, Request};
use http_body::Frame;
use http_body_util::{Full, StreamBody};
use rollcall_domain::{
    Amend, Amendment, BELIEVED_FOR, Clock as _, ConnectionId, Entry, Grant, Rate, Registry as _,
    Scopes, Status, SystemClock, Thumbprint, Token, TokenId, TokenKind, Traffics,
};
use rollcall_http::{Peer, PeerCertificate, Settings};
use rollcall_schema::{Instant, standard};
use rollcall_testkit::registered;
use serde_json::{Value, json};

use crate::observed::Logged;
use crate::world::{Answer, Tenant, World};
use crate::{group, patch_op, user};

/// What a route wants of whoever asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wants {
    /// Any good credential.
    Any,
    ReadUsers,
    WriteUsers,
    ReadGroups,
    WriteGroups,
    ReadAll,
    /// Nobody is let through: 404, 405 and the like.
    Nothing(u16),
    /// It says of each operation whether it was done.
    Bulk,
    /// The resource that the credential stands for.
    Me,
}

struct Route {
    method: Method,
    path: String,
    body: Value,
    wants: Wants,
}

/// Every route below a SCIM base, those included that lead nowhere.
fn routes(user_id: &str, group_id: &str) -> Vec<Route> {
    use Wants::*;
    let (get, head, post) = (Method::GET, Method::HEAD, Method::POST);
    let (put, patch, delete) = (Method::PUT, Method::PATCH, Method::DELETE);
    let (ada, none) = (format!("/Users/{user_id}"), "/Users/none".to_owned());
    let (team, lost) = (format!("/Groups/{group_id}"), "/Groups/none".to_owned());
    let search = json!({"schemas": [standard::SEARCH_REQUEST], "count": 1});
    let rename = patch_op(&json!([{"op": "replace", "path": "displayName", "value": "N"}]));
    let operation = json!({"method": "POST", "path": "/Users", "bulkId": "u", "data": user("b")});
    let bulk = json!({"schemas": [standard::BULK_REQUEST], "Operations": [operation]});
    let of = |method: &Method, path: &str, body: &Value, wants| Route {
        method: method.clone(),
        path: path.into(),
        body: body.clone(),
        wants,
    };
    let nil = Value::Null;
    let mut routes = Vec::new();
    for page in ["/ServiceProviderConfig", "/Schemas", "/ResourceTypes", "/ResourceTypes/User"] {
        routes.push(of(&get, page, &nil, Any));
        routes.push(of(&head, page, &nil, Any));
        routes.push(of(&post, page, &nil, Nothing(405)));
        routes.push(of(&delete, page, &nil, Nothing(405)));
    }
    routes.push(of(&get, "/Schemas/urn:ietf:params:scim:schemas:core:2.0:User", &nil, Any));
    routes.push(of(&get, "/Schemas/none", &nil, Nothing(404)));
    for (all, one, gone, body, read, write) in [
        ("/Users", &ada, &none, user("ada"), ReadUsers, WriteUsers),
        ("/Groups", &team, &lost, group("team", &[]), ReadGroups, WriteGroups),
    ] {
        routes.push(of(&get, all, &nil, read));
        routes.push(of(&head, all, &nil, read));
        routes.push(of(&get, &format!("{all}?filter=id%20pr&count=1"), &nil, read));
        routes.push(of(&post, &format!("{all}/.search"), &search, read));
        routes.push(of(&get, one, &nil, read));
        routes.push(of(&head, one, &nil, read));
        routes.push(of(&get, gone, &nil, read));
        routes.push(of(&post, all, &body, write));
        routes.push(of(&put, one, &body, write));
        routes.push(of(&patch, one, &rename, write));
        routes.push(of(&put, gone, &body, write));
        routes.push(of(&patch, gone, &rename, write));
        routes.push(of(&delete, gone, &nil, write));
        routes.push(of(&put, all, &body, Nothing(405)));
        routes.push(of(&post, one, &body, Nothing(405)));
    }
    routes.push(of(&get, "/", &nil, ReadAll));
    routes.push(of(&get, "", &nil, ReadAll));
    routes.push(of(&post, "/.search", &search, ReadAll));
    let outcome = "/AsyncResults/txn_0197b3a0000070008000000000000001";
    routes.push(of(&get, outcome, &nil, ReadAll));
    routes.push(of(&delete, outcome, &nil, Nothing(405)));
    routes.push(of(&post, "/Bulk", &bulk, Bulk));
    routes.push(of(&get, "/Bulk", &nil, Nothing(405)));
    routes.push(of(&get, "/Me", &nil, Me));
    routes.push(of(&patch, "/Me", &rename, Me));
    for path in ["/Nope", "/Users/a/b", "/a/b/c/d", "/Users.scim", "/Me/x", "/%FF"] {
        for method in [&get, &head, &post, &put, &patch, &delete, &Method::OPTIONS] {
            routes.push(of(method, path, &nil, Nothing(404)));
        }
    }
    routes
}

async fn ask(world: &World, base: &str, header: Option<&str>, route: &Route) -> Answer {
    let mut request = Request::builder().method(&route.method).uri(format!("{base}{}", route.path));
    if let Some(header) = header {
        request = request.header("authorization", header);
    }
    let body = match &route.body {
        Value::Null => String::new(),
        body => body.to_string(),
    };
    world.raw(request.body(Full::from(body)).unwrap()).await
}

fn now() -> Instant {
    SystemClock.now()
}

fn earlier() -> Instant {
    Instant::from_millis(now().millis() - 1)
}

async fn peopled(world: &World) -> Vec<Route> {
    let ada = world.made(&world.a, "/Users", &user("ada")).await;
    let team = world.made(&world.a, "/Groups", &group("team", &[])).await;
    routes(&ada, &team)
}

/// Whoever has nothing that is good for this connection learns the same from every route.
#[tokio::test]
async fn no_route_answers_without_a_good_credential() {
    // R-E-05, R-E-06, R-E-10, R-E-12, R-AUTH-04, R-AUTH-06; X47
    let world = World::new().await;
    let routes = peopled(&world).await;
    let connection = world.connection(&world.a).await;
    let with = async |change: fn(Token) -> Token| world.token_of(&world.a, change).await.token;
    let grant = |connection: ConnectionId, expires: Instant, token: TokenId| {
        let scopes = Scopes::ALL;
        world.grants.give(Grant { token, connection, scopes, expires, certificate: None })
    };
    let later = Instant::from_millis(now().millis() + 3_600_000);
    let (own, _) = registered::admit(&*world.registry, &connection, |token| token).await;
    let (secret, ended) = (
        |token| Token { kind: TokenKind::ClientSecret, ..token },
        |token| Token { revoked: Some(earlier()), ..token },
    );
    let (gone, _) = registered::admit(&*world.registry, &connection, ended).await;
    let foreign = world.connection(&world.b).await.id;
    let sent = [
        ("garbage", "Bearer garbage".to_owned()),
        ("nothing", "Bearer".into()),
        ("empty", "Bearer ".into()),
        ("whitespace", "Bearer  \t ".into()),
        ("another scheme", format!("Basic {}", world.a.token)),
        ("no scheme", world.a.token.clone()),
        ("expired", with(|token| Token { expires: Some(earlier()), ..token }).await),
        ("revoked", with(ended).await),
        ("a client's secret", with(secret).await),
        ("bound elsewhere", with(|t| Token { certificate: Some(Thumbprint([7; 32])), ..t }).await),
        ("an unsigned access token", "eyJ.eyJ.".into()),
        ("an ended access token", grant(connection.id, earlier(), own.id)),
        ("that of a revoked client", grant(connection.id, later, gone.id)),
        ("of a wrong audience", grant(foreign, later, own.id)),
    ];
    let mut refused = 0;
    for base in [world.a.path.as_str(), "/scim/v2"] {
        for route in &routes {
            let answer = ask(&world, base, None, route).await;
            assert_eq!(answer.status, 401, "nothing: {} {}", route.method, route.path);
            let cookie = Request::builder()
                .method(&route.method)
                .uri(format!("{base}{}", route.path))
                .header("cookie", format!("session={0}; authorization=Bearer {0}", world.a.token));
            let cookie = world.raw(cookie.body(Full::default()).unwrap()).await;
            assert_eq!((cookie.status, &cookie.text), (answer.status, &answer.text));
            let mut wrong: Option<Answer> = None;
            for (what, header) in &sent {
                let header =
                    match header.contains(' ') || *what == "nothing" || *what == "no scheme" {
                        true => header.clone(),
                        false => format!("Bearer {header}"),
                    };
                // Without a connection in the path, an access token names its own.
                if *what == "of a wrong audience" && base == "/scim/v2" {
                    continue;
                }
                let answer = ask(&world, base, Some(&header), route).await;
                let at = format!("{what}: {} {base}{}", route.method, route.path);
                assert_eq!(answer.status, 401, "{at}");
                let challenge = answer.header("www-authenticate");
                assert!(challenge.starts_with("Bearer realm=\"rollcall\""), "{at}");
                refused += 1;
                // One answer, byte for byte, for every token that is not good.
                if challenge.contains("invalid_token") {
                    let first = wrong.get_or_insert_with(|| answer.clone());
                    assert_eq!(
                        (&first.text, first.header("www-authenticate")),
                        (&answer.text, challenge),
                        "{at}"
                    );
                }
            }
            assert!(wrong.is_some());
        }
    }
    assert!(refused > 1_500, "{refused}");
    // Nothing of all that was done.
    assert_eq!(world.get("/Users").await.json()["totalResults"], 1);
    assert_eq!(world.get("/Groups").await.json()["totalResults"], 1);
}

/// The token of another connection finds nothing on any route, whether there is such a connection
/// or not.
#[tokio::test]
async fn tokens_of_others_find_nothing_at_all() {
    // R-E-02, R-E-04, R-E-05, R-TEN-02
    let world = World::new().await;
    let routes = peopled(&world).await;
    // The same organization, and another one.
    let organization = world.organization(&world.a).await;
    let sister = registered::fresh_connection(&organization);
    let entry = Entry::Connection(Box::new(sister.clone()));
    registered::add(&*world.registry, [entry]).await;
    let (_, secret) = registered::admit(&*world.registry, &sister, |token| token).await;
    let nobody = "/connections/conn_00000000000000000000000000000000/scim/v2";
    for token in [world.b.token.as_str(), secret.reveal()] {
        let header = format!("Bearer {token}");
        for route in &routes {
            let at = format!("{} {}", route.method, route.path);
            let foreign = ask(&world, &world.a.path, Some(&header), route).await;
            let unknown = ask(&world, nobody, Some(&header), route).await;
            assert_eq!(foreign.status, 404, "{at}");
            assert_eq!((unknown.status, &unknown.text), (foreign.status, &foreign.text), "{at}");
        }
    }
    assert_eq!(world.get("/Users").await.json()["totalResults"], 1);
}

/// What each credential may, on every route: those that let it in answer anything but 401 and 403.
#[tokio::test]
async fn scopes_open_their_routes_alone() {
    // R-AUTH-05, R-AUTH-06, R-E-04, R-E-05, R-E-16; X48
    for scopes in [
        "",
        "users.read",
        "groups.read",
        "users.read groups.read",
        "users.write",
        "groups.write",
        "users.write groups.read",
        "scim",
    ] {
        let world = World::new().await;
        let routes = peopled(&world).await;
        let parsed: Scopes = scopes.parse().unwrap();
        let tenant = world.token_of(&world.a, |token| Token { scopes: parsed, ..token }).await;
        let header = format!("Bearer {}", tenant.token);
        let writes = |kind: &str| scopes == "scim" || scopes.contains(&format!("{kind}.write"));
        let reads = |kind: &str| writes(kind) || scopes.contains(&format!("{kind}.read"));
        for route in &routes {
            let answer = ask(&world, &tenant.path, Some(&header), route).await;
            let at = format!("`{scopes}`: {} {}", route.method, route.path);
            let (open, needed) = match route.wants {
                Wants::Any => (true, ""),
                Wants::ReadUsers => (reads("users"), "users.read"),
                Wants::WriteUsers => (writes("users"), "users.write"),
                Wants::ReadGroups => (reads("groups"), "groups.read"),
                Wants::WriteGroups => (writes("groups"), "groups.write"),
                Wants::ReadAll => (reads("users") && reads("groups"), ".read"),
                Wants::Nothing(status) => {
                    assert_eq!(answer.status, status, "{at}");
                    continue;
                }
                Wants::Me => {
                    assert_eq!(answer.status, 501, "{at}");
                    continue;
                }
                Wants::Bulk => {
                    let status = if writes("users") { "201" } else { "403" };
                    assert_eq!(answer.is(200).json()["Operations"][0]["status"], status, "{at}");
                    continue;
                }
            };
            if open {
                assert!(![401, 403].contains(&answer.status.as_u16()), "{at}: {answer:?}");
                continue;
            }
            assert_eq!(answer.status, 403, "{at}");
            let challenge = answer.header("www-authenticate");
            assert!(challenge.contains("error=\"insufficient_scope\", scope=\""), "{at}");
            assert!(challenge.contains(needed), "{at}: {challenge}");
            if route.method != Method::HEAD {
                answer.is_error(403, "");
            }
        }
        // Whoever may not write has written nothing.
        let users = if writes("users") { 2 } else { 1 };
        assert_eq!(world.get("/Users").await.json()["totalResults"], users, "{scopes}");
    }
}

/// A user's own token opens `/Me` and itself (R-ME-02), and nothing of other users.
#[tokio::test]
async fn users_open_nothing_but_themselves() {
    // R-E-05, R-ME-02
    let world = World::new().await;
    let routes = peopled(&world).await;
    let eve = world.made(&world.a, "/Users", &user("eve")).await;
    let tenant = world.user_of_a(&eve).await;
    let header = format!("Bearer {}", tenant.token);
    for route in &routes {
        let answer = ask(&world, &tenant.path, Some(&header), route).await;
        let at = format!("{} {}", route.method, route.path);
        match route.wants {
            Wants::Any | Wants::Me => assert_eq!(answer.status, 200, "{at}: {answer:?}"),
            Wants::Nothing(status) => assert_eq!(answer.status, status, "{at}"),
            Wants::Bulk => {
                assert_eq!(answer.is(200).json()["Operations"][0]["status"], "403", "{at}");
            }
            _ => assert_eq!(answer.status, 403, "{at}"),
        }
    }
}

/// An access token does what it was granted, and no more than its client's credential may.
#[tokio::test]
async fn access_tokens_do_what_they_were_granted() {
    // R-AUTH-05, R-OAUTH-05, R-OAUTH-07
    let world = World::new().await;
    let connection = world.connection(&world.a).await;
    let read: Scopes = "users.read".parse().unwrap();
    let kind = TokenKind::ClientSecret;
    let (client, _) =
        registered::admit(&*world.registry, &connection, |token| Token { kind, ..token }).await;
    let grant = Grant {
        token: client.id,
        connection: connection.id,
        scopes: read,
        expires: Instant::from_millis(now().millis() + 3_600_000),
        certificate: None,
    };
    let bound = Grant { certificate: Some(Thumbprint([1; 32])), ..grant.clone() };
    let tenant = Tenant { token: world.grants.give(grant), path: world.a.path.clone() };
    world.send(&tenant, Method::GET, "/Users", &[], "").await.is(200);
    let unscoped = Tenant { path: "/scim/v2".into(), ..tenant.clone() };
    world.send(&unscoped, Method::GET, "/Users", &[], "").await.is(200);
    // X48
    let refused = world.send(&tenant, Method::POST, "/Users", &[], user("ada")).await;
    refused.is_error(403, "");
    // Bound to a certificate, it is good with that alone.
    let token = world.grants.give(bound);
    let ask = async |certificate: Option<u8>| {
        let mut request = Request::get(format!("{}/Users", world.a.path))
            .header("authorization", format!("Bearer {token}"));
        if let Some(byte) = certificate {
            request = request.extension(PeerCertificate(Thumbprint([byte; 32])));
        }
        world.raw(request.body(Full::default()).unwrap()).await.status.as_u16()
    };
    assert_eq!((ask(None).await, ask(Some(2)).await, ask(Some(1)).await), (401, 401, 200));
}

#[tokio::test]
async fn the_status_of_a_connection_counts_before_anything_else() {
    // R-AUTH-06, R-ERR-06
    let world = World::new().await;
    let routes = peopled(&world).await;
    let fresh = async |status| {
        world.configure(&world.a, |connection| connection.status = status).await;
        world.token_of(&world.a, |token| token).await
    };
    let paused = fresh(Status::Paused).await;
    let header = format!("Bearer {}", paused.token);
    for route in &routes {
        let answer = ask(&world, &paused.path, Some(&header), route).await;
        assert_eq!(answer.status, 503, "{} {}", route.method, route.path);
        assert_eq!(answer.header("retry-after"), "60");
    }
    // Whoever has no good token is none the wiser.
    ask(&world, &paused.path, Some("Bearer x"), &routes[0]).await.is_error(401, "");
    let disabled = fresh(Status::Disabled).await;
    let header = format!("Bearer {}", disabled.token);
    for route in &routes {
        let answer = ask(&world, &disabled.path, Some(&header), route).await;
        assert_eq!(answer.status, 403, "{} {}", route.method, route.path);
    }
    let draft = fresh(Status::Draft).await;
    let header = format!("Bearer {}", draft.token);
    for route in &routes {
        let answer = ask(&world, &draft.path, Some(&header), route).await;
        let at = format!("{} {}: {answer:?}", route.method, route.path);
        match route.wants {
            Wants::WriteUsers | Wants::WriteGroups => assert_eq!(answer.status, 403, "{at}"),
            Wants::Nothing(status) => assert_eq!(answer.status, status, "{at}"),
            _ => assert!(![401, 403].contains(&answer.status.as_u16()), "{at}"),
        }
    }
}

/// Nobody does anything with a credential that ended while their body was on its way.
#[tokio::test]
async fn whoever_sends_slowly_is_asked_again() {
    // R-E-05
    let world = World::new().await;
    let connection = world.connection(&world.a).await;
    let (token, secret) = registered::admit(&*world.registry, &connection, |token| token).await;
    let registry = Arc::clone(&world.registry);
    let body = StreamBody::new(stream::once(Box::pin(async move {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let revoked = Token { revoked: Some(now()), revision: 1, ..token };
        let entry = Entry::Token(Box::new(revoked));
        let acts = vec![Amend::Replace { entry, expect: 0 }];
        registry.amend(Amendment { acts, ..Amendment::default() }).await.unwrap();
        tokio::time::sleep(BELIEVED_FOR).await;
        Ok::<_, Infallible>(Frame::data(Bytes::from(user("late").to_string())))
    })));
    let request = Request::post(format!("{}/Users", world.a.path))
        .header("authorization", format!("Bearer {}", secret.reveal()))
        .header("content-type", "application/scim+json")
        .body(body)
        .unwrap();
    let answer = world.app.handle(request).await;
    assert_eq!(answer.status(), 401);
    let users = world.get("/Users").await.json();
    assert_eq!(users["totalResults"], 0, "{users}");
}

/// Requests of a paused connection are no guesses: its IdP is heard at once when it is back.
#[tokio::test]
async fn whoever_waits_is_not_taken_for_a_stranger() {
    // R-SEC-06
    let failures = Rate { per_second: 1, burst: 2 };
    let settings = Settings { failures, ..Settings::default() };
    let world = World::with(settings).await;
    for (status, code) in [(Status::Paused, 503), (Status::Disabled, 403)] {
        world.configure(&world.a, |connection| connection.status = status).await;
        let tenant = world.token_of(&world.a, |token| token).await;
        for _ in 0..5 {
            let request = Request::get(format!("{}/Users", tenant.path))
                .header("authorization", format!("Bearer {}", tenant.token))
                .extension(Peer("192.0.2.1".parse().unwrap()));
            world.raw(request.body(Full::default()).unwrap()).await.is_error(code, "");
        }
    }
}

/// What became of a request names resources of every type: it is for those who may read all.
#[tokio::test]
async fn outcomes_tell_no_more_than_a_token_may_read() {
    // R-AUTH-05, R-ASYNC-01
    let world = World::new().await;
    let operation = json!({"method": "POST", "path": "/Users", "bulkId": "u", "data": user("x")});
    let body = json!({"schemas": [standard::BULK_REQUEST], "Operations": [operation]});
    let later = [("prefer", "respond-async")];
    let answer = world.send(&world.a, Method::POST, "/Bulk", &later, &body).await;
    let place = answer.is(202).header("location").to_owned();
    let path = place.split_once("/scim/v2").unwrap().1.to_owned();
    for (scopes, status) in
        [("users.read", 403), ("users.write", 403), ("users.read groups.read", 200), ("scim", 200)]
    {
        let scopes: Scopes = scopes.parse().unwrap();
        let tenant = world.token_of(&world.a, |token| Token { scopes, ..token }).await;
        let mut answer = world.send(&tenant, Method::GET, &path, &[], "").await;
        for _ in 0..12_000 {
            if answer.status != 202 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
            answer = world.send(&tenant, Method::GET, &path, &[], "").await;
        }
        assert_eq!(answer.status, status, "{scopes}");
    }
    // Whoever could not fetch it is answered at once.
    let scopes: Scopes = "users.write".parse().unwrap();
    let tenant = world.token_of(&world.a, |token| Token { scopes, ..token }).await;
    world.send(&tenant, Method::POST, "/Bulk", &later, &body).await.is(200);
}

#[tokio::test]
async fn operators_are_told_of_calls_to_disabled_connections() {
    let logged = Logged::begin();
    let world = World::new().await;
    world.configure(&world.a, |connection| connection.status = Status::Disabled).await;
    for _ in 0..3 {
        world.get("/Users").await.is_error(403, "");
    }
    let text = logged.end();
    let told = text.lines().filter(|line| line.contains("\"WARN\"")).collect::<Vec<_>>();
    let id = world.a.connection().to_string();
    assert!(matches!(told.as_slice(), [one] if one.contains(&id)), "once a minute: {text}");
    assert!(!text.contains(&world.a.token));
}

#[tokio::test]
async fn traffic_and_tests_of_connections_are_noted() {
    let world = World::new().await;
    let clock = Arc::new(SystemClock);
    let traffics = Arc::new(Traffics::new(world.registry.clone(), clock));
    let world = world.serving(|app| app.with_traffics(traffics));
    let traffic = async |tenant: &Tenant| world.connection(tenant).await.traffic;
    let nobody = Tenant { token: "x".into(), ..world.a.clone() };
    world.send(&nobody, Method::GET, "/Users?count=1", &[], "").await.is(401);
    assert_eq!(traffic(&world.a).await.seen, None);
    // Work, and a test that failed.
    world.get("/Users?filter=userName%20eq%20%22ada%22").await.is(200);
    world.get("/Users?count=1&filter=x").await.is(400);
    world.get("/Schemas/none").await.is(404);
    let noted = traffic(&world.a).await;
    assert!(noted.seen.is_some() && noted.tested.is_none(), "{noted:?}");
    world.get("/ServiceProviderConfig").await.is(200);
    assert!(traffic(&world.a).await.tested.is_some());
    // Shape 001.
    let random = "/Users?filter=userName%20eq%20%22a3f0c1de-0b51-4a3e-9c53-5f6f0d0a4f11%22";
    world.send(&world.entra, Method::GET, random, &[], "").await.is(200);
    assert!(traffic(&world.entra).await.tested.is_some());
    assert_eq!(traffic(&world.b).await, Default::default());
}
