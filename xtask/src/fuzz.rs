//! `cargo xtask fuzz`: the fuzz targets, each for a bounded time.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context, Result, bail};
use clap::Args;
use clap::builder::RangedU64ValueParser;

use crate::workspace::{self, Workspace};

/// No input may take longer; what needs more than linear time shows here.
const SECONDS_PER_INPUT: u32 = 10;

/// What to fuzz, and for how long.
#[derive(Debug, Args)]
pub(crate) struct Wanted {
    /// How long each target runs
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Run this target only
    #[arg(long)]
    target: Option<String>,
    /// How many targets run at a time
    #[arg(long, default_value_t = 1, value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    jobs: usize,
}

/// Runs the targets, prints what they executed and fails when one found something.
pub(crate) fn run(workspace: &Workspace, wanted: &Wanted) -> Result<()> {
    let fuzzer = Fuzzer { dir: workspace.root.join("fuzz"), seconds: wanted.seconds };
    let targets = chosen(fuzzer.targets()?, wanted.target.as_deref())?;
    check_tools()?;
    fuzzer.build(&targets)?;
    let runs = fuzzer.fuzz_all(&targets, wanted.jobs)?;
    println!("\n{}", table(&runs));
    verdict(&runs)
}

/// One target's run.
#[derive(Debug)]
struct Run {
    target: String,
    executions: u64,
    seconds: u32,
    /// The input that was found, if one was.
    artifact: Option<PathBuf>,
}

struct Fuzzer {
    dir: PathBuf,
    seconds: u32,
}

impl Fuzzer {
    /// The names of all targets.
    fn targets(&self) -> Result<Vec<String>> {
        let files = workspace::files(&self.dir.join("fuzz_targets"), &[".rs"])?;
        let stem = |path: &PathBuf| Some(path.file_stem()?.to_string_lossy().into_owned());
        Ok(files.iter().filter_map(stem).collect())
    }

    fn build(&self, targets: &[String]) -> Result<()> {
        let mut command = self.cargo_fuzz("build");
        if let [only] = targets {
            command.arg(only);
        }
        workspace::run(&mut command)
    }

    /// Starts the targets in order, `jobs` of them at a time.
    fn fuzz_all(&self, targets: &[String], jobs: usize) -> Result<Vec<Run>> {
        let next = AtomicUsize::new(0);
        let work = || {
            let mut runs = Vec::new();
            while let Some(target) = targets.get(next.fetch_add(1, Ordering::Relaxed)) {
                runs.push(self.fuzz(target));
            }
            runs
        };
        let mut runs = thread::scope(|scope| {
            let workers: Vec<_> = (0..jobs.min(targets.len())).map(|_| scope.spawn(work)).collect();
            let runs = workers.into_iter().map(|worker| worker.join().unwrap_or_default());
            runs.flatten().collect::<Result<Vec<_>>>()
        })?;
        runs.sort_by(|one, other| one.target.cmp(&other.target));
        Ok(runs)
    }

    fn fuzz(&self, target: &str) -> Result<Run> {
        let log = self.dir.join("target").join("logs").join(format!("{target}.log"));
        println!("{target}: {} s, see {}", self.seconds, log.display());
        let status = self.command(target, &log)?.status().context("starting `cargo fuzz run`")?;
        let said = fs::read(&log).with_context(|| format!("reading {}", log.display()))?;
        let said = String::from_utf8_lossy(&said);
        let artifact = (!status.success()).then(|| artifact(&said)).flatten();
        match (executions(&said), &artifact) {
            (executions, Some(_)) => {
                let executions = executions.unwrap_or_default();
                Ok(Run { target: target.to_owned(), executions, seconds: self.seconds, artifact })
            }
            (Some(executions), None) if status.success() => {
                Ok(Run { target: target.to_owned(), executions, seconds: self.seconds, artifact })
            }
            _ => bail!("fuzzing `{target}` failed: {status}\n{}", workspace::tail(&log)),
        }
    }

    /// What grows while fuzzing lies in the target directory; the committed corpus is read only.
    fn command(&self, target: &str, log: &Path) -> Result<Command> {
        let grown = self.dir.join("target").join("corpus").join(target);
        let seeds = self.dir.join("corpus").join(target);
        for dir in [Some(grown.as_path()), log.parent()].into_iter().flatten() {
            fs::create_dir_all(dir).with_context(|| format!("creating {}", dir.display()))?;
        }
        let output = File::create(log).with_context(|| format!("creating {}", log.display()))?;
        let dictionary = self.dir.join("dictionaries").join(format!("{target}.dict"));
        let mut command = self.cargo_fuzz("run");
        command.arg(target).args([grown, seeds]);
        command.args(["--", "-print_final_stats=1"]);
        command.arg(format!("-max_total_time={}", self.seconds));
        command.arg(format!("-timeout={SECONDS_PER_INPUT}"));
        command.arg(format!("-dict={}", dictionary.display()));
        command.stdout(output.try_clone().context("sharing the log")?).stderr(output);
        Ok(command)
    }

    fn cargo_fuzz(&self, verb: &str) -> Command {
        let mut command = nightly(&["fuzz", verb]);
        command.arg("--fuzz-dir").arg(&self.dir);
        command.arg("--target-dir").arg(self.dir.join("target"));
        command
    }
}

/// The nightly cargo, whichever toolchain runs this.
fn nightly(args: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.arg("+nightly").args(args);
    for name in ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN", "CARGO_TARGET_DIR"] {
        command.env_remove(name);
    }
    command
}

fn check_tools() -> Result<()> {
    workspace::quiet(&mut nightly(&["--version"])).context(
        "fuzzing needs a nightly toolchain: install it with `rustup toolchain install nightly`",
    )?;
    workspace::quiet(&mut nightly(&["fuzz", "--version"]))
        .context("fuzzing needs cargo-fuzz: install it with `cargo install cargo-fuzz --locked`")
}

fn chosen(targets: Vec<String>, wanted: Option<&str>) -> Result<Vec<String>> {
    match wanted {
        None => Ok(targets),
        Some(name) if targets.iter().any(|target| target == name) => Ok(vec![name.to_owned()]),
        Some(name) => bail!("no fuzz target `{name}`: use one of {}", targets.join(", ")),
    }
}

/// How many inputs libFuzzer says it ran.
fn executions(said: &str) -> Option<u64> {
    let lines = said.lines().rev();
    lines
        .filter_map(|line| line.strip_prefix("stat::number_of_executed_units:"))
        .find_map(|count| count.trim().parse().ok())
}

/// Where libFuzzer says it put the input that made the target fail.
fn artifact(said: &str) -> Option<PathBuf> {
    let mut lines = said.lines().rev();
    lines.find_map(|line| Some(line.split_once("Test unit written to ")?.1.trim().into()))
}

fn table(runs: &[Run]) -> String {
    let mut lines = vec![format!("{:<14} {:>15}  result", "target", "executions")];
    for run in runs {
        let result = if run.artifact.is_some() { "FOUND" } else { "nothing found" };
        let count = grouped(run.executions);
        lines.push(format!("{:<14} {count:>15}  {result} in {} s", run.target, run.seconds));
    }
    lines.join("\n")
}

/// The number with a comma before every three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn verdict(runs: &[Run]) -> Result<()> {
    let found = |run: &Run| {
        let artifact = run.artifact.as_ref()?.display();
        let target = &run.target;
        Some(format!(
            "{target}: {artifact}\n  again with: cargo +nightly fuzz run {target} {artifact}"
        ))
    };
    let found: Vec<String> = runs.iter().filter_map(found).collect();
    if !found.is_empty() {
        bail!("inputs that fail:\n{}", found.join("\n"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CRASH: &str = "\
==7== ERROR: libFuzzer: deadly signal
artifact_prefix='/f/artifacts/path/'; Test unit written to /f/artifacts/path/crash-0a1b
Base64: YQ==
stat::number_of_executed_units: 41
stat::average_exec_per_sec:     0
";

    #[test]
    fn what_libfuzzer_says_is_read() {
        assert_eq!(executions(CRASH), Some(41));
        assert_eq!(artifact(CRASH), Some("/f/artifacts/path/crash-0a1b".into()));
        let done = "Done 1234 runs in 16 second(s)\nstat::number_of_executed_units: 1234567\n";
        assert_eq!((executions(done), artifact(done)), (Some(1_234_567), None));
        assert_eq!(executions("error: could not compile"), None);
    }

    fn runs() -> Vec<Run> {
        let run = |target: &str, executions, artifact: Option<&str>| Run {
            target: target.into(),
            executions,
            seconds: 600,
            artifact: artifact.map(PathBuf::from),
        };
        vec![run("filter", 1_234_567, None), run("path", 41, Some("/f/crash-0a1b"))]
    }

    #[test]
    fn the_table_counts_executions_by_target() {
        let expect = "\
target              executions  result
filter               1,234,567  nothing found in 600 s
path                        41  FOUND in 600 s";
        assert_eq!(table(&runs()), expect);
        assert_eq!(
            (grouped(0), grouped(999), grouped(1000)),
            ("0".into(), "999".into(), "1,000".into())
        );
    }

    #[test]
    fn a_find_fails_and_says_where_it_is() {
        let (clean, failing) = (runs().into_iter().take(1).collect::<Vec<_>>(), runs());
        assert!(verdict(&clean).is_ok());
        let said = verdict(&failing).unwrap_err().to_string();
        assert!(said.contains("cargo +nightly fuzz run path /f/crash-0a1b"), "{said}");
        assert!(!said.contains("filter"), "{said}");
    }

    #[test]
    fn an_unknown_target_names_the_known() {
        let all = || vec!["filter".to_owned(), "path".to_owned()];
        assert_eq!(chosen(all(), None).unwrap(), all());
        assert_eq!(chosen(all(), Some("path")).unwrap(), ["path"]);
        let error = chosen(all(), Some("nope")).unwrap_err().to_string();
        assert_eq!(error, "no fuzz target `nope`: use one of filter, path");
    }
}
