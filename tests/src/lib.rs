//! Support for the tests beside it.

pub mod bulk;
pub mod client;
pub mod data;
pub mod idp;
pub mod issuer;
pub mod log;
pub mod operator;
pub mod own_postgres;
pub mod postgres;
pub mod program;
pub mod routes;
pub mod server;
pub mod slow;
pub mod sqlite;
pub mod subjects;
pub mod tables;
pub mod tls;
pub mod wait;
