//! The token endpoint: secrets, assertions, and what an access token opens.

use std::time::Duration;

use rollcall_tests::client::Request;
use rollcall_tests::idp::encoded;
use rollcall_tests::issuer::{SigningKey, hs256, now, part, unsigned};
use rollcall_tests::operator::text;
use rollcall_tests::server::{PUBLIC_URL, Server, StoreKind, settings};
use rollcall_tests::{on_both_stores, on_both_stores_alone};
use serde_json::{Value, json};

use super::{Client, JWT_BEARER, becomes, but, granted, jwks, refused, users};

on_both_stores!(
    r_oauth_07_metadata_says_how_to_ask,
    r_oauth_01_a_secret_in_the_body_or_the_header,
    r_oauth_04_an_assertion_of_the_client_itself,
    r_oauth_04_assertions_that_lie_are_refused,
    an_access_token_opens_its_own_connection,
    scopes_are_no_wider_than_those_of_the_credential,
    revoking_the_credential_ends_its_access_tokens,
    r_oauth_07_what_is_asked_wrongly_is_refused,
    a_client_secret_is_no_bearer_token_and_the_other_way_round,
    a_connection_that_is_paused_grants_nothing_new,
);

on_both_stores_alone!(access_tokens_end_by_themselves);

/// RFC 8414 §3: at both places, one of which is what the RFC says.
async fn r_oauth_07_metadata_says_how_to_ask(server: &Server) {
    let client = Client::new(server).await;
    let id = client.id();
    let mut seen = Vec::new();
    for path in [
        format!("/.well-known/oauth-authorization-server/connections/{id}"),
        format!("/connections/{id}/.well-known/oauth-authorization-server"),
    ] {
        let answer = server.client.send(Request::new("GET", path)).await.is(200);
        seen.push(answer.json());
    }
    assert_eq!(seen[0], seen[1]);
    let told = &seen[0];
    assert_eq!(told["issuer"], json!(client.issuer()));
    assert_eq!(told["token_endpoint"], json!(format!("{PUBLIC_URL}{}", client.endpoint())));
    assert_eq!(told["jwks_uri"], json!(format!("{PUBLIC_URL}/oauth/jwks")));
    assert_eq!(told["grant_types_supported"], json!(["client_credentials"]));
    let methods = told["token_endpoint_auth_methods_supported"].to_string();
    for method in ["client_secret_basic", "client_secret_post", "private_key_jwt"] {
        assert!(methods.contains(method), "{told}");
    }
    let put = Request::new("PUT", client.endpoint());
    server.client.send(put).await.is(405);
    server.client.send(Request::new("GET", client.endpoint())).await.is(405);
}

async fn r_oauth_01_a_secret_in_the_body_or_the_header(server: &Server) {
    let client = Client::new(server).await;
    let secret = client.secret().await;
    let by_body = client.by_secret(&secret).await;
    let body = by_body.json();
    assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(3600)));
    assert_eq!(body["scope"], "scim");
    assert!(body.get("refresh_token").is_none(), "RFC 6749 §4.4.3: {by_body}");
    assert_eq!(by_body.header("cache-control"), Some("no-store"));
    let pair = format!("{}:{}", encoded(&client.id()), encoded(&secret));
    let basic = {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(pair)
    };
    let request = Request::new("POST", client.endpoint())
        .header("authorization", format!("Basic {basic}"))
        .form(&[("grant_type", "client_credentials")]);
    let by_header = server.client.send(request.clone()).await;
    for answer in [&by_body, &by_header] {
        users(&client.with(granted(answer))).await.is(200);
    }
    // Each is a token of its own.
    assert_ne!(granted(&by_body), granted(&by_header));
    // The header and the body at once are one way too many.
    let fields = [("grant_type", "client_credentials"), ("client_secret", &*secret)];
    let both =
        Request::new("POST", client.endpoint()).header("authorization", format!("Basic {basic}"));
    refused(&server.client.send(both.form(&fields)).await, 400, "invalid_request");
    // The use of a credential is seen on it.
    let tokens = client.owner.get(&format!("{}/tokens", client.made.path)).await.json();
    let used = tokens["items"].as_array().into_iter().flatten();
    let used: Vec<_> = used.filter(|one| one["kind"] == "clientSecret").collect();
    assert!(used.len() == 1 && used[0]["lastUsed"].is_string(), "{tokens}");
    assert_eq!(used[0]["clientId"], json!(client.id()));
}

async fn r_oauth_04_an_assertion_of_the_client_itself(server: &Server) {
    let client = Client::new(server).await;
    let [ec, rsa] = [SigningKey::es256("ec"), SigningKey::rs256("rsa")];
    let made = client
        .credential(json!({"proof": {"kind": "clientKey", "jwks": jwks(&[&ec, &rsa])}}))
        .await;
    assert!(made.get("token").is_none(), "its secret is the client's own: {made}");
    for key in [&ec, &rsa] {
        // To the issuer, and to the endpoint: clients do either.
        for audience in [client.issuer(), format!("{PUBLIC_URL}{}", client.endpoint())] {
            let claims = but(client.claims(), json!({"aud": audience}));
            let token = granted(&client.by_assertion(&key.sign(&claims)).await);
            users(&client.with(token)).await.is(200);
        }
        let both = json!([client.issuer(), format!("{PUBLIC_URL}{}", client.endpoint())]);
        let both = but(client.claims(), json!({ "aud": both }));
        granted(&client.by_assertion(&key.sign(&both)).await);
        // What is for somebody else too may come from there (R-E-25).
        let many = but(client.claims(), json!({"aud": ["https://other.test", client.issuer()]}));
        refused(&client.by_assertion(&key.sign(&many)).await, 401, "invalid_client");
    }
    // `client_id` may be left out: the assertion says it (RFC 7521 §4.2).
    let assertion = ec.sign(&client.claims());
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", JWT_BEARER),
        ("client_assertion", &*assertion),
    ];
    granted(&client.ask(&fields).await);
    client.revoke(&made).await;
    refused(&client.by_assertion(&ec.sign(&client.claims())).await, 401, "invalid_client");
}

/// R-E-25, R-OAUTH-04.
async fn r_oauth_04_assertions_that_lie_are_refused(server: &Server) {
    let (client, other) = (Client::new(server).await, Client::new(server).await);
    let key = SigningKey::es256("k1");
    let stranger = SigningKey::es256("k1");
    let proof = json!({"proof": {"kind": "clientKey", "jwks": jwks(&[&key])}});
    client.credential(proof.clone()).await;
    let claims = |changes: Value| but(client.claims(), changes);
    let header = |changes: Value| but(key.header(), changes);
    let pem = key.public_pem();
    let jwk = key.jwk();
    let point = jwk["x"].as_str().expect("a point").to_owned();
    let honest = key.sign(&claims(json!({})));
    let mut tampered = honest.clone();
    tampered.truncate(honest.len() - 4);
    tampered.push_str("AAAA");
    for (what, assertion) in [
        ("alg none", unsigned(&json!({"alg": "none", "kid": "k1"}), &claims(json!({})))),
        ("alg None", unsigned(&json!({"alg": "None"}), &claims(json!({})))),
        ("no algorithm", key.sign_under(&header(json!({"alg": null})), &claims(json!({})))),
        (
            "HS256 with the public key",
            hs256(pem.as_bytes(), &json!({"alg": "HS256", "kid": "k1"}), &claims(json!({}))),
        ),
        (
            "HS256 with the point",
            hs256(point.as_bytes(), &json!({"alg": "HS256", "kid": "k1"}), &claims(json!({}))),
        ),
        ("another algorithm", key.sign_under(&header(json!({"alg": "RS256"})), &claims(json!({})))),
        ("another key", stranger.sign(&claims(json!({})))),
        ("another kid", key.sign_under(&header(json!({"kid": "k2"})), &claims(json!({})))),
        (
            "its own key in the header",
            stranger.sign_under(&header(json!({"jwk": stranger.jwk()})), &claims(json!({}))),
        ),
        (
            "critical extensions",
            key.sign_under(&header(json!({"crit": ["x"], "x": 1})), &claims(json!({}))),
        ),
        ("another subject", key.sign(&claims(json!({"sub": other.id()})))),
        ("no subject", key.sign(&claims(json!({"sub": null})))),
        ("another issuer", key.sign(&claims(json!({"iss": other.id()})))),
        ("another audience", key.sign(&claims(json!({"aud": other.issuer()})))),
        (
            "an audience with more",
            key.sign(&claims(json!({"aud": format!("{}/x", client.issuer())}))),
        ),
        ("no audience", key.sign(&claims(json!({"aud": null})))),
        ("expired", key.sign(&claims(json!({"iat": now() - 600, "exp": now() - 1})))),
        ("no end", key.sign(&claims(json!({"exp": null})))),
        ("good for years", key.sign(&claims(json!({"exp": now() + 400 * 24 * 60 * 60})))),
        ("not yet", key.sign(&claims(json!({"nbf": now() + 900})))),
        ("made later", key.sign(&claims(json!({"iat": now() + 900})))),
        ("tampered", tampered),
        ("no token", "eyJ.eyJ.eyJ".into()),
        ("half", honest[..honest.len() / 2].to_owned()),
    ] {
        let answer = client.by_assertion(&assertion).await;
        assert_eq!(answer.status, 401, "{what}: {answer}");
        refused(&answer, 401, "invalid_client");
    }
    // Once, and not again: whoever listened has nothing of it.
    granted(&client.by_assertion(&honest).await);
    refused(&client.by_assertion(&honest).await, 401, "invalid_client");
    let racing = key.sign(&claims(json!({})));
    let all = futures_util::future::join_all((0..8).map(|_| client.by_assertion(&racing))).await;
    let good = all.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(good, 1, "{all:?}");
    // The same key at another connection is another client's.
    other.credential(proof).await;
    let for_this = key.sign(&claims(json!({})));
    refused(&other.by_assertion_of(&client.id(), &for_this).await, 401, "invalid_client");
    refused(&other.by_assertion(&for_this).await, 401, "invalid_client");
}

async fn an_access_token_opens_its_own_connection(server: &Server) {
    let (client, other) = (Client::new(server).await, Client::new(server).await);
    let token = granted(&client.by_secret(&client.secret().await).await);
    let (header, claims) = (part(&token, 0), part(&token, 1));
    assert_eq!((&header["alg"], &header["typ"]), (&json!("ES256"), &json!("at+jwt")));
    assert_eq!(claims["iss"], json!(client.issuer()));
    assert_eq!(claims["aud"], json!(format!("{PUBLIC_URL}{}", client.idp.base)));
    assert_eq!((&claims["sub"], &claims["client_id"]), (&json!(client.id()), &json!(client.id())));
    assert_eq!(claims["exp"].as_i64().zip(claims["iat"].as_i64()).map(|(e, i)| e - i), Some(3600));
    let idp = client.with(&token);
    let ada = idp.user("ada").await;
    idp.group("crew", &[&ada]).await;
    idp.patch(&format!("/Users/{ada}"), json!({"op": "replace", "path": "active", "value": false}))
        .await
        .is(200);
    idp.bulk(json!([{"method": "DELETE", "path": format!("/Users/{ada}")}])).await.is(200);
    // By the token alone, without an id in the path.
    let short = Request::new("GET", "/scim/v2/Users").bearer(&token);
    server.client.send(short).await.is(200);
    // Nothing else.
    let across = Request::new("GET", format!("{}/Users", other.idp.base)).bearer(&token);
    server.client.send(across).await.is(404);
    let admin = Request::new("GET", "/api/v1/organizations").bearer(&token);
    server.client.send(admin).await.is(401);
    // The log says which credential did it.
    let events = server.events(client.idp.at.organization).await;
    let by: Vec<_> = events.iter().map(|event| event.actor.clone()).collect();
    assert!(by.iter().all(|actor| *actor == text(&claims, "rollcall_token")), "{by:?}");
    // What it says can't be changed.
    let parts: Vec<&str> = token.split('.').collect();
    let forged = but(claims.clone(), json!({"scope": "scim", "exp": now() + 86_000}));
    let forged = format!(
        "{}.{}.{}",
        parts[0],
        rollcall_tests::issuer::encoded(forged.to_string().as_bytes()),
        parts[2]
    );
    for bad in [
        forged,
        unsigned(&json!({"alg": "none", "typ": "at+jwt"}), &claims),
        SigningKey::es256(&text(&header, "kid")).sign_under(&header, &claims),
        format!("{}.{}.", parts[0], parts[1]),
    ] {
        users(&client.with(bad)).await.is(401);
    }
}

async fn scopes_are_no_wider_than_those_of_the_credential(server: &Server) {
    let client = Client::new(server).await;
    let body = json!({"proof": {"kind": "clientSecret"}, "scopes": "users.write groups.read"});
    let secret = text(&client.credential(body).await, "token");
    let id = client.id();
    let ask = async |scope: &str| {
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", &*id),
            ("client_secret", &*secret),
            ("scope", scope),
        ];
        client.ask(&fields).await
    };
    let whole = client.by_secret(&secret).await.is(200).json();
    assert_eq!(whole["scope"], "groups.read users.write");
    let narrow = ask("users.read").await;
    assert_eq!(narrow.json()["scope"], "users.read");
    let reader = client.with(granted(&narrow));
    users(&reader).await.is(200);
    let user = json!({"schemas": [rollcall_tests::data::USER], "userName": "ada"});
    reader.post("/Users", &user).await.refused(403, "");
    reader.get("/Groups").await.refused(403, "");
    // `scim` asks for whatever there is: Entra sends nothing else.
    assert_eq!(ask("scim").await.is(200).json()["scope"], "groups.read users.write");
    for wide in ["groups.write", "users.read groups.write", "openid"] {
        refused(&ask(wide).await, 400, "invalid_scope");
    }
}

/// And with it whatever was granted for it, within the five seconds that are documented.
async fn revoking_the_credential_ends_its_access_tokens(server: &Server) {
    let client = Client::new(server).await;
    let made = client.credential(json!({"proof": {"kind": "clientSecret"}})).await;
    let secret = text(&made, "token");
    let [seen, unseen] = [client.by_secret(&secret).await, client.by_secret(&secret).await];
    let [seen, unseen] = [seen, unseen].map(|answer| client.with(granted(&answer)));
    users(&seen).await.is(200);
    client.revoke(&made).await;
    users(&unseen).await.is(401);
    becomes(401, async || users(&seen).await).await;
    refused(&client.by_secret(&secret).await, 401, "invalid_client");
    users(&client.idp).await.is(200);
}

async fn r_oauth_07_what_is_asked_wrongly_is_refused(server: &Server) {
    let client = Client::new(server).await;
    let (id, secret) = (client.id(), client.secret().await);
    let grant = ("grant_type", "client_credentials");
    let (who, what) = (("client_id", &*id), ("client_secret", &*secret));
    for (fields, status, error) in [
        (vec![who, what], 400, "invalid_request"),
        (vec![("grant_type", "password"), who, what], 400, "unsupported_grant_type"),
        (vec![("grant_type", "authorization_code"), who, what], 400, "unsupported_grant_type"),
        (vec![("grant_type", "refresh_token"), who, what], 400, "unsupported_grant_type"),
        (vec![grant], 401, "invalid_client"),
        (vec![grant, who], 401, "invalid_client"),
        (vec![grant, who, ("client_secret", "")], 401, "invalid_client"),
        (vec![grant, who, ("client_secret", "wrong")], 401, "invalid_client"),
        (vec![grant, what], 401, "invalid_client"),
        (vec![grant, who, who, what], 400, "invalid_request"),
        (vec![grant, who, what, ("client_assertion", "x")], 400, "invalid_request"),
        (vec![grant, who, ("client_assertion", "x")], 400, "invalid_request"),
        (
            vec![grant, who, ("client_assertion", "x"), ("client_assertion_type", "y")],
            400,
            "invalid_request",
        ),
    ] {
        let answer = client.ask(&fields).await;
        assert_eq!(answer.status, status, "{error}: {answer}");
        refused(&answer, status, error);
    }
    let as_json = Request::new("POST", client.endpoint())
        .header("content-type", "application/json")
        .body(json!({"grant_type": "client_credentials"}).to_string());
    refused(&server.client.send(as_json).await, 400, "invalid_request");
    let in_query = format!("{}?client_secret={secret}", client.endpoint());
    let in_query = Request::new("POST", in_query).form(&[grant, who]);
    refused(&server.client.send(in_query).await, 400, "invalid_request");
    let header = Request::new("POST", client.endpoint()).header("authorization", "Basic !!!");
    refused(&server.client.send(header.form(&[grant])).await, 401, "invalid_client");
    // Unknown parameters are passed over (RFC 6749 §3.2).
    granted(&client.ask(&[grant, who, what, ("resource", "x"), ("scope", "")]).await);
}

async fn a_client_secret_is_no_bearer_token_and_the_other_way_round(server: &Server) {
    let client = Client::new(server).await;
    let secret = client.secret().await;
    users(&client.with(&secret)).await.is(401);
    refused(&client.by_secret(&client.idp.token).await, 401, "invalid_client");
}

async fn a_connection_that_is_paused_grants_nothing_new(server: &Server) {
    let client = Client::new(server).await;
    let secret = client.secret().await;
    let token = granted(&client.by_secret(&secret).await);
    client.owner.patch(&client.made.path, &json!({"status": "paused"})).await.is(200);
    becomes(503, async || users(&client.with(&token)).await).await;
    // Whoever has the secret is told to come again, and nobody else is told anything.
    let later = client.by_secret(&secret).await.is(503);
    assert_eq!(later.json()["error"], "temporarily_unavailable", "{later}");
    assert!(later.header("retry-after").is_some(), "{later}");
    refused(&client.by_secret("wrong").await, 401, "invalid_client");
    client.owner.patch(&client.made.path, &json!({"status": "disabled"})).await.is(200);
    becomes(403, async || users(&client.with(&token)).await).await;
    refused(&client.by_secret(&secret).await, 401, "invalid_client");
    client.owner.patch(&client.made.path, &json!({"status": "active"})).await.is(200);
    becomes(200, async || users(&client.with(&token)).await).await;
    granted(&client.by_secret(&secret).await);
}

async fn access_tokens_end_by_themselves(kind: StoreKind) {
    let server = Server::start(kind, settings()).await;
    let client = Client::new(&server).await;
    let secret = client.secret().await;
    let token = client.with(granted(&client.by_secret(&secret).await));
    users(&token).await.is(200);
    server.clock.pass(Duration::from_secs(3590));
    users(&token).await.is(200);
    server.clock.pass(Duration::from_secs(11));
    users(&token).await.is(401);
    let fresh = client.by_secret(&secret).await;
    users(&client.with(granted(&fresh))).await.is(200);
    // One of a credential that ends sooner ends with it, and that it came too late is told.
    use rollcall_domain::Clock as _;
    let end = server.clock.now().millis() + 10 * 60 * 1000;
    let end = rollcall_schema::Instant::from_millis(end).to_string();
    let short = json!({"proof": {"kind": "clientSecret"}, "expires": end});
    let short = client.credential(short).await;
    let answer = client.by_secret(&text(&short, "token")).await.is(200);
    assert!(answer.json()["expires_in"].as_u64().is_some_and(|left| left <= 600), "{answer}");
    let token = client.with(granted(&answer));
    users(&token).await.is(200);
    server.clock.pass(Duration::from_secs(601));
    users(&token).await.is(401);
    refused(&client.by_secret(&text(&short, "token")).await, 401, "invalid_client");
    let status = client.owner.get(&format!("{}/status", client.made.path)).await.json();
    assert_eq!(status["expiredTokenRefused"]["tokenId"], short["tokenId"], "{status}");
}
