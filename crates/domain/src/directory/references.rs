//! Whether what a write refers to is there, as a resource of a type that may be referred to.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use rollcall_schema::{Document, ResourceType};

use super::Directory;
use crate::{Context, EdgeOp, Error, ResourceId, Unavailable};

/// References of one attribute that a write brings.
#[derive(Debug)]
pub(crate) struct Brought {
    attr: String,
    /// The types that the attribute refers to.
    kinds: Vec<String>,
    /// Those of them that are meant: the others have another endpoint.
    among: Vec<String>,
    /// Each with the text that names it.
    ids: Vec<(ResourceId, String)>,
}

/// The ids that have to be looked up, by type.
pub(crate) type Unread = BTreeMap<String, BTreeSet<ResourceId>>;

/// What a write refers to that nobody looked at before: references that stay need not be there any
/// more (R-RES-03).
///
/// Relations that may hold any type of the connection are left to the commit, which finds out
/// whether their members are there.
///
/// # Errors
/// [`Error::UnknownMembers`] where a text can't be the id of such a resource.
pub(crate) fn brought(
    ctx: &Context,
    ty: &ResourceType,
    before: Option<&Document>,
    after: &Document,
    links: &[EdgeOp],
) -> Result<Vec<Brought>, Error> {
    let kinds = ty.relation_kinds();
    let mut types = ctx.offer().catalog().types().iter();
    let holds_all = types.all(|one| kinds.contains(&one.name()));
    let added = links.iter().filter(|op| !holds_all && !op.add.is_empty());
    let of_relations = added.map(|op| Brought {
        attr: op.attr.to_string(),
        kinds: owned(&kinds),
        among: owned(&kinds),
        ids: op.add.iter().map(|id| (*id, id.to_string())).collect(),
    });
    let mut all: Vec<_> = of_relations.collect();
    let had: HashSet<_> = before.into_iter().flat_map(|document| ty.references(document)).collect();
    for reference in ty.references(after).into_iter().filter(|one| !had.contains(one)) {
        let (attr, text) = (reference.attr.to_owned(), reference.text.to_owned());
        let kinds = reference.kinds.iter().map(ToString::to_string).collect();
        let pointed = ty.pointed(&reference);
        match pointed.and_then(|to| Some((to.id.parse().ok()?, owned(&to.kinds)))) {
            Some((id, among)) => all.push(Brought { attr, kinds, among, ids: vec![(id, text)] }),
            None => return Err(Error::UnknownMembers { attr, ids: vec![text], kinds }),
        }
    }
    Ok(all)
}

/// Which resources are there, as far as that was looked up, by type.
#[derive(Debug, Default)]
pub(crate) struct Known(HashMap<String, HashMap<ResourceId, bool>>);

impl Known {
    /// What has to be looked up before references can be judged; `made` is the type of a resource
    /// that begins with the write itself.
    ///
    /// # Errors
    /// [`Error::UnknownMembers`] names the references of an attribute that are known to be wrong.
    pub(crate) fn check<'m>(
        &self,
        brought: &[Brought],
        made: impl Fn(ResourceId) -> Option<&'m str>,
    ) -> Result<Unread, Error> {
        let mut unread = Unread::new();
        for one in brought {
            let mut wrong = Vec::new();
            for (id, text) in &one.ids {
                let own = made(*id);
                let answers = one.among.iter().map(|kind| match own {
                    Some(own) => (kind, Some(own == kind)),
                    None => (kind, self.0.get(kind).and_then(|known| known.get(id)).copied()),
                });
                let answers: Vec<_> = answers.collect();
                if answers.iter().any(|(_, answer)| *answer == Some(true)) {
                    continue;
                }
                if answers.iter().all(|(_, answer)| answer.is_some()) {
                    wrong.push(text.clone());
                }
                for (kind, _) in answers.iter().filter(|(_, answer)| answer.is_none()) {
                    unread.entry((*kind).clone()).or_default().insert(*id);
                }
            }
            if !wrong.is_empty() {
                let (attr, kinds) = (one.attr.clone(), one.kinds.clone());
                return Err(Error::UnknownMembers { attr, ids: wrong, kinds });
            }
        }
        Ok(unread)
    }

    /// Forgets what is known of a resource.
    pub(crate) fn forget(&mut self, id: ResourceId) {
        for known in self.0.values_mut() {
            known.remove(&id);
        }
    }
}

impl Directory {
    /// Refuses a write that refers to what is not there, or is of a type that may not be referred
    /// to.
    pub(super) async fn check_references(
        &self,
        ctx: &Context,
        ty: &ResourceType,
        before: Option<&Document>,
        (after, links): (&Document, &[EdgeOp]),
    ) -> Result<(), Error> {
        let brought = brought(ctx, ty, before, after, links)?;
        let mut known = Known::default();
        let unread = known.check(&brought, |_| None)?;
        self.learn(ctx, &unread, &mut known).await?;
        known.check(&brought, |_| None).map(drop)
    }

    /// Looks up which of these resources are there.
    pub(crate) async fn learn(
        &self,
        ctx: &Context,
        unread: &Unread,
        known: &mut Known,
    ) -> Result<(), Unavailable> {
        for (kind, ids) in unread {
            let present = match ctx.offer().catalog().ty(kind) {
                Some(ty) => {
                    let ids: Vec<_> = ids.iter().copied().collect();
                    self.store.scope(ctx.scope()).present(ty, &ids).await?
                }
                None => Vec::new(),
            };
            let present: HashSet<_> = present.into_iter().collect();
            let of_kind = known.0.entry(kind.clone()).or_default();
            of_kind.extend(ids.iter().map(|id| (*id, present.contains(id))));
        }
        Ok(())
    }
}

fn owned(kinds: &[&str]) -> Vec<String> {
    kinds.iter().map(ToString::to_string).collect()
}
