-- Which credentials the server made from its environment: they say which connection that is bound
-- to, whatever anything is named.
alter table token add column bootstrap integer not null default 0;

-- Those that there are: the log says who made them.
update token set bootstrap = 1
where name = 'bootstrap' and exists (
    select 1 from event
    where event.organization = token.organization and event.id > token.id
        and event.resource = token.id and event.action = 'token.created'
        and event.actor = 'server'
);

-- Of a time when it did not there are the names alone.
update token set bootstrap = 1
where name = 'bootstrap' and not exists (select 1 from token where bootstrap = 1)
    and connection in (
        select connection.id from connection
        join organization on organization.id = connection.organization
        where connection.name = 'bootstrap' and organization.name = 'default'
    );

create index token_of_bootstrap on token (created, id) where bootstrap = 1;
