//! What is drawn derives from the seed and the request; and the limits that do not.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::client::{Answer, Frozen, invoke, poll, raw, result, start};

const BUSY: &str = "
seed: 11
inputs: {q: string}
choose: {label: [a, b, c, d]}
output: {label: '{{choose.label}}', n: '{{run.number}}', of: '{{user_id}}: {{input.q}}'}
latency: {median: 2s, p95: 9s}
spikes: {share: 10%, latency: 20s..30s}
tokens: {spread: 50%}
cost: {per_1000_tokens: '1.7', decimals: 6}
faults: {failed: 20%, server_error: 10%, gateway_502: 10%, cut_body: 5%, unavailable: 5%}
";

/// An answer without what only the clock decides.
fn timeless(answer: &Answer) -> String {
    let Ok(Value::Object(mut body)) = serde_json::from_str(&answer.body) else {
        return format!("{} {}", answer.status, answer.body.len());
    };
    body.remove("startTime");
    body.remove("endTime");
    format!("{} {}", answer.status, Value::Object(body))
}

async fn answers(requests: &[Value]) -> Vec<String> {
    let emulator = start(BUSY).await;
    let mut answers = Vec::new();
    for request in requests {
        let answer = invoke(emulator.address(), request).await;
        answers.push(format!("{request} {}", timeless(&answer)));
    }
    answers.sort();
    answers
}

#[tokio::test(start_paused = true)]
async fn the_order_of_arrival_changes_no_answer() {
    let mut requests = Vec::new();
    for user in 0..12 {
        for question in ["x", "y"] {
            // Some come twice, and the second time is drawn anew.
            for _ in 0..=user % 2 {
                requests.push(json!({"userId": format!("u{user}"), "input": {"q": question}}));
            }
        }
    }
    let forward = answers(&requests).await;
    requests.reverse();
    assert_eq!(forward, answers(&requests).await);
    let statuses: std::collections::BTreeSet<_> =
        forward.iter().map(|answer| answer.split("} ").nth(1).unwrap()[..3].to_owned()).collect();
    assert!(statuses.len() >= 3, "{statuses:?}");
}

#[tokio::test(start_paused = true)]
async fn a_choice_depends_on_the_input_and_not_on_who_sends_it() {
    let emulator =
        start("seed: 2\ninputs: {q: string}\nchoose: {label: [a, b, c, d]}\noutput: '{{choose.label}}'")
            .await;
    let mut labels = std::collections::BTreeSet::new();
    for question in 0..20 {
        let asked = |user: &str| json!({"userId": user, "input": {"q": question.to_string()}});
        let [one, other] = [asked("a"), asked("b")];
        let label = invoke(emulator.address(), &one).await.json()["output"]["output"].clone();
        assert_eq!(label, invoke(emulator.address(), &other).await.json()["output"]["output"]);
        labels.insert(label.as_str().unwrap().to_owned());
    }
    assert_eq!(labels.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn over_the_rate_is_429_until_the_window_has_room() {
    let _frozen = Frozen::time();
    for (behaviour, polls) in
        [("{}", 200), ("{rate: {polls: shared}}", 429), ("{rate: {window: fixed}}", 200)]
    {
        let emulator = start(&format!("inputs: {{q: string}}\nrate: 3/min\nbehaviour: {behaviour}")).await;
        let address = emulator.address();
        let asked = json!({"input": {"q": "?"}});
        let id = invoke(address, &asked).await.run_id();
        tokio::time::advance(Duration::from_secs(20)).await;
        assert_eq!(invoke(address, &asked).await.status, 200);
        assert_eq!(invoke(address, &asked).await.status, 200);
        let refused = invoke(address, &asked).await;
        assert_eq!((refused.status, refused.json()["code"].as_i64()), (429, Some(40001)));
        assert_eq!(refused.header("retry-after"), Some("40"));
        assert_eq!(poll(address, &id).await.status, polls, "{behaviour}");
        tokio::time::advance(Duration::from_millis(39_999)).await;
        assert_eq!(invoke(address, &asked).await.status, 429);
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(invoke(address, &asked).await.status, 200);
        let next = invoke(address, &asked).await.status;
        assert_eq!(next, if behaviour.contains("fixed") { 200 } else { 429 }, "{behaviour}");
        assert_eq!(emulator.witness().executed, if behaviour.contains("fixed") { 5 } else { 4 });
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_is_told_as_the_switch_says() {
    for (setting, ends_with) in [("date", Some(" GMT")), ("absent", None)] {
        let emulator = start(&format!(
            "inputs: {{q: string}}\nrate: 1/min\nbehaviour: {{error: {{retry_after: {setting}}}}}"
        ))
        .await;
        let asked = json!({"input": {"q": "?"}});
        invoke(emulator.address(), &asked).await;
        let refused = invoke(emulator.address(), &asked).await;
        let told = refused.header("retry-after");
        assert_eq!(told.map(|told| &told[told.len() - 4..]), ends_with, "{told:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn runs_beyond_the_concurrency_wait_and_beyond_the_queue_are_unavailable() {
    let emulator = start(
        "inputs: {q: string}\nlatency: 10s\nconcurrency: 1\nqueue: 2\nbehaviour: {query: {pending: 0%}}",
    )
    .await;
    let address = emulator.address();
    let asked = json!({"input": {"q": "?"}, "isAsync": true});
    let frozen = Frozen::time();
    let first = invoke(address, &asked).await.run_id();
    let second = invoke(address, &asked).await.run_id();
    assert_eq!(poll(address, &first).await.json()["status"], "RUNNING");
    assert_eq!(poll(address, &second).await.json()["status"], "PENDING");
    assert_eq!(invoke(address, &asked).await.status, 503);
    drop(frozen);
    let (first, second) = (result(address, &first).await, result(address, &second).await);
    assert!(second["endTime"].as_u64().unwrap() >= first["endTime"].as_u64().unwrap() + 10_000);
}

#[tokio::test]
async fn a_stop_closes_what_is_open() {
    let emulator = start("inputs: {q: string}\nfaults_for: {u: [hang]}").await;
    let address = emulator.address();
    let hanging = tokio::spawn(async move { invoke(address, &json!({"userId": "u", "input": {}})).await });
    while emulator.witness().executed == 0 {
        tokio::task::yield_now().await;
    }
    emulator.stop().await;
    assert_eq!(hanging.await.unwrap().status, 0);
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_path_header_and_body_gets_an_answer(
        path in "[!-~]{0,40}",
        at in 0..6_usize,
        query in "[!-~]{0,40}",
        key in "[ -~]{0,20}",
        body in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..200),
            "\\{\"(input|userId|isAsync|webhook|workflowRunId)\":[ -~]{0,60}\\}".prop_map(String::into_bytes),
        ],
    ) {
        let known = ["/v1/workflow/invoke", "/v1/workflow/query/result", "/v1/workflow/run/logs",
            "/v1/account/workflow/run/credits", "/v1/api-key/verify"];
        let path = known.get(at).map_or_else(|| format!("/{path}"), |path| format!("{path}?{query}"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let answer = runtime.block_on(async {
            let emulator = start("inputs: {q: string}").await;
            let method = if at < 2 { "POST" } else { "GET" };
            let head = format!(
                "{method} {path} HTTP/1.1\r\nhost: e\r\nconnection: close\r\nauthorization: Bearer {key}\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            raw(emulator.address(), &[head.as_bytes(), &body].concat()).await
        });
        // A handler that panics ends its connection without an answer.
        prop_assert!(answer.status >= 200, "{answer:?}");
    }
}
