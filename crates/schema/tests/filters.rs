//! Filters against resources, as a client sends them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use rollcall_filter::{Grammar, Parser, parse_attr_path};
use rollcall_schema::{
    Condition, Document, FilterError, Incoming, Instant, Link, Order, Profile, Reach, ResourceType,
    SortKey, View, standard,
};

const ENT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const CORE: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

/// A resource that owns what a view borrows.
struct Held {
    id: &'static str,
    version: u64,
    modified: Instant,
    document: Document,
    links: Vec<Link>,
    incoming: Vec<Incoming>,
}

impl Held {
    fn new(id: &'static str, millis: i64, document: &str) -> Self {
        Self {
            id,
            version: 7,
            modified: Instant::from_millis(millis),
            document: Document::from_stored(document).unwrap(),
            links: Vec::new(),
            incoming: Vec::new(),
        }
    }

    fn member(mut self, id: &str, kind: &str) -> Self {
        self.links.push(Link {
            id: id.into(),
            kind: kind.into(),
            display: Some(format!("The {id}")),
        });
        self
    }

    fn of_group(mut self, id: &str, display: &str, reach: Reach) -> Self {
        let (id, kind, display) = (id.into(), "Group".into(), Some(display.into()));
        self.incoming.push(Incoming { id, kind, display, reach });
        self
    }

    fn view(&self) -> View<'_> {
        View {
            id: self.id,
            version: self.version,
            created: Instant::from_millis(1_000),
            modified: self.modified,
            document: &self.document,
            links: &self.links,
            incoming: &self.incoming,
        }
    }
}

fn users() -> [Held; 4] {
    [
        Held::new(
            "u1",
            1_747_111_354_000,
            r#"{"externalId": "Ext-001", "userName": "bjensen@Example.com", "active": true,
                "title": "Manager", "userType": "Employee", "displayName": "Babs",
                "name": {"givenName": "Barbara", "familyName": "Jensen"},
                "emails": [{"value": "bjensen@example.com", "type": "work", "primary": true},
                           {"value": "babs@jensen.org", "type": "home"}],
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
                    "employeeNumber": "701984", "department": "Sales", "manager": {"value": "u3"}}}"#,
        )
        .of_group("g1", "Tour Guides", Reach::Direct),
        Held::new(
            "u2",
            1_748_736_000_500,
            r#"{"externalId": "ext-001", "userName": "jsmith", "active": false,
                "userType": "Contractor", "displayName": "John",
                "name": {"givenName": "John", "familyName": "O'Malley"},
                "emails": [{"value": "john@example.org", "type": "home"}]}"#,
        )
        .of_group("g2", "Sub", Reach::Direct)
        .of_group("g1", "Tour Guides", Reach::Indirect),
        Held::new(
            "u3",
            1_735_689_599_000,
            r#"{"userName": "M\u00fcller", "title": "", "displayName": "Straße"}"#,
        ),
        Held::new(
            "u4",
            1_747_111_354_000,
            r#"{"userName": "a\"b\\c", "active": true, "userType": "employee", "displayName": "Q",
                "emails": [{"value": "w+1@example.com", "type": "work"},
                           {"value": "h@corp.test", "type": "home", "primary": true}],
                "ims": [{"value": "x@foo.com", "type": "xmpp"}]}"#,
        ),
    ]
}

fn groups() -> [Held; 3] {
    [
        Held::new("g1", 0, r#"{"displayName": "Tour Guides"}"#)
            .member("u1", "User")
            .member("g2", "Group"),
        Held::new("g2", 0, r#"{"displayName": "Sub"}"#).member("u2", "User"),
        Held::new("g3", 0, r#"{"displayName": "Empty"}"#),
    ]
}

fn resource_type(name: &str) -> &'static ResourceType {
    standard::types().iter().find(|ty| ty.name() == name).unwrap()
}

fn parser(profile: &Profile) -> Parser {
    let grammar = if profile.loose_filters { Grammar::Tolerant } else { Grammar::Strict };
    Parser { grammar, ..Parser::default() }
}

fn compile(ty: &ResourceType, filter: &str, profile: &Profile) -> Result<Condition, FilterError> {
    ty.condition(&parser(profile).filter(filter)?, profile)
}

/// The ids that a filter finds; `None` when it is refused.
fn find(at: &str, filter: &str, profile: &Profile) -> Option<Vec<&'static str>> {
    let (ty, held) = match at {
        "Users" => (resource_type("User"), Vec::from(users())),
        _ => (resource_type("Group"), Vec::from(groups())),
    };
    let condition = compile(ty, filter, profile).ok()?;
    let found = held.iter().filter(|held| condition.matches(ty, &held.view()));
    Some(found.map(|held| held.id).collect())
}

/// What a filter finds, with `None` for `invalidFilter`.
type Found = Option<&'static [&'static str]>;

#[derive(Clone, Copy)]
enum Expect {
    Both(Found),
    Differs { generic: Found, strict: Found },
}

#[track_caller]
fn check(id: &str, at: &str, filter: &str, expect: Expect) {
    let (generic, strict) = match expect {
        Expect::Both(found) => (found, found),
        Expect::Differs { generic, strict } => (generic, strict),
    };
    for (name, profile, expect) in
        [("generic", Profile::GENERIC, generic), ("strict", Profile::STRICT, strict)]
    {
        let found = find(at, filter, &profile);
        assert_eq!(found.as_deref(), expect, "{id} {name}: {filter}");
    }
}

#[track_caller]
fn check_all(cases: &[(&str, &str, &str, Expect)]) {
    for (id, at, filter, expect) in cases {
        let filter = filter
            .replace("‹ENT›", ENT)
            .replace("‹ENT upper-cased›", &ENT.to_uppercase())
            .replace("‹CORE›", CORE)
            .replace("‹GROUP›", GROUP);
        check(id, at, &filter, *expect);
    }
}

const fn found(ids: &'static [&'static str]) -> Expect {
    Expect::Both(Some(ids))
}

const REFUSED: Expect = Expect::Both(None);

const fn strictly_refused(ids: &'static [&'static str]) -> Expect {
    Expect::Differs { generic: Some(ids), strict: None }
}

/// R-FILTER-01 to R-FILTER-28.
#[test]
fn the_vectors_hold() {
    check_all(&[
        ("F01", "Users", r#"userName eq "BJENSEN@example.COM""#, found(&["u1"])),
        ("F02", "Users", r#"USERNAME Eq "jsmith""#, found(&["u2"])),
        ("F03", "Users", r#"externalId eq "ext-001""#, found(&["u2"])),
        ("F04", "Users", r#"id eq "U1""#, found(&[])),
        ("F05", "Users", r#"userName eq "a\"b\\c""#, found(&["u4"])),
        ("F06", "Users", r#"userName eq "\u006dÜLLER""#, found(&["u3"])),
        ("F07", "Users", r#"userName eq "mu\u0308ller""#, found(&["u3"])),
        ("F08", "Users", r#"displayName eq "STRASSE""#, found(&["u3"])),
        ("F09", "Users", r#"userName ne "jsmith""#, found(&["u1", "u3", "u4"])),
        ("F10", "Users", r#"title ne "Manager""#, found(&["u2", "u3", "u4"])),
        ("F11", "Users", "title pr", found(&["u1"])),
        ("F12", "Users", "not (title pr)", found(&["u2", "u3", "u4"])),
        ("F13", "Users", "not(title pr)", found(&["u2", "u3", "u4"])),
        ("F14", "Users", "name pr", found(&["u1", "u2"])),
        ("F15", "Users", "emails pr", found(&["u1", "u2", "u4"])),
        ("F16", "Users", r#"emails[type eq "work"]"#, found(&["u1", "u4"])),
        ("F17", "Users", r#"name.familyName co "O'Malley""#, found(&["u2"])),
        ("F18", "Users", r#"name.familyName co "o'm""#, found(&["u2"])),
        ("F19", "Users", r#"userName sw "J""#, found(&["u2"])),
        ("F20", "Users", r#"userName ew ".COM""#, found(&["u1"])),
        ("F21", "Users", r#"‹CORE›:userName sw "J""#, found(&["u2"])),
        ("F22", "Users", r#"‹ENT›:department eq "sales""#, found(&["u1"])),
        ("F23", "Users", r#"‹ENT upper-cased›:EMPLOYEENUMBER eq "701984""#, found(&["u1"])),
        ("F24", "Users", r#"‹ENT›:manager.value eq "u3""#, found(&["u1"])),
        ("F25", "Users", r#"schemas eq "‹ENT›""#, found(&["u1"])),
        ("F26", "Users", r#"emails co "example.com""#, found(&["u1", "u4"])),
        ("F27", "Users", r#"emails.value co "example""#, found(&["u1", "u2", "u4"])),
        (
            "F28",
            "Users",
            r#"emails.type eq "work" and emails.value co "jensen.org""#,
            found(&["u1"]),
        ),
        ("F29", "Users", r#"emails[type eq "work" and value co "jensen.org"]"#, found(&[])),
        (
            "F30",
            "Users",
            r#"emails[type eq "work" and value co "@example.com"] or ims[type eq "xmpp" and value co "@foo.com"]"#,
            found(&["u1", "u4"]),
        ),
        ("F31", "Users", r#"emails[not (type eq "work")]"#, found(&["u1", "u2", "u4"])),
        ("F32", "Users", "emails[primary eq true].value pr", strictly_refused(&["u1", "u4"])),
        ("F33", "Users", r#"emails.type ne "work""#, found(&["u1", "u2", "u3", "u4"])),
        ("F34", "Users", r#"not (emails.type eq "work")"#, found(&["u2", "u3"])),
        ("F35", "Users", "active eq true", found(&["u1", "u4"])),
        ("F36", "Users", "active eq false", found(&["u2"])),
        ("F37", "Users", "active ne true", found(&["u2", "u3"])),
        ("F38", "Users", "active pr", found(&["u1", "u2", "u4"])),
        ("F39", "Users", "active gt false", REFUSED),
        ("F40", "Users", r#"active co "t""#, REFUSED),
        ("F41", "Users", r#"active eq "true""#, strictly_refused(&["u1", "u4"])),
        ("F42", "Users", r#"x509Certificates.value ge "AA""#, REFUSED),
        ("F43", "Users", "title eq null", found(&["u2", "u3", "u4"])),
        ("F44", "Users", "title ne null", found(&["u1"])),
        ("F45", "Users", "title gt null", REFUSED),
        (
            "F46",
            "Users",
            r#"meta.lastModified eq "2025-05-13T06:42:34+02:00""#,
            found(&["u1", "u4"]),
        ),
        ("F47", "Users", r#"meta.lastModified gt "2025-05-13T04:42:34Z""#, found(&["u2"])),
        (
            "F48",
            "Users",
            r#"meta.lastModified ge "2025-05-13T04:42:34.000Z""#,
            found(&["u1", "u2", "u4"]),
        ),
        ("F49", "Users", r#"meta.lastModified lt "2025-01-01T00:00:00Z""#, found(&["u3"])),
        ("F50", "Users", r#"meta.lastModified eq "yesterday""#, REFUSED),
        ("F51", "Users", r#"meta.lastModified sw "2025""#, REFUSED),
        (
            "F52",
            "Users",
            r#"userType eq "employee" and title pr or active eq false"#,
            found(&["u1", "u2"]),
        ),
        (
            "F53",
            "Users",
            r#"active eq false or userType eq "employee" and title pr"#,
            found(&["u1", "u2"]),
        ),
        (
            "F54",
            "Users",
            r#"(active eq false or userType eq "employee") and title pr"#,
            found(&["u1"]),
        ),
        ("F55", "Users", "not (active eq true) and userName pr", found(&["u2", "u3"])),
        (
            "F56",
            "Users",
            r#"userType ne "Employee" and not (emails co "example.com" or emails.value co "example.org")"#,
            found(&["u3"]),
        ),
        ("F57", "Users", r#"nope eq "x""#, strictly_refused(&[])),
        ("F58", "Users", "not (nope pr)", strictly_refused(&["u1", "u2", "u3", "u4"])),
        ("F59", "Users", r#"name eq "x""#, REFUSED),
        ("F60", "Users", "userName eq 5", strictly_refused(&[])),
        ("F61", "Users", r#"userName regex "j.*""#, REFUSED),
        ("F62", "Users", "userName eq", REFUSED),
        ("F63", "Users", r#"userName eq "x" and"#, REFUSED),
        ("F64", "Users", r#"(userName eq "x""#, REFUSED),
        ("F65", "Users", "userName eq 'x'", REFUSED),
        ("F66", "Users", "not userName pr", REFUSED),
        ("F67", "Users", r#"password eq "x""#, REFUSED),
        ("F68", "Users", r#"userName co """#, found(&["u1", "u2", "u3", "u4"])),
        ("F69", "Groups", r#"displayName eq "tour guides""#, found(&["g1"])),
        ("F70", "Groups", r#"members[value eq "u1"]"#, found(&["g1"])),
        ("F71", "Groups", r#"members.value eq "U1""#, found(&[])),
        ("F72", "Groups", r#"members[value eq "g2" and type eq "Group"]"#, found(&["g1"])),
        ("F73", "Groups", r#"members eq "u2""#, found(&["g2"])),
        ("F74", "Groups", "not (members pr)", found(&["g3"])),
    ]);
}

#[test]
fn r_filter_16_null_is_what_is_not_present() {
    check_all(&[
        ("", "Users", "name eq null", found(&["u3", "u4"])),
        ("", "Users", "emails ne null", found(&["u1", "u2", "u4"])),
        ("", "Users", "emails[primary eq null]", found(&["u1", "u2", "u4"])),
        ("", "Users", "title sw null", REFUSED),
        ("", "Users", "nope eq null", strictly_refused(&["u1", "u2", "u3", "u4"])),
        ("", "Users", "nope ne null", strictly_refused(&[])),
        ("", "Users", "nope gt null", REFUSED),
    ]);
}

#[test]
fn r_filter_17_and_18_unequal_to_what_is_not_there() {
    check_all(&[
        ("", "Users", r#"nope ne "x""#, strictly_refused(&["u1", "u2", "u3", "u4"])),
        ("", "Users", r#"nope lt "x""#, strictly_refused(&[])),
        ("", "Users", r#"nope[value eq "x"]"#, strictly_refused(&[])),
        ("", "Users", r#"emails[nope eq "x"]"#, strictly_refused(&[])),
        ("", "Users", r#"emails[nope ne "x"]"#, strictly_refused(&["u1", "u2", "u4"])),
        ("", "Users", r#"emails.nope eq "x""#, strictly_refused(&[])),
        ("", "Users", r#"userName.value eq "x""#, strictly_refused(&[])),
        ("", "Users", r#"urn:example:nope:attr eq "x""#, strictly_refused(&[])),
        ("", "Users", r#"title ne """#, found(&["u1", "u2", "u4"])),
    ]);
}

#[test]
fn r_filter_05_10_11_15_and_26_what_clients_send_outside_the_grammar() {
    check_all(&[
        ("", "Users", "userName eq jsmith", strictly_refused(&["u2"])),
        ("", "Users", "meta.resourceType eq User", strictly_refused(&["u1", "u2", "u3", "u4"])),
        ("", "Users", "‹ENT›:employeeNumber eq 701984", strictly_refused(&["u1"])),
        ("", "Users", r#"active eq "False""#, strictly_refused(&["u2"])),
        ("", "Users", r#"active eq "yes""#, REFUSED),
        ("", "Users", "active eq 1", REFUSED),
        ("", "Users", r#"emails[primary eq "True"]"#, strictly_refused(&["u1", "u4"])),
        ("", "Users", r#"‹ENT›:manager eq "u3""#, strictly_refused(&["u1"])),
        // R-FILTER-15: the reference check of E-ENTRA-01 leaves the URN out.
        ("", "Users", r#"manager eq "u3""#, strictly_refused(&["u1"])),
        ("", "Users", r#"‹ENT›:manager pr"#, found(&["u1"])),
        (
            "",
            "Users",
            r#"emails[type eq "work"].value eq "w+1@example.com""#,
            strictly_refused(&["u4"]),
        ),
        ("", "Users", r#"‹ENT›.department eq "sales""#, strictly_refused(&["u1"])),
    ]);
}

#[test]
fn r_filter_19_20_and_25_what_the_server_owns() {
    check_all(&[
        ("", "Users", r#"id eq "u1""#, found(&["u1"])),
        ("", "Users", "id pr and meta pr and schemas pr", found(&["u1", "u2", "u3", "u4"])),
        ("", "Users", r#"schemas eq "‹ENT upper-cased›""#, found(&["u1"])),
        ("", "Users", r#"schemas[value eq "‹ENT›"]"#, found(&["u1"])),
        ("", "Users", r#"schemas ne "‹CORE›""#, found(&["u1"])),
        ("", "Groups", r#"schemas eq "‹GROUP›""#, found(&["g1", "g2", "g3"])),
        ("", "Users", "‹ENT› pr", found(&["u1"])),
        ("", "Users", "‹CORE› pr", found(&["u1", "u2", "u3", "u4"])),
        ("", "Users", r#"‹ENT› eq "x""#, REFUSED),
        ("", "Users", r#"meta.version eq "W/\"7\"""#, found(&["u1", "u2", "u3", "u4"])),
        ("", "Users", r#"meta.version eq "w/\"7\"""#, found(&[])),
        ("", "Users", r#"meta.resourceType eq "user""#, found(&[])),
        ("", "Users", "meta.location pr", found(&[])),
        (
            "",
            "Users",
            r#"meta.created eq "1970-01-01T00:00:01Z""#,
            found(&["u1", "u2", "u3", "u4"]),
        ),
        ("", "Users", r#"meta.lastModified eq "2025-06-01T00:00:00.500Z""#, found(&["u2"])),
        ("", "Users", r#"meta.lastModified eq "2025-06-01T00:00:00.5000001Z""#, found(&[])),
    ]);
}

#[test]
fn r_filter_20_relations_both_ways() {
    check_all(&[
        ("", "Groups", r#"members.type eq "user""#, found(&["g1", "g2"])),
        ("", "Groups", r#"members[type eq "User" and value eq "g2"]"#, found(&[])),
        ("", "Groups", r#"members.display co "the U""#, found(&["g1", "g2"])),
        ("", "Users", r#"groups.value eq "g1""#, found(&["u1", "u2"])),
        ("", "Users", r#"groups[value eq "g1" and type eq "direct"]"#, found(&["u1"])),
        ("", "Users", r#"groups.display eq "SUB""#, found(&["u2"])),
        ("", "Users", "groups pr", found(&["u1", "u2"])),
        ("", "Users", r#"groups ne "g1""#, found(&["u2", "u3", "u4"])),
    ]);
}

#[test]
fn r_attr_11_references_are_compared_by_their_end() {
    check_all(&[
        ("", "Groups", r#"members.$ref eq "https://example.com/scim/v2/Users/u1""#, found(&["g1"])),
        ("", "Groups", r#"members[$ref eq "Groups/g2"]"#, found(&["g1"])),
        ("", "Groups", r#"members.$ref eq "https://example.com/scim/Groups/u1""#, found(&[])),
        ("", "Users", r#"groups.$ref eq "/v2/Groups/g2""#, found(&["u2"])),
    ]);
}

#[test]
fn brackets_follow_whole_attributes() {
    check_all(&[
        ("", "Users", r#"name[familyName eq "jensen"]"#, found(&["u1"])),
        ("", "Users", r#"userName[value eq "jsmith"]"#, REFUSED),
        ("", "Users", r#"emails.value[type eq "work"]"#, REFUSED),
        ("", "Users", r#"emails[ims[type eq "x"]]"#, REFUSED),
    ]);
}

/// R-FILTER-22: also in a value path, and for sorting.
#[test]
fn r_filter_22_passwords_are_never_compared() {
    check_all(&[
        ("", "Users", "password pr", REFUSED),
        ("", "Users", "not (PASSWORD eq null)", REFUSED),
        ("", "Users", r#"‹CORE›:password sw "a""#, REFUSED),
    ]);
    let path = parse_attr_path("password").unwrap();
    let sort = resource_type("User").sort(&path, Order::Ascending, &Profile::GENERIC);
    assert!(matches!(sort, Err(FilterError::Mismatch(_))), "{sort:?}");
}

#[test]
fn r_filter_18_unknown_attributes_are_named_where_they_are_refused() {
    let refused = compile(resource_type("User"), r#"emials eq "x""#, &Profile::STRICT);
    assert_eq!(refused.unwrap_err().to_string(), "no attribute `emials` in `User`");
}

#[test]
fn conditions_name_the_attributes_that_they_read() {
    let ty = resource_type("Group");
    let reads = |filter| {
        let condition = compile(ty, filter, &Profile::GENERIC).unwrap();
        condition.attrs().map(|at| &*ty.leaf(at).path).collect::<Vec<_>>()
    };
    let all = reads(r#"not (displayName pr) or members[value eq "x"] and nope eq 1"#);
    assert_eq!(all, ["displayName", "members", "members.value"]);
}

fn sorted(by: &str, order: Order) -> Vec<&'static str> {
    let ty = resource_type("User");
    let sort = ty.sort(&parse_attr_path(by).unwrap(), order, &Profile::GENERIC).unwrap().unwrap();
    let held = users();
    let mut rows: Vec<(SortKey, &str)> =
        held.iter().map(|held| (ty.sort_key(sort.by, &held.view()), held.id)).collect();
    rows.sort();
    if sort.order == Order::Descending {
        rows.reverse();
    }
    rows.into_iter().map(|(_, id)| id).collect()
}

/// R-SORT-03 to R-SORT-05, X23.
#[test]
fn r_sort_04_what_has_no_value_comes_last_ascending_and_first_descending() {
    assert_eq!(sorted("title", Order::Ascending), ["u1", "u2", "u3", "u4"]);
    assert_eq!(sorted("title", Order::Descending), ["u4", "u3", "u2", "u1"]);
    assert_eq!(sorted("active", Order::Ascending), ["u2", "u1", "u4", "u3"]);
}

#[test]
fn r_sort_03_and_05_the_primary_element_counts_and_case_does_not() {
    assert_eq!(sorted("emails", Order::Ascending), ["u1", "u4", "u2", "u3"]);
    assert_eq!(sorted("emails.type", Order::Ascending), ["u2", "u4", "u1", "u3"]);
    assert_eq!(sorted("userName", Order::Ascending), ["u4", "u1", "u2", "u3"]);
    assert_eq!(sorted("meta.lastModified", Order::Ascending), ["u3", "u1", "u4", "u2"]);
    assert_eq!(sorted("externalId", Order::Ascending), ["u1", "u2", "u3", "u4"]);
}

#[test]
fn r_sort_07_unknown_attributes_sort_nothing_or_are_refused() {
    let ty = resource_type("User");
    let path = parse_attr_path("nope").unwrap();
    assert_eq!(ty.sort(&path, Order::Ascending, &Profile::GENERIC), Ok(None));
    assert!(ty.sort(&path, Order::Ascending, &Profile::STRICT).is_err());
    let name = parse_attr_path("name").unwrap();
    assert!(ty.sort(&name, Order::Ascending, &Profile::GENERIC).is_err());
}

fn keys(document: &str) -> Vec<(String, String, bool)> {
    let ty = resource_type("User");
    let keys = ty.index_keys(&Document::from_stored(document).unwrap());
    keys.into_iter().map(|key| (ty.attr(key.attr).path.to_string(), key.key, key.unique)).collect()
}

/// R-ATTR-12, R-ATTR-23: the index decides as filters do.
#[test]
fn r_attr_23_index_keys_are_folded_unless_exact() {
    let keys = keys(
        r#"{"externalId": "Ext-1", "userName": "MU\u0308LLER", "active": false, "title": "X",
            "displayName": "Straße",
            "emails": [{"value": "A@x.test", "type": "Work"}, {"value": "b@x.test", "type": "work"}]}"#,
    );
    let key = |path: &str, key: &str, unique| (path.to_owned(), key.to_owned(), unique);
    assert_eq!(
        keys,
        [
            key("externalId", "Ext-1", false),
            key("userName", "müller", true),
            key("displayName", "strasse", false),
            key("active", "false", false),
            key("emails.value", "a@x.test", false),
            key("emails.value", "b@x.test", false),
            key("emails.type", "work", false),
        ]
    );
}

#[test]
fn index_keys_are_found_by_the_key_of_an_operand() {
    use rollcall_filter::{Expr, Op};
    use rollcall_schema::Operand;

    let ty = resource_type("User");
    let document = Document::from_stored(r#"{"userName": "Straße"}"#).unwrap();
    let condition = compile(ty, r#"userName eq "STRASSE""#, &Profile::GENERIC).unwrap();
    let Expr::Compare(at, Op::Eq, Operand::Text { key, .. }) = condition.expr() else {
        panic!("{condition:?}")
    };
    let found = ty.index_keys(&document).into_iter().find(|held| held.attr == at.attr).unwrap();
    assert_eq!(&found.key, key);
}

#[test]
fn references_show_the_display_name_or_the_user_name() {
    let ty = resource_type("User");
    let display = |text| ty.display(&Document::from_stored(text).unwrap()).map(str::to_owned);
    assert_eq!(display(r#"{"userName": "a", "displayName": "A"}"#).as_deref(), Some("A"));
    assert_eq!(display(r#"{"userName": "a", "displayName": ""}"#).as_deref(), Some("a"));
    assert_eq!(display("{}"), None);
}

/// The parser takes no U+0000; neither do trees that were made by hand.
#[test]
fn no_condition_asks_for_a_null_character() {
    use rollcall_filter::{Expr, Literal, Op};

    let ty = resource_type("User");
    for (attr, op) in [("userName", Op::Eq), ("title", Op::Gt), ("emails", Op::Co)] {
        let path = parse_attr_path(attr).unwrap();
        let filter = Expr::Compare(path, op, Literal::String("a\0".into()));
        let refused = ty.condition(&filter, &Profile::GENERIC);
        assert!(matches!(refused, Err(FilterError::Mismatch(_))), "{refused:?}");
    }
}
