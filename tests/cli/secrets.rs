//! A key that nothing may show: not the screen, not a file, whatever the service does with it.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::support::hostile::{Hostile, Request, response, succeeded};
use crate::support::{Bench, CANARY, Ended};

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Looks for the key in everything below a folder.
fn search(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            search(&path);
        } else {
            assert!(!contains(&fs::read(&path).unwrap(), CANARY), "{} holds the key", path.display());
        }
    }
}

fn shows_nothing(bench: &Bench, ended: &Ended) {
    assert!(!ended.stdout.contains(CANARY), "{}", ended.stdout);
    assert!(!ended.stderr.contains(CANARY), "{}", ended.stderr);
    if bench.path("runs").exists() {
        search(&bench.path("runs"));
    }
}

/// Gives the key back in every way that there is.
fn echo(request: &Request) -> crate::support::hostile::Act {
    let key = &request.authorization;
    match request.row() {
        1 => succeeded("r1", &json!({"seen": key, "list": [key]})),
        2 => response(
            "400 Bad",
            "",
            json!({"code": 40000, "message": format!("bad header {key}")}).to_string(),
        ),
        3 => response("502 Bad Gateway", &format!("X-Echo: {key}"), format!("<html>{key}</html>")),
        4 => response("500 Oops", "", json!({"code": 50000, "message": key}).to_string()),
        5 => response(&format!("403 {key}"), "", format!("blocked {key}")),
        6 => succeeded(&format!("run {key}"), &json!({})),
        7 => response("200 OK", "", format!("not json {key}")),
        8 => response(
            "200 OK",
            "",
            format!(
                "{{\"status\":\"SUCCEED\",\"output\":{{\"{key}\":\"{}\"}}}}",
                key.replace('-', "\\u002d")
            ),
        ),
        9 => response("503 Busy", &format!("Retry-After: {key}"), key),
        _ => succeeded("r", &json!({})),
    }
}

#[test]
fn the_key_appears_nowhere_even_when_the_service_echoes_it() {
    let bench = Bench::new();
    let server = Hostile::serve(echo);
    bench.dataset(10);
    bench.job(&server.url, "sync", "limits: {halt: none, retry: {attempts: 2, backoff: 1ms..2ms}}\n");
    let key = ("GPTBOTS_API_KEY", CANARY);
    for (variables, args) in [
        (vec![key], &["run", "job.yaml", "--dry-run"][..]),
        (vec![key], &["check", "job.yaml"]),
        (vec![key], &["plan", "job.yaml", "--json"]),
        (vec![key], &["run", "job.yaml", "--id", "a", "--json"]),
        (vec![key], &["-vvv", "run", "job.yaml", "--id", "b"]),
        (vec![key, ("RUST_LOG", "trace")], &["run", "job.yaml", "--id", "c", "--log-format", "json"]),
        (vec![key], &["-vvv", "resume", "a", "--retry", "failed"]),
        (vec![key], &["report", "a", "--format", "json"]),
        (vec![key], &["report", "a"]),
        (vec![key], &["runs", "--json"]),
    ] {
        let ended = bench.run_with(&variables, args);
        assert!(matches!(ended.code, Some(0 | 1)), "{args:?}: {ended:?}");
        shows_nothing(&bench, &ended);
    }
    assert!(server.invokes().iter().all(|request| request.authorization == format!("Bearer {CANARY}")));
    let first = &crate::support::rows_of(&bench.path("runs/job/a/results.jsonl"))[0];
    assert_eq!(first["output"]["seen"], "Bearer [secret]");
}

#[test]
fn the_key_appears_nowhere_when_it_is_refused_or_the_way_is_redirected() {
    for (status, header) in [("401 No", ""), ("302 Found", "Location: http://127.0.0.1:1/KEY")] {
        let bench = Bench::new();
        let server = Hostile::serve_all(move |request| {
            let header = header.replace("KEY", request.authorization.trim_start_matches("Bearer "));
            response(status, &header, json!({"code": 40127, "message": request.authorization}).to_string())
        });
        bench.dataset(2);
        bench.job(&server.url, "sync", "");
        for args in [&["run", "job.yaml", "--json"][..], &["-vvv", "resume"]] {
            let ended = bench.run_with(&[("GPTBOTS_API_KEY", CANARY)], args).exits(3);
            shows_nothing(&bench, &ended);
        }
    }
}

#[test]
fn a_key_from_a_file_is_as_secret() {
    let bench = Bench::new();
    let server = Hostile::serve(echo);
    bench.dataset(3);
    bench.write("key.txt", format!("{CANARY}\n"));
    bench.job(&server.url, "sync", "");
    let job = bench.read("job.yaml").replace("  mode: sync", "  mode: sync\n  api_key: {file: key.txt}");
    bench.write("job.yaml", job);
    let mut command = bench.command(["-vvv", "run", "job.yaml"]);
    command.env_remove("GPTBOTS_API_KEY");
    let ended = crate::support::finish(command).exits(1);
    shows_nothing(&bench, &ended);
    assert_eq!(server.invokes()[0].authorization, format!("Bearer {CANARY}"));
}

#[test]
fn a_literal_key_and_mistakes_near_it_are_told_without_it() {
    let bench = Bench::new();
    bench.dataset(1);
    for line in [
        format!("  api_key: {CANARY}"),
        format!("  api_key: \"${{GPTBOTS_API_KEY}} {CANARY}\""),
        format!("  api_key: {{file: key.txt, other: {CANARY}}}"),
        format!("  api_key: ${{GPTBOTS_API_KEY:-{CANARY}}}"),
    ] {
        bench.job("http://127.0.0.1:9", "async", "");
        bench.write(
            "job.yaml",
            bench.read("job.yaml").replace("  mode: async", &format!("  mode: async\n{line}")),
        );
        for args in [&["check", "job.yaml"][..], &["run", "job.yaml", "--json"]] {
            let ended = bench.run(args);
            assert_ne!(ended.code, Some(0), "{line}");
            shows_nothing(&bench, &ended);
        }
    }
    bench.job("http://127.0.0.1:9", "async", "");
    let ended = bench.run(&["run", "job.yaml", "--set", &format!("workflow.api_key={CANARY}")]).exits(2);
    shows_nothing(&bench, &ended);
    // A base URL with a user in it is a place for secrets, too.
    bench.job(&format!("http://user:{CANARY}@127.0.0.1:9"), "async", "");
    let ended = bench.run(&["run", "job.yaml"]);
    assert_ne!(ended.code, Some(0));
    shows_nothing(&bench, &ended);
}
