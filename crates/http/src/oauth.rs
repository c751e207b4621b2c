//! What authorization servers answer: tokens, keys and metadata (RFC 6749, RFC 7517, RFC 8414).

mod form;

use std::error::Error as StdError;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, PRAGMA};
use http::request::Parts;
use http::{Method, Response};
use rollcall_domain::{
    AuthorizationServer, ConnectionId, Error, Granted, Refusal, TokenHash, TokenRequest,
};
use serde_json::{Value, json};
use tracing::Span;
use tracing::field::display;

use crate::limits::{Limiter, Stranger, certificate};
use crate::problem::Problem;
use crate::route::below;
use crate::{Body, Settings, read_body, reply};
use form::{Client, Form};

/// The largest form that is taken: assertions are a few kilobytes.
const FORM_LIMIT: usize = 32 * 1024;

/// How long clients may keep keys and metadata.
const KEPT: &str = "max-age=300";

const JSON: &str = "application/json";
const WELL_KNOWN: &str = ".well-known";
const METADATA: &str = "oauth-authorization-server";

/// A path of the authorization servers. Each connection is an issuer of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OAuth {
    /// Grants access tokens.
    Token(ConnectionId),
    /// The public keys of all of them.
    Keys,
    /// What clients may know of an issuer.
    Metadata(ConnectionId),
}

impl OAuth {
    /// What segments name, if it is one of these. Whether there is such a connection is not asked:
    /// nobody learns that from a path. Behind the well-known part stands the whole path of the
    /// issuer (RFC 8414 §3.1), that of the public URL included, unless a proxy takes it away.
    pub(crate) fn of(segments: &[&str], mount: &[String], public: &[String]) -> Option<Self> {
        if let [WELL_KNOWN, METADATA, rest @ ..] = segments {
            let rest = below(rest, public).unwrap_or(rest);
            let ["connections", id] = below(rest, mount)? else { return None };
            return id.parse().ok().map(Self::Metadata);
        }
        match below(segments, mount)? {
            ["connections", id, "oauth", "token"] => id.parse().ok().map(Self::Token),
            ["connections", id, WELL_KNOWN, METADATA] => id.parse().ok().map(Self::Metadata),
            ["oauth", "jwks"] => Some(Self::Keys),
            _ => None,
        }
    }

    /// The path with its variable parts left out.
    pub(crate) const fn template(self) -> &'static str {
        match self {
            Self::Token(_) => "/connections/{id}/oauth/token",
            Self::Keys => "/oauth/jwks",
            Self::Metadata(_) => "/.well-known/oauth-authorization-server",
        }
    }

    fn check(self, method: &Method) -> Result<(), Problem> {
        match (self, method) {
            (Self::Token(_), &Method::POST) => Ok(()),
            (Self::Token(_), _) => Err(Problem::method("POST")),
            (Self::Keys | Self::Metadata(_), &(Method::GET | Method::HEAD)) => Ok(()),
            (Self::Keys | Self::Metadata(_), _) => Err(Problem::method("GET, HEAD")),
        }
    }
}

/// Where clients get tokens.
pub(crate) struct Desk<'a> {
    pub(crate) server: &'a dyn AuthorizationServer,
    pub(crate) limiter: &'a Limiter,
    pub(crate) settings: &'a Settings,
}

impl Desk<'_> {
    pub(crate) async fn answer<B>(
        &self,
        oauth: OAuth,
        parts: &Parts,
        body: B,
    ) -> Result<Response<Body>, Problem>
    where
        B: http_body::Body,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        oauth.check(&parts.method)?;
        match oauth {
            OAuth::Token(connection) => {
                let time = self.settings.body_timeout;
                let form = read_body::read(body, &parts.headers, FORM_LIMIT, time).await;
                self.token(connection, parts, &form.map_err(Problem::of_form)?).await
            }
            OAuth::Keys => Ok(kept(&self.server.jwks().await.map_err(Error::from)?)),
            OAuth::Metadata(connection) => Ok(kept(&self.server.metadata(connection))),
        }
    }

    /// R-OAUTH-01, R-OAUTH-02, R-OAUTH-07. Whoever has failed too often is not heard, unless it
    /// comes with a secret that was good lately (R-SEC-06).
    async fn token(
        &self,
        connection: ConnectionId,
        parts: &Parts,
        body: &[u8],
    ) -> Result<Response<Body>, Problem> {
        let Self { server, limiter, settings } = *self;
        let form = Form::read(parts, body)?;
        let client = Client::of(&parts.headers, &form)?;
        let request = TokenRequest {
            connection,
            grant_type: form.get("grant_type"),
            client_id: client.id.as_deref(),
            client_secret: client.secret.as_deref(),
            assertion_type: form.get("client_assertion_type"),
            assertion: form.get("client_assertion"),
            scope: form.get("scope"),
            certificate: certificate(parts),
        };
        let (stranger, hash) = (self.stranger(connection, parts), proof(&request));
        limiter.hear(stranger, hash, settings.failures).map_err(Problem::of_form)?;
        let granted = server.grant(request).await;
        match &granted {
            Ok(_) => {
                limiter.found(hash);
                Span::current().record("connection", display(connection));
            }
            Err(Refusal::InvalidClient) => limiter.failed(stranger, hash, settings.failures),
            Err(Refusal::NoKeys) => limiter.unchecked(stranger, hash, settings.failures),
            Err(_) => {}
        }
        Ok(answer(&granted?))
    }

    fn stranger(&self, connection: ConnectionId, parts: &Parts) -> Option<Stranger> {
        Limiter::stranger(parts, Some(&connection.to_string()), self.settings)
    }
}

/// What a client proves with to be the one, apart from everything that bearers send.
fn proof(request: &TokenRequest<'_>) -> TokenHash {
    let proof = request.client_secret.or(request.assertion).unwrap_or_default();
    TokenHash::of(&format!("{} {proof}", request.connection))
}

/// RFC 6749 §5.1.
fn answer(granted: &Granted) -> Response<Body> {
    let Granted { access_token, expires_in, scopes } = granted;
    let body = json!({
        "access_token": access_token,
        "token_type": "Bearer",
        "expires_in": expires_in,
        "scope": scopes,
    });
    let answer = reply::with(reply::ok(body.to_string().into()), CACHE_CONTROL, "no-store");
    reply::with(reply::with(answer, PRAGMA, "no-cache"), CONTENT_TYPE, JSON)
}

/// A page that clients may keep.
fn kept(page: &Value) -> Response<Body> {
    let answer = reply::with(reply::ok(page.to_string().into()), CACHE_CONTROL, KEPT);
    reply::with(answer, CONTENT_TYPE, JSON)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "conn_0197b3a0000070008000000000000001";

    #[track_caller]
    fn check(path: &str, mount: &[&str], expect: Option<&str>) {
        check_below(&[], path, mount, expect);
    }

    #[track_caller]
    fn check_below(public: &[&str], path: &str, mount: &[&str], expect: Option<&str>) {
        let path = path.replace("{id}", ID);
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let [mount, public] =
            [mount, public].map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>());
        let found = OAuth::of(&segments, &mount, &public);
        assert_eq!(found.map(OAuth::template), expect, "{path}");
        if let Some(OAuth::Token(id) | OAuth::Metadata(id)) = found {
            assert_eq!(id.to_string(), ID);
        }
    }

    /// RFC 8414 §3.1 puts the well-known part before the path of the issuer.
    #[test]
    fn r_oauth_07_each_connection_is_an_issuer() {
        let (token, jwks) = ("/connections/{id}/oauth/token", "/oauth/jwks");
        let metadata = "/.well-known/oauth-authorization-server";
        check("/connections/{id}/oauth/token", &[], Some(token));
        check("/a/connections/{id}/oauth/token/", &["a"], Some(token));
        check("/connections/{id}/oauth/token", &["a"], None);
        check("/connections/nope/oauth/token", &[], None);
        check("/connections/{id}/oauth/jwks", &[], None);
        check("/oauth/jwks", &[], Some(jwks));
        check("/a/b/oauth/jwks", &["a", "b"], Some(jwks));
        check("/.well-known/oauth-authorization-server/connections/{id}", &[], Some(metadata));
        let mounted = "/.well-known/oauth-authorization-server/a/b/connections/{id}";
        check(mounted, &["a", "b"], Some(metadata));
        check(mounted, &[], None);
        check("/connections/{id}/.well-known/oauth-authorization-server", &[], Some(metadata));
        check("/.well-known/oauth-authorization-server", &[], None);
        check("/.well-known/oauth-authorization-server/connections/nope", &[], None);
        // The path of the public URL is part of the issuer, whether a proxy leaves it there or not.
        let below = "/.well-known/oauth-authorization-server/y/connections/{id}";
        check_below(&["y"], below, &[], Some(metadata));
        check_below(&["z"], below, &[], None);
        let stripped = "/.well-known/oauth-authorization-server/connections/{id}";
        check_below(&["y"], stripped, &[], Some(metadata));
        let both = "/.well-known/oauth-authorization-server/y/a/connections/{id}";
        check_below(&["y"], both, &["a"], Some(metadata));
        check_below(&["y"], both, &[], None);
        check_below(&["y"], "/y/connections/{id}/oauth/token", &[], None);
    }
}
