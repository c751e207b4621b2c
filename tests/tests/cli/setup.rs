//! Connections, schemas and tokens, set up under a running server.

use rollcall_tests::client::{Answer, Request};
use rollcall_tests::program::{Serving, Site, fail, succeed};
use rollcall_tests::server::StoreKind;
use rollcall_tests::wait::{becomes, until};
use serde_json::{Value, json};

use crate::{create, get, user};

/// What `rollcall connection create` made.
pub(crate) struct Made {
    url: String,
    connection: String,
    pub(crate) base: String,
    token: String,
}

impl Made {
    pub(crate) async fn new(url: &str) -> Self {
        let made = create(url, "Acme").await;
        let text = |key: &str| made[key].as_str().expect("a text").to_owned();
        let (connection, base, token) = (text("connectionId"), text("basePath"), text("token"));
        Self { url: url.into(), connection, base, token }
    }

    /// A command about this connection: `connection show` with what stands behind it.
    fn args<'a>(&'a self, command: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        let of = ["--database-url", &self.url, "--connection", &self.connection];
        command.split(' ').chain(of).chain(more.iter().copied()).collect()
    }

    async fn succeed(&self, command: &str, more: &[&str]) -> String {
        succeed(&self.args(command, more), &[]).await
    }

    async fn fail(&self, command: &str, more: &[&str]) -> String {
        let error = fail(&self.args(command, more), &[]).await;
        assert!(!error.contains("panicked"), "{error}");
        error
    }

    pub(crate) async fn json(&self, command: &str, more: &[&str]) -> Value {
        let more = [more, &["--output", "json"]].concat();
        serde_json::from_str(&self.succeed(command, &more).await).expect("JSON and nothing else")
    }

    pub(crate) async fn get(&self, serving: &Serving, path: &str) -> Answer {
        get(&serving.client, &format!("{}{path}", self.base), &self.token).await
    }

    pub(crate) async fn post(&self, serving: &Serving, path: &str, body: &Value) -> Answer {
        let post = Request::new("POST", format!("{}{path}", self.base));
        serving.client.send(post.bearer(&self.token).json(body)).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_configured_under_a_running_server() {
    for kind in [StoreKind::Sqlite, StoreKind::Postgres] {
        let site = Site::new(kind).await;
        let made = Made::new(&site.url()).await;
        let serving = site.serve(&[], &[]).await;
        let shown = made.json("connection show", &[]).await;
        assert_eq!((&shown["profile"], &shown["revision"]), (&json!("okta"), &json!(0)));
        assert_eq!((&shown["organization"], &shown["idp"]), (&json!("Acme"), &json!("okta")));
        assert_eq!(shown["capabilities"]["bulk"], true);
        assert_eq!(shown["resourceTypes"], json!(["User", "Group"]));
        made.get(&serving, "/Users").await.is(200);

        let change = [
            "--profile",
            "strict",
            "--switch",
            "stringBooleans=on",
            "--capability",
            "sort=off",
            "--capability",
            "bulk=off",
            "--limit",
            "rate=100:500",
            "--limit",
            "pageMax=50",
        ];
        let set = made.json("connection configure", &change).await;
        assert_eq!((&set["profile"], &set["revision"]), (&json!("strict"), &json!(1)));
        let shown = made.json("connection show", &[]).await;
        assert_eq!(shown["switches"]["stringBooleans"], true);
        assert_eq!(shown["switches"]["pathlessPatch"], false);
        assert_eq!(
            shown["limits"],
            json!({"pageMax": 50, "rate": {"perSecond": 100, "burst": 500}})
        );
        becomes(501, async || made.post(&serving, "/Bulk", &json!({})).await).await;
        let config = made.get(&serving, "/ServiceProviderConfig").await.is(200).json();
        assert_eq!(config["filter"]["maxResults"], 50);
        let back = [
            "--profile",
            "default",
            "--switch",
            "stringBooleans=default",
            "--limit",
            "rate=default",
            "--limit",
            "pageMax=default",
            "--capability",
            "bulk=on",
            "--capability",
            "sort=on",
        ];
        let told = made.succeed("connection configure", &back).await;
        assert!(told.contains("2 seconds"), "{told}");
        let shown = made.json("connection show", &[]).await;
        assert_eq!((&shown["profile"], &shown["limits"]), (&json!("okta"), &json!({})));
        becomes(400, async || made.post(&serving, "/Bulk", &json!({})).await).await;
        serving.program.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_setups_tell_how_to_mend_them() {
    let site = Site::new(StoreKind::Sqlite).await;
    let made = Made::new(&site.url()).await;
    for (flag, value, hints) in [
        ("--profile", "okta2", ["okta2", "jumpcloud"]),
        ("--switch", "stringBoolean=on", ["stringBoolean", "stringBooleans"]),
        ("--switch", "stringBooleans", ["stringBooleans", "NAME=VALUE"]),
        ("--switch", "stringBooleans=maybe", ["maybe", "on"]),
        ("--capability", "bluk=off", ["bluk", "bulk"]),
        ("--capability", "bulk=no", ["`no`", "off"]),
        ("--limit", "pageMax=0", ["pageMax", "1 to 1000"]),
        ("--limit", "pageMax=1001", ["pageMax", "1 to 1000"]),
        ("--limit", "pageMax=ten", ["ten", "number"]),
        ("--limit", "pageMin=1", ["pageMin", "pageMax"]),
        ("--limit", "bulkPayload=12", ["bulkPayload", "1024"]),
        ("--limit", "rate=5:5", ["5", "25"]),
        ("--limit", "rate=50:5", ["burst", "50"]),
    ] {
        let error = made.fail("connection configure", &[flag, value]).await;
        assert!(hints.iter().all(|hint| error.contains(hint)), "{flag} {value}: {error}");
    }
    assert_eq!(made.json("connection show", &[]).await["revision"], 0, "nothing was changed");
    let unknown = "conn_00000000000070008000000000000000";
    for command in ["connection show", "connection configure", "schema list"] {
        let args = ["--database-url", &made.url, "--connection", unknown];
        let args: Vec<&str> = command.split(' ').chain(args).collect();
        let error = fail(&args, &[]).await;
        assert!(error.contains("connection list"), "{command}: {error}");
    }
}

const BADGES: &str = r#"{
  "schemas": [
    {"id": "urn:example:badge", "attributes": [
      {"name": "number", "required": true, "uniqueness": "server"},
      {"name": "colour"}
    ]}
  ],
  "resourceTypes": [
    {"name": "Badge", "endpoint": "/Badges", "schema": "urn:example:badge"}
  ]
}"#;

/// Definitions come, grow, are indexed behind by the running server, and go.
#[tokio::test(flavor = "multi_thread")]
async fn schemas_come_and_go_under_a_running_server() {
    for kind in [StoreKind::Sqlite, StoreKind::Postgres] {
        let site = Site::new(kind).await;
        let made = Made::new(&site.url()).await;
        let serving = site.serve(&[], &[]).await;
        made.get(&serving, "/Badges").await.is(404);
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("badges.json");
        let path = file.to_str().unwrap().to_owned();
        let write = |text: &str| std::fs::write(&file, text).unwrap();
        write(BADGES);
        let told = made.succeed("schema add", &["--file", &path]).await;
        assert!(told.contains("2 seconds"), "{told}");
        becomes(200, async || made.get(&serving, "/Badges").await).await;
        let badge = |number: &str| json!({"schemas": ["urn:example:badge"], "number": number, "colour": "Red"});
        let first = made.post(&serving, "/Badges", &badge("1")).await.is(201).id();
        made.post(&serving, "/Badges", &badge("2")).await.is(201);
        made.post(&serving, "/Badges", &badge("1")).await.refused(409, "uniqueness");

        // What is wrong is told by its line, and nothing is changed.
        write(&BADGES.replace(r#"{"name": "colour"}"#, r#"{"name": "colour", "type": "paint"}"#));
        let error = made.fail("schema add", &["--file", &path]).await;
        assert!(error.contains(&path) && error.contains("line 5"), "{error}");
        write(&BADGES.replace(r#"{"name": "colour"}"#, r#"{"name": "color"}"#));
        let error = made.fail("schema add", &["--file", &path]).await;
        assert!(error.contains("line ") && error.contains("`colour` is missing"), "{error}");
        let unique = r#"{"name": "colour", "uniqueness": "server"}"#;
        write(&BADGES.replace(r#"{"name": "colour"}"#, unique));
        let error = made.fail("schema add", &["--file", &path]).await;
        assert!(error.contains(&first) && error.contains("2 of the type `Badge`"), "{error}");

        // The running server builds the index.
        let indexed = r#""schema": "urn:example:badge", "indexed": ["colour"]"#;
        write(&BADGES.replace(r#""schema": "urn:example:badge""#, indexed));
        made.succeed("schema add", &["--file", &path]).await;
        let filter = "/Badges?filter=colour%20eq%20%22RED%22";
        until("the index is built", async || {
            assert_eq!(made.get(&serving, filter).await.is(200).ids().len(), 2);
            let listed = made.json("schema list", &[]).await;
            let rows = listed.as_array().expect("a list");
            let row = rows.iter().find(|row| row["resourceType"] == "Badge").expect("badges");
            assert_eq!((&row["standard"], &row["endpoint"]), (&json!(false), &json!("/Badges")));
            match row["indexes"]["colour"].as_str() {
                Some("ready") => return Some(()),
                state => assert_eq!(state, Some("building"), "{row}"),
            }
            None
        })
        .await;
        assert_eq!(made.get(&serving, filter).await.is(200).ids().len(), 2);

        let error = made.fail("schema remove", &["Badge"]).await;
        assert!(error.contains("2 of the type `Badge`"), "{error}");
        for id in made.get(&serving, "/Badges").await.ids() {
            let delete = Request::new("DELETE", format!("{}/Badges/{id}", made.base));
            serving.client.send(delete.bearer(&made.token)).await.is(204);
        }
        made.succeed("schema remove", &["Badge"]).await;
        becomes(404, async || made.get(&serving, "/Badges").await).await;
        let error = made.fail("schema remove", &["Badge"]).await;
        assert!(error.contains("no schema or resource type `Badge`"), "{error}");
        let error = made.fail("schema remove", &["User"]).await;
        assert!(error.contains("standard"), "{error}");
        serving.program.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn packs_are_listed_and_loaded() {
    let listed = succeed(&["schema", "packs", "--output", "json"], &[]).await;
    let listed: Value = serde_json::from_str(&listed).expect("JSON and nothing else");
    let names: Vec<String> = listed
        .as_array()
        .expect("a list")
        .iter()
        .map(|pack| pack["name"].as_str().expect("a name").to_owned())
        .collect();
    assert!(names.iter().any(|name| name == "roles"), "{names:?}");
    let site = Site::new(StoreKind::Sqlite).await;
    for name in &names {
        let made = Made::new(&site.url()).await;
        made.succeed("schema add", &["--pack", name]).await;
        let shown = made.json("connection show", &[]).await;
        assert!(
            shown["resourceTypes"].as_array().is_some_and(|all| all.len() > 2),
            "{name}: {shown}"
        );
        if name == "roles" {
            // R-NEW-01
            let serving = site.serve(&[], &[]).await;
            made.get(&serving, "/Roles").await.is(200);
            let config = made.get(&serving, "/ServiceProviderConfig").await.is(200).json();
            assert_eq!(config["RolesAndEntitlements"]["roles"]["supported"], true, "{config}");
            serving.program.stop().await;
        }
    }
    let made = Made::new(&site.url()).await;
    let error = made.fail("schema add", &["--pack", "rolls"]).await;
    assert!(error.contains("rolls") && error.contains("roles"), "{error}");
    let error = made.fail("schema add", &[]).await;
    assert!(error.contains("--file"), "{error}");
    let error = made.fail("schema add", &["--file", "/nowhere/at/all.json"]).await;
    assert!(error.contains("/nowhere/at/all.json"), "{error}");
}

/// R-ME-01, R-ME-02, R-ME-03: a user's own token opens `/Me` and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_made_for_users() {
    for kind in [StoreKind::Sqlite, StoreKind::Postgres] {
        let site = Site::new(kind).await;
        let made = Made::new(&site.url()).await;
        let serving = site.serve(&[], &[]).await;
        let id = made.post(&serving, "/Users", &user("ada")).await.is(201).id();
        made.post(&serving, "/Users", &user("bob")).await.is(201);
        for who in ["ADA", &id] {
            let own = made.json("token create", &["--user", who]).await;
            let own = own["token"].as_str().expect("a token");
            let me = get(&serving.client, &format!("{}/Me", made.base), own).await.is(200);
            assert_eq!((me.id(), &me.json()["userName"]), (id.clone(), &json!("ada")));
            let location = me.header("location").unwrap_or_default();
            assert!(location.ends_with(&format!("/Users/{id}")), "{location}");
            get(&serving.client, &format!("{}/Users", made.base), own).await.refused(403, "");
        }
        made.get(&serving, "/Me").await.refused(501, "");
        let error = made.fail("token create", &["--user", "nobody"]).await;
        assert!(error.contains("nobody"), "{error}");
        let listed = made.json("token list", &[]).await;
        let users: Vec<&Value> =
            listed.as_array().expect("a list").iter().map(|token| &token["user"]).collect();
        assert_eq!(users.iter().filter(|user| ***user == json!(id)).count(), 2, "{listed}");
        // Who is gone has no token either.
        let own = made.json("token create", &["--user", "ada"]).await;
        let delete = Request::new("DELETE", format!("{}/Users/{id}", made.base));
        serving.client.send(delete.bearer(&made.token)).await.is(204);
        let own = own["token"].as_str().expect("a token");
        becomes(401, async || get(&serving.client, &format!("{}/Me", made.base), own).await).await;
        serving.program.stop().await;
    }
}
