//! TLS on real sockets: both protocols, certificates that change, clients that have their own.

use std::net::SocketAddr;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rollcall_domain::{Thumbprint, Token};
use rollcall_http::{ALPN, Settings, Tls, serve_tls};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

use crate::world::{Tenant, World};

const SOON: Duration = Duration::from_secs(60);

/// Somebody who signs certificates.
struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key.
struct Identity {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn identity(&self, name: &str) -> Identity {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        Identity { certificate: certificate.der().clone(), key }
    }

    fn roots(&self) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        Arc::new(roots)
    }

    /// A server that asks clients for certificates of this authority, and takes none too.
    fn server(&self) -> Arc<ServerConfig> {
        let Identity { certificate, key } = self.identity("localhost");
        let verifier = WebPkiClientVerifier::builder(self.roots());
        let verifier = verifier.allow_unauthenticated().build().unwrap();
        let mut config = ServerConfig::builder()
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![certificate], key)
            .unwrap();
        config.alpn_protocols = ALPN.iter().map(|name| name.to_vec()).collect();
        Arc::new(config)
    }

    /// A client that believes this authority.
    fn client(&self, own: Option<&Identity>, protocol: &[u8]) -> Arc<ClientConfig> {
        let builder = ClientConfig::builder().with_root_certificates((*self.roots()).clone());
        let mut config = match own {
            Some(Identity { certificate, key }) => {
                builder.with_client_auth_cert(vec![certificate.clone()], key.clone_key()).unwrap()
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![protocol.to_vec()];
        Arc::new(config)
    }
}

struct Server {
    address: SocketAddr,
    config: Arc<RwLock<Arc<ServerConfig>>>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

async fn start(world: World, config: Arc<ServerConfig>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
    let config = Arc::new(RwLock::new(config));
    let current = Arc::clone(&config);
    let tls = Tls::new(move || Arc::clone(&current.read().unwrap()));
    let task = tokio::spawn(serve_tls(listener, tls, Arc::new(world.app), stop.clone(), SOON));
    Server { address, config, stop, task }
}

impl Server {
    async fn open(&self, client: Arc<ClientConfig>) -> std::io::Result<TlsStream<TcpStream>> {
        let socket = TcpStream::connect(self.address).await?;
        let name = ServerName::try_from("localhost").unwrap();
        timeout(SOON, TlsConnector::from(client).connect(name, socket)).await.expect("in time")
    }
}

/// Asks once by HTTP/1.1.
async fn ask(stream: TlsStream<TcpStream>, path: &str, token: &str) -> (StatusCode, Bytes) {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    let task = tokio::spawn(connection);
    let request = Request::get(path)
        .header("host", "localhost")
        .header("authorization", format!("Bearer {token}"))
        .body(Empty::<Bytes>::new())
        .unwrap();
    let answer = timeout(SOON, sender.send_request(request)).await.expect("in time").unwrap();
    let status = answer.status();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    task.abort();
    (status, body)
}

#[tokio::test]
async fn both_protocols_are_spoken_over_tls() {
    // R-AUTH-02
    let authority = Authority::new();
    let server = start(World::new().await, authority.server()).await;
    let stream = server.open(authority.client(None, b"http/1.1")).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert_eq!(ask(stream, "/healthz", "x").await, (StatusCode::OK, "ok".into()));
    let stream = server.open(authority.client(None, b"h2")).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    let task = tokio::spawn(connection);
    let request = Request::get("https://localhost/healthz").body(Empty::<Bytes>::new()).unwrap();
    let answer = timeout(SOON, sender.send_request(request)).await.expect("in time").unwrap();
    assert_eq!(answer.status(), 200);
    task.abort();
    // Plain HTTP is no TLS, and ends its own socket alone.
    let mut plain = TcpStream::connect(server.address).await.unwrap();
    plain.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut told = Vec::new();
    let _ = timeout(SOON, plain.read_to_end(&mut told)).await.expect("it is closed");
    assert!(!told.starts_with(b"HTTP"), "{told:?}");
    let stream = server.open(authority.client(None, b"http/1.1")).await.unwrap();
    assert_eq!(ask(stream, "/healthz", "x").await.0, 200);
    // Whoever has not even said hello holds nothing up.
    let silent = TcpStream::connect(server.address).await.unwrap();
    server.stop.cancel();
    timeout(Duration::from_secs(9), server.task).await.expect("it ends").unwrap();
    drop(silent);
}

#[tokio::test]
async fn certificates_change_without_a_restart() {
    // R-AUTH-02
    let (old, new) = (Authority::new(), Authority::new());
    let server = start(World::new().await, old.server()).await;
    let open = server.open(old.client(None, b"http/1.1")).await.unwrap();
    assert!(server.open(new.client(None, b"http/1.1")).await.is_err());
    *server.config.write().unwrap() = new.server();
    let fresh = server.open(new.client(None, b"http/1.1")).await.unwrap();
    assert_eq!(ask(fresh, "/healthz", "x").await.0, 200);
    assert!(server.open(old.client(None, b"http/1.1")).await.is_err());
    // What was open stays open.
    assert_eq!(ask(open, "/healthz", "x").await.0, 200);
}

#[tokio::test]
async fn tokens_are_good_with_their_own_certificate_alone() {
    // R-OAUTH-05
    let authority = Authority::new();
    let (own, other) = (authority.identity("idp"), authority.identity("other"));
    let foreign = Authority::new().identity("idp");
    let world = World::with(Settings::default()).await;
    let thumbprint = Thumbprint(Sha256::digest(&own.certificate).into());
    let bound = |token| Token { certificate: Some(thumbprint), ..token };
    let Tenant { path, token } = world.token_of(&world.a, bound).await;
    let plain = world.a.token.clone();
    let server = start(world, authority.server()).await;
    let path = format!("{path}/Users");
    for (identity, token, status) in [
        (Some(&own), &token, 200),
        (Some(&other), &token, 401),
        (None, &token, 401),
        (Some(&own), &plain, 200),
        (None, &plain, 200),
    ] {
        let stream = server.open(authority.client(identity, b"http/1.1")).await.unwrap();
        assert_eq!(ask(stream, &path, token).await.0, status);
    }
    // A certificate that nobody believed gets no further than the handshake.
    if let Ok(mut stream) = server.open(authority.client(Some(&foreign), b"http/1.1")).await {
        let request = "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
        let _ = stream.write_all(request.as_bytes()).await;
        let mut told = Vec::new();
        let _ = timeout(SOON, stream.read_to_end(&mut told)).await.expect("it is closed");
        assert!(told.is_empty(), "{told:?}");
    }
}
