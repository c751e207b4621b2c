//! TLS to a real PostgreSQL: what each word of the URL comes to, against a server that speaks TLS
//! and one that doesn't, and what is said when it goes wrong.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use diesel::sql_types::{BigInt, Bool, Nullable};
use diesel_async::RunQueryDsl as _;
use futures_util::future::join_all;
use rollcall_domain::Store as _;
use rollcall_postgres::{ConnectError, Exposure, Postgres};
use rollcall_tests::own_postgres::OwnPostgres;
use rollcall_tests::program::{KEY, Program, fail, succeed};
use rollcall_tests::tls::Authority;
use tokio::sync::OnceCell;

/// The server of these tests, with the files that they name.
struct Place {
    server: OwnPostgres,
    ours: PathBuf,
    theirs: PathBuf,
}

async fn place() -> &'static Place {
    static PLACE: OnceCell<Place> = OnceCell::const_new();
    PLACE.get_or_init(make_place).await
}

async fn make_place() -> Place {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let clients = Authority::new("clients");
    let server = OwnPostgres::start(&ours.server(), &clients).await;
    let put = |name: &str, text: &str| {
        let path = server.directory.join(name);
        std::fs::write(&path, text).expect("it is written");
        path
    };
    for (name, authority) in [("known", &clients), ("stranger", &theirs)] {
        let identity = authority.client("certified");
        put(&format!("{name}.pem"), &identity.certificate);
        put(&format!("{name}.key"), &identity.key);
    }
    let (ours, theirs) = (put("ours.pem", &ours.pem()), put("theirs.pem", &theirs.pem()));
    Place { server, ours, theirs }
}

impl Place {
    /// A URL with words behind it, in which `OURS` and `THEIRS` are files of authorities.
    fn url(&self, user: &str, host: &str, port: u32, words: &str) -> String {
        let words = words
            .replace("OURS", shown(&self.ours))
            .replace("THEIRS", shown(&self.theirs))
            .replace("FILES", shown(&self.server.directory));
        format!("postgres://{user}:{user}@{host}:{port}/postgres?{words}")
    }

    /// How many connections of this name there are, and whether all of them are encrypted.
    async fn connections(&self, name: &str) -> (i64, Option<bool>) {
        let select = |what: &str| {
            format!(
                "(select {what} from pg_stat_ssl join pg_stat_activity using (pid) \
                 where application_name = '{name}')"
            )
        };
        let query = diesel::select((
            diesel::dsl::sql::<BigInt>(&select("count(*)")),
            diesel::dsl::sql::<Nullable<Bool>>(&select("bool_and(ssl)")),
        ));
        let mut superuser = self.server.superuser().await;
        query.get_result(&mut superuser).await.expect("it is answered")
    }

    /// Connects, and says whether the server sees TLS.
    async fn connect(
        &self,
        user: &str,
        host: &str,
        port: u32,
        words: &str,
    ) -> Result<(bool, Option<Exposure>), ConnectError> {
        let name = fresh_name();
        let words = format!("application_name={name}&{words}");
        let store = Postgres::connect(&self.url(user, host, port, &words), 1).await?;
        store.ready().await.expect("the server is there");
        let (count, encrypted) = self.connections(&name).await;
        assert!(count > 0, "{words}");
        Ok((encrypted.expect("there are some"), store.exposure()))
    }
}

fn shown(path: &Path) -> &str {
    path.to_str().expect("a path is text")
}

fn fresh_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("rollcall-tls-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

#[derive(Clone, Copy)]
enum Expect {
    Encrypted,
    InClearText,
    Refused(&'static str),
}

use Expect::{Encrypted, InClearText, Refused};

#[track_caller]
fn check(words: &str, outcome: Result<(bool, Option<Exposure>), ConnectError>, expect: Expect) {
    match (outcome, expect) {
        (Ok((true, _)), Encrypted) | (Ok((false, _)), InClearText) => {}
        (Err(error), Refused(part)) => {
            let told = error.to_string();
            assert!(told.contains(part) && told.contains("app@"), "{words}: {told}");
        }
        (outcome, _) => panic!("{words}: {outcome:?}"),
    }
}

const UNKNOWN: &str = "comes from no authority in";

#[tokio::test(flavor = "multi_thread")]
async fn each_mode_is_what_it_is_in_libpq() {
    let place = place().await;
    let plain = u32::from(place.server.in_clear_text().await);
    let addressed = "hostaddr=127.0.0.1&sslmode=verify-full&sslrootcert=OURS";
    for (host, words, expect) in [
        ("localhost", "", Encrypted),
        ("localhost", "sslmode=disable", InClearText),
        ("localhost", "sslmode=prefer", Encrypted),
        ("localhost", "sslmode=require", Encrypted),
        ("127.0.0.1", "sslmode=require&sslrootcert=OURS", Encrypted),
        ("localhost", "sslmode=require&sslrootcert=THEIRS", Refused(UNKNOWN)),
        ("127.0.0.1", "sslmode=verify-ca&sslrootcert=OURS", Encrypted),
        ("localhost", "sslmode=verify-ca&sslrootcert=THEIRS", Refused(UNKNOWN)),
        ("localhost", "sslmode=verify-full&sslrootcert=OURS", Encrypted),
        ("localhost", "sslmode=verify-full&sslrootcert=THEIRS", Refused(UNKNOWN)),
        // The certificate is for `localhost` alone.
        ("127.0.0.1", "sslmode=verify-full&sslrootcert=OURS", Refused("\"localhost\"")),
        ("db.test", addressed, Refused("\"db.test\"")),
        ("localhost", addressed, Encrypted),
    ] {
        check(words, place.connect("app", host, place.server.port, words).await, expect);
        let insists = words.contains("require") || words.contains("verify");
        let expect = if insists { Refused("offers no TLS") } else { InClearText };
        check(words, place.connect("app", host, plain, words).await, expect);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_connection_of_a_pool_is_encrypted() {
    let place = place().await;
    let name = fresh_name();
    let words = format!("application_name={name}&sslmode=verify-full&sslrootcert=OURS");
    let url = place.url("app", "localhost", place.server.port, &words);
    let store = Postgres::connect(&url, 6).await.expect("it connects");
    let asked = join_all((0..60).map(|_| store.ready())).await;
    assert!(asked.iter().all(Result::is_ok), "{asked:?}");
    let (count, encrypted) = place.connections(&name).await;
    assert!(count >= 6 && encrypted == Some(true), "{count} {encrypted:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pairs_say_the_same_as_a_url() {
    let place = place().await;
    let (name, port) = (fresh_name(), place.server.port);
    let pairs = |authority: &Path| {
        format!(
            "host=localhost port={port} user=app password=app dbname=postgres sslmode=verify-full \
             sslrootcert='{}' application_name={name}",
            authority.display()
        )
    };
    let store = Postgres::connect(&pairs(&place.ours), 1).await.expect("it connects");
    assert_eq!(place.connections(&name).await.1, Some(true));
    drop(store);
    assert!(Postgres::connect(&pairs(&place.theirs), 1).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn channels_are_bound() {
    let place = place().await;
    let port = place.server.port;
    let plain = u32::from(place.server.in_clear_text().await);
    let bound = "channel_binding=require";
    for words in ["", "&sslmode=require", "&sslmode=verify-full&sslrootcert=OURS"] {
        let words = format!("{bound}{words}");
        check(&words, place.connect("app", "localhost", port, &words).await, Encrypted);
    }
    let outcome = place.connect("app", "localhost", plain, bound).await;
    check(bound, outcome, Refused("channel binding"));
    let words = "channel_binding=disable&sslmode=require";
    check(words, place.connect("app", "localhost", port, words).await, Encrypted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_lets_nobody_in_over_tls_is_spoken_to_without_under_prefer() {
    let place = place().await;
    let port = place.server.port;
    let outcome = place.connect("clear", "localhost", port, "").await;
    assert!(!outcome.expect("it connects").0);
    let outcome = place.connect("clear", "localhost", port, "sslmode=require").await;
    let told = outcome.expect_err("it insists").to_string();
    assert!(told.contains("no pg_hba.conf entry"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_show_a_certificate() {
    let place = place().await;
    let certified = async |words: &str| {
        let words = format!("sslmode=verify-full&sslrootcert=OURS{words}");
        place.connect("certified", "localhost", place.server.port, &words).await
    };
    let known = certified("&sslcert=FILES/known.pem&sslkey=FILES/known.key").await;
    assert!(known.expect("it connects").0);
    let told = certified("").await.expect_err("there is none").to_string();
    assert!(told.contains("certificate"), "{told}");
    let stranger = certified("&sslcert=FILES/stranger.pem&sslkey=FILES/stranger.key").await;
    assert!(stranger.is_err());
}

/// `0.0.0.0` leads to this machine and isn't known to.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_connection_elsewhere_is_open_to_is_known() {
    let place = place().await;
    let plain = u32::from(place.server.in_clear_text().await);
    for (host, port, words, expect) in [
        ("0.0.0.0", plain, "", Some(Exposure::ClearText)),
        ("0.0.0.0", place.server.port, "sslmode=disable", Some(Exposure::ClearText)),
        ("0.0.0.0", place.server.port, "", Some(Exposure::Unverified)),
        ("0.0.0.0", place.server.port, "sslmode=require", Some(Exposure::Unverified)),
        ("0.0.0.0", place.server.port, "sslmode=verify-ca&sslrootcert=OURS", None),
        ("0.0.0.0", place.server.port, "channel_binding=require", None),
        ("127.0.0.1", plain, "", None),
    ] {
        let outcome = place.connect("app", host, port, words).await.expect("it connects");
        assert_eq!(outcome.1, expect, "{host} {words}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_checks_the_words_and_connects_to_nothing() {
    let check = async |words: &str| {
        let url = format!("postgres://app:s3cret@db.invalid/rollcall?{words}");
        let args = ["check", "--database-url", &url, "--public-url", "https://scim.test"];
        let told = fail(&args, &[("ROLLCALL_KEY", KEY)]).await;
        assert!(told.contains("--database-url") && !told.contains("s3cret"), "{told}");
        told
    };
    let told = check("sslmode=allow").await;
    assert!(told.contains("disable, prefer, require, verify-ca, verify-full"), "{told}");
    let told = check("sslmode=verify-full&sslrootcert=/nonexistent/ca.pem").await;
    assert!(told.contains("/nonexistent/ca.pem"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_trusts_whom_the_system_trusts() {
    let place = place().await;
    place.server.run("create database by_system").await;
    let url = place.url("app", "localhost", place.server.port, "sslmode=verify-full");
    let url = url.replace("/postgres?", "/by_system?");
    let args = ["migrate", "--database-url", &url];
    let done = succeed(&args, &[("SSL_CERT_FILE", shown(&place.ours))]).await;
    assert!(done.contains("up to date"), "{done}");
    let told = fail(&args, &[("SSL_CERT_FILE", shown(&place.theirs))]).await;
    assert!(told.contains("no authority that this system trusts"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_warns_once_of_what_is_not_verified() {
    let place = place().await;
    place.server.run("create database served").await;
    let verified = "hostaddr=0.0.0.0&sslmode=verify-full&sslrootcert=OURS";
    for (host, words, times) in [("0.0.0.0", "sslmode=require", 1), ("localhost", verified, 0)] {
        let url = place.url("app", host, place.server.port, words);
        let url = url.replace("/postgres?", "/served?");
        let args = ["serve", "--database-url", &url, "--listen", "127.0.0.1:0"];
        let args = [&args[..], &["--public-url", "https://scim.test"]].concat();
        let mut program = Program::start(&args, &[("ROLLCALL_KEY", KEY)]);
        program.logs("listening").await;
        let log = program.stop().await.err;
        let warned = log.lines().filter(|line| line.contains("sslmode=verify-full"));
        assert_eq!(warned.count(), times, "{words}: {log}");
    }
}
