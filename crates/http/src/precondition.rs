//! Versions as entity tags (RFC 7644 §3.14).

use http::HeaderMap;
use http::header::{HeaderName, IF_MATCH, IF_NONE_MATCH};
use rollcall_domain::Precondition;

/// The tag of a version; `meta.version` is the same text (R-ETAG-01).
pub(crate) fn tag(version: u64) -> String {
    format!("W/\"{version}\"")
}

/// What `If-Match` insists on. `*` is what every change insists on: that the resource is there
/// (R-ETAG-05). Tags that we never gave out match nothing.
pub(crate) fn if_match(headers: &HeaderMap) -> Precondition {
    match Tags::of(headers, IF_MATCH) {
        None | Some(Tags::Any) => Precondition::None,
        Some(Tags::These(tags)) => versions(&tags),
    }
}

/// What a change insists on: `If-Match`, and that the client doesn't have the version already
/// (RFC 9110 §13.1.2). It has every version where it names `*`.
pub(crate) fn of_change(headers: &HeaderMap) -> Precondition {
    let wanted = if_match(headers);
    let had = match Tags::of(headers, IF_NONE_MATCH) {
        None => return wanted,
        Some(Tags::Any) => return Precondition::Versions(Vec::new()),
        Some(Tags::These(tags)) => numbers(&tags),
    };
    match wanted {
        Precondition::Versions(mut versions) => {
            versions.retain(|version| !had.contains(version));
            Precondition::Versions(versions)
        }
        wanted if had.is_empty() => wanted,
        _ => Precondition::Except(had),
    }
}

/// What the `version` of a bulk operation insists on (R-BULK-13).
pub(crate) fn of_version(version: &str) -> Precondition {
    match version.trim() {
        "*" => Precondition::None,
        tag => versions(opaque(tag).as_slice()),
    }
}

fn versions(tags: &[impl AsRef<str>]) -> Precondition {
    Precondition::Versions(numbers(tags))
}

/// The versions behind tags.
fn numbers(tags: &[impl AsRef<str>]) -> Vec<u64> {
    let version = |tag: &str| tag.parse().ok().filter(|version: &u64| version.to_string() == *tag);
    tags.iter().filter_map(|tag| version(tag.as_ref())).collect()
}

/// Whether the client has what `tag` stands for already (R-ETAG-02).
pub(crate) fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    match Tags::of(headers, IF_NONE_MATCH) {
        None => false,
        Some(Tags::Any) => true,
        Some(Tags::These(tags)) => tags.iter().any(|known| opaque(tag) == Some(known)),
    }
}

/// The tags of a conditional header by their opaque parts: weak and strong are the same to SCIM
/// (R-ETAG-04).
enum Tags {
    Any,
    These(Vec<String>),
}

impl Tags {
    fn of(headers: &HeaderMap, name: HeaderName) -> Option<Self> {
        let mut these = Vec::new();
        for value in headers.get_all(&name) {
            let tags = value.to_str().unwrap_or_default().split(',').map(str::trim);
            for tag in tags {
                if tag == "*" {
                    return Some(Self::Any);
                }
                these.extend(opaque(tag).map(Into::into));
            }
        }
        headers.contains_key(name).then_some(Self::These(these))
    }
}

/// What stands between the quotes, which some clients leave out.
fn opaque(tag: &str) -> Option<&str> {
    let tag = tag.strip_prefix("W/").unwrap_or(tag);
    let bare = tag.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(tag);
    (!bare.contains('"')).then_some(bare)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(name: &HeaderName, values: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, HeaderValue::from_static(value));
        }
        headers
    }

    #[track_caller]
    fn insists(values: &[&'static str], expect: Option<&[u64]>) {
        let expect = expect.map_or(Precondition::None, |v| Precondition::Versions(v.to_vec()));
        assert_eq!(if_match(&headers(&IF_MATCH, values)), expect, "{values:?}");
    }

    #[test]
    fn if_match_compares_opaque_parts() {
        // R-ETAG-03, R-ETAG-04, R-ETAG-05
        insists(&[], None);
        insists(&["*"], None);
        insists(&["W/\"3\""], Some(&[3]));
        insists(&["\"3\""], Some(&[3]));
        insists(&["3"], Some(&[3]));
        insists(&["\"1\", W/\"2\"", "\"9\""], Some(&[1, 2, 9]));
        insists(&["\"03\"", "\"x\"", "\"+3\"", "\"3"], Some(&[]));
        insists(&[""], Some(&[]));
    }

    #[test]
    fn changes_insist_on_what_both_headers_say() {
        // R-ETAG-02, R-ETAG-03
        let check = |wanted: &[&'static str], had: &[&'static str], expect: Precondition| {
            let mut all = headers(&IF_MATCH, wanted);
            all.extend(headers(&IF_NONE_MATCH, had));
            assert_eq!(of_change(&all), expect, "{wanted:?} {had:?}");
        };
        check(&[], &[], Precondition::None);
        check(&[], &["*"], Precondition::Versions(vec![]));
        check(&[], &["\"7\", W/\"8\""], Precondition::Except(vec![7, 8]));
        check(&[], &["\"x\""], Precondition::None);
        check(&["*"], &["\"7\""], Precondition::Except(vec![7]));
        check(&["\"7\", \"8\""], &["\"7\""], Precondition::Versions(vec![8]));
        check(&["\"7\""], &[], Precondition::Versions(vec![7]));
    }

    #[test]
    fn versions_of_operations_are_tags() {
        // R-BULK-13
        let insists = |text: &str, versions: &[u64]| {
            assert_eq!(of_version(text), Precondition::Versions(versions.into()), "{text}");
        };
        insists("W/\"3\"", &[3]);
        insists(" 3 ", &[3]);
        insists("W/\"x\"", &[]);
        insists("", &[]);
        assert_eq!(of_version("*"), Precondition::None);
    }

    #[track_caller]
    fn knows(values: &[&'static str], expect: bool) {
        assert_eq!(is_known(&headers(&IF_NONE_MATCH, values), &tag(7)), expect, "{values:?}");
    }

    #[test]
    fn if_none_match_compares_weakly() {
        // R-ETAG-02
        knows(&[], false);
        knows(&["*"], true);
        knows(&["\"7\""], true);
        knows(&["\"1\", W/\"7\""], true);
        knows(&["W/\"8\""], false);
    }
}
