use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use rustls::{ClientConfig, ClientConnection, ServerConnection, Stream};
use tempfile::TempDir;

use super::*;

fn pair() -> CertifiedKey<KeyPair> {
    generate_simple_self_signed(["localhost".to_owned()]).unwrap()
}

/// Files in a directory of their own.
fn files(of: &CertifiedKey<KeyPair>) -> (TempDir, TlsFiles) {
    let directory = tempfile::tempdir().unwrap();
    let files = TlsFiles {
        certificate: directory.path().join("cert.pem"),
        key: directory.path().join("key.pem"),
        client_ca: None,
    };
    std::fs::write(&files.certificate, of.cert.pem()).unwrap();
    std::fs::write(&files.key, of.signing_key.serialize_pem()).unwrap();
    (directory, files)
}

fn told<T>(outcome: anyhow::Result<T>) -> String {
    outcome.err().map(|error| format!("{error:#}")).unwrap_or_default()
}

#[test]
fn what_is_wrong_with_the_files_is_told() {
    let (_directory, good) = files(&pair());
    assert_eq!(told(good.read()), "");
    let nowhere = TlsFiles { certificate: "/nowhere/c.pem".into(), ..good.clone() };
    assert!(told(nowhere.read()).contains("/nowhere/c.pem"));
    let swapped = TlsFiles { certificate: good.key.clone(), ..good.clone() };
    assert!(told(swapped.read()).contains("holds no certificate"));
    let swapped = TlsFiles { key: good.certificate.clone(), ..good.clone() };
    assert!(told(swapped.read()).contains("holds no private key"));
    let (_directory, other) = files(&pair());
    let strange = told(TlsFiles { key: other.key, ..good.clone() }.read());
    assert!(strange.contains("is not that of the certificate"), "{strange}");
    std::fs::write(&good.key, "-----BEGIN PRIVATE KEY-----\nhunter2\n").unwrap();
    let told = told(good.read());
    assert!(told.contains("no private key") && !told.contains("hunter2"), "{told}");
}

#[test]
fn files_are_read_again_when_they_change() {
    let (_directory, files) = files(&pair());
    let mut watched = Watched::new(files.clone());
    assert!(watched.look().is_none());
    let new = pair();
    std::fs::write(&files.certificate, new.cert.pem()).unwrap();
    assert!(watched.look().expect("a change").is_err(), "the key doesn't fit yet");
    assert!(watched.look().is_none(), "the same is told once");
    std::fs::write(&files.key, new.signing_key.serialize_pem()).unwrap();
    assert!(watched.look().expect("a change").is_ok());
    assert!(watched.look().is_none());
    assert!(watched.read().is_ok());
}

/// The thumbprint that the server sees of a client with this certificate; an error where there is
/// no handshake.
fn shakes_hands(
    files: &TlsFiles,
    trusted: &CertifiedKey<KeyPair>,
    client: Option<&CertifiedKey<KeyPair>>,
) -> anyhow::Result<Option<Thumbprint>> {
    let server = Arc::new(files.read()?);
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let served = std::thread::spawn(move || -> anyhow::Result<Option<Thumbprint>> {
        let (mut socket, _) = listener.accept()?;
        let mut connection = ServerConnection::new(server)?;
        Stream::new(&mut connection, &mut socket).write_all(b"x")?;
        let mut byte = [0];
        Stream::new(&mut connection, &mut socket).read_exact(&mut byte)?;
        let shown = connection.peer_certificates().and_then(|chain| chain.first());
        Ok(shown.map(|first| Thumbprint(Sha256::digest(first).into())))
    });
    let mut roots = RootCertStore::empty();
    roots.add(trusted.cert.der().clone())?;
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    let config = match client {
        None => builder.with_no_client_auth(),
        Some(own) => builder.with_client_auth_cert(
            vec![own.cert.der().clone()],
            PrivateKeyDer::try_from(own.signing_key.serialize_der()).expect("a key"),
        )?,
    };
    let mut connection = ClientConnection::new(Arc::new(config), "localhost".try_into()?)?;
    let mut socket = TcpStream::connect(address)?;
    // An end that was refused hears of it at one of these; what counts is what the server saw.
    let mut stream = Stream::new(&mut connection, &mut socket);
    let mut byte = [0];
    let _ = stream.read_exact(&mut byte).and_then(|()| stream.write_all(b"y"));
    drop(socket);
    served.join().expect("no panic")
}

#[test]
fn r_oauth_05_client_certificates_are_seen_and_not_demanded() {
    let own = pair();
    let (_directory, mut files) = files(&own);
    let client = pair();
    let print = Thumbprint(Sha256::digest(client.cert.der()).into());
    assert_eq!(shakes_hands(&files, &own, None).unwrap(), None);
    assert_eq!(shakes_hands(&files, &own, Some(&client)).unwrap(), Some(print));

    // With authorities a certificate of none of them ends the handshake.
    files.client_ca = Some(files.certificate.clone());
    assert_eq!(shakes_hands(&files, &own, None).unwrap(), None);
    assert!(shakes_hands(&files, &own, Some(&client)).is_err());
}

#[test]
fn r_oauth_05_a_thumbprint_is_that_of_the_certificate_in_der() {
    let own = pair();
    let (_directory, files) = files(&own);
    let expect = Thumbprint(Sha256::digest(own.cert.der()).into());
    assert_eq!(thumbprint_in(&files.certificate).unwrap(), expect);
    assert!(told(thumbprint_in(&files.key)).contains("holds no certificate"));
}
