//! A server that misbehaves on purpose, and keeps a record of every request that reached it.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) authorization: String,
    pub(crate) body: Value,
    /// How many requests with this path and user came before.
    pub(crate) nth: usize,
}

impl Request {
    pub(crate) fn user(&self) -> &str {
        self.body["userId"].as_str().unwrap_or_default()
    }

    /// The number of the row that it is for, out of the row's tag.
    pub(crate) fn row(&self) -> u64 {
        self.user().rsplit('-').next().and_then(|number| number.parse().ok()).unwrap_or(0)
    }
}

/// What the server does about a request.
#[derive(Clone)]
pub(crate) enum Act {
    /// Writes these bytes and closes.
    Write(Vec<u8>),
    /// Closes without a word, so that the peer sees a reset.
    Reset,
    /// Says nothing until the server is dropped.
    Hang,
    /// Writes in drips of so many bytes with this pause between, then closes.
    Drip(Vec<u8>, usize, Duration),
}

/// A whole HTTP response.
pub(crate) fn response(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Act {
    let body = body.as_ref();
    let mut bytes =
        format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n", body.len());
    if !headers.is_empty() && !headers.ends_with("\r\n") {
        bytes = bytes.replace(headers, &format!("{headers}\r\n"));
    }
    let mut bytes = bytes.into_bytes();
    bytes.extend_from_slice(body);
    Act::Write(bytes)
}

/// A 200 with a JSON body.
pub(crate) fn ok(body: &Value) -> Act {
    response("200 OK", "Content-Type: application/json", body.to_string())
}

/// A 200 with a run that succeeded.
pub(crate) fn succeeded(run_id: &str, output: &Value) -> Act {
    ok(&json!({
        "workflowRunId": run_id, "status": "SUCCEED", "output": output, "totalCost": 0.25, "totalTokens": 7,
        "startTime": 1_758_765_323_024_u64, "endTime": 1_758_765_324_024_u64, "executionTime": 1000,
    }))
}

/// The server.
pub(crate) struct Hostile {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<Request>>>,
    closing: Arc<AtomicBool>,
}

impl Hostile {
    /// Serves; `act` decides about each request but the free one that asks whether the key is good: it is.
    pub(crate) fn serve(act: impl Fn(&Request) -> Act + Send + Sync + 'static) -> Self {
        Self::serve_all(
            move |request| if request.path.ends_with("/verify") { ok(&json!({})) } else { act(request) },
        )
    }

    /// Serves; `act` decides about each request.
    pub(crate) fn serve_all(act: impl Fn(&Request) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::<Mutex<Vec<Request>>>::default();
        let closing = Arc::<AtomicBool>::default();
        let (record, closed, act) = (Arc::clone(&requests), Arc::clone(&closing), Arc::new(act));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if closed.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let (record, closed, act) = (Arc::clone(&record), Arc::clone(&closed), Arc::clone(&act));
                thread::spawn(move || serve_one(stream, &record, &closed, &*act));
            }
        });
        Self { url, requests, closing }
    }

    pub(crate) fn requests(&self, path: &str) -> Vec<Request> {
        self.requests.lock().unwrap().iter().filter(|request| request.path.ends_with(path)).cloned().collect()
    }

    pub(crate) fn invokes(&self) -> Vec<Request> {
        self.requests("/invoke")
    }

    /// How often each row was sent, in the order of rows.
    pub(crate) fn sends(&self, rows: u64) -> Vec<usize> {
        let invokes = self.invokes();
        (1..=rows).map(|row| invokes.iter().filter(|request| request.row() == row).count()).collect()
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::SeqCst);
        // Wakes the listener, so that its port is let go.
        let _ = TcpStream::connect(self.url.trim_start_matches("http://"));
    }
}

fn serve_one(
    mut stream: TcpStream,
    record: &Mutex<Vec<Request>>,
    closing: &AtomicBool,
    act: &dyn Fn(&Request) -> Act,
) {
    let Some(mut request) = read(&mut stream) else { return };
    request.nth = {
        let mut all = record.lock().unwrap();
        let same = |other: &&Request| other.path == request.path && other.body == request.body;
        let nth = all.iter().filter(same).count();
        all.push(Request { nth, ..request.clone() });
        nth
    };
    match act(&request) {
        Act::Write(bytes) => {
            let _ = stream.write_all(&bytes).and_then(|()| stream.flush());
            let _ = stream.shutdown(Shutdown::Write);
            // Waits for the peer to be done, so that no reset overtakes what was written.
            let _ = stream.read(&mut [0]);
        }
        // The byte that `read` left is still unread: closing then sends a reset.
        Act::Reset => {}
        Act::Hang => {
            while !closing.load(Ordering::SeqCst) {
                thread::sleep(Duration::from_millis(5));
            }
        }
        Act::Drip(bytes, size, pause) => {
            for drip in bytes.chunks(size) {
                if stream.write_all(drip).and_then(|()| stream.flush()).is_err() {
                    return;
                }
                thread::sleep(pause);
            }
            let _ = stream.shutdown(Shutdown::Write);
            let _ = stream.read(&mut [0]);
        }
    }
}

/// Reads a request, but for its last byte, which stays in the socket.
fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    let head_end = loop {
        let mut byte = [0];
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        bytes.push(byte[0]);
        if bytes.ends_with(b"\r\n\r\n") {
            break bytes.len();
        }
    };
    let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
    let header = |name: &str| {
        let found = head.lines().find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:")));
        found.map(|line| line[name.len() + 1..].trim().to_owned()).unwrap_or_default()
    };
    let length: usize = header("content-length").parse().unwrap_or(0);
    let mut body = vec![0; length];
    // All but one byte is taken out; the last one is looked at where it lies.
    if length > 1 {
        stream.read_exact(&mut body[..length - 1]).ok()?;
    }
    if length > 0 {
        let mut last = [0];
        while stream.peek(&mut last).ok()? == 0 {}
        body[length - 1] = last[0];
    }
    let path = head.split_whitespace().nth(1)?.to_owned();
    let body = serde_json::from_slice(&body).unwrap_or_default();
    Some(Request { path, authorization: header("authorization"), body, nth: 0 })
}
