//! Every route with every credential: whoever may not is not let in (R-E-05, R-E-10).

use std::time::Duration;

use rollcall_domain::Clock as _;
use rollcall_tests::client::{Answer, Request};
use rollcall_tests::issuer::{Issuer, SigningKey, now};
use rollcall_tests::on_both_stores_alone;
use rollcall_tests::operator::{Operator, text};
use rollcall_tests::routes::{NOBODY, scim};
use rollcall_tests::server::{Server, StoreKind, settings};
use serde_json::{Value, json};

use super::routes::routes;
use super::{Customer, bytes};

on_both_stores_alone!(
    r_e_05_every_scim_route_with_every_credential,
    r_e_05_every_admin_route_with_every_credential,
    every_admin_route_takes_the_role_that_it_names,
);

fn in_an_hour(server: &Server) -> String {
    let end = server.clock.now().millis() + 60 * 60 * 1000;
    rollcall_schema::Instant::from_millis(end).to_string()
}

async fn minted(customer: &Customer, body: Value) -> (String, String) {
    let made = customer.owner.post(&customer.tokens(), &body).await.is(201).json();
    (text(&made, "token"), text(&made, "tokenId"))
}

/// What becomes of a request with a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Nobody knows whose it is.
    Unauthorized,
    /// It opens something else.
    Nowhere,
    /// It may read, and nothing else.
    Reads,
    /// It may see groups, and nothing else.
    Groups,
}

struct Credential {
    name: &'static str,
    headers: Vec<(&'static str, String)>,
    fate: Fate,
}

fn bearer(name: &'static str, token: &str, fate: Fate) -> Credential {
    Credential { name, headers: vec![("authorization", format!("Bearer {token}"))], fate }
}

async fn r_e_05_every_scim_route_with_every_credential(kind: StoreKind) {
    let server = Server::start(kind, settings()).await;
    let customer = Customer::new(&server).await;
    let idp = &customer.idp;
    let ada = idp.user("ada").await;
    idp.group("crew", &[&ada]).await;
    let issuer = Issuer::start(&[]).await;
    let key = SigningKey::es256("k");
    issuer.publish(&[&key]);
    let credentials = credentials(&server, &customer, &issuer, &key).await;
    let before = idp.get("/").await.is(200).json();
    let nowhere = Request::new("GET", "/connections/conn_x/scim/v2/Users").bearer(&idp.token);
    let nowhere = bytes(&idp.send(nowhere).await);
    for credential in &credentials {
        let mut first = None;
        for (method, path, body) in scim() {
            let path = path.replace(NOBODY, &ada);
            let mut request = Request::new(method, format!("{}{path}", idp.base));
            if !body.is_null() {
                let body = body.to_string().replace(NOBODY, &ada);
                request = request.json(&serde_json::from_str(&body).expect("JSON"));
            }
            for (name, value) in &credential.headers {
                request = request.header(name, value);
            }
            let answer = idp.send(request).await;
            let told = || format!("{}: {answer}", credential.name);
            match credential.fate {
                Fate::Unauthorized => {
                    assert_eq!(answer.status, 401, "{}", told());
                    assert!(answer.header("www-authenticate").is_some(), "{}", told());
                    if method != "HEAD" {
                        let first = first.get_or_insert_with(|| bytes(&answer));
                        assert_eq!(&bytes(&answer), first, "{}", told());
                    }
                }
                Fate::Nowhere => {
                    assert_eq!(answer.status, 404, "{}", told());
                    if method != "HEAD" {
                        assert_eq!(bytes(&answer), nowhere, "{}", told());
                    }
                }
                Fate::Reads => may_read(&answer, method, &path),
                Fate::Groups => may_see_groups(&answer, method, &path),
            }
        }
    }
    assert_eq!(idp.get("/").await.is(200).json(), before, "nobody changed anything");
}

async fn credentials(
    server: &Server,
    customer: &Customer,
    issuer: &Issuer,
    key: &SigningKey,
) -> Vec<Credential> {
    let idp = &customer.idp;
    let (other, (_, twin)) = (Customer::new(server).await, customer.twin(server).await);
    let (expired, _) = minted(customer, json!({"expires": in_an_hour(server)})).await;
    let (revoked, id) = minted(customer, json!({})).await;
    customer.owner.delete(&format!("{}/{id}", customer.tokens())).await.is(200);
    let (reader, _) = minted(customer, json!({"scopes": "users.read groups.read"})).await;
    let (of_groups, _) = minted(customer, json!({"scopes": "groups.read"})).await;
    let (secret, _) = minted(customer, json!({"proof": {"kind": "clientSecret"}})).await;
    let trust = json!({"proof": {"kind": "trustedIssuer", "issuer": issuer.name(), "subject": "s",
        "audience": "api://rollcall", "jwksUri": issuer.jwks_uri()}});
    customer.owner.post(&customer.tokens(), &trust).await.is(201);
    server.clock.pass(Duration::from_secs(60 * 60));
    let later = now() + 60 * 60;
    let claims = |aud: &str, sub: &str| json!({"iss": issuer.name(), "sub": sub, "aud": aud, "iat": later, "exp": later + 3000});
    // It is honest that such a token would be let in.
    let good = key.sign(&claims("api://rollcall", "s"));
    idp.send(idp.request("GET", "/Users").bearer(&good)).await.is(200);
    let admin = customer.owner.key.clone();
    let unauthorized = |name, token: &str| bearer(name, token, Fate::Unauthorized);
    let with = |name, headers| Credential { name, headers, fate: Fate::Unauthorized };
    vec![
        with("none", vec![]),
        with("empty", vec![("authorization", String::new())]),
        with("an empty bearer", vec![("authorization", "Bearer ".into())]),
        with("blanks", vec![("authorization", "Bearer    ".into())]),
        with(
            "two",
            vec![
                ("authorization", format!("Bearer {}", idp.token)),
                ("authorization", format!("Bearer {}", idp.token)),
            ],
        ),
        with("another scheme", vec![("authorization", format!("Basic {}", idp.token))]),
        with("a cookie", vec![("cookie", format!("session={}", idp.token))]),
        unauthorized("garbage", &format!("rct_{}", "A".repeat(43))),
        unauthorized("half a token", &idp.token[..30]),
        unauthorized("expired", &expired),
        unauthorized("revoked", &revoked),
        unauthorized("a client secret", &secret),
        unauthorized("an admin key", &admin),
        unauthorized("wrong audience", &key.sign(&claims("api://other", "s"))),
        unauthorized("wrong subject", &key.sign(&claims("api://rollcall", "eve"))),
        bearer("another organization", &other.idp.token, Fate::Nowhere),
        bearer("another connection", &twin.token, Fate::Nowhere),
        bearer("read-only", &reader, Fate::Reads),
        bearer("wrong scope", &of_groups, Fate::Groups),
    ]
}

/// Whether a request would write, as far as it is one that there is.
fn writes(method: &str, path: &str) -> bool {
    let path = path.split('?').next().unwrap_or_default();
    let one = path.starts_with("/Users/") || path.starts_with("/Groups/");
    let one = one && !path.ends_with("/.search");
    match method {
        "POST" => matches!(path, "/Users" | "/Groups"),
        "PUT" | "PATCH" | "DELETE" => one,
        _ => false,
    }
}

#[track_caller]
fn may_read(answer: &Answer, method: &str, path: &str) {
    match (writes(method, path), path) {
        (true, _) => assert_eq!(answer.status, 403, "{answer}"),
        (false, "/Bulk") if method == "POST" => {
            let refused = answer.status == 403 || answer.status == 400;
            assert!(refused || answer.statuses().split(' ').all(|one| one == "403"), "{answer}");
        }
        // What is not there, or not for this method, is told to whoever may read.
        _ => assert!(!matches!(answer.status, 401 | 201 | 204), "{answer}"),
    }
    if method == "GET" && path == "/Users" {
        assert_eq!(answer.status, 200, "{answer}");
    }
}

#[track_caller]
fn may_see_groups(answer: &Answer, method: &str, path: &str) {
    if writes(method, path) {
        assert_eq!(answer.status, 403, "{answer}");
    }
    let of_users = path.starts_with("/Users") || path.starts_with("/?") || path.is_empty();
    if of_users && answer.status < 300 && !answer.body.is_empty() {
        let listed = answer.json();
        let shown = listed["Resources"].as_array().into_iter().flatten();
        let mut types = shown.map(|one| one["meta"]["resourceType"].as_str());
        assert!(!path.starts_with("/Users") && types.all(|ty| ty == Some("Group")), "{answer}");
    }
    if method == "GET" && path == "/Groups" {
        assert_eq!(answer.status, 200, "{answer}");
    }
    if method == "GET" && path == "/Users" {
        assert_eq!(answer.status, 403, "{answer}");
    }
    assert_ne!(answer.status, 401, "{answer}");
}

async fn r_e_05_every_admin_route_with_every_credential(kind: StoreKind) {
    let server = Server::start(kind, settings()).await;
    let customer = Customer::new(&server).await;
    let owner = &customer.owner;
    let body = json!({"name": "e", "role": "owner", "expires": in_an_hour(&server)});
    let expired = owner.colleague(body).await;
    let revoked = owner.post("/admin/keys", &json!({"name": "r", "role": "owner"})).await.json();
    let gone = owner.with(text(&revoked, "key"));
    owner.delete(&format!("/admin/keys/{}", text(&revoked, "adminKeyId"))).await.is(200);
    server.clock.pass(Duration::from_secs(60 * 60));
    let nobody = "00000000000070008000000000000000";
    let (organization, connection) =
        (customer.made.text("organizationId"), customer.made.text("connectionId"));
    let mut first: Option<String> = None;
    let callers: Vec<(&str, Operator)> = vec![
        ("expired", expired),
        ("revoked", gone),
        ("garbage", owner.with(format!("rca_{}", "A".repeat(43)))),
        ("half a key", owner.with(&owner.key[..30])),
        ("empty", owner.with("")),
        ("blanks", owner.with("   ")),
        ("the token of a connection", owner.with(customer.idp.token.clone())),
    ];
    for route in routes(&server).await {
        if route.role.is_none() {
            continue;
        }
        let (token, job, key) =
            (customer.made.text("tokenId"), format!("job_{nobody}"), format!("adm_{nobody}"));
        let all = [
            ("org", &*organization),
            ("connection", &*connection),
            ("token", &*token),
            ("job", &*job),
            ("key", &*key),
            ("name", "Role"),
        ];
        for (name, caller) in &callers {
            let answer = owner.send(route.request(caller, &all)).await;
            assert_eq!(answer.status, 401, "{name}: {answer}");
            assert!(answer.header("www-authenticate").is_some(), "{name}: {answer}");
            if !matches!(*name, "empty" | "blanks") {
                let first = first.get_or_insert_with(|| bytes(&answer));
                assert_eq!(&bytes(&answer), first, "{name}: {answer}");
            }
        }
    }
    // Nor does anybody learn which paths there are.
    for path in ["/nothing", "", "/organizations/x/y/z"] {
        let answer = owner.send(callers[2].1.request("GET", path)).await;
        assert_eq!(Some(bytes(&answer)), first, "{answer}");
    }
}

async fn every_admin_route_takes_the_role_that_it_names(kind: StoreKind) {
    const ROLES: [&str; 3] = ["read-only", "operator", "owner"];
    let server = Server::start(kind, settings()).await;
    let rank = |role: &str| ROLES.iter().position(|one| *one == role).expect("a role");
    let mut denied = 0;
    for limited in [false, true] {
        for role in ROLES {
            let customer = Customer::new(&server).await;
            let organization = customer.made.text("organizationId");
            let mut body = json!({"name": role, "role": role});
            let mut other = json!({"name": "other", "role": "read-only"});
            if limited {
                body["organizationId"] = json!(organization);
                other["organizationId"] = json!(organization);
            }
            let caller = customer.owner.colleague(body).await;
            let other = customer.owner.post("/admin/keys", &other).await.is(201).json();
            let rotated = customer.owner.act(&format!("{}/rotation", customer.token())).await;
            rotated.is(201);
            let (connection, token) =
                (customer.made.text("connectionId"), customer.made.text("tokenId"));
            let key = text(&other, "adminKeyId");
            let all = [
                ("org", &*organization),
                ("connection", &*connection),
                ("token", &*token),
                ("job", "job_00000000000070008000000000000000"),
                ("key", &*key),
                ("name", "Role"),
            ];
            for route in routes(&server).await {
                let Some(needs) = &route.role else { continue };
                let may = rank(role) >= rank(needs) && !(limited && route.everywhere);
                let answer = caller.send(route.request(&caller, &all)).await;
                // A key of one organization makes none for all of them.
                let for_all = limited && route.id == "createAdminKey";
                assert_eq!(answer.status != 403, may && !for_all, "{role} {limited}: {answer}");
                assert_ne!(answer.status, 401, "{answer}");
                denied += usize::from(!may);
            }
        }
    }
    assert!(denied > 40, "{denied}");
}
