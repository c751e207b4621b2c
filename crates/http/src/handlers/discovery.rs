//! What the service offers, read off the definitions and settings that enforce it (RFC 7644 §4).

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use http::Response;
use http::header::{CACHE_CONTROL, ETAG};
use http::request::Parts;
use rollcall_schema::{ResourceType, Schema, standard};
use serde::Serialize;
use serde_json::{Value, json};

use crate::alike::alike;
use crate::parameters::names_parameter;
use crate::precondition::is_known;
use crate::problem::Problem;
use crate::route::Entry;
use crate::site::Site;
use crate::{Body, Settings, reply};

/// Answers a request for discovery. Parameters count for nothing but `filter`, which is refused
/// (R-DISC-02).
pub(crate) fn answer(
    settings: &Settings,
    site: &Site,
    entry: &Entry,
    parts: &Parts,
) -> Result<Response<Body>, Problem> {
    if names_parameter(parts.uri.query(), "filter") {
        return Err(Problem::no_filter_here());
    }
    let (schemas, types) = (standard::schemas(), standard::types());
    let shown = match entry {
        Entry::Config => config(settings, site),
        Entry::Schemas => list(schemas.iter().map(|schema| show_schema(schema, site))),
        Entry::ResourceTypes => list(types.iter().map(|ty| show_type(ty, site))),
        Entry::Schema(urn) => {
            let schema = schemas.iter().find(|schema| alike(&schema.id, urn));
            show_schema(schema.ok_or_else(|| missing("schema", urn))?, site)
        }
        Entry::ResourceType(name) => {
            let ty = types.iter().find(|ty| alike(ty.name(), name));
            show_type(ty.ok_or_else(|| missing("resource type", name))?, site)
        }
    };
    Ok(tagged(shown.to_string(), parts))
}

/// R-DISC-10: clients may keep it for some minutes, and ask whether it has changed.
fn tagged(text: String, parts: &Parts) -> Response<Body> {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    let tag = format!("W/\"{:016x}\"", hasher.finish());
    let response = match is_known(&parts.headers, &tag) {
        true => reply::not_modified(),
        false => reply::ok(text.into()),
    };
    reply::with(reply::with(response, ETAG, &tag), CACHE_CONTROL, "private, max-age=300")
}

/// RFC 7643 §5. Whatever it calls unsupported is answered 501 or ignored (R-DISC-09).
fn config(settings: &Settings, site: &Site) -> Value {
    json!({
        "schemas": [standard::SERVICE_PROVIDER_CONFIG],
        "patch": {"supported": true},
        "bulk": {"supported": false, "maxOperations": 0, "maxPayloadSize": 0},
        "filter": {"supported": true, "maxResults": settings.page_max},
        "changePassword": {"supported": false},
        "sort": {"supported": true},
        "etag": {"supported": true},
        "pagination": {
            "cursor": false,
            "index": true,
            "defaultPaginationMethod": "index",
            "defaultPageSize": settings.page_default.min(settings.page_max),
            "maxPageSize": settings.page_max,
        },
        "authenticationSchemes": [{
            "type": "oauthbearertoken",
            "name": "OAuth Bearer Token",
            "description": "A token of the connection in the Authorization header",
            "specUri": "https://www.rfc-editor.org/info/rfc6750",
            "documentationUri": "https://datatracker.ietf.org/doc/html/rfc6750#section-2.1",
            "primary": true,
        }],
        "meta": meta("ServiceProviderConfig", site, "/ServiceProviderConfig"),
    })
}

fn show_schema(schema: &Arc<Schema>, site: &Site) -> Value {
    entry(&**schema, standard::SCHEMA, meta("Schema", site, &format!("/Schemas/{}", schema.id)))
}

fn show_type(ty: &Arc<ResourceType>, site: &Site) -> Value {
    let meta = meta("ResourceType", site, &format!("/ResourceTypes/{}", ty.name()));
    entry(&ty.definition().on_the_wire(), standard::RESOURCE_TYPE, meta)
}

/// A definition with what every resource has (R-DISC-08).
fn entry(definition: &impl Serialize, schema: &str, meta: Value) -> Value {
    let mut entry = serde_json::to_value(definition).expect("definitions are JSON");
    if let Value::Object(entry) = &mut entry {
        entry.insert("schemas".into(), json!([schema]));
        entry.insert("meta".into(), meta);
    }
    entry
}

fn meta(kind: &str, site: &Site, path: &str) -> Value {
    json!({"resourceType": kind, "location": format!("{}{path}", site.base())})
}

/// R-DISC-04: always all of them.
fn list(entries: impl Iterator<Item = Value>) -> Value {
    let entries: Vec<Value> = entries.collect();
    json!({
        "schemas": [standard::LIST_RESPONSE],
        "totalResults": entries.len(),
        "itemsPerPage": entries.len(),
        "startIndex": 1,
        "Resources": entries,
    })
}

fn missing(what: &str, name: &str) -> Problem {
    let name: String = name.chars().take(80).collect();
    Problem::not_found(format!("no {what} `{name}`"))
}
