//! The SCIM schema model: definitions as data, documents, PATCH, filters, projection.
//!
//! SCIM 2.0 describes users, groups and whatever else is provisioned by schemas (RFC 7643).
//! This crate compiles such schemas and does, in memory, everything that a schema decides:
//! it checks the bodies of POST and PUT, applies PATCH, answers filters, orders a list, and picks
//! the attributes that a request wants to see.
//! Servers, mock servers, gateways and tests of clients can use it without the rest of Rollcall.
//!
//! - [`ResourceType`] is a compiled type; [`standard`] has User and Group, and no code here knows
//!   their names.
//! - [`Definitions`] are schemas and types of your own, read from the JSON of RFC 7643 §6 and §7;
//!   a [`Catalog`] holds them compiled beside the standard ones, and [`packs`] has some to load.
//! - [`Document`] is a body in canonical form: schema spelling, checked values, nothing that the
//!   server owns. [`ResourceType::accept`] makes it.
//! - [`Patch`] and [`Condition`] are a PATCH and a filter, resolved once and then applied to any
//!   number of resources, each seen through a [`View`].
//! - [`Projection`] takes out what `attributes` and `excludedAttributes` hide.
//! - [`Profile`] holds the tolerances that clients need, each a switch with a name.
//!
//! ```
//! use rollcall_filter::{parse_attributes, parse_filter};
//! use rollcall_schema::{Accept, Instant, Profile, View, standard};
//! use serde_json::json;
//!
//! let profile = Profile::GENERIC;
//! let user = &standard::types()[0];
//!
//! // A body as clients send it: any case, a boolean as text, nulls, an attribute of their own.
//! let body = json!({
//!     "USERNAME": "ada@example.com", "active": "True", "title": null, "shoeSize": 38,
//!     "emails": [{"value": "ada@example.com", "type": "work"}],
//! });
//! let accepted = user.accept(body, Accept::Create, &profile)?;
//! assert_eq!(accepted.ignored[0].path, "shoeSize");
//! let now = Instant::from_millis(1_747_111_354_000);
//! let seen = View {
//!     id: "u1", version: 1, created: now, modified: now,
//!     document: &accepted.document, links: &[], incoming: &[],
//! };
//!
//! // A filter.
//! let filter = parse_filter(r#"userName eq "ADA@EXAMPLE.COM" and active eq true"#)?;
//! assert!(user.condition(&filter, &profile)?.matches(user, &seen));
//!
//! // A PATCH.
//! let patch = user.patch(json!({"Operations": [
//!     {"op": "Replace", "path": "emails[type eq \"work\"].value", "value": "ada@example.org"},
//! ]}), &profile)?;
//! let patched = patch.apply(user, &seen, &profile)?;
//!
//! // A projection.
//! let projection = user.projection(&parse_attributes("emails.value")?, &[], &profile);
//! let mut shown = patched.document.into_body();
//! projection.apply(user, &mut shown);
//! assert_eq!(json!(shown), json!({"emails": [{"value": "ada@example.org"}]}));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Relations
//!
//! A writable list of references to resources, such as `members` of a Group, is never part of a
//! document: groups grow too large for that. It arrives as a [`LinkChange`], a set operation that
//! reads no members. `groups` of a User is derived from it the other way round. A [`View`] carries
//! the rows where a filter asks for them.
//!
//! # Schemas of your own
//!
//! ```
//! use rollcall_schema::{Accept, Catalog, Definitions, Profile};
//! use serde_json::json;
//!
//! let text = r#"{
//!   "schemas": [{"id": "urn:example:badge", "attributes": [
//!     {"name": "number", "type": "integer", "required": true, "uniqueness": "server"}
//!   ]}],
//!   "extensions": [{"resourceType": "User", "schema": "urn:example:badge"}]
//! }"#;
//! let badges = Definitions::read(text).map_err(|faults| faults[0].clone())?;
//! let catalog = Catalog::compile(&badges, &Profile::GENERIC)?;
//! let user = catalog.ty("User").ok_or("no User")?;
//!
//! let body = json!({"userName": "ada", "urn:example:badge": {"number": "seven"}});
//! let refused = user.accept(body, Accept::Create, &Profile::GENERIC).unwrap_err();
//! assert_eq!(refused.pointer(), "/urn:example:badge/number");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Refusals
//!
//! Whatever is refused says where it stands: definitions by line and column, bodies and PATCH
//! requests by JSON pointer ([`Violation::pointer`], [`PatchError::pointer`]), filters by offset.
//! A text holds 64 KiB at most, one that is looked up by index 1,024 characters, a PATCH 20,000
//! operations; binary values are bounded by the body alone, and U+0000 is taken nowhere.
//!
//! # What it does not do
//!
//! It keeps nothing, looks nothing up and knows no clock, so what needs other resources is left
//! to the caller: uniqueness, whether a member exists, `id`, `meta` and `schemas`.
//! It speaks no HTTP; its errors say which `scimType` they are, not which status.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod accept;
mod catalog;
mod condition;
mod definition;
mod definitions;
mod document;
mod error;
mod index;
mod instant;
mod keys;
mod links;
mod matching;
mod moment;
mod number;
pub mod packs;
mod patch;
mod pointer;
mod profile;
mod projection;
mod references;
mod required;
mod resource_type;
mod scalar;
mod sort;
pub mod standard;
pub mod text;
mod value;
mod view;

pub use accept::{Accept, Accepted};
pub use catalog::Catalog;
pub use condition::{Condition, Operand};
pub use definition::{
    Attribute, Derivation, Mutability, Returned, Schema, SchemaExtension, Type, TypeDefinition,
    Uniqueness,
};
pub use definitions::{Definitions, Extended, Fault, Flaw, RemoveError, Removed};
pub use document::Document;
pub use error::{DefinitionError, Detail, FilterError, PatchError, Violation};
pub use index::IndexKey;
pub use instant::{Instant, NotAMoment};
pub use links::{Base, Incoming, Link, LinkChange, Reach};
pub use moment::Moment;
pub use number::Number;
pub use patch::{Patch, Patched};
pub use profile::{NoSuchProfile, NoSuchSwitch, Profile, ProfileName, Switch};
pub use projection::Projection;
pub use references::{Pointed, Reference};
pub use resource_type::{
    AttrDef, AttrId, AttrRef, Extension, ExtensionId, Owner, ResourceType, Storage, Target,
};
pub use sort::{Order, Sort, SortKey};
pub use value::Ignored;
pub use view::View;
