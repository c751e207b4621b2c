//! Every rule of the ports [`Store`](rollcall_domain::Store), [`Reader`](rollcall_domain::Reader)
//! and [`Registry`](rollcall_domain::Registry), as cases that a store must pass.

mod amendments;
mod closings;
mod deletes;
mod erasures;
mod handovers;
mod isolation;
mod jobs;
mod keys;
mod links;
mod nesting;
mod notes;
mod outcomes;
mod paging;
mod races;
mod registry;
mod reindexing;
mod room;
mod rows;
mod searches;
mod setups;
mod tokens;
mod uniqueness;
mod walks;
mod writes;

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use crate::Subject;

/// One rule.
pub struct Case {
    /// The rule in words.
    pub name: &'static str,
    run: fn(Subject) -> Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Case").field(&self.name).finish()
    }
}

impl Case {
    /// Runs the case; it panics when the store breaks the rule.
    ///
    /// Each case works in organizations of its own, so cases can share a store.
    pub async fn run(&self, subject: &Subject) {
        (self.run)(subject.clone()).await;
    }
}

/// Lists the cases of a module.
macro_rules! cases {
    ($($name:ident),+ $(,)?) => {
        pub(super) const CASES: &[super::Case] = &[$(super::Case {
            name: concat!(module_path!(), "::", stringify!($name)),
            run: |subject| Box::pin($name(subject)),
        }),+];
    };
}
use cases;

/// Every case.
pub fn all() -> impl Iterator<Item = &'static Case> {
    let modules = [
        writes::CASES,
        rows::CASES,
        uniqueness::CASES,
        reindexing::CASES,
        links::CASES,
        deletes::CASES,
        nesting::CASES,
        isolation::CASES,
        searches::CASES,
        paging::CASES,
        walks::CASES,
        races::CASES,
        registry::CASES,
        amendments::CASES,
        setups::CASES,
        tokens::CASES,
        keys::CASES,
        room::CASES,
        notes::CASES,
        jobs::CASES,
        outcomes::CASES,
        handovers::CASES,
        closings::CASES,
        erasures::CASES,
    ];
    modules.into_iter().flatten()
}

/// Runs every case, one after the other, in a Tokio runtime.
///
/// # Panics
/// At the end, with the names of the cases that failed.
pub async fn run(subject: &Subject) {
    let mut failed = Vec::new();
    for case in all() {
        let owned = subject.clone();
        if tokio::spawn((case.run)(owned)).await.is_err() {
            failed.push(case.name);
        }
    }
    assert!(failed.is_empty(), "the store breaks {} rules: {failed:#?}", failed.len());
}
