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
        /// Moves by one with each change.
        revision -> BigInt,
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
        /// Moves by one with each change but of what is seen.
        revision -> BigInt,
        /// The dialect that its traffic speaks.
        dialect -> Nullable<Text>,
        /// Whether it is open.
        status -> Text,
        /// The job that takes it apart.
        removal -> Nullable<Uuid>,
        /// Since when it is too quiet.
        quiet -> Nullable<BigInt>,
        /// When it had traffic last.
        seen -> Nullable<BigInt>,
        /// When its IdP tested it last.
        tested -> Nullable<BigInt>,
        /// When somebody came last with a credential that had expired.
        refused_at -> Nullable<BigInt>,
        /// Which that was.
        refused_token -> Nullable<Uuid>,
        /// When it was removed: from then on it is in no answer.
        removed -> Nullable<BigInt>,
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
        /// For people.
        name -> Nullable<Text>,
        /// When it was made.
        created -> BigInt,
        /// When it ended.
        revoked -> Nullable<BigInt>,
        /// The resource that its bearer is.
        subject -> Nullable<Uuid>,
        /// How its bearer proves to be the one, as JSON.
        kind -> Text,
        /// What it may do.
        scopes -> Text,
        /// The client certificate that it is bound to.
        certificate -> Nullable<Binary>,
        /// When it ends by itself.
        expires -> Nullable<BigInt>,
        /// The token in whose place it comes.
        replaces -> Nullable<Uuid>,
        /// The last warning of its end that was given, in days.
        warned -> Nullable<BigInt>,
        /// Moves by one with each change but of its use.
        revision -> BigInt,
        /// When it was used last.
        used -> Nullable<BigInt>,
        /// Whether a server made it from its environment.
        bootstrap -> Bool,
    }
}

table! {
    /// Credentials of the admin API.
    admin_key (id) {
        /// Names it; is no secret.
        id -> Uuid,
        /// For people.
        name -> Text,
        /// What its holder may do.
        role -> Text,
        /// To which organization alone.
        organization -> Nullable<Uuid>,
        /// Whose tokens prove it; those who send a secret have none.
        subject -> Nullable<Text>,
        /// SHA-256 of the secret, or of issuer and subject.
        hash -> Binary,
        /// When it was made.
        created -> BigInt,
        /// When it ends by itself.
        expires -> Nullable<BigInt>,
        /// When it was ended.
        revoked -> Nullable<BigInt>,
        /// Moves by one with each change but of its use.
        revision -> BigInt,
        /// When it was used last.
        used -> Nullable<BigInt>,
    }
}

table! {
    /// Keys that sign access tokens.
    signing_key (id) {
        /// Its id.
        id -> Uuid,
        /// The private half, sealed.
        sealed -> Text,
        /// The public half, as JSON.
        public -> Text,
        /// When it was made.
        created -> BigInt,
        /// When it stopped signing.
        retired -> Nullable<BigInt>,
        /// Moves by one with each change.
        revision -> BigInt,
    }
}

table! {
    /// Work behind requests.
    job (id) {
        /// Its id.
        id -> Uuid,
        /// Whose it is.
        organization -> Uuid,
        /// Who asked for it.
        actor -> Text,
        /// What is to be done, as JSON.
        work -> Text,
        /// How far it is, as JSON.
        state -> Text,
        /// When it was asked for.
        created -> BigInt,
        /// When somebody last worked on it.
        touched -> BigInt,
        /// When it was finished, as its state says too.
        finished -> Nullable<BigInt>,
        /// Moves by one with each step.
        revision -> BigInt,
    }
}

table! {
    /// Answers for whoever repeats a request.
    kept (actor, key) {
        /// Who asked.
        actor -> Text,
        /// What they named the request.
        key -> Text,
        /// SHA-256 of what was asked.
        fingerprint -> Binary,
        /// When.
        at -> BigInt,
        /// What they were answered, sealed.
        answer -> Text,
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
