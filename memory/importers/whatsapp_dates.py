"""WhatsApp's headers: a line comes in, its day, clock and rest come out; the order of day and month is decided for a whole file.

The export is written in the phone's own format and does not say which: 12 or 24 hours, day-part words of many languages, dots, dashes or
slashes, digits of other scripts, marks of direction. Other calendars are not read: with Buddhist or Persian years messages keep no time, and
a line with a year of a Japanese era is no header here.
"""

import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache

DMY, MDY, YMD = "day-month-year", "month-day-year", "year-month-day"
ORDERS = (DMY, MDY, YMD)
FIRST_YEAR, LAST_YEAR = 2009, date.today().year + 1  # WhatsApp began in 2009; another year decides nothing
OLDEST_YEAR, NEWEST_YEAR = 1970, 2200  # beyond them the calendar is another one
MOST_KEPT = 200_000  # stamps that are remembered

MARKS = "\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069\ufeff"
BLANKS = " \t\u00a0\u2009\u202f"
_FILLERS = "à|às|at|um|a las?|alle|klo|kl\\.?|o|v|om|в|о|den|lúc|a les"
_DAY = rf"\d{{1,4}}[{MARKS}]*[./\-年년][{MARKS}{BLANKS}]*\d{{1,2}}[{MARKS}]*[./\-月월][{MARKS}{BLANKS}]*\d{{1,4}}\.?[日일]?(?: ?г\.)?"
_GLUE = rf"(?:[,،]?[{MARKS}{BLANKS}]+(?:(?:{_FILLERS})[{BLANKS}]+)?|(?<=[日일]))[{MARKS}]*"
_WORD = rf"[^\W\d_][^\s\d\[\]<>:;,/()\-–—{MARKS}]{{0,11}}"
_CLOCK = (
    rf"(?:{_WORD}[{BLANKS}]?)?\d{{1,2}}(?:[:.٫]|[{BLANKS}]?h[{BLANKS}]?)\d{{2}}(?:[:.٫]\d{{2}})?[{MARKS}]*"
    rf"(?:[{BLANKS}{MARKS}]*{_WORD}(?:[{BLANKS}]{_WORD}){{0,2}})?[{MARKS}]*"
)
_FORM = re.compile(
    rf"(?P<open>\[?[{MARKS}]*)(?P<day>{_DAY})(?P<glue>{_GLUE})(?P<clock>{_CLOCK})"
    rf"(?P<close>\][{BLANKS}]?|[{BLANKS}]+[-–—][{BLANKS}]|:[{BLANKS}])(?P<rest>.*)",
    re.IGNORECASE | re.DOTALL,
)
# Vietnamese has the time first, as has what is copied from WhatsApp Web.
_TIME_FIRST = re.compile(
    rf"(?P<open>\[?[{MARKS}]*)(?P<clock>{_CLOCK})(?P<glue>[,،]?[{MARKS}{BLANKS}]+)(?P<day>{_DAY})"
    rf"(?P<close>\][{BLANKS}]?|[{BLANKS}]+[-–—][{BLANKS}])(?P<rest>.*)",
    re.IGNORECASE | re.DOTALL,
)
_CLOCK_PARTS = re.compile(r"(\D{0,15}?)(\d\d?)([:.٫]|\s?h\s?)(\d\d)(?:[:.٫](\d\d))?(\D{0,40})", re.IGNORECASE)
_NUMBER = re.compile(r"\d+")
_NOT_IN_WORDS = re.compile(rf"[\s.'’\"״׳{MARKS}]")
_LEADING = "\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"
_STARTS = frozenset("[0123456789٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹०१२३४५६७८९০১২৩৪৫৬৭৮৯" + _LEADING)

# Day-part words without dots, blanks and quotes. "noon" and "night" span the change of the half day.
_HALVES = {
    "am": "am a ص صباحا صباحًا قظ 오전 午前 上午 早上 早晨 清晨 पूर्वाह्न सुबह לפנהצ öö sa pg de dop fm πμ am inthemorning vorm",
    "pm": "pm p م مساء مساءً بظ 오후 午後 下午 傍晚 अपराह्न शाम אחהצ ös ch ptg du odp em μμ intheafternoon intheevening nachm",
    "noon": "中午 noon",
    "night": "凌晨 晚上 午夜 半夜 深夜 atnight midnight",
    "": "h ч uhr klo hrs uur",
}
_HALF_OF = {word: half for half, words in _HALVES.items() for word in words.split()}


@dataclass(eq=False, slots=True)
class Day:
    """One day as written; `dates` holds its midnight under each of ORDERS (None where it is no date), `fits` whether it can be meant."""

    text: str
    shape: str
    dates: tuple[datetime | None, ...]
    fits: tuple[bool, ...]
    other_calendar: bool


@dataclass(eq=False, slots=True)
class Clock:
    """One time of day as written."""

    shape: str
    since_midnight: timedelta


class HeaderReader:
    """Tells which lines have the form of a header; it remembers the day read last, for most lines share it."""

    def __init__(self) -> None:
        self.days: dict[str, Day] = {}
        self.clocks: dict[str, Clock] = {}
        self.prefix, self.close = "\0", ""  # what stands before and after the clock in the header read last
        self.day: Day | None = None

    def walk(self, lines: Iterable[str]) -> Iterator[tuple[str, Day | None, Clock | None, str]]:
        """Every line with its day, its clock and what follows; a line that is no header has no day."""
        prefix, close, cut, day, clocks = "\0", "", 1, None, self.clocks
        for line in lines:
            if line.startswith(prefix):
                head, closed, rest = line.partition(close)
                clock = clocks.get(head[cut:])
                if clock is not None and closed:
                    yield line, day, clock, rest
                    continue
            elif line[:1] not in _STARTS:
                yield line, None, None, ""
                continue
            found = self.read(line)
            if found is None:
                yield line, None, None, ""
            else:
                day, clock, rest = found
                prefix, close, cut = self.prefix, self.close, len(self.prefix)
                yield line, day, clock, rest

    def read(self, line: str) -> tuple[Day, Clock, str] | None:
        """(day, clock, what follows), or None for a line that is no header."""
        if line[:1] in _LEADING:
            line = line.lstrip(_LEADING)
        if self.day is not None and line.startswith(self.prefix):
            head, closed, rest = line.partition(self.close)
            text = head[len(self.prefix) :]
            if closed and (clock := self.clocks.get(text) or self._new_clock(text)):
                return self.day, clock, rest
        return self._read_anew(line) if line[:1] in _STARTS else None

    def _read_anew(self, line: str) -> tuple[Day, Clock, str] | None:
        match = _FORM.match(line) or _TIME_FIRST.match(line)
        if match is None or ("[" in match["open"]) != match["close"].startswith("]"):
            return None
        time_first = match.start("clock") < match.start("day")
        prefix = "\0" + line[match.end("clock") : match.start("close")] if time_first else line[: match.start("clock")]
        clock = self.clocks.get(match["clock"]) or self._new_clock(match["clock"])
        day = self.days.get(prefix + match["close"])
        if day is None:
            _make_room(self.days)
            day = self.days[prefix + match["close"]] = _read_day(match)
        if clock is None or not (any(day.dates) or day.other_calendar):
            return None
        self.prefix, self.close, self.day = prefix, match["close"], day
        return day, clock, match["rest"]

    def _new_clock(self, text: str) -> Clock | None:
        """None where a word beside the numbers is no part of the day in any language known here."""
        match = _CLOCK_PARTS.fullmatch(text)
        if match is None:
            return None
        hour, minute, second = int(match[2]), int(match[4]), int(match[5] or 0)
        before, after = _half(match[1]), _half(match[6])
        if before is None or after is None or hour > 24 or minute > 59 or second > 59:
            return None
        shape = f"{before and 'half ' + _style(match[1])}0{match[3] * (2 if match[5] else 1)}{after and ' half ' + _style(match[6])}"
        _make_room(self.clocks)
        clock = self.clocks[text] = Clock(sys.intern(shape), timedelta(0, _hour(hour, before or after) * 3600 + minute * 60 + second))
        return clock


@dataclass
class Evidence:
    """What the days of one shape of header say about their order, counted where the day changes."""

    impossible: list[int] = field(default_factory=lambda: [0, 0, 0])  # under each of ORDERS
    backwards: list[int] = field(default_factory=lambda: [0, 0, 0])
    files: Counter[int] = field(default_factory=Counter)  # orders that agree with a date in the name of an attached file
    open: int = 0  # days that are another one in the other order
    samples: dict[int, str] = field(default_factory=dict)
    last: Day | None = None

    def turn(self, day: Day) -> None:
        """Another day than that of the header before."""
        for place, fits in enumerate(day.fits):
            if not fits:
                self.impossible[place] += 1
                self.samples.setdefault(place, day.text)
            elif self.last and (before := self.last.dates[place]):
                self.backwards[place] += day.dates[place] < before  # type: ignore[operator]
        self.open += day.dates[0] != day.dates[1]
        self.last = day

    def likely(self) -> list[int]:
        """The orders in which the fewest days are impossible; the year first only where nothing else will do."""
        least = min(self.impossible[:2])
        return [2] if self.impossible[2] < least else [place for place in (0, 1) if self.impossible[place] == least]

    def attached(self, day: Day, named: date) -> None:
        """A file that bears its date in its name came that day."""
        fitting = [place for place in (0, 1) if (moment := day.dates[place]) and moment.date() == named]
        if len(fitting) == 1:
            self.files[fitting[0]] += 1


@dataclass(frozen=True)
class Decision:
    """The order of the dates' numbers (a place in ORDERS), how it was found in words, and whether both orders fit."""

    place: int
    words: str
    ambiguous: bool = False
    warning: str | None = None


def decide(evidence: Evidence, shape: str, asked: str | None) -> Decision:
    """A day over 12 decides; then the order in which time runs backwards less often; then the dates in the names of attached files; dates
    with dots are nowhere written month first. Else both orders fit, and only what the person says (`asked`) is better than a guess."""
    cannot, back, files = evidence.impossible, evidence.backwards, evidence.files
    if evidence.likely() == [2]:
        return Decision(2, f"{YMD} (as written)")
    wish = ORDERS.index(asked) if asked in (DMY, MDY) else None
    if cannot[0] != cannot[1]:
        place = 0 if cannot[0] < cannot[1] else 1
        sample, warning = evidence.samples[1 - place], None
        if wish == 1 - place:
            warning = f"The dates do not fit {asked} ({sample}): they were read as {ORDERS[place]}."
        return Decision(place, f"{ORDERS[place]} ({sample} can only be read so)", warning=warning)
    if wish is not None:
        return Decision(wish, f"{asked} (as asked for)")
    if back[0] != back[1]:
        place = 0 if back[0] < back[1] else 1
        return Decision(place, f"{ORDERS[place]} (the other order runs backwards in time)")
    if files[0] != files[1]:
        place = 0 if files[0] > files[1] else 1
        return Decision(place, f"{ORDERS[place]} (the names of attached files say so)")
    if "." in shape:
        return Decision(0, f"{DMY} (dates with dots are nowhere written month first)")
    if not evidence.open:
        return Decision(0, f"{DMY} (both orders give the same days)")
    place = 1 if "/" in shape and "half" in shape else 0  # a 12-hour clock with slashes: most likely the United States
    return Decision(place, f"{ORDERS[place]} (a guess: the dates fit both orders of day and month)", ambiguous=True)


def _read_day(match: re.Match[str]) -> Day:
    text = re.sub(f"[{MARKS}]", "", match["day"])
    first, second, third = (int(number) for number in _NUMBER.findall(text))
    digits = len(_NUMBER.findall(text)[0])
    year_is_first = digits > 2
    years_first, years_last = _date(first, second, third), (_date(third, second, first), _date(third, first, second))
    dates = (None, None, years_first) if year_is_first else (*years_last, years_first if third < 100 else None)
    year = first if year_is_first else third
    parts = (
        (match["open"], text, match["glue"], "\0")
        if match.start("day") < match.start("clock")
        else (match["open"], "\0", match["glue"], text)
    )
    written = "".join(parts) + match["close"]
    # How it is written: numbers as 0 or 0000 of their script, every blank the same, no marks.
    shape = _NUMBER.sub(_zeros, re.sub(f"[{MARKS}]", "", written))
    shape = re.sub(f"[{BLANKS}]+", " ", shape).replace("—", "-").replace("–", "-")
    fits = tuple(moment is not None and FIRST_YEAR <= moment.year <= LAST_YEAR for moment in dates)
    if not any(fits):
        fits = tuple(moment is not None for moment in dates)
    return Day(text.strip(), sys.intern(shape), dates, fits, year >= 100 and not OLDEST_YEAR <= year <= NEWEST_YEAR)


def _zeros(number: re.Match[str]) -> str:
    return chr(ord(number[0][0]) - int(number[0][0])) * (4 if len(number[0]) > 2 else 1)


def _date(year: int, month: int, day: int) -> datetime | None:
    try:
        moment = datetime(year + 2000 if year < 100 else year, month, day)
    except ValueError:
        return None
    return moment if OLDEST_YEAR <= moment.year <= NEWEST_YEAR else None


@lru_cache(1000)
def _half(words: str) -> str | None:
    """The part of the day that words beside a clock name, "" for none and for words that do not matter; None for unknown words."""
    return _HALF_OF.get(_NOT_IN_WORDS.sub("", words).casefold() or "h")


@lru_cache(1000)
def _style(words: str) -> str:
    """How the part of the day is written, the same for both halves: an export mixes neither "pm" and "p. m." nor two languages."""
    written = re.sub(rf"[{BLANKS}{MARKS}]+", " ", words).strip().casefold()
    if written.isascii():
        return written.replace("p", "a")
    return "中" if "\u4e00" <= written[0] <= "\u9fff" else str(ord(written[0]) >> 7)


def _hour(hour: int, half: str) -> int:
    if not half or hour > 12:
        return hour % 24
    if half == "noon":
        return hour if hour > 9 else hour + 12
    if half == "night":
        return hour % 12 if hour % 12 < 6 else hour + 12
    return hour % 12 + 12 * (half == "pm")


def _make_room(kept: dict[str, Day] | dict[str, Clock]) -> None:
    if len(kept) >= MOST_KEPT:
        kept.clear()
