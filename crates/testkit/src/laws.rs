//! Laws of the whole service over any store, for property tests.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::TestCaseResult;
use rollcall_domain::{CursorAsked, Derived, ResourceId, Search};
use rollcall_filter::{parse_attr_path, parse_filter};
use rollcall_schema::{Order, ResourceType};
use serde_json::{Value, json};

use crate::{Desk, Subject, groups, users};

/// What resources are called; the last two are alike for longer than counts.
const LABELS: &[&str] = &["alfa", "Alfa", "bravo", "charlie", "delta", "_a", "_b"];

/// What strolls are sorted by; not every resource has each.
const ORDERS: &[&str] = &["displayName", "title", "userName", "meta.created"];

const FILTERS: &[&str] = &[
    "displayName pr",
    "not (title eq \"alfa\")",
    "displayName co \"a\" or userName sw \"u1\"",
    "meta.resourceType eq \"User\" and userName pr",
];

/// A walk through a list, and what others do there between its pages.
#[derive(Clone, Debug)]
pub struct Stroll {
    way: Way,
    reach: Reach,
    sort: Option<(&'static str, Order)>,
    filter: Option<&'static str>,
    count: u32,
    /// What is there when it begins.
    first: Vec<Body>,
    /// What happens behind each page.
    steps: Vec<Vec<Step>>,
}

#[derive(Clone, Copy, Debug)]
enum Way {
    /// By `cursor`.
    Cursor,
    /// By `startIndex`, forward, at one replica.
    Place,
}

#[derive(Clone, Copy, Debug)]
enum Reach {
    Users,
    Everything,
}

#[derive(Clone, Debug)]
enum Body {
    User(Option<&'static str>),
    Group(&'static str),
}

#[derive(Clone, Debug)]
enum Step {
    Make(Body),
    Change(Index, &'static str),
    End(Index),
}

/// Strolls of some pages.
pub fn stroll() -> impl Strategy<Value = Stroll> {
    let order = select(&[Order::Ascending, Order::Descending][..]);
    let step = prop_oneof![
        2 => body().prop_map(Step::Make),
        1 => (any::<Index>(), select(LABELS)).prop_map(|(which, label)| Step::Change(which, label)),
        2 => any::<Index>().prop_map(Step::End),
    ];
    (
        select(&[Way::Cursor, Way::Place][..]),
        select(&[Reach::Users, Reach::Everything][..]),
        option::of((select(ORDERS), order)),
        option::of(select(FILTERS)),
        1..5_u32,
        vec(body(), 0..16),
        vec(vec(step, 0..4), 0..8),
    )
        .prop_map(|(way, reach, sort, filter, count, first, steps)| Stroll {
            way,
            reach,
            sort,
            filter,
            count,
            first,
            steps,
        })
}

fn body() -> impl Strategy<Value = Body> + Clone {
    prop_oneof![
        2 => option::weighted(0.8, select(LABELS)).prop_map(Body::User),
        1 => select(LABELS).prop_map(Body::Group),
    ]
}

/// R-CUR-09, R-CUR-13: a walk meets every resource that stays as it is exactly once, and in order,
/// whatever is made, changed and ended before, behind and beside it.
///
/// # Errors
/// When it doesn't.
pub async fn walks_meet_the_untouched_once(subject: &Subject, stroll: &Stroll) -> TestCaseResult {
    let mut street = Street { desk: Desk::open(subject).await, living: Vec::new(), made: 0 };
    for body in &stroll.first {
        street.make(body).await;
    }
    let (whole, _, _) = street.page(stroll, Asking::Place(1), 1_000).await;
    let mut touched = BTreeSet::new();
    let walked = street.walk(stroll, &mut touched).await?;
    let untouched = |ids: &[ResourceId]| -> Vec<ResourceId> {
        ids.iter().copied().filter(|id| whole.contains(id) && !touched.contains(id)).collect()
    };
    prop_assert_eq!(untouched(&walked), untouched(&whole));
    if stroll.sort.is_none() {
        let once: BTreeSet<_> = walked.iter().collect();
        prop_assert_eq!(once.len(), walked.len(), "none twice: {:?}", walked);
    }
    Ok(())
}

/// A connection where things happen.
struct Street {
    desk: Desk,
    living: Vec<(&'static ResourceType, ResourceId)>,
    made: u32,
}

/// Which page is asked for.
enum Asking<'a> {
    Place(u64),
    Cursor(&'a str),
}

impl Street {
    async fn walk(
        &mut self,
        stroll: &Stroll,
        touched: &mut BTreeSet<ResourceId>,
    ) -> Result<Vec<ResourceId>, TestCaseError> {
        let (mut walked, mut cursor, mut counted) = (Vec::new(), String::new(), None);
        let mut steps = stroll.steps.iter();
        loop {
            let asking = match stroll.way {
                Way::Cursor => Asking::Cursor(&cursor),
                Way::Place => Asking::Place(walked.len() as u64 + 1),
            };
            let (ids, total, next) = self.page(stroll, asking, stroll.count).await;
            prop_assert!(ids.len() <= stroll.count as usize, "R-PAGE-03");
            walked.extend(&ids);
            prop_assert!(walked.len() < 500, "a walk ends");
            match (stroll.way, next) {
                (Way::Place, _) if ids.is_empty() || walked.len() as u64 >= total => break,
                (Way::Place, next) => prop_assert_eq!(next, None),
                (Way::Cursor, None) => break,
                (Way::Cursor, Some(next)) => {
                    prop_assert_eq!(ids.len(), stroll.count as usize, "R-CUR-02");
                    prop_assert_eq!(*counted.get_or_insert(total), total);
                    cursor = next;
                }
            }
            for step in steps.next().into_iter().flatten() {
                self.step(step, touched).await;
            }
        }
        Ok(walked)
    }

    async fn page(
        &self,
        stroll: &Stroll,
        asking: Asking<'_>,
        count: u32,
    ) -> (Vec<ResourceId>, u64, Option<String>) {
        let (start, cursor) = match asking {
            Asking::Place(start) => (start, None),
            Asking::Cursor(text) => (0, Some(CursorAsked { text, shown: "" })),
        };
        let sort = stroll.sort.map(|(by, order)| (parse_attr_path(by).expect("a path"), order));
        let filter = stroll.filter.map(|text| parse_filter(text).expect("a filter"));
        let search = Search { filter, sort, start, count, derived: Derived::Hidden, cursor };
        let Desk { directory, context, .. } = &self.desk;
        match stroll.reach {
            Reach::Users => {
                let page = directory.find(context, users(), &search).await.expect("a page");
                let ids = page.found.iter().map(|found| found.record.id);
                (ids.collect(), page.total, page.next)
            }
            Reach::Everything => {
                let types = context.offer().catalog().types();
                let page = directory.find_all(context, types, &search).await.expect("a page");
                let ids = page.found.iter().map(|(_, found)| found.record.id);
                (ids.collect(), page.total, page.next)
            }
        }
    }

    async fn step(&mut self, step: &Step, touched: &mut BTreeSet<ResourceId>) {
        match step {
            Step::Make(body) => self.make(body).await,
            Step::Change(which, label) if !self.living.is_empty() => {
                let (ty, id) = *which.get(&self.living);
                touched.insert(id);
                self.made += 1;
                let body = if ty.name() == users().name() {
                    Body::User(Some(label))
                } else {
                    Body::Group(label)
                };
                self.desk.replace(ty, id, &body.json(self.made)).await;
            }
            Step::End(which) if !self.living.is_empty() => {
                let (ty, id) = self.living.swap_remove(which.index(self.living.len()));
                touched.insert(id);
                self.desk.end(ty, id).await;
            }
            Step::Change(..) | Step::End(_) => {}
        }
    }

    async fn make(&mut self, body: &Body) {
        self.made += 1;
        let id = self.desk.make(body.ty(), body.json(self.made)).await;
        self.living.push((body.ty(), id));
    }
}

impl Body {
    fn ty(&self) -> &'static ResourceType {
        match self {
            Self::User(_) => users(),
            Self::Group(_) => groups(),
        }
    }

    fn json(&self, made: u32) -> Value {
        let spelled = |label: &str| match label.strip_prefix('_') {
            Some(end) => format!("{}{end}", "ü".repeat(1_000)),
            None => label.to_owned(),
        };
        match self {
            Self::User(Some(label)) => {
                let label = spelled(label);
                json!({ "userName": format!("u{made}"), "displayName": label, "title": label })
            }
            Self::User(None) => json!({ "userName": format!("u{made}") }),
            Self::Group(label) => json!({ "displayName": spelled(label) }),
        }
    }
}
