//! PATCH against the standard types: one line for each shape that clients send.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]
#![expect(clippy::needless_pass_by_value, reason = "tables of cases read better without `&`")]

mod spent;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rollcall_schema::{
    Accept, Base, Document, Instant, Link, LinkChange, PatchError, Patched, Profile, ResourceType,
    Schema, TypeDefinition, View, Violation, standard,
};
use serde_json::{Value, json};

use crate::spent::Spent;

/// Strict, but for what the interop profile asks beyond the RFC (R-IOP-03, R-IOP-05).
const RFC: Profile =
    Profile { pathless_patch: true, whole_elements: true, many_elements: true, ..Profile::STRICT };
const BOTH: [Profile; 2] = [Profile::GENERIC, RFC];
const TOLERANT: [Profile; 1] = [Profile::GENERIC];
const STRICT: [Profile; 1] = [Profile::STRICT];
const ENT: &str = standard::ENTERPRISE_USER;

fn ty(name: &str) -> &'static ResourceType {
    standard::types().iter().find(|ty| ty.name() == name).unwrap()
}

fn u1() -> Value {
    json!({
        "externalId": "Ext-001", "userName": "bjensen@Example.com", "active": true,
        "title": "Manager", "userType": "Employee", "displayName": "Babs",
        "name": {"givenName": "Barbara", "familyName": "Jensen"},
        "emails": [
            {"value": "bjensen@example.com", "type": "work", "primary": true},
            {"value": "babs@jensen.org", "type": "home"}],
        ENT: {"employeeNumber": "701984", "department": "Sales", "manager": {"value": "u3"}}
    })
}

fn u2() -> Value {
    json!({
        "externalId": "ext-001", "userName": "jsmith", "active": false, "userType": "Contractor",
        "displayName": "John", "name": {"givenName": "John", "familyName": "O'Malley"},
        "emails": [{"value": "john@example.org", "type": "home"}]
    })
}

fn u3() -> Value {
    json!({"userName": "Müller", "title": "", "displayName": "Straße"})
}

fn g1() -> (Value, Vec<Link>) {
    let link = |id: &str, kind: &str| Link { id: id.into(), kind: kind.into(), display: None };
    (json!({"displayName": "Tour Guides"}), vec![link("u1", "User"), link("g2", "Group")])
}

fn view<'a>(id: &'a str, document: &'a Document, links: &'a [Link]) -> View<'a> {
    let at = Instant::from_millis(0);
    View { id, version: 1, created: at, modified: at, document, links, incoming: &[] }
}

fn run(
    ty: &ResourceType,
    before: (&str, &Value, &[Link]),
    body: Value,
    profile: &Profile,
) -> Result<Patched, PatchError> {
    let (id, before, links) = before;
    let document = Document::from_stored(&before.to_string()).unwrap();
    ty.patch(body, profile)?.apply(ty, &view(id, &document, links), profile)
}

fn request(operations: Value) -> Value {
    let operations = if operations.is_array() { operations } else { json!([operations]) };
    json!({"schemas": [standard::PATCH_OP], "Operations": operations})
}

/// The user `before`, patched, is `before` with `edit`.
#[track_caller]
fn becomes<const N: usize>(
    row: &str,
    profiles: [Profile; N],
    before: Value,
    operations: Value,
    edit: impl Fn(&mut Value),
) {
    let mut expect = before.clone();
    edit(&mut expect);
    for profile in &profiles {
        let patched = run(ty("User"), ("u1", &before, &[]), request(operations.clone()), profile);
        let patched = patched.unwrap_or_else(|error| panic!("{row}: {error}"));
        assert_eq!(Value::Object(patched.document.into_body()), expect, "{row}");
        assert_eq!(patched.links, [], "{row}");
    }
}

#[track_caller]
fn fails<const N: usize>(
    row: &str,
    profiles: [Profile; N],
    before: Value,
    operations: Value,
    expect: &str,
) {
    for profile in &profiles {
        let patched = run(ty("User"), ("u1", &before, &[]), request(operations.clone()), profile);
        let error = patched.expect_err(row);
        assert_eq!(scim_type(&error), expect, "{row}: {error}");
    }
}

fn scim_type(error: &PatchError) -> &'static str {
    match error {
        PatchError::Syntax(_) => "invalidSyntax",
        PatchError::Path { .. } => "invalidPath",
        PatchError::Filter { .. } => "invalidFilter",
        PatchError::NoTarget { .. } => "noTarget",
        PatchError::Violation { violation: Violation::Syntax(_), .. } => "invalidSyntax",
        PatchError::Violation { violation: Violation::Value(_), .. } => "invalidValue",
        PatchError::Violation { violation: Violation::Mutability(_), .. } => "mutability",
        _ => "?",
    }
}

/// What a PATCH makes of the members of G1: `=`, `+` and `-` with ids.
#[track_caller]
fn members<const N: usize>(row: &str, profiles: [Profile; N], operations: Value, expect: &str) {
    let (before, links) = g1();
    for profile in &profiles {
        let body = request(operations.clone());
        let patched = run(ty("Group"), ("g1", &before, &links), body, profile);
        let patched = patched.unwrap_or_else(|error| panic!("{row}: {error}"));
        assert_eq!(Value::Object(patched.document.into_body()), before, "{row}");
        assert_eq!(shown(&patched.links), expect, "{row}");
    }
}

fn shown(links: &[LinkChange]) -> String {
    let list = |sign: &str, ids: &BTreeSet<String>| {
        ids.iter().map(|id| format!("{sign}{id}")).collect::<Vec<_>>().join(" ")
    };
    let shown = links.iter().map(|change| {
        let base = if change.base == Base::Nothing { "=" } else { "" };
        [base.to_owned(), list("+", &change.add), list("-", &change.remove)].join("")
    });
    shown.collect::<Vec<_>>().join("; ")
}

#[track_caller]
fn group_fails<const N: usize>(row: &str, profiles: [Profile; N], operations: Value, expect: &str) {
    let (before, links) = g1();
    for profile in &profiles {
        let body = request(operations.clone());
        let error = run(ty("Group"), ("g1", &before, &links), body, profile).expect_err(row);
        assert_eq!(scim_type(&error), expect, "{row}: {error}");
    }
}

fn unset(value: &mut Value, key: &str) {
    value.as_object_mut().unwrap().remove(key);
}

fn push(list: &mut Value, element: Value) {
    list.as_array_mut().unwrap().push(element);
}

#[test]
fn r_patch_23_41_simple_attributes_are_set() {
    let replace = |path: &str, value: Value| json!({"op": "replace", "path": path, "value": value});
    becomes("P01", BOTH, u1(), replace("title", json!("CEO")), |u| u["title"] = json!("CEO"));
    becomes("P02 R-PATCH-09", BOTH, u1(), replace("title", json!("Manager")), |_| {});
    let add = json!({"op": "add", "value": {"nickName": "B"}});
    becomes("P03 R-PATCH-20", BOTH, u1(), add, |u| u["nickName"] = json!("B"));
    becomes("P26 R-PATCH-12", BOTH, u1(), replace("title", Value::Null), |u| unset(u, "title"));
    becomes("P27 R-ATTR-14", TOLERANT, u1(), replace("title", json!("")), |u| unset(u, "title"));
    becomes("P27", STRICT, u1(), replace("title", json!("")), |u| u["title"] = json!(""));
    let core = replace(&format!("{}:Title", standard::USER), json!("CEO"));
    becomes("R-FILTER-21", BOTH, u1(), core, |u| u["title"] = json!("CEO"));
    becomes("P40", BOTH, u1(), replace("userName", json!("JSMITH")), |u| {
        u["userName"] = json!("JSMITH");
    });
    let add = json!({"op": "add", "path": "title", "value": null});
    becomes("R-PATCH-12 null in add", BOTH, u1(), add, |_| {});
    becomes("R-ATTR-13", BOTH, u1(), replace("title", json!([])), |u| unset(u, "title"));
    let add = json!({"op": "add", "value": {"title": [], "active": [], ENT: []}});
    becomes("R-ATTR-13 nothing in add", BOTH, u1(), add, |_| {});
    fails("a list", BOTH, u1(), replace("title", json!(["CEO"])), "invalidValue");
    let missing = json!({"op": "add", "path": "title"});
    fails("R-PATCH-12", BOTH, u1(), missing, "invalidValue");
}

#[test]
fn r_patch_60_booleans_may_be_text() {
    let active = |value: Value| json!({"op": "Replace", "path": "active", "value": value});
    becomes("P35 E-ENTRA-05", TOLERANT, u1(), active(json!("False")), |u| {
        u["active"] = json!(false)
    });
    becomes("P35", TOLERANT, u2(), active(json!("True")), |u| u["active"] = json!(true));
    fails("P35", STRICT, u1(), active(json!("False")), "invalidValue");
    fails("P36", BOTH, u1(), active(json!("nope")), "invalidValue");
    fails("P36", BOTH, u1(), active(json!("")), "invalidValue");
    let okta = json!({"op": "replace", "value": {"active": false}});
    becomes("P37 E-OKTA-05", BOTH, u1(), okta, |u| u["active"] = json!(false));
}

#[test]
fn r_patch_22_adding_joins_a_list() {
    let add = |value: Value| json!({"op": "add", "path": "emails", "value": value});
    let other = json!({"value": "n@x.io", "type": "other"});
    becomes("P04", BOTH, u1(), add(json!([other])), |u| push(&mut u["emails"], other.clone()));
    let again = json!([{"value": "babs@jensen.org", "type": "home"}]);
    becomes("P05 R-ATTR-18", BOTH, u1(), add(again), |_| {});
    let primary = json!({"value": "p@x.io", "type": "other", "primary": true});
    becomes("P06 R-PATCH-08 R-PATCH-24", BOTH, u1(), add(primary.clone()), |u| {
        u["emails"][0]["primary"] = json!(false);
        push(&mut u["emails"], primary.clone());
    });
    let claim = json!([{"value": "babs@jensen.org", "type": "home", "primary": true}]);
    becomes("R-PATCH-08 an element that is there", BOTH, u1(), add(claim), |u| {
        u["emails"][0]["primary"] = json!(false);
        u["emails"][1]["primary"] = json!(true);
    });
    let two = json!([{"value": "a", "primary": true}, {"value": "b", "primary": true}]);
    fails("R-PATCH-08", STRICT, u1(), add(two.clone()), "invalidValue");
    becomes("R-PATCH-08 the last wins", TOLERANT, u1(), add(two), |u| {
        u["emails"][0]["primary"] = json!(false);
        push(&mut u["emails"], json!({"value": "a", "primary": false}));
        push(&mut u["emails"], json!({"value": "b", "primary": true}));
    });
    becomes("R-PATCH-43", BOTH, u3(), add(json!([other])), |u| u["emails"] = json!([other]));
    becomes("R-PATCH-59", TOLERANT, u3(), add(json!("b@x")), |u| {
        u["emails"] = json!([{"value": "b@x"}])
    });
    let text = json!({"op": "add", "path": "emails", "value": [{"value": "z@contoso.test", "type": "other", "primary": "true"}]});
    becomes("R-PATCH-60", TOLERANT, u3(), text, |u| {
        u["emails"] = json!([{"value": "z@contoso.test", "type": "other", "primary": true}]);
    });
    fails("P47", BOTH, u1(), add(json!([{"value": 5}])), "invalidValue");
    fails("R-ATTR-03", BOTH, u1(), add(json!([{"value": "a", "VALUE": "b"}])), "invalidSyntax");
}

#[test]
fn r_patch_41_replacing_a_list() {
    let replace = |value: Value| json!({"op": "replace", "path": "emails", "value": value});
    let only = json!([{"value": "only@x.io"}]);
    becomes("P07", BOTH, u1(), replace(only.clone()), |u| u["emails"] = only.clone());
    becomes("one object", BOTH, u1(), replace(only[0].clone()), |u| u["emails"] = only.clone());
    becomes("R-ATTR-13", BOTH, u1(), replace(json!([])), |u| unset(u, "emails"));
    becomes("R-ATTR-13", BOTH, u1(), replace(Value::Null), |u| unset(u, "emails"));
    becomes("R-ATTR-15", BOTH, u1(), replace(json!([{}])), |u| unset(u, "emails"));
    let keyed = json!({"op": "replace", "value": {"Emails": only}});
    becomes("R-PATCH-40", BOTH, u1(), keyed, |u| u["emails"] = only.clone());
}

#[test]
fn r_patch_44_45_value_paths() {
    let op = |op: &str, path: &str, value: Value| json!({"op": op, "path": path, "value": value});
    let work = r#"emails[type eq "work"]"#;
    let value = format!("{work}.value");
    becomes("P08", BOTH, u1(), op("replace", &value, json!("new@x.io")), |u| {
        u["emails"][0]["value"] = json!("new@x.io");
    });
    becomes("P09 R-PATCH-44", BOTH, u1(), op("replace", work, json!({"value": "r@x.io"})), |u| {
        u["emails"][0] = json!({"value": "r@x.io", "type": "work"});
    });
    becomes("R-PATCH-25", BOTH, u1(), op("add", work, json!({"display": "d"})), |u| {
        u["emails"][0]["display"] = json!("d");
    });
    becomes(
        "P13 R-PATCH-08",
        BOTH,
        u1(),
        op("replace", r#"emails[type eq "home"].primary"#, json!(true)),
        |u| {
            u["emails"][0]["primary"] = json!(false);
            u["emails"][1]["primary"] = json!(true);
        },
    );
    becomes(
        "R-PATCH-45 every match",
        BOTH,
        u1(),
        op("replace", "emails[value pr].display", json!("d")),
        |u| {
            u["emails"][0]["display"] = json!("d");
            u["emails"][1]["display"] = json!("d");
        },
    );
    becomes("R-PATCH-44 null", BOTH, u1(), op("replace", work, Value::Null), |u| {
        u["emails"] = json!([{"value": "babs@jensen.org", "type": "home"}]);
    });
    becomes(
        "R-ATTR-18",
        BOTH,
        u1(),
        json!([
            op("replace", &value, json!("same@x")),
            op("replace", r#"emails[type eq "home"]"#, json!({"value": "same@x", "type": "work"}))
        ]),
        |u| {
            u["emails"] = json!([{"value": "same@x", "type": "work", "primary": true}]);
        },
    );
    fails(
        "one value has no elements",
        BOTH,
        u1(),
        op("replace", r#"name[givenName eq "x"].familyName"#, json!("y")),
        "invalidPath",
    );
}

#[test]
fn r_patch_25_46_elements_that_are_not_there() {
    let op = |op: &str, path: &str, value: Value| json!({"op": op, "path": path, "value": value});
    let fax = op("replace", r#"emails[type eq "fax"].value"#, json!("f@x.io"));
    fails("P10", STRICT, u1(), fax.clone(), "noTarget");
    becomes("P10 R-PATCH-46", TOLERANT, u1(), fax.clone(), |u| {
        push(&mut u["emails"], json!({"type": "fax", "value": "f@x.io"}));
    });
    becomes("P10 no emails at all", TOLERANT, u3(), fax, |u| {
        u["emails"] = json!([{"type": "fax", "value": "f@x.io"}]);
    });
    let other = op("add", r#"emails[type eq "other"].value"#, json!("o@x.io"));
    becomes("P11 R-PATCH-25", BOTH, u1(), other, |u| {
        push(&mut u["emails"], json!({"type": "other", "value": "o@x.io"}));
    });
    let two =
        op("add", r#"emails[type eq "other" and display eq "d"]"#, json!({"value": "o@x.io"}));
    becomes("R-PATCH-25", BOTH, u1(), two, |u| {
        push(&mut u["emails"], json!({"type": "other", "display": "d", "value": "o@x.io"}));
    });
    for filter in [
        r#"type ne "work""#,
        r#"type eq "a" or type eq "b""#,
        r#"type eq "a" and type eq "b""#,
        "type eq null",
    ] {
        let add = op("add", &format!("phoneNumbers[{filter}].display"), json!("x"));
        fails("P12", BOTH, u3(), add, "noTarget");
    }
    let roles = op("Replace", r#"roles[primary eq "True"].value"#, json!("r1"));
    becomes("P64 E-ENTRA-10", TOLERANT, u1(), roles.clone(), |u| {
        u["roles"] = json!([{"value": "r1", "primary": true}]);
    });
    fails("P64", STRICT, u1(), roles, "invalidFilter");
    let entra = json!([
        op("Replace", r#"phoneNumbers[type eq "work"].value"#, json!("+31201234567")),
        op("Replace", "name.familyName", json!("King"))
    ]);
    becomes("E-ENTRA-30", TOLERANT, u1(), entra, |u| {
        u["phoneNumbers"] = json!([{"type": "work", "value": "+31201234567"}]);
        u["name"]["familyName"] = json!("King");
    });
    let address = op("Replace", r#"addresses[type eq "work"].postalCode"#, json!("1012 AB"));
    becomes("an address has no value", TOLERANT, u1(), address, |u| {
        u["addresses"] = json!([{"type": "work", "postalCode": "1012 AB"}]);
    });
    let clear = op("Replace", r#"phoneNumbers[type eq "work"].value"#, json!(""));
    becomes("clearing makes no element", TOLERANT, u1(), clear, |_| {});
}

#[test]
fn r_patch_64_a_part_of_a_list_without_a_filter() {
    let op = |op: &str, path: &str, value: Value| json!({"op": op, "path": path, "value": value});
    let value = op("replace", "emails.value", json!("x@x"));
    becomes("the only one", BOTH, u2(), value.clone(), |u| u["emails"][0]["value"] = json!("x@x"));
    becomes("the primary", BOTH, u1(), value.clone(), |u| u["emails"][0]["value"] = json!("x@x"));
    becomes("none", TOLERANT, u3(), value.clone(), |u| u["emails"] = json!([{"value": "x@x"}]));
    fails("none", STRICT, u3(), value.clone(), "noTarget");
    let mut several = u1();
    unset(&mut several["emails"][0], "primary");
    fails("several", BOTH, several, value, "invalidPath");
    let display = json!({"op": "remove", "path": "emails.type"});
    becomes("remove from all", BOTH, u1(), display, |u| {
        unset(&mut u["emails"][0], "type");
        unset(&mut u["emails"][1], "type");
    });
    let chosen = json!({"op": "remove", "path": "emails.value", "value": "babs@jensen.org"});
    fails("R-E-20 which one is not said", BOTH, u1(), chosen, "invalidValue");
}

#[test]
fn r_patch_31_to_36_remove() {
    let remove = |path: &str| json!({"op": "remove", "path": path});
    let home = r#"emails[type eq "home"]"#;
    becomes("P14", BOTH, u1(), remove(home), |u| drop(u["emails"].as_array_mut().unwrap().pop()));
    becomes("P15", BOTH, u2(), remove(home), |u| unset(u, "emails"));
    becomes("P16", BOTH, u1(), remove("emails"), |u| unset(u, "emails"));
    becomes("P17", BOTH, u1(), remove(r#"emails[type eq "home"].type"#), |u| {
        unset(&mut u["emails"][1], "type");
    });
    becomes(
        "R-PATCH-36",
        BOTH,
        u2(),
        json!([remove("emails.type"), remove("emails.value")]),
        |u| {
            unset(u, "emails");
        },
    );
    becomes("P18 R-PATCH-33", TOLERANT, u1(), remove(r#"emails[type eq "x"]"#), |_| {});
    fails("P18", STRICT, u1(), remove(r#"emails[type eq "x"]"#), "noTarget");
    fails("P19 R-PATCH-30", BOTH, u1(), json!({"op": "remove"}), "noTarget");
    fails("P20 R-PATCH-32", BOTH, u1(), remove("userName"), "mutability");
    for path in ["id", "meta.created", "meta", "groups", r#"groups[value eq "g1"]"#, "groups.value"]
    {
        fails("P21 R-PATCH-07", BOTH, u1(), remove(path), "mutability");
    }
    becomes("R-PATCH-35", BOTH, u1(), remove("nickName"), |_| {});
    becomes(
        "remove all parts",
        BOTH,
        u1(),
        json!([remove("name.givenName"), remove("name.familyName")]),
        |u| {
            unset(u, "name");
        },
    );
    let listed = json!({"op": "remove", "path": "emails", "value": [{"value": "BABS@jensen.org"}]});
    becomes("R-PATCH-34 for any list", TOLERANT, u1(), listed.clone(), |u| {
        drop(u["emails"].as_array_mut().unwrap().pop());
    });
    fails("R-PATCH-34", STRICT, u1(), listed, "invalidValue");
}

#[test]
fn r_patch_07_read_only_attributes() {
    let replace = |path: &str, value: Value| json!({"op": "replace", "path": path, "value": value});
    fails("P22", BOTH, u1(), replace("id", json!("x")), "mutability");
    fails("P22", BOTH, u1(), replace("meta.version", json!("x")), "mutability");
    fails(
        "P22",
        BOTH,
        u1(),
        replace(&format!("{ENT}:manager.displayName"), json!("x")),
        "mutability",
    );
    let keyed =
        json!({"op": "replace", "value": {"meta": {"version": "1"}, "groups": [], "title": "A"}});
    becomes("ignored by key", TOLERANT, u1(), keyed.clone(), |u| u["title"] = json!("A"));
    fails("by key", STRICT, u1(), keyed, "mutability");
    let password = json!({"op": "replace", "value": {"password": "secret"}});
    becomes("R-RES-07", BOTH, u1(), password, |_| {});
    let password = replace("password", json!("secret"));
    becomes("R-RES-07", BOTH, u1(), password, |_| {});
}

#[test]
fn r_patch_42_complex_values_merge() {
    let name = json!({"op": "replace", "path": "name", "value": {"givenName": "Bea"}});
    becomes("P23 E-SAIL-01", TOLERANT, u1(), name.clone(), |u| {
        u["name"]["givenName"] = json!("Bea")
    });
    becomes("P23 R-IOP-04", STRICT, u1(), name, |u| u["name"] = json!({"givenName": "Bea"}));
    let add = json!({"op": "add", "path": "name", "value": {"givenName": "Bea"}});
    becomes("R-PATCH-23", BOTH, u1(), add, |u| u["name"]["givenName"] = json!("Bea"));
    let middle = json!({"op": "replace", "path": "name.middleName", "value": "Q"});
    becomes("P24", BOTH, u1(), middle, |u| u["name"]["middleName"] = json!("Q"));
    let null = json!({"op": "replace", "value": {"name": {"familyName": null}}});
    becomes("P25", TOLERANT, u1(), null, |u| unset(&mut u["name"], "familyName"));
    fails(
        "P46",
        BOTH,
        u1(),
        json!({"op": "replace", "path": "name", "value": "str"}),
        "invalidValue",
    );
}

#[test]
fn r_ext_04_05_extensions() {
    let op = |op: &str, path: &str, value: Value| json!({"op": op, "path": path, "value": value});
    let number = op("add", &format!("{ENT}:employeeNumber"), json!("9"));
    becomes("P28", BOTH, u2(), number, |u| u[ENT] = json!({"employeeNumber": "9"}));
    let nested = json!({"op": "replace", "value": {ENT: {"department": "Ops"}}});
    becomes("P29", BOTH, u2(), nested.clone(), |u| u[ENT] = json!({"department": "Ops"}));
    becomes("P29 merges", BOTH, u1(), nested, |u| u[ENT]["department"] = json!("Ops"));
    let flag = json!({"op": "replace", "value": {
        (format!("{ENT}:department")): "Ops", "name.givenName": "Jon",
        r#"emails[type eq "work"].value"#: "w@x"}});
    becomes("P30 E-ENTRA-06", TOLERANT, u2(), flag.clone(), |u| {
        u[ENT] = json!({"department": "Ops"});
        u["name"]["givenName"] = json!("Jon");
        push(&mut u["emails"], json!({"type": "work", "value": "w@x"}));
    });
    fails("P30", STRICT, u2(), flag, "invalidSyntax");
    becomes("P31", BOTH, u1(), json!({"op": "remove", "path": ENT}), |u| unset(u, ENT));
    becomes("R-EXT-04", BOTH, u1(), op("replace", ENT, Value::Null), |u| unset(u, ENT));
    becomes("R-ATTR-13", BOTH, u1(), op("replace", ENT, json!([])), |u| unset(u, ENT));
    becomes(
        "R-EXT-04",
        BOTH,
        u1(),
        op("add", &ENT.to_uppercase(), json!({"division": "D"})),
        |u| {
            u[ENT]["division"] = json!("D");
        },
    );
    let all = json!([
        {"op": "remove", "path": format!("{ENT}:employeeNumber")},
        {"op": "remove", "path": format!("{ENT}:department")},
        {"op": "remove", "path": format!("{ENT}:manager")}]);
    becomes("an empty extension is gone", BOTH, u1(), all, |u| unset(u, ENT));
    let dot = op("replace", &format!("{ENT}.department"), json!("X"));
    becomes("P65 R-PATCH-63", TOLERANT, u1(), dot.clone(), |u| u[ENT]["department"] = json!("X"));
    fails("P65", STRICT, u1(), dot, "invalidPath");
}

#[test]
fn r_ext_06_schemas_follow_the_data() {
    let op = |op: &str, value: Value| json!({"op": op, "path": "schemas", "value": value});
    becomes("add", BOTH, u2(), op("add", json!([ENT])), |_| {});
    becomes("remove", BOTH, u1(), op("remove", json!([ENT])), |u| unset(u, ENT));
    becomes("replace", BOTH, u1(), op("replace", json!([standard::USER])), |u| unset(u, ENT));
    let path = json!({"op": "remove", "path": format!(r#"schemas[value eq "{ENT}"]"#)});
    becomes("remove", BOTH, u1(), path, |u| unset(u, ENT));
    let keyed = json!({"op": "replace", "value": {"schemas": [standard::USER], "title": "A"}});
    becomes("a key drops nothing", BOTH, u1(), keyed, |u| u["title"] = json!("A"));
    fails("base", BOTH, u1(), op("remove", json!([standard::USER])), "mutability");
    fails("base", BOTH, u1(), op("remove", Value::Null), "mutability");
    fails("base", BOTH, u1(), op("replace", json!([ENT])), "mutability");
    becomes("E-ENTRA-08", TOLERANT, u1(), op("add", json!(["urn:other"])), |_| {});
    fails("R-COMMON-08", STRICT, u1(), op("add", json!(["urn:other"])), "invalidSyntax");
}

#[test]
fn r_patch_61_managers() {
    let op = |op: &str, value: Value| json!({"op": op, "path": format!("{ENT}:manager"), "value": value});
    let u2 = |u: &mut Value| u[ENT]["manager"] = json!({"value": "u2"});
    becomes("P32", TOLERANT, u1(), op("Add", json!("u2")), u2);
    becomes(
        "P33 E-ENTRA-09",
        TOLERANT,
        u1(),
        op("Add", json!([{"$ref": null, "value": "u2"}])),
        u2,
    );
    becomes("object", BOTH, u1(), op("Add", json!({"value": "u2"})), u2);
    becomes("P34", TOLERANT, u1(), op("Replace", json!("")), |u| unset(&mut u[ENT], "manager"));
    becomes("null", BOTH, u1(), op("Replace", Value::Null), |u| unset(&mut u[ENT], "manager"));
    becomes("remove", BOTH, u1(), op("Remove", Value::Null), |u| unset(&mut u[ENT], "manager"));
    let dot = json!({"op": "Add", "path": format!("{ENT}.manager"), "value": "u2"});
    becomes("E-ENTRA-15", TOLERANT, u1(), dot, u2);
    let part = json!({"op": "replace", "value": {ENT: {"manager.value": "u2"}}});
    becomes("R-PATCH-21", TOLERANT, u1(), part, u2);
    let mut before = u1();
    before[ENT]["manager"] = json!({"value": "u3", "$ref": "../Users/u3"});
    becomes("no `$ref` of another", BOTH, before, op("add", json!({"value": "u2"})), u2);
}

#[test]
fn r_patch_62_role_texts() {
    let add = json!({"op": "Add", "path": "roles", "value": [
        {"value": "{\"id\":\"1\",\"value\":\"Adm\",\"displayName\":\"A\"}"}]});
    becomes("P63", TOLERANT, u1(), add.clone(), |u| u["roles"] = add["value"].clone());
    let open = [Profile { open_role_json: true, ..Profile::GENERIC }];
    becomes("P63", open, u1(), add, |u| u["roles"] = json!([{"value": "Adm", "display": "A"}]));
}

#[test]
fn r_patch_03_all_or_nothing_in_order() {
    let title = json!({"op": "replace", "path": "title", "value": "A"});
    let broken = json!([title, {"op": "replace", "path": "emails[", "value": "x"}]);
    fails("P38 R-PATCH-05", BOTH, u1(), broken, "invalidPath");
    let net = json!([
        {"op": "add", "path": "nickName", "value": "x"}, {"op": "remove", "path": "nickName"}]);
    becomes("P39 R-PATCH-65", BOTH, u1(), net, |_| {});
    let filter = json!({"op": "replace", "path": "emails[type gt 1 or]", "value": "x"});
    fails("P45", BOTH, u1(), filter, "invalidFilter");
    let nope = json!([{"op": "replace", "path": "nope", "value": "x"}, title]);
    becomes("P44 R-PATCH-06", TOLERANT, u1(), nope.clone(), |u| u["title"] = json!("A"));
    fails("P44", STRICT, u1(), nope, "invalidPath");
    let part = json!({"op": "remove", "path": r#"emails[type eq "work"].nope"#});
    becomes("R-PATCH-06", TOLERANT, u1(), part.clone(), |_| {});
    fails("R-PATCH-06", STRICT, u1(), part, "invalidPath");
    let last = json!([{"op": "replace", "path": "userName", "value": null}, title]);
    fails("R-PATCH-10", BOTH, u1(), last, "invalidValue");
}

#[test]
fn errors_name_the_operation() {
    let title = json!({"op": "replace", "path": "title", "value": "A"});
    let bad = json!({"op": "replace", "path": "active", "value": "nope"});
    let body = request(json!([title, bad]));
    let error = run(ty("User"), ("u1", &u1(), &[]), body, &Profile::GENERIC).unwrap_err();
    assert_eq!(
        error.to_string(),
        "/Operations/1/value: `active` must be true or false, not a string"
    );
}

#[test]
fn what_is_left_out_is_noted() {
    let body = request(json!({"op": "replace", "value": {"id": "u9", "nope": 1, "title": "A"}}));
    let patched = run(ty("User"), ("u1", &u1(), &[]), body, &Profile::GENERIC).unwrap();
    let notes: Vec<_> = patched.ignored.iter().map(|note| (&*note.path, note.reason)).collect();
    assert_eq!(notes, [("id", "read-only"), ("nope", "no such attribute")]);
}

#[test]
fn r_patch_01_02_the_message() {
    #[track_caller]
    fn refused(profile: Profile, body: Value) {
        assert!(matches!(ty("User").patch(body, &profile), Err(PatchError::Syntax(_))));
    }
    let title = json!({"op": "replace", "path": "title", "value": "A"});
    for profile in BOTH {
        refused(profile.clone(), request(json!({"op": "move", "path": "title"}))); // P41
        refused(profile.clone(), request(json!({"path": "title"})));
        refused(profile.clone(), request(json!([])));
        refused(profile.clone(), request(json!(["x"])));
        refused(profile.clone(), json!({"schemas": [standard::PATCH_OP]})); // P42
        refused(profile.clone(), json!({"schemas": [standard::PATCH_OP], "active": false}));
        refused(profile.clone(), json!({}));
        refused(profile.clone(), json!({"nope": 1}));
        refused(profile.clone(), json!([]));
        refused(profile.clone(), json!({"schemas": [standard::PATCH_OP], "Operations": title}));
        refused(
            profile,
            json!({"schemas": [standard::PATCH_OP], "Operations": [title], "operations": [title]}),
        );
    }
    for schemas in [json!([]), Value::Null, json!([standard::USER])] {
        let body = json!({"schemas": schemas, "Operations": [title]});
        refused(Profile::STRICT, body.clone());
        assert!(ty("User").patch(body, &Profile::GENERIC).is_ok()); // P43
    }
    let cased = json!({"SCHEMAS": [standard::PATCH_OP.to_uppercase()], "operations": [
        {"OP": "Replace", "Path": "TITLE", "Value": "A", "name": "x"}], "id": "x"});
    for profile in BOTH {
        let patched = run(ty("User"), ("u1", &u1(), &[]), cased.clone(), &profile).unwrap();
        assert_eq!(patched.document.body()["title"], "A"); // R-ATTR-02, E-ENTRA-16
    }
    let bare = json!({"active": false});
    refused(Profile::STRICT, bare.clone());
    let patched = run(ty("User"), ("u1", &u1(), &[]), bare, &Profile::GENERIC).unwrap();
    assert_eq!(patched.document.body()["active"], false);
}

#[test]
fn r_patch_22_47_members_are_sets() {
    let op = |op: &str, path: &str, value: Value| json!({"op": op, "path": path, "value": value});
    members("P48", BOTH, op("add", "members", json!([{"value": "u9"}])), "+u9");
    members("P49", BOTH, op("add", "members", json!([{"value": "u1"}])), "+u1");
    members("R-PATCH-59", TOLERANT, op("add", "members", json!("u9")), "+u9");
    members("R-PATCH-59", TOLERANT, op("add", "members", json!(["u8", "u9"])), "+u8 +u9");
    members(
        "E-ENTRA-08",
        BOTH,
        op("Add", "members", json!([{"$ref": null, "value": "u9"}])),
        "+u9",
    );
    members(
        "one object",
        BOTH,
        op("add", "members", json!({"value": "u9", "type": "User"})),
        "+u9",
    );
    members(
        "P54",
        BOTH,
        op("replace", "members", json!([{"value": "u2"}, {"value": "u1"}])),
        "=+u1 +u2",
    );
    members("P55", BOTH, op("replace", "members", json!([])), "=");
    members("P55", BOTH, op("replace", "members", Value::Null), "=");
    members("by key", BOTH, json!({"op": "add", "value": {"members": [{"value": "u9"}]}}), "+u9");
    members("P59", BOTH, op("add", "members", json!([{"value": "unknown"}])), "+unknown");
    members(
        "R-PATCH-03",
        BOTH,
        json!([
            op("add", "members", json!([{"value": "a"}, {"value": "b"}])),
            op("remove", r#"members[value eq "a"]"#, Value::Null),
            op("remove", r#"members[value eq "u1"]"#, Value::Null),
            op("add", "members", json!([{"value": "u1"}]))
        ]),
        "+b +u1-a",
    );
    group_fails("no id", BOTH, op("add", "members", json!([{"display": "x"}])), "invalidValue");
    group_fails("no id", STRICT, op("add", "members", json!(["u9"])), "invalidValue");
}

#[test]
fn r_patch_33_34_53_members_are_removed() {
    let remove = |path: &str| json!({"op": "remove", "path": path});
    let listed = |value: Value| json!({"op": "Remove", "path": "members", "value": value});
    members("P50", BOTH, remove(r#"members[value eq "u1"]"#), "-u1");
    members("P51", BOTH, remove(r#"members[value eq "zzz"]"#), "-zzz");
    members("or", BOTH, remove(r#"members[value eq "u1" or value eq "u2"]"#), "-u1 -u2");
    members("P52 E-ENTRA-05", TOLERANT, listed(json!([{"$ref": null, "value": "u1"}])), "-u1");
    members("R-PATCH-34", TOLERANT, listed(json!({"value": "u1"})), "-u1");
    members("R-PATCH-34", TOLERANT, listed(json!("[{\"value\":\"u1\"}]")), "-u1");
    members("R-PATCH-34", TOLERANT, listed(json!("u1")), "-u1");
    members("R-E-20 an empty list", TOLERANT, listed(json!([])), "");
    members("R-E-20 an empty text", TOLERANT, listed(json!("")), "");
    group_fails("R-E-20", STRICT, listed(json!([{"value": "u1"}])), "invalidValue");
    members("P53", BOTH, remove("members"), "=");
    members("P53 null", BOTH, listed(Value::Null), "=");
    members("by type", BOTH, remove(r#"members[type eq "Group"]"#), "-g2");
    members("by type and id", BOTH, remove(r#"members[value eq "u1" and type eq "Group"]"#), "");
    let added = json!([
        {"op": "add", "path": "members", "value": [{"value": "u9"}]}, remove("members[value pr]")]);
    members("added before", BOTH, added, "-g2 -u1 -u9");
    let replaced = json!([
        {"op": "replace", "path": "members", "value": [{"value": "u9"}, {"value": "g2"}]},
        remove(r#"members[type eq "Group"]"#)]);
    members("replaced before", BOTH, replaced, "=+u9");
    let nul = remove("members[value eq \"a\\u0000\"]");
    group_fails("U+0000", BOTH, nul, "invalidFilter");
}

/// What joins on the way is picked as if it stood, by everything that rows show.
#[test]
fn r_patch_03_relations_are_picked_as_earlier_operations_left_them() {
    let (before, links) = g1();
    let document = Document::from_stored(&before.to_string()).unwrap();
    let add = json!({"op": "add", "path": "members", "value": [{"value": "u8"}, {"value": "u9"}]});
    let replace = json!({"op": "replace", "path": "members", "value": [{"value": "u9"}]});
    let remove = |filter: &str| json!({"op": "remove", "path": format!("members[{filter}]")});
    let u1 = json!({"op": "remove", "path": "members[value eq \"u1\"]"});
    let check = |operations: Value, joins: &[&str], expect: &str| {
        let link = |id: &&str| {
            let display = Some(format!("Name of {id}"));
            Link { id: (*id).into(), kind: "User".into(), display }
        };
        let patch = ty("Group").patch(request(operations.clone()), &Profile::GENERIC).unwrap();
        assert_eq!(patch.joining().into_iter().collect::<Vec<_>>(), joins, "{operations}");
        let joining: Vec<_> = joins.iter().map(link).collect();
        let seen = view("g1", &document, &links);
        let among = patch.apply_among(ty("Group"), &seen, &joining, &Profile::GENERIC);
        assert_eq!(shown(&among.unwrap().links), expect, "{operations}");
    };
    let both = ["u8", "u9"];
    check(json!([add, remove("type eq \"User\"")]), &both, "-u1 -u8 -u9");
    check(json!([add, remove("type eq \"Group\"")]), &both, "+u8 +u9-g2");
    check(json!([add, remove("display eq \"Name of u9\"")]), &both, "+u8-u9");
    check(json!([add, remove("$ref ew \"/u9\"")]), &both, "+u8-u9");
    check(json!([replace, remove("type eq \"User\"")]), &["u9"], "=");
    check(json!([replace, remove("type eq \"Group\"")]), &["u9"], "=+u9");
    check(json!([u1, remove("type eq \"User\"")]), &[], "-u1");
    check(json!([remove("type eq \"User\""), add]), &[], "+u8 +u9-u1");
}

#[test]
fn r_e_20_a_filter_that_cannot_be_read_finds_nothing() {
    // A misspelt name must not turn `ne` into "everyone".
    let remove = |path: &str| json!({"op": "remove", "path": path});
    for filter in [r#"valeu ne "u1""#, r#"not (valeu eq "u1")"#, r#"type pr and valeu ne "u1""#] {
        let path = format!("members[{filter}]");
        members("R-PATCH-06", TOLERANT, remove(&path), "");
        group_fails("R-PATCH-06", STRICT, remove(&path), "invalidFilter");
        let (before, links) = g1();
        let body = request(remove(&path));
        let patched = run(ty("Group"), ("g1", &before, &links), body, &Profile::GENERIC).unwrap();
        assert_eq!(patched.ignored[0].path, "members.valeu");
    }
    for verb in ["remove", "replace", "add"] {
        let path = r#"emails[tpye ne "fax"].display"#;
        let part = json!({"op": verb, "path": path, "value": "x"});
        becomes("R-PATCH-06", TOLERANT, u1(), part, |_| {});
        let whole =
            json!({"op": verb, "path": r#"emails[tpye ne "fax"]"#, "value": {"value": "x"}});
        becomes("R-PATCH-06", TOLERANT, u1(), whole, |_| {});
    }
}

#[test]
fn r_patch_48_members_are_not_altered_in_place() {
    let op = |op: &str, path: &str, value: Value| json!({"op": op, "path": path, "value": value});
    let u1 = r#"members[value eq "u1"]"#;
    group_fails("P56", BOTH, op("replace", &format!("{u1}.value"), json!("u2")), "mutability");
    group_fails("part", BOTH, op("replace", "members.value", json!("u2")), "mutability");
    group_fails("part", BOTH, json!({"op": "remove", "path": format!("{u1}.type")}), "mutability");
    group_fails("display", BOTH, op("replace", &format!("{u1}.display"), json!("x")), "mutability");
    group_fails("other id", BOTH, op("replace", u1, json!({"value": "u2"})), "mutability");
    members("same id", TOLERANT, op("replace", u1, json!({"value": "u1"})), "+u1");
    members(
        "R-PATCH-25",
        BOTH,
        op("add", r#"members[value eq "u9"]"#, json!({"type": "User"})),
        "+u9",
    );
}

#[test]
fn e_okta_07_groups() {
    let (before, links) = g1();
    let rename =
        |id: &str| request(json!({"op": "replace", "value": {"id": id, "displayName": "New"}}));
    for profile in &BOTH {
        let patched = run(ty("Group"), ("g1", &before, &links), rename("g1"), profile).unwrap();
        assert_eq!(patched.document.body()["displayName"], "New", "P57");
    }
    let patched = run(ty("Group"), ("g1", &before, &links), rename("g9"), &Profile::GENERIC);
    assert_eq!(patched.unwrap().document.body()["displayName"], "New", "P58");
    let operation = json!({"op": "replace", "value": {"id": "g9", "displayName": "New"}});
    group_fails("P58", STRICT, operation, "mutability");
    group_fails("P61", BOTH, json!({"op": "remove", "path": "displayName"}), "mutability");
}

#[test]
fn r_filter_24_filters_in_paths_are_bounded() {
    // R-PATCH-05
    let remove = |filter: &str| json!({"op": "remove", "path": format!("emails[{filter}]")});
    let deep = format!("{}type pr{}", "(".repeat(40), ")".repeat(40));
    fails("R-FILTER-24", BOTH, u1(), remove(&deep), "invalidFilter");
    let long = format!("type eq \"x\"{}", " or value pr".repeat(200));
    fails("R-FILTER-24", BOTH, u1(), remove(&long), "invalidFilter");
    let path = json!({"op": "remove", "path": format!("{}title", "(".repeat(40))});
    fails("R-PATCH-05", BOTH, u1(), path, "invalidPath");
}

#[test]
fn rows_are_asked_for_only_where_ids_do_not_do() {
    let needs = |path: &str| {
        let body = request(json!({"op": "remove", "path": path}));
        let patch = ty("Group").patch(body, &Profile::GENERIC).unwrap();
        (patch.touches_links(), patch.needs_links())
    };
    assert_eq!(needs("externalId"), (false, false));
    assert_eq!(needs("members"), (true, false));
    assert_eq!(needs(r#"members[value eq "u1" or value eq "u2"]"#), (true, false));
    assert_eq!(needs(r#"members[type eq "User"]"#), (true, true));
}

#[test]
fn a_patch_may_be_applied_again() {
    let ty = ty("User");
    let document = Document::from_stored(&u1().to_string()).unwrap();
    let body = request(json!({"op": "add", "path": "emails", "value": [{"value": "n@x.io"}]}));
    let patch = ty.patch(body, &Profile::GENERIC).unwrap();
    let once = patch.apply(ty, &view("u1", &document, &[]), &Profile::GENERIC).unwrap();
    let again = patch.apply(ty, &view("u1", &once.document, &[]), &Profile::GENERIC).unwrap();
    assert_eq!(again.document, once.document);
}

#[test]
fn what_accept_makes_is_what_patch_keeps() {
    let ty = ty("User");
    let body = json!({"userName": "x", ENT: {"manager": {"value": "m", "$ref": "../Users/m"}}});
    let accepted = ty.accept(body, Accept::Create, &Profile::GENERIC).unwrap();
    let seen = view("u1", &accepted.document, &[]);
    let body = request(json!({"op": "replace", "value": accepted.document.body()}));
    let patched = ty.patch(body, &Profile::GENERIC).unwrap().apply(ty, &seen, &Profile::GENERIC);
    assert_eq!(patched.unwrap().document, accepted.document);
}

#[test]
fn p60_ten_thousand_members_in_one_operation() {
    let ids: Vec<_> = (0..10_000).map(|id| json!({"value": format!("u{id}")})).collect();
    let begun = Spent::now();
    for op in ["add", "replace", "remove"] {
        let (before, links) = g1();
        let body = request(json!({"op": op, "path": "members", "value": ids}));
        let patched = run(ty("Group"), ("g1", &before, &links), body, &Profile::GENERIC).unwrap();
        let change = &patched.links[0];
        assert_eq!(change.add.len() + change.remove.len(), 10_000);
    }
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn many_operations_on_a_long_list_end_soon() {
    let elements: Vec<_> = (0..20_000).map(|id| json!({"value": format!("r{id}")})).collect();
    let mut operations = vec![json!({"op": "add", "path": "roles", "value": elements})];
    let again = json!({"op": "replace", "path": "roles[value pr].display", "value": "x"});
    operations.resize(2_000, again);
    let begun = Spent::now();
    fails("R-E-17", TOLERANT, u1(), Value::Array(operations), "invalidValue");
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[track_caller]
fn ends_soon(name: &str, before: Value, operations: Vec<Value>, seconds: u64) -> bool {
    let ty = ty(if before.get("userName").is_some() { "User" } else { "Group" });
    let body = request(Value::Array(operations));
    let begun = Spent::now();
    let done = run(ty, ("r1", &before, &[]), body, &Profile::GENERIC).is_ok();
    let spent = begun.elapsed();
    assert!(spent < Duration::from_secs(seconds), "{name} took {spent:?}");
    done
}

#[test]
fn long_texts_and_filters_count_as_much_as_long_lists() {
    // R-E-17: the work stays in proportion to the request and the resource.
    let roles = |value: &str| json!({"userName": "u", "roles": [{"value": value}]});
    let op = |op: &str, path: &str, value: &str| json!({"op": op, "path": path, "value": value});
    let found = op("replace", r#"roles[value eq "x" or value pr].display"#, "x");
    let huge = "X".repeat(1_000_000);
    assert!(!ends_soon("a long text", roles(&huge), vec![found.clone(); 10_000], 40));
    assert!(ends_soon("a short text", roles("r"), vec![found; 10_000], 20));
    let added = (0..600).map(|at| op("add", "roles", &format!("r{at}"))).collect();
    assert!(!ends_soon("a long text", roles(&huge), added, 40));

    let any: Vec<_> = (0..190).map(|at| format!("value eq \"{at}\"")).collect();
    let any = any.join(" or ");
    let list: Vec<_> = (0..1_000).map(|at| json!({"value": format!("r{at}")})).collect();
    let users = json!({"userName": "u", "roles": list});
    let found = op("replace", &format!("roles[({any}) or value pr].display"), "x");
    assert!(!ends_soon("a long filter", users, vec![found; 300], 40));

    let ids: Vec<_> = (0..10_000).map(|at| json!({"value": format!("u{at}")})).collect();
    let mut operations = vec![json!({"op": "add", "path": "members", "value": ids})];
    operations.resize(10_000, json!({"op": "remove", "path": r#"members[type eq "x"]"#}));
    assert!(!ends_soon("added members", json!({"displayName": "g"}), operations, 40));
}

#[test]
fn ten_thousand_operations_of_one_member_each() {
    // R-E-17: 10,000 member changes fit one PATCH, however they are cut up.
    let group = || json!({"displayName": "g"});
    for shape in ["add", "remove", "filter"] {
        let operation = |at: usize| match shape {
            "filter" => json!({"op": "remove", "path": format!("members[value eq \"u{at}\"]")}),
            op => json!({"op": op, "path": "members", "value": [{"value": format!("u{at}")}]}),
        };
        assert!(ends_soon(shape, group(), (0..10_000).map(operation).collect(), 10));
    }
}

#[test]
fn long_lists_of_what_to_remove() {
    // R-PATCH-34: linear where elements have values to be told apart by.
    let role = |at: usize| json!({"value": format!("R{at}"), "type": "t"});
    let user = json!({"userName": "u", "roles": (0..4_000).map(role).collect::<Vec<_>>()});
    let listed = (2_000..6_000).map(|at| json!({"value": format!("r{at}")})).collect::<Vec<_>>();
    let body = request(json!({"op": "remove", "path": "roles", "value": listed}));
    let begun = Spent::now();
    let patched = run(ty("User"), ("u1", &user, &[]), body, &Profile::GENERIC).unwrap();
    assert_eq!(patched.document.body()["roles"].as_array().unwrap().len(), 2_000);
    assert!(begun.elapsed() < Duration::from_secs(10));
    let listed: Vec<_> = (0..4_000).map(|at| json!({"type": format!("x{at}")})).collect();
    let operation = json!({"op": "remove", "path": "roles", "value": listed});
    assert!(!ends_soon("without values", user, vec![operation], 10));
}

/// A type with what the standard ones lack.
fn badge() -> ResourceType {
    let schemas: Vec<Schema> = serde_json::from_value(json!([
        {"id": "urn:b", "attributes": [
            {"name": "serial", "mutability": "immutable"},
            {"name": "keys", "type": "complex", "multiValued": true, "mutability": "immutable",
                "subAttributes": [{"name": "value"}, {"name": "display"}]},
            {"name": "doors", "type": "complex", "multiValued": true, "required": true, "subAttributes": [
                {"name": "value", "required": true},
                {"name": "display", "mutability": "immutable"}]}]},
        {"id": "urn:x", "attributes": [{"name": "site", "required": true}]},
        {"id": "urn:y", "attributes": [
            {"name": "since", "mutability": "immutable"}, {"name": "until"}]}
    ]))
    .unwrap();
    let definition: TypeDefinition = serde_json::from_value(json!({
        "id": "Badge", "name": "Badge", "endpoint": "/Badges", "schema": "urn:b",
        "schemaExtensions": [{"schema": "urn:x", "required": true}, {"schema": "urn:y"}]}))
    .unwrap();
    let schemas: Vec<_> = schemas.into_iter().map(Arc::new).collect();
    ResourceType::compile(&definition, &schemas).unwrap()
}

#[test]
fn r_patch_07_26_32_48_immutable_and_required_attributes() {
    let ty = badge();
    let before = || json!({"serial": "s1", "doors": [{"value": "d1", "display": "Door"}], "urn:x": {"site": "A"}});
    let run = |before: &Value, operation: &Value| {
        let outcome = BOTH.map(|profile| {
            let body = request(operation.clone());
            match run(&ty, ("b1", before, &[]), body, &profile) {
                Ok(patched) => Value::Object(patched.document.into_body()),
                Err(error) => json!(scim_type(&error)),
            }
        });
        assert_eq!(outcome[0], outcome[1], "both profiles agree on {operation}");
        outcome[0].clone()
    };
    let replace = |path: &str, value: Value| json!({"op": "replace", "path": path, "value": value});
    let remove = |path: &str| json!({"op": "remove", "path": path});
    let door = r#"doors[value eq "d1"]"#;
    for refused in [
        replace("serial", json!("s2")),
        replace("serial", Value::Null),
        remove("serial"),
        replace(&format!("{door}.display"), json!("Gate")),
        replace(door, json!({"value": "d1", "display": "Gate"})),
        json!({"op": "add", "path": "doors", "value": [{"value": "d1", "display": "Gate"}]}),
        remove("doors"),
        remove(door),
        remove(&format!("{door}.value")),
        remove("urn:x"),
        remove("urn:x:site"),
    ] {
        assert_eq!(run(&before(), &refused), "mutability", "{refused}");
    }
    let same = json!([replace("serial", json!("s1")), replace(door, json!({"value": "d1"}))]);
    assert_eq!(run(&before(), &same), before());
    let mut unset = before();
    unset.as_object_mut().unwrap().remove("serial");
    let add = json!({"op": "add", "path": "serial", "value": "s1"});
    assert_eq!(run(&unset, &add), before());
    let mut fixed = before();
    fixed["keys"] = json!([{"value": "k1", "display": "Key"}]);
    fixed["urn:y"] = json!({"since": "2020", "until": "2030"});
    let key = r#"keys[value eq "k1"]"#;
    for refused in [
        remove(key),
        remove(&format!("{key}.display")),
        replace(key, json!({"value": "k2"})),
        replace("keys.value", json!("k2")),
        remove("keys"),
        json!({"op": "add", "path": "keys", "value": [{"value": "k2"}]}),
        remove("urn:y"),
        remove("urn:y:since"),
        replace("urn:y", Value::Null),
        remove(r#"schemas[value eq "urn:y"]"#),
    ] {
        assert_eq!(run(&fixed, &refused), "mutability", "{refused}");
    }
    for same in [
        replace(&format!("{key}.value"), json!("k1")),
        json!({"op": "add", "path": "keys", "value": [{"value": "k1"}]}),
        replace("urn:y", json!({"since": "2020"})),
    ] {
        assert_eq!(run(&fixed, &same), fixed, "{same}");
    }
    assert_eq!(run(&before(), &remove("urn:y")), before());
    assert_eq!(run(&before(), &replace("urn:x", Value::Null)), "invalidValue");
    assert_eq!(run(&before(), &replace("doors", json!([]))), "invalidValue");
}
