//! Schemas and resource types as data: read, checked, changed (RFC 7643 §6, §7).

mod attributes;
mod change;
mod check;
mod flaw;
mod located;
mod lookup;
mod read;
mod remove;

pub use flaw::{Fault, Flaw};
pub use remove::{RemoveError, Removed};
use serde::{Deserialize, Serialize};

use crate::{Schema, TypeDefinition};
use check::Scope;
use read::Draft;

/// Schemas and resource types that were added to the standard ones, as data (RFC 7643 §6, §7).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Definitions {
    /// Schemas.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub schemas: Vec<Schema>,
    /// Whole resource types.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resource_types: Vec<TypeDefinition>,
    /// Extensions of types that are there already.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<Extended>,
}

/// Says that a resource type may or must carry one schema more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Extended {
    /// The name of the type, such as `User`.
    pub resource_type: String,
    /// The URN of the extension.
    pub schema: String,
    /// Whether every resource must carry it (R-EXT-02).
    #[serde(default)]
    pub required: bool,
    /// Attributes of the extension whose values are looked up by index, as whole paths.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub indexed: Vec<String>,
}

impl Definitions {
    /// Reads definitions: an object of this form, one schema of RFC 7643 §7, one resource type of
    /// §6, or a list of these, bare or as a ListResponse.
    ///
    /// Schemas and types that are named and not among them may be there already, so they are not
    /// missed; [`amend`](Self::amend) and [`check`](Self::check) do.
    ///
    /// ```
    /// use rollcall_schema::Definitions;
    ///
    /// let text = r#"{
    ///   "id": "urn:example:badge",
    ///   "attributes": [{"name": "colour", "type": "text"}]
    /// }"#;
    /// let faults = Definitions::read(text).unwrap_err();
    /// assert!(faults[0].to_string().starts_with("line 3, column 45 (/attributes/0/type): must be"));
    /// ```
    ///
    /// # Errors
    /// Everything that is wrong, with its place in the text.
    pub fn read(text: &str) -> Result<Self, Vec<Fault>> {
        let draft = Draft::read(text).map_err(|fault| vec![fault])?;
        let flaws = check::check(&draft.definitions, Scope::Part);
        draft.finish(flaws)
    }

    /// These definitions, with what a text adds to them: [`read`](Self::read), then
    /// [`add`](Self::add).
    ///
    /// # Errors
    /// Everything that is wrong, with its place in the text.
    pub fn amend(&self, text: &str) -> Result<Self, Vec<Fault>> {
        let draft = Draft::read(text).map_err(|fault| vec![fault])?;
        match self.with(&draft.definitions) {
            Ok(whole) => draft.finish(Vec::new()).map(|_| whole),
            Err(flaws) => draft.finish(flaws),
        }
    }

    /// Adds definitions, and changes those that are there already in ways that no resource
    /// notices: by new attributes, parts, types, extensions and suggested values, by other words
    /// for people, by more indexes, by `required` that falls, by `uniqueness` that comes or goes.
    ///
    /// A schema or type that is there already is given whole: what it leaves out would be removed,
    /// which is refused.
    ///
    /// # Errors
    /// Everything that is wrong, with pointers into `more`. Nothing is changed then.
    pub fn add(&mut self, more: &Self) -> Result<(), Vec<Flaw>> {
        *self = self.with(more)?;
        Ok(())
    }

    /// Checks that the definitions fit together and beside the standard ones.
    ///
    /// # Errors
    /// Everything that is wrong, with pointers into the definitions.
    pub fn check(&self) -> Result<(), Vec<Flaw>> {
        match check::check(self, Scope::Whole) {
            flaws if flaws.is_empty() => Ok(()),
            flaws => Err(flaws),
        }
    }
}
