//! Every answer that says yes.

use http::header::{ETAG, HeaderName, HeaderValue, LOCATION};
use http::{Response, StatusCode};
use rollcall_domain::Record;

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

/// 503 to whoever asks whether the server is ready.
pub(crate) fn not_ready(body: Body) -> Response<Body> {
    status(StatusCode::SERVICE_UNAVAILABLE, body)
}

/// Adds the place and the version of a resource (R-POST-01, R-GET-01, R-ETAG-01).
pub(crate) fn about(response: Response<Body>, view: &View, record: &Record) -> Response<Body> {
    let response = with(response, ETAG, &tag(record.version));
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
