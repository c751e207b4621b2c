//! `kill -9` under concurrent writes: what was acknowledged is there, and nothing is half there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rollcall_domain::OrganizationId;
use rollcall_testkit::{EventLog, LoggedEvent};
use rollcall_tests::bulk;
use rollcall_tests::client::{Client, PATCH, Request};
use rollcall_tests::data::{GROUP, USER};
use rollcall_tests::idp::{self, encoded};
use rollcall_tests::log::{PostgresLog, SqliteLog};
use rollcall_tests::program::{Site, succeed};
use rollcall_tests::server::StoreKind;
use rollcall_tests::tables::{Kept, Tables};
use rollcall_tests::wait::until;
use serde_json::{Value, json};
use uuid::Uuid;

/// How often the server is killed.
const ROUNDS: usize = 4;
/// How long it is written to before each kill; every round at another point of whatever it does.
const UNDER_WRITES: Duration = Duration::from_millis(500);
/// How many users it has put into the group by then, at least.
const JOINED: usize = 8;
/// How many writers of each kind there are.
const WRITERS: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_loses_nothing() {
    killed_again_and_again(StoreKind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_loses_nothing() {
    killed_again_and_again(StoreKind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r_bulk_01_sqlite_keeps_each_operation_whole() {
    killed_during_bulk(StoreKind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r_bulk_01_postgres_keeps_each_operation_whole() {
    killed_during_bulk(StoreKind::Postgres).await;
}

/// How many users one bulk request makes; each is patched and put into the group, too.
const IN_BULK: usize = 1_500;

/// When the server is killed, from the first thing on that a request has done.
const INTO_BULK: [u64; 3] = [1, 60, 240];

/// What the server has acknowledged so far.
#[derive(Default)]
struct Acknowledged {
    /// Users by id, with their names.
    users: BTreeMap<String, String>,
    /// The last title that each patched user got.
    titles: BTreeMap<String, u64>,
    /// Members of the group.
    members: BTreeSet<String>,
    /// Users that were deleted.
    deleted: BTreeSet<String>,
}

/// One connection on a server that comes and goes.
#[derive(Clone)]
struct Place {
    base: String,
    token: String,
    group: String,
    acknowledged: Arc<Mutex<Acknowledged>>,
}

impl Place {
    fn request(&self, method: &str, path: &str) -> Request {
        Request::new(method, format!("{}{path}", self.base)).bearer(&self.token)
    }

    fn patch(&self, path: &str, operation: &Value) -> Request {
        let body = json!({"schemas": [PATCH], "Operations": [operation]});
        self.request("PATCH", path).json(&body)
    }

    fn joined(&self) -> usize {
        self.acknowledged.lock().expect("no writer panics").members.len()
    }

    fn note(&self, write: impl FnOnce(&mut Acknowledged)) {
        write(&mut self.acknowledged.lock().expect("no writer panics"));
    }
}

/// A new connection at `site`, and its organization.
async fn place(site: &Site) -> (Place, OrganizationId) {
    let url = site.url();
    let made = succeed(
        &[
            "connection",
            "create",
            "--database-url",
            &url,
            "--organization",
            "Acme",
            "--output",
            "json",
        ],
        &[],
    )
    .await;
    let made: Value = serde_json::from_str(&made).expect("the connection as JSON");
    let text = |key: &str| made[key].as_str().expect("a text").to_owned();
    let organization: OrganizationId = text("organizationId").parse().expect("an id");
    let place = Place {
        base: text("basePath"),
        token: text("token"),
        group: String::new(),
        acknowledged: Arc::default(),
    };
    (place, organization)
}

async fn killed_again_and_again(kind: StoreKind) {
    let site = Site::new(kind).await;
    let (mut place, organization) = place(&site).await;
    for round in 0..ROUNDS {
        let serving = site.serve(&[], &[]).await;
        if place.group.is_empty() {
            let body = json!({"schemas": [GROUP], "displayName": "Everyone"});
            place.group = serving
                .client
                .send(place.request("POST", "/Groups").json(&body))
                .await
                .is(201)
                .id();
        }
        let writing = write(&place, &serving.client, round);
        let grace = UNDER_WRITES + Duration::from_millis(37 * round as u64);
        let before = place.joined();
        let killing = async {
            tokio::time::sleep(grace).await;
            until("the server is written to", async || {
                (place.joined() >= before + JOINED).then_some(())
            })
            .await;
            serving.program.kill().await;
        };
        tokio::join!(writing, killing);
        let after = site.serve(&[], &[]).await;
        everything_acknowledged_is_there(&place, &after.client).await;
        let (kept, log) =
            (site.tables().read(organization).await, events(&site, organization).await);
        nothing_is_half_there(&kept, &log, &place, &after.client).await;
        after.program.stop().await;
    }
    let acknowledged = place.acknowledged.lock().expect("no writer panics");
    assert!(acknowledged.users.len() > 4 * ROUNDS, "{} users", acknowledged.users.len());
    assert!(acknowledged.members.len() > ROUNDS && acknowledged.titles.len() > ROUNDS);
}

/// A server that dies in the middle of a bulk request leaves the first so many of its operations,
/// each of them whole.
async fn killed_during_bulk(kind: StoreKind) {
    let site = Site::new(kind).await;
    let (mut place, organization) = place(&site).await;
    let (mut cut, mut known) = (0, 0);
    for (round, grace) in INTO_BULK.into_iter().enumerate() {
        let serving = site.serve(&[], &[]).await;
        if place.group.is_empty() {
            let body = json!({"schemas": [GROUP], "displayName": "Everyone"});
            let made = place.request("POST", "/Groups").json(&body);
            place.group = serving.client.send(made).await.is(201).id();
        }
        let body = bulk::request(&operations(round, &place.group));
        let sent = serving.client.try_send(place.request("POST", "/Bulk").json(&body));
        let killing = async {
            // Not before it has begun.
            let count = place.request("GET", "/Users?count=0");
            loop {
                let counted = serving.client.send(count.clone()).await.is(200);
                if counted.json()["totalResults"].as_u64().expect("a total") > known {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            tokio::time::sleep(Duration::from_millis(grace)).await;
            serving.program.kill().await;
        };
        let (answer, ()) = tokio::join!(sent, killing);
        let after = site.serve(&[], &[]).await;
        let (kept, log) =
            (site.tables().read(organization).await, events(&site, organization).await);
        nothing_is_half_there(&kept, &log, &place, &after.client).await;
        let everybody = everybody(&place, &after.client).await;
        let group = place.request("GET", &format!("/Groups/{}", place.group));
        let group = after.client.send(group).await.is(200).json();
        let members: BTreeSet<String> = idp::member_ids(&group).into_iter().collect();
        let done = first_of_them(round, &everybody, &members);
        cut += usize::from(done < 3 * IN_BULK);
        assert!(done == 3 * IN_BULK || answer.is_err(), "an answer to what was not done");
        known = everybody.len() as u64;
        after.program.stop().await;
    }
    assert!(cut > 0, "no request was cut off");
}

/// Each user is made, titled and put into the group before the next one.
fn operations(round: usize, group: &str) -> Vec<Value> {
    let title = json!({"op": "replace", "path": "title", "value": "done"});
    let of = |n: usize| {
        let name = format!("bulk-{round}-{n}");
        let member = json!([{"value": format!("bulkId:{name}")}]);
        let join = json!({"op": "add", "path": "members", "value": member});
        [
            bulk::user(&name),
            bulk::patch(&format!("/Users/bulkId:{name}"), &title),
            bulk::patch(&format!("/Groups/{group}"), &join),
        ]
    };
    (0..IN_BULK).flat_map(of).collect()
}

/// How many operations were done, which must be the first ones.
fn first_of_them(
    round: usize,
    users: &BTreeMap<String, Value>,
    members: &BTreeSet<String>,
) -> usize {
    let prefix = format!("bulk-{round}-");
    let mut steps: BTreeMap<usize, usize> = BTreeMap::new();
    for (id, user) in users {
        let name = user["userName"].as_str().expect("a name");
        let Some(n) = name.strip_prefix(&prefix) else { continue };
        let titled = usize::from(user["title"] == "done");
        let joined = usize::from(members.contains(id));
        assert!(titled >= joined, "{name} is a member before it has its title");
        steps.insert(n.parse().expect("a number"), 1 + titled + joined);
    }
    let done: usize = steps.values().sum();
    let expect = |n: usize| done.saturating_sub(3 * n).min(3);
    for n in 0..IN_BULK {
        let step = steps.get(&n).copied().unwrap_or(0);
        assert_eq!(step, expect(n), "{n} of {done} operations");
    }
    done
}

async fn events(site: &Site, organization: OrganizationId) -> Vec<LoggedEvent> {
    let mut events = match site.tables() {
        Tables::Sqlite(path) => log_of(path).events(organization).await,
        Tables::Postgres(url) => PostgresLog::at(&url).events(organization).await,
    };
    // What operators did stands beside it.
    events.retain(|event| event.action.starts_with("resource."));
    events
}

fn log_of(path: PathBuf) -> SqliteLog {
    SqliteLog::at(&path)
}

/// Writes until the server is gone.
async fn write(place: &Place, client: &Client, round: usize) {
    let gone = AtomicBool::new(false);
    let writers = (0..WRITERS).map(|writer| {
        let gone = &gone;
        async move {
            let names = (0..).map(|n| format!("user-{round}-{writer}-{n}"));
            for name in names {
                if gone.load(Ordering::Relaxed) || life(place, client, &name).await.is_err() {
                    gone.store(true, Ordering::Relaxed);
                    return;
                }
            }
        }
    });
    futures_util::future::join_all(writers).await;
}

/// A user is made, changed, put into the group, sometimes deleted. Ends when the server does.
async fn life(place: &Place, client: &Client, name: &str) -> Result<(), String> {
    let body = json!({"schemas": [USER], "userName": name, "title": "0"});
    let made = client.try_send(place.request("POST", "/Users").json(&body)).await?.is(201);
    let id = made.id();
    place.note(|all| {
        all.users.insert(id.clone(), name.into());
    });
    let path = format!("/Users/{id}");
    for title in 1..=2_u64 {
        let set = json!({"op": "replace", "path": "title", "value": title.to_string()});
        client.try_send(place.patch(&path, &set)).await?.is(200);
        place.note(|all| {
            all.titles.insert(id.clone(), title);
        });
    }
    let add = json!({"op": "add", "path": "members", "value": [{"value": id}]});
    let group = format!("/Groups/{}?attributes=id", place.group);
    client.try_send(place.patch(&group, &add)).await?.is(200);
    place.note(|all| {
        all.members.insert(id.clone());
    });
    if name.ends_with('3') {
        // Nobody knows what became of it until the answer is there.
        place.note(|all| {
            all.users.remove(&id);
            all.titles.remove(&id);
            all.members.remove(&id);
        });
        client.try_send(place.request("DELETE", &path)).await?.is(204);
        place.note(|all| {
            all.deleted.insert(id);
        });
    }
    Ok(())
}

async fn everything_acknowledged_is_there(place: &Place, client: &Client) {
    let group =
        client.send(place.request("GET", &format!("/Groups/{}", place.group))).await.is(200);
    let members: BTreeSet<String> =
        rollcall_tests::idp::member_ids(&group.json()).into_iter().collect();
    let listed = everybody(place, client).await;
    let acknowledged = place.acknowledged.lock().expect("no writer panics");
    for (id, name) in &acknowledged.users {
        let user = listed.get(id).unwrap_or_else(|| panic!("{name} is lost"));
        assert_eq!(user["userName"], **name);
        let title: u64 =
            user["title"].as_str().and_then(|text| text.parse().ok()).expect("a title");
        let known = acknowledged.titles.get(id).copied().unwrap_or(0);
        assert!(title >= known, "{name} had title {known} and has {title}");
    }
    let lost: Vec<&String> = acknowledged.members.difference(&members).collect();
    assert!(lost.is_empty(), "members are lost: {lost:?}");
    for id in &acknowledged.deleted {
        assert!(!listed.contains_key(id) && !members.contains(id), "{id} is back");
    }
}

/// Every user by id, page by page.
async fn everybody(place: &Place, client: &Client) -> BTreeMap<String, Value> {
    let mut users = BTreeMap::new();
    loop {
        let path =
            format!("/Users?startIndex={}&count=1000&excludedAttributes=groups", users.len() + 1);
        let page = client.send(place.request("GET", &path)).await.is(200);
        let total = page.json()["totalResults"].as_u64().expect("a total");
        for user in page.resources() {
            users.insert(user["id"].as_str().expect("an id").to_owned(), user);
        }
        if users.len() as u64 >= total || page.resources().is_empty() {
            assert_eq!(users.len() as u64, total);
            return users;
        }
    }
}

/// A resource is there iff its keys and its events are, edges end at resources on both sides, and
/// the log tells exactly what became of each.
async fn nothing_is_half_there(kept: &Kept, log: &[LoggedEvent], place: &Place, client: &Client) {
    let resources: BTreeSet<Uuid> = kept.resources.keys().copied().collect();
    assert_eq!(kept.keyed, resources, "keys without resources, or the other way round");
    let users = kept.resources.iter().filter(|(_, (kind, _))| kind == "User");
    let users: BTreeSet<Uuid> = users.map(|(id, _)| *id).collect();
    let named: BTreeSet<Uuid> = kept.unique_keys.iter().map(|(id, _)| *id).collect();
    assert_eq!(named, users, "each user has its unique name");
    assert_eq!(kept.unique_keys.len(), users.len());
    assert_eq!(kept.counts.get("User").copied().unwrap_or(0), users.len() as i64, "the counter");

    let group: Uuid = place.group.parse().expect("an id");
    let mut versions: BTreeMap<Uuid, i64> = BTreeMap::new();
    let mut members: BTreeSet<Uuid> = BTreeSet::new();
    let mut log: Vec<&LoggedEvent> = log.iter().collect();
    log.sort_by_key(|event| {
        (event.resource.uuid(), event.version, event.action == "resource.deleted")
    });
    for event in log {
        let id = event.resource.uuid();
        let version = i64::try_from(event.version).expect("a version");
        match event.action.as_str() {
            "resource.created" => assert_eq!(versions.insert(id, version), None, "{id} twice"),
            "resource.changed" => {
                let before = versions.insert(id, version);
                assert_eq!(before, Some(version - 1), "an event of {id} is missing");
            }
            "resource.deleted" => assert!(versions.remove(&id).is_some(), "{id} never was"),
            other => panic!("an event `{other}`"),
        }
        if id == group {
            let ids = |which: &str| {
                let list = event.changes.get("members").and_then(|change| change[which].as_array());
                list.into_iter()
                    .flatten()
                    .map(|id| {
                        id.as_str().and_then(|id| id.parse::<Uuid>().ok()).expect("ids of members")
                    })
                    .collect::<Vec<_>>()
            };
            members.extend(ids("added"));
            for gone in ids("removed") {
                assert!(members.remove(&gone), "{gone} was no member");
            }
        }
    }
    let stored: BTreeMap<Uuid, i64> = kept.resources.iter().map(|(id, (_, v))| (*id, *v)).collect();
    assert_eq!(versions, stored, "the log and the resources");
    let edges: BTreeSet<Uuid> = kept.edges.iter().map(|(_, member)| *member).collect();
    assert!(kept.edges.iter().all(|(owner, member)| *owner == group && users.contains(member)));
    assert_eq!(members, edges, "the log and the members");

    // Seen from outside, too: a user that was never acknowledged is whole or not there.
    for id in users.iter().rev().take(5) {
        let user = client.send(place.request("GET", &format!("/Users/{id}"))).await.is(200).json();
        let filter = format!("userName eq \"{}\"", user["userName"].as_str().expect("a name"));
        let found =
            client.send(place.request("GET", &format!("/Users?filter={}", encoded(&filter)))).await;
        assert_eq!(found.is(200).ids(), [id.to_string()]);
    }
}
