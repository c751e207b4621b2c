//! What a request wants to see, from its URL or from a posted search.

use std::borrow::Cow;
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use rollcall_domain::{CursorAsked, Derived, Offer, Search};
use rollcall_filter::{AttrPath, Filter, Grammar, Parser};
use rollcall_schema::{Order, Profile, Projection, ResourceType, standard};
use serde_json::{Map, Number, Value};

use crate::alike::{alike, small};
use crate::limits::Pages;
use crate::problem::{Problem, ScimType};

/// How many items of a list may be no attributes before the rest of it is given up.
const BAD_ITEMS: usize = 100;

/// The parameters of RFC 7644 §3.4.2 and §3.9 as they were sent. They are read only where they
/// count: `filter` means nothing to a single resource (R-GET-05).
#[derive(Debug, Default)]
pub(crate) struct Parameters {
    attributes: Vec<String>,
    excluded: Vec<String>,
    filter: Option<String>,
    sort_by: Option<String>,
    sort_order: Option<String>,
    start_index: Option<String>,
    count: Option<String>,
    cursor: Option<String>,
    parser: Parser,
}

impl Parameters {
    /// Reads the query of a URL. Names are in any case, unknown ones are passed over (R-GET-04).
    pub(crate) fn from_query(query: Option<&str>, profile: &Profile) -> Result<Self, Problem> {
        let parser = Parser { grammar: grammar(profile), ..Parser::default() };
        let mut parameters = Self { parser, ..Self::default() };
        for pair in pairs(query, Plus::of(profile)) {
            let (name, value) = pair?;
            let value = refuse_nul(&name, value.into_owned())?;
            match small(&name).as_str() {
                "attributes" => parameters.attributes.push(value),
                "excludedattributes" => parameters.excluded.push(value),
                name => parameters.set(name, value)?,
            }
        }
        Ok(parameters)
    }

    /// Reads a posted search (RFC 7644 §3.4.3).
    pub(crate) fn from_posted(body: Value, profile: &Profile) -> Result<Self, Problem> {
        let Value::Object(body) = body else {
            return Err(syntax("the body must be a JSON object"));
        };
        check_schemas(&body)?;
        let parser = Parser { grammar: grammar(profile), ..Parser::posted() };
        let mut parameters = Self { parser, ..Self::default() };
        for (name, value) in body {
            match (small(&name).as_str(), value) {
                (_, Value::Null) => {}
                ("attributes", value) => parameters.attributes.extend(names(&name, value)?),
                ("excludedattributes", value) => parameters.excluded.extend(names(&name, value)?),
                (name, Value::String(value)) => parameters.set(name, value)?,
                (name @ ("startindex" | "count"), Value::Number(number)) => {
                    parameters.set(name, digits(&number))?;
                }
                ("filter" | "sortby" | "sortorder" | "startindex" | "count" | "cursor", _) => {
                    return Err(invalid(format!("`{name}` has a value of the wrong type")));
                }
                _ => {}
            }
        }
        Ok(parameters)
    }

    /// Sets what can be given once; the same value again does no harm.
    fn set(&mut self, name: &str, value: String) -> Result<(), Problem> {
        let slot = match name {
            "filter" => &mut self.filter,
            "sortby" => &mut self.sort_by,
            "sortorder" => &mut self.sort_order,
            "startindex" => &mut self.start_index,
            "count" => &mut self.count,
            "cursor" => &mut self.cursor,
            _ => return Ok(()),
        };
        match slot.replace(value) {
            earlier @ Some(_) if earlier != *slot => {
                Err(invalid(format!("`{name}` is given twice with different values")))
            }
            _ => Ok(()),
        }
    }

    /// What is shown of a resource (R-PROJ-04).
    pub(crate) fn projection(
        &self,
        ty: &ResourceType,
        profile: &Profile,
    ) -> Result<Projection, Problem> {
        let (attributes, excluded) = (asked(&self.attributes)?, asked(&self.excluded)?);
        if !attributes.is_empty() && !excluded.is_empty() {
            let detail = "`attributes` and `excludedAttributes` exclude each other: send one";
            return Err(invalid(detail));
        }
        Ok(ty.projection(&attributes, &excluded, profile))
    }

    /// Which attributes are asked for, in one form (R-CUR-03).
    pub(crate) fn shown(&self) -> String {
        let (attributes, excluded) = (self.attributes.join(","), self.excluded.join(","));
        small(&format!("{attributes}|{excluded}"))
    }

    /// What is searched for among resources of these types; `shown` is what
    /// [`shown`](Self::shown) gives.
    pub(crate) fn search<'p>(
        &'p self,
        types: &[Arc<ResourceType>],
        offer: &Offer,
        pages: Pages,
        derived: Derived,
        shown: &'p str,
    ) -> Result<Search<'p>, Problem> {
        let start = number("startIndex", self.start_index.as_deref())?;
        let count = number("count", self.count.as_deref())?;
        let count = count.and_then(|count| u32::try_from(count).ok().or(Some(u32::MAX)));
        let cursor = self.cursor.as_deref().map(|text| CursorAsked { text, shown });
        if cursor.is_some() && !offer.capabilities().cursor {
            return Err(invalid("`cursor` is not offered on this connection: use `startIndex`"));
        }
        // R-CUR-08.
        if cursor.is_some() && start.is_some() {
            return Err(invalid("`cursor` and `startIndex` exclude each other: send one"));
        }
        Ok(Search {
            filter: self.filter(offer)?,
            sort: match offer.capabilities().sort {
                true => self.sort(types, offer.profile())?,
                false => None,
            },
            start: start.unwrap_or(1).max(1),
            count: count.unwrap_or(pages.default).min(pages.max),
            derived,
            cursor,
        })
    }

    /// Where filters are not offered, one is refused as any other that can't be answered (RFC 7644
    /// table 9): to pass over it would answer with resources that nobody asked for.
    fn filter(&self, offer: &Offer) -> Result<Option<Filter<'_>>, Problem> {
        let Some(text) = self.filter.as_deref() else { return Ok(None) };
        let refused = |detail: String| Problem::bad(ScimType::InvalidFilter, detail).at("`filter`");
        if !offer.capabilities().filter {
            return Err(refused("filters are not offered on this connection".into()));
        }
        self.parser.filter(text).map(Some).map_err(|error| refused(error.to_string()))
    }

    /// R-SORT-01, R-SORT-02, R-SORT-07. Nobody gets here where sorting isn't offered: `sortBy` is
    /// passed over then, and the order is that of ids.
    fn sort(
        &self,
        types: &[Arc<ResourceType>],
        profile: &Profile,
    ) -> Result<Option<(AttrPath<'_>, Order)>, Problem> {
        let order = match given(self.sort_order.as_deref()) {
            None => Order::Ascending,
            Some(text) if alike(text, "ascending") => Order::Ascending,
            Some(text) if alike(text, "descending") => Order::Descending,
            Some(_) => return Err(invalid("`sortOrder` is `ascending` or `descending`")),
        };
        let Some(text) = given(self.sort_by.as_deref()) else { return Ok(None) };
        let refused = |error: &dyn std::fmt::Display| invalid(format!("`sortBy`: {error}"));
        let path = self.parser.attr_path(text).map_err(|error| refused(&error))?;
        // What several types make of it is for the directory to say.
        if let [ty] = types {
            ty.sort(&path, order, profile).map_err(|error| refused(&error))?;
        }
        Ok(Some((path, order)))
    }
}

/// What lists ask for: where none of their items is an attribute, one that no type has
/// (R-PROJ-02, R-PROJ-09).
fn asked(lists: &[String]) -> Result<Vec<AttrPath<'_>>, Problem> {
    const UNKNOWN: AttrPath<'_> = AttrPath { text: "", urn: None, name: "", sub: None, offset: 0 };
    let mut paths = paths(lists)?;
    let blank = |list: &String| list.split(',').all(|item| item.trim().is_empty());
    if paths.is_empty() && !lists.iter().all(blank) {
        paths.push(UNKNOWN);
    }
    Ok(paths)
}

/// The attributes that lists name (R-PROJ-05).
fn paths(lists: &[String]) -> Result<Vec<AttrPath<'_>>, Problem> {
    let parser = Parser::posted();
    if lists.iter().any(|list| list.len() > parser.max_length) {
        let limit = parser.max_length;
        return Err(invalid(format!("a list of attributes has more than {limit} bytes")));
    }
    Ok(lists.iter().flat_map(|list| paths_of(list, &parser)).collect())
}

/// The attributes of a list; items that are none are passed over (R-PROJ-09).
fn paths_of<'t>(list: &'t str, parser: &Parser) -> Vec<AttrPath<'t>> {
    let (mut found, mut rest) = (Vec::new(), list);
    for _ in 0..BAD_ITEMS {
        let error = match parser.attributes(rest) {
            Ok(paths) => {
                found.extend(paths);
                break;
            }
            Err(error) => error,
        };
        let at = rest.floor_char_boundary(error.offset());
        let (before, behind) = rest.split_at_checked(at).unwrap_or((rest, ""));
        let good = before.rfind(',').and_then(|comma| before.get(..comma));
        found.extend(good.and_then(|good| parser.attributes(good).ok()).into_iter().flatten());
        rest = behind.find(',').and_then(|comma| behind.get(comma + 1..)).unwrap_or_default();
    }
    found
}

/// Whether a query has a parameter of this name.
pub(crate) fn names_parameter(query: Option<&str>, wanted: &str) -> bool {
    pairs(query, Plus::Heuristic).flatten().any(|(name, _)| alike(&name, wanted))
}

pub(crate) type Pair<'q> = (Cow<'q, str>, Cow<'q, str>);

/// What a plus in a query is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Plus {
    /// A space, as in forms.
    Space,
    /// A space, unless the text has its spaces percent-encoded: then it is a plus that the client
    /// left alone (R-FILTER-23).
    Heuristic,
}

impl Plus {
    const fn of(profile: &Profile) -> Self {
        if profile.plus_heuristic { Self::Heuristic } else { Self::Space }
    }
}

/// Which filters are read (R-FILTER-05).
const fn grammar(profile: &Profile) -> Grammar {
    if profile.loose_filters { Grammar::Tolerant } else { Grammar::Strict }
}

/// The pairs of a query, each decoded once.
pub(crate) fn pairs(
    query: Option<&str>,
    plus: Plus,
) -> impl Iterator<Item = Result<Pair<'_>, Problem>> {
    query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()).map(move |pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let told = |problem: Problem| match decode(name, plus) {
            Ok(name) => problem.at(&format!("`{}`", name.chars().take(80).collect::<String>())),
            Err(_) => problem,
        };
        Ok((decode(name, plus)?, decode(value, plus).map_err(told)?))
    })
}

/// Decodes percent signs as UTF-8.
pub(crate) fn decode(text: &str, plus: Plus) -> Result<Cow<'_, str>, Problem> {
    let utf8 = || invalid("the query is not UTF-8 once its percent signs are decoded");
    let left_alone = matches!(plus, Plus::Heuristic) && text.contains("%20");
    if !text.contains('+') || left_alone {
        return percent_decode_str(text).decode_utf8().map_err(|_| utf8());
    }
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8().map_err(|_| utf8())?;
    Ok(Cow::Owned(decoded.into_owned()))
}

/// R-PAGE-01, R-PAGE-02, R-PAGE-06, R-PAGE-07: less than nothing is nothing, and numbers that are
/// too large count as the largest.
fn number(name: &str, text: Option<&str>) -> Result<Option<u64>, Problem> {
    const LARGEST: u64 = i64::MAX as u64;
    let Some(text) = given(text) else { return Ok(None) };
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(invalid(format!("`{name}` must be a whole number")));
    }
    let number = digits.parse().unwrap_or(LARGEST).min(LARGEST);
    Ok(Some(if negative { 0 } else { number }))
}

/// A number as it would stand in a URL: a whole one without exponent, however large.
fn digits(number: &Number) -> String {
    match number.as_f64() {
        Some(large) if number.is_f64() && large % 1.0 == 0.0 => format!("{large:.0}"),
        _ => number.to_string(),
    }
}

/// Refuses U+0000 where nothing else would: filters and cursors say themselves what is wrong with
/// them, and what is passed over is not looked at.
fn refuse_nul(name: &str, value: String) -> Result<String, Problem> {
    let read = ["attributes", "excludedAttributes", "sortBy", "sortOrder", "startIndex", "count"];
    if value.contains('\0') && read.iter().any(|read| alike(read, name)) {
        return Err(invalid(format!("`{name}` contains the character U+0000")));
    }
    Ok(value)
}

/// A parameter without a value counts as absent.
fn given(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

/// R-SEARCH-04.
fn check_schemas(body: &Map<String, Value>) -> Result<(), Problem> {
    let schemas = body.iter().find(|(name, _)| alike(name, "schemas"));
    let urns = schemas.and_then(|(_, value)| value.as_array()).into_iter().flatten();
    let is_search = |urn: &str| alike(urn, standard::SEARCH_REQUEST);
    if urns.filter_map(Value::as_str).any(is_search) {
        return Ok(());
    }
    Err(syntax(format!("`schemas` must list `{}`", standard::SEARCH_REQUEST)))
}

/// R-SEARCH-03: a list of names, or one text with commas.
fn names(name: &str, value: Value) -> Result<Vec<String>, Problem> {
    let refused = || invalid(format!("`{name}` must be a list of attribute names"));
    match value {
        Value::String(list) => Ok(vec![list]),
        Value::Array(items) => {
            let text = |item| if let Value::String(text) = item { Some(text) } else { None };
            items.into_iter().map(text).collect::<Option<_>>().ok_or_else(refused)
        }
        _ => Err(refused()),
    }
}

fn invalid(detail: impl Into<String>) -> Problem {
    Problem::bad(ScimType::InvalidValue, detail)
}

fn syntax(detail: impl Into<String>) -> Problem {
    Problem::bad(ScimType::InvalidSyntax, detail)
}

#[cfg(test)]
mod tests;
