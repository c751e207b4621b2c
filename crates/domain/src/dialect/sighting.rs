//! What one request looks like, and who it looks like.

use serde_json::{Map, Value};

use super::Certainty::{Hint, Name, Sign};
use super::{Certainty, Clue, Dialect};

/// How many operations of one request are looked at, and how many members of a value.
const LOOKED_AT: usize = 20;

/// What a request looks like.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sighting<'a> {
    /// The method.
    pub method: &'a str,
    /// What the path begins with behind the base URL, such as `Users`.
    pub endpoint: &'a str,
    /// Whether the path goes on behind that.
    pub single: bool,
    /// `User-Agent`.
    pub user_agent: Option<&'a str>,
    /// The query.
    pub asked: Asked<'a>,
    /// The body.
    pub wording: Wording,
}

/// What a query asks for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked<'a> {
    /// `filter`.
    pub filter: Option<&'a str>,
    /// Whether `aadOptscim062020` is among the parameters.
    pub entra_flag: bool,
    /// Whether `excludedAttributes` is `members`.
    pub without_members: bool,
    /// Whether there is a `count`.
    pub count: bool,
    /// Whether there is a `startIndex`.
    pub start: bool,
}

/// How a body is worded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wording {
    /// `Add`, `Replace`, `Remove`.
    pub capital_ops: bool,
    /// A replace without a path.
    pub pathless: bool,
    /// Keys of its value that are paths: `name.givenName`, a URN, `emails[…].value`.
    pub keyed_by_paths: bool,
    /// `"True"`, `"False"`.
    pub capital_booleans: bool,
    /// `"true"`, `"false"`.
    pub text_booleans: bool,
    /// A remove with a path and a list of values, in lower case.
    pub removes_values: bool,
    /// `"id": null`.
    pub null_id: bool,
    /// The schema of directories that Microsoft's groups carry.
    pub microsoft_schema: bool,
}

impl Wording {
    /// How a body is worded; a glance, however long it is.
    pub fn of(body: &Value) -> Self {
        let Some(body) = body.as_object() else { return Self::default() };
        let mut wording = Self {
            null_id: body.get("id") == Some(&Value::Null),
            microsoft_schema: lists(body, "http://schemas.microsoft.com/2006/11/"),
            ..Self::default()
        };
        wording.boolean(body.get("active"));
        let operations = body.get("Operations").and_then(Value::as_array);
        for operation in operations.into_iter().flatten().take(LOOKED_AT) {
            wording.operation(operation);
        }
        wording
    }

    fn operation(&mut self, operation: &Value) {
        let Some(op) = operation.get("op").and_then(Value::as_str) else { return };
        let (path, value) = (operation.get("path").and_then(Value::as_str), operation.get("value"));
        self.capital_ops |= matches!(op, "Add" | "Replace" | "Remove");
        self.removes_values |=
            op == "remove" && path.is_some() && value.is_some_and(Value::is_array);
        if path == Some("active") {
            self.boolean(value);
        }
        if path.is_none()
            && let Some(value) = value.and_then(Value::as_object)
        {
            // tidy: member names
            self.pathless |= op.eq_ignore_ascii_case("replace");
            let mut keys = value.keys().take(LOOKED_AT);
            self.keyed_by_paths |= keys.any(|key| key.contains(['.', ':', '[']));
            self.boolean(value.get("active"));
        }
    }

    fn boolean(&mut self, value: Option<&Value>) {
        match value.and_then(Value::as_str) {
            Some("True" | "False") => self.capital_booleans = true,
            Some("true" | "false") => self.text_booleans = true,
            _ => {}
        }
    }
}

impl Sighting<'_> {
    /// Who the request looks like; `None` where it says nothing.
    pub fn clue(&self) -> Option<Clue> {
        let clue = self.by_name().or_else(|| self.by_word()).or_else(|| self.by_question());
        clue.map(|(dialect, certainty)| Clue { dialect, certainty })
    }

    /// By what it calls itself.
    fn by_name(&self) -> Option<(Dialect, Certainty)> {
        const NAMES: [(&str, Dialect); 10] = [
            ("okta", Dialect::Okta),
            ("onelogin", Dialect::Onelogin),
            ("jumpcloud", Dialect::Jumpcloud),
            ("pingfederate", Dialect::Ping),
            ("pingone", Dialect::Ping),
            ("pingidentity", Dialect::Ping),
            ("cyberark", Dialect::Cyberark),
            ("idaptive", Dialect::Cyberark),
            ("rippling", Dialect::Rippling),
            ("google", Dialect::Google),
        ];
        if self.asked.entra_flag {
            return Some((Dialect::Entra, Name));
        }
        let agent: String = self.user_agent?.chars().take(200).collect();
        // tidy: member names
        let agent = agent.to_ascii_lowercase();
        let (_, dialect) = NAMES.into_iter().find(|(name, _)| agent.contains(name))?;
        // E-OKTA-05: integrations of the catalogue switch users by PATCH.
        let switches = self.endpoint == "Users" && self.wording.pathless;
        Some(match dialect {
            Dialect::Okta if switches => (Dialect::OktaOin, Name),
            dialect => (dialect, Name),
        })
    }

    /// By how its body is worded.
    fn by_word(&self) -> Option<(Dialect, Certainty)> {
        let words = &self.wording;
        if words.capital_ops || words.capital_booleans {
            // E-ENTRA-04, E-ENTRA-05.
            return Some((Dialect::EntraLegacy, Sign));
        }
        if words.pathless && words.keyed_by_paths {
            // E-ENTRA-06: nobody else does, and only with the flag.
            return Some((Dialect::Entra, Name));
        }
        if words.microsoft_schema {
            // E-ENTRA-08.
            return Some((Dialect::Entra, Sign));
        }
        if words.text_booleans || words.null_id {
            // E-ONEL-01.
            return Some((Dialect::Onelogin, Sign));
        }
        if words.removes_values {
            // E-JC-03.
            return Some((Dialect::Jumpcloud, Hint));
        }
        // E-GOOG-02.
        (words.pathless && self.endpoint == "Users").then_some((Dialect::Google, Hint))
    }

    /// By what it asks for.
    fn by_question(&self) -> Option<(Dialect, Certainty)> {
        match (self.method, self.endpoint) {
            // E-CYB-01, E-GOOG-03.
            ("GET", "ResourceTypes") if self.single => Some((Dialect::Cyberark, Sign)),
            ("GET", "Schemas") if self.single => Some((Dialect::Google, Hint)),
            ("GET", "Users" | "Groups") => self.by_filter(),
            _ => None,
        }
    }

    fn by_filter(&self) -> Option<(Dialect, Certainty)> {
        let filter = self.asked.filter?;
        let has = |part: &str| filter.contains(part);
        if self.asked.without_members && filter.starts_with("displayName eq") {
            // E-ENTRA-02.
            return Some((Dialect::Entra, Hint));
        }
        let work_mail = filter.starts_with("emails[type eq \"work\"].value eq");
        let reference = has("id eq") && (has("and manager eq") || has("and members eq"));
        if work_mail || reference {
            // E-ENTRA-01.
            return Some((Dialect::Entra, Hint));
        }
        // E-PING-01: what matches is an expression of its own.
        let either = has("userName eq") && has(" or ");
        either.then_some((Dialect::Ping, Hint))
    }
}

fn lists(body: &Map<String, Value>, head: &str) -> bool {
    let schemas = body.get("schemas").and_then(Value::as_array);
    let urns = schemas.into_iter().flatten().take(LOOKED_AT).filter_map(Value::as_str);
    urns.into_iter().any(|urn| urn.starts_with(head))
}
