//! Hand-written servers: each connection is a script, so that every way to misbehave can be told apart.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What a server has read.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) head: String,
    pub(super) body: String,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
    }
}

/// A server on loopback; it serves until the test ends.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    /// Gives each connection to the script; it may read requests from it as often as it likes.
    pub(super) fn start(script: impl Fn(&mut Peer) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (log, script) = (seen.clone(), Arc::new(script));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (log, script) = (log.clone(), script.clone());
                thread::spawn(move || script(&mut Peer { stream, log }));
            }
        });
        Self { address, seen }
    }

    /// Answers every request with the same bytes.
    pub(super) fn answering(response: impl Into<Vec<u8>>) -> Self {
        let response = response.into();
        Self::start(move |peer| {
            while peer.read_request() {
                peer.write(&response);
            }
        })
    }

    /// Answers the first request of each connection with these bytes, and closes it.
    pub(super) fn answering_once(response: impl Into<Vec<u8>>) -> Self {
        let response = response.into();
        Self::start(move |peer| {
            peer.read_request();
            peer.write(&response);
        })
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

/// The other side of one connection.
pub(super) struct Peer {
    pub(super) stream: TcpStream,
    log: Arc<Mutex<Vec<Seen>>>,
}

impl Peer {
    /// Reads one request to its end; false when the client is gone.
    pub(super) fn read_request(&mut self) -> bool {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            if !matches!(self.stream.read(&mut byte), Ok(1)) {
                return false;
            }
            head.push(byte[0]);
        }
        let mut seen = Seen { head: String::from_utf8(head).unwrap(), body: String::new() };
        let length = seen.header("content-length").first().map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        if self.stream.read_exact(&mut body).is_err() {
            return false;
        }
        seen.body = String::from_utf8(body).unwrap();
        self.log.lock().unwrap().push(seen);
        true
    }

    /// Writes as much as the client takes.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        let _gone = self.stream.write_all(bytes);
    }

    /// Waits until the client is gone.
    pub(super) fn wait(&mut self) {
        let _gone = self.stream.read_to_end(&mut Vec::new());
    }

    /// Says that nothing more will come.
    pub(super) fn close(&mut self) {
        let _gone = self.stream.shutdown(Shutdown::Both);
    }
}

/// A whole response with a length.
pub(super) fn response(status: u16, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// An address where nobody listens.
pub(super) fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
