//! The statements of everyday requests as text, for `EXPLAIN`.

use diesel::pg::{Pg, PgQueryBuilder};
use diesel::query_builder::{QueryBuilder, QueryFragment};
use rollcall_domain::{
    Act, Action, Actor, Body, Candidates, ConnectionId, Event, EventId, KeyChange, KeyTest, Load,
    OrganizationId, ResourceId, Scope, TokenId, Write,
};
use rollcall_schema::{Instant, ResourceType, standard};
use uuid::Uuid;

use crate::behind::Behind;
use crate::candidates::Set;
use crate::commit::create::Create;
use crate::commit::creates::Creates;
use crate::commit::delete::Delete;
use crate::commit::hand_over::{HandOver, Handed};
use crate::commit::link::Link;
use crate::commit::replace::{Replace, Replacement};
use crate::read::Edges;
use crate::reindex::Keyed;
use crate::rows::{Batch, Count, Get, Head};

/// The statements of everyday requests, each with a name, as they are sent: an operator who sees
/// one of them take long can `PREPARE` and `EXPLAIN EXECUTE` it.
///
/// Values are numbered as the crate's source says, reads: organization, connection, type, relation
/// to load, type and relation to derive from, then their own; writes: organization, connection,
/// type, id, time, event, actor, action, changes, five arrays of edges, then their own.
pub fn statements_to_explain() -> Vec<(&'static str, String)> {
    let (user, group) = (ty("User"), ty("Group"));
    let (plain, both) = (Load::default(), Load { links: true, incoming: true });
    let body = Body { text: String::new(), display: None, indexed: 0 };
    let keys = KeyChange::To(Vec::new());
    let with = Replacement { expect: 1, body: &body, keys: &keys };
    let handed = Handed { expect: 1, to: AT.connection, keys: &[], indexed: 0 };
    let write = write();
    let lookup = Candidates::Key("userName".into(), KeyTest::Equals(String::new()));
    let prefix = Candidates::Key("userName".into(), KeyTest::Prefix("a".into()));
    let either = Candidates::Or(vec![lookup.clone(), lookup.clone()]);
    let holding = Candidates::Holding("members".into(), write.id);
    let head = |ty, load| Head::new(AT, ty, load);
    let page = |ty, load, candidates: &Candidates| {
        let (set, after) = (Set::of(candidates), Uuid::nil());
        text(&Batch { head: head(ty, load), set: &set, after, skip: 0, limit: 1 })
    };
    let id = write.id.uuid();
    vec![
        ("get_user", text(&Get::<false, true> { head: head(user, both), id })),
        ("get_group", text(&Get::<false, false> { head: head(group, plain), id })),
        ("lookup", page(user, both, &lookup)),
        ("page", page(user, both, &Candidates::All)),
        ("prefix", page(user, both, &prefix)),
        ("either", page(user, both, &either)),
        ("holding", page(group, plain, &holding)),
        ("total", text(&Count { head: head(user, plain), set: &Set::All })),
        ("edges", text(&Edges::sample())),
        ("create", text(&Create::<false>::new(AT, &write, &body, &[]))),
        ("create_with_edges", text(&Create::<true>::new(AT, &write, &body, &[]))),
        ("creates", text(&Creates::empty(AT))),
        ("replace", text(&Replace::<false, false>::new(AT, &write, with))),
        ("replace_with_edges", text(&Replace::<true, false>::new(AT, &write, with))),
        ("replace_keys", text(&Replace::<false, true>::new(AT, &write, with))),
        ("reindex", text(&Keyed::new(AT, &[]))),
        ("behind", text(&Behind::new(AT, "User", 1, None, 1))),
        ("link", text(&Link::new(AT, &write, None))),
        ("hand_over", text(&HandOver::new(AT, &write, handed))),
        ("delete", text(&Delete::new(AT, &write, None))),
    ]
}

const AT: Scope = Scope {
    organization: OrganizationId::from_uuid(Uuid::nil()),
    connection: ConnectionId::from_uuid(Uuid::nil()),
};

fn ty(name: &str) -> &'static ResourceType {
    let types = standard::types();
    types.iter().find(|ty| ty.name() == name).expect("a standard type")
}

fn write() -> Write {
    Write {
        kind: "Group".into(),
        id: ResourceId::from_uuid(Uuid::nil()),
        at: Instant::from_millis(0),
        act: Act::Link { expect: None },
        edges: Vec::new(),
        event: Event {
            id: EventId::from_uuid(Uuid::nil()),
            actor: Actor::Token(TokenId::from_uuid(Uuid::nil())),
            action: Action::Changed,
            changes: serde_json::Map::new(),
        },
    }
}

fn text(query: &impl QueryFragment<Pg>) -> String {
    let mut builder = PgQueryBuilder::default();
    match query.to_sql(&mut builder, &Pg) {
        Ok(()) => builder.finish(),
        Err(error) => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_statement_names_its_organization() {
        for (name, text) in statements_to_explain() {
            assert!(text.contains("organization = $1") || text.contains("values ($1"), "{name}");
        }
    }
}
