//! What POST and PUT accept, refuse and leave out.
#![expect(clippy::indexing_slicing, reason = "a test may panic")]

use rollcall_schema::{
    Accept, Accepted, Base, Document, Profile, ResourceType, Violation, standard,
};
use rollcall_schema::{Schema, TypeDefinition};
use serde_json::{Value, json};

const ENTERPRISE: &str = standard::ENTERPRISE_USER;

fn user() -> &'static ResourceType {
    &standard::types()[0]
}

fn group() -> &'static ResourceType {
    &standard::types()[1]
}

#[track_caller]
fn accepted(ty: &ResourceType, body: Value, profile: &Profile) -> Accepted {
    ty.accept(body, Accept::Create, profile).expect("the body is acceptable")
}

fn body(accepted: &Accepted) -> Value {
    Value::Object(accepted.document.body().clone())
}

/// A user with `key: value` becomes one with `expect` there in the tolerant profile.
#[track_caller]
fn check(key: &str, value: Value, expect: Value) {
    let mut input = json!({"userName": "u"});
    input[key] = value;
    let mut wanted = json!({"userName": "u", "active": true});
    if !expect.is_null() {
        wanted[key] = expect;
    }
    assert_eq!(body(&accepted(user(), input, &Profile::GENERIC)), wanted);
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Refusal {
    Syntax,
    Value,
    Mutability,
}

#[track_caller]
fn refusal<T: std::fmt::Debug>(outcome: Result<T, Violation>) -> Refusal {
    match outcome.expect_err("the body must be refused") {
        Violation::Syntax(_) => Refusal::Syntax,
        Violation::Value(_) => Refusal::Value,
        Violation::Mutability(_) => Refusal::Mutability,
        other => panic!("unexpected {other:?}"),
    }
}

/// A user with `key: value` is refused.
#[track_caller]
fn check_refused(key: &str, value: Value, profile: &Profile, expect: Refusal) {
    let mut input = json!({"schemas": [standard::USER], "userName": "u"});
    input[key] = value;
    assert_eq!(refusal(user().accept(input, Accept::Create, profile)), expect);
}

#[track_caller]
fn check_body_refused(input: Value, profile: &Profile, expect: Refusal) {
    assert_eq!(refusal(user().accept(input, Accept::Create, profile)), expect);
}

#[test]
fn names_match_in_any_case_and_keep_schema_spelling() {
    // R-ATTR-02, R-COMMON-09
    let input = json!({"USERNAME": "u", "Emails": [{"VALUE": "a@b", "Primary": true}],
        ENTERPRISE.to_uppercase(): {"DEPARTMENT": "Ops"}});
    let expect = json!({"userName": "u", "active": true,
        "emails": [{"value": "a@b", "primary": true}], ENTERPRISE: {"department": "Ops"}});
    assert_eq!(body(&accepted(user(), input, &Profile::GENERIC)), expect);
}

#[test]
fn two_spellings_of_one_key_are_refused() {
    // R-ATTR-03
    for input in [
        json!({"userName": "u", "USERNAME": "v"}),
        json!({"userName": "u", "name": {"givenName": "a", "GIVENNAME": "b"}}),
        json!({"userName": "u", ENTERPRISE: {}, ENTERPRISE.to_uppercase(): {}}),
        json!({"userName": "u", ENTERPRISE: {"division": "a", "Division": "b"}}),
    ] {
        check_body_refused(input, &Profile::GENERIC, Refusal::Syntax);
    }
}

#[test]
fn null_and_empty_lists_are_unassigned() {
    // R-ATTR-13, R-ATTR-15, R-PUT-07
    check("title", json!(null), json!(null));
    check("title", json!([]), json!(null));
    check("roles", json!([]), json!(null));
    check("roles", json!([null, {}]), json!(null));
    check("name", json!({}), json!(null));
    check("name", json!({"givenName": null, "familyName": ""}), json!(null));
    check("name", json!({"givenName": null, "familyName": "L"}), json!({"familyName": "L"}));
    check(ENTERPRISE, json!({}), json!(null));
    check(ENTERPRISE, json!(null), json!(null));
    check(ENTERPRISE, json!([]), json!(null));
    check(ENTERPRISE, json!({"manager": null}), json!(null));
}

#[test]
fn the_empty_text_is_kept() {
    // R-ATTR-14
    check("title", json!(""), json!(""));
    check(
        "name",
        json!({"middleName": "", "givenName": "A"}),
        json!({"middleName": "", "givenName": "A"}),
    );
}

#[test]
fn booleans_may_come_as_text_in_tolerant_profiles() {
    // R-PATCH-60
    let input = json!({"userName": "u", "active": "False"});
    assert_eq!(body(&accepted(user(), input, &Profile::GENERIC))["active"], json!(false));
    check(
        "emails",
        json!([{"value": "a", "primary": "true"}]),
        json!([{"value": "a", "primary": true}]),
    );
    check_refused("active", json!("nope"), &Profile::GENERIC, Refusal::Value);
    check_refused("active", json!(""), &Profile::GENERIC, Refusal::Value);
    check_refused("active", json!(1), &Profile::GENERIC, Refusal::Value);
    check_refused("active", json!("true"), &Profile::STRICT, Refusal::Value);
}

#[test]
fn wrong_types_are_invalid_values() {
    // R-POST-05
    for (key, value) in [
        ("userName", json!(5)),
        ("title", json!(["a"])),
        ("title", json!({"a": 1})),
        ("name", json!("str")),
        ("name", json!([{"givenName": "a"}, {"givenName": "b"}])),
        ("emails", json!([{"value": 5}])),
        ("emails", json!([["a"]])),
        ("emails", json!(true)),
        ("title", json!("a\u{0}b")),
        (ENTERPRISE, json!("str")),
        (ENTERPRISE, json!([{}])),
        (ENTERPRISE, json!({"manager": [[{"value": "a"}]]})),
    ] {
        check_refused(key, value, &Profile::GENERIC, Refusal::Value);
    }
}

#[test]
fn binary_is_base64_and_kept_with_padding() {
    // R-ATTR-09
    check("x509Certificates", json!([{"value": "AQI="}]), json!([{"value": "AQI="}]));
    check("x509Certificates", json!([{"value": "AQI"}]), json!([{"value": "AQI="}]));
    check("x509Certificates", json!([{"value": "A\nQ I"}]), json!([{"value": "AQI="}]));
    check_refused(
        "x509Certificates",
        json!([{"value": "A-_I"}]),
        &Profile::GENERIC,
        Refusal::Value,
    );
}

#[test]
fn bare_texts_stand_for_their_value_in_tolerant_profiles() {
    // R-PATCH-59, R-PATCH-61
    check("emails", json!("a@b"), json!([{"value": "a@b"}]));
    check("emails", json!(["a@b", "c@d"]), json!([{"value": "a@b"}, {"value": "c@d"}]));
    check("emails", json!({"value": "a@b"}), json!([{"value": "a@b"}]));
    check(ENTERPRISE, json!({"manager": "m1"}), json!({"manager": {"value": "m1"}}));
    check(ENTERPRISE, json!({"manager": ""}), json!(null));
    check(
        ENTERPRISE,
        json!({"manager": [{"$ref": null, "value": "m1"}]}),
        json!({"manager": {"value": "m1"}}),
    );
    check_refused("emails", json!(["a@b"]), &Profile::STRICT, Refusal::Value);
    check_refused("emails", json!("a@b"), &Profile::STRICT, Refusal::Value);
    check_refused(ENTERPRISE, json!({"manager": "m1"}), &Profile::STRICT, Refusal::Value);
}

#[test]
fn no_element_stands_twice() {
    // R-ATTR-18, R-ATTR-26
    check(
        "emails",
        json!([{"value": "b", "type": "work"}, {"value": "a"}, {"value": "b", "type": "home"},
            {"value": "b", "type": "work", "display": "B"}]),
        json!([{"value": "b", "type": "work"}, {"value": "a"}, {"value": "b", "type": "home"}]),
    );
    check(
        "addresses",
        json!([{"type": "work", "country": "US"}, {"type": "work", "country": "DE"},
            {"country": "US", "type": "work"}]),
        json!([{"type": "work", "country": "US"}, {"type": "work", "country": "DE"}]),
    );
}

#[test]
fn of_two_primaries_the_last_wins() {
    // R-ATTR-17, X07
    let two =
        json!([{"value": "a", "primary": true}, {"value": "b", "primary": true}, {"value": "c"}]);
    check(
        "emails",
        two.clone(),
        json!([{"value": "a", "primary": false}, {"value": "b", "primary": true}, {"value": "c"}]),
    );
    check_refused("emails", two, &Profile::STRICT, Refusal::Value);
}

#[test]
fn settling_the_primary_leaves_no_element_twice() {
    // R-ATTR-17, R-ATTR-18
    check(
        "emails",
        json!([{"primary": false}, {"primary": true}, {"display": "d", "primary": true}]),
        json!([{"primary": false}, {"display": "d", "primary": true}]),
    );
}

#[test]
fn what_the_server_owns_is_left_out() {
    // R-POST-02, R-COMMON-01, R-COMMON-03, R-RES-06, R-RES-07, X04, X06
    let input = json!({"userName": "u", "id": "mine", "meta": 7, "password": "p",
        "groups": [{"value": "g"}],
        ENTERPRISE: {"manager": {"value": "m", "displayName": "M"}}});
    let accepted = accepted(user(), input, &Profile::STRICT_BUT_SCHEMAS);
    let expect = json!({"userName": "u", "active": true, ENTERPRISE: {"manager": {"value": "m"}}});
    assert_eq!(body(&accepted), expect);
    let mut paths: Vec<_> = accepted.ignored.iter().map(|note| note.path.as_str()).collect();
    paths.sort_unstable();
    let manager = format!("{ENTERPRISE}:manager.displayName");
    assert_eq!(paths, ["groups", "id", "meta", "password", &manager]);
}

trait StrictButSchemas {
    const STRICT_BUT_SCHEMAS: Profile;
}

impl StrictButSchemas for Profile {
    const STRICT_BUT_SCHEMAS: Profile = Profile { schemas_optional: true, ..Profile::STRICT };
}

#[test]
fn unknown_attributes_are_noted_or_refused() {
    // R-POST-11, R-E-14, R-IOP-02
    let input = json!({"userName": "u", "isAdmin": true, "__proto__": {"a": 1}, "name.givenName": "x",
        "name": {"nick": "x"}, ENTERPRISE: {"tenantId": "t"}, "urn:x:y": {"a": 1}});
    let accepted = accepted(user(), input, &Profile::GENERIC);
    assert_eq!(body(&accepted), json!({"userName": "u", "active": true}));
    assert_eq!(accepted.ignored.len(), 6);
    assert!(accepted.ignored.iter().all(|note| note.reason == "no such attribute"));
    check_refused("isAdmin", json!(true), &Profile::STRICT, Refusal::Syntax);
    check_refused("name", json!({"nick": "x"}), &Profile::STRICT, Refusal::Syntax);
    check_refused(ENTERPRISE, json!({"tenantId": "x"}), &Profile::STRICT, Refusal::Syntax);
}

#[test]
fn notes_of_unknown_names_are_bounded() {
    // R-E-17
    let mut input = json!({"userName": "u", "a".repeat(5000): 1, "escape\u{1b}": 1});
    for at in 0..500 {
        input[format!("x{at}")] = json!(1);
    }
    let accepted = accepted(user(), input, &Profile::GENERIC);
    assert!(accepted.ignored.len() <= 64);
    assert!(
        accepted.ignored.iter().all(|note| note.path.len() < 200 && !note.path.contains('\x1b'))
    );
}

#[test]
fn schemas_are_optional_in_tolerant_profiles() {
    // R-COMMON-07, R-COMMON-08
    for schemas in [json!(null), json!([]), json!([ENTERPRISE]), json!(standard::USER)] {
        let input = json!({"schemas": schemas, "userName": "u"});
        assert_eq!(accepted(user(), input.clone(), &Profile::GENERIC).ignored, []);
        check_body_refused(input, &Profile::STRICT, Refusal::Syntax);
    }
    check_body_refused(json!({"userName": "u"}), &Profile::STRICT, Refusal::Syntax);
    let twice = json!({"schemas": [standard::USER, standard::USER], "userName": "u"});
    check_body_refused(twice, &Profile::STRICT, Refusal::Syntax);
    for wrong in [json!(5), json!([5]), json!({})] {
        let input = json!({"schemas": wrong, "userName": "u"});
        check_body_refused(input, &Profile::GENERIC, Refusal::Syntax);
    }
}

#[test]
fn unknown_schemas_are_dropped_or_refused() {
    // R-COMMON-08, E-ENTRA-08
    let adscim = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group";
    let input = json!({"schemas": [adscim, standard::USER], "userName": "u"});
    let dropped = accepted(user(), input.clone(), &Profile::GENERIC);
    assert_eq!(dropped.ignored.len(), 1);
    assert_eq!(dropped.ignored[0].path, adscim);
    check_body_refused(input, &Profile::STRICT, Refusal::Syntax);
}

#[test]
fn extension_data_counts_without_its_urn() {
    // R-COMMON-11
    let input =
        json!({"schemas": [standard::USER], "userName": "u", ENTERPRISE: {"division": "d"}});
    assert_eq!(
        body(&accepted(user(), input, &Profile::STRICT))[ENTERPRISE],
        json!({"division": "d"})
    );
}

#[test]
fn required_attributes_must_hold_something() {
    // R-POST-04, X02
    for input in
        [json!({}), json!({"userName": null}), json!({"userName": ""}), json!({"userName": " "})]
    {
        check_body_refused(input, &Profile::GENERIC, Refusal::Value);
    }
    let nameless = group().accept(json!({"members": []}), Accept::Create, &Profile::GENERIC);
    assert_eq!(refusal(nameless), Refusal::Value);
}

#[test]
fn the_body_must_be_an_object() {
    // R-POST-05
    for input in [json!(null), json!([]), json!("x"), json!(1)] {
        check_body_refused(input, &Profile::GENERIC, Refusal::Syntax);
    }
}

#[test]
fn user_names_are_free_of_invisible_characters() {
    // R-E-18, R-ATTR-24
    for bad in ["a\u{200B}b", "a\u{202E}b", "a\u{7}", "a\u{FEFF}", "a\u{2066}b", "\u{AD}a"] {
        check_body_refused(json!({"userName": bad}), &Profile::GENERIC, Refusal::Value);
    }
    for good in ["Müller", "mu\u{308}ller", "a b+c@x.io", "王小明", "a\"b\\c"] {
        let accepted = accepted(user(), json!({"userName": good}), &Profile::GENERIC);
        assert_eq!(body(&accepted)["userName"], json!(good));
    }
    check("displayName", json!("a\u{200B}b"), json!("a\u{200B}b"));
}

#[test]
fn active_is_the_one_default() {
    // R-POST-06, R-POST-07
    let without = accepted(user(), json!({"userName": "u"}), &Profile::GENERIC);
    assert_eq!(body(&without), json!({"userName": "u", "active": true}));
    let nulled = accepted(user(), json!({"userName": "u", "active": null}), &Profile::GENERIC);
    assert_eq!(body(&nulled), json!({"userName": "u"}));
    let named = accepted(group(), json!({"displayName": "g"}), &Profile::GENERIC);
    assert_eq!(body(&named), json!({"displayName": "g"}));
}

#[test]
fn role_json_is_kept_or_opened() {
    // R-PATCH-62
    let text = r#"{"id":"1","value":"Adm","displayName":"A"}"#;
    check("roles", json!([{"value": text}]), json!([{"value": text}]));
    let open = Profile { open_role_json: true, ..Profile::GENERIC };
    let input = json!({"userName": "u", "roles": [{"value": text}]});
    let accepted = accepted(user(), input, &open);
    assert_eq!(body(&accepted)["roles"], json!([{"value": "Adm", "display": "A"}]));
}

#[track_caller]
fn ids(members: Value, profile: &Profile) -> Vec<String> {
    let mut input = json!({"schemas": [standard::GROUP], "displayName": "g"});
    if !members.is_null() {
        input["members"] = members;
    }
    let accepted = accepted(group(), input, profile);
    assert_eq!(body(&accepted), json!({"displayName": "g"}));
    let [change] = accepted.links.as_slice() else { panic!("one relation") };
    assert_eq!((change.base, &*group().attr(change.attr).name), (Base::Nothing, "members"));
    change.add.iter().cloned().collect()
}

#[test]
fn members_become_a_link_change() {
    // R-PUT-11, R-PATCH-59
    assert_eq!(ids(json!(null), &Profile::GENERIC), [""; 0]);
    assert_eq!(ids(json!([]), &Profile::STRICT), [""; 0]);
    let full = json!([{"value": "b", "display": "B", "type": "User", "$ref": null}, {"VALUE": "a"}, {"value": "b"}]);
    assert_eq!(ids(full, &Profile::STRICT), ["a", "b"]);
    assert_eq!(ids(json!(["a", null]), &Profile::GENERIC), ["a"]);
    assert_eq!(ids(json!([{"value": "a", "displayName": "A"}]), &Profile::GENERIC), ["a"]);
    for bad in
        [json!([5]), json!([{}]), json!([{"value": ""}]), json!([{"value": "\u{0}"}]), json!(true)]
    {
        let input = json!({"displayName": "g", "members": bad});
        let outcome = group().accept(input, Accept::Create, &Profile::GENERIC);
        assert_eq!(refusal(outcome), Refusal::Value);
    }
    let bare = json!({"schemas": [standard::GROUP], "displayName": "g", "members": ["a"]});
    assert_eq!(refusal(group().accept(bare, Accept::Create, &Profile::STRICT)), Refusal::Value);
    assert_eq!(accepted(user(), json!({"userName": "u"}), &Profile::GENERIC).links, []);
}

fn stored(value: &Value) -> Document {
    Document::from_stored(&value.to_string()).expect("an object")
}

#[track_caller]
fn check_put(ty: &ResourceType, before: &Value, input: Value, expect: &Value) {
    let before = stored(before);
    let how = Accept::Replace { id: "u1", before: &before };
    let accepted = ty.accept(input, how, &Profile::GENERIC).expect("the body is acceptable");
    assert_eq!(&body(&accepted), expect);
}

#[test]
fn put_clears_what_it_omits_but_active() {
    // R-PUT-05, R-PUT-12, X33
    let before = json!({"userName": "u", "active": false, "title": "T",
        "emails": [{"value": "a"}], ENTERPRISE: {"division": "d"}});
    check_put(
        user(),
        &before,
        json!({"userName": "v"}),
        &json!({"userName": "v", "active": false}),
    );
    check_put(user(), &before, json!({"userName": "v", "active": null}), &json!({"userName": "v"}));
    check_put(
        user(),
        &before,
        json!({"userName": "v", "active": "true"}),
        &json!({"userName": "v", "active": true}),
    );
    check_put(
        user(),
        &json!({"userName": "u"}),
        json!({"userName": "v"}),
        &json!({"userName": "v"}),
    );
}

#[test]
fn put_needs_what_is_required() {
    // R-PUT-06, X34
    let before = stored(&json!({"userName": "u"}));
    let how = Accept::Replace { id: "u1", before: &before };
    let outcome = user().accept(json!({"title": "T"}), how, &Profile::GENERIC);
    assert_eq!(refusal(outcome), Refusal::Value);
}

#[test]
fn put_ignores_another_id_but_in_strict() {
    // R-PUT-03
    let before = stored(&json!({"userName": "u"}));
    let how = Accept::Replace { id: "u1", before: &before };
    let with = |id: &str| json!({"schemas": [standard::USER], "id": id, "userName": "u"});
    let own = user().accept(with("u1"), how, &Profile::STRICT).expect("the own id");
    assert_eq!(own.ignored, []);
    let other = user().accept(with("u2"), how, &Profile::GENERIC).expect("ignored");
    assert_eq!(other.ignored.len(), 1);
    assert_eq!(refusal(user().accept(with("u2"), how, &Profile::STRICT)), Refusal::Mutability);
}

/// A type with every data type and mutability, and an extension that is required.
fn device() -> ResourceType {
    let base: Schema = serde_json::from_value(json!({"id": "urn:t:Device", "attributes": [
        {"name": "serial", "required": true, "mutability": "immutable"},
        {"name": "count", "type": "integer"},
        {"name": "weight", "type": "decimal"},
        {"name": "bought", "type": "dateTime"},
        {"name": "tags", "multiValued": true},
        {"name": "maker", "type": "complex", "subAttributes": [
            {"name": "code", "required": true, "mutability": "immutable"}, {"name": "label"}]},
        {"name": "pin", "required": true, "mutability": "writeOnly", "returned": "never"},
        {"name": "owners", "type": "complex", "multiValued": true, "subAttributes": [
            {"name": "value"}, {"name": "$ref", "type": "reference", "referenceTypes": ["User"]}]}]}))
    .expect("a schema");
    let extension: Schema = serde_json::from_value(json!({"id": "urn:t:Site", "attributes": [
        {"name": "site", "required": true, "mutability": "immutable"}]}))
    .expect("a schema");
    let definition: TypeDefinition =
        serde_json::from_value(json!({"id": "Device", "name": "Device",
        "endpoint": "/Devices", "schema": "urn:t:Device",
        "schemaExtensions": [{"schema": "urn:t:Site", "required": true}]}))
        .expect("a type");
    ResourceType::compile(&definition, &[base.into(), extension.into()]).expect("it compiles")
}

#[track_caller]
fn check_device(key: &str, value: Value, expect: Result<Value, Refusal>) {
    let mut input = json!({"serial": "s", "urn:t:Site": {"site": "x"}});
    input[key] = value;
    let outcome = device().accept(input, Accept::Create, &Profile::GENERIC);
    match expect {
        Ok(expect) => assert_eq!(body(&outcome.expect("acceptable"))[key], expect),
        Err(expect) => assert_eq!(refusal(outcome), expect),
    }
}

#[test]
fn simple_types_are_checked_and_rewritten() {
    // R-ATTR-05, R-ATTR-07, R-ATTR-08
    check_device("count", json!(7), Ok(json!(7)));
    check_device("count", serde_json::from_str("-0").unwrap(), Ok(json!(0)));
    check_device("count", json!(1.0), Err(Refusal::Value));
    check_device("count", json!(1e3), Err(Refusal::Value));
    check_device("count", json!("7"), Err(Refusal::Value));
    check_device("weight", json!(1.5), Ok(json!(1.5)));
    check_device("weight", json!(2), Ok(json!(2)));
    check_device("weight", json!("2"), Err(Refusal::Value));
    check_device(
        "bought",
        json!("2025-05-13T06:42:34.5+02:00"),
        Ok(json!("2025-05-13T04:42:34.500Z")),
    );
    check_device(
        "bought",
        json!("0001-01-03T00:00:00.0000000Z"),
        Ok(json!("0001-01-03T00:00:00.000Z")),
    );
    check_device("bought", json!("yesterday"), Err(Refusal::Value));
    check_device("bought", json!(5), Err(Refusal::Value));
    check_device("tags", json!(["a", null, "b", "a"]), Ok(json!(["a", "b"])));
    check_device("tags", json!("a"), Ok(json!(["a"])));
    check_device("tags", json!([["a"]]), Err(Refusal::Value));
}

#[test]
fn required_reaches_into_complex_values_and_extensions() {
    // R-EXT-02, R-POST-04; what is discarded can't be missing
    check_device("maker", json!({"label": "l"}), Err(Refusal::Value));
    check_device("urn:t:Site", json!(null), Err(Refusal::Value));
    check_device("urn:t:Site", json!({}), Err(Refusal::Value));
    check_device("pin", json!("1234"), Ok(json!(null)));
}

#[test]
fn put_keeps_what_is_immutable() {
    // R-PUT-04
    let device = device();
    let site = json!({"site": "x"});
    let before = json!({"serial": "s", "maker": {"code": "c", "label": "l"}, "urn:t:Site": site});
    check_put(&device, &before, json!({}), &json!({"serial": "s", "urn:t:Site": site}));
    let same = json!({"serial": "s", "maker": {"code": "c"}, "urn:t:Site": site});
    check_put(&device, &before, same.clone(), &same);
    check_put(
        &device,
        &before,
        json!({"maker": {"label": "m"}}),
        &json!({"serial": "s", "maker": {"code": "c", "label": "m"}, "urn:t:Site": site}),
    );
    check_put(&device, &json!({"serial": "s", "urn:t:Site": site}), same.clone(), &same);
    for input in [
        json!({"serial": "t"}),
        json!({"serial": null}),
        json!({"maker": {"code": "d"}}),
        json!({"urn:t:Site": {"site": "y"}}),
    ] {
        let before = stored(&before);
        let how = Accept::Replace { id: "d1", before: &before };
        let outcome = device.accept(input, how, &Profile::GENERIC);
        assert_eq!(refusal(outcome), Refusal::Mutability);
    }
}

#[test]
fn every_relation_is_replaced() {
    let accepted = device()
        .accept(
            json!({"serial": "s", "urn:t:Site": {"site": "x"}, "owners": [{"value": "u1"}]}),
            Accept::Create,
            &Profile::GENERIC,
        )
        .expect("acceptable");
    assert_eq!(accepted.links.len(), 1);
    assert!(accepted.links[0].add.contains("u1"));
}

#[test]
fn ten_thousand_members_are_read_at_once() {
    // G-03: linear in the members, however many unknown names they carry
    let members: Vec<_> =
        (0..10_000).map(|at| json!({"value": format!("m{at}"), format!("x{at}"): 1})).collect();
    let input = json!({"displayName": "g", "members": members});
    let accepted = accepted(group(), input, &Profile::GENERIC);
    assert_eq!(accepted.links[0].add.len(), 10_000);
}

#[test]
fn shipped_definitions_are_those_of_the_rfc() {
    // R-URI-01, R-COMMON-12, RFC 7643 §8.7
    let urns: Vec<_> = standard::schemas().iter().map(|schema| schema.id.as_str()).collect();
    assert_eq!(
        urns,
        [
            standard::USER,
            standard::GROUP,
            standard::ENTERPRISE_USER,
            standard::SERVICE_PROVIDER_CONFIG,
            standard::RESOURCE_TYPE,
            standard::SCHEMA,
        ]
    );
    let names = |at: usize| -> Vec<_> {
        standard::schemas()[at].attributes.iter().map(|attribute| attribute.name.as_str()).collect()
    };
    assert_eq!(
        names(0),
        [
            "userName",
            "name",
            "displayName",
            "nickName",
            "profileUrl",
            "title",
            "userType",
            "preferredLanguage",
            "locale",
            "timezone",
            "active",
            "password",
            "emails",
            "phoneNumbers",
            "ims",
            "photos",
            "addresses",
            "groups",
            "entitlements",
            "roles",
            "x509Certificates",
        ]
    );
    assert_eq!(names(1), ["displayName", "members"]);
    assert_eq!(
        names(2),
        ["employeeNumber", "costCenter", "organization", "division", "department", "manager"]
    );
    assert_eq!(
        serde_json::to_value(standard::types()[1].definition().on_the_wire()).expect("JSON"),
        json!({
        "id": "Group", "name": "Group", "endpoint": "/Groups", "description": "Group",
        "schema": standard::GROUP, "schemaExtensions": []})
    );
}

#[test]
fn every_shipped_attribute_has_all_characteristics() {
    // R-ATTR-01, R-DISC-04
    for schema in standard::schemas() {
        let schema = serde_json::to_value(&**schema).expect("JSON");
        let mut open: Vec<_> = schema["attributes"].as_array().expect("a list").iter().collect();
        while let Some(attribute) = open.pop() {
            for key in [
                "name",
                "type",
                "multiValued",
                "description",
                "required",
                "caseExact",
                "mutability",
                "returned",
                "uniqueness",
            ] {
                assert!(
                    attribute.get(key).is_some_and(|value| value != ""),
                    "{key} of {attribute}"
                );
            }
            let subs = attribute.get("subAttributes").and_then(Value::as_array);
            assert_eq!(subs.is_some(), attribute["type"] == "complex", "{attribute}");
            open.extend(subs.into_iter().flatten());
        }
    }
}
