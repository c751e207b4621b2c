drop index token_of_bootstrap;
alter table token drop column bootstrap;
