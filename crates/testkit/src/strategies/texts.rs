//! Values that documents hold and filters look for.

use proptest::prelude::*;
use proptest::sample::select;

/// Texts that are alike: by case, by normalization, by a prefix, or to an SQL `LIKE`.
const TEXTS: &[&str] = &[
    "ada",
    "Ada",
    "ADA LOVELACE",
    "ada@example.com",
    "Ada@Example.COM",
    "grace",
    "Grace Hopper",
    "müller",
    "MÜLLER",
    "mu\u{308}ller",
    "muller",
    "Straße",
    "STRASSE",
    "σίσυφος",
    "ΣΊΣΥΦΟΣ",
    "İstanbul",
    "istanbul",
    "ﬁn",
    "Fin",
    "O'Brien",
    "o'brien",
    "say \"hi\"",
    "back\\slash",
    "100%",
    "1000",
    "a_b",
    "axb",
    "日本",
    "\u{1F600}",
    "\u{FFFD}",
    "true",
    "W/\"1\"",
];

/// Names that anything may have, unique or not.
pub(super) fn name() -> impl Strategy<Value = String> + Clone {
    prop_oneof![
        12 => select(TEXTS).prop_map(String::from),
        1 => long(),
    ]
}

/// Texts of attributes that are not unique: also empty, blank and random ones.
pub(super) fn text() -> impl Strategy<Value = String> + Clone {
    prop_oneof![
        12 => name(),
        1 => select(&["", " ", "line\nbreak", "tab\t"][..]).prop_map(String::from),
        1 => "\\PC{1,4}",
    ]
}

/// Texts longer than an index holds, which begin alike.
fn long() -> impl Strategy<Value = String> + Clone {
    let ends = prop_oneof![Just("a"), Just("A"), Just("b"), Just("")];
    (select(&["x", "ü", "語"][..]), select(&[200_usize, 300, 600][..]), ends)
        .prop_map(|(letter, times, end)| format!("{}{end}", letter.repeat(times)))
}

/// What a filter looks for: a text of the pool, or the beginning, middle or end of one.
pub(super) fn needle() -> impl Strategy<Value = String> + Clone {
    (text(), any::<bool>(), 0..4_u8, any::<prop::sample::Index>()).prop_map(
        |(text, upper, part, at)| {
            let chars: Vec<char> = text.chars().collect();
            let (front, back) = chars.split_at(at.index(chars.len() + 1));
            let part: String = match part {
                0 => front.iter().collect(),
                1 => back.iter().collect(),
                _ => text,
            };
            if upper { part.to_uppercase() } else { part }
        },
    )
}

/// What `type` says of an address.
pub(super) fn label() -> impl Strategy<Value = String> + Clone {
    select(&["work", "home", "WORK", "other"][..]).prop_map(String::from)
}

/// URIs, as references hold them.
pub(super) fn uri() -> impl Strategy<Value = String> + Clone {
    let uris = &["https://example.com/a", "https://example.com/A", "/Users/1", "urn:x:1"][..];
    select(uris).prop_map(String::from)
}

/// Base64, as binary attributes hold it.
pub(super) fn base64() -> impl Strategy<Value = String> + Clone {
    select(&["AAEC", "AAE=", "aaec", "/+8="][..]).prop_map(String::from)
}

/// Moments around those of a [`Site`](crate::Site)'s clock, finer ones among them.
pub(super) fn moment() -> impl Strategy<Value = String> + Clone {
    let fine = select(&["", ".000", ".0004", ".5", ".999999"][..]);
    let zone = select(&["Z", "+00:00"][..]);
    (20_u8..60, fine, zone)
        .prop_map(|(second, fine, zone)| format!("2023-11-14T22:13:{second}{fine}{zone}"))
}
