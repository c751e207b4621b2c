-- Instants are milliseconds since 1970. Texts that are compared or ordered compare by bytes.

create table organization (
    id uuid primary key,
    name text collate "C" not null unique,
    created bigint not null
);

create table connection (
    id uuid primary key,
    organization uuid not null references organization (id),
    name text collate "C",
    idp text collate "C" not null,
    created bigint not null,
    unique (organization, name)
);

-- The one directory across organizations: a token is found by its hash alone.
create table token (
    hash bytea primary key,
    id uuid not null unique,
    organization uuid not null references organization (id),
    connection uuid not null references connection (id),
    name text collate "C",
    created bigint not null,
    revoked bigint
);
create index token_of_connection on token (connection, created, id);

create table resource (
    organization uuid not null,
    id uuid not null,
    connection uuid not null,
    kind text collate "C" not null,
    version bigint not null,
    created bigint not null,
    modified bigint not null,
    links bigint not null default 0,
    display text,
    body text not null,
    primary key (organization, id)
);
create index resource_by_kind on resource (organization, connection, kind, id);
create index resource_by_created on resource (organization, connection, kind, created, id);
create index resource_by_modified on resource (organization, connection, kind, modified, id);

-- One row per indexed value of a resource, folded for comparison.
create table resource_key (
    organization uuid not null,
    connection uuid not null,
    kind text collate "C" not null,
    attr text collate "C" not null,
    key text collate "C" not null,
    id uuid not null,
    is_unique boolean not null,
    primary key (organization, connection, kind, attr, key, id)
);
create unique index resource_key_unique
    on resource_key (organization, connection, kind, attr, key) where is_unique;
create index resource_key_by_id on resource_key (organization, id);

-- The rows of relations. Both ends belong to the same organization and exist.
create table edge (
    organization uuid not null,
    owner uuid not null,
    attr text collate "C" not null,
    member uuid not null,
    primary key (organization, owner, attr, member),
    foreign key (organization, owner) references resource (organization, id),
    foreign key (organization, member) references resource (organization, id)
);
create index edge_by_member on edge (organization, member, attr, owner);

-- The log. Events are written without a number and numbered behind the commit.
create table event (
    organization uuid not null,
    id uuid not null,
    seq bigint,
    at bigint not null,
    actor text not null,
    connection uuid not null,
    action text not null,
    kind text collate "C" not null,
    resource uuid not null,
    version bigint not null,
    changes jsonb not null,
    primary key (organization, id)
);
create unique index event_by_seq on event (organization, seq) where seq is not null;
create index event_unnumbered on event (organization, id) where seq is null;

-- How many resources came and went: append-only, summed up for totals, folded now and then.
create table resource_count (
    organization uuid not null,
    connection uuid not null,
    kind text collate "C" not null,
    n bigint not null
);
create index resource_count_by_kind on resource_count (organization, connection, kind);

-- The second wall: whatever a statement forgets, a role that is bound sees one organization only,
-- and nothing at all while none is set. Outside a transaction that set it the setting is empty.
alter table resource enable row level security;
alter table resource force row level security;
create policy one_organization on resource
    using (organization = nullif(current_setting('rollcall.organization', true), '')::uuid);

alter table resource_key enable row level security;
alter table resource_key force row level security;
create policy one_organization on resource_key
    using (organization = nullif(current_setting('rollcall.organization', true), '')::uuid);

alter table edge enable row level security;
alter table edge force row level security;
create policy one_organization on edge
    using (organization = nullif(current_setting('rollcall.organization', true), '')::uuid);

alter table event enable row level security;
alter table event force row level security;
create policy one_organization on event
    using (organization = nullif(current_setting('rollcall.organization', true), '')::uuid);

alter table resource_count enable row level security;
alter table resource_count force row level security;
create policy one_organization on resource_count
    using (organization = nullif(current_setting('rollcall.organization', true), '')::uuid);
