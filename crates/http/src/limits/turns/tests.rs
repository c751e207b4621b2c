use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;
use uuid::Uuid;

use super::*;

const EVER: Patience = Patience { queue: 1_000, wait: Duration::from_secs(600) };

fn connection(n: u128) -> ConnectionId {
    ConnectionId::from_uuid(Uuid::from_u128(n))
}

fn is_empty(turns: &Turns) -> bool {
    let line = lock(&turns.line);
    line.taken == 0 && line.of.is_empty() && line.next.is_empty()
}

type Taking<'t> = Pin<Box<dyn Future<Output = Result<Turn, NoTurn>> + 't>>;

/// Looks once whether there is a turn.
fn look(taking: &mut Taking<'_>) -> Option<Turn> {
    match taking.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(turn) => Some(turn.expect("nobody waits too long")),
        Poll::Pending => None,
    }
}

#[tokio::test]
async fn one_connection_leaves_turns_to_others() {
    // R-E-17
    let (turns, none) = (Turns::new("tests", 8, 2), Patience { queue: 0, ..EVER });
    let mut taken = Vec::new();
    for _ in 0..2 {
        taken.push(turns.take(connection(1), none).await.unwrap());
    }
    assert_eq!(turns.take(connection(1), none).await.unwrap_err(), NoTurn::Full);
    for n in 2..8 {
        taken.push(turns.take(connection(n), none).await.unwrap());
    }
    assert_eq!(turns.take(connection(8), none).await.unwrap_err(), NoTurn::Full);
    taken.remove(0);
    taken.push(turns.take(connection(1), none).await.unwrap());
    assert_eq!(turns.take(connection(1), none).await.unwrap_err(), NoTurn::Full);
    drop(taken);
    assert!(is_empty(&turns));
}

#[tokio::test]
async fn waiting_ends() {
    let turns = Turns::new("tests", 1, 1);
    let turn = turns.take(connection(1), EVER).await.unwrap();
    let impatient = Patience { wait: Duration::ZERO, ..EVER };
    for n in 1..3 {
        assert_eq!(turns.take(connection(n), impatient).await.unwrap_err(), NoTurn::Late);
    }
    drop(turn);
    assert!(is_empty(&turns));
}

/// A client may go away at any time, also when its turn was granted and it hasn't noticed yet.
#[tokio::test]
async fn turns_of_those_who_go_away_go_on() {
    let turns = Turns::new("tests", 1, 1);
    let turn = turns.take(connection(0), EVER).await.unwrap();
    let mut waiting: Vec<Taking<'_>> = Vec::new();
    for n in [1, 1, 2, 3] {
        let mut taking: Taking<'_> = Box::pin(turns.take(connection(n), EVER));
        assert!(look(&mut taking).is_none());
        waiting.push(taking);
    }
    let gone_early = waiting.remove(2);
    drop(gone_early);
    assert_eq!(lock(&turns.line).next, [connection(1), connection(3)]);
    drop(turn);
    let gone_late = waiting.remove(0);
    assert_eq!(lock(&turns.line).of[&connection(1)].taken, 1, "it has its turn");
    drop(gone_late);
    let [first, last] = waiting.as_mut_slice() else { panic!("two are left") };
    assert!(look(first).is_none(), "its connection had one");
    let turn = look(last).expect("it is next");
    assert!(look(first).is_none());
    drop(turn);
    drop(look(first).expect("it is the last"));
    drop(waiting);
    assert!(is_empty(&turns));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_lost_between_threads() {
    const ALL: usize = 3;
    let turns = Arc::new(Turns::new("tests", ALL, 2));
    let working = Arc::new(AtomicUsize::new(0));
    let tasks = (0..400_usize).map(|n| {
        let (turns, working) = (Arc::clone(&turns), Arc::clone(&working));
        tokio::spawn(async move {
            let leaving = async {
                for _ in 0..n % 7 {
                    tokio::task::yield_now().await;
                }
                if n % 3 > 0 {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                turn = turns.take(connection((n % 5) as u128), EVER) => {
                    let turn = turn.expect("a turn comes");
                    assert!(working.fetch_add(1, Ordering::SeqCst) < ALL);
                    tokio::task::yield_now().await;
                    working.fetch_sub(1, Ordering::SeqCst);
                    drop(turn);
                }
                () = leaving => {}
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    assert!(is_empty(&turns));
}

/// What may happen to a line.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A request of a connection comes.
    Take(u8),
    /// One that was worked on is done.
    Done(prop::sample::Index),
    /// One that waits goes away.
    Leave(prop::sample::Index),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..5_u8).prop_map(Step::Take),
        2 => any::<prop::sample::Index>().prop_map(Step::Done),
        1 => any::<prop::sample::Index>().prop_map(Step::Leave),
    ];
    prop::collection::vec(step, 0..120)
}

/// A line as its rules see it.
struct Model {
    all: usize,
    each: usize,
    queue: usize,
    turns: Turns,
    working: Vec<(u8, Turn)>,
    /// In the order in which they came.
    waiting: Vec<(u8, Turn, oneshot::Receiver<()>)>,
    /// For connections that wait and have not enough: who may have a turn before them, once.
    before: BTreeMap<u8, BTreeSet<u8>>,
}

impl Model {
    fn new((all, each, queue): (usize, usize, usize)) -> Self {
        let turns = Turns::new("tests", all, each);
        let (working, waiting, before) = (Vec::new(), Vec::new(), BTreeMap::new());
        Self { all, each, queue, turns, working, waiting, before }
    }

    fn has(&self, who: u8) -> usize {
        self.working.iter().filter(|(whose, _)| *whose == who).count()
    }

    fn waits(&self, who: u8) -> usize {
        self.waiting.iter().filter(|(whose, ..)| *whose == who).count()
    }

    fn wanting(&self) -> BTreeSet<u8> {
        (0..5).filter(|who| self.waits(*who) > 0 && self.has(*who) < self.each).collect()
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Take(who) => self.take(who),
            Step::Done(which) if !self.working.is_empty() => {
                drop(self.working.remove(which.index(self.working.len())));
            }
            Step::Leave(which) if !self.waiting.is_empty() => {
                drop(self.waiting.remove(which.index(self.waiting.len())));
            }
            Step::Done(_) | Step::Leave(_) => {}
        }
        self.renew();
        self.hear();
        self.renew();
        self.check();
    }

    fn take(&mut self, who: u8) {
        let is_free = self.working.len() < self.all && self.has(who) < self.each;
        match self.turns.enter(connection(who.into()), self.queue) {
            Ok((turn, None)) => {
                assert!(is_free);
                self.working.push((who, turn));
            }
            Ok((turn, Some(granted))) => {
                assert!(!is_free && self.waits(who) < self.queue);
                self.waiting.push((who, turn, granted));
            }
            Err(why) => {
                assert_eq!(why, NoTurn::Full);
                assert!(!is_free && self.waits(who) == self.queue);
            }
        }
    }

    /// Notes who came to want a turn, behind all who do already.
    fn renew(&mut self) {
        let wanting = self.wanting();
        self.before.retain(|who, before| {
            before.retain(|other| wanting.contains(other));
            wanting.contains(who)
        });
        for who in wanting {
            let others = self.before.keys().copied().filter(|other| *other != who).collect();
            self.before.entry(who).or_insert(others);
        }
    }

    /// Hears who was granted a turn: one at most, and of its connection the one that came first.
    fn hear(&mut self) {
        let granted =
            |(.., granted): &mut (_, _, oneshot::Receiver<()>)| granted.try_recv().is_ok();
        let Some(at) = self.waiting.iter_mut().position(granted) else { return };
        let (who, turn, _) = self.waiting.remove(at);
        assert!(self.waiting.iter().take(at).all(|(whose, ..)| *whose != who), "first come");
        assert!(!self.waiting.iter_mut().any(granted), "one turn is one request's");
        self.before.remove(&who).expect("it wanted one");
        for (other, before) in &mut self.before {
            assert!(before.remove(&who), "{who} came before {other} twice, or was behind it");
        }
        self.working.push((who, turn));
    }

    fn check(&self) {
        assert!(self.working.len() <= self.all);
        assert!((0..5).all(|who| self.has(who) <= self.each && self.waits(who) <= self.queue));
        assert!(self.working.len() == self.all || self.wanting().is_empty(), "a turn is lost");
    }
}

proptest! {
    /// However requests come, end and go away, there are never more turns than there may be, none
    /// is lost, and each connection that waits gets one after at most one of each that waited.
    #[test]
    fn turns_are_fair(bounds in (1..5_usize, 1..4_usize, 0..6_usize), steps in steps()) {
        // R-E-17
        let mut model = Model::new(bounds);
        for step in steps {
            model.step(step);
        }
        let Model { turns, working, waiting, .. } = model;
        drop((working, waiting));
        prop_assert!(is_empty(&turns));
    }
}
