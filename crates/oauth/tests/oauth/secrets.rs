//! Clients with secrets, and what they are granted.

use std::collections::HashSet;
use std::sync::Arc;

use rollcall_domain::{
    AccessTokens as _, AuthorizationServer as _, Clock as _, ConnectionId, Ids as _, JobId,
    Refusal, Registry as _, Status, TokenHash, TokenKind, TokenRequest, UuidIds,
};
use rollcall_schema::Instant;
use serde_json::{Value, json};

use crate::world::{CERTIFICATE, ORIGIN, World, is_no_client, scopes, secret_request};

fn decoded(token: &str) -> [Value; 2] {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let mut parts = token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap());
    [parts.next().unwrap(), parts.next().unwrap()]
        .map(|part| serde_json::from_slice(&part).unwrap())
}

/// R-AUTH-03, R-OAUTH-01, R-OAUTH-07
#[tokio::test]
async fn r_oauth_01_a_client_gets_tokens_for_its_secret() {
    let world = World::new().await;
    let id = world.secret("s3cret", |token| token.scopes = scopes("users.write")).await;
    let granted = world.with_secret("s3cret").await.unwrap();
    assert_eq!((granted.expires_in, granted.scopes), (3600, scopes("users.write")));
    assert!(!format!("{granted:?}").contains(&granted.access_token));

    let [header, claims] = decoded(&granted.access_token);
    let jwks = world.oauth.jwks().await.unwrap();
    assert_eq!(header, json!({"alg": "ES256", "typ": "at+jwt", "kid": jwks["keys"][0]["kid"]}));
    let issuer = format!("{ORIGIN}/connections/{}", world.connection);
    let now = world.clock.seconds();
    assert_eq!(
        claims,
        json!({
            "iss": issuer, "aud": format!("{issuer}/scim/v2"), "sub": world.connection,
            "client_id": world.connection, "iat": now, "exp": now + 3600, "jti": claims["jti"],
            "scope": "users.write", "rollcall_token": id,
        })
    );

    // It says the same wherever it is shown, for an hour.
    for asked in [None, Some(world.connection)] {
        let grant = world.oauth.check(&granted.access_token, asked).await.unwrap().unwrap();
        assert_eq!((grant.token, grant.connection), (id, world.connection));
        assert_eq!(grant.scopes, scopes("users.write"));
        assert_eq!((grant.expires.millis(), grant.certificate), ((now + 3600) * 1000, None));
    }
    let used = world.store.token(id).await.unwrap().unwrap().0.used;
    assert_eq!(used.map(|used| used.millis() / 1000), Some(now));
    world.clock.pass(3600);
    assert_eq!(world.oauth.check(&granted.access_token, None).await.unwrap(), None);
}

#[tokio::test]
async fn r_oauth_07_whatever_is_wrong_with_a_client_is_said_alike() {
    let world = World::new().await;
    let (client, now) = (world.connection.to_string(), world.clock.now());
    let other = ConnectionId::from_uuid(UuidIds.next());
    world.add_connection(other).await;
    world.secret("good", |_| {}).await;
    world.secret("revoked", |token| token.revoked = Some(now)).await;
    let expired = world.secret("expired", |token| token.expires = Some(now)).await;
    world.credential(TokenKind::Bearer, |token| token.hash = TokenHash::of("bearer")).await;
    let elsewhere = other.to_string();

    for (connection, client, secret) in [
        (world.connection, &*client, "wrong"),
        (world.connection, &client, ""),
        (world.connection, &client, "revoked"),
        (world.connection, &client, "expired"),
        (world.connection, &client, "bearer"),
        (world.connection, "", "good"),
        (world.connection, &elsewhere, "good"),
        (other, &client, "good"),
        (other, &elsewhere, "good"),
        (ConnectionId::from_uuid(UuidIds.next()), &client, "good"),
    ] {
        is_no_client(world.oauth.grant(secret_request(connection, client, secret)).await);
    }
    let none =
        TokenRequest { client_secret: None, ..secret_request(world.connection, &client, "") };
    is_no_client(world.oauth.grant(none).await);
    let nameless = TokenRequest { client_id: None, ..secret_request(world.connection, "", "good") };
    is_no_client(world.oauth.grant(nameless).await);
    assert!(world.with_secret("good").await.is_ok());
    // Operators see who came with a credential that has expired.
    let (_, at) = world.store.connection(world.connection).await.unwrap().unwrap();
    assert_eq!(at.traffic.refused, Some((now, expired)));
}

#[tokio::test]
async fn no_token_is_granted_while_a_connection_is_closed() {
    let world = World::new().await;
    world.secret("s3cret", |_| {}).await;
    for status in Status::ALL {
        world.set(|connection| connection.status = status).await;
        let granted = world.with_secret("s3cret").await;
        // IdPs come again to a paused connection, and show a disabled one to their admins.
        let expected = match status {
            Status::Draft | Status::Observe | Status::Active => granted.is_ok(),
            Status::Paused => matches!(granted, Err(Refusal::Paused)),
            Status::Disabled => matches!(granted, Err(Refusal::Disabled)),
        };
        assert!(expected, "{status}: {granted:?}");
        // Only the client hears of it.
        is_no_client(world.with_secret("wrong").await);
    }
    world.set(|connection| connection.status = Status::Active).await;
    assert!(world.with_secret("s3cret").await.is_ok());
    world.set(|connection| connection.removal = Some(JobId::from_uuid(UuidIds.next()))).await;
    is_no_client(world.with_secret("s3cret").await);
}

#[tokio::test]
async fn r_oauth_07_requests_say_what_they_lack() {
    let world = World::new().await;
    world.secret("s3cret", |_| {}).await;
    let client = world.connection.to_string();
    let good = secret_request(world.connection, &client, "s3cret");
    let refused = async |request| world.oauth.grant(request).await.unwrap_err().to_string();

    let told = refused(TokenRequest { grant_type: None, ..good }).await;
    assert_eq!(told, "`grant_type` is missing");
    for grant_type in ["authorization_code", "password", "refresh_token", "", "Client_Credentials"]
    {
        let request = TokenRequest { grant_type: Some(grant_type), ..good };
        let refusal = world.oauth.grant(request).await.unwrap_err();
        assert!(matches!(refusal, Refusal::UnsupportedGrantType), "{grant_type}: {refusal}");
    }
    let told = refused(TokenRequest { assertion: Some("eyJ"), ..good }).await;
    assert_eq!(told, "send a secret or an assertion, not both");
    let bare = TokenRequest { client_secret: None, ..good };
    let told = refused(TokenRequest { assertion: Some("eyJ"), ..bare }).await;
    assert_eq!(told, "`client_assertion_type` is missing");
    let told = refused(TokenRequest { assertion_type: Some("x"), ..bare }).await;
    assert_eq!(told, "`client_assertion` is missing");
    let saml = Some("urn:ietf:params:oauth:client-assertion-type:saml2-bearer");
    let request = TokenRequest { assertion_type: saml, assertion: Some("eyJ"), ..bare };
    assert_eq!(refused(request).await, "`client_assertion_type` is none that is known");
}

/// R-AUTH-05, R-OAUTH-08
#[tokio::test]
async fn r_oauth_08_no_more_is_granted_than_the_credential_may() {
    let world = World::new().await;
    world.secret("s3cret", |token| token.scopes = scopes("users.write groups.read")).await;
    let client = world.connection.to_string();
    let asking = async |scope| {
        let request = secret_request(world.connection, &client, "s3cret");
        world.oauth.grant(TokenRequest { scope, ..request }).await
    };
    for (asked, expect) in [
        (None, "users.write groups.read"),
        (Some(""), "users.write groups.read"),
        (Some("scim"), "users.write groups.read"),
        (Some("users.read"), "users.read"),
        (Some("groups.read users.write"), "users.write groups.read"),
    ] {
        let granted = asking(asked).await.unwrap();
        assert_eq!(granted.scopes, scopes(expect), "{asked:?}");
        let grant = world.oauth.check(&granted.access_token, None).await.unwrap().unwrap();
        assert_eq!(grant.scopes, scopes(expect), "{asked:?}");
    }
    for asked in ["groups.write", "users.read groups.write", "openid", "users.read,x\"\\é"] {
        let refusal = asking(Some(asked)).await.unwrap_err();
        assert!(matches!(refusal, Refusal::InvalidScope(_)), "{asked}: {refusal}");
        assert!(!refusal.to_string().contains(['"', '\\', 'é']), "{refusal}");
    }
}

#[tokio::test]
async fn an_access_token_ends_with_its_credential() {
    let world = World::new().await;
    let soon = Instant::from_millis(world.clock.now().millis() + 600_900);
    world.secret("s3cret", |token| token.expires = Some(soon)).await;
    assert_eq!(world.with_secret("s3cret").await.unwrap().expires_in, 600);
}

#[tokio::test]
async fn r_oauth_05_tokens_are_bound_to_the_certificate_of_the_credential() {
    let world = World::new().await;
    world.secret("s3cret", |token| token.certificate = Some(CERTIFICATE)).await;
    let client = world.connection.to_string();
    let request = secret_request(world.connection, &client, "s3cret");
    is_no_client(world.oauth.grant(request).await);
    let other = Some(rollcall_domain::Thumbprint([8; 32]));
    is_no_client(world.oauth.grant(TokenRequest { certificate: other, ..request }).await);

    let request = TokenRequest { certificate: Some(CERTIFICATE), ..request };
    let granted = world.oauth.grant(request).await.unwrap();
    let [_, claims] = decoded(&granted.access_token);
    let print = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";
    assert_eq!(claims["cnf"], json!({"x5t#S256": print}));
    let grant = world.oauth.check(&granted.access_token, None).await.unwrap().unwrap();
    assert_eq!(grant.certificate, Some(CERTIFICATE));
}

#[tokio::test]
async fn r_e_25_no_bit_of_an_access_token_can_be_changed() {
    let world = World::new().await;
    world.secret("s3cret", |_| {}).await;
    let token = world.with_secret("s3cret").await.unwrap().access_token;
    let bytes = token.as_bytes();
    for at in (0..bytes.len()).step_by(3) {
        let mut changed = bytes.to_vec();
        changed[at] = if changed[at] == b'A' { b'Q' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        let checked = world.oauth.check(&changed, Some(world.connection)).await.unwrap();
        assert!(checked.is_none() || changed == token, "byte {at}");
    }
    for text in ["", "eyJ", "eyJ.eyJ.eyJ", &"eyJ.".repeat(5000), &token[..token.len() - 4]] {
        assert_eq!(world.oauth.check(text, Some(world.connection)).await.unwrap(), None);
    }
}

#[tokio::test]
async fn each_token_is_another() {
    let world = World::new().await;
    world.secret("s3cret", |_| {}).await;
    let mut tokens = HashSet::new();
    for _ in 0..3 {
        tokens.insert(world.with_secret("s3cret").await.unwrap().access_token);
    }
    assert_eq!(tokens.len(), 3);
    let keys = world.oauth.jwks().await.unwrap();
    assert_eq!(keys["keys"].as_array().map(Vec::len), Some(1));
    assert!(!keys.to_string().contains(r#""d""#));
}

#[tokio::test]
async fn metadata_is_the_same_whether_there_is_a_connection_or_not() {
    let world = World::new().await;
    let nobody = ConnectionId::from_uuid(UuidIds.next());
    let [known, unknown] = [world.connection, nobody].map(|id| {
        let text = world.oauth.metadata(id).to_string();
        text.replace(&id.to_string(), "{id}")
    });
    assert_eq!(known, unknown);
    let metadata = world.oauth.metadata(nobody);
    assert_eq!(metadata["issuer"], format!("{ORIGIN}/connections/{nobody}"));
    assert_eq!(metadata["token_endpoint"], world.oauth.token_endpoint(nobody));
    assert_eq!(metadata["jwks_uri"], format!("{ORIGIN}/oauth/jwks"));
}

/// RFC 8705 §3.3: clients are told where access tokens are bound to certificates.
#[tokio::test]
async fn r_oauth_05_metadata_tells_of_certificates() {
    let world = World::new().await;
    let plain = Arc::into_inner(world.replica()).unwrap();
    let name = "tls_client_certificate_bound_access_tokens";
    assert_eq!(plain.metadata(world.connection)[name], false);
    let tls = plain.with_client_certificates();
    assert_eq!(tls.metadata(world.connection)[name], true);
}
