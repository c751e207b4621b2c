//! Fetches from real servers on the loopback interface.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rollcall_domain::Fetch as _;
use rollcall_outbound::{Allow, LARGEST, Outbound};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// A server that answers everything the same, in pieces with a pause between, and counts.
struct Served {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
    heads: Arc<std::sync::Mutex<Vec<String>>>,
}

impl Served {
    async fn answer(pieces: Vec<Vec<u8>>, pause: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, heads) = (Arc::<AtomicUsize>::default(), Arc::default());
        let served = Self { address, asked: Arc::clone(&asked), heads: Arc::clone(&heads) };
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                asked.fetch_add(1, Ordering::SeqCst);
                let mut head = vec![0; 4096];
                let length = stream.read(&mut head).await.unwrap_or(0);
                heads.lock().unwrap().push(String::from_utf8_lossy(&head[..length]).into_owned());
                for piece in &pieces {
                    if stream.write_all(piece).await.is_err() {
                        break;
                    }
                    tokio::time::sleep(pause).await;
                }
            }
        });
        served
    }

    async fn at_once(text: &str) -> Self {
        Self::answer(vec![text.into()], Duration::ZERO).await
    }

    async fn fetch(&self) -> Result<serde_json::Value, String> {
        self.fetch_within(Duration::from_secs(60)).await
    }

    async fn fetch_within(&self, time: Duration) -> Result<serde_json::Value, String> {
        let origin = format!("http://{}", self.address);
        let outbound = Outbound::new(Allow::origins([&origin]).unwrap());
        let outbound = outbound.within(time);
        outbound.json(&format!("{origin}/keys?v=1")).await.map_err(|error| error.to_string())
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn json_answer(body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=utf-8\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
}

#[tokio::test]
async fn json_is_fetched_from_allowed_origins() {
    let served = Served::at_once(&json_answer(r#"{"keys": []}"#)).await;
    assert_eq!(served.fetch().await, Ok(json!({"keys": []})));
    let head = served.heads.lock().unwrap().concat();
    assert!(head.starts_with("GET /keys?v=1 HTTP/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("host: {}\r\n", served.address)), "{head}");
}

#[tokio::test]
async fn r_wh_05_nothing_is_sent_to_private_addresses() {
    let served = Served::at_once(&json_answer("{}")).await;
    let outbound = Outbound::new(Allow::default());
    for url in [
        format!("https://{}/keys", served.address),
        format!("https://localhost:{}/keys", served.address.port()),
        format!("https://[::ffff:127.0.0.1]:{}/keys", served.address.port()),
        format!("http://{}/keys", served.address),
    ] {
        let told = outbound.json(&url).await.unwrap_err().to_string();
        assert!(told.contains("no public address") || told.contains("not `https`"), "{told}");
    }
    assert_eq!(served.asked(), 0);
}

#[tokio::test]
async fn r_wh_05_redirects_are_not_followed() {
    let elsewhere = Served::at_once(&json_answer("{}")).await;
    let head = "HTTP/1.1 302 Found\r\ncontent-length: 0\r\ncontent-type: application/json\r\n";
    let redirect = format!("{head}location: http://{}/\r\n\r\n", elsewhere.address);
    let served = Served::at_once(&redirect).await;
    let told = served.fetch().await.unwrap_err();
    assert_eq!(told, "the answer is a redirect (302), which is not followed");
    assert_eq!((served.asked(), elsewhere.asked()), (1, 0));
}

#[tokio::test]
async fn large_answers_are_refused() {
    let largest = format!(r#""{}""#, "x".repeat(LARGEST - 2));
    let served = Served::at_once(&json_answer(&largest)).await;
    assert!(served.fetch().await.is_ok());

    // By what it says, and by what comes.
    let said =
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 262145\r\n\r\n";
    let open = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n";
    for answer in [said.to_owned(), format!("{open}\"{}", "x".repeat(LARGEST))] {
        let told = Served::at_once(&answer).await.fetch().await.unwrap_err();
        assert_eq!(told, "the answer has more than 262144 bytes");
    }
}

#[tokio::test]
async fn slow_answers_are_refused_as_a_whole() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n";
    let mut pieces = vec![head.to_vec()];
    pieces.resize(50, b" ".to_vec());
    for pieces in [pieces, vec![Vec::new(); 50]] {
        // Each byte comes soon, and all of them too late: without a limit the answer would break
        // off in the end.
        let served = Served::answer(pieces, Duration::from_millis(50)).await;
        let told = served.fetch_within(Duration::from_millis(400)).await.unwrap_err();
        assert_eq!(told, "no answer within 400 ms");
    }
}

#[tokio::test]
async fn whatever_is_no_json_is_refused() {
    let with = |head: &str, body: &str| {
        format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    };
    let json = "content-type: application/json";
    let other = "the answer is not `application/json`";
    for (answer, expect) in [
        (with("200 OK\r\ncontent-type: text/html", "{}"), other),
        (with("200 OK\r\ncontent-type: text/json+xml", "{}"), other),
        (with("200 OK", "{}"), other),
        (with(&format!("200 OK\r\n{json}"), "{"), "the answer is not the JSON that it says"),
        (with(&format!("404 Not Found\r\n{json}"), "{}"), "the answer is 404"),
        (with(&format!("204 No Content\r\n{json}"), ""), "the answer is 204"),
        (
            with(&format!("200 OK\r\n{json}\r\ncontent-encoding: gzip"), "{}"),
            "the answer is compressed, which nobody asked for",
        ),
    ] {
        assert_eq!(Served::at_once(&answer).await.fetch().await.unwrap_err(), expect, "{answer}");
    }
    let kind = with("200 OK\r\ncontent-type: application/jwk-set+json", "{}");
    assert!(Served::at_once(&kind).await.fetch().await.is_ok());
    let told = Served::at_once("220 smtp.test ESMTP\r\n").await.fetch().await.unwrap_err();
    assert!(told.starts_with("the answer broke off, or is no HTTP"), "{told}");
}

#[tokio::test]
async fn an_endless_head_is_refused() {
    let line = format!("x-filler: {}\r\n", "x".repeat(1000));
    let answer = format!("HTTP/1.1 200 OK\r\n{}", line.repeat(200));
    let told = Served::at_once(&answer).await.fetch().await.unwrap_err();
    assert!(told.starts_with("the answer broke off, or is no HTTP"), "{told}");
}

#[tokio::test]
async fn a_server_without_a_certificate_is_refused() {
    let served = Served::at_once(&json_answer("{}")).await;
    let origin = format!("https://{}", served.address);
    let outbound = Outbound::new(Allow::origins([&origin]).unwrap());
    let told = outbound.json(&origin).await.unwrap_err().to_string();
    assert!(told.starts_with("no TLS: "), "{told}");
}
