"""Reads the dates of Google's activity pages: a line in the form of the account's language comes in, a moment comes out.

"Sep 2, 2026, 1:26:27 PM PDT", "02.09.2026, 13:26:27 MESZ", "2 sept. 2026, 13:26:27 UTC+02:00", "2026年9月2日 13:26:27 JST"...
"""

import re
import unicodedata
from datetime import UTC, datetime, timedelta, timezone

from memory.importers.assistants import YEARS
from memory.importers.export import Options

LONGEST_LINE = 60

# How months begin in the languages of Google's pages, accents off: English, German, French, Spanish, Italian, Portuguese, Dutch, the Nordic
# ones, Polish, Russian, Turkish and Greek.
MONTHS = (
    "jan ene gen sty янв oca ιαν", "feb fev lut фев sub φεβ", "mar maa mrt мар μαρ", "apr avr abr kwi апр nis απρ",
    "may mai mag maj mei маи мая μαι", "jun juin giu cze июн haz ιουν", "jul juil lug lip июл tem ιουλ", "aug aou ago sie авг agu αυγ",
    "sep set wrz сен eyl σεπ", "oct okt out ott paz окт eki οκτ", "nov lis ноя kas νοε", "dec dez des dic gru дек ara δεκ",
)  # fmt: skip
_MONTHS = {beginning: number for number, names in enumerate(MONTHS, 1) for beginning in names.split()}

# Minutes east of Greenwich. Names that mean two zones (IST) are left out; CST is settled by the form of the date.
ZONES = {
    "UTC": 0, "GMT": 0, "Z": 0, "WET": 0, "WEST": 60, "BST": 60, "WAT": 60, "CET": 60, "MEZ": 60, "CEST": 120, "MESZ": 120, "SAST": 120,
    "EET": 120, "OEZ": 120, "EEST": 180, "OESZ": 180, "MSK": 180, "TRT": 180, "JST": 540, "KST": 540, "AEST": 600, "AEDT": 660, "NZST": 720,
    "NZDT": 780, "BRT": -180, "EST": -300, "EDT": -240, "CDT": -300, "MST": -420, "MDT": -360, "PST": -480, "PDT": -420, "AKST": -540,
    "AKDT": -480, "HST": -600,
}  # fmt: skip
CST_AMERICA, CST_CHINA = -360, 480

_YEAR_FIRST = re.compile(r"(\d{4})\s?[年./-]\s?(\d{1,2})\s?[月./-]\s?(\d{1,2})\s?日?\.?")
_YEAR_LAST = re.compile(r"(\d{1,2})([./-])\s?(\d{1,2})[./-]\s?(\d{4})")
_NAMED = re.compile(r"(?:(\d{1,2})[\s.-]+(?:de\s+)?([^\W\d_]{3,})\.?,?[\s-]+(?:de\s+)?(\d{4})|([^\W\d_]{3,})\.?\s+(\d{1,2}),?\s+(\d{4}))")
_TIME = re.compile(r"(\d{1,2})[:.](\d{2})(?:[:.](\d{2}))?")
_AFTERNOON = re.compile(r"\bp\.?\s?m\b\.?|下午|午後|오후|μ\.\s?μ\.", re.IGNORECASE)
_MORNING = re.compile(r"\ba\.?\s?m\b\.?|上午|午前|오전|π\.\s?μ\.", re.IGNORECASE)
_OFFSET = re.compile(r"(?:UTC|GMT)\s?([+\u2212-])(\d{1,2})(?::?(\d{2}))?")
_WORD = re.compile(r"[A-Z]{1,5}\b")


def looks_like_a_moment(line: str) -> bool:
    """Whether a short line has the numbers of a date and a time, readable or not."""
    return len(line) <= LONGEST_LINE and bool(re.search(r"\d{4}", line) and re.search(r"\d{1,2}[:.]\d{2}", line))


def read_moment(line: str, options: Options) -> datetime | None:
    """The moment of a line that is nothing but a date with its time, in UTC where the zone is known; else None."""
    line = " ".join(line.split())
    if len(line) > LONGEST_LINE:
        return None
    found = _read_date(line, options)
    time = _TIME.search(line, found[1]) if found else None
    if found is None or time is None or found[2][0] not in YEARS:
        return None
    rest = line[: found[0]] + line[found[1] : time.start()] + " " + line[time.end() :]
    hour = _hour(int(time[1]), rest)
    zone, rest = _zone(_MORNING.sub(" ", _AFTERNOON.sub(" ", rest)), "年" in line)
    if len(re.findall(r"\w", rest)) > 4:  # "um", "г.", "kl": a sentence with a date in it is no date
        return None
    try:
        moment = datetime(*found[2], hour, int(time[2]), int(time[3] or 0), tzinfo=zone)
    except ValueError:
        return None
    return moment.astimezone(UTC) if zone else moment


def _read_date(line: str, options: Options) -> tuple[int, int, tuple[int, int, int]] | None:
    """Where the date stands in a line, and its year, month and day."""
    if match := _YEAR_FIRST.search(line):
        return match.start(), match.end(), (int(match[1]), int(match[2]), int(match[3]))
    if match := _YEAR_LAST.search(line):
        day, month = int(match[1]), int(match[3])
        if (month > 12 or options.date_order == "month-day-year") and match[2] != ".":
            day, month = month, day
        return match.start(), match.end(), (int(match[4]), month, day)
    for match in _NAMED.finditer(line):
        named = _month(match[2] or match[4])
        if named:
            return match.start(), match.end(), (int(match[3] or match[6]), named, int(match[1] or match[5]))
    return None


def _month(name: str) -> int | None:
    plain = "".join(letter for letter in unicodedata.normalize("NFD", name.casefold()) if not unicodedata.combining(letter))
    return next((_MONTHS[plain[:length]] for length in (4, 3) if plain[:length] in _MONTHS), None)


def _hour(hour: int, rest: str) -> int:
    if _AFTERNOON.search(rest):
        return hour % 12 + 12
    return hour % 12 if _MORNING.search(rest) and hour <= 12 else hour


def _zone(rest: str, chinese: bool) -> tuple[timezone | None, str]:
    """The zone named in what stands around date and time, and what is left of that."""
    if match := _OFFSET.search(rest):
        minutes = int(match[2]) * 60 + int(match[3] or 0)
        minutes = minutes if match[1] == "+" else -minutes
    elif (match := _WORD.search(rest)) and match[0] in ZONES:
        minutes = ZONES[match[0]]
    elif match and match[0] == "CST":
        minutes = CST_CHINA if chinese else CST_AMERICA
    else:
        return None, rest[: match.start()] + rest[match.end() :] if match else rest
    known = timezone(timedelta(minutes=minutes)) if abs(minutes) < 1440 else None
    return known, rest[: match.start()] + rest[match.end() :]
