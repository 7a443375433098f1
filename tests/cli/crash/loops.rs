//! Runs that die again and again, at points and at moments that chance picks: `FLOWBATCH_TEST_LOOPS` says how many.

use flowbatch::fail_point::Point;

use crate::FAULTS;
use crate::crash::points::{QUICK, died};
use crate::crash::{Dice, asked, ended_after};
use crate::support::books::Books;
use crate::support::{Bench, Emulator, Ended, by_user};

/// How many runs in all.
fn loops() -> u64 {
    asked("FLOWBATCH_TEST_LOOPS", 50)
}

/// Rows of each.
const ROWS: usize = 24;

const BEGIN: [&str; 4] = ["run", "job.yaml", "--id", "r"];

/// Points that every run passes while it has rows.
const OF_ROWS: [Point; 10] = [
    Point::IntentAppended,
    Point::IntentDurable,
    Point::RequestReady,
    Point::RequestTaken,
    Point::ReplyTaken,
    Point::AnswerAppended,
    Point::AnswerDurable,
    Point::GroupHalfWritten,
    Point::GroupWritten,
    Point::GroupSynced,
];

/// Whether a process has worked on the run, so that `resume` takes it.
fn is_begun(bench: &Bench) -> bool {
    let journal = std::fs::read_to_string(bench.path("runs/job/r/journal.jsonl")).unwrap_or_default();
    journal.lines().any(|line| line.contains("\"e\":\"process_started\"") && line.ends_with('}'))
}

/// One process that dies somewhere, or comes to its end.
fn step(bench: &Bench, dice: &mut Dice, args: &[&str]) -> Option<Ended> {
    if dice.below(2) == 0 {
        let gently = dice.below(4) == 0;
        return ended_after(bench, args, dice.below(5_000), gently);
    }
    // A point that is not reached lets the run come to its end; most of those of a row are.
    let points = if is_begun(bench) && dice.below(4) > 0 { &OF_ROWS } else { Point::ALL };
    let point = points[usize::try_from(dice.below(points.len() as u64)).unwrap()];
    let asked = format!("{}:{}", point.name(), 1 + dice.below(5));
    Some(bench.run_with(&[("FLOWBATCH_FAIL_POINT", &asked)], args)).filter(|ended| !died(ended))
}

/// What some runs went through.
#[derive(Default)]
struct Toll {
    deaths: u64,
    executions: usize,
    doubts: usize,
}

/// One run, killed up to ten times.
fn check(number: u64, mode: &str, delivery: &str, toll: &mut Toll) {
    let mut dice = Dice::of(number.wrapping_mul(0x9e37_79b9) + asked("FLOWBATCH_TEST_SEED", 0));
    let bench = Bench::new();
    let faults = if dice.below(3) == 0 { FAULTS } else { "" };
    let service = Emulator::serve(&bench, &format!("{QUICK}{faults}"));
    bench.dataset(ROWS);
    let concurrency = 1 + dice.below(6);
    bench.job(
        &service.url,
        mode,
        &format!(
            "limits: {{concurrency: {concurrency}, halt: none, timeout: 20s, delivery: {delivery}, \
             retry: {{attempts: 3, backoff: 1ms..5ms}}}}\n"
        ),
    );
    let mut job = bench.read("job.yaml").replace("first: 20ms", "first: 5ms");
    if mode == "async" && dice.below(3) == 0 {
        job = job.replace("  mode: async\n", "  mode: async\n  webhook: {listen: 127.0.0.1:0}\n");
    }
    bench.write("job.yaml", job);
    let resumes = dice.below(2) == 0;
    for _ in 0..=dice.below(10) {
        let args = if resumes && is_begun(&bench) { &["resume", "r"][..] } else { &BEGIN };
        if let Some(ended) = step(&bench, &mut dice, args) {
            assert!(matches!(ended.code, Some(0 | 1 | 5)), "{ended:?}");
            if ended.code != Some(5) {
                break;
            }
        } else {
            toll.deaths += 1;
        }
    }
    let ended = bench.run(&BEGIN);
    let books = Books { rows: ROWS, at_least_once: delivery == "at_least_once" };
    books.balance_with(&bench.path("runs/job/r"), &service, &ended);
    let sent = service.accepted().len();
    bench.run(&["resume", "r"]).exits(ended.code.unwrap());
    assert_eq!(service.accepted().len(), sent);
    toll.executions += sent;
    toll.doubts += bench.outcomes().iter().filter(|outcome| *outcome == "in_doubt").count();
}

/// Every fourth of the runs, from `first` on.
#[expect(clippy::print_stdout, reason = "shown by `--nocapture`, for whoever writes the figures down")]
fn check_share(first: u64, mode: &str, delivery: &str) {
    let mut toll = Toll::default();
    let numbers = (first..loops()).step_by(4);
    for number in numbers.clone() {
        let run = std::panic::AssertUnwindSafe(|| check(number, mode, delivery, &mut toll));
        assert!(
            std::panic::catch_unwind(run).is_ok(),
            "run {number}, {mode}, {delivery}: for the reason told above"
        );
    }
    let Toll { deaths, executions, doubts } = toll;
    println!(
        "{mode}, {delivery}: {} runs of {ROWS} rows died {deaths} times; {executions} executions, {doubts} rows in doubt",
        numbers.count()
    );
    assert!(deaths >= loops() / 4, "{deaths} deaths prove nothing");
}

#[test]
fn async_runs_killed_at_random_keep_their_books() {
    check_share(0, "async", "at_most_once");
}

#[test]
fn sync_runs_killed_at_random_keep_their_books() {
    check_share(1, "sync", "at_most_once");
}

#[test]
fn async_runs_at_least_once_killed_at_random_keep_their_books() {
    check_share(2, "async", "at_least_once");
}

#[test]
fn sync_runs_at_least_once_killed_at_random_keep_their_books() {
    check_share(3, "sync", "at_least_once");
}

/// A line of results.jsonl without what tells the time.
fn timeless(line: &str) -> String {
    let mut line = line.to_owned();
    for name in ["latency_ms", "queue_ms", "backoff_ms", "started_at", "finished_at"] {
        let value = line.find(&format!("\"{name}\":")).expect(name) + name.len() + 3;
        let end = value + line[value..].find([',', '}']).unwrap();
        line.replace_range(value..end, "0");
    }
    line
}

fn starts_and_dies(bench: &Bench, point: Point, passing: u64) {
    let asked = format!("{}:{passing}", point.name());
    let ended = bench.run_with(&[("FLOWBATCH_FAIL_POINT", &asked)], &BEGIN);
    assert!(died(&ended), "{asked} was not reached: {ended:?}");
}

#[test]
fn a_run_killed_20_times_gives_the_results_of_one_that_was_not() {
    use Point as P;
    let results = |deaths: &[(Point, u64)]| {
        let bench = Bench::new();
        let service = Emulator::serve(&bench, &format!("{QUICK}faults: {{failed: 20%}}\n"));
        bench.dataset(40);
        // One at a time: when a row is acknowledged, no other is on its way, and so none is in doubt.
        bench.job(&service.url, "async", "limits: {concurrency: 1, halt: none, timeout: 20s}\n");
        bench.write("job.yaml", bench.read("job.yaml").replace("first: 20ms", "first: 5ms"));
        for (point, passing) in deaths {
            starts_and_dies(&bench, *point, *passing);
        }
        bench.run(&BEGIN).exits(1);
        assert_eq!(service.accepted().len(), 40);
        let text = bench.read("runs/job/r/results.jsonl");
        // Lines by lines, so that a difference is told with its row.
        text.lines().map(timeless).collect::<Vec<_>>()
    };
    let within = [
        (P::AttachedDurable, 2),
        (P::PollDue, 1),
        (P::PollTaken, 2),
        (P::ResultTaken, 1),
        (P::AnswerAppended, 3),
    ];
    let deaths: Vec<_> = [(P::LockWritten, 1), (P::ProcessStarted, 1), (P::KeyVerified, 1)]
        .into_iter()
        .chain(within.into_iter().cycle().take(14))
        .chain([(P::RunDone, 1), (P::RunClosed, 1), (P::FileSynced, 2)])
        .collect();
    assert_eq!(deaths.len(), 20);
    assert_eq!(results(&deaths), results(&[]));
}

#[test]
fn one_command_line_restarted_20_times_pays_once_for_each_row() {
    use Point as P;
    for mode in ["async", "sync"] {
        let bench = Bench::new();
        let service = Emulator::serve(&bench, QUICK);
        bench.dataset(200);
        bench.job(&service.url, mode, "limits: {concurrency: 4, halt: none, timeout: 20s}\n");
        bench.write("job.yaml", bench.read("job.yaml").replace("first: 20ms", "first: 5ms"));
        let points = [
            (P::IntentDurable, 3),
            (P::RequestTaken, 3),
            (P::ReplyTaken, 3),
            (P::GroupHalfWritten, 4),
            (P::GroupWritten, 5),
            (P::AnswerAppended, 3),
            (P::AnswerDurable, 4),
            if mode == "async" { (P::PollTaken, 3) } else { (P::RequestReady, 3) },
            (P::GroupSynced, 3),
            (P::IntentAppended, 2),
        ];
        for (point, passing) in points.into_iter().cycle().take(20) {
            starts_and_dies(&bench, point, passing);
        }
        let ended = bench.run(&BEGIN).exits(1);
        Books::new(200).balance_with(&bench.path("runs/job/r"), &service, &ended);
        let paid = by_user(&service.charged());
        assert!(paid.values().all(|times| *times == 1), "{paid:?}");
        assert!(paid.len() >= 120, "most rows were paid for: {}", paid.len());
        let again = bench.run(&BEGIN).exits(1);
        assert_eq!((again.stdout, by_user(&service.charged())), (ended.stdout, paid), "it sends nothing");
    }
}
