//! Certificates that a test makes, and a client that speaks TLS with them.

use std::sync::Arc;

use http_body_util::BodyExt as _;
use hyper_util::rt::TokioIo;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::client::{Answer, Request};
use crate::issuer::encoded;

/// The name that certificates of servers have.
pub const NAME: &str = "localhost";

/// Who signs certificates.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key.
#[derive(Debug)]
pub struct Identity {
    /// In PEM.
    pub certificate: String,
    /// In PEM.
    pub key: String,
    der: CertificateDer<'static>,
    key_der: Vec<u8>,
}

impl Authority {
    /// A new one.
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key is made");
        Self(CertifiedIssuer::self_signed(params, key).expect("it signs itself"))
    }

    /// Its own certificate in PEM.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for a server on this machine.
    pub fn server(&self) -> Identity {
        self.identity(vec![NAME.into()], ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A certificate for a client.
    pub fn client(&self, name: &str) -> Identity {
        self.identity(vec![name.into()], ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn identity(&self, names: Vec<String>, usage: ExtendedKeyUsagePurpose) -> Identity {
        let subject = names.first().cloned().unwrap_or_default();
        let mut params = CertificateParams::new(names).expect("good names");
        params.distinguished_name.push(rcgen::DnType::CommonName, subject);
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().expect("a key is made");
        let certificate = params.signed_by(&key, &self.0).expect("it is signed");
        Identity {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
            der: certificate.der().clone(),
            key_der: key.serialize_der(),
        }
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

impl Identity {
    /// `x5t#S256` (RFC 8705 §3.1).
    pub fn thumbprint(&self) -> String {
        encoded(&Sha256::digest(&self.der))
    }

    /// Whether this is the certificate.
    pub fn is(&self, der: &CertificateDer<'_>) -> bool {
        self.der.as_ref() == der.as_ref()
    }
}

/// A client that speaks TLS.
#[derive(Clone)]
pub struct Secured {
    address: String,
    connector: TlsConnector,
}

impl Secured {
    /// A client of the server at `127.0.0.1:1234`, which trusts an authority and shows a
    /// certificate if it has one.
    pub fn new(address: &str, trusts: &Authority, shows: Option<&Identity>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(trusts.0.der().clone()).expect("a good certificate");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("TLS 1.2 and 1.3")
            .with_root_certificates(roots);
        let config = match shows {
            None => config.with_no_client_auth(),
            Some(shows) => {
                let key = PrivateKeyDer::Pkcs8(shows.key_der.clone().into());
                config.with_client_auth_cert(vec![shows.der.clone()], key).expect("a good key")
            }
        };
        Self { address: address.into(), connector: TlsConnector::from(Arc::new(config)) }
    }

    /// Sends a request over a connection of its own. Answers with the certificate of the server.
    ///
    /// # Errors
    /// Whatever went wrong below HTTP.
    pub async fn send(
        &self,
        request: Request,
    ) -> Result<(Answer, CertificateDer<'static>), String> {
        let told = |error: &dyn std::fmt::Display| error.to_string();
        let socket = TcpStream::connect(&self.address).await.map_err(|error| told(&error))?;
        let name = ServerName::try_from(NAME).expect("a name");
        let stream = self.connector.connect(name, socket).await.map_err(|error| told(&error))?;
        let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
        let shown = shown.expect("a server shows a certificate").clone().into_owned();
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream));
        let (mut sender, connection) = handshake.await.map_err(|error| told(&error))?;
        let driven = tokio::spawn(connection);
        let (asked, mut message) = request.into_message();
        message.headers_mut().insert("host", NAME.parse().expect("a header"));
        let began = std::time::Instant::now();
        let answer = sender.send_request(message).await.map_err(|error| told(&error))?;
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.map_err(|error| told(&error))?.to_bytes();
        driven.abort();
        Ok((Answer::new(asked, &parts, body, began.elapsed()), shown))
    }
}

impl std::fmt::Debug for Secured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secured").field("address", &self.address).finish_non_exhaustive()
    }
}
