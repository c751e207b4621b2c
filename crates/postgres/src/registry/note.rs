//! What is only seen: no revision moves, and a time never goes back.

use diesel::sql_types::{BigInt, Text, Uuid as SqlUuid};
use rollcall_domain::{Note, Unavailable};
use uuid::Uuid;

use crate::statement::statement;
use crate::unit::{One, Units};

statement! {
    /// What a connection speaks.
    Speaks [<'a>] [<'a>] [<'static>] -> (SqlUuid,) {
        id: Uuid = SqlUuid,
        dialect: &'a str = Text,
    }
    "update connection set dialect = $2
where id = $1 and dialect is distinct from $2 returning id"
}

/// Notes when something was, unless it was later.
macro_rules! noted {
    ($(#[$doc:meta])* $name:ident, $table:literal, $column:literal) => {
        statement! {
            $(#[$doc])*
            $name [] [] [] -> (SqlUuid,) {
                id: Uuid = SqlUuid,
                at: i64 = BigInt,
            }
            concat!(
                "update ", $table, " set ", $column, " = greatest(", $column, ", $2)
where id = $1 and ", $column, " is distinct from greatest(", $column, ", $2) returning id")
        }
    };
}

noted! {
    /// That a connection had traffic.
    Seen, "connection", "seen"
}

noted! {
    /// That a connection was tested.
    Tested, "connection", "tested"
}

noted! {
    /// That a credential was used.
    Used, "token", "used"
}

noted! {
    /// That an admin key was used.
    KeyUsed, "admin_key", "used"
}

statement! {
    /// That somebody came with a credential that had expired, unless somebody did later.
    Refused [] [] [] -> (SqlUuid,) {
        id: Uuid = SqlUuid,
        token: Uuid = SqlUuid,
        at: i64 = BigInt,
    }
    "update connection set refused_at = $3, refused_token = $2
where id = $1 and (refused_at is null or refused_at < $3) returning id"
}

impl Units {
    /// Notes something. Noted twice it is the same, so it may be sent again like a read.
    pub(crate) async fn note(&self, note: &Note) -> Result<(), Unavailable> {
        let rows: Vec<(Uuid,)> = match note {
            Note::Dialect(id, dialect) => {
                self.read(None, &One::new(Speaks { id: id.uuid(), dialect })).await?
            }
            Note::Seen(id, at) => {
                self.read(None, &One::new(Seen { id: id.uuid(), at: at.millis() })).await?
            }
            Note::Tested(id, at) => {
                self.read(None, &One::new(Tested { id: id.uuid(), at: at.millis() })).await?
            }
            Note::Refused(id, token, at) => {
                let (id, token, at) = (id.uuid(), token.uuid(), at.millis());
                self.read(None, &One::new(Refused { id, token, at })).await?
            }
            Note::Used(id, at) => {
                self.read(None, &One::new(Used { id: id.uuid(), at: at.millis() })).await?
            }
            Note::KeyUsed(id, at) => {
                self.read(None, &One::new(KeyUsed { id: id.uuid(), at: at.millis() })).await?
            }
        };
        tracing::trace!(changed = !rows.is_empty(), "noted");
        Ok(())
    }
}
