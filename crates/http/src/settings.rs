//! The plain values that a server is set up with.

use std::net::IpAddr;
use std::time::Duration;

use rollcall_domain::Rate;

/// How SCIM is served. Every value is legal; [`Settings::default`] holds the documented ones. What a
/// connection's own [`Limits`](rollcall_domain::Limits) say counts before them.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `scheme://host[:port][/path]` as clients reach the server. `Location`, `meta.location` and
    /// `$ref` begin with it; what a request says about its host is never believed (R-HTTP-12).
    pub public_url: String,
    /// What stands before `/connections` and `/scim` in paths, such as `/api/auth`; may be empty.
    pub mount: String,
    /// The largest request body in bytes, but for `/Bulk` (R-HTTP-10).
    pub body_limit: usize,
    /// The most operations of a bulk request (R-BULK-08).
    pub bulk_operations: u32,
    /// The largest body of a bulk request in bytes (R-BULK-08).
    pub bulk_payload: usize,
    /// How long a bulk request waits for its turn: 8 are held in memory at once, and 2 of one
    /// connection, those included that were answered before they were done (R-E-16, R-E-17).
    pub bulk_wait: Duration,
    /// How many requests of connections are worked on at once, bulk requests apart. Others wait,
    /// and connections that wait take turns. Who sends a body slowly, or reads an answer slowly, is
    /// not worked on meanwhile.
    pub at_once: usize,
    /// How many of those may be one connection's.
    pub at_once_each: usize,
    /// How many requests of one connection may wait; one more is answered 429.
    pub queue: usize,
    /// How long a request may wait until it is answered 503.
    pub queue_wait: Duration,
    /// How long a request may take to send its body.
    pub body_timeout: Duration,
    /// The resources on a page when the client names no number.
    pub page_default: u32,
    /// The most resources on a page, whatever the client names (R-PAGE-03).
    pub page_max: u32,
    /// How many requests a connection may send; no limit where there is none. Fewer than 25 a
    /// second count as 25.
    pub rate: Option<Rate>,
    /// How many wrong tokens one address may send to a connection: so many at once, and then so
    /// many a second, before it is answered 429 unheard (R-SEC-06). Tokens that were good lately
    /// are heard at all times, and requests without a token cost nothing.
    pub failures: Rate,
    /// Proxies whose `X-Forwarded-For` says who asks; nobody else's is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// Who may read discovery (R-DISC-05).
    pub discovery: Discovery,
    /// Where `/metrics` is.
    pub metrics: MetricsAt,
    /// How long the store may take to say that it is ready.
    pub ready_timeout: Duration,
    /// How many sockets are served at once; others wait to be accepted.
    pub sockets: usize,
    /// How long a client may take to send the head of its next request. Balancers keep idle
    /// sockets for 60 seconds, mostly: one that is closed under them earlier costs a request.
    pub head_timeout: Duration,
    /// How long a client may read nothing of what is sent to it.
    pub send_timeout: Duration,
}

/// Who may read `/ServiceProviderConfig`, `/Schemas` and `/ResourceTypes`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Discovery {
    /// Whoever has a token.
    #[default]
    Guarded,
    /// Everyone.
    Open,
}

/// Where `/metrics` is served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MetricsAt {
    /// Beside SCIM, and on a listener of its own where there is one.
    #[default]
    Everywhere,
    /// By [`serve_operations`](crate::serve_operations) alone.
    OwnListener,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            public_url: String::new(),
            mount: String::new(),
            body_limit: 1024 * 1024,
            bulk_operations: 5000,
            bulk_payload: 10 * 1024 * 1024,
            bulk_wait: Duration::from_secs(30),
            at_once: 64,
            at_once_each: 32,
            queue: 500,
            queue_wait: Duration::from_secs(30),
            body_timeout: Duration::from_secs(30),
            page_default: 100,
            page_max: 1000,
            rate: None,
            failures: Rate { per_second: 5, burst: 500 },
            trusted_proxies: Vec::new(),
            discovery: Discovery::default(),
            metrics: MetricsAt::default(),
            ready_timeout: Duration::from_secs(2),
            sockets: 10_000,
            head_timeout: Duration::from_secs(75),
            send_timeout: Duration::from_secs(30),
        }
    }
}
