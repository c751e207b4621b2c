//! Pages of a search through one type or several, and walks that lose nobody.

use rollcall_schema::{Condition, Document, Order, ResourceType, Sort, SortKey};

use super::{Directory, Search};
use crate::anchors::{Anchor, Place};
use crate::cursor::digest;
use crate::sieve::{Rank, rank};
use crate::{
    Access, Candidates, Context, Cursor, CursorAsked, Error, Found, Listing, Page, Plan, Position,
    Query, Start, Total, Unavailable, Walk,
};

/// How far from the beginning a sorted page of several types may end that follows no other: what
/// comes before it is read with it.
const DEEPEST: u64 = 10_000;

/// A search as each of its types understands it.
pub(super) struct Asked<'a> {
    pub(super) parts: Vec<Part<'a>>,
    pub(super) search: &'a Search<'a>,
}

/// What is searched for in one type.
pub(super) struct Part<'a> {
    pub(super) ty: &'a ResourceType,
    pub(super) condition: Option<Condition>,
    pub(super) sort: Option<Sort>,
    pub(super) plan: Plan,
}

/// Resources with the place of their type.
type Cut = (Vec<(usize, Found)>, u64);

impl Part<'_> {
    /// Whether the credential lets this be searched for.
    fn may(&self, ctx: &Context) -> Result<(), Error> {
        ctx.may(self.ty, Access::Read)?;
        let asked = self.condition.iter().flat_map(Condition::attrs);
        let mut asked = asked.chain(self.sort.map(|sort| sort.by));
        asked.try_for_each(|at| ctx.may_ask_for(self.ty, at))
    }
}

/// Where a page begins.
#[derive(Clone, Copy)]
enum From<'p> {
    Skip(u64),
    Behind(&'p Position),
}

impl Directory {
    /// The page that a search asks for. A user's own credential opens no list (R-ME-02).
    pub(super) async fn walk(
        &self,
        ctx: &Context,
        asked: &Asked<'_>,
    ) -> Result<Listing<(usize, Found)>, Error> {
        ctx.opens_all()?;
        asked.parts.iter().try_for_each(|part| part.may(ctx))?;
        let mut page = match &asked.search.cursor {
            Some(cursor) => self.by_cursor(ctx, asked, cursor).await?,
            None => self.by_place(ctx, asked).await?,
        };
        for (_, found) in &mut page.found {
            ctx.veil(found);
        }
        Ok(page)
    }

    async fn by_cursor(
        &self,
        ctx: &Context,
        asked: &Asked<'_>,
        cursor: &CursorAsked<'_>,
    ) -> Result<Listing<(usize, Found)>, Error> {
        let cursors = self.cursors.as_ref().ok_or(Error::InvalidCursor)?;
        let (now, count) = (self.clock.now(), asked.search.count);
        let walk = Walk::new(ctx.scope(), asked.kinds(), asked.search);
        let begun = match cursor.text {
            "" => None,
            text => Some(cursors.open(&walk, now, text)?),
        };
        // Definitions may have changed under way.
        if begun.as_ref().is_some_and(|begun| begun.at.key.is_some() != asked.order().is_some()) {
            return Err(Error::InvalidCursor);
        }
        let (from, total) = match &begun {
            None => (From::Skip(0), Total::Wanted),
            Some(begun) => (From::Behind(&begun.at), Total::Known(begun.total)),
        };
        let (mut found, total) = self.cut(ctx, asked, from, one_more(count), total).await?;
        let more = shorten(&mut found, count);
        let next = match found.last().filter(|_| more) {
            None => None,
            Some(last) => {
                let at = asked.position(last)?;
                Some(cursors.seal(&walk, &Cursor { issued: now, count, total, at })?)
            }
        };
        Ok(Listing { found, total, next })
    }

    async fn by_place(
        &self,
        ctx: &Context,
        asked: &Asked<'_>,
    ) -> Result<Listing<(usize, Found)>, Error> {
        let (start, count) = (asked.search.start.max(1), asked.search.count);
        let mut place = asked.place(ctx, start);
        let anchor = match start > 1 && count > 0 {
            true => self.anchors.get(&place),
            false => None,
        };
        let (found, total) = match anchor {
            Some(anchor) => {
                let (from, total) = (From::Behind(&anchor.after), Total::Known(anchor.total));
                let (mut found, total) = self.cut(ctx, asked, from, one_more(count), total).await?;
                let more = shorten(&mut found, count);
                let met = (start - 1).saturating_add(found.len() as u64);
                (found, met_or_more(met, more, total))
            }
            None => self.cut(ctx, asked, From::Skip(start - 1), count, Total::Wanted).await?,
        };
        if let Some(last) = found.last() {
            place.start = start.saturating_add(found.len() as u64);
            self.anchors.put(place, Anchor { after: asked.position(last)?, total });
        }
        Ok(Listing { found, total, next: None })
    }

    /// So many matches from there on, and the total.
    async fn cut(
        &self,
        ctx: &Context,
        asked: &Asked<'_>,
        from: From<'_>,
        count: u32,
        total: Total,
    ) -> Result<Cut, Error> {
        let (found, counted) = match asked.order() {
            None => self.in_turn(ctx, asked, from, count, total).await?,
            Some(order) => self.merged(ctx, asked, order, from, count, total).await?,
        };
        Ok(match total {
            Total::Known(total) => (found, total),
            Total::Wanted => (found, counted),
        })
    }

    /// One type after the other.
    async fn in_turn(
        &self,
        ctx: &Context,
        asked: &Asked<'_>,
        from: From<'_>,
        count: u32,
        total: Total,
    ) -> Result<Cut, Error> {
        let (mut found, mut counted, mut left) = (Vec::new(), 0_u64, count);
        for (kind, part) in asked.parts.iter().enumerate() {
            let start = match from {
                From::Skip(skip) => Start::Skip(skip.saturating_sub(counted)),
                From::Behind(at) if kind < usize::from(at.kind) => continue,
                From::Behind(at) if kind == usize::from(at.kind) => Start::After(at.id),
                From::Behind(_) => Start::Skip(0),
            };
            if left == 0 && total != Total::Wanted {
                break;
            }
            let page = self.part(ctx, asked, part, start, left, total).await?;
            left = left.saturating_sub(u32::try_from(page.found.len()).unwrap_or(u32::MAX));
            counted = counted.saturating_add(page.total);
            found.extend(page.found.into_iter().map(|found| (kind, found)));
        }
        Ok((found, counted))
    }

    /// By key, whatever the type.
    async fn merged(
        &self,
        ctx: &Context,
        asked: &Asked<'_>,
        order: Order,
        from: From<'_>,
        count: u32,
        total: Total,
    ) -> Result<Cut, Error> {
        if let ([part], From::Skip(skip)) = (&*asked.parts, from) {
            let page = self.part(ctx, asked, part, Start::Skip(skip), count, total).await?;
            return Ok((page.found.into_iter().map(|found| (0, found)).collect(), page.total));
        }
        let (skip, most) = match from {
            From::Behind(_) => (0, count),
            From::Skip(_) if count == 0 => (0, 0),
            From::Skip(skip) => (skip, deep_enough(skip, count)?),
        };
        let (mut ranked, mut counted): (Vec<(Rank, usize, Found)>, u64) = (Vec::new(), 0);
        for (kind, part) in asked.parts.iter().enumerate() {
            let start = match from {
                From::Skip(_) => Some(Start::Skip(0)),
                From::Behind(at) => part.start(order, at),
            };
            let Some(start) = start else { continue };
            let page = self.part(ctx, asked, part, start, most, total).await?;
            counted = counted.saturating_add(page.total);
            for found in page.found {
                ranked.push((rank(part.key(&found)?, order, found.record.id), kind, found));
            }
        }
        ranked.sort_by(|a, b| a.0.cmp(&b.0));
        let found = ranked.into_iter().map(|(_, kind, found)| (kind, found));
        let skip = usize::try_from(skip).unwrap_or(usize::MAX);
        Ok((found.skip(skip).take(count as usize).collect(), counted))
    }

    async fn part(
        &self,
        ctx: &Context,
        asked: &Asked<'_>,
        part: &Part<'_>,
        from: Start,
        count: u32,
        total: Total,
    ) -> Result<Page, Error> {
        // Types that the filter rules out cost nothing.
        if part.plan.candidates == Candidates::None {
            return Ok(Page { found: Vec::new(), total: 0 });
        }
        let query = Query {
            ty: part.ty,
            condition: part.condition.as_ref(),
            plan: &part.plan,
            sort: part.sort,
            from,
            count,
            total,
            load: part.load(asked.search.derived),
        };
        Ok(self.store.scope(ctx.scope()).find(&query).await?)
    }
}

impl<'a> Asked<'a> {
    fn kinds(&self) -> impl Iterator<Item = &'a str> {
        self.parts.iter().map(|part| part.ty.name())
    }

    /// The order, where at least one type has the attribute.
    fn order(&self) -> Option<Order> {
        self.parts.iter().find_map(|part| part.sort).map(|sort| sort.order)
    }

    fn place(&self, ctx: &Context, start: u64) -> Place {
        let filter = self.search.filter.as_ref().map(ToString::to_string);
        let sorted = self.search.sort.as_ref().filter(|_| self.order().is_some());
        let sort = sorted.map(|(by, order)| (by.text, *order));
        let search = digest(self.kinds(), filter.as_deref(), sort, None);
        Place { scope: ctx.scope(), actor: ctx.actor(), search, start }
    }

    fn position(&self, (kind, found): &(usize, Found)) -> Result<Position, Unavailable> {
        let part = self.parts.get(*kind).filter(|_| self.order().is_some());
        let key = part.map(|part| part.key(found)).transpose()?;
        let kind = u16::try_from(*kind).map_err(Unavailable::new)?;
        Ok(Position { kind, key, id: found.record.id })
    }
}

impl Part<'_> {
    fn key(&self, found: &Found) -> Result<SortKey, Unavailable> {
        let Some(sort) = self.sort else { return Ok(SortKey::UNASSIGNED) };
        let document = Document::from_stored(&found.record.body).map_err(Unavailable::new)?;
        Ok(self.ty.sort_key(sort.by, &found.view(&found.record.id.to_string(), &document)))
    }

    /// Where the type goes on behind a place in the order of all; `None` where nothing of it is
    /// left.
    fn start(&self, order: Order, at: &Position) -> Option<Start> {
        let key = at.key.clone().unwrap_or(SortKey::UNASSIGNED);
        match (self.sort, order) {
            (Some(_), _) => Some(Start::Behind(key, at.id)),
            // Without the attribute they are all where those without a value are (R-SORT-04).
            (None, _) if key == SortKey::UNASSIGNED => Some(Start::After(at.id)),
            (None, Order::Ascending) => Some(Start::Skip(0)),
            (None, Order::Descending) => None,
        }
    }
}

/// One resource more tells whether there is another page.
const fn one_more(count: u32) -> u32 {
    match count {
        0 => 0,
        count => count.saturating_add(1),
    }
}

/// Takes away what is beyond the page; tells whether there was anything.
fn shorten(found: &mut Vec<(usize, Found)>, count: u32) -> bool {
    let more = found.len() > count as usize;
    found.truncate(count as usize);
    more
}

/// The total of a walk that was counted with its first page, as far as the walk knows better: a
/// client that reads until it has met so many meets the end there, and not before.
fn met_or_more(met: u64, more: bool, total: u64) -> u64 {
    if more { total.max(met.saturating_add(1)) } else { met }
}

fn deep_enough(skip: u64, count: u32) -> Result<u32, Error> {
    let most = skip.saturating_add(count.into());
    u32::try_from(most).ok().filter(|_| most <= DEEPEST).ok_or(Error::TooMany)
}
