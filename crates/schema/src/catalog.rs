//! Everything that one connection knows: the standard types and those that were added to them.

use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};

use crate::{
    DefinitionError, Profile, ResourceType, Schema, SchemaExtension, TypeDefinition, Uniqueness,
    standard,
};

/// Schemas and resource types that were added to the standard ones, as data (RFC 7643 §6, §7).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Definitions {
    /// Schemas.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub schemas: Vec<Schema>,
    /// Whole resource types.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resource_types: Vec<TypeDefinition>,
    /// Extensions of types that are there already.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<Extended>,
}

/// Says that a resource type may or must carry one schema more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Extended {
    /// The name of the type, such as `User`.
    pub resource_type: String,
    /// The URN of the extension.
    pub schema: String,
    /// Whether every resource must carry it (R-EXT-02).
    #[serde(default)]
    pub required: bool,
    /// Attributes of the extension whose values are looked up by index, as whole paths.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub indexed: Vec<String>,
}

/// The schemas and compiled types of one connection.
#[derive(Clone, Debug)]
pub struct Catalog {
    schemas: Vec<Arc<Schema>>,
    types: Vec<Arc<ResourceType>>,
}

impl Catalog {
    /// The standard types alone.
    pub fn standard() -> &'static Arc<Self> {
        static STANDARD: LazyLock<Arc<Catalog>> = LazyLock::new(|| {
            let (schemas, types) = (standard::schemas().into(), standard::types().into());
            Arc::new(Catalog { schemas, types })
        });
        &STANDARD
    }

    /// The standard types and `added`.
    ///
    /// # Errors
    /// [`DefinitionError`] when they don't fit together.
    pub fn compile(added: &Definitions, profile: &Profile) -> Result<Self, DefinitionError> {
        let mut schemas: Vec<Arc<Schema>> = standard::schemas().into();
        schemas.extend(added.schemas.iter().cloned().map(Arc::new));
        let known = standard::types().iter().map(|ty| ty.definition().clone());
        let mut definitions: Vec<TypeDefinition> =
            known.chain(added.resource_types.iter().cloned()).collect();
        for extended in &added.extensions {
            let of = definitions.iter_mut().find(|ty| ty.name == extended.resource_type);
            let of = of.ok_or_else(|| DefinitionError::NoSuchPath {
                path: extended.resource_type.clone(),
            })?;
            let (schema, required) = (extended.schema.clone(), extended.required);
            of.schema_extensions.push(SchemaExtension { schema, required });
            of.indexed.extend(extended.indexed.iter().cloned());
        }
        if profile.unique_names {
            for definition in &definitions {
                make_unique(&mut schemas, definition);
            }
        }
        let compiled = definitions
            .iter()
            .map(|definition| ResourceType::compile(definition, &schemas).map(Arc::new));
        Ok(Self { types: compiled.collect::<Result<_, _>>()?, schemas })
    }

    /// The schemas in the order in which discovery shows them.
    pub fn schemas(&self) -> &[Arc<Schema>] {
        &self.schemas
    }

    /// The resource types in the order in which discovery shows them.
    pub fn types(&self) -> &[Arc<ResourceType>] {
        &self.types
    }

    /// The resource type of this name.
    pub fn ty(&self, name: &str) -> Option<&Arc<ResourceType>> {
        self.types.iter().find(|ty| ty.name() == name)
    }
}

fn make_unique(schemas: &mut [Arc<Schema>], definition: &TypeDefinition) {
    let base = schemas.iter_mut().find(|schema| schema.id == definition.schema);
    let Some(base) = base.filter(|_| !definition.unique_names.is_empty()) else { return };
    for attribute in &mut Arc::make_mut(base).attributes {
        if definition.unique_names.contains(&attribute.name) {
            attribute.uniqueness = Uniqueness::Server;
        }
    }
}
