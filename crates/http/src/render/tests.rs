use rollcall_domain::ConnectionId;
use rollcall_filter::parse_attributes;
use rollcall_schema::{Incoming, Instant, Profile, standard};
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::site::Endpoints;

const BASE: &str = "https://x.example/connections/conn_00000000000000000000000000000001/scim/v2";
const ID: &str = "00000000-0000-0000-0000-000000000002";

fn view(kind: usize, attributes: &str, excluded: &str) -> View {
    let ty = &standard::types()[kind];
    let names = |list| parse_attributes(list).unwrap();
    let projection = ty.projection(&names(attributes), &names(excluded), &Profile::GENERIC);
    let endpoints = Arc::new(Endpoints::of(standard::types()));
    let connection = ConnectionId::from_uuid(Uuid::from_u128(1));
    View::new(ty, projection, Site::new("https://x.example", Some(connection), endpoints))
}

fn found(body: &str) -> Found {
    let record = Record {
        id: ResourceId::from_uuid(Uuid::from_u128(2)),
        version: 3,
        created: Instant::from_millis(0),
        modified: Instant::from_millis(1500),
        links: 0,
        indexed: 0,
        body: body.into(),
    };
    Found { record, links: Vec::new(), incoming: Vec::new() }
}

fn text_of(view: &View, found: &Found, links: &[Link]) -> String {
    let Piece { head: mut out, tail, .. } = view.piece(found).unwrap();
    let mut listing = false;
    for link in links {
        listing |= view.write_link(&mut out, link, !listing);
    }
    if listing {
        out.push(b']');
    }
    out.extend(tail);
    String::from_utf8(out).unwrap()
}

fn member(n: u128, kind: &str, display: Option<&str>) -> Link {
    Link { id: Uuid::from_u128(n).to_string(), kind: kind.into(), display: display.map(Into::into) }
}

const ENTERPRISE_BODY: &str = r#"{"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"R"},"userName":"ada"}"#;

#[test]
fn stored_texts_are_spliced() {
    // R-COMMON-07, R-ETAG-01, R-HTTP-12
    let text = text_of(&view(0, "", ""), &found(r#"{"userName":"ada"}"#), &[]);
    let expect = format!(
        r#"{{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"id":"{ID}","meta":{{"#
    );
    assert!(text.starts_with(&expect), "{text}");
    assert!(text.ends_with(r#"},"userName":"ada"}"#), "{text}");
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        value["meta"],
        json!({
            "resourceType": "User", "created": "1970-01-01T00:00:00.000Z",
            "lastModified": "1970-01-01T00:00:01.500Z", "version": "W/\"3\"",
            "location": format!("{BASE}/Users/{ID}"),
        })
    );
}

#[test]
fn extensions_with_data_are_listed() {
    // R-COMMON-07
    let schemas = |body: &str| {
        let value: Value =
            serde_json::from_str(&text_of(&view(0, "", ""), &found(body), &[])).unwrap();
        value["schemas"].as_array().unwrap().len()
    };
    assert_eq!(schemas(ENTERPRISE_BODY), 2);
    assert_eq!(schemas(&ENTERPRISE_BODY.replace(":{", ": {")), 2);
    let quoted = json!({"title": format!("\"{}\":{{", standard::ENTERPRISE_USER)}).to_string();
    assert_eq!(schemas(&quoted), 1);
}

#[track_caller]
fn keys(attributes: &str, excluded: &str, expect: &[&str]) {
    let text = text_of(&view(0, attributes, excluded), &found(ENTERPRISE_BODY), &[]);
    let value: Value = serde_json::from_str(&text).unwrap();
    let keys: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, expect, "{attributes} without {excluded}");
}

#[test]
fn hidden_attributes_are_pruned() {
    // R-PROJ-02, R-PROJ-03, R-PROJ-08, R-PROJ-12
    const URN: &str = standard::ENTERPRISE_USER;
    keys("userName", "", &["id", "schemas", "userName"]);
    keys("meta", "", &["id", "meta", "schemas"]);
    keys("", "id,schemas,userName", &["id", "meta", "schemas", URN]);
    keys("", URN, &["id", "meta", "schemas", "userName"]);
    keys(URN, "", &["id", "schemas", URN]);
    keys("nope", "", &["id", "schemas"]);
}

#[test]
fn members_are_references() {
    let links = [member(7, "User", Some("A \"B\"")), member(8, "Group", None)];
    let text = text_of(&view(1, "", ""), &found(r#"{"displayName":"G"}"#), &links);
    let value: Value = serde_json::from_str(&text).unwrap();
    let (a, b) = (&links[0].id, &links[1].id);
    assert_eq!(
        value["members"],
        json!([
            {"value": a, "$ref": format!("{BASE}/Users/{a}"), "type": "User"},
            {"value": b, "$ref": format!("{BASE}/Groups/{b}"), "type": "Group"},
        ])
    );
    assert_eq!(value["displayName"], "G");
}

#[test]
fn parts_of_members_can_be_hidden() {
    // R-PROJ-07; `display` is shown when it is asked for
    let links = [member(7, "User", Some("A \"B\"")), member(8, "Group", None)];
    let shown = |attributes, excluded| {
        let text = text_of(&view(1, attributes, excluded), &found("{}"), &links);
        serde_json::from_str::<Value>(&text).unwrap()["members"].clone()
    };
    let (a, b) = (&links[0].id, &links[1].id);
    assert_eq!(shown("members.value", ""), json!([{"value": a}, {"value": b}]));
    assert_eq!(shown("members.display", ""), json!([{"display": "A \"B\""}]));
    assert_eq!(shown("", "members.$ref,members.type")[1], json!({"value": b}));
    assert_eq!(shown("", "members"), Value::Null);
    assert_eq!(shown("displayName", ""), Value::Null);
}

#[test]
fn hidden_relations_are_not_asked_for() {
    // R-PROJ-10
    assert!(view(1, "", "").shows_relation());
    assert!(!view(1, "", "members").shows_relation());
    assert!(!view(1, "displayName", "").shows_relation());
    assert_eq!(view(0, "", "").derived(), Derived::Shown);
    assert_eq!(view(0, "", "groups").derived(), Derived::Hidden);
    assert!(!view(0, "", "").shows_relation());
}

#[test]
fn groups_say_how_they_are_reached() {
    // R-RES-02
    let incoming = |n, reach, display: Option<&str>| Incoming {
        id: Uuid::from_u128(n).to_string(),
        kind: "Group".into(),
        display: display.map(Into::into),
        reach,
    };
    let mut found = found("{}");
    found.incoming =
        vec![incoming(4, Reach::Direct, Some("A")), incoming(5, Reach::Indirect, None)];
    let groups = |attributes| {
        let text = text_of(&view(0, attributes, ""), &found, &[]);
        serde_json::from_str::<Value>(&text).unwrap()["groups"].clone()
    };
    let (a, b) = (&found.incoming[0].id, &found.incoming[1].id);
    assert_eq!(
        groups(""),
        json!([
            {"value": a, "$ref": format!("{BASE}/Groups/{a}"), "type": "direct", "display": "A"},
            {"value": b, "$ref": format!("{BASE}/Groups/{b}"), "type": "indirect"},
        ])
    );
    assert_eq!(groups("groups.type"), json!([{"type": "direct"}, {"type": "indirect"}]));
    assert_eq!(groups("userName"), Value::Null);
}
