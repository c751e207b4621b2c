//! The directory of one connection: what an IdP may do to it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rollcall_filter::{AttrPath, Expr, Filter, Literal, Op, parse_attr_path};
use rollcall_schema::{
    Accept, Condition, Document, Instant, LinkChange, Order, Profile, ResourceType,
};
use serde_json::Value;

use crate::anchors::Anchors;
use crate::bulk::Verb;
use crate::decide::{After, Before, Stamp, decide, edge_ops};
use crate::error::{refused, unknown_members};
use crate::me::{may_change, still_acts};
use crate::{
    Access, Clock, CommitError, Connection, Context, CursorAsked, Cursors, Edge, EdgeOp, Error,
    EventId, Found, Ids, Keyring, Load, Plan, Query, Record, Registry, ResourceId, Status, Store,
    Unavailable, Written,
};

pub use outcomes::{Progress, SILENCE_MILLIS};

/// How often a request is decided again because somebody else was faster.
pub(crate) const ATTEMPTS: u32 = 20;

/// How long a request goes on before it is asked again whether its connection is open, in
/// milliseconds: less than jobs wait that take connections apart.
const BELIEVED_MILLIS: i64 = 1_000;

/// Creates, reads, finds, replaces, patches and deletes resources of any type.
pub struct Directory {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
    anchors: Anchors,
    cursors: Option<Cursors>,
    registry: Option<Arc<dyn Registry>>,
}

/// A resource of some type, as a request names it.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    /// Its type.
    pub ty: &'a ResourceType,
    /// Its id as it was sent.
    pub id: &'a str,
}

/// What a client insists on (`If-Match`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Precondition {
    /// Nothing.
    #[default]
    None,
    /// That the resource is at one of these versions.
    Versions(Vec<u64>),
    /// That it is at none of these (`If-None-Match`).
    Except(Vec<u64>),
}

/// Whether derived attributes are wanted beside a resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Derived {
    /// The answer shows them.
    Shown,
    /// It doesn't.
    #[default]
    Hidden,
}

/// A search as a request asks for it.
#[derive(Debug, Default)]
pub struct Search<'a> {
    /// What resources must satisfy.
    pub filter: Option<Filter<'a>>,
    /// What they are sorted by.
    pub sort: Option<(AttrPath<'a>, Order)>,
    /// The place of the first one, from 1; 0 is read as 1. A cursor takes its place.
    pub start: u64,
    /// How many at most.
    pub count: u32,
    /// Whether the answer shows derived attributes.
    pub derived: Derived,
    /// The cursor, where the walk is one by cursor.
    pub cursor: Option<CursorAsked<'a>>,
}

impl Directory {
    /// The service over its ports.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        let anchors = Anchors::new();
        Self { store, clock, ids, anchors, cursors: None, registry: None }
    }

    /// The same service with cursors, which are good for `timeout` from page to page. Replicas
    /// that have the same keys read each other's.
    #[must_use]
    pub fn with_keys(self, keys: Arc<Keyring>, timeout: Duration) -> Self {
        Self { cursors: Some(Cursors::new(keys, timeout)), ..self }
    }

    /// The same service, which ends long bulk requests of connections that are closed meanwhile.
    #[must_use]
    pub fn with_registry(self, registry: Arc<dyn Registry>) -> Self {
        Self { registry: Some(registry), ..self }
    }

    /// Whether the connection of a request that was admitted a while ago may go on: asked again
    /// when that was longer ago than it is believed.
    pub(crate) async fn goes_on(
        &self,
        ctx: &Context,
        asked: &mut Instant,
    ) -> Result<(), Unavailable> {
        let now = self.clock.now();
        let Some(registry) = &self.registry else { return Ok(()) };
        if now.millis() - asked.millis() < BELIEVED_MILLIS {
            return Ok(());
        }
        *asked = now;
        let found = registry.connection(ctx.connection().id).await?;
        let open = |one: &Connection| {
            one.removal.is_none() && !matches!(one.status, Status::Paused | Status::Disabled)
        };
        match found {
            Some((_, connection)) if open(&connection) => Ok(()),
            _ => Err(Unavailable::new("the connection was closed while the request was worked on")),
        }
    }

    /// How long a cursor is good; `None` where there are none.
    pub fn cursor_timeout(&self) -> Option<Duration> {
        self.cursors.as_ref().map(Cursors::timeout)
    }

    /// Whether there are cursors; without, a search with one is [`Error::InvalidCursor`].
    pub const fn offers_cursors(&self) -> bool {
        self.cursors.is_some()
    }

    /// Makes a resource (RFC 7644 §3.3).
    ///
    /// # Errors
    /// [`Error::Violation`], [`Error::Taken`], [`Error::UnknownMembers`], [`Error::Forbidden`].
    pub async fn create(
        &self,
        ctx: &Context,
        ty: &ResourceType,
        body: Value,
    ) -> Result<Found, Error> {
        permit(ctx, ty, Verb::Create, "")?;
        let accepted = ty.accept(body, Accept::Create, profile(ctx))?;
        let links = edges(ty, &accepted.links)?;
        self.check_references(ctx, ty, None, (&accepted.document, &links)).await?;
        let after = After { document: &accepted.document, links: &links };
        let id = ResourceId::from_uuid(self.ids.next());
        let stamp = self.stamp(ctx, ty, id, &Precondition::None);
        let record = Record {
            id: stamp.id,
            version: 0,
            created: stamp.at,
            modified: stamp.at,
            links: 0,
            indexed: stamp.revision,
            body: String::new(),
        };
        let found = Found { record, links: Vec::new(), incoming: Vec::new() };
        match self.commit(ctx, ty, None, Some(after), stamp).await {
            Ok(written) => Ok(rewritten(found, &accepted.document, written)),
            Err(CommitError::Taken { attr }) => {
                Err(self.taken(ctx, ty, attr, &accepted.document).await?)
            }
            Err(error) => Err(refused(error, ty, "")),
        }
    }

    /// Reads a resource (RFC 7644 §3.4.1).
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn get(
        &self,
        ctx: &Context,
        at: Named<'_>,
        derived: Derived,
    ) -> Result<Found, Error> {
        self.read(ctx, at, Load { links: false, incoming: derived.wanted(at.ty) }).await
    }

    /// Rows of the relation of `owners`, ordered by owner and member, behind the pair `after`.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn edges(
        &self,
        ctx: &Context,
        ty: &ResourceType,
        owners: &[ResourceId],
        after: Option<(ResourceId, ResourceId)>,
        limit: u32,
    ) -> Result<Vec<Edge>, Error> {
        owners.iter().try_for_each(|owner| ctx.opens(&owner.to_string()))?;
        ctx.may(ty, Access::Read)?;
        let edges = self.store.scope(ctx.scope()).edges(relation(ty), owners, after, limit).await;
        let mut edges = edges?;
        for Edge { link, .. } in &mut edges {
            ctx.veil_name(&link.kind, &mut link.display);
        }
        Ok(edges)
    }

    /// Replaces a resource (RFC 7644 §3.5.1).
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::PreconditionFailed`], and those of [`create`](Self::create).
    pub async fn replace(
        &self,
        ctx: &Context,
        at: Named<'_>,
        body: &Value,
        precondition: &Precondition,
        derived: Derived,
    ) -> Result<Found, Error> {
        permit(ctx, at.ty, Verb::Replace, at.id)?;
        let load = Load { links: false, incoming: derived.wanted(at.ty) };
        let change = |found: &Found, document: &Document| {
            let how = Accept::Replace { id: at.id, before: document };
            debug_assert_eq!(found.record.id.to_string(), at.id, "ids compare as sent");
            let accepted = at.ty.accept(body.clone(), how, profile(ctx))?;
            Ok((accepted.document, accepted.links))
        };
        self.change(ctx, at, precondition, load, change).await
    }

    /// Patches a resource (RFC 7644 §3.5.2).
    ///
    /// # Errors
    /// [`Error::Patch`], and those of [`replace`](Self::replace). An unknown id is found out
    /// before the body is looked at (R-PATCH-11).
    pub async fn patch(
        &self,
        ctx: &Context,
        at: Named<'_>,
        body: Value,
        precondition: &Precondition,
        derived: Derived,
    ) -> Result<Found, Error> {
        permit(ctx, at.ty, Verb::Patch, at.id)?;
        let patch = match at.ty.patch(body, profile(ctx)) {
            Ok(patch) => patch,
            Err(error) => {
                self.read(ctx, at, Load::default()).await?;
                return Err(error.into());
            }
        };
        let load = Load { links: patch.needs_links(), incoming: derived.wanted(at.ty) };
        let joining = self.joining(ctx, at.ty, &patch).await?;
        let change = |found: &Found, document: &Document| {
            let seen = found.view(at.id, document);
            let patched = patch.apply_among(at.ty, &seen, &joining, profile(ctx))?;
            Ok((patched.document, patched.links))
        };
        self.change(ctx, at, precondition, load, change).await
    }

    /// Deletes a resource (RFC 7644 §3.6).
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::PreconditionFailed`], [`Error::Forbidden`].
    pub async fn delete(
        &self,
        ctx: &Context,
        at: Named<'_>,
        precondition: &Precondition,
    ) -> Result<(), Error> {
        permit(ctx, at.ty, Verb::Delete, at.id)?;
        for _ in 0..ATTEMPTS {
            let found = self.read(ctx, at, Load::default()).await?;
            precondition.check(found.record.version)?;
            let document = parsed(&found.record)?;
            let before = before(&found.record, &document);
            let stamp = self.stamp(ctx, at.ty, found.record.id, precondition);
            match self.commit(ctx, at.ty, Some(before), None, stamp).await {
                Ok(_) => return Ok(()),
                Err(CommitError::Stale) => {}
                Err(error) => return Err(refused(error, at.ty, at.id)),
            }
        }
        Err(Error::Busy)
    }

    /// Read, change, decide, commit; again when somebody else was faster.
    async fn change(
        &self,
        ctx: &Context,
        at: Named<'_>,
        precondition: &Precondition,
        load: Load,
        change: impl Fn(&Found, &Document) -> Result<(Document, Vec<LinkChange>), Error> + Send + Sync,
    ) -> Result<Found, Error> {
        for _ in 0..ATTEMPTS {
            let found = self.read(ctx, at, load).await?;
            precondition.check(found.record.version)?;
            let document = parsed(&found.record)?;
            let (target, links) = change(&found, &document)?;
            let links = edges(at.ty, &links)?;
            may_change(ctx, at.ty, (&document, &target), &links)?;
            self.check_references(ctx, at.ty, Some(&document), (&target, &links)).await?;
            let before = before(&found.record, &document);
            let after = After { document: &target, links: &links };
            let stamp = self.stamp(ctx, at.ty, found.record.id, precondition);
            match self.commit(ctx, at.ty, Some(before), Some(after), stamp).await {
                Ok(written) => return Ok(rewritten(found, &target, written)),
                Err(CommitError::Stale) => {}
                Err(error) => return Err(refused(error, at.ty, at.id)),
            }
        }
        Err(Error::Busy)
    }

    async fn read(&self, ctx: &Context, at: Named<'_>, load: Load) -> Result<Found, Error> {
        ctx.opens(at.id)?;
        ctx.may(at.ty, Access::Read)?;
        let id = at.id.parse().map_err(|_| at.missing())?;
        let found = self.store.scope(ctx.scope()).get(at.ty, id, load).await?;
        let mut found = found.ok_or_else(|| at.missing())?;
        ctx.veil(&mut found);
        if ctx.subject().is_some() {
            still_acts(ctx, &parsed(&found.record)?)?;
        }
        Ok(found)
    }

    /// Decides and commits; `None` when there is nothing to do.
    async fn commit(
        &self,
        ctx: &Context,
        ty: &ResourceType,
        before: Option<Before<'_>>,
        after: Option<After<'_>>,
        stamp: Stamp<'_>,
    ) -> Result<Option<Written>, CommitError> {
        let Some(change) = decide(ty, before, after, stamp) else { return Ok(None) };
        let written = self.store.commit(ctx.scope(), change).await?;
        Ok(written.first().copied())
    }

    /// A conflict with somebody who is inactive has a cure of its own (R-E-24).
    pub(crate) async fn taken(
        &self,
        ctx: &Context,
        ty: &ResourceType,
        attr: String,
        document: &Document,
    ) -> Result<Error, Error> {
        let inactive = match self.holder(ctx, ty, &attr, document).await? {
            Some(found) => parsed(&found.record)?.body().get("active") == Some(&Value::Bool(false)),
            None => false,
        };
        let hint = match inactive {
            true => ", who is inactive: find the resource by filter and set `active` to true",
            false => "",
        };
        Ok(Error::Taken { attr, kind: ty.name().into(), hint })
    }

    /// Whoever has the same value of `attr` as a document.
    pub(crate) async fn holder(
        &self,
        ctx: &Context,
        ty: &ResourceType,
        attr: &str,
        document: &Document,
    ) -> Result<Option<Found>, Error> {
        let Some(condition) = holding(ty, attr, document, profile(ctx)) else { return Ok(None) };
        let plan = Plan::of(ty, &condition);
        let query = Query::any(ty, &condition, &plan);
        let holders = self.store.scope(ctx.scope()).find(&query).await?;
        Ok(holders.found.into_iter().next())
    }

    pub(crate) fn stamp<'c>(
        &self,
        ctx: &'c Context,
        ty: &ResourceType,
        id: ResourceId,
        precondition: &Precondition,
    ) -> Stamp<'c> {
        Stamp {
            id,
            event: EventId::from_uuid(self.ids.next()),
            actor: ctx.actor(),
            at: self.clock.now(),
            insists: *precondition != Precondition::None,
            revision: ctx.offer().revision(),
            since: ctx.offer().since(ty),
        }
    }
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Directory").finish_non_exhaustive()
    }
}

impl Named<'_> {
    pub(crate) fn missing(self) -> Error {
        Error::NotFound { kind: self.ty.name().into(), id: self.id.chars().take(80).collect() }
    }
}

impl Precondition {
    pub(crate) fn check(&self, version: u64) -> Result<(), Error> {
        match self {
            Self::None => Ok(()),
            Self::Versions(versions) if versions.contains(&version) => Ok(()),
            Self::Except(versions) if !versions.contains(&version) => Ok(()),
            Self::Versions(_) | Self::Except(_) => Err(Error::PreconditionFailed),
        }
    }
}

impl Derived {
    fn wanted(self, ty: &ResourceType) -> bool {
        self == Self::Shown && ty.derived().is_some()
    }
}

/// Whether whoever asks may do this to the resource with this id, which is empty for a new one: a
/// user changes itself, and neither makes nor deletes (R-ME-02).
///
/// # Errors
/// [`Error::Forbidden`], [`Error::Scope`], [`Error::Draft`].
pub(crate) fn permit(ctx: &Context, ty: &ResourceType, verb: Verb, id: &str) -> Result<(), Error> {
    ctx.may(ty, Access::Write)?;
    match verb {
        Verb::Replace | Verb::Patch => ctx.opens(id),
        Verb::Create | Verb::Delete => ctx.opens_all(),
    }
}

pub(crate) fn profile(ctx: &Context) -> &Profile {
    ctx.offer().profile()
}

pub(crate) fn relation(ty: &ResourceType) -> &str {
    ty.relation().map_or("", |def| &def.path)
}

pub(crate) fn edges(ty: &ResourceType, links: &[LinkChange]) -> Result<Vec<EdgeOp>, Error> {
    edge_ops(ty, links).map_err(|ids| unknown_members(ty, ids))
}

const fn before<'a>(record: &Record, document: &'a Document) -> Before<'a> {
    Before { version: record.version, indexed: record.indexed, document }
}

pub(crate) fn parsed(record: &Record) -> Result<Document, Unavailable> {
    Document::from_stored(&record.body).map_err(Unavailable::new)
}

/// The condition that finds whoever has the same value of `attr` as a document.
pub(crate) fn holding(
    ty: &ResourceType,
    attr: &str,
    document: &Document,
    profile: &Profile,
) -> Option<Condition> {
    let keys = ty.index_keys(document);
    let key = keys.iter().find(|key| *ty.attr(key.attr).path == *attr)?;
    let value = Literal::String(key.key.as_str().into());
    let filter = Expr::Compare(parse_attr_path(attr).ok()?, Op::Eq, value);
    ty.condition(&filter, profile).ok()
}

/// The resource after a commit; as it was where nothing was written. Links that were loaded to
/// decide are those of before.
fn rewritten(mut found: Found, document: &Document, written: Option<Written>) -> Found {
    found.links.clear();
    if let Some(written) = written.filter(|written| written.changed) {
        found.record.version = written.version;
        found.record.created = written.created;
        found.record.modified = written.modified;
        found.record.body = document.to_string();
    }
    found
}

mod find;
mod find_all;
mod joining;
mod outcomes;
pub(crate) mod references;
#[cfg(test)]
mod tests;
mod walk;
