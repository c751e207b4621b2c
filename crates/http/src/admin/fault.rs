//! Every answer of the admin API that says no (RFC 9457).

use http::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rollcall_domain::{AdminError, ConfigureError, Error, Unavailable};
use rollcall_schema::{Fault as Flaw, RemoveError};
use serde_json::{Value, json};

use crate::Body;
use crate::problem::Problem;

/// What `instance`, which is a URI reference, can't hold as it is.
const UNSAFE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The media type of problems.
const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");

/// Why an operator was not answered as they hoped.
#[derive(Debug)]
pub(super) struct Fault {
    problem: Problem,
    /// Each thing that is wrong with definitions, with its place.
    errors: Vec<Value>,
}

impl Fault {
    /// What was sent can't be.
    pub(super) fn bad(detail: impl Into<String>) -> Self {
        Problem::new(StatusCode::BAD_REQUEST, detail).into()
    }

    /// There is nothing at the path.
    pub(super) fn nowhere() -> Self {
        Problem::nowhere().into()
    }

    /// The path takes other methods.
    pub(super) fn method(allow: &str) -> Self {
        let problem =
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, format!("this path takes {allow}"));
        let allow = HeaderValue::from_str(allow).expect("names of methods are visible ASCII");
        problem.with(ALLOW, allow).into()
    }

    /// The answer.
    pub(super) fn into_response(self, request_id: &str) -> Response<Body> {
        let told = self.problem.told(request_id);
        let mut body = json!({
            "type": "about:blank",
            "title": told.status.canonical_reason().unwrap_or_default(),
            "status": told.status.as_u16(),
            "detail": told.detail,
            "instance": utf8_percent_encode(request_id, UNSAFE).to_string(),
        });
        if let (false, Some(body)) = (self.errors.is_empty(), body.as_object_mut()) {
            body.insert("errors".into(), self.errors.into());
        }
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() = told.status;
        response.headers_mut().insert(CONTENT_TYPE, PROBLEM);
        if let Some((name, value)) = told.header {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        Self { problem, errors: Vec::new() }
    }
}

impl From<Unavailable> for Fault {
    fn from(source: Unavailable) -> Self {
        Problem::from(Error::Unavailable(source)).into()
    }
}

impl From<AdminError> for Fault {
    /// The one place that says which status an error has.
    fn from(error: AdminError) -> Self {
        let detail = error.to_string();
        let told = |status| Problem::new(status, detail);
        match error {
            AdminError::NotFound { .. } => told(StatusCode::NOT_FOUND).into(),
            AdminError::Forbidden(_) => told(StatusCode::FORBIDDEN).into(),
            AdminError::Bad(_) | AdminError::Weak(_) | AdminError::Scope(_) => {
                told(StatusCode::BAD_REQUEST).into()
            }
            AdminError::Conflict(_) => told(StatusCode::CONFLICT).into(),
            AdminError::Stale => told(StatusCode::PRECONDITION_FAILED).into(),
            AdminError::KeyReused => told(StatusCode::UNPROCESSABLE_ENTITY).into(),
            AdminError::Configure(error) => error.into(),
            AdminError::Busy => {
                told(StatusCode::SERVICE_UNAVAILABLE).with(RETRY_AFTER, 1.into()).into()
            }
            AdminError::Unavailable(source) => source.into(),
            other => Problem::internal(other).into(),
        }
    }
}

impl From<ConfigureError> for Fault {
    fn from(error: ConfigureError) -> Self {
        let status = match &error {
            ConfigureError::Setup(_) | ConfigureError::Text(_) | ConfigureError::Compile(_) => {
                StatusCode::BAD_REQUEST
            }
            ConfigureError::Remove(RemoveError::NotFound { .. }) => StatusCode::NOT_FOUND,
            // What stands in the way is there already.
            _ => StatusCode::CONFLICT,
        };
        let errors = match &error {
            ConfigureError::Text(flaws) => flaws.iter().map(shown).collect(),
            _ => Vec::new(),
        };
        Self { problem: Problem::new(status, error.to_string()), errors }
    }
}

fn shown(flaw: &Flaw) -> Value {
    json!({
        "line": flaw.line,
        "column": flaw.column,
        "pointer": flaw.pointer,
        "detail": flaw.message,
    })
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    async fn answer(fault: Fault, request_id: &str) -> (http::response::Parts, Value) {
        let (head, body) = fault.into_response(request_id).into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (head, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn each_error_has_its_status() {
        let text = || "what is wrong".to_owned();
        let not_found = AdminError::NotFound { kind: "token", id: "tok_x".into() };
        let cases = [
            (not_found, 404),
            (AdminError::Forbidden(text()), 403),
            (AdminError::Bad(text()), 400),
            (AdminError::Conflict(text()), 409),
            (AdminError::Stale, 412),
            (AdminError::KeyReused, 422),
            (AdminError::Busy, 503),
            (AdminError::Unavailable(Unavailable::new("password=x")), 503),
            (ConfigureError::Remove(RemoveError::NotFound { name: text() }).into(), 404),
            (ConfigureError::Remove(RemoveError::Standard { name: text() }).into(), 409),
            (ConfigureError::Text(Vec::new()).into(), 400),
        ];
        for (error, status) in cases {
            let shown = format!("{error:?}");
            let (head, body) = answer(error.into(), "r-1").await;
            assert_eq!(head.status, status, "{shown}");
            assert_eq!(body["status"], status, "{body}");
            assert_eq!(head.headers["content-type"], "application/problem+json");
            assert!(!body.to_string().contains("password"), "{body}");
        }
    }

    #[tokio::test]
    async fn problems_have_the_members_of_rfc_9457() {
        let (_, body) = answer(AdminError::Stale.into(), "r-1").await;
        assert_eq!(
            body,
            json!({
                "type": "about:blank",
                "title": "Precondition Failed",
                "status": 412,
                "detail": AdminError::Stale.to_string(),
                "instance": "r-1",
            })
        );
        let (_, body) = answer(Fault::bad("no"), "a\"<b").await;
        assert_eq!(body["instance"], "a%22%3Cb");
    }
}
