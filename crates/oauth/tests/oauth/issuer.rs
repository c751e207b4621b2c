//! An issuer that publishes its keys over HTTP.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use rollcall_domain::{Fetch, FetchError};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::keys::Key;

/// A real server on the loopback interface.
pub(crate) struct Issuer {
    pub(crate) url: String,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    keys: Mutex<Vec<Value>>,
    is_down: AtomicBool,
    fetched: AtomicUsize,
    url: Mutex<String>,
}

impl Issuer {
    pub(crate) async fn serve(keys: &[&Key]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State::default());
        *state.url.lock().unwrap() = url.clone();
        let issuer = Self { url, state: Arc::clone(&state) };
        issuer.publish(keys);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(Arc::clone(&state), stream));
            }
        });
        issuer
    }

    /// Publishes these keys, and no others.
    pub(crate) fn publish(&self, keys: &[&Key]) {
        *self.state.keys.lock().unwrap() = keys.iter().map(|key| key.jwk()).collect();
    }

    /// Whether it fails from now on.
    pub(crate) fn set_down(&self, is_down: bool) {
        self.state.is_down.store(is_down, Ordering::SeqCst);
    }

    /// Says that it is another issuer.
    pub(crate) fn pose_as(&self, url: &str) {
        *self.state.url.lock().unwrap() = url.into();
    }

    /// How often its keys were fetched.
    pub(crate) fn fetched(&self) -> usize {
        self.state.fetched.load(Ordering::SeqCst)
    }

    pub(crate) fn jwks_uri(&self) -> String {
        format!("{}/keys", self.url)
    }

    /// Whoever fetches from this server alone.
    pub(crate) fn near(&self) -> Arc<Near> {
        Arc::new(Near(self.url.clone()))
    }
}

/// Fetches over HTTP from one server.
pub(crate) struct Near(String);

#[async_trait]
impl Fetch for Near {
    async fn json(&self, url: &str) -> Result<Value, FetchError> {
        let path = url.strip_prefix(&*self.0);
        let path = path.ok_or_else(|| FetchError(format!("{url} is elsewhere")))?;
        let address = self.0.strip_prefix("http://").unwrap();
        let answer = get(address, path).await.map_err(|error| FetchError(error.to_string()))?;
        match answer.split_once("\r\n\r\n") {
            Some((head, body)) if head.starts_with("HTTP/1.1 200 ") => {
                serde_json::from_str(body).map_err(|error| FetchError(error.to_string()))
            }
            _ => Err(FetchError(answer)),
        }
    }
}

async fn get(address: &str, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n\r\n").as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

async fn answer(state: Arc<State>, mut stream: TcpStream) {
    let mut head = vec![0; 4096];
    let length = stream.read(&mut head).await.unwrap_or(0);
    let head = String::from_utf8_lossy(&head[..length]);
    let own = state.url.lock().unwrap().clone();
    let (status, body) = match head.split(' ').nth(1) {
        _ if state.is_down.load(Ordering::SeqCst) => ("503 Service Unavailable", json!({})),
        Some("/keys") => {
            state.fetched.fetch_add(1, Ordering::SeqCst);
            // Long enough for others to come meanwhile.
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            ("200 OK", json!({"keys": *state.keys.lock().unwrap()}))
        }
        Some("/.well-known/openid-configuration") => {
            ("200 OK", json!({"issuer": own, "jwks_uri": format!("{own}/keys")}))
        }
        _ => ("404 Not Found", json!({})),
    };
    let body = body.to_string();
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let _ = stream.write_all(answer.as_bytes()).await;
}
