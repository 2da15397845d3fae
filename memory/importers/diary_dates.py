"""Dates as people write them above a diary entry: a line or a file name comes in, its date and what else stands there come out."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

DAY_FIRST, MONTH_FIRST = "day-month-year", "month-day-year"

# January to December in English, German, French, Spanish, Italian, Portuguese and Dutch.
_MONTHS = (
    "jan(?:uary?|uari|vier|v|eiro)?|jänner|ene(?:ro)?|gen(?:naio)?",
    "feb(?:ruary?|ruari|rero|braio)?|f[eé]v(?:rier|r|ereiro)?",
    "mar(?:ch|s|zo|ço)?|märz|mrz|maart|mrt",
    "apr(?:ile?)?|avr(?:il)?|abr(?:il)?",
    "mayo?|maio?|mei|mag(?:gio)?",
    "jun[ei]?|juin|jun[ih]o|giu(?:gno)?",
    "jul[yi]?|juil(?:let)?|jul[ih]o|lug(?:lio)?",
    "aug(?:ust(?:us)?)?|ao[uû]t|ago(?:sto)?",
    "sep(?:t|tember|tembre|tiembre)?|set(?:tembre|embro|iembre)?",
    "oct(?:ober|obre|ubre)?|okt(?:ober)?|ott(?:obre)?|out(?:ubro)?",
    "nov(?:ember|embre|iembre|embro)?",
    "d[eé]c(?:ember|embre)?|dez(?:ember|embro)?|dic(?:iembre|embre)?",
)
_WEEKDAYS = (
    "mon|tue|wed|thu|fri|sat|sun|mo|di|mi|do|fr|sa|so|lun|mar|mer|mi[eé]|jeu|jue|gio|ven|vie|sam|s[aá]b|dim|dom|seg|ter|qua|qui|sex|maa|din|"
    "woe|don|vri|zat|zon"
)
_YEAR = r"(?:19|20)\d\d"
_MONTH = rf"(?P<month>{'|'.join(_MONTHS)})\.?"
_FORMS = (
    rf"(?P<year>{_YEAR})(?P<sign>[-./])(?P<number>\d\d?)(?P=sign)(?P<day>\d\d?)(?!\d)",
    rf"(?P<day>\d\d?)(?:\.|st|nd|rd|th|er|º|°)?\s+(?:of\s+|de\s+)?{_MONTH},?\s+(?:del?\s+)?(?P<year>{_YEAR})(?!\d)",
    rf"{_MONTH}\s+(?P<day>\d\d?)(?:st|nd|rd|th)?,?\s+(?P<year>{_YEAR})(?!\d)",
    rf"(?P<day>\d\d?)\.\s?(?P<number>\d\d?)\.\s?(?P<year>{_YEAR}|\d\d)(?!\d)",
    rf"(?P<first>\d\d?)/(?P<second>\d\d?)/(?P<year>{_YEAR}|\d\d)(?!\d)",
    rf"(?P<day>\d\d?)-(?P<number>\d\d?)-(?P<year>{_YEAR})(?!\d)",
)
_WEEKDAY = rf"(?:{_WEEKDAYS})[^\W\d_]{{0,10}}(?:-feira)?\.?"
_TIME = (
    r"(?:,?\s*(?:T|at\s|um\s|à\s|a\slas\s|alle\s|às\s|om\s)?\s*(?P<hour>\d\d?)[:h.](?P<minute>\d\d)(?:[:.]\d\d)?(?![\d/])"
    r"\s?(?P<half>[ap]\.?\s?m\b\.?)?(?:\s?Uhr)?(?:\s?(?-i:Z|UTC|GMT|[A-Z]{2,4}T)\b)?(?:\s?[+-]\d\d?:?\d{0,2})?)?"
)
_BEFORE = (
    r"(?P<mark>#{1,6}\s+)?+(?!-\s)[-–—*_=~\[]{0,12}+\s*+(?:(?:date|datum|fecha|data)\s*:\s*)?+"
    rf"(?:(?P<place>[^\W\d_][\w .'’-]{{1,30}}),\s+(?:den\s+)?)??(?:{_WEEKDAY},?\s+)?(?:(?:the|den|dem|le|el)\s+)?"
)
_AFTER = rf"(?:,?\s*\(?{_WEEKDAY}\)?(?=\W|$))?{_TIME}(?P<closed>\]{{1,2}})?[*_=~]*(?P<rest>.*)"
_HEADINGS = [re.compile(rf"\s*{_BEFORE}{form}{_AFTER}", re.IGNORECASE | re.DOTALL) for form in _FORMS]
_TITLE = re.compile(r"\s*(?:[:–—|·]+|,|-{1,2}(?=\s))\s*(?P<title>.+)", re.DOTALL)
_RULE = re.compile(r"[\s\-–—=*_~#:.,)]*")
_IN_NAME = re.compile(rf"(?<!\d)({_YEAR})([-_./ ]?)(0[1-9]|1[0-2])\2(0[1-9]|[12]\d|3[01])(?!\d)")


@dataclass(frozen=True)
class Heading:
    """A line that begins an entry: its moment (naive, midnight without a time of day) and the words beside the date."""

    moment: datetime
    words: str


def read_heading(line: str, order: str = DAY_FIRST, any_rest: bool = False) -> Heading | None:
    """The heading that a line is, or None; `order` reads 3/5/2024, `any_rest` lets words follow the date without a sign between."""
    if not re.search(r"\d", line[:100]):
        return None
    for form in _HEADINGS:
        if found := form.match(line):
            words = _words(found, any_rest)
            moment = _moment(found, order)
            return Heading(moment, words) if moment and words is not None else None
    return None


def _words(found: re.Match[str], any_rest: bool) -> str | None:
    """The words beside a date; None where the line is a sentence that begins with a date."""
    rest, place = found["rest"], found["place"] or ""
    if _RULE.fullmatch(rest):
        return place
    titled = _TITLE.match(rest)
    if titled and not place:
        return titled["title"].rstrip(" \t\r\n=*_~#")
    heads = found["mark"] or found["closed"] or (found["hour"] and found.groupdict().get("sign"))
    return rest.strip(" \t]") if (heads or any_rest) and not place else None


def _moment(found: re.Match[str], order: str) -> datetime | None:
    parts = found.groupdict()
    if parts.get("first"):
        pair = (parts["first"], parts["second"])
        day, month = (int(part) for part in (pair if order == DAY_FIRST else pair[::-1]))
    else:
        day = int(parts["day"])
        month = int(parts["number"]) if parts.get("number") else _month(parts["month"])
    year = int(parts["year"]) + (2000 if len(parts["year"]) == 2 else 0)
    hour = int(parts["hour"] or 0)
    if parts["half"]:
        hour = hour % 12 + (12 if parts["half"].casefold().startswith("p") else 0)
    try:
        return datetime(year, month, day, hour, int(parts["minute"] or 0))
    except ValueError:
        return None


def _month(name: str) -> int:
    return next(number for number, letters in enumerate(_MONTHS, 1) if re.fullmatch(letters, name, re.IGNORECASE))


def slashed(line: str) -> tuple[int, int, int] | None:
    """The three numbers of a heading like 3/5/2024, whose order of day and month is open."""
    found = _HEADINGS[4].match(line) if "/" in line else None
    return (int(found["first"]), int(found["second"]), int(found["year"]) % 100) if found and _words(found, False) is not None else None


def decide_order(files: Iterable[list[tuple[int, int, int]]], wished: str | None) -> str | None:
    """How such dates are written: by a number over 12, else as is wished, else by the only order in which they run one way, else None."""
    firsts = seconds = 0
    ways: dict[str, set[bool]] = {DAY_FIRST: set(), MONTH_FIRST: set()}
    for headings in files:
        firsts += sum(first > 12 for first, _, _ in headings)
        seconds += sum(second > 12 for _, second, _ in headings)
        for (a, b, year), (c, d, next_year) in pairwise(dict.fromkeys(headings)):
            ways[DAY_FIRST].add((year, b, a) < (next_year, d, c))
            ways[MONTH_FIRST].add((year, a, b) < (next_year, c, d))
    if firsts != seconds:
        return DAY_FIRST if firsts > seconds else MONTH_FIRST
    if wished in ways:
        return wished
    runs = [order for order, seen in ways.items() if len(seen) == 1]
    return runs[0] if len(runs) == 1 else None


def date_of_name(name: str) -> datetime | None:
    """The date in the name of a file, like 2024-05-03.md, 2024/05/03.md or "3 May 2024.txt"."""
    path = re.sub(r"\.\w{1,8}$", "", name)
    if found := list(_IN_NAME.finditer(path)):
        year, _, month, day = found[-1].groups()
        try:
            return datetime(int(year), int(month), int(day))
        except ValueError:
            return None
    heading = read_heading(path.rpartition("/")[2], any_rest=True)
    return heading.moment if heading else None


def date_of_value(value: str) -> datetime | None:
    """The date of a field, ISO 8601 (in UTC if it names a zone) or written out."""
    value = value.strip().strip("\"'[]").strip()
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        heading = read_heading(value, any_rest=True)
        return heading.moment if heading else None
    if not 1900 <= moment.year < 2100:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment
