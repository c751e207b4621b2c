//! The tables that Diesel's query language is used on.

diesel::table! {
    organization (id) {
        id -> Binary,
        name -> Text,
        created -> BigInt,
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
    }
}

diesel::table! {
    token (hash) {
        hash -> Binary,
        id -> Binary,
        organization -> Binary,
        connection -> Binary,
        name -> Nullable<Text>,
        subject -> Nullable<Binary>,
        created -> BigInt,
        revoked -> Nullable<BigInt>,
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
