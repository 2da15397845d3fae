"""The first reading of a WhatsApp export: a text comes in; how its headers are written, what tells day from month, and who speaks come out.

Counts are kept, never the headers: memory depends on the number of people and days, not on that of messages.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime

from memory.importers.sources import Source
from memory.importers.whatsapp_dates import BLANKS, MARKS, Clock, Day, Decision, Evidence, HeaderReader, decide
from memory.importers.whatsapp_notices import Habits, is_notice, is_notice_sender, is_opening

MOST_PEOPLE = 20_000  # a group has at most some thousands
HEARD, HEARD_OF_NOTICE = 3, 5  # so many headers make a person of a sender that is doubtful otherwise
AROUND = "\u200e\u200f\ufeff "  # a line may stand between these
_FILE_DATE = re.compile(r"-(\d{4})-(\d\d)-(\d\d)-\d\d-\d\d-\d\d\.|[A-Z]{3}-(\d{4})(\d\d)(\d\d)-WA\d{4}")


@dataclass(slots=True)
class _Person:
    """A sender: how often it was met, and what all its texts began with ("Ana" of a contact named "Ana: mum"). On an iPhone the group itself
    is one, whose texts are all notices (`own`), the first that on encryption."""

    count: int
    second: str | None
    own: bool = False

    def meet(self, text: str) -> None:
        """One more text."""
        self.count += 1
        if self.second is not None and not text.startswith(self.second):
            self.second = None
        if self.own and not is_notice(text.strip(AROUND)):
            self.own = False


@dataclass
class _Shape:
    """What the first reading learns of the headers that are written in one way."""

    name: tuple[str, str]
    count: int = 0
    evidence: Evidence = field(default_factory=Evidence)
    people: dict[str, _Person] = field(default_factory=dict)
    waiting: dict[str, tuple[_Person, Day, Clock, tuple[Day, Clock] | None]] = field(default_factory=dict)
    notices: dict[str, _Person] = field(default_factory=dict)  # what looks like a notice with a colon in it
    before: tuple[Day, Clock] | None = None  # the last header of a known person
    latest: tuple[Day, Clock] | None = None  # the last of anyone

    def add(self, day: Day, clock: Clock, rest: str) -> None:
        """Count a header."""
        self.count += 1
        if day is not self.evidence.last:
            self.evidence.turn(day)
        sender, colon, text = rest.partition(": ")
        if not colon:
            if not rest.endswith(":"):
                return
            sender = rest[:-1]
        person = self.people.get(sender)
        if person is None:
            self._hear(sender, text, day, clock)
            return
        person.meet(text)
        if self.waiting:
            self._weigh((day, clock))
        self.before = self.latest = day, clock

    def _hear(self, sender: str, text: str, day: Day, clock: Clock) -> None:
        """Someone new: a person if the time fits that of the known people around, or if heard again and again."""
        notice = is_notice_sender(sender)
        person = (
            self.notices.get(sender)
            or self.waiting.get(sender, (None,))[0]
            or _Person(0, _second_part(text), not self.people and is_opening(text))
        )
        person.meet(text)
        self.latest = day, clock
        if (not self.people and not notice) or person.count >= (HEARD_OF_NOTICE if notice else HEARD):
            self.waiting.pop(sender, None)
            self.people[sender] = person
            self.before = self.latest
        elif len(self.people) + len(self.waiting) + len(self.notices) >= MOST_PEOPLE:
            return
        elif notice:
            self.notices[sender] = person
        else:
            self.waiting[sender] = (person, day, clock, self.before)

    def _weigh(self, after: tuple[Day, Clock] | None) -> None:
        """A known person speaks: those who came since are people if their time lies between, in an order of the dates that is possible."""
        places = self.evidence.likely()
        for sender, (person, day, clock, before) in self.waiting.items():
            if not all(_is_outlier(before, (day, clock), after, place) for place in places):
                self.people[sender] = person
        self.waiting.clear()

    def close(self) -> None:
        """The end of the text: the last header is what those who still wait are weighed by."""
        self._weigh(self.latest)


@dataclass
class Survey:
    """What the first reading found: the header shapes that count, the order of their dates, names by sender as written."""

    shapes: dict[tuple[str, str], Decision]
    people: dict[str, tuple[str, str]]  # the name ("" for a group), and what of it stands after the first colon
    habits: set[str]
    with_media: bool

    @property
    def places(self) -> dict[tuple[str, str], int]:
        return {shape: decision.place for shape, decision in self.shapes.items()}

    @property
    def names(self) -> set[str]:
        return {name for name, _ in self.people.values() if name}


def survey_headers(source: Source, reader: HeaderReader, asked: str | None) -> Survey:
    """The first reading."""
    shapes: dict[tuple[str, str], _Shape] = {}
    shape, first, with_media, habits = _Shape(("", "")), None, False, Habits()
    for line, day, clock, rest in reader.walk(source.lines()):
        if line[-1:] == ">":
            habits.note(line)
        if day is None or clock is None:
            if first is None and line.strip("\ufeff \t"):
                first = ("", "")
            continue
        if day.shape is not shape.name[0] or clock.shape is not shape.name[1]:
            name = day.shape, clock.shape
            shape = shapes.get(name) or shapes.setdefault(name, _Shape(name))
            first = first or name
        shape.add(day, clock, rest)
        if ("-WA" in rest or "-20" in rest) and (dated := _FILE_DATE.search(rest)):
            with_media = True
            year, month, number = (int(part) for part in dated.groups() if part)
            if year and 0 < month < 13 and 0 < number < 29:
                shape.evidence.attached(day, datetime(year, month, number).date())
    for each in shapes.values():
        each.close()
    kept = _true_shapes(shapes, first)
    people: dict[str, tuple[str, str]] = {}
    for each in kept:
        for sender, person in each.people.items():
            second = person.second if person.second and person.count >= HEARD else ""
            is_group = person.own and each.name[0][0] == "["
            people.setdefault(sender, ("" if is_group else _tidy(f"{sender}: {second[:-1]}" if second else sender), second))
    decisions = {each.name: decide(each.evidence, each.name[0] + each.name[1], asked) for each in kept}
    return Survey(decisions, people, habits.words(), with_media)


def _true_shapes(shapes: dict[tuple[str, str], _Shape], first: tuple[str, str] | None) -> list[_Shape]:
    """An export writes all its headers in one way: that of its first line, if it is no rarity, else the most frequent one. A further way with
    many headers is that of another export in the same file."""
    if not shapes:
        return []
    total = sum(shape.count for shape in shapes.values())
    main = max(shapes.values(), key=lambda shape: shape.count)
    if first in shapes and shapes[first].count * 10 >= total:  # type: ignore[index]
        main = shapes[first]  # type: ignore[index]
    return [main, *(shape for shape in shapes.values() if shape is not main and shape.count >= 50 and shape.count * 10 >= total)]


def _is_outlier(before: tuple[Day, Clock] | None, here: tuple[Day, Clock], after: tuple[Day, Clock] | None, place: int) -> bool:
    """Whether a header's time lies outside of its neighbours', while those are in order without it."""
    moments = []
    for header in (before, here, after):
        midnight = header[0].dates[place] if header else None
        if header is None or midnight is None:
            return False
        moments.append(midnight + header[1].since_midnight)
    return moments[0] <= moments[2] and not moments[0] <= moments[1] <= moments[2]


def _second_part(text: str) -> str | None:
    """What may belong to the name of the sender, if all its texts begin so: up to a further colon."""
    match = re.match(r"[^:]{1,40}:(?= |$)", text)
    return match[0] if match else None


def _tidy(sender: str) -> str:
    """The name without direction marks and the tilde that WhatsApp sets before people who are not in the contacts."""
    return re.sub(rf"^~[{BLANKS}]*", "", re.sub(f"[{MARKS}]", "", sender)).strip()
