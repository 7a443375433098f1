//! Named points of a run where the process can be made to die as `kill -9` would end it, for the tests of crashes.
//!
//! `FLOWBATCH_FAIL_POINT=NAME` ends it at the point's first passing, `NAME:N` at the N-th. A release build has no names,
//! reads no variable, and does nothing at a point.

use std::io::{self, Write};

macro_rules! points {
    ($($(#[doc = $doc:literal])+ $point:ident $name:literal)+) => {
        /// A point. The list is closed, and `tests/cli/fail_points.rs` dies at each of them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Point {
            $($(#[doc = $doc])+ $point,)+
        }

        #[cfg(debug_assertions)]
        impl Point {
            /// All of them, in the order of a run.
            pub const ALL: &[Self] = &[$(Self::$point),+];

            /// Gives the point's name.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$point => $name,)+
                }
            }
        }
    };
}

points! {
    /// The folder is made and locked, and empty.
    FolderClaimed "folder-claimed"
    /// manifest.yaml is durable.
    ManifestWritten "manifest-written"
    /// Half of run.lock.json is written.
    LockHalfWritten "lock-half-written"
    /// run.lock.json is durable, and the journal empty.
    LockWritten "lock-written"
    /// The journal's first events are durable.
    RunOpened "run-opened"
    /// `latest` points at the run; no process has begun to work on it.
    LatestPointed "latest-pointed"
    /// The mended form of a damaged journal is durable, and not at its place.
    RepairReady "repair-ready"
    /// The damaged journal is kept beside the run, and still at its place.
    DamageKept "damage-kept"
    /// The mended journal is at its place.
    JournalMended "journal-mended"
    /// A process goes on with a run: the journal is locked and read, and a torn tail cut off.
    RunTakenUp "run-taken-up"
    /// `process_started` is durable, and what came with it.
    ProcessStarted "process-started"
    /// The reserve is written.
    ReserveKept "reserve-kept"
    /// The results that an earlier run has are durable, and nothing is sent.
    ResultsReused "results-reused"
    /// Rows of an earlier process are about to be put in doubt.
    DoubtsFound "doubts-found"
    /// That they are in doubt is durable.
    DoubtsSettled "doubts-settled"
    /// The key is verified, and nothing sent.
    KeyVerified "key-verified"
    /// A row's intent is on its way to the disk.
    IntentAppended "intent-appended"
    /// A row's intent is durable.
    IntentDurable "intent-durable"
    /// A row's request is ready, and not written.
    RequestReady "request-ready"
    /// The service has begun to answer a row's request: it has all of it.
    RequestTaken "request-taken"
    /// A reply to a send is here and read, and not appended.
    ReplyTaken "reply-taken"
    /// A run id is on its way to the disk.
    AttachedAppended "attached-appended"
    /// A run id is durable; it was never polled by this process.
    AttachedDurable "attached-durable"
    /// A poll is about to be sent.
    PollDue "poll-due"
    /// A poll has been answered, in whatever way.
    PollTaken "poll-taken"
    /// A poll has brought the result, and it is not appended.
    ResultTaken "result-taken"
    /// An answer is on its way to the disk.
    AnswerAppended "answer-appended"
    /// An answer is durable, and not counted.
    AnswerDurable "answer-durable"
    /// A refusal is durable.
    RefusalDurable "refusal-durable"
    /// That a send may have run is durable, and not yet what follows.
    AmbiguityDurable "ambiguity-durable"
    /// The end of a row without an answer is durable.
    EndDurable "end-durable"
    /// The rejection of a row is durable.
    RejectionDurable "rejection-durable"
    /// That a row's intent was taken back is durable.
    WithdrawalDurable "withdrawal-durable"
    /// That a row is asked again, by `limits.retry.also`, is durable.
    ReopeningDurable "reopening-durable"
    /// A group of events is about to be written.
    GroupReady "group-ready"
    /// Half of a group's bytes are written.
    GroupHalfWritten "group-half-written"
    /// A group is written, and not synced.
    GroupWritten "group-written"
    /// A group is synced, and nobody knows of it.
    GroupSynced "group-synced"
    /// A webhook came with the right token, and nobody has looked at it.
    DeliveryTaken "delivery-taken"
    /// What a webhook brought is on its way to the disk.
    DeliveryAppended "delivery-appended"
    /// What a webhook brought is durable, and the service not told so.
    DeliveryDurable "delivery-durable"
    /// Nothing remains to be done, and the journal does not say so.
    RunDone "run-done"
    /// `process_ended` is durable.
    ProcessEnded "process-ended"
    /// `closed` is durable, and nothing derived.
    RunClosed "run-closed"
    /// A slot's claim and that its process starts are durable, and no process is there.
    SlotClaimed "slot-claimed"
    /// A slot's process is started, and nobody waits for it.
    SlotStarted "slot-started"
    /// A derived file is written beside its place.
    FileWritten "file-written"
    /// A derived file is synced, and not at its place.
    FileSynced "file-synced"
    /// A derived file is at its place.
    FileMoved "file-moved"
    /// The run is closed, and its judges were not asked.
    JudgingDue "judging-due"
    /// Half of a question to a judge is written.
    QuestionHalfWritten "question-half-written"
    /// All that a judge is to be asked is durable, and its run not begun.
    QuestionsWritten "questions-written"
    /// A judge's run is laid out, and no process has begun to work on it.
    JudgeBegun "judge-begun"
    /// A judge's run is closed, and nothing derived of it.
    JudgeDone "judge-done"
    /// A judge's run has its files, and the judged run has none of what was said.
    JudgeDerived "judge-derived"
}

/// Dies here, when it is this point's turn.
#[cfg(debug_assertions)]
pub fn pass(point: Point) {
    if armed::is_due(point) {
        armed::die();
    }
}

/// Does nothing.
#[cfg(not(debug_assertions))]
#[inline]
pub fn pass(_point: Point) {}

/// Writes half of the bytes and dies, when it is this point's turn; else leaves all of them to be written.
#[cfg(debug_assertions)]
pub fn tear(point: Point, bytes: &[u8], out: &mut impl Write) -> io::Result<()> {
    if armed::is_due(point) {
        out.write_all(&bytes[..bytes.len() / 2])?;
        out.flush()?;
        armed::die();
    }
    Ok(())
}

/// Does nothing.
#[cfg(not(debug_assertions))]
#[inline]
pub fn tear(_point: Point, _bytes: &[u8], _out: &mut impl Write) -> io::Result<()> {
    Ok(())
}

#[cfg(debug_assertions)]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::Point;

    /// The point that the environment asks for, and how often it is to be passed yet.
    static ARMED: OnceLock<Option<(Point, AtomicU64)>> = OnceLock::new();

    pub(super) fn is_due(point: Point) -> bool {
        match ARMED.get_or_init(asked) {
            Some((armed, left)) if *armed == point => left.fetch_sub(1, Ordering::Relaxed) == 1,
            _ => false,
        }
    }

    fn asked() -> Option<(Point, AtomicU64)> {
        let text = std::env::var("FLOWBATCH_FAIL_POINT").ok()?;
        let (name, passing) = text.split_once(':').unwrap_or((&text, "1"));
        let point = Point::ALL.iter().find(|point| point.name() == name)?;
        Some((*point, AtomicU64::new(passing.parse().ok()?)))
    }

    /// Ends the process with nothing tidied up: no destructor runs, and no buffer is flushed.
    pub(super) fn die() -> ! {
        std::process::abort()
    }
}
