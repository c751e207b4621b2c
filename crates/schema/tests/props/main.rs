//! Properties of accepting: the outcome is stable, and nothing makes it panic.
#![expect(clippy::indexing_slicing, reason = "a test may panic")]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
mod patch;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use rollcall_schema::{
    Accept, AttrDef, AttrId, Document, Profile, ResourceType, Storage, Type, standard,
};
use serde_json::{Map, Value, json};

fn ty(at: usize) -> &'static ResourceType {
    &standard::types()[at]
}

fn text() -> BoxedStrategy<String> {
    prop_oneof![
        "[a-cA-C]{0,3}",
        "\\PC{0,6}",
        select(vec!["Straße", "mu\u{308}ller", "{\"value\":\"r\"}", " "]).prop_map(str::to_owned),
    ]
    .boxed()
}

fn scalar(def: &AttrDef) -> BoxedStrategy<Value> {
    match def.kind {
        Type::Boolean => prop_oneof![
            any::<bool>().prop_map(Value::from),
            select(vec!["True", "false"]).prop_map(Value::from)
        ]
        .boxed(),
        Type::Integer => any::<i64>().prop_map(Value::from).boxed(),
        Type::Decimal => any::<f64>().prop_map(Value::from).boxed(),
        Type::DateTime => {
            (1u32..=9999, 1u32..=12, 1u32..=28, 0u32..=23, "(\\.[0-9]{1,9})?(Z|[+-]0[0-9]:30)?")
                .prop_map(|(y, m, d, h, tail)| {
                    json!(format!("{y:04}-{m:02}-{d:02}T{h:02}:00:00{tail}"))
                })
                .boxed()
        }
        Type::Binary => (vec(any::<u8>(), 0..5), any::<bool>()).prop_map(base64).boxed(),
        _ => text().prop_map(Value::from).boxed(),
    }
}

/// The bytes in base64, with or without padding.
fn base64((bytes, padded): (Vec<u8>, bool)) -> Value {
    let text = STANDARD.encode(bytes);
    json!(if padded { text.as_str() } else { text.trim_end_matches('=') })
}

/// A value that may fit an attribute; now and then null, bare or a single element.
fn value(ty: &'static ResourceType, id: AttrId) -> BoxedStrategy<Value> {
    let def = ty.attr(id);
    if def.storage == Storage::Relation {
        return vec("[a-c]{1,2}".prop_map(|id| json!({"value": id})), 0..4)
            .prop_map(Value::from)
            .boxed();
    }
    let one = if def.kind == Type::Complex { object(ty, &def.subs) } else { scalar(def) };
    let whole = if def.multi_valued {
        prop_oneof![8 => vec(one.clone(), 0..4).prop_map(Value::from), 1 => one].boxed()
    } else {
        one
    };
    prop_oneof![12 => whole, 1 => Just(Value::Null), 1 => Just(json!([]))].boxed()
}

fn object(ty: &'static ResourceType, attrs: &[AttrId]) -> BoxedStrategy<Value> {
    let parts: Vec<_> = attrs
        .iter()
        .map(|id| (Just(spelled(ty.attr(*id))), proptest::option::weighted(0.4, value(ty, *id))))
        .collect();
    parts
        .prop_map(|parts| {
            parts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
        })
        .prop_map(Value::Object)
        .boxed()
}

/// Half of the names in another case.
fn spelled(def: &AttrDef) -> String {
    if def.name.len().is_multiple_of(2) { def.name.to_uppercase() } else { def.name.to_string() }
}

/// A body, and which type it is for.
fn typed_body() -> impl Strategy<Value = (usize, Value)> {
    (0usize..2).prop_flat_map(|at| (Just(at), body(ty(at))))
}

fn body(ty: &'static ResourceType) -> BoxedStrategy<Value> {
    let mut parts = vec![object(ty, ty.base())];
    parts.extend(ty.extensions().iter().map(|extension| object(ty, &extension.attrs)));
    (parts, "[a-z]{1,6}")
        .prop_map(move |(parts, name)| {
            let mut parts = parts.into_iter();
            let mut body = parts.next().expect("the base");
            for (extension, held) in ty.extensions().iter().zip(parts) {
                body[&*extension.urn] = held;
            }
            let body = body.as_object_mut().expect("an object");
            for required in ["userName", "displayName"] {
                body.remove(&required.to_uppercase());
                body.insert(required.into(), json!(name));
            }
            body.retain(|key, _| !key.eq_ignore_ascii_case("schemas"));
            Value::Object(body.clone())
        })
        .boxed()
}

fn any_json() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        select(vec!["True", "", "{}", standard::USER]).prop_map(Value::from),
    ];
    let known: Vec<String> = standard::types()
        .iter()
        .flat_map(|ty| ty.attrs())
        .map(|def| def.name.to_string())
        .chain([standard::ENTERPRISE_USER.to_owned()])
        .collect();
    let key = prop_oneof![4 => select(known), 1 => any::<String>()];
    leaf.prop_recursive(4, 48, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            vec((key.clone(), inner), 0..6)
                .prop_map(|parts| Value::Object(parts.into_iter().collect())),
        ]
    })
    .boxed()
}

/// No nulls, no empty lists or objects, and no value that the server owns.
fn check_canonical(ty: &ResourceType, document: &Document) -> Result<(), TestCaseError> {
    for (key, value) in document.body() {
        if let Ok(id) = ty.by_path(key) {
            prop_assert_eq!(ty.attr(id).storage, Storage::Document);
        } else {
            prop_assert!(ty.extensions().iter().any(|extension| *extension.urn == **key));
        }
        check_dense(key, value)?;
    }
    Ok(())
}

fn check_dense(path: &str, value: &Value) -> Result<(), TestCaseError> {
    match value {
        Value::Null => prop_assert!(false, "{path} is null"),
        Value::Array(elements) => {
            prop_assert!(!elements.is_empty(), "{path} is empty");
            elements.iter().try_for_each(|element| check_dense(path, element))?;
        }
        Value::Object(parts) => {
            prop_assert!(!parts.is_empty(), "{path} is empty");
            parts
                .iter()
                .try_for_each(|(name, part)| check_dense(&format!("{path}.{name}"), part))?;
        }
        _ => {}
    }
    Ok(())
}

proptest! {
    /// R-ATTR-13, R-PUT-10: accepting what was accepted changes nothing.
    #[test]
    fn accepting_twice_changes_nothing((at, input) in typed_body()) {
        let ty = ty(at);
        let once = ty.accept(input, Accept::Create, &Profile::GENERIC);
        prop_assert!(once.is_ok(), "{:?}", once);
        let once = once.expect("checked").document;
        check_canonical(ty, &once)?;
        let input = || Value::Object(once.body().clone());
        let replace = Accept::Replace { id: "x", before: &once };
        let again = ty.accept(input(), replace, &Profile::GENERIC);
        prop_assert_eq!(&again.map(|again| again.document), &Ok(once.clone()));
        let strict = Profile { schemas_optional: true, ..Profile::STRICT };
        let strictly = ty.accept(input(), replace, &strict);
        prop_assert_eq!(&strictly.map(|strictly| (strictly.document, strictly.ignored)), &Ok((once.clone(), Vec::new())));
        let stored = Document::from_stored(&once.to_string());
        prop_assert_eq!(stored.ok(), Some(once));
    }

    /// Whatever JSON arrives, it is accepted or refused; what is accepted is canonical.
    #[test]
    fn any_json_is_accepted_or_refused(at in 0usize..2, input in any_json(), strict: bool) {
        let ty = ty(at);
        let profile = if strict { Profile::STRICT } else { Profile::GENERIC };
        let mut named = Map::new();
        if let Value::Object(parts) = &input {
            named.clone_from(parts);
            named.insert("userName".into(), json!("u"));
            named.insert("displayName".into(), json!("u"));
        }
        for input in [input, Value::Object(named)] {
            if let Ok(accepted) = ty.accept(input, Accept::Create, &profile) {
                check_canonical(ty, &accepted.document)?;
            }
        }
    }
}
