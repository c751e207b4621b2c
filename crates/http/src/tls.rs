//! TLS in front of HTTP: handshakes, and who is at the other end by its certificate.

use std::fmt;
use std::future::Future;
use std::io;
use std::sync::Arc;

use rollcall_domain::Thumbprint;
use rustls::ServerConfig;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::PeerCertificate;
use crate::patient::Patient;

/// The protocols that a [`ServerConfig`] should offer, best first (RFC 7301).
pub const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// What a server proves to be itself with, and which clients it believes.
///
/// The configuration is asked for with each new socket: whoever puts another in its place changes
/// the certificate of every socket from then on, and breaks none that is open.
#[derive(Clone)]
pub struct Tls(Arc<dyn Fn() -> Arc<ServerConfig> + Send + Sync>);

impl Tls {
    /// TLS by whatever configuration `current` gives at the moment. It offers [`ALPN`], or clients
    /// speak HTTP/1.1 alone.
    pub fn new(current: impl Fn() -> Arc<ServerConfig> + Send + Sync + 'static) -> Self {
        Self(Arc::new(current))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls(…)")
    }
}

/// How a socket is opened before HTTP is spoken on it.
pub(crate) trait Accept: Clone + Send + Sync + 'static {
    type Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static;

    fn accept(
        &self,
        socket: Patient<TcpStream>,
    ) -> impl Future<Output = io::Result<(Self::Stream, Option<PeerCertificate>)>> + Send;
}

/// Nothing stands between TCP and HTTP.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plain;

impl Accept for Plain {
    type Stream = Patient<TcpStream>;

    async fn accept(
        &self,
        socket: Patient<TcpStream>,
    ) -> io::Result<(Self::Stream, Option<PeerCertificate>)> {
        Ok((socket, None))
    }
}

impl Accept for Tls {
    type Stream = TlsStream<Patient<TcpStream>>;

    /// R-OAUTH-05: a certificate that the configuration did not ask for, or did not believe, is
    /// never seen here.
    async fn accept(
        &self,
        socket: Patient<TcpStream>,
    ) -> io::Result<(Self::Stream, Option<PeerCertificate>)> {
        let stream = TlsAcceptor::from((self.0)()).accept(socket).await?;
        let (_, session) = stream.get_ref();
        let own = session.peer_certificates().and_then(<[_]>::first);
        let certificate = own.map(|der| PeerCertificate(Thumbprint(Sha256::digest(der).into())));
        Ok((stream, certificate))
    }
}
