//! One request over a connection, with its answer.

use bytes::Bytes;
use http::header::{ACCEPT, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;

use crate::LARGEST;

/// What the program calls itself.
const NAME: &str = concat!("rollcall/", env!("CARGO_PKG_VERSION"));

/// How large the head of an answer may be, in bytes.
const LARGEST_HEAD: usize = 32 * 1024;

/// Gets what a URI names over a connection to its host.
pub(crate) async fn exchange<S>(stream: S, uri: &Uri) -> Result<Value, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = http1::Builder::new();
    builder.max_buf_size(LARGEST_HEAD);
    let opened = builder.handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let (mut sender, connection) = opened;
    // Ends with this set, however this function is left.
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    let answer = sender.send_request(request(uri)?).await.map_err(broken)?;
    check(answer.status(), answer.headers())?;
    let body = read(answer).await?;
    serde_json::from_slice(&body).map_err(|_| "the answer is not the JSON that it says".into())
}

fn request(uri: &Uri) -> Result<Request<Empty<Bytes>>, String> {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let host = uri.authority().map_or("", |host| host.as_str());
    Request::get(path)
        .header(HOST, host)
        .header(ACCEPT, "application/json, application/jwk-set+json")
        .header(USER_AGENT, NAME)
        .header(CONNECTION, "close")
        .body(Empty::new())
        .map_err(|_| "this is no URL".into())
}

fn check(status: StatusCode, headers: &HeaderMap) -> Result<(), String> {
    if status.is_redirection() {
        return Err(format!(
            "the answer is a redirect ({}), which is not followed",
            status.as_u16()
        ));
    }
    if status != StatusCode::OK {
        return Err(format!("the answer is {}", status.as_u16()));
    }
    if headers.contains_key(CONTENT_ENCODING) {
        return Err("the answer is compressed, which nobody asked for".into());
    }
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    let subtype = essence.strip_prefix("application/");
    match subtype.is_some_and(|subtype| subtype == "json" || subtype.ends_with("+json")) {
        true => Ok(()),
        false => Err("the answer is not `application/json`".into()),
    }
}

async fn read(answer: Response<Incoming>) -> Result<Bytes, String> {
    let too_large = || format!("the answer has more than {LARGEST} bytes");
    if answer.body().size_hint().lower() > LARGEST as u64 {
        return Err(too_large());
    }
    let read = Limited::new(answer.into_body(), LARGEST).collect().await;
    let body = read.map_err(|error| match error.downcast::<hyper::Error>() {
        Ok(error) => broken(*error),
        Err(_) => too_large(),
    });
    Ok(body?.to_bytes())
}

#[expect(clippy::needless_pass_by_value, reason = "`map_err` gives it")]
fn broken(error: hyper::Error) -> String {
    format!("the answer broke off, or is no HTTP: {error}")
}
