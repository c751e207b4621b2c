//! The tables that fixed queries are written against.

use diesel::{allow_tables_to_appear_in_same_query, joinable, table};

table! {
    /// Customers.
    organization (id) {
        /// Its id.
        id -> Uuid,
        /// Unique on the server.
        name -> Text,
        /// When it was made.
        created -> BigInt,
    }
}

table! {
    /// IdP directories.
    connection (id) {
        /// Its id.
        id -> Uuid,
        /// Whose it is.
        organization -> Uuid,
        /// Unique within the organization where there is one.
        name -> Nullable<Text>,
        /// The kind of IdP.
        idp -> Text,
        /// When it was made.
        created -> BigInt,
        /// What was decided about it, as JSON.
        setup -> Text,
        /// The revision of the setup.
        revision -> BigInt,
        /// The dialect that its traffic speaks.
        dialect -> Nullable<Text>,
    }
}

table! {
    /// Credentials.
    token (hash) {
        /// SHA-256 of the secret.
        hash -> Binary,
        /// Names it; is no secret.
        id -> Uuid,
        /// Whose connection it opens.
        organization -> Uuid,
        /// What it opens.
        connection -> Uuid,
        /// Of live tokens of a connection, one has a name.
        name -> Nullable<Text>,
        /// When it was made.
        created -> BigInt,
        /// When it ended.
        revoked -> Nullable<BigInt>,
        /// The resource that its bearer is.
        subject -> Nullable<Uuid>,
    }
}

table! {
    /// What the migration harness keeps.
    __diesel_schema_migrations (version) {
        /// Of a migration that has run.
        version -> Text,
    }
}

joinable!(connection -> organization (organization));
joinable!(token -> connection (connection));
allow_tables_to_appear_in_same_query!(organization, connection, token);
