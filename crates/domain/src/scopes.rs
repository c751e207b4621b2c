//! What a credential may do in its connection.

use std::fmt;
use std::str::FromStr;

use rollcall_schema::ResourceType;

use crate::words::written_as_text;

/// A set of scopes (R-AUTH-05): users and groups, to read or to write. Writing includes reading,
/// as answers show what was written.
///
/// Resources of other types are open to whoever may do the same to users **and** groups.
///
/// ```
/// use rollcall_domain::Scopes;
///
/// let scopes: Scopes = "users.write groups.read".parse()?;
/// assert_eq!(scopes.to_string(), "groups.read users.write");
/// assert_eq!("scim".parse(), Ok(Scopes::ALL));
/// # Ok::<(), rollcall_domain::NoSuchScope>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Scopes {
    users: Reach,
    groups: Reach,
}

/// How far a scope goes for one kind of resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Reach {
    #[default]
    Nothing,
    Read,
    Write,
}

/// What is done to resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// They are looked at.
    Read,
    /// They are made, changed or deleted.
    Write,
}

/// A text that names no scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no scope `{0}`: use {all}", all = Scopes::NAMES.join(", "))]
pub struct NoSuchScope(String);

impl Scopes {
    /// Everything: what `scim` says.
    pub const ALL: Self = Self { users: Reach::Write, groups: Reach::Write };

    /// Nothing at all.
    pub const NONE: Self = Self { users: Reach::Nothing, groups: Reach::Nothing };

    /// The names of scopes; `scim` is all of them.
    pub const NAMES: [&'static str; 5] =
        ["scim", "users.read", "users.write", "groups.read", "groups.write"];

    /// Whether resources of a type are open.
    pub fn open(self, ty: &ResourceType, access: Access) -> bool {
        self.open_kind(ty.name(), access)
    }

    /// The same of the type of this name.
    pub(crate) fn open_kind(self, kind: &str, access: Access) -> bool {
        let wanted = Reach::of(access);
        match kind {
            "User" => self.users >= wanted,
            "Group" => self.groups >= wanted,
            _ => self.users >= wanted && self.groups >= wanted,
        }
    }

    /// The scope that a request for resources of a type needs.
    pub fn needed(ty: &ResourceType, access: Access) -> &'static str {
        Self::needed_kind(ty.name(), access)
    }

    /// The same of the type of this name.
    pub(crate) fn needed_kind(kind: &str, access: Access) -> &'static str {
        match (kind, access) {
            ("User", Access::Read) => "users.read",
            ("User", Access::Write) => "users.write",
            ("Group", Access::Read) => "groups.read",
            ("Group", Access::Write) => "groups.write",
            (_, Access::Read) => "users.read groups.read",
            (_, Access::Write) => "scim",
        }
    }

    /// What both sets hold.
    #[must_use]
    pub fn within(self, other: Self) -> Self {
        let Self { users, groups } = self;
        Self { users: users.min(other.users), groups: groups.min(other.groups) }
    }
}

impl Reach {
    const fn of(access: Access) -> Self {
        match access {
            Access::Read => Self::Read,
            Access::Write => Self::Write,
        }
    }
}

written_as_text!(Scopes);

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::ALL {
            return f.write_str("scim");
        }
        let named = |kind: &str, reach| match reach {
            Reach::Nothing => None,
            Reach::Read => Some(format!("{kind}.read")),
            Reach::Write => Some(format!("{kind}.write")),
        };
        let names = [named("groups", self.groups), named("users", self.users)];
        f.write_str(&names.into_iter().flatten().collect::<Vec<_>>().join(" "))
    }
}

impl FromStr for Scopes {
    type Err = NoSuchScope;

    /// Reads names with spaces between (RFC 6749 §3.3).
    fn from_str(text: &str) -> Result<Self, NoSuchScope> {
        let mut scopes = Self::NONE;
        for name in text.split_ascii_whitespace() {
            let named = match name {
                "scim" => Self::ALL,
                "users.read" => Self { users: Reach::Read, ..Self::NONE },
                "users.write" => Self { users: Reach::Write, ..Self::NONE },
                "groups.read" => Self { groups: Reach::Read, ..Self::NONE },
                "groups.write" => Self { groups: Reach::Write, ..Self::NONE },
                other => return Err(NoSuchScope(other.chars().take(80).collect())),
            };
            let Self { users, groups } = scopes;
            scopes = Self { users: users.max(named.users), groups: groups.max(named.groups) };
        }
        Ok(scopes)
    }
}

#[cfg(test)]
mod tests {
    use rollcall_schema::standard;

    use super::*;

    fn ty(name: &str) -> &'static ResourceType {
        standard::types().iter().find(|ty| ty.name() == name).unwrap()
    }

    #[test]
    fn r_auth_05_scopes_open_their_own_kind() {
        let scopes: Scopes = "users.read groups.write".parse().unwrap();
        assert!(scopes.open(ty("User"), Access::Read));
        assert!(!scopes.open(ty("User"), Access::Write));
        assert!(scopes.open(ty("Group"), Access::Read) && scopes.open(ty("Group"), Access::Write));
        assert!(!Scopes::NONE.open(ty("User"), Access::Read));
    }

    #[test]
    fn names_are_read_back() {
        for text in ["scim", "users.read", "groups.write", "groups.read users.write", ""] {
            assert_eq!(text.parse::<Scopes>().unwrap().to_string(), text);
        }
        assert_eq!("users.write groups.write".parse(), Ok(Scopes::ALL));
        assert_eq!("scim users.read".parse(), Ok(Scopes::ALL));
        let told = "scim:all".parse::<Scopes>().unwrap_err().to_string();
        assert!(told.starts_with("no scope `scim:all`: use scim, users.read"), "{told}");
    }

    #[test]
    fn what_both_hold_is_no_more_than_either() {
        let scopes: Scopes = "users.write groups.read".parse().unwrap();
        let other: Scopes = "users.read".parse().unwrap();
        assert_eq!(scopes.within(other), other);
        assert_eq!(Scopes::ALL.within(scopes), scopes);
    }
}
