//! Ids, instants and the like as SQLite keeps them.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{BigInt, Binary, Text};
use diesel::sqlite::Sqlite;
use rollcall_domain::{
    AdminKeyId, ConnectionId, EventId, JobId, OrganizationId, ResourceId, SigningKeyId, TokenId,
    TransactionId,
};
use rollcall_schema::Instant;
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

type Raw<'a> = <Sqlite as Backend>::RawValue<'a>;

/// Any id: 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, AsExpression, FromSqlRow)]
#[diesel(sql_type = Binary)]
pub(crate) struct Id(pub(crate) Uuid);

impl ToSql<Binary, Sqlite> for Id {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.as_bytes().as_slice());
        Ok(IsNull::No)
    }
}

impl FromSql<Binary, Sqlite> for Id {
    fn from_sql(value: Raw<'_>) -> deserialize::Result<Self> {
        let bytes = <Vec<u8> as FromSql<Binary, Sqlite>>::from_sql(value)?;
        Ok(Self(Uuid::from_slice(&bytes)?))
    }
}

macro_rules! ids {
    ($($name:ident),*) => {
        $(impl From<$name> for Id {
            fn from(id: $name) -> Self {
                Self(id.uuid())
            }
        }

        impl From<Id> for $name {
            fn from(id: Id) -> Self {
                Self::from_uuid(id.0)
            }
        })*
    };
}

ids!(
    AdminKeyId,
    ConnectionId,
    EventId,
    JobId,
    OrganizationId,
    ResourceId,
    SigningKeyId,
    TokenId,
    TransactionId
);

/// An instant: milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = BigInt)]
pub(crate) struct Moment(pub(crate) Instant);

impl ToSql<BigInt, Sqlite> for Moment {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.millis());
        Ok(IsNull::No)
    }
}

impl FromSql<BigInt, Sqlite> for Moment {
    fn from_sql(value: Raw<'_>) -> deserialize::Result<Self> {
        let millis = <i64 as FromSql<BigInt, Sqlite>>::from_sql(value)?;
        Ok(Self(Instant::from_millis(millis)))
    }
}

/// A version, a number of rows or a place in the log: never negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = BigInt)]
pub(crate) struct Count(pub(crate) u64);

impl ToSql<BigInt, Sqlite> for Count {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(i64::try_from(self.0)?);
        Ok(IsNull::No)
    }
}

impl FromSql<BigInt, Sqlite> for Count {
    fn from_sql(value: Raw<'_>) -> deserialize::Result<Self> {
        let number = <i64 as FromSql<BigInt, Sqlite>>::from_sql(value)?;
        Ok(Self(u64::try_from(number)?))
    }
}

/// A SHA-256.
#[derive(Clone, Copy, AsExpression, FromSqlRow)]
#[diesel(sql_type = Binary)]
pub(crate) struct Digest(pub(crate) [u8; 32]);

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(…)")
    }
}

impl ToSql<Binary, Sqlite> for Digest {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.as_slice());
        Ok(IsNull::No)
    }
}

impl FromSql<Binary, Sqlite> for Digest {
    fn from_sql(value: Raw<'_>) -> deserialize::Result<Self> {
        let bytes = <Vec<u8> as FromSql<Binary, Sqlite>>::from_sql(value)?;
        Ok(Self(bytes.as_slice().try_into()?))
    }
}

/// Whatever goes by its name.
#[derive(Clone, Copy, Debug, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
pub(crate) struct Named<T>(pub(crate) T);

impl<T: fmt::Debug + fmt::Display> ToSql<Text, Sqlite> for Named<T> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.to_string());
        Ok(IsNull::No)
    }
}

impl<T> FromSql<Text, Sqlite> for Named<T>
where
    T: FromStr<Err: Error + Send + Sync + 'static>,
{
    fn from_sql(value: Raw<'_>) -> deserialize::Result<Self> {
        let name = <String as FromSql<Text, Sqlite>>::from_sql(value)?;
        Ok(Self(T::from_str(&name)?))
    }
}

/// Whatever is kept as JSON.
#[derive(Clone, Debug, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
pub(crate) struct Json<T>(pub(crate) T);

impl<T: fmt::Debug + Serialize> ToSql<Text, Sqlite> for Json<T> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(serde_json::to_string(&self.0)?);
        Ok(IsNull::No)
    }
}

impl<T: DeserializeOwned> FromSql<Text, Sqlite> for Json<T> {
    fn from_sql(value: Raw<'_>) -> deserialize::Result<Self> {
        let text = <String as FromSql<Text, Sqlite>>::from_sql(value)?;
        Ok(Self(serde_json::from_str(&text)?))
    }
}
