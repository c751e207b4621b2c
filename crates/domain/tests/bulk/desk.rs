//! A connection with words for what tests do there.
#![expect(clippy::needless_pass_by_value, reason = "ids and bodies read better without `&`")]

use std::sync::Arc;

use rollcall_domain::{
    Admin, Authenticator, BulkResults, Caller, Context, Directory, Done, Error, IdpKind, Named,
    NewConnection, Operation, Precondition, ResourceId, Search, Shown, Store, SystemClock, Token,
    Undone, UuidIds, Verb,
};
use rollcall_schema::{ResourceType, standard};
use rollcall_testkit::MemoryStore;
use rollcall_testkit::registered::admit;
use serde_json::{Value, json};

use crate::spy::Spy;

/// What whoever reads requests refuses operations with.
pub(crate) type Refusal = &'static str;

pub(crate) struct Desk {
    pub(crate) memory: Arc<MemoryStore>,
    pub(crate) spy: Arc<Spy>,
    pub(crate) directory: Directory,
    pub(crate) ctx: Context,
}

impl Desk {
    pub(crate) async fn open() -> Self {
        Self::of(IdpKind::Generic).await
    }

    pub(crate) async fn of(idp: IdpKind) -> Self {
        let memory = Arc::new(MemoryStore::new());
        let (clock, ids) = (Arc::new(SystemClock), Arc::new(UuidIds));
        let admin = Admin::new(memory.clone(), memory.clone(), clock.clone(), ids.clone());
        let new = NewConnection { idp, ..NewConnection::default() };
        let minted = admin.connect(&Caller::CLI, "Acme", &new).await.unwrap().minted.unwrap();
        let authenticator = Authenticator::new(memory.clone());
        let ctx = authenticator.bearer(Shown::token(minted.reveal())).await.unwrap();
        let spy = Arc::new(Spy::over(memory.clone()));
        let store: Arc<dyn Store> = spy.clone();
        let directory = Directory::new(store, clock, ids);
        Self { memory, spy, directory, ctx }
    }

    /// Somebody else at the same connection, whom the spy doesn't see.
    pub(crate) fn other(&self) -> Directory {
        Directory::new(self.memory.clone(), Arc::new(SystemClock), Arc::new(UuidIds))
    }

    /// A type as the connection offers it.
    pub(crate) fn ty(&self, name: &str) -> &Arc<ResourceType> {
        let types = self.ctx.offer().catalog().types();
        types.iter().find(|ty| ty.name() == name).unwrap()
    }

    /// A user's own credential.
    pub(crate) async fn own(&self, subject: ResourceId) -> Context {
        self.with(|token| Token { subject: Some(subject), ..token }).await
    }

    /// Whoever has a token that is like this.
    pub(crate) async fn with(&self, change: impl FnOnce(Token) -> Token + Send) -> Context {
        let (_, secret) = admit(&*self.memory, self.ctx.connection(), change).await;
        let authenticator = Authenticator::new(self.memory.clone());
        authenticator.bearer(Shown::token(secret.reveal())).await.unwrap()
    }

    pub(crate) async fn user(&self, name: &str) -> ResourceId {
        let body = json!({"userName": name, "displayName": name});
        self.other().create(&self.ctx, self.ty("User"), body).await.unwrap().record.id
    }

    pub(crate) async fn group(&self, name: &str, members: &[ResourceId]) -> ResourceId {
        let members: Vec<_> = members.iter().map(|id| json!({"value": id.to_string()})).collect();
        let body = json!({"displayName": name, "members": members});
        self.other().create(&self.ctx, self.ty("Group"), body).await.unwrap().record.id
    }

    pub(crate) async fn bulk(&self, operations: Vec<Operation>) -> BulkResults<Refusal> {
        self.bulk_until(None, operations.into_iter().map(Ok).collect()).await
    }

    pub(crate) async fn bulk_until(
        &self,
        fail_on_errors: Option<u32>,
        operations: Vec<Result<Operation, Refusal>>,
    ) -> BulkResults<Refusal> {
        let typed = |operation: Operation| {
            let ty = Arc::clone(self.ty(operation.ty.name()));
            Operation { ty, ..operation }
        };
        let operations = operations.into_iter().map(|operation| operation.map(typed)).collect();
        let bulk = self.directory.bulk(&self.ctx, operations, fail_on_errors, &|_| {});
        bulk.await.unwrap()
    }

    pub(crate) async fn body(&self, kind: &str, id: ResourceId) -> Option<Value> {
        let id = id.to_string();
        let at = Named { ty: ty(kind), id: &id };
        let found = self.other().get(&self.ctx, at, Default::default()).await.ok()?;
        Some(serde_json::from_str(&found.record.body).unwrap())
    }

    /// The members of a group in the order of ids.
    pub(crate) async fn members(&self, group: ResourceId) -> Vec<ResourceId> {
        let edges = self.other().edges(&self.ctx, ty("Group"), &[group], None, 10_000).await;
        edges.unwrap().into_iter().map(|edge| edge.member).collect()
    }

    pub(crate) async fn total(&self, kind: &str) -> u64 {
        let search = Search { count: 0, ..Search::default() };
        self.other().find(&self.ctx, ty(kind), &search).await.unwrap().total
    }
}

pub(crate) fn ty(name: &str) -> &'static Arc<ResourceType> {
    standard::types().iter().find(|ty| ty.name() == name).unwrap()
}

fn operation(verb: Verb, kind: &str, id: Option<String>, data: Value) -> Operation {
    let (ty, precondition) = (Arc::clone(ty(kind)), Precondition::None);
    Operation { verb, ty, id, bulk_id: None, precondition, data }
}

pub(crate) fn post(kind: &str, bulk_id: &str, data: Value) -> Operation {
    Operation { bulk_id: Some(bulk_id.into()), ..operation(Verb::Create, kind, None, data) }
}

pub(crate) fn post_user(bulk_id: &str, name: &str) -> Operation {
    post("User", bulk_id, json!({"userName": name}))
}

/// A group whose members are named by ids or references.
pub(crate) fn post_group(bulk_id: &str, members: &[&str]) -> Operation {
    let members: Vec<_> = members.iter().map(|id| json!({"value": id})).collect();
    post("Group", bulk_id, json!({"displayName": bulk_id, "members": members}))
}

pub(crate) fn put(kind: &str, id: impl ToString, data: Value) -> Operation {
    operation(Verb::Replace, kind, Some(id.to_string()), data)
}

/// A PATCH of one operation.
pub(crate) fn patch(kind: &str, id: impl ToString, step: Value) -> Operation {
    let data = json!({"schemas": [standard::PATCH_OP], "Operations": [step]});
    operation(Verb::Patch, kind, Some(id.to_string()), data)
}

pub(crate) fn set(kind: &str, id: impl ToString, attr: &str, value: &str) -> Operation {
    patch(kind, id, json!({"op": "replace", "path": attr, "value": value}))
}

pub(crate) fn join(group: impl ToString, member: impl ToString) -> Operation {
    let value = json!([{"value": member.to_string()}]);
    patch("Group", group, json!({"op": "add", "path": "members", "value": value}))
}

pub(crate) fn delete(kind: &str, id: impl ToString) -> Operation {
    operation(Verb::Delete, kind, Some(id.to_string()), Value::Null)
}

pub(crate) fn insisting(operation: Operation, version: u64) -> Operation {
    Operation { precondition: Precondition::Versions(vec![version]), ..operation }
}

/// What was told of each operation, in short: its version, `-` for an end, or the failure.
pub(crate) fn told(results: &BulkResults<Refusal>) -> Vec<String> {
    let one = |(at, result): &(usize, Result<Done, Undone<Refusal>>)| {
        format!("{at}: {}", in_short(result))
    };
    results.iter().map(one).collect()
}

pub(crate) fn in_short(result: &Result<Done, Undone<Refusal>>) -> String {
    match result {
        Ok(Done { version: Some(version), .. }) => version.to_string(),
        Ok(Done { version: None, .. }) => "-".into(),
        Err(Undone::Refused(refusal)) => format!("refused {refusal}"),
        Err(Undone::Failed(error)) => kind(error).into(),
        Err(Undone::Unknown { bulk_id }) => format!("unknown {bulk_id}"),
        Err(Undone::Dependency { bulk_id }) => format!("needs {bulk_id}"),
    }
}

pub(crate) fn kind(error: &Error) -> &'static str {
    match error {
        Error::NotFound { .. } => "not found",
        Error::Violation(_) => "violation",
        Error::Patch(_) => "patch",
        Error::Taken { .. } => "taken",
        Error::UnknownMembers { .. } => "unknown members",
        Error::Forbidden => "forbidden",
        Error::NotSelfService { .. } => "not self service",
        Error::PreconditionFailed => "precondition",
        Error::Busy => "busy",
        Error::Unavailable(_) => "unavailable",
        _ => "something else",
    }
}

/// The id that an operation is told of.
#[track_caller]
pub(crate) fn id_of(results: &BulkResults<Refusal>, at: usize) -> ResourceId {
    let (_, result) = results.iter().find(|(told, _)| *told == at).unwrap();
    result.as_ref().unwrap().id
}
