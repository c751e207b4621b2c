//! Where a walk by cursor goes on: sealed, and kept by the client (RFC 9865).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rollcall_schema::{Instant, Order, SortKey};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{Error, Keyring, ResourceId, Scope, Search, Unavailable};

/// What cursors are sealed for.
const PURPOSE: &str = "cursor";

/// How many bytes a cursor may have: more is none of ours.
const LONGEST: usize = 16 * 1024;

/// The first byte of what is sealed.
const FORM: u8 = 1;

/// The cursor that a search comes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CursorAsked<'a> {
    /// The text as it was sent; empty for the first page (R-CUR-01).
    pub text: &'a str,
    /// Which attributes are asked for, in one form: they stay the same on every page (R-CUR-03).
    pub shown: &'a str,
}

/// Seals and opens cursors.
///
/// A cursor holds all that a replica has to know, so nothing is kept for it, and it lives through
/// restarts. It opens for the connection and the search that it was made for alone, whoever asks;
/// to have one grants nothing, as each page is a request of its own (R-CUR-12).
///
/// It has some 120 characters, and more only where a list is sorted by long texts, of which the
/// first 1,024 bytes count.
#[derive(Clone)]
pub struct Cursors {
    keys: Arc<Keyring>,
    timeout: Duration,
}

/// What a cursor belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walk {
    scope: Scope,
    search: [u8; 32],
    count: u32,
}

/// What a cursor says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// When it was made.
    pub issued: Instant,
    /// How many resources a page has.
    pub count: u32,
    /// How many matched when the walk began.
    pub total: u64,
    /// Behind which resource the next page begins.
    pub at: Position,
}

/// A resource by its place in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// Which of the types that are searched it has, from 0.
    pub kind: u16,
    /// What it is sorted by, where the list is.
    pub key: Option<SortKey>,
    /// Its id.
    pub id: ResourceId,
}

impl Cursors {
    /// Cursors that are good for so long, from page to page.
    pub const fn new(keys: Arc<Keyring>, timeout: Duration) -> Self {
        Self { keys, timeout }
    }

    /// How long a cursor is good.
    pub const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// A cursor as the client gets it: of unreserved characters alone (R-CUR-01).
    ///
    /// # Errors
    /// [`Unavailable`] when the machine has no randomness.
    pub fn seal(&self, walk: &Walk, cursor: &Cursor) -> Result<String, Unavailable> {
        let sealed = self.keys.seal(PURPOSE, &walk.context(), &cursor.to_bytes()?);
        sealed.map_err(Unavailable::new)
    }

    /// Opens a cursor as the client sent it.
    ///
    /// # Errors
    /// [`Error::InvalidCursor`] for everything that is no cursor of this walk: the same for garbage,
    /// for one of another connection and for one of another search. [`Error::InvalidCount`] when
    /// only the count differs, [`Error::ExpiredCursor`] when it is too old.
    pub fn open(&self, walk: &Walk, now: Instant, text: &str) -> Result<Cursor, Error> {
        let cursor = Some(text)
            .filter(|text| text.len() <= LONGEST)
            .and_then(|text| self.keys.open(PURPOSE, &walk.context(), text))
            .and_then(|bytes| Cursor::from_bytes(&bytes))
            .ok_or(Error::InvalidCursor)?;
        let age = now.millis().saturating_sub(cursor.issued.millis());
        if u64::try_from(age).is_ok_and(|age| u128::from(age) > self.timeout.as_millis()) {
            return Err(Error::ExpiredCursor);
        }
        if cursor.count != walk.count {
            return Err(Error::InvalidCount);
        }
        Ok(cursor)
    }
}

impl fmt::Debug for Cursors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cursors").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

impl Walk {
    /// The walk of a search through the types of these names.
    pub fn new<'k>(
        scope: Scope,
        kinds: impl IntoIterator<Item = &'k str>,
        search: &Search<'_>,
    ) -> Self {
        let filter = search.filter.as_ref().map(ToString::to_string);
        let sort = search.sort.as_ref().map(|(by, order)| (by.text, *order));
        let shown = search.cursor.as_ref().map(|cursor| cursor.shown);
        let digest = digest(kinds, filter.as_deref(), sort, shown);
        Self { scope, search: digest, count: search.count }
    }

    /// What is authenticated with a cursor and not written into it.
    fn context(&self) -> [u8; 64] {
        let mut context = [0; 64];
        let (organization, rest) = context.split_at_mut(16);
        let (connection, search) = rest.split_at_mut(16);
        organization.copy_from_slice(self.scope.organization.uuid().as_bytes());
        connection.copy_from_slice(self.scope.connection.uuid().as_bytes());
        search.copy_from_slice(&self.search);
        context
    }
}

impl Cursor {
    /// What is sealed.
    fn to_bytes(&self) -> Result<Vec<u8>, Unavailable> {
        let mut bytes = vec![FORM];
        bytes.extend(self.issued.millis().to_be_bytes());
        bytes.extend(self.count.to_be_bytes());
        bytes.extend(self.total.to_be_bytes());
        bytes.extend(self.at.kind.to_be_bytes());
        bytes.extend(self.at.id.uuid().as_bytes());
        if let Some(key) = &self.at.key {
            serde_json::to_writer(&mut bytes, key).map_err(Unavailable::new)?;
        }
        Ok(bytes)
    }

    /// Reads what was sealed; `None` for bytes that no cursor has.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let [FORM] = take(&mut rest)? else { return None };
        let issued = Instant::from_millis(i64::from_be_bytes(take(&mut rest)?));
        let count = u32::from_be_bytes(take(&mut rest)?);
        let total = u64::from_be_bytes(take(&mut rest)?);
        let kind = u16::from_be_bytes(take(&mut rest)?);
        let id = ResourceId::from_uuid(Uuid::from_bytes(take(&mut rest)?));
        let key = match rest {
            [] => None,
            key => Some(serde_json::from_slice(key).ok()?),
        };
        Some(Self { issued, count, total, at: Position { kind, key, id } })
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk()?;
    *rest = tail;
    Some(*head)
}

/// A digest of what is searched for. Each part stands behind its length, so that none runs into
/// the next.
pub(crate) fn digest<'p>(
    kinds: impl IntoIterator<Item = &'p str>,
    filter: Option<&str>,
    sort: Option<(&str, Order)>,
    shown: Option<&str>,
) -> [u8; 32] {
    let mut digest = Sha256::new();
    let mut part = |text: Option<&str>| {
        let length = text.map_or(u64::MAX, |text| text.len() as u64);
        digest.update(length.to_be_bytes());
        digest.update(text.unwrap_or_default());
    };
    kinds.into_iter().for_each(|kind| part(Some(kind)));
    part(None);
    part(filter);
    part(sort.map(|(by, _)| by));
    part(sort.map(|(_, order)| match order {
        Order::Ascending => "ascending",
        Order::Descending => "descending",
    }));
    part(shown);
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ConnectionId, OrganizationId};

    fn cursors() -> Cursors {
        let key = Keyring::generate(Instant::from_millis(0)).unwrap();
        Cursors::new(Arc::new(key.parse().unwrap()), Duration::from_secs(60))
    }

    fn scope(organization: u128, connection: u128) -> Scope {
        Scope {
            organization: OrganizationId::from_uuid(Uuid::from_u128(organization)),
            connection: ConnectionId::from_uuid(Uuid::from_u128(connection)),
        }
    }

    fn walk(scope: Scope, kinds: &[&str]) -> Walk {
        Walk::new(scope, kinds.iter().copied(), &Search { count: 5, ..Search::default() })
    }

    fn cursor(key: Option<&str>) -> Cursor {
        Cursor {
            issued: Instant::from_millis(1_700_000_000_000),
            count: 5,
            total: u64::MAX,
            at: Position {
                kind: 1,
                key: key.map(|key| serde_json::from_str(key).unwrap()),
                id: ResourceId::from_uuid(Uuid::from_u128(7)),
            },
        }
    }

    #[test]
    fn a_cursor_comes_back_as_it_was() {
        let (cursors, walk) = (cursors(), walk(scope(1, 2), &["User"]));
        // The longest text there is: each of its characters is escaped.
        let long = format!(r#"{{"t":"{}"}}"#, r"\u0001".repeat(1_024));
        for key in [None, Some(r#"{"t":"ada"}"#), Some(r#"{"b":true}"#), Some(&*long)] {
            let cursor = cursor(key);
            let text = cursors.seal(&walk, &cursor).unwrap();
            assert_eq!(cursors.open(&walk, cursor.issued, &text).unwrap(), cursor);
        }
    }

    /// X29, R-CUR-12.
    #[test]
    fn a_cursor_opens_for_its_own_connection_and_types_alone() {
        let (cursors, own) = (cursors(), walk(scope(1, 2), &["User"]));
        let cursor = cursor(None);
        let text = cursors.seal(&own, &cursor).unwrap();
        for other in [
            walk(scope(1, 3), &["User"]),
            walk(scope(3, 2), &["User"]),
            walk(scope(2, 1), &["User"]),
            walk(scope(1, 2), &["Group"]),
            walk(scope(1, 2), &["User", "Group"]),
            walk(scope(1, 2), &["Us", "er"]),
            walk(scope(1, 2), &[]),
        ] {
            let opened = cursors.open(&other, cursor.issued, &text);
            assert!(matches!(opened, Err(Error::InvalidCursor)), "{other:?}");
        }
    }

    #[test]
    fn other_bytes_are_no_cursor() {
        let bytes = cursor(Some(r#"{"t":"ada"}"#)).to_bytes().unwrap();
        assert!(Cursor::from_bytes(&bytes).is_some());
        let plain = cursor(None).to_bytes().unwrap().len();
        for end in 0..bytes.len() {
            let read = Cursor::from_bytes(&bytes[..end]);
            assert_eq!(read.is_some(), end == plain, "{end} bytes");
        }
        let mut newer = bytes;
        newer[0] += 1;
        assert_eq!(Cursor::from_bytes(&newer), None);
    }

    /// Else `a` with the filter `b` would be `ab` without one.
    #[test]
    fn no_part_of_a_search_runs_into_another() {
        let up = Some(("a", Order::Ascending));
        let searches = [
            digest(["a"], Some("b"), None, None),
            digest(["ab"], None, None, None),
            digest(["a", "b"], None, None, None),
            digest(["a"], None, Some(("b", Order::Ascending)), None),
            digest(["a"], None, None, Some("b")),
            digest(["a"], None, None, Some("")),
            digest(["a"], None, None, None),
            digest(["a"], Some(""), None, None),
            digest(["a"], None, up, None),
            digest(["a"], None, Some(("a", Order::Descending)), None),
        ];
        for (n, search) in searches.iter().enumerate() {
            assert!(!searches[n + 1..].contains(search), "search {n}");
        }
    }
}
