//! Organizations, credentials, rotations, removals and admin keys from the command line.

use rollcall_tests::client::{Answer, Request};
use rollcall_tests::issuer::{Issuer, SigningKey, now};
use rollcall_tests::operator::text;
use rollcall_tests::program::{Serving, Site, fail, run, succeed};
use rollcall_tests::server::StoreKind;
use rollcall_tests::wait::becomes;
use serde_json::{Value, json};

use crate::traces::naming;
use crate::{create, get, told, user};

/// A command with where the data is behind it.
fn args<'a>(command: &'a str, url: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    command.split(' ').chain(["--database-url", url]).chain(more.iter().copied()).collect()
}

async fn json_of(command: &str, url: &str, more: &[&str]) -> Value {
    let out = succeed(&args(command, url, &[more, &["--output", "json"]].concat()), &[]).await;
    serde_json::from_str(&out).expect("JSON and nothing else")
}

async fn users(serving: &Serving, made: &Value, token: &str) -> Answer {
    get(&serving.client, &format!("{}/Users?count=1", text(made, "basePath")), token).await
}

#[tokio::test(flavor = "multi_thread")]
async fn organizations_are_made_renamed_and_erased() {
    for kind in [StoreKind::Sqlite, StoreKind::Postgres] {
        let site = Site::new(kind).await;
        let url = site.url();
        let made = json_of("organization create", &url, &["--name", "Acme"]).await;
        let id = text(&made, "organizationId");
        let error = fail(&args("organization create", &url, &["--name", "Acme"]), &[]).await;
        assert!(error.contains("name"), "{error}");
        for name in ["Acme", &id] {
            let shown = json_of("organization show", &url, &["--organization", name]).await;
            assert_eq!(shown, made);
        }
        let renamed = ["--organization", "Acme", "--name", "Acme Ltd"];
        let renamed = json_of("organization rename", &url, &renamed).await;
        assert_eq!((&renamed["name"], &renamed["revision"]), (&json!("Acme Ltd"), &json!(1)));
        let connection = create(&url, "Acme Ltd").await;
        assert_eq!(text(&connection, "organizationId"), id);
        create(&url, "Globex").await;
        let listed = json_of("organization list", &url, &[]).await;
        let names: Vec<_> =
            listed.as_array().unwrap().iter().map(|one| text(one, "name")).collect();
        assert_eq!(names, ["Acme Ltd", "Globex"]);
        let of = json_of("connection list", &url, &["--organization", "Acme Ltd"]).await;
        assert_eq!(of.as_array().map(Vec::len), Some(1));

        let error = fail(&args("organization delete", &url, &["--organization", &id]), &[]).await;
        assert!(error.contains("connections"), "{error}");
        let id_of = text(&connection, "connectionId");
        let keep = ["--connection", &*id_of, "--people", "keep"];
        let job = json_of("connection delete", &url, &keep).await;
        assert_eq!(job["state"], "finished");
        let own = ["--name", "own", "--role", "owner", "--organization", &*id];
        json_of("admin key create", &url, &own).await;
        let of = id.parse().expect("an id");
        let named = naming(&site.tables(), of).await;
        for table in ["admin_key", "connection", "event", "job", "organization"] {
            assert!(named.iter().any(|(name, _)| name == table), "{table}: {named:?}");
        }
        let job = json_of("organization delete", &url, &["--organization", &id]).await;
        assert_eq!((&job["state"], &job["organizationId"]), (&json!("finished"), &Value::Null));
        assert_eq!(naming(&site.tables(), of).await, [], "no trace is left");
        let error = fail(&args("organization show", &url, &["--organization", &id]), &[]).await;
        assert!(error.contains("organization list"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_ends_as_was_said() {
    for kind in [StoreKind::Sqlite, StoreKind::Postgres] {
        let site = Site::new(kind).await;
        let url = site.url();
        let (made, heir) = (create(&url, "Acme").await, create(&url, "Acme").await);
        let serving = site.serve(&[], &[]).await;
        let (path, token) = (format!("{}/Users", text(&made, "basePath")), text(&made, "token"));
        let post = Request::new("POST", &*path).bearer(&token).json(&user("ada"));
        let ada = serving.client.send(post).await.is(201).id();
        let (from, to) = (text(&made, "connectionId"), text(&heir, "connectionId"));
        let of = ["--connection", &*from];
        let error = fail(&args("connection delete", &url, &of), &[]).await;
        assert!(error.contains("--people"), "{error}");
        let error = fail(
            &args("connection delete", &url, &[&of[..], &["--people", "hand-over"]].concat()),
            &[],
        )
        .await;
        assert!(error.contains("--to"), "{error}");
        let over = [&of[..], &["--people", "hand-over", "--to", &*to]].concat();
        let preview =
            json_of("connection delete", &url, &[&over[..], &["--preview"]].concat()).await;
        assert_eq!((&preview["activeUsers"], &preview["conflicts"]), (&json!(1), &json!([])));
        get(&serving.client, &format!("{path}/{ada}"), &token).await.is(200);
        // In the background a running server does the work.
        let job =
            json_of("connection delete", &url, &[&over[..], &["--background"]].concat()).await;
        assert_eq!(job["state"], "running");
        let heirs = format!("{}/Users/{ada}", text(&heir, "basePath"));
        becomes(200, async || get(&serving.client, &heirs, &text(&heir, "token")).await).await;
        let off = ["--connection", &*to, "--people", "deactivate"];
        let job = json_of("connection delete", &url, &off).await;
        assert_eq!((&job["state"], &job["done"]), (&json!("finished"), &json!(1)));
        let listed = json_of("connection list", &url, &[]).await;
        assert_eq!(listed, json!([]));
        let error = fail(&args("connection show", &url, &of), &[]).await;
        assert!(error.contains("connection list"), "{error}");
        serving.program.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_rotated_in_three_steps() {
    for kind in [StoreKind::Sqlite, StoreKind::Postgres] {
        let site = Site::new(kind).await;
        let url = site.url();
        let made = create(&url, "Acme").await;
        let serving = site.serve(&[], &[]).await;
        let (old, id) = (text(&made, "token"), text(&made, "tokenId"));
        users(&serving, &made, &old).await.is(200);
        let of = ["--token", &*id];
        let error = fail(&args("token verify", &url, &of), &[]).await;
        assert!(error.contains("token rotate"), "{error}");
        let new = json_of("token rotate", &url, &of).await;
        assert_eq!(new["replaces"], json!(id));
        let error = fail(&args("token rotate", &url, &of), &[]).await;
        assert!(error.contains("under way"), "{error}");
        let error = fail(&args("token finish", &url, &of), &[]).await;
        assert!(error.contains("nobody has come"), "{error}");
        let out = succeed(&args("token verify", &url, &of), &[]).await;
        assert!(out.contains("Nobody has come"), "{out}");
        users(&serving, &made, &text(&new, "token")).await.is(200);
        users(&serving, &made, &old).await.is(200);
        let verified = json_of("token verify", &url, &of).await;
        assert_eq!(verified["newTokenSeen"], true);
        let finished = json_of("token finish", &url, &of).await;
        assert_eq!(finished["tokenId"], new["tokenId"]);
        becomes(401, async || users(&serving, &made, &old).await).await;
        users(&serving, &made, &text(&new, "token")).await.is(200);
        let shown = json_of("token show", &url, &of).await;
        assert!(shown["revoked"].is_string() && shown.get("token").is_none(), "{shown}");
        let forced = text(&new, "tokenId");
        json_of("token rotate", &url, &["--token", &forced, "--expires", "90d"]).await;
        let finished = json_of("token finish", &url, &["--token", &forced, "--force"]).await;
        assert!(finished["expires"].is_string(), "{finished}");
        serving.program.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_of_every_kind_are_made() {
    for kind in [StoreKind::Sqlite, StoreKind::Postgres] {
        let site = Site::new(kind).await;
        let url = site.url();
        let made = create(&url, "Acme").await;
        let serving = site.serve(&[], &[]).await;
        let id = text(&made, "connectionId");
        let of = ["--connection", &*id];
        let with = |more: &[&'static str]| [&["--scope", "users.read"][..], more].concat();
        let more = with(&["--name", "reader", "--expires", "12h"]);
        let reader = json_of("token create", &url, &[&of[..], &more].concat()).await;
        assert_eq!((&reader["scopes"], &reader["name"]), (&json!("users.read"), &json!("reader")));
        assert!(reader["expires"].is_string(), "{reader}");
        let token = text(&reader, "token");
        users(&serving, &made, &token).await.is(200);
        let post = Request::new("POST", format!("{}/Users", text(&made, "basePath")));
        serving.client.send(post.bearer(&token).json(&user("ada"))).await.refused(403, "");

        let secret = [&of[..], &["--kind", "client-secret"]].concat();
        let secret = json_of("token create", &url, &secret).await;
        let shown = text(&secret, "token");
        let fields =
            [("grant_type", "client_credentials"), ("client_id", &*id), ("client_secret", &*shown)];
        let grant = Request::new("POST", format!("/connections/{id}/oauth/token")).form(&fields);
        let granted = serving.client.send(grant).await.is(200).json();
        users(&serving, &made, &text(&granted, "access_token")).await.is(200);

        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("jwks.json");
        let key = SigningKey::es256("k");
        std::fs::write(&file, json!({"keys": [key.jwk()]}).to_string()).unwrap();
        let keyed = ["--kind", "client-key", "--jwks", file.to_str().unwrap()];
        let keyed = json_of("token create", &url, &[&of[..], &keyed].concat()).await;
        assert!(keyed.get("token").is_none() && keyed["kind"] == "clientKey", "{keyed}");
        let trusting = [
            "--kind",
            "trusted-issuer",
            "--issuer",
            "https://i.test",
            "--subject",
            "s",
            "--audience",
            "a",
            "--jwks-uri",
            "https://i.test/keys",
        ];
        let trusting = json_of("token create", &url, &[&of[..], &trusting].concat()).await;
        assert_eq!(
            (&trusting["kind"], &trusting["subject"]),
            (&json!("trustedIssuer"), &json!("s"))
        );

        let listed = json_of("token list", &url, &of).await;
        let kinds: Vec<_> =
            listed.as_array().unwrap().iter().map(|one| text(one, "kind")).collect();
        assert_eq!(kinds, ["bearer", "bearer", "clientSecret", "clientKey", "trustedIssuer"]);
        for secret in [&token, &shown] {
            assert!(!listed.to_string().contains(secret.as_str()));
        }
        for (flags, hint) in [
            (&["--scope", "users.fly"][..], "users.read"),
            (&["--expires", "soon"], "90d"),
            (&["--kind", "client-key"], "--jwks"),
            (&["--kind", "trusted-issuer", "--issuer", "x"], "--subject"),
            (&["--user", "nobody"], "nobody"),
        ] {
            let error = fail(&args("token create", &url, &[&of[..], flags].concat()), &[]).await;
            assert!(error.contains(hint), "{flags:?}: {error}");
        }
        serving.program.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_paused_and_looked_at() {
    for kind in [StoreKind::Sqlite, StoreKind::Postgres] {
        let site = Site::new(kind).await;
        let url = site.url();
        let made = create(&url, "Acme").await;
        let serving = site.serve(&[], &[]).await;
        let id = text(&made, "connectionId");
        let of = ["--connection", &*id];
        users(&serving, &made, &text(&made, "token")).await.is(200);
        let status = json_of("connection status", &url, &of).await;
        assert_eq!((&status["ready"], &status["configured"]), (&json!(true), &json!(true)));
        assert!(
            status["lastSeen"].is_string() && status["connectionTestPassed"].is_string(),
            "{status}"
        );
        let pause =
            [&of[..], &["--status", "paused", "--quiet-after", "48h", "--name", "HR"]].concat();
        let set = json_of("connection configure", &url, &pause).await;
        assert_eq!((&set["status"], &set["quietAfterHours"]), (&json!("paused"), &json!(48)));
        assert!(set.get("token").is_none(), "R-25: {set}");
        let ask = async || users(&serving, &made, &text(&made, "token")).await;
        assert_eq!(becomes(503, ask).await.header("retry-after"), Some("60"));
        let at = [&of[..], &["--public-url", "https://scim.example.test"]].concat();
        let validate = [&at[..], &["--output", "json"]].concat();
        let found = run(&args("connection validate", &url, &validate), &[]).await;
        assert_eq!(found.status.code(), Some(1), "{found:?}");
        assert!(found.err.contains("checks failed: status"), "{found:?}");
        let found: Value = serde_json::from_str(&found.out).expect("JSON and nothing else");
        let checks = found["checks"].as_array().unwrap();
        let check = |name: &str| checks.iter().find(|check| check["name"] == name).unwrap();
        assert_eq!(
            (&check("status")["outcome"], &check("baseUrl")["outcome"]),
            (&json!("fail"), &json!("pass"))
        );
        let told = run(&args("connection status", &url, &of), &[]).await;
        assert_eq!(told.status.code(), Some(1), "{told:?}");
        assert!(told.out.contains("paused"), "{told:?}");
        // A warning is no failure.
        let draft = [&of[..], &["--status", "draft"]].concat();
        json_of("connection configure", &url, &draft).await;
        for (command, at) in [("connection status", &of[..]), ("connection validate", &at)] {
            let out = succeed(&args(command, &url, at), &[]).await;
            assert!(out.contains("warn"), "{out}");
        }
        let off = [&of[..], &["--status", "off"]].concat();
        let error = fail(&args("connection configure", &url, &off), &[]).await;
        assert!(error.contains("paused"), "{error}");
        serving.program.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn admin_keys_open_the_api_of_a_running_server() {
    for kind in [StoreKind::Sqlite, StoreKind::Postgres] {
        let site = Site::new(kind).await;
        let url = site.url();
        let serving = site.serve(&[], &[]).await;
        let organization = json_of("organization create", &url, &["--name", "Acme"]).await;
        let flags =
            ["--name", "ci", "--role", "operator", "--organization", "Acme", "--expires", "1d"];
        let made = json_of("admin key create", &url, &flags).await;
        assert_eq!(made["organizationId"], organization["organizationId"]);
        assert!(text(&made, "adminUrl").ends_with("/api/v1"), "{made}");
        let operator = serving.operator(&text(&made, "key"));
        let seen = operator.get("/organizations").await.is(200).json();
        assert_eq!(seen["items"].as_array().map(Vec::len), Some(1));
        let id = text(&made, "adminKeyId");
        let shown = json_of("admin key show", &url, &["--key", &id]).await;
        assert!(shown["lastUsed"].is_string() && shown.get("key").is_none(), "{shown}");
        let listed = json_of("admin key list", &url, &[]).await;
        assert_eq!(listed.as_array().map(Vec::len), Some(1));
        json_of("admin key revoke", &url, &["--key", &id]).await;
        operator.get("/organizations").await.is(401);
        for (flags, hint) in [
            (&["--name", "x", "--role", "root"][..], "operator"),
            (&["--role", "owner"], "--name"),
            (&["--name", "x", "--role", "owner", "--organization", "Nobody"], "organization list"),
            (&["--name", "x", "--role", "owner", "--subject", "ada"], "oidc"),
        ] {
            let error = fail(&args("admin key create", &url, flags), &[]).await;
            assert!(error.contains(hint), "{flags:?}: {error}");
        }
        let nobody = "adm_00000000000070008000000000000000";
        let error = fail(&args("admin key revoke", &url, &["--key", nobody]), &[]).await;
        assert!(error.contains("admin key list"), "{error}");
        serving.program.stop().await;
    }
}

/// Whoever signs in elsewhere needs no key: the server asks that issuer for its keys.
#[tokio::test(flavor = "multi_thread")]
async fn an_operator_signs_in_at_the_issuer_that_is_set() {
    for kind in [StoreKind::Sqlite, StoreKind::Postgres] {
        let site = Site::new(kind).await;
        let url = site.url();
        let key = SigningKey::rs256("k");
        let issuer = Issuer::start(&[&key]).await;
        let name = issuer.name();
        let set = ["--admin-oidc-issuer", &*name, "--admin-oidc-audience", "rollcall"];
        let set = [&set[..], &["--fetch-private", issuer.origin()]].concat();
        let flags =
            [&["--name", "Ada", "--role", "operator", "--subject", "ada"][..], &set].concat();
        let made = json_of("admin key create", &url, &flags).await;
        assert!(made.get("key").is_none() && made["subject"] == "ada", "{made}");
        let serving = site.serve(&set, &[]).await;
        let claims = |audience: &str| json!({"iss": name, "sub": "ada", "aud": audience, "iat": now(), "exp": now() + 300});
        let ada = serving.operator(&key.sign(&claims("rollcall")));
        ada.organization("Signed in").await;
        ada.get("/admin/keys").await.is(403);
        let other = serving.operator(&key.sign(&claims("other")));
        other.get("/organizations").await.is(401);
        serving.program.stop().await;
    }
}

/// What `dev` prints is enough for the admin API, and is printed once.
#[tokio::test(flavor = "multi_thread")]
async fn dev_prints_an_admin_key_once() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let args = ["dev", "--listen", "127.0.0.1:0", "--data-dir", data.to_str().unwrap()];
    let mut first = rollcall_tests::program::Program::start(&args, &[]);
    let out = first.says("count=1").await;
    let (api, key) = (told(&out, "admin API"), told(&out, "admin key"));
    let origin = api.strip_suffix("/api/v1").expect("where the API is").to_owned();
    let client = rollcall_tests::client::Client::new(origin);
    let operator = rollcall_tests::operator::Operator { client, key: key.clone() };
    let seen = operator.get("/organizations").await.is(200).json();
    assert_eq!(seen["items"][0]["name"], "Example");
    first.stop().await;
    let mut second = rollcall_tests::program::Program::start(&args, &[]);
    let out = second.says("--connection").await;
    assert!(out.contains("admin API") && !out.contains("rca_"), "{out}");
    // It listens to signals once it answers.
    let origin = told(&out, "admin API").replace("/api/v1", "");
    let client = rollcall_tests::client::Client::new(origin);
    client.send(Request::new("GET", "/healthz")).await.is(200);
    second.stop().await;
    let outcome = run(&["connection", "delete", "--help"], &[]).await;
    assert!(outcome.out.contains("--preview"), "{outcome:?}");
}
