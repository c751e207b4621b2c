//! Work that goes on behind a request, in steps that can be taken up again.

use rollcall_schema::Instant;
use serde::{Deserialize, Serialize};

use crate::{Actor, ConnectionId, JobId, OrganizationId, ResourceId};

/// Work behind a request. Whoever works on it says so by replacing it, step by step.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// Whose it is; nobody's any more once that was erased.
    pub organization: Option<OrganizationId>,
    /// Who asked for it: its changes are theirs.
    pub actor: Actor,
    /// What is to be done.
    pub work: Work,
    /// How far it is.
    pub state: JobState,
    /// When it was asked for.
    pub created: Instant,
    /// When somebody last worked on it.
    pub touched: Instant,
    /// Moves by one with each step, from 0.
    pub revision: u64,
}

/// What a job does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "work")]
pub enum Work {
    /// A connection ends.
    RemoveConnection {
        /// Which.
        connection: ConnectionId,
        /// What becomes of its people.
        #[serde(flatten)]
        people: People,
    },
    /// Everything that an organization has is erased, and then the organization.
    EraseOrganization,
}

/// What becomes of the people of a connection that ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "people")]
pub enum People {
    /// They keep their access, and no IdP speaks for them any more.
    Keep,
    /// Every user is deactivated.
    Deactivate,
    /// Another connection of the organization takes them over as they are.
    HandOver {
        /// Which.
        to: ConnectionId,
    },
}

/// How far a job is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct JobState {
    /// How many resources there were when it began.
    pub total: u64,
    /// How many it has dealt with.
    pub done: u64,
    /// The type that it is at, and the last resource that it dealt with there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<(String, Option<ResourceId>)>,
    /// The types that it is done with.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub behind: Vec<String>,
    /// When it was finished.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished: Option<Instant>,
    /// Why it can't go on until somebody mends that; it is tried again and again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stuck: Option<String>,
}
