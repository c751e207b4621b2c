//! Every answer that says no: the one place that chooses its status (RFC 7644 §3.12).

mod oauth;

use std::error::Error as StdError;
use std::time::Duration;

use http::header::{ALLOW, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Response, StatusCode};
use rollcall_domain::{AuthError, BUDGET, Error, Rate};
use rollcall_schema::{FilterError, PatchError, ResourceType, Storage, Type, Violation, standard};
use serde::Serialize;
use serde_json::Value;

use crate::Body;

/// Why a request was not answered as it hoped.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    scim_type: Option<ScimType>,
    /// What the client is told.
    detail: String,
    /// Boxed, so that what says no stays small on the way.
    header: Option<Box<(http::HeaderName, HeaderValue)>>,
    /// What OAuth calls it, where the client speaks that (RFC 6749 §5.2).
    oauth: Option<&'static str>,
    /// What the log is told instead.
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What a client is told of a problem, in whatever form.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) status: StatusCode,
    pub(crate) detail: String,
    pub(crate) header: Option<(http::HeaderName, HeaderValue)>,
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
    InvalidCursor,
    ExpiredCursor,
    InvalidCount,
}

/// The longest time that a client is told to wait in seconds: Okta reads
/// nothing but an integer, and gives up after longer (E-OKTA-09).
const LONGEST_WAIT: u64 = 60;

/// The most attributes that a hint names.
const HINTED: usize = 12;

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

    /// R-ERR-08. No token was sent, or not as it should be.
    pub(crate) fn unauthorized(detail: &'static str) -> Self {
        let challenge = HeaderValue::from_static("Bearer realm=\"rollcall\"");
        Self::new(StatusCode::UNAUTHORIZED, detail).with(WWW_AUTHENTICATE, challenge)
    }

    /// R-ERR-08. One text whether the token that was sent is wrong, has ended, or was revoked
    /// (RFC 6750 §3.1).
    fn invalid_token(detail: &'static str) -> Self {
        let challenge =
            HeaderValue::from_static("Bearer realm=\"rollcall\", error=\"invalid_token\"");
        Self::new(StatusCode::UNAUTHORIZED, detail).with(WWW_AUTHENTICATE, challenge)
    }

    /// R-AUTH-06, RFC 6750 §3.1.
    fn insufficient_scope(needed: &'static str, detail: String) -> Self {
        let challenge =
            format!("Bearer realm=\"rollcall\", error=\"insufficient_scope\", scope=\"{needed}\"");
        let challenge = HeaderValue::try_from(challenge).expect("scopes are visible ASCII");
        Self::forbidden(detail).with(WWW_AUTHENTICATE, challenge)
    }

    /// The connection answers nothing for now; its credentials stay good.
    pub(super) fn paused(detail: String) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail).with(RETRY_AFTER, LONGEST_WAIT.into())
    }

    /// The keys of an issuer are not there; nobody asks for them again within a minute.
    pub(super) fn no_keys(detail: String) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail).with(RETRY_AFTER, LONGEST_WAIT.into())
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

    /// Part of the protocol that isn't offered (R-DISC-09).
    pub(crate) fn not_offered(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_IMPLEMENTED, detail)
    }

    /// Whoever asks may not do that.
    pub(crate) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, detail)
    }

    /// Something else stands in the way.
    pub(crate) fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, detail)
    }

    /// It was there, and won't be again.
    pub(crate) fn gone(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::GONE, detail)
    }

    /// `If-Match` on a connection without versions: what it insists on can't be known.
    pub(crate) fn no_versions() -> Self {
        let detail = "versions are not offered on this connection: send the request without one";
        Self::new(StatusCode::PRECONDITION_FAILED, detail)
    }

    /// R-POST-12, R-HTTP-11.
    pub(crate) fn media(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail)
    }

    /// R-HTTP-10.
    pub(crate) fn too_large(limit: usize) -> Self {
        let detail = format!("the body is larger than {limit} bytes, the most that is taken here");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
    }

    /// R-BULK-08.
    pub(crate) fn too_many_operations(sent: usize, limit: usize) -> Self {
        let detail = format!("{sent} operations are more than {limit}, which is `maxOperations`");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
    }

    /// R-ERR-06, R-IPSIE-03.
    pub(crate) fn too_many_requests(rate: Rate, wait: Duration) -> Self {
        let Rate { per_second, burst } = rate;
        let detail = format!(
            "this connection takes {per_second} requests a second and {burst} at once, and each \
             operation of a bulk request counts: repeat the request later"
        );
        Self::new(StatusCode::TOO_MANY_REQUESTS, detail).with(RETRY_AFTER, seconds(wait))
    }

    /// R-E-17.
    pub(crate) fn too_many_bulks(wait: Duration) -> Self {
        let detail = "other bulk requests are under way: repeat this one when they are answered";
        Self::new(StatusCode::TOO_MANY_REQUESTS, detail).with(RETRY_AFTER, seconds(wait))
    }

    /// As many requests of the connection wait as may.
    pub(crate) fn too_many_at_once() -> Self {
        let detail = "too many requests of this connection wait for an answer: send fewer at \
                      once, and repeat this one when others are answered";
        Self::new(StatusCode::TOO_MANY_REQUESTS, detail).with(RETRY_AFTER, 1.into())
    }

    /// The request was in good order, and had no turn in time.
    pub(crate) fn overloaded(wait: Duration) -> Self {
        let detail = "the server did not get to this request in time: nothing was done, repeat it \
                      later";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail).with(RETRY_AFTER, seconds(wait))
    }

    /// R-SEC-06.
    pub(crate) fn too_many_failures(wait: Duration, Rate { per_second, burst }: Rate) -> Self {
        let detail = format!(
            "too many wrong credentials came from this address: {burst} at once and {per_second} a \
             second are the most; repeat the request later"
        );
        Self::new(StatusCode::TOO_MANY_REQUESTS, detail).with(RETRY_AFTER, seconds(wait))
    }

    /// R-GET-07: says what would narrow a search of this type.
    pub(crate) fn too_many(ty: &ResourceType) -> Self {
        let detail = format!(
            "the filter makes the server look at more than {BUDGET} resources, or at too much in \
             them: add a condition on {}",
            selective(ty)
        );
        Self::bad(ScimType::TooMany, detail)
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

    /// A problem without any more to it.
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self { status, scim_type: None, detail, header: None, oauth: None, source: None }
    }

    /// The same problem, and a header of its answer.
    pub(crate) fn with(self, name: http::HeaderName, value: HeaderValue) -> Self {
        Self { header: Some(Box::new((name, value))), ..self }
    }

    /// A search of this type that gave no page.
    pub(crate) fn of_search(error: Error, ty: &ResourceType) -> Self {
        match error {
            Error::TooMany => Self::too_many(ty),
            error => error.into(),
        }
    }

    /// The same problem, and where in the request it is.
    pub(crate) fn at(self, place: &str) -> Self {
        Self { detail: format!("{place}: {}", self.detail), ..self }
    }

    /// The same problem of an operation of a bulk request. A pointer that the detail begins with
    /// leads into its data.
    pub(crate) fn of_operation(self, at: usize) -> Self {
        let detail = match self.detail.starts_with('/') {
            true => format!("/Operations/{at}/data{}", self.detail),
            false => format!("/Operations/{at}: {}", self.detail),
        };
        Self { detail, ..self }
    }

    /// The answer.
    pub(crate) fn into_response(mut self, request_id: &str) -> Response<Body> {
        let (header, oauth) = (self.header.take(), self.oauth);
        let (status, body) = self.into_wire(request_id);
        let mut response = match oauth {
            Some(error) => oauth::response(error, &body),
            None => Response::new(Body::from(body.to_string())),
        };
        *response.status_mut() = status;
        if let Some((name, value)) = header.map(|header| *header) {
            response.headers_mut().insert(name, value);
        }
        response
    }

    /// The body of the answer.
    pub(crate) fn into_wire(self, request_id: &str) -> (StatusCode, Value) {
        let scim_type = self.scim_type;
        let Told { status, detail, .. } = self.told(request_id);
        let wire = Wire {
            schemas: [standard::ERROR],
            status: status.as_str(),
            scim_type,
            detail: &detail,
        };
        (status, serde_json::to_value(&wire).expect("texts are always JSON"))
    }

    /// What the client is told. What went wrong inside is logged here, once, and never sent
    /// (R-ERR-05).
    pub(crate) fn told(self, request_id: &str) -> Told {
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
        Told { status: self.status, detail, header: self.header.map(|header| *header) }
    }
}

/// Whole seconds, rounded up.
fn seconds(wait: Duration) -> HeaderValue {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    seconds.clamp(1, LONGEST_WAIT).into()
}

/// The attributes of a type that an index finds resources by.
fn selective(ty: &ResourceType) -> String {
    let indexed = ty.attrs().iter().filter(|def| {
        let kept = def.indexed && def.storage == Storage::Document;
        kept && !matches!(def.kind, Type::Boolean | Type::Complex)
    });
    let relation = ty.relation().map(|def| &*def.path);
    let names = indexed.map(|def| &*def.path).take(HINTED).chain(relation);
    names.map(|name| format!("`{name}`, ")).collect::<String>() + "or `id`"
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
            Error::Forbidden | Error::NotSelfService { .. } | Error::Draft => {
                Self::forbidden(detail)
            }
            Error::Scope { needed } => Self::insufficient_scope(needed, detail),
            Error::Ended => {
                Self::invalid_token("the token is that of a user who is gone or inactive")
            }
            Error::InvalidCursor => Self::bad(ScimType::InvalidCursor, detail),
            Error::ExpiredCursor => Self::bad(ScimType::ExpiredCursor, detail),
            Error::InvalidCount => Self::bad(ScimType::InvalidCount, detail),
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
            AuthError::Refused => Self::invalid_token("the request needs a valid bearer token"),
            AuthError::Paused => Self::paused(error.to_string()),
            AuthError::Disabled => Self::forbidden(error.to_string()),
            AuthError::NoKeys => Self::no_keys(error.to_string()),
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
        let unknown = Error::UnknownMembers {
            attr: "members".into(),
            ids: vec!["x".into()],
            kinds: vec!["User".into()],
        };
        check(unknown, 400, Some("invalidValue"));
        check(Error::Forbidden, 403, None);
        check(Error::NotSelfService { attr: "roles".into() }, 403, None);
        check(Error::Ended, 401, None);
        check(Error::Scope { needed: "users.read" }, 403, None);
        check(Error::Draft, 403, None);
        check(Error::InvalidCursor, 400, Some("invalidCursor"));
        check(Error::ExpiredCursor, 400, Some("expiredCursor"));
        check(Error::InvalidCount, 400, Some("invalidCount"));
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
    async fn challenges_say_what_is_wrong_with_the_token() {
        // R-AUTH-06, R-ERR-08
        let challenge = async |problem: Problem| {
            let (head, _) = answer(problem).await;
            let header = head.headers().get("www-authenticate");
            (head.status().as_u16(), header.map(|value| value.to_str().unwrap().to_owned()))
        };
        let bearer = |rest: &str| Some(format!("Bearer realm=\"rollcall\", error={rest}"));
        let (status, told) = challenge(AuthError::Refused.into()).await;
        assert_eq!((status, told), (401, bearer("\"invalid_token\"")));
        let (status, told) = challenge(Error::Ended.into()).await;
        assert_eq!((status, told), (401, bearer("\"invalid_token\"")));
        let (status, told) =
            challenge(Error::Scope { needed: "users.read groups.read" }.into()).await;
        let expect = bearer("\"insufficient_scope\", scope=\"users.read groups.read\"");
        assert_eq!((status, told), (403, expect));
        assert_eq!(challenge(Error::Draft.into()).await, (403, None));
        assert_eq!(challenge(AuthError::Disabled.into()).await, (403, None));
        let (head, body) = answer(AuthError::Paused.into()).await;
        assert_eq!((head.status().as_u16(), &head.headers()["retry-after"]), (503, &60.into()));
        assert!(body["detail"].as_str().unwrap().contains("paused"), "{body}");
        let (head, body) = answer(AuthError::NoKeys.into()).await;
        assert_eq!((head.status().as_u16(), &head.headers()["retry-after"]), (503, &60.into()));
        let told = body["detail"].as_str().unwrap();
        assert!(told.contains("issuer") && !told.contains("directory"), "{body}");
    }

    #[tokio::test]
    async fn waits_are_whole_seconds() {
        // R-ERR-06; X54
        for (millis, expect) in [(0, "1"), (1, "1"), (1_000, "1"), (1_001, "2"), (3_600_000, "60")]
        {
            let wait = Duration::from_millis(millis);
            let problem = Problem::too_many_requests(Rate { per_second: 25, burst: 50 }, wait);
            let (head, body) = answer(problem).await;
            assert_eq!(
                (head.status().as_u16(), &head.headers()["retry-after"]),
                (429, &expect.parse::<HeaderValue>().unwrap())
            );
            assert!(body["detail"].as_str().unwrap().contains("25 requests a second"), "{body}");
        }
    }

    #[test]
    fn what_is_too_many_names_what_narrows_it() {
        // R-GET-07
        let hint = |at: usize| Problem::too_many(&standard::types()[at]).detail;
        assert!(hint(0).ends_with(
            "add a condition on `externalId`, `userName`, `displayName`, `emails.value`, \
             `emails.type`, `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value`, \
             or `id`"
        ), "{}", hint(0));
        assert!(
            hint(1).ends_with("on `externalId`, `displayName`, `members`, or `id`"),
            "{}",
            hint(1)
        );
        assert!(hint(1).contains("200000"));
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
