-- Whatever operators change carries a revision.
alter table organization add column revision integer not null default 0;

-- Whether a connection is open, the job that takes it apart, and what was seen of its traffic. Of
-- a connection that was removed a mark stays, without its name: the log goes on speaking of it.
alter table connection add column status text not null default 'active';
alter table connection add column removal blob;
alter table connection add column quiet integer;
alter table connection add column seen integer;
alter table connection add column tested integer;
alter table connection add column refused_at integer;
alter table connection add column refused_token blob;
alter table connection add column removed integer;

create index connection_page on connection (organization, id);

-- Every kind of credential. Those of earlier releases are bearer tokens that may do everything.
alter table token add column kind text not null default '{"kind":"bearer"}';
alter table token add column scopes text not null default 'scim';
alter table token add column certificate blob;
alter table token add column expires integer;
alter table token add column replaces blob;
alter table token add column warned integer;
alter table token add column revision integer not null default 0;
alter table token add column used integer;

create index token_expiring on token (expires, id) where expires is not null and revoked is null;

-- Credentials of the admin API: with a subject there is no secret, but a token of an issuer.
create table admin_key (
    id blob not null primary key,
    name text not null,
    role text not null,
    organization blob,
    subject text,
    hash blob not null unique,
    created integer not null,
    expires integer,
    revoked integer,
    revision integer not null,
    used integer
) strict;

create index admin_key_by_organization on admin_key (organization, id);

-- Keys that sign access tokens: the private half is sealed.
create table signing_key (
    id blob not null primary key,
    sealed text not null,
    public text not null,
    created integer not null,
    retired integer,
    revision integer not null
) strict;

-- Work behind requests. It outlives the organization that it is for.
create table job (
    id blob not null primary key,
    organization blob not null,
    actor text not null,
    work text not null,
    state text not null,
    created integer not null,
    touched integer not null,
    finished integer,
    revision integer not null
) strict;

create index job_to_do on job (touched, id) where finished is null;

-- Answers for whoever repeats a request, sealed. They go by their age.
create table kept (
    actor text not null,
    key text not null,
    fingerprint blob not null,
    at integer not null,
    answer text not null,
    primary key (actor, key)
) strict;

create index kept_at on kept (at);
