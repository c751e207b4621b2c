//! A set of resources as SQL, leaf by leaf.
//!
//! Inside a statement whose `r` is a resource of the type, a set is a condition on `r`; inside a
//! union it is a statement of ids. Complements are pushed down to the leaves, where they become
//! anti-joins. Every leaf is true or false, never null.

use std::borrow::Cow;
use std::ops::Bound;

use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, HasSqlType, Text, Uuid as SqlUuid};
use rollcall_domain::{Candidates, KeyTest};
use rollcall_schema::Instant;
use uuid::Uuid;

/// Statements of so many leaves stay prepared.
const COMMON: usize = 3;

/// `r` is found by the index of its type.
const BY_TYPE: &str = "where r.organization = $1 and r.connection = $2 and r.kind = $3";

/// `r` is found by its id and compared with the type. On tables without statistics the indexes of
/// the type seem as good as that of the ids, so they are kept out of the choice.
pub(crate) const OF_TYPE: &str = "where r.organization = $1 \
    and r.connection is not distinct from $2 and r.kind is not distinct from $3";

/// Makes a statement of its own of what is looked up for each resource. The planner doesn't know
/// how many resources share a value: as a join it might read all of them again for each one.
const EACH: &str = " offset 0";

/// A set of resources, its values ready to be sent.
#[derive(Debug, PartialEq)]
pub(crate) enum Set<'q> {
    All,
    Nothing,
    Id(Uuid),
    Key(&'q str, Range<Cow<'q, str>>),
    Created(Range<i64>),
    Modified(Range<i64>),
    Holding(&'q str, Uuid),
    HoldingAny(&'q str),
    /// Of a leaf.
    Not(Box<Self>),
    And(Vec<Self>),
    Or(Vec<Self>),
}

/// What a column must be.
#[derive(Debug, PartialEq)]
pub(crate) enum Range<T> {
    Is(T),
    From(Option<(&'static str, T)>, Option<(&'static str, T)>),
}

impl<'q> Set<'q> {
    pub(crate) fn of(candidates: &'q Candidates) -> Self {
        match candidates {
            Candidates::All => Self::All,
            Candidates::None => Self::Nothing,
            Candidates::Id(id) => Self::Id(id.uuid()),
            Candidates::Key(attr, test) => Self::Key(attr, Range::of_key(test)),
            Candidates::Created(lower, upper) => Self::Created(Range::of_time(*lower, *upper)),
            Candidates::Modified(lower, upper) => Self::Modified(Range::of_time(*lower, *upper)),
            Candidates::Holding(attr, member) => Self::Holding(attr, member.uuid()),
            Candidates::HoldingAny(attr) => Self::HoldingAny(attr),
            Candidates::Not(set) => Self::complement(set),
            Candidates::And(sets) => Self::And(sets.iter().map(Self::of).collect()),
            Candidates::Or(sets) => Self::Or(sets.iter().map(Self::of).collect()),
        }
    }

    fn complement(candidates: &'q Candidates) -> Self {
        match candidates {
            Candidates::All => Self::Nothing,
            Candidates::None => Self::All,
            Candidates::Not(set) => Self::of(set),
            Candidates::And(sets) => Self::Or(sets.iter().map(Self::complement).collect()),
            Candidates::Or(sets) => Self::And(sets.iter().map(Self::complement).collect()),
            leaf => Self::Not(Box::new(Self::of(leaf))),
        }
    }

    /// Whether its text comes again often enough to stay prepared. There are few such texts, so a
    /// client that varies its filters doesn't fill the server.
    pub(crate) fn is_common(&self) -> bool {
        match self {
            Self::And(sets) | Self::Or(sets) => {
                sets.len() <= COMMON && sets.iter().all(Self::is_value)
            }
            _ => true,
        }
    }

    /// Whether it asks for one value, so that it seldom has many members.
    pub(crate) fn is_point(&self) -> bool {
        match self {
            Self::And(sets) => sets.iter().any(Self::is_point),
            _ => self.is_value(),
        }
    }

    const fn is_value(&self) -> bool {
        matches!(self, Self::Nothing | Self::Id(_) | Self::Key(_, Range::Is(_)) | Self::Holding(..))
    }

    /// Confines `r` to the type: by an index, or, where the set brings the ids, without.
    pub(crate) fn scope(&self) -> &'static str {
        if self.brings_ids() { OF_TYPE } else { BY_TYPE }
    }

    fn brings_ids(&self) -> bool {
        match self {
            Self::Nothing | Self::Id(_) | Self::Key(..) | Self::Holding(..) => true,
            Self::And(sets) => sets.iter().any(Self::brings_ids),
            Self::Or(sets) => sets.iter().all(Self::brings_ids),
            _ => false,
        }
    }

    /// What `r` must satisfy.
    pub(crate) fn condition<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.condition_of("", out)
    }

    /// The same; what is looked up ends with `how`.
    fn condition_of<'b>(&'b self, how: &str, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        match self {
            Self::All => out.push_sql("true"),
            Self::Nothing => out.push_sql("false"),
            Self::Id(id) => {
                out.push_sql("r.id = ");
                out.push_bind_param::<SqlUuid, _>(id)?;
            }
            Self::Key(..) => {
                out.push_sql("exists (select ");
                self.index(out.reborrow())?;
                out.push_sql(" and k.id = r.id");
                out.push_sql(how);
                out.push_sql(")");
            }
            Self::Holding(..) => {
                out.push_sql("exists (select ");
                self.index(out.reborrow())?;
                out.push_sql(" and e.owner = r.id");
                out.push_sql(how);
                out.push_sql(")");
            }
            Self::HoldingAny(attr) => {
                out.push_sql("exists (select from edge e where e.organization = $1 and e.attr = ");
                out.push_bind_param::<Text, _>(attr)?;
                out.push_sql(" and e.owner = r.id");
                out.push_sql(how);
                out.push_sql(")");
            }
            Self::Created(range) => range.condition::<BigInt>("r.created", out)?,
            Self::Modified(range) => range.condition::<BigInt>("r.modified", out)?,
            Self::Not(leaf) => {
                out.push_sql("not ");
                leaf.condition_of(EACH, out)?;
            }
            Self::And(sets) => {
                out.push_sql("(true");
                for set in sets {
                    out.push_sql(" and ");
                    set.condition(out.reborrow())?;
                }
                out.push_sql(")");
            }
            Self::Or(sets) => {
                out.push_sql("r.id in (");
                union(sets, out.reborrow())?;
                out.push_sql(")");
            }
        }
        Ok(())
    }

    /// A statement of ids, of which those of other types are left to the statement around it.
    fn ids<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        match self {
            Self::Nothing => out.push_sql("select null::uuid where false"),
            Self::Id(id) => {
                out.push_sql("select ");
                out.push_bind_param::<SqlUuid, _>(id)?;
            }
            Self::Key(..) => {
                out.push_sql("select k.id ");
                self.index(out)?;
            }
            Self::Holding(..) => {
                out.push_sql("select e.owner ");
                self.index(out)?;
            }
            Self::Or(sets) => union(sets, out)?,
            _ => {
                out.push_sql("select r.id from resource r ");
                out.push_sql(self.scope());
                out.push_sql(" and ");
                self.condition(out)?;
            }
        }
        Ok(())
    }

    /// The part of a statement that an index answers.
    fn index<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        match self {
            Self::Key(attr, range) => {
                out.push_sql(
                    "from resource_key k where k.organization = $1 and k.connection = $2 \
                     and k.kind = $3 and k.attr = ",
                );
                out.push_bind_param::<Text, _>(attr)?;
                out.push_sql(" and ");
                range.condition::<Text>("k.key", out)?;
            }
            Self::Holding(attr, member) => {
                out.push_sql("from edge e where e.organization = $1 and e.member = ");
                out.push_bind_param::<SqlUuid, _>(member)?;
                out.push_sql(" and e.attr = ");
                out.push_bind_param::<Text, _>(attr)?;
            }
            _ => {}
        }
        Ok(())
    }
}

fn union<'b>(sets: &'b [Set<'_>], mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
    if sets.is_empty() {
        return Set::Nothing.ids(out);
    }
    for (at, set) in sets.iter().enumerate() {
        out.push_sql(if at == 0 { "(" } else { " union (" });
        set.ids(out.reborrow())?;
        out.push_sql(")");
    }
    Ok(())
}

impl<T> Range<T> {
    fn condition<'b, ST>(&'b self, column: &str, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()>
    where
        Pg: HasSqlType<ST>,
        T: ToSql<ST, Pg>,
    {
        let (lower, upper) = match self {
            Self::Is(value) => {
                out.push_sql(column);
                out.push_sql(" = ");
                return out.push_bind_param::<ST, T>(value);
            }
            Self::From(lower, upper) => (lower, upper),
        };
        out.push_sql("(true");
        for (sign, value) in lower.iter().chain(upper) {
            for text in [" and ", column, *sign] {
                out.push_sql(text);
            }
            out.push_bind_param::<ST, T>(value)?;
        }
        out.push_sql(")");
        Ok(())
    }
}

impl<'q> Range<Cow<'q, str>> {
    fn of_key(test: &'q KeyTest) -> Self {
        match test {
            KeyTest::Equals(text) => Self::Is(text.into()),
            KeyTest::Prefix(text) => {
                Self::From(Some((" >= ", text.into())), behind(text).map(|end| (" < ", end.into())))
            }
            KeyTest::Within(lower, upper) => {
                let text = |text: &'q String| Cow::Borrowed(&**text);
                Self::From(lower_end(lower.as_ref().map(text)), upper_end(upper.as_ref().map(text)))
            }
            KeyTest::NotEmpty => Self::From(Some((" > ", "".into())), None),
        }
    }
}

impl Range<i64> {
    fn of_time(lower: Bound<Instant>, upper: Bound<Instant>) -> Self {
        Self::From(lower_end(lower.map(Instant::millis)), upper_end(upper.map(Instant::millis)))
    }
}

fn lower_end<T>(bound: Bound<T>) -> Option<(&'static str, T)> {
    match bound {
        Bound::Included(value) => Some((" >= ", value)),
        Bound::Excluded(value) => Some((" > ", value)),
        Bound::Unbounded => None,
    }
}

fn upper_end<T>(bound: Bound<T>) -> Option<(&'static str, T)> {
    match bound {
        Bound::Included(value) => Some((" <= ", value)),
        Bound::Excluded(value) => Some((" < ", value)),
        Bound::Unbounded => None,
    }
}

/// The first text behind all that begin with `prefix`: its last character that has a successor
/// gives way to that.
fn behind(prefix: &str) -> Option<String> {
    let mut text = prefix.to_owned();
    while let Some(last) = text.pop() {
        if let Some(next) = (last..=char::MAX).nth(1) {
            text.push(next);
            return Some(text);
        }
    }
    None
}

/// A condition alone, as tests read it.
impl QueryFragment<Pg> for Set<'_> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.condition(out)
    }
}

#[cfg(test)]
mod tests {
    use diesel::debug_query;
    use rollcall_domain::ResourceId;

    use super::*;

    fn equals(attr: &str, text: &str) -> Candidates {
        Candidates::Key(attr.into(), KeyTest::Equals(text.into()))
    }

    #[track_caller]
    fn check(candidates: &Candidates, expect: &str) {
        let text = debug_query::<Pg, _>(&Set::of(candidates)).to_string();
        assert_eq!(text, expect);
    }

    const KEYS: &str = "from resource_key k where k.organization = $1 and k.connection = $2 \
                        and k.kind = $3 and k.attr = ";

    #[test]
    fn leaves_are_conditions_with_bound_values() {
        check(
            &equals("userName", "x' or true"),
            &format!(
                "exists (select {KEYS}$1 and k.key = $2 and k.id = r.id) \
                 -- binds: [\"userName\", \"x' or true\"]"
            ),
        );
        let prefix = Candidates::Key("userName".into(), KeyTest::Prefix("jä".into()));
        check(
            &prefix,
            &format!(
                "exists (select {KEYS}$1 and (true and k.key >= $2 and k.key < $3) \
                 and k.id = r.id) -- binds: [\"userName\", \"jä\", \"jå\"]"
            ),
        );
        let since = Bound::Excluded(Instant::from_millis(5));
        check(
            &Candidates::Modified(since, Bound::Unbounded),
            "(true and r.modified > $1) -- binds: [5]",
        );
    }

    #[test]
    fn unions_are_of_ids_and_complements_reach_the_leaves() {
        let id = ResourceId::from_uuid(Uuid::from_u128(1));
        let either = Candidates::Or(vec![equals("a", "x"), Candidates::Id(id)]);
        check(
            &either,
            &format!(
                "r.id in ((select k.id {KEYS}$1 and k.key = $2) union (select $3)) \
                 -- binds: [\"a\", \"x\", {}]",
                id.uuid()
            ),
        );
        let neither = Candidates::Not(Box::new(either));
        check(
            &neither,
            &format!(
                "(true and not exists (select {KEYS}$1 and k.key = $2 and k.id = r.id offset 0) \
                 and not r.id = $3) -- binds: [\"a\", \"x\", {}]",
                id.uuid()
            ),
        );
        let twice = Candidates::Not(Box::new(Candidates::Not(Box::new(Candidates::All))));
        check(&twice, "true -- binds: []");
        check(&Candidates::Or(vec![]), "r.id in (select null::uuid where false) -- binds: []");
    }

    #[track_caller]
    fn ends(prefix: &str, expect: Option<&str>) {
        assert_eq!(behind(prefix).as_deref(), expect);
    }

    #[test]
    fn prefixes_have_an_end() {
        ends("ab", Some("ac"));
        ends("a\u{d7ff}", Some("a\u{e000}"));
        ends("a\u{10ffff}", Some("b"));
        ends("\u{10ffff}", None);
    }

    #[test]
    fn only_few_texts_are_common() {
        let point = || equals("a", "x");
        assert!(Set::of(&point()).is_common());
        assert!(Set::of(&Candidates::And(vec![point(), point()])).is_common());
        assert!(!Set::of(&Candidates::Or(vec![point(), point(), point(), point()])).is_common());
        let deep = Candidates::Or(vec![point(), Candidates::Not(Box::new(point()))]);
        assert!(!Set::of(&deep).is_common());
    }
}
