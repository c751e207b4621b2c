//! Walks through a list that changes under way, over the memory store.

use proptest::prelude::*;
use rollcall_testkit::Subject;
use rollcall_testkit::laws::{stroll, walks_meet_the_untouched_once};
use tokio::runtime::Runtime;

#[test]
fn walks_meet_the_untouched_once_in_memory() {
    let runtime = Runtime::new().unwrap();
    let subject = Subject::memory();
    proptest!(|(stroll in stroll())| {
        runtime.block_on(walks_meet_the_untouched_once(&subject, &stroll))?;
    });
}
