//! Set operations on the rows of a relation: they read no row that they don't change.

use std::sync::Arc;

use diesel::prelude::*;
use diesel::sql_types::{Binary, Text};
use rollcall_domain::{Act, CommitError, EdgeOp, ResourceId, Scope, Write};
use rollcall_schema::Base;

use crate::error::Undone;
use crate::json;
use crate::statement::{Run, fixed};
use crate::values::Id;

fixed! {
    /// Adds what is a resource of the connection. `where true` keeps the parser from taking
    /// `on conflict` for a join.
    Add -> Binary =
        "insert into edge (organization, owner, attr, member) \
         select m.organization, ?, ?, m.id from json_each(?) j \
         cross join resource m on m.organization = ? and m.id = unhex(j.value) \
         and +m.connection = ? where true \
         on conflict (organization, owner, attr, member) do nothing returning member";

    /// Which ids are no resources of the connection.
    Unknown -> Binary =
        "select unhex(j.value) from json_each(?) j where not exists (select 1 from resource m \
         where m.organization = ? and m.id = unhex(j.value) and +m.connection = ?)";

    /// Removes what is listed.
    Remove -> Binary =
        "delete from edge where organization = ? and owner = ? and attr = ? \
         and member in (select unhex(value) from json_each(?)) returning member";

    /// Removes what is not listed.
    Retain -> Binary =
        "delete from edge where organization = ? and owner = ? and attr = ? \
         and member not in (select unhex(value) from json_each(?)) returning member";

    /// Removes every row that points at a resource.
    DropIncoming -> (Binary, Text) =
        "delete from edge where organization = ? and member = ? returning owner, attr";

    /// Removes every row of a resource.
    DropOutgoing -> () = "delete from edge where organization = ? and owner = ?";
}

/// The rows of one relation that really changed, in the order of ids.
#[derive(Debug)]
pub(crate) struct Moved {
    pub(crate) attr: Arc<str>,
    pub(crate) added: Vec<ResourceId>,
    pub(crate) removed: Vec<ResourceId>,
}

/// Does what a write says to the relations of its resource.
pub(crate) fn apply(
    conn: &mut SqliteConnection,
    at: Scope,
    write: &Write,
) -> Result<Vec<Moved>, Undone> {
    let mut all = Vec::new();
    for op in &write.edges {
        let removed = match write.act {
            Act::Create { .. } => Vec::new(),
            _ => remove(conn, at, write.id, op)?,
        };
        let added = add(conn, at, write.id, op)?;
        if !(added.is_empty() && removed.is_empty()) {
            all.push(Moved { attr: Arc::clone(&op.attr), added, removed });
        }
    }
    Ok(all)
}

/// By how much the number of a resource's edges moved.
pub(crate) fn more(moved: &[Moved]) -> i64 {
    let many = |ids: &Vec<ResourceId>| i64::try_from(ids.len()).unwrap_or(i64::MAX);
    moved.iter().map(|moved| many(&moved.added) - many(&moved.removed)).sum()
}

/// Drops the rows at both ends of a resource. Gives back the others that lost one, with the
/// relation, in the order of ids.
pub(crate) fn drop(
    conn: &mut SqliteConnection,
    at: Scope,
    id: ResourceId,
) -> QueryResult<Vec<(ResourceId, Arc<str>)>> {
    let ends = || [at.organization.into(), id.into()];
    let lost = Run::<DropIncoming>::with(ends()).load::<(Id, String)>(conn)?;
    Run::<DropOutgoing>::with(ends()).execute(conn)?;
    let mut lost: Vec<(ResourceId, Arc<str>)> =
        lost.into_iter().map(|(owner, attr)| (owner.into(), attr.into())).collect();
    lost.retain(|(owner, _)| *owner != id);
    lost.sort();
    Ok(lost)
}

fn remove(
    conn: &mut SqliteConnection,
    at: Scope,
    owner: ResourceId,
    op: &EdgeOp,
) -> QueryResult<Vec<ResourceId>> {
    let binds = |ids: &[ResourceId]| {
        let ids = json::ids(ids.iter().copied());
        [at.organization.into(), owner.into(), (&*op.attr).into(), ids.into()]
    };
    let removed = match op.base {
        Base::Nothing => Run::<Retain>::with(binds(&op.add)).load::<Id>(conn)?,
        Base::Kept if op.remove.is_empty() => return Ok(Vec::new()),
        Base::Kept => Run::<Remove>::with(binds(&op.remove)).load::<Id>(conn)?,
    };
    Ok(in_order(removed))
}

fn add(
    conn: &mut SqliteConnection,
    at: Scope,
    owner: ResourceId,
    op: &EdgeOp,
) -> Result<Vec<ResourceId>, Undone> {
    if op.add.is_empty() {
        return Ok(Vec::new());
    }
    let ids = json::ids(op.add.iter().copied());
    let (organization, connection) = (at.organization, at.connection);
    let added = Run::<Add>::with([
        owner.into(),
        (&*op.attr).into(),
        ids.as_str().into(),
        organization.into(),
        connection.into(),
    ])
    .load::<Id>(conn)?;
    // What was not added was there before, or is nowhere.
    if added.len() < op.add.len() {
        let unknown = Run::<Unknown>::with([ids.into(), organization.into(), connection.into()])
            .load::<Id>(conn)?;
        if !unknown.is_empty() {
            return Err(CommitError::UnknownMembers(in_order(unknown)).into());
        }
    }
    Ok(in_order(added))
}

fn in_order(ids: Vec<Id>) -> Vec<ResourceId> {
    let mut ids: Vec<ResourceId> = ids.into_iter().map(ResourceId::from).collect();
    ids.sort_unstable();
    ids
}
