//! How a set of candidates is walked: what leads, in the order of ids, and what is asked of each.
//!
//! Whatever leads must give ids in order without sorting bodies, and must not be longer than it
//! has to be: SQLite is told, not asked, because its guesses change with its statistics.

use rollcall_domain::{Candidates, KeyTest, ResourceId};
use rollcall_schema::{ResourceType, Type, Uniqueness};

/// Candidates with more leaves than this are not rendered: the sieve decides them.
pub(crate) const LEAVES: usize = 200;

/// How a set is walked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Shape {
    pub(crate) lead: Lead,
    /// What is asked of each resource on the way.
    pub(crate) tests: Vec<Candidates>,
    /// How many resources there can be at most, where that is known beforehand.
    pub(crate) at_most: Option<u64>,
    rank: u8,
}

/// What gives the ids.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Lead {
    Nothing,
    /// Every resource of the type.
    Walk,
    One(ResourceId),
    /// The rows of one key: they lie in the order of ids.
    Key(String, String),
    /// The owners of the edges to one resource: they lie in the order of ids.
    Holders(String, ResourceId),
    /// The union of these sets: made whole first, ids alone.
    Union(Vec<Part>),
}

/// One set of a union.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Part {
    /// A leaf that one index gives.
    Leaf(Candidates),
    /// A walk of its own.
    Walk(Shape),
}

const NOTHING: u8 = 0;
const ONE: u8 = 1;
const UNIQUE: u8 = 2;
const HOLDERS: u8 = 3;
const KEY: u8 = 4;
const UNION: u8 = 5;
const FLAG: u8 = 6;
const WALK: u8 = 7;

impl Shape {
    /// The way through `candidates` of type `ty`.
    pub(crate) fn of(ty: &ResourceType, candidates: &Candidates) -> Self {
        match candidates {
            Candidates::All => Self::lead(Lead::Walk, WALK),
            Candidates::None => Self::lead(Lead::Nothing, NOTHING).at_most(0),
            Candidates::Id(id) => Self::lead(Lead::One(*id), ONE).at_most(1),
            Candidates::Key(attr, KeyTest::Equals(text)) => {
                let lead = Lead::Key(attr.to_string(), text.clone());
                match ty.by_path(attr).map(|id| ty.attr(id)) {
                    Ok(def) if def.uniqueness != Uniqueness::None => {
                        Self::lead(lead, UNIQUE).at_most(1)
                    }
                    Ok(def) if def.kind == Type::Boolean => Self::lead(lead, FLAG),
                    _ => Self::lead(lead, KEY),
                }
            }
            Candidates::Holding(attr, id) => {
                Self::lead(Lead::Holders(attr.to_string(), *id), HOLDERS)
            }
            Candidates::Key(_, KeyTest::Prefix(_) | KeyTest::Within(..))
            | Candidates::Created(..)
            | Candidates::Modified(..) => {
                Self::lead(Lead::Union(vec![Part::Leaf(candidates.clone())]), UNION)
            }
            Candidates::Key(_, KeyTest::NotEmpty)
            | Candidates::HoldingAny(_)
            | Candidates::Not(_) => {
                Self { tests: vec![candidates.clone()], ..Self::lead(Lead::Walk, WALK) }
            }
            Candidates::And(all) => Self::all(ty, all),
            Candidates::Or(any) => Self::any(ty, any),
        }
    }

    /// Whether only the type is asked for.
    pub(crate) const fn is_everything(&self) -> bool {
        matches!(self.lead, Lead::Walk) && self.tests.is_empty()
    }

    const fn lead(lead: Lead, rank: u8) -> Self {
        Self { lead, tests: Vec::new(), at_most: None, rank }
    }

    const fn at_most(mut self, n: u64) -> Self {
        self.at_most = Some(n);
        self
    }

    /// The shortest leads, the others become tests.
    fn all(ty: &ResourceType, all: &[Candidates]) -> Self {
        let shapes = all.iter().map(|one| Self::of(ty, one));
        let Some((at, mut best)) = shapes.enumerate().min_by_key(|(_, shape)| shape.rank) else {
            return Self::lead(Lead::Walk, WALK);
        };
        let others = all.iter().enumerate().filter(|(other, one)| {
            *other != at && **one != Candidates::All && best.lead != Lead::Nothing
        });
        best.tests.extend(others.map(|(_, one)| one.clone()));
        best
    }

    /// A union of sets, or a walk where one of them is none that an index gives.
    fn any(ty: &ResourceType, any: &[Candidates]) -> Self {
        let mut flat = Vec::new();
        flatten(any, &mut flat);
        let mut parts: Vec<(&Candidates, Self)> =
            flat.into_iter().map(|one| (one, Self::of(ty, one))).collect();
        parts.retain(|(_, shape)| shape.lead != Lead::Nothing);
        if parts.iter().any(|(_, shape)| shape.is_everything()) {
            return Self::lead(Lead::Walk, WALK);
        }
        if parts.len() <= 1 {
            let only = parts.pop().map(|(_, shape)| shape);
            return only.unwrap_or(Self::lead(Lead::Nothing, NOTHING).at_most(0));
        }
        if parts.iter().any(|(_, shape)| shape.lead == Lead::Walk) {
            let any = parts.into_iter().map(|(one, _)| one.clone()).collect();
            let tests = vec![Candidates::Or(any)];
            return Self { tests, ..Self::lead(Lead::Walk, WALK) };
        }
        let at_most = parts.iter().map(|(_, shape)| shape.at_most).sum();
        let rank = parts.iter().map(|(_, shape)| shape.rank).max().unwrap_or(UNION);
        let parts = parts.into_iter().map(Part::of).collect();
        Self { at_most, ..Self::lead(Lead::Union(parts), rank.max(UNIQUE)) }
    }
}

impl Part {
    fn of((candidates, shape): (&Candidates, Shape)) -> Self {
        match candidates {
            Candidates::And(_) => Self::Walk(shape),
            leaf => Self::Leaf(leaf.clone()),
        }
    }
}

/// How many leaves there are.
pub(crate) fn leaves(candidates: &Candidates) -> usize {
    match candidates {
        Candidates::And(all) | Candidates::Or(all) => all.iter().map(leaves).sum(),
        Candidates::Not(one) => leaves(one),
        _ => 1,
    }
}

fn flatten<'c>(any: &'c [Candidates], into: &mut Vec<&'c Candidates>) {
    for one in any {
        match one {
            Candidates::Or(more) => flatten(more, into),
            Candidates::None => {}
            other => into.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Bound;
    use std::sync::Arc;

    use rollcall_schema::{Instant, standard};
    use uuid::Uuid;

    use super::*;

    fn of(candidates: &Candidates) -> Shape {
        let users = standard::types().iter().find(|ty| ty.name() == "User").unwrap();
        Shape::of(users, candidates)
    }

    fn key(attr: &str, text: &str) -> Candidates {
        Candidates::Key(Arc::from(attr), KeyTest::Equals(text.into()))
    }

    fn prefix(text: &str) -> Candidates {
        Candidates::Key(Arc::from("userName"), KeyTest::Prefix(text.into()))
    }

    fn present() -> Candidates {
        Candidates::Key(Arc::from("externalId"), KeyTest::NotEmpty)
    }

    fn since() -> Candidates {
        Candidates::Modified(Bound::Excluded(Instant::from_millis(5)), Bound::Unbounded)
    }

    fn id(n: u128) -> ResourceId {
        ResourceId::from_uuid(Uuid::from_u128(n))
    }

    #[track_caller]
    fn check(candidates: &Candidates, lead: &Lead, tests: &[Candidates], at_most: Option<u64>) {
        let shape = of(candidates);
        assert_eq!(shape.lead, *lead);
        assert_eq!(shape.tests, tests);
        assert_eq!(shape.at_most, at_most);
    }

    #[test]
    fn leaves_lead_by_their_index_or_are_asked_on_the_way() {
        let name = Lead::Key("userName".into(), "ada".into());
        let active = Lead::Key("active".into(), "true".into());
        check(&Candidates::All, &Lead::Walk, &[], None);
        check(&Candidates::None, &Lead::Nothing, &[], Some(0));
        check(&Candidates::Id(id(1)), &Lead::One(id(1)), &[], Some(1));
        check(&key("userName", "ada"), &name, &[], Some(1));
        check(&key("active", "true"), &active, &[], None);
        check(&present(), &Lead::Walk, &[present()], None);
        check(&prefix("a"), &Lead::Union(vec![Part::Leaf(prefix("a"))]), &[], None);
        let not = Candidates::Not(Box::new(prefix("a")));
        check(&not, &Lead::Walk, std::slice::from_ref(&not), None);
    }

    #[test]
    fn the_shortest_set_of_an_intersection_leads() {
        let name = Lead::Key("userName".into(), "ada".into());
        let all = [key("active", "true"), since(), key("userName", "ada"), Candidates::All];
        check(&Candidates::And(all.into()), &name, &[key("active", "true"), since()], Some(1));
        let all = [present(), key("active", "true"), prefix("a")];
        let lead = Lead::Union(vec![Part::Leaf(prefix("a"))]);
        check(&Candidates::And(all.into()), &lead, &[present(), key("active", "true")], None);
        let all = vec![prefix("a"), Candidates::None];
        check(&Candidates::And(all), &Lead::Nothing, &[], Some(0));
        check(&Candidates::And(vec![]), &Lead::Walk, &[], None);
    }

    #[test]
    fn a_union_leads_when_an_index_gives_each_of_its_sets() {
        let (ada, bob) = (key("userName", "ada"), key("userName", "bob"));
        let both = Lead::Union(vec![Part::Leaf(ada.clone()), Part::Leaf(bob.clone())]);
        check(&Candidates::Or(vec![ada.clone(), bob.clone()]), &both, &[], Some(2));
        let nested = Candidates::Or(vec![Candidates::None, bob.clone()]);
        check(&Candidates::Or(vec![ada.clone(), nested]), &both, &[], Some(2));
        let narrow = Candidates::And(vec![key("active", "true"), prefix("a")]);
        let lead = Lead::Union(vec![Part::Walk(of(&narrow)), Part::Leaf(bob.clone())]);
        check(&Candidates::Or(vec![narrow, bob]), &lead, &[], None);
        let open = Candidates::Or(vec![ada.clone(), present()]);
        check(&open, &Lead::Walk, std::slice::from_ref(&open), None);
        check(&Candidates::Or(vec![ada.clone(), Candidates::All]), &Lead::Walk, &[], None);
        check(&Candidates::Or(vec![ada.clone()]), &of(&ada).lead, &[], Some(1));
        let never = Candidates::And(vec![ada.clone(), Candidates::None]);
        check(&Candidates::Or(vec![never, ada.clone()]), &of(&ada).lead, &[], Some(1));
        check(&Candidates::Or(vec![]), &Lead::Nothing, &[], Some(0));
    }
}
