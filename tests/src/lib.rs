//! Support for the tests beside it.

pub mod bulk;
pub mod client;
pub mod data;
pub mod idp;
pub mod log;
pub mod postgres;
pub mod program;
pub mod server;
pub mod sqlite;
pub mod subjects;
pub mod tables;
