//! Every switch of a profile in both positions.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
#![expect(clippy::needless_pass_by_value, reason = "tables of cases read better without `&`")]

use rollcall_filter::parse_filter;
use rollcall_schema::{
    Accept, Catalog, Definitions, Document, Instant, Link, PatchError, Profile, ResourceType,
    Uniqueness, View, Violation, standard,
};
use serde_json::{Value, json};

/// Switches that only a server reads; its own tests show both positions.
const OF_THE_SERVER: [&str; 3] = ["plusHeuristic", "quietRelationPatch", "interop"];

type Case = (&'static str, fn(&Profile) -> String, &'static str, &'static str);

/// The switch, what is done, and what comes of it with the switch off and on.
const CASES: &[Case] = &[
    // R-IOP-02, R-POST-11, R-PATCH-06, R-FILTER-18, R-COMMON-08
    ("refuseUnknown", |p| create(json!({"nope": 1}), "nope", p), "null", "invalidSyntax"),
    ("refuseUnknown", |p| create(schemas("urn:nope"), "nope", p), "null", "invalidSyntax"),
    ("refuseUnknown", |p| patch(replace("nope", json!(1)), "nope", p), "null", "invalidPath"),
    ("refuseUnknown", |p| filter(r#"nope eq "x""#, p), "false", "invalidFilter"),
    // R-COMMON-08
    ("schemasOptional", |p| create_bare("userName", p), "invalidSyntax", r#""u""#),
    ("schemasOptional", |p| patch_bare(false, p), "invalidSyntax", r#""CEO""#),
    // R-PATCH-60, R-FILTER-10
    (
        "stringBooleans",
        |p| create(json!({"active": "False"}), "active", p),
        "invalidValue",
        "false",
    ),
    ("stringBooleans", |p| filter(r#"active eq "True""#, p), "invalidFilter", "true"),
    // R-ATTR-14
    ("emptyStringClears", |p| patch(replace("title", json!("")), "title", p), r#""""#, "null"),
    // R-ATTR-17, R-PATCH-08
    ("lastPrimaryWins", |p| create(two_primaries(), "emails.1.primary", p), "invalidValue", "true"),
    (
        "lastPrimaryWins",
        |p| patch(add("emails", two_mails()), "emails.3.primary", p),
        "invalidValue",
        "true",
    ),
    // R-PATCH-59, R-PATCH-61
    ("bareValues", |p| create(json!({"ims": ["a"]}), "ims.0.value", p), "invalidValue", r#""a""#),
    (
        "bareValues",
        |p| patch(replace(MANAGER, json!("u9")), MANAGER_VALUE, p),
        "invalidValue",
        r#""u9""#,
    ),
    // R-PATCH-46
    (
        "createMissing",
        |p| patch(replace(FAX, json!("f")), "phoneNumbers.0.value", p),
        "noTarget",
        r#""f""#,
    ),
    // R-PATCH-33
    (
        "unmatchedRemove",
        |p| patch(remove(r#"emails[type eq "x"]"#, Value::Null), "title", p),
        "noTarget",
        r#""Boss""#,
    ),
    // R-PATCH-34, R-E-20
    (
        "removeListed",
        |p| patch(remove("emails", json!([{"value": "b"}])), "emails.0.value", p),
        "invalidValue",
        r#""a""#,
    ),
    (
        "removeListed",
        |p| members(remove("members", json!([{"value": "u1"}])), p),
        "invalidValue",
        "-u1",
    ),
    // R-PATCH-21
    (
        "keysAsPaths",
        |p| patch(whole(json!({"name.givenName": "Ada"})), "name.givenName", p),
        "null",
        r#""Ada""#,
    ),
    // R-PATCH-01
    ("barePatch", |p| patch_bare(true, p), "invalidSyntax", r#""CEO""#),
    // R-IOP-03, R-PATCH-20, R-PATCH-40
    (
        "pathlessPatch",
        |p| patch(whole(json!({"title": "CEO"})), "title", p),
        "invalidSyntax",
        r#""CEO""#,
    ),
    ("pathlessPatch", |p| patch(json!({"op": "remove"}), "title", p), "noTarget", "noTarget"),
    // R-PATCH-07, R-PUT-03
    (
        "ignoreReadOnly",
        |p| patch(whole(json!({"groups": []})), "title", p),
        "mutability",
        r#""Boss""#,
    ),
    ("ignoreReadOnly", put_other_id, "mutability", r#""u""#),
    // R-IOP-05, R-PATCH-44
    (
        "wholeElements",
        |p| patch(replace(A_MAIL, json!({"value": "c"})), "emails.0.value", p),
        "invalidPath",
        r#""c""#,
    ),
    (
        "wholeElements",
        |p| patch(add(A_MAIL, json!({"display": "c"})), "emails.0.display", p),
        "invalidPath",
        r#""c""#,
    ),
    (
        "wholeElements",
        |p| patch(remove(A_MAIL, Value::Null), "emails.0.value", p),
        r#""b""#,
        r#""b""#,
    ),
    (
        "manyElements",
        |p| patch(replace("emails[value pr].display", json!("d")), "emails.1.display", p),
        "invalidFilter",
        r#""d""#,
    ),
    (
        "manyElements",
        |p| patch(remove("emails[value pr]", Value::Null), "emails", p),
        "invalidFilter",
        "null",
    ),
    (
        "manyElements",
        |p| patch(replace(A_DISPLAY, json!("d")), "emails.0.display", p),
        r#""d""#,
        r#""d""#,
    ),
    (
        "manyElements",
        |p| members(remove("members[value pr]", Value::Null), p),
        "invalidFilter",
        "-u1-u2",
    ),
    ("manyElements", |p| members(remove(TWO_MEMBERS, Value::Null), p), "invalidFilter", "-u1-u2"),
    ("manyElements", |p| members(remove(ONE_MEMBER, Value::Null), p), "-u1", "-u1"),
    // R-FILTER-05, R-FILTER-10, R-FILTER-11, R-FILTER-15, R-FILTER-26, R-PATCH-63
    ("looseFilters", |p| filter("title eq 5", p), "invalidFilter", "false"),
    ("looseFilters", |p| filter(r#"manager eq "m""#, p), "false", "true"),
    ("looseFilters", |p| patch(replace(DOTTED, json!("X")), DEPARTMENT, p), r#""Ops""#, r#""X""#),
    // R-PATCH-42, R-IOP-04
    (
        "replaceWhole",
        |p| patch(replace("name", json!({"givenName": "Bea"})), "name.familyName", p),
        r#""Jensen""#,
        "null",
    ),
    (
        "replaceWhole",
        |p| patch(add("name", json!({"givenName": "Bea"})), "name.familyName", p),
        r#""Jensen""#,
        r#""Jensen""#,
    ),
    // R-PUT-11
    ("keepOmittedRelations", put_without_members, "emptied", "kept"),
    // R-PATCH-62
    ("openRoleJson", |p| patch(add("roles", role()), "roles.0.display", p), "null", r#""A""#),
    ("uniqueNames", group_names, "None", "Server"),
];

const MANAGER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager";
const MANAGER_VALUE: &str =
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User|manager.value";
const DOTTED: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User.department";
const DEPARTMENT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User|department";
const FAX: &str = r#"phoneNumbers[type eq "fax"].value"#;
const A_MAIL: &str = r#"emails[value eq "a"]"#;
const A_DISPLAY: &str = r#"emails[value eq "a"].display"#;
const ONE_MEMBER: &str = r#"members[value eq "u1" or value eq "u1"]"#;
const TWO_MEMBERS: &str = r#"members[value eq "u1" or value eq "u2"]"#;

#[test]
fn every_switch_does_what_it_says_in_both_positions() {
    for (switch, act, off, on) in CASES {
        for (position, expect) in [(false, off), (true, on)] {
            let mut profile = Profile::GENERIC;
            profile.set(switch, position).unwrap();
            if *switch == "barePatch" {
                profile.schemas_optional = true;
            }
            assert_eq!(act(&profile), *expect, "{switch} {position}");
        }
    }
}

#[test]
fn every_switch_has_a_case() {
    let tested = |name: &&str| CASES.iter().any(|(switch, ..)| switch == name);
    for switch in Profile::switches() {
        let of_the_server = OF_THE_SERVER.contains(&switch.name);
        assert_ne!(tested(&switch.name), of_the_server, "{}", switch.name);
    }
    for name in OF_THE_SERVER {
        assert!(Profile::GENERIC.get(name).is_some(), "{name}");
    }
}

fn ty(name: &str) -> &'static ResourceType {
    Catalog::standard().ty(name).unwrap()
}

/// What stands at a dotted path; the URN of an extension ends with `|`.
fn at(document: &Document, path: &str) -> String {
    let (urn, rest) = path.split_once('|').unwrap_or(("", path));
    let body = Value::Object(document.body().clone());
    let mut value = if urn.is_empty() { &body } else { &body[urn] };
    for name in rest.split('.') {
        value = match name.parse::<usize>() {
            Ok(place) => &value[place],
            Err(_) => &value[name],
        };
    }
    value.to_string()
}

fn violation(violation: &Violation) -> String {
    match violation {
        Violation::Syntax(_) => "invalidSyntax",
        Violation::Mutability(_) => "mutability",
        _ => "invalidValue",
    }
    .to_owned()
}

fn refusal(error: &PatchError) -> String {
    match error {
        PatchError::Path { .. } => "invalidPath",
        PatchError::Filter { .. } => "invalidFilter",
        PatchError::NoTarget { .. } => "noTarget",
        PatchError::Violation { violation: inner, .. } => return violation(inner),
        _ => "invalidSyntax",
    }
    .to_owned()
}

fn accept(kind: &str, body: Value, how: Accept<'_>, path: &str, profile: &Profile) -> String {
    match ty(kind).accept(body, how, profile) {
        Ok(accepted) => at(&accepted.document, path),
        Err(error) => violation(&error),
    }
}

fn create(with: Value, path: &str, profile: &Profile) -> String {
    let mut body = json!({"schemas": [standard::USER], "userName": "u"});
    for (name, value) in with.as_object().unwrap() {
        body[name] = value.clone();
    }
    accept("User", body, Accept::Create, path, profile)
}

fn create_bare(path: &str, profile: &Profile) -> String {
    accept("User", json!({"userName": "u"}), Accept::Create, path, profile)
}

fn user() -> Document {
    let body = json!({
        "userName": "u", "active": true, "title": "Boss",
        "name": {"familyName": "Jensen"}, "emails": [{"value": "a"}, {"value": "b"}],
        standard::ENTERPRISE_USER: {"department": "Ops", "manager": {"value": "m"}},
    });
    Document::from_stored(&body.to_string()).unwrap()
}

fn view<'a>(document: &'a Document, links: &'a [Link]) -> View<'a> {
    let created = Instant::from_millis(0);
    View { id: "x1", version: 1, created, modified: created, document, links, incoming: &[] }
}

fn send(body: Value, path: &str, profile: &Profile) -> String {
    let user = user();
    let patch = ty("User").patch(body, profile);
    match patch.and_then(|patch| patch.apply(ty("User"), &view(&user, &[]), profile)) {
        Ok(patched) => at(&patched.document, path),
        Err(error) => refusal(&error),
    }
}

fn patch(operation: Value, path: &str, profile: &Profile) -> String {
    send(json!({"schemas": [standard::PATCH_OP], "Operations": [operation]}), path, profile)
}

fn patch_bare(whole: bool, profile: &Profile) -> String {
    let body = match whole {
        true => json!({"title": "CEO"}),
        false => json!({"Operations": [replace("title", json!("CEO"))]}),
    };
    send(body, "title", profile)
}

fn members(operation: Value, profile: &Profile) -> String {
    let link = |id: &str| Link { id: id.into(), kind: "User".into(), display: None };
    let links = [link("u1"), link("u2")];
    let group = Document::from_stored(r#"{"displayName": "g"}"#).unwrap();
    let body = json!({"schemas": [standard::PATCH_OP], "Operations": [operation]});
    let patch = ty("Group").patch(body, profile);
    match patch.and_then(|patch| patch.apply(ty("Group"), &view(&group, &links), profile)) {
        Ok(patched) => {
            let removed = patched.links.iter().flat_map(|change| &change.remove);
            removed.map(|id| format!("-{id}")).collect()
        }
        Err(error) => refusal(&error),
    }
}

fn put_other_id(profile: &Profile) -> String {
    let before = user();
    let how = Accept::Replace { id: "x1", before: &before };
    let body = json!({"schemas": [standard::USER], "id": "x2", "userName": "u"});
    accept("User", body, how, "userName", profile)
}

fn put_without_members(profile: &Profile) -> String {
    let before = Document::from_stored(r#"{"displayName": "g"}"#).unwrap();
    let how = Accept::Replace { id: "x1", before: &before };
    let body = json!({"schemas": [standard::GROUP], "displayName": "g"});
    let accepted = ty("Group").accept(body, how, profile).unwrap();
    if accepted.links.is_empty() { "kept" } else { "emptied" }.to_owned()
}

fn group_names(profile: &Profile) -> String {
    let catalog = Catalog::compile(&Definitions::default(), profile).unwrap();
    let group = catalog.ty("Group").unwrap();
    let name = group.attr(group.by_path("displayName").unwrap());
    assert_eq!(name.uniqueness != Uniqueness::None, profile.unique_names);
    format!("{:?}", name.uniqueness)
}

fn filter(text: &str, profile: &Profile) -> String {
    match ty("User").condition(&parse_filter(text).unwrap(), profile) {
        Ok(condition) => condition.matches(ty("User"), &view(&user(), &[])).to_string(),
        Err(_) => "invalidFilter".to_owned(),
    }
}

fn add(path: &str, value: Value) -> Value {
    json!({"op": "add", "path": path, "value": value})
}

fn replace(path: &str, value: Value) -> Value {
    json!({"op": "replace", "path": path, "value": value})
}

fn remove(path: &str, value: Value) -> Value {
    json!({"op": "remove", "path": path, "value": value})
}

fn whole(value: Value) -> Value {
    json!({"op": "replace", "value": value})
}

fn schemas(urn: &str) -> Value {
    json!({"schemas": [standard::USER, urn]})
}

fn two_mails() -> Value {
    json!([{"value": "c", "primary": true}, {"value": "d", "primary": true}])
}

fn two_primaries() -> Value {
    json!({"emails": two_mails()})
}

fn role() -> Value {
    json!([{"value": r#"{"id": "1", "value": "Adm", "displayName": "A"}"#}])
}
