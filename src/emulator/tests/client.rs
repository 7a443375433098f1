//! A client that is only a socket, so that nothing of the project's own client is needed to judge the emulator.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::emulator::{Definition, Emulator, Options};

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    /// 0 when no head came.
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
    /// Whether the body is shorter than its head promised, or the connection failed.
    pub(super) cut: bool,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(super) fn run_id(&self) -> String {
        self.json()["workflowRunId"].as_str().unwrap().to_owned()
    }
}

/// Sends bytes and reads until the server closes.
pub(super) async fn raw(address: SocketAddr, bytes: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut received = Vec::new();
    // Whatever fails here is what the test wants to see.
    let wrote = stream.write_all(bytes).await;
    let read = stream.read_to_end(&mut received).await;
    let text = String::from_utf8_lossy(&received).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or(("", ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let mut answer =
        Answer { status, head: head.to_owned(), body: body.to_owned(), cut: wrote.is_err() || read.is_err() };
    let promised = answer.header("content-length").and_then(|length| length.parse::<usize>().ok());
    answer.cut |= status == 0 || promised.is_some_and(|promised| promised > answer.body.len());
    answer
}

/// Sends a request with a key.
pub(super) async fn request(address: SocketAddr, method: &str, path: &str, key: &str, body: &str) -> Answer {
    let text = format!(
        "{method} {path} HTTP/1.1\r\nhost: emulator\r\nconnection: close\r\nauthorization: {key}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    raw(address, text.as_bytes()).await
}

pub(super) async fn post(address: SocketAddr, path: &str, body: &Value) -> Answer {
    request(address, "POST", path, "Bearer k", &body.to_string()).await
}

pub(super) async fn invoke(address: SocketAddr, body: &Value) -> Answer {
    post(address, "/v1/workflow/invoke", body).await
}

pub(super) async fn poll(address: SocketAddr, run_id: &str) -> Answer {
    post(address, "/v1/workflow/query/result", &json!({ "workflowRunId": run_id })).await
}

pub(super) async fn get(address: SocketAddr, path: &str) -> Answer {
    request(address, "GET", path, "Bearer k", "").await
}

/// Asks until the run has ended; time must be paused, so that waiting takes none.
pub(super) async fn result(address: SocketAddr, run_id: &str) -> Value {
    loop {
        let found = poll(address, run_id).await.json();
        if matches!(found["status"].as_str(), Some("SUCCEED" | "FAILED")) {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Starts an emulator from YAML.
pub(super) async fn start(definition: &str) -> Emulator {
    start_with(definition, Options::default()).await
}

pub(super) async fn start_with(definition: &str, options: Options) -> Emulator {
    let definition = Definition::parse(definition).unwrap_or_else(|error| panic!("{error}"));
    Emulator::start(definition, options).await.unwrap_or_else(|error| panic!("{error}"))
}

/// Keeps paused time still while it lives: the runtime would else move it on whenever it waits for a socket.
pub(super) struct Frozen {
    _until: std::sync::mpsc::Sender<()>,
}

impl Frozen {
    pub(super) fn time() -> Self {
        let (until, dropped) = std::sync::mpsc::channel();
        // The runtime does not move paused time while a blocking task runs.
        tokio::task::spawn_blocking(move || dropped.recv());
        Self { _until: until }
    }
}
