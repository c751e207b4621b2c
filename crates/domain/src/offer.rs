//! What a connection offers: discovery shows it, and everything that answers enforces it.

use std::collections::BTreeMap;
use std::sync::Arc;

use rollcall_schema::{AttrDef, Catalog, DefinitionError, Profile, ProfileName, ResourceType};

use crate::{Capabilities, Connection, IdpKind, Limits, Setup};

/// A connection's setup, compiled once per revision.
#[derive(Clone, Debug)]
pub struct Offer {
    setup: Setup,
    profile_name: ProfileName,
    profile: Profile,
    catalog: Arc<Catalog>,
    revision: u64,
}

impl Offer {
    /// Compiles the setup of a connection.
    ///
    /// # Errors
    /// [`DefinitionError`] when its definitions don't fit together.
    pub fn of(connection: &Connection) -> Result<Self, DefinitionError> {
        Self::compile(&connection.setup, connection.idp, connection.revision)
    }

    pub(crate) fn compile(
        setup: &Setup,
        idp: IdpKind,
        revision: u64,
    ) -> Result<Self, DefinitionError> {
        let profile_name = setup.profile.name.unwrap_or_else(|| profile_of(idp));
        let profile = profile(setup, idp);
        let plain = setup.definitions == rollcall_schema::Definitions::default();
        let catalog = match plain && !profile.unique_names {
            true => Arc::clone(Catalog::standard()),
            false => Arc::new(Catalog::compile(&setup.definitions, &profile)?),
        };
        Ok(Self { setup: setup.clone(), profile_name, profile, catalog, revision })
    }

    /// The name of the profile that the connection departs from, if it does.
    pub const fn profile_name(&self) -> ProfileName {
        self.profile_name
    }

    /// The wire dialect.
    pub const fn profile(&self) -> &Profile {
        &self.profile
    }

    /// The schemas and resource types.
    pub const fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// What of the optional protocol there is.
    pub const fn capabilities(&self) -> &Capabilities {
        &self.setup.capabilities
    }

    /// What was limited for this connection alone.
    pub const fn limits(&self) -> &Limits {
        &self.setup.limits
    }

    /// The revision of the setup, from 0: records say under which one they were indexed.
    pub const fn revision(&self) -> u64 {
        self.revision
    }

    /// Since which revision the values of an attribute are indexed; 0 where they always were.
    pub fn indexed_since(&self, ty: &ResourceType, attr: &AttrDef) -> u64 {
        self.since(ty).and_then(|since| since.get(&*attr.path)).copied().unwrap_or(0)
    }

    /// Since which revision indexes of a type exist, by path; the others were always there.
    pub fn since(&self, ty: &ResourceType) -> Option<&BTreeMap<String, u64>> {
        self.setup.since.get(ty.name())
    }

    /// The revision under which a record of this type must have been indexed to be in every index.
    pub fn complete_since(&self, ty: &ResourceType) -> u64 {
        self.since(ty).and_then(|since| since.values().max()).copied().unwrap_or(0)
    }
}

/// The profile that fits a kind of IdP.
const fn profile_of(idp: IdpKind) -> ProfileName {
    match idp {
        IdpKind::Okta => ProfileName::Okta,
        IdpKind::Entra => ProfileName::Entra,
        IdpKind::Jumpcloud => ProfileName::Jumpcloud,
        IdpKind::Google
        | IdpKind::Onelogin
        | IdpKind::Ping
        | IdpKind::Cyberark
        | IdpKind::Rippling
        | IdpKind::Generic => ProfileName::Generic,
    }
}

/// The profile with what departs from it. A switch that this server doesn't know was set by one of
/// another version, and says nothing here: whoever sets one is told
/// ([`SetupChange::of`](crate::SetupChange::of)), and a connection never stops over it.
fn profile(setup: &Setup, idp: IdpKind) -> Profile {
    let mut profile = Profile::of(setup.profile.name.unwrap_or_else(|| profile_of(idp)));
    for (name, on) in &setup.profile.switches {
        profile.set(name, *on).unwrap_or_default();
    }
    profile
}
