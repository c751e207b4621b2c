//! Whether the certificate of a server is good enough.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// Whom we believe.
#[derive(Debug)]
pub(super) struct Authorities {
    roots: Arc<RootCertStore>,
    given: Vec<CertificateDer<'static>>,
}

impl Authorities {
    /// Authorities, and among them the certificates that an operator gave us by hand.
    pub(super) const fn new(
        roots: Arc<RootCertStore>,
        given: Vec<CertificateDer<'static>>,
    ) -> Self {
        Self { roots, given }
    }
}

/// Looks at certificates as `sslmode` and `sslrootcert` say.
///
/// That the server has the key of its certificate is always asked for: channel binding stands on
/// it.
#[derive(Debug)]
pub(super) struct Verifier {
    provider: Arc<CryptoProvider>,
    authorities: Option<Authorities>,
    asks_name: bool,
}

impl Verifier {
    /// Without authorities every certificate is good.
    pub(super) const fn new(
        provider: Arc<CryptoProvider>,
        authorities: Option<Authorities>,
        asks_name: bool,
    ) -> Self {
        Self { provider, authorities, asks_name }
    }

    /// Whether the certificate comes from an authority, or is one that we were given itself:
    /// a server that signed its own often calls itself an authority, which no other may do.
    fn comes_from(
        &self,
        authorities: &Authorities,
        certificate: &CertificateDer<'_>,
        parsed: &ParsedCertificate<'_>,
        above: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        let algorithms = self.provider.signature_verification_algorithms.all;
        let roots = &authorities.roots;
        match verify_server_cert_signed_by_trust_anchor(parsed, roots, above, now, algorithms) {
            Err(error) if calls_itself_authority(&error) => {
                let given = authorities.given.iter().any(|given| given == certificate);
                if given { Ok(()) } else { Err(error) }
            }
            outcome => outcome,
        }
    }
}

/// It is said of certificates that are valid now: the dates are looked at first.
fn calls_itself_authority(error: &Error) -> bool {
    let Error::InvalidCertificate(CertificateError::Other(other)) = error else { return false };
    other.0.to_string() == "CaUsedAsEndEntity"
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        above: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(authorities) = &self.authorities {
            let parsed = ParsedCertificate::try_from(certificate)?;
            self.comes_from(authorities, certificate, &parsed, above, now)?;
            if self.asks_name {
                verify_server_name(&parsed, name)?;
            }
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
    use rustls::crypto::aws_lc_rs;

    use super::*;

    type Issuer = CertifiedIssuer<'static, KeyPair>;

    fn issuer(names: &[&str], year: i32) -> Issuer {
        let own: Vec<String> = names.iter().map(|name| (*name).into()).collect();
        let mut params = CertificateParams::new(own).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, names.concat());
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        Issuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    }

    fn signed(by: &Issuer, name: &str) -> CertificateDer<'static> {
        let params = CertificateParams::new(vec![name.into()]).unwrap();
        let key = KeyPair::generate().unwrap();
        params.signed_by(&key, by).unwrap().der().clone()
    }

    fn verifier(trusts: Option<&CertificateDer<'static>>, asks_name: bool) -> Verifier {
        let authorities = trusts.map(|root| {
            let mut roots = RootCertStore::empty();
            roots.add(root.clone()).unwrap();
            Authorities::new(Arc::new(roots), vec![root.clone()])
        });
        Verifier::new(Arc::new(aws_lc_rs::default_provider()), authorities, asks_name)
    }

    #[track_caller]
    fn check(verifier: &Verifier, shown: &CertificateDer<'_>, expect: Result<(), &str>) {
        let name = ServerName::try_from("db.test").unwrap();
        let outcome = verifier.verify_server_cert(shown, &[], &name, &[], UnixTime::now());
        match (outcome.map(drop), expect) {
            (Ok(()), Ok(())) => {}
            (Err(error), Err(part)) if error.to_string().contains(part) => {}
            (outcome, expect) => panic!("{outcome:?}, not {expect:?}"),
        }
    }

    #[test]
    fn certificates_come_from_an_authority_and_have_the_name() {
        let (ours, theirs) = (issuer(&["ours"], 2999), issuer(&["theirs"], 2999));
        // Another key under the same name, as after a renewal.
        let renewed = signed(&issuer(&["ours"], 2999), "db.test");
        let (good, misnamed) = (signed(&ours, "db.test"), signed(&ours, "other.test"));
        let foreign = signed(&theirs, "db.test");
        for (asks_name, misnamed_is) in [(false, Ok(())), (true, Err("db.test"))] {
            let verifier = verifier(Some(ours.der()), asks_name);
            check(&verifier, &good, Ok(()));
            check(&verifier, &misnamed, misnamed_is);
            check(&verifier, &foreign, Err("UnknownIssuer"));
            check(&verifier, &renewed, Err("BadSignature"));
        }
        check(&verifier(None, true), &foreign, Ok(()));
    }

    #[test]
    fn a_server_that_signed_its_own_certificate_is_believed_if_it_was_given() {
        let (own, other) = (issuer(&["db.test"], 2999), issuer(&["db.test"], 2999));
        check(&verifier(Some(own.der()), true), own.der(), Ok(()));
        check(&verifier(Some(own.der()), true), other.der(), Err("CaUsedAsEndEntity"));
        let misnamed = issuer(&["other.test"], 2999);
        check(&verifier(Some(misnamed.der()), true), misnamed.der(), Err("db.test"));
        let ended = issuer(&["db.test"], 2001);
        check(&verifier(Some(ended.der()), true), ended.der(), Err("expired"));
    }
}
