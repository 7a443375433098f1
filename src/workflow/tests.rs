mod server;

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::exchange::Intake;
use super::redaction::Redactor;
use super::*;
use crate::manifest::{Mode, Secret};
use crate::model::{ErrorKind, StopCause};
use crate::reply::{Received, Reply};
use server::{Server, nobody, response};

const KEY: &str = "app-0123456789abcdef";

const SUCCESS: &str = r#"{"workflowRunId":"r-1","status":"SUCCEED","output":{"a":1},"totalCost":0.1}"#;

/// An authority that signed nothing: so the tests need no roots of the machine's own.
const NO_CA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/workflow/tests/server.pem");

const CA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/workflow/tests/ca.pem");

fn settings(base_url: &str) -> Settings {
    Settings {
        base_url: base_url.to_owned(),
        api_key: Secret::new(KEY),
        mode: Mode::Sync,
        connect_timeout: Duration::from_secs(10),
        keep_alive: Duration::from_secs(4),
        body_limit: 1 << 20,
        ca: Some(NO_CA.into()),
        concurrency: 8,
        secrets: vec![Secret::new("hook-token-42")],
        webhooks: Webhooks::default(),
        asks: Asks::default(),
    }
}

fn client(base_url: &str) -> Gptbots {
    Gptbots::new(settings(base_url)).unwrap()
}

fn call(input: &'static str) -> Call {
    Call {
        input: Bytes::from_static(input.as_bytes()),
        user_id: "fb-run-1".to_owned(),
        timeout: Duration::from_secs(60),
        row: 1,
        attempt: 1,
    }
}

async fn invoke(base_url: &str) -> Judgement {
    client(base_url).invoke(call("{}")).await
}

fn words(judgement: &Judgement) -> String {
    match judgement {
        Judgement::Refused(refusal) => match refusal.stop {
            Some(cause) => format!("stop {cause:?}"),
            None => format!("refused {}", refusal.error.kind),
        },
        Judgement::Ambiguous { error, .. } => format!("doubt {}", error.kind),
        Judgement::Acknowledged { workflow_run_id, .. } => format!("taken as {workflow_run_id}"),
        Judgement::Answered(reply) => match &reply.error {
            Some(error) => format!("failed {}", error.kind),
            None => "succeeded".to_owned(),
        },
    }
}

fn message(judgement: &Judgement) -> &str {
    match judgement {
        Judgement::Refused(refusal) => &refusal.error.message,
        Judgement::Ambiguous { error, .. } => &error.message,
        Judgement::Answered(reply) => &reply.error.as_ref().unwrap().message,
        Judgement::Acknowledged { .. } => "",
    }
}

/// One invoke against a server; what it means, and how often the server saw it.
async fn check(server: Server, expected: &str) {
    let judgement = invoke(&server.url()).await;
    assert_eq!(words(&judgement), expected, "{judgement:?}");
    assert!(!format!("{judgement:?}").contains(KEY));
    assert!(server.seen().len() <= 1, "a request is never sent twice");
}

#[tokio::test]
async fn an_invoke_is_the_documented_request() {
    for (mode, is_async) in [(Mode::Sync, "false"), (Mode::Async, "true")] {
        let server = Server::answering(response(200, "", SUCCESS));
        let base_url = format!("{}/proxy/", server.url());
        let client = Gptbots::new(Settings { mode, ..settings(&base_url) }).unwrap();
        let input = r#"{"id": 12345678901234567890.10, "q":"é\n"}"#;
        let call = Call { user_id: "a \"b\"".to_owned(), ..call(input) };
        assert_eq!(words(&client.invoke(call).await), "succeeded");
        let seen = server.seen().remove(0);
        assert!(seen.head.starts_with("POST /proxy/v1/workflow/invoke HTTP/1.1\r\n"), "{}", seen.head);
        assert_eq!(seen.header("authorization"), [format!("Bearer {KEY}")]);
        assert_eq!(seen.header("content-type"), ["application/json"]);
        assert_eq!(seen.header("user-agent"), [format!("flowbatch/{}", env!("CARGO_PKG_VERSION"))]);
        let body = format!(r#"{{"userId":"a \"b\"","input":{input},"isAsync":{is_async}}}"#);
        assert_eq!(seen.body, body);
    }
}

#[tokio::test]
async fn a_query_asks_for_the_run_by_its_id() {
    let server = Server::answering(response(200, "", SUCCESS));
    let client = client(&server.url());
    assert!(matches!(client.query("r-1").await, PollJudgement::Answered(_)));
    assert!(matches!(client.query("r-\"2").await, PollJudgement::Refused(_)));
    let seen = server.seen();
    assert!(seen[0].head.starts_with("POST /v1/workflow/query/result HTTP/1.1\r\n"));
    assert_eq!(seen[0].header("authorization"), [format!("Bearer {KEY}")]);
    assert_eq!(seen[0].body, r#"{"workflowRunId":"r-1"}"#);
    assert_eq!(seen[1].body, r#"{"workflowRunId":"r-\"2"}"#);
    let lost = Gptbots::new(settings(&format!("http://{}", nobody()))).unwrap();
    assert!(matches!(lost.query("r-1").await, PollJudgement::Again(_)));
}

#[tokio::test]
async fn only_a_refused_key_fails_the_verification() {
    let refusals = [
        response(401, "", ""),
        response(403, "", "<html>"),
        response(403, "", r#"{"code":403204,"message":"x"}"#),
        response(200, "", r#"{"code":40127,"message":"x"}"#),
    ];
    for refusal in refusals {
        let server = Server::answering(refusal);
        let error = client(&server.url()).verify().await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::AUTHENTICATION);
        let seen = server.seen().remove(0);
        assert!(seen.head.starts_with("GET /v1/api-key/verify HTTP/1.1\r\n"), "{}", seen.head);
        assert_eq!(seen.header("authorization"), [format!("Bearer {KEY}")]);
    }
    let others = [
        response(200, "", r#"{"code":0,"data":{"type":"WORKFLOW"}}"#),
        response(404, "", ""),
        response(429, "", ""),
        response(302, "Location: /login\r\n", ""),
        response(500, "", "oops"),
        Vec::new(),
    ];
    for other in others {
        let server = Server::answering_once(other);
        assert_eq!(client(&server.url()).verify().await, Ok(()));
    }
    assert_eq!(client(&format!("http://{}", nobody())).verify().await, Ok(()));
}

#[tokio::test]
async fn without_a_connection_nothing_was_sent() {
    let url = format!("http://{}", nobody());
    let judgement = invoke(&url).await;
    assert_eq!(words(&judgement), "refused connect");
    assert!(message(&judgement).contains("127.0.0.1:"), "{}", message(&judgement));
    assert!(message(&judgement).contains("tcp connect error"), "{}", message(&judgement));
    assert!(!message(&judgement).contains("workflow/invoke"), "{}", message(&judgement));
}

/// A server that speaks TLS with the certificate of the test's own authority.
fn tls_server() -> Server {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/workflow/tests");
    let chain = CertificateDer::pem_file_iter(folder.join("server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.join("server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain.map(Result::unwrap).collect(), key)
        .unwrap();
    let config = Arc::new(config);
    Server::start(move |peer| {
        let mut session = rustls::ServerConnection::new(config.clone()).unwrap();
        let mut stream = rustls::Stream::new(&mut session, &mut peer.stream);
        let mut request = Vec::new();
        while !request.ends_with(b"}") {
            let mut part = [0; 1024];
            match std::io::Read::read(&mut stream, &mut part) {
                Ok(length) if length > 0 => request.extend_from_slice(&part[..length]),
                _ => return,
            }
        }
        stream.write_all(&response(200, "", SUCCESS)).unwrap();
        peer.wait();
    })
}

#[tokio::test]
async fn a_certificate_is_believed_when_its_authority_is_named() {
    let server = tls_server();
    let url = format!("https://{}", server.address);
    let judgement = invoke(&url).await;
    assert_eq!(words(&judgement), "refused connect");
    assert!(message(&judgement).contains("certificate"), "{}", message(&judgement));
    let ca = Some(CA.into());
    let client = Gptbots::new(Settings { ca, ..settings(&url) }).unwrap();
    assert_eq!(words(&client.invoke(call("{}")).await), "succeeded");
}

#[tokio::test]
async fn without_tls_at_the_other_end_nothing_was_sent() {
    let server = Server::start(|peer| peer.write(&response(400, "", "no TLS here")));
    let url = format!("https://{}", server.address);
    assert_eq!(words(&invoke(&url).await), "refused connect");
    let silent = Server::start(server::Peer::wait);
    let connect_timeout = Duration::from_millis(20);
    let url = format!("https://{}", silent.address);
    let client = Gptbots::new(Settings { connect_timeout, ..settings(&url) }).unwrap();
    assert_eq!(words(&client.invoke(call("{}")).await), "refused connect");
}

fn intake(body_limit: u64) -> Intake {
    Intake { body_limit, redactor: Redactor::new([Secret::new(KEY)]), used_up: Mutex::default() }
}

#[tokio::test]
async fn a_proxy_that_is_not_there_or_refuses_the_tunnel_sent_nothing() {
    let refusing = Server::answering(response(403, "", "no"));
    for proxy in [nobody(), refusing.address] {
        let proxy = reqwest::Proxy::all(format!("http://user:{KEY}@{proxy}")).unwrap();
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::unused().unwrap())
            .proxy(proxy)
            .build()
            .unwrap();
        let url = "https://127.0.0.1:9/v1/workflow/invoke?token=t".parse().unwrap();
        let request = reqwest::Request::new(http::Method::POST, url);
        let received = intake(1).exchange(&client, request, Duration::from_secs(60)).await;
        let Received::NotSent { message } = received else { panic!("{received:?}") };
        assert!(message.starts_with("127.0.0.1:9: "), "{message}");
        assert!(!message.contains("token") && !message.contains(KEY), "{message}");
    }
}

#[tokio::test]
async fn a_connection_lost_after_the_request_leaves_it_in_doubt() {
    let lost = "doubt connection_lost";
    check(Server::start(|_| ()), lost).await;
    check(Server::answering_once(""), lost).await;
    check(Server::answering_once("HTTP/1.1 200 OK\r\nContent-"), lost).await;
    check(Server::answering_once("SSH-2.0-OpenSSH_9.6\r\n"), lost).await;
    let large = format!("HTTP/1.1 200 OK\r\nX-Large: {}\r\n\r\n", "x".repeat(1 << 20));
    check(Server::answering_once(large), lost).await;
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X-Many: 1\r\n".repeat(1000));
    check(Server::answering_once(many), lost).await;
}

#[tokio::test]
async fn no_answer_within_the_timeout_leaves_it_in_doubt() {
    let server = Server::start(server::Peer::wait);
    let call = Call { timeout: Duration::from_millis(50), ..call("{}") };
    let judgement = client(&server.url()).invoke(call).await;
    assert_eq!(words(&judgement), "doubt timeout");
    assert!(message(&judgement).ends_with("gave no answer within 50ms"), "{}", message(&judgement));
    let server = Server::answering(response(200, "", SUCCESS));
    let call = Call { timeout: Duration::MAX, ..self::call("{}") };
    assert_eq!(words(&client(&server.url()).invoke(call).await), "succeeded");
}

#[tokio::test]
async fn a_body_that_ends_too_early_leaves_it_in_doubt() {
    let cut = "doubt reply_cut";
    check(Server::answering_once("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"status\""), cut).await;
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"a\":\r\n";
    check(Server::answering_once(chunked), cut).await;
    let wrong = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n";
    check(Server::answering_once(wrong), cut).await;
    let gzip = gzipped(SUCCESS.as_bytes());
    let encoded = "Content-Encoding: gzip\r\n";
    check(Server::answering(response(200, encoded, &gzip[..gzip.len() - 9])), cut).await;
    check(Server::answering(response(200, encoded, "not gzip")), cut).await;
    check(Server::answering(response(200, encoded, &gzip)), "succeeded").await;
    // Without a length, the end of the connection is the end of the body.
    check(Server::answering_once(format!("HTTP/1.1 200 OK\r\n\r\n{SUCCESS}")), "succeeded").await;
    check(Server::answering_once("HTTP/1.1 200 OK\r\n\r\n{\"status\""), "doubt reply_unreadable").await;
    // What the status alone says is believed.
    check(Server::answering_once("HTTP/1.1 429 X\r\nContent-Length: 99\r\n\r\n{"), "refused throttled").await;
}

#[tokio::test]
async fn the_start_of_a_cut_body_is_kept() {
    let server = Server::answering_once(format!(
        "HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{{\"a\":\"Bearer {KEY}\",\"b\":\"{}",
        &KEY[..9]
    ));
    let Judgement::Ambiguous { body, .. } = invoke(&server.url()).await else { panic!() };
    assert_eq!(body.as_deref(), Some(r#"{"a":"Bearer [secret]","b":"[secret]"#));
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_body_is_taken_up_to_its_limit_and_no_further() {
    let limit = 1 << 20;
    let fill = |length: usize| {
        let frame = r#"{"status":"SUCCEED","output":""}"#.len();
        format!(r#"{{"status":"SUCCEED","output":"{}"}}"#, "x".repeat(length - frame))
    };
    check(Server::answering(response(200, "", fill(limit))), "succeeded").await;
    check(Server::answering(response(200, "", fill(limit + 1))), "doubt reply_too_large").await;
    let bomb = gzipped(&vec![b' '; 32 << 20]);
    assert!(bomb.len() < 1 << 20);
    let bomb = response(200, "Content-Encoding: gzip\r\n", bomb);
    check(Server::answering_once(bomb), "doubt reply_too_large").await;
    let endless = Server::start(|peer| {
        peer.read_request();
        peer.write(b"HTTP/1.1 200 OK\r\n\r\n");
        while peer.stream.write_all(&[b'x'; 4096]).is_ok() {}
    });
    check(endless, "doubt reply_too_large").await;
}

#[tokio::test]
async fn informational_responses_are_no_answer() {
    let early = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    let both = [early.as_bytes(), &response(200, "", SUCCESS)].concat();
    check(Server::answering(both), "succeeded").await;
    check(Server::answering_once(early), "doubt connection_lost").await;
    let switch = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n";
    check(Server::answering_once(switch), "doubt gateway").await;
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_names_its_host_alone() {
    let target = Server::answering(response(200, "", SUCCESS));
    for status in [301, 302, 303, 307, 308] {
        for location in [target.url(), format!("{}/a?token=t", target.url()), "/here".to_owned()] {
            let server = Server::answering(response(status, &format!("Location: {location}\r\n"), ""));
            let judgement = invoke(&server.url()).await;
            let Judgement::Refused(refusal) = &judgement else { panic!("{judgement:?}") };
            assert_eq!(refusal.stop, Some(StopCause::Network));
            assert!(refusal.error.message.ends_with(": to 127.0.0.1"), "{}", refusal.error.message);
        }
    }
    let nowhere = Server::answering(response(302, "Location: http://[\r\n", ""));
    assert_eq!(words(&invoke(&nowhere.url()).await), "stop Network");
    assert!(target.seen().is_empty());
}

#[tokio::test]
async fn a_pause_is_taken_from_the_header() {
    let server = Server::answering(response(429, "Retry-After: 7\r\n", ""));
    let Judgement::Refused(refusal) = invoke(&server.url()).await else { panic!() };
    assert_eq!((refusal.retry_after, refusal.throttled), (Some(Duration::from_secs(7)), true));
    let server = Server::answering(response(503, "Retry-After: Wed, 21 Oct 2015 07:28:00 GMT\r\n", ""));
    let Judgement::Refused(refusal) = invoke(&server.url()).await else { panic!() };
    assert_eq!((refusal.retry_after, refusal.throttled), (Some(Duration::ZERO), true));
    check(Server::answering(response(503, "Retry-After: soon\r\n", "")), "doubt gateway").await;
}

#[tokio::test]
async fn secrets_are_cut_out_of_replies() {
    let reply_to = async |status, body: String| -> Reply {
        let server = Server::answering(response(status, "", body));
        match invoke(&server.url()).await {
            Judgement::Answered(reply) => *reply,
            other => panic!("{other:?}"),
        }
    };
    let reply = reply_to(400, format!(r#"{{"code":1,"message":"no 'Bearer {KEY}'"}}"#)).await;
    assert!(reply.redacted);
    assert_eq!(reply.raw.unwrap().get(), r#"{"code":1,"message":"no 'Bearer [secret]'"}"#);
    assert!(reply.error.unwrap().message.ends_with("no 'Bearer [secret]'"));
    let reply = reply_to(200, r#"{"status":"SUCCEED","output":"hook-token-42"}"#.to_owned()).await;
    assert!(reply.redacted);
    assert_eq!(reply.raw.unwrap().get(), r#"{"status":"SUCCEED","output":"[secret]"}"#);
    assert!(!reply_to(200, SUCCESS.to_owned()).await.redacted);
}

/// The server closes each connection after its answer and does not say so, which races with the next request.
#[tokio::test]
async fn a_server_that_closes_idle_connections_sees_no_request_twice() {
    let server = Server::start(|peer| {
        if peer.read_request() {
            peer.write(&response(200, "", SUCCESS));
            peer.close();
        }
    });
    let client = client(&server.url());
    let mut ended = Vec::new();
    for row in 0..200 {
        let user_id = format!("row-{row}");
        let judgement = client.invoke(Call { user_id: user_id.clone(), ..call("{}") }).await;
        ended.push((user_id, words(&judgement)));
    }
    let seen = server.seen();
    for (user_id, words) in ended {
        let times = seen.iter().filter(|seen| seen.body.contains(&format!("\"{user_id}\""))).count();
        let fits = match words.as_str() {
            "succeeded" => times == 1,
            "doubt connection_lost" => times <= 1,
            _ => false,
        };
        assert!(fits, "{user_id}: {words}, seen {times} times");
    }
}

#[tokio::test]
async fn a_connection_that_was_announced_to_close_costs_no_doubt() {
    let server = Server::answering_once(response(200, "Connection: close\r\n", SUCCESS));
    let client = client(&server.url());
    for _ in 0..50 {
        assert_eq!(words(&client.invoke(call("{}")).await), "succeeded");
    }
    assert_eq!(server.seen().len(), 50);
}

#[tokio::test]
async fn a_body_is_cut_when_the_time_is_up() {
    let first = futures::stream::iter([Ok::<_, std::io::Error>(Bytes::from("{\"a\""))]);
    let stream = futures::StreamExt::chain(first, futures::stream::pending());
    let response = http::Response::new(reqwest::Body::wrap_stream(stream)).into();
    tokio::time::pause();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(9);
    let body = intake(100).body(response, deadline).await;
    assert!(matches!(&body, crate::reply::Body::Cut(bytes) if bytes == "{\"a\""), "{body:?}");
}

#[test]
fn nothing_shows_the_key() {
    let shown = format!("{:?} {:?}", settings("http://127.0.0.1:9"), client("http://127.0.0.1:9"));
    assert!(!shown.contains(KEY) && !shown.contains("0123456789"), "{shown}");
}

#[test]
fn a_client_that_can_not_work_is_not_made() {
    let check = |settings: Settings, expected: &str| {
        let error = Gptbots::new(settings).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert!(!error.contains(KEY));
    };
    check(settings("ftp://127.0.0.1"), "`ftp` is neither http nor https");
    check(settings("api-sg.gptbots.ai"), "`workflow.base_url` can't be used");
    check(settings("https://user:pass@127.0.0.1"), "it names a user");
    check(settings("https://127.0.0.1/?key=k"), "it has a query");
    let key = |key: &str| Settings { api_key: Secret::new(key), ..settings("http://127.0.0.1") };
    check(key("two\nlines"), "`workflow.api_key`");
    let ca = |ca: &str| Settings { ca: Some(ca.into()), ..settings("https://127.0.0.1") };
    check(ca("/nowhere/ca.pem"), "/nowhere/ca.pem");
    check(ca(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")), "it holds none");
}

#[test]
fn a_proxy_in_the_environment_is_not_used_on_this_machine() {
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"] {
        child.env(name, format!("http://{}", nobody()));
    }
    child.env_remove("NO_PROXY").env_remove("no_proxy");
    child.args(["--exact", "workflow::tests::an_invoke_is_the_documented_request"]);
    let output = child.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
fn what_runs_on_this_machine_is_told_from_the_rest() {
    for (url, expected) in [
        ("http://127.0.0.1:9", true),
        ("http://127.8.8.8", true),
        ("http://[::1]:9", true),
        ("http://localhost", true),
        ("http://LOCALHOST:80", true),
        ("http://a.localhost", true),
        ("http://10.0.0.1", false),
        ("http://localhost.example.com", false),
        ("https://api-sg.gptbots.ai", false),
    ] {
        assert_eq!(gptbots::is_loopback(&url.parse().unwrap()), expected, "{url}");
    }
}

#[tokio::test]
async fn an_asynchronous_invoke_carries_its_webhooks_and_their_tokens_never_come_back() {
    let tokens = Tokens::new(&Secret::new(KEY), "run");
    let token = tokens.path(1, 1).rsplit('/').next().unwrap().to_owned();
    let webhooks = Webhooks::default().with_receiver("https://hooks.example.com", tokens.clone()).unwrap();
    let path = tokens.path(1, 1);
    let body = format!(r#"{{"code":40000,"message":"https://hooks.example.com{path} is no webhook"}}"#);
    let server = Server::answering(response(400, "", &body));
    let mode = Mode::Async;
    let client =
        Gptbots::new(Settings { mode, webhooks: webhooks.clone(), ..settings(&server.url()) }).unwrap();
    let judgement = client.invoke(call("{}")).await;
    let told = format!("{judgement:?}");
    assert!(told.contains("/flowbatch/run/[secret] is no webhook") && !told.contains(&token), "{told}");
    assert!(!format!("{client:?}").contains("hooks.example.com"));
    let url = format!("https://hooks.example.com{path}");
    let expected = format!(
        r#"{{"userId":"fb-run-1","input":{{}},"isAsync":true,"webhook":[{{"method":"POST","url":"{url}"}}]}}"#
    );
    assert_eq!(server.seen()[0].body, expected);
    // The documents know webhooks of asynchronous runs only.
    let client = Gptbots::new(Settings { webhooks, ..settings(&server.url()) }).unwrap();
    client.invoke(call("{}")).await;
    assert_eq!(server.seen()[1].body, r#"{"userId":"fb-run-1","input":{},"isAsync":false}"#);
}

#[tokio::test]
async fn it_is_known_when_a_connection_came_to_stand_and_what_is_used_up() {
    let headers = "X-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: 30\r\n";
    let server = Server::answering(response(200, headers, SUCCESS));
    let (asks, _asked) = Asks::channel();
    let client = Gptbots::new(Settings { asks, ..settings(&server.url()) }).unwrap();
    assert_eq!((client.connected(Request::Invoke), client.used_up()), (None, None));
    let before = tokio::time::Instant::now();
    client.invoke(call("{}")).await;
    let after = tokio::time::Instant::now();
    let connected = client.connected(Request::Invoke).unwrap();
    assert!(before <= connected && connected <= after);
    assert_eq!((client.connected(Request::Invoke), client.connected(Request::Poll)), (None, None));
    let used_up = client.used_up().unwrap();
    assert!(used_up >= before + Duration::from_secs(30) && used_up <= after + Duration::from_secs(30));
    assert_eq!(client.used_up(), None, "told once");
    client.invoke(call("{}")).await;
    assert_eq!(client.connected(Request::Invoke), None, "the connection stood already");
}
