"""Prints tests/golden/slots.json: the slots of a year that src/calendar/ is held to.

    python3 -m venv venv && venv/bin/pip install croniter tzdata
    PYTHONTZPATH= venv/bin/python tests/golden/slots.py > tests/golden/slots.json

The slots come from a walk over every minute of 2026 with zoneinfo and the tzdata package (2026f, as in jiff), by a reader of cron texts
of its own: nothing of it is how src/calendar/ goes about it. Beside each set stands how croniter differs from it. It never lacks a slot.
What it has besides is of two kinds, which the test in src/calendar/tests/golden.rs holds it to:

- The end of a gap, when a time that matches lies in the gap: croniter moves every such time there. So does `dst: once`, but only for a
  fixed time of day; a time with a `*` in minute or hour follows real time (Debian's cron), and `dst: literal` moves nothing.
  One it leaves out as we do: 02:00 of `0 * * * *` in Australia/Lord_Howe, where the gap is half an hour.
- The second pass of a time that comes twice: croniter runs it both times, which `dst: once` does not for a fixed time of day.

On days without a change of the clock, and for Asia/Kolkata, croniter and the walk agree on every slot.
"""

import hashlib
import json
import sys
from datetime import datetime, timedelta, timezone
from importlib.metadata import version
from zoneinfo import ZoneInfo

from croniter import croniter

ZONES = [
    "Europe/Rome",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Havana",
    "Africa/Casablanca",
    "Asia/Kolkata",
]
CRONS = [
    "30 2 * * *",
    "0 0 * * *",
    "0 * * * *",
    "15,45 0-3 * * *",
    "0 6 * * 1-5",
    "30 0 1 * *",
    "*/30 1-2 * * *",
    "45 1 * * SUN",
    "*/20 */5 8-14 3,4,10,11 *",
    "0 9-17/2 31 JAN-DEC *",
]
START = datetime(2026, 1, 1, tzinfo=timezone.utc)
END = datetime(2027, 1, 1, tzinfo=timezone.utc)
MINUTE = timedelta(minutes=1)
NEAR = timedelta(hours=4)
NAMES = {name: str(n) for n, name in enumerate("SUN MON TUE WED THU FRI SAT".split())}
NAMES |= {name: str(n) for n, name in enumerate("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split(), 1)}


def numbers(field, low, high):
    found = set()
    for item in field.split(","):
        body, _, step = item.partition("/")
        first, _, last = body.partition("-")
        if body == "*":
            first, last = low, high
        first, last = (int(NAMES.get(str(x), x)) for x in (first, last or first))
        found |= set(range(first, last + 1, int(step or 1)))
    return found


class Text:
    def __init__(self, text):
        fields = text.split()
        bounds = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 6)]
        self.sets = [numbers(field, *bound) for field, bound in zip(fields, bounds)]
        self.wild = any(field.startswith("*") for field in fields[:2])

    def matches(self, local):
        parts = local.minute, local.hour, local.day, local.month, local.isoweekday() % 7
        return all(part in numbers for part, numbers in zip(parts, self.sets))


def minutes(zone):
    """Every minute of the year with its local time, its pass, and the local minutes that were skipped before it."""
    at, last = START, (START - MINUTE).astimezone(zone)
    while at < END:
        local = at.astimezone(zone)
        gap = (local.replace(tzinfo=None) - last.replace(tzinfo=None)) // MINUTE - 1
        skipped = [last.replace(tzinfo=None) + n * MINUTE for n in range(1, gap + 1)]
        yield at, local, skipped
        at, last = at + MINUTE, local


def changes(year):
    shifts = [local.utcoffset() for _, local, _ in year]
    return [year[n][0] for n in range(1, len(year)) if shifts[n] != shifts[n - 1]]


def walk(year, text, dst):
    by_real_time = dst == "literal" or text.wild
    for at, local, skipped in year:
        if by_real_time:
            due = text.matches(local)
        else:
            due = text.matches(local) and local.fold == 0 or any(map(text.matches, skipped))
        if due:
            yield at


def with_croniter(text, zone):
    found, it = set(), croniter(text, (START - MINUTE).astimezone(zone))
    while (at := it.get_next(datetime).astimezone(timezone.utc)) < END:
        if at >= START:
            found.add(at)
    return found


def stamp(instants):
    return [at.strftime("%Y-%m-%dT%H:%M:%SZ") for at in instants]


def digest(instants):
    return hashlib.sha256("".join(at + "\n" for at in stamp(instants)).encode()).hexdigest()


def main():
    sets, clocks = [], {}
    for name in ZONES:
        zone = ZoneInfo(name)
        year = list(minutes(zone))
        clocks[name] = changes(year)
        for text in CRONS:
            theirs = with_croniter(text, zone)
            for dst in ("once", "literal"):
                slots = list(walk(year, Text(text), dst))
                near = [at for at in slots if any(abs(at - change) <= NEAR for change in clocks[name])]
                lacks, adds = sorted(set(slots) - theirs), sorted(theirs - set(slots))
                assert all(any(abs(at - change) <= NEAR for change in clocks[name]) for at in lacks + adds), (name, text)
                croniter_differs = {"lacks": stamp(lacks), "adds": stamp(adds)}
                sets.append({"zone": name, "cron": text, "dst": dst, "count": len(slots), "sha256": digest(slots),
                             "near_changes": stamp(near), "croniter": croniter_differs})
                if lacks or adds:
                    print(name, text, dst, croniter_differs, file=sys.stderr)
    versions = {name: version(name) for name in ("croniter", "tzdata")}
    lines = ",\n".join(json.dumps(one) for one in sets)
    clocks = {name: stamp(found) for name, found in clocks.items()}
    print(f'{{"versions": {json.dumps(versions)},\n"changes": {json.dumps(clocks)},\n"sets": [\n{lines}\n]}}')


main()
