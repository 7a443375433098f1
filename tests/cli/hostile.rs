//! A service that resets, hangs, drips, lies and talks nonsense: each row has the outcome that the contract names, and
//! nothing is sent twice that may have run.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::hostile::{Act, Hostile, Request, ok, response, succeeded};
use crate::support::money::amount;
use crate::support::{Bench, Ended};

const QUICK: &str =
    "limits: {concurrency: 16, timeout: 1500ms, halt: none, retry: {attempts: 2, backoff: 1ms..5ms}}\n";

fn run_id(request: &Request) -> String {
    format!("run-{}", request.row())
}

fn fine(request: &Request) -> Act {
    succeeded(&run_id(request), &json!({"n": request.row()}))
}

fn bytes_of(act: Act) -> Vec<u8> {
    match act {
        Act::Write(bytes) => bytes,
        _ => panic!("it is not a whole response"),
    }
}

/// One way to misbehave: what it is, what the server does, the outcome, and the sends that are allowed.
struct Case {
    name: &'static str,
    act: fn(&Request) -> Act,
    outcome: &'static str,
    sends: usize,
}

fn run_cases(cases: &'static [Case]) -> Bench {
    let bench = Bench::new();
    let server = Hostile::serve(|request| match cases.get(usize::try_from(request.row()).unwrap() - 1) {
        Some(case) => (case.act)(request),
        None => fine(request),
    });
    bench.dataset(cases.len() + 1);
    bench.job(&server.url, "sync", QUICK);
    let Ended { code, stderr, .. } = bench.run(&["run", "job.yaml"]);
    assert!(matches!(code, Some(0 | 1)), "{code:?} {stderr}");
    let outcomes = bench.outcomes();
    let sends = server.sends(cases.len() as u64 + 1);
    let mut wrong = Vec::new();
    for ((case, outcome), sends) in cases.iter().zip(&outcomes).zip(&sends) {
        if (case.outcome, case.sends) != (outcome, *sends) {
            wrong.push(format!(
                "{}: {outcome} after {sends} sends, not {} after {}",
                case.name, case.outcome, case.sends
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(outcomes.last().unwrap(), "succeeded", "the row after them is not harmed");
    // Resuming sends nothing that may have run; the run folder stays readable.
    bench.run(&["resume"]).exits(code.unwrap());
    assert_eq!(server.sends(cases.len() as u64 + 1), sends);
    bench.run(&["report"]).exits(0);
    drop(server);
    bench
}

/// The ways of a synchronous call to go wrong.
const CASES: &[Case] = &[
    Case { name: "reset after the request", act: |_| Act::Reset, outcome: "in_doubt", sends: 1 },
    Case { name: "hangs", act: |_| Act::Hang, outcome: "in_doubt", sends: 1 },
    Case {
        name: "drips",
        act: |r| Act::Drip(bytes_of(fine(r)), 16, Duration::from_millis(2)),
        outcome: "succeeded",
        sends: 1,
    },
    Case {
        name: "drips too slowly",
        act: |r| Act::Drip(bytes_of(fine(r)), 8, Duration::from_millis(200)),
        outcome: "in_doubt",
        sends: 1,
    },
    Case {
        name: "a body cut short",
        act: |r| {
            let mut bytes = bytes_of(fine(r));
            bytes.truncate(bytes.len() - 9);
            Act::Write(bytes)
        },
        outcome: "in_doubt",
        sends: 1,
    },
    Case {
        name: "a head cut short",
        act: |_| Act::Write(b"HTTP/1.1 200 OK\r\nContent-".to_vec()),
        outcome: "in_doubt",
        sends: 1,
    },
    Case {
        name: "no HTTP at all",
        act: |_| Act::Write(b"\0\x01\x02 hello".to_vec()),
        outcome: "in_doubt",
        sends: 1,
    },
    Case {
        name: "502 page",
        act: |_| response("502 Bad Gateway", "Content-Type: text/html", "<html>502</html>"),
        outcome: "in_doubt",
        sends: 1,
    },
    Case { name: "504", act: |_| response("504 Gateway Timeout", "", ""), outcome: "in_doubt", sends: 1 },
    Case {
        name: "bare 503",
        act: |_| response("503 Busy", "", "upstream reset"),
        outcome: "in_doubt",
        sends: 1,
    },
    Case { name: "408", act: |_| response("408 Request Timeout", "", ""), outcome: "in_doubt", sends: 1 },
    Case { name: "500 page", act: |_| response("500 Oops", "", "<html>"), outcome: "in_doubt", sends: 1 },
    Case {
        name: "500 with the service's own words",
        act: |_| response("500 Oops", "", r#"{"code":50000,"message":"internal"}"#),
        outcome: "failed",
        sends: 1,
    },
    Case {
        name: "503 that asks to wait, once",
        act: |r| if r.nth == 0 { response("503 Busy", "Retry-After: 0", "") } else { fine(r) },
        outcome: "succeeded",
        sends: 2,
    },
    Case {
        name: "503 with the service's own words, always",
        act: |_| response("503 Busy", "", r#"{"code":50300,"message":"busy"}"#),
        outcome: "failed",
        sends: 2,
    },
    Case {
        name: "429 that asks to wait, thrice",
        act: |r| if r.nth < 3 { response("429 Slow", "Retry-After: 0", "") } else { fine(r) },
        outcome: "succeeded",
        sends: 4,
    },
    Case {
        name: "429 in a 200",
        act: |r| if r.nth == 0 { ok(&json!({"code": 40001, "message": "slow down"})) } else { fine(r) },
        outcome: "succeeded",
        sends: 2,
    },
    Case {
        name: "an error in a 200",
        act: |_| ok(&json!({"code": 40000, "message": "bad input"})),
        outcome: "failed",
        sends: 1,
    },
    Case {
        name: "400",
        act: |_| response("400 Bad", "", r#"{"code":40000,"message":"x"}"#),
        outcome: "failed",
        sends: 1,
    },
    Case {
        name: "a firewall's 403",
        act: |_| response("403 No", "", "<html>blocked"),
        outcome: "failed",
        sends: 1,
    },
    Case { name: "an empty 200", act: |_| response("200 OK", "", ""), outcome: "in_doubt", sends: 1 },
    Case { name: "a 204", act: |_| response("204 No Content", "", ""), outcome: "in_doubt", sends: 1 },
    Case { name: "null", act: |_| response("200 OK", "", "null"), outcome: "in_doubt", sends: 1 },
    Case { name: "a list", act: |_| response("200 OK", "", "[1,2]"), outcome: "in_doubt", sends: 1 },
    Case { name: "not JSON", act: |_| response("200 OK", "", "SUCCEED"), outcome: "in_doubt", sends: 1 },
    Case { name: "NUL bytes", act: |_| response("200 OK", "", [0; 64]), outcome: "in_doubt", sends: 1 },
    Case {
        name: "bytes that are no text",
        act: |_| response("200 OK", "", b"{\"status\":\"SUCCEED\",\"output\":{\"x\":\"\xff\xfe\"}}"),
        outcome: "in_doubt",
        sends: 1,
    },
    Case {
        name: "failed",
        act: |r| ok(&json!({"workflowRunId": run_id(r), "status": "FAILED", "totalCost": 0.5})),
        outcome: "failed",
        sends: 1,
    },
    Case {
        name: "an early hint before the answer",
        act: |r| {
            let hint = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n".to_vec();
            Act::Write([hint, bytes_of(fine(r))].concat())
        },
        outcome: "succeeded",
        sends: 1,
    },
    Case {
        name: "an answer twice",
        act: |r| Act::Write([bytes_of(fine(r)), bytes_of(fine(r))].concat()),
        outcome: "succeeded",
        sends: 1,
    },
];

#[test]
fn each_answer_of_a_sync_call_has_its_outcome() {
    let bench = run_cases(CASES);
    let told = bench.report();
    let succeeded = CASES.iter().filter(|case| case.outcome == "succeeded").count() + 1;
    assert_eq!(told["rows"]["succeeded"], succeeded);
    // Each success costs 0.25, the failed run 0.5.
    let expected = amount("0.25") * succeeded as i128 + amount("0.5");
    assert_eq!(amount(told["cost"]["total"].as_str().unwrap()), expected);
    let throttled = bench.results().into_iter().find(|row| row["row_number"] == 16).unwrap();
    assert_eq!(throttled["attempts"], 1, "a call to slow down is no attempt: {throttled}");
}

#[test]
fn numbers_of_an_output_survive_digit_for_digit() {
    let bench = Bench::new();
    let server = Hostile::serve(|request| {
        let body = format!(
            r#"{{"workflowRunId":"{}","status":"SUCCEED","totalCost":0.000000000000000000000000123,"totalTokens":"12",
            "output":{{"id":12345678901234567890,"big":98765432109876543210,"pi":3.14159265358979323846264338327950288,"e":1E400,"zero":-0.0}}}}"#,
            run_id(request)
        );
        response("200 OK", "Content-Type: application/json", body)
    });
    bench.dataset(1);
    bench.job(&server.url, "sync", "output: {columns: {id: \"{{output.id}}\", big: \"{{output.big}}\"}}\n");
    bench.run(&["run", "job.yaml"]).exits(0);
    let text = fs::read_to_string(bench.run_dir().join("results.jsonl")).unwrap();
    let output = r#""output":{"id":12345678901234567890,"big":98765432109876543210,"pi":3.14159265358979323846264338327950288,"e":1E400,"zero":-0.0}"#;
    assert!(text.contains(output), "{text}");
    assert!(text.contains(r#""cost":"0.000000000000000000000000123""#), "{text}");
    assert!(text.contains(r#""tokens":12"#), "{text}");
    let csv = fs::read_to_string(bench.run_dir().join("results.csv")).unwrap();
    assert!(csv.contains("12345678901234567890") && csv.contains("98765432109876543210"), "{csv}");
}

/// Runs one row whose reply is this body, and gives its outcome; the program may do much, but not panic.
fn outcome_of(body: Vec<u8>) -> String {
    let bench = Bench::new();
    let server = Hostile::serve(move |request| {
        if request.row() == 1 {
            response("200 OK", "Content-Type: application/json", &body)
        } else {
            fine(request)
        }
    });
    bench.dataset(2);
    bench.job(&server.url, "sync", QUICK);
    let ended = bench.run(&["run", "job.yaml"]);
    assert!(matches!(ended.code, Some(0 | 1)), "{ended:?}");
    bench.run(&["report"]).exits(0);
    bench.run(&["resume"]).exits(ended.code.unwrap());
    assert_eq!(server.sends(2), [1, 1]);
    let text = fs::read_to_string(bench.run_dir().join("results.jsonl")).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 2);
    // The output may be beyond what a parser takes; the words before it are not.
    let at = lines[0].find("\"outcome\":\"").unwrap() + "\"outcome\":\"".len();
    lines[0][at..].split('"').next().unwrap().to_owned()
}

#[test]
fn a_body_beyond_the_limit_leaves_the_row_in_doubt() {
    let long = "x".repeat(17 << 20);
    let body = json!({"workflowRunId": "r", "status": "SUCCEED", "output": {"x": long}}).to_string();
    assert_eq!(outcome_of(body.into()), "in_doubt");
}

#[test]
fn an_output_nested_ten_thousand_deep_is_kept_or_in_doubt() {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    for body in [
        format!(r#"{{"workflowRunId":"r","status":"SUCCEED","output":{{"x":{deep}}},"totalCost":1}}"#),
        deep.clone(),
        "[".repeat(10_000),
    ] {
        let outcome = outcome_of(body.into());
        assert!(["succeeded", "in_doubt"].contains(&&*outcome), "{outcome}");
    }
}

#[test]
fn half_a_surrogate_in_an_output_is_paid_for_and_kept() {
    let body =
        br#"{"workflowRunId":"r","status":"SUCCEED","output":{"x":"\ud83d half","\udc00":1},"totalCost":1}"#;
    let outcome = outcome_of(body.to_vec());
    assert!(["succeeded", "in_doubt"].contains(&&*outcome), "{outcome}");
}

#[test]
fn a_redirect_stops_the_run_and_the_key_follows_nowhere() {
    let bench = Bench::new();
    let thief = Hostile::serve_all(fine);
    let target = thief.url.clone();
    let server =
        Hostile::serve(move |_| response("302 Found", &format!("Location: {target}/v1/workflow/invoke"), ""));
    bench.dataset(30);
    bench.job(&server.url, "sync", "limits: {concurrency: 2}\n");
    let told = bench.run(&["run", "job.yaml", "--json"]).exits(3).json();
    assert_eq!(told["verdict"]["reason"], "network");
    assert_eq!(told["rows"]["not_run"], 30);
    assert!(server.invokes().len() <= 2);
    assert!(thief.requests("").is_empty());
}

#[test]
fn no_credits_and_a_refused_key_stop_the_run_and_leave_its_rows_to_be_run() {
    for (status, code, reason) in [
        ("200 OK", "20022", "credits"),
        ("402 Pay", "\"COIN_NOT_ENOUGH\"", "credits"),
        ("401 No", "40127", "authentication"),
        ("200 OK", "20055", "authentication"),
    ] {
        let bench = Bench::new();
        let body = format!(r#"{{"code":{code},"message":"no"}}"#);
        let server =
            Hostile::serve(
                move |request| {
                    if request.row() == 1 { fine(request) } else { response(status, "", &body) }
                },
            );
        bench.dataset(30);
        bench.job(&server.url, "sync", "limits: {concurrency: 1}\n");
        let told = bench.run(&["run", "job.yaml", "--json"]).exits(3).json();
        assert_eq!(told["verdict"]["reason"], reason, "{status} {code}");
        assert_eq!((&told["rows"]["not_run"], &told["rows"]["failed"]), (&29.into(), &0.into()));
        assert_eq!(server.invokes().len(), 2);
    }
}

#[test]
fn a_service_that_is_not_there_fails_rows_without_doubt() {
    let bench = Bench::new();
    // A port that was free a moment ago, and that nobody listens on.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    bench.dataset(3);
    bench.job(&format!("http://127.0.0.1:{port}"), "sync", QUICK);
    let told = bench.run(&["run", "job.yaml", "--json"]);
    let value = told.json();
    assert_eq!(value["rows"]["in_doubt"], 0, "what was never sent is not in doubt: {value}");
    assert!(matches!(told.code, Some(1 | 3)), "{told:?}");
    assert_eq!(value["cost"]["unknown_rows"], 0);
}

/// The API's asynchronous half: each submit is taken, and `answer` says what a query of a run's result gets.
fn asynchronous(answer: impl Fn(&Request, &str) -> Act + Send + Sync + 'static) -> Hostile {
    Hostile::serve(move |request| {
        if request.path.ends_with("/invoke") {
            return ok(&json!({"workflowRunId": run_id(request), "status": "PENDING"}));
        }
        let asked = request.body["workflowRunId"].as_str().unwrap().to_owned();
        answer(request, &asked)
    })
}

fn done(run: &str) -> Act {
    succeeded(run, &json!({"by": run}))
}

#[test]
fn queries_may_fail_as_often_as_they_like_and_rows_are_still_sent_once() {
    let server = asynchronous(|request, run| match (request.nth, run) {
        (0, "run-1") => Act::Reset,
        (0, "run-2") => response("502 Bad Gateway", "", "<html>"),
        (0, "run-3") => response("429 Slow", "Retry-After: 0", ""),
        (0, "run-4") => ok(&json!({"workflowRunId": run, "status": "QUEUEING"})),
        (0, "run-5") => response("200 OK", "", "{\"workflowRunId\":"),
        (0, "run-6") => response("404 Not Found", "", r#"{"code":40348,"message":"no such run"}"#),
        (0, "run-7") => response("200 OK", "", vec![0xff; 40]),
        (0, "run-8") => ok(&json!({"workflowRunId": run, "status": "RUNNING", "output": null})),
        (0, "run-9") => ok(&json!({"code": 50000, "message": "try later"})),
        _ => done(run),
    });
    let bench = Bench::new();
    bench.dataset(10);
    bench.job(&server.url, "async", "limits: {concurrency: 10, timeout: 20s}\n");
    bench.run(&["run", "job.yaml"]).exits(0);
    assert_eq!(server.sends(10), [1; 10]);
    let outputs: Vec<_> = bench.results().iter().map(|row| row["output"]["by"].clone()).collect();
    assert_eq!(outputs, (1..=10).map(|row| Value::from(format!("run-{row}"))).collect::<Vec<_>>());
}

#[test]
fn an_answer_about_another_run_is_never_taken_for_the_rows_own() {
    let server = asynchronous(|_, run| match run {
        "run-1" => done("run-2"),
        _ => done(run),
    });
    let bench = Bench::new();
    bench.dataset(3);
    bench.job(&server.url, "async", "limits: {timeout: 2s}\n");
    let ended = bench.run(&["run", "job.yaml"]);
    assert_eq!(bench.outcomes(), ["in_doubt", "succeeded", "succeeded"], "{ended:?}");
    assert_eq!(server.sends(3), [1, 1, 1]);
    // Its own run id is kept, and asked for again.
    let row = &bench.results()[0];
    assert_eq!(row["workflow_run_id"], "run-1");
    bench.run(&["resume"]);
    assert_eq!(server.sends(3), [1, 1, 1]);
}

#[test]
fn a_run_that_never_ends_is_in_doubt_after_the_timeout_and_resume_asks_again() {
    let ready = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let is_ready = std::sync::Arc::clone(&ready);
    let server = asynchronous(move |_, run| {
        if run == "run-2" && !is_ready.load(std::sync::atomic::Ordering::SeqCst) {
            return ok(&json!({"workflowRunId": run, "status": "RUNNING"}));
        }
        done(run)
    });
    let bench = Bench::new();
    bench.dataset(3);
    bench.job(&server.url, "async", "limits: {timeout: 1s}\n");
    let told = bench.run(&["run", "job.yaml", "--json"]);
    assert_eq!(bench.outcomes(), ["succeeded", "in_doubt", "succeeded"]);
    assert_eq!(told.code, Some(5), "it is not complete: {told:?}");
    ready.store(true, std::sync::atomic::Ordering::SeqCst);
    bench.run(&["resume"]).exits(0);
    assert_eq!(bench.outcomes(), ["succeeded"; 3]);
    assert_eq!(server.sends(3), [1; 3]);
}

#[test]
fn a_key_refused_while_polling_stops_and_keeps_accepted_rows() {
    let bad = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let is_bad = std::sync::Arc::clone(&bad);
    let server = asynchronous(move |_, run| {
        if is_bad.load(std::sync::atomic::Ordering::SeqCst) {
            return response("401 No", "", r#"{"code":40127,"message":"developer authentication failed"}"#);
        }
        done(run)
    });
    let bench = Bench::new();
    bench.dataset(4);
    bench.job(&server.url, "async", "limits: {concurrency: 4}\n");
    let told = bench.run(&["run", "job.yaml", "--json"]).exits(3).json();
    assert_eq!(told["verdict"]["reason"], "authentication");
    let sent: usize = server.sends(4).iter().sum();
    bad.store(false, std::sync::atomic::Ordering::SeqCst);
    bench.run(&["resume"]).exits(0);
    assert_eq!(server.sends(4), [1; 4], "{sent} were sent before");
}

#[test]
fn figures_are_exact_or_unknown_and_never_guessed() {
    const FIGURES: &[(&str, Option<&str>, Option<u64>)] = &[
        (r#""totalCost":0.1,"totalTokens":5"#, Some("0.1"), Some(5)),
        (r#""totalCost":"1e-7","totalTokens":"5""#, Some("0.0000001"), Some(5)),
        (r#""totalCost":1E+2"#, Some("100"), None),
        (r#""totalCost":0,"totalTokens":0"#, Some("0"), Some(0)),
        (r#""totalCost":-1,"totalTokens":-5"#, None, None),
        (r#""totalCost":null,"totalTokens":null"#, None, None),
        (r#""totalCost":"free","totalTokens":"many""#, None, None),
        (r#""totalCost":1e999,"totalTokens":1e999"#, None, None),
        (r#""totalCost":0.12345678901234567890123456789012345"#, None, None),
        (r#""totalCost":true,"totalTokens":[1]"#, None, None),
        (r#""totalCost":{"a":1},"totalTokens":99999999999999999999999"#, None, None),
        (r#""executionTime":-5,"startTime":"never","endTime":1e400"#, None, None),
        (
            r#""executionTime":18446744073709551615,"startTime":-9223372036854775808,"endTime":9223372036854775807"#,
            None,
            None,
        ),
    ];
    let server = Hostile::serve(|request| {
        let (figures, ..) = FIGURES[usize::try_from(request.row()).unwrap() - 1];
        let run = run_id(request);
        response(
            "200 OK",
            "",
            format!(r#"{{"workflowRunId":"{run}","status":"SUCCEED","output":{{}},{figures}}}"#),
        )
    });
    let bench = Bench::new();
    bench.dataset(FIGURES.len());
    bench.job(&server.url, "sync", "");
    let told = bench.run(&["run", "job.yaml", "--json"]).exits(0).json();
    for (row, (figures, cost, tokens)) in bench.results().iter().zip(FIGURES) {
        assert_eq!(row["cost"].as_str().map(amount), cost.map(amount), "{figures}: {row}");
        assert_eq!(row["tokens"].as_u64(), *tokens, "{figures}: {row}");
    }
    assert_eq!(amount(told["cost"]["total"].as_str().unwrap()), amount("100.1000001"));
    assert_eq!(told["cost"]["unknown_rows"], FIGURES.iter().filter(|(_, cost, _)| cost.is_none()).count());
}

#[test]
fn a_wait_that_no_one_would_sit_out_suspends_the_run() {
    for wait in
        ["999999999", "Fri, 31 Dec 9998 23:59:59 GMT", "18446744073709551615", "99999999999999999999999"]
    {
        let server = Hostile::serve(move |request| {
            if request.row() == 1 {
                fine(request)
            } else {
                response("429 Slow", &format!("Retry-After: {wait}"), "")
            }
        });
        let bench = Bench::new();
        bench.dataset(4);
        bench.job(&server.url, "sync", "limits: {concurrency: 1}\n");
        let told = bench.run(&["run", "job.yaml", "--json"]).exits(5).json();
        assert_eq!(
            (&told["verdict"]["reason"], &told["rows"]["succeeded"]),
            (&"throttled".into(), &1.into()),
            "{wait}"
        );
        assert_eq!(server.invokes().len(), 2);
    }
}

#[test]
fn a_small_body_that_unpacks_to_a_large_one_is_not_unpacked_whole() {
    use std::io::Write;
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(&vec![b' '; 64 << 20]).unwrap();
    let packed = packed.finish().unwrap();
    let server = Hostile::serve(move |_| response("200 OK", "Content-Encoding: gzip", &packed));
    let bench = Bench::new();
    bench.dataset(1);
    bench.job(&server.url, "sync", "");
    bench.run(&["run", "job.yaml"]).exits(1);
    assert_eq!(bench.outcomes(), ["in_doubt"]);
    assert_eq!(server.sends(1), [1]);
}

#[test]
fn heads_without_end_leave_the_row_in_doubt() {
    for head in [
        "X: y\r\n".repeat(1 << 17),
        format!("X: {}", "y".repeat(1 << 20)),
        "HTTP/1.1 100 Continue\r\n\r\n".repeat(1 << 15),
    ] {
        let server = Hostile::serve(move |_| Act::Write(format!("HTTP/1.1 200 OK\r\n{head}").into_bytes()));
        let bench = Bench::new();
        bench.dataset(1);
        bench.job(&server.url, "sync", QUICK);
        bench.run(&["run", "job.yaml"]).exits(1);
        assert_eq!((bench.outcomes(), server.sends(1)), (vec!["in_doubt".to_owned()], vec![1]));
    }
}

#[test]
fn a_server_that_drops_idle_connections_without_a_word_sees_each_row_once() {
    let server = Hostile::serve(|request| {
        let whole = String::from_utf8(bytes_of(fine(request))).unwrap();
        Act::Write(whole.replace("Connection: close\r\n", "").into_bytes())
    });
    let bench = Bench::new();
    bench.dataset(150);
    bench.job(&server.url, "sync", "limits: {concurrency: 3, halt: none}\n");
    bench.run(&["run", "job.yaml"]);
    assert!(server.sends(150).iter().all(|sends| *sends <= 1));
    let outcomes = bench.outcomes();
    assert_eq!(outcomes.len(), 150);
}
