//! Issuers that can't be reached (R-OAUTH-02).

use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex};

use rollcall_domain::{
    AccessTokens as _, AuthError, Authenticator, CheckError, Issuers as _, Refusal, Shown,
    TokenKind, Trust,
};
use serde_json::{Value, json};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::issuer::Issuer;
use crate::keys::Key;
use crate::world::World;

const SUBJECT: &str = "somebody";

/// Whoever trusts the issuer with keys at this URL.
fn trust(issuer: &Issuer, jwks_uri: &str) -> TokenKind {
    TokenKind::TrustedIssuer(Trust {
        issuer: issuer.url.clone(),
        subject: SUBJECT.into(),
        audience: "a".into(),
        jwks_uri: jwks_uri.into(),
    })
}

fn claims(issuer: &Issuer, world: &World) -> Value {
    let now = world.clock.seconds();
    json!({"iss": issuer.url, "sub": SUBJECT, "aud": "a", "iat": now, "exp": now + 3600})
}

/// Two credentials pin the same, and the keys of the first are gone.
#[tokio::test]
async fn r_oauth_02_an_issuer_that_is_gone_stands_in_nobody_s_way() {
    let key = Key::new("k1", "ES256");
    let issuer = Issuer::serve(&[&key]).await;
    let world = World::fetching(issuer.near()).await;
    let gone = format!("{}/gone", issuer.url);
    world.credential(trust(&issuer, &gone), |_| {}).await;
    let token = key.token(&claims(&issuer, &world));
    let checked = async |token: &str| world.oauth.check(token, Some(world.connection)).await;
    assert!(matches!(checked(&token).await, Err(CheckError::NoKeys)));
    let good = world.credential(trust(&issuer, &issuer.jwks_uri()), |_| {}).await;
    for _ in 0..2 {
        let grant = checked(&token).await.unwrap().unwrap();
        assert_eq!(grant.token, good);
    }
    assert!(world.with_assertion(&token).await.is_ok());
    // What the other one has not signed may still be of the first.
    let stranger = Key::new("k1", "ES256").token(&claims(&issuer, &world));
    assert!(matches!(checked(&stranger).await, Err(CheckError::NoKeys)));
}

#[tokio::test]
async fn an_issuer_that_is_gone_is_told_as_such() {
    let key = Key::new("k1", "ES256");
    let issuer = Issuer::serve(&[&key]).await;
    let world = World::fetching(issuer.near()).await;
    world.credential(trust(&issuer, &issuer.jwks_uri()), |_| {}).await;
    let asked = || world.oauth.asked(&issuer.jwks_uri());
    assert_eq!(asked(), None);
    issuer.set_down(true);
    let token = key.token(&claims(&issuer, &world));
    let authenticator = Authenticator::new(world.store.clone())
        .with_clock(world.clock.clone())
        .with_access_tokens(world.oauth.clone());
    let shown = Shown { connection: Some(world.connection), ..Shown::token(&token) };
    let refused = authenticator.bearer(shown).await.err().unwrap();
    assert!(matches!(refused, AuthError::NoKeys), "{refused:?}");
    let refusal = world.with_assertion(&token).await.unwrap_err();
    assert!(matches!(refusal, Refusal::NoKeys), "{refusal:?}");
    for told in [refused.to_string(), refusal.to_string()] {
        assert!(told.contains("issuer can't be fetched"), "{told}");
        assert!(!told.contains("store") && !told.contains("directory"), "{told}");
    }
    // It is remembered, until they come.
    let failed = asked().unwrap();
    assert_eq!((failed.came, failed.failed), (None, Some(now(&world))));
    issuer.set_down(false);
    world.clock.pass(60);
    authenticator.bearer(shown).await.unwrap();
    let came = asked().unwrap();
    assert_eq!((came.came.unwrap().0, came.failed), (now(&world), None));
}

fn now(world: &World) -> rollcall_schema::Instant {
    rollcall_domain::Clock::now(&*world.clock)
}

/// Whoever sends forged tokens doesn't fill the log, and what a URL asks for is nobody's business.
#[tokio::test]
async fn an_outage_is_logged_once_in_a_while() {
    let lines = Lines::default();
    let _guard = tracing::subscriber::set_default(lines.clone());
    let (key, stranger) = (Key::new("k1", "ES256"), Key::new("k1", "ES256"));
    let issuer = Issuer::serve(&[&key]).await;
    let world = World::fetching(issuer.near()).await;
    let url = format!("{}/gone?secret=hunter2", issuer.url);
    world.credential(trust(&issuer, &url), |_| {}).await;
    for _ in 0..20 {
        let token = stranger.token(&claims(&issuer, &world));
        let checked = world.oauth.check(&token, Some(world.connection)).await;
        assert!(matches!(checked, Err(CheckError::NoKeys)));
    }
    let told = lines.told();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("WARN") && told[0].contains("/gone"), "{told:?}");
    assert!(!told[0].contains("secret") && !told[0].contains("hunter2"), "{told:?}");
    world.clock.pass(60);
    let token = stranger.token(&claims(&issuer, &world));
    assert!(world.with_assertion(&token).await.is_err());
    assert_eq!(lines.told().len(), 2);
}

/// What was logged as a warning or worse.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    fn told(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}
