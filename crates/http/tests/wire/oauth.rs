//! The endpoints of OAuth 2.0 over a server that knows one client (R-OAUTH-01, R-OAUTH-07).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use http::{Method, Request};
use http_body_util::Full;
use metrics_exporter_prometheus::PrometheusBuilder;
use rollcall_domain::{
    AuthorizationServer, ConnectionId, Granted, Rate, Refusal, Scopes, Thumbprint, TokenRequest,
    Unavailable,
};
use rollcall_http::{Peer, PeerCertificate, Settings};
use serde_json::{Value, json};

use crate::observed::Logged;
use crate::world::{Answer, World};

const SECRET: &str = "rcs_s3cret%+ x";
const ASSERTION: &str = "eyJhbGciOiJFUzI1NiJ9.e30.c2ln";
/// An assertion of an issuer whose keys are not there.
const UNCHECKED: &str = "eyJ.no.keys";
const FORM: &str = "application/x-www-form-urlencoded";

/// Grants to the client whose id is its connection's, by secret or assertion.
#[derive(Default)]
struct Known {
    asked: AtomicUsize,
    seen: Mutex<Vec<Option<Thumbprint>>>,
    known: Mutex<Option<ConnectionId>>,
}

#[async_trait::async_trait]
impl AuthorizationServer for Known {
    async fn grant(&self, request: TokenRequest<'_>) -> Result<Granted, Refusal> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.seen.lock().unwrap().push(request.certificate);
        match request.grant_type {
            Some("client_credentials") if request.assertion == Some(UNCHECKED) => {
                return Err(Refusal::NoKeys);
            }
            Some("client_credentials") => {}
            Some(_) => return Err(Refusal::UnsupportedGrantType),
            None => return Err(Refusal::InvalidRequest("`grant_type` is missing".into())),
        }
        let own = request.connection.to_string();
        let by_secret = request.client_secret == Some(SECRET);
        let bearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        let by_assertion =
            request.assertion == Some(ASSERTION) && request.assertion_type == Some(bearer);
        let is_known = *self.known.lock().unwrap() == Some(request.connection);
        if !is_known || request.client_id != Some(&own) || !(by_secret || by_assertion) {
            return Err(Refusal::InvalidClient);
        }
        let scopes: Scopes = request.scope.unwrap_or("scim").parse().map_err(
            |error: rollcall_domain::NoSuchScope| Refusal::InvalidScope(error.to_string()),
        )?;
        Ok(Granted { access_token: "eyJ.a.t".into(), expires_in: 3600, scopes })
    }

    async fn jwks(&self) -> Result<Value, Unavailable> {
        Ok(json!({"keys": []}))
    }

    fn metadata(&self, connection: ConnectionId) -> Value {
        json!({"issuer": format!("https://scim.example/connections/{connection}")})
    }
}

/// A world whose first connection has a client.
async fn world(settings: Settings) -> (World, Arc<Known>, String) {
    let server = Arc::new(Known::default());
    let app = Arc::clone(&server);
    let world = World::with(settings).await.serving(|all| all.with_authorization(app));
    let id = world.a.connection();
    *server.known.lock().unwrap() = Some(id);
    (world, server, id.to_string())
}

async fn ask(world: &World, id: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut request = Request::post(format!("/connections/{id}/oauth/token"))
        .extension(Peer("192.0.2.1".parse().unwrap()));
    if !headers.iter().any(|(name, _)| *name == "content-type") {
        request = request.header("content-type", FORM);
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    world.raw(request.body(Full::from(body.to_owned())).unwrap()).await
}

#[track_caller]
fn is_refused(answer: &Answer, status: u16, error: &str) {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert_eq!(answer.json()["error"], error, "{}", answer.text);
    assert!(!answer.json()["error_description"].as_str().unwrap().is_empty());
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "no-store");
    let basic = answer.header("www-authenticate") == "Basic realm=\"rollcall\"";
    assert_eq!(basic, status == 401);
}

fn by_secret(id: &str) -> String {
    format!("grant_type=client_credentials&client_id={id}&client_secret=rcs_s3cret%25%2B+x")
}

/// `id:secret`, each encoded as in a form (RFC 6749 §2.3.1).
fn basic(id: &str) -> String {
    use base64::Engine as _;
    let pair = format!("{id}:rcs_s3cret%25%2B+x");
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
}

#[tokio::test]
async fn tokens_are_granted_as_entra_and_ping_ask_for_them() {
    // R-OAUTH-01, R-OAUTH-02, R-OAUTH-07; shapes 054, 055, 100
    let (world, server, id) = world(Settings::default()).await;
    let jwt = format!(
        "grant_type=client_credentials&client_id={id}&client_assertion_type=urn%3Aietf%3Aparams\
         %3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion={ASSERTION}&scope=scim"
    );
    let header = basic(&id);
    let header = [("authorization", header.as_str())];
    for (headers, body) in [
        (&[][..], jwt.as_str()),
        (&[], &by_secret(&id)),
        (&header, "grant_type=client_credentials"),
        (&header, &format!("grant_type=client_credentials&client_id={id}")),
        (&[("content-type", "application/x-www-form-urlencoded; charset=utf-8")], &jwt),
    ] {
        let answer = ask(&world, &id, headers, body).await;
        let expect = json!({"access_token": "eyJ.a.t", "token_type": "Bearer",
            "expires_in": 3600, "scope": "scim"});
        assert_eq!(answer.is(200).json(), expect);
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("pragma"), "no-cache");
    }
    let narrow = format!("{}&scope=users.read", by_secret(&id));
    assert_eq!(ask(&world, &id, &[], &narrow).await.json()["scope"], "users.read");
    // A certificate is handed on (R-OAUTH-05).
    let thumbprint = Thumbprint([3; 32]);
    let request = Request::post(format!("/connections/{id}/oauth/token/"))
        .header("content-type", FORM)
        .extension(PeerCertificate(thumbprint));
    world.raw(request.body(Full::from(by_secret(&id))).unwrap()).await.is(200);
    assert_eq!(server.seen.lock().unwrap().last(), Some(&Some(thumbprint)));
}

#[tokio::test]
async fn what_is_wrong_with_a_request_for_a_token_has_its_name() {
    // R-OAUTH-07
    let (world, server, id) = world(Settings::default()).await;
    let good = by_secret(&id);
    let header = basic(&id);
    let header = [("authorization", header.as_str())];
    let json = [("content-type", "application/json")];
    let bearer = [("authorization", "Bearer x")];
    let large = format!("{good}&x={}", "x".repeat(32 * 1024));
    for (headers, body, status, error) in [
        (&json[..], "{}", 400, "invalid_request"),
        (&[], "", 400, "invalid_request"),
        (&[], &format!("{good}&client_id={id}"), 400, "invalid_request"),
        (&[], &format!("{good}&client_assertion=x"), 400, "invalid_request"),
        (&header, &good, 400, "invalid_request"),
        (&header, "grant_type=client_credentials&client_id=other", 400, "invalid_request"),
        (&header, "grant_type=client_credentials&client_assertion=x", 400, "invalid_request"),
        (&[], &large, 413, "invalid_request"),
        (&header, "grant_type=authorization_code", 400, "unsupported_grant_type"),
        (&header, "grant_type=client_credentials&scope=all", 400, "invalid_scope"),
        (&[], "grant_type=client_credentials", 401, "invalid_client"),
        (&[], &good.replace("rcs", "x"), 401, "invalid_client"),
        (&bearer, "grant_type=client_credentials", 401, "invalid_client"),
    ] {
        is_refused(&ask(&world, &id, headers, body).await, status, error);
    }
    // Two headers, and a secret in the URL.
    let twice = [header[0], header[0]];
    let answer = ask(&world, &id, &twice, "grant_type=client_credentials").await;
    is_refused(&answer, 400, "invalid_request");
    let asked = server.asked.load(Ordering::Relaxed);
    let request = Request::post(format!("/connections/{id}/oauth/token?client_secret=x"))
        .header("content-type", FORM);
    is_refused(
        &world.raw(request.body(Full::from(good.clone())).unwrap()).await,
        400,
        "invalid_request",
    );
    assert_eq!(server.asked.load(Ordering::Relaxed), asked);
    // A connection that isn't there has no client: byte for byte what a wrong secret gets.
    let nobody = "conn_00000000000000000000000000000000";
    let unknown = ask(&world, nobody, &[], &good.replace(&id, nobody)).await;
    is_refused(&unknown, 401, "invalid_client");
    let wrong = ask(&world, &id, &[], &good.replace("rcs", "x")).await;
    assert_eq!(unknown.text, wrong.text);
}

#[tokio::test]
async fn who_guesses_secrets_is_not_heard_for_long() {
    // R-SEC-06, R-OAUTH-07
    let failures = Rate { per_second: 1, burst: 3 };
    let (world, server, id) = world(Settings { failures, ..Settings::default() }).await;
    let good = by_secret(&id);
    let wrong = good.replace("rcs", "x");
    for _ in 0..3 {
        is_refused(&ask(&world, &id, &[], &wrong).await, 401, "invalid_client");
    }
    let asked = server.asked.load(Ordering::Relaxed);
    let limited = ask(&world, &id, &[], &wrong).await;
    is_refused(&limited, 429, "temporarily_unavailable");
    assert_eq!(limited.header("retry-after"), "1");
    assert_eq!(server.asked.load(Ordering::Relaxed), asked);
    world.time.store(10_000, Ordering::Relaxed);
    ask(&world, &id, &[], &good).await.is(200);
    for _ in 0..3 {
        ask(&world, &id, &[], &wrong).await.is(401);
    }
    // One that was good lately goes on working beside the guesses.
    ask(&world, &id, &[], &wrong).await.is(429);
    ask(&world, &id, &[], &good).await.is(200);
    // Other faults are no guesses.
    world.time.store(60_000, Ordering::Relaxed);
    for _ in 0..10 {
        ask(&world, &id, &[], &good.replace("client_credentials", "password")).await.is(400);
    }
}

/// Whoever forges assertions of an issuer that can't be reached is not heard for long either.
#[tokio::test]
async fn r_sec_06_assertions_that_nobody_can_check_are_limited() {
    let failures = Rate { per_second: 1, burst: 3 };
    let (world, server, id) = world(Settings { failures, ..Settings::default() }).await;
    let forged = format!(
        "grant_type=client_credentials&client_id={id}&client_assertion_type=urn%3Aietf%3Aparams\
         %3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion={UNCHECKED}"
    );
    ask(&world, &id, &[], &by_secret(&id)).await.is(200);
    for _ in 0..3 {
        let answer = ask(&world, &id, &[], &forged).await;
        is_refused(&answer, 503, "temporarily_unavailable");
        assert_eq!(answer.header("retry-after"), "60");
        assert!(answer.text.contains("issuer") && !answer.text.contains("directory"));
    }
    let asked = server.asked.load(Ordering::Relaxed);
    is_refused(&ask(&world, &id, &[], &forged).await, 429, "temporarily_unavailable");
    assert_eq!(server.asked.load(Ordering::Relaxed), asked);
    ask(&world, &id, &[], &by_secret(&id)).await.is(200);
}

/// The path of the public URL is part of the issuer, and so of its well-known path (RFC 8414 §3.1).
#[tokio::test]
async fn r_oauth_07_metadata_is_found_below_a_public_path() {
    let public_url = "https://x.example/y%20z/".into();
    let (world, _, id) = world(Settings { public_url, ..Settings::default() }).await;
    let get =
        async |path: String| world.raw(Request::get(path).body(Full::default()).unwrap()).await;
    let before = "/.well-known/oauth-authorization-server";
    get(format!("{before}/y%20z/connections/{id}")).await.is(200);
    get(format!("{before}/connections/{id}")).await.is(200);
    get(format!("{before}/y/connections/{id}")).await.is_error(404, "");
}

#[tokio::test]
async fn keys_and_metadata_are_for_everyone() {
    // R-OAUTH-07
    let mount = "/api/auth".to_owned();
    let (world, _, id) = world(Settings { mount, ..Settings::default() }).await;
    let send = async |method: Method, path: String| {
        let request = Request::builder().method(method).uri(path);
        world.raw(request.body(Full::default()).unwrap()).await
    };
    let get = |path: String| send(Method::GET, path);
    let keys = get("/api/auth/oauth/jwks".into()).await;
    assert_eq!(keys.is(200).json(), json!({"keys": []}));
    let other = "conn_00000000000000000000000000000000";
    let mut pages = vec![keys];
    for id in [id.as_str(), other] {
        for path in [
            format!("/.well-known/oauth-authorization-server/api/auth/connections/{id}"),
            format!("/api/auth/connections/{id}/.well-known/oauth-authorization-server"),
        ] {
            let page = get(path.clone()).await;
            let issuer = format!("https://scim.example/connections/{id}");
            assert_eq!(page.is(200).json()["issuer"], issuer.as_str());
            let head = send(Method::HEAD, path.clone()).await;
            assert_eq!(
                (head.is(200).text.as_str(), head.header("content-length")),
                ("", &*page.text.len().to_string())
            );
            let refused = send(Method::POST, path).await;
            assert_eq!((refused.status.as_u16(), refused.header("allow")), (405, "GET, HEAD"));
            pages.push(page);
        }
    }
    for page in pages {
        assert_eq!(page.header("cache-control"), "max-age=300");
        assert_eq!(page.header("content-type"), "application/json");
    }
    let token = send(Method::GET, format!("/api/auth/connections/{id}/oauth/token")).await;
    assert_eq!((token.status.as_u16(), token.header("allow")), (405, "POST"));
    for path in [
        "/.well-known/oauth-authorization-server",
        "/.well-known/oauth-authorization-server/api/auth",
        "/.well-known/oauth-authorization-server/api/auth/connections/nope",
        "/api/auth/connections/nope/.well-known/oauth-authorization-server",
        "/api/auth/connections/nope/oauth/token",
        "/oauth/jwks",
    ] {
        get(path.into()).await.is_error(404, "");
    }
}

#[tokio::test]
async fn without_an_authorization_server_there_is_nothing() {
    // R-TEN-02
    let world = World::new().await;
    let id = world.a.connection();
    let nothing = world.get("/Nope").await.text;
    for path in [
        "/oauth/jwks".into(),
        format!("/connections/{id}/oauth/token"),
        format!("/connections/{id}/.well-known/oauth-authorization-server"),
        format!("/.well-known/oauth-authorization-server/connections/{id}"),
    ] {
        for method in [Method::GET, Method::POST] {
            let request = Request::builder().method(method).uri(&path);
            let answer = world.raw(request.body(Full::default()).unwrap()).await;
            answer.is_error(404, "");
            assert_eq!(answer.text, nothing, "{path}");
        }
    }
}

#[tokio::test]
async fn nothing_that_clients_send_is_logged() {
    // R-SEC-03, R-E-13
    let logged = Logged::begin();
    let (world, _, id) = world(Settings::default()).await;
    ask(&world, &id, &[], &by_secret(&id)).await.is(200);
    ask(&world, &id, &[], "grant_type=client_credentials&client_id=ada&client_secret=hunter2")
        .await
        .is(401);
    ask(&world, &id, &[("authorization", "Basic aHVudGVyMg==")], "scope=hunter2").await.is(401);
    ask(&world, &id, &[], "grant_type=hunter2&client_assertion=hunter2").await.is(400);
    let text = logged.end();
    assert_eq!(text.matches("\"route\":\"/connections/{id}/oauth/token\"").count(), 4, "{text}");
    // Whoever was granted a token is named by the connection.
    assert_eq!(text.matches(&id).count(), 1, "{text}");
    for secret in ["hunter2", "aHVudGVy", "s3cret", "eyJ.a.t", "ada"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[test]
fn metrics_have_templates_of_these_too() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let (world, _, id) = world(Settings::default()).await;
            ask(&world, &id, &[], &by_secret(&id)).await.is(200);
            for path in [
                "/oauth/jwks".into(),
                format!("/connections/{id}/.well-known/oauth-authorization-server"),
            ] {
                let request = Request::get(path).body(Full::default()).unwrap();
                world.raw(request).await.is(200);
            }
        });
    });
    let text = handle.render();
    for route in [
        r#"method="POST",route="/connections/{id}/oauth/token",status="200""#,
        r#"method="GET",route="/oauth/jwks",status="200""#,
        r#"method="GET",route="/.well-known/oauth-authorization-server",status="200""#,
    ] {
        assert!(text.contains(route), "{route} in {text}");
    }
    assert!(!text.contains("conn_") && !text.contains("rcs_"), "{text}");
}
