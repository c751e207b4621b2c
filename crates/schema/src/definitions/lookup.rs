//! Attributes of a type by path, before it is compiled.

use crate::resource_type::{Storage, storage};
use crate::{Attribute, Definitions, Schema, TypeDefinition, standard};

/// The schemas of a type.
pub(super) struct Lookup<'d> {
    base: Option<&'d Schema>,
    /// Attributes without a URN before them.
    common: &'d [Attribute],
    extensions: Vec<(&'d str, Option<&'d Schema>)>,
}

/// What a path leads to.
pub(super) enum Found<'d> {
    Attribute(&'d Attribute),
    /// A list of references to resources, or its part.
    Relation,
    /// What the server keeps: `id`, `meta`.
    Server,
    /// A schema that isn't there to be looked at.
    Unsure,
    Nothing,
}

impl<'d> Lookup<'d> {
    pub(super) fn of(all: &'d Definitions, ty: &'d TypeDefinition) -> Self {
        let own = ty.schema_extensions.iter().map(|own| own.schema.as_str());
        let added = all.extensions.iter().filter(|extended| extended.resource_type == ty.name);
        let urns = own.chain(added.map(|extended| extended.schema.as_str()));
        Self {
            base: schema(all, &ty.schema),
            common: standard::common_attributes(),
            extensions: urns.map(|urn| (urn, schema(all, urn))).collect(),
        }
    }

    /// The attributes of one extension alone.
    pub(super) fn of_extension(all: &'d Definitions, urn: &'d str) -> Self {
        Self { base: None, common: &[], extensions: vec![(urn, schema(all, urn))] }
    }

    /// The attribute behind a whole path, in schema spelling.
    pub(super) fn find(&self, path: &str) -> Found<'d> {
        let under = |(urn, schema): &(&'d str, Option<&'d Schema>)| {
            let rest = path.strip_prefix(*urn)?.strip_prefix(':')?;
            Some((rest.to_owned(), *schema))
        };
        let extension = self.extensions.iter().filter_map(under).min_by_key(|(rest, _)| rest.len());
        if let Some((rest, schema)) = extension {
            return schema.map_or(Found::Unsure, |schema| within(&schema.attributes, &rest));
        }
        match within(self.common, path) {
            Found::Nothing => {}
            Found::Attribute(attribute) if attribute.name == "externalId" => {
                return Found::Attribute(attribute);
            }
            _ => return Found::Server,
        }
        match self.base {
            Some(base) => within(&base.attributes, path),
            None if self.common.is_empty() => Found::Nothing,
            None => Found::Unsure,
        }
    }
}

fn schema<'d>(all: &'d Definitions, urn: &str) -> Option<&'d Schema> {
    let own = all.schemas.iter().find(|schema| schema.id.eq_ignore_ascii_case(urn));
    let standard = || standard::schemas().iter().find(|schema| schema.id.eq_ignore_ascii_case(urn));
    own.or_else(|| standard().map(|schema| &**schema))
}

fn within<'d>(attributes: &'d [Attribute], path: &str) -> Found<'d> {
    let (name, sub) = match path.split_once('.') {
        Some((name, sub)) => (name, Some(sub)),
        None => (path, None),
    };
    let Some(attribute) = attributes.iter().find(|attribute| attribute.name == name) else {
        return Found::Nothing;
    };
    if storage(attribute) == Storage::Relation {
        return Found::Relation;
    }
    match sub {
        None => Found::Attribute(attribute),
        Some(sub) => {
            let part = attribute.sub_attributes.iter().find(|part| part.name == sub);
            part.map_or(Found::Nothing, Found::Attribute)
        }
    }
}
