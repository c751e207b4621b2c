//! Taking definitions away again.

use super::{Definitions, Extended};
use crate::{Schema, standard};

/// What went with a removal: resources, index entries and values of it are of no use any more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// The URNs of schemas.
    pub schemas: Vec<String>,
    /// The names of resource types.
    pub resource_types: Vec<String>,
    /// Extensions that types carried: the name of the type, then the URN.
    pub extensions: Vec<(String, String)>,
}

/// Why definitions can't be removed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RemoveError {
    /// There is none of this name.
    #[error("no schema or resource type `{name}` was added")]
    NotFound {
        /// The URN or name as given.
        name: String,
    },
    /// It is part of every connection.
    #[error("`{name}` is standard and can't be removed")]
    Standard {
        /// The URN or name.
        name: String,
    },
    /// Something else needs it.
    #[error("`{name}` is needed by `{by}`: remove that first")]
    InUse {
        /// The URN or name.
        name: String,
        /// The type or attribute that needs it.
        by: String,
    },
}

impl Definitions {
    /// Removes the schema of this URN, along with its place as an extension of types, or the
    /// resource type of this name, along with its base schema and the extensions that were added
    /// to it.
    ///
    /// # Errors
    /// [`RemoveError`]; nothing is changed then.
    pub fn remove(&mut self, name: &str) -> Result<Removed, RemoveError> {
        if let Some(at) = self.schemas.iter().position(|s| s.id.eq_ignore_ascii_case(name)) {
            return self.remove_schema(at);
        }
        if let Some(at) = self.resource_types.iter().position(|ty| ty.name == name) {
            return self.remove_type(at);
        }
        let name = name.to_owned();
        let is_standard = standard::schemas().iter().any(|s| s.id.eq_ignore_ascii_case(&name))
            || standard::types().iter().any(|ty| ty.name() == name);
        Err(if is_standard {
            RemoveError::Standard { name }
        } else {
            RemoveError::NotFound { name }
        })
    }

    fn remove_schema(&mut self, at: usize) -> Result<Removed, RemoveError> {
        let id = self.schemas.get(at).map(|schema| schema.id.clone()).unwrap_or_default();
        let is_same = |urn: &str| urn.eq_ignore_ascii_case(&id);
        if let Some(ty) = self.resource_types.iter().find(|ty| is_same(&ty.schema)) {
            return Err(RemoveError::InUse { name: id, by: ty.name.clone() });
        }
        let mut removed = Removed { schemas: vec![id.clone()], ..Removed::default() };
        let mut carried = |by: &str| removed.extensions.push((by.to_owned(), id.clone()));
        for ty in &mut self.resource_types {
            let count = ty.schema_extensions.len();
            ty.schema_extensions.retain(|extension| !is_same(&extension.schema));
            if ty.schema_extensions.len() < count {
                carried(&ty.name);
            }
        }
        self.extensions.retain(|extended: &Extended| {
            let goes = is_same(&extended.schema);
            if goes {
                carried(&extended.resource_type);
            }
            !goes
        });
        let prefix = format!("{id}:");
        for ty in &mut self.resource_types {
            for paths in [&mut ty.indexed, &mut ty.unique_names, &mut ty.self_service] {
                paths.retain(|path| !path.starts_with(&prefix));
            }
        }
        self.schemas.remove(at);
        Ok(removed)
    }

    fn remove_type(&mut self, at: usize) -> Result<Removed, RemoveError> {
        let Some(ty) = self.resource_types.get(at) else { return Ok(Removed::default()) };
        let name = ty.name.clone();
        let others =
            self.schemas.iter().filter(|schema| !schema.id.eq_ignore_ascii_case(&ty.schema));
        if let Some(by) = others.filter_map(|schema| refers(schema, &name)).next() {
            return Err(RemoveError::InUse { name, by });
        }
        let mut removed = Removed { resource_types: vec![name.clone()], ..Removed::default() };
        self.extensions.retain(|extended| {
            let goes = extended.resource_type == name;
            if goes {
                removed.extensions.push((name.clone(), extended.schema.clone()));
            }
            !goes
        });
        let ty = self.resource_types.remove(at);
        removed.schemas.push(ty.schema.clone());
        self.schemas.retain(|schema| !schema.id.eq_ignore_ascii_case(&ty.schema));
        Ok(removed)
    }
}

/// The attribute of a schema that refers to resources of this type.
fn refers(schema: &Schema, name: &str) -> Option<String> {
    let mut found = None;
    super::attributes::each("", schema, &mut |_, attribute, parent| {
        if attribute.reference_types.iter().any(|to| to == name) {
            let of = parent.map_or(&attribute.name, |parent| &parent.name);
            found = Some(format!("{}:{of}", schema.id));
        }
    });
    found
}
