//! Random resources of the standard types, and of one that has what those lack.

use std::sync::{Arc, LazyLock};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use rollcall_domain::{Found, Record, ResourceId};
use rollcall_schema::{
    Accept, AttrDef, AttrId, Document, Incoming, Instant, Link, Profile, Reach, ResourceType,
    Schema, Storage, Type, TypeDefinition, View, standard,
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// How many ids there are; few, so that filters meet resources.
pub(crate) const IDS: u128 = 6;

/// A resource with its relations.
#[derive(Clone, Debug)]
pub(crate) struct Resource {
    pub(crate) id: ResourceId,
    pub(crate) version: u64,
    pub(crate) created: Instant,
    pub(crate) modified: Instant,
    pub(crate) document: Document,
    pub(crate) links: Vec<Link>,
    pub(crate) incoming: Vec<Incoming>,
}

impl Resource {
    /// Shows it as filters see it.
    pub(crate) fn seen<T>(&self, look: impl FnOnce(&View<'_>) -> T) -> T {
        let found = self.found();
        look(&found.view(&self.id.to_string(), &self.document))
    }

    pub(crate) fn found(&self) -> Found {
        let record = Record {
            id: self.id,
            version: self.version,
            created: self.created,
            modified: self.modified,
            links: 0,
            indexed: 0,
            body: self.document.to_string(),
        };
        Found { record, links: self.links.clone(), incoming: self.incoming.clone() }
    }
}

/// `User`, `Group` and `Device`.
pub(crate) fn types() -> Vec<&'static ResourceType> {
    static DEVICE: LazyLock<ResourceType> = LazyLock::new(device);
    standard::types().iter().map(|ty| &**ty).chain([&*DEVICE]).collect()
}

/// A type with indexed values of every kind, at every place.
fn device() -> ResourceType {
    let schema: Schema = serde_json::from_value(json!({
        "id": "urn:example:Device",
        "attributes": [
            {"name": "serial", "caseExact": true, "uniqueness": "server"},
            {"name": "tags", "multiValued": true, "uniqueness": "server"},
            {"name": "size", "type": "integer", "uniqueness": "server"},
            {"name": "ratio", "type": "decimal", "uniqueness": "server"},
            {"name": "seen", "type": "dateTime", "uniqueness": "server"},
            {"name": "key", "type": "binary", "uniqueness": "server"},
            {"name": "flags", "type": "boolean", "multiValued": true, "uniqueness": "server"},
            {"name": "boxes", "type": "complex", "multiValued": true, "uniqueness": "server",
             "subAttributes": [
                {"name": "value", "uniqueness": "server"},
                {"name": "sealed", "type": "boolean", "uniqueness": "server"},
                {"name": "primary", "type": "boolean"},
                {"name": "$ref", "type": "reference", "referenceTypes": ["external"],
                 "uniqueness": "server"}]},
            {"name": "place", "type": "complex", "uniqueness": "server", "subAttributes": [
                {"name": "value", "uniqueness": "server"},
                {"name": "floor", "type": "integer"}]},
            {"name": "owners", "type": "complex", "multiValued": true, "uniqueness": "server",
             "subAttributes": [
                {"name": "value", "uniqueness": "server"},
                {"name": "$ref", "type": "reference", "referenceTypes": ["User"]},
                {"name": "type", "uniqueness": "server"},
                {"name": "display", "mutability": "readOnly"}]}]
    }))
    .unwrap();
    let definition: TypeDefinition = serde_json::from_value(json!({
        "id": "Device", "name": "Device", "endpoint": "/Devices", "schema": "urn:example:Device"
    }))
    .unwrap();
    ResourceType::compile(&definition, &[Arc::new(schema)]).unwrap()
}

pub(crate) fn id() -> impl Strategy<Value = ResourceId> + Clone {
    // Letters in every one, so that a spelling in upper case is another text.
    (0..IDS).prop_map(|n| ResourceId::from_uuid(Uuid::from_u128(0xabcd << 64 | n)))
}

/// A moment within two milliseconds of 1970, on both sides.
fn instant() -> impl Strategy<Value = Instant> {
    (-2_i64..3).prop_map(Instant::from_millis)
}

pub(crate) fn resource(ty: &'static ResourceType) -> BoxedStrategy<Resource> {
    let links = if ty.relation().is_some() { 4 } else { 1 };
    let incoming = if ty.derived().is_some() { 4 } else { 1 };
    let facts = (id(), 1..4_u64, instant(), instant());
    (facts, document(ty), vec(link(), 0..links), vec(from(), 0..incoming))
        .prop_map(|((id, version, created, modified), document, links, incoming)| Resource {
            id,
            version,
            created,
            modified,
            document,
            links,
            incoming,
        })
        .boxed()
}

fn link() -> impl Strategy<Value = Link> {
    (id(), select(vec!["User", "Group"]), option::of(text())).prop_map(|(id, kind, display)| Link {
        id: id.to_string(),
        kind: kind.into(),
        display,
    })
}

fn from() -> impl Strategy<Value = Incoming> {
    (link(), select(vec![Reach::Direct, Reach::Indirect])).prop_map(|(link, reach)| Incoming {
        id: link.id,
        kind: link.kind,
        display: link.display,
        reach,
    })
}

/// A document that the type accepts.
fn document(ty: &'static ResourceType) -> BoxedStrategy<Document> {
    let body = ty.extensions().iter().fold(object(ty, ty.base()), |body, extension| {
        let part = option::of(object(ty, &extension.attrs));
        let joined = (body, part).prop_map(|(mut body, part)| {
            body.extend(part.map(|part| (extension.urn.to_string(), Value::Object(part))));
            body
        });
        joined.boxed()
    });
    body.prop_filter_map("a body that the type accepts", |body| {
        ty.accept(Value::Object(body), Accept::Create, &Profile::GENERIC)
            .ok()
            .map(|accepted| accepted.document)
    })
    .boxed()
}

fn object(ty: &'static ResourceType, attrs: &[AttrId]) -> BoxedStrategy<Map<String, Value>> {
    let kept = |def: &&AttrDef| def.storage == Storage::Document;
    let parts: Vec<_> = attrs
        .iter()
        .map(|id| ty.attr(*id))
        .filter(kept)
        .map(|def| {
            let often = if def.required {
                0.99
            } else if def.indexed {
                0.6
            } else {
                0.3
            };
            let named = move |value| (def.name.to_string(), value);
            option::weighted(often, values(ty, def).prop_map(named))
        })
        .collect();
    parts.prop_map(|parts| parts.into_iter().flatten().collect()).boxed()
}

fn values(ty: &'static ResourceType, def: &'static AttrDef) -> BoxedStrategy<Value> {
    let one = match def.kind {
        Type::Boolean => any::<bool>().prop_map(Value::from).boxed(),
        Type::Integer => (-1_i64..3).prop_map(Value::from).boxed(),
        Type::Decimal => select(vec![0.0, 0.1, 10.0, -1.5]).prop_map(Value::from).boxed(),
        Type::DateTime => moment().prop_map(Value::from).boxed(),
        Type::Binary => binary().prop_map(Value::from).boxed(),
        Type::Reference => uri().prop_map(Value::from).boxed(),
        Type::Complex => object(ty, &def.subs).prop_map(Value::from).boxed(),
        Type::String if def.required => name().prop_map(Value::from).boxed(),
        Type::String => text().prop_map(Value::from).boxed(),
    };
    if def.multi_valued { vec(one, 0..4).prop_map(Value::from).boxed() } else { one }
}

/// Alike by case, by normalization or by their beginning; some as long as keys may be, and longer.
pub(crate) fn text() -> impl Strategy<Value = String> + Clone {
    prop_oneof![
        8 => name(),
        1 => Just(String::new()),
        1 => "[aA\u{e4}\u{308}\u{345}\u{1F600}]{0,4}",
    ]
}

fn name() -> impl Strategy<Value = String> + Clone {
    let short = vec![
        "a",
        "A",
        "ab",
        "AB",
        "b",
        "\u{e4}",
        "a\u{308}",
        "A\u{308}b",
        "\u{c4}B",
        "ß",
        "SS",
        "ẞ",
        "ss",
        "ﬁ",
        "fi",
        "İ",
        "i",
        "Σ",
        "ς",
        "σ",
        "ΐ",
        "\u{3b9}\u{308}\u{301}",
        "ᾳ",
        "\u{1f600}",
        "\u{ffff}",
        "\u{10ffff}",
        "work",
        "Work",
        "true",
        "false",
        "10",
        "9",
        " ",
        "User",
        "group",
        "direct",
    ];
    prop_oneof![6 => select(short).prop_map(String::from), 1 => long()]
}

/// Texts about the lengths at which keys are cut, the same up to there.
fn long() -> impl Strategy<Value = String> + Clone {
    let bytes = select(vec![435, 436, 437, 439, 440, 441, 500, 504, 505, 511, 512, 513, 600]);
    let letter = select(vec!["x", "X", "ü", "語", "\u{1f600}"]);
    let end = select(vec!["", "", "a", "b", "B", "ß"]);
    (0..4_usize, letter, bytes, end).prop_map(|(lead, letter, bytes, end): (_, &str, usize, _)| {
        let times = bytes.saturating_sub(lead) / letter.len();
        format!("{}{}{end}", "a".repeat(lead), letter.repeat(times))
    })
}

pub(crate) fn moment() -> impl Strategy<Value = String> + Clone {
    select(vec![
        "1970-01-01T00:00:00Z",
        "1970-01-01T00:00:00.001Z",
        "1970-01-01T00:00:00.0010Z",
        "1970-01-01T00:00:00.0000001Z",
        "1970-01-01T00:00:00.0009999Z",
        "1969-12-31T23:59:59.999Z",
        "1969-12-31T23:59:59.9985Z",
        "1970-01-01T02:00:00+02:00",
        "0001-01-02T00:00:00Z",
        "9999-12-30T00:00:00Z",
    ])
    .prop_map(String::from)
}

pub(crate) fn binary() -> impl Strategy<Value = String> + Clone {
    select(vec!["QQ==", "QQ", "QUI=", "qq==", "", "QUJD"]).prop_map(String::from)
}

pub(crate) fn uri() -> impl Strategy<Value = String> + Clone {
    let uris =
        ["Users/1", "/Users/1", "https://h/scim/v2/Users/1", "https://h/Users/1/", "1", "a/"];
    select(uris.to_vec()).prop_map(String::from)
}
