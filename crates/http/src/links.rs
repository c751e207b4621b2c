//! Rows of a relation, read page by page in the order in which their owners are shown.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use rollcall_domain::{Context, Directory, Edge, Error, ResourceId};
use rollcall_schema::{Link, ResourceType};

/// The rows of one page. An answer with more is streamed.
pub(crate) const PAGE: u32 = 1000;

/// The rows that belong to some resources, read when they are needed.
pub(crate) struct Links {
    source: Option<Source>,
    /// Owners whose rows are still to be read, in runs of ascending ids.
    runs: VecDeque<Vec<ResourceId>>,
    after: Option<(ResourceId, ResourceId)>,
    buffer: VecDeque<Edge>,
}

/// Where rows come from.
#[derive(Clone)]
pub(crate) struct Source {
    pub(crate) directory: Arc<Directory>,
    pub(crate) context: Context,
    pub(crate) ty: Arc<ResourceType>,
}

impl Links {
    /// No rows.
    pub(crate) fn none() -> Self {
        Self { source: None, runs: VecDeque::new(), after: None, buffer: VecDeque::new() }
    }

    /// The rows of `owners`, which are asked for in this order. One call reads them all where one
    /// page holds them.
    pub(crate) async fn of(source: Source, owners: Vec<ResourceId>) -> Result<Self, Error> {
        if owners.is_empty() {
            return Ok(Self::none());
        }
        let places: HashMap<_, _> = owners.iter().enumerate().map(|(at, id)| (*id, at)).collect();
        let ascending = owners.is_sorted();
        let mut links = Self { source: Some(source), runs: [owners].into(), ..Self::none() };
        links.fill().await?;
        if links.is_whole() {
            let shown = |edge: &Edge| places.get(&edge.owner).copied();
            links.buffer.make_contiguous().sort_by_key(shown);
        } else if !ascending {
            links.restart();
        }
        Ok(links)
    }

    /// Whether every row has been read.
    pub(crate) fn is_whole(&self) -> bool {
        self.runs.is_empty()
    }

    /// The next row of `owner`; `None` behind its last one.
    pub(crate) async fn next(&mut self, owner: ResourceId) -> Result<Option<Link>, Error> {
        loop {
            match self.buffer.front() {
                Some(edge) if edge.owner == owner => {
                    return Ok(self.buffer.pop_front().map(|edge| edge.link));
                }
                Some(_) => return Ok(None),
                None if self.is_whole() => return Ok(None),
                None => self.fill().await?,
            }
        }
    }

    /// Reads a page. It asks for one row more than it keeps, to know whether there is another.
    async fn fill(&mut self) -> Result<(), Error> {
        let (Some(source), Some(owners)) = (&self.source, self.runs.front()) else { return Ok(()) };
        let Source { directory, context, ty } = source;
        let mut page = directory.edges(context, ty, owners, self.after, PAGE + 1).await?;
        if page.len() > PAGE as usize {
            page.truncate(PAGE as usize);
            self.after = page.last().map(|edge| (edge.owner, edge.member));
        } else {
            self.runs.pop_front();
            self.after = None;
        }
        self.buffer.extend(page);
        Ok(())
    }

    /// Begins again with owners that aren't in the order of their ids, which is the order of rows.
    fn restart(&mut self) {
        let owners = self.runs.pop_front().unwrap_or_default();
        self.runs = owners.chunk_by(|a, b| a < b).map(<[_]>::to_vec).collect();
        self.after = None;
        self.buffer.clear();
    }
}
