//! Support for the tests beside it.
