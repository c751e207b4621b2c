//! Random filters and orders, as text.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use rollcall_domain::ResourceId;
use rollcall_schema::{AttrDef, Mutability, Order, ResourceType, Returned, Storage, Type};
use serde_json::Value;

use super::texts;

/// Stands for the id of a resource of a population: `@3@`.
const MARKED: usize = 14;

/// A filter over the attributes of a type.
///
/// `@0@`, `@1@` and so on stand for ids that don't exist yet: see [`name_ids`].
pub fn filter(ty: &'static ResourceType) -> BoxedStrategy<String> {
    let leaf = prop_oneof![
        10 => leaf(ty, readable(ty)),
        3 => element(ty),
        1 => unknown(ty),
    ];
    combined(leaf.boxed(), 3)
}

/// Writes ids in the place of their marks, going round where there are fewer.
pub fn name_ids(filter: &str, ids: &[ResourceId]) -> String {
    (0..MARKED).zip(ids.iter().cycle()).fold(filter.to_owned(), |filter, (at, id)| {
        filter.replace(&format!("@{at}@"), &id.to_string())
    })
}

/// An attribute to sort by and a direction.
pub fn sort(ty: &'static ResourceType) -> impl Strategy<Value = (String, Order)> {
    let paths: Vec<String> = readable(ty)
        .into_iter()
        .filter(|def| has_value(ty, def))
        .map(|def| def.path.to_string())
        .collect();
    (select(paths), prop_oneof![Just(Order::Ascending), Just(Order::Descending)])
}

fn readable(ty: &'static ResourceType) -> Vec<&'static AttrDef> {
    let hidden =
        |def: &AttrDef| def.returned == Returned::Never || def.mutability == Mutability::WriteOnly;
    ty.attrs().iter().filter(|def| !hidden(def)).collect()
}

/// Whether it can be compared: it is simple, or it has a `value`.
fn has_value(ty: &ResourceType, def: &AttrDef) -> bool {
    def.kind != Type::Complex || ty.sub(def.id, "value").is_some()
}

/// `and`, `or` and `not` over parts.
fn combined(part: BoxedStrategy<String>, depth: u32) -> BoxedStrategy<String> {
    part.prop_recursive(depth, 10, 3, |inner| {
        let joined = (vec(inner.clone(), 2..4), select(&[" and ", " or ", " OR "][..]));
        prop_oneof![
            3 => joined.prop_map(|(parts, word)| {
                parts.iter().map(|part| format!("({part})")).collect::<Vec<_>>().join(word)
            }),
            1 => inner.prop_map(|part| format!("not ({part})")),
        ]
    })
    .boxed()
}

/// One comparison, or `pr`, of one of these attributes under its whole path.
fn leaf(ty: &'static ResourceType, of: Vec<&'static AttrDef>) -> BoxedStrategy<String> {
    // What is indexed is asked for as often as all the rest.
    let indexed: Vec<_> = of.iter().copied().filter(|def| planned(def)).collect();
    let any = select(of);
    let chosen =
        if indexed.is_empty() { any.boxed() } else { prop_oneof![select(indexed), any].boxed() };
    (chosen, any_spelling())
        .prop_flat_map(move |(def, spell)| {
            let path = match (def.extension, spell) {
                (None, Spelling::Qualified) => format!("{}:{}", ty.schema(), def.path),
                (_, Spelling::Upper) => def.path.to_uppercase(),
                _ => def.path.to_string(),
            };
            test(ty, def).prop_map(move |test| format!("{path} {test}"))
        })
        .boxed()
}

/// A value path: several parts that one element must satisfy.
fn element(ty: &'static ResourceType) -> BoxedStrategy<String> {
    let complex: Vec<_> = readable(ty)
        .into_iter()
        .filter(|def| def.kind == Type::Complex && !def.subs.is_empty())
        .collect();
    select(complex)
        .prop_flat_map(move |def| {
            let subs: Vec<_> = def.subs.iter().map(|id| ty.attr(*id)).collect();
            let part = select(subs).prop_flat_map(move |sub| {
                test(ty, sub).prop_map(move |test| format!("{} {test}", sub.name))
            });
            combined(part.boxed(), 2).prop_map(move |part| format!("{}[{part}]", def.path))
        })
        .boxed()
}

/// What the type doesn't have, and what is no attribute.
fn unknown(ty: &'static ResourceType) -> BoxedStrategy<String> {
    let mut texts: Vec<String> = [
        "nope pr",
        "nope eq \"x\"",
        "nope ne \"x\"",
        "nope eq null",
        "name.nope sw \"\"",
        "nope[value eq \"x\"]",
        "urn:example:nope:value gt 3",
    ]
    .map(String::from)
    .into();
    texts.push(format!("{} pr", ty.schema()));
    texts.extend(ty.extensions().iter().map(|extension| format!("{} pr", extension.urn)));
    select(texts).boxed()
}

/// An operator and a value that go with an attribute.
fn test(ty: &'static ResourceType, def: &'static AttrDef) -> BoxedStrategy<String> {
    let null = select(&["pr", "PR", "eq null", "ne null"][..]).prop_map(String::from);
    if !has_value(ty, def) {
        return select(&["pr", "eq null", "ne null"][..]).prop_map(String::from).boxed();
    }
    let compared = match def.kind {
        Type::Boolean => compare(EQUALITY, truth()),
        Type::Integer | Type::Decimal => compare(ORDER, number()),
        Type::DateTime => compare(ORDER, texts::moment().prop_map(quote)),
        Type::Binary => compare(SUBSTRING, texts::base64().prop_map(quote)),
        Type::String | Type::Reference | Type::Complex => compare(ALL, words(def)),
    };
    prop_oneof![5 => compared, 1 => null].boxed()
}

const EQUALITY: &[&str] = &["eq", "ne", "Eq"];
const ORDER: &[&str] = &["eq", "ne", "gt", "ge", "lt", "le", "GT"];
const SUBSTRING: &[&str] = &["eq", "ne", "co", "sw", "ew"];
const ALL: &[&str] =
    &["eq", "eq", "EQ", "ne", "co", "sw", "sw", "ew", "gt", "ge", "lt", "le", "Sw"];

fn compare(
    ops: &'static [&'static str],
    value: impl Strategy<Value = String> + 'static,
) -> BoxedStrategy<String> {
    (select(ops), value).prop_map(|(op, value)| format!("{op} {value}")).boxed()
}

fn truth() -> impl Strategy<Value = String> {
    select(&["true", "false", "\"True\""][..]).prop_map(String::from)
}

fn number() -> impl Strategy<Value = String> {
    select(&["0", "-1", "1.5", "1e0", "3"][..]).prop_map(String::from)
}

/// Texts that fit what the attribute holds.
fn words(def: &AttrDef) -> BoxedStrategy<String> {
    let ids = (0..MARKED).prop_map(|at| format!("@{at}@"));
    let linked = matches!(def.storage, Storage::Relation | Storage::Derived);
    let words = match &*def.name {
        "id" => ids.boxed(),
        "value" | "members" | "groups" if linked => ids.boxed(),
        "type" if linked => select(&["User", "Group", "group", "direct", "indirect"][..])
            .prop_map(String::from)
            .boxed(),
        "type" => texts::label().boxed(),
        "version" => {
            select(&["W/\"1\"", "W/\"2\"", "w/\"1\"", "1"][..]).prop_map(String::from).boxed()
        }
        "resourceType" => select(&["User", "Group", "user"][..]).prop_map(String::from).boxed(),
        "schemas" => urns().boxed(),
        "$ref" => {
            let ends = (select(&["Users", "Groups"][..]), 0..MARKED);
            ends.prop_map(|(kind, at)| format!("https://x.example/v2/{kind}/@{at}@")).boxed()
        }
        _ if def.kind == Type::Reference => texts::uri().boxed(),
        _ => texts::needle().boxed(),
    };
    prop_oneof![9 => words, 1 => texts::needle()].prop_map(quote).boxed()
}

fn urns() -> impl Strategy<Value = String> {
    use rollcall_schema::standard::{ENTERPRISE_USER, GROUP, USER};
    let lower = ENTERPRISE_USER.to_lowercase();
    select(vec![USER.to_owned(), GROUP.to_owned(), ENTERPRISE_USER.to_owned(), lower])
}

/// Whether an index, a column or an edge answers for it.
fn planned(def: &AttrDef) -> bool {
    def.indexed
        || matches!(&*def.path, "id" | "meta.created" | "meta.lastModified")
        || (def.storage == Storage::Relation && def.parent.is_some())
}

#[derive(Clone, Copy, Debug)]
enum Spelling {
    Plain,
    Upper,
    Qualified,
}

fn any_spelling() -> impl Strategy<Value = Spelling> {
    prop_oneof![
        6 => Just(Spelling::Plain),
        1 => Just(Spelling::Upper),
        1 => Just(Spelling::Qualified),
    ]
}

fn quote(text: String) -> String {
    Value::String(text).to_string()
}
