//! Every answer that says no: the one place that chooses its status (RFC 7644 §3.12).

use std::error::Error as StdError;

use http::header::{ALLOW, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Response, StatusCode};
use rollcall_domain::{AuthError, Error};
use rollcall_schema::{FilterError, PatchError, Violation, standard};
use serde::Serialize;

use crate::Body;

/// Why a request was not answered as it hoped.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    scim_type: Option<ScimType>,
    /// What the client is told.
    detail: String,
    header: Option<(http::HeaderName, HeaderValue)>,
    /// What the log is told instead.
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The `scimType` of an error (RFC 7644 table 9, R-ERR-03).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum ScimType {
    InvalidFilter,
    TooMany,
    Uniqueness,
    Mutability,
    InvalidSyntax,
    InvalidPath,
    NoTarget,
    InvalidValue,
    InvalidVers,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    schemas: [&'static str; 1],
    status: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    scim_type: Option<ScimType>,
    detail: &'a str,
}

impl Problem {
    /// The request itself is wrong.
    pub(crate) fn bad(scim_type: ScimType, detail: impl Into<String>) -> Self {
        Self { scim_type: Some(scim_type), ..Self::new(StatusCode::BAD_REQUEST, detail) }
    }

    /// R-ERR-08. One text whether the token is missing, wrong or revoked.
    pub(crate) fn unauthorized(detail: &'static str) -> Self {
        let challenge = HeaderValue::from_static("Bearer realm=\"rollcall\"");
        Self::new(StatusCode::UNAUTHORIZED, detail).with(WWW_AUTHENTICATE, challenge)
    }

    /// There is nothing at the path, or not for this token: always the same bytes (R-TEN-02).
    pub(crate) fn nowhere() -> Self {
        Self::new(StatusCode::NOT_FOUND, "there is nothing at this path")
    }

    /// One entry of discovery is missing.
    pub(crate) fn not_found(detail: String) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// Discovery can't be filtered (R-DISC-02).
    pub(crate) fn no_filter_here() -> Self {
        Self::new(StatusCode::FORBIDDEN, "discovery can't be filtered: leave `filter` out")
    }

    /// R-HTTP-09.
    pub(crate) fn method(allow: &'static str) -> Self {
        let detail = format!("this path takes {allow}");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, detail)
            .with(ALLOW, HeaderValue::from_static(allow))
    }

    /// Part of the protocol that isn't offered.
    pub(crate) fn not_offered(detail: &'static str) -> Self {
        Self::new(StatusCode::NOT_IMPLEMENTED, detail)
    }

    /// R-POST-12, R-HTTP-11.
    pub(crate) fn media(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail)
    }

    /// R-HTTP-10.
    pub(crate) fn too_large(limit: usize) -> Self {
        let detail = format!("the body is larger than {limit} bytes, the most that is taken");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
    }

    /// The client stopped sending.
    pub(crate) fn too_slow() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "the body took too long to arrive")
    }

    /// Our own fault.
    pub(crate) fn internal(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let problem = Self::new(StatusCode::INTERNAL_SERVER_ERROR, "");
        Self { source: Some(source.into()), ..problem }
    }

    /// Somebody's fault behind us; it may be over soon.
    fn unavailable(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "");
        Self { source: Some(source.into()), ..problem.with(RETRY_AFTER, 5.into()) }
    }

    fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, scim_type: None, detail: detail.into(), header: None, source: None }
    }

    fn with(self, name: http::HeaderName, value: HeaderValue) -> Self {
        Self { header: Some((name, value)), ..self }
    }

    /// The answer. What went wrong inside is logged here, once, and never sent (R-ERR-05).
    pub(crate) fn into_response(self, request_id: &str) -> Response<Body> {
        let detail = match &self.source {
            None => self.detail,
            Some(source) => {
                tracing::error!(error = %chain(&**source), request_id, "the request failed");
                let what = match self.status {
                    StatusCode::SERVICE_UNAVAILABLE => "the directory can't be reached right now",
                    _ => "internal error",
                };
                format!("{what}; request id {request_id}")
            }
        };
        let wire = Wire {
            schemas: [standard::ERROR],
            status: self.status.as_str(),
            scim_type: self.scim_type,
            detail: &detail,
        };
        let body = serde_json::to_vec(&wire).expect("texts are always JSON");
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        if let Some((name, value)) = self.header {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

/// An error with everything that led to it.
pub(crate) fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        next = error.source();
    }
    text
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let detail = error.to_string();
        match error {
            Error::NotFound { .. } => Self::not_found(detail),
            Error::Violation(violation) => Self::bad(ScimType::of(&violation), detail),
            Error::Filter(error) => error.into(),
            Error::Patch(error) => error.into(),
            Error::Taken { .. } => Self {
                scim_type: Some(ScimType::Uniqueness),
                ..Self::new(StatusCode::CONFLICT, detail)
            },
            Error::UnknownMembers { .. } => Self::bad(ScimType::InvalidValue, detail),
            Error::PreconditionFailed => Self::new(StatusCode::PRECONDITION_FAILED, detail),
            Error::TooMany => Self::bad(ScimType::TooMany, detail),
            Error::Busy => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, detail).with(RETRY_AFTER, 1.into())
            }
            Error::Unavailable(source) => Self::unavailable(source),
            other => Self::internal(other),
        }
    }
}

impl From<FilterError> for Problem {
    fn from(error: FilterError) -> Self {
        Self::bad(ScimType::InvalidFilter, error.to_string())
    }
}

impl From<PatchError> for Problem {
    fn from(error: PatchError) -> Self {
        let scim_type = match &error {
            PatchError::Path { .. } => ScimType::InvalidPath,
            PatchError::Filter { .. } => ScimType::InvalidFilter,
            PatchError::NoTarget { .. } => ScimType::NoTarget,
            PatchError::Violation { violation, .. } => ScimType::of(violation),
            // `Syntax`, and whatever else makes a body no PATCH.
            _ => ScimType::InvalidSyntax,
        };
        Self::bad(scim_type, error.to_string())
    }
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Refused => Self::unauthorized("the request needs a valid bearer token"),
            AuthError::Unavailable(source) => Self::unavailable(source),
        }
    }
}

impl ScimType {
    fn of(violation: &Violation) -> Self {
        match violation {
            Violation::Syntax(_) => Self::InvalidSyntax,
            Violation::Mutability(_) => Self::Mutability,
            // `Value`, and whatever else is wrong with a value.
            _ => Self::InvalidValue,
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use rollcall_domain::Unavailable;
    use serde_json::{Value, json};

    use super::*;

    async fn answer(problem: Problem) -> (Response<()>, Value) {
        let (parts, body) = problem.into_response("r-1").into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (Response::from_parts(parts, ()), serde_json::from_slice(&body).unwrap())
    }

    #[track_caller]
    fn check(error: Error, status: u16, scim_type: Option<&str>) {
        let problem = Problem::from(error);
        let named = problem.scim_type.map(|scim_type| serde_json::to_value(scim_type).unwrap());
        assert_eq!(problem.status.as_u16(), status, "{problem:?}");
        assert_eq!(named, scim_type.map(Value::from), "{problem:?}");
    }

    #[test]
    fn each_outcome_has_its_status_and_scim_type() {
        // R-ERR-03
        let violation = |text: &str| Violation::Value(text.into());
        check(Error::NotFound { kind: "User".into(), id: "x".into() }, 404, None);
        check(violation("v").into(), 400, Some("invalidValue"));
        check(Violation::Syntax("s".into()).into(), 400, Some("invalidSyntax"));
        check(Violation::Mutability("m".into()).into(), 400, Some("mutability"));
        check(FilterError::Mismatch("f".into()).into(), 400, Some("invalidFilter"));
        let taken = Error::Taken { attr: "userName".into(), kind: "User".into(), hint: "" };
        check(taken, 409, Some("uniqueness"));
        let unknown = Error::UnknownMembers { attr: "members".into(), ids: vec!["x".into()] };
        check(unknown, 400, Some("invalidValue"));
        check(Error::PreconditionFailed, 412, None);
        check(Error::TooMany, 400, Some("tooMany"));
        check(Error::Busy, 503, None);
        check(Unavailable::new("secret").into(), 503, None);
        check(PatchError::Syntax("s".into()).into(), 400, Some("invalidSyntax"));
        let path = PatchError::Path { at: 0, detail: "p".into() };
        check(path.into(), 400, Some("invalidPath"));
        let target = PatchError::NoTarget { at: 0, detail: "t".into() };
        check(target.into(), 400, Some("noTarget"));
        let source = FilterError::Mismatch("f".into());
        check(PatchError::Filter { at: 0, source }.into(), 400, Some("invalidFilter"));
        let inner = PatchError::Violation { at: 0, violation: violation("v") };
        check(inner.into(), 400, Some("invalidValue"));
    }

    #[tokio::test]
    async fn errors_carry_the_scim_body() {
        // R-ERR-01, R-ERR-08
        let (head, body) = answer(Problem::unauthorized("who?")).await;
        assert_eq!(head.headers()["www-authenticate"], "Bearer realm=\"rollcall\"");
        assert_eq!(body, json!({"schemas": [standard::ERROR], "status": "401", "detail": "who?"}));
    }

    #[tokio::test]
    async fn inner_failures_stay_inside() {
        // R-ERR-05, R-ERR-07
        let (head, body) = answer(Error::from(Unavailable::new("password=x")).into()).await;
        assert_eq!(head.status(), 503);
        assert_eq!(head.headers()["retry-after"], "5");
        assert_eq!(body["detail"], "the directory can't be reached right now; request id r-1");
    }
}
