//! Access tokens as JSON Web Tokens: granted, checked, and trusted from issuers elsewhere.
//!
//! [`OAuth`] is both sides of it. As an authorization server it grants access tokens to the
//! clients of connections, for a secret, for an assertion that they signed themselves (RFC 7523),
//! or for one of an issuer that an operator trusts (workload identity federation, R-OAUTH-02). As
//! a resource server it checks those tokens, and tokens of trusted issuers that are shown as they
//! are. An [`Oidc`] says who an operator is that signed in elsewhere.
//!
//! Every connection is an issuer of its own, whose one client has the id of the connection, and
//! whose tokens are good for that connection alone (R-OAUTH-08). All of them are signed with keys
//! that the server rotates by itself ([`OAuth::tick`]) and that replicas share through the
//! [`Registry`](rollcall_domain::Registry).
//!
//! ```
//! use std::sync::Arc;
//!
//! use async_trait::async_trait;
//! use rollcall_domain::{
//!     AccessTokens as _, Admin, AuthorizationServer as _, Caller, ConnectionId, Fetch,
//!     FetchError, Keyring, NewConnection, NewToken, Place, SystemClock, TokenRequest, UuidIds,
//! };
//! use rollcall_oauth::OAuth;
//! use rollcall_testkit::MemoryStore;
//! use serde_json::{Value, json};
//!
//! /// Nobody's issuer is trusted here; `rollcall-outbound` is for where some are.
//! struct Nothing;
//!
//! #[async_trait]
//! impl Fetch for Nothing {
//!     async fn json(&self, url: &str) -> Result<Value, FetchError> {
//!         Err(FetchError(format!("{url} is not fetched")))
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = Arc::new(MemoryStore::new());
//! let (clock, ids) = (Arc::new(SystemClock), Arc::new(UuidIds));
//! let admin = Admin::new(store.clone(), store.clone(), clock.clone(), ids.clone());
//! let made = admin.connect(&Caller::CLI, "Acme", &NewConnection::default()).await?;
//! let connection: ConnectionId = made.connection.id;
//!
//! let keys = Arc::new(Keyring::generate(rollcall_schema::Instant::from_millis(0))?.parse()?);
//! let at = "https://scim.example.com".to_owned();
//! let oauth = OAuth::new(store, keys, Arc::new(Nothing), clock, ids, at);
//! let metadata = oauth.metadata(connection);
//! assert_eq!(
//!     metadata["token_endpoint"],
//!     format!("https://scim.example.com/connections/{connection}/oauth/token"),
//! );
//!
//! // Nobody is let in without proof.
//! let request = TokenRequest {
//!     connection,
//!     grant_type: Some("client_credentials"),
//!     client_id: Some(&connection.to_string()),
//!     client_secret: Some("guessed"),
//!     assertion_type: None,
//!     assertion: None,
//!     scope: None,
//!     certificate: None,
//! };
//! assert!(oauth.grant(request).await.is_err());
//! assert_eq!(oauth.check("eyJ.not.one", Some(connection)).await?, None);
//! # Ok(())
//! # }
//! ```
//!
//! # What it does not do
//!
//! It knows no HTTP: it reads no requests and writes no answers, and fetches through the port
//! [`Fetch`](rollcall_domain::Fetch). It signs nobody in: there is no authorization code, and no
//! refresh token (RFC 6749 §4.4.3). Whether a credential still lives when an access token is shown
//! is [`Authenticator`](rollcall_domain::Authenticator)'s to ask.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod authority;
mod check;
mod claims;
mod clients;
mod grant;
mod issuer_keys;
mod jwt;
mod oidc;
mod public_keys;
mod rotation;
mod signing_keys;

pub use authority::OAuth;
pub use grant::LIVES_FOR;
pub use oidc::Oidc;
