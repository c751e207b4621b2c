//! What is of another organization is answered as what is not there, byte for byte.

use http::Method;
use serde_json::{Value, json};

use crate::operations::{Operation, all};
use crate::world::{Answer, Asked, Customer, World};

/// Ids that nobody has.
fn nobody() -> Customer {
    let id = |prefix: &str, end: char| format!("{prefix}_{}{end}", "0".repeat(31));
    Customer {
        org: id("org", '1'),
        connection: id("conn", '1'),
        second: id("conn", '2'),
        token: id("tok", '1'),
        old: id("tok", '2'),
        new: id("tok", '3'),
        job: id("job", '1'),
        key: id("adm", '1'),
        ..Customer::default()
    }
}

/// One customer's ids, the parts in `whose` replaced by those of another.
fn mixed(own: &Customer, other: &Customer, whose: &[String]) -> Customer {
    let mut ids = own.clone();
    for part in whose {
        match part.as_str() {
            "org" => ids.org.clone_from(&other.org),
            "connection" => ids.connection.clone_from(&other.connection),
            "token" => {
                ids.token.clone_from(&other.token);
                ids.old.clone_from(&other.old);
            }
            "job" => ids.job.clone_from(&other.job),
            "key" => ids.key.clone_from(&other.key),
            _ => {}
        }
    }
    ids
}

/// What an answer is but for the ids that were asked for.
fn masked(answer: &Answer, ids: &Customer) -> String {
    let mut headers: Vec<_> = answer
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    headers.sort();
    let mut text = format!("{}\n{}\n{}", answer.status, headers.join("\n"), answer.text);
    let named = [
        (&ids.org, "ORG"),
        (&ids.connection, "CONNECTION"),
        (&ids.second, "SECOND"),
        (&ids.token, "TOKEN"),
        (&ids.old, "OLD"),
        (&ids.new, "NEW"),
        (&ids.job, "JOB"),
        (&ids.key, "KEY"),
    ];
    for (id, name) in named {
        text = text.replace(id, name);
    }
    text
}

async fn ask(world: &World, operation: &Operation, ids: &Customer, to: &str) -> Answer {
    let path = operation.path(ids, to);
    let body = operation.body(Some(&ids.org));
    let headers = vec![("x-request-id", "the-same")];
    let (method, key) = (operation.method.clone(), Some(&*world.a.secret));
    world.ask(&Asked { method, path: &path, key, headers, body }).await
}

/// Every subset of the variable parts of a path but the empty one.
fn subsets(parts: &[String]) -> Vec<Vec<String>> {
    (1..1_usize << parts.len())
        .map(|bits| {
            let chosen = parts.iter().enumerate().filter(|(at, _)| bits & (1 << at) != 0);
            chosen.map(|(_, part)| part.clone()).collect()
        })
        .collect()
}

/// Everything that the second customer has, as the owner of everything sees it.
async fn everything(world: &World, of: &Customer) -> Vec<Value> {
    let at = of.at();
    let paths = [
        format!("/organizations/{}", of.org),
        format!("/organizations/{}/connections", of.org),
        format!("{at}/tokens"),
        format!("{at}/schemas"),
        format!("/organizations/{}/jobs/{}", of.org, of.job),
        format!("/admin/keys/{}", of.key),
    ];
    let mut seen = Vec::new();
    for path in paths {
        seen.push(world.get(&path).await.is(200).json());
    }
    seen
}

/// R-TEN-02, R-E-02: generated from the document. Each operation is asked for with an owner's key
/// of one organization and each mixture of its own ids and another's.
#[tokio::test]
async fn r_e_02_another_organization_is_not_there() {
    let world = World::new().await;
    let before = everything(&world, &world.b).await;
    let nobody = nobody();
    let mut asked = 0;
    for operation in all(&world.document) {
        let parts: Vec<String> =
            operation.variables().into_iter().filter(|part| part != "name").collect();
        for whose in subsets(&parts) {
            let foreign = mixed(&world.a, &world.b, &whose);
            let missing = mixed(&world.a, &nobody, &whose);
            let (one, other) = (
                ask(&world, &operation, &foreign, &world.a.second).await,
                ask(&world, &operation, &missing, &world.a.second).await,
            );
            assert_eq!(masked(&one, &foreign), masked(&other, &missing), "{}", operation.id);
            let hidden = one.status == 404 || (one.status == 403 && operation.everywhere);
            assert!(hidden, "{} {whose:?}: {one:?}", operation.id);
            asked += 1;
        }
    }
    assert!(asked > 60, "{asked} requests");
    assert_eq!(everything(&world, &world.b).await, before);
}

/// Ids in queries and bodies are held to the same.
#[tokio::test]
async fn r_e_02_other_ids_in_queries_and_bodies_are_not_there() {
    let world = World::new().await;
    let (before, nobody) = (everything(&world, &world.b).await, nobody());
    for operation in all(&world.document) {
        let (foreign, missing) = match operation.id.as_str() {
            "previewRemoval" | "deleteConnection" => (
                ask(&world, &operation, &world.a, &world.b.second).await,
                ask(&world, &operation, &world.a, &nobody.second).await,
            ),
            "createAdminKey" => (
                ask(&world, &operation, &world.b, "").await,
                ask(&world, &operation, &nobody, "").await,
            ),
            _ => continue,
        };
        assert_eq!(masked(&foreign, &world.b), masked(&missing, &nobody), "{}", operation.id);
        foreign.is(404);
    }
    assert_eq!(everything(&world, &world.b).await, before);
}

/// Lists hold what is theirs, wherever they begin.
#[tokio::test]
async fn r_e_02_lists_hold_nothing_of_others() {
    let world = World::new().await;
    for path in ["/organizations", "/admin/keys"] {
        for after in ["", "&after=org_00000000000000000000000000000000"] {
            let path = format!("{path}?limit=1000{}", after.replace("org", "adm"));
            let path = if path.starts_with("/org") { path.replace("adm", "org") } else { path };
            let (method, key) = (Method::GET, Some(&*world.a.secret));
            let asked = Asked { method, path: &path, key, headers: Vec::new(), body: None };
            let answer = world.ask(&asked).await.is(200).clone();
            assert!(!answer.text.contains(&world.b.org), "{answer:?}");
            assert!(answer.text.contains(&world.a.org), "{answer:?}");
        }
    }
}

/// What is no id at all is not there either, and no failure of the server.
#[tokio::test]
async fn what_is_no_id_is_not_there() {
    let world = World::new().await;
    let odd = ["x", "%00", "%F0%9F%92%A9", "..", "org_", "ORG_1", "%27", &"a".repeat(2_000)];
    for operation in all(&world.document) {
        for part in operation.variables() {
            for text in odd {
                let text = text.to_owned();
                let odd = Customer {
                    org: text.clone(),
                    connection: text.clone(),
                    token: text.clone(),
                    old: text.clone(),
                    job: text.clone(),
                    key: text.clone(),
                    ..world.a.clone()
                };
                let ids = mixed(&world.a, &odd, std::slice::from_ref(&part));
                let mut path = operation.path(&ids, &world.a.second);
                if part == "name" {
                    path = path.replace("/Role", &format!("/{text}"));
                }
                let (method, key) = (operation.method.clone(), Some(&*world.root));
                let body = operation.body(None);
                let asked = Asked { method, path: &path, key, headers: Vec::new(), body };
                world.ask(&asked).await.is(404);
            }
        }
    }
    assert_eq!(world.get(&world.a.at()).await.json()["removal"], json!(null));
}
