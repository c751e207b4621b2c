//! One span and three metrics for each request (style: names, never values).

use std::borrow::Cow;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, OnceLock};
use std::time::Instant;

use http::{HeaderMap, HeaderName, Method, StatusCode};
use rollcall_domain::{Context, ResourceId};
use tracing::Span;
use tracing::field::{Empty, display};

/// The header that carries the id of a request both ways (R-ERR-07).
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id that is taken from a client.
const LONGEST_ID: usize = 64;

/// A request while it is answered.
pub(crate) struct Observed {
    pub(crate) span: Span,
    pub(crate) request_id: String,
    method: &'static str,
    route: OnceLock<Cow<'static, str>>,
    started: Instant,
    _in_flight: InFlight,
}

impl Observed {
    /// Begins a span.
    pub(crate) fn begin(method: &Method, headers: &HeaderMap) -> Self {
        let (request_id, method) = (request_id(headers), name(method));
        let span = tracing::info_span!(
            "request",
            request_id,
            method,
            route = Empty,
            organization = Empty,
            connection = Empty,
            actor = Empty,
            "resource.type" = Empty,
            "resource.id" = Empty,
            status = Empty,
            duration_ms = Empty,
        );
        let in_flight = InFlight::enter();
        let (route, started) = (OnceLock::new(), Instant::now());
        Self { span, request_id, method, route, started, _in_flight: in_flight }
    }

    /// Says which route it is, by its template: the first that is told counts.
    pub(crate) fn routed(&self, template: Cow<'static, str>) {
        if self.route.get().is_none() {
            self.span.record("route", &*template);
            self.route.get_or_init(|| template);
        }
    }

    /// Ends it. The time is that until the answer begins.
    pub(crate) fn end(self, status: StatusCode) {
        let spent = self.started.elapsed();
        self.routed("unknown".into());
        self.span.record("status", status.as_u16());
        self.span.record("duration_ms", spent.as_secs_f64() * 1e3);
        let (method, route) = (self.method, self.route.into_inner().unwrap_or_default());
        metrics::histogram!(
            "rollcall_http_request_seconds", "method" => method, "route" => route.clone(),
        )
        .record(spent.as_secs_f64());
        metrics::counter!(
            "rollcall_http_requests_total",
            "method" => method, "route" => route, "status" => status.as_u16().to_string(),
        )
        .increment(1);
    }
}

/// Says in the span whose request it is.
pub(crate) fn asked_by(context: &Context) {
    let (span, scope) = (Span::current(), context.scope());
    span.record("organization", display(scope.organization));
    span.record("connection", display(scope.connection));
    span.record("actor", display(context.actor()));
}

/// Says in the span what is asked for.
pub(crate) fn asks_for(kind: &str, id: Option<&str>) {
    let span = Span::current();
    span.record("resource.type", kind);
    // What isn't an id may be anything, a person's name included.
    if let Some(id) = id.and_then(|id| id.parse::<ResourceId>().ok()) {
        span.record("resource.id", display(id));
    }
}

/// The client's own id where it is harmless, else a new one: random per process, then counted.
fn request_id(headers: &HeaderMap) -> String {
    static PROCESS: LazyLock<u64> = LazyLock::new(|| RandomState::new().build_hasher().finish());
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let harmless = |id: &&str| {
        (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
    };
    let sent = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(harmless);
    sent.map_or_else(
        || format!("{:016x}-{:x}", *PROCESS, COUNT.fetch_add(1, Ordering::Relaxed)),
        Into::into,
    )
}

/// Methods are labels: anything may be sent, few things are counted.
fn name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}

/// Counts a request as long as it lives, however it ends.
struct InFlight;

impl InFlight {
    fn enter() -> Self {
        metrics::gauge!("rollcall_http_requests_in_flight").increment(1.0);
        Self
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        metrics::gauge!("rollcall_http_requests_in_flight").decrement(1.0);
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn ids_of_clients_are_taken_when_harmless() {
        // R-ERR-07
        let of = |id: &[u8]| {
            let id = HeaderValue::from_bytes(id).unwrap();
            request_id(&HeaderMap::from_iter([(REQUEST_ID, id)]))
        };
        assert_eq!(of(b"abc-1"), "abc-1");
        assert_ne!(of(b"a b"), "a b");
        assert_ne!(of(b""), "");
        assert_ne!(of(&[b'x'; 65]), "x".repeat(65));
        assert_ne!(request_id(&HeaderMap::new()), request_id(&HeaderMap::new()));
    }
}
