//! Every answer that says yes.

use http::header::{ETAG, HeaderName, HeaderValue, LOCATION};
use http::{Response, StatusCode};
use rollcall_domain::{Record, Verb};

use crate::precondition::tag;
use crate::{Body, render::View};

/// 200 with a body.
pub(crate) fn ok(body: Body) -> Response<Body> {
    Response::new(body)
}

/// 201 with a body.
pub(crate) fn created(body: Body) -> Response<Body> {
    status(StatusCode::CREATED, body)
}

/// 204: it is done.
pub(crate) fn no_content() -> Response<Body> {
    status(StatusCode::NO_CONTENT, Body::empty())
}

/// 304: the client has it.
pub(crate) fn not_modified() -> Response<Body> {
    status(StatusCode::NOT_MODIFIED, Body::empty())
}

/// A status by itself.
pub(crate) fn bare(code: StatusCode) -> Response<Body> {
    status(code, Body::empty())
}

/// What a bulk operation that was done is answered (R-BULK-03).
pub(crate) const fn status_of(verb: Option<Verb>) -> StatusCode {
    match verb {
        Some(Verb::Create) => StatusCode::CREATED,
        Some(Verb::Delete) => StatusCode::NO_CONTENT,
        Some(Verb::Replace | Verb::Patch) | None => StatusCode::OK,
    }
}

/// 503 to whoever asks whether the server is ready.
pub(crate) fn not_ready(body: Body) -> Response<Body> {
    status(StatusCode::SERVICE_UNAVAILABLE, body)
}

/// Adds the place of a resource, and its version where there are any (R-POST-01, R-GET-01,
/// R-ETAG-01).
pub(crate) fn about(response: Response<Body>, view: &View, record: &Record) -> Response<Body> {
    let response = match view.shows_versions() {
        true => with(response, ETAG, &tag(record.version)),
        false => response,
    };
    with(response, LOCATION, &view.location(record.id))
}

/// Adds a header.
pub(crate) fn with(mut response: Response<Body>, name: HeaderName, value: &str) -> Response<Body> {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
    response
}

fn status(status: StatusCode, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}
