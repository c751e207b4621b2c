//! JSON whose values know where they stand in the text.

use serde_json::Value;

use super::flaw::Fault;
use crate::pointer;

/// A value and its place in the text, in bytes.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) at: usize,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    Null,
    Boolean(bool),
    Number,
    Text(String),
    List(Vec<Node>),
    Object(Vec<Member>),
}

/// A member of an object; its name has a place of its own.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) at: usize,
    pub(super) name: String,
    pub(super) value: Node,
}

impl Node {
    /// Reads a whole text.
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        let fault = |line, column, message: String| {
            let pointer = String::new();
            Fault { line, column, pointer, message }
        };
        // This says what is wrong; the scanner below relies on it.
        if let Err(error) = serde_json::from_str::<Value>(text) {
            let told = error.to_string();
            let what = told.split(" at line ").next().unwrap_or_default();
            return Err(fault(error.line(), error.column(), format!("no JSON: {what}")));
        }
        let mut scanner = Scanner { text, at: 0 };
        scanner.value().ok_or_else(|| fault(1, 1, "no JSON".into()))
    }

    /// The member of this name.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        match &self.kind {
            Kind::Object(members) => {
                members.iter().find(|member| member.name == name).map(|member| &member.value)
            }
            _ => None,
        }
    }

    /// Where a pointer leads, or as far as it leads.
    pub(super) fn nearest(&self, pointer: &str) -> &Self {
        let mut node = self;
        for step in pointer::steps(pointer) {
            let next = match &node.kind {
                Kind::List(nodes) => step.parse().ok().and_then(|at: usize| nodes.get(at)),
                _ => node.get(&step),
            };
            match next {
                Some(next) => node = next,
                None => break,
            }
        }
        node
    }

    /// What JSON calls a value of this kind.
    pub(super) const fn noun(&self) -> &'static str {
        match self.kind {
            Kind::Null => "null",
            Kind::Boolean(_) => "a boolean",
            Kind::Number => "a number",
            Kind::Text(_) => "a string",
            Kind::List(_) => "a list",
            Kind::Object(_) => "an object",
        }
    }
}

/// The line and the character of a place, both from 1.
pub(super) fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.rsplit_once('\n').map_or(before, |(_, line)| line);
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

/// Reads a text that is known to be JSON of bounded depth.
struct Scanner<'t> {
    text: &'t str,
    at: usize,
}

impl Scanner<'_> {
    fn value(&mut self) -> Option<Node> {
        self.blank();
        let at = self.at;
        let kind = match self.peek()? {
            b'{' => Kind::Object(self.members()?),
            b'[' => Kind::List(self.elements()?),
            b'"' => Kind::Text(self.text()?),
            b't' => self.word("true", Kind::Boolean(true))?,
            b'f' => self.word("false", Kind::Boolean(false))?,
            b'n' => self.word("null", Kind::Null)?,
            _ => self.number(),
        };
        Some(Node { at, kind })
    }

    fn members(&mut self) -> Option<Vec<Member>> {
        let mut members = Vec::new();
        self.at += 1;
        loop {
            self.blank();
            match self.peek()? {
                b'}' => break,
                b',' => self.at += 1,
                _ => {
                    let at = self.at;
                    let name = self.text()?;
                    self.blank();
                    self.at += 1;
                    members.push(Member { at, name, value: self.value()? });
                }
            }
        }
        self.at += 1;
        Some(members)
    }

    fn elements(&mut self) -> Option<Vec<Node>> {
        let mut elements = Vec::new();
        self.at += 1;
        loop {
            self.blank();
            match self.peek()? {
                b']' => break,
                b',' => self.at += 1,
                _ => elements.push(self.value()?),
            }
        }
        self.at += 1;
        Some(elements)
    }

    fn text(&mut self) -> Option<String> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        serde_json::from_str(self.text.get(start..self.at)?).ok()
    }

    fn word(&mut self, word: &str, kind: Kind) -> Option<Kind> {
        self.at += word.len();
        Some(kind)
    }

    fn number(&mut self) -> Kind {
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        while self.peek().is_some_and(is_part) {
            self.at += 1;
        }
        Kind::Number
    }

    fn blank(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plain(node: &Node) -> Value {
        match &node.kind {
            Kind::Null => Value::Null,
            Kind::Boolean(truth) => Value::Bool(*truth),
            Kind::Number => Value::from(0),
            Kind::Text(text) => Value::from(text.as_str()),
            Kind::List(nodes) => nodes.iter().map(plain).collect(),
            Kind::Object(members) => {
                members.iter().map(|m| (m.name.clone(), plain(&m.value))).collect()
            }
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            Just(Value::from(0)),
            ".*".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
                prop::collection::btree_map(".*", inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_scanner_reads_what_serde_json_reads(value in any_json()) {
            for text in [value.to_string(), format!("{value:#}\n")] {
                prop_assert_eq!(&plain(&Node::parse(&text).unwrap()), &value);
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[\\[\\]{}\",:0-9a-z\\\\ ]*") {
            let read = Node::parse(&text).is_ok();
            prop_assert_eq!(read, serde_json::from_str::<Value>(&text).is_ok());
        }
    }

    #[test]
    fn values_know_where_they_stand() {
        let text = "{\n  \"é\": [1.5e3, {\"b\": null}]\n}";
        let node = Node::parse(text).unwrap();
        let at = |pointer| position(text, node.nearest(pointer).at);
        assert_eq!((at(""), at("/é"), at("/é/0")), ((1, 1), (2, 8), (2, 9)));
        assert_eq!((at("/é/1/b"), at("/é/1/nope/x")), ((2, 22), (2, 16)));
        let error = Node::parse("{\"a\": }").unwrap_err();
        assert_eq!(error.to_string(), "line 1, column 7: no JSON: expected value");
    }
}
