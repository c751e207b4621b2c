//! Answers that hold resources: whole where they are small, streamed where they aren't.

use std::collections::VecDeque;

use bytes::Bytes;
use futures_util::stream;
use rollcall_domain::{Error, Found, Listing};
use rollcall_schema::standard;
use tracing::Instrument as _;

use crate::Body;
use crate::body::Broken;
use crate::links::Links;
use crate::problem::{Problem, chain};
use crate::render::{Piece, View};

/// How large a piece of a streamed answer grows before it is sent.
const CHUNK: usize = 64 * 1024;

/// Writes resources with the rows of their relations.
pub(crate) struct Writer {
    view: View,
    links: Links,
    pieces: VecDeque<Piece>,
    /// What stands before the next row.
    pending: Vec<u8>,
    /// What stands behind the last resource.
    closing: &'static [u8],
    /// Whether a list of rows has been begun.
    listing: bool,
    done: bool,
}

impl Writer {
    /// One resource by itself.
    pub(crate) fn one(view: View, found: &Found, links: Links) -> Result<Self, Problem> {
        Self::new(view, std::slice::from_ref(found), links, Vec::new(), b"")
    }

    /// A page of a list that starts at the place `start` (RFC 7644 §3.4.2, R-GET-03).
    pub(crate) fn page(view: View, page: &Listing, start: u64, links: Links) -> Result<Self, Problem> {
        let opening = format!(
            r#"{{"schemas":["{}"],"totalResults":{},"itemsPerPage":{},"startIndex":{start},"Resources":["#,
            standard::LIST_RESPONSE,
            page.total,
            page.found.len(),
        );
        Self::new(view, &page.found, links, opening.into_bytes(), b"]}")
    }

    fn new(
        view: View,
        found: &[Found],
        links: Links,
        mut opening: Vec<u8>,
        closing: &'static [u8],
    ) -> Result<Self, Problem> {
        let pieces = found.iter().map(|found| view.piece(found));
        let pieces: VecDeque<_> = pieces.collect::<Result<_, _>>()?;
        if let Some(first) = pieces.front() {
            opening.extend_from_slice(&first.head);
        }
        let (listing, done) = (false, false);
        Ok(Self { view, links, pieces, pending: opening, closing, listing, done })
    }

    /// The answer. If more rows than one page are to be read, it is made while it is sent, and
    /// never held in memory whole.
    pub(crate) async fn into_body(mut self) -> Result<Body, Problem> {
        if !self.links.is_whole() {
            return Ok(Body::streamed(self.stream()));
        }
        let mut out = Vec::new();
        while !self.done {
            self.write(&mut out).await?;
        }
        Ok(Body::from(out))
    }

    /// Chunks of the answer. A failure ends them with an error, so that the client sees a broken
    /// connection and no text that only looks whole.
    fn stream(self) -> impl stream::Stream<Item = Result<Bytes, Broken>> + Send + 'static {
        let span = tracing::Span::current();
        stream::try_unfold(self, move |mut writer| {
            let chunk = async move {
                let chunk = writer.chunk().await.map_err(|error| {
                    tracing::error!(error = %chain(&error), "an answer was cut short");
                    Broken
                })?;
                Ok((!chunk.is_empty()).then(|| (Bytes::from(chunk), writer)))
            };
            chunk.instrument(span.clone())
        })
    }

    async fn chunk(&mut self) -> Result<Vec<u8>, Error> {
        let mut out = Vec::with_capacity(CHUNK + CHUNK / 8);
        while out.len() < CHUNK && !self.done {
            self.write(&mut out).await?;
        }
        Ok(out)
    }

    /// Writes the next row, or the end of a resource, or the end.
    async fn write(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        out.append(&mut self.pending);
        let Some(piece) = self.pieces.front() else {
            out.extend_from_slice(self.closing);
            self.done = true;
            return Ok(());
        };
        if let Some(link) = self.links.next(piece.id).await? {
            self.listing |= self.view.write_link(out, &link, !self.listing);
            return Ok(());
        }
        if std::mem::take(&mut self.listing) {
            out.push(b']');
        }
        out.extend_from_slice(&piece.tail);
        self.pieces.pop_front();
        if let Some(next) = self.pieces.front() {
            self.pending.push(b',');
            self.pending.extend_from_slice(&next.head);
        }
        Ok(())
    }
}
