//! Entries of the registry as rows.

mod admin_key;
mod connection;
mod job;
mod kept;
mod organization;
mod signing_key;
mod token;

pub(super) use admin_key::AdminKeyRow;
pub(super) use connection::ConnectionRow;
pub(super) use job::JobRow;
pub(super) use kept::KeptRow;
pub(super) use organization::OrganizationRow;
pub(super) use signing_key::SigningKeyRow;
pub(super) use token::TokenRow;
