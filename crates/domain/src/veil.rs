//! What the names of resources show through references to them, which takes the scope to read them.

use rollcall_schema::{AttrDef, AttrRef, ResourceType, Storage};

use crate::{Access, Context, Error, Found, Scopes};

impl Context {
    /// Hides what resources are called that may not be read; their ids and types may be known, as
    /// what points at them is (R-AUTH-05).
    pub(crate) fn veil(&self, found: &mut Found) {
        for link in &mut found.links {
            self.veil_name(&link.kind, &mut link.display);
        }
        for incoming in &mut found.incoming {
            self.veil_name(&incoming.kind, &mut incoming.display);
        }
    }

    /// Hides what a resource of this type is called, unless it may be read.
    pub(crate) fn veil_name(&self, kind: &str, name: &mut Option<String>) {
        if !self.scopes().open_kind(kind, Access::Read) {
            *name = None;
        }
    }

    /// Whether an attribute may be searched for: a name can be guessed by its matches.
    ///
    /// # Errors
    /// [`Error::Scope`] where it is the name of resources that may not be read.
    pub(crate) fn may_ask_for(&self, ty: &ResourceType, at: AttrRef) -> Result<(), Error> {
        if at.sub.is_none() || at.sub != ty.sub(at.attr, "display") {
            return Ok(());
        }
        let closed = |kind: &&str| !self.scopes().open_kind(kind, Access::Read);
        match referred(ty, ty.attr(at.attr)).into_iter().find(closed) {
            Some(kind) => Err(Error::Scope { needed: Scopes::needed_kind(kind, Access::Read) }),
            None => Ok(()),
        }
    }
}

/// The types of the resources whose names an attribute shows. One that may point anywhere is as
/// one of another type than users and groups.
fn referred<'t>(ty: &'t ResourceType, def: &'t AttrDef) -> Vec<&'t str> {
    match (def.storage, &def.derivation) {
        (Storage::Derived, Some(derivation)) => vec![&derivation.of],
        (Storage::Relation, _) => {
            let to = ty.sub(def.id, "$ref").map(|id| &ty.attr(id).reference_types);
            let kinds: Vec<&str> = to.into_iter().flatten().map(|kind| &**kind).collect();
            if kinds.is_empty() { vec!["*"] } else { kinds }
        }
        _ => Vec::new(),
    }
}
