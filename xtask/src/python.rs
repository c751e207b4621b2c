//! Packages from PyPI, installed into a directory of their own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::workspace::{self, Workspace};

/// Packages in a directory, and the interpreter that can use them.
#[derive(Debug)]
pub(crate) struct Site {
    python: PathBuf,
    pub(crate) dir: PathBuf,
}

impl Site {
    /// Installs `requirements` into `dir`, unless they are there already.
    ///
    /// `--target` is also allowed where the system's own environment is externally managed.
    pub(crate) fn install(
        workspace: &Workspace,
        dir: &Path,
        requirements: &[&str],
    ) -> Result<Self> {
        let interpreter = interpreter()?;
        let stamp = dir.join("installed.txt");
        let wanted = format!("{}\n{}", interpreter.version, requirements.join("\n"));
        let site = Self { python: interpreter.program.clone(), dir: dir.to_path_buf() };
        if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
            return Ok(site);
        }
        let pip = with_pip(workspace, &interpreter.program)?;
        workspace::patiently(&workspace::PAUSES, || fetch(&pip, dir, requirements))?;
        fs::write(&stamp, wanted).with_context(|| format!("writing {}", stamp.display()))?;
        Ok(site)
    }

    /// The interpreter, seeing the installed packages before any other.
    pub(crate) fn python(&self) -> Command {
        let mut command = Command::new(&self.python);
        command.env("PYTHONPATH", &self.dir).env("PYTHONNOUSERSITE", "1");
        command
    }
}

/// Installs into `dir` anew: what a failed attempt left there would be in the way.
fn fetch(pip: &Path, dir: &Path, requirements: &[&str]) -> Result<()> {
    if dir.exists() {
        fs::remove_dir_all(dir).with_context(|| format!("removing {}", dir.display()))?;
    }
    let mut command = Command::new(pip);
    command.args(["-m", "pip", "install", "--quiet", "--no-input", "--timeout", "60"]);
    command.args(["--disable-pip-version-check", "--only-binary=:all:", "--target"]);
    command.arg(dir).args(requirements).env("PIP_ROOT_USER_ACTION", "ignore");
    workspace::quiet(&mut command)
}

struct Interpreter {
    program: PathBuf,
    version: String,
}

fn interpreter() -> Result<Interpreter> {
    let ask = "import sys; print(sys.executable); print(sys.version)";
    let mut reasons = Vec::new();
    for name in ["python3", "python"] {
        let said = match Command::new(name).args(["-c", ask]).output() {
            Ok(done) if done.status.success() => String::from_utf8_lossy(&done.stdout).into_owned(),
            Ok(done) => {
                reasons.push(format!("`{name}`: {}", done.status));
                continue;
            }
            Err(error) => {
                reasons.push(format!("`{name}`: {error}"));
                continue;
            }
        };
        if let Some((program, version)) = said.split_once('\n') {
            return Ok(Interpreter { program: program.into(), version: version.trim().to_owned() });
        }
    }
    bail!("no Python: {}", reasons.join("; "))
}

/// An interpreter of the same version that has pip: the given one, or that of a fresh venv.
fn with_pip(workspace: &Workspace, python: &Path) -> Result<PathBuf> {
    let has_pip = |program: &Path| {
        workspace::quiet(Command::new(program).args(["-m", "pip", "--version"])).is_ok()
    };
    if has_pip(python) {
        return Ok(python.to_path_buf());
    }
    let venv = workspace.target.join("pip-venv");
    let inner = venv.join("bin").join("python");
    if !has_pip(&inner) {
        workspace::quiet(Command::new(python).args(["-m", "venv", "--clear"]).arg(&venv))
            .context("this Python has neither pip nor venv")?;
    }
    Ok(inner)
}
