//! SCIM 2.0 over hyper: a thin adapter in front of the domain services.
//!
//! [`App`] turns an HTTP request into one call of [`Directory`](rollcall_domain::Directory) and
//! renders what comes back; [`serve`] runs it on a port for HTTP/1.1 and HTTP/2, and [`serve_tls`]
//! on one that speaks TLS.
//! Whoever has an HTTP server already takes [`App::handle`] alone and mounts it there: it takes
//! any body, needs nothing but a Tokio runtime, and answers every failure itself.
//!
//! ```no_run
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use rollcall_domain::{Authenticator, Directory, Registry, Store, SystemClock, UuidIds};
//! use rollcall_http::{App, Settings, serve};
//! use tokio::net::TcpListener;
//! use tokio_util::sync::CancellationToken;
//!
//! async fn run(store: Arc<dyn Store>, registry: Arc<dyn Registry>) -> std::io::Result<()> {
//!     let directory = Directory::new(store.clone(), Arc::new(SystemClock), Arc::new(UuidIds));
//!     let settings = Settings {
//!         public_url: "https://scim.example.com".into(),
//!         ..Settings::default()
//!     };
//!     let app = Arc::new(App::new(directory, Authenticator::new(registry), store, settings));
//!
//!     // Inside of another server, for each request below `/connections` and `/scim`:
//!     let request = http::Request::get("/healthz").body(http_body_util::Empty::<&[u8]>::new());
//!     if let Ok(request) = request {
//!         assert_eq!(app.handle(request).await.status(), 200);
//!     }
//!
//!     // Or by itself:
//!     let listener = TcpListener::bind("127.0.0.1:8080").await?;
//!     serve(listener, app, CancellationToken::new(), Duration::from_secs(30)).await;
//!     Ok(())
//! }
//! ```
//!
//! # Paths
//!
//! - `{mount}/connections/{connectionId}/scim/v2/…` and `{mount}/scim/v2/…`, with or without `/v2`
//!   (RFC 7644 §3.13); trailing and doubled slashes change nothing.
//! - `{mount}/connections/{connectionId}/oauth/token`, `{mount}/oauth/jwks`, and the metadata of
//!   RFC 8414 at `/.well-known/oauth-authorization-server{mount}/connections/{connectionId}` and at
//!   `{mount}/connections/{connectionId}/.well-known/oauth-authorization-server`, where
//!   [`App::with_authorization`] was called.
//! - `/healthz`, `/readyz` and `/metrics`, outside of the mount, without a token.
//! - `/api/v1/…`, outside of the mount: the [admin API](AdminApi), where there is one.
//!
//! # What a connection doesn't offer
//!
//! Discovery shows what a connection [offers](rollcall_domain::Capabilities), and requests get
//! exactly that (RFC 7644 §4).
//!
//! - Without PATCH or bulk requests, these are answered 501.
//! - Without filters, a filter is refused as `invalidFilter`, as any other that can't be answered
//!   (RFC 7644 table 9): to pass over it would answer with resources that nobody asked for.
//! - Without sorting, `sortBy` is passed over and the order is that of creation (R-SORT-07).
//! - Without versions there is no `ETag` of resources and no `meta.version`; `If-None-Match` is
//!   passed over, and an `If-Match` that names a version is answered 412.
//! - Without cursors, `cursor` is refused.
//! - Without early answers, `Prefer: respond-async` is passed over.
//!
//! # What it does not do
//!
//! It decides nothing about resources: that is `rollcall-domain`'s.
//! It answers no browser of another origin, and makes no TLS configuration: [`Tls`] takes one.
//! A query with a raw `"`, `<` or `>` is no URI: hyper answers it with a plain 400 before anybody
//! here sees it.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod admin;
mod alike;
mod app;
mod auth;
mod body;
mod bulk;
mod handlers;
mod json;
mod limits;
mod links;
mod media;
mod oauth;
mod observe;
mod parameters;
mod patient;
mod precondition;
mod probe;
mod problem;
mod read_body;
mod render;
mod reply;
mod route;
mod serve;
mod settings;
mod sighting;
mod site;
mod tls;
mod write;

pub use admin::AdminApi;
pub use app::App;
pub use body::{Body, Broken};
pub use limits::{Peer, PeerCertificate};
pub use serve::{serve, serve_operations, serve_tls};
pub use settings::{Discovery, MetricsAt, Settings};
pub use tls::{ALPN, Tls};
