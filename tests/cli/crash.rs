//! The runner killed at any moment: no row is executed twice, none is lost, and the bill stays exact.

#[cfg(debug_assertions)]
mod judging;
#[cfg(debug_assertions)]
mod loops;
#[cfg(debug_assertions)]
mod points;

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::books::Books;
use crate::support::{Bench, Emulator, Ended, Running, rows_of, until};
use crate::{FAULTS, SERVICE};

/// Reads a number of the environment: more kills and other moments than those of every day may be asked for.
fn asked(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|number| number.parse().ok()).unwrap_or(usual)
}

/// How often a runner is killed.
fn kills() -> u64 {
    asked("FLOWBATCH_TEST_KILLS", 12)
}

/// So many rows that the run outlives the kills.
fn rows() -> usize {
    160.max(usize::try_from(kills()).unwrap() * 10)
}

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn of(seed: u64) -> Self {
        Self(seed)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// The length of the journal of the only run; none before there is one.
fn journal(bench: &Bench) -> Option<(PathBuf, u64)> {
    let runs = fs::read_dir(bench.path("runs/job")).ok()?;
    let dir =
        runs.flatten().map(|entry| entry.path()).find(|path| path.is_dir() && !path.ends_with("latest"))?;
    let length = fs::metadata(dir.join("journal.jsonl")).map_or(0, |data| data.len());
    Some((dir, length))
}

/// Starts a command and ends it once the journal has grown by so many bytes: as `kill -9` does, or as Ctrl-C. Gives
/// how it ended when it came to its end by itself.
fn ended_after(bench: &Bench, args: &[&str], growth: u64, gently: bool) -> Option<Ended> {
    let length = || journal(bench).map_or(0, |(_, length)| length);
    let before = length();
    let mut running = Running::start(bench.command(args));
    let mut over = false;
    until("the journal grows", || {
        over = running.is_over();
        over || length() >= before + growth
    });
    if over {
        return Some(running.end());
    }
    #[cfg(unix)]
    if gently {
        running.signal("INT");
        let ended = running.end();
        // Before it listens, a signal ends it like any program.
        return Some(ended).filter(|ended| !matches!(ended.code, None | Some(5)));
    }
    let _ = gently;
    Some(running.kill()).filter(|ended| ended.code.is_some())
}

/// Kills the runner again and again, then lets it finish. `again` gives the command to go on with.
fn survive(bench: &Bench, seed: u64, first: &[&str], again: &[&str]) -> Ended {
    let mut dice = Dice::of(seed + asked("FLOWBATCH_TEST_SEED", 0));
    let mut last = None;
    for kill in 0..kills() {
        let args = if journal(bench).is_some_and(|(_, length)| length > 0) { again } else { first };
        // The first kills come while the run is being laid out.
        let growth = if kill < 2 { dice.below(400) } else { dice.below(14_000) };
        last = ended_after(bench, args, growth, dice.below(4) == 0);
        if let Some(ended) = &last {
            assert!(matches!(ended.code, Some(0 | 1)), "{ended:?}");
            break;
        }
    }
    drop(last);
    bench.run(again)
}

fn external(mode: &str, seed: u64, first: &[&str], again: &[&str]) {
    at_service(SERVICE, mode, seed, first, again);
}

fn at_service(definition: &str, mode: &str, seed: u64, first: &[&str], again: &[&str]) {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, definition);
    bench.dataset(rows());
    bench.job(
        &service.url,
        mode,
        "limits: {concurrency: 8, halt: none, timeout: 20s, retry: {attempts: 3, backoff: 1ms..5ms}}\n",
    );
    let ended = survive(&bench, seed, first, again);
    Books::new(rows()).balance_with(&bench.run_dir(), &service, &ended);
    // What is finished is finished.
    let sent = service.accepted().len();
    bench.run(again).exits(ended.code.unwrap());
    assert_eq!(service.accepted().len(), sent);
}

#[test]
fn a_killed_async_run_is_resumed_and_no_row_runs_twice() {
    external("async", 11, &["run", "job.yaml"], &["resume"]);
}

#[test]
fn a_killed_sync_run_is_resumed_and_no_row_runs_twice() {
    external("sync", 12, &["run", "job.yaml"], &["resume"]);
}

#[test]
fn one_command_line_restarted_after_each_kill_finishes_an_async_run() {
    external("async", 13, &["run", "job.yaml", "--id", "nightly"], &["run", "job.yaml", "--id", "nightly"]);
}

#[test]
fn one_command_line_restarted_after_each_kill_finishes_a_sync_run() {
    external("sync", 14, &["run", "job.yaml", "--id", "nightly"], &["run", "job.yaml", "--id", "nightly"]);
}

#[test]
fn a_killed_run_takes_the_webhooks_of_earlier_processes_and_keeps_an_exact_bill() {
    let bench = Bench::new();
    let behaviour = "behaviour: {webhook: {duplicates: 30%, backoff: 20ms, attempts: 10}}\n";
    let service =
        Emulator::serve(&bench, &format!("{SERVICE}faults: {{reset_after_accept: 10%}}\n{behaviour}"));
    bench.dataset(rows());
    bench.job(&service.url, "async", "limits: {concurrency: 8, halt: none, timeout: 20s}\n");
    // The same port for every process, free when it was drawn.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let webhook = format!("  mode: async\n  webhook: {{listen: 127.0.0.1:{port}}}\n");
    bench.write("job.yaml", bench.read("job.yaml").replace("  mode: async\n", &webhook));
    let ended = survive(&bench, 18, &["run", "job.yaml"], &["resume"]);
    Books::new(rows()).balance_with(&bench.run_dir(), &service, &ended);
}

#[test]
fn a_killed_run_at_a_service_with_every_fault_keeps_an_exact_bill() {
    for (mode, seed) in [("sync", 16), ("async", 17)] {
        at_service(&format!("{SERVICE}{FAULTS}"), mode, seed, &["run", "job.yaml"], &["resume"]);
    }
}

#[test]
fn the_embedded_emulator_dies_with_its_run_and_remembers() {
    let bench = Bench::new();
    bench.dataset(rows());
    bench.write("service.yaml", SERVICE);
    bench.write(
        "job.yaml",
        "version: 1\nname: job\n\
         workflow: {provider: emulator, definition: service.yaml, poll: {first: 20ms, interval: 100ms..200ms}}\n\
         dataset: {path: rows.csv, key: id}\ninput: {text: \"{{row.text}}\"}\n\
         limits: {concurrency: 8, halt: none}\n",
    );
    let ended = survive(&bench, 15, &["run", "job.yaml"], &["resume"]);
    let ledger = rows_of(&bench.run_dir().join("emulator.jsonl"));
    let of = |event: &str| ledger.iter().filter(|line| line["e"] == event).cloned().collect::<Vec<_>>();
    Books::new(rows()).balance(&bench.run_dir(), &of("accepted"), &of("charged"), &ended);
}

/// A run folder as a runner leaves it that dies while it lays it out.
fn laid_out(bench: &Bench, keep: &[&str], journal: Option<usize>) -> PathBuf {
    bench.run(&["run", "job.yaml", "--id", "early", "--limit", "1"]).exits(0);
    let dir = bench.path("runs/job/early");
    for entry in fs::read_dir(&dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if let Some(length) = journal.filter(|_| name == "journal.jsonl") {
            cut(&path, length);
        } else if !keep.contains(&&*name) {
            fs::remove_file(path).unwrap();
        }
    }
    dir
}

fn cut(path: &Path, length: usize) {
    let bytes = fs::read(path).unwrap();
    fs::write(path, &bytes[..length]).unwrap();
}

#[test]
fn a_run_that_died_before_its_first_event_begins_under_the_same_command_line() {
    for (keep, journal) in [
        (&[][..], None),
        (&["manifest.yaml"], None),
        (&["manifest.yaml", "run.lock.json"], None),
        (&["manifest.yaml", "run.lock.json"], Some(0)),
        (&["manifest.yaml", "run.lock.json"], Some(40)),
    ] {
        let bench = Bench::new();
        let service = Emulator::serve(&bench, SERVICE);
        bench.dataset(3);
        bench.job(&service.url, "sync", "");
        laid_out(&bench, keep, journal);
        let ended = bench.run(&["run", "job.yaml", "--id", "early"]);
        assert_eq!(ended.code, Some(0), "{keep:?} {journal:?}: {}", ended.stderr);
        assert_eq!(bench.outcomes(), ["succeeded"; 3]);
    }
}

#[test]
fn a_service_that_dies_and_comes_back_has_each_row_once() {
    for mode in ["async", "sync"] {
        let bench = Bench::new();
        let mut service = Emulator::serve(&bench, SERVICE);
        bench.dataset(rows());
        let limits = "limits: {concurrency: 8, halt: none, timeout: 20s, retry: {attempts: 100, backoff: 1ms..20ms}}\n";
        bench.job(&service.url, mode, limits);
        let running = Running::start(bench.command(["run", "job.yaml", "--json"]));
        for deaths in 1..=3 {
            until("rows are at the service", || service.accepted().len() >= deaths * 30);
            service = service.die_and_come_back(&bench, SERVICE);
        }
        let ended = running.end();
        Books::new(rows()).balance_with(&bench.run_dir(), &service, &ended);
    }
}
