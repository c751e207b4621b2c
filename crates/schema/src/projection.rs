//! Which attributes of a resource are shown: `attributes` and `excludedAttributes`.

use std::collections::HashSet;

use rollcall_filter::AttrPath;
use serde_json::{Map, Value};

use crate::resource_type::{AttrDef, AttrId, ResourceType, Storage, Target};
use crate::{Mutability, Profile, Returned, standard};

/// The parts of a resource that a request wants to see, compiled (RFC 7644 §3.9).
#[derive(Clone, Debug)]
pub struct Projection {
    named: bool,
    whole: bool,
    hidden: HashSet<AttrId>,
}

impl ResourceType {
    /// Compiles `attributes` and `excludedAttributes`; no names at all ask for the default.
    ///
    /// Names that the type doesn't have are passed over (R-PROJ-09); the bare URN of a schema
    /// names all that it defines (R-EXT-07). Where both lists hold names the exclusion counts for
    /// what is named; callers refuse that before (R-PROJ-04).
    pub fn projection(
        &self,
        attributes: &[AttrPath<'_>],
        excluded: &[AttrPath<'_>],
        profile: &Profile,
    ) -> Projection {
        let wanted = self.targets(attributes, profile);
        let unwanted = self.targets(excluded, profile);
        let named = !attributes.is_empty();
        let mut hidden = HashSet::new();
        for def in self.attrs().iter().filter(|def| def.parent.is_none()) {
            self.hide(def, named.then_some(&wanted), &unwanted, &mut hidden);
        }
        let whole = !hidden.iter().any(|id| is_stored(self.attr(*id)));
        Projection { named, whole: whole && !named && excluded.is_empty(), hidden }
    }

    /// What each path names: whole attributes and single parts.
    fn targets(&self, paths: &[AttrPath<'_>], profile: &Profile) -> HashSet<AttrId> {
        let mut targets = HashSet::new();
        for path in paths {
            match self.resolve(path, profile) {
                Some(Target::Attr(at)) => targets.extend([at.sub.unwrap_or(at.attr)]),
                Some(Target::Extension(id)) => targets.extend(&self.extension(id).attrs),
                Some(Target::Base) => {
                    targets.extend(self.base().iter().skip(standard::common_attributes().len()));
                }
                None => {}
            }
        }
        targets
    }

    fn hide(
        &self,
        def: &AttrDef,
        wanted: Option<&HashSet<AttrId>>,
        unwanted: &HashSet<AttrId>,
        hidden: &mut HashSet<AttrId>,
    ) {
        let shown = shows_attr(def, wanted, unwanted);
        let parts = def.subs.iter().map(|id| self.attr(*id));
        let mut any_named = false;
        for part in parts {
            let part_named = wanted.is_some_and(|wanted| wanted.contains(&part.id));
            any_named |= part_named;
            if !shows_part(part, shown, part_named, unwanted) {
                hidden.insert(part.id);
            }
        }
        let never = def.returned == Returned::Never;
        if never || !(shown || any_named && !unwanted.contains(&def.id)) {
            hidden.insert(def.id);
        }
    }
}

impl Projection {
    /// Whether a stored body is shown whole, so that it needn't be looked into.
    pub const fn is_default(&self) -> bool {
        self.whole
    }

    /// Whether `attributes` was given.
    pub const fn names(&self) -> bool {
        self.named
    }

    /// Whether any part of an attribute is shown. Relations and derived attributes that aren't
    /// need not be loaded (R-PROJ-10).
    pub fn shows(&self, _: &ResourceType, attr: AttrId) -> bool {
        !self.hidden.contains(&attr)
    }

    /// Takes what isn't shown out of a whole resource as it goes on the wire.
    pub fn apply(&self, ty: &ResourceType, body: &mut Map<String, Value>) {
        if self.hidden.is_empty() {
            return;
        }
        self.prune(ty, ty.base(), body);
        for extension in ty.extensions() {
            if let Some(Value::Object(held)) = body.get_mut(&*extension.urn) {
                self.prune(ty, &extension.attrs, held);
                if held.is_empty() {
                    body.remove(&*extension.urn);
                }
            }
        }
    }

    fn prune(&self, ty: &ResourceType, attrs: &[AttrId], holder: &mut Map<String, Value>) {
        for def in attrs.iter().map(|id| ty.attr(*id)) {
            if self.hidden.contains(&def.id) {
                holder.remove(&*def.name);
            } else if def.subs.iter().any(|id| self.hidden.contains(id)) {
                self.prune_parts(ty, def, holder);
            }
        }
    }

    fn prune_parts(&self, ty: &ResourceType, def: &AttrDef, holder: &mut Map<String, Value>) {
        let emptied = match holder.get_mut(&*def.name) {
            Some(Value::Object(parts)) => {
                self.prune(ty, &def.subs, parts);
                parts.is_empty()
            }
            Some(Value::Array(elements)) => {
                for parts in elements.iter_mut().filter_map(Value::as_object_mut) {
                    self.prune(ty, &def.subs, parts);
                }
                elements
                    .retain(|element| element.as_object().is_none_or(|parts| !parts.is_empty()));
                elements.is_empty()
            }
            _ => false,
        };
        if emptied {
            holder.remove(&*def.name);
        }
    }
}

/// Whether an attribute as a whole is shown (R-PROJ-02, R-PROJ-03, R-PROJ-06).
fn shows_attr(def: &AttrDef, wanted: Option<&HashSet<AttrId>>, unwanted: &HashSet<AttrId>) -> bool {
    let named = wanted.is_some_and(|wanted| wanted.contains(&def.id));
    match def.returned {
        Returned::Always => true,
        Returned::Never => false,
        Returned::Default => (wanted.is_none() || named) && !unwanted.contains(&def.id),
        Returned::Request => named && !unwanted.contains(&def.id),
    }
}

/// Whether a part is shown, by itself or with the whole (R-PROJ-07).
fn shows_part(part: &AttrDef, whole: bool, named: bool, unwanted: &HashSet<AttrId>) -> bool {
    match part.returned {
        Returned::Always => true,
        Returned::Never => false,
        Returned::Default => (whole || named) && !unwanted.contains(&part.id),
        Returned::Request => named && !unwanted.contains(&part.id),
    }
}

/// Whether documents hold values of an attribute.
fn is_stored(def: &AttrDef) -> bool {
    def.storage == Storage::Document && def.mutability != Mutability::WriteOnly
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rollcall_filter::parse_attributes;
    use serde_json::json;

    use super::*;
    use crate::{Owner, Schema, TypeDefinition};

    const ENTERPRISE: &str = standard::ENTERPRISE_USER;

    fn user() -> &'static ResourceType {
        &standard::types()[0]
    }

    fn compile(ty: &ResourceType, attributes: &str, excluded: &str) -> Projection {
        let read = |list| parse_attributes(list).expect("a list of paths");
        let (attributes, excluded) = (
            if attributes.is_empty() { Vec::new() } else { read(attributes) },
            if excluded.is_empty() { Vec::new() } else { read(excluded) },
        );
        ty.projection(&attributes, &excluded, &Profile::GENERIC)
    }

    fn shown(ty: &ResourceType, projection: &Projection, body: Value) -> Value {
        let Value::Object(mut body) = body else { panic!("an object") };
        projection.apply(ty, &mut body);
        Value::Object(body)
    }

    fn whole() -> Value {
        json!({"schemas": [standard::USER, ENTERPRISE], "id": "u1", "userName": "u", "title": "T",
            "name": {"givenName": "G", "familyName": "F"},
            "emails": [{"value": "a", "type": "work"}, {"type": "home"}],
            "groups": [{"value": "g1", "display": "G"}],
            "meta": {"resourceType": "User", "version": "W/\"1\""},
            ENTERPRISE: {"department": "D", "manager": {"value": "m", "displayName": "M"}}})
    }

    #[track_caller]
    fn check(attributes: &str, excluded: &str, mut expect: Value) {
        let parts = expect.as_object_mut().expect("an object");
        parts.insert("schemas".into(), json!([standard::USER, ENTERPRISE]));
        parts.insert("id".into(), json!("u1"));
        let projection = compile(user(), attributes, excluded);
        assert_eq!(shown(user(), &projection, whole()), expect);
    }

    #[test]
    fn attributes_show_what_they_name() {
        // R-PROJ-02, R-PROJ-07, R-PROJ-08, R-PROJ-12, X09, X21
        check("userName", "", json!({"userName": "u"}));
        check("USERNAME, title", "", json!({"userName": "u", "title": "T"}));
        check("name.givenName", "", json!({"name": {"givenName": "G"}}));
        check("name.givenName,name", "", json!({"name": {"givenName": "G", "familyName": "F"}}));
        check("emails.value", "", json!({"emails": [{"value": "a"}]}));
        check("name.middleName", "", json!({}));
        check("meta.version", "", json!({"meta": {"version": "W/\"1\""}}));
        check(&format!("{}:userName", standard::USER), "", json!({"userName": "u"}));
    }

    #[test]
    fn attributes_reach_into_extensions() {
        // R-EXT-03, R-EXT-07
        let manager = json!({"value": "m", "displayName": "M"});
        let department = json!({ENTERPRISE: {"department": "D"}});
        check(&format!("{ENTERPRISE}:department"), "", department);
        check(ENTERPRISE, "", json!({ENTERPRISE: {"department": "D", "manager": manager}}));
        check(
            &format!("{ENTERPRISE}:manager.value"),
            "",
            json!({ENTERPRISE: {"manager": {"value": "m"}}}),
        );
    }

    #[test]
    fn excluded_attributes_hide_what_they_name() {
        // R-PROJ-03, R-PROJ-07, X20
        let mut without = whole();
        let parts = without.as_object_mut().expect("an object");
        for name in ["userName", "meta"] {
            parts.remove(name);
        }
        without["emails"] = json!([{"value": "a"}]);
        without[ENTERPRISE] = json!({"department": "D"});
        let excluded = format!("id,schemas,userName,meta,emails.type,{ENTERPRISE}:manager");
        check("", &excluded, without);
        let projection = compile(user(), "", ENTERPRISE);
        assert!(shown(user(), &projection, whole()).get(ENTERPRISE).is_none());
    }

    #[test]
    fn unknown_names_are_passed_over() {
        // R-PROJ-09, X61
        check("nope,userName", "", json!({"userName": "u"}));
        check("nope", "", json!({}));
        let projection = compile(user(), "", "nope");
        assert_eq!(shown(user(), &projection, whole()), whole());
        let emails = whole()["emails"].clone();
        check(r#"emails[type eq "work"]"#, "", json!({"emails": emails}));
    }

    #[test]
    fn the_default_shows_everything() {
        let projection = compile(user(), "", "");
        assert!(projection.is_default() && !projection.names());
        assert_eq!(shown(user(), &projection, whole()), whole());
        assert!(!compile(user(), "", "title").is_default());
        assert!(compile(user(), "title", "").names());
    }

    #[test]
    fn relations_that_are_hidden_need_not_be_loaded() {
        // R-PROJ-10, X22
        let group = &standard::types()[1];
        let members = group.relation().expect("members").id;
        let groups = user().derived().expect("groups").id;
        assert!(compile(group, "", "").shows(group, members));
        assert!(!compile(group, "", "members").shows(group, members));
        assert!(!compile(group, "displayName", "").shows(group, members));
        assert!(compile(group, "members.value", "").shows(group, members));
        assert!(compile(group, "", "members.display").shows(group, members));
        assert!(!compile(user(), "userName", "").shows(user(), groups));
        assert!(compile(user(), "", "").shows(user(), groups));
    }

    #[test]
    fn never_and_request_are_honoured() {
        // R-PROJ-06, R-ATTR-21
        let schema: Schema = serde_json::from_value(json!({"id": "urn:t:Key", "attributes": [
            {"name": "label", "returned": "always"},
            {"name": "secret", "returned": "never"},
            {"name": "note", "returned": "request"},
            {"name": "box", "type": "complex", "subAttributes": [
                {"name": "pin", "returned": "never"}, {"name": "hint", "returned": "request"},
                {"name": "size", "returned": "always"}, {"name": "lid"}]}]}))
        .expect("a schema");
        let definition: TypeDefinition = serde_json::from_value(json!({"id": "Key", "name": "Key",
            "endpoint": "/Keys", "schema": "urn:t:Key"}))
        .expect("a type");
        let ty = ResourceType::compile(&definition, &[Arc::new(schema)]).expect("it compiles");
        let body = || {
            json!({"label": "l", "secret": "s", "note": "n",
                "box": {"pin": "p", "hint": "h", "size": "s", "lid": "l"}})
        };
        let check = |attributes, excluded, expect: Value| {
            let projection = compile(&ty, attributes, excluded);
            assert!(!projection.is_default());
            assert_eq!(shown(&ty, &projection, body()), expect);
        };
        check("", "", json!({"label": "l", "box": {"size": "s", "lid": "l"}}));
        check("note,secret", "", json!({"label": "l", "note": "n"}));
        check("box.hint", "", json!({"label": "l", "box": {"hint": "h", "size": "s"}}));
        check("", "label,box.lid,box.size", json!({"label": "l", "box": {"size": "s"}}));
        check("", "box", json!({"label": "l"}));
        assert!(ty.lookup(Owner::Base, "secret").is_some());
    }
}
