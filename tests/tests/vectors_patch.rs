//! The PATCH vectors over HTTP: what a resource was, the operation, what it is afterwards.

use std::time::Duration;

use futures_util::StreamExt as _;
use rollcall_domain::IdpKind;
use rollcall_tests::client::PATCH;
use rollcall_tests::data::{ENTERPRISE, Names, USER, base, large_group, many_users};
use rollcall_tests::idp::{Idp, member_ids, sorted};
use rollcall_tests::on_both_stores;
use rollcall_tests::server::Server;
use serde_json::{Value, json};

on_both_stores!(
    every_vector,
    p54_replacing_members_writes_the_difference,
    ten_thousand_members_in_one_operation,
);

/// One vector: base data, one PATCH, and what must be true afterwards.
struct Row {
    id: &'static str,
    /// The resource: `u1`.
    on: &'static str,
    query: &'static str,
    body: Value,
    expect: Expect,
}

enum Expect {
    /// Version and lastModified move; these attributes are so afterwards, `null` ones are absent.
    Changes(Value),
    /// 2xx, and nothing whatever has moved.
    Keeps,
    /// A SCIM error with this scimType, and nothing whatever has moved.
    Refused(u16, &'static str),
    /// The version moves, and the answer is exactly this.
    Answers(Value),
}

impl Row {
    /// `operations` is one of them or a list.
    fn new(id: &'static str, on: &'static str, operations: Value, expect: Expect) -> Self {
        let operations = if operations.is_array() { operations } else { json!([operations]) };
        let body = json!({"schemas": [PATCH], "Operations": operations});
        Self { id, on, query: "", body, expect }
    }

    fn raw(id: &'static str, on: &'static str, body: Value, expect: Expect) -> Self {
        Self { id, on, query: "", body, expect }
    }

    fn endpoint(&self) -> &'static str {
        if self.on.starts_with('u') { "/Users" } else { "/Groups" }
    }
}

fn replace(path: &str, value: impl Into<Value>) -> Value {
    json!({"op": "replace", "path": path, "value": value.into()})
}

fn add(path: &str, value: impl Into<Value>) -> Value {
    json!({"op": "add", "path": path, "value": value.into()})
}

fn remove(path: &str) -> Value {
    json!({"op": "remove", "path": path})
}

fn ent(attribute: &str) -> String {
    format!("{ENTERPRISE}:{attribute}")
}

fn no_target() -> Expect {
    Expect::Refused(400, "noTarget")
}

fn mutability() -> Expect {
    Expect::Refused(400, "mutability")
}

fn invalid_syntax() -> Expect {
    Expect::Refused(400, "invalidSyntax")
}

fn invalid_value() -> Expect {
    Expect::Refused(400, "invalidValue")
}

/// P01 to P17: single values, lists, elements.
fn rows_on_values() -> Vec<Row> {
    use Expect::{Changes, Keeps};
    let work = json!({"value": "bjensen@example.com", "type": "work", "primary": true});
    let home = json!({"value": "babs@jensen.org", "type": "home"});
    let other = json!({"value": "n@x.io", "type": "other"});
    vec![
        Row::new("P01", "u1", replace("title", "CEO"), Changes(json!({"title": "CEO"}))),
        Row::new("P02", "u1", replace("title", "Manager"), Keeps),
        Row::new(
            "P03",
            "u1",
            json!({"op": "add", "value": {"nickName": "B"}}),
            Changes(json!({"nickName": "B", "title": "Manager"})),
        ),
        Row::new(
            "P04",
            "u1",
            add("emails", json!([other])),
            Changes(json!({"emails": [work, home, other]})),
        ),
        Row::new("P05", "u1", add("emails", json!([home])), Keeps),
        Row::new(
            "P06",
            "u1",
            add("emails", json!({"value": "p@x.io", "type": "other", "primary": true})),
            Changes(json!({"emails": [
                {"value": "bjensen@example.com", "type": "work", "primary": false},
                home,
                {"value": "p@x.io", "type": "other", "primary": true},
            ]})),
        ),
        Row::new(
            "P07",
            "u1",
            replace("emails", json!([{"value": "only@x.io"}])),
            Changes(json!({"emails": [{"value": "only@x.io"}]})),
        ),
        Row::new(
            "P08",
            "u1",
            replace("emails[type eq \"work\"].value", "new@x.io"),
            Changes(json!({"emails": [
                {"value": "new@x.io", "type": "work", "primary": true}, home,
            ]})),
        ),
        Row::new(
            "P09",
            "u1",
            replace("emails[type eq \"work\"]", json!({"value": "r@x.io"})),
            Changes(json!({"emails": [{"value": "r@x.io", "type": "work"}, home]})),
        ),
        Row::new(
            "P10 (T)",
            "u1",
            replace("emails[type eq \"fax\"].value", "f@x.io"),
            Changes(json!({"emails": [work, home, {"value": "f@x.io", "type": "fax"}]})),
        ),
        Row::new(
            "P11",
            "u1",
            add("emails[type eq \"other\"].value", "o@x.io"),
            Changes(json!({"emails": [work, home, {"value": "o@x.io", "type": "other"}]})),
        ),
        Row::new("P12", "u3", add("emails[type ne \"work\"].value", "x@x.io"), no_target()),
        Row::new(
            "P13",
            "u1",
            replace("emails[type eq \"home\"].primary", true),
            Changes(json!({"emails": [
                {"value": "bjensen@example.com", "type": "work", "primary": false},
                {"value": "babs@jensen.org", "type": "home", "primary": true},
            ]})),
        ),
        Row::new(
            "P14",
            "u1",
            remove("emails[type eq \"home\"]"),
            Changes(json!({"emails": [work]})),
        ),
        Row::new("P15", "u2", remove("emails[type eq \"home\"]"), Changes(json!({"emails": null}))),
        Row::new("P16", "u1", remove("emails"), Changes(json!({"emails": null}))),
        Row::new(
            "P17",
            "u1",
            remove("emails[type eq \"home\"].type"),
            Changes(json!({"emails": [work, {"value": "babs@jensen.org"}]})),
        ),
    ]
}

/// P18 to P34: removals, complex values, extensions.
fn rows_on_structure() -> Vec<Row> {
    use Expect::{Changes, Keeps};
    let sales = |manager: Value| {
        let mut extension = json!({"employeeNumber": "701984", "department": "Sales"});
        if !manager.is_null() {
            extension["manager"] = manager;
        }
        json!({ENTERPRISE: extension})
    };
    vec![
        Row::new("P18", "u1", remove("emails[type eq \"x\"]"), Keeps),
        Row::new("P19", "u1", json!({"op": "remove"}), no_target()),
        Row::new("P20", "u1", remove("userName"), mutability()),
        Row::new("P21 id", "u1", remove("id"), mutability()),
        Row::new("P21 meta.created", "u1", remove("meta.created"), mutability()),
        Row::new("P21 groups", "u1", remove("groups"), mutability()),
        Row::new("P22", "u1", replace("id", "x"), mutability()),
        Row::new(
            "P23",
            "u1",
            replace("name", json!({"givenName": "Bea"})),
            Changes(json!({"name": {"givenName": "Bea", "familyName": "Jensen"}})),
        ),
        Row::new(
            "P24",
            "u1",
            replace("name.middleName", "Q"),
            Changes(json!({
                "name": {"givenName": "Barbara", "familyName": "Jensen", "middleName": "Q"},
            })),
        ),
        Row::new(
            "P25",
            "u1",
            json!({"op": "replace", "value": {"name": {"familyName": null}}}),
            Changes(json!({"name": {"givenName": "Barbara"}})),
        ),
        Row::new("P26", "u1", replace("title", Value::Null), Changes(json!({"title": null}))),
        Row::new("P27 (T)", "u1", replace("title", ""), Changes(json!({"title": null}))),
        Row::new(
            "P28",
            "u2",
            add(&ent("employeeNumber"), "9"),
            Changes(json!({ENTERPRISE: {"employeeNumber": "9"}, "schemas": [USER, ENTERPRISE]})),
        ),
        Row::new(
            "P29",
            "u2",
            json!({"op": "replace", "value": {ENTERPRISE: {"department": "Ops"}}}),
            Changes(json!({ENTERPRISE: {"department": "Ops"}, "schemas": [USER, ENTERPRISE]})),
        ),
        Row::new(
            "P30 (T)",
            "u2",
            json!({
                "op": "replace",
                "value": {ent("department"): "Ops", "name.givenName": "Jon"},
            }),
            Changes(json!({
                ENTERPRISE: {"department": "Ops"},
                "name": {"givenName": "Jon", "familyName": "O'Malley"},
            })),
        ),
        Row::new(
            "P31",
            "u1",
            remove(ENTERPRISE),
            Changes(json!({ENTERPRISE: null, "schemas": [USER]})),
        ),
        Row::new(
            "P32 (T)",
            "u1",
            json!({"op": "Add", "path": ent("manager"), "value": "{u2}"}),
            Changes(sales(json!({"value": "{u2}"}))),
        ),
        Row::new(
            "P33 (T)",
            "u1",
            json!({"op": "Add", "path": ent("manager"), "value": [{"$ref": null, "value": "{u2}"}]}),
            Changes(sales(json!({"value": "{u2}"}))),
        ),
        Row::new(
            "P34 (T)",
            "u1",
            json!({"op": "Replace", "path": ent("manager"), "value": ""}),
            Changes(sales(Value::Null)),
        ),
    ]
}

/// P35 to P47 and P62 to P65: coercions, envelopes, refusals.
fn rows_on_requests() -> Vec<Row> {
    use Expect::{Answers, Changes, Keeps, Refused};
    let role = "{\"id\":\"1\",\"value\":\"Adm\",\"displayName\":\"A\"}";
    vec![
        Row::new(
            "P35 (T)",
            "u1",
            json!({"op": "Replace", "path": "active", "value": "False"}),
            Changes(json!({"active": false})),
        ),
        Row::new("P36", "u1", replace("active", "nope"), invalid_value()),
        Row::new(
            "P37",
            "u1",
            json!({"op": "replace", "value": {"active": false}}),
            Changes(json!({"active": false, "userName": "bjensen@Example.com"})),
        ),
        Row::new(
            "P38",
            "u1",
            json!([replace("title", "A"), replace("emails[", "x")]),
            Refused(400, "invalidPath"),
        ),
        Row::new("P39", "u1", json!([add("nickName", "x"), remove("nickName")]), Keeps),
        Row::new("P40", "u1", replace("userName", "JSMITH"), Refused(409, "uniqueness")),
        Row::new("P41", "u1", json!({"op": "move", "path": "title"}), invalid_syntax()),
        Row::raw(
            "P42 empty",
            "u1",
            json!({"schemas": [PATCH], "Operations": []}),
            invalid_syntax(),
        ),
        Row::raw("P42 absent", "u1", json!({"schemas": [PATCH]}), invalid_syntax()),
        Row::raw(
            "P43 (T)",
            "u1",
            json!({"Operations": [replace("title", "CEO")]}),
            Changes(json!({"title": "CEO"})),
        ),
        Row::new("P44 (T)", "u1", replace("nope", "x"), Keeps),
        Row::new("P45", "u1", replace("emails[type gt 1 or]", "x"), Refused(400, "invalidFilter")),
        Row::new("P46", "u1", replace("name", "str"), invalid_value()),
        Row::new("P47", "u1", add("emails", json!([{"value": 5}])), invalid_value()),
        Row {
            query: "?attributes=title",
            ..Row::new(
                "P62",
                "u1",
                replace("title", "CEO"),
                Answers(json!({
                    "schemas": [USER, ENTERPRISE], "id": "{u1}", "title": "CEO",
                })),
            )
        },
        Row::new(
            "P63 (T)",
            "u1",
            json!({"op": "Add", "path": "roles", "value": [{"value": role}]}),
            Changes(json!({"roles": [{"value": role}]})),
        ),
        Row::new(
            "P64 (T)",
            "u1",
            json!({"op": "Replace", "path": "roles[primary eq \"True\"].value", "value": "r1"}),
            Changes(json!({"roles": [{"value": "r1", "primary": true}]})),
        ),
        Row::new(
            "P65 (T)",
            "u1",
            replace(&format!("{ENTERPRISE}.department"), "X"),
            Changes(json!({ENTERPRISE: {
                "employeeNumber": "701984", "department": "X", "manager": {"value": "{u3}"},
            }})),
        ),
    ]
}

/// P48 to P61: members. They compare as id and type.
fn rows_on_members() -> Vec<Row> {
    use Expect::{Changes, Keeps};
    let member = |id: &str| json!([{"value": id}]);
    let (u1, u2, g2) = (["{u1}", "User"], ["{u2}", "User"], ["{g2}", "Group"]);
    let becomes = |list: &[[&str; 2]]| Changes(json!({"members": list}));
    vec![
        Row::new("P48", "g3", add("members", member("{u1}")), becomes(&[u1])),
        Row::new("P49", "g1", add("members", member("{u1}")), Keeps),
        Row::new("P50", "g1", remove("members[value eq \"{u1}\"]"), becomes(&[g2])),
        Row::new("P51", "g1", remove("members[value eq \"zzz\"]"), Keeps),
        Row::new(
            "P52 (T)",
            "g1",
            json!({"op": "Remove", "path": "members", "value": [{"value": "{u1}"}]}),
            becomes(&[g2]),
        ),
        Row::new("P53", "g1", remove("members"), Changes(json!({"members": null}))),
        Row::new(
            "P54",
            "g1",
            replace("members", json!([{"value": "{u2}"}, {"value": "{u1}"}])),
            becomes(&[u1, u2]),
        ),
        Row::new("P55", "g1", replace("members", json!([])), Changes(json!({"members": null}))),
        Row::new("P56", "g1", replace("members[value eq \"{u1}\"].value", "{u2}"), mutability()),
        Row::new(
            "P57",
            "g1",
            json!({"op": "replace", "value": {"id": "{g1}", "displayName": "New"}}),
            Changes(json!({"displayName": "New", "members": [u1, g2]})),
        ),
        Row::new(
            "P58 (T)",
            "g1",
            json!({"op": "replace", "value": {"id": "g9", "displayName": "New"}}),
            Changes(json!({"displayName": "New", "id": "{g1}"})),
        ),
        Row::new(
            "P59",
            "g1",
            add("members", json!([{"value": "{u2}"}, {"value": "unknown"}])),
            invalid_value(),
        ),
        Row::new("P61", "g1", remove("displayName"), mutability()),
    ]
}

/// How many rows run at once.
const AT_ONCE: usize = 4;

async fn every_vector(server: &Server) {
    let rows = [rows_on_values(), rows_on_structure(), rows_on_requests(), rows_on_members()];
    let cases = rows.into_iter().flatten().map(|row| run(server, row));
    let told: Vec<Result<(), String>> =
        futures_util::stream::iter(cases).buffer_unordered(AT_ONCE).collect().await;
    let wrong: Vec<String> = told.into_iter().filter_map(Result::err).collect();
    assert!(wrong.is_empty(), "{} rows on {server:?}:\n{}", wrong.len(), wrong.join("\n"));
}

async fn run(server: &Server, row: Row) -> Result<(), String> {
    let idp = server.idp(IdpKind::Generic).await;
    let names = base(&idp).await;
    let path = format!("{}/{}", row.endpoint(), names.id(row.on));
    let before = idp.get(&path).await.is(200).json();
    let request = idp.request("PATCH", &format!("{path}{}", row.query));
    let answer = idp.send(request.json(&names.fill_json(&row.body))).await;
    let after = idp.get(&path).await.is(200).json();
    let told = match &row.expect {
        Expect::Keeps => keeps(answer.status, &before, &after),
        Expect::Changes(shows) => (answer.status == 200 && answer.json() == after)
            .then_some(())
            .ok_or_else(|| "200 with the resource as GET shows it".into())
            .and_then(|()| changes(&names, shows, &before, &after)),
        Expect::Refused(status, scim_type) => {
            let body = answer.json();
            let same = answer.status == *status && body["scimType"] == **scim_type;
            (same && before == after).then_some(()).ok_or(format!("{status} {scim_type}"))
        }
        Expect::Answers(expect) => {
            let moved = moved(&before, &after);
            let same = answer.status == 200 && answer.json() == names.fill_json(expect);
            (same && moved).then_some(()).ok_or(format!("200 {expect}"))
        }
    };
    // R-DEL-02, P37: whatever happened, the resource is still found.
    let found = idp.find(row.endpoint(), &format!("id eq \"{}\"", names.id(row.on))).await;
    let told = told.and_then(|()| {
        (found.ids() == [names.id(row.on)]).then_some(()).ok_or("the resource in lists".into())
    });
    told.map_err(|expect| format!("{}: wanted {expect}\n{answer}\nafterwards {after}", row.id))
}

/// R-PATCH-09: neither the version nor anything else has moved.
fn keeps(status: u16, before: &Value, after: &Value) -> Result<(), String> {
    let good = (200..300).contains(&status) && before == after;
    good.then_some(()).ok_or(format!("2xx and nothing changed: {before}"))
}

fn changes(names: &Names, shows: &Value, before: &Value, after: &Value) -> Result<(), String> {
    if !moved(before, after) {
        return Err(format!("a new version, a new lastModified, the same created: {before}"));
    }
    let shows = names.fill_json(shows);
    for (key, expect) in shows.as_object().expect("attributes") {
        let got = match key.as_str() {
            "members" if !expect.is_null() => members(after),
            _ => after[key].clone(),
        };
        let expect = if key == "members" { ordered(expect) } else { expect.clone() };
        if !same(&got, &expect) {
            return Err(format!("`{key}`: {expect}, not {got}"));
        }
    }
    Ok(())
}

fn moved(before: &Value, after: &Value) -> bool {
    let part = |resource: &Value, name: &str| resource["meta"][name].clone();
    part(before, "version") != part(after, "version")
        && part(before, "lastModified") != part(after, "lastModified")
        && part(before, "created") == part(after, "created")
}

/// Whether two values are the same, where `primary: false` may be left out (R-ATTR-17) and
/// `$ref` and `display` of references are the server's own.
fn same(got: &Value, expect: &Value) -> bool {
    match (got, expect) {
        (Value::Object(got), Value::Object(expect)) => {
            let known = |key: &str| matches!(key, "$ref" | "displayName" | "primary");
            let extra = |(key, value): (&String, &Value)| {
                expect.contains_key(key) || (known(key) && *value != json!(true))
            };
            got.iter().all(extra)
                && expect.iter().all(|(key, expect)| match got.get(key) {
                    Some(got) => same(got, expect),
                    None => key == "primary" && *expect == json!(false),
                })
        }
        (Value::Array(got), Value::Array(expect)) => {
            got.len() == expect.len() && got.iter().zip(expect).all(|(a, b)| same(a, b))
        }
        _ => got == expect,
    }
}

/// Members as pairs of id and type, in the order of ids.
fn members(group: &Value) -> Value {
    let members = group["members"].as_array().into_iter().flatten();
    ordered(&members.map(|member| json!([member["value"], member["type"]])).collect())
}

fn ordered(pairs: &Value) -> Value {
    let Some(pairs) = pairs.as_array() else { return pairs.clone() };
    let texts: Vec<String> = pairs.iter().map(ToString::to_string).collect();
    json!(sorted(&texts))
}

/// R-PATCH-47: who stays is not written again; R-PATCH-09: what changes nothing is not logged.
async fn p54_replacing_members_writes_the_difference(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let names = base(&idp).await;
    let members = names.fill_json(&json!([{"value": "{u2}"}, {"value": "{u1}"}]));
    let path = format!("/Groups/{}", names.id("g1"));
    idp.patch(&path, replace("members", members.clone())).await.is(200);
    let logged = server.events(idp.at.organization).await;
    let event = logged.iter().find(|event| event.action == "resource.changed").expect("an event");
    let expect = json!({"added": [names.id("u2")], "removed": [names.id("g2")]});
    assert_eq!(event.changes["members"], expect);
    assert_eq!((event.version, event.actor.clone()), (2, idp.token_id.to_string()));

    idp.patch(&path, replace("members", members)).await.is(200);
    let same = idp.get(&path).await.is(200).json();
    idp.put(&path, &same).await.is(200);
    assert_eq!(server.events(idp.at.organization).await.len(), logged.len());
}

/// P60, G-03: one PATCH adds as many members as fit into a body, and no member is lost.
async fn ten_thousand_members_in_one_operation(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let users = many_users(&idp, "crowd", 10_000).await;
    let group = large_group(&idp, "Crowd", &users[..1]).await;
    let path = format!("/Groups/{group}");
    let crowd: Vec<Value> = users.iter().map(|id| json!({"value": id})).collect();
    let answer = idp.patch(&path, add("members", crowd)).await;
    // A group of more than 1,000 members is not sent back unasked.
    assert_eq!(answer.status, 204, "{answer}");
    assert!(answer.took < Duration::from_secs(45), "it took {:?}", answer.took);
    all_are_members(&idp, &path, &users).await;
    let answer = idp
        .patch(
            &format!("{path}?attributes=displayName"),
            remove(&format!("members[value eq \"{}\"]", users[7])),
        )
        .await
        .is(200);
    assert_eq!(answer.json()["displayName"], "Crowd");
    let rest: Vec<String> = users.iter().filter(|id| **id != users[7]).cloned().collect();
    all_are_members(&idp, &path, &rest).await;
}

async fn all_are_members(idp: &Idp, path: &str, users: &[String]) {
    let group = idp.get(path).await.is(200).json();
    assert_eq!(group["members"].as_array().map(Vec::len), Some(users.len()));
    assert!(member_ids(&group) == sorted(users), "other members than were added");
}
