//! Runs: accepted, executed, asked for, charged.

use serde_json::json;

use super::client::{Frozen, get, invoke, poll, request, result, start, start_with};
use crate::emulator::Options;

const TRIAGE: &str = "
name: triage
version: '1.0.1'
seed: 7
inputs:
  subject: {type: string, required: true}
  priority: integer
choose:
  label: [billing, bug, praise]
output:
  label: '{{choose.label}}'
  reply: 'Re: {{input.subject}}'
  priority: '{{input.priority}}'
tokens: {base: 120, per_character: 0.25, spread: 20%}
cost: {per_1000_tokens: '0.0021', base: '0.002', decimals: 4}
";

#[tokio::test]
async fn a_synchronous_run_answers_with_its_result() {
    let emulator = start(TRIAGE).await;
    let asked = json!({"userId": "u-1", "input": {"subject": "Help", "priority": 2}});
    let answer = invoke(emulator.address(), &asked).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let found = answer.json();
    assert_eq!(found["workflowName"], "triage");
    assert_eq!(found["workflowVersion"], "1.0.1");
    assert_eq!(found["status"], "SUCCEED");
    assert_eq!(found["input"], asked["input"]);
    assert_eq!(found["output"]["reply"], "Re: Help");
    assert_eq!(found["output"]["priority"], 2);
    let (start, end) = (found["startTime"].as_u64().unwrap(), found["endTime"].as_u64().unwrap());
    assert!(found["workflowExecutionTime"].as_u64().unwrap() <= end - start);
    let keys: Vec<_> = found.as_object().unwrap().keys().collect();
    assert_eq!(keys.len(), 12, "{keys:?}");
    let witness = emulator.witness();
    assert_eq!((witness.invokes(), witness.accepted, witness.executed), (1, 1, 1));
    assert_eq!(witness.executed_by_user["u-1"], 1);
    assert!(answer.body.contains(&format!("\"totalCost\":{},", witness.charged)), "{}", answer.body);
}

#[tokio::test(start_paused = true)]
async fn an_asynchronous_run_is_pending_then_running_then_done() {
    let frozen = Frozen::time();
    let emulator = start(&format!("{TRIAGE}\nlatency: 10s\nbehaviour: {{query: {{pending: 50%}}}}")).await;
    let address = emulator.address();
    let accepted = invoke(address, &json!({"input": {"subject": "Help"}, "isAsync": true})).await;
    let keys: Vec<_> = accepted.json().as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["workflowId", "workflowName", "workflowVersion", "workflowRunId", "status"]);
    assert_eq!(accepted.json()["status"], "PENDING");
    let id = accepted.run_id();
    assert_eq!(poll(address, &id).await.json(), accepted.json());
    tokio::time::advance(std::time::Duration::from_secs(6)).await;
    assert_eq!(poll(address, &id).await.json()["status"], "RUNNING");
    tokio::time::advance(std::time::Duration::from_secs(5)).await;
    drop(frozen);
    let found = result(address, &id).await;
    assert_eq!(found["status"], "SUCCEED");
    assert_eq!(found["workflowRunId"], id);
}

#[tokio::test]
async fn only_the_right_key_is_taken() {
    let options = || Options { api_key: Some("secret".to_owned()), ..Options::default() };
    let strict = start_with(TRIAGE, options()).await;
    let lax =
        start_with(&format!("{TRIAGE}\nbehaviour: {{key: {{bare: accept, scheme: exact}}}}"), options())
            .await;
    for (key, by_strict, by_lax) in [
        ("Bearer secret", 200, 200),
        ("bearer secret", 200, 401),
        ("secret", 401, 200),
        ("Bearer other", 401, 401),
        ("Basic secret", 401, 401),
        ("Bearer ", 401, 401),
    ] {
        for (emulator, expected) in [(&strict, by_strict), (&lax, by_lax)] {
            let answer = request(emulator.address(), "GET", "/v1/api-key/verify", key, "").await;
            assert_eq!(answer.status, expected, "{key:?}: {answer:?}");
            if expected == 401 {
                assert_eq!(answer.json()["code"], 40127);
            } else {
                assert_eq!(answer.json()["entityType"], "workflow");
            }
        }
    }
    assert_eq!(strict.witness().verifies(), 6);
    assert_eq!(strict.witness().unauthorized, 4);
    assert_eq!(get(strict.address(), "/v1/nowhere").await.status, 401);
}
