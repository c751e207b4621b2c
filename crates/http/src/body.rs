//! The body of an answer.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, Stream, StreamExt as _, TryStreamExt as _};
use http_body::{Frame, SizeHint};
use http_body_util::Full;
use tokio_util::task::AbortOnDropHandle;

/// The body of an answer: whole, or made while it is sent.
pub struct Body(Kind);

enum Kind {
    Whole(Full<Bytes>),
    Streamed(BoxStream<'static, Result<Bytes, Broken>>),
}

/// The rest of an answer could not be made; the reason is in the log.
///
/// The connection is reset, so that no client takes what it got for the whole.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the answer was cut short")]
pub struct Broken;

impl Body {
    /// No body.
    pub fn empty() -> Self {
        Self(Kind::Whole(Full::default()))
    }

    pub(crate) fn streamed(
        chunks: impl Stream<Item = Result<Bytes, Broken>> + Send + 'static,
    ) -> Self {
        Self(Kind::Streamed(chunks.boxed()))
    }

    /// The same body. What is made of it while it is sent waits for a turn, chunk by chunk, and
    /// for no client: whoever stops reading has none meanwhile.
    pub(crate) fn in_turns<T: Send + 'static>(
        self,
        turn: impl Fn() -> BoxFuture<'static, Option<T>> + Send + 'static,
    ) -> Self {
        let Kind::Streamed(chunks) = self.0 else { return self };
        Self::streamed(stream::try_unfold(chunks, move |mut chunks| {
            let turn = turn();
            let making = tokio::spawn(async move {
                let _turn = turn.await.ok_or(Broken)?;
                let chunk = chunks.try_next().await?;
                Ok(chunk.map(|chunk| (chunk, chunks)))
            });
            // It ends with the answer.
            AbortOnDropHandle::new(making).map(|made| made.unwrap_or(Err(Broken)))
        }))
    }

    /// How long it is, where that is known.
    pub(crate) fn length(&self) -> Option<u64> {
        http_body::Body::size_hint(self).exact()
    }
}

impl<T: Into<Bytes>> From<T> for Body {
    fn from(whole: T) -> Self {
        Self(Kind::Whole(Full::new(whole.into())))
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match &mut self.0 {
            Kind::Whole(whole) => Pin::new(whole).poll_frame(cx).map_err(|never| match never {}),
            Kind::Streamed(chunks) => {
                chunks.poll_next_unpin(cx).map(|chunk| chunk.map(|chunk| chunk.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Whole(whole) => whole.is_end_stream(),
            Kind::Streamed(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Whole(whole) => whole.size_hint(),
            Kind::Streamed(_) => SizeHint::default(),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("length", &self.length()).finish()
    }
}
