"""Reads WhatsApp's dates: the headers of a whole file come in, the order of day and month is decided once for all.

The export is written in the phone's own format and does not say which. A value over 12 decides; else the order in which
time never (or least) runs backwards; else day first, or month first for a 12-hour clock with slashes (United States).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

DMY, MDY, YMD = "day-month-year", "month-day-year", "year-month-day"

_AFTERNOON = ("p", "오후", "下午", "午後", "晚上", "中午")


@dataclass(frozen=True)
class Stamp:
    """The numbers of one header as written; `half` is the day half ("pm", "오후") or "" on a 24-hour clock."""

    numbers: tuple[int, int, int]
    year_first: bool
    separator: str
    hour: int
    minute: int
    second: int
    half: str


def decide_order(stamps: list[Stamp]) -> tuple[str, str | None]:
    """The order of the dates' numbers, and a note when the file does not settle it."""
    if sum(stamp.year_first for stamp in stamps) * 2 > len(stamps) or any(s.numbers[0] > 31 for s in stamps):
        return YMD, None
    invalid = {order: _count_invalid(stamps, order) for order in (DMY, MDY)}
    if invalid[DMY] != invalid[MDY]:
        return min(invalid, key=lambda order: invalid[order]), None
    backwards = {order: _count_backwards(stamps, order) for order in (DMY, MDY)}
    if backwards[DMY] != backwards[MDY]:
        return min(backwards, key=lambda order: backwards[order]), None
    american = sum(bool(stamp.half) and stamp.separator == "/" for stamp in stamps) * 2 > len(stamps)
    order = MDY if american else DMY
    if all(stamp.numbers[0] == stamp.numbers[1] for stamp in stamps):
        return order, None
    return order, f"The dates fit both orders of day and month; they were read as {order}."


def read_stamp(stamp: Stamp, order: str) -> datetime | None:
    """The local time of a header, or None if the order makes no date of it."""
    first, second, third = stamp.numbers
    year, month, day = _PLACES[YMD if stamp.year_first else order](first, second, third)
    try:
        return datetime(year + 2000 if year < 100 else year, month, day, _hour(stamp), stamp.minute, stamp.second)
    except ValueError:
        return None


_PLACES: dict[str, Callable[[int, int, int], tuple[int, int, int]]] = {
    DMY: lambda first, second, third: (third, second, first),
    MDY: lambda first, second, third: (third, first, second),
    YMD: lambda first, second, third: (first, second, third),
}


def _hour(stamp: Stamp) -> int:
    if not stamp.half:
        return stamp.hour % 24
    if stamp.hour > 12:
        return stamp.hour
    return stamp.hour % 12 + 12 * stamp.half.lower().startswith(_AFTERNOON)


def _count_invalid(stamps: list[Stamp], order: str) -> int:
    return sum(read_stamp(stamp, order) is None for stamp in stamps)


def _count_backwards(stamps: list[Stamp], order: str) -> int:
    moments = [moment for moment in (read_stamp(stamp, order) for stamp in stamps) if moment]
    return sum(later < earlier for earlier, later in pairwise(moments))
