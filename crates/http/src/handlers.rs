//! One function per operation: parse, call one service method, render.

mod bulk;
pub(crate) mod discovery;
mod me;
pub(crate) mod operations;
mod resources;
mod search;

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Response};
use rollcall_domain::{Context, Directory, Error, Found, Offer, Precondition, ResourceId, Wording};
use rollcall_schema::{Profile, ResourceType};
use serde_json::Value;
use tokio_util::task::TaskTracker;

use crate::limits::{Limiter, Pages, Turn};
use crate::links::{Links, PAGE, Source};
use crate::observe::asks_for;
use crate::parameters::Parameters;
use crate::precondition::{if_match, is_known, of_change, tag};
use crate::problem::Problem;
use crate::render::View;
use crate::route::Endpoint;
use crate::site::Site;
use crate::{Body, Settings, json, media};
use discovery::Shown;

/// An authenticated request for resources.
pub(crate) struct Call<'a> {
    pub(crate) directory: &'a Arc<Directory>,
    pub(crate) settings: &'a Settings,
    pub(crate) limiter: &'a Limiter,
    /// Where work goes on that is answered before it is done.
    pub(crate) background: &'a TaskTracker,
    /// What it holds until it is done.
    pub(crate) turn: Arc<Turn>,
    pub(crate) context: Context,
    pub(crate) site: Site,
    pub(crate) parts: &'a Parts,
    pub(crate) body: Bytes,
    pub(crate) request_id: &'a str,
    /// How the body is worded, once it was read.
    pub(crate) wording: OnceLock<Wording>,
}

/// Answers a request whose method fits its endpoint.
pub(crate) async fn answer(
    call: &Call<'_>,
    endpoint: &Endpoint,
) -> Result<Response<Body>, Problem> {
    match endpoint {
        Endpoint::Collection(ty) => {
            asks_for(ty.name(), None);
            match call.parts.method {
                Method::POST => resources::create(call, ty).await,
                _ => search::list(call, std::slice::from_ref(ty)).await,
            }
        }
        Endpoint::Search(ty) => {
            asks_for(ty.name(), None);
            search::posted(call, std::slice::from_ref(ty)).await
        }
        Endpoint::Resource(ty, id) => {
            asks_for(ty.name(), Some(id));
            match call.parts.method {
                Method::PUT => resources::replace(call, ty, id).await,
                Method::PATCH => resources::patch(call, ty, id).await,
                Method::DELETE => resources::delete(call, ty, id).await,
                _ => resources::get(call, ty, id).await,
            }
        }
        Endpoint::Me => me::answer(call).await,
        Endpoint::Root => search::list(call, call.offer().catalog().types()).await,
        Endpoint::RootSearch => search::posted(call, call.offer().catalog().types()).await,
        Endpoint::Bulk => bulk::bulk(call).await,
        Endpoint::Outcome(id) => bulk::outcome(call, id).await,
        Endpoint::Discovery(entry) => {
            let (settings, directory) = (call.settings, call.directory);
            let shown = Shown { settings, directory, offer: call.offer(), site: &call.site };
            discovery::answer(&shown, entry, call.parts)
        }
    }
}

impl Call<'_> {
    /// What the connection offers.
    fn offer(&self) -> &Offer {
        self.context.offer()
    }

    fn profile(&self) -> &Profile {
        self.offer().profile()
    }

    /// The sizes of pages.
    fn pages(&self) -> Pages {
        self.settings.pages_of(self.offer().limits())
    }

    /// Charges the connection for what the request does: it was admitted for one operation
    /// (R-BULK-12).
    pub(crate) fn charge(&self, operations: usize) {
        let limits = self.offer().limits();
        self.limiter.charge(self.context.connection().id, limits, self.settings, operations);
    }

    /// What the request insists on. Without versions nothing can be insisted on but that the
    /// resource is there, which every change does (R-ETAG-03, R-ETAG-05).
    fn precondition(&self) -> Result<Precondition, Problem> {
        if self.offer().capabilities().etag {
            return Ok(of_change(&self.parts.headers));
        }
        match if_match(&self.parts.headers) {
            Precondition::None => Ok(Precondition::None),
            _ => Err(Problem::no_versions()),
        }
    }

    /// Refuses to show a version that the client doesn't mean (RFC 9110 §13.1.1).
    fn check_shown(&self, version: u64) -> Result<(), Problem> {
        match if_match(&self.parts.headers) {
            Precondition::Versions(versions)
                if self.offer().capabilities().etag && !versions.contains(&version) =>
            {
                Err(Error::PreconditionFailed.into())
            }
            _ => Ok(()),
        }
    }

    /// Whether the client has this version already; it can't where versions aren't offered
    /// (R-ETAG-02).
    fn is_known(&self, version: u64) -> bool {
        self.offer().capabilities().etag && is_known(&self.parts.headers, &tag(version))
    }

    /// What the URL asks to see of resources.
    fn view(&self, ty: &Arc<ResourceType>) -> Result<View, Problem> {
        self.view_of(ty, &Parameters::from_query(self.parts.uri.query(), self.profile())?)
    }

    fn view_of(&self, ty: &Arc<ResourceType>, asked: &Parameters) -> Result<View, Problem> {
        let projection = asked.projection(ty, self.profile())?;
        let view = View::new(ty, projection, self.site.clone());
        Ok(match self.offer().capabilities().etag {
            true => view,
            false => view.without_versions(),
        })
    }

    /// The body as JSON.
    fn json(&self) -> Result<Value, Problem> {
        if !self.body.is_empty() {
            media::check_body(&self.parts.headers)?;
        }
        let body = json::parse(&self.body)?;
        self.wording.get_or_init(|| Wording::of(&body));
        Ok(body)
    }

    /// The rows of the relation of `owners`, where they are shown.
    async fn links(&self, view: &View, owners: Vec<ResourceId>) -> Result<Links, Problem> {
        if !view.shows_relation() {
            return Ok(Links::none());
        }
        let source = Source {
            directory: Arc::clone(self.directory),
            context: self.context.clone(),
            ty: Arc::clone(&view.ty),
        };
        Ok(Links::of(source, owners).await?)
    }

    /// What the answer to a PATCH shows of a relation; `None` when it shows nothing at all: a
    /// large group, or any on a connection that wants it so, unless `attributes` is given
    /// (R-PATCH-04, R-PROJ-11, E-ENTRA-20).
    async fn patched(&self, view: &View, found: &Found) -> Result<Option<Links>, Problem> {
        let quiet = view.ty.relation().is_some() && !view.names();
        let large = found.record.links > u64::from(PAGE);
        if quiet && (large || self.profile().quiet_relation_patch) {
            return Ok(None);
        }
        let links = self.links(view, vec![found.record.id]).await?;
        Ok(Some(links).filter(|links| !quiet || links.is_whole()))
    }
}
