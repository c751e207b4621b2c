//! How an index narrows a search: the same plan for every store.

use std::ops::Bound;
use std::sync::Arc;

use rollcall_filter::{Expr, Op};
use rollcall_schema::{
    AttrDef, AttrRef, Condition, Instant, Moment, Operand, ResourceType, Storage, Type,
};

use crate::ResourceId;
use crate::key::comparable;

/// What a store asks its indexes for a filter.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// A superset of the matches, made of indexed sets alone.
    pub candidates: Candidates,
    /// Whether the candidates are the matches, so that nothing is left to decide.
    pub exact: bool,
}

/// A set of resources of one type, as indexes know it.
///
/// Stores render this leaf by leaf; a union must become a `UNION` of id sets, never an `OR` of
/// `IN`s, which scans.
#[derive(Clone, Debug, PartialEq)]
pub enum Candidates {
    /// Every resource of the type.
    All,
    /// None.
    None,
    /// The one with this id.
    Id(ResourceId),
    /// Those with an index row of this attribute that passes the test.
    Key(Arc<str>, KeyTest),
    /// Those created within bounds.
    Created(Bound<Instant>, Bound<Instant>),
    /// Those last modified within bounds.
    Modified(Bound<Instant>, Bound<Instant>),
    /// Those whose relation holds this resource.
    Holding(Arc<str>, ResourceId),
    /// Those whose relation holds anything.
    HoldingAny(Arc<str>),
    /// The others.
    Not(Box<Self>),
    /// Those in every set.
    And(Vec<Self>),
    /// Those in at least one set.
    Or(Vec<Self>),
}

/// What is asked of the stored key of an index row. Texts compare by bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyTest {
    /// It is this text.
    Equals(String),
    /// It begins with this text, which is not empty.
    Prefix(String),
    /// It lies within bounds.
    Within(Bound<String>, Bound<String>),
    /// It is not empty.
    NotEmpty,
}

impl Plan {
    /// Every resource of the type, as for a list without a filter.
    pub const ALL: Self = Self { candidates: Candidates::All, exact: true };
}

impl Plan {
    /// Plans a condition: leaf by leaf, widening where no index answers.
    pub fn of(ty: &ResourceType, condition: &Condition) -> Self {
        Self::without(ty, condition, &|_| false)
    }

    /// Plans a condition without the indexes of some attributes.
    pub fn without(
        ty: &ResourceType,
        condition: &Condition,
        not: &dyn Fn(&AttrDef) -> bool,
    ) -> Self {
        Planner { ty, not, inside: false }.plan(condition.expr())
    }

    const fn exact(candidates: Candidates) -> Self {
        Self { candidates, exact: true }
    }

    const fn widened(candidates: Candidates) -> Self {
        Self { candidates, exact: false }
    }
}

impl Candidates {
    /// The paths of the attributes whose keys are asked for.
    pub fn keys(&self) -> Vec<&str> {
        match self {
            Self::Key(path, _) => vec![path],
            Self::Not(part) => part.keys(),
            Self::And(parts) | Self::Or(parts) => parts.iter().flat_map(Self::keys).collect(),
            Self::All
            | Self::None
            | Self::Id(_)
            | Self::Created(..)
            | Self::Modified(..)
            | Self::Holding(..)
            | Self::HoldingAny(_) => Vec::new(),
        }
    }
}

#[derive(Clone, Copy)]
struct Planner<'a> {
    ty: &'a ResourceType,
    /// Attributes whose index isn't asked.
    not: &'a dyn Fn(&AttrDef) -> bool,
    /// Whether one element has to satisfy everything, which index rows of the whole can't tell.
    inside: bool,
}

impl Planner<'_> {
    fn plan(&self, expr: &Expr<AttrRef, Operand>) -> Plan {
        match expr {
            Expr::And(parts) => self.all(parts),
            Expr::Or(parts) => self.any(parts),
            Expr::Not(part) => self.not(self.plan(part)),
            Expr::Compare(at, op, operand) => self.compare(*at, *op, operand),
            Expr::Present(at) => self.present(*at),
            Expr::Any(_, part) => self.element(part),
        }
    }

    fn all(&self, parts: &[Expr<AttrRef, Operand>]) -> Plan {
        let plans: Vec<_> = parts.iter().map(|part| self.plan(part)).collect();
        // Nothing can be in every set when it is in none of one.
        if plans.iter().any(|plan| plan.candidates == Candidates::None) {
            return Plan::exact(Candidates::None);
        }
        let exact = plans.iter().all(|plan| plan.exact);
        let mut sets: Vec<_> = plans
            .into_iter()
            .map(|plan| plan.candidates)
            .filter(|set| *set != Candidates::All)
            .collect();
        let candidates = match sets.len() {
            0 => Candidates::All,
            1 => sets.remove(0),
            _ => Candidates::And(sets),
        };
        Plan { candidates, exact }
    }

    fn any(&self, parts: &[Expr<AttrRef, Operand>]) -> Plan {
        let plans: Vec<_> = parts.iter().map(|part| self.plan(part)).collect();
        let exact = plans.iter().all(|plan| plan.exact);
        if plans.iter().any(|plan| plan.candidates == Candidates::All) {
            let exact = plans.iter().any(|plan| plan.exact && plan.candidates == Candidates::All);
            return Plan { candidates: Candidates::All, exact };
        }
        let mut sets: Vec<_> = plans.into_iter().map(|plan| plan.candidates).collect();
        let candidates = match sets.len() {
            0 => Candidates::None,
            1 => sets.remove(0),
            _ => Candidates::Or(sets),
        };
        Plan { candidates, exact }
    }

    /// The complement of a superset is no superset; nor is that of a whole for one element.
    fn not(&self, plan: Plan) -> Plan {
        match plan {
            _ if self.inside => Plan::widened(Candidates::All),
            Plan { exact: false, .. } => Plan::widened(Candidates::All),
            Plan { candidates: Candidates::All, .. } => Plan::exact(Candidates::None),
            Plan { candidates: Candidates::None, .. } => Plan::exact(Candidates::All),
            Plan { candidates, .. } => Plan::exact(Candidates::Not(Box::new(candidates))),
        }
    }

    /// One leaf in brackets says what it says without; several must meet in one element.
    fn element(&self, part: &Expr<AttrRef, Operand>) -> Plan {
        let plan = Planner { inside: true, ..*self }.plan(part);
        let single = matches!(part, Expr::Compare(..));
        Plan { exact: plan.exact && single, ..plan }
    }

    fn compare(&self, at: AttrRef, op: Op, operand: &Operand) -> Plan {
        match (op, operand) {
            (Op::Eq, Operand::Null) => self.not(self.present(at)),
            (Op::Ne, Operand::Null) => self.present(at),
            (Op::Ne, _) if self.multi_valued(at) => Plan::widened(Candidates::All),
            (Op::Ne, _) => self.not(self.compare(at, Op::Eq, operand)),
            (_, Operand::Text { sent, key }) => self.text(at, op, sent, key),
            (_, Operand::Moment(moment)) => self.moment(at, op, *moment),
            (Op::Eq, Operand::Boolean(truth)) if self.has_keys(self.ty.leaf(at)) => {
                Plan::exact(self.key(at, KeyTest::Equals(truth.to_string())))
            }
            _ => Plan::widened(Candidates::All),
        }
    }

    fn text(&self, at: AttrRef, op: Op, sent: &str, key: &str) -> Plan {
        let def = self.ty.leaf(at);
        match (def.storage, op) {
            (Storage::Server, Op::Eq) if &*def.path == "id" => {
                Plan::exact(sent.parse().map_or(Candidates::None, Candidates::Id))
            }
            // R-GET-06: a search of all types needn't look at the others.
            (Storage::Server, Op::Eq) if &*def.path == "meta.resourceType" && def.case_exact => {
                let its_own = sent == self.ty.name();
                Plan::exact(if its_own { Candidates::All } else { Candidates::None })
            }
            (Storage::Relation, Op::Eq) if &*def.name == "value" => {
                let relation = Arc::from(&*self.ty.attr(at.attr).path);
                let holding = |id| Candidates::Holding(relation, id);
                Plan::exact(sent.parse().map_or(Candidates::None, holding))
            }
            _ if self.has_keys(def) && !key.is_empty() && (op == Op::Eq || is_whole(def)) => {
                self.indexed(at, op, key)
            }
            _ => Plan::widened(Candidates::All),
        }
    }

    fn indexed(&self, at: AttrRef, op: Op, key: &str) -> Plan {
        use Bound::{Excluded, Included, Unbounded};
        let key = key.to_owned();
        let test = match op {
            Op::Eq => KeyTest::Equals(crate::bounded(&key)),
            _ if !comparable(&key) => return Plan::widened(Candidates::All),
            Op::Sw => KeyTest::Prefix(key),
            Op::Gt => KeyTest::Within(Excluded(key), Unbounded),
            Op::Ge => KeyTest::Within(Included(key), Unbounded),
            Op::Lt => KeyTest::Within(Unbounded, Excluded(key)),
            Op::Le => KeyTest::Within(Unbounded, Included(key)),
            Op::Ne | Op::Co | Op::Ew => return Plan::widened(Candidates::All),
        };
        Plan::exact(self.key(at, test))
    }

    /// Stored times are milliseconds; what is asked may be finer.
    fn moment(&self, at: AttrRef, op: Op, moment: Moment) -> Plan {
        use Bound::{Excluded, Included, Unbounded};
        let floor = Instant::from_millis(moment.floor_millis());
        let ceil = Instant::from_millis(moment.ceil_millis());
        let bounds = match op {
            Op::Eq if floor != ceil => return Plan::exact(Candidates::None),
            Op::Eq => (Included(floor), Included(floor)),
            Op::Gt => (Excluded(floor), Unbounded),
            Op::Ge => (Included(ceil), Unbounded),
            Op::Lt => (Unbounded, Excluded(ceil)),
            Op::Le => (Unbounded, Included(floor)),
            Op::Ne | Op::Co | Op::Sw | Op::Ew => return Plan::widened(Candidates::All),
        };
        match &*self.ty.leaf(at).path {
            "meta.created" => Plan::exact(Candidates::Created(bounds.0, bounds.1)),
            "meta.lastModified" => Plan::exact(Candidates::Modified(bounds.0, bounds.1)),
            _ => Plan::widened(Candidates::All),
        }
    }

    fn present(&self, at: AttrRef) -> Plan {
        let def = self.ty.leaf(at);
        match def.storage {
            Storage::Server if &*def.path == "id" => Plan::exact(Candidates::All),
            Storage::Relation => {
                let exact = def.parent.is_none() || &*def.name == "value";
                let relation = Arc::from(&*self.ty.attr(at.attr).path);
                Plan { candidates: Candidates::HoldingAny(relation), exact }
            }
            Storage::Document if self.has_keys(def) && is_whole(def) => {
                Plan::exact(self.key(at, KeyTest::NotEmpty))
            }
            _ => Plan::widened(Candidates::All),
        }
    }

    /// Whether its values are rows of an index that may be asked; a complex attribute has none of
    /// its own.
    fn has_keys(&self, def: &AttrDef) -> bool {
        let kept = def.indexed && def.storage == Storage::Document && def.kind != Type::Complex;
        kept && !(self.not)(def)
    }

    fn key(&self, at: AttrRef, test: KeyTest) -> Candidates {
        Candidates::Key(Arc::from(&*self.ty.leaf(at).path), test)
    }

    /// Inside brackets a part is one of many even if it is single in its element.
    fn multi_valued(&self, at: AttrRef) -> bool {
        self.inside || self.ty.attr(at.attr).multi_valued || self.ty.leaf(at).multi_valued
    }
}

/// Whether its keys tell more than what is equal: those of a `$ref` are the end of it (R-ATTR-11).
fn is_whole(def: &AttrDef) -> bool {
    &*def.name != "$ref"
}

#[cfg(test)]
mod tests {
    use rollcall_filter::parse_filter;
    use rollcall_schema::{Profile, standard};

    use super::*;

    fn plan(kind: &str, filter: &str) -> Plan {
        let ty = standard::types().iter().find(|ty| ty.name() == kind).unwrap();
        let filter = parse_filter(filter).unwrap();
        Plan::of(ty, &ty.condition(&filter, &Profile::GENERIC).unwrap())
    }

    fn key(attr: &str, test: KeyTest) -> Candidates {
        Candidates::Key(attr.into(), test)
    }

    fn equals(attr: &str, text: &str) -> Candidates {
        key(attr, KeyTest::Equals(text.into()))
    }

    #[track_caller]
    fn exact(filter: &str, candidates: Candidates) {
        assert_eq!(plan("User", filter), Plan { candidates, exact: true }, "{filter}");
    }

    #[track_caller]
    fn widened(filter: &str, candidates: Candidates) {
        assert_eq!(plan("User", filter), Plan { candidates, exact: false }, "{filter}");
    }

    #[test]
    fn indexed_leaves_are_exact() {
        exact(r#"userName eq "BJensen""#, equals("userName", "bjensen"));
        exact(r#"userName sw "J""#, key("userName", KeyTest::Prefix("j".into())));
        exact("active eq true", equals("active", "true"));
        exact("userName pr", key("userName", KeyTest::NotEmpty));
        exact(r#"emails.value eq "A@x""#, equals("emails.value", "a@x"));
        exact(r#"emails[value eq "a@x"]"#, equals("emails.value", "a@x"));
        exact(r#"id eq "U1""#, Candidates::None);
        exact("id pr", Candidates::All);
    }

    /// R-GET-06: a search of all types asks nothing of those that can't match.
    #[test]
    fn the_type_is_known_beforehand() {
        let of = |kind: &str| format!(r#"meta.resourceType eq "{kind}""#);
        exact(&of("User"), Candidates::All);
        exact(&of("user"), Candidates::None);
        exact(&of("Group"), Candidates::None);
        exact(r#"meta.resourceType ne "Group""#, Candidates::All);
        exact(&format!("{} and title co \"x\"", of("Group")), Candidates::None);
        exact(&format!("{} and userName eq \"a\"", of("User")), equals("userName", "a"));
        exact(&format!("not ({})", of("User")), Candidates::None);
        widened(r#"meta.resourceType sw "U""#, Candidates::All);
    }

    #[test]
    fn what_no_index_answers_widens() {
        widened(r#"title eq "x""#, Candidates::All);
        widened(r#"userName co "x""#, Candidates::All);
        widened(r#"userName sw """#, Candidates::All);
        widened(r#"not (title eq "x")"#, Candidates::All);
        widened(r#"title eq "x" and userName eq "a""#, equals("userName", "a"));
        widened(r#"title eq "x" or userName eq "a""#, Candidates::All);
    }

    /// Several conditions in one element are a superset; a complement in brackets is none.
    #[test]
    fn value_paths_narrow_but_don_t_decide() {
        let both = vec![equals("emails.type", "work"), equals("emails.value", "a@x")];
        widened(r#"emails[type eq "work" and value eq "a@x"]"#, Candidates::And(both));
        widened(r#"emails[not (type eq "work")]"#, Candidates::All);
        widened(r#"emails[type ne "work"]"#, Candidates::All);
        widened(r#"emails.type ne "work""#, Candidates::All);
    }

    #[test]
    fn complements_and_unions() {
        let not = |set| Candidates::Not(Box::new(set));
        exact(r#"not (emails.type eq "work")"#, not(equals("emails.type", "work")));
        exact(r#"userName ne "a""#, not(equals("userName", "a")));
        exact("active eq null", not(key("active", KeyTest::NotEmpty)));
        exact(
            r#"userName eq "a" or externalId eq "A""#,
            Candidates::Or(vec![equals("userName", "a"), equals("externalId", "A")]),
        );
        exact(r#"not (nope pr)"#, Candidates::All);
        exact(r#"nope eq "x""#, Candidates::None);
    }

    /// R-FILTER-08: what is asked may be finer than the milliseconds that are kept.
    #[test]
    fn times_are_ranges_of_milliseconds() {
        use Bound::{Excluded, Included, Unbounded};
        let at = Instant::from_millis(1_000);
        exact(
            r#"meta.created eq "1970-01-01T00:00:01Z""#,
            Candidates::Created(Included(at), Included(at)),
        );
        exact(r#"meta.created eq "1970-01-01T00:00:00.9999999Z""#, Candidates::None);
        exact(
            r#"meta.lastModified ge "1970-01-01T00:00:00.9999999Z""#,
            Candidates::Modified(Included(at), Unbounded),
        );
        exact(
            r#"meta.lastModified gt "1970-01-01T00:00:01.0001Z""#,
            Candidates::Modified(Excluded(at), Unbounded),
        );
    }

    #[test]
    fn relations_are_looked_up_by_member() {
        let id: ResourceId = "0197b3a0-0000-7000-8000-000000000001".parse().unwrap();
        let holding = Plan::exact(Candidates::Holding("members".into(), id));
        assert_eq!(plan("Group", &format!(r#"members eq "{id}""#)), holding);
        assert_eq!(plan("Group", &format!(r#"members[value eq "{id}"]"#)), holding);
        let none = Candidates::Not(Box::new(Candidates::HoldingAny("members".into())));
        assert_eq!(plan("Group", "not (members pr)"), Plan::exact(none));
    }
}
