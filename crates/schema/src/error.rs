//! What can be wrong with definitions, documents, filters and paths.

use std::fmt;

use rollcall_filter::SyntaxError;

use crate::value::shorten;
use crate::{Flaw, pointer};

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

/// What is wrong with a body, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Detail {
    /// The place as a JSON pointer into the body, or, in a [`PatchError`], into the operation;
    /// empty where it is the whole.
    pub pointer: String,
    /// What is wrong, and how to mend it.
    pub message: String,
}

impl Detail {
    /// The same, seen from what holds it under this name or at this place.
    pub(crate) fn inside(mut self, step: &str) -> Self {
        self.pointer = pointer::join("", step) + &self.pointer;
        self
    }
}

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.pointer.is_empty() {
            write!(f, "{}: ", self.pointer)?;
        }
        f.write_str(&self.message)
    }
}

impl From<String> for Detail {
    fn from(message: String) -> Self {
        Self { pointer: String::new(), message }
    }
}

impl From<&str> for Detail {
    fn from(message: &str) -> Self {
        Self::from(message.to_owned())
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
    Syntax(Detail),
    /// A value is missing or doesn't fit its attribute: `invalidValue`.
    #[error("{0}")]
    Value(Detail),
    /// A value may not be written, or not any more: `mutability`.
    #[error("{0}")]
    Mutability(Detail),
}

impl Violation {
    /// The JSON pointer to the place.
    pub fn pointer(&self) -> &str {
        &self.detail().pointer
    }

    /// What is wrong, and where.
    pub const fn detail(&self) -> &Detail {
        match self {
            Self::Syntax(detail) | Self::Value(detail) | Self::Mutability(detail) => detail,
        }
    }

    pub(crate) fn syntax(message: impl Into<Detail>) -> Self {
        Self::Syntax(message.into())
    }

    pub(crate) fn value(message: impl Into<Detail>) -> Self {
        Self::Value(message.into())
    }

    pub(crate) fn mutability(message: impl Into<Detail>) -> Self {
        Self::Mutability(message.into())
    }

    /// The same, seen from what holds it under this name or at this place.
    pub(crate) fn inside(self, step: impl fmt::Display) -> Self {
        let step = shorten(&step.to_string());
        self.map(|detail| detail.inside(&step))
    }

    /// The same, at another place.
    pub(crate) fn at(self, pointer: String) -> Self {
        self.map(|detail| Detail { pointer, ..detail })
    }

    fn map(self, change: impl FnOnce(Detail) -> Detail) -> Self {
        match self {
            Self::Syntax(detail) => Self::Syntax(change(detail)),
            Self::Value(detail) => Self::Value(change(detail)),
            Self::Mutability(detail) => Self::Mutability(change(detail)),
        }
    }
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
/// `at` is the place of the operation in the request, from 0; shown, each begins with a JSON
/// pointer such as `/Operations/2/value/emails/0`.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PatchError {
    /// The request is no PATCH: `invalidSyntax`. The pointer leads into the request.
    #[error("{0}")]
    Syntax(Detail),
    /// A path is malformed, or leads nowhere where the profile refuses that: `invalidPath`.
    #[error("/Operations/{at}{}: {}", .detail.pointer, .detail.message)]
    Path {
        /// Which operation.
        at: usize,
        /// What is wrong, and how to mend it.
        detail: Detail,
    },
    /// The filter inside a path: `invalidFilter`.
    #[error("/Operations/{at}: {source}")]
    Filter {
        /// Which operation.
        at: usize,
        /// What is wrong.
        source: FilterError,
    },
    /// The path points at nothing that could be changed: `noTarget`.
    #[error("/Operations/{at}{}: {}", .detail.pointer, .detail.message)]
    NoTarget {
        /// Which operation.
        at: usize,
        /// What is wrong, and how to mend it.
        detail: Detail,
    },
    /// A value doesn't fit, or the outcome as a whole isn't valid.
    #[error("/Operations/{at}{}: {}", .violation.pointer(), .violation.detail().message)]
    Violation {
        /// Which operation; the last one where the outcome as a whole isn't valid.
        at: usize,
        /// What is wrong.
        violation: Violation,
    },
}

impl PatchError {
    /// The JSON pointer to the place in the request.
    pub fn pointer(&self) -> String {
        match self {
            Self::Syntax(detail) => detail.pointer.clone(),
            Self::Filter { at, .. } => format!("/Operations/{at}"),
            Self::Path { at, detail } | Self::NoTarget { at, detail } => {
                format!("/Operations/{at}{}", detail.pointer)
            }
            Self::Violation { at, violation } => {
                format!("/Operations/{at}{}", violation.pointer())
            }
        }
    }
}
