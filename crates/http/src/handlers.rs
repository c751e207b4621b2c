//! One function per operation: parse, call one service method, render.

pub(crate) mod discovery;
pub(crate) mod operations;
mod resources;
mod search;

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Response};
use rollcall_domain::{Context, Directory, Found, ResourceId};
use rollcall_schema::{Profile, ResourceType};
use serde_json::Value;

use crate::links::{Links, PAGE, Source};
use crate::observe::asks_for;
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::render::View;
use crate::route::Endpoint;
use crate::site::Site;
use crate::{Body, Settings, json, media};

/// An authenticated request for resources.
pub(crate) struct Call<'a> {
    pub(crate) directory: &'a Arc<Directory>,
    pub(crate) settings: &'a Settings,
    pub(crate) context: Context,
    pub(crate) site: Site,
    pub(crate) parts: &'a Parts,
    pub(crate) body: Bytes,
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
                _ => search::list(call, ty).await,
            }
        }
        Endpoint::Search(ty) => {
            asks_for(ty.name(), None);
            search::posted(call, ty).await
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
        Endpoint::Discovery(entry) => {
            discovery::answer(call.settings, &call.site, entry, call.parts)
        }
        Endpoint::NotOffered(detail) => Err(Problem::not_offered(detail)),
    }
}

impl Call<'_> {
    fn profile(&self) -> &Profile {
        self.context.offer().profile()
    }

    /// What the URL asks to see of resources.
    fn view(&self, ty: &Arc<ResourceType>) -> Result<View, Problem> {
        self.view_of(ty, &Parameters::from_query(self.parts.uri.query())?)
    }

    fn view_of(&self, ty: &Arc<ResourceType>, asked: &Parameters) -> Result<View, Problem> {
        let projection = asked.projection(ty, self.profile())?;
        Ok(View::new(ty, projection, self.site.clone()))
    }

    /// The body as JSON.
    fn json(&self) -> Result<Value, Problem> {
        if !self.body.is_empty() {
            media::check_body(&self.parts.headers)?;
        }
        json::parse(&self.body)
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
