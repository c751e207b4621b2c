//! Lists of values as one bind: SQLite reads them with `json_each`.

use rollcall_domain::ResourceId;

/// Ids as a JSON array of what `unhex` reads.
pub(crate) fn ids(ids: impl IntoIterator<Item = ResourceId>) -> String {
    let mut text = String::from("[");
    for (at, id) in ids.into_iter().enumerate() {
        text.push_str(if at == 0 { "\"" } else { ",\"" });
        text.push_str(&hex(id));
        text.push('"');
    }
    text.push(']');
    text
}

/// An id as `unhex` reads it.
pub(crate) fn hex(id: ResourceId) -> String {
    id.uuid().simple().to_string()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn ids_are_hexadecimal() {
        let one = ResourceId::from_uuid(Uuid::from_u128(1));
        let two = ResourceId::from_uuid(Uuid::from_u128(2));
        assert_eq!(ids([]), "[]");
        assert_eq!(
            ids([one, two]),
            r#"["00000000000000000000000000000001","00000000000000000000000000000002"]"#
        );
    }
}
