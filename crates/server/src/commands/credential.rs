//! Reads which credential `rollcall token create` is to make.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, anyhow, bail};
use rollcall_domain::{NewToken, Thumbprint, TokenKind, Trust};

use crate::cli::{NewTokenArgs, WhichKind};
use crate::tls;

/// The largest file with keys, in bytes.
const LARGEST: u64 = 1 << 20;

/// The credential that the flags ask for.
pub(super) fn new_token(args: &NewTokenArgs) -> anyhow::Result<NewToken> {
    Ok(NewToken {
        name: args.name.clone(),
        kind: kind(args)?,
        scopes: args.scope,
        expires: args.expires,
        certificate: args.certificate.as_deref().map(certificate).transpose()?,
        user: args.user.clone(),
    })
}

fn kind(args: &NewTokenArgs) -> anyhow::Result<TokenKind> {
    let trust = [&args.issuer, &args.subject, &args.audience, &args.jwks_uri];
    if args.kind != WhichKind::ClientKey && args.jwks.is_some() {
        bail!("--jwks goes with `--kind client-key` alone");
    }
    if args.kind != WhichKind::TrustedIssuer && trust.iter().any(|given| given.is_some()) {
        bail!(
            "--issuer, --subject, --audience and --jwks-uri go with `--kind trusted-issuer` alone"
        );
    }
    Ok(match args.kind {
        WhichKind::Bearer => TokenKind::Bearer,
        WhichKind::ClientSecret => TokenKind::ClientSecret,
        WhichKind::ClientKey => {
            let path = args.jwks.as_deref().ok_or_else(|| anyhow!("--jwks names no file"))?;
            let reading = || format!("reading {}", path.display());
            let text = read(path).with_context(reading)?;
            TokenKind::ClientKey { jwks: serde_json::from_slice(&text).with_context(reading)? }
        }
        WhichKind::TrustedIssuer => {
            let given = |text: &Option<String>| text.clone().unwrap_or_default();
            let [issuer, subject, audience, jwks_uri] = trust.map(given);
            TokenKind::TrustedIssuer(Trust { issuer, subject, audience, jwks_uri })
        }
    })
}

/// A thumbprint as it stands, in base64url or in hexadecimal with or without colons, or that of
/// the first certificate in a file (RFC 8705 §3.1).
fn certificate(text: &str) -> anyhow::Result<Thumbprint> {
    let path = Path::new(text);
    if path.is_file() {
        return tls::thumbprint_in(path);
    }
    if let Some(bytes) = hexadecimal(text) {
        return Ok(Thumbprint(bytes));
    }
    text.parse().map_err(|_| {
        anyhow!(
            "`{text}` is neither a file nor the SHA-256 of a certificate in base64url or \
             hexadecimal"
        )
    })
}

fn hexadecimal(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|c| *c != ':')
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()?;
    let pairs = digits.chunks_exact(2);
    let bytes = pairs.map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit));
    bytes.collect::<Vec<u8>>().try_into().ok().filter(|_| digits.len() == 64)
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LARGEST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command, TokenCommand};

    fn args(more: &[&str]) -> Result<NewTokenArgs, clap::Error> {
        let connection = format!("conn_{}", "0".repeat(32));
        let words = ["rollcall", "token", "create", "--connection", &connection];
        let cli = Cli::try_parse_from(words.iter().chain(more))?;
        match cli.command {
            Command::Token(token) => match token.command {
                TokenCommand::Create(args) => Ok(*args),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn flags_become_a_credential() {
        let new = new_token(&args(&["--scope", "users.write groups.read", "--name", "a"]).unwrap());
        let new = new.unwrap();
        assert_eq!(new.kind, TokenKind::Bearer);
        assert_eq!(new.scopes.unwrap().to_string(), "groups.read users.write");
        let trusting = [
            "--kind",
            "trusted-issuer",
            "--issuer",
            "i",
            "--subject",
            "s",
            "--audience",
            "a",
            "--jwks-uri",
            "https://x.test/keys",
        ];
        let TokenKind::TrustedIssuer(trust) = new_token(&args(&trusting).unwrap()).unwrap().kind
        else {
            panic!("another kind")
        };
        assert_eq!((&*trust.issuer, &*trust.subject, &*trust.audience), ("i", "s", "a"));
        assert_eq!(trust.jwks_uri, "https://x.test/keys");
    }

    #[test]
    fn flags_that_lack_something_are_told() {
        for more in [
            &["--kind", "client-key"][..],
            &["--kind", "trusted-issuer", "--issuer", "i"],
            &["--scope", "everything"],
            &["--expires", "soon"],
            &["--kind", "password"],
        ] {
            assert!(args(more).is_err(), "{more:?}");
        }
        for (more, hint) in [
            (&["--issuer", "i"][..], "trusted-issuer"),
            (&["--jwks", "/nowhere"], "client-key"),
            (&["--kind", "client-key", "--jwks", "/nowhere/x"], "/nowhere/x"),
            (&["--certificate", "abc"], "SHA-256"),
        ] {
            let told = new_token(&args(more).unwrap()).unwrap_err().to_string();
            assert!(told.contains(hint), "{more:?}: {told}");
        }
    }

    #[test]
    fn r_oauth_05_thumbprints_are_read_as_they_are_written() {
        let bytes: [u8; 32] = std::array::from_fn(|at| u8::try_from(at).unwrap() * 7);
        let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
        for text in [hex.join(":"), hex.concat(), Thumbprint(bytes).to_string()] {
            assert_eq!(certificate(&text).unwrap(), Thumbprint(bytes), "{text}");
        }
        assert!(certificate(&hex[1..].concat()).is_err());
    }
}
