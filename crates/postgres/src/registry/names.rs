//! Which of the entries of an amendment wants what another one has.

use diesel::prelude::*;
use rollcall_domain::{Amend, Amendment, Entry, Unavailable};
use uuid::Uuid;

use crate::tables::{admin_key, connection, organization, token};
use crate::unit::{One, Units};

impl Units {
    /// The kind of the first entry whose name or hash another has; nothing where it is free again.
    pub(super) async fn namesake(
        &self,
        amendment: &Amendment,
    ) -> Result<Option<&'static str>, Unavailable> {
        for act in &amendment.acts {
            let (Amend::Add(entry) | Amend::Replace { entry, .. }) = act else { continue };
            if let Some(kind) = self.has_namesake(entry).await? {
                return Ok(Some(kind));
            }
        }
        Ok(None)
    }

    async fn has_namesake(&self, entry: &Entry) -> Result<Option<&'static str>, Unavailable> {
        macro_rules! others {
            ($table:ident, $id:expr, $same:expr) => {{
                let others = $table::table.filter($same).filter($table::id.ne($id.uuid()));
                let others = One::<_, (Uuid,)>::new(others.select(($table::id,)));
                self.insist(None, &others).await?
            }};
        }
        let (kind, others) = match entry {
            Entry::Organization(entry) => {
                let same = organization::name.eq(&entry.name);
                ("organization", others!(organization, entry.id, same))
            }
            Entry::Connection(entry) => {
                let own = connection::organization.eq(entry.organization.uuid());
                let same = own.and(connection::name.eq(entry.name.as_deref()));
                ("connection", others!(connection, entry.id, same))
            }
            Entry::Token(entry) => {
                ("token", others!(token, entry.id, token::hash.eq(entry.hash.0.to_vec())))
            }
            Entry::AdminKey(entry) => {
                let same = admin_key::hash.eq(entry.hash.0.to_vec());
                ("admin key", others!(admin_key, entry.id, same))
            }
            Entry::SigningKey(_) | Entry::Job(_) => return Ok(None),
        };
        Ok((!others.is_empty()).then_some(kind))
    }
}
