//! Answers that hold resources: whole where they are small, streamed where they aren't.

use std::collections::VecDeque;

use bytes::Bytes;
use futures_util::stream;
use rollcall_domain::{Error, Found};
use rollcall_schema::standard;
use tracing::Instrument as _;

use crate::Body;
use crate::body::Broken;
use crate::links::Links;
use crate::problem::{Problem, chain};
use crate::render::{Piece, View};

/// How large a piece of a streamed answer grows before it is sent.
const CHUNK: usize = 64 * 1024;

/// Resources of one type that stand side by side in an answer, and how they are seen.
pub(crate) struct Section {
    pub(crate) view: View,
    pub(crate) found: Vec<Found>,
    /// The rows of their relations, in their order.
    pub(crate) links: Links,
}

impl Section {
    /// A section that begins with this resource, and shows no rows yet.
    pub(crate) fn new(view: View, first: Found) -> Self {
        Self { view, found: vec![first], links: Links::none() }
    }
}

/// A page as a list response says it (RFC 7644 §3.4.2, RFC 9865 §2).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listed<'a> {
    pub(crate) total: u64,
    /// The place of the first resource; none where a cursor led here.
    pub(crate) start: Option<u64>,
    /// What leads to the next page, where cursors are asked for and there is one (R-CUR-02).
    pub(crate) next: Option<&'a str>,
}

/// Writes resources with the rows of their relations.
pub(crate) struct Writer {
    /// How the resources are seen whose pieces are written now and later, each run with its
    /// number of pieces.
    sections: VecDeque<(View, Links, usize)>,
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
        let piece = view.piece(found)?;
        Ok(Self::new([(view, links, 1)].into(), [piece].into(), Vec::new(), b""))
    }

    /// A page of a list (R-GET-03).
    pub(crate) fn page(sections: Vec<Section>, listed: Listed<'_>) -> Result<Self, Problem> {
        let count: usize = sections.iter().map(|section| section.found.len()).sum();
        let mut opening = format!(
            r#"{{"schemas":["{}"],"totalResults":{},"itemsPerPage":{count}"#,
            standard::LIST_RESPONSE,
            listed.total,
        );
        if let Some(start) = listed.start {
            opening.extend([r#","startIndex":"#, &start.to_string()]);
        }
        // A cursor has no character that JSON would escape (R-CUR-01).
        if let Some(next) = listed.next {
            opening.extend([r#","nextCursor":""#, next, "\""]);
        }
        opening.push_str(r#","Resources":["#);
        let mut pieces = VecDeque::with_capacity(count);
        let mut seen = VecDeque::with_capacity(sections.len());
        for Section { view, found, links } in sections.into_iter().filter(|s| !s.found.is_empty()) {
            for found in &found {
                pieces.push_back(view.piece(found)?);
            }
            seen.push_back((view, links, found.len()));
        }
        Ok(Self::new(seen, pieces, opening.into_bytes(), b"]}"))
    }

    fn new(
        sections: VecDeque<(View, Links, usize)>,
        pieces: VecDeque<Piece>,
        mut opening: Vec<u8>,
        closing: &'static [u8],
    ) -> Self {
        if let Some(first) = pieces.front() {
            opening.extend_from_slice(&first.head);
        }
        let (listing, done) = (false, false);
        Self { sections, pieces, pending: opening, closing, listing, done }
    }

    /// The answer. If more rows than one page are to be read, it is made while it is sent, and
    /// never held in memory whole.
    pub(crate) async fn into_body(mut self) -> Result<Body, Problem> {
        if !self.sections.iter().all(|(_, links, _)| links.is_whole()) {
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
        let (Some(piece), Some((view, links, left))) =
            (self.pieces.front(), self.sections.front_mut())
        else {
            out.extend_from_slice(self.closing);
            self.done = true;
            return Ok(());
        };
        if let Some(link) = links.next(piece.id).await? {
            self.listing |= view.write_link(out, &link, !self.listing);
            return Ok(());
        }
        if std::mem::take(&mut self.listing) {
            out.push(b']');
        }
        out.extend_from_slice(&piece.tail);
        self.pieces.pop_front();
        *left -= 1;
        if *left == 0 {
            self.sections.pop_front();
        }
        if let Some(next) = self.pieces.front() {
            self.pending.push(b',');
            self.pending.extend_from_slice(&next.head);
        }
        Ok(())
    }
}
