//! A client that sends the body of a request when it likes.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::wait::PATIENCE;

/// What a server says once it wants the body (RFC 9110 §10.1.1): it has taken the head.
const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";

/// A request whose body is on its way.
#[derive(Debug)]
pub struct Slow(TcpStream);

impl Slow {
    /// Sends a head, of which each line has its end, and waits until the server wants the body.
    pub async fn begin(address: &str, head: &str) -> Self {
        let mut socket = TcpStream::connect(address).await.expect("it listens");
        let head = format!("{head}Expect: 100-continue\r\n\r\n");
        socket.write_all(head.as_bytes()).await.expect("it is sent");
        let mut told = [0; CONTINUE.len()];
        let read = timeout(PATIENCE, socket.read_exact(&mut told)).await;
        read.expect("it is answered").expect("it is answered");
        assert_eq!(String::from_utf8_lossy(&told), CONTINUE);
        Self(socket)
    }

    /// Sends some of the body.
    pub async fn send(&mut self, part: &str) {
        self.0.write_all(part.as_bytes()).await.expect("it is sent");
    }

    /// What is answered until the server closes.
    pub async fn answer(mut self) -> String {
        let mut answer = Vec::new();
        let read = timeout(PATIENCE, self.0.read_to_end(&mut answer)).await;
        read.expect("an answer").expect("an answer");
        String::from_utf8_lossy(&answer).into_owned()
    }
}
