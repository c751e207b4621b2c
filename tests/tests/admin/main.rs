//! The admin API as operators use it, over HTTP on both stores.

mod connections;
mod isolation;
mod keys;
mod matrix;
mod names;
mod organizations;
mod removal;
mod repeats;
mod rotation;
mod routes;
mod sightings;
mod sign_in;
mod states;
mod together;
mod tokens;
mod veils;

use rollcall_domain::{Ids as _, OrganizationId, UuidIds};
use rollcall_testkit::LoggedEvent;
use rollcall_tests::client::{Answer, Request, bytes};
use rollcall_tests::idp::Idp;
use rollcall_tests::operator::{Made, Operator};
use rollcall_tests::server::Server;
use rollcall_tests::wait::becomes;
use serde_json::{Value, json};

/// A name that nothing else has.
fn fresh(name: &str) -> String {
    format!("{name} {}", UuidIds.next())
}

/// A customer with one connection, as an operator made them.
struct Customer {
    /// An owner of the whole server.
    owner: Operator,
    /// The path of the organization.
    organization: String,
    /// Its first connection.
    made: Made,
    /// The same as its IdP sees it.
    idp: Idp,
}

impl Customer {
    async fn new(server: &Server) -> Self {
        Self::like(server, json!({})).await
    }

    async fn like(server: &Server, connection: Value) -> Self {
        let owner = server.owner();
        let organization = owner.organization(&fresh("Customer")).await;
        let made = owner.connection(&organization, connection).await;
        let idp = made.idp(&server.client, &server.store);
        Self { owner, organization, made, idp }
    }

    /// Makes one more connection of the same organization.
    async fn twin(&self, server: &Server) -> (Made, Idp) {
        let made = self.owner.connection(&self.organization, json!({})).await;
        let idp = made.idp(&server.client, &server.store);
        (made, idp)
    }

    fn id(&self) -> OrganizationId {
        self.idp.at.organization
    }

    fn tokens(&self) -> String {
        format!("{}/tokens", self.made.path)
    }

    fn token(&self) -> String {
        format!("{}/tokens/{}", self.made.path, self.made.text("tokenId"))
    }

    /// What operators did here, by action, in the order in which it was done.
    async fn events(&self, server: &Server) -> Vec<LoggedEvent> {
        let mut events = server.administered(Some(self.id())).await;
        events.sort_by_key(|event| event.id.uuid());
        events
    }

    async fn actions(&self, server: &Server) -> Vec<String> {
        self.events(server).await.into_iter().map(|event| event.action).collect()
    }
}

/// A list of the simplest kind, whatever comes of it.
async fn users(idp: &Idp) -> Answer {
    let request = Request::new("GET", format!("{}/Users?count=1", idp.base));
    idp.client.send(request.bearer(&idp.token)).await
}

/// The check of this name.
#[track_caller]
fn check<'a>(shown: &'a Value, name: &str) -> &'a Value {
    let checks = shown["checks"].as_array().expect("checks are a list");
    let found = checks.iter().find(|check| check["name"] == name);
    found.unwrap_or_else(|| panic!("no check `{name}`: {shown}"))
}
