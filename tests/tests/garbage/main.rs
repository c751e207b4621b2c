//! Garbage at every route: nothing fails, nothing is applied, the next request works.

mod bulk;
mod large;
mod spots;

use rollcall_domain::IdpKind;
use rollcall_tests::client::{PATCH, Request, SCIM_JSON, SEARCH};
use rollcall_tests::data::{ENTERPRISE, GROUP, Names, USER, base};
use rollcall_tests::idp::{Idp, encoded};
use rollcall_tests::on_both_stores;
use rollcall_tests::server::Server;
use rollcall_tests::wait::PATIENCE;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

on_both_stores!(
    nasty_bodies_change_nothing,
    nasty_values_are_answered_on_every_write,
    nasty_queries_are_answered,
    nasty_paths_are_answered,
    nasty_headers_are_answered,
    nasty_bytes_end_at_most_their_own_socket,
    a_storm_of_nonsense_is_answered,
);

/// What an endpoint holds, to see that it stayed so.
async fn holdings(idp: &Idp) -> [Value; 2] {
    [idp.get("/Users?count=1000").await.json(), idp.get("/Groups?count=1000").await.json()]
}

async fn filled(server: &Server) -> (Idp, Names) {
    let idp = server.idp(IdpKind::Generic).await;
    let names = base(&idp).await;
    (idp, names)
}

/// Every way to write, by method and path.
fn writes(names: &Names) -> Vec<(&'static str, String)> {
    let mut writes = Vec::new();
    for (endpoint, name) in [("/Users", "u1"), ("/Groups", "g1")] {
        writes.push(("POST", endpoint.to_owned()));
        writes.push(("POST", format!("{endpoint}/.search")));
        writes.push(("PUT", format!("{endpoint}/{}", names.id(name))));
        writes.push(("PATCH", format!("{endpoint}/{}", names.id(name))));
    }
    writes.push(("POST", "/Bulk".to_owned()));
    writes.push(("POST", "/.search".to_owned()));
    writes
}

/// Bodies that no route can take.
fn nasty_bodies() -> Vec<Vec<u8>> {
    let deep = |open: &str, close: &str| {
        format!("{}1{}", open.repeat(10_000), close.repeat(10_000)).into_bytes()
    };
    let mut bodies: Vec<Vec<u8>> = vec![
        b"{bad".to_vec(),
        b"\0".to_vec(),
        b"\xff\xfe\xfd".to_vec(),
        b"{\"userName\": \"a\xff\xff\", \"displayName\": \"a\xff\"}".to_vec(),
        b"{\"userName\": \"\\ud800\", \"displayName\": \"\\ud800\"}".to_vec(),
        b"{\"userName\": \"\\udc00\\ud800\", \"displayName\": \"\\udc00\"}".to_vec(),
        b"{\"userName\": \"a\", \"USERNAME\": \"b\", \"displayName\": \"a\", \"DISPLAYNAME\": \"b\"}"
            .to_vec(),
        b"{\"schemas\":[], \"Schemas\":[], \"userName\": \"a\", \"displayName\": \"a\"}".to_vec(),
        b"{\"userName\": 1e999}".to_vec(),
        b"{\"userName\": NaN}".to_vec(),
        b"[[[[[]]]]]".to_vec(),
        b"true".to_vec(),
        b"\xef\xbb\xbf{}".to_vec(),
        b"{} {}".to_vec(),
        b"{\"a\":1,}".to_vec(),
        b"// comment\n{}".to_vec(),
        b"<xml/>".to_vec(),
        deep("[", "]"),
        deep("{\"a\":", "}"),
        deep("{\"emails\":[", "]}"),
        vec![b'['; 500_000],
        vec![b'9'; 500_000],
        vec![b' '; 500_000],
    ];
    bodies.push(format!("{{\"userName\": {} }}", "-".repeat(100_000)).into_bytes());
    bodies
}

/// R-HTTP-10, R-POST-05, R-ATTR-03, R-E-17.
async fn nasty_bodies_change_nothing(server: &Server) {
    let (idp, names) = filled(server).await;
    let before = holdings(&idp).await;
    for body in nasty_bodies() {
        for (method, path) in writes(&names) {
            let request = idp.request(method, &path).header("content-type", SCIM_JSON);
            idp.send(request.body(body.clone())).await.is(400);
        }
    }
    let me = server.user_of(&idp, names.id("u1")).await;
    for body in nasty_bodies() {
        for method in ["PUT", "PATCH"] {
            let request = me.request(method, "/Me").header("content-type", SCIM_JSON);
            me.send(request.body(body.clone())).await.is(400);
        }
    }
    assert_eq!(holdings(&idp).await, before);
}

/// Values that fit nowhere, for the name that a resource needs and for everything else.
fn nasty_values() -> Vec<Value> {
    vec![
        json!({"a": {"b": {"c": {}}}}),
        json!([[[[]]]]),
        json!(-1),
        json!(1e300),
        json!(18_446_744_073_709_551_615_u64),
        json!("\u{0}"),
        json!("\u{fffe}\u{ffff}"),
        json!("'; drop table resource; --"),
        json!("%00%n%s{}${jndi:ldap://x}"),
        json!("\u{202e}\u{200b}\u{feff}"),
        json!({"__proto__": {"admin": true}, "constructor": 1}),
        json!({"$ref": "http://169.254.169.254/", "value": {"value": []}}),
        json!([{"value": null, "type": null}, null, [], {}, "", 0, false]),
    ]
}

/// Values that are nasty by their size.
fn huge_values() -> Vec<Value> {
    vec![
        json!(vec![json!({"value": "x", "primary": true}); 1_000]),
        json!("\u{1f4a9}".repeat(200_000)),
        json!({"value": "a".repeat(900_000)}),
    ]
}

/// Every attribute gets every value, on POST, PUT and PATCH: no answer is a failure, and a 400
/// leaves things alone.
async fn nasty_values_are_answered_on_every_write(server: &Server) {
    let (idp, names) = filled(server).await;
    let user = format!("/Users/{}", names.id("u1"));
    let group = format!("/Groups/{}", names.id("g1"));
    let of_users = [
        "userName",
        "name",
        "active",
        "emails",
        "x509Certificates",
        "manager",
        "externalId",
        "id",
        "meta",
        "schemas",
        "password",
        ENTERPRISE,
        "__proto__",
        "",
        "emails[type eq \"work\"].value",
        "name.givenName",
    ];
    let of_groups = ["displayName", "members", "externalId", "members[value eq \"x\"].value"];
    for name in of_users {
        written_everywhere(&idp, ("/Users", USER, &user), name, nasty_values()).await;
    }
    for name in of_groups {
        written_everywhere(&idp, ("/Groups", GROUP, &group), name, nasty_values()).await;
    }
    for name in ["userName", "emails"] {
        written_everywhere(&idp, ("/Users", USER, &user), name, huge_values()).await;
    }
    written_everywhere(&idp, ("/Groups", GROUP, &group), "members", huge_values()).await;
    let odd = [json!({"op": ["add"]}), json!({"op": 1}), json!([]), json!(null), json!({"op": {}})];
    for operation in odd {
        idp.patch(&user, json!([operation])).await.is(400);
    }
    let many = vec![json!({"op": "replace", "path": "title", "value": "x"}); 10_000];
    let answer = idp.patch(&user, json!(many)).await;
    assert!(matches!(answer.status, 200 | 400 | 413), "{}", answer.status);
}

/// Writes each value to the attribute by POST and PATCH, on an endpoint with a resource at a path;
/// what was accepted is put back as it was.
async fn written_everywhere(
    idp: &Idp,
    (endpoint, schema, path): (&str, &str, &str),
    name: &str,
    values: Vec<Value>,
) {
    let mut before = idp.get(path).await.is(200).json();
    for value in values {
        let mut body = json!({"schemas": [schema], "userName": "nasty", "displayName": "nasty"});
        body[name] = value.clone();
        let made = idp.post(endpoint, &body).await;
        if made.status == 201 {
            idp.delete(&format!("{endpoint}/{}", made.id())).await.is(204);
        }
        for operation in [
            json!({"op": "add", "path": name, "value": value}),
            json!({"op": "replace", "value": {name: value}}),
            json!({"op": "remove", "path": name, "value": value}),
        ] {
            let answer = idp.patch(path, operation).await;
            if answer.status >= 400 {
                assert_eq!(idp.get(path).await.json(), before, "half applied: {answer}");
            } else {
                let restored = idp.put(path, &before).await;
                assert_eq!(restored.status, 200, "after {answer}: {restored}");
                before = restored.json();
            }
        }
    }
}

/// R-E-08, R-E-17, R-FILTER-24, R-PROJ-09.
async fn nasty_queries_are_answered(server: &Server) {
    let (idp, names) = filled(server).await;
    let long = "x".repeat(7_000);
    let ors = vec!["userName eq \"a\""; 199].join(" or ");
    let filters = [
        "(((((",
        ")))))",
        "not not not",
        "userName eq \"",
        "userName eq \"\\\"",
        "\"",
        "\\",
        "eq eq eq",
        "userName eq \"\\ud800\"",
        "userName co \"%\"",
        "userName co \"_\"",
        "userName sw \"\\\\\"",
        "userName eq \"' or '1'='1\"",
        "userName eq \"\u{0}\"",
        "emails[",
        "emails]",
        "emails[[]]",
        "emails[emails[type eq \"x\"]]",
        "emails[type eq \"x\"][type eq \"y\"]",
        "a.b.c.d.e eq \"x\"",
        "urn:::: eq \"x\"",
        ":::",
        "userName eq 1e999",
        "userName eq -",
        "meta.created gt \"9999-99-99\"",
        "meta.lastModified lt \"0000-00-00T00:00:00Z\"",
        "meta.version gt \"x\"",
        "id sw \"\"",
        "\u{1f4a9} eq \"\u{1f4a9}\"",
        "userName eq \"\u{1f4a9}\"",
        "userName\u{a0}eq\u{a0}\"x\"",
        "userName\teq\n\"x\"",
        "members.value eq \"x\"",
        "groups.groups.groups pr",
        "schemas[value eq \"x\"]",
        long.as_str(),
        ors.as_str(),
    ];
    for endpoint in ["/Users", "/Groups", ""] {
        for filter in filters {
            let get = idp.find(endpoint, filter).await;
            let body = json!({"schemas": [SEARCH], "filter": filter});
            let posted = idp.post(&format!("{endpoint}/.search"), &body).await;
            for answer in [get, posted] {
                assert!(matches!(answer.status, 200 | 400), "{answer}");
            }
        }
        for query in [
            "attributes=,,,",
            "attributes=[[[",
            "attributes=emails[type",
            "attributes=%00",
            "attributes=%22",
            "attributes=a.b.c.d.e",
            "excludedAttributes=*",
            "attributes=urn:x:y:z:",
            "sortBy=",
            "sortBy=,",
            "sortBy=emails%5Btype%20eq%20%22x%22%5D",
            "sortBy=members",
            "sortBy=name",
            "sortOrder=",
            "count=-0",
            "count=%F0%9F%92%A9",
            "startIndex=-99999999999999999999999",
            "count=0x10",
            "count=1&count=2",
            "filter=userName%20pr&filter=active%20pr",
            "filter=%FF%FE",
            "filter=%",
            "filter=%zz",
            "%FF=%FF",
            "&&&&",
            "====",
            "filter",
            "filter=",
            "?",
            "a[]=1",
            "count=1e3",
            "attributes=userName&attributes=id",
            "cursor",
            "cursor=",
            "cursor=%00",
            "cursor=garbage",
            "cursor=%F0%9F%92%A9",
            "cursor&cursor=x",
            "cursor&startIndex=1",
            "cursor&count=abc",
            "cursor&count=-1&sortBy=%5B",
            "cursor&sortBy=emails.value&sortOrder=",
        ] {
            let answer = idp.get(&format!("{endpoint}?{query}")).await;
            assert!(matches!(answer.status, 200 | 400), "{answer}");
        }
        let attributes = format!("{endpoint}?attributes={}", "emails.value,".repeat(2_000));
        let answer = idp.get(&attributes).await;
        assert!(matches!(answer.status, 200 | 400), "{}", answer.status);
    }
    let odd = [
        json!({"schemas": [SEARCH], "attributes": {"a": 1}}),
        json!({"schemas": [SEARCH], "attributes": [[]], "count": []}),
        json!({"schemas": [SEARCH], "count": 1e300}),
        json!({"schemas": [SEARCH], "startIndex": -1e300, "sortBy": {}}),
        json!({"schemas": [SEARCH], "filter": ["userName pr"]}),
        json!({"schemas": [SEARCH, SEARCH, 5, null]}),
        json!({"schemas": [SEARCH], "cursor": 5}),
        json!({"schemas": [SEARCH], "cursor": {"cursor": ""}}),
        json!({"schemas": [SEARCH], "cursor": "\u{1f4a9}", "CURSOR": "x"}),
    ];
    for body in odd {
        for path in ["/Users/.search", "/.search"] {
            let answer = idp.post(path, &body).await;
            assert!(matches!(answer.status, 200 | 400), "{answer}");
        }
    }
    // R-E-08: wildcards of SQL are plain characters.
    assert!(idp.find("/Users", "userName co \"%\"").await.is(200).ids().is_empty());
    assert!(idp.find("/Users", "userName sw \"_\"").await.is(200).ids().is_empty());
    let backslash = idp.find("/Users", r#"userName co "\\""#).await.is(200).ids();
    assert_eq!(backslash, [names.id("u4")]);
}

async fn nasty_paths_are_answered(server: &Server) {
    let (idp, _) = filled(server).await;
    let before = holdings(&idp).await;
    let long = "x".repeat(20_000);
    let bases = [idp.base.as_str(), "/scim/v2", "/scim", "", "/connections", "/connections//scim"];
    let tails = [
        "/Users/%2F",
        "/Users%2F",
        "/Users/..",
        "/Users/../Groups",
        "/Users/%2e%2e/Groups",
        "/Users/%00",
        "/Users/%FF%FE",
        "/Users/%F0%9F%92%A9",
        "/Users/%",
        "/Users/%zz",
        "/Users/;a=b",
        "/Users/*",
        "/Users/'",
        "/Users/$metadata",
        "/Users/.search/.search",
        "/Users/.SEARCH",
        "/.search/Users",
        "//////Users//////",
        "/Users/ /",
        "/v2/v2/v2/Users",
        "/v2.0/Users",
        "/V2/Users",
        "/v99999999999999999999/Users",
        "/v/Users",
        "/%55sers",
        "/USERS",
        "/users",
        "/Users.json",
        "/Schemas/%2F",
        "/Schemas/urn:",
        "/ResourceTypes/%00",
        "/Me/x/y",
        "/Bulk/x",
        "/Bulk/.search",
        "/AsyncResults",
        "/AsyncResults/",
        "/AsyncResults/x",
        "/AsyncResults/txn_",
        "/AsyncResults/txn_%00",
        "/AsyncResults/txn_zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz",
        "/AsyncResults/txn_x/y",
        "/ServiceProviderConfig/%2F",
        "/%00",
        "/%",
        "/..",
        "/.",
        "/~",
        "/Users/a/b/c/d",
    ];
    let tails = tails.map(|tail| tail.replace(' ', "%20"));
    for base in bases {
        for tail in tails.iter().map(String::as_str).chain([long.as_str()]) {
            for method in ["GET", "POST", "PATCH", "DELETE", "OPTIONS", "BREW"] {
                let path =
                    if tail == long { format!("{base}/{tail}") } else { format!("{base}{tail}") };
                let request = Request::new(method, path).bearer(&idp.token);
                let answer = idp.send(request).await;
                assert!(answer.status < 500 || answer.status == 501, "{answer}");
            }
        }
    }
    assert_eq!(holdings(&idp).await, before);
}

async fn nasty_headers_are_answered(server: &Server) {
    let (idp, names) = filled(server).await;
    let before = holdings(&idp).await;
    let user = format!("/Users/{}", names.id("u1"));
    let large = "x".repeat(30_000);
    let values: Vec<Vec<u8>> = vec![
        b"\xff\xfe".to_vec(),
        b"".to_vec(),
        b"*".to_vec(),
        b"W/".to_vec(),
        b"W/\"".to_vec(),
        b"\"\"".to_vec(),
        b",,,,".to_vec(),
        b"\"a\", \"b".to_vec(),
        b"W/\"99999999999999999999999\"".to_vec(),
        b"W/\"-1\"".to_vec(),
        large.clone().into_bytes(),
        b";;;q=".to_vec(),
        b"\t \t".to_vec(),
    ];
    for name in [
        "if-match",
        "if-none-match",
        "accept",
        "content-type",
        "content-encoding",
        "x-request-id",
        "prefer",
        "if-modified-since",
        "range",
        "x-forwarded-for",
        "x-http-method-override",
        "traceparent",
        "cookie",
        "accept-encoding",
        "origin",
        "user-agent",
    ] {
        for value in &values {
            let get = idp.request("GET", &user).header(name, value);
            idp.send(get).await;
            let stale =
                idp.request("PATCH", &user).json(&json!({"schemas": [PATCH], "Operations": []}));
            let answer = idp.send(stale.header(name, value)).await;
            assert!(matches!(answer.status, 400 | 412 | 415), "{answer}");
            let bulk = idp.request("POST", "/Bulk").json(&json!({"schemas": [], "Operations": 5}));
            let answer = idp.send(bulk.header(name, value)).await;
            assert!(matches!(answer.status, 400 | 415), "{answer}");
        }
    }
    for value in &values {
        let base = Request::new("GET", format!("{}/Users", idp.base));
        idp.send(base.clone().header("authorization", value)).await.refused(401, "");
        let bearer = [b"Bearer ".as_slice(), value].concat();
        idp.send(base.header("authorization", bearer)).await.refused(401, "");
    }
    let many = (0..90).fold(idp.request("GET", &user), |request, n| {
        request.header(&format!("x-header-{n}"), "x".repeat(100))
    });
    idp.send(many).await.is(200);
    bulk::odd_preferences(&idp).await;
    // R-E-28: a token in the query beside the header.
    let both = idp.request("GET", &format!("{user}?access_token={}", idp.token));
    idp.send(both).await.refused(401, "");
    // Another method by header is not another method.
    let hidden = idp.request("GET", &user).header("x-http-method-override", "DELETE");
    idp.send(hidden).await.is(200);
    // A client's own request id comes back only where it is short and harmless in a log.
    for odd in [large.as_bytes(), b"\xff\xfe", b"a b\tc"] {
        let answer = idp.send(idp.request("GET", &user).header("x-request-id", odd)).await.is(200);
        let id = answer.header("x-request-id").unwrap_or("not even text");
        assert!(id.len() <= 200 && id.bytes().all(|byte| byte.is_ascii_graphic()), "{id}");
    }
    assert_eq!(holdings(&idp).await, before);
}

/// What no client library sends: each on a socket of its own, all answered or cut off in time.
async fn nasty_bytes_end_at_most_their_own_socket(server: &Server) {
    let (idp, _) = filled(server).await;
    let before = holdings(&idp).await;
    let auth = format!("Authorization: Bearer {}\r\nHost: x\r\n", idp.token);
    let post = format!("POST {}/Users HTTP/1.1\r\n{auth}", idp.base);
    let huge = "x".repeat(200_000);
    let body = "{\"userName\":\"smuggled\"}";
    let sent: Vec<Vec<u8>> = vec![
        b"\r\n\r\n\r\n".to_vec(),
        b"\0\0\0\0\0\0\0\0".to_vec(),
        b"GET\r\n\r\n".to_vec(),
        b"GET / HTTP/9.9\r\n\r\n".to_vec(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff".to_vec(),
        format!("GET {}/Users?x= y HTTP/1.1\r\n{auth}\r\n", idp.base).into_bytes(),
        [b"GET /scim/v2/Users?\xff\xfe HTTP/1.1\r\n".as_slice(), auth.as_bytes(), b"\r\n"].concat(),
        format!("GET /{huge} HTTP/1.1\r\n{auth}\r\n").into_bytes(),
        format!("GET / HTTP/1.1\r\nX: {huge}\r\n\r\n").into_bytes(),
        format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(1_000)).into_bytes(),
        format!("{post}Content-Length: -1\r\n\r\n{body}").into_bytes(),
        format!("{post}Content-Length: 99999999999999999999\r\n\r\n{body}").into_bytes(),
        format!("{post}Content-Length: 5\r\nContent-Length: 23\r\n\r\n{body}").into_bytes(),
        format!("{post}Transfer-Encoding: chunked\r\n\r\nzz\r\n{body}\r\n0\r\n\r\n").into_bytes(),
        format!("{post}Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{body}").into_bytes(),
        format!("{post}Transfer-Encoding: gzip, chunked, x\r\n\r\n0\r\n\r\n").into_bytes(),
        format!("{post}Expect: 200-maybe\r\nContent-Length: 1\r\n\r\n").into_bytes(),
        format!("{post}Content-Length: 5000000\r\n\r\n{body}").into_bytes(),
    ];
    let address = idp.client.origin().trim_start_matches("http://").to_owned();
    for bytes in sent {
        let mut socket = TcpStream::connect(&address).await.expect("the server accepts");
        // The server may hang up before all is sent.
        let _ = socket.write_all(&bytes).await;
        let _ = socket.shutdown().await;
        let mut answer = Vec::new();
        let reading = tokio::time::timeout(PATIENCE, socket.read_to_end(&mut answer));
        let ended = reading.await.is_ok();
        let head: String = String::from_utf8_lossy(&answer).chars().take(200).collect();
        let shown: String = String::from_utf8_lossy(&bytes).chars().take(120).collect();
        assert!(ended, "left hanging: {shown}");
        assert!(
            !head.starts_with("HTTP/1.1 5") && !head.starts_with("HTTP/1.1 2"),
            "{shown}: {head}"
        );
    }
    assert_eq!(holdings(&idp).await, before);
}

/// A generator that gives the same numbers every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.roll() % limit as u64).expect("below a usize")
    }

    fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }

    fn value(&mut self, depth: usize) -> Value {
        match self.below(if depth == 0 { 6 } else { 8 }) {
            0 => Value::Null,
            1 => json!(self.roll().is_multiple_of(2)),
            2 => json!(self.roll()),
            3 => json!(f64::from_bits(self.roll())),
            4 => json!(self.pick(WORDS)),
            5 => json!(self.text()),
            6 => (0..self.below(4)).map(|_| self.value(depth - 1)).collect(),
            _ => {
                let mut object = json!({});
                for _ in 0..self.below(5) {
                    object[self.pick(WORDS)] = self.value(depth - 1);
                }
                object
            }
        }
    }

    fn text(&mut self) -> String {
        (0..self.below(12)).filter_map(|_| char::from_u32(self.roll() as u32 % 0x2000)).collect()
    }

    fn filter(&mut self) -> String {
        let parts = (0..1 + self.below(8)).map(|_| self.pick(TOKENS));
        parts.collect::<Vec<_>>().join(if self.roll().is_multiple_of(4) { "" } else { " " })
    }
}

/// Words that mean something here, in places where they don't.
const WORDS: &[&str] = &[
    "userName",
    "emails",
    "value",
    "type",
    "primary",
    "members",
    "active",
    "op",
    "path",
    "Operations",
    "schemas",
    "add",
    "remove",
    "replace",
    "name",
    "familyName",
    "manager",
    "groups",
    "id",
    "meta",
    "displayName",
    "$ref",
    "work",
    "true",
    "False",
    USER,
    GROUP,
    ENTERPRISE,
    PATCH,
    SEARCH,
    "emails[type eq \"work\"].value",
    "",
    "x",
    "filter",
    "attributes",
    "count",
    "roles",
    "externalId",
    "password",
    "urn:",
    "members[value eq \"x\"]",
];

/// Pieces of filters.
const TOKENS: &[&str] = &[
    "userName",
    "emails",
    "emails.value",
    "members",
    "active",
    "meta.created",
    "eq",
    "ne",
    "co",
    "sw",
    "ew",
    "gt",
    "le",
    "pr",
    "and",
    "or",
    "not",
    "(",
    ")",
    "[",
    "]",
    "\"x\"",
    "\"\"",
    "true",
    "null",
    "5",
    "-1.5",
    "\"2020-01-01T00:00:00Z\"",
    "name.familyName",
    "nope",
    USER,
    ".",
    ",",
    "\"\\u0000\"",
    "groups",
];

/// Pseudo-random requests, the same every time. What is refused changes nothing; whatever was
/// accepted, the directory still answers and holds what the base data put there.
async fn a_storm_of_nonsense_is_answered(server: &Server) {
    let (idp, names) = filled(server).await;
    let mut dice = Dice(0x5eed_5eed_5eed_5eed);
    for round in 0..400 {
        let (endpoint, id) = [("/Users", "u4"), ("/Groups", "g3")][dice.below(2)];
        let one = format!("{endpoint}/{}", names.id(id));
        let before = idp.get(&one).await.is(200).json();
        let answer = match dice.below(6) {
            0 => idp.find(endpoint, &dice.filter()).await,
            1 => {
                let body = json!({"schemas": [SEARCH], "filter": dice.filter(), "count": 2});
                idp.post(&format!("{endpoint}/.search"), &body).await
            }
            2 => {
                let body = dice.value(4);
                idp.send(idp.request("PUT", &one).json(&body)).await
            }
            3 => {
                let mut body = dice.value(3);
                if !body.is_object() {
                    body = json!({"userName": body, "displayName": dice.value(1)});
                }
                let made = idp.post(endpoint, &body).await;
                if made.status == 201 {
                    idp.delete(&format!("{endpoint}/{}", made.id())).await.is(204);
                }
                made
            }
            _ => {
                let operation = json!({
                    "op": dice.pick(&["add", "Replace", "remove", "move"]),
                    "path": if dice.roll().is_multiple_of(3) { dice.value(0) } else { json!(dice.pick(WORDS)) },
                    "value": dice.value(3),
                });
                let body = json!({"schemas": [PATCH], "Operations": [operation, dice.value(2)]});
                idp.send(idp.request("PATCH", &one).json(&body)).await
            }
        };
        let known = [200, 201, 204, 400, 409, 413];
        assert!(known.contains(&answer.status), "round {round}: {answer}");
        let after = idp.get(&one).await.is(200).json();
        if answer.status >= 400 {
            assert_eq!(after, before, "round {round}: {answer}");
        }
    }
    let search = encoded("userName eq \"bjensen@example.com\"");
    assert_eq!(idp.get(&format!("/Users?filter={search}")).await.ids(), [names.id("u1")]);
    assert_eq!(idp.get("/Groups").await.json()["totalResults"], 3);
}
