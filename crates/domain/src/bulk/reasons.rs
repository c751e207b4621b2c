//! Why a change was refused, told to each operation that it stands for.

use std::collections::{BTreeSet, HashMap};

use super::plan::named;
use super::references::Task;
use super::round::Outcome;
use super::run::Run;
use super::{Undone, Verb};
use crate::directory::edges;
use crate::error::refused;
use crate::{CommitError, Error, ResourceId};

impl Run<'_> {
    /// What the operations of a unit are told when its change was refused.
    pub(super) async fn reasons(
        &self,
        unit: Vec<usize>,
        error: CommitError,
    ) -> Vec<(usize, Outcome)> {
        if let [at] = unit.as_slice() {
            let failed = match self.task(*at) {
                Some(task) => Undone::Failed(self.reason(task, error).await),
                None => Undone::Refused(()),
            };
            return vec![(*at, Err(failed))];
        }
        let blamed = match &error {
            CommitError::Taken { attr } => match self.holders(&unit, attr).await {
                none if none.is_empty() => self.twins(&unit, attr),
                holders => holders,
            },
            CommitError::UnknownMembers(ids) => self.strangers(&unit, ids),
            CommitError::Stale
            | CommitError::Gone
            | CommitError::Closed
            | CommitError::Unavailable(_) => Vec::new(),
        };
        if !blamed.is_empty() {
            return self.all_failed(&unit, blamed);
        }
        // Nobody in particular: others were in the way.
        let all = unit.iter().map(|at| (*at, Err(Undone::Failed(Error::Busy))));
        all.collect()
    }

    /// As a single request tells it.
    async fn reason(&self, task: &Task, error: CommitError) -> Error {
        match (error, task.verb) {
            (CommitError::Taken { attr }, Verb::Create) => self.taken(task, attr).await,
            (error, _) => plain(task, error),
        }
    }

    /// Names the cure where there is one (R-E-24); finding none is no failure.
    async fn taken(&self, task: &Task, attr: String) -> Error {
        if let Ok(accepted) = self.accepted(task)
            && let Ok(error) =
                self.directory.taken(self.ctx, &task.ty, attr.clone(), &accepted.document).await
        {
            return error;
        }
        plain(task, CommitError::Taken { attr })
    }

    /// Those of a circle whose value somebody else has.
    async fn holders(&self, unit: &[usize], attr: &str) -> Vec<(usize, Undone<()>)> {
        let mut blamed = Vec::new();
        for (at, task) in self.tasks_of(unit) {
            let Ok(accepted) = self.accepted(task) else { continue };
            let holder = self.directory.holder(self.ctx, &task.ty, attr, &accepted.document).await;
            if matches!(holder, Ok(Some(_))) {
                let error = self.taken(task, attr.to_owned()).await;
                blamed.push((at, Undone::Failed(error)));
            }
        }
        blamed
    }

    /// Those of a circle that have a value in common.
    fn twins(&self, unit: &[usize], attr: &str) -> Vec<(usize, Undone<()>)> {
        let mut holders: HashMap<(&str, String), Vec<usize>> = HashMap::new();
        for (at, task) in self.tasks_of(unit) {
            let Ok(accepted) = self.accepted(task) else { continue };
            let keys = task.ty.index_keys(&accepted.document).into_iter();
            let of = keys.filter(|key| key.unique && *task.ty.attr(key.attr).path == *attr);
            for key in of {
                holders.entry((task.ty.name(), key.key)).or_default().push(at);
            }
        }
        let twins = holders.into_values().filter(|holders| holders.len() > 1);
        let twins: Vec<usize> = twins.flatten().collect::<BTreeSet<_>>().into_iter().collect();
        let taken = |task| plain(task, CommitError::Taken { attr: attr.into() });
        self.tasks_of(&twins).map(|(at, task)| (at, Undone::Failed(taken(task)))).collect()
    }

    /// Those of a circle that name resources which aren't there.
    fn strangers(&self, unit: &[usize], ids: &[ResourceId]) -> Vec<(usize, Undone<()>)> {
        let unknown: BTreeSet<_> = ids.iter().collect();
        let blamed = self.tasks_of(unit).filter_map(|(at, task)| {
            let links = self.accepted(task).ok()?.links;
            let ops = edges(&task.ty, &links).ok()?;
            let added = ops.iter().flat_map(|op| &op.add);
            let named: Vec<_> = added.filter(|id| unknown.contains(id)).copied().collect();
            let error = CommitError::UnknownMembers(named.clone());
            (!named.is_empty()).then(|| (at, Undone::Failed(plain(task, error))))
        });
        blamed.collect()
    }
}

fn plain(task: &Task, error: CommitError) -> Error {
    let named = named(task);
    refused(error, named.ty, named.id)
}
