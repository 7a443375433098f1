//! Delivery: a POST or a GET with a bound, tried again while that can help. Errors never hold the address: it may be a secret.

use std::time::Duration;

use http::{HeaderName, HeaderValue, Method};
use reqwest::{Client, Url};
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout_at};

use crate::manifest::{NotifySpec, Secret, SecretText};
use crate::workflow::trusting;

/// How patient a delivery is.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How long all that is told after a run may take.
    pub bound: Duration,
    /// How long one attempt may take.
    pub attempt: Duration,
    /// The pause after the first attempt that failed; the next is twice as long.
    pub pause: Duration,
}

/// How patient a run is with those whom it tells.
pub const PATIENCE: Patience = Patience {
    bound: Duration::from_secs(30),
    attempt: Duration::from_secs(10),
    pause: Duration::from_millis(500),
};

/// Attempts at most.
const ATTEMPTS: u32 = 5;
const AGENT: &str = concat!("flowbatch/", env!("CARGO_PKG_VERSION"));

/// Something to be sent.
#[derive(Clone, Debug)]
pub struct Letter {
    /// What it is about, for a person.
    pub about: String,
    method: Method,
    url: Secret,
    headers: Vec<(String, Secret)>,
    body: Option<Value>,
}

/// How a delivery ended: none, or why it failed.
pub type Delivered = Result<(), String>;

/// Makes the letters of a manifest's `notify`: one for each body, to its `url`; and the heartbeat. The error is a secret that
/// can't be read.
pub fn letters(
    spec: &NotifySpec,
    bodies: Vec<(String, Value)>,
    with_heartbeat: bool,
) -> Result<Vec<Letter>, String> {
    let read = |text: &SecretText| text.read().map_err(|error| error.to_string());
    let mut found = Vec::new();
    if let Some(url) = spec.url.as_ref().filter(|_| !bodies.is_empty()) {
        let url = read(url)?;
        let headers = spec.headers.iter().map(|(name, value)| Ok((name.clone(), read(value)?)));
        let headers = headers.collect::<Result<Vec<_>, String>>()?;
        found.extend(bodies.into_iter().map(|(about, body)| Letter {
            about,
            method: Method::POST,
            url: url.clone(),
            headers: headers.clone(),
            body: Some(body),
        }));
    }
    if let Some(url) = spec.heartbeat.as_ref().filter(|_| with_heartbeat) {
        let about = "heartbeat".to_owned();
        found.push(Letter { about, method: Method::GET, url: read(url)?, headers: Vec::new(), body: None });
    }
    Ok(found)
}

/// Sends letters beside one another, each within the bound, and says how each ended.
pub async fn deliver(letters: &[Letter], patience: Patience) -> Vec<Delivered> {
    let until = Instant::now() + patience.bound;
    futures::future::join_all(letters.iter().map(|letter| one(letter, patience, until))).await
}

async fn one(letter: &Letter, patience: Patience, until: Instant) -> Delivered {
    let client = client(letter.url.expose())?;
    let mut last = String::new();
    for attempt in 1..=ATTEMPTS {
        let at_most = until.min(Instant::now() + patience.attempt);
        let failed = match timeout_at(at_most, send(&client, letter)).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(failed)) => failed,
            Err(_) => Failed { why: "no answer in time".to_owned(), is_final: false },
        };
        last = match attempt {
            1 => failed.why,
            _ => format!("{} ({attempt} attempts)", failed.why),
        };
        let pause = patience.pause * 2_u32.pow(attempt - 1);
        if failed.is_final || attempt == ATTEMPTS || Instant::now() + pause >= until {
            break;
        }
        sleep(pause).await;
    }
    Err(last)
}

/// A failed attempt.
struct Failed {
    why: String,
    /// Whether another one would fail too.
    is_final: bool,
}

async fn send(client: &Client, letter: &Letter) -> Result<(), Failed> {
    let wrong = |why: &str| Failed { why: why.to_owned(), is_final: true };
    let url = Url::parse(letter.url.expose()).map_err(|_| wrong("the address is no URL"))?;
    let mut request = client.request(letter.method.clone(), url);
    if let Some(body) = &letter.body {
        request = request.header("Content-Type", "application/json").body(body.to_string());
    }
    for (name, value) in &letter.headers {
        let name = HeaderName::try_from(name).map_err(|_| wrong("a header has no right name"))?;
        let mut value = HeaderValue::try_from(value.expose())
            .map_err(|_| wrong("a header has a value that none can have"))?;
        value.set_sensitive(true);
        request = request.header(name, value);
    }
    let answer = request.send().await.map_err(|error| {
        let why = if error.is_connect() { "it can't be reached" } else { "the connection broke off" };
        Failed { why: why.to_owned(), is_final: error.is_builder() }
    })?;
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    // What it asks for may go to whoever the redirect names, with the headers: it is not followed.
    let why = if status.is_redirection() {
        format!("HTTP {} (redirects are not followed)", status.as_u16())
    } else {
        format!("HTTP {}", status.as_u16())
    };
    let may_pass = status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429);
    Err(Failed { why, is_final: !may_pass })
}

fn client(url: &str) -> Result<Client, String> {
    let url = Url::parse(url).map_err(|_| "the address is no URL".to_owned())?;
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let is_local = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    let tls = trusting(None).map_err(|error| error.to_string())?;
    let builder = Client::builder()
        .tls_backend_preconfigured(tls)
        .http1_only()
        .user_agent(AGENT)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never());
    // What runs on this machine is reached directly, whatever proxy the environment names.
    let builder = if is_local { builder.no_proxy() } else { builder };
    builder.build().map_err(|error| error.without_url().to_string())
}

#[cfg(test)]
mod tests;
