//! What a read brings of a resource: its record and, in the same row, what belongs to it.

use diesel::QueryResult;
use diesel::result::Error::DeserializationError;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use rollcall_domain::{Found, Load, Record, ResourceId};
use rollcall_schema::{Derivation, Incoming, Link, Reach, ResourceType};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::statement::Sql;
use crate::values::{Count, Id, Moment};

/// The columns: id, version, created, modified, how many links, revision of its keys, body, links,
/// incoming.
pub(crate) type Columns =
    (Binary, BigInt, BigInt, BigInt, BigInt, BigInt, Text, Nullable<Text>, Nullable<Text>);

/// A row of them.
pub(crate) type Row =
    (Id, Count, Moment, Moment, Count, Count, String, Option<String>, Option<String>);

const RECORD: &str = "select r.id, r.version, r.created, r.modified, r.links, r.indexed, r.body, ";

const LINKS: &str = "(select json_group_array(json_array(lower(hex(m.id)), m.kind, m.display)) \
    from edge e cross join resource m on m.organization = e.organization and m.id = e.member \
    where e.organization = r.organization and e.owner = r.id and e.attr = ?)";

/// Each pair of id and reach is there once, so that cycles end (R-RES-04); what is reached both
/// ways is direct (R-RES-02).
const INCOMING: &str = "(with recursive up (id, direct) as (\
    select o.id, 1 from edge e \
    cross join resource o on o.organization = e.organization and o.id = e.owner and o.kind = ? \
    where e.organization = r.organization and e.member = r.id and e.attr = ? \
    union \
    select o.id, 0 from up \
    cross join edge e on e.organization = r.organization and e.member = up.id and e.attr = ? \
    cross join resource o on o.organization = e.organization and o.id = e.owner and o.kind = ?) \
    select json_group_array(json_array(lower(hex(o.id)), o.kind, o.display, u.direct)) \
    from (select id, max(direct) as direct from up group by id) u \
    cross join resource o on o.organization = r.organization and o.id = u.id)";

/// What is loaded beside a record.
#[derive(Clone, Debug)]
pub(crate) struct Beside {
    relation: Option<String>,
    derivation: Option<Derivation>,
}

impl Beside {
    pub(crate) fn of(ty: &ResourceType, load: Load) -> Self {
        let relation = ty.relation().filter(|_| load.links).map(|def| def.path.to_string());
        let derived = ty.derived().filter(|_| load.incoming);
        Self { relation, derivation: derived.and_then(|def| def.derivation.clone()) }
    }

    /// The `select` list over a resource `r`.
    pub(crate) fn select(&self, sql: &mut Sql) {
        sql.push(RECORD, []);
        match &self.relation {
            Some(attr) => sql.push(LINKS, [attr.as_str().into()]),
            None => sql.push("null", []),
        };
        sql.push(", ", []);
        match &self.derivation {
            Some(Derivation { of, through, .. }) => {
                let (of, through) = (of.as_str(), through.as_str());
                sql.push(INCOMING, [of.into(), through.into(), through.into(), of.into()])
            }
            None => sql.push("null", []),
        };
    }
}

/// The columns of a record alone.
pub(crate) type RecordColumns = (Binary, BigInt, BigInt, BigInt, BigInt, BigInt, Text);

/// A row of them.
pub(crate) type RecordRow = (Id, Count, Moment, Moment, Count, Count, String);

/// What such a row says.
pub(crate) fn record(row: RecordRow) -> Record {
    let (id, version, created, modified, links, indexed, body) = row;
    let (Count(version), Count(links), Count(indexed)) = (version, links, indexed);
    let (Moment(created), Moment(modified)) = (created, modified);
    Record { id: id.into(), version, created, modified, links, indexed, body }
}

/// What a row says.
pub(crate) fn found(row: Row) -> QueryResult<Found> {
    let (id, version, created, modified, many, indexed, body, links, incoming) = row;
    let record = record((id, version, created, modified, many, indexed, body));
    let mut links: Vec<Link> = list::<(Uuid, String, Option<String>)>(links)?
        .into_iter()
        .map(|(id, kind, display)| Link { id: text(id), kind, display })
        .collect();
    links.sort_by(|a, b| a.id.cmp(&b.id));
    let mut incoming: Vec<Incoming> = list::<(Uuid, String, Option<String>, u8)>(incoming)?
        .into_iter()
        .map(|(id, kind, display, direct)| {
            let reach = if direct == 1 { Reach::Direct } else { Reach::Indirect };
            Incoming { id: text(id), kind, display, reach }
        })
        .collect();
    incoming.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(Found { record, links, incoming })
}

/// About how many bytes a row holds.
pub(crate) fn weight(row: &Row) -> usize {
    let (.., body, links, incoming) = row;
    body.len() + [links, incoming].into_iter().flatten().map(String::len).sum::<usize>()
}

fn list<T: DeserializeOwned>(json: Option<String>) -> QueryResult<Vec<T>> {
    let Some(json) = json else { return Ok(Vec::new()) };
    serde_json::from_str(&json).map_err(|error| DeserializationError(Box::new(error)))
}

fn text(id: Uuid) -> String {
    ResourceId::from_uuid(id).to_string()
}
