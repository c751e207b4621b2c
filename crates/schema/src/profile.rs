//! The wire dialect of a connection, as switches.

/// What is done with an attribute or schema that the resource type doesn't have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// It is left out and noted (R-POST-11, R-PATCH-06, R-FILTER-18, R-COMMON-08).
    Ignore,
    /// It is refused (R-IOP-02).
    Refuse,
}

/// The wire dialect of a connection: read when a body is accepted, a filter is resolved or a
/// PATCH is compiled, and nowhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Attributes and schema URNs that the resource type doesn't have.
    pub unknown: Unknown,
    /// A write may come without `schemas`, a PATCH without the PatchOp URN (R-COMMON-08).
    pub schemas_optional: bool,
    /// `"True"` and `"false"` are booleans (R-PATCH-60, R-FILTER-10).
    pub string_booleans: bool,
    /// `""` in a PATCH replace clears an attribute that is not required (R-ATTR-14).
    pub empty_string_clears: bool,
    /// Of several `primary: true` in one list the last wins; otherwise 400 (R-ATTR-17).
    pub last_primary_wins: bool,
    /// Bare strings stand for `{value}`, a list of one for a singular complex value
    /// (R-PATCH-59, R-PATCH-61).
    pub bare_values: bool,
    /// An element that a value path of `eq` conditions doesn't find is made from them
    /// (R-PATCH-25 holds always for add; this is for replace, R-PATCH-46).
    pub create_missing: bool,
    /// `remove` whose filter matches nothing succeeds (R-PATCH-33).
    pub unmatched_remove: bool,
    /// `remove` of a relation with a value list removes only those listed (R-PATCH-34).
    pub remove_listed: bool,
    /// Keys of a value without a path may be paths themselves: dotted, URN-qualified or value
    /// paths (R-PATCH-21).
    pub keys_as_paths: bool,
    /// `{"active": false}` as a whole PATCH body is one replace without a path.
    pub bare_patch: bool,
    /// Read-only attributes in a path-less PATCH value are ignored instead of refused (P57, P58).
    pub ignore_read_only: bool,
    /// Filters and paths outside the ABNF that clients send: bare words, numbers and booleans
    /// against text, `URN.attr`, `a[…].b eq`, `manager eq` (R-FILTER-05, 10, 11, 15, 26;
    /// R-PATCH-63).
    pub loose_filters: bool,
    /// `replace` of a singular complex value replaces it whole; otherwise it merges
    /// (R-PATCH-42, R-IOP-04).
    pub replace_whole: bool,
    /// A JSON object in a role's `value` text is opened to `{value, display, type}` (R-PATCH-62).
    pub open_role_json: bool,
    /// A PATCH of a type with a relation is answered without a body (E-ENTRA-20).
    pub quiet_relation_patch: bool,
    /// The attributes that [`TypeDefinition::unique_names`](crate::TypeDefinition::unique_names)
    /// lists are unique, so that a repeated POST of a group is a conflict and no twin.
    pub unique_names: bool,
}

/// The profiles by name.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "each is documented where its switches are")]
pub enum ProfileName {
    #[default]
    Generic,
    Okta,
    Entra,
    Jumpcloud,
    Strict,
}

impl Profile {
    /// Every tolerance that keeps to the RFC where the RFC is explicit.
    pub const GENERIC: Self = Self {
        unknown: Unknown::Ignore,
        schemas_optional: true,
        string_booleans: true,
        empty_string_clears: true,
        last_primary_wins: true,
        bare_values: true,
        create_missing: true,
        unmatched_remove: true,
        remove_listed: true,
        keys_as_paths: true,
        bare_patch: true,
        ignore_read_only: true,
        loose_filters: true,
        replace_whole: false,
        open_role_json: false,
        quiet_relation_patch: false,
        unique_names: false,
    };

    /// The profile of this name.
    pub fn of(name: ProfileName) -> Self {
        match name {
            ProfileName::Generic => Self::GENERIC,
            ProfileName::Okta | ProfileName::Jumpcloud => {
                Self { unique_names: true, ..Self::GENERIC }
            }
            ProfileName::Entra => Self { quiet_relation_patch: true, ..Self::GENERIC },
            ProfileName::Strict => Self::STRICT,
        }
    }

    /// No tolerance at all.
    pub const STRICT: Self = Self {
        unknown: Unknown::Refuse,
        schemas_optional: false,
        string_booleans: false,
        empty_string_clears: false,
        last_primary_wins: false,
        bare_values: false,
        create_missing: false,
        unmatched_remove: false,
        remove_listed: false,
        keys_as_paths: false,
        bare_patch: false,
        ignore_read_only: false,
        loose_filters: false,
        replace_whole: true,
        open_role_json: false,
        quiet_relation_patch: false,
        unique_names: false,
    };
}

impl Default for Profile {
    fn default() -> Self {
        Self::GENERIC
    }
}
