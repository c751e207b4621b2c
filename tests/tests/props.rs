//! Every store does the same with random resources: it writes and logs what the memory store does,
//! and random searches find what the matcher says.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{FileFailurePersistence, TestCaseResult};
use rollcall_domain::{Change, EventId, Found, Load, Query, ResourceId, Start, Total};
use rollcall_schema::{Order, ResourceType};
use rollcall_testkit::laws::{stroll, walks_meet_the_untouched_once};
use rollcall_testkit::strategies::{Population, filter, name_ids, population, sort};
use rollcall_testkit::{Asked, LoggedEvent, Site, Subject, document, groups, users};
use rollcall_tests::{postgres, sqlite, subjects};
use tokio::runtime::Runtime;

/// One search of one population.
#[derive(Clone, Debug)]
struct Search {
    kind: &'static str,
    filter: String,
    sort: Option<(String, Order)>,
    load: Load,
    page: u32,
}

impl Search {
    fn ty(&self) -> &'static ResourceType {
        if self.kind == users().name() { users() } else { groups() }
    }
}

fn searches() -> impl Strategy<Value = Vec<Search>> {
    vec(prop_oneof![3 => search(users()), 2 => search(groups())], 8)
}

fn search(ty: &'static ResourceType) -> impl Strategy<Value = Search> {
    let load =
        (any::<bool>(), any::<bool>()).prop_map(|(links, incoming)| Load { links, incoming });
    (filter(ty), proptest::option::weighted(0.4, sort(ty)), load, 1..4_u32).prop_map(
        move |(filter, sort, load, page)| Search { kind: ty.name(), filter, sort, load, page },
    )
}

/// The stores, each opened once for all cases.
struct Bench {
    memory: Subject,
    others: Vec<(&'static str, Subject)>,
    _files: sqlite::Database,
    _database: postgres::Database,
}

impl Bench {
    async fn open() -> Self {
        let files = sqlite::Database::new();
        let database = postgres::database().await;
        let others = vec![
            ("SQLite", files.open().await.subject),
            ("PostgreSQL", subjects::bound_postgres(&database).await),
        ];
        Self { memory: Subject::memory(), others, _files: files, _database: database }
    }

    async fn check(&self, population: &Population, searches: &[Search]) -> TestCaseResult {
        let model = Site::open(&self.memory).await;
        let mut sites = Vec::new();
        for (name, subject) in &self.others {
            sites.push((*name, model.mirrored(subject).await));
        }
        let commit = async |change| commit_everywhere(&model, &sites, change).await;
        let ids = population.settle(&model, commit).await?;
        for (name, site) in &sites {
            prop_assert_eq!(told(site).await, told(&model).await, "the log of {}", name);
        }
        for search in searches {
            let text = name_ids(&search.filter, &ids);
            // A filter may be too long once the ids are in it.
            let Ok(mut asked) = Asked::filter(search.ty(), &text) else { continue };
            asked.load = search.load;
            if let Some((by, order)) = &search.sort {
                asked = asked.sorted(by, *order).expect("an order");
            }
            let expect = expected(&model, &asked, &ids).await;
            check_at("memory", &model, &asked, &text, search.page, &expect).await?;
            for (name, site) in &sites {
                check_at(name, site, &asked, &text, search.page, &expect).await?;
            }
        }
        Ok(())
    }
}

async fn commit_everywhere(model: &Site, sites: &[(&str, Site)], change: Change) -> TestCaseResult {
    let failed = |name, error| TestCaseError::fail(format!("{name}: {error:?}"));
    let store = &model.subject.store;
    let expect = store.commit(model.at, change.clone()).await;
    let expect = expect.map_err(|error| failed("memory", error))?;
    for (name, site) in sites {
        let written = site.subject.store.commit(site.at, change.clone()).await;
        let written = written.map_err(|error| failed(name, error))?;
        prop_assert_eq!(&written, &expect, "{}", name);
    }
    Ok(())
}

/// The log but for what a store gives itself: the numbers, and the ids of events that follow
/// from others.
async fn told(site: &Site) -> Vec<LoggedEvent> {
    let mut events = site.events().await;
    events.sort_by_key(|event| (event.resource, event.version));
    let id = EventId::from_uuid(uuid::Uuid::nil());
    events.into_iter().map(|event| LoggedEvent { id, seq: None, ..event }).collect()
}

/// What the matcher says of every resource, in the order that was asked for.
async fn expected(model: &Site, asked: &Asked, ids: &[ResourceId]) -> Vec<Found> {
    let query = asked.query();
    let condition = asked.condition.as_ref().expect("there is a filter");
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    let mut ranked = Vec::new();
    for id in ids {
        let Some(whole) = model.get(asked.ty, id).await else { continue };
        let (text, document) = (id.to_string(), document(&whole));
        let view = whole.view(&text, &document);
        if condition.matches(asked.ty, &view) {
            let key = asked.sort.map(|sort| asked.ty.sort_key(sort.by, &view));
            let found = model.reader().get(asked.ty, id, query.load).await.expect("memory answers");
            ranked.push((key, found.expect("it is there")));
        }
    }
    // Both sorts are stable, so that ties stay in the order of ids.
    match asked.sort.map(|sort| sort.order) {
        Some(Order::Descending) => ranked.sort_by(|a, b| b.0.cmp(&a.0)),
        _ => ranked.sort_by(|a, b| a.0.cmp(&b.0)),
    }
    ranked.into_iter().map(|(_, found)| found).collect()
}

/// The whole list by each way of asking, then page by page.
async fn check_at(
    name: &str,
    site: &Site,
    asked: &Asked,
    text: &str,
    page: u32,
    expect: &[Found],
) -> TestCaseResult {
    let total = expect.len() as u64;
    let said = || format!("{name}: {text}\n{asked:#?}");
    for way in [asked.clone(), asked.clone().doubting(), asked.clone().scanning()] {
        let found = site.find(&way.query()).await;
        prop_assert_eq!(&*found.found, expect, "{}", said());
        prop_assert_eq!(found.total, total, "{}", said());
    }
    let by_position = walk(site, asked, page, |walked| Start::Skip(walked.len() as u64)).await;
    prop_assert_eq!(&*by_position, expect, "by position: {}", said());
    if asked.sort.is_none() {
        let by_key = walk(site, asked, page, |walked| match walked.last() {
            Some(last) => Start::After(last.record.id),
            None => Start::Skip(0),
        });
        prop_assert_eq!(&*by_key.await, expect, "by key: {}", said());
    }
    let none = site.find(&Query { count: 0, ..asked.query() }).await;
    prop_assert_eq!((none.found, none.total), (vec![], total), "the total: {}", said());
    Ok(())
}

async fn walk(
    site: &Site,
    asked: &Asked,
    count: u32,
    from: impl Fn(&[Found]) -> Start,
) -> Vec<Found> {
    let mut walked = Vec::new();
    let mut total = Total::Wanted;
    loop {
        let query = Query { from: from(&walked), count, total, ..asked.query() };
        let page = site.find(&query).await;
        // Without end it is no walk either.
        if page.found.is_empty() || walked.len() as u64 > page.total {
            return walked;
        }
        total = Total::Known(page.total);
        walked.extend(page.found);
    }
}

fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    }
}

#[test]
fn every_store_writes_and_finds_the_same() {
    let runtime = Runtime::new().unwrap();
    let bench = runtime.block_on(Bench::open());
    proptest!(config(), |(population in population(), searches in searches())| {
        runtime.block_on(bench.check(&population, &searches))?;
    });
    // The pools close while their runtime still runs.
    runtime.block_on(async { drop(bench) });
}

/// R-CUR-09, R-CUR-13: by cursor, sorted and unsorted, and by place going forward.
#[test]
fn r_cur_13_walks_meet_the_untouched_once_on_every_store() {
    let runtime = Runtime::new().unwrap();
    let bench = runtime.block_on(Bench::open());
    // A walk is some dozens of requests.
    let config = ProptestConfig { cases: config().cases.div_ceil(4), ..config() };
    proptest!(config, |(stroll in stroll())| {
        for (name, subject) in &bench.others {
            let walked = runtime.block_on(walks_meet_the_untouched_once(subject, &stroll));
            walked.map_err(|error| TestCaseError::fail(format!("{name}: {error}")))?;
        }
    });
    runtime.block_on(async { drop(bench) });
}
