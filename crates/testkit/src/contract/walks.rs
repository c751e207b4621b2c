//! Walks through a list that changes under way.

use std::collections::BTreeSet;
use std::sync::Arc;

use rollcall_domain::{Query, ResourceId, Start, Total};
use tokio::task::yield_now;

use crate::contract::cases;
use crate::{Asked, Site, Subject, ids, users};

cases![a_walk_by_key_meets_every_untouched_resource_once];

async fn a_walk_by_key_meets_every_untouched_resource_once(subject: Subject) {
    let site = Arc::new(Site::open(&subject).await);
    let old = site.users((0..90).map(|n| format!("user{n}"))).await;
    let (doomed, kept): (Vec<_>, Vec<_>) = old.iter().enumerate().partition(|(n, _)| n % 3 == 0);
    let doomed: Vec<ResourceId> = doomed.into_iter().map(|(_, id)| *id).collect();
    let kept: BTreeSet<ResourceId> = kept.into_iter().map(|(_, id)| *id).collect();

    let busy = Arc::clone(&site);
    let writer = tokio::spawn(async move {
        for (n, id) in doomed.into_iter().enumerate() {
            busy.put(busy.deletion(users(), id)).await;
            busy.user(&format!("new{n}")).await;
            yield_now().await;
        }
    });
    let filters = ["userName sw \"user\" or userName sw \"new\"", "userName co \"e\""];
    let mut searches = vec![Asked::all(users())];
    searches.extend(filters.map(|text| Asked::filter(users(), text).expect("a filter")));
    loop {
        let finished = writer.is_finished();
        for asked in &searches {
            let walked = walk(&site, asked).await;
            let met = walked.iter().filter(|id| kept.contains(id)).count();
            assert_eq!(met, kept.len(), "each untouched one");
        }
        if finished {
            break;
        }
    }
    writer.await.expect("the writer is done");
    assert_eq!(site.total(users()).await, 90);
}

async fn walk(site: &Site, asked: &Asked) -> Vec<ResourceId> {
    let mut walked = ids(&site.find(&Query { count: 7, ..asked.query() }).await);
    while let Some(last) = walked.last() {
        yield_now().await;
        let (from, total) = (Start::After(*last), Total::Known(0));
        let page = site.find(&Query { from, count: 7, total, ..asked.query() }).await;
        if page.found.is_empty() {
            break;
        }
        walked.extend(ids(&page));
        assert!(walked.is_sorted_by(|a, b| a < b), "each once and in order: {walked:?}");
    }
    walked
}
