//! Setting connections up, with everything that follows from it.

mod change;
mod consequences;
mod difference;

use rollcall_schema::{DefinitionError, Definitions, Fault, RemoveError};

pub use change::{BadSetup, LimitsChange, SetupChange};
pub use consequences::{Carried, Duplicates, Lacking};

use crate::{
    Connection, ConnectionId, Connections, ConnectionsError, Offer, Organization, Scope, Setup,
    Unavailable,
};
use difference::Difference;
pub(crate) use difference::indexed;

/// How often a setup is decided again because somebody else was faster.
const ATTEMPTS: u32 = 10;

/// Why a connection was not set up. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigureError {
    /// A switch, a capability or a limit.
    #[error(transparent)]
    Setup(#[from] BadSetup),
    /// A text that holds no definitions, or none that could be added.
    #[error("{}", lines(.0))]
    Text(Vec<Fault>),
    /// Definitions that can't be removed.
    #[error(transparent)]
    Remove(#[from] RemoveError),
    /// Definitions that don't fit together.
    #[error(transparent)]
    Compile(#[from] DefinitionError),
    /// What would go is in use.
    #[error(transparent)]
    Carried(#[from] Carried),
    /// What would be unique is not.
    #[error(transparent)]
    Duplicates(#[from] Duplicates),
    /// What would be required is missing.
    #[error(transparent)]
    Lacking(#[from] Lacking),
    /// Others kept changing the setup at the same moment.
    #[error("the connection is being set up by others: repeat the request")]
    Busy,
}

impl Connections {
    /// Changes how a connection is set up; tokens go on as they are. What changes nothing makes no
    /// new revision.
    ///
    /// Where the profile makes attributes unique, or no longer, their indexes are built anew.
    ///
    /// # Errors
    /// [`ConnectionsError::NoConnection`], [`ConfigureError`].
    pub async fn configure(
        &self,
        id: ConnectionId,
        change: &SetupChange,
    ) -> Result<Connection, ConnectionsError> {
        self.set_up(id, |setup| Ok(change.of(setup)?)).await
    }

    /// The schemas and resource types that were added to a connection.
    ///
    /// # Errors
    /// [`ConnectionsError::NoConnection`].
    pub async fn schemas(&self, id: ConnectionId) -> Result<Definitions, ConnectionsError> {
        Ok(self.get(id).await?.1.setup.definitions)
    }

    /// Adds the definitions in a text, or changes those that are there in ways that no resource
    /// notices. What is indexed anew is looked up by reading until its index is built.
    ///
    /// # Errors
    /// [`ConnectionsError::NoConnection`], [`ConfigureError::Text`] with every fault and its line,
    /// [`ConfigureError::Duplicates`], [`ConfigureError::Lacking`].
    pub async fn add_definitions(
        &self,
        id: ConnectionId,
        text: &str,
    ) -> Result<Connection, ConnectionsError> {
        self.set_up(id, |setup| {
            let definitions = setup.definitions.amend(text).map_err(ConfigureError::Text)?;
            Ok(Setup { definitions, ..setup.clone() })
        })
        .await
    }

    /// Removes the schema of this URN or the resource type of this name, which no resource may
    /// use any more.
    ///
    /// A request that was admitted a moment earlier may still write what goes: it is kept as it
    /// is, shown to nobody, and back when the definition is.
    ///
    /// # Errors
    /// [`ConnectionsError::NoConnection`], [`ConfigureError::Remove`],
    /// [`ConfigureError::Carried`].
    pub async fn remove_definition(
        &self,
        id: ConnectionId,
        name: &str,
    ) -> Result<Connection, ConnectionsError> {
        self.set_up(id, |setup| {
            let mut setup = setup.clone();
            setup.definitions.remove(name).map_err(ConfigureError::Remove)?;
            Ok(setup)
        })
        .await
    }

    /// Read, change, look at what follows, keep; again when somebody else was faster.
    async fn set_up(
        &self,
        id: ConnectionId,
        change: impl Fn(&Setup) -> Result<Setup, ConfigureError> + Send + Sync,
    ) -> Result<Connection, ConnectionsError> {
        for _ in 0..ATTEMPTS {
            let (_, connection) = self.get(id).await?;
            let wanted = change(&connection.setup)?;
            if wanted == connection.setup {
                return Ok(connection);
            }
            let setup = self.settle(&connection, wanted).await?;
            if self.registry.set_up(id, connection.revision, setup.clone()).await? {
                let revision = connection.revision + 1;
                return Ok(Connection { setup, revision, ..connection });
            }
        }
        Err(ConfigureError::Busy.into())
    }

    /// A setup with what follows from it for indexes, unless resources stand in its way.
    async fn settle(
        &self,
        connection: &Connection,
        wanted: Setup,
    ) -> Result<Setup, ConnectionsError> {
        let before = Offer::of(connection).map_err(ConfigureError::Compile)?;
        let revision = connection.revision + 1;
        let after = Offer::compile(&wanted, connection.idp, revision);
        let after = after.map_err(ConfigureError::Compile)?;
        let difference = Difference::between(before.catalog(), after.catalog());
        let at = Scope { organization: connection.organization, connection: connection.id };
        consequences::check(&*self.store.scope(at), &difference).await?;
        let since = difference.since(&connection.setup.since, revision);
        Ok(Setup { since, ..wanted })
    }

    /// A connection with its organization.
    ///
    /// # Errors
    /// [`ConnectionsError::NoConnection`].
    pub async fn get(
        &self,
        id: ConnectionId,
    ) -> Result<(Organization, Connection), ConnectionsError> {
        self.registry.connection(id).await?.ok_or(ConnectionsError::NoConnection(id))
    }
}

impl From<BadSetup> for ConnectionsError {
    fn from(error: BadSetup) -> Self {
        ConfigureError::from(error).into()
    }
}

impl From<consequences::Obstacle> for ConnectionsError {
    fn from(obstacle: consequences::Obstacle) -> Self {
        match obstacle {
            consequences::Obstacle::Carried(carried) => ConfigureError::from(carried).into(),
            consequences::Obstacle::Duplicates(found) => ConfigureError::from(found).into(),
            consequences::Obstacle::Lacking(lacking) => ConfigureError::from(lacking).into(),
            consequences::Obstacle::Unavailable(source) => Unavailable::into(source),
        }
    }
}

/// Each on a line of its own.
fn lines(faults: &[Fault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
