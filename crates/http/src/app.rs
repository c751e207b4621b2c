//! The service: a request in, a response out, whatever happens.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use rollcall_domain::{Authenticator, Directory, Store};
use rollcall_schema::standard;
use tracing::Instrument as _;

use crate::handlers::{self, Call, discovery, operations};
use crate::observe::{self, Observed, REQUEST_ID};
use crate::problem::Problem;
use crate::route::{Endpoint, Operation, Place, Scim};
use crate::settings::{Discovery, MetricsAt, Settings};
use crate::site::{Endpoints, Site, origin};
use crate::{Body, auth, media, read_body};

/// SCIM for every connection of a server, to be shared as `Arc` and mounted anywhere.
pub struct App {
    directory: Arc<Directory>,
    authenticator: Arc<Authenticator>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) settings: Settings,
    pub(crate) metrics: Option<Box<dyn Fn() -> String + Send + Sync>>,
    mount: Vec<String>,
    origin: String,
    endpoints: Arc<Endpoints>,
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
            mount: segments.map(Into::into).collect(),
            origin: origin(&settings.public_url, &settings.mount),
            endpoints: Arc::new(Endpoints::of(standard::types())),
            settings,
        }
    }

    /// Answers `/metrics` with what `render` gives.
    #[must_use]
    pub fn with_metrics(self, render: impl Fn() -> String + Send + Sync + 'static) -> Self {
        Self { metrics: Some(Box::new(render)), ..self }
    }

    /// Answers a request. Every failure is an answer too.
    ///
    /// The path counts whole: where this is mounted below a prefix, [`Settings::mount`] names it.
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
                Place::Scim(scim) => self.scim(scim, &parts, body).await,
                Place::Nowhere => Err(Problem::nowhere()),
            }
        };
        finish(answering, &parts, observed).await
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
                Place::Scim(_) | Place::Nowhere => Err(Problem::nowhere()),
            }
        };
        finish(answering, &parts, observed).await
    }

    fn receive(&self, parts: &Parts) -> (Place, Observed) {
        let place = Place::of(parts.uri.path(), &self.mount, standard::types());
        let observed = Observed::begin(&parts.method, &parts.headers, place.template());
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

    /// Authentication comes before everything else below a SCIM base (R-E-05).
    async fn scim<B>(&self, scim: Scim, parts: &Parts, body: B) -> Result<Response<Body>, Problem>
    where
        B: http_body::Body,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        let Scim { connection, endpoint } = scim;
        if let Ok(endpoint @ Endpoint::Discovery(entry)) = &endpoint
            && let Some(site) = self.open_site(connection.as_deref(), parts)
        {
            endpoint.check(&parts.method)?;
            return discovery::answer(&self.settings, &site, entry, parts);
        }
        let context = auth::admit(&self.authenticator, parts, connection.as_deref()).await?;
        observe::asked_by(&context);
        let endpoint = endpoint?;
        endpoint.check(&parts.method)?;
        let site = self.site(Some(context.connection().id));
        let body = match parts.method {
            Method::POST | Method::PUT | Method::PATCH => {
                read_body::read(body, &parts.headers, &self.settings).await?
            }
            _ => Bytes::new(),
        };
        let (directory, settings) = (&self.directory, &self.settings);
        handlers::answer(&Call { directory, settings, context, site, parts, body }, &endpoint).await
    }

    /// Where discovery is open to all, and nobody says who asks (R-DISC-05).
    fn open_site(&self, connection: Option<&str>, parts: &Parts) -> Option<Site> {
        let open = self.settings.discovery == Discovery::Open;
        if !open || parts.headers.contains_key(AUTHORIZATION) {
            return None;
        }
        match connection {
            None => Some(self.site(None)),
            Some(id) => id.parse().ok().map(|id| self.site(Some(id))),
        }
    }

    fn site(&self, connection: Option<rollcall_domain::ConnectionId>) -> Site {
        Site::new(&self.origin, connection, Arc::clone(&self.endpoints))
    }
}

/// Waits for an answer, makes one of a problem, and ends the observation.
async fn finish(
    answering: impl Future<Output = Result<Response<Body>, Problem>>,
    parts: &Parts,
    observed: Observed,
) -> Response<Body> {
    let answering = async {
        let answer = answering.await;
        answer.unwrap_or_else(|problem| problem.into_response(&observed.request_id))
    };
    let answer = answering.instrument(observed.span.clone()).await;
    let answer = complete(answer, parts, &observed.request_id);
    observed.end(answer.status());
    answer
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
