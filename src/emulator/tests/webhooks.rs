//! Webhooks: which are taken, and how they are delivered.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::client::{Frozen, invoke, start};

/// A receiver that hands on each request's text; it refuses the first `refusals`.
struct Receiver {
    address: SocketAddr,
    requests: mpsc::UnboundedReceiver<String>,
}

impl Receiver {
    async fn start(mut refusals: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, requests) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let status = if refusals > 0 { "503 Busy" } else { "200 OK" };
                refusals = refusals.saturating_sub(1);
                let mut bytes = Vec::new();
                while !is_whole(&bytes) && stream.read_buf(&mut bytes).await.is_ok_and(|read| read > 0) {}
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = sender.send(String::from_utf8(bytes).unwrap());
            }
        });
        Self { address, requests }
    }

    async fn next(&mut self) -> String {
        self.requests.recv().await.unwrap()
    }

    fn hook(&self, method: &str) -> Value {
        json!({"method": method, "url": format!("http://{}/in?t=1", self.address), "headers": {"X-Token": "s"}})
    }
}

fn is_whole(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.parse().unwrap())
}

fn asked(hooks: &[Value]) -> Value {
    json!({"userId": "u", "input": {"q": "?"}, "isAsync": true, "webhook": hooks})
}

fn body(request: &str) -> Value {
    serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[tokio::test]
async fn a_run_is_delivered_with_its_method_headers_and_result() {
    let mut receiver = Receiver::start(0).await;
    let emulator = start("inputs: {q: string}").await;
    let id =
        invoke(emulator.address(), &asked(&[receiver.hook("POST"), receiver.hook("get")])).await.run_id();
    let posted = receiver.next().await;
    assert!(posted.starts_with("POST /in?t=1 HTTP/1.1\r\n"), "{posted}");
    assert!(
        posted.contains("x-token: s\r\n") && posted.contains("content-type: application/json"),
        "{posted}"
    );
    assert_eq!(body(&posted)["workflowRunId"], id);
    assert_eq!(body(&posted)["status"], "SUCCEED");
    assert!(body(&posted)["totalCost"].is_number());
    let got = receiver.next().await;
    assert!(got.starts_with(&format!("GET /in?t=1&workflowRunId={id}&status=SUCCEED HTTP/1.1\r\n")), "{got}");
    assert!(got.ends_with("\r\n\r\n"), "{got}");
}

#[tokio::test]
async fn deliveries_take_the_form_of_the_switch() {
    for (webhook, method, expected) in [
        ("{get: body}", "GET", "\"totalCost\":"),
        ("{get: nothing}", "GET", "GET /in?t=1 HTTP/1.1"),
        ("{payload: ids}", "POST", "\"status\":\"SUCCEED\"}"),
        ("{payload: enveloped}", "POST", "{\"code\":0,\"message\":\"OK\",\"data\":{\"workflowId\""),
        ("{signature: sha256}", "POST", "x-signature: "),
        ("{methods: any}", "PUT", "PUT /in?t=1"),
    ] {
        let mut receiver = Receiver::start(0).await;
        let emulator = start(&format!("inputs: {{q: string}}\nbehaviour: {{webhook: {webhook}}}")).await;
        invoke(emulator.address(), &asked(&[receiver.hook(method)])).await;
        let request = receiver.next().await;
        assert!(request.contains(expected), "{webhook}: {request}");
    }
}

#[tokio::test]
async fn a_delivery_that_is_refused_is_tried_again_and_then_given_up() {
    for (refusals, attempts, delivered) in [(0, 1, 1), (2, 3, 1), (5, 3, 0)] {
        let mut busy = Receiver::start(refusals).await;
        let next = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let next_hook = json!({"method": "POST", "url": format!("http://{}/", next.local_addr().unwrap())});
        let emulator = start("inputs: {q: string}\nbehaviour: {webhook: {backoff: 0s}}").await;
        invoke(emulator.address(), &asked(&[busy.hook("POST"), next_hook])).await;
        // An entry's turn comes when the one before it is done.
        let _unanswered = next.accept().await.unwrap();
        assert_eq!(emulator.witness().delivered, delivered, "{refusals}");
        let tried = std::iter::from_fn(|| busy.requests.try_recv().ok()).count();
        assert_eq!(tried, attempts, "{refusals}");
    }
}

#[tokio::test]
async fn duplicates_come_twice() {
    let mut receiver = Receiver::start(0).await;
    let emulator = start("inputs: {q: string}\nbehaviour: {webhook: {duplicates: 100%}}").await;
    invoke(emulator.address(), &asked(&[receiver.hook("POST")])).await;
    assert_eq!(body(&receiver.next().await), body(&receiver.next().await));
}

#[tokio::test]
async fn an_early_delivery_comes_before_the_acceptance() {
    let mut receiver = Receiver::start(0).await;
    let emulator = start("inputs: {q: string}\nbehaviour: {webhook: {order: early}}").await;
    let accepted = invoke(emulator.address(), &asked(&[receiver.hook("POST")])).await;
    assert_eq!(accepted.json()["status"], "PENDING");
    let delivered = receiver.requests.try_recv().unwrap();
    assert_eq!(body(&delivered)["workflowRunId"], accepted.run_id());
}

#[tokio::test(start_paused = true)]
async fn swapped_deliveries_overtake_each_other() {
    let mut receiver = Receiver::start(0).await;
    let emulator = start("inputs: {q: string}\nbehaviour: {webhook: {order: swapped}}").await;
    let _frozen = Frozen::time();
    let first = invoke(emulator.address(), &asked(&[receiver.hook("POST")])).await.run_id();
    let second = invoke(emulator.address(), &asked(&[receiver.hook("POST")])).await.run_id();
    assert_eq!(body(&receiver.next().await)["workflowRunId"], second);
    assert_eq!(body(&receiver.next().await)["workflowRunId"], first);
}

#[tokio::test]
async fn failed_runs_are_delivered_or_not() {
    for (setting, next) in [("deliver", "FAILED"), ("skip", "SUCCEED")] {
        let mut receiver = Receiver::start(0).await;
        let emulator = start(&format!(
            "inputs: {{q: string}}\nfaults_for: {{u: [failed]}}\nbehaviour: {{webhook: {{on_failed: {setting}}}}}"
        ))
        .await;
        for _ in 0..2 {
            invoke(emulator.address(), &asked(&[receiver.hook("POST")])).await;
        }
        assert_eq!(body(&receiver.next().await)["status"], next);
    }
}

#[tokio::test]
async fn webhooks_that_can_not_be_delivered_are_refused() {
    let hook = |method: &str, url: &str| json!({"method": method, "url": url});
    let good = || hook("POST", "http://127.0.0.1:9/");
    let table = [
        (vec![good(); 5], 200),
        (vec![hook("POST", "http://localhost:9/"), hook("POST", "http://[::1]:9/x")], 200),
        (vec![good(); 6], 400),
        (vec![hook("PUT", "http://127.0.0.1:9/")], 400),
        (vec![hook("PO ST", "http://127.0.0.1:9/")], 400),
        (vec![hook("POST", "https://127.0.0.1:9/")], 400),
        (vec![hook("POST", "http://example.com/")], 400),
        (vec![hook("POST", "http://127.0.0.1.example.com/")], 400),
        (vec![hook("POST", "http://10.0.0.1/")], 400),
        (vec![hook("POST", "no url")], 400),
        (vec![json!({"url": "http://127.0.0.1:9/"})], 400),
        (vec![json!({"method": "POST", "url": "http://127.0.0.1:9/", "headers": {"a b": "c"}})], 400),
    ];
    let emulator = start("inputs: {q: string}\nbehaviour: {webhook: {attempts: 1}}").await;
    for (hooks, status) in table {
        let answer = invoke(emulator.address(), &asked(&hooks)).await;
        assert_eq!(answer.status, status, "{hooks:?}: {answer:?}");
    }
    let lax = start("inputs: {q: string}\nbehaviour: {webhook: {attempts: 1, too_many: first_five}}").await;
    assert_eq!(invoke(lax.address(), &asked(&vec![good(); 6])).await.status, 200);
}
