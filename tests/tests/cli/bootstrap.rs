//! The token from the environment: one connection has it, whatever anything is named.

use diesel::SqliteConnection;
use diesel::connection::{Connection as _, SimpleConnection as _};
use rollcall_domain::OrganizationId;
use rollcall_testkit::{EventLog as _, LoggedEvent};
use rollcall_tests::client::{Client, Request};
use rollcall_tests::log::{PostgresLog, SqliteLog};
use rollcall_tests::operator::{Made, Operator, text};
use rollcall_tests::program::{Serving, Site, fail, succeed};
use rollcall_tests::server::StoreKind;
use rollcall_tests::wait::becomes;
use serde_json::{Value, json};

use super::{LONG, OTHER, get, user};

const BOTH: [StoreKind; 2] = [StoreKind::Sqlite, StoreKind::Postgres];

/// What the newest migration is taken back by: a database as the release before it left it.
const BEFORE: &str = "drop index token_of_bootstrap; alter table token drop column bootstrap; \
                      delete from __diesel_schema_migrations where version = '20261122200000';";

async fn started(site: &Site, token: &str) -> Serving {
    site.serve(&[], &[("ROLLCALL_SCIM_TOKEN", token)]).await
}

async fn restarted(site: &Site, serving: Serving, token: &str) -> Serving {
    serving.program.stop().await;
    started(site, token).await
}

/// A server whose bootstrap connection has one user.
async fn with_ada(site: &Site) -> Serving {
    let serving = started(site, LONG).await;
    let post = Request::new("POST", "/scim/v2/Users").bearer(LONG).json(&user("ada"));
    serving.client.send(post).await.is(201);
    serving
}

async fn total(client: &Client, token: &str) -> Value {
    get(client, "/scim/v2/Users", token).await.is(200).json()["totalResults"].clone()
}

/// The organization and the connection that the bootstrap token made: there is no other yet.
async fn only(operator: &Operator) -> (String, String) {
    let organizations = operator.get("/organizations").await.is(200).json();
    let organization =
        format!("/organizations/{}", text(&organizations["items"][0], "organizationId"));
    let connections = operator.get(&format!("{organization}/connections")).await.is(200).json();
    assert_eq!(connections["items"].as_array().map(Vec::len), Some(1), "{connections}");
    let connection = text(&connections["items"][0], "connectionId");
    (organization.clone(), format!("{organization}/connections/{connection}"))
}

async fn events(site: &Site, organization: &str) -> Vec<LoggedEvent> {
    let id: OrganizationId = organization.rsplit('/').next().unwrap().parse().unwrap();
    let mut events = match site {
        Site::Sqlite(directory) => {
            SqliteLog::at(&directory.path().join("rollcall.sqlite3")).events(id).await
        }
        Site::Postgres(database) => PostgresLog::at(&database.url).events(id).await,
    };
    events.sort_by_key(|event| event.id.uuid());
    events
}

/// What the server did to credentials by itself.
async fn done(site: &Site, organization: &str) -> Vec<String> {
    let events = events(site, organization).await;
    let own = events.into_iter().filter(|event| event.actor == "server");
    own.map(|event| event.action).filter(|action| action.starts_with("token.")).collect()
}

async fn sql(site: &Site, statements: &str) {
    match site {
        Site::Sqlite(directory) => {
            let path = directory.path().join("rollcall.sqlite3");
            let mut file = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
            file.batch_execute(statements).unwrap();
        }
        Site::Postgres(database) => database.run(statements).await,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_move_no_bootstrap_token() {
    for kind in BOTH {
        let site = Site::new(kind).await;
        let key = site.owner_key().await;
        let mut serving = with_ada(&site).await;
        let operator = serving.operator(&key);
        let (ours, connection) = only(&operator).await;
        operator.patch(&ours, &json!({"name": "Acme"})).await.is(200);
        operator.patch(&connection, &json!({"name": "Entra"})).await.is(200);
        // Somebody else has the names now, and a token of that name.
        let theirs = operator.organization("default").await;
        let named = json!({"settings": {"name": "bootstrap"}, "token": {"name": "bootstrap"}});
        let other = operator.connection(&theirs, named).await;

        // One amendment: the old one ends, the new one begins, and the log has both.
        let replaced = ["token.created", "token.revoked", "token.created"];
        for (token, expect) in [(LONG, &replaced[..1]), (OTHER, &replaced)] {
            serving = restarted(&site, serving, token).await;
            assert_eq!(total(&serving.client, token).await, 1, "{kind:?}");
            let id = connection.rsplit('/').next().unwrap();
            let path = format!("/connections/{id}/scim/v2/Users");
            get(&serving.client, &path, token).await.is(200);
            assert_eq!(done(&site, &ours).await, expect);
            still_theirs(&serving.operator(&key), &other).await;
        }
        get(&serving.client, "/scim/v2/Users", LONG).await.is(401);
        assert!(done(&site, &theirs).await.is_empty());
        // A value that comes back is good again, and the other one is not.
        serving = restarted(&site, serving, LONG).await;
        get(&serving.client, "/scim/v2/Users", OTHER).await.is(401);
        assert_eq!(total(&serving.client, LONG).await, 1);
        let all = done(&site, &ours).await;
        assert_eq!(all[3..], ["token.revoked", "token.restored"], "{all:?}");
        serving.program.stop().await;
    }
}

/// The other organization has the credential that was made for it, and no more.
async fn still_theirs(operator: &Operator, other: &Made) {
    let tokens = operator.get(&format!("{}/tokens", other.path)).await.is(200).json();
    let [one] = tokens["items"].as_array().unwrap().as_slice() else { panic!("{tokens}") };
    assert_eq!((text(one, "tokenId"), &one["revoked"]), (other.text("tokenId"), &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_bootstrap_token_is_good_again_after_a_start() {
    let site = Site::new(StoreKind::Sqlite).await;
    let key = site.owner_key().await;
    let serving = with_ada(&site).await;
    let operator = serving.operator(&key);
    let (ours, connection) = only(&operator).await;
    let tokens = format!("{connection}/tokens");
    let token = text(&operator.get(&tokens).await.json()["items"][0], "tokenId");
    operator.delete(&format!("{tokens}/{token}")).await.is(200);
    becomes(401, async || get(&serving.client, "/scim/v2/Users", LONG).await).await;
    let serving = restarted(&site, serving, LONG).await;
    assert_eq!(total(&serving.client, LONG).await, 1);
    assert_eq!(done(&site, &ours).await, ["token.created", "token.restored"]);
    let listed = serving.operator(&key).get(&tokens).await.json();
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1), "{listed}");
    serving.program.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_secret_of_another_credential_is_refused_at_start() {
    for kind in BOTH {
        let site = Site::new(kind).await;
        let (key, url) = (site.owner_key().await, site.url());
        // Before there is a bootstrap connection, and after.
        for round in 0..2 {
            let serving = site.serve(&[], &[]).await;
            let operator = serving.operator(&key);
            let organization = operator.organization(&format!("Customer {round}")).await;
            let other = operator.connection(&organization, json!({})).await;
            serving.program.stop().await;
            let theirs = other.text("token");
            let args = ["serve", "--database-url", &url, "--listen", "127.0.0.1:0"];
            let args = [&args[..], &["--public-url", "https://x.test"]].concat();
            let variables =
                [("ROLLCALL_SCIM_TOKEN", &*theirs), ("ROLLCALL_KEY", rollcall_tests::program::KEY)];
            let error = fail(&args, &variables).await;
            assert!(error.contains("ROLLCALL_SCIM_TOKEN"), "{error}");
            assert!(error.contains(&other.text("tokenId")) && !error.contains(&theirs), "{error}");

            let serving = with_ada_once(&site, round).await;
            still_theirs(&serving.operator(&key), &other).await;
            let path = format!("/connections/{}/scim/v2/Users", other.text("connectionId"));
            get(&serving.client, &path, &theirs).await.is(200);
            serving.program.stop().await;
        }
    }
}

async fn with_ada_once(site: &Site, round: u32) -> Serving {
    match round {
        0 => with_ada(site).await,
        _ => started(site, LONG).await,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_connection_leaves_the_bootstrap_token_to_a_new_one() {
    for kind in BOTH {
        let site = Site::new(kind).await;
        let key = site.owner_key().await;
        let serving = with_ada(&site).await;
        let operator = serving.operator(&key);
        let (ours, connection) = only(&operator).await;
        operator.delete(&format!("{connection}?people=keep")).await.is(202);
        // Whether the job is done by then or not.
        let serving = restarted(&site, serving, LONG).await;
        assert_eq!(total(&serving.client, LONG).await, 0, "{kind:?}");
        let operator = serving.operator(&key);
        let all = operator.get("/organizations").await.json();
        let others = all["items"].as_array().unwrap().iter();
        let mut others = others.map(|one| text(one, "name")).filter(|name| name != "default");
        let named = others.next().expect("an organization of its own");
        assert!(named.starts_with("default (org_"), "{named}");
        assert_eq!(others.next(), None);
        // What the old one had is told as its end, unless it went with the connection.
        let done = done(&site, &ours).await;
        let whole = ["token.created", "token.revoked"];
        assert!(done == whole || done == whole[..1], "{done:?}");
        serving.program.stop().await;
    }
}

/// A database of the release before: the connection that has the credential is the bound one.
#[tokio::test(flavor = "multi_thread")]
async fn databases_that_were_bound_by_names_go_on() {
    let unlogged = "delete from event where action = 'token.created';";
    for kind in BOTH {
        for (change, token) in [
            ("update organization set name = 'Acme'; update connection set name = null;", LONG),
            ("update organization set name = 'Acme';", OTHER),
            (unlogged, OTHER),
        ] {
            let site = Site::new(kind).await;
            let key = site.owner_key().await;
            let serving = with_ada(&site).await;
            let (_, connection) = only(&serving.operator(&key)).await;
            serving.program.stop().await;
            sql(&site, &format!("{change}{BEFORE}")).await;
            if let Site::Postgres(database) = &site {
                succeed(&["migrate", "--database-url", &database.url], &[]).await;
            }
            let serving = started(&site, token).await;
            assert_eq!(total(&serving.client, token).await, 1, "{kind:?}: {change}");
            assert_eq!(only(&serving.operator(&key)).await.1, connection);
            serving.program.stop().await;
        }
    }
}

/// Replicas that start at the same moment on an empty database make one connection.
#[tokio::test(flavor = "multi_thread")]
async fn replicas_bind_one_connection_together() {
    let site = Site::new(StoreKind::Postgres).await;
    let key = site.owner_key().await;
    let (a, b) = tokio::join!(started(&site, LONG), started(&site, LONG));
    only(&a.operator(&key)).await;
    let post = Request::new("POST", "/scim/v2/Users").bearer(LONG).json(&user("ada"));
    a.client.send(post).await.is(201);
    assert_eq!(total(&b.client, LONG).await, 1);
    a.program.stop().await;
    b.program.stop().await;
    let (a, b) = tokio::join!(started(&site, OTHER), started(&site, OTHER));
    assert_eq!(total(&a.client, OTHER).await, 1);
    assert_eq!(total(&b.client, OTHER).await, 1);
    a.program.stop().await;
    b.program.stop().await;
}
