//! How a connection is, and what would mend it.

use rollcall_schema::{Instant, ProfileName};
use serde_json::{Value, json};

use super::{Admin, AdminError, Place};
use crate::{
    Caller, Connection, IndexState, Indexer, Offer, Status, Token, TokenKind, Unavailable,
};
use std::sync::Arc;

const DAY: i64 = 24 * 60 * 60 * 1000;

/// How many days before its end a credential is warned of first.
const FIRST_WARNING: i64 = 30;

/// The longest base URL that every IdP takes (R-TEN-05).
const LONGEST_URL: usize = 1024;

/// How a connection is.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectionStatus {
    /// The connection.
    pub connection: Connection,
    /// Whether somebody could get in.
    pub configured: bool,
    /// Whether its IdP is served, and nothing stands in the way.
    pub ready: bool,
    /// What was looked at.
    pub checks: Vec<Check>,
}

/// What was found when a connection was looked at closely.
#[derive(Clone, Debug, PartialEq)]
pub struct Validation {
    /// The connection.
    pub connection: Connection,
    /// What was looked at.
    pub checks: Vec<Check>,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What, by a name that stays.
    pub name: &'static str,
    /// What came of it.
    pub outcome: CheckOutcome,
    /// What was seen.
    pub detail: String,
    /// What would mend it; nothing where nothing is wrong.
    pub fix: Option<String>,
}

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckOutcome {
    /// Nothing is wrong.
    Pass,
    /// It works, and will not for long, or not well.
    Warn,
    /// It doesn't work.
    Fail,
}

impl CheckOutcome {
    /// The name as the API spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

impl Check {
    fn pass(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, outcome: CheckOutcome::Pass, detail: detail.into(), fix: None }
    }

    fn warn(name: &'static str, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        let (detail, fix) = (detail.into(), Some(fix.into()));
        Self { name, outcome: CheckOutcome::Warn, detail, fix }
    }

    fn fail(name: &'static str, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { outcome: CheckOutcome::Fail, ..Self::warn(name, detail, fix) }
    }

    /// As operators see it.
    pub fn shown(&self) -> Value {
        json!({
            "name": self.name,
            "outcome": self.outcome.name(),
            "detail": self.detail,
            "fix": self.fix,
        })
    }
}

impl Admin {
    /// How a connection is, from what is known of it.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn status(
        &self,
        caller: &Caller,
        place: impl Into<Place> + Send,
    ) -> Result<ConnectionStatus, AdminError> {
        let (_, connection) = self.connection(caller, place).await?;
        let tokens = self.registry.tokens(connection.id).await?;
        let checks = known(&connection, &tokens, self.now());
        let configured = tokens.iter().any(|token| token.is_live(self.now()));
        let open = matches!(connection.status, Status::Active | Status::Observe);
        let ready = configured
            && open
            && connection.removal.is_none()
            && checks.iter().all(|check| check.outcome != CheckOutcome::Fail);
        Ok(ConnectionStatus { connection, configured, ready, checks })
    }

    /// Looks at a connection closely: at its indexes, at the keys of the issuers that it trusts,
    /// and at the URL that its IdP gets, where the caller says it.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn validate(
        &self,
        caller: &Caller,
        place: impl Into<Place> + Send,
        base_url: Option<&str>,
    ) -> Result<Validation, AdminError> {
        let (_, connection) = self.connection(caller, place).await?;
        let tokens = self.registry.tokens(connection.id).await?;
        let mut checks = known(&connection, &tokens, self.now());
        checks.extend(base_url.map(url));
        checks.push(self.indexes(&connection).await?);
        for token in tokens.iter().filter(|token| token.is_live(self.now())) {
            checks.extend(self.issuer(token).await);
        }
        Ok(Validation { connection, checks })
    }

    async fn indexes(&self, connection: &Connection) -> Result<Check, Unavailable> {
        let (registry, store) = (Arc::clone(&self.registry), Arc::clone(&self.store));
        let indexer = Indexer::new(registry, store, Arc::clone(&self.clock));
        let indexes = indexer.status(connection).await?;
        let of = |wanted: fn(&IndexState) -> bool| {
            let those = indexes.iter().filter(|index| wanted(&index.state));
            those.map(|index| format!("`{}` of {}", index.attr, index.kind)).collect::<Vec<_>>()
        };
        let conflicts = of(|state| matches!(state, IndexState::Conflict(_)));
        let building = of(|state| *state == IndexState::Building);
        Ok(match (conflicts.as_slice(), building.as_slice()) {
            ([], []) => Check::pass("indexes", "every index is built"),
            ([], _) => Check::warn(
                "indexes",
                format!("still built: {}", building.join(", ")),
                "wait: filters on them read every resource until then",
            ),
            _ => Check::fail(
                "indexes",
                format!("not unique: {}", conflicts.join(", ")),
                "change one of the values that are there twice",
            ),
        })
    }

    /// Whether the keys of a trusted issuer can be had.
    async fn issuer(&self, token: &Token) -> Option<Check> {
        let TokenKind::TrustedIssuer(trust) = &token.kind else { return None };
        let fetched = self.fetch.as_ref()?.json(&trust.jwks_uri).await;
        let keys =
            fetched.map(|jwks| jwks.get("keys").and_then(Value::as_array).map_or(0, Vec::len));
        let fix = "check `jwksUri`, and that this server may reach it";
        Some(match keys {
            Ok(0) => Check::fail("issuerKeys", format!("no keys at {}", trust.jwks_uri), fix),
            Ok(keys) => Check::pass("issuerKeys", format!("{keys} keys at {}", trust.jwks_uri)),
            Err(error) => Check::fail("issuerKeys", error.to_string(), fix),
        })
    }
}

/// What the registry knows tells.
fn known(connection: &Connection, tokens: &[Token], now: Instant) -> Vec<Check> {
    let mut checks = vec![status(connection), credential(tokens, now)];
    checks.extend(expiry(tokens, now));
    checks.push(traffic(connection, now));
    checks.extend(late(connection, tokens, now));
    checks.extend(profile(connection));
    checks
}

fn status(connection: &Connection) -> Check {
    let name = "status";
    if let Some(job) = connection.removal {
        return Check::fail(
            name,
            format!("the connection is being deleted: {job}"),
            "make another",
        );
    }
    match connection.status {
        Status::Active => Check::pass(name, "the connection is active"),
        Status::Observe => Check::pass(name, "the connection observes: nobody's access follows"),
        Status::Draft => Check::warn(
            name,
            "the connection is a draft: it can be read, and not written",
            "set `status` to `active`, or to `observe` first",
        ),
        Status::Paused => Check::fail(
            name,
            "the connection is paused: every request is answered 503",
            "set `status` to `active`",
        ),
        Status::Disabled => Check::fail(
            name,
            "the connection is disabled: every request is answered 403",
            "set `status` to `active`",
        ),
    }
}

fn credential(tokens: &[Token], now: Instant) -> Check {
    match tokens.iter().filter(|token| token.is_live(now)).count() {
        0 => Check::fail("credential", "no credential is live", "make a token"),
        live => Check::pass("credential", format!("{live} live")),
    }
}

/// Live credentials that end soon, and nothing comes in their place.
fn expiry(tokens: &[Token], now: Instant) -> Vec<Check> {
    let replaced = |id| tokens.iter().any(|token| token.replaces == Some(id));
    let soon = tokens.iter().filter(|token| token.is_live(now) && !replaced(token.id));
    let soon = soon.filter_map(|token| {
        let days = (token.expires?.millis() - now.millis()) / DAY;
        (days < FIRST_WARNING).then(|| {
            let detail = format!("{} ends in {days} days, at {}", token.id, token.expires?);
            let fix = "rotate it: start, put the new one into the IdP, finish";
            Some(Check::warn("expiry", detail, fix))
        })?
    });
    soon.collect()
}

fn traffic(connection: &Connection, now: Instant) -> Check {
    let name = "traffic";
    let Some(seen) = connection.traffic.seen else {
        let fix = "give the IdP the base URL and a token, and test the connection there";
        return Check::warn(name, "nothing was ever heard of the IdP", fix);
    };
    match connection.is_too_quiet(now) {
        false => Check::pass(name, format!("last seen at {seen}")),
        true => Check::warn(
            name,
            format!("nothing was heard of the IdP since {seen}"),
            "see whether provisioning is on there, and what its log says",
        ),
    }
}

/// An IdP that still comes with a credential which has expired.
fn late(connection: &Connection, tokens: &[Token], now: Instant) -> Option<Check> {
    let (at, id) = connection.traffic.refused?;
    let used_since = tokens.iter().any(|token| token.used.is_some_and(|used| used > at));
    let recent = now.millis() - at.millis() < DAY;
    let detail = format!("{id}, which has expired, was refused at {at}");
    let fix = "put a live token into the IdP";
    (recent && !used_since).then(|| Check::fail("expiredToken", detail, fix))
}

/// Whether the profile is that of what the traffic speaks.
fn profile(connection: &Connection) -> Option<Check> {
    let dialect = connection.traffic.dialect.as_deref()?;
    let fits = match dialect {
        "okta" | "okta-oin" => ProfileName::Okta,
        "entra" | "entra-legacy" => ProfileName::Entra,
        "jumpcloud" => ProfileName::Jumpcloud,
        _ => return None,
    };
    let has = Offer::of(connection).ok()?.profile_name();
    let detail = format!("the traffic speaks {dialect}, and the profile is `{}`", has.name());
    Some(match has == fits {
        true => Check::pass("profile", detail),
        false => Check::warn("profile", detail, format!("set `profile` to `{}`", fits.name())),
    })
}

/// Whether IdPs take a base URL.
fn url(base: &str) -> Check {
    let name = "baseUrl";
    let local = ["http://127.0.0.1", "http://localhost", "http://[::1]"];
    if base.len() > LONGEST_URL {
        return Check::fail(name, format!("{} characters", base.len()), "shorten the mount path");
    }
    match base.starts_with("https://") {
        true => Check::pass(name, base),
        false if local.iter().any(|local| base.starts_with(local)) => {
            Check::warn(name, base, "IdPs elsewhere need a public https URL: set `public_url`")
        }
        false => Check::fail(name, base, "IdPs send tokens over https alone: set `public_url`"),
    }
}

impl ConnectionStatus {
    /// As operators see it.
    ///
    /// # Errors
    /// When the definitions of the connection don't fit together.
    pub fn shown(&self) -> Result<Value, Unavailable> {
        let mut shown = self.connection.traffic.shown();
        let offer = Offer::of(&self.connection).map_err(Unavailable::new)?;
        if let Some(object) = shown.as_object_mut() {
            object.insert("connectionId".into(), self.connection.id.to_string().into());
            object.insert("organizationId".into(), self.connection.organization.to_string().into());
            object.insert("status".into(), self.connection.status.name().into());
            object.insert("configured".into(), self.configured.into());
            object.insert("ready".into(), self.ready.into());
            object.insert("capabilities".into(), offer.capabilities().shown());
            object.insert("checks".into(), self.checks.iter().map(Check::shown).collect());
            let quiet = self.connection.quiet.map(|at| at.to_string());
            object.insert("quietSince".into(), quiet.into());
        }
        Ok(shown)
    }
}

impl Validation {
    /// As operators see it.
    ///
    /// # Errors
    /// When the definitions of the connection don't fit together.
    pub fn shown(&self) -> Result<Value, Unavailable> {
        let offer = Offer::of(&self.connection).map_err(Unavailable::new)?;
        Ok(json!({
            "connectionId": self.connection.id,
            "organizationId": self.connection.organization,
            "checks": self.checks.iter().map(Check::shown).collect::<Vec<_>>(),
            "capabilities": offer.capabilities().shown(),
        }))
    }
}
