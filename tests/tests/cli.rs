//! The program as an operator meets it: the real binary, its flags, files, signals and words.

use std::time::{Duration, Instant};

use rollcall_tests::client::{Answer, Client, Request, SCIM_JSON};
use rollcall_tests::data::USER;
use rollcall_tests::program::{Program, Serving, Site, address, fail, run, succeed};
use rollcall_tests::server::StoreKind;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const LONG: &str = "bootstrap-0123456789abcdefghijklmnop";
const OTHER: &str = "bootstrap-zyxwvutsrqponmlkjihgfedcba9876";

fn user(name: &str) -> Value {
    json!({"schemas": [USER], "userName": name})
}

async fn get(client: &Client, path: &str, token: &str) -> Answer {
    client.send(Request::new("GET", path).bearer(token)).await
}

/// The word behind `name` on the line that begins with it.
fn told(out: &str, name: &str) -> String {
    let line = out.lines().find_map(|line| line.trim_start().strip_prefix(name));
    line.unwrap_or_else(|| panic!("no `{name}` in:\n{out}")).trim().to_owned()
}

/// Splits a base URL into where to connect and what to ask for.
fn split(url: &str) -> (String, String) {
    let rest = url.strip_prefix("http://").expect("a URL to try at once");
    let (host, path) = rest.split_once('/').expect("a path");
    (format!("http://{host}"), format!("/{path}"))
}

/// The words between the single quotes of what is printed to be pasted.
fn quoted(out: &str) -> Vec<String> {
    out.split('\'').skip(1).step_by(2).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn dev_starts_at_once_and_keeps_its_data() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("deep/rollcall-data");
    let data = data.to_str().unwrap();
    let args = ["dev", "--listen", "127.0.0.1:0", "--data-dir", data];

    let mut first = Program::start(&args, &[]);
    let out = first.says("count=1").await;
    let (origin, base) = split(&told(&out, "SCIM base URL"));
    let token = told(&out, "token");
    let client = Client::new(origin);
    // What is printed for curl works as it stands.
    let printed = quoted(&out);
    let header = printed.iter().find_map(|word| word.strip_prefix("Authorization: "));
    let url = printed.iter().find(|word| word.starts_with("http://")).expect("a URL for curl");
    let (_, path) = split(url);
    let request = Request::new("GET", path).header("authorization", header.expect("a header"));
    assert_eq!(client.send(request).await.is(200).json()["totalResults"], 0);
    assert!(header.unwrap().ends_with(&token));
    let post = Request::new("POST", format!("{base}/Users")).bearer(&token).json(&user("ada"));
    let location = client.send(post).await.is(201);
    let location = location.header("location").expect("a Location").to_owned();
    assert!(location.starts_with(client.origin()), "{location}");
    first.stop().await;

    let mut second = Program::start(&args, &[("ROLLCALL_LISTEN", "nonsense")]);
    let out = second.says("--connection").await;
    assert!(!out.contains(&token), "a token is shown once");
    let (origin, base) = split(&told(&out, "SCIM base URL"));
    let client = Client::new(origin);
    let list = get(&client, &format!("{base}/Users"), &token).await.is(200).json();
    assert_eq!(list["Resources"][0]["userName"], "ada");
    // The command that it prints makes a token that the running server takes.
    let command = out.split("rollcall token create").nth(1).expect("a command").replace('\\', " ");
    let words: Vec<&str> =
        ["token", "create"].into_iter().chain(command.split_whitespace()).collect();
    let made = succeed(&words, &[]).await;
    let fresh = told(&made, "token ");
    get(&client, &format!("{base}/Users"), &fresh).await.is(200);
    get(&client, &format!("{base}/Users"), &token).await.is(200);
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_come_from_the_file_then_the_environment_then_flags() {
    let site = Site::new(StoreKind::Sqlite).await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("rollcall.toml");
    let text = format!(
        "database_url = \"{}\"\npublic_url = \"https://file.test\"\nmount = \"/from/file\"\n\
         listen = \"127.0.0.1:1\"\nbody_limit = 2048\n",
        site.url()
    );
    std::fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    let args = ["serve", "--config", file, "--mount", "/api/auth"];
    let variables = [
        ("ROLLCALL_LISTEN", "127.0.0.1:0"),
        ("ROLLCALL_PUBLIC_URL", "https://environment.test/"),
        ("ROLLCALL_SCIM_TOKEN", LONG),
        ("ROLLCALL_MOUNT", "/from/environment"),
        ("ROLLCALL_LOG_FORMAT", "json"),
    ];
    let mut program = Program::start(&args, &variables);
    let log = program.logs("listening").await;
    assert!(log.lines().all(|line| line.starts_with('{')), "{log}");
    assert!(!log.contains(LONG), "the log shows a token");
    let client = Client::new(format!("http://{}", address(&log, "listening")));
    let users = "/api/auth/scim/v2/Users";
    let made =
        client.send(Request::new("POST", users).bearer(LONG).json(&user("ada"))).await.is(201);
    let location = made.header("location").unwrap();
    assert!(
        location.starts_with("https://environment.test/api/auth/connections/conn_"),
        "{location}"
    );
    get(&client, "/scim/v2/Users", LONG).await.is(404);
    let large = format!("{{\"userName\":\"{}\"}}", "x".repeat(2048));
    let large =
        Request::new("POST", users).bearer(LONG).header("content-type", SCIM_JSON).body(large);
    client.send(large).await.refused(413, "");
    // Health stays where probes look for it.
    client.send(Request::new("GET", "/healthz")).await.is(200);
    program.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bootstrap_token_opens_one_connection() {
    for kind in [StoreKind::Sqlite, StoreKind::Postgres] {
        let site = Site::new(kind).await;
        let url = site.url();
        let serve = [
            "serve",
            "--database-url",
            &url,
            "--listen",
            "127.0.0.1:0",
            "--public-url",
            "https://x.test",
        ];
        let error = fail(&serve, &[("ROLLCALL_SCIM_TOKEN", "too-short-to-be-secret")]).await;
        assert!(error.contains("ROLLCALL_SCIM_TOKEN") && error.contains("32"), "{error}");
        assert!(!error.contains("too-short-to-be-secret"), "{error}");

        let first = site.serve(&[], &[("ROLLCALL_SCIM_TOKEN", LONG)]).await;
        let post = Request::new("POST", "/scim/v2/Users").bearer(LONG).json(&user("ada"));
        first.client.send(post).await.is(201);
        first.program.stop().await;

        // The same value again: the same connection, the same data.
        let again = site.serve(&[], &[("ROLLCALL_SCIM_TOKEN", LONG)]).await;
        let list = get(&again.client, "/scim/v2/Users", LONG).await.is(200).json();
        assert_eq!(list["totalResults"], 1, "{kind:?}");
        again.program.stop().await;

        // A changed value replaces the old one.
        let changed = site.serve(&[], &[("ROLLCALL_SCIM_TOKEN", OTHER)]).await;
        get(&changed.client, "/scim/v2/Users", LONG).await.refused(401, "");
        let list = get(&changed.client, "/scim/v2/Users", OTHER).await.is(200).json();
        assert_eq!(list["totalResults"], 1, "{kind:?}");
        changed.program.stop().await;

        let listed =
            succeed(&["connection", "list", "--database-url", &url, "--output", "json"], &[]).await;
        let listed: Value = serde_json::from_str(&listed).unwrap();
        assert_eq!(listed.as_array().map(Vec::len), Some(1), "{listed}");
        assert_eq!(
            (&listed[0]["organization"], &listed[0]["name"]),
            (&json!("default"), &json!("bootstrap"))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_names_the_source_of_each_bad_value() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("rollcall.toml");
    std::fs::write(&file, "listen = \"nowhere\"\nmount = \"/ok\"\n").unwrap();
    let path = file.to_str().unwrap();
    let variables =
        [("ROLLCALL_PUBLIC_URL", "scim.example.com"), ("DATABASE_URL", "mysql://u:hunter2@db")];
    let args = ["check", "--config", path, "--pool-size", "none"];
    let error = fail(&args, &variables).await;
    for source in [path, "`listen`", "ROLLCALL_PUBLIC_URL", "DATABASE_URL", "--pool-size"] {
        assert!(error.contains(source), "`{source}` is not named:\n{error}");
    }
    assert!(!error.contains("hunter2"), "{error}");

    std::fs::write(&file, "nonsense = 1\n").unwrap();
    let error = fail(&["check", "--config", path], &[]).await;
    assert!(error.contains("nonsense") && error.contains("database_url"), "{error}");
    let error = fail(&["check", "--config", "/nowhere/at/all.toml"], &[]).await;
    assert!(error.contains("/nowhere/at/all.toml"), "{error}");
    let error = fail(&["check"], &[]).await;
    assert!(error.contains("--database-url") && error.contains("--public-url"), "{error}");

    let good = [
        "check",
        "--database-url",
        "sqlite:/tmp/never-opened.db",
        "--public-url",
        "https://x.test",
    ];
    let out = succeed(&good, &[]).await;
    assert!(out.contains("valid"), "{out}");
    assert!(!std::path::Path::new("/tmp/never-opened.db").exists());
}

async fn create(url: &str, organization: &str) -> Value {
    let args = ["connection", "create", "--database-url", url, "--organization", organization];
    let more = ["--idp", "okta", "--public-url", "https://scim.example.test", "--output", "json"];
    let args: Vec<&str> = args.into_iter().chain(more).collect();
    serde_json::from_str(&succeed(&args, &[]).await).expect("JSON and nothing else")
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_and_tokens_are_made_beside_a_running_server() {
    for kind in [StoreKind::Sqlite, StoreKind::Postgres] {
        let site = Site::new(kind).await;
        let url = site.url();
        let early = create(&url, "Acme").await;
        let serving = site.serve(&[], &[]).await;
        let late = create(&url, "Acme").await;
        let other = create(&url, "Other").await;
        for made in [&early, &late, &other] {
            works_with_exactly_these_fields(&serving, made).await;
        }
        assert_eq!(early["organizationId"], late["organizationId"]);
        assert_ne!(early["organizationId"], other["organizationId"]);
        assert_ne!(early["connectionId"], late["connectionId"]);
        revoked_within_seconds(&serving, &url, &late).await;
        serving.program.stop().await;
    }
}

async fn works_with_exactly_these_fields(serving: &Serving, made: &Value) {
    let mut keys: Vec<&str> = made.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["basePath", "baseUrl", "connectionId", "organizationId", "token"]);
    let text = |key: &str| made[key].as_str().unwrap_or_default().to_owned();
    let path = format!("/connections/{}/scim/v2", text("connectionId"));
    assert_eq!(text("basePath"), path);
    assert_eq!(text("baseUrl"), format!("https://scim.example.test{path}"));
    assert!(text("organizationId").starts_with("org_"));
    let post =
        Request::new("POST", format!("{path}/Users")).bearer(&text("token")).json(&user("ada"));
    let posted = serving.client.send(post).await.is(201);
    assert!(posted.header("location").unwrap().starts_with(&text("baseUrl")));
}

async fn revoked_within_seconds(serving: &Serving, url: &str, made: &Value) {
    let connection = made["connectionId"].as_str().unwrap();
    let first = made["token"].as_str().unwrap();
    let of = ["--database-url", url, "--connection", connection, "--output", "json"];
    let args: Vec<&str> = ["token", "create"].into_iter().chain(of).collect();
    let minted: Value = serde_json::from_str(&succeed(&args, &[]).await).unwrap();
    let second = minted["token"].as_str().unwrap();
    let users = format!("/connections/{connection}/scim/v2/Users");
    get(&serving.client, &users, second).await.is(200);

    let args: Vec<&str> = ["token", "list"].into_iter().chain(of).collect();
    let listed: Value = serde_json::from_str(&succeed(&args, &[]).await).unwrap();
    assert_eq!(listed.as_array().map(Vec::len), Some(2));
    assert!(!listed.to_string().contains(second) && !listed.to_string().contains(first));

    let id = minted["tokenId"].as_str().unwrap();
    succeed(&["token", "revoke", "--database-url", url, "--token", id], &[]).await;
    let began = Instant::now();
    while get(&serving.client, &users, second).await.status != 401 {
        assert!(began.elapsed() < Duration::from_secs(3), "the token still works");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    get(&serving.client, &users, first).await.is(200);
    let error = fail(&["token", "revoke", "--database-url", url, "--token", id], &[]).await;
    assert!(error.contains("token list"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_helps_with_an_example() {
    for command in [
        vec![],
        vec!["dev"],
        vec!["serve"],
        vec!["check"],
        vec!["migrate"],
        vec!["connection"],
        vec!["connection", "create"],
        vec!["connection", "list"],
        vec!["connection", "show"],
        vec!["connection", "configure"],
        vec!["schema"],
        vec!["schema", "add"],
        vec!["schema", "list"],
        vec!["schema", "remove"],
        vec!["schema", "packs"],
        vec!["key"],
        vec!["key", "create"],
        vec!["token"],
        vec!["token", "create"],
        vec!["token", "list"],
        vec!["token", "revoke"],
    ] {
        let args: Vec<&str> = command.iter().copied().chain(["--help"]).collect();
        let out = succeed(&args, &[]).await;
        assert!(out.contains("Example") && out.contains("rollcall "), "{command:?}:\n{out}");
        // No command is left out of the list above.
        let listed = out.split("Commands:").nth(1).unwrap_or_default();
        for line in listed.lines().skip(1).take_while(|line| line.starts_with("  ")) {
            let name = line.split_whitespace().next().unwrap_or_default();
            let known = [
                "dev",
                "serve",
                "check",
                "migrate",
                "connection",
                "schema",
                "key",
                "token",
                "create",
                "list",
                "show",
                "configure",
                "add",
                "remove",
                "packs",
                "revoke",
                "help",
            ];
            assert!(known.contains(&name), "{name} is new: show that it helps");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_say_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", directory.path().join("x.sqlite3").display());
    let unknown = "conn_00000000000070008000000000000000";
    for (args, hint) in [
        (vec!["connection", "list"], "--database-url"),
        (vec!["serve", "--database-url", &url], "--public-url"),
        (
            vec![
                "connection",
                "create",
                "--database-url",
                &url,
                "--organization",
                "A",
                "--idp",
                "nope",
            ],
            "okta",
        ),
        (vec!["connection", "create", "--database-url", &url, "--organization", " "], "name"),
        (
            vec!["token", "create", "--database-url", &url, "--connection", unknown],
            "connection list",
        ),
        (vec!["token", "create", "--database-url", &url, "--connection", "x"], "x"),
        (vec!["migrate", "--database-url", "postgres://127.0.0.1:1/none"], "127.0.0.1"),
        (vec!["migrate", "--database-url", "sqlite:/proc/none/x.db"], "/proc/none"),
        (vec!["dev", "--data-dir", "/proc/none"], "/proc/none"),
    ] {
        let error = fail(&args, &[]).await;
        assert!(error.contains(hint), "{args:?}: {error}");
        assert!(!error.contains("panicked"), "{args:?}: {error}");
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let data = directory.path().join("data");
    let args = ["dev", "--listen", &address, "--data-dir", data.to_str().unwrap()];
    let error = fail(&args, &[]).await;
    assert!(error.contains(&address) && error.contains("--listen"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn migrate_runs_by_itself_and_twice() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", directory.path().join("x.sqlite3").display());
    for _ in 0..2 {
        let out = succeed(&["migrate", "--database-url", &url], &[]).await;
        assert!(out.contains("up to date"), "{out}");
    }
    let database = rollcall_tests::postgres::database().await;
    for _ in 0..2 {
        succeed(&["migrate", "--database-url", &database.url], &[]).await;
    }
}

/// SIGTERM with half a body on the wire: the request ends with 201, then the server does.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_in_flight_ends_before_the_server_does() {
    for kind in [StoreKind::Sqlite, StoreKind::Postgres] {
        let site = Site::new(kind).await;
        let serving = site.serve(&[], &[("ROLLCALL_SCIM_TOKEN", LONG)]).await;
        let address = serving.client.origin().trim_start_matches("http://").to_owned();
        let body = user("late").to_string();
        let (half, rest) = body.split_at(body.len() / 2);
        let mut socket = TcpStream::connect(&address).await.unwrap();
        let head = format!(
            "POST /scim/v2/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {LONG}\r\n\
             Content-Type: {SCIM_JSON}\r\nContent-Length: {}\r\n\r\n{half}",
            body.len()
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        // The server has the first half once it answers somebody who came later.
        get(&serving.client, "/scim/v2/Users?count=0", LONG).await.is(200);
        tokio::time::sleep(Duration::from_millis(100)).await;
        let Serving { mut program, .. } = serving;
        program.terminate().await;
        program.logs("told to stop").await;
        // New connections are refused while the old one is served.
        let began = Instant::now();
        while TcpStream::connect(&address).await.is_ok() {
            assert!(began.elapsed() < Duration::from_secs(5), "it still accepts");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        socket.write_all(rest.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(10), socket.read_to_end(&mut answer));
        read.await.expect("an answer").unwrap();
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with("HTTP/1.1 201"), "{kind:?}: {answer}");
        let outcome = program.ends().await;
        assert!(outcome.status.success(), "{outcome:?}");

        let again = site.serve(&[], &[("ROLLCALL_SCIM_TOKEN", LONG)]).await;
        let list = get(&again.client, "/scim/v2/Users", LONG).await.is(200).json();
        assert_eq!(list["Resources"][0]["userName"], "late");
        again.program.stop().await;
    }
}

/// The server ends in time although somebody never does.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_never_ends_is_not_waited_for_forever() {
    let site = Site::new(StoreKind::Sqlite).await;
    let serving = site.serve(&["--drain-seconds", "1"], &[("ROLLCALL_SCIM_TOKEN", LONG)]).await;
    let address = serving.client.origin().trim_start_matches("http://").to_owned();
    let mut socket = TcpStream::connect(&address).await.unwrap();
    let head = format!(
        "POST /scim/v2/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {LONG}\r\nContent-Length: 9\r\n\r\n{{"
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    get(&serving.client, "/scim/v2/Users?count=0", LONG).await.is(200);
    let began = Instant::now();
    serving.program.terminate().await;
    let outcome = serving.program.ends().await;
    assert!(outcome.status.success(), "{outcome:?}");
    assert!(began.elapsed() < Duration::from_secs(10), "it took {:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_see_health_readiness_and_metrics() {
    let site = Site::new(StoreKind::Sqlite).await;
    let url = site.url();
    let made = create(&url, "Very Special Customer").await;
    let mut serving = site.serve(&["--metrics-listen", "127.0.0.1:0"], &[]).await;
    let log = serving.program.logs("serving health and metrics").await;
    let operators = Client::new(format!("http://{}", address(&log, "serving health and metrics")));
    let users = format!("{}/Users", made["basePath"].as_str().unwrap());
    let token = made["token"].as_str().unwrap();
    get(&serving.client, &users, token).await.is(200);
    get(&serving.client, &users, "nonsense").await.is(401);
    for path in ["/healthz", "/readyz"] {
        operators.send(Request::new("GET", path)).await.is(200);
        serving.client.send(Request::new("GET", path)).await.is(200);
    }
    let metrics = operators.send(Request::new("GET", "/metrics")).await.is(200);
    let metrics = String::from_utf8_lossy(&metrics.body).into_owned();
    assert!(
        metrics.contains("# TYPE") && metrics.contains("200") && metrics.contains("401"),
        "{metrics}"
    );
    for secret in [
        token,
        "Very Special",
        made["connectionId"].as_str().unwrap(),
        made["organizationId"].as_str().unwrap(),
    ] {
        assert!(!metrics.contains(secret), "metrics name `{secret}`");
    }
    // SCIM is not served where operators look.
    assert_eq!(get(&operators, &users, token).await.status, 404);
    serving.program.stop().await;

    // Without a listener of their own they are beside SCIM.
    let serving = site.serve(&[], &[]).await;
    serving.client.send(Request::new("GET", "/metrics")).await.is(200);
    serving.program.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn http2_is_spoken_in_clear_text() {
    let site = Site::new(StoreKind::Sqlite).await;
    let serving = site.serve(&[], &[("ROLLCALL_SCIM_TOKEN", LONG)]).await;
    let client = Client::http2(serving.client.origin());
    let posts = (0..20).map(|n| {
        let body = user(&format!("u{n}"));
        let client = client.clone();
        async move {
            let post = Request::new("POST", "/scim/v2/Users").bearer(LONG).json(&body);
            client.send(post).await.is(201)
        }
    });
    futures_util::future::join_all(posts).await;
    let list = get(&client, "/scim/v2/Users", LONG).await.is(200).json();
    assert_eq!(list["totalResults"], 20);
    serving.program.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn discovery_opens_by_a_setting() {
    let site = Site::new(StoreKind::Sqlite).await;
    let closed = site.serve(&[], &[]).await;
    let config = || Request::new("GET", "/scim/v2/ServiceProviderConfig");
    closed.client.send(config()).await.refused(401, "");
    closed.program.stop().await;
    let open = site.serve(&["--open-discovery", "true"], &[]).await;
    open.client.send(config()).await.is(200);
    open.client.send(Request::new("GET", "/scim/v2/Users")).await.refused(401, "");
    open.program.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_share_one_postgres() {
    let site = Site::new(StoreKind::Postgres).await;
    let a = site.serve(&[], &[("ROLLCALL_SCIM_TOKEN", LONG)]).await;
    let b = site.serve(&[], &[("ROLLCALL_SCIM_TOKEN", LONG)]).await;
    let post = Request::new("POST", "/scim/v2/Users").bearer(LONG).json(&user("ada"));
    a.client.send(post.clone()).await.is(201);
    b.client.send(post).await.refused(409, "uniqueness");
    assert_eq!(get(&b.client, "/scim/v2/Users", LONG).await.is(200).json()["totalResults"], 1);
    let outcome = run(&["connection", "list", "--database-url", &site.url()], &[]).await;
    assert!(outcome.out.contains("bootstrap"), "{outcome:?}");
    a.program.stop().await;
    b.program.stop().await;
}

/// What `rollcall connection create` made.
struct Made {
    url: String,
    connection: String,
    base: String,
    token: String,
}

impl Made {
    async fn new(url: &str) -> Self {
        let made = create(url, "Acme").await;
        let text = |key: &str| made[key].as_str().expect("a text").to_owned();
        let (connection, base, token) = (text("connectionId"), text("basePath"), text("token"));
        Self { url: url.into(), connection, base, token }
    }

    /// A command about this connection: `connection show` with what stands behind it.
    fn args<'a>(&'a self, command: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        let of = ["--database-url", &self.url, "--connection", &self.connection];
        command.split(' ').chain(of).chain(more.iter().copied()).collect()
    }

    async fn succeed(&self, command: &str, more: &[&str]) -> String {
        succeed(&self.args(command, more), &[]).await
    }

    async fn fail(&self, command: &str, more: &[&str]) -> String {
        let error = fail(&self.args(command, more), &[]).await;
        assert!(!error.contains("panicked"), "{error}");
        error
    }

    async fn json(&self, command: &str, more: &[&str]) -> Value {
        let more = [more, &["--output", "json"]].concat();
        serde_json::from_str(&self.succeed(command, &more).await).expect("JSON and nothing else")
    }

    async fn get(&self, serving: &Serving, path: &str) -> Answer {
        get(&serving.client, &format!("{}{path}", self.base), &self.token).await
    }

    async fn post(&self, serving: &Serving, path: &str, body: &Value) -> Answer {
        let post = Request::new("POST", format!("{}{path}", self.base));
        serving.client.send(post.bearer(&self.token).json(body)).await
    }
}

/// Asks until the answer has this status: running servers follow within seconds.
async fn becomes(status: u16, ask: impl AsyncFn() -> Answer) -> Answer {
    let began = Instant::now();
    loop {
        let answer = ask().await;
        if answer.status == status {
            return answer;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "never {status}: {answer}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_configured_under_a_running_server() {
    for kind in [StoreKind::Sqlite, StoreKind::Postgres] {
        let site = Site::new(kind).await;
        let made = Made::new(&site.url()).await;
        let serving = site.serve(&[], &[]).await;
        let shown = made.json("connection show", &[]).await;
        assert_eq!((&shown["profile"], &shown["revision"]), (&json!("okta"), &json!(0)));
        assert_eq!((&shown["organization"], &shown["idp"]), (&json!("Acme"), &json!("okta")));
        assert_eq!(shown["capabilities"]["bulk"], true);
        assert_eq!(shown["resourceTypes"], json!(["User", "Group"]));
        made.get(&serving, "/Users").await.is(200);

        let change = [
            "--profile",
            "strict",
            "--switch",
            "stringBooleans=on",
            "--capability",
            "sort=off",
            "--capability",
            "bulk=off",
            "--limit",
            "rate=100:500",
            "--limit",
            "pageMax=50",
        ];
        let set = made.json("connection configure", &change).await;
        assert_eq!((&set["profile"], &set["revision"]), (&json!("strict"), &json!(1)));
        let shown = made.json("connection show", &[]).await;
        assert_eq!(shown["switches"]["stringBooleans"], true);
        assert_eq!(shown["switches"]["pathlessPatch"], false);
        assert_eq!(
            shown["limits"],
            json!({"pageMax": 50, "rate": {"perSecond": 100, "burst": 500}})
        );
        becomes(501, async || made.post(&serving, "/Bulk", &json!({})).await).await;
        let config = made.get(&serving, "/ServiceProviderConfig").await.is(200).json();
        assert_eq!(config["filter"]["maxResults"], 50);
        let back = [
            "--profile",
            "default",
            "--switch",
            "stringBooleans=default",
            "--limit",
            "rate=default",
            "--limit",
            "pageMax=default",
            "--capability",
            "bulk=on",
            "--capability",
            "sort=on",
        ];
        let told = made.succeed("connection configure", &back).await;
        assert!(told.contains("2 seconds"), "{told}");
        let shown = made.json("connection show", &[]).await;
        assert_eq!((&shown["profile"], &shown["limits"]), (&json!("okta"), &json!({})));
        becomes(400, async || made.post(&serving, "/Bulk", &json!({})).await).await;
        serving.program.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_setups_tell_how_to_mend_them() {
    let site = Site::new(StoreKind::Sqlite).await;
    let made = Made::new(&site.url()).await;
    for (flag, value, hints) in [
        ("--profile", "okta2", ["okta2", "jumpcloud"]),
        ("--switch", "stringBoolean=on", ["stringBoolean", "stringBooleans"]),
        ("--switch", "stringBooleans", ["stringBooleans", "NAME=VALUE"]),
        ("--switch", "stringBooleans=maybe", ["maybe", "on"]),
        ("--capability", "bluk=off", ["bluk", "bulk"]),
        ("--capability", "bulk=no", ["`no`", "off"]),
        ("--limit", "pageMax=0", ["pageMax", "1 to 1000"]),
        ("--limit", "pageMax=1001", ["pageMax", "1 to 1000"]),
        ("--limit", "pageMax=ten", ["ten", "number"]),
        ("--limit", "pageMin=1", ["pageMin", "pageMax"]),
        ("--limit", "bulkPayload=12", ["bulkPayload", "1024"]),
        ("--limit", "rate=5:5", ["5", "25"]),
        ("--limit", "rate=50:5", ["burst", "50"]),
    ] {
        let error = made.fail("connection configure", &[flag, value]).await;
        assert!(hints.iter().all(|hint| error.contains(hint)), "{flag} {value}: {error}");
    }
    assert_eq!(made.json("connection show", &[]).await["revision"], 0, "nothing was changed");
    let unknown = "conn_00000000000070008000000000000000";
    for command in ["connection show", "connection configure", "schema list"] {
        let args = ["--database-url", &made.url, "--connection", unknown];
        let args: Vec<&str> = command.split(' ').chain(args).collect();
        let error = fail(&args, &[]).await;
        assert!(error.contains("connection list"), "{command}: {error}");
    }
}

const BADGES: &str = r#"{
  "schemas": [
    {"id": "urn:example:badge", "attributes": [
      {"name": "number", "required": true, "uniqueness": "server"},
      {"name": "colour"}
    ]}
  ],
  "resourceTypes": [
    {"name": "Badge", "endpoint": "/Badges", "schema": "urn:example:badge"}
  ]
}"#;

/// Definitions come, grow, are indexed behind by the running server, and go.
#[tokio::test(flavor = "multi_thread")]
async fn schemas_come_and_go_under_a_running_server() {
    for kind in [StoreKind::Sqlite, StoreKind::Postgres] {
        let site = Site::new(kind).await;
        let made = Made::new(&site.url()).await;
        let serving = site.serve(&[], &[]).await;
        made.get(&serving, "/Badges").await.is(404);
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("badges.json");
        let path = file.to_str().unwrap().to_owned();
        let write = |text: &str| std::fs::write(&file, text).unwrap();
        write(BADGES);
        let told = made.succeed("schema add", &["--file", &path]).await;
        assert!(told.contains("2 seconds"), "{told}");
        becomes(200, async || made.get(&serving, "/Badges").await).await;
        let badge = |number: &str| json!({"schemas": ["urn:example:badge"], "number": number, "colour": "Red"});
        let first = made.post(&serving, "/Badges", &badge("1")).await.is(201).id();
        made.post(&serving, "/Badges", &badge("2")).await.is(201);
        made.post(&serving, "/Badges", &badge("1")).await.refused(409, "uniqueness");

        // What is wrong is told by its line, and nothing is changed.
        write(&BADGES.replace(r#"{"name": "colour"}"#, r#"{"name": "colour", "type": "paint"}"#));
        let error = made.fail("schema add", &["--file", &path]).await;
        assert!(error.contains(&path) && error.contains("line 5"), "{error}");
        write(&BADGES.replace(r#"{"name": "colour"}"#, r#"{"name": "color"}"#));
        let error = made.fail("schema add", &["--file", &path]).await;
        assert!(error.contains("line ") && error.contains("`colour` is missing"), "{error}");
        let unique = r#"{"name": "colour", "uniqueness": "server"}"#;
        write(&BADGES.replace(r#"{"name": "colour"}"#, unique));
        let error = made.fail("schema add", &["--file", &path]).await;
        assert!(error.contains(&first) && error.contains("2 of the type `Badge`"), "{error}");

        // The running server builds the index.
        let indexed = r#""schema": "urn:example:badge", "indexed": ["colour"]"#;
        write(&BADGES.replace(r#""schema": "urn:example:badge""#, indexed));
        made.succeed("schema add", &["--file", &path]).await;
        let filter = "/Badges?filter=colour%20eq%20%22RED%22";
        let began = Instant::now();
        loop {
            assert_eq!(made.get(&serving, filter).await.is(200).ids().len(), 2);
            let listed = made.json("schema list", &[]).await;
            let rows = listed.as_array().expect("a list");
            let row = rows.iter().find(|row| row["resourceType"] == "Badge").expect("badges");
            assert_eq!((&row["standard"], &row["endpoint"]), (&json!(false), &json!("/Badges")));
            match row["indexes"]["colour"].as_str() {
                Some("ready") => break,
                state => assert_eq!(state, Some("building"), "{row}"),
            }
            assert!(began.elapsed() < Duration::from_secs(30), "it is never built");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(made.get(&serving, filter).await.is(200).ids().len(), 2);

        let error = made.fail("schema remove", &["Badge"]).await;
        assert!(error.contains("2 of the type `Badge`"), "{error}");
        for id in made.get(&serving, "/Badges").await.ids() {
            let delete = Request::new("DELETE", format!("{}/Badges/{id}", made.base));
            serving.client.send(delete.bearer(&made.token)).await.is(204);
        }
        made.succeed("schema remove", &["Badge"]).await;
        becomes(404, async || made.get(&serving, "/Badges").await).await;
        let error = made.fail("schema remove", &["Badge"]).await;
        assert!(error.contains("no schema or resource type `Badge`"), "{error}");
        let error = made.fail("schema remove", &["User"]).await;
        assert!(error.contains("standard"), "{error}");
        serving.program.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn packs_are_listed_and_loaded() {
    let listed = succeed(&["schema", "packs", "--output", "json"], &[]).await;
    let listed: Value = serde_json::from_str(&listed).expect("JSON and nothing else");
    let names: Vec<String> = listed
        .as_array()
        .expect("a list")
        .iter()
        .map(|pack| pack["name"].as_str().expect("a name").to_owned())
        .collect();
    assert!(names.iter().any(|name| name == "roles"), "{names:?}");
    let site = Site::new(StoreKind::Sqlite).await;
    for name in &names {
        let made = Made::new(&site.url()).await;
        made.succeed("schema add", &["--pack", name]).await;
        let shown = made.json("connection show", &[]).await;
        assert!(
            shown["resourceTypes"].as_array().is_some_and(|all| all.len() > 2),
            "{name}: {shown}"
        );
        if name == "roles" {
            // R-NEW-01
            let serving = site.serve(&[], &[]).await;
            made.get(&serving, "/Roles").await.is(200);
            let config = made.get(&serving, "/ServiceProviderConfig").await.is(200).json();
            assert_eq!(config["RolesAndEntitlements"]["roles"]["supported"], true, "{config}");
            serving.program.stop().await;
        }
    }
    let made = Made::new(&site.url()).await;
    let error = made.fail("schema add", &["--pack", "rolls"]).await;
    assert!(error.contains("rolls") && error.contains("roles"), "{error}");
    let error = made.fail("schema add", &[]).await;
    assert!(error.contains("--file"), "{error}");
    let error = made.fail("schema add", &["--file", "/nowhere/at/all.json"]).await;
    assert!(error.contains("/nowhere/at/all.json"), "{error}");
}

/// R-CUR-12: PostgreSQL has replicas, which need one key; SQLite has none and makes its own.
#[tokio::test(flavor = "multi_thread")]
async fn postgres_is_not_served_without_a_key() {
    let site = Site::new(StoreKind::Postgres).await;
    let url = site.url();
    let serve = [
        "serve",
        "--database-url",
        &url,
        "--listen",
        "127.0.0.1:0",
        "--public-url",
        "https://x.test",
    ];
    let error = fail(&serve, &[]).await;
    for hint in ["ROLLCALL_KEY", "--key-file", "rollcall key create"] {
        assert!(error.contains(hint), "`{hint}`: {error}");
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("keys");
    let path = file.to_str().unwrap();
    let with = |path| [serve.as_slice(), &["--key-file", path]].concat();
    let error = fail(&with(path), &[]).await;
    assert!(error.contains(path) && error.contains("rollcall key create"), "{error}");
    assert!(!file.exists(), "replicas must not each make one up");
    std::fs::write(&file, "short:AAEC\n").unwrap();
    let error = fail(&with(path), &[]).await;
    assert!(error.contains(path) && !error.contains("AAEC"), "{error}");
    let error = fail(&serve, &[("ROLLCALL_KEY", "nonsense")]).await;
    assert!(error.contains("ROLLCALL_KEY") && !error.contains("nonsense"), "{error}");

    let key = succeed(&["key", "create"], &[]).await;
    assert_ne!(key, succeed(&["key", "create"], &[]).await);
    std::fs::write(&file, &key).unwrap();
    let mut program = Program::start(&with(path), &[]);
    let log = program.logs("listening").await;
    assert!(!log.contains(key.trim()), "the log shows a key");
    program.stop().await;
}

/// R-CUR-12: cursors lead on at every replica, and after a rotation.
#[tokio::test(flavor = "multi_thread")]
async fn servers_with_the_same_keys_read_each_other_s_cursors() {
    let site = Site::new(StoreKind::Postgres).await;
    let made = Made::new(&site.url()).await;
    // Made at once, they may have the same id: whoever rotates that fast names them.
    let key = async |id: &str| {
        let made = succeed(&["key", "create"], &[]).await;
        let (_, secret) = made.split_once(':').expect("an id and a secret");
        format!("{id}:{secret}")
    };
    let [old, new, other] = [key("old").await, key("new").await, key("old").await];
    let directory = tempfile::tempdir().unwrap();
    let serve = async |name: &str, keys: &str| {
        let file = directory.path().join(name);
        std::fs::write(&file, keys).unwrap();
        site.serve(&["--key-file", file.to_str().unwrap()], &[("ROLLCALL_KEY", "")]).await
    };
    // One reads its key from a file, one from the environment, one knows a newer key first.
    let a = serve("a", &old).await;
    let b = site.serve(&[], &[("ROLLCALL_KEY", old.trim())]).await;
    let rotated = serve("rotated", &format!("{new}{old}")).await;
    let after = serve("after", &new).await;
    let stranger = serve("stranger", &other).await;
    for n in 0..6 {
        made.post(&a, "/Users", &user(&format!("u{n}"))).await.is(201);
    }
    let all = made.get(&a, "/Users").await.is(200).ids();
    let page = async |serving: &Serving, cursor: &str| {
        made.get(serving, &format!("/Users?count=2&cursor={cursor}")).await
    };
    let next = |answer: &Answer| answer.json()["nextCursor"].as_str().expect("more").to_owned();
    let first = page(&a, "").await.is(200);
    let sealed_by_old = next(&first);
    for serving in [&a, &b, &rotated] {
        assert_eq!(page(serving, &sealed_by_old).await.is(200).ids(), all[2..4]);
    }
    for serving in [&after, &stranger] {
        page(serving, &sealed_by_old).await.refused(400, "invalidCursor");
    }
    let sealed_by_new = next(&page(&rotated, &sealed_by_old).await);
    assert_eq!(page(&rotated, &sealed_by_new).await.is(200).ids(), all[4..]);
    assert_eq!(page(&after, &sealed_by_new).await.is(200).ids(), all[4..]);
    page(&b, &sealed_by_new).await.refused(400, "invalidCursor");
    for serving in [a, b, rotated, after, stranger] {
        serving.program.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn misspelt_variables_are_told() {
    let site = Site::new(StoreKind::Sqlite).await;
    let misspelt = [("ROLLCALL_LISTN", "127.0.0.1:1"), ("ROLLCALL_LOG", "info")];
    let serving = site.serve(&[], &misspelt).await;
    let Serving { mut program, .. } = serving;
    let log = program.logs("listening").await;
    assert!(log.contains("warning: ROLLCALL_LISTN"), "{log}");
    assert!(!log.contains("ROLLCALL_LOG "), "{log}");
    program.stop().await;
}

/// R-ME-01, R-ME-02, R-ME-03: a user's own token opens `/Me` and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_made_for_users() {
    for kind in [StoreKind::Sqlite, StoreKind::Postgres] {
        let site = Site::new(kind).await;
        let made = Made::new(&site.url()).await;
        let serving = site.serve(&[], &[]).await;
        let id = made.post(&serving, "/Users", &user("ada")).await.is(201).id();
        made.post(&serving, "/Users", &user("bob")).await.is(201);
        for who in ["ADA", &id] {
            let own = made.json("token create", &["--user", who]).await;
            let own = own["token"].as_str().expect("a token");
            let me = get(&serving.client, &format!("{}/Me", made.base), own).await.is(200);
            assert_eq!((me.id(), &me.json()["userName"]), (id.clone(), &json!("ada")));
            let location = me.header("location").unwrap_or_default();
            assert!(location.ends_with(&format!("/Users/{id}")), "{location}");
            get(&serving.client, &format!("{}/Users", made.base), own).await.refused(403, "");
        }
        made.get(&serving, "/Me").await.refused(501, "");
        let error = made.fail("token create", &["--user", "nobody"]).await;
        assert!(error.contains("nobody"), "{error}");
        let listed = made.json("token list", &[]).await;
        let users: Vec<&Value> =
            listed.as_array().expect("a list").iter().map(|token| &token["user"]).collect();
        assert_eq!(users.iter().filter(|user| ***user == json!(id)).count(), 2, "{listed}");
        // Who is gone has no token either.
        let own = made.json("token create", &["--user", "ada"]).await;
        let delete = Request::new("DELETE", format!("{}/Users/{id}", made.base));
        serving.client.send(delete.bearer(&made.token)).await.is(204);
        let own = own["token"].as_str().expect("a token");
        becomes(401, async || get(&serving.client, &format!("{}/Me", made.base), own).await).await;
        serving.program.stop().await;
    }
}
