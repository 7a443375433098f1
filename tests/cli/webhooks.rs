//! Webhooks end to end: the service delivers over real HTTP, early, twice, or with half of the truth, and the books
//! are those of a run that only polls.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use serde_json::{Value, json};

use crate::SERVICE;
use crate::support::hostile::{Hostile, ok};
use crate::support::money::{amount, sum};
use crate::support::{Bench, CANARY, Emulator, by_user, rows_of};

/// Puts webhooks into `job.yaml`.
fn hook(bench: &Bench, webhook: &str) {
    let job =
        bench.read("job.yaml").replace("  mode: async\n", &format!("  mode: async\n  webhook: {webhook}\n"));
    assert!(job.contains("webhook"));
    bench.write("job.yaml", job);
}

fn journal(dir: &Path, event: &str) -> Vec<Value> {
    rows_of(&dir.join("journal.jsonl")).into_iter().filter(|line| line["e"] == event).collect()
}

/// 150 rows at a service that delivers in its own way. Gives the run's answers.
fn delivered(webhook: &str, poll: &str) -> (Value, Vec<Value>) {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, &format!("{SERVICE}behaviour: {{webhook: {webhook}}}\n"));
    bench.dataset(150);
    bench.job(&service.url, "async", "limits: {concurrency: 16, halt: none}\n");
    bench.write("job.yaml", bench.read("job.yaml").replace("{first: 20ms, interval: 100ms..200ms}", poll));
    hook(&bench, "{listen: 127.0.0.1:0}");
    let told = bench.run(&["run", "job.yaml", "--json"]).exits(0).json();
    let results = bench.results();
    assert_eq!(bench.outcomes(), vec!["succeeded"; 150]);
    for (at, row) in (1..).zip(&results) {
        assert_eq!(
            (&row["row_number"], &row["output"]),
            (&json!(at), &json!({"answer": format!("text {at}")}))
        );
        assert_eq!(row["attempts"], 1);
    }
    let charged = service.charged();
    assert!(
        by_user(&charged).values().all(|count| *count == 1) && charged.len() == 150,
        "each row runs once"
    );
    let total = amount(told["cost"]["total"].as_str().unwrap());
    assert_eq!([total, total], [sum(&results, "cost"), sum(&charged, "cost")]);
    assert_eq!((&told["invokes"], &told["cost"]["unknown_rows"]), (&json!(150), &json!(0)));
    let notes = told.to_string();
    assert!(!notes.contains("something else than the answer"), "{notes}");
    (told, journal(&bench.run_dir(), "answered"))
}

fn by_webhook(answers: &[Value]) -> usize {
    answers.iter().filter(|answer| answer["via"] == "webhook").count()
}

/// Nothing would be asked for within the test's patience.
const SELDOM: &str = "{first: 1h, interval: 1h..1h}";

#[test]
fn rows_end_by_their_webhooks_though_half_of_them_come_twice() {
    let (told, answers) = delivered("{duplicates: 50%}", SELDOM);
    assert_eq!((by_webhook(&answers), &told["polls"]), (150, &json!(0)));
}

#[test]
fn rows_end_by_webhooks_that_come_before_the_submits_reply() {
    let (_, answers) = delivered("{order: early, duplicates: 50%}", SELDOM);
    assert_eq!(by_webhook(&answers), 150);
}

#[test]
fn webhooks_that_overtake_each_other_do_no_harm() {
    let (_, answers) =
        delivered("{order: swapped, duplicates: 20%, delay: 5ms}", "{first: 300ms, interval: 100ms..1s}");
    assert!(by_webhook(&answers) > 0);
}

#[test]
fn webhooks_that_tell_no_cost_make_the_row_be_polled_at_once() {
    for order in ["early", "as_finished"] {
        let webhook = format!("{{payload: ids, order: {order}, duplicates: 20%}}");
        let (_, answers) = delivered(&webhook, SELDOM);
        assert!(answers.iter().all(|answer| answer["via"] == "poll"));
    }
}

#[test]
fn webhooks_that_never_come_are_not_waited_for() {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, SERVICE);
    bench.dataset(20);
    bench.job(&service.url, "async", "");
    // A port at which nobody listens.
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    hook(&bench, &format!("{{listen: 127.0.0.1:0, public_url: http://{nobody}/x}}"));
    bench.run(&["run", "job.yaml"]).exits(0);
    assert_eq!(bench.outcomes(), vec!["succeeded"; 20]);
}

#[test]
fn an_address_that_is_taken_stops_the_run_before_anything_is_sent() {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, SERVICE);
    bench.dataset(2);
    bench.job(&service.url, "async", "");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    hook(&bench, &format!("{{listen: {address}}}"));
    let told = format!("nothing can listen on {address}");
    bench.run(&["run", "job.yaml", "--id", "a"]).exits(3).says(&["workflow.webhook.listen", &told]);
    assert!(service.accepted().is_empty());
    drop(taken);
    bench.run(&["run", "job.yaml", "--id", "a"]).exits(0);
    assert_eq!(service.executed().len(), 2);
}

#[test]
fn further_receivers_get_the_users_headers() {
    let bench = Bench::new();
    let receiver = Hostile::serve(|_| ok(&json!({})));
    let service = Emulator::serve(&bench, SERVICE);
    bench.dataset(5);
    bench.job(&service.url, "async", "");
    let forward = format!(
        "{{listen: 127.0.0.1:0, forward: [{{url: {}/done, headers: {{Authorization: 'Bearer ${{HOOK}}'}}}}]}}",
        receiver.url
    );
    hook(&bench, &forward);
    bench.run_with(&[("HOOK", CANARY)], &["run", "job.yaml"]).exits(0);
    crate::support::until("all are forwarded", || receiver.requests("/done").len() == 5);
    let requests = receiver.requests("/done");
    assert!(requests.iter().all(|request| request.authorization == format!("Bearer {CANARY}")));
    assert!(requests.iter().all(|request| request.body["status"] == "SUCCEED"));
}

/// Looks for texts in everything below a folder.
fn search(folder: &Path, texts: &[String]) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            search(&path, texts);
        } else {
            let found = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
            for text in texts {
                assert!(!found.contains(text), "{} holds {text}", path.display());
            }
        }
    }
}

#[test]
fn tokens_and_headers_appear_nowhere_even_when_the_service_gives_them_back() {
    let bench = Bench::new();
    let server = Hostile::serve(|request| {
        let output = json!({"webhook": request.body["webhook"], "text": request.body["webhook"].to_string()});
        match request.row() {
            1 => crate::support::hostile::succeeded("r1", &output),
            2 => crate::support::hostile::response(
                "400 Bad",
                "",
                json!({"code": 40000, "message": request.body["webhook"].to_string()}).to_string(),
            ),
            _ => crate::support::hostile::response("502 Bad", "", request.body["webhook"].to_string()),
        }
    });
    bench.dataset(3);
    bench.job(&server.url, "async", "limits: {halt: none}\n");
    bench.write("hook.txt", format!("http://127.0.0.1:9/{CANARY}\n"));
    hook(
        &bench,
        "{listen: 127.0.0.1:0, forward: [{url: {file: hook.txt}}, {url: 'http://h/?t=${HOOK}', headers: \
         {Authorization: 'Bearer ${HOOK}', X-Key: {file: hook.txt}}}]}",
    );
    let mut texts = vec![CANARY.to_owned()];
    for (args, code) in [
        (&["run", "job.yaml", "--dry-run"][..], 0),
        (&["check", "job.yaml"], 0),
        (&["plan", "job.yaml"], 0),
        (&["-vvv", "run", "job.yaml", "--id", "a", "--json"], 1),
        (&["-vvv", "run", "job.yaml", "--id", "b", "--log-format", "json"], 1),
        (&["report", "a", "--format", "json"], 0),
        (&["-vvv", "resume", "a", "--retry", "failed"], 1),
    ] {
        let ended = bench.run_with(&[("HOOK", CANARY), ("RUST_LOG", "trace")], args).exits(code);
        let urls = server.invokes().into_iter().map(|request| request.body["webhook"][0]["url"].clone());
        texts.extend(urls.map(|url| {
            url.as_str()
                .unwrap_or_else(|| panic!("{:?}", server.invokes()))
                .rsplit('/')
                .next()
                .unwrap()
                .to_owned()
        }));
        for text in &texts {
            assert!(!ended.stdout.contains(text) && !ended.stderr.contains(text), "{args:?}: {ended:?}");
        }
        if bench.path("runs").exists() {
            search(&bench.path("runs"), &texts);
        }
    }
    let sent = &server.invokes()[0].body["webhook"];
    assert_eq!(sent[2]["headers"]["Authorization"], format!("Bearer {CANARY}"));
    assert!(texts.len() > 6 && texts.iter().all(|text| text.len() >= 22), "{texts:?}");
    let first = &rows_of(&bench.path("runs/job/a/results.jsonl"))[0];
    assert!(first["output"]["text"].as_str().unwrap().contains("[secret]"), "{first}");
}
