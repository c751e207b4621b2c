//! What a request looks like to whoever guesses which client sent it. Answers don't depend on it.

use std::borrow::Cow;
use std::time::Duration;

use http::header::USER_AGENT;
use rollcall_domain::{Asked, Connection, Dialects, Sighting, Traffics};

use crate::alike::{alike, small};
use crate::handlers::Call;
use crate::parameters::{Plus, pairs};
use crate::route::{Endpoint, Entry, OUTCOMES};

/// How long an answer may wait until a dialect is written down, which is seldom.
const PATIENCE: Duration = Duration::from_secs(1);

/// Shows a request that was answered to whoever watches.
pub(crate) async fn show(dialects: &Dialects, call: &Call<'_>, endpoint: &Endpoint) {
    let query: Vec<_> = pairs(call.parts.uri.query(), Plus::Heuristic).flatten().collect();
    let (place, single) = place(endpoint);
    let sighting = Sighting {
        method: call.parts.method.as_str(),
        endpoint: place,
        single,
        user_agent: call.parts.headers.get(USER_AGENT).and_then(|value| value.to_str().ok()),
        asked: asked(&query),
        wording: call.wording.get().copied().unwrap_or_default(),
    };
    let noted = dialects.saw(call.context.connection(), &sighting);
    match tokio::time::timeout(PATIENCE, noted).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "a dialect was not noted"),
        Err(_) => tracing::warn!("a dialect was not noted in time"),
    }
}

/// Notes that a request of this connection was answered, and well where it is one that IdPs test
/// connections with.
pub(crate) async fn note(traffics: &Traffics, connection: &Connection, tested: bool) {
    if tokio::time::timeout(PATIENCE, traffics.saw(connection, tested)).await.is_err() {
        tracing::warn!("traffic was not noted in time");
    }
}

fn asked<'q>(query: &'q [(Cow<'_, str>, Cow<'_, str>)]) -> Asked<'q> {
    let mut asked = Asked::default();
    for (name, value) in query {
        match small(name).as_str() {
            "filter" => asked.filter = Some(value),
            "aadoptscim062020" => asked.entra_flag = true,
            "excludedattributes" => asked.without_members = alike(value, "members"),
            "count" => asked.count = true,
            "startindex" => asked.start = true,
            _ => {}
        }
    }
    asked
}

/// What the path begins with behind the base, and whether it goes on.
fn place(endpoint: &Endpoint) -> (&str, bool) {
    match endpoint {
        Endpoint::Collection(ty) => (ty.endpoint(), false),
        Endpoint::Search(ty) | Endpoint::Resource(ty, _) => (ty.endpoint(), true),
        Endpoint::Root => ("", false),
        Endpoint::RootSearch => (".search", false),
        Endpoint::Bulk => ("Bulk", false),
        Endpoint::Outcome(_) => (OUTCOMES, true),
        Endpoint::Me => ("Me", false),
        Endpoint::Discovery(Entry::Config) => ("ServiceProviderConfig", false),
        Endpoint::Discovery(Entry::Schemas) => ("Schemas", false),
        Endpoint::Discovery(Entry::Schema(_)) => ("Schemas", true),
        Endpoint::Discovery(Entry::ResourceTypes) => ("ResourceTypes", false),
        Endpoint::Discovery(Entry::ResourceType(_)) => ("ResourceTypes", true),
    }
}
