//! Plans: what an index would answer, against what the matcher says.

use std::ops::{Bound, RangeBounds};

use proptest::prelude::*;
use rollcall_domain::{Candidates, Found, KeyTest, ResourceId, bounded};
use rollcall_schema::{Document, ResourceType};
use rollcall_testkit::strategies::{filter, name_ids, population};
use rollcall_testkit::{Asked, Site, Subject, document, groups, users};
use tokio::runtime::Runtime;

/// Whether the resource is in the set, read off its keys, columns and edges.
fn holds(set: &Candidates, ty: &ResourceType, found: &Found, document: &Document) -> bool {
    let part = |set: &Candidates| holds(set, ty, found, document);
    let linked = |attr: &str| ty.relation().is_some_and(|relation| *relation.path == *attr);
    match set {
        Candidates::All => true,
        Candidates::None => false,
        Candidates::Id(id) => *id == found.record.id,
        Candidates::Key(attr, test) => ty
            .index_keys(document)
            .iter()
            .any(|key| *ty.attr(key.attr).path == **attr && passes(test, &bounded(&key.key))),
        Candidates::Created(from, to) => (*from, *to).contains(&found.record.created),
        Candidates::Modified(from, to) => (*from, *to).contains(&found.record.modified),
        Candidates::Holding(attr, member) => {
            linked(attr) && found.links.iter().any(|link| link.id == member.to_string())
        }
        Candidates::HoldingAny(attr) => linked(attr) && !found.links.is_empty(),
        Candidates::Not(set) => !part(set),
        Candidates::And(sets) => sets.iter().all(part),
        Candidates::Or(sets) => sets.iter().any(part),
    }
}

fn passes(test: &KeyTest, key: &str) -> bool {
    let by_ref = |bound: &Bound<String>| bound.clone();
    match test {
        KeyTest::Equals(text) => key == text,
        KeyTest::Prefix(text) => key.starts_with(text.as_str()),
        KeyTest::Within(from, to) => (by_ref(from), by_ref(to)).contains(&key.to_owned()),
        KeyTest::NotEmpty => !key.is_empty(),
    }
}

async fn check(
    ty: &'static ResourceType,
    text: &str,
    site: &Site,
    ids: &[ResourceId],
) -> Result<(), TestCaseError> {
    let text = name_ids(text, ids);
    let Ok(asked) = Asked::filter(ty, &text) else { return Ok(()) };
    let condition = asked.condition.as_ref().expect("there is a filter");
    for id in ids {
        let Some(found) = site.get(ty, *id).await else { continue };
        let (name, document) = (id.to_string(), document(&found));
        let matches = condition.matches(ty, &found.view(&name, &document));
        let held = holds(&asked.plan.candidates, ty, &found, &document);
        let said = || format!("{text}\n{:#?}\n{found:#?}", asked.plan);
        prop_assert!(held || !matches, "a match is no candidate: {}", said());
        prop_assert!(!asked.plan.exact || held == matches, "not exact: {}", said());
    }
    Ok(())
}

#[test]
fn plans_hold_every_match() {
    let runtime = Runtime::new().unwrap();
    let filters =
        || (prop::collection::vec(filter(users()), 8), prop::collection::vec(filter(groups()), 4));
    proptest!(|(population in population(), (of_users, of_groups) in filters())| {
        runtime.block_on(async {
            let site = Site::open(&Subject::memory()).await;
            let commit = async |change| site.subject.store.commit(site.at, change).await.map(drop);
            let ids = population.settle(&site, commit).await.expect("it settles");
            for text in of_users {
                check(users(), &text, &site, &ids).await?;
            }
            for text in of_groups {
                check(groups(), &text, &site, &ids).await?;
            }
            Ok::<(), TestCaseError>(())
        })?;
    });
}
