//! Searches of all types at once (RFC 7644 §3.4.2.1), over the memory store.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use rollcall_domain::{CursorAsked, Derived, Error, ProfileChoice, ResourceId, Search, Setup};
use rollcall_filter::{parse_attr_path, parse_filter};
use rollcall_schema::{FilterError, Order, ProfileName};
use rollcall_testkit::{Desk, Subject, groups, users};
use serde_json::json;

/// A connection with the base data of the vectors, by name.
struct World {
    desk: Desk,
    names: Vec<(&'static str, ResourceId)>,
}

/// A page as names, with the total.
type Told = Result<(Vec<&'static str>, u64), Error>;

impl World {
    async fn open(profile: ProfileName) -> Self {
        let profile = ProfileChoice { name: Some(profile), ..ProfileChoice::default() };
        let setup = Setup { profile, ..Setup::default() };
        let desk = Desk::set_up(&Subject::memory(), setup).await;
        let core = "urn:ietf:params:scim:schemas:core:2.0:";
        let (user, group) = ([format!("{core}User")], [format!("{core}Group")]);
        let mut names = Vec::new();
        // Groups come first in time, and last in a list.
        let empty = json!({ "schemas": group, "displayName": "Empty" });
        names.push(("g3", desk.make(groups(), empty).await));
        for (name, user_name, display_name, title) in [
            ("u1", "bjensen@Example.com", Some("Babs"), Some("Manager")),
            ("u2", "jsmith", Some("John"), None),
            ("u3", "Müller", Some("Straße"), Some("Clerk")),
            ("u4", "a\"b\\c", None, None),
        ] {
            let mut body = json!({ "schemas": user, "userName": user_name });
            for (attr, value) in [("displayName", display_name), ("title", title)] {
                if let Some(value) = value {
                    body[attr] = value.into();
                }
            }
            names.push((name, desk.make(users(), body).await));
        }
        let id = |names: &[(&str, ResourceId)], wanted: &str| {
            names.iter().find(|(name, _)| *name == wanted).unwrap().1.to_string()
        };
        let members = json!([{ "value": id(&names, "u2") }]);
        let sub = json!({ "schemas": group, "displayName": "Sub", "members": members });
        names.push(("g2", desk.make(groups(), sub).await));
        let members = json!([{ "value": id(&names, "u1") }, { "value": id(&names, "g2") }]);
        let guides = json!({ "schemas": group, "displayName": "Tour Guides", "members": members });
        names.push(("g1", desk.make(groups(), guides).await));
        Self { desk, names }
    }

    async fn find(&self, search: &Search<'_>) -> Told {
        let (told, next) = self.page(search).await?;
        assert_eq!(next, None);
        Ok(told)
    }

    async fn page(
        &self,
        search: &Search<'_>,
    ) -> Result<((Vec<&'static str>, u64), Option<String>), Error> {
        let Desk { directory, context, .. } = &self.desk;
        let page = directory.find_all(context, context.offer().catalog().types(), search).await?;
        let mut found = Vec::new();
        for (ty, one) in &page.found {
            let (name, _) = self.names.iter().find(|(_, id)| *id == one.record.id).unwrap();
            assert_eq!(ty.name().starts_with('U'), name.starts_with('u'), "{name}");
            found.push(*name);
        }
        Ok(((found, page.total), page.next))
    }

    async fn filter(&self, text: &str) -> Told {
        let u2 = self.names.iter().find(|(name, _)| *name == "u2").unwrap().1;
        let text = text.replace("\"u2\"", &format!("\"{u2}\""));
        let filter = Some(parse_filter(&text).unwrap());
        self.find(&Search { filter, count: 100, ..Search::default() }).await
    }

    #[track_caller]
    fn check(told: Told, expect: &[&str]) {
        let total = expect.len() as u64;
        assert_eq!(told.unwrap(), (expect.to_vec(), total));
    }
}

/// F75–F79, R-GET-06.
#[tokio::test]
async fn an_attribute_that_a_type_lacks_has_no_value_there() {
    let world = World::open(ProfileName::Generic).await;
    for (filter, expect) in [
        (r#"meta.resourceType eq "Group""#, &["g3", "g2", "g1"][..]),
        (r#"meta.resourceType eq "group""#, &[]),
        ("userName pr", &["u1", "u2", "u3", "u4"]),
        (r#"members.value eq "u2" or userName eq "jsmith""#, &["u2", "g2"]),
        (r#"displayName sw "S""#, &["u3", "g2"]),
        ("not (userName pr)", &["g3", "g2", "g1"]),
        (r#"title ne "Clerk""#, &["u1", "u2", "u4", "g3", "g2", "g1"]),
        ("nope pr", &[]),
    ] {
        World::check(world.filter(filter).await, expect);
    }
}

/// R-FILTER-18, R-IOP-02: an attribute that one type has is known.
#[tokio::test]
async fn a_strict_profile_refuses_what_no_type_has() {
    let world = World::open(ProfileName::Strict).await;
    World::check(world.filter("userName pr and not (members pr)").await, &["u1", "u2", "u3", "u4"]);
    let mixed = r#"members[type eq "User"] or userName eq "jsmith""#;
    World::check(world.filter(mixed).await, &["u2", "g2", "g1"]);
    for (filter, path) in [
        ("nope pr", "nope"),
        (r#"userName pr and not (nope eq "x")"#, "nope"),
        (r#"members[nope eq "x"]"#, "nope"),
        (r#"emails[type eq "work" and nope eq "x"] or displayName pr"#, "nope"),
    ] {
        match world.filter(filter).await {
            Err(Error::Filter(FilterError::Unknown { path: said, kind })) => {
                assert_eq!((&*said, &*kind), (path, "User`, `Group"), "{filter}");
            }
            other => panic!("{filter}: {other:?}"),
        }
    }
    let by = |text| parse_attr_path(text).unwrap();
    let sorted =
        |path| Search { sort: Some((by(path), Order::Ascending)), count: 9, ..Search::default() };
    assert_eq!(world.find(&sorted("title")).await.unwrap().1, 7);
    let error = world.find(&sorted("nope")).await.unwrap_err();
    assert!(matches!(error, Error::Filter(FilterError::Unknown { .. })), "{error}");
}

#[tokio::test]
async fn what_goes_with_an_attribute_of_no_type_is_refused() {
    let world = World::open(ProfileName::Generic).await;
    for filter in ["name eq \"x\"", "password eq \"x\"", "active co \"x\" or displayName pr"] {
        let error = world.filter(filter).await.unwrap_err();
        assert!(matches!(error, Error::Filter(FilterError::Mismatch(_))), "{filter}: {error}");
    }
}

/// R-PAGE-01 to R-PAGE-05 over types.
#[tokio::test]
async fn pages_by_place_run_from_type_to_type() {
    let world = World::open(ProfileName::Generic).await;
    let page = async |start, count| {
        world.find(&Search { start, count, ..Search::default() }).await.unwrap()
    };
    assert_eq!(page(0, 100).await.0, ["u1", "u2", "u3", "u4", "g3", "g2", "g1"]);
    // The last page first, so that nothing is remembered.
    assert_eq!(page(6, 5).await, (vec!["g2", "g1"], 7));
    assert_eq!(page(4, 2).await, (vec!["u4", "g3"], 7));
    assert_eq!(page(5, 1).await, (vec!["g3"], 7));
    assert_eq!(page(1, 4).await, (vec!["u1", "u2", "u3", "u4"], 7));
    assert_eq!(page(5, 4).await, (vec!["g3", "g2", "g1"], 7));
    assert_eq!(page(3, 0).await, (vec![], 7));
    assert_eq!(page(99, 3).await, (vec![], 7));
}

/// R-SORT-04, R-SORT-06: what a type lacks is no value; ties are by id whatever the type.
#[tokio::test]
async fn an_order_goes_through_all_types() {
    let world = World::open(ProfileName::Generic).await;
    let sorted = |path: &'static str, order, start, count| Search {
        sort: Some((parse_attr_path(path).unwrap(), order)),
        start,
        count,
        ..Search::default()
    };
    let (up, down) = (Order::Ascending, Order::Descending);
    let named = ["u1", "g3", "u2", "u3", "g2", "g1", "u4"];
    assert_eq!(world.find(&sorted("displayName", up, 1, 9)).await.unwrap().0, named);
    assert_eq!(world.find(&sorted("displayName", up, 3, 2)).await.unwrap(), (vec!["u2", "u3"], 7));
    let backwards = ["u4", "g1", "g2", "u3", "u2", "g3", "u1"];
    assert_eq!(world.find(&sorted("displayName", down, 1, 9)).await.unwrap().0, backwards);
    let titled = ["u3", "u1", "g3", "u2", "u4", "g2", "g1"];
    assert_eq!(world.find(&sorted("title", up, 1, 9)).await.unwrap().0, titled);
    let untitled_first = ["g3", "u2", "u4", "g2", "g1", "u1", "u3"];
    assert_eq!(world.find(&sorted("title", down, 1, 9)).await.unwrap().0, untitled_first);
    let nowhere = ["u1", "u2", "u3", "u4", "g3", "g2", "g1"];
    assert_eq!(world.find(&sorted("nope", down, 1, 9)).await.unwrap().0, nowhere);
    // R-GET-07: what lies far in is reached page by page.
    let far = world.find(&sorted("title", up, 10_001, 10)).await;
    assert!(matches!(far, Err(Error::TooMany)));
    assert_eq!(world.find(&sorted("title", up, 10_001, 0)).await.unwrap(), (vec![], 7));
}

/// R-CUR-01 to R-CUR-03, R-CUR-09 over types.
#[tokio::test]
async fn cursors_run_from_type_to_type() {
    let world = World::open(ProfileName::Generic).await;
    for (sort, expect) in [
        (None, ["u1", "u2", "u3", "u4", "g3", "g2", "g1"]),
        (Some(("displayName", Order::Ascending)), ["u1", "g3", "u2", "u3", "g2", "g1", "u4"]),
        (Some(("displayName", Order::Descending)), ["u4", "g1", "g2", "u3", "u2", "g3", "u1"]),
        (Some(("title", Order::Ascending)), ["u3", "u1", "g3", "u2", "u4", "g2", "g1"]),
        (Some(("title", Order::Descending)), ["g3", "u2", "u4", "g2", "g1", "u1", "u3"]),
    ] {
        for count in 1..9 {
            let (mut walked, mut cursor) = (Vec::new(), String::new());
            loop {
                let search = Search {
                    sort: sort.map(|(by, order)| (parse_attr_path(by).unwrap(), order)),
                    cursor: Some(CursorAsked { text: &cursor, shown: "" }),
                    count,
                    ..Search::default()
                };
                let ((found, total), next) = world.page(&search).await.unwrap();
                assert_eq!(total, 7);
                walked.extend(found);
                match next {
                    Some(next) => cursor = next,
                    None => break,
                }
            }
            assert_eq!(walked, expect, "{sort:?} by {count}");
        }
    }
    // A cursor of all types is none of one.
    let first = |text| Search {
        cursor: Some(CursorAsked { text, shown: "" }),
        count: 1,
        ..Search::default()
    };
    let (_, next) = world.page(&first("")).await.unwrap();
    let Desk { directory, context, .. } = &world.desk;
    let error = directory.find(context, users(), &first(&next.unwrap())).await.unwrap_err();
    assert!(matches!(error, Error::InvalidCursor), "{error}");
}

/// As with one type, what is shown of each is loaded.
#[tokio::test]
async fn derived_attributes_are_loaded() {
    let world = World::open(ProfileName::Generic).await;
    let Desk { directory, context, .. } = &world.desk;
    let filter = Some(parse_filter("userName eq \"jsmith\" or displayName eq \"Sub\"").unwrap());
    let search = Search { filter, count: 9, derived: Derived::Shown, ..Search::default() };
    let types = context.offer().catalog().types();
    let page = directory.find_all(context, types, &search).await.unwrap();
    let incoming: Vec<_> = page.found.iter().map(|(_, found)| found.incoming.len()).collect();
    assert_eq!(incoming, [2, 0]);
}
