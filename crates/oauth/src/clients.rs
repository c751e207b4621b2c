//! Whether a client is the one that it says (R-AUTH-03).

use futures_util::future::join_all;
use rollcall_domain::{
    CheckError, ConnectionId, Refusal, Status, Token, TokenHash, TokenKind, TokenRequest, Trust,
    Unavailable,
};
use rollcall_schema::Instant;

use crate::OAuth;
use crate::claims::Bound;
use crate::issuer_keys::Source;
use crate::jwt::{ACCESS_TOKEN, Jwt};
use crate::public_keys::{PublicKeys, Verdict};

/// The one kind of assertions (RFC 7523 §2.2).
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A client that has proven to be the one.
pub(crate) struct Proven {
    /// With which credential.
    pub(crate) token: Token,
    /// The status of its connection.
    pub(crate) status: Status,
    /// Its proof, where that is good once.
    pub(crate) once: Option<Once>,
}

/// A proof that is good once.
pub(crate) struct Once {
    /// What it is known by.
    pub(crate) mark: [u8; 32],
    /// When it ends.
    pub(crate) ends: Instant,
}

/// What assertions of clients say that they are.
const ASSERTION: &str = "client-authentication+jwt";

/// How a client means to prove it.
enum Proof<'a> {
    Secret(&'a str),
    Assertion(&'a str),
}

impl OAuth {
    /// The client of a request; `None` whatever is wrong with it.
    pub(crate) async fn client(
        &self,
        request: &TokenRequest<'_>,
        now: Instant,
    ) -> Result<Option<Proven>, Refusal> {
        let proven = match Proof::of(request)? {
            None => None,
            Some(Proof::Secret(secret)) => self.by_secret(request, secret).await?,
            Some(Proof::Assertion(text)) => {
                self.by_assertion(request.connection, request, text, now).await?
            }
        };
        let Some(proven) = proven else { return Ok(None) };
        let token = &proven.token;
        if token.has_expired(now) {
            // Operators are told: somebody still has the old credential.
            self.traffics.refused(token).await;
            return Ok(None);
        }
        // R-OAUTH-05: a credential that is bound to a certificate is good with that one alone.
        let is_bearer = token.certificate.is_none() || token.certificate == request.certificate;
        Ok(is_bearer.then_some(proven))
    }

    /// RFC 6749 §2.3.1.
    async fn by_secret(
        &self,
        request: &TokenRequest<'_>,
        secret: &str,
    ) -> Result<Option<Proven>, Unavailable> {
        let hash = TokenHash::of(secret);
        let Some((token, connection)) = self.registry.token_by_hash(hash).await? else {
            return Ok(None);
        };
        let id = connection.id;
        let is_client = id == request.connection && is_named(request.client_id, id);
        let is_secret = token.kind == TokenKind::ClientSecret && token.hash.matches(&hash);
        let is_there = connection.removal.is_none() && token.revoked.is_none();
        let good = is_client && is_secret && is_there;
        Ok(good.then_some(Proven { token, status: connection.status, once: None }))
    }

    /// RFC 7523 §3.
    async fn by_assertion(
        &self,
        id: ConnectionId,
        request: &TokenRequest<'_>,
        text: &str,
        now: Instant,
    ) -> Result<Option<Proven>, CheckError> {
        let Some(jwt) = Jwt::parse(text) else { return Ok(None) };
        let Some(ends) = jwt.claims.ends(now) else { return Ok(None) };
        if jwt.claims.bound() != Bound::No {
            return Ok(None);
        }
        let once = || Once { mark: jwt.mark(), ends };
        let found = self.registry.connection(id).await?;
        let Some((_, connection)) = found.filter(|(_, found)| found.removal.is_none()) else {
            return Ok(None);
        };
        let status = connection.status;
        let tokens = self.unrevoked(id, now).await?;
        if is_named(jwt.claims.iss.as_deref(), id) {
            let is_client = request.client_id.is_none() || is_named(request.client_id, id);
            let token = self.own_key(id, tokens, &jwt).filter(|_| is_client);
            let once = Some(once());
            return Ok(token.map(|token| Proven { token, status, once }));
        }
        // R-OAUTH-02: what the issuer calls the client says nothing here. Issuers that number
        // their tokens get each of them taken once; others (Entra) may send one again, as they
        // may show it as a bearer.
        let once = jwt.claims.jti.as_ref().map(|_| once());
        let token = self.trusting(tokens, &jwt).await?;
        Ok(token.map(|token| Proven { token, status, once }))
    }

    /// The credential whose key signed an assertion of the client itself (R-OAUTH-04), which is for
    /// this server and nobody else: elsewhere it would let in whoever got it there (R-E-25).
    fn own_key(&self, id: ConnectionId, tokens: Vec<Token>, jwt: &Jwt<'_>) -> Option<Token> {
        let (issuer, endpoint) = (self.issuer(id), self.token_endpoint(id));
        let is_ours = jwt.claims.is_only_for(&[&issuer, &endpoint]) && jwt.may_be(&[ASSERTION]);
        if !is_named(jwt.claims.sub.as_deref(), id) || !is_ours {
            return None;
        }
        tokens.into_iter().find(|token| match &token.kind {
            TokenKind::ClientKey { jwks } => PublicKeys::of(jwks).verify(jwt) == Verdict::Good,
            _ => false,
        })
    }

    /// The credential that trusts whoever issued a token, with all that it pins (R-E-25). Several
    /// may pin the same with keys at other places: their keys are asked for together, and that some
    /// are not there counts where no other one has signed it.
    pub(crate) async fn trusting(
        &self,
        tokens: Vec<Token>,
        jwt: &Jwt<'_>,
    ) -> Result<Option<Token>, CheckError> {
        // SPIFFE says `JOSE`, or `JWT` (JWT-SVID §2.3).
        if !jwt.may_be(&[ACCESS_TOKEN, "JOSE"]) || jwt.claims.tells_events() {
            return Ok(None);
        }
        let now = self.clock.now();
        let with_source = |token: Token| Some((pinned(&token, jwt)?, token));
        let pinning: Vec<_> = tokens.into_iter().filter_map(with_source).collect();
        let mut live = pinning.iter().filter(|(_, token)| !token.has_expired(now));
        if let Some((_, token)) = live.find(|(source, _)| self.issuers.knows(source, jwt)) {
            return Ok(Some(token.clone()));
        }
        let verified = pinning.iter().map(|(source, _)| self.issuers.verify(source, jwt));
        let mut missed = None;
        for (verified, (_, token)) in join_all(verified).await.into_iter().zip(&pinning) {
            match verified {
                Ok(true) => return Ok(Some(token.clone())),
                Ok(false) => {}
                Err(error) => missed = Some(error),
            }
        }
        missed.map_or(Ok(None), Err)
    }

    /// The credentials that nobody has revoked, those that live first.
    pub(crate) async fn unrevoked(
        &self,
        connection: ConnectionId,
        now: Instant,
    ) -> Result<Vec<Token>, Unavailable> {
        let mut tokens = self.registry.tokens(connection).await?;
        tokens.retain(|token| token.revoked.is_none());
        tokens.sort_by_key(|token| token.has_expired(now));
        Ok(tokens)
    }
}

impl<'a> Proof<'a> {
    /// `None` when there is none at all.
    fn of(request: &TokenRequest<'a>) -> Result<Option<Self>, Refusal> {
        let bad = |detail: &str| Err(Refusal::InvalidRequest(detail.into()));
        match (request.client_secret, request.assertion_type, request.assertion) {
            (None, None, None) => Ok(None),
            (Some(secret), None, None) => Ok(Some(Self::Secret(secret))),
            (Some(_), _, _) => bad("send a secret or an assertion, not both"),
            (None, Some(JWT_BEARER), Some(text)) => Ok(Some(Self::Assertion(text))),
            (None, Some(_), Some(_)) => bad("`client_assertion_type` is none that is known"),
            (None, Some(_), None) => bad("`client_assertion` is missing"),
            (None, None, Some(_)) => bad("`client_assertion_type` is missing"),
        }
    }
}

/// Whether a client is called like its connection.
fn is_named(name: Option<&str>, connection: ConnectionId) -> bool {
    name.is_some_and(|name| name == connection.to_string())
}

/// Where the keys are that a token must be signed with, where a credential pins all that it says.
fn pinned(token: &Token, jwt: &Jwt<'_>) -> Option<Source> {
    let TokenKind::TrustedIssuer(trust) = &token.kind else { return None };
    is_pinned(trust, jwt).then(|| Source::Jwks(trust.jwks_uri.clone()))
}

fn is_pinned(trust: &Trust, jwt: &Jwt<'_>) -> bool {
    let claims = &jwt.claims;
    claims.iss.as_ref() == Some(&trust.issuer)
        && claims.sub.as_ref() == Some(&trust.subject)
        && claims.is_for(&[&trust.audience])
}
