//! What a registry keeps, and what becomes of it.

use std::collections::{BTreeMap, HashMap};

use rollcall_domain::{
    AdminKey, AdminKeyId, Amend, AmendError, Amendment, Connection, ConnectionId, Entry, EntryId,
    Job, JobId, Kept, Note, Organization, OrganizationId, SigningKey, SigningKeyId, Token, TokenId,
    Traffic, Unavailable,
};
use rollcall_schema::Instant;

#[derive(Clone, Debug, Default)]
pub(super) struct Entries {
    pub(super) organizations: BTreeMap<OrganizationId, Organization>,
    pub(super) connections: BTreeMap<ConnectionId, Connection>,
    pub(super) tokens: BTreeMap<TokenId, Token>,
    pub(super) admin_keys: BTreeMap<AdminKeyId, AdminKey>,
    pub(super) signing_keys: BTreeMap<SigningKeyId, SigningKey>,
    pub(super) jobs: BTreeMap<JobId, Job>,
    /// By actor and key.
    pub(super) kept: HashMap<(String, String), Kept>,
}

impl Entries {
    pub(super) fn with_organization(
        &self,
        connection: &Connection,
    ) -> Option<(Organization, Connection)> {
        let organization = self.organizations.get(&connection.organization)?;
        Some((organization.clone(), connection.clone()))
    }

    /// Whether a connection is there, and nobody has decided its end.
    pub(super) fn is_open(&self, id: ConnectionId) -> bool {
        self.connections.get(&id).is_some_and(|one| one.removal.is_none())
    }

    pub(super) fn with_connection(&self, token: &Token) -> Option<(Token, Connection)> {
        Some((token.clone(), self.connections.get(&token.connection)?.clone()))
    }

    /// Makes an amendment. After an error the entries are in pieces: amend a copy.
    pub(super) fn amend(&mut self, amendment: &Amendment) -> Result<(), AmendError> {
        if let Some(kept) = &amendment.kept {
            self.keep(kept)?;
        }
        for act in &amendment.acts {
            match act {
                Amend::Add(entry) => self.add(entry.clone())?,
                Amend::Replace { entry, expect } => self.replace(entry.clone(), *expect)?,
                Amend::Remove { id, expect } => self.remove(*id, *expect)?,
                Amend::Room { connection, most, at } => self.room(*connection, *most, *at)?,
            }
        }
        Ok(())
    }

    fn room(&self, of: ConnectionId, most: u32, at: Instant) -> Result<(), AmendError> {
        if !self.connections.contains_key(&of) {
            return Err(AmendError::Stale);
        }
        let own = self.tokens.values().filter(|token| token.connection == of);
        match own.filter(|token| token.is_live(at)).count() < most as usize {
            true => Ok(()),
            false => Err(AmendError::Full),
        }
    }

    fn keep(&mut self, kept: &Kept) -> Result<(), AmendError> {
        let name = (kept.actor.clone(), kept.key.clone());
        match self.kept.get(&name) {
            Some(known) if kept.at.millis() - known.at.millis() < Kept::FOR_MILLIS => {
                Err(AmendError::Repeated(Box::new(known.clone())))
            }
            _ => {
                self.kept.insert(name, kept.clone());
                Ok(())
            }
        }
    }

    fn add(&mut self, entry: Entry) -> Result<(), AmendError> {
        self.check_place(&entry)?;
        self.check_taken(&entry)?;
        let is_new = match entry {
            Entry::Organization(one) => self.organizations.insert(one.id, one).is_none(),
            Entry::Connection(one) => self.connections.insert(one.id, *one).is_none(),
            Entry::Token(one) => self.tokens.insert(one.id, *one).is_none(),
            Entry::AdminKey(one) => self.admin_keys.insert(one.id, *one).is_none(),
            Entry::SigningKey(one) => self.signing_keys.insert(one.id, one).is_none(),
            Entry::Job(one) => self.jobs.insert(one.id, *one).is_none(),
        };
        match is_new {
            true => Ok(()),
            false => Err(Unavailable::new("an id was given twice").into()),
        }
    }

    fn replace(&mut self, entry: Entry, expect: u64) -> Result<(), AmendError> {
        self.expected(id(&entry), expect)?;
        self.check_taken(&entry)?;
        match entry {
            Entry::Organization(one) => {
                self.organizations.insert(one.id, one);
            }
            Entry::Connection(one) => {
                if let Some(known) = self.connections.get_mut(&one.id) {
                    let traffic = std::mem::take(&mut known.traffic);
                    *known = Connection { traffic, ..*one };
                }
            }
            Entry::Token(one) => {
                if let Some(known) = self.tokens.get_mut(&one.id) {
                    *known = Token { used: known.used, ..*one };
                }
            }
            Entry::AdminKey(one) => {
                if let Some(known) = self.admin_keys.get_mut(&one.id) {
                    *known = AdminKey { used: known.used, ..*one };
                }
            }
            Entry::SigningKey(one) => {
                self.signing_keys.insert(one.id, one);
            }
            Entry::Job(one) => {
                self.jobs.insert(one.id, *one);
            }
        }
        Ok(())
    }

    fn remove(&mut self, id: EntryId, expect: u64) -> Result<(), AmendError> {
        self.expected(id, expect)?;
        match id {
            EntryId::Organization(id) => {
                if self.connections.values().any(|one| one.organization == id) {
                    return Err(AmendError::Stale);
                }
                self.organizations.remove(&id);
                self.admin_keys.retain(|_, key| key.organization != Some(id));
                self.jobs.retain(|_, job| job.organization != Some(id));
            }
            EntryId::Connection(id) => {
                self.connections.remove(&id);
                self.tokens.retain(|_, token| token.connection != id);
            }
            EntryId::Token(id) => {
                self.tokens.remove(&id);
            }
            EntryId::AdminKey(id) => {
                self.admin_keys.remove(&id);
            }
            EntryId::SigningKey(id) => {
                self.signing_keys.remove(&id);
            }
            EntryId::Job(id) => {
                self.jobs.remove(&id);
            }
        }
        Ok(())
    }

    fn expected(&self, id: EntryId, expect: u64) -> Result<(), AmendError> {
        let revision = match id {
            EntryId::Organization(id) => self.organizations.get(&id).map(|one| one.revision),
            EntryId::Connection(id) => self.connections.get(&id).map(|one| one.revision),
            EntryId::Token(id) => self.tokens.get(&id).map(|one| one.revision),
            EntryId::AdminKey(id) => self.admin_keys.get(&id).map(|one| one.revision),
            EntryId::SigningKey(id) => self.signing_keys.get(&id).map(|one| one.revision),
            EntryId::Job(id) => self.jobs.get(&id).map(|one| one.revision),
        };
        match revision {
            Some(revision) if revision == expect => Ok(()),
            _ => Err(AmendError::Stale),
        }
    }

    /// What a new entry belongs to may be gone.
    fn check_place(&self, entry: &Entry) -> Result<(), AmendError> {
        let there = match entry {
            Entry::Connection(one) => self.organizations.contains_key(&one.organization),
            Entry::Token(one) => self.connections.contains_key(&one.connection),
            Entry::AdminKey(one) => {
                one.organization.is_none_or(|of| self.organizations.contains_key(&of))
            }
            _ => true,
        };
        if there { Ok(()) } else { Err(AmendError::Stale) }
    }

    fn check_taken(&self, entry: &Entry) -> Result<(), AmendError> {
        let taken = match entry {
            Entry::Organization(one) => {
                let others = self.organizations.values().filter(|other| other.id != one.id);
                { others }.any(|other| other.name == one.name).then_some("organization")
            }
            Entry::Connection(one) => {
                let others = self.connections.values().filter(|other| other.id != one.id);
                let mut beside = others.filter(|other| other.organization == one.organization);
                let taken = one.name.is_some() && beside.any(|other| other.name == one.name);
                taken.then_some("connection")
            }
            Entry::Token(one) => {
                let others = self.tokens.values().filter(|other| other.id != one.id);
                { others }.any(|other| other.hash == one.hash).then_some("token")
            }
            Entry::AdminKey(one) => {
                let others = self.admin_keys.values().filter(|other| other.id != one.id);
                { others }.any(|other| other.hash == one.hash).then_some("admin key")
            }
            Entry::SigningKey(_) | Entry::Job(_) => None,
        };
        taken.map_or(Ok(()), |kind| Err(AmendError::Taken(kind)))
    }

    pub(super) fn note(&mut self, note: Note) {
        match note {
            Note::Dialect(id, dialect) => self.saw(id, |traffic| traffic.dialect = Some(dialect)),
            Note::Seen(id, at) => self.saw(id, |traffic| forward(&mut traffic.seen, at)),
            Note::Tested(id, at) => self.saw(id, |traffic| forward(&mut traffic.tested, at)),
            Note::Refused(id, token, at) => self.saw(id, |traffic| {
                if traffic.refused.is_none_or(|(last, _)| last < at) {
                    traffic.refused = Some((at, token));
                }
            }),
            Note::Used(id, at) => {
                if let Some(token) = self.tokens.get_mut(&id) {
                    forward(&mut token.used, at);
                }
            }
            Note::KeyUsed(id, at) => {
                if let Some(key) = self.admin_keys.get_mut(&id) {
                    forward(&mut key.used, at);
                }
            }
        }
    }

    fn saw(&mut self, id: ConnectionId, note: impl FnOnce(&mut Traffic)) {
        if let Some(connection) = self.connections.get_mut(&id) {
            note(&mut connection.traffic);
        }
    }
}

/// A time never goes back.
fn forward(time: &mut Option<Instant>, at: Instant) {
    *time = (*time).max(Some(at));
}

fn id(entry: &Entry) -> EntryId {
    match entry {
        Entry::Organization(one) => EntryId::Organization(one.id),
        Entry::Connection(one) => EntryId::Connection(one.id),
        Entry::Token(one) => EntryId::Token(one.id),
        Entry::AdminKey(one) => EntryId::AdminKey(one.id),
        Entry::SigningKey(one) => EntryId::SigningKey(one.id),
        Entry::Job(one) => EntryId::Job(one.id),
    }
}
