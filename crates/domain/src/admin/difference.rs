//! What another catalog means for the indexes and the resources that there are.

use std::collections::BTreeMap;
use std::sync::Arc;

use rollcall_schema::{
    AttrDef, AttrId, Catalog, Extension, ResourceType, Storage, Type, Uniqueness,
};

/// Since which revision indexes exist, as [`Setup::since`](crate::Setup::since) keeps it.
type Since = BTreeMap<String, BTreeMap<String, u64>>;

/// Two catalogs compared.
#[derive(Debug)]
pub(super) struct Difference {
    /// Types that go.
    pub(super) types: Vec<Arc<ResourceType>>,
    /// Attributes that go from types that stay, as those were.
    pub(super) attributes: Vec<(Arc<ResourceType>, Vec<AttrId>)>,
    /// Attributes that become unique and were there before, by the types as they will be.
    pub(super) unique: Vec<(Arc<ResourceType>, Vec<AttrId>)>,
    /// Types that stay and gain an extension that every resource must carry, with its URN.
    pub(super) demanding: Vec<(Arc<ResourceType>, String)>,
    /// Each index of each type as it will be, and whether its keys are those of before.
    indexes: BTreeMap<String, BTreeMap<String, Keys>>,
}

/// What becomes of the keys of an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keys {
    Same,
    Other,
}

impl Difference {
    pub(super) fn between(before: &Catalog, after: &Catalog) -> Self {
        let gone = |ty: &&Arc<ResourceType>| after.ty(ty.name()).is_none();
        let mut difference = Self {
            types: before.types().iter().filter(gone).cloned().collect(),
            attributes: Vec::new(),
            unique: Vec::new(),
            demanding: Vec::new(),
            indexes: BTreeMap::new(),
        };
        for new in after.types() {
            let old = before.ty(new.name());
            let keys = |def| match old.is_some_and(|old| same_keys(old, new, def)) {
                true => Keys::Same,
                false => Keys::Other,
            };
            let indexes = indexed(new).map(|def| (String::from(&*def.path), keys(def))).collect();
            difference.indexes.insert(new.name().into(), indexes);
            if let Some(old) = old {
                let lost = old.attrs().iter().filter(|def| is_lost(old, new, def));
                difference.attributes.push((Arc::clone(old), lost.map(|def| def.id).collect()));
                let unique = indexed(new).filter(|def| becomes_unique(old, new, def));
                difference.unique.push((Arc::clone(new), unique.map(|def| def.id).collect()));
                let demanded = demanded(old, new).map(|urn| (Arc::clone(new), urn));
                difference.demanding.extend(demanded);
            }
        }
        difference.attributes.retain(|(_, attrs)| !attrs.is_empty());
        difference.unique.retain(|(_, attrs)| !attrs.is_empty());
        difference
    }

    /// Since which revision each index exists, from how it was and the revision that brings the
    /// difference.
    ///
    /// An index whose keys change begins anew, and so does one that wasn't there: of its attribute
    /// no resource has a value, but requests that were admitted under the former definitions go on
    /// for a moment, and what they replace loses values that they don't know. An index that goes
    /// leaves its rows behind: nobody asks it, and it begins anew when it is back.
    pub(super) fn since(&self, before: &Since, revision: u64) -> Since {
        let mut since = Since::new();
        for (kind, indexes) in &self.indexes {
            let old = before.get(kind);
            let of = indexes.iter().filter_map(|(path, keys)| match keys {
                Keys::Other => Some((path.clone(), revision)),
                Keys::Same => Some((path.clone(), *old?.get(path)?)),
            });
            let of: BTreeMap<_, _> = of.collect();
            if !of.is_empty() {
                since.insert(kind.clone(), of);
            }
        }
        since
    }
}

/// The attributes that have rows in the index.
pub(crate) fn indexed(ty: &ResourceType) -> impl Iterator<Item = &AttrDef> {
    ty.indexed().filter(|def| def.kind != Type::Complex)
}

/// Whether both definitions make the same keys of every value.
fn same_keys(old: &ResourceType, new: &ResourceType, def: &AttrDef) -> bool {
    let Ok(id) = old.by_path(&def.path) else { return false };
    let before = old.attr(id);
    let is_indexed = before.indexed && before.storage == Storage::Document;
    let unique = |def: &AttrDef| def.uniqueness != Uniqueness::None;
    let whole = |ty: &ResourceType, def: &AttrDef| {
        def.parent.map(|parent| (ty.attr(parent).kind, ty.attr(parent).multi_valued))
    };
    is_indexed
        && unique(before) == unique(def)
        && (before.kind, before.multi_valued, before.case_exact)
            == (def.kind, def.multi_valued, def.case_exact)
        && whole(old, before) == whole(new, def)
}

fn becomes_unique(old: &ResourceType, new: &ResourceType, def: &AttrDef) -> bool {
    let was_there = old.by_path(&def.path).is_ok();
    def.uniqueness != Uniqueness::None && was_there && !same_keys(old, new, def)
}

/// The extensions that no resource of the type has, and that each would need.
fn demanded(old: &ResourceType, new: &ResourceType) -> impl Iterator<Item = String> {
    let had = |urn: &str| old.extension_by_urn(urn).is_some();
    let demands = |extension: &&Extension| {
        extension.required && extension.attrs.iter().any(|id| new.attr(*id).required)
    };
    let demanding = new.extensions().iter().filter(demands);
    demanding.filter(move |new| !had(&new.urn)).map(|new| new.urn.to_string())
}

/// Whether values of an attribute would have no place any more. The parts of a lost one go with it.
fn is_lost(old: &ResourceType, new: &ResourceType, def: &AttrDef) -> bool {
    let lost = |def: &AttrDef| new.by_path(&def.path).is_err();
    let kept = matches!(def.storage, Storage::Document | Storage::Relation);
    kept && lost(def) && !def.parent.is_some_and(|parent| lost(old.attr(parent)))
}
