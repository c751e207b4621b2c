//! TLS to the server, as it was asked for.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::Config;
use tokio_postgres::config::{SslMode, SslNegotiation};

use super::verifier::{Authorities, Verifier};
use super::words::{Mode, RootCert, Words};

/// What a client says it will speak where TLS begins with the first byte.
const ALPN: &[u8] = b"postgresql";

/// How to speak TLS with a server.
#[derive(Clone, Debug)]
pub(super) struct Tls {
    pub(super) mode: Mode,
    roots: Option<RootCert>,
    /// The certificate that we show, and its key.
    identity: Option<(PathBuf, PathBuf)>,
    direct: bool,
}

impl Tls {
    /// What the words come to, or why they go not together.
    pub(super) fn new(words: Words, config: &Config) -> Result<Self, String> {
        let Words { mode, root_cert, certificate, key } = words;
        let system = root_cert == Some(RootCert::System);
        let mode = mode.unwrap_or(if system { Mode::VerifyFull } else { Mode::Prefer });
        let word = mode.word();
        let direct = config.get_ssl_negotiation() == SslNegotiation::Direct;
        if mode == Mode::Prefer && root_cert.is_some() {
            return Err("`sslrootcert` protects nothing under `sslmode=prefer`, which goes on in \
                        clear text: add `sslmode=verify-full`"
                .into());
        }
        if system && mode < Mode::VerifyCa {
            return Err(format!(
                "`sslrootcert=system` goes not with `sslmode={word}`: verify-full"
            ));
        }
        if direct && mode < Mode::Require {
            return Err(format!(
                "`sslnegotiation=direct` goes not with `sslmode={word}`: write verify-full, \
                 verify-ca or require"
            ));
        }
        let identity = match (certificate, key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => return Err("`sslcert` and `sslkey` go together".into()),
        };
        let roots = match root_cert {
            None if mode >= Mode::VerifyCa => Some(RootCert::System),
            given => given,
        };
        Ok(Self { mode, roots, identity, direct })
    }

    /// What the driver knows of it.
    pub(super) const fn driver_mode(&self) -> SslMode {
        match self.mode {
            Mode::Disable => SslMode::Disable,
            Mode::Prefer => SslMode::Prefer,
            Mode::Require | Mode::VerifyCa | Mode::VerifyFull => SslMode::Require,
        }
    }

    /// Whether the certificate of the server must come from somewhere.
    pub(super) const fn verifies(&self) -> bool {
        self.roots.is_some()
    }

    /// Whether anybody gets a certificate from these authorities, while no name is asked for.
    pub(super) fn takes_any_name(&self) -> bool {
        self.roots == Some(RootCert::System) && self.mode != Mode::VerifyFull
    }

    /// Which authorities count, behind "no authority".
    pub(super) fn authorities(&self) -> String {
        match &self.roots {
            Some(RootCert::File(path)) => format!("in `{}`", path.display()),
            _ => "that this system trusts".into(),
        }
    }

    /// Reads the files, as they are now: renewed ones count from the next connection on.
    pub(super) fn connector(&self) -> Result<ClientConfig, String> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = self.verifier(Arc::clone(&provider))?;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => builder
                .with_client_auth_cert(certificates("sslcert", certificate)?, private_key(key)?)
                .map_err(|error| format!("`sslcert` and `sslkey` don't fit: {error}"))?,
        };
        if self.direct {
            config.alpn_protocols = vec![ALPN.to_vec()];
        }
        Ok(config)
    }

    fn verifier(
        &self,
        provider: Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, String> {
        let authorities = match &self.roots {
            None => None,
            Some(RootCert::System) => Some(Authorities::new(system_roots()?, Vec::new())),
            Some(RootCert::File(path)) => Some(authorities_in(path)?),
        };
        let asks_name = self.mode == Mode::VerifyFull;
        Ok(Arc::new(Verifier::new(provider, authorities, asks_name)))
    }
}

fn authorities_in(path: &Path) -> Result<Authorities, String> {
    let given = certificates("sslrootcert", path)?;
    let mut roots = RootCertStore::empty();
    for certificate in &given {
        roots.add(certificate.clone()).map_err(|error| {
            let path = path.display();
            format!("`sslrootcert`: `{path}` holds a certificate that can't be read: {error}")
        })?;
    }
    Ok(Authorities::new(Arc::new(roots), given))
}

/// What the system trusts, read once: there are more than a hundred.
fn system_roots() -> Result<Arc<RootCertStore>, String> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    if let Some(roots) = ROOTS.get() {
        return Ok(Arc::clone(roots));
    }
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let why = found.errors.first().map_or_else(String::new, |error| format!(" ({error})"));
        return Err(format!(
            "this system trusts no authority{why}: name the PEM file of the server's with \
             `sslrootcert=PATH`, or install the system's certificates"
        ));
    }
    Ok(Arc::clone(ROOTS.get_or_init(|| Arc::new(roots))))
}

fn certificates(word: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let shown = path.display();
    let pem = std::fs::read(path).map_err(|error| format!("`{word}`: `{shown}`: {error}"))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(format!(
            "`{word}`: `{shown}` holds no certificate: it begins with -----BEGIN CERTIFICATE-----"
        )),
        Err(error) => Err(format!("`{word}`: `{shown}` is no PEM file: {error}")),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let shown = path.display();
    let pem = std::fs::read(path).map_err(|error| format!("`sslkey`: `{shown}`: {error}"))?;
    // What the parser says could tell something of the key.
    PrivateKeyDer::from_pem_slice(&pem).map_err(|_| {
        format!(
            "`sslkey`: `{shown}` holds no private key that can be read: it begins with -----BEGIN \
             PRIVATE KEY----- and has no password"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::words::split;
    use super::*;

    fn tls(options: &str) -> Result<Tls, String> {
        let (rest, words) = split(&format!("postgres://h/db?{options}"))?;
        Tls::new(words, &rest.parse().unwrap())
    }

    #[track_caller]
    fn check(options: &str, mode: Mode, roots: Option<RootCert>) {
        let tls = tls(options).unwrap();
        assert_eq!((tls.mode, tls.roots), (mode, roots), "{options}");
    }

    #[test]
    fn what_is_not_said_is_as_in_libpq() {
        let file = || Some(RootCert::File("ca.pem".into()));
        check("", Mode::Prefer, None);
        check("sslmode=disable&sslrootcert=ca.pem", Mode::Disable, file());
        check("sslmode=require", Mode::Require, None);
        check("sslmode=require&sslrootcert=ca.pem", Mode::Require, file());
        check("sslmode=verify-ca", Mode::VerifyCa, Some(RootCert::System));
        check("sslmode=verify-full", Mode::VerifyFull, Some(RootCert::System));
        check("sslmode=verify-full&sslrootcert=ca.pem", Mode::VerifyFull, file());
        check("sslrootcert=system", Mode::VerifyFull, Some(RootCert::System));
        check("sslnegotiation=direct&sslmode=require", Mode::Require, None);
    }

    #[track_caller]
    fn refused(options: &str, expect: &str) {
        let told = tls(options).and_then(|tls| tls.connector().map(drop)).unwrap_err();
        assert!(told.contains(expect), "{options}: {told}");
    }

    #[test]
    fn words_that_go_not_together_are_refused() {
        refused("sslrootcert=ca.pem", "verify-full");
        refused("sslmode=prefer&sslrootcert=ca.pem", "verify-full");
        refused("sslmode=require&sslrootcert=system", "verify-full");
        refused("sslnegotiation=direct", "`sslmode=prefer`");
        refused("sslcert=a", "go together");
        refused("sslkey=a", "go together");
    }

    #[test]
    fn files_that_are_no_use_are_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name).display().to_string();
        std::fs::write(path("text"), "nothing").unwrap();
        let authority = rcgen::generate_simple_self_signed(["a".to_owned()]).unwrap();
        let other = rcgen::generate_simple_self_signed(["b".to_owned()]).unwrap();
        std::fs::write(path("cert"), authority.cert.pem()).unwrap();
        std::fs::write(path("key"), other.signing_key.serialize_pem()).unwrap();
        let [none, text, cert, key] = ["none", "text", "cert", "key"].map(path);
        refused(&format!("sslmode=require&sslrootcert={none}"), "No such file");
        refused(&format!("sslmode=verify-ca&sslrootcert={text}"), "no certificate");
        refused(&format!("sslmode=require&sslcert={text}&sslkey={key}"), "`sslcert`");
        refused(&format!("sslmode=require&sslcert={cert}&sslkey={text}"), "no private key");
        refused(&format!("sslmode=require&sslcert={cert}&sslkey={key}"), "don't fit");
    }
}
