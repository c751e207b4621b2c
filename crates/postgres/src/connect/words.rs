//! What a URL says about TLS, in the words of libpq, taken out of it: the driver knows few of them.

use std::borrow::Cow;
use std::path::PathBuf;

use percent_encoding::percent_decode_str;

/// How much TLS is asked for: `sslmode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mode {
    /// None.
    Disable,
    /// If the server offers it and it works.
    #[default]
    Prefer,
    /// In any case; verified where there is an `sslrootcert`.
    Require,
    /// And from a server whose certificate an authority signed.
    VerifyCa,
    /// And which is the one that the URL names.
    VerifyFull,
}

impl Mode {
    const ALL: [(&str, Self); 5] = [
        ("disable", Self::Disable),
        ("prefer", Self::Prefer),
        ("require", Self::Require),
        ("verify-ca", Self::VerifyCa),
        ("verify-full", Self::VerifyFull),
    ];

    /// What is no mode is not repeated: in a URL that went wrong it could be anything.
    fn read(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|(name, _)| *name == text);
        let names = Self::ALL.map(|(name, _)| name).join(", ");
        found.map(|(_, mode)| mode).ok_or_else(|| format!("`sslmode` is one of {names}"))
    }

    /// The word for it.
    pub(super) fn word(self) -> &'static str {
        Self::ALL.into_iter().find(|(_, mode)| *mode == self).map_or("", |(name, _)| name)
    }
}

/// Where the authorities stand that certificates of servers come from: `sslrootcert`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RootCert {
    /// In the system.
    System,
    /// In a PEM file.
    File(PathBuf),
}

/// What a URL says about TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Words {
    pub(super) mode: Option<Mode>,
    pub(super) root_cert: Option<RootCert>,
    pub(super) certificate: Option<PathBuf>,
    pub(super) key: Option<PathBuf>,
}

impl Words {
    /// Takes a word, or says that it is none of ours.
    fn take(&mut self, key: &str, value: &str) -> Result<bool, String> {
        if !matches!(key, "sslmode" | "sslrootcert" | "sslcert" | "sslkey") {
            return Ok(false);
        }
        if value.is_empty() {
            return Err(format!("`{key}` is empty: give it a value, or leave it out"));
        }
        match key {
            "sslmode" => self.mode = Some(Mode::read(value)?),
            "sslcert" => self.certificate = Some(value.into()),
            "sslkey" => self.key = Some(value.into()),
            _ if value == "system" => self.root_cert = Some(RootCert::System),
            _ => self.root_cert = Some(RootCert::File(value.into())),
        }
        Ok(true)
    }
}

/// A URL or `key=value` pairs, without what they say about TLS, and that.
pub(super) fn split(text: &str) -> Result<(String, Words), String> {
    let scheme = ["postgres://", "postgresql://"].into_iter().find(|it| text.starts_with(it));
    match scheme {
        Some(scheme) => split_url(text, scheme.len()),
        None => split_pairs(text),
    }
}

/// As the driver reads it, whatever stands before the first `@` is the user and the password.
fn split_url(text: &str, start: usize) -> Result<(String, Words), String> {
    let (scheme, rest) = text.split_at(start);
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    if authority.matches('@').count() > 1 {
        return Err("an `@` within the user or the password is written `%40`".into());
    }
    let (credentials, behind) = rest.find('@').map_or(("", rest), |at| rest.split_at(at));
    if credentials.split_once('?').is_some_and(|(_, options)| options.contains('=')) {
        return Err("an `@` behind the `?` is written `%40`, and a `?` before it `%3F`".into());
    }
    let Some((address, options)) = behind.split_once('?') else {
        return Ok((text.into(), Words::default()));
    };
    let mut words = Words::default();
    let mut kept = Vec::new();
    for option in options.split('&') {
        let (key, value) = option.split_once('=').unwrap_or((option, ""));
        if !words.take(&decoded(key)?, &decoded(value)?)? {
            kept.push(option);
        }
    }
    let options = if kept.is_empty() { String::new() } else { format!("?{}", kept.join("&")) };
    Ok((format!("{scheme}{credentials}{address}{options}"), words))
}

fn decoded(text: &str) -> Result<Cow<'_, str>, String> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map_err(|_| "what stands behind the `?` is no UTF-8".into())
}

fn split_pairs(text: &str) -> Result<(String, Words), String> {
    let mut words = Words::default();
    let mut kept = Vec::new();
    let mut left = text.trim_start();
    while !left.is_empty() {
        let wrong = || "it is neither a URL nor pairs such as `host=localhost`".to_owned();
        let (key, behind) = left.split_once('=').ok_or_else(wrong)?;
        let (value, behind) = value(behind.trim_start()).ok_or_else(wrong)?;
        if !words.take(key.trim_end(), &value)? {
            kept.push(left.split_at(left.len() - behind.len()).0);
        }
        left = behind.trim_start();
    }
    Ok((kept.join(" "), words))
}

/// The value that a text begins with, and what stands behind it: a word, or anything in single
/// quotes, with a backslash before what would end it.
fn value(text: &str) -> Option<(String, &str)> {
    let quoted = text.strip_prefix('\'');
    let body = quoted.unwrap_or(text);
    let mut value = String::new();
    let mut chars = body.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => value.extend(chars.next().map(|(_, c)| c)),
            '\'' if quoted.is_some() => return Some((value, body.get(at + 1..)?)),
            c if quoted.is_none() && c.is_whitespace() => return Some((value, body.get(at..)?)),
            c => value.push(c),
        }
    }
    quoted.is_none().then_some((value, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, rest: &str, expect: &Words) {
        assert_eq!(split(text), Ok((rest.into(), expect.clone())), "{text}");
        let driver = rest.parse::<tokio_postgres::Config>();
        assert!(driver.is_ok(), "{rest}: {driver:?}");
    }

    #[test]
    fn words_are_taken_out_of_urls() {
        let none = Words::default();
        check("postgres://h/db", "postgres://h/db", &none);
        check("postgres://u:p?x@h/db", "postgres://u:p?x@h/db", &none);
        check("postgresql://h?user=a", "postgresql://h?user=a", &none);
        let words = Words { mode: Some(Mode::VerifyFull), ..none.clone() };
        check("postgres://u:p@h/db?sslmode=verify-full", "postgres://u:p@h/db", &words);
        check("postgres://h/db?ssl%6Dode=verify-full", "postgres://h/db", &words);
        // The last one counts, as in libpq.
        check("postgres://h?sslmode=disable&sslmode=verify-full", "postgres://h", &words);
        let words = Words {
            mode: Some(Mode::Require),
            root_cert: Some(RootCert::File("/a b/ca.pem".into())),
            certificate: Some("c.pem".into()),
            key: Some("k.pem".into()),
        };
        check(
            "postgres://h/db?user=a&sslrootcert=/a%20b/ca.pem&sslmode=require&port=1&sslcert=c.pem\
             &sslkey=k.pem&connect_timeout=3",
            "postgres://h/db?user=a&port=1&connect_timeout=3",
            &words,
        );
        let words = Words { root_cert: Some(RootCert::System), ..none };
        check("postgres://h/db?sslrootcert=system", "postgres://h/db", &words);
    }

    #[test]
    fn words_are_taken_out_of_pairs() {
        check("host=h  user=a", "host=h user=a", &Words::default());
        check(r"host=h password='it\'s = x'", r"host=h password='it\'s = x'", &Words::default());
        let words = Words {
            mode: Some(Mode::VerifyCa),
            root_cert: Some(RootCert::File("/a b's".into())),
            ..Words::default()
        };
        check(
            r"host = h sslmode = verify-ca user=a\ b sslrootcert='/a b\'s' port=1",
            r"host = h user=a\ b port=1",
            &words,
        );
    }

    #[track_caller]
    fn refused(text: &str, expect: &str) {
        let told = split(text).unwrap_err();
        assert!(told.contains(expect) && !told.contains("s3cret"), "{text}: {told}");
    }

    #[test]
    fn what_is_wrong_is_told_without_repeating_it() {
        let all = "disable, prefer, require, verify-ca, verify-full";
        for mode in ["allow", "s3cret", "Require", "verify_full"] {
            refused(&format!("postgres://h/db?sslmode={mode}"), all);
            refused(&format!("host=h sslmode={mode}"), all);
        }
        refused("postgres://h/db?sslmode=", "`sslmode` is empty");
        refused("postgres://h/db?sslrootcert&sslmode=require", "`sslrootcert` is empty");
        refused("postgres://a:s3cret@x@h/db", "%40");
        // Else it would be taken for the user, and TLS would be none of its words.
        refused("postgres://h/db?sslmode=verify-full&password=s3cret@x", "%40");
        refused("host=h password='s3cret", "pairs");
        refused("s3cret", "pairs");
    }
}
