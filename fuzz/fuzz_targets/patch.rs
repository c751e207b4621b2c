//! Any JSON as the body of a PATCH: refused, or applied to something that is canonical afterwards.
#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use rollcall_schema::{
    Accept, Catalog, Definitions, Document, Incoming, Instant, Link, Profile, ProfileName, Reach,
    ResourceType, View, standard,
};
use serde_json::{Map, Value, json};

fuzz_target!(|data: &[u8]| {
    let Ok(body) = serde_json::from_slice::<Value>(data) else { return };
    for name in ProfileName::ALL {
        let profile = Profile::of(name);
        for resource in RESOURCES.iter() {
            apply(resource, &body, &profile);
        }
    }
});

/// A resource that requests are applied to.
struct Resource {
    ty: Arc<ResourceType>,
    document: Document,
}

fn apply(resource: &Resource, body: &Value, profile: &Profile) {
    let Resource { ty, document } = resource;
    let Ok(patch) = ty.patch(body.clone(), profile) else { return };
    let now = Instant::from_millis(1_747_111_354_500);
    let rows = [row("u1", "User"), row("g2", "Group")];
    let holders = [holder("g1")];
    let seen = View {
        id: "u1",
        version: 1,
        created: now,
        modified: now,
        document,
        links: &rows,
        incoming: &holders,
    };
    let patched = patch.apply(ty, &seen, profile);
    assert_eq!(patched, patch.apply(ty, &seen, profile), "applied again to the same");
    let Ok(patched) = patched else { return };
    for change in &patched.links {
        assert!(change.add.is_disjoint(&change.remove), "{change:?}");
    }
    ty.index_keys(&patched.document);
    stays(ty, &patched.document, profile);
}

/// Accepting what is canonical changes nothing, and neither does keeping it.
fn stays(ty: &ResourceType, document: &Document, profile: &Profile) {
    let kept = Document::from_stored(&document.to_string());
    assert_eq!(kept.as_ref().ok(), Some(document), "read back from a store");
    let again = Accept::Replace { id: "u1", before: document };
    let accepted = ty.accept(with_schemas(ty, document.body().clone()), again, profile);
    assert_eq!(accepted.map(|accepted| accepted.document).as_ref(), Ok(document));
}

fn with_schemas(ty: &ResourceType, mut body: Map<String, Value>) -> Value {
    let extensions = body.keys().filter(|key| ty.extension_by_urn(key).is_some());
    let schemas: Vec<_> = extensions.cloned().chain([ty.schema().to_owned()]).collect();
    body.insert("schemas".into(), json!(schemas));
    Value::Object(body)
}

fn row(id: &str, kind: &str) -> Link {
    Link { id: id.into(), kind: kind.into(), display: Some(id.into()) }
}

fn holder(id: &str) -> Incoming {
    Incoming { id: id.into(), kind: "Group".into(), display: None, reach: Reach::Direct }
}

/// A user, a group and something with every kind of attribute.
static RESOURCES: LazyLock<Vec<Resource>> = LazyLock::new(|| {
    let added: Definitions = serde_json::from_value(things()).expect("sound definitions");
    let catalog = Catalog::compile(&added, &Profile::GENERIC).expect("definitions that fit");
    let sound = |(name, body): (&str, Value)| {
        let ty = catalog.ty(name).expect("a type of this name");
        let accepted = ty.accept(body, Accept::Create, &Profile::GENERIC).expect("a sound body");
        Resource { ty: Arc::clone(ty), document: accepted.document }
    };
    [("User", user()), ("Group", json!({"displayName": "Tour Guides"})), ("Thing", thing())]
        .into_iter()
        .map(sound)
        .collect()
});

fn user() -> Value {
    json!({
        "userName": "bjensen@Example.com", "externalId": "Ext-001", "displayName": "Babs",
        "title": "Manager", "name": {"givenName": "Barbara", "familyName": "Jensen"},
        "emails": [
            {"value": "bjensen@example.com", "type": "work", "primary": true},
            {"value": "babs@jensen.org", "type": "home"},
        ],
        "roles": [{"value": "r0", "primary": true}],
        standard::ENTERPRISE_USER: {"employeeNumber": "701984", "manager": {"value": "u3"}},
    })
}

fn thing() -> Value {
    json!({
        "count": 7, "ratio": 0.25, "since": "2025-05-13T04:42:34Z", "once": "a", "counts": [3, 1],
        "parts": [{"label": "a", "weight": 1}, {"label": "b", "weight": 2.5}],
        "urn:x:More": {"flag": false, "pairs": [{"key": "k", "n": 1}]},
    })
}

fn things() -> Value {
    json!({
        "schemas": [
            {"id": "urn:x:Thing", "attributes": [
                {"name": "count", "type": "integer"},
                {"name": "counts", "type": "integer", "multiValued": true},
                {"name": "ratio", "type": "decimal"},
                {"name": "since", "type": "dateTime"},
                {"name": "times", "type": "dateTime", "multiValued": true},
                {"name": "blob", "type": "binary"},
                {"name": "site", "type": "reference", "referenceTypes": ["external"]},
                {"name": "once", "mutability": "immutable"},
                {"name": "given", "mutability": "readOnly"},
                {"name": "parts", "type": "complex", "multiValued": true, "subAttributes": [
                    {"name": "label", "caseExact": true}, {"name": "weight", "type": "decimal"},
                    {"name": "fixed", "mutability": "immutable"}]}]},
            {"id": "urn:x:More", "attributes": [
                {"name": "flag", "type": "boolean"},
                {"name": "pairs", "type": "complex", "multiValued": true, "subAttributes": [
                    {"name": "key"}, {"name": "n", "type": "integer"},
                    {"name": "primary", "type": "boolean"}]}]},
        ],
        "resourceTypes": [{
            "id": "Thing", "name": "Thing", "endpoint": "/Things", "schema": "urn:x:Thing",
            "schemaExtensions": [{"schema": "urn:x:More"}], "indexed": ["count", "parts.label"],
        }],
    })
}
