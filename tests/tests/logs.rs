//! What a server writes while it runs holds no secret and nothing of anybody (R-E-13, R-SEC-03).

use rollcall_domain::{Ids as _, UuidIds};
use rollcall_tests::client::{BULK, Client, PATCH, Request, SCIM_JSON, SEARCH};
use rollcall_tests::data::{ENTERPRISE, GROUP, USER};
use rollcall_tests::issuer::{Issuer, SigningKey, now};
use rollcall_tests::operator::{Made, Operator, text};
use rollcall_tests::program::{KEY, Site};
use rollcall_tests::server::StoreKind;
use rollcall_tests::wait::becomes;
use serde_json::{Value, json};

const BOOTSTRAP: &str = "zq-bootstrap-0123456789abcdefghijklmnop";

#[tokio::test(flavor = "multi_thread")]
async fn r_e_13_a_whole_run_on_sqlite_tells_nothing() {
    whole_run(StoreKind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r_e_13_a_whole_run_on_postgres_tells_nothing() {
    whole_run(StoreKind::Postgres).await;
}

/// What was sent that nobody may read later.
#[derive(Default)]
struct Sent(Vec<(&'static str, String)>);

impl Sent {
    fn secret(&mut self, what: &'static str, value: impl Into<String>) -> String {
        let value = value.into();
        self.0.push((what, value.clone()));
        value
    }

    /// A value of a person, unlike any other text.
    fn personal(&mut self, what: &'static str) -> String {
        let value = format!("zq{}", UuidIds.next().simple());
        self.secret(what, value)
    }
}

async fn whole_run(kind: StoreKind) {
    let site = Site::new(kind).await;
    let mut sent = Sent::default();
    let key = sent.secret("an admin key", site.owner_key().await);
    sent.secret("ROLLCALL_KEY", KEY);
    sent.secret("the secret in ROLLCALL_KEY", KEY.split(':').next_back().expect("a secret"));
    sent.secret("the bootstrap token", BOOTSTRAP);
    let issuing = SigningKey::rs256("k");
    let issuer = Issuer::start(&[&issuing]).await;
    let log = ["--log", "trace,hyper=info,h2=info", "--log-format", "json"];
    let more = [&log[..], &["--fetch-private", issuer.origin()]].concat();
    let serving = site.serve(&more, &[("ROLLCALL_SCIM_TOKEN", BOOTSTRAP)]).await;
    let operator = serving.operator(&key);
    let made = operate(&operator, &mut sent).await;
    provision(&serving.client, &made, &mut sent).await;
    grants(&operator, &made, (&issuer, &issuing), &mut sent).await;
    wrong(&serving.client, &operator, &made, &mut sent).await;
    disabled(&serving.client, &operator, &made).await;
    let metrics = serving.client.send(Request::new("GET", "/metrics")).await.is(200);
    let metrics = String::from_utf8_lossy(&metrics.body).into_owned();
    let ended = operator.delete(&format!("{}?people=deactivate", made.path)).await.is(202).json();
    let organization = made.path.split("/connections").next().expect("an organization");
    let job = format!("{organization}/jobs/{}", text(&ended, "jobId"));
    operator.finished(&job, async || {}).await;
    let id = made.text("connectionId");
    let outcome = serving.program.stop().await;

    // What was written is of this run, requests and their spans included.
    for said in ["listening", "is still called", "a job is finished", "told to stop", &id] {
        assert!(outcome.err.contains(said), "nothing of `{said}`: {}", outcome.err);
    }
    assert!(sent.0.len() > 30, "{}", sent.0.len());
    for (what, value) in &sent.0 {
        assert!(value.len() >= 8, "{what} is too short to look for: {value}");
        let written = [
            ("standard error", &outcome.err),
            ("standard output", &outcome.out),
            ("the metrics", &metrics),
        ];
        for (stream, said) in written {
            if let Some(line) = said.lines().find(|line| line.contains(value.as_str())) {
                panic!("{what} is on {stream}: {line}");
            }
        }
    }
}

/// What operators send and get.
async fn operate(operator: &Operator, sent: &mut Sent) -> Made {
    let organization = operator.organization("A customer").await;
    let made = operator.connection(&organization, json!({"idp": "okta"})).await;
    sent.secret("a bearer token", made.text("token"));
    let tokens = format!("{}/tokens", made.path);
    let keyed = operator.asking("POST", &tokens, &json!({"name": "second"}));
    for _ in 0..2 {
        let second = operator.send(keyed.clone().header("idempotency-key", "twice")).await;
        sent.secret("a second bearer token", text(&second.is(201).json(), "token"));
    }
    let rotation = format!("{tokens}/{}/rotation", made.text("tokenId"));
    let rotated = operator.send(operator.request("POST", &rotation)).await.is(201).json();
    let rotated = sent.secret("a rotated token", text(&rotated, "token"));
    let list = format!("/connections/{}/scim/v2/Users", made.text("connectionId"));
    operator.client.send(Request::new("GET", list).bearer(&rotated)).await.is(200);
    let colleague = operator.post("/admin/keys", &json!({"name": "c", "role": "operator"})).await;
    let colleague = sent.secret("another admin key", text(&colleague.is(201).json(), "key"));
    operator.with(colleague).get("/organizations").await.is(200);
    for path in ["status", "validate", "tokens", "schemas"] {
        operator.get(&format!("{}/{path}", made.path)).await.is(200);
    }
    operator.patch(&made.path, &json!({"limits": {"pageMax": 50}})).await.is(200);
    made
}

/// What an IdP sends of people.
async fn provision(client: &Client, made: &Made, sent: &mut Sent) {
    let (token, base) =
        (made.text("token"), format!("/connections/{}/scim/v2", made.text("connectionId")));
    let ask =
        |method: &str, path: &str| Request::new(method, format!("{base}{path}")).bearer(&token);
    let (name, mail) = (sent.personal("a userName"), sent.personal("a mail address"));
    let user = json!({
        "schemas": [USER, ENTERPRISE], "userName": name, "password": sent.personal("a password"),
        "externalId": sent.personal("an externalId"),
        "name": {"givenName": sent.personal("a given name"),
            "familyName": sent.personal("a family name")},
        "displayName": sent.personal("a display name"), "title": sent.personal("a title"),
        "emails": [{"value": format!("{mail}@example.com"), "type": "work", "primary": true}],
        "phoneNumbers": [{"value": sent.personal("a phone number"), "type": "work"}],
        "addresses": [{"streetAddress": sent.personal("a street"), "type": "home"}],
        ENTERPRISE: {"employeeNumber": sent.personal("an employee number"),
            "department": sent.personal("a department")},
    });
    let id = client.send(ask("POST", "/Users").json(&user)).await.is(201).id();
    client.send(ask("POST", "/Users").json(&user)).await.is(409);
    client.send(ask("PUT", &format!("/Users/{id}")).json(&user)).await.is(200);
    for filter in [
        format!("userName%20eq%20%22{name}%22"),
        format!("emails.value%20co%20%22{mail}%22"),
        format!("emails%5Btype%20eq%20%22work%22%20and%20value%20sw%20%22{mail}%22%5D"),
    ] {
        client.send(ask("GET", &format!("/Users?filter={filter}"))).await.is(200);
    }
    let search = json!({"schemas": [SEARCH], "filter": format!("userName eq \"{name}\"")});
    client.send(ask("POST", "/Users/.search").json(&search)).await.is(200);
    let patch = |operations: Value| json!({"schemas": [PATCH], "Operations": operations});
    let nick = sent.personal("a nick name");
    let operations = patch(json!([
        {"op": "replace", "path": "nickName", "value": nick},
        {"op": "replace", "value": {"password": sent.personal("another password")}},
        {"op": "remove", "path": format!("emails[value eq \"{mail}@example.com\"]")},
    ]));
    client.send(ask("PATCH", &format!("/Users/{id}")).json(&operations)).await.is(200);
    let group = json!({"schemas": [GROUP], "displayName": sent.personal("a group"),
        "members": [{"value": id, "display": sent.personal("a member's name")}]});
    client.send(ask("POST", "/Groups").json(&group)).await.is(201);
    let bulk = json!({"schemas": [BULK], "Operations": [
        {"method": "POST", "path": "/Users", "bulkId": "a",
            "data": {"schemas": [USER], "userName": sent.personal("a name in bulk")}},
        {"method": "POST", "path": "/Users", "bulkId": "b",
            "data": {"schemas": [USER], "userName": name}},
    ]});
    client.send(ask("POST", "/Bulk").json(&bulk)).await.is(200);
    let page = client.send(ask("GET", "/Users?count=1&cursor")).await.is(200).json();
    let cursor = text(&page, "nextCursor");
    client.send(ask("GET", &format!("/Users?count=1&cursor={cursor}"))).await.is(200);
    // By the bootstrap token, without an id.
    let own = json!({"schemas": [USER], "userName": sent.personal("a name by bootstrap")});
    client.send(Request::new("POST", "/scim/v2/Users").bearer(BOOTSTRAP).json(&own)).await.is(201);
}

/// What clients send to the token endpoint.
async fn grants(
    operator: &Operator,
    made: &Made,
    (issuer, issuing): (&Issuer, &SigningKey),
    sent: &mut Sent,
) {
    let (client, id) = (&operator.client, made.text("connectionId"));
    let tokens = format!("{}/tokens", made.path);
    let endpoint = format!("/connections/{id}/oauth/token");
    let secret = operator.post(&tokens, &json!({"proof": {"kind": "clientSecret"}})).await;
    let secret = sent.secret("a client secret", text(&secret.is(201).json(), "token"));
    let grant = ("grant_type", "client_credentials");
    let by_body = [grant, ("client_id", &*id), ("client_secret", &*secret)];
    let by_body = client.send(Request::new("POST", &*endpoint).form(&by_body)).await.is(200).json();
    let basic = {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(format!("{id}:{secret}"))
    };
    sent.secret("a client secret in a header", &*basic);
    let by_header =
        Request::new("POST", &*endpoint).header("authorization", format!("Basic {basic}"));
    let by_header = client.send(by_header.form(&[grant])).await.is(200).json();

    let own = SigningKey::es256("own");
    let proof = json!({"proof": {"kind": "clientKey", "jwks": {"keys": [own.jwk()]}}});
    operator.post(&tokens, &proof).await.is(201);
    let trust = json!({"proof": {"kind": "trustedIssuer", "issuer": issuer.name(),
        "subject": "somebody", "audience": "api://rollcall", "jwksUri": issuer.jwks_uri()}});
    operator.post(&tokens, &trust).await.is(201);
    let of_client = own.sign(&json!({"iss": id, "sub": id, "iat": now(), "exp": now() + 60,
        "aud": format!("https://scim.example.test/connections/{id}"), "jti": "logged-once"}));
    let claims = json!({"iss": issuer.name(), "sub": "somebody", "aud": "api://rollcall",
        "iat": now(), "exp": now() + 600});
    let of_issuer = issuing.sign(&claims);
    let mut access_tokens = vec![text(&by_body, "access_token"), text(&by_header, "access_token")];
    for assertion in [&of_client, &of_issuer] {
        sent.secret("an assertion", assertion);
        let fields = [
            grant,
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", assertion),
        ];
        let granted = client.send(Request::new("POST", &*endpoint).form(&fields)).await.is(200);
        access_tokens.push(text(&granted.json(), "access_token"));
        // Shown twice, or tampered with.
        client.send(Request::new("POST", &*endpoint).form(&fields)).await;
        let broken = sent.secret("a broken assertion", format!("{assertion}x"));
        let fields = [fields[0], fields[1], ("client_assertion", &*broken)];
        client.send(Request::new("POST", &*endpoint).form(&fields)).await.is(401);
    }
    access_tokens.push(of_issuer);
    for token in access_tokens {
        sent.secret("an access token", &*token);
        let signature = token.rsplit('.').next().expect("a signature");
        sent.secret("the signature of an access token", signature);
        let list = Request::new("GET", format!("/connections/{id}/scim/v2/Users"));
        client.send(list.bearer(&token)).await.is(200);
    }
}

/// What nobody should have sent, and somebody did.
async fn wrong(client: &Client, operator: &Operator, made: &Made, sent: &mut Sent) {
    let base = format!("/connections/{}/scim/v2", made.text("connectionId"));
    let token = made.text("token");
    let ask =
        |method: &str, path: &str| Request::new(method, format!("{base}{path}")).bearer(&token);
    for what in ["a wrong token", "a wrong token of another kind"] {
        let wrong = sent.personal(what);
        client.send(Request::new("GET", format!("{base}/Users")).bearer(&wrong)).await.is(401);
        operator.with(wrong).get("/organizations").await.is(401);
    }
    let in_query = sent.personal("a token in a query");
    client.send(ask("GET", &format!("/Users?access_token={in_query}"))).await.is(401);
    let cookie = sent.personal("a cookie");
    client.send(ask("GET", "/Users").header("cookie", format!("session={cookie}"))).await.is(200);
    let secret = sent.personal("a secret in a query");
    let endpoint = format!("/connections/{}/oauth/token", made.text("connectionId"));
    let fields = [("grant_type", "client_credentials")];
    let in_query = Request::new("POST", format!("{endpoint}?client_secret={secret}"));
    client.send(in_query.form(&fields)).await.is(400);
    let filter = sent.personal("a filter that is none");
    client.send(ask("GET", &format!("/Users?filter=userName%20xx%20%22{filter}%22"))).await.is(400);
    let broken = sent.personal("a broken body");
    let broken = ask("POST", "/Users")
        .header("content-type", SCIM_JSON)
        .body(format!("{{\"userName\": \"{broken}\""));
    client.send(broken).await.is(400);
    let body = json!({"schemas": [USER], "userName": sent.personal("a name"),
        "emails": [{"value": {"x": sent.personal("a value of a wrong type")}}]});
    client.send(ask("POST", "/Users").json(&body)).await.is(400);
    let path = sent.personal("a path that is none");
    client.send(ask("GET", &format!("/Users/{path}"))).await.is(404);
    client.send(ask("GET", &format!("/{path}"))).await.is(404);
    operator.get(&format!("/organizations/{path}")).await.is(404);
    let name = sent.personal("a body that operators sent");
    operator.post("/organizations", &json!({"name": "x", "plan": name})).await.is(400);
    let operation = json!({"schemas": [PATCH], "Operations": [
        {"op": "replace", "path": format!("emails[value eq \"{}\"", sent.personal("a broken path")),
            "value": sent.personal("a value at a broken path")}]});
    let anybody = "/Users/01890000-0000-7000-8000-00000000000a";
    let refused = client.send(ask("PATCH", anybody).json(&operation)).await;
    assert!(matches!(refused.status, 400 | 404), "{refused}");
}

/// Whoever calls a disabled connection is told to operators.
async fn disabled(client: &Client, operator: &Operator, made: &Made) {
    let path = format!("/connections/{}/scim/v2/Users", made.text("connectionId"));
    operator.patch(&made.path, &json!({"status": "disabled"})).await.is(200);
    let list = || Request::new("GET", &*path).bearer(&made.text("token"));
    becomes(403, async || client.send(list()).await).await;
}
