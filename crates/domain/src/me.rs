//! `/Me`: what a user's own token opens (RFC 7644 §3.11).

use std::sync::Arc;

use rollcall_filter::{Expr, Literal, Op, parse_attr_path};
use rollcall_schema::{Document, ResourceType};
use serde_json::Value;

use crate::{
    Connection, Context, Derived, Directory, EdgeOp, Error, Load, Named, Offer, Plan, Query,
    ResourceId, Scope, Store, Unavailable,
};

/// The resource that asks.
#[derive(Clone, Debug)]
pub struct Me {
    /// Its type.
    pub ty: Arc<ResourceType>,
    /// Its id, as its permanent URL has it.
    pub id: String,
}

impl Me {
    /// Who asks; `None` when it is a machine (R-ME-02).
    ///
    /// # Errors
    /// [`Error::Ended`] when the user is gone or inactive: what its token opened has ended with it.
    pub async fn of(directory: &Directory, ctx: &Context) -> Result<Option<Self>, Error> {
        let Some(subject) = ctx.subject() else { return Ok(None) };
        let id = subject.to_string();
        for ty in self_serving(ctx.offer()) {
            match directory.get(ctx, Named { ty, id: &id }, Derived::Hidden).await {
                Ok(_) => return Ok(Some(Self { ty: Arc::clone(ty), id })),
                Err(Error::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::Ended)
    }

    /// The resource as the directory's methods name it.
    pub fn named(&self) -> Named<'_> {
        Named { ty: &self.ty, id: &self.id }
    }
}

/// The types whose resources may act for themselves.
fn self_serving(offer: &Offer) -> impl Iterator<Item = &Arc<ResourceType>> {
    offer.catalog().types().iter().filter(|ty| !ty.definition().self_service.is_empty())
}

/// Whether whoever asks may make this change of a resource: a user changes of itself what its type
/// lists, and no relation (R-ME-03). A machine changes everything.
///
/// # Errors
/// [`Error::NotSelfService`] names the first attribute that a user may not change.
pub(crate) fn may_change(
    ctx: &Context,
    ty: &ResourceType,
    (before, after): (&Document, &Document),
    links: &[EdgeOp],
) -> Result<(), Error> {
    if ctx.subject().is_none() {
        return Ok(());
    }
    still_acts(ctx, before)?;
    let open = |path: &str| ty.definition().self_service.iter().any(|listed| listed == path);
    let changed = changed(ty, before, after).into_iter();
    let linked = links.iter().map(|link| link.attr.to_string());
    let closed = changed.filter(|path| !open(path)).chain(linked).next();
    closed.map_or(Ok(()), |attr| Err(Error::NotSelfService { attr }))
}

/// Whether a user may act at all: what its token opens ends when it is deactivated, as it does when
/// it is deleted (R-E-11).
///
/// # Errors
/// [`Error::Ended`].
pub(crate) fn still_acts(ctx: &Context, document: &Document) -> Result<(), Error> {
    let inactive = document.body().get("active") == Some(&Value::Bool(false));
    if ctx.subject().is_some() && inactive { Err(Error::Ended) } else { Ok(()) }
}

/// The paths of the attributes that differ, those of extensions by their own paths.
fn changed(ty: &ResourceType, before: &Document, after: &Document) -> Vec<String> {
    let (before, after) = (before.body(), after.body());
    let mut paths = Vec::new();
    for name in before.keys().chain(after.keys()) {
        let sides = (before.get(name), after.get(name));
        match ty.extension_by_urn(name) {
            _ if sides.0 == sides.1 => {}
            None => paths.push(name.clone()),
            Some(_) => paths.extend(parts(sides).map(|part| format!("{name}:{part}"))),
        }
    }
    paths
}

/// The names of the members of two objects that differ.
fn parts<'v>((a, b): (Option<&'v Value>, Option<&'v Value>)) -> impl Iterator<Item = &'v String> {
    let (a, b) = (a.and_then(Value::as_object), b.and_then(Value::as_object));
    let names = a.into_iter().chain(b).flat_map(|object| object.keys());
    names.filter(move |name| a.and_then(|a| a.get(*name)) != b.and_then(|b| b.get(*name)))
}

/// The resource with this `userName` or id, of a type whose resources may act for themselves.
pub(crate) async fn subject(
    store: &dyn Store,
    connection: &Connection,
    named: &str,
) -> Result<Option<ResourceId>, Unavailable> {
    let offer = Offer::of(connection).map_err(Unavailable::new)?;
    let at = Scope { organization: connection.organization, connection: connection.id };
    let reader = store.scope(at);
    for ty in self_serving(&offer) {
        if let Ok(id) = named.parse()
            && reader.get(ty, id, Load::default()).await?.is_some()
        {
            return Ok(Some(id));
        }
        let path = parse_attr_path("userName").map_err(Unavailable::new)?;
        let filter = Expr::Compare(path, Op::Eq, Literal::String(named.into()));
        let Ok(condition) = ty.condition(&filter, offer.profile()) else { continue };
        // An index that may still be built is not asked.
        let plan = Plan::without(ty, &condition, &|def| offer.indexed_since(ty, def) > 0);
        let query = Query::any(ty, &condition, &plan);
        let page = reader.find(&query).await.map_err(Unavailable::new)?;
        if let Some(found) = page.found.first() {
            return Ok(Some(found.record.id));
        }
    }
    Ok(None)
}
