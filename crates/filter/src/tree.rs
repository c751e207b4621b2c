//! The trees that filter and path texts become.

use std::borrow::Cow;

/// A filter over attributes `A` and values `V`.
///
/// The parser makes `Expr<AttrPath, Literal>`; a schema resolves it to its own attributes and
/// operands, so that one tree serves filters, PATCH paths, policy and SQL (RFC 7644 §3.4.2.2).
///
/// # Depth
///
/// Dropping, cloning, comparing and writing a tree recurse as deep as it nests.
/// What a parser made is shallow enough for any of that, see
/// [`Parser::DEEPEST`](crate::Parser::DEEPEST).
/// Whoever builds trees by hand from what others send must bound their depth likewise.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr<A, V> {
    /// Every part holds.
    And(Vec<Self>),
    /// At least one part holds.
    Or(Vec<Self>),
    /// The part does not hold.
    Not(Box<Self>),
    /// An attribute compared with a value.
    Compare(A, Op, V),
    /// The attribute has a value: `pr`.
    Present(A),
    /// One element of a multi-valued attribute satisfies the whole part: `emails[…]`.
    Any(A, Box<Self>),
}

/// A comparison operator (RFC 7644 table 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Contains.
    Co,
    /// Starts with.
    Sw,
    /// Ends with.
    Ew,
    /// Greater than.
    Gt,
    /// Greater than or equal.
    Ge,
    /// Less than.
    Lt,
    /// Less than or equal.
    Le,
}

impl Op {
    /// Every operator.
    pub const ALL: [Self; 9] =
        [Self::Eq, Self::Ne, Self::Co, Self::Sw, Self::Ew, Self::Gt, Self::Ge, Self::Lt, Self::Le];

    /// The operator as written in a filter.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Ne => "ne",
            Self::Co => "co",
            Self::Sw => "sw",
            Self::Ew => "ew",
            Self::Gt => "gt",
            Self::Ge => "ge",
            Self::Lt => "lt",
            Self::Le => "le",
        }
    }

    /// The operator that `text` names, in any case (R-FILTER-02).
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|op| op.as_str().eq_ignore_ascii_case(text))
    }
}

/// An attribute as it was written; nothing is resolved yet.
///
/// `urn:…:2.0:User:name.givenName` splits at the last colon before the attribute name
/// (R-EXT-03). A bare extension URN splits the same way (`urn:…:2.0` and `User`): whoever
/// resolves must try [`AttrPath::text`] as a schema first. `urn:…:2.0:User.manager` has the name
/// `User` and the sub-attribute `manager` (R-PATCH-63); a further dot stays in `sub`. A URN that
/// ends in no name, as `urn:example:2.0`, keeps `2.0` whole in `name`.
///
/// Two paths are equal wherever they stand.
#[derive(Clone, Copy, Debug, Eq)]
pub struct AttrPath<'t> {
    /// The whole path as written.
    pub text: &'t str,
    /// The schema URN before the attribute name.
    pub urn: Option<&'t str>,
    /// The attribute name.
    pub name: &'t str,
    /// The sub-attribute name.
    pub sub: Option<&'t str>,
    /// Where the path begins, in bytes from the start of the text.
    pub offset: usize,
}

impl PartialEq for AttrPath<'_> {
    fn eq(&self, other: &Self) -> bool {
        (self.text, self.urn, self.name, self.sub) == (other.text, other.urn, other.name, other.sub)
    }
}

/// A value as it was written.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal<'t> {
    /// A JSON string, decoded.
    String(Cow<'t, str>),
    /// A JSON number, as written.
    Number(&'t str),
    /// `true` or `false`.
    Boolean(bool),
    /// `null`.
    Null,
    /// A word without quotes, which the ABNF does not know but clients send (R-FILTER-05).
    Bare(&'t str),
}

/// A filter as parsed.
pub type Filter<'t> = Expr<AttrPath<'t>, Literal<'t>>;

/// A PATCH path: `attrPath`, or `attrPath[filter]` and a sub-attribute (RFC 7644 figure 7).
#[derive(Clone, Debug, PartialEq)]
pub struct Path<'t> {
    /// The attribute before any bracket.
    pub attr: AttrPath<'t>,
    /// The filter in brackets.
    pub filter: Option<Filter<'t>>,
    /// The sub-attribute behind the bracket.
    pub sub: Option<&'t str>,
}
