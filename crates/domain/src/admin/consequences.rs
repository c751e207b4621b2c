//! Whether the resources that there are allow a setup.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use rollcall_schema::{AttrDef, AttrId, Document, ResourceType, Storage};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::difference::Difference;
use super::pages::{Pages, count};
use crate::{Reader, Record, ResourceId, Unavailable};

/// How many ids an error shows.
const SHOWN: usize = 20;

/// Resources use what would go.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{count} of the type `{kind}` {}: delete them first, or what they hold of it", what(.attr))]
pub struct Carried {
    /// Their type.
    pub kind: String,
    /// The attribute that they have values of; `None` where the whole type would go.
    pub attr: Option<String>,
    /// How many there are.
    pub count: u64,
}

/// Resources share values that would be unique.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{attr}` can't be unique: {count} of the type `{kind}` have a value of it that another has \
     too, so change them first: {}",
    shown(.holders, *.count)
)]
pub struct Duplicates {
    /// Their type.
    pub kind: String,
    /// The attribute.
    pub attr: String,
    /// The first of them, in the order in which they were met.
    pub holders: Vec<ResourceId>,
    /// How many there are: who shares two values counts twice.
    pub count: u64,
}

/// Resources lack an extension that they would need.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{urn}` can't be required: {count} of the type `{kind}` are there without it, so add it with \
     `required` false"
)]
pub struct Lacking {
    /// Their type.
    pub kind: String,
    /// The extension.
    pub urn: String,
    /// How many there are.
    pub count: u64,
}

/// What stands in the way.
#[derive(Debug)]
pub(super) enum Obstacle {
    Carried(Carried),
    Duplicates(Duplicates),
    Lacking(Lacking),
    Unavailable(Unavailable),
}

impl From<Unavailable> for Obstacle {
    fn from(source: Unavailable) -> Self {
        Self::Unavailable(source)
    }
}

/// Looks at every resource of the types that lose attributes or gain unique ones or
/// extensions that they must carry.
///
/// What is written meanwhile isn't seen: it is found when the index is built.
pub(super) async fn check(reader: &dyn Reader, difference: &Difference) -> Result<(), Obstacle> {
    for ty in &difference.types {
        none_left(reader, ty).await?;
    }
    for (ty, attrs) in &difference.attributes {
        no_values(reader, ty, attrs).await?;
    }
    for (ty, attrs) in &difference.unique {
        no_duplicates(reader, ty, attrs).await?;
    }
    for (ty, urn) in &difference.demanding {
        let (kind, urn, count) = (ty.name().into(), urn.clone(), count(reader, ty).await?);
        if count > 0 {
            return Err(Obstacle::Lacking(Lacking { kind, urn, count }));
        }
    }
    Ok(())
}

async fn none_left(reader: &dyn Reader, ty: &ResourceType) -> Result<(), Obstacle> {
    match count(reader, ty).await? {
        0 => Ok(()),
        count => Err(Obstacle::Carried(Carried { kind: ty.name().into(), attr: None, count })),
    }
}

async fn no_values(
    reader: &dyn Reader,
    ty: &ResourceType,
    attrs: &[AttrId],
) -> Result<(), Obstacle> {
    let mut counts: Vec<(&AttrDef, u64)> = attrs.iter().map(|id| (ty.attr(*id), 0)).collect();
    walk(reader, ty, |record, document| {
        for (def, count) in &mut counts {
            *count += u64::from(carries(ty, record, document, def));
        }
    })
    .await?;
    match counts.into_iter().find(|(_, count)| *count > 0) {
        None => Ok(()),
        Some((def, count)) => {
            let attr = Some(def.path.to_string());
            Err(Obstacle::Carried(Carried { kind: ty.name().into(), attr, count }))
        }
    }
}

async fn no_duplicates(
    reader: &dyn Reader,
    ty: &ResourceType,
    attrs: &[AttrId],
) -> Result<(), Obstacle> {
    let mut held: Vec<(AttrId, Holders)> =
        attrs.iter().map(|id| (*id, Holders::default())).collect();
    walk(reader, ty, |record, document| {
        for key in ty.index_keys(document).into_iter().filter(|key| key.unique) {
            if let Some((_, holders)) = held.iter_mut().find(|(id, _)| *id == key.attr) {
                holders.see(&key.key, record.id);
            }
        }
    })
    .await?;
    match held.into_iter().find(|(_, holders)| holders.count > 0) {
        None => Ok(()),
        Some((id, Holders { shown: holders, count, .. })) => {
            let (kind, attr) = (ty.name().into(), ty.attr(id).path.to_string());
            Err(Obstacle::Duplicates(Duplicates { kind, attr, holders, count }))
        }
    }
}

/// Who has which value: 32 bytes each, however long the values are.
#[derive(Default)]
struct Holders {
    first: HashMap<u128, Holder>,
    shown: Vec<ResourceId>,
    count: u64,
}

#[derive(Clone, Copy)]
enum Holder {
    Alone(ResourceId),
    OneOfMany,
}

impl Holders {
    fn see(&mut self, value: &str, id: ResourceId) {
        match self.first.entry(digest(value)) {
            Entry::Vacant(unseen) => {
                unseen.insert(Holder::Alone(id));
            }
            Entry::Occupied(mut seen) => {
                if let Holder::Alone(first) = seen.insert(Holder::OneOfMany) {
                    self.count(first);
                }
                self.count(id);
            }
        }
    }

    fn count(&mut self, id: ResourceId) {
        self.count += 1;
        if self.shown.len() < SHOWN && !self.shown.contains(&id) {
            self.shown.push(id);
        }
    }
}

/// Half of a SHA-256: nobody finds two values that share it.
pub(super) fn digest(value: &str) -> u128 {
    let digest: [u8; 32] = Sha256::digest(value.as_bytes()).into();
    digest.iter().take(16).fold(0, |all, byte| (all << 8) | u128::from(*byte))
}

/// Shows every resource of a type to `see`.
async fn walk(
    reader: &dyn Reader,
    ty: &ResourceType,
    mut see: impl FnMut(&Record, &Document) + Send,
) -> Result<(), Unavailable> {
    let mut pages = Pages::of(reader, ty);
    while let Some(page) = pages.next().await? {
        page.iter().for_each(|(record, document)| see(record, document));
    }
    Ok(())
}

fn carries(ty: &ResourceType, record: &Record, document: &Document, def: &AttrDef) -> bool {
    if def.storage == Storage::Relation {
        return record.links > 0;
    }
    let body = document.body();
    let within = match def.extension {
        None => Some(body),
        Some(id) => body.get(&*ty.extension(id).urn).and_then(Value::as_object),
    };
    let Some(parent) = def.parent else {
        return within.is_some_and(|within| within.contains_key(&*def.name));
    };
    match within.and_then(|within| within.get(&*ty.attr(parent).name)) {
        Some(Value::Array(elements)) => elements.iter().any(|one| one.get(&*def.name).is_some()),
        Some(value) => value.get(&*def.name).is_some(),
        None => false,
    }
}

fn what(attr: &Option<String>) -> String {
    match attr {
        Some(attr) => format!("have a value of `{attr}`"),
        None => "are left".into(),
    }
}

fn shown(holders: &[ResourceId], count: u64) -> String {
    let ids: Vec<_> = holders.iter().map(|id| format!("`{id}`")).collect();
    let more = count.saturating_sub(holders.len() as u64);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{}{more}", ids.join(", "))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn holders_of_shared_values_are_counted_and_the_first_are_shown() {
        let id = |n| ResourceId::from_uuid(Uuid::from_u128(n));
        let mut holders = Holders::default();
        (0..30).for_each(|n| holders.see("shared", id(n)));
        (30..60).for_each(|n| holders.see(&format!("own {n}"), id(n)));
        assert_eq!(holders.count, 30);
        assert_eq!(holders.shown, (0..20).map(id).collect::<Vec<_>>());
        assert!(shown(&holders.shown, holders.count).ends_with("` and 10 more"));
    }
}
