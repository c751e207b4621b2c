//! The client itself: one guarded fetch.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hyper_rustls::ConfigBuilderExt as _;
use rollcall_domain::{Fetch, FetchError};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::Allow;
use crate::exchange::exchange;
use crate::target::Target;

/// How long a fetch may take in all, from the look-up of the name to the last byte.
pub const LONGEST: Duration = Duration::from_secs(5);

/// How large an answer may be, in bytes.
pub const LARGEST: usize = 256 * 1024;

/// How long one address of several may take to answer.
const CONNECT: Duration = Duration::from_millis(1500);

/// Fetches JSON, guarded against whatever a URL may lead to (R-E-22).
#[derive(Clone)]
pub struct Outbound {
    allow: Arc<Allow>,
    within: Duration,
    tls: TlsConnector,
}

impl Outbound {
    /// A client that trusts the certificate authorities which browsers trust, and fetches from
    /// public addresses, and from the allowed origins.
    pub fn new(allow: Allow) -> Self {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider speaks TLS 1.2 and 1.3")
            .with_webpki_roots()
            .with_no_client_auth();
        Self { allow: Arc::new(allow), within: LONGEST, tls: Arc::new(config).into() }
    }

    /// The same with another limit in place of [`LONGEST`].
    #[must_use]
    pub fn within(self, within: Duration) -> Self {
        Self { within, ..self }
    }

    async fn fetch(&self, url: &str) -> Result<Value, String> {
        let target = Target::parse(url, &self.allow)?;
        let addresses = target.addresses().await?;
        let stream = connect(&addresses).await?;
        if !target.origin.is_tls {
            return exchange(stream, &target.uri).await;
        }
        let name = ServerName::try_from(target.origin.host().to_owned());
        let name = name.map_err(|_| "the host has no name that a certificate could have")?;
        let secured = self.tls.connect(name, stream).await;
        exchange(secured.map_err(|error| format!("no TLS: {error}"))?, &target.uri).await
    }
}

#[async_trait]
impl Fetch for Outbound {
    async fn json(&self, url: &str) -> Result<Value, FetchError> {
        let fetched = timeout(self.within, self.fetch(url)).await;
        let late = || Err(format!("no answer within {} ms", self.within.as_millis()));
        fetched.unwrap_or_else(|_| late()).map_err(FetchError)
    }

    fn may(&self, url: &str) -> Result<(), FetchError> {
        Target::parse(url, &self.allow).map(drop).map_err(FetchError)
    }
}

/// Connects to the first of these addresses that answers, and to no other.
async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, String> {
    let mut failed = String::from("there is no address");
    for address in addresses {
        match timeout(CONNECT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => failed = format!("no connection: {error}"),
            Err(_) => failed = "no connection in time".into(),
        }
    }
    Err(failed)
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbound").field("allow", &self.allow).finish_non_exhaustive()
    }
}
