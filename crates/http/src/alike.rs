//! Names of the protocol in any case: schemes, media types, parameters, endpoints, URNs of
//! messages. Names of attributes are the schema's.

/// Whether two names are the same but for case.
pub(crate) fn alike(one: &str, other: &str) -> bool {
    // tidy: header names
    one.eq_ignore_ascii_case(other)
}

/// A name to be compared with names in small letters.
pub(crate) fn small(name: &str) -> String {
    // tidy: header names
    name.to_ascii_lowercase()
}
