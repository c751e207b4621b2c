//! What cargo's test runs add up to.

use std::fmt;
use std::io::{BufRead, BufReader};
use std::ops::AddAssign;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

/// Tests that passed, failed and were left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) ignored: u64,
}

impl Totals {
    /// Reads one `test result:` line of libtest.
    fn parse(line: &str) -> Option<Self> {
        let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
        let count = |what: &str| {
            let parts = counts.split(';').map(str::trim);
            parts
                .filter_map(|part| part.split_once(' '))
                .find(|(_, name)| *name == what)?
                .0
                .parse()
                .ok()
        };
        Some(Self {
            passed: count("passed")?,
            failed: count("failed")?,
            ignored: count("ignored")?,
        })
    }
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.ignored > 0 {
            write!(f, ", {} skipped", self.ignored)?;
        }
        Ok(())
    }
}

/// A finished run of `cargo test`.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) totals: Totals,
    /// Why it counts as failed, if it does.
    pub(crate) failure: Option<String>,
}

impl Outcome {
    /// Prints the totals as the last line, then fails if the run did.
    pub(crate) fn report(self) -> Result<()> {
        println!("{}", self.totals);
        match self.failure {
            Some(failure) => anyhow::bail!(failure),
            None => Ok(()),
        }
    }
}

/// Runs a `cargo test` command, passing its lines through and adding up its results.
pub(crate) fn stream(command: &mut Command) -> Result<Outcome> {
    let mut child = command.stdout(Stdio::piped()).spawn().context("starting `cargo test`")?;
    let stdout = child.stdout.take().context("no output of `cargo test`")?;
    let mut totals = Totals::default();
    for line in BufReader::new(stdout).split(b'\n') {
        let line = line.context("reading `cargo test`")?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        if let Some(part) = Totals::parse(&line) {
            totals += part;
        }
    }
    let status = child.wait().context("waiting for `cargo test`")?;
    let failure = (!status.success()).then(|| format!("`cargo test` failed: {status}"));
    Ok(Outcome { totals, failure })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expect: Option<(u64, u64, u64)>) {
        let expect = expect.map(|(passed, failed, ignored)| Totals { passed, failed, ignored });
        assert_eq!(Totals::parse(line), expect);
    }

    #[test]
    fn result_lines_are_read() {
        let rest = "0 measured; 3 filtered out; finished in 0.00s";
        check(&format!("test result: ok. 5 passed; 0 failed; 1 ignored; {rest}"), Some((5, 0, 1)));
        check(
            &format!("test result: FAILED. 12 passed; 2 failed; 0 ignored; {rest}"),
            Some((12, 2, 0)),
        );
        check("test a_test ... ok", None);
        check("running 5 tests", None);
        check("test result: unheard of", None);
    }

    #[test]
    fn lines_add_up_and_print_plainly() {
        let mut sum = Totals { passed: 1, failed: 0, ignored: 0 };
        sum += Totals { passed: 4, failed: 2, ignored: 0 };
        assert_eq!(sum.to_string(), "5 passed, 2 failed");
        sum += Totals { passed: 0, failed: 0, ignored: 3 };
        assert_eq!(sum.to_string(), "5 passed, 2 failed, 3 skipped");
    }

    #[test]
    fn a_failing_command_is_a_failure_with_its_counts() {
        let line = "test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured";
        let script = format!("echo '{line}'; exit 101");
        let outcome = stream(Command::new("sh").args(["-c", &script])).unwrap();
        assert_eq!(outcome.totals, Totals { passed: 1, failed: 1, ignored: 0 });
        assert!(outcome.failure.is_some());
    }
}
