//! The SCIM schema model.
mod definition;
mod document;
mod error;
mod instant;
mod links;
mod profile;
mod resource_type;
pub mod standard;
mod view;

pub use definition::{
    Attribute, Derivation, Mutability, Returned, Schema, SchemaExtension, Type, TypeDefinition,
    Uniqueness,
};
pub use document::Document;
pub use error::{DefinitionError, FilterError, PatchError, Violation};
pub use instant::Instant;
pub use links::{Base, Incoming, Link, LinkChange, Reach};
pub use profile::{Profile, Unknown};
pub use resource_type::{AttrDef, AttrId, AttrRef, Extension, ExtensionId, Owner, ResourceType, Storage, Target};
pub use view::View;
