drop table outcome;
drop index resource_by_indexed;
alter table resource drop column indexed;
alter table token drop column subject;
alter table connection drop column setup, drop column revision, drop column dialect;
