//! A child process that ends when we do, however we end.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context, Result};

/// The watcher: its standard input closes when our process is gone, also after Ctrl-C or SIGKILL.
const WATCHER: &str = r#"
trap '' HUP INT TERM
read -r _
kill -s "$1" "$2" 2>/dev/null
n=0
while kill -0 "$2" 2>/dev/null && [ "$n" -lt 600 ]; do sleep 0.1; n=$((n + 1)); done
kill -s KILL "$2" 2>/dev/null
if [ -n "$3" ]; then rm -rf "$3"; fi
"#;

/// A running process with a watcher that stops it and removes its directory.
#[derive(Debug)]
pub(crate) struct Leashed {
    child: Child,
    watcher: Child,
}

impl Leashed {
    /// Starts `command`; at the end it gets `signal`, and `scratch` is removed.
    pub(crate) fn start(command: &mut Command, signal: &str, scratch: &Path) -> Result<Self> {
        let mut child = command
            .process_group(0)
            .stdin(Stdio::null())
            .spawn()
            .with_context(|| format!("starting {}", command.get_program().to_string_lossy()))?;
        match watch(child.id(), signal, scratch) {
            Ok(watcher) => Ok(Self { child, watcher }),
            Err(error) => {
                child.kill()?;
                child.wait()?;
                Err(error).context("starting the watcher")
            }
        }
    }

    /// How the process ended, if it has.
    pub(crate) fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Asks the process to stop, waits for it and tells how it ended.
    pub(crate) fn stop(mut self) -> io::Result<ExitStatus> {
        self.release()
    }

    fn release(&mut self) -> io::Result<ExitStatus> {
        drop(self.watcher.stdin.take());
        let status = self.child.wait()?;
        self.watcher.wait()?;
        Ok(status)
    }
}

impl Drop for Leashed {
    fn drop(&mut self) {
        if let Err(error) = self.release() {
            eprintln!("stopping process {}: {error}", self.child.id());
        }
    }
}

fn watch(pid: u32, signal: &str, scratch: &Path) -> io::Result<Child> {
    Command::new("sh")
        .args(["-c", WATCHER, "watcher", signal, &pid.to_string()])
        .arg(scratch)
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn the_process_stops_and_its_directory_goes() {
        let scratch = std::env::temp_dir().join(format!("xtask-leash-{}", std::process::id()));
        fs::create_dir(&scratch).unwrap();
        let started = Instant::now();
        let mut sleeper =
            Leashed::start(Command::new("sleep").arg("600"), "TERM", &scratch).unwrap();
        assert!(sleeper.ended().unwrap().is_none());
        assert!(!sleeper.stop().unwrap().success());
        assert!(started.elapsed() < Duration::from_secs(120));
        assert!(!scratch.exists());
    }
}
