//! Numbers that compare by value, however they are written.

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A number of any size, compared exactly (R-FILTER-09).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "Parts", from = "Parts")]
pub struct Number {
    negative: bool,
    /// The value is 0.`digits` times ten to this power; the smallest there is for zero.
    power: i64,
    /// Without zeros at either end; empty for zero.
    digits: String,
}

/// Sign, power and digits: a number as it is serialised, to come back exactly.
type Parts = (bool, i64, String);

impl From<Number> for Parts {
    fn from(number: Number) -> Self {
        (number.negative, number.power, number.digits)
    }
}

impl From<Parts> for Number {
    fn from((negative, power, digits): Parts) -> Self {
        Self { negative, power, digits }
    }
}

impl Number {
    /// Reads a JSON number.
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, text) = match text.strip_prefix('-') {
            Some(text) => (true, text),
            None => (false, text),
        };
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent)?),
            None => (text, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (mantissa, ""),
        };
        let plain = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !plain(whole) || !plain(fraction) {
            return None;
        }
        Some(Self::new(negative, whole, fraction, exponent))
    }

    fn new(negative: bool, whole: &str, fraction: &str, exponent: i64) -> Self {
        let all = format!("{whole}{fraction}");
        let digits = all.trim_start_matches('0');
        if digits.is_empty() {
            return Self { negative: false, power: i64::MIN, digits: String::new() };
        }
        let length = |text: &str| i64::try_from(text.len()).unwrap_or(i64::MAX);
        let leading = length(&all) - length(digits);
        let power = exponent.saturating_add(length(whole) - leading);
        Self { negative, power, digits: digits.trim_end_matches('0').to_owned() }
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        let size = (self.power, &self.digits).cmp(&(other.power, &other.digits));
        match (self.negative, other.negative) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, false) => size,
            (true, true) => size.reverse(),
        }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// One text for each value: plain for whole numbers of up to 40 digits, else `0.…e…`.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.digits.is_empty() {
            return f.write_str("0");
        }
        if self.negative {
            f.write_str("-")?;
        }
        match usize::try_from(self.power) {
            Ok(power @ 1..=40) if power >= self.digits.len() => {
                write!(f, "{:0<power$}", self.digits)
            }
            Ok(0) => write!(f, "0.{}", self.digits),
            _ => write!(f, "0.{}e{}", self.digits, self.power),
        }
    }
}

/// The exponent, or the nearest that there is: no value is that large.
fn parse_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let far = if text.starts_with('-') { i64::MIN / 2 } else { i64::MAX / 2 };
    Some(text.parse().map_or(far, |exponent: i64| exponent.clamp(i64::MIN / 2, i64::MAX / 2)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(text: &str) -> Number {
        Number::parse(text).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn r_filter_09_numbers_compare_by_value() {
        let ascending = [
            "-1e999999999999999999999",
            "-10.5",
            "-10",
            "-9",
            "-1e-7",
            "0",
            "1e-99999999999999999999",
            "0.099",
            "0.1",
            "9",
            "10",
            "9007199254740992",
            "9007199254740993",
            "1e400",
        ];
        for pair in ascending.windows(2) {
            assert!(number(pair[0]) < number(pair[1]), "{pair:?}");
        }
        for same in [["1", "1.0"], ["-0", "0.0"], ["100", "1E+2"], ["0.05", "5e-2"], ["10", "010"]]
        {
            assert_eq!(number(same[0]), number(same[1]));
            assert_eq!(number(same[0]).to_string(), number(same[1]).to_string());
        }
    }

    #[test]
    fn refuses_what_is_no_number() {
        for text in ["", "-", "1.", ".5", "1e", "1e+", "1e5.0", "0x1", "1 ", "--1", "1e--2", "½"] {
            assert_eq!(Number::parse(text), None, "{text}");
        }
    }

    #[test]
    fn writes_whole_numbers_plainly() {
        assert_eq!(number("1200").to_string(), "1200");
        assert_eq!(number("-7").to_string(), "-7");
        assert_eq!(number("0.25").to_string(), "0.25");
        assert_eq!(number("1.5").to_string(), "0.15e1");
    }

    proptest! {
        #[test]
        fn orders_as_integers_do(a: i64, b: i64) {
            prop_assert_eq!(number(&a.to_string()).cmp(&number(&b.to_string())), a.cmp(&b));
        }

        #[test]
        fn reads_what_it_writes(a: f64) {
            prop_assume!(a.is_finite());
            let written = number(&format!("{a:e}"));
            prop_assert_eq!(number(&written.to_string()), written);
        }
    }
}
