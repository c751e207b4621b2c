//! The names that people give to what is administered.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization as _;

use super::AdminError;

/// The longest name of anything, in characters.
const LONGEST: usize = 200;

/// A name without what stands around it, in normalization form C, so that two that look the same
/// are not both taken (R-E-18).
pub(super) fn checked_name(name: &str) -> Result<String, AdminError> {
    let name: String = name.trim().nfc().collect();
    let long = name.chars().count() > LONGEST;
    if name.is_empty() || long || name.chars().any(char::is_control) {
        let detail =
            format!("a name needs 1 to {LONGEST} characters, none of them a control character");
        return Err(AdminError::Bad(detail));
    }
    match unseen(&name) {
        None => Ok(name),
        Some(c) => Err(AdminError::Bad(format!(
            "a name is what people see of it: leave out U+{:04X}, which can't be seen",
            u32::from(c)
        ))),
    }
}

/// The first character that nobody sees, or that changes the order in which others are seen.
fn unseen(name: &str) -> Option<char> {
    let before = std::iter::once(None).chain(name.chars().map(Some));
    let after = name.chars().skip(1).map(Some).chain(std::iter::once(None));
    let foreign = |c: Option<char>| c.is_some_and(|c| !c.is_ascii());
    let mut all = before.zip(name.chars()).zip(after);
    all.find_map(|((before, c), after)| {
        let unseen = match c {
            // Between the letters of some scripts, and within pictures, it shows.
            '\u{200C}' | '\u{200D}' => !foreign(before) || !foreign(after),
            '\u{FE00}'..='\u{FE0F}' => !foreign(before),
            c => is_unseen(c),
        };
        unseen.then_some(c)
    })
}

/// Whether a character is ignored wherever it stands (`Default_Ignorable_Code_Point`), is blank
/// though it is no space, or turns text around.
const fn is_unseen(c: char) -> bool {
    matches!(
        c,
        '\u{AD}'
            | '\u{34F}'
            | '\u{61C}'
            | '\u{115F}'..='\u{1160}'
            | '\u{17B4}'..='\u{17B5}'
            | '\u{180B}'..='\u{180F}'
            | '\u{200B}'
            | '\u{200E}'..='\u{200F}'
            | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{FEFF}'
            | '\u{FFA0}'
            | '\u{FFF0}'..='\u{FFFB}'
            | '\u{1BCA0}'..='\u{1BCA3}'
            | '\u{1D173}'..='\u{1D17A}'
            | '\u{E0000}'..='\u{E0FFF}'
    )
}

/// The ways in which the name of something that is there may be kept: those of earlier releases
/// stand as they were sent.
pub(super) fn spellings(name: &str) -> [Cow<'_, str>; 2] {
    [name.trim().into(), name.trim().nfc().collect::<String>().into()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_e_18_names_are_what_people_see_of_them() {
        for name in
            ["Acme", "Müller & Söhne", "株式会社", "می\u{200C}خواهم", "👩\u{200D}🔬", "❤\u{FE0F}"]
        {
            assert_eq!(checked_name(name).ok().as_deref(), Some(name));
        }
        for name in [
            "",
            " ",
            "\u{200B}",
            "Acme\u{200B}",
            "\u{202E}emcA",
            "Ac\u{200D}me",
            "Acme\u{200C}",
            "Acme\u{FE0F}",
            "Ac\u{AD}me",
            "\u{2066}Acme\u{2069}",
            "\u{3164}",
            "a\u{7}b",
            "\u{FEFF}Acme",
            "Acme\u{E0041}",
        ] {
            assert!(checked_name(name).is_err(), "{name:?}");
        }
        let told = checked_name("Acme\u{200B}").unwrap_err().to_string();
        assert!(told.contains("U+200B"), "{told}");
    }

    #[test]
    fn r_e_18_names_that_look_the_same_are_the_same() {
        assert_eq!(checked_name(" Mu\u{308}ller ").unwrap(), "Müller");
    }
}
