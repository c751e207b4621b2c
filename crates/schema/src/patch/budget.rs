//! The work that one PATCH may cause.

use std::cell::Cell;

use rollcall_filter::Expr;
use serde_json::Value;

use super::fault::Fault;
use crate::Link;
use crate::condition::Condition;

/// Elements that the operations of one PATCH may look at, all together.
const MOST_LOOKS: usize = 400_000;
/// Rows of a relation that cost as much as one element.
const ROWS_A_LOOK: usize = 10;
/// Bytes of text that cost as much as one element.
const TEXT_A_LOOK: usize = 64;

/// What is left of the work that one PATCH may cause (R-E-17).
///
/// It keeps the work in proportion to the request, however operations, long lists, long texts and
/// long filters meet.
pub(super) struct Budget(Cell<usize>);

impl Budget {
    pub(super) const fn new() -> Self {
        Self(Cell::new(MOST_LOOKS))
    }

    /// Looks at each element of a list `times` over.
    pub(super) fn list(&self, list: &[Value], times: usize) -> Result<(), Fault> {
        self.spend(list.iter().map(weight).sum::<usize>().saturating_mul(times))
    }

    /// Looks at one element `times` over.
    pub(super) fn element(&self, element: &Value, times: usize) -> Result<(), Fault> {
        self.spend(weight(element).saturating_mul(times))
    }

    /// Looks at the rows of a relation, and at so many that are to come, `times` over.
    pub(super) fn rows(&self, rows: &[Link], to_come: usize, times: usize) -> Result<(), Fault> {
        let name = |row: &Link| row.display.as_ref().map_or(0, String::len);
        let rows: usize = rows.iter().map(|row| 1 + name(row) / TEXT_A_LOOK).sum();
        self.spend((rows + to_come * ROWS_A_LOOK).saturating_mul(times) / ROWS_A_LOOK)
    }

    fn spend(&self, looks: usize) -> Result<(), Fault> {
        let left = self.0.get().checked_sub(looks).ok_or_else(|| {
            let detail = format!(
                "the operations look at more than {MOST_LOOKS} elements of long lists: send \
                     them in parts"
            );
            Fault::value(detail)
        })?;
        self.0.set(left);
        Ok(())
    }
}

/// How many comparisons a condition makes.
pub(super) fn tests(condition: &Condition) -> usize {
    fn count<A, V>(expr: &Expr<A, V>) -> usize {
        match expr {
            Expr::And(parts) | Expr::Or(parts) => parts.iter().map(count).sum(),
            Expr::Not(part) | Expr::Any(_, part) => count(part),
            Expr::Compare(..) | Expr::Present(_) => 1,
        }
    }
    count(condition.expr()).max(1)
}

fn weight(element: &Value) -> usize {
    1 + text(element) / TEXT_A_LOOK
}

fn text(value: &Value) -> usize {
    match value {
        Value::String(held) => held.len(),
        Value::Array(elements) => elements.iter().map(text).sum(),
        Value::Object(parts) => parts.values().map(text).sum(),
        _ => 0,
    }
}
