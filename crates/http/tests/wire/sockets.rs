//! Sockets: both protocols on one port, and an end that loses nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use rollcall_domain::Rate;
use rollcall_http::{Settings, serve, serve_operations};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::world::World;

const SOON: Duration = Duration::from_secs(60);

struct Server {
    address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
    token: String,
}

async fn start(settings: Settings, drain: Duration) -> Server {
    let world = World::with(settings).await;
    let (app, token) = (Arc::new(world.app), world.a.token);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
    let task = tokio::spawn(serve(listener, app, stop.clone(), drain));
    Server { address, stop, task, token }
}

/// Reads until the text shows up, or the other side has closed.
async fn read_until(socket: &mut TcpStream, wanted: &str) -> String {
    let (mut text, mut buffer) = (String::new(), [0; 4096]);
    while !text.contains(wanted) {
        match timeout(SOON, socket.read(&mut buffer)).await.expect("an answer") {
            Ok(0) | Err(_) => break,
            Ok(n) => text.push_str(&String::from_utf8_lossy(&buffer[..n])),
        }
    }
    text
}

#[tokio::test]
async fn one_port_speaks_both_protocols() {
    let server = start(Settings::default(), SOON).await;
    for http2 in [false, true] {
        let client = Client::builder(TokioExecutor::new()).http2_only(http2).build_http();
        let request = Request::get(format!("http://{}/healthz", server.address));
        let answer = client.request(request.body(Empty::<bytes::Bytes>::new()).unwrap()).await;
        let answer = answer.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "ok");
    }
    server.stop.cancel();
    timeout(SOON, server.task).await.expect("it ends").unwrap();
}

#[tokio::test]
async fn requests_in_flight_end_and_idle_sockets_close() {
    let server = start(Settings::default(), SOON).await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert!(read_until(&mut idle, "ok").await.ends_with("ok"));
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    let mut busy = TcpStream::connect(server.address).await.unwrap();
    busy.write_all(b"POST /healthz HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\n12")
        .await
        .unwrap();
    let answer = read_until(&mut busy, "}").await;
    assert!(answer.starts_with("HTTP/1.1 405"), "{answer}");
    server.stop.cancel();
    assert_eq!(read_until(&mut idle, "never").await, "");
    assert_eq!(read_until(&mut silent, "never").await, "");
    timeout(SOON, server.task).await.expect("it ends").unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn draining_has_an_end() {
    let settings = Settings { head_timeout: SOON, ..Settings::default() };
    let server = start(settings, Duration::from_millis(200)).await;
    let mut half = TcpStream::connect(server.address).await.unwrap();
    half.write_all(b"GET /healthz HTTP/1.1\r\nhost:").await.unwrap();
    tokio::task::yield_now().await;
    server.stop.cancel();
    timeout(SOON, server.task).await.expect("it ends").unwrap();
}

#[tokio::test]
async fn sockets_that_never_ask_are_closed() {
    // R-HTTP-10
    let settings = Settings { head_timeout: Duration::from_millis(100), ..Settings::default() };
    let server = start(settings, SOON).await;
    for sent in [&b""[..], b"PRI * HT", b"GET / HT"] {
        let mut socket = TcpStream::connect(server.address).await.unwrap();
        socket.write_all(sent).await.unwrap();
        let answer = read_until(&mut socket, "never").await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
    }
}

#[tokio::test]
async fn operations_have_a_listener_of_their_own() {
    let app = Arc::new(World::new().await.app);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
    let task = tokio::spawn(serve_operations(listener, app, stop.clone()));
    for (path, status) in [("/metrics", "200"), ("/readyz", "200"), ("/scim/v2/Users", "404")] {
        let mut socket = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).await.unwrap();
        let answer = read_until(&mut socket, "never").await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
    }
    stop.cancel();
    timeout(SOON, task).await.expect("it ends").unwrap();
}

#[tokio::test]
async fn clients_that_never_read_are_closed() {
    // R-E-17
    let settings = Settings { send_timeout: Duration::from_millis(200), ..Settings::default() };
    let server = start(settings, SOON).await;
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    let asking = async {
        while socket.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.is_ok() {}
    };
    timeout(SOON, asking).await.expect("the server gives up");
}

#[tokio::test]
async fn who_sends_too_much_is_told_so() {
    // R-HTTP-10
    let settings = Settings { body_limit: 1024, ..Settings::default() };
    let server = start(settings, SOON).await;
    let size = 8 * 1024 * 1024;
    for head in [format!("content-length: {size}"), "transfer-encoding: chunked".into()] {
        let mut socket = TcpStream::connect(server.address).await.unwrap();
        let head = format!(
            "POST /scim/v2/Users HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n{head}\r\n\r\n",
            server.token
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        if head.contains("chunked") {
            socket.write_all(format!("{size:x}\r\n").as_bytes()).await.unwrap();
        }
        socket.write_all(&vec![b' '; size]).await.expect("nobody hangs up");
        if head.contains("chunked") {
            socket.write_all(b"\r\n0\r\n\r\n").await.unwrap();
        }
        let answer = read_until(&mut socket, "}").await;
        assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    }
}

#[tokio::test]
async fn sockets_say_who_asks() {
    // R-SEC-06
    let failures = Rate { per_second: 1, burst: 2 };
    let server = start(Settings { failures, ..Settings::default() }, SOON).await;
    for status in ["401", "401", "429"] {
        let mut socket = TcpStream::connect(server.address).await.unwrap();
        let wrong = "GET /scim/v2/Users HTTP/1.1\r\nhost: x\r\nauthorization: Bearer wrong\r\n\r\n";
        socket.write_all(wrong.as_bytes()).await.unwrap();
        let answer = read_until(&mut socket, "}").await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
    }
}

/// A raw query is read as far as the HTTP layer takes it for a URI; what it doesn't take is
/// refused by itself, before anybody can word the answer.
#[tokio::test]
async fn queries_may_be_raw() {
    // R-FILTER-23
    let server = start(Settings::default(), SOON).await;
    for (query, status) in [
        ("filter=userName+eq+%22{a|b}^`[]'%22&x=~!*();:@$,/?", "200"),
        ("filter=userName+eq+%22Müller%22", "200"),
        ("filter=userName+eq+\"ada\"", "400"),
        ("filter=userName+eq+<ada>", "400"),
    ] {
        let mut socket = TcpStream::connect(server.address).await.unwrap();
        let token = &server.token;
        let head = format!(
            "GET /scim/v2/Users?{query} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n"
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        let answer = read_until(&mut socket, "\r\n\r\n").await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{query}: {answer}");
    }
}
