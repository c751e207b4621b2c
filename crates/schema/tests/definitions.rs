//! Schemas and resource types as data: what is read, what is refused and where, what may change.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod spent;

use rollcall_filter::{parse_attr_path, parse_filter};
use rollcall_schema::{
    Accept, Catalog, DefinitionError, Definitions, Document, Extended, Instant, Link, Profile,
    RemoveError, ResourceType, Returned, Storage, Target, Uniqueness, View, Violation, standard,
};
use serde_json::{Value, json};

use crate::spent::Spent;

const TEAM: &str = "urn:example:team";
const COST: &str = "urn:example:cost";

/// A team with members, and an extension for it and for users.
fn whole() -> Value {
    json!({
        "schemas": [
            {"id": TEAM, "name": "Team", "attributes": [
                {"name": "handle", "required": true, "uniqueness": "server"},
                {"name": "size", "type": "integer"},
                {"name": "kind", "canonicalValues": ["squad"]},
                {"name": "places", "type": "complex", "multiValued": true, "subAttributes": [
                    {"name": "value"}, {"name": "primary", "type": "boolean"}]},
                {"name": "people", "type": "complex", "multiValued": true, "subAttributes": [
                    {"name": "value", "caseExact": true, "mutability": "immutable"},
                    {"name": "$ref", "type": "reference", "referenceTypes": ["User", "Team"]},
                    {"name": "type"}, {"name": "display", "mutability": "readOnly"}]},
            ]},
            {"id": COST, "attributes": [
                {"name": "centre", "required": true},
                {"name": "code", "uniqueness": "server"},
            ]},
        ],
        "resourceTypes": [
            {"name": "Team", "endpoint": "/Crew", "schema": TEAM,
             "schemaExtensions": [{"schema": COST, "required": true}],
             "indexed": ["size", "places.value", "externalId", "urn:example:cost:centre"]},
        ],
        "extensions": [
            {"resourceType": "User", "schema": COST, "indexed": ["urn:example:cost:centre"]},
        ],
    })
}

fn read(value: &Value) -> Definitions {
    Definitions::read(&value.to_string()).unwrap()
}

/// The pretty text of `value`, read: each fault without its place.
fn faults(value: &Value) -> Vec<String> {
    match Definitions::default().amend(&format!("{value:#}")) {
        Ok(_) => Vec::new(),
        Err(faults) => {
            faults.iter().map(|fault| format!("{}: {}", fault.pointer, fault.message)).collect()
        }
    }
}

/// The definitions with `value` at `pointer` are refused there, in these words.
#[track_caller]
fn refused(pointer: &str, value: Value, at: &str, message: &str) {
    let mut all = whole();
    put(&mut all, pointer, value);
    let faults = faults(&all);
    let found = faults.iter().any(|fault| fault.starts_with(&format!("{at}: ")));
    assert!(found, "{at}: {faults:?}");
    assert!(faults.iter().any(|fault| fault.contains(message)), "{message}: {faults:?}");
}

#[track_caller]
fn put(all: &mut Value, pointer: &str, value: Value) {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    match all.pointer_mut(parent).unwrap() {
        Value::Array(list) if name == "-" => list.push(value),
        Value::Array(list) => *list.get_mut(name.parse::<usize>().unwrap()).unwrap() = value,
        object => drop(object.as_object_mut().unwrap().insert(name.into(), value)),
    }
}

#[test]
fn faults_name_the_line_and_the_column() {
    let text = r#"{
  "id": "urn:example:x",
  "attributes": [
    {"name": "a", "type": "text"},
    {"name": "b", "mutliValued": true},
    {"name": "A"}
  ]
}"#;
    let faults = Definitions::read(text).unwrap_err();
    let shown: Vec<_> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "line 4, column 27 (/attributes/0/type): must be one of string, boolean, decimal, \
             integer, dateTime, binary, reference, complex",
            "line 5, column 19 (/attributes/1/mutliValued): unknown member: use name, type, \
             multiValued, description, required, canonicalValues, caseExact, mutability, \
             returned, uniqueness, referenceTypes, subAttributes",
            "line 6, column 14 (/attributes/2/name): is defined twice, letter case apart: choose \
             another name",
        ]
    );
    let syntax = Definitions::read("{\n  \"id\": }").unwrap_err();
    assert_eq!(syntax[0].to_string(), "line 2, column 9: no JSON: expected value");
}

#[test]
fn schemas_and_types_come_bare_or_in_lists() {
    // RFC 7643 §6, §7; RFC 7644 §4
    let all = whole();
    let schema = |at: usize| {
        let mut schema = all["schemas"][at].clone();
        schema["schemas"] = json!([standard::SCHEMA]);
        schema["meta"] = json!({"resourceType": "Schema"});
        schema
    };
    let mut ty = all["resourceTypes"][0].clone();
    ty["schemas"] = json!([standard::RESOURCE_TYPE]);
    ty["id"] = json!("Team");
    let expect = read(&all);
    for list in [
        json!([schema(0), schema(1), ty]),
        json!({"schemas": [standard::LIST_RESPONSE], "totalResults": 3,
            "Resources": [schema(0), schema(1), ty]}),
    ] {
        let read = read(&list);
        assert_eq!(
            (&read.schemas, &read.resource_types),
            (&expect.schemas, &expect.resource_types)
        );
    }
    assert_eq!(read(&schema(1)).schemas, expect.schemas[1..]);
    assert_eq!(read(&ty).resource_types, expect.resource_types);
    assert_eq!(read(&json!({})), Definitions::default());
    for nothing in [json!(1), json!("x"), json!({"name": "x"}), json!([[]])] {
        let message = faults(&nothing).join(" ");
        assert!(message.contains("neither a schema"), "{message}");
    }
    let inside = faults(&json!({"Resources": [{"id": TEAM, "attributes": [{"name": "1"}]}]}));
    assert!(inside[0].starts_with("/Resources/0/attributes/0/name: use a letter"), "{inside:?}");
}

#[test]
fn what_is_kept_can_be_read_again() {
    let all = read(&whole());
    assert_eq!(Definitions::read(&serde_json::to_string_pretty(&all).unwrap()).unwrap(), all);
    assert_eq!(serde_json::from_value::<Definitions>(json!(all)).unwrap(), all);
    assert_eq!(all.check(), Ok(()));
}

#[test]
fn r_attr_04_05_06_attributes_make_sense() {
    assert_eq!(faults(&whole()), [""; 0]);
    let team = |attribute: Value, at: &str, message: &str| {
        let at = format!("/schemas/0/attributes/5{at}");
        refused("/schemas/0/attributes/-", attribute, &at, message);
    };
    team(json!({}), "/name", "is missing");
    team(json!({"name": "9x"}), "/name", "use a letter");
    team(json!({"name": "$x"}), "/name", "use a letter");
    team(json!({"name": "a b"}), "/name", "use a letter");
    team(json!({"name": "x".repeat(129)}), "/name", "128 at most");
    team(json!({"name": "HANDLE"}), "/name", "defined twice");
    team(json!({"name": "id"}), "/name", "every resource has it");
    team(json!({"name": "Meta"}), "/name", "every resource has it");
    team(json!({"name": 5}), "/name", "must be a string, not a number");
    team(json!("x"), "", "must be an object, not a string");
    team(json!({"name": "x", "type": "Complex"}), "/type", "must be one of string");
    team(json!({"name": "x", "type": 1}), "/type", "must be one of string");
    team(json!({"name": "x", "multiValued": "true"}), "/multiValued", "must be true or false");
    team(json!({"name": "x", "mutability": "readwrite"}), "/mutability", "readOnly, readWrite");
    team(json!({"name": "x", "returned": "hidden"}), "/returned", "always, never");
    team(json!({"name": "x", "uniqueness": true}), "/uniqueness", "none, server, global");
    team(json!({"name": "x", "canonicalValues": "a"}), "/canonicalValues", "must be a list");
    team(json!({"name": "x", "canonicalValues": ["a", 1]}), "/canonicalValues/1", "not a number");
    team(json!({"name": "x", "type": "complex"}), "/subAttributes", "needs parts");
    let parts = |part: Value| json!({"name": "x", "type": "complex", "subAttributes": [part]});
    team(
        parts(json!({"name": "a", "type": "complex"})),
        "/subAttributes/0/type",
        "can't be complex",
    );
    let nested = json!({"name": "a", "subAttributes": [{"name": "b"}]});
    team(parts(nested), "/subAttributes/0/subAttributes", "has no parts");
    let plain = json!({"name": "x", "subAttributes": [{"name": "b"}]});
    team(plain, "/subAttributes", "only a complex attribute has parts");
    for kind in ["boolean", "binary"] {
        let unique = json!({"name": "x", "type": kind, "uniqueness": "server"});
        team(unique, "/uniqueness", "can be unique");
    }
    let never = json!({"name": "x", "required": true, "returned": "never"});
    team(never, "/returned", "must be seen");
    team(json!({"name": "x", "referenceTypes": ["User"]}), "/referenceTypes", "only a reference");
    let nowhere = json!({"name": "x", "type": "reference", "referenceTypes": ["uri", "Door"]});
    team(nowhere, "/referenceTypes/1", "no resource type `Door`");
}

#[test]
fn relations_keep_references_only() {
    let people = |part: Value, at: &str, message: &str| {
        let at = format!("/schemas/0/attributes/4/{at}");
        refused("/schemas/0/attributes/4/subAttributes/-", part, &at, message);
    };
    people(json!({"name": "since"}), "subAttributes/4/name", "keep `value`, `$ref`, `type`");
    let reference = json!([{"name": "$ref", "type": "reference", "referenceTypes": ["User"]}]);
    let pointer = "/schemas/0/attributes/4/subAttributes";
    refused(pointer, reference.clone(), pointer, "need a string `value`");
    refused(
        "/schemas/0/attributes/4/required",
        json!(true),
        "/schemas/0/attributes/4/required",
        "",
    );
    refused(
        "/schemas/0/attributes/4/subAttributes/0/uniqueness",
        json!("server"),
        "/schemas/0/attributes/4/subAttributes/0/uniqueness",
        "can't be unique",
    );
    let second = json!({"name": "leads", "type": "complex", "multiValued": true, "subAttributes": [
        {"name": "value"}, reference[0]]});
    let at = "/schemas/0/attributes/5/subAttributes";
    refused("/schemas/0/attributes/-", second.clone(), at, "one list of references");
    // An extension has none.
    refused("/schemas/1/attributes/-", second, "/extensions/0/schema", "only a base schema can");
}

#[test]
fn urns_are_new_and_usable() {
    // R-URI-01
    let urn =
        |urn: &str, message: &str| refused("/schemas/1/id", json!(urn), "/schemas/1/id", message);
    for bad in
        ["", "cost", "urn:cost", "urn::cost", "urn:example:", "urn:example:a b", "http://x/y"]
    {
        urn(bad, "use a URN");
    }
    urn(&format!("urn:example:{}", "x".repeat(250)), "256 characters");
    urn(&standard::USER.to_uppercase(), "is a standard schema");
    urn("urn:ietf:params:scim:api:messages:2.0:Mine", "is kept for messages");
    urn("URN:example:TEAM", "is defined twice");
    for hidden in [
        "urn:example:team:size",
        "URN:example:team:Places.value",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
        "urn:ietf:params:scim:schemas:core:2.0:User:name.givenName",
    ] {
        urn(hidden, "is the path of an attribute of `urn:");
    }
    let enterprise = json!({"id": "urn:ietf:params:scim:schemas:extension:enterprise:2.0",
        "attributes": [{"name": "user"}]});
    refused("/schemas/-", enterprise, "/schemas/2/id", "has an attribute whose path is `urn:ietf");
}

/// R-ATTR-20: what is only written is never returned, whatever a definition says of it.
#[test]
fn what_is_only_written_is_never_returned() {
    for returned in ["always", "default", "request", "never"] {
        let pin = json!({"name": "pin", "mutability": "writeOnly", "required": true,
            "returned": returned});
        let read = read(&json!({"id": TEAM, "attributes": [pin, {"name": "label"}]}));
        let all: Vec<_> = read.schemas[0].attributes.iter().map(|one| one.returned).collect();
        assert_eq!(all, [Returned::Never, Returned::Default], "{returned}");
    }
    let mut before = whole();
    put(&mut before, "/schemas/0/attributes/-", json!({"name": "pin", "mutability": "writeOnly"}));
    let mut kept = read(&before);
    kept.schemas[0].attributes[5].returned = Returned::Default;
    let amended = kept.amend(&before.to_string()).unwrap();
    assert_eq!(amended.schemas[0].attributes[5].returned, Returned::Never);
}

#[test]
fn types_have_names_endpoints_and_schemas_of_their_own() {
    let ty = |name: &str, value: Value, message: &str| {
        let pointer = format!("/resourceTypes/0/{name}");
        refused(&pointer, value, &pointer, message);
    };
    for name in ["", "9T", "Te am", "Te-am"] {
        ty("name", json!(name), "use a letter");
    }
    ty("name", json!("user"), "is a standard type");
    ty("id", json!("other"), "must be the name");
    for endpoint in ["", "Crew", "/", "/Crew/x", "/Crew1", "/../x"] {
        ty("endpoint", json!(endpoint), "use `/`, then letters");
    }
    for taken in [
        "Users",
        "groups",
        "ME",
        "Bulk",
        "Schemas",
        "ResourceTypes",
        "ServiceProviderConfig",
        "AsyncResults",
    ] {
        ty("endpoint", json!(format!("/{taken}")), "is taken");
    }
    ty("schema", json!(standard::GROUP), "is a standard schema");
    ty("schema", json!("urn:example:none"), "no schema `urn:example:none`");
    ty("derived", json!([]), "unknown member");
    let twin = json!({"name": "TEAM", "endpoint": "/crew", "schema": TEAM});
    refused("/resourceTypes/-", twin.clone(), "/resourceTypes/1/name", "is defined twice");
    refused("/resourceTypes/-", twin.clone(), "/resourceTypes/1/endpoint", "is taken");
    refused("/resourceTypes/-", twin, "/resourceTypes/1/schema", "is the schema of another type");
}

#[test]
fn extensions_fit_their_types() {
    // R-EXT-01
    let own = |urn: &str, at: &str, message: &str| {
        let at = format!("/resourceTypes/0/schemaExtensions/{at}");
        refused("/resourceTypes/0/schemaExtensions/-", json!({"schema": urn}), &at, message);
    };
    own(COST, "1/schema", "carried by the type already");
    own(TEAM, "1/schema", "carried by the type already");
    own(standard::USER, "1/schema", "is the base schema of a type");
    own("urn:example:none", "1/schema", "no schema");
    let added = |value: Value, at: &str, message: &str| {
        refused("/extensions/-", value, &format!("/extensions/1/{at}"), message);
    };
    added(json!({"resourceType": "User", "schema": COST}), "schema", "carried by the type already");
    added(json!({"resourceType": "Team", "schema": COST}), "schema", "carried by the type already");
    let enterprise = standard::ENTERPRISE_USER;
    added(json!({"resourceType": "User", "schema": enterprise}), "schema", "carried");
    added(
        json!({"resourceType": "Door", "schema": COST}),
        "resourceType",
        "no resource type `Door`",
    );
    let mut good = whole();
    put(&mut good, "/extensions/-", json!({"resourceType": "Group", "schema": enterprise}));
    assert_eq!(faults(&good), [""; 0]);
}

#[test]
fn indexed_paths_lead_somewhere() {
    let path = |path: &str, message: &str| {
        let at = "/resourceTypes/0/indexed/4";
        refused("/resourceTypes/0/indexed/-", json!(path), at, message);
    };
    path("nope", "no attribute `nope`");
    path("Size", "no attribute `Size`");
    path("places", "is complex");
    path("places.nope", "no attribute");
    path("people.value", "is kept as rows");
    path("id", "is kept by the server");
    path("meta.created", "is kept by the server");
    path("urn:example:cost:nope", "no attribute");
    let at = "/extensions/0/indexed/1";
    refused("/extensions/0/indexed/-", json!("userName"), at, "no attribute `userName`");
    let at = "/resourceTypes/0/uniqueNames";
    refused(at, json!(["places.value"]), &format!("{at}/0"), "only attributes of the base schema");
    let at = "/resourceTypes/0/selfService";
    refused(at, json!(["nope"]), &format!("{at}/0"), "no attribute `nope`");
}

#[test]
fn definitions_are_bounded() {
    let attributes = |count: usize| (0..count).map(|at| json!({"name": format!("a{at}")}));
    let schema = |at: usize, count: usize| json!({"id": format!("urn:example:s{at}"), "attributes": attributes(count).collect::<Vec<_>>()});
    let all = |schemas: Vec<Value>| faults(&json!({"schemas": schemas}));
    assert_eq!(all((0..100).map(|at| schema(at, 10)).collect()), [""; 0]);
    let many = all((0..101).map(|at| schema(at, 1)).collect()).join(" ");
    assert!(many.contains("/schemas/100: 101 schemas: keep to 100"), "{many}");
    let wide = all(vec![schema(0, 1001)]).join(" ");
    assert!(wide.contains("1001 attributes in all: keep to 1000"), "{wide}");
    let long = Definitions::read(&" ".repeat(1024 * 1024 + 1)).unwrap_err();
    assert_eq!(long[0].message, "more than 1048576 bytes");
    let deep = Definitions::read(&"[".repeat(100_000)).unwrap_err();
    assert!(deep[0].message.starts_with("no JSON"), "{}", deep[0]);
    let wrong = (0..900).map(|_| json!({"name": "9"})).collect::<Vec<_>>();
    let wrong = Definitions::read(&json!({"id": TEAM, "attributes": wrong}).to_string());
    assert_eq!(wrong.unwrap_err().len(), 100);
}

#[test]
fn r_e_17_whatever_is_written_is_read_soon() {
    let begun = Spent::now();
    let members = (0..80_000).map(|at| format!(r#""m{at}":1"#)).collect::<Vec<_>>().join(",");
    let names = (0..60_000).map(|at| format!(r#"{{"name":"{at}"}}"#)).collect::<Vec<_>>().join(",");
    let types = r#"{"name":"a"},"#.repeat(60_000);
    for text in [
        format!("{{{members}}}"),
        format!(r#"{{"id":"urn:x:y","attributes":[{names}]}}"#),
        format!(r#"{{"resourceTypes":[{types}{{}}]}}"#),
        format!(r#"{{"extensions":[{types}{{}}]}}"#),
        "[".repeat(1_000_000),
    ] {
        Definitions::read(&text).unwrap_err();
        read(&whole()).amend(&text).unwrap_err();
    }
    assert!(begun.elapsed() < std::time::Duration::from_secs(30), "{:?}", begun.elapsed());
}

/// `whole()`, then the same with `value` at `pointer`.
#[track_caller]
fn changed(pointer: &str, value: Value) -> Result<Definitions, String> {
    let mut all = whole();
    if value == json!("remove") {
        let (parent, at) = pointer.rsplit_once('/').unwrap();
        match all.pointer_mut(parent).unwrap() {
            Value::Array(list) => drop(list.remove(at.parse().unwrap())),
            object => drop(object.as_object_mut().unwrap().remove(at)),
        }
    } else {
        put(&mut all, pointer, value);
    }
    let amended = read(&whole()).amend(&all.to_string());
    amended.map_err(|faults| {
        faults.iter().map(|fault| format!("{}: {}; ", fault.pointer, fault.message)).collect()
    })
}

#[test]
fn additions_are_taken() {
    let wide = json!({"name": "floor", "type": "integer", "uniqueness": "server"});
    let team = changed("/schemas/0/attributes/-", wide).unwrap();
    assert_eq!(team.schemas[0].attributes[5].name, "floor");
    changed("/schemas/0/attributes/3/subAttributes/-", json!({"name": "note"})).unwrap();
    changed("/schemas/0/attributes/2/canonicalValues/-", json!("tribe")).unwrap();
    changed("/schemas/0/description", json!("Other words")).unwrap();
    changed("/schemas/0/attributes/0/description", json!("Other words")).unwrap();
    changed("/schemas/0/attributes/0/required", json!(false)).unwrap();
    changed("/schemas/0/attributes/0/uniqueness", json!("none")).unwrap();
    changed("/schemas/0/attributes/2/uniqueness", json!("server")).unwrap();
    changed("/schemas/-", json!({"id": "urn:example:new", "attributes": [{"name": "x"}]})).unwrap();
    let group = json!({"resourceType": "Group", "schema": COST, "required": true});
    changed("/extensions/-", group).unwrap();
    // What RFC 7643 doesn't know may be left out and stays.
    let kept = changed("/resourceTypes/0/indexed", json!(["kind"])).unwrap();
    let expect = ["size", "places.value", "externalId", "urn:example:cost:centre", "kind"];
    assert_eq!(kept.resource_types[0].indexed, expect);
    changed("/resourceTypes/0/schemaExtensions/0/required", json!(false)).unwrap();
    let mut same = read(&whole());
    same.add(&read(&whole())).unwrap();
    assert_eq!(same, read(&whole()));
    // Nothing changes where anything is refused.
    same.schemas[0].attributes[1].required = true;
    let mut before = read(&whole());
    let flaws = before.add(&same).unwrap_err();
    assert_eq!(flaws[0].pointer, "/schemas/0/attributes/1/required");
    assert_eq!(before, read(&whole()));
}

#[test]
fn whatever_a_resource_would_notice_is_refused() {
    #[track_caller]
    fn refused(pointer: &str, value: Value, at: &str, message: &str) {
        let said = changed(pointer, value).unwrap_err();
        assert!(said.contains(&format!("{at}: ")) && said.contains(message), "{said}");
    }
    let attribute = "/schemas/0/attributes/1";
    for (name, value) in [
        ("type", json!("decimal")),
        ("multiValued", json!(true)),
        ("caseExact", json!(true)),
        ("mutability", json!("immutable")),
        ("returned", json!("request")),
    ] {
        let at = format!("{attribute}/{name}");
        refused(&at, value, &at, "can't change, as resources hold values of it");
    }
    refused(
        &format!("{attribute}/required"),
        json!(true),
        &format!("{attribute}/required"),
        "may lack it",
    );
    refused(
        &format!("{attribute}/uniqueness"),
        json!("global"),
        &format!("{attribute}/uniqueness"),
        "only `none`",
    );
    refused(
        &format!("{attribute}/name"),
        json!("SIZE"),
        &format!("{attribute}/name"),
        "is there as `size`",
    );
    let kind = "/schemas/0/attributes/2";
    refused(kind, json!("remove"), "/schemas/0/attributes", "`kind` is missing");
    let part = "/schemas/0/attributes/3/subAttributes/1";
    refused(
        part,
        json!("remove"),
        "/schemas/0/attributes/3/subAttributes",
        "`places.primary` is missing",
    );
    let words = "/schemas/0/attributes/2/canonicalValues";
    refused(words, json!([]), words, "`squad` is missing");
    let types = "/schemas/0/attributes/4/subAttributes/1/referenceTypes";
    refused(types, json!(["User"]), types, "`Team` is missing");
    let needed = json!({"name": "x", "required": true});
    refused("/schemas/0/attributes/-", needed, "/schemas/0/attributes/5/required", "is new");
    refused("/schemas/0/id", json!(TEAM.to_uppercase()), "/schemas/0/id", "is there as");
    refused(
        "/resourceTypes/0/endpoint",
        json!("/Teams"),
        "/resourceTypes/0/endpoint",
        "can't change",
    );
    let extensions = "/resourceTypes/0/schemaExtensions";
    refused(extensions, json!([]), extensions, "`urn:example:cost` is missing");
    refused("/extensions/0/required", json!(true), "/extensions/0/required", "may lack it");
}

#[test]
fn what_is_added_is_checked_beside_what_is_there() {
    let mut definitions = read(&whole());
    let text = r#"{
  "name": "Squad",
  "endpoint": "/Crew",
  "schema": "urn:example:none"
}"#;
    let faults = definitions.amend(text).unwrap_err();
    let shown: Vec<_> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "line 3, column 15 (/endpoint): is taken: choose another",
            "line 4, column 13 (/schema): no schema `urn:example:none`: define it under `schemas`",
        ]
    );
    // A schema first, then the type that uses it.
    let schema = json!({"id": "urn:example:none", "attributes": [{"name": "a"}]}).to_string();
    definitions = definitions.amend(&schema).unwrap();
    definitions = definitions.amend(&text.replace("/Crew", "/Squads")).unwrap();
    assert_eq!(definitions.resource_types.len(), 2);
    assert_eq!(definitions.check(), Ok(()));
}

#[test]
fn removals_take_what_hangs_on_them() {
    let mut definitions = read(&whole());
    let gone = |name: &str| RemoveError::NotFound { name: name.into() };
    assert_eq!(definitions.remove("Nope"), Err(gone("Nope")));
    for name in ["User", standard::USER, standard::ENTERPRISE_USER] {
        assert_eq!(definitions.remove(name), Err(RemoveError::Standard { name: name.into() }));
    }
    let used = RemoveError::InUse { name: TEAM.into(), by: "Team".into() };
    assert_eq!(definitions.remove(TEAM), Err(used));
    let removed = definitions.remove(&COST.to_uppercase()).unwrap();
    assert_eq!(removed.schemas, [COST]);
    assert_eq!(
        removed.extensions,
        [("Team", COST), ("User", COST)].map(|(a, b)| (a.into(), b.into()))
    );
    assert_eq!(definitions.resource_types[0].indexed, ["size", "places.value", "externalId"]);
    assert_eq!((definitions.extensions.len(), definitions.check()), (0, Ok(())));
    let removed = definitions.remove("Team").unwrap();
    assert_eq!((removed.resource_types, removed.schemas), (vec!["Team".into()], vec![TEAM.into()]));
    assert_eq!(definitions, Definitions::default());
}

#[test]
fn a_type_that_others_refer_to_stays() {
    let mut definitions = read(&whole());
    let pointer = json!({"name": "team", "type": "complex", "subAttributes": [
        {"name": "value"}, {"name": "$ref", "type": "reference", "referenceTypes": ["Team"]}]});
    let schema = json!({"id": "urn:example:desk", "attributes": [pointer]}).to_string();
    definitions = definitions.amend(&schema).unwrap();
    let used = RemoveError::InUse { name: "Team".into(), by: "urn:example:desk:team".into() };
    assert_eq!(definitions.remove("Team"), Err(used));
}

#[test]
fn a_catalog_is_compiled_from_whole_definitions_only() {
    let mut lost = Definitions::default();
    lost.extensions.push(Extended {
        resource_type: "Door".into(),
        schema: COST.into(),
        required: false,
        indexed: Vec::new(),
    });
    let error = Catalog::compile(&lost, &Profile::GENERIC).unwrap_err();
    assert!(matches!(&error, DefinitionError::Flawed(flaws) if flaws.len() == 1), "{error}");
    assert_eq!(error.to_string(), "/extensions/0/resourceType: no resource type `Door`");
}

fn catalog() -> Catalog {
    Catalog::compile(&read(&whole()), &Profile::GENERIC).unwrap()
}

fn view<'a>(document: &'a Document, links: &'a [Link]) -> View<'a> {
    let at = Instant::from_millis(0);
    View { id: "t1", version: 1, created: at, modified: at, document, links, incoming: &[] }
}

fn matches(ty: &ResourceType, filter: &str, seen: &View<'_>) -> bool {
    let filter = parse_filter(filter).unwrap();
    ty.condition(&filter, &Profile::GENERIC).unwrap().matches(ty, seen)
}

#[test]
fn custom_types_are_types_like_users() {
    // R-NEW-03, R-ATTR-22, R-FILTER-19
    let catalog = catalog();
    let team = catalog.ty("Team").unwrap();
    let body = json!({"HANDLE": "Core", "size": 7, "people": [{"value": "u1"}],
        "places": [{"value": "Oslo"}, {"value": "Rome", "primary": true}],
        COST: {"centre": "c1", "code": "x"}});
    let accepted = team.accept(body, Accept::Create, &Profile::GENERIC).unwrap();
    assert_eq!(accepted.links[0].add.iter().collect::<Vec<_>>(), ["u1"]);
    assert_eq!(team.relation().unwrap().storage, Storage::Relation);
    let link = |kind: &str, id: &str| Link { id: id.into(), kind: kind.into(), display: None };
    let links = [link("User", "u1"), link("Team", "t2")];
    let seen = view(&accepted.document, &links);
    for filter in [
        r#"handle eq "CORE""#,
        r#"size gt 6 and places[value eq "rome" and primary eq true]"#,
        r#"urn:example:cost:centre eq "c1""#,
        r#"people.value eq "u1""#,
        r#"people.$ref eq "https://h/scim/v2/Users/u1""#,
        r#"people.$ref eq "Crew/t2""#,
        r#"schemas eq "urn:example:cost""#,
    ] {
        assert!(matches(team, filter, &seen), "{filter}");
    }
    let keys = team.index_keys(&accepted.document);
    let keys: Vec<_> = keys
        .iter()
        .map(|key| format!("{} {} {}", team.attr(key.attr).path, key.key, key.unique))
        .collect();
    assert_eq!(
        keys,
        [
            "handle core true",
            "size 7 false",
            "places.value oslo false",
            "places.value rome false",
            "urn:example:cost:centre c1 false",
            "urn:example:cost:code x true",
        ]
    );
    let indexed: Vec<_> =
        team.indexed().map(|def| (&*def.path, def.uniqueness != Uniqueness::None)).collect();
    assert_eq!(indexed[0], ("externalId", false));
    assert_eq!(indexed[1], ("handle", true));
    assert_eq!(indexed.len(), 6);
    let patch = json!({"Operations": [
        {"op": "replace", "path": "places[value eq \"Oslo\"].value", "value": "Bergen"},
        {"op": "remove", "path": "people[value eq \"t2\"]"},
        {"op": "add", "path": "urn:example:cost:code", "value": "y"}]});
    let patch = team.patch(patch, &Profile::GENERIC).unwrap();
    let patched = patch.apply(team, &seen, &Profile::GENERIC).unwrap();
    assert_eq!(patched.document.body()["places"][0]["value"], "Bergen");
    assert_eq!(patched.document.body()[COST]["code"], "y");
    assert_eq!(patched.links[0].remove.iter().collect::<Vec<_>>(), ["t2"]);
}

#[test]
fn r_ext_02_required_extensions_are_required() {
    let catalog = catalog();
    let team = catalog.ty("Team").unwrap();
    let refused = |body: Value| {
        let refused = team.accept(body, Accept::Create, &Profile::GENERIC).unwrap_err();
        assert!(matches!(refused, Violation::Value(_)));
        refused.to_string()
    };
    assert!(refused(json!({"handle": "a"})).contains("`urn:example:cost:centre` is required"));
    assert!(refused(json!({"handle": "a", COST: {"code": "x"}})).contains("is required"));
    // Of users it is not.
    let user = catalog.ty("User").unwrap();
    user.accept(json!({"userName": "u"}), Accept::Create, &Profile::GENERIC).unwrap();
    let half = json!({"userName": "u", COST: {"code": "x"}});
    assert!(user.accept(half, Accept::Create, &Profile::GENERIC).is_err());
    let path = parse_attr_path("urn:example:cost:code").unwrap();
    assert!(matches!(user.resolve(&path, &Profile::STRICT), Some(Target::Attr(_))));
    assert_eq!(catalog.schema(&COST.to_uppercase()).unwrap().id, COST);
}

#[test]
fn no_definition_holds_a_null_character() {
    for pointer in [
        "/schemas/0/id",
        "/schemas/0/name",
        "/schemas/0/attributes/0/name",
        "/schemas/0/attributes/2/canonicalValues/0",
        "/resourceTypes/0/endpoint",
        "/resourceTypes/0/indexed/0",
        "/extensions/0/schema",
    ] {
        let mut all = whole();
        *all.pointer_mut(pointer).unwrap() = json!("a\0b");
        let faults = faults(&all);
        let expect = format!("{pointer}: holds the character U+0000: leave it out");
        assert!(faults.contains(&expect), "{faults:?}");
    }
    let mut all = whole();
    all["schemas"][0]["x\0"] = json!(1);
    let faults = faults(&all);
    let expect = "/schemas/0: a name holds the character U+0000: leave it out".to_owned();
    assert!(faults.contains(&expect), "{faults:?}");
}
