//! TLS from PEM files, read again when they change.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, anyhow, bail};
use rollcall_domain::Thumbprint;
use rollcall_http::ALPN;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{Error, InconsistentKeys, RootCertStore, ServerConfig};
use sha2::{Digest as _, Sha256};

use self::any::AnyCertificate;

mod any;

/// The files that TLS is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    /// The certificate of the server, and those above it.
    pub(crate) certificate: PathBuf,
    /// Its private key.
    pub(crate) key: PathBuf,
    /// The authorities that client certificates must come from.
    pub(crate) client_ca: Option<PathBuf>,
}

/// Files that are looked at again and again.
#[derive(Debug)]
pub(crate) struct Watched {
    files: TlsFiles,
    seen: Vec<Option<[u8; 32]>>,
}

impl TlsFiles {
    /// What the files say.
    ///
    /// Every client is asked for a certificate, and none must have one: a credential that is bound
    /// to one is refused without it (R-OAUTH-05). Without authorities a certificate needs nobody
    /// above it, as its thumbprint alone counts (RFC 8705 §2.2).
    pub(crate) fn read(&self) -> anyhow::Result<ServerConfig> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let chain = certificates(&self.certificate)?;
        let key = private_key(&self.key)?;
        let clients = self.clients(&provider)?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(clients)
            .with_single_cert(chain, key)
            .map_err(|error| self.unfit(&error))?;
        config.alpn_protocols = ALPN.map(<[u8]>::to_vec).into();
        Ok(config)
    }

    /// What is wrong with files that could be read each.
    fn unfit(&self, error: &Error) -> anyhow::Error {
        let (key, certificate) = (self.key.display(), self.certificate.display());
        match error {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                anyhow!("the key in `{key}` is not that of the certificate in `{certificate}`")
            }
            error => {
                anyhow!("the key in `{key}` and `{certificate}` can't be used together: {error}")
            }
        }
    }

    fn clients(
        &self,
        provider: &Arc<CryptoProvider>,
    ) -> anyhow::Result<Arc<dyn ClientCertVerifier>> {
        let Some(path) = &self.client_ca else {
            return Ok(Arc::new(AnyCertificate::new(Arc::clone(provider))));
        };
        let mut roots = RootCertStore::empty();
        for certificate in certificates(path)? {
            let unfit = || format!("`{}` holds a certificate that is no authority", path.display());
            roots.add(certificate).with_context(unfit)?;
        }
        let builder =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
        Ok(builder.allow_unauthenticated().build()?)
    }

    fn digests(&self) -> Vec<Option<[u8; 32]>> {
        let files = [Some(&self.certificate), Some(&self.key), self.client_ca.as_ref()];
        let digest = |path: &PathBuf| {
            let bytes = std::fs::read(path).ok();
            bytes.map(|bytes| Sha256::digest(bytes).into())
        };
        files.into_iter().flatten().map(digest).collect()
    }
}

impl Watched {
    /// Files as they are now.
    pub(crate) fn new(files: TlsFiles) -> Self {
        Self { seen: files.digests(), files }
    }

    /// What the files say, if they say something else than at the last look.
    pub(crate) fn look(&mut self) -> Option<anyhow::Result<ServerConfig>> {
        let now = self.files.digests();
        let is_new = now != self.seen;
        self.seen = now;
        is_new.then(|| self.files.read())
    }

    /// What the files say, whether they changed or not.
    pub(crate) fn read(&mut self) -> anyhow::Result<ServerConfig> {
        self.seen = self.files.digests();
        self.files.read()
    }
}

/// The SHA-256 of the first certificate in a file (RFC 8705 §3.1).
pub(crate) fn thumbprint_in(path: &Path) -> anyhow::Result<Thumbprint> {
    let chain = certificates(path)?;
    let first = chain.first().with_context(|| format!("no certificate in `{}`", path.display()))?;
    Ok(Thumbprint(Sha256::digest(first).into()))
}

fn certificates(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let shown = path.display();
    let pem = std::fs::read(path).with_context(|| format!("reading the certificate `{shown}`"))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match found.with_context(|| format!("`{shown}` is no PEM file"))? {
        none if none.is_empty() => {
            bail!("`{shown}` holds no certificate: it begins with -----BEGIN CERTIFICATE-----")
        }
        found => Ok(found),
    }
}

fn private_key(path: &Path) -> anyhow::Result<PrivateKeyDer<'static>> {
    let shown = path.display();
    let pem = std::fs::read(path).with_context(|| format!("reading the private key `{shown}`"))?;
    // What the parser says could tell something of the key.
    PrivateKeyDer::from_pem_slice(&pem).ok().with_context(|| {
        format!(
            "`{shown}` holds no private key that can be read: it begins with -----BEGIN PRIVATE \
             KEY----- and has no password"
        )
    })
}

#[cfg(test)]
mod tests;
