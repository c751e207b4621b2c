//! What is left to decide once an index has narrowed a search.

use std::collections::BinaryHeap;

use rollcall_schema::{Document, Order, SortKey};
use uuid::Uuid;

use crate::{FindError, Found, Page, Query, ResourceId, Start, Total, Unavailable};

/// How many candidates one search may look at before it is [`FindError::TooMany`].
pub const BUDGET: u64 = 200_000;

/// How much reading one search may cost before it is [`FindError::TooMany`]: the bytes of every
/// resource that it looks at, as often as there are conditions to decide.
pub const WORK: u64 = 8 << 30;

/// Takes candidates in the order of ids, keeps those that match, and makes the page of them.
///
/// A store that can't answer a query from its indexes alone reads the candidates in batches,
/// starting behind [`Start::After`] where the query says so, and offers each one.
#[derive(Debug)]
pub struct Sieve<'q> {
    query: &'q Query<'q>,
    conditions: u64,
    looked_at: u64,
    work: u64,
    matched: u64,
    /// What a sorted page begins behind.
    floor: Option<Rank>,
    page: Kept,
}

/// A place in a sorted list: by key, then by id (R-SORT-06).
pub(crate) type Rank = (Directed, Uuid);

/// Whether a sieve wants more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// The page may still change.
    More,
    /// It can't.
    Enough,
}

#[derive(Debug)]
enum Kept {
    InOrder(Vec<Found>),
    Sorted { keep: usize, heap: BinaryHeap<Ranked> },
}

/// A match with its place in the order; the greatest is the last.
#[derive(Debug)]
struct Ranked {
    rank: Rank,
    found: Found,
}

/// A key that is less where it comes earlier.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Directed {
    Up(SortKey),
    Down(std::cmp::Reverse<SortKey>),
}

impl<'q> Sieve<'q> {
    /// An empty sieve for a query.
    pub fn new(query: &'q Query<'q>) -> Self {
        let page = match query.sort {
            None => Kept::InOrder(Vec::new()),
            Some(_) => Kept::Sorted { keep: kept(query), heap: BinaryHeap::new() },
        };
        let conditions = query.condition.map_or(0, |condition| condition.attrs().count());
        let conditions = (conditions as u64).max(1);
        let floor = match (&query.from, query.sort) {
            (Start::Behind(key, id), Some(sort)) => Some(rank(key.clone(), sort.order, *id)),
            _ => None,
        };
        Self { query, conditions, looked_at: 0, work: 0, matched: 0, floor, page }
    }

    /// Looks at the next candidate.
    ///
    /// # Errors
    /// [`FindError::TooMany`] beyond the [`BUDGET`] or the [`WORK`]; [`FindError::Unavailable`] when the stored
    /// body can't be read.
    pub fn offer(&mut self, found: Found) -> Result<Want, FindError> {
        self.looked_at += 1;
        self.work += self.conditions * size(&found);
        if self.looked_at > BUDGET || self.work > WORK {
            return Err(FindError::TooMany);
        }
        let document = Document::from_stored(&found.record.body).map_err(Unavailable::new)?;
        let id = found.record.id.to_string();
        let view = found.view(&id, &document);
        if self.query.condition.is_some_and(|condition| !condition.matches(self.query.ty, &view)) {
            return Ok(Want::More);
        }
        self.matched += 1;
        match (&mut self.page, self.query.sort) {
            (Kept::Sorted { keep, heap }, Some(sort)) => {
                let key = self.query.ty.sort_key(sort.by, &view);
                let rank = rank(key, sort.order, found.record.id);
                if self.floor.as_ref().is_some_and(|floor| rank <= *floor) {
                    return Ok(Want::More);
                }
                heap.push(Ranked { rank, found });
                if heap.len() > *keep {
                    heap.pop();
                }
            }
            (Kept::InOrder(page), _) => {
                if self.matched > skip(self.query) && page.len() < wanted(self.query) {
                    page.push(found);
                }
            }
            (Kept::Sorted { .. }, None) => {}
        }
        Ok(self.want())
    }

    /// The page, once there are no more candidates or no more are wanted.
    pub fn finish(self) -> Page {
        let total = match self.query.total {
            Total::Wanted => self.matched,
            Total::Known(total) => total,
        };
        let found = match self.page {
            Kept::InOrder(page) => page,
            Kept::Sorted { heap, .. } => {
                let skip = usize::try_from(skip(self.query)).unwrap_or(usize::MAX);
                let sorted = heap.into_sorted_vec().into_iter().map(|ranked| ranked.found);
                sorted.skip(skip).take(wanted(self.query)).collect()
            }
        };
        Page { found, total }
    }

    fn want(&self) -> Want {
        match (&self.page, self.query.total) {
            (Kept::InOrder(page), Total::Known(_)) if page.len() >= wanted(self.query) => {
                Want::Enough
            }
            _ => Want::More,
        }
    }
}

/// The bytes that conditions read, about.
const fn size(found: &Found) -> u64 {
    const LINK: usize = 64;
    (found.record.body.len() + LINK * (found.links.len() + found.incoming.len())) as u64
}

const fn skip(query: &Query<'_>) -> u64 {
    match query.from {
        Start::Skip(n) => n,
        Start::After(_) | Start::Behind(..) => 0,
    }
}

/// How many of the first matches in order the page is cut from; none where it must be empty.
fn kept(query: &Query<'_>) -> usize {
    let skip = skip(query);
    if query.count == 0 || skip >= BUDGET {
        return 0;
    }
    usize::try_from(skip).unwrap_or(usize::MAX).saturating_add(wanted(query))
}

/// The place of a resource in a list.
pub(crate) const fn rank(key: SortKey, order: Order, id: ResourceId) -> Rank {
    let directed = match order {
        Order::Ascending => Directed::Up(key),
        Order::Descending => Directed::Down(std::cmp::Reverse(key)),
    };
    (directed, id.uuid())
}

const fn wanted(query: &Query<'_>) -> usize {
    query.count as usize
}

impl Ord for Directed {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        match (self, other) {
            (Self::Up(a), Self::Up(b)) => a.cmp(b),
            (Self::Down(a), Self::Down(b)) => a.cmp(b),
            // One query has one direction.
            (Self::Up(_), Self::Down(_)) => std::cmp::Ordering::Less,
            (Self::Down(_), Self::Up(_)) => std::cmp::Ordering::Greater,
        }
    }
}

impl PartialOrd for Directed {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.rank.cmp(&other.rank)
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.rank == other.rank
    }
}

impl Eq for Ranked {}

#[cfg(test)]
mod tests {
    use rollcall_filter::parse_filter;
    use rollcall_schema::{Instant, Profile, ResourceType, Sort, standard};

    use super::*;
    use crate::{Load, Plan, Record};

    fn ty() -> &'static ResourceType {
        standard::types().iter().find(|ty| ty.name() == "User").unwrap()
    }

    fn found(n: u128, title: &str) -> Found {
        let record = Record {
            id: ResourceId::from_uuid(Uuid::from_u128(n)),
            version: 1,
            created: Instant::from_millis(0),
            modified: Instant::from_millis(0),
            links: 0,
            indexed: 0,
            body: format!(r#"{{"userName":"u{n}","title":"{title}"}}"#),
        };
        Found { record, links: vec![], incoming: vec![] }
    }

    /// The page of seven users with titles c b a c b a "", and the total.
    fn sieve(filter: &str, sort: Option<Order>, from: Start, count: u32) -> (Vec<u128>, u64) {
        let condition = ty().condition(&parse_filter(filter).unwrap(), &Profile::GENERIC).unwrap();
        let by = rollcall_filter::parse_attr_path("title").unwrap();
        let sort: Option<Sort> =
            sort.and_then(|order| ty().sort(&by, order, &Profile::GENERIC).unwrap());
        let query = Query {
            ty: ty(),
            condition: Some(&condition),
            plan: &Plan::ALL,
            sort,
            from,
            count,
            total: Total::Wanted,
            load: Load::default(),
        };
        let mut sieve = Sieve::new(&query);
        for (n, title) in (1..).zip(["c", "b", "a", "c", "b", "a", ""]) {
            assert_eq!(sieve.offer(found(n, title)).unwrap(), Want::More);
        }
        let page = sieve.finish();
        (page.found.iter().map(|found| found.record.id.uuid().as_u128()).collect(), page.total)
    }

    #[test]
    fn keeps_what_matches_in_order() {
        assert_eq!(sieve(r#"title eq "a""#, None, Start::Skip(0), 9), (vec![3, 6], 2));
        assert_eq!(sieve("userName pr", None, Start::Skip(5), 9), (vec![6, 7], 7));
        assert_eq!(sieve("userName pr", None, Start::Skip(1), 2), (vec![2, 3], 7));
        assert_eq!(sieve("userName pr", None, Start::Skip(0), 0), (vec![], 7));
    }

    /// R-CUR-09, R-CUR-13: ties are told apart by id, and whoever was at the place may be gone.
    #[test]
    fn a_sorted_page_goes_on_behind_a_place() {
        let behind = |key: &str, id: u128| {
            let key = serde_json::from_str(key).unwrap();
            Start::Behind(key, ResourceId::from_uuid(Uuid::from_u128(id)))
        };
        let (up, down) = (Some(Order::Ascending), Some(Order::Descending));
        let (b, b_and_a_bit) = (r#"{"t":"b"}"#, r#"{"t":"bb"}"#);
        assert_eq!(sieve("userName pr", up, behind(b, 2), 9), (vec![5, 1, 4, 7], 7));
        assert_eq!(sieve("userName pr", up, behind(b, 3), 2), (vec![5, 1], 7));
        assert_eq!(sieve("userName pr", up, behind(b_and_a_bit, 9), 9).0, [1, 4, 7]);
        assert_eq!(sieve("userName pr", up, behind(r#""-""#, 7), 9).0, []);
        assert_eq!(sieve("userName pr", down, behind(b, 2), 9).0, [5, 3, 6]);
        assert_eq!(sieve("userName pr", down, behind(r#""-""#, 6), 9).0, [7, 1, 4, 2, 5, 3, 6]);
    }

    /// The page is not worth what it costs: many conditions on large bodies.
    #[test]
    fn large_bodies_and_many_conditions_use_up_the_work() {
        let filter = ["title co \"x\""; 100].join(" or ");
        let condition = ty().condition(&parse_filter(&filter).unwrap(), &Profile::GENERIC).unwrap();
        let query = Query {
            ty: ty(),
            condition: Some(&condition),
            plan: &Plan::ALL,
            sort: None,
            from: Start::Skip(0),
            count: 1,
            total: Total::Wanted,
            load: Load::default(),
        };
        let mut sieve = Sieve::new(&query);
        let large = found(1, &"a".repeat(1 << 20));
        sieve.work = WORK - 100 * large.record.body.len() as u64;
        sieve.offer(large.clone()).unwrap();
        assert!(matches!(sieve.offer(large), Err(FindError::TooMany)));
    }

    /// Bodies are large: none is kept that can't be on the page.
    #[test]
    fn an_empty_page_keeps_nothing() {
        let by = rollcall_filter::parse_attr_path("title").unwrap();
        let sort = ty().sort(&by, Order::Ascending, &Profile::GENERIC).unwrap();
        for (skip, count) in [(5, 0), (BUDGET, 10), (u64::MAX, 10)] {
            let query = Query {
                ty: ty(),
                condition: None,
                plan: &Plan::ALL,
                sort,
                from: Start::Skip(skip),
                count,
                total: Total::Wanted,
                load: Load::default(),
            };
            let mut sieve = Sieve::new(&query);
            for n in 0..9 {
                sieve.offer(found(n, "a")).unwrap();
            }
            assert!(matches!(&sieve.page, Kept::Sorted { heap, .. } if heap.is_empty()));
            assert_eq!(sieve.finish(), Page { found: vec![], total: 9 });
        }
    }

    /// R-SORT-04, R-SORT-06: unassigned last ascending, first descending; ties by id.
    #[test]
    fn sorts_with_ties_by_id() {
        let up = Some(Order::Ascending);
        assert_eq!(sieve("userName pr", up, Start::Skip(0), 9).0, [3, 6, 2, 5, 1, 4, 7]);
        assert_eq!(sieve("userName pr", up, Start::Skip(2), 3).0, [2, 5, 1]);
        let down = Some(Order::Descending);
        assert_eq!(sieve("userName pr", down, Start::Skip(0), 9).0, [7, 1, 4, 2, 5, 3, 6]);
    }
}
