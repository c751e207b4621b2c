//! Lists in pages, by cursor.

use serde_json::{Value, json};

use super::{Admin, AdminError};

/// The size of a page that doesn't ask for one.
const DEFAULT: u32 = 100;

/// The largest page.
const MOST: u32 = 1000;

/// The page of a list that a caller asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageAsked {
    /// How many at most: 1 to 1,000, or 100 where nothing is said.
    pub limit: Option<u32>,
    /// The cursor that the page before gave.
    pub after: Option<String>,
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Leads to the next page, where there is one.
    pub next: Option<String>,
}

impl PageAsked {
    /// The first page, as large as it may be.
    pub const LARGEST: Self = Self { limit: Some(MOST), after: None };

    /// How many rows, and behind which id.
    pub(super) fn read<Id: std::str::FromStr>(&self) -> Result<(u32, Option<Id>), AdminError> {
        let limit = match self.limit {
            None => DEFAULT,
            Some(limit) if (1..=MOST).contains(&limit) => limit,
            Some(limit) => {
                let detail = format!("`limit` can't be {limit}: use 1 to {MOST}");
                return Err(AdminError::Bad(detail));
            }
        };
        let after = self.after.as_deref().map(|text| {
            let detail = "`after` is no cursor of this list: begin again without it";
            text.parse().map_err(|_| AdminError::Bad(detail.into()))
        });
        Ok((limit, after.transpose()?))
    }
}

impl<T> Listed<T> {
    /// A page of rows, one more of which were asked for than fit on it.
    pub(super) fn of(mut items: Vec<T>, limit: u32, id: impl Fn(&T) -> String) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(id);
        Self { items, next }
    }

    /// As the caller sees it.
    pub fn shown(&self, one: impl Fn(&T) -> Value) -> Value {
        let items: Vec<Value> = self.items.iter().map(one).collect();
        json!({ "items": items, "next": self.next })
    }
}

impl Admin {
    pub(super) const fn one_more(limit: u32) -> u32 {
        limit.saturating_add(1)
    }
}
