//! Every fault, on synchronous and asynchronous calls: what comes back, and whether it was executed.

use serde_json::{Value, json};

use super::client::{Answer, invoke, post, result, start};

const PLAIN: &str = "inputs: {q: string}";

/// What a client sees.
#[derive(Debug, PartialEq)]
enum Seen {
    /// A status and a body of JSON.
    Json(u16),
    /// A status and a page.
    Page(u16),
    /// A status and a body that is no JSON under a JSON type.
    Garbled(u16),
    /// A head, and less of a body than it promised.
    Cut(u16),
    /// A connection that ended without a head.
    Reset,
}

fn seen(answer: &Answer) -> Seen {
    let is_page = answer.header("content-type") == Some("text/html");
    match answer {
        Answer { status: 0, .. } => Seen::Reset,
        Answer { cut: true, status, .. } => Seen::Cut(*status),
        Answer { status, .. } if is_page => Seen::Page(*status),
        Answer { status, body, .. } if serde_json::from_str::<Value>(body).is_err() => Seen::Garbled(*status),
        Answer { status, .. } => Seen::Json(*status),
    }
}

async fn check(fault: &str, rule: &str, expected: Seen, executed: u64) {
    for is_async in [false, true] {
        let definition = format!(
            "inputs: {{q: string}}\nfaults_for: {{u: [{fault}]}}\nbehaviour: {{fault: {{drip: 16ms{rule}}}}}"
        );
        let emulator = start(&definition).await;
        let asked = json!({"userId": "u", "input": {"q": "?"}, "isAsync": is_async});
        let answer = invoke(emulator.address(), &asked).await;
        assert_eq!(seen(&answer), expected, "{fault}, async {is_async}: {answer:?}");
        let again = invoke(emulator.address(), &asked).await;
        assert_eq!(seen(&again), Seen::Json(200), "{fault}: past the list nothing is wrong: {again:?}");
        result(emulator.address(), &again.run_id()).await;
        let witness = emulator.witness();
        assert_eq!(witness.accepted, executed + 1, "{fault}, async {is_async}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_fault_shows_and_is_executed_or_not() {
    for (fault, expected, executed) in [
        ("none", Seen::Json(200), 1),
        ("failed", Seen::Json(200), 1),
        ("bad_request", Seen::Json(400), 0),
        ("server_error", Seen::Json(500), 0),
        ("error_in_200", Seen::Json(200), 0),
        ("unavailable", Seen::Json(503), 0),
        ("unavailable_bare", Seen::Page(503), 0),
        ("throttled", Seen::Json(429), 0),
        ("gateway_502", Seen::Page(502), 1),
        ("gateway_504", Seen::Page(504), 1),
        ("reset_before_accept", Seen::Reset, 0),
        ("reset_after_accept", Seen::Reset, 1),
        ("cut_body", Seen::Cut(200), 1),
        ("not_json", Seen::Garbled(200), 1),
        ("slow_body", Seen::Json(200), 1),
        ("redirect", Seen::Page(307), 0),
        ("forbidden_html", Seen::Page(403), 0),
        ("unknown_status", Seen::Json(200), 1),
        ("no_run_id", Seen::Json(200), 1),
    ] {
        check(fault, "", expected, executed).await;
    }
    check("unavailable_bare", ", unavailable_bare: executed", Seen::Page(503), 1).await;
}

#[tokio::test]
async fn errors_have_their_codes_and_waits() {
    for (fault, code, retry_after) in [
        ("bad_request", 40000, None),
        ("server_error", 50000, None),
        ("error_in_200", 50000, None),
        ("unavailable", 50000, Some("3")),
        ("throttled", 40001, Some("3")),
    ] {
        let definition = format!(
            "inputs: {{q: string}}\nfaults: {{{fault}: 100%}}\nbehaviour: {{fault: {{retry_after: 2500ms}}}}"
        );
        let emulator = start(&definition).await;
        let answer = invoke(emulator.address(), &json!({"input": {"q": "?"}})).await;
        assert_eq!(answer.json()["code"], code, "{fault}");
        assert_eq!(answer.header("retry-after"), retry_after, "{fault}");
    }
}

#[tokio::test]
async fn a_redirect_names_another_place_and_a_run_without_an_id_names_none() {
    let emulator = start(&format!("{PLAIN}\nfaults_for: {{r: [redirect], n: [no_run_id]}}")).await;
    let asked = |user: &str| json!({"userId": user, "input": {}});
    let moved = invoke(emulator.address(), &asked("r")).await;
    assert_eq!(moved.header("location"), Some(format!("{}/moved", emulator.base_url()).as_str()));
    let nameless = invoke(emulator.address(), &asked("n")).await.json();
    assert_eq!(nameless["status"], "SUCCEED");
    assert_eq!(nameless.get("workflowRunId"), None);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_status_word_lasts_until_the_run_ends() {
    for is_async in [false, true] {
        let emulator = start(&format!("{PLAIN}\nlatency: 5s\nfaults_for: {{u: [unknown_status]}}")).await;
        let address = emulator.address();
        let answer = invoke(address, &json!({"userId": "u", "input": {"q": "?"}, "isAsync": is_async})).await;
        assert_eq!(answer.json()["status"], "QUEUEING");
        assert_eq!(result(address, &answer.run_id()).await["status"], "SUCCEED");
    }
}

#[tokio::test]
async fn a_hanging_request_is_executed_and_never_answered() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let emulator = start(&format!("{PLAIN}\nfaults_for: {{u: [hang]}}")).await;
    let mut stream = tokio::net::TcpStream::connect(emulator.address()).await.unwrap();
    let body = r#"{"userId":"u","input":{"q":"?"}}"#;
    let head = "POST /v1/workflow/invoke HTTP/1.1\r\nhost: e\r\nauthorization: Bearer k\r\n";
    let request = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).await.unwrap();
    while emulator.witness().executed == 0 {
        tokio::task::yield_now().await;
    }
    let mut first = [0];
    let read = futures::poll!(std::pin::pin!(stream.read(&mut first)));
    assert!(read.is_pending(), "{read:?}");
}

#[tokio::test]
async fn a_share_of_requests_has_a_fault_and_a_retry_draws_anew() {
    let emulator = start("inputs: {q: string}\nseed: 3\nfaults: {server_error: 50%}").await;
    let mut statuses = Vec::new();
    for _ in 0..20 {
        statuses.push(invoke(emulator.address(), &json!({"userId": "u", "input": {"q": "?"}})).await.status);
    }
    let failed = statuses.iter().filter(|status| **status == 500).count();
    assert!((3..=17).contains(&failed), "{statuses:?}");
    assert_eq!(emulator.witness().executed, 20 - u64::try_from(failed).unwrap());
}

#[tokio::test]
async fn queries_have_faults_of_their_own() {
    let emulator = start(
        "inputs: {q: string}\npoll_faults: {unavailable: 40%, gateway_502: 30%, reset_before_accept: 10%}",
    )
    .await;
    let address = emulator.address();
    let id = invoke(address, &json!({"input": {"q": "?"}})).await.run_id();
    let mut seen_by = std::collections::BTreeMap::new();
    for _ in 0..60 {
        let answer = post(address, "/v1/workflow/query/result", &json!({"workflowRunId": id})).await;
        *seen_by.entry(answer.status).or_insert(0) += 1;
    }
    assert_eq!(seen_by.keys().copied().collect::<Vec<_>>(), [0, 200, 502, 503], "{seen_by:?}");
}
