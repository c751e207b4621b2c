-- What an operator decides about a connection, and what its traffic shows. A connection that was
-- made before there were profiles spoke the generic one, whatever its IdP, and goes on so.
alter table connection add column setup text not null default '{}';
alter table connection add column revision integer not null default 0;
alter table connection add column dialect text;

update connection set setup = '{"profile":{"name":"generic"}}';

-- The resource that the bearer of a token is.
alter table token add column subject blob;

-- The revision of the definitions that the keys of a resource were made under. Whatever is behind
-- is found by it, revision by revision, in the order of ids.
alter table resource add column indexed integer not null default 0;

create index resource_behind on resource (organization, connection, kind, indexed, id);

-- What became of requests that were answered before they were done. They go by their age, whosever
-- they are.
create table outcome (
    organization blob not null,
    connection blob not null,
    id blob not null,
    created integer not null,
    touched integer not null,
    done integer not null,
    body text not null,
    primary key (organization, connection, id)
) strict;

create index outcome_touched on outcome (touched);
