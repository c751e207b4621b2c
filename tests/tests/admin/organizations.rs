//! Organizations: made, read, listed, changed and erased.

use rollcall_tests::on_both_stores;
use rollcall_tests::operator::text;
use rollcall_tests::server::{PUBLIC_URL, Server};
use serde_json::{Value, json};

use super::{Customer, fresh};

on_both_stores!(
    organizations_are_made_read_listed_and_changed,
    organizations_are_erased_behind_the_request,
    names_are_checked_and_unique,
    what_is_not_understood_is_refused,
);

async fn organizations_are_made_read_listed_and_changed(server: &Server) {
    let owner = server.owner();
    let name = fresh("Acme");
    let made = owner.post("/organizations", &json!({"name": name})).await.is(201);
    let shown = made.json();
    let id = text(&shown, "organizationId");
    let path = format!("/organizations/{id}");
    assert_eq!((&shown["name"], &shown["revision"]), (&json!(name), &json!(0)));
    assert_eq!(made.header("etag"), Some("\"0\""));
    assert_eq!(made.header("location"), Some(&*format!("{PUBLIC_URL}/api/v1{path}")));
    assert_eq!(made.header("cache-control"), Some("no-store"));

    let read = owner.get(&path).await.is(200);
    assert_eq!((read.json(), read.header("etag")), (shown.clone(), Some("\"0\"")));

    // By cursor, in the order in which they were made, each once.
    let mut more = vec![id.clone()];
    for n in 0..4 {
        let path = owner.organization(&format!("{name} {n}")).await;
        more.push(path.trim_start_matches("/organizations/").to_owned());
    }
    let pages = owner.pages("/organizations", 2).await;
    assert!(pages.iter().all(|page| page.len() <= 2) && pages.len() > 2);
    let all: Vec<String> = pages.concat().iter().map(|one| text(one, "organizationId")).collect();
    let ours: Vec<&String> = all.iter().filter(|id| more.contains(id)).collect();
    assert_eq!(ours, more.iter().collect::<Vec<_>>());
    for query in ["limit=0", "limit=1001", "limit=x", "after=x", "limit=1&limit=1", "page=2"] {
        owner.get(&format!("/organizations?{query}")).await.is(400);
    }

    let rename = |to: &str| owner.asking("PATCH", &path, &json!({"name": to}));
    let renamed = format!("{name} Ltd");
    let stale = rename(&renamed).header("if-match", "\"7\"");
    owner.send(stale).await.is(412);
    let changed = owner.send(rename(&renamed).header("if-match", "\"0\"")).await.is(200);
    assert_eq!(changed.header("etag"), Some("\"1\""));
    assert_eq!(
        (&changed.json()["name"], &changed.json()["revision"]),
        (&json!(renamed), &json!(1))
    );
    owner.send(rename(&name).header("if-match", "\"0\"")).await.is(412);
    // What changes nothing makes no revision and no event.
    assert_eq!(owner.send(rename(&renamed)).await.is(200).header("etag"), Some("\"1\""));

    let organization = id.parse().expect("an id");
    let mut events = server.administered(Some(organization)).await;
    events.sort_by_key(|event| event.version);
    let actions: Vec<_> = events.iter().map(|event| event.action.as_str()).collect();
    assert_eq!(actions, ["organization.created", "organization.changed"]);
    let [created, changed] = events.as_slice() else { panic!("{events:?}") };
    assert!(created.actor.starts_with("adm_") && created.actor == changed.actor, "{created:?}");
    assert_eq!((created.kind.as_str(), changed.version), ("Organization", 1));
    let told = Value::Object(changed.changes.clone());
    assert_eq!(told["before"]["name"], json!(name));
    assert_eq!(told["after"]["name"], json!(renamed));
}

async fn organizations_are_erased_behind_the_request(server: &Server) {
    let customer = Customer::new(server).await;
    let Customer { owner, organization, .. } = &customer;
    customer.idp.user("ada").await;
    // As long as it has connections nobody said what becomes of their people.
    let refused = owner.delete(organization).await.is(409).json();
    assert!(text(&refused, "detail").contains("connections"), "{refused}");
    let removal = owner.delete(&format!("{}?people=keep", customer.made.path)).await.is(202);
    let job = format!("{organization}/jobs/{}", text(&removal.json(), "jobId"));
    server.finished(owner, &job).await;

    let request = owner.request("DELETE", organization).header("if-match", "\"9\"");
    owner.send(request).await.is(412);
    let started = owner.delete(organization).await.is(202);
    let job = format!("{organization}/jobs/{}", text(&started.json(), "jobId"));
    assert_eq!(started.header("location"), Some(&*format!("{PUBLIC_URL}/api/v1{job}")));
    let done = server.finished(owner, &job).await;
    assert_eq!((&done["state"], &done["done"]), (&json!("finished"), &json!(1)));
    // Nothing says any more whose it was, and it is under no other organization.
    assert_eq!(done["organizationId"], Value::Null);
    let elsewhere = Customer::new(server).await;
    let other = job.replace(organization, &elsewhere.organization);
    owner.get(&other).await.is(404);
    let body = json!({"name": "n", "role": "owner",
        "organizationId": elsewhere.id().to_string()});
    let colleague = owner.colleague(body).await;
    colleague.get(&job).await.is(404);
    colleague.get(&other).await.is(404);
    owner.get(organization).await.is(404);
    owner.get(&format!("{organization}/connections")).await.is(404);

    // R-E-27: with its log; that it was erased stands in the server's.
    let id = customer.id();
    assert!(server.events(id).await.is_empty());
    assert!(server.administered(Some(id)).await.is_empty());
    let of_server = server.administered(None).await;
    let deleted = of_server
        .iter()
        .find(|event| event.action == "organization.deleted" && event.resource.uuid() == id.uuid());
    assert!(deleted.is_some_and(|event| event.actor.starts_with("adm_")), "{of_server:?}");
    let job = text(&started.json(), "jobId");
    let erased = of_server
        .iter()
        .find(|event| event.action == "organization.erased" && event.changes["job"] == json!(job));
    assert!(erased.is_some_and(|event| event.actor.starts_with("adm_")), "{of_server:?}");
}

async fn names_are_checked_and_unique(server: &Server) {
    let owner = server.owner();
    let name = fresh("Only");
    owner.organization(&name).await;
    let other = owner.organization(&fresh("Other")).await;
    owner.post("/organizations", &json!({"name": name})).await.is(409);
    owner.post("/organizations", &json!({"name": format!("  {name} ")})).await.is(409);
    owner.patch(&other, &json!({"name": name})).await.is(409);
    for bad in
        [json!(""), json!("  "), json!("a\nb"), json!("x".repeat(201)), json!(7), json!(null)]
    {
        owner.post("/organizations", &json!({"name": bad})).await.is(400);
    }
}

async fn what_is_not_understood_is_refused(server: &Server) {
    let owner = server.owner();
    owner.post("/organizations", &json!({"name": fresh("A"), "plan": "gold"})).await.is(400);
    owner.post("/organizations", &json!([])).await.is(400);
    owner.act("/organizations").await.is(400);
    let broken = owner.request("POST", "/organizations").header("content-type", "application/json");
    owner.send(broken.body("{\"name\": ")).await.is(400);
    let text = owner.request("POST", "/organizations").header("content-type", "text/plain");
    owner.send(text.body("{\"name\": \"x\"}")).await.is(415);
    let twice = owner.request("POST", "/organizations").header("content-type", "application/json");
    owner.send(twice.body("{\"name\": \"a\", \"name\": \"b\"}")).await.is(400);
    for path in ["/nothing", "/organizations/x/nothing", ""] {
        owner.get(path).await.is(404);
    }
    for path in ["/organizations/x", "/organizations/org_00000000000070008000000000000000"] {
        owner.get(path).await.is(404);
    }
    let put = owner.send(owner.request("PUT", "/organizations")).await.is(405);
    assert!(put.header("allow").is_some_and(|allow| allow.contains("POST")), "{put}");
    let large = format!("{{\"name\": \"{}\"}}", "x".repeat(2 << 20));
    let large = owner.request("POST", "/organizations").body(large);
    owner.send(large.header("content-type", "application/json")).await.is(413);
    let tagged = owner.request("POST", "/organizations").header("if-match", "\"0\"");
    owner.send(tagged).await.is(400);
}
