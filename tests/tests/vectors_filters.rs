//! The filter vectors over HTTP: each row with its id, on the tolerant profile.

use rollcall_domain::IdpKind;
use rollcall_tests::client::SEARCH;
use rollcall_tests::data::{ENTERPRISE, USER, base};
use rollcall_tests::idp::sorted;
use rollcall_tests::on_both_stores;
use rollcall_tests::server::Server;
use serde_json::json;

on_both_stores!(get_answers_every_vector, search_answers_every_vector, hints_at_typographic_quotes);

/// What a filter finds; `None` is 400 `invalidFilter`.
type Finds = Option<&'static [&'static str]>;

const REFUSED: Finds = None;
const NOTHING: Finds = Some(&[]);

/// The endpoint of the root is empty. `‹CORE›` and `‹ENT›` stand for the schemas, `{u1}` for the id of a resource.
#[rustfmt::skip]
const ROWS: &[(&str, &str, &str, Finds)] = &[
    ("F01", "/Users", r#"userName eq "BJENSEN@example.COM""#, Some(&["u1"])),
    ("F02", "/Users", r#"USERNAME Eq "jsmith""#, Some(&["u2"])),
    ("F03", "/Users", r#"externalId eq "ext-001""#, Some(&["u2"])),
    ("F04", "/Users", r#"id eq "{U1}""#, NOTHING),
    ("F05", "/Users", r#"userName eq "a\"b\\c""#, Some(&["u4"])),
    ("F06", "/Users", r#"userName eq "\u006dÜLLER""#, Some(&["u3"])),
    ("F07", "/Users", r#"userName eq "mu\u0308ller""#, Some(&["u3"])),
    ("F08", "/Users", r#"displayName eq "STRASSE""#, Some(&["u3"])),
    ("F09", "/Users", r#"userName ne "jsmith""#, Some(&["u1", "u3", "u4"])),
    ("F10", "/Users", r#"title ne "Manager""#, Some(&["u2", "u3", "u4"])),
    ("F11", "/Users", r"title pr", Some(&["u1"])),
    ("F12", "/Users", r"not (title pr)", Some(&["u2", "u3", "u4"])),
    ("F13", "/Users", r"not(title pr)", Some(&["u2", "u3", "u4"])),
    ("F14", "/Users", r"name pr", Some(&["u1", "u2"])),
    ("F15", "/Users", r"emails pr", Some(&["u1", "u2", "u4"])),
    ("F16", "/Users", r#"emails[type eq "work"]"#, Some(&["u1", "u4"])),
    ("F17", "/Users", r#"name.familyName co "O'Malley""#, Some(&["u2"])),
    ("F18", "/Users", r#"name.familyName co "o'm""#, Some(&["u2"])),
    ("F19", "/Users", r#"userName sw "J""#, Some(&["u2"])),
    ("F20", "/Users", r#"userName ew ".COM""#, Some(&["u1"])),
    ("F21", "/Users", r#"‹CORE›:userName sw "J""#, Some(&["u2"])),
    ("F22", "/Users", r#"‹ENT›:department eq "sales""#, Some(&["u1"])),
    ("F23", "/Users", r#"‹ENT upper-cased›:EMPLOYEENUMBER eq "701984""#, Some(&["u1"])),
    ("F24", "/Users", r#"‹ENT›:manager.value eq "{u3}""#, Some(&["u1"])),
    ("F25", "/Users", r#"schemas eq "‹ENT›""#, Some(&["u1"])),
    ("F26", "/Users", r#"emails co "example.com""#, Some(&["u1", "u4"])),
    ("F27", "/Users", r#"emails.value co "example""#, Some(&["u1", "u2", "u4"])),
    ("F28", "/Users", r#"emails.type eq "work" and emails.value co "jensen.org""#, Some(&["u1"])),
    ("F29", "/Users", r#"emails[type eq "work" and value co "jensen.org"]"#, NOTHING),
    ("F30", "/Users", r#"emails[type eq "work" and value co "@example.com"] or ims[type eq "xmpp" and value co "@foo.com"]"#, Some(&["u1", "u4"])),
    ("F31", "/Users", r#"emails[not (type eq "work")]"#, Some(&["u1", "u2", "u4"])),
    ("F32", "/Users", r"emails[primary eq true].value pr", Some(&["u1", "u4"])),
    ("F33", "/Users", r#"emails.type ne "work""#, Some(&["u1", "u2", "u3", "u4"])),
    ("F34", "/Users", r#"not (emails.type eq "work")"#, Some(&["u2", "u3"])),
    ("F35", "/Users", r"active eq true", Some(&["u1", "u4"])),
    ("F36", "/Users", r"active eq false", Some(&["u2"])),
    ("F37", "/Users", r"active ne true", Some(&["u2", "u3"])),
    ("F38", "/Users", r"active pr", Some(&["u1", "u2", "u4"])),
    ("F39", "/Users", r"active gt false", REFUSED),
    ("F40", "/Users", r#"active co "t""#, REFUSED),
    ("F41", "/Users", r#"active eq "true""#, Some(&["u1", "u4"])),
    ("F42", "/Users", r#"x509Certificates.value ge "AA""#, REFUSED),
    ("F43", "/Users", r"title eq null", Some(&["u2", "u3", "u4"])),
    ("F44", "/Users", r"title ne null", Some(&["u1"])),
    ("F45", "/Users", r"title gt null", REFUSED),
    ("F46", "/Users", r#"meta.lastModified eq "2025-05-13T06:42:34+02:00""#, Some(&["u1", "u4"])),
    ("F47", "/Users", r#"meta.lastModified gt "2025-05-13T04:42:34Z""#, Some(&["u2"])),
    ("F48", "/Users", r#"meta.lastModified ge "2025-05-13T04:42:34.000Z""#, Some(&["u1", "u2", "u4"])),
    ("F49", "/Users", r#"meta.lastModified lt "2025-01-01T00:00:00Z""#, Some(&["u3"])),
    ("F50", "/Users", r#"meta.lastModified eq "yesterday""#, REFUSED),
    ("F51", "/Users", r#"meta.lastModified sw "2025""#, REFUSED),
    ("F52", "/Users", r#"userType eq "employee" and title pr or active eq false"#, Some(&["u1", "u2"])),
    ("F53", "/Users", r#"active eq false or userType eq "employee" and title pr"#, Some(&["u1", "u2"])),
    ("F54", "/Users", r#"(active eq false or userType eq "employee") and title pr"#, Some(&["u1"])),
    ("F55", "/Users", r"not (active eq true) and userName pr", Some(&["u2", "u3"])),
    ("F56", "/Users", r#"userType ne "Employee" and not (emails co "example.com" or emails.value co "example.org")"#, Some(&["u3"])),
    ("F57", "/Users", r#"nope eq "x""#, NOTHING),
    ("F58", "/Users", r"not (nope pr)", Some(&["u1", "u2", "u3", "u4"])),
    ("F59", "/Users", r#"name eq "x""#, REFUSED),
    ("F60", "/Users", r"userName eq 5", NOTHING),
    ("F61", "/Users", r#"userName regex "j.*""#, REFUSED),
    ("F62", "/Users", r"userName eq", REFUSED),
    ("F63", "/Users", r#"userName eq "x" and"#, REFUSED),
    ("F64", "/Users", r#"(userName eq "x""#, REFUSED),
    ("F65", "/Users", r"userName eq 'x'", REFUSED),
    ("F66", "/Users", r"not userName pr", REFUSED),
    ("F67", "/Users", r#"password eq "x""#, REFUSED),
    ("F68", "/Users", r#"userName co """#, Some(&["u1", "u2", "u3", "u4"])),
    ("F69", "/Groups", r#"displayName eq "tour guides""#, Some(&["g1"])),
    ("F70", "/Groups", r#"members[value eq "{u1}"]"#, Some(&["g1"])),
    ("F71", "/Groups", r#"members.value eq "{U1}""#, NOTHING),
    ("F72", "/Groups", r#"members[value eq "{g2}" and type eq "Group"]"#, Some(&["g1"])),
    ("F73", "/Groups", r#"members eq "{u2}""#, Some(&["g2"])),
    ("F74", "/Groups", r"not (members pr)", Some(&["g3"])),
    ("F75", "", r#"meta.resourceType eq "Group""#, Some(&["g1", "g2", "g3"])),
    ("F76", "", r#"meta.resourceType eq "group""#, NOTHING),
    ("F77", "", r"userName pr", Some(&["u1", "u2", "u3", "u4"])),
    ("F78", "", r#"members.value eq "{u2}" or userName eq "jsmith""#, Some(&["g2", "u2"])),
    ("F79", "", r#"displayName sw "S""#, Some(&["g2", "u3"])),
    // What the table of vectors leaves to the rules.
    ("R-FILTER-10", "/Users", r#"emails[primary eq "True"]"#, Some(&["u1", "u4"])),
    ("R-FILTER-11", "/Users", r"‹ENT›:employeeNumber eq 701984", Some(&["u1"])),
    ("R-FILTER-15", "/Users", r#"manager eq "{u3}""#, Some(&["u1"])),
    ("R-FILTER-19", "/Users", r#"schemas eq "‹ENT upper-cased›""#, Some(&["u1"])),
    ("R-FILTER-20", "/Users", r#"meta.resourceType eq "User""#, Some(&["u1", "u2", "u3", "u4"])),
    ("R-FILTER-20", "/Users", r#"meta.resourceType eq "user""#, NOTHING),
    ("R-FILTER-20", "/Users", r#"id eq "{u2}" or externalId eq "Ext-001""#, Some(&["u1", "u2"])),
    ("R-FILTER-26", "/Users", r#"emails[type eq "work"].value eq "BJENSEN@example.com""#, Some(&["u1"])),
    ("R-FILTER-26", "/Users", r#"emails[type eq "home"].value eq "bjensen@example.com""#, NOTHING),
    ("R-FILTER-28", "/Users", r#"userName eq"jsmith""#, Some(&["u2"])),
    ("R-FILTER-04", "/Users", r"", REFUSED),
    ("R-RES-02", "/Users", r#"groups.value eq "{g1}""#, Some(&["u1", "u2"])),
    ("R-RES-02", "/Users", r#"groups[value eq "{g1}" and type eq "direct"]"#, Some(&["u1"])),
    ("R-RES-02", "/Users", r"not (groups pr)", Some(&["u3", "u4"])),
    ("R-GET-06", "", r#"id eq "{u2}" or id eq "{g3}""#, Some(&["g3", "u2"])),
    ("R-GET-06", "", r"not (userName pr)", Some(&["g1", "g2", "g3"])),
    ("R-GET-06", "", r"nope pr", NOTHING),
    ("R-GET-06", "", r"active gt false", REFUSED),
    ("R-GET-06", "", r"members.value eq", REFUSED),
];

#[test]
fn every_vector_is_there() {
    let rows: Vec<&str> =
        ROWS.iter().map(|(id, ..)| *id).filter(|id| id.starts_with('F')).collect();
    assert_eq!(rows, (1..=79).map(|n| format!("F{n:02}")).collect::<Vec<_>>());
}

fn spelled(filter: &str) -> String {
    filter
        .replace("‹CORE›", USER)
        .replace("‹ENT›", ENTERPRISE)
        .replace("‹ENT upper-cased›", &ENTERPRISE.to_uppercase())
}

/// Runs every row through `ask` and tells all the rows that differ.
async fn every_vector(server: &Server, how: How) {
    let idp = server.idp(IdpKind::Generic).await;
    let mut names = base(&idp).await;
    names.set("U1", names.id("u1").to_uppercase());
    let mut wrong = Vec::new();
    for (id, endpoint, filter, finds) in ROWS {
        let filter = names.fill(&spelled(filter));
        let answer = match how {
            How::Get => idp.find(endpoint, &filter).await,
            How::Search => {
                let body = json!({"schemas": [SEARCH], "filter": filter});
                idp.post(&format!("{endpoint}/.search"), &body).await
            }
        };
        let told = match (answer.status, finds) {
            (200, Some(expect)) => {
                let body = answer.json();
                let ids = answer.ids();
                let found: Vec<&str> = ids.iter().map(|id| names.name(id)).collect();
                let total = body["totalResults"].as_u64() == Some(found.len() as u64);
                (sorted(&found) == *expect && total).then_some(())
            }
            (400, None) => {
                let detail = answer.refused(400, "invalidFilter");
                (!detail.is_empty()).then_some(())
            }
            _ => None,
        };
        if told.is_none() {
            wrong.push(format!("{id} `{filter}` should find {finds:?}: {answer}"));
        }
    }
    assert!(wrong.is_empty(), "{} rows on {server:?}:\n{}", wrong.len(), wrong.join("\n"));
}

/// The two ways to ask for a list.
#[derive(Clone, Copy)]
enum How {
    Get,
    Search,
}

async fn get_answers_every_vector(server: &Server) {
    every_vector(server, How::Get).await;
}

async fn search_answers_every_vector(server: &Server) {
    every_vector(server, How::Search).await;
}

/// R-FILTER-05: a filter that went through a word processor.
async fn hints_at_typographic_quotes(server: &Server) {
    let idp = server.idp(IdpKind::Generic).await;
    let answer = idp.find("/Users", "userName eq \u{201c}ada\u{201d}").await;
    let detail = answer.refused(400, "invalidFilter");
    assert!(detail.contains("quote"), "{detail}");
}
