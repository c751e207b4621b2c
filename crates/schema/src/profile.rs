//! The wire dialect of a connection, as switches.

mod name;

pub use name::{NoSuchProfile, ProfileName};

/// One named switch of a [`Profile`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Switch {
    /// The name in configuration and on the command line, such as `stringBooleans`.
    pub name: &'static str,
    /// What the profile does where the switch is on, and the rules that it is about.
    pub doc: &'static str,
    field: &'static str,
    get: fn(&Profile) -> bool,
    set: fn(&mut Profile, bool),
}

impl Switch {
    /// The field of [`Profile`] that holds it, such as `string_booleans`.
    pub const fn field(&self) -> &'static str {
        self.field
    }
}

/// A name that no switch has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no switch `{name}`: use one of {}", all_names())]
pub struct NoSuchSwitch {
    /// The name as given.
    pub name: String,
}

fn all_names() -> String {
    Profile::SWITCHES.iter().map(|switch| switch.name).collect::<Vec<_>>().join(", ")
}

/// Declares each switch once: its field, its name, its sentence, and how it stands in each profile.
macro_rules! switches {
    ($(
        $(#[doc = $doc:literal])+
        $field:ident $name:literal: $generic:ident $okta:ident $entra:ident $jumpcloud:ident $strict:ident;
    )+) => {
        /// The wire dialect of a connection: read when a request is read, a body is accepted, a
        /// filter is resolved or a PATCH is compiled, and nowhere else.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Profile {
            $($(#[doc = $doc])+ pub $field: bool,)+
        }

        impl Profile {
            /// Every switch, in one order.
            pub const SWITCHES: &'static [Switch] = &[$(
                Switch {
                    name: $name,
                    doc: concat!($($doc),+).trim_ascii(),
                    field: stringify!($field),
                    get: |profile| profile.$field,
                    set: |profile, on| profile.$field = on,
                },
            )+];

            /// Every tolerance that keeps to the RFC where the RFC is explicit.
            pub const GENERIC: Self = Self { $($field: on_or_off!($generic),)+ };

            /// What Okta sends.
            pub const OKTA: Self = Self { $($field: on_or_off!($okta),)+ };

            /// What Microsoft Entra ID sends and expects (E-ENTRA-30).
            pub const ENTRA: Self = Self { $($field: on_or_off!($entra),)+ };

            /// What JumpCloud sends.
            pub const JUMPCLOUD: Self = Self { $($field: on_or_off!($jumpcloud),)+ };

            /// No tolerance at all: the interop profile (R-IOP-01).
            pub const STRICT: Self = Self { $($field: on_or_off!($strict),)+ };
        }
    };
}

macro_rules! on_or_off {
    (on) => {
        true
    };
    (off) => {
        false
    };
}

// The columns are: generic, okta, entra, jumpcloud, strict.
switches! {
    /// Attributes and schema URNs that the resource type doesn't have are refused; otherwise they
    /// are left out and noted (R-IOP-02; R-POST-11, R-PATCH-06, R-FILTER-18, R-COMMON-08).
    refuse_unknown "refuseUnknown": off off off off on;
    /// A write may come without `schemas`, a PATCH without the PatchOp URN (R-COMMON-08).
    schemas_optional "schemasOptional": on on on on off;
    /// `"True"` and `"false"` are booleans (R-PATCH-60, R-FILTER-10).
    string_booleans "stringBooleans": on on on on off;
    /// `""` in a PATCH replace clears an attribute that is not required (R-ATTR-14).
    empty_string_clears "emptyStringClears": on on on on off;
    /// Of several `primary: true` in one list the last wins; otherwise 400 (R-ATTR-17, R-PATCH-08).
    last_primary_wins "lastPrimaryWins": on on on on off;
    /// Bare strings stand for `{value}`, a list of one for a singular complex value
    /// (R-PATCH-59, R-PATCH-61).
    bare_values "bareValues": on on on on off;
    /// A replace makes the element that its value path of `eq` conditions doesn't find
    /// (R-PATCH-46); an add always does (R-PATCH-25).
    create_missing "createMissing": on on on on off;
    /// A remove whose filter matches nothing succeeds (R-PATCH-33).
    unmatched_remove "unmatchedRemove": on on on on off;
    /// A remove of a list with a list of values removes only those listed; otherwise 400
    /// (R-PATCH-34, R-E-20).
    remove_listed "removeListed": on on on on off;
    /// Keys of a value without a path may be paths themselves: dotted, URN-qualified or value
    /// paths (R-PATCH-21).
    keys_as_paths "keysAsPaths": on on on on off;
    /// `{"active": false}` as a whole PATCH body is one replace without a path (R-PATCH-01).
    bare_patch "barePatch": on on on on off;
    /// An operation of a PATCH may come without `path`; otherwise 400 invalidSyntax (R-PATCH-20,
    /// R-PATCH-40; R-IOP-03).
    pathless_patch "pathlessPatch": on on on on off;
    /// Read-only attributes in a path-less PATCH value, and another `id` in a PUT, are left out
    /// instead of refused (R-PATCH-07, R-PUT-03).
    ignore_read_only "ignoreReadOnly": on on on on off;
    /// A value path of an add or a replace may end with its brackets, without a part; otherwise
    /// 400 invalidPath (R-PATCH-44; R-IOP-05).
    whole_elements "wholeElements": on on on on off;
    /// A value path may find several elements; otherwise 400 invalidFilter (R-PATCH-44; R-IOP-05).
    many_elements "manyElements": on on on on off;
    /// Filters and paths outside the ABNF that clients send are read: bare words, numbers and
    /// booleans against text, `URN.attr`, `a[…].b eq`, `manager eq` (R-FILTER-05, R-FILTER-10,
    /// R-FILTER-11, R-FILTER-15, R-FILTER-26, R-PATCH-63).
    loose_filters "looseFilters": on on on on off;
    /// `+` in a query is a space only where the query has no `%20`; otherwise always (R-FILTER-23).
    plus_heuristic "plusHeuristic": on on on on off;
    /// A replace of a singular complex value replaces it whole; otherwise it merges (R-PATCH-42,
    /// R-IOP-04).
    replace_whole "replaceWhole": off off off off on;
    /// A PUT that leaves out a relation such as `members` keeps it; otherwise it empties it
    /// (R-PUT-11).
    keep_omitted_relations "keepOmittedRelations": off off off off off;
    /// A JSON object in a role's `value` text is opened to `{value, display, type}` (R-PATCH-62).
    open_role_json "openRoleJson": off off on off off;
    /// A PATCH of a type with a relation is answered without a body (R-PATCH-04, E-ENTRA-20).
    quiet_relation_patch "quietRelationPatch": off off on off off;
    /// The attributes that `uniqueNames` of a type lists are unique, so that a repeated POST of a
    /// group is a conflict and no twin.
    unique_names "uniqueNames": off on off on off;
    /// ServiceProviderConfig says `interopProfileConformant`, where every other switch stands as in
    /// `strict` (R-IOP-01).
    interop "interop": off off off off on;
}

impl Profile {
    /// The profile of this name.
    pub const fn of(name: ProfileName) -> Self {
        match name {
            ProfileName::Generic => Self::GENERIC,
            ProfileName::Okta => Self::OKTA,
            ProfileName::Entra => Self::ENTRA,
            ProfileName::Jumpcloud => Self::JUMPCLOUD,
            ProfileName::Strict => Self::STRICT,
        }
    }

    /// Every switch, in one order.
    pub fn switches() -> impl ExactSizeIterator<Item = &'static Switch> {
        Self::SWITCHES.iter()
    }

    /// How the switch of this name stands; `None` when there is none.
    pub fn get(&self, name: &str) -> Option<bool> {
        Self::SWITCHES.iter().find(|switch| switch.name == name).map(|switch| (switch.get)(self))
    }

    /// Turns the switch of this name on or off.
    ///
    /// # Errors
    /// [`NoSuchSwitch`], which lists the names that there are.
    pub fn set(&mut self, name: &str, on: bool) -> Result<(), NoSuchSwitch> {
        let switch = Self::SWITCHES.iter().find(|switch| switch.name == name);
        let switch = switch.ok_or_else(|| NoSuchSwitch { name: name.to_owned() })?;
        (switch.set)(self, on);
        Ok(())
    }
}

impl Default for Profile {
    fn default() -> Self {
        Self::GENERIC
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_fields_in_camel_case() {
        for switch in Profile::SWITCHES {
            let mut words = switch.field().split('_');
            let mut name = words.next().unwrap_or_default().to_owned();
            for word in words {
                let (head, tail) = word.split_at(1);
                name.extend([&head.to_uppercase(), tail]);
            }
            assert_eq!(switch.name, name);
            assert!(switch.doc.ends_with('.') && !switch.doc.starts_with(' '), "{}", switch.doc);
        }
    }

    #[test]
    fn switches_are_read_and_set_by_name() {
        let mut profile = Profile::GENERIC;
        for switch in Profile::switches() {
            let before = profile.get(switch.name).unwrap();
            profile.set(switch.name, !before).unwrap();
            assert_eq!(profile.get(switch.name), Some(!before), "{}", switch.name);
            profile.set(switch.name, before).unwrap();
            assert_eq!(profile, Profile::GENERIC, "{}", switch.name);
        }
        assert_eq!(profile.get("nope"), None);
        let error = profile.set("string_booleans", true).unwrap_err().to_string();
        assert!(error.starts_with("no switch `string_booleans`: use one of refuseUnknown, "));
        assert!(error.contains(", stringBooleans, "));
    }

    #[track_caller]
    fn differs(one: &Profile, other: &Profile, expect: &[&str]) {
        let differing = Profile::switches().filter(|s| (s.get)(one) != (s.get)(other));
        assert_eq!(differing.map(|switch| switch.name).collect::<Vec<_>>(), expect);
    }

    #[test]
    fn e_entra_30_profiles_are_the_tolerant_one_and_little_more() {
        differs(&Profile::GENERIC, &Profile::OKTA, &["uniqueNames"]);
        differs(&Profile::GENERIC, &Profile::JUMPCLOUD, &["uniqueNames"]);
        // R-PATCH-62, E-ENTRA-10, E-ENTRA-20
        let entra = ["openRoleJson", "quietRelationPatch"];
        differs(&Profile::GENERIC, &Profile::ENTRA, &entra);
    }

    #[test]
    fn r_iop_01_strict_bears_nothing() {
        let on = Profile::switches().filter(|switch| (switch.get)(&Profile::STRICT));
        let on: Vec<_> = on.map(|switch| switch.name).collect();
        assert_eq!(on, ["refuseUnknown", "replaceWhole", "interop"]);
    }
}
