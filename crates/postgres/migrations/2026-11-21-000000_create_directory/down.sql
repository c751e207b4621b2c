drop table resource_count;
drop table event;
drop table edge;
drop table resource_key;
drop table resource;
drop table token;
drop table connection;
drop table organization;
