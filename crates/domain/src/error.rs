//! Why a service did not do what it was asked.

use rollcall_schema::{FilterError, PatchError, ResourceType, Violation};

use crate::sieve::BUDGET;
use crate::{CommitError, FindError, Unavailable};

/// The outcome of a directory operation that did not succeed. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such resource, or not any more.
    #[error("no {kind} `{id}`")]
    NotFound {
        /// The resource type.
        kind: String,
        /// The id as it was sent.
        id: String,
    },
    /// The body doesn't fit the resource type.
    #[error(transparent)]
    Violation(#[from] Violation),
    /// The filter can't be answered.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// The PATCH can't be read or applied.
    #[error(transparent)]
    Patch(#[from] PatchError),
    /// A unique value is in use.
    #[error("the value of `{attr}` is in use by another {kind} of this connection{hint}")]
    Taken {
        /// The path of the attribute.
        attr: String,
        /// The resource type.
        kind: String,
        /// What can be done about it: empty, or a clause with its own separator.
        hint: &'static str,
    },
    /// References to what is no resource of this connection, or of a type that the attribute
    /// doesn't refer to (RFC 7643 §7, `referenceTypes`).
    #[error("`{attr}` names what is no {} of this connection: {}", either(.kinds), few(.ids))]
    UnknownMembers {
        /// The path of the attribute.
        attr: String,
        /// The ids as they were sent.
        ids: Vec<String>,
        /// The names of the types that it refers to.
        kinds: Vec<String>,
    },
    /// The credential doesn't open this (R-ME-02).
    #[error("this credential may read and change its own user, and nothing else")]
    Forbidden,
    /// The credential has not the scope for this (R-AUTH-06).
    #[error("this credential has not the scope that the request needs: `{needed}`")]
    Scope {
        /// The scope.
        needed: &'static str,
    },
    /// The connection is being set up.
    #[error("the connection is a draft: it can be read, and written once its status is `active`")]
    Draft,
    /// A user may not change this of itself (R-ME-03).
    #[error("`{attr}` is not for users to change themselves")]
    NotSelfService {
        /// The path of the attribute.
        attr: String,
    },
    /// The credential was that of a resource which is gone.
    #[error("the user that the token belongs to is gone")]
    Ended,
    /// The resource is not at the version that the client insists on.
    #[error("the resource has changed: read it again and repeat the request with its new version")]
    PreconditionFailed,
    /// The filter makes the store look at more resources than it may.
    #[error(
        "the search looks at more than {BUDGET} resources, at too much in them, or at a page that \
         begins behind too many: add a condition on `userName`, `externalId`, `displayName`, \
         `emails.value` or `id`, or walk by `cursor`"
    )]
    TooMany,
    /// The cursor is none of this walk (RFC 9865 §2.1).
    #[error(
        "the cursor is none that this search gave out: repeat every parameter as it was on the \
         first page, or begin again with an empty `cursor`"
    )]
    InvalidCursor,
    /// The cursor is too old.
    #[error("the cursor is too old: begin again with an empty `cursor`")]
    ExpiredCursor,
    /// The count is not the one that the walk began with.
    #[error(
        "`count` is not as it was on the first page: repeat it, or begin again with an empty \
         `cursor`"
    )]
    InvalidCount,
    /// Others kept changing the resource at the same moment.
    #[error("the resource is being changed by others: repeat the request")]
    Busy,
    /// The store failed.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl From<FindError> for Error {
    fn from(error: FindError) -> Self {
        match error {
            FindError::TooMany => Self::TooMany,
            FindError::Unavailable(source) => source.into(),
        }
    }
}

/// How a failed commit is told to whoever asked for it.
pub(crate) fn refused(error: CommitError, ty: &ResourceType, id: &str) -> Error {
    let kind = ty.name();
    match error {
        CommitError::Stale => Error::Busy,
        CommitError::Gone => Error::NotFound { kind: kind.into(), id: id.into() },
        CommitError::Taken { attr } => Error::Taken { attr, kind: kind.into(), hint: "" },
        CommitError::UnknownMembers(ids) => {
            unknown_members(ty, ids.iter().map(ToString::to_string).collect())
        }
        closed @ CommitError::Closed => Unavailable::new(closed).into(),
        CommitError::Unavailable(source) => source.into(),
    }
}

/// What a relation can't hold.
pub(crate) fn unknown_members(ty: &ResourceType, ids: Vec<String>) -> Error {
    let attr = ty.relation().map_or("", |def| &def.path).into();
    let kinds = ty.relation_kinds().iter().map(ToString::to_string).collect();
    Error::UnknownMembers { attr, ids, kinds }
}

/// One of some types.
fn either(kinds: &[String]) -> String {
    let kinds: Vec<_> = kinds.iter().map(|kind| format!("`{kind}`")).collect();
    match kinds.split_last() {
        None => "resource".into(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}

/// The first few ids, and how many more there are.
fn few(ids: &[String]) -> String {
    const SHOWN: usize = 10;
    let shown = ids.iter().take(SHOWN).map(|id| {
        let id: String = id.chars().take(64).collect();
        format!("`{id}`")
    });
    let shown = shown.collect::<Vec<_>>().join(", ");
    match ids.len().checked_sub(SHOWN) {
        None | Some(0) => shown,
        Some(more) => format!("{shown} and {more} more"),
    }
}
