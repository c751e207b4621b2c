//! Values that are written as one text: by their names, or as their own `Display` writes them.

/// Serializes a type as it displays, and reads it back as it parses.
macro_rules! written_as_text {
    ($name:ident) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

/// An enum whose variants have names, with the error of a text that is none of them: the names
/// are listed in the order in which help shows them.
macro_rules! words {
    ($name:ident, $error:ident, $what:literal, [$($variant:ident => $word:literal),+ $(,)?]) => {
        impl $name {
            #[doc = concat!("Every ", $what, ", in the order in which help shows them.")]
            pub const ALL: [Self; [$($word),+].len()] = [$(Self::$variant),+];

            /// The name as configuration, the API and stores spell it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }

        #[doc = concat!("A text that names no ", $what, ".")]
        #[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
        #[error("no {} `{}`: use one of {}", $what, .0, $name::ALL.map($name::name).join(", "))]
        pub struct $error(String);

        impl std::str::FromStr for $name {
            type Err = $error;

            fn from_str(text: &str) -> Result<Self, $error> {
                let found = Self::ALL.into_iter().find(|one| one.name() == text);
                found.ok_or_else(|| $error(text.chars().take(80).collect()))
            }
        }

        $crate::words::written_as_text!($name);
    };
}

pub(crate) use {words, written_as_text};
