//! The connections of organizations.

use rollcall_schema::Definitions;
use serde::{Deserialize, Deserializer};
use serde_json::json;

use super::guard::{checked_name, insists, still_there};
use super::names::spellings;
use super::{
    ATTEMPTS, Admin, AdminError, ConfigureError, ConnectionChange, Listed, Minted, NewToken,
    PageAsked, consequences, difference::Difference, differing,
};
use crate::{
    AdminEvent, Amend, Caller, Connection, ConnectionId, Entry, EntryId, IdpKind, Offer,
    Organization, OrganizationId, Role, Scope, Setup,
};

/// Names a connection: by its organization too, where the caller says that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The organization that it must be of.
    pub organization: Option<OrganizationId>,
    /// The connection.
    pub connection: ConnectionId,
}

impl From<ConnectionId> for Place {
    fn from(connection: ConnectionId) -> Self {
        Self { organization: None, connection }
    }
}

/// A connection to be made.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct NewConnection {
    /// What kind of IdP stands at the other end.
    pub idp: IdpKind,
    /// How it differs from one that nothing was decided about.
    pub settings: ConnectionChange,
    /// Its first token: a bearer token where nothing is said, none for null.
    #[serde(deserialize_with = "token")]
    pub token: FirstToken,
}

/// What becomes of the token of a connection that has none yet.
#[derive(Clone, Debug, Default)]
pub enum FirstToken {
    /// A bearer token that may do everything.
    #[default]
    Plain,
    /// One like this.
    Like(NewToken),
    /// None is made.
    None,
}

fn token<'de, D: Deserializer<'de>>(from: D) -> Result<FirstToken, D::Error> {
    Ok(Option::<NewToken>::deserialize(from)?.map_or(FirstToken::None, FirstToken::Like))
}

/// A connection that was made or set up.
#[derive(Debug)]
pub struct Configured {
    /// The connection afterwards.
    pub connection: Connection,
    /// Its first token, where there was none.
    pub minted: Option<Minted>,
}

impl Admin {
    /// Makes a connection with its first token.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] for an unknown organization, [`AdminError::Conflict`] for a name
    /// in use, [`AdminError::Configure`].
    pub async fn create_connection(
        &self,
        caller: &Caller,
        organization: OrganizationId,
        new: &NewConnection,
    ) -> Result<Configured, AdminError> {
        let organization = self.organization(caller, organization).await?;
        caller.needs(Role::Operator)?;
        self.repeated(caller).await?;
        let configured = self.new_connection(caller, &organization, new)?;
        let (acts, events) = self.creation(caller, &configured)?;
        let kept = self.keep(caller, acts, events, &configured.shown()).await;
        kept.map_err(|error| match error {
            // Nothing is read here that could be stale but the organization, which is gone.
            AdminError::Stale => AdminError::missing("organization", organization.id),
            error => error,
        })?;
        Ok(configured)
    }

    /// Makes a connection with its first token in the organization of this name, which is made
    /// too where there is none.
    ///
    /// # Errors
    /// Those of [`create_connection`](Self::create_connection).
    pub async fn connect(
        &self,
        caller: &Caller,
        organization: &str,
        new: &NewConnection,
    ) -> Result<Configured, AdminError> {
        caller.needs(Role::Operator)?;
        caller.everywhere()?;
        for _ in 0..ATTEMPTS {
            for name in spellings(organization) {
                if let Some(known) = self.registry.organization_named(&name).await? {
                    return self.create_connection(caller, known.id, new).await;
                }
            }
            // The answer that is kept is that of the connection.
            let unnamed = Caller { request: None, ..caller.clone() };
            match self.create_organization(&unnamed, organization).await {
                Ok(made) => return self.create_connection(caller, made.id, new).await,
                // Somebody else made it at the same moment.
                Err(AdminError::Conflict(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Err(AdminError::Busy)
    }

    /// The connections that the caller may see, with their organizations: those of one, or of all.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] for an unknown organization.
    pub async fn connections(
        &self,
        caller: &Caller,
        of: Option<OrganizationId>,
        page: &PageAsked,
    ) -> Result<Listed<(Organization, Connection)>, AdminError> {
        let (limit, after) = page.read::<ConnectionId>()?;
        let of = match of {
            Some(of) => Some(self.organization(caller, of).await?.id),
            None => caller.organization,
        };
        let rows = self.registry.connections(of, after, Self::one_more(limit)).await?;
        Ok(Listed::of(rows, limit, |(_, connection)| connection.id.to_string()))
    }

    /// One connection with its organization.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn connection(
        &self,
        caller: &Caller,
        place: impl Into<Place>,
    ) -> Result<(Organization, Connection), AdminError> {
        let place = place.into();
        let found = self.registry.connection(place.connection).await?;
        let theirs = |organization: OrganizationId| {
            caller.sees(organization) && place.organization.is_none_or(|of| of == organization)
        };
        found
            .filter(|(organization, _)| theirs(organization.id))
            .ok_or_else(|| AdminError::missing("connection", place.connection))
    }

    /// Changes how a connection is set up; its tokens go on as they are. One that never had any
    /// gets its first. What changes nothing makes no new revision.
    ///
    /// Where the profile makes attributes unique, or no longer, their indexes are built anew.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], [`AdminError::Stale`], [`AdminError::Configure`].
    pub async fn configure(
        &self,
        caller: &Caller,
        place: impl Into<Place>,
        change: &ConnectionChange,
        expect: Option<u64>,
    ) -> Result<Configured, AdminError> {
        let place = place.into();
        self.connection(caller, place).await?;
        self.set_up(caller, place, expect, FirstToken::Plain, |connection| {
            let setup = change.setup(&connection.setup)?;
            let mut changed = Connection { setup, ..connection.clone() };
            if let Some(name) = &change.name {
                changed.name = name.as_deref().map(checked_name).transpose()?;
            }
            if let Some(status) = change.status {
                changed.status = status;
            }
            Ok(changed)
        })
        .await
    }

    /// The schemas and resource types that were added to a connection.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn schemas(
        &self,
        caller: &Caller,
        place: impl Into<Place>,
    ) -> Result<Definitions, AdminError> {
        Ok(self.connection(caller, place).await?.1.setup.definitions)
    }

    fn new_connection(
        &self,
        caller: &Caller,
        organization: &Organization,
        new: &NewConnection,
    ) -> Result<Configured, AdminError> {
        debug_assert!(caller.sees(organization.id), "it was looked up for the caller");
        let id = ConnectionId::from_uuid(self.ids.next());
        let made = Connection::new(id, organization.id, new.idp, self.now());
        let name = new.settings.name.clone().flatten();
        let connection = Connection {
            name: name.as_deref().map(checked_name).transpose()?,
            status: new.settings.status.unwrap_or_default(),
            setup: new.settings.setup(&made.setup)?,
            ..made
        };
        Offer::of(&connection).map_err(ConfigureError::Compile)?;
        let minted = self.first(&connection, &new.token)?;
        Ok(Configured { connection, minted })
    }

    fn first(
        &self,
        connection: &Connection,
        wanted: &FirstToken,
    ) -> Result<Option<Minted>, AdminError> {
        let new = match wanted {
            FirstToken::None => return Ok(None),
            FirstToken::Plain => &NewToken::default(),
            FirstToken::Like(NewToken { user: Some(_), .. }) => {
                let detail = "a new connection has no users yet: make the token of one later";
                return Err(AdminError::Bad(detail.into()));
            }
            FirstToken::Like(new) => new,
        };
        self.minted(connection, new).map(Some)
    }

    fn creation(
        &self,
        caller: &Caller,
        configured: &Configured,
    ) -> Result<(Vec<Amend>, Vec<AdminEvent>), AdminError> {
        let Configured { connection, minted } = configured;
        let at = (Some(connection.organization), Some(connection.id));
        let subject = (EntryId::Connection(connection.id), 0);
        let shown = json!({ "after": connection.shown()? });
        let mut acts = vec![Amend::Add(Entry::Connection(Box::new(connection.clone())))];
        let mut events = vec![self.event(caller, at, "connection.created", subject, shown)];
        if let Some(minted) = minted {
            acts.push(Amend::Add(Entry::Token(Box::new(minted.token.clone()))));
            events.push(self.token_event(caller, &minted.token, "token.created"));
        }
        Ok((acts, events))
    }

    /// Read, change, look at what follows, keep; again when somebody else was faster, unless the
    /// caller insists on a revision. A connection that never had a token gets this one.
    pub(super) async fn set_up(
        &self,
        caller: &Caller,
        place: impl Into<Place>,
        expect: Option<u64>,
        token: FirstToken,
        change: impl Fn(&Connection) -> Result<Connection, AdminError> + Send + Sync,
    ) -> Result<Configured, AdminError> {
        let place = place.into();
        caller.needs(Role::Operator)?;
        let once = || self.set_up_once(caller, place, expect, &token, &change);
        self.decided(caller, expect, once).await
    }

    async fn set_up_once(
        &self,
        caller: &Caller,
        place: Place,
        expect: Option<u64>,
        token: &FirstToken,
        change: &(impl Fn(&Connection) -> Result<Connection, AdminError> + Send + Sync),
    ) -> Result<Configured, AdminError> {
        self.repeated(caller).await?;
        let (_, before) = self.connection(caller, place).await?;
        insists(expect, before.revision)?;
        still_there(&before)?;
        let wanted = change(&before)?;
        let minted = match self.registry.tokens(before.id).await?.is_empty() {
            true => self.first(&before, token)?,
            false => None,
        };
        if wanted == before && minted.is_none() {
            let configured = Configured { connection: before, minted };
            self.unchanged(caller, &configured.shown()).await?;
            return Ok(configured);
        }
        let setup = match wanted.setup == before.setup {
            true => wanted.setup.clone(),
            false => self.settle(&before, wanted.setup.clone()).await?,
        };
        // A first token moves the revision too, so that of two who make one the second is late.
        let connection = Connection { setup, revision: before.revision + 1, ..wanted };
        let configured = Configured { connection, minted };
        self.keep_configured(caller, &before, &configured).await?;
        Ok(configured)
    }

    async fn keep_configured(
        &self,
        caller: &Caller,
        before: &Connection,
        configured: &Configured,
    ) -> Result<(), AdminError> {
        let Configured { connection: after, minted } = configured;
        let at = (Some(after.organization), Some(after.id));
        let subject = (EntryId::Connection(after.id), after.revision);
        let changes = differing(&before.shown()?, &after.shown()?);
        let mut events = vec![self.event(caller, at, "connection.changed", subject, changes)];
        let entry = Entry::Connection(Box::new(after.clone()));
        let mut acts = vec![Amend::Replace { entry, expect: before.revision }];
        if let Some(minted) = minted {
            acts.push(Amend::Add(Entry::Token(Box::new(minted.token.clone()))));
            events.push(self.token_event(caller, &minted.token, "token.created"));
        }
        self.keep(caller, acts, events, &configured.shown()).await
    }

    /// A setup with what follows from it for indexes, unless resources stand in its way.
    async fn settle(&self, connection: &Connection, wanted: Setup) -> Result<Setup, AdminError> {
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
}
