//! Random filters over the attributes of a type.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use rollcall_domain::bounded;
use rollcall_schema::{AttrDef, ResourceType, Storage, Type};
use serde_json::Value;

use crate::resources;

/// A filter as text; the type may refuse it.
pub(crate) fn filter(ty: &'static ResourceType) -> BoxedStrategy<String> {
    let indexed: Vec<_> = ty.attrs().iter().filter(|def| def.indexed).collect();
    let narrow: Vec<_> = ty.attrs().iter().filter(|def| is_narrow(def)).collect();
    let any: Vec<_> = ty.attrs().iter().collect();
    let def = prop_oneof![3 => select(indexed), 2 => select(narrow), 1 => select(any)];
    let plain = def.prop_flat_map(|def| test(def, def.path.to_string()));
    combined(prop_oneof![6 => plain, 3 => element(ty), 1 => unknown()].boxed(), 3)
}

/// Whether something else than a row of the index answers for it.
fn is_narrow(def: &AttrDef) -> bool {
    def.storage == Storage::Relation
        || matches!(&*def.path, "id" | "meta.created" | "meta.lastModified")
}

/// A value path, with a part behind it now and then.
fn element(ty: &'static ResourceType) -> BoxedStrategy<String> {
    let lists: Vec<_> =
        ty.attrs().iter().filter(|def| !def.subs.is_empty() || def.multi_valued).collect();
    select(lists)
        .prop_flat_map(move |def| {
            let part = if def.subs.is_empty() {
                test(def, "value".into())
            } else {
                let subs: Vec<_> = def.subs.iter().map(|id| ty.attr(*id)).collect();
                select(subs).prop_flat_map(|sub| test(sub, sub.name.to_string())).boxed()
            };
            let part = prop_oneof![9 => part, 1 => unknown()].boxed();
            let behind = prop_oneof![4 => Just(String::new()), 1 => Just(".value pr".to_owned())];
            (combined(part, 2), behind)
                .prop_map(move |(part, behind)| format!("{}[{part}]{behind}", def.path))
        })
        .boxed()
}

fn unknown() -> BoxedStrategy<String> {
    let texts = ["nope pr", "nope eq \"a\"", "nope ne \"a\"", "nope eq null", "nope ne null"];
    select(texts.to_vec()).prop_map(String::from).boxed()
}

fn combined(part: BoxedStrategy<String>, depth: u32) -> BoxedStrategy<String> {
    part.prop_recursive(depth, 8, 3, |inner| {
        let joined = |word: &'static str| {
            vec(inner.clone(), 2..4).prop_map(move |parts| format!("({})", parts.join(word)))
        };
        prop_oneof![
            joined(" and "),
            joined(" or "),
            inner.clone().prop_map(|part| format!("not ({part})")),
        ]
    })
    .boxed()
}

/// An attribute with an operator that goes with it.
fn test(def: &'static AttrDef, path: String) -> BoxedStrategy<String> {
    let equality = ["eq", "eq", "ne"].to_vec();
    let order = ["eq", "ne", "gt", "ge", "lt", "le"].to_vec();
    let all = ["eq", "eq", "ne", "co", "sw", "sw", "ew", "gt", "ge", "lt", "le"].to_vec();
    let ops = match def.kind {
        Type::Boolean => equality,
        Type::Integer | Type::Decimal | Type::DateTime => order,
        Type::Binary => vec!["eq", "ne", "co", "sw", "ew"],
        Type::String | Type::Reference | Type::Complex => all,
    };
    let bare = select(vec!["pr", "eq null", "ne null"]).prop_map(String::from);
    let compare = (select(ops), value(def)).prop_map(|(op, value)| format!("{op} {value}"));
    prop_oneof![6 => compare, 1 => bare].prop_map(move |test| format!("{path} {test}")).boxed()
}

fn value(def: &AttrDef) -> BoxedStrategy<String> {
    let words = match def.kind {
        Type::Boolean => return select(vec!["true", "false"]).prop_map(String::from).boxed(),
        Type::Integer | Type::Decimal => {
            let numbers = vec!["0", "-1", "1", "1.0", "0.1", "1e1", "10", "1.5"];
            return select(numbers).prop_map(String::from).boxed();
        }
        Type::DateTime => resources::moment().boxed(),
        Type::Binary => resources::binary().boxed(),
        _ if is_reference(def) => prop_oneof![reference(), resources::uri()].boxed(),
        Type::String | Type::Reference | Type::Complex => needle().boxed(),
    };
    words.prop_map(|text| Value::from(text).to_string()).boxed()
}

fn is_reference(def: &AttrDef) -> bool {
    let linked = matches!(def.storage, Storage::Relation | Storage::Derived);
    matches!(&*def.path, "id")
        || (linked && matches!(&*def.name, "value" | "$ref" | "members" | "owners"))
        || def.kind == Type::Reference
}

/// An id, also in spellings that are none.
fn reference() -> impl Strategy<Value = String> {
    (resources::id(), 0..6_u8).prop_map(|(id, spelled)| match spelled {
        0 => id.to_string().to_uppercase(),
        1 => id.to_string().replace('-', ""),
        2 => format!("{{{id}}}"),
        3 => format!("https://x.example/scim/v2/Users/{id}"),
        4 => format!("urn:uuid:{id}"),
        _ => id.to_string(),
    })
}

/// A text, its beginning, its end, what its key would be, or a longer one.
fn needle() -> impl Strategy<Value = String> {
    (resources::text(), any::<prop::sample::Index>(), 0..12_u8).prop_map(|(text, at, how)| {
        let at = at.index(text.chars().count() + 1);
        match how {
            0 | 1 => text.chars().take(at).collect(),
            2 => text.chars().skip(at).collect(),
            3 => text.to_uppercase(),
            4 => bounded(&text),
            5 => text + "\u{1}",
            _ => text,
        }
    })
}
