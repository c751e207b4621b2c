//! Laws of plans and pages: an index may narrow a search, and never change its answer.
//! `PROPTEST_CASES` says how many are tried.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod filters;
mod resources;
mod walks;

use std::fmt;
use std::ops::RangeBounds;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use rollcall_domain::{
    Candidates, FindError, KeyTest, Load, Page, Plan, Query, Sieve, Start, Total, bounded,
};
use rollcall_filter::{parse_attr_path, parse_filter};
use rollcall_schema::{Condition, Order, Profile, ResourceType, Sort, SortKey};

use resources::{Resource, resource, types};

/// A filter that the type answers, and what it is asked of.
type Search = (Type, String, Vec<Resource>);

/// A resource type that shows as its name.
#[derive(Clone, Copy)]
struct Type(&'static ResourceType);

impl fmt::Debug for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name())
    }
}

fn search() -> impl Strategy<Value = Search> {
    select(types()).prop_flat_map(|ty| {
        let filter = filters::filter(ty)
            .prop_filter("a filter that the type answers", |text| condition(ty, text).is_some());
        (Just(Type(ty)), filter, vec(resource(ty), 1..6))
    })
}

fn condition(ty: &ResourceType, text: &str) -> Option<Condition> {
    ty.condition(&parse_filter(text).ok()?, &Profile::GENERIC).ok()
}

proptest! {
    /// Candidates hold every match, and nothing else where the plan says so.
    #[test]
    fn candidates_hold_every_match((Type(ty), text, resources) in search()) {
        let condition = condition(ty, &text).unwrap();
        let plan = Plan::of(ty, &condition);
        for resource in &resources {
            let matches = resource.seen(|view| condition.matches(ty, view));
            let candidate = holds(ty, resource, &plan.candidates);
            prop_assert!(candidate || !matches, "{text} misses one: {plan:?} of {resource:?}");
            prop_assert!(!plan.exact || candidate == matches, "{text}: {plan:?} of {resource:?}");
        }
    }

    /// R-SORT-04, R-SORT-06, R-PAGE-04: a page is a slice of all matches in order, and the total
    /// is their number.
    #[test]
    fn a_page_is_a_slice_of_the_matches_in_order(
        (Type(ty), text, resources) in search(),
        order in select(vec![None, Some(Order::Ascending), Some(Order::Descending)]),
        by in any::<prop::sample::Index>(),
        (skip, count) in (0..7_u32, 0..7_u32),
    ) {
        let paths: Vec<_> = ty.attrs().iter().map(|def| &*def.path).collect();
        let path: &&str = by.get(&paths);
        let path = parse_attr_path(path).unwrap();
        let sort = order.and_then(|order| ty.sort(&path, order, &Profile::GENERIC).ok().flatten());
        let condition = condition(ty, &text).unwrap();
        let page = sieve(ty, &condition, sort, (skip, count), &resources).unwrap();

        let mut matches: Vec<&Resource> = resources
            .iter()
            .filter(|resource| resource.seen(|view| condition.matches(ty, view)))
            .collect();
        matches.sort_by_key(|resource| resource.id);
        if let Some(Sort { by, order }) = sort {
            let key = |resource: &&Resource| -> SortKey { resource.seen(|view| ty.sort_key(by, view)) };
            matches.sort_by(|a, b| match order {
                Order::Ascending => key(a).cmp(&key(b)),
                Order::Descending => key(b).cmp(&key(a)),
            });
        }
        prop_assert_eq!(page.total, matches.len() as u64);
        let expect: Vec<_> = matches.iter().skip(skip as usize).take(count as usize).collect();
        let found: Vec<_> = page.found.iter().map(|found| found.record.id).collect();
        prop_assert_eq!(found, expect.iter().map(|resource| resource.id).collect::<Vec<_>>());
    }

    /// Texts are one key exactly when they are one text: no value can be made that takes the key
    /// of another (R-ATTR-22).
    #[test]
    fn different_texts_have_different_keys(texts in vec(resources::text(), 2..6)) {
        let forged: Vec<_> = texts.iter().map(|text| bounded(text)).collect();
        let texts: Vec<_> = texts.iter().chain(&forged).collect();
        for (a, b) in texts.iter().flat_map(|a| texts.iter().map(move |b| (a, b))) {
            prop_assert_eq!(a == b, bounded(a) == bounded(b), "{} {}", a, b);
        }
    }
}

/// What a sieve makes of resources that come in the order of ids.
fn sieve(
    ty: &ResourceType,
    condition: &Condition,
    sort: Option<Sort>,
    (skip, count): (u32, u32),
    resources: &[Resource],
) -> Result<Page, FindError> {
    let query = Query {
        ty,
        condition: Some(condition),
        plan: &Plan::of(ty, condition),
        sort,
        from: Start::Skip(skip.into()),
        count,
        total: Total::Wanted,
        load: Load { links: true, incoming: true },
    };
    let mut ordered: Vec<_> = resources.iter().map(Resource::found).collect();
    ordered.sort_by_key(|found| found.record.id);
    let mut sieve = Sieve::new(&query);
    for found in ordered {
        sieve.offer(found)?;
    }
    Ok(sieve.finish())
}

/// Whether a resource is in a set, by the definition of the set.
fn holds(ty: &ResourceType, resource: &Resource, set: &Candidates) -> bool {
    let relation = |attr: &str| ty.relation().is_some_and(|def| *def.path == *attr);
    match set {
        Candidates::All => true,
        Candidates::None => false,
        Candidates::Id(id) => resource.id == *id,
        Candidates::Key(attr, test) => ty
            .index_keys(&resource.document)
            .iter()
            .filter(|key| *ty.attr(key.attr).path == **attr)
            .any(|key| passes(&bounded(&key.key), test)),
        Candidates::Created(from, to) => (*from, *to).contains(&resource.created),
        Candidates::Modified(from, to) => (*from, *to).contains(&resource.modified),
        Candidates::Holding(attr, id) => {
            relation(attr) && resource.links.iter().any(|link| link.id == id.to_string())
        }
        Candidates::HoldingAny(attr) => relation(attr) && !resource.links.is_empty(),
        Candidates::Not(set) => !holds(ty, resource, set),
        Candidates::And(sets) => sets.iter().all(|set| holds(ty, resource, set)),
        Candidates::Or(sets) => sets.iter().any(|set| holds(ty, resource, set)),
    }
}

fn passes(key: &str, test: &KeyTest) -> bool {
    assert!(!format!("{test:?}").contains("\\0"), "no store can be asked for U+0000: {test:?}");
    match test {
        KeyTest::Equals(text) => key == text,
        KeyTest::Prefix(text) => key.starts_with(text),
        KeyTest::Within(from, to) => {
            let bounds = (from.as_ref().map(String::as_str), to.as_ref().map(String::as_str));
            RangeBounds::<str>::contains(&bounds, key)
        }
        KeyTest::NotEmpty => !key.is_empty(),
    }
}
