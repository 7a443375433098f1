//! The journal's form on disk: one line of JSON per event.
//!
//! `{"v":1,"n":SEQ,"e":NAME,"t_ms":EPOCH_MS, …,"crc":"8 hex"}` and a line feed. `n` counts from 0 without gaps; `crc`
//! is the CRC-32C of all bytes before `,"crc"`. The first four members always stand in this order, so that a reader
//! can tell an event's kind without parsing the rest. The checksum protects against accidents, not against a forger.

use std::ops::Range;
use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::model::{Json, RunEvent};

/// The version of the form, in each line and in the first event.
pub const FORMAT: u32 = 1;

const CRC_START: &[u8] = b",\"crc\":\"";
/// `,"crc":"` + 8 hex + `"}`.
const CRC_LENGTH: usize = 8 + 8 + 2;

/// One line of a journal, decoded.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its number, from 0.
    pub n: u64,
    /// Its wall-clock instant, in ms since 1970.
    pub t_ms: u64,
    /// What happened.
    pub event: RunEvent,
}

impl Entry {
    /// Gives the event if it has this number.
    pub(crate) fn numbered(self, expected: u64) -> Result<Self, LineError> {
        if self.n == expected { Ok(self) } else { Err(LineError::Gap { expected, found: self.n }) }
    }
}

/// Why a line is not an event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// It does not end as a line does.
    #[error("the line is cut short")]
    Short,
    /// The checksum is another.
    #[error("the checksum is wrong")]
    Checksum,
    /// It was written by a flowbatch with another form.
    #[error("written in version {0} of the journal's form, and this flowbatch reads version {FORMAT}")]
    Version(String),
    /// The number is not the next one.
    #[error("event {found} stands where event {expected} should")]
    Gap {
        /// The number that should stand there.
        expected: u64,
        /// The one that does.
        found: u64,
    },
    /// The name is not known to this version.
    #[error("the event `{0}` is not known to this flowbatch")]
    UnknownEvent(String),
    /// The members are not those of the event.
    #[error("{0}")]
    Members(String),
}

/// Appends one event's line, with its line feed.
pub(crate) fn encode(line: &mut Vec<u8>, n: u64, t_ms: u64, event: &RunEvent) -> serde_json::Result<()> {
    let start = line.len();
    line.extend_from_slice(
        format!("{{\"v\":{FORMAT},\"n\":{n},\"e\":\"{}\",\"t_ms\":{t_ms}", event.name()).as_bytes(),
    );
    let body = line.len();
    encode_members(line, event)?;
    // The members come as `{…}`: the brace that opens becomes the comma, the one that closes makes way for `crc`.
    if line.ends_with(b"{}") && line.len() == body + 2 {
        line.truncate(body);
    } else {
        line[body] = b',';
        line.pop();
    }
    let crc = crc32c::crc32c(&line[start..]);
    line.extend_from_slice(CRC_START);
    line.extend_from_slice(&hex_of(crc));
    line.extend_from_slice(b"\"}\n");
    Ok(())
}

fn encode_members(line: &mut Vec<u8>, event: &RunEvent) -> serde_json::Result<()> {
    fn put<T: Serialize>(line: &mut Vec<u8>, members: &T) -> serde_json::Result<()> {
        serde_json::to_writer(line, members)
    }
    match event {
        RunEvent::Opened(e) => put(line, e),
        RunEvent::Selected(e) => put(line, e),
        RunEvent::ProcessStarted(e) => put(line, e),
        RunEvent::SettingsChanged(e) => put(line, e),
        RunEvent::Reopened(e) => put(line, e),
        RunEvent::Rejected(e) => put(line, e),
        RunEvent::Reused(e) => put(line, e),
        RunEvent::Intended(e) => put(line, e),
        RunEvent::Withdrawn(e) => put(line, e),
        RunEvent::Refused(e) => put(line, e),
        RunEvent::Ambiguous(e) => put(line, e),
        RunEvent::Attached(e) => put(line, e),
        RunEvent::Receipt(e) => put(line, e),
        RunEvent::Answered(e) => put(line, e),
        RunEvent::Ended(e) => put(line, e),
        RunEvent::Settled(e) => put(line, e),
        RunEvent::PollTally(e) => put(line, e),
        RunEvent::Stopped(e) => put(line, e),
        RunEvent::ProcessEnded(e) => put(line, e),
        RunEvent::Closed(e) => put(line, e),
    }
}

/// How much of an event is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All of it.
    Whole,
    /// All that the fold asks for: keys, digests, records, inputs and raw replies are left out; record and input stand
    /// as null where it matters whether they are there.
    Brief,
}

/// Decodes one line, without its line feed. The buffer is used as work space and left changed, but for a line that is
/// cut short or has another checksum.
pub(crate) fn decode(line: &mut [u8], extent: Extent) -> Result<Entry, LineError> {
    let crc_at = line.len().checked_sub(CRC_LENGTH).ok_or(LineError::Short)?;
    let tail = &line[crc_at..];
    if !tail.starts_with(CRC_START) || !tail.ends_with(b"\"}") {
        return Err(LineError::Short);
    }
    let crc = hex_of(crc32c::crc32c(&line[..crc_at]));
    if crc != tail[CRC_START.len()..CRC_START.len() + 8] {
        return Err(LineError::Checksum);
    }
    let Head { n, name, t_ms, length } = Head::read(&line[..crc_at])?;
    let (head, body) = line.split_at_mut(length);
    let (name, members) = (&head[name], &mut body[..=crc_at - length]);
    let Some(last) = members.len().checked_sub(1).filter(|last| *last > 0) else {
        return Ok(Entry { n, t_ms, event: decode_members(name, b"{}")? });
    };
    (members[0], members[last]) = (b'{', b'}');
    let cut = if extent == Extent::Brief { cut_payload(name, members) } else { None };
    let mut event = decode_members(name, &members[..cut.unwrap_or(members.len())])?;
    if let (RunEvent::Intended(intended), Some(_)) = (&mut event, cut) {
        (intended.record, intended.input) = (Some(null()), Some(null()));
    }
    Ok(Entry { n, t_ms, event })
}

fn null() -> Json {
    RawValue::NULL.to_owned()
}

/// Cuts the payload off an event's members and gives what is left of their length. Payloads are the last members of their
/// events. Subtle: a member's name can't stand within a string, where its quotes would be escaped, and no member
/// before it holds an object with such a name.
fn cut_payload(name: &[u8], members: &mut [u8]) -> Option<usize> {
    match name {
        b"answered" => {
            let at = RAW.find(members).or_else(|| RAW_TEXT.find(members))?;
            members[at] = b'}';
            Some(at + 1)
        }
        b"intended" => {
            // Without a record there is no input, whose absence is told.
            let record = RECORD.find(members)?;
            let at = KEY.find(&members[..record]).unwrap_or(record);
            members[at] = b'}';
            Some(at + 1)
        }
        b"reused" => {
            let at = KEY.find(members)?;
            members[at] = b'}';
            Some(at + 1)
        }
        b"rejected" => {
            let at = RECORD.find(members)? + RECORD.needle().len();
            // A value is at least as long as this.
            members[at] = b'0';
            *members.get_mut(at + 1)? = b'}';
            Some(at + 2)
        }
        _ => None,
    }
}

static KEY: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(",\"key\":"));
static RECORD: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(",\"record\":"));
static RAW: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(",\"raw\":"));
static RAW_TEXT: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(",\"raw_text\":"));

fn decode_members(name: &[u8], members: &[u8]) -> Result<RunEvent, LineError> {
    fn get<T: DeserializeOwned>(members: &str) -> Result<T, LineError> {
        serde_json::from_str(members).map_err(|e| LineError::Members(e.to_string()))
    }
    // Once for all strings in it.
    let members = std::str::from_utf8(members).map_err(|e| LineError::Members(e.to_string()))?;
    Ok(match name {
        b"opened" => RunEvent::Opened(get(members)?),
        b"selected" => RunEvent::Selected(get(members)?),
        b"process_started" => RunEvent::ProcessStarted(get(members)?),
        b"settings_changed" => RunEvent::SettingsChanged(get(members)?),
        b"reopened" => RunEvent::Reopened(get(members)?),
        b"rejected" => RunEvent::Rejected(get(members)?),
        b"reused" => RunEvent::Reused(get(members)?),
        b"intended" => RunEvent::Intended(get(members)?),
        b"withdrawn" => RunEvent::Withdrawn(get(members)?),
        b"refused" => RunEvent::Refused(get(members)?),
        b"ambiguous" => RunEvent::Ambiguous(get(members)?),
        b"attached" => RunEvent::Attached(get(members)?),
        b"receipt" => RunEvent::Receipt(get(members)?),
        b"answered" => RunEvent::Answered(get(members)?),
        b"ended" => RunEvent::Ended(get(members)?),
        b"settled" => RunEvent::Settled(get(members)?),
        b"poll_tally" => RunEvent::PollTally(get(members)?),
        b"stopped" => RunEvent::Stopped(get(members)?),
        b"process_ended" => RunEvent::ProcessEnded(get(members)?),
        b"closed" => RunEvent::Closed(get(members)?),
        other => return Err(LineError::UnknownEvent(String::from_utf8_lossy(other).into_owned())),
    })
}

/// A checksum as it stands in a line.
fn hex_of(crc: u32) -> [u8; 8] {
    let digit = |at: u32| b"0123456789abcdef"[(crc >> (28 - 4 * at) & 0xf) as usize];
    [0, 1, 2, 3, 4, 5, 6, 7].map(digit)
}

/// The members that every line begins with.
struct Head {
    n: u64,
    /// Where the event's name stands.
    name: Range<usize>,
    t_ms: u64,
    length: usize,
}

impl Head {
    fn read(line: &[u8]) -> Result<Self, LineError> {
        let shape = || LineError::Members("the line does not begin as an event does".to_owned());
        let (version, rest) = number_after(line, b"{\"v\":").ok_or_else(shape)?;
        if version != u64::from(FORMAT) {
            return Err(LineError::Version(version.to_string()));
        }
        let (n, rest) = number_after(rest, b",\"n\":").ok_or_else(shape)?;
        let rest = rest.strip_prefix(b",\"e\":\"").ok_or_else(shape)?;
        let end = rest.iter().position(|b| *b == b'"').ok_or_else(shape)?;
        let from = line.len() - rest.len();
        let name = from..from + end;
        let (t_ms, rest) = number_after(&rest[end..], b"\",\"t_ms\":").ok_or_else(shape)?;
        Ok(Self { n, name, t_ms, length: line.len() - rest.len() })
    }
}

/// Gives the name of the event that a line claims to be.
pub(crate) fn name_of(line: &[u8]) -> Option<&str> {
    let name = Head::read(line).ok()?.name;
    std::str::from_utf8(&line[name]).ok()
}

/// Gives the number that a line claims, without judging it.
pub(crate) fn number_of(line: &[u8]) -> u64 {
    Head::read(line).map_or(0, |head| head.n)
}

fn number_after<'a>(text: &'a [u8], prefix: &[u8]) -> Option<(u64, &'a [u8])> {
    let rest = text.strip_prefix(prefix)?;
    let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    let append = |number: u64, digit: &u8| number.checked_mul(10)?.checked_add(u64::from(digit - b'0'));
    let number = rest[..digits].iter().try_fold(0, append).filter(|_| digits > 0)?;
    Some((number, &rest[digits..]))
}

#[cfg(test)]
mod tests;
