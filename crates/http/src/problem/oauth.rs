//! What says no to clients of the token endpoint (RFC 6749 §5.2).

use http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Response, StatusCode};
use rollcall_domain::Refusal;
use serde_json::{Value, json};

use super::Problem;
use crate::Body;

impl Problem {
    /// The form, or a parameter of it, is not as it should be.
    pub(crate) fn invalid_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail).called("invalid_request")
    }

    /// Nobody knows who asks. One text whatever is wrong (R-OAUTH-07).
    pub(crate) fn invalid_client() -> Self {
        Self::no_client(Refusal::InvalidClient.to_string())
    }

    fn no_client(detail: String) -> Self {
        let challenge = HeaderValue::from_static("Basic realm=\"rollcall\"");
        Self::new(StatusCode::UNAUTHORIZED, detail)
            .with(WWW_AUTHENTICATE, challenge)
            .called("invalid_client")
    }

    /// The same problem under the name that OAuth has for it.
    pub(crate) fn called(self, error: &'static str) -> Self {
        Self { oauth: Some(error), ..self }
    }

    /// The same problem of a form that could not be read, or that came too often.
    pub(crate) fn of_form(self) -> Self {
        match self.status {
            StatusCode::TOO_MANY_REQUESTS => self.called("temporarily_unavailable"),
            _ => self.called("invalid_request"),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let detail = refusal.to_string();
        let bad = |error| Self::new(StatusCode::BAD_REQUEST, detail.clone()).called(error);
        match refusal {
            Refusal::InvalidRequest(_) => bad("invalid_request"),
            Refusal::InvalidClient => Self::invalid_client(),
            Refusal::Paused => Self::paused(detail).called("temporarily_unavailable"),
            Refusal::NoKeys => Self::no_keys(detail).called("temporarily_unavailable"),
            Refusal::Disabled => Self::no_client(detail),
            Refusal::UnsupportedGrantType => bad("unsupported_grant_type"),
            Refusal::InvalidScope(_) => bad("invalid_scope"),
            Refusal::Unavailable(source) => {
                let problem =
                    Self { source: Some(source.into()), ..bad("temporarily_unavailable") };
                Self { status: StatusCode::SERVICE_UNAVAILABLE, ..problem }
                    .with(RETRY_AFTER, 5.into())
            }
        }
    }
}

/// The answer whose SCIM body would be this one.
pub(super) fn response(error: &str, wire: &Value) -> Response<Body> {
    let detail = wire.get("detail").and_then(Value::as_str).unwrap_or_default();
    let body = json!({"error": error, "error_description": description(detail)});
    let mut response = Response::new(Body::from(body.to_string()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// What may stand in an `error_description`: visible ASCII without quotes and backslashes.
fn description(detail: &str) -> String {
    let legal = |c: char| matches!(c, ' '..='~') && !matches!(c, '"' | '\\');
    detail.chars().map(|c| if legal(c) { c } else { '?' }).collect()
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use rollcall_domain::Unavailable;

    use super::*;

    async fn check(refusal: Refusal, status: u16, error: &str) -> Value {
        let (head, body) = Problem::from(refusal).into_response("r-1").into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((head.status.as_u16(), &body["error"]), (status, &error.into()), "{body}");
        assert_eq!(head.headers[CONTENT_TYPE], "application/json");
        assert_eq!(head.headers.contains_key(WWW_AUTHENTICATE), status == 401);
        assert_eq!(head.headers.contains_key(RETRY_AFTER), status == 503);
        assert_eq!(body.as_object().unwrap().len(), 2, "{body}");
        body
    }

    #[tokio::test]
    async fn r_oauth_07_each_refusal_has_its_name() {
        let told =
            check(Refusal::InvalidRequest("é\"\\\n`x`".into()), 400, "invalid_request").await;
        assert_eq!(told["error_description"], "????`x`");
        check(Refusal::InvalidClient, 401, "invalid_client").await;
        check(Refusal::Paused, 503, "temporarily_unavailable").await;
        check(Refusal::Disabled, 401, "invalid_client").await;
        let told = check(Refusal::NoKeys, 503, "temporarily_unavailable").await.to_string();
        assert!(told.contains("issuer") && !told.contains("directory"), "{told}");
        check(Refusal::UnsupportedGrantType, 400, "unsupported_grant_type").await;
        check(Refusal::InvalidScope("s".into()), 400, "invalid_scope").await;
        let inner = Refusal::Unavailable(Unavailable::new("password=x"));
        let told = check(inner, 503, "temporarily_unavailable").await;
        assert!(!told.to_string().contains("password"), "{told}");
    }
}
