//! The schemas and resource types that every connection starts with.

use std::sync::{Arc, LazyLock};

use serde::de::DeserializeOwned;

use crate::resource_type::Endpoints;
use crate::{Attribute, ResourceType, Schema, TypeDefinition};

/// The base schema of users.
pub const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// The base schema of groups.
pub const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// The extension of users for enterprises.
pub const ENTERPRISE_USER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
/// What a service provider supports (RFC 7643 §5).
pub const SERVICE_PROVIDER_CONFIG: &str =
    "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";
/// A resource type on the wire (RFC 7643 §6).
pub const RESOURCE_TYPE: &str = "urn:ietf:params:scim:schemas:core:2.0:ResourceType";
/// A schema on the wire (RFC 7643 §7).
pub const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Schema";
/// A page of a list.
pub const LIST_RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
/// A query by POST.
pub const SEARCH_REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";
/// A PATCH.
pub const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
/// Several operations in one request.
pub const BULK_REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
/// The answer to several operations.
pub const BULK_RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";
/// An error.
pub const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// The schemas of RFC 7643: users, groups and the enterprise extension, then the three that
/// describe the service provider itself.
///
/// Serialised, one of them is an entry of `/Schemas` without `schemas` and `meta`. The message
/// URNs are not among them (R-URI-01).
pub fn schemas() -> &'static [Arc<Schema>] {
    static SCHEMAS: LazyLock<Vec<Arc<Schema>>> = LazyLock::new(|| {
        [
            include_str!("../definitions/user.json"),
            include_str!("../definitions/group.json"),
            include_str!("../definitions/enterprise_user.json"),
            include_str!("../definitions/service_provider_config.json"),
            include_str!("../definitions/resource_type.json"),
            include_str!("../definitions/schema.json"),
        ]
        .map(|text| Arc::new(read(text)))
        .into()
    });
    &SCHEMAS
}

/// The resource types of RFC 7643: `User` and `Group`.
///
/// `definition()` of one, serialised, is an entry of `/ResourceTypes` without `schemas` and
/// `meta`.
pub fn types() -> &'static [Arc<ResourceType>] {
    static TYPES: LazyLock<Vec<Arc<ResourceType>>> = LazyLock::new(|| {
        let definitions: Vec<TypeDefinition> = read(include_str!("../definitions/types.json"));
        let endpoints = endpoints(&definitions);
        let compiled = |definition| compiled(definition).beside(Arc::clone(&endpoints));
        definitions.iter().map(|definition| Arc::new(compiled(definition))).collect()
    });
    &TYPES
}

/// `schemas`, `id`, `externalId` and `meta`: on every resource (RFC 7643 §3.1).
pub(crate) fn common_attributes() -> &'static [Attribute] {
    static COMMON: LazyLock<Vec<Attribute>> =
        LazyLock::new(|| read(include_str!("../definitions/common.json")));
    &COMMON
}

/// The endpoints of types that stand beside one another.
pub(crate) fn endpoints(definitions: &[TypeDefinition]) -> Endpoints {
    let endpoint = |ty: &TypeDefinition| ty.endpoint.trim_start_matches('/').to_owned();
    definitions.iter().map(|ty| (ty.name.clone(), endpoint(ty))).collect()
}

fn compiled(definition: &TypeDefinition) -> ResourceType {
    ResourceType::compile(definition, schemas()).expect("the shipped types compile")
}

fn read<T: DeserializeOwned>(text: &str) -> T {
    serde_json::from_str(text).expect("the shipped definitions are well formed")
}
