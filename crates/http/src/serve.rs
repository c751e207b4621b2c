//! Serves an [`App`] on sockets: HTTP/1.1 and HTTP/2 on one port, ended without losing a request.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::patient::Patient;
use crate::tls::{Accept, Plain, Tls};
use crate::{App, Body, Peer, PeerCertificate, Settings};

/// How long to wait when no socket can be accepted, for want of file descriptors mostly.
const PAUSE: Duration = Duration::from_millis(50);

/// How long a client may take until HTTP can be spoken with it.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How often a quiet HTTP/2 client is asked whether it is still there.
const PING: Duration = Duration::from_secs(30);

/// The most bytes of one request's head.
const HEAD: usize = 64 * 1024;

/// How long operators' requests may take to end.
const SHORT_DRAIN: Duration = Duration::from_secs(1);

/// Serves until `stop`; then accepts nothing more, closes idle connections, and gives the
/// requests in flight `drain` to end, with what goes on behind those that were answered already.
pub async fn serve(listener: TcpListener, app: Arc<App>, stop: CancellationToken, drain: Duration) {
    serve_by(Plain, listener, app, stop, drain).await;
}

/// Serves as [`serve`] does, over TLS (R-AUTH-02).
///
/// Client certificates come with requests as [`PeerCertificate`](crate::PeerCertificate).
pub async fn serve_tls(
    listener: TcpListener,
    tls: Tls,
    app: Arc<App>,
    stop: CancellationToken,
    drain: Duration,
) {
    serve_by(tls, listener, app, stop, drain).await;
}

async fn serve_by(
    accept: impl Accept,
    listener: TcpListener,
    app: Arc<App>,
    stop: CancellationToken,
    drain: Duration,
) {
    let server = Server::new(&app.settings, accept, stop.clone());
    let background = app.background.clone();
    let handle = move |request| {
        let app = Arc::clone(&app);
        async move { app.handle(request).await }
    };
    let stopping = async {
        stop.cancelled().await;
        Instant::now()
    };
    let (stopped, ()) = tokio::join!(stopping, server.run(listener, handle, drain));
    background.close();
    let left = drain.saturating_sub(stopped.elapsed());
    if tokio::time::timeout(left, background.wait()).await.is_err() {
        tracing::warn!(open = background.len(), "some work did not end in time");
    }
}

/// Serves `/healthz`, `/readyz` and `/metrics` alone, until `stop`.
pub async fn serve_operations(listener: TcpListener, app: Arc<App>, stop: CancellationToken) {
    let server = Server::new(&app.settings, Plain, stop);
    let handle = move |request| {
        let app = Arc::clone(&app);
        async move { app.handle_operation(request).await }
    };
    server.run(listener, handle, SHORT_DRAIN).await;
}

/// The sockets of one listener.
struct Server<A> {
    accept: A,
    builder: Builder<TokioExecutor>,
    permits: Arc<Semaphore>,
    watched: GracefulShutdown,
    tasks: TaskTracker,
    /// Ends the accepting of sockets.
    stop: CancellationToken,
    /// Ends what is still open when the time to drain is over.
    end: CancellationToken,
    head_timeout: Duration,
    send_timeout: Duration,
}

impl<A: Accept> Server<A> {
    fn new(settings: &Settings, accept: A, stop: CancellationToken) -> Self {
        let &Settings { sockets, head_timeout, send_timeout, .. } = settings;
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(head_timeout)
            .max_buf_size(HEAD);
        builder.http2().timer(TokioTimer::new()).keep_alive_interval(PING);
        Self {
            accept,
            builder,
            permits: Arc::new(Semaphore::new(sockets.clamp(1, Semaphore::MAX_PERMITS))),
            watched: GracefulShutdown::new(),
            tasks: TaskTracker::new(),
            stop,
            end: CancellationToken::new(),
            head_timeout,
            send_timeout,
        }
    }

    async fn run<H, F>(self, listener: TcpListener, handle: H, drain: Duration)
    where
        H: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        let accepting = async {
            while let Ok(permit) = Arc::clone(&self.permits).acquire_owned().await {
                match listener.accept().await {
                    Ok((socket, from)) => {
                        self.open(socket, Peer(from.ip()), handle.clone(), permit);
                    }
                    Err(error) => {
                        tracing::warn!(%error, "could not accept a socket");
                        tokio::time::sleep(PAUSE).await;
                    }
                }
            }
        };
        self.stop.run_until_cancelled(accepting).await;
        drop(listener);
        self.close(drain).await;
    }

    /// Serves one socket in a task of its own: a panic there ends that socket and nothing else.
    fn open<H, F>(&self, socket: TcpStream, peer: Peer, handle: H, permit: OwnedSemaphorePermit)
    where
        H: Fn(Request<Incoming>) -> F + Send + Sync + 'static,
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        // Answers are written whole: waiting for more to send only delays them.
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "a socket keeps its delay");
        }
        let socket = Patient::new(socket, self.send_timeout);
        let (accept, builder) = (self.accept.clone(), self.builder.clone());
        let (watcher, patience) = (self.watched.watcher(), self.head_timeout);
        let stop = self.stop.clone();
        let serving = async move {
            let opening = stop.run_until_cancelled(opened(&accept, socket));
            if let Some(Some((stream, certificate))) = opening.await {
                let handle = move |mut request: Request<Incoming>| {
                    request.extensions_mut().insert(peer);
                    if let Some(certificate) = certificate {
                        request.extensions_mut().insert(certificate);
                    }
                    handle(request)
                };
                serve_stream(&builder, stream, handle, watcher, patience).await;
            }
        };
        let end = self.end.clone();
        self.tasks.spawn(async move {
            end.run_until_cancelled(serving).await;
            drop(permit);
        });
    }

    async fn close(self, drain: Duration) {
        let Self { watched, tasks, end, .. } = self;
        tasks.close();
        if tokio::time::timeout(drain, watched.shutdown()).await.is_err() {
            tracing::warn!(open = tasks.len(), "some requests did not end in time");
        }
        end.cancel();
        tasks.wait().await;
    }
}

/// A socket that HTTP may be spoken on, unless its client took too long to get there.
async fn opened<A: Accept>(
    accept: &A,
    socket: Patient<TcpStream>,
) -> Option<(A::Stream, Option<PeerCertificate>)> {
    match tokio::time::timeout(HANDSHAKE, accept.accept(socket)).await {
        Ok(Ok(opened)) => Some(opened),
        Ok(Err(error)) => {
            tracing::debug!(%error, "a handshake failed");
            None
        }
        Err(_) => {
            tracing::debug!("a handshake took too long");
            None
        }
    }
}

/// Speaks HTTP on a stream until one side has enough of it.
async fn serve_stream<S, H, F>(
    builder: &Builder<TokioExecutor>,
    stream: S,
    handle: H,
    watcher: Watcher,
    patience: Duration,
) where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    H: Fn(Request<Incoming>) -> F + Send + Sync + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    let begun = AtomicBool::new(false);
    let service = service_fn(|request| {
        begun.store(true, Ordering::Relaxed);
        let answer = handle(request);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        outcome = watcher.watch(connection) => {
            if let Err(error) = outcome {
                tracing::debug!(%error, "a connection ended early");
            }
        }
        () = never_begins(&begun, patience) => {}
    }
}

/// Ends when a socket has sent no request for too long. Between requests the protocols watch over
/// that themselves, but not while it is still open which of them is spoken.
async fn never_begins(begun: &AtomicBool, patience: Duration) {
    tokio::time::sleep(patience).await;
    if begun.load(Ordering::Relaxed) {
        std::future::pending::<()>().await;
    }
}
