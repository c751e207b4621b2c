//! Walks by `startIndex` through a list that changes under way, and what writes answer.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use rollcall_filter::{parse_attr_path, parse_filter};
use rollcall_schema::{Instant, Link, standard};
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::{
    Actor, Change, Connection, ConnectionId, FindError, Halt, IdpKind, Offer, OrganizationId,
    Outcome, Page, Reader, Reindex, Reindexed, Scope, Scopes, Sieve, Start, SystemClock, TokenId,
    Total, TransactionId, UuidIds, Want,
};

/// Users by number, and where the last search began. It has no index: conditions decide.
#[derive(Default)]
struct Shelf {
    users: Mutex<Vec<Found>>,
    taken: Option<&'static str>,
    asked: Mutex<Option<(Start, Total)>>,
}

impl Shelf {
    fn add(&self, n: u128) {
        self.put(n, format!(r#"{{"userName":"u{n}"}}"#));
    }

    fn put(&self, n: u128, body: String) {
        let record = Record {
            id: ResourceId::from_uuid(Uuid::from_u128(n)),
            version: 1,
            created: Instant::from_millis(0),
            modified: Instant::from_millis(0),
            links: 0,
            indexed: 0,
            body,
        };
        let link = Link { id: "m".into(), kind: "User".into(), display: Some("M".into()) };
        let found = Found { record, links: vec![link], incoming: Vec::new() };
        self.users.lock().unwrap_or_else(PoisonError::into_inner).push(found);
    }

    fn end(&self, n: u128) {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        users.retain(|found| found.record.id.uuid().as_u128() != n);
    }

    fn asked(&self) -> (Start, Total) {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone().unwrap()
    }
}

#[async_trait]
impl Store for Shelf {
    fn scope(&self, _: Scope) -> Box<dyn Reader + '_> {
        Box::new(Read(self))
    }

    async fn commit_many(
        &self,
        _: Scope,
        changes: Vec<Change>,
        _: Halt,
    ) -> Vec<Result<Vec<Written>, CommitError>> {
        let at = Instant::from_millis(1);
        let done = || match self.taken {
            Some(attr) => Err(CommitError::Taken { attr: attr.into() }),
            None => Ok(vec![Written { version: 2, created: at, modified: at, changed: true }]),
        };
        changes.iter().map(|_| done()).collect()
    }

    async fn reindex(&self, _: Scope, _: Vec<Reindex>) -> Result<Vec<Reindexed>, Unavailable> {
        Ok(Vec::new())
    }

    async fn erase(&self, _: OrganizationId, _: u32) -> Result<u64, Unavailable> {
        Ok(0)
    }

    async fn keep_outcome(&self, _: Scope, _: Outcome) -> Result<(), Unavailable> {
        Ok(())
    }

    async fn outcome(&self, _: Scope, _: TransactionId) -> Result<Option<Outcome>, Unavailable> {
        Ok(None)
    }

    async fn ready(&self) -> Result<(), Unavailable> {
        Ok(())
    }

    async fn maintain(&self) -> Result<(), Unavailable> {
        Ok(())
    }
}

struct Read<'s>(&'s Shelf);

#[async_trait]
impl Reader for Read<'_> {
    async fn get(
        &self,
        _: &ResourceType,
        id: ResourceId,
        _: Load,
    ) -> Result<Option<Found>, Unavailable> {
        let users = self.0.users.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(users.iter().find(|found| found.record.id == id).cloned())
    }

    async fn find(&self, query: &Query<'_>) -> Result<Page, FindError> {
        *self.0.asked.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((query.from.clone(), query.total));
        let users = self.0.users.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut sieve = Sieve::new(query);
        for found in users {
            let before = matches!(query.from, Start::After(last) if found.record.id <= last);
            if !before && sieve.offer(found)? == Want::Enough {
                break;
            }
        }
        Ok(sieve.finish())
    }

    async fn edges(
        &self,
        _: &str,
        _: &[ResourceId],
        _: Option<(ResourceId, ResourceId)>,
        _: u32,
    ) -> Result<Vec<Edge>, Unavailable> {
        Ok(Vec::new())
    }

    async fn behind(
        &self,
        _: &str,
        _: u64,
        _: Option<ResourceId>,
        _: u32,
    ) -> Result<Vec<Record>, Unavailable> {
        Ok(Vec::new())
    }
}

/// A directory over a shelf of users, and somebody who reads it.
struct Reading {
    shelf: Arc<Shelf>,
    directory: Directory,
    filter: Option<&'static str>,
    sort: Option<&'static str>,
    token: u128,
}

impl Reading {
    fn of(users: std::ops::RangeInclusive<u128>) -> Self {
        let shelf = Arc::new(Shelf::default());
        users.for_each(|n| shelf.add(n));
        Self::over(shelf)
    }

    fn over(shelf: Arc<Shelf>) -> Self {
        let store: Arc<dyn Store> = Arc::<Shelf>::clone(&shelf);
        let directory = Directory::new(store, Arc::new(SystemClock), Arc::new(UuidIds));
        Self { shelf, directory, filter: None, sort: None, token: 1 }
    }

    fn ctx(&self) -> Context {
        let id = ConnectionId::from_uuid(Uuid::from_u128(1));
        let organization = OrganizationId::from_uuid(Uuid::from_u128(1));
        let made = Instant::from_millis(0);
        let connection = Connection::new(id, organization, IdpKind::Generic, made);
        let offer = Arc::new(Offer::of(&connection).unwrap());
        let token = TokenId::from_uuid(Uuid::from_u128(self.token));
        Context::new(Arc::new(connection), offer, Actor::Token(token))
    }

    /// The numbers of the users on a page, and the total that is told.
    fn page(&self, start: u64, count: u32) -> (Vec<u128>, u64) {
        let search = Search {
            filter: self.filter.map(|text| parse_filter(text).unwrap()),
            sort: self.sort.map(|by| (parse_attr_path(by).unwrap(), Order::Ascending)),
            start,
            count,
            derived: Derived::Hidden,
            cursor: None,
        };
        let page = wait(self.directory.find(&self.ctx(), ty("User"), &search)).unwrap();
        let numbers = page.found.iter().map(|found| found.record.id.uuid().as_u128());
        (numbers.collect(), page.total)
    }
}

fn ty(name: &str) -> &'static ResourceType {
    standard::types().iter().find(|ty| ty.name() == name).unwrap()
}

fn wait<T>(task: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(task)
}

#[test]
fn a_walk_loses_nobody_when_others_end() {
    let reading = Reading::of(1..=6);
    assert_eq!(reading.page(1, 2), (vec![1, 2], 6));
    reading.shelf.end(1);
    assert_eq!(reading.page(3, 2), (vec![3, 4], 6));
    assert_eq!(reading.page(5, 2), (vec![5, 6], 6));
}

#[test]
fn a_walk_with_pages_of_any_length_meets_everybody_once() {
    for counts in [[1, 2, 3, 4], [4, 1, 1, 4], [3, 3, 3, 1], [2, 5, 1, 2]] {
        let reading = Reading::of(1..=10);
        // An earlier walk has left its places.
        (0..5).for_each(|at| drop(reading.page(1 + at * 2, 2)));
        let mut walked = Vec::new();
        for count in counts {
            walked.extend(reading.page(walked.len() as u64 + 1, count).0);
        }
        assert_eq!(walked, (1..=10).collect::<Vec<_>>(), "{counts:?}");
    }
}

/// R-PAGE-01, R-PAGE-05, R-PAGE-07.
#[test]
fn a_start_is_at_least_one_and_may_be_beyond_the_end() {
    let reading = Reading::of(1..=3);
    assert_eq!(reading.page(0, 2), (vec![1, 2], 3));
    assert_eq!(reading.page(9, 2), (vec![], 3));
    assert_eq!(reading.page(u64::MAX, u32::MAX), (vec![], 3));
}

/// R-PAGE-02: who asks for no resources asks for the total as it is now.
#[test]
fn a_count_of_zero_is_answered_by_counting() {
    let reading = Reading::of(1..=3);
    assert_eq!(reading.page(1, 2), (vec![1, 2], 3));
    reading.shelf.add(4);
    assert_eq!(reading.page(3, 0), (vec![], 4));
}

/// R-PAGE-04: a client walks until it has read the total, and must find neither more nor less.
#[test]
fn the_total_of_a_walk_is_what_it_meets() {
    let reading = Reading::of(1..=4);
    assert_eq!(reading.page(1, 2), (vec![1, 2], 4));
    reading.shelf.end(4);
    assert_eq!(reading.page(3, 2), (vec![3], 3));
    assert_eq!(reading.page(4, 2), (vec![], 3));

    let reading = Reading::of(1..=4);
    assert_eq!(reading.page(1, 4), (vec![1, 2, 3, 4], 4));
    reading.shelf.add(5);
    reading.shelf.add(6);
    assert_eq!(reading.page(5, 1), (vec![5], 6));
    assert_eq!(reading.page(6, 1), (vec![6], 6));
}

#[test]
fn a_new_walk_counts_anew() {
    let reading = Reading::of(1..=4);
    assert_eq!(reading.page(1, 2).1, 4);
    reading.shelf.end(1);
    assert_eq!(reading.page(1, 2), (vec![2, 3], 3));
    assert_eq!(reading.page(3, 2), (vec![4], 3));
}

#[test]
fn walks_of_different_searches_and_tokens_keep_apart() {
    let mut reading = Reading::of(1..=6);
    let anchored = |reading: &Reading| {
        reading.page(3, 2);
        matches!(reading.shelf.asked(), (Start::After(_), Total::Known(_)))
    };
    reading.page(1, 2);
    assert!(anchored(&reading));
    reading.filter = Some("userName sw \"U\"");
    assert!(!anchored(&reading));
    reading.page(1, 2);
    assert!(anchored(&reading));
    reading.filter = Some("userName sw \"u\"");
    assert!(!anchored(&reading));
    reading.token = 2;
    reading.filter = None;
    assert!(!anchored(&reading));
    reading.token = 1;
    assert!(anchored(&reading));
    reading.sort = Some("userName");
    assert!(!anchored(&reading));
    // R-SORT-07: what nobody has is no order, so the walk is the plain one.
    reading.sort = Some("nope");
    assert!(anchored(&reading));
}

/// R-ME-02: nobody looks at others with a credential of their own.
#[test]
fn a_user_s_own_credential_opens_no_list() {
    let reading = Reading::of(1..=3);
    let ctx = reading.ctx();
    let (connection, offer) = (Arc::new(ctx.connection().clone()), Arc::clone(ctx.offer()));
    let subject = Some(ResourceId::from_uuid(Uuid::from_u128(1)));
    let own = Context::new(connection, offer, ctx.actor()).with_scopes(Scopes::ALL, subject);
    let search = Search { count: 9, ..Search::default() };
    let found = wait(reading.directory.find(&own, ty("User"), &search));
    assert!(matches!(found, Err(Error::Forbidden)), "{found:?}");
    let found = wait(reading.directory.find_all(&own, standard::types(), &search));
    assert!(matches!(found, Err(Error::Forbidden)), "{found:?}");
}

/// R-GET-06: types that the filter rules out cost nothing.
#[test]
fn a_search_of_all_types_asks_only_those_that_may_match() {
    let reading = Reading::of(1..=3);
    let types: Vec<_> = standard::types().to_vec();
    let asked = |filter: &str| {
        let filter = Some(parse_filter(filter).unwrap());
        let search = Search { filter, count: 9, ..Search::default() };
        *reading.shelf.asked.lock().unwrap_or_else(PoisonError::into_inner) = None;
        wait(reading.directory.find_all(&reading.ctx(), &types, &search)).unwrap();
        reading.shelf.asked.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    };
    assert!(asked("meta.resourceType eq \"Group\""));
    assert!(!asked("meta.resourceType eq \"Nope\" and userName co \"u\""));
    assert!(!asked("nope pr"));
}

/// R-E-24: whoever is inactive can be told apart by any store, also one without an index.
#[test]
fn a_conflict_with_somebody_inactive_says_so() {
    let shelf = Shelf { taken: Some("userName"), ..Shelf::default() };
    shelf.put(1, r#"{"userName":"Ada","active":true}"#.into());
    shelf.put(2, r#"{"userName":"Straße","active":false}"#.into());
    let reading = Reading::over(Arc::new(shelf));
    let conflict = |name: &str| {
        let body = json!({ "userName": name });
        wait(reading.directory.create(&reading.ctx(), ty("User"), body)).unwrap_err().to_string()
    };
    assert!(!conflict("ada").contains("inactive"), "{}", conflict("ada"));
    assert!(conflict("STRASSE").contains("inactive"), "{}", conflict("STRASSE"));
}

#[test]
fn what_a_patch_answers_holds_no_links_of_before() {
    let shelf = Arc::new(Shelf::default());
    shelf.put(1, r#"{"displayName":"Crew"}"#.into());
    let reading = Reading::over(shelf);
    let id = Uuid::from_u128(1).to_string();
    let body = json!({
        "schemas": [standard::PATCH_OP],
        "Operations": [{"op": "remove", "path": "members[display eq \"M\"]"}]
    });
    let at = Named { ty: ty("Group"), id: &id };
    let (ctx, any) = (reading.ctx(), Precondition::None);
    let patched = reading.directory.patch(&ctx, at, body, &any, Derived::Hidden);
    assert_eq!(wait(patched).unwrap().links, []);
}
