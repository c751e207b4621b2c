//! Whether public keys are such that a signature could be checked with them (RFC 7517, RFC 7518).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

/// The most keys that a client may have.
const MOST: usize = 10;

/// How many keys of an issuer are looked at.
const LOOKED_AT: usize = 100;

/// What only private keys have (RFC 7518 §6.2.2, §6.3.2, §6.4.1).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// How long the modulus of an RSA key is, in bits, at least and at most.
const MODULUS: (usize, usize) = (2048, 8192);

/// Whether a set holds keys that signatures of its client could be checked with, and nothing else.
///
/// # Errors
/// Says of each key that is none what would mend it.
pub(super) fn check_set(jwks: &Value) -> Result<(), String> {
    let keys = jwks.get("keys").and_then(Value::as_array);
    let Some(keys) = keys.filter(|keys| (1..=MOST).contains(&keys.len())) else {
        return Err(format!("`jwks` needs 1 to {MOST} public keys under `keys` (RFC 7517)"));
    };
    let flaws: Vec<_> = keys
        .iter()
        .enumerate()
        .filter_map(|(at, key)| Some(format!("`jwks.keys[{at}]` {}", flaw_in_set(key, keys)?)))
        .collect();
    if flaws.is_empty() { Ok(()) } else { Err(flaws.join("; ")) }
}

/// How many keys of an issuer's set signatures could be checked with.
pub(super) fn usable(jwks: &Value) -> usize {
    let keys = jwks.get("keys").and_then(Value::as_array).into_iter().flatten();
    keys.take(LOOKED_AT).filter(|key| flaw(key).is_none()).count()
}

fn flaw_in_set(key: &Value, keys: &[Value]) -> Option<&'static str> {
    let is_named = key.get("kid").is_some_and(|kid| !kid.is_null());
    // An assertion that names no key is checked with the only one that there is.
    let nameless = "has no `kid`, and there are others: give each key its own";
    flaw(key).or_else(|| (!is_named && keys.len() > 1).then_some(nameless))
}

/// What is wrong with a key, with what would mend it.
fn flaw(key: &Value) -> Option<&'static str> {
    let Some(key) = key.as_object() else { return Some("is no key: send a JWK (RFC 7517)") };
    let kind = key.get("kty").and_then(Value::as_str).unwrap_or_default();
    if kind == "oct" {
        return Some("is a symmetric key: make a key pair, and send its public half");
    }
    if PRIVATE.iter().any(|member| key.contains_key(*member)) {
        return Some("holds a private key: send the public half alone");
    }
    let algorithms = match (kind, text(key, "crv")) {
        ("RSA", _) => is_rsa(key).then_some(&["RS256", "RS384", "RS512", "PS256"][..]),
        ("EC", Some("P-256")) => is_point(key, 32).then_some(&["ES256"][..]),
        ("EC", Some("P-384")) => is_point(key, 48).then_some(&["ES384"][..]),
        ("OKP", Some("Ed25519")) => has(key, "x", 32).then_some(&["EdDSA"][..]),
        _ => {
            return Some(
                "is of a kind that is not taken: send one of RSA, of EC with P-256 or P-384, or \
                 of OKP with Ed25519",
            );
        }
    };
    let Some(algorithms) = algorithms else {
        return Some(
            "is incomplete: send `n` of 2048 to 8192 bits with `e`, or `x` and `y` as long as the \
             curve has them, in base64url without padding",
        );
    };
    purpose(key, algorithms).or_else(|| described(key))
}

/// What a key is for, where it says so: signatures, by an algorithm that is taken.
fn purpose(key: &Map<String, Value>, algorithms: &[&str]) -> Option<&'static str> {
    let said = |name: &str| key.get(name).filter(|value| !value.is_null());
    if said("use").is_some_and(|sent| sent != "sig") {
        return Some("is not for signatures, as its `use` says: leave it out, or mend `use`");
    }
    let verifies = |sent: &Value| {
        let all = sent.as_array().is_some_and(|all| all.iter().all(Value::is_string));
        all && sent.as_array().is_some_and(|all| all.iter().any(|one| one == "verify"))
    };
    if said("key_ops").is_some_and(|sent| !verifies(sent)) {
        return Some("verifies nothing, as its `key_ops` says: leave it out, or mend `key_ops`");
    }
    let is_taken = |sent: &Value| algorithms.iter().any(|one| sent == *one);
    (said("alg").is_some_and(|sent| !is_taken(sent)))
        .then_some("has an `alg` that is not taken, or not with its `kty`: leave `alg` out")
}

/// What else a key says of itself.
fn described(key: &Map<String, Value>) -> Option<&'static str> {
    let is_text = |name: &&str| key.get(*name).is_none_or(|it| it.is_null() || it.is_string());
    let chain = key.get("x5c").filter(|it| !it.is_null());
    let is_chain = chain.is_none_or(|chain| {
        chain.as_array().is_some_and(|chain| chain.iter().all(Value::is_string))
    });
    let good = is_chain && ["kid", "x5u", "x5t", "x5t#S256"].iter().all(is_text);
    (!good).then_some("has a member of another type than RFC 7517 says: mend it, or leave it out")
}

fn is_rsa(key: &Map<String, Value>) -> bool {
    let (Some(n), Some(e)) = (number(key, "n"), number(key, "e")) else { return false };
    let (least, most) = MODULUS;
    (least..=most).contains(&bits(&n)) && (2..=33).contains(&bits(&e)) && is_odd(&e) && is_odd(&n)
}

fn is_point(key: &Map<String, Value>, length: usize) -> bool {
    has(key, "x", length) && has(key, "y", length)
}

fn has(key: &Map<String, Value>, name: &str, length: usize) -> bool {
    number(key, name).is_some_and(|bytes| bytes.len() == length)
}

/// A number in base64url (RFC 7518 §2), the most significant byte first.
fn number(key: &Map<String, Value>, name: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text(key, name)?).ok()
}

fn text<'k>(key: &'k Map<String, Value>, name: &str) -> Option<&'k str> {
    key.get(name).and_then(Value::as_str)
}

fn bits(number: &[u8]) -> usize {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let first = number.get(zeros).map_or(0, |byte| byte.leading_zeros() as usize);
    (number.len() - zeros) * 8 - first
}

fn is_odd(number: &[u8]) -> bool {
    number.last().is_some_and(|byte| byte % 2 == 1)
}
