//! The walk through time: from one slot to the next, a stretch of constant offset after the other, so that nothing is
//! passed twice or left out however the clock is changed.

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset};
use jiff::{SignedDuration, Timestamp, ToSpan};

use crate::calendar::jitter::Jitter;
use crate::calendar::{CalendarError, Change, Cron, Dst, Note, Slot, Zone};

/// A gap as long as this is a place that moved across the date line and left out a day: once a day, a daily time has
/// nothing to make good for.
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// No calendar has to be searched further than this: between two 29ths of February lie eight years at most.
const FURTHEST: SignedDuration = SignedDuration::from_hours(24 * 366 * 40);

/// A cron text in a time zone: which instants it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendar {
    cron: Cron,
    zone: Zone,
    dst: Dst,
    jitter: Option<Jitter>,
    starts: Option<Timestamp>,
    ends: Option<Timestamp>,
}

impl Calendar {
    /// Makes a calendar without ends and without jitter.
    pub fn new(cron: Cron, zone: Zone, dst: Dst) -> Self {
        Self { cron, zone, dst, jitter: None, starts: None, ends: None }
    }

    /// Reads the cron text and the zone's name.
    ///
    /// # Errors
    ///
    /// Gives the first mistake.
    pub fn parse(cron: &str, zone: &str, dst: Dst) -> Result<Self, CalendarError> {
        let cron = Cron::parse(cron).map_err(|mut errors| errors.remove(0))?;
        Ok(Self::new(cron, Zone::named(zone)?, dst))
    }

    /// Spreads the starts over at most `longest`, by `identity`: what tells this schedule from others.
    #[must_use]
    pub fn with_jitter(mut self, identity: &str, longest: SignedDuration) -> Self {
        self.jitter = Some(Jitter { identity: identity.to_owned(), longest });
        self
    }

    /// Leaves out what comes before `starts` and after `ends`; both are included.
    #[must_use]
    pub fn between(mut self, starts: Option<Timestamp>, ends: Option<Timestamp>) -> Self {
        self.starts = starts;
        self.ends = ends;
        self
    }

    /// Gives the cron text.
    pub fn cron(&self) -> &Cron {
        &self.cron
    }

    /// Gives the zone.
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// Gives the rule for changes of the clock.
    pub fn dst(&self) -> Dst {
        self.dst
    }

    /// Gives the longest jitter, if there is one.
    pub fn jitter(&self) -> Option<SignedDuration> {
        self.jitter.as_ref().map(|jitter| jitter.longest)
    }

    /// Gives the first instant that counts, if there is one.
    pub fn starts(&self) -> Option<Timestamp> {
        self.starts
    }

    /// Gives the last instant that counts, if there is one.
    pub fn ends(&self) -> Option<Timestamp> {
        self.ends
    }

    /// Gives the first slot whose nominal instant lies after `after`.
    pub fn next_after(&self, after: Timestamp) -> Option<Slot> {
        let first = self.starts.map(|starts| starts.checked_sub(1.nanosecond()).unwrap_or(Timestamp::MIN));
        let (nominal, note) = self.nominal_after(first.map_or(after, |first| first.max(after)))?;
        if self.ends.is_some_and(|ends| nominal > ends) {
            return None;
        }
        let delay = self.jitter.as_ref().map_or(SignedDuration::ZERO, |jitter| {
            jitter.delay(nominal, self.nominal_after(nominal).map(|(next, _)| next))
        });
        Some(Slot { nominal, start: nominal.checked_add(delay).unwrap_or(nominal), note })
    }

    /// Gives the last slot whose nominal instant lies before `before`.
    pub fn previous(&self, before: Timestamp) -> Option<Slot> {
        let until = before.checked_sub(1.nanosecond()).ok()?;
        let mut searched = before;
        let mut window = SignedDuration::from_mins(5);
        while window < FURTHEST {
            let from = before.checked_sub(window).unwrap_or(Timestamp::MIN);
            let stop = searched.checked_sub(1.nanosecond()).unwrap_or(Timestamp::MIN).min(until);
            if let Some(found) = self.slots(from, stop).last() {
                return Some(found);
            }
            if from == Timestamp::MIN || self.starts.is_some_and(|starts| from < starts) {
                return None;
            }
            // The instant itself was left out.
            searched = from.checked_add(1.nanosecond()).unwrap_or(from);
            window = window.saturating_mul(16);
        }
        None
    }

    /// Gives the slots whose nominal instants lie after `after`, and not after `until`, in order.
    pub fn slots(&self, after: Timestamp, until: Timestamp) -> Slots<'_> {
        Slots { calendar: self, after, until }
    }

    /// Says whether an instant is the nominal instant of a slot.
    pub fn has(&self, nominal: Timestamp) -> bool {
        let before = nominal.checked_sub(1.nanosecond());
        before.is_ok_and(|before| self.next_after(before).is_some_and(|slot| slot.nominal == nominal))
    }

    /// Gives the local times of the calendar that a change of the clock leaves out and that nothing makes good for.
    pub fn skipped(&self, change: &Change) -> Vec<DateTime> {
        if self.moves(change) {
            return Vec::new();
        }
        let (from, to) = (change.before.to_datetime(change.at), change.after.to_datetime(change.at));
        let first = self.cron.first_from(from);
        std::iter::successors(first, |at| self.cron.first_from(at.checked_add(1.minute()).ok()?))
            .take_while(|at| *at < to)
            .collect()
    }

    fn is_literal(&self) -> bool {
        self.dst == Dst::Literal || self.cron.follows_real_time()
    }

    /// Says whether what falls into a gap is moved to its end.
    fn moves(&self, change: &Change) -> bool {
        !self.is_literal() && change.forward() > SignedDuration::ZERO && change.forward() < DAY
    }

    /// Gives the first nominal instant after `after`, without regard to the calendar's ends.
    fn nominal_after(&self, after: Timestamp) -> Option<(Timestamp, Option<Note>)> {
        let limit = after.checked_add(FURTHEST).unwrap_or(Timestamp::MAX);
        let mut begin = after;
        let mut is_begun = false;
        while begin <= limit {
            let offset = self.zone.offset(begin);
            let change = self.zone.change_after(begin);
            let mut from = offset.to_datetime(begin);
            if !is_begun {
                from = from.checked_add(1.nanosecond()).ok()?;
            }
            if let Some(found) = self.first_within(from, offset, change.map(|change| change.at)) {
                return Some(found);
            }
            let change = change?;
            if let Some(moved) = self.moved(&change) {
                return Some(moved);
            }
            (begin, is_begun) = (change.at, true);
        }
        None
    }

    /// Gives the first match from a local time on while the offset lasts.
    fn first_within(
        &self,
        from: DateTime,
        offset: Offset,
        end: Option<Timestamp>,
    ) -> Option<(Timestamp, Option<Note>)> {
        let mut from = from;
        loop {
            let local = self.cron.first_from(from)?;
            let nominal = offset.to_timestamp(local).ok()?;
            if end.is_some_and(|end| nominal >= end) {
                return None;
            }
            let note = match self.zone.rules.to_ambiguous_timestamp(local).offset() {
                AmbiguousOffset::Fold { before, .. } => Some((before == offset, self.is_literal())),
                _ => None,
            };
            match note {
                // The second pass of a time that comes once.
                Some((false, false)) => from = local.checked_add(1.minute()).ok()?,
                Some((false, true)) => return Some((nominal, Some(Note::Second))),
                Some((true, true)) => return Some((nominal, Some(Note::First))),
                Some((true, false)) => return Some((nominal, Some(Note::Once))),
                None => return Some((nominal, None)),
            }
        }
    }

    /// Gives the slot at the end of a gap, when a match fell into it.
    fn moved(&self, change: &Change) -> Option<(Timestamp, Option<Note>)> {
        if !self.moves(change) {
            return None;
        }
        let from = self.cron.first_from(change.before.to_datetime(change.at))?;
        (from < change.after.to_datetime(change.at)).then_some((change.at, Some(Note::Moved { from })))
    }
}

/// The slots of a stretch of time, in order.
#[derive(Clone, Debug)]
pub struct Slots<'a> {
    calendar: &'a Calendar,
    after: Timestamp,
    until: Timestamp,
}

impl Iterator for Slots<'_> {
    type Item = Slot;

    fn next(&mut self) -> Option<Slot> {
        let slot = self.calendar.next_after(self.after).filter(|slot| slot.nominal <= self.until)?;
        self.after = slot.nominal;
        Some(slot)
    }
}
