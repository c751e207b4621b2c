//! The base data of the vectors, and many users at once, written straight into a store: what no
//! request can say, such as a lastModified of last year.

use std::collections::BTreeMap;

use rollcall_domain::{
    Actor, After, Change, EventId, Ids as _, ResourceId, Stamp, UuidIds, Write, decide, edge_ops,
};
use rollcall_schema::{Accept, Instant, Profile, ResourceType, standard};
use serde_json::{Value, json};

use crate::idp::Idp;

/// The schema of a User.
pub const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// The schema of a Group.
pub const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// The enterprise extension.
pub const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// 2025-05-13T04:42:34Z.
const MAY: Instant = Instant::from_millis(1_747_111_354_000);
/// 2025-06-01T00:00:00.500Z.
const JUNE: Instant = Instant::from_millis(1_748_736_000_500);
/// 2024-12-31T23:59:59Z.
const NEW_YEARS_EVE: Instant = Instant::from_millis(1_735_689_599_000);

/// How many resources one commit of many writes carries.
const AT_ONCE: usize = 500;

/// Names of the vectors (`u1`, `g1`) and the ids that they stand for.
#[derive(Clone, Debug, Default)]
pub struct Names(BTreeMap<String, String>);

impl Names {
    /// Gives a name to an id.
    pub fn set(&mut self, name: &str, id: impl Into<String>) {
        self.0.insert(name.into(), id.into());
    }

    /// The id behind a name.
    #[track_caller]
    pub fn id(&self, name: &str) -> &str {
        self.0.get(name).unwrap_or_else(|| panic!("nothing is named `{name}`"))
    }

    /// The name of an id, or the id.
    pub fn name<'a>(&'a self, id: &'a str) -> &'a str {
        self.0.iter().find(|(_, known)| *known == id).map_or(id, |(name, _)| name)
    }

    /// Text with every `{name}` as its id.
    pub fn fill(&self, text: &str) -> String {
        self.0
            .iter()
            .fold(text.to_owned(), |text, (name, id)| text.replace(&format!("{{{name}}}"), id))
    }

    /// JSON with every `{name}` in a text as its id.
    pub fn fill_json(&self, value: &Value) -> Value {
        serde_json::from_str(&self.fill(&value.to_string())).expect("ids need no escapes")
    }
}

/// Writes the base data of the vectors: `u1` to `u4`, `g1` to `g3`.
pub async fn base(idp: &Idp) -> Names {
    let mut names = Names::default();
    for name in ["u1", "u2", "u3", "u4", "g1", "g2", "g3"] {
        names.set(name, fresh().to_string());
    }
    let [users, groups] = types();
    for (name, at, body) in base_users() {
        write(idp, users, names.id(name), at, &names.fill_json(&body)).await;
    }
    for (name, body) in base_groups() {
        write(idp, groups, names.id(name), MAY, &names.fill_json(&body)).await;
    }
    names
}

fn base_users() -> [(&'static str, Instant, Value); 4] {
    let u1 = json!({
        "externalId": "Ext-001", "userName": "bjensen@Example.com", "active": true,
        "title": "Manager", "userType": "Employee", "displayName": "Babs",
        "name": {"givenName": "Barbara", "familyName": "Jensen"},
        "emails": [
            {"value": "bjensen@example.com", "type": "work", "primary": true},
            {"value": "babs@jensen.org", "type": "home"},
        ],
        ENTERPRISE: {
            "employeeNumber": "701984", "department": "Sales", "manager": {"value": "{u3}"},
        },
    });
    let u2 = json!({
        "externalId": "ext-001", "userName": "jsmith", "active": false, "userType": "Contractor",
        "displayName": "John", "name": {"givenName": "John", "familyName": "O'Malley"},
        "emails": [{"value": "john@example.org", "type": "home"}],
    });
    // A null keeps the default away (R-POST-06).
    let u3 = json!({
        "userName": "M\u{fc}ller", "title": "", "displayName": "Stra\u{df}e", "active": null,
    });
    let u4 = json!({
        "userName": "a\"b\\c", "active": true, "userType": "employee", "displayName": "Q",
        "emails": [
            {"value": "w+1@example.com", "type": "work"},
            {"value": "h@corp.test", "type": "home", "primary": true},
        ],
        "ims": [{"value": "x@foo.com", "type": "xmpp"}],
    });
    [("u1", MAY, u1), ("u2", JUNE, u2), ("u3", NEW_YEARS_EVE, u3), ("u4", MAY, u4)]
}

/// `g2` before the group that it belongs to.
fn base_groups() -> [(&'static str, Value); 3] {
    [
        ("g2", json!({"displayName": "Sub", "members": [{"value": "{u2}"}]})),
        (
            "g1",
            json!({"displayName": "Tour Guides", "members": [{"value": "{u1}"}, {"value": "{g2}"}]}),
        ),
        ("g3", json!({"displayName": "Empty"})),
    ]
}

/// Writes `count` users named `PREFIX-0`, `PREFIX-1`, …. Answers their ids in order.
pub async fn many_users(idp: &Idp, prefix: &str, count: usize) -> Vec<String> {
    let [users, _] = types();
    let ids: Vec<ResourceId> = (0..count).map(|_| fresh()).collect();
    for (chunk, ids) in ids.chunks(AT_ONCE).enumerate() {
        let user = |(at, id): (usize, &ResourceId)| {
            let name = format!("{prefix}-{}", chunk * AT_ONCE + at);
            let body = json!({"userName": name, "displayName": name, "active": true});
            writes(idp, users, *id, MAY, &body)
        };
        let writes = ids.iter().enumerate().flat_map(user).collect();
        let written = idp.store.commit(idp.at, Change { writes }).await;
        assert_eq!(written.expect("many users are written").len(), ids.len());
    }
    ids.iter().map(ToString::to_string).collect()
}

/// Writes a group of these members.
pub async fn large_group(idp: &Idp, name: &str, members: &[String]) -> String {
    let [_, groups] = types();
    let id = fresh().to_string();
    let members: Vec<Value> = members.iter().map(|id| json!({"value": id})).collect();
    write(idp, groups, &id, MAY, &json!({"displayName": name, "members": members})).await;
    id
}

async fn write(idp: &Idp, ty: &ResourceType, id: &str, at: Instant, body: &Value) {
    let id = id.parse().expect("names stand for ids");
    let change = Change { writes: writes(idp, ty, id, at, body) };
    idp.store.commit(idp.at, change).await.expect("base data is written");
}

/// What the domain decides for a POST of this body at this time.
fn writes(idp: &Idp, ty: &ResourceType, id: ResourceId, at: Instant, body: &Value) -> Vec<Write> {
    let accepted = ty
        .accept(body.clone(), Accept::Create, &Profile::GENERIC)
        .expect("base data is acceptable");
    let links = edge_ops(ty, &accepted.links).expect("members have ids");
    let after = After { document: &accepted.document, links: &links };
    let event = EventId::from_uuid(UuidIds.next());
    let actor = Actor::Token(idp.token_id);
    let (insists, revision, since) = (false, 0, None);
    let stamp = Stamp { id, event, actor, at, insists, revision, since };
    decide(ty, None, Some(after), stamp).expect("a new resource is a change").writes
}

/// User and Group.
fn types() -> [&'static ResourceType; 2] {
    ["User", "Group"].map(|name| {
        let found = standard::types().iter().find(|ty| ty.name() == name);
        found.expect("the standard types are there").as_ref()
    })
}

fn fresh() -> ResourceId {
    ResourceId::from_uuid(UuidIds.next())
}
