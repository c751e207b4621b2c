//! The program as an operator meets it: the real binary, its flags, files, signals and words.

mod administer;
mod bootstrap;
mod keys;
mod setup;
mod traces;

use std::time::{Duration, Instant};

use rollcall_tests::client::{Answer, Client, Request, SCIM_JSON};
use rollcall_tests::data::USER;
use rollcall_tests::program::{Program, Serving, Site, address, fail, run, succeed};
use rollcall_tests::server::StoreKind;
use rollcall_tests::slow::Slow;
use rollcall_tests::wait::{becomes, until};
use serde_json::{Value, json};
use tokio::net::TcpStream;

const LONG: &str = "bootstrap-0123456789abcdefghijklmnop";
const OTHER: &str = "bootstrap-zyxwvutsrqponmlkjihgfedcba9876";

fn user(name: &str) -> Value {
    json!({"schemas": [USER], "userName": name})
}

/// `rollcall serve` on a free port.
fn serve(url: &str) -> [&str; 7] {
    let listen = ["--listen", "127.0.0.1:0", "--public-url", "https://x.test"];
    let [a, b, c, d] = listen;
    ["serve", "--database-url", url, a, b, c, d]
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
        let serve = serve(&url);
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
            works_as_it_was_printed(&serving, made).await;
        }
        assert_eq!(early["organizationId"], late["organizationId"]);
        assert_ne!(early["organizationId"], other["organizationId"]);
        assert_ne!(early["connectionId"], late["connectionId"]);
        revoked_within_seconds(&serving, &url, &late).await;
        serving.program.stop().await;
    }
}

async fn works_as_it_was_printed(serving: &Serving, made: &Value) {
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
    becomes(401, async || get(&serving.client, &users, second).await).await;
    get(&serving.client, &users, first).await.is(200);
    // Once more changes nothing.
    succeed(&["token", "revoke", "--database-url", url, "--token", id], &[]).await;
    let nobody = "tok_00000000000070008000000000000000";
    let error = fail(&["token", "revoke", "--database-url", url, "--token", nobody], &[]).await;
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
        vec!["connection", "status"],
        vec!["connection", "validate"],
        vec!["connection", "delete"],
        vec!["organization"],
        vec!["organization", "create"],
        vec!["organization", "list"],
        vec!["organization", "show"],
        vec!["organization", "rename"],
        vec!["organization", "delete"],
        vec!["admin"],
        vec!["admin", "key"],
        vec!["admin", "key", "create"],
        vec!["admin", "key", "list"],
        vec!["admin", "key", "show"],
        vec!["admin", "key", "revoke"],
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
        vec!["token", "show"],
        vec!["token", "rotate"],
        vec!["token", "verify"],
        vec!["token", "finish"],
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
                "organization",
                "admin",
                "status",
                "validate",
                "delete",
                "rename",
                "rotate",
                "verify",
                "finish",
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
        let mut slow = Slow::begin(
            &address,
            &format!(
                "POST /scim/v2/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {LONG}\r\n\
                 Content-Type: {SCIM_JSON}\r\nContent-Length: {}\r\n",
                body.len()
            ),
        )
        .await;
        slow.send(half).await;
        let Serving { mut program, .. } = serving;
        program.terminate().await;
        program.logs("told to stop").await;
        // New connections are refused while the old one is served.
        until("it accepts no more", async || TcpStream::connect(&address).await.err()).await;
        slow.send(rest).await;
        let answer = slow.answer().await;
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
    let head = format!(
        "POST /scim/v2/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {LONG}\r\n\
         Content-Length: 9\r\n"
    );
    let mut never = Slow::begin(&address, &head).await;
    never.send("{").await;
    let began = Instant::now();
    serving.program.terminate().await;
    let outcome = serving.program.ends().await;
    assert!(outcome.status.success(), "{outcome:?}");
    // Twenty seconds where nobody says otherwise.
    assert!(began.elapsed() < Duration::from_secs(18), "it took {:?}", began.elapsed());
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
