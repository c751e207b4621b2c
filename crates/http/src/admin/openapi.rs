//! The OpenAPI 3.1 document, made from the table.

use serde_json::{Map, Value, json};

use super::components::{components, reference};
use super::routes;
use super::table::{Kind, Parameter, Route};

/// What the API is, for people.
const ABOUT: &str = "\
Organizations, their connections to identity providers, and the credentials of those. \
Send an admin key as bearer token. \
Entries have an `ETag`: send it back as `If-Match`, and a write is done at that revision alone. \
Name a write with an `Idempotency-Key`, and repeating it within a day gives its first answer \
again, secrets included. Lists come in pages: send `next` back as `after`. \
What a key may not see is answered as what is not there.";

/// Statuses of answers that say no, with the sentence for each.
const FAULTS: [(u16, &str); 12] = [
    (400, "What was sent can't be."),
    (401, "The request needs a valid admin key."),
    (403, "The key may not do that."),
    (404, "There is no such thing, or not for this key."),
    (409, "Something else stands in the way."),
    (412, "The entry is not at the revision that the request insists on."),
    (413, "The body is too large."),
    (415, "The body is no JSON."),
    (422, "Another request had this `Idempotency-Key`."),
    (429, "Too many wrong keys came from this address."),
    (500, "Something went wrong inside."),
    (503, "The server can't answer right now: repeat the request."),
];

/// The document; `server` is the URL of the API.
pub(super) fn document(server: &str) -> Value {
    let mut paths = Map::new();
    for route in routes() {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(route.verb.member().into(), operation(route));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Rollcall admin API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{ "url": server }],
        "tags": tags(),
        "security": [{ "adminKey": [] }],
        "paths": paths,
        "components": {
            "schemas": components(),
            "responses": faults(),
            "securitySchemes": {
                "adminKey": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An admin key, or a token of the issuer that operators sign \
                                    in with.",
                },
            },
        },
    })
}

const TAGS: [(&str, &str); 5] = [
    ("organizations", "The customers of the SaaS."),
    ("connections", "Their identity providers."),
    ("tokens", "The credentials of connections."),
    ("admin keys", "Who may administer."),
    ("document", "What you read."),
];

fn tags() -> Vec<Value> {
    TAGS.iter().map(|(name, about)| json!({"name": name, "description": about})).collect()
}

fn tag(route: &Route) -> &'static str {
    let has = |segment: &str| route.path.split('/').any(|one| one == segment);
    match () {
        () if has("tokens") => "tokens",
        () if has("connections") => "connections",
        () if has("organizations") => "organizations",
        () if has("admin") => "admin keys",
        () => "document",
    }
}

fn operation(route: &Route) -> Value {
    let mut operation = json!({
        "operationId": route.id,
        "summary": route.summary,
        "tags": [tag(route)],
        "parameters": parameters(route),
        "responses": responses(route),
    });
    let Some(members) = operation.as_object_mut() else { return operation };
    match route.role {
        Some(role) => {
            let who = if route.everywhere { ", for every organization" } else { "" };
            let about = format!("Takes the role `{role}`{who}.");
            members.insert("description".into(), about.into());
            members.insert("x-role".into(), role.name().into());
            members.insert("x-everywhere".into(), route.everywhere.into());
        }
        None => drop(members.insert("security".into(), json!([]))),
    }
    if let Some(sent) = route.body {
        let body = json!({
            "required": !sent.optional,
            "content": {"application/json": {"schema": reference(sent.schema)}},
        });
        members.insert("requestBody".into(), body);
    }
    operation
}

fn parameters(route: &Route) -> Vec<Value> {
    let variables = route.variables().map(|name| {
        json!({
            "name": name,
            "in": "path",
            "required": true,
            "description": about_variable(name),
            "schema": {"type": "string"},
        })
    });
    let mut parameters: Vec<Value> = variables.collect();
    parameters.extend(route.query.iter().map(parameter));
    if route.if_match {
        parameters.push(header(
            "If-Match",
            "The `ETag` that was read, or `*`.",
            &json!({"type": "string", "pattern": "^(\\*|(W/)?\"[^\"]*\")$"}),
        ));
    }
    if route.writes() {
        parameters.push(header(
            "Idempotency-Key",
            "Names the request, so that repeating it does nothing twice.",
            &json!({"type": "string", "pattern": "^[!-~]{1,255}$"}),
        ));
    }
    parameters
}

fn header(name: &str, about: &str, schema: &Value) -> Value {
    json!({
        "name": name,
        "in": "header",
        "required": false,
        "description": about,
        "schema": schema,
    })
}

fn parameter(parameter: &Parameter) -> Value {
    let schema = match parameter.kind {
        Kind::Text => json!({"type": "string"}),
        Kind::Count => json!({"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}),
        Kind::OneOf(values) => json!({"type": "string", "enum": values}),
    };
    json!({
        "name": parameter.name,
        "in": "query",
        "required": parameter.required,
        "description": parameter.about,
        "schema": schema,
    })
}

fn about_variable(name: &str) -> &'static str {
    match name {
        "org" => "The organization: `org_…`.",
        "connection" => "The connection: `conn_…`.",
        "token" => "The credential: `tok_…`.",
        "job" => "The job: `job_…`.",
        "key" => "The admin key: `adm_…`.",
        _ => "The URN of a schema or the name of a resource type.",
    }
}

fn responses(route: &Route) -> Value {
    let mut responses = Map::new();
    responses.insert(route.status.to_string(), success(route));
    for (status, _) in FAULTS.iter().filter(|(status, _)| may_fail(route, *status)) {
        let fault = json!({"$ref": format!("#/components/responses/{status}")});
        responses.insert(status.to_string(), fault);
    }
    Value::Object(responses)
}

fn success(route: &Route) -> Value {
    let about = match route.status {
        201 => "It was made.",
        202 => "A job has begun.",
        _ => "It is so.",
    };
    let mut headers = Map::new();
    let mut header = |name: &str, about: &str| {
        let header = json!({"description": about, "schema": {"type": "string"}});
        headers.insert(name.into(), header);
    };
    if super::components::has_revision(route.answer) {
        header("ETag", "The revision, for `If-Match`.");
    }
    if route.location.is_some() {
        header("Location", "Where it is.");
    }
    if route.writes() {
        header("Idempotency-Replayed", "`true` where this is the answer to an earlier request.");
    }
    json!({
        "description": about,
        "headers": headers,
        "content": {"application/json": {"schema": reference(route.answer)}},
    })
}

/// Whether a route may be answered so.
fn may_fail(route: &Route, status: u16) -> bool {
    match status {
        401 | 403 | 400 | 429 => route.role.is_some(),
        404 => route.variables().next().is_some() || route.id == "createAdminKey",
        409 | 422 => route.writes(),
        412 => route.if_match,
        413 | 415 => route.body.is_some(),
        _ => route.role.is_some(),
    }
}

fn faults() -> Value {
    let fault = |(status, about): &(u16, &str)| {
        let content = json!({"application/problem+json": {"schema": reference("Problem")}});
        let mut fault = json!({"description": about, "content": content});
        let header = match status {
            401 => Some(("WWW-Authenticate", json!({"type": "string"}))),
            429 | 503 => Some(("Retry-After", json!({"type": "integer"}))),
            _ => None,
        };
        if let (Some((name, schema)), Some(members)) = (header, fault.as_object_mut()) {
            members.insert("headers".into(), json!({name: {"schema": schema}}));
        }
        (status.to_string(), fault)
    };
    Value::Object(FAULTS.iter().map(fault).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Every place in the document that refers to another.
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(to)) = members.get("$ref") {
                    found.insert(to.clone());
                }
                members.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn references_lead_to_components_and_each_component_is_referred_to() {
        let document = document("https://x.example/api/v1");
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        for reference in &found {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
        for kind in ["schemas", "responses"] {
            for name in document["components"][kind].as_object().unwrap().keys() {
                let reference = format!("#/components/{kind}/{name}");
                assert!(found.contains(&reference), "{reference}");
            }
        }
    }

    #[test]
    fn the_document_says_what_the_table_says() {
        let document = document("/api/v1");
        let paths = document["paths"].as_object().unwrap();
        let operations: usize = paths.values().map(|path| path.as_object().unwrap().len()).sum();
        assert_eq!(operations, routes().len());
        for route in routes() {
            let operation = &paths[route.path][route.verb.member()];
            assert_eq!(operation["operationId"], route.id);
            let names = |place: &str| {
                let parameters = operation["parameters"].as_array().unwrap().iter();
                let here = parameters.filter(|one| one["in"] == place);
                here.map(|one| one["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
            };
            assert_eq!(names("path"), route.variables().collect::<Vec<_>>(), "{}", route.id);
            let query: Vec<_> = route.query.iter().map(|one| one.name).collect();
            assert_eq!(names("query"), query, "{}", route.id);
            assert_eq!(names("header").contains(&"If-Match".into()), route.if_match);
            assert_eq!(names("header").contains(&"Idempotency-Key".into()), route.writes());
            assert_eq!(operation["requestBody"].is_null(), route.body.is_none());
            assert!(operation["responses"].get(route.status.to_string()).is_some());
            let guarded = operation["security"].is_null();
            assert_eq!(guarded, route.role.is_some(), "{}", route.id);
            assert_eq!(operation["responses"].get("401").is_some(), guarded, "{}", route.id);
        }
    }
}
