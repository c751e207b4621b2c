//! A connection of its own for each test, with short words for what tests do there.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use rollcall_domain::{
    Act, Action, Actor, After, Before, Change, CommitError, Connection, EdgeOp, Entry, Event,
    EventId, Found, Halt, Load, Page, Query, Reader, ResourceId, Scope, Setup, Stamp, TokenId,
    Write, Written, decide, edge_ops,
};
use rollcall_schema::{
    Accept, Base, Document, Instant, Profile, ResourceType, Violation, standard,
};
use serde_json::{Map, Value, json};

use crate::fresh::{fresh, fresh_id};
use crate::registered::{add, connect, fresh_connection};
use crate::{Asked, LoggedEvent, Subject};

/// 2023-11-14T22:13:20Z: when the clock of a [`Site`] begins.
pub const EPOCH: i64 = 1_700_000_000_000;

/// One connection of a store under test.
///
/// Its clock moves by one second whenever it is read. Methods panic when the store fails.
#[derive(Debug)]
pub struct Site {
    /// The store.
    pub subject: Subject,
    /// The organization and connection.
    pub at: Scope,
    /// Who acts.
    pub actor: Actor,
    clock: AtomicI64,
}

/// The User type.
pub fn users() -> &'static ResourceType {
    standard_type("User")
}

/// The Group type.
pub fn groups() -> &'static ResourceType {
    standard_type("Group")
}

fn standard_type(name: &str) -> &'static ResourceType {
    let types = standard::types().iter();
    types.map(AsRef::as_ref).find(|ty| ty.name() == name).expect("the standard types are there")
}

impl Site {
    /// A new connection in a new organization.
    pub async fn open(subject: &Subject) -> Self {
        let made = connect(&*subject.registry, Setup::default()).await;
        Self::at(subject, &made)
    }

    /// Another connection of the same organization.
    pub async fn beside(&self) -> Self {
        let registry = &*self.subject.registry;
        let known = registry.connection(self.at.connection).await;
        let (organization, _) = known.expect("the store answers").expect("the connection is there");
        let connection = fresh_connection(&organization);
        add(registry, [Entry::Connection(Box::new(connection.clone()))]).await;
        Self::at(&self.subject, &connection)
    }

    /// The same connection at another store, which gets to know it where it doesn't.
    pub async fn mirrored(&self, subject: &Subject) -> Self {
        let known = self.subject.registry.connection(self.at.connection).await;
        let (organization, connection) =
            known.expect("the store answers").expect("the connection is there");
        let there = subject.registry.organization(organization.id).await;
        if there.expect("the store answers").is_none() {
            add(&*subject.registry, [Entry::Organization(organization)]).await;
        }
        let there = subject.registry.connection(connection.id).await;
        if there.expect("the store answers").is_none() {
            add(&*subject.registry, [Entry::Connection(Box::new(connection.clone()))]).await;
        }
        Self::at(subject, &connection)
    }

    /// A connection that the store knows.
    pub fn at(subject: &Subject, connection: &Connection) -> Self {
        Self {
            subject: subject.clone(),
            at: Scope { organization: connection.organization, connection: connection.id },
            actor: Actor::Token(TokenId::from_uuid(fresh())),
            clock: AtomicI64::new(EPOCH),
        }
    }

    /// A second later than the last time.
    pub fn now(&self) -> Instant {
        Instant::from_millis(self.clock.fetch_add(1_000, Ordering::Relaxed) + 1_000)
    }

    fn stamp(&self, id: ResourceId) -> Stamp<'static> {
        let event = EventId::from_uuid(fresh());
        let (actor, at) = (self.actor, self.now());
        Stamp { id, event, actor, at, insists: false, revision: 0, since: None }
    }

    // What may be written.

    /// A new resource from the body of a POST, as the domain decides it.
    ///
    /// # Errors
    /// [`Violation`] when the type doesn't accept the body.
    pub fn creation(&self, ty: &ResourceType, body: Value) -> Result<Write, Violation> {
        let accepted = ty.accept(body, Accept::Create, &Profile::GENERIC)?;
        let links = edge_ops(ty, &accepted.links).expect("members are ids");
        let after = After { document: &accepted.document, links: &links };
        Ok(only(decide(ty, None, Some(after), self.stamp(fresh_id()))))
    }

    /// A user of this name.
    pub fn user_named(&self, name: &str) -> Write {
        self.creation(users(), json!({ "userName": name })).expect("a user")
    }

    /// A group of this name.
    pub fn group_named(&self, name: &str, members: &[ResourceId]) -> Write {
        let members: Vec<_> = members.iter().map(|id| json!({ "value": id.to_string() })).collect();
        self.creation(groups(), json!({ "displayName": name, "members": members }))
            .expect("a group")
    }

    /// A resource with another body, from how it stands; its relation stays as it is.
    ///
    /// # Errors
    /// [`Violation`] when the type doesn't accept the body.
    ///
    /// # Panics
    /// When the body is the one that it has.
    pub fn replacement(
        &self,
        ty: &ResourceType,
        found: &Found,
        body: Value,
    ) -> Result<Write, Violation> {
        let (id, document) = (found.record.id, document(found));
        let how = Accept::Replace { id: &id.to_string(), before: &document };
        let accepted = ty.accept(body, how, &Profile::GENERIC)?;
        let before = Before {
            version: found.record.version,
            indexed: found.record.indexed,
            document: &document,
        };
        let after = After { document: &accepted.document, links: &[] };
        Ok(only(decide(ty, Some(before), Some(after), self.stamp(id))))
    }

    /// The user with another name.
    pub async fn renaming(&self, user: ResourceId, name: &str) -> Write {
        let found = self.expect(users(), user).await;
        self.replacement(users(), &found, json!({ "userName": name })).expect("a user")
    }

    /// Members that join and leave a group.
    pub fn linking(&self, group: ResourceId, add: &[ResourceId], remove: &[ResourceId]) -> Write {
        self.edging(group, Base::Kept, add, remove)
    }

    /// A group with these members and no others.
    pub fn relinking(&self, group: ResourceId, members: &[ResourceId]) -> Write {
        self.edging(group, Base::Nothing, members, &[])
    }

    fn edging(
        &self,
        group: ResourceId,
        base: Base,
        add: &[ResourceId],
        remove: &[ResourceId],
    ) -> Write {
        let (mut add, mut remove) = (add.to_vec(), remove.to_vec());
        add.sort_unstable();
        remove.sort_unstable();
        let op = EdgeOp { attr: Arc::from("members"), base, add, remove };
        let act = Act::Link { expect: None };
        self.write(groups(), group, act, vec![op], Action::Changed)
    }

    /// The end of a resource.
    pub fn deletion(&self, ty: &ResourceType, id: ResourceId) -> Write {
        self.write(ty, id, Act::Delete { expect: None }, Vec::new(), Action::Deleted)
    }

    fn write(
        &self,
        ty: &ResourceType,
        id: ResourceId,
        act: Act,
        edges: Vec<EdgeOp>,
        action: Action,
    ) -> Write {
        let id_of_event = EventId::from_uuid(fresh());
        let event = Event { id: id_of_event, actor: self.actor, action, changes: Map::new() };
        Write { kind: Arc::from(ty.name()), id, at: self.now(), act, edges, event }
    }

    // Writing it.

    /// Commits one change of several writes.
    ///
    /// # Errors
    /// What the store says.
    pub async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Written>, CommitError> {
        self.subject.store.commit(self.at, Change { writes }).await
    }

    /// Commits changes in a row.
    pub async fn row(
        &self,
        changes: Vec<Vec<Write>>,
        halt: Halt,
    ) -> Vec<Result<Vec<Written>, CommitError>> {
        let changes = changes.into_iter().map(|writes| Change { writes }).collect();
        self.subject.store.commit_many(self.at, changes, halt).await
    }

    /// Commits one change of one write.
    ///
    /// # Errors
    /// What the store says.
    pub async fn one(&self, write: Write) -> Result<Written, CommitError> {
        let written = self.commit(vec![write]).await?;
        let [written] = written.as_slice() else { panic!("one answer per write: {written:?}") };
        Ok(*written)
    }

    /// Commits what must succeed; gives back the resource.
    pub async fn put(&self, write: Write) -> ResourceId {
        let id = write.id;
        self.one(write).await.expect("it commits");
        id
    }

    /// Makes a user.
    pub async fn user(&self, name: &str) -> ResourceId {
        self.put(self.user_named(name)).await
    }

    /// Makes users in one change, in the order of ids.
    pub async fn users(&self, names: impl IntoIterator<Item = String>) -> Vec<ResourceId> {
        let writes: Vec<_> = names.into_iter().map(|name| self.user_named(&name)).collect();
        let ids = writes.iter().map(|write| write.id).collect();
        self.commit(writes).await.expect("users are made");
        ids
    }

    /// Makes a group.
    pub async fn group(&self, name: &str, members: &[ResourceId]) -> ResourceId {
        self.put(self.group_named(name, members)).await
    }

    // Reading.

    /// The directory.
    pub fn reader(&self) -> Box<dyn Reader + '_> {
        self.subject.store.scope(self.at)
    }

    /// A resource with everything beside it.
    pub async fn get(&self, ty: &ResourceType, id: ResourceId) -> Option<Found> {
        let load = Load { links: true, incoming: true };
        self.reader().get(ty, id, load).await.expect("the store answers")
    }

    /// A resource that must be there.
    pub async fn expect(&self, ty: &ResourceType, id: ResourceId) -> Found {
        self.get(ty, id).await.expect("the resource is there")
    }

    /// The members of a group, in the order in which the store gives them.
    pub async fn members(&self, group: ResourceId) -> Vec<ResourceId> {
        let found = self.expect(groups(), group).await;
        assert_eq!(found.record.links, found.links.len() as u64, "links are counted");
        found.links.iter().map(|link| link.id.parse().expect("a resource id")).collect()
    }

    /// A page.
    pub async fn find(&self, query: &Query<'_>) -> Page {
        self.reader().find(query).await.expect("the store finds")
    }

    /// How many resources of the type there are.
    pub async fn total(&self, ty: &'static ResourceType) -> u64 {
        self.find(&Query { count: 0, ..Asked::all(ty).query() }).await.total
    }

    /// The log of the organization.
    pub async fn events(&self) -> Vec<LoggedEvent> {
        self.subject.log.events(self.at.organization).await
    }

    /// The log of one resource in the order of its versions.
    pub async fn events_of(&self, id: ResourceId) -> Vec<LoggedEvent> {
        let mut events = self.events().await;
        events.retain(|event| event.resource == id);
        events.sort_by_key(|event| event.version);
        events
    }
}

/// The ids of a page.
pub fn ids(page: &Page) -> Vec<ResourceId> {
    page.found.iter().map(|found| found.record.id).collect()
}

/// The body of a resource.
pub fn document(found: &Found) -> Document {
    Document::from_stored(&found.record.body).expect("a stored document")
}

fn only(change: Option<Change>) -> Write {
    let change = change.expect("something changes");
    change.writes.into_iter().next().expect("a change of one resource has one write")
}
