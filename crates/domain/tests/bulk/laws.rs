//! A bulk request does what its operations do one by one.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use rollcall_domain::{
    Derived, Directory, Done, Found, IdpKind, Named, Operation, Precondition, ResourceId, Search,
    Undone, Verb,
};
use rollcall_testkit::EventLog;
use serde_json::{Value, json};

use crate::desk::{Desk, Refusal, in_short, post};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const NOBODY: &str = "0197b3a0-0000-7000-8000-000000000001";
const NAMES: usize = 12;
const THERE: usize = 3;

/// Whom an operation names.
#[derive(Clone, Copy, Debug)]
enum Target {
    User(usize),
    Group(usize),
    /// What one of the creations of the request makes, by its `bulkId`.
    Made(usize),
    /// What none makes.
    Nothing,
    Nobody,
}

#[derive(Clone, Debug)]
enum What {
    CreateUser { name: usize, manager: Option<Target> },
    CreateGroup { name: usize, members: Vec<Target> },
    PutUser { at: Target, name: usize },
    PutGroup { at: Target, members: Vec<Target> },
    Set { at: Target, kind: &'static str, attr: &'static str, value: usize },
    Join { at: Target, members: Vec<Target> },
    Leave { at: Target, member: Target },
    LeaveByName { at: Target, name: usize },
    Delete { at: Target, kind: &'static str },
    Refused,
}

#[derive(Clone, Debug)]
struct Asked {
    what: What,
    /// Creations refer to those of lesser rank alone, so that there are no circles.
    rank: u8,
    version: Option<u64>,
}

fn target() -> impl Strategy<Value = Target> {
    prop_oneof![user(), group()]
}

fn user() -> impl Strategy<Value = Target> {
    prop_oneof![8 => (0..THERE).prop_map(Target::User), 1 => (0..THERE).prop_map(Target::Group), 4 => made()]
}

fn group() -> impl Strategy<Value = Target> {
    prop_oneof![8 => (0..THERE).prop_map(Target::Group), 1 => (0..THERE).prop_map(Target::User), 6 => made()]
}

fn made() -> impl Strategy<Value = Target> {
    prop_oneof![
        9 => any::<usize>().prop_map(Target::Made),
        1 => select(vec![Target::Nothing, Target::Nobody]),
    ]
}

fn what() -> impl Strategy<Value = What> {
    let name = || 0..NAMES;
    let members = || vec(target(), 0..3);
    let of_kind =
        || prop_oneof![user().prop_map(|at| (at, "User")), group().prop_map(|at| (at, "Group"))];
    let set = (of_kind(), select(vec!["displayName", "title", "userName"]), name());
    prop_oneof![
        4 => (name(), option::of(target()))
            .prop_map(|(name, manager)| What::CreateUser { name, manager }),
        3 => (name(), members()).prop_map(|(name, members)| What::CreateGroup { name, members }),
        2 => (user(), name()).prop_map(|(at, name)| What::PutUser { at, name }),
        2 => (group(), members()).prop_map(|(at, members)| What::PutGroup { at, members }),
        5 => set.prop_map(|((at, kind), attr, value)| What::Set { at, kind, attr, value }),
        4 => (group(), members()).prop_map(|(at, members)| What::Join { at, members }),
        2 => (group(), target()).prop_map(|(at, member)| What::Leave { at, member }),
        1 => (group(), name()).prop_map(|(at, name)| What::LeaveByName { at, name }),
        2 => of_kind().prop_map(|(at, kind)| What::Delete { at, kind }),
        1 => Just(What::Refused),
    ]
}

fn request() -> impl Strategy<Value = Vec<Asked>> {
    let version = option::weighted(0.15, 1..4_u64);
    let asked = (what(), any::<u8>(), version).prop_map(|(what, rank, version)| Asked {
        what,
        rank,
        version,
    });
    vec(asked, 1..30)
}

/// A request at a connection with some users and groups.
struct Case {
    desk: Desk,
    there: BTreeMap<String, ResourceId>,
    asked: Vec<Asked>,
}

impl Case {
    async fn open(idp: IdpKind, asked: &[Asked]) -> Self {
        let desk = Desk::of(idp).await;
        let mut there = BTreeMap::new();
        for n in 0..THERE {
            let user = desk.user(&format!("n{n}")).await;
            there.insert(format!("user{n}"), user);
            let group = desk.group(&format!("n{n}"), &[user]).await;
            there.insert(format!("group{n}"), group);
        }
        Self { desk, there, asked: asked.to_vec() }
    }

    /// The creation that a target is, among those that `from` may refer to.
    fn made(&self, from: usize, n: usize) -> Option<usize> {
        let rank = self.creates(from).then_some(self.asked[from].rank);
        let lesser = |at: &usize| rank.is_none_or(|rank| self.asked[*at].rank < rank);
        let creations = (0..self.asked.len()).filter(|at| self.creates(*at));
        let creations: Vec<_> = creations.filter(lesser).collect();
        creations.get(n.checked_rem(creations.len())?).copied()
    }

    /// A target as it is sent; `ids` tells what has been made, and is none where references are.
    fn sent(
        &self,
        from: usize,
        target: Target,
        ids: Option<&HashMap<usize, ResourceId>>,
    ) -> String {
        match target {
            Target::User(n) => self.there[&format!("user{n}")].to_string(),
            Target::Group(n) => self.there[&format!("group{n}")].to_string(),
            Target::Made(n) => match (self.made(from, n), ids) {
                (None, _) => NOBODY.into(),
                (Some(at), None) => format!("bulkId:b{at}"),
                (Some(at), Some(ids)) => ids[&at].to_string(),
            },
            Target::Nothing => "bulkId:nothing".into(),
            Target::Nobody => NOBODY.into(),
        }
    }

    fn targets(&self, at: usize) -> Vec<Target> {
        match &self.asked[at].what {
            What::CreateUser { manager, .. } => manager.iter().copied().collect(),
            What::CreateGroup { members, .. } => members.clone(),
            What::PutUser { at, .. }
            | What::Set { at, .. }
            | What::LeaveByName { at, .. }
            | What::Delete { at, .. } => vec![*at],
            What::PutGroup { at, members } | What::Join { at, members } => {
                [*at].into_iter().chain(members.iter().copied()).collect()
            }
            What::Leave { at, member } => vec![*at, *member],
            What::Refused => vec![],
        }
    }

    /// The places of the creations that an operation refers to, and whether it refers to nothing
    /// besides.
    fn refs(&self, at: usize) -> (BTreeSet<usize>, bool) {
        let (mut refs, mut lost) = (BTreeSet::new(), false);
        for target in self.targets(at) {
            match target {
                Target::Made(n) => refs.extend(self.made(at, n)),
                Target::Nothing => lost = true,
                Target::User(_) | Target::Group(_) | Target::Nobody => {}
            }
        }
        (refs, lost)
    }

    fn operation(
        &self,
        at: usize,
        ids: Option<&HashMap<usize, ResourceId>>,
    ) -> Result<Operation, Refusal> {
        let asked = &self.asked[at];
        let sent = |target: Target| self.sent(at, target, ids);
        let list = |members: &[Target]| -> Vec<Value> {
            members.iter().map(|member| json!({"value": sent(*member)})).collect()
        };
        let name = |n: usize| format!("n{n}");
        let step = |kind, at, step| crate::desk::patch(kind, at, step);
        let operation = match &asked.what {
            What::CreateUser { name: n, manager } => {
                let mut body = json!({"userName": name(*n)});
                if let Some(manager) = manager {
                    body[ENTERPRISE] = json!({"manager": {"value": sent(*manager)}});
                }
                post("User", &format!("b{at}"), body)
            }
            What::CreateGroup { name: n, members } => {
                let body = json!({"displayName": name(*n), "members": list(members)});
                post("Group", &format!("b{at}"), body)
            }
            What::PutUser { at, name: n } => {
                crate::desk::put("User", sent(*at), json!({"userName": name(*n)}))
            }
            What::PutGroup { at, members } => {
                let body = json!({"displayName": "put", "members": list(members)});
                crate::desk::put("Group", sent(*at), body)
            }
            What::Set { at, kind, attr, value } => {
                crate::desk::set(kind, sent(*at), attr, &name(*value))
            }
            What::Join { at, members } => {
                let value = list(members);
                step("Group", sent(*at), json!({"op": "add", "path": "members", "value": value}))
            }
            What::Leave { at, member } => {
                let path = format!("members[value eq \"{}\"]", sent(*member));
                step("Group", sent(*at), json!({"op": "remove", "path": path}))
            }
            What::LeaveByName { at, name: n } => {
                let path = format!("members[display eq \"{}\"]", name(*n));
                step("Group", sent(*at), json!({"op": "remove", "path": path}))
            }
            What::Delete { at, kind } => crate::desk::delete(kind, sent(*at)),
            What::Refused => return Err("no"),
        };
        let precondition = match asked.version.filter(|_| operation.verb != Verb::Create) {
            Some(version) => Precondition::Versions(vec![version]),
            None => Precondition::None,
        };
        Ok(Operation { precondition, ..operation })
    }

    /// The order of the request, with what an operation refers to pulled in front of it. Where
    /// errors may end it, nothing is: who refers to something later waits instead.
    fn order(&self, limit: Option<u32>) -> Vec<usize> {
        fn pull(case: &Case, at: usize, order: &mut Vec<usize>) {
            if !order.contains(&at) {
                case.refs(at).0.into_iter().for_each(|needed| pull(case, needed, order));
                order.push(at);
            }
        }
        let mut order = Vec::new();
        (0..self.asked.len()).for_each(|at| pull(self, at, &mut order));
        if limit.is_some() {
            let mut turns: HashMap<usize, usize> = HashMap::new();
            for at in &order {
                let (needed, lost) = self.refs(*at);
                let awaited = needed.iter().filter(|_| !lost).map(|needed| turns[needed]);
                turns.insert(*at, awaited.fold(*at, usize::max));
            }
            order.sort_by_key(|at| turns[at]);
        }
        order
    }

    async fn in_bulk(&self, limit: Option<u32>) -> Left {
        let operations = (0..self.asked.len()).map(|at| self.operation(at, None)).collect();
        let results = self.desk.bulk_until(limit, operations).await;
        let made = results.iter().filter(|(at, _)| self.creates(*at));
        let made = made.filter_map(|(at, result)| Some((*at, result.as_ref().ok()?.id)));
        let made = made.collect();
        let told = results.iter().map(|(at, result)| (*at, in_short(result))).collect();
        self.left(told, &made).await
    }

    fn creates(&self, at: usize) -> bool {
        matches!(self.asked[at].what, What::CreateUser { .. } | What::CreateGroup { .. })
    }

    async fn one_by_one(&self, limit: Option<u32>) -> Left {
        let directory = self.desk.other();
        let (mut told, mut made, mut errors) = (BTreeMap::new(), HashMap::new(), 0);
        for at in self.order(limit) {
            if limit.is_some_and(|limit| errors >= limit) {
                break;
            }
            let (needed, lost) = self.refs(at);
            let failed = needed.iter().find(|needed| !made.contains_key(*needed));
            let result = match (&self.asked[at].what, lost, failed) {
                (What::Refused, ..) => Err(Undone::Refused("no")),
                (_, true, _) => Err(Undone::Unknown { bulk_id: "nothing".into() }),
                (_, _, Some(n)) => Err(Undone::Dependency { bulk_id: format!("b{n}") }),
                _ => {
                    let operation = self.operation(at, Some(&made)).unwrap();
                    self.single(&directory, operation).await
                }
            };
            if let (Ok(done), true) = (&result, self.creates(at)) {
                made.insert(at, done.id);
            }
            errors += u32::from(result.is_err());
            told.insert(at, in_short(&result));
        }
        self.left(told, &made).await
    }

    async fn single(
        &self,
        directory: &Directory,
        operation: Operation,
    ) -> Result<Done, Undone<Refusal>> {
        let Operation { verb, ty, id, precondition, data, .. } = operation;
        let id = id.unwrap_or_default();
        let (ctx, ty) = (&self.desk.ctx, self.desk.ty(ty.name()));
        let at = Named { ty, id: &id };
        let found = match verb {
            Verb::Create => directory.create(ctx, ty, data).await,
            Verb::Replace => {
                directory.replace(ctx, at, &data, &precondition, Derived::Hidden).await
            }
            Verb::Patch => directory.patch(ctx, at, data, &precondition, Derived::Hidden).await,
            Verb::Delete => {
                let deleted = directory.delete(ctx, at, &precondition).await;
                deleted.map_err(Undone::Failed)?;
                return Ok(Done { id: id.parse().unwrap(), version: None });
            }
        };
        let done = |found: Found| Done { id: found.record.id, version: Some(found.record.version) };
        found.map(done).map_err(Undone::Failed)
    }

    /// What is left, with names in the place of ids.
    async fn left(&self, told: BTreeMap<usize, String>, made: &HashMap<usize, ResourceId>) -> Left {
        let mut names: BTreeMap<ResourceId, String> =
            self.there.iter().map(|(name, id)| (*id, name.clone())).collect();
        names.extend(made.iter().map(|(at, id)| (*id, format!("made{at}"))));
        let named = |text: String| {
            names.iter().fold(text, |text, (id, name)| text.replace(&id.to_string(), name))
        };
        let other = self.desk.other();
        let mut resources = BTreeSet::new();
        for kind in ["User", "Group"] {
            let search = Search { count: 1_000, ..Search::default() };
            for found in
                other.find(&self.desk.ctx, self.desk.ty(kind), &search).await.unwrap().found
            {
                let record = found.record;
                let mut members: Vec<_> = self.desk.members(record.id).await;
                members.retain(|_| kind == "Group");
                let members: BTreeSet<_> = members.iter().map(|id| named(id.to_string())).collect();
                let (id, body) = (named(record.id.to_string()), named(record.body));
                resources.insert(format!("{id} {} {body} {members:?}", record.version));
            }
        }
        let events = self.desk.memory.events(self.desk.ctx.connection().organization).await;
        // An end moves whatever held the resource in the order of ids, which are others here.
        let mut of_each: BTreeMap<String, Vec<(String, u64)>> = BTreeMap::new();
        for event in events.into_iter().filter(|event| event.action.starts_with("resource.")) {
            let of = of_each.entry(named(event.resource.to_string())).or_default();
            of.push((event.action, event.version));
        }
        Left { told, resources, events: of_each }
    }
}

#[derive(Debug, PartialEq)]
struct Left {
    told: BTreeMap<usize, String>,
    resources: BTreeSet<String>,
    events: BTreeMap<String, Vec<(String, u64)>>,
}

fn wait<T>(task: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(task)
}

proptest! {
    /// R-BULK-04, R-BULK-05, R-BULK-09: the same directory, the same log, the same statuses; up to
    /// the error that ends it. Also when changes are stale for no reason.
    #[test]
    fn a_bulk_is_its_operations_one_by_one(
        asked in request(),
        limit in option::weighted(0.4, 1..6_u32),
        staleness in select(vec![0_usize, 0, 2, 3]),
        idp in select(vec![IdpKind::Generic, IdpKind::Okta]),
    ) {
        let (bulk, single) = wait(async {
            let (bulk, single) = (Case::open(idp, &asked).await, Case::open(idp, &asked).await);
            bulk.desk.spy.stale_every(staleness);
            (bulk.in_bulk(limit).await, single.one_by_one(limit).await)
        });
        prop_assert_eq!(bulk, single);
    }
}

/// Random requests are worth something: most operations succeed or fail for a reason.
#[test]
fn random_requests_do_something() {
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..30 {
        let asked = request().new_tree(&mut runner).unwrap().current();
        let left = wait(async { Case::open(IdpKind::Okta, &asked).await.in_bulk(None).await });
        for told in left.told.into_values() {
            let word = told.split_whitespace().next().unwrap_or_default();
            let word = if word.parse::<u64>().is_ok() { "done" } else { word };
            *counts.entry(word.to_owned()).or_default() += 1;
        }
    }
    let all: usize = counts.values().sum();
    assert!(counts["done"] * 4 > all, "{counts:?}");
    for word in ["-", "taken", "needs", "unknown", "not", "precondition"] {
        assert!(counts.get(word).is_some_and(|n| n * 200 > all), "{word}: {counts:?}");
    }
}
