//! The admin API: JSON over HTTP in front of the admin service, under `/api/v1`.
//!
//! Everything that it takes and gives stands in one [table](table): requests are dispatched by it,
//! and the OpenAPI document at `/api/v1/openapi.json` is made from it.

mod ask;
mod calls;
mod components;
mod door;
mod fault;
mod openapi;
mod path;
mod reply;
mod table;

use std::error::Error as StdError;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use bytes::Bytes;
use http::Response;
use http::request::Parts;
use rollcall_domain::{Admin, SignIn, Traffics};

use crate::auth::BELIEVED;
use crate::limits::Limiter;
use crate::observe::Observed;
use crate::{Body, Settings};
use ask::Ask;
use calls::Undone;
use fault::Fault;
pub(crate) use path::AdminPath;
use reply::{Home, Made};
use table::{Call, Route};

/// What the paths of the admin API begin with.
const BASE: &str = "/api/v1";

/// The admin API of a server, for [`App::with_admin`](crate::App::with_admin).
///
/// Whoever asks sends an admin key as bearer token: `rollcall admin key create` makes the first.
pub struct AdminApi {
    admin: Arc<Admin>,
    traffics: Option<Arc<Traffics>>,
    sign_in: Option<(Arc<dyn SignIn>, String)>,
    document: OnceLock<Bytes>,
}

/// What stands around a request.
#[derive(Clone, Copy)]
pub(crate) struct Around<'r> {
    pub(crate) parts: &'r Parts,
    pub(crate) settings: &'r Settings,
    pub(crate) limiter: &'r Limiter,
    pub(crate) observed: &'r Observed,
}

impl AdminApi {
    /// The API over its service.
    pub fn new(admin: impl Into<Arc<Admin>>) -> Self {
        Self { admin: admin.into(), traffics: None, sign_in: None, document: OnceLock::new() }
    }

    /// The same, which notes when admin keys were used.
    #[must_use]
    pub fn with_traffics(self, traffics: Arc<Traffics>) -> Self {
        Self { traffics: Some(traffics), ..self }
    }

    /// The same, which lets those in who come with a token of this issuer, where an admin key
    /// names their subject.
    #[must_use]
    pub fn with_sign_in(self, sign_in: Arc<dyn SignIn>, issuer: impl Into<String>) -> Self {
        Self { sign_in: Some((sign_in, issuer.into())), ..self }
    }

    /// Answers a request; every failure is an answer too.
    pub(crate) async fn answer<B>(
        &self,
        path: &AdminPath,
        around: Around<'_>,
        body: B,
    ) -> Response<Body>
    where
        B: http_body::Body,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        let answered = self.attempt(path, around, body).await;
        answered.unwrap_or_else(|fault| fault.into_response(&around.observed.request_id))
    }

    /// Authentication comes before everything else, unknown paths included (R-E-05); the document
    /// alone is open.
    async fn attempt<B>(
        &self,
        path: &AdminPath,
        around: Around<'_>,
        body: B,
    ) -> Result<Response<Body>, Fault>
    where
        B: http_body::Body,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        let Around { parts, settings, .. } = around;
        let home = Home::of(settings);
        if path.find(&parts.method).is_ok_and(|(route, _)| route.call == Call::Document) {
            return Ok(reply::document(self.document(&home)));
        }
        let mut caller = self.admit(around).await?;
        let since = Instant::now();
        path.note();
        let (route, ids) = path.find(&parts.method)?;
        let body = ask::read_body(route, around, body).await?;
        if since.elapsed() > BELIEVED {
            caller = self.admit(around).await?;
        }
        let base_url = |connection: &str| home.base_url(connection);
        let issuer = self.sign_in.as_ref().map(|(_, issuer)| issuer.as_str());
        let ask = Ask::read(route, (parts, body), caller, ids)?;
        let made = match calls::answer(&self.admin, &ask, issuer, &base_url).await {
            Ok(answer) => Made::new(answer),
            Err(Undone::Repeated(answer)) => Made::again(answer),
            Err(Undone::Fault(fault)) => return Err(fault),
        };
        Ok(reply::render(&ask, &home, made))
    }

    fn document(&self, home: &Home) -> Bytes {
        let made = || Bytes::from(openapi::document(&home.api).to_string());
        self.document.get_or_init(made).clone()
    }
}

impl fmt::Debug for AdminApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminApi").finish_non_exhaustive()
    }
}

/// Every route, for the document.
fn routes() -> &'static [Route] {
    table::ROUTES
}
