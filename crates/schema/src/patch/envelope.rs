//! The message around the operations of a PATCH.

use serde_json::{Map, Value};

use super::fault::Fault;
use crate::keys::{refuse_nul_in, refuse_twins};
use crate::resource_type::Owner;
use crate::standard::PATCH_OP;
use crate::value::shorten;
use crate::{Detail, PatchError, Profile, ResourceType};

/// More operations than these are refused, before any is looked at (R-E-17).
const MOST_OPERATIONS: usize = 20_000;

/// One operation as it was written.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) verb: Verb,
    pub(super) path: Option<String>,
    pub(super) value: Option<Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Add,
    Remove,
    Replace,
}

/// The list of operations (R-PATCH-01).
///
/// With [`Profile::bare_patch`] a body that names attributes of the type in the place of
/// `Operations` is one replace without a path.
pub(super) fn operations(
    ty: &ResourceType,
    body: Value,
    profile: &Profile,
) -> Result<Vec<Value>, PatchError> {
    let Value::Object(body) = body else {
        return Err(PatchError::Syntax("a PATCH request must be a JSON object".into()));
    };
    refuse_twins(&body).map_err(|twins| PatchError::Syntax(twins.detail().clone()))?;
    let (mut schemas, mut operations, mut rest) = (Value::Null, None, Map::new());
    for (key, value) in body {
        if key.eq_ignore_ascii_case("schemas") {
            schemas = value;
        } else if key.eq_ignore_ascii_case("operations") {
            operations = Some(value);
        } else {
            rest.insert(key, value);
        }
    }
    let named = names_patch(&schemas);
    if !named && !profile.schemas_optional {
        let detail = format!("`schemas` must contain `{PATCH_OP}`");
        return Err(PatchError::Syntax(Detail::from(detail).inside("schemas")));
    }
    match operations {
        Some(Value::Array(list)) if list.len() > MOST_OPERATIONS => {
            let count = list.len();
            let detail = format!("{count} operations: send {MOST_OPERATIONS} at most");
            Err(PatchError::Syntax(Detail::from(detail).inside("Operations")))
        }
        Some(Value::Array(list)) if !list.is_empty() => Ok(list),
        None if profile.bare_patch && !named && is_about(ty, &rest) => {
            let replace = [("op".into(), "replace".into()), ("value".into(), Value::Object(rest))];
            Ok(vec![Value::Object(Map::from_iter(replace))])
        }
        _ => {
            let detail = Detail::from("`Operations` must be a list of operations, not empty");
            Err(PatchError::Syntax(detail.inside("Operations")))
        }
    }
}

fn names_patch(schemas: &Value) -> bool {
    let is_patch = |urn: &Value| urn.as_str().is_some_and(|urn| urn.eq_ignore_ascii_case(PATCH_OP));
    schemas.as_array().is_some_and(|urns| urns.iter().any(is_patch))
}

fn is_about(ty: &ResourceType, body: &Map<String, Value>) -> bool {
    let is_known =
        |key: &String| ty.lookup(Owner::Base, key).is_some() || ty.extension_by_urn(key).is_some();
    body.keys().any(is_known)
}

impl Operation {
    /// Reads one operation (R-PATCH-02); members that the RFC doesn't know are left alone, as
    /// Entra sends them (E-ENTRA-16).
    pub(super) fn read(operation: Value) -> Result<Self, Fault> {
        let Value::Object(operation) = operation else {
            return Err(Fault::Syntax("an operation must be an object".into()));
        };
        refuse_twins(&operation)?;
        let (mut op, mut path, mut value) = (Value::Null, Value::Null, None);
        for (key, member) in operation {
            match key.to_ascii_lowercase().as_str() {
                "op" => op = member,
                "path" => path = member,
                "value" => value = Some(member),
                _ => {}
            }
        }
        let verb = verb(&op).map_err(|fault| fault.inside("op"))?;
        if let Some(value) = &value {
            refuse_nul_in(value).map_err(|wrong| Fault::from(wrong).inside("value"))?;
        }
        let path = match path {
            Value::Null => None,
            Value::String(path) if path.contains('\0') => {
                return Err(Fault::path("`path` contains the character U+0000").inside("path"));
            }
            Value::String(path) => Some(path),
            _ => return Err(Fault::path("`path` must be a string").inside("path")),
        };
        Ok(Self { verb, path, value })
    }
}

fn verb(op: &Value) -> Result<Verb, Fault> {
    let Value::String(op) = op else {
        return Err(Fault::Syntax("`op` must be `add`, `remove` or `replace`".into()));
    };
    match op.to_ascii_lowercase().as_str() {
        "add" => Ok(Verb::Add),
        "remove" => Ok(Verb::Remove),
        "replace" => Ok(Verb::Replace),
        _ => {
            let op = shorten(op);
            let detail = format!("no operation `{op}`: use `add`, `remove` or `replace`");
            Err(Fault::Syntax(detail.into()))
        }
    }
}
