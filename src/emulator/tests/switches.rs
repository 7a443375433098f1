//! Every switch, at a setting that is not its default.

use serde_json::{Value, json};

use super::client::{Answer, get, invoke, poll, post, request, result, start};
use crate::emulator::Emulator;

const INPUTS: &str = "name: w\nworkflow_id: abc\nversion: '9'\ninputs: {q: {type: string, required: true}, n: integer, f: file}\noutput: {a: '{{input.q}}', n: '{{input.n}}'}\n";

async fn emulator(more: &str) -> Emulator {
    start(&format!("{INPUTS}{more}")).await
}

fn asked() -> Value {
    json!({"userId": "u", "input": {"q": "?"}})
}

/// Invokes synchronously under a switch, and checks status and one field of the body.
async fn check(behaviour: &str, body: Value, status: u16, pointer: &str, expected: Value) {
    let emulator = emulator(&format!("behaviour: {behaviour}")).await;
    let answer = invoke(emulator.address(), &body).await;
    assert_eq!(answer.status, status, "{behaviour}: {answer:?}");
    let found = answer.json().pointer(pointer).cloned();
    assert_eq!(found.unwrap_or(json!("absent")), expected, "{behaviour}: {}", answer.body);
}

#[tokio::test]
async fn answers_take_the_form_of_the_switch() {
    let absent = || json!("absent");
    let table = [
        ("{}", 200, "/workflowVersion", json!("9")),
        ("{invoke: {form: early}}", 200, "/workflowVersion", absent()),
        ("{invoke: {status: 201}}", 201, "/status", json!("SUCCEED")),
        ("{number: {cost: text}}", 200, "/totalCost", json!("0.0002")),
        ("{number: {cost: as_null}}", 200, "/totalCost", json!(null)),
        ("{number: {cost: absent}}", 200, "/totalCost", absent()),
        ("{number: {tokens: text}}", 200, "/totalTokens", json!("102")),
        ("{number: {tokens: absent}}", 200, "/totalTokens", absent()),
        ("{number: {extra_keys: some}}", 200, "/code", json!(0)),
        ("{output: {form: json_text}}", 200, "/output", json!(r#"{"a":"?","n":null}"#)),
        ("{output: {form: empty}}", 200, "/output", json!({})),
        ("{output: {form: as_null}}", 200, "/output", json!(null)),
        ("{output: {form: absent}}", 200, "/output", absent()),
        ("{output: {unset: absent}}", 200, "/output", json!({"a": "?"})),
    ];
    for (behaviour, status, pointer, expected) in table {
        check(behaviour, asked(), status, pointer, expected).await;
    }
    let emulator = emulator("behaviour: {number: {times: text}}").await;
    assert!(invoke(emulator.address(), &asked()).await.json()["endTime"].is_string());
}

#[tokio::test]
async fn inputs_are_refused_or_taken_as_the_switch_says() {
    let input = |input: Value| json!({ "input": input });
    let table = [
        ("{}", input(json!({})), 400, "/code", json!(40000)),
        ("{}", input(json!({"q": 5})), 400, "/message", json!("the input `q` is of the wrong type")),
        ("{}", input(json!({"q": "?", "x": 1})), 400, "/code", json!(40000)),
        ("{}", input(json!({"q": null})), 400, "/code", json!(40000)),
        ("{}", json!({}), 400, "/message", json!("`input` is required")),
        ("{}", input(json!([])), 400, "/code", json!(40000)),
        ("{}", input(json!({"q": "?", "n": 1.5})), 400, "/code", json!(40000)),
        ("{}", input(json!({"q": "?", "f": {"name": "a"}})), 400, "/code", json!(40000)),
        ("{}", input(json!({"q": "?", "f": {"url": "http://x/a.pdf"}})), 200, "/status", json!("SUCCEED")),
        (
            "{input: {file_url: refuse}}",
            input(json!({"q": "?", "f": {"url": "u"}})),
            400,
            "/code",
            json!(40000),
        ),
        ("{input: {missing: as_null}}", input(json!({})), 200, "/output/a", json!(null)),
        ("{input: {extra: ignore}}", input(json!({"q": "?", "x": 1})), 200, "/input/x", json!(1)),
        ("{input: {wrong_type: coerce}}", input(json!({"q": 5})), 200, "/output/a", json!("5")),
        ("{input: {wrong_type: coerce}}", input(json!({"q": "?", "n": "x"})), 400, "/code", json!(40000)),
        ("{input: {wrong_type: accept}}", input(json!({"q": [1]})), 200, "/output/a", json!([1])),
        ("{input: {nulls: accept}}", input(json!({"q": null})), 200, "/status", json!("SUCCEED")),
        ("{input: {body_limit: 10}}", asked(), 413, "/code", json!(40000)),
        (
            "{input: {file_echo: without_content}}",
            input(json!({"q": "?", "f": {"format": "pdf", "base64_content": "QQ=="}})),
            200,
            "/input/f",
            json!({"format": "pdf"}),
        ),
        (
            "{error: {envelope: code_msg, invalid: {status: 422, code: 7}}}",
            input(json!({})),
            422,
            "/msg",
            json!("the input `q` is required"),
        ),
        ("{error: {envelope: nested}}", input(json!({})), 400, "/error/code", json!(40000)),
        ("{webhook: {when_sync: refuse}}", with_hooks(1), 400, "/code", json!(40000)),
        ("{webhook: {when_sync: ignore}}", with_hooks(1), 200, "/status", json!("SUCCEED")),
        ("{key: {kind: agent}}", asked(), 403, "/code", json!(403_204)),
    ];
    for (behaviour, body, status, pointer, expected) in table {
        check(behaviour, body, status, pointer, expected).await;
    }
}

fn with_hooks(count: usize) -> Value {
    let hook = json!({"method": "POST", "url": "http://127.0.0.1:1/"});
    json!({"input": {"q": "?"}, "webhook": vec![hook; count]})
}

#[tokio::test]
async fn a_failed_run_says_why_and_costs_as_the_switch_says() {
    let table = [
        ("{}", 200, "/message", json!("absent"), "0.0002"),
        ("{failed: {status: 500, reason: message}}", 500, "/message", WHY.into(), "0.0002"),
        ("{failed: {reason: error}}", 200, "/error", WHY.into(), "0.0002"),
        ("{failed: {reason: error_message}}", 200, "/errorMessage", WHY.into(), "0.0002"),
        ("{failed: {reason: code_and_message}}", 200, "/code", json!(50000), "0.0002"),
        ("{failed: {output: as_null}}", 200, "/output", json!(null), "0.0002"),
        ("{failed: {output: empty}}", 200, "/output", json!({}), "0.0002"),
        ("{failed: {cost: free}}", 200, "/totalCost", json!(0), "0"),
        ("{failed: {cost: untold}}", 200, "/totalCost", json!("absent"), "0.0002"),
    ];
    for (behaviour, status, pointer, expected, charged) in table {
        let emulator = emulator(&format!("faults: {{failed: 100%}}\nbehaviour: {behaviour}")).await;
        let answer = invoke(emulator.address(), &asked()).await;
        let found = answer.json();
        assert_eq!((answer.status, &found["status"]), (status, &json!("FAILED")), "{behaviour}");
        assert_eq!(found.pointer(pointer).unwrap_or(&json!("absent")), &expected, "{behaviour}: {found}");
        assert_eq!(emulator.witness().charged.to_string(), charged, "{behaviour}");
    }
}

const WHY: &str = "the node llm_1 failed: the model gave no answer";

#[tokio::test(start_paused = true)]
async fn a_run_that_has_not_ended_shows_what_the_switch_says() {
    let table = [
        ("{query: {unfinished: ids}}", "/input", json!("absent")),
        ("{query: {unfinished: nulls}}", "/input", json!(null)),
        ("{query: {unfinished: whole}}", "/input", json!({"q": "?"})),
        ("{query: {transitions: running_only}}", "/status", json!("RUNNING")),
        ("{query: {transitions: pending_only}}", "/status", json!("PENDING")),
        ("{query: {pending: 0}}", "/status", json!("RUNNING")),
        ("{query: {visible_after: 5s}}", "/code", json!(40348)),
        ("{query: {visible_after: 5s}, error: {unknown_run: {status: 400, code: 3}}}", "/code", json!(3)),
        ("{query: {retention: 0}}", "/status", json!("PENDING")),
    ];
    for (behaviour, pointer, expected) in table {
        let _frozen = super::client::Frozen::time();
        let emulator = emulator(&format!("latency: 10s\nbehaviour: {behaviour}")).await;
        let address = emulator.address();
        let mut body = asked();
        body["isAsync"] = json!(true);
        let id = invoke(address, &body).await.run_id();
        let found = poll(address, &id).await.json();
        assert_eq!(found.pointer(pointer).unwrap_or(&json!("absent")), &expected, "{behaviour}: {found}");
    }
}

#[tokio::test]
async fn finished_runs_are_remembered_as_the_switch_says() {
    for (behaviour, statuses) in [
        ("{}", [200, 200]),
        ("{query: {sync_runs: unknown}}", [404, 404]),
        ("{query: {retention: 1}}", [404, 200]),
    ] {
        let emulator = emulator(&format!("behaviour: {behaviour}")).await;
        let address = emulator.address();
        let ids = [invoke(address, &asked()).await.run_id(), invoke(address, &asked()).await.run_id()];
        assert_ne!(ids[0], ids[1]);
        let found = [poll(address, &ids[0]).await.status, poll(address, &ids[1]).await.status];
        assert_eq!(found, statuses, "{behaviour}");
        for unknown in ["", "x", "00000000-0000-4000-8000-000000000000"] {
            assert_eq!(poll(address, unknown).await.status, 404, "{unknown:?}");
        }
    }
}

#[tokio::test]
async fn the_acceptance_takes_the_form_of_the_switch() {
    let mut body = asked();
    body["isAsync"] = json!(true);
    let table = [
        ("{invoke: {accepted_status: 202}}", 202, "/input", json!("absent")),
        ("{invoke: {accepted: nulls}}", 200, "/totalCost", json!(null)),
        ("{invoke: {accepted: whole}}", 200, "/input/q", json!("?")),
        ("{webhook: {methods: any}}", 200, "/status", json!("PENDING")),
    ];
    for (behaviour, status, pointer, expected) in table {
        check(behaviour, body.clone(), status, pointer, expected).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_request_joins_the_run_that_has_not_ended() {
    let mut body = asked();
    body["isAsync"] = json!(true);
    for (setting, same) in [("joins", true), ("new_run", false)] {
        let _frozen = super::client::Frozen::time();
        let more = format!("latency: 10s\nbehaviour: {{invoke: {{same_request: {setting}}}}}");
        let emulator = emulator(&more).await;
        let first = invoke(emulator.address(), &body).await.run_id();
        let second = invoke(emulator.address(), &body).await.run_id();
        assert_eq!(first == second, same, "{setting}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_synchronous_call_ends_at_its_limit() {
    let table = [
        ("at_limit: gateway_504", 504, 1),
        ("at_limit: reset", 0, 1),
        ("at_limit: running", 200, 1),
        ("at_limit: server_error", 500, 1),
        ("at_limit: running, after_limit: stops", 200, 0),
    ];
    for (sync, status, charged) in table {
        let emulator = emulator(&format!("latency: 90s\nbehaviour: {{sync: {{limit: 60s, {sync}}}}}")).await;
        let answer = invoke(emulator.address(), &asked()).await;
        assert_eq!(answer.status, status, "{sync}: {answer:?}");
        if status == 200 {
            assert_eq!(answer.json()["status"], "RUNNING");
            let ended = result(emulator.address(), &answer.run_id()).await;
            assert_eq!(ended["status"], if charged == 1 { "SUCCEED" } else { "FAILED" });
            assert_eq!(emulator.witness().charged.to_string() != "0", charged == 1, "{sync}");
        }
    }
}

#[tokio::test]
async fn verification_paths_and_methods_answer_as_the_switch_says() {
    let verify = async |behaviour: &str| -> Answer {
        let emulator = emulator(&format!("behaviour: {behaviour}")).await;
        get(emulator.address(), "/v1/api-key/verify").await
    };
    assert_eq!(verify("{}").await.json(), json!({"entityType": "workflow", "entityId": "abc"}));
    assert_eq!(verify("{verify: snake}").await.json()["entity_id"], "abc");
    assert_eq!(verify("{verify: enveloped}").await.json()["data"]["id"], "abc");
    assert_eq!(verify("{verify: missing}").await.status, 404);
    assert_eq!(verify("{key: {kind: agent}}").await.json()["entityType"], "agent");
    for (behaviour, status) in [
        ("{}", 405),
        ("{invoke: {wrong_method: not_found}}", 404),
        ("{invoke: {wrong_method: error_in_200}}", 200),
    ] {
        let emulator = emulator(&format!("behaviour: {behaviour}")).await;
        let answer = get(emulator.address(), "/v1/workflow/invoke").await;
        assert_eq!((answer.status, answer.json()["code"].as_i64()), (status, Some(40000)), "{behaviour}");
    }
    let emulator = emulator("").await;
    let answer = request(emulator.address(), "POST", "/v1/workflow/invoke", "Bearer k", "{").await;
    assert_eq!(answer.status, 400);
    assert_eq!(post(emulator.address(), "/nowhere", &json!({})).await.status, 404);
}
