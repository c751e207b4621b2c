-- Ids are UUIDs of 16 bytes, instants are milliseconds since 1970, texts compare by bytes.
-- Every key begins with the organization.

create table organization (
    id blob not null primary key,
    name text not null unique,
    created integer not null
) strict;

create table connection (
    id blob not null primary key,
    organization blob not null references organization (id),
    name text,
    idp text not null,
    created integer not null,
    unique (organization, name)
) strict;

-- The one table that is looked up without an organization: the hash tells which it is.
create table token (
    hash blob not null primary key,
    id blob not null unique,
    organization blob not null references organization (id),
    connection blob not null references connection (id),
    name text,
    created integer not null,
    revoked integer
) strict;

create index token_by_connection on token (connection, created, id);

create table resource (
    organization blob not null,
    id blob not null,
    connection blob not null,
    kind text not null,
    version integer not null,
    created integer not null,
    modified integer not null,
    links integer not null default 0,
    display text,
    body text not null,
    primary key (organization, id)
) strict;

create index resource_page on resource (organization, connection, kind, id);
create index resource_created on resource (organization, connection, kind, created, id);
create index resource_modified on resource (organization, connection, kind, modified, id);

create table resource_key (
    organization blob not null,
    connection blob not null,
    kind text not null,
    attr text not null,
    key text not null,
    id blob not null,
    is_unique integer not null,
    primary key (organization, connection, kind, attr, key, id)
) strict, without rowid;

create unique index resource_key_unique
    on resource_key (organization, connection, kind, attr, key) where is_unique;
create index resource_key_by_id on resource_key (organization, id, attr, key);

create table edge (
    organization blob not null,
    owner blob not null,
    attr text not null,
    member blob not null,
    primary key (organization, owner, attr, member),
    foreign key (organization, owner) references resource (organization, id),
    foreign key (organization, member) references resource (organization, id)
) strict, without rowid;

create index edge_by_member on edge (organization, member, attr, owner);

create table event (
    organization blob not null,
    id blob not null,
    seq integer not null,
    at integer not null,
    actor text not null,
    connection blob not null,
    action text not null,
    kind text not null,
    resource blob not null,
    version integer not null,
    changes text not null,
    primary key (organization, id),
    unique (organization, seq)
) strict;

create table resource_count (
    organization blob not null,
    connection blob not null,
    kind text not null,
    n integer not null,
    primary key (organization, connection, kind)
) strict, without rowid;
