-- Connections that are there already spoke the generic dialect, whatever their IdP, and go on so.
alter table connection
    add column setup text not null default '{"profile":{"name":"generic"}}',
    add column revision bigint not null default 0,
    add column dialect text;
alter table connection alter column setup set default '{}';

-- The resource that the bearer of a token is.
alter table token add column subject uuid;

-- The revision of the definitions that a resource's keys were made under. Ids stand behind it, so
-- that those of one revision come in order, and whether there are any is one look.
alter table resource add column indexed bigint not null default 0;
create index resource_by_indexed on resource (connection, kind, indexed, id);

-- What became of requests that were answered before they were done.
create table outcome (
    organization uuid not null,
    connection uuid not null,
    id uuid not null,
    created bigint not null,
    touched bigint not null,
    done boolean not null,
    body text not null,
    primary key (organization, connection, id)
);

alter table outcome enable row level security;
alter table outcome force row level security;
create policy one_organization on outcome
    using (organization = nullif(current_setting('rollcall.organization', true), '')::uuid);
