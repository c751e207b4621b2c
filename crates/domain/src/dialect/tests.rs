//! Requests as clients send them, in values of our own.

use serde_json::{Value, json};

use super::*;

const OKTA: &str = "Okta SCIM Client 1.0.0";

fn sent<'a>(method: &'a str, endpoint: &'a str, body: &Value) -> Sighting<'a> {
    let (endpoint, single) = match endpoint.split_once('/') {
        Some((endpoint, _)) => (endpoint, true),
        None => (endpoint, false),
    };
    Sighting { method, endpoint, single, wording: Wording::of(body), ..Sighting::default() }
}

fn filtered(endpoint: &'static str, filter: &'static str) -> Sighting<'static> {
    let asked = Asked { filter: Some(filter), ..Asked::default() };
    Sighting { method: "GET", endpoint, asked, ..Sighting::default() }
}

fn patch(operation: &Value) -> Value {
    let schema = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
    json!({"schemas": [schema], "Operations": [operation]})
}

#[track_caller]
fn looks_like(sighting: Sighting<'_>, dialect: Dialect, certainty: Certainty) {
    assert_eq!(sighting.clue(), Some(Clue { dialect, certainty }), "{sighting:?}");
}

#[track_caller]
fn says_nothing(sighting: Sighting<'_>) {
    assert_eq!(sighting.clue(), None, "{sighting:?}");
}

/// E-ENTRA-04, E-ENTRA-05, E-ENTRA-06, E-ENTRA-08.
#[test]
fn entra_is_known_by_its_words() {
    let user = |operation: &Value| sent("PATCH", "Users/u1", &patch(operation));
    let legacy = [
        json!({"op": "Replace", "path": "displayName", "value": "Vera"}),
        json!({"op": "replace", "path": "active", "value": "False"}),
        json!({"op": "Add", "path": "members", "value": [{"$ref": null, "value": "u1"}]}),
    ];
    for operation in legacy {
        looks_like(user(&operation), Dialect::EntraLegacy, Certainty::Sign);
    }
    let told = [
        json!({"op": "replace", "value": {"title": "CTO", "name.familyName": "Kovacs"}}),
        json!({"op": "replace", "value": {"emails[type eq \"work\"].value": "vera@x.test"}}),
        json!({"op": "replace", "value":
            {"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:costCenter": "7"}}),
    ];
    for operation in told {
        looks_like(user(&operation), Dialect::Entra, Certainty::Name);
    }
    let schema = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group";
    let group = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group", schema],
        "displayName": "Crew"});
    looks_like(sent("POST", "Groups", &group), Dialect::Entra, Certainty::Sign);
}

/// E-ENTRA-01, E-ENTRA-02.
#[test]
fn entra_is_guessed_from_its_questions() {
    let flag = Asked { entra_flag: true, ..Asked::default() };
    let list = Sighting { method: "GET", endpoint: "Users", asked: flag, ..Sighting::default() };
    looks_like(list, Dialect::Entra, Certainty::Name);
    let work = "emails[type eq \"work\"].value eq \"vera@x.test\"";
    looks_like(filtered("Users", work), Dialect::Entra, Certainty::Hint);
    let manager = "id eq \"u1\" and manager eq \"u2\"";
    looks_like(filtered("Users", manager), Dialect::Entra, Certainty::Hint);
    let mut group = filtered("Groups", "displayName eq \"Crew\"");
    says_nothing(group);
    group.asked.without_members = true;
    looks_like(group, Dialect::Entra, Certainty::Hint);
}

/// E-OKTA-01, E-OKTA-05, E-OKTA-07.
#[test]
fn okta_says_its_name() {
    let okta = |sighting| Sighting { user_agent: Some(OKTA), ..sighting };
    let list = okta(filtered("Users", "userName eq \"vera@x.test\""));
    looks_like(list, Dialect::Okta, Certainty::Name);
    let switch = patch(&json!({"op": "replace", "value": {"active": false}}));
    let switched = okta(sent("PATCH", "Users/u1", &switch));
    looks_like(switched, Dialect::OktaOin, Certainty::Name);
    let renamed = patch(&json!({"op": "replace", "value": {"id": "g1", "displayName": "Deck"}}));
    looks_like(okta(sent("PATCH", "Groups/g1", &renamed)), Dialect::Okta, Certainty::Name);
}

/// E-GOOG-02, E-ONEL-01, E-JC-03, E-PING-01, E-CYB-01.
#[test]
fn others_are_known_by_what_they_do() {
    let switch = patch(&json!({"op": "replace", "value": {"active": false}}));
    looks_like(sent("PATCH", "Users/u1", &switch), Dialect::Google, Certainty::Hint);
    let template = json!({"id": null, "userName": "vera", "active": "true"});
    looks_like(sent("POST", "Users", &template), Dialect::Onelogin, Certainty::Sign);
    let leave = patch(&json!({"op": "remove", "path": "members", "value": [{"value": "u1"}]}));
    looks_like(sent("PATCH", "Groups/g1", &leave), Dialect::Jumpcloud, Certainty::Hint);
    let either = "externalId eq \"7\" or userName eq \"vera\"";
    looks_like(filtered("Users", either), Dialect::Ping, Certainty::Hint);
    looks_like(sent("GET", "ResourceTypes/User", &Value::Null), Dialect::Cyberark, Certainty::Sign);
    for (agent, dialect) in [
        ("Rippling/1.0", Dialect::Rippling),
        ("Java PingFederate SCIM", Dialect::Ping),
        ("CyberArk-Identity", Dialect::Cyberark),
        ("JumpCloud-SCIM", Dialect::Jumpcloud),
    ] {
        let named = Sighting { user_agent: Some(agent), ..Sighting::default() };
        looks_like(named, dialect, Certainty::Name);
    }
}

#[test]
fn what_everybody_sends_says_nothing() {
    says_nothing(Sighting::default());
    says_nothing(filtered("Users", "userName eq \"vera\""));
    let user = json!({"userName": "vera", "active": true, "emails": [{"value": "vera@x.test"}]});
    says_nothing(sent("POST", "Users", &user));
    let join = patch(&json!({"op": "add", "path": "members", "value": [{"value": "u1"}]}));
    says_nothing(sent("PATCH", "Groups/g1", &join));
    let leave = patch(&json!({"op": "remove", "path": "members[value eq \"u1\"]"}));
    says_nothing(sent("PATCH", "Groups/g1", &leave));
    says_nothing(sent("GET", "ResourceTypes", &Value::Null));
    // Whatever a body is.
    for odd in [json!([]), json!("x"), json!({"Operations": 3}), json!({"Operations": [null]})] {
        says_nothing(sent("PATCH", "Users/u1", &odd));
    }
}

fn tally(clues: &[(u32, Dialect, Certainty)], silent: u32) -> Tally {
    let mut tally = Tally::default();
    for (times, dialect, certainty) in clues {
        (0..*times).for_each(|_| {
            tally.add(Some(Clue { dialect: *dialect, certainty: *certainty }));
        });
    }
    (0..silent).for_each(|_| tally.add(None));
    tally
}

#[test]
fn a_name_or_a_sign_decides_and_hints_add_up() {
    use Certainty::{Hint, Name, Sign};
    let says = |clues: &[_], silent| tally(clues, silent).dialect();
    assert_eq!(says(&[], 49), None);
    assert_eq!(says(&[], 50), Some(Dialect::Generic));
    assert_eq!(says(&[(9, Dialect::Ping, Hint)], 3), None);
    assert_eq!(says(&[(10, Dialect::Ping, Hint)], 3), Some(Dialect::Ping));
    assert_eq!(says(&[(1, Dialect::Onelogin, Sign)], 0), Some(Dialect::Onelogin));
    let both = [(5, Dialect::Google, Hint), (1, Dialect::Okta, Name)];
    assert_eq!(says(&both, 0), Some(Dialect::Okta));
}

/// E-OKTA-05, E-ENTRA-06: on-demand provisioning ignores the flag, so both styles come from one
/// tenant.
#[test]
fn one_product_has_several_dialects() {
    use Certainty::{Hint, Name, Sign};
    let says = |clues: &[_]| tally(clues, 0).dialect();
    let okta = (30, Dialect::Okta, Name);
    assert_eq!(says(&[okta]), Some(Dialect::Okta));
    assert_eq!(says(&[okta, (1, Dialect::OktaOin, Name)]), Some(Dialect::OktaOin));
    let (guessed, legacy) = ((400, Dialect::Entra, Hint), (1, Dialect::EntraLegacy, Sign));
    assert_eq!(says(&[guessed]), Some(Dialect::Entra));
    assert_eq!(says(&[guessed, legacy]), Some(Dialect::EntraLegacy));
    assert_eq!(says(&[guessed, legacy, (1, Dialect::Entra, Name)]), Some(Dialect::Entra));
}

/// A connection that is taken over by another IdP is soon known by that.
#[test]
fn what_is_long_ago_counts_little() {
    let mut tally = tally(&[(3000, Dialect::Okta, Certainty::Name)], 0);
    assert!(tally.requests < REMEMBERED);
    for _ in 0..2000 {
        let clue = Clue { dialect: Dialect::Jumpcloud, certainty: Certainty::Name };
        tally.add(Some(clue));
    }
    assert_eq!(tally.dialect(), Some(Dialect::Jumpcloud));
}
