//! The profiles by name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The name of a profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProfileName {
    /// [`Profile::GENERIC`](crate::Profile::GENERIC).
    #[default]
    Generic,
    /// [`Profile::OKTA`](crate::Profile::OKTA).
    Okta,
    /// [`Profile::ENTRA`](crate::Profile::ENTRA).
    Entra,
    /// [`Profile::JUMPCLOUD`](crate::Profile::JUMPCLOUD).
    Jumpcloud,
    /// [`Profile::STRICT`](crate::Profile::STRICT).
    Strict,
}

/// A name that no profile has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no profile `{name}`: use one of {}", all_names())]
pub struct NoSuchProfile {
    /// The name as given.
    pub name: String,
}

fn all_names() -> String {
    ProfileName::ALL.map(ProfileName::name).join(", ")
}

impl ProfileName {
    /// Every profile.
    pub const ALL: [Self; 5] =
        [Self::Generic, Self::Okta, Self::Entra, Self::Jumpcloud, Self::Strict];

    /// The name in configuration and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::Okta => "okta",
            Self::Entra => "entra",
            Self::Jumpcloud => "jumpcloud",
            Self::Strict => "strict",
        }
    }
}

impl fmt::Display for ProfileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for ProfileName {
    type Err = NoSuchProfile;

    fn from_str(name: &str) -> Result<Self, NoSuchProfile> {
        let found = Self::ALL.into_iter().find(|profile| profile.name() == name);
        found.ok_or_else(|| NoSuchProfile { name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_everywhere() {
        for profile in ProfileName::ALL {
            assert_eq!(profile.name().parse(), Ok(profile));
            assert_eq!(serde_json::to_value(profile).unwrap(), profile.to_string());
        }
        let error = "Okta".parse::<ProfileName>().unwrap_err();
        let expect = "no profile `Okta`: use one of generic, okta, entra, jumpcloud, strict";
        assert_eq!(error.to_string(), expect);
    }
}
