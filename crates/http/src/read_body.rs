//! Reads request bodies within their limits.

use std::error::Error as StdError;

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body::Body;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use crate::Settings;
use crate::problem::{Problem, ScimType};

/// Reads a body whole. One that says it is too large is refused before it is read, one that turns
/// out to be stops being read (R-HTTP-10).
pub(crate) async fn read<B>(
    body: B,
    headers: &HeaderMap,
    settings: &Settings,
) -> Result<Bytes, Problem>
where
    B: Body,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    let limit = settings.body_limit;
    if declared(headers).is_some_and(|length| length > limit as u64) {
        return Err(Problem::too_large(limit));
    }
    let limited = std::pin::pin!(Limited::new(body, limit));
    match tokio::time::timeout(settings.body_timeout, limited.collect()).await {
        Err(_) => Err(Problem::too_slow()),
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Problem::too_large(limit)),
        Ok(Err(_)) => {
            Err(Problem::bad(ScimType::InvalidSyntax, "the body ended before it was complete"))
        }
    }
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
        let settings = Settings { body_limit: 4, ..Settings::default() };
        let read = |text: &'static str| {
            let settings = settings.clone();
            async move { read(Full::<Bytes>::from(text), &HeaderMap::new(), &settings).await }
        };
        assert_eq!(read("1234").await.unwrap(), "1234");
        let problem = format!("{:?}", read("12345").await.unwrap_err());
        assert!(problem.contains("413") && problem.contains("larger than 4 bytes"), "{problem}");
    }

    #[tokio::test]
    async fn declared_sizes_are_checked_before_reading() {
        // R-HTTP-10
        let never = StreamBody::new(futures_util::stream::pending::<
            Result<http_body::Frame<Bytes>, std::io::Error>,
        >());
        let headers = HeaderMap::from_iter([(CONTENT_LENGTH, 2_000_000.into())]);
        assert!(read(never, &headers, &Settings::default()).await.is_err());
    }

    #[tokio::test]
    async fn slow_bodies_time_out() {
        let patience = std::time::Duration::from_millis(10);
        let settings = Settings { body_timeout: patience, ..Settings::default() };
        let never = StreamBody::new(futures_util::stream::pending::<
            Result<http_body::Frame<Bytes>, std::io::Error>,
        >());
        let problem = read(never, &HeaderMap::new(), &settings).await.unwrap_err();
        assert!(format!("{problem:?}").contains("408"));
    }
}
