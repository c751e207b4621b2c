//! From a path below `/api/v1` to a route.

use std::borrow::Cow;

use http::Method;
use rollcall_domain::{ConnectionId, OrganizationId};
use tracing::Span;
use tracing::field::display;

use super::BASE;
use super::fault::Fault;
use super::table::{ROUTES, Route, variable};

/// A path below the base of the admin API, decoded; nothing where that is no text.
#[derive(Debug)]
pub(crate) struct AdminPath(Option<Vec<String>>);

/// The variable parts of a path by name.
pub(super) type Ids = Vec<(&'static str, String)>;

impl AdminPath {
    /// The segments behind `/api/v1`.
    pub(crate) fn new(segments: Option<Vec<String>>) -> Self {
        Self(segments)
    }

    /// The path with its variable parts left out, for metrics and traces.
    pub(crate) fn template(&self) -> Option<Cow<'static, str>> {
        let (route, _) = self.fitting().next()?;
        Some(format!("{BASE}{}", route.path).into())
    }

    /// The route for a method.
    pub(super) fn find(&self, method: &Method) -> Result<(&'static Route, Ids), Fault> {
        let mut fitting = self.fitting().peekable();
        if fitting.peek().is_none() {
            return Err(Fault::nowhere());
        }
        let found = fitting.find(|(route, _)| route.verb.is(method));
        found.ok_or_else(|| Fault::method(&self.allow()))
    }

    /// Says in the span what is asked about.
    pub(super) fn note(&self) {
        let Some((_, ids)) = self.fitting().next() else { return };
        let span = Span::current();
        let of = |name: &str| ids.iter().find(|(known, _)| *known == name).map(|(_, id)| id);
        if let Some(id) = of("org").and_then(|id| id.parse::<OrganizationId>().ok()) {
            span.record("organization", display(id));
        }
        if let Some(id) = of("connection").and_then(|id| id.parse::<ConnectionId>().ok()) {
            span.record("connection", display(id));
        }
    }

    /// Every method that the path takes.
    fn allow(&self) -> String {
        let mut names = Vec::new();
        for (route, _) in self.fitting() {
            names.push(route.verb.name());
            if route.verb.name() == "GET" {
                names.push("HEAD");
            }
        }
        names.join(", ")
    }

    fn fitting(&self) -> impl Iterator<Item = (&'static Route, Ids)> {
        let segments = self.0.as_deref();
        ROUTES.iter().filter_map(move |route| Some((route, captured(route.path, segments?)?)))
    }
}

/// The variable parts of a path that fits a template.
fn captured(template: &'static str, segments: &[String]) -> Option<Ids> {
    let mut expected = template.split('/').skip(1);
    let mut ids = Ids::new();
    for segment in segments {
        let expected = expected.next()?;
        match variable(expected) {
            Some(name) => ids.push((name, segment.clone())),
            None if expected == segment => {}
            None => return None,
        }
    }
    expected.next().is_none().then_some(ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> AdminPath {
        AdminPath::new(Some(text.split('/').map(Into::into).collect()))
    }

    #[track_caller]
    fn check(method: &Method, text: &str, expect: &str) {
        let found = path(text).find(method).map_err(|fault| format!("{fault:?}"));
        assert_eq!(found.map(|(route, _)| route.id).unwrap(), expect, "{method} {text}");
    }

    #[test]
    fn paths_lead_to_routes() {
        check(&Method::GET, "organizations", "listOrganizations");
        check(&Method::HEAD, "organizations", "listOrganizations");
        check(&Method::POST, "organizations", "createOrganization");
        check(&Method::GET, "organizations/o/connections/c/tokens/t/rotation", "getRotation");
        let (_, ids) = path("organizations/o/connections/c").find(&Method::GET).unwrap();
        assert_eq!(ids, [("org", "o".to_owned()), ("connection", "c".to_owned())]);
    }

    #[test]
    fn other_paths_lead_nowhere() {
        for text in ["", "organisations", "organizations/o/c", "jobs/j", "organizations/o/jobs"] {
            assert!(path(text).find(&Method::GET).is_err(), "{text}");
            assert_eq!(path(text).template(), None, "{text}");
        }
        assert!(AdminPath::new(None).find(&Method::GET).is_err());
        assert_eq!(path("organizations/o").allow(), "GET, HEAD, PATCH, DELETE");
    }
}
