use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::journal::{Durability, RunLock};
use crate::model::{RunEvent, Selected};

/// A folder with one run of three rows on which nobody works.
fn folder() -> tempfile::TempDir {
    let temp = tempfile::tempdir().unwrap();
    let folder = crate::journal::Runs::below(temp.path()).folder("triage", "r1");
    let selection = vec![RunEvent::Selected(Selected { count: 3, ranges: vec![(1, 3)] })];
    let claim = folder.claim().unwrap();
    drop(folder.begin(claim, &RunLock::example("r1", 3), b"", selection, Durability::Process).unwrap());
    temp
}

async fn server(dir: &std::path::Path) -> Server {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let names = vec!["runs.example.com".to_owned()];
    Server::start(Options { dir: dir.to_owned(), address, names }).await.unwrap()
}

/// The answer to a request as it is written.
async fn ask(server: &Server, request: &str) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

async fn get_by(server: &Server, host: &str, path: &str) -> String {
    ask(server, &format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).await
}

#[tokio::test]
async fn runs_are_listed_and_shown() {
    let temp = folder();
    let server = server(temp.path()).await;
    let json = get_by(&server, "localhost", "/runs.json").await;
    assert!(json.contains("\"manifest\":\"triage\",\"run_id\":\"r1\",\"status\":\"unfinished\""), "{json}");
    let live = get_by(&server, "localhost", "/runs/triage/r1/").await;
    assert!(live.contains("connect-src 'self'") && live.contains("EventSource"), "{live}");
    std::fs::write(temp.path().join("triage/r1/report.html"), "the report").unwrap();
    assert!(get_by(&server, "localhost", "/runs/triage/r1/").await.ends_with("the report"));
    let event = get_by(&server, "localhost", "/runs/triage/r1/events").await;
    assert!(event.contains("data: {\"manifest\":\"triage\"") && event.contains("\"report\":true"), "{event}");
    let metrics = get_by(&server, "localhost", "/metrics").await;
    assert!(metrics.contains("flowbatch_rows{manifest=\"triage\",outcome=\"not_run\"} 3\n"), "{metrics}");
    assert!(metrics.contains("# EOF\n"), "{metrics}");
}

#[tokio::test]
async fn only_names_of_its_own_are_answered_and_nothing_is_changed() {
    let temp = folder();
    let server = server(temp.path()).await;
    let check = async |host: &str, path: &str, status: &str| {
        let answer = get_by(&server, host, path).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{host} {path}: {answer}");
        assert!(answer.contains("x-content-type-options: nosniff"), "{answer}");
    };
    check("localhost:7080", "/healthz", "200").await;
    check("127.0.0.1", "/readyz", "200").await;
    check("[::1]:7080", "/healthz", "200").await;
    check("runs.example.com", "/healthz", "200").await;
    check("attacker.example", "/runs.json", "421").await;
    check("localhost.attacker.example", "/runs.json", "421").await;
    check("localhost", "/runs/triage/../", "404").await;
    check("localhost", "/runs/triage/..%2f..%2f/", "404").await;
    check("localhost", "/runs/../r1/", "404").await;
    check("localhost", "/runs/triage/r2/events", "404").await;
    check("localhost", "/etc/passwd", "404").await;
    let post =
        "POST /runs.json HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    assert!(ask(&server, post).await.starts_with("HTTP/1.1 405"));
    drop(temp);
    check("localhost", "/readyz", "503").await;
}

/// A run of three rows as its process left it, with results written by hand.
fn ended(root: &std::path::Path, run_id: &str, passing: u64) {
    let folder = crate::journal::Runs::below(root).folder("triage", run_id);
    let selection = vec![RunEvent::Selected(Selected { count: 3, ranges: vec![(1, 3)] })];
    let claim = folder.claim().unwrap();
    drop(folder.begin(claim, &RunLock::example(run_id, 3), b"", selection, Durability::Process).unwrap());
    let rows = (1..=3).map(|row| {
        let word = if row <= passing { "pass" } else { "fail" };
        format!(
            "{{\"row_key\":\"k{row}\",\"outcome\":\"succeeded\",\"output\":{{\"a\":\"<script>\"}},\"checks\":{{\"label\":\"{word}\"}}}}\n"
        )
    });
    std::fs::write(folder.file("results.jsonl"), rows.collect::<String>()).unwrap();
    std::fs::write(folder.file("report.json"), "{}").unwrap();
}

/// All files below a folder, with their sizes and times.
fn files(below: &std::path::Path) -> Vec<(std::path::PathBuf, u64, std::time::SystemTime)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(below).unwrap().map(|entry| entry.unwrap()) {
        let meta = entry.path().symlink_metadata().unwrap();
        if meta.is_dir() {
            found.extend(files(&entry.path()));
        }
        found.push((entry.path(), meta.len(), meta.modified().unwrap()));
    }
    found.sort();
    found
}

#[tokio::test]
async fn two_runs_are_compared_and_nothing_is_written() {
    let temp = tempfile::tempdir().unwrap();
    ended(temp.path(), "before", 3);
    ended(temp.path(), "after", 1);
    let before = files(temp.path());
    let server = server(temp.path()).await;
    let page = get_by(&server, "localhost", "/compare?a=triage/before&b=triage%2Fafter").await;
    assert!(page.starts_with("HTTP/1.1 200") && page.contains("content-type: text/html"), "{page}");
    assert!(page.contains("\"/runs/triage/before/\",\"/runs/triage/after/\""), "{page}");
    assert!(page.contains("\"count\":2") && !page.contains("<script>\\\""), "{page}");
    assert!(page.contains("default-src 'none'; script-src"), "{page}");
    let check = async |query: &str, status: &str, told: &str| {
        let answer = get_by(&server, "localhost", &format!("/compare{query}")).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")) && answer.contains(told),
            "{query}: {answer}"
        );
    };
    check("?a=triage/before&b=triage/none", "404", "no such run").await;
    check("?a=triage/before&b=../../etc", "404", "no such run").await;
    check("?a=before&b=after", "404", "no such run").await;
    check("?a=triage/before", "400", "b").await;
    let foreign = get_by(&server, "attacker.example", "/compare?a=triage/before&b=triage/after").await;
    assert!(foreign.starts_with("HTTP/1.1 421"), "{foreign}");
    assert_eq!(files(temp.path()), before);
    // What is missing is not derived: that would be written.
    std::fs::remove_file(temp.path().join("triage/after/results.jsonl")).unwrap();
    check("?a=triage/before&b=triage/after", "409", "triage/after: results.jsonl is missing or older").await;
    assert!(!temp.path().join("triage/after/results.jsonl").exists());
}
