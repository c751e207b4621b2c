//! A filter resolved against a resource type.

use rollcall_filter::{AttrPath, Expr, Filter, Literal, Op};
use serde_json::Value;

use crate::definition::{Mutability, Returned, Type};
use crate::resource_type::{AttrDef, AttrId, AttrRef, ResourceType, Target};
use crate::{FilterError, Moment, Number, Profile, moment, text};

/// A filter whose names are resolved and whose values fit them.
///
/// A planner reads the tree by [`expr`](Self::expr). `And` of nothing is true, `Or` of nothing is
/// false. Inside `Any(attr, …)` every reference is to that attribute.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition(Expr<AttrRef, Operand>);

/// The value of a comparison, in the form that is compared.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Operand {
    /// For text, references and binary values.
    Text {
        /// As it was sent.
        sent: String,
        /// As it is compared: equal to the keys of [`ResourceType::index_keys`].
        key: String,
    },
    /// For integers and decimals.
    Number(Number),
    /// For booleans.
    Boolean(bool),
    /// For dateTimes.
    Moment(Moment),
    /// `null`: not present with `eq`, present with `ne` (R-FILTER-16).
    Null,
}

impl Operand {
    /// The operand as a value that an attribute of its kind could hold.
    pub fn to_value(&self) -> Value {
        match self {
            Self::Text { sent, .. } => Value::from(sent.as_str()),
            Self::Number(number) => serde_json::from_str(&number.to_string()).unwrap_or_default(),
            Self::Boolean(truth) => Value::Bool(*truth),
            Self::Moment(moment) => Value::from(moment.to_string()),
            Self::Null => Value::Null,
        }
    }
}

impl Condition {
    /// The tree.
    pub const fn expr(&self) -> &Expr<AttrRef, Operand> {
        &self.0
    }

    /// Every attribute that it reads, as often as it does: it tells whether relations are needed.
    pub fn attrs(&self) -> impl Iterator<Item = AttrRef> + use<> {
        let mut found = Vec::new();
        collect(&self.0, &mut found);
        found.into_iter()
    }
}

impl ResourceType {
    /// Resolves a filter: names, then the value of each comparison.
    ///
    /// # Errors
    /// [`FilterError`] when an operator doesn't go with an attribute or its value (R-FILTER-06 to
    /// R-FILTER-11), an attribute can't be read (R-FILTER-22), or it isn't there and the profile
    /// refuses that (R-FILTER-18).
    pub fn condition(
        &self,
        filter: &Filter<'_>,
        profile: &Profile,
    ) -> Result<Condition, FilterError> {
        Resolver { ty: self, profile, inside: None }.resolve(filter).map(Condition)
    }

    /// Resolves the filter of a value path, which speaks of the parts of `attr`.
    ///
    /// # Errors
    /// As [`condition`](Self::condition).
    pub(crate) fn element_condition(
        &self,
        attr: AttrId,
        filter: &Filter<'_>,
        profile: &Profile,
    ) -> Result<Condition, FilterError> {
        Resolver { ty: self, profile, inside: Some(attr) }.resolve(filter).map(Condition)
    }

    /// Refuses what no answer ever shows: its value could be guessed (R-FILTER-22).
    pub(crate) fn check_readable(&self, at: AttrRef) -> Result<(), FilterError> {
        let hidden = |def: &&AttrDef| {
            def.returned == Returned::Never || def.mutability == Mutability::WriteOnly
        };
        match [self.attr(at.attr), self.leaf(at)].iter().copied().find(hidden) {
            Some(def) => {
                mismatch(format!("`{}` is never returned, so it can't be asked for", def.path))
            }
            None => Ok(()),
        }
    }

    /// A complex attribute stands for its `value`, where it has one (R-FILTER-15, R-SORT-03).
    pub(crate) fn value_of(&self, at: AttrRef) -> Option<AttrRef> {
        if self.leaf(at).kind != Type::Complex {
            return Some(at);
        }
        self.sub(at.attr, "value").map(|sub| AttrRef { attr: at.attr, sub: Some(sub) })
    }
}

type Resolved = Result<Expr<AttrRef, Operand>, FilterError>;

struct Resolver<'a> {
    ty: &'a ResourceType,
    profile: &'a Profile,
    /// The attribute whose brackets enclose what is being resolved.
    inside: Option<AttrId>,
}

impl Resolver<'_> {
    fn resolve(&self, filter: &Filter<'_>) -> Resolved {
        let all = |parts: &[Filter<'_>]| {
            parts.iter().map(|part| self.resolve(part)).collect::<Result<Vec<_>, _>>()
        };
        match filter {
            Expr::And(parts) => Ok(Expr::And(all(parts)?)),
            Expr::Or(parts) => Ok(Expr::Or(all(parts)?)),
            Expr::Not(part) => Ok(Expr::Not(Box::new(self.resolve(part)?))),
            Expr::Present(path) => self.present(path),
            Expr::Compare(path, op, literal) => self.compare(path, *op, literal),
            Expr::Any(path, part) => self.any(path, part),
        }
    }

    fn present(&self, path: &AttrPath<'_>) -> Resolved {
        Ok(match self.find(path)? {
            None => never(),
            Some(Target::Base) => always(),
            Some(Target::Attr(at)) => Expr::Present(at),
            Some(Target::Extension(id)) => {
                let attrs = self.ty.extension(id).attrs.iter();
                Expr::Or(
                    attrs.map(|attr| Expr::Present(AttrRef { attr: *attr, sub: None })).collect(),
                )
            }
        })
    }

    fn compare(&self, path: &AttrPath<'_>, op: Op, literal: &Literal<'_>) -> Resolved {
        if *literal == Literal::Null && !matches!(op, Op::Eq | Op::Ne) {
            return mismatch(format!("`{}`: null goes with `eq` and `ne` only", path.text));
        }
        let at = match self.find(path)? {
            Some(Target::Attr(at)) => at,
            Some(Target::Extension(_) | Target::Base) => {
                return mismatch(format!("`{}` is a schema: only `pr` goes with it", path.text));
            }
            // R-FILTER-17, R-FILTER-18: no value is unequal to every value and equal to none.
            None if (op == Op::Ne) == (*literal != Literal::Null) && is_equality(op) => {
                return Ok(always());
            }
            None => return Ok(never()),
        };
        if *literal == Literal::Null {
            return Ok(Expr::Compare(at, op, Operand::Null));
        }
        let at = self.comparable(at)?;
        let operand = self.operand(self.ty.leaf(at), op, literal)?;
        Ok(Expr::Compare(at, op, operand))
    }

    fn any(&self, path: &AttrPath<'_>, part: &Filter<'_>) -> Resolved {
        let at = match self.find(path)? {
            None => return Ok(never()),
            Some(Target::Attr(at)) if at.sub.is_none() && self.inside.is_none() => at,
            Some(_) => {
                return mismatch(format!(
                    "`{}`: brackets follow a whole attribute only",
                    path.text
                ));
            }
        };
        let def = self.ty.attr(at.attr);
        if def.kind != Type::Complex && !def.multi_valued {
            return mismatch(format!(
                "`{}` has one plain value: compare it without brackets",
                def.path
            ));
        }
        let within = Resolver { inside: Some(at.attr), ..*self };
        Ok(Expr::Any(at, Box::new(within.resolve(part)?)))
    }

    fn find(&self, path: &AttrPath<'_>) -> Result<Option<Target>, FilterError> {
        let found = match self.inside {
            None => self
                .ty
                .resolve(path, self.profile)
                .or_else(|| self.ty.resolve_in_extensions(path, self.profile).map(Target::Attr)),
            Some(attr) => self.part(attr, path).map(Target::Attr),
        };
        if let Some(Target::Attr(at)) = found {
            self.ty.check_readable(at)?;
        }
        if found.is_none() && self.profile.refuse_unknown {
            let kind = self.ty.name().to_owned();
            return Err(FilterError::Unknown { path: path.text.to_owned(), kind });
        }
        Ok(found)
    }

    /// A name in the brackets of `attr`; `value` is the element itself where elements are plain.
    fn part(&self, attr: AttrId, path: &AttrPath<'_>) -> Option<AttrRef> {
        if path.urn.is_some() || path.sub.is_some() {
            return None;
        }
        if self.ty.attr(attr).kind != Type::Complex {
            let itself = AttrRef { attr, sub: None };
            return path.name.eq_ignore_ascii_case("value").then_some(itself);
        }
        self.ty.sub(attr, path.name).map(|sub| AttrRef { attr, sub: Some(sub) })
    }

    /// R-FILTER-15: what a comparison with a whole complex attribute means.
    fn comparable(&self, at: AttrRef) -> Result<AttrRef, FilterError> {
        let def = self.ty.leaf(at);
        let value = self
            .ty
            .value_of(at)
            .filter(|value| *value == at || def.multi_valued || self.profile.loose_filters);
        let Some(value) = value else {
            return mismatch(format!("`{}` has several parts: name the one to compare", def.path));
        };
        self.ty.check_readable(value)?;
        Ok(value)
    }

    fn operand(
        &self,
        def: &AttrDef,
        op: Op,
        literal: &Literal<'_>,
    ) -> Result<Operand, FilterError> {
        if !goes_with(op, def.kind) {
            return mismatch(format!(
                "`{}`: `{}` doesn't go with {}",
                def.path,
                op.as_str(),
                noun(def.kind)
            ));
        }
        let operand = match def.kind {
            Type::Boolean => self.truth(literal).map(Operand::Boolean),
            Type::Integer | Type::Decimal => self.number(literal).map(Operand::Number),
            Type::DateTime => self.words(literal).and_then(moment::parse).map(Operand::Moment),
            Type::String | Type::Reference | Type::Binary | Type::Complex => {
                if self.words(literal).is_some_and(|sent| sent.contains('\0')) {
                    return mismatch(format!("`{}` never holds the character U+0000", def.path));
                }
                self.words(literal).map(|sent| {
                    let key = text::comparable(def, op, sent).into_owned();
                    Operand::Text { sent: sent.to_owned(), key }
                })
            }
        };
        operand.ok_or_else(|| {
            FilterError::Mismatch(format!("`{}` is compared with {}", def.path, noun(def.kind)))
        })
    }

    /// R-FILTER-10: `"True"` is a boolean where the profile says so.
    fn truth(&self, literal: &Literal<'_>) -> Option<bool> {
        let sent = match literal {
            Literal::Boolean(truth) => return Some(*truth),
            Literal::String(sent) if self.profile.string_booleans => sent,
            Literal::Bare(sent) if self.profile.loose_filters => *sent,
            _ => return None,
        };
        let is = |word| sent.eq_ignore_ascii_case(word);
        is("true").then_some(true).or_else(|| is("false").then_some(false))
    }

    fn number(&self, literal: &Literal<'_>) -> Option<Number> {
        match literal {
            Literal::Number(sent) => Number::parse(sent),
            Literal::String(sent) if self.profile.loose_filters => Number::parse(sent),
            _ => None,
        }
    }

    /// R-FILTER-05, R-FILTER-11: what stands without quotes is text where the profile says so.
    fn words<'l>(&self, literal: &'l Literal<'_>) -> Option<&'l str> {
        let loose = match literal {
            Literal::String(sent) => return Some(sent),
            Literal::Number(sent) | Literal::Bare(sent) => *sent,
            Literal::Boolean(true) => "true",
            Literal::Boolean(false) => "false",
            Literal::Null => return None,
        };
        self.profile.loose_filters.then_some(loose)
    }
}

const fn always() -> Expr<AttrRef, Operand> {
    Expr::And(Vec::new())
}

const fn never() -> Expr<AttrRef, Operand> {
    Expr::Or(Vec::new())
}

const fn is_equality(op: Op) -> bool {
    matches!(op, Op::Eq | Op::Ne)
}

fn mismatch<T>(detail: String) -> Result<T, FilterError> {
    Err(FilterError::Mismatch(detail))
}

/// R-FILTER-06, R-FILTER-08, R-FILTER-09, R-FILTER-10.
const fn goes_with(op: Op, kind: Type) -> bool {
    match op {
        Op::Eq | Op::Ne => true,
        Op::Co | Op::Sw | Op::Ew => {
            !matches!(kind, Type::Boolean | Type::Integer | Type::Decimal | Type::DateTime)
        }
        Op::Gt | Op::Ge | Op::Lt | Op::Le => !matches!(kind, Type::Boolean | Type::Binary),
    }
}

const fn noun(kind: Type) -> &'static str {
    match kind {
        Type::Boolean => "true or false",
        Type::Integer | Type::Decimal => "a number",
        Type::DateTime => "a dateTime such as \"2025-05-13T04:42:34Z\"",
        Type::Binary => "binary text in quotes",
        Type::String | Type::Reference | Type::Complex => "text in quotes",
    }
}

fn collect(expr: &Expr<AttrRef, Operand>, found: &mut Vec<AttrRef>) {
    match expr {
        Expr::And(parts) | Expr::Or(parts) => parts.iter().for_each(|part| collect(part, found)),
        Expr::Not(part) => collect(part, found),
        Expr::Compare(at, ..) | Expr::Present(at) => found.push(*at),
        Expr::Any(at, part) => {
            found.push(*at);
            collect(part, found);
        }
    }
}
