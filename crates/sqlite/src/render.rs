//! Candidates as SQL: every value is a bind, every set is walked by an index.

use std::ops::Bound;

use rollcall_domain::{Candidates, KeyTest, ResourceId, Scope};
use rollcall_schema::{Instant, ResourceType};

use crate::beside::Beside;
use crate::candidates::{Lead, Part, Shape, leaves};
use crate::commit::scope;
use crate::statement::{Bind, Keep, Sql};

/// The resources of one type in one connection.
#[derive(Clone, Debug)]
pub(crate) struct Ground {
    at: Scope,
    kind: String,
}

impl Ground {
    pub(crate) fn new(at: Scope, ty: &ResourceType) -> Self {
        Self { at, kind: ty.name().into() }
    }

    /// Organization, connection and type.
    pub(crate) fn binds(&self) -> [Bind; 3] {
        let [organization, connection] = scope(self.at);
        [organization, connection, self.kind.as_str().into()]
    }

    /// Walks resources by the index of pages, as `r`.
    fn resources(&self, sql: &mut Sql) {
        sql.push(
            " from resource r indexed by resource_page \
             where r.organization = ? and r.connection = ? and r.kind = ?",
            self.binds(),
        );
    }

    fn keys(&self, sql: &mut Sql, attr: &str) {
        sql.push("k.organization = ? and k.connection = ? and k.kind = ? and k.attr = ?", {
            let [organization, connection, kind] = self.binds();
            [organization, connection, kind, attr.into()]
        });
    }
}

impl Shape {
    /// Whether a connection may keep what this renders to: compound filters have no end of
    /// variety.
    pub(crate) fn keep(candidates: &Candidates) -> Keep {
        if leaves(candidates) <= 2 { Keep::Prepared } else { Keep::Nothing }
    }

    /// The resources in the order of ids, behind `after`.
    pub(crate) fn page(&self, ground: &Ground, beside: &Beside, after: Option<ResourceId>) -> Sql {
        let mut sql = Sql::default();
        beside.select(&mut sql);
        let id = self.walk(ground, &mut sql);
        if let Some(after) = after {
            sql.push(" and ", []).push(id, []).push(" > ?", [after.into()]);
        }
        sql.push(" order by ", []).push(id, []);
        sql
    }

    /// How many there are.
    pub(crate) fn count(&self, ground: &Ground) -> Sql {
        let mut sql = Sql::default();
        sql.push("select count(*)", []);
        match &self.lead {
            // An id has a key but once.
            Lead::Key(attr, text) if self.tests.is_empty() => {
                sql.push(" from resource_key k where ", []);
                ground.keys(&mut sql, attr);
                sql.push(" and k.key = ?", [text.as_str().into()]);
            }
            _ => {
                self.walk(ground, &mut sql);
            }
        }
        sql
    }

    /// Everything behind `select …`. Gives back the column of ids that leads.
    fn walk(&self, ground: &Ground, sql: &mut Sql) -> &'static str {
        let id = match &self.lead {
            Lead::Nothing | Lead::Walk => {
                ground.resources(sql);
                "r.id"
            }
            Lead::One(id) => {
                ground.resources(sql);
                sql.push(" and r.id = ?", [(*id).into()]);
                "r.id"
            }
            Lead::Key(attr, text) => {
                sql.push(
                    " from resource_key k cross join resource r indexed by resource_page \
                     on r.organization = k.organization and r.connection = k.connection \
                     and r.kind = k.kind and r.id = k.id where ",
                    [],
                );
                ground.keys(sql, attr);
                sql.push(" and k.key = ?", [text.as_str().into()]);
                "k.id"
            }
            Lead::Holders(attr, member) => {
                let [organization, connection, kind] = ground.binds();
                sql.push(
                    " from edge h cross join resource r indexed by resource_page \
                     on r.organization = h.organization and r.connection = ? and r.kind = ? \
                     and r.id = h.owner \
                     where h.organization = ? and h.member = ? and h.attr = ?",
                    [connection, kind, organization, (*member).into(), attr.as_str().into()],
                );
                "h.owner"
            }
            Lead::Union(parts) => {
                ground.resources(sql);
                sql.push(" and r.id in (", []);
                between(sql, parts, " union ", |sql, part| set(sql, ground, part));
                sql.push(")", []);
                "r.id"
            }
        };
        for one in &self.tests {
            sql.push(" and ", []);
            test(sql, one);
        }
        id
    }
}

/// The ids of a set that an index gives. Leaves of other kinds are tests.
fn set(sql: &mut Sql, ground: &Ground, part: &Part) {
    match part {
        Part::Walk(shape) => {
            sql.push("select r.id", []);
            shape.walk(ground, sql);
        }
        Part::Leaf(Candidates::Key(attr, test)) => {
            sql.push("select k.id from resource_key k where ", []);
            ground.keys(sql, attr);
            sql.push(" and ", []);
            key(sql, test);
        }
        Part::Leaf(Candidates::Created(from, to)) => {
            sql.push("select s.id from resource s indexed by resource_created where ", []);
            period(sql, ground, "s.created", (from, to));
        }
        Part::Leaf(Candidates::Modified(from, to)) => {
            sql.push("select s.id from resource s indexed by resource_modified where ", []);
            period(sql, ground, "s.modified", (from, to));
        }
        Part::Leaf(Candidates::Holding(attr, member)) => {
            let [organization, ..] = ground.binds();
            sql.push(
                "select h.owner from edge h where h.organization = ? and h.member = ? \
                 and h.attr = ?",
                [organization, (*member).into(), (&**attr).into()],
            );
        }
        Part::Leaf(leaf) => {
            sql.push("select r.id", []);
            ground.resources(sql);
            sql.push(" and ", []);
            test(sql, leaf);
        }
    }
}

/// Whether the resource `r` belongs to a set: a probe, never a set.
fn test(sql: &mut Sql, candidates: &Candidates) {
    match candidates {
        Candidates::All => {
            sql.push("true", []);
        }
        Candidates::None => {
            sql.push("false", []);
        }
        Candidates::Id(id) => {
            sql.push("r.id = ?", [(*id).into()]);
        }
        Candidates::Key(attr, test) => {
            sql.push(
                "exists (select 1 from resource_key k indexed by resource_key_by_id \
                 where k.organization = r.organization and k.id = r.id and k.attr = ? and ",
                [(&**attr).into()],
            );
            key(sql, test);
            sql.push(")", []);
        }
        Candidates::Created(from, to) => range(sql, "+r.created", [*from, *to]),
        Candidates::Modified(from, to) => range(sql, "+r.modified", [*from, *to]),
        Candidates::Holding(attr, member) => {
            sql.push(
                "exists (select 1 from edge e where e.organization = r.organization \
                 and e.owner = r.id and e.attr = ? and e.member = ?)",
                [(&**attr).into(), (*member).into()],
            );
        }
        Candidates::HoldingAny(attr) => {
            sql.push(
                "exists (select 1 from edge e where e.organization = r.organization \
                 and e.owner = r.id and e.attr = ?)",
                [(&**attr).into()],
            );
        }
        Candidates::Not(one) => {
            sql.push("not (", []);
            test(sql, one);
            sql.push(")", []);
        }
        Candidates::And(all) if all.is_empty() => {
            sql.push("true", []);
        }
        Candidates::Or(any) if any.is_empty() => {
            sql.push("false", []);
        }
        Candidates::And(all) => {
            sql.push("(", []);
            between(sql, all, " and ", test);
            sql.push(")", []);
        }
        Candidates::Or(any) => {
            sql.push("(", []);
            between(sql, any, " or ", test);
            sql.push(")", []);
        }
    }
}

fn key(sql: &mut Sql, test: &KeyTest) {
    match test {
        KeyTest::Equals(text) => {
            sql.push("k.key = ?", [text.as_str().into()]);
        }
        KeyTest::NotEmpty => {
            sql.push("k.key > ''", []);
        }
        KeyTest::Prefix(head) => {
            sql.push("k.key >= ?", [head.as_str().into()]);
            if let Some(end) = behind(head) {
                sql.push(" and k.key < ?", [end.into()]);
            }
        }
        KeyTest::Within(from, to) => {
            range(sql, "k.key", [from.as_ref(), to.as_ref()].map(|bound| bound.map(String::as_str)))
        }
    }
}

fn period(
    sql: &mut Sql,
    ground: &Ground,
    column: &str,
    (from, to): (&Bound<Instant>, &Bound<Instant>),
) {
    sql.push("s.organization = ? and s.connection = ? and s.kind = ? and ", ground.binds());
    range(sql, column, [*from, *to]);
}

fn range<T: Into<Bind>>(sql: &mut Sql, column: &str, [from, to]: [Bound<T>; 2]) {
    let (from, to) = match (from, to) {
        (Bound::Unbounded, Bound::Unbounded) => {
            sql.push("true", []);
            return;
        }
        bounds => bounds,
    };
    let both = !matches!((&from, &to), (Bound::Unbounded, _) | (_, Bound::Unbounded));
    match from {
        Bound::Included(from) => {
            sql.push(column, []).push(" >= ?", [from.into()]);
        }
        Bound::Excluded(from) => {
            sql.push(column, []).push(" > ?", [from.into()]);
        }
        Bound::Unbounded => {}
    }
    if both {
        sql.push(" and ", []);
    }
    match to {
        Bound::Included(to) => {
            sql.push(column, []).push(" <= ?", [to.into()]);
        }
        Bound::Excluded(to) => {
            sql.push(column, []).push(" < ?", [to.into()]);
        }
        Bound::Unbounded => {}
    }
}

fn between<T>(sql: &mut Sql, all: &[T], separator: &str, each: impl Fn(&mut Sql, &T)) {
    for (at, one) in all.iter().enumerate() {
        if at > 0 {
            sql.push(separator, []);
        }
        each(sql, one);
    }
}

/// The first text behind all those that begin with `head`, in the order of bytes.
fn behind(head: &str) -> Option<String> {
    let mut text = String::from(head);
    while let Some(last) = text.pop() {
        let next = match last {
            '\u{d7ff}' => Some('\u{e000}'),
            last => char::from_u32(u32::from(last) + 1),
        };
        if let Some(next) = next {
            text.push(next);
            return Some(text);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(head: &str, end: Option<&str>) {
        assert_eq!(behind(head).as_deref(), end);
    }

    #[test]
    fn what_lies_behind_a_prefix() {
        check("a", Some("b"));
        check("jö", Some("j÷"));
        check("\u{d7ff}", Some("\u{e000}"));
        check("a\u{10ffff}", Some("b"));
        check("\u{10ffff}", None);
        check("", None);
    }
}
