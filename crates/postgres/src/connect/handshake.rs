//! A TLS handshake that tells afterwards how far it came.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use rustls::ClientConfig;
use tokio_postgres::Socket;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres_rustls::MakeRustlsConnect;

type Inner = <MakeRustlsConnect as MakeTlsConnect<Socket>>::TlsConnect;
type Stream = <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream;

const NOT_BEGUN: u8 = 0;
const BEGUN: u8 = 1;
const DONE: u8 = 2;

/// Makes handshakes; of several, the last one counts.
#[derive(Clone)]
pub(super) struct Handshakes {
    inner: MakeRustlsConnect,
    reached: Arc<AtomicU8>,
}

impl Handshakes {
    pub(super) fn new(config: ClientConfig) -> Self {
        Self { inner: MakeRustlsConnect::new(config), reached: Arc::new(AtomicU8::new(NOT_BEGUN)) }
    }

    /// Whether the server offered TLS and both agreed.
    pub(super) fn succeeded(&self) -> bool {
        self.reached.load(Ordering::Relaxed) == DONE
    }

    /// Whether the server offered TLS and they didn't agree.
    pub(super) fn failed(&self) -> bool {
        self.reached.load(Ordering::Relaxed) == BEGUN
    }
}

impl MakeTlsConnect<Socket> for Handshakes {
    type Stream = Stream;
    type TlsConnect = Handshake;
    type Error = Infallible;

    fn make_tls_connect(&mut self, host: &str) -> Result<Handshake, Infallible> {
        self.reached.store(NOT_BEGUN, Ordering::Relaxed);
        let inner = MakeTlsConnect::<Socket>::make_tls_connect(&mut self.inner, host)?;
        Ok(Handshake { inner, reached: Arc::clone(&self.reached) })
    }
}

/// One handshake.
pub(super) struct Handshake {
    inner: Inner,
    reached: Arc<AtomicU8>,
}

impl TlsConnect<Socket> for Handshake {
    type Stream = Stream;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Stream>>;

    fn connect(self, socket: Socket) -> Self::Future {
        self.reached.store(BEGUN, Ordering::Relaxed);
        async move {
            let stream = self.inner.connect(socket).await?;
            self.reached.store(DONE, Ordering::Relaxed);
            Ok(stream)
        }
        .boxed()
    }
}
