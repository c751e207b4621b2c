//! The service: a request in, a response out, whatever happens.

mod scim;

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use rollcall_domain::{Authenticator, AuthorizationServer, Dialects, Directory, Store, Traffics};
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use crate::admin::{AdminApi, AdminPath, Around};
use crate::handlers::operations;
use crate::limits::Limiter;
use crate::oauth::{self, OAuth};
use crate::observe::{Observed, REQUEST_ID};
use crate::problem::Problem;
use crate::route::{Operation, Place, public_segments};
use crate::settings::{MetricsAt, Settings};
use crate::site::{Sites, origin};
use crate::{Body, media};

/// SCIM for every connection of a server, to be shared as `Arc` and mounted anywhere.
pub struct App {
    directory: Arc<Directory>,
    authenticator: Arc<Authenticator>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) settings: Settings,
    pub(crate) metrics: Option<Box<dyn Fn() -> String + Send + Sync>>,
    /// What goes on behind requests that were answered already.
    pub(crate) background: TaskTracker,
    dialects: Option<Dialects>,
    traffics: Option<Arc<Traffics>>,
    authorization: Option<Arc<dyn AuthorizationServer>>,
    admin: Option<AdminApi>,
    mount: Vec<String>,
    public: Vec<String>,
    sites: Sites,
    limiter: Limiter,
}

impl App {
    /// The service over what it adapts; `store` is asked whether it is ready.
    pub fn new(
        directory: impl Into<Arc<Directory>>,
        authenticator: impl Into<Arc<Authenticator>>,
        store: Arc<dyn Store>,
        settings: Settings,
    ) -> Self {
        let segments = settings.mount.split('/').filter(|segment| !segment.is_empty());
        Self {
            directory: directory.into(),
            authenticator: authenticator.into(),
            store,
            metrics: None,
            background: TaskTracker::new(),
            dialects: None,
            traffics: None,
            authorization: None,
            admin: None,
            mount: segments.map(Into::into).collect(),
            public: public_segments(&settings.public_url),
            sites: Sites::new(origin(&settings.public_url, &settings.mount)),
            limiter: Limiter::new(&settings),
            settings,
        }
    }

    /// Answers `/metrics` with what `render` gives.
    #[must_use]
    pub fn with_metrics(self, render: impl Fn() -> String + Send + Sync + 'static) -> Self {
        Self { metrics: Some(Box::new(render)), ..self }
    }

    /// Shows each request to `dialects` once it is answered.
    #[must_use]
    pub fn with_dialects(self, dialects: Dialects) -> Self {
        Self { dialects: Some(dialects), ..self }
    }

    /// Tells `traffics` of each request that somebody with a good credential sent.
    #[must_use]
    pub fn with_traffics(self, traffics: Arc<Traffics>) -> Self {
        Self { traffics: Some(traffics), ..self }
    }

    /// Serves the endpoints of OAuth 2.0 too: tokens, keys and metadata (R-OAUTH-07).
    #[must_use]
    pub fn with_authorization(self, server: Arc<dyn AuthorizationServer>) -> Self {
        Self { authorization: Some(server), ..self }
    }

    /// Answers `/api/v1` too, outside of the mount.
    #[must_use]
    pub fn with_admin(self, admin: AdminApi) -> Self {
        Self { admin: Some(admin), ..self }
    }

    /// Measures rates by `now`, which never goes back, instead of the machine's own time.
    #[must_use]
    pub fn with_time(self, now: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self { limiter: self.limiter.with_time(Box::new(now)), ..self }
    }

    /// Answers a request. Every failure is an answer too.
    ///
    /// The path counts whole: where this is mounted below a prefix, [`Settings::mount`] names it.
    /// The extensions [`Peer`](crate::Peer) and [`PeerCertificate`](crate::PeerCertificate) say who
    /// is at the other end.
    pub async fn handle<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: http_body::Body + Send,
        B::Data: Send,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        let (parts, body) = request.into_parts();
        let (place, observed) = self.receive(&parts);
        let answering = async {
            match place {
                Place::Operation(operation) => self.operation(operation, &parts.method).await,
                Place::Admin(path) => self.administer(&path, &parts, body, &observed).await,
                Place::Scim(scim) => self.scim(&scim, &parts, body, &observed).await,
                Place::OAuth(oauth) => self.oauth(oauth, &parts, body).await,
                Place::Nowhere => Err(Problem::nowhere()),
            }
        };
        let answer = finish(answering, &parts, &observed).await;
        observed.end(answer.status());
        answer
    }

    /// Answers what operators ask for and nothing else.
    pub(crate) async fn handle_operation<B>(&self, request: Request<B>) -> Response<Body> {
        let (parts, _) = request.into_parts();
        let (place, observed) = self.receive(&parts);
        let answering = async {
            match place {
                Place::Operation(operation) => {
                    operations::answer(self, operation, &parts.method).await
                }
                Place::Admin(_) | Place::Scim(_) | Place::OAuth(_) | Place::Nowhere => {
                    Err(Problem::nowhere())
                }
            }
        };
        let answer = finish(answering, &parts, &observed).await;
        observed.end(answer.status());
        answer
    }

    fn receive(&self, parts: &Parts) -> (Place, Observed) {
        let place = match Place::of(parts.uri.path(), &self.mount, &self.public) {
            Place::OAuth(_) if self.authorization.is_none() => Place::Nowhere,
            Place::Admin(_) if self.admin.is_none() => Place::Nowhere,
            place => place,
        };
        let observed = Observed::begin(&parts.method, &parts.headers);
        if let Some(template) = place.template() {
            observed.routed(template);
        }
        (place, observed)
    }

    async fn operation(
        &self,
        operation: Operation,
        method: &Method,
    ) -> Result<Response<Body>, Problem> {
        if operation == Operation::Metrics && self.settings.metrics == MetricsAt::OwnListener {
            return Err(Problem::nowhere());
        }
        operations::answer(self, operation, method).await
    }

    async fn administer<B>(
        &self,
        path: &AdminPath,
        parts: &Parts,
        body: B,
        observed: &Observed,
    ) -> Result<Response<Body>, Problem>
    where
        B: http_body::Body,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        let admin = self.admin.as_ref().ok_or_else(Problem::nowhere)?;
        let Self { settings, limiter, .. } = self;
        Ok(admin.answer(path, Around { parts, settings, limiter, observed }, body).await)
    }

    /// Authorization servers have no other door than what they ask for themselves.
    async fn oauth<B>(
        &self,
        oauth: OAuth,
        parts: &Parts,
        body: B,
    ) -> Result<Response<Body>, Problem>
    where
        B: http_body::Body,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        let server = self.authorization.as_deref().ok_or_else(Problem::nowhere)?;
        let Self { limiter, settings, .. } = self;
        oauth::Desk { server, limiter, settings }.answer(oauth, parts, body).await
    }
}

/// Waits for an answer, or makes one of a problem.
async fn finish(
    answering: impl Future<Output = Result<Response<Body>, Problem>>,
    parts: &Parts,
    observed: &Observed,
) -> Response<Body> {
    let answering = async {
        let answer = answering.await;
        answer.unwrap_or_else(|problem| problem.into_response(&observed.request_id))
    };
    let answer = answering.instrument(observed.span.clone()).await;
    complete(answer, parts, &observed.request_id)
}

/// Adds what every answer has, and takes from it what HEAD doesn't send (R-GET-09).
fn complete(mut answer: Response<Body>, parts: &Parts, request_id: &str) -> Response<Body> {
    let (bodiless, length) = (is_bodiless(answer.status()), answer.body().length());
    let headers = answer.headers_mut();
    if !bodiless {
        headers.entry(CONTENT_TYPE).or_insert_with(|| media::of_answer(&parts.headers));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, id);
    }
    if parts.method == Method::HEAD {
        if let Some(length) = length.filter(|_| !bodiless) {
            headers.insert(CONTENT_LENGTH, length.into());
        }
        *answer.body_mut() = Body::empty();
    }
    answer
}

fn is_bodiless(status: StatusCode) -> bool {
    matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("settings", &self.settings).finish_non_exhaustive()
    }
}
