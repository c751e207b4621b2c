//! What resources refer to by attributes that name resource types (RFC 7643 §7).

use serde_json::{Map, Value};

use crate::resource_type::{AttrDef, AttrId, ResourceType, Storage};
use crate::value::is_blank;
use crate::{Document, Type, standard};

/// A text of a document that names another resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reference<'a> {
    /// The path of the attribute.
    pub attr: &'a str,
    /// As it stands in the document: an id, or a URI that ends in an endpoint with an id.
    pub text: &'a str,
    /// The names of the resource types that it may be of.
    pub kinds: &'a [Box<str>],
}

/// What a [`Reference`] points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointed<'a> {
    /// The id.
    pub id: &'a str,
    /// The names of the resource types that it may be of: those whose endpoint stands before it.
    pub kinds: Vec<&'a str>,
}

impl ResourceType {
    /// The names of the resource types that the relation of this type may hold: those that the
    /// `referenceTypes` of its `$ref` list.
    pub fn relation_kinds(&self) -> Vec<&str> {
        let relation = self.relation().and_then(|def| self.sub(def.id, "$ref"));
        let listed = relation.into_iter().flat_map(|id| &self.attr(id).reference_types);
        listed.map(|kind| &**kind).filter(|kind| !is_anything(kind)).collect()
    }

    /// The values of a document that must be resources of certain types: references whose
    /// `referenceTypes` are types alone, and the `value` that stands beside such a `$ref`.
    ///
    /// What `external` and `uri` point at is not ours. Attributes of the standard schemas are free:
    /// clients write a `manager` that isn't there yet, or is a name.
    pub fn references<'a>(&'a self, document: &'a Document) -> Vec<Reference<'a>> {
        let mut found = Vec::new();
        if !is_standard(self.schema()) {
            self.collect(self.base(), document.body(), &mut found);
        }
        for extension in self.extensions().iter().filter(|one| !is_standard(&one.urn)) {
            if let Some(Value::Object(held)) = document.body().get(&*extension.urn) {
                self.collect(&extension.attrs, held, &mut found);
            }
        }
        found
    }

    /// What a reference points at; nothing where it stands behind the endpoint of a type that it
    /// may not be of.
    pub fn pointed<'a>(&'a self, reference: &Reference<'a>) -> Option<Pointed<'a>> {
        let mut segments = reference.text.trim_end_matches('/').rsplit('/');
        let (id, endpoint) = (segments.next()?, segments.next());
        let is_behind = |kind: &&str| {
            let own = self.endpoint_of(kind);
            endpoint
                .is_none_or(|endpoint| endpoint.is_empty() || own.eq_ignore_ascii_case(endpoint))
        };
        let kinds: Vec<_> = reference.kinds.iter().map(|kind| &**kind).filter(is_behind).collect();
        (!kinds.is_empty() && !id.is_empty()).then_some(Pointed { id, kinds })
    }

    fn collect<'a>(
        &'a self,
        attrs: &'a [AttrId],
        holder: &'a Map<String, Value>,
        found: &mut Vec<Reference<'a>>,
    ) {
        for def in attrs.iter().map(|id| self.attr(*id)) {
            let Some(value) = holder.get(&*def.name) else { continue };
            if def.storage != Storage::Document {
                continue;
            }
            let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
            for value in values {
                match value {
                    Value::Object(parts) => self.collect_parts(def, parts, found),
                    value => found.extend(reference(def, restricted(def), value)),
                }
            }
        }
    }

    /// A `value` is the id of what the `$ref` beside it is the URI of.
    fn collect_parts<'a>(
        &'a self,
        def: &'a AttrDef,
        parts: &'a Map<String, Value>,
        found: &mut Vec<Reference<'a>>,
    ) {
        let uri = self.sub(def.id, "$ref").and_then(|id| restricted(self.attr(id)));
        for part in def.subs.iter().map(|id| self.attr(*id)) {
            let is_id = part.name.eq_ignore_ascii_case("value") && part.reference_types.is_empty();
            let kinds = if is_id { uri } else { restricted(part) };
            found.extend(parts.get(&*part.name).and_then(|value| reference(part, kinds, value)));
        }
    }
}

fn reference<'a>(
    def: &'a AttrDef,
    kinds: Option<&'a [Box<str>]>,
    value: &'a Value,
) -> Option<Reference<'a>> {
    let text = value.as_str().filter(|_| !is_blank(value))?;
    Some(Reference { attr: &def.path, text, kinds: kinds? })
}

/// The types that an attribute may refer to, where it may refer to nothing else.
fn restricted(def: &AttrDef) -> Option<&[Box<str>]> {
    let kinds = &def.reference_types;
    let types = !kinds.is_empty() && !kinds.iter().any(|kind| is_anything(kind));
    (types && def.kind == Type::Reference).then_some(kinds)
}

fn is_anything(kind: &str) -> bool {
    matches!(kind, "external" | "uri")
}

fn is_standard(urn: &str) -> bool {
    standard::schemas().iter().any(|schema| schema.id.eq_ignore_ascii_case(urn))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::{Accept, Catalog, Definitions, Profile};

    fn badge() -> Arc<ResourceType> {
        let types = |types: &[&str]| json!([{"name": "value"}, {"name": "$ref", "type": "reference", "referenceTypes": types}]);
        let definitions: Definitions = serde_json::from_value(json!({
            "schemas": [{"id": "urn:example:badge", "name": "Badge", "attributes": [
                {"name": "holders", "type": "complex", "multiValued": true,
                 "subAttributes": types(&["User", "external"])},
                {"name": "owner", "type": "complex", "subAttributes": types(&["User"])},
                {"name": "either", "type": "reference", "multiValued": true,
                 "referenceTypes": ["User", "Group"]},
                {"name": "page", "type": "reference", "referenceTypes": ["external"]},
                {"name": "mixed", "type": "reference", "referenceTypes": ["User", "uri"]},
                {"name": "free", "type": "reference"}]}],
            "resourceTypes": [{"id": "Badge", "name": "Badge", "endpoint": "/Badges",
                "schema": "urn:example:badge"}],
        }))
        .unwrap();
        let catalog = Catalog::compile(&definitions, &Profile::GENERIC).unwrap();
        Arc::clone(catalog.ty("Badge").unwrap())
    }

    #[test]
    fn references_to_types_alone_are_told() {
        let ty = badge();
        assert_eq!(ty.relation_kinds(), ["User"]);
        let body = json!({
            "owner": {"value": "u1", "$ref": "https://h/v2/Users/u1"}, "either": ["u2", "Groups/g"],
            "page": "https://h/x", "mixed": "x", "free": "y", "holders": [{"value": "u3"}],
        });
        let document = ty.accept(body, Accept::Create, &Profile::GENERIC).unwrap().document;
        let found: Vec<_> =
            ty.references(&document).iter().map(|one| (one.attr, one.text)).collect();
        let expect = [
            ("owner.value", "u1"),
            ("owner.$ref", "https://h/v2/Users/u1"),
            ("either", "u2"),
            ("either", "Groups/g"),
        ];
        assert_eq!(found, expect);
    }

    /// R-ATTR-11: what stands before the endpoint doesn't matter.
    #[test]
    fn an_endpoint_before_the_id_counts() {
        let ty = badge();
        let kinds = ["User".into(), "Badge".into()];
        let pointed = |text| {
            let pointed = ty.pointed(&Reference { attr: "a", text, kinds: &kinds });
            pointed.map(|pointed| format!("{} {}", pointed.id, pointed.kinds.join(" ")))
        };
        assert_eq!(pointed("x").as_deref(), Some("x User Badge"));
        assert_eq!(pointed("/x").as_deref(), Some("x User Badge"));
        assert_eq!(pointed("../users/x").as_deref(), Some("x User"));
        assert_eq!(pointed("https://h/v2/Badges/x/").as_deref(), Some("x Badge"));
        for none in ["Groups/x", "https://h/x", "", "/"] {
            assert_eq!(pointed(none), None, "{none}");
        }
    }

    #[test]
    fn standard_attributes_are_free() {
        let user = standard::types().iter().find(|ty| ty.name() == "User").unwrap();
        let body = json!({"userName": "a", standard::ENTERPRISE_USER: {"manager": {
            "value": "somebody", "$ref": "/Users/somebody"}}});
        let document = user.accept(body, Accept::Create, &Profile::GENERIC).unwrap().document;
        assert_eq!(user.references(&document), []);
        let group = standard::types().iter().find(|ty| ty.name() == "Group").unwrap();
        assert_eq!(group.relation_kinds(), ["User", "Group"]);
    }
}
