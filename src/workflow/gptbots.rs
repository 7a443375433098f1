//! The GPTBots Workflow API's client (gptbots-workflow-api.md, sections 2 to 5).

mod records;

use std::fmt;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Method};
use reqwest::{Client, ClientBuilder, Request, Url};
use tokio::time::Instant;

use crate::fail_point::{self, Point};
use crate::manifest::{Mode, Secret};
use crate::model::{ErrorKind, RowError, StopCause};
use crate::pace;
use crate::reply::{Judgement, LogEntry, PollJudgement, judge_invoke, judge_poll};
use crate::workflow::connections::Connections;
use crate::workflow::exchange::Intake;
use crate::workflow::redaction::Redactor;
use crate::workflow::{Asks, Call, Error, LogQuery, Webhooks, Workflow, tls};

/// How long a free request may take: asking again is cheaper than waiting.
const FREE_REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

const AGENT: &str = concat!("flowbatch/", env!("CARGO_PKG_VERSION"));

/// How to reach a workflow.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The base URL, for instance `https://api-sg.gptbots.ai`.
    pub base_url: String,
    /// The key, which also says which workflow it is.
    pub api_key: Secret,
    /// Whether an invoke waits for the result.
    pub mode: Mode,
    /// How long a connection may take to stand.
    pub connect_timeout: Duration,
    /// How long an idle connection may be used again for an invoke.
    pub keep_alive: Duration,
    /// The largest body of a reply, in bytes.
    pub body_limit: u64,
    /// A PEM file with further roots.
    pub ca: Option<PathBuf>,
    /// How many connections are worth keeping.
    pub concurrency: usize,
    /// Further secrets that replies must not bring back; the key is one anyway.
    pub secrets: Vec<Secret>,
    /// Where free requests ask for a permit, when requests have a rate.
    pub asks: Asks,
    /// Where asynchronous results are delivered, too.
    pub webhooks: Webhooks,
}

/// A workflow at GPTBots, or at anything that speaks its Workflow API.
pub struct Gptbots {
    invokes: (Client, Connections),
    polls: (Client, Connections),
    asks: Asks,
    intake: Intake,
    authorization: HeaderValue,
    mode: Mode,
    webhooks: Webhooks,
    verify_url: Url,
    invoke_url: Url,
    query_url: Url,
    log_url: Url,
    credits_url: Url,
}

impl Gptbots {
    /// Makes a client; connects to nothing.
    pub fn new(settings: Settings) -> Result<Self, Error> {
        let base = base_url(&settings.base_url)?;
        let url = |path: &str| {
            let text = format!("{}{path}", base.as_str().trim_end_matches('/'));
            Url::parse(&text).map_err(|e| Error::BaseUrl { why: e.to_string() })
        };
        let bearer = format!("Bearer {}", settings.api_key.expose());
        let mut authorization = HeaderValue::try_from(bearer).map_err(|_| Error::ApiKey)?;
        authorization.set_sensitive(true);
        let [invokes, polls] = clients(&settings, &base)?;
        let redactor = Redactor::new(settings.secrets.into_iter().chain([settings.api_key]));
        let redactor = redactor.hiding_tokens(settings.webhooks.run_id());
        Ok(Self {
            invokes,
            polls,
            asks: settings.asks,
            intake: Intake { body_limit: settings.body_limit, redactor, used_up: Mutex::default() },
            authorization,
            mode: settings.mode,
            webhooks: settings.webhooks,
            verify_url: url("/v1/api-key/verify")?,
            invoke_url: url("/v1/workflow/invoke")?,
            query_url: url("/v1/workflow/query/result")?,
            log_url: url("/v1/workflow/run/logs")?,
            credits_url: url("/v1/account/workflow/run/credits")?,
        })
    }

    fn request(&self, method: Method, url: &Url, body: Option<Bytes>) -> Request {
        let mut request = Request::new(method, url.clone());
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, self.authorization.clone());
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        if body.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        *request.body_mut() = body.map(Into::into);
        request
    }

    /// Puts the input in as it is: a number in it that no type of ours can hold goes over the wire unharmed.
    fn invoke_body(&self, call: &Call) -> Bytes {
        let user_id = json_string(&call.user_id);
        let end = match self.mode {
            Mode::Async => match self.webhooks.write(call.row, call.attempt) {
                Some(webhooks) => format!(",\"isAsync\":true,\"webhook\":{webhooks}}}"),
                None => ",\"isAsync\":true}".to_owned(),
            },
            Mode::Sync => ",\"isAsync\":false}".to_owned(),
        };
        [b"{\"userId\":", user_id.as_bytes(), b",\"input\":", &call.input, end.as_bytes()].concat().into()
    }
}

impl Workflow for Gptbots {
    async fn verify(&self) -> Result<(), RowError> {
        self.asks.permit().await;
        let request = self.request(Method::GET, &self.verify_url, None);
        let received = self.intake.exchange(&self.polls.0, request, FREE_REQUEST_TIMEOUT).await;
        match judge_invoke(&received) {
            Judgement::Refused(refusal) if refusal.stop == Some(StopCause::Authentication) => {
                Err(refusal.error)
            }
            Judgement::Answered(reply) if reply.http_status == 403 => {
                let error = reply.error.unwrap_or_else(|| RowError::new(ErrorKind::FORBIDDEN, "HTTP 403"));
                Err(RowError { kind: ErrorKind::AUTHENTICATION, ..error })
            }
            _ => Ok(()),
        }
    }

    async fn invoke(&self, call: Call) -> Judgement {
        let body = self.invoke_body(&call);
        let request = self.request(Method::POST, &self.invoke_url, Some(body));
        fail_point::pass(Point::RequestReady);
        judge_invoke(&self.intake.exchange(&self.invokes.0, request, call.timeout).await)
    }

    async fn query(&self, workflow_run_id: &str) -> PollJudgement {
        let body = format!("{{\"workflowRunId\":{}}}", json_string(workflow_run_id));
        let request = self.request(Method::POST, &self.query_url, Some(body.into()));
        judge_poll(&self.intake.exchange(&self.polls.0, request, FREE_REQUEST_TIMEOUT).await, workflow_run_id)
    }

    fn connected(&self, request: pace::Request) -> Option<Instant> {
        match request {
            pace::Request::Invoke => self.invokes.1.take(),
            pace::Request::Poll => self.polls.1.take(),
        }
    }

    fn used_up(&self) -> Option<Instant> {
        self.intake.used_up.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    async fn run_log(&self, query: &LogQuery) -> Result<Vec<LogEntry>, RowError> {
        self.read_run_log(query).await
    }
}

impl fmt::Debug for Gptbots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (invoke_url, mode) = (self.invoke_url.as_str(), self.mode);
        f.debug_struct("Gptbots")
            .field("invoke_url", &invoke_url)
            .field("mode", &mode)
            .finish_non_exhaustive()
    }
}

/// Makes the clients for invokes and for polls, each with its own connections.
fn clients(settings: &Settings, base: &Url) -> Result<[(Client, Connections); 2], Error> {
    // What runs on this machine is reached directly, whatever proxy the environment names.
    let is_local = is_loopback(base);
    let mut tls = if is_local && base.scheme() == "http" {
        tls::unused()?
    } else {
        tls::trusting(settings.ca.as_deref())?
    };
    // Subtle: one HTTP/2 connection that breaks would put every row on it in doubt, not one.
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    let builder = || {
        let builder = ClientBuilder::new()
            .tls_backend_preconfigured(tls.clone())
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            // Subtle: nothing may be sent twice behind the journal's back.
            .retry(reqwest::retry::never())
            .connect_timeout(settings.connect_timeout)
            .pool_max_idle_per_host(settings.concurrency);
        if is_local { builder.no_proxy() } else { builder }
    };
    let built = |builder: ClientBuilder| {
        let connections = Connections::default();
        let builder =
            if settings.asks.is_needed() { builder.connector_layer(connections.clone()) } else { builder };
        builder.build().map(|client| (client, connections)).map_err(Error::Client)
    };
    // A server that closes an idle connection while we write to it leaves a row in doubt, so invokes use a
    // connection again only while it is fresh. Polls are free to fail.
    Ok([built(builder().pool_idle_timeout(settings.keep_alive))?, built(builder())?])
}

fn json_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn base_url(text: &str) -> Result<Url, Error> {
    let wrong = |why: &str| Err(Error::BaseUrl { why: why.to_owned() });
    let url = Url::parse(text).map_err(|e| Error::BaseUrl { why: e.to_string() })?;
    match url.scheme() {
        "http" | "https" => {}
        other => return wrong(&format!("`{other}` is neither http nor https")),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return wrong("it names a user; the key belongs in `workflow.api_key`");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return wrong("it has a query or a fragment");
    }
    Ok(url)
}

pub(super) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    address.map_or_else(|_| host == "localhost" || host.ends_with(".localhost"), |a| a.is_loopback())
}
