//! A bulk request and its answer as messages (RFC 7644 §3.7).

use std::collections::HashSet;
use std::sync::Arc;

use http::Method;
use rollcall_domain::{Done, Offer, Operation, Precondition, Undone, Verb};
use rollcall_schema::{ResourceType, standard};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::alike::{alike, small};
use crate::precondition;
use crate::problem::{Problem, ScimType};
use crate::route::Endpoint;
use crate::site::Site;

/// What was asked for, in the order of the request.
#[derive(Debug)]
pub(crate) struct BulkRequest {
    pub(crate) fail_on_errors: Option<u32>,
    pub(crate) slots: Vec<Slot>,
    pub(crate) operations: Vec<Result<Operation, Problem>>,
}

/// What the answer to an operation repeats of it.
#[derive(Debug)]
pub(crate) struct Slot {
    /// As it was sent, as far as it is short.
    method: Option<String>,
    verb: Option<Verb>,
    bulk_id: Option<String>,
    /// The resource that the operation names: none for a POST.
    named: Option<(Arc<ResourceType>, String)>,
    ty: Option<Arc<ResourceType>>,
}

impl BulkRequest {
    /// Reads a request; what is wrong with one operation is kept in its place.
    ///
    /// # Errors
    /// What is wrong with the request as a whole (R-BULK-08, R-BULK-14).
    pub(crate) fn read(body: Value, offer: &Offer, limit: usize) -> Result<Self, Problem> {
        let Value::Object(body) = body else {
            return Err(syntax("the body must be a JSON object"));
        };
        refuse_twins(&body)?;
        let (mut schemas, mut fail_on_errors, mut operations) = (None, None, None);
        for (name, value) in body {
            match small(&name).as_str() {
                "schemas" => schemas = Some(value),
                "failonerrors" if !value.is_null() => fail_on_errors = Some(count_of(&value)?),
                "operations" => operations = Some(value),
                _ => {}
            }
        }
        check_schemas(schemas.as_ref(), offer)?;
        let Some(Value::Array(operations)) = operations else {
            return Err(syntax("`Operations` must be a list of operations"));
        };
        if operations.len() > limit {
            return Err(Problem::too_many_operations(operations.len(), limit));
        }
        let mut request = Self { fail_on_errors, slots: Vec::new(), operations: Vec::new() };
        let mut bulk_ids = HashSet::new();
        for (at, operation) in operations.into_iter().enumerate() {
            let (slot, operation) = read_operation(operation, offer);
            if let Some(id) = &slot.bulk_id
                && !bulk_ids.insert(id.clone())
            {
                let id: String = id.chars().take(80).collect();
                return Err(syntax(format!("/Operations/{at}: the bulkId `{id}` is given twice")));
            }
            request.slots.push(slot);
            request.operations.push(operation);
        }
        Ok(request)
    }
}

/// The members of an operation, as far as they have the right form.
#[derive(Default)]
struct Parts {
    method: Option<String>,
    path: Option<String>,
    bulk_id: Option<String>,
    version: Option<String>,
    data: Option<Value>,
}

fn read_operation(operation: Value, offer: &Offer) -> (Slot, Result<Operation, Problem>) {
    let mut slot = Slot { method: None, verb: None, bulk_id: None, named: None, ty: None };
    let read = parts_of(operation).and_then(|mut parts| {
        slot.bulk_id = parts.bulk_id.take();
        operation_of(parts, &mut slot, offer)
    });
    (slot, read)
}

fn parts_of(operation: Value) -> Result<Parts, Problem> {
    let Value::Object(operation) = operation else {
        return Err(syntax("an operation is a JSON object"));
    };
    refuse_twins(&operation)?;
    let mut parts = Parts::default();
    for (name, value) in operation {
        let (slot, name) = match small(&name).as_str() {
            "method" => (&mut parts.method, "method"),
            "path" => (&mut parts.path, "path"),
            "bulkid" => (&mut parts.bulk_id, "bulkId"),
            "version" => (&mut parts.version, "version"),
            "data" => {
                parts.data = Some(value);
                continue;
            }
            _ => continue,
        };
        match value {
            Value::String(text) => *slot = Some(text),
            Value::Null => {}
            _ => return Err(syntax(format!("`{name}` must be a text"))),
        }
    }
    Ok(parts)
}

fn operation_of(parts: Parts, slot: &mut Slot, offer: &Offer) -> Result<Operation, Problem> {
    slot.method = parts.method.as_deref().map(|method| method.chars().take(20).collect());
    let (method, verb) = verb_of(parts.method.as_deref())?;
    slot.verb = Some(verb);
    let path = parts.path.ok_or_else(|| syntax("an operation needs a `path`, such as `/Users`"))?;
    let (ty, id) = target_of(&path, offer)?;
    slot.ty = Some(Arc::clone(&ty));
    if let Some(id) = &id {
        slot.named = Some((Arc::clone(&ty), id.clone()));
    }
    match (verb, &id) {
        (Verb::Create, None) => {
            // R-BULK-02.
            if slot.bulk_id.as_ref().is_none_or(|id| id.is_empty()) {
                return Err(syntax("a POST needs a `bulkId` of its own"));
            }
        }
        (Verb::Create, Some(_)) => {
            return Err(syntax("a POST goes to the endpoint of a type, such as `/Users`"));
        }
        (_, None) => {
            return Err(syntax(format!("{method} needs the id of a resource behind `{path}`")));
        }
        (_, Some(_)) => {}
    }
    if verb == Verb::Patch && !offer.capabilities().patch {
        return Err(Problem::not_offered("PATCH is not offered on this connection"));
    }
    let data = match (verb, parts.data) {
        (Verb::Delete, _) => Value::Null,
        (_, Some(data)) if !data.is_null() => data,
        _ => return Err(syntax(format!("{method} needs `data`"))),
    };
    let precondition = match parts.version.filter(|_| verb != Verb::Create) {
        None => Precondition::None,
        Some(_) if !offer.capabilities().etag => return Err(Problem::no_versions()),
        Some(version) => precondition::of_version(&version),
    };
    let bulk_id = slot.bulk_id.clone();
    Ok(Operation { verb, ty, id, bulk_id, precondition, data })
}

/// R-BULK-11: nothing else is done in bulk.
fn verb_of(method: Option<&str>) -> Result<(Method, Verb), Problem> {
    let method = method.ok_or_else(|| syntax("an operation needs a `method`"))?;
    let known = [
        (Method::POST, Verb::Create),
        (Method::PUT, Verb::Replace),
        (Method::PATCH, Verb::Patch),
        (Method::DELETE, Verb::Delete),
    ];
    let found = known.into_iter().find(|(known, _)| alike(known.as_str(), method));
    found.ok_or_else(|| {
        let method: String = method.chars().take(20).collect();
        syntax(format!("`{method}` can't be done in bulk: use POST, PUT, PATCH or DELETE"))
    })
}

/// The type, and the id as it was sent, that a path names.
fn target_of(path: &str, offer: &Offer) -> Result<(Arc<ResourceType>, Option<String>), Problem> {
    let nothing = || {
        let path: String = path.chars().take(80).collect();
        Problem::not_found(format!(
            "`{path}` names nothing: use a path below the base URL, such as `/Users/{{id}}`"
        ))
    };
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    if path.contains(['?', '#']) {
        return Err(nothing());
    }
    match Endpoint::of(&segments, offer.catalog().types()) {
        Ok(Endpoint::Collection(ty)) => Ok((ty, None)),
        Ok(Endpoint::Resource(ty, id)) => Ok((ty, Some(id))),
        // R-BULK-11.
        Ok(_) => Err(Problem::forbidden(format!("`{path}` can't be used in bulk"))),
        Err(_) => Err(nothing()),
    }
}

/// Readers disagree on which of two names counts that differ in case alone.
fn refuse_twins(object: &Map<String, Value>) -> Result<(), Problem> {
    let mut seen = HashSet::with_capacity(object.len());
    let twin = object.keys().find(|name| !seen.insert(small(name)));
    let short = |name: &String| name.chars().take(80).collect::<String>();
    twin.map_or(Ok(()), |name| Err(syntax(format!("`{}` is given twice", short(name)))))
}

fn check_schemas(schemas: Option<&Value>, offer: &Offer) -> Result<(), Problem> {
    let is_bulk = |urn: &str| alike(urn, standard::BULK_REQUEST);
    match schemas {
        None | Some(Value::Null) if offer.profile().schemas_optional => Ok(()),
        Some(Value::Array(urns)) if urns.iter().filter_map(Value::as_str).any(is_bulk) => Ok(()),
        _ => Err(syntax(format!("`schemas` must list `{}`", standard::BULK_REQUEST))),
    }
}

/// R-BULK-04.
fn count_of(value: &Value) -> Result<u32, Problem> {
    let count = value.as_u64().filter(|count| *count > 0);
    let count = count.map(|count| u32::try_from(count).unwrap_or(u32::MAX));
    count.ok_or_else(|| {
        Problem::bad(ScimType::InvalidValue, "`failOnErrors` must be a whole number from 1")
    })
}

fn syntax(detail: impl Into<String>) -> Problem {
    Problem::bad(ScimType::InvalidSyntax, detail)
}

/// The answer to one operation (RFC 7644 §3.7.3).
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bulk_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<Value>,
}

/// How answers are shown.
pub(crate) struct Answers<'a> {
    pub(crate) site: &'a Site,
    pub(crate) offer: &'a Offer,
    pub(crate) request_id: &'a str,
}

impl Answers<'_> {
    /// The whole answer: one entry per operation that was processed (R-BULK-03).
    pub(crate) fn write(
        &self,
        mut slots: Vec<Slot>,
        results: Vec<(usize, Result<Done, Undone<Problem>>)>,
    ) -> String {
        // What was refused here is no creation to the directory.
        let named: HashSet<String> = slots.iter().filter_map(|slot| slot.bulk_id.clone()).collect();
        let answers = results.into_iter().filter_map(|(at, result)| {
            let slot = slots.get_mut(at)?;
            let result = result.map_err(|undone| match undone {
                Undone::Unknown { bulk_id } if named.contains(&bulk_id) => {
                    Undone::Dependency { bulk_id }
                }
                undone => undone,
            });
            Some(self.one(at, slot, result))
        });
        let answers: Vec<Answer> = answers.collect();
        let operations = serde_json::to_value(answers).unwrap_or_default();
        let mut body = Map::new();
        body.insert("schemas".into(), serde_json::json!([standard::BULK_RESPONSE]));
        body.insert("Operations".into(), operations);
        Value::Object(body).to_string()
    }

    fn one(&self, at: usize, slot: &mut Slot, result: Result<Done, Undone<Problem>>) -> Answer {
        let verb = slot.verb;
        let named = slot.named.take();
        let location = |id: &dyn std::fmt::Display| {
            let ty = slot.ty.as_ref()?;
            Some(self.site.location(ty.name(), id))
        };
        let (location, version, status, response) = match result {
            Ok(done) => {
                let version = done.version.filter(|_| self.offer.capabilities().etag);
                let status = crate::reply::status_of(verb);
                (location(&done.id), version.map(precondition::tag), status, None)
            }
            Err(undone) => {
                let (status, response) =
                    problem_of(undone).of_operation(at).into_wire(self.request_id);
                // What a reference stood for is not there.
                let named = named.filter(|(_, id)| !id.starts_with("bulkId:"));
                (named.and_then(|(_, id)| location(&id)), None, status, Some(response))
            }
        };
        Answer {
            location,
            method: slot.method.take(),
            bulk_id: slot.bulk_id.take(),
            version,
            status: status.as_str().into(),
            response,
        }
    }
}

/// R-BULK-07.
fn problem_of(undone: Undone<Problem>) -> Problem {
    match undone {
        Undone::Refused(problem) => problem,
        Undone::Failed(error) => error.into(),
        Undone::Unknown { bulk_id } => Problem::bad(
            ScimType::InvalidValue,
            format!("no operation of this request has the bulkId `{bulk_id}`"),
        ),
        Undone::Dependency { bulk_id } => Problem::conflict(format!(
            "the operation with the bulkId `{bulk_id}`, which this one refers to, failed"
        )),
    }
}
