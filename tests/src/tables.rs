//! What a store really keeps, read from its tables behind its back.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use diesel::prelude::*;
use diesel_async::AsyncPgConnection;
use rollcall_domain::OrganizationId;
use uuid::Uuid;

macro_rules! tables {
    ($store:ident, $id:ident) => {
        mod $store {
            diesel::table! {
                resource (organization, id) {
                    organization -> $id,
                    id -> $id,
                    kind -> Text,
                    version -> BigInt,
                }
            }
            diesel::table! {
                resource_key (organization, id, attr, key) {
                    organization -> $id,
                    id -> $id,
                    attr -> Text,
                    key -> Text,
                    is_unique -> Bool,
                }
            }
            diesel::table! {
                edge (organization, owner, member) {
                    organization -> $id,
                    owner -> $id,
                    member -> $id,
                }
            }
            diesel::table! {
                resource_count (organization, kind, n) {
                    organization -> $id,
                    kind -> Text,
                    n -> BigInt,
                }
            }
        }
    };
}

tables!(sqlite, Binary);
tables!(postgres, Uuid);

/// Where the tables are.
#[derive(Clone, Debug)]
pub enum Tables {
    /// In an SQLite file.
    Sqlite(PathBuf),
    /// In a PostgreSQL database, at the URL of a role that sees every organization.
    Postgres(String),
}

/// Everything of one organization but its log.
#[derive(Debug, Default)]
pub struct Kept {
    /// Type and version of each resource.
    pub resources: BTreeMap<Uuid, (String, i64)>,
    /// The unique keys: resource and key.
    pub unique_keys: BTreeSet<(Uuid, String)>,
    /// Resources with a key of any kind.
    pub keyed: BTreeSet<Uuid>,
    /// Owner and member of each edge.
    pub edges: BTreeSet<(Uuid, Uuid)>,
    /// How many resources of a type the counters tell.
    pub counts: BTreeMap<String, i64>,
}

/// Rows of the four tables.
type Rows<I> = (Vec<(I, String, i64)>, Vec<(I, String, bool)>, Vec<(I, I)>, Vec<(String, i64)>);

impl Tables {
    /// Reads what the organization has.
    pub async fn read(&self, organization: OrganizationId) -> Kept {
        match self {
            Self::Sqlite(path) => {
                let path = path.to_str().expect("the path is text");
                let rows = from_sqlite(path, organization.uuid());
                kept(rows, |bytes: Vec<u8>| Uuid::from_slice(&bytes).expect("an id has 16 bytes"))
            }
            Self::Postgres(url) => kept(from_postgres(url, organization.uuid()).await, |id| id),
        }
    }
}

fn from_sqlite(path: &str, organization: Uuid) -> Rows<Vec<u8>> {
    use sqlite::{edge, resource, resource_count, resource_key};
    let mut file = SqliteConnection::establish(path).expect("the file opens");
    let of = organization.as_bytes().to_vec();
    let resources = resource::table
        .filter(resource::organization.eq(of.clone()))
        .select((resource::id, resource::kind, resource::version))
        .load(&mut file)
        .expect("resources are read");
    let keys = resource_key::table
        .filter(resource_key::organization.eq(of.clone()))
        .select((resource_key::id, resource_key::key, resource_key::is_unique))
        .load(&mut file)
        .expect("keys are read");
    let edges = edge::table
        .filter(edge::organization.eq(of.clone()))
        .select((edge::owner, edge::member))
        .load(&mut file)
        .expect("edges are read");
    let counts = resource_count::table
        .filter(resource_count::organization.eq(of))
        .select((resource_count::kind, resource_count::n))
        .load(&mut file)
        .expect("counts are read");
    (resources, keys, edges, counts)
}

async fn from_postgres(url: &str, organization: Uuid) -> Rows<Uuid> {
    use diesel_async::{AsyncConnection, RunQueryDsl};
    use postgres::{edge, resource, resource_count, resource_key};
    let mut database = AsyncPgConnection::establish(url).await.expect("the server answers");
    let resources = resource::table.filter(resource::organization.eq(organization)).select((
        resource::id,
        resource::kind,
        resource::version,
    ));
    let resources = RunQueryDsl::load(resources, &mut database).await;
    let keys = resource_key::table.filter(resource_key::organization.eq(organization)).select((
        resource_key::id,
        resource_key::key,
        resource_key::is_unique,
    ));
    let keys = RunQueryDsl::load(keys, &mut database).await;
    let edges =
        edge::table.filter(edge::organization.eq(organization)).select((edge::owner, edge::member));
    let edges = RunQueryDsl::load(edges, &mut database).await;
    let counts = resource_count::table
        .filter(resource_count::organization.eq(organization))
        .select((resource_count::kind, resource_count::n));
    let counts = RunQueryDsl::load(counts, &mut database).await;
    (
        resources.expect("resources are read"),
        keys.expect("keys are read"),
        edges.expect("edges are read"),
        counts.expect("counts are read"),
    )
}

fn kept<I>((resources, keys, edges, counts): Rows<I>, id: impl Fn(I) -> Uuid) -> Kept {
    let mut kept = Kept::default();
    for (resource, kind, version) in resources {
        kept.resources.insert(id(resource), (kind, version));
    }
    for (resource, key, is_unique) in keys {
        let resource = id(resource);
        kept.keyed.insert(resource);
        if is_unique {
            kept.unique_keys.insert((resource, key));
        }
    }
    for (owner, member) in edges {
        kept.edges.insert((id(owner), id(member)));
    }
    for (kind, n) in counts {
        *kept.counts.entry(kind).or_default() += n;
    }
    kept
}
