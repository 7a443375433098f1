use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;

const OURS: &str = "r-1";

const SUCCESS: &str = r#"{"workflowId":"w","workflowName":"n","workflowVersion":"1.0.1","workflowRunId":"r-1","input":{},"output":{"label":"a"},"workflowExecutionTime":8347,"status":"SUCCEED","totalCost":0.6928,"totalTokens":1745,"startTime":1758765323024,"endTime":1758765331373}"#;

const HTML: &str = "<html><body>Bad Gateway</body></html>";

fn response(status: u16, body: Body) -> Received {
    Received::Response { status, retry_after: None, location: None, body, redacted: false }
}

fn whole(status: u16, text: &str) -> Received {
    response(status, Body::Whole(Bytes::copy_from_slice(text.as_bytes())))
}

fn with_retry_after(received: Received) -> Received {
    match received {
        Received::Response { status, location, body, redacted, .. } => {
            let retry_after = Some(Duration::from_secs(7));
            Received::Response { status, retry_after, location, body, redacted }
        }
        other => other,
    }
}

fn invoked(received: &Received) -> String {
    match judge_invoke(received) {
        Judgement::Refused(refusal) => refused_words(&refusal),
        Judgement::Ambiguous { error, .. } => format!("doubt {}", error.kind),
        Judgement::Acknowledged { workflow_run_id, .. } => format!("taken as {workflow_run_id}"),
        Judgement::Answered(reply) => reply_words(&reply),
    }
}

fn polled(received: &Received) -> String {
    match judge_poll(received, OURS) {
        PollJudgement::Pending => "pending".to_owned(),
        PollJudgement::Again(refusal) => format!("again {}", refused_words(&refusal)),
        PollJudgement::Refused(error) => {
            if error.kind == ErrorKind::REPLY_TOO_LARGE {
                return "too large".to_owned();
            }
            assert_eq!(error.kind, ErrorKind::POLL_REFUSED);
            "refused for good".to_owned()
        }
        PollJudgement::Stop(cause, error) => format!("stop {cause:?} {}", error.kind).to_lowercase(),
        PollJudgement::Answered(reply) => reply_words(&reply),
    }
}

fn refused_words(refusal: &Refusal) -> String {
    let kind = &refusal.error.kind;
    match (refusal.stop, refusal.throttled) {
        (Some(cause), false) => format!("stop {cause:?} {kind}").to_lowercase(),
        (None, true) => format!("slow {kind}"),
        (None, false) => format!("free {kind}"),
        (Some(_), true) => "both a stop and a pause".to_owned(),
    }
}

fn reply_words(reply: &Reply) -> String {
    assert_eq!(reply.error.is_some(), reply.outcome == Outcome::Failed);
    let kind = reply.error.as_ref().map_or(String::new(), |error| format!(" {}", error.kind));
    let executed = if reply.executed { "" } else { " unexecuted" };
    format!("{}{kind}{executed}", reply.outcome)
}

fn check(received: &Received, invoke: &str, poll: &str) {
    assert_eq!((invoked(received).as_str(), polled(received).as_str()), (invoke, poll), "{received:?}");
}

/// Status, body, what it means for an invoke, what for a poll.
const ANSWERS: &[(u16, &str, &str, &str)] = &[
    // Success, in the documented form and in those nearby.
    (200, SUCCESS, "succeeded", "succeeded"),
    (201, SUCCESS, "succeeded", "succeeded"),
    (200, r#" {"status":"SUCCEED","output":{}} "#, "succeeded", "succeeded"),
    (200, r#"{"status":"SUCCEED","workflowRunId":null,"output":null}"#, "succeeded", "succeeded"),
    (
        200,
        r#"{"code":0,"message":"OK","data":{"status":"SUCCEED","workflowRunId":"r-1"}}"#,
        "succeeded",
        "succeeded",
    ),
    (200, r#"{"code":200,"msg":"success","data":{"status":"SUCCEED"}}"#, "succeeded", "succeeded"),
    (200, r#"{"code":0,"status":"SUCCEED","data":{"status":"FAILED"}}"#, "succeeded", "succeeded"),
    (200, r#"{"status":"SUCCEED","code":50000,"message":"late"}"#, "succeeded", "succeeded"),
    (200, "\u{feff}{\"status\":\"SUCCEED\"}", "succeeded", "succeeded"),
    (200, "{\n \"status\": \"SUCCEED\"\n}\n", "succeeded", "succeeded"),
    // The workflow failed.
    (200, r#"{"status":"FAILED","workflowRunId":"r-1"}"#, "failed workflow_failed", "failed workflow_failed"),
    (200, r#"{"status":"FAILED"}"#, "failed workflow_failed", "failed workflow_failed"),
    (200, r#"{"code":50000,"status":"FAILED"}"#, "failed workflow_failed", "failed workflow_failed"),
    (200, r#"{"code":40001,"data":{"status":"FAILED"}}"#, "failed workflow_failed", "failed workflow_failed"),
    (500, r#"{"status":"FAILED","workflowRunId":"r-1"}"#, "failed workflow_failed", "failed workflow_failed"),
    (400, r#"{"status":"FAILED","workflowRunId":"r-1"}"#, "failed workflow_failed", "failed workflow_failed"),
    // Accepted, and not ended.
    (
        200,
        r#"{"workflowId":"w","workflowVersion":"1","workflowRunId":"r-1","status":"PENDING"}"#,
        "taken as r-1",
        "pending",
    ),
    (202, r#"{"workflowRunId":"r-1","status":"RUNNING"}"#, "taken as r-1", "pending"),
    (200, r#"{"workflowRunId":"r-1","status":"SUCCESS"}"#, "taken as r-1", "pending"),
    (200, r#"{"workflowRunId":"r-1","status":"succeed"}"#, "taken as r-1", "pending"),
    (200, r#"{"workflowRunId":"r-1","status":"CANCELLED"}"#, "taken as r-1", "pending"),
    (200, r#"{"workflowRunId":"r-1","status":""}"#, "taken as r-1", "pending"),
    (200, r#"{"workflowRunId":"r-1","status":null}"#, "taken as r-1", "pending"),
    (200, r#"{"workflowRunId":"r-1","status":3}"#, "taken as r-1", "pending"),
    (200, r#"{"workflowRunId":"r-1"}"#, "taken as r-1", "pending"),
    (200, r#"{"workflowRunId":"r-1","code":50000}"#, "taken as r-1", "pending"),
    (200, r#"{"code":0,"data":{"workflowRunId":"r-1"}}"#, "taken as r-1", "pending"),
    (504, r#"{"workflowRunId":"r-1","status":"RUNNING"}"#, "taken as r-1", "pending"),
    (429, r#"{"workflowRunId":"r-1","status":"PENDING"}"#, "taken as r-1", "pending"),
    (200, r#"{"workflowRunId":17,"status":"PENDING"}"#, "taken as 17", "refused for good"),
    (200, r#"{"workflowRunId":"r-2","status":"SUCCEED"}"#, "succeeded", "refused for good"),
    // A status word without an id to ask for.
    (200, r#"{"status":"PENDING"}"#, "doubt reply_unreadable", "pending"),
    (200, r#"{"status":"RUNNING","workflowRunId":""}"#, "doubt reply_unreadable", "pending"),
    (200, r#"{"status":"NEW","workflowRunId":{}}"#, "doubt reply_unreadable", "pending"),
    // A 2xx that is not the service's answer.
    (200, "", "doubt reply_unreadable", "again free reply_unreadable"),
    (204, "", "doubt reply_unreadable", "again free reply_unreadable"),
    (200, HTML, "doubt reply_unreadable", "again free reply_unreadable"),
    (200, "null", "doubt reply_unreadable", "again free reply_unreadable"),
    (200, "[1,2]", "doubt reply_unreadable", "again free reply_unreadable"),
    (200, r#"["SUCCEED"]"#, "doubt reply_unreadable", "again free reply_unreadable"),
    (200, "\"SUCCEED\"", "doubt reply_unreadable", "again free reply_unreadable"),
    (200, "{}", "doubt reply_unreadable", "again free reply_unreadable"),
    (200, r#"{"status":"SUCCEED""#, "doubt reply_unreadable", "again free reply_unreadable"),
    (200, r#"{"status":"SUCCEED"} x"#, "doubt reply_unreadable", "again free reply_unreadable"),
    (
        200,
        r#"{"status":"FAILED","status":"SUCCEED"}"#,
        "doubt reply_unreadable",
        "again free reply_unreadable",
    ),
    (
        200,
        r#"{"status":500,"error":"Internal Server Error"}"#,
        "doubt reply_unreadable",
        "again free reply_unreadable",
    ),
    (200, r#"{"code":0,"message":"OK"}"#, "doubt reply_unreadable", "again free reply_unreadable"),
    (200, r#"{"code":0,"data":null}"#, "doubt reply_unreadable", "again free reply_unreadable"),
    (200, r#"{"code":200,"msg":"success"}"#, "doubt reply_unreadable", "again free reply_unreadable"),
    (200, r#"{"code":"","message":"?"}"#, "doubt reply_unreadable", "again free reply_unreadable"),
    (200, r#"{"code":"oops"}"#, "doubt reply_unreadable", "again free reply_unreadable"),
    (200, r#"{"code":true}"#, "doubt reply_unreadable", "again free reply_unreadable"),
    // A 2xx with an error code.
    (
        200,
        r#"{"code":40000,"message":"invalid parameter"}"#,
        "failed service_error unexecuted",
        "refused for good",
    ),
    (
        200,
        r#"{"code":"40348","msg":"no such target"}"#,
        "failed service_error unexecuted",
        "refused for good",
    ),
    (200, r#"{"code":-1}"#, "failed service_error unexecuted", "refused for good"),
    (200, r#"{"code":500,"message":"x"}"#, "failed service_error unexecuted", "refused for good"),
    (200, r#"{"code":40000,"status":null}"#, "failed service_error unexecuted", "refused for good"),
    (
        200,
        r#"{"code":"AGENT_WORKFLOW_PUBLISHED_NOT_EXIST"}"#,
        "failed service_error unexecuted",
        "refused for good",
    ),
    (
        200,
        r#"{"code":50000,"message":"NullPointerException"}"#,
        "failed service_error",
        "again free service_error",
    ),
    (200, r#"{"error":{"code":40000,"message":"x"}}"#, "failed service_error unexecuted", "refused for good"),
    (200, r#"{"error":{"code":40001}}"#, "slow throttled", "again slow throttled"),
    (200, r#"{"error":{"code":400,"message":"x"}}"#, "doubt reply_unreadable", "again free reply_unreadable"),
    (503, r#"{"error":{"code":503,"message":"x"}}"#, "doubt gateway", "again free gateway"),
    (500, r#"{"error":{"code":50000,"message":"x"}}"#, "failed server_error", "again free server_error"),
    // Slow down.
    (429, "", "slow throttled", "again slow throttled"),
    (429, HTML, "slow throttled", "again slow throttled"),
    (429, r#"{"code":40001,"message":"over frequency"}"#, "slow throttled", "again slow throttled"),
    (429, r#"{"code":42900,"message":"x"}"#, "slow throttled", "again slow throttled"),
    (200, r#"{"code":40001,"message":"over frequency"}"#, "slow throttled", "again slow throttled"),
    (200, r#"{"code":"40001"}"#, "slow throttled", "again slow throttled"),
    (400, r#"{"code":40001}"#, "slow throttled", "again slow throttled"),
    (403, r#"{"code":40001}"#, "slow throttled", "again slow throttled"),
    (502, r#"{"code":40001}"#, "slow throttled", "again slow throttled"),
    // What would be the same for every row.
    (401, "", "stop authentication authentication", "stop authentication authentication"),
    (401, HTML, "stop authentication authentication", "stop authentication authentication"),
    (
        401,
        r#"{"code":40127,"message":"bad key"}"#,
        "stop authentication authentication",
        "stop authentication authentication",
    ),
    (400, r#"{"code":40127}"#, "stop authentication authentication", "stop authentication authentication"),
    (200, r#"{"code":40127}"#, "stop authentication authentication", "stop authentication authentication"),
    (500, r#"{"code":20055}"#, "stop authentication authentication", "stop authentication authentication"),
    (403, r#"{"code":20055}"#, "stop authentication authentication", "stop authentication authentication"),
    (
        403,
        r#"{"code":403204,"message":"key type"}"#,
        "stop authentication authentication",
        "stop authentication authentication",
    ),
    (200, r#"{"code":20022}"#, "stop credits no_credits", "stop credits no_credits"),
    (402, r#"{"code":40379}"#, "stop credits no_credits", "stop credits no_credits"),
    (403, r#"{"code":"40379"}"#, "stop credits no_credits", "stop credits no_credits"),
    (400, r#"{"code":"COIN_NOT_ENOUGH"}"#, "stop credits no_credits", "stop credits no_credits"),
    (500, r#"{"name":"COIN_NOT_ENOUGH","code":1}"#, "stop credits no_credits", "stop credits no_credits"),
    (200, r#"{"message":"COIN_NOT_ENOUGH: top up"}"#, "stop credits no_credits", "stop credits no_credits"),
    (301, "", "stop network redirect", "stop network redirect"),
    (302, SUCCESS, "stop network redirect", "stop network redirect"),
    (304, "", "stop network redirect", "stop network redirect"),
    (307, r#"{"code":40001}"#, "stop network redirect", "stop network redirect"),
    // Refused as wrong.
    (400, "", "failed bad_request unexecuted", "refused for good"),
    (
        400,
        r#"{"code":40000,"message":"invalid parameter"}"#,
        "failed bad_request unexecuted",
        "refused for good",
    ),
    (404, HTML, "failed bad_request unexecuted", "refused for good"),
    (405, r#"{"code":1}"#, "failed bad_request unexecuted", "refused for good"),
    (413, "", "failed bad_request unexecuted", "refused for good"),
    (422, r#"{"status":"FAILED"}"#, "failed bad_request unexecuted", "refused for good"),
    (403, HTML, "failed forbidden unexecuted", "stop authentication forbidden"),
    (403, "", "failed forbidden unexecuted", "stop authentication forbidden"),
    (403, r#"{"message":"forbidden"}"#, "failed forbidden unexecuted", "stop authentication forbidden"),
    // The service failed, in its own words.
    (500, r#"{"code":50000,"message":"internal"}"#, "failed server_error", "again free server_error"),
    (500, r#"{"code":"50000","errorMessage":"x"}"#, "failed server_error", "again free server_error"),
    (501, r#"{"code":500,"message":"x"}"#, "failed server_error", "again free server_error"),
    // Not in its own words.
    (500, "", "doubt gateway", "again free gateway"),
    (500, HTML, "doubt gateway", "again free gateway"),
    (500, r#"{"status":500,"error":"Internal Server Error"}"#, "doubt gateway", "again free gateway"),
    (500, r#"{"status":"FAILED"}"#, "doubt gateway", "again free gateway"),
    (500, r#"{"code":0,"message":"x"}"#, "doubt gateway", "again free gateway"),
    (502, HTML, "doubt gateway", "again free gateway"),
    (502, r#"{"code":50000,"message":"x"}"#, "doubt gateway", "again free gateway"),
    (504, "", "doubt gateway", "again free gateway"),
    (504, r#"{"code":50000}"#, "doubt gateway", "again free gateway"),
    (408, "", "doubt gateway", "again free gateway"),
    (408, r#"{"code":40000}"#, "doubt gateway", "again free gateway"),
    (520, HTML, "doubt gateway", "again free gateway"),
    (100, "", "doubt gateway", "again free gateway"),
    (101, SUCCESS, "succeeded", "succeeded"),
    (600, "", "doubt gateway", "again free gateway"),
    (0, "", "doubt gateway", "again free gateway"),
    // Not available: only the service's own word for it is one.
    (503, "", "doubt gateway", "again free gateway"),
    (503, "upstream connect error or disconnect/reset before headers", "doubt gateway", "again free gateway"),
    (503, r#"{"code":503,"message":"Service Unavailable"}"#, "doubt gateway", "again free gateway"),
    (503, r#"{"code":50300,"message":"restarting"}"#, "free unavailable", "again free unavailable"),
];

#[test]
fn every_form_of_answer_means_what_the_table_says() {
    for (status, body, invoke, poll) in ANSWERS {
        check(&whole(*status, body), invoke, poll);
    }
}

#[test]
fn no_answer_is_refused_only_when_nothing_was_sent() {
    let lost = |timed_out| Received::Lost { timed_out, message: "x".to_owned() };
    check(&Received::NotSent { message: "refused".to_owned() }, "free connect", "again free connect");
    let stop = ["stop disk connect", "stop disk connect"];
    check(&Received::OutOfFiles { message: "no files".to_owned() }, stop[0], stop[1]);
    check(&lost(true), "doubt timeout", "again free timeout");
    check(&lost(false), "doubt connection_lost", "again free connection_lost");
}

#[test]
fn a_503_that_says_when_to_come_back_was_not_taken() {
    for body in ["", HTML, r#"{"code":50300}"#] {
        check(&with_retry_after(whole(503, body)), "slow unavailable", "again slow unavailable");
    }
    check(&with_retry_after(whole(502, "")), "doubt gateway", "again free gateway");
    let Judgement::Refused(refusal) = judge_invoke(&with_retry_after(whole(429, ""))) else { panic!() };
    assert_eq!(refusal.retry_after, Some(Duration::from_secs(7)));
}

#[test]
fn a_body_that_is_not_all_there_is_believed_only_where_the_status_says_enough() {
    let success = || Bytes::from(SUCCESS);
    for status in [200, 400, 403, 404, 500, 502, 503] {
        check(&response(status, Body::Cut(success())), "doubt reply_cut", "again free reply_cut");
        let large = response(status, Body::TooLarge(success()));
        let polled = if status == 200 { "too large" } else { "again free reply_too_large" };
        check(&large, "doubt reply_too_large", polled);
    }
    check(&response(429, Body::Cut(success())), "slow throttled", "again slow throttled");
    let stop = "stop authentication authentication";
    check(&response(401, Body::Cut(success())), stop, stop);
    check(&response(302, Body::Cut(success())), "stop network redirect", "stop network redirect");
    let unavailable = with_retry_after(response(503, Body::Cut(success())));
    check(&unavailable, "slow unavailable", "again slow unavailable");
}

fn error_of(received: &Received) -> RowError {
    match judge_invoke(received) {
        Judgement::Refused(refusal) => refusal.error,
        Judgement::Ambiguous { error, .. } => error,
        Judgement::Answered(reply) => reply.error.unwrap(),
        Judgement::Acknowledged { .. } => panic!("no error: {received:?}"),
    }
}

#[test]
fn a_message_names_status_code_and_reason() {
    let check = |status, body: &str, message: &str, code: Option<&str>| {
        let error = error_of(&whole(status, body));
        assert_eq!((error.message.as_str(), error.code.as_deref()), (message, code));
        assert_eq!(error.http_status, Some(status));
    };
    check(
        400,
        r#"{"code":40000,"message":"invalid\n\tparameter  `q`"}"#,
        "the service refused the request (HTTP 400, code 40000): invalid parameter `q`",
        Some("40000"),
    );
    check(404, "", "the service refused the request (HTTP 404)", None);
    check(
        404,
        r#"{"error":{"why":"x"}}"#,
        r#"the service refused the request (HTTP 404): {"why":"x"}"#,
        None,
    );
    check(
        400,
        r#"{"error":{"code":40000,"message":"x"}}"#,
        "the service refused the request (HTTP 400, code 40000): x",
        Some("40000"),
    );
    check(200, r#"{"status":"FAILED","message":"","msg":"boom"}"#, "boom", None);
    check(200, r#"{"status":"FAILED","errorMessage":"boom","code":40343}"#, "boom", Some("40343"));
    check(200, r#"{"status":"FAILED","output":{"why":"x"}}"#, r#"{"why":"x"}"#, None);
    let no_reason = "the workflow ended with status FAILED; the API gives no reason";
    check(200, r#"{"status":"FAILED","output":{},"error":false}"#, no_reason, None);
    let long = format!(r#"{{"status":"FAILED","message":"{}"}}"#, "é".repeat(2000));
    assert_eq!(error_of(&whole(200, &long)).message.chars().count(), 1001);
}

#[test]
fn every_kind_of_trouble_has_words_of_its_own() {
    let mut leads = std::collections::BTreeMap::new();
    for (status, body, ..) in ANSWERS {
        if let Meaning::Trouble(_, error) = meaning_of(&whole(*status, body)) {
            let lead = error.message.split(" (HTTP").next().unwrap().to_owned();
            assert_eq!(leads.entry(lead).or_insert_with(|| error.kind.clone()), &error.kind);
        }
    }
    assert_eq!(leads.len(), 11, "{leads:?}");
}

#[test]
fn a_redirect_names_the_host_that_it_points_to() {
    let location = Some("eu.example.com".to_owned());
    let body = Body::Whole(Bytes::from(r#"{"message":"Moved"}"#));
    let received = Received::Response { status: 301, retry_after: None, location, body, redacted: false };
    let message = error_of(&received).message;
    assert!(message.ends_with("check `workflow.base_url` (HTTP 301): to eu.example.com"), "{message}");
}

fn reply_of(body: &str) -> Reply {
    match judge_invoke(&whole(200, body)) {
        Judgement::Answered(reply) => *reply,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_documented_reply_is_decoded_in_full() {
    let reply = reply_of(SUCCESS);
    assert_eq!(reply.cost.unwrap().to_string(), "0.6928");
    assert_eq!((reply.tokens, reply.server_ms), (Some(1745), Some(8347)));
    assert_eq!(reply.workflow_id.as_deref(), Some("w"));
    assert_eq!(reply.workflow_run_id.as_deref(), Some("r-1"));
    assert_eq!(reply.workflow_version.as_deref(), Some("1.0.1"));
    assert_eq!((reply.http_status, reply.redacted), (200, false));
    let raw = reply.raw.unwrap();
    assert_eq!(raw.get(), SUCCESS);
    assert_eq!(output_of(&raw).unwrap().get(), r#"{"label":"a"}"#);
}

#[test]
fn costs_and_tokens_are_exact_or_unknown() {
    let check = |value: &str, cost: Option<&str>, tokens: Option<u64>| {
        let body = format!(r#"{{"status":"FAILED","totalCost":{value},"totalTokens":{value}}}"#);
        let reply = reply_of(&body);
        assert_eq!(reply.cost.map(|c| c.to_string()).as_deref(), cost, "{value}");
        assert_eq!(reply.tokens, tokens, "{value}");
    };
    check("0", Some("0"), Some(0));
    check("1745", Some("1745"), Some(1745));
    check("1745.0", Some("1745.0"), Some(1745));
    check("1.745e3", Some("1745"), Some(1745));
    check("\"1745\"", Some("1745"), Some(1745));
    check("\" 12 \"", Some("12"), Some(12));
    check("0.1", Some("0.1"), None);
    check("0.30000000000000004", Some("0.30000000000000004"), None);
    check("\"0.6928\"", Some("0.6928"), None);
    check("18446744073709551615", Some("18446744073709551615"), Some(u64::MAX));
    check("18446744073709551616", Some("18446744073709551616"), None);
    for unknown in ["null", "-1", "-0.1", "1e99", "1e-40", "\"\"", "\"x\"", "true", "[1]", "{}", "\"NaN\""] {
        check(unknown, None, None);
    }
    let absent = reply_of(r#"{"status":"SUCCEED"}"#);
    assert_eq!((absent.cost, absent.tokens, absent.executed), (None, None, true));
}

#[test]
fn server_time_is_what_is_reported_else_what_the_clocks_say() {
    let check = |fields: &str, expected: Option<u64>| {
        assert_eq!(reply_of(&format!(r#"{{"status":"SUCCEED",{fields}}}"#)).server_ms, expected, "{fields}");
    };
    check(r#""workflowExecutionTime":8347,"startTime":0,"endTime":9"#, Some(8347));
    check(r#""workflowExecutionTime":8347.9"#, Some(8347));
    check(r#""workflowExecutionTime":"12""#, Some(12));
    check(r#""workflowExecutionTime":null,"startTime":1758765323024,"endTime":1758765331373"#, Some(8349));
    check(r#""workflowExecutionTime":-5,"startTime":"10","endTime":12.5"#, Some(2));
    check(r#""startTime":12,"endTime":10"#, None);
    check(r#""startTime":12"#, None);
    check(r#""workflowExecutionTime":-5"#, None);
}

#[test]
fn ids_and_versions_are_text_whatever_their_type() {
    let reply = reply_of(
        r#"{"status":"SUCCEED","workflowRunId":90071992547409931,"workflowVersion":1.10,"workflowId":{}}"#,
    );
    assert_eq!(reply.workflow_run_id.as_deref(), Some("90071992547409931"));
    assert_eq!((reply.workflow_version.as_deref(), reply.workflow_id), (Some("1.10"), None));
}

#[test]
fn a_polled_reply_without_an_id_is_ours() {
    let PollJudgement::Answered(reply) = judge_poll(&whole(200, r#"{"status":"SUCCEED"}"#), OURS) else {
        panic!();
    };
    assert_eq!(reply.workflow_run_id.as_deref(), Some(OURS));
}

#[test]
fn a_raw_reply_is_kept_byte_for_byte_or_as_text() {
    let check = |body: &[u8], raw: Option<&str>, text: Option<&str>| {
        let received = response(400, Body::Whole(Bytes::copy_from_slice(body)));
        let Judgement::Answered(reply) = judge_invoke(&received) else { panic!() };
        assert_eq!((reply.raw.as_deref().map(RawValue::get), reply.raw_text.as_deref()), (raw, text));
    };
    check(
        br#"{"a": 1.0,  "a":12345678901234567890123}"#,
        Some(r#"{"a": 1.0,  "a":12345678901234567890123}"#),
        None,
    );
    check(b"{\"a\":1}\r\n", Some(r#"{"a":1}"#), None);
    check(b"{\n}", None, Some("{\n}"));
    check(b"<html>", None, Some("<html>"));
    check(b"\xff{}", None, Some("\u{fffd}{}"));
    check(b"", None, None);
}

#[test]
fn the_output_is_found_in_every_form_of_a_reply() {
    let check = |body: &str, expected: Option<&str>| {
        let raw = RawValue::from_string(body.to_owned()).unwrap();
        assert_eq!(output_of(&raw).map(RawValue::get), expected, "{body}");
    };
    check(
        r#"{"status":"SUCCEED","output":{"id":12345678901234567890}}"#,
        Some(r#"{"id":12345678901234567890}"#),
    );
    check(r#"{"code":0,"data":{"status":"SUCCEED","output":"text"}}"#, Some(r#""text""#));
    check(r#"{"status":"SUCCEED","output":null}"#, None);
    check(r#"{"status":"SUCCEED"}"#, None);
    check(r#"{"output":1,"output":2}"#, None);
    check("[]", None);
    let pretty = "{\n  \"status\": \"SUCCEED\",\r\n  \"output\": {\n    \"a\": \"x\\ny\"\n  }\n}";
    assert_eq!(output_of_text(pretty).unwrap().get(), "{     \"a\": \"x\\ny\"   }");
    assert!(output_of_text(HTML).is_none());
}

#[test]
fn nesting_without_end_is_read_without_harm() {
    for (open, close) in [("{\"error\":", "}"), ("{\"data\":", "}"), ("[", "]")] {
        let depth = 200_000;
        let deep = format!("{}1{}", open.repeat(depth), close.repeat(depth));
        check(&whole(200, &deep), "doubt reply_unreadable", "again free reply_unreadable");
        let reply = format!(r#"{{"status":"FAILED","output":{deep}}}"#);
        check(&whole(200, &reply), "failed workflow_failed", "failed workflow_failed");
    }
}

#[test]
fn the_start_of_a_doubtful_body_is_kept_within_its_limit() {
    let start = |body: Vec<u8>| match judge_invoke(&response(502, Body::Cut(Bytes::from(body)))) {
        Judgement::Ambiguous { body, .. } => body,
        other => panic!("{other:?}"),
    };
    assert_eq!(start(Vec::new()), None);
    assert_eq!(start(b"oops".to_vec()).as_deref(), Some("oops"));
    assert_eq!(start(vec![b'a'; 9000]).unwrap().len(), 4096);
    assert_eq!(start("é".repeat(9000).into_bytes()).unwrap().len(), 4096);
    assert!(start(vec![0xff; 9000]).unwrap().len() <= 4096);
}

#[test]
fn no_status_makes_a_resend_of_what_may_have_run() {
    let envelope = r#"{"code":50000,"message":"x"}"#;
    for status in 100..=599 {
        for retry_after in [false, true] {
            let judge = |received: Received| {
                let received = if retry_after { with_retry_after(received) } else { received };
                (judge_invoke(&received), judge_poll(&received, OURS))
            };
            for body in ["", HTML, envelope, SUCCESS] {
                let (invoke, poll) = judge(whole(status, body));
                let refused = matches!(&invoke, Judgement::Refused(r) if r.stop.is_none());
                let may =
                    status == 429 || status == 503 && (retry_after || body == envelope) && body != SUCCESS;
                assert!(!refused || may, "{status} {body}");
                if body == SUCCESS && !(300..400).contains(&status) {
                    assert!(matches!(&invoke, Judgement::Answered(r) if r.outcome == Outcome::Succeeded));
                    assert!(matches!(&poll, PollJudgement::Answered(_)));
                } else {
                    assert!(!matches!(&invoke, Judgement::Answered(r) if r.outcome == Outcome::Succeeded));
                    assert!(!matches!(&poll, PollJudgement::Answered(_)), "{status} {body}");
                }
            }
            let (cut, poll) = judge(response(status, Body::Cut(Bytes::from(&SUCCESS[..90]))));
            assert!(!matches!(cut, Judgement::Answered(_) | Judgement::Acknowledged { .. }), "{status}");
            assert!(!matches!(poll, PollJudgement::Answered(_) | PollJudgement::Refused(_)), "{status}");
        }
    }
}

fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let values = prop::sample::select(vec![
        "null",
        "0",
        "1",
        "-1",
        "40001",
        "\"40001\"",
        "\"SUCCEED\"",
        "\"FAILED\"",
        "\"PENDING\"",
        "\"r-1\"",
        "{}",
        "[]",
        "1e400",
        "0.1",
        "\"\"",
        "\"\\ud800\"",
        r#"{"status":"SUCCEED"}"#,
        "tru",
    ]);
    let keys = prop::sample::select(vec![
        "code",
        "name",
        "message",
        "error",
        "data",
        "status",
        "workflowRunId",
        "output",
        "totalCost",
        "endTime",
        "totalTokens",
        "startTime",
        "workflowExecutionTime",
        "workflowVersion",
    ]);
    let object = prop::collection::vec((keys, values), 0..6).prop_map(|members| {
        let members: Vec<_> = members.into_iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
        format!("{{{}}}", members.join(",")).into_bytes()
    });
    prop_oneof![prop::collection::vec(any::<u8>(), 0..64), object]
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(status in any::<u16>(), body in bodies(), kind in 0..3, retry_after in any::<bool>()) {
        let bytes = Bytes::from(body);
        let body = match kind {
            0 => Body::Whole(bytes.clone()),
            1 => Body::Cut(bytes.clone()),
            _ => Body::TooLarge(bytes.clone()),
        };
        let received = response(status, body);
        let received = if retry_after { with_retry_after(received) } else { received };
        let _ = (invoked(&received), polled(&received));
        if let Ok(text) = std::str::from_utf8(&bytes) {
            let _ = output_of_text(text);
        }
    }

    /// Whatever a 2xx carries, it is sent again for free only when its body holds the code for it.
    #[test]
    fn a_2xx_is_free_to_resend_only_by_its_code(status in 200_u16..300, body in bodies()) {
        let text = String::from_utf8_lossy(&body).into_owned();
        let received = response(status, Body::Whole(Bytes::from(body)));
        if let Judgement::Refused(refusal) = judge_invoke(&received) {
            prop_assert!(refusal.throttled && text.contains("40001"));
        }
    }
}
