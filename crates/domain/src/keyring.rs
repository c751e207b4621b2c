//! Keys that seal what a server hands out or keeps: with ids, so that they can be rotated.

use std::fmt;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{
    GeneralPurpose, GeneralPurposeConfig, STANDARD_NO_PAD, URL_SAFE_NO_PAD,
};
use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac as _};
use rollcall_schema::Instant;
use sha2::Sha256;

/// How long a key is, in bytes.
const KEY: usize = 32;

/// How long a nonce is, in bytes: so long that random ones never meet.
const NONCE: usize = 24;

/// How long the id of a key may be.
const LONGEST_ID: usize = 16;

/// With or without padding: `openssl rand -base64 32` writes it.
const EITHER: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Seals texts so that nobody else can read, make or move them.
///
/// Every replica has the same keyring. The first key seals, all of them open: a new key is added
/// behind the first on every replica, then moved to the front, and the old one goes when nothing
/// that it sealed is of use any more.
///
/// A sealed text opens for the *purpose* that it was sealed for alone, as each purpose has a key of
/// its own, derived with HKDF (RFC 5869 §2.3); and with the same *context* alone, which is
/// authenticated and not kept in it. Cursors are one purpose. Whatever else has to be sealed
/// (secrets of webhooks, bodies at rest) takes another purpose of the same keyring, and as its
/// context what must not be exchanged: the organization, the connection, the id of the row.
///
/// ```
/// use rollcall_domain::Keyring;
///
/// let keys: Keyring = "k2:3q2+796tvu/erb7v3q2+796tvu/erb7v3q2+796tvu8,\
///                      k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=".parse()?;
/// let sealed = keys.seal("greetings", b"org_1", b"hello")?;
/// assert_eq!(keys.open("greetings", b"org_1", &sealed).as_deref(), Some(&b"hello"[..]));
/// assert_eq!(keys.open("greetings", b"org_2", &sealed), None);
/// assert_eq!(keys.open("farewells", b"org_1", &sealed), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Keyring {
    first: Key,
    others: Vec<Key>,
}

#[derive(Clone)]
struct Key {
    id: String,
    bytes: [u8; KEY],
}

/// A text that is no keyring. It never says what stands there, which may be a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// There is no key.
    #[error(
        "there is no key: write `id:` and 32 random bytes as base64, such as those of `openssl rand -base64 32`"
    )]
    Empty,
    /// An entry is no `id:base64`.
    #[error("key {0} has no id: write `id:` in front of it")]
    NoId(
        /// Which one, from 1.
        usize,
    ),
    /// An id has other characters, or too many.
    #[error("the id of key {0} is not 1 to 16 letters, digits, `-` or `_`")]
    BadId(
        /// Which one, from 1.
        usize,
    ),
    /// What stands behind an id is no base64.
    #[error("key {0} is not base64")]
    NotBase64(
        /// Which one, from 1.
        usize,
    ),
    /// A key is shorter or longer.
    #[error("key {at} has {length} bytes, and needs 32")]
    Length {
        /// Which one, from 1.
        at: usize,
        /// How many bytes it has.
        length: usize,
    },
    /// Two keys have the same id.
    #[error("key {0} has the id of an earlier one")]
    Twice(
        /// Which one, from 1.
        usize,
    ),
}

impl Keyring {
    /// Reads `id:base64` as often as there are keys, apart by commas or newlines.
    ///
    /// An id has 1 to 16 letters, digits, `-` or `_`; a key has 32 bytes, in either alphabet of
    /// base64, with or without padding.
    ///
    /// # Errors
    /// [`KeyringError`] says which key is wrong, and never what it is.
    pub fn parse(text: &str) -> Result<Self, KeyringError> {
        let entries = text.split([',', '\n']).map(str::trim).filter(|entry| !entry.is_empty());
        let mut keys: Vec<Key> = Vec::new();
        for (at, entry) in (1..).zip(entries) {
            let key = Key::parse(at, entry)?;
            if keys.iter().any(|known| known.id == key.id) {
                return Err(KeyringError::Twice(at));
            }
            keys.push(key);
        }
        let mut keys = keys.into_iter();
        let first = keys.next().ok_or(KeyringError::Empty)?;
        Ok(Self { first, others: keys.collect() })
    }

    /// A keyring of one new key, as text; its id says when it was made, to the second.
    ///
    /// # Errors
    /// When the machine has no randomness.
    pub fn generate(now: Instant) -> Result<String, getrandom::Error> {
        let (mut bytes, mut apart) = ([0; KEY], [0; 1]);
        getrandom::fill(&mut bytes)?;
        getrandom::fill(&mut apart)?;
        let moment = now.to_string();
        let id: String = moment.chars().filter(char::is_ascii_digit).take(14).collect();
        Ok(format!("{id}{:02x}:{}", apart[0], STANDARD_NO_PAD.encode(bytes)))
    }

    /// The ids of the keys, the one that seals first.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.keys().map(|key| &*key.id)
    }

    /// Seals `plain` for one purpose and context, as text of unreserved characters (RFC 3986
    /// §2.3): letters, digits, `-`, `.` and `_`.
    ///
    /// # Errors
    /// When the machine has no randomness.
    pub fn seal(
        &self,
        purpose: &str,
        context: &[u8],
        plain: &[u8],
    ) -> Result<String, getrandom::Error> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce)?;
        let message = Payload { msg: plain, aad: context };
        let sealed = self.first.cipher(purpose).encrypt(&XNonce::from(nonce), message);
        // It fails beyond 256 GiB alone.
        let sealed = sealed.map_err(|_| getrandom::Error::UNEXPECTED)?;
        let whole = [&nonce[..], &sealed].concat();
        Ok(format!("{}.{}", self.first.id, URL_SAFE_NO_PAD.encode(whole)))
    }

    /// What was sealed for this purpose and context by one of the keys; `None` for everything
    /// else.
    pub fn open(&self, purpose: &str, context: &[u8], text: &str) -> Option<Vec<u8>> {
        let (id, sealed) = text.split_once('.')?;
        let key = self.keys().find(|key| key.id == id)?;
        let whole = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (nonce, sealed) = whole.split_first_chunk::<NONCE>()?;
        let message = Payload { msg: sealed, aad: context };
        key.cipher(purpose).decrypt(&XNonce::from(*nonce), message).ok()
    }

    fn keys(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

impl Key {
    fn parse(at: usize, entry: &str) -> Result<Self, KeyringError> {
        let (id, base64) = entry.split_once(':').ok_or(KeyringError::NoId(at))?;
        let (id, base64) = (id.trim(), base64.trim());
        let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if !(1..=LONGEST_ID).contains(&id.len()) || !id.bytes().all(good) {
            return Err(KeyringError::BadId(at));
        }
        let standard = base64.replace('-', "+").replace('_', "/");
        let bytes = EITHER.decode(standard).map_err(|_| KeyringError::NotBase64(at))?;
        let length = bytes.len();
        let bytes = bytes.try_into().map_err(|_| KeyringError::Length { at, length })?;
        Ok(Self { id: id.into(), bytes })
    }

    /// The cipher under the key of a purpose: one block of HKDF-Expand, whose input is random
    /// already (RFC 5869 §3.3).
    fn cipher(&self, purpose: &str) -> XChaCha20Poly1305 {
        // HMAC fills keys up with zeros to its block.
        let mut block = [0; 64];
        block.split_at_mut(KEY).0.copy_from_slice(&self.bytes);
        let mut expand = Hmac::<Sha256>::new(&block.into());
        expand.update(b"rollcall keyring 1 ");
        expand.update(purpose.as_bytes());
        expand.update(&[1]);
        XChaCha20Poly1305::new(&expand.finalize().into_bytes())
    }
}

impl std::str::FromStr for Keyring {
    type Err = KeyringError;

    fn from_str(text: &str) -> Result<Self, KeyringError> {
        Self::parse(text)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keyring(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "a:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    const TWO: &str = "b:__79_Pv6-fj39vX08_Lx8O_u7ezr6uno5-bl5OPi4eA";

    fn ring(text: &str) -> Keyring {
        Keyring::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn reads_keys_apart_by_commas_or_lines() {
        let one = ring(ONE).seal("p", b"c", b"x").unwrap();
        for text in [ONE, &format!("{ONE},{TWO}"), &format!("\n{TWO}\r\n\n {ONE} \n")] {
            assert_eq!(ring(text).open("p", b"c", &one).unwrap(), b"x", "{text}");
        }
        assert_eq!(ring(&format!("{TWO},{ONE}")).ids().collect::<Vec<_>>(), ["b", "a"]);
    }

    #[test]
    fn what_is_no_keyring_is_refused_without_being_shown() {
        let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
        let longer = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIj";
        for (text, expect) in [
            (String::new(), KeyringError::Empty),
            (" ,\n".into(), KeyringError::Empty),
            (key.into(), KeyringError::NoId(1)),
            (format!("{ONE},{key}"), KeyringError::NoId(2)),
            (format!(":{key}"), KeyringError::BadId(1)),
            (format!("{ONE},k 1:{key}"), KeyringError::BadId(2)),
            (format!("{}:{key}", "x".repeat(17)), KeyringError::BadId(1)),
            (format!("{key}:{key}"), KeyringError::BadId(1)),
            (format!("a:{key}!"), KeyringError::NotBase64(1)),
            ("a:AAEC".into(), KeyringError::Length { at: 1, length: 3 }),
            (format!("a:{longer}"), KeyringError::Length { at: 1, length: 36 }),
            (format!("{ONE},{ONE}"), KeyringError::Twice(2)),
        ] {
            let error = Keyring::parse(&text).unwrap_err();
            assert_eq!(error, expect, "{text}");
            assert!(!format!("{error} {error:?}").contains("AAEC"), "{error}");
        }
        assert_eq!(format!("{:?}", ring(ONE)), "Keyring(…)");
    }

    #[test]
    fn makes_keys_that_it_reads() {
        let now = Instant::from_millis(1_700_000_000_000);
        let (a, b) = (Keyring::generate(now).unwrap(), Keyring::generate(now).unwrap());
        assert!(a.starts_with("20231114221320"), "{a}");
        assert_ne!(a, b);
        let sealed = ring(&a).seal("p", b"", b"x").unwrap();
        assert_eq!(ring(&a).open("p", b"", &sealed).unwrap(), b"x");
        assert_eq!(ring(&b).open("p", b"", &sealed), None);
    }

    #[test]
    fn r_cur_01_what_is_sealed_has_unreserved_characters_alone() {
        for n in 0..200_u8 {
            let sealed = ring(ONE).seal("p", b"c", &vec![n; n.into()]).unwrap();
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
            assert!(sealed.bytes().all(plain), "{sealed}");
        }
    }

    #[test]
    fn opens_what_it_sealed_for_the_same_purpose_and_context_alone() {
        let ring = ring(&format!("{ONE},{TWO}"));
        let sealed = ring.seal("p", b"c", b"secret").unwrap();
        assert_eq!(ring.open("p", b"c", &sealed).unwrap(), b"secret");
        assert_ne!(ring.seal("p", b"c", b"secret").unwrap(), sealed);
        assert_eq!(ring.open("q", b"c", &sealed), None);
        assert_eq!(ring.open("p", b"d", &sealed), None);
        assert_eq!(ring.open("p", b"", &sealed), None);
        assert_eq!(ring.open("p", b"c", &sealed.replacen('a', "b", 1)), None);
        assert_eq!(ring.open("p", b"c", ""), None);
        assert_eq!(ring.open("p", b"c", "a."), None);
        assert_eq!(ring.open("p", b"c", &format!("{sealed}=")), None);
    }

    /// R-CUR-12: a bit that is not as it was is as good as another text.
    #[test]
    fn no_bit_can_be_changed() {
        let ring = ring(ONE);
        let sealed = ring.seal("p", b"c", b"0123456789").unwrap();
        let whole = URL_SAFE_NO_PAD.decode(sealed.strip_prefix("a.").unwrap()).unwrap();
        for bit in 0..whole.len() * 8 {
            let mut changed = whole.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let text = format!("a.{}", URL_SAFE_NO_PAD.encode(changed));
            assert_eq!(ring.open("p", b"c", &text), None, "bit {bit}");
        }
    }

    #[test]
    fn a_rotated_key_opens_what_it_sealed_until_it_goes() {
        let sealed = ring(ONE).seal("p", b"c", b"x").unwrap();
        assert!(ring(&format!("{TWO},{ONE}")).open("p", b"c", &sealed).is_some());
        assert_eq!(ring(TWO).open("p", b"c", &sealed), None);
    }
}
