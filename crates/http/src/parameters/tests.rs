use std::sync::Arc;

use rollcall_domain::{Capabilities, Connection, ConnectionId, IdpKind, OrganizationId};
use rollcall_schema::Instant;
use serde_json::json;
use uuid::Uuid;

use super::*;

fn user() -> &'static Arc<ResourceType> {
    &standard::types()[0]
}

fn read(query: &str) -> Result<Parameters, Problem> {
    Parameters::from_query(Some(query), &Profile::GENERIC)
}

fn of(query: &str) -> Parameters {
    read(query).unwrap_or_else(|problem| panic!("{query}: {problem:?}"))
}

fn from_posted(body: Value) -> Result<Parameters, Problem> {
    Parameters::from_posted(body, &Profile::GENERIC)
}

fn offer(capabilities: Capabilities) -> Offer {
    let (id, organization) = (ConnectionId::from_uuid(Uuid::nil()), Uuid::nil());
    let organization = OrganizationId::from_uuid(organization);
    let mut connection =
        Connection::new(id, organization, IdpKind::Generic, Instant::from_millis(0));
    connection.setup.capabilities = capabilities;
    Offer::of(&connection).unwrap()
}

fn search(parameters: &Parameters) -> Result<Search<'_>, Problem> {
    search_with(parameters, Capabilities::default())
}

fn search_with(parameters: &Parameters, capabilities: Capabilities) -> Result<Search<'_>, Problem> {
    let pages = Pages { default: 100, max: 1000 };
    parameters.search(
        std::slice::from_ref(user()),
        &offer(capabilities),
        pages,
        Derived::Hidden,
        "",
    )
}

#[track_caller]
fn filters(query: &str, expect: &str) {
    let parameters = of(query);
    let filter = search(&parameters).unwrap().filter.unwrap();
    assert_eq!(filter.to_string(), expect, "{query}");
}

#[test]
fn the_query_is_decoded_once() {
    // R-FILTER-23, R-GET-04, R-HTTP-06
    filters("filter=userName%20eq%20%22ada%22", r#"userName eq "ada""#);
    filters("filter=userName+eq+%22ada%22", r#"userName eq "ada""#);
    filters("filter=userName%20eq%20%22a+b@x%22", r#"userName eq "a+b@x""#);
    filters("filter=userName+eq+%22a%2Bb@x%22", r#"userName eq "a+b@x""#);
    filters("filter=userName%20eq%20%22a%2520b%22", r#"userName eq "a%20b""#);
    filters("filter=title%20eq%20%22R%26D%3D1%22&x=1", r#"title eq "R&D=1""#);
    filters("aadOptscim062020&&FILTER=title%20eq%20%22a=b%22", r#"title eq "a=b""#);
    filters("filter=title%20eq%20%22%C3%A9%22", r#"title eq "é""#);
    assert!(read("filter=%FF").is_err());
    assert!(read("x=%C3%28").is_err());
}

#[test]
fn strict_profiles_know_one_plus_and_one_grammar() {
    // R-FILTER-05, R-FILTER-23, R-FILTER-28
    let read = |query, profile: &Profile| Parameters::from_query(Some(query), profile).unwrap();
    let plus = "filter=userName%20eq%20%22a+b@x%22";
    for (profile, expect) in [(&Profile::GENERIC, "a+b@x"), (&Profile::STRICT, "a b@x")] {
        let parameters = read(plus, profile);
        let filter = search(&parameters).unwrap().filter.unwrap();
        assert_eq!(filter.to_string(), format!("userName eq \"{expect}\""));
    }
    for query in ["filter=userName%20eq%20ada", "filter=userName%20eq%22ada%22"] {
        assert!(search(&read(query, &Profile::GENERIC)).is_ok(), "{query}");
        assert!(search(&read(query, &Profile::STRICT)).is_err(), "{query}");
        let body = json!({"schemas": [standard::SEARCH_REQUEST], "filter": "userName eq ada"});
        let posted = Parameters::from_posted(body, &Profile::STRICT).unwrap();
        assert!(search(&posted).is_err());
    }
}

#[test]
fn what_is_not_offered_is_refused_or_passed_over() {
    // R-FILTER-30, R-SORT-07, R-DISC-09
    let none = Capabilities { filter: false, sort: false, ..Capabilities::default() };
    let problem = search_with(&of("filter=title%20pr"), none).unwrap_err();
    assert!(format!("{problem:?}").contains("`filter`: filters are not offered"), "{problem:?}");
    for query in ["sortBy=title", "sortBy=((&sortOrder=up", "sortOrder=descending"] {
        let parameters = of(query);
        assert!(search_with(&parameters, none).unwrap().sort.is_none(), "{query}");
    }
}

#[test]
fn refusals_name_the_parameter() {
    // R-FILTER-04
    let told = |problem: Problem, expect: &str| {
        let told = format!("{problem:?}");
        assert!(told.contains(expect), "{told}");
    };
    told(search(&of("filter=title%20is%201")).unwrap_err(), "`filter`: found `is` at offset 6");
    told(read("x=1&filter=%FF").unwrap_err(), "`filter`: the query is not UTF-8");
    told(search(&of("sortBy=a%20b")).unwrap_err(), "`sortBy`: ");
    told(search(&of("count=x")).unwrap_err(), "`count` must be");
}

#[track_caller]
fn pages(query: &str, start: u64, count: u32) {
    let parameters = of(query);
    let search = search(&parameters).unwrap();
    assert_eq!((search.start, search.count), (start, count), "{query}");
}

#[test]
fn pages_are_clamped() {
    // R-PAGE-01, R-PAGE-02, R-PAGE-03, R-PAGE-06, R-PAGE-07
    pages("", 1, 100);
    pages("startIndex=0&count=2", 1, 2);
    pages("startindex=-3&Count=-5", 1, 0);
    pages("count=0", 1, 0);
    pages("count=&startIndex=", 1, 100);
    pages("count=100000", 1, 1000);
    pages("startIndex=99999999999999999999&count=99999999999999999999", i64::MAX as u64, 1000);
    pages("count=5&count=5", 1, 5);
    for query in ["count=abc", "count=1.5", "startIndex=0x1", "count=-"] {
        let problem = format!("{:?}", search(&of(query)).unwrap_err());
        assert!(problem.contains("InvalidValue"), "{problem}");
    }
    assert!(read("count=5&count=6").is_err());
}

#[test]
fn sorting_has_two_directions() {
    // R-SORT-01, R-SORT-02, R-SORT-07
    let order = |query: &str| search(&of(query)).map(|search| search.sort.map(|sort| sort.1));
    assert_eq!(order("sortBy=title").unwrap(), Some(Order::Ascending));
    assert_eq!(order("sortBy=title&sortOrder=Descending").unwrap(), Some(Order::Descending));
    assert_eq!(order("sortOrder=descending").unwrap(), None);
    assert_eq!(order("sortBy=&sortOrder=").unwrap(), None);
    assert_eq!(order("sortBy=nope").unwrap(), Some(Order::Ascending));
    for query in ["sortBy=title&sortOrder=up", "sortBy=a%20b", "sortBy=name", "sortBy=password"] {
        let problem = format!("{:?}", order(query).unwrap_err());
        assert!(problem.contains("InvalidValue"), "{query}: {problem}");
    }
}

#[test]
fn bad_filters_are_invalid_filter() {
    // R-FILTER-04
    for query in ["filter=", "filter=userName", "filter=userName%20eq%20%E2%80%9Cada%E2%80%9D"] {
        let problem = format!("{:?}", search(&of(query)).unwrap_err());
        assert!(problem.contains("InvalidFilter"), "{query}: {problem}");
    }
}

#[track_caller]
fn attributes(query: &str, expect: &[&str]) {
    let parameters = of(query);
    let paths = paths(&parameters.attributes).unwrap();
    assert_eq!(paths.iter().map(|path| path.text).collect::<Vec<_>>(), expect, "{query}");
}

#[test]
fn attribute_lists_are_united_and_their_bad_items_passed_over() {
    // R-PROJ-05, R-PROJ-09
    attributes("attributes=userName,%20name.givenName", &["userName", "name.givenName"]);
    attributes("attributes=id,+title&Attributes=x", &["id", "title", "x"]);
    attributes("attributes=emails%5Btype%20eq%20%22a,b%22%5D,id", &["emails", "id"]);
    attributes("attributes=user%20name,id", &["id"]);
    attributes("attributes=id,1a,title", &["id", "title"]);
    attributes("attributes=emails%5B,id", &["id"]);
    attributes("attributes=id,%22,%22,title", &["id", "title"]);
    attributes("attributes=%C3%A9,id", &["id"]);
    attributes("attributes=,,", &[]);
    attributes("attributes=", &[]);
    let long = format!("attributes={}title", "id,".repeat(5000));
    assert_eq!(paths(&of(&long).attributes).unwrap().len(), 5001);
    let bad = format!("attributes=id,{}", "a[,".repeat(10_000));
    assert_eq!(paths(&of(&bad).attributes).unwrap().len(), 1);
    assert!(paths(&["id,".repeat(30_000)]).is_err());
}

#[test]
fn lists_without_an_attribute_name_something_unknown() {
    // R-PROJ-02, R-PROJ-09
    let named = |query: &str| {
        of(query).projection(user(), &Profile::GENERIC).map(|shown| shown.names()).unwrap()
    };
    for list in ["*", "nope", "(", "%22userName%22", "a%20b", ",(,"] {
        assert!(named(&format!("attributes={list}")), "{list}");
        let projection = of(&format!("attributes={list}"));
        let projection = projection.projection(user(), &Profile::GENERIC).unwrap();
        let user_name = user().by_path("userName").unwrap();
        assert!(!projection.shows(user(), user_name), "{list}");
        let excluded = of(&format!("excludedAttributes={list}"));
        let excluded = excluded.projection(user(), &Profile::GENERIC).unwrap();
        assert!(excluded.shows(user(), user_name), "{list}");
    }
    for list in ["", "%20,,"] {
        assert!(!named(&format!("attributes={list}")), "{list}");
    }
    let posted = json!({"schemas": [standard::SEARCH_REQUEST], "attributes": ["*"]});
    let posted = from_posted(posted).unwrap();
    assert!(posted.projection(user(), &Profile::GENERIC).unwrap().names());
}

#[test]
fn attributes_and_excluded_attributes_exclude_each_other() {
    // R-PROJ-04
    let refused = |query: &str| of(query).projection(user(), &Profile::GENERIC).is_err();
    assert!(refused("attributes=*&excludedAttributes=name"));
    assert!(refused("attributes=id&excludedAttributes=name"));
    assert!(!refused("attributes=id&excludedAttributes="));
    assert!(!refused("excludedAttributes=name"));
}

#[test]
fn posted_searches_say_the_same() {
    // R-SEARCH-01, R-SEARCH-03
    let body = json!({
        "Schemas": ["urn:ietf:params:scim:api:messages:2.0:searchrequest"],
        "ATTRIBUTES": ["userName", "name.givenName,title"],
        "filter": "title pr", "sortBy": "title", "sortorder": "descending",
        "startIndex": 3, "count": "7", "excludedAttributes": null, "extra": {},
    });
    let parameters = from_posted(body).unwrap();
    let search = search(&parameters).unwrap();
    assert_eq!((search.start, search.count), (3, 7));
    assert_eq!(search.filter.unwrap().to_string(), "title pr");
    assert_eq!(paths(&parameters.attributes).unwrap().len(), 3);
}

#[test]
fn posted_pages_are_clamped() {
    // R-PAGE-06, R-PAGE-07
    let asked = |start: Value, count: Value| {
        let body = json!({"schemas": [standard::SEARCH_REQUEST], "startIndex": start,
            "count": count});
        let parameters = from_posted(body).unwrap();
        search(&parameters).map(|search| (search.start, search.count))
    };
    assert_eq!(asked(json!(1e28), json!(1e28)).unwrap(), (i64::MAX as u64, 1000));
    assert_eq!(asked(json!(-1e28), json!(-1e28)).unwrap(), (1, 0));
    assert_eq!(asked(json!(2e0), json!(-0.0)).unwrap(), (2, 0));
    assert!(asked(json!(1.5), json!(1)).is_err());
    assert!(asked(json!(1), json!(1e-3)).is_err());
}

#[test]
fn posted_filters_may_be_long() {
    // R-FILTER-24
    let filter = format!("title eq \"{}\"", "x".repeat(10_000));
    let body = json!({"schemas": [standard::SEARCH_REQUEST], "filter": filter});
    assert!(search(&from_posted(body).unwrap()).is_ok());
    let query = format!("filter={}", filter.replace(' ', "%20"));
    assert!(search(&of(&query)).is_err());
}

#[track_caller]
fn not_posted(body: Value, expect: &str) {
    let problem = format!("{:?}", from_posted(body).unwrap_err());
    assert!(problem.contains(expect), "{problem}");
}

#[test]
fn posted_searches_name_their_schema() {
    // R-SEARCH-04
    not_posted(json!([]), "InvalidSyntax");
    not_posted(json!({}), "InvalidSyntax");
    not_posted(json!({"schemas": [standard::PATCH_OP]}), "InvalidSyntax");
    let with =
        |name: &str, value: Value| json!({"schemas": [standard::SEARCH_REQUEST], name: value});
    not_posted(with("filter", json!(1)), "InvalidValue");
    not_posted(with("count", json!(true)), "InvalidValue");
    not_posted(with("attributes", json!([1])), "InvalidValue");
}
