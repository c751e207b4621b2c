//! Sees a job through to its end in this process.

use std::time::Duration;

use anyhow::{anyhow, bail};
use rollcall_domain::{Caller, Job};
use tokio::time::Instant;

use super::{place::told, print::print};
use crate::backend::Backend;
use crate::cli::Output;

/// How often it is looked how far a job is.
const LOOK: Duration = Duration::from_millis(250);

/// How long a job may stand still before nobody waits for it any more: longer than it takes until
/// another process takes it up again.
const PATIENCE: Duration = Duration::from_secs(120);

/// Whether a command waits for the end of its job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// It does the work itself.
    ToTheEnd,
    /// A running server does it.
    No,
}

impl Wait {
    pub(super) const fn unless(background: bool) -> Self {
        if background { Self::No } else { Self::ToTheEnd }
    }
}

/// Works on a job until it is finished, tells how far it is, and prints it.
pub(super) async fn see_through(
    backend: &Backend,
    job: Job,
    wait: Wait,
    output: Output,
) -> anyhow::Result<()> {
    if wait == Wait::No {
        let note = "A running server does the work; repeat the command that lists what goes.";
        return print(&job.shown(), output, note);
    }
    let jobs = backend.jobs();
    let finished = finished(backend, job);
    tokio::pin!(finished);
    let job = loop {
        let working = async {
            let worked = jobs.tick().await;
            tokio::time::sleep(LOOK).await;
            worked
        };
        tokio::select! {
            job = &mut finished => break job?,
            worked = working => worked?,
        }
    };
    print(&job.shown(), output, "")
}

/// Waits for the end of a job, whoever works on it.
async fn finished(backend: &Backend, job: Job) -> anyhow::Result<Job> {
    let (admin, mut seen, mut moved) = (backend.admin(), job, Instant::now());
    while moved.elapsed() < PATIENCE {
        let job = told(admin.job(&Caller::CLI, None, seen.id).await)?;
        if job.state.finished.is_some() {
            return Ok(job);
        }
        if let Some(why) = &job.state.stuck {
            bail!("{} can't go on: {why}; it is tried again by a running server", job.id);
        }
        if job.revision != seen.revision {
            moved = Instant::now();
            eprintln!("{} of {} resources", job.state.done, job.state.total);
        }
        seen = job;
        tokio::time::sleep(LOOK).await;
    }
    Err(anyhow!("{} stands still: a running server takes it up again", seen.id))
}
