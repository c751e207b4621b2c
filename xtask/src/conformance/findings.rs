//! What the tools found, judged against the failures we have a reason for.

use std::fmt::Write;

use anyhow::{Context, Result};
use serde_json::Value;

const LISTED: &str = include_str!("allowed.json");

/// Fewer passed checks than this mean that the tester never saw our schemas.
const LEAST_CHECKS: usize = 130;

/// One check of a tool and how it went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    name: String,
    status: String,
    message: String,
    data: String,
}

impl Finding {
    fn read(value: &Value) -> Result<Self> {
        Ok(Self {
            name: text(value, "name")?,
            status: text(value, "status")?,
            message: text(value, "message")?,
            data: text(value, "data")?,
        })
    }

    fn passed(&self) -> bool {
        matches!(self.status.as_str(), "SUCCESS" | "COMPLIANT" | "ACCEPTABLE" | "PASS")
    }

    fn failed(&self) -> bool {
        !self.passed() && !matches!(self.status.as_str(), "SKIPPED" | "SKIP" | "WARN")
    }

    fn describe(&self) -> String {
        let Self { name, status, message, data } = self;
        let mut line = format!("  {status} {name}: {message}");
        if !data.is_empty() {
            line.extend(["\n    ", data]);
        }
        line
    }
}

/// What the tools found.
#[derive(Debug)]
pub(super) struct Findings {
    tester: Vec<Finding>,
    sanity: Vec<Finding>,
    openapi: Vec<Finding>,
}

impl Findings {
    /// Reads what `run_tools.py` writes.
    pub(super) fn parse(json: &str) -> Result<Self> {
        let value: Value = serde_json::from_str(json).context("parsing the tools' results")?;
        let list = |tool: &str| -> Result<Vec<Finding>> {
            let findings = value.get(tool).and_then(Value::as_array);
            findings
                .with_context(|| format!("no results of {tool}"))?
                .iter()
                .map(Finding::read)
                .collect()
        };
        Ok(Self { tester: list("tester")?, sanity: list("sanity")?, openapi: list("openapi")? })
    }
}

/// A failure of scim-sanity that is the tool's opinion beyond the RFC.
#[derive(Clone, Debug)]
pub(super) struct Opinion {
    check: String,
    message: String,
    reason: String,
}

impl Opinion {
    /// The opinions listed in `allowed.json`: `check` is the name, `message` a part of the message.
    pub(super) fn listed() -> Result<Vec<Self>> {
        Self::parse(LISTED).context("allowed.json")
    }

    fn parse(json: &str) -> Result<Vec<Self>> {
        let list: Vec<Value> = serde_json::from_str(json)?;
        list.iter().map(Self::read).collect()
    }

    fn read(value: &Value) -> Result<Self> {
        let reason = text(value, "reason")?;
        anyhow::ensure!(!reason.trim().is_empty(), "an entry without a reason");
        Ok(Self { check: text(value, "check")?, message: text(value, "message")?, reason })
    }

    fn covers(&self, finding: &Finding) -> bool {
        finding.name == self.check && finding.message.contains(&self.message)
    }
}

/// The verdict on one server.
#[derive(Debug, Default)]
pub(super) struct Report {
    summary: String,
    unexpected: Vec<String>,
    allowed: Vec<String>,
    stale: Vec<String>,
}

impl Report {
    pub(super) fn judge(findings: &Findings, opinions: &[Opinion]) -> Self {
        let mut report = Self::default();
        let passed = |list: &[Finding]| list.iter().filter(|finding| finding.passed()).count();
        let (tester, sanity) = (passed(&findings.tester), passed(&findings.sanity));
        report.unexpected.extend(failures(&findings.tester).map(Finding::describe));
        report.unexpected.extend(failures(&findings.openapi).map(Finding::describe));
        if tester < LEAST_CHECKS {
            let line = format!("  scim2-tester passed {tester} checks of at least {LEAST_CHECKS}");
            report.unexpected.push(line);
        }
        for finding in failures(&findings.sanity) {
            match opinions.iter().find(|opinion| opinion.covers(finding)) {
                Some(opinion) => {
                    report.allowed.push(format!("  {}: {}", finding.name, opinion.reason))
                }
                None => report.unexpected.push(finding.describe()),
            }
        }
        for opinion in opinions {
            if !failures(&findings.sanity).any(|finding| opinion.covers(finding)) {
                report.stale.push(format!("  {} ({})", opinion.check, opinion.message));
            }
        }
        report.summary = format!(
            "scim2-tester {tester} of {} passed, scim-sanity {sanity} of {} passed ({} skipped or warned)",
            findings.tester.len(),
            findings.sanity.len(),
            neither(&findings.tester) + neither(&findings.sanity),
        );
        for finding in findings.openapi.iter().filter(|finding| finding.passed()) {
            report.summary.extend([", ", &finding.name, " ", &finding.message]);
        }
        report
    }

    /// Nothing failed that we have no reason for.
    pub(super) fn is_sound(&self) -> bool {
        self.unexpected.is_empty()
    }

    /// The summary line, then what needs a reader.
    pub(super) fn describe(&self, name: &str) -> String {
        let mut text = format!("{name}: {}", self.summary);
        let parts = [
            ("unexpected", &self.unexpected),
            ("allowed, with the reason", &self.allowed),
            ("allowed, but no longer failing: remove from allowed.json", &self.stale),
        ];
        for (title, lines) in parts.into_iter().filter(|(_, lines)| !lines.is_empty()) {
            let _ = write!(text, "\n {title}:\n{}", lines.join("\n"));
        }
        text
    }
}

fn failures(list: &[Finding]) -> impl Iterator<Item = &Finding> {
    list.iter().filter(|finding| finding.failed())
}

fn neither(list: &[Finding]) -> usize {
    list.iter().filter(|finding| !finding.passed() && !finding.failed()).count()
}

fn text(value: &Value, key: &str) -> Result<String> {
    let found = value.get(key).and_then(Value::as_str);
    found.map(str::to_owned).with_context(|| format!("no text `{key}` in {value}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(status: &str) -> Finding {
        let (name, message) = ("Phase 2: PUT /Users".to_owned(), "wants a pony today".to_owned());
        Finding { name, status: status.to_owned(), message, data: String::new() }
    }

    fn findings(tester: &str, checks: usize, sanity: &str) -> Findings {
        let openapi = vec![finding("PASS")];
        Findings { tester: vec![finding(tester); checks], sanity: vec![finding(sanity)], openapi }
    }

    fn opinion(message: &str) -> Opinion {
        let json =
            r#"[{"check": "Phase 2: PUT /Users", "message": "MESSAGE", "reason": "no ponies"}]"#;
        Opinion::parse(&json.replace("MESSAGE", message)).unwrap().remove(0)
    }

    #[track_caller]
    fn check(findings: &Findings, opinions: &[Opinion], sound: bool) {
        let report = Report::judge(findings, opinions);
        assert_eq!(report.is_sound(), sound, "{}", report.describe("test"));
    }

    #[test]
    fn only_listed_failures_of_sanity_are_sound() {
        check(&findings("SUCCESS", 130, "PASS"), &[], true);
        check(&findings("SUCCESS", 130, "SKIP"), &[], true);
        check(&findings("SKIPPED", 130, "PASS"), &[], false);
        check(&findings("SUCCESS", 129, "PASS"), &[], false);
        check(&findings("ERROR", 130, "PASS"), &[], false);
        check(&findings("DEVIATION", 130, "PASS"), &[opinion("a pony")], false);
        check(&findings("SUCCESS", 130, "FAIL"), &[], false);
        check(&findings("SUCCESS", 130, "ERROR"), &[opinion("a horse")], false);
        check(&findings("SUCCESS", 130, "FAIL"), &[opinion("a pony")], true);
    }

    #[test]
    fn an_opinion_that_no_longer_fails_is_reported() {
        let report = Report::judge(&findings("SUCCESS", 130, "PASS"), &[opinion("a pony")]);
        assert!(report.is_sound());
        assert!(report.describe("test").contains("no longer failing"));
    }

    #[test]
    fn every_listed_opinion_has_a_reason() {
        Opinion::listed().unwrap();
        let silent = r#"[{"check": "a", "message": "b", "reason": " "}]"#;
        assert!(Opinion::parse(silent).is_err());
    }

    #[test]
    fn results_of_the_script_are_read() {
        let one = r#"{"name": "User: a", "status": "SUCCESS", "message": "", "data": ""}"#;
        let all = format!(r#"{{"tester": [{one}], "sanity": [], "openapi": [{one}]}}"#);
        let read = Findings::parse(&all).unwrap();
        assert_eq!((read.tester.len(), read.openapi.len()), (1, 1));
        assert!(Findings::parse(r#"{"tester": [], "sanity": []}"#).is_err());
    }
}
