//! Why an operator did not get what they asked for.

use rollcall_schema::{DefinitionError, Fault, RemoveError};
use serde_json::Value;

use super::consequences::Obstacle;
use super::{BadSetup, Carried, Duplicates, Lacking};
use crate::{NoSuchScope, Unavailable, WeakSecret};

/// Why something was not done. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdminError {
    /// There is no such thing, or not for this caller.
    #[error("no {kind} `{id}`")]
    NotFound {
        /// What was asked for: `organization`, `connection`, `token`, `admin key`, `job`.
        kind: &'static str,
        /// As it was named.
        id: String,
    },
    /// The caller may not do that.
    #[error("{0}")]
    Forbidden(String),
    /// What was sent can't be.
    #[error("{0}")]
    Bad(String),
    /// Something else stands in the way.
    #[error("{0}")]
    Conflict(String),
    /// It is not at the revision that the caller insists on.
    #[error("it has changed: read it again and repeat the request with its new `ETag`")]
    Stale,
    /// The connection can't be set up so.
    #[error(transparent)]
    Configure(#[from] ConfigureError),
    /// A token from outside is too easy to guess.
    #[error(transparent)]
    Weak(#[from] WeakSecret),
    /// A name that no scope has.
    #[error(transparent)]
    Scope(#[from] NoSuchScope),
    /// The request was made before: this was its answer.
    #[error("the request was made before")]
    Repeated(Value),
    /// Another request was named so.
    #[error("another request had this `Idempotency-Key`: give each request one of its own")]
    KeyReused,
    /// Others kept changing the same at the same moment.
    #[error("others are changing the same: repeat the request")]
    Busy,
    /// The machine gives no randomness.
    #[error("the machine gives no random bytes: {0}")]
    Randomness(#[from] getrandom::Error),
    /// Everything else.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why a connection was not set up. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigureError {
    /// A switch, a capability or a limit.
    #[error(transparent)]
    Setup(#[from] BadSetup),
    /// A text that holds no definitions, or none that could be added.
    #[error("{}", lines(.0))]
    Text(Vec<Fault>),
    /// Definitions that can't be removed.
    #[error(transparent)]
    Remove(#[from] RemoveError),
    /// Definitions that don't fit together.
    #[error(transparent)]
    Compile(#[from] DefinitionError),
    /// What would go is in use.
    #[error(transparent)]
    Carried(#[from] Carried),
    /// What would be unique is not.
    #[error(transparent)]
    Duplicates(#[from] Duplicates),
    /// What would be required is missing.
    #[error(transparent)]
    Lacking(#[from] Lacking),
}

impl AdminError {
    #[expect(clippy::needless_pass_by_value, reason = "ids are copied")]
    pub(super) fn missing(kind: &'static str, id: impl ToString) -> Self {
        Self::NotFound { kind, id: id.to_string().chars().take(80).collect() }
    }
}

impl From<BadSetup> for AdminError {
    fn from(error: BadSetup) -> Self {
        ConfigureError::from(error).into()
    }
}

impl From<Obstacle> for AdminError {
    fn from(obstacle: Obstacle) -> Self {
        match obstacle {
            Obstacle::Carried(carried) => ConfigureError::from(carried).into(),
            Obstacle::Duplicates(found) => ConfigureError::from(found).into(),
            Obstacle::Lacking(lacking) => ConfigureError::from(lacking).into(),
            Obstacle::Unavailable(source) => source.into(),
        }
    }
}

/// Each on a line of its own.
fn lines(faults: &[Fault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
