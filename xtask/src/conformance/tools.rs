//! The tools from PyPI, and how they are run.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::findings::Findings;
use crate::python::Site;
use crate::workspace::{self, Workspace};

const REQUIREMENTS: &str = include_str!("requirements.txt");
const SCRIPT: &str = include_str!("run_tools.py");

/// The tools, installed.
#[derive(Debug)]
pub(super) struct Tools {
    site: Site,
    dir: PathBuf,
}

impl Tools {
    pub(super) fn install(workspace: &Workspace) -> Result<Self> {
        let dir = workspace.target.join("conformance");
        let requirements: Vec<&str> = REQUIREMENTS.lines().collect();
        let site = Site::install(workspace, &dir.join("site"), &requirements)?;
        Ok(Self { site, dir })
    }

    /// Runs them against the SCIM base URL `url`, and against an OpenAPI document.
    pub(super) fn run(&self, url: &str, token: &str, openapi: Option<&str>) -> Result<Findings> {
        let (script, results) = (self.dir.join("run_tools.py"), self.dir.join("results.json"));
        fs::write(&script, SCRIPT).with_context(|| format!("writing {}", script.display()))?;
        let mut python = self.site.python();
        python.arg(&script).arg(&results).env("SCIM_URL", url).env("SCIM_TOKEN", token);
        if let Some(openapi) = openapi {
            python.env("OPENAPI_URL", openapi);
        }
        workspace::quiet(&mut python)?;
        let text = fs::read_to_string(&results).context("reading the tools' results")?;
        Findings::parse(&text)
    }
}
