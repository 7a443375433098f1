//! A run that dies at each named point of its own and of its rows' lives, and is gone on with.

use std::fs;

use flowbatch::fail_point::Point;
use serde_json::Value;

use crate::support::books::Books;
use crate::support::{Bench, Emulator, Ended, by_user};

/// Rows of each run.
const ROWS: usize = 8;

/// A service that is quick, so that there is time for many deaths.
pub(super) const QUICK: &str = "name: echo\nversion: \"1.2.3\"\nseed: 5\ninputs:\n  text: {type: string, required: true}\n\
output: {answer: \"{{input.text}}\"}\nlatency: 1ms..4ms\ntokens: {base: 11, per_character: 0.75, spread: 30%}\n\
cost: {base: 0.0007, per_1000_tokens: 0.0123, decimals: 9}\n";

/// How a run comes to a point.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a circumstance of its own")]
pub(super) struct Way {
    /// What the third row's sends meet with at the service.
    pub(super) faults: &'static str,
    /// Where an earlier process has died.
    pub(super) before: Option<Point>,
    /// Whether a line of the journal that it left is damaged then, and the run gone on with by `--repair`.
    pub(super) damage: bool,
    pub(super) webhook: bool,
    pub(super) retry_failed: bool,
    pub(super) ragged: bool,
    /// How often the point is passed until then.
    pub(super) passing: u64,
}

pub(super) fn way(point: Point) -> Way {
    use Point as P;
    let way = Way { passing: 1, ..Way::default() };
    match point {
        P::SlotClaimed
        | P::SlotStarted
        | P::JudgingDue
        | P::QuestionsWritten
        | P::JudgeBegun
        | P::JudgeDone
        | P::JudgeDerived
        | P::FolderClaimed
        | P::ManifestWritten
        | P::LockHalfWritten
        | P::LockWritten
        | P::RunOpened
        | P::LatestPointed
        | P::ProcessStarted
        | P::ReserveKept
        | P::KeyVerified
        | P::RunDone
        | P::ProcessEnded
        | P::RunClosed
        // Its way is in `reuse.rs`.
        | P::ResultsReused => way,
        P::RepairReady | P::DamageKept | P::JournalMended => {
            Way { before: Some(P::AnswerDurable), damage: true, ..way }
        }
        // Behind a line that was torn.
        P::RunTakenUp => Way { before: Some(P::GroupHalfWritten), ..way },
        P::DoubtsFound | P::DoubtsSettled => Way { before: Some(P::RequestTaken), ..way },
        P::QuestionHalfWritten
        | P::IntentAppended
        | P::IntentDurable
        | P::RequestReady
        | P::RequestTaken
        | P::ReplyTaken
        | P::AttachedAppended
        | P::AttachedDurable
        | P::PollDue
        | P::PollTaken
        | P::ResultTaken
        | P::AnswerAppended
        | P::AnswerDurable => Way { passing: 3, ..way },
        P::RefusalDurable => Way { faults: "unavailable", ..way },
        P::AmbiguityDurable | P::EndDurable => Way { faults: "reset_after_accept", ..way },
        P::RejectionDurable => Way { ragged: true, ..way },
        P::WithdrawalDurable => Way { faults: "redirect", ..way },
        P::ReopeningDurable => Way { faults: "failed", retry_failed: true, ..way },
        // The first two groups are those of the run and of the process.
        P::GroupReady | P::GroupHalfWritten | P::GroupWritten | P::GroupSynced => Way { passing: 5, ..way },
        P::DeliveryTaken | P::DeliveryAppended | P::DeliveryDurable => {
            Way { webhook: true, passing: 2, ..way }
        }
        // One of the four files that hold rows.
        P::FileWritten | P::FileSynced | P::FileMoved => Way { passing: 2, ..way },
    }
}

/// Whether rows come to a point only when the service runs them on its own.
pub(super) fn is_of_async(point: Point) -> bool {
    use Point as P;
    matches!(
        point,
        P::AttachedAppended
            | P::AttachedDurable
            | P::PollDue
            | P::PollTaken
            | P::ResultTaken
            | P::DeliveryTaken
            | P::DeliveryAppended
            | P::DeliveryDurable
    )
}

/// Whether a point is passed only by runs that have judges.
pub(super) fn is_of_judging(point: Point) -> bool {
    use Point as P;
    matches!(
        point,
        P::JudgingDue
            | P::QuestionHalfWritten
            | P::QuestionsWritten
            | P::JudgeBegun
            | P::JudgeDone
            | P::JudgeDerived
    )
}

fn lay_out(bench: &Bench, way: &Way, mode: &str, delivery: &str, log: &str) -> Emulator {
    let faults = format!("faults_for: {{\".*-3\": [{}]}}\n", way.faults);
    let behaviour = format!(
        "behaviour: {{fault: {{retry_after: 0s}}, webhook: {{attempts: 1}}, log: {{access: {log}}}}}\n"
    );
    let service = Emulator::serve(bench, &format!("{QUICK}{faults}{behaviour}"));
    bench.dataset(ROWS);
    if way.ragged {
        bench.write("rows.csv", bench.read("rows.csv").replace("text 3\n", "text 3,and more\n"));
    }
    let also = if way.retry_failed { ", also: [failed]" } else { "" };
    let limits = format!(
        "limits: {{concurrency: 3, halt: none, timeout: 20s, delivery: {delivery}, \
         retry: {{attempts: 4, backoff: 1ms..2ms{also}}}}}\n"
    );
    bench.job(&service.url, mode, &limits);
    let mut job = bench
        .read("job.yaml")
        .replace("{first: 20ms, interval: 100ms..200ms}", "{first: 5ms, interval: 100ms..200ms}");
    if way.ragged {
        job = job.replace("key: id}", "key: id, on_bad_row: reject}");
    }
    if way.webhook {
        job = job.replace("  mode: async\n", "  mode: async\n  webhook: {listen: 127.0.0.1:0}\n");
    }
    bench.write("job.yaml", job);
    service
}

/// Says whether a process died as `kill -9` or a fail point ends it: with no word, and no exit code of ours.
pub(super) fn died(ended: &Ended) -> bool {
    let is_ours = |code: i32| (0..=101).contains(&code);
    !ended.code.is_some_and(is_ours) && !ended.stderr.contains("panicked")
}

pub(super) const AGAIN: [&str; 4] = ["run", "job.yaml", "--id", "r"];

const MEND: [&str; 4] = ["resume", "r", "--repair", "--yes"];

pub(super) fn dies(bench: &Bench, args: &[&str], point: Point, passing: u64) {
    let asked = format!("{}:{passing}", point.name());
    let ended = bench.run_with(&[("FLOWBATCH_FAIL_POINT", &asked)], args);
    assert!(died(&ended), "{asked} was not reached: {ended:?}");
}

fn dies_at(bench: &Bench, point: Point, passing: u64) {
    dies(bench, &AGAIN, point, passing);
}

/// Changes a byte of the first intent.
fn damage(bench: &Bench) {
    let path = bench.path("runs/job/r/journal.jsonl");
    let mut journal = fs::read(&path).unwrap();
    let text = String::from_utf8(journal.clone()).unwrap();
    journal[text.find("\"e\":\"intended\"").unwrap() + 20] ^= 1;
    fs::write(path, journal).unwrap();
}

/// Dies at a point, and goes on. `log` says whether the key may read the service's run log.
fn check(point: Point, mode: &str, delivery: &str, log: &str) {
    let way = way(point);
    let bench = Bench::new();
    let service = lay_out(&bench, &way, mode, delivery, log);
    if let Some(before) = way.before {
        dies_at(&bench, before, self::way(before).passing);
    }
    if way.damage {
        damage(&bench);
    }
    let again = if way.damage { &MEND[..] } else { &AGAIN };
    dies(&bench, again, point, way.passing);
    let ended = bench.run(again);
    assert!(matches!(ended.code, Some(0 | 1)), "{}: {ended:?}", point.name());
    let dir = bench.path("runs/job/r");
    let books = Books { rows: ROWS, at_least_once: delivery == "at_least_once" };
    books.balance_with(&dir, &service, &ended);
    if log == "forbidden" {
        check_doubts(&bench, point, mode, delivery);
    } else {
        check_recovered(&bench, &service, point);
    }
    let mut left: Vec<_> =
        fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    left.retain(|name| [".reserve", ".tmp", ".mended"].iter().any(|end| name.ends_with(end)));
    assert!(left.is_empty(), "{}: left behind: {left:?}", point.name());
    // What is finished is finished, and stands in the journal as finished.
    let (sent, results) = (service.accepted().len(), fs::read(dir.join("results.jsonl")).unwrap());
    bench.run(&AGAIN).exits(ended.code.unwrap());
    bench.run(&["resume", "r"]).exits(ended.code.unwrap());
    assert_eq!((service.accepted().len(), fs::read(dir.join("results.jsonl")).unwrap()), (sent, results));
    assert!(
        fs::read_to_string(dir.join("journal.jsonl")).unwrap().lines().last().unwrap().contains("\"closed\"")
    );
}

/// What has run was found in the log, whatever became of its reply.
fn check_recovered(bench: &Bench, service: &Emulator, point: Point) {
    let journal = bench.read("runs/job/r/journal.jsonl");
    for row in bench.results().iter().filter(|row| row["outcome"] == "in_doubt") {
        let tag = format!("fb-r-{}", row["row_number"]);
        let is_unknown =
            |line: &&Value| line["user_id"] == tag && !journal.contains(line["run"].as_str().unwrap());
        let run = service.accepted().iter().find(is_unknown).cloned();
        assert!(run.is_none(), "{}: {run:?} was not found", point.name());
    }
}

/// Which outcomes a death at a point leaves when no log can be read, beyond what holds everywhere.
fn check_doubts(bench: &Bench, point: Point, mode: &str, delivery: &str) {
    use Point as P;
    let doubts = bench.outcomes().iter().filter(|outcome| *outcome == "in_doubt").count();
    let name = point.name();
    if delivery == "at_least_once" {
        assert_eq!(doubts, 0, "{name}: what may have run is sent again");
        return;
    }
    match point {
        // Nothing was sent yet, or nothing was on its way any more.
        P::FolderClaimed
        | P::ManifestWritten
        | P::LockHalfWritten
        | P::LockWritten
        | P::RunOpened
        | P::LatestPointed
        | P::ProcessStarted
        | P::ReserveKept
        | P::KeyVerified
        | P::RunDone
        | P::ProcessEnded
        | P::RunClosed
        | P::FileWritten
        | P::FileSynced
        | P::FileMoved => assert_eq!(doubts, 0, "{name}"),
        // A row was on its way for certain.
        P::IntentDurable
        | P::RequestReady
        | P::RequestTaken
        | P::ReplyTaken
        | P::DoubtsFound
        | P::DoubtsSettled => {
            assert!((1..=3).contains(&doubts), "{name}: {doubts}");
        }
        P::AttachedAppended => assert!((1..=3).contains(&doubts), "{name}: {doubts}"),
        P::AnswerAppended if mode == "sync" => assert!((1..=3).contains(&doubts), "{name}: {doubts}"),
        _ => assert!(doubts <= 4, "{name}: {doubts}"),
    }
}

fn check_all(mode: &str, delivery: &str, log: &str) {
    let is_reached = |point: &&Point| {
        (mode == "async" || !is_of_async(**point))
            && **point != Point::ResultsReused
            && !is_of_judging(**point)
            // Those of a scheduler have tests of their own.
            && !matches!(**point, Point::SlotClaimed | Point::SlotStarted)
            // Sent again, a row ends with an answer; and what a repair holds is not sent again.
            && (delivery == "at_most_once" || !(**point == Point::EndDurable || way(**point).damage))
    };
    let fails = |point: &&Point| std::panic::catch_unwind(|| check(**point, mode, delivery, log)).is_err();
    let failed: Vec<_> =
        Point::ALL.iter().filter(is_reached).filter(fails).map(|point| point.name()).collect();
    assert!(failed.is_empty(), "at these points, for reasons told above: {failed:?}");
}

#[test]
fn a_sync_run_that_dies_at_any_point_keeps_its_books() {
    check_all("sync", "at_most_once", "forbidden");
}

#[test]
fn an_async_run_that_dies_at_any_point_keeps_its_books() {
    check_all("async", "at_most_once", "forbidden");
}

#[test]
fn a_sync_run_at_least_once_that_dies_at_any_point_keeps_its_books() {
    check_all("sync", "at_least_once", "forbidden");
}

#[test]
fn an_async_run_at_least_once_that_dies_at_any_point_keeps_its_books() {
    check_all("async", "at_least_once", "forbidden");
}

#[test]
fn a_process_that_died_as_it_ended_leaves_no_reserve_behind_its_run() {
    let bench = Bench::new();
    let _service = lay_out(&bench, &way(Point::RunDone), "sync", "at_most_once", "forbidden");
    dies_at(&bench, Point::RunDone, 1);
    let reserve = bench.path("runs/job/r/journal.reserve");
    assert!(reserve.exists());
    bench.run(&AGAIN).exits(0);
    assert!(!reserve.exists());
}

#[test]
fn a_run_whose_process_died_before_it_was_closed_is_closed_by_the_next_and_once() {
    for point in [Point::RunDone, Point::ProcessEnded, Point::RunClosed] {
        let bench = Bench::new();
        let _service = lay_out(&bench, &way(point), "sync", "at_most_once", "forbidden");
        dies_at(&bench, point, 1);
        for _ in 0..2 {
            bench.run(&AGAIN).exits(0).says(&["nothing remains"]);
        }
        let journal = bench.read("runs/job/r/journal.jsonl");
        assert_eq!(journal.matches("\"e\":\"closed\"").count(), 1, "{}", point.name());
    }
}

#[test]
fn a_process_that_died_as_it_wrote_results_leaves_no_half_files() {
    let bench = Bench::new();
    let _service = lay_out(&bench, &way(Point::FileWritten), "sync", "at_most_once", "forbidden");
    dies_at(&bench, Point::FileWritten, 2);
    let halves = || {
        let entries = fs::read_dir(bench.path("runs/job/r")).unwrap();
        entries
            .filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|end| end == "tmp"))
            .count()
    };
    assert!(halves() > 0);
    bench.run(&["report", "r"]).exits(0);
    assert_eq!((halves(), bench.outcomes().len()), (0, ROWS));
}

/// Rows that failed are asked again, and the process dies at a point of that.
#[test]
fn a_retry_that_dies_anywhere_is_paid_for_once() {
    use Point as P;
    let points = [
        (P::RunTakenUp, 1),
        (P::GroupHalfWritten, 1),
        (P::ProcessStarted, 1),
        (P::IntentDurable, 2),
        (P::RequestTaken, 2),
        (P::AnswerAppended, 1),
        (P::GroupHalfWritten, 4),
        (P::ProcessEnded, 1),
        (P::FileMoved, 1),
    ];
    for (point, passing) in points {
        let bench = Bench::new();
        let faults = "faults_for: {\".*-[2-6]\": [failed]}\n";
        let service = Emulator::serve(&bench, &format!("{QUICK}{faults}"));
        bench.dataset(ROWS);
        bench.job(&service.url, "sync", "limits: {concurrency: 2, halt: none}\n");
        bench.run(&AGAIN).exits(1);
        assert_eq!(service.accepted().len(), ROWS);
        dies(&bench, &["resume", "r", "--retry", "failed"], point, passing);
        let ended = bench.run(&["resume", "r"]);
        // What became of the first sends is in the total, whatever becomes of the second ones.
        let books = Books { rows: ROWS, at_least_once: true };
        books.balance_with(&bench.path("runs/job/r"), &service, &ended);
        let most = by_user(&service.accepted()).into_values().max();
        assert!(most <= Some(2), "{}: {most:?}", point.name());
    }
}

#[test]
fn every_point_has_a_name_of_its_own() {
    let mut names: Vec<_> = Point::ALL.iter().map(|point| point.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Point::ALL.len());
}

#[test]
fn what_has_run_is_found_again_wherever_a_run_dies() {
    check_all("sync", "at_most_once", "allowed");
    check_all("async", "at_most_once", "allowed");
}
