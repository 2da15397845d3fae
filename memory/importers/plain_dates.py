"""Times in plain records as spreadsheets and people write them: values come in, moments come out.

ISO 8601 and numbers since 1970 say everything themselves. Of "06/05/2024 7:08 PM" the whole file decides which number is the day, as in an
export of WhatsApp; "6 May 2024" is read too.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from memory.importers.diary_dates import date_of_value
from memory.importers.export import Report, UnreadableTime, parse_time
from memory.importers.naming import moment_of
from memory.importers.whatsapp_dates import Clock, Day, Decision, Evidence, HeaderReader, decide

LONGEST = 60  # letters of a time


class WrittenTimes:
    """Reads the times of one file, once its values have told how they are written."""

    def __init__(self, values: Iterable[Any], wished: str | None) -> None:
        self._reader = HeaderReader()
        evidence, shape = Evidence(), ""
        for value in values:
            if is_time(value) or (found := self._numbers(value)) is None:
                continue
            shape = found[0].shape + found[1].shape
            if found[0] is not evidence.last:
                evidence.turn(found[0])
        self._decision: Decision | None = decide(evidence, shape, wished) if evidence.last else None

    def tell(self, report: Report) -> None:
        """Put into the report how day and month were told apart, where that was open."""
        if self._decision is None:
            return
        report.date_order = self._decision.words
        report.ambiguous_dates |= self._decision.ambiguous
        if self._decision.warning:
            report.warn(self._decision.warning)

    def read(self, value: Any) -> datetime | None:
        """A moment, None for nothing; raises UnreadableTime."""
        if is_time(value):
            return moment_of(value)
        if self._decision and (found := self._numbers(value)):
            day, clock = found
            midnight = day.dates[self._decision.place] or next((moment for moment in day.dates if moment), None)
            if midnight:
                return midnight + clock.since_midnight
        moment = date_of_value(value) if isinstance(value, str) and len(value) <= LONGEST else None
        if moment is None:
            raise UnreadableTime(str(value))
        return moment

    def _numbers(self, value: Any) -> tuple[Day, Clock] | None:
        """The day and the time of day of a text like 6/5/24 or 06.05.2024, 19:08:09."""
        if not isinstance(value, str) or len(value) > LONGEST or "\n" in value:
            return None
        for written in (value.strip(), f"{value.strip()}, 00:00"):
            found = self._reader.read(f"{written} - x: x")
            if found and found[2] == "x: x":
                return found[0], found[1]
        return None


def is_time(value: Any) -> bool:
    """Whether a value says by itself which moment it is; nothing is no time, but is none that cannot be read either."""
    try:
        parse_time(value)
    except UnreadableTime:
        return False
    return True
