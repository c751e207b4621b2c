//! TLS that the server ends itself: certificates that change while it runs, and credentials that
//! are bound to those of clients.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rollcall_tests::client::{Answer, Request};
use rollcall_tests::issuer::part;
use rollcall_tests::operator::text;
use rollcall_tests::program::{Serving, Site, fail, succeed};
use rollcall_tests::server::StoreKind;
use rollcall_tests::tls::{Authority, Identity, Secured};
use rollcall_tests::wait::until;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The files of a server's certificate.
struct Files {
    directory: TempDir,
}

impl Files {
    fn of(identity: &Identity) -> Self {
        let files = Self { directory: tempfile::tempdir().expect("a directory") };
        files.put(identity);
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn put(&self, identity: &Identity) {
        std::fs::write(self.path("cert.pem"), &identity.certificate).expect("it is written");
        std::fs::write(self.path("key.pem"), &identity.key).expect("it is written");
    }

    async fn serve(&self, site: &Site, more: &[&str]) -> Serving {
        let [cert, key] = ["cert.pem", "key.pem"].map(|name| shown(&self.path(name)));
        let args = [&["--tls-cert", &*cert, "--tls-key", &*key], more].concat();
        site.serve(&args, &[]).await
    }
}

fn shown(path: &Path) -> String {
    path.to_str().expect("a path is text").to_owned()
}

fn health() -> Request {
    Request::new("GET", "/healthz")
}

async fn sent(client: &Secured, request: Request) -> Answer {
    client.send(request).await.expect("it is answered").0
}

/// Waits until new sockets show this certificate.
async fn shows(client: &Secured, identity: &Identity) {
    until("the certificate is shown", async || {
        let (answer, shown) = client.send(health()).await.expect("it is answered all the time");
        answer.is(200);
        identity.is(&shown).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_read_again_without_a_restart() {
    let site = Site::new(StoreKind::Sqlite).await;
    let authority = Authority::new("ours");
    let [first, second, third] = [authority.server(), authority.server(), authority.server()];
    let files = Files::of(&first);
    let mut serving = files.serve(&site, &[]).await;
    let client = Secured::new(serving.address(), &authority, None);
    shows(&client, &first).await;
    // Nothing is answered in clear text, and nobody is believed whom somebody else vouches for.
    assert!(serving.client.try_send(health()).await.is_err());
    let stranger = Secured::new(serving.address(), &Authority::new("theirs"), None);
    assert!(stranger.send(health()).await.is_err());
    // By itself, within seconds.
    files.put(&second);
    shows(&client, &second).await;
    // At once where it is told to.
    files.put(&third);
    serving.program.hang_up().await;
    shows(&client, &third).await;
    // What doesn't fit together changes nothing.
    std::fs::write(files.path("key.pem"), &first.key).expect("it is written");
    serving.program.hang_up().await;
    serving.program.logs("WARN").await;
    shows(&client, &third).await;
    std::fs::write(files.path("cert.pem"), "nonsense").expect("it is written");
    serving.program.hang_up().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    shows(&client, &third).await;
    files.put(&first);
    shows(&client, &first).await;
    let outcome = serving.program.stop().await;
    assert!(!outcome.err.contains("PRIVATE KEY"), "the log shows a key");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_files_that_cannot_be_does_not_start() {
    let site = Site::new(StoreKind::Sqlite).await;
    let url = site.url();
    let authority = Authority::new("ours");
    let (one, other) = (authority.server(), authority.server());
    let files = Files::of(&one);
    std::fs::write(files.path("other.pem"), &other.key).expect("it is written");
    let at = |name: &str| shown(&files.path(name));
    for (cert, key, hint) in [
        (at("cert.pem"), at("other.pem"), "not that of the certificate"),
        (at("nothing.pem"), at("key.pem"), "nothing.pem"),
        (at("key.pem"), at("key.pem"), "no certificate"),
        (at("cert.pem"), at("cert.pem"), "no private key"),
    ] {
        let args = [
            "serve",
            "--database-url",
            &url,
            "--public-url",
            "https://x.test",
            "--listen",
            "127.0.0.1:0",
            "--tls-cert",
            &cert,
            "--tls-key",
            &key,
        ];
        let error = fail(&args, &[("ROLLCALL_KEY", rollcall_tests::program::KEY)]).await;
        assert!(error.contains(hint), "{hint}: {error}");
        assert!(!error.contains("PRIVATE KEY-----\nM"), "{error}");
    }
    let cert = at("cert.pem");
    let args =
        ["check", "--database-url", &url, "--public-url", "https://x.test", "--tls-cert", &cert];
    let error = fail(&args, &[]).await;
    assert!(error.contains("--tls-cert") && error.contains("tls_key"), "{error}");
}

/// A connection and a token of it that is bound to a certificate, as the command line makes them.
async fn bound(site: &Site, certificate: &Path, kind: &str) -> (String, Value) {
    let url = site.url();
    let made = ["connection", "create", "--database-url", &url, "--organization", "Acme"];
    let made = succeed(&[&made[..], &["--output", "json"]].concat(), &[]).await;
    let made: Value = serde_json::from_str(&made).expect("JSON");
    let id = text(&made, "connectionId");
    let certificate = shown(certificate);
    let token = ["token", "create", "--database-url", &url, "--connection", &id, "--kind", kind];
    let more = ["--certificate", &*certificate, "--output", "json"];
    let token = succeed(&[&token[..], &more].concat(), &[]).await;
    (id, serde_json::from_str(&token).expect("JSON"))
}

/// R-OAUTH-05: refused without its certificate, and with another one.
#[tokio::test(flavor = "multi_thread")]
async fn r_oauth_05_a_bound_token_is_good_with_its_certificate_alone() {
    for kind in [StoreKind::Sqlite, StoreKind::Postgres] {
        let site = Site::new(kind).await;
        let (authority, clients) = (Authority::new("ours"), Authority::new("of clients"));
        let files = Files::of(&authority.server());
        let (own, other) = (clients.client("own"), clients.client("other"));
        std::fs::write(files.path("client.pem"), &own.certificate).expect("it is written");
        let serving = files.serve(&site, &[]).await;
        let client = |shows| Secured::new(serving.address(), &authority, shows);
        let (with, without, otherwise) = (client(Some(&own)), client(None), client(Some(&other)));

        let (id, bearer) = bound(&site, &files.path("client.pem"), "bearer").await;
        assert_eq!(bearer["certificate"], json!(own.thumbprint()));
        let users = |token: &str| {
            let path = format!("/connections/{id}/scim/v2/Users");
            Request::new("GET", path).bearer(token)
        };
        let token = text(&bearer, "token");
        sent(&without, users(&token)).await.is(401);
        sent(&otherwise, users(&token)).await.is(401);
        sent(&with, users(&token)).await.is(200);
        // It was believed a moment ago, and still with its certificate alone.
        for refusing in [&without, &otherwise] {
            let refused = sent(refusing, users(&token)).await.is(401);
            let challenge = refused.header("www-authenticate").unwrap_or_default();
            assert!(challenge.contains("invalid_token"), "{refused}");
        }

        let (id, secret) = bound(&site, &files.path("client.pem"), "client-secret").await;
        let users = |token: &str| {
            let path = format!("/connections/{id}/scim/v2/Users");
            Request::new("GET", path).bearer(token)
        };
        let shown = text(&secret, "token");
        let ask = || {
            let fields = [
                ("grant_type", "client_credentials"),
                ("client_id", &*id),
                ("client_secret", &*shown),
            ];
            Request::new("POST", format!("/connections/{id}/oauth/token")).form(&fields)
        };
        sent(&without, ask()).await.is(401);
        sent(&otherwise, ask()).await.is(401);
        let granted = text(&sent(&with, ask()).await.is(200).json(), "access_token");
        assert_eq!(part(&granted, 1)["cnf"], json!({"x5t#S256": own.thumbprint()}));
        sent(&with, users(&granted)).await.is(200);
        sent(&without, users(&granted)).await.is(401);
        sent(&otherwise, users(&granted)).await.is(401);
        serving.program.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn client_certificates_come_from_the_authority_that_is_named() {
    let site = Site::new(StoreKind::Sqlite).await;
    let (authority, clients) = (Authority::new("ours"), Authority::new("of clients"));
    let files = Files::of(&authority.server());
    std::fs::write(files.path("ca.pem"), clients.pem()).expect("it is written");
    let ca = shown(&files.path("ca.pem"));
    let serving = files.serve(&site, &["--tls-client-ca", &ca]).await;
    let client = |shows| Secured::new(serving.address(), &authority, shows);
    let (own, stranger) = (clients.client("own"), Authority::new("theirs").client("own"));
    sent(&client(None), health()).await.is(200);
    sent(&client(Some(&own)), health()).await.is(200);
    assert!(client(Some(&stranger)).send(health()).await.is_err());
    serving.program.stop().await;
}
