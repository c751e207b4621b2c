-- Which credentials the server made from its environment: they say which connection that is bound
-- to, whatever anything is named.
alter table token add column bootstrap boolean not null default false;

-- Those that there are: the log says who made them. Its owner looks over the wall for this once.
alter table event no force row level security;
update token set bootstrap = true
where name = 'bootstrap' and exists (
    select from event
    where event.organization = token.organization and event.id > token.id
        and event.resource = token.id and event.action = 'token.created'
        and event.actor = 'server'
);
alter table event force row level security;

-- Of a time when it did not there are the names alone.
update token set bootstrap = true
where name = 'bootstrap' and not exists (select from token where bootstrap)
    and connection in (
        select connection.id from connection
        join organization on organization.id = connection.organization
        where connection.name = 'bootstrap' and organization.name = 'default'
    );

create index token_of_bootstrap on token (created, id) where bootstrap;
