//! Where pages begin, remembered so that a walk by `startIndex` loses nobody.

use std::time::Duration;

use moka::sync::Cache;

use crate::{Actor, Position, Scope};

/// How long a place is remembered, used or not: its total is as old.
const REMEMBERED_FOR: Duration = Duration::from_secs(600);

/// How many places are remembered at once.
const PLACES: u64 = 50_000;

/// The places where the next pages of running walks begin.
///
/// Reading forward from a place finds everybody who was there all along, whoever was deleted
/// before it; and it costs the same on the last page as on the first. A place that is not
/// remembered is found by counting. Walks of one search by one token share their places, the last
/// one that was there being remembered: nothing in a request tells them apart, so what is promised
/// for several at once is promised by cursors alone.
#[derive(Debug)]
pub(crate) struct Anchors(Cache<Place, Anchor>);

/// Which walk, and how far.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) scope: Scope,
    pub(crate) actor: Actor,
    /// A digest of what is searched for.
    pub(crate) search: [u8; 32],
    pub(crate) start: u64,
}

/// What is known about a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Anchor {
    /// The last resource before it.
    pub(crate) after: Position,
    /// How many match in all, counted with the first page.
    pub(crate) total: u64,
}

impl Anchors {
    pub(crate) fn new() -> Self {
        Self(Cache::builder().max_capacity(PLACES).time_to_live(REMEMBERED_FOR).build())
    }

    pub(crate) fn get(&self, place: &Place) -> Option<Anchor> {
        self.0.get(place)
    }

    pub(crate) fn put(&self, place: Place, anchor: Anchor) {
        self.0.insert(place, anchor);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Else whoever asks for one page again and again is told the total of long ago.
    #[test]
    fn places_are_forgotten_even_while_they_are_used() {
        let policy = Anchors::new().0.policy();
        assert_eq!(policy.time_to_live(), Some(REMEMBERED_FOR));
    }
}
