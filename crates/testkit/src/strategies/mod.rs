//! Random resources and filters that meet.
//!
//! Texts come from one small pool in all spellings, so that a random filter often matches some of
//! the random resources and seldom all of them.

mod bodies;
mod filters;
mod texts;

pub use bodies::{Fate, Population, body, population};
pub use filters::{filter, name_ids, sort};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    use rollcall_schema::ResourceType;

    use super::*;
    use crate::{Asked, Site, Subject, groups, users};

    /// How many random filters are answered, and how many of those split the resources.
    async fn answered(ty: &'static ResourceType, runner: &mut TestRunner) -> (u32, u32, u32) {
        let (mut asked, mut answered, mut split) = (0, 0, 0);
        for _ in 0..40 {
            let site = Site::open(&Subject::memory()).await;
            let population = population().new_tree(runner).expect("a population").current();
            let commit = async |change| site.subject.store.commit(site.at, change).await.map(drop);
            let ids = population.settle(&site, commit).await.expect("it settles");
            let all = site.total(ty).await;
            for _ in 0..10 {
                let text = filter(ty).new_tree(runner).expect("a filter").current();
                asked += 1;
                let Ok(search) = Asked::filter(ty, &name_ids(&text, &ids)) else { continue };
                answered += 1;
                let found = site.find(&search.query()).await.total;
                split += u32::from(found > 0 && found < all);
            }
        }
        (asked, answered, split)
    }

    #[tokio::test]
    async fn filters_meet_resources() {
        for ty in [users(), groups()] {
            let (asked, answered, split) =
                self::answered(ty, &mut TestRunner::deterministic()).await;
            assert!(answered * 100 > asked * 95, "{answered} of {asked} {} filters", ty.name());
            assert!(split * 9 > answered, "{split} of {answered} {} filters", ty.name());
        }
    }

    #[test]
    fn every_body_is_accepted() {
        use rollcall_schema::{Accept, Profile};
        for ty in [users(), groups()] {
            proptest!(|(body in body(ty))| {
                let accepted = ty.accept(body, Accept::Create, &Profile::GENERIC);
                prop_assert!(accepted.is_ok(), "{accepted:?}");
            });
        }
    }

    #[test]
    fn every_order_is_one() {
        for ty in [users(), groups()] {
            proptest!(|((by, order) in sort(ty))| {
                prop_assert!(Asked::all(ty).sorted(&by, order).is_ok_and(|asked| asked.sort.is_some()));
            });
        }
    }
}
