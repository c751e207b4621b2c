//! Request bodies as JSON values, read with care.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::{Map, Number, Value};

use crate::problem::{Problem, ScimType};

/// How deep objects and lists may nest (R-HTTP-10).
const DEEPEST: usize = 64;

/// Reads a body. A key that stands twice in an object is refused, since readers disagree on which
/// of the two counts.
pub(crate) fn parse(body: &[u8]) -> Result<Value, Problem> {
    let text = std::str::from_utf8(body).map_err(|_| syntax("the body is not UTF-8"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim_ascii().is_empty() {
        return Err(syntax("the request needs a JSON body"));
    }
    if depth(text) > DEEPEST {
        return Err(syntax(format!("the body nests deeper than {DEEPEST} levels")));
    }
    let read = serde_json::from_str(text).map(|Once(value)| value);
    read.map_err(|error| syntax(format!("the body can't be read as JSON: {error}")))
}

fn syntax(detail: impl Into<String>) -> Problem {
    Problem::bad(ScimType::InvalidSyntax, detail)
}

/// How deep the brackets outside of strings nest.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut quoted, mut escaped) = (false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// A value none of whose objects has a key twice.
struct Once(Value);

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
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

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(Once(element)) = seq.next_element()? {
            elements.push(element);
        }
        Ok(elements.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            match object.entry(key) {
                Entry::Vacant(entry) => drop(entry.insert(map.next_value::<Once>()?.0)),
                Entry::Occupied(entry) => {
                    let key: String = entry.key().chars().take(80).collect();
                    return Err(A::Error::custom(format!("`{key}` stands twice")));
                }
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
        refused(b"\"\xff\"", "not UTF-8");
        refused("[".repeat(65).as_bytes(), "deeper than 64");
        refused("{\"a\":".repeat(100_000).as_bytes(), "deeper than 64");
    }

    #[test]
    fn brackets_in_texts_are_no_depth() {
        let text = format!("{{\"a\":\"{}\"}}", "[".repeat(1000));
        assert!(parse(text.as_bytes()).is_ok());
        assert_eq!(depth(r#"{"a\"[":["]"],"b":[[]]}"#), 3);
    }
}
