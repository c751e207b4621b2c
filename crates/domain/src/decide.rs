//! What a request changes, as a pure function: no I/O, no clock, no SQL.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rollcall_schema::{Document, IndexKey, Instant, LinkChange, ResourceType};
use serde_json::{Map, Value};

use crate::{
    Act, Action, Actor, Body, Change, EdgeOp, Event, EventId, Key, KeyChange, ResourceId, Write,
};

/// What everything that one request writes has in common.
#[derive(Clone, Copy, Debug)]
pub struct Stamp<'a> {
    /// The resource.
    pub id: ResourceId,
    /// The event that will say so.
    pub event: EventId,
    /// Who asks.
    pub actor: Actor,
    /// When.
    pub at: Instant,
    /// Whether the client insists on the version that was read.
    pub insists: bool,
    /// The revision of the definitions that decide.
    pub revision: u64,
    /// Since which revision indexes of the type exist, by path; the others were always there.
    pub since: Option<&'a BTreeMap<String, u64>>,
}

/// A resource as it was read.
#[derive(Clone, Copy, Debug)]
pub struct Before<'a> {
    /// Its version.
    pub version: u64,
    /// The revision under which it was indexed.
    pub indexed: u64,
    /// Its body.
    pub document: &'a Document,
}

/// A resource as it is asked to be.
#[derive(Clone, Copy, Debug)]
pub struct After<'a> {
    /// Its body.
    pub document: &'a Document,
    /// What becomes of its relation.
    pub links: &'a [EdgeOp],
}

/// Decides what changes between two states of one resource; `None` when nothing does.
///
/// Without `before` it begins, without `after` it ends.
pub fn decide(
    ty: &ResourceType,
    before: Option<Before<'_>>,
    after: Option<After<'_>>,
    stamp: Stamp<'_>,
) -> Option<Change> {
    let (act, action, changes) = match (before, after) {
        (None, None) => return None,
        (None, Some(after)) => begin(ty, after.document, stamp),
        (Some(before), None) => end(before, stamp),
        (Some(before), Some(after)) => turn(ty, before, after, stamp)?,
    };
    let edges = after.map_or(&[][..], |after| after.links).to_vec();
    let event = Event { id: stamp.event, actor: stamp.actor, action, changes };
    let kind = Arc::from(ty.name());
    let write = Write { kind, id: stamp.id, at: stamp.at, act, edges, event };
    Some(Change { writes: vec![write] })
}

/// What becomes of relations, by resource ids. What is added but is no id at all is handed back
/// as an error; what is removed but is none was no member.
///
/// # Errors
/// The texts that are no resource ids.
pub fn edge_ops(ty: &ResourceType, links: &[LinkChange]) -> Result<Vec<EdgeOp>, Vec<String>> {
    let mut strange = Vec::new();
    let mut ops = Vec::new();
    for link in links.iter().filter(|link| !link.is_none()) {
        let mut add = BTreeSet::new();
        for text in &link.add {
            match text.parse() {
                Ok(id) => drop(add.insert(id)),
                Err(_) => strange.push(text.clone()),
            }
        }
        let remove: BTreeSet<_> = link.remove.iter().filter_map(|id| id.parse().ok()).collect();
        let attr = Arc::from(&*ty.attr(link.attr).path);
        let (add, remove) = (add.into_iter().collect(), remove.into_iter().collect());
        ops.push(EdgeOp { attr, base: link.base, add, remove });
    }
    if strange.is_empty() { Ok(ops) } else { Err(strange) }
}

type Outcome = (Act, Action, Map<String, Value>);

fn begin(ty: &ResourceType, document: &Document, stamp: Stamp<'_>) -> Outcome {
    let keys = ty.index_keys(document).iter().map(|key| Key::of(ty, key)).collect();
    let changes = Map::from_iter([("after".into(), Value::Object(document.body().clone()))]);
    (Act::Create { body: body(ty, document, stamp), keys }, Action::Created, changes)
}

fn end(before: Before<'_>, stamp: Stamp<'_>) -> Outcome {
    let expect = stamp.insists.then_some(before.version);
    let body = before.document.body().clone();
    let changes = Map::from_iter([("before".into(), Value::Object(body))]);
    (Act::Delete { expect }, Action::Deleted, changes)
}

fn turn(
    ty: &ResourceType,
    before: Before<'_>,
    after: After<'_>,
    stamp: Stamp<'_>,
) -> Option<Outcome> {
    if before.document == after.document {
        let expect = stamp.insists.then_some(before.version);
        let outcome = (Act::Link { expect }, Action::Changed, Map::new());
        return (!after.links.is_empty()).then_some(outcome);
    }
    let keys = rekeyed(ty, before, after.document, stamp);
    let act = Act::Replace { expect: before.version, body: body(ty, after.document, stamp), keys };
    Some((act, Action::Changed, difference(before.document, after.document)))
}

/// What becomes of the keys of a record whose body changes.
///
/// One that an index lacks gets every key anew. What it has had all along of an attribute that
/// became unique since is left for the [`Indexer`](crate::Indexer) to claim: somebody else may have
/// it, and whoever changes anything else is not to blame for that.
fn rekeyed(ty: &ResourceType, before: Before<'_>, after: &Document, stamp: Stamp<'_>) -> KeyChange {
    let (old, new) = (ty.index_keys(before.document), ty.index_keys(after));
    if before.indexed >= stamp.complete_since() {
        let (removed, added) = (old.difference(&new), new.difference(&old));
        let removed = removed.map(|key| Key::of(ty, key));
        return KeyChange::By {
            // It may not have been its own.
            removed: removed.flat_map(|key| with_mark(key, stamp)).collect(),
            added: added.map(|key| Key::of(ty, key)).collect(),
        };
    }
    let given = |key: &IndexKey| {
        let made = Key::of(ty, key);
        let claimed = before.indexed >= stamp.since(&made.attr) || !old.contains(key);
        if made.unique && !claimed { made.unclaimed().to_vec() } else { vec![made] }
    };
    KeyChange::To(new.iter().flat_map(given).collect())
}

fn with_mark(key: Key, stamp: Stamp<'_>) -> impl Iterator<Item = Key> {
    let young = key.unique && stamp.since(&key.attr) > 0;
    let mark = young.then(|| key.mark());
    std::iter::once(key).chain(mark)
}

impl Stamp<'_> {
    /// Since which revision the values of an attribute are indexed.
    fn since(&self, attr: &str) -> u64 {
        self.since.and_then(|since| since.get(attr)).copied().unwrap_or(0)
    }

    /// The revision under which a record must have been indexed to be in every index of its type.
    fn complete_since(&self) -> u64 {
        self.since.and_then(|since| since.values().max()).copied().unwrap_or(0)
    }
}

fn body(ty: &ResourceType, document: &Document, stamp: Stamp<'_>) -> Body {
    let (text, display) = (document.to_string(), ty.display(document).map(Into::into));
    Body { text, display, indexed: stamp.revision }
}

/// The top-level attributes that differ, as they were and as they are.
fn difference(before: &Document, after: &Document) -> Map<String, Value> {
    let (before, after) = (before.body(), after.body());
    let differing = |these: &Map<String, Value>, those: &Map<String, Value>| {
        let differs = |(name, value): &(&String, &Value)| those.get(*name) != Some(*value);
        let kept = these.iter().filter(differs);
        Value::Object(kept.map(|(name, value)| (name.clone(), value.clone())).collect())
    };
    Map::from_iter([
        ("before".into(), differing(before, after)),
        ("after".into(), differing(after, before)),
    ])
}

#[cfg(test)]
mod tests {
    use rollcall_schema::{Accept, Profile, standard};
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::TokenId;

    fn ty() -> &'static ResourceType {
        standard::types().iter().find(|ty| ty.name() == "User").unwrap()
    }

    fn user(body: Value) -> Document {
        ty().accept(body, Accept::Create, &Profile::GENERIC).unwrap().document
    }

    fn stamp() -> Stamp<'static> {
        Stamp {
            id: ResourceId::from_uuid(Uuid::from_u128(1)),
            event: EventId::from_uuid(Uuid::from_u128(2)),
            actor: Actor::Token(TokenId::from_uuid(Uuid::from_u128(3))),
            at: Instant::from_millis(4),
            insists: false,
            revision: 0,
            since: None,
        }
    }

    fn only(change: Option<Change>) -> Write {
        change.unwrap().writes.remove(0)
    }

    #[test]
    fn a_new_resource_brings_its_keys_and_event() {
        let document = user(json!({"userName": "A", "externalId": "X"}));
        let write =
            only(decide(ty(), None, Some(After { document: &document, links: &[] }), stamp()));
        let Act::Create { keys, body } = write.act else { panic!("{write:?}") };
        let keys: Vec<_> = keys.iter().map(|key| (&*key.attr, &*key.text, key.unique)).collect();
        assert!(
            keys.contains(&("userName", "a", true)) && keys.contains(&("externalId", "X", false))
        );
        assert_eq!(body.display.as_deref(), Some("A"));
        assert_eq!(write.event.changes["after"]["userName"], "A");
    }

    /// R-PATCH-09, R-PUT-10: what changes nothing writes nothing.
    #[test]
    fn equal_states_decide_nothing() {
        let document = user(json!({"userName": "A"}));
        let before = Before { version: 3, indexed: 0, document: &document };
        let after = After { document: &document, links: &[] };
        assert_eq!(decide(ty(), Some(before), Some(after), stamp()), None);
    }

    #[test]
    fn a_change_names_the_attributes_and_keys_that_differ() {
        let old = user(json!({"userName": "A", "title": "x", "active": true}));
        let new = user(json!({"userName": "a", "nickName": "n", "active": false}));
        let before = Before { version: 3, indexed: 0, document: &old };
        let write =
            only(decide(ty(), Some(before), Some(After { document: &new, links: &[] }), stamp()));
        let Act::Replace { expect, keys: KeyChange::By { removed, added }, .. } = write.act else {
            panic!("{write:?}")
        };
        assert_eq!(expect, 3);
        let texts = |keys: &[Key]| keys.iter().map(|key| key.text.clone()).collect::<Vec<_>>();
        assert_eq!((texts(&removed), texts(&added)), (vec!["true".into()], vec!["false".into()]));
        assert_eq!(
            write.event.changes["before"],
            json!({"userName": "A", "title": "x", "active": true})
        );
        assert_eq!(
            write.event.changes["after"],
            json!({"userName": "a", "nickName": "n", "active": false})
        );
    }

    /// What an index doesn't know can't be told by difference.
    #[test]
    fn a_record_that_is_behind_gets_every_key() {
        let (old, new) = (user(json!({"userName": "A"})), user(json!({"userName": "B"})));
        let before = Before { version: 3, indexed: 1, document: &old };
        let since = [("title".into(), 2)].into();
        let stamp = Stamp { revision: 3, since: Some(&since), ..stamp() };
        let after = After { document: &new, links: &[] };
        let write = only(decide(ty(), Some(before), Some(after), stamp));
        let Act::Replace { body, keys: KeyChange::To(keys), .. } = write.act else {
            panic!("{write:?}")
        };
        assert_eq!((body.indexed, keys.iter().any(|key| key.text == "b")), (3, true));
    }

    /// Of an index that a record isn't in, it claims what the request gives it, and nothing else.
    #[test]
    fn what_became_unique_is_claimed_by_whoever_sets_it() {
        #[track_caller]
        fn check(name: &str, expect: &[(&str, &str, bool)]) {
            let old = user(json!({"userName": "A", "title": "x"}));
            let new = user(json!({"userName": name, "title": "y"}));
            let before = Before { version: 3, indexed: 1, document: &old };
            let since = [("userName".into(), 2)].into();
            let stamp = Stamp { revision: 3, since: Some(&since), ..stamp() };
            let after = After { document: &new, links: &[] };
            let write = only(decide(ty(), Some(before), Some(after), stamp));
            let Act::Replace { keys: KeyChange::To(keys), .. } = write.act else {
                panic!("{write:?}")
            };
            let names = keys.iter().filter(|key| key.attr.starts_with("userName"));
            let names: Vec<_> = names.map(|key| (&*key.attr, &*key.text, key.unique)).collect();
            assert_eq!(names, expect);
        }
        check("A", &[("userName", "a", false), ("userName#unclaimed", "a", false)]);
        check("B", &[("userName", "b", true)]);
    }

    #[test]
    fn what_goes_takes_its_mark_along() {
        let (old, new) = (user(json!({"userName": "A"})), user(json!({"userName": "B"})));
        let before = Before { version: 3, indexed: 3, document: &old };
        let since = [("userName".into(), 2)].into();
        let stamp = Stamp { revision: 3, since: Some(&since), ..stamp() };
        let after = After { document: &new, links: &[] };
        let write = only(decide(ty(), Some(before), Some(after), stamp));
        let Act::Replace { keys: KeyChange::By { removed, added }, .. } = write.act else {
            panic!("{write:?}")
        };
        let attrs: Vec<_> = removed.iter().map(|key| &*key.attr).collect();
        assert_eq!((attrs, added.len()), (vec!["userName", "userName#unclaimed"], 1));
    }

    #[test]
    fn edges_alone_expect_nothing_of_the_record() {
        let document = user(json!({"userName": "A"}));
        let before = Before { version: 3, indexed: 0, document: &document };
        let op = EdgeOp {
            attr: "members".into(),
            base: rollcall_schema::Base::Kept,
            add: vec![stamp().id],
            remove: vec![],
        };
        let after = After { document: &document, links: &[op] };
        let write = only(decide(ty(), Some(before), Some(after), stamp()));
        assert_eq!(write.act, Act::Link { expect: None });
        let insists = Stamp { insists: true, ..stamp() };
        let write = only(decide(ty(), Some(before), Some(after), insists));
        assert_eq!(write.act, Act::Link { expect: Some(3) });
    }
}
