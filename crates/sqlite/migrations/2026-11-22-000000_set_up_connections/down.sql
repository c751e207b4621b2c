drop table outcome;
drop index resource_behind;
alter table resource drop column indexed;
alter table token drop column subject;
alter table connection drop column dialect;
alter table connection drop column revision;
alter table connection drop column setup;
