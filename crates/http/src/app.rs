//! The service: a request in, a response out, whatever happens.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::{Duration, Instant as Moment};

use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use rollcall_domain::{
    Authenticator, AuthorizationServer, Connection, Context, Dialects, Directory, Error, IdpKind,
    Offer, Store, Traffics,
};
use rollcall_schema::{Instant, standard};
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use crate::admin::{AdminApi, AdminPath, Around};
use crate::auth::Door;
use crate::handlers::discovery::{self, Shown};
use crate::handlers::{self, Call, operations};
use crate::limits::Limiter;
use crate::oauth::{self, OAuth};
use crate::observe::{self, Observed, REQUEST_ID};
use crate::problem::Problem;
use crate::route::{Endpoint, Operation, Place, Scim};
use crate::settings::{Discovery, MetricsAt, Settings};
use crate::site::{Site, Sites, origin};
use crate::{Body, media, probe, read_body, sighting};

/// How long a request may take to arrive before its credential is looked at once more: whoever
/// sends slowly does nothing with one that has ended meanwhile.
pub(crate) const BELIEVED: Duration = Duration::from_millis(500);

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
            sites: Sites::new(origin(&settings.public_url, &settings.mount)),
            limiter: Limiter::new(),
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
        let place = match Place::of(parts.uri.path(), &self.mount) {
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

    /// Authentication comes before everything else below a SCIM base (R-E-05), then the rate of
    /// the connection, and only then what is asked for.
    async fn scim<B>(
        &self,
        scim: &Scim,
        parts: &Parts,
        body: B,
        observed: &Observed,
    ) -> Result<Response<Body>, Problem>
    where
        B: http_body::Body,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        if let Some(answer) = self.open_discovery(scim, parts).await {
            return answer;
        }
        let Self { authenticator, limiter, settings, .. } = self;
        let door = Door { authenticator, limiter, settings };
        let context = door.admit(parts, scim.connection.as_deref()).await?;
        observe::asked_by(&context);
        let admitted = (&door, context.clone());
        let answer = self.admitted(scim, parts, body, admitted, observed).await;
        if let Some(traffics) = &self.traffics {
            let good = answer.as_ref().is_ok_and(|answer| answer.status().is_success());
            let tested = good && probe::is_probe(parts, scim, &context);
            sighting::note(traffics, context.connection(), tested).await;
        }
        answer
    }

    /// Answers whoever was let in, unless they would not be any more once their body is there.
    async fn admitted<B>(
        &self,
        scim: &Scim,
        parts: &Parts,
        body: B,
        (door, mut context): (&Door<'_>, Context),
        observed: &Observed,
    ) -> Result<Response<Body>, Problem>
    where
        B: http_body::Body,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        let Self { directory, settings, limiter, background, .. } = self;
        let (connection, offer) = (context.connection().id, Arc::clone(context.offer()));
        let since = Moment::now();
        limiter.admit(connection, offer.limits(), settings)?;
        let endpoint = scim.endpoint(offer.catalog().types())?;
        observed.routed(endpoint.template());
        endpoint.check(&parts.method, offer.capabilities())?;
        let room = match endpoint {
            Endpoint::Bulk => Some(Arc::new(limiter.room(connection, settings).await?)),
            _ => None,
        };
        let body = self.body(&endpoint, parts, body, &context).await?;
        if since.elapsed() > BELIEVED {
            context = door.admit(parts, scim.connection.as_deref()).await?;
        }
        let (site, request_id) = (self.sites.of(connection, &offer), &observed.request_id);
        let call = Call {
            directory,
            settings,
            limiter,
            background,
            room,
            context,
            site,
            parts,
            body,
            request_id,
            wording: OnceLock::new(),
        };
        let answer = handlers::answer(&call, &endpoint).await;
        if let Some(dialects) = &self.dialects {
            sighting::show(dialects, &call, &endpoint).await;
        }
        answer
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

    /// Reads the body of a method that has one, as far as the connection takes it.
    async fn body<B>(
        &self,
        endpoint: &Endpoint,
        parts: &Parts,
        body: B,
        context: &Context,
    ) -> Result<Bytes, Problem>
    where
        B: http_body::Body,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        if !matches!(parts.method, Method::POST | Method::PUT | Method::PATCH) {
            return Ok(Bytes::new());
        }
        let limits = context.offer().limits();
        let limit = match endpoint {
            Endpoint::Bulk => self.settings.bulk_payload_of(limits),
            _ => self.settings.body_limit_of(limits),
        };
        let read = read_body::read(body, &parts.headers, limit, self.settings.body_timeout).await;
        read.map_err(|problem| match endpoint {
            Endpoint::Bulk => problem.at("`maxPayloadSize`"),
            _ => problem,
        })
    }

    /// Answers a request for discovery where that is open to all, and nobody says who asks
    /// (R-DISC-05). A connection that isn't there answers as one that is without a token does.
    async fn open_discovery(
        &self,
        scim: &Scim,
        parts: &Parts,
    ) -> Option<Result<Response<Body>, Problem>> {
        let open = self.settings.discovery == Discovery::Open;
        if !open || parts.headers.contains_key(AUTHORIZATION) {
            return None;
        }
        let endpoint = scim.endpoint(standard::types()).ok()?;
        let Endpoint::Discovery(entry) = &endpoint else { return None };
        let (offer, site) = match self.offered(scim.connection.as_deref()).await.transpose()? {
            Ok(found) => found,
            Err(problem) => return Some(Err(problem)),
        };
        let shown = Shown {
            settings: &self.settings,
            directory: &self.directory,
            offer: &offer,
            site: &site,
        };
        let checked = endpoint.check(&parts.method, offer.capabilities());
        Some(checked.and_then(|()| discovery::answer(&shown, entry, parts)))
    }

    /// What a connection offers, and where; without an id, what any does that nothing was decided
    /// about.
    async fn offered(
        &self,
        connection: Option<&str>,
    ) -> Result<Option<(Arc<Offer>, Site)>, Problem> {
        let Some(id) = connection else {
            let offer = Arc::clone(plain());
            let site = self.sites.of_any(&offer);
            return Ok(Some((offer, site)));
        };
        let Ok(id) = id.parse() else { return Ok(None) };
        let offer = self.authenticator.discover(id).await.map_err(Error::from)?;
        Ok(offer.map(|offer| {
            let site = self.sites.of(id, &offer);
            (offer, site)
        }))
    }
}

/// What a connection offers that nothing was decided about.
fn plain() -> &'static Arc<Offer> {
    static PLAIN: LazyLock<Arc<Offer>> = LazyLock::new(|| {
        const NOBODY: &str = "00000000000000000000000000000000";
        let id = format!("conn_{NOBODY}").parse().expect("an id");
        let organization = format!("org_{NOBODY}").parse().expect("an id");
        let made = Instant::from_millis(0);
        let nobody = Connection::new(id, organization, IdpKind::Generic, made);
        Arc::new(Offer::of(&nobody).expect("the standard definitions fit together"))
    });
    &PLAIN
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
