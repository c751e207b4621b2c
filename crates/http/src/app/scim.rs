//! One request below a SCIM base: who asks, how much, and only then for what.

use std::error::Error as StdError;
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::Instant as Moment;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{Method, Response};
use rollcall_domain::{Connection, Context, Error, IdpKind, Offer};
use rollcall_schema::{Instant, standard};

use super::App;
use crate::auth::{BELIEVED, Door};
use crate::handlers::discovery::{self, Shown};
use crate::handlers::{self, Call};
use crate::observe::{self, Observed};
use crate::problem::Problem;
use crate::route::{Endpoint, Scim};
use crate::settings::Discovery;
use crate::site::Site;
use crate::{Body, probe, read_body, sighting};

impl App {
    /// Authentication comes before everything else below a SCIM base (R-E-05), then the rate of
    /// the connection, and only then what is asked for.
    pub(super) async fn scim<B>(
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

    /// Answers whoever was let in, unless they would not be any more once it is their turn.
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
        let early = match endpoint {
            Endpoint::Bulk => Some(limiter.bulk_turn(connection, settings).await?),
            _ => None,
        };
        let body = self.body(&endpoint, parts, body, &context).await?;
        let turn = match early {
            Some(turn) => turn,
            None => limiter.turn(connection, settings).await?,
        };
        if since.elapsed() > BELIEVED {
            context = door.admit(parts, scim.connection.as_deref()).await?;
        }
        let (site, request_id) = (self.sites.of(connection, &offer), &observed.request_id);
        let call = Call {
            directory,
            settings,
            limiter,
            background,
            turn: Arc::new(turn),
            context,
            site,
            parts,
            body,
            request_id,
            wording: OnceLock::new(),
        };
        let answer = handlers::answer(&call, &endpoint).await;
        let answer =
            answer.map(|answer| answer.map(|body| limiter.in_turns(connection, settings, body)));
        if let Some(dialects) = &self.dialects {
            sighting::show(dialects, &call, &endpoint).await;
        }
        answer
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
