//! The canonical form of simple values, by data type.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;

use crate::resource_type::AttrDef;
use crate::value::misfit;
use crate::{Profile, Type, Uniqueness, Violation, moment};

/// Checks a value against the data type of its attribute and rewrites it where there are several
/// spellings of one value; `None` for null (RFC 7643 §2.3).
pub(crate) fn canonical(
    def: &AttrDef,
    value: Value,
    profile: &Profile,
) -> Result<Option<Value>, Violation> {
    if value.is_null() {
        return Ok(None);
    }
    if let Value::String(text) = &value {
        check_text(&def.path, text)?;
        check_length(def, text)?;
    }
    match def.kind {
        Type::String | Type::Reference => text(def, value),
        Type::Boolean => boolean(def, value, profile),
        Type::Integer => integer(def, value),
        Type::Decimal if value.is_number() => Ok(value),
        Type::Decimal => Err(misfit(def, "a number", &value)),
        Type::DateTime => date_time(def, &value),
        Type::Binary => binary(def, &value),
        Type::Complex => Err(misfit(def, "an object", &value)),
    }
    .map(Some)
}

/// The longest text, in bytes. Binary values may fill the body.
const LONGEST_TEXT: usize = 64 * 1024;
/// The longest text that is looked up by index, in characters.
const LONGEST_KEY: usize = 1024;

/// Refuses a text that is too long to be looked up.
pub(crate) fn check_key(path: &str, text: &str) -> Result<(), Violation> {
    let length = text.chars().count();
    if length > LONGEST_KEY {
        let detail = format!("`{path}` has {length} characters: {LONGEST_KEY} are the most");
        return Err(Violation::value(detail));
    }
    Ok(())
}

fn check_length(def: &AttrDef, text: &str) -> Result<(), Violation> {
    let (path, length) = (&def.path, text.len());
    if def.kind != Type::Binary && length > LONGEST_TEXT {
        let detail = format!("`{path}` has {length} bytes: {LONGEST_TEXT} are the most");
        return Err(Violation::value(detail));
    }
    if def.indexed && length > LONGEST_KEY {
        return check_key(path, text);
    }
    Ok(())
}

/// Refuses U+0000, which no store keeps.
pub(crate) fn check_text(path: &str, text: &str) -> Result<(), Violation> {
    if text.contains('\0') {
        return Err(Violation::value(format!("`{path}` contains the character U+0000")));
    }
    Ok(())
}

/// Text stays as sent (R-ATTR-23); a unique one must be free of invisible characters (R-E-18).
fn text(def: &AttrDef, value: Value) -> Result<Value, Violation> {
    let Value::String(text) = &value else { return Err(misfit(def, "a string", &value)) };
    if def.uniqueness != Uniqueness::None
        && let Some(bad) = text.chars().find(|c| is_invisible(*c))
    {
        let (path, code) = (&def.path, u32::from(bad));
        return Err(Violation::value(format!("`{path}` contains the character U+{code:04X}")));
    }
    Ok(value)
}

/// R-PATCH-60: `"True"` and `"false"` where the profile reads them.
fn boolean(def: &AttrDef, value: Value, profile: &Profile) -> Result<Value, Violation> {
    match &value {
        Value::Bool(_) => Ok(value),
        Value::String(text) if profile.string_booleans && text.eq_ignore_ascii_case("true") => {
            Ok(Value::Bool(true))
        }
        Value::String(text) if profile.string_booleans && text.eq_ignore_ascii_case("false") => {
            Ok(Value::Bool(false))
        }
        _ => Err(misfit(def, "true or false", &value)),
    }
}

/// R-ATTR-07: no fraction, no exponent.
fn integer(def: &AttrDef, value: Value) -> Result<Value, Violation> {
    if value.is_i64() || value.is_u64() {
        return Ok(value);
    }
    // The sign makes `-0` a float to the JSON reader.
    if value.as_f64().map(f64::to_bits) == Some((-0.0_f64).to_bits()) {
        return Ok(Value::from(0));
    }
    if value.is_number() {
        let path = &def.path;
        return Err(Violation::value(format!("`{path}` must be an integer of at most 64 bits")));
    }
    Err(misfit(def, "an integer", &value))
}

/// R-ATTR-08: UTC with milliseconds.
fn date_time(def: &AttrDef, value: &Value) -> Result<Value, Violation> {
    let text = value.as_str().ok_or_else(|| misfit(def, "a string", value))?;
    moment::canonical(text).map(Value::String).ok_or_else(|| {
        let path = &def.path;
        Violation::value(format!("`{path}` must be a date and time like `2025-05-13T04:42:34Z`"))
    })
}

/// R-ATTR-09: the standard alphabet, with or without padding and line breaks; kept with padding.
fn binary(def: &AttrDef, value: &Value) -> Result<Value, Violation> {
    const BASE64: GeneralPurpose = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    let text = value.as_str().ok_or_else(|| misfit(def, "a string", value))?;
    let compact: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    match BASE64.decode(compact) {
        Ok(bytes) => Ok(Value::String(BASE64.encode(bytes))),
        Err(_) => Err(Violation::value(format!("`{}` must be base64", def.path))),
    }
}

/// Control, bidirectional and zero-width characters, which make two names look like one.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}'
            | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E0FFF}')
}
