//! What can be wrong with definitions, documents, filters and paths.

use rollcall_filter::SyntaxError;

use crate::Flaw;

/// A schema or resource type definition that can't be compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DefinitionError {
    /// A resource type names a schema that isn't there.
    #[error("no schema `{urn}`")]
    NoSuchSchema {
        /// The missing URN.
        urn: String,
    },
    /// An extension is for a resource type that isn't there.
    #[error("no resource type `{name}`")]
    NoSuchType {
        /// The missing type.
        name: String,
    },
    /// [`Definitions::check`](crate::Definitions::check) finds these.
    #[error("{}", first(.0))]
    Flawed(Vec<Flaw>),
    /// `indexed` or `derived` names an attribute that isn't there.
    #[error("no attribute `{path}`")]
    NoSuchPath {
        /// The missing path.
        path: String,
    },
    /// An attribute name breaks the grammar of RFC 7643 §2.1.
    #[error("`{path}` is not an attribute name: use a letter, then letters, digits, `-` or `_`")]
    BadName {
        /// The path of the attribute.
        path: String,
    },
    /// Two attributes differ only by case.
    #[error("`{path}` is defined twice")]
    Twice {
        /// The path of the attribute.
        path: String,
    },
    /// A complex attribute inside another (RFC 7643 §2.3.8).
    #[error("`{path}` is complex inside a complex attribute")]
    NestedComplex {
        /// The path of the attribute.
        path: String,
    },
    /// More attributes than ids.
    #[error("more than 65,535 attributes")]
    TooLarge,
}

/// The first of several flaws, and how many there are beside it.
fn first(flaws: &[Flaw]) -> String {
    let first = flaws.first().map(ToString::to_string).unwrap_or_default();
    match flaws.len() {
        0 | 1 => first,
        count => format!("{first}, and {} more", count - 1),
    }
}

/// A body that a resource type can't accept.
///
/// Each variant is one `scimType` of RFC 7644 table 9.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// The body is no message of the expected form: `invalidSyntax`.
    #[error("{0}")]
    Syntax(String),
    /// A value is missing or doesn't fit its attribute: `invalidValue`.
    #[error("{0}")]
    Value(String),
    /// A value may not be written, or not any more: `mutability`.
    #[error("{0}")]
    Mutability(String),
}

/// A filter that a resource type can't answer: `invalidFilter`.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FilterError {
    /// The text is no filter.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// The type doesn't have the attribute, and the profile refuses that.
    #[error("no attribute `{path}` in `{kind}`")]
    Unknown {
        /// The path as written.
        path: String,
        /// The resource type.
        kind: String,
    },
    /// The attribute, the operator and the value don't go together.
    #[error("{0}")]
    Mismatch(String),
}

/// A PATCH that can't be read or applied.
///
/// `at` is the place of the operation in the request, from 0.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PatchError {
    /// The request is no PATCH: `invalidSyntax`.
    #[error("{0}")]
    Syntax(String),
    /// A path is malformed, or leads nowhere where the profile refuses that: `invalidPath`.
    #[error("operation {at}: {detail}")]
    Path {
        /// Which operation.
        at: usize,
        /// What is wrong, and how to mend it.
        detail: String,
    },
    /// The filter inside a path: `invalidFilter`.
    #[error("operation {at}: {source}")]
    Filter {
        /// Which operation.
        at: usize,
        /// What is wrong.
        source: FilterError,
    },
    /// The path points at nothing that could be changed: `noTarget`.
    #[error("operation {at}: {detail}")]
    NoTarget {
        /// Which operation.
        at: usize,
        /// What is wrong, and how to mend it.
        detail: String,
    },
    /// A value doesn't fit, or the outcome as a whole isn't valid.
    #[error("operation {at}: {violation}")]
    Violation {
        /// Which operation; the last one where the outcome as a whole isn't valid.
        at: usize,
        /// What is wrong.
        violation: Violation,
    },
}
