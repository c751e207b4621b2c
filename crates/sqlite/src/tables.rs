//! The tables that Diesel's query language is used on.

diesel::table! {
    organization (id) {
        id -> Binary,
        name -> Text,
        created -> BigInt,
        revision -> BigInt,
    }
}

diesel::table! {
    connection (id) {
        id -> Binary,
        organization -> Binary,
        name -> Nullable<Text>,
        idp -> Text,
        created -> BigInt,
        setup -> Text,
        revision -> BigInt,
        dialect -> Nullable<Text>,
        status -> Text,
        removal -> Nullable<Binary>,
        quiet -> Nullable<BigInt>,
        seen -> Nullable<BigInt>,
        tested -> Nullable<BigInt>,
        refused_at -> Nullable<BigInt>,
        refused_token -> Nullable<Binary>,
        removed -> Nullable<BigInt>,
    }
}

diesel::table! {
    token (hash) {
        hash -> Binary,
        id -> Binary,
        organization -> Binary,
        connection -> Binary,
        name -> Nullable<Text>,
        created -> BigInt,
        revoked -> Nullable<BigInt>,
        subject -> Nullable<Binary>,
        kind -> Text,
        scopes -> Text,
        certificate -> Nullable<Binary>,
        expires -> Nullable<BigInt>,
        replaces -> Nullable<Binary>,
        warned -> Nullable<BigInt>,
        revision -> BigInt,
        used -> Nullable<BigInt>,
        bootstrap -> Bool,
    }
}

diesel::table! {
    admin_key (id) {
        id -> Binary,
        name -> Text,
        role -> Text,
        organization -> Nullable<Binary>,
        subject -> Nullable<Text>,
        hash -> Binary,
        created -> BigInt,
        expires -> Nullable<BigInt>,
        revoked -> Nullable<BigInt>,
        revision -> BigInt,
        used -> Nullable<BigInt>,
    }
}

diesel::table! {
    signing_key (id) {
        id -> Binary,
        sealed -> Text,
        public -> Text,
        created -> BigInt,
        retired -> Nullable<BigInt>,
        revision -> BigInt,
    }
}

diesel::table! {
    job (id) {
        id -> Binary,
        organization -> Binary,
        actor -> Text,
        work -> Text,
        state -> Text,
        created -> BigInt,
        touched -> BigInt,
        finished -> Nullable<BigInt>,
        revision -> BigInt,
    }
}

diesel::table! {
    kept (actor, key) {
        actor -> Text,
        key -> Text,
        fingerprint -> Binary,
        at -> BigInt,
        answer -> Text,
    }
}

diesel::table! {
    resource (organization, id) {
        organization -> Binary,
        id -> Binary,
        connection -> Binary,
        kind -> Text,
        version -> BigInt,
        created -> BigInt,
        modified -> BigInt,
        links -> BigInt,
        indexed -> BigInt,
        display -> Nullable<Text>,
        body -> Text,
    }
}

diesel::table! {
    resource_count (organization, connection, kind) {
        organization -> Binary,
        connection -> Binary,
        kind -> Text,
        n -> BigInt,
    }
}

diesel::table! {
    outcome (organization, connection, id) {
        organization -> Binary,
        connection -> Binary,
        id -> Binary,
        created -> BigInt,
        touched -> BigInt,
        done -> Bool,
        body -> Text,
    }
}

diesel::joinable!(connection -> organization (organization));
diesel::joinable!(token -> connection (connection));
diesel::allow_tables_to_appear_in_same_query!(organization, connection, token);
