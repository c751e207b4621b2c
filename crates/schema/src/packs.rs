//! Definitions for loading: off until a connection takes them.

/// Schemas and resource types that belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pack {
    /// The name, such as `roles`.
    pub name: &'static str,
    /// What it is for, in a sentence or two.
    pub description: &'static str,
    /// The definitions: [`Definitions::read`](crate::Definitions::read) reads them.
    pub text: &'static str,
}

/// Every pack.
pub const fn all() -> &'static [Pack] {
    &[ROLES, OKTA_ENTITLEMENTS, AGENTS]
}

/// The pack of this name.
pub fn get(name: &str) -> Option<&'static Pack> {
    all().iter().find(|pack| pack.name == name)
}

/// R-NEW-01. The draft's clients only read; whoever keeps the list writes it here the same way.
const ROLES: Pack = Pack {
    name: "roles",
    description: "Roles and entitlements as draft-ietf-scim-roles-entitlements has them: the \
                  lists from which a client picks what users are given.",
    text: include_str!("../definitions/packs/roles.json"),
};

/// R-NEW-02.
const OKTA_ENTITLEMENTS: Pack = Pack {
    name: "okta-entitlements",
    description: "Roles and entitlements as Okta discovers and imports them. It takes the same \
                  endpoints as `roles`, so a connection has one of the two.",
    text: include_str!("../definitions/packs/okta-entitlements.json"),
};

/// R-NEW-03: the drafts still move.
const AGENTS: Pack = Pack {
    name: "agents",
    description: "Software agents and the applications that host them, after \
                  draft-abbey-scim-agent-extension; a draft that has expired and may change.",
    text: include_str!("../definitions/packs/agents.json"),
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Catalog, Definitions, Profile, ProfileName, standard};

    #[test]
    fn r_new_01_02_03_packs_are_definitions() {
        for pack in all() {
            let read = Definitions::read(pack.text).unwrap();
            let kept = serde_json::to_string(&read).unwrap();
            assert_eq!(Definitions::read(&kept).unwrap(), read, "{}", pack.name);
            for name in ProfileName::ALL {
                let catalog = Catalog::compile(&read, &Profile::of(name)).unwrap();
                assert_eq!(catalog.types().len(), standard::types().len() + 2, "{}", pack.name);
            }
            assert_eq!(get(pack.name), Some(pack));
        }
        assert_eq!(get("nope"), None);
    }

    #[track_caller]
    fn types(name: &str, expect: &[(&str, &str, &str)]) {
        let read = Definitions::read(get(name).unwrap().text).unwrap();
        let types = read.resource_types.iter();
        let types: Vec<_> =
            types.map(|ty| (ty.name.as_str(), ty.endpoint.as_str(), ty.schema.as_str())).collect();
        assert_eq!(types, expect);
    }

    #[test]
    fn r_new_01_02_03_packs_have_the_types_of_their_sources() {
        types(
            "roles",
            &[
                ("Role", "/Roles", "urn:ietf:params:scim:schemas:core:2.0:Role"),
                (
                    "Entitlement",
                    "/Entitlements",
                    "urn:ietf:params:scim:schemas:core:2.0:Entitlement",
                ),
            ],
        );
        types(
            "okta-entitlements",
            &[
                ("Role", "/Roles", "urn:okta:scim:schemas:core:1.0:Role"),
                ("Entitlement", "/Entitlements", "urn:okta:scim:schemas:core:1.0:Entitlement"),
            ],
        );
        types(
            "agents",
            &[
                ("Agent", "/Agents", "urn:ietf:params:scim:schemas:core:2.0:Agent"),
                (
                    "AgenticApplication",
                    "/AgenticApplications",
                    "urn:ietf:params:scim:schemas:core:2.0:AgenticApplication",
                ),
            ],
        );
    }

    #[test]
    fn a_connection_has_one_flavour_of_roles() {
        let mut one = Definitions::read(get("roles").unwrap().text).unwrap();
        let flaws = one.add(&Definitions::read(get("okta-entitlements").unwrap().text).unwrap());
        assert!(flaws.unwrap_err().iter().any(|flaw| flaw.pointer == "/resourceTypes/0/schema"));
        one.add(&Definitions::read(get("agents").unwrap().text).unwrap()).unwrap();
        assert_eq!(one.resource_types.len(), 4);
    }
}
