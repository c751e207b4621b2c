//! Every resource of a type, page after page.

use rollcall_schema::{Document, ResourceType};

use crate::directory::parsed;
use crate::{FindError, Load, Plan, Query, Reader, Record, Start, Total, Unavailable};

/// How many resources are read at once.
const PAGE: u32 = 1000;

/// A walk through the resources of a type in the order of ids: what is written behind it isn't
/// seen.
pub(super) struct Pages<'a> {
    reader: &'a dyn Reader,
    ty: &'a ResourceType,
    from: Start,
}

impl<'a> Pages<'a> {
    /// The walk from the beginning.
    pub(super) const fn of(reader: &'a dyn Reader, ty: &'a ResourceType) -> Self {
        Self { reader, ty, from: Start::Skip(0) }
    }

    /// The next page; `None` behind the last.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<(Record, Document)>>, Unavailable> {
        let query = Query { count: PAGE, ..all(self.ty, self.from.clone()) };
        let page = self.reader.find(&query).await.map_err(unavailable)?;
        let Some(last) = page.found.last() else { return Ok(None) };
        self.from = Start::After(last.record.id);
        let read = |record: Record| parsed(&record).map(|document| (record, document));
        page.found.into_iter().map(|found| read(found.record)).collect::<Result<_, _>>().map(Some)
    }
}

/// How many resources of a type there are.
pub(super) async fn count(reader: &dyn Reader, ty: &ResourceType) -> Result<u64, Unavailable> {
    let query = Query { total: Total::Wanted, ..all(ty, Start::Skip(0)) };
    Ok(reader.find(&query).await.map_err(unavailable)?.total)
}

/// The resources of a type, none of them shown.
pub(super) const fn all(ty: &ResourceType, from: Start) -> Query<'_> {
    Query {
        ty,
        condition: None,
        plan: &Plan::ALL,
        sort: None,
        from,
        count: 0,
        total: Total::Known(0),
        load: Load { links: false, incoming: false },
    }
}

pub(super) fn unavailable(error: FindError) -> Unavailable {
    match error {
        FindError::TooMany => Unavailable::new("the store refused to list a type"),
        FindError::Unavailable(source) => source,
    }
}
