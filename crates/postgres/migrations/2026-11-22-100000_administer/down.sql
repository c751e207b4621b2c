drop table kept;
drop table job;
drop table signing_key;
drop table admin_key;
drop index token_of_organization;
drop index token_by_expires;
alter table token
    drop column kind, drop column scopes, drop column certificate, drop column expires,
    drop column replaces, drop column warned, drop column revision, drop column used;
-- What was marked as removed is gone with its tokens.
delete from token where connection in (select id from connection where removed is not null);
delete from connection where removed is not null;
drop index connection_of_organization;
alter table connection
    drop column status, drop column removal, drop column quiet, drop column seen,
    drop column tested, drop column refused_at, drop column refused_token, drop column removed;
alter table organization drop column revision;
