//! How fast the parts are that every row passes: `cargo bench --bench parts`, with `-- journal` behind it for one of
//! them. Prints rows a second, the best of three; docs/benchmarks.md says how the whole is measured.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark is a person's tool")]

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flowbatch::dataset::{Dataset, SurveyContext};
use flowbatch::journal::{Durability, History, RunFolder, RunLock};
use flowbatch::manifest::{Manifest, Overrides, Secrets, load};
use flowbatch::model::{
    Delivery, Intended, ProcessStarted, Reservation, RowKey, RowNumber, RunEvent, Selected, Withdrawn,
    WithdrawnWhy,
};
use flowbatch::runner::Renderer;
use serde_json::json;
use serde_json::value::to_raw_value;

const ROWS: u64 = 100_000;
/// Events that share an fsync.
const GROUP: usize = 1_000;

fn main() {
    // Cargo adds flags of its own; a word without dashes chooses.
    let wanted = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
    for (name, bench) in [("journal", journal as fn()), ("dataset", dataset), ("mapping", mapping)] {
        if wanted.as_ref().is_none_or(|wanted| name.contains(wanted.as_str())) {
            bench();
        }
    }
}

/// Takes the best of three.
fn measure(name: &str, mut work: impl FnMut() -> Duration) {
    let best = (0..3).map(|_| work()).min().unwrap_or_default();
    let rate = f64::from(u32::try_from(ROWS).unwrap()) / best.as_secs_f64();
    println!("{name:<40} {rate:>12.0} rows/s  {:>8.1} ms", best.as_secs_f64() * 1e3);
}

fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn journal() {
    for (name, durability) in [("fsynced", Durability::Power), ("not fsynced", Durability::Process)] {
        measure(&format!("journal: append two events a row, {name}"), || {
            let folder = tempfile::tempdir().unwrap();
            write_journal(&RunFolder::at(folder.path().join("run")), durability)
        });
    }
    let folder = tempfile::tempdir().unwrap();
    let run = RunFolder::at(folder.path().join("run"));
    write_journal(&run, Durability::Process);
    measure("journal: read back and fold", || timed(|| drop(History::read(&run.journal()).unwrap())));
}

/// Gives how long the rows took.
fn write_journal(run: &RunFolder, durability: Durability) -> Duration {
    let selected = RunEvent::Selected(Selected { count: ROWS, ranges: vec![(1, ROWS)] });
    let mut writer = run.begin(run.claim().unwrap(), &lock(), b"", vec![selected], durability).unwrap();
    let settings = to_raw_value(&json!({})).unwrap();
    let started = ProcessStarted { process: 1, at: String::new(), pid: 1, host: String::new(), settings };
    writer.append(&[RunEvent::ProcessStarted(started)]).unwrap();
    let events: Vec<_> = (1..=ROWS).flat_map(|row| [intended(row), withdrawn(row)]).collect();
    timed(|| {
        for group in events.chunks(GROUP) {
            writer.append(group).unwrap();
        }
    })
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

fn withdrawn(row: RowNumber) -> RunEvent {
    RunEvent::Withdrawn(Withdrawn { row, attempt: 1, why: WithdrawnWhy::Stop })
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

fn dataset() {
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
        let context =
            SurveyContext { vars: &manifest.vars, manifest_name: &manifest.name, env: &manifest.env };
        let survey = || dataset.survey(&manifest.dataset.select, &context).unwrap();
        measure(&format!("dataset: survey {name}"), || timed(|| drop(survey())));
        let selection = survey().selection;
        let read = || dataset.read(&selection, &mut |_| ControlFlow::Continue(())).unwrap();
        measure(&format!("dataset: read {name}"), || timed(read));
    }
}

fn mapping() {
    let folder = tempfile::tempdir().unwrap();
    let csv =
        (1..=ROWS).fold(String::from("id,lang,text\n"), |csv, row| csv + &format!("{row},en,some words\n"));
    std::fs::write(folder.path().join("rows.csv"), csv).unwrap();
    let manifest = Arc::new(manifest(folder.path(), "rows.csv"));
    let dataset = Dataset::open(&manifest.dataset, None).unwrap();
    let context = SurveyContext { vars: &manifest.vars, manifest_name: &manifest.name, env: &manifest.env };
    let selection = dataset.survey(&manifest.dataset.select, &context).unwrap().selection;
    let renderer = Renderer::new(Arc::clone(&manifest), "bench".to_owned(), None);
    measure("mapping: read and render rows.csv", || {
        timed(|| {
            let mut render = |item| {
                assert!(renderer.prepare(item).content.is_ok());
                ControlFlow::Continue(())
            };
            dataset.read(&selection, &mut render).unwrap();
        })
    });
}

fn manifest(folder: &Path, dataset: &str) -> Manifest {
    let text = format!(
        "version: 1\nname: bench\nworkflow: {{provider: emulator, definition: w.yaml}}\n\
         dataset: {{path: {dataset}, key: id}}\n\
         input: {{id: \"{{{{row.id}}}}\", text: \"{{{{row.lang}}}}: {{{{truncate row.text 100}}}}\", tag: \"{{{{row_tag}}}}\"}}\n"
    );
    let path = folder.join("bench.yaml");
    std::fs::write(&path, text).unwrap();
    std::fs::write(folder.join("w.yaml"), "name: w\nversion: '1'\n").unwrap();
    load(&path, &Overrides::default(), Secrets::NotNeeded, &|_| None).unwrap().0
}
