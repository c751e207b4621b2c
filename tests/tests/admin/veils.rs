//! What a token with few scopes learns of resources that it may not read, through references to
//! them (R-AUTH-05).

use rollcall_tests::client::Answer;
use rollcall_tests::data::USER;
use rollcall_tests::idp::Idp;
use rollcall_tests::on_both_stores;
use rollcall_tests::operator::text;
use rollcall_tests::server::Server;
use serde_json::{Value, json};

use super::Customer;

on_both_stores!(
    the_names_of_members_take_the_scope_to_read_them,
    the_names_of_groups_take_the_scope_to_read_them,
    nothing_is_patched_by_a_name_that_is_not_shown,
);

/// A group with a user and a group in it, whose names nobody guesses.
struct Crew {
    customer: Customer,
    ada: String,
    deck: String,
    crew: String,
}

impl Crew {
    async fn new(server: &Server) -> Self {
        let customer = Customer::new(server).await;
        let body = json!({"schemas": [USER], "userName": "ada", "displayName": "Ada L"});
        let ada = text(&customer.idp.post("/Users", &body).await.is(201).json(), "id");
        let deck = customer.idp.group("Deck", &[]).await;
        let crew = customer.idp.group("Crew", &[&ada, &deck]).await;
        Self { customer, ada, deck, crew }
    }

    async fn with(&self, scopes: &str) -> Idp {
        let asked = json!({ "scopes": scopes });
        let made = self.customer.owner.post(&self.customer.tokens(), &asked).await.is(201).json();
        let token_id = text(&made, "tokenId").parse().expect("the id of a token");
        Idp { token: text(&made, "token"), token_id, ..self.customer.idp.clone() }
    }
}

/// The reference to this resource among those of an answer.
#[track_caller]
fn reference(of: &Value, list: &str, id: &str) -> Value {
    let all = of[list].as_array().unwrap_or_else(|| panic!("no `{list}`: {of}"));
    let found = all.iter().find(|one| one["value"] == id);
    found.unwrap_or_else(|| panic!("no {id}: {of}")).clone()
}

#[track_caller]
fn lacks_scope(answer: &Answer, scope: &str) {
    assert!(answer.refused(403, "").contains(scope), "{answer}");
}

const DISPLAY: &str = "members.value,members.display,members.type,members.$ref";

async fn the_names_of_members_take_the_scope_to_read_them(server: &Server) {
    let site = Crew::new(server).await;
    let Crew { ada, deck, crew, .. } = &site;
    let groups = site.with("groups.read").await;
    for path in [
        format!("/Groups/{crew}?attributes={DISPLAY}"),
        format!("/Groups?filter=id%20eq%20%22{crew}%22&attributes={DISPLAY}"),
    ] {
        for (idp, expect) in [(&groups, Value::Null), (&site.customer.idp, json!("Ada L"))] {
            let answer = idp.get(&path).await.is(200).json();
            let group = answer["Resources"].get(0).unwrap_or(&answer);
            let member = reference(group, "members", ada);
            assert_eq!((&member["display"], &member["type"]), (&expect, &json!("User")));
            assert!(text(&member, "$ref").ends_with(ada.as_str()), "{member}");
            assert_eq!(reference(group, "members", deck)["display"], "Deck");
        }
    }
    // A name alone leaves nothing of a member.
    let bare = format!("/Groups/{crew}?attributes=members.display");
    let bare = groups.get(&bare).await.is(200).json();
    assert_eq!(bare["members"], json!([{"display": "Deck"}]));
    for filter in [
        "members.display eq \"Ada L\"",
        "members.display pr",
        "members[display sw \"A\"]",
        "displayName eq \"x\" or not (members[value pr and display co \"L\"])",
    ] {
        lacks_scope(&groups.find("/Groups", filter).await, "users.read");
        site.customer.idp.find("/Groups", filter).await.is(200);
    }
    lacks_scope(&groups.get("/Groups?sortBy=members.display").await, "users.read");
    let posted = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
        "filter": "members.display eq \"Ada L\""});
    lacks_scope(&groups.post("/Groups/.search", &posted).await, "users.read");
    let by_id = groups.find("/Groups", &format!("members.value eq \"{ada}\"")).await.is(200).json();
    assert_eq!(by_id["totalResults"], 1);
    site.with("groups.read users.read").await.find("/Groups", "members.display pr").await.is(200);
}

async fn the_names_of_groups_take_the_scope_to_read_them(server: &Server) {
    let site = Crew::new(server).await;
    let Crew { ada, crew, .. } = &site;
    let users = site.with("users.read").await;
    for path in [format!("/Users/{ada}"), "/Users?filter=userName%20eq%20%22ada%22".into()] {
        for (idp, expect) in [(&users, Value::Null), (&site.customer.idp, json!("Crew"))] {
            let answer = idp.get(&path).await.is(200).json();
            let user = answer["Resources"].get(0).unwrap_or(&answer);
            let group = reference(user, "groups", crew);
            assert_eq!((&group["display"], &group["type"]), (&expect, &json!("direct")));
        }
    }
    for filter in ["groups.display eq \"Crew\"", "groups[display pr]"] {
        lacks_scope(&users.find("/Users", filter).await, "groups.read");
    }
    lacks_scope(&users.get("/Users?sortBy=groups.display").await, "groups.read");
    let by_id = users.find("/Users", &format!("groups.value eq \"{crew}\"")).await.is(200).json();
    assert_eq!(by_id["totalResults"], 1);
}

async fn nothing_is_patched_by_a_name_that_is_not_shown(server: &Server) {
    let site = Crew::new(server).await;
    let Crew { ada, deck, crew, .. } = &site;
    let groups = site.with("groups.write").await;
    let path = format!("/Groups/{crew}");
    let remove =
        |name: &str| json!({"op": "remove", "path": format!("members[display eq \"{name}\"]")});
    let unknown = groups.patch(&path, remove("Nobody")).await.status;
    assert_eq!(groups.patch(&path, remove("Ada L")).await.status, unknown);
    let operation = json!({"method": "PATCH", "path": path, "data": {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [remove("Ada L")]}});
    groups.bulk(json!([operation])).await.is(200);
    let mut there = site.customer.idp.members(crew).await;
    there.sort();
    let mut expect = [ada.clone(), deck.clone()];
    expect.sort();
    assert_eq!(there, expect);
    // What may be read may be named.
    groups.patch(&path, remove("Deck")).await;
    assert_eq!(site.customer.idp.members(crew).await, std::slice::from_ref(ada));
}
