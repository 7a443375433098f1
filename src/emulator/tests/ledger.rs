//! The ledger: what is in it, and that a restart goes on from it.

use std::path::Path;

use serde_json::{Value, json};

use super::client::{Frozen, get, invoke, poll, result, start_with};
use crate::emulator::{Definition, Emulator, Options};

const ECHO: &str = "name: w\nseed: 5\ninputs: {q: string}\nlatency: 10s\n";

fn options(ledger: &Path) -> Options {
    Options { ledger: Some(ledger.to_owned()), ..Options::default() }
}

fn lines(ledger: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(ledger).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn asked(user: &str, is_async: bool) -> Value {
    json!({"userId": user, "input": {"q": "?"}, "isAsync": is_async})
}

#[tokio::test(start_paused = true)]
async fn a_restart_knows_its_runs_and_ends_those_that_had_not_ended() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = folder.path().join("emulator.jsonl");
    let first = start_with(ECHO, options(&ledger)).await;
    let done = invoke(first.address(), &asked("a", false)).await;
    let frozen = Frozen::time();
    let open = invoke(first.address(), &asked("b", true)).await.run_id();
    assert_eq!(poll(first.address(), &open).await.json()["status"], "PENDING");
    first.stop().await;
    drop(frozen);

    let second = start_with(ECHO, options(&ledger)).await;
    let address = second.address();
    assert_eq!(poll(address, &done.run_id()).await.body, done.body);
    assert_eq!(result(address, &open).await["status"], "SUCCEED");
    let witness = second.witness();
    assert_eq!((witness.invokes(), witness.accepted, witness.executed), (0, 2, 2));
    assert_eq!(
        witness.executed_by_user.iter().map(|(user, n)| (user.as_str(), *n)).collect::<Vec<_>>(),
        [("a", 1), ("b", 1)]
    );
    let again = invoke(address, &asked("a", false)).await;
    assert_ne!(again.run_id(), done.run_id(), "the same request once more is another run");
}

#[tokio::test(start_paused = true)]
async fn every_run_is_accepted_executed_and_charged_in_the_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = folder.path().join("emulator.jsonl");
    let emulator = start_with(
        &format!("{ECHO}faults_for: {{f: [failed]}}\nbehaviour: {{failed: {{cost: free}}}}"),
        options(&ledger),
    )
    .await;
    let done = invoke(emulator.address(), &asked("a", false)).await.json();
    invoke(emulator.address(), &asked("f", false)).await;
    let charged = emulator.witness().charged;
    emulator.stop().await;
    let lines = lines(&ledger);
    let events: Vec<_> = lines.iter().map(|line| line["e"].as_str().unwrap()).collect();
    assert_eq!(events, ["accepted", "executed", "charged", "accepted", "executed"]);
    for line in &lines[..3] {
        assert_eq!(line["run"], done["workflowRunId"]);
        assert_eq!(line["user_id"], "a");
        assert_eq!(line["cost"], charged.to_string());
        assert_eq!(line["tokens"], done["totalTokens"]);
        let digest = "1d6fbab5e1d80b4b2a8a2f8d4a1d9a3c";
        assert_eq!(line["input_sha256"].as_str().unwrap().len(), digest.len() * 2);
    }
    assert_eq!(lines[0]["output"], done["output"]);
    assert_eq!(lines[0]["mode"], "sync");
    assert_eq!(lines[4]["status"], "FAILED");
}

#[tokio::test(start_paused = true)]
async fn a_torn_last_line_is_cut_off_and_damage_before_it_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = folder.path().join("emulator.jsonl");
    let first = start_with(ECHO, options(&ledger)).await;
    let done = invoke(first.address(), &asked("a", false)).await;
    first.stop().await;
    let whole = std::fs::read(&ledger).unwrap();
    for torn in [&br#"{"e":"accepted","t_ms":1"#[..], b"\n", b"{}\n", b"\xff\xfe", &whole[..whole.len() / 3]]
    {
        std::fs::write(&ledger, [&whole, torn].concat()).unwrap();
        let second = start_with(ECHO, options(&ledger)).await;
        assert_eq!(poll(second.address(), &done.run_id()).await.status, 200, "{torn:?}");
        second.stop().await;
        assert_eq!(std::fs::read(&ledger).unwrap(), whole, "{torn:?}");
    }
    std::fs::write(&ledger, [b"{}\n", &whole[..]].concat()).unwrap();
    let error = refusal(&ledger).await;
    assert!(error.contains("emulator.jsonl:1: not a line of a ledger"), "{error}");
}

async fn refusal(ledger: &Path) -> String {
    let definition = Definition::parse(ECHO).unwrap();
    Emulator::start(definition, options(ledger)).await.unwrap_err().to_string()
}

#[tokio::test(start_paused = true)]
async fn a_ledger_has_one_emulator() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = folder.path().join("emulator.jsonl");
    let first = start_with(ECHO, options(&ledger)).await;
    let error = refusal(&ledger).await;
    assert!(error.contains("in use by another emulator"), "{error}");
    drop(first);
    drop(start_with(ECHO, options(&ledger)).await);
    assert!(refusal(Path::new("/nowhere/at/all.jsonl")).await.contains("/nowhere/at/all.jsonl"));
}

#[tokio::test]
async fn many_at_once_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = folder.path().join("emulator.jsonl");
    let emulator = start_with("inputs: {q: string}", options(&ledger)).await;
    let address = emulator.address();
    let calls =
        (0..64).map(|user| async move { invoke(address, &asked(&user.to_string(), user % 2 == 0)).await });
    let answers = futures::future::join_all(calls).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    while emulator.witness().executed < 64 {
        tokio::task::yield_now().await;
    }
    let witness = emulator.witness();
    emulator.stop().await;
    let charged: crate::model::Cost = lines(&ledger)
        .iter()
        .filter(|line| line["e"] == "charged")
        .map(|line| line["cost"].as_str().unwrap().parse::<crate::model::Cost>().unwrap())
        .sum::<Option<_>>()
        .unwrap();
    assert_eq!(charged, witness.charged);
    assert_eq!(lines(&ledger).len(), 3 * 64);
}

#[tokio::test(start_paused = true)]
async fn the_run_log_and_the_credits_list_what_was_run() {
    let folder = tempfile::tempdir().unwrap();
    for ledger in [None, Some(folder.path().join("emulator.jsonl"))] {
        let emulator = start_with(ECHO, Options { ledger, ..Options::default() }).await;
        let address = emulator.address();
        let mut ids = Vec::new();
        for user in ["a", "b", "a"] {
            ids.push(invoke(address, &asked(user, false)).await.run_id());
        }
        let logs = "/v1/workflow/run/logs?conversation_type=API&start_time=0&end_time=99999999999999&page=1&page_size=10";
        let listed = get(address, &format!("{logs}&user_id=a")).await.json();
        assert_eq!(listed["total"], 2);
        assert_eq!(listed["list"][1]["workflow_run_id"], ids[2].as_str());
        assert_eq!(listed["list"][0]["input"], r#"{"q":"?"}"#);
        assert_eq!(listed["list"][0]["output"], r#"{"q":"?"}"#);
        assert_eq!(get(address, &logs.replace("API", "SHARE")).await.json()["total"], 0);
        for wrong in ["page_size=9", "page_size=101", "page_size=x", "page=0", "conversation_type=DEBUG"] {
            let path = format!("{}&{wrong}", logs.replace("&page=1&page_size=10", ""));
            let path =
                if wrong.starts_with("conv") { path.replace("conversation_type=API&", "") } else { path };
            assert_eq!(get(address, &path).await.status, 400, "{wrong}");
        }
        let credits = "/v1/account/workflow/run/credits?start_time=99999999999000&end_time=99999999999999";
        assert_eq!(get(address, credits).await.json()["total"], 0);
        let now = listed["list"][0]["create_time"].as_u64().unwrap();
        let credits = format!(
            "/v1/account/workflow/run/credits?start_time={}&end_time={}",
            now - 1000,
            now + 10_000_000
        );
        let listed = get(address, &credits).await.json();
        assert_eq!(
            (&listed["total"], listed["list"][1]["run_id"].as_str()),
            (&json!(3), Some(ids[1].as_str()))
        );
        assert_eq!(get(address, &format!("{credits}&run_id={}", ids[2])).await.json()["total"], 1);
        assert_eq!(
            get(address, &credits.replace(&format!("start_time={}", now - 1000), "start_time=0"))
                .await
                .status,
            400
        );
    }
}
