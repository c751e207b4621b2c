//! What goes wrong inside one operation, before its place is known.

use crate::resource_type::AttrDef;
use crate::{FilterError, PatchError, Violation};

#[derive(Debug)]
pub(super) enum Fault {
    Syntax(String),
    Path(String),
    Filter(FilterError),
    NoTarget(String),
    Violation(Violation),
}

impl Fault {
    pub(super) fn at(self, at: usize) -> PatchError {
        match self {
            Self::Syntax(detail) => PatchError::Syntax(format!("operation {at}: {detail}")),
            Self::Path(detail) => PatchError::Path { at, detail },
            Self::Filter(source) => PatchError::Filter { at, source },
            Self::NoTarget(detail) => PatchError::NoTarget { at, detail },
            Self::Violation(violation) => PatchError::Violation { at, violation },
        }
    }

    pub(super) fn value(detail: impl Into<String>) -> Self {
        Self::Violation(Violation::Value(detail.into()))
    }

    pub(super) fn mutability(detail: impl Into<String>) -> Self {
        Self::Violation(Violation::Mutability(detail.into()))
    }

    pub(super) fn read_only(def: &AttrDef) -> Self {
        Self::mutability(format!("`{}` is read-only", def.path))
    }

    pub(super) fn required(def: &AttrDef) -> Self {
        Self::mutability(format!("`{}` is required and can't be removed", def.path))
    }

    pub(super) fn immutable(def: &AttrDef) -> Self {
        Self::mutability(format!("`{}` can't be changed once it is set", def.path))
    }
}

impl From<Violation> for Fault {
    fn from(violation: Violation) -> Self {
        Self::Violation(violation)
    }
}

impl From<FilterError> for Fault {
    fn from(source: FilterError) -> Self {
        Self::Filter(source)
    }
}
