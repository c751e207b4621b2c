//! The order in which operations are done.

use super::references::Task;

/// Groups of operations in the order in which they are done: the order of the request, with what
/// an operation refers to pulled in front of it (R-BULK-09). A group is one operation, or all
/// creations that refer to each other in a circle (R-BULK-06).
///
/// These are the strongly connected components as Tarjan's algorithm finds them, one after
/// another and each behind those that it refers to. It takes a step per operation and reference,
/// and no call per step: a chain of references may be as long as the request.
pub(super) fn units(tasks: &[Option<Task>]) -> Vec<Vec<usize>> {
    let mut search = Search {
        tasks,
        marks: vec![None; tasks.len()],
        open: Vec::new(),
        path: Vec::new(),
        entered: 0,
        units: Vec::new(),
    };
    for at in 0..tasks.len() {
        search.from(at);
    }
    search.units
}

/// The same groups, so that none is done before its place (R-BULK-04): whatever refers to what
/// comes later in the request waits for that, and has its turn behind it. A group that `fails`
/// whatever it waits for has its own place.
pub(super) fn in_turn(
    units: Vec<Vec<usize>>,
    tasks: &[Option<Task>],
    fails: impl Fn(usize) -> bool,
) -> Vec<Vec<usize>> {
    let mut turns = vec![0; tasks.len()];
    let with_turn = units.into_iter().map(|unit| {
        let of = unit.iter().filter_map(|at| tasks.get(*at)?.as_ref());
        let awaited = of.flat_map(|task| &task.refs).filter_map(|at| turns.get(*at));
        let first = unit.first().copied().unwrap_or_default();
        let last = awaited.chain(&unit).copied().max().unwrap_or_default();
        let turn = match last > first && unit.iter().any(|at| fails(*at)) {
            true => first,
            false => last,
        };
        for at in &unit {
            if let Some(slot) = turns.get_mut(*at) {
                *slot = turn;
            }
        }
        (turn, unit)
    });
    let mut with_turn: Vec<_> = with_turn.collect();
    // Of the same turn, what is referred to stays in front.
    with_turn.sort_by_key(|(turn, _)| *turn);
    with_turn.into_iter().map(|(_, unit)| unit).collect()
}

struct Search<'a> {
    tasks: &'a [Option<Task>],
    marks: Vec<Option<Mark>>,
    /// Operations that are in no unit yet.
    open: Vec<usize>,
    /// The operations between the one that the search began with and where it is.
    path: Vec<Place>,
    entered: usize,
    units: Vec<Vec<usize>>,
}

/// What is known of an operation that was met.
#[derive(Clone, Copy)]
struct Mark {
    /// When it was met.
    entered: usize,
    /// The earliest that it reaches among the open ones.
    reaches: usize,
    open: bool,
}

#[derive(Clone, Copy)]
struct Place {
    at: usize,
    /// How many of its references are followed.
    followed: usize,
}

impl Search<'_> {
    fn from(&mut self, start: usize) {
        if self.mark(start).is_none() {
            self.enter(start);
        }
        while let Some(place) = self.path.last_mut() {
            let task = self.tasks.get(place.at).and_then(Option::as_ref);
            let next = task.and_then(|task| task.refs.get(place.followed).copied());
            place.followed += 1;
            let at = place.at;
            match next {
                Some(next) => self.follow(at, next),
                None => self.leave(at),
            }
        }
    }

    fn mark(&self, at: usize) -> Option<Mark> {
        self.marks.get(at).copied().flatten()
    }

    fn enter(&mut self, at: usize) {
        if let Some(mark) = self.marks.get_mut(at) {
            *mark = Some(Mark { entered: self.entered, reaches: self.entered, open: true });
        }
        self.entered += 1;
        self.open.push(at);
        self.path.push(Place { at, followed: 0 });
    }

    fn follow(&mut self, at: usize, next: usize) {
        match self.mark(next) {
            None => self.enter(next),
            Some(mark) if mark.open => self.reach(at, mark.entered),
            Some(_) => {}
        }
    }

    fn reach(&mut self, at: usize, reached: usize) {
        if let Some(Some(mark)) = self.marks.get_mut(at) {
            mark.reaches = mark.reaches.min(reached);
        }
    }

    fn leave(&mut self, at: usize) {
        self.path.pop();
        let Some(mark) = self.mark(at) else { return };
        if let Some(before) = self.path.last() {
            self.reach(before.at, mark.reaches);
        }
        if mark.reaches < mark.entered {
            return;
        }
        let from = self.open.iter().rposition(|open| *open == at).unwrap_or(self.open.len());
        let mut unit = self.open.split_off(from);
        unit.sort_unstable();
        for at in &unit {
            if let Some(Some(mark)) = self.marks.get_mut(*at) {
                mark.open = false;
            }
        }
        self.units.push(unit);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rollcall_schema::standard;
    use serde_json::Value;

    use super::*;
    use crate::Precondition;
    use crate::bulk::Verb;

    fn task(refs: &[usize]) -> Option<Task> {
        Some(Task {
            verb: Verb::Create,
            ty: Arc::clone(&standard::types()[0]),
            id: String::new(),
            bulk_id: None,
            precondition: Precondition::None,
            data: Value::Null,
            refs: refs.to_vec(),
            unknown: None,
        })
    }

    #[track_caller]
    fn check(refs: &[&[usize]], expect: &[&[usize]]) {
        let tasks: Vec<_> = refs.iter().map(|refs| task(refs)).collect();
        assert_eq!(units(&tasks), expect);
    }

    /// R-BULK-09.
    #[test]
    fn what_is_referred_to_comes_first_and_nothing_else_moves() {
        check(&[&[], &[], &[]], &[&[0], &[1], &[2]]);
        check(&[&[], &[3], &[], &[]], &[&[0], &[3], &[1], &[2]]);
        check(&[&[2, 3], &[], &[3], &[]], &[&[3], &[2], &[0], &[1]]);
        check(&[&[0], &[0]], &[&[0], &[1]]);
    }

    /// R-BULK-04: nothing is done before its place.
    #[test]
    fn what_refers_to_something_later_waits() {
        #[track_caller]
        fn check(refs: &[&[usize]], failing: &[usize], expect: &[&[usize]]) {
            let tasks: Vec<_> = refs.iter().map(|refs| task(refs)).collect();
            assert_eq!(in_turn(units(&tasks), &tasks, |at| failing.contains(&at)), expect);
        }
        check(&[&[2], &[], &[], &[]], &[], &[&[1], &[2], &[0], &[3]]);
        check(&[&[3], &[0], &[], &[], &[1]], &[], &[&[2], &[3], &[0], &[1], &[4]]);
        check(&[&[2], &[], &[0]], &[], &[&[1], &[0, 2]]);
        check(&[&[], &[0], &[1]], &[], &[&[0], &[1], &[2]]);
        check(&[&[2], &[0], &[]], &[0], &[&[0], &[1], &[2]]);
        check(&[&[2], &[], &[0]], &[2], &[&[0, 2], &[1]]);
    }

    /// R-BULK-06.
    #[test]
    fn circles_are_one() {
        check(&[&[1], &[0], &[]], &[&[0, 1], &[2]]);
        check(&[&[2], &[], &[4], &[], &[0, 3]], &[&[3], &[0, 2, 4], &[1]]);
        check(&[&[1], &[2, 3], &[1], &[0]], &[&[0, 1, 2, 3]]);
    }

    /// R-E-16.
    #[test]
    fn long_chains_take_no_stack() {
        let n = 200_000;
        let mut chain: Vec<_> = (1..n).map(|next| task(&[next])).collect();
        chain.push(task(&[]));
        assert_eq!(units(&chain).first(), Some(&vec![n - 1]));
        let circle: Vec<_> = (1..=n).map(|next| task(&[next % n])).collect();
        assert_eq!(units(&circle).len(), 1);
    }

    #[test]
    fn operations_that_were_refused_keep_their_place() {
        assert_eq!(units(&[task(&[2]), None, task(&[])]), [vec![2], vec![0], vec![1]]);
    }
}
