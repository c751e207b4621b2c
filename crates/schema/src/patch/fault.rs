//! What goes wrong inside one operation, before its place is known.

use super::envelope::Verb;
use crate::resource_type::AttrDef;
use crate::{Detail, FilterError, PatchError, Violation};

#[derive(Debug)]
pub(super) enum Fault {
    Syntax(Detail),
    Path(Detail),
    Filter(FilterError),
    NoTarget(Detail),
    Violation(Violation),
}

impl Fault {
    pub(super) fn at(self, at: usize) -> PatchError {
        match self {
            Self::Syntax(detail) => {
                PatchError::Syntax(detail.inside(&at.to_string()).inside("Operations"))
            }
            Self::Path(detail) => PatchError::Path { at, detail },
            Self::Filter(source) => PatchError::Filter { at, source },
            Self::NoTarget(detail) => PatchError::NoTarget { at, detail },
            Self::Violation(violation) => PatchError::Violation { at, violation },
        }
    }

    /// The same, seen from what holds it under this name.
    pub(super) fn inside(self, step: &str) -> Self {
        match self {
            Self::Syntax(detail) => Self::Syntax(detail.inside(step)),
            Self::Path(detail) => Self::Path(detail.inside(step)),
            Self::NoTarget(detail) => Self::NoTarget(detail.inside(step)),
            Self::Violation(violation) => Self::Violation(violation.inside(step)),
            Self::Filter(source) => Self::Filter(source),
        }
    }

    /// The same, in an operation whose path names the target.
    pub(super) fn by_path(self, verb: Verb, has_value: bool) -> Self {
        let of_the_path = match &self {
            Self::Path(_) | Self::NoTarget(_) | Self::Filter(_) | Self::Syntax(_) => true,
            Self::Violation(Violation::Mutability(detail)) => detail.pointer.is_empty(),
            Self::Violation(_) => false,
        };
        match of_the_path || (verb == Verb::Remove && !has_value) {
            true => self.inside("path"),
            false => self.inside("value"),
        }
    }

    pub(super) fn path(detail: impl Into<Detail>) -> Self {
        Self::Path(detail.into())
    }

    pub(super) fn value(detail: impl Into<Detail>) -> Self {
        Self::Violation(Violation::value(detail))
    }

    pub(super) fn mutability(detail: impl Into<Detail>) -> Self {
        Self::Violation(Violation::mutability(detail))
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
