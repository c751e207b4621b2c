//! placeholder
mod tree;
pub use tree::{AttrPath, Expr, Filter, Literal, Op, Path};
