//! References between the operations of one request (RFC 7644 §3.7.2).
//!
//! `bulkId:x` is one as a whole text, and behind the endpoint of a type as in `/Users/bulkId:x`:
//! in values of any attribute, in JSON that stands inside a text, and in the filters of paths,
//! which may be keys too.

use std::collections::HashMap;
use std::sync::Arc;

use rollcall_schema::ResourceType;
use serde_json::{Map, Value};

use super::{Operation, Verb};
use crate::{Precondition, ResourceId};

const PREFIX: &str = "bulkId:";

/// An operation whose references are replaced by ids.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) verb: Verb,
    pub(super) ty: Arc<ResourceType>,
    /// The id of its resource: made here for a creation, as it was sent for others.
    pub(super) id: String,
    pub(super) bulk_id: Option<String>,
    pub(super) precondition: Precondition,
    pub(super) data: Value,
    /// The places of the creations that it refers to, ascending, each once.
    pub(super) refs: Vec<usize>,
    /// A reference that leads nowhere.
    pub(super) unknown: Option<String>,
}

/// Makes an id for every creation, then puts ids in the place of every reference (R-BULK-05).
///
/// References are looked up among the operations of this request alone, and what is put in their
/// place is never looked at again (R-E-16).
pub(super) fn resolved(
    operations: Vec<Option<Operation>>,
    types: &[Arc<ResourceType>],
    mut new_id: impl FnMut() -> ResourceId,
) -> Vec<Option<Task>> {
    let mut made = HashMap::new();
    let mut ids = Vec::with_capacity(operations.len());
    for (at, operation) in operations.iter().enumerate() {
        let creation = operation.as_ref().filter(|operation| operation.verb == Verb::Create);
        let id = creation.map(|_| new_id().to_string());
        if let (Some(name), Some(id)) = (creation.and_then(|one| one.bulk_id.as_ref()), &id) {
            made.entry(name.clone()).or_insert_with(|| Made { at, id: id.clone() });
        }
        ids.push(id);
    }
    let tasks = operations.into_iter().zip(ids);
    let known = (&made, types);
    tasks.map(|(operation, id)| operation.map(|operation| task(operation, id, known))).collect()
}

/// A creation that can be referred to.
struct Made {
    at: usize,
    id: String,
}

fn task(
    operation: Operation,
    made_id: Option<String>,
    (made, types): (&HashMap<String, Made>, &[Arc<ResourceType>]),
) -> Task {
    let Operation { verb, ty, id, bulk_id, precondition, mut data } = operation;
    let mut resolver = Resolver { made, types, refs: Vec::new(), unknown: None };
    let id = match made_id {
        Some(id) => id,
        None => {
            let mut id = id.unwrap_or_default();
            resolver.text(&mut id);
            id
        }
    };
    if verb == Verb::Patch {
        resolver.paths(&mut data);
    }
    resolver.value(&mut data);
    let Resolver { mut refs, unknown, .. } = resolver;
    refs.sort_unstable();
    refs.dedup();
    Task { verb, ty, id, bulk_id, precondition, data, refs, unknown }
}

struct Resolver<'a> {
    made: &'a HashMap<String, Made>,
    types: &'a [Arc<ResourceType>],
    refs: Vec<usize>,
    unknown: Option<String>,
}

impl Resolver<'_> {
    fn value(&mut self, value: &mut Value) {
        match value {
            Value::String(text) => self.text(text),
            Value::Array(list) => list.iter_mut().for_each(|value| self.value(value)),
            Value::Object(object) => object.values_mut().for_each(|value| self.value(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn text(&mut self, text: &mut String) {
        if text.contains(PREFIX)
            && let Some(resolved) = self.reference(text).or_else(|| self.json(text))
        {
            *text = resolved;
        }
    }

    /// A text that is a reference as a whole, or the URI of one.
    fn reference(&mut self, text: &str) -> Option<String> {
        let at = text.find(PREFIX)?;
        let (base, name) = (text.get(..at)?, text.get(at + PREFIX.len()..)?);
        match base.is_empty() || self.is_endpoint(base) {
            true => self.id(name).map(|id| format!("{base}{id}")),
            false => None,
        }
    }

    /// Whether a text is a URI that ends in the endpoint of a type, and a slash.
    fn is_endpoint(&self, base: &str) -> bool {
        let Some(path) = base.strip_suffix('/') else { return false };
        let last = path.rsplit('/').next().unwrap_or_default();
        // tidy: member names
        let is_last = |ty: &Arc<ResourceType>| ty.endpoint().eq_ignore_ascii_case(last);
        !base.contains(char::is_whitespace) && self.types.iter().any(is_last)
    }

    /// JSON inside a text, as clients send roles and lists of members to remove.
    fn json(&mut self, text: &str) -> Option<String> {
        let opened = text.trim_start().starts_with(['{', '[']);
        let sent: Value = opened.then(|| serde_json::from_str(text).ok()).flatten()?;
        let mut inner = sent.clone();
        self.value(&mut inner);
        (inner != sent).then(|| inner.to_string())
    }

    /// The paths of a PATCH, whose filters may hold references: `path`, and the keys of `value`.
    fn paths(&mut self, data: &mut Value) {
        let members = data.as_object_mut().into_iter().flatten();
        // tidy: member names
        let operations = members.filter(|(name, _)| name.eq_ignore_ascii_case("operations"));
        for operation in operations.filter_map(|(_, list)| list.as_array_mut()).flatten() {
            for (name, member) in operation.as_object_mut().into_iter().flatten() {
                // tidy: member names
                let is = |known: &str| name.eq_ignore_ascii_case(known);
                match member {
                    Value::String(path) if is("path") && path.contains(PREFIX) => {
                        *path = self.path(path);
                    }
                    Value::Object(value) if is("value") => self.keys(value),
                    _ => {}
                }
            }
        }
    }

    fn keys(&mut self, object: &mut Map<String, Value>) {
        if object.keys().any(|key| key.contains(PREFIX)) {
            let members = std::mem::take(object).into_iter();
            object.extend(members.map(|(key, value)| (self.path(&key), value)));
        }
    }

    /// A path with ids in the place of the words and literals that are references.
    fn path(&mut self, path: &str) -> String {
        let (mut written, mut rest) = (String::with_capacity(path.len()), path);
        while let Some((before, literal, after)) = literal_in(rest) {
            let text: Option<String> = serde_json::from_str(&format!("\"{literal}\"")).ok();
            let resolved = text.and_then(|text| self.reference(&text));
            written += &self.words(before);
            match resolved {
                Some(resolved) => written += &Value::from(resolved).to_string(),
                None => written.extend(["\"", literal, "\""]),
            }
            rest = after;
        }
        written + &self.words(rest)
    }

    /// What stands outside of quotes, where some clients put their references.
    fn words(&mut self, text: &str) -> String {
        let (mut written, mut rest) = (String::with_capacity(text.len()), text);
        while let Some(at) = rest.find(PREFIX) {
            let (before, word) = rest.split_at(at);
            let ends = |c: char| c.is_whitespace() || "()[],'".contains(c);
            let (word, after) = word.split_at(word.find(ends).unwrap_or(word.len()));
            let stands_alone = before.ends_with(char::is_whitespace);
            let name = word.strip_prefix(PREFIX).filter(|_| stands_alone);
            let id = name.and_then(|name| self.id(name));
            written += before;
            match id {
                Some(id) => written.extend(["\"", &id, "\""]),
                None => written += word,
            }
            rest = after;
        }
        written + rest
    }

    fn id(&mut self, name: &str) -> Option<String> {
        match self.made.get(name) {
            Some(made) => {
                self.refs.push(made.at);
                Some(made.id.clone())
            }
            None => {
                self.unknown.get_or_insert_with(|| short(name));
                None
            }
        }
    }
}

/// As much of a `bulkId` as messages repeat.
pub(super) fn short(name: &str) -> String {
    let tidy = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    name.chars().take(80).map(tidy).collect()
}

/// The first literal in quotes, and what stands before and behind it.
fn literal_in(text: &str) -> Option<(&str, &str, &str)> {
    let (before, behind) = text.split_once('"')?;
    let mut escaped = false;
    let end = behind.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })?;
    Some((before, behind.get(..end)?, behind.get(end + 1..)?))
}

#[cfg(test)]
mod tests {
    use rollcall_schema::standard;
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    fn creation(bulk_id: &str, data: Value) -> Option<Operation> {
        operation(Verb::Create, None, Some(bulk_id), data)
    }

    fn operation(
        verb: Verb,
        id: Option<&str>,
        bulk_id: Option<&str>,
        data: Value,
    ) -> Option<Operation> {
        let ty = Arc::clone(&standard::types()[0]);
        let (id, bulk_id) = (id.map(Into::into), bulk_id.map(Into::into));
        Some(Operation { verb, ty, id, bulk_id, precondition: Precondition::None, data })
    }

    /// Ids end in the place of the operation among the creations, from 1.
    fn tasks(operations: Vec<Option<Operation>>) -> Vec<Task> {
        let mut n = 0;
        let next = || {
            n += 1;
            ResourceId::from_uuid(Uuid::from_u128(n))
        };
        resolved(operations, standard::types(), next).into_iter().flatten().collect()
    }

    fn id(n: u128) -> String {
        Uuid::from_u128(n).to_string()
    }

    /// R-BULK-05: forward, backward, to itself, and in the path.
    #[test]
    fn references_become_ids_everywhere() {
        let tasks = tasks(vec![
            creation("a", json!({"members": [{"value": "bulkId:b"}, {"value": "bulkId:a"}]})),
            creation("b", json!({"x": {"y": ["bulkId:a", "bulkId", "see bulkId:a"]}})),
            operation(Verb::Replace, Some("bulkId:b"), None, json!({"n": 1})),
        ]);
        assert_eq!(tasks[0].data, json!({"members": [{"value": id(2)}, {"value": id(1)}]}));
        assert_eq!(tasks[1].data, json!({"x": {"y": [id(1), "bulkId", "see bulkId:a"]}}));
        assert_eq!((tasks[2].id.clone(), &*tasks[2].refs), (id(2), &[1][..]));
        assert_eq!((&*tasks[0].refs, &*tasks[1].refs), (&[0, 1][..], &[0][..]));
        assert!(tasks.iter().all(|task| task.unknown.is_none()));
    }

    /// R-BULK-05: a member that joined by reference leaves by it too.
    #[test]
    fn paths_of_a_patch_hold_references() {
        #[track_caller]
        fn check(path: &str, expect: &str) {
            let sent = [
                json!({"operations": [{"op": "remove", "PATH": path}]}),
                json!({"operations": [{"op": "add", "Value": {path: 1}}]}),
            ];
            let patches = sent.map(|data| operation(Verb::Patch, Some("x"), None, data));
            let creations = [creation("a b", json!({})), creation("c", json!({}))];
            let tasks = tasks(creations.into_iter().chain(patches).collect());
            assert_eq!(tasks[2].data["operations"][0]["PATH"], expect, "{path}");
            assert_eq!(tasks[3].data["operations"][0]["Value"], json!({expect: 1}), "{path}");
        }
        check(r#"members[value eq "bulkId:a b"]"#, &format!("members[value eq \"{}\"]", id(1)));
        check(
            r#"m[v eq "bulkId:a\u0020b" or v eq "q"].w"#,
            &format!(r#"m[v eq "{}" or v eq "q"].w"#, id(1)),
        );
        check("m[v eq bulkId:c]", &format!("m[v eq \"{}\"]", id(2)));
        check(r#"m[$ref eq "/Users/bulkId:c"]"#, &format!("m[$ref eq \"/Users/{}\"]", id(2)));
        for same in [r#"a["bulkId:"#, r#"a[b eq "x\"bulkId:a b"]"#, r#"a["x"] bulkId:a b"#, "plain"]
        {
            check(same, same);
        }
    }

    /// R-BULK-05: URIs, JSON inside a text, attributes of extensions, and texts that only look so.
    #[test]
    fn references_stand_in_uris_and_in_texts() {
        #[track_caller]
        #[expect(clippy::needless_pass_by_value, reason = "calls are shorter")]
        fn check(sent: Value, expect: Value) {
            let one = creation("b", json!({ "x": sent }));
            let tasks = tasks(vec![creation("a", json!({})), one]);
            assert_eq!((&tasks[1].data["x"], &tasks[1].unknown), (&expect, &None));
            assert_eq!(tasks[1].refs.is_empty(), !expect.to_string().contains(&id(1)));
        }
        let a = id(1);
        for base in ["/Users/", "Users/", "../users/", "https://h/scim/v2/Groups/"] {
            check(json!(format!("{base}bulkId:a")), json!(format!("{base}{a}")));
        }
        let inner = format!(r#"[{{"value":"{a}"}}]"#);
        check(json!(r#"[{"value": "bulkId:a"}]"#), json!(inner));
        check(
            json!({"urn:x": {"m": [{"$ref": "/Users/bulkId:a"}]}}),
            json!({"urn:x": {"m": [{"$ref": format!("/Users/{a}")}]}}),
        );
        for same in ["Nope/bulkId:a", "see /Users/bulkId:a", "x bulkId:a", "[bulkId:a]", "bulkId"] {
            check(json!(same), json!(same));
        }
    }

    /// R-BULK-07: what leads nowhere is told, wherever it stands.
    #[test]
    fn references_to_nothing_are_told() {
        for sent in [
            json!("bulkId:z"),
            json!("/Users/bulkId:z"),
            json!({"urn:x": {"y": ["https://h/Groups/bulkId:z"]}}),
            json!(r#"{"value": "bulkId:z"}"#),
        ] {
            let tasks = tasks(vec![creation("a", json!({ "x": sent }))]);
            assert_eq!(tasks[0].unknown.as_deref(), Some("z"), "{sent}");
        }
        for path in [
            r#"members[value eq "bulkId:z"]"#,
            "members[value eq bulkId:z]",
            r#"m[$ref eq "/Users/bulkId:z"]"#,
        ] {
            for sent in [json!({"path": path}), json!({"value": {path: "x"}})] {
                let data = json!({"Operations": [sent]});
                let tasks = tasks(vec![operation(Verb::Patch, Some("x"), None, data)]);
                assert_eq!(tasks[0].unknown.as_deref(), Some("z"), "{path}");
            }
        }
    }

    /// R-BULK-07, R-E-16: only creations of this request are meant, and the first of a name.
    #[test]
    fn references_to_nothing_are_kept() {
        let long = "z".repeat(200);
        let tasks = tasks(vec![
            creation("a", json!(["bulkId:A", "bulkId:b"])),
            operation(Verb::Delete, Some("bulkId:a"), Some("b"), Value::Null),
            creation("a", json!("bulkId:a")),
            creation("c", json!(format!("bulkId:{long}"))),
        ]);
        assert_eq!(tasks[0].unknown.as_deref(), Some("A"));
        assert_eq!((tasks[1].id.clone(), &tasks[1].unknown), (id(1), &None));
        assert_eq!((&tasks[2].data, &*tasks[2].refs), (&json!(id(1)), &[0][..]));
        assert_eq!(tasks[3].unknown.as_ref().map(String::len), Some(80));
    }
}
