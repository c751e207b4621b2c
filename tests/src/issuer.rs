//! An issuer of somebody else: its keys are served over HTTP, and it signs whatever a test wants.
//!
//! Tokens are put together by hand, so that they may lie.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256,
};
use aws_lc_rs::{hmac, rsa};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rollcall_domain::{Clock as _, SystemClock};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

const TENANT: &str = "/tenant/v2.0";
const KEYS: &str = "/tenant/discovery/v2.0/keys";
const CONFIGURATION: &str = "/tenant/v2.0/.well-known/openid-configuration";

/// A key that signs tokens.
pub struct SigningKey {
    /// Its id.
    pub kid: String,
    pair: Pair,
}

enum Pair {
    Es256(EcdsaKeyPair),
    Rs256(rsa::KeyPair),
}

impl SigningKey {
    /// A new key for ES256.
    pub fn es256(kid: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key is made");
        Self { kid: kid.into(), pair: Pair::Es256(pair) }
    }

    /// A new key for RS256, as Entra has.
    pub fn rs256(kid: &str) -> Self {
        let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).expect("a key is made");
        Self { kid: kid.into(), pair: Pair::Rs256(pair) }
    }

    /// The name of its algorithm.
    pub const fn algorithm(&self) -> &'static str {
        match self.pair {
            Pair::Es256(_) => "ES256",
            Pair::Rs256(_) => "RS256",
        }
    }

    /// The public half (RFC 7517).
    pub fn jwk(&self) -> Value {
        let mut jwk = match &self.pair {
            Pair::Es256(pair) => {
                // Uncompressed: 4, x, y.
                let point = pair.public_key().as_ref();
                json!({"kty": "EC", "crv": "P-256", "x": encoded(&point[1..33]),
                    "y": encoded(&point[33..])})
            }
            Pair::Rs256(pair) => {
                let public = pair.public_key();
                let n = public.modulus().big_endian_without_leading_zero();
                let e = public.exponent().big_endian_without_leading_zero();
                json!({"kty": "RSA", "n": encoded(n), "e": encoded(e)})
            }
        };
        jwk["kid"] = json!(self.kid);
        jwk["use"] = json!("sig");
        jwk["alg"] = json!(self.algorithm());
        jwk
    }

    /// What the public half is in PEM: what those know who would sign with it.
    pub fn public_pem(&self) -> String {
        let der = match &self.pair {
            Pair::Es256(pair) => {
                pair.public_key().as_der().expect("a key is DER").as_ref().to_vec()
            }
            Pair::Rs256(pair) => {
                pair.public_key().as_der().expect("a key is DER").as_ref().to_vec()
            }
        };
        let text = base64::engine::general_purpose::STANDARD.encode(der);
        let lines: Vec<&str> =
            text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
    }

    /// Signs claims under an honest header.
    pub fn sign(&self, claims: &Value) -> String {
        self.sign_under(&self.header(), claims)
    }

    /// The honest header.
    pub fn header(&self) -> Value {
        json!({"alg": self.algorithm(), "typ": "JWT", "kid": self.kid})
    }

    /// Signs claims under any header.
    pub fn sign_under(&self, header: &Value, claims: &Value) -> String {
        let input = input(header, claims);
        let random = SystemRandom::new();
        let signature = match &self.pair {
            Pair::Es256(pair) => {
                pair.sign(&random, input.as_bytes()).expect("it signs").as_ref().to_vec()
            }
            Pair::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, input.as_bytes(), &mut signature)
                    .expect("it signs");
                signature
            }
        };
        format!("{input}.{}", encoded(&signature))
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// Claims under a header that says that nobody signed them.
pub fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.", input(header, claims))
}

/// Claims signed by HS256 with any secret.
pub fn hs256(secret: &[u8], header: &Value, claims: &Value) -> String {
    let input = input(header, claims);
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    format!("{input}.{}", encoded(hmac::sign(&key, input.as_bytes()).as_ref()))
}

fn input(header: &Value, claims: &Value) -> String {
    format!("{}.{}", encoded(header.to_string().as_bytes()), encoded(claims.to_string().as_bytes()))
}

/// Bytes in base64url.
pub fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A part of a token that is JSON: 0 its header, 1 its claims.
#[track_caller]
pub fn part(token: &str, at: usize) -> Value {
    let part = token.split('.').nth(at).unwrap_or_else(|| panic!("no part {at}: {token}"));
    let bytes = URL_SAFE_NO_PAD.decode(part).expect("base64url");
    serde_json::from_slice(&bytes).expect("JSON")
}

/// Seconds since 1970.
pub fn now() -> i64 {
    SystemClock.now().millis() / 1000
}

/// An issuer whose keys are served over HTTP.
#[derive(Debug)]
pub struct Issuer {
    origin: String,
    served: Arc<Served>,
    stop: CancellationToken,
}

#[derive(Debug, Default)]
struct Served {
    keys: Mutex<Value>,
    fetches: AtomicU64,
}

impl Issuer {
    /// Serves these keys.
    pub async fn start(keys: &[&SigningKey]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let origin = format!("http://{}", listener.local_addr().expect("the port is known"));
        let (served, stop) = (Arc::new(Served::default()), CancellationToken::new());
        let issuer = Self { origin, served: Arc::clone(&served), stop: stop.clone() };
        issuer.publish(keys);
        let own = issuer.origin.clone();
        tokio::spawn(async move {
            loop {
                let accepted = tokio::select! {
                    accepted = listener.accept() => accepted,
                    () = stop.cancelled() => return,
                };
                let Ok((socket, _)) = accepted else { continue };
                let (served, origin) = (Arc::clone(&served), own.clone());
                tokio::spawn(async move {
                    let answer = service_fn(|request: http::Request<hyper::body::Incoming>| {
                        let answer = served.answer(&origin, request.uri().path());
                        async { Ok::<_, Infallible>(answer) }
                    });
                    let served = hyper::server::conn::http1::Builder::new();
                    let _ended = served.serve_connection(TokioIo::new(socket), answer).await;
                });
            }
        });
        issuer
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// What it calls itself.
    pub fn name(&self) -> String {
        format!("{}{TENANT}", self.origin)
    }

    /// Where its keys are.
    pub fn jwks_uri(&self) -> String {
        format!("{}{KEYS}", self.origin)
    }

    /// Serves these keys from now on, and no others.
    pub fn publish(&self, keys: &[&SigningKey]) {
        let keys: Vec<Value> = keys.iter().map(|key| key.jwk()).collect();
        let mut served = self.served.keys.lock().unwrap_or_else(PoisonError::into_inner);
        *served = json!({ "keys": keys });
    }

    /// How often somebody fetched its keys.
    pub fn fetches(&self) -> u64 {
        self.served.fetches.load(Ordering::SeqCst)
    }
}

impl Served {
    fn answer(&self, origin: &str, path: &str) -> http::Response<Full<Bytes>> {
        let (status, body) = match path {
            KEYS => {
                self.fetches.fetch_add(1, Ordering::SeqCst);
                (200, self.keys.lock().unwrap_or_else(PoisonError::into_inner).to_string())
            }
            CONFIGURATION => {
                let told = json!({"issuer": format!("{origin}{TENANT}"),
                    "jwks_uri": format!("{origin}{KEYS}")});
                (200, told.to_string())
            }
            _ => (404, "{}".into()),
        };
        let answer = http::Response::builder().status(status);
        let answer = answer.header("content-type", "application/json");
        answer.body(Full::new(Bytes::from(body))).expect("an answer")
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
