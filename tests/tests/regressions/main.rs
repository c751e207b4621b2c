//! Bugs of other servers, each one a test here.
//!
//! `b07_…` is line 7 of the list of bugs, `c05_…` number 5 of the complaints that showed on the
//! wire. What can't be tested yet is listed with its reason, and a test keeps the count.

mod bugs;
mod complaints;

use std::collections::BTreeSet;

/// Lines of the list of bugs that nothing here can show yet.
const NOT_YET: &[(u32, &str)] = &[
    (10, "webhooks"),
    (20, "verified domains and recovery"),
    (26, "sessions of the app"),
    (43, "adoption of accounts"),
    (45, "accounts with manual suspensions"),
];

#[test]
fn every_line_is_tested_or_listed() {
    let tested = include_str!("bugs.rs")
        .lines()
        .filter_map(|line| line.trim().strip_prefix("async fn b")?.get(..2)?.parse::<u32>().ok());
    let listed = NOT_YET.iter().map(|(number, reason)| {
        assert!(!reason.is_empty());
        *number
    });
    let all: BTreeSet<u32> = tested.chain(listed).collect();
    assert_eq!(all, (1..=48).collect());
}
