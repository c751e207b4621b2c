//! Request bodies as JSON values, read with care.

use std::cell::{Cell, RefCell};
use std::fmt::{self, Write as _};

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::problem::{Problem, ScimType};

/// How deep objects and lists may nest (R-HTTP-10).
const DEEPEST: usize = 64;

/// How many characters of a key are shown.
const SHOWN: usize = 80;

/// Reads a body. A key that stands twice in an object is refused, since readers disagree on which
/// of the two counts; so is U+0000, which no database takes. What is wrong is told with the JSON
/// pointer of the value that it is in, or the byte where it begins.
pub(crate) fn parse(body: &[u8]) -> Result<Value, Problem> {
    let text = std::str::from_utf8(body).map_err(|error| {
        syntax(format!("the body is not UTF-8 at byte {}", error.valid_up_to()))
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim_ascii().is_empty() {
        return Err(syntax("the request needs a JSON body"));
    }
    if let Some(at) = too_deep(text) {
        let detail = format!("the body nests deeper than {DEEPEST} levels at byte {at}");
        return Err(syntax(detail));
    }
    let reading = Reading::default();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read = Once(&reading).deserialize(&mut deserializer);
    let read = read.and_then(|value| deserializer.end().map(|()| value));
    read.map_err(|error| reading.problem(&error))
}

fn syntax(detail: impl Into<String>) -> Problem {
    Problem::bad(ScimType::InvalidSyntax, detail)
}

/// The first bracket outside of strings that nests too deep.
fn too_deep(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'[' | b'{' => {
                depth += 1;
                if depth > DEEPEST {
                    return Some(at);
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

/// Where in the body the reader is; after a failure, where that was.
#[derive(Default)]
struct Reading {
    steps: RefCell<Vec<Step>>,
    /// Whether it was U+0000.
    null: Cell<bool>,
}

enum Step {
    Key(String),
    Place(usize),
}

impl Reading {
    fn enter(&self, step: Step) {
        self.steps.borrow_mut().push(step);
    }

    fn leave(&self) -> Option<Step> {
        self.steps.borrow_mut().pop()
    }

    /// Refuses U+0000.
    fn checked<E: serde::de::Error>(&self, text: &str) -> Result<(), E> {
        if text.contains('\0') {
            self.null.set(true);
            return Err(E::custom("U+0000 can't be part of a text"));
        }
        Ok(())
    }

    fn problem(&self, error: &serde_json::Error) -> Problem {
        let pointer = self.pointer();
        let at = if pointer.is_empty() { pointer } else { format!("`{pointer}`: ") };
        let told = error.to_string();
        if self.null.get() || told.starts_with("number out of range") {
            return Problem::bad(ScimType::InvalidValue, format!("{at}{told}"));
        }
        // That is said of a surrogate that nothing follows.
        let told = told.replace("unexpected end of hex escape", "lone leading surrogate");
        syntax(format!("{at}the body can't be read as JSON: {told}"))
    }

    /// RFC 6901.
    fn pointer(&self) -> String {
        let mut pointer = String::new();
        for step in self.steps.borrow().iter() {
            pointer.push('/');
            match step {
                Step::Place(at) => drop(write!(pointer, "{at}")),
                Step::Key(key) => key.chars().take(SHOWN).for_each(|character| match character {
                    '~' => pointer.push_str("~0"),
                    '/' => pointer.push_str("~1"),
                    character if character.is_control() => pointer.push('\u{fffd}'),
                    character => pointer.push(character),
                }),
            }
        }
        pointer
    }
}

/// Reads a value none of whose objects has a key twice.
#[derive(Clone, Copy)]
struct Once<'r>(&'r Reading);

impl<'de> DeserializeSeed<'de> for Once<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Once<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Value, E> {
        self.0.checked(value).map(|()| value.into())
    }

    fn visit_string<E: serde::de::Error>(self, value: String) -> Result<Value, E> {
        self.0.checked(&value).map(|()| value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut elements = Vec::new();
        loop {
            self.0.enter(Step::Place(elements.len()));
            let Some(element) = seq.next_element_seed(self)? else { break };
            self.0.leave();
            elements.push(element);
        }
        self.0.leave();
        Ok(elements.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            self.0.checked(&key)?;
            if object.contains_key(&key) {
                let key: String = key.chars().take(SHOWN).collect();
                return Err(A::Error::custom(format!("`{key}` stands twice")));
            }
            self.0.enter(Step::Key(key));
            let value = map.next_value_seed(self)?;
            if let Some(Step::Key(key)) = self.0.leave() {
                object.insert(key, value);
            }
        }
        Ok(object.into())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bodies_are_read_as_they_are() {
        let text = "\u{feff}{\"a\":[1,-2,2.5,true,null,\"x\\\"{\"],\"A\":{\"b\":{}}}";
        let expect = json!({"a": [1, -2, 2.5, true, null, "x\"{"], "A": {"b": {}}});
        assert_eq!(parse(text.as_bytes()).unwrap(), expect);
    }

    #[track_caller]
    fn refused(body: &[u8], expect: &str) {
        let problem = format!("{:?}", parse(body).expect_err(expect));
        assert!(problem.contains(expect) && problem.contains("InvalidSyntax"), "{problem}");
    }

    #[test]
    fn what_is_no_json_is_invalid_syntax() {
        // R-POST-05, R-HTTP-01, R-HTTP-10
        refused(b"", "needs a JSON body");
        refused(b" \n", "needs a JSON body");
        refused(b"{bad", "can't be read as JSON");
        refused(b"{} {}", "can't be read as JSON");
        refused(b"{\"a\":1,\"a\":2}", "`a` stands twice");
        refused(b"{\"x\":[{\"a\":1,\"a\":1}]}", "`a` stands twice");
        refused(b"\"\xff\"", "not UTF-8 at byte 1");
        refused("[".repeat(65).as_bytes(), "deeper than 64 levels at byte 64");
        refused("{\"a\":".repeat(100_000).as_bytes(), "deeper than 64 levels at byte 320");
    }

    #[test]
    fn what_is_wrong_is_pointed_at() {
        // R-POST-05
        refused(br#"{"a":[{},{"b/~":"\ud800"}]}"#, "`/a/1/b~1~0`: the body can't be read as JSON");
        refused(br#"{"a":"\ud800"}"#, "JSON: lone leading surrogate at line 1");
        refused(br#"{"a":"\udc00"}"#, "`/a`: ");
        refused(br#"{"a":{"b":tru}}"#, "`/a/b`: the body can't be read as JSON");
        refused(
            br#"{"a":{"b":1,"b":2}}"#,
            "`/a`: the body can't be read as JSON: `b` stands twice",
        );
        refused(b"{\"a\":[1,2\n", "`/a/2`: ");
        refused(b"{\"a\":[1,2\n", "at line 2 column 0");
        refused(br#"{"a":1} x"#, "trailing characters at line 1 column 9");
    }

    #[test]
    fn no_text_holds_u_0000() {
        // 400 invalidValue with the pointer, in values and in keys
        for (body, expect) in [
            (r#"{"a":["x","\u0000"]}"#, "`/a/1`: U+0000 can't be part of a text at line 1"),
            (r#"{"a":{"\u0000":1}}"#, "`/a`: U+0000"),
            (r#""x\u0000""#, "\"U+0000"),
        ] {
            let problem = format!("{:?}", parse(body.as_bytes()).unwrap_err());
            assert!(problem.contains(expect) && problem.contains("InvalidValue"), "{problem}");
        }
    }

    #[test]
    fn numbers_that_nothing_holds_are_invalid_values() {
        // R-ATTR-07
        for body in [r#"{"a":1e400}"#, r#"{"a":-1e999}"#] {
            let problem = format!("{:?}", parse(body.as_bytes()).unwrap_err());
            assert!(problem.contains("InvalidValue"), "{problem}");
            assert!(problem.contains("`/a`: number out of range at line 1"), "{problem}");
        }
    }

    #[test]
    fn brackets_in_texts_are_no_depth() {
        let text = format!("{{\"a\":\"{}\"}}", "[".repeat(1000));
        assert!(parse(text.as_bytes()).is_ok());
        let deepest = format!("{}\"]\"{}", "[".repeat(64), "]".repeat(64));
        assert!(parse(deepest.as_bytes()).is_ok());
    }
}
