//! Whether a resource satisfies a condition.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use rollcall_filter::{Expr, Op};
use serde_json::Value;

use crate::condition::{Condition, Operand};
use crate::resource_type::{AttrDef, AttrId, AttrRef, ResourceType, Storage};
use crate::{Document, Incoming, Instant, Link, Moment, Number, Reach, View, moment, text};

impl Condition {
    /// Whether the resource satisfies it. `View::links` and `View::incoming` must be there where
    /// [`attrs`](Self::attrs) names a relation or a derived attribute.
    pub fn matches(&self, ty: &ResourceType, seen: &View<'_>) -> bool {
        Matcher { ty, scope: Scope::Resource(seen), keys: &Keys::default() }.holds(self.expr())
    }
}

/// Whether one element of `attr` satisfies the filter of a value path; other attributes have no
/// value here.
pub(crate) fn element_matches(
    ty: &ResourceType,
    condition: &Condition,
    attr: AttrId,
    element: &Value,
) -> bool {
    let scope = Scope::Element(attr, Element::Json(element));
    Matcher { ty, scope, keys: &Keys::default() }.holds(condition.expr())
}

/// As [`element_matches`], for a row of a relation.
pub(crate) fn link_matches(
    ty: &ResourceType,
    condition: &Condition,
    attr: AttrId,
    link: &Link,
) -> bool {
    let scope = Scope::Element(attr, Element::Link(link));
    Matcher { ty, scope, keys: &Keys::default() }.holds(condition.expr())
}

/// One element of a multi-valued attribute, or the value of a singular one.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Element<'v> {
    Json(&'v Value),
    Text(&'v str),
    Link(&'v Link),
    Incoming(&'v Incoming),
    Meta(&'v View<'v>),
}

/// A plain value of a resource.
#[derive(Debug)]
pub(crate) enum Datum<'v> {
    Json(&'v Value),
    Text(Cow<'v, str>),
    Instant(Instant),
}

impl Datum<'_> {
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Json(value) => value.as_str(),
            Self::Text(text) => Some(text),
            Self::Instant(_) => None,
        }
    }

    pub(crate) fn moment(&self) -> Option<Moment> {
        match self {
            Self::Instant(instant) => Some(Moment::from(*instant)),
            Self::Json(_) | Self::Text(_) => moment::parse(self.text()?),
        }
    }

    pub(crate) fn number(&self) -> Option<Number> {
        match self {
            Self::Json(Value::Number(number)) => Number::parse(&number.to_string()),
            _ => None,
        }
    }

    pub(crate) fn truth(&self) -> Option<bool> {
        match self {
            Self::Json(value) => value.as_bool(),
            _ => None,
        }
    }

    /// R-FILTER-12: `""` is a value, but nothing is present.
    pub(crate) fn is_present(&self) -> bool {
        match self {
            Self::Json(value) => is_present(value),
            Self::Text(text) => !text.is_empty(),
            Self::Instant(_) => true,
        }
    }
}

impl<'v> Element<'v> {
    /// The element itself, or its part.
    pub(crate) fn datum(self, ty: &'v ResourceType, sub: Option<AttrId>) -> Option<Datum<'v>> {
        let Some(sub) = sub else { return self.whole() };
        let name = &*ty.attr(sub).name;
        match self {
            Self::Text(_) => None,
            Self::Json(value) => value.get(name).filter(|part| !part.is_null()).map(Datum::Json),
            Self::Link(link) => {
                let display = link.display.as_deref();
                reference(ty, name, &link.id, &link.kind, &link.kind, display).map(Datum::Text)
            }
            Self::Incoming(from) => {
                let reach = match from.reach {
                    Reach::Direct => "direct",
                    Reach::Indirect => "indirect",
                };
                let display = from.display.as_deref();
                reference(ty, name, &from.id, &from.kind, reach, display).map(Datum::Text)
            }
            Self::Meta(seen) => meta(name, ty, seen),
        }
    }

    fn whole(self) -> Option<Datum<'v>> {
        match self {
            Self::Json(value) => Some(Datum::Json(value)).filter(|_| !value.is_null()),
            Self::Text(text) => Some(Datum::Text(Cow::Borrowed(text))),
            Self::Link(_) | Self::Incoming(_) | Self::Meta(_) => None,
        }
    }

    fn is_present(self, ty: &'v ResourceType, sub: Option<AttrId>) -> bool {
        match (self, sub) {
            (Self::Link(_) | Self::Incoming(_) | Self::Meta(_), None) => true,
            _ => self.datum(ty, sub).is_some_and(|datum| datum.is_present()),
        }
    }
}

/// A part of a reference to another resource.
fn reference<'v>(
    ty: &ResourceType,
    name: &str,
    id: &'v str,
    kind: &str,
    kind_of_reference: &'v str,
    display: Option<&'v str>,
) -> Option<Cow<'v, str>> {
    match name {
        "value" => Some(Cow::Borrowed(id)),
        "type" => Some(Cow::Borrowed(kind_of_reference)),
        "display" => display.map(Cow::Borrowed),
        "$ref" => Some(Cow::Owned(format!("{}/{id}", ty.endpoint_of(kind)))),
        _ => None,
    }
}

/// The location has no value: it depends on how the server was reached.
fn meta<'v>(name: &str, ty: &'v ResourceType, seen: &View<'_>) -> Option<Datum<'v>> {
    match name {
        "resourceType" => Some(Datum::Text(Cow::Borrowed(ty.name()))),
        "created" => Some(Datum::Instant(seen.created)),
        "lastModified" => Some(Datum::Instant(seen.modified)),
        "version" => Some(Datum::Text(Cow::Owned(format!("W/\"{}\"", seen.version)))),
        _ => None,
    }
}

/// Whether any element of an attribute passes `test`.
pub(crate) fn any_element<'v>(
    ty: &'v ResourceType,
    seen: &'v View<'_>,
    attr: AttrId,
    test: &mut dyn FnMut(Element<'v>) -> bool,
) -> bool {
    let def = ty.attr(attr);
    match def.storage {
        Storage::Document => any_kept_element(ty, seen.document, def, test),
        Storage::Relation => seen.links.iter().any(|link| test(Element::Link(link))),
        Storage::Derived => seen.incoming.iter().any(|from| test(Element::Incoming(from))),
        Storage::Server => match &*def.name {
            "id" => test(Element::Text(seen.id)),
            "meta" => test(Element::Meta(seen)),
            "schemas" => schemas(ty, seen.document).any(|urn| test(Element::Text(urn))),
            _ => false,
        },
    }
}

/// As [`any_element`], for an attribute that is kept in the document.
pub(crate) fn any_kept_element<'v>(
    ty: &ResourceType,
    document: &'v Document,
    def: &AttrDef,
    test: &mut dyn FnMut(Element<'v>) -> bool,
) -> bool {
    let body = document.body();
    let value = match def.extension {
        None => body.get(&*def.name),
        Some(id) => body.get(&*ty.extension(id).urn).and_then(|part| part.get(&*def.name)),
    };
    match value {
        None => false,
        Some(Value::Array(elements)) => elements.iter().any(|value| test(Element::Json(value))),
        Some(value) => test(Element::Json(value)),
    }
}

/// The base URN and those of the extensions that the resource carries (R-COMMON-10).
fn schemas<'v>(ty: &'v ResourceType, document: &Document) -> impl Iterator<Item = &'v str> {
    let carried = ty.extensions().iter().filter(|extension| {
        extension.required || document.body().get(&*extension.urn).is_some_and(is_present)
    });
    std::iter::once(ty.schema()).chain(carried.map(|extension| &*extension.urn))
}

/// R-FILTER-12: neither null nor empty, all the way down.
fn is_present(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(_) | Value::Number(_) => true,
        Value::String(text) => !text.is_empty(),
        Value::Array(elements) => elements.iter().any(is_present),
        Value::Object(parts) => parts.values().any(is_present),
    }
}

/// What a condition speaks of: a whole resource, or one element of an attribute.
#[derive(Clone, Copy)]
enum Scope<'v> {
    Resource(&'v View<'v>),
    Element(AttrId, Element<'v>),
}

/// The keys of long texts, so that many comparisons with one text prepare it once.
#[derive(Default)]
struct Keys(RefCell<HashMap<(usize, usize), Rc<str>>>);

impl Keys {
    /// Shorter texts are prepared sooner than they are looked up.
    const LONG: usize = 512;

    /// Whether the key of a value passes `test`.
    fn test(&self, def: &AttrDef, op: Op, datum: &Datum<'_>, test: impl Fn(&str) -> bool) -> bool {
        let Some(held) = datum.text() else { return false };
        // What was made for this comparison has a place that others may have later.
        let lasts = !matches!(datum, Datum::Text(Cow::Owned(_)));
        if held.len() < Self::LONG || !lasts || !text::is_folded(def, op) {
            return test(&text::comparable(def, op, held));
        }
        let place = (held.as_ptr().addr(), held.len());
        let key = Rc::clone(
            self.0
                .borrow_mut()
                .entry(place)
                .or_insert_with(|| Rc::from(text::comparable(def, op, held).as_ref())),
        );
        test(&key)
    }
}

#[derive(Clone, Copy)]
struct Matcher<'v, 'k> {
    ty: &'v ResourceType,
    scope: Scope<'v>,
    keys: &'k Keys,
}

impl<'v> Matcher<'v, '_> {
    fn holds(self, expr: &Expr<AttrRef, Operand>) -> bool {
        match expr {
            Expr::And(parts) => parts.iter().all(|part| self.holds(part)),
            Expr::Or(parts) => parts.iter().any(|part| self.holds(part)),
            Expr::Not(part) => !self.holds(part),
            Expr::Present(at) => self.is_present(*at),
            Expr::Compare(at, op, operand) => self.compares(*at, *op, operand),
            // R-FILTER-14: the same element satisfies the whole part.
            Expr::Any(at, part) => self.any(at.attr, &mut |element| {
                Self { scope: Scope::Element(at.attr, element), ..self }.holds(part)
            }),
        }
    }

    fn any(self, attr: AttrId, test: &mut dyn FnMut(Element<'v>) -> bool) -> bool {
        match self.scope {
            Scope::Resource(seen) => any_element(self.ty, seen, attr, test),
            Scope::Element(of, element) => of == attr && test(element),
        }
    }

    fn is_present(self, at: AttrRef) -> bool {
        self.any(at.attr, &mut |element| element.is_present(self.ty, at.sub))
    }

    fn compares(self, at: AttrRef, op: Op, operand: &Operand) -> bool {
        match (op, operand) {
            (Op::Ne, Operand::Null) => self.is_present(at),
            (_, Operand::Null) => !self.is_present(at),
            (Op::Ne, _) => self.differs(at, operand),
            _ => {
                let def = self.ty.leaf(at);
                self.any_datum(at, &mut |datum| satisfies(self.keys, def, datum, op, operand))
            }
        }
    }

    /// R-FILTER-17: some value differs, or there is none.
    fn differs(self, at: AttrRef, operand: &Operand) -> bool {
        let def = self.ty.leaf(at);
        let mut unassigned = true;
        let differs = self.any_datum(at, &mut |datum| {
            unassigned = false;
            !satisfies(self.keys, def, datum, Op::Eq, operand)
        });
        differs || unassigned
    }

    fn any_datum(self, at: AttrRef, test: &mut dyn FnMut(&Datum<'v>) -> bool) -> bool {
        self.any(at.attr, &mut |element| element.datum(self.ty, at.sub).is_some_and(|d| test(&d)))
    }
}

/// Whether one value stands in the relation `op` to the operand.
fn satisfies(keys: &Keys, def: &AttrDef, datum: &Datum<'_>, op: Op, operand: &Operand) -> bool {
    match operand {
        Operand::Text { key, .. } => keys.test(def, op, datum, |held| reads(op, held, key)),
        Operand::Number(number) => datum.number().is_some_and(|held| ranks(op, &held, number)),
        Operand::Boolean(truth) => datum.truth().is_some_and(|held| ranks(op, &held, truth)),
        Operand::Moment(moment) => datum.moment().is_some_and(|held| ranks(op, &held, moment)),
        Operand::Null => false,
    }
}

fn reads(op: Op, held: &str, key: &str) -> bool {
    match op {
        Op::Co => held.contains(key),
        Op::Sw => held.starts_with(key),
        Op::Ew => held.ends_with(key),
        _ => ranks(op, held, key),
    }
}

fn ranks<T: Ord + ?Sized>(op: Op, held: &T, wanted: &T) -> bool {
    match op {
        Op::Eq => held == wanted,
        Op::Ne => held != wanted,
        Op::Gt => held > wanted,
        Op::Ge => held >= wanted,
        Op::Lt => held < wanted,
        Op::Le => held <= wanted,
        Op::Co | Op::Sw | Op::Ew => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rollcall_filter::parse_filter;
    use serde_json::json;

    use super::*;
    use crate::resource_type::Owner;
    use crate::{Profile, Schema, TypeDefinition};

    /// A type with what the standard ones lack: numbers, dateTimes, plain lists.
    fn device() -> ResourceType {
        let schema: Schema = serde_json::from_value(json!({
            "id": "urn:example:Device",
            "attributes": [
                {"name": "size", "type": "integer"},
                {"name": "ratio", "type": "decimal"},
                {"name": "seen", "type": "dateTime"},
                {"name": "tags", "multiValued": true},
                {"name": "codes", "multiValued": true, "caseExact": true},
                {"name": "key", "type": "binary"},
                {"name": "parts", "type": "complex", "multiValued": true, "subAttributes": [
                    {"name": "value"},
                    {"name": "count", "type": "integer"}]},
                {"name": "owners", "type": "complex", "multiValued": true, "subAttributes": [
                    {"name": "value"},
                    {"name": "$ref", "type": "reference", "referenceTypes": ["User"]},
                    {"name": "type"}]}]
        }))
        .unwrap();
        let definition: TypeDefinition = serde_json::from_value(json!({
            "id": "Device", "name": "Device", "endpoint": "/Devices", "schema": "urn:example:Device"
        }))
        .unwrap();
        ResourceType::compile(&definition, &[Arc::new(schema)]).unwrap()
    }

    #[track_caller]
    fn check(filter: &str, expect: bool) {
        let ty = device();
        let document = Document::from_stored(
            r#"{"size": 10, "ratio": 0.1, "seen": "2025-05-13T04:42:34.000Z", "tags": ["Red", "blue"],
                "codes": ["A"], "key": "QQ==", "parts": [{"value": "x", "count": 9}, {"value": "y"}]}"#,
        )
        .unwrap();
        let condition = ty.condition(&parse_filter(filter).unwrap(), &Profile::GENERIC).unwrap();
        assert_eq!(condition.matches(&ty, &seen(&document)), expect, "{filter}");
    }

    fn seen(document: &Document) -> View<'_> {
        View {
            id: "d1",
            version: 1,
            created: Instant::from_millis(0),
            modified: Instant::from_millis(0),
            document,
            links: &[],
            incoming: &[],
        }
    }

    #[test]
    fn r_filter_09_numbers_compare_as_numbers() {
        check("size gt 9", true);
        check("size eq 10.0", true);
        check("size lt 10", false);
        check("size le 1e1", true);
        check("ratio eq 0.10", true);
        check("ratio lt 0.1000000000000000000001", true);
        check("size ne 10", false);
        check("parts.count ge 9", true);
    }

    #[test]
    fn r_filter_08_kept_date_times_compare_as_instants() {
        check(r#"seen eq "2025-05-13T06:42:34+02:00""#, true);
        check(r#"seen gt "2025-05-13T04:42:33.999999999Z""#, true);
        check(r#"seen lt "2025-05-13T04:42:34""#, false);
    }

    #[test]
    fn r_filter_13_plain_lists_match_by_any_element() {
        check(r#"tags eq "RED""#, true);
        check(r#"tags ne "red""#, true);
        check(r#"not (tags eq "red")"#, false);
        check(r#"tags[value sw "bl"]"#, true);
        check(r#"tags[value sw "bl" and value co "r"]"#, false);
        check(r#"codes eq "a""#, false);
    }

    #[test]
    fn r_attr_09_binary_values_compare_without_padding_in_exact_case() {
        check(r#"key eq "QQ""#, true);
        check(r#"key eq "QQ==""#, true);
        check(r#"key eq "qq==""#, false);
    }

    /// As many conditions as a filter may have, on a text as long as a body may be, cost about as
    /// much as one (R-FILTER-24).
    #[test]
    fn one_text_is_prepared_once_for_all_conditions() {
        let ty = device();
        let text = "äB".repeat(100_000);
        let body = json!({"tags": [text], "codes": [text], "parts": [{"value": text}]});
        let document = Document::from_stored(&body.to_string()).unwrap();
        let seen = seen(&document);
        let holds = |filter: &str| {
            let condition =
                ty.condition(&parse_filter(filter).unwrap(), &Profile::GENERIC).unwrap();
            condition.matches(&ty, &seen)
        };
        let spent = |filter: &str| {
            let began = std::time::Instant::now();
            assert!(!holds(filter));
            began.elapsed()
        };
        let many = ["tags co \"äc\""; 190].join(" or ");
        // The machine may turn to others meanwhile, but not each time.
        let tries = (0..20).map(|_| (spent("tags co \"äc\""), spent(&many)));
        let quick = tries.clone().any(|(once, all)| all < once * 60);
        assert!(quick, "{:?}", tries.collect::<Vec<_>>());

        // One text in several attributes is several: exact and not.
        assert!(holds("tags co \"äb\" and codes co \"äB\" and parts.value co \"ÄB\""));
        assert!(!holds("codes co \"äb\""));
        assert!(holds("tags co \"äb\" and not (codes co \"äb\") and tags sw \"ÄBÄ\""));
    }

    fn within(attr: &str, filter: &str) -> (ResourceType, AttrId, Condition) {
        let ty = device();
        let attr = ty.lookup(Owner::Base, attr).unwrap();
        let filter = parse_filter(filter).unwrap();
        let condition = ty.element_condition(attr, &filter, &Profile::GENERIC).unwrap();
        (ty, attr, condition)
    }

    #[test]
    fn r_filter_14_a_value_path_speaks_of_one_element() {
        let (ty, attr, condition) = within("parts", r#"value eq "X" and not (count lt 9)"#);
        let matches = |element| element_matches(&ty, &condition, attr, &element);
        assert!(matches(json!({"value": "x", "count": 9})));
        assert!(matches(json!({"value": "x"})));
        assert!(!matches(json!({"value": "x", "count": 8})));
        assert!(!matches(json!({"value": "y", "count": 9})));
        assert!(!matches(json!("x")));
    }

    #[test]
    fn a_value_path_of_a_plain_list_speaks_of_its_value() {
        let (ty, attr, condition) = within("tags", r#"value eq "RED""#);
        assert!(element_matches(&ty, &condition, attr, &json!("red")));
        assert!(!element_matches(&ty, &condition, attr, &json!("blue")));
    }

    #[test]
    fn a_value_path_of_a_relation_speaks_of_one_row() {
        let link = Link { id: "A1".into(), kind: "User".into(), display: None };
        for (filter, expect) in [
            (r#"value eq "A1" and type eq "user""#, true),
            (r#"value eq "a1""#, false),
            (r#"$ref eq "https://example.com/scim/v2/Users/A1""#, true),
        ] {
            let (ty, attr, condition) = within("owners", filter);
            assert_eq!(link_matches(&ty, &condition, attr, &link), expect, "{filter}");
        }
    }
}
