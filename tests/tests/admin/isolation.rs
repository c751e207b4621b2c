//! What another organization has looks like what nobody has: every route, with every id.

use rollcall_tests::client::{BULK, Request, SCIM_JSON};
use rollcall_tests::data::USER;
use rollcall_tests::on_both_stores;
use rollcall_tests::operator::{Operator, text};
use rollcall_tests::routes::{NO_TRANSACTION, NOBODY as UNKNOWN, scim};
use rollcall_tests::server::Server;
use serde_json::{Value, json};

use super::routes::{Route, routes};
use super::{Customer, bytes};

on_both_stores!(
    foreign_ids_on_every_route_are_unknown_ids,
    foreign_ids_in_bodies_and_queries_are_unknown_ids,
    another_organizations_token_on_every_scim_route_finds_nothing,
    another_organizations_ids_on_every_scim_route_are_unknown_ids,
    token_endpoints_tell_nobody_which_connections_exist,
);

/// What nobody has, behind the prefix of a kind of id.
const NOBODY: &str = "00000000000070008000000000000000";

/// Everything of a customer that has an id.
struct Ids(Vec<(&'static str, String)>);

impl Ids {
    async fn of(customer: &Customer, server: &Server) -> Self {
        let owner = &customer.owner;
        let organization = customer.made.text("organizationId");
        let (doomed, _) = customer.twin(server).await;
        let job = owner.delete(&format!("{}?people=keep", doomed.path)).await.is(202).json();
        let key = json!({"name": "k", "role": "read-only", "organizationId": organization});
        let key = owner.post("/admin/keys", &key).await.is(201).json();
        owner.act(&format!("{}/rotation", customer.token())).await.is(201);
        Self(vec![
            ("org", organization),
            ("connection", customer.made.text("connectionId")),
            ("token", customer.made.text("tokenId")),
            ("job", text(&job, "jobId")),
            ("key", text(&key, "adminKeyId")),
            ("name", "Role".into()),
        ])
    }

    #[track_caller]
    fn get(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(known, _)| *known == name);
        &found.unwrap_or_else(|| panic!("say what `{name}` is")).1
    }
}

/// The id of nobody, of the same kind.
fn nobody(id: &str) -> String {
    match id.split_once('_') {
        Some((prefix, _)) => format!("{prefix}_{NOBODY}"),
        None => id.to_owned(),
    }
}

async fn state(customer: &Customer) -> Vec<Value> {
    let mut all = Vec::new();
    let removed = |mut list: Value| {
        for item in list["items"].as_array_mut().into_iter().flatten() {
            item["lastUsed"] = Value::Null;
        }
        list
    };
    for path in [
        customer.organization.clone(),
        customer.made.path.clone(),
        format!("{}/schemas", customer.made.path),
        customer.tokens(),
    ] {
        all.push(removed(customer.owner.get(&path).await.is(200).json()));
    }
    all
}

/// R-TEN-02, R-TEN-04, R-E-02: byte for byte what an id that nobody has is answered with, but for
/// the id and the request's id.
async fn foreign_ids_on_every_route_are_unknown_ids(server: &Server) {
    let (a, b) = (Customer::new(server).await, Customer::new(server).await);
    let (own, foreign) = (Ids::of(&a, server).await, Ids::of(&b, server).await);
    let organization = json!(a.made.text("organizationId"));
    let mut callers = vec![(0, a.owner.clone())];
    for role in ["owner", "operator", "read-only"] {
        let body = json!({"name": role, "role": role, "organizationId": organization});
        callers.push((1, a.owner.colleague(body).await));
    }
    let before = state(&b).await;
    let mut compared = 0;
    for route in routes(server).await {
        let names = route.variables();
        for (theirs, caller) in &callers {
            // Whoever may see every organization is told of them; a connection on the path of
            // another organization is nowhere for them too.
            let first = if *theirs == 1 || route.path.starts_with("/admin") { 0 } else { 1 };
            for at in first..names.len() {
                if names[at] == "name" || *theirs == 0 && names[at] == "key" {
                    continue;
                }
                compare(&route, caller, &names, at, (&own, &foreign)).await;
                compared += 1;
            }
        }
    }
    assert!(compared > 100, "{compared}");
    assert_eq!(state(&b).await, before);
}

/// Sends the same request with somebody else's ids from `at` on, and with those of nobody.
async fn compare(
    route: &Route,
    caller: &Operator,
    names: &[&str],
    at: usize,
    (own, foreign): (&Ids, &Ids),
) {
    let ids = |of: &dyn Fn(&str) -> String| {
        let one = |(n, name): (usize, &&str)| {
            if n < at { own.get(name).to_owned() } else { of(foreign.get(name)) }
        };
        names.iter().enumerate().map(one).collect::<Vec<_>>()
    };
    let (theirs, nobodys) = (ids(&|id| id.to_owned()), ids(&|id| nobody(id)));
    let request = |ids: &[String]| {
        let pairs: Vec<_> = names.iter().copied().zip(ids.iter().map(String::as_str)).collect();
        route.request(caller, &pairs)
    };
    let answer = caller.send(request(&theirs)).await;
    let expect = caller.send(request(&nobodys)).await;
    let mut expected = bytes(&expect);
    for (theirs, nobodys) in theirs.iter().zip(&nobodys) {
        expected = expected.replace(nobodys.as_str(), theirs);
    }
    assert_eq!(bytes(&answer), expected, "{}: {answer}", route.id);
    assert!(matches!(answer.status, 403 | 404), "{}: {answer}", route.id);
}

async fn foreign_ids_in_bodies_and_queries_are_unknown_ids(server: &Server) {
    let (a, b) = (Customer::new(server).await, Customer::new(server).await);
    let body =
        json!({"name": "o", "role": "owner", "organizationId": a.made.text("organizationId")});
    let ours = a.owner.colleague(body).await;
    let user = b.idp.user("ada").await;
    let unknown_user = rollcall_tests::routes::NOBODY;
    let (other, organization) = (b.made.text("connectionId"), b.made.text("organizationId"));
    let before = state(&b).await;
    for (foreign, unknown) in [
        (user.clone(), unknown_user.to_owned()),
        (other.clone(), nobody(&other)),
        (organization.clone(), nobody(&organization)),
    ] {
        let requests = |id: &str| {
            let hand_over = format!("people=handOver&to={id}");
            [
                ours.asking("POST", &a.tokens(), &json!({"user": id})),
                ours.request("GET", &format!("{}/removal?{hand_over}", a.made.path)),
                ours.request("DELETE", &format!("{}?{hand_over}", a.made.path)),
                ours.asking(
                    "POST",
                    "/admin/keys",
                    &json!({"name": "k", "role": "owner", "organizationId": id}),
                ),
            ]
        };
        for (theirs, nobodys) in requests(&foreign).into_iter().zip(requests(&unknown)) {
            let theirs = ours.send(theirs).await;
            let nobodys = ours.send(nobodys).await;
            let expect = bytes(&nobodys).replace(&unknown, &foreign);
            assert_eq!(bytes(&theirs), expect, "{theirs}");
            assert!(matches!(theirs.status, 400 | 404), "{theirs}");
        }
    }
    // A position in a list shows what is behind it, of one's own.
    let after = format!("{}/connections?after={other}", a.organization);
    let behind = ours.get(&after).await.is(200).json();
    assert!(!behind.to_string().contains(&organization), "{behind}");
    assert_eq!(state(&b).await, before);
}

/// R-TEN-02: the path of another organization's connection leads to nothing, and so does that of
/// one that nobody made. An access token is no other than the secret that it was granted for.
async fn another_organizations_token_on_every_scim_route_finds_nothing(server: &Server) {
    let (a, b) = (Customer::new(server).await, Customer::new(server).await);
    b.idp.user("ada").await;
    let secret = json!({"proof": {"kind": "clientSecret"}});
    let secret = text(&a.owner.post(&a.tokens(), &secret).await.is(201).json(), "token");
    let own = a.made.text("connectionId");
    let fields =
        [("grant_type", "client_credentials"), ("client_id", &*own), ("client_secret", &*secret)];
    let grant = Request::new("POST", format!("/connections/{own}/oauth/token")).form(&fields);
    let access_token = text(&server.client.send(grant).await.is(200).json(), "access_token");
    let before = b.idp.get("/Users").await.json();
    let unknown = format!("/connections/conn_{NOBODY}/scim/v2");
    for (method, path, body) in scim() {
        let on = |base: &str, token: &str| {
            let request = Request::new(method, format!("{base}{path}"));
            let request = if body.is_null() { request } else { request.json(&body) };
            request.bearer(token)
        };
        for token in [&a.idp.token, &access_token] {
            let nowhere = a.idp.send(on(&unknown, token)).await;
            let theirs = a.idp.send(on(&b.idp.base, token)).await;
            assert_eq!(theirs.status, 404, "{theirs}");
            assert_eq!(bytes(&theirs), bytes(&nowhere), "{theirs}");
        }
    }
    assert_eq!(b.idp.get("/Users").await.json(), before);
}

/// R-E-02, R-TEN-04: with one's own token on one's own path, and the id of somebody else's resource
/// or request in every place for one.
async fn another_organizations_ids_on_every_scim_route_are_unknown_ids(server: &Server) {
    let (a, b) = (Customer::new(server).await, Customer::new(server).await);
    let ada = b.idp.user("ada").await;
    let crew = b.idp.group("crew", &[&ada]).await;
    let users = (0..300).map(|n| {
        json!({"method": "POST", "path": "/Users", "bulkId": n.to_string(),
            "data": {"schemas": [USER], "userName": format!("u{n}")}})
    });
    let bulk = json!({"schemas": [BULK], "Operations": users.collect::<Value>()});
    let bulk = b.idp.request("POST", "/Bulk").json(&bulk).header("prefer", "respond-async");
    let promise = b.idp.send(bulk).await.is(202);
    let transaction = promise.header("set-txn").expect("it has an id").to_owned();
    b.idp.outcome(&transaction).await.is(200);
    let before = b.idp.get("/").await.json();
    let mut compared = 0;
    for base in [a.idp.base.as_str(), "/scim/v2"] {
        for (method, path, body) in scim() {
            let body = if body.is_null() { String::new() } else { body.to_string() };
            let asks = |from: &str, id: &str| {
                let request = Request::new(method, format!("{base}{}", path.replace(from, id)));
                let request = request.bearer(&a.idp.token);
                match body.as_str() {
                    "" => request,
                    body => request.header("content-type", SCIM_JSON).body(body.replace(from, id)),
                }
            };
            for (nobodys, theirs) in
                [(UNKNOWN, &ada), (UNKNOWN, &crew), (NO_TRANSACTION, &transaction)]
            {
                if !path.contains(nobodys) && !body.contains(nobodys) {
                    continue;
                }
                let answer = a.idp.send(asks(nobodys, theirs)).await;
                let expect = bytes(&a.idp.send(asks(nobodys, nobodys)).await);
                assert_eq!(bytes(&answer), expect.replace(nobodys, theirs), "{answer}");
                compared += 1;
            }
        }
    }
    assert!(compared > 40, "{compared}");
    assert_eq!(b.idp.get("/").await.json(), before);
}

async fn token_endpoints_tell_nobody_which_connections_exist(server: &Server) {
    let (a, b) = (Customer::new(server).await, Customer::new(server).await);
    let secret = json!({"proof": {"kind": "clientSecret"}});
    let secret = text(&a.owner.post(&a.tokens(), &secret).await.is(201).json(), "token");
    let (own, other) = (a.made.text("connectionId"), b.made.text("connectionId"));
    let unknown = nobody(&other);
    let ask = async |at: &str, client: &str, secret: &str| {
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", client),
            ("client_secret", secret),
        ];
        let request = Request::new("POST", format!("/connections/{at}/oauth/token")).form(&fields);
        server.client.send(request).await
    };
    ask(&own, &own, &secret).await.is(200);
    let refused = bytes(&ask(&unknown, &unknown, &secret).await.is(401));
    for (at, client, secret) in [
        (&other, &other, secret.as_str()),
        (&other, &own, &secret),
        (&own, &other, &secret),
        (&own, &own, "rct_garbage"),
        (&other, &other, "rct_garbage"),
        (&own, &own, &a.idp.token),
    ] {
        assert_eq!(bytes(&ask(at, client, secret).await), refused);
    }
    // Metadata is the same for whatever id.
    let metadata = async |id: &str| {
        let path = format!("/connections/{id}/.well-known/oauth-authorization-server");
        let answer = server.client.send(Request::new("GET", path)).await;
        bytes(&answer.is(200)).replace(id, "‹id›")
    };
    assert_eq!(metadata(&other).await, metadata(&unknown).await);
}
