//! One HTTP request and its response, bounded in time and size, and told apart by whether it can have reached the
//! service.

use std::error::Error as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::header::LOCATION;
use jiff::Timestamp;
use reqwest::{Request, Response, Url};
use tokio::time::{Instant, timeout_at};

use crate::fail_point::{self, Point};
use crate::machine;
use crate::reply::{Body, Received};
use crate::workflow::asked::{Asked, asked};
use crate::workflow::redaction::Redactor;

/// How responses are taken in.
#[derive(Debug)]
pub(super) struct Intake {
    /// The largest body, in bytes, after decompression.
    pub(super) body_limit: u64,
    /// What is cut out of it.
    pub(super) redactor: Redactor,
    /// Until when the service will take nothing more, by what its answers have said since this was last asked.
    pub(super) used_up: Mutex<Option<Instant>>,
}

impl Intake {
    /// Sends a request and waits for the end of the response, at most for `timeout`.
    pub(super) async fn exchange(
        &self,
        client: &reqwest::Client,
        request: Request,
        timeout: Duration,
    ) -> Received {
        // A timeout beyond what the clock can count is none.
        let year = Duration::from_secs(365 * 24 * 3600);
        let deadline = Instant::now() + timeout.min(year);
        let url = request.url().clone();
        let sent = Instant::now();
        let received = self.receive(client, request, &url, deadline, timeout).await;
        let ms = u64::try_from(sent.elapsed().as_millis()).unwrap_or(u64::MAX);
        let path = url.path();
        match &received {
            Received::Response { status, .. } => tracing::debug!(path, status, ms, "answered"),
            Received::NotSent { message }
            | Received::OutOfFiles { message }
            | Received::Lost { message, .. } => {
                tracing::info!(path, ms, message);
            }
        }
        received
    }

    async fn receive(
        &self,
        client: &reqwest::Client,
        request: Request,
        url: &Url,
        deadline: Instant,
        timeout: Duration,
    ) -> Received {
        let response = match timeout_at(deadline, client.execute(request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return self.failed(url, error),
            Err(_) => {
                let message = format!("{} gave no answer within {timeout:?}", place(url));
                return Received::Lost { timed_out: true, message };
            }
        };
        if url.path().ends_with("/invoke") {
            fail_point::pass(Point::RequestTaken);
        }
        let status = response.status();
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let Asked { retry_after, used_up } = asked(status, response.headers(), Timestamp::now());
        if let Some(wait) = used_up {
            let mut noted = self.used_up.lock().unwrap_or_else(PoisonError::into_inner);
            *noted = (*noted).max(Some(Instant::now() + wait));
        }
        let target = header(LOCATION).filter(|_| status.is_redirection());
        let location = target.and_then(|target| url.join(target).ok()?.host_str().map(str::to_owned));
        let (body, redacted) = self.redactor.clean(self.body(response, deadline).await);
        Received::Response { status: status.as_u16(), retry_after, location, body, redacted }
    }

    pub(super) async fn body(&self, mut response: Response, deadline: Instant) -> Body {
        let limit = usize::try_from(self.body_limit).unwrap_or(usize::MAX);
        let mut body = Vec::new();
        loop {
            match timeout_at(deadline, response.chunk()).await {
                Ok(Ok(Some(chunk))) => {
                    let room = limit - body.len();
                    body.extend_from_slice(&chunk[..chunk.len().min(room)]);
                    if chunk.len() > room {
                        return Body::TooLarge(body.into());
                    }
                }
                Ok(Ok(None)) => return Body::Whole(body.into()),
                // A reset, a wrong length, bytes that can't be decompressed, the deadline: the rest never came.
                Ok(Err(_)) | Err(_) => return Body::Cut(body.into()),
            }
        }
    }

    /// Subtle: only an error from before there was a connection proves that nothing was sent. hyper-util calls such
    /// an error `Connect` (name, TCP, proxy tunnel, TLS) and no other; `Canceled` and `SendRequest` come later.
    fn failed(&self, url: &Url, error: reqwest::Error) -> Received {
        let unsent = error.is_connect() || error.is_builder();
        if unsent && is_out_of_files(&error) {
            return Received::OutOfFiles { message: format!("{}; then resume", machine::OUT_OF_FILES) };
        }
        let timed_out = error.is_timeout();
        let message = format!("{}: {}", place(url), causes(error));
        let message = self.redactor.clean_text(message);
        if unsent { Received::NotSent { message } } else { Received::Lost { timed_out, message } }
    }
}

/// Says whether a connection was not made for want of files. The resolver of names does not always tell, so the machine
/// is asked as well.
fn is_out_of_files(error: &reqwest::Error) -> bool {
    let mut next = error.source();
    while let Some(cause) = next {
        if cause.downcast_ref::<std::io::Error>().is_some_and(machine::is_out_of_files) {
            return true;
        }
        next = cause.source();
    }
    cfg!(unix) && !machine::can_open(Path::new("/dev/null"), 1)
}

/// Host and port, which hold no secret; path and query stay out.
fn place(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// The causes of an error, the outermost left off when there are others: it says no more than that sending failed.
fn causes(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut causes = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if causes.last() != Some(&text) {
            causes.push(text);
        }
        next = cause.source();
    }
    if causes.is_empty() { error.to_string() } else { causes.join(": ") }
}
