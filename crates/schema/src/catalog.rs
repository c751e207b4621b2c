//! Everything that one connection knows: the standard types and those that were added to them.

use std::sync::{Arc, LazyLock};

use crate::{
    DefinitionError, Definitions, Profile, ResourceType, Schema, SchemaExtension, TypeDefinition,
    Uniqueness, standard,
};

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
    /// [`DefinitionError`] when they don't fit together: [`Definitions::check`] says all about it.
    pub fn compile(added: &Definitions, profile: &Profile) -> Result<Self, DefinitionError> {
        added.check().map_err(DefinitionError::Flawed)?;
        let mut schemas: Vec<Arc<Schema>> = standard::schemas().into();
        schemas.extend(added.schemas.iter().cloned().map(Arc::new));
        let known = standard::types().iter().map(|ty| ty.definition().clone());
        let mut definitions: Vec<TypeDefinition> =
            known.chain(added.resource_types.iter().cloned()).collect();
        for extended in &added.extensions {
            let of = definitions.iter_mut().find(|ty| ty.name == extended.resource_type);
            let of = of.ok_or_else(|| DefinitionError::NoSuchType {
                name: extended.resource_type.clone(),
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
        let endpoints = standard::endpoints(&definitions);
        let compiled = definitions.iter().map(|definition| {
            let ty = ResourceType::compile(definition, &schemas)?;
            Ok(Arc::new(ty.beside(Arc::clone(&endpoints))))
        });
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

    /// The schema of this URN, in any case (R-DISC-06).
    pub fn schema(&self, urn: &str) -> Option<&Arc<Schema>> {
        self.schemas.iter().find(|schema| schema.id.eq_ignore_ascii_case(urn))
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
