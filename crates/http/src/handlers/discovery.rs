//! What the service offers, read off the definitions and settings that enforce it (RFC 7644 §4).

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use http::Response;
use http::header::{CACHE_CONTROL, ETAG};
use http::request::Parts;
use rollcall_domain::{Directory, Offer};
use rollcall_schema::{AttrDef, Attribute, Owner, Profile, ResourceType, Schema, standard};
use serde::Serialize;
use serde_json::{Value, json};

use crate::alike::alike;
use crate::parameters::names_parameter;
use crate::precondition::is_known;
use crate::problem::Problem;
use crate::route::Entry;
use crate::site::Site;
use crate::{Body, Settings, reply};

/// The schemas of the draft on roles and entitlements.
const ROLE: &str = "urn:ietf:params:scim:schemas:core:2.0:Role";
const ENTITLEMENT: &str = "urn:ietf:params:scim:schemas:core:2.0:Entitlement";

/// What discovery is read off.
pub(crate) struct Shown<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) directory: &'a Directory,
    pub(crate) offer: &'a Offer,
    pub(crate) site: &'a Site,
}

/// Answers a request for discovery. Parameters count for nothing but `filter`, which is refused
/// (R-DISC-02).
pub(crate) fn answer(
    shown: &Shown<'_>,
    entry: &Entry,
    parts: &Parts,
) -> Result<Response<Body>, Problem> {
    if names_parameter(parts.uri.query(), "filter") {
        return Err(Problem::no_filter_here());
    }
    let (catalog, site) = (shown.offer.catalog(), shown.site);
    let (schemas, types) = (catalog.schemas(), catalog.types());
    let page = match entry {
        Entry::Config => config(shown),
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
    Ok(tagged(page.to_string(), parts))
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

/// RFC 7643 §5. Whatever it calls unsupported is refused or passed over (R-DISC-09).
fn config(shown: &Shown<'_>) -> Value {
    let Shown { settings, offer, site, .. } = shown;
    let (offered, limits) = (offer.capabilities(), offer.limits());
    let (operations, payload) = match offered.bulk {
        true => (settings.bulk_operations_of(limits), settings.bulk_payload_of(limits)),
        false => (0, 0),
    };
    let results = if offered.filter { settings.pages_of(limits).max } else { 0 };
    let mut config = json!({
        "schemas": [standard::SERVICE_PROVIDER_CONFIG],
        "patch": {"supported": offered.patch},
        "bulk": {
            "supported": offered.bulk,
            "maxOperations": operations,
            "maxPayloadSize": payload,
        },
        "filter": {"supported": offered.filter, "maxResults": results},
        "changePassword": {"supported": false},
        "sort": {"supported": offered.sort},
        "etag": {"supported": offered.etag},
        "pagination": pagination(shown),
        "authenticationSchemes": [{
            "type": "oauthbearertoken",
            "name": "OAuth Bearer Token",
            "description": "A token of the connection in the Authorization header",
            "specUri": "https://www.rfc-editor.org/info/rfc6750",
            "documentationUri": "https://datatracker.ietf.org/doc/html/rfc6750#section-2.1",
            "primary": true,
        }],
        "meta": meta("ServiceProviderConfig", site, "/ServiceProviderConfig"),
    });
    // R-IOP-01: who bears anything more doesn't conform, whatever the switch says.
    if *offer.profile() == Profile::STRICT {
        add(&mut config, "interopProfileConformant", true.into());
    }
    // R-EVT-07, R-ASYNC-05: bulk requests alone are answered early, and no event is sent.
    if offered.bulk && offered.asynchronous {
        let events = json!({"asyncRequest": "request", "eventUris": []});
        add(&mut config, "securityEvents", events);
    }
    if let Some(shown) = roles_and_entitlements(offer) {
        add(&mut config, "RolesAndEntitlements", shown);
    }
    config
}

/// R-CUR-07, R-CUR-11.
fn pagination(shown: &Shown<'_>) -> Value {
    let pages = shown.settings.pages_of(shown.offer.limits());
    let timeout = shown.directory.cursor_timeout();
    let timeout = timeout.filter(|_| shown.offer.capabilities().cursor);
    let mut pagination = json!({
        "cursor": timeout.is_some(),
        "index": true,
        "defaultPaginationMethod": "index",
        "defaultPageSize": pages.default,
        "maxPageSize": pages.max,
    });
    if let Some(timeout) = timeout {
        add(&mut pagination, "cursorTimeout", timeout.as_secs().into());
    }
    pagination
}

/// What draft-ietf-scim-roles-entitlements has the configuration say (R-NEW-01), read off the
/// attributes of users that hold them; `None` where neither can be listed.
fn roles_and_entitlements(offer: &Offer) -> Option<Value> {
    let types = offer.catalog().types();
    let kinds = [
        ("roles", "multipleRolesSupported", ROLE),
        ("entitlements", "multipleEntitlementsSupported", ENTITLEMENT),
    ];
    let listed = kinds.map(|(_, _, urn)| types.iter().any(|ty| alike(ty.schema(), urn)));
    if listed == [false; 2] {
        return None;
    }
    let shown = kinds.into_iter().zip(listed).map(|((name, multiple, _), listed)| {
        let shown = types.iter().find_map(|ty| held(ty, name)).filter(|_| listed);
        let Some((ty, held)) = shown else { return (name.into(), json!({"supported": false})) };
        let has = |part| ty.sub(held.id, part).is_some();
        let shown = json!({
            "supported": true,
            multiple: held.multi_valued,
            "primarySupported": has("primary"),
            "typeSupported": has("type"),
            "types": canonical_types(ty, name),
        });
        (name.into(), shown)
    });
    Some(Value::Object(shown.collect()))
}

/// The attribute of this name of a type that stands for people.
fn held<'t>(ty: &'t ResourceType, name: &str) -> Option<(&'t ResourceType, &'t AttrDef)> {
    let people = ty.lookup(Owner::Base, "userName").is_some();
    let id = ty.lookup(Owner::Base, name).filter(|_| people)?;
    Some((ty, ty.attr(id)))
}

/// The values that the schema suggests for `type` of an attribute.
fn canonical_types<'t>(ty: &'t ResourceType, name: &str) -> &'t [String] {
    let part = |attributes: &'t [Attribute], name: &str| {
        attributes.iter().find(|attribute| attribute.name == name)
    };
    let base = ty.schemas().first().and_then(|schema| part(&schema.attributes, name));
    let kind = base.and_then(|attribute| part(&attribute.sub_attributes, "type"));
    kind.map_or(&[], |kind| &kind.canonical_values)
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
    add(&mut entry, "schemas", json!([schema]));
    add(&mut entry, "meta", meta);
    entry
}

fn add(object: &mut Value, name: &str, value: Value) {
    if let Value::Object(object) = object {
        object.insert(name.into(), value);
    }
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
