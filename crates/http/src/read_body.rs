//! Reads request bodies within their limits.

use std::error::Error as StdError;
use std::pin::{Pin, pin};
use std::time::Duration;

use bytes::{Buf, Bytes};
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, EXPECT};
use http_body::Body;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use tokio::time::timeout;

use crate::problem::{Problem, ScimType};

/// How much of a body that is too large is thrown away, and for how long: a client that is still
/// sending when its socket is closed may never see why.
const THROWN_AWAY: usize = 16 * 1024 * 1024;
const PATIENCE: Duration = Duration::from_secs(5);

/// Reads a body of at most `limit` bytes whole, in at most `time`. One that says it is too large
/// is refused before it is kept, one that turns out to be stops being kept (R-HTTP-10).
pub(crate) async fn read<B>(
    body: B,
    headers: &HeaderMap,
    limit: usize,
    time: Duration,
) -> Result<Bytes, Problem>
where
    B: Body,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    let mut body = pin!(body);
    if declared(headers).is_some_and(|length| length > limit as u64) {
        // Who asks first has sent nothing yet.
        if !headers.contains_key(EXPECT) {
            throw_away(body, time).await;
        }
        return Err(Problem::too_large(limit));
    }
    match timeout(time, Limited::new(body.as_mut(), limit).collect()).await {
        Err(_) => Err(Problem::too_slow()),
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            throw_away(body, time).await;
            Err(Problem::too_large(limit))
        }
        Ok(Err(_)) => {
            Err(Problem::bad(ScimType::InvalidSyntax, "the body ended before it was complete"))
        }
    }
}

async fn throw_away<B: Body>(mut body: Pin<&mut B>, time: Duration) {
    let reading = async {
        let mut left = THROWN_AWAY;
        while let Some(Ok(frame)) = body.frame().await {
            let size = frame.data_ref().map_or(0, Buf::remaining);
            match left.checked_sub(size) {
                Some(rest) => left = rest,
                None => return,
            }
        }
    };
    // Whoever is slower than that is not waited for.
    let _ = timeout(time.min(PATIENCE), reading).await;
}

fn declared(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use http_body_util::{Full, StreamBody};

    use super::*;

    #[tokio::test]
    async fn bodies_stop_at_the_limit() {
        // R-HTTP-10
        let read = async |text: &'static str| {
            let body = Full::<Bytes>::from(text);
            read(body, &HeaderMap::new(), 4, Duration::from_secs(30)).await
        };
        assert_eq!(read("1234").await.unwrap(), "1234");
        let problem = format!("{:?}", read("12345").await.unwrap_err());
        assert!(problem.contains("413") && problem.contains("larger than 4 bytes"), "{problem}");
    }

    #[tokio::test]
    async fn declared_sizes_are_checked_before_anything_is_kept() {
        // R-HTTP-10
        let never = StreamBody::new(futures_util::stream::pending::<
            Result<http_body::Frame<Bytes>, std::io::Error>,
        >());
        let headers = HeaderMap::from_iter([(CONTENT_LENGTH, 2_000_000.into())]);
        let patience = Duration::from_millis(10);
        let problem = read(never, &headers, 1_000_000, patience).await.unwrap_err();
        assert!(format!("{problem:?}").contains("413"));
    }

    #[tokio::test]
    async fn slow_bodies_time_out() {
        let patience = Duration::from_millis(10);
        let never = StreamBody::new(futures_util::stream::pending::<
            Result<http_body::Frame<Bytes>, std::io::Error>,
        >());
        let problem = read(never, &HeaderMap::new(), 4, patience).await.unwrap_err();
        assert!(format!("{problem:?}").contains("408"));
    }
}
