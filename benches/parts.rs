//! How fast the parts are that every row passes: `cargo bench --bench parts`, with `-- journal` behind it for those whose
//! name has that in it. docs/benchmarks.md says how the whole is measured.

#![expect(clippy::unwrap_used, reason = "a benchmark is a person's tool")]

use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use flowbatch::dataset::{Dataset, SurveyContext};
use flowbatch::journal::{Durability, History, RunFolder, RunLock};
use flowbatch::manifest::{Manifest, Overrides, Secrets, load};
use flowbatch::mapping::ColumnTypes;
use flowbatch::model::{
    Accept, Answered, Cost, Delivery, Intended, Outcome, ProcessStarted, Reservation, RowKey, RowNumber,
    RunEvent, Selected, Via,
};
use flowbatch::report::{self, CsvOptions, PageTarget, Redaction, ReportContext, Targets};
use flowbatch::runner::Renderer;
use serde_json::json;
use serde_json::value::to_raw_value;

const ROWS: u64 = 20_000;
/// Events that share an fsync.
const GROUP: usize = 1_000;

criterion_group!(benches, journal, dataset, mapping, report_of_a_run, checks);
criterion_main!(benches);

/// Begins a group whose benchmarks go through all rows in each iteration.
fn group<'a>(criterion: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.sampling_mode(SamplingMode::Flat).sample_size(10).throughput(Throughput::Elements(ROWS));
    group.warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
    group
}

fn journal(criterion: &mut Criterion) {
    let mut group = group(criterion, "journal");
    for (name, durability) in [("fsynced", Durability::Power), ("not fsynced", Durability::Process)] {
        group.bench_function(format!("append two events a row, {name}"), |bencher| {
            bencher.iter_custom(|times| {
                let written = (0..times).map(|_| {
                    let folder = tempfile::tempdir().unwrap();
                    write_journal(&RunFolder::at(folder.path().join("run")), durability)
                });
                written.sum()
            });
        });
    }
    let folder = tempfile::tempdir().unwrap();
    let run = RunFolder::at(folder.path().join("run"));
    write_journal(&run, Durability::Process);
    group.bench_function("scan and fold", |bencher| {
        bencher.iter(|| History::read(&run.journal()).unwrap());
    });
}

fn report_of_a_run(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let run = RunFolder::at(folder.path().join("run"));
    write_journal(&run, Durability::Process);
    let history = History::read(&run.journal()).unwrap();
    let context = context();
    let mut group = group(criterion, "report");
    group.bench_function("fold to a summary", |bencher| {
        bencher.iter(|| {
            let rows = || history.rows().unwrap();
            report::derive(&context, history.state(), rows, Targets::default()).unwrap()
        });
    });
    group.bench_function("fold to a summary and all results", |bencher| {
        bencher.iter(|| {
            let rows = || history.rows().unwrap();
            let targets = Targets {
                results_jsonl: Some(&mut io::sink()),
                failures_jsonl: Some(&mut io::sink()),
                results_csv: Some(&mut io::sink()),
                failures_csv: Some(&mut io::sink()),
                ..Targets::default()
            };
            report::derive(&context, history.state(), rows, targets).unwrap()
        });
    });
    group.bench_function("fold to a summary and both pages", |bencher| {
        bencher.iter(|| {
            let rows = || history.rows().unwrap();
            let (mut html, mut junit) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
            let targets = Targets {
                html: Some(PageTarget { page: &mut io::sink(), spool: &mut html }),
                junit: Some(PageTarget { page: &mut io::sink(), spool: &mut junit }),
                ..Targets::default()
            };
            report::derive(&context, history.state(), rows, targets).unwrap()
        });
    });
}

/// Twenty checks, of every kind that looks at a row alone.
const CHECKS: [&str; 20] = [
    "{value: '{{output.label}}', equals: billing}",
    "{value: '{{output.label}}', equals: ' Billing', ignore_case: true, ignore_space: true}",
    "{value: '{{output.label}}', equals: '{{row.text}}'}",
    "{value: '{{output.label}}', one_of: [billing, account, shipping]}",
    "{value: '{{output.reply}}', contains: yy}",
    "{value: '{{output.reply}}', contains_all: [y, yy, yyy]}",
    "{value: '{{output.reply}}', contains_any: [a, b, y]}",
    "{value: '{{output.reply}}', regex: '^y+$'}",
    "{value: '{{output.label}}', regex: '^({{output.label}}|{{vars.other}})$'}",
    "{value: '{{output.reply}}', starts_with: yyy}",
    "{value: '{{output.reply}}', length: {max: 800}}",
    "{json_schema: {type: object, required: [label, reply], properties: {label: {type: string}}}}",
    "{value: '{{output.reply}}', present: true}",
    "{value: '{{output.label}}', is_json: false}",
    "{value: '{{output.label}}', similarity: {to: billings, measure: levenshtein, at_least: 80%}}",
    "{value: '{{output.reply}}', similarity: {to: '{{row.text}}', measure: token_f1, at_least: 0}}",
    "{latency: {max: 30s}, cost: {max: 2}, tokens: {max: 500}}",
    "{value: '{{output.reply}}', not: {contains: refund}}",
    "{value: '{{output.reply}}', any: [{contains: refund}, {regex: 'y$'}, {length: {min: 1}}]}",
    "{value: '{{output.label}}', equals: billing, when: \"row.text matches '^x' and outcome == 'succeeded'\"}",
];

/// How much checks add to a fold, which ought to be in proportion to their number.
fn checks(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let run = RunFolder::at(folder.path().join("run"));
    write_journal(&run, Durability::Process);
    let history = History::read(&run.journal()).unwrap();
    std::fs::write(folder.path().join("rows.csv"), "id,lang,text\n1,en,x\n").unwrap();
    let named = CHECKS
        .iter()
        .enumerate()
        .map(|(at, check)| format!("  c{at}: {check}\n"))
        .collect::<Vec<_>>()
        .concat();
    let all =
        manifest_with(folder.path(), "rows.csv", &format!("vars: {{other: account}}\nchecks:\n{named}"));
    let mut group = group(criterion, "checks");
    for count in [0, 1, 10, 20] {
        let checks = all.checks.iter().take(count).cloned().collect();
        let context = ReportContext { checks, vars: all.vars.clone(), ..context() };
        group.bench_function(format!("fold with {count}"), |bencher| {
            bencher.iter(|| {
                let rows = || history.rows().unwrap();
                report::derive(&context, history.state(), rows, Targets::default()).unwrap()
            });
        });
    }
}

fn context() -> ReportContext {
    ReportContext {
        judges: Vec::new(),
        concurrency: (64, false),
        run_id: "bench".to_owned(),
        manifest_name: "bench".to_owned(),
        description: None,
        labels: Vec::new(),
        vars: serde_json::Map::new(),
        slot: None,
        env: std::collections::BTreeMap::new(),
        types: ColumnTypes::default(),
        cost_unit: "credit".to_owned(),
        price: None,
        budget: None,
        pin: None,
        rate: None,
        repeats: flowbatch::model::Repeats::default(),
        accept: Accept::default(),
        checks: Vec::new(),
        gates: Vec::new(),
        baseline: None,
        group_by: Vec::new(),
        columns: Vec::new(),
        redact: Redaction::default(),
        dataset_columns: Some(vec!["text".to_owned()]),
        csv: CsvOptions::default(),
    }
}

/// Gives how long the rows took.
fn write_journal(run: &RunFolder, durability: Durability) -> Duration {
    let selected = RunEvent::Selected(Selected { count: ROWS, ranges: vec![(1, ROWS)] });
    let mut writer = run.begin(run.claim().unwrap(), &lock(), b"", vec![selected], durability).unwrap();
    let settings = to_raw_value(&json!({})).unwrap();
    let started = ProcessStarted { process: 1, at: String::new(), pid: 1, host: String::new(), settings };
    writer.append(&[RunEvent::ProcessStarted(started)]).unwrap();
    let events: Vec<_> = (1..=ROWS).flat_map(|row| [intended(row), answered(row)]).collect();
    let start = Instant::now();
    for group in events.chunks(GROUP) {
        writer.append(group).unwrap();
    }
    start.elapsed()
}

fn intended(row: RowNumber) -> RunEvent {
    let text = to_raw_value(&json!({"text": "x".repeat(180)})).unwrap();
    RunEvent::Intended(Intended {
        row,
        attempt: 1,
        queue_ms: 0,
        reserved: Reservation::default(),
        delivery: Delivery::AtMostOnce,
        key: Some(RowKey(row.to_string())),
        row_sha: Some("0".repeat(16)),
        input_sha256: Some("0".repeat(64)),
        record: Some(text.clone()),
        input: Some(text),
    })
}

fn answered(row: RowNumber) -> RunEvent {
    let raw = format!(
        "{{\"status\":\"SUCCEED\",\"output\":{{\"label\":\"billing\",\"reply\":\"{}\"}}}}",
        "y".repeat(180)
    );
    RunEvent::Answered(Answered {
        row,
        attempt: 1,
        via: Via::Reply,
        http_status: 200,
        outcome: Outcome::Succeeded,
        error: None,
        cost: Some(Cost::ZERO),
        tokens: Some(12),
        executed: true,
        workflow_run_id: Some(format!("{row:024x}")),
        workflow_version: Some("1.0.0".to_owned()),
        workflow_id: None,
        server_ms: Some(190 + row % 20),
        latency_ms: Some(200 + row % 20),
        backoff_ms: 0,
        polls: 0,
        redacted: false,
        raw: Some(serde_json::from_str(&raw).unwrap()),
        raw_text: None,
    })
}

fn lock() -> RunLock {
    let dataset =
        json!({"paths": [], "sha256": "", "bytes": 0, "rows": ROWS, "columns": [], "selected": ROWS});
    let overrides = json!({"set": [], "vars": [], "dataset": null});
    let lock = json!({
        "format": 1, "run_id": "bench", "manifest": "bench", "manifest_path": "", "folder": "", "manifest_sha256": "",
        "mapping_sha256": "", "workflow": {}, "dataset": dataset, "overrides": overrides, "settings": {}, "labels": {},
        "started_by": null, "started_at": "", "flowbatch": "", "git": null,
    });
    serde_json::from_value(lock).unwrap()
}

fn dataset(criterion: &mut Criterion) {
    let mut group = group(criterion, "dataset");
    let csv = (1..=ROWS).fold(String::from("id,lang,text\n"), |csv, row| {
        csv + &format!("{row},en,\"{}\"\n", "words, ".repeat(40))
    });
    let jsonl = (1..=ROWS).fold(String::new(), |jsonl, row| {
        jsonl + &format!("{{\"id\":{row},\"lang\":\"en\",\"text\":\"{}\"}}\n", "words, ".repeat(40))
    });
    for (name, text) in [("rows.csv", csv), ("rows.jsonl", jsonl)] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(name), text).unwrap();
        let manifest = manifest(folder.path(), name);
        let dataset = Dataset::open(&manifest.dataset, None).unwrap();
        let context = SurveyContext {
            vars: &manifest.vars,
            manifest_name: &manifest.name,
            slot: None,
            env: &manifest.env,
        };
        let survey = || dataset.survey(&manifest.dataset.select, &context).unwrap();
        group.bench_function(format!("survey {name}"), |bencher| bencher.iter(survey));
        let selection = survey().selection;
        group.bench_function(format!("read {name}"), |bencher| {
            bencher.iter(|| dataset.read(&selection, &mut |_| ControlFlow::Continue(())).unwrap());
        });
    }
}

fn mapping(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let csv =
        (1..=ROWS).fold(String::from("id,lang,text\n"), |csv, row| csv + &format!("{row},en,some words\n"));
    std::fs::write(folder.path().join("rows.csv"), csv).unwrap();
    let manifest = Arc::new(manifest(folder.path(), "rows.csv"));
    let dataset = Dataset::open(&manifest.dataset, None).unwrap();
    let context =
        SurveyContext { vars: &manifest.vars, manifest_name: &manifest.name, slot: None, env: &manifest.env };
    let selection = dataset.survey(&manifest.dataset.select, &context).unwrap().selection;
    let renderer = Renderer::new(Arc::clone(&manifest), "bench".to_owned(), None);
    group(criterion, "mapping").bench_function("read and render rows.csv", |bencher| {
        bencher.iter(|| {
            let mut render = |item| {
                assert!(renderer.prepare(item).content.is_ok());
                ControlFlow::Continue(())
            };
            dataset.read(&selection, &mut render).unwrap();
        });
    });
}

fn manifest(folder: &Path, dataset: &str) -> Manifest {
    manifest_with(folder, dataset, "")
}

fn manifest_with(folder: &Path, dataset: &str, rest: &str) -> Manifest {
    let text = format!(
        "version: 1\nname: bench\nworkflow: {{provider: emulator, definition: w.yaml}}\n\
         dataset: {{path: {dataset}, key: id}}\n\
         input: {{id: \"{{{{row.id}}}}\", text: \"{{{{row.lang}}}}: {{{{truncate row.text 100}}}}\", tag: \"{{{{row_tag}}}}\"}}\n\
         {rest}"
    );
    let path = folder.join("bench.yaml");
    std::fs::write(&path, text).unwrap();
    std::fs::write(folder.join("w.yaml"), "name: w\nversion: '1'\n").unwrap();
    load(&path, &Overrides::default(), Secrets::NotNeeded, &|_| None).unwrap().0
}
