//! What points at a resource, directly or through nested groups.

use rollcall_domain::{Load, ResourceId};
use rollcall_schema::Reach;

use crate::contract::cases;
use crate::{Asked, Site, Subject, groups, users};

cases![
    r_res_02_groups_are_found_from_their_members,
    r_res_02_nested_groups_are_indirect,
    r_res_04_cycles_end,
    direct_counts_more_than_indirect,
    many_ways_make_one_group,
    incoming_is_loaded_when_asked_for,
    a_page_has_the_same_beside_it,
];

async fn check_incoming(site: &Site, user: ResourceId, expect: &[(ResourceId, &str, Reach)]) {
    let found = site.expect(users(), user).await;
    let incoming: Vec<_> = found
        .incoming
        .iter()
        .map(|one| (one.id.clone(), one.kind.clone(), one.display.clone(), one.reach))
        .collect();
    let mut expect = expect.to_vec();
    expect.sort_unstable_by_key(|(id, ..)| *id);
    let expect: Vec<_> = expect
        .into_iter()
        .map(|(id, name, reach)| (id.to_string(), "Group".to_owned(), Some(name.to_owned()), reach))
        .collect();
    assert_eq!(incoming, expect);
}

async fn r_res_02_groups_are_found_from_their_members(subject: Subject) {
    let site = Site::open(&subject).await;
    let (ada, grace) = (site.user("ada").await, site.user("grace").await);
    let crew = site.group("crew", &[ada, grace]).await;
    let staff = site.group("staff", &[ada]).await;
    check_incoming(&site, ada, &[(crew, "crew", Reach::Direct), (staff, "staff", Reach::Direct)])
        .await;
    check_incoming(&site, grace, &[(crew, "crew", Reach::Direct)]).await;
    site.put(site.linking(crew, &[], &[ada])).await;
    check_incoming(&site, ada, &[(staff, "staff", Reach::Direct)]).await;
}

async fn r_res_02_nested_groups_are_indirect(subject: Subject) {
    let site = Site::open(&subject).await;
    let ada = site.user("ada").await;
    let inner = site.group("inner", &[ada]).await;
    let middle = site.group("middle", &[inner]).await;
    let outer = site.group("outer", &[middle]).await;
    let expect = [
        (inner, "inner", Reach::Direct),
        (middle, "middle", Reach::Indirect),
        (outer, "outer", Reach::Indirect),
    ];
    check_incoming(&site, ada, &expect).await;
    site.put(site.deletion(groups(), middle)).await;
    check_incoming(&site, ada, &[(inner, "inner", Reach::Direct)]).await;
}

async fn r_res_04_cycles_end(subject: Subject) {
    let site = Site::open(&subject).await;
    let ada = site.user("ada").await;
    let a = site.group("a", &[ada]).await;
    let b = site.group("b", &[a]).await;
    let c = site.group("c", &[b]).await;
    site.put(site.linking(a, &[a, c], &[])).await;
    let expect = [(a, "a", Reach::Direct), (b, "b", Reach::Indirect), (c, "c", Reach::Indirect)];
    check_incoming(&site, ada, &expect).await;
    assert_eq!(site.members(a).await, [ada, a, c]);
    assert_eq!(site.expect(groups(), a).await.incoming, []);
}

async fn direct_counts_more_than_indirect(subject: Subject) {
    let site = Site::open(&subject).await;
    let ada = site.user("ada").await;
    let inner = site.group("inner", &[ada]).await;
    let outer = site.group("outer", &[inner, ada]).await;
    let expect = [(inner, "inner", Reach::Direct), (outer, "outer", Reach::Direct)];
    check_incoming(&site, ada, &expect).await;
}

async fn many_ways_make_one_group(subject: Subject) {
    let site = Site::open(&subject).await;
    let ada = site.user("ada").await;
    let (left, right) = (site.group("left", &[ada]).await, site.group("right", &[ada]).await);
    let outer = site.group("outer", &[left, right]).await;
    let expect = [
        (left, "left", Reach::Direct),
        (right, "right", Reach::Direct),
        (outer, "outer", Reach::Indirect),
    ];
    check_incoming(&site, ada, &expect).await;
}

async fn incoming_is_loaded_when_asked_for(subject: Subject) {
    let site = Site::open(&subject).await;
    let ada = site.user("ada").await;
    site.group("crew", &[ada]).await;
    let found = site.reader().get(users(), ada, Load { links: true, incoming: false }).await;
    let found = found.expect("the store answers").expect("the user is there");
    assert_eq!((found.links, found.incoming), (vec![], vec![]));
}

async fn a_page_has_the_same_beside_it(subject: Subject) {
    let site = Site::open(&subject).await;
    let ids = site.users((0..5).map(|n| format!("user{n}"))).await;
    let inner = site.group("inner", ids.get(1..4).expect("three")).await;
    let outer = site.group("outer", &[inner]).await;
    site.put(site.linking(inner, &[outer], &[])).await;
    for ty in [users(), groups()] {
        for load in [
            Load::default(),
            Load { links: true, incoming: false },
            Load { links: false, incoming: true },
            Load { links: true, incoming: true },
        ] {
            let page = site.find(&Asked { load, ..Asked::all(ty) }.query()).await;
            assert!(!page.found.is_empty());
            for found in page.found {
                let alone = site.reader().get(ty, found.record.id, load).await;
                assert_eq!(alone.expect("the store answers"), Some(found));
            }
        }
    }
}
