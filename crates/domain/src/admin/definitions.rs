//! Schemas and resource types of connections.

use super::{Admin, AdminError, ConfigureError, FirstToken, Place};
use crate::{Caller, Connection, Setup};

impl Admin {
    /// Adds the definitions in a text, or changes those that are there in ways that no resource
    /// notices. What is indexed anew is looked up by reading until its index is built.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], [`ConfigureError::Text`] with every fault and its line,
    /// [`ConfigureError::Duplicates`], [`ConfigureError::Lacking`].
    pub async fn add_definitions(
        &self,
        caller: &Caller,
        place: impl Into<Place> + Send,
        text: &str,
        expect: Option<u64>,
    ) -> Result<Connection, AdminError> {
        let added = self.set_up(caller, place, expect, FirstToken::None, |connection| {
            let definitions = connection.setup.definitions.amend(text);
            let definitions = definitions.map_err(ConfigureError::Text)?;
            let setup = Setup { definitions, ..connection.setup.clone() };
            Ok(Connection { setup, ..connection.clone() })
        });
        Ok(added.await?.connection)
    }

    /// Removes the schema of this URN or the resource type of this name, which no resource may
    /// use any more.
    ///
    /// A request that was admitted a moment earlier may still write what goes: it is kept as it
    /// is, shown to nobody, and back when the definition is.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], [`ConfigureError::Remove`], [`ConfigureError::Carried`].
    pub async fn remove_definition(
        &self,
        caller: &Caller,
        place: impl Into<Place> + Send,
        name: &str,
        expect: Option<u64>,
    ) -> Result<Connection, AdminError> {
        let removed = self.set_up(caller, place, expect, FirstToken::None, |connection| {
            let mut setup = connection.setup.clone();
            setup.definitions.remove(name).map_err(ConfigureError::Remove)?;
            Ok(Connection { setup, ..connection.clone() })
        });
        Ok(removed.await?.connection)
    }
}
