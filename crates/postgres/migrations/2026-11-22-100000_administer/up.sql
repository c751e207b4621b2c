-- Everything that an operator changes moves a revision by one.
alter table organization add column revision bigint not null default 0;

-- A connection that was removed stays as a mark, without a name, for what still points at it.
alter table connection
    add column status text not null default 'active',
    add column removal uuid,
    add column quiet bigint,
    add column seen bigint,
    add column tested bigint,
    add column refused_at bigint,
    add column refused_token uuid,
    add column removed bigint;
create index connection_of_organization on connection (organization, id) where removed is null;

-- A token is whatever opens a connection: its kind is JSON.
alter table token
    add column kind text not null default '{"kind":"bearer"}',
    add column scopes text not null default 'scim',
    add column certificate bytea,
    add column expires bigint,
    add column replaces uuid,
    add column warned bigint,
    add column revision bigint not null default 0,
    add column used bigint;
create index token_by_expires on token (expires, id)
    where expires is not null and revoked is null;
create index token_of_organization on token (organization);

-- Who may administer. Without a subject its holder sends a secret.
create table admin_key (
    id uuid primary key,
    name text collate "C" not null,
    role text not null,
    organization uuid references organization (id),
    subject text,
    hash bytea not null unique,
    created bigint not null,
    expires bigint,
    revoked bigint,
    revision bigint not null,
    used bigint
);
create index admin_key_of_organization on admin_key (organization, id);

-- Keys that sign access tokens: the private half sealed, the public one as JSON.
create table signing_key (
    id uuid primary key,
    sealed text not null,
    public text not null,
    created bigint not null,
    retired bigint,
    revision bigint not null
);

-- Work behind requests. It outlives what it takes apart.
create table job (
    id uuid primary key,
    organization uuid not null,
    actor text not null,
    work text not null,
    state text not null,
    created bigint not null,
    touched bigint not null,
    finished bigint,
    revision bigint not null
);
create index job_to_do on job (touched, id) where finished is null;

-- Answers for whoever repeats a request, sealed.
create table kept (
    actor text collate "C" not null,
    key text collate "C" not null,
    fingerprint bytea not null,
    at bigint not null,
    answer text not null,
    primary key (actor, key)
);
create index kept_by_at on kept (at);
