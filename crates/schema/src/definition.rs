//! Schema and resource type definitions as data (RFC 7643 §6, §7).

use serde::{Deserialize, Serialize};

/// A schema: the attributes behind one URN (RFC 7643 §7).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Schema {
    /// The URN.
    pub id: String,
    /// A name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The attributes in the order in which they are shown.
    pub attributes: Vec<Attribute>,
}

/// One attribute of a schema, with the defaults of RFC 7643 §2.2 (R-ATTR-01).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attribute {
    /// The name in the spelling that is sent out.
    pub name: String,
    /// The data type.
    #[serde(rename = "type", default)]
    pub kind: Type,
    /// Whether it holds a list.
    #[serde(default)]
    pub multi_valued: bool,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// Whether a resource must have it.
    #[serde(default)]
    pub required: bool,
    /// Suggested values; advisory (R-ATTR-19).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub canonical_values: Vec<String>,
    /// Whether text compares exactly.
    #[serde(default)]
    pub case_exact: bool,
    /// Who may write it, and when.
    #[serde(default)]
    pub mutability: Mutability,
    /// When it is shown.
    #[serde(default)]
    pub returned: Returned,
    /// Where its values are unique.
    #[serde(default)]
    pub uniqueness: Uniqueness,
    /// What a reference may point at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reference_types: Vec<String>,
    /// The parts of a complex attribute.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sub_attributes: Vec<Attribute>,
}

/// The data types of RFC 7643 §2.3, with `binary` (R-ATTR-05).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are the RFC's own")]
pub enum Type {
    #[default]
    String,
    Boolean,
    Decimal,
    Integer,
    DateTime,
    Binary,
    Reference,
    Complex,
}

/// Who may write an attribute (RFC 7643 §7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are the RFC's own")]
pub enum Mutability {
    ReadOnly,
    #[default]
    ReadWrite,
    Immutable,
    WriteOnly,
}

/// When an attribute is shown (RFC 7643 §7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are the RFC's own")]
pub enum Returned {
    Always,
    Never,
    #[default]
    Default,
    Request,
}

/// Where a value is unique (RFC 7643 §7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names are the RFC's own")]
pub enum Uniqueness {
    #[default]
    None,
    Server,
    Global,
}

/// A resource type: an endpoint, its schema and its extensions (RFC 7643 §6).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TypeDefinition {
    /// Equal to the name (R-DISC-07).
    pub id: String,
    /// The name, as `meta.resourceType` shows it.
    pub name: String,
    /// The endpoint, with its leading slash.
    pub endpoint: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// The URN of the base schema.
    pub schema: String,
    /// Extensions that a resource may or must carry.
    #[serde(default)]
    pub schema_extensions: Vec<SchemaExtension>,
    /// Attributes whose values are looked up by index, as paths. Never on the wire.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub indexed: Vec<String>,
    /// Attributes that are read off the relations of other resources. Never on the wire.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub derived: Vec<Derivation>,
    /// Attributes that are unique where [`Profile::unique_names`](crate::Profile::unique_names)
    /// says so. Never on the wire.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unique_names: Vec<String>,
    /// Attributes of themselves that users may write under `/Me` (R-ME-03). Never on the wire.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub self_service: Vec<String>,
}

impl TypeDefinition {
    /// What discovery shows: RFC 7643 §6 alone.
    #[must_use]
    pub fn on_the_wire(&self) -> Self {
        let (indexed, derived) = (Vec::new(), Vec::new());
        let (unique_names, self_service) = (Vec::new(), Vec::new());
        Self { indexed, derived, unique_names, self_service, ..self.clone() }
    }
}

/// An extension of a resource type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaExtension {
    /// The URN of the extension.
    pub schema: String,
    /// Whether every resource must carry it (R-EXT-02).
    #[serde(default)]
    pub required: bool,
}

/// Says that `attribute` lists the resources of type `of` whose relation `through` holds this one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Derivation {
    /// The derived attribute, such as `groups`.
    pub attribute: String,
    /// The resource type at the other end, such as `Group`.
    pub of: String,
    /// Its relation, such as `members`.
    pub through: String,
}
