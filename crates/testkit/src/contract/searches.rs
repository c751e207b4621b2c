//! Searches: every leaf that an index answers, and those that none does.

use rollcall_domain::{Candidates, Page, ResourceId};
use rollcall_schema::{Document, Order, ResourceType};
use serde_json::{Value, json};

use crate::contract::cases;
use crate::{Asked, Site, Subject, groups, ids, users};

cases![
    r_filter_06_keys_answer_comparisons,
    r_filter_07_texts_compare_by_their_fold,
    r_filter_17_complements_hold_what_has_no_value,
    r_filter_20_ids_and_times_answer,
    relations_answer,
    what_no_index_answers_is_still_found,
    odd_characters_mean_themselves,
    r_sort_04_lists_are_sorted,
    r_sort_06_ties_keep_the_order_of_ids,
    sorted_lists_are_paged,
];

/// Ada (two addresses, active), Grace (inactive), Åsa (no more than a name).
async fn crew(subject: &Subject) -> Site {
    let site = Site::open(subject).await;
    for body in [
        json!({
            "userName": "Ada@Example.com", "displayName": "Ada", "externalId": "X1", "active": true,
            "title": "Countess",
            "emails": [{ "value": "ada@work.example", "type": "work", "primary": true },
                       { "value": "ADA@HOME.example", "type": "home" }],
        }),
        json!({
            "userName": "grace", "displayName": "Grace Hopper", "externalId": "x1", "active": false,
            "title": "Admiral", "emails": [{ "value": "grace@work.example", "type": "work" }],
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":
                { "manager": { "value": "boss" }, "department": "Navy" },
        }),
        json!({ "userName": "Åsa", "title": "", "active": true }),
    ] {
        site.put(site.creation(users(), body).expect("a user")).await;
    }
    site
}

fn named(page: &Page, attr: &str) -> Vec<String> {
    let name = |body: &str| {
        let document = Document::from_stored(body).expect("a stored document");
        document.body().get(attr).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    page.found.iter().map(|found| name(&found.record.body)).collect()
}

/// Asks by the plan, by the plan as if it were inexact, and by looking at everything.
async fn ask(site: &Site, ty: &'static ResourceType, filter: &str) -> Page {
    let asked = Asked::filter(ty, filter).expect(filter);
    let page = site.find(&asked.query()).await;
    assert_eq!(page.total, page.found.len() as u64, "{filter}");
    for other in [asked.clone().doubting(), asked.scanning()] {
        assert_eq!(site.find(&other.query()).await, page, "{filter}");
    }
    page
}

async fn check(site: &Site, filter: &str, expect: &[&str]) {
    assert_eq!(named(&ask(site, users(), filter).await, "userName"), expect, "{filter}");
}

/// Checks also that the domain planned an index for it.
async fn check_indexed(site: &Site, filter: &str, expect: &[&str]) {
    let plan = Asked::filter(users(), filter).expect(filter).plan;
    assert_ne!(plan.candidates, Candidates::All, "{filter}");
    check(site, filter, expect).await;
}

const ADA: &str = "Ada@Example.com";
const GRACE: &str = "grace";
const ASA: &str = "Åsa";

async fn r_filter_06_keys_answer_comparisons(subject: Subject) {
    let site = crew(&subject).await;
    check_indexed(&site, "userName eq \"ada@example.com\"", &[ADA]).await;
    check_indexed(&site, "userName eq \"ada\"", &[]).await;
    check_indexed(&site, "userName sw \"ADA\"", &[ADA]).await;
    check_indexed(&site, "userName sw \"b\"", &[]).await;
    check_indexed(&site, "userName gt \"ada@example.com\"", &[GRACE, ASA]).await;
    check_indexed(&site, "userName ge \"ada@example.com\"", &[ADA, GRACE, ASA]).await;
    check_indexed(&site, "userName lt \"grace\"", &[ADA]).await;
    check_indexed(&site, "userName le \"GRACE\"", &[ADA, GRACE]).await;
    check_indexed(&site, "displayName pr", &[ADA, GRACE]).await;
    check_indexed(&site, "active eq true", &[ADA, ASA]).await;
    check_indexed(&site, "active eq false", &[GRACE]).await;
    check_indexed(&site, "emails.value eq \"ada@home.example\"", &[ADA]).await;
    check_indexed(&site, "emails.type eq \"work\"", &[ADA, GRACE]).await;
    check_indexed(&site, "emails[type eq \"home\" and value sw \"ada@work\"]", &[]).await;
    check_indexed(&site, "emails[type eq \"home\" and value sw \"ada@home\"]", &[ADA]).await;
    let manager = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value";
    check_indexed(&site, &format!("{manager} eq \"boss\""), &[GRACE]).await;
    check_indexed(&site, "userName sw \"a\" and active eq true", &[ADA]).await;
    check_indexed(&site, "userName eq \"grace\" or emails.type eq \"home\"", &[ADA, GRACE]).await;
    check_indexed(&site, "userName eq \"grace\" or displayName eq \"grace hopper\"", &[GRACE])
        .await;
}

async fn r_filter_07_texts_compare_by_their_fold(subject: Subject) {
    let site = crew(&subject).await;
    check_indexed(&site, "userName eq \"åSA\"", &[ASA]).await;
    check_indexed(&site, "userName eq \"a\u{30a}sa\"", &[ASA]).await;
    check_indexed(&site, "userName sw \"Å\"", &[ASA]).await;
    check_indexed(&site, "userName eq \"asa\"", &[]).await;
    // An exact attribute stays exact.
    check_indexed(&site, "externalId eq \"X1\"", &[ADA]).await;
    check_indexed(&site, "externalId eq \"x1\"", &[GRACE]).await;
    check_indexed(&site, "externalId gt \"X1\"", &[GRACE]).await;
}

async fn r_filter_17_complements_hold_what_has_no_value(subject: Subject) {
    let site = crew(&subject).await;
    check_indexed(&site, "displayName ne \"ada\"", &[GRACE, ASA]).await;
    check_indexed(&site, "not (displayName pr)", &[ASA]).await;
    check_indexed(&site, "not (emails.type eq \"home\")", &[GRACE, ASA]).await;
    check_indexed(&site, "not (userName sw \"a\" or active eq false)", &[ASA]).await;
    check_indexed(&site, "not (userName sw \"a\" and active eq false)", &[ADA, GRACE, ASA]).await;
    check(&site, "displayName eq null", &[ASA]).await;
    check(&site, "nope eq \"x\"", &[]).await;
    check(&site, "not (nope eq \"x\")", &[ADA, GRACE, ASA]).await;
}

async fn r_filter_20_ids_and_times_answer(subject: Subject) {
    let site = crew(&subject).await;
    let everyone = site.find(&Asked::all(users()).query()).await;
    let [ada, grace, _] = everyone.found.as_slice() else { panic!("three users") };
    check_indexed(&site, &format!("id eq \"{}\"", grace.record.id), &[GRACE]).await;
    check_indexed(&site, &format!("not (id eq \"{}\")", grace.record.id), &[ADA, ASA]).await;
    check(&site, &format!("id eq \"{}\"", grace.record.id.to_string().to_uppercase()), &[]).await;
    check_indexed(&site, "id eq \"nobody\"", &[]).await;
    let at = grace.record.created;
    check_indexed(&site, &format!("meta.created eq \"{at}\""), &[GRACE]).await;
    check_indexed(&site, &format!("meta.created gt \"{at}\""), &[ASA]).await;
    check_indexed(&site, &format!("meta.created le \"{at}\""), &[ADA, GRACE]).await;
    check_indexed(&site, &format!("meta.created ne \"{at}\""), &[ADA, ASA]).await;
    let finer = at.to_string().replace('Z', "0004Z");
    check_indexed(&site, &format!("meta.created lt \"{finer}\""), &[ADA, GRACE]).await;
    check_indexed(&site, &format!("meta.created eq \"{finer}\""), &[]).await;

    site.put(site.renaming(ada.record.id, "augusta").await).await;
    let moved = site.expect(users(), ada.record.id).await.record.modified;
    check_indexed(&site, &format!("meta.lastModified ge \"{moved}\""), &["augusta"]).await;
    check_indexed(&site, &format!("meta.lastModified lt \"{moved}\""), &[GRACE, ASA]).await;
    check(&site, "meta.version eq \"W/\\\"2\\\"\"", &["augusta"]).await;
    // The index follows.
    check_indexed(&site, "userName sw \"ada\"", &[]).await;
    check_indexed(&site, "emails.type eq \"home\"", &[]).await;
}

async fn relations_answer(subject: Subject) {
    let site = crew(&subject).await;
    let people = ids(&site.find(&Asked::all(users()).query()).await);
    let [ada, grace, asa] = people.try_into().expect("three users");
    let inner = site.group("inner", &[ada, grace]).await;
    site.group("outer", &[inner, grace]).await;
    site.group("empty", &[]).await;
    let check_groups = async |filter: String, expect: &[&str]| {
        assert_eq!(named(&ask(&site, groups(), &filter).await, "displayName"), expect, "{filter}");
    };
    let holds = |id: ResourceId| format!("members.value eq \"{id}\"");
    check_groups(holds(ada), &["inner"]).await;
    check_groups(holds(grace), &["inner", "outer"]).await;
    check_groups(holds(asa), &[]).await;
    check_groups(format!("members[value eq \"{inner}\"]"), &["outer"]).await;
    check_groups(format!("not ({})", holds(grace)), &["empty"]).await;
    check_groups(format!("{} and {}", holds(ada), holds(grace)), &["inner"]).await;
    check_groups(format!("{} or displayName eq \"EMPTY\"", holds(ada)), &["inner", "empty"]).await;
    check_groups("members pr".into(), &["inner", "outer"]).await;
    check_groups("not (members pr)".into(), &["empty"]).await;
    check_groups("members.type eq \"Group\"".into(), &["outer"]).await;
    check_groups("members.display eq \"grace hopper\"".into(), &["inner", "outer"]).await;
    check(&site, "groups.display eq \"outer\"", &[ADA, GRACE]).await;
    check(&site, "groups[display eq \"outer\" and type eq \"direct\"]", &[GRACE]).await;
    check(&site, &format!("groups.value eq \"{inner}\""), &[ADA, GRACE]).await;
    check(&site, "not (groups pr)", &[ASA]).await;
}

async fn what_no_index_answers_is_still_found(subject: Subject) {
    let site = crew(&subject).await;
    check(&site, "title eq \"admiral\"", &[GRACE]).await;
    check(&site, "title pr", &[ADA, GRACE]).await;
    check(&site, "userName co \"A\"", &[ADA, GRACE, ASA]).await;
    check(&site, "userName ew \"sa\"", &[ASA]).await;
    check(&site, "userName sw \"g\" and title co \"mir\"", &[GRACE]).await;
    check(&site, "userName sw \"g\" or title co \"count\"", &[ADA, GRACE]).await;
    check(&site, "not (title co \"mir\") and active eq true", &[ADA, ASA]).await;
    check(&site, "emails[primary eq true]", &[ADA]).await;
    check(&site, "emails[not (type eq \"home\") and value co \"ada\"]", &[ADA]).await;
    check(&site, "emails.value ne \"ada@work.example\"", &[ADA, GRACE, ASA]).await;
}

async fn odd_characters_mean_themselves(subject: Subject) {
    let site = Site::open(&subject).await;
    let names = ["100%", "1000", "a_b", "axb", "o'brien", "say \"hi\"", "back\\slash", "\u{1F600}"];
    for name in names {
        site.user(name).await;
    }
    for name in names {
        let quoted = Value::from(name).to_string();
        for op in ["eq", "sw", "co"] {
            check(&site, &format!("userName {op} {quoted}"), &[name]).await;
        }
    }
    check(&site, "userName sw \"\"", &names).await;
    check(&site, "userName sw \"100\"", &["100%", "1000"]).await;
    // Beyond the Basic Multilingual Plane order is by code point.
    check(&site, "userName gt \"\u{FFFD}\"", &["\u{1F600}"]).await;
}

async fn check_sorted(site: &Site, by: &str, order: Order, expect: &[&str]) {
    let asked = Asked::all(users()).sorted(by, order).expect(by);
    assert_eq!(named(&site.find(&asked.query()).await, "userName"), expect, "{by}");
    let filtered = Asked::filter(users(), "userName pr").expect("a filter").sorted(by, order);
    let page = site.find(&filtered.expect(by).query()).await;
    assert_eq!(named(&page, "userName"), expect, "{by}");
    assert_eq!(page.total, expect.len() as u64);
}

async fn r_sort_04_lists_are_sorted(subject: Subject) {
    let site = crew(&subject).await;
    check_sorted(&site, "userName", Order::Ascending, &[ADA, GRACE, ASA]).await;
    check_sorted(&site, "userName", Order::Descending, &[ASA, GRACE, ADA]).await;
    check_sorted(&site, "title", Order::Ascending, &[GRACE, ADA, ASA]).await;
    check_sorted(&site, "title", Order::Descending, &[ASA, ADA, GRACE]).await;
    check_sorted(&site, "emails", Order::Ascending, &[ADA, GRACE, ASA]).await;
    check_sorted(&site, "meta.created", Order::Descending, &[ASA, GRACE, ADA]).await;
}

async fn r_sort_06_ties_keep_the_order_of_ids(subject: Subject) {
    let site = crew(&subject).await;
    check_sorted(&site, "active", Order::Ascending, &[GRACE, ADA, ASA]).await;
    check_sorted(&site, "active", Order::Descending, &[ADA, ASA, GRACE]).await;
    check_sorted(&site, "nickName", Order::Descending, &[ADA, GRACE, ASA]).await;
}

async fn sorted_lists_are_paged(subject: Subject) {
    let site = Site::open(&subject).await;
    // Titles repeat, so that pages end between ties.
    for n in 0..11 {
        let body =
            json!({ "userName": format!("user{n:02}"), "title": format!("t{}", (n * 5) % 3) });
        site.put(site.creation(users(), body).expect("a user")).await;
    }
    for order in [Order::Ascending, Order::Descending] {
        let asked = Asked::all(users()).sorted("title", order).expect("a sort");
        let whole = site.find(&asked.query()).await;
        let mut walked = Vec::new();
        for skip in (0..12).step_by(4) {
            let from = rollcall_domain::Start::Skip(skip);
            let page = site.find(&rollcall_domain::Query { from, count: 4, ..asked.query() }).await;
            assert_eq!(page.total, 11);
            walked.extend(page.found);
        }
        assert_eq!(walked, whole.found);
    }
}
