//! The table of everything that the admin API takes.

mod routes;

use http::Method;
use rollcall_domain::Role;
pub(super) use routes::ROUTES;

/// One operation of the API.
#[derive(Clone, Copy, Debug)]
pub(super) struct Route {
    pub(super) verb: Verb,
    /// The path below the base, with its variable parts in braces.
    pub(super) path: &'static str,
    pub(super) call: Call,
    /// The id of the operation in the document.
    pub(super) id: &'static str,
    pub(super) summary: &'static str,
    /// The schema of what is answered.
    pub(super) answer: &'static str,
    pub(super) status: u16,
    /// The least role that does it; `None` where nobody is asked who they are.
    pub(super) role: Option<Role>,
    /// Whether a key of one organization can't do it.
    pub(super) everywhere: bool,
    pub(super) body: Option<Sent>,
    pub(super) query: &'static [Parameter],
    /// Whether it may insist on a revision.
    pub(super) if_match: bool,
    /// Where what was made is, from members of the answer and variable parts of the path.
    pub(super) location: Option<&'static str>,
}

/// The methods that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Get,
    Post,
    Patch,
    Delete,
}

/// A body that is sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub(super) schema: &'static str,
    /// Whether it may be left out, which says the same as an empty object.
    pub(super) optional: bool,
}

/// A parameter of a query.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) kind: Kind,
    pub(super) required: bool,
}

/// What a parameter may be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Text,
    Count,
    OneOf(&'static [&'static str]),
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Document,
    Organizations,
    CreateOrganization,
    Organization,
    ChangeOrganization,
    DeleteOrganization,
    Connections,
    CreateConnection,
    Connection,
    Configure,
    DeleteConnection,
    Removal,
    Status,
    Validate,
    Schemas,
    AddSchemas,
    RemoveSchema,
    Tokens,
    CreateToken,
    Token,
    RevokeToken,
    StartRotation,
    Rotation,
    FinishRotation,
    Job,
    Keys,
    CreateKey,
    Key,
    RevokeKey,
}

/// What may become of the people of a connection.
pub(super) const PEOPLE: &[&str] = &["keep", "deactivate", "handOver"];

impl Route {
    /// Whether it changes anything: then it takes an `Idempotency-Key`.
    pub(super) fn writes(&self) -> bool {
        self.verb != Verb::Get
    }

    /// The names of the variable parts of the path.
    pub(super) fn variables(&self) -> impl Iterator<Item = &'static str> {
        self.path.split('/').filter_map(variable)
    }
}

/// The name of a segment that is a variable part.
pub(super) fn variable(segment: &'static str) -> Option<&'static str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

impl Verb {
    /// The method as it is written.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    /// The method as the document writes it.
    pub(super) const fn member(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Post => "post",
            Self::Patch => "patch",
            Self::Delete => "delete",
        }
    }

    /// Whether requests with this method are answered; HEAD is GET without a body.
    pub(super) fn is(self, method: &Method) -> bool {
        let method = if *method == Method::HEAD { &Method::GET } else { method };
        self.name() == method.as_str()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn routes_differ() {
        let ids: BTreeSet<_> = ROUTES.iter().map(|route| route.id).collect();
        let places: BTreeSet<_> =
            ROUTES.iter().map(|route| (route.verb.name(), route.path)).collect();
        assert_eq!((ids.len(), places.len()), (ROUTES.len(), ROUTES.len()));
    }

    /// R-E-05: what asks for no role is the document alone.
    #[test]
    fn r_e_05_every_route_names_the_role_that_it_takes() {
        let open: Vec<_> = ROUTES.iter().filter(|route| route.role.is_none()).collect();
        assert!(matches!(open.as_slice(), [route] if route.call == Call::Document));
        let unguarded = |route: &&Route| route.writes() && route.role < Some(Role::Operator);
        assert_eq!(ROUTES.iter().filter(unguarded).count(), 0);
    }
}
