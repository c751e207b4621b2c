//! What is wrong with definitions, and where.

use std::fmt;

/// Something wrong with [`Definitions`](crate::Definitions), with what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// The place as a JSON pointer into the definitions, such as `/schemas/0/attributes/3/type`.
    pub pointer: String,
    /// What is wrong, and how to mend it.
    pub message: String,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.pointer.is_empty() {
            write!(f, "{}: ", self.pointer)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for Flaw {}

/// Something wrong with the text of definitions, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
    /// The place as a JSON pointer into the text, such as `/attributes/3/type`.
    pub pointer: String,
    /// What is wrong, and how to mend it.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)?;
        if !self.pointer.is_empty() {
            write!(f, " ({})", self.pointer)?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for Fault {}
